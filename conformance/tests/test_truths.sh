#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Truths as files, both directions, with and without elements: vectors written whole, read back, judged against themselves.
B=${B:-build}
N=$B/bin/normative
T=$(mktemp -d) || exit 1
trap 'rm -rf "$T"' EXIT
bad=0

# round NAME FILE...: the vector of a case has just these expected files, passes as its own result, and `oracle` gives them
# again
round() {
  name=$1; shift
  rm -rf "$T/v"
  "$N" vectors "$T/v" --case "$name" >"$T/out" 2>&1 || { cat "$T/out"; bad=1; return; }
  dir=$(dirname "$(find "$T/v" -name manifest.json)")
  got=$(ls "$dir/expected" | tr '\n' ' ')
  [ "$got" = "$* " ] || { echo "$name: expected/ has $got, not $*"; bad=1; }
  "$N" judge "$dir" "$dir/expected" >"$T/out" 2>&1 || { echo "$name: its own truth is judged wrong"; cat "$T/out"; bad=1; }
  cp -r "$dir/expected" "$T/first"
  "$N" oracle "$dir" >"$T/out" 2>&1 || { echo "$name: oracle"; cat "$T/out"; bad=1; }
  diff -r "$dir/expected" "$T/first" || { echo "$name: oracle writes other values than vectors"; bad=1; }
  for file; do
    [ -e "$dir/bounds/f32-two-pass/$file" ] || case $name in */0x*) ;; *) echo "$name: no bounds of $file"; bad=1 ;; esac
  done
  rm -rf "$T/first"
}
round batchnorm/backward/f32/4x3x5/mean1e4/seed7 dbeta.npy dgamma.npy dx.npy
round batchnorm/backward/f32/4x3x5/mean1e4/seed7,layout=nsc,given=yes,dy=xhat dbeta.npy dgamma.npy dx.npy
round batchnorm/backward/f32/4x3x5/mean1e4/seed7,mode=evaluation,gamma=absent dbeta.npy dx.npy
round layernorm/backward/f32/9x16/nan/seed7 dbeta.npy dgamma.npy dx.npy
round rmsnorm/backward/f32/9x16/normal/seed7,beta=absent,dy=pinf dgamma.npy dx.npy
round layernorm/backward/f32/0x5/normal/seed1 dbeta.npy dgamma.npy dx.npy
round layernorm/forward/f32/0x5/normal/seed1 mean.npy rstd.npy y.npy
round batchnorm/backward/f32/4x3x5/mean1e4/seed7,given=yes,saved=variance dbeta.npy dgamma.npy dx.npy
round rmsnorm/forward/f32/9x16/normal/seed7,saved=variance variance.npy y.npy
exit $bad
