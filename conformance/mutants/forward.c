/* SPDX-License-Identifier: Apache-2.0
   The kernel of forward: two corrected passes, one rounding at the store; `has` asks for the planted defect, last of all
   conditions, so that only those are asked for that would show. */
#include "mutants.h"
#include <math.h>
#include <string.h>

enum defect {
#define DEFECT(identifier, name, where) identifier,
#include "forward.def"
#undef DEFECT
  DEFECTS
};

struct kernel {
  struct planted planted;
  const struct normative_problem *p;
  const struct tensors *in;
  struct tensors *out;
  size_t m, groups, params;
  bool centred, evaluates;
  real *x;              /* gathered: of the group at hand */
  struct moments *own;  /* of every group, from its own elements */
  struct moments *used; /* of every group, what it is normalised with */
  struct mixed *mixed;  /* SwitchableNorm: of every group */
};

static bool has(const struct kernel *k, enum defect d) { return planted_is(&k->planted, (int)d); }
static bool sixteen(const struct kernel *k) { return k->p->type == NORMATIVE_F16 || k->p->type == NORMATIVE_BF16; }
static bool wide(const struct kernel *k) { return k->p->type == NORMATIVE_F64; }

/* ---- which elements ---- */

/* The sample, channel and place of the element at `offset`. */
struct place { size_t n, c, s; };
static struct place place_of(const struct normative_problem *p, size_t offset)
{
  if (p->layout == NORMATIVE_NSC) return (struct place){offset / (p->c * p->s), offset % p->c, offset / p->c % p->s};
  return (struct place){offset / (p->c * p->s), offset / p->s % p->c, offset % p->s};
}

static size_t channel_of(const struct kernel *k, size_t group)
{
  struct runs r = problem_runs(k->p, group);
  return place_of(k->p, r.base).c;
}

/* The elements of a group, as the kernel believes. */
static struct runs believed_runs(const struct kernel *k, size_t group)
{
  struct normative_problem p = *k->p;
  if (norm_find(p.norm)->axes == 3 && p.s > 1 && has(k, LAYOUT_SWAPPED))
    p.layout = p.layout == NORMATIVE_NCS ? NORMATIVE_NSC : NORMATIVE_NCS;
  return problem_runs(&p, group);
}

/* Those its statistics are of, and how many. */
struct sample { struct runs runs; size_t m; };
static struct sample as_norm(const struct kernel *k, size_t group, uint32_t norm)
{
  struct place at = place_of(k->p, problem_runs(k->p, group).base);
  struct normative_problem p = *k->p;
  p.norm = norm;
  p.groups = 1;
  size_t other = norm == NORMATIVE_BATCHNORM ? at.c : norm == NORMATIVE_GROUPNORM ? at.n : at.n * p.c + at.c;
  return (struct sample){problem_runs(&p, other), problem_m(&p)};
}

/* GroupNorm: the channels of a group, wrongly. */
static struct sample wrong_channels(const struct kernel *k, size_t group, struct sample right)
{
  size_t per = k->p->c / k->p->groups, stride = k->p->groups, first = group % k->p->groups * per;
  bool last = k->p->layout == NORMATIVE_NSC || k->p->s == 1;
  size_t step = last ? 1 : k->p->s;
  struct runs *r = &right.runs;
  if (has(k, GROUPS_STRIDED)) {
    r->base -= first * step;
    r->base += group % k->p->groups * step;
    *(last ? &r->inner_stride : &r->outer_stride) = stride * step;
  }
  if (first + per < k->p->c && has(k, GROUPS_SHIFTED)) r->base += step;
  if (has(k, GROUPS_WITHOUT_LAST)) *(last ? &r->inner : &r->outer) -= 1, right.m = r->inner * r->outer;
  if (per != stride && k->p->c >= stride * stride && has(k, GROUPS_BY_SIZE)) { /* C/G channels taken for G */
    *(last ? &r->inner : &r->outer) = stride;
    r->base = r->base - first * step + group % k->p->groups * stride * step;
    right.m = r->inner * r->outer;
  }
  return right;
}

