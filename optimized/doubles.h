/* SPDX-License-Identifier: Apache-2.0
   The kernels over contiguous doubles: a group of a tensor of double, gathered. Sums are compensated lane by lane
   (sums.h), and so are the lanes' own. Once for every instruction-set level, with the same bits at each. */
#ifndef NORMATIVE_DOUBLES_H
#define NORMATIVE_DOUBLES_H
#include "kernels.h"
#include "sums.h"

struct doubles {
  /* Every number 0, or 2^-250 to 2^250; finite. */
  int (*ordinary)(const double *d, size_t n);
  int (*finite)(const double *d, size_t n);
  /* d <- x + r; whether a sum was rounded, or is not finite */
  int (*add)(double *d, const double *x, const double *r, size_t n);
  /* d <- (d - m) + what x + r, rounded to d, lost; where that is not finite, 0 */
  void (*shift)(double *d, const double *x, const double *r, size_t n, double m);
  /* sum (d - m), sum (d - m)^2, sum g h, each with what its roundings lost */
  struct two (*sum)(const double *d, size_t n, double m);
  struct two (*squares)(const double *d, size_t n, double m);
  struct two (*dot)(const double *g, const double *h, size_t n);
  /* sum[j] += g[j] h[j], or g[j] if h is NULL; rest[j] += what that loses */
  void (*accumulate)(double *sum, double *rest, const double *g, const double *h, size_t n);
  /* d <- xhat */
  void (*normalise)(double *d, size_t n, struct statistics t);
  /* d <- gamma d + beta; gamma and beta of every number, NULL: 1 and 0 */
  void (*affine)(double *d, size_t n, double gamma, double beta);
  void (*affine_row)(double *d, size_t n, const double *gamma, const double *beta);
  /* g <- rstd ((g - c1) - h c2) */
  void (*gradient)(double *g, const double *h, size_t n, double rstd, double c1, double c2);
  /* g <- dx, h being x (kernels.h) */
  void (*mixed)(double *g, const double *h, size_t n, const struct mixture *t);
};
#endif
