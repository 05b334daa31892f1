/* SPDX-License-Identifier: Apache-2.0
   Every norm for tensors of double. */
#define TYPE_f64
#include "typed.inc"
