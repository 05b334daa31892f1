#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# python_with.sh PACKAGE: a Python that has the package, and numpy: that of `make peers`, else python3. Status 1: there is none.
top=$(cd "$(dirname "$0")/../.." && pwd)
for python in "${NORMATIVE_PEERS:-$top/.peers}/bin/python" python3; do
  "$python" -c "import $1, numpy" >/dev/null 2>&1 && echo "$python" && exit 0
done
exit 1
