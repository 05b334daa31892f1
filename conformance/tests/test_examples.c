/* SPDX-License-Identifier: Apache-2.0
   The examples of the classic tutorials, to the digits they print, and what follows from them: shapes, equivalences, running
   statistics; and the identities that hold between norms. Each in both libraries, called as their plug-ins call them. */
#include "builtin.h"
#include "casedir.h"
#include "problem.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h> /* last: it has a macro fail() */

static const char *const libraries[] = {"reference", "optimized"};
#define EACH_LIBRARY(lib) for (const char *const *lib = libraries; lib < libraries + 2; ++lib)

/* The problem of "norm/direction/f32/shape[,key=value...]", without gamma and beta unless it says so. */
static struct normative_problem problem(const char *text)
{
  struct testcase tc;
  struct error e;
  char name[CASE_NAME_MAX];
  size_t shape = strcspn(text, ",");
  snprintf(name, sizeof name, "%.*s/example/seed1%s%s%s", (int)shape, text, text + shape,
           strstr(text, "gamma=") ? "" : ",gamma=absent", strstr(text, "beta=") ? "" : ",beta=absent");
  if (case_parse(&tc, name, &e)) fail_msg("%s", e.text);
  return tc.p;
}

/* Computes `text` on these tensors. */
static int status_of(const char *lib, const char *text, struct normative_tensors t)
{
  struct normative_problem p = problem(text);
  const struct normative_plugin *plugin = builtin_find(lib);
  const char *declined = plugin->supports(&p);
  void *state;
  uint64_t bytes;
  if (declined) fail_msg("%s declines %s: %s", lib, text, declined);
  assert_int_equal(plugin->open(&p, 2, &state, &bytes), 0);
  void *workspace = malloc(bytes + 1);
  t.size = sizeof t;
  int status = plugin->run(state, &t, workspace);
  free(workspace);
  plugin->close(state);
  return status;
}

static void compute(const char *lib, const char *text, struct normative_tensors t)
{
  int status = status_of(lib, text, t);
  if (status) fail_msg("%s: %s: %s", lib, text, normative_status_text((normative_status)status));
}

/* ---- data ---- */

static uint64_t random_state;
static double uniform(void) /* in [0,1), of 24 bits (Knuth's MMIX) */
{
  random_state = random_state * 6364136223846793005u + 1442695040888963407u;
  return (double)(random_state >> 40) * 0x1p-24;
}

static float *room(size_t count)
{
  float *x = malloc((count + 1) * sizeof *x);
  assert_non_null(x);
  for (size_t i = 0; i < count; ++i) x[i] = NAN; /* what is not written shows */
  return x;
}

/* Near a normal distribution of deviation 1 about `mean`. */
static float *random_floats(size_t count, double mean)
{
  float *x = room(count);
  random_state = 7;
  for (size_t i = 0; i < count; ++i) {
    double s = -6;
    for (int k = 0; k < 12; ++k) s += uniform();
    x[i] = (float)(mean + s);
  }
  return x;
}

static float *small_integers(size_t count)
{
  float *x = room(count);
  random_state = 11;
  for (size_t i = 0; i < count; ++i) x[i] = (float)(int)(uniform() * 17 - 8);
  return x;
}

static float *filled(size_t count, float value)
{
  float *x = room(count);
  for (size_t i = 0; i < count; ++i) x[i] = value;
  return x;
}

static void same_floats(const float *a, const float *b, size_t count, const char *what)
{
  for (size_t i = 0; i < count; ++i)
    if (a[i] != b[i]) fail_msg("%s: [%zu] %.9g is not %.9g", what, i, (double)a[i], (double)b[i]);
}

/* As printed, with four digits; -0.0000 is 0.0000. */
static void printed(const char *lib, const char *what, const float *y, size_t count, const char *want)
{
  char text[512] = "", digits[32];
  for (size_t i = 0; i < count; ++i) {
    snprintf(digits, sizeof digits, "%s%.4f", i ? " " : "", fabsf(y[i]) < 5e-5f ? 0.0 : (double)y[i]);
    strcat(text, digits);
  }
  if (strcmp(text, want)) fail_msg("%s: %s: %s, not %s", lib, what, text, want);
}

/* ---- the printed digits ---- */

