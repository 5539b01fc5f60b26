#!/usr/bin/env python3
"""Make tests/data/import: small files with the layout of the published scripts' (new and old torch formats, NumPy names
and keys), files made to be refused with what the message must hold (bad.table), and digest.json: what PyTorch and NumPy
read from these files and from the published ones, as sums over the datasets that a result of them must have.

usage: make_import_data.py DIRECTORY SHARED      SHARED: the folder that holds data/published-code and data/paper-results
"""
import glob
import io
import json
import os
import pickle
import shutil
import sys
import zipfile
from collections import Counter

import numpy as np
import torch

out, shared = sys.argv[1:]
shutil.rmtree(out, ignore_errors=True)
os.makedirs(f"{out}/bad")
rng = np.random.default_rng(5)
T, F, SITE = 4, 6, "resid_out_layer1"


def entropy(j):
    """Bits, in the float32 of the scripts."""
    p = (j + np.float32(1e-12)) / (j.sum() + np.float32(1e-12))
    return np.float32(-(p * np.log2(p + np.float32(1e-12))).sum())


def profile(n=T):
    return (rng.random(n) ** 3).astype(np.float32)


# --- small files of every kind ---
def sparsity(site=True, n=64, length=8):
    tokens = rng.integers(0, 30, n)
    active = rng.random((F, n)) < np.array([0.5, 0.2, 0.0, 0.05, 0.9, 0.01])[:, None]
    d = {"feature_counts": torch.tensor(active.sum(1), dtype=torch.float32)}
    d["frequencies"] = d["feature_counts"] / n
    d.update(total_tokens=n, threshold=1.0)
    if site:
        d["site"] = SITE
    counters = []
    for f in range(F):
        c = Counter()
        for t in np.flatnonzero(active[f]):
            c[int(tokens[t])] += 1
        counters.append(c)
    d["feature_token_counts"] = counters
    records = [[{"token_id": int(tokens[t]), "abs_pos": int(t), "batch_pos": int(t % length)}
                for t in np.flatnonzero(active[f])[:20]] for f in range(F)]
    return d, records


def influence():
    features = {}
    for f, n in ((9, 3), (2, 1), (40, 5)):
        rows = np.stack([profile() for _ in range(n)])
        features[f] = {"mean_influence": rows.mean(0).tolist(), "std_influence": rows.std(0).tolist(),
                       "all_influences": rows.tolist(), "num_samples": n}
    return {"feature_influences": features,
            "config": {"threshold": 1.0, "layer": 1, "site": SITE, "total_batches": 9, "batch_size": T, "min_freq": 0.001}}


def entropies():
    windows = []
    for w, active in enumerate(([3, 1, 7], [7], [], [1, 7, 20, 5])):
        j = {f: profile() for f in active}
        r = profile()
        windows.append({"batch_idx": w, "start_idx": 12 * w + 4, "feature_entropies": {f: entropy(j[f]) for f in active},
                        "token_vector_entropy": entropy(r), "num_active_features": len(active), "feature_influences": j,
                        "feature_activations": {f: float(np.float32(rng.random() + 0.2)) for f in active},
                        "token_vector_influence": r})
    return {"batch_results": windows, "plots_dir": "plots", "batch_start_indices": [w["start_idx"] for w in windows],
            "summary": {"site": SITE, "layer": 1, "num_batches": 4},
            "config": {"threshold": 0.2, "batch_size": T, "total_features": F}}


def sweep():
    points = {}
    for length, active in ((4, [5, 2]), (2, [2, 8]), (6, [2, 5, 9])):
        j = {f: profile(length) for f in active}
        points[length] = {"feature_entropies": {f: float(entropy(j[f])) for f in active},
                          "feature_activations": {f: float(f) / 4 for f in active},
                          "feature_influences": {f: j[f].tolist() for f in active}, "num_active_features": len(active)}
    return {"results_by_batch_size": points, "plots_dir": "plots", "config": {"threshold": 0.2},
            "summary": {"site": SITE, "start_idx": 100, "sub_batch_sizes": [2, 4, 6]}}


