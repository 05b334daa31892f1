/* SPDX-License-Identifier: Apache-2.0
   Specimens: textbook kernels, each an honest example of the preset that it is named after. Not fast, not clever: they show
   that the judge blames none of them, and what each way of computing loses. */
#ifndef SPECIMENS_H
#define SPECIMENS_H
#include "normative_plugin.h"

/* Mean and variance (divided by m) of x[0..m-1]; t is scratch of m floats. mean == NULL: no mean is subtracted (RMSNorm),
   *var = mean(x^2). */
typedef void (*statistics_fn)(const float *x, float *t, size_t m, float *mean, float *var);
/* t[0] + ... + t[m-1], in the specimen's order. */
typedef float (*sum_fn)(const float *t, size_t m);

/* A group, backward: g = gamma dy on entry, dx on exit; t is scratch. RMSNorm is not centred: its mean is 0. */
struct gradient { float *g, *t; const float *x; size_t m; float mean, rstd; int centred, own_mean; sum_fn sum; };
typedef void (*gradient_fn)(const struct gradient *a);
void dx_by_xhat(const struct gradient *a);       /* dx = rstd (g - mean(g) - xhat mean(g xhat)) */
void dx_by_chain_rule(const struct gradient *a); /* step after step, as automatic differentiation does */
void dx_folded(const struct gradient *a);        /* dx = a g + b x + c */
void dx_constant(const struct gradient *a);      /* dx = g rstd: evaluation */

struct specimen { const char *name; statistics_fn statistics; sum_fn sum; gradient_fn gradient; int folded; };
extern const struct specimen specimen_table[]; /* algorithms.c; ends with name == NULL */

const struct normative_plugin *specimen_find(const char *name);
int specimen_each(int (*each)(const char *name, void *arg), void *arg);
#endif
