/* SPDX-License-Identifier: Apache-2.0
   Bounds of gradients. */
#include "stage.h"
#include <limits.h>
#include <string.h>

/* Is gamma converted first, a rounding more? */
static bool converts(const struct stage *s) { return wider(s->param, s->apply); }
static long double shares_rounded(const struct gradient_stage *b)
{
  return bound_rounded(b->s->apply->u, 4 + plus_one(b->s->p) + converts(b->s));
}

/* mean(g xhat) with eps outside the root. A sigma of 0 has a bound only where it comes out as 0: then there is no such part. */
static void take_factor(struct gradient_stage *b)
{
  const struct stage *s = b->s;
  const long double u = s->apply->u, sigma2 = s->q.sigma2, f = b->factor = s->q.factor;
  const bool exact = s->low == 0 && s->high == 0 && b->e == 0;
  const long double F = sigma2 > 0 ? bound_rstd(u, s->low / sigma2, s->high / sigma2, s->row->newton + 3.5L) : INFINITY;
  for (int folded = 0; folded < 2; ++folded)
    b->C2[folded] = F < INFINITY ? bound_beside_eps(u, f, F, b->c2, b->C2[folded]) : sigma2 == 0 && exact ? 0 : INFINITY;
  b->c2 *= f;
}

/* mean(g xhat) with max(sigma2, eps) in the root: only where sigma2 is the greater; either way where that may come out
   differently, or they are equal. */
static void take_greater(struct gradient_stage *b)
{
  const struct stage *s = b->s;
  const long double eps = s->p->eps, sigma2 = s->q.sigma2, off = bound_P(s->apply->u, 2) * (sigma2 + s->high) + eps_error(s);
  const bool above = sigma2 - s->low - off > eps, below = sigma2 + s->high + off < eps;
  for (int folded = 0; folded < 2 && !above; ++folded)
    b->C2[folded] = below ? 0 : s->q.factor > 0 ? larger(b->c2, b->C2[folded]) : b->c2 + b->C2[folded];
  if (s->q.factor == 0) b->c2 = 0;
}

/* Training: bounds of mean(g) and mean(g xhat), and which of their intermediates must stay below overflow. */
static void means_of_gradient(struct gradient_stage *b)
{
  const struct stage *s = b->s;
  const struct group_truth *q = &s->q;
  const long double u = s->sums->u, h = preset_sum_height(s->row, s->m), a = shares_rounded(b), top = s->g->top;
  const long double spilt = bound_spilt_gx(u, b->tiny, b->r, b->w, top, q->dy_max);
  const long double moved = bound_mean_cast(u, q->g_abs, 1, b->ut, b->lt), G = q->g_abs + moved;
  const long double moved_gx = bound_mean_cast(u, q->gx_abs, b->w, b->ut, b->lt), H = q->gx_abs + moved_gx;
  b->c2 = q->c2;
  b->C2[0] = b->C2[1] = bound_mean_gx(u, h, CM, a, G, H, b->slope, b->offset, spilt) + moved_gx;
  if (s->centred) b->C2[1] += bound_mean_gx_apart(u, h, CM, a, b->r, b->E, b->mu, b->e, G);
  if (s->p->eps_place == NORMATIVE_EPS_OUTSIDE) take_factor(b);
  if (s->p->eps_place == NORMATIVE_EPS_MAX) take_greater(b);
  if (!s->centred) return;
  b->C1 = bound_mean_g(u, h, CM, a, G, bound_spilt_g(u, b->tiny, top, q->dy_max)) + moved;
  if (b->source == OWN) b->C1 += bound_chain(u, h, CM, a, b->w, b->slope, b->offset, b->c2, b->C2[0]);
}

void stored_dx(const struct stage *s, struct tolerance *t)
{
  const long double narrow_lam = s->tensor->lam + (s->ftz ? s->tensor->normal : 0);
  for (int folded = 0; folded < 2; ++folded)
    for (int k = 0; k < FEATURES; ++k)
      t->dx[folded][k] = bound_store(s->apply->u, t->dx[folded][k], s->tensor->u, narrow_lam, k == D_Y, k == D_ONE);
}

