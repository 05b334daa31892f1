/* SPDX-License-Identifier: Apache-2.0
   Dyadic numbers and sums without rounding. */
#include "exact.h"
#include <math.h>
#include <string.h>

void dyadic_init(struct dyadic *d)
{
  mpz_init2(d->z, 256);
  d->e = 0;
}

void dyadic_clear(struct dyadic *d) { mpz_clear(d->z); }

void dyadic_set(struct dyadic *d, const struct dyadic *a)
{
  mpz_set(d->z, a->z);
  d->e = a->e;
}

/* |v| = significand 2^exponent, the significand odd; 0 for v = 0. Returns the sign. */
static int decode(double v, uint64_t *significand, long *exponent)
{
  uint64_t bits, fraction;
  memcpy(&bits, &v, sizeof bits);
  long e = (long)(bits >> 52 & 2047);
  fraction = bits & (((uint64_t)1 << 52) - 1);
  if (e) fraction |= (uint64_t)1 << 52;
  else e = 1;
  int zeros = fraction ? __builtin_ctzll(fraction) : 0;
  *significand = fraction >> zeros;
  *exponent = e - 1075 + zeros;
  return bits >> 63 ? -1 : 1;
}

void dyadic_set_d(struct dyadic *d, double v)
{
  uint64_t significand;
  int sign = decode(v, &significand, &d->e);
  mpz_set_ui(d->z, significand);
  if (sign < 0) mpz_neg(d->z, d->z);
}

static void strip(struct dyadic *d)
{
  if (!mpz_sgn(d->z)) {
    d->e = 0;
    return;
  }
  mp_bitcnt_t zeros = mpz_scan1(d->z, 0);
  mpz_tdiv_q_2exp(d->z, d->z, zeros);
  d->e += (long)zeros;
}

void dyadic_set_mpfr(struct dyadic *d, mpfr_srcptr v)
{
  d->e = mpfr_zero_p(v) ? 0 : (long)mpfr_get_z_2exp(d->z, v);
  if (mpfr_zero_p(v)) mpz_set_ui(d->z, 0);
  strip(d);
}

/* d = a + b or a - b: the operand of the larger exponent is brought to the smaller one. */
static void combine(struct dyadic *d, const struct dyadic *a, const struct dyadic *b,
                    void (*op)(mpz_ptr, mpz_srcptr, mpz_srcptr))
{
  if (!mpz_sgn(a->z) || !mpz_sgn(b->z) || a->e == b->e) {
    long e = mpz_sgn(a->z) ? a->e : b->e;
    op(d->z, a->z, b->z);
    d->e = e;
    return;
  }
  mpz_t shifted;
  mpz_init(shifted);
  if (a->e > b->e) {
    mpz_mul_2exp(shifted, a->z, (mp_bitcnt_t)(a->e - b->e));
    op(d->z, shifted, b->z);
    d->e = b->e;
  } else {
    mpz_mul_2exp(shifted, b->z, (mp_bitcnt_t)(b->e - a->e));
    op(d->z, a->z, shifted);
    d->e = a->e;
  }
  mpz_clear(shifted);
}

void dyadic_add(struct dyadic *d, const struct dyadic *a, const struct dyadic *b) { combine(d, a, b, mpz_add); }
void dyadic_sub(struct dyadic *d, const struct dyadic *a, const struct dyadic *b) { combine(d, a, b, mpz_sub); }

void dyadic_mul(struct dyadic *d, const struct dyadic *a, const struct dyadic *b)
{
  mpz_mul(d->z, a->z, b->z);
  d->e = a->e + b->e;
}

void dyadic_mul_ui(struct dyadic *d, const struct dyadic *a, unsigned long k)
{
  mpz_mul_ui(d->z, a->z, k);
  d->e = a->e;
}

/* By their signs if those differ, else by their squares. */
int dyadic_root_side(struct dyadic *a, struct dyadic *c, const struct dyadic *b)
{
  int side = dyadic_sgn(a), other = dyadic_sgn(c) * dyadic_sgn(b);
  if (side != other) return side > other ? 1 : -1;
  dyadic_mul(a, a, a);
  dyadic_mul(c, c, c);
  dyadic_mul(c, c, b);
  dyadic_sub(a, a, c);
  return side * dyadic_sgn(a);
}

