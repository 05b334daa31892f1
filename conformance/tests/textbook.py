# SPDX-License-Identifier: Apache-2.0
"""BatchNorm as tutorials write it, with numpy, for convention=textbook: momentum 0.9 weighs the old, the running variance takes
the population's and starts at 1, the mode is whether gradients are enabled, X has 2 or 4 sizes. A kernel states its conventions
by declining the fields of others: supports() is all it takes."""
import numpy as np

NAME, VERSION, PRESET = "textbook-batchnorm", "1", "f32-two-pass"


def batch_norm(X, gamma, beta, moving_mean, moving_var, eps, momentum, is_grad_enabled):
    if not is_grad_enabled:
        X_hat = (X - moving_mean) / np.sqrt(moving_var + eps)
    else:
        assert X.ndim in (2, 4)
        axes = 0 if X.ndim == 2 else (0, 2, 3)
        mean = X.mean(axis=axes, keepdims=True)
        var = ((X - mean) ** 2).mean(axis=axes, keepdims=True)
        X_hat = (X - mean) / np.sqrt(var + eps)
        moving_mean = momentum * moving_mean + (1.0 - momentum) * mean
        moving_var = momentum * moving_var + (1.0 - momentum) * var
    return gamma * X_hat + beta, moving_mean, moving_var


def supports(p):
    if p["norm"] != "batchnorm" or p["direction"] != "forward":
        return "only BatchNorm forward, numpy has no gradients"
    if len(p["shape"]) not in (2, 4) or p["layout"] != "ncs" or 0 in p["shape"]:
        return "only N x C and N x C x H x W"
    own = p["rule"] == "old" and p["momentum"] == float(np.float32(0.9)) and p["estimator"] == "population"
    if p["running"] and p["mode"] == "training" and not own:
        return "momentum 0.9 weighs the old, the running variance is the population's"
    if p["type"] != "f32" or p["stats"] != "f32" or p["epsplace"] != "inside" or p["casts"] != "once":
        return "only f32, statistics too, eps inside of the root"
    return True


def run(p, tensors):
    X = tensors["x"]
    shape = (1, p["c"]) + (1,) * (X.ndim - 2)
    start = {"gamma": 1, "beta": 0, "running_mean": 0, "running_var": 1}
    parts = [tensors.get(k, np.full(p["c"], v, "f4")).reshape(shape) for k, v in start.items()]
    Y, mean, var = batch_norm(X, *parts, np.float32(p["eps"]), np.float32(p["momentum"]), p["mode"] == "training")
    new = {"running_mean": mean.ravel(), "running_var": var.ravel()} if p["running"] and p["mode"] == "training" else {}
    return {"y": Y} | new
