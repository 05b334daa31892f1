/* SPDX-License-Identifier: Apache-2.0
   Proves the lemmas of rows.h, for float. */
#include "../reference/group.h"
#define ELEMENT float
#include "sums.h"
#include "elements.h"
#include "rows.h"
