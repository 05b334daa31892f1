/* SPDX-License-Identifier: Apache-2.0
   Sums of c e^a, a and c dyadic numbers. By the theorem of Lindemann and Weierstrass the e^a of different a are linearly
   independent over the algebraic numbers: the sum is 0 if and only if, terms of equal a being one, every c is. Its sign is then
   decided by approximation, which is sure to end. */
#ifndef EXPONENTIALS_H
#define EXPONENTIALS_H
#include "exact.h"
#include <stddef.h>

struct exponentials { struct monomial *term; size_t count, room; };
struct monomial { struct dyadic a, c; };
void exponentials_init(struct exponentials *s);
void exponentials_clear(struct exponentials *s);
void exponentials_zero(struct exponentials *s);
void exponentials_add(struct exponentials *s, const struct dyadic *a, const struct dyadic *c); /* s += c e^a */
/* s = l r or s += sign l r; s is neither l nor r. */
void exponentials_mul(struct exponentials *s, const struct exponentials *l, const struct exponentials *r);
void exponentials_join(struct exponentials *s, const struct exponentials *a, int sign); /* s += sign a */
void exponentials_scale(struct exponentials *s, const struct dyadic *k);
/* -1, 0, 1; UNKNOWN if that needs more than the last level of settle.h. */
int exponentials_sign(struct exponentials *s);
#endif
