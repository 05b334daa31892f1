#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The node tests that ONNX publishes (PyPI package onnx), as cases: their golden outputs are judged like an implementation's.

    onnx_nodes.py DIR           writes DIR/golden/NAME  the case, its statistics in f32 as ONNX has them
                                       DIR/results/NAME what the package expects of it: normative judge DIR/golden DIR/results
                                       DIR/ours/NAME    the case with statistics in f64: normative check ... --input DIR/ours
                                       DIR/cases.json   which operator each is, which tests repeat it, what is not expressible
    onnx_nodes.py --table DIR GOLDEN.jsonl OURS.jsonl    the records as a Markdown table

A test is a graph of one node. What its operator means here (opset of the tests in the package):
  BatchNormalization 9, 15    batchnorm, evaluation; training_mode=1: training, momentum of the old weight, population variance
  InstanceNormalization 22    instancenorm
  GroupNormalization 21       groupnorm, gamma and beta per channel (18: per group, affine=group)
  LayerNormalization 17       layernorm, rows x cols split at axis; Mean and InvStdDev in f32 (stash_type 1)
  RMSNormalization 23         rmsnorm, likewise
  MeanVarianceNormalization   batchnorm without gamma and beta over axes (0,2,3), eps 1e-9 beside the deviation
*_expanded tests have the same tensors and the operator spelled out: they are counted, not repeated."""
import glob
import json
import math
import os
import sys
import warnings

import numpy as np


class NotExpressible(Exception):
    """Why a test is no case here."""


def batch(a, t, out):
    n_running = len(out) == 3
    if a.get("training_mode", 0) != int(n_running):
        raise NotExpressible("outputs do not fit the mode")
    problem = {"norm": "batchnorm", "mode": "training" if n_running else "evaluation", "running": True,
               "rule": "old", "momentum": a.get("momentum", 0.9), "estimator": "population"}
    return (problem, dict(zip(("x", "gamma", "beta", "running_mean", "running_var"), t)),
            dict(zip(("y", "running_mean", "running_var"), out)))


def instance(a, t, out):
    return {"norm": "instancenorm"}, dict(zip(("x", "gamma", "beta"), t)), {"y": out[0]}


def group(a, t, out):
    per = "channel" if len(t[1]) == t[0].shape[1] else "group"
    problem = {"norm": "groupnorm", "groups": a["num_groups"], "affine": per}
    return problem, dict(zip(("x", "gamma", "beta"), t)), {"y": out[0]}


def rows(norm, a, t, out):
    """x split at axis; gamma and beta broadcast to the columns or to all of x, here they are spelled out."""
    x, axis = t[0], a.get("axis", -1)
    cols = x.shape[axis:] if axis % x.ndim else x.shape
    inputs = {"x": x.reshape(-1, math.prod(cols))}
    parted = any(math.prod(v.shape[:-len(cols)]) > 1 for v in t[1:])
    spelled = [np.broadcast_to(v, x.shape).reshape(inputs["x"].shape) for v in t[1:]]
    inputs.update((name, v if parted else v[0]) for name, v in zip(("gamma", "beta"), spelled))
    results = {"y": out[0].reshape(inputs["x"].shape)}
    results.update((name, v.ravel()) for name, v in zip(("mean", "rstd"), out[1:]))
    return {"norm": norm} | ({"affine": "element", "groups": len(inputs["x"])} if parted else {}), inputs, results


def mvn(a, t, out):
    if list(a.get("axes", (0, 2, 3))) != [0, 2, 3]:
        raise NotExpressible("axes other than (0,2,3)")
    return {"norm": "batchnorm", "eps64": 1e-9, "epsplace": "outside"}, {"x": t[0]}, {"y": out[0]}


OPERATORS = {"BatchNormalization": batch, "InstanceNormalization": instance, "GroupNormalization": group,
             "LayerNormalization": lambda *args: rows("layernorm", *args),
             "RMSNormalization": lambda *args: rows("rmsnorm", *args), "MeanVarianceNormalization": mvn}


def tests():
    """name, model, inputs by name, outputs: the generated tests, and those converted from PyTorch's modules."""
    import onnx
    from onnx import numpy_helper
    from onnx.backend.test import case
    from onnx.backend.test.case.node import collect_testcases
    with warnings.catch_warnings():  # of tests of other operators
        warnings.simplefilter("ignore")
        collected = collect_testcases(None)
    for test in collected:
        names = [i.name for i in test.model.graph.input]
        yield test.name, test.model, dict(zip(names, test.data_sets[0][0])), test.data_sets[0][1]
    folder = os.path.join(os.path.dirname(os.path.dirname(case.__file__)), "data", "pytorch-converted")
    for path in sorted(glob.glob(os.path.join(folder, "*Norm*"))):
        model = onnx.load(os.path.join(path, "model.onnx"))
        tensors = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
        free = [i.name for i in model.graph.input if i.name not in tensors]

        def stored(kind):
            files = sorted(glob.glob(os.path.join(path, "test_data_set_0", kind + "_*.pb")))
            return [numpy_helper.to_array(onnx.load_tensor(file)) for file in files]
        tensors.update(zip(free, stored("input")))
        yield os.path.basename(path), model, tensors, stored("output")


def translated(node, inputs, outputs):
    """Problem, inputs, results of a node, in this project's words."""
    from onnx import helper
    a = {x.name: helper.get_attribute_value(x) for x in node.attribute}
    t = [inputs[name] for name in node.input if name]
    if t[0].dtype != np.float32:
        raise NotExpressible(f"type {t[0].dtype}")
    if a.get("stash_type", 1) != 1:
        raise NotExpressible(f"stash_type {a['stash_type']}")
    problem, tensors, results = OPERATORS[node.op_type](a, t, outputs)
    if "eps64" not in problem:
        problem["eps"] = a.get("epsilon", 1e-5)
    return problem | {"type": "f32"}, tensors, results


