/* SPDX-License-Identifier: Apache-2.0
   Specimens that compute in float, 16-bit tensors too. */
#include "specimens.h"
#define REAL float
#define ROOT sqrtf
#define EXP expf
#include "real.inc"
#include "algorithms.inc"
#include "gradients.inc"
#include "norms.inc"

static float sum_blocks(const float *t, size_t m) { return sum_halves(t, m, 2048); }

/* 16 lanes, then a tree: height m/16 + 4. */
static float sum_lanes(const float *t, size_t m)
{
  float lane[16] = {0};
  for (size_t i = 0; i < m; ++i) lane[i % 16] += t[i];
  for (size_t width = 8; width; width /= 2)
    for (size_t j = 0; j < width; ++j) lane[j] += lane[j + width];
  return lane[0];
}

static float sum_in_double(const float *t, size_t m)
{
  double s = 0;
  for (size_t i = 0; i < m; ++i) s += t[i];
  return (float)s;
}

static void blocks(const float *x, float *t, size_t m, float *mean, float *var)
{
  two_pass(x, t, m, mean, var, sum_blocks);
}

static void pairwise(const float *x, float *t, size_t m, float *mean, float *var)
{
  two_pass(x, t, m, mean, var, sum_pairwise);
}

static void lanes(const float *x, float *t, size_t m, float *mean, float *var)
{
  two_pass(x, t, m, mean, var, sum_lanes);
}

static void welford_short(const float *x, float *t, size_t m, float *mean, float *var)
{
  if (mean) take(merge_halves(x, m, 1024), mean, var);
  else mean_square(x, t, m, 0, var, sum_blocks);
}

/* Sums in double, the mean kept in float. */
static void double_sums(const float *x, float *t, size_t m, float *mean, float *var)
{
  double s = 0, q = 0;
  (void)t;
  for (size_t i = 0; mean && i < m; ++i) s += x[i];
  if (mean) *mean = (float)(s / (double)m);
  double centre = mean ? *mean : 0;
  for (size_t i = 0; i < m; ++i) q += (x[i] - centre) * (x[i] - centre);
  *var = (float)(q / (double)m);
}

#define TYPE NORMATIVE_F16
#define NAMED(name) half_##name
#include "narrow.inc"
#undef TYPE
#undef NAMED
#define TYPE NORMATIVE_BF16
#define NAMED(name) bfloat_##name
#include "narrow.inc"

static const struct specimen table[] = {
  {"f64-stats", 0, double_sums, sum_in_double, dx_by_xhat, 0},
  {"f32-pairwise", 0, pairwise, sum_pairwise, dx_by_chain_rule, 0},
  {"f32-two-pass", 0, blocks, sum_blocks, dx_by_xhat, 0},
  {"f32-two-pass-folded", 0, blocks, sum_blocks, dx_folded, 1},
  {"f32-welford", 0, welford_short, sum_blocks, dx_by_xhat, 0},
  {"f32-lanes", 0, lanes, sum_lanes, dx_by_chain_rule, 0},
  {"f32-merge", 0, merges, sum_pairwise, dx_by_xhat, 0},
  {"f32-sequential", 0, sequential, sum_sequential, dx_by_xhat, 0},
  {"f32-welford-long", 0, welford_long, sum_sequential, dx_by_chain_rule, 0},
  {"f32-one-pass", 0, one_pass, sum_sequential, dx_by_xhat, 0},
  {"f16-epilogue", NORMATIVE_F16, half_kept, sum_sequential, dx_by_xhat, 0},
  {"f16-two-pass", NORMATIVE_F16, half_two_pass, half_sum, dx_by_xhat, 0},
  {"f16-one-pass", NORMATIVE_F16, half_one_pass, half_sum, dx_by_xhat, 0},
  {"bf16-epilogue", NORMATIVE_BF16, bfloat_kept, sum_sequential, dx_by_xhat, 0},
  {"bf16-two-pass", NORMATIVE_BF16, bfloat_two_pass, bfloat_sum, dx_by_xhat, 0},
  {"bf16-one-pass", NORMATIVE_BF16, bfloat_one_pass, bfloat_sum, dx_by_xhat, 0},
  {0}};

const char *single_name(size_t row) { return table[row].name; }
uint32_t single_type(size_t row) { return table[row].type; }
uint64_t single_bytes(const struct normative_problem *p) { return bytes_of(p); }
int single_run(size_t row, const struct normative_problem *p, const struct normative_tensors *t, void *workspace)
{
  return run(&table[row], p, t, workspace);
}
