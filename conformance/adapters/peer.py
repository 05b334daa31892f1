# SPDX-License-Identifier: Apache-2.0
"""What the adapters of Python peers share: is the peer there and the pinned one, what do all of them decline, what do
the parts of a problem look like to them. An adapter defines prepare(); run() is its step, brought back to numpy."""
import importlib.metadata
import os
import sys

import numpy as np

THREADS = int(os.environ.get("OMP_NUM_THREADS", "1"))  # set by the harness before anything is imported
NORMS = ("batchnorm", "layernorm", "rmsnorm")


def _pinned():
    """What `make peers` installs, {package: (version, file)}; nothing outside of its virtual environment."""
    pins = {}
    if not os.path.exists(os.path.join(sys.prefix, "normative-peers")):
        return pins
    here = os.path.dirname(os.path.abspath(__file__))
    for name in ("requirements.txt", "requirements-all.txt"):
        with open(os.path.join(here, name), encoding="utf-8") as lines:
            for pin in (word for line in lines if line[0] != "#" for word in line.split()):
                package, _, version = pin.partition("==")
                pins[package] = (version, name)
    return pins


PINNED = _pinned()


def require(*packages):
    """Ends with the reason if one of them is missing or, in the environment of `make peers`, is not the one pinned there.

    A user's own Python is taken as it is."""
    for package in packages:
        if package not in PINNED:
            continue
        version, name = PINNED[package]
        make = "make peers" if name == "requirements.txt" else "make peers PEERS=all"
        try:
            found = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            sys.exit(f"{package} is not installed: {make}")
        if found != version:
            sys.exit(f"{package} {found} is installed, {version} is pinned: run {make}")


def training(p):
    """Own statistics: training, or evaluation of a layer that tracks none."""
    return p["mode"] == "training" or not p["running"]


def declines(p, *own, norms=NORMS, directions=("forward",), layouts=("ncs",)):
    """What no adapter computes, or its own reasons (those that are not None); None: nothing speaks against p."""
    n, c, s = p["n"], p["c"], p["s"]
    usual = (
        (p["norm"] not in norms, "only " + ", ".join(norms)),
        (p["direction"] not in directions, "no " + p["direction"]),
        (p["layout"] not in layouts, {"ncs": "only channels-last", "nsc": "no channels-last layout"}[p["layout"]]),
        (p["type"] != "f32" or p["params"] != "f32", "only f32"),
        (p["residual"], "no fused residual"),
        (p["epsplace"] != "inside", "eps is inside of the root"),
        (p["affine"] != "channel", "gamma and beta are per channel"),
        (p["casts"] != "once", "casts once"),
        (float(np.float32(p["eps"])) != p["eps"], "eps is a float"),
        (not n * c * s, "no empty tensors"))
    last = (p["stats"] != "f32", "statistics are f32")  # after it the harness asks again, with f32
    reasons = [why for true, why in usual if true] + [why for why in own if why] + [why for true, why in (last,) if true]
    return reasons[0] if reasons else None


def momentum(p, rule, estimator):
    """Why running statistics that follow this rule and estimator are not those of p; None: they are, or there are none."""
    if not p["running"] or p["mode"] != "training" or p["direction"] != "forward":
        return None
    if p["rule"] != rule:
        return {"new": "momentum weighs the new", "old": "momentum weighs the old"}[rule]
    return None if p["estimator"] == estimator else f"the running variance is the {estimator} one"


def folded(p, x):
    """BatchNorm's x with its spatial sizes folded into one: (n, c, s), or (n, s, c) channels-last."""
    n, c, s = p["n"], p["c"], p["s"]
    return x.reshape((n, c, s) if p["layout"] == "ncs" else (n, s, c))


def affine(p, tensors):
    """gamma and beta, 1 and 0 where absent."""
    return tensors.get("gamma", np.ones(p["c"], "f4")), tensors.get("beta", np.zeros(p["c"], "f4"))


def running(p, tensors):
    """The running mean and variance; those of a new layer where there are none."""
    return (np.array(tensors.get("running_mean", np.zeros(p["c"], "f4"))),
            np.array(tensors.get("running_var", np.ones(p["c"], "f4"))))


def arrays(outputs, tensors):
    """Outputs by name, None left out, as numpy arrays in the shapes of a case."""
    like_x = tensors["x"].shape
    result = {name: np.asarray(value) for name, value in outputs.items() if value is not None}
    return {name: value.reshape(like_x if name in ("y", "dx") else -1) for name, value in result.items()}
