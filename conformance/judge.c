/* SPDX-License-Identifier: Apache-2.0
   Verdicts. Every output element has an error and, under each preset, a bound; both are counted in ulp(s), s the element's
   scale, and then the verdict is a matter of comparing.

     err[i]     |result - exact|, in ulp(s)
     T[i]       the preset's bound, in ulp(s): the sum over k of coefficient[k] (the group's) times f[k][i] (the element's);
                of the gradient of a parameter, a sum over its terms in all groups
     scale[i]   max(s, smallest normal number), in ulp(s): a bound above it decides nothing

   An infinite result stands for the least magnitude that rounds to infinity, so it is right where the exact value plus the
   bound reaches that. What must be matched exactly (NaN, infinities, groups that hold one) has err 0 or infinity and f = 0.

   Why doubles do: err comes from the exact value's upper 128 bits in long double, relative error below 2^-50; the sum over k
   has nonnegative terms, error below 2^-49; coefficients are multiplied by 1 + 2^-38, so an honest result is never
   outside. What is shown is computed again in MPFR. */
#include "presets.h"
#include "tolerance.h"
#include "ulps.h"
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const verdict_name[VERDICT_COUNT] = {"PASS", "FAIL", "RANGE", "MISTRUSTED",
                                                 "UNDECIDED", "SKIP", "CRASH", "TIMEOUT"};

enum { BLOCK = 256 };

/* A preset on an output of a case, whatever the results: how loose it is. */
struct looseness {
  double tolerance; /* the largest finite T */
  double distrust;  /* the largest T / scale; above 1: this bound decides nothing */
  size_t unbounded; /* elements without a bound */
};

/* What belongs to the case alone, kept in truth->cache. */
struct case_cache {
  size_t presets;
  const struct preset *preset[PRESETS_MAX];
  size_t same[PRESETS_MAX];  /* the first preset that means the same at this m */
  size_t plain[PRESETS_MAX]; /* the first that differs from it in folding only */
  bool measured[2];          /* presets that flush are measured when they are needed */
  int *lowest;               /* of each group, see struct group_facts */
  int *lowest_dy;            /* backward: likewise of the terms of each dbeta */
  long double top;           /* backward: max|gamma| of the finite entries */
  struct looseness loose[SLOT_COUNT][PRESETS_MAX];
};

struct view { /* a case as the judge walks over it */
  const struct normative_problem *p;
  const struct tensors *in;
  const struct truth *truth;
  struct case_cache *cache;
  const struct tensors *results; /* NULL: only bounds */
  bool evaluation, backward;
  enum slot slot;                /* at hand: */
  const struct truth_tensor *exact;
  const struct tensor *out;
  const struct arithmetic *type;
};

static void look_at_slot(struct view *v, enum slot slot)
{
  v->slot = slot;
  v->exact = &v->truth->t[slot];
  v->out = v->results ? &v->results->t[slot] : NULL;
  v->type = arithmetic_of(v->exact->nearest.type);
}

/* ---- groups ---- */

static size_t element_at(const struct runs *r, size_t k)
{
  return r->base + k / r->inner * r->outer_stride + k % r->inner * r->inner_stride;
}

static size_t parameter_at(const struct runs *r, size_t k)
{
  return r->param + k / r->inner * r->param_outer + k % r->inner * r->param_inner;
}

/* The exponent of the lowest bit set in any x of the group: all are multiples of that power of two. Gives up, INT_MIN,
   when the sum of magnitudes has more than 53 bits of it: then no arithmetic here adds them exactly. */
static int lowest_bit(const struct view *v, size_t index)
{
  struct runs r = problem_runs(v->p, index);
  long double sum = v->truth->group[index].mean_abs * (long double)problem_m(v->p);
  int lowest = INT_MAX;
  if (v->evaluation || v->p->residual || !v->truth->group[index].finite || sum == 0) return INT_MIN;
  int needed = ilogbl(sum) - 53;
  for (size_t o = 0; o < r.outer; ++o)
    for (size_t k = 0; k < r.inner; ++k) {
      int low = lowest_bit_of(tensor_get(&v->in->t[SLOT_X], r.base + o * r.outer_stride + k * r.inner_stride));
      if (low < lowest) lowest = low;
      if (lowest < needed) return INT_MIN;
    }
  return lowest;
}

/* The same of the terms of every dbeta. */
static void lowest_bits_of_dy(const struct view *v, int *lowest)
{
  size_t m = problem_m(v->p);
  for (size_t j = 0; j < v->truth->params; ++j) lowest[j] = INT_MAX;
  for (size_t g = 0; g < v->truth->groups; ++g) {
    struct runs r = problem_runs(v->p, g);
    for (size_t k = 0; k < m; ++k) {
      int *at = &lowest[parameter_at(&r, k)];
      int low = *at == INT_MIN ? INT_MIN : lowest_bit_of(tensor_get(&v->in->t[SLOT_DY], element_at(&r, k)));
      if (low < *at) *at = low;
    }
  }
}

/* max|gamma|, as the problem means gamma */
static long double largest_gamma(const struct view *v)
{
  const struct tensor *gamma = &v->in->t[SLOT_GAMMA];
  long double top = gamma->data ? 0 : 1;
  for (size_t j = 0; j < gamma->count; ++j) {
    double entry = fabs(tensor_get(gamma, j));
    if (isfinite(entry) && entry > top) top = entry;
  }
  return top;
}

static struct group_facts facts_of(const struct view *v, size_t index)
{
  const struct group_truth *q = &v->truth->group[index];
  struct group_facts g = {.truth = q, .m = problem_m(v->p), .lowest = v->cache->lowest[index]};
  g.mu = q->mu_hi;
  g.var = q->sigma2;
  if (v->backward) {
    double own = v->in->t[SLOT_GAMMA].data ? fabs(tensor_get(&v->in->t[SLOT_GAMMA], problem_runs(v->p, index).param)) : 1;
    g.top = v->p->norm == NORMATIVE_BATCHNORM && isfinite(own) ? own : v->cache->top;
    g.terms = v->truth->params ? v->truth->param[0].m : 0;
  }
  if (!v->p->running) return g;
  size_t c = index % v->p->c;
  double mean = tensor_get(&v->in->t[SLOT_RUNNING_MEAN], c), var = tensor_get(&v->in->t[SLOT_RUNNING_VAR], c);
  g.old_mean = fabs(mean);
  g.old_var = fabs(var);
  if (v->evaluation) {
    g.mu = mean;
    g.var = var;
  }
  return g;
}

