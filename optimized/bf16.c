/* SPDX-License-Identifier: Apache-2.0
   Every norm for tensors of bfloat16. */
#define TYPE_bf16
#include "typed.inc"
