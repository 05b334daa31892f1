/* SPDX-License-Identifier: Apache-2.0
   Inputs: the same bits everywhere (checksums committed here), the properties that families claim; and the sweep: names,
   budgets, completeness. */
#include "inputs.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- cases by name ---- */

struct made { struct testcase tc; struct tensors in; };

static struct made make(const char *name)
{
  struct made c;
  struct error e;
  if (case_parse(&c.tc, name, &e) || inputs_make(&c.tc, &c.in, &e)) fail_msg("%s", e.text);
  return c;
}

static void refuse(const char *name, const char *words)
{
  struct testcase tc;
  struct tensors in;
  struct error e;
  if (case_parse(&tc, name, &e)) fail_msg("%s", e.text);
  assert_int_equal(inputs_make(&tc, &in, &e), -1);
  if (!strstr(e.text, words)) fail_msg("'%s' does not say '%s'", e.text, words);
}

/* Element k of group g of a tensor like x. */
static double at(const struct made *c, enum slot slot, size_t g, size_t k)
{
  struct runs r = problem_runs(&c->tc.p, g);
  return tensor_get(&c->in.t[slot], element_at(&r, k));
}

static double x_at(const struct made *c, size_t g, size_t k) { return at(c, SLOT_X, g, k); }

static double get(const struct made *c, enum slot slot, size_t i) { return tensor_get(&c->in.t[slot], i); }

struct moments { double mean, sd; };
static struct moments moments(const struct made *c, size_t g)
{
  size_t m = problem_m(&c->tc.p);
  double sum = 0, squares = 0;
  for (size_t k = 0; k < m; ++k) sum += x_at(c, g, k);
  double mean = sum / (double)m;
  for (size_t k = 0; k < m; ++k) squares += (x_at(c, g, k) - mean) * (x_at(c, g, k) - mean);
  return (struct moments){mean, sqrt(squares / (double)m)};
}

/* ---- the same bits ---- */

/* FNV-1a over the values as doubles; all NaNs are one. */
static uint64_t checksum(const struct tensors *in)
{
  uint64_t h = 0xcbf29ce484222325u;
  for (int slot = 0; slot < SLOT_COUNT; ++slot)
    for (size_t i = 0; i < in->t[slot].count; ++i) {
      double v = tensor_get(&in->t[slot], i);
      uint64_t bits;
      memcpy(&bits, &v, sizeof bits);
      if (isnan(v)) bits = 0x7ff8000000000000u;
      for (int byte = 0; byte < 8; ++byte) h = (h ^ (bits >> 8 * byte & 255)) * 0x100000001b3u;
    }
  return h;
}

static const struct { const char *name; uint64_t sum; } committed[] = {
#include "inputs.sums"
};

/* NORMATIVE_PRINT_SUMS=1 prints the table anew, for a family that was changed on purpose. */
static void bits_are_those_committed(void **state)
{
  (void)state;
  size_t wrong = 0;
  for (size_t i = 0; i < sizeof committed / sizeof *committed; ++i) {
    struct made c = make(committed[i].name);
    uint64_t sum = checksum(&c.in);
    tensors_free(&c.in);
    if (getenv("NORMATIVE_PRINT_SUMS")) printf("{\"%s\", 0x%016llx},\n", committed[i].name, (unsigned long long)sum);
    else if (sum != committed[i].sum) ++wrong, print_error("other bits: %s\n", committed[i].name);
  }
  assert_int_equal(wrong, 0);
}

enum { KINDS = 7 };
static const char *const kinds[KINDS] = {"x", "gamma", "beta", "running", "dy", "addend", "lambda"};
static const char *family_of(const struct testcase *tc, size_t kind)
{
  const char *const used[KINDS] = {tc->r.family, tc->r.gamma, tc->r.beta, tc->r.running, tc->r.dy, tc->r.addend, tc->r.lambda};
  return *used[kind] ? used[kind] : "ordinary";
}

static void every_family_has_a_checksum(void **state)
{
  (void)state;
  for (const struct family *f = family_table; f->name; ++f) {
    bool found = !strcmp(f->name, "absent");
    for (size_t i = 0; !found && i < sizeof committed / sizeof *committed; ++i) {
      struct testcase tc;
      struct error e;
      if (case_parse(&tc, committed[i].name, &e)) fail_msg("%s", e.text);
      for (size_t k = 0; k < KINDS; ++k)
        found = found || (!strcmp(kinds[k], f->kind) && family_find(f->kind, family_of(&tc, k)) == f);
    }
    if (!found) fail_msg("%s family %s", f->kind, f->name);
  }
}

static void layouts_hold_the_same_values(void **state)
{
  (void)state;
  static const char *const pairs[][2] = {
    {"batchnorm/forward/f32/4x5x6/normal/seed3", "batchnorm/forward/f32/4x5x6/normal/seed3,layout=nsc"},
    {"batchnorm/forward/f32/32x6x8x8/digits-bn1/seed3", "batchnorm/forward/f32/32x6x8x8/digits-bn1/seed3,layout=nsc"},
    {"batchnorm/backward/f32/4x5x6/normal/seed3", "batchnorm/backward/f32/4x5x6/normal/seed3,layout=nsc"},
    {"batchnorm/backward/f32/32x6x8x8/digits-bn1/seed3", "batchnorm/backward/f32/32x6x8x8/digits-bn1/seed3,layout=nsc"}};
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; ++i) {
    struct made a = make(pairs[i][0]), b = make(pairs[i][1]);
    enum slot slots[] = {SLOT_X, a.in.t[SLOT_DY].data ? SLOT_DY : SLOT_X};
    for (size_t g = 0; g < problem_groups(&a.tc.p); ++g)
      for (size_t k = 0; k < 2 * problem_m(&a.tc.p); ++k)
        assert_true(at(&a, slots[k % 2], g, k / 2) == at(&b, slots[k % 2], g, k / 2));
    tensors_free(&a.in);
    tensors_free(&b.in);
  }
}

/* So that a row can be compared bit for bit with the same row in another batch. */
static void a_row_is_the_same_in_any_batch(void **state)
{
  (void)state;
  struct made a = make("layernorm/forward/f32/3x50/mean1e4/seed3"), b = make("layernorm/forward/f32/7x50/mean1e4/seed3");
  assert_memory_equal(a.in.t[SLOT_X].data, b.in.t[SLOT_X].data, 3 * 50 * sizeof(float));
  assert_memory_equal(a.in.t[SLOT_GAMMA].data, b.in.t[SLOT_GAMMA].data, 50 * sizeof(float));
  tensors_free(&a.in);
  tensors_free(&b.in);
}

static void seeds_differ(void **state)
{
  (void)state;
  struct made a = make("layernorm/forward/f32/2x9/normal/seed0"), b = make("layernorm/forward/f32/2x9/normal/seed1");
  for (size_t i = 0; i < 18; ++i) assert_true(get(&a, SLOT_X, i) != get(&b, SLOT_X, i));
  for (size_t i = 0; i < 9; ++i) assert_true(get(&a, SLOT_BETA, i) != get(&b, SLOT_BETA, i));
  tensors_free(&a.in);
  tensors_free(&b.in);
}

