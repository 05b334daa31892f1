/* SPDX-License-Identifier: Apache-2.0
   BatchNorm backward, training and evaluation: a group is a channel. Formulas, shapes: normative.h. Errors: door.h. */
#include "contiguous.h"
#include "door.h"
#include "reduce.h"
#include "strided.h"
#include "threads.h"

struct channels {
  float *dx, *dgamma, *dbeta;
  const float *dy, *x, *gamma;
  const double *mean, *rstd;            /* as saved; NULL: from x */
  const double *given_mean, *given_var; /* evaluation; NULL in training */
  size_t n, c, s;
  double eps;
  int threads; /* that share one channel, or one strip of channels */
};

static void save_gradients(const struct channels *a, size_t k, struct products p, double rstd)
{
  if (a->dgamma) a->dgamma[k] = (float)(rstd * p.h);
  if (a->dbeta) a->dbeta[k] = (float)p.g;
}

static double gamma_of(const struct channels *a, size_t k) { return a->gamma ? (double)a->gamma[k] : 1.0; }

/* Layout ncs: channel k is n runs of s. */
static void training_channel(void *arg, size_t k)
{
  const struct channels *a = arg;
  const float *x = a->x + k * a->s, *dy = a->dy + k * a->s;
  struct block b = {a->n, a->s, a->c * a->s};
  struct statistics t = {0};
  struct products p;
  if (a->rstd) {
    t = saved_statistics(a->mean[k], a->rstd[k]);
    p = opt_contiguous_products(dy, x, NULL, b, t, a->threads);
  } else {
    p = opt_contiguous_centred_products(&t, dy, x, NULL, b, a->eps, a->threads);
  }
  save_gradients(a, k, p, t.rstd);
  struct line line = opt_line(t, gamma_of(a, k), p, (double)(a->n * a->s), 1);
  if (a->dx) opt_contiguous_gradient(a->dx + k * a->s, dy, x, b, line, a->threads);
}

/* dx without x: what is not finite in x stays out of it. */
static void evaluation_channel(void *arg, size_t k)
{
  const struct channels *a = arg;
  const float *dy = a->dy + k * a->s;
  struct block b = {a->n, a->s, a->c * a->s};
  struct statistics t = given_statistics(a->given_mean[k], a->given_var[k], a->eps), scale = {.rstd = t.rstd};
  if (a->dgamma || a->dbeta)
    save_gradients(a, k, opt_contiguous_products(dy, a->x + k * a->s, NULL, b, t, a->threads), t.rstd);
  if (a->dx) opt_contiguous_apply(a->dx + k * a->s, dy, b, scale, gamma_of(a, k), 0.0, a->threads);
}

static void saved_strip(struct strip *t, const double *mean, const double *rstd, size_t cols)
{
  for (size_t j = 0; j < cols; j++) {
    t->m[j] = mean[j];
    t->c[j] = 0.0;
    t->rstd[j] = rstd[j];
  }
}

/* Layout nsc: strip i of adjacent channels, n*s rows. */
static void training_strip(void *arg, size_t i)
{
  const struct channels *a = arg;
  const size_t k = i * STRIP, cols = a->c - k < STRIP ? a->c - k : STRIP;
  struct block b = {a->n * a->s, cols, a->c};
  struct strip t = {.m = {0}};
  struct products p[STRIP];
  struct line line[STRIP];
  if (a->rstd)
    saved_strip(&t, a->mean + k, a->rstd + k, cols);
  else
    opt_strided_centred(&t, a->x + k, b, a->eps, a->threads);
  opt_strided_products(p, a->dy + k, a->x + k, b, &t, a->threads);
  for (size_t j = 0; j < cols; j++) {
    struct statistics one = {.m = t.m[j], .c = t.c[j], .rstd = t.rstd[j]};
    save_gradients(a, k + j, p[j], one.rstd);
    line[j] = opt_line(one, gamma_of(a, k + j), p[j], (double)b.rows, 1);
  }
  if (a->dx) opt_strided_gradient(a->dx + k, a->dy + k, a->x + k, b, line, a->threads);
}

