# SPDX-License-Identifier: Apache-2.0
"""JAX, CPU: the norms as users write them with jax.numpy, compiled by jax.jit, gradients by jax.vjp.

    mean, var = x.mean(axes), x.var(axes);   y = (x - mean) * lax.rsqrt(var + eps) * gamma + beta

RMSNorm the same with mean(x^2); GroupNorm on x as (N, G, C/G, S). 16-bit tensors are taken to float first, and y back last,
once. Statistics in float (double for f64), returned as mean and rstd. There are no running statistics to update, as JAX has no
layers; the gradient goes through the statistics: given ones are declined, evaluation's are constants.
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

jax.config.update("jax_enable_x64", True)
if peer.PINNED:
    with open("/proc/cpuinfo", "rb") as f:
        kind = b"".join(line for line in f if line.startswith((b"model name", b"flags", b"Features")))
    folder = "jax-" + hashlib.sha256(kind).hexdigest()[:16]
    jax.config.update("jax_compilation_cache_dir", os.path.join(sys.prefix, "cache", folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)

NAME, VERSION, PRESET = "jax", jax.__version__, "f32-stable-ftz"
DOCUMENTED = "XLA flushes subnormals to zero"
REDUCED = {"batchnorm": "ns", "instancenorm": "s", "groupnorm": "ks"}  # the rest: "k", the channels


def supports(p):
    updates = p["running"] and p["mode"] == "training" and p["direction"] == "forward"
    return peer.declines(p, "no running statistics" if updates else None,
                         "the gradient goes through the statistics: none can be given" if p["given"] else None,
                         "gamma and beta per element lie as x" if p["affine"] == "element" and p["layout"] == "nsc" else None,
                         directions=("forward", "backward"), layouts=("ncs", "nsc"), types=peer.TYPES, params=("own", "f32"),
                         affine=("channel", "group", "element")) or True


def norm(name, shapes, axes, eps, x, gamma, beta, mean, var):
    """y, mean, rstd; mean and var are given in evaluation. `shapes`: of x, and beside it of gamma, beta, which may be None."""
    own, x = x.dtype, x.reshape(shapes[0])
    x = x.astype(jax.numpy.promote_types(own, "float32"))
    if var is None:
        mean = None if name == "rmsnorm" else x.mean(axes, keepdims=True)
        var = (x * x).mean(axes, keepdims=True) if mean is None else x.var(axes, keepdims=True)
    else:
        mean, var = mean.reshape(shapes[1]), var.reshape(shapes[1])
    rstd = lax.rsqrt(var + eps)
    y = (x if mean is None else x - mean) * rstd
    if gamma is not None:
        y = y * gamma.reshape(shapes[1])
    if beta is not None:
        y = y + beta.reshape(shapes[1])
    return y.astype(own), mean, rstd


forward = partial(jax.jit, static_argnums=(0, 1, 2))(norm)


@partial(jax.jit, static_argnums=(0, 1, 2))
def backward(name, shapes, axes, eps, x, gamma, beta, mean, var, dy):
    return jax.vjp(lambda *a: norm(name, shapes, axes, eps, *a, mean, var)[0], x, gamma, beta)[1](dy.reshape(shapes[0]))


def geometry(p):
    """x as (N, G, C/G, S), or (N, S, G, C/G) channels-last, the shape of gamma beside it, and the axes that are reduced."""
    order, c = "ngks" if p["layout"] == "ncs" else "nsgk", p["c"] // p["groups"]
    size = {"n": p["n"], "g": p["groups"], "k": c, "s": p["s"]}
    of = {"channel": "gk", "group": "g", "element": "gks"}[p["affine"]]
    reduced = REDUCED.get(p["norm"], "k")
    shapes = tuple(size[a] for a in order), tuple(size[a] if a in of else 1 for a in order)
    return shapes, tuple(i for i, a in enumerate(order) if a in reduced)


def prepare(p, tensors):
    """The gradient of beta needs one, of any value."""
    back, t = p["direction"] == "backward", peer.typed(p, tensors)
    if back and p["beta"]:
        t["beta"] = peer.affine(p, t)[1]
    names = ["x", "gamma", "beta", "running_mean", "running_var"] + ["dy"] * back
    arguments = [p["norm"], *geometry(p), p["eps"]] + [None if t.get(k) is None else jax.device_put(t[k]) for k in names]
    return lambda: jax.block_until_ready((backward if back else forward)(*arguments))


def run(p, tensors):
    names = ("dx", "dgamma", "dbeta") if p["direction"] == "backward" else ("y", "mean", "rstd") if peer.training(p) else ("y",)
    return peer.arrays(p, dict(zip(names, prepare(p, tensors)())), tensors)
