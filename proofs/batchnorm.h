/* SPDX-License-Identifier: Apache-2.0
   What BatchNorm computes, for tensors of ELEMENT: x, gamma and beta as at L1, the outputs at L2. First for any group, then channel k of
   n x c x s, whose element (o,k,i) is at Pos. Included once per element type. */
#include "groups.h"
#include "channels.h"
/*@ predicate XhatGroup{L1,L2}(double *d, ELEMENT *x, struct group g, real eps) =
      \forall integer o, i; 0 <= o < g.n_outer ==> 0 <= i < g.n_inner ==> \at(d[At(0,o,g.n_inner)+i],L2) ==
        XHAT(VALUE(\at(x[At(First(g,o),i,g.stride_inner)],L1)),GroupMean{L1}(x,g),Rstd(GroupVar{L1}(x,g),eps)); */
/*@ predicate AffineXhatGroup{L1,L2}(double *d, ELEMENT *x, PARAM *gamma, PARAM *beta, struct group g, real eps) =
      \forall integer o, i; 0 <= o < g.n_outer ==> 0 <= i < g.n_inner ==> \at(d[At(0,o,g.n_inner)+i],L2) ==
        Affine(Norm(VALUE(\at(x[At(First(g,o),i,g.stride_inner)],L1)),GroupMean{L1}(x,g),Rstd(GroupVar{L1}(x,g),eps)),
               Par{L1}(gamma,At(FirstParam(g,o),i,g.param_inner),1.0),Par{L1}(beta,At(FirstParam(g,o),i,g.param_inner),0.0)); */
/*@ predicate NormedGroup{L1,L2}(ELEMENT *y, ELEMENT *x, PARAM *gamma, PARAM *beta, struct group g, real eps) =
      \forall integer o, i; 0 <= o < g.n_outer ==> 0 <= i < g.n_inner ==> VALUE(\at(y[At(First(g,o),i,g.stride_inner)],L2)) ==
        ROUNDED(Affine(Norm(VALUE(\at(x[At(First(g,o),i,g.stride_inner)],L1)),GroupMean{L1}(x,g),Rstd(GroupVar{L1}(x,g),eps)),
          Par{L1}(gamma,At(FirstParam(g,o),i,g.param_inner),1.0),Par{L1}(beta,At(FirstParam(g,o),i,g.param_inner),0.0))); */

/*@ logic real ChannelMean{L}(ELEMENT *x, integer k, integer n, integer c, integer s, integer layout) =
      MeanAt(x,Start(k,s,layout),At(0,c,s),n,Stride(c,layout),s); */
/*@ logic real ChannelVar{L}(ELEMENT *x, integer k, integer n, integer c, integer s, integer layout) =
      VarAt(x,Start(k,s,layout),At(0,c,s),n,Stride(c,layout),s); */
/*@ predicate SameChannel{L1,L2}(ELEMENT *x, integer k, integer n, integer c, integer s, integer layout) =
      \forall integer o, i; 0 <= o < n ==> 0 <= i < s ==>
        \at(x[Pos(o,k,i,c,s,layout)],L1) == \at(x[Pos(o,k,i,c,s,layout)],L2); */
/*@ predicate NormedChannel{L1,L2}(ELEMENT *y, ELEMENT *x, PARAM *gamma, PARAM *beta, integer k, integer n, integer c,
                                   integer s, integer layout, real eps) =
      \forall integer o, i; 0 <= o < n ==> 0 <= i < s ==> VALUE(\at(y[Pos(o,k,i,c,s,layout)],L2)) ==
        ROUNDED(Affine(Norm(VALUE(\at(x[Pos(o,k,i,c,s,layout)],L1)),ChannelMean{L1}(x,k,n,c,s,layout),
                            Rstd(ChannelVar{L1}(x,k,n,c,s,layout),eps)),
                       Par{L1}(gamma,k,1.0),Par{L1}(beta,k,0.0))); */
/*@ lemma same_group{L1,L2}: \forall ELEMENT *x, struct group g, integer k, n, c, s, layout; ChannelGroup(g,k,n,c,s,layout) ==>
      SameChannel{L1,L2}(x,k,n,c,s,layout) ==> SameGroup{L1,L2}(x,g.base,g.stride_outer,g.n_outer,g.stride_inner,g.n_inner); */
