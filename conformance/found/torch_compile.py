# SPDX-License-Identifier: Apache-2.0
"""torch.compile (inductor, CPU): torch.nn.functional's norms and their autograd, compiled for each shape. Seconds a case: for
the probes of found.def, no peer of a sweep. Conventions as torch's."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "adapters"))
import peer
import torch_
import torch
import torch.nn.functional as F

NAME, VERSION = "torch.compile", torch_.VERSION


def supports(p):
    if p["running"] and p["mode"] == "training":
        return "no running statistics in training"
    return "no given statistics" if p["given"] else torch_.supports(p)


def norm(p, x, gamma, beta, mean, var):
    if p["norm"] in torch_.LAYER:
        return F.layer_norm(x, [p["c"]], gamma, beta, p["eps"])
    if p["norm"] == "rmsnorm":
        return F.rms_norm(x, [p["c"]], gamma, p["eps"])
    if p["norm"] == "groupnorm":
        return F.group_norm(x, p["groups"], gamma, beta, p["eps"])
    function = F.batch_norm if p["norm"] == "batchnorm" else F.instance_norm
    return function(x, mean, var, gamma, beta, peer.training(p), eps=p["eps"])


def run(p, tensors):
    torch.set_num_threads(1)
    torch._dynamo.reset()
    t = {k: torch_.tensor_of(p, v.copy()) for k, v in tensors.items()}
    compiled, back = torch.compile(lambda *a: norm(p, *a)), p["direction"] == "backward"
    if back and p["beta"] and p["norm"] != "rmsnorm":
        t["beta"] = torch.zeros(p["c"], dtype=getattr(torch, peer.TYPES[p["params"]]))
    names = ("x", "gamma", "beta")
    for k in names:
        if back and k in t:
            t[k].requires_grad_()
    y = compiled(*(t.get(k) for k in names + torch_.STATS))
    if not back:
        return peer.arrays(p, {"y": torch_.array_of(p, y)}, tensors)
    names = [k for k in names if k in t]
    gradients = torch.autograd.grad(y, [t[k] for k in names], t["dy"])
    return peer.arrays(p, {f"d{k}": torch_.array_of(p, g) for k, g in zip(names, gradients)}, tensors)
