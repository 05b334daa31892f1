#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Conventions by name: those of packages that are installed have the defaults which these have today; and BatchNorm as tutorials
# write it passes on cases of its own convention, declines others, and fails on PyTorch's if it does not.
B=${B:-build}
here=$(cd "$(dirname "$0")" && pwd)
N=$B/bin/normative
T=$(mktemp -d) || exit 1
trap 'rm -rf "$T"' EXIT
bad=0
# expect STATUS TEXT COMMAND...
expect() {
  status=$1 text=$2; shift 2
  "$@" >"$T/out" 2>&1
  got=$?
  [ $got = "$status" ] || { echo "status $got, not $status: $*"; tail -n 5 "$T/out"; bad=1; }
  grep -qF -- "$text" "$T/out" || { echo "does not say '$text': $*"; tail -n 5 "$T/out"; bad=1; }
}

# ---- the packages' defaults ----
export KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES=
"$N" list conventions >"$T/conventions" || bad=1
for package in torch keras flax onnx tensorflow; do
  python=$(sh "$here/python_with.sh" $package) || { echo "SKIP: no Python with $package"; continue; }
  "$python" "$here/defaults.py" $package "$T/conventions" >"$T/out" 2>"$T/err" || {
    echo "$package:"; tail -n 5 "$T/out" "$T/err"; bad=1; }
done

# ---- the textbook ----
python3 -c 'import numpy' 2>/dev/null || { echo "SKIP: python3 has no numpy"; exit $bad; }
batch=batchnorm/forward/f32
start=$batch/16x5/normal/seed1,running=start
for case in $start $batch/8x5x3x4/mean1e2/seed1,running=ordinary $batch/8x5x3x4/normal/seed1 \
  $batch/16x5/normal/seed1,mode=evaluation $start,eps=0.5; do
  expect 0 "PASS             1       0" "$N" check "$here/textbook.py" --case "$case,convention=textbook"
done
expect 2 "convention: textbook takes tensors of 2 or 4 sizes, not of 3" "$N" check "$here/textbook.py" \
  --case $batch/8x5x3/normal/seed1,convention=textbook
expect 3 "momentum 0.9 weighs the old" "$N" check "$here/textbook.py" --case $start
expect 0 "PASS" "$N" check "$here/textbook.py" --norm batchnorm --direction forward --type f32 --layout ncs --json "$T/sweep"
[ "$(grep '"verdict":"PASS"' "$T/sweep" | grep -c 'momentum=0.9,rule=old,estimator=population')" = 2 ] ||
  { echo "the sweep has other than two cases of its convention with running statistics"; bad=1; }

# as it is, and not declining what it does not mean
sed '/    if p\["running"\] and p\["mode"\]/,+1d' "$here/textbook.py" >"$T/naive.py"
for convention in pytorch tensorflow; do
  expect 1 "running_" "$N" check "$T/naive.py" --case $start,convention=$convention
done
for convention in keras flax onnx; do # what it does not look at is the same there
  expect 0 "PASS             1       0" "$N" check "$T/naive.py" --case $start,convention=$convention
done
sed 's/\*parts, /*parts[:3], 0 * parts[3], /' "$here/textbook.py" >"$T/zero.py" # moving_var starts at 0
expect 1 "running_var" "$N" check "$T/zero.py" --case $start,convention=textbook
exit $bad
