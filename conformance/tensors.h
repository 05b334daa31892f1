/* SPDX-License-Identifier: Apache-2.0
   The tensors of a problem: which it has, their types and shapes, and memory to hold them. The names of the slots are the
   names of the .npy files, of the fields of struct normative_tensors, and of the outputs in records. */
#ifndef TENSORS_H
#define TENSORS_H
#include "error.h"
#include "normative_plugin.h"
#include <stdbool.h>
#include <stddef.h>

enum slot {
  SLOT_X, SLOT_GAMMA, SLOT_BETA, SLOT_RESIDUAL, SLOT_DY, SLOT_GIVEN_MEAN, SLOT_GIVEN_RSTD, SLOT_LAMBDA_MEAN,
  SLOT_LAMBDA_VAR, SLOT_RUNNING_MEAN, SLOT_RUNNING_VAR, /* running ones are outputs of training too */
  SLOT_Y, SLOT_MEAN, SLOT_RSTD, SLOT_SUM, SLOT_DX, SLOT_DGAMMA, SLOT_DBETA, SLOT_DLAMBDA_MEAN, SLOT_DLAMBDA_VAR,
  SLOT_GIVEN_VARIANCE, /* an input */
  SLOT_VARIANCE, SLOT_COUNT
};
extern const char *const slot_name[SLOT_COUNT]; /* "x", "gamma", ..., "running_mean", ..., "y", "mean", ... */

struct tensor { /* absent: data == NULL and ndim == 0; present with count 0: data non-NULL */
  void *data;
  enum normative_type type;
  int ndim;
  size_t dims[8]; /* as in memory, C order: layout nsc has C last */
  size_t count;   /* product of dims */
};
struct tensors { struct tensor t[SLOT_COUNT]; };

struct type_format { int digits, min_exponent; double max; }; /* smallest normal number: 2^min_exponent */
extern const struct type_format type_formats[]; /* by enum normative_type */
/* v to nearest even in the format, subnormals kept, directly from double. */
double format_round(const struct type_format *f, double v);

size_t type_size(enum normative_type type);
/* Element i as a double (exact for every type). */
double tensor_get(const struct tensor *t, size_t i);
/* Element i becomes v rounded; -1 if v is finite and too large for the type. */
int tensor_set(struct tensor *t, size_t i, double v);
/* Is the slot an input (an output) of this problem? Training's running statistics are both. */
bool slot_is_input(const struct normative_problem *p, enum slot s);
bool slot_is_output(const struct normative_problem *p, enum slot s);
/* The bit NORMATIVE_OUT_* that covers an output slot; 0 for those that are inputs only. */
unsigned slot_output_bit(enum slot s);
/* Type and shape (as in memory) a slot has in this problem; data is left NULL. */
struct tensor slot_shape(const struct normative_problem *p, enum slot s);
/* slot_shape with zeroed memory of its own (64-byte aligned). */
int tensor_alloc(struct tensor *t, const struct normative_problem *p, enum slot s, struct error *e);
void tensors_free(struct tensors *t);
#endif
