/* SPDX-License-Identifier: Apache-2.0
   The kernels over lanes. This file is compiled once for each instruction-set level (levels.mk), LEVEL its name.

   Orders of addition are fixed by the shape of the block alone: element j of a run goes to lane j mod 16, runs follow one
   another, the lanes are summed at the end in the order of lanes_sum. */
#include "kernels.h"
#include "lanes.h"

#define PASTE(a, b) a##_##b
#define EXPAND(a, b) PASTE(a, b)
#define NAMED(name) EXPAND(name, LEVEL)
#define TEXT(a) #a
#define NAME_OF(level) TEXT(level)

/* sum x. */
double NAMED(opt_sum)(const float *x, struct block b)
{
  lanes s = lanes_all(0.0);
  for (size_t i = 0; i < b.rows; i++, x += b.stride) {
    size_t j = 0;
    for (; b.cols - j >= LANES; j += LANES) s = lanes_add(s, lanes_load(x + j));
    if (j < b.cols) s = lanes_add(s, lanes_load_some(x + j, b.cols - j));
  }
  return lanes_sum(s);
}

/* sum x^2; the squares are exact. */
double NAMED(opt_squares)(const float *x, struct block b)
{
  lanes s = lanes_all(0.0);
  for (size_t i = 0; i < b.rows; i++, x += b.stride) {
    size_t j = 0;
    for (; b.cols - j >= LANES; j += LANES) s = lanes_add_exact_square(s, lanes_load(x + j));
    if (j < b.cols) s = lanes_add_exact_square(s, lanes_load_some(x + j, b.cols - j));
  }
  return lanes_sum(s);
}

/* sum (x - m), sum (x - m)^2. */
struct sums NAMED(opt_deviations)(const float *x, struct block b, double m)
{
  const lanes mean = lanes_all(m);
  lanes s = lanes_all(0.0), q = s;
  for (size_t i = 0; i < b.rows; i++, x += b.stride) {
    size_t j = 0;
    for (; b.cols - j >= LANES; j += LANES) {
      lanes d = lanes_sub(lanes_load(x + j), mean);
      s = lanes_add(s, d);
      q = lanes_add(q, lanes_mul(d, d));
    }
    if (j < b.cols) {
      lanes d = lanes_keep(lanes_sub(lanes_load_some(x + j, b.cols - j), mean), b.cols - j);
      s = lanes_add(s, d);
      q = lanes_add(q, lanes_mul(d, d));
    }
  }
  return (struct sums){lanes_sum(s), lanes_sum(q)};
}

/* gamma ((x - m) - c) rstd + beta. The mean is m + c: subtracting one after the other loses nothing of c. */
INLINE lanes lanes_affine(lanes x, lanes m, lanes c, lanes rstd, lanes gamma, lanes beta)
{
  lanes xhat = lanes_mul(lanes_sub(lanes_sub(x, m), c), rstd);
  return lanes_add(lanes_mul(xhat, gamma), beta);
}

/* One gamma, one beta. */
void NAMED(opt_apply)(float *y, const float *x, struct block b, struct statistics t, double gamma, double beta)
{
  const lanes m = lanes_all(t.m), c = lanes_all(t.c), r = lanes_all(t.rstd), g = lanes_all(gamma), h = lanes_all(beta);
  for (size_t i = 0; i < b.rows; i++, x += b.stride, y += b.stride) {
    size_t j = 0;
    for (; b.cols - j >= LANES; j += LANES) lanes_store(y + j, lanes_affine(lanes_load(x + j), m, c, r, g, h));
    if (j < b.cols)
      lanes_store_some(y + j, lanes_affine(lanes_load_some(x + j, b.cols - j), m, c, r, g, h), b.cols - j);
  }
}

INLINE lanes load_or(const float *p, size_t j, double otherwise)
{
  return p ? lanes_load(p + j) : lanes_all(otherwise);
}

INLINE lanes load_some_or(const float *p, size_t j, size_t n, double otherwise)
{
  return p ? lanes_load_some(p + j, n) : lanes_all(otherwise);
}