static void three_by_three(void **state)
{
  static const float x[9] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
  (void)state;
  EACH_LIBRARY(lib) {
    float y[9];
    compute(*lib, "batchnorm/forward/f32/3x3", (struct normative_tensors){.x = x, .y = y});
    printed(*lib, "BatchNorm1d(3)", y, 9, "-1.2247 -1.2247 -1.2247 0.0000 0.0000 0.0000 1.2247 1.2247 1.2247");
    compute(*lib, "layernorm/forward/f32/3x3", (struct normative_tensors){.x = x, .y = y});
    printed(*lib, "LayerNorm(3)", y, 9, "-1.2247 0.0000 1.2247 -1.2247 0.0000 1.2247 -1.2247 0.0000 1.2247");
  }
}

static void two_by_two_by_three(void **state)
{
  static const float x[12] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  (void)state;
  EACH_LIBRARY(lib) {
    float y[12];
    compute(*lib, "batchnorm/forward/f32/2x2x3", (struct normative_tensors){.x = x, .y = y});
    printed(*lib, "BatchNorm1d(2)", y, 12,
            "-1.2865 -0.9649 -0.6433 -1.2865 -0.9649 -0.6433 0.6433 0.9649 1.2865 0.6433 0.9649 1.2865");
  }
}

/* ---- shapes ---- */

struct spread { double mean, deviation; };
static struct spread spread_of(const struct normative_problem *p, const float *x, size_t group)
{
  struct runs r = problem_runs(p, group);
  struct spread s = {0, 0};
  size_t m = problem_m(p);
  for (size_t k = 0; k < m; ++k)
    s.mean += x[element_at(&r, k)] / (double)m;
  for (size_t k = 0; k < m; ++k) {
    double d = x[element_at(&r, k)] - s.mean;
    s.deviation += d * d / (double)m;
  }
  s.deviation = sqrt(s.deviation);
  return s;
}

/* Each group of y has mean 0 and deviation sigma rstd; each mean and rstd is written, and nothing behind the last. */
static void normalised(const char *lib, const char *text)
{
  struct normative_problem p = problem(text);
  size_t count = problem_elements(&p), groups = problem_groups(&p);
  float *x = random_floats(count, 3), *y = room(count);
  double *mean = malloc((groups + 1) * sizeof *mean), *rstd = malloc((groups + 1) * sizeof *rstd);
  for (size_t g = 0; g <= groups; ++g) mean[g] = rstd[g] = -1;
  compute(lib, text, (struct normative_tensors){.x = x, .y = y, .mean = mean, .rstd = rstd});
  for (size_t g = 0; g < groups; ++g) {
    struct spread in = spread_of(&p, x, g), out = spread_of(&p, y, g);
    double want = in.deviation / sqrt(in.deviation * in.deviation + p.eps);
    if (!(fabs(out.mean) < 1e-6 && fabs(out.deviation - want) < 1e-6 && fabs(mean[g] - in.mean) < 1e-9))
      fail_msg("%s: %s: group %zu has mean %g and deviation %g, not 0 and %g", lib, text, g, out.mean, out.deviation, want);
    assert_true(fabs(rstd[g] * sqrt(in.deviation * in.deviation + p.eps) - 1) < 1e-9);
  }
  assert_true(mean[groups] == -1 && rstd[groups] == -1);
  free(x), free(y), free(mean), free(rstd);
}

/* gamma 1 and beta 0 change no bit. */
static void plain_affine(const char *lib, const char *text)
{
  char with[128];
  struct normative_problem p = problem(text);
  size_t count = problem_elements(&p), params = problem_params(&p);
  float *x = random_floats(count, -2), *y = room(count), *z = room(count);
  float *gamma = filled(params, 1), *beta = filled(params, 0);
  snprintf(with, sizeof with, "%s,gamma=ones,beta=zero", text);
  compute(lib, text, (struct normative_tensors){.x = x, .y = y});
  compute(lib, with, (struct normative_tensors){.x = x, .y = z, .gamma = gamma, .beta = beta});
  same_floats(z, y, count, with);
  free(x), free(y), free(z), free(gamma), free(beta);
}

static void shapes(void **state)
{
  static const char *const shape[] = {"5x3", "2x3", "20x100", "20x100x35x45", "16x3x32x32"};
  char text[64];
  (void)state;
  EACH_LIBRARY(lib)
    for (size_t i = 0; i < 5; ++i)
      for (int k = 0; k < 2; ++k) {
        snprintf(text, sizeof text, "%s/forward/f32/%s", k ? "instancenorm" : "batchnorm", shape[i]);
        normalised(*lib, text);
        plain_affine(*lib, text);
      }
}

