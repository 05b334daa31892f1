/* SPDX-License-Identifier: Apache-2.0
   The kernel: two corrected passes in double, one rounding at the store; `has` asks for the planted defect. */
#include "mutants.h"
#include "problem.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const defect_name[DEFECTS] = {
  "none", "one-pass-f32", "one-pass-f32-clamped", "one-pass-float-squares", "sequential-f32", "welford-f32-long", "bessel",
  "mean-absolute", "sums-overflow-f32", "count-in-f16", "variance-about-bf16-mean", "variance-of-last-row", "eps-dropped",
  "eps-tenth", "eps-outside", "eps-on-std", "eps-as-floor", "mean-bf16", "mean-f16", "rstd-bf16", "rstd-f16",
  "rstd-estimate", "folded-f32", "mean-twice", "mean-kept", "beta-before-gamma", "gamma-ignored", "beta-ignored",
  "gamma-sign-lost", "gamma-by-first-entry", "beta-by-first-entry", "all-zero", "all-beta", "nan-to-zero", "clipped", "large-mean-shortcut", "flushed", "saturated",
  "rsqrt-of-zero-is-zero", "tail-dropped", "tail-element-dropped", "block-twice", "tail-unscaled", "last-not-normalised",
  "gamma-by-group", "beta-shifted", "statistics-of-neighbour", "statistics-of-first", "group-index-16-bits",
  "layout-swapped", "warp-only", "merged-pairs", "count-of-16-bits", "momentum-reversed", "running-population", "running-bessel",
  "running-from-zero", "running-not-updated", "running-swapped", "cumulative-late", "evaluation-from-batch",
  "saved-variance", "saved-mean-rounded"};

struct kernel { enum defect defect; const struct normative_problem *p; const struct tensors *in; struct tensors *out; };
struct moments { double mean, var; };

static bool has(const struct kernel *k, enum defect d) { return k->defect == d; }

/* v with `bits` bits of significand, to nearest: bf16 8, f16 11 (its range aside). */
static double narrow(double v, int bits)
{
  int e;
  if (!isfinite(v) || v == 0) return v;
  double f = frexp(v, &e);
  return ldexp(nearbyint(ldexp(f, bits)), e - bits);
}

static size_t element(const struct runs *r, size_t i) { return r->base + i / r->inner * r->outer_stride + i % r->inner * r->inner_stride; }
static size_t parameter(const struct runs *r, size_t i) { return r->param + i / r->inner * r->param_outer + i % r->inner * r->param_inner; }

/* The group that the kernel believes it works on. */
static size_t believed(const struct kernel *k, size_t group)
{
  size_t groups = problem_groups(k->p);
  if (has(k, STATISTICS_OF_NEIGHBOUR)) return (group + 1) % groups;
  if (has(k, STATISTICS_OF_FIRST)) return 0;
  if (has(k, GROUP_INDEX_16_BITS)) return group & 0xffff;
  return group;
}

static struct runs believed_runs(const struct kernel *k, size_t group)
{
  struct normative_problem p = *k->p;
  if (has(k, LAYOUT_SWAPPED) && norm_find(p.norm)->axes == 3)
    p.layout = p.layout == NORMATIVE_NCS ? NORMATIVE_NSC : NORMATIVE_NCS;
  return problem_runs(&p, group);
}

/* How many of m elements enter the sums. */
static size_t summed(const struct kernel *k, size_t m)
{
  if (has(k, TAIL_DROPPED) && m > 16) return m / 16 * 16;
  if (has(k, TAIL_ELEMENT_DROPPED) && m > 1) return m - 1;
  if (has(k, WARP_ONLY) && m > 1024) return 1024;
  if (has(k, COUNT_OF_16_BITS) && m > 65535) return 65535;
  if (has(k, VARIANCE_OF_LAST_ROW) && m > 8) return m - m / 8;
  return m;
}

