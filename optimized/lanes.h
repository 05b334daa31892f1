/* SPDX-License-Identifier: Apache-2.0
   The lanes type: sixteen doubles that are worked on together, in parts of one register each. Sixteen at every level, so
   that a sum's order does not depend on the register's width; and every operation rounds as the scalar one does. So a
   level changes no bit.

   A part is a vector of GCC's extensions, exactly as wide as a register (wider ones are split badly); at the portable
   level it is a plain struct. */
#ifndef NORMATIVE_LANES_H
#define NORMATIVE_LANES_H
#include <stddef.h>
#include <string.h>

#define LANES 16
#define INLINE static inline __attribute__((always_inline))

/* ---- parts ---- */

#if PART_LANES /* of a vector register; levels.mk */

typedef double part __attribute__((vector_size(8 * PART_LANES)));
#include <immintrin.h>

/* Between float and double. (gcc 12 takes __builtin_convertvector apart into halves, hence intrinsics.) */
#if PART_LANES == 2
INLINE part part_load(const float *x) { return _mm_cvtps_pd(_mm_castsi128_ps(_mm_loadl_epi64((const __m128i_u *)x))); }
INLINE void part_store(float *y, part a) { _mm_storel_epi64((__m128i_u *)y, _mm_castps_si128(_mm_cvtpd_ps(a))); }
#elif PART_LANES == 4
INLINE part part_load(const float *x) { return _mm256_cvtps_pd(_mm_loadu_ps(x)); }
INLINE void part_store(float *y, part a) { _mm_storeu_ps(y, _mm256_cvtpd_ps(a)); }
#else
INLINE part part_load(const float *x) { return _mm512_cvtps_pd(_mm256_loadu_ps(x)); }
INLINE void part_store(float *y, part a) { _mm256_storeu_ps(y, _mm512_cvtpd_ps(a)); }
#endif

INLINE part part_get(const double *d)
{
  part a;
  memcpy(&a, d, sizeof a);
  return a;
}

INLINE void part_put(double *d, part a) { memcpy(d, &a, sizeof a); }
INLINE part part_all(double v) { return v - (part){0}; } /* v + 0 would lose the sign of -0 */
INLINE part part_add(part a, part b) { return a + b; }
INLINE part part_sub(part a, part b) { return a - b; }
INLINE part part_mul(part a, part b) { return a * b; }

#if PART_LANES == 4
INLINE part part_add_exact_square(part s, part a) { return _mm256_fmadd_pd(a, a, s); }
#elif PART_LANES == 8
INLINE part part_add_exact_square(part s, part a) { return _mm512_fmadd_pd(a, a, s); }
#else
INLINE part part_add_exact_square(part s, part a) { return s + a * a; }
#endif

#else /* portable */

#define PART_WIDTH 4
typedef struct { double a, b, c, d; } part;

INLINE part part_load(const float *x) { return (part){x[0], x[1], x[2], x[3]}; }

INLINE void part_store(float *y, part v)
{
  y[0] = (float)v.a;
  y[1] = (float)v.b;
  y[2] = (float)v.c;
  y[3] = (float)v.d;
}

INLINE part part_get(const double *d) { return (part){d[0], d[1], d[2], d[3]}; }

INLINE void part_put(double *d, part v)
{
  d[0] = v.a;
  d[1] = v.b;
  d[2] = v.c;
  d[3] = v.d;
}

INLINE part part_all(double v) { return (part){v, v, v, v}; }
INLINE part part_add(part a, part b) { return (part){a.a + b.a, a.b + b.b, a.c + b.c, a.d + b.d}; }
INLINE part part_sub(part a, part b) { return (part){a.a - b.a, a.b - b.b, a.c - b.c, a.d - b.d}; }
INLINE part part_mul(part a, part b) { return (part){a.a * b.a, a.b * b.b, a.c * b.c, a.d * b.d}; }
INLINE part part_add_exact_square(part s, part a) { return part_add(s, part_mul(a, a)); }

#endif
#ifndef PART_WIDTH
#define PART_WIDTH PART_LANES
#endif

/* ---- lanes ---- */

#define PARTS (LANES / PART_WIDTH)
typedef struct { part p[PARTS]; } lanes;

/* Unrolled, so that the parts live in registers. */
#define EACH_PART _Pragma("GCC unroll 8") for (size_t k = 0; k < PARTS; k++)

/* Sixteen floats, exact. */
INLINE lanes lanes_load(const float *x)
{
  lanes a;
  EACH_PART a.p[k] = part_load(x + k * PART_WIDTH);
  return a;
}

/* Rounds to float. */
INLINE void lanes_store(float *y, lanes a) { EACH_PART part_store(y + k * PART_WIDTH, a.p[k]); }

/* n < 16 floats, and zeros behind them. */
INLINE lanes lanes_load_some(const float *x, size_t n)
{
  float t[LANES] = {0};
  for (size_t j = 0; j < n; j++) t[j] = x[j];
  return lanes_load(t);
}

INLINE void lanes_store_some(float *y, lanes a, size_t n)
{
  float t[LANES];
  lanes_store(t, a);
  for (size_t j = 0; j < n; j++) y[j] = t[j];
}

/* From and to doubles. */
INLINE lanes lanes_get(const double *d)
{
  lanes a;
  EACH_PART a.p[k] = part_get(d + k * PART_WIDTH);
  return a;
}

INLINE void lanes_put(double *d, lanes a) { EACH_PART part_put(d + k * PART_WIDTH, a.p[k]); }

INLINE lanes lanes_all(double v)
{
  lanes a;
  EACH_PART a.p[k] = part_all(v);
  return a;
}

INLINE lanes lanes_add(lanes a, lanes b)
{
  EACH_PART a.p[k] = part_add(a.p[k], b.p[k]);
  return a;
}

INLINE lanes lanes_sub(lanes a, lanes b)
{
  EACH_PART a.p[k] = part_sub(a.p[k], b.p[k]);
  return a;
}

INLINE lanes lanes_mul(lanes a, lanes b)
{
  EACH_PART a.p[k] = part_mul(a.p[k], b.p[k]);
  return a;
}

/* s + a^2, where a came from floats: the square is exact in double, so that a fused addition gives the same bits. */
INLINE lanes lanes_add_exact_square(lanes s, lanes a)
{
  EACH_PART s.p[k] = part_add_exact_square(s.p[k], a.p[k]);
  return s;
}

/* The first n lanes, and zeros behind them. */
INLINE lanes lanes_keep(lanes a, size_t n)
{
  double t[LANES];
  lanes_put(t, a);
  for (size_t j = n; j < LANES; j++) t[j] = 0.0;
  return lanes_get(t);
}

/* The sum, in a tree: j with j + 8, then j + 4, j + 2, j + 1. */
INLINE double lanes_sum(lanes a)
{
  double t[PART_WIDTH];
  for (size_t half = PARTS / 2; half; half /= 2)
    for (size_t k = 0; k < half; k++) a.p[k] = part_add(a.p[k], a.p[k + half]);
  part_put(t, a.p[0]);
  for (size_t half = PART_WIDTH / 2; half; half /= 2)
    for (size_t j = 0; j < half; j++) t[j] += t[j + half];
  return t[0];
}
#endif
