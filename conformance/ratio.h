/* SPDX-License-Identifier: Apache-2.0
   Rational numbers rounded once: means, and running statistics. */
#ifndef RATIO_H
#define RATIO_H
#include "settle.h"

struct ratio { const struct dyadic *a, *b; mpfr_t t[LEVELS]; struct dyadic x; }; /* scratch of one thread */
void ratio_init(struct ratio *r);
void ratio_clear(struct ratio *r);
/* Entry i of out: a/b, b > 0. */
void settle_ratio(struct settler *s, struct ratio *r, struct truth_tensor *out, size_t i, const struct dyadic *a,
                  const struct dyadic *b);
/* A running statistic after its update by p's rule, from the old value and the batch's estimate a/b; `special` in its place if
   that is not 0: IEEE's sum of what is not finite. */
void settle_running(struct settler *s, struct ratio *q, const struct normative_problem *p, struct truth_tensor *out, size_t i,
                    double old, double special, const struct dyadic *a, const struct dyadic *b);
#endif
