/* SPDX-License-Identifier: Apache-2.0
   What all specimens share: gather a group, its statistics, apply. Each differs by a row of specimen_table. */
#include "specimens.h"
#include "problem.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct run { struct normative_problem p; const struct specimen *specimen; };

static const char *supports(const struct normative_problem *p)
{
  if (p->type != NORMATIVE_F32 || p->param_type != NORMATIVE_F32) return "f32 only";
  if (p->stat_type != NORMATIVE_F32) return "statistics are f32";
  if (p->eps_place != NORMATIVE_EPS_INSIDE) return "eps inside the root only";
  if (p->affine != NORMATIVE_AFFINE_CHANNEL || p->casts != NORMATIVE_CAST_ONCE || p->residual) return "the plain norm only";
  return NULL;
}

static void set(void *statistics, size_t i, float value)
{
  if (statistics) ((float *)statistics)[i] = value;
}

/* r takes in b. */
static float updated(const struct normative_problem *p, float r, float b)
{
  float momentum = (float)p->momentum;
  switch (p->rule) {
  case NORMATIVE_MOMENTUM_NEW: return (1 - momentum) * r + momentum * b;
  case NORMATIVE_MOMENTUM_OLD: return momentum * r + (1 - momentum) * b;
  default: return r + (b - r) / momentum;
  }
}

static void update(const struct normative_problem *p, const struct normative_tensors *t, size_t c, size_t m, float mean,
                   float var)
{
  if (p->estimator == NORMATIVE_UNBIASED) var = var * (float)m / (float)(m - 1);
  float *running_mean = t->running_mean, *running_var = t->running_var;
  running_mean[c] = updated(p, running_mean[c], mean);
  running_var[c] = updated(p, running_var[c], var);
}

/* y = (x - mean) rstd gamma + beta; folded: y = a x + b with a = gamma rstd, b = beta - mean a. */
static float applied(float x, float mean, float rstd, float gamma, float beta, int folded)
{
  if (!folded) return (x - mean) * rstd * gamma + beta;
  float a = gamma * rstd, b = beta - mean * a;
  return a * x + b;
}

static size_t element(const struct runs *r, size_t k) { return r->base + k / r->inner * r->outer_stride + k % r->inner * r->inner_stride; }
static size_t parameter(const struct runs *r, size_t k) { return r->param + k / r->inner * r->param_outer + k % r->inner * r->param_inner; }

static void run_group(const struct run *run, const struct normative_tensors *t, size_t group, float *x, float *scratch)
{
  const struct normative_problem *p = &run->p;
  const float *in = t->x, *gamma = t->gamma, *beta = t->beta;
  struct runs r = problem_runs(p, group);
  size_t m = problem_m(p);
  float mean = 0, var, rstd;
  for (size_t k = 0; k < m; ++k) x[k] = in[element(&r, k)];
  if (p->mode == NORMATIVE_EVALUATION) {
    mean = ((const float *)t->running_mean)[group];
    var = ((const float *)t->running_var)[group];
  } else run->specimen->statistics(x, scratch, m, norm_find(p->norm)->centred ? &mean : NULL, &var);
  rstd = 1 / sqrtf(var + (float)p->eps);
  for (size_t k = 0; k < m; ++k) {
    size_t c = parameter(&r, k);
    ((float *)t->y)[element(&r, k)] =
      applied(x[k], mean, rstd, gamma ? gamma[c] : 1, beta ? beta[c] : 0, run->specimen->folded);
  }
  if (p->mode == NORMATIVE_EVALUATION) return;
  set(t->mean, group, mean);
  set(t->rstd, group, rstd);
  if (t->running_mean) update(p, t, group, m, mean, var);
}

/* ---- backward ---- */

struct saved { float mean, rstd; };

/* A group's x, and the statistics that its gradient takes: given, those of evaluation, or its own. */
static struct saved statistics_of(const struct run *run, const struct normative_tensors *t, size_t group, float *x,
                                  float *scratch)
{
  const struct normative_problem *p = &run->p;
  struct runs r = problem_runs(p, group);
  int centred = norm_find(p->norm)->centred;
  float mean = 0, var;
  for (size_t k = 0; k < problem_m(p); ++k) x[k] = ((const float *)t->x)[element(&r, k)];
  if (t->given_rstd)
    return (struct saved){centred ? ((const float *)t->given_mean)[group] : 0, ((const float *)t->given_rstd)[group]};
  if (p->mode == NORMATIVE_EVALUATION) {
    mean = ((const float *)t->running_mean)[group];
    var = ((const float *)t->running_var)[group];
  } else run->specimen->statistics(x, scratch, problem_m(p), centred ? &mean : NULL, &var);
  return (struct saved){mean, 1 / sqrtf(var + (float)p->eps)};
}

