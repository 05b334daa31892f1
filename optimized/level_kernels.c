/* SPDX-License-Identifier: Apache-2.0
   The kernels over lanes. This file is compiled once for each instruction-set level (levels.mk), LEVEL its name, and
   each element type (type.h).

   Orders of addition are fixed by the shape of the block alone: element j of a run goes to lane j mod 16, runs follow
   one another, the lanes are summed at the end in the order of lanes_sum. */
#include "kernels.h"
#include "lanes.h"

#include <stdint.h>

#define NAMED(name) TYPED(TYPE_NAME(name, LEVEL))

/* sum x. */
double NAMED(opt_sum)(const ELEMENT *x, struct block b)
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
double NAMED(opt_squares)(const ELEMENT *x, struct block b)
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
struct sums NAMED(opt_deviations)(const ELEMENT *x, struct block b, double m)
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
void NAMED(opt_apply)(ELEMENT *y, const ELEMENT *x, struct block b, struct statistics t, double gamma, double beta)
{
  const lanes m = lanes_all(t.m), c = lanes_all(t.c), r = lanes_all(t.rstd), g = lanes_all(gamma), h = lanes_all(beta);
  for (size_t i = 0; i < b.rows; i++, x += b.stride, y += b.stride) {
    size_t j = 0;
    for (; b.cols - j >= LANES; j += LANES) lanes_store(y + j, lanes_affine(lanes_load(x + j), m, c, r, g, h));
    if (j < b.cols)
      lanes_store_some(y + j, lanes_affine(lanes_load_some(x + j, b.cols - j), m, c, r, g, h), b.cols - j);
  }
}

INLINE lanes load_or(const PARAM *p, size_t j, double otherwise)
{
  return p ? lanes_load_param(p + j) : lanes_all(otherwise);
}

INLINE lanes load_some_or(const PARAM *p, size_t j, size_t n, double otherwise)
{
  return p ? lanes_load_some_param(p + j, n) : lanes_all(otherwise);
}

/* gamma[j], beta[j]. */
void NAMED(opt_apply_row)(ELEMENT *y, const ELEMENT *x, size_t n, struct statistics t, const PARAM *gamma,
                          const PARAM *beta)
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
INLINE lanes load_columns(const ELEMENT *x, size_t some)
{
  return some < LANES ? lanes_load_some(x, some) : lanes_load(x);
}

INLINE lanes load_param_columns(const PARAM *p, size_t some)
{
  return some < LANES ? lanes_load_some_param(p, some) : lanes_load_param(p);
}

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

/* Row i of the block that follows, if one does: down the rows of a tile no hardware looks ahead. (batchnorm/backward/
   32x64x56x56, nsc, one thread: 6.5 GB/s without, 16 with; in the cache it costs a tenth.) */
INLINE void fetch_ahead(const ELEMENT *x, struct block b, size_t i)
{
  __builtin_prefetch((const void *)((uintptr_t)x + (i + b.rows) * b.stride * sizeof *x));
}

INLINE void sum_columns(double *s, const ELEMENT *x, struct block b, size_t some)
{
  lanes t = lanes_all(0.0);
  for (size_t i = 0; i < b.rows; i++) {
    fetch_ahead(x, b, i);
    t = lanes_add(t, load_columns(x + i * b.stride, some));
  }
  add_columns(s, t, some);
}

/* s[j] += sum over rows of x. */
void NAMED(opt_column_sums)(double *s, const ELEMENT *x, struct block b)
{
  size_t j = 0;
  for (; b.cols - j >= LANES; j += LANES) sum_columns(s + j, x + j, b, LANES);
  if (j < b.cols) sum_columns(s + j, x + j, b, b.cols - j);
}

INLINE void deviate_columns(double *d, double *q, const ELEMENT *x, struct block b, const double *m, size_t some)
{
  const lanes mean = get_columns(m, some);
  lanes s = lanes_all(0.0), t = s;
  for (size_t i = 0; i < b.rows; i++) {
    fetch_ahead(x, b, i);
    lanes e = lanes_sub(load_columns(x + i * b.stride, some), mean);
    s = lanes_add(s, e);
    t = lanes_add(t, lanes_mul(e, e));
  }
  add_columns(d, s, some);
  add_columns(q, t, some);
}

