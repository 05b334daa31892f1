#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# peers.sh DIRECTORY: the virtual environment DIRECTORY with the peers that adapters/requirements.txt pins, with PEERS=all also
# those of requirements-all.txt. Made by $PYTHON (Debian's python3) beside its place and renamed, so nothing is ever half-made.
# Run again, it adds what is missing and mends what is of another version. A peer that cannot be installed is named.
case $1 in /*) final=$1 ;; *) final=$PWD/$1 ;; esac
here=$(dirname "$0")/adapters
python=${PYTHON:-/usr/bin/python3}
[ -n "$PYTHON" ] || [ -x "$python" ] || python=python3
lists=$here/requirements.txt
case "$PEERS" in
  '' | small) ;;
  all) lists="$lists $here/requirements-all.txt" ;;
  *) echo "peers: PEERS=$PEERS: wanted all, or nothing for the small ones" >&2; exit 2 ;;
esac
log=$(mktemp) constraints=$(mktemp) new=$final.new
trap 'rm -rf "$log" "$constraints" "$new"' EXIT
trap 'exit 130' INT TERM
stop() { echo "peers: $1" >&2; exit 1; }
# shellcheck disable=SC2086
pins() { grep -hv '^#' $lists; }
pins | head -n 1 >"$constraints" # numpy: what the others want of it must not change it
# What went wrong, from pip's many lines: the first error that is none of its consequences.
reason() {
  if grep -q 'Failed to establish\|failure in name\|retries exceeded\|ould not connect\|ProxyError\|Connection' "$log"; then
    echo "no network: the package index cannot be reached"
    return
  fi
  { grep -m 1 'ERROR:\|Error:\|error:' "$log" || tail -n 1 "$log"; } | cut -c1-200
}
megabytes() { du -sm "$1" | cut -f1; }
install() { # PACKAGE==VERSION...
  "$where/bin/python" -m pip install -q --disable-pip-version-check --no-input --retries 1 --timeout 20 -c "$constraints" "$@" \
    >"$log" 2>&1
}
has() { # PACKAGE==VERSION...: is it there?
  "$where/bin/python" - "$@" >"$log" 2>&1 <<'END'
import sys
from importlib.metadata import version
sys.exit(any(version(name) != want for name, want in (pin.split("==") for pin in sys.argv[1:])))
END
}

begin=$(date +%s)
if [ -e "$final/normative-peers" ]; then
  where=$final
else
  [ ! -e "$final" ] || stop "$final is there, but not made by this: remove it"
  where=$new
  rm -rf "$new"
  command -v "$python" >/dev/null || stop "no such program: $python"
  "$python" -m venv "$new" >"$log" 2>&1 || stop "$python -m venv: $(grep -m 1 -i 'not available\|error\|no ' "$log")"
fi
count=$(pins | grep -c .) number=0 had=0 missing=
pins >"$log.list"
while read -r line; do
  number=$((number + 1)) start=$(date +%s)
  printf '[%d/%d] %s' "$number" "$count" "$line"
  # shellcheck disable=SC2086
  if has $line; then
    had=$((had + 1))
    echo ": is there"
  elif install $line; then
    had=$((had + 1))
    echo ": $(($(date +%s) - start)) s"
  else
    why=$(reason)
    echo ": not installed: $why"
    missing="$missing ${line%%=*}"
    [ "$had" -gt 0 ] || { rm -f "$log.list"; stop "nothing was installed: $why"; }
  fi
done <"$log.list"
rm -f "$log.list"
if [ "$where" = "$new" ]; then
  sed -i "1s|^#!$new/|#!$final/|" "$new"/bin/* 2>/dev/null
  : >"$new/normative-peers"
  mv "$new" "$final" || stop "cannot rename $new"
fi
[ -z "$missing" ] || echo "peers: not installed:$missing; make peers tries again" >&2
echo "$final: $(megabytes "$final") MB, $(($(date +%s) - begin)) s"
