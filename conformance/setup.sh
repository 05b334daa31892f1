#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# setup.sh PACKAGE...: makes sure that these Debian packages are there. Installs them as root in a container or with
# SETUP=1; otherwise prints the one line to run and stops.
missing=
for package in "$@"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
[ -z "$missing" ] && exit 0
command="apt-get install -y --no-install-recommends$missing"
in_container() { [ -e /.dockerenv ] || [ -e /run/.containerenv ] || [ -n "$container" ] ||
  grep -qE 'docker|lxc|containerd|kubepods' /proc/1/cgroup 2>/dev/null; }
if [ "$SETUP" = 1 ] || { [ "$(id -u)" = 0 ] && in_container; }; then
  echo "installing:$missing"
  if [ "$(id -u)" = 0 ]; then sudo=; else sudo=sudo; fi
  export DEBIAN_FRONTEND=noninteractive
  log=$(mktemp)
  # shellcheck disable=SC2086
  if $sudo apt-get update -qq >"$log" 2>&1 && $sudo $command >>"$log" 2>&1; then rm -f "$log"; exit 0; fi
  tail -n 5 "$log" >&2
  echo "setup: could not install:$missing (log: $log)" >&2
  exit 1
fi
echo "These Debian packages are missing:$missing" >&2
echo "Run this as root, or make with SETUP=1:" >&2
echo "  apt-get update && $command" >&2
exit 1
