/* SPDX-License-Identifier: Apache-2.0
   SwitchableNorm, forward: statistics, weights, y, running statistics. oracle_switch.h has the formulas. */
#include "oracle_switch.h"
#include "describe.h"
#include "ratio.h"
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

/* ---- statistics ---- */

static void average_init(struct average *a)
{
  for (struct dyadic **d = (struct dyadic *[]){&a->s, &a->q, &a->d, &a->u, NULL}; *d; ++d) dyadic_init(*d);
  mpfr_init2(a->value, 64);
}

static void average_clear(struct average *a)
{
  for (struct dyadic **d = (struct dyadic *[]){&a->s, &a->q, &a->d, &a->u, NULL}; *d; ++d) dyadic_clear(*d);
  mpfr_clear(a->value);
}

static size_t count_of(const struct switched *all, int k) { return k == IN ? all->groups : k == LN ? all->n : all->c; }

/* u = m Q - S^2 */
static void scatter(struct dyadic *u, const struct average *a, unsigned long m, struct dyadic *t)
{
  dyadic_mul_ui(u, &a->q, m);
  dyadic_mul(t, &a->s, &a->s);
  dyadic_sub(u, u, t);
}

/* U and the copy of S, the sums being complete. */
static void finish_average(const struct switched *all, int k, struct average *a, struct dyadic *t)
{
  if (k < all->own) scatter(&a->u, a, all->m[k], t);
  if (all->data.p->repo) {
    dyadic_mul_ui(&a->u, &a->u, all->r);
    dyadic_mul_ui(t, &a->d, all->m[k] / all->s);
    dyadic_add(&a->u, &a->u, t);
  }
  mpfr_prec_t bits = (mpfr_prec_t)mpz_sizeinbase(a->s.z, 2);
  mpfr_set_prec(a->value, bits < 64 ? 64 : bits);
  dyadic_get(a->value, &a->s, MPFR_RNDN);
}

static void join_average(struct average *to, const struct average *a)
{
  dyadic_add(&to->s, &to->s, &a->s);
  dyadic_add(&to->q, &to->q, &a->q);
  dyadic_add(&to->d, &to->d, &a->d);
  to->sum += a->sum;
  to->squares += a->squares;
}

static void take_running(const struct switched *all)
{
  for (size_t c = 0; c < all->c; ++c) {
    struct average *a = &all->average[BN][c];
    double mean = data_entry(&all->data, SLOT_RUNNING_MEAN, c, 0), var = data_entry(&all->data, SLOT_RUNNING_VAR, c, 1);
    dyadic_set_d(&a->s, isfinite(mean) ? mean : 0);
    dyadic_set_d(&a->u, isfinite(var) ? var : 0);
    a->sum = isfinite(mean) ? 0 : mean;
    a->squares = isfinite(var) ? 0 : var;
  }
}

/* The sums of a group, and what the bounds take of its elements. */
static void sum_group(const struct switched *all, struct scratch *w, struct group *g, size_t index)
{
  struct average *a = &all->average[IN][index];
  struct group_truth *out = &all->truth->group[index];
  a->sum = group_sums(&all->data, w, g, index, &a->squares);
  dyadic_set(&a->s, &g->s);
  dyadic_set(&a->q, &w->q);
  scatter(&a->d, a, all->s, &w->t);
  *out = (struct group_truth){.max_abs = g->max_abs,
                              .mean_abs = a->squares == 0 ? size_over(w->a, &g->abs, all->s) : INFINITY};
}

static void statistics(const struct switched *all)
{
#pragma omp parallel if (all->parallel)
  {
    struct scratch w;
    struct group g;
    scratch_init(&w);
    group_init(&g);
#pragma omp for schedule(dynamic, 16)
    for (size_t index = 0; index < all->groups; ++index) sum_group(all, &w, &g, index);
    group_clear(&g);
    scratch_clear(&w);
  }
  struct dyadic t;
  dyadic_init(&t);
  for (int k = LN; k < all->own; ++k)
    for (size_t g = 0; g < all->groups; ++g) join_average(average_of(all, k, g), &all->average[IN][g]);
  if (all->own < all->kinds) take_running(all);
  for (int k = 0; k < all->kinds; ++k)
    for (size_t i = 0; i < count_of(all, k); ++i) finish_average(all, k, &all->average[k][i], &t);
  dyadic_clear(&t);
}

