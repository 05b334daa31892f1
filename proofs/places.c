/* SPDX-License-Identifier: Apache-2.0
   The facts of places.h (PLACES), and the descriptor that rests on them. */
#include "places.h"
#ifndef PLACES
#include "../reference/instancenorm.h"
#include "../reference/layernorm_channels.h"
#include "../reference/groupnorm.h"
#endif
