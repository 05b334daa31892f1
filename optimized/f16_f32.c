/* SPDX-License-Identifier: Apache-2.0
   Every norm for tensors of binary16, parameters of float. */
#define TYPE_f16_f32
#include "typed.inc"