/* d[j] += sum (x - m[j]), q[j] += sum (x - m[j])^2. */
void NAMED(opt_column_deviations)(double *d, double *q, const ELEMENT *x, struct block b, const double *m)
{
  size_t j = 0;
  for (; b.cols - j >= LANES; j += LANES) deviate_columns(d + j, q + j, x + j, b, m + j, LANES);
  if (j < b.cols) deviate_columns(d + j, q + j, x + j, b, m + j, b.cols - j);
}

INLINE void store_columns(ELEMENT *y, lanes v, size_t some)
{
  if (some < LANES)
    lanes_store_some(y, v, some);
  else
    lanes_store(y, v);
}

INLINE void apply_columns(ELEMENT *y, const ELEMENT *x, struct block b, struct columns k, size_t j, size_t some,
                          int rows)
{
  const lanes m = get_columns(k.m + j, some), c = get_columns(k.c + j, some), r = get_columns(k.rstd + j, some);
  lanes g = !rows && k.gamma ? load_param_columns(k.gamma + j, some) : lanes_all(1.0);
  lanes h = !rows && k.beta ? load_param_columns(k.beta + j, some) : lanes_all(0.0);
  for (size_t i = 0; i < b.rows; i++) {
    fetch_ahead(x + j, b, i);
    if (rows && k.gamma) g = lanes_all(PLOAD(k.gamma[i]));
    if (rows && k.beta) h = lanes_all(PLOAD(k.beta[i]));
    store_columns(y + i * b.stride + j, lanes_affine(load_columns(x + i * b.stride + j, some), m, c, r, g, h), some);
  }
}

/* m[j], c[j], rstd[j], gamma[j], beta[j]. */
void NAMED(opt_column_apply)(ELEMENT *y, const ELEMENT *x, struct block b, struct columns k)
{
  size_t j = 0;
  for (; b.cols - j >= LANES; j += LANES) apply_columns(y, x, b, k, j, LANES, 0);
  if (j < b.cols) apply_columns(y, x, b, k, j, b.cols - j, 0);
}

/* m[j], c[j], rstd[j]; gamma[i], beta[i] of row i. */
void NAMED(opt_place_apply)(ELEMENT *y, const ELEMENT *x, struct block b, struct columns k)
{
  size_t j = 0;
  for (; b.cols - j >= LANES; j += LANES) apply_columns(y, x, b, k, j, LANES, 1);
  if (j < b.cols) apply_columns(y, x, b, k, j, b.cols - j, 1);
}

/* ---- backward ---- */

/* Up to sixteen elements of a group enter its sums. Of those that are not there, x - m is 0. */
INLINE void add_products(lanes *d, lanes *q, lanes *g, lanes *h, lanes dy, lanes x, lanes m, size_t some, int centred)
{
  lanes e = some < LANES ? lanes_keep(lanes_sub(x, m), some) : lanes_sub(x, m);
  if (centred) {
    *d = lanes_add(*d, e);
    *q = lanes_add(*q, lanes_mul(e, e));
  }
  *g = lanes_add(*g, dy);
  *h = lanes_add(*h, lanes_mul(dy, e));
}

INLINE lanes weighted(const ELEMENT *dy, const PARAM *gamma, size_t some)
{
  lanes g = load_columns(dy, some);
  return gamma ? lanes_mul(load_param_columns(gamma, some), g) : g;
}

INLINE struct products sum_products(struct sums *s, const ELEMENT *dy, const ELEMENT *x, const PARAM *gamma,
                                    struct block b, double m, int centred, int weights)
{
  const lanes mean = lanes_all(m);
  lanes d = lanes_all(0.0), q = d, g = d, h = d;
  for (size_t i = 0; i < b.rows; i++, x += b.stride, dy += b.stride) {
    size_t j = 0;
    for (; b.cols - j >= LANES; j += LANES)
      add_products(&d, &q, &g, &h, weighted(dy + j, weights ? gamma + j : NULL, LANES), lanes_load(x + j), mean, LANES,
                   centred);
    const size_t some = b.cols - j;
    if (some)
      add_products(&d, &q, &g, &h, weighted(dy + j, weights ? gamma + j : NULL, some), lanes_load_some(x + j, some),
                   mean, some, centred);
  }
  if (centred) *s = (struct sums){lanes_sum(d), lanes_sum(q)};
  return (struct products){lanes_sum(g), lanes_sum(h)};
}

