#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""PyTorch's forward and autograd on ordinary cases, beside the oracle: every norm that it has, and SwitchableNorm made of its
operations.

    torch_truths.py DIR [CASES]   writes CASES (100) cases for each norm, mode and direction into the trees
                                    DIR/narrow   f32; results in DIR/narrow-results: computed in f64, rounded once
                                    DIR/single   the same, statistics in f32; computed in f32 throughout
                                    DIR/double   f64; computed in f64
    torch_truths.py --table NARROW.jsonl SINGLE.jsonl DOUBLE.jsonl OURS.jsonl OURS64.jsonl
                                  the records of normative judge DIR/TREE DIR/TREE-results, and of check reference on narrow
                                  and on double, as a Markdown table

x is near normal with mean 0 to 3 and deviation 0.2 to 5, shapes up to 600 elements, both layouts, gamma and beta there or not,
eps 1e-5, 1e-3 or 0.25. Running statistics: momentum 0.1 of the new weight, unbiased variance, as PyTorch has it. Groups have
two elements or more, SwitchableNorm two channels: else xhat, dx and the lambdas' gradients are 0, and what PyTorch leaves there
is of the size of a rounding of x."""
import json
import math
import os
import sys

import numpy as np

NORMS = ("batchnorm", "layernorm", "rmsnorm", "instancenorm", "layernorm_channels", "groupnorm", "switchnorm")
TREES = {"narrow": ("f32", "f64", "<f8"), "single": ("f32", "f32", "<f4"), "double": ("f64", "f64", "<f8")}


# ---- the norms, in torch; x is (N,C,S) or rows x cols ----

def switchnorm(torch, p, t):
    x, w, v = t["x"], torch.softmax(t["lambda_mean"], 0), torch.softmax(t["lambda_var"], 0)
    mean, var = x.mean(2, keepdim=True), x.var(2, unbiased=False, keepdim=True)
    means, variances = [mean], [var]
    for axis in (1, 0):  # layer, batch
        between = mean.var(axis, unbiased=False, keepdim=True)
        means.append(mean.mean(axis, keepdim=True))
        variances.append(var.mean(axis, keepdim=True) + between)
    if p["mode"] == "evaluation":
        means[2], variances[2] = (t[name].view(1, -1, 1) for name in ("running_mean", "running_var"))
    m = sum(a * b for a, b in zip(w, means))
    s = sum(a * b for a, b in zip(v, variances))
    y = (x - m) / torch.sqrt(s + p["eps"])
    for name, join in (("gamma", torch.mul), ("beta", torch.add)):
        if name in t:
            y = join(y, t[name].view(1, -1, 1))
    return y


def forward(torch, p, t):
    F = torch.nn.functional
    x, gamma, beta, training = t["x"], t.get("gamma"), t.get("beta"), p["mode"] == "training"
    running = t.get("running_mean"), t.get("running_var")
    if p["norm"] == "batchnorm":
        return F.batch_norm(x, *running, gamma, beta, training, p["momentum"], p["eps"])
    if p["norm"] == "instancenorm":
        return F.instance_norm(x, *running, gamma, beta, training, p["momentum"], p["eps"])
    if p["norm"] == "groupnorm":
        return F.group_norm(x, p["groups"], gamma, beta, p["eps"])
    if p["norm"] == "layernorm":
        return F.layer_norm(x, x.shape[1:], gamma, beta, p["eps"])
    if p["norm"] == "layernorm_channels":
        return F.layer_norm(x.permute(0, 2, 1), x.shape[1:2], gamma, beta, p["eps"]).permute(0, 2, 1)
    if p["norm"] == "rmsnorm":
        y = F.rms_norm(x, x.shape[1:], gamma, p["eps"])
        return y if beta is None else y + beta
    return switchnorm(torch, p, t)


def result(torch, p, arrays, dtype):
    """Outputs by name, as they lie in memory."""
    turn = (lambda a: a.permute(0, 2, 1)) if p["layout"] == "nsc" else (lambda a: a)  # a view: memory stays as it is
    t = {name: torch.from_numpy(a.copy()).to(dtype) for name, a in arrays.items()}
    for name in ("x", "dy"):
        if name in t:
            t[name] = turn(t[name])
    back = p["direction"] == "backward"
    wanted = [name for name in ("x", "gamma", "beta", "lambda_mean", "lambda_var") if name in t and back]
    for name in wanted:
        t[name].requires_grad_()
    y = forward(torch, p, t)
    if not back:
        out = {"y": turn(y)}
        if p["running"] and p["mode"] == "training":
            out |= {name: t[name] for name in ("running_mean", "running_var")}
    else:
        y.backward(t["dy"])
        out = {"d" + name: t[name].grad for name in wanted}
        out["dx"] = turn(out["dx"])
    return {name: a.detach().contiguous().numpy() for name, a in out.items()}


# ---- cases ----

def problem(rng, norm, mode, direction):
    p = {"norm": norm, "mode": mode, "direction": direction, "layout": "ncs", "momentum": float(np.float32(0.1)),
         "eps": float(np.float32(rng.choice([1e-5, 1e-3, 0.25]))), "groups": 1, "running": False}
    if norm in ("layernorm", "rmsnorm"):
        p["shape"] = [int(rng.integers(1, 12)), int(rng.integers(2, 50))]
    else:
        n, groups, per, s = (int(rng.integers(1, high)) for high in (5, 4, 4, 14))
        p["shape"] = [n, groups * per + (norm in ("layernorm_channels", "switchnorm")), s + 1]
        p["groups"] = groups if norm == "groupnorm" else 1
        p["layout"] = str(rng.choice(["ncs", "nsc"]))
        evaluates = norm in ("batchnorm", "instancenorm", "switchnorm")
        updates = direction == "forward" and norm != "switchnorm" and rng.integers(2)
        p["running"] = bool(evaluates and (mode == "evaluation" or updates))
    p["gamma"], p["beta"] = (bool(rng.integers(4)) for _ in range(2))
    return p


def inputs(rng, p):
    shape, c = p["shape"], p["shape"][1]
    memory = shape if p["layout"] == "ncs" else [shape[0], shape[2], shape[1]]
    t = {"x": rng.normal(rng.uniform(0, 3), rng.uniform(0.2, 5), memory)}
    if p["direction"] == "backward":
        t["dy"] = rng.normal(0, 1, memory)
    if p["gamma"]:
        t["gamma"] = rng.uniform(0.5, 1.5, c)
    if p["beta"]:
        t["beta"] = rng.uniform(-1, 1, c)
    if p["norm"] == "switchnorm":
        t |= {"lambda_mean": rng.normal(1, 1, 3), "lambda_var": rng.normal(1, 1, 3)}
    if p["running"]:
        t |= {"running_mean": rng.normal(1, 1, c), "running_var": rng.uniform(0.1, 9, c)}
    return t


def save(directory, tensors):
    os.makedirs(directory, exist_ok=True)
    for name, value in tensors.items():
        np.save(os.path.join(directory, name + ".npy"), np.ascontiguousarray(value))


def save_case(torch, root, tree, name, p, t):
    kind, stats, stored = TREES[tree]
    narrow = {k: v.astype("<f4" if kind == "f32" else "<f8") for k, v in t.items()}
    for k in ("running_mean", "running_var"):
        if k in t:
            narrow[k] = t[k].astype("<f4").astype(stored)  # the same numbers in every tree
    files = dict(narrow)
    if p["direction"] == "backward":
        files.pop("beta", None)
    save(os.path.join(root, tree, name), files)
    manifest = {"format": "normative-case", "version": 1, "case": name, "problem": p | {"type": kind, "stats": stats}}
    with open(os.path.join(root, tree, name, "manifest.json"), "w", encoding="utf-8") as file:
        json.dump(manifest, file)
    out = result(torch, p, narrow, torch.float32 if tree == "single" else torch.float64)
    element = "<f4" if kind == "f32" else "<f8"
    if tree == "narrow":  # nothing but what is rounded to f32
        out = {k: v for k, v in out.items() if not k.startswith("running")}
    save(os.path.join(root, tree + "-results", name),
         {k: v.astype(stored if k.startswith("running") else element) for k, v in out.items()})


def write(root, count):
    import torch
    torch.set_num_threads(1)
    rng = np.random.default_rng(1)
    total = 0
    for norm in NORMS:
        for mode in ("training", "evaluation") if norm in ("batchnorm", "instancenorm", "switchnorm") else ("training",):
            for direction in ("forward", "backward"):
                for i in range(count):
                    p = problem(rng, norm, mode, direction)
                    t = inputs(rng, p)
                    for tree in TREES:
                        save_case(torch, root, tree, f"{norm}-{mode}-{direction}-{i}", p, t)
                    total += 1
    print(f"torch {torch.__version__}: {total} cases, each in f64 rounded to f32, in f32, and in f64")


# ---- the table ----

def number(v):
    return math.inf if v in ("inf", "nan") else float(v)


def records(path):
    kinds = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            r = json.loads(line)
            kinds.setdefault((r["norm"], r["mode"], r["direction"]), []).append(r)
    return kinds


STATISTICS = ("mean", "rstd", "running_mean", "running_var")


def worst(found):
    """The largest nULP of any tensor, statistics apart."""
    return max((number(v) for r in found for k, v in r.get("outputs", {}).items() if k not in STATISTICS), default=0)


def spread(found):
    """Share of the cases with at most 1, 2, 4, 8 nULP in their worst tensor element, and the worst."""
    each = [worst([r]) for r in found]
    shares = "/".join(f"{100 * sum(e <= most for e in each) / len(each):.0f}" for most in (1, 2, 4, 8))
    return f"{shares}, {max(each):.3g}"


def table(*paths):
    narrow, single, double, ours, ours64 = map(records, paths)
    print("| norm | cases | elements | torch in f64, rounded: not nearest | nULP | torch in f32: % within 1/2/4/8, worst nULP "
          "| torch in f64: the same | reference, nULP: f32 | f64 |")
    print("|---" * 9 + "|")
    for key, found in narrow.items():
        norm, mode, direction = key
        own = [[r for r in of[key] if r["verdict"] != "SKIP"] for of in (ours, ours64)]
        mine = " | ".join(f"{worst(judged):.4f}" if judged else "declines" for judged in own)
        print(f"| {norm}{' evaluation' if mode == 'evaluation' else ''} {direction} | {len(found)} "
              f"| {sum(r['elements'] for r in found)} | {sum(r['misrounded'] for r in found)} | {worst(found):.4f} "
              f"| {spread(single[key])} | {spread(double[key])} | {mine} |")


def main():
    if len(sys.argv) == 7 and sys.argv[1] == "--table":
        table(*sys.argv[2:])
    elif len(sys.argv) in (2, 3) and not sys.argv[1].startswith("-"):
        try:
            write(sys.argv[1], int(sys.argv[2]) if len(sys.argv) == 3 else 100)
        except ImportError as error:
            sys.exit(f"no package torch here: {error}")
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
