/* SPDX-License-Identifier: Apache-2.0
   Sums of the terms of one parameter: where they are 0, where they do not change, and what they are in the two shapes there are:
   one parameter for the whole group (BatchNorm), one for each element of a row (LayerNorm, RMSNorm). */
#ifndef PROOFS_PARAMS_H
#define PROOFS_PARAMS_H
#include "gradient.h"
/*@ lemma run_param_out{L}: \forall double *dy, *h, integer c, b, s, n, p;
      (\forall integer i; 0 <= i < n ==> At(b,i,s) != p) ==> RunParam(dy,h,c,b,s,n,p) == 0.0; */
/*@ lemma run_param_frame{L1,L2}: \forall double *dy, *h, integer c, b, s, n, p;
      (\forall integer k; c <= k < c+n ==> Term{L1}(dy,h,k) == Term{L2}(dy,h,k)) ==>
      RunParam{L1}(dy,h,c,b,s,n,p) == RunParam{L2}(dy,h,c,b,s,n,p); */
/*@ lemma run_param_unit{L}: \forall double *dy, *h, integer c, b, n, i;
      0 <= i < n ==> RunParam(dy,h,c,b,1,n,b+i) == Term(dy,h,c+i); */
/*@ lemma run_param_dbeta{L}: \forall double *dy, integer c, b, n, m; 0 <= c ==> 0 <= n ==> m == c+n ==>
      Sum(dy,m) == Sum(dy,c) + RunParam(dy,(double *)\null,c,b,0,n,b); */
/*@ lemma run_param_dgamma{L}: \forall double *dy, *h, integer c, b, n, m; h != \null ==> 0 <= c ==> 0 <= n ==> m == c+n ==>
      Dot(dy,h,m) == Dot(dy,h,c) + RunParam(dy,h,c,b,0,n,b); */
/*@ lemma group_param_step{L}: \forall double *dy, *h, struct group g, integer o, q; 0 <= o ==> q == o+1 ==>
      g.param_outer == 0 ==> g.param_inner == 0 ==> GroupParam(dy,h,g,q,g.param) ==
        GroupParam(dy,h,g,o,g.param) + RunParam(dy,h,At(0,o,g.n_inner),g.param,0,g.n_inner,g.param); */
/*@ lemma dbeta_step{L}: \forall double *dy, struct group g, integer o, q; 0 <= o ==> q == o+1 ==> 0 < g.n_inner ==>
      RunParam(dy,(double *)\null,At(0,o,g.n_inner),g.param,0,g.n_inner,g.param) ==
        Sum(dy,At(0,q,g.n_inner)) - Sum(dy,At(0,o,g.n_inner)); */
/*@ lemma dgamma_step{L}: \forall double *dy, *h, struct group g, integer o, q; h != \null ==> 0 <= o ==> q == o+1 ==>
      0 < g.n_inner ==> RunParam(dy,h,At(0,o,g.n_inner),g.param,0,g.n_inner,g.param) ==
        Dot(dy,h,At(0,q,g.n_inner)) - Dot(dy,h,At(0,o,g.n_inner)); */
/*@ lemma group_param_dbeta{L}: \forall double *dy, struct group g, integer o; 0 <= o ==> 0 < g.n_inner ==>
      g.param_outer == 0 ==> g.param_inner == 0 ==>
      GroupParam(dy,(double *)\null,g,o,g.param) == Sum(dy,At(0,o,g.n_inner)); */
/*@ lemma group_param_dgamma{L}: \forall double *dy, *h, struct group g, integer o; h != \null ==> 0 <= o ==> 0 < g.n_inner ==>
      g.param_outer == 0 ==> g.param_inner == 0 ==>
      GroupParam(dy,h,g,o,g.param) == Dot(dy,h,At(0,o,g.n_inner)); */
#endif
