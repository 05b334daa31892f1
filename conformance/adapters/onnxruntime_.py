# SPDX-License-Identifier: Apache-2.0
"""ONNX Runtime, CPU: a model of one node, with sizes left open, run on bound buffers. NCHW only, no backward.

LayerNormalization (opset 17; over channels where these lie last), RMSNormalization (23; it has no beta, which is added
afterwards), InstanceNormalization (22), GroupNormalization (21, or 18 with gamma and beta per group), BatchNormalization (15);
with a residual com.microsoft's SkipLayerNormalization and SkipSimplifiedLayerNormalization; InstanceNorm with 1e-9 outside of
the root and no gamma and beta is MeanVarianceNormalization (13). Rows with gamma and beta for each of G parts of them are
(G, rows/G, cols), these (G, 1, cols) or (G, 1, 1), which broadcast. Conventions: eps is a float attribute, inside of the root;
stash_type is float, of f64 double. Momentum weighs the old, running_var takes the population's. Nothing documented differs."""
import functools

import peer

peer.require("onnxruntime", "onnx")
import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper

NAME, VERSION = "onnxruntime", ort.__version__
MVN = {"norm": "instancenorm", "type": "f32", "eps": float(np.float32(1e-9)), "epsplace": "outside", "gamma": 0, "beta": 0}
KIND = {"f64": TensorProto.DOUBLE, "f32": TensorProto.FLOAT, "f16": TensorProto.FLOAT16}


def parted(p):
    """Are gamma and beta other ones for other rows?"""
    return p["norm"] in peer.ROWS and p["affine"] != "channel"


def supports(p):
    instance, places = p["norm"] == "instancenorm", ("inside", "outside") if MVN.items() <= p.items() else ("inside",)
    return peer.declines(p, peer.momentum(p, "old", "population"), peer.beta_apart(p),
                         "InstanceNormalization tracks nothing" if instance and p["running"] else None,
                         "the fused residual's gamma and beta are per column" if p["residual"] and parted(p) else None,
                         layouts=("nsc" if p["norm"] == "layernorm_channels" else "ncs",),
                         affine=("channel", "group") + ("element",) * (p["norm"] in peer.ROWS),
                         types=("f32", "f16") if instance or p["residual"] else ("f32", "f64", "f16"), residual=True,
                         params=("own", "f32") if p["norm"] == "batchnorm" else ("own",), float_eps=True, places=places,
                         stats="f32" if p["norm"].startswith("layernorm") else None) or True


def node(p):
    """Operator, inputs, outputs, opset, attributes."""
    eps, wide = {"epsilon": p["eps"]}, {"stash_type": KIND["f64" if p["type"] == "f64" else "f32"]}
    x, weights = ["x"], ["gamma"] + ["beta"] * (p["beta"] and p["norm"] != "rmsnorm")
    if p["residual"]:
        name = "SkipSimplifiedLayerNormalization" if p["norm"] == "rmsnorm" else "SkipLayerNormalization"
        return name, x + ["residual"] + weights, ["y", "", "", "sum"], 17, eps
    if p["norm"] == "rmsnorm":
        return "RMSNormalization", x + weights, ["y"], 23, eps | wide
    if p["norm"].startswith("layernorm"):
        return "LayerNormalization", x + weights, ["y", "mean", "rstd"], 17, eps
    x += [] if MVN.items() <= p.items() else ["gamma", "beta"]
    if len(x) == 1:
        return "MeanVarianceNormalization", x, ["y"], 13, {"axes": [2]}
    if p["norm"] == "instancenorm":
        return "InstanceNormalization", x, ["y"], 22, eps
    if p["norm"] == "groupnorm":
        opset, eps = (18, eps) if p["affine"] == "group" else (21, eps | wide)
        return "GroupNormalization", x, ["y"], opset, eps | {"num_groups": p["groups"]}
    more, new = ({"training_mode": 1, "momentum": p["momentum"]}, ["new_mean", "new_var"]) if peer.training(p) else ({}, [])
    return "BatchNormalization", x + ["running_mean", "running_var"], ["y"] + new, 15, eps | more


@functools.lru_cache(maxsize=None)
def session(key, threads):
    p = dict(key)
    operator, inputs, outputs, opset, attributes = node(p)
    kind = {k: KIND[p["params"]] for k in ("gamma", "beta")} | {k: KIND[p["type"]] for k in ("x", "residual", "y", "sum")}
    shape = {k: [None] * (3 if p["norm"] not in peer.ROWS or parted(p) else 2) for k in ("x", "residual")}
    shape |= dict.fromkeys(("gamma", "beta"), [None] * 3) if parted(p) else {}
    made = helper.make_node(operator, inputs, outputs, domain="com.microsoft" if p["residual"] else "", **attributes)
    info = [helper.make_tensor_value_info(k, kind.get(k, KIND[p["stats"]]), shape.get(k, [None]) if k in inputs else None)
            for k in inputs + outputs if k]
    graph = helper.make_graph([made], "norm", info[:len(inputs)], info[len(inputs):])
    opsets, options = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)], ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def open(p, threads):
    return p | {"threads": threads}


def prepare(p, tensors):
    model = session(tuple((k, v) for k, v in p.items() if k not in ("shape", "n", "c", "s", "threads")), p["threads"])
    given = dict(zip(("gamma", "beta", "running_mean", "running_var"), peer.affine(p, tensors) + peer.running(p, tensors)))
    given |= {k: peer.folded(p, tensors[k]) for k in ("x", "residual") if k in tensors}
    if parted(p):
        given |= {"x": given["x"].reshape(p["groups"], -1, p["c"])}
        given |= {k: given[k].reshape(p["groups"], 1, -1) for k in ("gamma", "beta")}
    binding, names, value = model.io_binding(), [o.name for o in model.get_outputs()], ort.OrtValue.ortvalue_from_numpy
    for i in model.get_inputs():
        binding.bind_ortvalue_input(i.name, value(given[i.name]))
    for name in names:
        binding.bind_output(name)

    def step():
        model.run_with_iobinding(binding)
        return given and dict(zip(names, binding.get_outputs()))  # it borrows the inputs: they live as long as the step

    return step


def run(p, tensors):
    step = prepare(p, tensors)
    outputs = {k: v.numpy() for k, v in step().items()}
    if p["norm"] == "rmsnorm" and p["beta"]:
        outputs["y"] = outputs["y"] + tensors["beta"].reshape(p["groups"], 1, -1)
    new = {f"running_{k}": outputs.pop(f"new_{k}", None) for k in ("mean", "var")}
    return peer.arrays(p, outputs | (new if p["running"] else {}), tensors)
