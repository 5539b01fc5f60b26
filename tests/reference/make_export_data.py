#!/usr/bin/env python3
"""Make tests/data/export: numbers of two sites (case.safetensors), the CSV tables and .npy files that Python and NumPy
write from them, and what repr() makes of awkward bytes (repr.txt: the bytes, the repr in UTF-8, both in hexadecimal).

usage: make_export_data.py DIRECTORY
"""
import csv
import os
import random
import shutil
import sys
import unicodedata

import numpy as np
from safetensors.numpy import save_file

out = sys.argv[1]
shutil.rmtree(out, ignore_errors=True)
os.makedirs(out)
draw = random.Random(1)


def shown(data):
    return repr(data.decode("utf-8", errors="replace"))


# --- repr ---
cases = [bytes([a]) for a in range(256)]
telling = bytes.fromhex("0027225c417f808f909fa0bfc0c2dfe0e1edeeeff0f1f4f5ff")
cases += [bytes([a, b]) for a in telling for b in telling]
cases += [bytes(draw.choice(telling) for _ in range(draw.randint(3, 6))) for _ in range(700)]
cases += [c.encode("utf-8", "surrogatepass") for c in "\ud800\udbff\udc00\udfff"] + ["\ud83d\ude00".encode("utf-16", "surrogatepass")]
# where printable characters begin and end; not at characters that this Python does not know, a later Unicode may
known = [unicodedata.category(chr(i)) != "Cn" for i in range(0x110000)]
for i in range(1, 0x110000):
    if chr(i).isprintable() != chr(i - 1).isprintable():
        cases += [chr(k).encode() for k in (i - 1, i) if known[k] and not 0xD800 <= k < 0xE000]
# soft hyphen, zero width, combining marks, emoji with joiner, private use, noncharacters, never assigned so far
cases += [s.encode() for s in (
    "", "it's", 'say "it\'s"', 'say "so"', "\\'", "a\u00a0b", "co\u00adop", "\u200b\u200e\u2028\u2029\ufeff", "e\u0301", "\u0301",
    "\U0001f468\u200d\U0001f469", "\ue000\U000f0000\U0010fffd", "\ufdd0\ufffe\U0001ffff\U0010ffff", "\u0378", "\t\n\r\v\f\x1b[0m", " \u3000")]
with open(f"{out}/repr.txt", "w") as f:
    for c in dict.fromkeys(cases):
        f.write(f"{c.hex() or '-'} {shown(c).encode().hex()}\n")

# --- two sites ---
words = [b" the", b",", b'"', b"'", b"it's", b'"\'', b"\\", b"\n", b"\r\n", b"\t", b" caf\xc3\xa9", b"\xc3", b"\xa9", b"\xe2\x80", b"\xff\xfe",
         b"", b"  ", b"\xc2\xa0", b"\xc2\xad", b"\xe2\x80\x8b", b"\xcc\x81", b"\xf0\x9f\x98\x80", b"\xee\x80\x80", b"\xed\xa0\x80",
         b"<|endoftext|>", b"a,b", b";", b" =1+1", b"\x00", b"\x7f"]
tensors = {
    "vocabulary/indptr": np.cumsum([0] + [len(w) for w in words]).astype("<i8"),
    "vocabulary/bytes": np.frombuffer(b"".join(words), "u1").copy(),
}


def pairs_of(features, common):
    """Token ids and counts of each feature, in the order in which the tokens were first seen; every third is dead."""
    seen = []
    for f in range(features):
        ids = [] if f % 3 == 2 else draw.sample(range(len(words)), draw.randint(1, 12))
        seen.append([(a, draw.choice((1, 1, 2, 3, draw.randint(1, common)))) for a in ids])
    return seen


def float32_quotient(count, n):
    """As the scripts have it: two float32 tensors divided."""
    return float(np.float32(count) / np.float32(n))


def site(name, features, n, common, published):
    seen = pairs_of(features, common)
    prefix = f"sites/{name}/sparsity/"
    count = [sum(k for _, k in s) for s in seen]
    tensors[prefix + "count"] = np.array(count, "<i8")
    tensors[prefix + "token_indptr"] = np.cumsum([0] + [len(s) for s in seen]).astype("<i8")
    ascending = [sorted((a, k, place) for place, (a, k) in enumerate(s)) for s in seen]
    flat = [e for s in ascending for e in s]
    tensors[prefix + "token_id"] = np.array([a for a, _, _ in flat], "<i4")
    tensors[prefix + "token_count"] = np.array([k for _, k, _ in flat], "<i8")
    if published:
        tensors[prefix + "token_order"] = np.array([p for _, _, p in flat], "<i4")
    else:
        tensors[prefix + "token_first"] = np.array([1000 * p + 7 for _, _, p in flat], "<i8")
    rows = []
    mean = np.full(features, np.nan)
    sd = np.full(features, np.nan)
    kept = [min(c, 10) for c in count]
    for f, s in enumerate(seen):
        top = ", ".join(f"{shown(words[a])}({k})" for a, k in sorted(s, key=lambda e: -e[1])[:5])
        positions = [draw.randint(0, n - 1) for _ in range(kept[f])]
        if positions:
            mean[f], sd[f] = np.mean(positions), np.std(positions)
        rows.append((f, count[f], f"{float32_quotient(count[f], n):.6f}", kept[f], top,
                     f"{mean[f]:.2f}" if positions else "0.00", f"{sd[f]:.2f}" if positions else "0.00"))
    with open(f"{out}/feature_sparsity_{name}.csv", "w", newline="", encoding="utf-8") as f:
        table = csv.writer(f)
        table.writerow(["feature_idx", "count", "frequency", "top_tokens"])
        table.writerows(r[:3] + r[4:5] for r in rows)
    if published:
        tensors[prefix + "position/corpus_mean"] = mean
        tensors[prefix + "position/corpus_sd"] = sd
        tensors[prefix + "position/records"] = np.array(kept, "<i8")
        with open(f"{out}/feature_location_{name}.csv", "w", newline="", encoding="utf-8") as f:
            table = csv.writer(f)
            table.writerow(["feature_idx", "count", "frequency", "num_records", "top_tokens", "avg_position", "position_std"])
            table.writerows(rows)
    else:
        tensors[prefix + "position/histogram"] = np.arange(features * 4, dtype="<i8").reshape(features, 4)
    assert not published or any(f"{float32_quotient(c, n):.6f}" != f"{c / n:.6f}" for c in count)


site("resid_out_layer0", 60, 25600, 300, published=False)
site("blocks.1.hook_resid_post", 80, 2000000, 99999, published=True)
tensors["sites/resid_out_layer0/influence/samples/profile"] = np.array([[0.5, np.nan], [np.inf, -0.0]], "<f4")
tensors["sites/resid_out_layer0/influence/samples/window"] = np.zeros(0, "<i8")
save_file(tensors, f"{out}/case.safetensors")
for name, value in tensors.items():
    os.makedirs(os.path.dirname(f"{out}/npy/{name}"), exist_ok=True)
    np.save(f"{out}/npy/{name}.npy", value)
