/* SPDX-License-Identifier: Apache-2.0
   Every function of the libraries in every type: what it refuses, in which order, and that it then writes nothing; sizes of 0.
   And SwitchableNorm: its weights, and the norms it turns into. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "normative.h"
#include "switchnorm.h"
#include <math.h>
#include <mpfr.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* ---- every function, behind one struct ---- */

struct arguments {
  void *y, *sum, *dx, *dgamma, *dbeta, *dlambda_mean, *dlambda_var;
  const void *x, *residual, *dy, *gamma, *beta, *lambda_mean, *lambda_var;
  double *mean, *rstd, *running_mean, *running_var, *work;
  size_t n, c, s, groups, lambdas;
  int layout, rule, estimator;
  double eps, momentum;
};
struct entry {
  const char *name;
  normative_status (*call)(const struct arguments *a);
  const char *text; /* norm_calls.inc */
  size_t size, param_size;
};

#define JOINED(a, b, c) a##_##b##_##c
#define JOIN(a, b, c) JOINED(a, b, c)
#define QUOTED(a) #a
#define QUOTE(a) QUOTED(a)
#define LIBRARY ref
#define WORK " work!>"
#define LAST(a) (a)->work
#include "norm_calls_types.inc"
#undef LIBRARY
#undef WORK
#undef LAST
#define LIBRARY opt
#define WORK ""
#define LAST(a) 1
#include "norm_calls_types.inc"

