/* SPDX-License-Identifier: Apache-2.0
   Every reference for tensors of float. */
#include "direct.h"

#define ELEMENT float
#define LOAD(e) ((double)(e))
#define STORE(v) ((float)(v))
#define PARAM float
#define PLOAD(p) LOAD(p)
#define PSTORE(v) STORE(v)
#define TYPED(name) name##_f32

#include "elements.inc"
#include "apply.inc"
#include "norms.inc"
