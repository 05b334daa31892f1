/* SPDX-License-Identifier: Apache-2.0
   The kernel of backward: statistics by two corrected passes, sums, one rounding at the store; `has` asks for the planted
   defect, last of all conditions, so that only those are asked for that would show. */
#include "mutants.h"
#include <math.h>
#include <string.h>

enum defect {
#define DEFECT(identifier, name, where) identifier,
#include "backward.def"
#undef DEFECT
  DEFECTS
};

struct statistics { real mean, var, rstd, rest; }; /* the mean is mean + rest */
struct means { real c1, c2; };
struct kernel {
  struct planted planted;
  const struct normative_problem *p;
  const struct tensors *in;
  struct tensors *out;
  size_t m, groups, params;
  real *x, *h, *dy, *g;   /* of the group at hand: x, xhat, dy, gamma dy */
  real *dgamma, *dbeta;   /* of every parameter */
  size_t *term;           /* how many terms each of these has had */
  struct means previous, first; /* of the group before, of sample 0 */
};

static bool has(const struct kernel *k, enum defect d) { return planted_is(&k->planted, (int)d); }
static bool sixteen(const struct kernel *k) { return k->p->type == NORMATIVE_F16 || k->p->type == NORMATIVE_BF16; }
static bool wide(const struct kernel *k) { return k->p->type == NORMATIVE_F64; }
static bool centred(const struct kernel *k) { return norm_find(k->p->norm)->centred; }

/* ---- statistics ---- */

static struct statistics corrected_moments(const struct kernel *k, const real *x, size_t m)
{
  struct statistics r = {0};
  real s = 0, t = 0, q = 0;
  for (size_t i = 0; centred(k) && i < m; ++i) s += x[i];
  r.mean = s / (real)m;
  for (size_t i = 0; i < m; ++i) {
    real d = x[i] - r.mean;
    t += d;
    q += wide(k) && has(k, G_SQUARES_UNSCALED) ? (double)(d * d) : d * d;
  }
  if (centred(k)) q -= t * t / (real)m, r.rest = t / (real)m;
  r.var = q / (real)(m > 1 && has(k, VARIANCE_BESSEL) ? m - 1 : m);
  if (r.var < 0) r.var = 0;
  return r;
}

static struct statistics float_moments(const struct kernel *k, const real *x, size_t m)
{
  float s = 0, q = 0, mean = 0;
  bool one_pass = has(k, VARIANCE_ONE_PASS_F32);
  for (size_t i = 0; centred(k) && i < m; ++i) s += (float)x[i];
  mean = s / (float)m;
  for (size_t i = 0; i < m; ++i) {
    float d = (float)x[i] - (one_pass ? 0 : mean);
    q += d * d;
  }
  float var = q / (float)m - (one_pass ? mean * mean : 0);
  return (struct statistics){.mean = mean, .var = var > 0 || isnan(var) ? var : 0};
}

/* The squares in float, all else in double: |x| of 1e20 is too much. */
static struct statistics float_squares(const struct kernel *k, const real *x, size_t m)
{
  struct statistics r = corrected_moments(k, x, m);
  real q = 0;
  for (size_t i = 0; i < m; ++i) {
    float d = (float)(x[i] - r.mean);
    q += (real)(d * d);
  }
  return (struct statistics){.mean = r.mean, .var = q / (real)m, .rest = r.rest};
}

/* mean(x^2) - mean^2 in double. */
static struct statistics one_pass(const struct kernel *k, const real *x, size_t m)
{
  double s = 0, q = 0;
  for (size_t i = 0; i < m; ++i) {
    if (centred(k)) s += (double)x[i];
    q += (double)x[i] * (double)x[i];
  }
  double mean = s / (double)m, var = q / (double)m - mean * mean;
  return (struct statistics){.mean = mean, .var = var > 0 || isnan(var) ? var : 0};
}

static struct statistics moments(const struct kernel *k)
{
  bool single = k->p->type == NORMATIVE_F32;
  if (single && (has(k, VARIANCE_ONE_PASS_F32) || has(k, VARIANCE_SEQUENTIAL_F32))) return float_moments(k, k->x, k->m);
  if (single && has(k, VARIANCE_SQUARES_F32)) return float_squares(k, k->x, k->m);
  if (wide(k) && has(k, G_ONE_PASS_F64)) return one_pass(k, k->x, k->m);
  return corrected_moments(k, k->x, k->m);
}

