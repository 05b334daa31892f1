/* SPDX-License-Identifier: Apache-2.0
   From a preset and the quantities of a group to the bounds of what it computes. The formulas are in bounds.txt; here is
   which of them apply, and the range: whether an algorithm's exact intermediates stay below overflow. */
#include "tolerance.h"
#include "bounds.h"
#include <limits.h>
#include <math.h>
#include <string.h>

/* Every preset allows the mean's divisor to be fl(1/fl(m)). */
#define CM 2.0L

/* The statistics stage of one preset on one group, and what it found. */
struct stage {
  const struct normative_problem *p;
  const struct group_facts *g;
  struct group_truth q;         /* of what is normalized: with a residual, of the rounded sum */
  const struct preset_row *row;
  bool ftz;
  const struct arithmetic *sums, *kept, *apply, *tensor, *stats;
  long double LF, apply_LF;     /* flushing: the smallest normal of the sums (of the epilogue), else 0 */
  long double m, h, sigma;
  long double e, low, high;     /* bounds: of the mean, of the fall and rise of the variance */
  bool range;
};

static long double larger(long double a, long double b) { return a > b ? a : b; }
static long double smaller(long double a, long double b) { return a < b ? a : b; }
static bool wider(const struct arithmetic *a, const struct arithmetic *b) { return a->precision > b->precision; }

/* A subnormal of the tensor's type is flushed as it is read; those of f16 are not. */
static long double smallest_read(const struct normative_problem *p)
{
  return p->type == NORMATIVE_F16 ? 0 : arithmetic_of(p->type)->normal;
}

static void need_below(struct stage *s, long double value, const struct arithmetic *arithmetic)
{
  if (!(value <= arithmetic->largest)) s->range = false;
}

/* ---- sums that no order of addition rounds ---- */

/* Terms that are multiples of 2^lowest: every partial sum is one, and exact while the sum of magnitudes is at most
   2^(precision + lowest) and 2^lowest is a number that the arithmetic has and does not flush. */
static bool exact_sum(const struct stage *s, long double sum, int lowest)
{
  int least = s->LF > 0 ? ilogbl(s->LF) : s->sums->least_exponent - s->sums->precision + 1;
  return lowest >= least && sum * (1 + 0x1p-40L) <= ldexpl(1, s->sums->precision + lowest);
}

static bool mean_sum_exact(const struct stage *s)
{
  return exact_sum(s, s->m * s->q.mean_abs, s->g->lowest);
}

/* The exponent of m if it is a power of two, else -1. */
static int power_of_two(long double m)
{
  int exponent;
  return frexpl(m, &exponent) == 0.5L ? exponent - 1 : -1;
}

/* Of an exact sum, 0/m and s/2^k are exact in every way of dividing, unless s/2^k is too small a number. */
static bool mean_exact(const struct stage *s)
{
  int k = power_of_two(s->m);
  if (!mean_sum_exact(s)) return false;
  return (s->q.mu_hi == 0 && s->q.mu_lo == 0) || (k >= 0 && exact_sum(s, 0, s->g->lowest - k));
}

/* The deviations from an exact mean (RMSNorm: x itself) are multiples of this power of two. */
static int lowest_deviation(const struct stage *s)
{
  return s->g->lowest - (s->p->norm == NORMATIVE_RMSNORM || s->q.mu_hi == 0 ? 0 : power_of_two(s->m));
}

/* Then they sum to exactly 0: their magnitudes sum to at most m sigma. */
static bool deviations_exact(const struct stage *s)
{
  return mean_exact(s) && exact_sum(s, s->m * s->sigma, lowest_deviation(s));
}

static bool square_sum_exact(const struct stage *s)
{
  if (s->g->lowest == INT_MIN || (s->p->norm != NORMATIVE_RMSNORM && !mean_exact(s))) return false;
  return exact_sum(s, s->m * s->q.sigma2, 2 * lowest_deviation(s));
}

/* ---- the algorithms ---- */

static long double magnitude_of_mean(const struct group_truth *q) { return fabsl(q->mu_hi + q->mu_lo) * (1 + 0x1p-60L); }

static void widen(struct stage *s, long double e, long double low, long double high)
{
  s->e = larger(s->e, e);
  s->low = larger(s->low, low);
  s->high = larger(s->high, high);
}