/* ---- weights ---- */

static void softmax_init(struct switched *all, struct softmax *y, const struct dyadic *lambda, long precision)
{
  struct dyadic d;
  struct ball sum;
  int top = 0;
  dyadic_init(&d);
  ball_init(&sum, precision);
  ball_zero(&sum);
  for (int k = 1; k < all->kinds; ++k) {
    dyadic_sub(&d, &lambda[k], &lambda[top]);
    if (dyadic_sgn(&d) > 0) top = k;
  }
  for (int k = 0; k < all->kinds; ++k) {
    ball_init(&y->w[k], precision);
    ball_init(&y->over_m[k], precision);
    dyadic_sub(&d, &lambda[k], &lambda[top]);
    ball_exp(&y->w[k], &d);
    ball_add(&sum, &sum, &y->w[k]);
  }
  for (int k = 0; k < all->kinds; ++k) {
    ball_div(&y->w[k], &y->w[k], &sum);
    ball_div_ui(&y->over_m[k], &y->w[k], all->m[k]);
  }
  dyadic_clear(&d);
  ball_clear(&sum);
}

static void softmax_clear(const struct switched *all, struct softmax *y)
{
  for (int k = 0; k < all->kinds; ++k) {
    ball_clear(&y->w[k]);
    ball_clear(&y->over_m[k]);
  }
}

static void take_lambdas(struct switched *all)
{
  all->weighted = true;
  for (int k = 0; k < all->kinds; ++k) {
    double mean = tensor_get(&all->data.in->t[SLOT_LAMBDA_MEAN], (size_t)k);
    double var = tensor_get(&all->data.in->t[SLOT_LAMBDA_VAR], (size_t)k);
    all->weighted = all->weighted && isfinite(mean) && isfinite(var);
    dyadic_init(&all->lambda[k]);
    dyadic_init(&all->lambda_var[k]);
    dyadic_set_d(&all->lambda[k], isfinite(mean) ? mean : 0);
    dyadic_set_d(&all->lambda_var[k], isfinite(var) ? var : 0);
  }
  for (int level = 0; level < LEVELS; ++level) {
    softmax_init(all, &all->level[level].mean, all->lambda, level_precision(level));
    softmax_init(all, &all->level[level].var, all->lambda_var, level_precision(level));
  }
}

/* ---- R ---- */

void root_of(const struct switched *all, int level, size_t g, struct ball *r, struct ball *t)
{
  ball_zero(r);
  for (int k = 0; k < all->kinds; ++k) {
    ball_dyadic(t, &average_of(all, k, g)->u);
    ball_div_ui(t, t, all->m[k]);
    if (all->r != 1) ball_div_ui(t, t, all->r);
    ball_mul(t, t, &all->level[level].var.over_m[k]);
    ball_add(r, r, t);
  }
  mpfr_set_d(t->v, all->data.p->eps, MPFR_RNDN);
  t->radius = RADIUS_0;
  ball_add(r, r, t);
  ball_rec_sqrt(r, r);
}

void deviation_of(const struct switched *all, int k, size_t g, const struct dyadic *x, struct dyadic *d)
{
  dyadic_mul_ui(d, x, all->m[k]);
  dyadic_sub(d, d, &average_of(all, k, g)->s);
  dyadic_mul_ui(d, d, all->f[k]);
}

void weights_sum(const struct switched *all, bool var, struct exponentials *w)
{
  struct dyadic one;
  dyadic_init(&one);
  dyadic_set_d(&one, 1);
  exponentials_zero(w);
  for (int k = 0; k < all->kinds; ++k) exponentials_add(w, var ? &all->lambda_var[k] : &all->lambda[k], &one);
  dyadic_clear(&one);
}

void root_square(const struct switched *all, size_t g, struct exponentials *b)
{
  struct dyadic c;
  dyadic_init(&c);
  exponentials_zero(b);
  for (int k = 0; k < all->kinds; ++k) {
    dyadic_mul_ui(&c, &average_of(all, k, g)->u, all->f[k]);
    dyadic_mul_ui(&c, &c, all->f[k]);
    dyadic_add(&c, &c, &all->eps);
    exponentials_add(b, &all->lambda_var[k], &c);
  }
  dyadic_clear(&c);
}

