/* SPDX-License-Identifier: Apache-2.0
   The oracle, forward: y, mean, rstd, running statistics, sum.

   With m elements in a group, S = sum x and Q = sum x^2 exact, every norm here is one formula
       xhat = t / (sqrt(B) + E),   rstd = m / (sqrt(B) + E),   y = beta + gamma xhat
     own statistics    t = m x - S     V = m Q - S^2     (RMSNorm: S = 0 in both)
       eps inside      B = V + m^2 eps          E = 0
       eps outside     B = V                    E = m eps
       the greater     B = max(V, m^2 eps)      E = 0
     evaluation        the same with m = 1, S = running_mean, V = running_var
   with t, B, E exact, and one root a group. mean = S/m and the running statistics are rational. */
#include "oracle.h"
#include "settle.h"
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

/* ---- what a group is ---- */

struct group { /* exact; read by all threads once it is filled */
  unsigned long m;         /* of the formulas above: 1 in evaluation */
  struct dyadic s, v, b, e;
  struct dyadic abs;       /* sum |x| */
  double mean, rstd;       /* classes as IEEE has them. mean: 0 finite, else Inf or NaN; rstd: 1 finite, else 0, Inf, NaN */
  double max_abs;          /* of the finite ones */
  mpfr_t s_value;          /* s */
};

struct scratch { /* of one thread, for filling groups */
  struct sum plus, minus, squares;
  struct dyadic q, t;
  mpfr_t a, b;             /* 64 bits: a long double */
};

struct job {
  const struct normative_problem *p;
  const struct tensors *in;
  struct truth *truth;
  int centred, evaluation, residual;
};

static struct truth_tensor *output(const struct job *job, enum slot s)
{
  return job->truth->t[s].count ? &job->truth->t[s] : NULL;
}

static double entry(const struct job *job, enum slot s, size_t i, double absent)
{
  const struct tensor *t = &job->in->t[s];
  return slot_is_input(job->p, s) ? tensor_get(t, i) : absent;
}

static size_t element_at(const struct runs *r, size_t k)
{
  return r->base + k / r->inner * r->outer_stride + k % r->inner * r->inner_stride;
}

static size_t param_at(const struct runs *r, size_t k)
{
  return r->param + k / r->inner * r->param_outer + k % r->inner * r->param_inner;
}

static void group_init(struct group *g)
{
  struct dyadic *all[] = {&g->s, &g->v, &g->b, &g->e, &g->abs};
  for (size_t i = 0; i < sizeof all / sizeof *all; ++i) dyadic_init(all[i]);
  mpfr_init2(g->s_value, 128);
}

static void group_clear(struct group *g)
{
  struct dyadic *all[] = {&g->s, &g->v, &g->b, &g->e, &g->abs};
  for (size_t i = 0; i < sizeof all / sizeof *all; ++i) dyadic_clear(all[i]);
  mpfr_clear(g->s_value);
}

static void scratch_init(struct scratch *w)
{
  sum_init(&w->plus, SUM_OF_DOUBLES);
  sum_init(&w->minus, SUM_OF_DOUBLES);
  sum_init(&w->squares, SUM_OF_PRODUCTS);
  dyadic_init(&w->q);
  dyadic_init(&w->t);
  mpfr_inits2(64, w->a, w->b, (mpfr_ptr)0);
}

static void scratch_clear(struct scratch *w)
{
  dyadic_clear(&w->q);
  dyadic_clear(&w->t);
  mpfr_clears(w->a, w->b, (mpfr_ptr)0);
}

/* Into the sums goes one finite element x + r: plus where it is positive, minus where it is negative. */
static void add_element(struct scratch *w, double x, double r)
{
  struct sum *side = x >= -r ? &w->plus : &w->minus;
  sum_add(side, x);
  sum_add_product(&w->squares, x, x, 0);
  if (r == 0) return;
  sum_add(side, r);
  sum_add_product(&w->squares, x, r, 1);
  sum_add_product(&w->squares, r, r, 0);
}

/* S into g->s, sum |x| into g->abs, Q into w->q. The sum of what is not finite (0 if all is) is returned, that of its
   squares set, as IEEE adds. */
