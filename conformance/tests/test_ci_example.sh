#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The run lines of ci-example.yml, as they stand, in a folder with a kernel.c and a known.txt.
B=${B:-build}
top=$(cd "$(dirname "$0")/../.." && pwd)
B=$(cd "$B" && pwd)
T=$(mktemp -d) || exit 1
trap 'rm -rf "$T"' EXIT
bad=0
mkdir "$T/normative"
for entry in "$top"/*; do
  case $entry in */build) ;; *) ln -s "$entry" "$T/normative/" ;; esac
done
ln -s "$B" "$T/normative/build"
sed -n 's/^ *- run: //p' "$top/conformance/ci-example.yml" >"$T/run.sh"
[ "$(wc -l <"$T/run.sh")" = 3 ] || { echo "ci-example.yml has not three run lines"; bad=1; }

# job STATUS TEXT: what the job's end is, and TEXT somewhere in its log
job() {
  (cd "$T" && unset B MAKEFLAGS MAKELEVEL && sh -e run.sh) >"$T/log" 2>&1; got=$?
  [ $got = "$1" ] && grep -qF -- "$2" "$T/log" && return
  echo "status $got, not $1, or it does not say '$2':"; tail -n 5 "$T/log"; bad=1
}
cp "$top/conformance/template.c" "$T/kernel.c"
: >"$T/known.txt"
job 0 PASS
[ -s "$T/norms.xml" ] || { echo "no norms.xml"; bad=1; }
sed 's/sqrt(\(.*\) + /sqrt(\1 + 0.001 + /' "$top/conformance/template.c" >"$T/kernel.c"
cmp -s "$T/kernel.c" "$top/conformance/template.c" && { echo "the kernel was not broken"; bad=1; }
job 1 FAIL
echo '* layernorm/* # accepted' >"$T/known.txt"
job 0 "accepted failure"
cp "$top/conformance/template.c" "$T/kernel.c"
job 0 "known failure passes now: known.txt:1"
[ $bad = 0 ] && echo "all as expected"
exit $bad
