#!/usr/bin/env python3
"""Recompute the numbers of configs/demo/README.md from the demo's own files, as Markdown tables.

DEMO is the folder with corpus.txt, model/ and sae/; TEXT is the text the model was trained on. The model and the SAEs
are read back from their files and measured on the last 200,000 tokens of TEXT, which training never saw. Needs torch,
transformers, tokenizers and numpy; about three minutes on one core.
"""
import argparse
import json
import os
import re
import sys
from collections import defaultdict

import numpy
import torch
from tokenizers import Tokenizer

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from train_model import mean_loss, read_plain, split_tokens
from train_sae import LENGTH, ResidualReader

SMOOTHING = 0.1
LEAST_RUN = 6                    # words; shorter shared runs are not looked for


def unigram_loss(ids, held, vocab):
    counts = numpy.bincount(ids, minlength=vocab)
    return -numpy.log((counts[held] + SMOOTHING) / (len(ids) + SMOOTHING * vocab)).mean()


def bigram_loss(ids, held, vocab):
    pairs, counts = numpy.unique(ids[:-1] * vocab + ids[1:], return_counts=True)
    wanted = held[:-1] * vocab + held[1:]
    at = numpy.minimum(numpy.searchsorted(pairs, wanted), len(pairs) - 1)
    found = numpy.where(pairs[at] == wanted, counts[at], 0)
    before = numpy.bincount(ids[:-1], minlength=vocab)[held[:-1]]
    return -numpy.log((found + SMOOTHING) / (before + SMOOTHING * vocab)).mean()


def print_losses(reader, ids, held, corpus):
    vocab = reader.model.config.vocab_size
    train, test = ids.numpy(), held.numpy()
    rows = [("unigram counts, held-out text", unigram_loss(train, test, vocab)),
            ("bigram counts, held-out text", bigram_loss(train, test, vocab)),
            ("model, held-out text, windows of 128", mean_loss(reader.model, held, 128)),
            ("model, held-out text, windows of 64", mean_loss(reader.model, held, LENGTH)),
            ("bigram counts, corpus.txt", bigram_loss(train, corpus.numpy(), vocab)),
            ("model, corpus.txt, windows of 128", mean_loss(reader.model, corpus, 128))]
    print("| predictor | loss (nats a token) | perplexity |\n|---|---|---|")
    for name, loss in rows:
        print(f"| {name} | {loss:.3f} | {numpy.exp(loss):.1f} |")


def read_sae(folder):
    """The four tensors of an AutoEncoder, float32, and the largest distance of a decoder column's norm from one."""
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
        kind = json.load(file)["trainer"]["dict_class"]
    if kind != "AutoEncoder":
        raise SystemExit(f"{folder}/config.json: dict_class is '{kind}'; allowed: AutoEncoder")
    state = torch.load(os.path.join(folder, "ae.pt"), weights_only=True)
    tensors = [state[key].float() for key in ("encoder.weight", "encoder.bias", "decoder.weight", "bias")]
    return tensors, (tensors[2].norm(dim=0) - 1).abs().max().item()


def encode_decode(tensors, x):
    encoder, encoder_bias, decoder, bias = tensors
    f = torch.relu((x - bias) @ encoder.t() + encoder_bias)
    return f, f @ decoder.t() + bias


def spliced_loss(reader, layer, tensors, held):
    """The model's loss when the residual stream after one block is replaced by its reconstruction."""
    def replace(module, args, out):
        if isinstance(out, tuple):
            return (encode_decode(tensors, out[0])[1],) + out[1:]
        return encode_decode(tensors, out)[1]
    hook = reader.model.gpt_neox.layers[layer].register_forward_hook(replace)
    loss = mean_loss(reader.model, held, LENGTH)
    hook.remove()
    return loss


@torch.no_grad()
def measure(tensors, x):
    """Statistics of one SAE on residuals x [N, D]."""
    mean = x.mean(0)
    fired = torch.zeros(len(tensors[0]))
    error = total = cosine = norm = above_02 = above_1 = 0.0
    for part in x.split(8192):
        f, out = encode_decode(tensors, part)
        fired += (f > 0).sum(0)
        above_02 += (f > 0.2).sum().item()
        above_1 += (f > 1).sum().item()
        error += (part - out).double().pow(2).sum().item()
        total += (part - mean).double().pow(2).sum().item()
        cosine += torch.cosine_similarity(part, out, dim=1).double().sum().item()
        norm += part.norm(dim=1).double().sum().item()
    n = len(x)
    return {"l0": fired.sum().item() / n, "above_02": above_02 / n, "above_1": above_1 / n, "ev": 1 - error / total,
            "cosine": cosine / n, "dead": (fired == 0).float().mean().item(),
            "rare": (fired / n < 1e-4).float().mean().item(), "dense": (fired / n > 0.2).float().mean().item(),
            "norm": norm / n}