static real rstd_of(const struct kernel *k, real var)
{
  real eps = k->p->eps;
  if (has(k, G_EPS_DROPPED)) eps = 0;
  if (has(k, G_EPS_TENTH)) eps /= 10;
  if (var < 0 && has(k, VARIANCE_CLAMPED)) var = 0;
  real r = has(k, G_EPS_ON_STD) ? 1 / (sqrtl(var) + eps) : 1 / sqrtl(var + eps);
  if (k->p->eps_place == NORMATIVE_EPS_OUTSIDE && !has(k, OUTSIDE_AS_INSIDE)) r = 1 / (sqrtl(var) + eps);
  if (k->p->eps_place == NORMATIVE_EPS_MAX) r = 1 / sqrtl(var > eps ? var : eps);
  if (r > 1e4L && has(k, RSTD_CLIPPED)) return 1e4L;
  return wide(k) && has(k, RSTD_OF_FLOATS) ? narrow(r, 24) : r;
}

static struct statistics with_variance(const struct kernel *k, real var, struct statistics r)
{
  if (k->m > 1 && has(k, GIVEN_TAKEN_FOR_UNBIASED)) var *= (real)(k->m - 1) / (real)k->m;
  if (has(k, GIVEN_VARIANCE_AS_DEVIATION)) var *= var;
  if (has(k, GIVEN_VARIANCE_HOLDS_EPS)) var -= k->p->eps;
  r.rstd = has(k, GIVEN_VARIANCE_AS_RSTD) ? var : rstd_of(k, var);
  return r;
}

static struct statistics given(const struct kernel *k, size_t group, struct statistics own)
{
  const struct tensor *mean = &k->in->t[SLOT_GIVEN_MEAN], *rstd = &k->in->t[SLOT_GIVEN_RSTD];
  struct statistics r = own;
  if (group && has(k, GIVEN_OF_FIRST)) group = 0;
  if (mean->data && !has(k, GIVEN_MEAN_IGNORED)) r.mean = tensor_get(mean, group), r.rest = 0;
  if (has(k, GIVEN_RSTD_IGNORED)) return r;
  if (!rstd->data) return with_variance(k, tensor_get(&k->in->t[SLOT_GIVEN_VARIANCE], group), r);
  r.rstd = tensor_get(rstd, group);
  if (has(k, GIVEN_AS_VARIANCE)) r.rstd = 1 / sqrtl(r.rstd + k->p->eps);
  return r;
}

/* Of the groups that have one. */
static size_t channel_of(const struct kernel *k, size_t group)
{
  struct runs r = problem_runs(k->p, group);
  return r.param;
}

static bool evaluates(const struct kernel *k) { return k->p->mode == NORMATIVE_EVALUATION; }

static struct statistics rounded(const struct kernel *k, struct statistics r)
{
  if (has(k, STATISTICS_BF16)) r.mean = narrow(r.mean + r.rest, 8), r.rest = 0, r.rstd = narrow(r.rstd, 8);
  if (sixteen(k) && has(k, STATISTICS_IN_TYPE))
    r = (struct statistics){.mean = in_type(k->p->type, r.mean + r.rest), .var = r.var, .rstd = in_type(k->p->type, r.rstd)};
  return r;
}

static struct statistics statistics(const struct kernel *k, size_t group)
{
  struct statistics r = {0};
  if (evaluates(k) && !has(k, EVALUATION_BATCH_STATISTICS)) {
    size_t channel = channel_of(k, group);
    r.mean = tensor_get(&k->in->t[SLOT_RUNNING_MEAN], channel);
    r.var = tensor_get(&k->in->t[SLOT_RUNNING_VAR], channel);
  } else {
    r = moments(k);
  }
  r.rstd = rstd_of(k, r.var);
  if (k->p->given && !evaluates(k) && !has(k, GIVEN_IGNORED)) r = given(k, group, r);
  return rounded(k, r);
}

/* ---- what a group holds ---- */

static void gather(real *to, const struct kernel *k, enum slot slot, size_t group)
{
  struct runs r = problem_runs(k->p, group);
  for (size_t i = 0; i < k->m; ++i) to[i] = tensor_get(&k->in->t[slot], element_at(&r, i));
}

static real gamma_of(const struct kernel *k, size_t group, size_t entry)
{
  const struct tensor *gamma = &k->in->t[SLOT_GAMMA];
  if (!gamma->data) return 1;
  if (has_parts(k->p) && has(k, G_GAMMA_OF_FIRST_PART)) entry %= k->params / k->p->groups;
  if (has_parts(k->p) && has(k, G_GAMMA_OF_PARTS_IN_TURN)) entry = part_in_turn(k->p, group, entry);
  size_t at = k->params > 1 && has(k, GAMMA_BY_ROW) ? group % k->params : entry;
  real one = plus_one(k->p) && !has(k, ONE_FORGOTTEN), first = one + tensor_get(gamma, 0), v = one + tensor_get(gamma, at);
  if (v != first && has(k, GAMMA_FIRST_FOR_ALL)) return first;
  if ((first == 1 && has(k, GAMMA_ONE_BY_FIRST)) || has(k, GAMMA_MISSING)) return 1;
  if (first == 0 && has(k, GAMMA_ZERO_BY_FIRST)) return 0;
  if (k->p->param_type != k->p->type && has(k, GAMMA_IN_TYPE)) return in_type(k->p->type, v);
  if (has(k, GAMMA_TWICE)) return v * v;
  return v < 0 && has(k, GAMMA_ABSOLUTE) ? -v : v;
}