static struct sample sample_of(const struct kernel *k, size_t group)
{
  const char *axes = norm_find(k->p->norm)->group;
  struct sample own = {believed_runs(k, group), k->m};
  bool n = strchr(axes, 'n'), c = strchr(axes, 'c') || (strchr(axes, 'g') && k->p->groups == k->p->c);
  if (strchr(axes, 'g') && k->p->groups > 1 && k->p->groups < k->p->c) own = wrong_channels(k, group, own);
  if (k->p->s > 1 && !(n && c) && has(k, STATISTICS_OF_INSTANCE)) return as_norm(k, group, NORMATIVE_INSTANCENORM);
  if (c && k->p->c * k->p->n > 1 && has(k, STATISTICS_OF_SAMPLE)) return as_norm(k, group, NORMATIVE_GROUPNORM);
  if (n && k->p->c * k->p->n > 1 && has(k, STATISTICS_OF_CHANNEL)) return as_norm(k, group, NORMATIVE_BATCHNORM);
  if (k->p->ndim > 3 && k->m % k->p->dims[2] == 0 && k->p->dims[2] > 1 && !strchr(axes, 's') && has(k, STATISTICS_OF_WIDTH))
    own.m /= k->p->dims[2];
  return own;
}

/* The group whose statistics are taken. */
static size_t believed(const struct kernel *k, size_t group)
{
  size_t per_sample = k->groups / (k->p->n ? k->p->n : 1);
  if (k->groups > 1 && has(k, STATISTICS_OF_NEIGHBOUR)) return (group + 1) % k->groups;
  if (k->groups > 1 && has(k, STATISTICS_OF_FIRST)) return 0;
  if (k->p->norm != NORMATIVE_BATCHNORM && k->p->n > 1 && per_sample > 1 && has(k, STATISTICS_OF_FIRST_SAMPLE))
    return group % per_sample;
  if (group > 0xffff && has(k, GROUP_INDEX_16_BITS)) return group & 0xffff;
  return group;
}

/* ---- gathering ---- */

/* x, or x + residual. */
static real value_at(const struct kernel *k, size_t i)
{
  real x = tensor_get(&k->in->t[SLOT_X], i);
  if (!k->p->residual || has(k, RESIDUAL_IGNORED) || has(k, RESIDUAL_BEHIND)) return x;
  x += (real)tensor_get(&k->in->t[SLOT_RESIDUAL], i);
  return sixteen(k) && has(k, SUM_ROUNDED_FIRST) ? in_type(k->p->type, x) : x;
}

static void gather(const struct kernel *k, struct sample of)
{
  for (size_t i = 0; i < of.m; ++i) k->x[i] = value_at(k, element_at(&of.runs, i));
}

/* ---- statistics ---- */

/* How many of m elements enter the sums. */
static size_t summed(const struct kernel *k, size_t m)
{
  if (m > 16 && has(k, TAIL_DROPPED)) return m / 16 * 16;
  if (m > 1 && has(k, TAIL_ELEMENT_DROPPED)) return m - 1;
  if (m > 1024 && has(k, WARP_ONLY)) return 1024;
  if (m > 65535 && has(k, COUNT_OF_16_BITS)) return 65535;
  if (m > 8 && has(k, VARIANCE_OF_LAST_ROW)) return m - m / 8;
  return m;
}

static struct moments float_moments(const struct kernel *k, size_t m)
{
  float s = 0, q = 0, mean = 0, count = (float)m;
  bool two_pass = has(k, SEQUENTIAL_F32) || has(k, SUMS_OVERFLOW_F32);
  for (size_t i = 0; i < m; ++i) s += (float)k->x[i];
  if (k->centred) mean = s / count;
  for (size_t i = 0; i < m; ++i) {
    float d = (float)k->x[i] - (two_pass ? mean : 0);
    q += d * d;
  }
  float var = q / count;
  if (!two_pass) var -= mean * mean;
  if (has(k, ONE_PASS_F32_CLAMPED) && var < 0) var = 0;
  return (struct moments){.mean = mean, .var = var};
}