/* Sides of different sign are told apart by that, else by their squares. */
int compare_root(struct exponentials *a, const struct exponentials *w, struct exponentials *d, struct exponentials *b,
                 const struct dyadic *q)
{
  int side = exponentials_sign(a), other = dyadic_sgn(q), sign;
  struct exponentials left, right;
  if (side == UNKNOWN || side != other) return side == UNKNOWN || side > other ? side == UNKNOWN ? UNKNOWN : 1 : -1;
  if (!side) return 0;
  exponentials_init(&left);
  exponentials_init(&right);
  exponentials_scale(d, q);
  exponentials_mul(&left, d, d);
  exponentials_mul(&right, &left, b);
  exponentials_mul(&left, a, a);
  exponentials_mul(b, &left, w);
  exponentials_join(b, &right, -1);
  sign = exponentials_sign(b);
  exponentials_clear(&left);
  exponentials_clear(&right);
  return sign == UNKNOWN ? UNKNOWN : side * sign;
}

/* ---- groups ---- */

/* The class of R: V + eps is positive where nothing in it is negative and something is not 0 (a weight too small for ball_exp
   is); else its sign is B's. */
static double class_of_root(const struct switched *all, size_t g)
{
  bool negative = false, positive = all->data.p->eps > 0;
  for (int k = 0; k < all->kinds; ++k) {
    int sign = mpfr_zero_p(all->level[0].var.w[k].v) ? 0 : dyadic_sgn(&average_of(all, k, g)->u);
    negative = negative || sign < 0;
    positive = positive || sign > 0;
  }
  if (!negative) return positive ? 1 : INFINITY;
  struct exponentials b;
  exponentials_init(&b);
  root_square(all, g, &b);
  int sign = exponentials_sign(&b);
  exponentials_clear(&b);
  return sign < 0 ? NAN : sign ? 1 : INFINITY;
}

struct describer { struct ball t, u; mpfr_t low; };

/* v as hi + lo */
static void split(mpfr_srcptr v, mpfr_ptr low, long double *hi, long double *lo)
{
  *hi = mpfr_get_ld(v, MPFR_RNDN);
  mpfr_set_ld(low, *hi, MPFR_RNDN);
  mpfr_sub(low, v, low, MPFR_RNDN);
  *lo = mpfr_get_ld(low, MPFR_RNDN);
}

static void describe_averages(const struct switched *all, struct describer *w, size_t g, struct switch_group *out)
{
  for (int k = 0; k < all->kinds; ++k) {
    const struct average *a = average_of(all, k, g);
    out->mu_hi[k] = out->v[k] = NAN;
    if (a->sum != 0 || a->squares != 0) continue;
    mpfr_div_ui(w->t.v, a->value, all->m[k], MPFR_RNDN);
    split(w->t.v, w->low, &out->mu_hi[k], &out->mu_lo[k]);
    dyadic_get(w->t.v, &a->u, MPFR_RNDA);
    mpfr_div_ui(w->t.v, w->t.v, all->m[k], MPFR_RNDA);
    mpfr_div_ui(w->t.v, w->t.v, all->m[k], MPFR_RNDA);
    mpfr_div_ui(w->t.v, w->t.v, all->r, MPFR_RNDA);
    out->v[k] = mpfr_get_ld(w->t.v, MPFR_RNDA);
  }
}

/* M and V; rounded to nearest in many bits, then away from 0 by more than that was. */
static void describe_mixture(const struct switched *all, struct describer *w, size_t g, struct group_truth *out)
{
  const struct level *level = &all->level[0];
  struct ball *t = &w->t, *sum = &w->u;
  ball_zero(sum);
  for (int k = 0; k < all->kinds; ++k) {
    ball_scale(t, &level->mean.over_m[k], average_of(all, k, g)->value);
    ball_add(sum, sum, t);
  }
  split(sum->v, w->low, &out->mu_hi, &out->mu_lo);
  ball_zero(sum);
  for (int k = 0; k < all->kinds; ++k) {
    ball_dyadic(t, &average_of(all, k, g)->u);
    ball_div_ui(t, t, all->m[k]);
    ball_div_ui(t, t, all->r);
    ball_mul(t, t, &level->var.over_m[k]);
    ball_add(sum, sum, t);
  }
  out->sigma2 = sum_above(mpfr_get_ld(sum->v, MPFR_RNDA), 0);
  out->kappa = out->mu_hi == 0 ? 0 : out->sigma2 > 0 ? sum_above(fabsl(out->mu_hi) / sqrtl(mpfr_get_ld(sum->v, MPFR_RNDD)), 0)
                                                     : INFINITY;
}