#define TABLE(library, type)                                                                                            \
  {library##_entries_##type, sizeof library##_entries_##type / sizeof *library##_entries_##type, #type}
#define TABLES(library) TABLE(library, f32), TABLE(library, f64), TABLE(library, f16), TABLE(library, bf16), \
  TABLE(library, f16_f32), TABLE(library, bf16_f32)
static const struct { const struct entry *entry; size_t entries; const char *type; } tables[] = {TABLES(ref), TABLES(opt)};

/* Does e's text have this word, with this mark ("" for any)? */
static bool has(const struct entry *e, const char *word, const char *mark)
{
  const size_t length = strlen(word);
  for (const char *p = e->text; (p = strstr(p, word)); p += length) {
    const size_t tail = strcspn(p + length, " ");
    if ((p == e->text || p[-1] == ' ') && strspn(p + length, "!&>") == tail)
      return !*mark || memchr(p + length, *mark, tail);
  }
  return false;
}

/* ---- memory ---- */

/* 2 x 6 x 3, as rows 2 x 6; every argument has room for all of it, and the tensors for rows of doubles. */
enum { N = 2, C = 6, S = 3, ROOM = 8 * N * C * S, ARGUMENTS = 18, WORK_ROOM = 2048 };
static struct { _Alignas(16) unsigned char of[ARGUMENTS][ROOM]; double work[WORK_ROOM]; } mem, before;

static const struct { const char *name; size_t offset; } pointers[] = {
#define POINTER(name) {#name, offsetof(struct arguments, name)}
  POINTER(y), POINTER(sum), POINTER(dx), POINTER(dgamma), POINTER(dbeta), POINTER(dlambda_mean), POINTER(dlambda_var),
  POINTER(x), POINTER(residual), POINTER(dy), POINTER(gamma), POINTER(beta), POINTER(lambda_mean), POINTER(lambda_var),
  POINTER(mean), POINTER(rstd), POINTER(running_mean), POINTER(running_var), POINTER(work)};
enum { POINTERS = sizeof pointers / sizeof *pointers };

static void *pointer(const struct arguments *a, size_t i)
{
  void *p;
  memcpy(&p, (const char *)a + pointers[i].offset, sizeof p);
  return p;
}

static void set_pointer(struct arguments *a, size_t i, const void *p) { memcpy((char *)a + pointers[i].offset, &p, sizeof p); }

/* Nothing wrong: bytes 0x3b are a small positive number in every type. */
static struct arguments good(void)
{
  struct arguments a = {.n = N, .c = C, .s = S, .groups = 3, .lambdas = 3, .eps = 1e-5, .momentum = 0.1,
                        .layout = NORMATIVE_NCS, .rule = NORMATIVE_MOMENTUM_NEW, .estimator = NORMATIVE_UNBIASED};
  for (size_t i = 0; i < ARGUMENTS; ++i) {
    memset(mem.of[i], 0x3b, ROOM);
    set_pointer(&a, i, mem.of[i]);
  }
  memset(mem.work, 0x3b, sizeof mem.work);
  a.work = mem.work;
  before = mem;
  return a;
}

/* ---- faults ---- */

struct fault {
  const char *needs; /* applies where the text has this word with this mark; two words: both */
  const char *mark;
  normative_status status;
  void (*apply)(struct arguments *a);
};
#define FAULT(name, statement) static void name(struct arguments *a) { statement; }
FAULT(eps_negative, a->eps = -1e-300)
FAULT(eps_nan, a->eps = NAN)
FAULT(eps_infinite, a->eps = INFINITY)
FAULT(momentum_negative, a->momentum = -0.1)
FAULT(momentum_large, a->momentum = 1.5)
FAULT(momentum_nan, a->momentum = NAN)
FAULT(momentum_none, (a->momentum = 0.5, a->rule = NORMATIVE_MOMENTUM_CUMULATIVE))
FAULT(layout_0, a->layout = 0)
FAULT(layout_3, a->layout = 3)
FAULT(rule_0, a->rule = 0)
FAULT(rule_4, a->rule = 4)
FAULT(estimator_0, a->estimator = 0)
FAULT(estimator_3, a->estimator = 3)
FAULT(lambdas_1, a->lambdas = 1)
FAULT(lambdas_4, a->lambdas = 4)
FAULT(lambdas_2, a->lambdas = 2)
FAULT(groups_0, a->groups = 0)
FAULT(groups_4, a->groups = 4)
FAULT(groups_12, a->groups = 12)
FAULT(many_n, a->n = SIZE_MAX / 2)
FAULT(many_s, a->s = SIZE_MAX / 2)
FAULT(many_c, a->c = SIZE_MAX / 8 * 6) /* a multiple of 3 groups */
FAULT(wide_n, (a->n = ((size_t)1 << 30) / S + 1, a->c = 3))
FAULT(wide_c, (a->n = 1, a->c = ((size_t)1 << 30) + 2, a->s = 1, a->groups = 1))
FAULT(wide_s, (a->n = 1, a->c = 1, a->s = ((size_t)1 << 30) + 1, a->groups = 1))
static const struct fault faults[] = {
  {"eps", "", NORMATIVE_E_EPS, eps_negative}, {"eps", "", NORMATIVE_E_EPS, eps_nan}, {"eps", "", NORMATIVE_E_EPS, eps_infinite},
  {"momentum", "", NORMATIVE_E_MOMENTUM, momentum_negative}, {"momentum", "", NORMATIVE_E_MOMENTUM, momentum_large},
  {"momentum", "", NORMATIVE_E_MOMENTUM, momentum_nan}, {"momentum", "", NORMATIVE_E_MOMENTUM, momentum_none},
  {"layout", "", NORMATIVE_E_ARGUMENT, layout_0}, {"layout", "", NORMATIVE_E_ARGUMENT, layout_3},
  {"rule", "", NORMATIVE_E_ARGUMENT, rule_0}, {"rule", "", NORMATIVE_E_ARGUMENT, rule_4},
  {"estimator", "", NORMATIVE_E_ARGUMENT, estimator_0}, {"estimator", "", NORMATIVE_E_ARGUMENT, estimator_3},
  {"lambdas", "", NORMATIVE_E_ARGUMENT, lambdas_1}, {"lambdas", "", NORMATIVE_E_ARGUMENT, lambdas_4},
  {"lambdas momentum", "", NORMATIVE_E_ARGUMENT, lambdas_2}, /* and running statistics */
  {"groups", "", NORMATIVE_E_GROUPS, groups_0}, {"groups", "", NORMATIVE_E_GROUPS, groups_4},
  {"groups", "", NORMATIVE_E_GROUPS, groups_12},
  {"n", "", NORMATIVE_E_SIZE, many_n}, {"s", "", NORMATIVE_E_SIZE, many_s}, {"c", "", NORMATIVE_E_SIZE, many_c},
  {"N", "", NORMATIVE_E_SIZE, wide_n}, {"C", "", NORMATIVE_E_SIZE, wide_c}, {"S", "", NORMATIVE_E_SIZE, wide_s}};
enum { FAULTS = sizeof faults / sizeof *faults };

static bool applies(const struct entry *e, const struct fault *f)
{
  char word[32];
  for (const char *p = f->needs; *p; p += strspn(p, " ")) {
    const size_t length = strcspn(p, " ");
    snprintf(word, sizeof word, "%.*s", (int)length, p);
    if (!has(e, word, f->mark)) return false;
    p += length;
  }
  return true;
}

/* The status, and that an error wrote nothing. */
static void expect(const char *type, const struct entry *e, const struct arguments *a, normative_status status,
                   const char *what, const char *and)
{
  const normative_status got = e->call(a);
  if (got != status)
    fail_msg("%s_%s, %s %s: \"%s\" instead of \"%s\"", e->name, type, what, and, normative_status_text(got),
             normative_status_text(status));
  if (status != NORMATIVE_OK && memcmp(&before, &mem, sizeof mem)) fail_msg("%s_%s, %s %s: wrote", e->name, type, what, and);
}

#define EACH_ENTRY                                                                                                      \
  for (size_t t = 0; t < sizeof tables / sizeof *tables; ++t)                                                           \
    for (const struct entry *e = tables[t].entry; e < tables[t].entry + tables[t].entries; ++e)

/* Each alone, and any two together: then the status that comes first. */
static void refusals(void **state)
{
  (void)state;
  EACH_ENTRY
  {
    struct arguments a = good();
    expect(tables[t].type, e, &a, NORMATIVE_OK, "nothing wrong", "");
    for (size_t i = 0; i < FAULTS; ++i) {
      if (!applies(e, &faults[i])) continue;
      for (size_t j = 0; j < FAULTS; ++j) {
        const normative_status one = faults[i].status, other = faults[j].status;
        if (!applies(e, &faults[j]) || (i != j && one == other)) continue;
        a = good();
        faults[i].apply(&a);
        faults[j].apply(&a);
        if (one == NORMATIVE_E_SIZE || other == NORMATIVE_E_SIZE) /* another c is another answer to groups */
          if (one == NORMATIVE_E_GROUPS || other == NORMATIVE_E_GROUPS) continue;
        if (i != j && (one == NORMATIVE_E_MOMENTUM || other == NORMATIVE_E_MOMENTUM) &&
            (one == NORMATIVE_E_ARGUMENT || other == NORMATIVE_E_ARGUMENT) && a.rule != NORMATIVE_MOMENTUM_NEW) continue;
        expect(tables[t].type, e, &a, one < other ? one : other, faults[i].needs, faults[j].needs);
      }
    }
  }
}

/* A required pointer is NULL; one of a pair; any other may be. A NULL comes before every other fault. */
static void null_pointers(void **state)
{
  (void)state;
  EACH_ENTRY for (size_t i = 0; i < POINTERS; ++i)
  {
    if (!has(e, pointers[i].name, "")) continue;
    struct arguments a = good();
    const bool refused = has(e, pointers[i].name, "!") || has(e, pointers[i].name, "&");
    set_pointer(&a, i, NULL);
    expect(tables[t].type, e, &a, refused ? NORMATIVE_E_NULL : NORMATIVE_OK, pointers[i].name, "NULL");
    if (!refused) continue;
    a.eps = NAN;
    a.layout = 0;
    expect(tables[t].type, e, &a, NORMATIVE_E_NULL, pointers[i].name, "NULL and eps NaN");
  }
}

/* Both of a pair may be. */
static void null_pairs(void **state)
{
  (void)state;
  EACH_ENTRY
  {
    struct arguments a = good();
    for (size_t i = 0; i < POINTERS; ++i)
      if (has(e, pointers[i].name, "&")) set_pointer(&a, i, NULL);
    expect(tables[t].type, e, &a, NORMATIVE_OK, "no pair", "");
  }
}

static bool may_be_same(const char *a, const char *b)
{
  static const char *const pairs[][2] = {{"y", "x"}, {"y", "residual"}, {"sum", "x"}, {"sum", "residual"}, {"dx", "dy"}};
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; ++i)
    for (int k = 0; k < 2; ++k)
      if (!strcmp(a, pairs[i][k]) && !strcmp(b, pairs[i][!k])) return true;
  return false;
}

