/* SPDX-License-Identifier: Apache-2.0
   GroupNorm's groups and doors. */
#ifndef NORMATIVE_GROUPNORM_H
#define NORMATIVE_GROUPNORM_H
#include "door.h"
#include "group.h"

/* Group r of n x c x s, where a sample has g = c/k groups of k channels: the k channels from (r mod g) k on of sample
   r div g. */
/*@ requires size: 0 < k <= c && 0 < s && At(0,r/(c/k),At(0,c,s)) + At(0,c,s) <= MAX;
    requires groups: At(0,c/k,k) == c;
    assigns \nothing;
    ensures ncs: layout != NORMATIVE_NSC ==>
      \result.base == At(At(0,r%(c/k),At(0,k,s)),r/(c/k),At(0,c,s)) && \result.n_outer == k &&
      \result.stride_outer == s && \result.n_inner == s && \result.stride_inner == 1 && \result.param_outer == 1 && \result.param_inner == 0;
    ensures nsc: layout == NORMATIVE_NSC ==> \result.base == At(At(0,r%(c/k),k),r/(c/k),At(0,c,s)) &&
      \result.n_outer == s && \result.stride_outer == c && \result.n_inner == k && \result.stride_inner == 1 &&
      \result.param_outer == 0 && \result.param_inner == 1;
    ensures param: \result.param == At(0,r%(c/k),k); */
static inline struct group channels_group(size_t r, size_t k, size_t c, size_t s, normative_layout layout)
{
  const size_t first = r % (c / k) * k, sample = r / (c / k) * c * s;
  if (layout == NORMATIVE_NSC) {
    struct group g = {.base = sample + first, .n_outer = s, .stride_outer = c, .n_inner = k, .stride_inner = 1,
                      .param = first, .param_outer = 0, .param_inner = 1};
    return g;
  }
  struct group g = {.base = sample + first * s, .n_outer = k, .stride_outer = s, .n_inner = s, .stride_inner = 1,
                    .param = first, .param_outer = 1, .param_inner = 0};
  return g;
}

/*@ assigns \nothing;
    ensures eps: \result == NORMATIVE_OK ==> 0 <= eps;
    ensures groups: \result == NORMATIVE_OK ==> 0 < groups && c % groups == 0;
    ensures size: \result == NORMATIVE_OK ==> At(0,c/groups,s) <= MAX_GROUP && Volume(n,c,s) <= MAX; */
normative_status door_groupnorm(const void *y, const double *mean, const double *rstd, const void *x, const void *gamma,
                                const void *beta, size_t n, size_t c, size_t s, size_t groups, normative_layout layout,
                                double eps, const double *work, size_t work_size, size_t size, size_t param_size);

/*@ assigns \nothing;
    ensures eps: \result == NORMATIVE_OK ==> 0 <= eps;
    ensures groups: \result == NORMATIVE_OK ==> 0 < groups && c % groups == 0;
    ensures size: \result == NORMATIVE_OK ==> At(0,c/groups,s) <= MAX_GROUP && Volume(n,c,s) <= MAX;
    ensures pair: \result == NORMATIVE_OK ==> (mean == \null <==> rstd == \null); */
normative_status door_groupnorm_backward(const void *dx, const void *dgamma, const void *dbeta, const void *dy,
                                         const void *x, const void *gamma, const double *mean, const double *rstd,
                                         size_t n, size_t c, size_t s, size_t groups, normative_layout layout,
                                         double eps, const double *work, size_t work_size, size_t size,
                                         size_t param_size);
#endif