/* (x - mean) rstd, as some would have it. */
static real xhat_of(const struct kernel *k, real x, const struct statistics *s, real gamma)
{
  real h = (x - s->mean - s->rest) * s->rstd;
  if (has(k, XHAT_BF16)) return narrow(h, 8);
  if (k->p->type == NORMATIVE_F32 && has(k, XHAT_FROM_Y)) return (float)(gamma * h) / gamma;
  if (fabsl(h) > 8 && has(k, XHAT_CLIPPED)) return h > 8 ? 8 : -8;
  if (wide(k) && has(k, XHAT_OF_FLOATS)) return narrow(h, 24);
  return !switches(k->p) && fabsl(s->mean) * s->rstd > 1e4L && has(k, XHAT_ZERO_AT_LARGE_MEAN) ? 0 : h;
}

/* Of norms with more groups to a sample than one. */
static size_t per_sample(const struct kernel *k)
{
  return k->p->norm != NORMATIVE_BATCHNORM && k->p->n ? k->groups / k->p->n : 1;
}

static size_t statistics_from(const struct kernel *k, size_t group)
{
  if (k->groups > 1 && has(k, STATISTICS_NEXT_GROUP)) return (group + 1) % k->groups;
  return per_sample(k) > 1 && k->p->n > 1 && has(k, G_STATISTICS_OF_FIRST_SAMPLE) ? group % per_sample(k) : group;
}

static void load_gradient(struct kernel *k, size_t group, const struct statistics *s)
{
  struct runs r = problem_runs(k->p, group);
  gather(k->dy, k, SLOT_DY, group);
  for (size_t i = 0; i < k->m; ++i) {
    real gamma = gamma_of(k, group, param_at(&r, i));
    k->h[i] = xhat_of(k, k->x[i], s, gamma);
    if (has(k, DY_BF16)) k->dy[i] = narrow(k->dy[i], 8);
    k->g[i] = gamma * k->dy[i];
  }
}

static void load_group(struct kernel *k, size_t group, struct statistics *s)
{
  size_t from = statistics_from(k, group);
  gather(k->x, k, SLOT_X, from);
  *s = statistics(k, from);
  gather(k->x, k, SLOT_X, group);
  load_gradient(k, group, s);
}

/* ---- the two means ---- */

/* How many of m elements enter the sums. */
static size_t summed(const struct kernel *k)
{
  size_t m = k->m;
  if (m > 16 && has(k, MEANS_TAIL_DROPPED)) return m / 16 * 16;
  if (m > 1 && has(k, MEANS_LAST_DROPPED)) return m - 1;
  if (m > 1024 && has(k, MEANS_WARP_ONLY)) return 1024;
  return m;
}

static real count(const struct kernel *k)
{
  if (k->m > 1 && has(k, MEANS_BESSEL)) return (real)(k->m - 1);
  if (k->m > 0xffff && has(k, MEANS_COUNT_16_BITS)) return (real)(uint16_t)k->m;
  if (k->m % 16 && has(k, MEANS_OVER_PADDED)) return (real)((k->m + 15) / 16 * 16);
  if (k->p->ndim == 4 && k->m % k->p->dims[2] == 0 && k->p->dims[2] > 1 && has(k, MEANS_OVER_WIDTH))
    return (real)(k->m / k->p->dims[2]);
  return (real)k->m;
}

static struct means float_means(const struct kernel *k)
{
  float c1 = 0, c2 = 0;
  for (size_t i = 0; i < k->m; ++i) {
    c1 += (float)k->g[i];
    c2 += (float)k->g[i] * (float)k->h[i];
  }
  return (struct means){c1 / (float)k->m, c2 / (float)k->m};
}

static struct means long_means(const struct kernel *k)
{
  struct means r = {0};
  size_t used = summed(k);
  for (size_t i = 0; i < used; ++i) {
    real product = k->g[i] * k->h[i];
    if (k->p->type == NORMATIVE_F32 && has(k, PRODUCTS_OVERFLOW_F32)) product = (float)product;
    if (wide(k) && !isfinite((double)product) && has(k, PRODUCTS_UNSCALED)) product = (double)product;
    if (has(k, GAMMA_MISSING_IN_C2)) product = k->dy[i] * k->h[i];
    if (!isfinite(product) && has(k, MEANS_NAN_SKIPPED)) continue;
    bool lost = i >= 16 && i < 32 && has(k, C1_BLOCK_DROPPED);
    if (!lost) r.c1 += has(k, GAMMA_MISSING_IN_C1) ? k->dy[i] : k->g[i];
    r.c2 += product;
    if (i < 16 && k->m > 16 && has(k, MEANS_FIRST_BLOCK_TWICE)) r.c1 += k->g[i], r.c2 += product;
  }
  return (struct means){r.c1 / count(k), has(k, C2_NOT_AVERAGED) ? r.c2 : r.c2 / count(k)};
}

