/* SPDX-License-Identifier: Apache-2.0
   The argument checks of every entry; door.h tells their order. */
#include "door.h"

#include <float.h>

/* A range of memory that one argument covers. */
struct span {
  const void *p;
  size_t bytes;
};

/*@ assigns \nothing; */
static struct span span(const void *p, size_t count, size_t size)
{
  struct span a = {p, p ? count * size : 0};
  return a;
}

/*@ assigns \nothing; */
static int meet(struct span a, struct span b)
{
  uintptr_t p = (uintptr_t)a.p, q = (uintptr_t)b.p;
  if (!a.bytes || !b.bytes) return 0;
  return p <= q ? q - p < a.bytes : p - q < b.bytes;
}

/* Does one of the first `outputs` of `total` spans overlap any other span? */
/*@ requires 0 <= outputs <= total <= 100 && \valid_read(a + (0..total-1));
    assigns \nothing; */
static int overlap(const struct span *a, int outputs, int total)
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
static int product_fits(size_t a, size_t b, size_t limit) { return a == 0 || b <= limit / a; }

/*@ assigns \nothing;
    ensures eps: \result != 0 ==> 0 <= eps; */
static int eps_ok(double eps) { return eps >= 0.0 && eps <= DBL_MAX; }

/*@ assigns \nothing; */
static int layout_ok(normative_layout layout) { return layout == NORMATIVE_NCS || layout == NORMATIVE_NSC; }

/* Momentum is a weight, or the batch's number t. */
/*@ assigns \nothing;
    ensures number: \result != 0 ==> rule == NORMATIVE_MOMENTUM_CUMULATIVE ==> 1 <= momentum; */
static int momentum_ok(double momentum, normative_momentum rule)
{
  if (rule == NORMATIVE_MOMENTUM_CUMULATIVE) return momentum >= 1.0 && momentum <= DBL_MAX;
  return momentum >= 0.0 && momentum <= 1.0;
}

/*@ assigns \nothing;
    ensures rule: \result != 0 ==> 1 <= rule <= 3; */
static int rule_ok(normative_momentum rule)
{
  return rule == NORMATIVE_MOMENTUM_NEW || rule == NORMATIVE_MOMENTUM_OLD || rule == NORMATIVE_MOMENTUM_CUMULATIVE;
}

/*@ assigns \nothing; */
static int estimator_ok(normative_estimator estimator)
{
  return estimator == NORMATIVE_UNBIASED || estimator == NORMATIVE_POPULATION;
}

/* rows x cols, a group being a row. */
/*@ assigns \nothing;
    ensures fits: \result != 0 ==> MatrixFits(rows,cols); */
static int matrix_fits(size_t rows, size_t cols)
{
  return cols <= NORMATIVE_MAX_GROUP && product_fits(rows, cols, NORMATIVE_MAX_TENSOR);
}

/* n x c x s, a group being a channel. */
/*@ assigns \nothing;
    ensures fits: \result != 0 ==> TensorFits(n,c,s); */
static int tensor_fits(size_t n, size_t c, size_t s)
{
  return product_fits(n, s, NORMATIVE_MAX_GROUP) && product_fits(n * s, c, NORMATIVE_MAX_TENSOR);
}

/* y may be x itself, dx may be dy: then the input asks for nothing of its own. */
/*@ assigns \nothing; */
static const void *unless_y(const void *x, const void *y) { return x == y ? NULL : x; }

normative_status door_layernorm(const void *y, const double *mean, const double *rstd, const void *x, const void *gamma,
                                const void *beta, size_t rows, size_t cols, double eps, const double *work,
                                size_t work_size, size_t size, size_t param_size)
{
  int empty = rows == 0 || cols == 0;
  if (!empty && (!x || !y || (work_size && !work))) return NORMATIVE_E_NULL;
  if (!eps_ok(eps)) return NORMATIVE_E_EPS;
  if (!matrix_fits(rows, cols)) return NORMATIVE_E_SIZE;
  if (empty) return NORMATIVE_OK;

  const struct span a[] = {span(y, rows * cols, size),      span(mean, rows, sizeof *mean),
                           span(rstd, rows, sizeof *rstd),  span(work, work_size, sizeof *work),
                           span(unless_y(x, y), rows * cols, size), span(gamma, cols, param_size),
                           span(beta, cols, param_size)};
  return overlap(a, 4, 7) ? NORMATIVE_E_OVERLAP : NORMATIVE_OK;
}

