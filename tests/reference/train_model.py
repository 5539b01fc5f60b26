#!/usr/bin/env python3
"""Train the demo's language model: a small GPT-NeoX with its own byte-level BPE tokenizer, in the Hugging Face layout.

TEXT is WikiText-like; its tokenisation of punctuation (" @-@ ", " , ") is undone first, so that the model reads plain
prose. The last 200,000 tokens are held out. Writes OUT/{config.json, model-*.safetensors (F16, several shards),
model.safetensors.index.json, tokenizer.json, train.log}. Needs torch, transformers and tokenizers; about 35 minutes
on two cores with the default number of steps.
"""
import argparse
import math
import os
import re
import time

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

VOCAB, WIDTH, LAYERS, HEADS, LENGTH, BATCH = 4096, 128, 6, 4, 128, 64
PEAK_LR, HELD_OUT = 3e-3, 200_000


def plain(text):
    """Undo WikiText's tokenisation of punctuation."""
    text = re.sub(r" @([-,.])@ ", r"\1", text)
    text = re.sub(r" ([,.;:!?%)\]])", r"\1", text)
    text = re.sub(r"([(\[$£]) ", r"\1", text)
    text = re.sub(r" ('s|n't|'re|'ve|'ll|'d|'m)\b", r"\1", text)
    text = re.sub(r'" ([^"\n]*?) "', r'"\1"', text)
    return re.sub(r" – ", "–", text)


def read_plain(path):
    with open(path, encoding="utf-8") as file:
        return plain(file.read())


def split_tokens(text, tokenizer):
    """Token ids of the text, line by line: (training tokens [n], held-out tokens [200000])."""
    lines = text.split("\n")
    ids = torch.tensor([i for line in lines for i in tokenizer.encode(line + "\n").ids], dtype=torch.int64)
    return ids[:-HELD_OUT], ids[-HELD_OUT:]


def train_tokenizer(text, path):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=VOCAB, special_tokens=["<|endoftext|>"],
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator((text[i:i + 100000] for i in range(0, len(text), 100000)), trainer)
    tokenizer.save(path)
    return tokenizer


def new_model():
    return GPTNeoXForCausalLM(GPTNeoXConfig(
        vocab_size=VOCAB, hidden_size=WIDTH, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
        intermediate_size=4 * WIDTH, rotary_pct=0.25, max_position_embeddings=512, bos_token_id=0, eos_token_id=0))


def new_optimizer(model):
    """AdamW; weight decay on matrices only."""
    matrices = [p for p in model.parameters() if p.ndim == 2]
    vectors = [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=PEAK_LR, betas=(0.9, 0.95))


def learning_rate(step, steps):
    """Linear warm-up over 200 steps, then a cosine down to a twentieth."""
    cosine = 0.5 * (1 + math.cos(math.pi * step / steps))
    return PEAK_LR * min(1, (step + 1) / 200) * (0.05 + 0.95 * cosine)


@torch.no_grad()
def mean_loss(model, ids, length=LENGTH):
    """Mean next-token loss in nats over consecutive windows of `length` tokens."""
    model.eval()
    windows = ids[:len(ids) // length * length].view(-1, length)
    total = sum(model(x, labels=x).loss.item() * len(x) for x in windows.split(64))
    model.train()
    return total / len(windows)


def train(model, ids, held, steps, seed, log):
    optimizer = new_optimizer(model)
    draws = torch.Generator().manual_seed(seed)
    start = time.time()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, steps)
        at = torch.randint(0, len(ids) - LENGTH, (BATCH,), generator=draws)
        x = torch.stack([ids[i:i + LENGTH] for i in at])
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = model(x, labels=x).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 500 == 499 or step == steps - 1:
            print(f"step {step + 1} loss {loss.item():.3f} held-out {mean_loss(model, held):.3f} "
                  f"{time.time() - start:.0f} s", file=log, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", metavar="TEXT", help="training text, UTF-8")
    parser.add_argument("out", metavar="OUT", help="folder to write")
    parser.add_argument("--steps", type=int, default=2400, help="optimiser steps (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="default %(default)s")
    args = parser.parse_args()
    os.makedirs(args.out, exist_ok=True)
    torch.manual_seed(args.seed)
    text = read_plain(args.text)
    ids, held = split_tokens(text, train_tokenizer(text, os.path.join(args.out, "tokenizer.json")))
    model = new_model()
    with open(os.path.join(args.out, "train.log"), "w", encoding="utf-8") as log:
        print(f"tokens {len(ids)}, held out {len(held)}, "
              f"parameters {sum(p.numel() for p in model.parameters())}", file=log, flush=True)
        train(model, ids, held, args.steps, args.seed, log)
    model.to(torch.float16).save_pretrained(args.out, max_shard_size="1900KB")


if __name__ == "__main__":
    main()
