/* SPDX-License-Identifier: Apache-2.0
   The statistics of a group as the oracle has them: exact.

   With m elements in a group, S = sum x and Q = sum x^2, every norm here is one formula
       xhat = t / (sqrt(B) + E),   rstd = m / (sqrt(B) + E),   y = beta + gamma xhat
     own statistics    t = m x - S     V = m Q - S^2     (RMSNorm: S = 0 in both)
       eps inside      B = V + m^2 eps          E = 0
       eps outside     B = V                    E = m eps
       the greater     B = max(V, m^2 eps)      E = 0
     evaluation        the same with m = 1, S = running_mean, V = running_var
     given to backward the same with S = m mean, V = m^2 variance; or a rational rstd: frame.h
   With a residual, x stands for x + residual. */
#ifndef STATISTICS_H
#define STATISTICS_H
#include "exact.h"
#include "problem.h"
#include "tensors.h"

struct data { /* the inputs of a case */
  const struct normative_problem *p;
  const struct tensors *in;
  bool centred, evaluation, residual;
};
/* Entry i of an input; `absent` if the problem has no such input. */
double data_entry(const struct data *d, enum slot s, size_t i, double absent);
/* What an entry of gamma stands for, exact in a number of so many bits: the entry, or 1 more, which may have all bits of a
   double. */
mpfr_prec_t gamma_bits(const struct normative_problem *p);
void gamma_exact(const struct normative_problem *p, double entry, mpfr_ptr out);

struct group { /* read by all threads once it is filled */
  unsigned long m;         /* of the formulas above: 1 in evaluation */
  struct dyadic s, v, b, e;
  struct dyadic abs;       /* sum |x| */
  double mean, rstd;       /* classes as IEEE has them. mean: 0 finite, else Inf or NaN; rstd: 1 finite, else 0, Inf, NaN */
  double max_abs;          /* of the finite ones, rounded up */
  mpfr_t s_value;          /* s */
};
void group_init(struct group *g);
void group_clear(struct group *g);

struct scratch { /* of one thread */
  struct sum plus, minus, squares;
  struct dyadic q, t;
  mpfr_t a, b;             /* 64 bits: a long double */
  mpfr_t mean;             /* 256 */
};
void scratch_init(struct scratch *w);
void scratch_clear(struct scratch *w);

void group_fill(const struct data *d, struct scratch *w, struct group *g, size_t index);
/* Another mean and variance in place of those that the group was filled with. */
void group_given(const struct data *d, struct scratch *w, struct group *g, unsigned long m, double mean, double var);
/* Only the sums, over finite elements: S into g->s, sum |x| into g->abs, max_abs, Q into w->q. The sum of what is not finite
   (0 if all is) is returned, that of its squares set, as IEEE adds. */
double group_sums(const struct data *d, struct scratch *w, struct group *g, size_t index, double *special_squares);
#endif
