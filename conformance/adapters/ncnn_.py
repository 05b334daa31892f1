# SPDX-License-Identifier: Apache-2.0
"""ncnn: a network of one layer, its parameters as text, its weights in a file in memory.

LayerNorm, RMSNorm (it has no beta, which is added afterwards, in float) over the rows of a matrix; InstanceNorm, GroupNorm, and
BatchNorm for inference, also where InstanceNorm has running statistics, one sample after the other, as C channels: ncnn has no
batch. eps is a float; storage and arithmetic in f16 and bf16, on by default where the processor has them, are switched off. No
training, no backward, no channels-last layout.
Documented differences: none that concern f32."""
import os

import peer

peer.require("ncnn")
import ncnn
import numpy as np

NAME, VERSION = "ncnn", ncnn.__version__
SAMPLES_MAX = 4096


def supports(p):
    updates = p["norm"] == "batchnorm" and peer.training(p) or p["running"] and p["mode"] == "training"
    many = p["norm"] not in peer.ROWS and p["n"] > SAMPLES_MAX
    return peer.declines(p, "no training" if updates else None,
                         f"at most {SAMPLES_MAX} samples, taken one by one" if many else None,
                         norms=peer.ROWS + ("batchnorm", "instancenorm", "groupnorm")) or True


def layer(p, tensors):
    """Its name, parameters and weights; eps in 15 characters, of which ncnn reads no more."""
    affine, c, eps = peer.affine(p, tensors), p["c"], f"{p['eps']:.8e}"
    if p["running"]:
        return "BatchNorm", f"0={c} 1={eps}", [affine[0], *peer.running(p, tensors), affine[1]]
    if p["norm"] == "groupnorm":
        return "GroupNorm", f"0={p['groups']} 1={c} 2={eps} 3=1", affine
    name = {"layernorm": "LayerNorm", "rmsnorm": "RMSNorm", "instancenorm": "InstanceNorm"}[p["norm"]]
    return name, f"0={c} 1={eps} 2=1", affine[:1] if p["norm"] == "rmsnorm" else affine


def network(p, tensors):
    name, parameters, weights = layer(p, tensors)
    net = ncnn.Net()
    net.opt.num_threads = p["threads"]
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
    net.opt.use_bf16_storage = False
    text = f"7767517\n2 2\nInput in0 0 1 in0\n{name} norm 1 1 in0 out0 {parameters}\n"
    with os.fdopen(os.memfd_create("weights"), "wb") as file:  # load_model_mem would borrow a string that Python frees
        file.write(b"".join(a.tobytes() for a in weights))
        file.flush()
        if net.load_param_mem(text) or net.load_model(f"/proc/self/fd/{file.fileno()}"):
            raise RuntimeError(f"ncnn does not load a {name}")
    return net


def open(p, threads):
    return p | {"threads": threads}


def prepare(p, tensors):
    """BatchNorm's samples are matrices of C rows, those of InstanceNorm and GroupNorm C images."""
    net, x = network(p, tensors), peer.folded(p, tensors["x"])
    samples = [x] if p["norm"] in peer.ROWS else x if p["running"] else x.reshape(p["n"], p["c"], 1, p["s"])
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
    return peer.arrays(p, {"y": y}, tensors)
