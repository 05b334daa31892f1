/* SPDX-License-Identifier: Apache-2.0
   Bounds, and the order in which they are taken.

     T[i]       the preset's bound, in ulp(s): the sum over k of coefficient[k] (the group's) times f[k][i] (the element's);
                of the gradient of a parameter, a sum over its terms in all groups */
#include "walk.h"
#include "tolerance_switch.h"
#include "ulps.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- bounds of a block ---- */

/* The sum with the residual is one addition, and one rounding to the tensor's type. */
static long double element_bound(enum slot slot, const struct tolerance *t, bool folded, int k)
{
  if (slot == SLOT_DX) return t->dx[folded][k];
  if (slot == SLOT_Y) return t->y[folded][k];
  return k == F_Y ? t->sum : k == F_ONE ? t->sum_lost : 0;
}

static long double statistic_bound(enum slot slot, const struct tolerance *t)
{
  return slot == SLOT_MEAN ? t->mean : slot == SLOT_RSTD ? t->rstd : t->variance;
}

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

/* ---- running statistics: a channel takes in those of all its groups ---- */

struct channels { /* of each channel; NULL where none is wanted */
  struct channel *exact;
  struct estimate *off[PRESETS_MAX]; /* sums over its groups */
  bool *out_of_range[PRESETS_MAX];
};

static void channels_open(const struct view *v, const struct visitor *w, struct channels *s)
{
  memset(s, 0, sizeof *s);
  if (!w->slot[SLOT_RUNNING_MEAN] && !w->slot[SLOT_RUNNING_VAR]) return;
  s->exact = calloc(v->p->c + 1, sizeof *s->exact);
  for (size_t c = 0; c < v->p->c; ++c) s->exact[c].finite = true;
  for (size_t k = 0; k < v->cache->presets; ++k) {
    const bool wanted = w->wanted[SLOT_RUNNING_MEAN][k] || w->wanted[SLOT_RUNNING_VAR][k];
    if (!wanted || v->cache->preset[k]->row->exactness != BY_BOUND) continue;
    s->off[k] = calloc(v->p->c + 1, sizeof *s->off[k]);
    s->out_of_range[k] = calloc(v->p->c + 1, sizeof *s->out_of_range[k]);
  }
}

static void channels_close(struct channels *s, size_t presets)
{
  free(s->exact);
  for (size_t k = 0; k < presets; ++k) {
    free(s->off[k]);
    free(s->out_of_range[k]);
  }
}

static void add_estimate(struct estimate *sum, const struct estimate *b)
{
  sum->mean += b->mean;
  sum->mean_off += b->mean_off;
  sum->var += b->var;
  sum->var_off += b->var_off;
}

/* How many estimates are averaged. SwitchableNorm's are those of the batch. */
static long double instances(const struct view *v) { return v->truth->sw ? 1 : v->truth->groups / v->p->c; }

/* One of n estimates of a channel: magnitudes as the scale has them. */
static void add_magnitudes(const struct view *v, long double mean, long double var, long double n, struct channel *c)
{
  c->mean += fabsl(mean) / n;
  c->sigma += sqrtl(var) / n;
  c->var += var / n * ((long double)problem_running_m(v->p) / problem_running_divisor(v->p));
}

static void add_to_channel(const struct view *v, size_t group, const struct tolerance *t, bool regular, struct channels *s)
{
  const struct group_truth *q = &v->truth->group[group];
  const size_t c = group % v->p->c;
  s->exact[c].finite &= regular;
  if (!regular) return;
  add_magnitudes(v, q->mu_hi, q->sigma2, instances(v), &s->exact[c]);
  for (size_t k = 0; k < v->cache->presets; ++k) {
    if (!s->off[k]) continue;
    const struct tolerance *own = &t[v->cache->plain[k]];
    add_estimate(&s->off[k][c], &own->batch);
    s->out_of_range[k][c] |= !own->range;
  }
}