def token_vector():
    rows = np.stack([profile() for _ in range(5)])
    h = [float(entropy(r)) for r in rows]
    return {"influence_distributions": rows.tolist(), "entropies": h, "mean_influence": rows.mean(0).tolist(),
            "std_influence": rows.std(0).tolist(), "mean_entropy": float(np.mean(h)), "std_entropy": float(np.std(h)),
            "config": {"layer": 1, "site": SITE, "total_batches": 5, "batch_size": T}}


def rename_numpy(path):
    """As NumPy 1 called its modules."""
    with zipfile.ZipFile(path) as z:
        entries = [(n, z.read(n)) for n in z.namelist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as z:
        for name, data in entries:
            z.writestr(name, data.replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))


small, records = sparsity()
old, _ = sparsity(site=False)
where = {k: v for k, v in small.items() if k != "site"}
where.update(feature_activations=records, max_records_per_feature=20)
m = rng.standard_normal((3, 3)).astype(np.float32)
pairs = {"covariance_matrix": torch.from_numpy(m @ m.T), "leading_features": [0, 1, 4], "site": SITE}
made = {"sparsity": small, "location": where, "correlation": pairs, "influence": influence(), "entropies": entropies(),
        "sweep": sweep(), "token_vector": token_vector()}
for name, d in made.items():
    torch.save(d, f"{out}/{name}.pt")
torch.save(old, f"{out}/old_resid_out_layer5.pt", _use_new_zipfile_serialization=False)
large = {"feature_counts": torch.ones(1), "frequencies": torch.ones(1) / 64, "total_tokens": 64, "threshold": 1.0,
         "feature_token_counts": [Counter({50000: 1})]}
torch.save(large, f"{out}/token_large_resid_out_layer1.pt")
torch.save(made["entropies"], f"{out}/entropies_protocol4.pt", pickle_protocol=4)
torch.save(made["entropies"], f"{out}/entropies_numpy1.pt")
rename_numpy(f"{out}/entropies_numpy1.pt")
torch.save(pairs, f"{out}/correlation_legacy.pt", _use_new_zipfile_serialization=False)

# --- files to be refused: name, two texts of the message ---
bad = []


def refuse(name, data, one, two="", **options):
    if isinstance(data, bytes):
        with open(f"{out}/bad/{name}.pt", "wb") as f:
            f.write(data)
    else:
        torch.save(data, f"{out}/bad/{name}.pt", **options)
    bad.append((name, one, two))


def legacy(body):
    """A torch file of the old format around a pickle by hand."""
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}
    return (pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps(system, 2) + body +
            pickle.dumps([], 2))


class System:
    def __reduce__(self):
        return (os.system, ("echo unsafe",))


def change(kind, **keys):
    return {**made[kind], **keys}


def first_window(**keys):
    windows = [dict(w) for w in made["entropies"]["batch_results"]]
    windows[0].update(keys)
    return change("entropies", batch_results=windows)


def first_feature(**keys):
    features = dict(made["influence"]["feature_influences"])
    features[9] = {**features[9], **keys}
    return change("influence", feature_influences=features)


counters = small["feature_token_counts"]
refuse("system", change("sparsity", feature_token_counts=[System()] * F), "posix system", "refused")
refuse("object_array", first_window(token_vector_influence=np.array([{}] * T, dtype=object)), "Python objects", "f4")
refuse("big_endian", first_window(token_vector_influence=np.zeros(T, ">f4")), "not little-endian", "f4")
refuse("complex", first_window(token_vector_influence=np.zeros(T, "c8")), "dtype", "allowed: f8, f4")
refuse("record_array", first_window(token_vector_influence=np.zeros(T, [("a", "f4")])), "dtype", "allowed: f8, f4")
refuse("unknown_keys", {"alpha": 1, "beta": 2}, "alpha, beta", "sparsity, location, correlation, influence")
refuse("extra_key", change("sparsity", extra=1), "feature_token_counts, extra", "those of no published file")
refuse("a_list", [1, 2], "a list", "a dict")
refuse("counts_short", change("sparsity", frequencies=torch.zeros(F - 1)), "frequencies", f"{F - 1} values; wanted: {F}")
refuse("counts_negative", change("sparsity", feature_counts=-small["feature_counts"]), "feature_counts: value 0 is -",
       "whole numbers")