/* ---- blocks of elements ---- */

struct block {
  size_t n, group;
  size_t index[BLOCK];
  int unit[BLOCK];              /* exponent of ulp(s) */
  bool special[BLOCK], undecided[BLOCK];
  double scale[BLOCK], err[BLOCK], got[BLOCK], nearest[BLOCK];
  double f[FEATURES][BLOCK];
};

/* Features are large and coefficients small or the other way round by the same factors: these keep both within double. */
static void dx_weights(const struct view *v, const struct group_truth *q, long double w[FEATURES])
{
  const long double r = q->rstd > 0 && q->rstd < INFINITY ? q->rstd : 1, lam = v->type->lam;
  const long double G = q->g_abs < INFINITY ? q->g_abs : 0, H = q->gx_abs < INFINITY ? q->gx_abs : 0, mu = fabsl(q->mu_hi);
  for (int k = 0; k < FEATURES; ++k) w[k] = lam;
  w[D_G] = r;
  w[D_ONE] = fmaxl(r * G, lam);
  w[D_D] = w[D_X] = fmaxl(r * r * fmaxl(H, G * (1 + r * mu)), lam);
  w[D_Y] = 1;
}

static void feature_weights(const struct view *v, const struct group_truth *q, long double w[FEATURES])
{
  if (v->backward) {
    dx_weights(v, q, w);
    return;
  }
  long double r = q->rstd > 0 && q->rstd < INFINITY ? q->rstd : 1;
  long double mean = q->mean_abs > 0 && q->mean_abs < INFINITY ? q->mean_abs : 1;
  w[F_GD] = w[F_GX] = r;
  w[F_G] = r * mean;
  w[F_D] = w[F_X] = w[F_ONE] = v->type->lam;
  w[F_Y] = w[F_B] = 1;
}

/* Element n of the block: the exact value, the scale, the features but for their weights; special if something that it is
   made of is not finite. */
static void put(const struct view *v, struct block *b, size_t n, size_t index, long double s, bool special,
                const long double feature[FEATURES], const long double weight[FEATURES])
{
  const struct wide *w = &v->exact->exact[index];
  long double high, low;
  b->index[n] = index;
  b->undecided[n] = w->kind == WIDE_UNDECIDED;
  b->special[n] = special = special || w->kind == WIDE_NAN || w->kind == WIDE_INF;
  b->nearest[n] = tensor_get(&v->exact->nearest, index);
  b->unit[n] = ulp_exponent(v->type, special ? 0 : s);
  const long double ulps = power2(-b->unit[n]);
  b->scale[n] = (double)((special || !(s > v->type->normal) ? v->type->normal : s) * ulps);
  for (int k = 0; k < FEATURES; ++k)
    b->f[k][n] = special || b->undecided[n] ? 0 : (double)(feature[k] * weight[k] * ulps);
  b->err[n] = 0;
  if (!v->out || b->undecided[n]) return;
  double got = b->got[n] = tensor_get(v->out, index);
  wide_split(w, &high, &low);
  b->err[n] = special ? (same_value(got, b->nearest[n]) ? 0 : INFINITY) : (double)(distance(v->type, got, high, low) * ulps);
}

static const long double only_one[FEATURES] = {[F_ONE] = 1};

/* ---- y ---- */

static double parameter(const struct view *v, enum slot slot, size_t i, double absent)
{
  return v->in->t[slot].data ? tensor_get(&v->in->t[slot], i) : absent;
}

static long double absolute_exact(const struct wide *w)
{
  long double high, low;
  if (w->kind != WIDE_FINITE) return 0;
  wide_split(w, &high, &low);
  return fabsl(high + low);
}

/* spread: sigma rstd of the group, of norms that subtract its own mean, else 0. */
static void put_y(const struct view *v, struct block *b, size_t i, size_t j, long double spread,
                  const long double weight[FEATURES])
{
  const struct group_truth *q = &v->truth->group[b->group];
  bool plus_one = v->p->casts == NORMATIVE_CAST_PLUS_ONE;
  long double x = tensor_get(&v->in->t[SLOT_X], i);
  double gamma = parameter(v, SLOT_GAMMA, j, plus_one ? 0 : 1);
  double beta = parameter(v, SLOT_BETA, j, 0);
  if (v->in->t[SLOT_RESIDUAL].data) x += tensor_get(&v->in->t[SLOT_RESIDUAL], i);
  long double f[FEATURES], g = fabsl((long double)gamma + plus_one), y = absolute_exact(&v->exact->exact[i]);
  f[F_ONE] = 1;
  f[F_G] = g;
  f[F_X] = fabsl(x);
  f[F_GX] = g * f[F_X];
  f[F_D] = v->p->norm == NORMATIVE_RMSNORM ? f[F_X] : fabsl(x - q->mu_hi - q->mu_lo);
  f[F_GD] = g * f[F_D];
  f[F_Y] = y;
  f[F_B] = fabs(beta);
  long double s = y > f[F_B] ? y : f[F_B];
  if (v->slot == SLOT_SUM) s = y;
  else if (g * spread > s) s = g * spread;
  put(v, b, b->n++, i, s, !q->finite || !isfinite(x) || !isfinite(gamma) || !isfinite(beta), f, weight);
}

static void put_dx(const struct view *v, struct block *b, size_t i, size_t j, const long double weight[FEATURES]);

/* Elements from k on of the group, at most a block; returns how far it came. */
static size_t fill_elements(const struct view *v, struct block *b, const struct runs *r, size_t k)
{
  long double weight[FEATURES];
  size_t end = r->outer * r->inner, o = k / r->inner, i = k % r->inner;
  const struct group_truth *q = &v->truth->group[b->group];
  bool own_mean = !v->evaluation && v->p->norm != NORMATIVE_RMSNORM && q->finite && q->rstd < INFINITY;
  long double spread = own_mean ? sqrtl(q->sigma2) * q->rstd : 0;
  feature_weights(v, q, weight);
  for (b->n = 0; b->n < BLOCK && k < end; ++k) {
    size_t at = r->base + o * r->outer_stride + i * r->inner_stride, j = r->param + o * r->param_outer + i * r->param_inner;
    if (v->backward) put_dx(v, b, at, j, weight);
    else put_y(v, b, at, j, spread, weight);
    if (++i == r->inner) {
      i = 0;
      ++o;
    }
  }
  return k;
}

