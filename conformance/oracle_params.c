/* SPDX-License-Identifier: Apache-2.0
   dgamma = sum dy xhat and dbeta = sum dy over everything that shares a parameter.

   With xhat = (k x - s) rho of frame.h and D = sum dy (k x - s), exact, over the elements of one group that use the parameter,
       dgamma = sum over groups of D rho
   given statistics: rational, one exact sum. One group (BatchNorm): one root. Many groups (a row each in LayerNorm): a sum of
   roots, approximated to any precision; whether it is 0, or the middle between two neighbours, is decided by algebra
   (roots.h), with eps outside the root by
       D/(sqrt(B) + E) = D B/sqrt(B F^2) - D E/sqrt(F^2), F = B - E^2       D/(2E) where F = 0 */
#include "describe.h"
#include "gradients.h"
#include "roots.h"
#include "settle.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- which elements use a parameter ---- */

struct sharing { size_t first, step, count; }; /* the groups: first, first + step, ... */

static struct sharing sharing_of(const struct normative_problem *p, size_t j)
{
  struct runs r = problem_runs(p, 0);
  size_t extent = (r.param_outer ? r.outer : 1) * (r.param_inner ? r.inner : 1); /* parameters of a group, consecutive */
  size_t parts = problem_params(p) / extent, each = problem_groups(p) / parts;
  if (norm_find(p->norm)->axes == 2) return (struct sharing){.first = j / extent * each, .step = 1, .count = each};
  return (struct sharing){.first = j / extent, .step = parts, .count = each};
}

/* The elements of a group that use parameter j: element_at of 0 .. *count - 1. */
static struct runs uses_of(const struct normative_problem *p, size_t group, size_t j, size_t *count)
{
  struct runs r = problem_runs(p, group);
  size_t outer = 0, inner = 0; /* j - param = outer param_outer + inner param_inner; if both count, the smaller is 1 */
  if (r.param_inner && r.param_inner >= r.param_outer) {
    inner = (j - r.param) / r.param_inner;
    outer = (j - r.param) % r.param_inner;
  } else if (r.param_outer) {
    outer = (j - r.param) / r.param_outer;
    inner = (j - r.param) % r.param_outer;
  }
  r.base += outer * r.outer_stride + inner * r.inner_stride;
  if (r.param_inner) r.inner = 1;
  if (r.param_outer) r.outer = 1;
  *count = r.outer * r.inner;
  return r;
}

/* ---- of one thread ---- */

struct params_worker {
  const struct gradients *all;
  struct settler settler;
  struct sum products, plain; /* sum dy x, sum dy; given: the whole of dgamma */
  mpfr_t kx, deviation;       /* scratch, exact; 64 bits */
  mpfr_t root[LEVELS], term[LEVELS];
  struct dyadic d, t, u;
  size_t j;                   /* the parameter at hand */
  struct sharing groups;
  double special, special_dy; /* IEEE's sum of what is not finite; 0: all is */
};

static void worker_init(struct params_worker *w, const struct gradients *all)
{
  memset(w, 0, sizeof *w);
  w->all = all;
  settler_init(&w->settler);
  sum_init(&w->products, SUM_OF_TRIPLES);
  sum_init(&w->plain, SUM_OF_DOUBLES);
  mpfr_init2(w->kx, 96);
  mpfr_init2(w->deviation, 64);
  for (int level = 0; level < LEVELS; ++level) mpfr_inits2(level_precision(level), w->root[level], w->term[level], (mpfr_ptr)0);
  dyadic_init(&w->d);
  dyadic_init(&w->t);
  dyadic_init(&w->u);
}

static void worker_clear(struct params_worker *w)
{
  settler_clear(&w->settler);
  mpfr_clears(w->kx, w->deviation, (mpfr_ptr)0);
  for (int level = 0; level < LEVELS; ++level) mpfr_clears(w->root[level], w->term[level], (mpfr_ptr)0);
  dyadic_clear(&w->d);
  dyadic_clear(&w->t);
  dyadic_clear(&w->u);
}

