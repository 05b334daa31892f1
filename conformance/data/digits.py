#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real tensors of BatchNorm layers: trains a LeNet with BatchNorm on scikit-learn's digits and records what its layers see.

    python3 -m venv VENV && VENV/bin/pip install numpy scikit-learn
    VENV/bin/python digits.py [DIRECTORY]       writes DIRECTORY/digits-* (default: beside this file)

The images are 8 x 8, 1797 in all (Alpaydin, Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998, CC BY 4.0;
in scikit-learn's distribution). The network is LeNet-5 (LeCun et al., Proc. IEEE 1998) cut to that size: convolutions
3x3 with 6 and 16 maps, each with BatchNorm, ReLU and pooling by 2; dense layers of 120 and 84, each with BatchNorm and
ReLU; ten outputs; softmax with cross entropy, mean of the batch. Recorded of its BatchNorms 1 to 4, on batches of 32:

    digits-step-bnK   a step of training, the first one after the data have been seen once
    digits-bnK        the trained network on digits it has not seen, statistics frozen: as evaluation passes x, as
                      fine-tuning with frozen statistics passes dy

x, dy, gamma, beta, and the running statistics as the pass finds them (momentum 0.1, new-weight, unbiased); eps is 1e-5.
All f32, x and dy in order N, C, H, W.

Computed in double and rounded once, at the store: the same files with numpy 1.26 and 2.4, one and two threads, and OpenBLAS's
kernels for Prescott, Haswell and SkylakeX, though the doubles differ. They are the data; their checksums stand in the tests.
"""
import os
import sys

import numpy as np

EPS, MOMENTUM = 1e-5, 0.1


class Conv:
    """3 x 3, padded by 1, no bias (the BatchNorm behind it has one)."""

    def __init__(self, rng, cin, cout):
        self.params = [rng.standard_normal((cout, cin * 9)) * np.sqrt(2 / (cin * 9))]

    def forward(self, x, training):
        n, c, h, w = x.shape
        padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
        taps = [padded[:, :, i:i + h, j:j + w] for i in range(3) for j in range(3)]
        self.columns = np.stack(taps, axis=2).reshape(n, c * 9, h * w)
        self.shape = x.shape
        return (self.params[0] @ self.columns).reshape(n, -1, h, w)

    def backward(self, dy):
        n, c, h, w = self.shape
        dy = dy.reshape(n, -1, h * w)
        self.grads = [np.einsum("nop,nkp->ok", dy, self.columns)]
        columns = (self.params[0].T @ dy).reshape(n, c, 3, 3, h, w)
        dx = np.zeros((n, c, h + 2, w + 2))
        for i in range(3):
            for j in range(3):
                dx[:, :, i:i + h, j:j + w] += columns[:, :, i, j]
        return dx[:, :, 1:-1, 1:-1]


class Dense:
    def __init__(self, rng, cin, cout):
        self.params = [rng.standard_normal((cin, cout)) * np.sqrt(2 / cin), np.zeros(cout)]

    def forward(self, x, training):
        self.shape, self.x = x.shape, x.reshape(len(x), -1)
        return self.x @ self.params[0] + self.params[1]

    def backward(self, dy):
        self.grads = [self.x.T @ dy, dy.sum(0)]
        return (dy @ self.params[0].T).reshape(self.shape)


class BatchNorm:
    def __init__(self, channels):
        self.params = [np.ones(channels), np.zeros(channels)]
        self.running_mean, self.running_var = np.zeros(channels), np.ones(channels)

    def forward(self, x, training):
        self.x, self.training, self.axes = x, training, (0,) + tuple(range(2, x.ndim))
        self.wide = (1, -1) + (1,) * (x.ndim - 2)  # a value per channel, beside x
        self.found = mean, var = self.running_mean, self.running_var
        if training:
            mean, var = x.mean(self.axes), x.var(self.axes)
            m = x.size // x.shape[1]
            self.running_mean = (1 - MOMENTUM) * self.running_mean + MOMENTUM * mean
            self.running_var = (1 - MOMENTUM) * self.running_var + MOMENTUM * var * m / (m - 1)
        self.rstd = (1 / np.sqrt(var + EPS)).reshape(self.wide)
        self.xhat = (x - mean.reshape(self.wide)) * self.rstd
        return self.params[0].reshape(self.wide) * self.xhat + self.params[1].reshape(self.wide)

    def backward(self, dy):
        self.dy, self.grads = dy, [(dy * self.xhat).sum(self.axes), dy.sum(self.axes)]
        g = self.params[0].reshape(self.wide) * dy
        if not self.training:
            return self.rstd * g
        return self.rstd * (g - g.mean(self.axes, keepdims=True)
                            - self.xhat * (g * self.xhat).mean(self.axes, keepdims=True))


class ReLU:
    def forward(self, x, training):
        self.on = x > 0
        return x * self.on

    def backward(self, dy):
        return dy * self.on


class Pool:
    """Mean over 2 x 2."""

    def forward(self, x, training):
        n, c, h, w = x.shape
        return x.reshape(n, c, h // 2, 2, w // 2, 2).mean((3, 5))

    def backward(self, dy):
        return dy.repeat(2, axis=2).repeat(2, axis=3) / 4


def lenet(rng):
    return [Conv(rng, 1, 6), BatchNorm(6), ReLU(), Pool(), Conv(rng, 6, 16), BatchNorm(16), ReLU(), Pool(),
            Dense(rng, 64, 120), BatchNorm(120), ReLU(), Dense(rng, 120, 84), BatchNorm(84), ReLU(), Dense(rng, 84, 10)]


def run(layers, x, training=False):
    for layer in layers:
        x = layer.forward(x, training)
    return x


def gradients(layers, x, labels, training):
    """Forward and backward, of softmax with cross entropy; every layer keeps its gradients."""
    scores = run(layers, x, training)
    e = np.exp(scores - scores.max(1, keepdims=True))
    dy = e / e.sum(1, keepdims=True)
    dy[np.arange(len(x)), labels] -= 1
    dy /= len(x)
    for layer in reversed(layers):
        dy = layer.backward(dy)


def descend(layers, speed, rate=0.05):
    """Plain gradient descent with momentum 0.9."""
    for layer in layers:
        for i, grad in enumerate(getattr(layer, "grads", [])):
            speed[id(layer), i] = 0.9 * speed.get((id(layer), i), 0) - rate * grad
            layer.params[i] += speed[id(layer), i]


def train(layers, x, labels, rng, each_epoch, epochs=12, batch=32):
    speed = {}
    for epoch in range(epochs):
        order = rng.permutation(len(x))
        for start in range(0, len(x) - batch + 1, batch):
            pick = order[start:start + batch]
            gradients(layers, x[pick], labels[pick], training=True)
            if start == 0:
                each_epoch(epoch)
            descend(layers, speed)


def record(directory, prefix, layers):
    """Of every BatchNorm its last pass."""
    for number, norm in enumerate((layer for layer in layers if isinstance(layer, BatchNorm)), 1):
        out = os.path.join(directory, f"{prefix}{number}")
        os.makedirs(out, exist_ok=True)
        for name, value in (("x", norm.x), ("dy", norm.dy), ("gamma", norm.params[0]), ("beta", norm.params[1]),
                            ("running_mean", norm.found[0]), ("running_var", norm.found[1])):
            np.save(os.path.join(out, name + ".npy"), np.ascontiguousarray(value, dtype="<f4"))
        kappa = np.abs(norm.x.mean(norm.axes)) / norm.x.std(norm.axes)
        print(f"{prefix}{number}: shape {'x'.join(map(str, norm.x.shape))}, kappa up to {kappa.max():.3g}, "
              f"|dy| up to {np.abs(norm.dy).max():.3g}, rms {np.sqrt((norm.dy ** 2).mean()):.3g}, "
              f"{(norm.dy == 0).mean():.0%} zero")


def main():
    directory = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        sys.exit("no scikit-learn here: " + __doc__.split("\n")[2].strip())
    digits = load_digits()
    rng = np.random.default_rng(1998)
    x = digits.images[:, None] / 16.0
    order = rng.permutation(len(x))
    learn, test = order[:1437], order[1437:]
    layers = lenet(rng)
    train(layers, x[learn], digits.target[learn], rng,
          lambda epoch: record(directory, "digits-step-bn", layers) if epoch == 1 else None)
    right = run(layers, x[test]).argmax(1) == digits.target[test]
    print(f"accuracy on {len(test)} digits not trained on: {right.mean():.4f}")
    gradients(layers, x[test[:32]], digits.target[test[:32]], training=False)
    record(directory, "digits-bn", layers)


if __name__ == "__main__":
    main()
