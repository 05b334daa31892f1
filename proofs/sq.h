/* SPDX-License-Identifier: Apache-2.0
   Squares and their means are at least 0. */
#ifndef PROOFS_SQ_H
#define PROOFS_SQ_H
#include "ops.h"
/*@ axiomatic Squares {
      FACT sd_pos: \forall real x, m; 0 <= Sd(x,m);
      FACT quot_pos: \forall real q, integer n; 0 <= q ==> 0 < n ==> 0 <= Quot(q,n);
    } */
#endif
