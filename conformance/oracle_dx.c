/* SPDX-License-Identifier: Apache-2.0
   dx. With g = gamma dy, xhat = t rho of frame.h, m elements in a group, and the exact sums G = sum g and H = sum g t,
       own statistics   dx = [(m g - G) - t H rho/sqrt(B)] rho       RMSNorm: G = 0; H = 0 where rho does not move
       given rstd       dx = [(m g - G) - t rho^2 H] rho/m           given variance: as own statistics
       evaluation       dx = g rho
   that is (n g - G - t K) R with n = m or 1, and K and R of the group. */
#include "describe.h"
#include "gradients.h"
#include "settle.h"
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

struct factors factors_of(const struct gradients *all, size_t i, size_t j)
{
  const struct tensor *t = all->data.in->t;
  return (struct factors){tensor_get(&t[SLOT_X], i), tensor_get(&t[SLOT_DY], i), data_entry(&all->data, SLOT_GAMMA, j, 1)};
}

/* ---- sums of a group ---- */

struct moments { /* read by all threads once filled */
  unsigned long n;
  struct dyadic g, h, g_abs; /* G and H; sum|g| */
  mpfr_t g_value;            /* G */
  bool narrow;               /* gamma dy is exact in double */
  bool plus_one;             /* gamma is 1 more */
  bool nan;                  /* dx is NaN in the whole group */
};

struct sums { struct sum plus, minus, products; struct dyadic t; mpfr_t kx, deviation; };

static void sums_init(struct sums *s)
{
  sum_init(&s->plus, SUM_OF_PRODUCTS);
  sum_init(&s->minus, SUM_OF_PRODUCTS);
  sum_init(&s->products, SUM_OF_TRIPLES);
  dyadic_init(&s->t);
  mpfr_init2(s->kx, 96);
  mpfr_init2(s->deviation, 64);
}

static void sums_clear(struct sums *s)
{
  dyadic_clear(&s->t);
  mpfr_clears(s->kx, s->deviation, (mpfr_ptr)0);
}

/* Into plus or minus goes g, into products g x. */
static void add_factors(struct sums *s, struct factors f, const struct moments *o)
{
  const bool negative = o->plus_one ? f.gamma < -1 : signbit(f.gamma) != 0;
  struct sum *side = negative == (signbit(f.dy) != 0) ? &s->plus : &s->minus;
  if (o->narrow) {
    double g = f.gamma * f.dy;
    sum_add(side, g);
    if (isfinite(f.x)) sum_add_product(&s->products, g, f.x, 0);
  } else {
    if (o->plus_one) {
      sum_add(side, f.dy);
      if (isfinite(f.x)) sum_add_product(&s->products, f.dy, f.x, 0);
    }
    sum_add_product(side, f.gamma, f.dy, 0);
    if (isfinite(f.x)) sum_add_triple(&s->products, f.gamma, f.dy, f.x);
  }
}

/* sum|g xhat|/m from above */
static long double mean_gx(const struct gradients *all, struct sums *s, size_t index)
{
  const struct frame *f = &all->frame[index];
  struct runs runs = problem_runs(all->data.p, index);
  size_t m = problem_m(all->data.p);
  long double sum = 0;
  if (!f->ordinary) return INFINITY;
  for (size_t k = 0; k < m; ++k) {
    struct factors v = factors_of(all, element_at(&runs, k), param_at(&runs, k));
    if (!isfinite(v.x) || !isfinite(v.dy) || !isfinite(v.gamma)) continue;
    frame_deviation(f, v.x, s->kx, s->deviation, MPFR_RNDN);
    sum += fabsl(((long double)v.gamma + plus_one(all->data.p)) * v.dy * mpfr_get_ld(s->deviation, MPFR_RNDN));
  }
  return sum_above(sum * f->rho_up / m, m);
}