/* The bits of a 16-bit value one away in either direction. */
static double neighbour(const struct tensor *t, size_t i, int step)
{
  uint16_t bits = (uint16_t)(((const uint16_t *)t->data)[i] + step);
  struct tensor one = {.data = &bits, .type = t->type};
  return tensor_get(&one, 0);
}

/* 16-bit types are the f64 value rounded directly: nearer than either neighbour; ties are even. */
static void narrow_types_are_rounded_once(void **state)
{
  (void)state;
  static const char *const types[] = {"f16", "bf16"}, *const families[] = {"normal", "mean1e2", "tinyvar"};
  for (size_t i = 0; i < 6; ++i) {
    char name[128];
    snprintf(name, sizeof name, "layernorm/forward/%s/16x256/%s/seed5", types[i % 2], families[i / 2]);
    struct made narrow = make(name);
    snprintf(name, sizeof name, "layernorm/forward/f64/16x256/%s/seed5", families[i / 2]);
    struct made wide = make(name);
    const struct tensor *t = &narrow.in.t[SLOT_X];
    for (size_t k = 0; k < t->count; ++k) {
      double error = fabs(tensor_get(t, k) - get(&wide, SLOT_X, k));
      bool even = !(((const uint16_t *)t->data)[k] & 1);
      for (int step = -1; step <= 1; step += 2) {
        double other = fabs(neighbour(t, k, step) - get(&wide, SLOT_X, k));
        assert_true(error < other || (error == other && even) || isnan(other));
      }
    }
    tensors_free(&narrow.in);
    tensors_free(&wide.in);
  }
}

/* ---- what families claim ---- */

static void groups_and_entries_differ(void **state)
{
  (void)state;
  for (const struct family *f = family_table; f->name && !strcmp(f->kind, "x"); ++f) {
    if (family_shape(f) || strstr(f->name, "NeK") || !strcmp(f->name, "zeros") || !strcmp(f->name, "flat"))
      continue;
    char name[128];
    snprintf(name, sizeof name, "batchnorm/forward/f32/8x4x4/%s/seed11", f->name);
    struct made c = make(name);
    for (size_t g = 0; g < 4; ++g)
      for (size_t other = 0; other < g; ++other) {
        bool same = true;
        for (size_t k = 0; k < 32; ++k) same = same && x_at(&c, g, k) == x_at(&c, other, k);
        if (same && strcmp(f->name, "constint")) fail_msg("%s: groups %zu and %zu are one", f->name, g, other);
        assert_true(get(&c, SLOT_GAMMA, g) != get(&c, SLOT_GAMMA, other));
        assert_true(get(&c, SLOT_BETA, g) != get(&c, SLOT_BETA, other));
      }
    tensors_free(&c.in);
  }
}

static void moments_are_as_named(void **state)
{
  (void)state;
  static const struct { const char *family; double mean_low, mean_high, sd_low, sd_high; } rows[] = {
    {"normal", 0, 0.6, 0.7, 1.6}, {"mean1e2", 99, 114, 0.7, 1.6}, {"mean1e4", 9999, 11300, 0.7, 1.6},
    {"mean1e6", 999999, 1.13e6, 0.7, 1.6}, {"mean2p24", 0x1p24 - 40, 0x1p24 + 40, 2.8, 6.5}, {"tinyvar", 0, 1e-6, 5e-7, 2e-6},
    {"ulpvar", 1, 1.5 + 0x1p-20, 0x1p-23, 0x1p-21}, {"uniform", 0.23, 0.52, 0.12, 0.31}, {"sorted", 0, 0.6, 0.7, 1.6},
    {"scale1e20", 0, 6e19, 7e19, 1.6e20}, {"smallint", 0, 2, 0.5, 1.6}, {"constant", 11000, 14900, 0, 0},
    {"constint", 1, 1000, 0, 0}, {"zeros", 0, 0, 0, 0}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; ++i) {
    char name[128];
    snprintf(name, sizeof name, "layernorm/forward/f32/40x2000/%s/seed2", rows[i].family);
    struct made c = make(name);
    for (size_t g = 0; g < 40; ++g) {
      struct moments s = moments(&c, g);
      bool mean = fabs(s.mean) >= rows[i].mean_low && fabs(s.mean) <= rows[i].mean_high;
      if (!mean || !(s.sd >= rows[i].sd_low && s.sd <= rows[i].sd_high))
        fail_msg("%s group %zu: mean %g deviation %g", rows[i].family, g, s.mean, s.sd);
    }
    tensors_free(&c.in);
  }
}

static void kappa_is_as_named(void **state)
{
  (void)state;
  for (int exponent = 1; exponent <= 6; ++exponent) {
    char name[128];
    snprintf(name, sizeof name, "layernorm/forward/f32/20x2000/kappa3e%d/seed2", exponent);
    struct made c = make(name);
    for (size_t g = 0; g < 20; ++g) {
      struct moments s = moments(&c, g);
      double kappa = fabs(s.mean) / s.sd / (3 * pow(10, exponent));
      if (!(kappa > 0.9 && kappa < 1.1)) fail_msg("%s group %zu: %g of it", name, g, kappa);
    }
    tensors_free(&c.in);
  }
}

/* Sums of x and of x^2 in float: forward, backward and in 16 lanes, all exact. */
static void small_integers_sum_exactly(void **state)
{
  (void)state;
  struct made c = make("layernorm/forward/f32/1x1000003/smallint/seed2");
  const float *x = c.in.t[SLOT_X].data;
  size_t m = 1000003;
  for (int power = 1; power <= 2; ++power) {
    double exact = 0;
    float up = 0, down = 0, lane[16] = {0}, lanes = 0;
    for (size_t k = 0; k < m; ++k) {
      float v = power == 1 ? x[k] : x[k] * x[k], w = power == 1 ? x[m - 1 - k] : x[m - 1 - k] * x[m - 1 - k];
      exact += v;
      up += v;
      down += w;
      lane[k % 16] += v;
    }
    for (int j = 0; j < 16; ++j) lanes += lane[j];
    assert_true(up == exact && down == exact && lanes == exact);
    assert_true(power == 2 || exact == nearbyint(exact / (double)m) * (double)m); /* the mean is an integer */
  }
  for (size_t block = 0; block + 16 <= m; block += 16) { /* and no block can be lost unseen */
    float sum = 0;
    for (size_t k = 0; k < 16; ++k) sum += x[block + k] * x[block + k];
    assert_true(sum > 0);
  }
  tensors_free(&c.in);
}

static void outliers_are_where_they_should(void **state)
{
  (void)state;
  struct made blocks = make("layernorm/forward/f32/17x261/blockoutlier/seed2");
  struct made first = make("layernorm/forward/f32/9x50/outlier1e30-first/seed2");
  struct made other = make("layernorm/forward/f32/9x50/outlier1e30/seed2");
  unsigned visited = 0;
  for (size_t g = 0; g < 17; ++g)
    for (size_t k = 0, found = 0; k < 261; ++k)
      if (fabs(x_at(&blocks, g, k)) > 5000) {
        assert_int_equal(++found, 1);
        visited |= 1u << k / 16;
      }
  assert_int_equal(visited, (1u << 17) - 1);
  for (size_t g = 0; g < 9; ++g) {
    size_t found = 0;
    assert_true(fabs(x_at(&first, g, 0)) >= 1e30 && fabs(x_at(&first, g, 0)) <= 1.25e30);
    assert_true(fabs(x_at(&other, g, 0)) < 10);
    for (size_t k = 1; k < 50; ++k) {
      assert_true(fabs(x_at(&first, g, k)) < 10);
      found += fabs(x_at(&other, g, k)) >= 1e30;
    }
    assert_int_equal(found, 1);
  }
  tensors_free(&blocks.in);
  tensors_free(&first.in);
  tensors_free(&other.in);
}