/* LayerNorm(10), ([5,10,10]), (32): as many statistics as there are rows. */
static void layer_norms(void **state)
{
  static const struct { const char *text; size_t groups; } example[] = {
    {"layernorm/forward/f32/100x10", 100},  /* 20x5x10 */
    {"layernorm/forward/f32/20x500", 20},   /* 20x5x10x10: one mean a sample, not one a channel */
    {"layernorm/forward/f32/160x32", 160}}; /* 16x10x32 */
  (void)state;
  for (size_t i = 0; i < 3; ++i) {
    struct normative_problem p = problem(example[i].text);
    assert_int_equal(problem_groups(&p), example[i].groups);
    EACH_LIBRARY(lib) normalised(*lib, example[i].text);
  }
}

/* ---- equivalences ---- */

/* Alike to 4 ulps, of elements that nearly cancel 4 ulps of 2^-12 of the largest. */
static void near_floats(const float *a, const float *b, size_t count, const char *what)
{
  float most = 0;
  for (size_t i = 0; i < count; ++i) most = fmaxf(most, fabsf(b[i]));
  for (size_t i = 0; i < count; ++i)
    if (!(fabsf(a[i] - b[i]) <= 0x1p-21f * fmaxf(fabsf(b[i]), 0x1p-12f * most)))
      fail_msg("%s: [%zu] %.9g is far from %.9g", what, i, (double)a[i], (double)b[i]);
}

/* x, dy, gamma and beta of a problem; what a norm makes of them. out is y or dx. */
struct data { size_t count, params; float *x, *dy, *gamma, *beta; };
struct results { float *out, *dgamma, *dbeta; };

static struct data data_of(const struct normative_problem *p)
{
  struct data d = {.count = problem_elements(p), .params = problem_params(p)};
  d.x = random_floats(d.count, 1), d.dy = small_integers(d.count);
  d.gamma = random_floats(d.params, 1.5), d.beta = random_floats(d.params, -1);
  return d;
}

static void free_data(struct data *d) { free(d->x), free(d->dy), free(d->gamma), free(d->beta); }

static struct results results_of(const char *lib, const char *text, const struct data *d, const float *lambda)
{
  const struct normative_problem p = problem(text);
  struct results r = {room(d->count), room(d->params), room(d->params)};
  compute(lib, text, (struct normative_tensors){
    .x = d->x, .dy = d->dy, .gamma = p.has_gamma ? d->gamma : NULL, .beta = p.has_beta ? d->beta : NULL, .y = r.out,
    .dx = r.out, .dgamma = r.dgamma, .dbeta = r.dbeta, .lambda_mean = lambda, .lambda_var = lambda});
  return r;
}

/* The reference, which gathers a group before all else, has the same bits; consumes both. */
static void same_results(const char *lib, const struct results *a, const struct results *b, const struct data *d, bool params,
                         const char *what)
{
  void (*const alike)(const float *, const float *, size_t, const char *) =
    strcmp(lib, "reference") ? near_floats : same_floats;
  alike(a->out, b->out, d->count, what);
  if (params) alike(a->dgamma, b->dgamma, d->params, what), alike(a->dbeta, b->dbeta, d->params, what);
  free(a->out), free(a->dgamma), free(a->dbeta), free(b->out), free(b->dgamma), free(b->dbeta);
}

/* Backward there is no beta. */
static void with_affine(char to[160], const char *text, bool affine)
{
  const char *both = strstr(text, "backward") ? ",gamma=ordinary" : ",gamma=ordinary,beta=ordinary";
  snprintf(to, 160, "%s%s", text, affine ? both : "");
}

/* Both give the same for the same memory; with gamma and beta where they are as many. */
static void equivalent(const char *lib, const char *one, const char *other)
{
  const struct normative_problem p = problem(one), q = problem(other);
  const bool affine = problem_params(&p) == problem_params(&q);
  char a[160], b[160];
  struct data d = data_of(problem_params(&q) > problem_params(&p) ? &q : &p);
  assert_true(problem_elements(&p) == problem_elements(&q) && problem_groups(&p) == problem_groups(&q));
  with_affine(a, one, affine), with_affine(b, other, affine);
  struct results u = results_of(lib, a, &d, NULL), v = results_of(lib, b, &d, NULL);
  same_results(lib, &v, &u, &d, affine && p.direction == NORMATIVE_BACKWARD, b);
  free_data(&d);
}

