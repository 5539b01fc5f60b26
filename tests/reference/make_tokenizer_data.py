#!/usr/bin/env python3
"""Make tests/data/tokenizer: small tokenizer.json files and the ids that the `tokenizers` library gives.

usage: make_tokenizer_data.py [SHARED]

Trains three small byte-level BPE tokenizers on the sentences below, encodes a fixed set of Unicode strings with each,
and writes both. With SHARED (the folder that holds data/tokenizers and data/wikitext-2) it also writes hashes.txt: the
SHA-256 of the little-endian int32 ids of whole files. The strings are made here with a fixed seed.
"""
import hashlib
import json
import os
import random
import struct
import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "..", "data", "tokenizer")

SENTENCES = [
    "A feature of the autoencoder looks back over the tokens that came before it.",
    "The ferry leaves at 07:45, 12:30 and 18:05; it doesn't run on the 29th of February.",
    "She'll say they've measured 3.14159 metres, but I'm sure we'd measure 2718 if you're patient.",
    "def encode(text):\n    for word in text.split():\n        yield table[word]  # four spaces\n",
    "Größenordnung, naïve café, Ångström, señor, čeština, żółw, İstanbul, straße.",
    "Северный ветер и солнце спорили, кто из них сильнее.",
    "今日は天気がいいから散歩しましょう。東京の冬は寒いです。",
    "여름에는 바다가 좋고 겨울에는 산이 좋다.",
    "السفينة تصل في المساء، والميناء هادئ.",
    "नदी के किनारे बच्चे खेल रहे हैं और सूरज डूब रहा है।",
    "Die Summe von 1, 10, 100, 1000 und 10000 ist 11111!!! Oder???",
    "🙂 smile, 👩‍🚀 astronaut, 🇳🇴 flag, 👍🏽 thumb",
]

LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)


def train(size, normalizer, pre_tokenizer, special, **model):
    tok = Tokenizer(models.BPE(**model))
    if normalizer:
        tok.normalizer = normalizer
    tok.pre_tokenizer = pre_tokenizer
    tok.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=special,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tok.train_from_iterator(SENTENCES * 3, trainer)
    return tok


def neox_like():
    tok = train(600, normalizers.NFC(), pre_tokenizers.ByteLevel(add_prefix_space=False), ["<|endoftext|>", "<|padding|>"])
    tok.add_tokens([AddedToken(" " * n, normalized=True) for n in range(24, 1, -1)])
    tok.add_tokens([AddedToken("caf\u0065\u0301", normalized=True), AddedToken("e\u0301!", normalized=False)])
    return tok


def gpt2_like():
    return train(500, None, pre_tokenizers.ByteLevel(add_prefix_space=True), ["<|endoftext|>"])


def llama3_like():
    split = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(LLAMA3), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tok = train(550, None, split, [], ignore_merges=True)
    tok.add_special_tokens([AddedToken(t, special=True) for t in ("<|endoftext|>", "<|end|>", "<|end|><|x|>")])
    return tok


FIXED = [
    "", " ", "  ", "\n", "\r\n", "\t \t", "\x00", "\x00\x01\x1f\x7f", "a\x00b", "\u0085", "a\u0085b", "\u180e", "a \u180e b",
    "\ufeffbom", "\u2028\u2029", "x\u3000y", "\u00a0\u00a0z", "\u200b\u200d\u2060", "\u1680\u2000\u200a\u202f\u205f",
    "it's IT'S It'S we'LL 'Twas 'tis ''s", "'\u017f s'\u017f", "don't can't they're I've I'm he'd she'll",
    "cafe\u0301 caf\u00e9 cafe\u0301!", "e\u0301! \u00e9!", "A\u030a \u212b \u00c5", "\u1e9b\u0323", "q\u0307\u0323 q\u0323\u0307",
    "\u0344 \u0958 \u2126 \U0002f800", "\u1100\u1161\u11a8 \u1100\u1161 \uac00\u11a8", "a\u0315\u0300\u05ae\u0300b",
    "a\u08d3\u0316\u0301 a\u0897\u0316", "\U00011935\U00011930 \U00011938", "a\u07fd\u0316 \u1715\u0334", "\U000105d2\u0307",
    "<|endoftext|>", "a<|endoftext|>b", "<|endoftext|><|endoftext|>", "<|endoftext", "<|end|><|x|> <|end|><|y|>", "<|padding|> x",
    "    four", "x" + " " * 30 + "y", " " * 100, "\n" * 50, "a" * 3000, "ab" * 2000, " ." * 500, "\u0301" * 300,
    "\u0315\u0316" * 200, "0123456789" * 30, "1 12 123 1234 12345", "\u0660\u0661\u0662 \u0967\u0968 \u00bd\u00b2 \u2167 \u3007",
    "🙂🙃👩‍🚀🇳🇴👍🏽", "漢字とかなカナ", "한국어", "السَّلام", "हिन्दी में", "\U00031350\U000323af \U0001e4d0 \U00011f02\U00011f50",
    "\ud7ff\ue000\ufffd\uffff\U0010ffff", "...!!!???", "a.b,c;d", "\u0130I\u0131i", "ß ẞ ﬁ ﬆ ŉ",
] + SENTENCES

