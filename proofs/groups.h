/* SPDX-License-Identifier: Apache-2.0
   Sums over a group of a tensor of ELEMENT, run by run, and what a normalised group is. Included once per element type. b, so and o
   are the first position, the outer stride and the number of runs; s and n the inner stride and a run's length. */
/*@ axiomatic Run_Sum {
      logic real RunSum{L}(ELEMENT *x, integer b, integer s, integer n) reads x[..];
      axiom RunSum_0{L}: \forall ELEMENT *x, integer b, s, n; n <= 0 ==> RunSum(x,b,s,n) == 0.0;
      axiom RunSum_S{L}: \forall ELEMENT *x, integer b, s, n, m; n >= 0 && m == n+1 ==>
        RunSum(x,b,s,m) == RunSum(x,b,s,n) + VALUE(x[At(b,n,s)]);
    } */
/*@ axiomatic Run_Ssd {
      logic real RunSsd{L}(ELEMENT *x, real c, integer b, integer s, integer n) reads x[..];
      axiom RunSsd_0{L}: \forall ELEMENT *x, real c, integer b, s, n; n <= 0 ==> RunSsd(x,c,b,s,n) == 0.0;
      axiom RunSsd_S{L}: \forall ELEMENT *x, real c, integer b, s, n, m; n >= 0 && m == n+1 ==>
        RunSsd(x,c,b,s,m) == RunSsd(x,c,b,s,n) + Sd(VALUE(x[At(b,n,s)]),c);
    } */
/*@ axiomatic Group_Sum {
      logic real GroupSum{L}(ELEMENT *x, integer b, integer so, integer o, integer s, integer n) reads x[..];
      axiom GroupSum_0{L}: \forall ELEMENT *x, integer b, so, o, s, n; o <= 0 ==> GroupSum(x,b,so,o,s,n) == 0.0;
      axiom GroupSum_S{L}: \forall ELEMENT *x, integer b, so, o, q, s, n; o >= 0 && q == o+1 ==>
        GroupSum(x,b,so,q,s,n) == GroupSum(x,b,so,o,s,n) + RunSum(x,At(b,o,so),s,n);
    } */
/*@ axiomatic Group_Ssd {
      logic real GroupSsd{L}(ELEMENT *x, real c, integer b, integer so, integer o, integer s, integer n) reads x[..];
      axiom GroupSsd_0{L}: \forall ELEMENT *x, real c, integer b, so, o, s, n; o <= 0 ==> GroupSsd(x,c,b,so,o,s,n) == 0.0;
      axiom GroupSsd_S{L}: \forall ELEMENT *x, real c, integer b, so, o, q, s, n; o >= 0 && q == o+1 ==>
        GroupSsd(x,c,b,so,q,s,n) == GroupSsd(x,c,b,so,o,s,n) + RunSsd(x,c,At(b,o,so),s,n);
    } */
/*@ logic real MeanAt{L}(ELEMENT *x, integer b, integer so, integer o, integer s, integer n) =
      Quot(GroupSum(x,b,so,o,s,n),At(0,o,n)); */
/*@ logic real VarAt{L}(ELEMENT *x, integer b, integer so, integer o, integer s, integer n) =
      Quot(GroupSsd(x,MeanAt(x,b,so,o,s,n),b,so,o,s,n),At(0,o,n)); */
/*@ logic real GroupMean{L}(ELEMENT *x, struct group g) =
      MeanAt(x,g.base,g.stride_outer,g.n_outer,g.stride_inner,g.n_inner); */
/*@ logic real GroupVar{L}(ELEMENT *x, struct group g) =
      VarAt(x,g.base,g.stride_outer,g.n_outer,g.stride_inner,g.n_inner); */

/* the same elements at L1 and L2 */
/*@ predicate SameRun{L1,L2}(ELEMENT *x, integer b, integer s, integer n) =
      \forall integer i; 0 <= i < n ==> \at(x[At(b,i,s)],L1) == \at(x[At(b,i,s)],L2); */
