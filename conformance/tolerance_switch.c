/* SPDX-License-Identifier: Apache-2.0
   SwitchableNorm: M and V mix the statistics of an instance, a layer and a batch, and gradients flow back through all three.

   Statistics of a layer and a batch may be computed of their elements, by the preset's algorithm, or of the instances' means
   and variances (the law of total variance, or the form that cancels where the preset is one pass or the case is repo=yes);
   the bound allows both. So all (n,c) are looked at first, then each once more. */
#include "tolerance_switch.h"
#include "stage.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { INSTANCE, LAYER, BATCH, KINDS };

struct level { long double e, low, high; bool range; }; /* of a mean as it is kept, of a variance */
struct partial { long double p, q[2]; bool out; };      /* sums of what P and Q [folded] are off by; is one out of range? */

struct switch_bounds {
  const struct normative_problem *p;
  const struct truth *truth;
  const struct group_facts *facts; /* of every (n,c) */
  const struct preset_row *row;
  bool ftz, evaluation, backward;
  int kinds;
  long double w_off[KINDS], var_off[KINDS]; /* of the weights */
  struct level *level[KINDS];               /* of every (n,c), n, c */
  struct partial *of_n, *of_c;
  struct terms { long double sum, off[2], apart; } mean[KINDS], var[KINDS]; /* of dlambda: over all (n,c) */
  bool range;
};

static size_t instances_of(const struct switch_bounds *b) { return b->truth->groups; }

/* Which entry of level[kind] belongs to (n,c). */
static size_t place(const struct switch_bounds *b, size_t group, int kind)
{
  return kind == INSTANCE ? group : kind == LAYER ? group / b->p->c : group % b->p->c;
}

static long double magnitude(const struct switch_group *q, int kind)
{
  return fabsl(q->mu_hi[kind] + q->mu_lo[kind]) * (1 + 0x1p-60L);
}

/* |mu_k - mu_j| of two kinds, from above */
static long double apart(const struct switch_group *q, int k, int j)
{
  return fabsl(q->mu_hi[k] - q->mu_hi[j] + (q->mu_lo[k] - q->mu_lo[j])) * (1 + 0x1p-60L);
}

/* |mu_k - M| */
static long double from_mixture(const struct group_truth *t, const struct switch_group *q, int k)
{
  return fabsl(q->mu_hi[k] - t->mu_hi + (q->mu_lo[k] - t->mu_lo)) * (1 + 0x1p-60L);
}

static long double tiny_of(const struct stage *s, const struct arithmetic *a) { return larger(a->lam, s->ftz ? a->normal : 0); }

/* ---- weights ---- */

static void weights(const struct switch_bounds *b, const struct tensor *lambda, const long double *w, long double *off)
{
  const struct stage s = stage_of(b->p, b->row, b->ftz);
  const long double u = s.apply->u;
  long double top = -INFINITY, shift[KINDS], all = 0;
  for (int k = 0; k < b->kinds; ++k) top = fmaxl(top, tensor_get(lambda, (size_t)k));
  const bool converts = wider(s.param, s.apply); /* lambda, a rounding of each */
  for (int k = 0; k < b->kinds; ++k) {
    const long double l = tensor_get(lambda, (size_t)k), d = top - l + (converts ? (fabsl(l) + fabsl(top)) * (1 + u) : 0);
    shift[k] = w[k] > 0 ? bound_weight_shift(u, d) : 0;
    all += w[k] * shift[k];
  }
  for (int k = 0; k < b->kinds; ++k) off[k] = bound_weight(u, w[k], shift[k], all, tiny_of(&s, s.apply));
}

/* ---- statistics ---- */

/* What the stage has found of a mean and a variance, as they are kept. */
static struct level kept_level(const struct stage *s)
{
  struct level l = {.e = as_kept(s, s->e), .low = s->low, .high = s->high, .range = s->range};
  if (!wider(s->sums, s->kept)) return l;
  const long double lost = s->kept->u * (s->q.sigma2 + s->high) + tiny_of(s, s->kept);
  l.low += lost;
  l.high += lost;
  l.range &= s->q.sigma2 + l.high <= s->kept->largest && magnitude_of_mean(&s->q) <= s->kept->largest;
  return l;
}

/* v with Bessel's correction, which the repository's variances of instances have, and the other way round. */
static long double bessel(const struct switch_bounds *b) { return b->p->repo ? (long double)b->p->s / (b->p->s - 1) : 1; }

