/* SPDX-License-Identifier: Apache-2.0
   A call of any norm, forward or backward, once its door is behind it: no size is 0. */
#ifndef NORMATIVE_CALL_H
#define NORMATIVE_CALL_H
#include "normative.h"
#include "type.h"

/* Which elements share statistics: the c elements of a row n (s = 1), k channels of a sample, a channel of all samples,
   all channels of a place. Groups are counted as mean and rstd are. */
enum map { ROWS, CHANNELS, BATCH, PLACES };

struct call {
  enum map map;
  size_t n, c, s, k;
  normative_layout layout;
  ELEMENT *y, *sum, *dx;
  const ELEMENT *x, *residual, *dy; /* residual NULL: none */
  PARAM *dgamma, *dbeta;
  const PARAM *gamma, *beta;
  double *mean, *rstd, *running_mean, *running_var;
  const double *saved_mean, *saved_rstd; /* backward, as forward saved them; NULL: from x */
  const double *given_mean, *given_var;  /* of every channel, evaluation (map BATCH); NULL in training */
  double eps, momentum;
  normative_momentum rule;
  normative_estimator estimator;
  int centred; /* 0: no mean is subtracted */
  int threads;
};

static inline double gamma_of(const struct call *a, size_t channel)
{
  return a->gamma ? PLOAD(a->gamma[channel]) : 1.0;
}
static inline double beta_of(const struct call *a, size_t channel)
{
  return a->beta ? PLOAD(a->beta[channel]) : 0.0;
}
#endif
