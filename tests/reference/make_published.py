"""Extract what the published scripts found on the small case into safetensors files for the C tests: the context sweep
into sweep.safetensors, covariances into correlation.safetensors, the others into expected.safetensors.

    make_published.py published-code --out ../data/published

Reads the .pt files of results/, and counts in float64 how many decisions lie so near the threshold that
float32 may take them either way.
"""
import argparse
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer

import influence64
import neox64

WINDOW = 1e-6           # of |w||y| + |b|: no decision is compared nearer to the threshold


def integers(values, dtype=torch.int32):
    return torch.tensor([int(v) for v in values], dtype=dtype)


def rows(values):
    return torch.tensor(np.array([np.asarray(v, dtype=np.float32) for v in values]))


def load(folder, name):
    return torch.load(folder / "results" / name, map_location="cpu", weights_only=False)


def sparsity(folder, site, out):
    """Counts of every feature and N(i,a), ids ascending."""
    found = load(folder, f"feature_sparsity_data_{site}.pt")
    pairs = [sorted(counter.items()) for counter in found["feature_token_counts"]]
    ends = np.cumsum([0] + [len(p) for p in pairs])
    out[f"{site}/count"] = integers(found["feature_counts"])
    out[f"{site}/token_indptr"] = integers(ends)
    out[f"{site}/token_id"] = integers(token for p in pairs for token, _ in p)
    out[f"{site}/token_count"] = integers((count for p in pairs for _, count in p), torch.int16)
    assert found["threshold"] == 1.0 and found["total_tokens"] == 25600


def influence(folder, site, out):
    """Features by index; all their samples in the order of the windows."""
    found = load(folder, f"feature_token_influence_{site}.pt")
    kept = sorted(found["feature_influences"].items())
    out[f"{site}/influence/feature"] = integers(feature for feature, _ in kept)
    out[f"{site}/influence/samples"] = integers(value["num_samples"] for _, value in kept)
    out[f"{site}/influence/mean"] = rows(value["mean_influence"] for _, value in kept)
    out[f"{site}/influence/sd"] = rows(value["std_influence"] for _, value in kept)
    out[f"{site}/influence/J"] = rows(j for _, value in kept for j in value["all_influences"])
    path = folder / "results" / f"token_vector_influence_{site}.pt"
    if path.exists():
        vector = load(folder, path.name)
        out[f"{site}/vector/R"] = rows(vector["influence_distributions"])
        out[f"{site}/vector/entropy"] = rows(vector["entropies"])


def entropies(folder, site, out):
    """Windows in order; features ascending in each."""
    found = load(folder, f"entropy_comparison_{site}.pt")
    windows = found["batch_results"]
    order = [(w, feature) for w in windows for feature in sorted(w["feature_influences"])]
    at = f"{site}/entropies/"
    out[at + "start"] = integers(w["start_idx"] for w in windows)
    out[at + "indptr"] = integers(np.cumsum([0] + [len(w["feature_influences"]) for w in windows]))
    out[at + "feature"] = integers(feature for _, feature in order)
    out[at + "activation"] = rows(w["feature_activations"][feature] for w, feature in order)
    out[at + "entropy"] = rows(w["feature_entropies"][feature] for w, feature in order)
    out[at + "J"] = rows(w["feature_influences"][feature] for w, feature in order)
    out[at + "vector_entropy"] = rows(w["token_vector_entropy"] for w in windows)
    out[at + "vector_R"] = rows(w["token_vector_influence"] for w in windows)
    summary = found["summary"]
    out[at + "summary"] = torch.tensor([summary["mean_feature_entropy"], summary["mean_token_vector_entropy"]],
                                       dtype=torch.float64)


def context_sweep(folder, site):
    """Lengths ascending; features ascending in each; the profiles one after the other, each as long as its window."""
    found = load(folder, f"entropy_vs_batch_size_{site}.pt")
    lengths = sorted(found["results_by_batch_size"])
    points = [found["results_by_batch_size"][length] for length in lengths]
    order = [(p, feature) for p in points for feature in sorted(p["feature_influences"])]
    assert found["config"]["threshold"] == 0.2
    return {
        f"{site}/start": integers([found["summary"]["start_idx"]]),
        f"{site}/length": integers(lengths),
        f"{site}/indptr": integers(np.cumsum([0] + [len(p["feature_influences"]) for p in points])),
        f"{site}/feature": integers(feature for _, feature in order),
        f"{site}/activation": rows(p["feature_activations"][feature] for p, feature in order),
        f"{site}/entropy": rows(p["feature_entropies"][feature] for p, feature in order),
        f"{site}/J": torch.cat([torch.as_tensor(p["feature_influences"][feature], dtype=torch.float32).flatten()
                                for p, feature in order]),
    }


def check_sweep(model, saes, tokens, sweep):
    """None of its decisions is near the threshold."""
    start, lengths = int(sweep["resid_out_layer2/start"]), sweep["resid_out_layer2/length"].tolist()
    for length in lengths:
        y = outputs(model, tokens, [start + lengths[-1] - length], length)[2][:, -1]
        assert not near(saes[2], y, 0.2).any()


def near(sae, y, threshold):
    """[rows, F]: is the decision within WINDOW of the threshold?"""
    z = sae.preactivation(y)
    scale = sae.encoder.norm(dim=1) * y.norm(dim=-1, keepdim=True) + sae.encoder_bias.abs()
    return (z - threshold).abs() <= WINDOW * scale


