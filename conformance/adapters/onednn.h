/* SPDX-License-Identifier: Apache-2.0
   oneDNN as a plug-in, the part that versions 2 and 3 of its C API share: LayerNorm and BatchNorm, forward and backward, of
   f32, and where the processor has arithmetic for them f16 and bf16, with parameters and statistics of f32. onednn.c and
   onednn3.c include it, and define what is declared below. (Group normalization came with 3.3.)

   LayerNorm: rows x cols as dnnl_ab, over channels those of a channels-last tensor. BatchNorm: N x C x S as dnnl_nchw or
   dnnl_nhwc of sizes N, C, S, 1; in training the batch's statistics, in evaluation the given ones (dnnl_use_global_stats).
   oneDNN saves the variance: where rstd is asked, 1/sqrt(variance + eps) is formed here, in double and rounded once, so its
   error is that of the variance. Backward takes a mean and a variance: the given ones, or those of a forward run before it,
   untimed; a given rstd does not determine the latter and is declined. oneDNN knows no running statistics:
   NORMATIVE_OUT_RUNNING is not among the outputs. */
#include "normative_plugin.h"
#include <dnnl.h>
#include <math.h>
#include <omp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SRC, DST, MEAN, VARIANCE, SCALE, SHIFT, DIFF_SRC, DIFF_DST, DIFF_SCALE, DIFF_SHIFT, BUFFERS };
static const int argument[BUFFERS] = {
  DNNL_ARG_SRC,   DNNL_ARG_DST,      DNNL_ARG_MEAN,     DNNL_ARG_VARIANCE,   DNNL_ARG_SCALE,
  DNNL_ARG_SHIFT, DNNL_ARG_DIFF_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_SCALE, DNNL_ARG_DIFF_SHIFT};

struct state {
  dnnl_engine_t engine;
  dnnl_stream_t stream;
  dnnl_primitive_t forward, backward;
  dnnl_memory_t memory[BUFFERS]; /* without data: execute() lends the caller's */
  void *y;                       /* backward: y of the forward run before it, */
  float *saved, *beta;           /* its mean and variance, zeros for its beta */
  size_t groups;                 /* entries of mean and variance */
  float eps;
  int threads;
  bool batch, evaluation, has_gamma, has_beta;
};

/* ---- per version ---- */
typedef struct { dnnl_memory_desc_t d; } description;
static dnnl_status_t describe(description *d, int ndims, const dnnl_dim_t *sizes, dnnl_data_type_t type, dnnl_format_tag_t tag);
static void forget(description *d);
static dnnl_status_t make_memory(dnnl_memory_t *memory, const description *d, dnnl_engine_t engine);
static const bool batch_backward_takes_beta; /* although nothing depends on it; LayerNorm's always does */
/* hint NULL: forward; else backward of that forward */
static dnnl_status_t make_primitive_desc(dnnl_primitive_desc_t *made, const struct state *s, dnnl_prop_kind_t kind,
                                         unsigned flags, const description *data, const description *stats,
                                         const_dnnl_primitive_desc_t hint);

static const char *wrong_version(void)
{
  static char text[96];
  const dnnl_version_t *v = dnnl_version();
  if (v->major == DNNL_VERSION_MAJOR && v->minor == DNNL_VERSION_MINOR) return NULL;
  snprintf(text, sizeof text, "oneDNN %d.%d is installed, the adapter is built for %d.%d", v->major, v->minor,
           DNNL_VERSION_MAJOR, DNNL_VERSION_MINOR);
  return text;
}

static bool is_open(const struct normative_problem *p);

static const char *supports(const struct normative_problem *p)
{
  bool channels = p->norm == NORMATIVE_LAYERNORM_CHANNELS;
  if (wrong_version()) return wrong_version();
  if (p->norm != NORMATIVE_LAYERNORM && p->norm != NORMATIVE_BATCHNORM && !channels) return "only LayerNorm and BatchNorm";
  if (channels && p->layout == NORMATIVE_NCS) return "LayerNorm is over the last size";
  if (p->type == NORMATIVE_F64) return "no f64";
  if (p->param_type != NORMATIVE_F32) return "gamma and beta are f32";
  if (p->device || p->strides[0]) return "only contiguous tensors of the host";
  if (p->residual) return "no fused residual";
  if (p->eps_place != NORMATIVE_EPS_INSIDE) return "eps is inside of the root";
  if (p->affine != NORMATIVE_AFFINE_CHANNEL) return "gamma and beta are per channel or column";
  if (p->casts != NORMATIVE_CAST_ONCE) return "casts once";
  if ((double)(float)p->eps != p->eps) return "eps is a float";
  if (!p->n || !p->c || !p->s) return "no empty tensors";
  if (p->given && p->saved == NORMATIVE_SAVED_RSTD) return "backward takes a variance, no rstd";
  if (p->stat_type != NORMATIVE_F32) return "statistics are f32";
  if (p->type != NORMATIVE_F32 && !is_open(p)) return "not of this type on this processor";
  return NULL;
}

