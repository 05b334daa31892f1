/* SPDX-License-Identifier: Apache-2.0
   BatchNorm forward, training and evaluation: a group is a channel. Formulas, shapes, sources: normative.h. Errors: door.h. */
#include "contiguous.h"
#include "door.h"
#include "running.h"
#include "strided.h"
#include "threads.h"

struct channels {
  float *y;
  double *mean, *rstd, *running_mean, *running_var;
  const float *x, *gamma, *beta;
  const double *given_mean, *given_var; /* evaluation; NULL in training */
  size_t n, c, s;
  double eps, momentum;
  normative_momentum rule;
  normative_estimator estimator;
  int threads; /* that share one channel, or one strip of channels */
};

/* Saves the batch's statistics of channel k and lets the running ones take them in. */
static void save_channel(const struct channels *a, size_t k, double mean, double var, double rstd)
{
  if (a->mean) a->mean[k] = mean;
  if (a->rstd) a->rstd[k] = rstd;
  if (!a->running_mean) return;
  double estimate = estimated_variance(var, a->n * a->s, a->estimator);
  a->running_mean[k] = running_update(a->running_mean[k], mean, a->momentum, a->rule);
  a->running_var[k] = running_update(a->running_var[k], estimate, a->momentum, a->rule);
}

/* Layout ncs: channel k is n runs of s. */
static void one_channel(void *arg, size_t k)
{
  const struct channels *a = arg;
  const float *x = a->x + k * a->s;
  struct block b = {a->n, a->s, a->c * a->s};
  struct statistics t = a->given_mean ? given_statistics(a->given_mean[k], a->given_var[k], a->eps)
                                      : opt_contiguous_centred(x, b, a->eps, a->threads);
  opt_contiguous_apply(a->y + k * a->s, x, b, t, a->gamma ? (double)a->gamma[k] : 1.0,
                       a->beta ? (double)a->beta[k] : 0.0, a->threads);
  if (!a->given_mean) save_channel(a, k, t.m + t.c, t.var, t.rstd);
}

static void given_strip(struct strip *t, const double *mean, const double *var, size_t cols, double eps)
{
  for (size_t j = 0; j < cols; j++) {
    struct statistics one = given_statistics(mean[j], var[j], eps);
    t->m[j] = one.m;
    t->c[j] = one.c;
    t->rstd[j] = one.rstd;
  }
}

/* Layout nsc: strip i of adjacent channels, n*s rows. */
static void one_strip(void *arg, size_t i)
{
  const struct channels *a = arg;
  const size_t k = i * STRIP, cols = a->c - k < STRIP ? a->c - k : STRIP;
  struct block b = {a->n * a->s, cols, a->c};
  struct strip t;
  if (a->given_mean)
    given_strip(&t, a->given_mean + k, a->given_var + k, cols, a->eps);
  else
    opt_strided_centred(&t, a->x + k, b, a->eps, a->threads);
  opt_strided_apply(a->y + k, a->x + k, b, &t, a->gamma ? a->gamma + k : NULL, a->beta ? a->beta + k : NULL, a->threads);
  if (!a->given_mean)
    for (size_t j = 0; j < cols; j++) save_channel(a, k + j, t.m[j] + t.c[j], t.var[j], t.rstd[j]);
}

/* Threads share the channels or strips; where those are few, each of them. With s = 1 the layouts are one. */
static void all_channels(struct channels *a, normative_layout layout, int threads)
{
  int strips = layout == NORMATIVE_NSC || a->s == 1;
  size_t count = strips ? (a->c + STRIP - 1) / STRIP : a->c;
  threads = opt_threads(threads, a->n * a->c * a->s);
  int many = count >= (size_t)threads;
  a->threads = many ? 1 : threads;
  opt_parallel(count, many ? threads : 1, strips ? one_strip : one_channel, a);
}

normative_status opt_batchnorm_forward_f32(float *y, double *mean, double *rstd, double *running_mean,
                                           double *running_var, const float *x, const float *gamma, const float *beta,
                                           size_t n, size_t c, size_t s, normative_layout layout, double eps,
                                           double momentum, normative_momentum rule, normative_estimator estimator,
                                           int threads)
{
  normative_status status = door_batchnorm(y, mean, rstd, running_mean, running_var, x, gamma, beta, n, c, s, layout, eps,
                                           momentum, rule, estimator, NULL, 0, sizeof *y, sizeof *gamma);
  if (status != NORMATIVE_OK || n == 0 || c == 0 || s == 0) return status;
  struct channels a = {.y = y,
                       .mean = mean,
                       .rstd = rstd,
                       .running_mean = running_mean,
                       .running_var = running_var,
                       .x = x,
                       .gamma = gamma,
                       .beta = beta,
                       .n = n,
                       .c = c,
                       .s = s,
                       .eps = eps,
                       .momentum = momentum,
                       .rule = rule,
                       .estimator = estimator};
  all_channels(&a, layout, threads);
  return NORMATIVE_OK;
}

normative_status opt_batchnorm_eval_forward_f32(float *y, const float *x, const float *gamma, const float *beta,
                                                const double *running_mean, const double *running_var, size_t n,
                                                size_t c, size_t s, normative_layout layout, double eps, int threads)
{
  normative_status status = door_batchnorm_eval(y, x, gamma, beta, running_mean, running_var, n, c, s, layout, eps, NULL,
                                                0, sizeof *y, sizeof *gamma);
  if (status != NORMATIVE_OK || n == 0 || c == 0 || s == 0) return status;
  struct channels a = {.y = y,
                       .x = x,
                       .gamma = gamma,
                       .beta = beta,
                       .given_mean = running_mean,
                       .given_var = running_var,
                       .n = n,
                       .c = c,
                       .s = s,
                       .eps = eps};
  all_channels(&a, layout, threads);
  return NORMATIVE_OK;
}
