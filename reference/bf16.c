/* SPDX-License-Identifier: Apache-2.0
   Every reference for tensors of bfloat16. */
#include "direct.h"
#include "narrow.h"

#define ELEMENT uint16_t
#define LOAD(e) bf16_load(e)
#define STORE(v) bf16_store(v)
#define PARAM uint16_t
#define PLOAD(p) LOAD(p)
#define PSTORE(v) STORE(v)
#define TYPED(name) name##_bf16
/* in contracts: */
#define VALUE(e) Bf16(e)
#define PVALUE(p) VALUE(p)
#define ROUNDED(v) RoundedBf16(v)
#define PROUNDED(v) ROUNDED(v)

#include "elements.inc"
#include "apply.inc"
#include "norms.inc"
