# SPDX-License-Identifier: Apache-2.0
"""PyTorch, CPU, eager: the kernels that torch.nn.functional's norms and their autograd call, which also return what they save.

LayerNorm: native_layer_norm, over channels on a view with C last, as torchvision's LayerNorm2d; GroupNorm: native_group_norm;
BatchNorm: native_batch_norm; InstanceNorm, RMSNorm (it has no beta, which is added afterwards): F.instance_norm, F.rms_norm and
their autograd. Channels-last is a view (N,C,1,S) of torch.channels_last. eps is inside of the root; momentum weighs the new,
running_var takes the unbiased one. Backward takes the given mean and rstd, or those that forward saved. 16-bit tensors with
parameters of their type have statistics of it too: saved ones are not judged. Documented differences: none."""
import peer

peer.require("torch", "numpy")
import numpy as np
import torch
import torch.nn.functional as F
NAME, VERSION = "torch", torch.__version__.split("+")[0]
LAYER, AUTOGRAD, STATS = ("layernorm", "layernorm_channels"), ("rmsnorm", "instancenorm"), ("running_mean", "running_var")
aten = torch.ops.aten


def supports(p):
    m = {"batchnorm": p["n"] * p["s"], "instancenorm": p["s"], "groupnorm": p["n"] * p["c"] * p["s"] // p["groups"]}
    bare = p["direction"] == "backward" and not p["gamma"] and p["params"] != p["type"]
    return peer.declines(p, "one value for a mean is an error" if peer.training(p) and m.get(p["norm"]) == 1 else None,
                         "no given statistics" if p["given"] and p["norm"] in AUTOGRAD else None,
                         "a beta of f32 alone is an error in gradients" if bare else None,
                         peer.momentum(p, "new", "unbiased"), peer.beta_apart(p), types=peer.TYPES, params=("own", "f32"),
                         directions=("forward", "backward"), layouts=("ncs", "nsc"), stats=peer.narrow_stats(p)) or True


def open(p, threads):
    torch.set_num_threads(threads)
    return p


def tensor_of(p, array):
    """Without a copy; LayerNorm's with C last, others' channels-last as (N,C,1,S): of (N,C,S,1) some kernels do not see it."""
    t = torch.from_numpy(array.view(np.int16)).view(torch.bfloat16) if array.dtype == np.uint16 else torch.from_numpy(array)
    if array.ndim < 2 or p["norm"] in peer.ROWS:
        return t
    t, last = t.view(peer.folded(p, array).shape), p["layout"] == "nsc"
    if last == (p["norm"] in LAYER):
        return t
    return t.permute(0, 2, 1) if p["norm"] in LAYER else t.unsqueeze(1).permute(0, 3, 1, 2)


def array_of(p, t):
    if t.dim() == 4 or p["norm"] in LAYER and p["layout"] == "ncs" and t.dim() == 3 and t.shape[2] == p["c"]:
        t = t.reshape(t.shape[0], t.shape[1], -1).permute(0, 2, 1)
    return t.contiguous().view(torch.int16).numpy().view(np.uint16) if t.dtype == torch.bfloat16 else t.numpy()


def forward(p, t):
    """y, mean, rstd, running statistics."""
    x, train, weights, stats = t["x"], peer.training(p), (t.get("gamma"), t.get("beta")), [t.get(k) for k in STATS]
    new = dict(zip(STATS, stats)) if train and p["running"] else {}
    if p["norm"] == "rmsnorm":
        y = F.rms_norm(x, [p["c"]], weights[0], p["eps"])
        return {"y": y if weights[1] is None else y + weights[1]}
    if p["norm"] == "instancenorm":
        return {"y": F.instance_norm(x, *stats, *weights, train, p["momentum"], p["eps"])} | new
    if p["norm"] in LAYER:
        out = aten.native_layer_norm(x, [p["c"]], *weights, p["eps"])
    elif p["norm"] == "groupnorm":
        out = aten.native_group_norm(x, *weights, p["n"], p["c"], p["s"], p["groups"], p["eps"])
    else:
        out = aten.native_batch_norm(x, *weights, *stats, train, p["momentum"], p["eps"])[:3 if train else 1]
    return dict(zip(("y", "mean", "rstd"), out)) | new


def backward(p, t):
    dy, x, gamma, saved, mask = t["dy"], t["x"], t.get("gamma"), (t.get("mean"), t.get("rstd")), [True, p["gamma"], p["beta"]]
    if p["norm"] in LAYER:
        out = aten.native_layer_norm_backward(dy, x, [p["c"]], *saved, gamma, t["beta"], mask)
    elif p["norm"] == "groupnorm":
        out = aten.native_group_norm_backward(dy, x, *saved, gamma, p["n"], p["c"], p["s"], p["groups"], mask)
    else:
        saved = [t.get(k) for k in STATS + ("mean", "rstd")]
        out = aten.native_batch_norm_backward(dy, x, gamma, *saved, peer.training(p), p["eps"], mask)
    return dict(zip(("dx", "dgamma", "dbeta"), out))


def prepare(p, tensors):
    """Running statistics are updated in place: copies. Backward's forward is run before, untimed."""
    t = {k: tensor_of(p, v.copy() if k.startswith("running") or not v.flags.writeable else v) for k, v in tensors.items()}
    if p["direction"] == "forward":
        return lambda: forward(p, t)
    t["beta"] = torch.zeros(p["c"], dtype=getattr(torch, peer.TYPES[p["params"]])) if p["beta"] else None
    if p["norm"] in AUTOGRAD:
        leaves = {k: t[k].requires_grad_() for k in ("x", "gamma", "beta") if t.get(k) is not None}
        y = forward(p, t)["y"]
        return lambda: dict(zip(("d" + k for k in leaves), torch.autograd.grad(y, leaves.values(), t["dy"], retain_graph=True)))
    saved = {k: t.get(f"given_{k}") for k in ("mean", "rstd")} if p["given"] else forward(p, t)
    shape = {"batchnorm": (-1,), "layernorm_channels": (p["n"], p["s"], 1), "groupnorm": (p["n"], -1)}.get(p["norm"], (-1, 1))
    t |= {k: saved[k].view(shape) for k in ("mean", "rstd") if saved.get(k) is not None}
    return lambda: backward(p, t)


def run(p, tensors):
    return peer.arrays(p, {k: array_of(p, v) for k, v in prepare(p, tensors)().items() if v is not None}, tensors)
