/* SPDX-License-Identifier: Apache-2.0
   Mutants: one honest kernel, and the defects that norms really had, planted in it one at a time. The sweep must kill each. */
#ifndef MUTANTS_H
#define MUTANTS_H
#include "normative_plugin.h"
#include "tensors.h"

enum defect {
  NONE, /* the honest kernel */
  /* variance */
  ONE_PASS_F32, ONE_PASS_F32_CLAMPED, ONE_PASS_FLOAT_SQUARES, SEQUENTIAL_F32, WELFORD_F32_LONG, BESSEL, MEAN_ABSOLUTE,
  SUMS_OVERFLOW_F32, COUNT_IN_F16, VARIANCE_ABOUT_BF16_MEAN, VARIANCE_OF_LAST_ROW,
  /* eps */
  EPS_DROPPED, EPS_TENTH, EPS_OUTSIDE, EPS_ON_STD, EPS_AS_FLOOR,
  /* rounding of statistics */
  MEAN_BF16, MEAN_F16, RSTD_BF16, RSTD_F16, RSTD_ESTIMATE,
  /* apply */
  FOLDED_F32, MEAN_TWICE, MEAN_KEPT, BETA_BEFORE_GAMMA, GAMMA_IGNORED, BETA_IGNORED, GAMMA_SIGN_LOST, GAMMA_BY_FIRST, BETA_BY_FIRST, ALL_ZERO, ALL_BETA,
  NAN_TO_ZERO, CLIPPED, LARGE_MEAN_SHORTCUT, FLUSHED, SATURATED, RSQRT_OF_ZERO_IS_ZERO,
  /* tails, shapes, wrong index */
  TAIL_DROPPED, TAIL_ELEMENT_DROPPED, BLOCK_TWICE, TAIL_UNSCALED, LAST_NOT_NORMALISED, GAMMA_BY_GROUP, BETA_SHIFTED,
  STATISTICS_OF_NEIGHBOUR, STATISTICS_OF_FIRST, GROUP_INDEX_16_BITS, LAYOUT_SWAPPED, WARP_ONLY, MERGED_PAIRS, COUNT_OF_16_BITS,
  /* meaning */
  MOMENTUM_REVERSED, RUNNING_POPULATION, RUNNING_BESSEL, RUNNING_FROM_ZERO, RUNNING_NOT_UPDATED, RUNNING_SWAPPED,
  CUMULATIVE_LATE, EVALUATION_FROM_BATCH, SAVED_VARIANCE, SAVED_MEAN_ROUNDED,
  DEFECTS
};
extern const char *const defect_name[DEFECTS];

/* Computes the outputs of a forward problem (f32, gamma and beta per channel, f64 statistics) with one defect. */
void mutant_run(enum defect defect, const struct normative_problem *p, const struct tensors *in, struct tensors *out);
#endif
