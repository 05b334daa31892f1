/* SPDX-License-Identifier: Apache-2.0
   What happens inside a group of doubles, by the names that the bodies of the norms use (direct.h): in wide arithmetic. */
#ifndef NORMATIVE_WIDE_NAMES_H
#define NORMATIVE_WIDE_NAMES_H
#include "wide_core.h"

#define STATISTICS struct wide_statistics
#define CENTRED(d, m, eps) wide_centred(d, m, eps)
#define RMS(d, m, eps) wide_rms(d, m, eps)
#define SAVED(d, m, mean, rstd) wide_saved(mean, rstd)
#define MEAN(s) wide_mean(s)
#define VAR(s) wide_var(s)
#define RSTD(s) wide_rstd(s)
#define SAVE_RUNNING(running_mean, running_var, k, s, m, momentum, rule, estimator) \
  wide_save_running(running_mean, running_var, k, s, m, momentum, rule, estimator)
#define NORMALISE(d, s, m) ((void)0)
#define XHAT(x, m, r) (x) /* in contracts: what d holds then */
#define APPLY(d, s, gamma, beta, g) wide_apply(d, s, gamma, beta, g)
#define NO_GRADIENT(sum, rest, n) wide_no_gradient(sum, rest, n)
#define ADD_DBETA(sum, rest, d, g) wide_add_dbeta(sum, rest, d, g)
#define ADD_DGAMMA(sum, rest, d, h, s, g) wide_add_dgamma(sum, rest, d, h, s, g)
#define GRADIENT_OF(sum, rest, p) wide_gradient_of(sum, rest, p)
/* in contracts: entry p; what is so of n entries between groups */
#define ENTRY(sum, rest, p) WideEntry(sum,rest,p)
#define SUMS(sum, rest, n) \valid_read((rest) + ((rest)-(sum)) + (0..(n)-1))
#define CENTRED_GRADIENT(d, h, s, gamma, g, m) wide_gradient(d, h, s, gamma, g, m, 1)
#define RMS_GRADIENT(d, h, s, gamma, g, m) wide_gradient(d, h, s, gamma, g, m, 0)
#endif
