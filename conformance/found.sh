#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# found.sh DIR: runs each program that `normative found --reproducers DIR` wrote, by itself, as many at a time as there are
# cores; DIR/printed gets a line for each: the file, a tab, and the value it printed, or "none: WHY". PYTHON: the interpreter
# in place of that of `make peers`. FOUND_TIMEOUT: seconds for one program (300).
[ "$1" = --one ] && only=$2 && shift 2
dir=${1:?"usage: found.sh DIR"}
top=$(cd "$(dirname "$0")/.." && pwd)
self=$top/conformance/found.sh
peers=$top/.peers
limit=${FOUND_TIMEOUT:-300}
python=${PYTHON:-python3}
[ -z "$PYTHON" ] && [ -x "$peers/bin/python" ] && python=$peers/bin/python
case $python in */*) python=$(cd "$(dirname "$python")" && pwd)/$(basename "$python") ;; esac
cd "$dir" || exit 2

run() {
  case $1 in
    *.py) timeout "$limit" "$python" "../$1" ;;
    *.onednn3.cpp)
      ${CXX:-g++} -O0 -I"$peers/include" "../$1" -o program -L"$peers/lib" -Wl,-rpath,"$peers/lib" -ldnnl &&
        timeout "$limit" ./program ;;
    *.cpp) ${CXX:-g++} -O0 "../$1" -o program -ldnnl && timeout "$limit" ./program ;;
  esac
}
if [ -n "$only" ]; then
  mkdir -p "run.$only" && cd "run.$only" || exit 2
  said=$(run "$only" 2>errors </dev/null | tail -n 1)
  case $said in
    *0x*|nan|-nan|inf|-inf) ;;
    *) said="none: $(tail -n 1 errors | tr -d '\t' | cut -c1-200)" ;;
  esac
  printf '%s\t%s\n' "$only" "$said" >../"$only.printed"
  cd .. && rm -rf "run.$only"
  exit 0
fi
cores=$(nproc) # before OMP_NUM_THREADS says 1
export OMP_NUM_THREADS=1 TF_CPP_MIN_LOG_LEVEL=3 JAX_PLATFORMS=cpu # as when it was judged; less to read
cut -f1 list | xargs -r -P "$cores" -I FILE sh "$self" --one FILE .
cut -f1 list | while read -r file; do cat "$file.printed"; rm -f "$file.printed"; done >printed.part
mv printed.part printed
