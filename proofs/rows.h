/* SPDX-License-Identifier: Apache-2.0
   Sums of n consecutive elements of a tensor of ELEMENT, and what a normalised row is. Included once per element type. */
/*@ axiomatic Row_Sums {
      logic real RowSum{L}(ELEMENT *x, integer b, integer n) reads x[b..b+n-1];
      axiom RowSum_0{L}: \forall ELEMENT *x, integer b, n; n <= 0 ==> RowSum(x,b,n) == 0.0;
      axiom RowSum_S{L}: \forall ELEMENT *x, integer b, n, m; n >= 0 && m == n+1 ==>
        RowSum(x,b,m) == RowSum(x,b,n) + VALUE(x[b+n]);
      logic real RowSsd{L}(ELEMENT *x, real c, integer b, integer n) reads x[b..b+n-1];
      axiom RowSsd_0{L}: \forall ELEMENT *x, real c, integer b, n; n <= 0 ==> RowSsd(x,c,b,n) == 0.0;
      axiom RowSsd_S{L}: \forall ELEMENT *x, real c, integer b, n, m; n >= 0 && m == n+1 ==>
        RowSsd(x,c,b,m) == RowSsd(x,c,b,n) + Sd(VALUE(x[b+n]),c);
    } */
/*@ logic real RowMean{L}(ELEMENT *x, integer b, integer n) = Quot(RowSum(x,b,n),n); */
/*@ logic real RowVar{L}(ELEMENT *x, integer b, integer n) = Quot(RowSsd(x,RowMean(x,b,n),b,n),n); */

/* d at L2 holds the row at b of x at L1 */
/*@ predicate IsRow{L1,L2}(double *d, ELEMENT *x, integer b, integer n) =
      \forall integer k; 0 <= k < n ==> \at(d[k],L2) == VALUE(\at(x[b+k],L1)); */
/*@ lemma Sum_row{L1,L2}: \forall double *d, ELEMENT *x, integer b, n;
      IsRow{L1,L2}(d,x,b,n) ==> Sum{L2}(d,n) == RowSum{L1}(x,b,n); */
/*@ lemma Ssd_row{L1,L2}: \forall double *d, ELEMENT *x, real c, integer b, n;
      IsRow{L1,L2}(d,x,b,n) ==> Ssd{L2}(d,c,n) == RowSsd{L1}(x,c,b,n); */
/*@ lemma RowSum_frame{L1,L2}: \forall ELEMENT *x, integer b, n;
      (\forall integer k; 0 <= k < n ==> \at(x[b+k],L1) == \at(x[b+k],L2)) ==> RowSum{L1}(x,b,n) == RowSum{L2}(x,b,n); */
/*@ lemma RowSsd_frame{L1,L2}: \forall ELEMENT *x, real c, integer b, n;
      (\forall integer k; 0 <= k < n ==> \at(x[b+k],L1) == \at(x[b+k],L2)) ==> RowSsd{L1}(x,c,b,n) == RowSsd{L2}(x,c,b,n); */

#ifdef NARROW
/*@ predicate StoredRow{L1,L2}(double *d, ELEMENT *y, integer b, integer n) =
      \forall integer k; 0 <= k < n ==> VALUE(\at(y[b+k],L1)) == ROUNDED(\at(d[k],L2)); */
#endif

/* Strides of 1, read without At. */
/*@ predicate AffineRow{L1,L2}(double *d, PARAM *gamma, PARAM *beta, integer n) = \forall integer k; 0 <= k < n ==>
      \at(d[k],L2) == Affine(\at(d[k],L1),Par{L1}(gamma,k,1.0),Par{L1}(beta,k,0.0)); */
/*@ lemma affine_row{L1,L2}: \forall double *d, PARAM *gamma, *beta, integer n;
      Affined{L1,L2}(d,0,gamma,beta,0,1,n) ==> AffineRow{L1,L2}(d,gamma,beta,n); */
/*@ lemma gathered_row{L}: \forall double *d, ELEMENT *x, integer b, n; Gathered(d,0,x,b,1,n) ==> IsRow{L,L}(d,x,b,n); */
/*@ lemma scattered_row{L}: \forall double *d, ELEMENT *y, integer b, n; Scattered(y,b,1,d,0,n) ==> STORED_ROW{L,L}(d,y,b,n); */
