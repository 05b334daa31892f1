/* SPDX-License-Identifier: Apache-2.0
   Numbers with a proven radius: the number that a ball stands for is within 2^radius of its centre, and is the centre if the
   radius is RADIUS_0. Every operation rounds to the result's precision and counts that. A result may be an operand. */
#ifndef BALL_H
#define BALL_H
#include "settle.h"

#define RADIUS_ALL (1L << 60) /* the exponents of all numbers here, and of products of a few, stay far inside of +-this */
struct ball { mpfr_t v; long radius; };
static inline void ball_init(struct ball *y, long precision) { mpfr_init2(y->v, precision); }
static inline void ball_clear(struct ball *y) { mpfr_clear(y->v); }
/* |number| < 2^ball_size; RADIUS_0 if it is 0. */
long ball_size(const struct ball *a);

void ball_zero(struct ball *y);
void ball_set(struct ball *y, const struct ball *a);
void ball_exact(struct ball *y, mpfr_srcptr a);             /* an exact a, rounded */
void ball_dyadic(struct ball *y, const struct dyadic *a);   /* likewise */
void ball_difference(struct ball *y, mpfr_srcptr a, mpfr_srcptr b); /* of exact numbers */
void ball_add(struct ball *y, const struct ball *a, const struct ball *b);
void ball_sub(struct ball *y, const struct ball *a, const struct ball *b);
void ball_mul(struct ball *y, const struct ball *a, const struct ball *b);
void ball_scale(struct ball *y, const struct ball *a, mpfr_srcptr exact); /* a exact */
void ball_div_ui(struct ball *y, const struct ball *a, unsigned long k);
/* a/b and 1/sqrt(a). Nothing is known of y, its radius is RADIUS_ALL, if the divisor is not known to 2 bits; a: or not to be
   positive. */
void ball_div(struct ball *y, const struct ball *a, const struct ball *b);
void ball_rec_sqrt(struct ball *y, const struct ball *a);
/* e^d, d <= 0. Below -2^56 it counts as 0: a size that nothing here compares with. */
void ball_exp(struct ball *y, const struct dyadic *d);
/* -1 or 1 if a's sign is certain, 0 if a is 0, else UNKNOWN. */
int ball_sign(const struct ball *a);

/* A sum of many: the radius grows with the logarithm of their number. */
struct ball_sum { struct ball y; long top; unsigned long n; };
void ball_sum_init(struct ball_sum *s, long precision);
void ball_sum_clear(struct ball_sum *s);
void ball_sum_start(struct ball_sum *s);
void ball_sum_add(struct ball_sum *s, const struct ball *a);
void ball_sum_get(struct ball *y, const struct ball_sum *s);
#endif
