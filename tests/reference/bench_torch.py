"""The two heavy measurements in batched float32 PyTorch: what Lightcone's speed is compared with.

    bench_torch.py MODEL_DIR SAE_DIR TEXT [--windows N] [--token-vector residual|reconstruction|none]

Influence: windows of 64 tokens, readout at the last, all features above the threshold at every site,
gradients in batches (torch.autograd.grad with is_grads_batched). Sparsity: windows of 128 tokens, counts
of every feature and of every (feature, token id) pair. Bias rule: own.
"""
import argparse
import time
from pathlib import Path

import torch
from tokenizers import Tokenizer

import influence64
import neox64
from fused import Model


def load_saes(folder, layers, dtype=torch.float32):
    saes = {}
    for layer in range(layers):
        path = folder / f"resid_out_layer{layer}/ae.pt"
        if path.exists():
            state = torch.load(path, weights_only=True)
            saes[layer] = influence64.AutoEncoder(state, "own", dtype)
    return saes


def gradient_rows(output, x, seeds, chunk):
    """[A, T, D], chunk seeds at a time."""
    return torch.cat([influence64.gradients(output, x, part) for part in seeds.split(chunk)])


def gradient_energies(output, x, seeds, chunk):
    """[A, T], chunk seeds at a time."""
    parts = seeds.split(chunk)
    return torch.cat([influence64.energy(influence64.gradients(output, x, part)) for part in parts])


def measure_site(output, x, sae, options):
    """J [A, T] and entropies [A] of the active features of one site, R [T] or None, and the features."""
    z = sae.preactivation(output.detach())
    active = torch.nonzero(z > options.threshold).flatten()
    vector = None
    if options.token_vector == "reconstruction":
        live = torch.nonzero(z > 0).flatten()
        rows = gradient_rows(output, x, sae.encoder[live], options.chunk)
        columns = sae.decoder[:, live]
        flat = rows.flatten(1)
        vector = ((columns.T @ columns @ flat) * flat).view(rows.shape).sum((0, 2))
        profile = influence64.energy(rows[torch.isin(live, active)])
    else:
        profile = gradient_energies(output, x, sae.encoder[active], options.chunk)
    if options.token_vector == "residual":
        identity = torch.eye(len(output), dtype=x.dtype)
        vector = gradient_energies(output, x, identity, options.chunk).sum(0)
    return active, profile, influence64.entropy(profile), vector


def measure_window(model, saes, tokens, options):
    x = model.embed(tokens).detach().requires_grad_(True)
    outputs = model.forward(x)
    return {layer: measure_site(outputs[layer][-1], x, sae, options) for layer, sae in saes.items()}


def time_influence(model, saes, stream, options):
    length = options.length
    windows = stream[:options.windows * length].view(-1, length)
    measure_window(model, saes, windows[0], options)
    start = time.perf_counter()
    samples, total = 0, 0.0
    for tokens in windows:
        for active, _, entropy, _ in measure_window(model, saes, tokens, options).values():
            samples += len(active)
            total += entropy.double().sum().item()
    seconds = (time.perf_counter() - start) / len(windows)
    print(f"influence, token vector {options.token_vector}: {seconds:.3f} s/window over {len(windows)} "
          f"windows of {length} tokens; {samples / len(windows) / len(saes):.1f} features a site, "
          f"mean entropy {total / max(samples, 1):.4f} bits", flush=True)


@torch.no_grad()
def time_sparsity(model, saes, stream, options):
    """Whole windows of 128 tokens, options.batch of them at once."""
    length = 128
    count = min(options.sparsity_tokens, len(stream)) // length // options.batch * options.batch
    windows = stream[:count * length].view(-1, options.batch, length)
    if len(windows) == 0:
        return
    counts = {layer: torch.zeros(len(sae.encoder), dtype=torch.int64) for layer, sae in saes.items()}
    pairs = {layer: [] for layer in saes}
    start = time.perf_counter()
    for tokens in windows:
        outputs = model.forward(model.embed(tokens))
        for layer, sae in saes.items():
            z = sae.preactivation(outputs[layer].flatten(0, 1))
            position, feature = torch.nonzero(z > options.threshold, as_tuple=True)
            counts[layer] += torch.bincount(feature, minlength=len(sae.encoder))
            pairs[layer].append(feature * model.config.vocab + tokens.flatten()[position])
    distinct = {layer: len(torch.cat(p).unique(return_counts=True)[0]) for layer, p in pairs.items()}
    seconds = time.perf_counter() - start
    tokens = count * length
    mean = sum(c.sum().item() for c in counts.values()) / tokens / len(saes)
    print(f"sparsity, {len(saes)} sites: {tokens / seconds:.0f} tokens/s over {tokens} tokens; {mean:.1f} "
          f"features a token and site, {sum(distinct.values())} (feature, token id) pairs", flush=True)


def check(model, saes, folder, sae_folder, stream, options):
    """The first window against the float64 reference: two features a site, and R at the lowest site."""
    tokens = stream[:options.length]
    found = measure_window(model, saes, tokens, options)
    config, weights = neox64.load_model(folder)
    x = neox64.embed(weights, tokens)
    outputs = neox64.forward(weights, config, x)
    for layer, (active, profile, entropy, vector) in found.items():
        sae = load_saes(sae_folder, layer + 1, torch.float64)[layer]
        expected = influence64.measure_features(outputs[layer][-1], x, sae, active[:2])
        worst = ((profile[:2] - expected).abs().amax(-1) / expected.amax(-1)).max().item()
        bits = (entropy[:2] - influence64.entropy(expected)).abs().max().item()
        text = f"site {layer}: {len(active)} active; J differs by {worst:.1e}, entropy by {bits:.1e} bits"
        if vector is not None and layer == min(found):
            exact = (influence64.measure_residual(outputs[layer][-1], x) if options.token_vector == "residual"
                     else influence64.reconstruction_from_rows(outputs[layer][-1], x, sae))
            text += f"; {options.token_vector} by {((vector - exact).abs().max() / exact.max()).item():.1e}"
        print(text, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("sae", type=Path)
    parser.add_argument("text", type=Path)
    parser.add_argument("--windows", type=int, default=10)
    parser.add_argument("--length", type=int, default=64)
    parser.add_argument("--token-vector", choices=["residual", "reconstruction", "none"], default="none")
    parser.add_argument("--threshold", type=float, default=0.2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--chunk", type=int, default=16, help="gradients in one batch")
    parser.add_argument("--batch", type=int, default=4, help="windows in one batch of sparsity")
    parser.add_argument("--sparsity-tokens", type=int, default=8192, help="0: no sparsity")
    parser.add_argument("--check", action="store_true", help="compare a window with float64, no timing")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    characters = 16 * max(options.windows * options.length, options.sparsity_tokens) + 4096
    text = options.text.read_text(encoding="utf-8")[:characters]
    tokenizer = Tokenizer.from_file(str(options.model / "tokenizer.json"))
    stream = torch.tensor(tokenizer.encode(text, add_special_tokens=False).ids)
    model = Model.load(options.model)
    saes = load_saes(options.sae, model.config.layers)
    model.fused = False
    if options.check:
        check(model, saes, options.model, options.sae, stream, options)
        return
    if options.windows:
        time_influence(model, saes, stream, options)
    if options.sparsity_tokens:
        model.fused = True
        time_sparsity(model, saes, stream, options)


if __name__ == "__main__":
    main()
