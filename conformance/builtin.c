/* SPDX-License-Identifier: Apache-2.0
   The two libraries as plug-ins, and the built-in kernels by name. */
#include "builtin.h"
#include "specimens.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* What neither library has (yet); NULL if the problem is theirs. */
static const char *declines(const struct normative_problem *p)
{
  if (p->type != NORMATIVE_F32 || p->param_type != NORMATIVE_F32) return "f32 only";
  if (p->stat_type != NORMATIVE_F64) return "statistics are f64";
  if (p->norm != NORMATIVE_LAYERNORM && p->norm != NORMATIVE_RMSNORM && p->norm != NORMATIVE_BATCHNORM) return "not this norm";
  if (p->eps_place != NORMATIVE_EPS_INSIDE) return "eps inside the root only";
  if (p->affine != NORMATIVE_AFFINE_CHANNEL) return "gamma and beta per channel only";
  if (p->casts != NORMATIVE_CAST_ONCE) return "one rounding, at the store";
  if (p->residual) return "no residual";
  if (p->mode == NORMATIVE_EVALUATION && !p->running) return "evaluation needs running statistics";
  return NULL;
}

struct call { struct normative_problem p; int threads; };

static int prepare(const struct normative_problem *p, int threads, void **state, uint64_t *workspace_bytes)
{
  struct call *call = malloc(sizeof *call);
  if (!call) return -1;
  *call = (struct call){*p, threads};
  *state = call;
  *workspace_bytes = 0;
  return 0;
}

static size_t reference_work(const struct normative_problem *p)
{
  bool backward = p->direction == NORMATIVE_BACKWARD;
  switch (p->norm) {
  case NORMATIVE_LAYERNORM: return backward ? ref_layernorm_backward_work(p->n, p->c) : ref_layernorm_work(p->n, p->c);
  case NORMATIVE_RMSNORM: return backward ? ref_rmsnorm_backward_work(p->n, p->c) : ref_rmsnorm_work(p->n, p->c);
  default: return backward ? ref_batchnorm_backward_work(p->n, p->c, p->s) : ref_batchnorm_work(p->n, p->c, p->s);
  }
}

static int reference_open(const struct normative_problem *p, int threads, void **state, uint64_t *workspace_bytes)
{
  int bad = prepare(p, threads, state, workspace_bytes);
  *workspace_bytes = reference_work(p) * sizeof(double);
  return bad;
}

#define LIB(name) ref_##name
#define TYPED(name) reference_##name
#define LAST workspace
#include "builtin.inc"
#undef LIB
#undef TYPED
#undef LAST
#define LIB(name) opt_##name
#define TYPED(name) optimized_##name
#define LAST call->threads
#include "builtin.inc"

#define EVERY_OUTPUT (NORMATIVE_OUT_Y | NORMATIVE_OUT_MEAN | NORMATIVE_OUT_RSTD | NORMATIVE_OUT_RUNNING | NORMATIVE_OUT_PARAMS)
static const struct normative_plugin reference = {
  .abi = NORMATIVE_ABI, .outputs = EVERY_OUTPUT, .size = sizeof reference, .name = "reference", .version = "0.1.0",
  .preset = "f64-two-pass", .supports = declines, .open = reference_open, .run = reference_run, .close = free};
static const struct normative_plugin optimized = {
  .abi = NORMATIVE_ABI, .outputs = EVERY_OUTPUT, .size = sizeof optimized, .name = "optimized", .version = "0.1.0",
  .preset = "f64-stats", .supports = declines, .open = prepare, .run = optimized_run, .close = free};

static const struct { const char *group; const struct normative_plugin *plugin; } kernels[] = {
  {"reference", &reference}, {"optimized", &optimized}};

const struct normative_plugin *builtin_find(const char *name)
{
  for (size_t i = 0; i < sizeof kernels / sizeof *kernels; ++i)
    if (!strcmp(kernels[i].plugin->name, name)) return kernels[i].plugin;
  return specimen_find(name);
}

int builtin_group(const char *group, int (*each)(const char *name, void *arg), void *arg)
{
  if (!strcmp(group, "specimens")) return specimen_each(each, arg);
  for (size_t i = 0; i < sizeof kernels / sizeof *kernels; ++i)
    if (!strcmp(kernels[i].group, group)) return each(kernels[i].plugin->name, arg);
  return -1;
}
