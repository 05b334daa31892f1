/* SPDX-License-Identifier: Apache-2.0
   A preset on one group of a case: which formulas of bounds.txt apply, put together. */
#ifndef TOLERANCE_H
#define TOLERANCE_H
#include "presets.h"

/* What an element contributes to the bound of its y, which is linear in these: the last arguments of the output formulas. */
enum feature { F_GD, F_GX, F_G, F_D, F_X, F_Y, F_B, F_ONE, FEATURES };
/* Likewise to that of its dx: |gamma dy|, |x-mu|, |x|, |gamma|, |gamma||x-mu|, |dx|, 1. */
enum { D_G, D_D, D_X, D_GAMMA, D_GAMMA_D, D_Y, D_ONE };

/* A group: the oracle's quantities and what else the bounds take from the data. */
struct group_facts {
  const struct group_truth *truth;
  long double m;
  int lowest;                       /* every x is a multiple of 2^lowest; INT_MIN: of no power that helps */
  long double mu, var;              /* signed: the given statistics of an evaluation or, the variance, of backward, else those
                                       of the group */
  long double top, terms;           /* backward: max|gamma|; how many terms the gradient of a parameter has */
  bool one_gamma;                   /* backward: all elements of the group have the same */
};

/* What an update of running statistics takes in: magnitudes, and how far they may be off. */
struct estimate { long double mean, mean_off, var, var_off; };

struct tolerance {
  long double mean, rstd, variance;                  /* of the outputs as stored, absolute; infinite where none holds */
  struct estimate batch;
  long double y[2][FEATURES];                        /* |y' - y| <= sum of y[folded][k] * feature k */
  long double sum, sum_lost;                         /* of x + residual, relative and beside that */
  long double e, E;                                  /* the mean's error, rstd's relative error */
  long double dx[2][FEATURES];                       /* as y */
  /* dgamma before it is stored: over its terms, the sum of slope |dy xhat| + offset |dy| + each. */
  struct share { long double slope, offset, each; } share[2];
  bool share_range;                                  /* range: for dx; share_range: for dgamma */
  long double c2;                                    /* what xhat is times in dx */
  long double folded_factor;                         /* of x in a folded dx */
  bool range;                                        /* the statistics' exact intermediates stay below overflow */
};

/* Of a row of presets, plain and folded at once, with subnormals flushed or not. */
void tolerance_of(const struct normative_problem *p, const struct group_facts *g, const struct preset_row *row, bool ftz,
                  struct tolerance *t);
/* Do the exact intermediates of the output stay below overflow? */
bool tolerance_range_dx(const struct normative_problem *p, const struct group_facts *g, const struct preset *preset,
                        const struct tolerance *t, const long double feature[FEATURES]);
bool tolerance_range_y(const struct group_facts *g, const struct preset *preset, const struct tolerance *t,
                       const long double feature[FEATURES]);

/* dbeta before it is stored: S = sum|dy| over its n terms, each a multiple of 2^lowest (see struct group_facts). */
long double tolerance_sum_dy(const struct normative_problem *p, const struct preset_row *row, bool ftz, long double n,
                             long double S, int lowest);
/* A gradient of a parameter, `value`, that is off by T: as stored. */
long double tolerance_stored_parameter(const struct normative_problem *p, const struct preset_row *row, bool ftz, long double T,
                                       long double value);
/* Is a sum of terms of magnitude S in all below overflow? */
bool tolerance_range_sum(const struct preset_row *row, long double S);
/* Are all statistics given, as in evaluation? SwitchableNorm's are only in part. */
bool constant_statistics(const struct normative_problem *p);
/* Running statistics as stored: b the averages over the estimates of as many instances. */
void tolerance_running(const struct normative_problem *p, const struct preset_row *row, bool ftz, const struct estimate *b,
                       long double instances, long double old_mean, long double old_var, long double *mean, long double *var);
/* Do b - r, and the sum over as many instances, stay below overflow? */
bool tolerance_range_running(const struct preset_row *row, long double instances, long double old, long double b);
/* momentum's weight w of the batch in the update of running statistics */
long double momentum_weight(const struct normative_problem *p);
#endif
