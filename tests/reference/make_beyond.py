"""What the influence and contexts jobs must derive beyond single samples, in float64, for ../data/beyond.

    make_beyond.py ../../configs/demo --out ../data/beyond/expected.safetensors

On the demo's model, SAEs and corpus: the strongest contexts of 61 features; means of entropy by activation and by readout
position with their bootstrap intervals; participation and Renyi-2 means; the share of the token vector's influence that
the features explain and the overlap of the two profiles; samples of windows that end on the strongest activations. The
configurations beside the output say the same to Lightcone. Values that float32 may order otherwise are refused.
"""
import argparse
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer

import influence64
import neox64

LAYERS, TOKENS, LENGTH, WINDOWS, POSITIONS = [1, 4], 610, 12, 6, [3, 11]
FEATURES = sorted(set(range(0, 1024, 16)) - {512, 816, 880})     # these have windows that begin with the same token
KEPT, TOP, LONGER = 3, 2, 20
THRESHOLD, SEED, ROUNDS, CLASSES = 0.2, 3, 1000, 10
MARGIN = 2e-5           # no decision is nearer


# --- resampling: Philox4x32-10, vectorised -----------------------------------------------------------------------------

def philox(seed, stream, counters):
    word, shift = np.uint64(0xFFFFFFFF), np.uint64(32)
    counters = counters.astype(np.uint64)
    c = [counters & word, counters >> shift, np.full_like(counters, stream), np.zeros_like(counters)]
    k = [np.uint64(seed), np.uint64(0)]
    for _ in range(10):
        p0, p1 = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [(p1 >> shift) ^ c[1] ^ k[0], p1 & word, (p0 >> shift) ^ c[3] ^ k[1], p0 & word]
        k = [(k[0] + np.uint64(0x9E3779B9)) & word, (k[1] + np.uint64(0xBB67AE85)) & word]
    return (c[1] << shift) | c[0]


def draws(windows):
    """times [ROUNDS, windows]: how often each resampling has each window."""
    times = np.zeros((ROUNDS, windows))
    for number in range(ROUNDS):
        bits = philox(SEED, number + 1, np.arange(windows))
        for value in bits.tolist():
            times[number, value * windows >> 64] += 1
    return times


def interval(estimate, means):
    means = means[~np.isnan(means)]
    low, high = np.quantile(means, [0.025, 0.975])
    return estimate + low - means.mean(), estimate + high - means.mean()


def ratio(weights, above, below):
    with np.errstate(invalid="ignore"):
        return weights @ above / (weights @ below)


def by_window(values, window, windows):
    """Sums and counts of values in each window."""
    return np.bincount(window, values, windows), np.bincount(window, minlength=windows).astype(float)


def summarise(values, window, windows):
    """mean, sd, low, high, n of all values."""
    sums = by_window(values, window, windows)
    low, high = interval(values.mean(), ratio(draws(windows), *sums))
    return [values.mean(), values.std(), low, high, len(values)]


def summarise_means(values, window, group, windows):
    """The same of the mean over the groups' means."""
    groups = np.unique(group)
    means = np.array([values[group == g].mean() for g in groups])
    times = draws(windows)
    each = np.stack([ratio(times, *by_window(values[group == g], window[group == g], windows)) for g in groups])
    low, high = interval(means.mean(), np.nanmean(each, 0))
    return [means.mean(), means.std(), low, high, len(groups)]


# --- the demo's numbers -------------------------------------------------------------------------------------------------

class Demo:
    def __init__(self, folder):
        self.config, self.weights = neox64.load_model(folder / "model")
        tokenizer = Tokenizer.from_file(str(folder / "model/tokenizer.json"))
        text = (folder / "corpus.txt").read_text(encoding="utf-8")
        self.stream = torch.tensor(tokenizer.encode(text, add_special_tokens=False).ids[:TOKENS])
        self.sae = {layer: influence64.AutoEncoder(torch.load(folder / f"sae/resid_out_layer{layer}/ae.pt"))
                    for layer in LAYERS}

    def run(self, start, length):
        """x and the outputs of all blocks over one window."""
        x = neox64.embed(self.weights, self.stream[start:start + length])
        return x, neox64.forward(self.weights, self.config, x)

    def active(self, layer, y, features=slice(None)):
        f = self.sae[layer].encode(y).detach()[..., features]
        assert (f - THRESHOLD).abs().min() > MARGIN, "an activation at the threshold"
        return f


def read_windows(demo, layer):
    """Samples and token vectors at both readouts of every window, as lists of columns."""
    rows, vectors = [], []
    for window in range(WINDOWS):
        x, outputs = demo.run(window * LENGTH, LENGTH)
        for at in POSITIONS:
            y = outputs[layer][at]
            f = demo.active(layer, y)
            chosen = torch.nonzero(f > THRESHOLD).flatten()
            j = influence64.measure_features(y, x, demo.sae[layer], chosen)[:, :at + 1]
            rows += zip([window] * len(chosen), [at] * len(chosen), chosen.tolist(), f[chosen].tolist(),
                        influence64.entropy(j).tolist(), influence64.participation(j).tolist(),
                        influence64.renyi2(j).tolist())
            r = torch.stack([influence64.measure_residual(y, x), influence64.measure_reconstruction(y, x, demo.sae[layer])])
            vectors.append((window, r[:, :at + 1]))
    return [np.array(column) for column in zip(*rows)], vectors