/* Every output, work among them, against every other argument: the same, or by the last byte of the first entry. */
static void overlaps(void **state)
{
  (void)state;
  EACH_ENTRY for (size_t i = 0; i < POINTERS; ++i) for (size_t j = 0; j < POINTERS; ++j)
  {
    if (i == j || !has(e, pointers[i].name, ">") || !has(e, pointers[j].name, "")) continue;
    struct arguments a = good();
    set_pointer(&a, j, pointer(&a, i));
    const bool same = may_be_same(pointers[i].name, pointers[j].name);
    expect(tables[t].type, e, &a, same ? NORMATIVE_OK : NORMATIVE_E_OVERLAP, pointers[i].name, pointers[j].name);
    a = good();
    set_pointer(&a, j, (char *)pointer(&a, i) + 1);
    expect(tables[t].type, e, &a, NORMATIVE_E_OVERLAP, pointers[i].name, pointers[j].name);
  }
}

/* ---- variance, empty ---- */

/* An unbiased variance of one element. */
static void one_element(void **state)
{
  (void)state;
  EACH_ENTRY
  {
    if (!has(e, "estimator", "")) continue;
    for (int which = 0; which < 4; ++which) {
      struct arguments a = good();
      const bool n_matters = has(e, "N", "");
      a.s = 1;
      a.n = which & 1 || n_matters ? 1 : N;
      if (which & 2) a.estimator = NORMATIVE_POPULATION;
      expect(tables[t].type, e, &a, which & 2 ? NORMATIVE_OK : NORMATIVE_E_VARIANCE, "one element", "");
    }
    struct arguments a = good();
    a.n = 1;
    expect(tables[t].type, e, &a, NORMATIVE_OK, "one sample", "");
    a.s = 1;
    a.running_mean = a.running_var = NULL;
    expect(tables[t].type, e, &a, NORMATIVE_OK, "one element", "untracked");
    a = good();
    a.s = 1;
    expect(tables[t].type, e, &a, has(e, "N", "") ? NORMATIVE_OK : NORMATIVE_E_VARIANCE, "one place", "");
  }
}

