/* SPDX-License-Identifier: Apache-2.0
   Scales of SwitchableNorm. */
#include "switch_scale.h"
#include <math.h>
#include <stdlib.h>

/* |mu_k - mu_j| of two kinds */
static long double apart(const struct switch_group *q, size_t k, size_t j)
{
  return fabsl(q->mu_hi[k] - q->mu_hi[j] + (q->mu_lo[k] - q->mu_lo[j]));
}

/* sum w'_k |v_k| */
static long double size_of_V(const struct switch_truth *sw, const struct switch_group *q)
{
  long double v = 0;
  for (size_t k = 0; k < sw->lambdas; ++k) v += sw->w_var[k] * fabsl(q->v[k]);
  return v;
}

static struct switch_size size_of(const struct normative_problem *p, const struct truth *truth, size_t group)
{
  const struct group_truth *t = &truth->group[group];
  const struct switch_truth *sw = truth->sw;
  const struct switch_group *q = &sw->group[group];
  struct switch_size s = {.r = t->rstd};
  const long double lost = (size_of_V(sw, q) + p->eps) * t->rstd * t->rstd;
  if (lost > 1 && lost < INFINITY) s.r *= lost;
  size_t b = 0;
  for (size_t k = 1; k < sw->lambdas; ++k)
    if (sw->w[k] > sw->w[b]) b = k;
  for (size_t k = 0; k < sw->lambdas; ++k) s.away += sw->w[k] * apart(q, k, b);
  s.p = s.r * t->g_abs;
  s.q = t->rstd > 0 ? s.r * s.r * (s.r / t->rstd * t->gx_abs + s.r * s.away * t->g_abs) : 0;
  return s;
}

/* What an (n,c) adds to dgamma and the dlambdas, squared. M and V are rounded once for all of its elements, so that error goes
   with their sum; and as a term may be near 0 where its factors are not accurate to that, V is added to (x-M)^2 and
   (mu_k-M)^2, and V^2 to (v_k-V)^2. */
static void add_squares(struct switch_scales *s, const struct normative_problem *p, const struct tensors *in,
                        const struct truth *truth, size_t group)
{
  const struct group_truth *t = &truth->group[group];
  const struct switch_truth *sw = truth->sw;
  const struct switch_group *q = &sw->group[group];
  const struct switch_size *size = &s->of[0][group];
  const struct runs at = problem_runs(p, group);
  const long double gamma = plus_one(p) + (in->t[SLOT_GAMMA].data ? tensor_get(&in->t[SLOT_GAMMA], at.param) : 1.0L);
  const long double r2 = size->r * size->r, V = size_of_V(sw, q);
  long double all = 0, plain = 0, moment = 0;
  for (size_t k = 0; k < p->s; ++k) {
    const long double dy = tensor_get(&in->t[SLOT_DY], element_at(&at, k));
    const long double d = tensor_get(&in->t[SLOT_X], element_at(&at, k)) - t->mu_hi - t->mu_lo;
    all += dy;
    plain += dy * dy;
    moment += dy * dy * (d * d + V) * r2;
  }
  s->dgamma[group % p->c] += moment + r2 * size->away * size->away * all * all;
  for (size_t k = 0; k < sw->lambdas; ++k) {
    const long double d = q->mu_hi[k] - t->mu_hi + (q->mu_lo[k] - t->mu_lo), dv = q->v[k] - t->sigma2;
    const long double mean = sw->w[k] * gamma, var = sw->w_var[k] * gamma * r2 / 2, of_V = sw->w_var[k] * q->q * V;
    s->dlambda[0][k] += mean * mean * r2 * (d * d + V) * plain;
    s->dlambda[1][k] += var * var * (dv * dv + V * V) * moment + of_V * of_V;
  }
}

/* From squares to scales; the terms of every (n,c) as they are may be the larger ones. */
static void take_roots(struct switch_scales *s, const struct normative_problem *p, const struct switch_truth *sw)
{
  for (size_t c = 0; c < p->c; ++c) s->dgamma[c] = sqrtl(s->dgamma[c]);
  for (size_t k = 0; k < sw->lambdas; ++k) {
    s->dlambda[0][k] = fmaxl(sqrtl(s->dlambda[0][k]), sw->mean_norm[k]);
    s->dlambda[1][k] = fmaxl(sqrtl(s->dlambda[1][k]), sw->var_norm[k]);
  }
}

struct switch_scales *switch_scales_new(const struct normative_problem *p, const struct tensors *in, const struct truth *truth)
{
  struct switch_scales *s = calloc(1, sizeof *s);
  const size_t count[3] = {truth->groups, p->n, p->c};
  for (int k = 0; k < 3; ++k) s->of[k] = calloc(count[k] + 1, sizeof *s->of[k]);
  s->dgamma = calloc(p->c + 1, sizeof *s->dgamma);
  for (size_t group = 0; group < truth->groups; ++group) {
    const struct switch_size own = s->of[0][group] = size_of(p, truth, group);
    struct switch_size *layer = &s->of[1][group / p->c], *batch = &s->of[2][group % p->c];
    layer->p += own.p / p->c;
    layer->q += own.q / p->c;
    batch->p += own.p / p->n;
    batch->q += own.q / p->n;
    if (p->direction == NORMATIVE_BACKWARD) add_squares(s, p, in, truth, group);
  }
  take_roots(s, p, truth->sw);
  return s;
}

void switch_scales_free(struct switch_scales *s)
{
  if (!s) return;
  for (int k = 0; k < 3; ++k) free(s->of[k]);
  free(s->dgamma);
  free(s);
}

long double switch_scale_y(const struct switch_scales *s, const struct truth *truth, size_t group, long double x)
{
  const struct group_truth *t = &truth->group[group];
  const struct switch_size *own = &s->of[0][group];
  return own->r * (fabsl(x - t->mu_hi - t->mu_lo) + own->away);
}

long double switch_scale_dx(const struct switch_scales *s, const struct normative_problem *p, const struct truth *truth,
                            size_t group, long double x, long double g)
{
  const struct switch_truth *sw = truth->sw;
  const struct switch_group *q = &sw->group[group];
  const size_t place[3] = {group, group / p->c, group % p->c};
  long double largest = s->of[0][group].r * g;
  for (size_t k = 0; k < sw->lambdas && !(k == 2 && p->mode == NORMATIVE_EVALUATION); ++k) {
    const struct switch_size *of = &s->of[k][place[k]];
    long double away = fabsl(x - q->mu_hi[k] - q->mu_lo[k]);
    if (p->repo) away = fmaxl(away, fabsl(x - q->mu_hi[0] - q->mu_lo[0]) / (p->s - 1));
    largest = fmaxl(largest, fmaxl(sw->w[k] * of->p, sw->w_var[k] * of->q * away));
  }
  return largest;
}
