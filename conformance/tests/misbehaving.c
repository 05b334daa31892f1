/* SPDX-License-Identifier: Apache-2.0
   A LayerNorm kernel that does one thing wrong: what the environment variable MISBEHAVE says. Included by test_host.c, and
   compiled as a shared object by test_implementation.c. */
#include "normative_plugin.h"
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool does(const char *what)
{
  const char *set = getenv("MISBEHAVE");
  return set && !strcmp(set, what);
}

static const char *supports(const struct normative_problem *p)
{
  if (does("decline")) return "will not";
  return p->norm == NORMATIVE_LAYERNORM ? NULL : "only LayerNorm";
}

static int open_(const struct normative_problem *p, int threads, void **state, uint64_t *workspace)
{
  (void)threads;
  *state = (void *)p;
  *workspace = does("huge workspace") ? UINT64_MAX : 64;
  return does("open fails") ? 7 : 0;
}

static void right(const struct normative_problem *p, const struct normative_tensors *t)
{
  for (size_t n = 0; n < p->n; ++n) {
    const float *x = (const float *)t->x + n * p->c, *gamma = t->gamma, *beta = t->beta;
    double sum = 0, squares = 0;
    for (size_t c = 0; c < p->c; ++c) sum += x[c];
    double mean = sum / (double)p->c;
    for (size_t c = 0; c < p->c; ++c) squares += (x[c] - mean) * (x[c] - mean);
    double rstd = 1 / sqrt(squares / (double)p->c + p->eps);
    for (size_t c = 0; c < p->c; ++c)
      ((float *)t->y)[n * p->c + c] = (float)((x[c] - mean) * rstd * (gamma ? gamma[c] : 1.0) + (beta ? beta[c] : 0.0));
    if (t->mean) ((double *)t->mean)[n] = mean;
    if (t->rstd) ((double *)t->rstd)[n] = rstd;
    if (t->variance) ((double *)t->variance)[n] = squares / (double)p->c;
  }
}

static void misbehave_in_memory(const struct normative_problem *p, const struct normative_tensors *t, double *workspace)
{
  static int runs;
  volatile float *x = (float *)(uintptr_t)t->x, *y = t->y;
  size_t count = p->n * p->c;
  if (does("leave y[3]")) memcpy((void *)&y[3], &(uint32_t){0x7fa5a5a5}, 4); /* what the harness puts there */
  if (does("write before y")) y[-1] = 1;
  if (does("write after y")) y[count] = 1;
  if (does("write far after y")) y[count + 64] = 1;
  if (does("write to x")) x[0] = 1;
  if (does("write after x")) x[count] = 1;
  if (does("read far after x")) y[0] = x[count + 64];
  if (does("read before x")) y[0] = x[-4096];
  if (does("write after workspace")) workspace[8] = 1;
  if (does("use workspace")) y[0] = (float)workspace[0];
  if (does("change its mind")) y[0] = (float)(1 + runs++ % 2);
}

static void misbehave_as_process(void)
{
  volatile int *nowhere = (volatile int *)strtol("16", NULL, 10);
  if (does("crash")) *nowhere = 1;
  if (does("abort")) abort();
  if (does("complain and exit")) {
    fprintf(stderr, "first\nout of luck\n");
    exit(3);
  }
  if (does("hang"))
    for (;;) pause();
  for (size_t k = 0; does("allocate"); ++k)
    for (char *p = malloc(1 << 24), *end = p ? p + (1 << 24) : p; p < end; p += 4096) *(volatile char *)p = 1;
  if (does("print")) {
    printf("ok\n");
    fflush(stdout);
  }
}

static int run(void *state, const struct normative_tensors *t, void *workspace)
{
  misbehave_as_process();
  right(state, t);
  misbehave_in_memory(state, t, workspace);
  return does("run fails") ? -5 : 0;
}

static void close_(void *state) { (void)state; }

#ifndef ABI
#define ABI NORMATIVE_ABI
#endif
static const struct normative_plugin plugin = {
  .abi = ABI, .outputs = NORMATIVE_OUT_Y | NORMATIVE_OUT_MEAN | NORMATIVE_OUT_RSTD | NORMATIVE_OUT_VARIANCE,
  .size = sizeof plugin, .name = "misbehaving", .version = "1.0", .preset = "f32-stats", .supports = supports, .open = open_,
  .run = run, .close = close_};

#ifndef NO_ENTRY
const struct normative_plugin *normative_plugin(void) { return &plugin; }
#endif
