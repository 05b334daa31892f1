/* SPDX-License-Identifier: Apache-2.0
   LayerNorm over channels: its doors and scratch memory. */
#include "layernorm_channels.h"
#include "arguments.h"

/*@ assigns \nothing;
    ensures work: \result == c; */
size_t ref_layernorm_channels_work(size_t n, size_t c, size_t s)
{
  (void)n;
  (void)s;
  return c;
}

/* xhat and dy of a group, and sum, rest and exponent (wide_core.h) of dgamma and dbeta of every channel. */
/*@ assigns \nothing; */
size_t ref_layernorm_channels_backward_work(size_t n, size_t c, size_t s)
{
  (void)n;
  (void)s;
  return c > NORMATIVE_MAX_GROUP ? 0 : 8 * c;
}

/*@ assigns \nothing;
    ensures eps: \result.eps == 0 ==> 0 <= eps;
    ensures size: \result.size == 0 ==> c <= MAX_GROUP && Volume(n,c,s) <= MAX; */
static struct faults faults(size_t n, size_t c, size_t s, normative_layout layout, double eps)
{
  struct faults f = {.eps = !eps_ok(eps),
                     .argument = !layout_ok(layout),
                     .size = !groups_fit(n, c, s, 1, c),
                     .empty = n == 0 || c == 0 || s == 0};
  return f;
}

normative_status door_layernorm_channels(const void *y, const double *mean, const double *rstd, const void *x,
                                         const void *gamma, const void *beta, size_t n, size_t c, size_t s,
                                         normative_layout layout, double eps, const double *work, size_t work_size,
                                         size_t size, size_t param_size)
{
  return forward_fault(faults(n, c, s, layout, eps), y, mean, rstd, n * s, NULL, NULL, x, gamma, beta, n * c * s, c,
                       work, work_size, size, param_size);
}

normative_status door_layernorm_channels_backward(const void *dx, const void *dgamma, const void *dbeta, const void *dy,
                                                  const void *x, const void *gamma, const double *mean,
                                                  const double *rstd, size_t n, size_t c, size_t s,
                                                  normative_layout layout, double eps, const double *work,
                                                  size_t work_size, size_t size, size_t param_size)
{
  struct faults f = faults(n, c, s, layout, eps);
  f.null = unpaired(mean, rstd);
  return backward_fault(f, dx, dgamma, dbeta, dy, x, gamma, mean, rstd, n * s, n * c * s, c,
                        work, work_size, size, param_size);
}
