#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""worker.py MODULE.py | worker.py package.module: hosts a Python kernel in a process of its own.

The module mirrors the plug-in ABI with numpy arrays (bf16 as uint16, its bits); template.py is a complete example:
  NAME, VERSION       strings; PRESET, optional: what it claims
  DOCUMENTED          optional: why PRESET, and no stricter one, is what its documentation promises
  supports(problem)   True, or why not in a few words. None, False and "" decline without a reason
  open(problem, threads) -> state       optional; without it, state is the problem
  run(state, tensors) -> {"y": array, ...}   the outputs it computes; y (backward: dx) is a must. Inputs are read-only
  prepare(state, tensors) -> step       optional: what is timed is step(), on buffers in the kernel's own form; else run
  close(state)        optional
`problem` is the dict of the manifest, every key there, with n, c, s added; `tensors` maps names to arrays.
Speaks the protocol of PROTOCOL.md on standard input and output; what the module prints goes to standard error."""
import importlib
import importlib.util
import json
import math
import os
import sys
import time
import traceback

TWICE_BELOW = 4096  # elements of x: smaller cases are run twice, as host.c does
OUTPUTS = {"y", "mean", "rstd", "variance", "sum", "running_mean", "running_var",
           "dx", "dgamma", "dbeta", "dlambda_mean", "dlambda_var"}


class Wrong(Exception):
    """What the kernel did wrong, in words."""


def one_line(text):
    return "".join(c if c.isprintable() else " " for c in str(text))[:1000]


def reason(error, path=None):
    """Type, message and place: the innermost line of the kernel's own file, else the innermost of all."""
    if isinstance(error, Wrong) or isinstance(error, SystemExit) and isinstance(error.code, str):
        return one_line(error)
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if f.filename == path] or frames
    if isinstance(error, SyntaxError) and error.filename:
        place = f"{os.path.basename(error.filename)}:{error.lineno}"
    else:
        place = f"{os.path.basename(own[-1].filename)}:{own[-1].lineno}" if own else "?"
    return one_line(f"{type(error).__name__}: {error} ({place})")


def load(spec):
    """A path is loaded as a file; anything else is imported, the current directory included."""
    if spec.endswith(".py"):
        if not os.path.exists(spec):
            raise Wrong(f"{spec}: No such file or directory")
        sys.path.insert(0, os.path.dirname(os.path.abspath(spec)))
        found = importlib.util.spec_from_file_location("normative_kernel", spec)
        module = importlib.util.module_from_spec(found)
        sys.modules["normative_kernel"] = module
        found.loader.exec_module(module)
    else:
        sys.path.insert(0, os.getcwd())
        module = importlib.import_module(spec)
    for name in ("NAME", "VERSION", "supports", "run"):
        if not hasattr(module, name):
            raise Wrong(f"the module has no {name}")
    return module


def read_case(directory):
    with open(os.path.join(directory, "manifest.json"), encoding="utf-8") as f:
        manifest = json.load(f)
    problem = manifest["problem"]
    problem.setdefault("eps", problem.get("eps64"))
    problem.setdefault("momentum", problem.get("momentum64"))
    problem["n"], problem["c"] = problem["shape"][:2]
    problem["s"] = math.prod(problem["shape"][2:])
    tensors = {}
    for name, path in manifest["inputs"].items():
        tensors[name] = np.load(os.path.join(directory, path), allow_pickle=False)
        tensors[name].setflags(write=False)
    return problem, tensors, manifest.get("wishes", {})


def results(returned, y):
    """What run returned, as arrays that can be written; shapes and types are checked by whoever reads them."""
    if not isinstance(returned, dict):
        raise Wrong(f"run returned {type(returned).__name__}, wanted a dict of arrays")
    arrays = {}
    for name, value in returned.items():
        if name not in OUTPUTS:
            raise Wrong(f"run returned {name!r}, which is the name of no output")
        array = np.asarray(value)
        if array.dtype.name == "bfloat16":  # of ml_dtypes
            array = array.view(np.uint16)
        if array.dtype.kind not in "fu":
            raise Wrong(f"run returned {name} of type {array.dtype}, wanted floating-point numbers")
        arrays[name] = np.array(array, dtype=array.dtype.newbyteorder("<"), order="C", copy=True)
    if y not in arrays:
        raise Wrong(f"run returned no {y}")
    return arrays


def compare(first, second):
    for name, a in first.items():
        b = second.get(name)
        same = b is not None and a.shape == b.shape and a.dtype == b.dtype
        if same and a.dtype.kind == "f":
            bits = np.dtype(f"u{a.dtype.itemsize}")
            same = bool(np.all((a.view(bits) == b.view(bits)) | (np.isnan(a) & np.isnan(b)))) if a.size else True
        elif same:
            same = np.array_equal(a, b)
        if not same:
            raise Wrong(f"two runs on the same input gave different bits in {name}")


def timed(module, state, tensors, iterations):
    """Seconds of each iteration, sorted."""
    if not iterations:
        return []
    step = module.prepare(state, tensors) if hasattr(module, "prepare") else lambda: module.run(state, tensors)
    step()  # what the first call compiles or allocates is no part of any
    seconds = []
    for _ in range(iterations):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    return sorted(seconds)


def serve(module, case_dir, result_dir):
    """The answer to one request."""
    try:
        problem, tensors, wishes = read_case(case_dir)
    except (OSError, ValueError, KeyError) as error:
        return f"skip\tthe case cannot be read: {reason(error)}"
    answer = module.supports(problem)
    if answer is not True:
        return f"skip\t{one_line(answer) if isinstance(answer, str) and answer else 'declined without a reason'}"
    state = module.open(problem, wishes.get("threads", 1)) if hasattr(module, "open") else problem
    try:
        y = "dx" if problem["direction"] == "backward" else "y"
        arrays = results(module.run(state, tensors), y)
        if tensors["x"].size < TWICE_BELOW:
            compare(arrays, results(module.run(state, tensors), y))
        seconds = timed(module, state, tensors, wishes.get("iterations", 0))
    finally:
        if hasattr(module, "close"):
            module.close(state)
    try:
        for name, array in arrays.items():
            np.save(os.path.join(result_dir, name + ".npy"), array, allow_pickle=False)
    except OSError as error:
        return f"skip\tthe result cannot be written: {one_line(error)}"
    return f"ok\t{seconds[len(seconds) // 2]:.9g}" if seconds else "ok"


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: worker.py MODULE.py | worker.py package.module")
    requests, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # a kernel that reads or prints must not get between
    os.dup2(2, 1)

    def say(text):
        print(text, file=answers, flush=True)

    global np
    try:
        import numpy as np
    except ImportError as error:
        say(f"error\t{sys.executable} has no numpy: {one_line(error)}")
        sys.exit(1)
    try:
        module = load(sys.argv[1])
    except BaseException as error:  # SystemExit included
        say(f"error\t{reason(error, os.path.abspath(sys.argv[1]))}")
        sys.exit(1)
    fields = [getattr(module, name, None) or "" for name in ("NAME", "VERSION", "PRESET", "DOCUMENTED")]
    say("\t".join(["normative-worker 1"] + [one_line(f) for f in fields]).rstrip("\t"))
    for line in requests:
        case_dir, tab, result_dir = line.rstrip("\n").partition("\t")
        try:
            say(serve(module, case_dir, result_dir) if tab else "skip\tthe request is not CASE_DIR<TAB>RESULT_DIR")
        except BaseException as error:
            say(f"fail\t{reason(error, getattr(module, '__file__', None))}")


if __name__ == "__main__":
    main()
