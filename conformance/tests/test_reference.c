/* SPDX-License-Identifier: Apache-2.0
   Both libraries, forward and backward, on values known by hand: statuses and that an error writes nothing, empty sizes,
   edges, running statistics, in place. Every test runs on each library. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "normative.h"
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- one call, whatever the norm and the library ---- */

enum norm { LAYERNORM, RMSNORM, BATCHNORM, EVALUATION, NORMS };
static const char *const norm_name[NORMS] = {"layernorm", "rmsnorm", "batchnorm", "evaluation"};
enum library { REFERENCE, OPTIMIZED, LIBRARIES };
static const char *const library_name[LIBRARIES] = {"ref", "opt"};

#define ROOM 96
/* All memory that a call may know. */
struct memory {
  float y[ROOM], x[ROOM], gamma[ROOM], beta[ROOM];
  float dx[ROOM], dgamma[ROOM], dbeta[ROOM], dy[ROOM];
  double mean[ROOM], rstd[ROOM], running_mean[ROOM], running_var[ROOM], work[6 * ROOM];
};
static struct memory mem;

/* rows is n and cols is c for LayerNorm and RMSNorm. */
struct call {
  float *y;
  double *mean, *rstd, *running_mean, *running_var;
  const float *x, *gamma, *beta;
  size_t n, c, s;
  normative_layout layout;
  double eps, momentum;
  normative_momentum rule;
  normative_estimator estimator;
  double *work;
};

static normative_status call_reference(enum norm norm, const struct call *a)
{
  switch (norm) {
  case LAYERNORM:
    return ref_layernorm_forward_f32(a->y, a->mean, a->rstd, a->x, a->gamma, a->beta, a->n, a->c, a->eps, a->work);
  case RMSNORM: return ref_rmsnorm_forward_f32(a->y, a->rstd, a->x, a->gamma, a->beta, a->n, a->c, a->eps, a->work);
  case BATCHNORM:
    return ref_batchnorm_forward_f32(a->y, a->mean, a->rstd, a->running_mean, a->running_var, a->x, a->gamma, a->beta,
                                     a->n, a->c, a->s, a->layout, a->eps, a->momentum, a->rule, a->estimator, a->work);
  default:
    return ref_batchnorm_eval_forward_f32(a->y, a->x, a->gamma, a->beta, a->running_mean, a->running_var, a->n, a->c,
                                          a->s, a->layout, a->eps, a->work);
  }
}

static normative_status call_optimized(enum norm norm, const struct call *a)
{
  switch (norm) {
  case LAYERNORM:
    return opt_layernorm_forward_f32(a->y, a->mean, a->rstd, a->x, a->gamma, a->beta, a->n, a->c, a->eps, 0);
  case RMSNORM: return opt_rmsnorm_forward_f32(a->y, a->rstd, a->x, a->gamma, a->beta, a->n, a->c, a->eps, 0);
  case BATCHNORM:
    return opt_batchnorm_forward_f32(a->y, a->mean, a->rstd, a->running_mean, a->running_var, a->x, a->gamma, a->beta,
                                     a->n, a->c, a->s, a->layout, a->eps, a->momentum, a->rule, a->estimator, 0);
  default:
    return opt_batchnorm_eval_forward_f32(a->y, a->x, a->gamma, a->beta, a->running_mean, a->running_var, a->n, a->c,
                                          a->s, a->layout, a->eps, 0);
  }
}

static normative_status call(enum library library, enum norm norm, const struct call *a)
{
  return library == REFERENCE ? call_reference(norm, a) : call_optimized(norm, a);
}

/* 4 x 5, or 4 x 5 x 3, and nothing wrong with it. */
static struct call good(enum norm norm)
{
  for (size_t i = 0; i < ROOM; ++i) {
    mem.x[i] = (float)((i * 7) % 11) - 3.5f;
    mem.y[i] = 77;
    mem.gamma[i] = 1 + (float)i;
    mem.beta[i] = (float)i - 2;
    mem.mean[i] = mem.rstd[i] = mem.work[i] = 77;
    mem.dx[i] = mem.dgamma[i] = mem.dbeta[i] = 77;
    mem.running_mean[i] = (double)i;
    mem.running_var[i] = 1 + (double)i;
  }
  struct call a = {mem.y, mem.mean, mem.rstd, mem.running_mean, mem.running_var, mem.x, mem.gamma, mem.beta, 4, 5,
                   norm >= BATCHNORM ? 3 : 1, NORMATIVE_NCS, 1e-5, 0.1, NORMATIVE_MOMENTUM_NEW, NORMATIVE_UNBIASED, mem.work};
  return a;
}

#define EACH_LIBRARY for (enum library l = 0; l < LIBRARIES; ++l)
#define EACH_NORM for (enum norm norm = 0; norm < NORMS; ++norm)

/* The status, and that nothing was written unless it is OK. */
static void refuses_with(int line, enum library l, enum norm norm, const struct call *a, normative_status expected)
{
  static struct memory before;
  memcpy(&before, &mem, sizeof mem);
  normative_status status = call(l, norm, a);
  if (status != expected)
    fail_msg("line %d: %s %s: \"%s\" instead of \"%s\"", line, library_name[l], norm_name[norm],
             normative_status_text(status), normative_status_text(expected));
  if (expected != NORMATIVE_OK && memcmp(&before, &mem, sizeof mem))
    fail_msg("line %d: %s %s wrote in spite of its error", line, library_name[l], norm_name[norm]);
}
#define STATUS(expected) refuses_with(__LINE__, l, norm, &a, (expected))

/* Sets one field, expects a status, starts anew. */
#define WITH(field, value, expected)                                                                                    \
  do {                                                                                                                  \
    struct call a = good(norm);                                                                                         \
    a.field = (value);                                                                                                  \
    STATUS(expected);                                                                                                   \
  } while (0)

/* ---- statuses ---- */

static void good_calls_pass(void **state)
{
  (void)state;
  EACH_LIBRARY EACH_NORM
  {
    struct call a = good(norm);
    STATUS(NORMATIVE_OK);
    assert_true(mem.y[0] != 77 && mem.y[4 * 5 * a.s - 1] != 77 && mem.y[4 * 5 * a.s] == 77);
  }
}

static void null_pointers(void **state)
{
  (void)state;
  EACH_LIBRARY EACH_NORM
  {
    WITH(x, NULL, NORMATIVE_E_NULL);
    WITH(y, NULL, NORMATIVE_E_NULL);
    WITH(mean, NULL, NORMATIVE_OK);
    WITH(rstd, NULL, NORMATIVE_OK);
    WITH(gamma, NULL, NORMATIVE_OK);
    WITH(beta, NULL, NORMATIVE_OK);
    WITH(running_mean, NULL, norm >= BATCHNORM ? NORMATIVE_E_NULL : NORMATIVE_OK);
    WITH(running_var, NULL, norm >= BATCHNORM ? NORMATIVE_E_NULL : NORMATIVE_OK);
    WITH(work, NULL, l == REFERENCE ? NORMATIVE_E_NULL : NORMATIVE_OK);
    struct call a = good(norm);
    a.running_mean = a.running_var = NULL;
    STATUS(norm == EVALUATION ? NORMATIVE_E_NULL : NORMATIVE_OK);
  }
}

static void bad_eps(void **state)
{
  (void)state;
  const double bad[] = {-1, -0x1p-1074, NAN, INFINITY, -INFINITY}, fine[] = {0, -0.0, 0x1p-1074, DBL_MAX};
  EACH_LIBRARY EACH_NORM
  {
    for (size_t i = 0; i < sizeof bad / sizeof *bad; ++i) WITH(eps, bad[i], NORMATIVE_E_EPS);
    for (size_t i = 0; i < sizeof fine / sizeof *fine; ++i) WITH(eps, fine[i], NORMATIVE_OK);
  }
}

static void bad_momentum(void **state)
{
  (void)state;
  const enum norm norm = BATCHNORM;
  const double bad[] = {-0x1p-1074, 1 + DBL_EPSILON, NAN, INFINITY}, early[] = {0, 0.999, -1, NAN, INFINITY};
  EACH_LIBRARY
  {
    for (int old = 0; old < 2; ++old)
      for (size_t i = 0; i < sizeof bad / sizeof *bad; ++i) {
        struct call a = good(norm);
        a.rule = old ? NORMATIVE_MOMENTUM_OLD : NORMATIVE_MOMENTUM_NEW;
        a.momentum = bad[i];
        STATUS(NORMATIVE_E_MOMENTUM);
        a.running_mean = a.running_var = NULL; /* checked where it is not used, too */
        STATUS(NORMATIVE_E_MOMENTUM);
      }
    for (size_t i = 0; i < sizeof early / sizeof *early; ++i) {
      struct call a = good(norm);
      a.rule = NORMATIVE_MOMENTUM_CUMULATIVE;
      a.momentum = early[i];
      STATUS(NORMATIVE_E_MOMENTUM);
    }
    WITH(momentum, 0, NORMATIVE_OK);
    WITH(momentum, 1, NORMATIVE_OK);
  }
}

