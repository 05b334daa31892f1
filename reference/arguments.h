/* SPDX-License-Identifier: Apache-2.0
   What the doors are made of: a test of each argument, and the order of their statuses (door.h). */
#ifndef NORMATIVE_ARGUMENTS_H
#define NORMATIVE_ARGUMENTS_H
#include "door.h"

#include <float.h>

/* A range of memory that one argument covers. */
struct span {
  const void *p;
  size_t bytes;
};

/*@ assigns \nothing; */
static inline struct span span(const void *p, size_t count, size_t size)
{
  struct span a = {p, p ? count * size : 0};
  return a;
}

/*@ assigns \nothing; */
static inline int meet(struct span a, struct span b)
{
  uintptr_t p = (uintptr_t)a.p, q = (uintptr_t)b.p;
  if (!a.bytes || !b.bytes) return 0;
  return p <= q ? q - p < a.bytes : p - q < b.bytes;
}

/* Does one of the first `outputs` of `total` spans overlap any other span? */
/*@ requires 0 <= outputs <= total <= 100 && \valid_read(a + (0..total-1));
    assigns \nothing; */
static inline int overlap(const struct span *a, int outputs, int total)
{
  /*@ loop invariant i: 0 <= i <= outputs;
      loop assigns i;
      loop variant outputs - i; */
  for (int i = 0; i < outputs; i++)
    /*@ loop invariant j: i < j <= total;
        loop assigns j;
        loop variant total - j; */
    for (int j = i + 1; j < total; j++)
      if (meet(a[i], a[j])) return 1;
  return 0;
}

/*@ assigns \nothing;
    ensures fits: \result != 0 ==> At(0,a,b) <= limit; */
static inline int product_fits(size_t a, size_t b, size_t limit) { return a == 0 || b <= limit / a; }

/*@ assigns \nothing;
    ensures eps: \result != 0 ==> 0 <= eps; */
static inline int eps_ok(double eps) { return eps >= 0.0 && eps <= DBL_MAX; }

/*@ assigns \nothing; */
static inline int layout_ok(normative_layout layout) { return layout == NORMATIVE_NCS || layout == NORMATIVE_NSC; }

/* Momentum is a weight, or the batch's number t. */
/*@ assigns \nothing;
    ensures number: \result != 0 ==> rule == NORMATIVE_MOMENTUM_CUMULATIVE ==> 1 <= momentum; */
static inline int momentum_ok(double momentum, normative_momentum rule)
{
  if (rule == NORMATIVE_MOMENTUM_CUMULATIVE) return momentum >= 1.0 && momentum <= DBL_MAX;
  return momentum >= 0.0 && momentum <= 1.0;
}

/*@ assigns \nothing;
    ensures rule: \result != 0 ==> 1 <= rule <= 3; */
static inline int rule_ok(normative_momentum rule)
{
  return rule == NORMATIVE_MOMENTUM_NEW || rule == NORMATIVE_MOMENTUM_OLD || rule == NORMATIVE_MOMENTUM_CUMULATIVE;
}

/*@ assigns \nothing; */
static inline int estimator_ok(normative_estimator estimator)
{
  return estimator == NORMATIVE_UNBIASED || estimator == NORMATIVE_POPULATION;
}

/* y may be x itself, dx may be dy: then the input asks for nothing of its own. */
/*@ assigns \nothing; */
static inline const void *unless_y(const void *x, const void *y) { return x == y ? NULL : x; }

/* One of a pair without the other. */
/*@ assigns \nothing;
    ensures pair: \result == 0 ==> (a == \null <==> b == \null); */
static inline int unpaired(const double *a, const double *b) { return (a || b) && (!a || !b); }

/* n x c x s in groups of a b elements; scratch memory may take 64 bytes an element. */
/*@ assigns \nothing;
    ensures group: \result != 0 ==> At(0,a,b) <= MAX_GROUP;
    ensures volume: \result != 0 ==> Volume(n,c,s) <= MAX; */
static inline int groups_fit(size_t n, size_t c, size_t s, size_t a, size_t b)
{
  return product_fits(a, b, NORMATIVE_MAX_GROUP) && product_fits(n, s, NORMATIVE_MAX_TENSOR >> 2) &&
         product_fits(n * s, c, NORMATIVE_MAX_TENSOR >> 2);
}

/* What is wrong with a call, one field for each status, in their order; empty: a size is 0. */
struct faults {
  int null, eps, momentum, argument, groups, size, variance, update, empty;
};

/* The first status that holds. a: every argument in memory, the outputs and work first. */
/*@ requires 0 <= outputs <= total <= 100 && \valid_read(a + (0..total-1));
    assigns \nothing;
    ensures ok: \result == NORMATIVE_OK ==> f.null == 0 && f.eps == 0 && f.momentum == 0 && f.argument == 0 &&
      f.groups == 0 && f.size == 0 && f.variance == 0 && f.update == 0; */
static inline normative_status first_fault(struct faults f, const struct span *a, int outputs, int total)
{
  if (f.null) return NORMATIVE_E_NULL;
  if (f.eps) return NORMATIVE_E_EPS;
  if (f.momentum) return NORMATIVE_E_MOMENTUM;
  if (f.argument) return NORMATIVE_E_ARGUMENT;
  if (f.groups) return NORMATIVE_E_GROUPS;
  if (f.size) return NORMATIVE_E_SIZE;
  if (!f.empty && overlap(a, outputs, total)) return NORMATIVE_E_OVERLAP;
  if (f.variance) return NORMATIVE_E_VARIANCE;
  return f.update ? NORMATIVE_E_EMPTY : NORMATIVE_OK;
}

/* Forward and backward of a norm on `count` elements, its parameters having c entries, its mean and rstd `stats`. f
   holds what else is wrong: a missing required pointer is added here. */
/*@ assigns \nothing;
    ensures ok: \result == NORMATIVE_OK ==> f.null == 0 && f.eps == 0 && f.momentum == 0 && f.argument == 0 &&
      f.groups == 0 && f.size == 0 && f.variance == 0 && f.update == 0; */
normative_status forward_fault(struct faults f, const void *y, const double *mean, const double *rstd, size_t stats,
                               const double *running_mean, const double *running_var, const void *x, const void *gamma,
                               const void *beta, size_t count, size_t c, const double *work, size_t work_size,
                               size_t size, size_t param_size);
/*@ assigns \nothing;
    ensures ok: \result == NORMATIVE_OK ==> f.null == 0 && f.eps == 0 && f.momentum == 0 && f.argument == 0 &&
      f.groups == 0 && f.size == 0 && f.variance == 0 && f.update == 0; */
normative_status backward_fault(struct faults f, const void *dx, const void *dgamma, const void *dbeta, const void *dy,
                                const void *x, const void *gamma, const double *mean, const double *rstd, size_t stats,
                                size_t count, size_t c, const double *work, size_t work_size, size_t size,
                                size_t param_size);
#endif