/* Does argument p consist of 0 bytes in the count entries it has, and of the old ones behind? */
static void is_zero(const char *type, const struct entry *e, const unsigned char *p, size_t bytes, const char *name)
{
  for (size_t i = 0; i < ROOM; ++i)
    if (p[i] != (i < bytes ? 0 : 0x3b)) fail_msg("%s_%s, no elements: byte %zu of %s is %d", e->name, type, i, name, p[i]);
}

static void no_elements(const char *type, const struct entry *e, const struct arguments *a)
{
  expect(type, e, a, NORMATIVE_OK, "a size of 0", "");
  for (size_t i = 0; i < ARGUMENTS; ++i) {
    const char *name = pointers[i].name;
    size_t entries = !strcmp(name, "dgamma") || !strcmp(name, "dbeta") ? a->c : !strncmp(name, "dlambda", 7) ? 3 : 0;
    is_zero(type, e, mem.of[i], has(e, name, "") ? entries * e->param_size : 0, name);
  }
  if (memcmp(mem.work, before.work, sizeof mem.work)) fail_msg("%s_%s, no elements: wrote work", e->name, type);
}

/* A size of 0: nothing but dgamma, dbeta and the lambdas' gradients is written, and those are 0; NULLs and overlap do not
   matter; a running update is an error. */
static void empty(void **state)
{
  (void)state;
  EACH_ENTRY for (int which = 0; which < 3; ++which)
  {
    struct arguments a = good();
    if (which == 2 && !has(e, "s", "")) continue;
    *(which == 0 ? &a.n : which == 1 ? &a.c : &a.s) = 0;
    if (has(e, "momentum", "")) {
      expect(tables[t].type, e, &a, which == 1 ? NORMATIVE_OK : NORMATIVE_E_EMPTY, "a size of 0", "tracked");
      a.running_mean = a.running_var = NULL;
    }
    no_elements(tables[t].type, e, &a);
    a.x = a.dy = a.y = a.work = NULL;
    a.gamma = a.dgamma;
    expect(tables[t].type, e, &a, NORMATIVE_OK, "a size of 0", "and NULL");
    a.eps = -1;
    before = mem;
    expect(tables[t].type, e, &a, NORMATIVE_E_EPS, "a size of 0", "and eps -1");
  }
}

