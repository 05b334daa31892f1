/* SPDX-License-Identifier: Apache-2.0
   The judge on results made by hand: right ones pass, wrong ones fail, and what cannot be told apart is not counted. */
#include "judge.h"
#include "presets.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h> /* last: it has a macro fail */

/* ---- a case in memory ---- */

struct fixture {
  struct normative_problem p;
  struct tensors in, out;
  struct truth truth;
  struct judgement j;
};

static void open_direction(struct fixture *f, uint32_t norm, uint32_t direction, uint32_t type, size_t rows, size_t cols)
{
  memset(f, 0, sizeof *f);
  problem_default(&f->p, norm, direction, type);
  f->p.ndim = 2;
  f->p.dims[0] = rows;
  f->p.dims[1] = cols;
}

static void open_case(struct fixture *f, uint32_t norm, uint32_t type, size_t rows, size_t cols)
{
  open_direction(f, norm, NORMATIVE_FORWARD, type, rows, cols);
}

static void make_tensors(struct fixture *f)
{
  struct error e;
  assert_int_equal(problem_finish(&f->p, &e), 0);
  for (int s = 0; s < SLOT_COUNT; ++s) {
    if (slot_is_input(&f->p, s)) assert_int_equal(tensor_alloc(&f->in.t[s], &f->p, s, &e), 0);
    if (slot_is_output(&f->p, s)) assert_int_equal(tensor_alloc(&f->out.t[s], &f->p, s, &e), 0);
  }
}

static void close_case(struct fixture *f)
{
  truth_free(&f->truth);
  tensors_free(&f->in);
  tensors_free(&f->out);
}

static void set(struct tensor *t, size_t i, double v)
{
  if (t->type == NORMATIVE_F64) ((double *)t->data)[i] = v;
  else ((float *)t->data)[i] = (float)v;
}

/* The same in 16 bits, cut off: any of the two neighbours does for data. */
static void put16(struct tensor *t, size_t i, double v)
{
  uint16_t *bits = (uint16_t *)t->data + i;
  const double limit = fabs(v);
  *bits = 0;
  for (uint16_t step = 0x4000; step; step /= 2) {
    *bits = (uint16_t)(*bits + step);
    if (!(tensor_get(t, i) <= limit)) *bits = (uint16_t)(*bits - step);
  }
  if (v < 0) *bits |= 0x8000;
}

static float *floats(struct fixture *f, enum slot s) { return (s < SLOT_Y ? f->in.t[s] : f->out.t[s]).data; }

/* Between -1 and 1, the same every time. */
static double noise(void)
{
  static uint64_t state = 1;
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (double)(int64_t)state * 0x1p-63;
}

static void fill(struct tensor *t, double centre, double spread)
{
  for (size_t i = 0; i < t->count && t->data; ++i) set(t, i, centre + spread * noise());
}

static void fill_inputs(struct fixture *f, double mean, double spread)
{
  make_tensors(f);
  fill(&f->in.t[SLOT_X], mean, spread);
  fill(&f->in.t[SLOT_GAMMA], 1, 0.5);
  fill(&f->in.t[SLOT_BETA], 0, 1);
  fill(&f->in.t[SLOT_DY], 0, 1);
}

/* The truth, and results that equal it. */
static void solve(struct fixture *f)
{
  struct error e;
  assert_int_equal(oracle_run(&f->p, &f->in, &f->truth, &e), 0);
  for (int s = 0; s < SLOT_COUNT; ++s)
    if (f->truth.t[s].count)
      memcpy(f->out.t[s].data, f->truth.t[s].nearest.data, f->out.t[s].count * type_size(f->out.t[s].type));
}

static void ordinary(struct fixture *f, double mean, double spread)
{
  open_case(f, NORMATIVE_LAYERNORM, NORMATIVE_F32, 4, 100);
  fill_inputs(f, mean, spread);
  solve(f);
}

static const struct preset *preset(const char *name)
{
  struct error e;
  const struct preset *p = preset_find(name, &e);
  assert_non_null(p);
  return p;
}

static enum verdict verdict(struct fixture *f, const char *name)
{
  judge(&f->p, &f->in, &f->truth, &f->out, preset(name), false, &f->j);
  return f->j.verdict;
}

/* ---- presets ---- */

static void test_presets(void **state)
{
  struct error e;
  (void)state;
  assert_null(preset_find("f32-stabel", &e));
  assert_non_null(strstr(e.text, "f32-stable"));
  assert_null(preset_find("faithful-ftz", &e));
  assert_string_equal(preset_name(preset("f32-one-pass-folded-ftz")), "f32-one-pass-folded-ftz");
  assert_null(preset_members("f32-two-pass"));
  const char *const *members = preset_members("f32-stable-folded");
  assert_true(preset_sum_height(preset("f32-merge")->row, 1e5L) == 4096); /* backward, as two passes add */
  assert_true(preset_sum_height(preset("f64-merge")->row, 1e5L) == 99999);
  assert_true(preset_sum_height(preset("f32-pairwise")->row, 1e5L) < 100);
  assert_string_equal(members[0], "f32-two-pass-folded");
  assert_string_equal(members[1], "f32-welford-folded");
  assert_null(members[2]);
}

static void test_preset_of_another_type_is_no_verdict(void **state)
{
  struct fixture f;
  (void)state;
  ordinary(&f, 0, 1);
  assert_int_equal(verdict(&f, "f64-merge"), SKIP);
  assert_true(f.j.reason[0]);
  close_case(&f);
}

/* ---- what is right ---- */

static void test_nearest_passes_every_preset(void **state)
{
  static const double means[] = {0, 100, 1e6};
  (void)state;
  for (size_t i = 0; i < 3; ++i)
    for (uint32_t type = NORMATIVE_F32; type <= NORMATIVE_F64; ++type) {
      struct fixture f;
      const struct preset *offered[PRESETS_MAX];
      open_case(&f, i == 1 ? NORMATIVE_RMSNORM : NORMATIVE_LAYERNORM, type, 3, 50);
      fill_inputs(&f, means[i], 1);
      solve(&f);
      for (size_t k = 0, n = presets_offered(type, offered); k < n; ++k) {
        assert_int_equal(verdict(&f, offered[k]->name), PASS);
        assert_string_equal(f.j.explained[0], "correctly-rounded");
        assert_int_equal(f.j.misrounded, 0);
        assert_true(f.j.worst_nulp <= 0.5);
      }
      close_case(&f);
    }
}