/* The means of another group, where they are taken. */
static struct means believed_means(struct kernel *k, size_t group, struct means own)
{
  struct means r = own;
  if (has(k, MEANS_OF_PREVIOUS)) r = k->previous;
  bool rows = per_sample(k) == 1 && k->p->norm != NORMATIVE_BATCHNORM;
  if (rows && group && has(k, MEANS_OF_FIRST_SAMPLE)) r = k->first;
  k->previous = own;
  if (!group) k->first = own;
  return r;
}

/* What mean(g xhat) is times in dx. */
static real factor_of(const struct kernel *k, real var)
{
  real eps = k->p->eps;
  if (k->p->eps_place == NORMATIVE_EPS_OUTSIDE) {
    if (var == 0) return has(k, NAN_AT_SIGMA_0) ? NAN : 0;
    return has(k, SIGMA_AS_VARIANCE) ? 1 : 1 + eps / sqrtl(var);
  }
  if (k->p->eps_place != NORMATIVE_EPS_MAX) return 1;
  return var < eps ? has(k, CLAMP_KEEPS_C2) : !has(k, CLAMP_ALWAYS);
}

static struct means group_means(struct kernel *k, size_t group, const struct statistics *s)
{
  struct means r;
  if ((evaluates(k) && !has(k, EVALUATION_AS_TRAINING)) || has(k, TRAINING_AS_EVALUATION)) return (struct means){0};
  if (k->p->type == NORMATIVE_F32 && has(k, MEANS_SEQUENTIAL_F32)) r = float_means(k);
  else r = wide(k) && has(k, SUMS_OF_FLOATS) ? float_means(k) : long_means(k);
  if (has(k, MEANS_IN_BF16)) r.c1 = narrow(r.c1, 8), r.c2 = narrow(r.c2, 8);
  if (sixteen(k) && has(k, MEANS_IN_TYPE)) r.c1 = in_type(k->p->type, r.c1), r.c2 = in_type(k->p->type, r.c2);
  if ((!centred(k) && !has(k, C1_IN_RMS)) || (centred(k) && has(k, C1_MISSING))) r.c1 = 0;
  r.c2 *= factor_of(k, s->var);
  if (has(k, C2_MISSING)) r.c2 = 0;
  if (has(k, C2_NEGATED)) r.c2 = -r.c2;
  if (has(k, RSTD_SQUARED_IN_C2)) r.c2 *= s->rstd;
  if (s->var > 0 && has(k, C2_WITHOUT_EPS)) r.c2 *= 1 + k->p->eps / s->var;
  return believed_means(k, group, r);
}

/* ---- dx ---- */

/* a g + b x + c with a = rstd, b = -rstd^2 c2, c = -b mean - a c1, in float. */
static float folded(const struct kernel *k, size_t i, const struct statistics *s, struct means c)
{
  float a = (float)s->rstd, b = -a * a * (float)c.c2, rest = -b * (float)s->mean - a * (float)c.c1;
  return a * (float)k->g[i] + b * (float)k->x[i] + rest;
}

/* rstd^3 (x - mean) mean(g (x - mean)), the power in float. */
static real cubed(const struct kernel *k, size_t i, const struct statistics *s, struct means c)
{
  float r = (float)s->rstd, power = r * r * r;
  return s->rstd * (k->g[i] - c.c1) - (k->x[i] - s->mean) * (real)power * (c.c2 / s->rstd);
}

/* dx, as it reaches memory. */
static real stored(const struct kernel *k, real dx)
{
  uint32_t type = k->p->type;
  if (has(k, DX_ZERO)) return 0;
  if (dx != 0 && fabsl(dx) < least_normal(type) && has(k, DX_FLUSHED)) return copysignl(0, dx);
  if (isnan(dx) && has(k, DX_NAN_TO_ZERO)) return 0;
  if (fabsl(dx) > 1e3L && has(k, DX_CLIPPED)) return copysignl(1e3L, dx);
  if (sixteen(k) && has(k, DX_TRUNCATED)) return cut_to(type, dx);
  return sixteen(k) && (real)(float)dx != dx && has(k, DX_BY_FLOAT) ? (float)dx : dx;
}

