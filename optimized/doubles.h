/* SPDX-License-Identifier: Apache-2.0
   The kernels over contiguous doubles: a group of a tensor of double, gathered. Sums are compensated lane by lane
   (sums.h), and so are the lanes' own. Once for every instruction-set level, with the same bits at each. */
#ifndef NORMATIVE_DOUBLES_H
#define NORMATIVE_DOUBLES_H
#include "core.h"

struct doubles {
  /* sum (d - m), sum (d - m)^2, sum g h */
  double (*sum)(const double *d, size_t n, double m);
  double (*squares)(const double *d, size_t n, double m);
  double (*dot)(const double *g, const double *h, size_t n);
  /* d <- xhat */
  void (*normalise)(double *d, size_t n, struct statistics t);
  /* g <- rstd ((g - c1) - h c2) */
  void (*gradient)(double *g, const double *h, size_t n, double rstd, double c1, double c2);
};
#endif
