/* SPDX-License-Identifier: Apache-2.0
   SwitchableNorm, backward. Of every group (n,c), with g = gamma dy,
       G = sum g    H = sum g (x - M)    P = -R G    Q = -(1/2) R^3 H
   and with sums over the groups that share an average of kind k (in evaluation not BN's, which are constants)
       dx = sum_k (w_k/m_k) (m_k R g + sum P) + sum_k 2 (w'_k/m_k^2) (m_k x - S_k) sum Q
       dgamma_c = sum_n R H/gamma     dlambda_mean[k] = w_k sum P (mu_k - M)     dlambda_var[k] = w'_k sum Q (v_k - V)
   With repo=yes v_k changes by 2/m_k [(x - mu_k) + (x - mu_in)/r], r = S - 1, where else by 2/m_k (x - mu_k): what comes
   through Q has (m_k x - S_k) + (m_k/S) (S x - S_in)/r in place of m_k x - S_k.
   All are sums of a sqrt(r W'/B)/D over groups (r = 1 without repo=yes), D the same product for all of equal B, a a sum of
   exponentials (oracle_switch.h):
       dx             a = m g W B [the element's own] - sum_k E_k f_k G B - sum_k E'_k f_k^2 (m_k x - S_k) h     D = W B
       dgamma         a = h/gamma                                                                                D = W
       dlambda_mean   a = -E_k G sum_j E_j (f_k S_k - f_j S_j)                                                   D = W^2
       dlambda_var    a = -(1/2) E'_k h sum_j E'_j (f_k^2 U_k - f_j^2 U_j)                                       D = W W' B
   where dx with repo=yes has r f_k (m_k x - S_k) + f_in (S x - S_in) in place of f_k (m_k x - S_k), and
   h = gamma sum_j E_j f_j (m_j sum dy x - S_j sum dy). That is algebra enough to tell a number's side of a middle, or
   that it is 0, if all of it that does not cancel has one B; else only approximations are left. */
#include "describe.h"
#include "oracle_switch.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct flow { /* of a group */
  bool finite;         /* dy is, and M, V and R; of gamma nothing is said: P and Q are 0 where it is not */
  struct dyadic g, gx; /* sum dy, sum dy x */
  struct ball p, q, t; /* at the first level: P, Q, R H/gamma */
};

struct backward {
  const struct switched *all;
  struct flow *flow;
  struct ball *sum_p[2], *sum_q[2]; /* at the first level, over the groups of an n, of a c */
  bool *bad[2];                     /* one of them is not finite */
};

/* ---- P and Q ---- */

struct kit { struct ball r, p, q, t, a, y; struct ball_sum sum, more; struct dyadic d, u; mpfr_t gamma; }; /* of one level */

static void kit_init(struct kit *w, long precision)
{
  for (struct ball **b = (struct ball *[]){&w->r, &w->p, &w->q, &w->t, &w->a, &w->y, NULL}; *b; ++b) ball_init(*b, precision);
  ball_sum_init(&w->sum, precision);
  ball_sum_init(&w->more, precision);
  dyadic_init(&w->d);
  dyadic_init(&w->u);
  mpfr_init2(w->gamma, 64);
}

static void kit_clear(struct kit *w)
{
  for (struct ball **b = (struct ball *[]){&w->r, &w->p, &w->q, &w->t, &w->a, &w->y, NULL}; *b; ++b) ball_clear(*b);
  ball_sum_clear(&w->sum);
  ball_sum_clear(&w->more);
  dyadic_clear(&w->d);
  dyadic_clear(&w->u);
  mpfr_clear(w->gamma);
}

static double gamma_entry(const struct switched *all, size_t g) { return data_entry(&all->data, SLOT_GAMMA, g % all->c, 1); }

/* v = gamma, exact; 0 where it is not finite */
static void gamma_of(const struct switched *all, size_t g, mpfr_ptr v)
{
  double entry = gamma_entry(all, g);
  mpfr_set_prec(v, gamma_bits(all->data.p));
  if (isfinite(entry)) gamma_exact(all->data.p, entry, v);
  else mpfr_set_zero(v, 1);
}

static long double gamma_size(const struct switched *all, size_t g)
{
  return fabsl((long double)gamma_entry(all, g) + plus_one(all->data.p));
}

/* d = m_k sum dy x - S_k sum dy */
static void moment_of(const struct backward *b, int k, size_t g, struct dyadic *d, struct dyadic *t)
{
  dyadic_mul_ui(d, &b->flow[g].gx, b->all->m[k]);
  dyadic_mul(t, &average_of(b->all, k, g)->s, &b->flow[g].g);
  dyadic_sub(d, d, t);
}

/* r, p, q, t of a group */
static void flow_at(const struct backward *b, int level, size_t g, struct kit *w)
{
  const struct switched *all = b->all;
  root_of(all, level, g, &w->r, &w->a);
  ball_zero(&w->t);
  for (int k = 0; k < all->kinds; ++k) {
    moment_of(b, k, g, &w->d, &w->u);
    ball_dyadic(&w->a, &w->d);
    ball_mul(&w->a, &w->a, &all->level[level].mean.over_m[k]);
    ball_add(&w->t, &w->t, &w->a);
  }
  ball_mul(&w->t, &w->t, &w->r);
  gamma_of(all, g, w->gamma);
  mpfr_neg(w->gamma, w->gamma, MPFR_RNDN);
  ball_dyadic(&w->p, &b->flow[g].g);
  ball_mul(&w->p, &w->p, &w->r);
  ball_scale(&w->p, &w->p, w->gamma);
  ball_scale(&w->q, &w->t, w->gamma);
  ball_mul(&w->q, &w->q, &w->r);
  ball_mul(&w->q, &w->q, &w->r);
  ball_div_ui(&w->q, &w->q, 2);
}

