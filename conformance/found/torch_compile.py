# SPDX-License-Identifier: Apache-2.0
"""torch.compile (inductor, CPU): F.layer_norm, F.rms_norm, F.batch_norm of PyTorch, compiled for each shape. Seconds a
case: for the probes of found.def, no peer of a sweep. Forward only; conventions as torch's."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "adapters"))
import peer

peer.require("torch", "numpy")
import torch
import torch.nn.functional as F

NAME, VERSION = "torch.compile", torch.__version__.split("+")[0]


def supports(p):
    return peer.declines(p, "no running statistics in training" if p["running"] and p["mode"] == "training" else None) or True


def run(p, tensors):
    torch.set_num_threads(1)
    torch._dynamo.reset()
    x = peer.folded(p, tensors["x"]) if p["norm"] == "batchnorm" else tensors["x"]
    x, gamma, beta = (torch.from_numpy(a.copy()) for a in (x, *peer.affine(p, tensors)))
    stats = [torch.from_numpy(a) for a in peer.running(p, tensors)]
    if p["norm"] == "layernorm":
        y = torch.compile(F.layer_norm)(x, [p["c"]], gamma, beta, p["eps"])
    elif p["norm"] == "rmsnorm":
        y = torch.compile(F.rms_norm)(x, [p["c"]], gamma, p["eps"])
    elif peer.training(p):
        y = torch.compile(F.batch_norm)(x, None, None, gamma, beta, training=True, eps=p["eps"])
    else:
        y = torch.compile(F.batch_norm)(x, *stats, gamma, beta, eps=p["eps"])
    return peer.arrays({"y": y}, tensors)
