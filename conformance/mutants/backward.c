/* SPDX-License-Identifier: Apache-2.0
   The backward kernel: statistics by two corrected passes in double, sums in double, one rounding at the store; `has` asks for
   the planted defect. */
#include "backward.h"
#include "problem.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const gradient_defect_name[GRADIENT_DEFECTS] = {
#define DEFECT(identifier, name) name,
#include "backward.def"
#undef DEFECT
};

struct statistics { double mean, var, rstd; };
struct means { double c1, c2; };
struct kernel {
  enum gradient_defect defect;
  const struct normative_problem *p;
  const struct tensors *in;
  struct tensors *out;
  size_t m, groups, params;
  double *x, *h, *dy, *g;   /* of the group at hand: x, xhat, dy, gamma dy */
  double *dgamma, *dbeta;   /* of every parameter */
  size_t *term;             /* how many terms each of these has had */
  struct means previous;
};

static bool has(const struct kernel *k, enum gradient_defect d) { return k->defect == d; }

/* v with `bits` bits of significand, to nearest: bf16 8, f16 11 (its range aside). */
static double narrow(double v, int bits)
{
  int e;
  if (!isfinite(v) || v == 0) return v;
  double f = frexp(v, &e);
  return ldexp(nearbyint(ldexp(f, bits)), e - bits);
}

static size_t element(const struct runs *r, size_t i)
{
  return r->base + i / r->inner * r->outer_stride + i % r->inner * r->inner_stride;
}

static size_t parameter(const struct runs *r, size_t i)
{
  return r->param + i / r->inner * r->param_outer + i % r->inner * r->param_inner;
}

static bool centred(const struct kernel *k) { return norm_find(k->p->norm)->centred; }

/* ---- statistics ---- */

static struct statistics double_moments(const struct kernel *k, const double *x, size_t m)
{
  struct statistics r = {0};
  double s = 0, t = 0, q = 0;
  for (size_t i = 0; centred(k) && i < m; ++i) s += x[i];
  r.mean = s / (double)m;
  for (size_t i = 0; i < m; ++i) {
    double d = x[i] - r.mean;
    t += d;
    q += d * d;
  }
  if (centred(k)) q -= t * t / (double)m, r.mean += t / (double)m;
  r.var = q / (double)(has(k, VARIANCE_BESSEL) && m > 1 ? m - 1 : m);
  if (r.var < 0) r.var = 0;
  return r;
}

static struct statistics float_moments(const struct kernel *k, const double *x, size_t m)
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
  return (struct statistics){mean, var > 0 || isnan(var) ? var : 0, 0};
}

/* The squares in float, all else in double: |x| of 1e20 is too much. */
static struct statistics float_squares(const struct kernel *k, const double *x, size_t m)
{
  struct statistics r = double_moments(k, x, m);
  double q = 0;
  for (size_t i = 0; i < m; ++i) {
    float d = (float)(x[i] - r.mean);
    q += (double)(d * d);
  }
  return (struct statistics){r.mean, q / (double)m, 0};
}

static struct statistics moments(const struct kernel *k)
{
  switch (k->defect) {
  case VARIANCE_ONE_PASS_F32:
  case VARIANCE_SEQUENTIAL_F32: return float_moments(k, k->x, k->m);
  case VARIANCE_SQUARES_F32: return float_squares(k, k->x, k->m);
  default: return double_moments(k, k->x, k->m);
  }
}

static double rstd_of(const struct kernel *k, double var)
{
  double eps = k->p->eps;
  if (has(k, G_EPS_DROPPED)) eps = 0;
  if (has(k, G_EPS_TENTH)) eps /= 10;
  if (has(k, VARIANCE_CLAMPED) && var < 0) var = 0;
  if (has(k, RSTD_CLIPPED)) return fmin(1 / sqrt(var + eps), 1e4);
  return has(k, G_EPS_ON_STD) ? 1 / (sqrt(var) + eps) : 1 / sqrt(var + eps);
}