static struct moments float_moments(const struct kernel *k, const double *x, size_t m)
{
  float s = 0, q = 0, mean = 0, count = (float)m;
  bool centred = norm_find(k->p->norm)->centred;
  for (size_t i = 0; i < m; ++i) s += (float)x[i];
  if (centred) mean = s / count;
  for (size_t i = 0; i < m; ++i) {
    float d = (float)x[i] - (has(k, SEQUENTIAL_F32) || has(k, SUMS_OVERFLOW_F32) ? mean : 0);
    q += d * d;
  }
  float var = q / count;
  if (has(k, ONE_PASS_F32) || has(k, ONE_PASS_F32_CLAMPED)) var -= mean * mean;
  if (has(k, ONE_PASS_F32_CLAMPED) && var < 0) var = 0;
  return (struct moments){mean, var};
}

static struct moments welford(const double *x, size_t m)
{
  float mean = 0, s = 0;
  for (size_t i = 0; i < m; ++i) {
    float d = (float)x[i] - mean;
    mean += d / (float)(i + 1);
    s += d * ((float)x[i] - mean);
  }
  return (struct moments){mean, s / (float)m};
}

/* Float squares, double sums: a one-pass kernel half repaired. */
static struct moments float_squares(const struct kernel *k, const double *x, size_t m)
{
  double s = 0, q = 0;
  bool centred = norm_find(k->p->norm)->centred;
  for (size_t i = 0; i < m; ++i) {
    s += x[i];
    q += (double)((float)x[i] * (float)x[i]);
  }
  double mean = centred ? s / (double)m : 0, var = q / (double)m - mean * mean;
  return (struct moments){mean, var > 0 ? var : 0};
}

static struct moments double_moments(const struct kernel *k, const double *x, size_t m)
{
  bool centred = norm_find(k->p->norm)->centred;
  double s = 0, t = 0, q = 0, count = has(k, COUNT_IN_F16) ? narrow((double)m, 11) : (double)m;
  size_t used = summed(k, m);
  for (size_t i = 0; centred && i < used; ++i) s += x[i];
  if (has(k, BLOCK_TWICE) && m >= 32) for (size_t i = 16; i < 32; ++i) s += x[i];
  struct moments r = {centred ? s / count : 0, 0};
  double centre = has(k, VARIANCE_ABOUT_BF16_MEAN) ? narrow(r.mean, 8) : r.mean;
  for (size_t i = 0; i < used; ++i) {
    double d = x[i] - centre;
    t += d;
    q += has(k, MEAN_ABSOLUTE) ? fabs(d) : d * d;
  }
  if (has(k, BLOCK_TWICE) && m >= 32) for (size_t i = 16; i < 32; ++i) q += (x[i] - centre) * (x[i] - centre);
  if (centred && !has(k, VARIANCE_ABOUT_BF16_MEAN) && !has(k, MEAN_ABSOLUTE)) q -= t * t / (double)m;
  r.var = q / (has(k, BESSEL) && m > 1 ? count - 1 : count);
  if (r.var < 0) r.var = 0;
  bool whole = used == m && count == (double)m && !has(k, BLOCK_TWICE) && !has(k, VARIANCE_ABOUT_BF16_MEAN);
  if (centred && whole) r.mean += t / count;
  return r;
}

static struct moments moments(const struct kernel *k, const double *x, size_t m)
{
  switch (k->defect) {
  case ONE_PASS_F32:
  case ONE_PASS_F32_CLAMPED:
  case SEQUENTIAL_F32:
  case SUMS_OVERFLOW_F32: return float_moments(k, x, m);
  case ONE_PASS_FLOAT_SQUARES: return float_squares(k, x, m);
  case WELFORD_F32_LONG: return norm_find(k->p->norm)->centred ? welford(x, m) : float_moments(k, x, m);
  default: return double_moments(k, x, m);
  }
}

