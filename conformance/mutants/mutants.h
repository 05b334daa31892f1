/* SPDX-License-Identifier: Apache-2.0
   Mutants: one honest kernel for each direction, and the defects that norms really had, or that a reader would fear, planted
   in it one at a time. The sweep must kill each. */
#ifndef MUTANTS_H
#define MUTANTS_H
#include "kernel.h"

/* Where a defect has to die: the types of tensors, as bits; and what it is judged by. */
#define OF(type) (1u << NORMATIVE_##type)
enum {
  SINGLE = OF(F32), SIXTEEN = OF(F16) | OF(BF16), DOUBLE = OF(F64), EVERY = SINGLE | SIXTEEN | DOUBLE,
  TWICE = 1u << 16, ROUNDED_TWICE = SIXTEEN | TWICE, ONE_NORM = 1u << 17, LONG = SINGLE | ONE_NORM,
  IN_DOUBLE = 1u << 18 /* f64-two-pass: float kernels may have it */
};

struct mutant { const char *name; unsigned where; };
/* The mutants of one direction: mutant[0] is honest. run() overwrites every output; in `asked` (if not NULL) it notes which
   defects the case gave an occasion for. */
struct mutants {
  uint32_t direction;
  int count;
  const struct mutant *mutant;
  void (*run)(struct planted planted, const struct normative_problem *p, const struct tensors *in, struct tensors *out);
};
extern const struct mutants forward_mutants, backward_mutants;
#endif