refuse("counts_fraction", change("sparsity", feature_counts=small["feature_counts"] + 0.5), "feature_counts: value 0",
       "whole numbers")
refuse("counts_nan", change("sparsity", feature_counts=small["feature_counts"] * float("nan")), "value 0 is nan", "finite")
refuse("frequency_above_1", change("sparsity", frequencies=torch.full((F,), 1.5)), "frequencies: value 0 is 1.5", "0 to 1")
refuse("counts_differ", change("sparsity", feature_counts=small["feature_counts"] + 1), "feature_token_counts[0]: counts",
       "feature_counts says")
refuse("counter_missing", change("sparsity", feature_token_counts=counters[:-1]), "feature_token_counts: 5 Counters",
       "has 6 values")
refuse("counter_text_key", change("sparsity", feature_token_counts=[Counter({"a": 1})] + counters[1:]),
       "feature_token_counts[0]: key 0 is a str", "an int")
refuse("counter_negative_key", change("sparsity", feature_token_counts=[Counter({-1: 1})] + counters[1:]),
       "feature_token_counts[0]: the key -1", "0 to 2147483647")
refuse("counter_zero", change("sparsity", feature_token_counts=[Counter({3: 0})] + counters[1:]),
       "feature_token_counts[0][3]: 0", "allowed: 1 to 64")
refuse("counter_is_list", change("sparsity", feature_token_counts=[[1]] + counters[1:]), "feature_token_counts[0]: a list",
       "a dict")
refuse("tokens_zero", change("sparsity", total_tokens=0), "total_tokens: 0", "allowed: 1 to")
refuse("tokens_text", change("sparsity", total_tokens="many"), "total_tokens: a str", "an int")
refuse("threshold_nan", change("sparsity", threshold=float("nan")), "threshold: nan", "finite")
refuse("site_number", change("sparsity", site=3), "site: a int", "a str")
refuse("site_path", change("sparsity", site="../../x"), "cannot name a site", "letters")
refuse("record_short", change("location", feature_activations=[[{"abs_pos": 1}]] + records[1:]),
       "feature_activations[0][0]: the key 'batch_pos' is missing")
refuse("record_beyond", change("location", feature_activations=[[{"abs_pos": 64, "batch_pos": 0}]] + records[1:]),
       "feature_activations[0][0].abs_pos: 64", "0 to 63")
refuse("records_too_many", change("location", feature_activations=records[:2] + [records[0]] + records[3:]),
       "feature_activations[2]", "feature_counts says 0")
refuse("matrix_not_square", change("correlation", covariance_matrix=torch.zeros(3, 2)), "covariance_matrix: 2 columns",
       "wanted: 3")
refuse("matrix_of_rank_3", change("correlation", covariance_matrix=torch.zeros(3, 3, 1)), "covariance_matrix",
       "3 dimensions")
refuse("matrix_nan", change("correlation", covariance_matrix=torch.full((3, 3), float("inf"))), "value 0 is inf", "finite")
refuse("leading_descend", change("correlation", leading_features=[4, 1, 0]), "leading_features[1]: 1 after 4", "ascending")
refuse("profile_short", first_feature(mean_influence=[0.5]), "feature_influences[9].mean_influence: 1 values", "wanted: 4")
refuse("profile_negative", first_feature(all_influences=[[-1.0, 0.0, 0.0, 1.0]], num_samples=1),
       "feature_influences[9].all_influences: value 0 is -1", "from 0")
refuse("profile_nan", first_feature(all_influences=[[0.0, float("nan"), 0.0, 1.0]], num_samples=1),
       "feature_influences[9].all_influences[0][1]: nan", "finite")
refuse("profile_ragged", first_feature(all_influences=[[0.0] * 4, [0.0] * 3], num_samples=2),
       "feature_influences[9].all_influences[1]: 3 values", "wanted: 4")
refuse("samples_differ", first_feature(num_samples=7), "feature_influences[9].num_samples: 7", "has 3 rows")
refuse("window_length_zero", change("influence", config={**made["influence"]["config"], "batch_size": 0}),
       "config.batch_size: 0", "allowed: 1 to")