static void frame_group(const struct switched *all, struct describer *w, size_t g)
{
  struct frame_of *f = &all->frame[g];
  struct group_truth *out = &all->truth->group[g];
  bool averages = true;
  for (int k = 0; k < all->kinds; ++k) {
    const struct average *a = average_of(all, k, g);
    averages = averages && a->sum == 0 && a->squares == 0;
  }
  ball_init(&f->r, level_precision(0));
  ball_zero(&f->r);
  f->finite = out->finite = averages && all->weighted;
  f->rstd = f->finite ? class_of_root(all, g) : NAN;
  describe_averages(all, w, g, &all->truth->sw->group[g]);
  out->rstd = f->rstd;
  if (!f->finite) {
    *out = (struct group_truth){.mu_hi = NAN, .mean_abs = out->mean_abs, .sigma2 = INFINITY, .rstd = NAN,
                                .max_abs = out->max_abs};
    return;
  }
  describe_mixture(all, w, g, out);
  if (f->rstd != 1) return;
  root_of(all, 0, g, &f->r, &w->t);
  out->rstd = sum_above(mpfr_get_ld(f->r.v, MPFR_RNDU), 0);
}

static void frames(const struct switched *all)
{
#pragma omp parallel if (all->parallel)
  {
    struct describer w;
    ball_init(&w.t, level_precision(0));
    ball_init(&w.u, level_precision(0));
    mpfr_init2(w.low, level_precision(0));
#pragma omp for schedule(dynamic, 16)
    for (size_t g = 0; g < all->groups; ++g) frame_group(all, &w, g);
    ball_clear(&w.t);
    ball_clear(&w.u);
    mpfr_clear(w.low);
  }
}

/* ---- y ---- */

struct y_worker { /* of one thread */
  const struct switched *all;
  struct settler settler;
  size_t g;                            /* the group at hand */
  bool ready[LEVELS];
  struct ball r[LEVELS], y[LEVELS], t[LEVELS];
  mpfr_t mx, param;                    /* exact */
  double x, gamma, beta;
  struct exponentials top, w, w_var, b; /* gamma T; W; W'; B */
};

static void worker_init(struct y_worker *w, const struct switched *all)
{
  memset(w, 0, sizeof *w);
  w->all = all;
  w->g = SIZE_MAX;
  settler_init(&w->settler);
  for (int level = 0; level < LEVELS; ++level) {
    ball_init(&w->r[level], level_precision(level));
    ball_init(&w->y[level], level_precision(level));
    ball_init(&w->t[level], level_precision(level));
  }
  mpfr_init2(w->mx, 128);
  mpfr_init2(w->param, gamma_bits(all->data.p));
}

static void worker_clear(struct y_worker *w)
{
  settler_clear(&w->settler);
  for (int level = 0; level < LEVELS; ++level) {
    ball_clear(&w->r[level]);
    ball_clear(&w->y[level]);
    ball_clear(&w->t[level]);
  }
  mpfr_clears(w->mx, w->param, (mpfr_ptr)0);
  for (struct exponentials **s = (struct exponentials *[]){&w->top, &w->w, &w->w_var, &w->b, NULL}; *s; ++s)
    exponentials_clear(*s);
}

static const struct ball *root_at(struct y_worker *w, int level)
{
  if (!level) return &w->all->frame[w->g].r;
  if (!w->ready[level]) root_of(w->all, level, w->g, &w->r[level], &w->t[level]);
  w->ready[level] = true;
  return &w->r[level];
}

/* y = beta + gamma R sum_k (w_k/m_k) (m_k x - S_k), the differences rounded once each: what cancels in them costs nothing. */
static long y_approximate(void *self, int level, mpfr_ptr out)
{
  struct y_worker *w = self;
  const struct switched *all = w->all;
  struct ball *y = &w->y[level], *t = &w->t[level];
  const struct ball *root = root_at(w, level);
  ball_zero(y);
  for (int k = 0; k < all->kinds; ++k) {
    mpfr_set_d(w->mx, w->x, MPFR_RNDN);
    mpfr_mul_ui(w->mx, w->mx, all->m[k], MPFR_RNDN);
    ball_difference(t, w->mx, average_of(all, k, w->g)->value);
    ball_mul(t, t, &all->level[level].mean.over_m[k]);
    ball_add(y, y, t);
  }
  ball_mul(y, y, root);
  gamma_exact(w->all->data.p, w->gamma, w->param);
  ball_scale(y, y, w->param);
  if (w->beta != 0) {
    mpfr_set_d(t->v, w->beta, MPFR_RNDN);
    t->radius = RADIUS_0;
    ball_add(y, y, t);
  }
  mpfr_set(out, y->v, MPFR_RNDN);
  return y->radius;
}

