#!/usr/bin/env python3
"""Make tests/data/format: small files written by PyTorch, safetensors, transformers and dictionary_learning, files made
to be refused, and what those libraries read from the good ones (expected.txt: name, count, values).

usage: make_format_data.py DIRECTORY
"""
import io
import json
import os
import pickle
import shutil
import struct
import sys
import zipfile
from collections import OrderedDict

import torch
from dictionary_learning.dictionary import AutoEncoder
from safetensors.torch import save_file
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

out = sys.argv[1]
shutil.rmtree(out, ignore_errors=True)
expected = OrderedDict()


def folder(name):
    path = os.path.join(out, name)
    os.makedirs(path, exist_ok=True)
    return path


def ramp(*shape):
    """Exact in every float dtype: ((7 i) mod 13 - 6) / 8."""
    n = 1
    for s in shape:
        n *= s
    return (((torch.arange(n) * 7) % 13 - 6).double() / 8).reshape(shape)


def write_json(path, value):
    with open(path, "w") as f:
        json.dump(value, f)


# --- safetensors ---
path = folder("safetensors")
tensors = {
    "f64": ramp(3), "f32": ramp(2, 3).float(), "f16": ramp(5).half(), "bf16": ramp(2, 2).bfloat16(),
    "i64": torch.arange(3), "u8": torch.arange(3).to(torch.uint8), "bool": torch.tensor([True, False, True]),
    "scalar": torch.tensor(2.5), "empty": torch.zeros(0, 4),
}
save_file(tensors, f"{path}/mixed.safetensors", metadata={"format": "pt"})
half = torch.tensor([0, 1, 2, 1023, 1024, 0x3BFF, 0x3C00, 0x7BFF, 0x8001, 0xFBFF, 0x0400, 0x8000], dtype=torch.int32)
half = half.to(torch.int16).view(torch.float16)
save_file({"half": half}, f"{path}/half.safetensors")
expected["half"] = half.double()

# --- torch ---
path = folder("torch")
whole = ramp(4, 3).float()
state = OrderedDict(
    f64=ramp(3), f32=ramp(2, 3).float(), f16=ramp(5).half(), bf16=ramp(2, 2).bfloat16(), i64=torch.arange(3),
    i32=torch.arange(3, dtype=torch.int32), u8=torch.arange(3, dtype=torch.uint8), bool=torch.tensor([True, False]),
    scalar=torch.tensor(2.5), empty=torch.zeros(0, 4), parameter=torch.nn.Parameter(ramp(4).float()),
    turned=ramp(3, 2).float().T, tail=whole[1:], whole=whole)
torch.save(state, f"{path}/state.pt")
torch.save(torch.nn.Linear(2, 2).state_dict(), f"{path}/linear.pt")
torch.save({"a": ramp(3).float(), "n": {"x": 7, "y": 0.5, "neg": -3, "big": 2**40, "on": True, 3: 70000, "none": None,
                                        "text": "t", "list": [1, 2], "pair": (1, 2)}}, f"{path}/nested.pt")
torch.save({"a": ramp(3).float()}, f"{path}/protocol4.pt", pickle_protocol=4)
torch.save({"a": ramp(3).float()}, f"{path}/legacy.pt", _use_new_zipfile_serialization=False)
torch.save({"a": ramp(8, 8).float()[::2]}, f"{path}/strided.pt")
torch.save([ramp(3).float()], f"{path}/list.pt")
torch.save({"a": torch.sparse_coo_tensor([[0], [1]], [1.0], (2, 2))}, f"{path}/sparse.pt")
torch.save({"a": ramp(3).cfloat()}, f"{path}/complex.pt")
torch.save(torch.nn.Linear(1, 1), f"{path}/module.pt")


class System:
    def __reduce__(self):
        return (os.system, ("echo unsafe",))


torch.save({"a": System()}, f"{path}/system.pt", pickle_protocol=2)


def repack(name, change, method=zipfile.ZIP_STORED):
    """A copy of a small torch file with entries changed; change(entry, bytes) gives bytes or None to leave it out."""
    buffer = io.BytesIO()
    torch.save({"a": ramp(3).float()}, buffer)
    with zipfile.ZipFile(buffer) as old, zipfile.ZipFile(f"{path}/{name}.pt", "w", method) as new:
        for entry in old.namelist():
            data = change(entry, old.read(entry))
            if data is not None:
                new.writestr(entry, data)