static double add_group(const struct job *job, struct scratch *w, struct group *g, size_t index, double *special_squares)
{
  struct runs runs = problem_runs(job->p, index);
  size_t m = problem_m(job->p);
  double special = 0;
  *special_squares = g->max_abs = 0;
  sum_clear(&w->plus);
  sum_clear(&w->minus);
  sum_clear(&w->squares);
  for (size_t k = 0; k < m; ++k) {
    size_t i = element_at(&runs, k);
    double x = tensor_get(&job->in->t[SLOT_X], i), r = job->residual ? tensor_get(&job->in->t[SLOT_RESIDUAL], i) : 0;
    if (isfinite(x) && isfinite(r)) {
      add_element(w, x, r);
      double size = r == 0 ? fabs(x) : nextafter(fabs(x + r), INFINITY);
      if (size > g->max_abs) g->max_abs = size;
    } else {
      special += x + r;
      *special_squares += (x + r) * (x + r);
    }
  }
  sum_get(&g->s, &w->plus);
  sum_get(&w->t, &w->minus);
  dyadic_sub(&g->abs, &g->s, &w->t);
  dyadic_add(&g->s, &g->s, &w->t);
  sum_get(&w->q, &w->squares);
  return special;
}

/* b and e of g from its v and m, and from them the class of rstd. */
static void place_eps(const struct job *job, struct scratch *w, struct group *g)
{
  dyadic_set(&g->b, &g->v);
  mpz_set_ui(g->e.z, 0);
  dyadic_set_d(&w->t, job->p->eps);
  dyadic_mul_ui(&w->t, &w->t, g->m);
  if (job->p->eps_place == NORMATIVE_EPS_OUTSIDE) dyadic_set(&g->e, &w->t);
  else {
    dyadic_mul_ui(&w->t, &w->t, g->m);
    if (job->p->eps_place == NORMATIVE_EPS_INSIDE) dyadic_add(&g->b, &g->v, &w->t);
    else {
      dyadic_sub(&w->q, &g->v, &w->t);
      if (dyadic_sgn(&w->q) < 0) dyadic_set(&g->b, &w->t);
    }
  }
  int sign = dyadic_sgn(&g->b);
  g->rstd = sign < 0 ? NAN : sign || dyadic_sgn(&g->e) ? 1 : INFINITY;
}

static void own_statistics(const struct job *job, struct scratch *w, struct group *g, size_t index)
{
  double squares, special = add_group(job, w, g, index, &squares);
  g->m = problem_m(job->p);
  if (!job->centred) mpz_set_ui(g->s.z, 0);
  dyadic_mul_ui(&g->v, &w->q, g->m);
  dyadic_mul(&w->t, &g->s, &g->s);
  dyadic_sub(&g->v, &g->v, &w->t);
  place_eps(job, w, g);
  g->mean = job->centred ? special : 0;
  if (squares != 0) g->rstd = isnan(squares) || job->centred ? NAN : 0;
}

static void given_statistics(const struct job *job, struct scratch *w, struct group *g, size_t index)
{
  double mean = entry(job, SLOT_RUNNING_MEAN, index % job->p->c, 0), var = entry(job, SLOT_RUNNING_VAR, index % job->p->c, 1);
  double unused;
  add_group(job, w, g, index, &unused);
  if (job->p->eps_place == NORMATIVE_EPS_MAX && var < 0) var = 0; /* eps wins */
  g->m = 1;
  g->mean = isfinite(mean) ? 0 : mean;
  dyadic_set_d(&g->s, isfinite(mean) ? mean : 0);
  dyadic_set_d(&g->v, isfinite(var) ? var : 0);
  place_eps(job, w, g);
  if (!isfinite(var)) g->rstd = var > 0 ? 0 : NAN;
}

static void fill_group(const struct job *job, struct scratch *w, struct group *g, size_t index)
{
  if (job->evaluation) given_statistics(job, w, g, index);
  else own_statistics(job, w, g, index);
  mpfr_prec_t bits = (mpfr_prec_t)mpz_sizeinbase(g->s.z, 2);
  mpfr_set_prec(g->s_value, bits < 64 ? 64 : bits);
  dyadic_get(g->s_value, &g->s, MPFR_RNDN);
}

