#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs every test program in $B/tests, then the scripts beside this one; says what failed, and counts.
B=${B:-build}
passed=0 failed=0 bad=
here=$(dirname "$0")
export B
one() {
  name=$1; shift
  if "$@" >"$B/tests/$name.log" 2>&1; then
    passed=$((passed + 1)); printf '  ok    %s\n' "$name"
  else
    failed=$((failed + 1)); bad="$bad $name"; printf '  FAIL  %s\n' "$name"; tail -n 40 "$B/tests/$name.log"
  fi
}
for source in "$here"/test_*.c; do
  name=$(basename "$source" .c)
  one "$name" "$B/tests/$name"
done
for script in "$here"/test_*.sh; do
  [ -e "$script" ] && one "$(basename "$script" .sh)" sh "$script"
done
[ -z "$bad" ] || echo "failed:$bad (logs in $B/tests)"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
