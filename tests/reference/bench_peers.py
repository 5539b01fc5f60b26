"""Lightcone beside batched PyTorch: the same model, SAEs and windows, whole processes in alternation, ratios at the end.

    bench_peers.py [--lightcone BINARY] [--bench BINARY] [--work FOLDER] [--ranks 2] [--threads 2] [--budget 300]

Wants torch and numpy, mpirun, and the two programs; nothing of the repository but the demo's text and tokenizer (--demo).
Ratios are PyTorch's seconds over Lightcone's, a window or a token each, as computed (without start) and by the wall clock.
"""
import argparse
import glob
import json
import os
import subprocess
import sys
import time

LAYERS, WIDTH, HEADS, HEAD, FEATURES, THRESHOLD = 6, 512, 8, 64, 32768, 0.2
ROTARY = HEAD // 4
PART = 8  # of PyTorch's unit vectors for the residual one in so many is computed, and the time multiplied


# --- PyTorch: one process for each measurement ---

def read_tensors(path):
    import torch
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
        data = bytearray(file.read())
    out = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        out[name] = torch.frombuffer(data, dtype=torch.float32, count=(end - begin) // 4, offset=begin).view(entry["shape"])
    return out


class Model:
    def __init__(self, folder):
        self.weights = read_tensors(folder + "/model.safetensors")

    def linear(self, name, x):
        import torch.nn.functional as F
        return F.linear(x, self.weights[name + ".weight"], self.weights[name + ".bias"])

    def norm(self, name, x):
        import torch.nn.functional as F
        return F.layer_norm(x, (WIDTH,), self.weights[name + ".weight"], self.weights[name + ".bias"], 1e-5)

    def embed(self, tokens):
        return self.weights["gpt_neox.embed_in.weight"][tokens]

    def block(self, layer, x, angles, fused):
        """x [..., T, D]; fused attention has no batched gradient."""
        import torch
        import torch.nn.functional as F
        at = f"gpt_neox.layers.{layer}."
        qkv = self.linear(at + "attention.query_key_value", self.norm(at + "input_layernorm", x))
        q, k, v = qkv.view(*x.shape[:-1], HEADS, 3 * HEAD).transpose(-2, -3).split(HEAD, -1)
        q, k = rotate(q, *angles), rotate(k, *angles)
        if fused:
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            later = torch.ones(q.shape[-2], q.shape[-2], dtype=torch.bool).triu(1)
            mixed = torch.softmax((q @ k.transpose(-1, -2) * HEAD ** -0.5).masked_fill(later, float("-inf")), -1) @ v
        mixed = self.linear(at + "attention.dense", mixed.transpose(-2, -3).reshape(x.shape))
        inner = F.gelu(self.linear(at + "mlp.dense_h_to_4h", self.norm(at + "post_attention_layernorm", x)))
        return x + mixed + self.linear(at + "mlp.dense_4h_to_h", inner)


def angles_of(length):
    import torch
    inverse = 10000.0 ** (-2 * torch.arange(ROTARY // 2, dtype=torch.float64) / ROTARY)
    angle = torch.arange(length, dtype=torch.float64)[:, None] * inverse
    angle = torch.cat([angle, angle], -1)
    return angle.cos().float(), angle.sin().float()


def rotate(q, cos, sin):
    import torch
    turned, rest = q[..., :ROTARY], q[..., ROTARY:]
    half = torch.cat([-turned[..., ROTARY // 2:], turned[..., :ROTARY // 2]], -1)
    return torch.cat([turned * cos + half * sin, rest], -1)


def load_saes(folder):
    saes = []
    for layer in range(LAYERS):
        t = read_tensors(f"{folder}/resid_out_layer{layer}/sae_weights.safetensors")
        saes.append({"w": t["W_enc"].T.contiguous(), "b": t["b_enc"], "decoder": t["W_dec"]})
    return saes


class Window:
    """A graph a block, so that all features of all sites go down together and no row passes a block for nothing."""

    def __init__(self, model, tokens):
        angles, x = angles_of(len(tokens)), model.embed(tokens)
        self.ins, self.outs = [], []
        for layer in range(LAYERS):
            x = x.detach().requires_grad_(True)
            self.ins.append(x)
            x = model.block(layer, x, angles, False)
            self.outs.append(x)

    def descend(self, seeds, chunk):
        """seeds: for every site [A, D]. Gradients [sum A, T, D], those of the deepest site first."""
        import torch
        rows = self.ins[0].new_zeros(0, *self.ins[0].shape)
        for layer in reversed(range(LAYERS)):
            own = rows.new_zeros(len(seeds[layer]), *rows.shape[1:])
            own[:, -1] = seeds[layer]
            rows = torch.cat([rows, own])
            rows = torch.cat([torch.autograd.grad(self.outs[layer], self.ins[layer], part, is_grads_batched=True,
                                                  retain_graph=True)[0] for part in rows.split(chunk)])
        return rows


def measure(window, saes, vector, chunk):
    """[(active features, J [A, T], R [T] or None)] of every site; and the seconds that the unit vectors took."""
    import torch
    z = [torch.addmv(sae["b"], sae["w"], window.outs[i][-1].detach()) for i, sae in enumerate(saes)]
    lowest = 0.0 if vector == "reconstruction" else THRESHOLD
    live = [torch.nonzero(each > lowest).flatten() for each in z]
    rows = window.descend([sae["w"][f] for sae, f in zip(saes, live)], chunk)
    parts = rows.split([len(f) for f in reversed(live)])[::-1]
    found = []
    for sae, f, each, part in zip(saes, live, z, parts):
        r = None
        if vector == "reconstruction":
            columns, flat = sae["decoder"][f], part.flatten(1)
            r = ((columns @ columns.T @ flat) * flat).view(part.shape).sum((0, 2))
        above = each[f] > THRESHOLD
        found.append((f[above], part[above].square().sum(-1), r))
    start = time.perf_counter()
    if vector == "residual":
        unit = torch.eye(WIDTH)[::PART]
        rows = window.descend([unit] * LAYERS, chunk)
        rows.square().sum(-1)
    return found, time.perf_counter() - start


def best_chunk(window, saes, length):
    """The fastest of some, on features alone."""
    best = None
    for rows in (512, 1024, 2048, 4096) if length < 512 else (1024, 4096):
        start = time.perf_counter()
        measure(window, saes, "none", max(rows // length, 1))
        took = time.perf_counter() - start
        if best is None or took < best[0]:
            best = (took, max(rows // length, 1))
    return best[1]


def peer_influence(model, saes, stream, row):
    length = row["length"]
    windows = stream[:row["peer_windows"] * length].view(-1, length)
    begun = time.perf_counter()
    chunk = row.get("chunk") or best_chunk(Window(model, windows[0]), saes, length)
    tuning = time.perf_counter() - begun
    seconds, active, kept = 0.0, 0, {}
    for i, tokens in enumerate(windows):
        start = time.perf_counter()
        found, unit = measure(Window(model, tokens), saes, row["vector"], chunk)
        seconds += time.perf_counter() - start + (PART - 1) * unit
        active += sum(len(f) for f, _, _ in found)
        if i == 0:
            kept = {f"{name}{layer}": value.tolist() for layer, (f, j, r) in enumerate(found)
                    for name, value in (("feature", f), ("J", j), ("R", r)) if value is not None}
    return {"seconds": seconds / len(windows), "active": active, "chunk": chunk, "tuning": tuning,
            "first": kept if row.get("check") else {}}


def peer_sparsity(model, saes, stream, row):
    import torch
    length, batch = row["length"], 8
    dtype = torch.bfloat16 if row["name"].endswith("bf16") else torch.float32
    saes = [{name: value.to(dtype) for name, value in sae.items()} for sae in saes]
    windows = stream[:row["windows"] * length].view(-1, length)
    angles = angles_of(length)
    counts = torch.zeros(LAYERS, FEATURES, dtype=torch.int64)
    pairs = [[] for _ in saes]
    with torch.inference_mode():
        start = time.perf_counter()
        for tokens in windows.split(batch):
            x = model.embed(tokens)
            for layer, sae in enumerate(saes):
                x = model.block(layer, x, angles, True)
                z = torch.addmm(sae["b"], x.flatten(0, 1).to(dtype), sae["w"].T)
                position, feature = torch.nonzero(z > THRESHOLD, as_tuple=True)
                counts[layer] += torch.bincount(feature, minlength=FEATURES)
                pairs[layer].append(feature * 50304 + tokens.flatten()[position])
        for each in pairs:
            torch.cat(each).unique(return_counts=True)
        seconds = time.perf_counter() - start
    return {"seconds": seconds / len(windows), "active": counts.sum().item(),
            "first": {"count": counts.tolist()} if row.get("check") else {}}


def worker(options):
    import numpy
    import torch
    row = json.loads(options.worker)
    torch.set_num_threads(options.threads)
    model, saes = Model(options.work + "/model"), load_saes(options.work + "/sae")
    cache = max(glob.glob(options.work + "/cache/tokens-*.bin"), key=os.path.getmtime)
    stream = torch.from_numpy(numpy.fromfile(cache, dtype=numpy.int32, offset=512).astype(numpy.int64))
    run = peer_sparsity if row["job"] == "sparsity" else peer_influence
    print(json.dumps(run(model, saes, stream, row)))


# --- both sides as processes ---

def run(command, options):
    environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                       OMPI_MCA_rmaps_base_oversubscribe="1", OMP_NUM_THREADS=str(options.threads))
    start = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout, time.perf_counter() - start


def own(row, options, ranks=None):
    """One run of the program; seconds a window."""
    vector = f"[{row['vector']}]" if row["vector"] != "none" else "[]"
    config = {"job": row["job"], "model": {"path": "model"}, "sae": {"path": "sae/resid_out_layer{layer}"},
              "corpus": {"path": "corpus.txt"}, "threshold": THRESHOLD, "output": "peer.h5",
              "windows": {"length": row["length"], "count": row["windows"]}}
    if row["job"] == "influence":
        config.update(token_vector=vector)
    if row.get("unit"):
        config.update(unit={"windows": row["unit"]})
    path = options.work + "/peer.yaml"
    with open(path, "w") as file:  # JSON is YAML, but for the list of words
        file.write(json.dumps(config).replace(f'"{vector}"', vector))
    _, wall = run([options.mpirun, "-n", str(ranks or options.ranks), options.lightcone, "run", path, "--fresh"], options)
    with open(options.work + "/peer.run.json") as file:
        record = json.load(file)
    return {"seconds": record["compute_seconds"] / row["windows"], "wall": wall, "record": record}


def peer(row, options):
    text, wall = run([sys.executable, __file__, "--work", options.work, "--threads", str(options.threads), "--worker",
                      json.dumps(row)], options)
    found = json.loads(text)
    return {**found, "wall": wall - found.get("tuning", 0.0)}


def exported(options, name):
    import numpy
    return numpy.load(f"{options.work}/peer_export/npy/{name}.npy")


def check(options):
    """Both must find the same before they are compared in speed."""
    import numpy
    row = {"name": "check", "job": "influence", "vector": "reconstruction", "length": 64, "windows": 1, "peer_windows": 1,
           "check": True, "chunk": 16}
    worst = {"J": 0.0, "reconstruction": 0.0}
    own(row, options, 1)
    found = peer(row, options)["first"]
    run([options.lightcone, "export", options.work + "/peer.h5", "-o", options.work + "/peer_export"], options)
    for layer in range(LAYERS):
        site = f"sites/resid_out_layer{layer}/influence/"
        features, profiles = exported(options, site + "features/feature"), exported(options, site + "features/profile_mean")
        mine = dict(zip(features.tolist(), profiles))
        theirs = dict(zip(found[f"feature{layer}"], numpy.array(found[f"J{layer}"])))
        if len(mine.keys() ^ theirs.keys()) > 1 or not mine:
            sys.exit(f"site {layer}: {len(mine)} and {len(theirs)} active features, {len(mine.keys() ^ theirs.keys())} differ")
        for f in mine.keys() & theirs.keys():
            worst["J"] = max(worst["J"], abs(mine[f] - theirs[f]).max() / mine[f].max())
        r = exported(options, site + "token_vector/reconstruction/profile")[0]
        worst["reconstruction"] = max(worst["reconstruction"], abs(r - numpy.array(found[f"R{layer}"])).max() / r.max())
    if not max(worst.values()) < 1e-4:
        sys.exit(f"the two disagree: {worst}")
    row.update(job="sparsity", vector="none", length=128, windows=4)
    own(row, options, 1)
    theirs = numpy.array(peer(row, options)["first"]["count"])
    run([options.lightcone, "export", options.work + "/peer.h5", "-o", options.work + "/peer_export"], options)
    mine = numpy.stack([exported(options, f"sites/resid_out_layer{layer}/sparsity/count") for layer in range(LAYERS)])
    differ = abs(mine - theirs).sum()
    if mine.sum() == 0 or differ > 2 + 1e-4 * mine.sum():
        sys.exit(f"counts of active features differ by {differ} of {mine.sum()}")
    print(f"the two agree: J to {worst['J']:.1e} and reconstruction to {worst['reconstruction']:.1e} of the largest, "
          f"{differ} of {mine.sum()} activations differ", flush=True)


def spread(values):
    values = sorted(values)
    return f"{values[0]:7.2f} {values[len(values) // 2]:7.2f} {values[-1]:7.2f}"


def alternate(row, rounds, options):
    """Pairs of whole processes, one side after the other, the first side changing."""
    pairs = []
    for i in range(rounds):
        sides = {}
        for side in ((own, peer), (peer, own))[i % 2]:
            sides[side] = side(row, options)
            if side is peer:
                row["chunk"] = sides[side].get("chunk")
        pairs.append((sides[own], sides[peer]))
    a, b = [p[0]["seconds"] for p in pairs], [p[1]["seconds"] for p in pairs]
    unit = row["length"] if row["job"] == "sparsity" else 1
    show = (lambda v: f"{unit / v:9.0f} /s") if unit > 1 else (lambda v: f"{v:9.3f} s ")
    note = f"PyTorch: 1 of {PART} unit vectors, scaled" if row["vector"] == "residual" else ""
    if row.get("peer_windows", row["windows"]) != row["windows"]:
        wall, note = " " * 23, note or f"PyTorch: {row['peer_windows']} of {row['windows']} windows"
    else:
        wall = spread([p[1]["wall"] / p[0]["wall"] for p in pairs])
    if row["vector"] == "residual":
        wall = " " * 23
    print(f"{row['name']:25}{show(sorted(b)[rounds // 2])} {show(sorted(a)[rounds // 2])}   "
          f"{spread([y / x for x, y in zip(a, b)])}   {wall}  {note}", flush=True)
    return {"row": row, "lightcone": a, "pytorch": b, "wall": [[p[0]["wall"], p[1]["wall"]] for p in pairs]}


def compare_ranks(row, rounds, options):
    times = [(own(row, options, 1)["seconds"], own(row, options)["seconds"]) for _ in range(rounds)]
    print(f"{options.ranks} ranks against 1: {spread([one / more for one, more in times])}  times as fast (features, T = 64)")
    return times


def rows_of(scale, ranks):
    def whole(n):
        return max(int(n * scale) // ranks, 1) * ranks
    influence = {"job": "influence", "length": 64}
    sparsity = {"job": "sparsity", "vector": "none", "length": 128, "windows": 8 * max(int(4 * scale), 1)}
    some = whole(4)
    return [({"name": "sparsity", **sparsity}, 3), ({"name": "sparsity, PyTorch bf16", **sparsity}, 3),
            ({"name": "features", **influence, "vector": "none", "windows": whole(8), "peer_windows": whole(8)}, 3),
            ({"name": "and reconstruction", **influence, "vector": "reconstruction", "windows": some, "peer_windows": some}, 3),
            ({"name": "and residual", **influence, "vector": "residual", "windows": ranks, "peer_windows": 1, "unit": 1},
             3 if scale > 1 else 1),
            ({"name": "reconstruction, T = 1024", **influence, "vector": "reconstruction", "length": 1024, "windows": ranks,
              "peer_windows": 1, "unit": 1}, 3 if scale > 1 else 1)]


def prepare(options):
    if not os.path.exists(options.work + "/complete"):
        print(f"making random weights in {options.work}", flush=True)
        run([options.mpirun, "-n", str(options.ranks), options.bench, "model", options.work], options)
        open(options.work + "/complete", "w").close()
    for source, target in (("model/tokenizer.json", "model/tokenizer.json"), ("corpus.txt", "corpus.txt")):
        with open(f"{options.demo}/{source}", "rb") as a, open(f"{options.work}/{target}", "wb") as b:
            b.write(a.read())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lightcone", default="build/release/lightcone")
    parser.add_argument("--bench", default="build/release/bench/bench")
    parser.add_argument("--mpirun", default="mpirun")
    parser.add_argument("--demo", default="configs/demo", help="folder with corpus.txt and model/tokenizer.json")
    parser.add_argument("--work", default="build/release/bench/pythia-70m-shape")
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2, help="of PyTorch")
    parser.add_argument("--budget", type=float, default=300, help="seconds, roughly; less work and fewer rounds below")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.work = os.path.abspath(options.work)
    if options.worker:
        worker(options)
        return
    prepare(options)
    check(options)
    scale, begun = min(options.budget / 300, 4.0), time.perf_counter()
    print(f"{options.ranks} ranks beside PyTorch on {options.threads} threads; medians, and ratios as min, median, max\n"
          f"{'':25}{'PyTorch':>11} {'Lightcone':>12}   {'computing':^23}   {'by the wall clock':^23}", flush=True)
    result = {"rows": [], "ranks": options.ranks, "threads": options.threads}
    rows = rows_of(scale, options.ranks)
    for row, rounds in rows:
        if time.perf_counter() - begun > options.budget:
            print(f"{row['name']:25}left out: the budget of {options.budget:.0f} s is spent")
            continue
        result["rows"].append(alternate(row, rounds if scale > 0.5 else 1, options))
    result["one_and_more_ranks"] = compare_ranks(rows[2][0], 3 if scale > 0.5 else 1, options)
    with open(options.work + "/../peers.json", "w") as file:
        json.dump(result, file, indent=1)


if __name__ == "__main__":
    main()