/* ---- numbers with a root ---- */

struct root_worker { /* of one thread: approximations that belong to the group at hand */
  const struct job *job;
  const struct group *g;
  struct settler settler;
  bool ready[LEVELS];
  mpfr_t root[LEVELS]; /* 1/(sqrt(b) + e) */
  mpfr_t t[LEVELS];
  mpfr_t mx, param;    /* exact */
  struct dyadic left, right, x;
  /* the number: beta + gamma t / (sqrt(b) + e), t = m (x + r) - s; for rstd t = m, gamma = 1, beta = 0 */
  bool is_rstd;
  double element, residual, gamma, beta;
};

static void worker_init(struct root_worker *w, const struct job *job)
{
  /* (x + r) m needs all bits of any two doubles and 31 more; 1 + gamma likewise. */
  bool wide = job->residual, plus_one = job->p->casts == NORMATIVE_CAST_PLUS_ONE;
  memset(w, 0, sizeof *w);
  w->job = job;
  settler_init(&w->settler);
  for (int level = 0; level < LEVELS; ++level)
    mpfr_inits2(level_precision(level), w->root[level], w->t[level], (mpfr_ptr)0);
  mpfr_init2(w->mx, wide ? 2176 : 128);
  mpfr_init2(w->param, plus_one ? 2176 : 64);
  dyadic_init(&w->left);
  dyadic_init(&w->right);
  dyadic_init(&w->x);
}

static void worker_clear(struct root_worker *w)
{
  settler_clear(&w->settler);
  for (int level = 0; level < LEVELS; ++level) mpfr_clears(w->root[level], w->t[level], (mpfr_ptr)0);
  mpfr_clears(w->mx, w->param, (mpfr_ptr)0);
  dyadic_clear(&w->left);
  dyadic_clear(&w->right);
  dyadic_clear(&w->x);
}

static void worker_take(struct root_worker *w, const struct group *g)
{
  w->g = g;
  memset(w->ready, 0, sizeof w->ready);
}

/* 1/(sqrt(B) + E) at precision p, u = 2^-p: B is rounded once and so is its inverse root, or (E > 0) root, E, sum and
   quotient: within a factor (1+u)^(+-4.5). */
static mpfr_srcptr root_at(struct root_worker *w, int level)
{
  mpfr_ptr root = w->root[level];
  if (w->ready[level]) return root;
  w->ready[level] = true;
  dyadic_get(w->t[level], &w->g->b, MPFR_RNDN);
  if (!dyadic_sgn(&w->g->e)) mpfr_rec_sqrt(root, w->t[level], MPFR_RNDN);
  else {
    mpfr_sqrt(root, w->t[level], MPFR_RNDN);
    dyadic_get(w->t[level], &w->g->e, MPFR_RNDN);
    mpfr_add(root, root, w->t[level], MPFR_RNDN);
    mpfr_ui_div(root, 1, root, MPFR_RNDN);
  }
  return root;
}

/* m (x + r), exact */
static void set_mx(struct root_worker *w)
{
  mpfr_set_d(w->mx, w->element, MPFR_RNDN);
  if (w->job->residual) mpfr_add_d(w->mx, w->mx, w->residual, MPFR_RNDN);
  if (w->g->m != 1) mpfr_mul_ui(w->mx, w->mx, w->g->m, MPFR_RNDN);
}

static void set_param(struct root_worker *w)
{
  mpfr_set_d(w->param, w->gamma, MPFR_RNDN);
  if (w->job->p->casts == NORMATIVE_CAST_PLUS_ONE) mpfr_add_ui(w->param, w->param, 1, MPFR_RNDN);
}

/* One evaluation at precision p with a proven radius. u = 2^-p. t is the rounded difference of exact numbers: a factor
   (1+d), |d| <= u, whatever cancels; root (1+u)^(+-4.5); two products: v' = v (1+u)^(+-7.5), so |v' - v| < 7.6 u |v'|
   < 2^(e+3-p) where e is v''s exponent, |v'| < 2^e. Adding beta, exact, rounds by at most u |y'| < 2^(exponent of y' - p).
   The sum of both is below 2 to the greater exponent, plus 1. If t gamma is 0 then y = beta, exactly. */
