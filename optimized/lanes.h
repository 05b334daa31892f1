/* SPDX-License-Identifier: Apache-2.0
   The lanes type: sixteen doubles that are worked on together, in parts of one register each. Sixteen at every level,
   so that a sum's order does not depend on the register's width; and every operation rounds as the scalar one does. So
   a level changes no bit.

   A part is a vector of GCC's extensions, exactly as wide as a register (wider ones are split badly); at the portable
   level it is a plain struct. Its loads are exact; its stores round once, from the double itself. */
#ifndef NORMATIVE_LANES_H
#define NORMATIVE_LANES_H
#include "type.h"

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
INLINE part load_f32(const float *x) { return _mm_cvtps_pd(_mm_castsi128_ps(_mm_loadl_epi64((const __m128i_u *)x))); }
INLINE void store_f32(float *y, part a) { _mm_storel_epi64((__m128i_u *)y, _mm_castps_si128(_mm_cvtpd_ps(a))); }
#elif PART_LANES == 4
INLINE part load_f32(const float *x) { return _mm256_cvtps_pd(_mm_loadu_ps(x)); }
INLINE void store_f32(float *y, part a) { _mm_storeu_ps(y, _mm256_cvtpd_ps(a)); }
#else
INLINE part load_f32(const float *x) { return _mm512_cvtps_pd(_mm256_loadu_ps(x)); }
INLINE void store_f32(float *y, part a) { _mm256_storeu_ps(y, _mm512_cvtpd_ps(a)); }
#endif

#include "lanes_narrow.h"

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

/* Calls where a conversion is long: inlined everywhere it would take the compiler a minute. */
#define CALLED __attribute__((noinline, unused)) static
#define PORTABLE_FORMAT(how, format, type) \
  how part load_##format(const type *x) \
  { \
    return (part){format##_load(x[0]), format##_load(x[1]), format##_load(x[2]), format##_load(x[3])}; \
  } \
  how void store_##format(type *y, part v) \
  { \
    y[0] = format##_store(v.a); \
    y[1] = format##_store(v.b); \
    y[2] = format##_store(v.c); \
    y[3] = format##_store(v.d); \
  }
PORTABLE_FORMAT(INLINE, f32, float)
PORTABLE_FORMAT(CALLED, f16, uint16_t)
PORTABLE_FORMAT(CALLED, bf16, uint16_t)

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

#define load_f64 part_get
#define store_f64 part_put

/* ---- lanes ---- */

#define PARTS (LANES / PART_WIDTH)
typedef struct { part p[PARTS]; } lanes;

/* Unrolled, so that the parts live in registers. */
#define EACH_PART _Pragma("GCC unroll 8") for (size_t k = 0; k < PARTS; k++)

#define part_load TYPE_NAME(load, FORMAT)
#define part_store TYPE_NAME(store, FORMAT)
#define part_load_param TYPE_NAME(load, PARAM_FORMAT)

/* Sixteen elements of a tensor, of gamma or beta. */
INLINE lanes lanes_load(const ELEMENT *x)
{
  lanes a;
  EACH_PART a.p[k] = part_load(x + k * PART_WIDTH);
  return a;
}

INLINE lanes lanes_load_param(const PARAM *x)
{
  lanes a;
  EACH_PART a.p[k] = part_load_param(x + k * PART_WIDTH);
  return a;
}

INLINE void lanes_store(ELEMENT *y, lanes a) { EACH_PART part_store(y + k * PART_WIDTH, a.p[k]); }

/* n < 16 elements, and zeros behind them. */
INLINE lanes lanes_load_some(const ELEMENT *x, size_t n)
{
  ELEMENT t[LANES] = {0};
  for (size_t j = 0; j < n; j++) t[j] = x[j];
  return lanes_load(t);
}

INLINE lanes lanes_load_some_param(const PARAM *x, size_t n)
{
  PARAM t[LANES] = {0};
  for (size_t j = 0; j < n; j++) t[j] = x[j];
  return lanes_load_param(t);
}

INLINE void lanes_store_some(ELEMENT *y, lanes a, size_t n)
{
  ELEMENT t[LANES];
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
