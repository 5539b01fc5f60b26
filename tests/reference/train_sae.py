#!/usr/bin/env python3
"""Train the demo's sparse autoencoders: a ReLU SAE after each block of the model, in the dictionary_learning layout.

    f = ReLU(W_e (x - b) + b_e),  xhat = W_d f + b,  unit columns in W_d

The loss of a token is |x - xhat|^2 + weight * eps * sum log(1 + f / eps): a penalty that presses small activations to
zero and leaves large ones alone, so that sparsity costs little magnitude (L1 shrinks both). eps falls during training;
`weight` is steered until the mean L0 is the wanted one. Residual streams are computed once and kept in memory as F16
(2.4 GB for six sites of width 128 with the default number of windows).

Writes OUT/resid_out_layerN/{ae.pt, config.json}, float32. evaluate_demo.py measures the result. One thread and a seed:
the same machine gives the same files. Needs torch, transformers and tokenizers; about 4 minutes a site on one core.
"""
import argparse
import json
import math
import os
import sys
import time
from collections import OrderedDict

import torch
from tokenizers import Tokenizer
from transformers import GPTNeoXForCausalLM

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from train_model import read_plain, split_tokens

LENGTH = 64                      # tokens of a window
BATCH = 1024                     # tokens of a step
PEAK_LR, WARMUP, DECAY = 4e-3, 100, 0.5
BETA1, BETA2 = 0.9, 0.99
EPS_START, EPS_END, EPS_UNTIL = 2.0, 0.15, 0.7
WEIGHT_START, WEIGHT_FROM = 3.0, 50
RESAMPLE_EVERY, RESAMPLE_UNTIL, RESAMPLE_RATE = 500, 0.6, 2e-5
EXACT_FROM = 0.85                # last part of training: float32 products instead of bfloat16


class ResidualReader:
    """The residual stream after each block of a GPT-NeoX model."""

    def __init__(self, path):
        self.model = GPTNeoXForCausalLM.from_pretrained(path, dtype=torch.float32).eval()
        self.width = self.model.config.hidden_size
        self.layers = self.model.config.num_hidden_layers
        self.seen = {}
        for k, block in enumerate(self.model.gpt_neox.layers):
            block.register_forward_hook(lambda module, args, out, k=k: self.keep(k, out))

    def keep(self, k, out):
        self.seen[k] = out[0] if isinstance(out, tuple) else out

    @torch.no_grad()
    def read(self, windows, dtype=torch.float16):
        """windows [W, T] of token ids -> list over layers of [W * T, D]."""
        streams = [[] for _ in range(self.layers)]
        for part in windows.split(64):
            self.model.gpt_neox(part)
            for k in range(self.layers):
                streams[k].append(self.seen[k].reshape(-1, self.width).to(dtype))
        return [torch.cat(parts) for parts in streams]


class Adam:
    """Adam whose moments can be cleared row by row, for features that start anew."""

    def __init__(self, params):
        self.params = params
        self.mean = [torch.zeros_like(p) for p in params]
        self.square = [torch.zeros_like(p) for p in params]
        self.steps = 0

    def step(self, grads, lr):
        self.steps += 1
        for p, g, m, v in zip(self.params, grads, self.mean, self.square):
            m.lerp_(g, 1 - BETA1)
            v.lerp_(g * g, 1 - BETA2)
            root = (v / (1 - BETA2 ** self.steps)).sqrt_().add_(1e-12)
            p.addcdiv_(m / (1 - BETA1 ** self.steps), root, value=-lr)

    def forget(self, index, rows):
        self.mean[index][rows] = 0
        self.square[index][rows] = 0


class Sae:
    """Encoder [F, D], encoder_bias [F], decoder [F, D] (rows of norm one: the columns of W_d), bias [D]."""

    def __init__(self, width, features):
        rows = torch.randn(features, width)
        self.decoder = rows / rows.norm(dim=1, keepdim=True)
        self.encoder = self.decoder.clone()
        self.encoder_bias = torch.zeros(features)
        self.bias = torch.zeros(width)

    def params(self):
        return [self.encoder, self.encoder_bias, self.decoder, self.bias]

    def gradients(self, x, weight, eps, dtype):
        """Gradients of the mean loss over x [B, D], the residual xhat - x, and how often each feature fired."""
        scale = 1 / len(x)
        centred = x - self.bias
        low, encoder, decoder = centred.to(dtype), self.encoder.to(dtype), self.decoder.to(dtype)
        f = torch.addmm(self.encoder_bias.to(dtype), low, encoder.t()).relu_()
        active = f > 0
        rest = (f @ decoder).float() - centred
        grad_out = rest * (2 * scale)
        low_out = grad_out.to(dtype)
        grad_f = (low_out @ decoder.t() + (weight * scale * eps) / (f + eps)) * active
        grad_encoder = (grad_f.t() @ low).float()
        grad_encoder_bias = grad_f.float().sum(0)
        grad_decoder = (f.t() @ low_out).float()
        grad_decoder -= (grad_decoder * self.decoder).sum(1, keepdim=True) * self.decoder
        grad_bias = grad_out.sum(0) - grad_encoder_bias @ self.encoder
        return [grad_encoder, grad_encoder_bias, grad_decoder, grad_bias], rest, active.sum(0)

    def normalise(self):
        self.decoder /= self.decoder.norm(dim=1, keepdim=True)

    def restart(self, features, rest, adam):
        """Point features that never fire at inputs that are badly explained."""
        if len(features) == 0:
            return
        picked = torch.multinomial(rest.pow(2).sum(1), len(features), replacement=True)
        rows = -rest[picked] / rest[picked].norm(dim=1, keepdim=True)
        self.decoder[features] = rows
        self.encoder[features] = rows * self.encoder.norm(dim=1).median() * 0.5
        self.encoder_bias[features] = 0
        for index in range(3):
            adam.forget(index, features)

    def state(self, mean, scale):
        """State dict for inputs mean + scale * x: f and the biases carry the scale, the weights do not."""
        return OrderedDict([("bias", mean + scale * self.bias), ("encoder.weight", self.encoder.clone()),
                            ("encoder.bias", scale * self.encoder_bias),
                            ("decoder.weight", self.decoder.t().contiguous())])