/* Does the arithmetic have this number, and keep it? */
static bool fits(const struct arithmetic *a, long double value)
{
  bool bits = a->precision == 53 ? (long double)(double)value == value : (long double)(float)value == value;
  return value == 0 || (bits && fabsl(value) >= a->normal && fabsl(value) <= a->largest);
}

/* The mean as it is kept: rounded, or as high and low part, which is never worse but for an underflow. */
static long double as_kept(const struct stage *s, long double e)
{
  bool exact = e == 0 && s->q.mu_lo == 0 && fits(s->kept, s->q.mu_hi);
  if (exact || !wider(s->sums, s->kept)) return e;
  return bound_kept(s->sums->u, e, magnitude_of_mean(&s->q), s->kept->u, 3 * s->kept->lam + s->apply_LF);
}

/* The mean of a corrected two-pass, m' + c, is another number than m', and may be rounded or not. */
static long double two_pass_mean(const struct stage *s)
{
  const long double u = s->sums->u, lam = s->sums->lam, h = s->h, mu = magnitude_of_mean(&s->q);
  const long double e = mean_exact(s) ? 0 : bound_mean(u, mean_sum_exact(s) ? 0 : h, CM, s->q.mean_abs, lam, s->LF);
  const long double ec = bound_correction(u, h, CM, s->q.mean_abs, mu, s->q.sigma2, e, lam, s->LF);
  if (deviations_exact(s)) return 0;
  return larger(e, larger(bound_corrected_mean(u, e, ec), bound_kept(u, ec, mu, u, lam + s->LF)));
}

static void two_pass(struct stage *s)
{
  const long double u = s->sums->u, lam = s->sums->lam, mu = magnitude_of_mean(&s->q), sigma2 = s->q.sigma2;
  const long double e = two_pass_mean(s), about = as_kept(s, e), grown = 1 + bound_P(u, s->h + 8);
  const long double h = about == 0 && square_sum_exact(s) ? 0 : s->h;
  const long double ec = bound_correction(u, h, CM, s->q.mean_abs, mu, sigma2, about, lam, s->LF);
  const long double v = bound_corrected(u, h, CM, sigma2, about, ec, lam, s->LF);
  widen(s, e, smaller(v, sigma2), larger(v, bound_two_pass(u, h, CM, sigma2, about, lam, s->LF)));
  need_below(s, s->m * s->q.mean_abs * grown, s->sums);
  need_below(s, s->m * (sigma2 + about * about) * grown, s->sums);
  need_below(s, s->m * (about + ec) * s->m * (about + ec), s->sums); /* (sum d)^2 */
}

/* Nothing is rounded: a group of 2^k elements, one for instance, whose mean's square and mean square are both exact. */
static bool one_pass_exact(const struct stage *s, long double mean_square)
{
  return mean_exact(s) && power_of_two(s->m) >= 0 && exact_sum(s, mean_square, 2 * (s->g->lowest - power_of_two(s->m)));
}

static void one_pass(struct stage *s)
{
  const long double u = s->sums->u, mu = magnitude_of_mean(&s->q), grown = 1 + bound_P(u, s->h + 8);
  const long double squares = s->m * (s->q.sigma2 + mu * mu);
  const bool exact = s->g->lowest != INT_MIN && exact_sum(s, squares, 2 * s->g->lowest);
  const long double e = mean_exact(s) ? 0 : bound_mean(u, mean_sum_exact(s) ? 0 : s->h, CM, s->q.mean_abs, s->sums->lam, s->LF);
  const long double v = exact && one_pass_exact(s, squares / s->m)
                          ? 0 : bound_one_pass(u, exact ? 0 : s->h, CM, mu, s->q.sigma2, e, s->sums->lam, s->LF);
  widen(s, e, v, v);
  need_below(s, s->m * s->q.mean_abs * grown, s->sums);
  need_below(s, squares * grown, s->sums);
}

static void welford(struct stage *s)
{
  const long double u = s->sums->u, lam = s->sums->lam, mu = magnitude_of_mean(&s->q);
  const long double m = s->h + 1; /* the preset's cap */
  const long double eb = bound_welford_rms(u, m, mu, s->sigma, lam, s->LF);
  const long double v = bound_welford_variance(u, m, CM, s->sigma, eb, lam, s->LF);
  widen(s, bound_welford_mean(u, m, mu, s->sigma, lam, s->LF), smaller(v, s->q.sigma2), v);
  need_below(s, 2 * s->q.max_abs * bound_welford_growth(u, m), s->sums);
  need_below(s, s->m * (s->q.sigma2 + v), s->sums);
}

