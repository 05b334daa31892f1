# SPDX-License-Identifier: Apache-2.0
"""ONNX Runtime, CPU: a model of one node, with sizes left open, run on bound buffers.

LayerNormalization (opset 17), RMSNormalization (opset 23; it has no beta, which an Add adds), BatchNormalization
(opset 15). Conventions: eps is a float attribute, inside of the root; statistics in float (stash_type 1); momentum weighs
the old, the running variance takes the population's. NCHW only. No backward.
Documented differences: none that concern f32."""
import functools

import peer

peer.require("onnxruntime", "onnx")
import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper

NAME, VERSION = "onnxruntime", ort.__version__
RANK = {"batchnorm": 3, "layernorm": 2, "rmsnorm": 2}


def supports(p):
    return peer.declines(p, peer.momentum(p, "old", "population")) or True


def node(p):
    """The node, its inputs and outputs, opset."""
    eps = {"epsilon": p["eps"]}
    if p["norm"] == "layernorm":
        names = ["x", "gamma"] + ["beta"] * p["beta"], ["y", "mean", "rstd"]
        return [helper.make_node("LayerNormalization", *names, **eps)], *names, 17
    if p["norm"] == "rmsnorm":
        nodes = [helper.make_node("RMSNormalization", ["x", "gamma"], ["scaled" if p["beta"] else "y"], **eps)]
        nodes += [helper.make_node("Add", ["scaled", "beta"], ["y"])] * p["beta"]
        return nodes, ["x", "gamma"] + ["beta"] * p["beta"], ["y"], 23
    inputs, outputs = ["x", "gamma", "beta", "running_mean", "running_var"], ["y"]
    if peer.training(p):
        eps |= {"training_mode": 1, "momentum": p["momentum"]}
        outputs = ["y", "new_mean", "new_var"]
    return [helper.make_node("BatchNormalization", inputs, outputs, **eps)], inputs, outputs, 15


@functools.lru_cache(maxsize=None)
def session(key, threads):
    p = dict(key)
    nodes, inputs, outputs, opset = node(p)
    rank = {"x": RANK[p["norm"]]}
    shape = {name: [None] * rank.get(name, 1) for name in inputs}
    graph = helper.make_graph(
        nodes, "norm", [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape[name]) for name in inputs],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def open(p, threads):
    p["threads"] = threads
    return p


def prepare(p, tensors):
    keys = ("norm", "eps", "beta", "mode", "running", "momentum")
    model = session(tuple((k, p[k]) for k in keys), p["threads"])
    given = dict(zip(("gamma", "beta"), peer.affine(p, tensors)))
    given |= dict(zip(("running_mean", "running_var"), peer.running(p, tensors)))
    given["x"] = peer.folded(p, tensors["x"]) if p["norm"] == "batchnorm" else tensors["x"]
    sizes = {"y": given["x"].shape, "mean": (p["n"], 1), "rstd": (p["n"], 1)}
    outputs = {o.name: np.empty(sizes.get(o.name, (p["c"],)), "f4") for o in model.get_outputs()}
    binding = model.io_binding()
    for i in model.get_inputs():
        binding.bind_ortvalue_input(i.name, ort.OrtValue.ortvalue_from_numpy(given[i.name]))
    for name, array in outputs.items():
        binding.bind_ortvalue_output(name, ort.OrtValue.ortvalue_from_numpy(array))

    def step():
        model.run_with_iobinding(binding)
        return given and outputs  # ONNX Runtime borrows these buffers: they live as long as the step

    return step


def run(p, tensors):
    step = prepare(p, tensors)
    outputs = dict(step())
    new = {f"running_{k}": outputs.pop(f"new_{k}", None) for k in ("mean", "var")}
    return peer.arrays(outputs | (new if p["running"] else {}), tensors)
