# SPDX-License-Identifier: Apache-2.0
"""JAX, CPU: the norms as users write them with jax.numpy, compiled by jax.jit, gradients by jax.vjp.
y = (x - mean) * lax.rsqrt(var + eps) * gamma + beta of mean, var = x.mean(axes), x.var(axes); RMSNorm the same with
mean(x^2). 16-bit tensors are taken to float first, and y back last, once. Statistics in float (double for f64), returned as
mean, and rstd or variance. JAX has no layers, so no running statistics to update; the gradient goes through the statistics:
given ones are declined, evaluation's are constants. Documented difference: XLA's CPU code flushes subnormals to zero.
Compiling takes most of the time: what was compiled is kept in the environment of `make peers`, by kind of processor."""
import hashlib
import itertools
import math
import os
import sys

import peer

peer.require("jax", "jaxlib", "numpy")
alone = " --xla_cpu_multi_thread_eigen=false" if peer.THREADS == 1 else ""
os.environ.update(JAX_PLATFORMS="cpu", NPROC=str(peer.THREADS), XLA_FLAGS=os.environ.get("XLA_FLAGS", "") + alone)
from functools import lru_cache, partial
import jax
from jax import lax
jax.config.update("jax_enable_x64", True)
if peer.PINNED:
    with open("/proc/cpuinfo", "rb") as lines:
        kind = b"".join(line for line in lines if line.startswith((b"model name", b"flags", b"Features")))
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
                         saved=("rstd", "variance"), affine=("channel", "group", "element")) or True


def norm(centred, axes, eps, x, gamma, beta, mean, var):
    """y, mean, rstd, var; mean and var are given in evaluation. gamma and beta may be None."""
    own, x = x.dtype, x.astype(jax.numpy.promote_types(x.dtype, "float32"))
    if var is None:
        mean = x.mean(axes, keepdims=True) if centred else None
        var = x.var(axes, keepdims=True) if centred else (x * x).mean(axes, keepdims=True)
    rstd = lax.rsqrt(var + eps)
    y = (x if mean is None else x - mean) * rstd
    y = y if gamma is None else y * gamma
    y = y if beta is None else y + beta
    return y.astype(own), mean, rstd, var


forward = partial(jax.jit, static_argnums=(0, 1))(norm)


@partial(jax.jit, static_argnums=(0, 1))
def backward(centred, axes, eps, x, gamma, beta, mean, var, dy):
    return jax.vjp(lambda *a: norm(centred, axes, eps, *a, mean, var)[0], x, gamma, beta)[1](dy)


def geometry(p):
    """The shape of x, that of gamma beside it, the axes reduced. x, (N, G, C/G, S) or channels-last (N, S, G, C/G), rows as
    (G, rows/G, cols), is viewed with the fewest axes: one compilation serves all shapes that are the same sums."""
    order = "gnk" if p["norm"] in peer.ROWS else "ngks" if p["layout"] == "ncs" else "nsgk"
    size = {"n": p["n"], "g": p["groups"], "k": p["c"], "s": p["s"]}
    size["n" if p["norm"] in peer.ROWS else "k"] //= p["groups"]
    of = {"channel": "gk", "group": "g", "element": "gks"}[p["affine"]]
    reduced = REDUCED.get(p["norm"], "k") if peer.training(p) else ""
    axes = [(math.prod(size[a] for a in run), *role) for role, run in
            itertools.groupby((a for a in order if size[a] > 1), lambda a: (a in of, a in reduced))]
    return ([n for n, *_ in axes], [n if has else 1 for n, has, _ in axes], tuple(i for i, a in enumerate(axes) if a[2]))


@lru_cache(1)  # of the kind of case before; what was compiled takes megabytes for every shape
def forget(*kind):
    jax.clear_caches()


def prepare(p, tensors):
    """The gradient of beta needs one, of any value."""
    forget(p["norm"], p["type"], p["direction"])
    back, t = p["direction"] == "backward", peer.typed(p, tensors)
    if back and p["beta"]:
        t["beta"] = peer.affine(p, t)[1]
    whole, beside, axes = geometry(p)
    given = dict.fromkeys(("gamma", "beta", "running_mean", "running_var"), beside)
    shapes = {"x": whole, **given, **({"dy": whole} if back else {})}
    arguments = [p["norm"] != "rmsnorm", axes, p["eps"]]
    arguments += [None if t.get(k) is None else jax.device_put(t[k].reshape(shape)) for k, shape in shapes.items()]
    return lambda: jax.block_until_ready((backward if back else forward)(*arguments))


def run(p, tensors):
    out = prepare(p, tensors)()
    if p["direction"] == "backward":
        return peer.arrays(p, dict(zip(("dx", "dgamma", "dbeta"), out)), tensors)
    y, mean, rstd, var = out
    saved = {"mean": mean} | ({"rstd": rstd} if p["saved"] == "rstd" else {"variance": var})
    return peer.arrays(p, {"y": y} | (saved if peer.training(p) else {}), tensors)
