/* SPDX-License-Identifier: Apache-2.0
   Running statistics: how a batch enters them. */
#ifndef NORMATIVE_RUNNING_H
#define NORMATIVE_RUNNING_H
#include "normative.h"
#ifdef __FRAMAC__
#include "../proofs/running.h" /* Running, Estimated */
#endif

/* r takes in the batch's statistic b; momentum is a weight, or the batch's number t. */
/*@ requires rule: RuleFits(momentum,rule);
    assigns \nothing;
    ensures running: \result == Running(r,b,momentum,rule); */
static inline double running_update(double r, double b, double momentum, normative_momentum rule)
{
  switch (rule) {
  case NORMATIVE_MOMENTUM_NEW: return (1.0 - momentum) * r + momentum * b;
  case NORMATIVE_MOMENTUM_OLD: return momentum * r + (1.0 - momentum) * b;
  case NORMATIVE_MOMENTUM_CUMULATIVE: break;
  }
  return r * ((momentum - 1.0) / momentum) + b / momentum; /* r + (b - r)/t would lose a small b behind a large r */
}

/* m/(m-1) var, or var: the estimate of a population's variance that enters running_var. */
/*@ requires estimator: EstimatorFits(m,estimator);
    assigns \nothing;
    ensures estimate: \result == Estimated(var,m,estimator); */
static inline double estimated_variance(double var, size_t m, normative_estimator estimator)
{
  return estimator == NORMATIVE_UNBIASED ? var * (double)m / (double)(m - 1) : var;
}

/* Channel k, where running statistics are wanted: running_mean takes in mean, running_var takes in var. */
/*@ requires running_mean: running_mean == \null || \valid(running_mean + k);
    requires running_var: running_mean == \null || (\valid(running_var + k) && \separated(running_mean + k, running_var + k));
    requires rule: running_mean == \null || (RuleFits(momentum,rule) && EstimatorFits(m,estimator));
    assigns running_mean[k], running_var[k];
    ensures mean: running_mean != \null ==> running_mean[k] == Running(\old(running_mean[k]),mean,momentum,rule);
    ensures var: running_mean != \null ==>
      running_var[k] == Running(\old(running_var[k]),Estimated(var,m,estimator),momentum,rule); */
static inline void save_running(double *running_mean, double *running_var, size_t k, double mean, double var, size_t m,
                                double momentum, normative_momentum rule, normative_estimator estimator)
{
  if (!running_mean) return;
  running_mean[k] = running_update(running_mean[k], mean, momentum, rule);
  running_var[k] = running_update(running_var[k], estimated_variance(var, m, estimator), momentum, rule);
}
#endif