static void test_zeros_of_either_sign_are_equal(void **state)
{
  struct fixture f;
  (void)state;
  open_case(&f, NORMATIVE_LAYERNORM, NORMATIVE_F32, 1, 3);
  f.p.has_gamma = f.p.has_beta = 0;
  make_tensors(&f);
  for (int i = 0; i < 3; ++i) floats(&f, SLOT_X)[i] = (float)i - 1;
  solve(&f);
  floats(&f, SLOT_Y)[1] = -0.0f;
  assert_int_equal(verdict(&f, "correctly-rounded"), PASS);
  close_case(&f);
}

static void test_constant_group_of_exactly_beta_passes(void **state)
{
  struct fixture f;
  (void)state;
  open_case(&f, NORMATIVE_LAYERNORM, NORMATIVE_F32, 1, 1000);
  fill_inputs(&f, 12345.678, 0);
  solve(&f);
  assert_int_equal(verdict(&f, "f32-stable"), PASS);
  floats(&f, SLOT_Y)[7] += 0.01f; /* inside of what float can promise here, and so it decides nothing */
  assert_int_equal(verdict(&f, "f32-stable"), MISTRUSTED);
  assert_int_equal(verdict(&f, "f64-two-pass"), FAIL);
  close_case(&f);
}

static void test_faithful_is_one_of_two(void **state)
{
  struct fixture f;
  (void)state;
  ordinary(&f, 0, 1);
  for (size_t i = 0; i < f.out.t[SLOT_Y].count; ++i) { /* the neighbour on the exact value's side */
    mpfr_t exact;
    float nearest = floats(&f, SLOT_Y)[i];
    wide_view(exact, &f.truth.t[SLOT_Y].exact[i]);
    floats(&f, SLOT_Y)[i] = nextafterf(nearest, mpfr_cmp_d(exact, nearest) > 0 ? INFINITY : -INFINITY);
  }
  assert_int_equal(verdict(&f, "correctly-rounded"), FAIL);
  assert_int_equal(verdict(&f, "faithful"), PASS);
  float *y = &floats(&f, SLOT_Y)[5], nearest = ((float *)f.truth.t[SLOT_Y].nearest.data)[5];
  *y = nextafterf(nearest, *y > nearest ? -INFINITY : INFINITY);
  assert_int_equal(verdict(&f, "faithful"), FAIL);
  assert_int_equal(f.j.finding[0].index, 5);
  close_case(&f);
}

/* ---- what is wrong ---- */

/* 0.98 of the bound away is inside, 1.5 of it outside: for every preset, every output, one element. */
static void test_the_bound_is_the_limit(void **state)
{
  static const enum slot slots[] = {SLOT_Y, SLOT_MEAN, SLOT_RSTD};
  struct fixture f;
  const struct preset *offered[PRESETS_MAX];
  (void)state;
  open_case(&f, NORMATIVE_LAYERNORM, NORMATIVE_F64, 4, 100);
  fill_inputs(&f, 3, 1);
  solve(&f);
  for (size_t k = 2, n = presets_offered(NORMATIVE_F64, offered); k < n; ++k)
    for (int s = 0; s < 3; ++s) {
      struct tensor *out = &f.out.t[slots[s]];
      double *bound = calloc(out->count, sizeof *bound), right = tensor_get(out, 3);
      judge_bounds(&f.p, &f.in, &f.truth, slots[s], offered[k], bound);
      if (bound[3] > fabs(right) * 0x1p-50) {
        set(out, 3, right + 0.9 * bound[3]);
        assert_int_equal(verdict(&f, offered[k]->name), PASS);
        set(out, 3, right - 1.5 * bound[3]);
        assert_int_equal(verdict(&f, offered[k]->name), FAIL);
        assert_int_equal(f.j.finding[0].slot, slots[s]);
        assert_int_equal(f.j.finding[0].index, 3);
        assert_true(f.j.finding[0].nulp > f.j.finding[0].bound);
      }
      set(out, 3, right);
      free(bound);
    }
  close_case(&f);
}

static void test_swapped_gamma_fails(void **state)
{
  struct fixture f;
  (void)state;
  ordinary(&f, 0, 1);
  struct fixture g = f;
  memset(&g.truth, 0, sizeof g.truth);
  float *gamma = floats(&f, SLOT_GAMMA), first = gamma[0];
  gamma[0] = gamma[1];
  gamma[1] = first;
  struct error e;
  assert_int_equal(oracle_run(&g.p, &g.in, &g.truth, &e), 0);
  judge(&g.p, &g.in, &g.truth, &f.out, preset("f32-one-pass"), false, &f.j);
  assert_int_equal(f.j.verdict, FAIL);
  assert_null(f.j.explained[0]);
  truth_free(&g.truth);
  close_case(&f);
}

static void test_all_zeros_fail(void **state)
{
  struct fixture f;
  (void)state;
  ordinary(&f, 0, 1e-4); /* sigma2 far below eps: small outputs */
  memset(f.out.t[SLOT_Y].data, 0, f.out.t[SLOT_Y].count * sizeof(float));
  assert_int_equal(verdict(&f, "f32-stable"), FAIL);
  close_case(&f);
}

static void test_nan_where_finite_fails(void **state)
{
  struct fixture f;
  (void)state;
  ordinary(&f, 0, 1);
  floats(&f, SLOT_Y)[17] = NAN;
  assert_int_equal(verdict(&f, "f32-one-pass"), FAIL);
  assert_int_equal(f.j.finding[0].index, 17);
  assert_true(isinf(f.j.worst_nulp));
  close_case(&f);
}

static void test_nan_in_a_group(void **state)
{
  struct fixture f;
  (void)state;
  open_case(&f, NORMATIVE_LAYERNORM, NORMATIVE_F32, 3, 10);
  fill_inputs(&f, 0, 1);
  floats(&f, SLOT_X)[12] = INFINITY;
  solve(&f);
  set(&f.out.t[SLOT_MEAN], 1, NAN); /* as good as infinite */
  assert_int_equal(verdict(&f, "f32-stable"), PASS);
  set(&f.out.t[SLOT_MEAN], 1, 0);
  assert_int_equal(verdict(&f, "f32-stable"), FAIL);
  set(&f.out.t[SLOT_MEAN], 1, INFINITY);
  floats(&f, SLOT_Y)[15] = 0;
  assert_int_equal(verdict(&f, "f32-stable"), FAIL);
  assert_int_equal(f.j.finding[0].index, 15);
  close_case(&f);
}

