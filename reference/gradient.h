/* SPDX-License-Identifier: Apache-2.0
   The core, backward: what happens inside a group. g = gamma dy and h = xhat are contiguous doubles. */
#ifndef NORMATIVE_GRADIENT_H
#define NORMATIVE_GRADIENT_H
#include "core.h"
#include "group.h"
#ifdef __FRAMAC__
#include "../proofs/gradient.h" /* MeanProduct, and the sums that are dgamma and dbeta */
#endif

/* g <- dx = rstd (g - mean(g) - h mean(g h)), in place: the norms that subtract their own mean. */
/*@ requires n: 0 < n;
    requires g: \valid(g + (0..n-1)) && \valid_read(h + (0..n-1)) && \separated(g + (0..n-1), h + (0..n-1));
    assigns g[0..n-1];
    ensures dx: \forall integer k; 0 <= k < n ==>
      g[k] == CentredDx(\old(g[k]),h[k],Mean{Pre}(g,n),MeanProduct{Pre}(g,h,n),rstd); */
void centred_gradient(double *g, const double *h, double rstd, size_t n);

/* g <- dx = rstd (g - h mean(g h)), in place: RMSNorm. */
/*@ requires n: 0 < n;
    requires g: \valid(g + (0..n-1)) && \valid_read(h + (0..n-1)) && \separated(g + (0..n-1), h + (0..n-1));
    assigns g[0..n-1];
    ensures dx: \forall integer k; 0 <= k < n ==> g[k] == RmsDx(\old(g[k]),h[k],MeanProduct{Pre}(g,h,n),rstd); */
void rms_gradient(double *g, const double *h, double rstd, size_t n);

/* sum[0..n-1] = rest[0..n-1] = 0 */
/*@ requires sum: \valid(sum + (0..n-1)) && \valid(rest + (0..n-1)) && \separated(sum + (0..n-1), rest + (0..n-1));
    assigns sum[0..n-1], rest[0..n-1];
    ensures zero: Zero(sum,0,n-1) && Zero(rest,0,n-1); */
void no_gradient(double *sum, double *rest, size_t n);

/* Gradients of parameters, summed over many groups; the sum of entry p is sum[p] + rest[p], rest what TwoSum keeps.
   Adds the terms of a gathered group, each to the entry of its parameter: dy (dbeta), dy h (dgamma). */
/*@ requires group: 0 < g.n_outer && 0 < g.n_inner && Len(g) <= MAX;
    requires param: g.param_outer <= MAX && g.param_inner <= MAX && LastParam(g) <= MAX;
    requires dy: \valid_read(dy + (0..Len(g)-1));
    requires sum: \valid(sum + (g.param..LastParam(g))) && \valid(rest + (g.param..LastParam(g)));
    requires sep: \separated(sum + (g.param..LastParam(g)), rest + (g.param..LastParam(g)), dy + (0..Len(g)-1));
    requires exact: Zero(rest,g.param,LastParam(g));
    assigns sum[g.param..LastParam(g)], rest[g.param..LastParam(g)];
    ensures sum: \forall integer p; g.param <= p <= LastParam(g) ==>
      sum[p] == \old(sum[p]) + GroupParam{Pre}(dy,\null,g,g.n_outer,p);
    ensures exact: Zero(rest,g.param,LastParam(g)); */
void add_dbeta(double *sum, double *rest, const double *dy, struct group g);
/*@ requires group: 0 < g.n_outer && 0 < g.n_inner && Len(g) <= MAX;
    requires param: g.param_outer <= MAX && g.param_inner <= MAX && LastParam(g) <= MAX;
    requires dy: \valid_read(dy + (0..Len(g)-1)) && \valid_read(h + (0..Len(g)-1));
    requires sum: \valid(sum + (g.param..LastParam(g))) && \valid(rest + (g.param..LastParam(g)));
    requires sep: \separated(sum + (g.param..LastParam(g)), rest + (g.param..LastParam(g)), dy + (0..Len(g)-1));
    requires sep: \separated(sum + (g.param..LastParam(g)), h + (0..Len(g)-1));
    requires sep: \separated(rest + (g.param..LastParam(g)), h + (0..Len(g)-1));
    requires exact: Zero(rest,g.param,LastParam(g));
    assigns sum[g.param..LastParam(g)], rest[g.param..LastParam(g)];
    ensures sum: \forall integer p; g.param <= p <= LastParam(g) ==>
      sum[p] == \old(sum[p]) + GroupParam{Pre}(dy,h,g,g.n_outer,p);
    ensures exact: Zero(rest,g.param,LastParam(g)); */
void add_dgamma(double *sum, double *rest, const double *dy, const double *h, struct group g);

/* What entry p has come to. */
/*@ requires sum: \valid_read(sum + p) && \valid_read(rest + p) && Zero(rest,p,p);
    assigns \nothing;
    ensures sum: \result == sum[p]; */
double gradient_of(const double *sum, const double *rest, size_t p);
#endif
