/* SPDX-License-Identifier: Apache-2.0
   From partial sums to statistics. */
#ifndef NORMATIVE_REDUCE_H
#define NORMATIVE_REDUCE_H
#include "kernels.h"
#include "sums.h"

#include <math.h>

/* 0, or 2^-250 to 2^250: no square or product of two such numbers is anything but a normal double. */
static inline int opt_ordinary_number(double v) { return v == 0.0 || (fabs(v) >= 0x1p-250 && fabs(v) <= 0x1p250); }

/* The sum of a[0], a[stride], ..., a[(n-1) stride], neighbours first: (0+1)+(2+3) and so on. Overwrites them. */
static inline double opt_tree_sum(double *a, size_t n, size_t stride)
{
  for (size_t step = 1; step < n; step *= 2)
    for (size_t i = 0; i + step < n; i += 2 * step) a[i * stride] += a[(i + step) * stride];
  return a[0];
}

/* The mean, rounded to the type of the data. So x - mu is exact for all x near it, with so few bits that the squares
   of 16-bit data and most sums of them are exact, too; a constant group is exactly its mean, whatever its length; and
   |mean - mu| is at most the standard deviation, for no x is nearer to the mean than mu. */
static inline double opt_centre(double sum, double m) { return LOAD(STORE(sum / m)); }

/* mean = mu + c, c = sum d / m;  var = (sum d^2 - (sum d)^2/m)/m, d = x - mu: what the rounding of mu spoiled is put
   right (Chan, Golub, LeVeque 1983, eq. 1.7). */
static inline struct statistics opt_corrected(double mu, struct sums s, double m, double eps)
{
  double v = (s.q - s.d * s.d / m) / m;
  struct statistics t = given_statistics(mu, v < 0.0 ? 0.0 : v, eps);
  t.c = s.d / m;
  return t;
}

/* The mean of a[0], a[stride], ..., a[(n-1) stride]. */
static inline double opt_strided_mean(const double *a, size_t n, size_t stride)
{
  double s = 0.0, c = 0.0;
  for (size_t i = 0; i < n; i++) {
    struct two r = two_sum(s, a[i * stride]);
    s = r.s;
    c += r.e;
  }
  return over(compensated(s, c), n);
}

/* sum g (x - mean), the mean m + c, from sums about m. |c| is at most the standard deviation, so little is lost; and 0
   times infinity must not spoil what is infinite. */
static inline struct products opt_about_mean(struct products p, double c)
{
  if (c != 0.0) p.h -= c * p.g;
  return p;
}

/* dx = rstd (g - c1 - xhat c2), c1 = mean(g) (0 unless centred), c2 = mean(g xhat), as a line; g = gamma times the dy
   or gamma dy that p summed about the mean. A gradient that is not finite spoils the whole group, and no infinity of it
   may come out as one: then shift is NaN. */
static inline struct line opt_line(struct statistics t, double gamma, struct products p, double m, int centred)
{
  double c1 = centred ? gamma * (p.g / m) : 0.0, c2 = gamma * (t.rstd * (p.h / m)), spoiled = (c1 - c1) + (c2 - c2);
  struct line k = {t.m, t.c, gamma * t.rstd, t.rstd * (t.rstd * c2), t.rstd * c1 + spoiled};
  return k;
}
#endif