/* From ncs to nsc. */
static void turn(const struct normative_problem *p, float *x)
{
  const size_t c = p->c, s = p->s, count = problem_elements(p);
  float *y = room(count);
  for (size_t i = 0; i < count; ++i) y[(i / (c * s) * s + i % s) * c + i / s % c] = x[i];
  memcpy(x, y, count * sizeof *x);
  free(y);
}

/* Channels last is the same function of the same elements. */
static void layouts(void **state)
{
  static const char *const norm[] = {"batchnorm", "instancenorm", "layernorm_channels", "groupnorm", "switchnorm"};
  static const float lambda[3] = {0.5f, -1, 2};
  char text[96], ncs[160], nsc[192];
  (void)state;
  EACH_LIBRARY(lib)
    for (size_t i = 0; i < 10; ++i) {
      snprintf(text, sizeof text, "%s/%s/f32/3x6x4x5%s", norm[i / 2], i % 2 ? "backward" : "forward",
               i / 2 == 3 ? ",groups=3" : "");
      with_affine(ncs, text, true);
      snprintf(nsc, sizeof nsc, "%s,layout=nsc", ncs);
      const struct normative_problem p = problem(ncs);
      struct data d = data_of(&p);
      struct results a = results_of(*lib, ncs, &d, lambda);
      turn(&p, d.x), turn(&p, d.dy), turn(&p, a.out);
      struct results b = results_of(*lib, nsc, &d, lambda);
      same_results(*lib, &b, &a, &d, i % 2, nsc);
      free_data(&d);
    }
}

static void group_norms(void **state)
{
  static const char *const direction[] = {"forward", "backward"};
  char group[96], other[96];
  (void)state;
  EACH_LIBRARY(lib) {
    normalised(*lib, "groupnorm/forward/f32/20x6x10x10,groups=3");
    for (size_t i = 0; i < 2; ++i) {
      const char *d = direction[i];
      snprintf(group, sizeof group, "groupnorm/%s/f32/20x6x10x10,groups=6", d);
      snprintf(other, sizeof other, "instancenorm/%s/f32/20x6x10x10", d);
      equivalent(*lib, group, other);
      snprintf(group, sizeof group, "groupnorm/%s/f32/20x6x10x10", d); /* one group */
      snprintf(other, sizeof other, "layernorm/%s/f32/20x600", d);
      equivalent(*lib, group, other);
      snprintf(group, sizeof group, "batchnorm/%s/f32/1x6x10x10", d);
      snprintf(other, sizeof other, "instancenorm/%s/f32/1x6x10x10", d);
      equivalent(*lib, group, other);
      snprintf(group, sizeof group, "layernorm_channels/%s/f32/20x6x10x10,layout=nsc", d);
      snprintf(other, sizeof other, "layernorm/%s/f32/2000x6", d);
      equivalent(*lib, group, other);
      snprintf(group, sizeof group, "layernorm_channels/%s/f32/20x6", d);
      snprintf(other, sizeof other, "layernorm/%s/f32/20x6", d);
      equivalent(*lib, group, other);
    }
  }
}

/* The norms whose statistics are those of x, with groups of more than one element. */
static const char *const every[] = {
  "batchnorm/forward/f32/4x3x6", "layernorm/forward/f32/5x24", "rmsnorm/forward/f32/5x24", "instancenorm/forward/f32/4x3x6",
  "layernorm_channels/forward/f32/2x12x3", "groupnorm/forward/f32/4x6x5,groups=3", "batchnorm/forward/f32/4x3x6,layout=nsc",
  "groupnorm/forward/f32/4x6x5,groups=2,layout=nsc"};
enum { EVERY = sizeof every / sizeof *every };

static void with_key(char to[128], const char *text, const char *key) { snprintf(to, 128, "%s%s", text, key); }