static struct statistics given(const struct kernel *k, size_t group, struct statistics own)
{
  const struct tensor *mean = &k->in->t[SLOT_GIVEN_MEAN], *rstd = &k->in->t[SLOT_GIVEN_RSTD];
  struct statistics r = own;
  if (has(k, GIVEN_OF_FIRST)) group = 0;
  if (mean->data && !has(k, GIVEN_MEAN_IGNORED)) r.mean = tensor_get(mean, group);
  if (!has(k, GIVEN_RSTD_IGNORED)) r.rstd = tensor_get(rstd, group);
  if (has(k, GIVEN_AS_VARIANCE)) r.rstd = 1 / sqrt(r.rstd + k->p->eps);
  return r;
}

static bool evaluates(const struct kernel *k) { return k->p->mode == NORMATIVE_EVALUATION; }

static struct statistics statistics(const struct kernel *k, size_t group)
{
  struct statistics r;
  if (evaluates(k) && !has(k, EVALUATION_BATCH_STATISTICS)) {
    r.mean = tensor_get(&k->in->t[SLOT_RUNNING_MEAN], group);
    r.var = tensor_get(&k->in->t[SLOT_RUNNING_VAR], group);
  } else {
    r = moments(k);
  }
  r.rstd = rstd_of(k, r.var);
  if (k->p->given && !evaluates(k) && !has(k, GIVEN_IGNORED)) r = given(k, group, r);
  if (has(k, STATISTICS_BF16)) r.mean = narrow(r.mean, 8), r.rstd = narrow(r.rstd, 8);
  return r;
}

/* ---- what a group holds ---- */

static void gather(double *to, const struct kernel *k, enum slot slot, size_t group)
{
  struct runs r = problem_runs(k->p, group);
  for (size_t i = 0; i < k->m; ++i) to[i] = tensor_get(&k->in->t[slot], element(&r, i));
}

static double gamma_of(const struct kernel *k, size_t group, size_t entry)
{
  const struct tensor *gamma = &k->in->t[SLOT_GAMMA];
  if (!gamma->data) return 1;
  double first = tensor_get(gamma, 0), v = tensor_get(gamma, has(k, GAMMA_BY_ROW) ? group % k->params : entry);
  if (has(k, GAMMA_FIRST_FOR_ALL)) return first;
  if ((has(k, GAMMA_ONE_BY_FIRST) && first == 1) || has(k, GAMMA_MISSING)) return 1;
  if (has(k, GAMMA_ZERO_BY_FIRST) && first == 0) return 0;
  if (has(k, GAMMA_TWICE)) return v * v;
  return has(k, GAMMA_ABSOLUTE) ? fabs(v) : v;
}

/* (x - mean) rstd, as some would have it. */
static double xhat_of(const struct kernel *k, double x, const struct statistics *s, double gamma)
{
  double h = (x - s->mean) * s->rstd;
  if (has(k, XHAT_BF16)) return narrow(h, 8);
  if (has(k, XHAT_FROM_Y)) return (float)(gamma * h) / gamma;
  if (has(k, XHAT_CLIPPED)) return h > 8 ? 8 : h < -8 ? -8 : h;
  return has(k, XHAT_ZERO_AT_LARGE_MEAN) && fabs(s->mean) * s->rstd > 1e5 ? 0 : h;
}

static void load_group(struct kernel *k, size_t group, struct statistics *s)
{
  struct runs r = problem_runs(k->p, group);
  size_t from = has(k, STATISTICS_NEXT_GROUP) ? (group + 1) % k->groups : group;
  gather(k->x, k, SLOT_X, from);
  *s = statistics(k, from);
  gather(k->x, k, SLOT_X, group);
  gather(k->dy, k, SLOT_DY, group);
  for (size_t i = 0; i < k->m; ++i) {
    double gamma = gamma_of(k, group, parameter(&r, i));
    k->h[i] = xhat_of(k, k->x[i], s, gamma);
    if (has(k, DY_BF16)) k->dy[i] = narrow(k->dy[i], 8);
    k->g[i] = gamma * k->dy[i];
  }
}

/* ---- the two means ---- */

