/* SPDX-License-Identifier: Apache-2.0
   The bounds of SwitchableNorm: those of an (n,c) need the statistics of all. */
#ifndef TOLERANCE_SWITCH_H
#define TOLERANCE_SWITCH_H
#include "tolerance.h"

struct switch_bounds;
/* Of a row of presets, plain and folded at once. facts: of every group. */
struct switch_bounds *switch_bounds_new(const struct normative_problem *p, const struct tensors *in, const struct truth *truth,
                                        const struct group_facts *facts, const struct preset_row *row, bool ftz);
void switch_bounds_free(struct switch_bounds *b);
/* As tolerance_of. */
void tolerance_switch(const struct switch_bounds *b, size_t group, struct tolerance *t);
/* Training: what the update of the running statistics of channel c takes in. In range? */
bool tolerance_switch_batch(const struct switch_bounds *b, size_t c, struct estimate *batch);
/* dlambda_var[k] or dlambda_mean[k] before it is stored. */
long double tolerance_dlambda(const struct switch_bounds *b, bool var, int k, bool folded);
/* Do the intermediates of all groups stay below overflow? */
bool switch_bounds_range(const struct switch_bounds *b);
#endif
