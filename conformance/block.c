/* SPDX-License-Identifier: Apache-2.0
   Errors, scales and features of elements.

   Why doubles do: err comes from the exact value's upper 128 bits in long double, relative error below 2^-50; the sum over
   features has nonnegative terms, error below 2^-49; coefficients are multiplied by 1 + 2^-38, so an honest result is never
   outside. What is shown is computed again in MPFR. */
#include "block.h"
#include "ulps.h"
#include <math.h>
#include <string.h>

bool of_elements(enum slot slot) { return slot == SLOT_Y || slot == SLOT_SUM || slot == SLOT_DX; }
bool of_parameters(enum slot slot) { return slot == SLOT_DGAMMA || slot == SLOT_DBETA; }
bool of_lambdas(enum slot slot) { return slot == SLOT_DLAMBDA_MEAN || slot == SLOT_DLAMBDA_VAR; }
bool of_channels(enum slot slot) { return slot == SLOT_RUNNING_MEAN || slot == SLOT_RUNNING_VAR; }

/* Features are large and coefficients small or the other way round by the same factors: these keep both within double. */
static void dx_weights(const struct view *v, const struct group_truth *q, long double w[FEATURES])
{
  const long double r = q->rstd > 0 && q->rstd < INFINITY ? q->rstd : 1, lam = v->type->lam;
  const long double G = q->g_abs < INFINITY ? q->g_abs : 0, H = q->gx_abs < INFINITY ? q->gx_abs : 0, mu = fabsl(q->mu_hi);
  for (int k = 0; k < FEATURES; ++k) w[k] = lam;
  w[D_G] = r;
  w[D_ONE] = fmaxl(r * G, lam);
  w[D_D] = w[D_X] = fmaxl(r * r * fmaxl(H, G * (1 + r * mu)), lam);
  w[D_Y] = 1;
}

void feature_weights(const struct view *v, const struct group_truth *q, long double w[FEATURES])
{
  if (v->backward) {
    dx_weights(v, q, w);
    return;
  }
  long double r = q->rstd > 0 && q->rstd < INFINITY ? q->rstd : 1;
  long double mean = q->mean_abs > 0 && q->mean_abs < INFINITY ? q->mean_abs : 1;
  w[F_GD] = w[F_GX] = r;
  w[F_G] = r * mean;
  w[F_D] = w[F_X] = w[F_ONE] = v->type->lam;
  w[F_Y] = w[F_B] = 1;
}

/* Element n of the block: the exact value, the scale, the features but for their weights; special if something that it is
   made of is not finite. */
static void put(const struct view *v, struct block *b, size_t n, size_t index, long double s, bool special,
                const long double feature[FEATURES], const long double weight[FEATURES])
{
  const struct wide *w = &v->exact->exact[index];
  long double high, low;
  b->index[n] = index;
  b->undecided[n] = w->kind == WIDE_UNDECIDED;
  b->special[n] = special = special || w->kind == WIDE_NAN || w->kind == WIDE_INF;
  b->nearest[n] = tensor_get(&v->exact->nearest, index);
  b->unit[n] = ulp_exponent(v->type, special ? 0 : s);
  const long double ulps = power2(-b->unit[n]);
  b->scale[n] = (double)((special || !(s > v->type->normal) ? v->type->normal : s) * ulps);
  for (int k = 0; k < FEATURES; ++k)
    b->f[k][n] = special || b->undecided[n] ? 0 : (double)(feature[k] * weight[k] * ulps);
  b->err[n] = 0;
  if (!v->out || b->undecided[n]) return;
  double got = b->got[n] = tensor_get(v->out, index);
  wide_split(w, &high, &low);
  b->err[n] = special ? (same_value(got, b->nearest[n]) ? 0 : INFINITY) : (double)(distance(v->type, got, high, low) * ulps);
}

static const long double only_one[FEATURES] = {[F_ONE] = 1};

/* ---- y ---- */

static double parameter(const struct view *v, enum slot slot, size_t i, double absent)
{
  return v->in->t[slot].data ? tensor_get(&v->in->t[slot], i) : absent;
}