/* G, H and the rest of *out. What is not finite is left out of the sums. */
static void moments_fill(const struct gradients *all, struct sums *s, struct moments *o, size_t index, struct group_truth *out)
{
  const struct data *d = &all->data;
  struct runs runs = problem_runs(d->p, index);
  const struct frame *f = &all->frame[index];
  size_t m = problem_m(d->p);
  bool x_finite = true;
  out->g_finite = true;
  out->dy_max = 0;
  sum_clear(&s->plus);
  sum_clear(&s->minus);
  sum_clear(&s->products);
  for (size_t k = 0; k < m; ++k) {
    struct factors v = factors_of(all, element_at(&runs, k), param_at(&runs, k));
    x_finite = x_finite && isfinite(v.x);
    if (isfinite(v.dy) && fabs(v.dy) > out->dy_max) out->dy_max = fabs(v.dy);
    if (isfinite(v.dy) && isfinite(v.gamma)) add_factors(s, v, o);
    else out->g_finite = false;
  }
  o->nan = !d->evaluation && !(x_finite && out->g_finite && (f->ordinary || (f->mean == 0 && f->rstd == 0)));
  o->n = d->evaluation ? 1 : m;
  sum_get(&o->g, &s->plus);
  sum_get(&s->t, &s->minus);
  dyadic_sub(&o->g_abs, &o->g, &s->t);
  dyadic_add(&o->g, &o->g, &s->t);
  sum_get(&o->h, &s->products);
}

/* sum g x becomes H = sum g (k x - s); G becomes 0 where dx has none. */
static void centre_moments(const struct gradients *all, struct sums *s, struct moments *o, size_t index)
{
  const struct frame *f = &all->frame[index];
  dyadic_mul_ui(&o->h, &o->h, f->k);
  dyadic_set_mpfr(&s->t, f->s);
  dyadic_mul(&s->t, &s->t, &o->g);
  dyadic_sub(&o->h, &o->h, &s->t);
  if (!all->data.centred || all->data.evaluation) mpz_set_ui(o->g.z, 0);
  mpfr_prec_t bits = (mpfr_prec_t)mpz_sizeinbase(o->g.z, 2);
  mpfr_set_prec(o->g_value, bits < 64 ? 64 : bits);
  dyadic_get(o->g_value, &o->g, MPFR_RNDN);
}

static void describe_moments(const struct gradients *all, struct sums *s, const struct moments *o, size_t index,
                             struct group_truth *out)
{
  size_t m = problem_m(all->data.p);
  out->g_abs = out->gx_abs = out->c1 = out->c2 = INFINITY;
  if (!out->g_finite && !all->data.evaluation) return;
  out->g_abs = size_over(s->deviation, &o->g_abs, m);
  out->c1 = size_over(s->deviation, &o->g, m);
  out->gx_abs = mean_gx(all, s, index);
  out->c2 = all->data.evaluation ? 0 : sum_above(size_over(s->deviation, &o->h, m) * all->frame[index].rho_up, 0);
  if (all->frame[index].ordinary && out->finite) return;
  out->gx_abs = INFINITY;
  if (!all->data.evaluation) out->c2 = INFINITY;
}

/* ---- dx of an element ---- */

struct dx_worker { /* of one thread: approximations that belong to the group at hand */
  const struct gradients *all;
  const struct frame *f;
  const struct moments *o;
  struct settler settler;
  bool ready[LEVELS];
  mpfr_t r[LEVELS], k[LEVELS]; /* R and K */
  mpfr_t a[LEVELS], t[LEVELS];
  mpfr_t ng, kx;               /* exact */
  struct dyadic da, dc, de, dt, dx;
  struct factors v;
};

static void dx_init(struct dx_worker *w, const struct gradients *all)
{
  memset(w, 0, sizeof *w);
  w->all = all;
  settler_init(&w->settler);
  for (int level = 0; level < LEVELS; ++level)
    mpfr_inits2(level_precision(level), w->r[level], w->k[level], w->a[level], w->t[level], (mpfr_ptr)0);
  mpfr_init2(w->ng, 96 + gamma_bits(all->data.p)); /* 31 bits of n, 53 of dy */
  mpfr_init2(w->kx, 96);
  for (struct dyadic **d = (struct dyadic *[]){&w->da, &w->dc, &w->de, &w->dt, &w->dx, NULL}; *d; ++d) dyadic_init(*d);
}

