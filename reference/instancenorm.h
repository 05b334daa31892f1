/* SPDX-License-Identifier: Apache-2.0
   InstanceNorm's groups and doors. */
#ifndef NORMATIVE_INSTANCENORM_H
#define NORMATIVE_INSTANCENORM_H
#include "door.h"
#include "group.h"
#include "wide.h"

/* Instance r of n x c x s: channel r mod c of sample r div c. */
/*@ requires size: 0 < c && 0 < s && TensorFits(1,c,s) && 0 <= r && At(0,r/c,At(0,c,s)) + At(0,c,s) <= MAX;
    assigns \nothing;
    ensures base: \result.base == At(Start(r%c,s,layout),r/c,At(0,c,s));
    ensures one: \result.n_outer == 1 && \result.stride_outer == At(0,c,s) && \result.n_inner == s &&
      \result.stride_inner == Stride(c,layout);
    ensures param: \result.param == r%c && \result.param_outer == 0 && \result.param_inner == 0; */
static inline struct group instance_group(size_t r, size_t c, size_t s, normative_layout layout)
{
  struct group g = channel_group(r % c, 1, c, s, layout);
  g.base += r / c * c * s;
  return g;
}

/* Sums over the samples of a channel, of their means and variances. */
struct estimates {
  struct wide_sum mean, var;
};
/*@ predicate Estimates(struct estimates a) =
      WholeSum(a.mean) && Wide(a.mean.c) == 0 && WholeSum(a.var) && Wide(a.var.c) == 0; */

/* The mean is m + c. */
/*@ requires all: \valid(all) && Estimates(*all);
    requires e: Whole(m.e) && Whole(c.e) && Whole(var.e);
    assigns *all;
    ensures all: Estimates(*all);
    ensures mean: Wide(all->mean.s) == Wide(\old(all->mean.s)) + Wide(m) + Wide(c);
    ensures var: Wide(all->var.s) == Wide(\old(all->var.s)) + Wide(var); */
void add_estimate(struct estimates *all, struct wide m, struct wide c, struct wide var);

/* Channel k, where running statistics are wanted: they take in the means over n samples of m elements (running.h). */
/*@ requires n: 0 < n;
    requires all: Estimates(all);
    requires running_mean: running_mean == \null || \valid(running_mean + k);
    requires running_var: running_mean == \null ||
      (\valid(running_var + k) && \separated(running_mean + k, running_var + k));
    requires rule: running_mean == \null || (RuleFits(momentum,rule) && EstimatorFits(m,estimator));
    assigns running_mean[k], running_var[k];
    ensures mean: running_mean != \null ==>
      running_mean[k] == Running(\old(running_mean[k]),Wide(all.mean.s) / n,momentum,rule);
    ensures var: running_mean != \null ==>
      running_var[k] == Running(\old(running_var[k]),Estimated(Wide(all.var.s) / n,m,estimator),momentum,rule); */
void save_estimates(double *running_mean, double *running_var, size_t k, struct estimates all, size_t n, size_t m,
                    double momentum, normative_momentum rule, normative_estimator estimator);

/*@ assigns \nothing;
    ensures eps: \result == NORMATIVE_OK ==> 0 <= eps;
    ensures size: \result == NORMATIVE_OK ==> s <= MAX_GROUP && Volume(n,c,s) <= MAX;
    ensures rule: \result == NORMATIVE_OK ==> RuleFits(momentum,rule);
    ensures pair: \result == NORMATIVE_OK ==> (running_mean == \null <==> running_var == \null);
    ensures estimator: \result == NORMATIVE_OK ==> running_mean != \null ==> 0 < c ==>
      0 < n && EstimatorFits(s,estimator); */
normative_status door_instancenorm(const void *y, const double *mean, const double *rstd, const double *running_mean,
                                   const double *running_var, const void *x, const void *gamma, const void *beta,
                                   size_t n, size_t c, size_t s, normative_layout layout, double eps, double momentum,
                                   normative_momentum rule, normative_estimator estimator, const double *work,
                                   size_t work_size, size_t size, size_t param_size);

/*@ assigns \nothing;
    ensures eps: \result == NORMATIVE_OK ==> 0 <= eps;
    ensures size: \result == NORMATIVE_OK ==> s <= MAX_GROUP && Volume(n,c,s) <= MAX;
    ensures pair: \result == NORMATIVE_OK ==> (mean == \null <==> rstd == \null); */
normative_status door_instancenorm_backward(const void *dx, const void *dgamma, const void *dbeta, const void *dy,
                                            const void *x, const void *gamma, const double *mean, const double *rstd,
                                            size_t n, size_t c, size_t s, normative_layout layout, double eps,
                                            const double *work, size_t work_size, size_t size, size_t param_size);
#endif