/* How many of m elements enter the sums. */
static size_t summed(const struct kernel *k)
{
  size_t m = k->m;
  if (has(k, MEANS_TAIL_DROPPED) && m > 16) return m / 16 * 16;
  if (has(k, MEANS_LAST_DROPPED) && m > 1) return m - 1;
  if (has(k, MEANS_WARP_ONLY) && m > 1024) return 1024;
  return m;
}

static double count(const struct kernel *k)
{
  if (has(k, MEANS_BESSEL) && k->m > 1) return (double)(k->m - 1);
  if (has(k, MEANS_COUNT_16_BITS)) return (double)(uint16_t)k->m;
  if (has(k, MEANS_OVER_PADDED)) return (double)((k->m + 15) / 16 * 16);
  if (has(k, MEANS_OVER_WIDTH) && k->p->ndim == 4) return (double)(k->p->n * k->p->dims[3]);
  return (double)k->m;
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

static struct means double_means(const struct kernel *k)
{
  struct means r = {0};
  size_t used = summed(k);
  for (size_t i = 0; i < used; ++i) {
    double product = k->g[i] * k->h[i];
    if (has(k, PRODUCTS_OVERFLOW_F32)) product = (float)product;
    if (has(k, GAMMA_MISSING_IN_C2)) product = k->dy[i] * k->h[i];
    if (has(k, MEANS_NAN_SKIPPED) && !isfinite(product)) continue;
    bool lost = has(k, C1_BLOCK_DROPPED) && i >= 16 && i < 32;
    if (!lost) r.c1 += has(k, GAMMA_MISSING_IN_C1) ? k->dy[i] : k->g[i];
    r.c2 += product;
    if (has(k, MEANS_FIRST_BLOCK_TWICE) && i < 16 && k->m > 16) r.c1 += k->g[i], r.c2 += product;
  }
  return (struct means){r.c1 / count(k), has(k, C2_NOT_AVERAGED) ? r.c2 : r.c2 / count(k)};
}

static struct means group_means(struct kernel *k, const struct statistics *s)
{
  struct means r = has(k, MEANS_SEQUENTIAL_F32) ? float_means(k) : double_means(k);
  if (has(k, MEANS_IN_BF16)) r.c1 = narrow(r.c1, 8), r.c2 = narrow(r.c2, 8);
  if ((!centred(k) && !has(k, C1_IN_RMS)) || has(k, C1_MISSING)) r.c1 = 0;
  if (has(k, C2_MISSING)) r.c2 = 0;
  if (has(k, C2_NEGATED)) r.c2 = -r.c2;
  if (has(k, RSTD_SQUARED_IN_C2)) r.c2 *= s->rstd;
  if (has(k, C2_WITHOUT_EPS) && s->var > 0) r.c2 *= 1 + k->p->eps / s->var;
  if ((evaluates(k) && !has(k, EVALUATION_AS_TRAINING)) || has(k, TRAINING_AS_EVALUATION)) return (struct means){0};
  struct means now = r;
  if (has(k, MEANS_OF_PREVIOUS)) r = k->previous;
  k->previous = now;
  return r;
}

/* ---- dx ---- */

/* a g + b x + c with a = rstd, b = -rstd^2 c2, c = -b mean - a c1, in float. */
static float folded(const struct kernel *k, size_t i, const struct statistics *s, struct means c)
{
  float a = (float)s->rstd, b = -a * a * (float)c.c2, rest = -b * (float)s->mean - a * (float)c.c1;
  return a * (float)k->g[i] + b * (float)k->x[i] + rest;
}

/* rstd^3 (x - mean) mean(g (x - mean)), the power in float. */
static double cubed(const struct kernel *k, size_t i, const struct statistics *s, struct means c)
{
  float r = (float)s->rstd, power = r * r * r;
  return s->rstd * (k->g[i] - c.c1) - (k->x[i] - s->mean) * (double)power * (c.c2 / s->rstd);
}

static float dx_of(const struct kernel *k, size_t i, const struct statistics *s, struct means c)
{
  double h = k->h[i], r = s->rstd;
  if (has(k, DX_FOLDED_F32)) return folded(k, i, s, c);
  if (has(k, MEAN_TWICE_IN_DX)) h = (k->x[i] - 2 * s->mean) * r;
  if (has(k, MEAN_KEPT_IN_DX)) h = k->x[i] * r;
  if (has(k, RSTD_MISSING)) r = 1;
  if (has(k, RSTD_TWICE)) r *= r;
  double dx = r * (k->g[i] - c.c1 - h * c.c2);
  if (evaluates(k) && !has(k, EVALUATION_AS_TRAINING)) dx = r * k->g[i];
  else if (has(k, RSTD_CUBED_F32)) dx = cubed(k, i, s, c);
  if (has(k, CONSTANT_IS_ZERO) && s->var == 0) return 0;
  if (has(k, DX_ZERO)) return 0;
  if (has(k, DX_IS_G)) return (float)k->g[i];
  if (has(k, DX_FLUSHED) && fabs(dx) < 0x1p-126) return 0;
  if (has(k, DX_NAN_TO_ZERO) && isnan(dx)) return 0;
  if (has(k, DX_CLIPPED)) return (float)fmin(fmax(dx, -1e3), 1e3);
  return (float)dx;
}

static void store_dx(struct kernel *k, size_t group, const struct statistics *s, struct means c)
{
  struct normative_problem p = *k->p;
  float *dx = k->out->t[SLOT_DX].data;
  if (has(k, DX_LAYOUT_SWAPPED) && norm_find(p.norm)->axes == 3)
    p.layout = p.layout == NORMATIVE_NCS ? NORMATIVE_NSC : NORMATIVE_NCS;
  struct runs r = problem_runs(&p, has(k, DX_GROUP_16_BITS) ? group & 0xffff : group);
  size_t written = has(k, DX_TAIL_NOT_WRITTEN) ? (k->m + 7) / 8 * 8 - 8 : k->m, zeros = 0;
  while (zeros < k->m && k->dy[zeros] == 0) ++zeros;
  if (has(k, DX_OF_ZERO_NOT_WRITTEN) && zeros == k->m) return;
  for (size_t i = 0; i < k->m; ++i) {
    float v = dx_of(k, i, s, c);
    if (i < written) dx[element(&r, i)] = v;
    if (has(k, DGAMMA_FROM_DX)) k->dy[i] = v;
  }
}

/* ---- dgamma, dbeta ---- */

/* Is term i of n of a parameter left out? */
static bool left_out(const struct kernel *k, size_t i, size_t n)
{
  switch (k->defect) {
  case LAST_ROW_DROPPED: return n > 1 && i + 1 == n;
  case ROWS_BEYOND_16_BITS_DROPPED: return i >= 65536;
  case ROW_BLOCK_TAIL_DROPPED: return n > 16 && i >= n / 16 * 16;
  case ROWS_OF_A_THREAD_LOST: return n >= 64 && i / (n / 8) == 3;
  case ROWS_OVERWRITTEN: return i < (n - 1) / 1024 * 1024;
  case REMAINDER_OF_THREADS_LOST: return n >= 8 && i >= n / 8 * 8;
  default: return false;
  }
}

static double dgamma_term(const struct kernel *k, size_t i, const struct statistics *s)
{
  double h = k->h[i];
  if (has(k, DGAMMA_FROM_X)) h = k->x[i];
  if (has(k, DGAMMA_NOT_CENTRED)) h = k->x[i] * s->rstd;
  if (has(k, DGAMMA_WITHOUT_RSTD)) h = k->x[i] - s->mean;
  if (has(k, DGAMMA_RSTD_TWICE)) h *= s->rstd;
  double term = (has(k, DGAMMA_OF_G) ? k->g[i] : k->dy[i]) * h;
  if (has(k, DGAMMA_TERMS_BF16)) term = narrow(term, 8);
  return has(k, NAN_TERMS_SKIPPED) && isnan(term) ? 0 : term;
}

static double plus_dgamma(const struct kernel *k, double sum, double term)
{
  sum = has(k, DGAMMA_SEQUENTIAL_F32) ? (float)sum + (float)term : sum + term;
  if (has(k, DGAMMA_IN_BF16)) return narrow(sum, 8);
  return has(k, DGAMMA_IN_F16) ? narrow(sum, 11) : sum;
}

static double plus_dbeta(const struct kernel *k, double sum, double term)
{
  sum = has(k, DBETA_SEQUENTIAL_F32) ? (float)sum + (float)term : sum + term;
  return has(k, DBETA_IN_BF16) ? narrow(sum, 8) : sum;
}

static void add_parameters(struct kernel *k, size_t group, const struct statistics *s)
{
  struct runs r = problem_runs(k->p, group);
  size_t n = k->m * k->groups / k->params;
  if (has(k, ZERO_ROWS_BY_FIRST_ENTRY) && k->dy[0] == 0) return;
  for (size_t i = 0; i < k->m; ++i) {
    size_t c = parameter(&r, i), place = k->term[c]++;
    if (left_out(k, place, n)) continue;
    double term = dgamma_term(k, i, s), beta = has(k, DBETA_OF_G) ? k->g[i] : k->dy[i];
    size_t at = has(k, DGAMMA_SHIFTED) ? (c + 1) % k->params : has(k, DGAMMA_BY_GROUP) ? group % k->params : c;
    bool last = has(k, DGAMMA_LAST_ROW_DROPPED) && n > 1 && place + 1 == n;
    if (!last) k->dgamma[at] = plus_dgamma(k, k->dgamma[at], term);
    k->dbeta[c] = plus_dbeta(k, k->dbeta[c], beta);
    if (has(k, ROW_BLOCK_TWICE) && place >= 16 && place < 32) k->dgamma[c] += term, k->dbeta[c] += beta;
  }
}

static void store_parameters(struct kernel *k)
{
  float *dgamma = k->out->t[SLOT_DGAMMA].data, *dbeta = k->out->t[SLOT_DBETA].data;
  double n = k->params ? (double)(k->m * k->groups / k->params) : 0;
  for (size_t c = 0; c < k->params; ++c) {
    bool swapped = has(k, DGAMMA_DBETA_SWAPPED);
    double a = (swapped ? k->dbeta : k->dgamma)[c], b = (swapped ? k->dgamma : k->dbeta)[c];
    if (has(k, LAST_COLUMNS_DROPPED) && k->params > 16 && c >= k->params / 16 * 16) a = b = 0;
    if (has(k, CHANNELS_BEYOND_64_DROPPED) && c >= 64) a = b = 0;
    if (has(k, DGAMMA_MEAN)) a /= n;
    if (has(k, DGAMMA_NEGATED)) a = -a;
    if (has(k, DGAMMA_ZERO)) a = 0;
    if (has(k, DBETA_ZERO)) b = 0;
    if (dgamma) dgamma[c] = has(k, DGAMMA_ACCUMULATED) ? dgamma[c] + (float)a : (float)a;
    if (dbeta) dbeta[c] = (float)b;
  }
}

static void run_group(struct kernel *k, size_t group)
{
  struct statistics s;
  load_group(k, group, &s);
  struct means c = group_means(k, &s);
  store_dx(k, group, &s, c);
  add_parameters(k, group, &s);
}

static double *room(size_t n)
{
  double *p = calloc(n + 1, sizeof *p);
  if (!p) abort();
  return p;
}

void gradient_mutant_run(enum gradient_defect defect, const struct normative_problem *p, const struct tensors *in,
                         struct tensors *out)
{
  struct kernel k = {.defect = defect, .p = p, .in = in, .out = out, .m = problem_m(p), .groups = problem_groups(p),
                     .params = problem_params(p)};
  double **const arrays[] = {&k.x, &k.h, &k.dy, &k.g, &k.dgamma, &k.dbeta};
  for (size_t i = 0; i < 6; ++i) *arrays[i] = room(i < 4 ? k.m : k.params);
  k.term = calloc(k.params + 1, sizeof *k.term);
  if (!k.term) abort();
  for (size_t group = 0; k.m && group < k.groups; ++group) run_group(&k, group);
  if (!has(&k, EMPTY_NOT_WRITTEN) || problem_elements(p)) store_parameters(&k);
  for (size_t i = 0; i < 6; ++i) free(*arrays[i]);
  free(k.term);
}
