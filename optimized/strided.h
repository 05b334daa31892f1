/* SPDX-License-Identifier: Apache-2.0
   Groups that lie side by side, a channel in every column: layout nsc. */
#ifndef NORMATIVE_STRIDED_H
#define NORMATIVE_STRIDED_H
#include "kernels.h"

/* Columns that are done together: a kilobyte of every row. */
#define STRIP 256

struct strip {
  double m[STRIP], c[STRIP], var[STRIP], rstd[STRIP];
};

/* Statistics of every column of b, b.cols <= STRIP. */
void opt_strided_centred(struct strip *t, const float *x, struct block b, double eps, int threads);

/* y = gamma (x - mean) rstd + beta; gamma and beta, of b.cols, may be NULL. */
void opt_strided_apply(float *y, const float *x, struct block b, const struct strip *t, const float *gamma,
                       const float *beta, int threads);

/* sum dy and sum dy (x - mean) of every column into p; of t the mean is taken, m and c. */
void opt_strided_products(struct products *p, const float *dy, const float *x, struct block b, const struct strip *t,
                          int threads);

/* dx = scale dy - slope (x - mean) - shift, a line for every column. dx may be dy. */
void opt_strided_gradient(float *dx, const float *dy, const float *x, struct block b, const struct line *k, int threads);
#endif
