/* SPDX-License-Identifier: Apache-2.0
   What a gradient is, inside a group: g = gamma dy and h = xhat, contiguous doubles. */
#ifndef PROOFS_GRADIENT_H
#define PROOFS_GRADIENT_H
#include "sums.h"
#include "group.h"
/*@ axiomatic Dots {
      logic real Dot{L}(double *g, double *h, integer n) reads g[0..n-1], h[0..n-1]; // sum g h
      axiom Dot_0{L}: \forall double *g, *h, integer n; n <= 0 ==> Dot(g,h,n) == 0.0;
      axiom Dot_S{L}: \forall double *g, *h, integer n, m; n >= 0 && m == n+1 ==>
        Dot(g,h,m) == Dot(g,h,n) + Mul(g[n],h[n]);
    } */
/*@ logic real MeanProduct{L}(double *g, double *h, integer n) = Quot(Dot(g,h,n),n); */

/*@ predicate Zero{L}(double *a, integer b, integer e) = \forall integer p; b <= p <= e ==> a[p] == 0.0; */

/* What element j adds to the gradient of its parameter: dy (h absent, dbeta) or dy xhat (dgamma). */
/*@ logic real Term{L}(double *dy, double *h, integer j) = h == \null ? dy[j] : Mul(dy[j],h[j]); */

/* What the first n elements of a run at c, and the first o runs of a group, add to the gradient of parameter p: the terms of
   those elements whose parameter it is. */
/*@ axiomatic Parameter_Sums {
      logic real RunParam{L}(double *dy, double *h, integer c, integer b, integer s, integer n, integer p)
        reads dy[c..c+n-1], h[c..c+n-1];
      axiom RunParam_0{L}: \forall double *dy, *h, integer c, b, s, n, p; n <= 0 ==> RunParam(dy,h,c,b,s,n,p) == 0.0;
      axiom RunParam_S{L}: \forall double *dy, *h, integer c, b, s, n, m, p; n >= 0 && m == n+1 ==>
        RunParam(dy,h,c,b,s,m,p) == RunParam(dy,h,c,b,s,n,p) + (At(b,n,s) == p ? Term(dy,h,c+n) : 0.0);
      logic real GroupParam{L}(double *dy, double *h, struct group g, integer o, integer p)
        reads dy[0..At(0,o,g.n_inner)-1], h[0..At(0,o,g.n_inner)-1];
      axiom GroupParam_0{L}: \forall double *dy, *h, struct group g, integer o, p; o <= 0 ==> GroupParam(dy,h,g,o,p) == 0.0;
      axiom GroupParam_S{L}: \forall double *dy, *h, struct group g, integer o, q, p; o >= 0 && q == o+1 ==>
        GroupParam(dy,h,g,q,p) ==
          GroupParam(dy,h,g,o,p) + RunParam(dy,h,At(0,o,g.n_inner),FirstParam(g,o),g.param_inner,g.n_inner,p);
    } */
#endif
