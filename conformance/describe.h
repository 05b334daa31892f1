/* SPDX-License-Identifier: Apache-2.0
   What the formulas of bounds.txt take of a group, each rounded up in magnitude. */
#ifndef DESCRIBE_H
#define DESCRIBE_H
#include "oracle.h"
#include "statistics.h"

/* The forward part of *out from the statistics of g. m: elements of the group; root: 1/(sqrt(b) + e) to nearest in 256 bits,
   read only if g->rstd is 1. */
void describe_group(struct scratch *w, const struct group *g, unsigned long m, mpfr_srcptr root, struct group_truth *out);
/* |a|/k, away from zero; t: scratch of 64 bits */
long double size_over(mpfr_ptr t, const struct dyadic *a, unsigned long k);
/* An upper bound of the real sum that plain additions of n terms >= 0 have brought to `sum`, each term itself the result of at
   most eight roundings. */
long double sum_above(long double sum, size_t n);
#endif