static double x_of(const struct params_worker *w, size_t i) { return tensor_get(&w->all->data.in->t[SLOT_X], i); }
static double dy_of(const struct params_worker *w, size_t i) { return tensor_get(&w->all->data.in->t[SLOT_DY], i); }

/* ---- one pass: dbeta, classes, what the bounds take ---- */

static void pass_element(struct params_worker *w, const struct frame *f, size_t i, struct param_truth *out)
{
  double x = x_of(w, i), dy = dy_of(w, i);
  out->m += 1;
  if (isfinite(dy)) sum_add(&w->plain, dy);
  else {
    w->special_dy += dy;
    out->finite = false;
  }
  if (!isfinite(x) || !f->ordinary) out->x_finite = false;
  long double size = isfinite(dy) ? fabs(dy) : 0;
  out->dy_abs += size;
  out->dy_norm += size * size;
  if (!isfinite(dy) || !isfinite(x) || !f->ordinary) {
    double term = dy * frame_class(f, x);
    if (!isfinite(term)) w->special += term;
    return;
  }
  frame_deviation(f, x, w->kx, w->deviation, MPFR_RNDN);
  long double xhat = fabsl(mpfr_get_ld(w->deviation, MPFR_RNDN)) * f->rho_up;
  out->dyx_abs += size * xhat;
  out->dyx_norm += size * size * (xhat * xhat + f->spread);
}

static void pass(struct params_worker *w, struct param_truth *out)
{
  *out = (struct param_truth){.finite = true, .x_finite = true};
  w->special = w->special_dy = 0;
  sum_clear(&w->plain);
  for (size_t n = 0; n < w->groups.count; ++n) {
    size_t count, group = w->groups.first + n * w->groups.step;
    struct runs uses = uses_of(w->all->data.p, group, w->j, &count);
    if (!w->all->truth->group[group].finite) out->x_finite = false;
    for (size_t k = 0; k < count; ++k) pass_element(w, &w->all->frame[group], element_at(&uses, k), out);
  }
  size_t m = (size_t)out->m;
  out->dy_abs = out->finite ? sum_above(out->dy_abs, m) : INFINITY;
  out->dy_norm = out->finite ? sum_above(sqrtl(sum_above(out->dy_norm, m)), 0) : INFINITY;
  bool all = out->finite && out->x_finite;
  out->dyx_abs = all ? sum_above(out->dyx_abs, m) : INFINITY;
  out->dyx_norm = all ? sum_above(sqrtl(sum_above(out->dyx_norm, m)), 0) : INFINITY;
}

/* ---- exact values ---- */

static bool counts(const struct frame *f, double x, double dy) { return f->ordinary && isfinite(x) && isfinite(dy); }

/* D of a group into w->d. */
static void group_sum(struct params_worker *w, size_t group)
{
  const struct frame *f = &w->all->frame[group];
  size_t count;
  struct runs uses = uses_of(w->all->data.p, group, w->j, &count);
  sum_clear(&w->products);
  sum_clear(&w->plain);
  for (size_t k = 0; k < count; ++k) {
    size_t i = element_at(&uses, k);
    double x = x_of(w, i), dy = dy_of(w, i);
    if (!counts(f, x, dy)) continue;
    sum_add_product(&w->products, x, dy, 0);
    sum_add(&w->plain, dy);
  }
  sum_get(&w->d, &w->products);
  dyadic_mul_ui(&w->d, &w->d, f->k);
  sum_get(&w->t, &w->plain);
  dyadic_set_mpfr(&w->u, f->s);
  dyadic_mul(&w->t, &w->t, &w->u);
  dyadic_sub(&w->d, &w->d, &w->t);
}