static void merge(struct stage *s)
{
  const long double u = s->sums->u, lam = s->sums->lam, X = s->q.max_abs;
  const long double v = bound_merge_variance(u, s->h, s->m, X, s->sigma, lam, s->LF);
  widen(s, bound_merge_mean(u, s->h, s->m, s->q.mean_abs, s->sigma, lam, s->LF), smaller(v, s->q.sigma2), v);
  need_below(s, 2 * X * (1 + bound_P(u, 5 * s->h)), s->sums);
  need_below(s, s->m * s->m * (s->q.sigma2 + v), s->sums); /* delta^2 n_a n_b before it is divided */
}

static void mean_square(struct stage *s)
{
  const long double u = s->sums->u;
  const long double v = bound_mean_square(u, square_sum_exact(s) ? 0 : s->h, CM, s->q.sigma2, s->sums->lam, s->LF);
  widen(s, 0, smaller(v, s->q.sigma2), v);
  need_below(s, s->m * s->q.sigma2 * (1 + bound_P(u, s->h + 8)), s->sums);
}

/* ---- one group ---- */

/* Evaluation: the given statistics, converted to the arithmetic where they do not fit it. */
static long double converted(const struct stage *s, long double value)
{
  const struct arithmetic *a = s->apply;
  if (s->ftz && value != 0 && fabsl(value) < s->stats->normal) return fabsl(value); /* flushed as it is read */
  return fits(a, value) ? 0 : bound_kept(a->u, 0, fabsl(value), a->u, a->lam + s->apply_LF);
}

static void given(struct stage *s)
{
  s->e = converted(s, s->g->mu);
  s->low = s->high = converted(s, s->g->var);
  need_below(s, fabsl(s->g->mu), s->apply);
}

/* Backward: mean and rstd are given, exact but for a conversion. Returns rstd's relative error. */
static long double given_to_backward(struct stage *s)
{
  long double r = s->q.rstd;
  s->e = s->p->norm == NORMATIVE_RMSNORM ? 0 : converted(s, s->q.mu_hi);
  need_below(s, fabsl(s->q.mu_hi), s->apply);
  return r < INFINITY && r > 0 ? converted(s, r) / r * (1 + 0x1p-60L) : 0;
}

static void own(struct stage *s)
{
  /* One element is its own mean, and the mean of zeros is zero, whatever the order; a product of two equal numbers is
     not always subtracted from itself where fma is allowed. */
  bool trivial = s->q.max_abs == 0 || (s->m == 1 && !s->LF && !(s->row->algorithms & ONE_PASS));
  if (s->p->norm == NORMATIVE_RMSNORM) {
    if (s->q.max_abs != 0) mean_square(s);
  } else if (!trivial) {
    if (s->row->algorithms & (TWO_PASS | CORRECTED)) two_pass(s);
    if (s->row->algorithms & ONE_PASS) one_pass(s);
    if (s->row->algorithms & WELFORD) welford(s);
    if (s->row->algorithms & MERGE) merge(s);
  }
}

/* A residual is added first, and the sum rounded, to the tensor's type at worst: every element moves by u of itself. */
static void own_with_residual(struct stage *s)
{
  const long double u = s->tensor->u, e = u * s->q.mean_abs;
  const long double v = bound_residual_variance(u, magnitude_of_mean(&s->q), s->q.sigma2);
  s->q.mu_hi = magnitude_of_mean(&s->q) + e;
  s->q.mu_lo = 0;
  s->q.mean_abs += e;
  s->q.max_abs *= 1 + u;
  s->q.sigma2 += v;
  s->sigma = sqrtl(s->q.sigma2) * (1 + 0x1p-60L);
  own(s);
  s->e += s->p->norm == NORMATIVE_RMSNORM ? 0 : e;
  s->low += v;
  s->high += v;
}

/* What eps loses where it is converted. */
static long double eps_error(const struct stage *s)
{
  const long double eps = s->p->eps;
  return eps * s->apply->u + (eps > 0 && eps < s->apply->normal ? larger(s->apply->lam, s->apply_LF) : 0);
}

