/* SPDX-License-Identifier: Apache-2.0
   What the doors share. */
#include "arguments.h"

normative_status forward_fault(struct faults f, const void *y, const double *mean, const double *rstd, size_t stats,
                               const double *running_mean, const double *running_var, const void *x, const void *gamma,
                               const void *beta, size_t count, size_t c, const double *work, size_t work_size,
                               size_t size, size_t param_size)
{
  const struct span a[] = {span(y, count, size),
                           span(mean, stats, sizeof *mean),
                           span(rstd, stats, sizeof *rstd),
                           span(running_mean, c, sizeof *running_mean),
                           span(running_var, c, sizeof *running_var),
                           span(work, work_size, sizeof *work),
                           span(unless_y(x, y), count, size),
                           span(gamma, c, param_size),
                           span(beta, c, param_size)};
  f.null = f.null || (!f.empty && (!x || !y || (work_size && !work)));
  return first_fault(f, a, 6, 9);
}

normative_status backward_fault(struct faults f, const void *dx, const void *dgamma, const void *dbeta, const void *dy,
                                const void *x, const void *gamma, const double *mean, const double *rstd, size_t stats,
                                size_t count, size_t c, const double *work, size_t work_size, size_t size,
                                size_t param_size)
{
  const struct span a[] = {span(dx, count, size),
                           span(dgamma, c, param_size),
                           span(dbeta, c, param_size),
                           span(work, work_size, sizeof *work),
                           span(unless_y(dy, dx), count, size),
                           span(x, count, size),
                           span(gamma, c, param_size),
                           span(mean, stats, sizeof *mean),
                           span(rstd, stats, sizeof *rstd)};
  f.null = f.null || (!f.empty && (!x || !dy || (work_size && !work)));
  return first_fault(f, a, 4, 9);
}
