/* SPDX-License-Identifier: Apache-2.0
   Exact numbers: dyadics z 2^e over GMP's integers, and sums of many doubles or products of two or three without rounding. */
#ifndef EXACT_H
#define EXACT_H
#include <gmp.h>
#include <mpfr.h>
#include <stdint.h>

struct dyadic { mpz_t z; long e; }; /* z 2^e */
void dyadic_init(struct dyadic *d);
void dyadic_clear(struct dyadic *d);
void dyadic_set(struct dyadic *d, const struct dyadic *a);
void dyadic_set_d(struct dyadic *d, double v); /* v finite */
void dyadic_set_mpfr(struct dyadic *d, mpfr_srcptr v);
/* The result may be one of the operands. */
void dyadic_add(struct dyadic *d, const struct dyadic *a, const struct dyadic *b);
void dyadic_sub(struct dyadic *d, const struct dyadic *a, const struct dyadic *b);
void dyadic_mul(struct dyadic *d, const struct dyadic *a, const struct dyadic *b);
void dyadic_mul_ui(struct dyadic *d, const struct dyadic *a, unsigned long k);
/* To v's precision. */
void dyadic_get(mpfr_ptr v, const struct dyadic *a, mpfr_rnd_t round);
static inline int dyadic_sgn(const struct dyadic *a) { return mpz_sgn(a->z); }
/* The sign of a - c sqrt(b), b >= 0. Destroys a and c. */
int dyadic_root_side(struct dyadic *a, struct dyadic *c, const struct dyadic *b);

/* A sum of up to 2^31 doubles (or products) in digits of 30 bits, carries left until sum_get. */
enum sum_of { SUM_OF_DOUBLES, SUM_OF_PRODUCTS, SUM_OF_TRIPLES };
struct sum {
  long base;              /* digit i weighs 2^(base + 30 i) */
  int low, high;          /* digits in use; none if low > high */
  int64_t digit[214];
};
void sum_init(struct sum *s, enum sum_of what);
void sum_clear(struct sum *s);                               /* back to zero */
void sum_add(struct sum *s, double v);                       /* s += v */
void sum_add_product(struct sum *s, double a, double b, int twice); /* s += a b, or 2 a b */
void sum_add_triple(struct sum *s, double a, double b, double c);     /* s += a b c */
void sum_get(struct dyadic *d, struct sum *s);               /* settles the carries inside s */
#endif
