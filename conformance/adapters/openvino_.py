# SPDX-License-Identifier: Apache-2.0
"""OpenVINO, CPU plug-in, f32 inference precision: a model of the operations, compiled for each shape.

LayerNorm and InstanceNorm are MVN (opset 6, eps inside of the root), times gamma, plus beta; GroupNorm is GroupNormalization
(opset 12); RMSNorm is written out, x / sqrt(mean(x^2) + eps) times gamma, plus beta, which the plug-in fuses; BatchNorm and
InstanceNorm with running statistics are BatchNormInference (opset 5) with constant parameters, as in a trained network: they
are folded into one multiplication and addition at compile time. f16 tensors are computed in f32, f64 would be too: declined;
numpy arrays cannot be bf16 here. No training, no backward, NCHW only (LayerNorm over channels: both layouts).
Documented differences: none."""
import functools

import peer

peer.require("openvino")
import numpy as np
import openvino as ov
import openvino.opset15 as op

NAME, VERSION = "openvino", ov.__version__.split("-")[0]
CORE = ov.Core()
KIND = {"f32": ov.Type.f32, "f16": ov.Type.f16}


def supports(p):
    updates = p["norm"] == "batchnorm" and peer.training(p) or p["running"] and p["mode"] == "training"
    return peer.declines(p, "no training" if updates else None, types=tuple(KIND),
                         layouts=("ncs", "nsc") if p["norm"] == "layernorm_channels" else ("ncs",)) or True


def normalized(p, x, gamma, beta):
    if p["norm"] == "groupnorm":
        return op.group_normalization(x, gamma, beta, p["groups"], p["eps"])
    channel = peer.channel_axis(p)
    axis = op.constant([3 - channel if p["norm"] == "instancenorm" else channel], dtype=np.int64)
    if p["norm"] == "rmsnorm":
        x, gamma, beta = (op.convert(v, "f32") for v in (x, gamma, beta))
        two, eps, one = (op.constant(v, dtype=np.float32) for v in (2, p["eps"], 1))
        y = op.multiply(x, op.divide(one, op.sqrt(op.add(op.reduce_mean(op.power(x, two), axis, True), eps))))
    else:
        y = op.mvn(x, axis, True, p["eps"], "inside_sqrt")
    if p["norm"] not in peer.ROWS and channel == 1:
        gamma, beta = (op.reshape(v, op.constant([p["c"], 1]), False) for v in (gamma, beta))
    return op.convert(op.add(op.multiply(y, gamma), beta), KIND[p["type"]].to_string())


def compiled(model, threads):
    return CORE.compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1,
                                             "INFERENCE_PRECISION_HINT": "f32"})


@functools.lru_cache(maxsize=64)
def model_of(key, shape, threads):
    p = dict(key)
    x, gamma, beta = (op.parameter(list(size), KIND[p["type"]]) for size in (shape, [p["c"]], [p["c"]]))
    return compiled(ov.Model([normalized(p, x, gamma, beta)], [x, gamma, beta]), threads)


def batch_model(p, t):
    x = op.parameter([p["n"], p["c"], p["s"]], KIND[p["type"]])
    constants = [op.constant(a, dtype=KIND[p["type"]]) for a in (*peer.affine(p, t), *peer.running(p, t))]
    return compiled(ov.Model([op.batch_norm_inference(x, *constants, p["eps"])], [x]), p["threads"])


def open(p, threads):
    return p | {"threads": threads}


def prepare(p, tensors):
    t = peer.typed(p, tensors)
    x = peer.folded(p, t["x"])
    if p["running"]:
        model, inputs = batch_model(p, t), [x]
    else:
        key = tuple((k, p[k]) for k in ("norm", "type", "layout", "groups", "eps", "c"))
        model, inputs = model_of(key, x.shape, p["threads"]), [x, *peer.affine(p, t)]
    inputs = [np.array(a) for a in inputs]  # shared with the request: must be writable, and live
    request = model.create_infer_request()
    for i, a in enumerate(inputs):
        request.set_input_tensor(i, ov.Tensor(a, shared_memory=True))

    def step():
        request.infer()
        return {"y": inputs and request.get_output_tensor(0).data}

    return step


def run(p, tensors):
    step = prepare(p, tensors)  # holds the memory of its outputs
    return peer.arrays(p, {"y": np.array(step()["y"])}, tensors)