/* The whole of dgamma where rho is rational: sum dy rstd x - sum dy rstd s, in one sum. */
static void rational_sum(struct params_worker *w)
{
  sum_clear(&w->products);
  for (size_t n = 0; n < w->groups.count; ++n) {
    size_t count, group = w->groups.first + n * w->groups.step;
    const struct frame *f = &w->all->frame[group];
    struct runs uses = uses_of(w->all->data.p, group, w->j, &count);
    double s = mpfr_get_d(f->s, MPFR_RNDN);
    for (size_t k = 0; k < count; ++k) {
      size_t i = element_at(&uses, k);
      double x = x_of(w, i), dy = dy_of(w, i);
      if (!counts(f, x, dy)) continue;
      sum_add_triple(&w->products, dy, f->rstd, x);
      sum_add_triple(&w->products, -dy, f->rstd, s);
    }
  }
  sum_get(&w->d, &w->products);
}

/* ---- one root ---- */

/* D rho, D in w->d: D is rounded once, rho (1+u)^(+-4.5), the product once. */
static long single_approximate(void *self, int level, mpfr_ptr y)
{
  struct params_worker *w = self;
  if (!dyadic_sgn(&w->d)) {
    mpfr_set_zero(y, 1);
    return RADIUS_0;
  }
  frame_root(&w->all->frame[w->groups.first], w->root[level]);
  dyadic_get(y, &w->d, MPFR_RNDN);
  mpfr_mul(y, y, w->root[level], MPFR_RNDN);
  return mpfr_get_exp(y) + 3 - level_precision(level);
}

/* D - q E against q sqrt(B) */
static int single_compare(void *self, const struct dyadic *q)
{
  struct params_worker *w = self;
  const struct frame *f = &w->all->frame[w->groups.first];
  dyadic_mul(&w->t, q, &f->e);
  dyadic_sub(&w->t, &w->d, &w->t);
  dyadic_set(&w->u, q);
  return dyadic_root_side(&w->t, &w->u, &f->b);
}

/* ---- many roots ---- */

/* term <- D rho of a group: (1+u)^(+-7.5) of itself: of one element dy t rho, else D rounded. Returns false if it is 0. */
static bool group_term(struct params_worker *w, size_t group, int level, mpfr_ptr term)
{
  const struct frame *f = &w->all->frame[group];
  size_t count;
  struct runs uses = uses_of(w->all->data.p, group, w->j, &count);
  if (!f->ordinary) return false;
  if (count == 1) {
    double x = x_of(w, uses.base), dy = dy_of(w, uses.base);
    if (!counts(f, x, dy)) return false;
    frame_deviation(f, x, w->kx, term, MPFR_RNDN);
    mpfr_mul_d(term, term, dy, MPFR_RNDN);
  } else {
    group_sum(w, group);
    dyadic_get(term, &w->d, MPFR_RNDN);
  }
  if (mpfr_zero_p(term)) return false;
  if (level) frame_root(f, w->root[level]);
  mpfr_mul(term, term, level ? w->root[level] : f->root, MPFR_RNDN);
  return true;
}

/* Each of n terms, below 2^e, is within 7.6 u of itself, and each of n additions adds u times a partial sum that is below
   n 2^e: in all less than (n + 8) n u 2^e; the exponents of the partial sums tell better. */
static long many_approximate(void *self, int level, mpfr_ptr y)
{
  struct params_worker *w = self;
  mpfr_ptr term = w->term[level];
  long top = LONG_MIN; /* exponent that no term and no partial sum is beyond */
  unsigned long n = 0;
  mpfr_set_zero(y, 1);
  for (size_t k = 0; k < w->groups.count; ++k) {
    if (!group_term(w, w->groups.first + k * w->groups.step, level, term)) continue;
    mpfr_add(y, y, term, MPFR_RNDN);
    if (mpfr_get_exp(term) > top) top = mpfr_get_exp(term);
    if (!mpfr_zero_p(y) && mpfr_get_exp(y) > top) top = mpfr_get_exp(y);
    ++n;
  }
  if (!n) return RADIUS_0;
  long radius = top + 4 - level_precision(level); /* 8.6 u 2^top for each */
  for (; n; n >>= 1) ++radius;
  return radius;
}

