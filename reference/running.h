/* SPDX-License-Identifier: Apache-2.0
   Running statistics: how a batch enters them. */
#ifndef NORMATIVE_RUNNING_H
#define NORMATIVE_RUNNING_H
#include "normative.h"

/* r takes in the batch's statistic b; momentum is a weight, or the batch's number t. */
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
static inline double estimated_variance(double var, size_t m, normative_estimator estimator)
{
  return estimator == NORMATIVE_UNBIASED ? var * (double)m / (double)(m - 1) : var;
}
#endif
