/* SPDX-License-Identifier: Apache-2.0
   Every norm for tensors of float. */
#define TYPE_f32
#include "typed.inc"
