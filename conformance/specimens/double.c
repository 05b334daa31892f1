/* SPDX-License-Identifier: Apache-2.0
   Specimens that compute in double, on tensors of double. */
#include "specimens.h"
#define REAL double
#define ROOT sqrt
#define EXP exp
#include "real.inc"
#include "algorithms.inc"
#include "gradients.inc"
#include "norms.inc"

static const struct specimen table[] = {
  {"f64-two-pass", 0, sequential, sum_sequential, dx_by_xhat, 0},
  {"f64-two-pass-folded", 0, sequential, sum_sequential, dx_folded, 1},
  {"f64-welford", 0, welford_long, sum_sequential, dx_by_chain_rule, 0},
  {"f64-merge", 0, merges, sum_pairwise, dx_by_xhat, 0},
  {"f64-one-pass", 0, one_pass, sum_sequential, dx_by_xhat, 0},
  {0}};

const char *double_name(size_t row) { return table[row].name; }
uint64_t double_bytes(const struct normative_problem *p) { return bytes_of(p); }
int double_run(size_t row, const struct normative_problem *p, const struct normative_tensors *t, void *workspace)
{
  return run(&table[row], p, t, workspace);
}