/* x + c: the same y, at any eps, where a mean is subtracted. Integers, so that x + c is exact. */
static void shift_invariance(const char *lib, const char *text, const char *eps)
{
  char name[128];
  with_key(name, text, eps);
  struct normative_problem p = problem(name);
  size_t count = problem_elements(&p);
  float *x = small_integers(count), *y = room(count), *z = room(count);
  compute(lib, name, (struct normative_tensors){.x = x, .y = y});
  for (size_t i = 0; i < count; ++i) x[i] += 4096;
  compute(lib, name, (struct normative_tensors){.x = x, .y = z});
  if (norm_find(p.norm)->centred) same_floats(z, y, count, name);
  else assert_true(fabsf(z[0] - y[0]) > 1e-3f); /* RMSNorm: another y */
  free(x), free(y), free(z);
}

/* 2^k x and 4^k eps: the same bits; 3 x at eps = 0: the same to a rounding. */
static void scale_invariance(const char *lib, const char *text)
{
  char name[128];
  struct normative_problem p = problem(text);
  size_t count = problem_elements(&p);
  float *x = small_integers(count), *y = room(count), *z = room(count);
  with_key(name, text, ",eps=0.5");
  compute(lib, name, (struct normative_tensors){.x = x, .y = y});
  for (size_t i = 0; i < count; ++i) x[i] *= 1024;
  with_key(name, text, ",eps=524288");
  compute(lib, name, (struct normative_tensors){.x = x, .y = z});
  same_floats(z, y, count, name);
  with_key(name, text, ",eps=0");
  compute(lib, name, (struct normative_tensors){.x = x, .y = y});
  for (size_t i = 0; i < count; ++i) x[i] *= 3;
  compute(lib, name, (struct normative_tensors){.x = x, .y = z});
  for (size_t i = 0; i < count; ++i)
    if (!(fabsf(z[i] - y[i]) <= 1.2e-7f * fabsf(y[i])))
      fail_msg("%s: 3 x gives %.9g for %.9g", name, (double)z[i], (double)y[i]);
  free(x), free(y), free(z);
}

/* |xhat| is at most sqrt(m-1), without a mean sqrt(m): one element against all others comes near it. */
static void bounded(const char *lib, const char *text)
{
  struct normative_problem p = problem(text);
  size_t count = problem_elements(&p), m = problem_m(&p);
  float *x = filled(count, 0), *y = room(count), most = 0;
  double bound = sqrt((double)(norm_find(p.norm)->centred ? m - 1 : m));
  x[0] = 1e6f;
  compute(lib, text, (struct normative_tensors){.x = x, .y = y});
  for (size_t i = 0; i < count; ++i) most = fmaxf(most, fabsf(y[i]));
  if (!(most <= bound * (1 + 0x1p-24) && most > 0.999 * bound))
    fail_msg("%s: |y| is %.9g at most, not %.9g", text, (double)most, bound);
  free(x), free(y);
}

static void identities(void **state)
{
  (void)state;
  EACH_LIBRARY(lib)
    for (size_t i = 0; i < EVERY; ++i) {
      shift_invariance(*lib, every[i], ",eps=0.001");
      shift_invariance(*lib, every[i], ",eps=3");
      scale_invariance(*lib, every[i]);
      bounded(*lib, every[i]);
    }
}

/* Behind training, a group with one gamma has mean beta and deviation |gamma| sigma rstd, not gamma. */
static void spread_after(void **state)
{
  static const char *const text[] = {"batchnorm/forward/f32/20x3x40,gamma=ordinary,beta=ordinary,eps=0.5",
                                     "instancenorm/forward/f32/4x3x400,gamma=ordinary,beta=ordinary,eps=0.5"};
  static const float gamma[3] = {-2, 1, 0.25f}, beta[3] = {5, 0, -1};
  (void)state;
  EACH_LIBRARY(lib)
    for (size_t i = 0; i < 2; ++i) {
      struct normative_problem p = problem(text[i]);
      size_t count = problem_elements(&p);
      float *x = random_floats(count, 3), *y = room(count);
      compute(*lib, text[i], (struct normative_tensors){.x = x, .y = y, .gamma = gamma, .beta = beta});
      for (size_t g = 0; g < problem_groups(&p); ++g) {
        struct spread in = spread_of(&p, x, g), out = spread_of(&p, y, g);
        double sigma = in.deviation, want = fabs(gamma[g % 3]) * sigma / sqrt(sigma * sigma + p.eps);
        assert_true(fabs(out.mean - beta[g % 3]) < 1e-5 && fabs(out.deviation - want) < 1e-5);
        assert_true(fabs(out.deviation - fabs(gamma[g % 3])) > 0.01);
      }
      free(x), free(y);
    }
}

