/* SPDX-License-Identifier: Apache-2.0
   What the gradients of the oracle need of every group, kept for all groups of a case: how xhat comes from x.

       xhat = (k x - s) rho      own statistics: k = m, s = S, rho = 1/(sqrt(B) + E)
                                 evaluation:     k = 1, s = running_mean, rho = 1/(sqrt(B) + E)      (statistics.h)
                                 given rstd:     k = 1, s = mean, rho = rstd, a rational number
                                 given variance: k = m, s = m mean, rho = 1/sqrt(B) */
#ifndef FRAME_H
#define FRAME_H
#include "oracle.h"
#include "statistics.h"

struct frame {
  unsigned long k;
  bool given;           /* rho is `rstd` below, given; else 1/(sqrt(b) + e) */
  bool moves;           /* rho changes with x: not a constant, nor to first order */
  mpfr_t s, root;       /* s exact; root: rho in 256 bits, within a factor (1 + 2^-256)^(+-4.5), exact if given */
  struct dyadic b, e;
  double mean, rstd;    /* classes of the statistics (statistics.h); given: mean 0 if finite, rstd the value */
  bool ordinary;        /* both finite: xhat is finite where x is, and is what the formula says */
  long double rho_up;   /* |rho|, rounded up */
  long double spread;   /* sigma2 rstd^2, rounded up */
};

/* Fills f and *out (its forward part) for group `index`; g and w are scratch, g the group's own statistics afterwards. */
void frame_fill(const struct data *d, struct scratch *w, struct group *g, size_t index, struct frame *f,
                struct group_truth *out);
void frame_clear(struct frame *f);

/* rho to root's precision, as good as f->root is; without E within a factor (1 + 2^-precision)^(+-1.5). */
void frame_root(const struct frame *f, mpfr_ptr root);
/* t = k x - s, rounded once to t's precision. */
void frame_deviation(const struct frame *f, double x, mpfr_ptr kx /* scratch, 96 bits */, mpfr_ptr t, mpfr_rnd_t round);
/* xhat as IEEE classes have it: its sign and 0, Inf, NaN are right, its size is not. x may be anything. */
double frame_class(const struct frame *f, double x);
#endif
