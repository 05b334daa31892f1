/* SPDX-License-Identifier: Apache-2.0
   What happens inside a group: the formulas of core.h and gradient.h, in wide arithmetic, so that whatever result fits a
   double is found. xhat may be beyond any double, so it is never stored: d and h stay x, and xhat is computed where it is
   used. For groups of doubles, and for evaluation in every type: running statistics are doubles. */
#ifndef NORMATIVE_WIDE_CORE_H
#define NORMATIVE_WIDE_CORE_H
#include "core.h"
#include "door.h"
#include "gradient.h"
#include "group.h"
#include "running.h"
#include "wide.h"

/* The mean of a group is m + c; rstd = 1/sqrt(var + eps). */
struct wide_statistics {
  struct wide m, c, var, rstd;
};
#ifdef __FRAMAC__
/*@ logic real wide_mean(struct wide_statistics s) = Wide(s.m) + Wide(s.c);
    logic real wide_var(struct wide_statistics s) = Wide(s.var);
    logic real wide_rstd(struct wide_statistics s) = Wide(s.rstd); */
/*@ predicate WholeStatistics(struct wide_statistics s) =
      Whole(s.m.e) && Whole(s.c.e) && Whole(s.var.e) && Whole(s.rstd.e); */
/*@ logic real WideXhat(real x, struct wide_statistics s) = Norm(x,wide_mean(s),wide_rstd(s)); */
#endif

/* Mean and population variance of x[0..n-1]. */
/*@ requires n: 0 < n;
    requires eps: 0 <= eps;
    requires x: \valid_read(x + (0..n-1));
    assigns \nothing;
    ensures e: WholeStatistics(\result);
    ensures mean: wide_mean(\result) == Mean(x,n);
    ensures var: wide_var(\result) == Var(x,n);
    ensures rstd: 0 < Var(x,n) + eps ==> wide_rstd(\result) == Rstd(Var(x,n),eps); */
struct wide_statistics wide_centred(const double *x, size_t n, double eps);

/* Mean 0, var the mean of x^2 (RMSNorm). */
/*@ requires n: 0 < n;
    requires eps: 0 <= eps;
    requires x: \valid_read(x + (0..n-1));
    assigns \nothing;
    ensures e: WholeStatistics(\result);
    ensures mean: wide_mean(\result) == 0.0;
    ensures var: wide_var(\result) == Quot(Ssd(x,0.0,n),n);
    ensures rstd: 0 < wide_var(\result) + eps ==> wide_rstd(\result) == Rstd(wide_var(\result),eps); */
struct wide_statistics wide_rms(const double *x, size_t n, double eps);

/* Mean and var given (evaluation). */
/*@ assigns \nothing;
    ensures e: WholeStatistics(\result);
    ensures mean: wide_mean(\result) == mean;
    ensures var: wide_var(\result) == var;
    ensures rstd: 0 < var + eps ==> wide_rstd(\result) == Rstd(var,eps); */
struct wide_statistics wide_given(double mean, double var, double eps);

/* Mean and rstd given (backward, from what forward saved). var is not known, and 0. */
/*@ assigns \nothing;
    ensures e: WholeStatistics(\result);
    ensures saved: wide_mean(\result) == mean && wide_rstd(\result) == rstd; */
struct wide_statistics wide_saved(double mean, double rstd);

/* What is saved of them. */
/*@ assigns \nothing;
    ensures mean: WholeStatistics(s) ==> \result == wide_mean(s); */
static inline double wide_mean(struct wide_statistics s) { return narrow(plus(s.m, s.c)); }
/*@ assigns \nothing;
    ensures var: WholeStatistics(s) ==> \result == wide_var(s); */
static inline double wide_var(struct wide_statistics s) { return narrow(s.var); }
/*@ assigns \nothing;
    ensures rstd: WholeStatistics(s) ==> \result == wide_rstd(s); */
static inline double wide_rstd(struct wide_statistics s) { return narrow(s.rstd); }

/* Channel k, where running statistics are wanted (running.h). */
/*@ requires running_mean: running_mean == \null || \valid(running_mean + k);
    requires running_var: running_mean == \null || (\valid(running_var + k) && \separated(running_mean + k, running_var + k));
    requires rule: running_mean == \null || (RuleFits(momentum,rule) && EstimatorFits(m,estimator));
    assigns running_mean[k], running_var[k];
    ensures mean: running_mean != \null ==> WholeStatistics(s) ==>
      running_mean[k] == Running(\old(running_mean[k]),wide_mean(s),momentum,rule);
    ensures var: running_mean != \null ==> WholeStatistics(s) ==>
      running_var[k] == Running(\old(running_var[k]),Estimated(wide_var(s),m,estimator),momentum,rule); */
void wide_save_running(double *running_mean, double *running_var, size_t k, struct wide_statistics s, size_t m,
                       double momentum, normative_momentum rule, normative_estimator estimator);