class Batches:
    """Endless random batches of rows [BATCH, D], standardised: mean zero, mean norm sqrt(D)."""

    def __init__(self, stream):
        self.stream = stream
        self.mean = stream.float().mean(0)
        self.scale = (stream[:65536].float() - self.mean).norm(dim=1).mean() / math.sqrt(stream.shape[1])
        self.order, self.at = None, len(stream)

    def next(self):
        if self.at + BATCH > len(self.stream):
            self.order, self.at = torch.randperm(len(self.stream)), 0
        rows = self.order[self.at:self.at + BATCH]
        self.at += BATCH
        return (self.stream[rows].float() - self.mean) / self.scale


def train_site(stream, features, steps, l0, name):
    """Train one SAE on stream [N, D]; returns its state dict and the final penalty weight."""
    batches = Batches(stream)
    sae = Sae(stream.shape[1], features)
    adam = Adam(sae.params())
    weight, fired, start = WEIGHT_START, torch.zeros(features), time.time()
    for step in range(steps):
        done = step / steps
        lr = PEAK_LR * min(1, (step + 1) / WARMUP) * min(1, (1 - done) / DECAY)
        eps = EPS_START * (EPS_END / EPS_START) ** min(1, done / EPS_UNTIL)
        dtype = torch.bfloat16 if done < EXACT_FROM else torch.float32
        x = batches.next()
        grads, rest, counts = sae.gradients(x, weight, eps, dtype)
        adam.step(grads, lr)
        sae.normalise()
        fired += counts
        found = counts.sum().item() / BATCH
        if step > WEIGHT_FROM:
            weight *= 1 + 0.01 * max(-1, min(1, 3 * (found - l0) / l0))
        if step % RESAMPLE_EVERY == RESAMPLE_EVERY - 1 and done < RESAMPLE_UNTIL:
            dead = (fired < RESAMPLE_EVERY * BATCH * RESAMPLE_RATE).nonzero()[:, 0]
            sae.restart(dead, rest, adam)
            fired.zero_()
        if step % 1000 == 999:
            explained = 1 - rest.pow(2).sum().item() / x.sub(x.mean(0)).pow(2).sum().item()
            print(f"{name} step {step + 1}: L0 {found:.1f}, explained variance {explained:.3f}, "
                  f"weight {weight:.3f}, {time.time() - start:.0f} s", flush=True)
    return sae.state(batches.mean, batches.scale), weight


def save(out, name, state, layer, weight, args):
    folder = os.path.join(out, name)
    os.makedirs(folder, exist_ok=True)
    torch.save(state, os.path.join(folder, "ae.pt"))
    features, width = state["encoder.weight"].shape
    trainer = {"dict_class": "AutoEncoder", "trainer_class": "LogPenaltyTrainer", "activation_dim": width,
               "dict_size": features, "lr": PEAK_LR, "sparsity_penalty": round(weight, 5),
               "sparsity_function": "eps * log(1 + f / eps)", "eps_start": EPS_START, "eps_end": EPS_END,
               "target_l0": args.l0, "warmup_steps": WARMUP, "decay_start": round((1 - DECAY) * args.steps),
               "resample_steps": RESAMPLE_EVERY, "steps": args.steps, "seed": args.seed, "device": "cpu",
               "layer": layer, "lm_name": "lightcone-demo", "wandb_name": "", "submodule_name": name}
    buffer = {"d_submodule": width, "io": "out", "n_ctxs": args.windows, "ctx_len": LENGTH,
              "refresh_batch_size": 64, "out_batch_size": BATCH, "device": "cpu"}
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as file:
        json.dump({"trainer": trainer, "buffer": buffer}, file, indent=1)
        file.write("\n")


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", metavar="MODEL", help="folder of the model and its tokenizer.json")
    parser.add_argument("text", metavar="TEXT", help="training text, UTF-8, as for train_model.py")
    parser.add_argument("out", metavar="OUT", help="folder to write")
    parser.add_argument("--features", type=int, default=1024, help="features of each SAE (default %(default)s)")
    parser.add_argument("--l0", type=float, default=36, help="wanted mean L0 (default %(default)s)")
    parser.add_argument("--steps", type=int, default=10000, help="steps for each site (default %(default)s)")
    parser.add_argument("--windows", type=int, default=24576, help="windows of 64 tokens used (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="default %(default)s")
    parser.add_argument("--layers", type=int, nargs="*", help="only these sites (default all)")
    return parser.parse_args()


def main():
    args = parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    reader = ResidualReader(args.model)
    tokenizer = Tokenizer.from_file(os.path.join(args.model, "tokenizer.json"))
    ids, _ = split_tokens(read_plain(args.text), tokenizer)
    windows = ids[:len(ids) // LENGTH * LENGTH].view(-1, LENGTH)
    streams = reader.read(windows[torch.randperm(len(windows))[:args.windows]])
    for layer in args.layers or range(reader.layers):
        name = f"resid_out_layer{layer}"
        torch.manual_seed(args.seed * 1000 + layer)       # a site's result does not depend on the others
        state, weight = train_site(streams[layer], args.features, args.steps, args.l0, name)
        save(args.out, name, state, layer, weight, args)


if __name__ == "__main__":
    main()