static void test_infinities_have_a_sign_and_a_reason(void **state)
{
  struct fixture f;
  (void)state;
  open_case(&f, NORMATIVE_LAYERNORM, NORMATIVE_F32, 1, 16);
  fill_inputs(&f, 0, 1);
  for (int i = 0; i < 16; ++i) floats(&f, SLOT_GAMMA)[i] = 3.4e38f;
  floats(&f, SLOT_X)[3] = 9; /* y of it is beyond the largest float */
  solve(&f);
  float *y = floats(&f, SLOT_Y);
  assert_true(isinf(y[3]));
  assert_int_equal(verdict(&f, "f64-two-pass"), PASS);
  y[3] = -y[3];
  assert_int_equal(verdict(&f, "f64-two-pass"), FAIL);
  y[3] = 3.4028235e38f;
  assert_int_equal(verdict(&f, "f64-two-pass"), FAIL);
  y[3] = INFINITY;
  y[5] = copysignf(INFINITY, y[5]); /* its exact value is far from overflow */
  assert_int_equal(verdict(&f, "f64-two-pass"), FAIL);
  close_case(&f);
}

/* An exact value within the bound of the threshold: both sides of it are right, and what is farther is not. */
static void test_the_edge_of_overflow(void **state)
{
  struct fixture f;
  (void)state;
  open_case(&f, NORMATIVE_LAYERNORM, NORMATIVE_F32, 1, 2);
  f.p.eps = 0;
  make_tensors(&f);
  floats(&f, SLOT_X)[0] = -1;
  floats(&f, SLOT_X)[1] = 1;
  for (int i = 0; i < 2; ++i) floats(&f, SLOT_GAMMA)[i] = 0x1.fffffep127f;
  solve(&f);
  floats(&f, SLOT_Y)[1] = INFINITY;
  assert_int_equal(verdict(&f, "f32-two-pass"), PASS);
  assert_int_equal(verdict(&f, "correctly-rounded"), FAIL);
  floats(&f, SLOT_Y)[1] = 0x1.ffff00p127f;
  assert_int_equal(verdict(&f, "f64-two-pass"), FAIL);
  close_case(&f);
}

static void test_one_element_is_its_own_mean(void **state)
{
  struct fixture f;
  (void)state;
  open_case(&f, NORMATIVE_LAYERNORM, NORMATIVE_F32, 5, 1);
  fill_inputs(&f, 1e6, 1);
  solve(&f);
  assert_int_equal(verdict(&f, "f32-stable"), PASS);
  floats(&f, SLOT_Y)[2] += 0.01f;
  assert_int_equal(verdict(&f, "f32-stable"), FAIL);
  assert_int_equal(verdict(&f, "f64-stats"), FAIL);
  close_case(&f);
}

static void test_zeros_at_eps_0(void **state)
{
  struct fixture f;
  (void)state;
  open_case(&f, NORMATIVE_RMSNORM, NORMATIVE_F32, 1, 8);
  f.p.eps = 0;
  fill_inputs(&f, 0, 0);
  solve(&f);
  assert_int_equal(verdict(&f, "f32-stable"), PASS);
  memset(f.out.t[SLOT_Y].data, 0, 8 * sizeof(float));
  assert_int_equal(verdict(&f, "f64-two-pass"), FAIL);
  close_case(&f);
}

/* Sums of small integers of mean 0, and of their squares, are exact in every order: a dropped block shows in any length. */
static void test_a_dropped_block_of_integers_fails(void **state)
{
  enum { M = 100000 };
  struct fixture f;
  (void)state;
  open_case(&f, NORMATIVE_LAYERNORM, NORMATIVE_F32, 1, M);
  make_tensors(&f);
  for (size_t i = 0; i < M; i += 2) floats(&f, SLOT_X)[i + 1] = -(floats(&f, SLOT_X)[i] = (float)(i % 7) - 3);
  fill(&f.in.t[SLOT_GAMMA], 1, 0.5);
  solve(&f);
  assert_int_equal(verdict(&f, "f32-sequential"), PASS);
  set(&f.out.t[SLOT_RSTD], 0, tensor_get(&f.out.t[SLOT_RSTD], 0) * (1 + 8.0 / M)); /* 16 of M squares are missing */
  assert_int_equal(verdict(&f, "f32-sequential"), FAIL);
  close_case(&f);
}

static void saves_variance(struct fixture *f, double mean, double spread)
{
  open_case(f, NORMATIVE_LAYERNORM, NORMATIVE_F32, 4, 100);
  f->p.saved = NORMATIVE_SAVED_VARIANCE;
  f->p.stat_type = NORMATIVE_F32;
  fill_inputs(f, mean, spread);
  solve(f);
  assert_int_equal(verdict(f, "f32-stable"), PASS);
  assert_true(f->j.nulp[SLOT_VARIANCE] >= 0 && f->j.nulp[SLOT_RSTD] < 0);
}

static void test_what_is_no_population_variance_fails(void **state)
{
  struct fixture f;
  (void)state;
  saves_variance(&f, 0, 1);
  const double var = tensor_get(&f.truth.t[SLOT_VARIANCE].nearest, 0), eps = f.p.eps;
  const double wrong[] = {1 / sqrt(var + eps), sqrt(var), var * 100 / 99, var + eps, var * 100, 1 / (var + eps)};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; ++i) {
    set(&f.out.t[SLOT_VARIANCE], 0, wrong[i]);
    assert_int_equal(verdict(&f, "f32-stable"), FAIL);
  }
  close_case(&f);
}

/* Of constants it is counted in ulps of eps, not of 0: the bound is the mean's squared. 1e-5f is 1.3 times 2^-17. */
static void test_variance_of_constants(void **state)
{
  struct fixture f;
  (void)state;
  saves_variance(&f, 0.1, 0);
  set(&f.out.t[SLOT_VARIANCE], 0, 0x1p-44);
  assert_int_equal(verdict(&f, "f32-stable"), PASS);
  assert_true(f.j.nulp[SLOT_VARIANCE] == 0.0625);
  set(&f.out.t[SLOT_VARIANCE], 0, 0x1p-36);
  assert_int_equal(verdict(&f, "f32-stable"), FAIL);
  close_case(&f);
}