/* ---- dx ---- */

/* Evaluation: dx is gamma dy r, whatever x is. */
static void put_dx(const struct view *v, struct block *b, size_t i, size_t j, const long double weight[FEATURES])
{
  const struct group_truth *q = &v->truth->group[b->group];
  const long double x = v->evaluation ? 0 : tensor_get(&v->in->t[SLOT_X], i), dx = absolute_exact(&v->exact->exact[i]);
  const long double gamma = fabs(parameter(v, SLOT_GAMMA, j, 1)), r = q->rstd;
  long double f[FEATURES] = {0}, s = dx;
  f[D_ONE] = 1;
  f[D_Y] = dx;
  f[D_GAMMA] = gamma;
  f[D_G] = gamma * fabsl((long double)tensor_get(&v->in->t[SLOT_DY], i));
  f[D_X] = fabsl(x);
  if (!v->evaluation) {
    f[D_D] = v->p->norm == NORMATIVE_RMSNORM ? f[D_X] : fabsl(x - q->mu_hi - q->mu_lo);
    s = fmaxl(s, r * fmaxl(f[D_G], fmaxl(q->g_abs, r * f[D_D] * q->gx_abs)));
  }
  f[D_GAMMA_D] = gamma * f[D_D];
  const size_t n = b->n++;
  put(v, b, n, i, s, false, f, weight);
  /* IEEE leaves it to the order of the operations whether an infinite mean makes NaN of dx or an infinity of either sign. */
  bool any = !v->evaluation && (v->p->given || (q->finite && !q->g_finite));
  if (v->out && any && b->special[n] && !isfinite(b->got[n]) && !isfinite(b->nearest[n])) b->err[n] = 0;
}

/* ---- gradients of parameters ---- */

static void fill_parameters(const struct view *v, struct block *b, size_t first)
{
  b->group = 0;
  for (b->n = 0; b->n < BLOCK && first + b->n < v->exact->count; ++b->n) {
    const size_t j = first + b->n;
    const struct param_truth *q = &v->truth->param[j];
    const long double norm = v->slot == SLOT_DGAMMA ? q->dyx_norm : q->dy_norm, exact = absolute_exact(&v->exact->exact[j]);
    put(v, b, b->n, j, norm < INFINITY ? fmaxl(exact, norm) : exact, false, only_one, only_one);
    if (v->out && b->special[b->n] && !isfinite(b->got[b->n]) && !isfinite(b->nearest[b->n])) b->err[b->n] = 0;
  }
}

/* ---- statistics: a block of one ---- */

static long double scale_of_statistic(const struct view *v, size_t index)
{
  const struct group_truth *q = &v->truth->group[index];
  struct group_facts g = facts_of(v, index);
  long double w = momentum_weight(v->p), exact = absolute_exact(&v->exact->exact[index]);
  long double mean = fmaxl(fabsl(q->mu_hi), sqrtl(q->sigma2)), var = q->sigma2;
  if (v->p->estimator == NORMATIVE_UNBIASED && g.m > 1) var = var * g.m / (g.m - 1);
  switch (v->slot) {
  case SLOT_MEAN: return mean;
  case SLOT_RUNNING_MEAN: return fmaxl(exact, fmaxl(fabsl(1 - w) * g.old_mean, w * mean));
  case SLOT_RUNNING_VAR: return fmaxl(exact, fmaxl(fabsl(1 - w) * g.old_var, w * var));
  default: return exact;
  }
}

static void fill_statistic(const struct view *v, struct block *b)
{
  const struct group_truth *q = &v->truth->group[b->group];
  bool any = v->slot == SLOT_MEAN || v->slot == SLOT_RUNNING_MEAN; /* of a group with an infinity: NaN or infinite */
  b->n = 1;
  put(v, b, 0, b->group, q->finite ? scale_of_statistic(v, b->group) : 0, !q->finite, only_one, only_one);
  if (v->out && any && !q->finite && !isfinite(b->got[0]) && !isfinite(b->nearest[0])) b->err[0] = 0;
}

static long double statistic_bound(enum slot slot, const struct tolerance *t)
{
  switch (slot) {
  case SLOT_MEAN: return t->mean;
  case SLOT_RSTD: return t->rstd;
  case SLOT_RUNNING_MEAN: return t->running_mean;
  default: return t->running_var;
  }
}

/* ---- bounds of a block ---- */

/* The sum with the residual is one addition, and one rounding to the tensor's type. */
static long double element_bound(enum slot slot, const struct tolerance *t, bool folded, int k)
{
  if (slot == SLOT_DX) return t->dx[folded][k];
  return slot == SLOT_Y ? t->y[folded][k] : k == F_Y ? t->sum : 0;
}

static bool of_elements(enum slot slot) { return slot == SLOT_Y || slot == SLOT_SUM || slot == SLOT_DX; }

struct coefficients { bool none; double c[FEATURES]; };

static void coefficients_of(const struct view *v, const struct tolerance *t, bool folded, const long double weight[FEATURES],
                            struct coefficients *c)
{
  memset(c, 0, sizeof *c);
  for (int k = 0; k < FEATURES; ++k) {
    bool element = of_elements(v->slot);
    long double value = k == F_ONE ? statistic_bound(v->slot, t) : 0;
    if (element) value = element_bound(v->slot, t, folded, k) / weight[k];
    c->c[k] = upward(value);
    if (!(c->c[k] < INFINITY)) c->none = true;
  }
}

/* T of every element under a preset that is a theorem. */
static void block_bounds(const struct block *restrict b, const struct coefficients *restrict c, double T[restrict BLOCK])
{
  for (size_t i = 0; i < b->n; ++i) T[i] = c->none ? INFINITY : 0;
  for (int k = 0; k < FEATURES && !c->none; ++k) {
    const double ck = c->c[k];
    if (ck == 0) continue;
#pragma omp simd
    for (size_t i = 0; i < b->n; ++i) T[i] += ck * b->f[k][i];
  }
}

/* T under "the nearest value", "one of the two neighbours": their own distance. */
static void block_exactness(const struct view *v, const struct block *b, enum exactness exactness, double T[BLOCK])
{
  long double high, low;
  for (size_t i = 0; i < b->n; ++i) {
    const struct wide *w = &v->exact->exact[b->index[i]];
    T[i] = 0;
    if (b->special[i] || b->undecided[i]) continue;
    wide_split(w, &high, &low);
    long double d = distance(v->type, b->nearest[i], high, low);
    if (exactness == NEIGHBOUR) d = fmaxl(d, distance(v->type, neighbour(v->exact->nearest.type, b->nearest[i], w), high, low));
    T[i] = upward(d * power2(-b->unit[i]));
  }
}

