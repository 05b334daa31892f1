/* SPDX-License-Identifier: Apache-2.0
   Recurrences of the opaque products. */
#ifndef PROOFS_ALGEBRA_H
#define PROOFS_ALGEBRA_H
#include "ops.h"
/*@ axiomatic Algebra {
      FACT sd_step: \forall real x, m, k; Sd(x,k) == Sd(x,m) + Cross(m,k,x-m) + Sd(m,k);
      FACT cross_0: \forall real m, k; Cross(m,k,0.0) == 0.0;
      FACT cross_add: \forall real m, k, a, b, c; c == a+b ==> Cross(m,k,c) == Cross(m,k,a) + Cross(m,k,b);
      FACT scale_0: \forall real r; Scale(0,r) == 0.0;
      FACT scale_S: \forall integer n, p, real r; p == n+1 ==> Scale(p,r) == Scale(n,r) + r;
    } */
#endif