static struct moments welford(const struct kernel *k, size_t m)
{
  float mean = 0, s = 0;
  for (size_t i = 0; i < m; ++i) {
    float d = (float)k->x[i] - mean;
    mean += d / (float)(i + 1);
    s += d * ((float)k->x[i] - mean);
  }
  return (struct moments){.mean = mean, .var = s / (float)m};
}

/* Float squares, long sums: a one-pass kernel half repaired. */
static struct moments float_squares(const struct kernel *k, size_t m)
{
  real s = 0, q = 0;
  for (size_t i = 0; i < m; ++i) {
    s += k->x[i];
    q += (float)k->x[i] * (float)k->x[i];
  }
  real mean = k->centred ? s / (real)m : 0, var = q / (real)m - mean * mean;
  return (struct moments){.mean = mean, .var = var > 0 ? var : 0};
}

/* mean(x^2) - mean^2, or two passes without a correction, all in double. */
static struct moments double_moments(const struct kernel *k, size_t m, bool one_pass)
{
  double s = 0, q = 0, mean = 0;
  for (size_t i = 0; i < m; ++i) s += (double)k->x[i];
  if (k->centred) mean = s / (double)m;
  for (size_t i = 0; i < m; ++i) {
    double d = (double)k->x[i] - (one_pass ? 0 : mean);
    q += d * d;
  }
  double var = q / (double)m - (one_pass ? mean * mean : 0);
  return (struct moments){.mean = mean, .var = var > 0 || isnan(var) ? var : 0};
}

/* As numbers of the tensor's type add up. */
static struct moments moments_in_type(const struct kernel *k, size_t m, bool squares_only)
{
  real s = 0, q = 0;
  uint32_t type = k->p->type;
  for (size_t i = 0; k->centred && i < m; ++i) s = squares_only ? s + k->x[i] : in_type(type, s + k->x[i]);
  real mean = s / (real)m;
  for (size_t i = 0; i < m; ++i) {
    real d = k->x[i] - mean, square = in_type(type, d * d);
    q = squares_only ? q + square : in_type(type, q + square);
  }
  return (struct moments){.mean = mean, .var = q / (real)m};
}

/* A difference, a square, as double has them: either may overflow, the difference from the group's first element too. */
static real difference(const struct kernel *k, real a, real b)
{
  bool overflows = wide(k) && isfinite(a - k->x[0]) && !isfinite((double)(a - k->x[0]));
  return overflows && has(k, DIFFERENCES_UNSCALED) ? INFINITY : a - b;
}

static real square(const struct kernel *k, real d)
{
  if (has(k, MEAN_ABSOLUTE)) return fabsl(d);
  return wide(k) && has(k, SQUARES_UNSCALED) ? (double)(d * d) : d * d;
}

static real count_of(const struct kernel *k, size_t m)
{
  if (m > 2048 && has(k, COUNT_IN_F16)) return narrow((real)m, 11);
  if (k->p->ndim > 3 && m % k->p->dims[2] == 0 && k->p->dims[2] > 1 && has(k, COUNT_OF_WIDTH)) return (real)(m / k->p->dims[2]);
  return (real)m;
}

static struct moments corrected_moments(const struct kernel *k, size_t m)
{
  const real *x = k->x;
  real s = 0, t = 0, q = 0, count = count_of(k, m);
  size_t used = summed(k, m);
  bool twice = m >= 32 && has(k, BLOCK_TWICE);
  for (size_t i = 0; k->centred && i < used; ++i) s += x[i];
  for (size_t i = 16; twice && i < 32; ++i) s += x[i];
  struct moments r = {.mean = k->centred ? s / count : 0};
  bool coarse = k->centred && has(k, VARIANCE_ABOUT_BF16_MEAN);
  real centre = coarse ? narrow(r.mean, 8) : r.mean;
  for (size_t i = 0; i < used; ++i) {
    real d = difference(k, x[i], centre);
    t += d;
    q += square(k, d);
  }
  for (size_t i = 16; twice && i < 32; ++i) q += square(k, x[i] - centre);
  if (k->centred && !coarse && !has(k, MEAN_ABSOLUTE)) q -= t * t / (real)m;
  r.var = q / (m > 1 && has(k, BESSEL) ? count - 1 : count);
  if (r.var < 0) r.var = 0;
  if (k->centred && used == m && count == (real)m && !twice && !coarse) r.rest = t / count;
  return r;
}