/*@ predicate SameGroup{L1,L2}(ELEMENT *x, integer b, integer so, integer o, integer s, integer n) =
      \forall integer q; 0 <= q < o ==> SameRun{L1,L2}(x,At(b,q,so),s,n); */
/*@ lemma run_sum_frame{L1,L2}: \forall ELEMENT *x, integer b, s, n;
      SameRun{L1,L2}(x,b,s,n) ==> RunSum{L1}(x,b,s,n) == RunSum{L2}(x,b,s,n); */
/*@ lemma run_ssd_frame{L1,L2}: \forall ELEMENT *x, real k, integer b, s, n;
      SameRun{L1,L2}(x,b,s,n) ==> RunSsd{L1}(x,k,b,s,n) == RunSsd{L2}(x,k,b,s,n); */
/*@ lemma group_sum_same{L1,L2}: \forall ELEMENT *x, integer b, so, o, s, n;
      (\forall integer q; 0 <= q < o ==> RunSum{L1}(x,At(b,q,so),s,n) == RunSum{L2}(x,At(b,q,so),s,n)) ==>
      GroupSum{L1}(x,b,so,o,s,n) == GroupSum{L2}(x,b,so,o,s,n); */
/*@ lemma group_ssd_same{L1,L2}: \forall ELEMENT *x, real k, integer b, so, o, s, n;
      (\forall integer q; 0 <= q < o ==> RunSsd{L1}(x,k,At(b,q,so),s,n) == RunSsd{L2}(x,k,At(b,q,so),s,n)) ==>
      GroupSsd{L1}(x,k,b,so,o,s,n) == GroupSsd{L2}(x,k,b,so,o,s,n); */
/*@ lemma group_sum_frame{L1,L2}: \forall ELEMENT *x, integer b, so, o, s, n;
      SameGroup{L1,L2}(x,b,so,o,s,n) ==> GroupSum{L1}(x,b,so,o,s,n) == GroupSum{L2}(x,b,so,o,s,n); */
/*@ lemma group_ssd_frame{L1,L2}: \forall ELEMENT *x, real k, integer b, so, o, s, n;
      SameGroup{L1,L2}(x,b,so,o,s,n) ==> GroupSsd{L1}(x,k,b,so,o,s,n) == GroupSsd{L2}(x,k,b,so,o,s,n); */

/* d at L2 holds, from c on, the run at b of x at L1; and the runs of a group one after another. A hypothesis of an induction is
   written out: under a predicate's name the prover does not find it. */
/*@ predicate IsRun{L1,L2}(double *d, integer c, ELEMENT *x, integer b, integer s, integer n) =
      \forall integer i; 0 <= i < n ==> \at(d[c+i],L2) == VALUE(\at(x[At(b,i,s)],L1)); */
/*@ predicate IsGroup{L1,L2}(double *d, ELEMENT *x, integer b, integer so, integer o, integer s, integer n) =
      \forall integer q; 0 <= q < o ==> IsRun{L1,L2}(d,At(0,q,n),x,At(b,q,so),s,n); */
/*@ lemma sum_run_by_induction{L1,L2}: \forall double *d, ELEMENT *x, integer c, b, s, n; 0 <= c ==>
      (\forall integer i; 0 <= i < n ==> \at(d[c+i],L2) == VALUE(\at(x[At(b,i,s)],L1))) ==> 0 <= n ==>
      Sum{L2}(d,n+c) - Sum{L2}(d,c) == RunSum{L1}(x,b,s,n); */
/*@ lemma sum_run{L1,L2}: \forall double *d, ELEMENT *x, integer c, b, s, n, m; IsRun{L1,L2}(d,c,x,b,s,n) ==>
      0 <= c ==> 0 <= n ==> m == n+c ==> Sum{L2}(d,m) == Sum{L2}(d,c) + RunSum{L1}(x,b,s,n); */