static double rstd_of(const struct kernel *k, double var)
{
  double eps = k->p->eps, r;
  if (has(k, EPS_DROPPED)) eps = 0;
  if (has(k, EPS_TENTH)) eps /= 10;
  if (has(k, EPS_OUTSIDE)) r = 1 / sqrt(var) + eps;
  else if (has(k, EPS_ON_STD)) r = 1 / (sqrt(var) + eps);
  else if (has(k, EPS_AS_FLOOR)) r = 1 / sqrt(var > eps ? var : eps);
  else r = 1 / sqrt(var + eps);
  bool exact = k->p->mode == NORMATIVE_EVALUATION || !norm_find(k->p->norm)->centred; /* else rounding decides what is 0 */
  if (has(k, RSQRT_OF_ZERO_IS_ZERO) && isinf(r) && exact) r = 0;
  if (has(k, RSTD_BF16)) r = narrow(r, 8);
  if (has(k, RSTD_F16)) r = narrow(r, 11);
  if (has(k, RSTD_ESTIMATE)) r *= 1 + 0x1p-13;
  return r;
}

static float folded(float x, double mean, double rstd, double gamma, double beta)
{
  float a = (float)(gamma * rstd), b = (float)beta - (float)mean * a;
  return a * x + b;
}

static float applied(const struct kernel *k, double x, double mean, double rstd, double gamma, double beta)
{
  if (has(k, FOLDED_F32) && norm_find(k->p->norm)->centred) return folded((float)x, mean, rstd, gamma, beta);
  if (has(k, MEAN_TWICE)) x -= mean;
  if (has(k, MEAN_KEPT)) mean = 0;
  if (has(k, GAMMA_IGNORED)) gamma = 1;
  if (has(k, GAMMA_SIGN_LOST)) gamma = fabs(gamma);
  if (has(k, BETA_IGNORED)) beta = 0;
  double xhat = (x - mean) * rstd;
  if (has(k, LARGE_MEAN_SHORTCUT) && fabs(mean) * rstd > 1e5) xhat = 0;
  if (has(k, CLIPPED)) xhat = xhat > 8 ? 8 : xhat < -8 ? -8 : xhat;
  if (has(k, NAN_TO_ZERO) && isnan(xhat)) xhat = 0;
  double y = has(k, BETA_BEFORE_GAMMA) ? gamma * (xhat + beta) : gamma * xhat + beta;
  if (has(k, ALL_ZERO)) y = 0;
  if (has(k, ALL_BETA)) y = beta;
  if (has(k, FLUSHED) && fabs(y) < 0x1p-126) y = 0;
  if (has(k, SATURATED) && isinf((float)y) && !isinf(y)) return copysignf(3.4e38f, (float)y);
  return (float)y;
}

static void apply_group(const struct kernel *k, size_t group, const double *x, size_t m, double mean, double rstd)
{
  const struct tensor *gamma = &k->in->t[SLOT_GAMMA], *beta = &k->in->t[SLOT_BETA];
  float *y = k->out->t[SLOT_Y].data;
  struct runs r = believed_runs(k, group);
  size_t params = problem_params(k->p);
  for (size_t i = 0; i < m; ++i) {
    size_t c = parameter(&r, i), cg = has(k, GAMMA_BY_GROUP) ? group % params : c;
    double g = gamma->data ? tensor_get(gamma, cg) : 1, b = beta->data ? tensor_get(beta, has(k, BETA_SHIFTED) ? (c + 1) % params : c) : 0;
    if (has(k, GAMMA_BY_FIRST) && gamma->data && tensor_get(gamma, 0) == 1) g = 1;
    if (has(k, BETA_BY_FIRST) && beta->data && tensor_get(beta, 0) == 0) b = 0;
    if (has(k, TAIL_UNSCALED) && i >= m / 8 * 8) g = 1;
    y[element(&r, i)] = has(k, LAST_NOT_NORMALISED) && i + 1 == m ? (float)x[i] : applied(k, x[i], mean, rstd, g, b);
  }
}