static void test_sequential_sums_of_constants_fail_the_default(void **state)
{
  enum { M = 1000003 };
  struct fixture f;
  (void)state;
  open_case(&f, NORMATIVE_LAYERNORM, NORMATIVE_F32, 1, M);
  fill_inputs(&f, 0.1, 0);
  solve(&f);
  float sum = 0;
  for (size_t i = 0; i < M; ++i) sum += 0.1f;
  const float mean = sum / M, d = 0.1f - mean, rstd = 1 / sqrtf(d * d + 1e-5f);
  for (size_t i = 0; i < M; ++i) floats(&f, SLOT_Y)[i] = d * rstd * floats(&f, SLOT_GAMMA)[i] + floats(&f, SLOT_BETA)[i];
  set(&f.out.t[SLOT_MEAN], 0, mean);
  set(&f.out.t[SLOT_RSTD], 0, rstd);
  assert_int_equal(verdict(&f, "f32-stable"), FAIL);
  assert_int_not_equal(verdict(&f, "f32-sequential"), FAIL);
  close_case(&f);
}

static void test_running_statistics(void **state)
{
  struct fixture f;
  (void)state;
  open_case(&f, NORMATIVE_BATCHNORM, NORMATIVE_F32, 32, 3);
  f.p.running = 1;
  make_tensors(&f);
  fill(&f.in.t[SLOT_X], 2, 1);
  fill(&f.in.t[SLOT_GAMMA], 1, 0.5);
  fill(&f.in.t[SLOT_RUNNING_MEAN], 0, 1);
  fill(&f.in.t[SLOT_RUNNING_VAR], 1, 0.5);
  solve(&f);
  assert_int_equal(verdict(&f, "f32-stable"), PASS);
  struct tensor *var = &f.out.t[SLOT_RUNNING_VAR];
  double right = tensor_get(var, 1), old = tensor_get(&f.in.t[SLOT_RUNNING_VAR], 1);
  double batch = old + (right - old) / f.p.momentum;
  set(var, 1, old + f.p.momentum * (batch * 31 / 32 - old)); /* population for unbiased */
  assert_int_equal(verdict(&f, "f32-stable"), FAIL);
  assert_int_equal(f.j.finding[0].slot, SLOT_RUNNING_VAR);
  set(var, 1, batch + f.p.momentum * (old - batch)); /* momentum the other way round */
  assert_int_equal(verdict(&f, "f32-stable"), FAIL);
  close_case(&f);
}

/* InstanceNorm takes in the mean over the samples: not one of them, nor the batch's. */
static void test_running_statistics_of_instances(void **state)
{
  struct fixture f;
  enum { N = 4, C = 3, S = 20 };
  (void)state;
  open_case(&f, NORMATIVE_INSTANCENORM, NORMATIVE_F32, N, C);
  f.p.ndim = 3;
  f.p.dims[2] = S;
  f.p.running = 1;
  make_tensors(&f);
  for (int i = 0; i < N * C * S; ++i) floats(&f, SLOT_X)[i] = (float)(i / S % 5 + noise());
  fill(&f.in.t[SLOT_GAMMA], 1, 0.5);
  fill(&f.in.t[SLOT_RUNNING_MEAN], 0, 1);
  fill(&f.in.t[SLOT_RUNNING_VAR], 1, 0.5);
  solve(&f);
  assert_int_equal(verdict(&f, "f32-stable"), PASS);
  struct tensor *mean = &f.out.t[SLOT_RUNNING_MEAN], *var = &f.out.t[SLOT_RUNNING_VAR];
  const double right_mean = tensor_get(mean, 1), old = tensor_get(&f.in.t[SLOT_RUNNING_MEAN], 1), w = f.p.momentum;
  set(mean, 1, (1 - w) * old + w * (double)f.truth.group[(N - 1) * C + 1].mu_hi);
  assert_int_equal(verdict(&f, "f32-one-pass"), FAIL);
  assert_int_equal(f.j.finding[0].slot, SLOT_RUNNING_MEAN);
  assert_int_equal(f.j.finding[0].index, 1);
  set(mean, 1, right_mean);
  double batch = 0, square = 0;
  for (int n = 0; n < N; ++n) {
    const double mu = (double)f.truth.group[n * C + 1].mu_hi;
    batch += mu / N;
    square += ((double)f.truth.group[n * C + 1].sigma2 + mu * mu) / N;
  }
  set(var, 1, (1 - w) * tensor_get(&f.in.t[SLOT_RUNNING_VAR], 1) + w * (square - batch * batch) * N * S / (N * S - 1));
  assert_int_equal(verdict(&f, "f32-one-pass"), FAIL);
  assert_int_equal(f.j.finding[0].slot, SLOT_RUNNING_VAR);
  close_case(&f);
}

/* A sample that is not finite: so are the running statistics of its channel, and no others. */
static void test_running_statistics_that_are_not_finite(void **state)
{
  static const uint32_t norms[] = {NORMATIVE_INSTANCENORM, NORMATIVE_SWITCHNORM};
  (void)state;
  for (int i = 0; i < 2; ++i) {
    struct fixture f;
    open_case(&f, norms[i], NORMATIVE_F32, 3, 2);
    f.p.ndim = 3;
    f.p.dims[2] = 8;
    f.p.running = 1;
    fill_inputs(&f, 1, 1);
    fill(&f.in.t[SLOT_RUNNING_VAR], 1, 0.5);
    floats(&f, SLOT_X)[20] = INFINITY; /* of sample 1, channel 0 */
    solve(&f);
    assert_int_equal(verdict(&f, "f32-stable"), PASS);
    set(&f.out.t[SLOT_RUNNING_MEAN], 0, NAN);
    assert_int_equal(verdict(&f, "f32-stable"), PASS);
    set(&f.out.t[SLOT_RUNNING_MEAN], 0, 1);
    assert_int_equal(verdict(&f, "f32-stable"), FAIL);
    set(&f.out.t[SLOT_RUNNING_MEAN], 0, NAN);
    set(&f.out.t[SLOT_RUNNING_VAR], 1, NAN);
    assert_int_equal(verdict(&f, "f32-stable"), FAIL);
    assert_int_equal(f.j.finding[0].index, 1);
    close_case(&f);
  }
}

