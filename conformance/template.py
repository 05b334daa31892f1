# SPDX-License-Identifier: Apache-2.0
"""A complete kernel for Normative in Python: LayerNorm, forward, f32. Copy it, put your kernel into run(), then

    normative check ./kernel.py

Needs numpy. A module that is installed is checked as python:package.module."""
import numpy as np

NAME = "my-layernorm-py"
VERSION = "1"
# PRESET = "f32-two-pass"  # what it claims, if anything: judged with --require declared


def supports(problem):
    """True, or why not: such cases are shown as SKIP and count for nothing.

    `problem` has the keys of a case's name ("norm", "direction", "type", "shape", "eps", ...), all of them, and n, c, s:
    batch, channels, product of the spatial sizes; for LayerNorm n rows of c columns."""
    if problem["norm"] != "layernorm" or problem["direction"] != "forward":
        return "only LayerNorm forward"
    if problem["type"] != "f32" or problem["params"] != "f32":
        return "only f32"
    if problem["affine"] != "channel":
        return "only gamma and beta per column"
    if problem["epsplace"] != "inside" or problem["casts"] != "once" or problem["residual"]:
        return "only y = gamma (x - mean) / sqrt(var + eps) + beta"
    return True


def open(problem, threads):
    """Optional: what run() needs to know. Without open(), run() gets the problem."""
    return problem


def run(state, tensors):
    """Returns the outputs it computes; y is a must, and only what is returned is judged. Inputs are read-only arrays.

    In bf16, x and y would be arrays of uint16, the bits."""
    x = tensors["x"].astype(np.float64)  # in float32, large means would lose their digits
    gamma, beta = tensors.get("gamma", 1.0), tensors.get("beta", 0.0)  # absent: 1 and 0
    mean = x.mean(axis=1, keepdims=True)
    var = ((x - mean) ** 2).mean(axis=1, keepdims=True)
    rstd = 1 / np.sqrt(var + state["eps"])
    y = (x - mean) * rstd * gamma + beta
    stats = np.float32 if state["stats"] == "f32" else np.float64
    return {"y": y.astype(np.float32), "mean": mean[:, 0].astype(stats), "rstd": rstd[:, 0].astype(stats)}
