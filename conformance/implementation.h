/* SPDX-License-Identifier: Apache-2.0
   Implementations under one interface, however they are reached: built in, a shared object, a Python module, a program. */
#ifndef IMPLEMENTATION_H
#define IMPLEMENTATION_H
#include "casedir.h"
#include "host.h"
#include "judge.h"

struct implementation;
struct implementation_options {
  bool in_process;       /* run shared objects in this process */
  int threads;           /* offered to kernels */
  double timeout_s;      /* for one case */
  size_t memory_bytes;   /* a worker that uses more is killed: CRASH */
  const char *python;    /* interpreter for Python modules, peers included; NULL: python3, for peers that of `make peers` */
};
/* spec: "reference", "optimized", a specimen's name, a peer's ("onednn", "jax", ...), PATH.so, PATH.py, "python:MODULE",
   "cmd:PROGRAM ARG...". Groups ("specimens", "peers") are expanded by implementation_expand. A peer that cannot be had is no
   error: it skips every case with the reason. */
/* The error's text does not repeat the specification. */
int implementation_open(const char *spec, const struct implementation_options *o, struct implementation **impl,
                        struct error *e);
void implementation_close(struct implementation *impl);
const char *implementation_name(const struct implementation *impl);
const char *implementation_version(const struct implementation *impl);
const char *implementation_preset(const struct implementation *impl); /* NULL: none declared */
/* Why that preset, and no stricter one, is what its documentation promises: a difference of meaning, not a defect. It is judged
   against its own preset where nothing else is required. NULL: nothing documented. */
const char *implementation_documented(const struct implementation *impl);
const char *implementation_spec(const struct implementation *impl);
/* Calls each for every name that spec stands for (itself, if it is no group). */
int implementation_expand(const char *spec, int (*each)(const char *spec, void *arg), void *arg, struct error *e);

/* Why it declines a problem, where that can be told without a worker; else NULL. */
const char *implementation_declines(const struct implementation *impl, const struct normative_problem *p);

/* A case on its way to implementations: the directory is written when the first worker needs it. */
struct live_case {
  const char *name;
  const struct normative_problem *p;
  const struct tensors *in;
  char dir[256]; /* "" until written */
  struct wishes wishes; /* as its manifest has them */
}; /* one thread at a time */
void live_case_done(struct live_case *c); /* removes the directory */

struct run_result {
  enum verdict verdict; /* PASS here means: out is there to be judged. Else SKIP, FAIL, CRASH, TIMEOUT with reason */
  char reason[256];
  double seconds;       /* per run, if timed; else 0 */
};
/* After a CRASH or TIMEOUT the worker is started anew for the next case; after some timeouts in a row it is given up. */
void implementation_run(struct implementation *impl, struct live_case *c, int iterations, struct tensors *out,
                        struct run_result *r);
#endif