static void hostile_ranges(void **state)
{
  (void)state;
  struct made large = make("layernorm/forward/f32/9x50/nearmax/seed2");
  struct made small = make("layernorm/forward/f32/9x50/subnormal/seed2");
  struct made cancel = make("layernorm/forward/f32/9x50/alternating/seed2");
  for (size_t g = 0; g < 9; ++g) {
    double sum = 0, largest = 0;
    for (size_t k = 0; k < 50; ++k) {
      assert_true(fabs(x_at(&large, g, k)) >= FLT_MAX / 4 && fabs(x_at(&large, g, k)) <= FLT_MAX);
      assert_true(fabs(x_at(&small, g, k)) > 0 && fabs(x_at(&small, g, k)) < FLT_MIN);
      assert_true(k == 0 || (x_at(&cancel, g, k) > 0) != (x_at(&cancel, g, k - 1) > 0));
      sum += x_at(&cancel, g, k);
      largest = fmax(largest, fabs(x_at(&cancel, g, k)));
    }
    assert_true(sum == 0 && largest > 1e5);
  }
  tensors_free(&large.in);
  tensors_free(&small.in);
  tensors_free(&cancel.in);
}

static void one_place_is_not_finite(void **state)
{
  (void)state;
  static const char *const families[] = {"nan", "pinf", "ninf"};
  for (size_t i = 0; i < 3; ++i) {
    char name[128];
    snprintf(name, sizeof name, "batchnorm/forward/f32/4x6x5/%s/seed9", families[i]);
    struct made c = make(name);
    size_t found = 0;
    for (size_t k = 0; k < 120; ++k) {
      double v = get(&c, SLOT_X, k);
      if (isfinite(v)) continue;
      ++found;
      assert_true(i == 0 ? isnan(v) : v == (i == 1 ? INFINITY : -INFINITY));
    }
    assert_int_equal(found, 1);
    tensors_free(&c.in);
  }
}

static void half_of_the_groups_are_constant(void **state)
{
  (void)state;
  struct made c = make("layernorm/forward/f32/8x20/halfconst/seed2");
  for (size_t g = 0; g < 8; ++g) assert_true((moments(&c, g).sd < 1e-9) != (moments(&c, g ^ 1).sd < 1e-9));
  tensors_free(&c.in);
}

static void pow2_scales_exactly(void **state)
{
  (void)state;
  struct made a = make("batchnorm/forward/f32/5x3/mean1e4/seed4,running=ordinary");
  struct made b = make("batchnorm/forward/f32/5x3/mean1e4/seed4,eps=1.2e-17,running=ordinary,pow2=-20");
  for (size_t k = 0; k < 15; ++k) assert_true(get(&b, SLOT_X, k) == get(&a, SLOT_X, k) * 0x1p-20);
  for (size_t c = 0; c < 3; ++c) {
    assert_true(get(&b, SLOT_RUNNING_MEAN, c) == get(&a, SLOT_RUNNING_MEAN, c) * 0x1p-20);
    assert_true(get(&b, SLOT_RUNNING_VAR, c) == get(&a, SLOT_RUNNING_VAR, c) * 0x1p-40);
    assert_true(get(&b, SLOT_GAMMA, c) == get(&a, SLOT_GAMMA, c));
  }
  tensors_free(&a.in);
  tensors_free(&b.in);
}

static void running_statistics_are_as_named(void **state)
{
  (void)state;
  static const char *const families[] = {"ordinary", "start", "zero", "tiny", "negative"};
  for (size_t i = 0; i < 5; ++i) {
    char name[128];
    size_t negative = 0;
    snprintf(name, sizeof name, "batchnorm/forward/f32/9x8x9/mean1e4/seed4,mode=evaluation,running=%s", families[i]);
    struct made c = make(name);
    for (size_t ch = 0; ch < 8; ++ch) {
      double mean = get(&c, SLOT_RUNNING_MEAN, ch), var = get(&c, SLOT_RUNNING_VAR, ch);
      struct moments s = moments(&c, ch);
      assert_true((float)mean == mean && (float)var == var);
      negative += var <= -1;
      assert_true(i == 1 ? mean == 0 && var == 1 : fabs(mean - s.mean) < s.sd);
      if (i == 0) assert_true(var > s.sd * s.sd / 4 && var < s.sd * s.sd * 4);
      if (i == 2) assert_true(var == 0);
      if (i == 3) assert_true(var > 0 && var < 1e-11);
    }
    assert_int_equal(negative, i == 4 ? 4 : 0);
    tensors_free(&c.in);
  }
}

static void vast_running_statistics_fill_their_type(void **state)
{
  (void)state;
  static const struct { const char *stats; double limit; } types[] = {{"f64", 1e270}, {"f32", 1e30}, {"f16", 1e3}};
  for (size_t i = 0; i < 3; ++i) {
    char name[128];
    double least[2] = {INFINITY, INFINITY}, most[2] = {0, 0};
    snprintf(name, sizeof name, "batchnorm/forward/f16/2x200x3/normal/seed4,mode=evaluation,running=vast,stats=%s",
             types[i].stats);
    struct made c = make(name);
    for (size_t k = 0; k < 2; ++k)
      for (size_t ch = 0; ch < 200; ++ch) {
        double v = get(&c, k ? SLOT_RUNNING_VAR : SLOT_RUNNING_MEAN, ch);
        assert_true(isfinite(v) && (v > 0 || !k));
        least[k] = fmin(least[k], fabs(v));
        most[k] = fmax(most[k], fabs(v));
      }
    for (size_t k = 0; k < 2; ++k) assert_true(least[k] < 1 / types[i].limit && most[k] > types[i].limit);
    tensors_free(&c.in);
  }
}

/* For each entry of beta some element that uses it, where gamma xhat + beta is less than 2^-20 of beta. */
static void beta_cancels(void **state)
{
  (void)state;
  static const char *const names[] = {"layernorm/forward/f32/5x30/normal/seed4,beta=cancel",
                                      "rmsnorm/forward/f32/5x30/normal/seed4,beta=cancel",
                                      "batchnorm/forward/f32/4x3x10/normal/seed4,layout=nsc,beta=cancel"};
  for (size_t i = 0; i < 3; ++i) {
    struct made c = make(names[i]);
    const struct normative_problem *p = &c.tc.p;
    double best[30];
    for (size_t j = 0; j < 30; ++j) best[j] = 1;
    for (size_t g = 0; g < problem_groups(p); ++g) {
      struct runs r = problem_runs(p, g);
      struct moments s = moments(&c, g);
      double mean = i == 1 ? 0 : s.mean, square = i == 1 ? s.sd * s.sd + s.mean * s.mean : s.sd * s.sd;
      for (size_t k = 0; k < problem_m(p); ++k) {
        size_t j = param_at(&r, k);
        double y = get(&c, SLOT_GAMMA, j) * (x_at(&c, g, k) - mean) / sqrt(square + p->eps) + get(&c, SLOT_BETA, j);
        best[j] = fmin(best[j], fabs(y / get(&c, SLOT_BETA, j)));
      }
    }
    for (size_t j = 0; j < problem_params(p); ++j)
      if (!(best[j] < 0x1p-20)) fail_msg("%s: entry %zu: %g", names[i], j, best[j]);
    tensors_free(&c.in);
  }
}

