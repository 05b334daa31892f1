# SPDX-License-Identifier: Apache-2.0
"""ncnn: a network of one layer, its parameters as text, its weights in a file in memory.

LayerNorm, RMSNorm (it has no beta, which is added afterwards, in float) over the rows of a matrix; BatchNorm for inference,
one sample after the other, as matrices of C rows: ncnn has no batch. eps is a float; storage and arithmetic in f16 and bf16,
on by default where the processor has them, are switched off. No training, no backward, no channels-last layout.
Documented differences: none that concern f32."""
import os

import peer

peer.require("ncnn")
import ncnn
import numpy as np

NAME, VERSION = "ncnn", ncnn.__version__
SAMPLES_MAX = 4096


def supports(p):
    batch = p["norm"] == "batchnorm"
    many = batch and p["n"] > SAMPLES_MAX
    return peer.declines(p, "no training" if batch and peer.training(p) else None,
                         f"at most {SAMPLES_MAX} samples, taken one by one" if many else None) or True


def network(p, tensors):
    """Parameters: 0 size, 1 eps, 2 with gamma and beta; eps in 15 characters, of which ncnn reads no more."""
    gamma, beta = peer.affine(p, tensors)
    kind = {"layernorm": "LayerNorm", "rmsnorm": "RMSNorm", "batchnorm": "BatchNorm"}[p["norm"]]
    weights = {"LayerNorm": [gamma, beta], "RMSNorm": [gamma], "BatchNorm": [gamma, *peer.running(p, tensors), beta]}[kind]
    net = ncnn.Net()
    net.opt.num_threads = p["threads"]
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
    net.opt.use_bf16_storage = False
    text = f"7767517\n2 2\nInput in0 0 1 in0\n{kind} norm 1 1 in0 out0 0={p['c']} 1={p['eps']:.8e} 2=1\n"
    with os.fdopen(os.memfd_create("weights"), "wb") as file:  # load_model_mem would borrow a string that Python frees
        file.write(b"".join(a.tobytes() for a in weights))
        file.flush()
        if net.load_param_mem(text) or net.load_model(f"/proc/self/fd/{file.fileno()}"):
            raise RuntimeError(f"ncnn does not load a {kind}")
    return net


def open(p, threads):
    p["threads"] = threads
    return p


def prepare(p, tensors):
    net = network(p, tensors)
    samples = peer.folded(p, tensors["x"]) if p["norm"] == "batchnorm" else [tensors["x"]]
    mats = [ncnn.Mat(np.ascontiguousarray(a)).clone() for a in samples]  # it crashes on memory that numpy owns

    def step():
        result = []
        for mat in mats:
            extractor = net.create_extractor()
            extractor.input("in0", mat)
            code, out = extractor.extract("out0")
            if code:
                raise RuntimeError(f"ncnn's extract returned {code}")
            result.append(out)
        return result

    return step


def run(p, tensors):
    step = prepare(p, tensors)  # holds the network
    y = np.stack([np.array(mat) for mat in step()])
    if p["norm"] == "rmsnorm" and p["beta"]:
        y = y + tensors["beta"]
    return peer.arrays({"y": y}, tensors)