/* The same, the first level's from memory. */
static void flow_get(const struct backward *b, int level, size_t g, struct kit *w)
{
  if (level) {
    flow_at(b, level, g, w);
    return;
  }
  ball_set(&w->r, &b->all->frame[g].r);
  ball_set(&w->p, &b->flow[g].p);
  ball_set(&w->q, &b->flow[g].q);
  ball_set(&w->t, &b->flow[g].t);
}

struct pass { struct sum plain, products; struct dyadic t; mpfr_t low; struct kit kit; };

static long double magnitude(mpfr_srcptr v) { return sum_above(fabsl(mpfr_get_ld(v, MPFR_RNDA)), 0); }

/* One pass over a group: its sums, and what the bounds take. |x - M| as long double is off by 2^-120 |M| more than its own
   roundings. Is every dy finite? */
static bool sum_flow(const struct backward *b, struct pass *w, size_t g)
{
  const struct switched *all = b->all;
  const struct tensor *in = all->data.in->t;
  struct group_truth *out = &all->truth->group[g];
  struct runs runs = problem_runs(all->data.p, g);
  long double size = 0, moment = 0, gamma = gamma_size(all, g);
  sum_clear(&w->plain);
  sum_clear(&w->products);
  bool finite = true;
  out->dy_max = 0;
  for (size_t k = 0; k < all->s; ++k) {
    size_t i = element_at(&runs, k);
    double x = tensor_get(&in[SLOT_X], i), dy = tensor_get(&in[SLOT_DY], i);
    if (!isfinite(dy)) finite = false;
    if (!isfinite(dy)) continue;
    sum_add(&w->plain, dy); /* dbeta is finite whatever x is */
    if (fabs(dy) > out->dy_max) out->dy_max = fabs(dy);
    size += fabs(dy);
    if (!isfinite(x)) continue;
    sum_add_product(&w->products, dy, x, 0);
    moment += fabs(dy) * (fabsl(x - out->mu_hi - out->mu_lo) + fabsl(out->mu_hi) * 0x1p-120L);
  }
  sum_get(&b->flow[g].g, &w->plain);
  sum_get(&b->flow[g].gx, &w->products);
  out->g_abs = out->gx_abs = out->c1 = out->c2 = INFINITY;
  out->g_finite = finite && gamma < INFINITY;
  if (!out->g_finite) return finite;
  out->g_abs = sum_above(gamma * size / all->s, all->s);
  dyadic_get(w->low, &b->flow[g].g, MPFR_RNDA);
  out->c1 = sum_above(gamma * fabsl(mpfr_get_ld(w->low, MPFR_RNDA)) / all->s, 0);
  if (all->frame[g].rstd == 1) out->gx_abs = sum_above(gamma * moment * out->rstd / all->s, all->s);
  return true;
}

static void first_flow(const struct backward *b, struct pass *w, size_t g)
{
  struct flow *f = &b->flow[g];
  struct group_truth *out = &b->all->truth->group[g];
  struct switch_group *sw = &b->all->truth->sw->group[g];
  dyadic_init(&f->g);
  dyadic_init(&f->gx);
  for (struct ball **v = (struct ball *[]){&f->p, &f->q, &f->t, NULL}; *v; ++v) {
    ball_init(*v, level_precision(0));
    ball_zero(*v);
  }
  bool all_dy = sum_flow(b, w, g);
  f->finite = all_dy && b->all->frame[g].rstd == 1;
  sw->p = sw->q = INFINITY;
  if (!f->finite) return;
  flow_at(b, 0, g, &w->kit);
  ball_set(&f->p, &w->kit.p);
  ball_set(&f->q, &w->kit.q);
  ball_set(&f->t, &w->kit.t);
  if (!out->g_finite) return;
  sw->p = magnitude(f->p.v);
  sw->q = magnitude(f->q.v);
  out->c2 = sum_above(magnitude(f->t.v) * gamma_size(b->all, g) / b->all->s, 0);
}

static void flows(const struct backward *b)
{
#pragma omp parallel if (b->all->parallel)
  {
    struct pass w;
    sum_init(&w.plain, SUM_OF_DOUBLES);
    sum_init(&w.products, SUM_OF_PRODUCTS);
    dyadic_init(&w.t);
    mpfr_init2(w.low, 64);
    kit_init(&w.kit, level_precision(0));
#pragma omp for schedule(dynamic, 16)
    for (size_t g = 0; g < b->all->groups; ++g) first_flow(b, &w, g);
    dyadic_clear(&w.t);
    mpfr_clear(w.low);
    kit_clear(&w.kit);
  }
}

