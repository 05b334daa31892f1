/* SPDX-License-Identifier: Apache-2.0
   What a preset is made of: the arithmetic, the algorithm of the variance, the height of its sums, where the mean is kept. */
#ifndef PRESETS_H
#define PRESETS_H
#include "judge.h"

enum algorithm { TWO_PASS = 1, CORRECTED = 2, ONE_PASS = 4, WELFORD = 8, MERGE = 16 }; /* bits: any of them */
enum height { ONE_BY_ONE, PAIRWISE, CAPPED, SHORT, LANES, MERGES };
enum exactness { BY_BOUND, NEAREST, NEIGHBOUR }; /* the nearest value; one of the two next to the exact one */

struct preset_row {
  const char *name, *text;
  unsigned types;                            /* of tensors: bits 1 << normative_type */
  enum exactness exactness;
  enum normative_type sums, kept, apply;     /* arithmetic of the sums; type of the mean; arithmetic of the epilogue */
  unsigned algorithms;
  enum height height;
  double newton;                             /* kr: roundings of rstd after sigma2 + eps */
};

struct preset {
  char name[40];
  const struct preset_row *row; /* NULL: a union */
  bool folded, ftz;
  const struct preset *member[MEMBERS_MAX + 1];
};

/* An element type's arithmetic: unit roundoff, half the smallest subnormal, the smallest normal, the largest finite
   number, and the least magnitude that rounds to infinity. */
struct arithmetic { int precision, least_exponent; long double u, lam, normal, largest, overflow; };
const struct arithmetic *arithmetic_of(enum normative_type type);

/* Height of the tree in which m terms are added. */
long double preset_height(enum height height, long double m);
/* The same for the sums of backward: Welford's algorithm and merges have none of their own, theirs are those of two passes. */
long double preset_sum_height(const struct preset_row *row, long double m);
/* The presets offered for a type, NULL-terminated, unions left out: rows in order, each plain, folded, flushing, both. */
#define PRESETS_MAX 64
/* Do two presets mean the same for sums of m terms, and those of gradients of parameters of `terms`? */
bool preset_same(const struct preset *a, const struct preset *b, long double m, long double terms);
size_t presets_offered(uint32_t type, const struct preset *offered[PRESETS_MAX]);
bool preset_offers(const struct preset *preset, uint32_t type);
#endif
