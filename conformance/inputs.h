/* SPDX-License-Identifier: Apache-2.0
   Families of inputs: seeded, each a name, the same bits on every machine (integers, + - * / and sqrt only). Every group
   and every parameter entry has its own values, so that a wrong index shows. */
#ifndef INPUTS_H
#define INPUTS_H
#include "problem.h"
#include "tensors.h"
#include <stdio.h>

struct family { const char *name, *kind /* "x", "gamma", "beta", "running", "dy", "addend", "lambda" */, *text; };
extern const struct family family_table[]; /* ends with name == NULL */
const struct family *family_find(const char *kind, const char *name); /* NeK in a row's name stands for a number */
const char *family_shape(const struct family *f); /* of recorded data, "32x6x8x8"; NULL: the family takes any shape */
double family_eps(const struct family *f);         /* of recorded data: that of its layer */
bool family_brings(const struct family *f, const char *slot); /* has recorded data a file for the slot? */

/* Makes every input tensor of the case. The result depends on the name of the case only. */
int inputs_make(const struct testcase *tc, struct tensors *in, struct error *e);

/* The cases of a tier, in order: NULL-terminated array of names would be too large; so a callback, which returns 0 to go on. */
enum tier { TIER_QUICK, TIER_FULL };
int sweep(enum tier tier, uint64_t seed, int (*each)(const struct testcase *tc, void *arg), void *arg);
#endif
