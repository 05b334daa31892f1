/* SPDX-License-Identifier: Apache-2.0
   The ways in which kernels compute dx in float. */
#include "specimens.h"

static float mean_of(const struct gradient *a) { return a->sum(a->t, a->m) / (float)a->m; }

/* xhat is formed; so does RMSNorm, without mean(g). */
void dx_by_xhat(const struct gradient *a)
{
  float c1 = 0, c2;
  for (size_t i = 0; i < a->m; ++i) a->t[i] = a->g[i];
  if (a->centred) c1 = mean_of(a);
  for (size_t i = 0; i < a->m; ++i) a->t[i] = a->g[i] * ((a->x[i] - a->mean) * a->rstd);
  c2 = mean_of(a);
  for (size_t i = 0; i < a->m; ++i) a->g[i] = a->rstd * (a->g[i] - c1 - (a->x[i] - a->mean) * a->rstd * c2);
}

/* Of d = x - mean, var = mean(d^2), rstd and y = d rstd, backwards; the mean's share is taken of all of it, which is right only
   where the mean is the group's own. */
void dx_by_chain_rule(const struct gradient *a)
{
  if (!a->own_mean) {
    dx_by_xhat(a);
    return;
  }
  for (size_t i = 0; i < a->m; ++i) a->t[i] = a->g[i] * (a->x[i] - a->mean);
  float drstd = a->sum(a->t, a->m), dvar = -0.5f * drstd * (a->rstd * a->rstd * a->rstd), share = 2 * dvar / (float)a->m;
  for (size_t i = 0; i < a->m; ++i) a->t[i] = a->g[i] = a->g[i] * a->rstd + (a->x[i] - a->mean) * share;
  float c1 = mean_of(a);
  for (size_t i = 0; i < a->m; ++i) a->g[i] -= c1;
}

/* b = (mean sum(g) - sum(g x)) rstd^3 / m, c = -b mean - sum(g) rstd / m. */
void dx_folded(const struct gradient *a)
{
  if (!a->centred) {
    dx_by_xhat(a);
    return;
  }
  for (size_t i = 0; i < a->m; ++i) a->t[i] = a->g[i] * a->x[i];
  float ds = a->sum(a->t, a->m), db = a->sum(a->g, a->m), r = a->rstd, scale = 1 / (float)a->m;
  float b = (db * a->mean - ds) * r * r * r * scale, c = -b * a->mean - db * r * scale;
  for (size_t i = 0; i < a->m; ++i) a->g[i] = r * a->g[i] + b * a->x[i] + c;
}

void dx_constant(const struct gradient *a)
{
  for (size_t i = 0; i < a->m; ++i) a->g[i] *= a->rstd;
}