/* ---- what families of dy claim ---- */

/* Element i, in the order of the groups, of those that share parameter j. */
static double of_param(const struct made *c, size_t j, size_t i)
{
  const struct normative_problem *p = &c->tc.p;
  if (norm_find(p->norm)->axes == 2) return at(c, SLOT_DY, i, j); /* rows: one of each */
  for (size_t g = 0; g < problem_groups(p); ++g) {
    struct runs r = problem_runs(p, g);
    for (size_t k = 0; k < problem_m(p); ++k)
      if (param_at(&r, k) == j && i-- == 0) return at(c, SLOT_DY, g, k);
  }
  fail_msg("parameter %zu has no more elements", j);
  return 0;
}

static void dy_by_parameter(void **state)
{
  (void)state;
  static const struct { const char *name; size_t params, m; } shapes[] = {
    {"layernorm/backward/f32/261x17", 17, 261}, {"batchnorm/backward/f32/9x17x29", 17, 261},
    {"instancenorm/backward/f32/9x17x29", 17, 261}, {"layernorm_channels/backward/f32/9x17x29", 17, 261}};
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; ++s) {
    static const char *const families[] = {"paramconstant", "paramonehot", "paramoutlier", "paramcancel"};
    for (size_t f = 0; f < 4; ++f) {
      char name[128];
      unsigned visited = 0;
      snprintf(name, sizeof name, "%s/normal/seed2,dy=%s", shapes[s].name, families[f]);
      struct made c = make(name);
      for (size_t j = 0; j < shapes[s].params; ++j) {
        double sum = 0, zeros = 0;
        size_t large = 0;
        for (size_t i = 0; i < shapes[s].m; ++i) {
          double v = of_param(&c, j, i);
          sum += v;
          zeros += v == 0;
          if (f == 0) assert_true(v == of_param(&c, j, 0));
          if (f == 2 && fabs(v) > 5000) ++large, visited |= 1u << i / 16;
        }
        if (f == 0) assert_true(j == 0 || of_param(&c, j, 0) != of_param(&c, j - 1, 0));
        if (f == 1) assert_true(sum == 1 && zeros == (double)shapes[s].m - 1);
        if (f == 2) assert_int_equal(large, 1);
        if (f == 3) assert_true(fabs(sum) < 10 && zeros == 0);
      }
      if (f == 2) assert_int_equal(visited, (1u << 17) - 1);
      tensors_free(&c.in);
    }
  }
}

struct means { double g, gx, r, largest; };

/* mean(g), mean(g xhat) of group k, and the largest |g - mean(g) - xhat mean(g xhat)|, in double. */
static struct means gradient_means(const struct made *c, size_t group)
{
  struct moments s = moments(c, group);
  struct runs r = problem_runs(&c->tc.p, group);
  size_t m = problem_m(&c->tc.p);
  struct means result = {.r = 1 / sqrt(s.sd * s.sd + c->tc.p.eps)};
  for (int pass = 0; pass < 2; ++pass)
    for (size_t k = 0; k < m; ++k) {
      size_t p = param_at(&r, k);
      double gamma = c->tc.p.has_gamma ? get(c, SLOT_GAMMA, p) : 1, g = gamma * at(c, SLOT_DY, group, k);
      double xhat = (x_at(c, group, k) - s.mean) * result.r;
      if (pass) result.largest = fmax(result.largest, fabs(g - result.g - xhat * result.gx));
      else result.g += g / (double)m, result.gx += g * xhat / (double)m;
    }
  return result;
}

static void dy_that_leaves_nothing_of_dx(void **state)
{
  (void)state;
  static const char *const names[] = {
    "layernorm/backward/f32/6x40/mean1e2/seed3,dy=xhat", "layernorm/backward/f32/6x40/normal/seed3,gamma=mixed,dy=xhat",
    "batchnorm/backward/f32/5x6x8/normal/seed3,layout=nsc,dy=xhat",
    "batchnorm/backward/f32/5x6x8/normal/seed3,dy=constant",
    "layernorm/backward/f32/6x40/normal/seed3,gamma=absent,dy=constant"};
  for (size_t i = 0; i < 5; ++i) {
    struct made c = make(names[i]);
    for (size_t g = 0; g < 6; ++g) {
      struct means s = gradient_means(&c, g);
      bool spared = i == 1; /* where gamma is 0, g is 0 and not along xhat */
      double size = i < 3 ? fabs(s.gx) : fabs(s.g);
      if (!(size > 0.1 && (spared || s.largest < 1e-3 * size))) fail_msg("%s: %g of %g", names[i], s.largest, size);
    }
    tensors_free(&c.in);
  }
}

static void dy_sums_exactly(void **state)
{
  (void)state;
  struct made c = make("layernorm/backward/f32/70001x2/smallint/seed1,dy=smallint");
  for (size_t j = 0; j < 2; ++j) {
    float sum = 0;
    double exact = 0, magnitude = 0;
    for (size_t i = 0; i < 70001; ++i) {
      sum += (float)of_param(&c, j, i);
      exact += of_param(&c, j, i);
      magnitude += fabs(of_param(&c, j, i));
    }
    assert_true(sum == exact && magnitude < 0x1p24 && exact != 0);
  }
  tensors_free(&c.in);
}

/* Near the true ones, exact in their type, and yet others. */
static void given_statistics_are_near(void **state)
{
  (void)state;
  static const char *const names[] = {"layernorm/backward/f32/9x50/mean1e4/seed2,given=yes",
                                      "rmsnorm/backward/f32/9x50/normal/seed2,stats=f32,given=yes",
                                      "batchnorm/backward/f32/4x9x12/tinyvar/seed2,layout=nsc,given=yes",
                                      "layernorm/backward/f32/9x50/mean1e4/seed2,stats=f32,given=yes,saved=variance"};
  for (size_t i = 0; i < 4; ++i) {
    struct made c = make(names[i]);
    for (size_t g = 0; g < 9; ++g) {
      struct moments s = moments(&c, g);
      double square = i == 1 ? s.sd * s.sd + s.mean * s.mean : s.sd * s.sd;
      double other = get(&c, i == 3 ? SLOT_GIVEN_VARIANCE : SLOT_GIVEN_RSTD, g);
      double variance = i == 3 ? other : 1 / (other * other) - c.tc.p.eps;
      assert_true(fabs(variance - square) < square / 7);
      assert_true(i % 2 ? (float)other == other : fabs(get(&c, SLOT_GIVEN_MEAN, g) - s.mean) < s.sd / 15);
      if (i != 1) assert_true(fabs(get(&c, SLOT_GIVEN_MEAN, g) - s.mean) > 1e-6 * s.sd);
      assert_true(fabs(variance - square) > 1e-6 * square);
    }
    if (i == 1) assert_null(c.in.t[SLOT_GIVEN_MEAN].data);
    tensors_free(&c.in);
  }
}

