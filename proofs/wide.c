/* SPDX-License-Identifier: Apache-2.0
   The functions of wide.h, from the axioms of wide.h here. */
#include "../reference/wide.h"
