/* SPDX-License-Identifier: Apache-2.0
   A case as a directory: manifest.json and .npy files. Vectors on disk, the worker protocol and a user's own tensors are
   this one format; its schema is case.schema.json. */
#ifndef CASEDIR_H
#define CASEDIR_H
#include "inputs.h"
#include "problem.h"
#include "tensors.h"

struct wishes { int threads, iterations; };
struct casedir {
  struct normative_problem p;
  char name[CASE_NAME_MAX]; /* the case's name, or the directory's for a user's own data */
  struct tensors in;
  struct tensors expected;  /* nearest values, where the directory has them */
  struct wishes wishes;
};
/* Creates dir and writes everything, or leaves nothing half-written (files are written beside and renamed). */
int casedir_write(const char *dir, const char *name, const struct normative_problem *p, const struct tensors *in,
                  const struct tensors *expected /* may be NULL */, const struct wishes *w /* may be NULL */, struct error *e);
int casedir_read(const char *dir, struct casedir *c, struct error *e);
void casedir_free(struct casedir *c);

/* Result files NAME.npy in dir: those present are read into out. A wrong type or shape is an error that says which. */
int result_read(const char *dir, const struct normative_problem *p, struct tensors *out, struct error *e);
int result_write(const char *dir, const struct tensors *out, struct error *e);

/* One .npy file. npy_read allocates (free with tensors_free or free(data)); types <f4 <f8 <f2 and <u2, which stands for
   bf16 where `expect` says so. */
int npy_write(const char *path, const struct tensor *t, struct error *e);
int npy_read(const char *path, const struct tensor *expect, struct tensor *t, struct error *e);
#endif
