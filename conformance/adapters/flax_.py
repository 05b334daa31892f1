# SPDX-License-Identifier: Apache-2.0
"""Flax (linen) on JAX, CPU: LayerNorm, RMSNorm, BatchNorm as layers with their defaults, compiled by jax.jit, gradients by
jax.vjp through the layer.

RMSNorm has no beta, which is added afterwards. BatchNorm: momentum weighs the old, the running variance takes the
population's. Layers return no statistics; none can be given.
Documented differences: use_fast_variance=True, the default, takes the variance as mean(x^2) - mean(x)^2, clipped at 0; XLA
flushes subnormals to zero."""
import peer

peer.require("flax")
import jax_  # threads, as for JAX
import flax
import jax
from flax import linen
from functools import partial

NAME, VERSION, PRESET = "flax", flax.__version__, "f32-one-pass-ftz"
DOCUMENTED = "use_fast_variance=True: mean(x^2) - mean(x)^2; XLA flushes subnormals to zero"


def supports(p):
    return peer.declines(p, peer.momentum(p, "old", "population"),
                         "the gradient goes through the statistics: none can be given" if p["given"] else None,
                         directions=("forward", "backward"), layouts=("ncs", "nsc")) or True


def layer(kind, axis, gamma, beta, train, momentum, eps):
    if kind == "batchnorm":
        return linen.BatchNorm(use_running_average=not train, axis=axis, momentum=momentum, epsilon=eps, use_bias=beta,
                               use_scale=gamma)
    if kind == "layernorm":
        return linen.LayerNorm(epsilon=eps, use_bias=beta, use_scale=gamma)
    return linen.RMSNorm(epsilon=eps, use_scale=gamma)


def norm(kind, axis, train, momentum, eps, x, gamma, beta, mean, var):
    """y and the new running statistics."""
    module = layer(kind, axis, gamma is not None, beta is not None, train, momentum, eps)
    weights = {k: v for k, v in (("scale", gamma), ("bias", None if kind == "rmsnorm" else beta)) if v is not None}
    variables = {"params": weights}
    if kind == "batchnorm":
        variables["batch_stats"] = {"mean": mean, "var": var}
    y, new = module.apply(variables, x, mutable=["batch_stats"])
    return y + beta if kind == "rmsnorm" and beta is not None else y, new.get("batch_stats", {})


@partial(jax.jit, static_argnums=(0, 1, 2))
def forward(kind, axis, train, *a):
    return norm(kind, axis, train, *a)


@partial(jax.jit, static_argnums=(0, 1, 2))
def backward(kind, axis, train, momentum, eps, x, gamma, beta, mean, var, dy):
    return jax.vjp(lambda *a: norm(kind, axis, train, momentum, eps, *a, mean, var)[0], x, gamma, beta)[1](dy)


def prepare(p, tensors):
    batch, back = p["norm"] == "batchnorm", p["direction"] == "backward"
    shaped = {k: peer.folded(p, tensors[k]) if batch else tensors[k] for k in ("x", "dy") if k in tensors}
    gamma, beta = (v if p[k] else None for k, v in zip(("gamma", "beta"), peer.affine(p, tensors)))
    values = [shaped["x"], gamma, beta, *peer.running(p, tensors)] + ([shaped["dy"]] if back else [])
    values = [None if v is None else jax.device_put(v) for v in values]
    axis = 1 if batch and p["layout"] == "ncs" else -1
    function = backward if back else forward
    return lambda: jax.block_until_ready(function(p["norm"], axis, peer.training(p), p["momentum"], p["eps"], *values))


def run(p, tensors):
    result = prepare(p, tensors)()
    if p["direction"] == "backward":
        return peer.arrays(dict(zip(("dx", "dgamma", "dbeta"), result)), tensors)
    updated = p["running"] and peer.training(p)
    return peer.arrays({"y": result[0]} | ({f"running_{k}": v for k, v in result[1].items()} if updated else {}), tensors)
