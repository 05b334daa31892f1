#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Known defects looked for: none in what computes in double, those of an algorithm in its specimen, and those of Debian's oneDNN by
# programs that show each alone. PEERS=all: the programs of every peer that is installed, too (minutes).
B=${B:-build}
here=$(cd "$(dirname "$0")/.." && pwd)
N=$B/bin/normative
T=$(mktemp -d) || exit 1
trap 'rm -rf "$T"' EXIT
bad=0
complain() { echo "$*"; bad=1; }
one="found --cases"

error() { # TEXT COMMAND...: misuse, in one line
  text=$1; shift
  "$@" >"$T/out" 2>&1; [ $? = 2 ] && grep -qF -- "$text" "$T/out" || { complain "not misuse with '$text': $*"; head -3 "$T/out"; }
}
error "either --cases DIR or --reproducers DIR" "$N" found
error "name files of records" "$N" found --reproducers "$T"
error "--cases takes no files" "$N" $one "$T/x" more
error "No such file" "$N" found --reproducers "$T/x" "$T/no.jsonl"
: >"$T/file"
error "file" "$N" $one "$T/file/x"

# asked NAME IMPLEMENTATION...: judges all small probes; what is alive goes to $T/NAME.said, programs to $T/NAME
asked() {
  name=$1; shift
  mkdir -p "$T/$name"
  for folder in "$T"/cases/*/; do
    output=$(basename "$folder")
    "$N" check "$@" --input "$folder" --output "$output" --require f64-two-pass --json "$T/$name/$output.jsonl" >"$T/log" 2>&1
    [ $? -le 3 ] && [ -s "$T/$name/$output.jsonl" ] || complain "check $*: $(tail -n 1 "$T/log")"
  done
  "$N" found --reproducers "$T/$name" "$T/$name"/*.jsonl >"$T/$name.said" 2>"$T/log" || complain "found --reproducers of $name"
  if grep "has no section\|which is nothing" "$T/log"; then complain "a program is missing"; fi
}
alive() { grep -qE "^alive +$2 +$3 " "$T/$1.said" || complain "$3 is not found by $2"; }

"$N" $one "$T/cases" || complain "no cases"
asked ours reference optimized
[ -s "$T/ours.said" ] && { complain "found in our own library:"; cat "$T/ours.said"; }
asked specimens f32-one-pass f32-two-pass f32-two-pass-folded f32-sequential f64-stats
for id in ln-40000 ln-mean-1e4 bn-mean-1e4 bn-mean-1e4-nsc gn-mean-1e4-nsc in-mean-1e4 lnc-mean-1e4; do alive specimens $id f32-one-pass; done
alive specimens bn-mean-1e3-long f32-sequential
alive specimens bn-eval-folded f32-two-pass-folded
honest="..-mean-1e[34]|lnc-mean-1e4|ln-40000|..-eval-folded|..-eps|..-nan|..-subnormal|..-running|.*-(f16|bf16|f64)-"
grep -E "^alive +($honest)[^ ]* +(f64-stats|f32-two-pass) " "$T/specimens.said" &&
  complain "honest algorithms have a defect"

peers=onednn
[ "$PEERS" = all ] && peers="peers"
asked peers $peers
if grep -q '"verdict":"SKIP"' "$T/peers/y.jsonl" && ! grep -qE '"verdict":"(PASS|FAIL)"' "$T/peers/y.jsonl"; then
  echo "skipped: no oneDNN: $(grep -o '"reason":"[^"]*"' "$T/peers/y.jsonl" | head -n 1)"
  exit $bad
fi
[ -s "$T/peers/list" ] || complain "nothing is alive in $peers"
sh "$here/found.sh" "$T/peers" >"$T/log" 2>&1 || complain "found.sh failed: $(tail -n 1 "$T/log")"
# Printed is what the judged run gave, whatever the sign and the spelling of a NaN or of digits.
cat >"$T/same.py" <<'END'
import sys
wanted, printed = (dict(line.rstrip("\n").split("\t") for line in open(f"{sys.argv[1]}/{name}")) for name in ("list", "printed"))
bad = [f for f in wanted if not printed.get(f) or printed[f].startswith("none")
       or repr(abs(float.fromhex(printed[f]))) != repr(abs(float.fromhex(wanted[f])))]
for f in bad:
    print(f"{f}: printed {printed.get(f)}, judged {wanted[f]}")
print(len(wanted) - len(bad), "of", len(wanted), "programs print what was judged")
sys.exit(bool(bad))
END
python3 "$T/same.py" "$T/peers" || bad=1
[ $bad = 0 ] && echo "all as expected"
exit $bad