/* ---- walking over the outputs ---- */

/* Sees every block, once with no preset, then once for each preset that is still wanted. */
struct visitor {
  void (*block)(void *self, const struct block *b);
  void (*bound)(void *self, const struct block *b, size_t preset, const struct tolerance *t, bool none,
                const double T[BLOCK]);
  void *self;
  bool slot[SLOT_COUNT];                /* outputs to visit */
  bool wanted[SLOT_COUNT][PRESETS_MAX];
  bool detail[PRESETS_MAX];             /* T of presets of exactness too, which costs */
};

static void visit_block(const struct view *v, struct visitor *w, const struct block *b, const struct tolerance *t,
                        const struct coefficients *c)
{
  const struct case_cache *cache = v->cache;
  double T[BLOCK];
  if (w->block) w->block(w->self, b);
  for (size_t k = 0; k < cache->presets; ++k) {
    if (!w->wanted[v->slot][k]) continue;
    enum exactness exactness = cache->preset[k]->row->exactness;
    if (exactness == BY_BOUND) block_bounds(b, &c[k], T);
    else if (w->detail[k]) block_exactness(v, b, exactness, T);
    w->bound(w->self, b, k, &t[cache->plain[k]], c[k].none, T);
  }
}

static void visit_slot(const struct view *v, struct visitor *w, struct block *b, const struct tolerance *t, bool regular)
{
  struct coefficients c[PRESETS_MAX];
  long double weight[FEATURES];
  struct runs r = problem_runs(v->p, b->group);
  feature_weights(v, &v->truth->group[b->group], weight);
  for (size_t k = 0; k < v->cache->presets; ++k) {
    c[k].none = false;
    if (!w->wanted[v->slot][k] || v->cache->preset[k]->row->exactness != BY_BOUND) continue;
    if (regular) coefficients_of(v, &t[v->cache->plain[k]], v->cache->preset[k]->folded, weight, &c[k]);
    else memset(&c[k], 0, sizeof c[k]);
  }
  if (!of_elements(v->slot)) {
    fill_statistic(v, b);
    visit_block(v, w, b, t, c);
    return;
  }
  for (size_t k = 0; k < r.outer * r.inner;) {
    k = fill_elements(v, b, &r, k);
    visit_block(v, w, b, t, c);
  }
}

/* The plain presets whose bounds some wanted one needs. */
static void needed(const struct view *v, const struct visitor *w, bool need[PRESETS_MAX])
{
  memset(need, 0, PRESETS_MAX * sizeof *need);
  for (int slot = 0; slot < SLOT_COUNT; ++slot)
    for (size_t k = 0; w->slot[slot] && k < v->cache->presets; ++k)
      if (w->wanted[slot][k] && v->cache->preset[k]->row->exactness == BY_BOUND) need[v->cache->plain[k]] = true;
}

static bool of_parameters(enum slot slot) { return slot == SLOT_DGAMMA || slot == SLOT_DBETA; }

/* ---- gradients of parameters: their bounds are sums over all groups ---- */

/* Coefficients and sums are kept large, so that nothing which matters underflows. */
#define LIFT 0x1p200

struct shares {
  double *sum[PRESETS_MAX];   /* of each parameter, times LIFT; NULL where none is wanted */
  bool range[PRESETS_MAX];    /* of all groups */
  bool none[PRESETS_MAX];     /* some group has no bound */
};

static void shares_open(const struct view *v, const struct visitor *w, struct shares *s)
{
  for (size_t k = 0; k < v->cache->presets; ++k) {
    bool by_bound = v->cache->preset[k]->row->exactness == BY_BOUND;
    s->range[k] = true;
    s->none[k] = false;
    s->sum[k] = w->slot[SLOT_DGAMMA] && w->wanted[SLOT_DGAMMA][k] && by_bound
                  ? calloc(v->truth->params + 1, sizeof *s->sum[k]) : NULL;
  }
}

static void shares_close(struct shares *s, size_t presets)
{
  for (size_t k = 0; k < presets; ++k) free(s->sum[k]);
}

struct terms { size_t n; double dy[BLOCK], dyx[BLOCK]; }; /* |dy| and |dy xhat| */

static void terms_of_run(const struct view *v, const struct group_truth *q, size_t at, size_t stride, struct terms *t)
{
  const bool rms = v->p->norm == NORMATIVE_RMSNORM;
  for (size_t i = 0; i < t->n; ++i, at += stride) {
    long double dy = fabsl((long double)tensor_get(&v->in->t[SLOT_DY], at)), x = tensor_get(&v->in->t[SLOT_X], at);
    t->dy[i] = (double)dy;
    t->dyx[i] = (double)(dy * (fabsl(rms ? x : x - q->mu_hi - q->mu_lo) * q->rstd));
  }
}

/* Adds to the entries from sum[0] on, or all to it. */
static void add_terms(const struct terms *t, const struct share *share, bool one_entry, double *restrict sum)
{
  const double slope = upward(share->slope * LIFT), offset = upward(share->offset * LIFT);
  const double each = upward(share->each * LIFT);
  double total = 0;
  if (!one_entry) {
#pragma omp simd
    for (size_t i = 0; i < t->n; ++i) sum[i] += slope * t->dyx[i] + offset * t->dy[i] + each;
    return;
  }
  for (size_t i = 0; i < t->n; ++i) total += slope * t->dyx[i] + offset * t->dy[i] + each;
  *sum += total;
}

/* What a group adds to the bounds of every dgamma. A group that is not regular makes NaN of them, or adds exact zeros. */
static void add_shares(const struct view *v, size_t group, const struct tolerance *t, bool regular, struct shares *s)
{
  const struct group_truth *q = &v->truth->group[group];
  struct runs r = problem_runs(v->p, group);
  struct terms terms;
  for (size_t o = 0; regular && o < r.outer; ++o)
    for (size_t i = 0; i < r.inner; i += terms.n) {
      size_t j = r.param + o * r.param_outer + i * r.param_inner;
      terms.n = r.inner - i < BLOCK ? r.inner - i : BLOCK;
      terms_of_run(v, q, r.base + o * r.outer_stride + i * r.inner_stride, r.inner_stride, &terms);
      for (size_t k = 0; k < v->cache->presets; ++k)
        if (s->sum[k])
          add_terms(&terms, &t[v->cache->plain[k]].share[v->cache->preset[k]->folded], !r.param_inner, s->sum[k] + j);
    }
  for (size_t k = 0; k < v->cache->presets; ++k)
    if (s->sum[k] && regular) {
      s->range[k] &= t[v->cache->plain[k]].share_range;
      s->none[k] |= !(t[v->cache->plain[k]].share[0].each < INFINITY);
    }
}