def print_saes(demo, reader, held):
    streams = reader.read(held[:len(held) // LENGTH * LENGTH].view(-1, LENGTH), torch.float32)
    print("| site | L0 | f > 0.2 | f > 1 | explained variance | cosine | dead | below 1e-4 | above 0.2 | mean norm | loss |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for k, x in enumerate(streams):
        name = f"resid_out_layer{k}"
        tensors, norm_error = read_sae(os.path.join(demo, "sae", name))
        m, loss = measure(tensors, x), spliced_loss(reader, k, tensors, held)
        print(f"| {name} | {m['l0']:.1f} | {m['above_02']:.1f} | {m['above_1']:.1f} | {m['ev']:.3f} | "
              f"{m['cosine']:.3f} | {m['dead']:.1%} | {m['rare']:.1%} | {m['dense']:.1%} | {m['norm']:.2f} | {loss:.3f} |")
        if norm_error > 1e-5:
            print(f"{name}: a decoder column's norm is off one by {norm_error:.1e}", file=sys.stderr)


def words(text):
    return re.findall(r"\w+", text.lower())


def shared_runs(corpus, text):
    """Runs of at least LEAST_RUN words of the corpus that the text has, too: (length, words), longest first."""
    ours, theirs = words(corpus), words(text)
    wanted = {tuple(ours[i:i + LEAST_RUN]) for i in range(len(ours) - LEAST_RUN + 1)}
    places = defaultdict(list)
    for j in range(len(theirs) - LEAST_RUN + 1):
        key = tuple(theirs[j:j + LEAST_RUN])
        if key in wanted:
            places[key].append(j)
    runs, i = [], 0
    while i <= len(ours) - LEAST_RUN:
        longest = max((common_length(ours, theirs, i, j) for j in places.get(tuple(ours[i:i + LEAST_RUN]), ())), default=0)
        if longest:
            runs.append((longest, " ".join(ours[i:i + longest])))
        i += max(1, longest - LEAST_RUN + 1)
    return sorted(runs, reverse=True)


def common_length(a, b, i, j):
    length = 0
    while i + length < len(a) and j + length < len(b) and a[i + length] == b[j + length]:
        length += 1
    return length


def print_corpus(path, text, tokens):
    with open(path, encoding="utf-8") as file:
        corpus = file.read()
    runs = shared_runs(corpus, text)
    articles = len(re.findall(r"^ = [^=]+ = $", corpus, re.M))
    print(f"corpus.txt: {articles} articles, {len(corpus.encode('utf-8'))} bytes, {len(words(corpus))} words, "
          f"{tokens} tokens. Runs of {LEAST_RUN} words or more shared with the text: {len(runs)}; the longest:")
    for length, run in runs[:3]:
        print(f'- {length} words: "{run}"')


def print_sizes(demo):
    total = largest = 0
    for folder, _, names in os.walk(demo):
        sizes = [os.path.getsize(os.path.join(folder, name)) for name in names]
        total += sum(sizes)
        largest = max([largest] + sizes)
    print(f"All files of the demo: {total} bytes; the largest: {largest} bytes.")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("demo", metavar="DEMO", help="folder with corpus.txt, model/ and sae/")
    parser.add_argument("text", metavar="TEXT", help="training text, UTF-8, as for train_model.py")
    args = parser.parse_args()
    torch.set_num_threads(1)
    model, corpus_path = os.path.join(args.demo, "model"), os.path.join(args.demo, "corpus.txt")
    reader = ResidualReader(model)
    tokenizer = Tokenizer.from_file(os.path.join(model, "tokenizer.json"))
    text = read_plain(args.text)
    ids, held = split_tokens(text, tokenizer)
    with open(corpus_path, encoding="utf-8") as file:
        corpus = torch.tensor(tokenizer.encode(file.read()).ids)          # the whole file, as Lightcone reads it
    print_losses(reader, ids, held, corpus)
    print()
    print_saes(args.demo, reader, held)
    print()
    print_corpus(corpus_path, text, len(corpus))
    print_sizes(args.demo)


if __name__ == "__main__":
    main()