static struct moments float_kind(const struct kernel *k, size_t m)
{
  if (has(k, ONE_PASS_F32) || has(k, ONE_PASS_F32_CLAMPED) || has(k, SEQUENTIAL_F32) || has(k, SUMS_OVERFLOW_F32))
    return float_moments(k, m);
  if (has(k, ONE_PASS_FLOAT_SQUARES)) return float_squares(k, m);
  if (has(k, WELFORD_F32_LONG)) return k->centred ? welford(k, m) : float_moments(k, m);
  return corrected_moments(k, m);
}

static struct moments moments(const struct kernel *k, size_t m)
{
  if (sixteen(k)) {
    if (has(k, SUMS_IN_TYPE)) return moments_in_type(k, m, false);
    if (has(k, SQUARES_IN_TYPE)) return moments_in_type(k, m, true);
  }
  if (wide(k)) {
    if (has(k, SUMS_IN_FLOAT)) return float_moments(k, m);
    if (has(k, ONE_PASS_F64)) return double_moments(k, m, true);
    if (has(k, MEAN_UNCORRECTED_F64)) return double_moments(k, m, false);
  }
  return k->p->type == NORMATIVE_F32 ? float_kind(k, m) : corrected_moments(k, m);
}

static void own_moments(struct kernel *k)
{
  if (k->evaluates && !switches(k->p) && !has(k, EVALUATION_FROM_BATCH)) return;
  for (size_t g = 0; g < k->groups; ++g) {
    struct sample of = sample_of(k, g);
    gather(k, of);
    k->own[g] = moments(k, of.m);
  }
}

static struct moments running_at(const struct kernel *k, size_t channel)
{
  return (struct moments){.mean = tensor_get(&k->in->t[SLOT_RUNNING_MEAN], channel),
                          .var = tensor_get(&k->in->t[SLOT_RUNNING_VAR], channel)};
}

static void merge_pairs(struct kernel *k)
{
  for (size_t g = 0; g + 1 < k->groups; g += 2) k->used[g].var = k->used[g + 1].var = (k->own[g].var + k->own[g + 1].var) / 2;
}

/* ---- SwitchableNorm: w.(mu_in, mu_ln, mu_bn), w'.(v_in, v_ln, v_bn) ---- */

static enum mixing mixing(const struct kernel *k)
{
  if (k->p->c > 1 && has(k, LAYER_WITHOUT_MEANS)) return MIX_LAYER_WITHOUT_MEANS;
  if (!k->p->drop_bn && k->p->n > 1 && has(k, BATCH_WITHOUT_MEANS)) return MIX_BATCH_WITHOUT_MEANS;
  if (has(k, INSTANCE_UNBIASED)) return MIX_UNBIASED;
  if (has(k, MIX_SQUARES)) return MIX_CANCELLING;
  return k->groups > 1 && has(k, LAYER_FOR_BATCH) ? MIX_AXES_SWAPPED : MIX_HONEST;
}

static void swap(real *a, real *b)
{
  real t = *a;
  *a = *b;
  *b = t;
}

static void weights(const struct kernel *k, real w[3], enum slot slot)
{
  const struct tensor *lambda = &k->in->t[slot];
  size_t count = kinds(k->p);
  w[2] = 0;
  softmax(w, lambda, count);
  real sum = 0;
  for (size_t i = 0; i < count; ++i) sum += expf((float)tensor_get(lambda, i));
  for (size_t i = 0; i < count; ++i) {
    real raw = tensor_get(lambda, i);
    if (has(k, LAMBDAS_RAW)) w[i] = raw;
    if (has(k, LAMBDAS_IGNORED)) w[i] = 1 / (real)count;
    if (has(k, SOFTMAX_UNSHIFTED)) w[i] = expf((float)raw) / (float)sum;
    if (sixteen(k) && has(k, SOFTMAX_IN_TYPE)) w[i] = in_type(k->p->type, w[i]);
  }
  if (count == 2 && has(k, SOFTMAX_OF_THREE)) w[0] *= 2 / 3.0L, w[1] *= 2 / 3.0L;
  if (has(k, LAMBDA_ORDER_REVERSED)) swap(&w[0], &w[count - 1]);
  if (count == 3 && has(k, LAMBDA_ORDER_LAYER_FIRST)) swap(&w[0], &w[1]);
}

