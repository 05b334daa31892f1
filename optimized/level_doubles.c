/* SPDX-License-Identifier: Apache-2.0
   The kernels over contiguous doubles. This file is compiled once for each instruction-set level (levels.mk), LEVEL its
   name. Element j goes to lane j mod 16; the lanes are summed in their order. */
#include "doubles.h"
#include "lanes.h"
#include "sums.h"

#include <stdint.h>

#define NAMED(name) TYPE_NAME(name, LEVEL)

/* ---- element by element: loops that the compiler makes vectors of ---- */

/* 0, or of the bits, without the sign, `least` to `least + range`. */
INLINE int within(const double *d, size_t n, uint64_t least, uint64_t range)
{
  uint64_t strange = 0;
  for (size_t j = 0; j < n; j++) {
    uint64_t bits;
    memcpy(&bits, d + j, sizeof bits);
    bits <<= 1;
    strange |= (bits - least > range) & (bits != 0);
  }
  return !strange;
}

int NAMED(opt_doubles_ordinary)(const double *d, size_t n)
{
  return within(d, n, (uint64_t)(1023 - 250) << 53, (uint64_t)500 << 53);
}

int NAMED(opt_doubles_finite)(const double *d, size_t n) { return within(d, n, 0, ((uint64_t)2047 << 53) - 1); }

void NAMED(opt_doubles_affine)(double *d, size_t n, double gamma, double beta)
{
  for (size_t j = 0; j < n; j++) d[j] = affine(d[j], gamma, beta);
}

void NAMED(opt_doubles_affine_row)(double *restrict d, size_t n, const double *restrict gamma,
                                   const double *restrict beta)
{
  if (gamma && beta)
    for (size_t j = 0; j < n; j++) d[j] = affine(d[j], gamma[j], beta[j]);
  else if (gamma)
    for (size_t j = 0; j < n; j++) d[j] = affine(d[j], gamma[j], 0.0);
  else if (beta)
    for (size_t j = 0; j < n; j++) d[j] = affine(d[j], 1.0, beta[j]);
}

INLINE void accumulate(double *restrict sum, double *restrict rest, size_t j, double v)
{
  const struct two r = two_sum(sum[j], v);
  sum[j] = r.s;
  rest[j] += r.e;
}

void NAMED(opt_doubles_accumulate)(double *restrict sum, double *restrict rest, const double *restrict g,
                                   const double *restrict h, size_t n)
{
  if (h)
    for (size_t j = 0; j < n; j++) accumulate(sum, rest, j, g[j] * h[j]);
  else
    for (size_t j = 0; j < n; j++) accumulate(sum, rest, j, g[j]);
}

int NAMED(opt_doubles_add)(double *restrict d, const double *restrict x, const double *restrict r, size_t n)
{
  int lost = 0;
  for (size_t j = 0; j < n; j++) {
    const struct two t = two_sum(x[j], r[j]);
    d[j] = t.s;
    lost |= t.e != 0.0;
  }
  return lost;
}

void NAMED(opt_doubles_shift)(double *restrict d, const double *restrict x, const double *restrict r, size_t n,
                              double m)
{
  for (size_t j = 0; j < n; j++) {
    const double e = two_sum(x[j], r[j]).e;
    d[j] = (d[j] - m) + (e - e == 0.0 ? e : 0.0);
  }
}

void NAMED(opt_doubles_mixed)(double *restrict g, const double *restrict h, size_t n, const struct mixture *t)
{
  const struct mixture k = *t;
  for (size_t j = 0; j < n; j++) {
    double v = g[j] * k.scale + k.shift;
    v += ((h[j] - k.m[0]) - k.c[0]) * k.by[0];
    v += ((h[j] - k.m[1]) - k.c[1]) * k.by[1];
    v += ((h[j] - k.m[2]) - k.c[2]) * k.by[2];
    g[j] = v;
  }
}

/* ---- in lanes ---- */

struct compensated {
  lanes s, e; /* the sum, and what its roundings lost */
};

/* a grows by t (two_sum of sums.h). */
INLINE void add(struct compensated *a, lanes t)
{
  const lanes s = lanes_add(a->s, t), b = lanes_sub(s, a->s);
  a->e = lanes_add(a->e, lanes_add(lanes_sub(a->s, lanes_sub(s, b)), lanes_sub(t, b)));
  a->s = s;
}

