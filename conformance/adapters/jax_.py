# SPDX-License-Identifier: Apache-2.0
"""JAX, CPU: the norms as users write them with jax.numpy, compiled by jax.jit, gradients by jax.vjp.

    mean, var = x.mean(axis), x.var(axis);   y = (x - mean) * lax.rsqrt(var + eps) * gamma + beta

RMSNorm the same with mean(x^2). Statistics in float, returned as mean and rstd. There are no running statistics to update,
as JAX has no layers; the gradient goes through the statistics: given ones are declined, evaluation's are constants.
Documented difference: XLA's CPU code flushes subnormals to zero.

The number of XLA's threads (NPROC) is fixed at import. Compiling takes most of the time of a check: in the environment of
`make peers` what was compiled is kept there, for this kind of processor."""
import hashlib
import os
import sys

import peer

peer.require("jax", "jaxlib", "numpy")
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["NPROC"] = str(peer.THREADS)
if peer.THREADS == 1:
    os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_cpu_multi_thread_eigen=false"
import jax
from functools import partial
from jax import lax

if peer.PINNED:
    with open("/proc/cpuinfo", "rb") as f:
        kind = b"".join(line for line in f if line.startswith((b"model name", b"flags", b"Features")))
    folder = "jax-" + hashlib.sha256(kind).hexdigest()[:16]
    jax.config.update("jax_compilation_cache_dir", os.path.join(sys.prefix, "cache", folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)

NAME, VERSION, PRESET = "jax", jax.__version__, "f32-stable-ftz"
DOCUMENTED = "XLA flushes subnormals to zero"


def supports(p):
    updates = p["running"] and p["mode"] == "training" and p["direction"] == "forward"
    return peer.declines(p, "no running statistics" if updates else None,
                         "the gradient goes through the statistics: none can be given" if p["given"] else None,
                         directions=("forward", "backward"), layouts=("ncs", "nsc")) or True


def norm(name, axis, shape, eps, x, gamma, beta, mean, var):
    """y, mean, rstd; mean and var are given in evaluation. gamma and beta, of `shape`, may be None."""
    if var is None:
        mean = None if name == "rmsnorm" else x.mean(axis, keepdims=True)
        var = (x * x).mean(axis, keepdims=True) if mean is None else x.var(axis, keepdims=True)
    else:
        mean, var = mean.reshape(shape), var.reshape(shape)
    rstd = lax.rsqrt(var + eps)
    y = (x if mean is None else x - mean) * rstd
    if gamma is not None:
        y = y * gamma.reshape(shape)
    if beta is not None:
        y = y + beta.reshape(shape)
    return y, mean, rstd


@partial(jax.jit, static_argnums=(0, 1, 2))
def forward(name, axis, shape, eps, x, gamma, beta, mean, var):
    return norm(name, axis, shape, eps, x, gamma, beta, mean, var)


@partial(jax.jit, static_argnums=(0, 1, 2))
def backward(name, axis, shape, eps, x, gamma, beta, mean, var, dy):
    return jax.vjp(lambda *a: norm(name, axis, shape, eps, *a, mean, var)[0], x, gamma, beta)[1](dy)


def geometry(p):
    """axis that is reduced, and gamma's shape beside x."""
    if p["norm"] != "batchnorm":
        return 1, (1, p["c"])
    return ((0, 2), (1, p["c"], 1)) if p["layout"] == "ncs" else ((0, 1), (1, 1, p["c"]))


def prepare(p, tensors):
    """The gradient of beta needs one, of any value."""
    t = dict(tensors, x=peer.folded(p, tensors["x"]) if p["norm"] == "batchnorm" else tensors["x"])
    if p["direction"] == "backward":
        t["dy"] = t["dy"].reshape(t["x"].shape)
        t["beta"] = peer.affine(p, tensors)[1] if p["beta"] else None
    names = ["x", "gamma", "beta", "running_mean", "running_var"] + ["dy"] * (p["direction"] == "backward")
    function = backward if p["direction"] == "backward" else forward
    arguments = [p["norm"], *geometry(p), p["eps"]] + [None if t.get(k) is None else jax.device_put(t[k]) for k in names]
    return lambda: jax.block_until_ready(function(*arguments))


def run(p, tensors):
    names = ("dx", "dgamma", "dbeta") if p["direction"] == "backward" else ("y", "mean", "rstd")
    outputs = dict(zip(names, prepare(p, tensors)()))
    if p["direction"] == "forward" and not peer.training(p):
        outputs |= {"mean": None, "rstd": None}
    return peer.arrays(outputs, tensors)
