# SPDX-License-Identifier: Apache-2.0
"""Flax (linen) on JAX, CPU: LayerNorm (over channels with reduction_axes), RMSNorm, GroupNorm, InstanceNorm, BatchNorm as
layers with their defaults, compiled by jax.jit, gradients by jax.vjp through the layer.

RMSNorm has no beta, which is added afterwards; GroupNorm is channels-last only; InstanceNorm tracks nothing. BatchNorm:
momentum weighs the old, the running variance takes the population's. 16-bit tensors have dtype=their type: statistics in
float, one cast last. Layers return no statistics; none can be given.
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
    last_only = p["norm"] == "groupnorm" and p["layout"] == "ncs"
    return peer.declines(p, peer.momentum(p, "old", "population"), peer.beta_apart(p),
                         "GroupNorm is channels-last" if last_only else None,
                         "InstanceNorm tracks nothing" if p["norm"] == "instancenorm" and p["running"] else None,
                         "the gradient goes through the statistics: none can be given" if p["given"] else None,
                         directions=("forward", "backward"), layouts=("ncs", "nsc"), types=peer.TYPES,
                         params=("own", "f32")) or True


def layer(kind, axis, groups, train, dtype, momentum, **options):
    options["dtype"] = dtype
    if kind == "batchnorm":
        return linen.BatchNorm(use_running_average=not train, axis=axis, momentum=momentum, **options)
    if kind == "groupnorm":
        return linen.GroupNorm(num_groups=groups, **options)
    if kind == "instancenorm":
        return linen.InstanceNorm(feature_axes=axis, **options)
    if kind == "rmsnorm":
        del options["use_bias"]
        return linen.RMSNorm(**options)
    return linen.LayerNorm(reduction_axes=axis, feature_axes=axis, **options)


def norm(kind, axis, groups, train, momentum, eps, x, gamma, beta, mean, var):
    """y and the new running statistics."""
    module = layer(kind, axis, groups, train, x.dtype, momentum, epsilon=eps, use_bias=beta is not None,
                   use_scale=gamma is not None)
    weights = {k: v for k, v in (("scale", gamma), ("bias", None if kind == "rmsnorm" else beta)) if v is not None}
    variables = {"params": weights}
    if kind == "batchnorm":
        variables["batch_stats"] = {"mean": mean, "var": var}
    y, new = module.apply(variables, x, mutable=["batch_stats"])
    return y + beta if kind == "rmsnorm" and beta is not None else y, new.get("batch_stats", {})


forward = partial(jax.jit, static_argnums=(0, 1, 2, 3))(norm)


@partial(jax.jit, static_argnums=(0, 1, 2, 3))
def backward(kind, axis, groups, train, momentum, eps, x, gamma, beta, mean, var, dy):
    return jax.vjp(lambda *a: norm(kind, axis, groups, train, momentum, eps, *a, mean, var)[0], x, gamma, beta)[1](dy)


def prepare(p, tensors):
    back, t = p["direction"] == "backward", peer.typed(p, tensors)
    gamma, beta = (v if p[k] else None for k, v in zip(("gamma", "beta"), peer.affine(p, t)))
    values = [peer.folded(p, t["x"]), gamma, beta, *peer.running(p, t)] + ([peer.folded(p, t["dy"])] if back else [])
    values = [None if v is None else jax.device_put(v) for v in values]
    static = p["norm"], peer.channel_axis(p), p["groups"], peer.training(p), p["momentum"], p["eps"]
    return lambda: jax.block_until_ready((backward if back else forward)(*static, *values))


def run(p, tensors):
    result = prepare(p, tensors)()
    if p["direction"] == "backward":
        return peer.arrays(p, dict(zip(("dx", "dgamma", "dbeta"), result)), tensors)
    updated = p["running"] and peer.training(p)
    return peer.arrays(p, {"y": result[0]} | ({f"running_{k}": v for k, v in result[1].items()} if updated else {}), tensors)
