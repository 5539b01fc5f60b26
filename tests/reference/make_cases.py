"""Make small random models, SAEs, and what Lightcone must find on them, in float64.

    make_cases.py --out cases --seed 1 [--only NAME]
"""
import argparse
import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file

import definitions
import influence64
import neox64

THRESHOLD = 0.2
MARGIN = 2e-4           # no pre-activation this close to the threshold or to zero
FEWEST, MOST = 8, 20    # active features at a readout

TYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}

# inner: width of the MLP; share: rotary share of the head; peak: factor on q and k; columns: decoder norms
CASES = [
    dict(name="parallel_head16_f32", width=32, heads=2, inner=128, layers=3, share=0.25, stored="F32",
         peak=1.0, parallel=True, keys="old", lengths=[1, 2, 7, 128], features=96, vocab=64),
    dict(name="sequential_head8_f16_strong", width=16, heads=2, inner=64, layers=3, share=1.0, stored="F16",
         peak=2.5, parallel=False, keys="new", lengths=[1, 2, 7, 64, 128], features=128, vocab=48),
    dict(name="parallel_head64_bf16_strong", width=64, heads=1, inner=160, layers=2, share=0.25,
         stored="BF16", peak=2.0, parallel=True, keys="old", lengths=[1, 7, 64], features=96, vocab=64),
    dict(name="sequential_head32_f32", width=32, heads=1, inner=128, layers=2, share=1.0, stored="F32",
         peak=1.0, parallel=False, keys="new", lengths=[1, 2, 7, 64], features=256, vocab=96),
    dict(name="sharded_head8_f16_strong", width=32, heads=4, inner=128, layers=3, share=0.25, stored="F16",
         peak=2.5, parallel=True, keys="old", lengths=[1, 2, 7, 128], features=96, vocab=128, shards=3,
         ignored=True),
    dict(name="unnormalised_head16_f32", width=32, heads=2, inner=96, layers=2, share=1.0, stored="F32",
         peak=1.5, parallel=True, keys="new", lengths=[1, 2, 7, 64], features=128, vocab=64, columns="free",
         transposed=True, rules=["own", "ignore"]),
    dict(name="sequential_head16_bf16_odd", width=48, heads=3, inner=112, layers=2, share=0.25, stored="BF16",
         peak=1.5, parallel=False, keys="new", lengths=[1, 2, 7, 33], features=100, vocab=97, base=500.0,
         eps=1e-6),
]


def draw(generator, *shape, scale=1.0):
    return torch.randn(*shape, generator=generator, dtype=torch.float32) * scale


def make_weights(case, generator):
    """Random weights in float32: every bias and layer norm parameter differs from its usual start."""
    width, inner = case["width"], case["inner"]
    weights = {"gpt_neox.embed_in.weight": draw(generator, case["vocab"], width)}
    norms = ["gpt_neox.final_layer_norm"]
    for layer in range(case["layers"]):
        at = f"gpt_neox.layers.{layer}."
        norms += [at + "input_layernorm", at + "post_attention_layernorm"]
        qkv = draw(generator, 3 * width, width, scale=width ** -0.5).view(case["heads"], 3, -1, width)
        qkv[:, :2] *= case["peak"]
        weights[at + "attention.query_key_value.weight"] = qkv.reshape(3 * width, width)
        weights[at + "attention.query_key_value.bias"] = draw(generator, 3 * width, scale=0.2)
        weights[at + "attention.dense.weight"] = draw(generator, width, width, scale=0.8 * width ** -0.5)
        weights[at + "attention.dense.bias"] = draw(generator, width, scale=0.1)
        weights[at + "mlp.dense_h_to_4h.weight"] = draw(generator, inner, width, scale=width ** -0.5)
        weights[at + "mlp.dense_h_to_4h.bias"] = draw(generator, inner, scale=0.2)
        weights[at + "mlp.dense_4h_to_h.weight"] = draw(generator, width, inner, scale=inner ** -0.5)
        weights[at + "mlp.dense_4h_to_h.bias"] = draw(generator, width, scale=0.1)
    for name in norms:
        weights[name + ".weight"] = 1 + draw(generator, width, scale=0.2)
        weights[name + ".bias"] = draw(generator, width, scale=0.1)
    weights["embed_out.weight"] = draw(generator, case["vocab"], width, scale=width ** -0.5)
    return {name: value.contiguous() for name, value in weights.items()}