def outputs(model, tokens, starts, length):
    """Residual stream [windows, T, D] of every layer."""
    config, weights = model
    window = torch.stack([tokens[start:start + length] for start in starts])
    with torch.no_grad():
        return neox64.forward(weights, config, weights["gpt_neox.embed_in.weight"][window])


def count_near(model, saes, tokens, out):
    """Near decisions by feature in the sparsity job; none may be among the readouts of the others."""
    close = [torch.zeros(sae.encoder.shape[0], dtype=torch.int64) for sae in saes]
    for begin in range(0, 25600, 128 * 20):
        y = outputs(model, tokens, range(begin, begin + 128 * 20, 128), 128)
        for layer, sae in enumerate(saes):
            close[layer] += near(sae, y[layer].flatten(0, 1), 1.0).sum(0)
    for layer, sae in enumerate(saes):
        site = f"resid_out_layer{layer}"
        out[f"{site}/near"] = close[layer].to(torch.int32)
        print(site, "decisions near the threshold:", int(close[layer].sum()))
        starts = out[f"{site}/entropies/start"].tolist()
        assert not near(sae, outputs(model, tokens, starts, 64)[layer][:, -1], 0.2).any()
        assert not near(sae, outputs(model, tokens, range(0, 80 * 64, 64), 64)[layer][:, -1], 1.0).any()


def reconstruction(model, saes, tokens, out):
    """What the scripts do not have: the reconstruction token vector of the six windows, in float64."""
    config, weights = model
    starts = out["resid_out_layer0/entropies/start"].tolist()
    for layer, sae in enumerate(saes):
        found = []
        for start in starts:
            x = neox64.embed(weights, tokens[start:start + 64])
            y = neox64.forward(weights, config, x)[layer][-1]
            found.append(influence64.measure_reconstruction(y, x, sae).detach())
        at = f"resid_out_layer{layer}/entropies/reconstruction_"
        out[at + "R"] = torch.stack(found).float()
        out[at + "entropy"] = influence64.entropy(torch.stack(found)).float()


def with_bos(model, saes, tokens, out):
    """J in float64 of one window behind <|endoftext|> (id 0), read at two positions of the window."""
    config, weights = model
    start, positions = out["resid_out_layer0/entropies/start"].tolist()[0], [3, 40]
    for layer, sae in enumerate(saes):
        position, feature, profiles = [], [], []
        for t in positions:
            x = neox64.embed(weights, torch.cat([torch.tensor([0]), tokens[start:start + 64]]))
            y = neox64.forward(weights, config, x)[layer][t + 1]
            assert not near(sae, y[None], 0.2).any()
            active = torch.nonzero(sae.encode(y) > 0.2)[:, 0]
            grads = influence64.gradients(y, x, sae.encoder[active])
            profiles.append(influence64.energy(grads).detach().float())
            position += [t] * len(active)
            feature += active.tolist()
        at = f"resid_out_layer{layer}/bos/"
        out[at + "position"], out[at + "feature"] = integers(position), integers(feature)
        out[at + "J"] = torch.cat(profiles)


def correlation(folder, model, saes, tokens):
    """Published covariances; and, counted in float64, in how many positions two leading features are both active."""
    out = {}
    for layer in range(len(saes)):
        found = load(folder, f"correlation_matrix_resid_out_layer{layer}.pt")
        out[f"resid_out_layer{layer}/feature"] = integers(found["leading_features"])
        out[f"resid_out_layer{layer}/conditional"] = found["covariance_matrix"].contiguous()
    joint, close = [0] * len(saes), [0] * len(saes)
    for begin in range(0, 25600, 128 * 20):
        y = outputs(model, tokens, range(begin, begin + 128 * 20, 128), 128)
        for layer, sae in enumerate(saes):
            leading, rows = out[f"resid_out_layer{layer}/feature"].long(), y[layer].flatten(0, 1)
            active = (sae.encode(rows)[:, leading] > 1.0).double()
            joint[layer] = joint[layer] + active.T @ active
            close[layer] = close[layer] + near(sae, rows, 1.0)[:, leading].sum(0)
    for layer in range(len(saes)):
        out[f"resid_out_layer{layer}/joint_count"] = joint[layer].to(torch.int32)
        out[f"resid_out_layer{layer}/near"] = close[layer].to(torch.int32)
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    model = neox64.load_model(options.folder / "model")
    tokenizer = Tokenizer.from_file(str(options.folder / "model" / "tokenizer.json"))
    text = (options.folder / "text.txt").read_bytes().decode()
    tokens = torch.tensor(tokenizer.encode(text, add_special_tokens=False).ids)
    out, saes = {}, []
    for layer in range(model[0].layers):
        site = f"resid_out_layer{layer}"
        sparsity(options.folder, site, out)
        influence(options.folder, site, out)
        entropies(options.folder, site, out)
        path = options.folder / "dictionaries" / "pythia-70m-deduped" / site / "10_2048" / "ae.pt"
        saes.append(influence64.AutoEncoder(torch.load(path, map_location="cpu"), "ignore"))
    count_near(model, saes, tokens, out)
    reconstruction(model, saes, tokens, out)
    with_bos(model, saes, tokens, out)
    sweep = context_sweep(options.folder, "resid_out_layer2")
    check_sweep(model, saes, tokens, sweep)
    options.out.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous() for name, value in sweep.items()}, options.out / "sweep.safetensors")
    save_file({name: value.contiguous() for name, value in out.items()}, options.out / "expected.safetensors")
    save_file(correlation(options.folder, model, saes, tokens), options.out / "correlation.safetensors")


if __name__ == "__main__":
    main()
