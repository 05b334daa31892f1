/* SPDX-License-Identifier: Apache-2.0
   From a real number that can be approximated to any precision to its correctly rounded value (Ziv's loop), with an exact
   comparison where approximations cannot decide: near zero and near the middle between two neighbours. */
#ifndef SETTLE_H
#define SETTLE_H
#include "exact.h"
#include "oracle.h"
#include <limits.h>

#define LEVELS 6          /* working precisions 256, 512, ..., 8192: the last is the cap */
#define RADIUS_0 LONG_MIN /* no error */
#define UNKNOWN 2         /* of compare */
static inline long level_precision(int level) { return 256L << level; }

struct real {
  /* Sets y, whose precision is that of the level, to within 2^radius; returns radius. y = 0 only with RADIUS_0. */
  long (*approximate)(void *self, int level, mpfr_ptr y);
  /* The sign of the number minus q, by exact algebra; UNKNOWN if that does not tell. Not called for a number that has
     returned RADIUS_0. */
  int (*compare)(void *self, const struct dyadic *q);
  void *self;
};

struct settler { mpfr_t y[LEVELS], middle, distance; struct dyadic q; }; /* scratch of one thread */
void settler_init(struct settler *s);
void settler_clear(struct settler *s);

/* Stores entry i of out: the number to 2^-150 relative and its nearest value; or WIDE_UNDECIDED if it is not 0 and yet too
   small beside its terms for the cap (but 0 if it is below 2^-2400 too), or too near to a middle for compare to tell. */
void settle(struct settler *s, struct truth_tensor *out, size_t i, const struct real *r);
/* The same for a number that needs no approximation: a double, infinite or NaN too, or an exact v != 0. */
void settle_double(struct truth_tensor *out, size_t i, double v);
void settle_exact(struct settler *s, struct truth_tensor *out, size_t i, mpfr_srcptr v);
/* The same for an exact d; its zero has no sign. */
void settle_dyadic(struct settler *s, struct truth_tensor *out, size_t i, const struct dyadic *d);
/* The side of q that the number is on, by approximations alone; UNKNOWN if the cap does not tell, as where it is q. */
int settle_side(const struct real *r, const struct dyadic *q);
#endif