/* sum g, sum g (x - m); sum (x - m), sum (x - m)^2 if s. */
struct products NAMED(opt_products)(struct sums *s, const ELEMENT *dy, const ELEMENT *x, const PARAM *gamma,
                                    struct block b, double m)
{
  if (s) return gamma ? sum_products(s, dy, x, gamma, b, m, 1, 1) : sum_products(s, dy, x, gamma, b, m, 1, 0);
  return gamma ? sum_products(s, dy, x, gamma, b, m, 0, 1) : sum_products(s, dy, x, gamma, b, m, 0, 0);
}

/* scale g - slope (x - m) - shift. */
INLINE lanes lanes_line(lanes g, lanes x, lanes m, lanes scale, lanes slope, lanes shift)
{
  return lanes_sub(lanes_sub(lanes_mul(g, scale), lanes_mul(lanes_sub(x, m), slope)), shift);
}

/* One line. */
void NAMED(opt_gradient)(ELEMENT *dx, const ELEMENT *dy, const ELEMENT *x, struct block b, struct line k)
{
  const lanes m = lanes_all(k.m), a = lanes_all(k.scale), s = lanes_all(k.slope), t = lanes_all(k.shift);
  for (size_t i = 0; i < b.rows; i++, x += b.stride, dy += b.stride, dx += b.stride) {
    size_t j = 0;
    for (; b.cols - j >= LANES; j += LANES)
      lanes_store(dx + j, lanes_line(lanes_load(dy + j), lanes_load(x + j), m, a, s, t));
    const size_t some = b.cols - j;
    if (some)
      lanes_store_some(dx + j, lanes_line(lanes_load_some(dy + j, some), lanes_load_some(x + j, some), m, a, s, t),
                       some);
  }
}

/* With v = dy scale and d = (x - m) - c:  dgamma += v d,  dx = (gamma v - d slope) - shift. */
INLINE void row_columns(ELEMENT *dx, double *dgamma, double *dbeta, const ELEMENT *dy, const ELEMENT *x,
                        const PARAM *gamma, struct block b, const struct line *k, size_t some)
{
  const lanes w = gamma ? load_param_columns(gamma, some) : lanes_all(1.0);
  lanes sg = lanes_all(0.0), sb = sg;
  for (size_t i = 0; i < b.rows; i++, k++) {
    lanes g = load_columns(dy + i * b.stride, some), v = lanes_mul(g, lanes_all(k->scale));
    lanes d = lanes_sub(lanes_sub(load_columns(x + i * b.stride, some), lanes_all(k->m)), lanes_all(k->c));
    sb = lanes_add(sb, g);
    sg = lanes_add(sg, lanes_mul(v, d));
    if (!dx) continue;
    lanes u = lanes_sub(lanes_mul(w, v), lanes_mul(d, lanes_all(k->slope)));
    store_columns(dx + i * b.stride, lanes_sub(u, lanes_all(k->shift)), some);
  }
  add_columns(dgamma, sg, some);
  add_columns(dbeta, sb, some);
}

/* A line for every row; gamma[j], dgamma[j], dbeta[j]. */
void NAMED(opt_row_gradients)(ELEMENT *dx, double *dgamma, double *dbeta, const ELEMENT *dy, const ELEMENT *x,
                              const PARAM *gamma, struct block b, const struct line *k)
{
  size_t j = 0;
  for (; b.cols - j >= LANES; j += LANES)
    row_columns(dx ? dx + j : NULL, dgamma + j, dbeta + j, dy + j, x + j, gamma ? gamma + j : NULL, b, k, LANES);
  if (j < b.cols)
    row_columns(dx ? dx + j : NULL, dgamma + j, dbeta + j, dy + j, x + j, gamma ? gamma + j : NULL, b, k, b.cols - j);
}

