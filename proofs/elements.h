/* SPDX-License-Identifier: Apache-2.0
   What gather, apply and scatter mean, for tensors of ELEMENT. Included once per element type. Where bits stand for numbers
   (proofs/narrow.h), VALUE and PVALUE are the number of an element, a parameter, and ROUNDED what a store makes of a real; in
   the other types a store is exact, as all arithmetic is over the reals. XHAT is what an array holds from NORMALISE to APPLY. */
#ifndef VALUE
#define VALUE(e) e
#define PVALUE(p) p
#define ROUNDED(v) v
#define STORED_ROW IsRow
#endif
#ifndef PARAM
#define PARAM ELEMENT
#endif
#ifndef XHAT
#define XHAT(x,m,r) Norm(x,m,r)
#endif
/*@ logic real Par{L}(PARAM *p, integer k, real absent) = p == \null ? absent : PVALUE(p[k]); */
/*@ predicate Gathered{L}(double *d, integer c, ELEMENT *x, integer b, integer s, integer n) =
      \forall integer i; 0 <= i < n ==> d[c+i] == VALUE(x[At(b,i,s)]); */
/*@ predicate Affined{L1,L2}(double *d, integer c, PARAM *gamma, PARAM *beta, integer p, integer ps, integer n) =
      \forall integer i; 0 <= i < n ==>
        \at(d[c+i],L2) == Affine(\at(d[c+i],L1),Par{L1}(gamma,At(p,i,ps),1.0),Par{L1}(beta,At(p,i,ps),0.0)); */
/*@ predicate Scattered{L}(ELEMENT *y, integer b, integer s, double *d, integer c, integer n) =
      \forall integer i; 0 <= i < n ==> VALUE(y[At(b,i,s)]) == ROUNDED(d[c+i]); */
/*@ predicate Out(integer j, integer b, integer s, integer n) = \forall integer i; 0 <= i < n ==> j != At(b,i,s); */
/*@ predicate OutGroup(integer j, struct group g, integer o) =
      \forall integer q; 0 <= q < o ==> Out(j,First(g,q),g.stride_inner,g.n_inner); */
