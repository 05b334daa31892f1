#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The peers: how they are installed or not, and that their adapters say what the peer computes: on ordinary data each
# must be right, and decline what it has always declined. What is not installed is skipped, and said.
B=${B:-build}
root=$(cd "$(dirname "$0")/../.." && pwd)
case $B in /*) ;; *) B=$root/$B ;; esac
normative=$B/bin/normative
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
bad=0
fail() { echo "FAIL: $*"; bad=1; }
peers=${NORMATIVE_PEERS:-$root/.peers}
small="onnxruntime jax openvino ncnn" large="torch tensorflow keras flax"

# expect STATUS TEXT COMMAND...: exit status, and a text in its output
expect() {
  status=$1 text=$2; shift 2
  "$@" >"$tmp/out" 2>&1
  got=$?
  [ $got = "$status" ] || fail "$* gave $got, wanted $status: $(tail -n 3 "$tmp/out")"
  grep -qF -- "$text" "$tmp/out" || fail "$* did not say '$text': $(tail -n 5 "$tmp/out")"
}

# ---- the installation ----
install="sh $root/conformance/peers.sh"
expect 2 "wanted all" env PEERS=everything $install "$tmp/none"
expect 1 "no such program: /no/such/python" env PYTHON=/no/such/python $install "$tmp/none"
mkdir "$tmp/mine"
expect 1 "not made by this: remove it" $install "$tmp/mine"
if "${PYTHON:-/usr/bin/python3}" -c 'import venv, ensurepip' 2>/dev/null; then
  expect 1 "no network: the package index cannot be reached" env PIP_INDEX_URL=http://127.0.0.1:9/ $install "$tmp/new"
  [ "$(ls -A "$tmp" | tr '\n' ' ')" = "mine out " ] || fail "left behind: $(ls -A "$tmp")"
else
  echo "SKIP: no network: python has no venv"
fi

# ---- peers that are not there ----
one="--case layernorm/forward/f32/3x131/normal/seed1"
printf '#!/bin/sh\nexec %s -S "$@"\n' "$(command -v python3)" >"$tmp/python3" # without any package
chmod +x "$tmp/python3"
for peer in $small $large; do
  expect 3 "$peer" env PATH="$tmp:$PATH" NORMATIVE_PEERS=/nowhere "$normative" check "$peer" $one --json "$tmp/json"
  grep -q '"reason":".*; make peers.* installs it"' "$tmp/json" || fail "$peer: $(grep -o '"reason".*' "$tmp/json" | head -n 1)"
done
expect 3 "SKIP" "$normative" check onnxruntime $one --python /no/such/python
expect 2 "./nosuch.py: No such file or directory" "$normative" check ./nosuch.py $one

# ---- peers that are ----
cat >"$tmp/cases" <<'END'
layernorm/forward/f32/7x96/normal/seed3
layernorm/forward/f32/7x96/normal/seed3,gamma=absent
layernorm/forward/f32/7x96/normal/seed3,beta=absent
rmsnorm/forward/f32/7x96/normal/seed3
rmsnorm/forward/f32/7x96/normal/seed3,gamma=absent,beta=absent
batchnorm/forward/f32/4x5x6x7/normal/seed3
batchnorm/forward/f32/4x5x6x7/normal/seed3,layout=nsc,beta=absent
batchnorm/forward/f32/4x5x6x7/normal/seed3,running=ordinary
batchnorm/forward/f32/4x5x6x7/normal/seed3,layout=nsc,running=ordinary
batchnorm/forward/f32/4x5x6x7/normal/seed3,momentum=0.8,rule=old,estimator=population,running=ordinary
batchnorm/forward/f32/4x5x6x7/normal/seed3,mode=evaluation
batchnorm/forward/f32/4x5x6x7/normal/seed3,mode=evaluation,layout=nsc,gamma=absent
layernorm/backward/f32/7x96/normal/seed3
layernorm/backward/f32/7x96/normal/seed3,given=yes,gamma=absent
layernorm/backward/f32/7x96/normal/seed3,beta=absent
rmsnorm/backward/f32/7x96/normal/seed3
rmsnorm/backward/f32/7x96/normal/seed3,gamma=absent,beta=absent
batchnorm/backward/f32/4x5x6x7/normal/seed3
batchnorm/backward/f32/4x5x6x7/normal/seed3,layout=nsc
batchnorm/backward/f32/4x5x6x7/normal/seed3,given=yes
batchnorm/backward/f32/4x5x6x7/normal/seed3,layout=nsc,gamma=absent
batchnorm/backward/f32/4x5x6x7/normal/seed3,mode=evaluation
batchnorm/backward/f32/4x5x6x7/normal/seed3,mode=evaluation,layout=nsc,beta=absent
END
while read -r case; do
  "$normative" vectors "$tmp/vectors" --case "$case,stats=f32" >"$tmp/out" 2>&1 || fail "$case: $(cat "$tmp/out")"
done <"$tmp/cases"
# right NAME PASSES: on these cases, as many of them judged
right() {
  "$normative" check "$1" --input "$tmp/vectors" --require f32-one-pass-folded-ftz --json "$tmp/$1" >"$tmp/out" 2>&1
  why=$(grep -o -m 1 '"reason":"[^"]*\(installed\|installs\|was not built\|does not load\)[^"]*"' "$tmp/$1")
  [ -z "$why" ] || { echo "SKIP: $1: $why"; return; }
  passed=$(grep -c '"verdict":"PASS"' "$tmp/$1")
  grep -qE '"verdict":"(FAIL|CRASH|TIMEOUT)"' "$tmp/$1" && fail "$1: $(grep -A 3 -m 1 '^FAIL\|^CRASH\|^TIMEOUT' "$tmp/out")"
  [ "$passed" = "$2" ] || fail "$1: $passed cases pass, wanted $2: $(grep -o '"case":"[^"]*"\|"reason":"[^"]*"' "$tmp/$1")"
}
right onednn 17; right onednn3 17
right onnxruntime 8; right jax 18; right openvino 6; right ncnn 6
right torch 22; right tensorflow 6; right keras 19; right flax 19

# ---- another version than the one pinned ----
if [ -e "$peers/normative-peers" ]; then
  cp -r "$root/conformance/adapters" "$tmp/adapters"
  sed -i 's/^onnxruntime==[^ ]*/onnxruntime==0.1/' "$tmp/adapters/requirements.txt"
  expect 3 "is installed, 0.1 is pinned: run make peers" \
    env NORMATIVE_ADAPTERS_PY="$tmp/adapters" "$normative" check onnxruntime $one
else
  echo "SKIP: versions: no peers are installed: make peers"
fi
exit $bad