/* The coefficients of dx, from what its formulas are. m: what it may be divided by. */
static void dx_coefficients(const struct gradient_stage *b, long double m, struct tolerance *t)
{
  const struct stage *s = b->s;
  const struct group_truth *q = &s->q;
  const long double u = s->apply->u, r = b->r, E = b->E, k = b->k, dy = q->dy_max, tiny = b->tiny * larger(b->factor, 1);
  const long double g = bound_gradient_g(u, r, E, k) + bound_gradient_cast(u, r, E, k, b->ut);
  const long double gamma = bound_gradient_lost_gamma(u, r, E, k, tiny);
  const long double lost_d = bound_gradient_lost_d(u, r, E, k, q->g_abs, b->w, s->g->top, dy, tiny);
  const long double lost = bound_gradient_lost_one(u, r, E, k, b->c2, s->g->top, dy, tiny) +
                           bound_gradient_cast(u, r, E, k, b->lt);
  const long double factor_gamma = bound_factors_lost_gamma(u, E, k, tiny);
  for (int folded = 0; folded < 2; ++folded) {
    long double *c = t->dx[folded];
    c[D_G] = g;
    c[D_D] = bound_gradient_d(u, r, E, k, b->c2, b->C2[folded], b->slope) + lost_d;
    c[D_ONE] = bound_gradient_one(u, r, E, k, q->c1, b->C1, b->c2, b->C2[folded], b->offset) + lost;
    c[D_GAMMA] = c[D_GAMMA_D] = gamma;
    if (folded && b->s->centred) {
      c[D_X] = bound_gradient_folded(u, r, E, b->c2, b->C2[1]) + (b->factors ? factor_gamma * (1 + s->g->top) : 0);
      c[D_ONE] += c[D_X] * (b->mu + b->e);
    }
    if (!b->factors) continue;
    c[D_D] += bound_factors_lost_d(u, r, E, k, m, b->w, dy, tiny);
    c[D_GAMMA] += factor_gamma;
    c[D_GAMMA_D] += factor_gamma;
    c[D_ONE] += bound_factors_lost_one(u, E, k, m, dy, tiny);
  }
}

static void share_of_dgamma(const struct gradient_stage *b, struct tolerance *t)
{
  const struct stage *s = b->s;
  const long double u = s->sums->u, h = preset_sum_height(s->row, s->g->terms), a = shares_rounded(b);
  const long double reach = b->r * (s->q.max_abs + b->mu + b->e);
  for (int folded = 0; folded < 2; ++folded) {
    struct share *share = &t->share[folded];
    share->slope = bound_share_slope(u, h, a, bound_cast_slope(u, b->slope, b->ut));
    share->offset = bound_share_offset(u, h, a, bound_cast_offset(u, b->offset, b->ut, b->lt), b->tiny);
    share->each = bound_share_tiny(u, h, a, b->r, reach, b->tiny, s->apply_LF) + bound_share_cast(u, h, a, b->lt);
    if (folded && b->s->centred) share->offset += bound_share_apart(u, h, a, b->r, b->E, b->mu, b->e);
  }
}

/* A factor underflows, and what comes in later is `large`: is what that loses more than a small part of dx? */
static bool lost_in_factors(const struct gradient_stage *b, long double large)
{
  const long double G = b->s->q.g_abs;
  return G > 0 && large > 2 && 8 * b->tiny * large > b->r * G / 16;
}

/* A channel's gamma may come in last: mean(g xhat) and its bound before that, where it makes them smaller. */
static long double without_gamma(const struct gradient_stage *b, long double c2, long double C2)
{
  const struct stage *s = b->s;
  const long double top = s->g->top;
  if (!s->g->one_gamma || top >= 1) return c2 + C2;
  return top > 0 ? (c2 + C2) / top : s->q.dy_max * (b->w + 2 * b->r * (b->mu + b->e) + 1);
}

/* Sums of g, of dy, of g (x-mu) before r; r^3 where it is formed, without underflow. */
static void gradient_range(struct stage *s, struct gradient_stage *b)
{
  const bool evaluation = b->source == CONSTANT;
  const struct group_truth *q = &s->q;
  const long double m = s->m, dy = q->dy_max, top = s->g->top, r = b->r * (1 + b->E), some = larger(r, 1);
  b->factors = q->g_abs > 0;
  long double large = evaluation ? larger(dy, top) : larger(m * dy, larger(top, 1) * larger(1, 1 / b->r));
  if (lost_in_factors(b, large)) s->range = b->factors = false;
  need_below(s, larger(top, 1) * larger(dy, 1), s->apply);
  need_below(s, r * larger(top, 1), s->apply);
  if (b->ut > 0) need_below(s, top * dy, s->tensor);
  need_below(s, larger(r, 1) * larger(dy, 1) * larger(q->max_abs + b->mu + b->e, 1), s->apply);
  if (evaluation) return;
  need_below(s, m * larger(q->g_abs, dy) * 2, s->apply); /* however wide the sums, they end there */
  need_below(s, m * larger(q->gx_abs, dy * b->w) * larger(1, 1 / b->r) * 2, s->apply);
  need_below(s, m * without_gamma(b, q->gx_abs, b->C2[0]) * some * some * larger(b->factor, 1) * 2, s->apply);
  need_below(s, r * r * r * larger(b->factor, 1), s->apply);
  if (b->r * b->r * b->r * (1 - smaller(b->E, 1)) < 8 * s->apply->normal) s->range = false;
}

static void no_bound(struct tolerance *t)
{
  for (int folded = 0; folded < 2; ++folded) {
    t->dx[folded][D_ONE] = INFINITY;
    t->share[folded].each = INFINITY;
  }
}

