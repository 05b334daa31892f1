#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What `make report` does once all is built: judges and times every implementation found here, writes $B/report/index.html.
# Non-zero only if the reference or the optimized library failed or a step broke. Peers and specimens may fail: the page shows it.
B=${B:-build}
out=$B/report
normative=$B/bin/normative
records= status=0 set_found=
mkdir -p "$out" || exit 2
rm -f "$out"/*.jsonl "$out"/*.log "$out/found.said"

# step NAME ARGUMENT...: normative ARGUMENT... --json $out/NAME.jsonl, its output in $out/NAME.log; the command goes to $out/ran
: >"$out/commands"
step() {
  name=$1; shift
  echo "$normative $* --json $out/$name.jsonl" | tee -a "$out/commands"
  "$normative" "$@" --json "$out/$name.jsonl" >"$out/$name.log" 2>&1
  code=$?
  [ -s "$out/$name.jsonl" ] && records="$records $out/$name.jsonl"
  return $code
}
broke() { echo "report: $1 (log: $2)" >&2; tail -n 5 "$2" >&2; status=2; }

# Everyone who claims a preset is judged against that; the reference and the optimized library claim more than the default asks.
step library check reference optimized --tier quick --require declared
case $? in
  0) ;;
  1) status=1; grep -A 6 -m 3 '^FAIL\|^CRASH\|^TIMEOUT' "$out/library.log" >&2 ;;
  *) broke "the library was not judged" "$out/library.log" ;;
esac
# The peers: in f32 by the whole tier, in every other type by means of 10 deviations and more; so are the specimens, which are here to show what an
# algorithm costs. A peer that cannot be had or judged is no error of ours.
means='--family mean1e*'
set -f
for type in f32 f64 f16 bf16; do
  [ $type = f32 ] && family= || family=$means
  step specimens-$type check specimens --tier quick --require declared --type $type $means
  [ $? -le 1 ] || broke "the specimens were not judged" "$out/specimens-$type.log"
  step peers-$type check peers --tier quick --type $type $family
  case $type:$? in
    *:[01] | f64:3 | f16:3 | bf16:3) ;; # 3: the peers at hand have no such type
    *) echo "peers: $(tail -n 1 "$out/peers-$type.log")" ;;
  esac
done
set +f
# Known defects looked for in the peers; then each that is alive by a program of its own. FOUND=small leaves out the large ones.
found=$out/found
rm -rf "$found" "$out/probes" "$out/probes-large"
mkdir -p "$found"
# torch.compile takes seconds a case: only here.
python=$(dirname "$0")/../.peers/bin/python compiled=
[ -x "$python" ] && "$python" -c 'import torch' 2>/dev/null && compiled=$(dirname "$0")/found/torch_compile.py
look_for() { # look_for DIR OPTION...: every probe in DIR, by all peers; a large one at a time
  cases=$1; shift
  "$normative" found --cases "$cases" "$@" >"$out/found.log" 2>&1 || { broke "the probes were not written" "$out/found.log"; return; }
  for folder in "$cases"/*/; do
    [ -d "$folder" ] || continue
    folder=${folder%/}
    output=$(basename "$folder")
    set -- check peers --input "$folder" --output "$output" --require f64-two-pass --timeout 120
    case $cases in
      *-large) set -- "$@" -j 1 --memory 16384 ;;
      *) [ -n "$compiled" ] && set -- "$@" "$compiled" --python "$python" ;;
    esac
    echo "$normative $*"
    "$normative" "$@" --json "$found/$(basename "$cases")-$output.jsonl" >>"$out/found.log" 2>&1
    [ $? -le 1 ] || echo "found: $(tail -n 1 "$out/found.log")"
  done
}
look_for "$out/probes"
[ "$FOUND" = small ] || look_for "$out/probes-large" --large
rm -rf "$out/probes-large"
if ls "$found"/*.jsonl >/dev/null 2>&1; then
  "$normative" found --reproducers "$found" "$found"/*.jsonl >"$out/found.said" 2>>"$out/found.log" || broke "no reproducers" "$out/found.log"
  if [ -s "$found/list" ]; then
    echo "$(wc -l <"$found/list") programs that show a defect alone: $found/*.py, *.cpp"
    sh "$(dirname "$0")/found.sh" "$found"
  fi
  set_found="--found $found"
fi
step bench bench --shapes bench/shapes/default.txt
case $? in
  0) ;;
  1) grep -h '"failed":' "$out/bench.jsonl" | grep -qE '"implementation":"(reference|optimized)"' &&
       broke "a kernel of ours failed in the benchmark" "$out/bench.log" ;;
  *) broke "the benchmark did not run" "$out/bench.log" ;;
esac

set --
while IFS= read -r command; do set -- "$@" --ran "$command"; done <"$out/commands"
# shellcheck disable=SC2086
"$normative" report --out "$out" $set_found "$@" $records >"$out/report.log" 2>&1 || broke "the page was not written" "$out/report.log"

# count FILES VERDICTS [IMPLEMENTATION]
count() { cat "$out/$1"*.jsonl 2>/dev/null | grep -h "\"implementation\":\"${3:-}" | grep -cE "\"verdict\":\"($2)\""; }
line() { printf '%-10s %6s pass %6s fail   %s\n' "$1" "$(count "$2" PASS "$3")" "$(count "$2" 'FAIL|CRASH|TIMEOUT' "$3")" "$4"; }
echo
line reference library reference 'against the preset it claims'
line optimized library optimized 'against the preset it claims'
line specimens specimens '' 'each against the preset it was written to'
line peers peers '' 'against the default preset'
[ -s "$out/found.said" ] && printf '%-10s %6s found %6s shown by a program of its own   known defects, alive here\n' peers \
  "$(grep -c '^alive' "$out/found.said")" "$(grep -vc '	none' "$found/printed" 2>/dev/null)"
echo "speed      fastest in $(grep -h '"ratio_to_fastest":1\.0[,}]' "$out/bench.jsonl" 2>/dev/null | grep -c '"implementation":"optimized"') of $(grep -hc '"implementation":"copy"' "$out/bench.jsonl" 2>/dev/null) cells: the optimized library"
[ $status = 2 ] || echo "$out/index.html"
exit $status
