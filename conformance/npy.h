/* SPDX-License-Identifier: Apache-2.0
   The parts of .npy files that casedir.c needs; whole files: casedir.h. */
#ifndef NPY_H
#define NPY_H
#include "error.h"
#include "tensors.h"
#include <stdbool.h>
#include <stddef.h>

struct npy_header {
  char descr[32];
  bool fortran;
  int ndim;
  size_t dims[8];
  size_t count;  /* product of dims */
  size_t offset; /* of the first element in the file */
};
int npy_header(const char *path, struct npy_header *h, struct error *e);
/* Writes the file `path`, or leaves none; errors speak of `as`. */
int npy_store(const char *path, const char *as, const struct tensor *t, struct error *e);
#endif
