# SPDX-License-Identifier: Apache-2.0
"""Keras on TensorFlow, CPU, eager: the layers LayerNormalization, RMSNormalization, BatchNormalization; gradients by
GradientTape.

RMSNormalization has no beta, which is added afterwards. BatchNormalization: momentum weighs the old, the running
variance takes the population's. Layers return no statistics; none can be given.
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
    return peer.declines(p, peer.momentum(p, "old", "population"),
                         "the gradient goes through the statistics: none can be given" if p["given"] else None,
                         directions=("forward", "backward"), layouts=("ncs", "nsc")) or True


def layer(p, tensors, x):
    """Built, with its weights: gamma, beta, moving mean and variance, those that it has."""
    affine = [tensors[k] if k in tensors else v for k, v in zip(("gamma", "beta"), peer.affine(p, tensors))]
    affine = [v for k, v in zip(("gamma", "beta"), affine) if p[k]]
    if p["norm"] == "batchnorm":
        made = keras.layers.BatchNormalization(axis=1 if p["layout"] == "ncs" else 2, momentum=p["momentum"],
                                               epsilon=p["eps"], center=p["beta"], scale=p["gamma"])
        affine += peer.running(p, tensors)
    elif p["norm"] == "layernorm":
        made = keras.layers.LayerNormalization(epsilon=p["eps"], center=p["beta"], scale=p["gamma"])
    else:
        made, affine = keras.layers.RMSNormalization(epsilon=p["eps"]), [peer.affine(p, tensors)[0]]
    made.build(x.shape)
    made.set_weights(affine)
    return made


def prepare(p, tensors):
    batch, back = p["norm"] == "batchnorm", p["direction"] == "backward"
    x = tf.constant(peer.folded(p, tensors["x"]) if batch else tensors["x"])
    made = layer(p, tensors, x)
    extra = tf.Variable(peer.affine(p, tensors)[1]) if p["norm"] == "rmsnorm" and p["beta"] else None
    options = {"training": peer.training(p)} if batch else {}

    def forward():
        y = made(x, **options)
        return {"y": y if extra is None else y + extra}

    if not back:
        state = [v.numpy() for v in made.non_trainable_variables]
        return forward if not p["running"] or not peer.training(p) else lambda: updated(made, state, forward)
    dy = tf.constant(tensors["dy"].reshape(x.shape))
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
    return peer.arrays(prepare(p, tensors)(), tensors)
