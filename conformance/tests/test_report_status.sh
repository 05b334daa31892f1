#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What report.sh makes of the exit statuses of its steps, with a stand-in for normative that fails where it is told to.
here=$(cd "$(dirname "$0")" && pwd)
B=$(mktemp -d) || exit 1
export B
trap 'rm -rf "$B"' EXIT
mkdir "$B/bin"
cat >"$B/bin/normative" <<'END'
#!/bin/sh
# exits with the status that FAIL="WHAT STATUS" gives to the step WHAT; writes one record where --json says
case "$1 $2" in "check reference") what=library ;; "check "*) what=$2 ;; *) what=$1 ;; esac
while [ $# -gt 0 ]; do
  [ "$1" = --cases ] && mkdir -p "$2/y"
  [ "$1" = --reproducers ] && : >"$2/list"
  [ "$1" = --json ] && echo '{"implementation":"reference","failed":"x","verdict":"PASS"}' >"$2"
  [ "$1" = --out ] && echo page >"$2/index.html"
  shift
done
[ "${FAIL% *}" = "$what" ] && { echo "normative: told to fail"; exit "${FAIL#* }"; }
exit 0
END
chmod +x "$B/bin/normative"

failed=0
# expect STATUS STEP STEPS_STATUS
expect() {
  FAIL="$2 $3" sh "$here/../report.sh" >"$B/said" 2>&1
  got=$?
  [ $got = "$1" ] && return
  echo "report.sh exits with $got, not $1, where $2 exits with $3:"; cat "$B/said"; failed=1
}
expect 0 nothing 0
expect 1 library 1
expect 2 library 2
expect 2 library 3
expect 0 specimens 1
expect 2 specimens 2
expect 0 peers 1
expect 0 peers 2
expect 0 peers 3
expect 2 found 2
expect 2 bench 1
expect 2 bench 2
expect 2 report 2
grep -q "^report: the page was not written" "$B/said" || { echo "a page that was not written is not said"; failed=1; }
exit $failed