def save(directory, tensors):
    os.makedirs(directory, exist_ok=True)
    for name, value in tensors.items():
        np.save(os.path.join(directory, name + ".npy"), np.ascontiguousarray(value))


def save_case(directory, problem, tensors, stats):
    tensors = {k: v.astype(stats) if k.startswith("running") else v for k, v in tensors.items()}
    save(directory, tensors)
    manifest = {"format": "normative-case", "version": 1, "case": os.path.basename(directory),
                "problem": problem | {"stats": {"<f4": "f32", "<f8": "f64"}[stats]}}
    with open(os.path.join(directory, "manifest.json"), "w", encoding="utf-8") as file:
        json.dump(manifest, file, indent=1)


def write(directory):
    import onnx
    seen, cases, declined = {}, {}, {}
    for name, model, inputs, outputs in tests():
        name = name.removeprefix("test_")
        nodes = model.graph.node
        operator = nodes[0].op_type
        if len(nodes) > 1 or operator not in OPERATORS:
            if "_expanded" in name and name.split("_expanded")[0] in cases:  # the same tensors, or it is none of ours
                original = cases[name.split("_expanded")[0]]
                same = [np.asarray(v).tobytes() for v in (*inputs.values(), *outputs)] == original["bytes"]
                original["repeats"].append(name) if same else declined.update({name: "other data than the test it expands"})
            elif operator == "LpNormalization":
                declined[name] = "LpNormalization divides by a norm, without mean, eps and count"
            continue
        try:
            problem, tensors, results = translated(nodes[0], inputs, outputs)
        except NotExpressible as reason:
            declined[name] = str(reason)
            continue
        key = json.dumps(problem, sort_keys=True) + "".join(v.tobytes().hex() for v in (*tensors.values(), *results.values()))
        if key in seen:
            cases[seen[key]]["repeats"].append(name)
            continue
        seen[key] = name
        opset = next(o.version for o in model.opset_import if o.domain == "")
        cases[name] = {"operator": operator, "opset": opset, "repeats": [],
                       "bytes": [np.asarray(v).tobytes() for v in (*inputs.values(), *outputs)]}
        save_case(os.path.join(directory, "golden", name), problem, tensors, "<f4")
        save_case(os.path.join(directory, "ours", name), problem, tensors, "<f8")
        save(os.path.join(directory, "results", name), results)
    for case in cases.values():
        del case["bytes"]
    with open(os.path.join(directory, "cases.json"), "w", encoding="utf-8") as file:
        json.dump({"onnx": onnx.__version__, "cases": cases, "declined": declined}, file, indent=1)
    repeats = sum(len(c["repeats"]) for c in cases.values())
    print(f"onnx {onnx.__version__}: {len(cases)} cases, {repeats} tests that repeat one, {len(declined)} not expressible")


def records(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def number(v):
    return math.inf if v == "inf" else math.nan if v == "nan" else float(v)


def worst(found):
    """The largest nULP of each output over records, as text; and the record worst in y."""
    judged = [r for r in found if "outputs" in r]
    if not judged:
        return "declines", None
    most = {}
    for r in judged:
        for name, v in r["outputs"].items():
            most[name] = max(most.get(name, 0), number(v))
    order = ["y"] + [name for name in ("mean", "rstd", "running_mean", "running_var") if name in most]
    return ", ".join(f"{name} {most[name]:.2f}" for name in order), max(judged, key=lambda r: number(r["outputs"]["y"]))


def verdicts(found):
    count = {}
    for r in found:
        count[r["verdict"]] = count.get(r["verdict"], 0) + 1
    return ", ".join(f"{v} {n}" for v, n in sorted(count.items()))


def table(directory, golden, ours):
    """A row for each operator and mode."""
    with open(os.path.join(directory, "cases.json"), encoding="utf-8") as file:
        known = json.load(file)
    golden, ours = records(golden), records(ours)
    names = sorted({r["implementation"] for r in ours}, reverse=True)
    kinds = {}
    for r in golden:
        case = known["cases"][r["case"]]
        mode = " training" if r["mode"] == "training" and case["operator"] == "BatchNormalization" else ""
        kinds.setdefault(f"{case['operator']}{mode}", []).append(r)
    print(f"| onnx {known['onnx']} | cases (tests) | golden, nULP at worst | where | golden | " + " | ".join(names) + " |")
    print("|---" * (5 + len(names)) + "|")
    for kind, found in sorted(kinds.items()):
        cases = {r["case"] for r in found}
        tests = sum(1 + len(known["cases"][c]["repeats"]) for c in cases)
        text, most = worst(found)
        mine = []
        for name in names:
            own = [r for r in ours if r["implementation"] == name and r["case"] in cases]
            got = worst(own)[0]
            mine.append(got if got == "declines" else f"{got}; {verdicts(own)}")
        print(f"| {kind} | {len(cases)} ({tests}) | {text} | {most['case']} | {verdicts(found)} | {' | '.join(mine)} |")
    for reason in sorted(set(known["declined"].values())):
        print(f"\nNot expressible: {', '.join(n for n, r in known['declined'].items() if r == reason)} ({reason})")


def main():
    if len(sys.argv) == 5 and sys.argv[1] == "--table":
        table(*sys.argv[2:])
    elif len(sys.argv) == 2 and not sys.argv[1].startswith("-"):
        try:
            write(sys.argv[1])
        except ImportError as error:
            sys.exit(f"no package onnx here: {error}")
    else:
        sys.exit(__doc__.split("\n\n")[1])


if __name__ == "__main__":
    main()
