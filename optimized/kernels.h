/* SPDX-License-Identifier: Apache-2.0
   The kernels: what is done to elements in memory, once for every element type (type.h) and instruction-set level
   (level.h), and with the same bits at each level. What is above them (norms, shapes, threads) knows no level; what is
   in them knows no norm. */
#ifndef NORMATIVE_KERNELS_H
#define NORMATIVE_KERNELS_H
#include "core.h" /* struct statistics: the mean is m + c */
#include "type.h"

/* rows runs of cols elements, one beginning `stride` elements after the other. */
struct block {
  size_t rows, cols, stride;
};

struct sums {
  double d, q; /* sum d, sum d^2 */
};

/* What the gradients of a group take from it, g = dy or gamma dy: sum g, sum g (x - m). */
struct products {
  double g, h;
};

/* dx of a group as a line in g and x:  dx = scale g - slope (x - mean) - shift,  the mean m + c (reduce.h). */
struct line {
  double m, c, scale, slope, shift;
};

/* The lines of as many groups as there are columns. c is in the shift; place_gradients takes it for dgamma, too. */
struct lines {
  const double *m, *c, *scale, *slope, *shift;
};

/* Of as many groups as there are columns; gamma and beta may be NULL: 1 and 0. */
struct columns {
  const double *m, *c, *rstd;
  const PARAM *gamma, *beta;
};

/* dx of an instance of SwitchableNorm:  dx = scale dy + shift + sum_k by_k (x - mean_k),  mean_k = m_k + c_k. */
#define MIXED 3
struct mixture {
  double scale, shift, m[MIXED], c[MIXED], by[MIXED];
};

/* The mixtures of as many instances as there are columns. */
struct mixtures {
  const double *scale, *shift, *m[MIXED], *c[MIXED], *by[MIXED];
};

struct kernels {
  /* A whole block is one group, or a piece of one. */
  double (*sum)(const ELEMENT *x, struct block b);
  double (*squares)(const ELEMENT *x, struct block b);
  struct sums (*deviations)(const ELEMENT *x, struct block b, double m);
  void (*apply)(ELEMENT *y, const ELEMENT *x, struct block b, struct statistics t, double gamma, double beta);
  /* The sums of a gradient, g = gamma dy with gamma of every element of the one run (NULL: dy); if s is not NULL, those
     of deviations, too. */
  struct products (*products)(struct sums *s, const ELEMENT *dy, const ELEMENT *x, const PARAM *gamma, struct block b,
                              double m);
  /* dx of a group on its line, c in the shift. dx may be dy. */
  void (*gradient)(ELEMENT *dx, const ELEMENT *dy, const ELEMENT *x, struct block b, struct line k);
  /* Every run is a group with a line of its own, g = gamma dy with gamma of every column (NULL: 1). What the runs add
     to dgamma and dbeta, sum dy scale (x - mean) and sum dy, is added to what is there. dx may be dy, or NULL: not
     wanted. */
  void (*row_gradients)(ELEMENT *dx, double *dgamma, double *dbeta, const ELEMENT *dy, const ELEMENT *x,
                        const PARAM *gamma, struct block b, const struct line *k);
  /* n adjacent elements of one group, with a gamma and beta each (NULL: 1 and 0). */
  void (*apply_row)(ELEMENT *y, const ELEMENT *x, size_t n, struct statistics t, const PARAM *gamma, const PARAM *beta);
  /* Every column is a group. Sums are added to what is there. */
  void (*column_sums)(double *s, const ELEMENT *x, struct block b);
  void (*column_deviations)(double *d, double *q, const ELEMENT *x, struct block b, const double *m);
  void (*column_products)(double *g, double *h, const ELEMENT *dy, const ELEMENT *x, const PARAM *gamma, struct block b,
                          const double *m); /* gamma of every row, or NULL */
  void (*column_gradients)(ELEMENT *dx, const ELEMENT *dy, const ELEMENT *x, struct block b, struct lines k);
  void (*column_apply)(ELEMENT *y, const ELEMENT *x, struct block b, struct columns k);
  /* Every column is a group, and every row has a gamma and a beta. */
  void (*place_apply)(ELEMENT *y, const ELEMENT *x, struct block b, struct columns k);
  /* What the places add to dgamma and dbeta of each row is added to what is there, as in row_gradients. */
  void (*place_gradients)(ELEMENT *dx, double *dgamma, double *dbeta, const ELEMENT *dy, const ELEMENT *x,
                          const PARAM *gamma, struct block b, struct lines k);
  /* Of a block that is one instance, and of one whose every column is one. dx may be dy. */
  void (*mixed)(ELEMENT *dx, const ELEMENT *dy, const ELEMENT *x, struct block b, const struct mixture *t);
  void (*column_mixed)(ELEMENT *dx, const ELEMENT *dy, const ELEMENT *x, struct block b, struct mixtures t);
  /* n adjacent elements of one group that is x + r, deviations from m + c; exact: also where no double is x + r (else c
     is 0). sum may be NULL. y and sum may be x or r. */
  struct sums (*residual_deviations)(const ELEMENT *x, const ELEMENT *r, size_t n, double m, double c, int exact);
  void (*residual_apply)(ELEMENT *y, ELEMENT *sum, const ELEMENT *x, const ELEMENT *r, size_t n, struct statistics t,
                         const PARAM *gamma, const PARAM *beta, int exact);
};
#endif