normative_status door_rmsnorm(const void *y, const double *rstd, const void *x, const void *gamma, const void *beta,
                              size_t rows, size_t cols, double eps, const double *work, size_t work_size, size_t size,
                              size_t param_size)
{
  return door_layernorm(y, NULL, rstd, x, gamma, beta, rows, cols, eps, work, work_size, size, param_size);
}

normative_status door_batchnorm(const void *y, const double *mean, const double *rstd, const double *running_mean,
                                const double *running_var, const void *x, const void *gamma, const void *beta, size_t n,
                                size_t c, size_t s, normative_layout layout, double eps, double momentum,
                                normative_momentum rule, normative_estimator estimator, const double *work,
                                size_t work_size, size_t size, size_t param_size)
{
  int empty = n == 0 || c == 0 || s == 0, running = running_mean || running_var;
  if (!empty && (!x || !y || (work_size && !work))) return NORMATIVE_E_NULL;
  if (running && (!running_mean || !running_var)) return NORMATIVE_E_NULL;
  if (!eps_ok(eps)) return NORMATIVE_E_EPS;
  if (!momentum_ok(momentum, rule)) return NORMATIVE_E_MOMENTUM;
  if (!layout_ok(layout) || !rule_ok(rule) || !estimator_ok(estimator)) return NORMATIVE_E_ARGUMENT;
  if (!tensor_fits(n, c, s)) return NORMATIVE_E_SIZE;
  if (empty) return running && c ? NORMATIVE_E_EMPTY : NORMATIVE_OK;

  const size_t count = n * s * c;
  const struct span a[] = {span(y, count, size),
                           span(mean, c, sizeof *mean),
                           span(rstd, c, sizeof *rstd),
                           span(running_mean, c, sizeof *running_mean),
                           span(running_var, c, sizeof *running_var),
                           span(work, work_size, sizeof *work),
                           span(unless_y(x, y), count, size),
                           span(gamma, c, param_size),
                           span(beta, c, param_size)};
  if (overlap(a, 6, 9)) return NORMATIVE_E_OVERLAP;
  return running && estimator == NORMATIVE_UNBIASED && n * s == 1 ? NORMATIVE_E_VARIANCE : NORMATIVE_OK;
}

normative_status door_batchnorm_eval(const void *y, const void *x, const void *gamma, const void *beta,
                                     const double *running_mean, const double *running_var, size_t n, size_t c, size_t s,
                                     normative_layout layout, double eps, const double *work, size_t work_size,
                                     size_t size, size_t param_size)
{
  int empty = n == 0 || c == 0 || s == 0;
  if (!empty && (!x || !y || !running_mean || !running_var || (work_size && !work))) return NORMATIVE_E_NULL;
  if (!eps_ok(eps)) return NORMATIVE_E_EPS;
  if (!layout_ok(layout)) return NORMATIVE_E_ARGUMENT;
  if (!tensor_fits(n, c, s)) return NORMATIVE_E_SIZE;
  if (empty) return NORMATIVE_OK;

  const size_t count = n * s * c;
  const struct span a[] = {span(y, count, size),
                           span(work, work_size, sizeof *work),
                           span(unless_y(x, y), count, size),
                           span(gamma, c, param_size),
                           span(beta, c, param_size),
                           span(running_mean, c, sizeof *running_mean),
                           span(running_var, c, sizeof *running_var)};
  return overlap(a, 2, 7) ? NORMATIVE_E_OVERLAP : NORMATIVE_OK;
}

/* rows x cols. */
/*@ assigns \nothing;
    ensures eps: \result == NORMATIVE_OK ==> 0 <= eps;
    ensures size: \result == NORMATIVE_OK ==> MatrixFits(rows,cols); */
static normative_status rows_backward(const void *dx, const void *dgamma, const void *dbeta, const void *dy, const void *x,
                                      const void *gamma, const double *mean, const double *rstd, size_t rows, size_t cols,
                                      double eps, const double *work, size_t work_size, size_t size, size_t param_size)
{
  int empty = rows == 0 || cols == 0;
  if (!empty && (!x || !dy || (work_size && !work))) return NORMATIVE_E_NULL;
  if (!eps_ok(eps)) return NORMATIVE_E_EPS;
  if (!matrix_fits(rows, cols)) return NORMATIVE_E_SIZE;
  if (empty) return NORMATIVE_OK;

  const struct span a[] = {span(dx, rows * cols, size),      span(dgamma, cols, param_size),
                           span(dbeta, cols, param_size),    span(work, work_size, sizeof *work),
                           span(unless_y(dy, dx), rows * cols, size), span(x, rows * cols, size),
                           span(gamma, cols, param_size),    span(mean, rows, sizeof *mean),
                           span(rstd, rows, sizeof *rstd)};
  return overlap(a, 4, 9) ? NORMATIVE_E_OVERLAP : NORMATIVE_OK;
}