/* The sums of a channel become averages, and these the bound of its running statistic. */
static double running_bound(const struct view *v, const struct block *b, size_t k, const struct channels *s, bool *range)
{
  const struct preset *preset = v->cache->preset[k];
  const long double n = instances(v), up = (1 + n * 0x1p-60L) / n;
  const struct estimate *sum = &s->off[k][b->group];
  const struct estimate mean = {sum->mean * up, sum->mean_off * up, sum->var * up, sum->var_off * up};
  const long double old[] = {fabs(tensor_get(&v->in->t[SLOT_RUNNING_MEAN], b->group)),
                             fabs(tensor_get(&v->in->t[SLOT_RUNNING_VAR], b->group))};
  const bool var = v->slot == SLOT_RUNNING_VAR;
  long double of[2];
  if (b->special[0] || b->undecided[0]) return 0;
  *range &= tolerance_range_running(preset->row, n, old[var], var ? mean.var + mean.var_off : mean.mean + mean.mean_off);
  tolerance_running(v->p, preset->row, preset->ftz, &mean, n, old[0], old[1], &of[0], &of[1]);
  return upward(of[var] * power2(-b->unit[0]));
}

static void visit_channel(const struct view *v, struct visitor *w, struct block *b, const struct channels *s)
{
  struct tolerance t = {0};
  double T[BLOCK];
  fill_running(v, b, &s->exact[b->group]);
  if (w->block) w->block(w->self, b);
  for (size_t k = 0; k < v->cache->presets; ++k) {
    if (!w->wanted[v->slot][k]) continue;
    enum exactness exactness = v->cache->preset[k]->row->exactness;
    t.range = !s->out_of_range[k] || !s->out_of_range[k][b->group];
    if (exactness == BY_BOUND) T[0] = running_bound(v, b, k, s, &t.range);
    else if (w->detail[k]) block_exactness(v, b, exactness, T);
    w->bound(w->self, b, k, &t, exactness == BY_BOUND && !(T[0] < INFINITY), T);
  }
}

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
  for (size_t i = 0; i < t->n; ++i, at += stride) {
    long double dy = fabsl((long double)tensor_get(&v->in->t[SLOT_DY], at)), x = tensor_get(&v->in->t[SLOT_X], at);
    t->dy[i] = (double)dy;
    t->dyx[i] = (double)(dy * (fabsl(v->centred ? x - q->mu_hi - q->mu_lo : x) * q->rstd));
  }
}

/* Adds to sum[0], sum[step], ...; all to sum[0] if step is 0. */
static void add_terms(const struct terms *t, const struct share *share, size_t step, double *restrict sum)
{
  const double slope = upward(share->slope * LIFT), offset = upward(share->offset * LIFT);
  const double each = upward(share->each * LIFT);
  double total = 0;
  if (step) {
#pragma omp simd
    for (size_t i = 0; i < t->n; ++i) sum[i * step] += slope * t->dyx[i] + offset * t->dy[i] + each;
    return;
  }
  for (size_t i = 0; i < t->n; ++i) total += slope * t->dyx[i] + offset * t->dy[i] + each;
  *sum += total;
}

/* What a group adds to the bounds of every dgamma. One whose statistics are not finite makes NaN of them, or adds exact zeros;
   one whose given statistics are, though x is not, spoils only dgamma of the columns where it is not. */
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
          add_terms(&terms, &t[v->cache->plain[k]].share[v->cache->preset[k]->folded], r.param_inner, s->sum[k] + j);
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

/* ---- SwitchableNorm: bounds of a group need all groups ---- */

struct mixtures { struct group_facts *facts; struct switch_bounds *of[PRESETS_MAX]; };

static void mixtures_open(const struct view *v, const struct visitor *w, struct mixtures *s)
{
  bool need[PRESETS_MAX];
  memset(s, 0, sizeof *s);
  if (!v->truth->sw) return;
  s->facts = calloc(v->truth->groups + 1, sizeof *s->facts);
  for (size_t g = 0; g < v->truth->groups; ++g) s->facts[g] = facts_of(v, g);
  needed(v, w, need);
  for (size_t k = 0; k < v->cache->presets; ++k)
    if (need[k])
      s->of[k] = switch_bounds_new(v->p, v->in, v->truth, s->facts, v->cache->preset[k]->row, v->cache->preset[k]->ftz);
}

static void mixtures_close(struct mixtures *s, size_t presets)
{
  for (size_t k = 0; k < presets; ++k) switch_bounds_free(s->of[k]);
  free(s->facts);
}

/* The batch's statistics of every channel. */
static void mixtures_to_channels(const struct view *v, const struct mixtures *s, struct channels *channels)
{
  for (size_t c = 0; c < v->p->c; ++c) {
    const struct switch_group *q = &v->truth->sw->group[c];
    channels->exact[c].finite = isfinite(q->mu_hi[2]) && isfinite(q->v[2]);
    if (!channels->exact[c].finite) continue;
    add_magnitudes(v, q->mu_hi[2], q->v[2], 1, &channels->exact[c]);
    for (size_t k = 0; k < v->cache->presets; ++k)
      if (channels->off[k])
        channels->out_of_range[k][c] = !tolerance_switch_batch(s->of[v->cache->plain[k]], c, &channels->off[k][c]);
  }
}