/* Sums over the groups of an n (kind LN) or c (BN), number `place`. */
static size_t members(const struct switched *all, int k) { return k == IN ? 1 : k == LN ? all->c : all->n; }
static size_t member(const struct switched *all, int k, size_t place, size_t i)
{
  return k == IN ? place : k == LN ? place * all->c + i : i * all->c + place;
}

static void sums_at(const struct backward *b, int level, int k, size_t place, struct kit *w, struct ball *p, struct ball *q)
{
  ball_sum_start(&w->sum);
  ball_sum_start(&w->more);
  for (size_t i = 0; i < members(b->all, k); ++i) {
    flow_get(b, level, member(b->all, k, place, i), w);
    ball_sum_add(&w->sum, &w->p);
    ball_sum_add(&w->more, &w->q);
  }
  ball_sum_get(p, &w->sum);
  ball_sum_get(q, &w->more);
}

static int shared_init(struct backward *b, struct error *e)
{
  const struct switched *all = b->all;
  struct switch_truth *sw = all->truth->sw;
  struct kit w;
  kit_init(&w, level_precision(0));
  for (int k = LN; k <= BN; ++k) {
    size_t count = k == LN ? all->n : all->c;
    struct ball *p = b->sum_p[k - LN] = calloc(count, sizeof *p), *q = b->sum_q[k - LN] = calloc(count, sizeof *q);
    b->bad[k - LN] = calloc(count, sizeof(bool));
    if (!p || !q || !b->bad[k - LN]) return fail(e, "oracle: no memory for %zu sums", count);
    for (size_t place = 0; place < count; ++place) {
      long double *p_abs = k == LN ? &sw->p_n[place] : &sw->p_c[place], *q_abs = k == LN ? &sw->q_n[place] : &sw->q_c[place];
      for (size_t i = 0; i < members(all, k); ++i) {
        size_t g = member(all, k, place, i);
        if (!b->flow[g].finite || !all->truth->group[g].g_finite) b->bad[k - LN][place] = true;
        *p_abs += sw->group[g].p;
        *q_abs += sw->group[g].q;
      }
      *p_abs = sum_above(*p_abs, members(all, k));
      *q_abs = sum_above(*q_abs, members(all, k));
      ball_init(&p[place], level_precision(0));
      ball_init(&q[place], level_precision(0));
      sums_at(b, 0, k, place, &w, &p[place], &q[place]);
    }
  }
  kit_clear(&w);
  return 0;
}

static void shared_clear(struct backward *b)
{
  for (int n = 0; n < 2; ++n) {
    size_t count = n ? b->all->c : b->all->n;
    for (size_t place = 0; b->sum_p[n] && b->sum_q[n] && place < count; ++place) {
      if (b->sum_p[n][place].v->_mpfr_d) ball_clear(&b->sum_p[n][place]);
      if (b->sum_q[n][place].v->_mpfr_d) ball_clear(&b->sum_q[n][place]);
    }
    free(b->sum_p[n]);
    free(b->sum_q[n]);
    free(b->bad[n]);
  }
}

/* ---- which side of a middle ---- */

enum { CLASSES = 64 };
struct worker { /* of one thread */
  const struct backward *b;
  struct settler settler;
  struct kit kit[LEVELS];
  /* dx of the group g: */
  size_t g;
  bool ready[LEVELS];
  struct ball r[LEVELS], constant[LEVELS], slope[LEVELS][KINDS];
  mpfr_t mx, factor; /* exact: m_k x or m_k g; g */
  mpfr_t sum_g;      /* G */
  mpfr_t gamma, other; /* exact: of g, of a group that shares an average with it */
  double x, dy;
  /* a parameter: */
  size_t j;
  bool var;
  /* algebra: */
  struct { struct exponentials b, a; } class[CLASSES];
  int classes; /* CLASSES + 1: too many */
  struct exponentials w, w_var, root, d, h, s, t; /* root: r W' */
};

static void worker_init(struct worker *w, const struct backward *b)
{
  memset(w, 0, sizeof *w);
  w->b = b;
  w->g = SIZE_MAX;
  settler_init(&w->settler);
  for (int level = 0; level < LEVELS; ++level) {
    kit_init(&w->kit[level], level_precision(level));
    ball_init(&w->r[level], level_precision(level));
    ball_init(&w->constant[level], level_precision(level));
    for (int k = 0; k < KINDS; ++k) ball_init(&w->slope[level][k], level_precision(level));
  }
  mpfr_init2(w->mx, 96 + gamma_bits(b->all->data.p));
  mpfr_init2(w->factor, 53 + gamma_bits(b->all->data.p));
  mpfr_inits2(64, w->sum_g, w->gamma, w->other, (mpfr_ptr)0);
}

static void worker_clear(struct worker *w)
{
  settler_clear(&w->settler);
  for (int level = 0; level < LEVELS; ++level) {
    kit_clear(&w->kit[level]);
    ball_clear(&w->r[level]);
    ball_clear(&w->constant[level]);
    for (int k = 0; k < KINDS; ++k) ball_clear(&w->slope[level][k]);
  }
  mpfr_clears(w->mx, w->factor, w->sum_g, w->gamma, w->other, (mpfr_ptr)0);
  for (int n = 0; n < CLASSES; ++n) {
    exponentials_clear(&w->class[n].a);
    exponentials_clear(&w->class[n].b);
  }
  struct exponentials *const all[] = {&w->w, &w->w_var, &w->root, &w->d, &w->h, &w->s, &w->t};
  for (size_t k = 0; k < sizeof all / sizeof *all; ++k) exponentials_clear(all[k]);
}