long double absolute_exact(const struct wide *w)
{
  long double high, low;
  if (w->kind != WIDE_FINITE) return 0;
  wide_split(w, &high, &low);
  return fabsl(high + low);
}

/* spread: sigma rstd of the group, of norms that subtract its own mean, else 0. */
static void put_y(const struct view *v, struct block *b, size_t i, size_t j, long double spread,
                  const long double weight[FEATURES])
{
  const struct group_truth *q = &v->truth->group[b->group];
  long double x = tensor_get(&v->in->t[SLOT_X], i);
  double gamma = parameter(v, SLOT_GAMMA, j, 1);
  double beta = parameter(v, SLOT_BETA, j, 0);
  if (v->in->t[SLOT_RESIDUAL].data) x += tensor_get(&v->in->t[SLOT_RESIDUAL], i);
  long double f[FEATURES], g = fabsl((long double)gamma + plus_one(v->p)), y = absolute_exact(&v->exact->exact[i]);
  f[F_ONE] = 1;
  f[F_G] = g;
  f[F_X] = fabsl(x);
  f[F_GX] = g * f[F_X];
  f[F_D] = v->centred ? fabsl(x - q->mu_hi - q->mu_lo) : f[F_X];
  f[F_GD] = g * f[F_D];
  f[F_Y] = y;
  f[F_B] = fabs(beta);
  long double s = y > f[F_B] ? y : f[F_B];
  if (v->slot == SLOT_SUM) s = y;
  else s = fmaxl(s, g * fmaxl(spread, v->cache->scales ? switch_scale_y(v->cache->scales, v->truth, b->group, x) : 0));
  put(v, b, b->n++, i, s, !q->finite || !isfinite(x) || !isfinite(gamma) || !isfinite(beta), f, weight);
}

static void put_dx(const struct view *v, struct block *b, size_t i, size_t j, const long double weight[FEATURES]);

size_t fill_elements(const struct view *v, struct block *b, const struct runs *r, size_t k)
{
  long double weight[FEATURES];
  size_t end = r->outer * r->inner, o = k / r->inner, i = k % r->inner;
  const struct group_truth *q = &v->truth->group[b->group];
  bool own_mean = !v->evaluation && v->centred && q->finite && q->rstd < INFINITY;
  long double spread = own_mean ? sqrtl(q->sigma2) * q->rstd : 0;
  feature_weights(v, q, weight);
  for (b->n = 0; b->n < BLOCK && k < end; ++k) {
    size_t at = r->base + o * r->outer_stride + i * r->inner_stride, j = r->param + o * r->param_outer + i * r->param_inner;
    if (v->backward) put_dx(v, b, at, j, weight);
    else put_y(v, b, at, j, spread, weight);
    if (++i == r->inner) {
      i = 0;
      ++o;
    }
  }
  return k;
}

/* ---- dx ---- */

/* Evaluation: dx is gamma dy r, whatever x is. */
static void put_dx(const struct view *v, struct block *b, size_t i, size_t j, const long double weight[FEATURES])
{
  const struct group_truth *q = &v->truth->group[b->group];
  const long double x = v->evaluation ? 0 : tensor_get(&v->in->t[SLOT_X], i), dx = absolute_exact(&v->exact->exact[i]);
  const long double gamma = fabsl((long double)parameter(v, SLOT_GAMMA, j, 1) + plus_one(v->p)), r = q->rstd;
  long double f[FEATURES] = {0}, s = dx;
  f[D_ONE] = 1;
  f[D_Y] = dx;
  f[D_GAMMA] = gamma;
  f[D_G] = gamma * fabsl((long double)tensor_get(&v->in->t[SLOT_DY], i));
  f[D_X] = fabsl(x);
  if (!v->evaluation) {
    f[D_D] = v->centred ? fabsl(x - q->mu_hi - q->mu_lo) : f[D_X];
    if (v->cache->scales) s = fmaxl(s, switch_scale_dx(v->cache->scales, v->p, v->truth, b->group, x, f[D_G]));
    else s = fmaxl(s, r * fmaxl(f[D_G], fmaxl(q->g_abs, r * f[D_D] * q->gx_abs * q->factor)));
  }
  f[D_GAMMA_D] = gamma * f[D_D];
  const size_t n = b->n++;
  put(v, b, n, i, s, false, f, weight);
  /* IEEE leaves it to the order of the operations whether an infinite mean makes NaN of dx or an infinity of either sign. */
  bool any = !v->evaluation && (v->p->given || (q->finite && !gradient_finite(v, b->group)));
  if (v->out && any && b->special[n] && !isfinite(b->got[n]) && !isfinite(b->nearest[n])) b->err[n] = 0;
}

