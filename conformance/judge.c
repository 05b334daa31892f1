/* SPDX-License-Identifier: Apache-2.0
   Verdicts. Every output element has an error and, under each preset, a bound; both are counted in ulps of its scale
   (block.h), and then the verdict is a matter of comparing. */
#include "ulps.h"
#include "walk.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

const char *const verdict_name[VERDICT_COUNT] = {"PASS", "FAIL", "RANGE", "MISTRUSTED",
                                                 "UNDECIDED", "SKIP", "CRASH", "TIMEOUT"};

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
  bool refuted[SLOT_COUNT][PRESETS_MAX]; /* something is outside, and not out of range */
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
static bool is_outside(const struct view *v, const struct block *b, size_t i, const struct preset *preset, bool none, double T)
{
  const enum exactness exactness = preset->row->exactness;
  if (b->undecided[i] || none) return false;
  if (b->special[i] && preset->ftz && b->got[i] == 0 && fabs(b->nearest[i]) < v->type->normal) return false; /* beta, flushed */
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
  if (of_channels(v->slot) || of_lambdas(v->slot)) return t->range;
  if (of_parameters(v->slot)) return parameter_in_range(v, &v->truth->param[b->index[i]], preset, t);
  struct group_facts g = facts_of(v, b->group);
  if (!g.truth->finite || (v->slot == SLOT_DX && !gradient_finite(v, b->group))) return true;
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
static void find_element(struct judging *w, int m, const struct block *b, size_t i, bool outside, bool refutes, double T)
{
  struct candidate c = {.index = b->index[i], .unit = b->unit[i], .T = T, .slot = w->v->slot};
  c.badness = T > 0 ? b->err[i] / T : b->err[i] > 0 ? INFINITY : 0;
  if (outside) {
    c.severity = refutes ? 2 : 1;
    ++*(refutes ? &w->outside[m] : &w->out_of_range[m]);
  }
  offer(&w->worst[m], &c);
  c.severity = 0;
  c.badness = T / b->scale[i];
  if (!outside) offer(&w->loosest[m], &c);
}

/* A required preset is looked at in every element, any other until an element is outside and in range. */
static void judge_block(void *self, const struct block *b, size_t preset, const struct tolerance *t, bool none,
                        const double T[BLOCK])
{
  struct judging *w = self;
  const struct preset *own = w->v->cache->preset[preset];
  bool *refuted = &w->refuted[w->v->slot][preset];
  int m = 0;
  while (m < w->members && w->required[m] != preset) ++m;
  for (size_t i = 0; i < b->n; ++i) {
    bool outside = is_outside(w->v, b, i, own, none, T[i]);
    bool refutes = outside && in_range(w->v, b, i, own, t);
    if (outside) w->covers[w->v->slot][preset] = false;
    *refuted |= refutes;
    if (m < w->members && !b->undecided[i]) find_element(w, m, b, i, outside, refutes, none ? INFINITY : T[i]);
    else if (refutes) break;
  }
  if (*refuted && m == w->members) w->visitor->wanted[w->v->slot][preset] = false;
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

static bool refuted(const struct judging *w, size_t preset)
{
  for (int slot = 0; slot < SLOT_COUNT; ++slot)
    if (w->present[slot] && w->refuted[slot][w->v->cache->same[preset]]) return true;
  return false;
}

static bool row_covers(const struct judging *w, const struct preset_row *row)
{
  for (size_t k = 0; k < w->v->cache->presets; ++k)
    if (w->v->cache->preset[k]->row == row && covers_all(w, k)) return true;
  return false;
}

static void find_beyond(const struct judging *w)
{
  const struct case_cache *cache = w->v->cache;
  const struct preset_row *found = NULL;
  int n = 0;
  for (size_t k = 0; k < cache->presets && n < COVERED_MAX; ++k) {
    const struct preset_row *row = cache->preset[k]->row;
    if (row == found || !w->considered[k] || refuted(w, k) || row_covers(w, row)) continue;
    found = row;
    w->j->beyond[n++] = cache->preset[k]->name;
  }
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
      w->refuted[slot][k] = false;
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
  find_beyond(&w);
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