static struct level instance_level(const struct switch_bounds *b, size_t group)
{
  struct stage s = stage_of(b->p, b->row, b->ftz);
  const struct switch_group *q = &b->truth->sw->group[group];
  struct group_truth own_truth = b->truth->group[group];
  own_truth.mu_hi = q->mu_hi[INSTANCE];
  own_truth.mu_lo = q->mu_lo[INSTANCE];
  own_truth.sigma2 = q->v[INSTANCE] / bessel(b) * (1 + 0x1p-60L);
  take(&s, &b->facts[group], &own_truth, b->p->s);
  own(&s);
  struct level l = kept_level(&s);
  if (!b->p->repo) return l;
  l.low = l.high = bound_unbiased(s.apply->u, larger(l.low, l.high), own_truth.sigma2, s.m, s.m - 1, s.sums->lam, s.LF);
  return l;
}

/* The (n,c) that make up a layer or a batch: the first, the step, how many. */
struct members { size_t first, step, count; };

static struct members members_of(const struct switch_bounds *b, int kind, size_t i)
{
  if (kind == LAYER) return (struct members){i * b->p->c, 1, b->p->c};
  return (struct members){i, b->p->c, b->p->n};
}

/* Averages over the members of a layer or a batch. */
struct average { long double e, e2, B, v_off, v, squares_off, mean_abs, max_abs, between; int lowest; bool range, finite; };

static struct average average_of(const struct switch_bounds *b, const struct members *m, int kind)
{
  struct average a = {.lowest = INT_MAX, .range = true, .finite = true};
  const long double up = (1 + 0x1p-60L * (m->count + 8.0L)) / m->count;
  for (size_t i = 0, group = m->first; i < m->count; ++i, group += m->step) {
    const struct switch_group *q = &b->truth->sw->group[group];
    const struct group_truth *t = &b->truth->group[group];
    const struct level *in = &b->level[INSTANCE][group];
    const long double mu = magnitude(q, INSTANCE), d = apart(q, INSTANCE, kind);
    a.e += in->e * up;
    a.e2 += in->e * in->e * up;
    a.B += mu * up;
    a.v += q->v[INSTANCE] * up;
    a.v_off += larger(in->low, in->high) * up;
    a.squares_off += (2 * mu * in->e + in->e * in->e) * up;
    a.mean_abs += t->mean_abs * up;
    a.max_abs = larger(a.max_abs, t->max_abs);
    a.between += d * d * up;
    if (b->facts[group].lowest < a.lowest) a.lowest = b->facts[group].lowest;
    a.range &= in->range;
    a.finite &= isfinite(q->mu_hi[INSTANCE]) && isfinite(q->v[INSTANCE]);
  }
  return a;
}

/* Of the elements themselves. */
static struct level direct(const struct switch_bounds *b, const struct members *m, const struct average *a, int kind)
{
  struct stage s = stage_of(b->p, b->row, b->ftz);
  const struct switch_group *q = &b->truth->sw->group[m->first];
  const struct group_facts facts = {.lowest = a->lowest};
  const struct group_truth truth = {.mu_hi = q->mu_hi[kind], .mu_lo = q->mu_lo[kind], .mean_abs = a->mean_abs,
                                    .max_abs = a->max_abs, .sigma2 = q->v[kind]};
  take(&s, &facts, &truth, (long double)m->count * b->p->s);
  own(&s);
  return kept_level(&s);
}

/* Of the instances' means and variances. */
static struct level combined(const struct switch_bounds *b, const struct members *m, const struct average *a, int kind)
{
  const struct stage s = stage_of(b->p, b->row, b->ftz);
  const struct switch_group *q = &b->truth->sw->group[m->first];
  const long double u = s.sums->u, lam = s.sums->lam, h = preset_sum_height(b->row, m->count);
  const long double mu = magnitude(q, kind), v = q->v[kind], e = bound_averaged(u, h, CM, a->B, a->e, lam, s.LF);
  const long double inside = bound_averaged(u, h, CM, a->v, a->v_off, lam, s.LF);
  const long double root = sqrtl(a->between) * (1 + 0x1p-60L), rms = sqrtl(a->e2) * (1 + 0x1p-60L);
  long double off = bound_total_variance(u, inside, bound_between(u, h, CM, root, rms, e, lam, s.LF), v);
  if (b->p->repo || (b->row->algorithms & ONE_PASS))
    off = larger(off, bound_cancelling(u, h, CM, v, mu, a->v_off, a->squares_off, e, lam, s.LF));
  struct stage found = s;
  found.q = (struct group_truth){.mu_hi = q->mu_hi[kind], .mu_lo = q->mu_lo[kind], .sigma2 = v};
  found.e = e;
  found.low = found.high = off;
  need_below(&found, m->count * (v + mu * mu) * 2, s.sums);
  return kept_level(&found);
}

