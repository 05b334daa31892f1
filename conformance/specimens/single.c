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

static const struct specimen table[] = {
  {"f64-stats", double_sums, sum_in_double, dx_by_xhat, 0},
  {"f32-pairwise", pairwise, sum_pairwise, dx_by_chain_rule, 0},
  {"f32-two-pass", blocks, sum_blocks, dx_by_xhat, 0},
  {"f32-two-pass-folded", blocks, sum_blocks, dx_folded, 1},
  {"f32-welford", welford_short, sum_blocks, dx_by_xhat, 0},
  {"f32-lanes", lanes, sum_lanes, dx_by_chain_rule, 0},
  {"f32-merge", merges, sum_pairwise, dx_by_xhat, 0},
  {"f32-sequential", sequential, sum_sequential, dx_by_xhat, 0},
  {"f32-welford-long", welford_long, sum_sequential, dx_by_chain_rule, 0},
  {"f32-one-pass", one_pass, sum_sequential, dx_by_xhat, 0},
  {0}};

const char *single_name(size_t row) { return table[row].name; }
uint64_t single_bytes(const struct normative_problem *p) { return bytes_of(p); }
int single_run(size_t row, const struct normative_problem *p, const struct normative_tensors *t, void *workspace)
{
  return run(&table[row], p, t, workspace);
}