static long root_approximate(void *self, int level, mpfr_ptr y)
{
  struct root_worker *w = self;
  mpfr_ptr t = w->t[level];
  mpfr_srcptr root = root_at(w, level);
  long p = level_precision(level);
  if (w->is_rstd) {
    mpfr_mul_ui(y, root, w->g->m, MPFR_RNDN);
    return mpfr_get_exp(y) + 3 - p;
  }
  set_mx(w);
  mpfr_sub(t, w->mx, w->g->s_value, MPFR_RNDN);
  set_param(w);
  mpfr_mul(t, t, root, MPFR_RNDN);
  mpfr_mul(t, t, w->param, MPFR_RNDN);
  if (mpfr_zero_p(t)) {
    mpfr_set_d(y, w->beta, MPFR_RNDN);
    return RADIUS_0;
  }
  if (w->beta == 0) {
    mpfr_set(y, t, MPFR_RNDN);
    return mpfr_get_exp(t) + 3 - p;
  }
  mpfr_set_d(w->param, w->beta, MPFR_RNDN);
  mpfr_add(y, t, w->param, MPFR_RNDN);
  long radius = mpfr_get_exp(t) + 3 - p;
  if (mpfr_zero_p(y)) return radius;
  return (mpfr_get_exp(y) - p > radius ? mpfr_get_exp(y) - p : radius) + 1;
}

/* left = gamma t, right = q - beta */
static void root_terms(struct root_worker *w, const struct dyadic *q)
{
  if (w->is_rstd) {
    mpz_set_ui(w->left.z, w->g->m);
    w->left.e = 0;
    dyadic_set(&w->right, q);
    return;
  }
  set_mx(w);
  set_param(w);
  dyadic_set_mpfr(&w->left, w->mx);
  dyadic_sub(&w->left, &w->left, &w->g->s);
  dyadic_set_mpfr(&w->right, w->param);
  dyadic_mul(&w->left, &w->left, &w->right);
  dyadic_set_d(&w->right, w->beta);
  dyadic_sub(&w->right, q, &w->right);
}

/* beta + gamma t / (sqrt(B) + E) against q is L against c sqrt(B), where c = q - beta and L = gamma t - c E: by their signs
   if those differ, else by their squares. */
static int root_compare(void *self, const struct dyadic *q)
{
  struct root_worker *w = self;
  struct dyadic *left = &w->left, *c = &w->right;
  root_terms(w, q);
  dyadic_mul(&w->x, c, &w->g->e);
  dyadic_sub(left, left, &w->x);
  int side = dyadic_sgn(left), other = dyadic_sgn(c) * dyadic_sgn(&w->g->b);
  if (side != other) return side > other ? 1 : -1;
  dyadic_mul(c, c, c);
  dyadic_mul(c, c, &w->g->b);
  dyadic_mul(left, left, left);
  dyadic_sub(left, left, c);
  return side * dyadic_sgn(left);
}

/* Something is not finite: y by IEEE arithmetic from the signs and classes of what is. A finite result is only possible
   from xhat = 0, and is beta. */
static void special_element(struct root_worker *w, size_t i, double special)
{
  const struct group *g = w->g;
  double t = special - g->mean, gamma = w->gamma + (w->job->p->casts == NORMATIVE_CAST_PLUS_ONE ? 1 : 0);
  if (special == 0 && g->mean == 0) {
    set_mx(w);
    t = mpfr_cmp(w->mx, g->s_value);
    t = (t > 0) - (t < 0);
  }
  double y = gamma * (t * g->rstd) + w->beta;
  settle_double(output(w->job, SLOT_Y), i, isfinite(y) ? w->beta : y);
}

static void sum_element(struct root_worker *w, size_t i, double special)
{
  struct truth_tensor *sum = output(w->job, SLOT_SUM);
  mpfr_set_d(w->mx, w->element, MPFR_RNDN);
  mpfr_add_d(w->mx, w->mx, w->residual, MPFR_RNDN);
  if (special != 0 || mpfr_zero_p(w->mx)) settle_double(sum, i, special);
  else settle_exact(&w->settler, sum, i, w->mx);
}

