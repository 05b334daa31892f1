/* SPDX-License-Identifier: Apache-2.0
   GroupNorm's doors and scratch memory. */
#include "groupnorm.h"
#include "arguments.h"

/* Channels in a group; 0 if there is no such number of groups. */
/*@ assigns \nothing;
    ensures channels: \result != 0 ==> 0 < groups && c % groups == 0 && \result == c / groups;
    ensures all: 0 < groups ==> c % groups == 0 ==> \result == c / groups; */
static size_t channels(size_t c, size_t groups) { return groups && c % groups == 0 ? c / groups : 0; }

/*@ assigns \nothing;
    ensures work: 0 < groups ==> c % groups == 0 ==> At(0,c/groups,s) <= MAX_GROUP ==> \result == At(0,c/groups,s); */
size_t ref_groupnorm_work(size_t n, size_t c, size_t s, size_t groups)
{
  size_t k = channels(c, groups);
  (void)n;
  return product_fits(k, s, NORMATIVE_MAX_GROUP) ? k * s : 0;
}

/* xhat and dy of a group, and sum, rest and exponent (wide_core.h) of dgamma and dbeta of every channel. */
/*@ assigns \nothing; */
size_t ref_groupnorm_backward_work(size_t n, size_t c, size_t s, size_t groups)
{
  size_t m = ref_groupnorm_work(n, c, s, groups);
  return m && groups_fit(n, c, s, 1, m) ? 2 * m + 6 * c : 0;
}

/*@ assigns \nothing;
    ensures eps: \result.eps == 0 ==> 0 <= eps;
    ensures groups: \result.groups == 0 ==> 0 < groups && c % groups == 0;
    ensures size: \result.groups == 0 && \result.size == 0 ==> At(0,c/groups,s) <= MAX_GROUP && Volume(n,c,s) <= MAX; */
static struct faults faults(size_t n, size_t c, size_t s, size_t groups, normative_layout layout, double eps)
{
  struct faults f = {.eps = !eps_ok(eps),
                     .argument = !layout_ok(layout),
                     .groups = groups == 0 || c % groups != 0,
                     .size = !groups_fit(n, c, s, channels(c, groups), s),
                     .empty = n == 0 || c == 0 || s == 0};
  return f;
}

normative_status door_groupnorm(const void *y, const double *mean, const double *rstd, const void *x, const void *gamma,
                                const void *beta, size_t n, size_t c, size_t s, size_t groups, normative_layout layout,
                                double eps, const double *work, size_t work_size, size_t size, size_t param_size)
{
  return forward_fault(faults(n, c, s, groups, layout, eps), y, mean, rstd, n * groups, NULL, NULL, x, gamma, beta,
                       n * c * s, c, work, work_size, size, param_size);
}

normative_status door_groupnorm_backward(const void *dx, const void *dgamma, const void *dbeta, const void *dy,
                                         const void *x, const void *gamma, const double *mean, const double *rstd,
                                         size_t n, size_t c, size_t s, size_t groups, normative_layout layout,
                                         double eps, const double *work, size_t work_size, size_t size,
                                         size_t param_size)
{
  struct faults f = faults(n, c, s, groups, layout, eps);
  f.null = unpaired(mean, rstd);
  return backward_fault(f, dx, dgamma, dbeta, dy, x, gamma, mean, rstd, n * groups,
                        n * c * s, c, work, work_size, size, param_size);
}
