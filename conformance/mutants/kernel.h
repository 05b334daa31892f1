/* SPDX-License-Identifier: Apache-2.0
   What both kernels of mutants share: where a defect is asked for, where elements lie, how numbers become narrow, and the
   mixing of SwitchableNorm. All arithmetic that no defect spoils is in long double: on f64 an honest kernel needs more than
   double. */
#ifndef MUTANTS_KERNEL_H
#define MUTANTS_KERNEL_H
#include "problem.h"
#include "tensors.h"
#include <stdlib.h>

typedef long double real;
struct moments { real mean, var, rest; }; /* the mean is mean + rest: at large kappa one long double is too short */

/* Which defect is planted (0: none), and which were asked for: a defect nobody asks for changes nothing. */
struct planted { int defect; bool *asked; };
static inline bool planted_is(const struct planted *p, int defect)
{
  if (p->asked) p->asked[defect] = true;
  return p->defect == defect;
}

/* Have parts of the channels or rows gamma and beta of their own? Entry c of `group`, as if parts took turns. */
bool has_parts(const struct normative_problem *p);
size_t part_in_turn(const struct normative_problem *p, size_t group, size_t c);
void *room(size_t count, size_t size); /* zeroed; aborts where there is none */
real narrow(real v, int bits);         /* v with so many bits of significand, to nearest: bf16 8, f16 11; any exponent */
real in_type(uint32_t type, real v);   /* v as the type has it, subnormal numbers and overflow too */
real cut_to(uint32_t type, real v);    /* the same, towards zero */
real least_normal(uint32_t type);
real largest(uint32_t type);
void put(struct tensor *t, size_t i, real v); /* element i, rounded once; nothing where there is no tensor */

/* ---- SwitchableNorm: groups are (n,c), in that order ---- */

bool switches(const struct normative_problem *p);
size_t kinds(const struct normative_problem *p); /* of statistics that are mixed: 3, or 2 without the batch's */
void softmax(real *w, const struct tensor *lambda, size_t count);

/* mu_k and v_k of every (n,c): instance, layer, batch. */
struct mixed { struct moments k[3]; };
enum mixing { MIX_HONEST, MIX_LAYER_WITHOUT_MEANS, MIX_BATCH_WITHOUT_MEANS, MIX_UNBIASED, MIX_CANCELLING, MIX_AXES_SWAPPED };
real difference_of_means(const struct moments *a, const struct moments *b);
size_t heaviest(const real w[3], size_t count);
/* w.mu, v.var; the mean as that of kind `base` and what the others add, so small if it is the heaviest */
struct moments mixture_of(const struct mixed *of, const real w[3], const real v[3], size_t count, size_t base);
void mix(struct mixed *all, const struct moments *own, const struct normative_problem *p, enum mixing how);
#endif