repack("repacked", lambda entry, data: data)
repack("deflated", lambda entry, data: data, zipfile.ZIP_DEFLATED)
repack("bomb", lambda entry, data: bytes(4 << 20) if entry.endswith("data/0") else data, zipfile.ZIP_DEFLATED)
repack("big_endian", lambda entry, data: b"big" if entry.endswith("byteorder") else data)
repack("short_storage", lambda entry, data: data[:8] if entry.endswith("data/0") else data)
repack("no_storage", lambda entry, data: None if entry.endswith("data/0") else data)
repack("no_pickle", lambda entry, data: None if entry.endswith("data.pkl") else data)
with zipfile.ZipFile(f"{path}/two_tops.pt", "w") as z:
    z.writestr("a/data.pkl", pickle.dumps({}, 2))
    z.writestr("b/data.pkl", pickle.dumps({}, 2))

# --- models ---
torch.manual_seed(1)
config = GPTNeoXConfig(vocab_size=11, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=12,
                       max_position_embeddings=32, rotary_pct=0.5, rotary_emb_base=1000)
model = GPTNeoXForCausalLM(config)
for p in model.parameters():
    p.data = torch.randn_like(p)
model.save_pretrained(folder("model"))
half = model.half()
half.save_pretrained(folder("model_shards"), max_shard_size=1300)
base = {k[len("gpt_neox."):]: v.bfloat16() for k, v in model.state_dict().items() if k.startswith("gpt_neox.")}
save_file(base, f"{folder('model_base')}/model.safetensors")
old = {"architectures": ["GPTNeoXForCausalLM"], "vocab_size": 11, "hidden_size": 8, "num_hidden_layers": 2,
       "num_attention_heads": 2, "intermediate_size": 12, "max_position_embeddings": 32, "rotary_pct": 0.5,
       "rotary_emb_base": 1000, "layer_norm_eps": 1e-5, "use_parallel_residual": False, "hidden_act": "gelu"}
write_json(f"{out}/model_base/config.json", old)
for name in ("model", "model_shards"):
    if os.path.exists(f"{out}/{name}/generation_config.json"):
        os.remove(f"{out}/{name}/generation_config.json")


def block_values(state, n):
    b = f"gpt_neox.layers.{n}."
    qkv = state[b + "attention.query_key_value.weight"].view(2, 3, 4, 8).permute(1, 0, 2, 3)
    bias = state[b + "attention.query_key_value.bias"].view(2, 3, 4).permute(1, 0, 2)
    yield from (("norm1_w", state[b + "input_layernorm.weight"]), ("norm1_b", state[b + "input_layernorm.bias"]))
    yield from (("norm2_w", state[b + "post_attention_layernorm.weight"]),
                ("norm2_b", state[b + "post_attention_layernorm.bias"]))
    yield from (("qkv_w", qkv), ("qkv_b", bias))
    yield from (("out_w", state[b + "attention.dense.weight"]), ("out_b", state[b + "attention.dense.bias"]))
    yield from (("up_w", state[b + "mlp.dense_h_to_4h.weight"]), ("up_b", state[b + "mlp.dense_h_to_4h.bias"]))
    yield from (("down_w", state[b + "mlp.dense_4h_to_h.weight"]), ("down_b", state[b + "mlp.dense_4h_to_h.bias"]))


half_state = {k: v.double() for k, v in half.state_dict().items()}
expected["embedding"] = half_state["gpt_neox.embed_in.weight"]
for n in range(2):
    for name, value in block_values(half_state, n):
        expected[f"block{n}.{name}"] = value
# the model above is now half precision: its full-precision file must hold the same numbers
save_file({k: v.float() for k, v in half.state_dict().items()}, f"{out}/model/model.safetensors")

# --- SAEs ---
W = torch.tensor([[1, 0.5], [-0.5, 1], [0.25, -1]])
b_enc = torch.tensor([-0.25, 0.5, 0.25])
b_dec = torch.tensor([0.5, -0.25])
Dec = torch.tensor([[1, 0, 0.5], [0, 1, -0.5]])  # columns
trainer = {"trainer": {"dict_class": "AutoEncoder", "activation_dim": 2, "dict_size": 3}}


def write_dl(name, state, config):
    torch.save(state, f"{folder(name)}/ae.pt")
    write_json(f"{out}/{name}/config.json", config)


write_dl("dl_hand", OrderedDict({"bias": b_dec, "encoder.weight": W, "encoder.bias": b_enc, "decoder.weight": Dec}),
         trainer)