/* Inputs stay as they are. */
static void inputs_stay(void **state)
{
  (void)state;
  EACH_ENTRY
  {
    struct arguments a = good();
    expect(tables[t].type, e, &a, NORMATIVE_OK, "inputs", "");
    for (size_t i = 0; i < ARGUMENTS; ++i)
      if (!has(e, pointers[i].name, ">") && memcmp(mem.of[i], before.of[i], ROOM))
        fail_msg("%s_%s wrote %s", e->name, tables[t].type, pointers[i].name);
  }
}

/* ---- SwitchableNorm ---- */

static uint64_t random_state = 5;
static double uniform(void) /* in [-1,1), of 24 bits (Knuth's MMIX) */
{
  random_state = random_state * 6364136223846793005u + 1442695040888963407u;
  return (double)(random_state >> 40) * 0x1p-23 - 1;
}

/* |w - t| in units of 2^-53 t. */
static double in_u(struct wide w, mpfr_t t)
{
  mpfr_t d;
  mpfr_init2(d, 200);
  mpfr_set_d(d, w.v, MPFR_RNDN);
  mpfr_mul_2si(d, d, (long)(512 * w.e), MPFR_RNDN);
  mpfr_sub(d, d, t, MPFR_RNDN);
  mpfr_div(d, d, t, MPFR_RNDN);
  const double off = fabs(mpfr_get_d(d, MPFR_RNDN)) * 0x1p53;
  mpfr_clear(d);
  return off;
}

static double weights_off(const double *lambda, size_t kinds)
{
  struct wide w[3];
  mpfr_t e[3], sum;
  double worst = 0;
  softmax(w, lambda, kinds);
  mpfr_init2(sum, 200);
  mpfr_set_zero(sum, 1);
  for (size_t k = 0; k < kinds; ++k) {
    mpfr_init2(e[k], 200);
    mpfr_set_d(e[k], lambda[k], MPFR_RNDN);
    mpfr_exp(e[k], e[k], MPFR_RNDN);
    mpfr_add(sum, sum, e[k], MPFR_RNDN);
  }
  for (size_t k = 0; k < kinds; ++k) {
    mpfr_div(e[k], e[k], sum, MPFR_RNDN);
    worst = fmax(worst, in_u(w[k], e[k]));
    mpfr_clear(e[k]);
  }
  mpfr_clear(sum);
  return worst;
}

/* Each weight within 5 u, however small it is; exactly 1/2 and 1/3 rounded where lambdas are equal. */
static void weights(void **state)
{
  static const double spread[] = {1e-9, 0.1, 1, 30, 700, 1e5};
  struct wide w[3];
  double worst = 0;
  (void)state;
  for (size_t i = 0; i < 20000; ++i) {
    double lambda[3];
    for (size_t k = 0; k < 3; ++k) lambda[k] = spread[i % 6] * uniform() + (i % 7 ? 0 : 3);
    worst = fmax(worst, weights_off(lambda, 2 + i % 2));
  }
  if (!(worst <= 5)) fail_msg("a weight is %.2f u off", worst);
  const double far[] = {1e308, -1e308, 1e308}, small[] = {0x1p-1074, -0x1p-1074, 0}, nan[] = {1, NAN, 0};
  softmax(w, far, 3);
  assert_true(narrow(w[0]) == 0.5 && narrow(w[1]) == 0 && narrow(w[2]) == 0.5);
  softmax(w, small, 3);
  for (size_t k = 0; k < 3; ++k) assert_true(narrow(w[k]) == 1.0 / 3);
  softmax(w, nan, 3);
  for (size_t k = 0; k < 3; ++k) assert_true(isnan(narrow(w[k])));
}

enum { SN = 3, SC = 4, SS = 5, COUNT = SN * SC * SS };
static double work[4096];

/* y and the four gradients of SwitchableNorm, in NCS. */
struct switching { double y[COUNT], dx[COUNT], dgamma[SC], dbeta[SC], dlambda_mean[3], dlambda_var[3]; };
static const double sgamma[SC] = {0.5, -2, 1, 3}, sbeta[SC] = {1, 0, -0.5, 8};

