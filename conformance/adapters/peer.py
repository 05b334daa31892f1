# SPDX-License-Identifier: Apache-2.0
"""What the adapters of Python peers share: is the peer there and the pinned one, what do all of them decline, what do
the parts of a problem look like to them. An adapter defines prepare(); run() is its step, brought back to numpy."""
import importlib.metadata
import os
import sys

import numpy as np

THREADS = int(os.environ.get("OMP_NUM_THREADS", "1"))  # set by the harness before anything is imported
ROWS = ("layernorm", "rmsnorm")
NORMS = ROWS + ("batchnorm", "instancenorm", "layernorm_channels", "groupnorm")
TYPES = {"f32": "float32", "f64": "float64", "f16": "float16", "bf16": "bfloat16"}  # as numpy and frameworks call them


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


def declines(p, *own, norms=NORMS, directions=("forward",), layouts=("ncs",), types=("f32",), params=("own",), stats=None,
             affine=("channel",), places=("inside",), saved=("rstd",), residual=False, float_eps=False):
    """What no adapter computes, or its own reasons (those that are not None); None: nothing speaks against p.

    params: "own" the tensor's type, "f32". stats: their type if not f32 (of f64, f64). float_eps: eps is a
    float of f64 too."""
    wide = "f64" if p["type"] == "f64" else "f32"
    usual = (
        (p["norm"] not in norms, "no " + p["norm"]),
        (p["direction"] not in directions, "no " + p["direction"]),
        (p["layout"] not in layouts, {"ncs": "only channels-last", "nsc": "no channels-last layout"}[p["layout"]]),
        (p["type"] not in types, "no " + p["type"]),
        (p["params"] not in [p["type"] if k == "own" else k for k in params], f"no {p['params']} parameters of {p['type']}"),
        (p["residual"] and not residual, "no fused residual"),
        (p["epsplace"] not in places, "eps is inside of the root"),
        (p["affine"] not in affine, "gamma and beta are not per " + p["affine"]),
        (p["casts"] != "once", "casts once"),
        (p["saved"] not in saved, f"no {p['saved']} is saved"),
        ((float_eps or p["type"] != "f64") and float(np.float32(p["eps"])) != p["eps"], "eps is a float"),
        (not p["n"] * p["c"] * p["s"], "no empty tensors"))
    last = (p["stats"] != (stats or wide), f"statistics are {stats or wide}")  # after it the harness asks again, with f32
    reasons = [why for true, why in usual if true] + [why for why in own if why] + [why for true, why in (last,) if true]
    return reasons[0] if reasons else None


def narrow_stats(p):
    """The type of statistics that a peer keeps in the parameters' type: of running and given ones. Others are not judged where
    they are narrower than f32: results() leaves them out."""
    return p["params"] if p["running"] or p["given"] else None


def beta_apart(p):
    """Why a peer whose RMSNorm has no beta, so that it is added afterwards, does not compute p: a 16-bit y would be rounded
    twice."""
    return "RMSNorm has no beta" if p["norm"] == "rmsnorm" and p["beta"] and p["type"] in ("f16", "bf16") else None


def momentum(p, rule, *estimators):
    """Why running statistics that follow this rule and one of these estimators are not those of p; None: they are, or there are
    none."""
    if not p["running"] or p["mode"] != "training" or p["direction"] != "forward":
        return None
    if p["rule"] != rule:
        return {"new": "momentum weighs the new", "old": "momentum weighs the old"}[rule]
    return None if p["estimator"] in estimators else f"the running variance is the {estimators[0]} one"


def numpy_type(name):
    if name == "bf16":
        import ml_dtypes
        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(TYPES[name])


def typed(p, tensors):
    """The tensors, bf16 ones as numbers instead of bits."""
    return {k: v.view(numpy_type("bf16")) if v.dtype == np.uint16 else v for k, v in tensors.items()}


def folded(p, x):
    """x with its spatial sizes folded into one: (n, c, s), or (n, s, c) channels-last; rows are rows."""
    n, c, s = p["n"], p["c"], p["s"]
    return x.reshape((n, c) if p["norm"] in ROWS else (n, c, s) if p["layout"] == "ncs" else (n, s, c))


def channel_axis(p):
    """Of folded x."""
    return 1 if p["norm"] in ROWS or p["layout"] == "ncs" else 2


def affine_shape(p):
    """Of gamma and beta."""
    element = (p["groups"], p["c"]) if p["norm"] in ROWS else (p["c"] * p["s"],)
    return {"channel": (p["c"],), "group": (p["groups"],), "element": element}[p["affine"]]


def affine(p, tensors):
    """gamma and beta, 1 and 0 where absent."""
    size, kind = affine_shape(p), numpy_type(p["params"])
    return tensors.get("gamma", np.ones(size, kind)), tensors.get("beta", np.zeros(size, kind))


def running(p, tensors):
    """The running mean and variance; those of a new layer where there are none."""
    kind = numpy_type(p["stats"])
    return (np.array(tensors.get("running_mean", np.zeros(p["c"], kind))),
            np.array(tensors.get("running_var", np.ones(p["c"], kind))))


def arrays(p, outputs, tensors):
    """Outputs by name, None left out, as numpy arrays in the shapes of a case."""
    shape = dict.fromkeys(("y", "sum", "dx"), tensors["x"].shape) | dict.fromkeys(("dgamma", "dbeta"), affine_shape(p))
    result = {name: np.asarray(value) for name, value in outputs.items() if value is not None}
    return {name: value.reshape(shape.get(name, -1)) for name, value in result.items()
            if name not in ("mean", "rstd", "variance") or value.dtype == numpy_type(p["stats"])}