static void start_classes(struct worker *w)
{
  w->classes = 0;
  weights_sum(w->b->all, false, &w->w);
  weights_sum(w->b->all, true, &w->w_var);
  weights_sum(w->b->all, true, &w->root);
  struct dyadic r;
  dyadic_init(&r);
  dyadic_set_d(&r, (double)w->b->all->r);
  exponentials_scale(&w->root, &r);
  dyadic_clear(&r);
}

/* The class of group g, with its a; -1 if there are too many. */
static int class_of(struct worker *w, size_t g)
{
  if (w->classes > CLASSES) return -1;
  root_square(w->b->all, g, &w->s);
  for (int n = 0; n < w->classes; ++n) {
    exponentials_zero(&w->t);
    exponentials_join(&w->t, &w->s, 1);
    exponentials_join(&w->t, &w->class[n].b, -1);
    if (!w->t.count) return n;
  }
  if (w->classes++ == CLASSES) return -1;
  exponentials_zero(&w->class[w->classes - 1].a);
  exponentials_zero(&w->class[w->classes - 1].b);
  exponentials_join(&w->class[w->classes - 1].b, &w->s, 1);
  return w->classes - 1;
}

/* h = gamma sum_j E_j f_j (m_j sum dy x - S_j sum dy), gamma given; NULL: 1 */
static void set_h(struct worker *w, size_t g, mpfr_srcptr gamma)
{
  const struct switched *all = w->b->all;
  struct dyadic d, t;
  dyadic_init(&d);
  dyadic_init(&t);
  exponentials_zero(&w->h);
  for (int j = 0; j < all->kinds; ++j) {
    moment_of(w->b, j, g, &d, &t);
    dyadic_mul_ui(&d, &d, all->f[j]);
    if (gamma) dyadic_set_mpfr(&t, gamma);
    if (gamma) dyadic_mul(&d, &d, &t);
    exponentials_add(&w->h, &all->lambda[j], &d);
  }
  dyadic_clear(&d);
  dyadic_clear(&t);
}

/* class n's a += sign l r */
static void add_product(struct worker *w, int n, const struct exponentials *l, const struct exponentials *r, int sign)
{
  exponentials_mul(&w->s, l, r);
  exponentials_join(&w->class[n].a, &w->s, sign);
}

/* D of class n into w->d. */
enum divisor { W_B, W_ONLY, W_W, W_W_B };
static void set_divisor(struct worker *w, enum divisor what, int n)
{
  exponentials_zero(&w->s);
  exponentials_join(&w->s, &w->w, 1);
  if (what == W_W) exponentials_mul(&w->d, &w->s, &w->w);
  else if (what == W_W_B) exponentials_mul(&w->d, &w->s, &w->w_var);
  else {
    exponentials_zero(&w->d);
    exponentials_join(&w->d, &w->s, 1);
  }
  if (what != W_B && what != W_W_B) return;
  exponentials_mul(&w->s, &w->d, &w->class[n].b);
  exponentials_zero(&w->d);
  exponentials_join(&w->d, &w->s, 1);
}

/* The classes being full: the number against q, real being its approximation. */
static int compare_classes(struct worker *w, enum divisor what, const struct dyadic *q, const struct real *real)
{
  int only = -1, count = 0;
  if (w->classes <= CLASSES) {
    for (int n = 0; n < w->classes; ++n)
      if (w->class[n].a.count) {
        only = n;
        ++count;
      }
    if (!count) return -dyadic_sgn(q);
    if (count == 1) {
      set_divisor(w, what, only);
      int side = compare_root(&w->class[only].a, &w->root, &w->d, &w->class[only].b, q);
      if (side != UNKNOWN) return side;
    }
  }
  return dyadic_sgn(q) ? settle_side(real, q) : UNKNOWN;
}

/* ---- dx ---- */

/* Is an average of kind k that of one group alone? */
static bool alone(const struct switched *all, int k) { return k < all->own && members(all, k) == 1; }

/* repo=yes: what all kinds add at S x - S_in, the slope of k times (m_k/S)/r. */
static void add_bessel(struct worker *w, int level, struct kit *kit)
{
  const struct switched *all = w->b->all;
  ball_zero(&kit->a);
  for (int k = 0; k < all->own; ++k) {
    mpfr_set_ui(w->mx, all->m[k] / all->s, MPFR_RNDN);
    ball_scale(&kit->y, &w->slope[level][k], w->mx);
    ball_add(&kit->a, &kit->a, &kit->y);
  }
  ball_div_ui(&kit->a, &kit->a, all->r);
  ball_add(&w->slope[level][IN], &w->slope[level][IN], &kit->a);
}