refuse("entropy_nan", first_window(feature_entropies={3: np.float32("nan"), 1: np.float32(1), 7: np.float32(1)}),
       "batch_results[0].feature_entropies[3]: nan", "finite")
refuse("entropy_huge", first_window(feature_entropies={3: np.float32(1e30), 1: np.float32(1), 7: np.float32(1)}),
       "batch_results[0].feature_entropies[3]: 1e+30 bits", "log2 of 4")
refuse("entropy_text", first_window(feature_entropies={3: "high", 1: np.float32(1), 7: np.float32(1)}),
       "batch_results[0].feature_entropies[3]: a str", "a number")
refuse("features_differ", first_window(feature_activations={3: 1.0, 1: 1.0, 8: 1.0}),
       "batch_results[0].feature_activations: has feature 8", "feature_entropies has 7")
refuse("active_differ", first_window(num_active_features=4), "batch_results[0].num_active_features: 4", "has 3 features")
refuse("no_windows", change("entropies", batch_results=[]), "batch_results: no windows")
refuse("array_is_float", first_window(token_vector_influence=0.5), "batch_results[0].token_vector_influence: a float",
       "an array")
refuse("sweep_key", change("sweep", results_by_batch_size={"8": {}}), "results_by_batch_size: key 0 is a str", "an int")
refuse("sweep_length", change("sweep", results_by_batch_size={0: {}}), "results_by_batch_size: the key 0", "1 to 1048576")
refuse("sweep_empty", change("sweep", results_by_batch_size={}), "results_by_batch_size: 0 lengths")
refuse("vector_entropies", change("token_vector", entropies=[0.5]), "entropies: 1 values", "has 5 rows")
refuse("vector_empty", change("token_vector", influence_distributions=[]), "influence_distributions: no windows")
# pickles by hand
refuse("twice", legacy(b"\x80\x02}(X\x11\0\0\0covariance_matrixN" + b"X\x10\0\0\0leading_featuresN" * 2 + b"u."),
       "the key 'leading_features' is there twice")
refuse("feature_twice", legacy(b"\x80\x02}X\x12\0\0\0feature_influences}(K\x07}K\x07}us."),
       "feature_influences: the key 7 is there twice")
refuse("cycle", legacy(b"\x80\x02}X\x12\0\0\0feature_influences}q\0(K\x07h\0us."), "feature_influences[7]",
       "'mean_influence' is missing")
refuse("deep", legacy(b"\x80\x02" + b"(" * 300 + b"."), "nests deeper")
many = b"".join(b"K%cK%c" % (i, i) for i in range(1, 200))
refuse("shared", legacy(b"\x80\x02}(X\x17\0\0\0influence_distributions](](" + b"K\1" * 100 + b"eq\1" + b"h\1" * 5000 +
                        b"eX\x09\0\0\0entropies]u."), "hold one another more often")
refuse("encode_again", legacy(b"\x80\x02c_codecs\nencode\nq\0X\xc8\0\0\0" + b"x" * 200 + b"X\6\0\0\0latin1\x86q\1" +
                              b"(h\0h\1R" * 20 + b"."), "encodes the same text again and again")
refuse("not_latin1", legacy(b"\x80\x02c_codecs\nencode\nX\3\0\0\0\xe2\x82\xacX\6\0\0\0latin1\x86R."), "beyond 255")
ARRAY = b"\x80\x02cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\0\x85C\1btR(K\1%scnumpy\ndtype\n" \
        b"(X\2\0\0\0f4\x89\x88tR(K\3X\1\0\0\0<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb\x89C\4\0\0\0\0tb."
