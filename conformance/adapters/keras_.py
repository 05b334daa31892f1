# SPDX-License-Identifier: Apache-2.0
"""Keras on TensorFlow, CPU, eager: the layers LayerNormalization (over channels with axis), RMSNormalization,
GroupNormalization (groups=-1 for InstanceNorm), BatchNormalization; gradients by GradientTape.

RMSNormalization has no beta, which is added afterwards; InstanceNorm tracks nothing. BatchNormalization: momentum weighs the
old, the running variance takes the population's. 16-bit tensors with parameters of f32 are Keras' mixed policies; with
parameters of their own type the running statistics have it too. Layers return no statistics; none can be given.
Documented difference: TensorFlow's threads flush subnormals to zero."""
import os

import peer

peer.require("keras")
os.environ["KERAS_BACKEND"] = "tensorflow"
import tensorflow_  # threads, as for TensorFlow
import keras
import tensorflow as tf

NAME, VERSION, PRESET = "keras", keras.__version__, "f32-stable-ftz"
DOCUMENTED = tensorflow_.DOCUMENTED


def supports(p):
    narrows = p["norm"] == "rmsnorm" and p["params"] != p["type"]
    return peer.declines(p, "the mixed policy takes RMSNormalization's gamma to the tensor's type" if narrows else None,
                         peer.momentum(p, "old", "population"), peer.beta_apart(p),
                         "GroupNormalization tracks nothing" if p["norm"] == "instancenorm" and p["running"] else None,
                         "the gradient goes through the statistics: none can be given" if p["given"] else None,
                         directions=("forward", "backward"), layouts=("ncs", "nsc"), types=peer.TYPES, params=("own", "f32"),
                         stats=peer.narrow_stats(p)) or True


def layer(p, t, x):
    """Built, with its weights: gamma, beta, moving mean and variance, those that it has."""
    policy = ("mixed_" if p["params"] != p["type"] else "") + peer.TYPES[p["type"]]
    options = {"epsilon": p["eps"], "dtype": keras.DTypePolicy(policy)}
    weights = [v for k, v in zip(("gamma", "beta"), peer.affine(p, t)) if p[k]]
    if p["norm"] == "rmsnorm":
        made, weights = keras.layers.RMSNormalization(**options), [peer.affine(p, t)[0]]
    else:
        options |= {"center": p["beta"], "scale": p["gamma"], "axis": peer.channel_axis(p)}
        if p["norm"] == "batchnorm":
            made = keras.layers.BatchNormalization(momentum=p["momentum"], **options)
            weights += peer.running(p, t)
        elif p["norm"] in ("groupnorm", "instancenorm"):
            made = keras.layers.GroupNormalization(p["groups"] if p["norm"] == "groupnorm" else -1, **options)
        else:
            made = keras.layers.LayerNormalization(**options)
    made.build(x.shape)
    made.set_weights(weights)
    return made


def prepare(p, tensors):
    batch, back, t = p["norm"] == "batchnorm", p["direction"] == "backward", peer.typed(p, tensors)
    x = tf.constant(peer.folded(p, t["x"]))
    made = layer(p, t, x)
    extra = tf.Variable(peer.affine(p, t)[1]) if p["norm"] == "rmsnorm" and p["beta"] else None
    options = {"training": peer.training(p)} if batch else {}

    def forward():
        y = made(x, **options)
        return {"y": y if extra is None else y + extra}

    if not back:
        state = [v.numpy() for v in made.non_trainable_variables]
        return forward if not p["running"] or not peer.training(p) else lambda: updated(made, state, forward)
    dy = tf.constant(peer.folded(p, t["dy"]))
    leaves = {"dx": x} | ({"dgamma": made.gamma.value if p["norm"] != "rmsnorm" else made.scale.value} if p["gamma"] else {})
    leaves |= {"dbeta": made.beta.value if extra is None else extra} if p["beta"] else {}
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = forward()["y"]
    return lambda: dict(zip(leaves, tape.gradient(y, list(leaves.values()), output_gradients=dy)))


def updated(made, state, forward):
    """Forward from the running statistics given, each time."""
    made.moving_mean.assign(state[0])
    made.moving_variance.assign(state[1])
    return forward() | {"running_mean": made.moving_mean, "running_var": made.moving_variance}


def run(p, tensors):
    return peer.arrays(p, prepare(p, tensors)(), tensors)
