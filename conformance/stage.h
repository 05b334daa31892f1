/* SPDX-License-Identifier: Apache-2.0
   The statistics stage of one preset on one group, and what it found: shared by the tolerance_*.c files alone. */
#ifndef STAGE_H
#define STAGE_H
#include "bounds.h"
#include "tolerance.h"
#include <math.h>

/* Every preset allows the mean's divisor to be fl(1/fl(m)). */
#define CM 2.0L

struct stage {
  const struct normative_problem *p;
  const struct group_facts *g;
  struct group_truth q;         /* of what is normalized: with a residual, of the rounded sum */
  const struct preset_row *row;
  bool ftz, centred;
  const struct arithmetic *sums, *kept, *apply, *tensor, *stats, *param;
  long double LF, apply_LF;     /* flushing: the smallest normal of the sums (of the epilogue), else 0 */
  long double m, h, sigma;
  long double e, low, high;     /* bounds: of the mean, of the fall and rise of the variance */
  bool range;
};

static inline long double larger(long double a, long double b) { return a > b ? a : b; }
static inline long double smaller(long double a, long double b) { return a < b ? a : b; }
static inline bool wider(const struct arithmetic *a, const struct arithmetic *b) { return a->precision > b->precision; }

static inline void need_below(struct stage *s, long double value, const struct arithmetic *arithmetic)
{
  if (!(value <= arithmetic->largest)) s->range = false;
}

/* |mu|, from above */
static inline long double magnitude_of_mean(const struct group_truth *q) { return fabsl(q->mu_hi + q->mu_lo) * (1 + 0x1p-60L); }

/* Terms that are multiples of 2^lowest: every partial sum is one, and exact while the sum of magnitudes is at most
   2^(precision + lowest) and 2^lowest is a number that the arithmetic has and does not flush. */
bool exact_sum(const struct stage *s, long double sum, int lowest);

struct stage stage_of(const struct normative_problem *p, const struct preset_row *row, bool ftz);
/* The stage takes a group, of m elements: what it looks like is q. */
void take(struct stage *s, const struct group_facts *g, const struct group_truth *q, long double m);
/* The statistics of the elements themselves: e, low, high, range. */
void own(struct stage *s);
/* A mean that is off by e, as it is kept. */
long double as_kept(const struct stage *s, long double e);
/* What a given number loses where it does not fit the arithmetic. */
long double converted(const struct stage *s, long double value);
/* What eps loses where it is converted. */
long double eps_error(const struct stage *s);
/* From low and high: E of t, and the range. */
void reciprocal(struct stage *s, struct tolerance *t);
/* Forward: the bounds of all outputs, from t->e, t->E and the stage. */
void outputs(const struct stage *s, struct tolerance *t);
/* b->var is off by b->var_off, v as computed: as the update takes it in. */
void estimate_variance(const struct stage *s, long double v, struct estimate *b);

/* Where the statistics of a backward pass come from: the group's elements, inputs of backward, running ones, a mixture. */
enum source { OWN, GIVEN, CONSTANT, MIXED };

/* Of one preset on one group, what the formulas of dx and dgamma share. */
struct gradient_stage {
  const struct stage *s;
  enum source source;
  long double r, E, e, mu, w, tiny;
  long double slope, offset;        /* of xhat */
  long double c2, C1, C2[2];        /* [folded]; the last two are of what xhat is times in dx */
  long double factor;               /* of mean(g xhat) in that, where sigma is a divisor, else 1 */
  long double ut, lt;               /* of the tensor's type, if g and xhat are rounded to it, else 0 */
  long double k;                    /* roundings of dx */
  bool factors;                     /* does it take in what factors lose that underflow */
};
/* The shares of dgamma, and dx but for what a mixture adds; false: there is no bound. `spread` bounds mean|xhat|. */
bool gradients(struct stage *s, struct tolerance *t, enum source source, long double spread, struct gradient_stage *b);
/* dx as it is stored. */
void stored_dx(const struct stage *s, struct tolerance *t);
#endif
