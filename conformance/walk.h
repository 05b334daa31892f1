/* SPDX-License-Identifier: Apache-2.0
   Walking over the outputs of a case: every block, and its bound under each preset. */
#ifndef WALK_H
#define WALK_H
#include "block.h"

/* Sees every block, once with no preset, then once for each preset that is still wanted. */
struct visitor {
  void (*block)(void *self, const struct block *b);
  void (*bound)(void *self, const struct block *b, size_t preset, const struct tolerance *t, bool none,
                const double T[BLOCK]);
  void *self;
  bool slot[SLOT_COUNT];                /* outputs to visit */
  bool wanted[SLOT_COUNT][PRESETS_MAX];
  bool detail[PRESETS_MAX];             /* T of presets of exactness too, which costs */
};

void walk(struct view *v, struct visitor *w);
/* How loose every preset is, flushing ones or the others, on every output of the case: into its cache. */
void measure_presets(const struct normative_problem *p, const struct tensors *in, struct truth *truth, bool ftz);
#endif