/* Elements from .. to of the group that w has taken. */
static void elements(struct root_worker *w, size_t index, size_t from, size_t to)
{
  const struct job *job = w->job;
  struct runs runs = problem_runs(job->p, index);
  struct real y = {root_approximate, root_compare, w};
  w->is_rstd = false;
  for (size_t k = from; k < to; ++k) {
    size_t i = element_at(&runs, k), j = param_at(&runs, k);
    w->element = tensor_get(&job->in->t[SLOT_X], i);
    w->residual = job->residual ? tensor_get(&job->in->t[SLOT_RESIDUAL], i) : 0;
    w->gamma = entry(job, SLOT_GAMMA, j, job->p->casts == NORMATIVE_CAST_PLUS_ONE ? 0 : 1);
    w->beta = entry(job, SLOT_BETA, j, 0);
    double special = isfinite(w->element) && isfinite(w->residual) ? 0 : w->element + w->residual;
    if (special == 0 && w->g->mean == 0 && w->g->rstd == 1 && isfinite(w->gamma) && isfinite(w->beta))
      settle(&w->settler, output(job, SLOT_Y), i, &y);
    else special_element(w, i, special);
    if (job->residual) sum_element(w, i, special);
  }
}

/* ---- rational numbers ---- */

struct ratio { const struct dyadic *a, *b; mpfr_t t[LEVELS]; struct dyadic x; }; /* a / b, b > 0 */

/* a and b are rounded once each and their quotient once: within 4 u of itself. */
static long ratio_approximate(void *self, int level, mpfr_ptr y)
{
  struct ratio *r = self;
  if (!dyadic_sgn(r->a)) {
    mpfr_set_zero(y, 1);
    return RADIUS_0;
  }
  dyadic_get(r->t[level], r->b, MPFR_RNDN);
  dyadic_get(y, r->a, MPFR_RNDN);
  mpfr_div(y, y, r->t[level], MPFR_RNDN);
  return mpfr_get_exp(y) + 2 - level_precision(level);
}

static int ratio_compare(void *self, const struct dyadic *q)
{
  struct ratio *r = self;
  dyadic_mul(&r->x, q, r->b);
  dyadic_sub(&r->x, r->a, &r->x);
  return dyadic_sgn(&r->x);
}

static void ratio_init(struct ratio *r)
{
  for (int level = 0; level < LEVELS; ++level) mpfr_init2(r->t[level], level_precision(level));
  dyadic_init(&r->x);
}

static void ratio_clear(struct ratio *r)
{
  for (int level = 0; level < LEVELS; ++level) mpfr_clear(r->t[level]);
  dyadic_clear(&r->x);
}

static void settle_ratio(struct settler *s, struct ratio *r, struct truth_tensor *out, size_t i, const struct dyadic *a,
                         const struct dyadic *b)
{
  r->a = a;
  r->b = b;
  settle(s, out, i, &(struct real){ratio_approximate, ratio_compare, r});
}

/* ---- running statistics ---- */

/* As IEEE has it when the old value r or the batch's b is not finite; a finite b comes as 0, which changes no class. */
static double running_special(const struct normative_problem *p, double r, double b)
{
  double w = p->momentum;
  if (p->rule == NORMATIVE_MOMENTUM_CUMULATIVE) return r + (b - r) / w;
  return p->rule == NORMATIVE_MOMENTUM_NEW ? (1 - w) * r + w * b : w * r + (1 - w) * b;
}

/* The new value from the old one r and the batch's estimate a/b, both exact: (k r b + l a) / (d b) with
     new k = 1-w, l = w, d = 1    old k = w, l = 1-w, d = 1    cumulative k = w-1, l = 1, d = w */
