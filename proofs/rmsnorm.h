/* SPDX-License-Identifier: Apache-2.0
   What RMSNorm computes, for tensors of ELEMENT, in the letters of layernorm.h. Included once per element type. */
/*@ logic real RowMs{L}(ELEMENT *x, integer b, integer n) = Quot(RowSsd(x,0.0,b,n),n); */
/*@ predicate RmsXhatRow{L1,L2}(double *xhat, ELEMENT *x, integer b, integer n, real eps) =
      \forall integer k; 0 <= k < n ==> \at(xhat[k],L2) == XHAT(VALUE(\at(x[b+k],L1)),0.0,Rstd(RowMs{L1}(x,b,n),eps)); */
/*@ predicate RmsAffineRow{L1,L2}(double *d, ELEMENT *x, PARAM *gamma, PARAM *beta, integer b, integer n, real eps) =
      \forall integer k; 0 <= k < n ==>
        \at(d[k],L2) == Affine(Norm(VALUE(\at(x[b+k],L1)),0.0,Rstd(RowMs{L1}(x,b,n),eps)),
                               Par{L1}(gamma,k,1.0),Par{L1}(beta,k,0.0)); */
/*@ predicate RmsNormedRow{L1,L2}(ELEMENT *y, ELEMENT *x, PARAM *gamma, PARAM *beta, integer b, integer n, real eps) =
      \forall integer k; 0 <= k < n ==>
        VALUE(\at(y[b+k],L2)) == ROUNDED(Affine(Norm(VALUE(\at(x[b+k],L1)),0.0,Rstd(RowMs{L1}(x,b,n),eps)),
                                                Par{L1}(gamma,k,1.0),Par{L1}(beta,k,0.0))); */
/*@ predicate RmsNormY{L1,L2}(ELEMENT *y, ELEMENT *x, PARAM *gamma, PARAM *beta, integer rows, integer n, real eps) =
      \forall integer r; 0 <= r < rows ==> RmsNormedRow{L1,L2}(y,x,gamma,beta,At(0,r,n),n,eps); */
/*@ predicate RmsNormRstd{L1,L2}(double *rstd, ELEMENT *x, integer rows, integer n, real eps) =
      \forall integer r; 0 <= r < rows ==> \at(rstd[r],L2) == Rstd(RowMs{L1}(x,At(0,r,n),n),eps); */
