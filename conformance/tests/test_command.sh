#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The command as a user meets it: exit statuses, one clear line for bad input, files whole or not at all.
B=${B:-build}
here=$(cd "$(dirname "$0")/.." && pwd)
N=$B/bin/normative
T=$(mktemp -d) || exit 1
trap 'rm -rf "$T"' EXIT
bad=0
CC=${CC:-gcc}
include="-I$here/../reference -I$here"

# expect STATUS TEXT COMMAND...: the exit status, and TEXT somewhere in what it prints
expect() {
  status=$1 text=$2; shift 2
  "$@" >"$T/out" 2>&1; got=$?
  if [ "$got" != "$status" ]; then echo "status $got, not $status: $*"; head -5 "$T/out"; bad=1
  elif ! grep -qF -- "$text" "$T/out"; then echo "does not say '$text': $*"; head -5 "$T/out"; bad=1
  fi
}
# error STATUS TEXT COMMAND...: as expect, and on standard error in one line of its own
error() {
  expect "$@"
  text=$2; shift 2
  [ "$("$@" 2>&1 >/dev/null | grep -cF -- "$text")" = 1 ] || { echo "not one line: $*"; bad=1; }
}
one="--case layernorm/forward/f32/4x64/normal/seed1"

# misuse
error 2 "unknown command 'chekc'" "$N" chekc
error 2 "name an implementation" "$N" check
error 2 "unknown norm 'layrnorm'; there are batchnorm" "$N" check reference --norm layrnorm
error 2 "unknown family 'nromal'" "$N" check reference --family nromal
error 2 "no preset 'f32-stabel'; there are" "$N" check reference --require f32-stabel
error 2 "matches no case" "$N" check reference --case 'layernorm/*/f33/*'
error 2 "type 'f33'" "$N" check reference --case layernorm/forward/f33/4x4/normal/seed1
error 2 "'x' is no whole number" "$N" check reference --seed x
error 2 "'1.5' is no whole number" "$N" check reference $one --seed 1.5
error 2 "eps: '1e-400' would be 0 in f32" "$N" check reference --case layernorm/forward/f32/4x4/normal/seed1,eps=1e-400
error 2 "no-such.so: No such file" "$N" check ./no-such.so $one
error 2 "no-such" "$N" check no-such $one
error 2 "no-such" "$N" judge "$T/no-such" "$T"
expect 0 "layernorm" "$N" list
expect 0 "usage" "$N" check --help
expect 0 "layernorm/forward" "$N" list cases --norm layernorm
expect 0 "f64-welford" "$N" list presets
expect 0 "eps=0.001,momentum=0.99,rule=old,estimator=population" "$N" list conventions
error 2 "normative: check: unrecognized option '--jsno'" "$N" check reference --jsno x
error 2 "normative: report: option requires an argument -- 'o'" "$N" report -o
error 2 "there are running_mean, running_var, y, mean, rstd, sum, dx, dgamma, dbeta, dlambda_mean, dlambda_var, variance" \
  "$N" check reference $one --output z

# verdicts and statuses
expect 0 "PASS" "$N" check reference $one
expect 1 "reproduce: build/bin/normative check" "$N" check f32-one-pass --case layernorm/forward/f32/4x64/mean1e3/seed1
expect 1 "smallest preset that covers it: f32-one-pass" "$N" check f32-one-pass --case layernorm/forward/f32/4x64/mean1e3/seed1
expect 0 "PASS" "$N" check f32-one-pass --case layernorm/forward/f32/4x64/mean1e2/seed1 --require declared

# 16-bit arithmetic: fails the default; its own preset is the smallest that covers it, of which an overflow says nothing
for preset in f16-epilogue f16-two-pass f16-one-pass bf16-epilogue bf16-two-pass bf16-one-pass; do
  "$N" check $preset --type ${preset%%-*} --norm layernorm --direction forward --family 'mean1e*' >"$T/out" 2>&1
  awk -v p=$preset '$1 == p && $2 == "layernorm" { ok = $4 == "FAIL" && $8 == p } END { exit !ok }' "$T/out" ||
    { echo "$preset is not what covers itself"; head -3 "$T/out"; bad=1; }
done
expect 1 "none; out of the range of f16-epilogue, f16-two-pass" "$N" check f16-two-pass \
  --case layernorm/forward/f16/4x4096/scale1e3/seed1,params=f32,stats=f32