ALPHABETS = [
    " \t\n\r\x0b\x0c\x1c\x1f\u0085\u00a0\u1680\u180e\u2000\u2028\u2029\u202f\u205f\u3000\ufeffa1.",
    "'sSdDmMtTlLvVrReE \u017f",
    "ae\u0301\u0323\u0300\u0315\u05ae\u0345o\u0302\u1ea1 \u0306",
    "abcXYZ 0123456789.,;:!?-_()[]{}<>|/\\\"'`~@#$%^&*+=\n",
    "\u0915\u094d\u0937\u093f\u0627\u0644\u0651\u064e\u4e00\u3042\u30ab\uac00\u1100\u1161\u11a8 ",
    " <|endoftext|>  <|end|><|x|>",
]


def random_strings(count, seed):
    rng = random.Random(seed)
    planes = [(0, 0x7F), (0, 0x7FF), (0, 0xD7FF), (0xE000, 0xFFFF), (0x10000, 0x1FFFF), (0x20000, 0x10FFFF)]
    for _ in range(count):
        if rng.random() < 0.5:
            alphabet = rng.choice(ALPHABETS)
            yield "".join(rng.choice(alphabet) for _ in range(rng.randrange(1, 24)))
        else:
            yield "".join(chr(rng.randint(*rng.choice(planes))) for _ in range(rng.randrange(1, 10)))


def ids_of(tok, text):
    return tok.encode(text, add_special_tokens=False).ids


def pack_hash(ids):
    return hashlib.sha256(struct.pack("<%di" % len(ids), *ids)).hexdigest()


def write_small():
    toks = {"neox": neox_like(), "gpt2": gpt2_like(), "llama3": llama3_like()}
    strings = FIXED + list(random_strings(300, 20))
    for name, tok in toks.items():
        tok.save(os.path.join(OUT, name + ".tokenizer.json"), pretty=False)
    rows = [{"text": s, **{n: ids_of(t, s) if len(s) < 200 else pack_hash(ids_of(t, s)) for n, t in toks.items()}}
            for s in strings]
    with open(os.path.join(OUT, "ids.json"), "w", encoding="ascii") as f:
        f.write("[\n" + ",\n".join(json.dumps(r, separators=(",", ":")) for r in rows) + "\n]\n")


def gpt2_from_files(folder):
    """GPT-2's tokenizer from its vocabulary and its list of merges."""
    vocab = json.load(open(os.path.join(folder, "gpt2-vocab.json"), encoding="utf-8"))
    lines = open(os.path.join(folder, "gpt2-merges.txt"), encoding="utf-8").read().split("\n")
    merges = [tuple(line.split(" ")) for line in lines if line and not line.startswith("#version")]
    tok = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tok.add_special_tokens([AddedToken("<|endoftext|>", special=True)])
    return tok


def write_hashes(shared):
    folder = os.path.join(shared, "data", "tokenizers")
    toks = {
        "gpt-neox-20b": Tokenizer.from_file(os.path.join(folder, "gpt-neox-20b.tokenizer.json")),
        "gpt2": gpt2_from_files(folder),
    }
    with open(os.path.join(OUT, "hashes.txt"), "w", encoding="ascii") as out:
        for name, tok in toks.items():
            for text in ("test.raw.txt", "valid.raw.txt", "train.txt"):
                path = os.path.join(shared, "data", "wikitext-2", text)
                ids = ids_of(tok, open(path, encoding="utf-8", newline="").read())
                out.write("%s %s %d %s\n" % (name, text, len(ids), pack_hash(ids)))


if __name__ == "__main__":
    os.makedirs(OUT, exist_ok=True)
    write_small()
    if len(sys.argv) > 1:
        write_hashes(sys.argv[1])