INLINE void multiply_columns(double *g, double *h, const ELEMENT *dy, const ELEMENT *x, const PARAM *gamma,
                             struct block b, const double *m, size_t some)
{
  const lanes mean = get_columns(m, some);
  lanes s = lanes_all(0.0), t = s;
  for (size_t i = 0; i < b.rows; i++) {
    fetch_ahead(dy, b, i);
    fetch_ahead(x, b, i);
    lanes v = load_columns(dy + i * b.stride, some);
    if (gamma) v = lanes_mul(v, lanes_all(PLOAD(gamma[i])));
    s = lanes_add(s, v);
    t = lanes_add(t, lanes_mul(v, lanes_sub(load_columns(x + i * b.stride, some), mean)));
  }
  add_columns(g, s, some);
  add_columns(h, t, some);
}

INLINE void column_products(double *g, double *h, const ELEMENT *dy, const ELEMENT *x, const PARAM *gamma,
                            struct block b, const double *m)
{
  size_t j = 0;
  for (; b.cols - j >= LANES; j += LANES) multiply_columns(g + j, h + j, dy + j, x + j, gamma, b, m + j, LANES);
  if (j < b.cols) multiply_columns(g + j, h + j, dy + j, x + j, gamma, b, m + j, b.cols - j);
}

/* g[j] += sum v, h[j] += sum v (x - m[j]), v = gamma[i] dy, or dy. */
void NAMED(opt_column_products)(double *g, double *h, const ELEMENT *dy, const ELEMENT *x, const PARAM *gamma,
                                struct block b, const double *m)
{
  if (gamma)
    column_products(g, h, dy, x, gamma, b, m);
  else
    column_products(g, h, dy, x, NULL, b, m);
}

INLINE void gradient_columns(ELEMENT *dx, const ELEMENT *dy, const ELEMENT *x, struct block b, struct lines k, size_t j,
                             size_t some)
{
  const lanes m = get_columns(k.m + j, some), a = get_columns(k.scale + j, some), s = get_columns(k.slope + j, some),
              t = get_columns(k.shift + j, some);
  for (size_t i = 0; i < b.rows; i++) {
    const size_t at = i * b.stride + j;
    fetch_ahead(dy + j, b, i);
    fetch_ahead(x + j, b, i);
    store_columns(dx + at, lanes_line(load_columns(dy + at, some), load_columns(x + at, some), m, a, s, t), some);
  }
}

/* A line for every column. */
void NAMED(opt_column_gradients)(ELEMENT *dx, const ELEMENT *dy, const ELEMENT *x, struct block b, struct lines k)
{
  size_t j = 0;
  for (; b.cols - j >= LANES; j += LANES) gradient_columns(dx, dy, x, b, k, j, LANES);
  if (j < b.cols) gradient_columns(dx, dy, x, b, k, j, b.cols - j);
}

/* Up to sixteen places of a row, w its gamma: dx = (w v - d slope) - shift, v = dy scale, d = x - m; what the places
   add to dgamma and dbeta of the row goes to *sg and *sb, of d = (x - m) - c. */
INLINE void place_columns(ELEMENT *dx, lanes *sg, lanes *sb, const ELEMENT *dy, const ELEMENT *x, lanes w,
                          struct lines k, size_t j, size_t some)
{
  const lanes g = load_columns(dy + j, some), v = lanes_mul(g, get_columns(k.scale + j, some));
  const lanes e = lanes_sub(load_columns(x + j, some), get_columns(k.m + j, some));
  const lanes d = lanes_sub(e, get_columns(k.c + j, some));
  *sb = lanes_add(*sb, g);
  *sg = lanes_add(*sg, lanes_mul(v, d));
  if (!dx) return;
  const lanes u = lanes_sub(lanes_mul(w, v), lanes_mul(e, get_columns(k.slope + j, some)));
  store_columns(dx + j, lanes_sub(u, get_columns(k.shift + j, some)), some);
}