static struct moments mixture(const struct kernel *k, const struct mixed *of, const real w[3], const real v[3])
{
  const size_t base = has(k, MIX_FROM_INSTANCE) ? 0 : heaviest(w, kinds(k->p));
  struct moments r = mixture_of(of, w, v, kinds(k->p), base);
  real deviation = 0;
  for (size_t i = 0; i < kinds(k->p); ++i) deviation += v[i] * sqrtl(of->k[i].var);
  if (has(k, DEVIATIONS_MIXED)) r.var = deviation * deviation;
  if (has(k, MEANS_UNMIXED)) r.mean = of->k[0].mean, r.rest = of->k[0].rest;
  if (has(k, VARIANCES_UNMIXED)) r.var = of->k[0].var;
  return r;
}

static void mix_all(struct kernel *k)
{
  real w[3], v[3];
  bool swapped = has(k, LAMBDAS_SWAPPED);
  weights(k, w, swapped ? SLOT_LAMBDA_VAR : SLOT_LAMBDA_MEAN);
  weights(k, v, swapped ? SLOT_LAMBDA_MEAN : SLOT_LAMBDA_VAR);
  if (k->p->repo && !has(k, REPO_POPULATION))
    for (size_t g = 0; g < k->groups; ++g) k->own[g].var *= (real)k->m / (real)(k->m - 1);
  mix(k->mixed, k->own, k->p, mixing(k));
  for (size_t g = 0; g < k->groups; ++g) {
    bool replaced = k->evaluates && !has(k, EVALUATION_FROM_BATCH);
    if (replaced) k->mixed[g].k[2] = running_at(k, g % k->p->c);
    if (replaced && has(k, MIXED_EVALUATION)) k->mixed[g].k[0] = k->mixed[g].k[1] = k->mixed[g].k[2];
    k->used[g] = mixture(k, &k->mixed[g], w, v);
  }
}

/* What each group is normalised with. */
static void used_moments(struct kernel *k)
{
  if (switches(k->p)) {
    mix_all(k);
    return;
  }
  bool running = k->evaluates && !has(k, EVALUATION_FROM_BATCH);
  for (size_t g = 0; g < k->groups; ++g) k->used[g] = running ? running_at(k, channel_of(k, g)) : k->own[g];
  if (!running && k->groups % 2 == 0 && has(k, MERGED_PAIRS)) merge_pairs(k);
}

static real rstd_of(const struct kernel *k, real var)
{
  real eps = k->p->eps, r;
  const bool outside = k->p->eps_place == NORMATIVE_EPS_OUTSIDE && !has(k, OUTSIDE_AS_INSIDE);
  const bool greater = k->p->eps_place == NORMATIVE_EPS_MAX && !has(k, GREATER_AS_INSIDE);
  if (has(k, EPS_DROPPED) || (k->p->residual && has(k, RESIDUAL_WITHOUT_EPS))) eps = 0;
  if (has(k, EPS_TENTH)) eps /= 10;
  if (has(k, EPS_OUTSIDE)) r = 1 / sqrtl(var) + eps;
  else if (outside || has(k, EPS_ON_STD)) r = 1 / (sqrtl(var) + eps);
  else if (greater || has(k, EPS_AS_FLOOR)) r = 1 / sqrtl(var > eps ? var : eps);
  else r = 1 / sqrtl(var + eps);
  bool exact = k->evaluates || !k->centred; /* else rounding decides what is 0 */
  if (isinf(r) && exact && has(k, RSQRT_OF_ZERO_IS_ZERO)) r = 0;
  if (has(k, RSTD_BF16)) r = narrow(r, 8);
  if (has(k, RSTD_F16)) r = narrow(r, 11);
  if (sixteen(k) && has(k, RSTD_IN_TYPE)) r = in_type(k->p->type, r);
  if (wide(k) && has(k, RSTD_IN_FLOAT)) r = narrow(r, 24);
  if (has(k, RSTD_ESTIMATE)) r *= 1 + 0x1p-13L;
  return r;
}

