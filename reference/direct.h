/* SPDX-License-Identifier: Apache-2.0
   What happens inside a group, by the names that the bodies of the norms use, for types whose squares fit a double: the
   core, directly. f64 has its own (wide_names.h). */
#ifndef NORMATIVE_DIRECT_H
#define NORMATIVE_DIRECT_H
#include "core.h"
#include "door.h"
#include "gradient.h"
#include "group.h"
#include "running.h"
#include "wide_core.h"

/* Statistics of d[0..m-1], gathered; what is saved of them. */
#define STATISTICS struct statistics
#define CENTRED(d, m, eps) centred_statistics(d, m, eps)
#define RMS(d, m, eps) rms_statistics(d, m, eps)
#define SAVED(d, m, mean, rstd) saved_statistics(mean, rstd)
#define MEAN(s) ((s).m + (s).c)
#define VAR(s) ((s).var)
#define RSTD(s) ((s).rstd)
#define SAVE_RUNNING(running_mean, running_var, k, s, m, momentum, rule, estimator) \
  save_running(running_mean, running_var, k, MEAN(s), VAR(s), m, momentum, rule, estimator)

/* d <- xhat, d <- gamma xhat + beta */
#define NORMALISE(d, s, m) normalise(d, s, m)
#define APPLY(d, s, gamma, beta, g) TYPED(apply)(d, gamma, beta, g)

/* Sums of dy (in d) and dy xhat (h), and d <- dx from dy. */
#define NO_GRADIENT(sum, rest, n) no_gradient(sum, rest, n)
#define ADD_DBETA(sum, rest, d, g) add_dbeta(sum, rest, d, g)
#define ADD_DGAMMA(sum, rest, d, h, s, g) add_dgamma(sum, rest, d, h, g)
#define GRADIENT_OF(sum, rest, p) gradient_of(sum, rest, p)
/* in contracts: entry p; what is so of n entries between groups */
#define ENTRY(sum, rest, p) (sum)[p]
#define SUMS(sum, rest, n) Zero(rest,0,(n)-1)
#define CENTRED_GRADIENT(d, h, s, gamma, g, m) (TYPED(apply)(d, gamma, NULL, g), centred_gradient(d, h, (s).rstd, m))
#define RMS_GRADIENT(d, h, s, gamma, g, m) (TYPED(apply)(d, gamma, NULL, g), rms_gradient(d, h, (s).rstd, m))
#endif