/* T of the parameters of a block. */
static void parameter_bounds(const struct view *v, const struct block *b, size_t k, const struct shares *s, double T[BLOCK])
{
  const struct preset *preset = v->cache->preset[k];
  const long double spread = 1 + 0x1p-50L * (v->truth->groups + problem_m(v->p)); /* roundings of the sum itself */
  for (size_t i = 0; i < b->n; ++i) {
    const size_t j = b->index[i];
    const struct param_truth *q = &v->truth->param[j];
    long double value = absolute_exact(&v->exact->exact[j]), sum;
    T[i] = v->slot == SLOT_DGAMMA && s->none[k] ? INFINITY : 0;
    if (b->special[i] || b->undecided[i]) continue;
    if (v->slot == SLOT_DGAMMA) sum = s->none[k] ? INFINITY : s->sum[k][j] / LIFT * spread;
    else sum = tolerance_sum_dy(v->p, preset->row, preset->ftz, q->m, q->dy_abs, v->cache->lowest_dy[j]);
    T[i] = upward(tolerance_stored_parameter(v->p, preset->row, preset->ftz, sum, value) * power2(-b->unit[i]));
  }
}

static void visit_parameters(const struct view *v, struct visitor *w, struct block *b, const struct shares *s)
{
  struct tolerance t = {0};
  double T[BLOCK];
  for (size_t first = 0; first < v->exact->count; first += b->n) {
    fill_parameters(v, b, first);
    if (w->block) w->block(w->self, b);
    for (size_t k = 0; k < v->cache->presets; ++k) {
      if (!w->wanted[v->slot][k]) continue;
      enum exactness exactness = v->cache->preset[k]->row->exactness;
      if (exactness == BY_BOUND) parameter_bounds(v, b, k, s, T);
      else if (w->detail[k]) block_exactness(v, b, exactness, T);
      t.range = s->range[k];
      w->bound(w->self, b, k, &t, false, T);
    }
  }
}

static void walk(struct view *v, struct visitor *w)
{
  struct tolerance t[PRESETS_MAX];
  struct shares shares;
  struct block b;
  shares_open(v, w, &shares);
  for (b.group = 0; b.group < v->truth->groups; ++b.group) {
    struct group_facts g = facts_of(v, b.group);
    bool regular = g.truth->finite && g.m > 0, need[PRESETS_MAX];
    needed(v, w, need);
    for (size_t k = 0; k < v->cache->presets; ++k)
      if (need[k] && regular) tolerance_of(v->p, &g, v->cache->preset[k]->row, v->cache->preset[k]->ftz, &t[k]);
    for (int slot = 0; slot < SLOT_COUNT; ++slot) {
      if (!w->slot[slot] || of_parameters((enum slot)slot)) continue;
      look_at_slot(v, (enum slot)slot);
      visit_slot(v, w, &b, t, regular && (slot != SLOT_DX || v->evaluation || g.truth->g_finite));
    }
    if (w->slot[SLOT_DGAMMA]) add_shares(v, b.group, t, regular, &shares);
  }
  for (int slot = 0; slot < SLOT_COUNT; ++slot) {
    if (!w->slot[slot] || !of_parameters((enum slot)slot)) continue;
    look_at_slot(v, (enum slot)slot);
    visit_parameters(v, w, &b, &shares);
  }
  shares_close(&shares, v->cache->presets);
}

/* ---- what belongs to the case ---- */

static void look_at(struct view *v, const struct normative_problem *p, const struct tensors *in, const struct truth *truth,
                    const struct tensors *results)
{
  *v = (struct view){.p = p, .in = in, .truth = truth, .cache = truth->cache, .results = results};
  v->evaluation = p->mode == NORMATIVE_EVALUATION && p->running;
  v->backward = p->direction == NORMATIVE_BACKWARD;
}

static bool judged_slot(const struct truth *truth, enum slot slot)
{
  bool known = slot == SLOT_Y || slot == SLOT_SUM || slot == SLOT_MEAN || slot == SLOT_RSTD || slot == SLOT_RUNNING_MEAN ||
               slot == SLOT_RUNNING_VAR || slot == SLOT_DX || slot == SLOT_DGAMMA || slot == SLOT_DBETA;
  return known && truth->t[slot].count > 0;
}

struct measuring { struct case_cache *cache; const struct view *v; };

static void measure(void *self, const struct block *b, size_t preset, const struct tolerance *t, bool none,
                    const double T[BLOCK])
{
  struct measuring *w = self;
  struct looseness *l = &w->cache->loose[w->v->slot][preset];
  double tolerance = 0, distrust = 0;
  (void)t;
  if (none) {
    l->unbounded += b->n;
    return;
  }
  for (size_t i = 0; i < b->n; ++i) { /* a special element's T is 0 */
    tolerance = T[i] > tolerance ? T[i] : tolerance;
    double ratio = T[i] / b->scale[i];
    distrust = ratio > distrust ? ratio : distrust;
  }
  if (tolerance > l->tolerance) l->tolerance = tolerance;
  if (distrust > l->distrust) l->distrust = distrust;
}

static void free_cache(void *cache)
{
  free(((struct case_cache *)cache)->lowest);
  free(((struct case_cache *)cache)->lowest_dy);
  free(cache);
}

/* Presets that mean the same at this m are worked out once. */
static void find_equals(struct case_cache *cache, long double m, long double terms)
{
  for (size_t k = 0; k < cache->presets; ++k) {
    const struct preset *p = cache->preset[k];
    cache->same[k] = cache->plain[k] = k;
    for (size_t i = 0; i < k; ++i)
      if (preset_same(cache->preset[i], p, m, terms)) {
        cache->same[k] = i;
        break;
      }
    for (size_t i = 0; i < k; ++i)
      if (cache->preset[i]->row == p->row && cache->preset[i]->ftz == p->ftz) {
        cache->plain[k] = cache->plain[i];
        break;
      }
  }
}