/* A line for every column; gamma[i], dgamma[i], dbeta[i]. */
void NAMED(opt_place_gradients)(ELEMENT *dx, double *dgamma, double *dbeta, const ELEMENT *dy, const ELEMENT *x,
                                const PARAM *gamma, struct block b, struct lines k)
{
  for (size_t i = 0; i < b.rows; i++, x += b.stride, dy += b.stride) {
    const lanes w = lanes_all(gamma ? PLOAD(gamma[i]) : 1.0);
    lanes sg = lanes_all(0.0), sb = sg;
    size_t j = 0;
    for (; b.cols - j >= LANES; j += LANES) place_columns(dx, &sg, &sb, dy, x, w, k, j, LANES);
    if (j < b.cols) place_columns(dx, &sg, &sb, dy, x, w, k, j, b.cols - j);
    dgamma[i] += lanes_sum(sg);
    dbeta[i] += lanes_sum(sb);
    if (dx) dx += b.stride;
  }
}

/* One instance of SwitchableNorm: dx = (scale dy + shift) + sum_k ((x - m_k) - c_k) by_k, the terms in their order. */
INLINE lanes lanes_mixed(lanes dy, lanes x, lanes scale, lanes shift, const lanes *m, const lanes *c, const lanes *by)
{
  lanes v = lanes_add(lanes_mul(dy, scale), shift);
  for (size_t k = 0; k < MIXED; k++) v = lanes_add(v, lanes_mul(lanes_sub(lanes_sub(x, m[k]), c[k]), by[k]));
  return v;
}

/* Columns j and on, `some` of them. */
INLINE void mix_columns(ELEMENT *dx, const ELEMENT *dy, const ELEMENT *x, struct block b, struct mixtures t, size_t j,
                        size_t some)
{
  const lanes scale = get_columns(t.scale + j, some), shift = get_columns(t.shift + j, some);
  lanes m[MIXED], c[MIXED], by[MIXED];
  for (size_t k = 0; k < MIXED; k++) {
    m[k] = get_columns(t.m[k] + j, some);
    c[k] = get_columns(t.c[k] + j, some);
    by[k] = get_columns(t.by[k] + j, some);
  }
  for (size_t i = 0; i < b.rows; i++) {
    const size_t at = i * b.stride + j;
    fetch_ahead(dy + j, b, i);
    fetch_ahead(x + j, b, i);
    store_columns(dx + at,
                  lanes_mixed(load_columns(dy + at, some), load_columns(x + at, some), scale, shift, m, c, by), some);
  }
}

/* A mixture for every column. */
void NAMED(opt_column_mixed)(ELEMENT *dx, const ELEMENT *dy, const ELEMENT *x, struct block b, struct mixtures t)
{
  size_t j = 0;
  for (; b.cols - j >= LANES; j += LANES) mix_columns(dx, dy, x, b, t, j, LANES);
  if (j < b.cols) mix_columns(dx, dy, x, b, t, j, b.cols - j);
}

/* One mixture. */
void NAMED(opt_mixed)(ELEMENT *dx, const ELEMENT *dy, const ELEMENT *x, struct block b, const struct mixture *t)
{
  const lanes scale = lanes_all(t->scale), shift = lanes_all(t->shift);
  lanes m[MIXED], c[MIXED], by[MIXED];
  for (size_t k = 0; k < MIXED; k++) {
    m[k] = lanes_all(t->m[k]);
    c[k] = lanes_all(t->c[k]);
    by[k] = lanes_all(t->by[k]);
  }
  for (size_t i = 0; i < b.rows; i++)
    for (size_t j = 0; j < b.cols; j += LANES) {
      const size_t at = i * b.stride + j, some = b.cols - j < LANES ? b.cols - j : LANES;
      store_columns(dx + at,
                    lanes_mixed(load_columns(dy + at, some), load_columns(x + at, some), scale, shift, m, c, by), some);
    }
}

/* ---- with a residual: x + r in the place of x ---- */

/* (x + r) - m. The sum is rounded to double; if exact, what that lost is put back (two_sum of sums.h) once m,
   nearly the sum, is subtracted. */
