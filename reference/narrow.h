/* SPDX-License-Identifier: Apache-2.0
   binary16 and bfloat16, as bits, from and to double. A store rounds once, from the double itself to nearest even:
   through float it would round twice. Subnormals are kept.

   F fraction bits below the leading one, least exponent L of a normal value:
     f16 F = 10, L = -14    bf16 F = 7, L = -126    (IEEE 754-2008, 3.6; bfloat16: binary32 without its lower half) */
#ifndef NORMATIVE_NARROW_H
#define NORMATIVE_NARROW_H
#include <float.h>
#include <math.h>
#include <stdint.h>
#ifdef __FRAMAC__
#include "../proofs/narrow.h" /* F16, Bf16: what bits stand for; RoundedF16, RoundedBf16 */
#endif

/* (2^F + fraction) 2^(field - 1 + L - F); a field of 0: fraction 2^(L - F); of all ones: Inf, or NaN. */
/*@ requires format: 0 < F < 15;
    assigns \nothing;
    ensures value: \result == Narrow(bits,F,L); */
static inline double narrow_load(uint16_t bits, int F, int L)
{
  int magnitude = bits & 0x7fff, field = magnitude >> F, fraction = magnitude & ((1 << F) - 1), ones = 0x7fff >> F;
  double a = fraction;
  if (field == ones) a = fraction ? NAN : INFINITY;
  else if (field) a = ldexp(a + (1 << F), field - 1 + L - F);
  else a = ldexp(a, L - F);
  return bits & 0x8000 ? -a : a;
}

/* To the nearest integer, ties to even. */
/*@ requires range: 0 <= a < 0x40000000;
    assigns \nothing; */
static inline int nearest_even(double a)
{
  int n = (int)a;
  double rest = a - n;
  return rest > 0.5 || (rest == 0.5 && n & 1) ? n + 1 : n;
}

/* |v| = a 2^(E - F), E the exponent of its leading bit, or L. The bits are (E - L) 2^F + round(a): the leading one of a
   normal value carries into the field, as rounding up to the next binade does, and from the last one to Inf. */
/*@ requires format: 0 < F < 15;
    assigns \nothing;
    ensures rounded: Narrow(\result,F,L) == Rounded(v,F,L); */
static inline uint16_t narrow_store(double v, int F, int L)
{
  int sign = copysign(1.0, v) < 0.0 ? 0x8000 : 0, infinite = (0x7fff >> F) << F, exponent;
  if (v != v) return (uint16_t)(sign | infinite | 1 << (F - 1));
  if (fabs(v) > DBL_MAX) return (uint16_t)(sign | infinite);
  frexp(v, &exponent);
  int E = v != 0.0 && exponent - 1 > L ? exponent - 1 : L;
  int bits = (E - L) * (1 << F) + nearest_even(ldexp(fabs(v), F - E));
  return (uint16_t)(sign | (bits < infinite ? bits : infinite));
}

/*@ assigns \nothing; ensures value: \result == F16(bits); */
static inline double f16_load(uint16_t bits) { return narrow_load(bits, 10, -14); }
/*@ assigns \nothing; ensures rounded: F16(\result) == RoundedF16(v); */
static inline uint16_t f16_store(double v) { return narrow_store(v, 10, -14); }
/*@ assigns \nothing; ensures value: \result == Bf16(bits); */
static inline double bf16_load(uint16_t bits) { return narrow_load(bits, 7, -126); }
/*@ assigns \nothing; ensures rounded: Bf16(\result) == RoundedBf16(v); */
static inline uint16_t bf16_store(double v) { return narrow_store(v, 7, -126); }
#endif