/* Statistics in float for double tensors, in the tensors' 16 bits for float ones; and a store by way of float. */
static void test_too_narrow_an_arithmetic_fails(void **state)
{
  struct fixture f;
  (void)state;
  open_case(&f, NORMATIVE_LAYERNORM, NORMATIVE_F64, 4, 100);
  fill_inputs(&f, 3, 1);
  solve(&f);
  for (size_t i = 0; i < f.out.t[SLOT_Y].count; ++i) {
    const struct group_truth *q = &f.truth.group[i / 100];
    const double xhat = (tensor_get(&f.in.t[SLOT_X], i) - (float)q->mu_hi) * (float)q->rstd;
    set(&f.out.t[SLOT_Y], i, xhat * tensor_get(&f.in.t[SLOT_GAMMA], i % 100) + tensor_get(&f.in.t[SLOT_BETA], i % 100));
  }
  assert_int_equal(verdict(&f, "f64-one-pass"), FAIL);
  assert_null(f.j.explained[0]);
  close_case(&f);
  for (uint32_t type = NORMATIVE_F16; type <= NORMATIVE_BF16; ++type) {
    open_case(&f, NORMATIVE_LAYERNORM, type, 4, 100);
    f.p.stat_type = type;
    make_tensors(&f);
    for (size_t i = 0; i < f.in.t[SLOT_X].count; ++i) put16(&f.in.t[SLOT_X], i, 3 + noise());
    for (size_t i = 0; i < 100; ++i) put16(&f.in.t[SLOT_GAMMA], i, 1 + noise() / 2);
    solve(&f);
    assert_int_equal(verdict(&f, "f32-stable"), PASS);
    for (size_t i = 0; i < f.out.t[SLOT_Y].count; ++i) {
      const double mean = tensor_get(&f.out.t[SLOT_MEAN], i / 100), rstd = tensor_get(&f.out.t[SLOT_RSTD], i / 100);
      put16(&f.out.t[SLOT_Y], i, (tensor_get(&f.in.t[SLOT_X], i) - mean) * rstd * tensor_get(&f.in.t[SLOT_GAMMA], i % 100));
    }
    assert_int_equal(verdict(&f, "f32-one-pass"), FAIL);
    assert_int_equal(f.j.finding[0].slot, SLOT_Y);
    close_case(&f);
  }
}

static void test_evaluation(void **state)
{
  struct fixture f;
  (void)state;
  open_case(&f, NORMATIVE_BATCHNORM, NORMATIVE_F32, 32, 3);
  f.p.running = 1;
  f.p.mode = NORMATIVE_EVALUATION;
  make_tensors(&f);
  fill(&f.in.t[SLOT_X], 2, 1);
  fill(&f.in.t[SLOT_GAMMA], 1, 0.5);
  fill(&f.in.t[SLOT_RUNNING_MEAN], 2, 1);
  set(&f.in.t[SLOT_RUNNING_VAR], 0, 1);
  set(&f.in.t[SLOT_RUNNING_VAR], 1, 1e-3);
  set(&f.in.t[SLOT_RUNNING_VAR], 2, -1); /* NaN */
  solve(&f);
  assert_true(isnan(floats(&f, SLOT_Y)[2]));
  assert_int_equal(verdict(&f, "f32-stable"), PASS);
  floats(&f, SLOT_Y)[4] *= 1 + 0x1p-13f; /* an unrefined estimate of rstd */
  assert_int_equal(verdict(&f, "f32-stable"), FAIL);
  close_case(&f);
}

/* ---- range, unions, shapes ---- */

static void test_out_of_range_is_not_counted(void **state)
{
  struct fixture f;
  (void)state;
  ordinary(&f, 0, 1e20); /* squares overflow in float */
  memset(f.out.t[SLOT_Y].data, 0, f.out.t[SLOT_Y].count * sizeof(float));
  assert_int_equal(verdict(&f, "f32-stable"), RANGE);
  judge(&f.p, &f.in, &f.truth, &f.out, preset("f32-stable"), true, &f.j);
  assert_int_equal(f.j.verdict, FAIL);
  assert_int_equal(verdict(&f, "f64-two-pass"), FAIL);
  close_case(&f);
}

/* A result that Welford allows and two passes do not. */
static void test_a_union_is_settled_by_its_best_member(void **state)
{
  struct fixture f;
  double two_pass[4], welford[4];
  (void)state;
  ordinary(&f, 1000, 1);
  judge_bounds(&f.p, &f.in, &f.truth, SLOT_RSTD, preset("f32-two-pass"), two_pass);
  judge_bounds(&f.p, &f.in, &f.truth, SLOT_RSTD, preset("f32-welford"), welford);
  assert_true(welford[1] > 3 * two_pass[1]);
  struct tensor *rstd = &f.out.t[SLOT_RSTD];
  set(rstd, 1, tensor_get(rstd, 1) + 2 * two_pass[1]);
  assert_int_equal(verdict(&f, "f32-stable"), PASS);
  assert_int_equal(f.j.members, 2);
  assert_string_equal(f.j.member[0], "f32-two-pass");
  assert_int_equal(f.j.finding[0].verdict, FAIL);
  assert_int_equal(f.j.finding[1].verdict, PASS);
  assert_string_equal(f.j.explained[0], "f32-welford");
  set(rstd, 1, tensor_get(rstd, 1) + 2 * welford[1]);
  assert_int_equal(verdict(&f, "f32-stable"), FAIL);
  close_case(&f);
}

static void test_another_type_fails_with_a_reason(void **state)
{
  struct fixture f;
  (void)state;
  ordinary(&f, 0, 1);
  f.out.t[SLOT_MEAN].type = NORMATIVE_F32;
  assert_int_equal(verdict(&f, "f32-stable"), FAIL);
  assert_non_null(strstr(f.j.reason, "mean"));
  close_case(&f);
}

static void test_nothing_to_judge(void **state)
{
  struct fixture f;
  struct tensors none = {0};
  (void)state;
  ordinary(&f, 0, 1);
  judge(&f.p, &f.in, &f.truth, &none, preset("f32-stable"), false, &f.j);
  assert_int_equal(f.j.verdict, SKIP);
  close_case(&f);
}

/* ---- gradients ---- */

/* What can be wrong with a gradient: factors and terms of the formulas, 1 where nothing is. */
struct gradient { double c1, c2, second_mean, rstd_power, divisor, gamma_in_c2; size_t dropped; bool g_for_dy, x_for_xhat; };
static const struct gradient right = {.c1 = 1, .c2 = 1, .rstd_power = 1, .gamma_in_c2 = 1};