/* top = factor T */
static void set_top(struct y_worker *w, const struct dyadic *factor)
{
  struct dyadic x, d;
  dyadic_init(&x);
  dyadic_init(&d);
  dyadic_set_d(&x, w->x);
  exponentials_zero(&w->top);
  for (int k = 0; k < w->all->kinds; ++k) {
    deviation_of(w->all, k, w->g, &x, &d);
    dyadic_mul(&d, &d, factor);
    exponentials_add(&w->top, &w->all->lambda[k], &d);
  }
  dyadic_clear(&x);
  dyadic_clear(&d);
}

/* gamma T sqrt(r W')/(W sqrt(B)) against q - beta */
static int y_compare(void *self, const struct dyadic *q)
{
  struct y_worker *w = self;
  struct dyadic c, t;
  dyadic_init(&c);
  dyadic_init(&t);
  gamma_exact(w->all->data.p, w->gamma, w->param);
  dyadic_set_mpfr(&t, w->param);
  set_top(w, &t);
  weights_sum(w->all, false, &w->w);
  weights_sum(w->all, true, &w->w_var);
  dyadic_set_d(&t, (double)w->all->r);
  exponentials_scale(&w->w_var, &t);
  root_square(w->all, w->g, &w->b);
  dyadic_set_d(&t, w->beta);
  dyadic_sub(&c, q, &t);
  int side = compare_root(&w->top, &w->w_var, &w->w, &w->b, &c);
  dyadic_clear(&c);
  dyadic_clear(&t);
  return side;
}

/* M and V are finite, R or a parameter is not: IEEE arithmetic on the sign of x - M. */
static double special_y(struct y_worker *w)
{
  struct dyadic one;
  dyadic_init(&one);
  dyadic_set_d(&one, 1);
  set_top(w, &one);
  double t = exponentials_sign(&w->top), gamma = w->gamma + plus_one(w->all->data.p);
  double y = gamma * (t * w->all->frame[w->g].rstd) + w->beta;
  dyadic_clear(&one);
  return isfinite(y) ? w->beta : y;
}

static void y_element(struct y_worker *w, size_t i, size_t j)
{
  const struct data *d = &w->all->data;
  const struct frame_of *f = &w->all->frame[w->g];
  struct truth_tensor *out = &w->all->truth->t[SLOT_Y];
  w->x = tensor_get(&d->in->t[SLOT_X], i);
  w->gamma = data_entry(d, SLOT_GAMMA, j, 1);
  w->beta = data_entry(d, SLOT_BETA, j, 0);
  if (!f->finite) settle_double(out, i, NAN);
  else if (f->rstd == 1 && isfinite(w->gamma) && isfinite(w->beta))
    settle(&w->settler, out, i, &(struct real){y_approximate, y_compare, w});
  else settle_double(out, i, special_y(w));
}

enum { CHUNK = 1024 };

static void forward(const struct switched *all)
{
  size_t chunks = (all->s + CHUNK - 1) / CHUNK;
#pragma omp parallel if (all->parallel)
  {
    struct y_worker w;
    worker_init(&w, all);
#pragma omp for schedule(dynamic, 4)
    for (size_t job = 0; job < all->groups * chunks; ++job) {
      size_t g = job / chunks, first = job % chunks * CHUNK, end = all->s - first < CHUNK ? all->s : first + CHUNK;
      struct runs runs = problem_runs(all->data.p, g);
      if (g != w.g) memset(w.ready, 0, sizeof w.ready);
      w.g = g;
      for (size_t k = first; k < end; ++k) y_element(&w, element_at(&runs, k), param_at(&runs, k));
    }
    worker_clear(&w);
  }
}

