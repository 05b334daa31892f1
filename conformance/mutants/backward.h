/* SPDX-License-Identifier: Apache-2.0
   Mutants of backward: one honest kernel, and the defects that gradients of norms really had, or that a reader would fear,
   planted in it one at a time. The sweep must kill each. */
#ifndef MUTANTS_BACKWARD_H
#define MUTANTS_BACKWARD_H
#include "normative_plugin.h"
#include "tensors.h"

enum gradient_defect {
#define DEFECT(identifier, name) identifier,
#include "backward.def"
#undef DEFECT
  GRADIENT_DEFECTS
};
extern const char *const gradient_defect_name[GRADIENT_DEFECTS];

/* Computes the outputs of a backward problem (f32, gamma and beta per channel, f64 statistics) with one defect. Outputs are
   overwritten, whatever they hold. */
void gradient_mutant_run(enum gradient_defect defect, const struct normative_problem *p, const struct tensors *in,
                         struct tensors *out);
#endif