/* Of the kinds whose averages are shared: the constant sum_k (w_k/m_k) sum P; of all, the slope at m_k x - S_k. */
static void coefficients_at(struct worker *w, int level)
{
  const struct backward *b = w->b;
  const struct switched *all = b->all;
  const struct level *weights = &all->level[level];
  struct kit *kit = &w->kit[level];
  if (w->ready[level]) return;
  w->ready[level] = true;
  ball_zero(&w->constant[level]);
  for (int k = 0; k < all->own; ++k) {
    size_t place = place_of(all, k, w->g);
    if (level || k == IN) sums_at(b, level, k, place, kit, &kit->a, &kit->y);
    else {
      ball_set(&kit->a, &b->sum_p[k - LN][place]);
      ball_set(&kit->y, &b->sum_q[k - LN][place]);
    }
    ball_mul(&kit->a, &kit->a, &weights->mean.over_m[k]);
    if (!alone(all, k)) ball_add(&w->constant[level], &w->constant[level], &kit->a);
    ball_mul(&kit->y, &kit->y, &weights->var.over_m[k]);
    ball_div_ui(&kit->y, &kit->y, all->m[k]);
    ball_add(&w->slope[level][k], &kit->y, &kit->y);
  }
  if (all->data.p->repo) add_bessel(w, level, kit);
  flow_get(b, level, w->g, kit);
  ball_set(&w->r[level], &kit->r);
}

/* R (sum_k w_k g) with g - G/m_k in place of g, exact, where that is the whole of k's part. */
static void add_direct(struct worker *w, int level, struct kit *kit)
{
  const struct switched *all = w->b->all;
  const struct softmax *weights = &all->level[level].mean;
  mpfr_mul_d(w->factor, w->gamma, w->dy, MPFR_RNDN);
  ball_zero(&kit->y);
  for (int k = 0; k < all->kinds; ++k) {
    if (alone(all, k)) {
      mpfr_mul_ui(w->mx, w->factor, all->m[k], MPFR_RNDN);
      ball_difference(&kit->a, w->mx, w->sum_g);
      ball_mul(&kit->a, &kit->a, &weights->over_m[k]);
    } else ball_scale(&kit->a, &weights->w[k], w->factor);
    ball_add(&kit->y, &kit->y, &kit->a);
  }
  ball_mul(&kit->y, &kit->y, &w->r[level]);
}

static long dx_approximate(void *self, int level, mpfr_ptr out)
{
  struct worker *w = self;
  const struct switched *all = w->b->all;
  struct kit *kit = &w->kit[level];
  coefficients_at(w, level);
  add_direct(w, level, kit);
  ball_add(&kit->y, &kit->y, &w->constant[level]);
  for (int k = 0; k < all->own; ++k) {
    mpfr_set_d(w->mx, w->x, MPFR_RNDN);
    mpfr_mul_ui(w->mx, w->mx, all->m[k], MPFR_RNDN);
    ball_difference(&kit->a, w->mx, average_of(all, k, w->g)->value);
    ball_mul(&kit->a, &kit->a, &w->slope[level][k]);
    ball_add(&kit->y, &kit->y, &kit->a);
  }
  mpfr_set(out, kit->y.v, MPFR_RNDN);
  return kit->y.radius;
}

/* d = f_k (m_k x - S_k), or with repo=yes r f_k (m_k x - S_k) + f_in (S x - S_in) */
static void slope_at(const struct switched *all, int k, size_t g, const struct dyadic *x, struct dyadic *d)
{
  struct dyadic t;
  deviation_of(all, k, g, x, d);
  if (!all->data.p->repo) return;
  dyadic_init(&t);
  deviation_of(all, IN, g, x, &t);
  dyadic_mul_ui(d, d, all->r);
  dyadic_add(d, d, &t);
  dyadic_clear(&t);
}

/* What group g, which shares the element's average of kind k, adds to the a of its class. */
static void add_shared(struct worker *w, int k, size_t g)
{
  const struct switched *all = w->b->all;
  const struct flow *f = &w->b->flow[g];
  gamma_of(all, g, w->other);
  if (mpfr_zero_p(w->other) || (!dyadic_sgn(&f->g) && !dyadic_sgn(&f->gx))) return;
  int n = class_of(w, g);
  if (n < 0) return;
  struct dyadic c, x;
  dyadic_init(&c);
  dyadic_init(&x);
  set_h(w, g, w->other);
  dyadic_set_mpfr(&c, w->other);
  dyadic_mul(&c, &c, &f->g);
  dyadic_mul_ui(&c, &c, all->f[k]);
  exponentials_zero(&w->t);
  exponentials_add(&w->t, &all->lambda[k], &c);
  add_product(w, n, &w->t, &w->class[n].b, -1);
  dyadic_set_d(&x, w->x);
  slope_at(all, k, w->g, &x, &c);
  dyadic_mul_ui(&c, &c, all->f[k]);
  exponentials_zero(&w->t);
  exponentials_add(&w->t, &all->lambda_var[k], &c);
  add_product(w, n, &w->t, &w->h, -1);
  dyadic_clear(&c);
  dyadic_clear(&x);
}

static void add_own(struct worker *w)
{
  struct dyadic c, t;
  int n = !mpfr_zero_p(w->gamma) && w->dy != 0 ? class_of(w, w->g) : -1;
  if (n < 0) return;
  dyadic_init(&c);
  dyadic_init(&t);
  dyadic_set_mpfr(&c, w->gamma);
  dyadic_set_d(&t, w->dy);
  dyadic_mul(&c, &c, &t);
  dyadic_mul_ui(&c, &c, w->b->all->groups * w->b->all->s);
  exponentials_zero(&w->t);
  exponentials_join(&w->t, &w->w, 1);
  exponentials_scale(&w->t, &c);
  add_product(w, n, &w->t, &w->class[n].b, 1);
  dyadic_clear(&c);
  dyadic_clear(&t);
}