static void dx_clear(struct dx_worker *w)
{
  settler_clear(&w->settler);
  for (int level = 0; level < LEVELS; ++level) mpfr_clears(w->r[level], w->k[level], w->a[level], w->t[level], (mpfr_ptr)0);
  mpfr_clears(w->ng, w->kx, (mpfr_ptr)0);
  for (struct dyadic **d = (struct dyadic *[]){&w->da, &w->dc, &w->de, &w->dt, &w->dx, NULL}; *d; ++d) dyadic_clear(*d);
}

static void dx_take(struct dx_worker *w, const struct frame *f, const struct moments *o)
{
  w->f = f;
  w->o = o;
  memset(w->ready, 0, sizeof w->ready);
}

/* At u = 2^-precision, R within a factor (1+u)^(+-3), with E 4.5, and K 3, with E 9. */
static void coefficients_at(struct dx_worker *w, int level)
{
  mpfr_ptr r = w->r[level], k = w->k[level];
  if (w->ready[level]) return;
  w->ready[level] = true;
  frame_root(w->f, r);
  dyadic_get(k, &w->o->h, MPFR_RNDN);
  if (w->f->given) {
    mpfr_div_ui(r, r, w->o->n, MPFR_RNDN);
    mpfr_mul_d(k, k, w->f->rstd, MPFR_RNDN);
    mpfr_mul_d(k, k, w->f->rstd, MPFR_RNDN);
  } else if (!mpfr_zero_p(k)) {
    dyadic_get(w->a[level], &w->f->b, MPFR_RNDN);
    if (dyadic_sgn(&w->f->e)) {
      mpfr_mul(k, k, r, MPFR_RNDN);
      mpfr_sqrt(w->a[level], w->a[level], MPFR_RNDN);
    }
    mpfr_div(k, k, w->a[level], MPFR_RNDN);
  }
}

/* n g, exact */
static void set_ng(struct dx_worker *w)
{
  if (w->o->narrow) mpfr_set_d(w->ng, w->v.gamma * w->v.dy, MPFR_RNDN);
  else {
    gamma_exact(w->all->data.p, w->v.gamma, w->ng);
    mpfr_mul_d(w->ng, w->ng, w->v.dy, MPFR_RNDN);
  }
  if (w->o->n != 1) mpfr_mul_ui(w->ng, w->ng, w->o->n, MPFR_RNDN);
}

/* u = 2^-p. a = n g - G is the rounded difference of exact numbers, a factor (1+u)^(+-1) whatever cancels; b = t K of
   (1+u)^(+-11); a - b then is within u|a| + 11.1u|b| + u|a - b|, and times R, whose own factor is (1+u)^(+-4.5), within
   R (u|a| + 11.1u|b|)(1 + 6.6u) + 6.6u|y| of dx. With |a|, |b| < 2^M, R < 2^E: |y| < 2^(M+1+E)(1 + 8u), so all of it is below
   25.5 u 2^(M+E). */
static long dx_approximate(void *self, int level, mpfr_ptr y)
{
  struct dx_worker *w = self;
  mpfr_ptr a = w->a[level], b = w->t[level];
  coefficients_at(w, level);
  set_ng(w);
  mpfr_sub(a, w->ng, w->o->g_value, MPFR_RNDN);
  mpfr_set_zero(b, 1);
  if (!mpfr_zero_p(w->k[level])) {
    frame_deviation(w->f, w->v.x, w->kx, b, MPFR_RNDN);
    mpfr_mul(b, b, w->k[level], MPFR_RNDN);
  }
  mpfr_sub(y, a, b, MPFR_RNDN);
  mpfr_mul(y, y, w->r[level], MPFR_RNDN);
  if (mpfr_zero_p(w->r[level]) || (mpfr_zero_p(a) && mpfr_zero_p(b))) return RADIUS_0;
  long size = mpfr_zero_p(a) ? mpfr_get_exp(b) : mpfr_get_exp(a);
  if (!mpfr_zero_p(b) && mpfr_get_exp(b) > size) size = mpfr_get_exp(b);
  return size + mpfr_get_exp(w->r[level]) + 5 - level_precision(level);
}