/* Relative error of rstd from low and high. Infinite where sigma2 + eps may come out zero or negative. */
static long double rstd_error(const struct stage *s)
{
  const long double u = s->apply->u, r = s->q.rstd, ce = eps_error(s), sigma2 = s->g->var, eps = s->p->eps;
  const long double k = s->row->newton + (wider(s->sums, s->apply) ? 1 : 0.5L);
  if (s->low == 0 && s->high == 0 && ce == 0 && !(r < INFINITY)) return 0; /* exactly 1/0, or the root of a negative */
  if (!(r < INFINITY)) return sigma2 + eps < 0 && -(sigma2 + eps) > (s->low + ce) * (1 + 0x1p-40L) ? 0 : INFINITY;
  if (!(s->high < INFINITY)) return INFINITY;
  long double E;
  if (s->p->eps_place == NORMATIVE_EPS_OUTSIDE) {
    long double fall = s->low > 0 ? bound_root_fall(u, s->low, sigma2) : 0;
    if (s->low > sigma2) fall = INFINITY; /* the root of a negative number */
    long double rise = s->high > 0 ? bound_root_rise(u, s->high, sigma2) : 0;
    E = bound_rstd_outside(u, (fall + ce) * r, (rise + ce) * r, s->row->newton + 1.5L);
  } else if (s->p->eps_place == NORMATIVE_EPS_MAX) {
    long double lost = smaller(larger(s->low, ce), larger(sigma2 - eps, 0) + ce);
    E = bound_rstd(u, lost * r * r, larger(s->high, ce) * r * r, k);
  } else {
    E = bound_rstd(u, (s->low + ce) * r * r, (s->high + ce) * r * r, k);
  }
  return E >= 0 ? E : INFINITY;
}

/* Newton's step squares an estimate of rstd. */
static void rstd_range(struct stage *s)
{
  need_below(s, fabsl(s->q.sigma2) + s->high + s->p->eps, s->apply);
  if (s->row->newton > 2 && s->q.rstd > 0) need_below(s, s->q.rstd * s->q.rstd, s->apply);
}

/* ---- outputs ---- */

static long double y_bound(const struct stage *s, const struct tolerance *t, bool folded, const long double f[FEATURES])
{
  const struct arithmetic *a = s->apply, *to = s->tensor;
  const long double r = s->q.rstd, LF = s->apply_LF, narrow_lam = to->lam + (s->ftz ? to->normal : 0);
  const long double k = (s->p->norm == NORMATIVE_RMSNORM ? 2 : 4) + (s->p->casts == NORMATIVE_CAST_PLUS_ONE);
  if (s->p->casts == NORMATIVE_CAST_NORMAL && wider(a, to))
    return bound_cast_normal(a->u, r, t->E, t->e, k, a->lam, LF, to->u, narrow_lam, f[F_GD], f[F_G], f[F_Y], f[F_ONE]);
  long double T;
  if (folded && s->p->norm != NORMATIVE_RMSNORM)
    T = bound_folded(a->u, r, t->E, t->e, magnitude_of_mean(&s->q), a->lam, LF, f[F_GD], f[F_GX], f[F_G], f[F_X], f[F_B],
                     f[F_ONE]);
  else
    T = bound_subtract(a->u, r, t->E, t->e, k, a->lam, LF, f[F_GD], f[F_G], f[F_D], f[F_Y], f[F_ONE]);
  if (s->p->residual) T += r * (1 + t->E) * (1 + bound_P(a->u, k + 1)) * to->u * f[F_GX];
  return wider(a, to) ? bound_store(a->u, T, to->u, narrow_lam, f[F_Y], f[F_ONE]) : T;
}

/* The bound is linear in the features: its coefficients are its values at the unit vectors. */
static void y_coefficients(const struct stage *s, struct tolerance *t)
{
  bool none = !(t->E < INFINITY) || !(t->e < INFINITY);
  for (int k = 0; k < FEATURES; ++k) {
    long double unit[FEATURES] = {0}; /* made anew: gcc 12 at -O1 loses a store that puts its entry back to 0 */
    unit[k] = 1;
    for (int folded = 0; folded < 2; ++folded)
      t->y[folded][k] = none ? (k == F_ONE ? INFINITY : 0) : s->q.rstd < INFINITY ? y_bound(s, t, folded, unit) : 0;
  }
}

/* ---- gradients ---- */

/* Of one preset on one group, what the formulas of dx and dgamma share. */
struct gradient_stage {
  const struct stage *s;
  long double r, E, e, mu, w, tiny;
  long double slope, offset;        /* of xhat */
  long double C1, C2[2];            /* [folded] */
  long double k;                    /* roundings of dx */
  bool centred;
  bool factors;                     /* does it take in what factors lose that underflow */
};

