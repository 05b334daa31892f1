#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The table of norms works: adding GroupNorm touched its row, its own files, and the lists named here. Oracle, judge, bounds, inputs,
# specimens, commands and reports know it by its row alone.
cd "$(dirname "$0")/../.." || exit 1
own="reference/groupnorm.c reference/groupnorm.h reference/groupnorm.inc reference/groupnorm_backward.inc"
lists="reference/norms.def reference/norms.inc reference/normative.h reference/normative_types.h
conformance/normative_plugin.h conformance/builtin.c conformance/builtin.inc optimized/entries.inc optimized/typed.inc"
bad=0
for f in $own $lists; do
  grep -qi groupnorm "$f" || { echo "$f does not name GroupNorm: is it still needed here?"; bad=1; }
done
# Comments and the names of single cases apart.
for f in reference/*.[ch] reference/*.inc optimized/*.[ch] optimized/*.inc conformance/*.[ch] conformance/*.inc conformance/specimens/*; do
  case " $(echo $own $lists) " in *" $f "*) continue ;; esac
  gcc -fpreprocessed -dD -E -P -x c "$f" 2>/dev/null | grep -v '"groupnorm/' | grep -in 'groupnorm' >"${B:-build}/tests/table.tmp" || continue
  echo "$f names GroupNorm:"; cat "${B:-build}/tests/table.tmp"; bad=1
done
[ $bad = 0 ] && echo "GroupNorm: one row, its own files, the lists"
exit $bad