static void absent_is_absent(void **state)
{
  (void)state;
  struct made c = make("layernorm/forward/f32/2x3/normal/seed1,gamma=absent,beta=absent");
  assert_null(c.in.t[SLOT_GAMMA].data);
  assert_null(c.in.t[SLOT_BETA].data);
  tensors_free(&c.in);
}

static void recorded_data_is_that_of_the_files(void **state)
{
  (void)state;
  struct made c = make("batchnorm/forward/f32/32x84/digits-bn4/seed1,mode=evaluation");
  for (size_t ch = 0; ch < 84; ++ch) {
    struct moments s = moments(&c, ch);
    double sd = sqrt(get(&c, SLOT_RUNNING_VAR, ch));
    assert_true(fabs(s.mean - get(&c, SLOT_RUNNING_MEAN, ch)) < sd && s.sd < 3 * sd);
  }
  tensors_free(&c.in);
  c = make("layernorm/backward/f32/77x384/minilm-last/seed1,eps=1e-12");
  for (size_t k = 0; k < 384; ++k) { /* all tokens of a sentence have one dy: rows 0 to 7, 8 to 17, ..., 67 to 76 */
    assert_true(at(&c, SLOT_DY, 0, k) == at(&c, SLOT_DY, 7, k) && at(&c, SLOT_DY, 67, k) == at(&c, SLOT_DY, 76, k));
    assert_true(at(&c, SLOT_DY, 7, k) != at(&c, SLOT_DY, 8, k));
  }
  assert_true(fabs(get(&c, SLOT_GAMMA, 223)) < 1e-30 && fabs(get(&c, SLOT_GAMMA, 224)) > 0.1);
  tensors_free(&c.in);
}

/* Of every type, and of every norm that has them; in f16 and bf16 rounded to it. */
static void given_statistics_of_every_type(void **state)
{
  static const char *const names[] = {
    "groupnorm/backward/f16/3x6x20/normal/seed2,groups=2,stats=f16,given=yes",
    "instancenorm/backward/bf16/3x2x20/normal/seed2,layout=nsc,stats=bf16,given=yes",
    "layernorm_channels/backward/f16/2x40x3/normal/seed2,stats=f32,given=yes",
    "layernorm/backward/f64/6x50/scale1e200/seed2,given=yes", "layernorm/backward/f64/6x50/scale1e-200/seed2,eps=0,given=yes"};
  (void)state;
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
    struct made c = make(names[i]);
    double unit = i == 3 ? 1e200 : i == 4 ? 1e-200 : 1, step = i == 0 ? 0x1p-10 : i == 1 ? 0x1p-7 : 0x1p-23;
    assert_int_equal(c.in.t[SLOT_GIVEN_MEAN].count, 6);
    for (size_t g = 0; g < 6; ++g) {
      double mean = 0, square = 0, rstd = get(&c, SLOT_GIVEN_RSTD, g) * unit;
      size_t m = problem_m(&c.tc.p);
      for (size_t k = 0; k < m; ++k) mean += x_at(&c, g, k) / unit / (double)m;
      for (size_t k = 0; k < m; ++k) square += pow(x_at(&c, g, k) / unit - mean, 2) / (double)m;
      assert_true(fabs(1 / (rstd * rstd) - square) < square * (1.0 / 7 + 4 * step));
      assert_true(fabs(get(&c, SLOT_GIVEN_MEAN, g) / unit - mean) < sqrt(square) / 15 + step);
    }
    tensors_free(&c.in);
  }
}

/* ---- types ---- */

/* gamma xhat + beta is next to the middle of two values of the tensors' type, for xhat next to +-1 and either type of gamma. */
static void ties_are_ties(void **state)
{
  static const struct { const char *type; int digits; } types[] = {
    {"f16", 11}, {"f16/5x64/signs/seed1,params=f32", 11}, {"bf16", 8}, {"f32", 24}, {"f64", 53}};
  (void)state;
  for (size_t i = 0; i < sizeof types / sizeof *types; ++i) {
    char name[192];
    bool wide = strchr(types[i].type, ',');
    snprintf(name, sizeof name, "layernorm/forward/%.*s/5x64/signs/seed1,eps=1e-12,gamma=ties,beta=ties%s",
             (int)strcspn(types[i].type, "/"), types[i].type, wide ? ",params=f32" : "");
    struct made c = make(name);
    double half = ldexp(1, -types[i].digits); /* of an ulp of [1,2) */
    for (size_t g = 0; g < 5; ++g) assert_true(moments(&c, g).mean == 0 && moments(&c, g).sd == 1);
    for (size_t k = 0; k < 64; ++k) {
      double gamma = get(&c, SLOT_GAMMA, k), beta = get(&c, SLOT_BETA, k);
      assert_true(gamma >= 1 && gamma < 2 && fmod(gamma, half) == 0 && fabs(beta) <= half);
      assert_true(fmod(gamma / half, 2) + fabs(beta) / half == 1);
    }
    tensors_free(&c.in);
  }
}

static void parameters_fill_their_type(void **state)
{
  static const char *const types[] = {"f32", "f64", "f16", "bf16", "f16"}, *const rest[] = {"", "", "", "", ",params=f32"};
  static const double largest[] = {FLT_MAX, DBL_MAX, 65504, 0x1.fep127, FLT_MAX};
  static const double least[] = {FLT_MIN, DBL_MIN, 0x1p-14, FLT_MIN, FLT_MIN};
  (void)state;
  for (size_t i = 0; i < 5; ++i) {
    char name[128];
    double most = 0;
    snprintf(name, sizeof name, "layernorm/forward/%s/3x50/normal/seed1,gamma=largest,beta=tiny%s", types[i], rest[i]);
    struct made c = make(name);
    for (size_t k = 0; k < 50; ++k) {
      double tiny = get(&c, SLOT_BETA, k);
      most = fmax(most, get(&c, SLOT_GAMMA, k));
      assert_true(tiny > least[i] && tiny * tiny < 4 * least[i]);
    }
    assert_true(most > largest[i] / 2);
    tensors_free(&c.in);
    snprintf(name, sizeof name, "layernorm/forward/%s/3x50/normal/seed1,gamma=huge%s", types[i], rest[i]);
    c = make(name);
    most = 0;
    for (size_t k = 0; k < 50; ++k) most = fmax(most, get(&c, SLOT_GAMMA, k));
    assert_true(most < largest[i] / 16 && most * most > largest[i]);
    tensors_free(&c.in);
  }
}

/* ---- SwitchableNorm ---- */