/* Evaluation: running statistics, converted. */
static struct level given_level(const struct switch_bounds *b, size_t c)
{
  struct stage s = stage_of(b->p, b->row, b->ftz);
  const struct switch_group *q = &b->truth->sw->group[c];
  struct level l = {.e = converted(&s, q->mu_hi[BATCH]), .range = true};
  l.low = l.high = converted(&s, q->v[BATCH]);
  return l;
}

static struct level level_of(const struct switch_bounds *b, int kind, size_t i)
{
  if (kind == BATCH && b->evaluation) return given_level(b, i);
  const struct members m = members_of(b, kind, i);
  const struct average a = average_of(b, &m, kind);
  if (!a.finite) return (struct level){0}; /* nothing finite comes of it */
  const struct level two = combined(b, &m, &a, kind);
  struct level l = b->p->repo ? two : direct(b, &m, &a, kind);
  l.e = larger(l.e, two.e);
  l.low = larger(l.low, two.low);
  l.high = larger(l.high, two.high);
  l.range &= two.range & a.range;
  return l;
}

/* M and V of (n,c) */
static void mix(const struct switch_bounds *b, size_t group, struct stage *s)
{
  const struct switch_truth *sw = b->truth->sw;
  const struct switch_group *q = &sw->group[group];
  const long double u = s->kept->u, tiny = tiny_of(s, s->kept);
  for (int k = 0; k < b->kinds; ++k) {
    const struct level *l = &b->level[k][place(b, group, k)];
    const long double v = fabsl(q->v[k]);
    s->e += bound_mixed(u, sw->w[k], b->w_off[k], magnitude(q, k), l->e, tiny);
    s->low += bound_mixed(u, sw->w_var[k], b->var_off[k], v, l->low, tiny);
    s->high += bound_mixed(u, sw->w_var[k], b->var_off[k], v, l->high, tiny);
    s->range &= l->range;
  }
}

/* ---- gradients ---- */

/* P and Q of (n,c), and what they are off by; their terms are added up. */
static struct partial partials(const struct gradient_stage *g)
{
  const struct stage *s = g->s;
  const long double u = s->apply->u;
  const long double lost = bound_partial_lost(u, s->m, g->r, g->tiny);
  const long double one = plus_one(s->p);
  struct partial off = {.p = bound_partial_mean(u, s->m, g->r, g->E, 4 + one, s->q.c1, g->C1) + lost};
  for (int folded = 0; folded < 2; ++folded)
    off.q[folded] = bound_partial_variance(u, s->m, g->r, g->E, 6 + one, s->q.c2, g->C2[folded]) + lost;
  return off;
}

static void add_to_lambdas(struct switch_bounds *b, size_t group, const struct stage *s, const struct partial *off)
{
  const struct group_truth *t = &b->truth->group[group];
  const struct switch_group *q = &b->truth->sw->group[group];
  for (int k = 0; k < b->kinds; ++k) {
    const struct level *l = &b->level[k][place(b, group, k)];
    const long double d = from_mixture(t, q, k), dv = fabsl(q->v[k] - t->sigma2) + 0x1p-60L * (fabsl(q->v[k]) + t->sigma2);
    const long double v_off = larger(l->low, l->high) + larger(s->low, s->high), p = q->p + off->p;
    b->mean[k].sum += q->p * d;
    b->mean[k].apart += p * (magnitude(q, k) + l->e);
    b->var[k].sum += q->q * dv;
    b->var[k].apart += (q->q + off->q[1]) * (fabsl(q->v[k]) + v_off);
    for (int folded = 0; folded < 2; ++folded) {
      b->mean[k].off[folded] += off->p * d + p * (l->e + s->e);
      b->var[k].off[folded] += off->q[folded] * dv + (q->q + off->q[folded]) * v_off;
    }
  }
}

/* The sums of P and Q over all that share one kind of statistics with (n,c): magnitudes, and what they are off by. */
struct shared { long double count, p, q; struct partial off; };