static long double shares_rounded(const struct gradient_stage *b) { return bound_rounded(b->s->apply->u, 4); }

/* Training: bounds of mean(g) and mean(g xhat), and which of their intermediates must stay below overflow. */
static void means_of_gradient(struct gradient_stage *b, bool given)
{
  const struct stage *s = b->s;
  const struct group_truth *q = &s->q;
  const long double u = s->sums->u, h = preset_sum_height(s->row, s->m), a = shares_rounded(b), top = s->g->top;
  const long double spilt = bound_spilt_gx(u, b->tiny, b->r, b->w, top, q->dy_max);
  b->C2[0] = b->C2[1] = bound_mean_gx(u, h, CM, a, q->g_abs, q->gx_abs, b->slope, b->offset, spilt);
  if (!b->centred) return;
  b->C1 = bound_mean_g(u, h, CM, a, q->g_abs, bound_spilt_g(u, b->tiny, top, q->dy_max));
  if (!given) b->C1 += bound_chain(u, h, CM, a, b->w, b->slope, b->offset, q->c2, b->C2[0]);
  b->C2[1] += bound_mean_gx_apart(u, h, CM, a, b->r, b->E, b->mu, b->e, q->g_abs);
}

static void stored_dx(const struct stage *s, struct tolerance *t)
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
  const long double u = s->apply->u, r = b->r, E = b->E, k = b->k, dy = q->dy_max, tiny = b->tiny;
  const long double g = bound_gradient_g(u, r, E, k), gamma = bound_gradient_lost_gamma(u, r, E, k, tiny);
  const long double lost_d = bound_gradient_lost_d(u, r, E, k, q->g_abs, b->w, s->g->top, dy, tiny);
  const long double lost = bound_gradient_lost_one(u, r, E, k, q->c2, s->g->top, dy, tiny);
  const long double factor_gamma = bound_factors_lost_gamma(u, E, k, tiny);
  for (int folded = 0; folded < 2; ++folded) {
    long double *c = t->dx[folded];
    c[D_G] = g;
    c[D_D] = bound_gradient_d(u, r, E, k, q->c2, b->C2[folded], b->slope) + lost_d;
    c[D_ONE] = bound_gradient_one(u, r, E, k, q->c1, b->C1, q->c2, b->C2[folded], b->offset) + lost;
    c[D_GAMMA] = c[D_GAMMA_D] = gamma;
    if (folded && b->centred) {
      c[D_X] = bound_gradient_folded(u, r, E, q->c2, b->C2[1]) + (b->factors ? factor_gamma * (1 + s->g->top) : 0);
      c[D_ONE] += c[D_X] * (b->mu + b->e);
    }
    if (!b->factors) continue;
    c[D_D] += bound_factors_lost_d(u, r, E, k, m, b->w, dy, tiny);
    c[D_GAMMA] += factor_gamma;
    c[D_GAMMA_D] += factor_gamma;
    c[D_ONE] += bound_factors_lost_one(u, E, k, m, dy, tiny);
  }
  if (wider(s->apply, s->tensor)) stored_dx(s, t);
}