static void lambdas_are_as_named(void **state)
{
  static const char *const families[] = {"ordinary", "equal", "onehot", "extreme", "large", "negative", "huge", "batch"};
  static const char *const types[] = {"f32", "f64", "f16", "bf16"};
  (void)state;
  for (size_t i = 0; i < 7 * 4; ++i) {
    char name[128];
    size_t f = i % 7;
    double limit = i / 7 == 1 ? 1000 : 120, half = i / 7 == 1 ? DBL_MAX / 4 : i / 7 == 2 ? 16000 : FLT_MAX / 4;
    snprintf(name, sizeof name, "switchnorm/forward/%s/2x3x4/normal/seed1,lambda=%s", types[i / 7], families[f]);
    struct made c = make(name);
    for (int slot = SLOT_LAMBDA_MEAN; slot <= SLOT_LAMBDA_VAR; ++slot) {
      double low = INFINITY, high = -INFINITY;
      assert_int_equal(c.in.t[slot].count, 3);
      for (size_t k = 0; k < 3; ++k) low = fmin(low, get(&c, slot, k)), high = fmax(high, get(&c, slot, k));
      bool same = low == high;
      assert_true(f == 1 ? same && low == 1 : !same || f == 4 || f == 5); /* near 120 bf16 has steps of 0.5 */
      if (f == 0) assert_true(low > 0.69 && high < 1.41);
      if (f == 2) assert_true(high - low > 28 && high - low < 32);
      if (f == 3) assert_true(high - low > 19000 && high - low < 21000);
      if (f == 4) assert_true(low > limit && high < limit + 2);
      if (f == 5) assert_true(high < -limit && low > -limit - 2);
      if (f == 6) assert_true(fmax(-low, high) > half);
    }
    tensors_free(&c.in);
  }
}

/* The weights, mixed statistics of (n,c) written out; libm's exp is near enough. */
static void mixed(const struct made *c, size_t n, size_t ch, double *mean, double *var)
{
  const struct normative_problem *p = &c->tc.p;
  double three[3][2] = {{0}}, w[2][3], sum[2] = {0};
  for (size_t i = 0; i < p->c; ++i) three[1][0] += moments(c, n * p->c + i).mean / (double)p->c;
  for (size_t i = 0; i < p->n; ++i) three[2][0] += moments(c, i * p->c + ch).mean / (double)p->n;
  for (size_t i = 0; i < p->c; ++i) {
    struct moments s = moments(c, n * p->c + i);
    three[1][1] += (s.sd * s.sd + pow(s.mean - three[1][0], 2)) / (double)p->c;
  }
  for (size_t i = 0; i < p->n; ++i) {
    struct moments s = moments(c, i * p->c + ch);
    three[2][1] += (s.sd * s.sd + pow(s.mean - three[2][0], 2)) / (double)p->n;
  }
  three[0][0] = moments(c, n * p->c + ch).mean;
  three[0][1] = pow(moments(c, n * p->c + ch).sd, 2);
  if (p->mode == NORMATIVE_EVALUATION)
    three[2][0] = get(c, SLOT_RUNNING_MEAN, ch), three[2][1] = get(c, SLOT_RUNNING_VAR, ch);
  for (int of = 0; of < 2; ++of)
    for (size_t k = 0; k < (p->drop_bn ? 2u : 3u); ++k)
      sum[of] += w[of][k] = exp(get(c, of ? SLOT_LAMBDA_VAR : SLOT_LAMBDA_MEAN, k) - 1);
  *mean = *var = 0;
  for (size_t k = 0; k < (p->drop_bn ? 2u : 3u); ++k) {
    *mean += w[0][k] / sum[0] * three[k][0];
    *var += w[1][k] / sum[1] * three[k][1];
  }
}

static void beta_cancels_what_is_mixed(void **state)
{
  static const char *const names[] = {"switchnorm/forward/f32/3x4x10/level1e2/seed4,beta=cancel",
                                      "switchnorm/forward/f64/3x4x10/normal/seed4,layout=nsc,beta=cancel,dropbn=yes",
                                      "switchnorm/forward/f32/3x4x10/normal/seed4,mode=evaluation,beta=cancel,lambda=onehot"};
  (void)state;
  for (size_t i = 0; i < 3; ++i) {
    struct made c = make(names[i]);
    double best[4] = {1, 1, 1, 1}, mean, var;
    for (size_t g = 0; g < 12; ++g) {
      mixed(&c, g / 4, g % 4, &mean, &var);
      for (size_t k = 0; k < 10; ++k) {
        double beta = get(&c, SLOT_BETA, g % 4), xhat = (x_at(&c, g, k) - mean) / sqrt(var + c.tc.p.eps);
        best[g % 4] = fmin(best[g % 4], fabs((get(&c, SLOT_GAMMA, g % 4) * xhat + beta) / beta));
      }
    }
    for (size_t j = 0; j < 4; ++j)
      if (!(best[j] < 0x1p-20)) fail_msg("%s: entry %zu: %g", names[i], j, best[j]);
    tensors_free(&c.in);
  }
}

/* ---- the residual ---- */

static void residuals_are_as_named(void **state)
{
  static const char *const types[] = {"f32", "f64", "f16", "bf16"};
  (void)state;
  for (size_t i = 0; i < 4; ++i)
    for (size_t f = 0; f < 4; ++f) {
      static const char *const families[] = {"ordinary", "cancel", "large", "alike"};
      static const double low[] = {0.9, 0, 500, 2}, high[] = {3, 0.3, 2000, 3};
      char name[128];
      double square = 0;
      snprintf(name, sizeof name, "layernorm/forward/%s/4x100/normal/seed1,residual=yes,addend=%s", types[i], families[f]);
      struct made c = make(name);
      for (size_t k = 0; k < 400; ++k) square += pow(get(&c, SLOT_X, k) + get(&c, SLOT_RESIDUAL, k), 2) / 400;
      if (!(sqrt(square) > low[f] && sqrt(square) < high[f])) fail_msg("%s: %g", name, sqrt(square));
      tensors_free(&c.in);
    }
}

/* ---- errors ---- */

static void bad_recipes_are_refused(void **state)
{
  (void)state;
  refuse("layernorm/forward/f32/2x3/gaussian/seed1", "unknown family 'gaussian' of x; there are normal, meanNeK");
  refuse("layernorm/forward/f32/2x3/mean1e/seed1", "unknown family 'mean1e'");
  refuse("layernorm/forward/f32/2x3/mean1e4x/seed1", "unknown family 'mean1e4x'");
  refuse("layernorm/forward/f32/2x3/mean1e-400/seed1", "'mean1e-400' of x: its number is none");
  refuse("layernorm/forward/f32/2x3/mean1e400/seed1", "'mean1e400' of x: its number is none");
  refuse("layernorm/forward/f32/2x3/normal/seed1,gamma=blue", "unknown family 'blue' of gamma; there are ordinary");
  refuse("layernorm/forward/f32/2x3/normal/seed1,beta=blue", "unknown family 'blue' of beta");
  refuse("batchnorm/forward/f32/2x3/normal/seed1,running=blue", "unknown family 'blue' of running");
  refuse("layernorm/forward/f16/2x3/outlier1e30/seed1", "does not fit f16");
  refuse("layernorm/forward/f16/2x3/mean1e6/seed1", "does not fit f16");
  refuse("layernorm/forward/f16/2x3/scale1e-20/seed1", "are 0 in f16");
  refuse("layernorm/forward/f32/2x3/scale1e-99/seed1", "are 0 in f32");
  refuse("layernorm/backward/bf16/2x3/normal/seed1,dy=scale1e-99", "are 0 in bf16");
  refuse("layernorm/forward/f32/2x3/normal/seed1,residual=yes,addend=blue", "unknown family 'blue' of addend");
  refuse("switchnorm/forward/f32/2x3x4/normal/seed1,lambda=blue", "unknown family 'blue' of lambda; there are ordinary");
  refuse("layernorm/forward/f32/2x3/nearmax/seed1,pow2=5", "does not fit f32");
  refuse("layernorm/forward/f32/2x3/normal/seed1,pow2=-140", "is no f32");
  refuse("batchnorm/forward/f32/2x3/digits-bn1/seed1", "recorded data of shape 32x6x8x8");
  setenv("NORMATIVE_DATA", "nowhere", 1);
  refuse("batchnorm/forward/f32/32x84/digits-bn4/seed1", "nowhere/digits-bn4/x.npy");
  unsetenv("NORMATIVE_DATA");
}