static void running_exact(const struct normative_problem *p, struct settler *s, struct ratio *q, struct truth_tensor *out,
                          size_t i, double r, const struct dyadic *a, const struct dyadic *b)
{
  struct dyadic w, one, k, l, d, t;
  struct dyadic *all[] = {&w, &one, &k, &l, &d, &t};
  for (size_t n = 0; n < 6; ++n) dyadic_init(all[n]);
  dyadic_set_d(&w, p->momentum);
  dyadic_set_d(&one, 1);
  bool cumulative = p->rule == NORMATIVE_MOMENTUM_CUMULATIVE, old = p->rule == NORMATIVE_MOMENTUM_OLD;
  dyadic_sub(&t, &one, &w);
  if (cumulative) mpz_neg(t.z, t.z);
  dyadic_set(&k, old ? &w : &t);
  dyadic_set(&l, cumulative ? &one : old ? &t : &w);
  dyadic_mul(&d, b, cumulative ? &w : &one);
  dyadic_set_d(&t, r);
  dyadic_mul(&t, &t, b);
  dyadic_mul(&k, &k, &t);
  dyadic_mul(&l, &l, a);
  dyadic_add(&k, &k, &l);
  settle_ratio(s, q, out, i, &k, &d);
  for (size_t n = 0; n < 6; ++n) dyadic_clear(all[n]);
}

/* Sums over the groups of a channel (one; InstanceNorm: one a sample) of S, V and, where not finite, mean and variance. */
struct channel { struct dyadic s, v; double mean, var; };

static void channel_sums(const struct job *job, struct scratch *w, struct group *g, size_t c, struct channel *sum)
{
  mpz_set_ui(sum->s.z, 0);
  mpz_set_ui(sum->v.z, 0);
  sum->mean = sum->var = 0;
  for (size_t index = c; index < problem_groups(job->p); index += job->p->c) {
    double squares, special = add_group(job, w, g, index, &squares);
    sum->mean += special;
    if (squares != 0) sum->var = NAN;
    dyadic_add(&sum->s, &sum->s, &g->s);
    dyadic_mul_ui(&w->q, &w->q, problem_m(job->p));
    dyadic_mul(&w->t, &g->s, &g->s);
    dyadic_sub(&w->q, &w->q, &w->t);
    dyadic_add(&sum->v, &sum->v, &w->q);
  }
}

/* mean = S/m; the variance V/m^2, unbiased V/(m (m-1)); over n groups of a channel their averages. */
static void running_statistics(const struct job *job, struct scratch *w, struct group *g, struct settler *s,
                               struct ratio *q, size_t c)
{
  const struct normative_problem *p = job->p;
  unsigned long m = problem_m(p), n = problem_groups(p) / p->c;
  double mean = entry(job, SLOT_RUNNING_MEAN, c, 0), var = entry(job, SLOT_RUNNING_VAR, c, 1);
  struct truth_tensor *means = output(job, SLOT_RUNNING_MEAN), *vars = output(job, SLOT_RUNNING_VAR);
  struct channel sum;
  struct dyadic d;
  dyadic_init(&sum.s);
  dyadic_init(&sum.v);
  dyadic_init(&d);
  channel_sums(job, w, g, c, &sum);
  mpz_set_ui(d.z, m);
  dyadic_mul_ui(&d, &d, n);
  if (sum.mean != 0 || !isfinite(mean)) settle_double(means, c, running_special(p, mean, sum.mean));
  else running_exact(p, s, q, means, c, mean, &sum.s, &d);
  dyadic_mul_ui(&d, &d, p->estimator == NORMATIVE_UNBIASED ? m - 1 : m);
  if (sum.var != 0 || !isfinite(var)) settle_double(vars, c, running_special(p, var, sum.var));
  else running_exact(p, s, q, vars, c, var, &sum.v, &d);
  dyadic_clear(&sum.s);
  dyadic_clear(&sum.v);
  dyadic_clear(&d);
}

/* ---- what a group saves and tells ---- */

static void saved_statistics(struct root_worker *w, struct ratio *q, size_t index)
{
  const struct group *g = w->g;
  struct truth_tensor *mean = output(w->job, SLOT_MEAN), *rstd = output(w->job, SLOT_RSTD);
  if (mean && g->mean != 0) settle_double(mean, index, g->mean);
  else if (mean) {
    mpz_set_ui(w->right.z, g->m);
    w->right.e = 0;
    settle_ratio(&w->settler, q, mean, index, &g->s, &w->right);
  }
  if (!rstd) return;
  w->is_rstd = true;
  if (g->rstd != 1) settle_double(rstd, index, g->rstd);
  else settle(&w->settler, rstd, index, &(struct real){root_approximate, root_compare, w});
}

