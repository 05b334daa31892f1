#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The benchmark as a user meets it: what is counted, workers timed beside kernels of this process, bad input, interruption.
# No time is looked at.
B=${B:-build}
here=$(cd "$(dirname "$0")/.." && pwd)
T=$(mktemp -d) || exit 1
trap 'rm -rf "$T"' EXIT
export NORMATIVE_SCRATCH="$T/scratch"
mkdir "$NORMATIVE_SCRATCH"
bad=0
complain() { echo "$*"; [ -f "$T/out" ] && head -8 "$T/out"; bad=1; }

# bench STATUS ARGUMENT...: output in $T/out, records in $T/records
bench() {
  status=$1; shift
  rm -f "$T/records"
  "$B/bin/normative-bench" --shapes "$T/shapes" --threads 1 --min-time 0.0001 --repetitions 3 --json "$T/records" "$@" \
    >"$T/out" 2>&1
  got=$?
  [ $got = "$status" ] || complain "status $got, not $status: $*"
  ls "$T"/records.part* >/dev/null 2>&1 && complain "an unfinished file is left: $*"
  [ -z "$(ls "$NORMATIVE_SCRATCH")" ] || complain "live files are left: $*"
}
# record IMPLEMENTATION CASE TEXT: that record has this text
record() {
  grep -F "\"implementation\":\"$1\"" "$T/records" | grep -F "\"case\":\"$2\"" | grep -qF -- "$3" || complain "$1, $2: no $3"
}

cat >"$T/shapes" <<'END'
layernorm/forward/f32/8x16
layernorm/backward/f32/8x16,given=yes
batchnorm/backward/f32/2x3x4x4,given=yes,layout=nsc
END
bench 0 optimized --impl reference
record optimized layernorm/forward/f32/8x16 '"bytes":1024,'
for one in optimized reference; do
  record $one layernorm/backward/f32/8x16,given=yes '"bytes":1536,'
  record $one layernorm/backward/f32/8x16,given=yes '"repetitions":3,'
  record $one batchnorm/backward/f32/2x3x4x4,layout=nsc,given=yes '"bytes":1152,'
done
record copy layernorm/backward/f32/8x16,given=yes '"bytes":1024,'
grep -q 'layernorm backward f32, statistics given' "$T/out" || complain "no section for given statistics"

# A program as worker: a third of the repetitions, its own figure, asked again without what it declines.
cat >"$T/worker" <<'END'
printf 'normative-worker 1\tslow\t7.5\n'
while IFS="$(printf '\t')" read -r case result; do
  case $(tr -d ' \n' <"$case/manifest.json") in
  *'"direction":"forward"'*) printf 'skip\tno forward\n' ;;
  *'"norm":"batchnorm"'*) printf 'fail\tno idea\n' ;;
  *'"stats":"f64"'*) printf 'skip\tf32 statistics only\n' ;;
  *'"given":"yes"'*) printf 'skip\tnone given\n' ;;
  *) cp "$case/x.npy" "$result/dx.npy"; printf 'ok\t0.25\n' ;;
  esac
done
END
bench 1 "cmd:sh $T/worker" optimized
record slow layernorm/backward/f32/8x16,given=yes '"median_s":0.25,'
record slow layernorm/backward/f32/8x16,given=yes '"repetitions":1,'
record slow layernorm/backward/f32/8x16,given=yes '"implementation_version":"7.5"'
record slow layernorm/forward/f32/8x16 '"skipped":"no forward"'
record slow batchnorm/backward/f32/2x3x4x4,layout=nsc,given=yes '"failed":"no idea"'
record optimized batchnorm/backward/f32/2x3x4x4,layout=nsc,given=yes '"median_s":'
sed 's/ok\\t0.25/ok/' "$T/worker" >"$T/silent"
bench 1 "cmd:sh $T/silent"
record slow layernorm/backward/f32/8x16,given=yes '"skipped":"it does not time itself"'

echo layernorm/forward/f32/8x16 >"$T/shapes"
for python in python3 /usr/bin/python3 ''; do
  [ -n "$python" ] && "$python" -c 'import numpy' 2>/dev/null && break
done
if [ -n "$python" ]; then
  bench 0 --python "$python" "$here/template.py"
  record my-layernorm-py layernorm/forward/f32/8x16 '"median_s":'
else
  echo "no python3 with numpy: Python workers are not tested"
fi

# Said once, and the others are timed all the same; alone it is misuse.
bench 2 nosuch optimized
[ "$(grep -c nosuch "$T/out")" = 1 ] || complain "nosuch is not said once"
record optimized layernorm/forward/f32/8x16 '"median_s":'
bench 2 "$T/nosuch.so"
bench 2 'cmd:exit 3'
bench 2 --json "$T/no/such/place" optimized

# Interrupted in the middle of a request: no worker, no file is left.
sed 's/^while.*/&\n  sleep 600/' "$T/worker" >"$T/sleeper"
"$B/bin/normative-bench" --shapes "$T/shapes" --threads 1 --json "$T/records2" "cmd:sh $T/sleeper" >"$T/out" 2>&1 &
pid=$!
for wait in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  [ -n "$(ls "$NORMATIVE_SCRATCH"/*/case*/manifest.json 2>/dev/null)" ] && break
  sleep 0.5
done
kill -TERM $pid
wait $pid 2>/dev/null
[ -z "$(ls "$NORMATIVE_SCRATCH")" ] || complain "live files are left by an interrupted run"
ls "$T"/records2* >/dev/null 2>&1 && complain "an interrupted run leaves records"
exit $bad