static void make_cache(const struct normative_problem *p, const struct tensors *in, struct truth *truth)
{
  struct view v;
  struct case_cache *cache = truth->cache = calloc(1, sizeof *cache);
  cache->lowest = calloc(truth->groups + 1, sizeof *cache->lowest);
  truth->cache_free = free_cache;
  cache->presets = presets_offered(p->type, cache->preset);
  find_equals(cache, problem_m(p), truth->params ? truth->param[0].m : 1);
  look_at(&v, p, in, truth, NULL);
  for (size_t g = 0; g < truth->groups; ++g) cache->lowest[g] = lowest_bit(&v, g);
  if (!v.backward) return;
  cache->top = largest_gamma(&v);
  cache->lowest_dy = calloc(truth->params + 1, sizeof *cache->lowest_dy);
  lowest_bits_of_dy(&v, cache->lowest_dy);
}

/* How loose every preset is, flushing ones or the others, on every output of the case. */
static void measure_presets(const struct normative_problem *p, const struct tensors *in, struct truth *truth, bool ftz)
{
  struct view v;
  struct case_cache *cache = truth->cache;
  struct visitor w = {.bound = measure, .self = &(struct measuring){cache, &v}};
  if (cache->measured[ftz]) return;
  cache->measured[ftz] = true;
  for (int slot = 0; slot < SLOT_COUNT; ++slot) {
    w.slot[slot] = judged_slot(truth, (enum slot)slot);
    for (size_t k = 0; k < cache->presets; ++k) {
      const struct preset *preset = cache->preset[k];
      w.wanted[slot][k] = preset->row->exactness == BY_BOUND && preset->ftz == ftz && cache->same[k] == k;
      if (preset->row->exactness == NEIGHBOUR) cache->loose[slot][k].tolerance = 1;
    }
  }
  look_at(&v, p, in, truth, NULL);
  walk(&v, &w);
  for (int slot = 0; slot < SLOT_COUNT; ++slot)
    for (size_t k = 0; k < cache->presets; ++k)
      if (cache->preset[k]->ftz == ftz) cache->loose[slot][k] = cache->loose[slot][cache->same[k]];
}

/* Fewer elements without a bound first, then the smaller tolerance. */
static int looser(const struct looseness *a, const struct looseness *b)
{
  if (a->unbounded != b->unbounded) return a->unbounded < b->unbounded ? -1 : 1;
  return a->tolerance < b->tolerance ? -1 : a->tolerance > b->tolerance;
}

/* ---- results ---- */

struct candidate { /* for a finding */
  int severity;    /* 2 outside, 1 outside and out of range, 0 inside */
  double badness;  /* err / T; inside bounds that decide nothing: T / scale */
  size_t index;
  int unit;
  double T;
  enum slot slot;
};

struct judging {
  const struct view *v;
  bool strict_range;
  size_t required[MEMBERS_MAX];
  int members;
  bool present[SLOT_COUNT];        /* outputs that are there to be judged */
  bool considered[PRESETS_MAX];    /* without the flushing ones, as long as that does */
  bool covers[SLOT_COUNT][PRESETS_MAX];
  size_t outside[MEMBERS_MAX], out_of_range[MEMBERS_MAX];
  struct candidate worst[MEMBERS_MAX], loosest[MEMBERS_MAX];
  size_t undecided;
  struct visitor *visitor;
  struct judgement *j;
};

static void count_block(void *self, const struct block *b)
{
  struct judging *w = self;
  double *nulp = &w->j->nulp[w->v->slot];
  for (size_t i = 0; i < b->n; ++i) {
    w->undecided += b->undecided[i];
    if (b->undecided[i]) continue;
    ++w->j->elements;
    w->j->misrounded += !same_value(b->got[i], b->nearest[i]);
    if (b->err[i] > *nulp) *nulp = b->err[i];
  }
}


/* Is element i of the block outside of what the preset allows? */
static bool is_outside(const struct view *v, const struct block *b, size_t i, enum exactness exactness, bool none, double T)
{
  if (b->undecided[i] || none) return false;
  if (exactness == BY_BOUND) return !(b->err[i] <= T);
  if (b->err[i] == 0 || same_value(b->got[i], b->nearest[i])) return false;
  if (exactness == NEAREST || b->special[i]) return true;
  return b->got[i] != neighbour(v->exact->nearest.type, b->nearest[i], &v->exact->exact[b->index[i]]);
}

static bool parameter_in_range(const struct view *v, const struct param_truth *q, const struct preset *preset,
                               const struct tolerance *t)
{
  if (!q->finite) return true;
  if (!tolerance_range_sum(preset->row, q->dy_abs)) return false;
  return v->slot == SLOT_DBETA || (t->range && (!q->x_finite || tolerance_range_sum(preset->row, q->dyx_abs)));
}

/* Does the preset's algorithm stay below overflow on element i? */
static bool in_range(const struct view *v, const struct block *b, size_t i, const struct preset *preset,
                     const struct tolerance *t)
{
  long double f[FEATURES], weight[FEATURES];
  if (preset->row->exactness != BY_BOUND) return true;
  if (of_parameters(v->slot)) return parameter_in_range(v, &v->truth->param[b->index[i]], preset, t);
  struct group_facts g = facts_of(v, b->group);
  if (!g.truth->finite || (v->slot == SLOT_DX && !v->evaluation && !g.truth->g_finite)) return true;
  if (v->slot != SLOT_Y && v->slot != SLOT_DX) return t->range;
  feature_weights(v, g.truth, weight);
  for (int k = 0; k < FEATURES; ++k) f[k] = b->f[k][i] * power2(b->unit[i]) / weight[k];
  return v->slot == SLOT_DX ? tolerance_range_dx(v->p, &g, preset, t, f) : tolerance_range_y(&g, preset, t, f);
}

static void offer(struct candidate *best, const struct candidate *c)
{
  bool better = c->severity != best->severity ? c->severity > best->severity : c->badness > best->badness;
  if (best->index == SIZE_MAX || better) *best = *c;
}