void dyadic_get(mpfr_ptr v, const struct dyadic *a, mpfr_rnd_t round) { mpfr_set_z_2exp(v, a->z, a->e, round); }

/* ---- sums ---- */

#define DIGIT_BITS 30
#define DIGIT_MASK (((int64_t)1 << DIGIT_BITS) - 1)

/* Exponents of doubles start at -1074, of their products at twice and three times that; 2^31 addends below 2^1024 (2^2049
   with the factor 2, 2^3072) end below digit 213. A digit takes 2^33 addends: each adds at most 2^30 - 1 to it; of a
   triple two halves. */
void sum_init(struct sum *s, enum sum_of what)
{
  memset(s, 0, sizeof *s);
  s->base = what == SUM_OF_DOUBLES ? -1074 : what == SUM_OF_PRODUCTS ? -2148 : -3222;
  s->low = (int)(sizeof s->digit / sizeof *s->digit);
  s->high = -1;
}

void sum_clear(struct sum *s)
{
  if (s->high >= s->low) memset(s->digit + s->low, 0, (size_t)(s->high - s->low + 1) * sizeof *s->digit);
  s->low = (int)(sizeof s->digit / sizeof *s->digit);
  s->high = -1;
}

/* s += sign value 2^exponent */
static void add(struct sum *s, unsigned __int128 value, long exponent, int64_t sign)
{
  if (!value) return;
  unsigned shift = (unsigned)(exponent - s->base);
  int i = (int)(shift / DIGIT_BITS);
  unsigned inside = shift % DIGIT_BITS;
  if (i < s->low) s->low = i;
  s->digit[i] += sign * (int64_t)((uint64_t)value << inside & DIGIT_MASK);
  for (value >>= DIGIT_BITS - inside; value; value >>= DIGIT_BITS)
    s->digit[++i] += sign * ((int64_t)value & DIGIT_MASK);
  if (i > s->high) s->high = i;
}

void sum_add(struct sum *s, double v)
{
  uint64_t significand;
  long exponent;
  int sign = decode(v, &significand, &exponent);
  add(s, significand, exponent, sign);
}

void sum_add_product(struct sum *s, double a, double b, int twice)
{
  uint64_t sa, sb;
  long ea, eb;
  int sign = decode(a, &sa, &ea) * decode(b, &sb, &eb);
  add(s, (unsigned __int128)sa * sb, ea + eb + (twice != 0), sign);
}

void sum_add_triple(struct sum *s, double a, double b, double c)
{
  uint64_t sa, sb, sc;
  long ea, eb, ec;
  int sign = decode(a, &sa, &ea) * decode(b, &sb, &eb) * decode(c, &sc, &ec);
  unsigned __int128 ab = (unsigned __int128)sa * sb;
  add(s, (unsigned __int128)(uint64_t)ab * sc, ea + eb + ec, sign);
  add(s, (ab >> 64) * sc, ea + eb + ec + 64, sign);
}

void sum_get(struct dyadic *d, struct sum *s)
{
  int64_t carry = 0;
  if (s->high < s->low) {
    mpz_set_ui(d->z, 0);
    d->e = 0;
    return;
  }
  for (int i = s->low; i <= s->high; ++i) {
    int64_t v = s->digit[i] + carry;
    s->digit[i] = v & DIGIT_MASK;
    carry = v >> DIGIT_BITS; /* floor: digits end in [0, 2^30), the last carry has the sign */
  }
  size_t digits = (size_t)(s->high - s->low + 1);
  mpz_import(d->z, digits, -1, sizeof *s->digit, 0, 64 - DIGIT_BITS, s->digit + s->low);
  if (carry) {
    mpz_t top;
    mpz_init_set_si(top, carry);
    mpz_mul_2exp(top, top, DIGIT_BITS * digits);
    mpz_add(d->z, d->z, top);
    mpz_clear(top);
  }
  d->e = s->base + (long)DIGIT_BITS * s->low;
  strip(d);
}