static real mean_of(const struct kernel *k, const struct moments *s)
{
  real mean = s->mean + s->rest;
  if (!k->centred) return mean;
  if (has(k, MEAN_BF16)) return narrow(mean, 8);
  if (has(k, MEAN_F16)) return narrow(mean, 11);
  if (sixteen(k) && has(k, MEAN_IN_TYPE)) return in_type(k->p->type, mean);
  return wide(k) && has(k, MEAN_IN_FLOAT) ? narrow(mean, 24) : mean;
}

/* ---- the results ---- */

static float folded(real x, real mean, real rstd, real gamma, real beta)
{
  float a = (float)(gamma * rstd), b = (float)beta - (float)mean * a;
  return a * (float)x + b;
}

static real xhat_of(const struct kernel *k, real x, const struct moments *s, real rstd)
{
  real mean = s->mean;
  if (k->centred && has(k, MEAN_TWICE)) x -= mean;
  if (k->centred && has(k, MEAN_KEPT)) mean = 0;
  real h = (x - mean - s->rest) * rstd;
  bool far = k->centred && !switches(k->p) && fabsl(mean) * rstd > 1e4L; /* of a mixture that is hardly ever so */
  if (far && has(k, LARGE_MEAN_SHORTCUT)) h = 0;
  if (fabsl(h) > 8 && has(k, CLIPPED)) h = h > 8 ? 8 : -8;
  if (isnan(h) && has(k, NAN_TO_ZERO)) h = 0;
  if (sixteen(k) && has(k, XHAT_IN_TYPE)) h = in_type(k->p->type, h);
  return wide(k) && has(k, XHAT_IN_FLOAT) ? narrow(h, 24) : h;
}

static real applied(const struct kernel *k, real x, const struct moments *s, real rstd, real gamma, real beta)
{
  if (k->p->type == NORMATIVE_F32 && k->centred && has(k, FOLDED_F32)) return folded(x, s->mean + s->rest, rstd, gamma, beta);
  if (gamma != 1 && has(k, GAMMA_IGNORED)) gamma = 1;
  if (gamma < 0 && has(k, GAMMA_SIGN_LOST)) gamma = -gamma;
  if (beta != 0 && has(k, BETA_IGNORED)) beta = 0;
  real h = xhat_of(k, x, s, rstd), y = has(k, BETA_BEFORE_GAMMA) ? gamma * (h + beta) : gamma * h + beta;
  if (has(k, ALL_ZERO)) y = 0;
  if (has(k, ALL_BETA)) y = beta;
  if (y != 0 && fabsl(y) < least_normal(k->p->type) && has(k, FLUSHED)) y = copysignl(0, y);
  if (isfinite(y) && fabsl(y) > largest(k->p->type) && has(k, SATURATED)) y = copysignl(largest(k->p->type), y);
  if (sixteen(k) && has(k, STORE_TRUNCATED)) y = cut_to(k->p->type, y);
  return sixteen(k) && (real)(float)y != y && has(k, STORE_BY_FLOAT) ? (float)y : y;
}

/* gamma or beta of an element. */
static real entry(const struct kernel *k, enum slot slot, size_t c, real absent)
{
  const struct tensor *t = &k->in->t[slot];
  if (!t->data) return absent;
  real v = tensor_get(t, c);
  return k->p->param_type != k->p->type && has(k, PARAMETERS_IN_TYPE) ? in_type(k->p->type, v) : v;
}

