/* SPDX-License-Identifier: Apache-2.0
   The two libraries as plug-ins, and the built-in kernels by name. */
#include "builtin.h"
#include "problem.h"
#include "specimens.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Types of tensors and parameters, as function names end in them. */
enum suffix { F32, F64, F16, BF16, F16_F32, BF16_F32, SUFFIXES };

/* The suffix of a problem's types; SUFFIXES if no function has it. */
static enum suffix suffix_of(const struct normative_problem *p)
{
  if (p->param_type == p->type)
    return p->type == NORMATIVE_F32 ? F32 : p->type == NORMATIVE_F64 ? F64 : p->type == NORMATIVE_F16 ? F16 : BF16;
  if (p->param_type != NORMATIVE_F32) return SUFFIXES;
  return p->type == NORMATIVE_F16 ? F16_F32 : p->type == NORMATIVE_BF16 ? BF16_F32 : SUFFIXES;
}

static bool updates(const struct normative_problem *p)
{
  return p->running && p->mode == NORMATIVE_TRAINING && p->direction == NORMATIVE_FORWARD;
}

/* What normative.h leaves out; NULL if the problem is in it, for both libraries. */
static const char *declines(const struct normative_problem *p)
{
  if (suffix_of(p) == SUFFIXES) return "parameters have the tensor's type, or f32 beside f16 and bf16";
  if (p->stat_type != NORMATIVE_F64) return "statistics are f64";
  if (p->estimator == NORMATIVE_UNBIASED1 && updates(p) && problem_running_m(p) == 1)
    return "one element has no unbiased variance";
  if (p->eps_place != NORMATIVE_EPS_INSIDE) return "eps inside the root only";
  if (p->affine != NORMATIVE_AFFINE_CHANNEL) return "gamma and beta per channel or column";
  if (p->casts != NORMATIVE_CAST_ONCE) return "gamma xhat + beta, rounded once, at the store";
  if (p->saved != NORMATIVE_SAVED_RSTD) return "rstd is saved";
  if (p->repo) return "SwitchableNorm of the paper only";
  if (p->device) return "host memory only";
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

static size_t forward_work(const struct normative_problem *p)
{
  switch (p->norm) {
  case NORMATIVE_LAYERNORM: return ref_layernorm_work(p->n, p->c);
  case NORMATIVE_RMSNORM: return ref_rmsnorm_work(p->n, p->c);
  case NORMATIVE_INSTANCENORM:
    if (p->mode == NORMATIVE_EVALUATION) break;
    return ref_instancenorm_work(p->n, p->c, p->s);
  case NORMATIVE_LAYERNORM_CHANNELS: return ref_layernorm_channels_work(p->n, p->c, p->s);
  case NORMATIVE_GROUPNORM: return ref_groupnorm_work(p->n, p->c, p->s, p->groups);
  case NORMATIVE_SWITCHNORM: return ref_switchnorm_work(p->n, p->c, p->s);
  }
  return ref_batchnorm_work(p->n, p->c, p->s);
}

static size_t backward_work(const struct normative_problem *p)
{
  switch (p->norm) {
  case NORMATIVE_LAYERNORM: return ref_layernorm_backward_work(p->n, p->c);
  case NORMATIVE_RMSNORM: return ref_rmsnorm_backward_work(p->n, p->c);
  case NORMATIVE_INSTANCENORM:
    if (p->mode == NORMATIVE_EVALUATION) break;
    return ref_instancenorm_backward_work(p->n, p->c, p->s);
  case NORMATIVE_LAYERNORM_CHANNELS: return ref_layernorm_channels_backward_work(p->n, p->c, p->s);
  case NORMATIVE_GROUPNORM: return ref_groupnorm_backward_work(p->n, p->c, p->s, p->groups);
  case NORMATIVE_SWITCHNORM: return ref_switchnorm_backward_work(p->n, p->c, p->s);
  }
  return ref_batchnorm_backward_work(p->n, p->c, p->s);
}

static int reference_open(const struct normative_problem *p, int threads, void **state, uint64_t *workspace_bytes)
{
  int bad = prepare(p, threads, state, workspace_bytes);
  *workspace_bytes = (p->direction == NORMATIVE_BACKWARD ? backward_work(p) : forward_work(p)) * sizeof(double);
  return bad;
}

/* 2 without the batch's statistics. */
static inline size_t lambdas(const struct normative_problem *p) { return p->drop_bn ? 2 : 3; }

#define JOIN_(a, b, c) a##_##b##_##c
#define JOIN(a, b, c) JOIN_(a, b, c)
#define FN(name) JOIN(LIBRARY, name, SUFFIX)    /* ref_layernorm_forward_f32 */
#define TYPED(name) JOIN(name, LIBRARY, SUFFIX) /* forward_ref_f32 */

#define LIBRARY ref
#define LAST workspace
#include "builtin_types.inc"
#undef LIBRARY
#undef LAST

#define LIBRARY opt
#define LAST call->threads
#include "builtin_types.inc"

typedef int run_function(void *state, const struct normative_tensors *t, void *workspace);
static run_function *const reference_runs[SUFFIXES] = {run_ref_f32, run_ref_f64, run_ref_f16, run_ref_bf16, run_ref_f16_f32,
                                                       run_ref_bf16_f32};
static run_function *const optimized_runs[SUFFIXES] = {run_opt_f32, run_opt_f64, run_opt_f16, run_opt_bf16, run_opt_f16_f32,
                                                       run_opt_bf16_f32};

static int reference_run(void *state, const struct normative_tensors *t, void *workspace)
{
  return reference_runs[suffix_of(&((struct call *)state)->p)](state, t, workspace);
}

static int optimized_run(void *state, const struct normative_tensors *t, void *workspace)
{
  return optimized_runs[suffix_of(&((struct call *)state)->p)](state, t, workspace);
}

#define EVERY_OUTPUT (NORMATIVE_OUT_Y | NORMATIVE_OUT_MEAN | NORMATIVE_OUT_RSTD | NORMATIVE_OUT_RUNNING | \
                      NORMATIVE_OUT_PARAMS | NORMATIVE_OUT_SUM)
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