zero = Dec.clone()
zero[:, 1] = 0
write_dl("dl_zero", OrderedDict({"bias": b_dec, "encoder.weight": W, "encoder.bias": b_enc, "decoder.weight": zero}),
         trainer)
write_dl("dl_no_factor", {"ae": {"bias": b_dec, "encoder.weight": W, "encoder.bias": b_enc, "decoder.weight": Dec}},
         trainer)
lens = {"W_enc": W.T.contiguous(), "W_dec": Dec.T.contiguous(), "b_enc": b_enc, "b_dec": b_dec}
v6 = {"architecture": "standard", "d_in": 2, "d_sae": 3, "dtype": "float32", "device": "cpu",
      "apply_b_dec_to_input": True, "normalize_activations": "none", "reshape_activations": "none",
      "metadata": {"model_name": "m", "hook_name": "blocks.0.hook_resid_post", "hook_head_index": None,
                   "prepend_bos": False, "sae_lens_version": "6.0.0"}}
save_file(lens, f"{folder('lens_hand')}/sae_weights.safetensors")
write_json(f"{out}/lens_hand/cfg.json", v6)
jump = dict(lens, threshold=torch.tensor([1.0, 0.1, 0.5]))
save_file(jump, f"{folder('lens_jump')}/sae_weights.safetensors")
write_json(f"{out}/lens_jump/cfg.json", dict(v6, architecture="jumprelu", apply_b_dec_to_input=False))
old = {"d_in": 2, "d_sae": 3, "dtype": "torch.float32", "hook_point": "blocks.0.hook_resid_post",
       "hook_point_head_index": None, "activation_fn_str": "relu", "normalize_activations": False, "prepend_bos": True}
save_file(dict(lens, scaling_factor=torch.ones(3)), f"{folder('lens_old')}/sae_weights.safetensors")
write_json(f"{out}/lens_old/cfg.json", old)

# rounding on load, as tensor.to(dtype) does it
torch.manual_seed(2)
wide = {"W_enc": torch.randn(4, 6), "W_dec": torch.randn(6, 4), "b_enc": torch.randn(6) * 1e-6, "b_dec": torch.randn(4)}
for dtype in ("float16", "bfloat16"):
    save_file(wide, f"{folder('lens_' + dtype)}/sae_weights.safetensors")
    write_json(f"{out}/lens_{dtype}/cfg.json", dict(v6, d_in=4, d_sae=6, dtype=dtype))
    kind = getattr(torch, dtype)
    expected[f"{dtype}.encoder"] = wide["W_enc"].to(kind).T
    expected[f"{dtype}.encoder_bias"] = wide["b_enc"].to(kind)
    expected[f"{dtype}.decoder"] = wide["W_dec"].to(kind)

# dictionary_learning's own class writes and reads the file; columns of the decoder are not unit vectors
torch.manual_seed(3)
ae = AutoEncoder(5, 9)
for p in ae.parameters():
    p.data = torch.randn(p.shape[1], p.shape[0]).T if p.dim() == 2 else torch.randn_like(p)
ae.eval()
small = {"trainer": {"dict_class": "AutoEncoder", "trainer_class": "StandardTrainer", "activation_dim": 5,
                     "dict_size": 9, "layer": 0}}
write_dl("dl_scaled", ae.state_dict(), small)
x = torch.randn(4, 5)
expected["scaled.x"] = x
loaded = AutoEncoder.from_pretrained(f"{out}/dl_scaled/ae.pt")
with torch.no_grad():
    expected["scaled.f"] = loaded.encode(x)
    expected["scaled.decoder"] = loaded.decoder.weight.T
    expected["scaled.yhat"] = loaded(x)
norm_factor = 3.7
backup = {"step": 12, "ae": OrderedDict((k, v.clone()) for k, v in ae.state_dict().items()),
          "optimizer": {"state": {0: {"step": torch.tensor(1.0), "exp_avg": torch.zeros(2)}},
                        "param_groups": [{"lr": 0.1, "betas": (0.9, 0.999), "params": [0]}]},
          "config": {"dict_class": "AutoEncoder", "lr": 0.1, "wandb_name": None}, "norm_factor": norm_factor}
write_dl("dl_backup", backup, small)
ae.scale_biases(norm_factor)
ae.normalize_decoder()
with torch.no_grad():
    expected["backup.f"] = ae.encode(x)

with open(f"{out}/expected.txt", "w") as f:
    for name, value in expected.items():
        flat = value.detach().double().flatten().tolist()
        f.write(f"{name} {len(flat)}\n" + " ".join("%.9g" % v for v in flat) + "\n")