static real gamma_of(const struct kernel *k, size_t group, size_t c, bool tail)
{
  if (has_parts(k->p) && has(k, GAMMA_OF_FIRST_PART)) c %= k->params / k->p->groups;
  if (has_parts(k->p) && has(k, GAMMA_OF_PARTS_IN_TURN)) c = part_in_turn(k->p, group, c);
  if (k->params != k->groups && has(k, GAMMA_BY_GROUP)) c = group % k->params;
  if (tail && has(k, TAIL_UNSCALED)) return 1;
  if (k->in->t[SLOT_GAMMA].data && tensor_get(&k->in->t[SLOT_GAMMA], 0) == 1 && has(k, GAMMA_BY_FIRST)) return 1;
  return entry(k, SLOT_GAMMA, c, 1) + (plus_one(k->p) && !has(k, ONE_FORGOTTEN));
}

static real beta_of(const struct kernel *k, size_t c)
{
  if (has_parts(k->p) && has(k, BETA_OF_FIRST_PART)) c %= k->params / k->p->groups;
  if (k->in->t[SLOT_BETA].data && tensor_get(&k->in->t[SLOT_BETA], 0) == 0 && has(k, BETA_BY_FIRST)) return 0;
  return entry(k, SLOT_BETA, k->params > 1 && has(k, BETA_SHIFTED) ? (c + 1) % k->params : c, 0);
}

static void apply_group(const struct kernel *k, size_t group, struct moments s, real rstd)
{
  struct runs r = believed_runs(k, group);
  gather(k, (struct sample){r, k->m});
  for (size_t i = 0; i < k->m; ++i) {
    size_t c = param_at(&r, i), at = element_at(&r, i);
    real y = applied(k, k->x[i], &s, rstd, gamma_of(k, group, c, i >= k->m / 8 * 8), beta_of(k, c));
    if (i + 1 == k->m && has(k, LAST_NOT_NORMALISED)) y = k->x[i];
    if (k->p->residual && has(k, RESIDUAL_BEHIND)) y += (real)tensor_get(&k->in->t[SLOT_RESIDUAL], at);
    put(&k->out->t[SLOT_Y], at, y);
    if (k->p->residual) put(&k->out->t[SLOT_SUM], at, has(k, SUM_IS_X) ? (real)tensor_get(&k->in->t[SLOT_X], at) : k->x[i]);
  }
}

static real saved_variance(const struct kernel *k, real var, real rstd)
{
  if (has(k, SAVED_RSTD)) return rstd;
  if (has(k, SAVED_DEVIATION)) return sqrtl(var);
  if (has(k, SAVED_WITH_EPS)) return var + (real)k->p->eps;
  if (has(k, SAVED_SQUARES)) return var * (real)k->m;
  return k->m > 1 && has(k, SAVED_UNBIASED) ? var * (real)k->m / (real)(k->m - 1) : var;
}

static void normalise(struct kernel *k)
{
  for (size_t g = 0; g < k->groups; ++g) {
    struct moments s = k->used[believed(k, g)];
    real mean = mean_of(k, &s), rstd = rstd_of(k, s.var);
    apply_group(k, g, mean == s.mean + s.rest ? s : (struct moments){.mean = mean}, rstd);
    put(&k->out->t[SLOT_MEAN], g, has(k, SAVED_MEAN_ROUNDED) ? narrow(mean, 8) : mean);
    put(&k->out->t[SLOT_RSTD], g, k->out->t[SLOT_RSTD].data && has(k, SAVED_VARIANCE) ? s.var : rstd);
    if (k->out->t[SLOT_VARIANCE].data) put(&k->out->t[SLOT_VARIANCE], g, saved_variance(k, s.var, rstd));
  }
}

/* ---- running statistics ---- */

static real updated(const struct kernel *k, real r, real b)
{
  real w = k->p->momentum;
  if (has(k, RUNNING_NOT_UPDATED)) return r;
  if (r != 0 && has(k, RUNNING_FROM_ZERO)) r = 0;
  if (k->p->rule == NORMATIVE_MOMENTUM_CUMULATIVE) return r + (b - r) / (has(k, CUMULATIVE_LATE) ? w + 1 : w);
  if ((k->p->rule == NORMATIVE_MOMENTUM_OLD) != has(k, MOMENTUM_REVERSED)) w = 1 - w;
  return (1 - w) * r + w * b;
}