refuse("array_negative", legacy(ARRAY % b"J\xff\xff\xff\xff\x85"), "negative")
refuse("array_overflow", legacy(ARRAY % (b"\x8a\x08\0\0\0\0\0\0\0\x40" + b"K\x04\x86")), "too large")
refuse("array_wraps", legacy(ARRAY % b"\x8a\x08\1\0\0\0\0\0\0\x40\x85"), "holds 4 bytes")
refuse("array_short", legacy(ARRAY % b"K\2\x85"), "F32 [2] holds 4 bytes")
refuse("array_rank", legacy(ARRAY % (b"(" + b"K\1" * 9 + b"t")), "9 dimensions", "at most 8")
refuse("array_twice", legacy(ARRAY[:-1] % b"K\1\x85" + b"(K\1tb."), "given once")
refuse("array_called", legacy(b"\x80\x02cnumpy\nndarray\n)R."), "a call of a global ndarray")
refuse("array_without_type", legacy(b"\x80\x02cnumpy._core.multiarray\n_reconstruct\n)R."), "_reconstruct")
refuse("dtype_fields", legacy(b"\x80\x02cnumpy\ndtype\nX\2\0\0\0f4\x85R(K\3X\1\0\0\0<K\1NNtb."), "fields")
refuse("scalar_short", legacy(b"\x80\x02cnumpy._core.multiarray\nscalar\ncnumpy\ndtype\nX\2\0\0\0f8\x85RC\1a\x86R."),
       "holds 1 bytes")
refuse("counter_of_int", legacy(b"\x80\x02ccollections\nCounter\nK\1\x85R."), "Counter with arguments")
refuse("big_endian_machine", pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) +
       pickle.dumps({"little_endian": False}, 2), "little_endian")
refuse("legacy_cut", legacy(pickle.dumps({}, 2))[:-3], "ends early")
with open(f"{out}/correlation_legacy.pt", "rb") as f:
    whole = f.read()
refuse("legacy_storage_cut", whole[:-4], "a storage of 9 values", "in the last 40 bytes")
refuse("legacy_storage_size", whole[:-44] + b"\x08" + whole[-43:], "a storage of 8 values, its pickle says 9")
refuse("bare_pickle", pickle.dumps({"a": 1}, 2), "not one of torch.save")
with open(f"{out}/bad.table", "w") as f:
    for row in bad:
        f.write("|".join(row) + "\n")


# --- what a result must hold ---
def spread(j):
    """Total, entropy, participation, Renyi 2 in float64."""
    p = (j + 1e-12) / (j.sum() + 1e-12)
    p = p / p.sum()
    q = (p * p).sum()
    return j.sum(), -(p * np.log2(p)).sum(), 1 / q, -np.log2(q)


class Digest:
    def __init__(self, files, site=None):
        self.entry = {"files": files, "site": site, "datasets": [], "attributes": []}

    def data(self, name, value, tolerance, site=None, point=-1):
        x = np.asarray(value)
        v = x.astype(np.float64).ravel()
        w = np.arange(v.size) % 97 + 1.0
        ok = np.isfinite(v)
        self.entry["datasets"].append({
            "name": name, "site": site, "point": point, "dim": list(x.shape), "missing": int((~ok).sum()),
            "sum": float(v[ok].sum()), "weighted": float((v * w)[ok].sum()), "scale": float(np.abs(v * w)[ok].sum()),
            "tolerance": tolerance, "last": float(v[-1]) if v.size and ok[-1] else None})

    def attribute(self, key, value, site=None, group=None, point=-1):
        self.entry["attributes"].append({"group": group, "site": site, "point": point, "key": key, "value": value})


def digest_sparsity(g, d, site):
    base = "sites/SITE/sparsity/"
    counters = d["feature_token_counts"]
    order = [sorted(range(len(c)), key=list(c).__getitem__) for c in counters]
    keys = [list(c) for c in counters]
    g.data(base + "count", d["feature_counts"].double().round(), 0, site)
    g.data(base + "frequency", d["frequencies"].double(), 0, site)
    g.data(base + "unique_tokens", [len(c) for c in counters], 0, site)
    g.data(base + "token_indptr", np.cumsum([0] + [len(c) for c in counters]), 0, site)
    g.data(base + "token_id", [k[i] for k, o in zip(keys, order) for i in o], 0, site)
    g.data(base + "token_count", [c[k[i]] for c, k, o in zip(counters, keys, order) for i in o], 0, site)
    g.data(base + "token_order", [i for o in order for i in o], 0, site)
    h = []
    for c in counters:
        p = np.array(list(c.values()), dtype=np.float64)
        p /= max(p.sum(), 1)
        h.append(-(p * np.log2(p)).sum() + 0.0 if p.size else np.nan)
    g.data(base + "vocab_entropy", h, 1e-12, site)
    g.attribute("n_tokens", d["total_tokens"], site, base[:-1])
    g.attribute("threshold", d["threshold"], site, base[:-1])