static int dx_compare(void *self, const struct dyadic *q)
{
  struct worker *w = self;
  const struct switched *all = w->b->all;
  start_classes(w);
  add_own(w);
  for (int k = 0; k < all->own; ++k)
    for (size_t i = 0; i < members(all, k) && w->classes <= CLASSES; ++i)
      add_shared(w, k, member(all, k, place_of(all, k, w->g), i));
  return compare_classes(w, W_B, q, &(struct real){dx_approximate, dx_compare, w});
}

static void dx_element(struct worker *w, size_t i, bool finite)
{
  const struct switched *all = w->b->all;
  struct truth_tensor *out = &all->truth->t[SLOT_DX];
  w->x = tensor_get(&all->data.in->t[SLOT_X], i);
  w->dy = tensor_get(&all->data.in->t[SLOT_DY], i);
  if (!finite) settle_double(out, i, NAN);
  else settle(&w->settler, out, i, &(struct real){dx_approximate, dx_compare, w});
}

static void take_group(struct worker *w, size_t g)
{
  struct dyadic t;
  memset(w->ready, 0, sizeof w->ready);
  w->g = g;
  gamma_of(w->b->all, g, w->gamma);
  dyadic_init(&t);
  dyadic_set_mpfr(&t, w->gamma);
  dyadic_mul(&t, &t, &w->b->flow[g].g);
  mpfr_prec_t bits = (mpfr_prec_t)mpz_sizeinbase(t.z, 2);
  mpfr_set_prec(w->sum_g, bits < 64 ? 64 : bits);
  dyadic_get(w->sum_g, &t, MPFR_RNDN);
  dyadic_clear(&t);
}

enum { CHUNK = 1024 };

static void all_dx(const struct backward *b)
{
  const struct switched *all = b->all;
  size_t chunks = (all->s + CHUNK - 1) / CHUNK;
#pragma omp parallel if (all->parallel)
  {
    struct worker w;
    worker_init(&w, b);
#pragma omp for schedule(dynamic, 4)
    for (size_t job = 0; job < all->groups * chunks; ++job) {
      size_t g = job / chunks, first = job % chunks * CHUNK, end = all->s - first < CHUNK ? all->s : first + CHUNK;
      struct runs runs = problem_runs(all->data.p, g);
      bool finite = !b->bad[0][g / all->c] && (all->own < KINDS || !b->bad[1][g % all->c]);
      if (g != w.g) take_group(&w, g);
      for (size_t k = first; k < end; ++k) dx_element(&w, element_at(&runs, k), finite);
    }
    worker_clear(&w);
  }
}

/* ---- dgamma, dbeta ---- */

static long dgamma_approximate(void *self, int level, mpfr_ptr out)
{
  struct worker *w = self;
  const struct switched *all = w->b->all;
  struct kit *kit = &w->kit[level];
  ball_sum_start(&kit->sum);
  for (size_t n = 0; n < all->n; ++n) {
    size_t g = n * all->c + w->j;
    if (!w->b->flow[g].finite) continue;
    flow_get(w->b, level, g, kit);
    ball_sum_add(&kit->sum, &kit->t);
  }
  ball_sum_get(&kit->y, &kit->sum);
  mpfr_set(out, kit->y.v, MPFR_RNDN);
  return kit->y.radius;
}

static int dgamma_compare(void *self, const struct dyadic *q)
{
  struct worker *w = self;
  const struct switched *all = w->b->all;
  start_classes(w);
  for (size_t n = 0; n < all->n && w->classes <= CLASSES; ++n) {
    size_t g = n * all->c + w->j;
    if (!w->b->flow[g].finite) continue;
    set_h(w, g, NULL);
    int class = w->h.count ? class_of(w, g) : -1;
    if (class >= 0) exponentials_join(&w->class[class].a, &w->h, 1);
  }
  return compare_classes(w, W_ONLY, q, &(struct real){dgamma_approximate, dgamma_compare, w});
}

/* The sign of x - M. */
static int side_of(struct worker *w, size_t g, double x)
{
  const struct switched *all = w->b->all;
  struct dyadic v, d;
  dyadic_init(&v);
  dyadic_init(&d);
  dyadic_set_d(&v, x);
  exponentials_zero(&w->h);
  for (int k = 0; k < all->kinds; ++k) {
    deviation_of(all, k, g, &v, &d);
    exponentials_add(&w->h, &all->lambda[k], &d);
  }
  int side = exponentials_sign(&w->h);
  dyadic_clear(&v);
  dyadic_clear(&d);
  return side;
}

struct specials { double dgamma, dbeta; }; /* IEEE's sums of what is not finite */

