/* SPDX-License-Identifier: Apache-2.0
   Specimens: textbook kernels, each an honest example of the preset that it is named after. Not fast, not clever: they show
   that the judge blames none of them, and what each way of computing loses. */
#ifndef SPECIMENS_H
#define SPECIMENS_H
#include "normative_plugin.h"

/* Rows of the tables in single.c and double.c, in order of strictness; the name behind the last is NULL. */
const char *single_name(size_t row);
const char *double_name(size_t row);
uint32_t single_type(size_t row); /* the 16-bit type that it is for, 0: f32 and both */
uint64_t single_bytes(const struct normative_problem *p); /* of workspace */
uint64_t double_bytes(const struct normative_problem *p);
int single_run(size_t row, const struct normative_problem *p, const struct normative_tensors *t, void *workspace);
int double_run(size_t row, const struct normative_problem *p, const struct normative_tensors *t, void *workspace);

const struct normative_plugin *specimen_find(const char *name);
int specimen_each(int (*each)(const char *name, void *arg), void *arg);
#endif
