/* SPDX-License-Identifier: Apache-2.0
   Groups of contiguous runs: a row (LayerNorm, RMSNorm), or a channel in layout ncs. */
#ifndef NORMATIVE_CONTIGUOUS_H
#define NORMATIVE_CONTIGUOUS_H
#include "kernels.h"

/* Statistics of the group x, as centred_statistics and rms_statistics of core.h, with sums in another order. */
struct statistics opt_contiguous_centred(const float *x, struct block b, double eps, int threads);
struct statistics opt_contiguous_rms(const float *x, struct block b, double eps, int threads);

/* y = gamma (x - mean) rstd + beta, with one gamma and beta for the group. */
void opt_contiguous_apply(float *y, const float *x, struct block b, struct statistics t, double gamma, double beta,
                          int threads);

/* The same for a row of n, with gamma and beta for every element (NULL: 1 and 0). */
void opt_contiguous_apply_row(float *y, const float *x, size_t n, struct statistics t, const float *gamma,
                              const float *beta, int threads);

/* sum g and sum g (x - mean) of the group, g = gamma dy; gamma of every element of a row, or NULL: 1. */
struct products opt_contiguous_products(const float *dy, const float *x, const float *gamma, struct block b,
                                        struct statistics t, int threads);

/* The same about the group's own mean; its statistics into *t, with a pass less than opt_contiguous_centred before it. */
struct products opt_contiguous_centred_products(struct statistics *t, const float *dy, const float *x, const float *gamma,
                                                struct block b, double eps, int threads);

/* dx = scale dy - slope (x - mean) - shift. dx may be dy. */
void opt_contiguous_gradient(float *dx, const float *dy, const float *x, struct block b, struct line k, int threads);
#endif