static void bad_enumerations(void **state)
{
  (void)state;
  EACH_LIBRARY for (enum norm norm = BATCHNORM; norm < NORMS; ++norm) for (int bad = 0; bad < 2; ++bad)
  {
    WITH(layout, (normative_layout)(bad ? NORMATIVE_NSC + 1 : 0), NORMATIVE_E_ARGUMENT);
    if (norm == EVALUATION) continue;
    WITH(rule, (normative_momentum)(bad ? NORMATIVE_MOMENTUM_CUMULATIVE + 1 : 0), NORMATIVE_E_ARGUMENT);
    WITH(estimator, (normative_estimator)(bad ? NORMATIVE_POPULATION + 1 : 0), NORMATIVE_E_ARGUMENT);
  }
}

static void sizes_that_overflow(void **state)
{
  (void)state;
  EACH_LIBRARY EACH_NORM
  {
    WITH(n, SIZE_MAX, NORMATIVE_E_SIZE);
    WITH(c, SIZE_MAX, NORMATIVE_E_SIZE);
    WITH(n, SIZE_MAX / 5 + 2, NORMATIVE_E_SIZE); /* n * c wraps to a small number */
    if (norm < BATCHNORM) {
      WITH(c, ((size_t)1 << 30) + 1, NORMATIVE_E_SIZE);
    } else {
      WITH(s, SIZE_MAX, NORMATIVE_E_SIZE);
      WITH(s, SIZE_MAX / 4 + 1, NORMATIVE_E_SIZE); /* n * s wraps to 0 */
      WITH(s, ((size_t)1 << 28) + 1, NORMATIVE_E_SIZE);
      WITH(c, SIZE_MAX / 12 + 2, NORMATIVE_E_SIZE);
    }
  }
}

/* Every output over every other argument: the same address, and only the last byte of the one over the first of the other. */
static void overlaps(void **state)
{
  (void)state;
  enum { Y, MEAN, RSTD, RUNNING_MEAN, RUNNING_VAR, WORK, X, GAMMA, BETA, ARGUMENTS };
  const unsigned used[LIBRARIES][NORMS] = {
    {0x1ff & ~(1u << RUNNING_MEAN | 1u << RUNNING_VAR), 0x1ff & ~(1u << MEAN | 1u << RUNNING_MEAN | 1u << RUNNING_VAR),
     0x1ff, 0x1ff & ~(1u << MEAN | 1u << RSTD)},
    {used[0][0] & ~(1u << WORK), used[0][1] & ~(1u << WORK), used[0][2] & ~(1u << WORK), used[0][3] & ~(1u << WORK)}};
  EACH_LIBRARY EACH_NORM for (int i = 0; i < ARGUMENTS; ++i) for (int j = i + 1; j < ARGUMENTS; ++j)
  {
    int output = i == Y || i == WORK || (i < WORK && norm != EVALUATION);
    int output_j = j == WORK || (j < WORK && norm != EVALUATION);
    if (!(used[l][norm] >> i & used[l][norm] >> j & 1) || (!output && !output_j)) continue;
    for (int partly = 0; partly < 2; ++partly) {
      struct call a = good(norm);
      void *p[ARGUMENTS] = {a.y, a.mean, a.rstd, a.running_mean, a.running_var, a.work,
                            (void *)a.x, (void *)a.gamma, (void *)a.beta};
      const size_t all = 20 * a.s, per_row = norm < BATCHNORM ? 4 : 5;
      const size_t work = norm < BATCHNORM ? 5 : 12;
      const size_t bytes[ARGUMENTS] = {all * 4, per_row * 8, per_row * 8, 40, 40, work * 8, all * 4, 20, 20};
      p[j] = (char *)p[i] + (partly ? bytes[i] - 4 : 0);
      a = (struct call){p[Y], p[MEAN], p[RSTD], p[RUNNING_MEAN], p[RUNNING_VAR], p[X], p[GAMMA], p[BETA], a.n, a.c, a.s,
                        a.layout, a.eps, a.momentum, a.rule, a.estimator, p[WORK]};
      if ((uintptr_t)p[j] % 8 && j < X && j != Y) continue; /* doubles need their alignment */
      STATUS(i == Y && j == X && !partly ? NORMATIVE_OK : NORMATIVE_E_OVERLAP);
    }
  }
}

/* Memory directly behind is no overlap. */
static void neighbours_are_no_overlap(void **state)
{
  (void)state;
  EACH_LIBRARY EACH_NORM
  {
    struct call a = good(norm);
    static float both[2 * 60];
    memcpy(both, mem.x, sizeof mem.x < sizeof both ? sizeof mem.x : sizeof both);
    a.x = both;
    a.y = both + 20 * a.s;
    STATUS(NORMATIVE_OK);
  }
}

static void unbiased_variance_of_one(void **state)
{
  (void)state;
  const enum norm norm = BATCHNORM;
  EACH_LIBRARY
  {
    struct call a = good(norm);
    a.n = a.s = 1;
    STATUS(NORMATIVE_E_VARIANCE);
    a.estimator = NORMATIVE_POPULATION;
    STATUS(NORMATIVE_OK);
    a.estimator = NORMATIVE_UNBIASED;
    a.running_mean = a.running_var = NULL;
    STATUS(NORMATIVE_OK);
  }
}

/* What is wrong first in the order of the enumeration is what is said. */
static void precedence(void **state)
{
  (void)state;
  const enum norm norm = BATCHNORM;
  EACH_LIBRARY
  {
    struct call a = good(norm);
    a.s = SIZE_MAX;
    STATUS(NORMATIVE_E_SIZE);
    a.layout = (normative_layout)0;
    STATUS(NORMATIVE_E_ARGUMENT);
    a.momentum = 2;
    STATUS(NORMATIVE_E_MOMENTUM);
    a.eps = -1;
    STATUS(NORMATIVE_E_EPS);
    a.x = NULL;
    STATUS(NORMATIVE_E_NULL);
  }
}

static void every_status_has_a_text(void **state)
{
  (void)state;
  for (int i = NORMATIVE_OK; i <= NORMATIVE_E_MEMORY; ++i) {
    assert_true(strlen(normative_status_text((normative_status)i)) > 1);
    for (int j = NORMATIVE_OK; j < i; ++j)
      assert_string_not_equal(normative_status_text((normative_status)i), normative_status_text((normative_status)j));
  }
  assert_non_null(normative_status_text((normative_status)99));
}

/* ---- sizes of 0 ---- */

static void empty_sizes(void **state)
{
  (void)state;
  EACH_LIBRARY EACH_NORM for (int which = 0; which < (norm < BATCHNORM ? 2 : 3); ++which)
  {
    static struct memory before;
    struct call a = good(norm);
    *(which == 0 ? &a.n : which == 1 ? &a.c : &a.s) = 0;
    memcpy(&before, &mem, sizeof mem);
    if (norm == BATCHNORM) {
      STATUS(which == 1 ? NORMATIVE_OK : NORMATIVE_E_EMPTY);
      a.running_mean = a.running_var = NULL;
    }
    STATUS(NORMATIVE_OK);
    a.x = a.gamma = a.beta = NULL;
    a.y = NULL;
    a.work = NULL;
    if (norm == EVALUATION) a.running_mean = a.running_var = NULL;
    STATUS(NORMATIVE_OK);
    assert_memory_equal(mem.y, before.y, sizeof mem.y);
    assert_memory_equal(mem.running_mean, before.running_mean, sizeof mem.running_mean);
    a.eps = -1;
    STATUS(NORMATIVE_E_EPS); /* no less an error */
  }
}

/* ---- values ---- */

/* Rows, or channels as columns of a matrix, without gamma and beta. */
static struct call plain(enum norm norm, const float *x, size_t n, size_t c, double eps)
{
  struct call a = good(norm);
  memcpy(mem.x, x, n * c * sizeof *x);
  a.gamma = a.beta = NULL;
  a.running_mean = a.running_var = NULL;
  a.n = n;
  a.c = c;
  a.s = 1;
  a.eps = eps;
  return a;
}

