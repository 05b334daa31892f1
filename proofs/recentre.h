/* SPDX-License-Identifier: Apache-2.0
   Ssd about any k from Ssd about any m, and from there the corrected two-pass variance. */
#ifndef PROOFS_RECENTRE_H
#define PROOFS_RECENTRE_H
#include "sums.h"
#include "sq.h"
#include "algebra.h"
#include "mean.h"
/*@ lemma Dev_sum{L}: \forall double *x, real m, integer n; 0 <= n ==> Dev(x,m,n) == Sum(x,n) - Scale(n,m); */
/*@ lemma Ssd_recentre{L}: \forall double *x, real m, k, integer n; 0 <= n ==>
      Ssd(x,k,n) == Ssd(x,m,n) + Cross(m,k,Dev(x,m,n)) + Scale(n,Sd(m,k)); */
/*@ lemma Dev_is{L}: \forall double *x, real m, integer n; 0 <= n ==> IsDev(Dev(x,m,n),Sum(x,n),m,n); */
/*@ lemma mean_corrected{L}: \forall double *x, real m, integer n; 0 < n ==> Mean(x,n) == m + Quot(Dev(x,m,n),n); */
/*@ lemma ssd_corrected{L}: \forall double *x, real m, integer n; 0 < n ==>
      Ssd(x,Mean(x,n),n) == Ssd(x,m,n) - Corr(Dev(x,m,n),n); */
/*@ lemma Ssd_pos{L}: \forall double *x, real c, integer n; 0 <= Ssd(x,c,n); */
#endif