static void set(struct tensor *t, size_t i, double v)
{
  if (t->data) ((double *)t->data)[i] = v;
}

static double updated(const struct kernel *k, double r, double b)
{
  double w = k->p->momentum;
  if (has(k, RUNNING_NOT_UPDATED)) return r;
  if (has(k, RUNNING_FROM_ZERO)) r = 0;
  if (k->p->rule == NORMATIVE_MOMENTUM_CUMULATIVE) return r + (b - r) / (has(k, CUMULATIVE_LATE) ? w + 1 : w);
  if ((k->p->rule == NORMATIVE_MOMENTUM_OLD) != has(k, MOMENTUM_REVERSED)) w = 1 - w;
  return (1 - w) * r + w * b;
}

static void update(const struct kernel *k, size_t group, struct moments s, size_t m)
{
  struct tensor *mean = &k->out->t[SLOT_RUNNING_MEAN], *var = &k->out->t[SLOT_RUNNING_VAR];
  bool unbiased = k->p->estimator == NORMATIVE_UNBIASED;
  if (!mean->data) return;
  if (has(k, RUNNING_POPULATION)) unbiased = false;
  if (has(k, RUNNING_BESSEL) && m > 1) unbiased = true;
  if (unbiased) s.var = s.var * (double)m / (double)(m - 1);
  if (has(k, RUNNING_SWAPPED)) s = (struct moments){s.var, s.mean};
  set(mean, group, updated(k, tensor_get(&k->in->t[SLOT_RUNNING_MEAN], group), s.mean));
  set(var, group, updated(k, tensor_get(&k->in->t[SLOT_RUNNING_VAR], group), s.var));
}

static void gather(const struct kernel *k, size_t group, double *x, size_t m)
{
  struct runs r = believed_runs(k, group);
  for (size_t i = 0; i < m; ++i) x[i] = tensor_get(&k->in->t[SLOT_X], element(&r, i));
}

static void run_group(const struct kernel *k, size_t group, double *x, size_t m)
{
  bool evaluation = k->p->mode == NORMATIVE_EVALUATION && !has(k, EVALUATION_FROM_BATCH);
  struct moments s;
  size_t from = believed(k, group);
  gather(k, from, x, m);
  if (evaluation) s = (struct moments){tensor_get(&k->in->t[SLOT_RUNNING_MEAN], from), tensor_get(&k->in->t[SLOT_RUNNING_VAR], from)};
  else s = moments(k, x, m);
  if (has(k, MERGED_PAIRS) && !evaluation && (group ^ 1) < problem_groups(k->p) && problem_groups(k->p) % 2 == 0) {
    gather(k, group ^ 1, x, m);
    s.var = (s.var + moments(k, x, m).var) / 2;
  }
  if (has(k, MEAN_BF16)) s.mean = narrow(s.mean, 8);
  if (has(k, MEAN_F16)) s.mean = narrow(s.mean, 11);
  double rstd = rstd_of(k, s.var);
  gather(k, group, x, m);
  apply_group(k, group, x, m, s.mean, rstd);
  set(&k->out->t[SLOT_MEAN], group, has(k, SAVED_MEAN_ROUNDED) ? narrow(s.mean, 8) : s.mean);
  set(&k->out->t[SLOT_RSTD], group, has(k, SAVED_VARIANCE) ? s.var : rstd);
  update(k, group, s, m);
}

void mutant_run(enum defect defect, const struct normative_problem *p, const struct tensors *in, struct tensors *out)
{
  struct kernel k = {defect, p, in, out};
  size_t m = problem_m(p);
  double *x = malloc((m + 1) * sizeof *x);
  if (!x) abort();
  for (size_t group = 0; m && group < problem_groups(p); ++group) run_group(&k, group, x, m);
  free(x);
}
