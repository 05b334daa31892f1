/* SPDX-License-Identifier: Apache-2.0
   The doors of LayerNorm and RMSNorm of x + residual. */
#include "residual.h"
#include "arguments.h"

normative_status door_residual(const void *y, const void *sum, const double *mean, const double *rstd, const void *x,
                               const void *residual, const void *gamma, const void *beta, size_t rows, size_t cols,
                               double eps, const double *work, size_t work_size, size_t size, size_t param_size)
{
  const size_t count = rows * cols;
  const int empty = rows == 0 || cols == 0;
  const struct span a[] = {span(y, count, size),
                           span(sum, count, size),
                           span(mean, rows, sizeof *mean),
                           span(rstd, rows, sizeof *rstd),
                           span(work, work_size, sizeof *work),
                           span(unless_y(unless_y(x, y), sum), count, size),
                           span(unless_y(unless_y(residual, y), sum), count, size),
                           span(gamma, cols, param_size),
                           span(beta, cols, param_size)};
  const struct faults f = {.null = !empty && (!x || !residual || !y || (work_size && !work)),
                           .eps = !eps_ok(eps),
                           .size = cols > NORMATIVE_MAX_GROUP || !product_fits(rows, cols, NORMATIVE_MAX_TENSOR),
                           .empty = empty};
  return first_fault(f, a, 5, 9);
}
