/* SPDX-License-Identifier: Apache-2.0
   Is a sum of square roots 0? */
#ifndef ROOTS_H
#define ROOTS_H
#include "exact.h"
#include <stddef.h>

struct root_term { struct dyadic a, b; uint32_t key; }; /* a/sqrt(b), b > 0 */
struct root_sum { struct root_term *term; size_t count, room; };

/* sum += a/sqrt(b), b > 0; nothing if a is 0. Returns -1 if there is no memory. */
int root_sum_add(struct root_sum *s, const struct dyadic *a, const struct dyadic *b);
/* Is the sum 0? -1 if that is not known: among different b one has one of the 24 primes of roots.c as a factor. Merges
   terms. */
int root_sum_zero(struct root_sum *s);
void root_sum_clear(struct root_sum *s);
#endif