/* ---- open and close ---- */

static dnnl_status_t make_primitives(struct state *s, bool backward, const description *data, const description *stats)
{
  unsigned flags = (s->has_gamma ? dnnl_use_scale : 0u) | (s->has_beta ? dnnl_use_shift : 0u) |
                   (s->evaluation ? dnnl_use_global_stats : 0u);
  dnnl_prop_kind_t kind = s->evaluation && !backward ? dnnl_forward_inference : dnnl_forward_training;
  dnnl_primitive_desc_t hint, made;
  dnnl_status_t status = make_primitive_desc(&hint, s, kind, flags, data, stats, NULL);
  if (status != dnnl_success) return status;
  status = dnnl_primitive_create(&s->forward, hint);
  if (status == dnnl_success && backward) {
    kind = s->has_gamma || s->has_beta ? dnnl_backward : dnnl_backward_data;
    status = make_primitive_desc(&made, s, kind, flags, data, stats, hint);
    if (status == dnnl_success) {
      status = dnnl_primitive_create(&s->backward, made);
      dnnl_primitive_desc_destroy(made);
    }
  }
  dnnl_primitive_desc_destroy(hint);
  return status;
}

/* Sizes {N, C, S, 1} or {rows, cols}; the statistics are per channel or per row. */
static dnnl_status_t create(struct state *s, const struct normative_problem *p)
{
  description d[3], *data = d, *stats = d + 1, *params = d + 2;
  const dnnl_dim_t sizes[4] = {(dnnl_dim_t)(s->batch ? p->n : s->groups), (dnnl_dim_t)p->c, (dnnl_dim_t)p->s, 1};
  dnnl_data_type_t type = p->type == NORMATIVE_F32 ? dnnl_f32 : p->type == NORMATIVE_F16 ? dnnl_f16 : dnnl_bf16;
  dnnl_format_tag_t tag = !s->batch ? dnnl_ab : p->layout == NORMATIVE_NSC ? dnnl_nhwc : dnnl_nchw;
  memset(d, 0, sizeof d);
  dnnl_status_t status = describe(data, s->batch ? 4 : 2, sizes, type, tag);
  if (status == dnnl_success) status = describe(stats, 1, sizes + s->batch, dnnl_f32, dnnl_a);
  if (status == dnnl_success) status = describe(params, 1, sizes + 1, dnnl_f32, dnnl_a);
  if (status == dnnl_success) status = dnnl_engine_create(&s->engine, dnnl_cpu, 0);
  if (status == dnnl_success) status = dnnl_stream_create(&s->stream, s->engine, dnnl_stream_default_flags);
  if (status == dnnl_success) status = make_primitives(s, p->direction == NORMATIVE_BACKWARD, data, stats);
  const description *shape[BUFFERS] = {data, data, stats, stats, params, params, data, data, params, params};
  for (int i = 0; i < BUFFERS && status == dnnl_success; ++i) status = make_memory(&s->memory[i], shape[i], s->engine);
  for (int i = 0; i < 3; ++i) forget(&d[i]);
  return status;
}

static void close_state(void *state)
{
  struct state *s = state;
  for (int i = 0; i < BUFFERS; ++i) dnnl_memory_destroy(s->memory[i]);
  dnnl_primitive_destroy(s->forward);
  dnnl_primitive_destroy(s->backward);
  dnnl_stream_destroy(s->stream);
  dnnl_engine_destroy(s->engine);
  free(s->y);
  free(s->saved);
  free(s->beta);
  free(s);
}

