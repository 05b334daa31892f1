/* SPDX-License-Identifier: Apache-2.0
   SwitchableNorm: how large the terms are that its outputs are sums of, before they cancel. The largest is the scale s that
   errors are shown in (block.h).

     r      R (sum w'_k |v_k| + eps)/(V + eps), more than R only where a running variance is below 0
     away   sum w_k |mu_k - mu_b|, b the kind that weighs most: at most 2 sum w_k |x - mu_k|, whatever x
     p, q   r mean|g|, r^3 mean|g| (|x-M| + away) */
#ifndef SWITCH_SCALE_H
#define SWITCH_SCALE_H
#include "oracle.h"

struct switch_size { long double r, away, p, q; };
struct switch_scales {
  struct switch_size *of[3];                    /* of every (n,c), n, c; of the last two the means of p and q */
  long double *dgamma, dlambda[2][3];           /* of dgamma[c], dlambda_mean[k], dlambda_var[k] */
};

struct switch_scales *switch_scales_new(const struct normative_problem *p, const struct tensors *in, const struct truth *truth);
void switch_scales_free(struct switch_scales *s);
/* Of y, that |gamma| makes: r (|x-M| + away). */
long double switch_scale_y(const struct switch_scales *s, const struct truth *truth, size_t group, long double x);
/* Of dx: R g, and what its instance, layer and batch add; g = |gamma dy|. */
long double switch_scale_dx(const struct switch_scales *s, const struct normative_problem *p, const struct truth *truth,
                            size_t group, long double x, long double g);
#endif
