/* SPDX-License-Identifier: Apache-2.0
   Proves the lemmas of groups.h, for float. */
#include "../reference/group.h"
#define ELEMENT float
#include "sums.h"
#include "elements.h"
#include "groups.h"