static void share_of_dgamma(const struct gradient_stage *b, struct tolerance *t)
{
  const struct stage *s = b->s;
  const long double u = s->sums->u, h = preset_sum_height(s->row, s->g->terms), a = shares_rounded(b);
  const long double reach = b->r * (s->q.max_abs + b->mu + b->e);
  for (int folded = 0; folded < 2; ++folded) {
    struct share *share = &t->share[folded];
    share->slope = bound_share_slope(u, h, a, b->slope);
    share->offset = bound_share_offset(u, h, a, b->offset, b->tiny);
    share->each = bound_share_tiny(u, h, a, b->r, reach, b->tiny, s->apply_LF);
    if (folded && b->centred) share->offset += bound_share_apart(u, h, a, b->r, b->E, b->mu, b->e);
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
  if (s->p->norm != NORMATIVE_BATCHNORM || top >= 1) return c2 + C2;
  return top > 0 ? (c2 + C2) / top : s->q.dy_max * (b->w + 2 * b->r * (b->mu + b->e) + 1);
}

/* Sums of g, of dy, of g (x-mu) before r; r^3 where it is formed, without underflow. */
static void gradient_range(struct stage *s, struct gradient_stage *b, bool evaluation)
{
  const struct group_truth *q = &s->q;
  const long double m = s->m, dy = q->dy_max, top = s->g->top, r = b->r * (1 + b->E), some = larger(r, 1);
  b->factors = q->g_abs > 0;
  long double large = evaluation ? larger(dy, top) : larger(m * dy, larger(top, 1) * larger(1, 1 / b->r));
  if (lost_in_factors(b, large)) s->range = b->factors = false;
  need_below(s, larger(top, 1) * larger(dy, 1), s->apply);
  need_below(s, r * larger(top, 1), s->apply);
  need_below(s, larger(r, 1) * larger(dy, 1) * larger(q->max_abs + b->mu + b->e, 1), s->apply);
  if (evaluation) return;
  need_below(s, m * larger(q->g_abs, dy) * 2, s->apply); /* however wide the sums, they end there */
  need_below(s, m * larger(q->gx_abs, dy * b->w) * larger(1, 1 / b->r) * 2, s->apply);
  need_below(s, m * without_gamma(b, q->gx_abs, b->C2[0]) * some * some * 2, s->apply);
  need_below(s, r * r * r, s->apply);
  if (b->r * b->r * b->r * (1 - smaller(b->E, 1)) < 8 * s->apply->normal) s->range = false;
}

static void no_bound(struct tolerance *t)
{
  for (int folded = 0; folded < 2; ++folded) {
    t->dx[folded][D_ONE] = INFINITY;
    t->share[folded].each = INFINITY;
  }
}

static void gradients(struct stage *s, struct tolerance *t, bool given, bool evaluation)
{
  struct gradient_stage b = {.s = s, .centred = s->p->norm != NORMATIVE_RMSNORM, .r = s->q.rstd, .E = t->E,
                             .tiny = larger(s->apply->lam, s->apply_LF)};
  memset(t->dx, 0, sizeof t->dx);
  memset(t->share, 0, sizeof t->share);
  t->share_range = s->range;
  t->folded_factor = 0;
  if (!(t->E < INFINITY) || !(t->e < INFINITY)) no_bound(t);
  if (!(t->E < INFINITY) || !(t->e < INFINITY) || !(b.r < INFINITY)) return;
  b.mu = b.centred ? magnitude_of_mean(&s->q) : 0;
  b.e = t->e;
  b.w = given ? b.r * (s->q.mean_abs + b.mu) : smaller(s->sigma * b.r * (1 + 0x1p-60L), 1);
  b.slope = bound_normal_slope(s->apply->u, b.E, b.centred ? 3 : 1);
  b.offset = bound_normal_offset(s->apply->u, b.r, b.E, b.e, b.centred ? 3 : 1, b.tiny);
  b.k = evaluation ? 3 : 8;
  if (!evaluation) means_of_gradient(&b, given);
  const long double reach = s->q.max_abs + b.mu + b.e, dy = s->q.dy_max < INFINITY ? s->q.dy_max : 1;
  share_of_dgamma(&b, t);
  t->share_range = s->range && !(2 * s->g->terms * larger(b.r, 1) * larger(reach, 1) * larger(dy, 1) > s->apply->largest);
  gradient_range(s, &b, evaluation);
  dx_coefficients(&b, evaluation ? 1 : s->m, t);
  t->range = s->range;
  t->folded_factor = b.r * b.r * (1 + t->E) * (1 + t->E) * without_gamma(&b, s->q.c2, b.C2[1]);
}

bool tolerance_range_dx(const struct normative_problem *p, const struct group_facts *g, const struct preset *preset,
                        const struct tolerance *t, const long double f[FEATURES])
{
  const struct arithmetic *a = arithmetic_of(preset->row->apply);
  const struct group_truth *q = g->truth;
  const long double r = q->rstd * (1 + t->E), largest = a->largest;
  const bool evaluation = p->mode == NORMATIVE_EVALUATION && p->running;
  const long double inner = f[D_G] + (evaluation ? 0 : q->c1 + r * (f[D_D] + t->e) * q->c2);
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
  struct stage s = {.sums = arithmetic_of(row->sums)};
  if (ftz) s.LF = larger(s.sums->normal, smallest_read(p));
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

bool tolerance_range_sum(const struct preset_row *row, long double S) { return !(2 * S > arithmetic_of(row->sums)->largest); }

static long double stored(const struct stage *s, const struct arithmetic *from, long double T, long double value)
{
  const struct arithmetic *to = s->stats;
  return wider(from, to) ? bound_store(from->u, T, to->u, to->lam + (s->ftz ? to->normal : 0), value, 1) : T;
}

long double momentum_weight(const struct normative_problem *p)
{
  switch (p->rule) {
  case NORMATIVE_MOMENTUM_OLD: return 1 - (long double)p->momentum;
  case NORMATIVE_MOMENTUM_CUMULATIVE: return 1 / (long double)p->momentum;
  default: return p->momentum;
  }
}

/* Running statistics may be updated in the kept type, whatever the sums are. */
static void running(const struct stage *s, struct tolerance *t)
{
  const struct arithmetic *a = s->kept;
  const long double w = momentum_weight(s->p), mu = magnitude_of_mean(&s->q), k = wider(s->stats, a) ? 5 : 4;
  long double b = s->q.sigma2, v = larger(s->low, s->high);
  if (wider(s->sums, a)) v = bound_kept(a->u, v, b, a->u, a->lam + s->apply_LF);
  if (s->p->estimator == NORMATIVE_UNBIASED) {
    v = bound_unbiased(a->u, v, b, s->m, s->m - 1, a->lam, s->apply_LF);
    b = b * s->m / (s->m - 1);
  }
  t->running_mean = bound_running(a->u, k, w, t->e, s->g->old_mean, mu, a->lam, s->apply_LF);
  t->running_var = bound_running(a->u, k, w, v, s->g->old_var, b, a->lam, s->apply_LF);
  t->running_mean = stored(s, a, t->running_mean, s->g->old_mean + mu);
  t->running_var = stored(s, a, t->running_var, s->g->old_var + b);
}

void tolerance_of(const struct normative_problem *p, const struct group_facts *g, const struct preset_row *row, bool ftz,
                  struct tolerance *t)
{
  struct stage s = {.p = p, .g = g, .q = *g->truth, .row = row, .ftz = ftz, .range = true, .m = g->m};
  s.sums = arithmetic_of(row->sums);
  s.kept = arithmetic_of(row->kept);
  s.apply = arithmetic_of(row->apply);
  s.tensor = arithmetic_of(p->type);
  s.stats = arithmetic_of(p->stat_type);
  if (ftz) {
    s.LF = larger(s.sums->normal, smallest_read(p));
    s.apply_LF = larger(s.apply->normal, smallest_read(p));
  }
  s.h = preset_height(row->height, s.m);
  s.sigma = sqrtl(s.q.sigma2) * (1 + 0x1p-60L);
  bool evaluation = p->mode == NORMATIVE_EVALUATION && p->running;
  bool backward = p->direction == NORMATIVE_BACKWARD, saved = backward && p->given && !evaluation;
  if (evaluation) given(&s);
  else if (saved) t->E = given_to_backward(&s);
  else if (p->residual) own_with_residual(&s);
  else own(&s);
  if (!saved) {
    t->E = rstd_error(&s);
    rstd_range(&s);
  }
  t->e = evaluation || saved || p->norm == NORMATIVE_RMSNORM ? s.e : as_kept(&s, s.e);
  t->range = s.range;
  if (backward) {
    gradients(&s, t, saved, evaluation);
    return;
  }
  t->sum = s.tensor->u + (wider(s.apply, s.tensor) ? s.apply->u * (1 + s.tensor->u) : 0);
  t->mean = stored(&s, s.kept, t->e, magnitude_of_mean(&s.q));
  t->rstd = t->E == 0 ? 0 : stored(&s, s.apply, s.q.rstd * t->E, s.q.rstd);
  if (p->running && !evaluation) running(&s, t);
  y_coefficients(&s, t);
}

bool tolerance_range_y(const struct group_facts *g, const struct preset *preset, const struct tolerance *t,
                       const long double f[FEATURES])
{
  const long double largest = arithmetic_of(preset->row->apply)->largest, r = g->truth->rstd * (1 + t->E);
  const long double mu = magnitude_of_mean(g->truth);
  long double most = f[F_G] * r;
  if (preset->folded) most = larger(r * (f[F_X] + mu + t->e), larger(most, r * (f[F_GX] + f[F_G] * (mu + t->e)) + f[F_B]));
  else most = larger(larger(most, r * (f[F_GD] + f[F_G] * t->e) + f[F_B]), larger(r, 1) * (f[F_D] + t->e));
  return t->range && !(most > largest);
}
