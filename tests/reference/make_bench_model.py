"""Make a random model of the Pythia-70m shape and six SAEs of 32768 features, for measuring speed.

    make_bench_model.py OUT --tokenizer tokenizer.json [--seed 1]

OUT/model/{config.json,model.safetensors,tokenizer.json}, OUT/sae/resid_out_layerN/{ae.pt,config.json}.
Encoders are scaled so that a token has about 27 features above 0.2 and 46 above 0 at every site.
"""
import argparse
import json
import shutil
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

import fused

WIDTH, LAYERS, HEADS, INNER, VOCAB, FEATURES = 512, 6, 8, 2048, 50304, 32768
REAL_TOKENS = 50254     # ids from here on are padding of the embedding
ABOVE_THRESHOLD, ABOVE_ZERO, THRESHOLD = 27, 46, 0.2
WINDOWS, LENGTH, FIRST = 48, 64, 32     # tuned on positions FIRST to LENGTH - 1

CONFIG = {
    "architectures": ["GPTNeoXForCausalLM"], "attention_bias": True, "bos_token_id": 0, "eos_token_id": 0,
    "hidden_act": "gelu", "hidden_size": WIDTH, "initializer_range": 0.02, "intermediate_size": INNER,
    "layer_norm_eps": 1e-05, "max_position_embeddings": 2048, "model_type": "gpt_neox",
    "num_attention_heads": HEADS, "num_hidden_layers": LAYERS, "rotary_emb_base": 10000, "rotary_pct": 0.25,
    "tie_word_embeddings": False, "torch_dtype": "float16", "use_cache": True, "use_parallel_residual": True,
    "vocab_size": VOCAB,
}


def draw(generator, *shape, scale=1.0):
    return torch.randn(*shape, generator=generator) * scale


def make_weights(generator):
    weights = {"gpt_neox.embed_in.weight": draw(generator, VOCAB, WIDTH)}
    norms = ["gpt_neox.final_layer_norm"]
    for layer in range(LAYERS):
        at = f"gpt_neox.layers.{layer}."
        norms += [at + "input_layernorm", at + "post_attention_layernorm"]
        qkv = draw(generator, HEADS, 3, WIDTH // HEADS, WIDTH, scale=WIDTH ** -0.5)
        qkv[:, :2] *= 3.0   # sharp attention: y keeps its size over the positions
        weights[at + "attention.query_key_value.weight"] = qkv.reshape(3 * WIDTH, WIDTH)
        weights[at + "attention.query_key_value.bias"] = draw(generator, 3 * WIDTH, scale=0.1)
        weights[at + "attention.dense.weight"] = draw(generator, WIDTH, WIDTH, scale=0.3 * WIDTH ** -0.5)
        weights[at + "attention.dense.bias"] = draw(generator, WIDTH, scale=0.02)
        weights[at + "mlp.dense_h_to_4h.weight"] = draw(generator, INNER, WIDTH, scale=WIDTH ** -0.5)
        weights[at + "mlp.dense_h_to_4h.bias"] = draw(generator, INNER, scale=0.1)
        weights[at + "mlp.dense_4h_to_h.weight"] = draw(generator, WIDTH, INNER, scale=0.5 * INNER ** -0.5)
        weights[at + "mlp.dense_4h_to_h.bias"] = draw(generator, WIDTH, scale=0.02)
    for name in norms:
        weights[name + ".weight"] = 1 + draw(generator, WIDTH, scale=0.1)
        weights[name + ".bias"] = draw(generator, WIDTH, scale=0.05)
    weights["embed_out.weight"] = draw(generator, VOCAB, WIDTH, scale=WIDTH ** -0.5)
    return {name: value.half() for name, value in weights.items()}


def make_sae(generator, y):
    """A state tuned on outputs y [n, D], and the counts per token above the threshold and above zero."""
    bias = y.mean(0)
    decoder = draw(generator, WIDTH, FEATURES)
    decoder /= decoder.norm(dim=0)
    spread = (y - bias).square().mean().sqrt()
    encoder = decoder.T.contiguous()
    shift = draw(generator, FEATURES, scale=0.3) * spread
    raw = torch.addmm(shift, y - bias, encoder.T)
    top = raw.flatten().topk(ABOVE_ZERO * len(y), sorted=True).values
    zero, threshold = top[-1], top[ABOVE_THRESHOLD * len(y) - 1]
    gain = THRESHOLD / (threshold - zero)
    state = {"bias": bias, "encoder.weight": encoder * gain, "encoder.bias": gain * (shift - zero),
             "decoder.weight": decoder}
    f = torch.addmm(state["encoder.bias"], y - bias, state["encoder.weight"].T, out=raw)
    return state, (f > THRESHOLD).sum() / len(y), (f > 0).sum() / len(y)


def describe(state, y):
    """Counts per token of outputs y [N, T, D], as text."""
    f = F.linear(y.flatten(0, 1) - state["bias"], state["encoder.weight"], state["encoder.bias"])
    return f"{(f > THRESHOLD).sum() / len(f):.1f} and {(f > 0).sum() / len(f):.1f}"


def write_sae(folder, state, layer):
    folder.mkdir(parents=True)
    torch.save({name: value.contiguous() for name, value in state.items()}, folder / "ae.pt")
    trainer = {"dict_class": "AutoEncoder", "trainer_class": "StandardTrainer", "activation_dim": WIDTH,
               "dict_size": FEATURES, "lr": 0.0001, "l1_penalty": 0.1, "warmup_steps": 1000,
               "resample_steps": None, "device": "cpu", "layer": layer, "lm_name": "random", "seed": 0,
               "wandb_name": "StandardTrainer", "submodule_name": f"resid_out_layer{layer}"}
    buffer = {"d_submodule": WIDTH, "io": "out", "n_ctxs": 1, "ctx_len": 128, "refresh_batch_size": 1,
              "out_batch_size": 1, "device": "cpu"}
    (folder / "config.json").write_text(json.dumps({"trainer": trainer, "buffer": buffer}, indent=2) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    generator = torch.Generator().manual_seed(options.seed)
    folder = options.out / "model"
    folder.mkdir(parents=True, exist_ok=True)
    weights = make_weights(generator)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)
    (folder / "config.json").write_text(json.dumps(CONFIG, indent=2) + "\n")
    shutil.copyfile(options.tokenizer, folder / "tokenizer.json")
    model = fused.Model(CONFIG, {name: value.float() for name, value in weights.items()})
    del weights
    tokens, fresh = torch.randint(REAL_TOKENS, (2, WINDOWS, LENGTH), generator=generator)
    with torch.no_grad():
        tuned_on, others = model.forward(model.embed(tokens)), model.forward(model.embed(fresh))
        for layer, y in enumerate(tuned_on):
            site = options.out / f"sae/resid_out_layer{layer}"
            shutil.rmtree(site, ignore_errors=True)
            state, above, live = make_sae(generator, y[:, FIRST:].flatten(0, 1))
            write_sae(site, state, layer)
            print(f"resid_out_layer{layer}: features a token above {THRESHOLD} {above:.1f}, above 0 "
                  f"{live:.1f}; on other windows {describe(state, others[layer])}, "
                  f"at their ends {describe(state, others[layer][:, -1:])}", flush=True)


if __name__ == "__main__":
    main()