/* ---- running statistics ---- */

/* The running statistics of one channel after `batches` batches of its own. */
struct running { double mean, var; };
static struct running trained(const char *lib, const char *text, const char *rule, double momentum, int batches, double var)
{
  struct running r = {0, var};
  char name[192];
  for (int t = 0; t < batches; ++t) {
    if (!strcmp(rule, "cumulative")) momentum = t + 1;
    snprintf(name, sizeof name, "%s,momentum64=%.17g,rule=%s,running=start", text, momentum, rule);
    struct normative_problem p = problem(name);
    size_t count = problem_elements(&p);
    float *x = random_floats(count, t % 7), *y = room(count);
    compute(lib, name, (struct normative_tensors){.x = x, .y = y, .running_mean = &r.mean, .running_var = &r.var});
    free(x), free(y);
  }
  return r;
}

static const char *const tracked[] = {"batchnorm/forward/f32/4x1x25", "instancenorm/forward/f32/4x1x25"};

/* What the statistics of one batch are: cumulative, t = 1. */
static struct running batch_of(const char *lib, const char *text) { return trained(lib, text, "cumulative", 1, 1, 1); }

/* Momentum 1/4 of the new weight is 3/4 of the old one, bit for bit; over many batches the start is forgotten; a cumulative
   average forgets it at once and is the mean of all. */
static void many_batches(void **state)
{
  (void)state;
  EACH_LIBRARY(lib)
    for (size_t i = 0; i < 2; ++i) {
      struct running a = trained(*lib, tracked[i], "new", 0.25, 100, 1), b = trained(*lib, tracked[i], "old", 0.75, 100, 1);
      assert_true(a.mean == b.mean && a.var == b.var);
      struct running far = trained(*lib, tracked[i], "new", 0.25, 100, 1000), one = batch_of(*lib, tracked[i]);
      assert_true(fabs(far.var - a.var) < 1e-8 && fabs(a.var - one.var) < 1e-4);
      struct running all = trained(*lib, tracked[i], "cumulative", 0, 70, 1000);
      assert_true(fabs(all.var - one.var) < 1e-4 && fabs(all.mean - (one.mean + 3)) < 1e-5); /* 0 to 6, ten times */
    }
}

/* Momentum 0.1 after one batch of variance near 0.2: near 0.92 as the new weight's; as the old weight's near the batch's. */
static void momentum_read_both_ways(void **state)
{
  (void)state;
  EACH_LIBRARY(lib) {
    double var[2] = {1, 1}, mean[2] = {0, 0};
    float *x = random_floats(1000, 0), *y = room(1000);
    for (size_t i = 0; i < 1000; ++i) x[i] *= 0.447f;
    compute(*lib, "batchnorm/forward/f32/1000x1,running=start", (struct normative_tensors){
      .x = x, .y = y, .running_mean = &mean[0], .running_var = &var[0]});
    compute(*lib, "batchnorm/forward/f32/1000x1,running=start,rule=old", (struct normative_tensors){
      .x = x, .y = y, .running_mean = &mean[1], .running_var = &var[1]});
    assert_true(fabs(var[0] - 0.92) < 0.005 && fabs(var[1] - 0.28) < 0.02);
    free(x), free(y);
  }
}

/* What enters running_var is m/(m-1) sigma2, or sigma2 where the population's is asked for. */
static void estimators(void **state)
{
  char population[96];
  (void)state;
  EACH_LIBRARY(lib)
    for (size_t i = 0; i < 2; ++i) {
      const struct normative_problem p = problem(tracked[i]);
      const double m = (double)problem_m(&p);
      snprintf(population, sizeof population, "%s,estimator=population", tracked[i]);
      const double unbiased = batch_of(*lib, tracked[i]).var, biased = batch_of(*lib, population).var;
      float *x = random_floats(100, 0);
      double var = 0;
      for (size_t g = 0; g < problem_groups(&p); ++g) {
        const double deviation = spread_of(&p, x, g).deviation;
        var += deviation * deviation / (double)problem_groups(&p);
      }
      assert_true(fabs(unbiased - var * m / (m - 1)) < 1e-6 && fabs(biased - var) < 1e-6);
      free(x);
    }
}