/* The statistics whose mean enters the update of a channel: of the samples, or of the batch. */
static struct moments estimate(const struct kernel *k, size_t sample, size_t channel, size_t samples)
{
  struct moments b = switches(k->p) ? k->mixed[channel].k[2] : k->own[samples > 1 ? sample * k->p->c + channel : channel];
  real m = (real)(switches(k->p) ? k->p->n * k->p->s : k->m), batch = (real)(k->p->n * k->p->s);
  bool unbiased = k->p->estimator != NORMATIVE_POPULATION;
  if (unbiased && has(k, RUNNING_POPULATION)) unbiased = false;
  if (!unbiased && m > 1 && has(k, RUNNING_BESSEL)) unbiased = true;
  if (unbiased && samples > 1 && has(k, RUNNING_BY_BATCH)) m = batch;
  if (unbiased) b.var *= m == 1 && !has(k, RUNNING_BY_ZERO) ? 1 : m / (m - 1);
  return b;
}

static struct moments batch_estimate(const struct kernel *k, size_t channel, size_t samples)
{
  struct moments r = {0};
  real apart = 0, count = (real)samples;
  if (samples > 1 && has(k, RUNNING_SUMMED)) count = 1;
  for (size_t n = 0; n < samples; ++n) {
    struct moments b = estimate(k, n, channel, samples);
    r.mean += (b.mean + b.rest) / count;
    r.var += b.var / count;
  }
  for (size_t n = 0; n < samples; ++n) {
    struct moments b = estimate(k, n, channel, samples);
    real d = b.mean + b.rest - r.mean;
    apart += d * d / count;
  }
  if (samples > 1 && has(k, RUNNING_WITH_MEANS)) r.var += apart;
  return r;
}

static void update(const struct kernel *k, size_t channel, size_t samples)
{
  struct moments r = running_at(k, channel), b;
  size_t times = samples > 1 && has(k, RUNNING_ONE_BY_ONE) ? samples : 1;
  for (size_t n = 0; n < times; ++n) {
    b = times > 1 ? estimate(k, n, channel, samples) : batch_estimate(k, channel, samples);
    if (samples > 1 && has(k, RUNNING_OF_FIRST)) b = estimate(k, 0, channel, samples);
    if (samples > 1 && has(k, RUNNING_OF_LAST)) b = estimate(k, samples - 1, channel, samples);
    real mean = b.mean + b.rest;
    if (has(k, RUNNING_SWAPPED)) mean = b.var, b.var = b.mean;
    r = (struct moments){.mean = updated(k, r.mean, mean), .var = updated(k, r.var, b.var)};
  }
  put(&k->out->t[SLOT_RUNNING_MEAN], channel, r.mean);
  put(&k->out->t[SLOT_RUNNING_VAR], channel, r.var);
}

static void run(struct planted planted, const struct normative_problem *p, const struct tensors *in, struct tensors *out)
{
  const struct norm_row *row = norm_find(p->norm);
  struct kernel k = {.planted = planted, .p = p, .in = in, .out = out, .m = problem_m(p), .groups = problem_groups(p),
                     .params = problem_params(p), .centred = row->centred, .evaluates = p->mode == NORMATIVE_EVALUATION};
  if (!problem_elements(p)) return;
  k.x = room(problem_elements(p), sizeof *k.x);
  k.own = room(k.groups, sizeof *k.own);
  k.used = room(k.groups, sizeof *k.used);
  k.mixed = room(switches(p) ? k.groups : 0, sizeof *k.mixed);
  own_moments(&k);
  used_moments(&k);
  normalise(&k);
  for (size_t c = 0; p->running && !k.evaluates && c < p->c; ++c) update(&k, c, p->norm == NORMATIVE_INSTANCENORM ? p->n : 1);
  free(k.x);
  free(k.own);
  free(k.used);
  free(k.mixed);
}

static const struct mutant list[] = {
#define DEFECT(identifier, name, where) {name, where},
#include "forward.def"
#undef DEFECT
};
const struct mutants forward_mutants = {NORMATIVE_FORWARD, DEFECTS, list, run};
