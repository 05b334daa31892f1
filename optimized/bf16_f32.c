/* SPDX-License-Identifier: Apache-2.0
   Every norm for tensors of bfloat16, parameters of float. */
#define TYPE_bf16_f32
#include "typed.inc"
