/* SPDX-License-Identifier: Apache-2.0
   From a preset and the quantities of a group to the bounds of what it computes. The formulas are in bounds.txt; here is
   which of them apply, and the range: whether an algorithm's exact intermediates stay below overflow. */
#include "stage.h"
#include <limits.h>
#include <string.h>

/* A subnormal of the tensor's type is flushed as it is read; those of f16 are not. */
static long double smallest_read(const struct normative_problem *p)
{
  return p->type == NORMATIVE_F16 ? 0 : arithmetic_of(p->type)->normal;
}

/* ---- sums that no order of addition rounds ---- */

/* Terms that are multiples of 2^lowest: every partial sum is one, and exact while the sum of magnitudes is at most
   2^(precision + lowest) and 2^lowest is a number that the arithmetic has and does not flush. */
bool exact_sum(const struct stage *s, long double sum, int lowest)
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
  return s->g->lowest - (!s->centred || s->q.mu_hi == 0 ? 0 : power_of_two(s->m));
}

/* Then they sum to exactly 0: their magnitudes sum to at most m sigma. */
static bool deviations_exact(const struct stage *s)
{
  return mean_exact(s) && exact_sum(s, s->m * s->sigma, lowest_deviation(s));
}

static bool square_sum_exact(const struct stage *s)
{
  if (s->g->lowest == INT_MIN || (s->centred && !mean_exact(s))) return false;
  return exact_sum(s, s->m * s->q.sigma2, 2 * lowest_deviation(s));
}

/* ---- the algorithms ---- */

static void widen(struct stage *s, long double e, long double low, long double high)
{
  s->e = larger(s->e, e);
  s->low = larger(s->low, low);
  s->high = larger(s->high, high);
}

/* Does the arithmetic have this number, and keep it? */
static bool fits(const struct arithmetic *a, long double value)
{
  if (value == 0) return true;
  if (!(fabsl(value) >= a->normal && fabsl(value) <= a->largest)) return false;
  const long double significand = ldexpl(value, a->precision - 1 - ilogbl(value));
  return significand == rintl(significand);
}

/* The mean as it is kept: rounded, or as high and low part, which is never worse but for an underflow. */
long double as_kept(const struct stage *s, long double e)
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

/* The given statistics of an evaluation, and the mean and variance of backward, converted to the arithmetic where they do not
   fit it. */
long double converted(const struct stage *s, long double value)
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
  s->e = s->centred ? converted(s, s->q.mu_hi) : 0;
  need_below(s, fabsl(s->q.mu_hi), s->apply);
  return r < INFINITY && r > 0 ? converted(s, r) / r * (1 + 0x1p-60L) : 0;
}

/* A variance of wider sums is converted: what it loses beside a rounding, if it is subnormal there. It stays positive. */
static void convert_variance(struct stage *s)
{
  if (!wider(s->sums, s->apply) || !(s->q.sigma2 + s->high > 0) || s->q.sigma2 - s->low >= s->apply->normal) return;
  const long double lost = larger(s->apply->lam, s->apply_LF);
  s->low = larger(s->low, smaller(s->low + lost, s->q.sigma2));
  s->high += lost;
}

void own(struct stage *s)
{
  /* One element is its own mean, and the mean of zeros is zero, whatever the order; a product of two equal numbers is
     not always subtracted from itself where fma is allowed. */
  bool trivial = s->q.max_abs == 0 || (s->m == 1 && !s->LF && !(s->row->algorithms & ONE_PASS));
  if (!s->centred) {
    if (s->q.max_abs != 0) mean_square(s);
  } else if (!trivial) {
    if (s->row->algorithms & (TWO_PASS | CORRECTED)) two_pass(s);
    if (s->row->algorithms & ONE_PASS) one_pass(s);
    if (s->row->algorithms & WELFORD) welford(s);
    if (s->row->algorithms & MERGE) merge(s);
  }
  convert_variance(s);
  need_below(s, magnitude_of_mean(&s->q) + s->e, s->kept);
}

/* A residual is added first, and the sum rounded, to the tensor's type at worst: every element moves by u of itself. Flushing,
   both and the sum lose LF. */
static void own_with_residual(struct stage *s)
{
  const long double u = s->tensor->u, e = u * s->q.mean_abs + 3 * s->apply_LF;
  const long double v = bound_residual_variance(u, magnitude_of_mean(&s->q), s->q.sigma2, s->apply_LF);
  s->q.mu_hi = magnitude_of_mean(&s->q) + e;
  s->q.mu_lo = 0;
  s->q.mean_abs += e;
  s->q.max_abs *= 1 + u;
  need_below(s, s->q.max_abs, wider(s->apply, s->tensor) ? s->tensor : s->apply);
  s->q.sigma2 += v;
  s->sigma = sqrtl(s->q.sigma2) * (1 + 0x1p-60L);
  own(s);
  s->e += s->centred ? e : 0;
  s->low += v;
  s->high += v;
}