static void evaluation_strip(void *arg, size_t i)
{
  const struct channels *a = arg;
  const size_t k = i * STRIP, cols = a->c - k < STRIP ? a->c - k : STRIP;
  struct block b = {a->n * a->s, cols, a->c};
  struct strip t = {.m = {0}}, scale = {.m = {0}};
  for (size_t j = 0; j < cols; j++) {
    struct statistics one = given_statistics(a->given_mean[k + j], a->given_var[k + j], a->eps);
    t.m[j] = one.m;
    t.c[j] = 0.0;
    t.rstd[j] = scale.rstd[j] = one.rstd;
  }
  if (a->dgamma || a->dbeta) {
    struct products p[STRIP];
    opt_strided_products(p, a->dy + k, a->x + k, b, &t, a->threads);
    for (size_t j = 0; j < cols; j++) save_gradients(a, k + j, p[j], t.rstd[j]);
  }
  if (a->dx) opt_strided_apply(a->dx + k, a->dy + k, b, &scale, a->gamma ? a->gamma + k : NULL, NULL, a->threads);
}

/* Threads share the channels or strips; where those are few, each of them. With s = 1 the layouts are one. */
static void all_channels(struct channels *a, normative_layout layout, int threads)
{
  int strips = layout == NORMATIVE_NSC || a->s == 1;
  size_t count = strips ? (a->c + STRIP - 1) / STRIP : a->c;
  threads = opt_threads(threads, a->n * a->c * a->s);
  int many = count >= (size_t)threads;
  a->threads = many ? 1 : threads;
  void (*each)(void *, size_t) = a->given_var ? strips ? evaluation_strip : evaluation_channel
                                              : strips ? training_strip : training_channel;
  opt_parallel(count, many ? threads : 1, each, a);
}

/* Sums of nothing are 0. */
static normative_status no_gradients(const struct channels *a)
{
  for (size_t k = 0; k < a->c; k++) save_gradients(a, k, (struct products){0.0, 0.0}, 0.0);
  return NORMATIVE_OK;
}

normative_status opt_batchnorm_backward_f32(float *dx, float *dgamma, float *dbeta, const float *dy, const float *x,
                                            const float *gamma, const double *mean, const double *rstd, size_t n,
                                            size_t c, size_t s, normative_layout layout, double eps, int threads)
{
  normative_status status = door_batchnorm_backward(dx, dgamma, dbeta, dy, x, gamma, mean, rstd, n, c, s, layout, eps, NULL,
                                                    0, sizeof *x, sizeof *gamma);
  if (status != NORMATIVE_OK) return status;
  struct channels a = {.dx = dx, .dgamma = dgamma, .dbeta = dbeta, .dy = dy, .x = x, .gamma = gamma, .mean = mean,
                       .rstd = rstd, .n = n, .c = c, .s = s, .eps = eps};
  if (n == 0 || s == 0) return no_gradients(&a);
  all_channels(&a, layout, threads);
  return NORMATIVE_OK;
}

normative_status opt_batchnorm_eval_backward_f32(float *dx, float *dgamma, float *dbeta, const float *dy, const float *x,
                                                 const float *gamma, const double *running_mean,
                                                 const double *running_var, size_t n, size_t c, size_t s,
                                                 normative_layout layout, double eps, int threads)
{
  normative_status status = door_batchnorm_eval_backward(dx, dgamma, dbeta, dy, x, gamma, running_mean, running_var, n, c,
                                                         s, layout, eps, NULL, 0, sizeof *x, sizeof *gamma);
  if (status != NORMATIVE_OK) return status;
  struct channels a = {.dx = dx, .dgamma = dgamma, .dbeta = dbeta, .dy = dy, .x = x, .gamma = gamma,
                       .given_mean = running_mean, .given_var = running_var, .n = n, .c = c, .s = s, .eps = eps};
  if (n == 0 || s == 0) return no_gradients(&a);
  all_channels(&a, layout, threads);
  return NORMATIVE_OK;
}