/* a / k^2 or a / k, away from zero */
static long double quotient(mpfr_ptr t, const struct dyadic *a, unsigned long k, bool square)
{
  dyadic_get(t, a, MPFR_RNDA);
  mpfr_div_ui(t, t, k, MPFR_RNDA);
  if (square) mpfr_div_ui(t, t, k, MPFR_RNDA);
  return mpfr_get_ld(t, MPFR_RNDA);
}

/* kappa = |mu|/sigma = |S|/sqrt(V), from above */
static long double condition(struct scratch *w, const struct group *g)
{
  if (!dyadic_sgn(&g->s)) return 0;
  if (dyadic_sgn(&g->v) <= 0) return INFINITY;
  dyadic_get(w->b, &g->v, MPFR_RNDD);
  mpfr_sqrt(w->b, w->b, MPFR_RNDD);
  dyadic_get(w->a, &g->s, MPFR_RNDA);
  mpfr_div(w->a, w->a, w->b, MPFR_RNDA);
  return fabsl(mpfr_get_ld(w->a, MPFR_RNDA));
}

static void describe_group(struct scratch *w, struct root_worker *r, struct group_truth *out)
{
  const struct group *g = r->g;
  *out = (struct group_truth){.mu_hi = g->mean, .mean_abs = INFINITY, .sigma2 = INFINITY, .rstd = g->rstd, .max_abs = g->max_abs};
  out->finite = g->mean == 0 && (g->rstd == 1 || isinf(g->rstd) || (isnan(g->rstd) && dyadic_sgn(&g->b) < 0));
  if (!out->finite) return;
  unsigned long m = g->m;
  mpfr_ptr mean = r->t[0];
  mpfr_div_ui(mean, g->s_value, m, MPFR_RNDN);
  out->mu_hi = mpfr_get_ld(mean, MPFR_RNDN);
  mpfr_set_ld(w->a, out->mu_hi, MPFR_RNDN);
  mpfr_sub(mean, mean, w->a, MPFR_RNDN);
  out->mu_lo = mpfr_get_ld(mean, MPFR_RNDN);
  out->mean_abs = quotient(w->a, &g->abs, problem_m(r->job->p), false);
  out->sigma2 = quotient(w->a, &g->v, m, true);
  out->kappa = condition(w, g);
  if (g->rstd != 1) return;
  mpfr_mul_ui(w->a, root_at(r, 0), m, MPFR_RNDU);
  mpfr_nextabove(w->a); /* root_at is not rounded up */
  out->rstd = mpfr_get_ld(w->a, MPFR_RNDU);
}

/* ---- all of it ---- */

struct thread { struct scratch scratch; struct group group; struct root_worker worker; struct ratio ratio; };

static void thread_init(struct thread *t, const struct job *job)
{
  scratch_init(&t->scratch);
  group_init(&t->group);
  worker_init(&t->worker, job);
  ratio_init(&t->ratio);
}

static void thread_clear(struct thread *t)
{
  scratch_clear(&t->scratch);
  group_clear(&t->group);
  worker_clear(&t->worker);
  ratio_clear(&t->ratio);
}

static void start_group(struct thread *t, const struct job *job, size_t index)
{
  fill_group(job, &t->scratch, &t->group, index);
  worker_take(&t->worker, &t->group);
  saved_statistics(&t->worker, &t->ratio, index);
  describe_group(&t->scratch, &t->worker, &job->truth->group[index]);
}

/* Many groups: one thread for each. */
static void across_groups(const struct job *job, bool parallel)
{
  size_t groups = problem_groups(job->p), m = problem_m(job->p);
#pragma omp parallel if (parallel)
  {
    struct thread t;
    thread_init(&t, job);
#pragma omp for schedule(dynamic, 16)
    for (size_t index = 0; index < groups; ++index) {
      start_group(&t, job, index);
      elements(&t.worker, index, 0, m);
    }
    thread_clear(&t);
  }
}