static struct shared shared_of(const struct switch_bounds *b, size_t group, int kind, const struct partial *own)
{
  const struct switch_truth *sw = b->truth->sw;
  const size_t n = group / b->p->c, c = group % b->p->c;
  if (kind == INSTANCE) return (struct shared){1, sw->group[group].p, sw->group[group].q, *own};
  struct shared s = kind == LAYER ? (struct shared){b->p->c, sw->p_n[n], sw->q_n[n], b->of_n[n]}
                                  : (struct shared){b->p->n, sw->p_c[c], sw->q_c[c], b->of_c[c]};
  const long double u = arithmetic_of(b->row->apply)->u, h = preset_sum_height(b->row, s.count);
  s.off.p = bound_partial_sum(u, h, s.p, s.off.p);
  for (int folded = 0; folded < 2; ++folded) s.off.q[folded] = bound_partial_sum(u, h, s.q, s.off.q[folded]);
  return s;
}

/* What one kind of statistics adds to dx. repo=yes: with x - mu_k goes (x - mu_in)/(S-1), which is no farther from x - M than
   `away` either. */
static void flow_through(const struct switch_bounds *b, size_t group, int k, const struct gradient_stage *g,
                         const struct shared *sum, long double dx[2][FEATURES])
{
  const struct switch_truth *sw = b->truth->sw;
  const struct switch_group *q = &sw->group[group];
  const long double u = g->s->apply->u, share = 1 / (sum->count * b->p->s) * (1 + 0x1p-60L);
  const long double e = b->level[k][place(b, group, k)].e + b->level[INSTANCE][group].e;
  const long double away = from_mixture(g->s->g->truth, q, INSTANCE) + apart(q, INSTANCE, k);
  const long double lost = 16 * g->tiny * (b->p->n + b->p->c) * (1 + bound_P(u, 12));
  const long double one = share * bound_contribution(u, sw->w[k], b->w_off[k], sum->p, sum->off.p, 8);
  const long double twice = 2 * share * bessel(b), roundings = b->p->repo ? 12 : 10;
  const long double mu = b->p->repo ? larger(magnitude(q, k), magnitude(q, INSTANCE)) : magnitude(q, k);
  for (int folded = 0; folded < 2; ++folded) {
    const long double off = bound_contribution(u, sw->w_var[k], b->var_off[k], sum->q, sum->off.q[folded], roundings);
    const long double slope = twice * off, whole = twice * sw->w_var[k] * sum->q + slope;
    const long double apart = folded ? bound_P(u, 6) * whole : 0;
    dx[folded][D_D] += slope + lost;
    dx[folded][D_X] += apart;
    dx[folded][D_ONE] += one + slope * away + whole * e + apart * (mu + e) + lost * (1 + away);
  }
}

/* Sums of P, and of Q times x - mu, in any order of the factors. */
static bool flow_in_range(const struct gradient_stage *g, const struct shared *sum)
{
  const long double reach = larger(g->s->q.max_abs + g->mu + g->e, 1), q = larger(sum->off.q[0], sum->off.q[1]) + sum->q;
  return !sum->off.out && 4 * larger(sum->p + sum->off.p, q * reach) <= g->s->apply->largest;
}

static void flow(const struct switch_bounds *b, size_t group, const struct gradient_stage *g, struct tolerance *t)
{
  const struct partial own = partials(g);
  for (int k = 0; k < b->kinds && !(k == BATCH && b->evaluation); ++k) {
    const struct shared sum = shared_of(b, group, k, &own);
    flow_through(b, group, k, g, &sum, t->dx);
    t->range &= flow_in_range(g, &sum);
  }
}

/* ---- one (n,c) ---- */

/* Its statistics, all outputs of forward, dgamma's share and, before partials are added up, what they are. */
static bool group_bounds(const struct switch_bounds *b, size_t group, struct stage *s, struct gradient_stage *g,
                         struct tolerance *t)
{
  const struct group_facts *facts = &b->facts[group];
  const struct switch_group *q = &b->truth->sw->group[group];
  *s = stage_of(b->p, b->row, b->ftz);
  take(s, facts, facts->truth, facts->m);
  mix(b, group, s);
  reciprocal(s, t);
  t->e = s->e;
  if (!b->backward) {
    outputs(s, t);
    return true;
  }
  const long double spread = s->q.rstd * (sqrtl(q->v[INSTANCE]) + from_mixture(facts->truth, q, INSTANCE)) * (1 + 0x1p-60L);
  return gradients(s, t, MIXED, spread, g);
}

void tolerance_switch(const struct switch_bounds *b, size_t group, struct tolerance *t)
{
  struct stage s;
  struct gradient_stage g;
  const bool bounded = group_bounds(b, group, &s, &g, t);
  if (!b->backward) return;
  if (bounded) flow(b, group, &g, t);
  if (wider(s.apply, s.tensor)) stored_dx(&s, t);
}

