#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Result files as somebody else's program reads them: JSON lines against result.schema.json, JUnit against junit.xsd.
B=${B:-build}
here=$(cd "$(dirname "$0")" && pwd)
N=$B/bin/normative
T=$(mktemp -d) || exit 1
trap 'rm -rf "$T"' EXIT
bad=0
: >"$T/said"
schema=$here/../result.schema.json
read_back() { python3 "$here/read_back.py" "$@" >"$T/said" 2>&1; }
complain() { echo "$*"; head -n 3 "$T/said"; bad=1; }

# Every verdict that a sweep gives without a peer: PASS, FAIL, an accepted FAIL, RANGE, SKIP, CRASH, TIMEOUT; odd text in reasons.
cat >"$T/odd.sh" <<'END'
printf 'normative-worker 1\todd <"&\047>\t1\n'
while IFS="$(printf '\t')" read -r case result; do
  n=$(($(cat "$0.n" 2>/dev/null || echo 0) + 1)); echo $n >"$0.n" # it is started anew in between
  case $n in
    1) printf 'fail\tsaid <b>&amp; "it" \001 \377\303\050 \342\210\236\n' ;;
    2) kill -9 $$ ;;
    3) sleep 9 ;;
    *) printf 'skip\tenough\n' ;;
  esac
done
END
echo '* layernorm/*/mean1e3/* # accepted' >"$T/known"
"$N" check reference f32-one-pass "cmd:sh $T/odd.sh" --case 'layernorm/forward/f32/[1235]x[0-9]*/[mno]*' --known "$T/known" \
  --timeout 0.1 -j 1 --json "$T/r.jsonl" --junit "$T/r.xml" >"$T/log" 2>&1
[ $? = 1 ] || complain "check did not exit with 1"
for verdict in PASS FAIL SKIP RANGE CRASH TIMEOUT; do
  grep -q "\"verdict\":\"$verdict\"" "$T/r.jsonl" || complain "no $verdict among the records"
done
grep -q '"known":true' "$T/r.jsonl" || complain "no accepted failure among the records"
read_back "$schema" "$T/r.jsonl" "$T/r.xml" || complain "not as published:"
if command -v xmllint >/dev/null; then
  xmllint --noout --schema "$here/../junit.xsd" "$T/r.xml" >"$T/said" 2>&1 || complain "junit.xsd does not hold:"
else
  echo "skipped: no xmllint, junit.xsd is not tried"
fi
echo "rmsnorm/forward/f32/3x5" >"$T/shapes"
"$B/bin/normative-bench" --shapes "$T/shapes" --impl reference --threads 1 --min-time 0.0001 --repetitions 1 \
  --json "$T/bench.jsonl" >/dev/null 2>&1
read_back "$schema" "$T/bench.jsonl" || complain "a bench record is not as published:"

# The reader refuses what is wrong: each of these changes makes a record or file that must not be.
refused() { # WHAT SED-SCRIPT FILE
  sed "$2" "$T/$3" >"$T/changed"
  cmp -s "$T/changed" "$T/$3" && complain "nothing changed: $1"
  if [ "$3" = r.xml ]; then read_back "$schema" "$T/r.jsonl" "$T/changed"; else read_back "$schema" "$T/changed" "$T/r.xml"; fi &&
    complain "read back in spite of: $1"
}
refused "a verdict that is none" '1s/"verdict":"[A-Z]*"/"verdict":"GOOD"/' r.jsonl
refused "a field that nobody knows" '1s/{/{"colour":1,/' r.jsonl
refused "a missing field" '1s/"norm":"[a-z]*",//' r.jsonl
refused "a number as a string" 's/"kappa":[0-9.e+-]*/"kappa":"1"/' r.jsonl
refused "a date of another form" 's/"date":"/"date":"x/' r.jsonl
refused "a line less" '1d' r.jsonl
refused "another verdict" '/PASS/{s/"verdict":"PASS"/"verdict":"FAIL"/;}' r.jsonl
refused "a wrong count" 's/failures="[0-9]*"/failures="99"/' r.xml
refused "a failure without its command" 's/reproduce: //' r.xml
[ $bad = 0 ] && echo "all as expected"
exit $bad