#define VALUE(got, expected)                                                                                            \
  do {                                                                                                                  \
    double value_got = (got), value_expected = (expected);                                                              \
    if (!(value_got == value_expected || (isnan(value_got) && isnan(value_expected))))                                  \
      fail_msg("line %d: %s: %s is %a, not %a", __LINE__, library_name[l], #got, value_got, value_expected);           \
  } while (0)
#define ALL(array, n, expected)                                                                                         \
  for (size_t all_i = 0; all_i < (n); ++all_i) VALUE((array)[all_i], (expected))

static void by_hand(void **state)
{
  (void)state;
  EACH_LIBRARY
  {
    enum norm norm = LAYERNORM;
    struct call a = plain(norm, (float[]){1, 3, 10, -10}, 2, 2, 0);
    STATUS(NORMATIVE_OK);
    VALUE(mem.y[0], -1);
    VALUE(mem.y[1], 1);
    VALUE(mem.y[2], 1);
    VALUE(mem.y[3], -1);
    VALUE(mem.mean[0], 2);
    VALUE(mem.mean[1], 0);
    VALUE(mem.rstd[0], 1);
    VALUE(mem.rstd[1], 0.1);

    norm = RMSNORM;
    a = plain(norm, (float[]){1, -4, 0, 1}, 2, 2, 0.5);
    STATUS(NORMATIVE_OK);
    VALUE(mem.y[0], 1.0f / 3);
    VALUE(mem.y[1], -4.0f / 3);
    VALUE(mem.y[2], 0);
    VALUE(mem.y[3], 1);
    VALUE(mem.rstd[0], 1.0 / 3);
    VALUE(mem.rstd[1], 1);
    VALUE(mem.mean[0], 77); /* it has none */

    norm = LAYERNORM; /* gamma and beta per column */
    a = plain(norm, (float[]){1, 3, 10, -10}, 2, 2, 0);
    a.gamma = (float[]){2, 3};
    a.beta = (float[]){100, 200};
    STATUS(NORMATIVE_OK);
    VALUE(mem.y[0], 98);
    VALUE(mem.y[1], 203);
    VALUE(mem.y[2], 102);
    VALUE(mem.y[3], 197);

    norm = EVALUATION; /* gamma and beta per channel; eps inside the root */
    a = good(norm);
    a.n = 1;
    a.c = 2;
    a.s = 2;
    a.eps = 1;
    memcpy(mem.x, (float[]){1, 2, 3, 4}, 16);
    a.gamma = (float[]){2, -8};
    a.beta = (float[]){10, 20};
    memcpy(mem.running_mean, (double[]){1, 2}, 16);
    memcpy(mem.running_var, (double[]){3, 15}, 16);
    STATUS(NORMATIVE_OK);
    VALUE(mem.y[0], 10);
    VALUE(mem.y[1], 11);
    VALUE(mem.y[2], 18);
    VALUE(mem.y[3], 16);
    a.layout = NORMATIVE_NSC; /* columns: channel 0 is 1 and 3 */
    STATUS(NORMATIVE_OK);
    VALUE(mem.y[0], 10);
    VALUE(mem.y[1], 20);
    VALUE(mem.y[2], 12);
    VALUE(mem.y[3], 16);
  }
}

/* torch.nn.BatchNorm1d(3) on [[0,1,2],[3,4,5],[6,7,8]] prints -1.2247, 0.0000 and 1.2247 in every column. */
static void as_pytorch_prints(void **state)
{
  (void)state;
  static const char *const expected[3] = {"-1.2247", "0.0000", "1.2247"};
  const enum norm norm = BATCHNORM;
  EACH_LIBRARY for (int nsc = 0; nsc < 2; ++nsc)
  {
    struct call a = plain(norm, (float[]){0, 1, 2, 3, 4, 5, 6, 7, 8}, 3, 3, 1e-5);
    a.layout = nsc ? NORMATIVE_NSC : NORMATIVE_NCS;
    a.running_mean = mem.running_mean;
    a.running_var = mem.running_var;
    for (int k = 0; k < 3; ++k) mem.running_mean[k] = 0, mem.running_var[k] = 1;
    STATUS(NORMATIVE_OK);
    for (int i = 0; i < 9; ++i) {
      char text[32];
      snprintf(text, sizeof text, "%.4f", (double)mem.y[i]);
      assert_string_equal(text, expected[i / 3]);
    }
    for (int k = 0; k < 3; ++k) {
      VALUE(mem.mean[k], 3 + k);
      assert_true(fabs(mem.running_mean[k] - 0.1 * (3 + k)) < 1e-15);
      assert_true(fabs(mem.running_var[k] - 1.8) < 1e-15); /* 0.9 + 0.1 * 9: unbiased */
    }
  }
}

/* Channel 1 of n x 2 x s; channel 0 is other data. */
static void batchnorm_in_both_layouts(void **state)
{
  (void)state;
  const enum norm norm = BATCHNORM;
  const float channel[2][4] = {{5, 5, 9, 9}, {-1, 0, 0, 1}}; /* mean 7, var 4; mean 0, var 1/2 */
  EACH_LIBRARY for (int nsc = 0; nsc < 2; ++nsc)
  {
    struct call a = plain(norm, (float[8]){0}, 2, 2, 0);
    a.s = 2;
    a.layout = nsc ? NORMATIVE_NSC : NORMATIVE_NCS;
    size_t at[2][4];
    for (size_t k = 0; k < 2; ++k)
      for (size_t i = 0; i < 4; ++i) {
        at[k][i] = nsc ? i * 2 + k : (i / 2 * 2 + k) * 2 + i % 2;
        mem.x[at[k][i]] = channel[k][i];
      }
    a.eps = 0.5;
    STATUS(NORMATIVE_OK);
    VALUE(mem.mean[0], 7);
    VALUE(mem.mean[1], 0);
    VALUE(mem.rstd[1], 1);
    for (size_t i = 0; i < 4; ++i) {
      VALUE(mem.y[at[1][i]], channel[1][i]);
      VALUE(mem.y[at[0][i]], (float)((channel[0][i] - 7) / sqrt(4.5)));
    }
  }
}

/* ---- running statistics; the data have mean 3, population variance 6, unbiased 9 ---- */

static void running(void **state)
{
  (void)state;
  const enum norm norm = BATCHNORM;
  static const struct {
    normative_momentum rule;
    normative_estimator estimator;
    double momentum, mean, var;
  } row[] = {
    {NORMATIVE_MOMENTUM_NEW, NORMATIVE_UNBIASED, 0.25, 0.75 * 8 + 0.25 * 3, 0.75 * 4 + 0.25 * 9},
    {NORMATIVE_MOMENTUM_NEW, NORMATIVE_POPULATION, 0.25, 0.75 * 8 + 0.25 * 3, 0.75 * 4 + 0.25 * 6},
    {NORMATIVE_MOMENTUM_OLD, NORMATIVE_UNBIASED, 0.25, 0.25 * 8 + 0.75 * 3, 0.25 * 4 + 0.75 * 9},
    {NORMATIVE_MOMENTUM_OLD, NORMATIVE_POPULATION, 0.25, 0.25 * 8 + 0.75 * 3, 0.25 * 4 + 0.75 * 6},
    {NORMATIVE_MOMENTUM_CUMULATIVE, NORMATIVE_UNBIASED, 1, 3, 9},
    {NORMATIVE_MOMENTUM_CUMULATIVE, NORMATIVE_POPULATION, 1, 3, 6},
    {NORMATIVE_MOMENTUM_CUMULATIVE, NORMATIVE_UNBIASED, 4, 6.75, 5.25},
    {NORMATIVE_MOMENTUM_CUMULATIVE, NORMATIVE_POPULATION, 4, 6.75, 4.5},
    {NORMATIVE_MOMENTUM_NEW, NORMATIVE_UNBIASED, 0, 8, 4},
    {NORMATIVE_MOMENTUM_NEW, NORMATIVE_UNBIASED, 1, 3, 9},
    {NORMATIVE_MOMENTUM_OLD, NORMATIVE_UNBIASED, 0, 3, 9},
    {NORMATIVE_MOMENTUM_OLD, NORMATIVE_UNBIASED, 1, 8, 4},
  };
  EACH_LIBRARY for (size_t i = 0; i < sizeof row / sizeof *row; ++i) for (int nsc = 0; nsc < 2; ++nsc)
  {
    struct call a = plain(norm, (float[]){0, 3, 6}, 3, 1, 1e-5);
    if (nsc) {
      a.n = 1;
      a.s = 3;
    }
    a.layout = nsc ? NORMATIVE_NSC : NORMATIVE_NCS;
    a.running_mean = mem.running_mean;
    a.running_var = mem.running_var;
    mem.running_mean[0] = 8;
    mem.running_var[0] = 4;
    a.rule = row[i].rule;
    a.estimator = row[i].estimator;
    a.momentum = row[i].momentum;
    STATUS(NORMATIVE_OK);
    VALUE(mem.running_mean[0], row[i].mean);
    VALUE(mem.running_var[0], row[i].var);
    VALUE(mem.running_mean[1], 1); /* no further channel is touched */
    VALUE(mem.running_var[1], 2);
  }
}

/* Frameworks' defaults: PyTorch 0.1 new weight, textbooks 0.9 old weight. */
static void running_by_decimal_momentum(void **state)
{
  (void)state;
  const enum norm norm = BATCHNORM;
  EACH_LIBRARY for (int old = 0; old < 2; ++old)
  {
    struct call a = plain(norm, (float[]){0, 3, 6}, 3, 1, 1e-5);
    a.running_mean = mem.running_mean;
    a.running_var = mem.running_var;
    mem.running_mean[0] = 0;
    mem.running_var[0] = 1;
    a.rule = old ? NORMATIVE_MOMENTUM_OLD : NORMATIVE_MOMENTUM_NEW;
    a.momentum = old ? 0.9 : 0.1;
    STATUS(NORMATIVE_OK);
    assert_true(fabs(mem.running_mean[0] - 0.3) < 2e-16 && fabs(mem.running_var[0] - 1.8) < 4e-16);
  }
}

static void evaluation_changes_no_running_statistics(void **state)
{
  (void)state;
  const enum norm norm = EVALUATION;
  EACH_LIBRARY
  {
    struct call a = good(norm);
    static struct memory before;
    memcpy(&before, &mem, sizeof mem);
    STATUS(NORMATIVE_OK);
    assert_memory_equal(mem.running_mean, before.running_mean, sizeof mem.running_mean);
    assert_memory_equal(mem.running_var, before.running_var, sizeof mem.running_var);
  }
}

/* ---- edges ---- */

static void constants_and_single_elements(void **state)
{
  (void)state;
  const float value[] = {12345.678f, 0.1f, FLT_MAX, -0x1p-149f, 0, 16777216};
  const enum norm norms[] = {LAYERNORM, BATCHNORM};
  EACH_LIBRARY for (int k = 0; k < 2; ++k) for (size_t v = 0; v < sizeof value / sizeof *value; ++v)
    for (size_t m = 1; m <= 33; ++m)
    {
      const enum norm norm = norms[k];
      float x[33];
      for (size_t i = 0; i < m; ++i) x[i] = value[v];
      struct call a = plain(norm, x, norm == LAYERNORM ? 1 : m, norm == LAYERNORM ? m : 1, 0x1p-20);
      a.gamma = mem.gamma;
      a.beta = mem.beta;
      STATUS(NORMATIVE_OK);
      for (size_t i = 0; i < m; ++i) VALUE(mem.y[i], mem.beta[norm == LAYERNORM ? i : 0]);
      VALUE(mem.mean[0], value[v]);
      VALUE(mem.rstd[0], 0x1p10);
      a.eps = 0; /* 0 times infinity */
      STATUS(NORMATIVE_OK);
      ALL(mem.y, m, NAN);
      VALUE(mem.rstd[0], INFINITY);
    }
}

static void rms_of_zeros(void **state)
{
  (void)state;
  const enum norm norm = RMSNORM;
  EACH_LIBRARY
  {
    struct call a = plain(norm, (float[]){0, -0.0f, 0}, 1, 3, 0);
    STATUS(NORMATIVE_OK);
    ALL(mem.y, 3, NAN);
    VALUE(mem.rstd[0], INFINITY);
    a.eps = 0x1p-20;
    STATUS(NORMATIVE_OK);
    ALL(mem.y, 3, 0);
    VALUE(mem.rstd[0], 0x1p10);
  }
}

/* The outermost finite numbers have finite results. */
static void extremes(void **state)
{
  (void)state;
  const float size[] = {FLT_MAX, 1e30f, FLT_MIN, 0x1p-149f};
  EACH_LIBRARY for (size_t i = 0; i < 4; ++i)
  {
    enum norm norm = LAYERNORM;
    struct call a = plain(norm, (float[]){size[i], -size[i], -size[i], size[i]}, 1, 4, 0);
    STATUS(NORMATIVE_OK);
    for (int j = 0; j < 4; ++j) VALUE(mem.y[j], j == 0 || j == 3 ? 1 : -1);
    VALUE(mem.mean[0], 0);
    VALUE(mem.rstd[0], 1 / (double)size[i]);
    norm = RMSNORM;
    a = plain(norm, (float[]){size[i], -size[i]}, 1, 2, 0);
    STATUS(NORMATIVE_OK);
    VALUE(mem.y[0], 1);
    VALUE(mem.y[1], -1);
    norm = BATCHNORM;
    a = plain(norm, (float[]){size[i], -size[i]}, 2, 1, 0);
    STATUS(NORMATIVE_OK);
    VALUE(mem.y[0], 1);
    VALUE(mem.y[1], -1);
  }
}

/* One odd element in the middle of three groups of 20: its own group is lost, the others keep their bits. */
static void nonfinite_stays_in_its_group(void **state)
{
  (void)state;
  const float odd[] = {NAN, INFINITY, -INFINITY};
  EACH_LIBRARY for (enum norm norm = LAYERNORM; norm <= BATCHNORM; ++norm) for (int o = 0; o < 3; ++o)
    for (size_t place = 0; place < 20; ++place)
    {
      float x[60], clean[60];
      for (size_t i = 0; i < 60; ++i) x[i] = (float)((i * 13) % 17);
      size_t n = norm == BATCHNORM ? 20 : 3, c = norm == BATCHNORM ? 3 : 20;
      size_t step = norm == BATCHNORM ? 3 : 1, first = norm == BATCHNORM ? 1 : 20;
      struct call a = plain(norm, x, n, c, 1e-5);
      STATUS(NORMATIVE_OK);
      memcpy(clean, mem.y, sizeof clean);
      double rstd2 = mem.rstd[2];
      a = plain(norm, x, n, c, 1e-5);
      mem.x[first + place * step] = odd[o];
      STATUS(NORMATIVE_OK);
      for (size_t i = 0; i < 60; ++i) {
        int inside = norm == BATCHNORM ? i % 3 == 1 : i / 20 == 1;
        int zero = norm == RMSNORM && o > 0 && i != first + place;
        VALUE(mem.y[i], inside ? (zero ? 0 : NAN) : clean[i]);
      }
      VALUE(mem.rstd[1], norm == RMSNORM && o > 0 ? 0 : NAN);
      VALUE(mem.rstd[2], rstd2);
      if (norm != RMSNORM) assert_false(isfinite(mem.mean[1]));
    }
}

static void evaluation_is_by_element(void **state)
{
  (void)state;
  const enum norm norm = EVALUATION;
  const float odd[] = {NAN, INFINITY, -INFINITY};
  EACH_LIBRARY for (int o = 0; o < 3; ++o)
  {
    float clean[60];
    struct call a = good(norm);
    STATUS(NORMATIVE_OK);
    memcpy(clean, mem.y, sizeof clean);
    mem.x[31] = odd[o];
    STATUS(NORMATIVE_OK);
    for (size_t i = 0; i < 60; ++i) VALUE(mem.y[i], i == 31 ? odd[o] : clean[i]);
  }
}

static void evaluation_at_the_root(void **state)
{
  (void)state;
  const enum norm norm = EVALUATION;
  EACH_LIBRARY
  {
    struct call a = plain(norm, (float[]){1, 0, -1, 1}, 1, 4, 0.5);
    a.running_mean = mem.running_mean;
    a.running_var = mem.running_var;
    for (int k = 0; k < 4; ++k) mem.running_mean[k] = 0, mem.running_var[k] = -0.5;
    mem.running_var[3] = -1;
    STATUS(NORMATIVE_OK);
    VALUE(mem.y[0], INFINITY);
    VALUE(mem.y[1], NAN);
    VALUE(mem.y[2], -INFINITY);
    VALUE(mem.y[3], NAN); /* var + eps < 0 */
  }
}

static void nonfinite_parameters(void **state)
{
  (void)state;
  const float odd[] = {NAN, INFINITY};
  EACH_LIBRARY EACH_NORM for (int o = 0; o < 2; ++o) for (int beta = 0; beta < 2; ++beta)
  {
    float clean[60];
    struct call a = good(norm);
    STATUS(NORMATIVE_OK);
    memcpy(clean, mem.y, sizeof clean);
    a = good(norm);
    (beta ? mem.beta : mem.gamma)[3] = odd[o];
    STATUS(NORMATIVE_OK);
    for (size_t i = 0; i < 20 * a.s; ++i) {
      size_t k = norm < BATCHNORM ? i % 5 : i / 3 % 5;
      if (k == 3)
        assert_false(isfinite(mem.y[i]));
      else
        VALUE(mem.y[i], clean[i]);
    }
  }
}

/* ---- in place ---- */

static void in_place(void **state)
{
  (void)state;
  EACH_LIBRARY EACH_NORM for (int nsc = 0; nsc < (norm < BATCHNORM ? 1 : 2); ++nsc)
  {
    float apart[60];
    struct call a = good(norm);
    a.layout = nsc ? NORMATIVE_NSC : NORMATIVE_NCS;
    STATUS(NORMATIVE_OK);
    memcpy(apart, mem.y, sizeof apart);
    a = good(norm);
    a.layout = nsc ? NORMATIVE_NSC : NORMATIVE_NCS;
    a.y = mem.x;
    STATUS(NORMATIVE_OK);
    assert_memory_equal(mem.x, apart, 20 * a.s * sizeof *apart);
  }
}

/* ---- backward: one call, whatever the norm and the library ---- */

/* rows is n and cols is c for LayerNorm and RMSNorm; mean and rstd are the running statistics of evaluation. */
struct backward {
  float *dx, *dgamma, *dbeta;
  const float *dy, *x, *gamma;
  const double *mean, *rstd;
  size_t n, c, s;
  normative_layout layout;
  double eps;
  double *work;
};

static normative_status backward_reference(enum norm norm, const struct backward *a)
{
  switch (norm) {
  case LAYERNORM:
    return ref_layernorm_backward_f32(a->dx, a->dgamma, a->dbeta, a->dy, a->x, a->gamma, a->mean, a->rstd, a->n, a->c,
                                      a->eps, a->work);
  case RMSNORM:
    return ref_rmsnorm_backward_f32(a->dx, a->dgamma, a->dbeta, a->dy, a->x, a->gamma, a->rstd, a->n, a->c, a->eps, a->work);
  case BATCHNORM:
    return ref_batchnorm_backward_f32(a->dx, a->dgamma, a->dbeta, a->dy, a->x, a->gamma, a->mean, a->rstd, a->n, a->c, a->s,
                                      a->layout, a->eps, a->work);
  default:
    return ref_batchnorm_eval_backward_f32(a->dx, a->dgamma, a->dbeta, a->dy, a->x, a->gamma, a->mean, a->rstd, a->n, a->c,
                                           a->s, a->layout, a->eps, a->work);
  }
}

static normative_status backward_optimized(enum norm norm, const struct backward *a)
{
  switch (norm) {
  case LAYERNORM:
    return opt_layernorm_backward_f32(a->dx, a->dgamma, a->dbeta, a->dy, a->x, a->gamma, a->mean, a->rstd, a->n, a->c,
                                      a->eps, 0);
  case RMSNORM:
    return opt_rmsnorm_backward_f32(a->dx, a->dgamma, a->dbeta, a->dy, a->x, a->gamma, a->rstd, a->n, a->c, a->eps, 0);
  case BATCHNORM:
    return opt_batchnorm_backward_f32(a->dx, a->dgamma, a->dbeta, a->dy, a->x, a->gamma, a->mean, a->rstd, a->n, a->c, a->s,
                                      a->layout, a->eps, 0);
  default:
    return opt_batchnorm_eval_backward_f32(a->dx, a->dgamma, a->dbeta, a->dy, a->x, a->gamma, a->mean, a->rstd, a->n, a->c,
                                           a->s, a->layout, a->eps, 0);
  }
}

static normative_status backward(enum library library, enum norm norm, const struct backward *a)
{
  return library == REFERENCE ? backward_reference(norm, a) : backward_optimized(norm, a);
}

/* 4 x 5, or 4 x 5 x 3, statistics recomputed, and nothing wrong with it. */
static struct backward good_backward(enum norm norm)
{
  struct call f = good(norm);
  for (size_t i = 0; i < ROOM; ++i) mem.dy[i] = (float)((i * 5) % 7) - 2.75f;
  struct backward a = {mem.dx, mem.dgamma, mem.dbeta, mem.dy, mem.x, mem.gamma, NULL, NULL, f.n, f.c, f.s, f.layout, f.eps,
                       mem.work};
  if (norm == EVALUATION) {
    a.mean = mem.running_mean;
    a.rstd = mem.running_var;
  }
  return a;
}

static void backward_with(int line, enum library l, enum norm norm, const struct backward *a, normative_status expected)
{
  static struct memory before;
  memcpy(&before, &mem, sizeof mem);
  normative_status status = backward(l, norm, a);
  if (status != expected)
    fail_msg("line %d: %s %s backward: \"%s\" instead of \"%s\"", line, library_name[l], norm_name[norm],
             normative_status_text(status), normative_status_text(expected));
  if (expected != NORMATIVE_OK && memcmp(&before, &mem, sizeof mem))
    fail_msg("line %d: %s %s backward wrote in spite of its error", line, library_name[l], norm_name[norm]);
}
#define BACKWARD(expected) backward_with(__LINE__, l, norm, &a, (expected))
#define BACKWARD_WITH(field, value, expected)                                                                           \
  do {                                                                                                                  \
    struct backward a = good_backward(norm);                                                                            \
    a.field = (value);                                                                                                  \
    BACKWARD(expected);                                                                                                 \
  } while (0)

/* ---- backward: statuses ---- */

static void good_backward_calls_pass(void **state)
{
  (void)state;
  EACH_LIBRARY EACH_NORM
  {
    struct backward a = good_backward(norm);
    BACKWARD(NORMATIVE_OK);
    const size_t last = 4 * 5 * a.s - 1;
    assert_true(mem.dx[0] != 77 && mem.dx[last] != 77 && mem.dx[last + 1] == 77);
    assert_true(mem.dgamma[0] != 77 && mem.dgamma[4] != 77 && mem.dgamma[5] == 77);
    assert_true(mem.dbeta[0] != 77 && mem.dbeta[4] != 77 && mem.dbeta[5] == 77);
  }
}

static void null_pointers_backward(void **state)
{
  (void)state;
  EACH_LIBRARY EACH_NORM
  {
    const normative_status lone = norm == RMSNORM ? NORMATIVE_OK : NORMATIVE_E_NULL;
    BACKWARD_WITH(x, NULL, NORMATIVE_E_NULL);
    BACKWARD_WITH(dy, NULL, NORMATIVE_E_NULL);
    BACKWARD_WITH(dx, NULL, NORMATIVE_OK);
    BACKWARD_WITH(dgamma, NULL, NORMATIVE_OK);
    BACKWARD_WITH(dbeta, NULL, NORMATIVE_OK);
    BACKWARD_WITH(gamma, NULL, NORMATIVE_OK);
    BACKWARD_WITH(work, NULL, l == REFERENCE ? NORMATIVE_E_NULL : NORMATIVE_OK);
    struct backward a = good_backward(norm);
    a.mean = NULL;
    a.rstd = mem.rstd;
    BACKWARD(lone);
    a.mean = mem.mean;
    a.rstd = NULL;
    BACKWARD(lone);
    a.mean = NULL;
    BACKWARD(norm == EVALUATION ? NORMATIVE_E_NULL : NORMATIVE_OK);
    a.dx = a.dgamma = a.dbeta = NULL;
    BACKWARD(norm == EVALUATION ? NORMATIVE_E_NULL : NORMATIVE_OK);
  }
}

static void bad_arguments_backward(void **state)
{
  (void)state;
  const double bad[] = {-1, -0x1p-1074, NAN, INFINITY}, fine[] = {0, -0.0, 0x1p-1074, DBL_MAX};
  EACH_LIBRARY EACH_NORM
  {
    for (size_t i = 0; i < 4; ++i) BACKWARD_WITH(eps, bad[i], NORMATIVE_E_EPS);
    for (size_t i = 0; i < 4; ++i) BACKWARD_WITH(eps, fine[i], NORMATIVE_OK);
    BACKWARD_WITH(n, SIZE_MAX, NORMATIVE_E_SIZE);
    BACKWARD_WITH(n, SIZE_MAX / 5 + 2, NORMATIVE_E_SIZE); /* n * c wraps to a small number */
    BACKWARD_WITH(c, SIZE_MAX, NORMATIVE_E_SIZE);
    if (norm < BATCHNORM) {
      BACKWARD_WITH(c, ((size_t)1 << 30) + 1, NORMATIVE_E_SIZE);
      continue;
    }
    BACKWARD_WITH(s, SIZE_MAX / 4 + 1, NORMATIVE_E_SIZE); /* n * s wraps to 0 */
    BACKWARD_WITH(s, ((size_t)1 << 28) + 1, NORMATIVE_E_SIZE);
    BACKWARD_WITH(layout, (normative_layout)0, NORMATIVE_E_ARGUMENT);
    BACKWARD_WITH(layout, (normative_layout)(NORMATIVE_NSC + 1), NORMATIVE_E_ARGUMENT);
    struct backward a = good_backward(norm); /* the order in which errors are said */
    a.s = SIZE_MAX;
    a.layout = (normative_layout)0;
    BACKWARD(NORMATIVE_E_ARGUMENT);
    a.eps = NAN;
    BACKWARD(NORMATIVE_E_EPS);
    a.x = NULL;
    BACKWARD(NORMATIVE_E_NULL);
  }
}

/* Every output over every other argument: the same address, and only the last bytes of the one over the first of the other. */
static void overlaps_backward(void **state)
{
  (void)state;
  enum { DX, DGAMMA, DBETA, WORK, DY, X, GAMMA, MEAN, RSTD, ARGUMENTS };
  EACH_LIBRARY EACH_NORM for (int i = 0; i < DY; ++i) for (int j = i + 1; j < ARGUMENTS; ++j)
  {
    if ((l == OPTIMIZED && (i == WORK || j == WORK)) || (norm == RMSNORM && j == MEAN)) continue;
    for (int partly = 0; partly < 2; ++partly) {
      struct backward a = good_backward(norm);
      if (norm < EVALUATION) {
        a.mean = mem.mean;
        a.rstd = mem.rstd;
      }
      void *p[ARGUMENTS] = {a.dx, a.dgamma, a.dbeta, a.work, (void *)a.dy, (void *)a.x, (void *)a.gamma, (void *)a.mean,
                            (void *)a.rstd};
      const size_t all = 20 * a.s * 4, work = norm < BATCHNORM ? 6 * 5 * 8 : (2 * 12 + 4) * 8;
      const size_t bytes[ARGUMENTS] = {all, 20, 20, work, all, all, 20, 40, 40};
      p[j] = (char *)p[i] + (partly ? bytes[i] - 4 : 0);
      if ((uintptr_t)p[j] % 8 && (j == WORK || j >= MEAN)) continue; /* doubles need their alignment */
      a = (struct backward){p[DX], p[DGAMMA], p[DBETA], p[DY], p[X], p[GAMMA], p[MEAN], p[RSTD], a.n, a.c, a.s, a.layout,
                            a.eps, p[WORK]};
      BACKWARD(i == DX && j == DY && !partly ? NORMATIVE_OK : NORMATIVE_E_OVERLAP);
    }
  }
}

/* dgamma and dbeta are 0, nothing else is written, and no input is looked at. */
static void empty_sizes_backward(void **state)
{
  (void)state;
  EACH_LIBRARY EACH_NORM for (int which = 0; which < (norm < BATCHNORM ? 2 : 3); ++which)
  {
    static struct memory before;
    struct backward a = good_backward(norm);
    *(which == 0 ? &a.n : which == 1 ? &a.c : &a.s) = 0;
    a.x = a.dy = a.gamma = NULL;
    a.mean = a.rstd = NULL;
    a.work = NULL;
    a.dx = NULL;
    memcpy(&before, &mem, sizeof mem);
    BACKWARD(NORMATIVE_OK);
    for (size_t k = 0; k < a.c; ++k) {
      VALUE(mem.dgamma[k], 0);
      VALUE(mem.dbeta[k], 0);
      mem.dgamma[k] = mem.dbeta[k] = 77;
    }
    assert_memory_equal(&mem, &before, sizeof mem);
    a.dgamma = a.dbeta = NULL;
    BACKWARD(NORMATIVE_OK);
    a.mean = mem.mean;
    BACKWARD(norm == LAYERNORM || norm == BATCHNORM ? NORMATIVE_E_NULL : NORMATIVE_OK);
    a.eps = -1;
    BACKWARD(norm == LAYERNORM || norm == BATCHNORM ? NORMATIVE_E_NULL : NORMATIVE_E_EPS);
  }
}

/* ---- backward: values ---- */

/* Rows, or channels as columns of a matrix, without gamma. */
static struct backward plain_backward(enum norm norm, const float *x, const float *dy, size_t n, size_t c, double eps)
{
  struct backward a = good_backward(norm);
  memcpy(mem.x, x, n * c * sizeof *x);
  memcpy(mem.dy, dy, n * c * sizeof *dy);
  a.gamma = NULL;
  a.n = n;
  a.c = c;
  a.s = 1;
  a.eps = eps;
  return a;
}

/* Rows 1, -1, 1, -1 (mean 0, rstd 1, so xhat = x) and 5, 3, 5, 3 (mean 4), with dy 4, 0, 2, 2 and 8, 0, 0, 0:
   mean(g) = 2, mean(g xhat) = 1, g - 2 - xhat; and mean(g) = 2, mean(g xhat) = 2, g - 2 - 2 xhat. */
static void gradients_by_hand(void **state)
{
  const float x[8] = {1, -1, 1, -1, 5, 3, 5, 3}, dy[8] = {4, 0, 2, 2, 8, 0, 0, 0};
  const float dx[8] = {1, -1, -1, 1, 4, 0, -4, 0};
  (void)state;
  EACH_LIBRARY for (int saved = 0; saved < 2; ++saved)
  {
    enum norm norm = LAYERNORM;
    struct backward a = plain_backward(norm, x, dy, 2, 4, 0);
    memcpy(mem.mean, (double[]){0, 4}, 16);
    memcpy(mem.rstd, (double[]){1, 1}, 16);
    if (saved) a.mean = mem.mean, a.rstd = mem.rstd;
    BACKWARD(NORMATIVE_OK);
    for (int i = 0; i < 8; ++i) VALUE(mem.dx[i], dx[i]);
    for (int j = 0; j < 4; ++j) VALUE(mem.dbeta[j], dy[j] + dy[4 + j]);
    for (int j = 0; j < 4; ++j) VALUE(mem.dgamma[j], (j % 2 ? -1 : 1) * (dy[j] + dy[4 + j]));

    a.gamma = (float[]){0.5f, 2, 1, 0.25f}; /* and dy such that g is as before, but for 0 0 2 2: dgamma, dbeta are of dy */
    memcpy(mem.dy, (float[]){8, 0, 2, 8, 16, 0, 0, 0}, 32);
    BACKWARD(NORMATIVE_OK);
    for (int i = 0; i < 8; ++i) VALUE(mem.dx[i], dx[i]);
    VALUE(mem.dbeta[0], 24);
    VALUE(mem.dgamma[3], -8);

    norm = BATCHNORM; /* the same groups as channels, in both layouts; gamma 3 and -1/2 */
    for (int nsc = 0; nsc < 2; ++nsc) {
      a = plain_backward(norm, (float[8]){0}, (float[8]){0}, 2, 2, 0);
      if (saved) a.mean = mem.mean, a.rstd = mem.rstd;
      memcpy(mem.mean, (double[]){0, 4}, 16);
      memcpy(mem.rstd, (double[]){1, 1}, 16);
      a.s = 2;
      a.layout = nsc ? NORMATIVE_NSC : NORMATIVE_NCS;
      a.gamma = (float[]){3, -0.5f};
      size_t at[8];
      for (size_t i = 0; i < 8; ++i) {
        at[i] = nsc ? i % 4 * 2 + i / 4 : (i % 4 / 2 * 2 + i / 4) * 2 + i % 2;
        mem.x[at[i]] = x[i];
        mem.dy[at[i]] = dy[i];
      }
      BACKWARD(NORMATIVE_OK);
      for (int i = 0; i < 8; ++i) VALUE(mem.dx[at[i]], (i < 4 ? 3 : -0.5) * dx[i]);
      VALUE(mem.dbeta[0], 8);
      VALUE(mem.dbeta[1], 8);
      VALUE(mem.dgamma[0], 4);
      VALUE(mem.dgamma[1], 8);
    }
  }
}

/* RMSNorm of 1, -7, 5, 5 (mean of squares 25, rstd 1/5): nothing is subtracted; and evaluation. */
static void gradients_without_the_mean(void **state)
{
  (void)state;
  EACH_LIBRARY for (int saved = 0; saved < 2; ++saved)
  {
    enum norm norm = RMSNORM;
    struct backward a = plain_backward(norm, (float[]){1, -7, 5, 5}, (float[]){5, 0, 0, 0}, 1, 4, 0);
    mem.rstd[0] = 0.2;
    if (saved) a.rstd = mem.rstd;
    BACKWARD(NORMATIVE_OK);
    const float expected[] = {0.99f, 0.07f, -0.05f, -0.05f}; /* mean(g xhat) = 1/4 */
    for (int i = 0; i < 4; ++i) assert_true(fabs(mem.dx[i] - expected[i]) < 1e-7);
    VALUE(mem.dgamma[0], 1);
    VALUE(mem.dgamma[1], 0);
    VALUE(mem.dbeta[0], 5);

    norm = EVALUATION; /* channels 1, 2 and 3, 4; 3, 15 + eps 1 are 4 and 16 */
    for (int nsc = 0; nsc < 2; ++nsc) {
      a = good_backward(norm);
      a.n = 1;
      a.c = 2;
      a.s = 2;
      a.eps = 1;
      a.layout = nsc ? NORMATIVE_NSC : NORMATIVE_NCS;
      memcpy(mem.x, nsc ? (float[]){1, 3, 2, 4} : (float[]){1, 2, 3, 4}, 16);
      memcpy(mem.dy, nsc ? (float[]){2, 8, -4, 1} : (float[]){2, -4, 8, 1}, 16);
      a.gamma = (float[]){2, -8};
      memcpy(mem.running_mean, (double[]){1, 2}, 16);
      memcpy(mem.running_var, (double[]){3, 15}, 16);
      BACKWARD(NORMATIVE_OK);
      VALUE(mem.dx[0], 2);
      VALUE(mem.dx[nsc ? 2 : 1], -4);
      VALUE(mem.dx[nsc ? 1 : 2], -16);
      VALUE(mem.dx[3], -2);
      VALUE(mem.dgamma[0], -2);  /* (2 * 0 - 4 * 1) / 2 */
      VALUE(mem.dgamma[1], 2.5); /* (8 * 1 + 1 * 2) / 4 */
      VALUE(mem.dbeta[0], -2);
      VALUE(mem.dbeta[1], 9);
    }
  }
}

/* Given statistics are taken as they are, however far from those of x. */
static void saved_statistics_are_taken(void **state)
{
  const float x[] = {3, 3, 5, 5}, dy[] = {1, 3, 1, 3}; /* mean 1, rstd 1/2: xhat 1 1 2 2; mean(g) = 2, mean(g xhat) = 3 */
  const float dx[] = {-2, -1, -3.5f, -2.5f};
  const enum norm norms[] = {LAYERNORM, BATCHNORM};
  (void)state;
  EACH_LIBRARY for (int k = 0; k < 2; ++k)
  {
    const enum norm norm = norms[k];
    struct backward a = plain_backward(norm, x, dy, norm == LAYERNORM ? 1 : 4, norm == LAYERNORM ? 4 : 1, 1e-5);
    mem.mean[0] = 1;
    mem.rstd[0] = 0.5;
    a.mean = mem.mean;
    a.rstd = mem.rstd;
    BACKWARD(NORMATIVE_OK);
    for (int i = 0; i < 4; ++i) VALUE(mem.dx[i], dx[i]);
    VALUE(mem.dbeta[0], norm == LAYERNORM ? 1 : 8);
    VALUE(mem.dgamma[0], norm == LAYERNORM ? 1 : 12);
  }
}

/* Gradients are overwritten, not added to; and each without the others is the same. */
static void gradients_are_overwritten(void **state)
{
  (void)state;
  EACH_LIBRARY EACH_NORM for (int dropped = 0; dropped < 3; ++dropped)
  {
    static struct memory first;
    struct backward a = good_backward(norm);
    BACKWARD(NORMATIVE_OK);
    memcpy(&first, &mem, sizeof mem);
    *(dropped == 0 ? &a.dx : dropped == 1 ? &a.dgamma : &a.dbeta) = NULL;
    BACKWARD(NORMATIVE_OK);
    assert_memory_equal(mem.dx, first.dx, sizeof mem.dx);
    assert_memory_equal(mem.dgamma, first.dgamma, sizeof mem.dgamma);
    assert_memory_equal(mem.dbeta, first.dbeta, sizeof mem.dbeta);
  }
}

static void in_place_backward(void **state)
{
  (void)state;
  EACH_LIBRARY EACH_NORM for (int nsc = 0; nsc < (norm < BATCHNORM ? 1 : 2); ++nsc)
  {
    static struct memory apart;
    struct backward a = good_backward(norm);
    a.layout = nsc ? NORMATIVE_NSC : NORMATIVE_NCS;
    BACKWARD(NORMATIVE_OK);
    memcpy(&apart, &mem, sizeof mem);
    a.dx = mem.dy;
    BACKWARD(NORMATIVE_OK);
    assert_memory_equal(mem.dy, apart.dx, 20 * a.s * sizeof(float));
    assert_memory_equal(mem.dgamma, apart.dgamma, sizeof mem.dgamma);
    assert_memory_equal(mem.dbeta, apart.dbeta, sizeof mem.dbeta);
  }
}

/* ---- backward: edges ---- */

/* xhat is 0 and dx = rstd (g - mean(g)): 0 for m = 1 only. eps = 0: 0 times infinity. */
static void constant_groups_backward(void **state)
{
  const float value[] = {12345.678f, 0.1f, FLT_MAX, -0x1p-149f, 0};
  const enum norm norms[] = {LAYERNORM, BATCHNORM};
  (void)state;
  EACH_LIBRARY for (int k = 0; k < 2; ++k) for (size_t v = 0; v < sizeof value / sizeof *value; ++v)
    for (size_t m = 1; m <= 33; m += m < 5 ? 1 : 7)
    {
      const enum norm norm = norms[k];
      float x[33], dy[33];
      double sum = 0;
      for (size_t i = 0; i < m; ++i) x[i] = value[v], dy[i] = (float)(i * i), sum += dy[i];
      const size_t rows = norm == LAYERNORM ? 1 : m, cols = norm == LAYERNORM ? m : 1;
      struct backward a = plain_backward(norm, x, dy, rows, cols, 0x1p-20);
      BACKWARD(NORMATIVE_OK);
      for (size_t i = 0; i < m; ++i) VALUE(mem.dx[i], (float)(0x1p10 * (dy[i] - sum / (double)m)));
      ALL(mem.dgamma, cols, 0);
      VALUE(mem.dbeta[0], norm == LAYERNORM ? dy[0] : sum);
      a.eps = 0;
      BACKWARD(NORMATIVE_OK);
      ALL(mem.dx, m, NAN);
      ALL(mem.dgamma, cols, NAN);
      VALUE(mem.dbeta[0], norm == LAYERNORM ? dy[0] : sum);
    }
}

/* Proportional to 1, xhat or both, with one gamma: dx is 0. Numbers are such that all arithmetic is exact. */
static void no_gradient_along_the_group(void **state)
{
  const enum norm norms[] = {LAYERNORM, BATCHNORM};
  (void)state;
  EACH_LIBRARY for (int k = 0; k < 2; ++k) for (int mix = 0; mix < 9; ++mix)
  {
    const enum norm norm = norms[k];
    float x[4] = {1e4f + 2, 1e4f - 2, 1e4f + 2, 1e4f - 2}, dy[4];
    for (int i = 0; i < 4; ++i) dy[i] = (float)(mix / 3 * 1024 + mix % 3 * (i % 2 ? -1 : 1));
    struct backward a = plain_backward(norm, x, dy, norm == LAYERNORM ? 1 : 4, norm == LAYERNORM ? 4 : 1, 0);
    BACKWARD(NORMATIVE_OK);
    ALL(mem.dx, 4, 0);
  }
}

/* The outermost finite numbers have finite gradients: x = s (1, -1, -1, 1), dx = (g - mean(g) - xhat mean(g xhat)) / s. */
static void extremes_backward(void **state)
{
  const float size[] = {FLT_MAX, 1e30f, 0x1p-20f, FLT_MIN, 0x1p-149f};
  (void)state;
  EACH_LIBRARY for (size_t i = 0; i < 5; ++i) for (int k = 0; k < 2; ++k)
  {
    const enum norm norm = k ? BATCHNORM : LAYERNORM;
    const float x[] = {size[i], -size[i], -size[i], size[i]}, g = size[i] > 1 ? FLT_MAX : size[i];
    struct backward a = plain_backward(norm, x, (float[]){g, g, 0, 0}, k ? 4 : 1, k ? 1 : 4, 0);
    BACKWARD(NORMATIVE_OK);
    const double half = (double)g / 2 / (double)size[i];
    const double dx[] = {half, half, -half, -half};
    for (int j = 0; j < 4; ++j) VALUE(mem.dx[j], (float)dx[j]);
    VALUE(mem.dbeta[0], k ? (float)(2.0 * g) : g);
    VALUE(mem.dgamma[0], k ? 0 : g);
    a.gamma = (float[]){FLT_MAX, FLT_MAX, FLT_MAX, FLT_MAX};
    BACKWARD(NORMATIVE_OK);
    for (int j = 0; j < 4; ++j) VALUE(mem.dx[j], (float)(FLT_MAX * dx[j]));
  }
}

/* One odd element in the middle of three groups of 20, of x, dy or (rows) gamma: dx of its group is NaN, of the others as
   before; which parameters it reaches. */
static void nonfinite_stays_in_its_gradient(void **state)
{
  const float odd[] = {NAN, INFINITY, -INFINITY};
  (void)state;
  EACH_LIBRARY for (enum norm norm = LAYERNORM; norm <= BATCHNORM; ++norm) for (int o = 0; o < 3; ++o)
    for (int where = 0; where < 4; ++where) for (size_t place = 0; place < 20; ++place)
    {
      const int in_x = where < 2, saved = where % 2;
      float x[60], dy[60];
      static struct memory clean;
      for (size_t i = 0; i < 60; ++i) x[i] = (float)((i * 13) % 17), dy[i] = (float)((i * 7) % 19) - 8.5f;
      const size_t n = norm == BATCHNORM ? 20 : 3, c = norm == BATCHNORM ? 3 : 20;
      const size_t at = norm == BATCHNORM ? 1 + place * 3 : 20 + place;
      struct backward a = plain_backward(norm, x, dy, n, c, 1e-5);
      for (int k = 0; k < 3; ++k) mem.mean[k] = 7.75, mem.rstd[k] = 0.25;
      if (saved) a.mean = mem.mean, a.rstd = mem.rstd;
      BACKWARD(NORMATIVE_OK);
      memcpy(&clean, &mem, sizeof mem);
      (in_x ? mem.x : mem.dy)[at] = odd[o];
      BACKWARD(NORMATIVE_OK);
      for (size_t i = 0; i < 60; ++i) VALUE(mem.dx[i], at % c == i % c && norm == BATCHNORM ? NAN
                                                       : i / c == 1 && norm != BATCHNORM   ? NAN
                                                                                           : clean.dx[i]);
      for (size_t k = 0; k < c; ++k) {
        const int reached = k == at % c, whole_row = in_x && !saved && norm == LAYERNORM;
        const int gone = in_x && !saved && norm == RMSNORM && o > 0; /* rstd = 0: that row adds 0 */
        if (reached || whole_row || (in_x && !saved && norm == RMSNORM && o == 0)) assert_false(isfinite(mem.dgamma[k]));
        else if (!gone) VALUE(mem.dgamma[k], clean.dgamma[k]);
        else assert_true(isfinite(mem.dgamma[k]));
        if (reached && !in_x) VALUE(mem.dbeta[k], odd[o]);
        else VALUE(mem.dbeta[k], clean.dbeta[k]);
      }
    }
}

/* With given statistics no term is more than its own: an infinite dy makes an infinite dgamma, two of them NaN. */
static void infinite_sums(void **state)
{
  (void)state;
  EACH_LIBRARY for (enum norm norm = LAYERNORM; norm < NORMS; ++norm) for (int k = 0; k < 2; ++k)
  {
    const float x[] = {2, 3, 4}, dy[] = {k ? INFINITY : 1, 5, -INFINITY};
    struct backward a = plain_backward(norm, x, dy, 3, 1, 0.75);
    for (int i = 0; i < 3; ++i) mem.mean[i] = mem.running_mean[i] = 1, mem.rstd[i] = 1, mem.running_var[i] = 0.25;
    if (norm != EVALUATION) a.mean = mem.mean, a.rstd = mem.rstd;
    BACKWARD(NORMATIVE_OK);
    VALUE(mem.dgamma[0], k ? NAN : -INFINITY);
    VALUE(mem.dbeta[0], k ? NAN : -INFINITY);
    if (norm != EVALUATION) continue;
    VALUE(mem.dx[1], 5);
    VALUE(mem.dx[2], -INFINITY);
  }
}

static void nonfinite_gamma_backward(void **state)
{
  const float odd[] = {NAN, INFINITY};
  (void)state;
  EACH_LIBRARY EACH_NORM for (int o = 0; o < 2; ++o)
  {
    static struct memory clean;
    struct backward a = good_backward(norm);
    BACKWARD(NORMATIVE_OK);
    memcpy(&clean, &mem, sizeof mem);
    a = good_backward(norm);
    mem.gamma[3] = odd[o];
    BACKWARD(NORMATIVE_OK);
    for (size_t i = 0; i < 20 * a.s; ++i) {
      if (norm >= BATCHNORM && i / 3 % 5 != 3) VALUE(mem.dx[i], clean.dx[i]);
      else if (norm == EVALUATION) assert_false(isfinite(mem.dx[i]));
      else VALUE(mem.dx[i], NAN);
    }
    assert_memory_equal(mem.dgamma, clean.dgamma, sizeof mem.dgamma);
    assert_memory_equal(mem.dbeta, clean.dbeta, sizeof mem.dbeta);
  }
}

static void evaluation_backward_is_by_element(void **state)
{
  const enum norm norm = EVALUATION;
  const float odd[] = {NAN, INFINITY, -INFINITY};
  (void)state;
  EACH_LIBRARY for (int o = 0; o < 3; ++o) for (int in_x = 0; in_x < 2; ++in_x) for (int nsc = 0; nsc < 2; ++nsc)
  {
    static struct memory clean;
    struct backward a = good_backward(norm);
    a.layout = nsc ? NORMATIVE_NSC : NORMATIVE_NCS;
    BACKWARD(NORMATIVE_OK);
    memcpy(&clean, &mem, sizeof mem);
    (in_x ? mem.x : mem.dy)[31] = odd[o];
    BACKWARD(NORMATIVE_OK);
    for (size_t i = 0; i < 60; ++i) VALUE(mem.dx[i], i == 31 && !in_x ? odd[o] : clean.dx[i]);
    const size_t reached = nsc ? 31 % 5 : 31 / 3 % 5;
    for (size_t k = 0; k < 5; ++k) {
      if (k == reached) assert_false(isfinite(mem.dgamma[k]));
      else VALUE(mem.dgamma[k], clean.dgamma[k]);
      VALUE(mem.dbeta[k], k == reached && !in_x ? odd[o] : clean.dbeta[k]);
    }
  }
}

/* var + eps = 0: infinities where g is not 0; below 0: NaN. */
static void evaluation_backward_at_the_root(void **state)
{
  const enum norm norm = EVALUATION;
  (void)state;
  EACH_LIBRARY
  {
    struct backward a = plain_backward(norm, (float[]){1, 1, 1, 1}, (float[]){1, 0, -1, 1}, 1, 4, 0.5);
    for (int k = 0; k < 4; ++k) mem.running_mean[k] = 0, mem.running_var[k] = k < 3 ? -0.5 : -1;
    BACKWARD(NORMATIVE_OK);
    VALUE(mem.dx[0], INFINITY);
    VALUE(mem.dx[1], NAN);
    VALUE(mem.dx[2], -INFINITY);
    VALUE(mem.dx[3], NAN);
    VALUE(mem.dgamma[0], INFINITY);
    VALUE(mem.dgamma[1], NAN);
    VALUE(mem.dgamma[3], NAN);
    VALUE(mem.dbeta[2], -1);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(good_calls_pass),
    cmocka_unit_test(null_pointers),
    cmocka_unit_test(bad_eps),
    cmocka_unit_test(bad_momentum),
    cmocka_unit_test(bad_enumerations),
    cmocka_unit_test(sizes_that_overflow),
    cmocka_unit_test(overlaps),
    cmocka_unit_test(neighbours_are_no_overlap),
    cmocka_unit_test(unbiased_variance_of_one),
    cmocka_unit_test(precedence),
    cmocka_unit_test(every_status_has_a_text),
    cmocka_unit_test(empty_sizes),
    cmocka_unit_test(by_hand),
    cmocka_unit_test(as_pytorch_prints),
    cmocka_unit_test(batchnorm_in_both_layouts),
    cmocka_unit_test(running),
    cmocka_unit_test(running_by_decimal_momentum),
    cmocka_unit_test(evaluation_changes_no_running_statistics),
    cmocka_unit_test(constants_and_single_elements),
    cmocka_unit_test(rms_of_zeros),
    cmocka_unit_test(extremes),
    cmocka_unit_test(nonfinite_stays_in_its_group),
    cmocka_unit_test(evaluation_is_by_element),
    cmocka_unit_test(evaluation_at_the_root),
    cmocka_unit_test(nonfinite_parameters),
    cmocka_unit_test(in_place),
    cmocka_unit_test(good_backward_calls_pass),
    cmocka_unit_test(null_pointers_backward),
    cmocka_unit_test(bad_arguments_backward),
    cmocka_unit_test(overlaps_backward),
    cmocka_unit_test(empty_sizes_backward),
    cmocka_unit_test(gradients_by_hand),
    cmocka_unit_test(gradients_without_the_mean),
    cmocka_unit_test(saved_statistics_are_taken),
    cmocka_unit_test(gradients_are_overwritten),
    cmocka_unit_test(in_place_backward),
    cmocka_unit_test(constant_groups_backward),
    cmocka_unit_test(no_gradient_along_the_group),
    cmocka_unit_test(extremes_backward),
    cmocka_unit_test(nonfinite_stays_in_its_gradient),
    cmocka_unit_test(infinite_sums),
    cmocka_unit_test(nonfinite_gamma_backward),
    cmocka_unit_test(evaluation_backward_is_by_element),
    cmocka_unit_test(evaluation_backward_at_the_root),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
