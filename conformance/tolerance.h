/* SPDX-License-Identifier: Apache-2.0
   A preset on one group of a case: which formulas of bounds.txt apply, put together. */
#ifndef TOLERANCE_H
#define TOLERANCE_H
#include "presets.h"

/* What an element contributes to the bound of its y, which is linear in these: the last arguments of the output formulas. */
enum feature { F_GD, F_GX, F_G, F_D, F_X, F_Y, F_B, F_ONE, FEATURES };

/* A group: the oracle's quantities and what else the bounds take from the data. */
struct group_facts {
  const struct group_truth *truth;
  long double m;
  int lowest;                       /* every x is a multiple of 2^lowest; INT_MIN: of no power that helps */
  long double old_mean, old_var;    /* running statistics before the update, magnitudes */
  long double mu, var;              /* signed: the given statistics of an evaluation, else those of the group */
};

struct tolerance {
  long double mean, rstd, running_mean, running_var; /* of the outputs as stored, absolute; infinite where none holds */
  long double y[2][FEATURES];                        /* |y' - y| <= sum of y[folded][k] * feature k */
  long double sum;                                   /* of x + residual, relative */
  long double e, E;                                  /* the mean's error, rstd's relative error */
  bool range;                                        /* the statistics' exact intermediates stay below overflow */
};

/* Of a row of presets, plain and folded at once, with subnormals flushed or not. */
void tolerance_of(const struct normative_problem *p, const struct group_facts *g, const struct preset_row *row, bool ftz,
                  struct tolerance *t);
/* Do the exact intermediates of the output stay below overflow? */
bool tolerance_range_y(const struct group_facts *g, const struct preset *preset, const struct tolerance *t,
                       const long double feature[FEATURES]);
/* momentum's weight w of the batch in the update of running statistics */
long double momentum_weight(const struct normative_problem *p);
#endif
