/* SPDX-License-Identifier: Apache-2.0
   The argument checks of every entry; door.h tells their order. */
#include "arguments.h"

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

/*@ assigns \nothing;
    ensures eps: \result.eps == 0 ==> 0 <= eps;
    ensures size: \result.size == 0 ==> MatrixFits(rows,cols); */
static struct faults row_faults(size_t rows, size_t cols, double eps)
{
  struct faults f = {.eps = !eps_ok(eps), .size = !matrix_fits(rows, cols), .empty = rows == 0 || cols == 0};
  return f;
}

/*@ assigns \nothing;
    ensures eps: \result.eps == 0 ==> 0 <= eps;
    ensures size: \result.size == 0 ==> TensorFits(n,c,s); */
static struct faults channel_faults(size_t n, size_t c, size_t s, normative_layout layout, double eps)
{
  struct faults f = {.eps = !eps_ok(eps),
                     .argument = !layout_ok(layout),
                     .size = !tensor_fits(n, c, s),
                     .empty = n == 0 || c == 0 || s == 0};
  return f;
}

normative_status door_layernorm(const void *y, const double *mean, const double *rstd, const void *x, const void *gamma,
                                const void *beta, size_t rows, size_t cols, double eps, const double *work,
                                size_t work_size, size_t size, size_t param_size)
{
  return forward_fault(row_faults(rows, cols, eps), y, mean, rstd, rows, NULL, NULL, x, gamma, beta, rows * cols, cols,
                       work, work_size, size, param_size);
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
  const int running = running_mean && c;
  struct faults f = channel_faults(n, c, s, layout, eps);
  f.null = unpaired(running_mean, running_var);
  f.momentum = !momentum_ok(momentum, rule);
  f.argument = f.argument || !rule_ok(rule) || !estimator_ok(estimator);
  f.variance = running && estimator == NORMATIVE_UNBIASED && n == 1 && s == 1;
  f.update = running && f.empty;
  return forward_fault(f, y, mean, rstd, c, running_mean, running_var, x, gamma, beta, n * s * c, c, work, work_size,
                       size, param_size);
}

normative_status door_batchnorm_eval(const void *y, const void *x, const void *gamma, const void *beta,
                                     const double *running_mean, const double *running_var, size_t n, size_t c, size_t s,
                                     normative_layout layout, double eps, const double *work, size_t work_size,
                                     size_t size, size_t param_size)
{
  const size_t count = n * s * c;
  const struct span a[] = {span(y, count, size),
                           span(work, work_size, sizeof *work),
                           span(unless_y(x, y), count, size),
                           span(gamma, c, param_size),
                           span(beta, c, param_size),
                           span(running_mean, c, sizeof *running_mean),
                           span(running_var, c, sizeof *running_var)};
  struct faults f = channel_faults(n, c, s, layout, eps);
  f.null = !f.empty && (!x || !y || !running_mean || !running_var || (work_size && !work));
  return first_fault(f, a, 2, 7);
}

normative_status door_layernorm_backward(const void *dx, const void *dgamma, const void *dbeta, const void *dy,
                                         const void *x, const void *gamma, const double *mean, const double *rstd,
                                         size_t rows, size_t cols, double eps, const double *work, size_t work_size,
                                         size_t size, size_t param_size)
{
  struct faults f = row_faults(rows, cols, eps);
  f.null = unpaired(mean, rstd);
  return backward_fault(f, dx, dgamma, dbeta, dy, x, gamma, mean, rstd, rows, rows * cols, cols, work, work_size, size,
                        param_size);
}

normative_status door_rmsnorm_backward(const void *dx, const void *dgamma, const void *dbeta, const void *dy,
                                       const void *x, const void *gamma, const double *rstd, size_t rows, size_t cols,
                                       double eps, const double *work, size_t work_size, size_t size, size_t param_size)
{
  return backward_fault(row_faults(rows, cols, eps), dx, dgamma, dbeta, dy, x, gamma, NULL, rstd, rows, rows * cols,
                        cols, work, work_size, size, param_size);
}

normative_status door_batchnorm_backward(const void *dx, const void *dgamma, const void *dbeta, const void *dy,
                                         const void *x, const void *gamma, const double *mean, const double *rstd,
                                         size_t n, size_t c, size_t s, normative_layout layout, double eps,
                                         const double *work, size_t work_size, size_t size, size_t param_size)
{
  struct faults f = channel_faults(n, c, s, layout, eps);
  f.null = unpaired(mean, rstd);
  return backward_fault(f, dx, dgamma, dbeta, dy, x, gamma, mean, rstd, c, n * s * c, c, work, work_size, size,
                        param_size);
}

normative_status door_batchnorm_eval_backward(const void *dx, const void *dgamma, const void *dbeta, const void *dy,
                                              const void *x, const void *gamma, const double *running_mean,
                                              const double *running_var, size_t n, size_t c, size_t s,
                                              normative_layout layout, double eps, const double *work, size_t work_size,
                                              size_t size, size_t param_size)
{
  struct faults f = channel_faults(n, c, s, layout, eps);
  f.null = !f.empty && (!running_mean || !running_var);
  return backward_fault(f, dx, dgamma, dbeta, dy, x, gamma, running_mean, running_var, c, n * s * c, c, work, work_size,
                        size, param_size);
}