/* One group's part of the quantities of its channel. */
static void pass_group(struct worker *w, size_t g, struct param_truth *out, struct specials *special)
{
  const struct switched *all = w->b->all;
  const struct group_truth *q = &all->truth->group[g];
  struct runs runs = problem_runs(all->data.p, g);
  bool ordinary = all->frame[g].rstd == 1;
  long double spread = q->sigma2 * q->rstd * q->rstd;
  if (!ordinary) out->x_finite = false;
  for (size_t k = 0; k < all->s; ++k) {
    size_t i = element_at(&runs, k);
    double x = tensor_get(&all->data.in->t[SLOT_X], i), dy = tensor_get(&all->data.in->t[SLOT_DY], i);
    long double xhat = (fabsl(x - q->mu_hi - q->mu_lo) + fabsl(q->mu_hi) * 0x1p-120L) * q->rstd;
    out->m += 1;
    if (!isfinite(dy)) {
      out->finite = false;
      special->dbeta += dy;
    } else {
      out->dy_abs += fabs(dy);
      out->dy_norm += (long double)dy * dy;
    }
    if (!isfinite(dy) || !ordinary) {
      double term = dy * (all->frame[g].finite ? side_of(w, g, x) * all->frame[g].rstd : NAN);
      if (!isfinite(term)) special->dgamma += term;
      continue;
    }
    out->dyx_abs += fabs(dy) * xhat;
    out->dyx_norm += (long double)dy * dy * (xhat * xhat + spread);
  }
}

static struct specials pass_channel(struct worker *w, struct param_truth *out)
{
  const struct switched *all = w->b->all;
  struct specials special = {0, 0};
  *out = (struct param_truth){.finite = true, .x_finite = true};
  for (size_t n = 0; n < all->n; ++n) pass_group(w, n * all->c + w->j, out, &special);
  size_t m = (size_t)out->m;
  bool all_finite = out->finite && out->x_finite;
  out->dy_abs = out->finite ? sum_above(out->dy_abs, m) : INFINITY;
  out->dy_norm = out->finite ? sum_above(sqrtl(sum_above(out->dy_norm, m)), 0) : INFINITY;
  out->dyx_abs = all_finite ? sum_above(out->dyx_abs, m) : INFINITY;
  out->dyx_norm = all_finite ? sum_above(sqrtl(sum_above(out->dyx_norm, m)), 0) : INFINITY;
  return special;
}

static void dbeta(struct worker *w, struct truth_tensor *out)
{
  const struct switched *all = w->b->all;
  struct dyadic d;
  dyadic_init(&d);
  for (size_t n = 0; n < all->n; ++n) dyadic_add(&d, &d, &w->b->flow[n * all->c + w->j].g);
  settle_dyadic(&w->settler, out, w->j, &d);
  dyadic_clear(&d);
}

static void channel(struct worker *w, size_t c)
{
  struct truth *truth = w->b->all->truth;
  struct truth_tensor *dgamma = &truth->t[SLOT_DGAMMA], *sum = &truth->t[SLOT_DBETA];
  w->j = c;
  struct specials special = pass_channel(w, &truth->param[c]);
  if (sum->count && special.dbeta != 0) settle_double(sum, c, special.dbeta);
  else if (sum->count) dbeta(w, sum);
  if (dgamma->count && special.dgamma != 0) settle_double(dgamma, c, special.dgamma);
  else if (dgamma->count) settle(&w->settler, dgamma, c, &(struct real){dgamma_approximate, dgamma_compare, w});
}

/* ---- dlambda_mean, dlambda_var ---- */

/* d = f_k S_k - f_j S_j, or f_k^2 U_k - f_j^2 U_j */
static void apart(const struct worker *w, size_t g, int k, int j, struct dyadic *d, struct dyadic *t)
{
  const struct switched *all = w->b->all;
  const struct average *a = average_of(all, k, g), *b = average_of(all, j, g);
  dyadic_mul_ui(d, w->var ? &a->u : &a->s, all->f[k]);
  dyadic_mul_ui(t, w->var ? &b->u : &b->s, all->f[j]);
  if (w->var) dyadic_mul_ui(d, d, all->f[k]);
  if (w->var) dyadic_mul_ui(t, t, all->f[j]);
  dyadic_sub(d, d, t);
}

/* y = P (mu_k - M) or Q (v_k - V) of a group */
static void lambda_term(struct worker *w, int level, size_t g, struct ball *y)
{
  const struct switched *all = w->b->all;
  const struct softmax *weights = w->var ? &all->level[level].var : &all->level[level].mean;
  struct kit *kit = &w->kit[level];
  unsigned long m = all->groups * all->s;
  flow_get(w->b, level, g, kit);
  ball_zero(y);
  for (int j = 0; j < all->kinds; ++j) {
    apart(w, g, (int)w->j, j, &kit->d, &kit->u);
    ball_dyadic(&kit->a, &kit->d);
    ball_mul(&kit->a, &kit->a, &weights->w[j]);
    ball_add(y, y, &kit->a);
  }
  ball_div_ui(y, y, m);
  if (w->var) ball_div_ui(y, y, m);
  if (w->var) ball_div_ui(y, y, all->r);
  ball_mul(y, y, w->var ? &kit->q : &kit->p);
}