static real dx_of(const struct kernel *k, size_t i, const struct statistics *s, struct means c)
{
  real h = k->h[i], r = s->rstd;
  if (k->p->type == NORMATIVE_F32 && has(k, DX_FOLDED_F32)) return folded(k, i, s, c);
  if (has(k, MEAN_TWICE_IN_DX)) h = (k->x[i] - 2 * s->mean) * r;
  if (has(k, MEAN_KEPT_IN_DX)) h = k->x[i] * r;
  if (has(k, RSTD_MISSING)) r = 1;
  if (has(k, RSTD_TWICE)) r *= r;
  real dx = r * (k->g[i] - c.c1 - h * c.c2);
  if (evaluates(k) && !has(k, EVALUATION_AS_TRAINING)) dx = r * k->g[i];
  else if (k->p->type == NORMATIVE_F32 && has(k, RSTD_CUBED_F32)) dx = cubed(k, i, s, c);
  if (has(k, DX_IS_G)) return k->g[i];
  return stored(k, s->var == 0 && has(k, CONSTANT_IS_ZERO) ? 0 : dx);
}

static void store_dx(struct kernel *k, size_t group, const struct statistics *s, struct means c)
{
  struct normative_problem p = *k->p;
  if (norm_find(p.norm)->axes == 3 && p.s > 1 && has(k, DX_LAYOUT_SWAPPED))
    p.layout = p.layout == NORMATIVE_NCS ? NORMATIVE_NSC : NORMATIVE_NCS;
  struct runs r = problem_runs(&p, group > 0xffff && has(k, DX_GROUP_16_BITS) ? group & 0xffff : group);
  size_t written = has(k, DX_TAIL_NOT_WRITTEN) ? (k->m + 7) / 8 * 8 - 8 : k->m, zeros = 0;
  while (zeros < k->m && k->dy[zeros] == 0) ++zeros;
  if (zeros == k->m && has(k, DX_OF_ZERO_NOT_WRITTEN)) return;
  for (size_t i = 0; i < k->m; ++i) {
    real v = dx_of(k, i, s, c);
    if (i < written) put(&k->out->t[SLOT_DX], element_at(&r, i), v);
    if (has(k, DGAMMA_FROM_DX)) k->dy[i] = in_type(k->p->type, v);
  }
}

/* ---- dgamma, dbeta ---- */

/* Is term i of n of a parameter left out? */
static bool left_out(const struct kernel *k, size_t i, size_t n)
{
  if (n > 1 && i + 1 == n && has(k, LAST_ROW_DROPPED)) return true;
  if (i >= 65536 && has(k, ROWS_BEYOND_16_BITS_DROPPED)) return true;
  if (n > 16 && i >= n / 16 * 16 && has(k, ROW_BLOCK_TAIL_DROPPED)) return true;
  if (n >= 64 && i / (n / 8) == 3 && has(k, ROWS_OF_A_THREAD_LOST)) return true;
  if (i < (n - 1) / 1024 * 1024 && has(k, ROWS_OVERWRITTEN)) return true;
  return n >= 8 && i >= n / 8 * 8 && has(k, REMAINDER_OF_THREADS_LOST);
}

static real dgamma_term(const struct kernel *k, size_t i, const struct statistics *s)
{
  real h = k->h[i];
  if (has(k, DGAMMA_FROM_X)) h = k->x[i];
  if (centred(k) && has(k, DGAMMA_NOT_CENTRED)) h = k->x[i] * s->rstd;
  if (has(k, DGAMMA_WITHOUT_RSTD)) h = k->x[i] - s->mean;
  if (has(k, DGAMMA_RSTD_TWICE)) h *= s->rstd;
  real term = (has(k, DGAMMA_OF_G) ? k->g[i] : k->dy[i]) * h;
  if (plus_one(k->p) && has(k, DGAMMA_TIMES_ONE_MORE)) term += k->dy[i];
  if (has(k, DGAMMA_TERMS_BF16)) term = narrow(term, 8);
  return isnan(term) && has(k, NAN_TERMS_SKIPPED) ? 0 : term;
}

static real plus_dgamma(const struct kernel *k, real sum, real term)
{
  bool single = (k->p->type == NORMATIVE_F32 && has(k, DGAMMA_SEQUENTIAL_F32)) || (wide(k) && has(k, DGAMMA_OF_FLOATS));
  sum = single ? (float)sum + (float)term : sum + term;
  if (sixteen(k) && has(k, DGAMMA_IN_TYPE)) return in_type(k->p->type, sum);
  if (has(k, DGAMMA_IN_BF16)) return narrow(sum, 8);
  return has(k, DGAMMA_IN_F16) ? narrow(sum, 11) : sum;
}

static real plus_dbeta(const struct kernel *k, real sum, real term)
{
  sum = k->p->type == NORMATIVE_F32 && has(k, DBETA_SEQUENTIAL_F32) ? (float)sum + (float)term : sum + term;
  return has(k, DBETA_IN_BF16) ? narrow(sum, 8) : sum;
}

/* The parameter of element i, read off its place in memory by those who mistake the layout. */
static size_t believed_parameter(const struct kernel *k, const struct runs *r, size_t i)
{
  const struct normative_problem *p = k->p;
  if (norm_find(p->norm)->axes == 3 && p->s > 1 && p->c > 1 && has(k, DGAMMA_LAYOUT_SWAPPED))
    return p->layout == NORMATIVE_NCS ? element_at(r, i) % p->c : element_at(r, i) / p->s % p->c;
  return param_at(r, i);
}