/* The formulas in double, with what is wrong; dgamma and dbeta grow by the group's share. */
static void wrong_group(struct fixture *f, const struct gradient *w, size_t group, double *dgamma, double *dbeta)
{
  const size_t m = problem_m(&f->p);
  struct runs r = problem_runs(&f->p, group);
  const float *x = floats(f, SLOT_X), *dy = floats(f, SLOT_DY), *gamma = floats(f, SLOT_GAMMA);
  const struct group_truth *q = &f->truth.group[group];
  const double mu = (double)q->mu_hi, rstd = (double)q->rstd, divisor = (double)m - w->divisor;
  const bool centred = f->p.norm != NORMATIVE_RMSNORM;
  double c1 = 0, c2 = 0;
  for (size_t k = 0; k < m; ++k) {
    const double v = dy[element_at(&r, k)], h = (x[element_at(&r, k)] - mu) * rstd, entry = gamma[param_at(&r, k)];
    c1 += v * entry / divisor * centred;
    c2 += v * (w->gamma_in_c2 ? entry : 1) * h / divisor;
    if (k >= m - w->dropped && f->p.norm == NORMATIVE_BATCHNORM) continue;
    dgamma[param_at(&r, k)] += v * (w->x_for_xhat ? x[element_at(&r, k)] : h);
    dbeta[param_at(&r, k)] += v * (w->g_for_dy ? entry : 1);
  }
  for (size_t k = 0; k < m; ++k) {
    const double g = (double)dy[element_at(&r, k)] * gamma[param_at(&r, k)], h = (x[element_at(&r, k)] - mu) * rstd;
    const double dx = pow(rstd, w->rstd_power) * (g - (w->c1 + w->second_mean) * c1 - w->c2 * h * c2);
    floats(f, SLOT_DX)[element_at(&r, k)] = (float)dx;
  }
}

static enum verdict gradient_verdict(struct fixture *f, const struct gradient *w, const char *name)
{
  double dgamma[64] = {0}, dbeta[64] = {0};
  const bool rows = f->p.norm != NORMATIVE_BATCHNORM;
  for (size_t g = 0; g < problem_groups(&f->p) - (rows ? w->dropped : 0); ++g) wrong_group(f, w, g, dgamma, dbeta);
  for (size_t j = 0; j < problem_params(&f->p); ++j) {
    floats(f, SLOT_DGAMMA)[j] = (float)dgamma[j];
    floats(f, SLOT_DBETA)[j] = (float)dbeta[j];
  }
  return verdict(f, name);
}

static void test_wrong_gradients_fail(void **state)
{
  static const uint32_t norms[] = {NORMATIVE_LAYERNORM, NORMATIVE_BATCHNORM, NORMATIVE_RMSNORM};
  (void)state;
  for (int n = 0; n < 3; ++n) {
    struct fixture f;
    struct gradient w;
    open_direction(&f, norms[n], NORMATIVE_BACKWARD, NORMATIVE_F32, 60, 40);
    fill_inputs(&f, 0.5, 2);
    fill(&f.in.t[SLOT_DY], 0.25, 1);
    solve(&f);
    assert_int_equal(gradient_verdict(&f, &right, "f64-two-pass"), PASS);
#define WRONG(change, slot_found) \
  w = right; \
  change; \
  assert_int_equal(gradient_verdict(&f, &w, "f32-one-pass"), FAIL); \
  assert_int_equal(f.j.finding[0].slot, slot_found); \
  assert_null(f.j.explained[0])
    if (norms[n] != NORMATIVE_RMSNORM) {
      WRONG(w.c1 = 0, SLOT_DX);
      WRONG(w.second_mean = 1, SLOT_DX);
    }
    WRONG(w.c2 = 0, SLOT_DX);
    WRONG(w.c2 = -1, SLOT_DX);
    WRONG(w.rstd_power = 2, SLOT_DX);
    WRONG(w.divisor = 1, SLOT_DX);
    WRONG(w.gamma_in_c2 = 0, SLOT_DX);
    WRONG(w.x_for_xhat = true, SLOT_DGAMMA);
    WRONG(w.g_for_dy = true, SLOT_DBETA);
#undef WRONG
    w = right;
    w.dropped = 1;
    assert_int_equal(gradient_verdict(&f, &w, "f32-one-pass"), FAIL);
    assert_int_not_equal(f.j.finding[0].slot, SLOT_DX);
    close_case(&f);
  }
}

/* As for y: 0.9 of the bound away is inside, 1.5 of it outside. */
static void test_the_bound_of_a_gradient_is_the_limit(void **state)
{
  static const enum slot slots[] = {SLOT_DX, SLOT_DGAMMA, SLOT_DBETA};
  struct fixture f;
  const struct preset *offered[PRESETS_MAX];
  (void)state;
  for (int given = 0; given < 3; ++given) {
    open_direction(&f, NORMATIVE_LAYERNORM, NORMATIVE_BACKWARD, NORMATIVE_F64, 30, 100);
    f.p.given = given > 0;
    f.p.saved = given > 1 ? NORMATIVE_SAVED_VARIANCE : NORMATIVE_SAVED_RSTD;
    fill_inputs(&f, 3, 1);
    fill(&f.in.t[SLOT_GIVEN_MEAN], 3, 0.1);
    fill(&f.in.t[SLOT_GIVEN_RSTD], 1.7, 0.1);
    fill(&f.in.t[SLOT_GIVEN_VARIANCE], 0.35, 0.05);
    solve(&f);
    for (size_t k = 2, n = presets_offered(NORMATIVE_F64, offered); k < n; ++k)
      for (int s = 0; s < 3; ++s) {
        struct tensor *out = &f.out.t[slots[s]];
        double *bound = calloc(out->count, sizeof *bound), exact = tensor_get(out, 3);
        judge_bounds(&f.p, &f.in, &f.truth, slots[s], offered[k], bound);
        assert_true(bound[3] > 0 && bound[3] < 1e-6);
        set(out, 3, exact + 0.9 * bound[3]);
        assert_int_equal(verdict(&f, offered[k]->name), PASS);
        set(out, 3, exact - 1.5 * bound[3]);
        assert_int_equal(verdict(&f, offered[k]->name), FAIL);
        assert_int_equal(f.j.finding[0].slot, slots[s]);
        assert_int_equal(f.j.finding[0].index, 3);
        set(out, 3, exact);
        free(bound);
      }
    close_case(&f);
  }
}

