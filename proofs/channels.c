/* SPDX-License-Identifier: Apache-2.0
   Proves the lemmas of channels.h from the facts of index.h, nested.h and channel.h. */
#include "../reference/group.h"
#define ELEMENT float
#include "sums.h"
#include "elements.h"
#include "nested.h"
#include "channels.h"
