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
batchnorm/forward/f32/1x5/normal/seed3,layout=nsc,estimator=unbiased1,running=ordinary
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
batchnorm/forward/f32/4x5x6x7/normal/seed3,layout=nsc,saved=variance
batchnorm/backward/f32/4x5x6x7/normal/seed3,layout=nsc,given=yes,saved=variance
batchnorm/backward/f32/4x5x6x7/normal/seed3,mode=evaluation
batchnorm/backward/f32/4x5x6x7/normal/seed3,mode=evaluation,layout=nsc,beta=absent
layernorm/forward/f32/7x96/normal/seed3,residual=yes
rmsnorm/forward/f32/7x96/normal/seed3,beta=absent,residual=yes
instancenorm/forward/f32/4x6x5x7/normal/seed3
instancenorm/forward/f32/4x6x5x7/normal/seed3,layout=nsc,running=ordinary
instancenorm/forward/f32/4x6x5x7/normal/seed3,mode=evaluation
instancenorm/forward/f32/4x6x5x7/normal/seed3,eps=1e-9,gamma=absent,beta=absent,epsplace=outside
layernorm_channels/forward/f32/4x6x5x7/normal/seed3
layernorm_channels/forward/f32/4x6x5x7/normal/seed3,layout=nsc,gamma=absent
groupnorm/forward/f32/4x6x5x7/normal/seed3,groups=2
groupnorm/forward/f32/4x6x5x7/normal/seed3,layout=nsc,groups=3,beta=absent
groupnorm/forward/f32/4x6x5x7/normal/seed3,groups=2,affine=group
groupnorm/forward/f32/4x6x5x7/normal/seed3,groups=2,affine=element
layernorm/forward/f32/6x96/normal/seed3,groups=3,affine=element
rmsnorm/forward/f32/6x96/normal/seed3,groups=6,affine=group
rmsnorm/backward/f32/6x96/normal/seed3,groups=2,affine=element
instancenorm/backward/f32/4x6x5x7/normal/seed3,layout=nsc
instancenorm/backward/f32/4x6x5x7/normal/seed3,mode=evaluation
layernorm_channels/backward/f32/4x6x5x7/normal/seed3,given=yes
layernorm_channels/backward/f32/4x6x5x7/normal/seed3,layout=nsc
groupnorm/backward/f32/4x6x5x7/normal/seed3,groups=2,given=yes
groupnorm/backward/f32/4x6x5x7/normal/seed3,layout=nsc,groups=3
switchnorm/forward/f32/4x6x5x7/normal/seed3
layernorm/forward/f16/7x96/normal/seed3
layernorm/forward/bf16/7x96/normal/seed3,params=f32
rmsnorm/forward/bf16/7x96/normal/seed3,beta=absent
batchnorm/forward/f16/4x6x5x7/normal/seed3,params=f32,layout=nsc
groupnorm/backward/bf16/4x6x5x7/normal/seed3,groups=2,params=f32
groupnorm/forward/bf16/4x6x5x7/normal/seed3,groups=2
instancenorm/forward/f16/4x6x5x7/normal/seed3,params=f32
layernorm_channels/forward/bf16/4x6x5x7/normal/seed3,layout=nsc,params=f32
layernorm/forward/f64/7x96/normal/seed3
rmsnorm/backward/f64/7x96/normal/seed3
batchnorm/forward/f64/4x6x5x7/normal/seed3,running=ordinary
batchnorm/forward/f64/4x6x5x7/normal/seed3,momentum=0.8,rule=old,estimator=population,running=ordinary
groupnorm/backward/f64/4x6x5x7/normal/seed3,groups=3,layout=nsc
instancenorm/forward/f64/4x6x5x7/normal/seed3
END
while read -r case; do
  case $case in */f64/*) stats= into=wide ;; *) stats=,stats=f32 into=vectors ;; esac
  "$normative" vectors "$tmp/$into" --case "$case$stats" >"$tmp/out" 2>&1 || fail "$case: $(cat "$tmp/out")"
done <"$tmp/cases"
# right NAME PASSES WIDE: on these cases, as many of them judged, WIDE more of f64
right() {
  judged "$1" vectors f32-one-pass-folded-ftz "$2" && judged "$1" wide f64-one-pass-folded-ftz "$3"
}
judged() {
  "$normative" check "$1" --input "$tmp/$2" --require "$3" --timeout 120 --json "$tmp/$1" >"$tmp/out" 2>&1
  why=$(grep -o -m 1 '"reason":"[^"]*\(installed\|installs\|was not built\|does not load\)[^"]*"' "$tmp/$1")
  [ -z "$why" ] || { echo "SKIP: $1: $why"; return 1; }
  passed=$(grep -c '"verdict":"PASS"' "$tmp/$1")
  grep -qE '"verdict":"(FAIL|CRASH|TIMEOUT)"' "$tmp/$1" && fail "$1: $(grep -A 3 -m 1 '^FAIL\|^CRASH\|^TIMEOUT' "$tmp/out")"
  [ "$passed" = "$4" ] || fail "$1: $passed cases pass, wanted $4: $(grep -o '"case":"[^"]*"\|"reason":"[^"]*"' "$tmp/$1")"
}
right onednn 24 0; right onednn3 24 0
right onnxruntime 18 2; right jax 42 4; right openvino 12 0; right ncnn 9 0
right torch 43 5; right tensorflow 10 0; right keras 35 5; right flax 32 5

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
