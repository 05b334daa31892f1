/* SPDX-License-Identifier: Apache-2.0
   What the tests of bounds share: hostile data, honest kernels, a case in memory. */
#ifndef HOSTILE_H
#define HOSTILE_H
#include "judge.h"
#include "presets.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <xmmintrin.h>
#endif
#include <cmocka.h> /* last: it has a macro fail */

static inline uint64_t draw(void)
{
  static uint64_t state = 88172645463325252u;
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state * 2685821657736338717u >> 11;
}

static inline double uniform(void) { return (double)draw() * 0x1p-53; }

static inline double normal(void)
{
  double s = -6;
  for (int i = 0; i < 12; ++i) s += uniform();
  return s;
}

/* ---- kernels ---- */

enum addition { IN_TURN, IN_PAIRS, AT_RANDOM, IN_LANES };
enum algorithm_here { PLAIN, CORRECTION, CORRECTED_MEAN, ONCE, WELFORDS, MERGED, MEAN_SQUARE };
/* narrow: the tensors' 16-bit type, or it behind sums in float */
enum arithmetic_here { SINGLES, DOUBLES, MIXED, MIXED_HIGH_LOW, NARROW, NARROW_EPILOGUE };

struct kernel {
  const char *preset;
  enum algorithm_here algorithm;
  enum addition order;
  enum arithmetic_here arithmetic;
  double least; /* the largest error / bound is at least this */
};

/* What real kernels do differently, drawn for every case. */
static struct {
  int fma, reciprocal, newton, gamma_first, folded, late; /* late: averages over instances come last */
  uint32_t eps_place, cast; /* conventions of the problem; cast: the type xhat is rounded to, or 0 */
  uint32_t narrow;          /* the type that narrow kernels compute in */
  bool flush;               /* and whether they flush its subnormals */
} style;

/* v in 16 bits, to nearest even, directly. */
static inline uint16_t bits16(uint32_t type, double v)
{
  const struct arithmetic *a = arithmetic_of(type);
  uint16_t half;
  uint32_t bits;
  if (v != 0 && isfinite(v)) {
    int exponent = ilogb(v) < a->least_exponent ? a->least_exponent : ilogb(v);
    v = ldexp(nearbyint(ldexp(v, a->precision - 1 - exponent)), exponent - a->precision + 1);
  }
  float f = (float)v; /* exact, or infinite */
  _Float16 h = (_Float16)f;
  memcpy(&half, &h, 2);
  memcpy(&bits, &f, 4);
  return type == NORMATIVE_F16 ? half : (uint16_t)(bits >> 16);
}

/* v, or v rounded to the type that xhat is cast to. */
static inline double cast(double v)
{
  uint16_t bits = style.cast ? bits16(style.cast, v) : 0;
  struct tensor t = {.data = &bits, .type = style.cast};
  return style.cast ? tensor_get(&t, 0) : v;
}

/* v, the result of one operation, as 16-bit arithmetic has it. */
static inline double in_narrow(double v)
{
  v = format_round(&type_formats[style.narrow], v);
  return style.flush && fabs(v) < (double)arithmetic_of(style.narrow)->normal ? copysign(0, v) : v;
}

#define REAL float
#define FMA fmaf
#define SQRT sqrtf
#define R(v) ((float)(v))
#define NAMED(name) name##_single
#include "honest.inc"
#undef REAL
#undef FMA
#undef SQRT
#undef NAMED
#define REAL double
#define FMA fma
#define SQRT sqrt
#undef R
#define R(v) (v)
#define NAMED(name) name##_double
#include "honest.inc"
#undef R
#undef NAMED
#define R(v) in_narrow(v)
#define NAMED(name) name##_narrow
#include "honest.inc"
#undef R
#undef REAL
#undef FMA
#undef SQRT
#undef NAMED

static inline unsigned flush_on(bool flush)
{
#ifdef __SSE2__
  unsigned before = _mm_getcsr();
  if (flush) _mm_setcsr(before | 0x8040);
  return before;
#else
  return (void)flush, 0;
#endif
}

static inline void flush_back(unsigned before)
{
#ifdef __SSE2__
  _mm_setcsr(before);
#else
  (void)before;
#endif
}

/* ---- data ---- */

enum family {
  GAUSSIAN, MEAN_100, MEAN_1E4, MEAN_1E6, MEAN_2P24, CONSTANT, INTEGER, ALTERNATING, FIRST_1E4, LAST_1E4, OUTLIER_1E30,
  TINY_VARIANCE, SUBNORMAL, NEAR_MAX, LARGE, SORTED, EXPONENTS, SMALL_INTEGERS, ZEROS, TINY, HEAVY_TAIL, STAGNANT,
  STAGNANT_SQUARES, FAMILIES
};

