#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# reference/normative_types.h is what types.sh makes of normative.h, and every function of normative.h is in it five times.
set -e
cd "$(dirname "$0")/../../reference"
sh types.sh <normative.h | diff -u normative_types.h - || {
  echo "run  sh reference/types.sh <reference/normative.h >reference/normative_types.h"
  exit 1
}
for name in $(sed -n 's/^normative_status \([a-z_]*\)_f32(.*/\1/p' normative.h); do
  for suffix in f64 f16 bf16 f16_f32 bf16_f32; do
    grep -q "^normative_status ${name}_$suffix(" normative_types.h || { echo "${name}_$suffix is missing"; exit 1; }
  done
done