static void add_parameters(struct kernel *k, size_t group, const struct statistics *s)
{
  struct runs r = problem_runs(k->p, group);
  size_t n = k->m * k->groups / k->params;
  if (k->dy[0] == 0 && has(k, ZERO_ROWS_BY_FIRST_ENTRY)) return;
  for (size_t i = 0; i < k->m; ++i) {
    size_t c = believed_parameter(k, &r, i), place = k->term[c]++, sample = element_at(&r, i) / (k->p->c * k->p->s);
    if (left_out(k, place, n)) continue;
    real term = dgamma_term(k, i, s), beta = has(k, DBETA_OF_G) ? k->g[i] : k->dy[i];
    size_t at = c;
    if (k->params > 1 && has(k, DGAMMA_SHIFTED)) at = (c + 1) % k->params;
    if (k->groups != k->params && has(k, DGAMMA_BY_GROUP)) at = group % k->params;
    if (has_parts(k->p) && has(k, DGAMMA_OF_FIRST_PART)) at = c % (k->params / k->p->groups);
    if (has_parts(k->p) && has(k, DGAMMA_OF_PARTS_IN_TURN)) at = part_in_turn(k->p, group, c);
    if (k->p->n > 1 && has(k, DGAMMA_OF_LAST_SAMPLE) && sample != k->p->n - 1) continue;
    bool last = n > 1 && place + 1 == n && has(k, DGAMMA_LAST_ROW_DROPPED);
    if (!last) k->dgamma[at] = plus_dgamma(k, k->dgamma[at], term);
    k->dbeta[c] = plus_dbeta(k, k->dbeta[c], beta);
    if (place >= 16 && place < 32 && has(k, ROW_BLOCK_TWICE)) k->dgamma[c] += term, k->dbeta[c] += beta;
  }
}

static void store_parameters(struct kernel *k)
{
  struct tensor *dgamma = &k->out->t[SLOT_DGAMMA], *dbeta = &k->out->t[SLOT_DBETA];
  real n = k->params ? (real)(k->m * k->groups / k->params) : 0;
  bool swapped = has(k, DGAMMA_DBETA_SWAPPED), narrowed = k->p->param_type != k->p->type;
  for (size_t c = 0; c < k->params; ++c) {
    real a = (swapped ? k->dbeta : k->dgamma)[c], b = (swapped ? k->dgamma : k->dbeta)[c];
    if (k->params > 16 && c >= k->params / 16 * 16 && has(k, LAST_COLUMNS_DROPPED)) a = b = 0;
    if (c >= 64 && has(k, CHANNELS_BEYOND_64_DROPPED)) a = b = 0;
    if (n > 1 && has(k, DGAMMA_MEAN)) a /= n;
    if (has(k, DGAMMA_NEGATED)) a = -a;
    if (has(k, DGAMMA_ZERO)) a = 0;
    if (has(k, DBETA_ZERO)) b = 0;
    if (narrowed && has(k, DGAMMA_BY_TYPE)) a = in_type(k->p->type, a), b = in_type(k->p->type, b);
    if (dgamma->data && has(k, DGAMMA_ACCUMULATED)) a += (real)tensor_get(dgamma, c);
    put(dgamma, c, a);
    put(dbeta, c, b);
  }
}

static void run_group(struct kernel *k, size_t group)
{
  struct statistics s;
  load_group(k, group, &s);
  struct means c = group_means(k, group, &s);
  store_dx(k, group, &s, c);
  add_parameters(k, group, &s);
}

/* ---- SwitchableNorm ----
   With R = 1/sqrtl(V + eps), P = -R sum g, Q = -R^3/2 sum g (x - M) of each (n,c), and k its three statistics:
     dx = R g + (1/S) sum_k w_k mean_k(P) + (2/S) sum_k w'_k mean_k(Q) (x - mu_k); repo=yes: and (x - mu_in)/(S-1)
     dlambda_mean[k] = w_k sum P (mu_k - M)    dlambda_var[k] = w'_k sum Q (v_k - V)
   mean_k: that of the (n,c) which share statistic k. */

struct switched {
  struct mixed *mixed;
  struct statistics *used;
  struct part { real p, q; } *own, *layer, *batch; /* of each (n,c); sums over its sample's, and its channel's */
  real w[3], v[3];
};

static enum mixing mixing(const struct kernel *k)
{
  if (k->p->c > 1 && has(k, G_LAYER_WITHOUT_MEANS)) return MIX_LAYER_WITHOUT_MEANS;
  if (!k->p->drop_bn && k->p->n > 1 && has(k, G_BATCH_WITHOUT_MEANS)) return MIX_BATCH_WITHOUT_MEANS;
  return has(k, G_INSTANCE_UNBIASED) ? MIX_UNBIASED : MIX_HONEST;
}