/*@ lemma sum_group_step{L1,L2}: \forall double *d, ELEMENT *x, integer b, so, o, p, q, s, n; 0 <= n ==> 0 <= o < p ==>
      q == o+1 ==> IsGroup{L1,L2}(d,x,b,so,p,s,n) ==>
      Sum{L2}(d,At(0,q,n)) == Sum{L2}(d,At(0,o,n)) + RunSum{L1}(x,At(b,o,so),s,n); */
/*@ lemma sum_group_by_induction{L1,L2}: \forall double *d, ELEMENT *x, integer b, so, o, s, n; 0 <= n ==> 0 <= o ==>
      (\forall integer q, p; 0 <= q < o ==> p == q+1 ==>
        Sum{L2}(d,At(0,p,n)) == Sum{L2}(d,At(0,q,n)) + RunSum{L1}(x,At(b,q,so),s,n)) ==>
      Sum{L2}(d,At(0,o,n)) == GroupSum{L1}(x,b,so,o,s,n); */
/*@ lemma sum_group_steps{L1,L2}: \forall double *d, ELEMENT *x, integer b, so, o, s, n; 0 <= n ==>
      IsGroup{L1,L2}(d,x,b,so,o,s,n) ==> \forall integer q, p; 0 <= q < o ==> p == q+1 ==>
        Sum{L2}(d,At(0,p,n)) == Sum{L2}(d,At(0,q,n)) + RunSum{L1}(x,At(b,q,so),s,n); */
/*@ lemma sum_group{L1,L2}: \forall double *d, ELEMENT *x, integer b, so, o, s, n; 0 <= n ==> 0 <= o ==>
      IsGroup{L1,L2}(d,x,b,so,o,s,n) ==> Sum{L2}(d,At(0,o,n)) == GroupSum{L1}(x,b,so,o,s,n); */
/*@ lemma ssd_run_by_induction{L1,L2}: \forall double *d, ELEMENT *x, real k, integer c, b, s, n; 0 <= c ==>
      (\forall integer i; 0 <= i < n ==> \at(d[c+i],L2) == VALUE(\at(x[At(b,i,s)],L1))) ==> 0 <= n ==>
      Ssd{L2}(d,k,n+c) - Ssd{L2}(d,k,c) == RunSsd{L1}(x,k,b,s,n); */
/*@ lemma ssd_run{L1,L2}: \forall double *d, ELEMENT *x, real k, integer c, b, s, n, m; IsRun{L1,L2}(d,c,x,b,s,n) ==>
      0 <= c ==> 0 <= n ==> m == n+c ==> Ssd{L2}(d,k,m) == Ssd{L2}(d,k,c) + RunSsd{L1}(x,k,b,s,n); */
/*@ lemma ssd_group_step{L1,L2}: \forall double *d, ELEMENT *x, real k, integer b, so, o, p, q, s, n; 0 <= n ==> 0 <= o < p ==>
      q == o+1 ==> IsGroup{L1,L2}(d,x,b,so,p,s,n) ==>
      Ssd{L2}(d,k,At(0,q,n)) == Ssd{L2}(d,k,At(0,o,n)) + RunSsd{L1}(x,k,At(b,o,so),s,n); */
/*@ lemma ssd_group_by_induction{L1,L2}: \forall double *d, ELEMENT *x, real k, integer b, so, o, s, n; 0 <= n ==> 0 <= o ==>
      (\forall integer q, p; 0 <= q < o ==> p == q+1 ==>
        Ssd{L2}(d,k,At(0,p,n)) == Ssd{L2}(d,k,At(0,q,n)) + RunSsd{L1}(x,k,At(b,q,so),s,n)) ==>
      Ssd{L2}(d,k,At(0,o,n)) == GroupSsd{L1}(x,k,b,so,o,s,n); */
/*@ lemma ssd_group{L1,L2}: \forall double *d, ELEMENT *x, real k, integer b, so, o, s, n; 0 <= n ==> 0 <= o ==>
      IsGroup{L1,L2}(d,x,b,so,o,s,n) ==> Ssd{L2}(d,k,At(0,o,n)) == GroupSsd{L1}(x,k,b,so,o,s,n); */
