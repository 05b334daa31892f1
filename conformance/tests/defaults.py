# SPDX-License-Identifier: Apache-2.0
"""defaults.py PACKAGE CONVENTIONS: are the rows of `normative list conventions` for this package what it does by default?

What it does is asked of it: signatures and schemas say eps and momentum; layers, run once on ten elements, what momentum weighs
and which variance it takes."""
import inspect
import sys

import numpy as np


def momentum_keys(momentum, start, end, x):
    """momentum, rule and estimator that explain how a running variance went from start to end."""
    for estimator, divisor in (("population", len(x)), ("unbiased", len(x) - 1)):
        b = ((x - x.mean()) ** 2).sum() / divisor
        for rule, w in (("new", momentum), ("old", 1 - momentum)):
            if abs((1 - w) * start + w * b - end) < 1e-5 * b:
                return {"momentum": momentum, "rule": rule, "estimator": estimator}
    raise SystemExit(f"{start} -> {end}: neither rule with momentum {momentum}")


def argument(what, name):
    return inspect.signature(what).parameters[name].default


X = (np.arange(10, dtype="f4") ** 2).reshape(10, 1)


def torch():
    import torch
    nn, x = torch.nn, torch.from_numpy(X)
    batch = nn.BatchNorm1d(1)
    batch(x)
    found = {"batchnorm": {"eps": batch.eps} | momentum_keys(batch.momentum, 1, batch.running_var.item(), X)}
    found |= {k: {"eps": argument(v, "eps")} for k, v in (("instancenorm", nn.InstanceNorm1d), ("layernorm", nn.LayerNorm),
                                                          ("groupnorm", nn.GroupNorm))}
    for name, kind in (("f32", torch.float32), ("f64", torch.float64), ("bf16", torch.bfloat16)):
        tiny = torch.tensor([[2e-10, 0]], dtype=kind)  # far below the root of eps: y = x/sqrt(eps)
        found[f"rmsnorm {name}"] = {"eps": ((tiny.double() / nn.RMSNorm(2)(tiny).double())[0, 0] ** 2).item()}
    return found


def keras():
    from keras import layers
    batch = layers.BatchNormalization()
    batch(X, training=True)
    found = {"batchnorm": {"eps": batch.epsilon} | momentum_keys(batch.momentum, 1, batch.moving_variance.numpy()[0], X)}
    for k, v in (("instancenorm", layers.GroupNormalization), ("layernorm", layers.LayerNormalization),
                 ("groupnorm", layers.GroupNormalization), ("rmsnorm", layers.RMSNormalization)):
        found[k] = {"eps": argument(v, "epsilon")}
    return found


def flax():
    from flax import linen
    batch = linen.BatchNorm(use_running_average=False)
    old = {"params": {"scale": np.ones(1, "f4"), "bias": np.zeros(1, "f4")},
           "batch_stats": {"mean": np.zeros(1, "f4"), "var": np.ones(1, "f4")}}
    new = batch.apply(old, X, mutable=["batch_stats"])[1]["batch_stats"]["var"]
    found = {"batchnorm": {"eps": batch.epsilon} | momentum_keys(batch.momentum, 1, float(new[0]), X)}
    for k, v in (("instancenorm", linen.InstanceNorm), ("layernorm", linen.LayerNorm), ("groupnorm", linen.GroupNorm),
                 ("rmsnorm", linen.RMSNorm)):
        found[k] = {"eps": argument(v, "epsilon")}
    return found


def onnx():
    from onnx import defs, helper, reference
    def default(operator, name):
        return helper.get_attribute_value(defs.get_schema(operator).attributes[name].default_value)
    node = helper.make_node("BatchNormalization", list("xgbmv"), ["y", "mean", "var"], training_mode=1)
    graph = helper.make_graph([node], "g", [helper.make_tensor_value_info(k, 1, None) for k in "xgbmv"],
                              [helper.make_tensor_value_info(k, 1, None) for k in ("y", "mean", "var")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)])
    one = np.ones(1, "f4")
    new = reference.ReferenceEvaluator(model).run(None, {"x": X, "g": one, "b": one, "m": 0 * one, "v": one})[2]
    found = {"batchnorm": momentum_keys(default("BatchNormalization", "momentum"), 1, float(new[0]), X)}
    for k, v in (("batchnorm", "BatchNormalization"), ("instancenorm", "InstanceNormalization"),
                 ("layernorm", "LayerNormalization"), ("groupnorm", "GroupNormalization"), ("rmsnorm", "RMSNormalization")):
        found[k] = found.get(k, {}) | {"eps": default(v, "epsilon")}
        staged = "stash_type" in defs.get_schema(v).attributes  # the second stage is in the tensor's type
        found[f"{k} bf16"] = found[k] | ({"casts": "normal"} if staged else {})
    return found


def tensorflow():
    import tensorflow as tf
    fused, one = tf.compat.v1.nn.fused_batch_norm, np.ones(1, "f4")
    factor, eps = (argument(fused, k) for k in ("exponential_avg_factor", "epsilon"))
    new = [fused(x.reshape(-1, 1, 1, 1), one, one, one, one)[2].numpy()[0] for x in (X, X[3:4])]
    keys = momentum_keys(factor, 1, new[0], X)
    if new[1] == 0:  # of one element
        keys["estimator"] += "1"
    return {"batchnorm": {"eps": eps} | keys}


def stated(path, name, norm, kind):
    """The keys of the first row that fits, with the defaults of those left out."""
    from fnmatch import fnmatchcase
    keys = {"eps": 1e-5, "momentum": 0.1, "rule": "new", "estimator": "unbiased", "casts": "once"}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            words = line.split(";")[0].split()
            if words[:1] != [name] or not fnmatchcase(f"{norm}/forward/{kind}", words[1]):
                continue
            if words[2] != "defaults":
                keys |= {k: v for k, v in (pair.split("=") for pair in words[2].split(","))}
            return keys
    raise SystemExit(f"no row of {name} for {norm}")


def main():
    package, path = sys.argv[1:]
    name = {"torch": "pytorch"}.get(package, package)
    for place, found in globals()[package]().items():
        norm, kind = (place + " f32").split()[:2]
        keys = stated(path, name, norm, kind)
        for key, value in found.items():
            said = keys[key]
            same = said == value if isinstance(value, str) else abs(float(said) - value) <= 0.05 * abs(value)
            if not same:
                raise SystemExit(f"{place}: {key} is {value}, the convention says {said}")
        print(place, found)


if __name__ == "__main__":
    main()