static void switching(struct switching *r, const double *x, const double *dy, const double *lambda, size_t lambdas)
{
  assert_true(ref_switchnorm_work(SN, SC, SS) <= 4096 && ref_switchnorm_backward_work(SN, SC, SS) <= 4096);
  assert_int_equal(ref_switchnorm_forward_f64(r->y, NULL, NULL, x, sgamma, sbeta, lambda, lambda, lambdas, SN, SC, SS,
                                              NORMATIVE_NCS, 1e-3, 0.1, NORMATIVE_MOMENTUM_NEW, NORMATIVE_POPULATION, work),
                   NORMATIVE_OK);
  assert_int_equal(ref_switchnorm_backward_f64(r->dx, r->dgamma, r->dbeta, r->dlambda_mean, r->dlambda_var, dy, x, sgamma,
                                               lambda, lambda, lambdas, SN, SC, SS, NORMATIVE_NCS, 1e-3, work),
                   NORMATIVE_OK);
}

static void near(const double *a, const double *b, size_t count, double most, const char *what)
{
  for (size_t i = 0; i < count; ++i)
    if (!(fabs(a[i] - b[i]) <= most * fmax(1, fabs(b[i])))) fail_msg("%s: %.17g at %zu, not %.17g", what, a[i], i, b[i]);
}

static void fill(double *p, size_t count)
{
  for (size_t i = 0; i < count; ++i) p[i] = uniform();
}

/* With all the weight on one kind it is InstanceNorm, GroupNorm of one group, BatchNorm, forward and backward. */
static void becomes_others(void **state)
{
  static const double lambda[3][3] = {{0, -3e5, -3e5}, {-3e5, 0, -3e5}, {-3e5, -3e5, 0}};
  double x[COUNT], dy[COUNT], y[COUNT], dx[COUNT], dgamma[SC], dbeta[SC];
  struct switching r;
  (void)state;
  fill(x, COUNT), fill(dy, COUNT);
  for (int k = 0; k < 3; ++k) {
    switching(&r, x, dy, lambda[k], 3);
    if (k == 0) {
      ref_instancenorm_forward_f64(y, NULL, NULL, NULL, NULL, x, sgamma, sbeta, SN, SC, SS, NORMATIVE_NCS, 1e-3, 0.1,
                                   NORMATIVE_MOMENTUM_NEW, NORMATIVE_POPULATION, work);
      ref_instancenorm_backward_f64(dx, dgamma, dbeta, dy, x, sgamma, NULL, NULL, SN, SC, SS, NORMATIVE_NCS, 1e-3, work);
    } else if (k == 1) {
      ref_groupnorm_forward_f64(y, NULL, NULL, x, sgamma, sbeta, SN, SC, SS, 1, NORMATIVE_NCS, 1e-3, work);
      ref_groupnorm_backward_f64(dx, dgamma, dbeta, dy, x, sgamma, NULL, NULL, SN, SC, SS, 1, NORMATIVE_NCS, 1e-3, work);
    } else {
      ref_batchnorm_forward_f64(y, NULL, NULL, NULL, NULL, x, sgamma, sbeta, SN, SC, SS, NORMATIVE_NCS, 1e-3, 0.1,
                                NORMATIVE_MOMENTUM_NEW, NORMATIVE_POPULATION, work);
      ref_batchnorm_backward_f64(dx, dgamma, dbeta, dy, x, sgamma, NULL, NULL, SN, SC, SS, NORMATIVE_NCS, 1e-3, work);
    }
    near(r.y, y, COUNT, 1e-14, "y");
    near(r.dx, dx, COUNT, 1e-13, "dx");
    near(r.dgamma, dgamma, SC, 1e-14, "dgamma");
    near(r.dbeta, dbeta, SC, 1e-15, "dbeta");
  }
}

/* Without the batch's statistics, a weight of 0 on them: the same bits but for how many lambdas. */
static void without_batch(void **state)
{
  static const double lambda[3] = {0.25, -0.75, -INFINITY};
  double x[COUNT], dy[COUNT];
  struct switching two, three;
  (void)state;
  fill(x, COUNT), fill(dy, COUNT);
  switching(&two, x, dy, lambda, 2);
  switching(&three, x, dy, lambda, 3);
  assert_memory_equal(two.y, three.y, sizeof two.y);
  assert_memory_equal(two.dx, three.dx, sizeof two.dx);
  assert_memory_equal(two.dlambda_var, three.dlambda_var, 2 * sizeof(double));
}