static long lambda_approximate(void *self, int level, mpfr_ptr out)
{
  struct worker *w = self;
  const struct switched *all = w->b->all;
  const struct softmax *weights = w->var ? &all->level[level].var : &all->level[level].mean;
  struct kit *kit = &w->kit[level];
  ball_sum_start(&kit->sum);
  for (size_t g = 0; g < all->groups; ++g) {
    lambda_term(w, level, g, &kit->y);
    ball_sum_add(&kit->sum, &kit->y);
  }
  ball_sum_get(&kit->y, &kit->sum);
  ball_mul(&kit->y, &kit->y, &weights->w[w->j]);
  mpfr_set(out, kit->y.v, MPFR_RNDN);
  return kit->y.radius;
}

/* a = -E_k G sum_j E_j (f_k S_k - f_j S_j), or -(1/2) E'_k h sum_j E'_j (f_k^2 U_k - f_j^2 U_j) */
static void add_lambda(struct worker *w, size_t g)
{
  const struct switched *all = w->b->all;
  const struct dyadic *lambda = w->var ? all->lambda_var : all->lambda;
  struct dyadic d, t;
  dyadic_init(&d);
  dyadic_init(&t);
  int n = class_of(w, g);
  exponentials_zero(&w->t);
  for (int j = 0; j < all->kinds; ++j) {
    apart(w, g, (int)w->j, j, &d, &t);
    dyadic_add(&t, &lambda[w->j], &lambda[j]);
    exponentials_add(&w->t, &t, &d);
  }
  gamma_of(all, g, w->other);
  dyadic_set_mpfr(&t, w->other);
  dyadic_set_d(&d, w->var ? -0.5 : -1);
  if (!w->var) dyadic_mul(&d, &d, &t);
  if (!w->var) dyadic_mul(&d, &d, &w->b->flow[g].g);
  exponentials_scale(&w->t, &d);
  if (w->var) set_h(w, g, w->other);
  if (n >= 0 && w->var) add_product(w, n, &w->t, &w->h, 1);
  else if (n >= 0) exponentials_join(&w->class[n].a, &w->t, 1);
  dyadic_clear(&d);
  dyadic_clear(&t);
}

static int lambda_compare(void *self, const struct dyadic *q)
{
  struct worker *w = self;
  const struct switched *all = w->b->all;
  start_classes(w);
  for (size_t g = 0; g < all->groups && w->classes <= CLASSES; ++g) add_lambda(w, g);
  return compare_classes(w, w->var ? W_W_B : W_W, q, &(struct real){lambda_approximate, lambda_compare, w});
}

/* The sums of magnitudes and squares of the terms. */
static void describe_lambda(struct worker *w)
{
  const struct switched *all = w->b->all;
  struct switch_truth *sw = all->truth->sw;
  long double sum = 0, squares = 0, weight = w->var ? sw->w_var[w->j] : sw->w[w->j];
  for (size_t g = 0; g < all->groups; ++g) {
    lambda_term(w, 0, g, &w->kit[0].y);
    long double term = weight * magnitude(w->kit[0].y.v);
    sum += term;
    squares += term * term;
  }
  sum = sum_above(sum, all->groups);
  squares = sum_above(sqrtl(sum_above(squares, all->groups)), 0);
  (w->var ? sw->var_abs : sw->mean_abs)[w->j] = sum;
  (w->var ? sw->var_norm : sw->mean_norm)[w->j] = squares;
}

static void lambda(struct worker *w, size_t k, bool var)
{
  const struct backward *b = w->b;
  struct switch_truth *sw = b->all->truth->sw;
  struct truth_tensor *out = &b->all->truth->t[var ? SLOT_DLAMBDA_VAR : SLOT_DLAMBDA_MEAN];
  bool finite = true;
  for (size_t n = 0; n < b->all->n; ++n) finite = finite && !b->bad[0][n];
  w->j = k;
  w->var = var;
  if (finite) {
    describe_lambda(w);
    settle(&w->settler, out, k, &(struct real){lambda_approximate, lambda_compare, w});
    return;
  }
  settle_double(out, k, NAN);
  (var ? sw->var_abs : sw->mean_abs)[k] = (var ? sw->var_norm : sw->mean_norm)[k] = INFINITY;
}

static void parameters(const struct backward *b)
{
  const struct switched *all = b->all;
  size_t kinds = (size_t)all->kinds;
#pragma omp parallel if (all->parallel)
  {
    struct worker w;
    worker_init(&w, b);
#pragma omp for schedule(dynamic) nowait
    for (size_t k = 0; k < 2 * kinds; ++k) lambda(&w, k % kinds, k >= kinds);
#pragma omp for schedule(dynamic)
    for (size_t c = 0; c < all->c; ++c) channel(&w, c);
    worker_clear(&w);
  }
}

/* ---- all of it ---- */

int switch_backward(struct switched *all, struct error *e)
{
  struct backward b = {.all = all, .flow = calloc(all->groups, sizeof *b.flow)};
  if (!b.flow) return fail(e, "oracle: no memory for %zu groups", all->groups);
  flows(&b);
  int bad = shared_init(&b, e);
  if (!bad) {
    all_dx(&b);
    parameters(&b);
  }
  shared_clear(&b);
  for (size_t g = 0; g < all->groups; ++g) {
    dyadic_clear(&b.flow[g].g);
    dyadic_clear(&b.flow[g].gx);
    for (struct ball **v = (struct ball *[]){&b.flow[g].p, &b.flow[g].q, &b.flow[g].t, NULL}; *v; ++v) ball_clear(*v);
  }
  free(b.flow);
  return bad;
}
