#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The node tests of ONNX: their golden outputs judged as if they were an implementation's, then both libraries on the same
# cases. Needs the package onnx, in the environment of `make peers` or in python3. Prints the README's table.
B=${B:-build}
top=$(cd "$(dirname "$0")/../.." && pwd)
N=$B/bin/normative
T=$(mktemp -d) || exit 1
trap 'rm -rf "$T"' EXIT
bad=0
complain() { echo "$*"; bad=1; }

python=$(sh "$top/conformance/tests/python_with.sh" onnx) || { echo "skipped: no Python with the package onnx"; exit 0; }
nodes() { "$python" "$top/conformance/data/onnx_nodes.py" "$@"; }

nodes "$T" || complain "no cases"
[ "$(ls "$T/golden" | wc -l)" -ge 52 ] || complain "fewer cases than onnx 1.23 has: $(ls "$T/golden" | wc -l)"
"$N" judge "$T/golden" "$T/results" --json "$T/golden.jsonl" >"$T/log" 2>&1
[ $? -le 1 ] || complain "golden outputs not judged: $(tail -n 1 "$T/log")"
"$N" check reference optimized --input "$T/ours" --json "$T/ours.jsonl" >"$T/log" 2>&1 || {
  complain "our libraries on ONNX's cases:"; cat "$T/log"; }
nodes --table "$T" "$T/golden.jsonl" "$T/ours.jsonl" >"$T/table" || complain "no table"
cat "$T/table"
for operator in BatchNormalization "BatchNormalization training" GroupNormalization InstanceNormalization LayerNormalization \
  MeanVarianceNormalization RMSNormalization; do
  grep -q "^| $operator |" "$T/table" || complain "no row of $operator"
done
[ "$(grep -c '"verdict":"SKIP"' "$T/ours.jsonl")" = 2 ] ||
  complain "other than the eps of MeanVarianceNormalization is declined"

# A golden output that is wrong is told from those that are not: one sign, and a running variance of the other estimator.
"$python" - "$T/results" <<'END'
import sys
import numpy as np
for name, change in (("layer_normalization_2d_axis1/y", lambda v: v * np.where(np.arange(v.size) == 3, -1, 1).reshape(v.shape)),
                     ("batchnorm_example_training_mode/running_var", lambda v: 0.9 + (v - 0.9) * 40 / 39)):
    path = f"{sys.argv[1]}/{name}.npy"
    np.save(path, change(np.load(path)).astype("<f4"))
END
"$N" judge "$T/golden" "$T/results" --json "$T/wrong.jsonl" >"$T/log" 2>&1
for name in layer_normalization_2d_axis1 batchnorm_example_training_mode; do
  grep "\"case\":\"$name\"" "$T/wrong.jsonl" | grep -q '"verdict":"FAIL"' || complain "$name: a wrong golden output passes"
done
[ "$(grep -c '"verdict":"FAIL"' "$T/wrong.jsonl")" = $(($(grep -c '"verdict":"FAIL"' "$T/golden.jsonl") + 2)) ] ||
  complain "a wrong golden output spoils others"
[ $bad = 0 ] && echo "all as expected"
exit $bad
