# SPDX-License-Identifier: Apache-2.0
"""OpenVINO, CPU plug-in, f32 inference precision: a model of the operations, compiled for each shape.

LayerNorm is MVN (opset 6, eps inside of the root), times gamma, plus beta; RMSNorm is written out, x / sqrt(mean(x^2) + eps)
times gamma, plus beta, which the plug-in fuses; BatchNorm is BatchNormInference (opset 5) with constant parameters,
as in a trained network: they are folded into one multiplication and addition at compile time. No training, no backward,
NCHW only.
Documented differences: none that concern f32."""
import functools

import peer

peer.require("openvino")
import numpy as np
import openvino as ov
import openvino.opset15 as op

NAME, VERSION = "openvino", ov.__version__.split("-")[0]
CORE = ov.Core()


def supports(p):
    return peer.declines(p, "no training" if p["norm"] == "batchnorm" and peer.training(p) else None) or True


def rows(p, x, gamma, beta):
    """LayerNorm or RMSNorm of the rows of x."""
    axis = op.constant([1], dtype=np.int64)
    if p["norm"] == "layernorm":
        y = op.mvn(x, axis, True, p["eps"], "inside_sqrt")
    else:
        two, eps = op.constant(np.float32(2)), op.constant(np.float32(p["eps"]))
        root = op.sqrt(op.add(op.reduce_mean(op.power(x, two), axis, True), eps))
        y = op.multiply(x, op.divide(op.constant(np.float32(1)), root))
    return op.add(op.multiply(y, gamma), beta)


def compiled(model, threads):
    return CORE.compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1,
                                             "INFERENCE_PRECISION_HINT": "f32"})


@functools.lru_cache(maxsize=64)
def rows_model(norm, eps, n, c, threads):
    x, gamma, beta = (op.parameter(shape, ov.Type.f32) for shape in ([n, c], [c], [c]))
    return compiled(ov.Model([rows({"norm": norm, "eps": eps}, x, gamma, beta)], [x, gamma, beta]), threads)


def batch_model(p, tensors):
    x = op.parameter([p["n"], p["c"], p["s"]], ov.Type.f32)
    constants = [op.constant(a) for a in (*peer.affine(p, tensors), *peer.running(p, tensors))]
    return compiled(ov.Model([op.batch_norm_inference(x, *constants, p["eps"])], [x]), p["threads"])


def open(p, threads):
    p["threads"] = threads
    return p


def prepare(p, tensors):
    if p["norm"] == "batchnorm":
        model, inputs = batch_model(p, tensors), [peer.folded(p, tensors["x"])]
    else:
        model = rows_model(p["norm"], p["eps"], p["n"], p["c"], p["threads"])
        inputs = [tensors["x"], *peer.affine(p, tensors)]
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
    return peer.arrays({"y": np.array(step()["y"])}, tensors)