/* sum += w->d/(sqrt(B) + E) of the frame, by roots alone. */
static int add_roots(struct params_worker *w, struct root_sum *sum, const struct frame *f)
{
  if (!dyadic_sgn(&f->e)) return root_sum_add(sum, &w->d, &f->b);
  dyadic_mul(&w->u, &f->e, &f->e);
  dyadic_sub(&w->t, &f->b, &w->u);
  int side = dyadic_sgn(&w->t);
  if (!side) {
    dyadic_mul_ui(&w->u, &w->u, 4);
    return root_sum_add(sum, &w->d, &w->u);
  }
  dyadic_mul(&w->t, &w->t, &w->t);
  dyadic_mul(&w->u, &w->d, &f->e);
  if (side > 0) mpz_neg(w->u.z, w->u.z);
  if (root_sum_add(sum, &w->u, &w->t)) return -1;
  dyadic_mul(&w->u, &w->d, &f->b);
  if (side < 0) mpz_neg(w->u.z, w->u.z);
  dyadic_mul(&w->t, &w->t, &f->b);
  return dyadic_sgn(&f->b) ? root_sum_add(sum, &w->u, &w->t) : 0;
}

/* Is the sum q? root_sum_zero's answer. */
static int many_equals(struct params_worker *w, const struct dyadic *q)
{
  struct root_sum sum = {0};
  struct dyadic one;
  int bad, answer = -1;
  dyadic_init(&one);
  dyadic_set_d(&one, -1);
  dyadic_mul(&w->d, q, &one);
  dyadic_set_d(&one, 1);
  bad = root_sum_add(&sum, &w->d, &one);
  for (size_t k = 0; k < w->groups.count && !bad; ++k) {
    size_t group = w->groups.first + k * w->groups.step;
    group_sum(w, group);
    bad = add_roots(w, &sum, &w->all->frame[group]);
  }
  if (!bad) answer = root_sum_zero(&sum);
  root_sum_clear(&sum);
  dyadic_clear(&one);
  return answer;
}

/* Equal, or the side on which an approximation leaves no doubt. */
static int many_compare(void *self, const struct dyadic *q)
{
  int equal = many_equals(self, q);
  return equal == 1 ? 0 : equal == 0 ? settle_side(&(struct real){many_approximate, many_compare, self}, q) : UNKNOWN;
}

/* ---- dgamma, dbeta ---- */

static void settle_dgamma(struct params_worker *w, struct truth_tensor *out)
{
  if (w->special != 0) settle_double(out, w->j, w->special);
  else if (w->all->frame[w->groups.first].given) {
    rational_sum(w);
    settle_dyadic(&w->settler, out, w->j, &w->d);
  } else if (w->groups.count == 1) {
    group_sum(w, w->groups.first);
    settle(&w->settler, out, w->j, &(struct real){single_approximate, single_compare, w});
  } else settle(&w->settler, out, w->j, &(struct real){many_approximate, many_compare, w});
}

static void parameter(struct params_worker *w, size_t j)
{
  struct truth *truth = w->all->truth;
  w->j = j;
  w->groups = sharing_of(w->all->data.p, j);
  pass(w, &truth->param[j]);
  if (truth->t[SLOT_DBETA].count) {
    sum_get(&w->d, &w->plain);
    if (w->special_dy != 0) settle_double(&truth->t[SLOT_DBETA], j, w->special_dy);
    else settle_dyadic(&w->settler, &truth->t[SLOT_DBETA], j, &w->d);
  }
  if (truth->t[SLOT_DGAMMA].count) settle_dgamma(w, &truth->t[SLOT_DGAMMA]);
}

void parameter_gradients(const struct gradients *all, bool parallel)
{
#pragma omp parallel if (parallel)
  {
    struct params_worker w;
    worker_init(&w, all);
#pragma omp for schedule(dynamic)
    for (size_t j = 0; j < all->truth->params; ++j) parameter(&w, j);
    worker_clear(&w);
  }
}