/* Few large groups: all threads on each. */
static void inside_groups(const struct job *job)
{
  size_t groups = problem_groups(job->p), m = problem_m(job->p);
  struct thread first;
  thread_init(&first, job);
  for (size_t index = 0; index < groups; ++index) {
    start_group(&first, job, index);
#pragma omp parallel
    {
      struct root_worker w;
      worker_init(&w, job);
      worker_take(&w, &first.group);
#pragma omp for schedule(static)
      for (size_t k = 0; k < m; k += 1024) elements(&w, index, k, m - k < 1024 ? m : k + 1024);
      worker_clear(&w);
    }
  }
  thread_clear(&first);
}

static void all_running(const struct job *job, bool parallel)
{
#pragma omp parallel if (parallel)
  {
    struct thread t;
    thread_init(&t, job);
#pragma omp for schedule(dynamic)
    for (size_t c = 0; c < job->p->c; ++c)
      running_statistics(job, &t.scratch, &t.group, &t.worker.settler, &t.ratio, c);
    thread_clear(&t);
  }
}

static int check_problem(const struct normative_problem *p, const struct tensors *in, struct error *e)
{
  const struct norm_row *row = norm_find(p->norm);
  if (!row || p->norm == NORMATIVE_SWITCHNORM) return fail(e, "the oracle does not know norm number %u yet", p->norm);
  if (p->direction != NORMATIVE_FORWARD) return fail(e, "the oracle does not know direction=%s yet", direction_name(p->direction));
  if (p->affine != NORMATIVE_AFFINE_CHANNEL) return fail(e, "the oracle does not know affine other than channel yet");
  if (p->casts == NORMATIVE_CAST_NORMAL) return fail(e, "the oracle does not know casts=normal yet");
  for (int s = 0; s < SLOT_COUNT; ++s) {
    if (!slot_is_input(p, (enum slot)s)) continue;
    struct tensor want = slot_shape(p, (enum slot)s);
    if (!in->t[s].data) return fail(e, "the oracle misses input %s", slot_name[s]);
    if (in->t[s].type != want.type || in->t[s].count != want.count)
      return fail(e, "input %s: %zu values of %s where the problem has %zu of %s", slot_name[s], in->t[s].count,
                  type_name(in->t[s].type), want.count, type_name(want.type));
  }
  return 0;
}

static int allocate(const struct normative_problem *p, struct truth *truth, struct error *e)
{
  if (!problem_elements(p)) return 0;
  truth->groups = problem_groups(p);
  truth->group = calloc(truth->groups, sizeof *truth->group);
  if (!truth->group) return fail(e, "oracle: no memory for %zu groups", truth->groups);
  for (int s = 0; s < SLOT_COUNT; ++s) {
    struct truth_tensor *t = &truth->t[s];
    if (!slot_is_output(p, (enum slot)s)) continue;
    if (tensor_alloc(&t->nearest, p, (enum slot)s, e)) return -1;
    t->count = t->nearest.count;
    t->exact = malloc(t->count * sizeof *t->exact);
    if (!t->exact) return fail(e, "oracle: no memory for the %zu values of %s", t->count, slot_name[s]);
  }
  return 0;
}

/* Without elements there is nothing to know: no output, no group. */
int oracle_run(const struct normative_problem *p, const struct tensors *in, struct truth *truth, struct error *e)
{
  memset(truth, 0, sizeof *truth);
  if (check_problem(p, in, e)) return -1;
  if (allocate(p, truth, e)) {
    truth_free(truth);
    return -1;
  }
  if (!problem_elements(p)) return 0;
  struct job job = {.p = p, .in = in, .truth = truth, .centred = norm_find(p->norm)->centred,
                    .evaluation = p->mode == NORMATIVE_EVALUATION && p->running, .residual = p->residual != 0};
  bool parallel = !omp_in_parallel() && problem_elements(p) > 4096;
  if (parallel && problem_groups(p) < 4 * (size_t)omp_get_max_threads()) inside_groups(&job);
  else across_groups(&job, parallel);
  if (output(&job, SLOT_RUNNING_MEAN)) all_running(&job, parallel);
  return 0;
}

void truth_free(struct truth *truth)
{
  for (int s = 0; s < SLOT_COUNT; ++s) {
    free(truth->t[s].exact);
    free(truth->t[s].nearest.data);
  }
  free(truth->group);
  if (truth->cache_free) truth->cache_free(truth->cache);
  memset(truth, 0, sizeof *truth);
}