/* dx against q, with A = n g - G:
     given          rho (A - t rho^2 H) against n q */
static int given_compare(struct dx_worker *w, const struct dyadic *q)
{
  struct dyadic *a = &w->da, *t = &w->dt, *x = &w->dx;
  dyadic_mul(t, t, &w->o->h);
  dyadic_set_d(x, w->f->rstd);
  dyadic_mul(a, a, x);
  for (int n = 0; n < 3; ++n) dyadic_mul(t, t, x);
  dyadic_sub(a, a, t);
  dyadic_mul_ui(x, q, w->o->n);
  dyadic_sub(a, a, x);
  return dyadic_sgn(a);
}

/*   H = 0          A against q (sqrt(B) + E)
     otherwise      A - t H/(sqrt(B) (sqrt(B) + E)) against q (sqrt(B) + E), that is
                    A B - t H - 2 q E B against (q (B + E^2) - A E) sqrt(B) */
static int dx_compare(void *self, const struct dyadic *q)
{
  struct dx_worker *w = self;
  struct dyadic *a = &w->da, *t = &w->dt, *x = &w->dx, *c = &w->dc;
  const struct dyadic *b = &w->f->b, *e = &w->f->e;
  set_ng(w);
  dyadic_set_mpfr(a, w->ng);
  dyadic_sub(a, a, &w->o->g);
  dyadic_set_d(t, w->v.x);
  dyadic_mul_ui(t, t, w->f->k);
  dyadic_set_mpfr(x, w->f->s);
  dyadic_sub(t, t, x);
  if (w->f->given) return given_compare(w, q);
  dyadic_mul(x, q, e);
  if (!dyadic_sgn(&w->o->h)) {
    dyadic_sub(a, a, x);
    dyadic_set(c, q);
    return dyadic_root_side(a, c, b);
  }
  dyadic_mul(c, e, e);
  dyadic_add(c, c, b);
  dyadic_mul(c, c, q);
  dyadic_mul(&w->de, a, e);
  dyadic_sub(c, c, &w->de);
  dyadic_add(x, x, x);
  dyadic_sub(a, a, x);
  dyadic_mul(a, a, b);
  dyadic_mul(t, t, &w->o->h);
  dyadic_sub(a, a, t);
  return dyadic_root_side(a, c, b);
}

/* Evaluation, not all finite: gamma dy rstd as IEEE has it, but for underflow and overflow. And 0 where the given variance is
   infinite. */
static double special_dx(const struct dx_worker *w)
{
  double gamma = w->v.gamma + plus_one(w->all->data.p), g = gamma * w->v.dy;
  if (isfinite(gamma) && isfinite(w->v.dy))
    g = gamma == 0 || w->v.dy == 0 ? 0 : signbit(gamma) == signbit(w->v.dy) ? 1 : -1;
  return g * w->f->rstd;
}

static void dx_element(struct dx_worker *w, size_t i)
{
  struct truth_tensor *out = &w->all->truth->t[SLOT_DX];
  bool finite = isfinite(w->v.dy) && isfinite(w->v.gamma);
  bool plain = w->all->data.evaluation ? finite && w->f->rstd == 1 : w->f->ordinary;
  if (w->o->nan) settle_double(out, i, NAN);
  else if (!plain) settle_double(out, i, special_dx(w));
  else settle(&w->settler, out, i, &(struct real){dx_approximate, dx_compare, w});
}