normative_status door_layernorm_backward(const void *dx, const void *dgamma, const void *dbeta, const void *dy,
                                         const void *x, const void *gamma, const double *mean, const double *rstd,
                                         size_t rows, size_t cols, double eps, const double *work, size_t work_size,
                                         size_t size, size_t param_size)
{
  if ((mean || rstd) && (!mean || !rstd)) return NORMATIVE_E_NULL;
  return rows_backward(dx, dgamma, dbeta, dy, x, gamma, mean, rstd, rows, cols, eps, work, work_size, size, param_size);
}

normative_status door_rmsnorm_backward(const void *dx, const void *dgamma, const void *dbeta, const void *dy,
                                       const void *x, const void *gamma, const double *rstd, size_t rows, size_t cols,
                                       double eps, const double *work, size_t work_size, size_t size, size_t param_size)
{
  return rows_backward(dx, dgamma, dbeta, dy, x, gamma, NULL, rstd, rows, cols, eps, work, work_size, size, param_size);
}

/* n x c x s; a and b are the two statistics of each channel. */
/*@ assigns \nothing;
    ensures eps: \result == NORMATIVE_OK ==> 0 <= eps;
    ensures size: \result == NORMATIVE_OK ==> TensorFits(n,c,s); */
static normative_status channels_backward(const void *dx, const void *dgamma, const void *dbeta, const void *dy,
                                          const void *x, const void *gamma, const double *a, const double *b, size_t n,
                                          size_t c, size_t s, normative_layout layout, double eps, const double *work,
                                          size_t work_size, size_t size, size_t param_size)
{
  int empty = n == 0 || c == 0 || s == 0;
  if (!empty && (!x || !dy || (work_size && !work))) return NORMATIVE_E_NULL;
  if (!eps_ok(eps)) return NORMATIVE_E_EPS;
  if (!layout_ok(layout)) return NORMATIVE_E_ARGUMENT;
  if (!tensor_fits(n, c, s)) return NORMATIVE_E_SIZE;
  if (empty) return NORMATIVE_OK;

  const size_t count = n * s * c;
  const struct span all[] = {span(dx, count, size),        span(dgamma, c, param_size),
                             span(dbeta, c, param_size),   span(work, work_size, sizeof *work),
                             span(unless_y(dy, dx), count, size), span(x, count, size),
                             span(gamma, c, param_size),   span(a, c, sizeof *a),
                             span(b, c, sizeof *b)};
  return overlap(all, 4, 9) ? NORMATIVE_E_OVERLAP : NORMATIVE_OK;
}

normative_status door_batchnorm_backward(const void *dx, const void *dgamma, const void *dbeta, const void *dy,
                                         const void *x, const void *gamma, const double *mean, const double *rstd,
                                         size_t n, size_t c, size_t s, normative_layout layout, double eps,
                                         const double *work, size_t work_size, size_t size, size_t param_size)
{
  if ((mean || rstd) && (!mean || !rstd)) return NORMATIVE_E_NULL;
  return channels_backward(dx, dgamma, dbeta, dy, x, gamma, mean, rstd, n, c, s, layout, eps, work, work_size, size,
                           param_size);
}

normative_status door_batchnorm_eval_backward(const void *dx, const void *dgamma, const void *dbeta, const void *dy,
                                              const void *x, const void *gamma, const double *running_mean,
                                              const double *running_var, size_t n, size_t c, size_t s,
                                              normative_layout layout, double eps, const double *work, size_t work_size,
                                              size_t size, size_t param_size)
{
  int empty = n == 0 || c == 0 || s == 0;
  if (!empty && (!running_mean || !running_var)) return NORMATIVE_E_NULL;
  return channels_backward(dx, dgamma, dbeta, dy, x, gamma, running_mean, running_var, n, c, s, layout, eps, work, work_size,
                           size, param_size);
}
