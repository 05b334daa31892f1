/* SPDX-License-Identifier: Apache-2.0
   Element types. 16 bits: every load, and every rounding boundary of the store, through the library. f64: what it promises,
   against the oracle, on numbers from all over the type: squares, products, sums and differences that over- or underflow though
   the result fits. */
#include "builtin.h"
#include "host.h"
#include "judge.h"
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* ---- 16 bits ---- */

static const struct narrow {
  const char *problem;
  int fraction, least; /* bits of the fraction, exponent of the least normal number */
} types[] = {{"batchnorm/forward/f16/1x1/normal/seed1,eps=0,mode=evaluation,gamma=absent,beta=absent", 10, -14},
             {"batchnorm/forward/bf16/1x1/normal/seed1,eps=0,mode=evaluation,gamma=absent,beta=absent", 7, -126}};
enum { TYPES = sizeof types / sizeof *types };
static const char *const libraries[] = {"reference", "optimized"};
enum { LIBRARIES = sizeof libraries / sizeof *libraries };

/* The value of bits of a finite number >= 0: an integer times the least subnormal. */
static double value_of(const struct narrow *t, int bits)
{
  double one = 1 << t->fraction, unit = pow(2, t->least - t->fraction);
  int field = bits >> t->fraction;
  return field ? (one + bits % (1 << t->fraction)) * pow(2, field - 1) * unit : bits * unit;
}

/* y = (x - mean)/sqrt(1) of one element a channel, so x - mean rounded once. Has the library the type? */
static bool stores(const char *library, const struct narrow *t, const uint16_t *x, const double *mean, uint16_t *y,
                   size_t count)
{
  struct testcase tc;
  struct tensors in = {0}, out = {0};
  struct host_result result;
  struct error e;
  if (case_parse(&tc, t->problem, &e)) fail_msg("%s", e.text);
  tc.p.c = tc.p.dims[1] = count;
  for (enum slot s = 0; s < SLOT_COUNT; ++s)
    if (slot_is_input(&tc.p, s) && tensor_alloc(&in.t[s], &tc.p, s, &e)) fail_msg("%s", e.text);
  double *var = in.t[SLOT_RUNNING_VAR].data;
  memcpy(in.t[SLOT_X].data, x, count * sizeof *x);
  memcpy(in.t[SLOT_RUNNING_MEAN].data, mean, count * sizeof *mean);
  for (size_t i = 0; i < count; ++i) var[i] = 1;
  bool has = !builtin_find(library)->supports(&tc.p);
  if (has) {
    host_run(builtin_find(library), &tc.p, &in, &out, &(struct host_options){.threads = 1}, &result);
    if (result.status != HOST_OK) fail_msg("%s: %s", library, result.reason);
    memcpy(y, out.t[SLOT_Y].data, count * sizeof *y);
  }
  tensors_free(&in);
  tensors_free(&out);
  return has;
}

/* x - mean = 0 or NaN for every x whose value the mean is: a load that is off by anything is not 0. */
static void loads_of(const char *library, const struct narrow *t)
{
  static uint16_t x[65536], y[65536];
  static double mean[65536];
  int infinite = (0x7fff >> t->fraction) << t->fraction;
  for (int i = 0; i < 65536; ++i) {
    int magnitude = i & 0x7fff;
    x[i] = (uint16_t)i;
    mean[i] = magnitude >= infinite ? 0 : i & 0x8000 ? -value_of(t, magnitude) : value_of(t, magnitude);
  }
  if (!stores(library, t, x, mean, y, 65536)) return;
  for (int i = 0; i < 65536; ++i) {
    int magnitude = i & 0x7fff;
    if (magnitude > infinite) assert_true((y[i] & 0x7fff) > infinite);
    else if (magnitude == infinite) assert_int_equal(y[i], i);
    else if (y[i] & 0x7fff) fail_msg("%s, %s: bits %#x are not %a", library, t->problem, (unsigned)i, mean[i]);
  }
}

static void every_load(void **state)
{
  (void)state;
  for (size_t l = 0; l < LIBRARIES; ++l)
    for (size_t k = 0; k < TYPES; ++k) loads_of(libraries[l], &types[k]);
}

struct store { double value; uint16_t bits; };

/* The boundary between bits and bits + 1, the latter infinite at the end. */
static void boundary(const struct narrow *t, int bits, struct store s[4])
{
  double low = value_of(t, bits), high = value_of(t, bits + 1), middle = (low + high) / 2;
  s[0] = (struct store){low, (uint16_t)bits};
  s[1] = (struct store){nextafter(middle, 0), (uint16_t)bits};
  s[2] = (struct store){middle, (uint16_t)(bits + (bits & 1))};
  s[3] = (struct store){nextafter(middle, INFINITY), (uint16_t)(bits + 1)};
}

