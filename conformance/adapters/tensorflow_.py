# SPDX-License-Identifier: Apache-2.0
"""TensorFlow, CPU, eager: BatchNorm by the fused kernel, FusedBatchNormV3 and its gradient, which Keras 2 and saved models
use; on the CPU it is channels-last only, as (N,S,1,C), of f32, f16 and bf16 with parameters and statistics in f32. Other norms
and layouts: see keras.

Conventions: eps is a float attribute, inside of the root; momentum weighs the new (exponential_avg_factor), the running
variance takes the unbiased one, of one element 0. Saved are the mean and the population variance, which the gradient takes (on
a GPU it is rstd): a given rstd does not determine it. Evaluation's takes the running ones.
Documented difference: TensorFlow's threads flush subnormals to zero."""
import os

import peer

peer.require("tensorflow-cpu", "numpy")
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tensorflow as tf

NAME, VERSION, PRESET = "tensorflow", tf.__version__, "f32-stable-ftz"
DOCUMENTED = "its threads flush subnormals to zero"
tf.config.threading.set_intra_op_parallelism_threads(peer.THREADS)
tf.config.threading.set_inter_op_parallelism_threads(1)


def supports(p):
    return peer.declines(p, peer.momentum(p, "new", "unbiased", "unbiased1"),
                         "the gradient takes a variance, no rstd" if p["given"] and p["saved"] == "rstd" else None,
                         norms=("batchnorm",), directions=("forward", "backward"), layouts=("nsc",),
                         types=("f32", "f16", "bf16"), params=("f32",), saved=("rstd", "variance")) or True


def prepare(p, tensors):
    shape, train, t = (p["n"], p["s"], 1, p["c"]), peer.training(p), peer.typed(p, tensors)
    x = tf.constant(t["x"].reshape(shape))
    gamma, beta = map(tf.constant, peer.affine(p, t))
    empty = np.zeros(0, "f4")
    stats = peer.running(p, t) if p["running"] else (empty, empty)
    factor = p["momentum"] if p["running"] and train else 1.0

    def forward():
        return tf.raw_ops.FusedBatchNormV3(x=x, scale=gamma, offset=beta, mean=stats[0], variance=stats[1], epsilon=p["eps"],
                                           exponential_avg_factor=factor, is_training=train)
    if p["direction"] == "forward":
        return forward
    dy = tf.constant(t["dy"].reshape(shape))
    if p["given"]:
        saved = (t["given_mean"], t["given_variance"], empty)
    elif train:
        out = forward()
        saved = (out.reserve_space_1, out.reserve_space_2, out.reserve_space_3)
    else:
        saved = (*stats, empty)
    return lambda: tf.raw_ops.FusedBatchNormGradV3(
        y_backprop=dy, x=x, scale=gamma, reserve_space_1=saved[0], reserve_space_2=saved[1], reserve_space_3=saved[2],
        epsilon=p["eps"], is_training=train)


def run(p, tensors):
    out = prepare(p, tensors)()
    if p["direction"] == "backward":
        return peer.arrays(p, {"dx": out.x_backprop, "dgamma": out.scale_backprop if p["gamma"] else None,
                               "dbeta": out.offset_backprop if p["beta"] else None}, tensors)
    updated = p["running"] and peer.training(p)
    new = {"running_mean": out.batch_mean, "running_var": out.batch_variance} if updated else {}
    if p["saved"] == "variance":
        new |= {"mean": out.reserve_space_1, "variance": out.reserve_space_2}
    return peer.arrays(p, {"y": out.y} | new, tensors)
