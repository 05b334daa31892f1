/* SPDX-License-Identifier: Apache-2.0
   The kernels: what is done to floats in memory, once for every instruction-set level and with the same bits at each. What
   is above them (norms, shapes, threads) knows no level; what is in them knows no norm. */
#ifndef NORMATIVE_KERNELS_H
#define NORMATIVE_KERNELS_H
#include "core.h" /* struct statistics: the mean is m + c */

/* rows runs of cols floats, one beginning `stride` floats after the other. */
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

/* The lines of as many groups as there are columns. c is in the shift. */
struct lines {
  const double *m, *scale, *slope, *shift;
};

/* Of as many groups as there are columns; gamma and beta may be NULL: 1 and 0. */
struct columns {
  const double *m, *c, *rstd;
  const float *gamma, *beta;
};

struct kernels {
  const char *name;
  /* A whole block is one group, or a piece of one. */
  double (*sum)(const float *x, struct block b);
  double (*squares)(const float *x, struct block b);
  struct sums (*deviations)(const float *x, struct block b, double m);
  void (*apply)(float *y, const float *x, struct block b, struct statistics t, double gamma, double beta);
  /* The sums of a gradient, g = gamma dy with gamma of every element of the one run (NULL: dy); if s is not NULL, those of
     deviations, too. */
  struct products (*products)(struct sums *s, const float *dy, const float *x, const float *gamma, struct block b, double m);
  /* dx of a group on its line, c in the shift. dx may be dy. */
  void (*gradient)(float *dx, const float *dy, const float *x, struct block b, struct line k);
  /* Every run is a group with a line of its own, g = gamma dy with gamma of every column (NULL: 1). What the runs add to
     dgamma and dbeta, sum dy scale (x - mean) and sum dy, is added to what is there. dx may be dy; NULL: not wanted. */
  void (*row_gradients)(float *dx, double *dgamma, double *dbeta, const float *dy, const float *x, const float *gamma,
                        struct block b, const struct line *k);
  /* n adjacent floats of one group, with a gamma and beta each (NULL: 1 and 0). */
  void (*apply_row)(float *y, const float *x, size_t n, struct statistics t, const float *gamma, const float *beta);
  /* Every column is a group. Sums are added to what is there. */
  void (*column_sums)(double *s, const float *x, struct block b);
  void (*column_deviations)(double *d, double *q, const float *x, struct block b, const double *m);
  void (*column_products)(double *g, double *h, const float *dy, const float *x, struct block b, const double *m);
  void (*column_gradients)(float *dx, const float *dy, const float *x, struct block b, struct lines k);
  void (*column_apply)(float *y, const float *x, struct block b, struct columns k);
};

/* The instruction-set levels, plainest first (levels.mk). */
enum level { LEVEL_PORTABLE, LEVEL_SSE2, LEVEL_AVX2, LEVEL_AVX512, LEVEL_COUNT };

/* The kernels of a level; NULL if this CPU or this build does not have it. */
const struct kernels *opt_level(enum level level);
/* The kernels in use: of the best level, or of the one that the environment's NORMATIVE_ISA or opt_set_level names. */
const struct kernels *opt_kernels(void);
/* -1, and no change, if there is no such level. */
int opt_set_level(enum level level);
#endif