static void weights(const struct kernel *k, real w[3], enum slot slot)
{
  const struct tensor *lambda = &k->in->t[slot];
  size_t count = kinds(k->p);
  float sum = 0;
  w[2] = 0;
  softmax(w, lambda, count);
  for (size_t i = 0; i < count; ++i) sum += expf((float)tensor_get(lambda, i));
  for (size_t i = 0; i < count; ++i)
    if (has(k, G_SOFTMAX_UNSHIFTED)) w[i] = expf((float)tensor_get(lambda, i)) / sum;
  if (has(k, G_LAMBDA_ORDER_REVERSED)) {
    real t = w[0];
    w[0] = w[count - 1];
    w[count - 1] = t;
  }
}

/* What every (n,c) is normalised with. */
static void mixtures(struct kernel *k, struct switched *s)
{
  struct moments *own = room(k->groups, sizeof *own);
  for (size_t g = 0; g < k->groups; ++g) {
    gather(k->x, k, SLOT_X, g);
    struct statistics of = moments(k);
    bool bessel = k->p->repo && !has(k, REPO_POPULATION);
    own[g] = (struct moments){of.mean, bessel ? of.var * (real)k->p->s / (real)(k->p->s - 1) : of.var, of.rest};
  }
  mix(s->mixed, own, k->p, mixing(k));
  free(own);
  for (size_t g = 0; g < k->groups; ++g) {
    struct moments *of = s->mixed[g].k;
    if (evaluates(k) && !has(k, EVALUATION_BATCH_STATISTICS))
      of[2] = (struct moments){.mean = tensor_get(&k->in->t[SLOT_RUNNING_MEAN], g % k->p->c),
                               .var = tensor_get(&k->in->t[SLOT_RUNNING_VAR], g % k->p->c)};
    struct moments m = mixture_of(&s->mixed[g], s->w, s->v, kinds(k->p), heaviest(s->w, kinds(k->p)));
    s->used[g] = rounded(k, (struct statistics){m.mean, m.var, rstd_of(k, m.var), m.rest});
  }
}

/* Loads (n,c): P and Q are what these sums make of it. */
static struct part load_part(struct kernel *k, const struct switched *s, size_t group)
{
  const struct statistics *of = &s->used[group];
  gather(k->x, k, SLOT_X, group);
  load_gradient(k, group, of);
  struct part r = {0, 0};
  for (size_t i = 0; i < summed(k); ++i) {
    r.p -= of->rstd * k->g[i];
    r.q -= of->rstd * of->rstd * k->g[i] * k->h[i] / (has(k, VARIANCE_PART_HALVED) ? 4 : 2);
  }
  if (has(k, MEAN_PART_MISSING)) r.p = 0;
  if (has(k, VARIANCE_PART_MISSING)) r.q = 0;
  return r;
}

static void add_part(struct part *to, struct part a) { *to = (struct part){to->p + a.p, to->q + a.q}; }

static real switched_dx(const struct kernel *k, const struct switched *s, size_t group, size_t i)
{
  const struct normative_problem *p = k->p;
  struct part own = s->own[group], layer = s->layer[group / p->c], batch = s->batch[group % p->c];
  /* Do the batch's statistics not depend on x? */
  bool constant = p->drop_bn || (evaluates(k) && !has(k, EVALUATION_SUMS_KEPT));
  const struct moments *of = s->mixed[group].k;
  real from[3], c = (real)p->c, n = (real)p->n; /* x less each mean */
  for (int j = 0; j < 3; ++j) from[j] = k->x[i] - of[j].mean - of[j].rest;
  if (has(k, ONE_CENTRE_FOR_ALL)) from[0] = from[1] = from[2] = k->h[i] / s->used[group].rstd;
  if (p->c > 1 && has(k, LAYER_SUM_OF_OWN)) layer = own, c = 1;
  if (p->n > 1 && !constant && has(k, BATCH_SUM_OF_OWN)) batch = own, n = 1;
  if (has(k, LAYER_SUM_MISSING)) layer = (struct part){0, 0};
  if (!constant && !evaluates(k) && has(k, BATCH_SUM_MISSING)) batch = (struct part){0, 0};
  if (!constant && p->n * p->c > 1 && has(k, SUMS_EXCHANGED)) {
    struct part t = layer;
    layer = batch;
    batch = t;
  }
  real by_mean = s->w[0] * own.p + s->w[1] / c * layer.p;
  real by_var = s->v[0] * own.q * from[0] + s->v[1] / c * layer.q * from[1];
  if (!constant) {
    by_mean += s->w[2] / n * batch.p;
    by_var += s->v[2] / n * batch.q * from[2];
  }
  real bessel = s->v[0] * own.q + s->v[1] / c * layer.q + (constant ? 0 : s->v[2] / n * batch.q);
  if (p->repo && has(k, REPO_OWN_ONLY)) bessel = s->v[0] * own.q;
  if (p->repo && !has(k, REPO_SLOPE_MISSING)) by_var += bessel * from[0] / (real)(p->s - 1);
  return s->used[group].rstd * k->g[i] + (by_mean + 2 * by_var) / (real)p->s;
}

