/* SPDX-License-Identifier: Apache-2.0
   Every reference for tensors of double. */
#include "wide_names.h"

#define ELEMENT double
#define LOAD(e) (e)
#define STORE(v) (v)
#define PARAM double
#define PLOAD(p) (p)
#define PSTORE(v) (v)
#define TYPED(name) name##_f64

#include "elements.inc"
#include "norms.inc"
