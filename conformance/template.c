/* SPDX-License-Identifier: Apache-2.0
   A complete kernel for Normative: LayerNorm, forward, f32. Copy it, put your kernel into run(), then
     cc -O2 -shared -fPIC -I PATH/reference -I PATH/conformance -o kernel.so kernel.c -lm   (PATH: this source tree)
     normative check ./kernel.so
   All of the interface is in normative_plugin.h; the meaning of x, y, mean, rstd in normative.h. */
#include "normative_plugin.h"
#include <math.h>
#include <stdlib.h>

/* NULL: this kernel computes it. Else why not; such cases are shown as SKIP and count for nothing. */
static const char *supports(const struct normative_problem *p)
{
  if (p->norm != NORMATIVE_LAYERNORM || p->direction != NORMATIVE_FORWARD) return "only LayerNorm forward";
  if (p->type != NORMATIVE_F32 || p->param_type != NORMATIVE_F32) return "only f32";
  if (p->stat_type != NORMATIVE_F64) return "only f64 mean and rstd";
  if (p->affine != NORMATIVE_AFFINE_CHANNEL) return "only gamma and beta per column";
  if (p->eps_place != NORMATIVE_EPS_INSIDE || p->casts != NORMATIVE_CAST_ONCE || p->residual || p->device)
    return "only y = gamma (x - mean) / sqrt(var + eps) + beta";
  return NULL;
}

/* What must be known in run(): here a copy of the problem. *workspace is scratch memory wanted for each run, in bytes. */
static int open_(const struct normative_problem *p, int threads, void **state, uint64_t *workspace)
{
  struct normative_problem *copy = malloc(sizeof *copy);
  (void)threads, (void)workspace;
  if (copy) *copy = *p;
  *state = copy;
  return copy ? 0 : 1; /* anything but 0 is shown as a failure */
}

/* Every element of every output that `outputs` below announces must be written; y may not be read before. */
static int run(void *state, const struct normative_tensors *t, void *workspace)
{
  const struct normative_problem *p = state;
  const float *x = t->x, *gamma = t->gamma, *beta = t->beta; /* gamma, beta: NULL if absent */
  float *y = t->y;
  double *mean = t->mean, *rstd = t->rstd; /* an output that nobody wants is NULL */
  (void)workspace;
  for (uint64_t n = 0; n < p->n; ++n, x += p->c, y += p->c) {
    double sum = 0, squares = 0; /* in float, long rows and large means would lose their digits */
    for (uint64_t c = 0; c < p->c; ++c) sum += x[c];
    double m = sum / (double)p->c;
    for (uint64_t c = 0; c < p->c; ++c) squares += (x[c] - m) * (x[c] - m);
    double r = 1 / sqrt(squares / (double)p->c + p->eps);
    for (uint64_t c = 0; c < p->c; ++c)
      y[c] = (float)((x[c] - m) * r * (gamma ? gamma[c] : 1.0) + (beta ? beta[c] : 0.0));
    if (mean) mean[n] = m;
    if (rstd) rstd[n] = r;
  }
  return 0;
}

static const struct normative_plugin plugin = {
  .abi = NORMATIVE_ABI, .size = sizeof plugin, .name = "my-layernorm", .version = "1",
  .outputs = NORMATIVE_OUT_Y | NORMATIVE_OUT_MEAN | NORMATIVE_OUT_RSTD, /* others are not judged */
  .supports = supports, .open = open_, .run = run, .close = free};

const struct normative_plugin *normative_plugin(void) { return &plugin; }