def strengths(activation, window, entropy):
    order = np.argsort(activation, kind="stable")
    count = len(order)
    group = np.empty(count, int)
    group[order] = np.arange(count) * CLASSES // count
    edges = [activation[order[i]] - activation[order[i - 1]] for i in range(1, count)
             if group[order[i]] != group[order[i - 1]]]
    assert min(edges) > MARGIN, "two activations at the edge of a class are too close"
    found = []
    for q in range(CLASSES):
        f = activation[group == q]
        found.append([f.min(), f.max(), *summarise(entropy[group == q], window[group == q], WINDOWS)])
    return found


def vector_numbers(vectors):
    window = np.array([w for w, _ in vectors])
    entropy = np.array([influence64.entropy(r).tolist() for _, r in vectors])
    total = np.array([r.sum(-1).tolist() for _, r in vectors])
    overlap = np.array([influence64.shares(r).amin(0).sum().item() for _, r in vectors])
    sums = np.stack([np.bincount(window, total[:, k], WINDOWS) for k in (0, 1)])
    share = sums[1].sum() / sums[0].sum()
    low, high = interval(share, ratio(draws(WINDOWS), sums[1], sums[0]))
    return {"residual_entropy": summarise(entropy[:, 0], window, WINDOWS),
            "reconstruction_entropy": summarise(entropy[:, 1], window, WINDOWS),
            "share_explained": summarise(total[:, 1] / total[:, 0], window, WINDOWS),
            "share_explained_of_sums": [share, np.nan, low, high, len(window)],
            "profile_overlap": summarise(overlap, window, WINDOWS)}


def influence(demo, layer):
    (window, position, feature, activation, h, participation, renyi2), vectors = read_windows(demo, layer)
    assert len(np.unique(window)) == WINDOWS
    found = {"samples": [len(h)], "by_activation": strengths(activation, window, h),
             "by_position": [[at, *summarise(h[position == at], window[position == at], WINDOWS)]
                             for at in POSITIONS]}
    for name, values in {"pooled": h, "participation_pooled": participation, "renyi2_pooled": renyi2}.items():
        found[name] = summarise(values, window, WINDOWS)
    means = {"feature_mean": h, "participation_feature_mean": participation, "renyi2_feature_mean": renyi2}
    for name, values in means.items():
        found[name] = summarise_means(values, window, feature, WINDOWS)
    return found | vector_numbers(vectors)


def contexts(demo, layer):
    """feature, window, position, value of the strongest windows of each feature."""
    f = []
    for start in range(0, TOKENS, LENGTH):
        length = min(LENGTH, TOKENS - start)
        f.append(demo.active(layer, demo.run(start, length)[1][layer], FEATURES).numpy())
    rows = []
    for column, feature in enumerate(FEATURES):
        peaks = [(-part[:, column].max(), w, part[:, column].argmax()) for w, part in enumerate(f)
                 if part[:, column].max() > THRESHOLD]
        peaks.sort()
        values = [peak[0] for peak in peaks[:KEPT + 1]]
        assert all(b - a > MARGIN for a, b in zip(values, values[1:])), f"two contexts of {feature} are too close"
        rows += [(feature, w, p, -v) for v, w, p in peaks[:KEPT]]
    return rows


def top_activations(demo, layer, rows):
    """stream index, feature, entropy of the strongest contexts, and how many are left out and inactive."""
    found, left_out, inactive, rank, last = [], 0, 0, 0, -1
    for feature, window, position, _ in rows:
        rank, last = rank + 1 if feature == last else 0, feature
        end = window * LENGTH + int(position)
        if rank >= TOP:
            continue
        if end + 1 < LONGER:
            left_out += 1
            continue
        x, outputs = demo.run(end + 1 - LONGER, LONGER)
        y = outputs[layer][-1]
        if demo.active(layer, y, [feature])[0] <= THRESHOLD:
            inactive += 1
            continue
        j = influence64.measure_features(y, x, demo.sae[layer], [feature])
        found.append((end, feature, influence64.entropy(j)[0].item()))
    return sorted(found), [left_out, inactive]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("demo", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    assert philox(1, 2, np.array([3]))[0] != philox(1, 2, np.array([4]))[0]
    demo, stored = Demo(options.demo), {}
    for layer in LAYERS:
        at = f"resid_out_layer{layer}/"
        for name, value in influence(demo, layer).items():
            stored[at + name] = torch.tensor(np.array(value), dtype=torch.float64)
        rows = contexts(demo, layer)
        stored[at + "contexts"] = torch.tensor(rows, dtype=torch.float64)
        found, counts = top_activations(demo, layer, rows)
        stored[at + "top"] = torch.tensor(found, dtype=torch.float64)
        stored[at + "top_counts"] = torch.tensor(counts, dtype=torch.float64)
        print(f"layer {layer}: {int(stored[at + 'samples'][0])} samples, {len(rows)} contexts, {len(found)} of them read "
              f"out, left out and inactive {counts}, share {stored[at + 'share_explained'][0].item():.4f}")
    save_file(stored, options.out)
    options.out.chmod(0o644)


if __name__ == "__main__":
    main()
