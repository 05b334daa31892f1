/* SPDX-License-Identifier: Apache-2.0
   Every reference for tensors of float. */
#include "core.h"
#include "door.h"
#include "gradient.h"
#include "group.h"
#include "running.h"

#define ELEMENT float
#define TYPED(name) name##_f32

#include "elements.inc"
#include "layernorm.inc"
#include "rmsnorm.inc"
#include "batchnorm.inc"
#include "layernorm_backward.inc"
#include "rmsnorm_backward.inc"
#include "batchnorm_backward.inc"
