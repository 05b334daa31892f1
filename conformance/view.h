/* SPDX-License-Identifier: Apache-2.0
   A case as the judge walks over it: its problem, inputs, truth and results, and what belongs to the case alone. */
#ifndef VIEW_H
#define VIEW_H
#include "switch_scale.h"
#include "tolerance.h"

/* A preset on an output of a case, whatever the results: how loose it is. */
struct looseness {
  double tolerance; /* the largest finite T */
  double distrust;  /* the largest T / scale; above 1: this bound decides nothing */
  size_t unbounded; /* elements without a bound */
};

/* What belongs to the case alone, kept in truth->cache. */
struct case_cache {
  size_t presets;
  const struct preset *preset[PRESETS_MAX];
  size_t same[PRESETS_MAX];  /* the first preset that means the same at this m */
  size_t plain[PRESETS_MAX]; /* the first that differs from it in folding only */
  bool measured[2];          /* presets that flush are measured when they are needed */
  int *lowest;               /* of each group, see struct group_facts */
  int *lowest_dy;            /* backward: likewise of the terms of each dbeta */
  long double top;           /* backward: max|gamma| of the finite entries */
  struct switch_scales *scales; /* SwitchableNorm, else NULL */
  struct looseness loose[SLOT_COUNT][PRESETS_MAX];
};

struct view { /* a case as the judge walks over it */
  const struct normative_problem *p;
  const struct tensors *in;
  const struct truth *truth;
  struct case_cache *cache;
  const struct tensors *results; /* NULL: only bounds */
  bool evaluation, backward, centred; /* evaluation: statistics are constants */
  enum slot slot;                /* at hand: */
  const struct truth_tensor *exact;
  const struct tensor *out;
  const struct arithmetic *type;
};

void look_at(struct view *v, const struct normative_problem *p, const struct tensors *in, const struct truth *truth,
             const struct tensors *results);
void look_at_slot(struct view *v, enum slot slot);
/* Is there something of this output to judge? */
bool judged_slot(const struct truth *truth, enum slot slot);
/* Is every dy and gamma finite that dx of this group depends on? */
bool gradient_finite(const struct view *v, size_t group);
struct group_facts facts_of(const struct view *v, size_t index);
/* Fills truth->cache. */
void make_cache(const struct normative_problem *p, const struct tensors *in, struct truth *truth);
#endif