def model_config(case):
    raw = {
        "architectures": ["GPTNeoXForCausalLM"], "model_type": "gpt_neox", "attention_bias": True,
        "bos_token_id": 0, "eos_token_id": 0, "hidden_act": "gelu", "hidden_size": case["width"],
        "initializer_range": 0.02, "intermediate_size": case["inner"],
        "layer_norm_eps": case.get("eps", 1e-5), "max_position_embeddings": 256,
        "num_attention_heads": case["heads"],
        "num_hidden_layers": case["layers"], "tie_word_embeddings": False,
        "use_parallel_residual": case["parallel"], "vocab_size": case["vocab"],
    }
    full = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}[case["stored"]]
    base = case.get("base", 10000)
    if case["keys"] == "old":
        raw |= {"rotary_pct": case["share"], "rotary_emb_base": base, "torch_dtype": full}
    else:
        raw |= {"rope_parameters": {"rope_type": "default", "rope_theta": float(base),
                                    "partial_rotary_factor": case["share"]}, "dtype": full}
    return raw


def old_tensors(case):
    """What early checkpoints also hold and every reader must skip."""
    extra = {}
    rotary = int(case["width"] // case["heads"] * case["share"])
    inverse = 10000.0 ** (-torch.arange(0, rotary, 2).float() / rotary)
    for layer in range(case["layers"]):
        at = f"gpt_neox.layers.{layer}.attention."
        mask = torch.ones(1, 1, 32, 32, dtype=torch.bool).tril()
        extra[at + "bias"] = mask if layer % 2 else mask.to(torch.uint8)
        extra[at + "masked_bias"] = torch.tensor(-1e9)
        extra[at + "rotary_emb.inv_freq"] = inverse.half()
    return extra


def write_model(folder, case, generator):
    stored = {n: w.to(TYPES[case["stored"]]) for n, w in make_weights(case, generator).items()}
    if case.get("ignored"):
        stored |= old_tensors(case)
    (folder / "config.json").write_text(json.dumps(model_config(case), indent=2, sort_keys=True) + "\n")
    shards = case.get("shards", 1)
    if shards == 1:
        save_file(stored, folder / "model.safetensors", metadata={"format": "pt"})
        return
    names = sorted(stored)
    size = sum(value.numel() * value.element_size() for value in stored.values())
    index = {"metadata": {"total_size": size}, "weight_map": {}}
    for shard in range(shards):
        file = f"model-{shard + 1:05d}-of-{shards:05d}.safetensors"
        part = names[shard * len(names) // shards:(shard + 1) * len(names) // shards]
        save_file({n: stored[n] for n in part}, folder / file, metadata={"format": "pt"})
        index["weight_map"] |= {n: file for n in part}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")


def draw_sae(case, generator, readouts, rules):
    """A state whose encoder bias keeps FEWEST..MOST features active at each readout [n, D] by every rule."""
    width, features = case["width"], case["features"]
    for _ in range(100):
        decoder = draw(generator, width, features)
        decoder = decoder / decoder.norm(dim=0)
        encoder = decoder.T + draw(generator, features, width, scale=0.3 * width ** -0.5)
        norms = torch.ones(features)
        if case.get("columns") == "free":
            norms = torch.exp(draw(generator, features, scale=0.4))
        state = {"encoder.weight": encoder / norms[:, None], "decoder.weight": decoder * norms,
                 "bias": draw(generator, width, scale=0.1), "encoder.bias": torch.zeros(features)}
        state = {name: value.contiguous() for name, value in state.items()}
        z = influence64.AutoEncoder(state, rules[0]).preactivation(readouts)
        state["encoder.bias"] += level(z, generator) / norms
        if all(acceptable(influence64.AutoEncoder(state, rule).preactivation(readouts)) for rule in rules):
            return state
    raise SystemExit(f"{case['name']}: no SAE found with {FEWEST} to {MOST} active features everywhere")


def level(z, generator):
    """Shifts [F] after which pre-activations z [n, F] have about as many active features at each readout."""
    shift = draw(generator, z.shape[1], scale=0.2)
    middle = (FEWEST + MOST) // 2
    z = z + shift
    common = THRESHOLD - z.flatten().topk(middle * len(z)).values[-1]
    z, shift = z + common, shift + common
    for _ in range(200):
        counts = (z > THRESHOLD).sum(-1)
        row = (counts - middle).abs().argmax()
        if abs(counts[row] - middle) <= 3:
            break
        few = counts[row] < middle
        near = torch.where((z[row] > THRESHOLD) != few, (z[row] - THRESHOLD).abs(), torch.inf)
        feature = near.argmin()
        move = (THRESHOLD - z[row, feature]) * (1.5 if few else 1.2) + (0.02 if few else -0.02)
        z[:, feature] += move
        shift[feature] += move
    return shift.float()


def acceptable(z):
    counts = (z > THRESHOLD).sum(-1)
    clear = (z - THRESHOLD).abs().min() > MARGIN and z.abs().min() > MARGIN
    return bool(clear and counts.min() >= FEWEST and counts.max() <= MOST)


def write_sae(folder, case, state, layer):
    folder.mkdir(parents=True)
    order = ["bias", "encoder.weight", "encoder.bias", "decoder.weight"]
    saved = {name: state[name].clone() for name in order}
    if case.get("transposed"):  # as files of autoencoders that start with encoder = decoder.T.clone()
        saved["encoder.weight"] = saved["encoder.weight"].T.contiguous().T
    torch.save(saved, folder / "ae.pt")
    trainer = {
        "dict_class": "AutoEncoder", "trainer_class": "StandardTrainer", "activation_dim": case["width"],
        "dict_size": case["features"], "lr": 0.001, "l1_penalty": 0.1, "warmup_steps": 100,
        "resample_steps": None, "device": "cpu", "layer": layer, "lm_name": "random", "seed": 0,
        "wandb_name": "StandardTrainer", "submodule_name": f"resid_out_layer{layer}",
    }
    buffer = {"d_submodule": case["width"], "io": "out", "n_ctxs": 128, "ctx_len": 128,
              "refresh_batch_size": 16, "out_batch_size": 64, "device": "cpu"}
    (folder / "config.json").write_text(json.dumps({"trainer": trainer, "buffer": buffer}, indent=2) + "\n")


def measure_window(model, saes, tokens, rules, dtype, active=None):
    """Everything expected of one window: {"y0": ..., "own/site0/J": ...}. active: take these features."""
    config, weights = model
    x = neox64.embed(weights, tokens)
    outputs = neox64.forward(weights, config, x)
    found = {f"y{layer}": y.detach() for layer, y in enumerate(outputs)}
    for layer, y in enumerate(outputs):
        residual = influence64.measure_residual(y[-1], x)
        for rule in rules:
            at = f"{rule}/site{layer}/"
            sae = influence64.AutoEncoder(saes[layer], rule, dtype)
            f = sae.encode(y[-1]).detach()
            chosen = active[at + "feature"].long() if active else torch.nonzero(f > THRESHOLD).flatten()
            profile = influence64.measure_features(y[-1], x, sae, chosen)
            reconstruction = influence64.measure_reconstruction(y[-1], x, sae)
            vectors = torch.stack([residual, reconstruction])
            found |= {
                at + "feature": chosen.int(), at + "activation": f[chosen], at + "J": profile,
                at + "entropy": influence64.entropy(profile), at + "total": profile.sum(-1),
                at + "participation": influence64.participation(profile),
                at + "renyi2": influence64.renyi2(profile), at + "residual": residual.clone(),
                at + "reconstruction": reconstruction, at + "token_entropy": influence64.entropy(vectors),
            }
            if dtype == torch.float64:
                again = influence64.reconstruction_from_rows(y[-1], x, sae)
                assert (again - reconstruction).abs().max() <= 1e-11 * reconstruction.max()
    return found


def relative_rows(found, expected):
    """Largest |difference| / |expected| over rows, Euclidean norms."""
    return ((found - expected).norm(dim=-1) / expected.norm(dim=-1)).max().item()


def relative_peaks(found, expected):
    """Largest difference in a profile over its largest value, over profiles."""
    return ((found - expected).abs().amax(-1) / expected.amax(-1)).max().item()


def float32_error(single, double):
    """What PyTorch's own float32 loses against float64 on the same window."""
    worst = dict.fromkeys(["y", "J", "entropy", "total", "activation", "residual", "reconstruction",
                           "token_entropy"], 0.0)
    for name, expected in double.items():
        kind = name.rsplit("/", 1)[-1].rstrip("0123456789")
        if name.startswith("y"):
            kind = "y"
        if kind not in worst:
            continue
        found = single[name].double()
        if kind == "y":
            error = relative_rows(found, expected)
        elif kind in ("J", "residual", "reconstruction"):
            error = relative_peaks(found, expected)
        elif kind == "total":
            error = ((found - expected).abs() / expected).max().item()
        else:
            error = (found - expected).abs().max().item()
        worst[kind] = max(worst[kind], error)
    return worst


def check_finite_differences(model, sae, tokens, layer, feature):
    """J of one feature by central differences: the largest relative error against autograd's."""
    config, weights = model
    x = neox64.embed(weights, tokens)
    output = neox64.forward(weights, config, x)[layer][-1]
    expected = influence64.measure_features(output, x, sae, [feature])[0]
    flat = x.detach().flatten()
    step = 1e-5
    moved = torch.stack([flat, flat]).repeat_interleave(len(flat), 0)
    moved[:len(flat)] += step * torch.eye(len(flat), dtype=flat.dtype)
    moved[len(flat):] -= step * torch.eye(len(flat), dtype=flat.dtype)
    y = neox64.forward(weights, config, moved.view(-1, *x.shape))[layer][:, -1]
    f = sae.encode(y)[:, feature]
    slope = (f[:len(flat)] - f[len(flat):]) / (2 * step)
    return ((slope.view_as(x) ** 2).sum(-1) - expected).abs().max().item() / expected.max().item()


def check_transformers(folder, tokens, ours):
    """Largest row-relative difference of y from transformers' model of the same folder, in float64."""
    from transformers import GPTNeoXForCausalLM
    from transformers.utils import logging
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    model = GPTNeoXForCausalLM.from_pretrained(folder, dtype=torch.float64, attn_implementation="eager")
    model.eval()
    seen = []

    def keep(_block, _inputs, out):
        seen.append(out[0] if isinstance(out, tuple) else out)

    for block in model.gpt_neox.layers:
        block.register_forward_hook(keep)
    with torch.no_grad():
        model(tokens[None].long(), use_cache=False)
    return max(relative_rows(theirs.reshape(y.shape), y) for theirs, y in zip(seen, ours, strict=True))


def make_case(root, case, generator):
    folder = root / case["name"]
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    rules = case.get("rules", ["own"])
    write_model(folder, case, generator)
    double, single = neox64.load_model(folder), neox64.load_model(folder, torch.float32)
    windows = {n: torch.randint(case["vocab"], (n,), generator=generator).int() for n in case["lengths"]}
    with torch.no_grad():
        shares = []
        outputs = {n: neox64.forward(double[1], double[0], double[1]["gpt_neox.embed_in.weight"][t], shares)
                   for n, t in windows.items()}
    saes = []
    for layer in range(case["layers"]):
        readouts = torch.stack([y[layer][-1] for y in outputs.values()])
        saes.append(draw_sae(case, generator, readouts, rules))
        write_sae(folder / f"sae/resid_out_layer{layer}", case, saes[layer], layer)
    stored, errors = {}, {}
    for length, tokens in windows.items():
        expected = measure_window(double, saes, tokens, rules, torch.float64)
        found = measure_window(single, saes, tokens, rules, torch.float32, expected)
        errors[f"T{length}"] = float32_error(found, expected)
        stored |= {f"T{length}/{name}": value.contiguous() for name, value in expected.items()}
        stored[f"T{length}/tokens"] = tokens
    assert {value.dtype for value in stored.values()} == {torch.float64, torch.int32}
    assert all(value.isfinite().all() for value in stored.values())
    save_file(stored, folder / "expected.safetensors")
    for path in folder.rglob("*.safetensors"):
        path.chmod(0o644)
    about = {"lengths": case["lengths"], "rules": rules, "layers": case["layers"], "threshold": THRESHOLD,
             "float32_error": errors}
    (folder / "expected.json").write_text(json.dumps(about, indent=1) + "\n")
    report(folder, case, double, saes, windows, outputs, shares, stored, errors)


def report(folder, case, model, saes, windows, outputs, shares, stored, errors):
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    largest = max(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert largest <= 400_000, f"{case['name']}: a file of {largest} bytes"
    counts = [len(value) for name, value in stored.items() if name.endswith("/feature")]
    peak = max(share[..., 1:, :].amax(-1).mean().item() for share in shares if share.shape[-1] >= 7)
    theirs = max(check_transformers(folder, tokens, outputs[n]) for n, tokens in windows.items())
    layer = case["layers"] - 1
    sae = influence64.AutoEncoder(saes[layer])
    feature = stored[f"T7/own/site{layer}/feature"][0].item()
    slopes = check_finite_differences(model, sae, windows[7], layer, feature)
    assert theirs < 1e-4 and slopes < 1e-6
    print(f"{case['name']}: {size} bytes, largest file {largest}; active {min(counts)} to {max(counts)}; "
          f"mean of the largest attention share {peak:.2f}")
    print(f"  transformers float64: y differs by {theirs:.1e}; finite differences: J differs by {slopes:.1e}")
    for length, error in errors.items():
        print(f"  float32 {length:5}", " ".join(f"{kind} {value:.1e}" for kind, value in error.items()))
    return size


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", help="one case by name")
    options = parser.parse_args()
    torch.set_num_threads(1)
    definitions.check_all()
    print("definitions: all test values hold")
    for number, case in enumerate(CASES):
        if options.only in (None, case["name"]):
            make_case(options.out, case, torch.Generator().manual_seed(options.seed * 1000 + number))


if __name__ == "__main__":
    main()