/* Every boundary from 0 to Inf, and numbers beyond. */
static size_t make_stores(const struct narrow *t, struct store **s)
{
  const size_t infinite = (size_t)(0x7fff >> t->fraction) << t->fraction, count = 4 * infinite;
  const struct store beyond[] = {{DBL_MAX, (uint16_t)infinite}, {INFINITY, (uint16_t)infinite},
                                 {DBL_TRUE_MIN, 0}, {DBL_MIN, 0}};
  *s = malloc((count + 4) * sizeof **s);
  for (size_t i = 0; i < infinite; ++i) boundary(t, (int)i, *s + 4 * i);
  memcpy(*s + count, beyond, sizeof beyond);
  return count + 4;
}

static void stores_of(const char *library, const struct narrow *t)
{
  struct store *s;
  const size_t count = make_stores(t, &s);
  double *mean = malloc((2 * count + 1) * sizeof *mean);
  uint16_t *x = calloc(2 * count + 1, sizeof *x), *y = calloc(2 * count + 1, sizeof *y);
  for (size_t i = 0; i < count; ++i) {
    mean[i] = -s[i].value;
    mean[count + i] = s[i].value;
  }
  mean[2 * count] = NAN;
  if (stores(library, t, x, mean, y, 2 * count + 1)) {
    for (size_t i = 0; i < count; ++i) {
      unsigned negative = s[i].value == 0 ? 0 : s[i].bits | 0x8000u;
      if (y[i] != s[i].bits) fail_msg("%s: %a is stored as %#x, not %#x", library, s[i].value, y[i], s[i].bits);
      if (y[count + i] != negative) fail_msg("%s: %a is stored as %#x, not %#x", library, -s[i].value, y[count + i], negative);
    }
    assert_true((y[2 * count] & 0x7fff) > (0x7fff >> t->fraction) << t->fraction);
  }
  free(s);
  free(mean);
  free(x);
  free(y);
}

static void every_boundary_of_stores(void **state)
{
  (void)state;
  for (size_t l = 0; l < LIBRARIES; ++l)
    for (size_t k = 0; k < TYPES; ++k) stores_of(libraries[l], &types[k]);
}

/* ---- f64 ---- */

static uint64_t seed;
/* splitmix64 */
static uint64_t bits64(void)
{
  uint64_t z = seed += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}
/* In (-1, 1). */
static double unit(void) { return ((double)(bits64() >> 11) - 0x1p52) * 0x1p-52; }
static int below(int n) { return (int)(bits64() % (uint64_t)n); }

/* Numbers of one tensor: every one of some size, or of all sizes, or constant, or far from 0, ... */
enum { PATTERNS = 12 };
static void numbers(double *a, size_t n, int pattern, bool positive)
{
  double level = ldexp(1 + fabs(unit()), below(2000) - 1000), same = ldexp(unit(), below(2040) - 1020);
  for (size_t i = 0; i < n; ++i) {
    double v = unit();
    switch (pattern) {
    case 0: break;
    case 1: v = ldexp(v, 1024); break;                          /* up to the largest number */
    case 2: v = ldexp(v, -1022); break;                         /* subnormal */
    case 3: v = ldexp(v, below(2090) - 1066); break;            /* everything */
    case 4: v = same; break;
    case 5: v = level * (1 + v * 1e-12); break;                 /* kappa 1e12 */
    case 6: v = level * (1 + 0x1p-52 * below(8)); break;        /* some ulp apart */
    case 7: v = (i & 1) ? DBL_MAX : -DBL_MAX; break;
    case 8: v = i == n / 2 ? ldexp(v, 1023) : ldexp(v, -800); break;
    case 9: v = ldexp(v, 600); break;                           /* squares overflow */
    case 10: v = ldexp(v, -600); break;                         /* squares underflow */
    default: v = below(3) ? v : 0; break;
    }
    a[i] = positive ? fabs(v) : v;
  }
}

static const char *const problems[] = {
  "layernorm/forward/f64/3x7/normal/seed1",
  "layernorm/backward/f64/3x7/normal/seed1",
  "layernorm/backward/f64/3x7/normal/seed1,given=yes",
  "rmsnorm/forward/f64/3x7/normal/seed1",
  "rmsnorm/backward/f64/3x7/normal/seed1",
  "rmsnorm/backward/f64/3x7/normal/seed1,given=yes",
  "batchnorm/forward/f64/2x3x4/normal/seed1,running=ordinary",
  "batchnorm/forward/f64/2x3x4/normal/seed1,mode=evaluation",
  "batchnorm/backward/f64/2x3x4/normal/seed1,layout=nsc",
  "batchnorm/backward/f64/2x3x4/normal/seed1,given=yes",
  "batchnorm/backward/f64/2x3x4/normal/seed1,mode=evaluation",
  "instancenorm/forward/f64/2x3x5/normal/seed1,layout=nsc",
  "instancenorm/forward/f64/3x3x4/normal/seed1,running=ordinary",
  "instancenorm/forward/f64/3x2x4/normal/seed1,layout=nsc,running=ordinary,momentum=0",
  "instancenorm/backward/f64/2x3x5/normal/seed1",
  "layernorm_channels/forward/f64/2x5x3/normal/seed1",
  "layernorm_channels/backward/f64/2x5x3/normal/seed1",
  "groupnorm/forward/f64/2x6x3/normal/seed1,groups=3",
  "groupnorm/backward/f64/2x6x3/normal/seed1,groups=2,layout=nsc",
  "switchnorm/forward/f64/2x3x4/normal/seed1,running=ordinary",
  "layernorm/forward/f64/3x7/normal/seed1,residual=yes",
  "rmsnorm/forward/f64/3x7/normal/seed1,residual=yes",
};
enum { PROBLEMS = sizeof problems / sizeof *problems, ROUNDS = 400 };