/* The sum in a tree: lane j with j + 8, then j + 4, j + 2, j + 1. */
INLINE struct two total(struct compensated a)
{
  double s[LANES], e[LANES];
  lanes_put(s, a.s);
  lanes_put(e, a.e);
  for (size_t half = LANES / 2; half; half /= 2)
    for (size_t j = 0; j < half; j++) {
      const struct two r = two_sum(s[j], s[j + half]);
      s[j] = r.s;
      e[j] += e[j + half] + r.e;
    }
  return (struct two){s[0], e[0]};
}

INLINE struct compensated nothing(void) { return (struct compensated){lanes_all(0.0), lanes_all(0.0)}; }

INLINE lanes deviation(const double *d, lanes m, size_t some)
{
  return some < LANES ? lanes_keep(lanes_sub(lanes_load_some(d, some), m), some) : lanes_sub(lanes_load(d), m);
}

struct two NAMED(opt_doubles_sum)(const double *d, size_t n, double m)
{
  const lanes mean = lanes_all(m);
  struct compensated a = nothing();
  size_t j = 0;
  for (; n - j >= LANES; j += LANES) add(&a, deviation(d + j, mean, LANES));
  if (j < n) add(&a, deviation(d + j, mean, n - j));
  return total(a);
}

struct two NAMED(opt_doubles_squares)(const double *d, size_t n, double m)
{
  const lanes mean = lanes_all(m);
  struct compensated a = nothing();
  size_t j = 0;
  for (; n - j >= LANES; j += LANES) {
    const lanes e = deviation(d + j, mean, LANES);
    add(&a, lanes_mul(e, e));
  }
  if (j < n) {
    const lanes e = deviation(d + j, mean, n - j);
    add(&a, lanes_mul(e, e));
  }
  return total(a);
}

struct two NAMED(opt_doubles_dot)(const double *g, const double *h, size_t n)
{
  struct compensated a = nothing();
  size_t j = 0;
  for (; n - j >= LANES; j += LANES) add(&a, lanes_mul(lanes_load(g + j), lanes_load(h + j)));
  if (j < n) add(&a, lanes_mul(lanes_load_some(g + j, n - j), lanes_load_some(h + j, n - j)));
  return total(a);
}

INLINE lanes xhat(lanes d, lanes m, lanes c, lanes rstd) { return lanes_mul(lanes_sub(lanes_sub(d, m), c), rstd); }

void NAMED(opt_doubles_normalise)(double *d, size_t n, struct statistics t)
{
  const lanes m = lanes_all(t.m), c = lanes_all(t.c), rstd = lanes_all(t.rstd);
  size_t j = 0;
  for (; n - j >= LANES; j += LANES) lanes_store(d + j, xhat(lanes_load(d + j), m, c, rstd));
  if (j < n) lanes_store_some(d + j, xhat(lanes_load_some(d + j, n - j), m, c, rstd), n - j);
}

INLINE lanes slope(lanes g, lanes h, lanes rstd, lanes c1, lanes c2)
{
  return lanes_mul(rstd, lanes_sub(lanes_sub(g, c1), lanes_mul(h, c2)));
}

void NAMED(opt_doubles_gradient)(double *g, const double *h, size_t n, double rstd, double c1, double c2)
{
  const lanes r = lanes_all(rstd), a = lanes_all(c1), b = lanes_all(c2);
  size_t j = 0;
  for (; n - j >= LANES; j += LANES) lanes_store(g + j, slope(lanes_load(g + j), lanes_load(h + j), r, a, b));
  if (j < n)
    lanes_store_some(g + j, slope(lanes_load_some(g + j, n - j), lanes_load_some(h + j, n - j), r, a, b), n - j);
}

const struct doubles NAMED(opt_doubles) = {
  .ordinary = NAMED(opt_doubles_ordinary),
  .finite = NAMED(opt_doubles_finite),
  .add = NAMED(opt_doubles_add),
  .shift = NAMED(opt_doubles_shift),
  .sum = NAMED(opt_doubles_sum),
  .squares = NAMED(opt_doubles_squares),
  .dot = NAMED(opt_doubles_dot),
  .accumulate = NAMED(opt_doubles_accumulate),
  .normalise = NAMED(opt_doubles_normalise),
  .affine = NAMED(opt_doubles_affine),
  .affine_row = NAMED(opt_doubles_affine_row),
  .gradient = NAMED(opt_doubles_gradient),
  .mixed = NAMED(opt_doubles_mixed),
};