/* Elements from .. to of group `index`, which w has taken. */
static void dx_elements(struct dx_worker *w, size_t index, size_t from, size_t to)
{
  struct runs runs = problem_runs(w->all->data.p, index);
  for (size_t k = from; k < to; ++k) {
    size_t i = element_at(&runs, k);
    w->v = factors_of(w->all, i, param_at(&runs, k));
    dx_element(w, i);
  }
}

/* ---- all of it ---- */

struct thread { struct scratch scratch; struct group group; struct sums sums; struct moments moments; struct dx_worker dx; };

static void thread_init(struct thread *t, const struct gradients *all)
{
  const struct normative_problem *p = all->data.p;
  scratch_init(&t->scratch);
  group_init(&t->group);
  sums_init(&t->sums);
  dyadic_init(&t->moments.g);
  dyadic_init(&t->moments.h);
  dyadic_init(&t->moments.g_abs);
  mpfr_init2(t->moments.g_value, 64);
  t->moments.plus_one = plus_one(p);
  t->moments.narrow = p->type != NORMATIVE_F64 && (p->param_type != NORMATIVE_F64 || !p->has_gamma) && !plus_one(p);
  dx_init(&t->dx, all);
}

static void thread_clear(struct thread *t)
{
  scratch_clear(&t->scratch);
  group_clear(&t->group);
  sums_clear(&t->sums);
  dyadic_clear(&t->moments.g);
  dyadic_clear(&t->moments.h);
  dyadic_clear(&t->moments.g_abs);
  mpfr_clear(t->moments.g_value);
  dx_clear(&t->dx);
}

static void start_group(struct thread *t, const struct gradients *all, size_t index)
{
  struct group_truth *out = &all->truth->group[index];
  frame_fill(&all->data, &t->scratch, &t->group, index, &all->frame[index], out);
  moments_fill(all, &t->sums, &t->moments, index, out);
  centre_moments(all, &t->sums, &t->moments, index);
  describe_moments(all, &t->sums, &t->moments, index, out);
  if (!all->frame[index].moves) mpz_set_ui(t->moments.h.z, 0);
  dx_take(&t->dx, &all->frame[index], &t->moments);
}

/* Many groups: one thread for each. */
static void across_groups(const struct gradients *all, bool parallel)
{
  size_t groups = all->truth->groups, m = problem_m(all->data.p);
#pragma omp parallel if (parallel)
  {
    struct thread t;
    thread_init(&t, all);
#pragma omp for schedule(dynamic, 16)
    for (size_t index = 0; index < groups; ++index) {
      start_group(&t, all, index);
      dx_elements(&t.dx, index, 0, m);
    }
    thread_clear(&t);
  }
}

/* Few large groups: all threads on each. */
static void inside_groups(const struct gradients *all)
{
  size_t groups = all->truth->groups, m = problem_m(all->data.p);
  struct thread first;
  thread_init(&first, all);
  for (size_t index = 0; index < groups; ++index) {
    start_group(&first, all, index);
#pragma omp parallel
    {
      struct dx_worker w;
      dx_init(&w, all);
      dx_take(&w, &all->frame[index], &first.moments);
#pragma omp for schedule(static)
      for (size_t k = 0; k < m; k += 1024) dx_elements(&w, index, k, m - k < 1024 ? m : k + 1024);
      dx_clear(&w);
    }
  }
  thread_clear(&first);
}

int oracle_backward(const struct data *d, struct truth *truth, bool parallel, struct error *e)
{
  struct gradients all = {.data = *d, .truth = truth, .frame = calloc(truth->groups, sizeof *all.frame)};
  if (!all.frame) return fail(e, "oracle: no memory for %zu groups", truth->groups);
  if (parallel && truth->groups < 4 * (size_t)omp_get_max_threads()) inside_groups(&all);
  else across_groups(&all, parallel);
  parameter_gradients(&all, parallel);
  for (size_t index = 0; index < truth->groups; ++index) frame_clear(&all.frame[index]);
  free(all.frame);
  return 0;
}