static void store_lambdas(const struct kernel *k, const struct switched *s)
{
  size_t count = kinds(k->p), last = count - 1, dropped = k->groups > 1 && has(k, DLAMBDA_LAST_GROUP_DROPPED);
  bool swapped = has(k, DLAMBDA_SWAPPED), jacobian = !has(k, DLAMBDA_WITHOUT_JACOBIAN);
  for (size_t j = 0; j < count; ++j) {
    real mean = 0, var = 0;
    for (size_t g = 0; g < k->groups - dropped; ++g) {
      struct moments used = {s->used[g].mean, s->used[g].var, s->used[g].rest}, none = {0};
      mean += s->own[g].p * difference_of_means(&s->mixed[g].k[j], jacobian ? &used : &none);
      var += s->own[g].q * (s->mixed[g].k[j].var - (jacobian ? s->used[g].var : 0));
    }
    if (!has(k, DLAMBDA_WITHOUT_WEIGHT)) mean *= s->w[j], var *= s->v[j];
    if (k->groups > 1 && has(k, DLAMBDA_MEAN_OF_GROUPS)) mean /= (real)k->groups, var /= (real)k->groups;
    if (has(k, DLAMBDA_ZERO)) mean = var = 0;
    size_t at = has(k, DLAMBDA_REVERSED) ? last - j : j;
    put(&k->out->t[swapped ? SLOT_DLAMBDA_VAR : SLOT_DLAMBDA_MEAN], at, mean);
    put(&k->out->t[swapped ? SLOT_DLAMBDA_MEAN : SLOT_DLAMBDA_VAR], at, var);
  }
}

static void run_switched(struct kernel *k)
{
  struct switched s = {.mixed = room(k->groups, sizeof *s.mixed), .used = room(k->groups, sizeof *s.used),
                       .own = room(k->groups, sizeof *s.own), .layer = room(k->p->n, sizeof *s.layer),
                       .batch = room(k->p->c, sizeof *s.batch)};
  bool swapped = has(k, G_LAMBDAS_SWAPPED);
  weights(k, s.w, swapped ? SLOT_LAMBDA_VAR : SLOT_LAMBDA_MEAN);
  weights(k, s.v, swapped ? SLOT_LAMBDA_MEAN : SLOT_LAMBDA_VAR);
  mixtures(k, &s);
  for (size_t g = 0; g < k->groups; ++g) {
    s.own[g] = load_part(k, &s, g);
    add_part(&s.layer[g / k->p->c], s.own[g]);
    add_part(&s.batch[g % k->p->c], s.own[g]);
  }
  for (size_t g = 0; g < k->groups; ++g) {
    struct runs r = problem_runs(k->p, g);
    load_part(k, &s, g);
    for (size_t i = 0; i < k->m; ++i) put(&k->out->t[SLOT_DX], element_at(&r, i), stored(k, switched_dx(k, &s, g, i)));
    add_parameters(k, g, &s.used[g]);
  }
  store_lambdas(k, &s);
  free(s.mixed), free(s.used), free(s.own), free(s.layer), free(s.batch);
}

static void run(struct planted planted, const struct normative_problem *p, const struct tensors *in, struct tensors *out)
{
  struct kernel k = {.planted = planted, .p = p, .in = in, .out = out, .m = problem_m(p), .groups = problem_groups(p),
                     .params = problem_params(p)};
  real **const arrays[] = {&k.x, &k.h, &k.dy, &k.g, &k.dgamma, &k.dbeta};
  for (size_t i = 0; i < 6; ++i) *arrays[i] = room(i < 4 ? k.m : k.params, sizeof(real));
  k.term = room(k.params, sizeof *k.term);
  bool empty = !problem_elements(p);
  if (!empty && switches(p)) run_switched(&k);
  for (size_t group = 0; !empty && !switches(p) && group < k.groups; ++group) run_group(&k, group);
  if (!empty || !has(&k, EMPTY_NOT_WRITTEN)) store_parameters(&k);
  for (size_t j = 0; empty && switches(p) && j < kinds(p) && !has(&k, EMPTY_NOT_WRITTEN); ++j) {
    put(&out->t[SLOT_DLAMBDA_MEAN], j, 0);
    put(&out->t[SLOT_DLAMBDA_VAR], j, 0);
  }
  for (size_t i = 0; i < 6; ++i) free(*arrays[i]);
  free(k.term);
}

static const struct mutant list[] = {
#define DEFECT(identifier, name, where) {name, where},
#include "backward.def"
#undef DEFECT
};
const struct mutants backward_mutants = {NORMATIVE_BACKWARD, DEFECTS, list, run};
