#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# PyTorch in f64, forward and autograd, on ordinary cases: rounded to f32 it is the nearest value that the oracle knows, of
# every element; and so is the reference. Needs torch, in the environment of `make peers` or in python3. CASES of each kind (8:
# fewer have no GroupNorm of several groups of several channels in both layouts); prints a table, the README's at CASES=120.
B=${B:-build}
top=$(cd "$(dirname "$0")/../.." && pwd)
N=$B/bin/normative
T=$(mktemp -d) || exit 1
trap 'rm -rf "$T"' EXIT
bad=0
complain() { echo "$*"; bad=1; }

python=$(sh "$top/conformance/tests/python_with.sh" torch) || { echo "skipped: no Python with the package torch"; exit 0; }
truths() { "$python" "$top/conformance/data/torch_truths.py" "$@"; }

truths "$T" "${CASES:-8}" || complain "no cases"
for tree in narrow single double; do
  "$N" judge "$T/$tree" "$T/$tree-results" --json "$T/$tree.jsonl" >"$T/$tree.log" 2>&1
  [ $? -le 1 ] || complain "$tree is not judged: $(tail -n 1 "$T/$tree.log")"
done
for tree in narrow double; do
  "$N" check reference --input "$T/$tree" --json "$T/ours-$tree.jsonl" >"$T/log" 2>&1 || {
    complain "the reference fails:"; cat "$T/log"; }
done
cd "$T" || exit 1
truths --table narrow.jsonl single.jsonl double.jsonl ours-narrow.jsonl ours-double.jsonl || complain "no table"

# Records that break a rule: WHAT PYTHON-CONDITION FILE
rule() {
  "$python" - "$2" "$3" <<'END' || complain "$1"
import json, sys
r = [json.loads(line) for line in open(sys.argv[2])]
bad = [x["case"] for x in r if eval(sys.argv[1], {}, x)]
print(*bad[:5], sep="\n", end="\n" if bad else "")
sys.exit(bool(bad) or len(r) < 80)
END
}
rule "PyTorch in f64 is not the oracle's nearest value" 'verdict != "PASS" or misrounded > 0' "$T/narrow.jsonl"
rule "the reference is not nearest" \
  'verdict != "PASS" or max(v for k, v in outputs.items() if k[:4] not in ("mean", "rstd", "runn")) > 0.501' \
  "$T/ours-narrow.jsonl"
rule "the reference in f64 is further off than it promises" \
  'verdict != "PASS" or outputs.get("dx", 0) > 16 or outputs.get("y", 0) > 8' "$T/ours-double.jsonl"
[ $bad = 0 ] && echo "all as expected"
exit $bad