/* x + 2^40 and x: the same bits, where x + 2^40 is exact; x 2^k and eps 4^k too; lambdas + a constant as well. */
static void invariances(void **state)
{
  double x[COUNT], moved[COUNT], dy[COUNT], lambda[3] = {0.5, -1, 0.25}, raised[3];
  struct switching a, b;
  (void)state;
  for (size_t i = 0; i < COUNT; ++i) x[i] = floor(64 * uniform()) / 8;
  fill(dy, COUNT);
  for (size_t i = 0; i < COUNT; ++i) moved[i] = x[i] + 0x1p40;
  for (size_t k = 0; k < 3; ++k) raised[k] = lambda[k] + 1024;
  switching(&a, x, dy, lambda, 3);
  switching(&b, moved, dy, lambda, 3);
  near(b.y, a.y, COUNT, 1e-15, "y of x + 2^40"); /* the shift changes which double m is, and so roundings */
  near(b.dx, a.dx, COUNT, 1e-14, "dx of x + 2^40");
  switching(&b, x, dy, raised, 3);
  assert_memory_equal(a.y, b.y, sizeof a.y);
  assert_memory_equal(a.dlambda_mean, b.dlambda_mean, sizeof a.dlambda_mean);
  static const int scale[] = {-960, -30, 30, 960};
  for (size_t k = 0; k < 4; ++k) {
    for (size_t i = 0; i < COUNT; ++i) moved[i] = ldexp(x[i], scale[k]);
    double y[2][COUNT];
    for (int j = 0; j < 2; ++j)
      ref_switchnorm_forward_f64(y[j], NULL, NULL, j ? moved : x, sgamma, sbeta, lambda, lambda, 3, SN, SC, SS, NORMATIVE_NCS,
                                 j && scale[k] < 500 ? ldexp(0x1p-60, 2 * scale[k]) : 0x1p-60 * !j, 0.1, NORMATIVE_MOMENTUM_NEW,
                                 NORMATIVE_POPULATION, work);
    if (scale[k] > -500 && scale[k] < 500) assert_memory_equal(y[0], y[1], sizeof y[0]);
    else near(y[1], y[0], COUNT, 1e-15, "y of 2^k x");
  }
}

/* NaN in one instance spreads along its sample and its channel, even at weight 0; without the batch's along the sample
   alone. */
static void spreads(void **state)
{
  static const double lambda[3] = {0, -INFINITY, -INFINITY};
  double x[COUNT], dy[COUNT];
  struct switching r;
  (void)state;
  fill(x, COUNT), fill(dy, COUNT);
  x[(1 * SC + 2) * SS + 3] = NAN;
  for (size_t lambdas = 2; lambdas <= 3; ++lambdas) {
    switching(&r, x, dy, lambda, lambdas);
    for (size_t i = 0; i < COUNT; ++i) {
      const size_t o = i / (SC * SS), k = i / SS % SC;
      assert_true(!isnan(r.y[i]) == !(o == 1 || (lambdas == 3 && k == 2)));
    }
  }
}

/* A constant tensor: y is beta, and the lambdas have no gradient. */
static void constants(void **state)
{
  static const double lambda[3] = {1, 0, 2};
  double x[COUNT], dy[COUNT];
  struct switching r;
  (void)state;
  fill(dy, COUNT);
  for (size_t i = 0; i < COUNT; ++i) x[i] = 0.1;
  switching(&r, x, dy, lambda, 3);
  for (size_t i = 0; i < COUNT; ++i) assert_true(r.y[i] == sbeta[i / SS % SC]);
  for (size_t k = 0; k < 3; ++k) assert_true(r.dlambda_mean[k] == 0 && r.dlambda_var[k] == 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(refusals), cmocka_unit_test(null_pointers), cmocka_unit_test(null_pairs), cmocka_unit_test(overlaps),
    cmocka_unit_test(one_element), cmocka_unit_test(empty), cmocka_unit_test(inputs_stay), cmocka_unit_test(weights),
    cmocka_unit_test(becomes_others), cmocka_unit_test(without_batch), cmocka_unit_test(invariances), cmocka_unit_test(spreads),
    cmocka_unit_test(constants)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
