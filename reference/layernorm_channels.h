/* SPDX-License-Identifier: Apache-2.0
   LayerNorm over channels: its groups and doors. */
#ifndef NORMATIVE_LAYERNORM_CHANNELS_H
#define NORMATIVE_LAYERNORM_CHANNELS_H
#include "door.h"
#include "group.h"

/* Place r of n x c x s: every channel at place r mod s of sample r div s. */
/*@ requires size: 0 < c && 0 < s && 0 <= r && At(0,r/s,At(0,c,s)) + At(0,c,s) <= MAX;
    requires place: 0 <= At(0,r,c) && At(0,r,c) + c <= MAX;
    assigns \nothing;
    ensures ncs: layout != NORMATIVE_NSC ==> \result.base == At(r%s,r/s,At(0,c,s)) && \result.stride_inner == s;
    ensures nsc: layout == NORMATIVE_NSC ==> \result.base == At(0,r,c) && \result.stride_inner == 1;
    ensures one: \result.n_outer == 1 && \result.stride_outer == At(0,c,s) && \result.n_inner == c;
    ensures param: \result.param == 0 && \result.param_outer == 0 && \result.param_inner == 1; */
static inline struct group place_group(size_t r, size_t c, size_t s, normative_layout layout)
{
  struct group g = {.base = r / s * c * s + r % s, .n_outer = 1, .stride_outer = c * s, .n_inner = c, .stride_inner = s,
                    .param = 0, .param_outer = 0, .param_inner = 1};
  if (layout == NORMATIVE_NSC) {
    g.base = r * c;
    g.stride_inner = 1;
  }
  return g;
}

/*@ assigns \nothing;
    ensures eps: \result == NORMATIVE_OK ==> 0 <= eps;
    ensures size: \result == NORMATIVE_OK ==> c <= MAX_GROUP && Volume(n,c,s) <= MAX; */
normative_status door_layernorm_channels(const void *y, const double *mean, const double *rstd, const void *x,
                                         const void *gamma, const void *beta, size_t n, size_t c, size_t s,
                                         normative_layout layout, double eps, const double *work, size_t work_size,
                                         size_t size, size_t param_size);

/*@ assigns \nothing;
    ensures eps: \result == NORMATIVE_OK ==> 0 <= eps;
    ensures size: \result == NORMATIVE_OK ==> c <= MAX_GROUP && Volume(n,c,s) <= MAX;
    ensures pair: \result == NORMATIVE_OK ==> (mean == \null <==> rstd == \null); */
normative_status door_layernorm_channels_backward(const void *dx, const void *dgamma, const void *dbeta, const void *dy,
                                                  const void *x, const void *gamma, const double *mean,
                                                  const double *rstd, size_t n, size_t c, size_t s,
                                                  normative_layout layout, double eps, const double *work,
                                                  size_t work_size, size_t size, size_t param_size);
#endif