/* ---- the sweep ---- */

struct list { char **name; size_t count, elements; };

static int collect(const struct testcase *tc, void *arg)
{
  struct list *list = arg;
  char name[CASE_NAME_MAX];
  case_name(name, tc);
  list->name = realloc(list->name, (list->count + 1) * sizeof *list->name);
  list->name[list->count++] = strdup(name);
  list->elements += problem_elements(&tc->p);
  return 0;
}

static struct list listed(enum tier tier)
{
  struct list list = {0};
  assert_int_equal(sweep(tier, 7, collect, &list), 0);
  return list;
}

static void list_free(struct list *list)
{
  for (size_t i = 0; i < list->count; ++i) free(list->name[i]);
  free(list->name);
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void sweep_keeps_its_budget(void **state)
{
  (void)state;
  struct list quick = listed(TIER_QUICK), full = listed(TIER_FULL);
  assert_in_range(quick.count, 1, 17000);
  assert_in_range(quick.elements, 1, 60000000);
  assert_in_range(full.count, quick.count, 75000);
  assert_in_range(full.elements, quick.elements, 400000000);
  for (size_t i = 0; i < quick.count; ++i) assert_string_equal(quick.name[i], full.name[i]); /* full begins with quick */
  qsort(full.name, full.count, sizeof *full.name, by_name);
  for (size_t i = 1; i < full.count; ++i) assert_string_not_equal(full.name[i - 1], full.name[i]);
  list_free(&quick);
  list_free(&full);
}

/* A name gives back its problem and its recipe's data: the sweep's own case and the parsed one make the same bits. */
static int rebuild(const struct testcase *tc, void *arg)
{
  struct testcase again;
  struct error e;
  char name[CASE_NAME_MAX], second[CASE_NAME_MAX];
  (void)arg;
  case_name(name, tc);
  if (case_parse(&again, name, &e)) fail_msg("%s", e.text);
  case_name(second, &again);
  assert_string_equal(name, second);
  if (problem_elements(&tc->p) > 20000) return 0;
  struct tensors a, b;
  if (inputs_make(tc, &a, &e) || inputs_make(&again, &b, &e)) fail_msg("%s", e.text);
  if (checksum(&a) != checksum(&b)) fail_msg("%s: other data by its name", name);
  tensors_free(&a);
  tensors_free(&b);
  return 0;
}

static void names_rebuild_cases(void **state)
{
  (void)state;
  assert_int_equal(sweep(TIER_QUICK, 3, rebuild, NULL), 0);
}

struct marks { uint32_t norm, direction; bool seen[160]; };

static int mark_families(const struct testcase *tc, void *arg)
{
  struct marks *marks = arg;
  const struct normative_problem *p = &tc->p;
  const bool used[KINDS] = {true, true, true, p->running, p->direction == NORMATIVE_BACKWARD, p->residual,
                            p->norm == NORMATIVE_SWITCHNORM};
  for (size_t i = 0; i < KINDS && p->norm == marks->norm && p->direction == marks->direction; ++i) {
    const struct family *f = family_find(kinds[i], family_of(tc, i));
    assert_non_null(f);
    assert_in_range(f - family_table, 0, 159);
    if (used[i]) marks->seen[f - family_table] = true;
  }
  return 0;
}

/* Has the quick tier a reason to show the family to the norm, in some type? */
static bool meets(const struct family *f, const struct norm_row *row, uint32_t direction)
{
  bool backward = direction == NORMATIVE_BACKWARD;
  if (!strcmp(f->kind, "running")) return row->evaluates && strcmp(f->name, "absent");
  if (!strcmp(f->kind, "lambda")) return row->id == NORMATIVE_SWITCHNORM;
  if (!strcmp(f->kind, "addend")) return row->axes == 2 && !backward;
  if (!strcmp(f->kind, "beta") && backward) return !strcmp(f->name, "ordinary") || !strcmp(f->name, "absent");
  if (!strcmp(f->kind, "dy")) return backward;
  if (!family_shape(f)) return true;
  return row->axes == 2 ? !strstr(strchr(family_shape(f), 'x') + 1, "x") : family_brings(f, "running_mean");
}

static void quick_has_every_family_for_every_norm(void **state)
{
  (void)state;
  for (const struct norm_row *row = norm_table; row->name; ++row)
    for (uint32_t direction = NORMATIVE_FORWARD; direction <= NORMATIVE_BACKWARD; ++direction) {
      struct marks marks = {.norm = row->id, .direction = direction};
      sweep(TIER_QUICK, 7, mark_families, &marks);
      for (const struct family *f = family_table; f->name; ++f)
        if (meets(f, row, direction) && !marks.seen[f - family_table])
          fail_msg("%s %s: %s family %s", row->name, direction_name(direction), f->kind, f->name);
    }
}

struct wants {
  uint32_t direction;
  size_t given[16];
  bool lengths[131], rows[131], sizes[3], empty[3], targets[5][32], params[5][5], momenta[4][4], eps[5], million, many, blocks;
  bool residual[5], affine[8][4], runs[5][2], place[4], casts[4], dropped, repo;
};

static int mark_wants(const struct testcase *tc, void *arg)
{
  struct wants *w = arg;
  const struct normative_problem *p = &tc->p;
  static const double eps[] = {0, 1e-12f, 1e-5f, 1e-3f, 0.5};
  if (p->direction != w->direction) return 0;
  if (problem_m(p) <= 130) w->lengths[problem_m(p)] = true;
  if (problem_groups(p) <= 130) w->rows[problem_groups(p)] = true;
  if (p->norm == NORMATIVE_LAYERNORM && p->n > 131072 && !strcmp(tc->r.dy, "paramconstant")) w->many = true;
  if (p->given) ++w->given[p->norm];
  if (problem_m(p) == 1000003) w->million = true;
  if (problem_m(p) == 65536) w->sizes[0] = true;
  w->blocks |= !strcmp(tc->r.family, "blockoutlier") && problem_m(p) > 256 && 16 * problem_groups(p) >= problem_m(p);
  if (p->c == 65 && p->s > 1) w->sizes[1] = true;
  if (p->n == 1 && p->s == 1 && p->c == 1) w->sizes[2] = true;
  w->empty[0] |= p->n == 0 && p->c;
  w->empty[1] |= p->c == 0 && p->n;
  w->empty[2] |= p->s == 0 && p->n;
  w->targets[p->type][p->norm * 4 + (p->mode - 1) * 2 + (p->layout - 1)] = true;
  w->params[p->type][p->param_type] = w->affine[p->norm][p->affine] = w->place[p->eps_place] = w->casts[p->casts] = true;
  w->residual[p->type] |= p->residual;
  if (p->groups > 1 && norm_find(p->norm)->axes == 2) w->runs[p->type][p->groups == p->n] = true;
  w->dropped |= p->drop_bn;
  w->repo |= p->repo;
  if (p->running && p->mode == NORMATIVE_TRAINING) w->momenta[p->rule][p->estimator] = true;
  for (size_t i = 0; i < 5; ++i) w->eps[i] |= p->eps == eps[i];
  return 0;
}

static void check_wants(enum tier tier, uint32_t direction)
{
  struct wants w = {.direction = direction};
  bool backward = direction == NORMATIVE_BACKWARD;
  sweep(tier, 7, mark_wants, &w);
  assert_true(w.million && w.blocks && w.sizes[1] && w.sizes[2] && w.empty[0] && w.empty[1] && w.empty[2]);
  assert_true(backward ? w.many : w.sizes[0]);
  for (int m = 1; m <= (tier == TIER_FULL ? 130 : 18); ++m) assert_true(w.lengths[m]);
  for (int rows = 1; rows <= (tier == TIER_FULL ? 130 : 9); ++rows) assert_true(w.rows[rows]);
  for (size_t i = 0; i < 5; ++i) assert_true(w.eps[i]);
  for (int rule = 1; rule <= 3 && !backward; ++rule) assert_true(w.momenta[rule][1] && w.momenta[rule][2]);
  for (const struct norm_row *row = norm_table; row->name; ++row) {
    bool given = backward && row->id != NORMATIVE_SWITCHNORM;
    assert_in_range(w.given[row->id], given ? 100 : 0, given ? 100000 : 0);
    for (int type = NORMATIVE_F32; type <= NORMATIVE_BF16; ++type)
      for (int mode = 0; mode <= row->evaluates; ++mode)
        for (int layout = 0; layout < row->axes - 1; ++layout) assert_true(w.targets[type][row->id * 4 + mode * 2 + layout]);
  }
  assert_true(w.params[NORMATIVE_F16][NORMATIVE_F32] && w.params[NORMATIVE_F16][NORMATIVE_F16]);
  assert_true(w.params[NORMATIVE_BF16][NORMATIVE_F32] && w.params[NORMATIVE_BF16][NORMATIVE_BF16]);
  assert_true(w.dropped && (backward || w.momenta[NORMATIVE_MOMENTUM_NEW][NORMATIVE_UNBIASED1]));
  for (const struct norm_row *row = norm_table; row->name; ++row)
    for (int affine = NORMATIVE_AFFINE_GROUP; affine <= NORMATIVE_AFFINE_ELEMENT; ++affine)
      assert_true(w.affine[row->id][affine] == (row->axes == 2 || row->id == NORMATIVE_GROUPNORM));
  for (int type = NORMATIVE_F32; type <= NORMATIVE_BF16; ++type)
    assert_true(w.residual[type] != backward && w.runs[type][0] && w.runs[type][1]);
  for (int k = 1; k <= 3; ++k) assert_true(w.place[k] && w.casts[k]);
  assert_true(w.repo);
}

static void tiers_have_what_they_must(void **state)
{
  (void)state;
  for (uint32_t direction = NORMATIVE_FORWARD; direction <= NORMATIVE_BACKWARD; ++direction) {
    check_wants(TIER_QUICK, direction);
    check_wants(TIER_FULL, direction);
  }
}

/* In the full tier every x meets every dy, in f32 for the three norms that have most cases; recorded ones bring their own, and
   f32 has no ties to speak of. */
static bool met[8][160][160];

static bool left_out(const struct family *f)
{
  static const char *const names[] = {"levelNeK", "flat", "signs", "ties", "paramties"};
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i)
    if (!strcmp(names[i], f->name)) return true;
  return false;
}

