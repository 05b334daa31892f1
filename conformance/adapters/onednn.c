/* SPDX-License-Identifier: Apache-2.0
   oneDNN as a plug-in, through its C API (Debian's libdnnl-dev, version 2.6): LayerNorm and BatchNorm, forward, f32.

   LayerNorm: rows x cols as dnnl_ab. BatchNorm: N x C x S as dnnl_nchw or dnnl_nhwc of sizes N, C, S, 1; in training
   the batch's statistics, in evaluation the given ones (dnnl_use_global_stats).
   oneDNN saves the variance: rstd = 1/sqrt(variance + eps) is formed here, in double and rounded once, so its error is
   that of the variance. oneDNN knows no running statistics: NORMATIVE_OUT_RUNNING is not among the outputs. */
#include "normative_plugin.h"
#include <dnnl.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

enum { SRC, DST, MEAN, VARIANCE, SCALE, SHIFT, BUFFERS };
static const int argument[BUFFERS] = {DNNL_ARG_SRC,      DNNL_ARG_DST,   DNNL_ARG_MEAN,
                                      DNNL_ARG_VARIANCE, DNNL_ARG_SCALE, DNNL_ARG_SHIFT};

struct state {
  dnnl_engine_t engine;
  dnnl_stream_t stream;
  dnnl_primitive_t primitive;
  dnnl_memory_t memory[BUFFERS]; /* without data: run() lends the caller's */
  size_t groups;                 /* entries of mean and variance */
  float eps;
  int threads, evaluation, has_gamma, has_beta;
};

static const char *supports(const struct normative_problem *p)
{
  if (p->norm != NORMATIVE_LAYERNORM && p->norm != NORMATIVE_BATCHNORM) return "only LayerNorm and BatchNorm";
  if (p->direction != NORMATIVE_FORWARD) return "only forward";
  if (p->type != NORMATIVE_F32 || p->param_type != NORMATIVE_F32) return "only f32";
  if (p->stat_type != NORMATIVE_F32) return "statistics are f32";
  if (p->device || p->strides[0]) return "only contiguous tensors of the host";
  if (p->residual) return "no fused residual";
  if (p->eps_place != NORMATIVE_EPS_INSIDE) return "eps is inside of the root";
  if (p->affine != NORMATIVE_AFFINE_CHANNEL) return "gamma and beta are per channel";
  if (p->casts != NORMATIVE_CAST_ONCE) return "casts once";
  if ((double)(float)p->eps != p->eps) return "eps is a float";
  if (!p->n || !p->c || !p->s) return "no empty tensors";
  return NULL;
}

/* Descriptors of the data and of its statistics: {N, C, S, 1} or {rows, cols}. */
static dnnl_status_t describe(const struct normative_problem *p, dnnl_memory_desc_t *data, dnnl_memory_desc_t *stats)
{
  int batch = p->norm == NORMATIVE_BATCHNORM;
  const dnnl_dims_t dims = {(dnnl_dim_t)p->n, (dnnl_dim_t)p->c, (dnnl_dim_t)p->s, 1};
  dnnl_format_tag_t tag = !batch ? dnnl_ab : p->layout == NORMATIVE_NSC ? dnnl_nhwc : dnnl_nchw;
  dnnl_status_t status = dnnl_memory_desc_init_by_tag(data, batch ? 4 : 2, dims, dnnl_f32, tag);
  if (status != dnnl_success) return status;
  return dnnl_memory_desc_init_by_tag(stats, 1, dims + batch, dnnl_f32, dnnl_a);
}

/* The primitive that computes p. */
static dnnl_status_t create_primitive(struct state *s, const struct normative_problem *p, const dnnl_memory_desc_t *data,
                                      const dnnl_memory_desc_t *stats)
{
  unsigned flags = (p->has_gamma ? dnnl_use_scale : 0u) | (p->has_beta ? dnnl_use_shift : 0u) |
                   (s->evaluation ? dnnl_use_global_stats : 0u);
  dnnl_prop_kind_t kind = s->evaluation ? dnnl_forward_inference : dnnl_forward_training;
  dnnl_batch_normalization_desc_t batch;
  dnnl_layer_normalization_desc_t layer;
  dnnl_status_t status;
  const void *operation;
  if (p->norm == NORMATIVE_BATCHNORM) {
    status = dnnl_batch_normalization_forward_desc_init(&batch, kind, data, s->eps, flags);
    operation = &batch;
  } else {
    status = dnnl_layer_normalization_forward_desc_init(&layer, kind, data, stats, s->eps, flags);
    operation = &layer;
  }
  if (status != dnnl_success) return status;
  dnnl_primitive_desc_t description;
  status = dnnl_primitive_desc_create(&description, operation, NULL, s->engine, NULL);
  if (status != dnnl_success) return status;
  status = dnnl_primitive_create(&s->primitive, description);
  dnnl_primitive_desc_destroy(description);
  return status;
}

