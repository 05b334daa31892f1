/* SPDX-License-Identifier: Apache-2.0
   What running statistics become; opaque names in the way of ops.h. */
#ifndef PROOFS_RUNNING_H
#define PROOFS_RUNNING_H
#include "ops.h"
#define MOMENTUM_NEW 1        /* NORMATIVE_MOMENTUM_NEW */
#define MOMENTUM_OLD 2        /* NORMATIVE_MOMENTUM_OLD */
#define MOMENTUM_CUMULATIVE 3 /* NORMATIVE_MOMENTUM_CUMULATIVE */
#define UNBIASED 1            /* NORMATIVE_UNBIASED */
/*@ predicate RuleFits(real momentum, integer rule) =
      rule == MOMENTUM_NEW || rule == MOMENTUM_OLD || (rule == MOMENTUM_CUMULATIVE && 1 <= momentum); */
/*@ predicate EstimatorFits(integer m, integer estimator) = 1 <= m && (estimator == UNBIASED ==> 1 < m); */
#ifdef OPEN
/*@ logic real Cumulative(real r, real b, real t) = r*((t - 1.0)/t) + b/t; */ // == r + (b - r)/t: coq/Running.v
/*@ logic real Running(real r, real b, real momentum, integer rule) =
      rule == MOMENTUM_NEW ? (1.0 - momentum)*r + momentum*b :
      rule == MOMENTUM_OLD ? momentum*r + (1.0 - momentum)*b : Cumulative(r,b,momentum); */
/*@ logic real Estimated(real var, integer m, integer estimator) = estimator == UNBIASED ? var*m/(m-1) : var; */
#else
/*@ axiomatic OpaqueRunning {
      logic real Running(real r, real b, real momentum, integer rule);
      logic real Estimated(real var, integer m, integer estimator); } */
#endif
#endif
