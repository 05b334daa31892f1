/* SPDX-License-Identifier: Apache-2.0
   The kernels over contiguous doubles. This file is compiled once for each instruction-set level (levels.mk), LEVEL its
   name. Element j goes to lane j mod 16; the lanes are summed in their order. */
#include "doubles.h"
#include "lanes.h"
#include "sums.h"

#define NAMED(name) TYPE_NAME(name, LEVEL)

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

static double total(struct compensated a)
{
  double s[LANES], e[LANES], sum = 0.0, rest = 0.0;
  lanes_put(s, a.s);
  lanes_put(e, a.e);
  for (size_t j = 0; j < LANES; j++) {
    struct two r = two_sum(sum, s[j]);
    sum = r.s;
    rest += r.e + e[j];
  }
  return compensated(sum, rest);
}

INLINE struct compensated nothing(void) { return (struct compensated){lanes_all(0.0), lanes_all(0.0)}; }

INLINE lanes deviation(const double *d, lanes m, size_t some)
{
  return some < LANES ? lanes_keep(lanes_sub(lanes_load_some(d, some), m), some) : lanes_sub(lanes_load(d), m);
}

double NAMED(opt_doubles_sum)(const double *d, size_t n, double m)
{
  const lanes mean = lanes_all(m);
  struct compensated a = nothing();
  size_t j = 0;
  for (; n - j >= LANES; j += LANES) add(&a, deviation(d + j, mean, LANES));
  if (j < n) add(&a, deviation(d + j, mean, n - j));
  return total(a);
}

double NAMED(opt_doubles_squares)(const double *d, size_t n, double m)
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

double NAMED(opt_doubles_dot)(const double *g, const double *h, size_t n)
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
  .sum = NAMED(opt_doubles_sum),
  .squares = NAMED(opt_doubles_squares),
  .dot = NAMED(opt_doubles_dot),
  .normalise = NAMED(opt_doubles_normalise),
  .gradient = NAMED(opt_doubles_gradient),
};
