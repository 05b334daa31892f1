/* SPDX-License-Identifier: Apache-2.0
   InstanceNorm's doors and scratch memory. */
#include "instancenorm.h"
#include "arguments.h"
#include "wide_core.h"

void add_estimate(struct estimates *all, struct wide m, struct wide c, struct wide var)
{
  all->mean = summed(summed(all->mean, m), c);
  all->var = summed(all->var, var);
}

void save_estimates(double *running_mean, double *running_var, size_t k, struct estimates all, size_t n, size_t m,
                    double momentum, normative_momentum rule, normative_estimator estimator)
{
  const struct wide samples = widen((double)n), none = widen(0.0);
  const struct wide_statistics t = {divided(total(all.mean), samples), none, divided(total(all.var), samples), none};
  wide_save_running(running_mean, running_var, k, t, m, momentum, rule, estimator);
}

/*@ assigns \nothing;
    ensures work: \result == s; */
size_t ref_instancenorm_work(size_t n, size_t c, size_t s)
{
  (void)n;
  (void)c;
  return s;
}

/* xhat and dy of a group, and sum, rest and exponent (wide_core.h) of dgamma and dbeta of every channel. */
/*@ assigns \nothing; */
size_t ref_instancenorm_backward_work(size_t n, size_t c, size_t s)
{
  return groups_fit(n, c, s, 1, s) ? 2 * s + 6 * c : 0;
}

/*@ assigns \nothing;
    ensures eps: \result.eps == 0 ==> 0 <= eps;
    ensures size: \result.size == 0 ==> s <= MAX_GROUP && Volume(n,c,s) <= MAX;
    ensures empty: \result.empty == 0 ==> 0 < n && 0 < c && 0 < s; */
static struct faults faults(size_t n, size_t c, size_t s, normative_layout layout, double eps)
{
  struct faults f = {.eps = !eps_ok(eps),
                     .argument = !layout_ok(layout),
                     .size = !groups_fit(n, c, s, 1, s),
                     .empty = n == 0 || c == 0 || s == 0};
  return f;
}

normative_status door_instancenorm(const void *y, const double *mean, const double *rstd, const double *running_mean,
                                   const double *running_var, const void *x, const void *gamma, const void *beta,
                                   size_t n, size_t c, size_t s, normative_layout layout, double eps, double momentum,
                                   normative_momentum rule, normative_estimator estimator, const double *work,
                                   size_t work_size, size_t size, size_t param_size)
{
  const int running = running_mean && c;
  struct faults f = faults(n, c, s, layout, eps);
  f.null = unpaired(running_mean, running_var);
  f.momentum = !momentum_ok(momentum, rule);
  f.argument = f.argument || !rule_ok(rule) || !estimator_ok(estimator);
  f.variance = running && estimator == NORMATIVE_UNBIASED && s == 1;
  f.update = running && f.empty;
  return forward_fault(f, y, mean, rstd, n * c, running_mean, running_var, x, gamma, beta, n * c * s, c, work,
                       work_size, size, param_size);
}

normative_status door_instancenorm_backward(const void *dx, const void *dgamma, const void *dbeta, const void *dy,
                                            const void *x, const void *gamma, const double *mean, const double *rstd,
                                            size_t n, size_t c, size_t s, normative_layout layout, double eps,
                                            const double *work, size_t work_size, size_t size, size_t param_size)
{
  struct faults f = faults(n, c, s, layout, eps);
  f.null = unpaired(mean, rstd);
  return backward_fault(f, dx, dgamma, dbeta, dy, x, gamma, mean, rstd, n * c, n * c * s, c,
                        work, work_size, size, param_size);
}