/* The largest bound of dx where x's own variance is near 10^-12 and the given one is var. */
static double bound_with_variance(double var)
{
  struct fixture f;
  double bound[10], most = 0;
  open_direction(&f, NORMATIVE_LAYERNORM, NORMATIVE_BACKWARD, NORMATIVE_F32, 1, 10);
  f.p.given = 1;
  f.p.saved = NORMATIVE_SAVED_VARIANCE;
  make_tensors(&f);
  for (size_t i = 0; i < 10; ++i) {
    set(&f.in.t[SLOT_X], i, 1e-6 * (double)i);
    set(&f.in.t[SLOT_GAMMA], i, 1);
    set(&f.in.t[SLOT_DY], i, i % 2 ? 1 : -1);
  }
  set(&f.in.t[SLOT_GIVEN_VARIANCE], 0, var);
  solve(&f);
  judge_bounds(&f.p, &f.in, &f.truth, SLOT_DX, preset("f64-stats"), bound);
  for (size_t i = 0; i < 10; ++i) most = fmax(most, bound[i]);
  close_case(&f);
  return most;
}

/* Of one that float does not hold the bound knows what its conversion may lose: half of 2^-24 of rstd. */
static void test_a_given_variance_is_converted(void **state)
{
  (void)state;
  const double held = bound_with_variance(1), rounded = bound_with_variance(1 + 0x1p-30);
  assert_true(rounded - held > 0.4 * 0x1p-24 && rounded - held < 1.2 * 0x1p-24);
}

static void backward_case(struct fixture *f, uint32_t norm, bool given)
{
  open_direction(f, norm, NORMATIVE_BACKWARD, NORMATIVE_F32, 4, 10);
  f->p.given = given;
  fill_inputs(f, 0, 1);
  fill(&f->in.t[SLOT_GIVEN_MEAN], 0, 0.1);
  fill(&f->in.t[SLOT_GIVEN_RSTD], 1.7, 0.1);
}

/* An infinite dy: NaN or an infinity, by the order of the operations; but no number. */
static void test_dy_that_is_not_finite(void **state)
{
  (void)state;
  for (int given = 0; given < 2; ++given) {
    struct fixture f;
    backward_case(&f, NORMATIVE_LAYERNORM, given);
    floats(&f, SLOT_DY)[12] = INFINITY;
    solve(&f);
    float *dx = floats(&f, SLOT_DX), *dgamma = floats(&f, SLOT_DGAMMA), *dbeta = floats(&f, SLOT_DBETA);
    assert_true(isnan(dx[15]));
    assert_int_equal(verdict(&f, "f32-stable"), PASS);
    dx[15] = -INFINITY;
    dgamma[2] = -dgamma[2];
    dbeta[2] = NAN;
    assert_int_equal(verdict(&f, "f32-stable"), PASS);
    dbeta[2] = 0;
    assert_int_equal(verdict(&f, "f32-stable"), FAIL);
    assert_int_equal(f.j.finding[0].slot, SLOT_DBETA);
    dbeta[2] = INFINITY;
    dbeta[3] = INFINITY; /* another column */
    assert_int_equal(verdict(&f, "f32-stable"), FAIL);
    solve(&f);
    dx[15] = 0;
    assert_int_equal(verdict(&f, "f32-stable"), FAIL);
    assert_int_equal(f.j.finding[0].index, 15);
    close_case(&f);
  }
}

/* An infinite x makes NaN of the group's statistics, and so of its dx; given ones leave an infinity to chance. */
static void test_x_that_is_not_finite(void **state)
{
  (void)state;
  for (int given = 0; given < 2; ++given) {
    struct fixture f;
    backward_case(&f, NORMATIVE_LAYERNORM, given);
    floats(&f, SLOT_X)[12] = INFINITY;
    solve(&f);
    float *dx = floats(&f, SLOT_DX);
    assert_true(isnan(dx[15]) && !isnan(dx[5]) && isfinite(floats(&f, SLOT_DBETA)[2]));
    assert_int_equal(verdict(&f, "f32-stable"), PASS);
    dx[15] = INFINITY;
    assert_int_equal(verdict(&f, "f32-stable"), given ? PASS : FAIL);
    dx[15] = 0;
    assert_int_equal(verdict(&f, "f32-stable"), FAIL);
    close_case(&f);
  }
}

/* With finite given statistics it spoils dgamma of its own column only: the bounds of the others take the row in. */
static void test_given_statistics_beside_x_that_is_not_finite(void **state)
{
  struct fixture f;
  (void)state;
  open_direction(&f, NORMATIVE_LAYERNORM, NORMATIVE_BACKWARD, NORMATIVE_F32, 1, 10);
  f.p.given = 1;
  fill_inputs(&f, 0, 1);
  fill(&f.in.t[SLOT_GIVEN_MEAN], 0, 0.1);
  fill(&f.in.t[SLOT_GIVEN_RSTD], 1.7, 0.1);
  floats(&f, SLOT_X)[3] = INFINITY;
  solve(&f);
  float *dgamma = floats(&f, SLOT_DGAMMA);
  assert_true(!isfinite(dgamma[3]) && isfinite(dgamma[5]));
  assert_int_equal(verdict(&f, "f32-stable"), PASS);
  const float exact = dgamma[5];
  dgamma[5] = nextafterf(exact, 9);
  assert_int_equal(verdict(&f, "f32-stable"), PASS);
  dgamma[5] = exact + 1e-3f;
  assert_int_equal(verdict(&f, "f32-stable"), FAIL);
  dgamma[5] = exact;
  dgamma[3] = 1;
  assert_int_equal(verdict(&f, "f32-stable"), FAIL);
  close_case(&f);
}

/* RMSNorm: rstd is 0, and what is finite in that row adds exact zeros to dgamma. */
static void test_infinite_x_of_rmsnorm(void **state)
{
  struct fixture f;
  (void)state;
  backward_case(&f, NORMATIVE_RMSNORM, false);
  floats(&f, SLOT_X)[12] = INFINITY;
  solve(&f);
  assert_true(isnan(floats(&f, SLOT_DX)[15]) && isnan(floats(&f, SLOT_DGAMMA)[2]) && isfinite(floats(&f, SLOT_DGAMMA)[3]));
  assert_int_equal(verdict(&f, "f32-stable"), PASS);
  floats(&f, SLOT_DGAMMA)[3] *= 1 + 0x1p-12f;
  assert_int_equal(verdict(&f, "f32-stable"), FAIL);
  close_case(&f);
}