/* moving_var that starts at 0 is not the data's spread after a few batches: evaluation is far too wide; from 1 it is not. */
static void start_of_running_variance(void **state)
{
  (void)state;
  EACH_LIBRARY(lib) {
    struct running zero = trained(*lib, tracked[0], "new", 0.1, 1, 0), one = trained(*lib, tracked[0], "new", 0.1, 1, 1);
    float *x = random_floats(100, 0), *y = room(100), *z = room(100);
    const char *evaluation = "batchnorm/forward/f32/4x1x25,mode=evaluation";
    compute(*lib, evaluation, (struct normative_tensors){.x = x, .y = y, .running_mean = &zero.mean, .running_var = &zero.var});
    compute(*lib, evaluation, (struct normative_tensors){.x = x, .y = z, .running_mean = &one.mean, .running_var = &one.var});
    struct normative_problem p = problem("batchnorm/forward/f32/4x1x25");
    assert_true(spread_of(&p, y, 0).deviation > 2.5 && fabs(spread_of(&p, z, 0).deviation - 1) < 0.1);
    free(x), free(y), free(z);
  }
}

/* track_running_stats on: training leaves its statistics for evaluation, which is then another function than training, and
   alike for every batch. Off: training without running ones, in evaluation too, updates nothing. */
static void track_running_stats(void **state)
{
  static const char *const norm[] = {"batchnorm", "instancenorm"};
  char plain[64], training[96], evaluation[96];
  (void)state;
  EACH_LIBRARY(lib)
    for (size_t i = 0; i < 2; ++i) {
      double mean[3] = {0, 0, 0}, var[3] = {1, 1, 1}, kept[3];
      float *x = random_floats(4 * 3 * 25, 2), *y = room(300), *z = room(300), *e = room(300);
      snprintf(plain, sizeof plain, "%s/forward/f32/4x3x25", norm[i]);
      snprintf(training, sizeof training, "%s,running=start", plain);
      snprintf(evaluation, sizeof evaluation, "%s,mode=evaluation", plain);
      compute(*lib, plain, (struct normative_tensors){.x = x, .y = y});
      compute(*lib, training, (struct normative_tensors){.x = x, .y = z, .running_mean = mean, .running_var = var});
      same_floats(z, y, 300, "tracking changes y");
      assert_true(mean[0] > 0.1 && mean[0] < 0.3 && var[0] != 1);
      memcpy(kept, var, sizeof kept);
      compute(*lib, evaluation, (struct normative_tensors){.x = x, .y = e, .running_mean = mean, .running_var = var});
      assert_memory_equal(kept, var, sizeof kept);
      for (size_t k = 0; k < 300; ++k) {
        size_t c = k / 25 % 3;
        assert_true(fabs(e[k] - (x[k] - mean[c]) / sqrt(var[c] + 1e-5f)) < 1e-6 * (1 + fabs(e[k])));
      }
      free(x), free(y), free(z), free(e);
    }
}

/* ---- what tutorials get wrong ---- */

/* Normalised values lie in no fixed interval: one outlier in a thousand is at 31.6. */
static void no_fixed_interval(void **state)
{
  (void)state;
  EACH_LIBRARY(lib) {
    float *x = filled(1000, 0), *y = room(1000);
    x[500] = 1;
    compute(*lib, "batchnorm/forward/f32/1000x1", (struct normative_tensors){.x = x, .y = y});
    printed(*lib, "one in a thousand", y + 500, 1, "31.4499");
    free(x), free(y);
  }
}

/* eps is added to the variance, inside of the root: variance 1, eps 3 gives xhat/2. */
static void eps_inside(void **state)
{
  static const float x[2] = {-1, 1};
  (void)state;
  EACH_LIBRARY(lib) {
    float y[2];
    compute(*lib, "layernorm/forward/f32/1x2,eps=3", (struct normative_tensors){.x = x, .y = y});
    assert_true(y[0] == -0.5f && y[1] == 0.5f);
  }
}