/* Element i under member m of the required preset. */
static void find_element(struct judging *w, int m, const struct block *b, size_t i, size_t preset, const struct tolerance *t,
                         bool outside, double T)
{
  struct candidate c = {.index = b->index[i], .unit = b->unit[i], .T = T, .slot = w->v->slot};
  c.badness = T > 0 ? b->err[i] / T : b->err[i] > 0 ? INFINITY : 0;
  if (outside) {
    bool inside_range = in_range(w->v, b, i, w->v->cache->preset[preset], t);
    c.severity = inside_range ? 2 : 1;
    ++*(inside_range ? &w->outside[m] : &w->out_of_range[m]);
  }
  offer(&w->worst[m], &c);
  c.severity = 0;
  c.badness = T / b->scale[i];
  if (!outside) offer(&w->loosest[m], &c);
}

/* A required preset is looked at in every element, any other until an element is outside. */
static void judge_block(void *self, const struct block *b, size_t preset, const struct tolerance *t, bool none,
                        const double T[BLOCK])
{
  struct judging *w = self;
  enum exactness exactness = w->v->cache->preset[preset]->row->exactness;
  bool *covers = &w->covers[w->v->slot][preset];
  int m = 0;
  while (m < w->members && w->required[m] != preset) ++m;
  for (size_t i = 0; i < b->n; ++i) {
    bool outside = is_outside(w->v, b, i, exactness, none, T[i]);
    if (outside) *covers = false;
    if (m < w->members && !b->undecided[i]) find_element(w, m, b, i, preset, t, outside, none ? INFINITY : T[i]);
    else if (outside) break;
  }
  if (!*covers && m == w->members) w->visitor->wanted[w->v->slot][preset] = false;
}

/* ---- verdicts ---- */

/* An output is trusted when some preset covers it with a bound that decides: the required one, or one with a smaller
   tolerance on this case. */
static bool trusted(const struct judging *w, enum slot slot, size_t required)
{
  const struct case_cache *cache = w->v->cache;
  const struct looseness *own = &cache->loose[slot][required];
  for (size_t k = 0; k < cache->presets; ++k) {
    const struct looseness *l = &cache->loose[slot][k];
    bool decides = !l->unbounded && l->distrust <= 1, strict = k == required || looser(l, own) <= 0;
    if (w->considered[k] && w->covers[slot][cache->same[k]] && decides && strict) return true;
  }
  return false;
}

static enum verdict verdict_of(const struct judging *w, int m)
{
  if (w->outside[m] || (w->out_of_range[m] && w->strict_range)) return FAIL;
  if (w->out_of_range[m]) return RANGE;
  if (w->undecided) return UNDECIDED;
  for (int slot = 0; slot < SLOT_COUNT; ++slot)
    if (w->present[slot] && !trusted(w, (enum slot)slot, w->required[m])) return MISTRUSTED;
  return PASS;
}

/* Best first: what a union's member is taken by. */
static int rank(enum verdict v)
{
  static const int ranks[VERDICT_COUNT] = {[PASS] = 0, [MISTRUSTED] = 1, [UNDECIDED] = 2, [RANGE] = 3, [FAIL] = 4};
  return ranks[v];
}

/* The finding in full, its error with 100 bits more than the type has. */
static void settle_finding(const struct judging *w, const struct candidate *c, const struct tensors *out, struct finding *f)
{
  if (c->index == SIZE_MAX) return;
  const struct truth_tensor *t = &w->v->truth->t[c->slot];
  const struct arithmetic *a = arithmetic_of(t->nearest.type);
  mpfr_t exact, d;
  f->slot = c->slot;
  f->index = c->index;
  f->expected = tensor_get(&t->nearest, c->index);
  f->got = tensor_get(&out->t[c->slot], c->index);
  f->bound = c->T;
  wide_view(exact, &t->exact[c->index]);
  mpfr_init2(d, a->precision + 100);
  if (isinf(f->got)) mpfr_set_ld(d, f->got > 0 ? a->overflow : -a->overflow, MPFR_RNDN);
  else mpfr_set_d(d, f->got, MPFR_RNDN);
  mpfr_sub(d, d, exact, MPFR_RNDA);
  if (isinf(f->got) && mpfr_sgn(d) * f->got < 0) mpfr_set_zero(d, 1); /* the exact value lies beyond */
  mpfr_mul_2si(d, d, -c->unit, MPFR_RNDA);
  f->nulp = same_value(f->got, f->expected) && !mpfr_regular_p(exact) ? 0 : fabs(mpfr_get_d(d, MPFR_RNDA));
  if (isnan(f->nulp)) f->nulp = INFINITY;
  mpfr_clear(d);
}

/* ---- explanations ---- */

static bool covers_all(const struct judging *w, size_t preset)
{
  if (!w->considered[preset]) return false;
  for (int slot = 0; slot < SLOT_COUNT; ++slot)
    if (w->present[slot] && !w->covers[slot][w->v->cache->same[preset]]) return false;
  return true;
}

/* The covering presets of least tolerance on y (dx), equal ones in the order of the table. Of a row's variants only the first
   that covers counts: where nothing is lost by folding, a folded bound may be the smaller one by a hair. */
static void explain(const struct judging *w)
{
  const struct case_cache *cache = w->v->cache;
  const struct looseness *least = NULL;
  const struct preset_row *row = NULL;
  int primary = w->v->backward ? SLOT_DX : SLOT_Y, n = 0, rows = 0;
  while (!w->present[primary]) primary = (primary + 1) % SLOT_COUNT;
  for (size_t k = 0; k < cache->presets; ++k) {
    const struct looseness *l = &cache->loose[primary][k];
    if (cache->preset[k]->row == row || !covers_all(w, k)) continue;
    row = cache->preset[k]->row;
    if (rows < COVERED_MAX) w->j->covered[rows++] = cache->preset[k]->name;
    int order = least ? looser(l, least) : -1;
    if (order > 0 || (order == 0 && n == EXPLAINED_MAX)) continue;
    if (order < 0) n = 0;
    least = l;
    w->j->explained[n++] = cache->preset[k]->name;
  }
  w->j->explained[n] = NULL;
}

/* ---- the judge ---- */

static size_t preset_index(const struct case_cache *cache, const struct preset *preset)
{
  size_t k = 0;
  while (cache->preset[k] != preset) ++k;
  return k;
}

static void require_members(struct judging *w, const struct preset *require)
{
  const struct preset *const only[] = {require, NULL}, *const *member = require->row ? only : require->member;
  for (w->members = 0; member[w->members]; ++w->members) {
    w->required[w->members] = preset_index(w->v->cache, member[w->members]);
    w->j->member[w->members] = member[w->members]->name;
  }
  w->j->members = w->members;
}

