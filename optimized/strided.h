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
#endif