bool gradients(struct stage *s, struct tolerance *t, enum source source, long double spread, struct gradient_stage *b)
{
  *b = (struct gradient_stage){.s = s, .source = source, .r = s->q.rstd, .E = t->E, .e = t->e, .w = spread, .factor = 1,
                               .tiny = larger(s->apply->lam, s->apply_LF)};
  b->k = (source == CONSTANT ? 3 : 8) + plus_one(s->p) + converts(s);
  if (plus_one(s->p) && converts(s)) b->tiny += s->apply->u; /* rounded before 1 is added */
  if (s->p->casts == NORMATIVE_CAST_NORMAL && wider(s->apply, s->tensor)) {
    b->ut = s->tensor->u;
    b->lt = s->tensor->lam + (s->ftz ? s->tensor->normal : 0);
  }
  memset(t->dx, 0, sizeof t->dx);
  memset(t->share, 0, sizeof t->share);
  t->range = t->share_range = s->range;
  t->folded_factor = t->c2 = 0;
  if (!(t->E < INFINITY) || !(t->e < INFINITY)) no_bound(t);
  if (!(t->E < INFINITY) || !(t->e < INFINITY) || !(b->r < INFINITY)) return false;
  b->mu = s->centred ? magnitude_of_mean(&s->q) : 0;
  b->slope = bound_normal_slope(s->apply->u, b->E, s->centred ? 3 : 1);
  b->offset = bound_normal_offset(s->apply->u, b->r, b->E, b->e, s->centred ? 3 : 1, b->tiny);
  if (source != CONSTANT) means_of_gradient(b);
  const long double reach = s->q.max_abs + b->mu + b->e, dy = s->q.dy_max < INFINITY ? s->q.dy_max : 1;
  share_of_dgamma(b, t);
  t->share_range = s->range && !(2 * s->g->terms * larger(b->r, 1) * larger(reach, 1) * larger(dy, 1) > s->apply->largest) &&
                   !(b->ut > 0 && dy * (b->r * reach) > s->tensor->largest);
  gradient_range(s, b);
  dx_coefficients(b, source == CONSTANT ? 1 : s->m, t);
  t->range = s->range;
  t->folded_factor = b->r * b->r * (1 + t->E) * (1 + t->E) * without_gamma(b, b->c2, b->C2[1]);
  t->c2 = b->c2;
  return true;
}

bool tolerance_range_dx(const struct normative_problem *p, const struct group_facts *g, const struct preset *preset,
                        const struct tolerance *t, const long double f[FEATURES])
{
  const struct arithmetic *a = arithmetic_of(preset->row->apply);
  const struct group_truth *q = g->truth;
  const long double r = q->rstd * (1 + t->E), largest = a->largest;
  const bool evaluation = constant_statistics(p);
  const long double last = g->one_gamma && g->top > 0 && g->top < 1 ? g->top : 1; /* gamma may come in last */
  const long double inner = (f[D_G] + (evaluation ? 0 : q->c1 + r * (f[D_D] + t->e) * t->c2)) / last;
  long double most = larger(r, 1) * larger(inner, f[D_D] + t->e) * 2;
  if (!evaluation) most = larger(most, larger(g->m, 1) * inner * larger(r, 1) * 2);
  if (!evaluation && preset->folded) {
    long double x = larger(f[D_X], magnitude_of_mean(q)) + t->e, sum = g->m * q->dy_max * larger(g->top, 1) * larger(x, 1);
    most = larger(most, larger(larger(r, 1) * g->m * t->folded_factor, sum) * larger(x, 1) * 2);
  }
  return t->range && !(most > largest);
}

long double tolerance_sum_dy(const struct normative_problem *p, const struct preset_row *row, bool ftz, long double n,
                             long double S, int lowest)
{
  const struct stage s = stage_of(p, row, ftz);
  const bool exact = n <= 1 || (lowest != INT_MIN && exact_sum(&s, S, lowest));
  return bound_sum_dy(s.sums->u, exact ? 0 : preset_sum_height(row, n), n, S, s.LF);
}

/* From the sums' arithmetic to the output's, and from there to the type of the parameters. */
long double tolerance_stored_parameter(const struct normative_problem *p, const struct preset_row *row, bool ftz, long double T,
                                       long double value)
{
  const struct arithmetic *sums = arithmetic_of(row->sums), *a = arithmetic_of(row->apply), *to = arithmetic_of(p->param_type);
  if (wider(sums, a)) T = bound_store(sums->u, T, a->u, a->lam + (ftz ? a->normal : 0), value, 1);
  return wider(a, to) ? bound_store(a->u, T, to->u, to->lam + (ftz ? to->normal : 0), value, 1) : T;
}

/* However wide the sums, they end in the output's arithmetic. */
bool tolerance_range_sum(const struct preset_row *row, long double S)
{
  return !(2 * S > smaller(arithmetic_of(row->sums)->largest, arithmetic_of(row->apply)->largest));
}