/* The workspace holds a mean and a variance for callers who want none. */
static int open_state(const struct normative_problem *p, int threads, void **state, uint64_t *workspace_bytes)
{
  struct state *s = calloc(1, sizeof *s);
  if (!s) return dnnl_out_of_memory;
  s->batch = p->norm == NORMATIVE_BATCHNORM;
  s->groups = s->batch ? p->c : p->n * p->s;
  s->eps = (float)p->eps;
  s->threads = threads;
  s->evaluation = p->mode == NORMATIVE_EVALUATION && p->running;
  s->has_gamma = p->has_gamma;
  s->has_beta = p->has_beta;
  omp_set_num_threads(threads); /* the primitive is cut for this many */
  dnnl_status_t status = create(s, p);
  if (status == dnnl_success && s->backward) {
    s->y = malloc(p->n * p->c * p->s * sizeof(float));
    s->saved = malloc(2 * s->groups * sizeof *s->saved);
    s->beta = calloc(p->c, sizeof *s->beta);
    if (!s->y || !s->saved || !s->beta) status = dnnl_out_of_memory;
  }
  if (status != dnnl_success) {
    close_state(s);
    return status;
  }
  *state = s;
  *workspace_bytes = 2 * s->groups * sizeof(float);
  return 0;
}

static bool is_open(const struct normative_problem *p)
{
  void *state = NULL;
  uint64_t bytes;
  if (open_state(p, 1, &state, &bytes)) return false;
  close_state(state);
  return true;
}

/* ---- run ---- */

/* Lends the buffers that are there. oneDNN does not write what it only reads: casts to it drop a const. */
static dnnl_status_t execute(const struct state *s, dnnl_primitive_t primitive, void *const data[BUFFERS])
{
  dnnl_exec_arg_t arguments[BUFFERS];
  int count = 0;
  omp_set_num_threads(s->threads); /* somebody else may have run in between */
  for (int i = 0; i < BUFFERS; ++i) {
    if (!data[i]) continue;
    dnnl_status_t status = dnnl_memory_set_data_handle(s->memory[i], data[i]);
    if (status != dnnl_success) return status;
    arguments[count++] = (dnnl_exec_arg_t){argument[i], s->memory[i]};
  }
  dnnl_status_t status = dnnl_primitive_execute(primitive, s->stream, count, arguments);
  return status == dnnl_success ? dnnl_stream_wait(s->stream) : status;
}

static int run_forward(const struct state *s, const struct normative_tensors *t, void *y, float *mean, float *variance,
                       const void *beta)
{
  void *const data[BUFFERS] = {(void *)t->x, y, mean, variance, (void *)t->gamma, (void *)beta};
  return execute(s, s->forward, data);
}

/* The statistics of backward that none gives. */
static int import_tensors(void *state, const struct normative_tensors *t)
{
  struct state *s = state;
  if (!s->backward || s->evaluation || t->given_variance) return 0;
  return run_forward(s, t, s->y, s->saved, s->saved + s->groups, s->has_beta ? s->beta : NULL);
}

static int run(void *state, const struct normative_tensors *t, void *workspace)
{
  struct state *s = state;
  float *spare = s->saved ? s->saved : workspace, *mean = t->mean ? t->mean : spare;
  float *variance = t->variance ? t->variance : t->rstd ? t->rstd : spare + s->groups;
  if (t->given_variance) mean = (float *)t->given_mean, variance = (float *)t->given_variance;
  if (s->evaluation) mean = t->running_mean, variance = t->running_var;
  if (s->backward) {
    float *beta = s->has_beta && (!s->batch || batch_backward_takes_beta) ? s->beta : NULL;
    void *const data[BUFFERS] = {(void *)t->x, NULL,  mean,          variance,  (void *)t->gamma,
                                 beta,         t->dx, (void *)t->dy, t->dgamma, t->dbeta};
    return execute(s, s->backward, data);
  }
  int status = run_forward(s, t, t->y, mean, variance, t->beta);
  if (status || !t->rstd) return status;
  for (size_t g = 0; g < s->groups; ++g) variance[g] = (float)(1 / sqrt((double)variance[g] + s->eps));
  return 0;
}

static const struct normative_plugin *plugin_named(const char *name)
{
  static char version[32];
  static struct normative_plugin plugin = {
    .abi = NORMATIVE_ABI,
    .outputs = NORMATIVE_OUT_Y | NORMATIVE_OUT_MEAN | NORMATIVE_OUT_RSTD | NORMATIVE_OUT_VARIANCE | NORMATIVE_OUT_PARAMS,
    .size = sizeof plugin,
    .version = version,
    .supports = supports,
    .open = open_state,
    .import_tensors = import_tensors,
    .run = run,
    .close = close_state,
  };
  const dnnl_version_t *v = dnnl_version();
  snprintf(version, sizeof version, "%d.%d.%d", v->major, v->minor, v->patch);
  plugin.name = name;
  return &plugin;
}