static int mark_pair(const struct testcase *tc, void *arg)
{
  (void)arg;
  if (tc->p.direction != NORMATIVE_BACKWARD) return 0;
  const struct family *x = family_find("x", tc->r.family), *dy = family_find("dy", *tc->r.dy ? tc->r.dy : "ordinary");
  met[tc->p.norm][x - family_table][dy - family_table] = true;
  return 0;
}

static void every_x_meets_every_dy(void **state)
{
  (void)state;
  sweep(TIER_FULL, 7, mark_pair, NULL);
  for (const struct norm_row *row = norm_table; row->name; ++row)
    for (const struct family *x = family_table; x->name; ++x)
      for (const struct family *dy = family_table; dy->name; ++dy) {
        if (strcmp(x->kind, "x") || family_shape(x) || strcmp(dy->kind, "dy") || left_out(x) || left_out(dy)) continue;
        if (row->id > NORMATIVE_RMSNORM) continue;
        if (!met[row->id][x - family_table][dy - family_table]) fail_msg("%s: %s, %s", row->name, x->name, dy->name);
      }
}

static int third(const struct testcase *tc, void *arg)
{
  (void)tc;
  return ++*(int *)arg == 3 ? 42 : 0;
}

static void sweep_stops_when_told(void **state)
{
  int calls = 0;
  (void)state;
  assert_int_equal(sweep(TIER_FULL, 7, third, &calls), 42);
  assert_int_equal(calls, 3);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(bits_are_those_committed), cmocka_unit_test(every_family_has_a_checksum),
    cmocka_unit_test(layouts_hold_the_same_values), cmocka_unit_test(a_row_is_the_same_in_any_batch),
    cmocka_unit_test(seeds_differ), cmocka_unit_test(narrow_types_are_rounded_once),
    cmocka_unit_test(groups_and_entries_differ), cmocka_unit_test(moments_are_as_named),
    cmocka_unit_test(kappa_is_as_named), cmocka_unit_test(small_integers_sum_exactly),
    cmocka_unit_test(outliers_are_where_they_should), cmocka_unit_test(hostile_ranges),
    cmocka_unit_test(one_place_is_not_finite), cmocka_unit_test(half_of_the_groups_are_constant),
    cmocka_unit_test(pow2_scales_exactly), cmocka_unit_test(running_statistics_are_as_named),
    cmocka_unit_test(vast_running_statistics_fill_their_type), cmocka_unit_test(beta_cancels),
    cmocka_unit_test(dy_by_parameter), cmocka_unit_test(dy_that_leaves_nothing_of_dx),
    cmocka_unit_test(dy_sums_exactly), cmocka_unit_test(given_statistics_are_near), cmocka_unit_test(absent_is_absent),
    cmocka_unit_test(given_statistics_of_every_type), cmocka_unit_test(ties_are_ties),
    cmocka_unit_test(parameters_fill_their_type), cmocka_unit_test(lambdas_are_as_named),
    cmocka_unit_test(beta_cancels_what_is_mixed), cmocka_unit_test(residuals_are_as_named),
    cmocka_unit_test(recorded_data_is_that_of_the_files), cmocka_unit_test(bad_recipes_are_refused),
    cmocka_unit_test(sweep_keeps_its_budget), cmocka_unit_test(names_rebuild_cases),
    cmocka_unit_test(quick_has_every_family_for_every_norm), cmocka_unit_test(tiers_have_what_they_must),
    cmocka_unit_test(every_x_meets_every_dy), cmocka_unit_test(sweep_stops_when_told)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
