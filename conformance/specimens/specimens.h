/* SPDX-License-Identifier: Apache-2.0
   Specimens: textbook kernels, each an honest example of the preset that it is named after. Not fast, not clever: they show
   that the judge blames none of them, and what each way of computing loses. */
#ifndef SPECIMENS_H
#define SPECIMENS_H
#include "normative_plugin.h"

/* Mean and variance (divided by m) of x[0..m-1]; t is scratch of m floats. mean == NULL: no mean is subtracted (RMSNorm),
   *var = mean(x^2). */
typedef void (*statistics_fn)(const float *x, float *t, size_t m, float *mean, float *var);
struct specimen { const char *name; statistics_fn statistics; int folded; };
extern const struct specimen specimen_table[]; /* algorithms.c; ends with name == NULL */

const struct normative_plugin *specimen_find(const char *name);
int specimen_each(int (*each)(const char *name, void *arg), void *arg);
#endif
