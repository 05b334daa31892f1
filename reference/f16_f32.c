/* SPDX-License-Identifier: Apache-2.0
   Every reference for tensors of binary16, with parameters of float. */
#include "direct.h"
#include "narrow.h"

#define ELEMENT uint16_t
#define LOAD(e) f16_load(e)
#define STORE(v) f16_store(v)
#define PARAM float
#define PLOAD(p) ((double)(p))
#define PSTORE(v) ((float)(v))
#define TYPED(name) name##_f16_f32
/* in contracts: */
#define VALUE(e) F16(e)
#define PVALUE(p) (p)
#define ROUNDED(v) RoundedF16(v)
#define PROUNDED(v) (v)

#include "elements.inc"
#include "apply.inc"
#include "norms.inc"
