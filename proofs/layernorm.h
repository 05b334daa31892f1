/* SPDX-License-Identifier: Apache-2.0
   What LayerNorm computes, for tensors of ELEMENT: rows of n elements, row r at At(0,r,n) = r n. Included once per
   element type. x, gamma and beta are taken at L1, the outputs at L2. */
#include "rows.h"
/*@ predicate SameRow{L1,L2}(ELEMENT *x, integer b, integer n) =
      \forall integer k; 0 <= k < n ==> \at(x[b+k],L1) == \at(x[b+k],L2); */
/*@ predicate XhatRow{L1,L2}(double *xhat, ELEMENT *x, integer b, integer n, real eps) = \forall integer k; 0 <= k < n ==>
        \at(xhat[k],L2) == XHAT(VALUE(\at(x[b+k],L1)),RowMean{L1}(x,b,n),Rstd(RowVar{L1}(x,b,n),eps)); */
/*@ predicate AffineXhatRow{L1,L2}(double *d, ELEMENT *x, PARAM *gamma, PARAM *beta, integer b, integer n, real eps) =
      \forall integer k; 0 <= k < n ==>
        \at(d[k],L2) == Affine(Norm(VALUE(\at(x[b+k],L1)),RowMean{L1}(x,b,n),Rstd(RowVar{L1}(x,b,n),eps)),
                               Par{L1}(gamma,k,1.0),Par{L1}(beta,k,0.0)); */
/*@ predicate NormedRow{L1,L2}(ELEMENT *y, ELEMENT *x, PARAM *gamma, PARAM *beta, integer b, integer n, real eps) =
      \forall integer k; 0 <= k < n ==>
        VALUE(\at(y[b+k],L2)) == ROUNDED(Affine(Norm(VALUE(\at(x[b+k],L1)),RowMean{L1}(x,b,n),Rstd(RowVar{L1}(x,b,n),eps)),
                                                Par{L1}(gamma,k,1.0),Par{L1}(beta,k,0.0))); */
/*@ predicate LayerNormY{L1,L2}(ELEMENT *y, ELEMENT *x, PARAM *gamma, PARAM *beta, integer rows, integer n, real eps) =
      \forall integer r; 0 <= r < rows ==> NormedRow{L1,L2}(y,x,gamma,beta,At(0,r,n),n,eps); */
/*@ predicate LayerNormMean{L1,L2}(double *mean, ELEMENT *x, integer rows, integer n) =
      \forall integer r; 0 <= r < rows ==> \at(mean[r],L2) == RowMean{L1}(x,At(0,r,n),n); */
/*@ predicate LayerNormRstd{L1,L2}(double *rstd, ELEMENT *x, integer rows, integer n, real eps) =
      \forall integer r; 0 <= r < rows ==> \at(rstd[r],L2) == Rstd(RowVar{L1}(x,At(0,r,n),n),eps); */
