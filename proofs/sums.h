/* SPDX-License-Identifier: Apache-2.0
   Real sums of contiguous doubles, and what mean and variance mean. Two-index axioms, so that a solver never has to
   match n+1. Dev: sum (x - c). Ssd: sum (x - c)^2. */
#ifndef PROOFS_SUMS_H
#define PROOFS_SUMS_H
#include "ops.h"
/*@ axiomatic Real_Sums {
      logic real Sum{L}(double *x, integer n) reads x[0..n-1];
      axiom Sum_0{L}: \forall double *x, integer n; n <= 0 ==> Sum(x,n) == 0.0;
      axiom Sum_S{L}: \forall double *x, integer n, m; n >= 0 && m == n+1 ==> Sum(x,m) == Sum(x,n) + x[n];
      logic real Dev{L}(double *x, real c, integer n) reads x[0..n-1];
      axiom Dev_0{L}: \forall double *x, real c, integer n; n <= 0 ==> Dev(x,c,n) == 0.0;
      axiom Dev_S{L}: \forall double *x, real c, integer n, m; n >= 0 && m == n+1 ==> Dev(x,c,m) == Dev(x,c,n) + (x[n]-c);
      logic real Ssd{L}(double *x, real c, integer n) reads x[0..n-1];
      axiom Ssd_0{L}: \forall double *x, real c, integer n; n <= 0 ==> Ssd(x,c,n) == 0.0;
      axiom Ssd_S{L}: \forall double *x, real c, integer n, m; n >= 0 && m == n+1 ==>
        Ssd(x,c,m) == Ssd(x,c,n) + Sd(x[n],c);
    } */
/*@ logic real Mean{L}(double *x, integer n) = Quot(Sum(x,n),n); */
/*@ logic real Var{L}(double *x, integer n) = Quot(Ssd(x,Mean(x,n),n),n); */
#endif