static void test_evaluation_backward_is_element_by_element(void **state)
{
  struct fixture f;
  (void)state;
  open_direction(&f, NORMATIVE_BATCHNORM, NORMATIVE_BACKWARD, NORMATIVE_F32, 32, 3);
  f.p.running = 1;
  f.p.mode = NORMATIVE_EVALUATION;
  fill_inputs(&f, 2, 1);
  fill(&f.in.t[SLOT_RUNNING_MEAN], 2, 1);
  fill(&f.in.t[SLOT_RUNNING_VAR], 1, 0.5);
  floats(&f, SLOT_DY)[9] = -INFINITY;
  floats(&f, SLOT_X)[10] = NAN;
  solve(&f);
  float *dx = floats(&f, SLOT_DX);
  assert_true(isinf(dx[9]) && isfinite(dx[10]) && isfinite(dx[12]) && isnan(floats(&f, SLOT_DGAMMA)[1]));
  assert_int_equal(verdict(&f, "f32-stable"), PASS);
  dx[9] = NAN;
  assert_int_equal(verdict(&f, "f32-stable"), FAIL);
  dx[9] = -INFINITY;
  dx[10] *= 1 + 0x1p-13f;
  assert_int_equal(verdict(&f, "f32-stable"), FAIL);
  close_case(&f);
}

/* Sums of integers are exact in every order: a dropped row shows in any number of them. */
static void test_a_dropped_row_of_integers_fails(void **state)
{
  enum { ROWS = 20000 };
  struct fixture f;
  (void)state;
  open_direction(&f, NORMATIVE_LAYERNORM, NORMATIVE_BACKWARD, NORMATIVE_F32, ROWS, 2);
  fill_inputs(&f, 0, 1);
  for (size_t i = 0; i < 2 * ROWS; ++i) floats(&f, SLOT_DY)[i] = (float)(i % 7) - 3;
  solve(&f);
  assert_int_equal(verdict(&f, "f32-sequential"), PASS);
  floats(&f, SLOT_DBETA)[1] += 1;
  assert_int_equal(verdict(&f, "f32-sequential"), FAIL);
  floats(&f, SLOT_DBETA)[1] -= 1;
  floats(&f, SLOT_DY)[7] = 0.1f; /* then not */
  truth_free(&f.truth);
  solve(&f);
  floats(&f, SLOT_DBETA)[1] += 1;
  assert_int_not_equal(verdict(&f, "f32-sequential"), FAIL);
  close_case(&f);
}

static void test_gradients_of_nothing_are_zeros(void **state)
{
  struct fixture f;
  (void)state;
  open_direction(&f, NORMATIVE_LAYERNORM, NORMATIVE_BACKWARD, NORMATIVE_F32, 0, 3);
  make_tensors(&f);
  solve(&f);
  assert_int_equal(verdict(&f, "f32-stable"), PASS);
  floats(&f, SLOT_DGAMMA)[1] = 1;
  assert_int_equal(verdict(&f, "f32-one-pass"), FAIL);
  close_case(&f);
}

/* Squares overflow in float, and r^3 underflows. */
static void test_gradients_out_of_range(void **state)
{
  struct fixture f;
  (void)state;
  open_direction(&f, NORMATIVE_LAYERNORM, NORMATIVE_BACKWARD, NORMATIVE_F32, 4, 100);
  fill_inputs(&f, 0, 1e15);
  solve(&f);
  assert_int_equal(verdict(&f, "f32-stable"), PASS);
  floats(&f, SLOT_DX)[7] *= 2;
  assert_int_equal(verdict(&f, "f32-stable"), RANGE);
  assert_int_equal(verdict(&f, "f64-two-pass"), FAIL);
  close_case(&f);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_presets),
    cmocka_unit_test(test_preset_of_another_type_is_no_verdict),
    cmocka_unit_test(test_nearest_passes_every_preset),
    cmocka_unit_test(test_zeros_of_either_sign_are_equal),
    cmocka_unit_test(test_constant_group_of_exactly_beta_passes),
    cmocka_unit_test(test_faithful_is_one_of_two),
    cmocka_unit_test(test_the_bound_is_the_limit),
    cmocka_unit_test(test_swapped_gamma_fails),
    cmocka_unit_test(test_all_zeros_fail),
    cmocka_unit_test(test_nan_where_finite_fails),
    cmocka_unit_test(test_nan_in_a_group),
    cmocka_unit_test(test_infinities_have_a_sign_and_a_reason),
    cmocka_unit_test(test_the_edge_of_overflow),
    cmocka_unit_test(test_one_element_is_its_own_mean),
    cmocka_unit_test(test_zeros_at_eps_0),
    cmocka_unit_test(test_a_dropped_block_of_integers_fails),
    cmocka_unit_test(test_what_is_no_population_variance_fails),
    cmocka_unit_test(test_variance_of_constants),
    cmocka_unit_test(test_sequential_sums_of_constants_fail_the_default),
    cmocka_unit_test(test_running_statistics),
    cmocka_unit_test(test_running_statistics_of_instances),
    cmocka_unit_test(test_running_statistics_that_are_not_finite),
    cmocka_unit_test(test_too_narrow_an_arithmetic_fails),
    cmocka_unit_test(test_evaluation),
    cmocka_unit_test(test_out_of_range_is_not_counted),
    cmocka_unit_test(test_a_union_is_settled_by_its_best_member),
    cmocka_unit_test(test_another_type_fails_with_a_reason),
    cmocka_unit_test(test_nothing_to_judge),
    cmocka_unit_test(test_wrong_gradients_fail),
    cmocka_unit_test(test_the_bound_of_a_gradient_is_the_limit),
    cmocka_unit_test(test_a_given_variance_is_converted),
    cmocka_unit_test(test_dy_that_is_not_finite),
    cmocka_unit_test(test_x_that_is_not_finite),
    cmocka_unit_test(test_given_statistics_beside_x_that_is_not_finite),
    cmocka_unit_test(test_infinite_x_of_rmsnorm),
    cmocka_unit_test(test_evaluation_backward_is_element_by_element),
    cmocka_unit_test(test_a_dropped_row_of_integers_fails),
    cmocka_unit_test(test_gradients_of_nothing_are_zeros),
    cmocka_unit_test(test_gradients_out_of_range),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
