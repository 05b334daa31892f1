/* SPDX-License-Identifier: Apache-2.0
   Every reference for tensors of bfloat16, with parameters of float. */
#include "direct.h"
#include "narrow.h"

#define ELEMENT uint16_t
#define LOAD(e) bf16_load(e)
#define STORE(v) bf16_store(v)
#define PARAM float
#define PLOAD(p) ((double)(p))
#define PSTORE(v) ((float)(v))
#define TYPED(name) name##_bf16_f32
/* in contracts: */
#define VALUE(e) Bf16(e)
#define PVALUE(p) (p)
#define ROUNDED(v) RoundedBf16(v)
#define PROUNDED(v) (v)

#include "elements.inc"
#include "apply.inc"
#include "norms.inc"
