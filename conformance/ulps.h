/* SPDX-License-Identifier: Apache-2.0
   Exact values beside floats: ulps, distances, neighbours. For block.c, which takes them for every element. */
#ifndef ULPS_H
#define ULPS_H
#include "presets.h"
#include <float.h>
#include <limits.h>
#include <math.h>

#define SLACK (1 + 0x1p-38L) /* why it suffices: block.c */

#if LDBL_MANT_DIG == 64 /* x86: by the bits, since this is done for every element */
union bits { struct { uint64_t significand; uint16_t sign_exponent; } bits; long double value; };

static inline long double power2(int k)
{
  union bits u = {{1ull << 63, 0}};
  if (k < -16300) return 0x1p-16300L;
  if (k > 16300) return 0x1p16300L;
  u.bits.sign_exponent = (uint16_t)(16383 + k);
  return u.value;
}

/* Exponent of the leading bit of s >= 0; very low for 0. */
static inline int exponent_of(long double s)
{
  union bits u = {.value = s};
  return u.bits.sign_exponent - 16383;
}
#else
static inline long double power2(int k) { return ldexpl(1, k); }
static inline int exponent_of(long double s) { return s > 0 ? ilogbl(s) : -16383; }
#endif

/* w = high + low, relative error 2^-127. Not for UNDECIDED. */
static inline void wide_split(const struct wide *w, long double *high, long double *low)
{
  *high = *low = 0;
  if (w->kind == WIDE_INF) *high = INFINITY;
  if (w->kind == WIDE_NAN) *high = NAN;
  if (w->kind == WIDE_FINITE) {
    int exponent = w->exponent < -16000 ? -16000 : w->exponent > 16000 ? 16000 : (int)w->exponent;
    *high = (long double)w->limb[2] * power2(exponent - 64);
    *low = (long double)w->limb[1] * power2(exponent - 128);
  }
  if (w->sign < 0) {
    *high = -*high;
    *low = -*low;
  }
}

/* Exponent of ulp(s), s >= 0: that of the type, and no less than its smallest subnormal. */
static inline int ulp_exponent(const struct arithmetic *a, long double s)
{
  int least = a->least_exponent - a->precision + 1, exponent = exponent_of(s) - (a->precision - 1);
  return exponent > least ? exponent : least;
}

static inline bool same_value(double a, double b) { return a == b || (isnan(a) && isnan(b)); }

/* |got - exact|, an infinity standing for where it begins. */
static inline long double distance(const struct arithmetic *a, double got, long double high, long double low)
{
  if (isnan(got)) return INFINITY;
  if (!isinf(got)) return fabsl((long double)got - high - low);
  long double beyond = got > 0 ? a->overflow - high - low : a->overflow + high + low;
  return beyond > 0 ? beyond : 0;
}

/* -1, 0, 1: the exact value lies below, at, above its nearest one. */
static inline int side_of(double nearest, const struct wide *exact)
{
  long double high, low;
  mpfr_t e;
  if (exact->kind != WIDE_FINITE || isnan(nearest)) return 0;
  if (isinf(nearest)) return nearest > 0 ? -1 : 1;
  wide_split(exact, &high, &low);
  if (high != nearest) return high > nearest ? 1 : -1;
  if (low != 0) return low > 0 ? 1 : -1;
  wide_view(e, exact);
  int side = mpfr_cmp_d(e, nearest);
  return (side > 0) - (side < 0);
}

/* The value next to `nearest` on the other side of the exact one; nearest itself where it is exact. */
static inline double neighbour(enum normative_type type, double nearest, const struct wide *exact)
{
  int side = side_of(nearest, exact);
  if (!side) return nearest;
  const struct arithmetic *a = arithmetic_of(type);
  if (type == NORMATIVE_F64) return nextafter(nearest, side > 0 ? INFINITY : -INFINITY);
  if (isinf(nearest)) return side < 0 ? (double)a->largest : -(double)a->largest;
  /* The spacing away from zero is that of nearest's own binade, towards zero that of the binade below at a power of two. */
  int exponent;
  double fraction = frexp(nearest, &exponent);
  bool inward = nearest != 0 && (nearest > 0) != (side > 0);
  int unit = ulp_exponent(a, fabsl(nearest));
  if (inward && fabs(fraction) == 0.5 && unit > a->least_exponent - a->precision + 1) --unit;
  double next = nearest + (side > 0 ? 1 : -1) * ldexp(1, unit);
  return fabs(next) > a->largest ? copysign(INFINITY, next) : next;
}

/* The exponent of the lowest bit set; very high for 0, INT_MIN for what is no number. */
static inline int lowest_bit_of(double x)
{
  int exponent;
  if (x == 0) return INT_MAX;
  if (!isfinite(x)) return INT_MIN;
  long long significand = (long long)ldexp(frexp(x, &exponent), 53);
  return exponent - 53 + __builtin_ctzll((unsigned long long)significand);
}

/* As a double, for coefficients and bounds: a little too large at least; infinite where powers of 1+u overflow. */
static inline double upward(long double c)
{
  double d = (double)(c * SLACK);
  if (!(d < INFINITY)) return INFINITY;
  return c > 0 && d < DBL_MIN ? DBL_MIN : d;
}
#endif