expect 1 "FAIL" "$N" check f16-one-pass --require f16-two-pass --type f16 --norm layernorm --direction forward --family 'mean1e*'
expect 3 "nothing could be judged" "$N" check reference --case "layernorm/forward/f32/4x8/normal/seed1,stats=f32"
echo "f32-one-pass layernorm/*/mean1e3/* # accepted" >"$T/known"
expect 0 "PASS             1       0" "$N" check f32-one-pass --case layernorm/forward/f32/4x64/mean1e3/seed1 --known "$T/known"
expect 0 "1 accepted failure" "$N" check f32-one-pass --case layernorm/forward/f32/4x64/mean1e3/seed1 --known "$T/known"
printf 'garbage\n* *\n' >"$T/known"
error 2 "known:1: not IMPLEMENTATION CASE" "$N" check f32-one-pass --case layernorm/forward/f32/4x64/mean1e3/seed1 --known "$T/known"
expect 0 "1 accepted failure" "$N" check f32-one-pass --case layernorm/forward/f32/4x64/mean1e3/seed1 --known /dev/stdin <<END
f32-one-pass *
END
expect 0 "known failure passes now" "$N" check reference $one --known /dev/stdin <<END
reference layernorm/*
END

# kernels of one's own: the template as it is, wrong, and broken in every way
$CC -shared -fPIC $include -o "$T/template.so" "$here/template.c" -lm || bad=1
expect 0 "PASS" "$N" check "$T/template.so" --norm layernorm --family normal
expect 0 "PASS" "$N" check "$T/template.so" $one --in-process
echo 'int nothing;' >"$T/empty.c" && $CC -shared -fPIC -o "$T/empty.so" "$T/empty.c"
error 2 "normative_plugin" "$N" check "$T/empty.so" $one
echo text >"$T/text.so"
error 2 "text.so" "$N" check "$T/text.so" $one
cat >"$T/abi.c" <<END
#include "normative_plugin.h"
const struct normative_plugin *normative_plugin(void)
{ static const struct normative_plugin p = {.abi = 99, .size = sizeof p, .name = "p", .version = "0"}; return &p; }
END
$CC -shared -fPIC $include -o "$T/abi.so" "$T/abi.c"
error 2 "ABI" "$N" check "$T/abi.so" $one
# the others are still judged, and the status is that of misuse
expect 2 "PASS" "$N" check "$T/abi.so" reference $one
# a failure without an output is no error of 0 nULP that the strictest preset covers
expect 1 "1       1           -  none " "$N" check 'cmd:printf "normative-worker 1\\tw\\t1\\n"; while read line; do echo ok; done' $one
expect 0 "0.829" "$N" check f64-stats $one --output rstd --require declared
expect 1 "broke the protocol" "$N" check 'cmd:sh -c "printf \"normative-worker 1\tw\t1\n\"; read line; echo garbage; read line"' $one
# of several reasons to skip, the most frequent one
cat >"$T/skips" <<'END'
printf 'normative-worker 1\tw\t1\n'
why=rare
while read line; do printf 'skip\ta %s reason\n' "$why"; why=frequent; done
END
expect 3 ": a frequent reason)" "$N" check "cmd:sh $T/skips" --norm rmsnorm --direction forward --type f32 --family normal -j 1

# vectors, a user's own tensors, results from anywhere
expect 0 "cases in" "$N" vectors "$T/v" --case 'batchnorm/forward/f32/*' --family normal
expect 0 "PASS" "$N" check reference --input "$T/v"
case_dir=$T/v/batchnorm/forward/f32/3x65/normal/seed1
expect 0 "$case_dir" "$N" oracle "$case_dir"
[ -e "$case_dir/bounds/f32-two-pass/y.npy" ] || { echo "oracle wrote no bounds"; bad=1; }
cp -r "$case_dir/expected" "$T/results"
expect 0 "PASS" "$N" judge "$case_dir" "$T/results"
head -c 100 "$case_dir/expected/y.npy" >"$T/results/y.npy"
expect 1 "y.npy" "$N" judge "$case_dir" "$T/results"
for option in "--known $T/no" "--known $T" "--json $T/no/such" "--junit $T/no/such" "--json $T/r --junit $T/r"; do
  error 2 "normative: judge: " "$N" judge "$case_dir" "$T/results" $option
  [ -s "$T/out" ] && [ "$(wc -l <"$T/out")" = 1 ] || { echo "judge works before it says what is wrong with $option"; bad=1; }
done
rm "$T/results/y.npy"
expect 1 "y.npy is missing" "$N" judge "$case_dir" "$T/results"
head -c 90 "$case_dir/x.npy" >"$T/short" && cp "$T/short" "$case_dir/x.npy"
error 2 "x.npy" "$N" check reference --input "$case_dir"
echo '{' >"$case_dir/manifest.json"
error 2 "manifest.json" "$N" check reference --input "$case_dir"
error 2 "no manifest.json" "$N" check reference --input "$T/results"
error 2 "$T/results: no manifest.json here or below" "$N" oracle "$T/results"
error 2 "$T/results: no manifest.json here or below" "$N" judge "$T/results" "$T/results"

# symbolic links: DIR may be one, below it none is followed or written through
expect 0 "1 cases in" "$N" vectors "$T/else" $one
own=$T/else/layernorm/forward/f32/4x64/normal/seed1
rm -r "$own/expected"
echo '{"format": "normative-case", "version": 1, "problem": {"norm": "layernorm", "type": "f32"}}' >"$own/manifest.json"
cp -r "$own" "$T/whole"
mkdir "$T/links" && ln -s "$T/else" "$T/links/far" && ln -s .. "$T/links/up"
error 2 "$T/links/up: a symbolic link, not followed" "$N" oracle "$T/links"
error 2 "$T/links/far: a symbolic link, not followed" "$N" oracle "$T/links"
error 2 "$T/links: no manifest.json here or below" "$N" check reference --input "$T/links"
error 2 "$T/links: no manifest.json here or below" "$N" judge "$T/links" "$T/results"
mkdir "$T/outside" && ln -s "$T/outside" "$T/whole/expected"
error 2 "$T/whole/expected: a symbolic link, not written through" "$N" oracle "$T/whole"
rm "$T/whole/expected" && mkdir "$T/whole/bounds" && ln -s "$T/outside" "$T/whole/bounds/f32-two-pass"
error 2 "$T/whole/bounds/f32-two-pass: a symbolic link, not written through" "$N" oracle "$T/whole" --require f32-two-pass
mkdir "$T/v2" && ln -s "$T/outside" "$T/v2/layernorm"
error 2 "$T/v2/layernorm: a symbolic link, not written through" "$N" vectors "$T/v2" $one
find "$T/else" "$T/outside" -name expected -o -name bounds -o -name y.npy | grep -q . && { echo "written through a link"; bad=1; }
expect 0 "$T/links/far/layernorm" "$N" oracle "$T/links/far"

# files: whole or not at all
expect 0 "PASS" "$N" check reference $one --json "$T/r.jsonl" --junit "$T/r.xml"
grep -q '"verdict":"PASS"' "$T/r.jsonl" || { echo "no verdict in the JSON"; bad=1; }
grep -q '<testsuite name="reference" tests="1" failures="0"' "$T/r.xml" || { echo "no suite in the JUnit"; bad=1; }
error 2 "No space left on device" "$N" check reference $one --json /dev/full
"$N" list >/dev/full 2>"$T/err"; [ $? = 2 ] && grep -q "standard output: No space" "$T/err" || { echo "a full disk is not said"; bad=1; }
error 2 "No such file or directory" timeout 2 "$N" check specimens --json "$T/no/such/r.jsonl"
error 2 "No such file or directory" timeout 2 "$N" check specimens --junit "$T/no/such/r.xml"
"$N" check reference $one --json "$T/kept.jsonl" --junit "$T/no/such" >/dev/null 2>&1
ls "$T" | grep -q kept && { echo "a file is left of a run that did not begin"; bad=1; }

error 2 "both --json and --junit" "$N" check reference $one --json "$T/r" --junit "$T/r"
error 2 "No such file or directory" timeout 2 "$N" check specimens --known "$T/no"
error 2 "Is a directory" timeout 2 "$N" check specimens --known "$T"
# what is there stays, whether the run is misused, ended, or cannot begin
echo old >"$T/old.jsonl"
"$N" check no-such --json "$T/old.jsonl" >/dev/null 2>&1
"$N" check reference $one --json "$T/old.jsonl" --junit "$T" >/dev/null 2>&1
"$N" check specimens --json "$T/old.jsonl" >/dev/null 2>&1 & pid=$!
sleep 0.5; kill "$pid"; wait "$pid" 2>/dev/null
[ "$(cat "$T"/old.jsonl*)" = old ] || { echo "results are lost, or something is left beside them"; bad=1; }

[ $bad = 0 ] && echo "all as expected"
exit $bad