/* d <- gamma xhat + beta on a gathered group. */
/*@ requires group: Fits(g);
    requires d: \valid(d + (0..Len(g)-1));
    requires gamma: gamma == \null || \valid_read(gamma + (g.param..LastParam(g)));
    requires beta: beta == \null || \valid_read(beta + (g.param..LastParam(g)));
    requires sep: \separated(d + (0..Len(g)-1), gamma + (g.param..LastParam(g)));
    requires sep: \separated(d + (0..Len(g)-1), beta + (g.param..LastParam(g)));
    requires e: WholeStatistics(s);
    assigns d[0..Len(g)-1];
    ensures affined: \forall integer o, i; 0 <= o < g.n_outer ==> 0 <= i < g.n_inner ==>
      d[At(0,o,g.n_inner)+i] == Affine(WideXhat(\old(d[At(0,o,g.n_inner)+i]),s),
        gamma == \null ? 1.0 : \old(gamma[At(FirstParam(g,o),i,g.param_inner)]),
        beta == \null ? 0.0 : \old(beta[At(FirstParam(g,o),i,g.param_inner)])); */
void wide_apply(double *d, struct wide_statistics s, const double *gamma, const double *beta, struct group g);

/* d <- gamma xhat + beta, every element by itself (evaluation). */
/*@ requires d: \valid(d + (0..m-1));
    requires e: WholeStatistics(s);
    assigns d[0..m-1];
    ensures affined: \forall integer k; 0 <= k < m ==> d[k] == Affine(WideXhat(\old(d[k]),s),gamma,beta); */
void wide_evaluate(double *d, size_t m, struct wide_statistics s, double gamma, double beta);

/* Gradients of parameters. Entry p has come to (sum[p] + rest[p]) 2^(512 top[p]); rest lies n behind sum, top n behind
   rest. */
/*@ requires sum: \valid(sum + (0..3*n-1)) && rest == sum + n;
    assigns sum[0..3*n-1]; */
void wide_no_gradient(double *sum, double *rest, size_t n);

/* Adds the terms of a gathered group, each to the entry of its parameter: dy (dbeta), dy xhat (dgamma), x gathered. */
/*@ requires group: 0 < g.n_outer && 0 < g.n_inner && Len(g) <= MAX;
    requires param: g.param_outer <= MAX && g.param_inner <= MAX && LastParam(g) <= MAX;
    requires dy: \valid_read(dy + (0..Len(g)-1));
    requires sum: \valid(sum + (g.param..LastParam(g))) && \valid(rest + (g.param..LastParam(g)));
    requires top: \valid(rest + (rest-sum) + (g.param..LastParam(g)));
    assigns sum[g.param..LastParam(g)], rest[g.param..LastParam(g)], (rest + (rest-sum))[g.param..LastParam(g)]; */
void wide_add_dbeta(double *sum, double *rest, const double *dy, struct group g);
/*@ requires group: 0 < g.n_outer && 0 < g.n_inner && Len(g) <= MAX;
    requires param: g.param_outer <= MAX && g.param_inner <= MAX && LastParam(g) <= MAX;
    requires dy: \valid_read(dy + (0..Len(g)-1)) && \valid_read(x + (0..Len(g)-1));
    requires sum: \valid(sum + (g.param..LastParam(g))) && \valid(rest + (g.param..LastParam(g)));
    requires top: \valid(rest + (rest-sum) + (g.param..LastParam(g)));
    assigns sum[g.param..LastParam(g)], rest[g.param..LastParam(g)], (rest + (rest-sum))[g.param..LastParam(g)]; */
void wide_add_dgamma(double *sum, double *rest, const double *dy, const double *x, struct wide_statistics s,
                     struct group g);

/*@ logic real WideEntry{L}(double *sum, double *rest, integer p) =
      Scaled(sum[p] + rest[p],*(rest + (rest-sum) + p)); */
/*@ requires sum: \valid_read(sum + p) && \valid_read(rest + p) && \valid_read(rest + (rest-sum) + p);
    assigns \nothing;
    ensures entry: Whole(*(rest + (rest-sum) + p)) ==> \result == WideEntry(sum,rest,p); */
double wide_gradient_of(const double *sum, const double *rest, size_t p);

/* d <- dx of a gathered group, from dy in d and x: g = gamma dy,
     rstd (g - mean(g) - xhat mean(g xhat)); without mean(g) if not centred (RMSNorm). */
/*@ requires group: Fits(g) && m == Len(g);
    requires d: \valid(d + (0..m-1)) && \valid_read(x + (0..m-1)) && \separated(d + (0..m-1), x + (0..m-1));
    requires gamma: gamma == \null || \valid_read(gamma + (g.param..LastParam(g)));
    assigns d[0..m-1]; */
void wide_gradient(double *d, const double *x, struct wide_statistics s, const double *gamma, struct group g, size_t m,
                   int centred);
/* d <- dx = gamma d rstd: the statistics are constants (evaluation). */
/*@ requires d: \valid(d + (0..m-1));
    requires e: WholeStatistics(s);
    assigns d[0..m-1];
    ensures dx: \forall integer k; 0 <= k < m ==> d[k] == Mul(Mul(gamma,\old(d[k])),wide_rstd(s)); */
void wide_scaled_gradient(double *d, size_t m, struct wide_statistics s, double gamma);
#endif