static inline double element(enum family family, size_t i, size_t m, double before)
{
  double z = normal();
  switch (family) {
  case MEAN_100: return 100 + z;
  case MEAN_1E4: return 1e4 + z;
  case MEAN_1E6: return z - 1e6;
  case MEAN_2P24: return 0x1p24 + 4 * z;
  case CONSTANT: return 12345.678;
  case INTEGER: return 3;
  case ALTERNATING: return (i % 2 ? -1e6 : 1e6) + 1e-3 * z;
  case FIRST_1E4: return i ? z : 1e4;
  case LAST_1E4: return i + 1 < m ? z : -1e4;
  case OUTLIER_1E30: return i ? z : 1e30;
  case TINY_VARIANCE: return 1 + 1e-6 * z;
  case SUBNORMAL: return z * 1e-40;
  case NEAR_MAX: return 3.3e38 * (2 * uniform() - 1);
  case LARGE: return 1e18 * z;
  case SORTED: return (double)i / (double)m - 0.3;
  case EXPONENTS: return ldexp(z, (int)(draw() % 60) - 30);
  case SMALL_INTEGERS: return i % 2 ? -before : i + 1 < m ? (double)(draw() % 5) : 0;
  case ZEROS: return 0;
  case TINY: return 1e-20 * z;
  case HEAVY_TAIL: return exp(3 * z);
  case STAGNANT: return i ? 0x1.ffcp-25 : 1; /* each next term is rounded away: all errors have one sign */
  case STAGNANT_SQUARES: return i == 0 ? 1 : i + 1 == m ? -1 : i % 2 ? 0x1.ffp-13 : -0x1.ffp-13;
  default: return z;
  }
}

static inline void store(struct tensor *t, size_t i, double v)
{
  float f = (float)v;
  uint16_t bits;
  switch (t->type) {
  case NORMATIVE_F64: ((double *)t->data)[i] = v; break;
  case NORMATIVE_F32: ((float *)t->data)[i] = f; break;
  default:
    bits = bits16(t->type, v);
    memcpy((uint16_t *)t->data + i, &bits, 2);
  }
}

struct bench {
  struct normative_problem p;
  struct tensors in, out;
  struct truth truth;
  double *x, *gamma, *beta, *y; /* of one group */
  double (*statistics)[3];      /* of every group: mean, rstd, variance, as the kernel has them */
};

static inline void bench_open(struct bench *b)
{
  struct error e;
  assert_int_equal(problem_finish(&b->p, &e), 0);
  for (int s = 0; s < SLOT_COUNT; ++s) {
    if (slot_is_input(&b->p, s)) assert_int_equal(tensor_alloc(&b->in.t[s], &b->p, s, &e), 0);
    if (slot_is_output(&b->p, s)) assert_int_equal(tensor_alloc(&b->out.t[s], &b->p, s, &e), 0);
  }
  b->x = malloc(4 * (problem_m(&b->p) + 1) * sizeof *b->x);
  b->gamma = b->x + problem_m(&b->p);
  b->beta = b->gamma + problem_m(&b->p);
  b->y = b->beta + problem_m(&b->p);
  b->statistics = calloc(problem_groups(&b->p) + 1, sizeof *b->statistics);
}

static inline void bench_close(struct bench *b)
{
  truth_free(&b->truth);
  tensors_free(&b->in);
  tensors_free(&b->out);
  free(b->x);
  free(b->statistics);
}

/* Sizes that make groups of m elements, `groups` of them or a few, in either layout. */
static inline void shape_groups(struct normative_problem *p, size_t m, size_t groups)
{
  const char *axes = norm_find(p->norm)->group;
  const size_t two = groups > 1 ? 2 : 1, few = (groups + 1) / 2, part = m % 3 == 0 ? 3 : m % 2 == 0 ? 2 : draw() % 2 ? 1 : m;
  uint64_t sizes[3] = {groups, m, 1};
  if (!strcmp(axes, "c")) memcpy(sizes, (uint64_t[]){m % 2 ? m : m / 2, groups, m % 2 ? 1 : 2}, sizeof sizes);
  if (!strcmp(axes, "nc")) memcpy(sizes, (uint64_t[]){few, two, m}, sizeof sizes);
  if (!strcmp(axes, "ns")) memcpy(sizes, (uint64_t[]){two, m, few}, sizeof sizes);
  if (!strcmp(axes, "ng")) memcpy(sizes, (uint64_t[]){few, two * part, m / part}, sizeof sizes);
  memcpy(p->dims, sizes, sizeof sizes);
  p->ndim = norm_find(p->norm)->axes;
  p->groups = !strcmp(axes, "ng") ? two : 1;
  if (p->affine != NORMATIVE_AFFINE_CHANNEL && p->ndim == 2) p->groups = draw() % 2 ? 1 : draw() % 2 || groups % 3 ? groups : 3;
  if (p->ndim == 3 && draw() % 2) p->layout = NORMATIVE_NSC;
}

static inline void draw_style(const struct kernel *k, const struct normative_problem *p)
{
  style.eps_place = p->eps_place;
  style.cast = p->casts == NORMATIVE_CAST_NORMAL && k->arithmetic < NARROW ? p->type : 0; /* what is narrow is cast anyway */
  style.fma = draw() % 2;
  style.reciprocal = draw() % 2;
  style.newton = k->arithmetic != DOUBLES && k->arithmetic < NARROW && draw() % 3 == 0;
  style.narrow = p->type;
  style.flush = strstr(k->preset, "ftz");
  style.gamma_first = draw() % 2;
  style.late = draw() % 2;
  style.folded = strstr(k->preset, "folded") ? 1 + (int)(draw() % 2) : 0;
}

static inline double entry(const struct bench *b, enum slot s, size_t i, double absent)
{
  return b->in.t[s].data ? tensor_get(&b->in.t[s], i) : absent;
}

#endif
