# SPDX-License-Identifier: Apache-2.0
"""PyTorch, CPU, eager: the kernels that torch.nn.functional's norms and their autograd call, which also return what they save.

LayerNorm: native_layer_norm; BatchNorm: native_batch_norm, channels-last as a view (N,C,S,1) of torch.channels_last; RMSNorm:
F.rms_norm (it has no beta, which is added afterwards) and its autograd. Conventions: eps is inside of the root; momentum
weighs the new, the running variance takes the unbiased one. Backward takes the given mean and rstd, or those that forward
saved; RMSNorm's is of x alone.
Documented differences: none that concern f32. Training on one value per channel is an error of F.batch_norm: declined."""
import peer

peer.require("torch", "numpy")
import torch

NAME, VERSION = "torch", torch.__version__.split("+")[0]
aten = torch.ops.aten


def supports(p):
    batch = p["norm"] == "batchnorm" and peer.training(p)
    return peer.declines(p, "one value per channel is an error" if batch and p["n"] * p["s"] == 1 else None,
                         "RMSNorm takes no given statistics" if p["given"] and p["norm"] == "rmsnorm" else None,
                         peer.momentum(p, "new", "unbiased"),
                         directions=("forward", "backward"), layouts=("ncs", "nsc")) or True


def open(p, threads):
    torch.set_num_threads(threads)
    return p


def tensor_of(p, array):
    """Without a copy; channels-last as (N,C,S,1) of strides (SC, 1, C, C)."""
    t = torch.from_numpy(array)
    if p["norm"] != "batchnorm" or array.ndim < 2 or array.size != p["n"] * p["c"] * p["s"]:
        return t
    t = torch.from_numpy(peer.folded(p, array))
    return t if p["layout"] == "ncs" else t.permute(0, 2, 1).unsqueeze(3)


def forward(p, t):
    """y, mean, rstd, running statistics."""
    gamma, beta = t.get("gamma"), t.get("beta")
    if p["norm"] == "layernorm":
        return dict(zip(("y", "mean", "rstd"), aten.native_layer_norm(t["x"], [p["c"]], gamma, beta, p["eps"])))
    if p["norm"] == "rmsnorm":
        y = torch.nn.functional.rms_norm(t["x"], [p["c"]], gamma, p["eps"])
        return {"y": y if beta is None else y + beta}
    stats, train = (t.get("running_mean"), t.get("running_var")), peer.training(p)
    y, mean, rstd = aten.native_batch_norm(t["x"], gamma, beta, *stats, train, p["momentum"], p["eps"])
    out = {"y": y} | ({"mean": mean, "rstd": rstd} if train else {})
    return out | (dict(zip(("running_mean", "running_var"), stats)) if train and p["running"] else {})


def backward(p, t):
    dy, x, gamma, mean, rstd = t["dy"], t["x"], t.get("gamma"), t.get("mean"), t.get("rstd")
    mask = [True, p["gamma"], p["beta"]]
    if p["norm"] == "layernorm":
        out = aten.native_layer_norm_backward(dy, x, [p["c"]], mean, rstd, gamma, t.get("beta"), mask)
    else:
        out = aten.native_batch_norm_backward(dy, x, gamma, t.get("running_mean"), t.get("running_var"), mean, rstd,
                                              peer.training(p), p["eps"], mask)
    return dict(zip(("dx", "dgamma", "dbeta"), out))


def autograd(p, t):
    """The step of backward as autograd has it; its forward is run here."""
    leaves = {k: t[k].requires_grad_() for k in ("x", "gamma", "beta") if t.get(k) is not None}
    y = forward(p, t)["y"]
    return lambda: {f"d{k}": g for k, g in zip(leaves, torch.autograd.grad(y, leaves.values(), t["dy"], retain_graph=True))}


def prepare(p, tensors):
    """Running statistics are updated in place: copies. Backward's statistics are computed before, untimed."""
    t = {k: tensor_of(p, v.copy() if k.startswith("running") or not v.flags.writeable else v) for k, v in tensors.items()}
    if p["direction"] == "forward":
        return lambda: forward(p, t)
    t["beta"] = torch.zeros(p["c"]) if p["beta"] else None
    if p["norm"] == "rmsnorm":
        return autograd(p, t)
    if p["given"]:
        t |= {k: t[f"given_{k}"].reshape(-1, 1) if p["norm"] != "batchnorm" else t[f"given_{k}"]
              for k in ("mean", "rstd") if f"given_{k}" in t}
    else:
        t |= {k: v for k, v in forward(p, t).items() if k in ("mean", "rstd")}
    return lambda: backward(p, t)


def run(p, tensors):
    out = prepare(p, tensors)()
    last = {k: v.squeeze(3).permute(0, 2, 1) for k, v in out.items() if v is not None and v.dim() == 4}
    return peer.arrays(out | last, tensors)
