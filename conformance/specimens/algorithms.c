/* SPDX-License-Identifier: Apache-2.0
   The ways in which kernels compute a mean and a variance in float. */
#include "specimens.h"
#include <math.h>

/* ---- sums ---- */

/* One after the other: height m-1. */
static float sum_sequential(const float *t, size_t m)
{
  float s = 0;
  for (size_t i = 0; i < m; ++i) s += t[i];
  return s;
}

/* Halves down to `leaf` numbers, which are added one after the other: height leaf-1 + log2(m/leaf), rounded up. */
static float sum_halves(const float *t, size_t m, size_t leaf)
{
  if (m <= leaf) return sum_sequential(t, m);
  return sum_halves(t, m / 2, leaf) + sum_halves(t + m / 2, m - m / 2, leaf);
}

static float sum_pairwise(const float *t, size_t m) { return sum_halves(t, m, 32); }
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

/* ---- two passes: mean, then the mean of (x - mean)^2 ---- */

static void mean_square(const float *x, float *t, size_t m, float centre, float *var, sum_fn sum)
{
  for (size_t i = 0; i < m; ++i) {
    float d = x[i] - centre;
    t[i] = d * d;
  }
  *var = sum(t, m) / (float)m;
}

static void two_pass(const float *x, float *t, size_t m, float *mean, float *var, sum_fn sum)
{
  if (mean) *mean = sum(x, m) / (float)m;
  mean_square(x, t, m, mean ? *mean : 0, var, sum);
}

static void sequential(const float *x, float *t, size_t m, float *mean, float *var) { two_pass(x, t, m, mean, var, sum_sequential); }
static void blocks(const float *x, float *t, size_t m, float *mean, float *var) { two_pass(x, t, m, mean, var, sum_blocks); }
static void pairwise(const float *x, float *t, size_t m, float *mean, float *var) { two_pass(x, t, m, mean, var, sum_pairwise); }
static void lanes(const float *x, float *t, size_t m, float *mean, float *var) { two_pass(x, t, m, mean, var, sum_lanes); }

/* ---- one pass: mean(x^2) - mean^2, clamped ---- */

static void one_pass(const float *x, float *t, size_t m, float *mean, float *var)
{
  mean_square(x, t, m, 0, var, sum_sequential);
  if (!mean) return;
  *mean = sum_sequential(x, m) / (float)m;
  *var -= *mean * *mean;
  if (*var < 0) *var = 0;
}

/* ---- Welford 1962: M += (x - M)/k, S += (x - M_before)(x - M) ---- */

struct moments { float count, mean, s; };

static struct moments welford(const float *x, size_t m)
{
  struct moments a = {0, 0, 0};
  for (size_t i = 0; i < m; ++i) {
    float d = x[i] - a.mean;
    a.count += 1;
    a.mean += d / a.count;
    a.s += d * (x[i] - a.mean);
  }
  return a;
}

/* Chan, Golub, LeVeque 1983: two halves' moments make the whole's. */
static struct moments merge(struct moments a, struct moments b)
{
  float count = a.count + b.count, d = b.mean - a.mean, share = b.count / count;
  return (struct moments){count, a.mean + d * share, a.s + b.s + d * d * (a.count * share)};
}

static struct moments merge_halves(const float *x, size_t m, size_t leaf)
{
  if (m <= leaf) return welford(x, m);
  return merge(merge_halves(x, m / 2, leaf), merge_halves(x + m / 2, m - m / 2, leaf));
}

static void take(struct moments a, float *mean, float *var)
{
  *mean = a.mean;
  *var = a.s / a.count;
}

static void welford_long(const float *x, float *t, size_t m, float *mean, float *var)
{
  if (mean) take(welford(x, m), mean, var);
  else mean_square(x, t, m, 0, var, sum_sequential);
}

static void welford_short(const float *x, float *t, size_t m, float *mean, float *var)
{
  if (mean) take(merge_halves(x, m, 1024), mean, var);
  else mean_square(x, t, m, 0, var, sum_blocks);
}

static void merges(const float *x, float *t, size_t m, float *mean, float *var)
{
  if (mean) take(merge_halves(x, m, 1), mean, var);
  else mean_square(x, t, m, 0, var, sum_pairwise);
}

/* ---- sums in double, the mean kept in float ---- */

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

const struct specimen specimen_table[] = {
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
