/* SPDX-License-Identifier: Apache-2.0
   Every norm for tensors of binary16. */
#define TYPE_f16
#include "typed.inc"
