"""GPT-NeoX in plain PyTorch, written from its equations, in float64 or float32.

Letters: T window length, D model width, H heads, hd head size, I inner width of the MLP,
L layers, A features, F features of an SAE. Weights are [out, in], rows are positions.
"""
import json
import math
from pathlib import Path

import torch
from safetensors import safe_open

IGNORED = ("attention.bias", "attention.masked_bias", "attention.rotary_emb.inv_freq")


class Config:
    """The keys of config.json that decide the numbers, old and new spelling of the rotary ones."""

    def __init__(self, raw):
        rope = raw.get("rope_parameters") or {}
        self.width = raw["hidden_size"]
        self.layers = raw["num_hidden_layers"]
        self.heads = raw["num_attention_heads"]
        self.inner = raw["intermediate_size"]
        self.vocab = raw["vocab_size"]
        self.eps = raw.get("layer_norm_eps", 1e-5)
        self.parallel = raw.get("use_parallel_residual", True)
        share = rope.get("partial_rotary_factor", raw.get("rotary_pct", 0.25))
        self.rope_base = float(rope.get("rope_theta", raw.get("rotary_emb_base", 10000)))
        self.head = self.width // self.heads
        self.rotary = int(self.head * share)
        assert self.head * self.heads == self.width and self.rotary % 2 == 0
        assert raw.get("hidden_act", "gelu") == "gelu"


def load_model(folder, dtype=torch.float64):
    """Config and {name: tensor} of the stored values converted to dtype."""
    folder = Path(folder)
    config = Config(json.loads((folder / "config.json").read_text()))
    weights = {}
    for path in sorted(folder.glob("*.safetensors")):
        if path.name == "expected.safetensors":
            continue
        with safe_open(path, framework="pt") as file:
            for name in file.keys():
                if not name.endswith(IGNORED):
                    weights[name] = file.get_tensor(name).to(dtype)
    return config, weights


def layer_norm(x, weight, bias, eps):
    centred = x - x.mean(-1, keepdim=True)
    variance = (centred * centred).mean(-1, keepdim=True)
    return centred / torch.sqrt(variance + eps) * weight + bias


def gelu(z):
    return 0.5 * z * (1 + torch.erf(z / math.sqrt(2)))


def rotary_angles(length, dims, base, dtype):
    """cos and sin [length, dims]; angles in float64 whatever dtype is."""
    i = torch.arange(dims // 2, dtype=torch.float64)
    inverse = torch.pow(torch.tensor(base, dtype=torch.float64), -2 * i / max(dims, 1))
    angle = torch.arange(length, dtype=torch.float64)[:, None] * inverse
    angle = torch.cat([angle, angle], dim=-1)
    return angle.cos().to(dtype), angle.sin().to(dtype)


def rotate(q, cos, sin):
    """Rotate the first dims of q [..., T, hd] in halves, leave the rest."""
    dims = cos.shape[-1]
    turned, rest = q[..., :dims], q[..., dims:]
    first, second = turned[..., :dims // 2], turned[..., dims // 2:]
    half = torch.cat([-second, first], dim=-1)
    return torch.cat([turned * cos + half * sin, rest], dim=-1)


def attention(u, weights, prefix, config):
    """Causal self-attention of normalised rows u [..., T, D]; heads interleave q, k, v."""
    length = u.shape[-2]
    qkv = u @ weights[prefix + "query_key_value.weight"].T + weights[prefix + "query_key_value.bias"]
    qkv = qkv.reshape(*u.shape[:-1], config.heads, 3 * config.head).transpose(-2, -3)
    q, k, v = qkv.split(config.head, dim=-1)
    cos, sin = rotary_angles(length, config.rotary, config.rope_base, u.dtype)
    scores = rotate(q, cos, sin) @ rotate(k, cos, sin).transpose(-1, -2) / math.sqrt(config.head)
    later = torch.ones(length, length, dtype=torch.bool).triu(1)
    share = torch.softmax(scores.masked_fill(later, float("-inf")), dim=-1)
    mixed = (share @ v).transpose(-2, -3).reshape(u.shape)
    return mixed @ weights[prefix + "dense.weight"].T + weights[prefix + "dense.bias"], share


def mlp(u, weights, prefix):
    inner = gelu(u @ weights[prefix + "dense_h_to_4h.weight"].T + weights[prefix + "dense_h_to_4h.bias"])
    return inner @ weights[prefix + "dense_4h_to_h.weight"].T + weights[prefix + "dense_4h_to_h.bias"]


def forward(weights, config, x, shares=None):
    """The output y of every block, a list of L tensors shaped like x [..., T, D].

    x is the output of the token embedding. shares, if a list, receives the softmax [..., H, T, T].
    """
    outputs = []
    for layer in range(config.layers):
        at = f"gpt_neox.layers.{layer}."
        norm1 = layer_norm(x, weights[at + "input_layernorm.weight"], weights[at + "input_layernorm.bias"],
                           config.eps)
        mixed, share = attention(norm1, weights, at + "attention.", config)
        between = x if config.parallel else x + mixed
        norm2 = layer_norm(between, weights[at + "post_attention_layernorm.weight"],
                           weights[at + "post_attention_layernorm.bias"], config.eps)
        out = mlp(norm2, weights, at + "mlp.")
        x = out + mixed + x if config.parallel else between + out
        outputs.append(x)
        if shares is not None:
            shares.append(share.detach())
    return outputs


def embed(weights, tokens):
    """x [T, D], a leaf that gradients reach."""
    return weights["gpt_neox.embed_in.weight"][tokens].detach().clone().requires_grad_(True)
