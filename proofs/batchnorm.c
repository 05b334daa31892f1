/* SPDX-License-Identifier: Apache-2.0
   Proves the lemmas of batchnorm.h, for float. */
#include "../reference/group.h"
#define ELEMENT float
#include "running.h"
#include "sums.h"
#include "elements.h"
#include "batchnorm.h"