long double eps_error(const struct stage *s)
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

/* Newton's step squares an estimate of rstd. Where that is infinite, or may be anything, it is not for overflow. */
static void rstd_range(struct stage *s, long double E)
{
  const long double most = s->q.rstd * (1 + E);
  if (most < INFINITY) need_below(s, most, s->apply);
  need_below(s, fabsl(s->g->var) + s->high + s->p->eps, s->apply);
  if (s->row->newton > 2 && s->q.rstd > 0) need_below(s, s->q.rstd * s->q.rstd, s->apply);
}

/* ---- outputs ---- */

/* Gamma and beta of a type wider than the epilogue's are converted: what that adds to a bound T. */
static long double with_converted_parameters(const struct stage *s, long double T, const struct tolerance *t, bool folded,
                                             long double k, const long double f[FEATURES])
{
  const struct arithmetic *a = s->apply;
  const long double d = folded && s->centred ? f[F_X] + magnitude_of_mean(&s->q) * f[F_ONE] : f[F_D];
  const long double lost = a->lam + (plus_one(s->p) ? a->u : 0); /* rounded before 1 is added */
  return bound_converted(a->u, T, s->q.rstd, t->E, t->e, k, lost, a->lam, d, f[F_B], f[F_ONE]);
}

static long double y_bound(const struct stage *s, const struct tolerance *t, bool folded, const long double f[FEATURES])
{
  const struct arithmetic *a = s->apply, *to = s->tensor;
  const long double r = s->q.rstd, LF = s->apply_LF, narrow_lam = to->lam + (s->ftz ? to->normal : 0);
  const bool converts = wider(s->param, a);
  const long double k = (s->centred ? 4 : 2) + plus_one(s->p);
  const long double E = converts ? bound_both(a->u, t->E, a->u) : t->E;
  if (s->p->casts == NORMATIVE_CAST_NORMAL && wider(a, to))
    return bound_cast_normal(a->u, r, t->E, t->e, k, a->lam, LF, to->u, narrow_lam, f[F_GD], f[F_G], f[F_Y], f[F_ONE]);
  long double T;
  if (folded && s->centred)
    T = bound_folded(a->u, r, E, t->e, magnitude_of_mean(&s->q), a->lam, LF, f[F_GD], f[F_GX], f[F_G], f[F_X], f[F_B],
                     f[F_ONE]);
  else
    T = bound_subtract(a->u, r, E, t->e, k, a->lam, LF, f[F_GD], f[F_G], f[F_D], f[F_Y], f[F_ONE]);
  if (converts) T = with_converted_parameters(s, T, t, folded, k, f);
  if (s->p->residual) T += r * (1 + t->E) * (1 + bound_P(a->u, k + 1)) * (to->u * f[F_GX] + 3 * LF * f[F_G]);
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

static long double stored(const struct stage *s, const struct arithmetic *from, long double T, long double value)
{
  const struct arithmetic *to = s->stats;
  return wider(from, to) ? bound_store(from->u, T, to->u, to->lam + (s->ftz ? to->normal : 0), value, 1) : T;
}

bool constant_statistics(const struct normative_problem *p)
{
  return p->mode == NORMATIVE_EVALUATION && p->running && p->norm != NORMATIVE_SWITCHNORM;
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
void estimate_variance(const struct stage *s, long double v, struct estimate *b)
{
  const struct arithmetic *a = s->kept;
  const long double m = problem_running_m(s->p), divisor = problem_running_divisor(s->p);
  b->var = v;
  if (wider(s->sums, a)) b->var_off = bound_kept(a->u, b->var_off, b->var, a->u, a->lam + s->apply_LF);
  if (divisor == m) return; /* a factor of 1, if any */
  b->var_off = bound_unbiased(a->u, b->var_off, b->var, m, divisor, a->lam, s->apply_LF);
  b->var = b->var * m / divisor;
}

/* The new statistic may be rounded to its type for every instance before these are averaged. */
static long double updated(const struct stage *s, long double instances, long double old, long double b, long double off)
{
  const struct arithmetic *a = s->kept;
  const bool several = instances > 1;
  const long double average = several ? preset_sum_height(s->row, instances) + 1 + CM : 0;
  const long double k = (wider(s->stats, a) ? 5 : 4) + average;
  const long double T = bound_running(a->u, k, momentum_weight(s->p), off, old, b, a->lam, s->apply_LF);
  return stored(s, a, several ? stored(s, a, T, old + b) : T, old + b);
}

void tolerance_running(const struct normative_problem *p, const struct preset_row *row, bool ftz, const struct estimate *b,
                       long double instances, long double old_mean, long double old_var, long double *mean, long double *var)
{
  const struct stage s = stage_of(p, row, ftz);
  *mean = updated(&s, instances, old_mean, b->mean, b->mean_off);
  *var = updated(&s, instances, old_var, b->var, b->var_off);
}

bool tolerance_range_running(const struct preset_row *row, long double instances, long double old, long double b)
{
  return !(instances * (old + b) > arithmetic_of(row->kept)->largest);
}

struct stage stage_of(const struct normative_problem *p, const struct preset_row *row, bool ftz)
{
  struct stage s = {.p = p, .row = row, .ftz = ftz, .range = true, .centred = norm_find(p->norm)->centred};
  s.sums = arithmetic_of(row->sums);
  s.kept = arithmetic_of(row->kept);
  s.apply = arithmetic_of(row->apply);
  s.tensor = arithmetic_of(p->type);
  s.stats = arithmetic_of(p->stat_type);
  s.param = arithmetic_of(p->param_type);
  if (!ftz) return s;
  s.LF = larger(s.sums->normal, smallest_read(p));
  s.apply_LF = larger(s.apply->normal, smallest_read(p));
  return s;
}

void take(struct stage *s, const struct group_facts *g, const struct group_truth *q, long double m)
{
  s->g = g;
  s->q = *q;
  s->m = m;
  need_below(s, m, s->sums);
  if (m * s->sums->normal > 1) s->range = false; /* 1/m underflows */
  s->h = preset_height(s->row->height, m);
  s->sigma = sqrtl(s->q.sigma2) * (1 + 0x1p-60L);
}

void reciprocal(struct stage *s, struct tolerance *t)
{
  t->E = rstd_error(s);
  rstd_range(s, t->E);
}

/* The variance as the mean is kept. */
static long double variance_bound(const struct stage *s)
{
  const struct arithmetic *a = s->kept;
  const long double off = larger(s->low, s->high), v = s->q.sigma2;
  return stored(s, a, wider(s->sums, a) ? bound_kept(a->u, off, v, a->u, a->lam + s->apply_LF) : off, v);
}

void outputs(const struct stage *s, struct tolerance *t)
{
  t->range = s->range;
  t->sum = s->tensor->u + (wider(s->apply, s->tensor) ? s->apply->u * (1 + s->tensor->u) : 0);
  t->sum_lost = s->ftz ? 3 * s->apply_LF * (1 + t->sum) + s->tensor->normal : 0;
  t->mean = stored(s, s->kept, t->e, magnitude_of_mean(&s->q));
  t->rstd = t->E == 0 ? 0 : stored(s, s->apply, s->q.rstd * t->E, s->q.rstd);
  t->variance = variance_bound(s);
  y_coefficients(s, t);
}

/* mean|xhat| */
static long double spread_of(const struct stage *s, enum source source)
{
  const long double r = s->q.rstd;
  if (source == GIVEN) return r * (s->q.mean_abs + (s->centred ? magnitude_of_mean(&s->q) : 0));
  return smaller(s->sigma * r * (1 + 0x1p-60L), 1);
}

void tolerance_of(const struct normative_problem *p, const struct group_facts *g, const struct preset_row *row, bool ftz,
                  struct tolerance *t)
{
  struct stage s = stage_of(p, row, ftz);
  struct gradient_stage b;
  const bool backward = p->direction == NORMATIVE_BACKWARD;
  const enum source source = constant_statistics(p) ? CONSTANT : backward && p->given ? GIVEN : OWN;
  const bool rstd_given = source == GIVEN && p->saved == NORMATIVE_SAVED_RSTD;
  take(&s, g, g->truth, g->m);
  if (rstd_given) t->E = given_to_backward(&s);
  else if (source != OWN) given(&s);
  else if (p->residual) own_with_residual(&s);
  else own(&s);
  if (!rstd_given) reciprocal(&s, t);
  t->e = source == OWN && s.centred ? as_kept(&s, s.e) : s.e;
  if (backward) {
    gradients(&s, t, source, spread_of(&s, source), &b);
    if (wider(s.apply, s.tensor)) stored_dx(&s, t);
    return;
  }
  if (p->running && source == OWN) {
    t->batch = (struct estimate){.mean = magnitude_of_mean(&s.q), .mean_off = t->e, .var_off = larger(s.low, s.high)};
    estimate_variance(&s, s.q.sigma2, &t->batch);
  }
  outputs(&s, t);
}

bool tolerance_range_y(const struct group_facts *g, const struct preset *preset, const struct tolerance *t,
                       const long double f[FEATURES])
{
  const long double largest = arithmetic_of(preset->row->apply)->largest, r = g->truth->rstd * (1 + t->E);
  const long double mu = magnitude_of_mean(g->truth);
  long double most = f[F_G] * larger(r, 1);
  if (preset->folded) most = larger(r * (f[F_X] + mu + t->e), larger(most, r * (f[F_GX] + f[F_G] * (mu + t->e)) + f[F_B]));
  else most = larger(larger(most, r * (f[F_GD] + f[F_G] * t->e) + f[F_B]), larger(r, 1) * (f[F_D] + t->e));
  return t->range && !(most > largest);
}