/* Every present output under every considered preset. */
static void judge_outputs(struct judging *w, struct view *v)
{
  const struct case_cache *cache = v->cache;
  struct visitor visitor = {.block = count_block, .bound = judge_block, .self = w};
  w->visitor = &visitor;
  w->undecided = w->j->elements = w->j->misrounded = 0;
  for (int m = 0; m < w->members; ++m) {
    w->worst[m].index = w->loosest[m].index = SIZE_MAX;
    w->outside[m] = w->out_of_range[m] = 0;
    visitor.detail[w->required[m]] = true;
  }
  for (int slot = 0; slot < SLOT_COUNT; ++slot) {
    visitor.slot[slot] = w->present[slot];
    if (w->present[slot]) w->j->nulp[slot] = 0;
    for (size_t k = 0; k < cache->presets; ++k) {
      w->covers[slot][k] = true;
      visitor.wanted[slot][k] = w->considered[k] && cache->same[k] == k;
    }
    for (int m = 0; m < w->members; ++m) visitor.wanted[slot][w->required[m]] = true;
  }
  walk(v, &visitor);
}

static bool any_covers(const struct judging *w)
{
  for (size_t k = 0; k < w->v->cache->presets; ++k)
    if (covers_all(w, k)) return true;
  return false;
}

/* Is a result's tensor what the case asks for? If not, the reason is set. */
static bool right_shape(const struct truth_tensor *exact, const struct tensor *out, enum slot slot, struct judgement *j)
{
  if (out->type == exact->nearest.type && out->count == exact->count) return true;
  snprintf(j->reason, sizeof j->reason, "%s has %zu elements of type %s, not %zu of type %s", slot_name[slot], out->count,
           type_name(out->type), exact->count, type_name(exact->nearest.type));
  return false;
}

/* Which outputs are there to be judged. None where all are empty is a PASS: that nothing was written is the result. */
static bool take_results(const struct truth *truth, const struct tensors *out, bool present[SLOT_COUNT], struct judgement *j)
{
  bool any = false, asked = false;
  for (int slot = 0; slot < SLOT_COUNT; ++slot) {
    asked |= judged_slot(truth, slot);
    present[slot] = judged_slot(truth, slot) && out->t[slot].data;
    if (present[slot] && !right_shape(&truth->t[slot], &out->t[slot], slot, j)) {
      j->verdict = FAIL;
      return false;
    }
    any |= present[slot];
  }
  if (any || !asked) return any;
  j->verdict = SKIP;
  snprintf(j->reason, sizeof j->reason, "no output to judge");
  return false;
}

static void reset(struct judgement *j, const struct truth *truth)
{
  memset(j, 0, sizeof *j);
  for (int slot = 0; slot < SLOT_COUNT; ++slot) j->nulp[slot] = -1;
  for (size_t g = 0; g < truth->groups; ++g)
    if (truth->group[g].finite && truth->group[g].kappa > j->kappa) j->kappa = (double)truth->group[g].kappa;
}

/* First without the presets that flush subnormals, unless one is required; then, if none covers the result, with them. */
static void judge_presets(struct judging *w, struct view *v, struct truth *truth)
{
  bool flushing = false;
  for (int m = 0; m < w->members; ++m) flushing |= v->cache->preset[w->required[m]]->ftz;
  measure_presets(v->p, v->in, truth, false);
  for (;; flushing = true) {
    if (flushing) measure_presets(v->p, v->in, truth, true);
    for (size_t k = 0; k < v->cache->presets; ++k) w->considered[k] = flushing || !v->cache->preset[k]->ftz;
    judge_outputs(w, v);
    if (flushing || any_covers(w)) return;
  }
}

void judge(const struct normative_problem *p, const struct tensors *in, struct truth *truth, const struct tensors *out,
           const struct preset *require, bool strict_range, struct judgement *j)
{
  struct view v;
  struct judging w = {.v = &v, .strict_range = strict_range, .j = j};
  reset(j, truth);
  if (!preset_offers(require, p->type)) {
    j->verdict = SKIP;
    snprintf(j->reason, sizeof j->reason, "%s is no preset for %s tensors", require->name, type_name(p->type));
    return;
  }
  if (!truth->cache) make_cache(p, in, truth);
  look_at(&v, p, in, truth, out);
  require_members(&w, require);
  if (!take_results(truth, out, w.present, j)) return;
  judge_presets(&w, &v, truth);
  const enum slot shown = v.backward ? SLOT_DX : SLOT_Y;
  j->worst_nulp = j->nulp[shown] >= 0 ? j->nulp[shown] : 0;
  j->verdict = FAIL;
  for (int m = 0; m < w.members; ++m) {
    struct finding *f = &j->finding[m];
    f->verdict = verdict_of(&w, m);
    settle_finding(&w, f->verdict == MISTRUSTED ? &w.loosest[m] : &w.worst[m], out, f);
    const struct looseness *l = &v.cache->loose[shown][w.required[m]];
    f->loosest = l->unbounded ? INFINITY : l->tolerance;
    if (rank(f->verdict) < rank(j->verdict)) j->verdict = f->verdict;
  }
  explain(&w);
}

/* ---- bounds alone ---- */

struct writing { const struct view *v; double *bound; };

static void write_bounds(void *self, const struct block *b, size_t preset, const struct tolerance *t, bool none,
                         const double T[BLOCK])
{
  struct writing *w = self;
  (void)preset;
  (void)t;
  for (size_t i = 0; i < b->n; ++i) {
    long double bound = none ? INFINITY : b->undecided[i] ? INFINITY : b->special[i] ? 0 : T[i] * power2(b->unit[i]);
    double d = (double)bound;
    w->bound[b->index[i]] = d < bound ? nextafter(d, INFINITY) : d;
  }
}

void judge_bounds(const struct normative_problem *p, const struct tensors *in, struct truth *truth, enum slot slot,
                  const struct preset *preset, double *bound)
{
  struct view v;
  struct writing w = {&v, bound};
  struct visitor visitor = {.bound = write_bounds, .self = &w};
  for (size_t i = 0; i < truth->t[slot].count; ++i) bound[i] = INFINITY;
  if (!judged_slot(truth, slot) || !preset_offers(preset, p->type)) return;
  if (!truth->cache) make_cache(p, in, truth);
  look_at(&v, p, in, truth, NULL);
  size_t k = preset_index(v.cache, preset);
  visitor.slot[slot] = visitor.wanted[slot][k] = visitor.detail[k] = true;
  walk(&v, &visitor);
}