static void fill(struct testcase *tc, struct tensors *in)
{
  static const double eps[] = {1e-5, 0, 1, DBL_TRUE_MIN, 1e-300, 1e300, DBL_MAX};
  struct error e;
  int of_x = 0;
  tc->p.eps = eps[below(7)];
  for (enum slot s = 0; s < SLOT_COUNT; ++s) {
    if (!slot_is_input(&tc->p, s)) continue;
    if (tensor_alloc(&in->t[s], &tc->p, s, &e)) fail_msg("%s", e.text);
    bool positive = s == SLOT_GIVEN_RSTD || s == SLOT_RUNNING_VAR;
    int pattern = below(3) ? below(PATTERNS) : 0;
    if (s == SLOT_X) of_x = pattern;
    numbers(in->t[s].data, in->t[s].count, s == SLOT_RESIDUAL && below(2) ? of_x : pattern, positive);
  }
}

/* nULP that f64 promises; dgamma, dbeta and running statistics: what their sums and three roundings may take. */
static double promised(enum slot s)
{
  return s == SLOT_Y || s == SLOT_DGAMMA || s == SLOT_DBETA ? 8 : s == SLOT_DX ? 16 : 4;
}

struct worst { double nulp[SLOT_COUNT]; size_t finite; };

static void judged(const char *library, const struct testcase *tc, const struct tensors *in, struct truth *truth, int number,
                   struct worst *w)
{
  struct tensors out = {0};
  struct host_result result;
  struct judgement j;
  struct error e;
  if (builtin_find(library)->supports(&tc->p)) return;
  host_run(builtin_find(library), &tc->p, in, &out, &(struct host_options){.threads = 1}, &result);
  if (result.status != HOST_OK) fail_msg("%s: %s", library, result.reason);
  judge(&tc->p, in, truth, &out, preset_find("f64-two-pass", &e), false, &j);
  for (enum slot s = 0; s < SLOT_COUNT; ++s) {
    if (!out.t[s].count) continue;
    for (size_t k = 0; k < out.t[s].count; ++k) w->finite += isfinite(tensor_get(&out.t[s], k));
    if (!(j.nulp[s] <= promised(s)))
      fail_msg("%s, %s, numbers %d: %s is %g nULP off, eps %g", library, problems[number % PROBLEMS], number, slot_name[s],
               j.nulp[s], tc->p.eps);
    w->nulp[s] = fmax(w->nulp[s], j.nulp[s]);
  }
  tensors_free(&out);
}

static void f64_keeps_its_promise(void **state)
{
  static struct worst worst[LIBRARIES];
  (void)state;
  for (int i = 0; i < PROBLEMS * ROUNDS; ++i) {
    struct testcase tc;
    struct tensors in = {0};
    struct truth truth = {0};
    struct error e;
    seed = (uint64_t)i << 32;
    if (case_parse(&tc, problems[i % PROBLEMS], &e)) fail_msg("%s", e.text);
    fill(&tc, &in);
    if (oracle_run(&tc.p, &in, &truth, &e)) fail_msg("%s", e.text);
    for (size_t l = 0; l < LIBRARIES; ++l) judged(libraries[l], &tc, &in, &truth, i, &worst[l]);
    truth_free(&truth);
    tensors_free(&in);
  }
  for (size_t l = 0; l < LIBRARIES; ++l) {
    printf("%s: %zu finite results;", libraries[l], worst[l].finite);
    for (enum slot s = 0; s < SLOT_COUNT; ++s)
      if (worst[l].nulp[s] > 0) printf(" %s %.2f", slot_name[s], worst[l].nulp[s]);
    printf(" nULP\n");
  }
  assert_true(worst[0].finite > 100000);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_load),
    cmocka_unit_test(every_boundary_of_stores),
    cmocka_unit_test(f64_keeps_its_promise),
  };
  return cmocka_run_group_tests_name("types", tests, NULL, NULL);
}