/* num_features is C: gamma of any other length is an error, and so are channels that do not divide into groups. */
static void wrong_sizes(void **state)
{
  char dir[] = "/tmp/normative-examples-XXXXXX", path[64];
  struct normative_problem p = problem("batchnorm/forward/f32/2x3x5,gamma=ones");
  struct testcase tc;
  struct tensors in = {0};
  struct casedir c;
  struct error e;
  (void)state;
  assert_non_null(mkdtemp(dir));
  assert_int_equal(tensor_alloc(&in.t[SLOT_X], &p, SLOT_X, &e), 0);
  assert_int_equal(tensor_alloc(&in.t[SLOT_GAMMA], &p, SLOT_GAMMA, &e), 0);
  assert_int_equal(casedir_write(dir, "example", &p, &in, NULL, NULL, &e), 0);
  assert_int_equal(casedir_read(dir, &c, &e), 0);
  casedir_free(&c);
  in.t[SLOT_GAMMA].dims[0] = in.t[SLOT_GAMMA].count = 5; /* the last dimension */
  in.t[SLOT_GAMMA].data = realloc(in.t[SLOT_GAMMA].data, 5 * sizeof(float));
  snprintf(path, sizeof path, "%s/gamma.npy", dir);
  assert_int_equal(npy_write(path, &in.t[SLOT_GAMMA], &e), 0);
  e.text[0] = 0;
  assert_int_equal(casedir_read(dir, &c, &e), -1);
  if (!strstr(e.text, "gamma") || !strstr(e.text, "5") || !strstr(e.text, "3")) fail_msg("the error is: %s", e.text);
  remove(path);
  snprintf(path, sizeof path, "%s/x.npy", dir), remove(path);
  snprintf(path, sizeof path, "%s/manifest.json", dir), remove(path);
  remove(dir);
  tensors_free(&in);
  assert_int_equal(case_parse(&tc, "groupnorm/forward/f32/20x6x10x10/normal/seed1,groups=4", &e), -1);
  assert_non_null(strstr(e.text, "6 channels"));
}

/* Rows behind, whatever they hold, change no bit of the rows before. */
static void padding_rows(void **state)
{
  static const struct { const char *one, *more; size_t count; } example[] = {
    {"layernorm/forward/f32/3x17", "layernorm/forward/f32/8x17", 51},
    {"rmsnorm/forward/f32/3x17", "rmsnorm/forward/f32/8x17", 51},
    {"instancenorm/forward/f32/3x4x9", "instancenorm/forward/f32/8x4x9", 108},
    {"groupnorm/forward/f32/3x4x9,groups=2", "groupnorm/forward/f32/8x4x9,groups=2", 108},
    {"layernorm_channels/forward/f32/3x4x9", "layernorm_channels/forward/f32/8x4x9", 108},
    {"layernorm/backward/f32/3x17", "layernorm/backward/f32/8x17", 51},
    {"groupnorm/backward/f32/3x4x9,groups=2,layout=nsc", "groupnorm/backward/f32/8x4x9,groups=2,layout=nsc", 108}};
  (void)state;
  EACH_LIBRARY(lib)
    for (size_t i = 0; i < sizeof example / sizeof *example; ++i) {
      float *x = random_floats(300, 1), *dy = random_floats(300, 5), *y = room(300), *z = room(300);
      compute(*lib, example[i].one, (struct normative_tensors){.x = x, .y = y, .dy = dy, .dx = y});
      for (size_t k = example[i].count; k < 300; ++k) x[k] = k % 3 ? 0 : k % 2 ? INFINITY : 1e30f;
      compute(*lib, example[i].more, (struct normative_tensors){.x = x, .y = z, .dy = dy, .dx = z});
      same_floats(z, y, example[i].count, example[i].more);
      free(x), free(dy), free(y), free(z);
    }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(three_by_three), cmocka_unit_test(two_by_two_by_three), cmocka_unit_test(shapes),
    cmocka_unit_test(layer_norms), cmocka_unit_test(group_norms), cmocka_unit_test(layouts), cmocka_unit_test(identities),
    cmocka_unit_test(spread_after), cmocka_unit_test(estimators),
    cmocka_unit_test(many_batches), cmocka_unit_test(momentum_read_both_ways), cmocka_unit_test(start_of_running_variance),
    cmocka_unit_test(track_running_stats), cmocka_unit_test(no_fixed_interval), cmocka_unit_test(eps_inside),
    cmocka_unit_test(wrong_sizes), cmocka_unit_test(padding_rows)};
  return cmocka_run_group_tests_name("examples", tests, NULL, NULL);
}