/*@ lemma normed_channel{L1,L2}: \forall ELEMENT *y, *x, PARAM *gamma, *beta, struct group g, integer k, n, c, s, layout, real eps;
      ChannelGroup(g,k,n,c,s,layout) ==> NormedGroup{L1,L2}(y,x,gamma,beta,g,eps) ==>
      NormedChannel{L1,L2}(y,x,gamma,beta,k,n,c,s,layout,eps); */
/*@ predicate BatchNormY{L1,L2}(ELEMENT *y, ELEMENT *x, PARAM *gamma, PARAM *beta, integer channels, integer n, integer c,
                                integer s, integer layout, real eps) =
      \forall integer k; 0 <= k < channels ==> NormedChannel{L1,L2}(y,x,gamma,beta,k,n,c,s,layout,eps); */
/*@ predicate BatchNormMean{L1,L2}(double *mean, ELEMENT *x, integer channels, integer n, integer c, integer s, integer layout) =
      \forall integer k; 0 <= k < channels ==> \at(mean[k],L2) == ChannelMean{L1}(x,k,n,c,s,layout); */
/*@ predicate BatchNormRstd{L1,L2}(double *rstd, ELEMENT *x, integer channels, integer n, integer c, integer s, integer layout,
                                   real eps) =
      \forall integer k; 0 <= k < channels ==> \at(rstd[k],L2) == Rstd(ChannelVar{L1}(x,k,n,c,s,layout),eps); */
/*@ predicate RunningMean{L1,L2}(double *r, ELEMENT *x, integer channels, integer n, integer c, integer s, integer layout,
                                 real momentum, integer rule) =
      \forall integer k; 0 <= k < channels ==>
        \at(r[k],L2) == Running(\at(r[k],L1),ChannelMean{L1}(x,k,n,c,s,layout),momentum,rule); */
/*@ predicate RunningVar{L1,L2}(double *r, ELEMENT *x, integer channels, integer n, integer c, integer s, integer layout,
                                real momentum, integer rule, integer estimator) =
      \forall integer k; 0 <= k < channels ==> \at(r[k],L2) ==
        Running(\at(r[k],L1),Estimated(ChannelVar{L1}(x,k,n,c,s,layout),At(0,n,s),estimator),momentum,rule); */

/* Evaluation: mean and rstd are given, and so are gamma and beta. */
/*@ predicate GivenGroup{L1,L2}(ELEMENT *y, ELEMENT *x, struct group g, real mean, real rstd, real gamma, real beta) =
      \forall integer o, i; 0 <= o < g.n_outer ==> 0 <= i < g.n_inner ==> VALUE(\at(y[At(First(g,o),i,g.stride_inner)],L2)) ==
        ROUNDED(Affine(Norm(VALUE(\at(x[At(First(g,o),i,g.stride_inner)],L1)),mean,rstd),gamma,beta)); */
/*@ predicate GivenChannel{L1,L2}(ELEMENT *y, ELEMENT *x, PARAM *gamma, PARAM *beta, integer k, integer n, integer c,
                                  integer s, integer layout, real mean, real rstd) =
      \forall integer o, i; 0 <= o < n ==> 0 <= i < s ==> VALUE(\at(y[Pos(o,k,i,c,s,layout)],L2)) ==
        ROUNDED(Affine(Norm(VALUE(\at(x[Pos(o,k,i,c,s,layout)],L1)),mean,rstd),
                       Par{L1}(gamma,k,1.0),Par{L1}(beta,k,0.0))); */
/*@ lemma given_channel{L1,L2}: \forall ELEMENT *y, *x, PARAM *gamma, *beta, struct group g, integer k, n, c, s, layout,
      real mean, rstd; ChannelGroup(g,k,n,c,s,layout) ==>
      GivenGroup{L1,L2}(y,x,g,mean,rstd,Par{L1}(gamma,k,1.0),Par{L1}(beta,k,0.0)) ==>
      GivenChannel{L1,L2}(y,x,gamma,beta,k,n,c,s,layout,mean,rstd); */
/*@ predicate BatchNormEvalY{L1,L2}(ELEMENT *y, ELEMENT *x, PARAM *gamma, PARAM *beta, double *mean, double *var,
                                    integer channels, integer n, integer c, integer s, integer layout, real eps) =
      \forall integer k; 0 <= k < channels ==>
        GivenChannel{L1,L2}(y,x,gamma,beta,k,n,c,s,layout,\at(mean[k],L1),Rstd(\at(var[k],L1),eps)); */