/* ---- gradients of parameters ---- */

void fill_parameters(const struct view *v, struct block *b, size_t first)
{
  b->group = 0;
  for (b->n = 0; b->n < BLOCK && first + b->n < v->exact->count; ++b->n) {
    const size_t j = first + b->n;
    const struct param_truth *q = &v->truth->param[j];
    const long double exact = absolute_exact(&v->exact->exact[j]);
    const bool dgamma = v->slot == SLOT_DGAMMA && q->dyx_norm < INFINITY; /* else xhat is 1 or so where it is finite */
    long double norm = dgamma ? q->dyx_norm : q->dy_norm;
    if (dgamma && v->cache->scales) norm = fmaxl(norm, v->cache->scales->dgamma[j]);
    put(v, b, b->n, j, norm < INFINITY ? fmaxl(exact, norm) : exact, false, only_one, only_one);
    if (v->out && b->special[b->n] && !isfinite(b->got[b->n]) && !isfinite(b->nearest[b->n])) b->err[b->n] = 0;
  }
}

void fill_lambdas(const struct view *v, struct block *b)
{
  const long double *norm = v->cache->scales->dlambda[v->slot == SLOT_DLAMBDA_VAR];
  b->group = 0;
  for (b->n = 0; b->n < v->truth->sw->lambdas; ++b->n) {
    const long double exact = absolute_exact(&v->exact->exact[b->n]);
    put(v, b, b->n, b->n, norm[b->n] < INFINITY ? fmaxl(exact, norm[b->n]) : exact, false, only_one, only_one);
    if (v->out && b->special[b->n] && !isfinite(b->got[b->n]) && !isfinite(b->nearest[b->n])) b->err[b->n] = 0;
  }
}

/* ---- statistics: a block of one ---- */

/* put, of a statistic of scale s; of a mean that cannot be finite, NaN is as good as an infinity. */
static void put_statistic(const struct view *v, struct block *b, size_t index, long double s, bool finite)
{
  bool any = v->slot == SLOT_MEAN || v->slot == SLOT_RUNNING_MEAN;
  b->n = 1;
  put(v, b, 0, index, finite ? s : 0, !finite, only_one, only_one);
  if (v->out && any && b->special[0] && !isfinite(b->got[0]) && !isfinite(b->nearest[0])) b->err[0] = 0;
}

void fill_statistic(const struct view *v, struct block *b)
{
  const struct group_truth *q = &v->truth->group[b->group];
  long double s = absolute_exact(&v->exact->exact[b->group]);
  if (v->slot == SLOT_MEAN) s = fmaxl(fabsl(q->mu_hi), sqrtl(q->sigma2));
  if (v->slot == SLOT_VARIANCE) s = fmaxl(s, 1 / (q->rstd * q->rstd)); /* sigma2 + eps: what it is good for */
  put_statistic(v, b, b->group, s, q->finite);
}

void fill_running(const struct view *v, struct block *b, const struct channel *c)
{
  const long double w = momentum_weight(v->p), old = fabs(tensor_get(&v->in->t[v->slot], b->group));
  const long double batch = v->slot == SLOT_RUNNING_MEAN ? fmaxl(c->mean, c->sigma) : c->var;
  const long double s = fmaxl(absolute_exact(&v->exact->exact[b->group]), fmaxl(fabsl(1 - w) * old, w * batch));
  put_statistic(v, b, b->group, s, c->finite);
}