static void visit_lambdas(const struct view *v, struct visitor *w, struct block *b, const struct mixtures *s)
{
  struct tolerance t = {0};
  double T[BLOCK];
  fill_lambdas(v, b);
  if (w->block) w->block(w->self, b);
  for (size_t k = 0; k < v->cache->presets; ++k) {
    const struct preset *preset = v->cache->preset[k];
    const struct switch_bounds *mixture = s->of[v->cache->plain[k]];
    bool none = false;
    if (!w->wanted[v->slot][k]) continue;
    for (size_t i = 0; preset->row->exactness == BY_BOUND && i < b->n; ++i) {
      const long double value = absolute_exact(&v->exact->exact[i]);
      const long double off = tolerance_dlambda(mixture, v->slot == SLOT_DLAMBDA_VAR, (int)i, preset->folded);
      const bool exact = b->special[i] || b->undecided[i];
      T[i] = exact ? 0 : upward(tolerance_stored_parameter(v->p, preset->row, preset->ftz, off, value) * power2(-b->unit[i]));
      none |= !(T[i] < INFINITY);
    }
    if (preset->row->exactness != BY_BOUND && w->detail[k]) block_exactness(v, b, preset->row->exactness, T);
    t.range = preset->row->exactness != BY_BOUND || switch_bounds_range(mixture);
    w->bound(w->self, b, k, &t, none, T);
  }
}

static void group_tolerance(const struct view *v, const struct group_facts *g, size_t group, const struct mixtures *s, size_t k,
                            struct tolerance *t)
{
  if (s->of[k]) tolerance_switch(s->of[k], group, t);
  else tolerance_of(v->p, g, v->cache->preset[k]->row, v->cache->preset[k]->ftz, t);
}

/* Outputs that are looked at group by group. */
static bool of_groups(enum slot slot) { return !of_parameters(slot) && !of_channels(slot) && !of_lambdas(slot); }

void walk(struct view *v, struct visitor *w)
{
  struct tolerance t[PRESETS_MAX];
  struct shares shares;
  struct channels channels;
  struct mixtures mixtures;
  struct block b;
  shares_open(v, w, &shares);
  channels_open(v, w, &channels);
  mixtures_open(v, w, &mixtures);
  for (b.group = 0; b.group < v->truth->groups; ++b.group) {
    struct group_facts g = facts_of(v, b.group);
    const bool regular = g.truth->finite && g.m > 0, shares_in = regular || (g.truth->given && g.m > 0);
    bool need[PRESETS_MAX];
    needed(v, w, need);
    for (size_t k = 0; k < v->cache->presets; ++k)
      if (need[k] && shares_in) group_tolerance(v, &g, b.group, &mixtures, k, &t[k]);
    for (int slot = 0; slot < SLOT_COUNT; ++slot) {
      if (!w->slot[slot] || !of_groups((enum slot)slot)) continue;
      look_at_slot(v, (enum slot)slot);
      visit_slot(v, w, &b, t, regular && (slot != SLOT_DX || gradient_finite(v, b.group)));
    }
    if (w->slot[SLOT_DGAMMA]) add_shares(v, b.group, t, shares_in, &shares);
    if (channels.exact && !v->truth->sw) add_to_channel(v, b.group, t, regular, &channels);
  }
  if (channels.exact && v->truth->sw) mixtures_to_channels(v, &mixtures, &channels);
  for (int slot = 0; slot < SLOT_COUNT; ++slot) {
    if (!w->slot[slot]) continue;
    look_at_slot(v, (enum slot)slot);
    if (of_lambdas((enum slot)slot)) visit_lambdas(v, w, &b, &mixtures);
    if (of_parameters((enum slot)slot)) visit_parameters(v, w, &b, &shares);
    for (b.group = 0; of_channels((enum slot)slot) && b.group < v->p->c; ++b.group) visit_channel(v, w, &b, &channels);
  }
  shares_close(&shares, v->cache->presets);
  channels_close(&channels, v->cache->presets);
  mixtures_close(&mixtures, v->cache->presets);
}

/* ---- how loose presets are ---- */

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

void measure_presets(const struct normative_problem *p, const struct tensors *in, struct truth *truth, bool ftz)
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