/* gamma[j], beta[j]. */
void NAMED(opt_apply_row)(float *y, const float *x, size_t n, struct statistics t, const float *gamma, const float *beta)
{
  const lanes m = lanes_all(t.m), c = lanes_all(t.c), r = lanes_all(t.rstd);
  size_t j = 0;
  for (; n - j >= LANES; j += LANES)
    lanes_store(y + j, lanes_affine(lanes_load(x + j), m, c, r, load_or(gamma, j, 1.0), load_or(beta, j, 0.0)));
  const size_t some = n - j;
  if (some)
    lanes_store_some(y + j,
                     lanes_affine(lanes_load_some(x + j, some), m, c, r, load_some_or(gamma, j, some, 1.0),
                            load_some_or(beta, j, some, 0.0)),
                     some);
}

/* Sixteen columns at a time stay in registers while the rows go by; `some` of them at the right edge. */
INLINE lanes load_columns(const float *x, size_t some) { return some < LANES ? lanes_load_some(x, some) : lanes_load(x); }

INLINE lanes get_columns(const double *d, size_t some)
{
  double t[LANES] = {0};
  if (some == LANES) return lanes_get(d);
  memcpy(t, d, some * sizeof *t);
  return lanes_get(t);
}

INLINE void add_columns(double *d, lanes s, size_t some)
{
  double t[LANES];
  lanes_put(t, s);
  for (size_t j = 0; j < some; j++) d[j] += t[j];
}

INLINE void sum_columns(double *s, const float *x, struct block b, size_t some)
{
  lanes t = lanes_all(0.0);
  for (size_t i = 0; i < b.rows; i++) t = lanes_add(t, load_columns(x + i * b.stride, some));
  add_columns(s, t, some);
}

/* s[j] += sum over rows of x. */
void NAMED(opt_column_sums)(double *s, const float *x, struct block b)
{
  size_t j = 0;
  for (; b.cols - j >= LANES; j += LANES) sum_columns(s + j, x + j, b, LANES);
  if (j < b.cols) sum_columns(s + j, x + j, b, b.cols - j);
}

INLINE void deviate_columns(double *d, double *q, const float *x, struct block b, const double *m, size_t some)
{
  const lanes mean = get_columns(m, some);
  lanes s = lanes_all(0.0), t = s;
  for (size_t i = 0; i < b.rows; i++) {
    lanes e = lanes_sub(load_columns(x + i * b.stride, some), mean);
    s = lanes_add(s, e);
    t = lanes_add(t, lanes_mul(e, e));
  }
  add_columns(d, s, some);
  add_columns(q, t, some);
}

/* d[j] += sum (x - m[j]), q[j] += sum (x - m[j])^2. */
void NAMED(opt_column_deviations)(double *d, double *q, const float *x, struct block b, const double *m)
{
  size_t j = 0;
  for (; b.cols - j >= LANES; j += LANES) deviate_columns(d + j, q + j, x + j, b, m + j, LANES);
  if (j < b.cols) deviate_columns(d + j, q + j, x + j, b, m + j, b.cols - j);
}

INLINE void apply_columns(float *y, const float *x, struct block b, struct columns k, size_t j, size_t some)
{
  const lanes m = get_columns(k.m + j, some), c = get_columns(k.c + j, some), r = get_columns(k.rstd + j, some);
  const lanes g = k.gamma ? load_columns(k.gamma + j, some) : lanes_all(1.0);
  const lanes h = k.beta ? load_columns(k.beta + j, some) : lanes_all(0.0);
  for (size_t i = 0; i < b.rows; i++) {
    lanes v = lanes_affine(load_columns(x + i * b.stride + j, some), m, c, r, g, h);
    if (some < LANES)
      lanes_store_some(y + i * b.stride + j, v, some);
    else
      lanes_store(y + i * b.stride + j, v);
  }
}

/* m[j], c[j], rstd[j], gamma[j], beta[j]. */
void NAMED(opt_column_apply)(float *y, const float *x, struct block b, struct columns k)
{
  size_t j = 0;
  for (; b.cols - j >= LANES; j += LANES) apply_columns(y, x, b, k, j, LANES);
  if (j < b.cols) apply_columns(y, x, b, k, j, b.cols - j);
}

const struct kernels NAMED(opt_kernels) = {
  .name = NAME_OF(LEVEL),
  .sum = NAMED(opt_sum),
  .squares = NAMED(opt_squares),
  .deviations = NAMED(opt_deviations),
  .apply = NAMED(opt_apply),
  .apply_row = NAMED(opt_apply_row),
  .column_sums = NAMED(opt_column_sums),
  .column_deviations = NAMED(opt_column_deviations),
  .column_apply = NAMED(opt_column_apply),
};