INLINE lanes sum_deviation(lanes x, lanes r, lanes m, int exact)
{
  const lanes s = lanes_add(x, r), d = lanes_sub(s, m), b = lanes_sub(s, x);
  return exact ? lanes_add(d, lanes_add(lanes_sub(x, lanes_sub(s, b)), lanes_sub(r, b))) : d;
}

INLINE struct sums residual_deviations(const ELEMENT *x, const ELEMENT *r, size_t n, lanes m, lanes c, int exact)
{
  lanes s = lanes_all(0.0), q = s;
  for (size_t j = 0; j < n; j += LANES) {
    const size_t some = n - j < LANES ? n - j : LANES;
    lanes d = sum_deviation(load_columns(x + j, some), load_columns(r + j, some), m, exact);
    if (exact) d = lanes_sub(d, c);
    if (some < LANES) d = lanes_keep(d, some);
    s = lanes_add(s, d);
    q = lanes_add(q, lanes_mul(d, d));
  }
  return (struct sums){lanes_sum(s), lanes_sum(q)};
}

/* sum d, sum d^2, d = ((x + r) - m) - c; c is 0 unless exact. */
struct sums NAMED(opt_residual_deviations)(const ELEMENT *x, const ELEMENT *r, size_t n, double m, double c, int exact)
{
  const lanes a = lanes_all(m), b = lanes_all(c);
  return exact ? residual_deviations(x, r, n, a, b, 1) : residual_deviations(x, r, n, a, b, 0);
}

INLINE void residual_apply(ELEMENT *y, ELEMENT *sum, const ELEMENT *x, const ELEMENT *r, size_t n, struct statistics t,
                           const PARAM *gamma, const PARAM *beta, int exact)
{
  const lanes m = lanes_all(t.m), c = lanes_all(t.c), rstd = lanes_all(t.rstd);
  for (size_t j = 0; j < n; j += LANES) {
    const size_t some = n - j < LANES ? n - j : LANES;
    const lanes a = load_columns(x + j, some), b = load_columns(r + j, some);
    const lanes g = gamma ? load_param_columns(gamma + j, some) : lanes_all(1.0);
    const lanes h = beta ? load_param_columns(beta + j, some) : lanes_all(0.0);
    const lanes xhat = lanes_mul(lanes_sub(sum_deviation(a, b, m, exact), c), rstd);
    store_columns(y + j, lanes_add(lanes_mul(xhat, g), h), some);
    if (sum) store_columns(sum + j, lanes_add(a, b), some);
  }
}

/* apply_row of x + r, and x + r itself; 16 elements are read before they are written. */
void NAMED(opt_residual_apply)(ELEMENT *y, ELEMENT *sum, const ELEMENT *x, const ELEMENT *r, size_t n,
                               struct statistics t, const PARAM *gamma, const PARAM *beta, int exact)
{
  if (exact)
    residual_apply(y, sum, x, r, n, t, gamma, beta, 1);
  else
    residual_apply(y, sum, x, r, n, t, gamma, beta, 0);
}

const struct kernels NAMED(opt_kernels) = {
  .sum = NAMED(opt_sum),
  .squares = NAMED(opt_squares),
  .deviations = NAMED(opt_deviations),
  .apply = NAMED(opt_apply),
  .products = NAMED(opt_products),
  .gradient = NAMED(opt_gradient),
  .row_gradients = NAMED(opt_row_gradients),
  .apply_row = NAMED(opt_apply_row),
  .column_sums = NAMED(opt_column_sums),
  .column_deviations = NAMED(opt_column_deviations),
  .column_products = NAMED(opt_column_products),
  .column_gradients = NAMED(opt_column_gradients),
  .column_apply = NAMED(opt_column_apply),
  .place_apply = NAMED(opt_place_apply),
  .place_gradients = NAMED(opt_place_gradients),
  .mixed = NAMED(opt_mixed),
  .column_mixed = NAMED(opt_column_mixed),
  .residual_deviations = NAMED(opt_residual_deviations),
  .residual_apply = NAMED(opt_residual_apply),
};