/* Of every channel: mean S/m, variance U/(m d), d = m or m - 1 by the estimator. */
static void running(const struct switched *all)
{
  const struct normative_problem *p = all->data.p;
  struct settler s;
  struct ratio q;
  struct dyadic d;
  settler_init(&s);
  ratio_init(&q);
  dyadic_init(&d);
  for (size_t c = 0; c < all->c; ++c) {
    const struct average *a = &all->average[BN][c];
    dyadic_set_d(&d, (double)all->m[BN]);
    settle_running(&s, &q, p, &all->truth->t[SLOT_RUNNING_MEAN], c, data_entry(&all->data, SLOT_RUNNING_MEAN, c, 0), a->sum,
                   &a->s, &d);
    dyadic_mul_ui(&d, &d, problem_running_divisor(p));
    settle_running(&s, &q, p, &all->truth->t[SLOT_RUNNING_VAR], c, data_entry(&all->data, SLOT_RUNNING_VAR, c, 1),
                   a->squares == 0 ? 0 : NAN, &a->u, &d);
  }
  settler_clear(&s);
  ratio_clear(&q);
  dyadic_clear(&d);
}

/* ---- all of it ---- */

static void describe_weights(const struct switched *all)
{
  struct switch_truth *sw = all->truth->sw;
  sw->lambdas = (size_t)all->kinds;
  for (int k = 0; k < all->kinds; ++k) {
    sw->w[k] = all->weighted ? sum_above(mpfr_get_ld(all->level[0].mean.w[k].v, MPFR_RNDU), 0) : NAN;
    sw->w_var[k] = all->weighted ? sum_above(mpfr_get_ld(all->level[0].var.w[k].v, MPFR_RNDU), 0) : NAN;
  }
}

static int switched_init(struct switched *all, struct error *e)
{
  const struct normative_problem *p = all->data.p;
  all->n = p->n;
  all->c = p->c;
  all->s = p->s;
  all->groups = p->n * p->c;
  all->kinds = p->drop_bn ? 2 : 3;
  all->own = all->data.evaluation ? 2 : all->kinds;
  all->r = p->repo ? p->s - 1 : 1;
  all->m[IN] = p->s;
  all->m[LN] = p->c * p->s;
  all->m[BN] = all->data.evaluation ? 1 : p->n * p->s;
  for (int k = 0; k < KINDS; ++k) all->f[k] = all->groups * all->s / all->m[k];
  all->frame = calloc(all->groups, sizeof *all->frame);
  bool memory = all->frame != NULL;
  for (int k = 0; k < all->kinds; ++k) {
    all->average[k] = calloc(count_of(all, k), sizeof **all->average);
    memory = memory && all->average[k];
  }
  if (!memory) return fail(e, "oracle: no memory for %zu groups", all->groups);
  for (int k = 0; k < all->kinds; ++k)
    for (size_t i = 0; i < count_of(all, k); ++i) average_init(&all->average[k][i]);
  dyadic_init(&all->eps);
  dyadic_set_d(&all->eps, p->eps);
  for (int n = 0; n < 2; ++n) dyadic_mul_ui(&all->eps, &all->eps, all->groups * all->s);
  dyadic_mul_ui(&all->eps, &all->eps, all->r);
  take_lambdas(all);
  return 0;
}

static void switched_clear(struct switched *all)
{
  for (size_t g = 0; g < all->groups; ++g) ball_clear(&all->frame[g].r);
  for (int k = 0; k < all->kinds; ++k) {
    for (size_t i = 0; i < count_of(all, k); ++i) average_clear(&all->average[k][i]);
    dyadic_clear(&all->lambda[k]);
    dyadic_clear(&all->lambda_var[k]);
  }
  for (int level = 0; level < LEVELS; ++level) {
    softmax_clear(all, &all->level[level].mean);
    softmax_clear(all, &all->level[level].var);
  }
  dyadic_clear(&all->eps);
}

static void switched_free(struct switched *all)
{
  for (int k = 0; k < all->kinds; ++k) free(all->average[k]);
  free(all->frame);
}

int oracle_switch(const struct data *d, struct truth *truth, bool parallel, struct error *e)
{
  struct switched all = {.data = *d, .truth = truth, .parallel = parallel};
  int bad = switched_init(&all, e);
  if (!bad) {
    statistics(&all);
    describe_weights(&all);
    frames(&all);
    if (d->p->direction == NORMATIVE_BACKWARD) bad = switch_backward(&all, e);
    else forward(&all);
    if (truth->t[SLOT_RUNNING_MEAN].count) running(&all);
    switched_clear(&all);
  }
  switched_free(&all);
  return bad;
}