bool tolerance_switch_batch(const struct switch_bounds *b, size_t c, struct estimate *batch)
{
  const struct stage s = stage_of(b->p, b->row, b->ftz);
  const struct switch_group *q = &b->truth->sw->group[c];
  const struct level *l = &b->level[BATCH][c];
  *batch = (struct estimate){.mean = magnitude(q, BATCH), .mean_off = l->e, .var_off = larger(l->low, l->high)};
  estimate_variance(&s, q->v[BATCH], batch);
  return l->range;
}

/* ---- all of them ---- */

static void add_partials(struct switch_bounds *b)
{
  for (size_t group = 0; group < instances_of(b); ++group) {
    struct stage s;
    struct gradient_stage g;
    struct tolerance t;
    if (!b->truth->group[group].finite) continue;
    if (!group_bounds(b, group, &s, &g, &t)) {
      b->of_n[group / b->p->c].p = b->of_c[group % b->p->c].p = b->mean[INSTANCE].apart = b->var[INSTANCE].apart = INFINITY;
      continue;
    }
    const struct partial off = partials(&g);
    struct partial *sums[] = {&b->of_n[group / b->p->c], &b->of_c[group % b->p->c]};
    for (int i = 0; i < 2; ++i) {
      sums[i]->p += off.p;
      sums[i]->out |= !s.range;
      for (int folded = 0; folded < 2; ++folded) sums[i]->q[folded] += off.q[folded];
    }
    add_to_lambdas(b, group, &s, &off);
    b->range &= s.range;
  }
  for (int k = 0; k < b->kinds; ++k) /* the products of which dlambda are the sums */
    b->range &= 2 * larger(b->mean[k].apart, b->var[k].apart) <= arithmetic_of(b->row->apply)->largest;
}

struct switch_bounds *switch_bounds_new(const struct normative_problem *p, const struct tensors *in, const struct truth *truth,
                                        const struct group_facts *facts, const struct preset_row *row, bool ftz)
{
  struct switch_bounds *b = calloc(1, sizeof *b);
  *b = (struct switch_bounds){.p = p, .truth = truth, .facts = facts, .row = row, .ftz = ftz, .range = true,
                              .backward = p->direction == NORMATIVE_BACKWARD, .kinds = (int)truth->sw->lambdas,
                              .evaluation = p->mode == NORMATIVE_EVALUATION && p->running};
  const size_t count[KINDS] = {truth->groups, p->n, p->c};
  weights(b, &in->t[SLOT_LAMBDA_MEAN], truth->sw->w, b->w_off);
  weights(b, &in->t[SLOT_LAMBDA_VAR], truth->sw->w_var, b->var_off);
  for (int k = 0; k < b->kinds; ++k) {
    b->level[k] = calloc(count[k] + 1, sizeof *b->level[k]);
    for (size_t i = 0; i < count[k]; ++i) b->level[k][i] = k == INSTANCE ? instance_level(b, i) : level_of(b, k, i);
  }
  if (!b->backward) return b;
  b->of_n = calloc(p->n + 1, sizeof *b->of_n);
  b->of_c = calloc(p->c + 1, sizeof *b->of_c);
  add_partials(b);
  return b;
}

void switch_bounds_free(struct switch_bounds *b)
{
  if (!b) return;
  for (int k = 0; k < KINDS; ++k) free(b->level[k]);
  free(b->of_n);
  free(b->of_c);
  free(b);
}

long double tolerance_dlambda(const struct switch_bounds *b, bool var, int k, bool folded)
{
  const struct stage s = stage_of(b->p, b->row, b->ftz);
  const long double u = s.sums->u, n = instances_of(b), h = preset_sum_height(b->row, n), up = 1 + 0x1p-60L * (n + 16);
  const long double *off = var ? b->var_off : b->w_off, *w = var ? b->truth->sw->w_var : b->truth->sw->w;
  const struct terms *of = var ? b->var : b->mean;
  long double all = 0, all_off = 0;
  for (int j = 0; j < b->kinds; ++j) {
    all += (w[j] + off[j]) * of[j].apart * up;
    all_off += off[j] * of[j].apart * up;
  }
  long double T = bound_dlambda(u, h, w[k], off[k], of[k].sum * up, of[k].off[folded] * up);
  T += 16 * tiny_of(&s, s.apply) * n * (1 + w[k]);
  if (folded || var) T += bound_dlambda_apart(u, h, w[k], off[k], of[k].apart * up, all, all_off);
  return all < INFINITY ? T : INFINITY;
}

bool switch_bounds_range(const struct switch_bounds *b) { return b->range; }