static dnnl_status_t create(struct state *s, const struct normative_problem *p)
{
  dnnl_memory_desc_t data, stats, params;
  const dnnl_dims_t channels = {(dnnl_dim_t)p->c};
  dnnl_status_t status = describe(p, &data, &stats);
  if (status == dnnl_success) status = dnnl_memory_desc_init_by_tag(&params, 1, channels, dnnl_f32, dnnl_a);
  if (status == dnnl_success) status = dnnl_engine_create(&s->engine, dnnl_cpu, 0);
  if (status == dnnl_success) status = dnnl_stream_create(&s->stream, s->engine, dnnl_stream_default_flags);
  if (status == dnnl_success) status = create_primitive(s, p, &data, &stats);
  const dnnl_memory_desc_t *shape[BUFFERS] = {&data, &data, &stats, &stats, &params, &params};
  for (int i = 0; i < BUFFERS && status == dnnl_success; ++i)
    status = dnnl_memory_create(&s->memory[i], shape[i], s->engine, DNNL_MEMORY_NONE);
  return status;
}

static void close_state(void *state)
{
  struct state *s = state;
  for (int i = 0; i < BUFFERS; ++i) dnnl_memory_destroy(s->memory[i]);
  dnnl_primitive_destroy(s->primitive);
  dnnl_stream_destroy(s->stream);
  dnnl_engine_destroy(s->engine);
  free(s);
}

/* The workspace holds a mean and a variance for callers who want none. */
static int open_state(const struct normative_problem *p, int threads, void **state, uint64_t *workspace_bytes)
{
  struct state *s = calloc(1, sizeof *s);
  if (!s) return dnnl_out_of_memory;
  s->groups = p->norm == NORMATIVE_BATCHNORM ? p->c : p->n;
  s->eps = (float)p->eps;
  s->threads = threads;
  s->evaluation = p->mode == NORMATIVE_EVALUATION && p->running;
  s->has_gamma = p->has_gamma != 0;
  s->has_beta = p->has_beta != 0;
  omp_set_num_threads(threads); /* the primitive is cut for this many */
  dnnl_status_t status = create(s, p);
  if (status != dnnl_success) {
    close_state(s);
    return status;
  }
  *state = s;
  *workspace_bytes = 2 * s->groups * sizeof(float);
  return 0;
}

static int run(void *state, const struct normative_tensors *t, void *workspace)
{
  struct state *s = state;
  float *spare = workspace;
  float *mean = s->evaluation ? t->running_mean : t->mean ? t->mean : spare;
  float *variance = s->evaluation ? t->running_var : t->rstd ? t->rstd : spare + s->groups;
  /* oneDNN does not write what it only reads: the casts drop a const that its interface does not know */
  void *const data[BUFFERS] = {(void *)t->x, t->y, mean, variance, (void *)t->gamma, (void *)t->beta};
  const int used[BUFFERS] = {1, 1, 1, 1, s->has_gamma, s->has_beta};
  dnnl_exec_arg_t arguments[BUFFERS];
  int count = 0;
  omp_set_num_threads(s->threads); /* somebody else may have run in between */
  for (int i = 0; i < BUFFERS; ++i) {
    if (!used[i]) continue;
    dnnl_status_t status = dnnl_memory_set_data_handle(s->memory[i], data[i]);
    if (status != dnnl_success) return status;
    arguments[count++] = (dnnl_exec_arg_t){argument[i], s->memory[i]};
  }
  dnnl_status_t status = dnnl_primitive_execute(s->primitive, s->stream, count, arguments);
  if (status == dnnl_success) status = dnnl_stream_wait(s->stream);
  if (status != dnnl_success) return status;
  if (!s->evaluation && t->rstd)
    for (size_t g = 0; g < s->groups; ++g) variance[g] = (float)(1 / sqrt((double)variance[g] + s->eps));
  return 0;
}

const struct normative_plugin *normative_plugin(void)
{
  static char version[32];
  static const struct normative_plugin plugin = {
    .abi = NORMATIVE_ABI,
    .outputs = NORMATIVE_OUT_Y | NORMATIVE_OUT_MEAN | NORMATIVE_OUT_RSTD,
    .size = sizeof plugin,
    .name = "onednn",
    .version = version,
    .supports = supports,
    .open = open_state,
    .run = run,
    .close = close_state,
  };
  const dnnl_version_t *v = dnnl_version();
  snprintf(version, sizeof version, "%d.%d.%d", v->major, v->minor, v->patch);
  return &plugin;
}