def digest_location(g, d, site):
    base = "sites/SITE/sparsity/position/"
    lists, n = d["feature_activations"], d["total_tokens"]
    place = [np.array([r["batch_pos"] for r in x]) for x in lists]
    stream = [np.array([r["abs_pos"] for r in x]) for x in lists]
    length = 1
    while length <= max(x.max(initial=0) for x in place):
        length *= 2
    bins = min(length, 64)
    for name, rows in (("", place), ("corpus_", stream)):
        g.data(f"{base}{name}mean", [x.mean() if x.size else np.nan for x in rows], 1e-12, site)
        g.data(f"{base}{name}sd", [x.std() if x.size else np.nan for x in rows], 1e-9, site)
    g.data(base + "histogram", [np.bincount(x.astype(int) * bins // length, minlength=bins) for x in place], 0, site)
    g.data(base + "corpus_histogram", [np.bincount(x.astype(int) * 64 // n, minlength=64) for x in stream], 0, site)
    g.data(base + "records", [x.size for x in place], 0, site)
    g.attribute("window_length", length)


def digest_correlation(g, d, site):
    g.data("sites/SITE/correlation/feature", d["leading_features"], 0, site)
    g.data("sites/SITE/correlation/conditional", d["covariance_matrix"].double(), 0, site)


def digest_features(g, feature, h, window, profiles, site, point=-1, own=None):
    """Tables and means from the samples, whose entropies are h."""
    base, length = "sites/SITE/influence/", profiles.shape[1]
    names = sorted(set(feature.tolist()))
    groups = [feature == f for f in names]
    bins = np.clip(np.floor(h / max(np.log2(length), 1e-300) * 32), 0, 31).astype(int)
    g.data(base + "features/feature", names, 0, site, point)
    g.data(base + "features/samples", [m.sum() for m in groups], 0, site, point)
    g.data(base + "features/entropy_mean", [h[m].mean() for m in groups], 1e-12, site, point)
    g.data(base + "features/entropy_sd", [h[m].std() for m in groups], 1e-6, site, point)
    g.data(base + "features/entropy_histogram", [np.bincount(bins[m], minlength=32) for m in groups], 0, site, point)
    mean = own[0] if own else [profiles[m].mean(0) for m in groups]
    sd = own[1] if own else [profiles[m].std(0) for m in groups]
    g.data(base + "features/profile_mean", mean, 1e-12, site, point)
    g.data(base + "features/profile_sd", sd, 1e-7, site, point)
    each = np.array([h[m].mean() for m in groups])
    means = [("pooled", h), ("feature_mean", each)]
    if window is not None:
        count = np.bincount(window[0], minlength=window[1])
        total = np.bincount(window[0], weights=h, minlength=window[1])
        with np.errstate(invalid="ignore"):
            g.data(base + "windows/entropy_mean", total / count, 1e-12, site, point)
        g.data(base + "windows/samples", count, 0, site, point)
        means.append(("window_mean", (total[count > 0] / count[count > 0])))
    for name, x in means:
        g.attribute(name, float(x.mean()), site, base[:-1], point)
        g.attribute(name + "_sd", float(x.std()), site, base[:-1], point)
        g.attribute(name + "_n", int(x.size), site, base[:-1], point)


def digest_samples(g, feature, window, position, activation, h, profiles, site, point=-1):
    base = "sites/SITE/influence/samples/"
    rest = np.array([spread(j) for j in profiles]).reshape(len(profiles), 4)
    g.data(base + "feature", feature, 0, site, point)
    g.data(base + "window", window, 0, site, point)
    g.data(base + "position", np.full(len(feature), position), 0, site, point)
    g.data(base + "activation", np.float32(activation), 0, site, point)
    g.data(base + "entropy", np.float32(rest[:, 1] if h is None else h), 1e-6 if h is None else 0, site, point)
    for k, name in ((0, "total"), (2, "participation"), (3, "renyi2")):
        g.data(base + name, np.float32(rest[:, k]), 1e-6, site, point)
    g.data(base + "profile", np.float32(profiles), 0, site, point)
    return rest[:, 1]


def digest_influence(g, d, site):
    features = sorted(d["feature_influences"])
    rows = [np.array(d["feature_influences"][f]["all_influences"]) for f in features]
    profiles = np.concatenate(rows)
    feature = np.repeat(features, [len(r) for r in rows])
    n = len(feature)
    h = digest_samples(g, feature, np.full(n, -1), profiles.shape[1] - 1, np.full(n, np.nan), None, profiles, site)
    own = [[d["feature_influences"][f][k] for f in features] for k in ("mean_influence", "std_influence")]
    digest_features(g, feature, h, None, profiles, site, own=own)


def window_samples(d):
    f = sorted(d["feature_entropies"])
    length = max((len(x) for x in d["feature_influences"].values()), default=0)
    return (np.array(f, dtype=int), np.array([d["feature_activations"][k] for k in f]),
            np.array([np.float64(d["feature_entropies"][k]) for k in f]),
            np.array([np.asarray(d["feature_influences"][k], dtype=np.float64) for k in f]).reshape(len(f), length))


def digest_entropies(g, d, site):
    windows = d["batch_results"]
    parts = [window_samples(w) for w in windows]
    window = np.repeat(np.arange(len(windows)), [len(p[0]) for p in parts])
    feature, activation, h = (np.concatenate([p[k] for p in parts]) for k in range(3))
    profiles = np.concatenate([p[3] for p in parts if len(p[0])])
    length = profiles.shape[1]
    digest_samples(g, feature, window, length - 1, activation, h, profiles, site)
    digest_features(g, feature, h, (window, len(windows)), profiles, site)
    r = np.array([w["token_vector_influence"] for w in windows], dtype=np.float64)
    digest_vector(g, r, [np.float64(w["token_vector_entropy"]) for w in windows], site)
    g.data("windows/start", [w["start_idx"] for w in windows], 0)
    g.data("windows/length", [length] * len(windows), 0)
    if "mean_feature_entropy" in d["summary"]:
        g.attribute("window_mean", d["summary"]["mean_feature_entropy"], site, "sites/SITE/influence")


def digest_vector(g, r, h, site):
    base = "sites/SITE/influence/token_vector/residual/"
    g.data(base + "entropy", h, 0, site)
    g.data(base + "total", r.sum(1), 1e-12, site)
    g.data(base + "profile", np.float32(r), 0, site)
    g.data("readouts/window", np.arange(len(r)), 0)
    g.data("readouts/position", [r.shape[1] - 1] * len(r), 0)
    g.attribute("window_length", r.shape[1])


def digest_token_vector(g, d, site):
    digest_vector(g, np.array(d["influence_distributions"]), d["entropies"], site)


def saturation(lengths, h):
    """Least length at which h reaches 95 % of its last value, linear between the lengths that are there."""
    there = ~np.isnan(h)
    x, y, goal = np.array(lengths, dtype=float)[there], h[there], 0.95 * h[-1]
    k = int(np.argmax(y >= goal))
    if x.size == 1:
        return np.nan
    return x[0] if k == 0 else x[k - 1] + (goal - y[k - 1]) / (y[k] - y[k - 1]) * (x[k] - x[k - 1])


def digest_sweep(g, d, site):
    points = d["results_by_batch_size"]
    lengths = sorted(points)
    start = d["summary"]["start_idx"]
    g.data("points/window_length", lengths, 0)
    g.attribute("points", len(lengths))
    for k, length in enumerate(lengths):
        feature, activation, h, profiles = window_samples(points[length])
        zeros = np.zeros(len(feature), dtype=int)
        digest_samples(g, feature, zeros, length - 1, activation, h, profiles, site, k)
        digest_features(g, feature, h, (zeros, 1), profiles, site, k)
        g.data("windows/start", [start + lengths[-1] - length], 0, None, k)
        g.data("windows/length", [length], 0, None, k)
        g.data("readouts/position", [length - 1], 0, None, k)
        g.attribute("window_length", length, point=k)
    features = sorted(points[lengths[-1]]["feature_entropies"])
    h = np.array([[np.float64(points[n]["feature_entropies"].get(f, np.nan)) for n in lengths] for f in features])
    g.data("sites/SITE/sweep/feature", features, 0, site)
    g.data("sites/SITE/sweep/samples", ~np.isnan(h), 0, site)
    g.data("sites/SITE/sweep/entropy_mean", h, 0, site)
    g.data("sites/SITE/sweep/entropy_se", np.full(h.shape, np.nan), 0, site)
    each = np.array([saturation(lengths, x) for x in h])
    g.data("sites/SITE/sweep/saturation_length", each, 1e-12, site)
    g.attribute("saturation_length_mean", float(np.nanmean(each)), site, "sites/SITE/sweep")
    g.attribute("saturation_length_median", float(np.nanmedian(each)), site, "sites/SITE/sweep")
    whole = h[~np.isnan(h).any(1)]
    g.attribute("saturation_length_site_n", len(whole), site, "sites/SITE/sweep")
    g.attribute("saturation_length_site", float(saturation(lengths, whole.mean(0))), site, "sites/SITE/sweep")


entries = []


def digest(kinds, files, sites, root, option=None):
    g = Digest([f"{root}/{f}" for f in files], option)
    for kind, f, site in zip(kinds, files, sites):
        base = out if root == "own" else f"{shared}/data"
        globals()["digest_" + kind](g, torch.load(f"{base}/{f}", weights_only=False), site)
    lengths = {a["value"] for a in g.entry["attributes"] if a["key"] == "window_length" and a["point"] < 0}
    if len(lengths) > 1:  # a result has one, or none
        g.entry["attributes"] = [a for a in g.entry["attributes"] if a["key"] != "window_length"]
    entries.append(g.entry)


for name in made:
    digest([name], [f"{name}.pt"], [SITE], "own", SITE if name == "location" else None)
for name in ("entropies_protocol4", "entropies_numpy1"):
    digest(["entropies"], [f"{name}.pt"], [SITE], "own")
digest(["correlation"], ["correlation_legacy.pt"], [SITE], "own")
digest(["sparsity"], ["old_resid_out_layer5.pt"], ["resid_out_layer5"], "own")
digest(["influence", "correlation", "token_vector", "sparsity", "location"],
       ["influence.pt", "correlation.pt", "token_vector.pt", "sparsity.pt", "location.pt"], [SITE] * 5, "own")
layers = [f"resid_out_layer{k}" for k in range(3)]
code = "published-code/results/"
digest(["sparsity"] * 3, [f"{code}feature_sparsity_data_{s}.pt" for s in layers], layers, "shared")
digest(["location"], [f"{code}feature_location_data.pt"], layers[2:], "shared", layers[2])
digest(["correlation"] * 3 + ["influence"] * 3, [f"{code}{k}_{s}.pt" for k in ("correlation_matrix", "feature_token_influence")
                                                 for s in layers], layers * 2, "shared")
digest(["entropies"] * 3, [f"{code}entropy_comparison_{s}.pt" for s in layers], layers, "shared")
digest(["sweep"], [f"{code}entropy_vs_batch_size_{layers[2]}.pt"], layers[2:], "shared")
digest(["token_vector"], [f"{code}token_vector_influence_{layers[2]}.pt"], layers[2:], "shared")
digest(["sparsity"], ["paper-results/feature_sparsity_data.pt"], ["resid_out_layer3"], "shared", "resid_out_layer3")
with open(f"{out}/digest.json", "w") as f:
    f.write("[\n" + ",\n".join(
        json.dumps({**e, "datasets": None, "attributes": None}).replace('"datasets": null, "attributes": null}', "") +
        '"datasets": [\n  ' + ",\n  ".join(json.dumps(x) for x in e["datasets"]) + '],\n "attributes": [\n  ' +
        ",\n  ".join(json.dumps(x) for x in e["attributes"]) + "]}" for e in entries) + "\n]\n")