static void dx_of_group(const struct run *run, const struct normative_tensors *t, size_t group, struct saved s, const float *x,
                        float *g, float *scratch)
{
  const struct normative_problem *p = &run->p;
  const float *gamma = t->gamma, *dy = t->dy;
  struct runs r = problem_runs(p, group);
  struct gradient a = {.g = g, .t = scratch, .x = x, .m = problem_m(p), .mean = s.mean, .rstd = s.rstd};
  a.sum = run->specimen->sum;
  a.centred = norm_find(p->norm)->centred;
  a.own_mean = a.centred && !t->given_rstd;
  for (size_t k = 0; k < a.m; ++k) g[k] = dy[element(&r, k)] * (gamma ? gamma[parameter(&r, k)] : 1);
  if (p->mode == NORMATIVE_EVALUATION) dx_constant(&a);
  else run->specimen->gradient(&a);
  for (size_t k = 0; k < a.m; ++k) ((float *)t->dx)[element(&r, k)] = g[k];
}

/* dy xhat of an element. */
static float share(float dy, float x, struct saved s, int folded)
{
  return folded ? dy * (x * s.rstd + -s.mean * s.rstd) : dy * ((x - s.mean) * s.rstd);
}

/* A channel, or a column over all rows: dbeta and dgamma, each summed in the specimen's order. */
static void gradients_of_parameter(const struct run *run, const struct normative_tensors *t, size_t j, const struct saved *s,
                                   float *terms)
{
  const struct normative_problem *p = &run->p;
  const float *x = t->x, *dy = t->dy;
  int rows = norm_find(p->norm)->axes == 2;
  size_t n = rows ? problem_groups(p) : problem_m(p);
  struct runs r = problem_runs(p, rows ? 0 : j);
  for (size_t k = 0; k < n; ++k) terms[k] = dy[rows ? k * p->c + j : element(&r, k)];
  if (t->dbeta) ((float *)t->dbeta)[j] = run->specimen->sum(terms, n);
  for (size_t k = 0; k < n; ++k) {
    size_t i = rows ? k * p->c + j : element(&r, k);
    terms[k] = share(dy[i], x[i], s[rows ? k : j], run->specimen->folded);
  }
  if (t->dgamma) ((float *)t->dgamma)[j] = run->specimen->sum(terms, n);
}

static int backward(const struct run *run, const struct normative_tensors *t, float *work)
{
  size_t m = problem_m(&run->p), groups = problem_groups(&run->p), longest = m > groups ? m : groups;
  float *x = work, *g = x + longest, *scratch = g + longest;
  struct saved *s = (struct saved *)(scratch + longest);
  for (size_t group = 0; m && group < groups; ++group) {
    s[group] = statistics_of(run, t, group, x, scratch);
    if (t->dx) dx_of_group(run, t, group, s[group], x, g, scratch);
  }
  for (size_t j = 0; j < problem_params(&run->p); ++j) gradients_of_parameter(run, t, j, s, x);
  return 0;
}

static int run(void *state, const struct normative_tensors *t, void *workspace)
{
  const struct run *r = state;
  size_t m = problem_m(&r->p);
  if (r->p.direction == NORMATIVE_BACKWARD) return backward(r, t, workspace);
  for (size_t group = 0; m && group < problem_groups(&r->p); ++group)
    run_group(r, t, group, workspace, (float *)workspace + m);
  return 0;
}

static int open_with(const struct specimen *specimen, const struct normative_problem *p, void **state,
                     uint64_t *workspace_bytes)
{
  struct run *r = malloc(sizeof *r);
  if (!r) return -1;
  *r = (struct run){*p, specimen};
  *state = r;
  *workspace_bytes = (3 * (problem_m(p) + problem_groups(p)) + 2 * problem_groups(p)) * sizeof(float);
  return 0;
}

/* The ABI's open() knows no plug-in, so each row of the table needs a function of its own. */
#define OPEN(row) \
  static int open_##row(const struct normative_problem *p, int threads, void **state, uint64_t *bytes) \
  { (void)threads; return open_with(&specimen_table[row], p, state, bytes); }
OPEN(0) OPEN(1) OPEN(2) OPEN(3) OPEN(4) OPEN(5) OPEN(6) OPEN(7) OPEN(8) OPEN(9)
static int (*const open_row[])(const struct normative_problem *, int, void **, uint64_t *) = {
  open_0, open_1, open_2, open_3, open_4, open_5, open_6, open_7, open_8, open_9};
enum { SPECIMENS = sizeof open_row / sizeof *open_row };

const struct normative_plugin *specimen_find(const char *name)
{
  static struct normative_plugin plugin[SPECIMENS];
  for (size_t i = 0; i < SPECIMENS && specimen_table[i].name; ++i) {
    if (strcmp(specimen_table[i].name, name)) continue;
    struct normative_plugin p = {
      .abi = NORMATIVE_ABI, .size = sizeof p, .name = specimen_table[i].name, .version = "0.1.0",
      .outputs = NORMATIVE_OUT_Y | NORMATIVE_OUT_MEAN | NORMATIVE_OUT_RSTD | NORMATIVE_OUT_RUNNING |
                 NORMATIVE_OUT_PARAMS,
      .preset = specimen_table[i].name, .supports = supports, .open = open_row[i], .run = run, .close = free};
#pragma omp critical(specimens)
    plugin[i] = p;
    return &plugin[i];
  }
  return NULL;
}

int specimen_each(int (*each)(const char *name, void *arg), void *arg)
{
  for (const struct specimen *s = specimen_table; s->name; ++s) {
    int stop = each(s->name, arg);
    if (stop) return stop;
  }
  return 0;
}
