/* SPDX-License-Identifier: Apache-2.0
   Which tensors a problem has, their types and shapes, and memory for them. */
#include "tensors.h"
#include "problem.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const slot_name[SLOT_COUNT] = {
  "x", "gamma", "beta", "residual", "dy", "given_mean", "given_rstd", "lambda_mean", "lambda_var", "running_mean",
  "running_var", "y", "mean", "rstd", "sum", "dx", "dgamma", "dbeta", "dlambda_mean", "dlambda_var",
  "given_variance", "variance"};

size_t type_size(enum normative_type type)
{
  switch (type) {
  case NORMATIVE_F64: return 8;
  case NORMATIVE_F32: return 4;
  default: return 2;
  }
}

/* binary16 with its subnormals: (-1)^sign 2^(exponent-25) (1024 + fraction), exact in double */
static double half_value(uint16_t h)
{
  unsigned exponent = h >> 10 & 31, fraction = h & 1023;
  double sign = h >> 15 ? -1.0 : 1.0;
  if (exponent == 31) return fraction ? __builtin_nan("") : sign * __builtin_inf();
  return sign * __builtin_ldexp(exponent ? 1024.0 + fraction : fraction, (int)(exponent ? exponent : 1) - 25);
}

static double bfloat_value(uint16_t b)
{
  uint32_t bits = (uint32_t)b << 16;
  float f;
  memcpy(&f, &bits, sizeof f);
  return f;
}

double tensor_get(const struct tensor *t, size_t i)
{
  switch (t->type) {
  case NORMATIVE_F64: return ((const double *)t->data)[i];
  case NORMATIVE_F32: return ((const float *)t->data)[i];
  case NORMATIVE_F16: return half_value(((const uint16_t *)t->data)[i]);
  default: return bfloat_value(((const uint16_t *)t->data)[i]);
  }
}

const struct type_format type_formats[] = {
  [NORMATIVE_F32] = {24, -126, 0x1.fffffep127},
  [NORMATIVE_F64] = {53, -1022, 0x1.fffffffffffffp1023},
  [NORMATIVE_F16] = {11, -14, 65504.0},
  [NORMATIVE_BF16] = {8, -126, 0x1.fep127}};

double format_round(const struct type_format *f, double v)
{
  int exponent;
  if (v == 0 || !isfinite(v) || f->digits == 53) return v;
  if (f->digits == 24) return (float)v;
  frexp(v, &exponent); /* 2^(exponent-1) <= |v| */
  int lowest = exponent - 1 > f->min_exponent ? exponent - 1 : f->min_exponent;
  double quantum = ldexp(1.0, lowest - (f->digits - 1));
  double r = rint(v / quantum) * quantum;
  return fabs(r) > f->max ? copysign(INFINITY, v) : r;
}

/* The bits of a binary16 from a value that is one (or NaN). */
static uint16_t half_bits(double v)
{
  uint16_t sign = signbit(v) ? 0x8000 : 0;
  double a = fabs(v);
  int exponent;
  if (isnan(v)) return 0x7e00;
  if (isinf(v)) return sign | 0x7c00;
  if (a < 0x1p-14) return sign | (uint16_t)(a * 0x1p24);
  frexp(a, &exponent);
  return (uint16_t)(sign | ((exponent + 14) << 10) | ((int)ldexp(a, 11 - exponent) - 1024));
}

static uint16_t bfloat_bits(double v)
{
  float f = (float)v;
  uint32_t bits;
  memcpy(&bits, &f, sizeof bits);
  return isnan(v) ? 0x7fc0 : (uint16_t)(bits >> 16);
}

int tensor_set(struct tensor *t, size_t i, double v)
{
  double r = format_round(&type_formats[t->type], v);
  switch (t->type) {
  case NORMATIVE_F32: ((float *)t->data)[i] = (float)r; break;
  case NORMATIVE_F64: ((double *)t->data)[i] = r; break;
  case NORMATIVE_F16: ((uint16_t *)t->data)[i] = half_bits(r); break;
  case NORMATIVE_BF16: ((uint16_t *)t->data)[i] = bfloat_bits(r); break;
  }
  return isfinite(v) && !isfinite(r) ? -1 : 0;
}

/* RMSNorm subtracts no mean and saves none; evaluation computes no statistics, and an empty group has none. */
static bool saves_mean(const struct normative_problem *p) { return norm_find(p->norm)->centred; }
static bool saves_variance(const struct normative_problem *p) { return p->saved == NORMATIVE_SAVED_VARIANCE; }
static bool has_lambdas(const struct normative_problem *p) { return p->norm == NORMATIVE_SWITCHNORM; }

bool slot_is_input(const struct normative_problem *p, enum slot s)
{
  bool backward = p->direction == NORMATIVE_BACKWARD;
  switch (s) {
  case SLOT_X: return true;
  case SLOT_GAMMA: return p->has_gamma;
  case SLOT_BETA: return p->has_beta && !backward;
  case SLOT_RESIDUAL: return p->residual && !backward;
  case SLOT_DY: return backward;
  case SLOT_GIVEN_MEAN: return backward && p->given && saves_mean(p);
  case SLOT_GIVEN_RSTD: return backward && p->given && !saves_variance(p);
  case SLOT_GIVEN_VARIANCE: return backward && p->given && saves_variance(p);
  case SLOT_LAMBDA_MEAN:
  case SLOT_LAMBDA_VAR: return has_lambdas(p);
  case SLOT_RUNNING_MEAN:
  case SLOT_RUNNING_VAR: return p->running && (!backward || p->mode == NORMATIVE_EVALUATION);
  default: return false;
  }
}

bool slot_is_output(const struct normative_problem *p, enum slot s)
{
  bool backward = p->direction == NORMATIVE_BACKWARD;
  bool own_statistics = (p->mode == NORMATIVE_TRAINING || !p->running) && problem_m(p) > 0;
  switch (s) {
  case SLOT_RUNNING_MEAN:
  case SLOT_RUNNING_VAR: return p->running && !backward && p->mode == NORMATIVE_TRAINING;
  case SLOT_Y: return !backward;
  case SLOT_MEAN: return !backward && own_statistics && saves_mean(p) && !has_lambdas(p);
  case SLOT_RSTD:
  case SLOT_VARIANCE: return !backward && own_statistics && !has_lambdas(p) && saves_variance(p) == (s == SLOT_VARIANCE);
  case SLOT_SUM: return !backward && p->residual;
  case SLOT_DX: return backward;
  case SLOT_DGAMMA: return backward && p->has_gamma;
  case SLOT_DBETA: return backward && p->has_beta;
  case SLOT_DLAMBDA_MEAN:
  case SLOT_DLAMBDA_VAR: return backward && has_lambdas(p);
  default: return false;
  }
}

unsigned slot_output_bit(enum slot s)
{
  switch (s) {
  case SLOT_Y:
  case SLOT_DX: return NORMATIVE_OUT_Y;
  case SLOT_MEAN: return NORMATIVE_OUT_MEAN;
  case SLOT_RSTD: return NORMATIVE_OUT_RSTD;
  case SLOT_VARIANCE: return NORMATIVE_OUT_VARIANCE;
  case SLOT_RUNNING_MEAN:
  case SLOT_RUNNING_VAR: return NORMATIVE_OUT_RUNNING;
  case SLOT_SUM: return NORMATIVE_OUT_SUM;
  case SLOT_DGAMMA:
  case SLOT_DBETA:
  case SLOT_DLAMBDA_MEAN:
  case SLOT_DLAMBDA_VAR: return NORMATIVE_OUT_PARAMS;
  default: return 0;
  }
}

/* x, y, dy, ...: the logical sizes, with C moved last in channels-last */
static void like_x(struct tensor *t, const struct normative_problem *p)
{
  t->ndim = (int)p->ndim;
  for (uint32_t d = 0; d < p->ndim; ++d) t->dims[d] = p->dims[d];
  if (p->layout != NORMATIVE_NSC) return;
  memmove(t->dims + 1, t->dims + 2, (p->ndim - 2) * sizeof *t->dims);
  t->dims[p->ndim - 1] = p->c;
}

static void vector(struct tensor *t, enum normative_type type, size_t count)
{
  t->type = type;
  t->ndim = 1;
  t->dims[0] = count;
}

/* One entry after the other; of parts of rows G x cols. */
static void parameters(struct tensor *t, const struct normative_problem *p)
{
  vector(t, (enum normative_type)p->param_type, problem_params(p));
  if (norm_find(p->norm)->axes == 3 || p->affine != NORMATIVE_AFFINE_ELEMENT) return;
  t->ndim = 2;
  t->dims[0] = p->groups;
  t->dims[1] = p->c;
}

struct tensor slot_shape(const struct normative_problem *p, enum slot s)
{
  struct tensor t = {.type = (enum normative_type)p->type};
  switch (s) {
  case SLOT_GAMMA:
  case SLOT_BETA:
  case SLOT_DGAMMA:
  case SLOT_DBETA: parameters(&t, p); break;
  case SLOT_MEAN:
  case SLOT_RSTD:
  case SLOT_VARIANCE:
  case SLOT_GIVEN_MEAN:
  case SLOT_GIVEN_VARIANCE:
  case SLOT_GIVEN_RSTD: vector(&t, (enum normative_type)p->stat_type, problem_groups(p)); break;
  case SLOT_RUNNING_MEAN:
  case SLOT_RUNNING_VAR: vector(&t, (enum normative_type)p->stat_type, p->c); break;
  case SLOT_LAMBDA_MEAN:
  case SLOT_LAMBDA_VAR:
  case SLOT_DLAMBDA_MEAN:
  case SLOT_DLAMBDA_VAR: vector(&t, (enum normative_type)p->param_type, p->drop_bn ? 2 : 3); break;
  default: like_x(&t, p);
  }
  t.count = 1;
  for (int d = 0; d < t.ndim; ++d) t.count *= t.dims[d];
  return t;
}

int tensor_alloc(struct tensor *t, const struct normative_problem *p, enum slot s, struct error *e)
{
  *t = slot_shape(p, s);
  size_t bytes = (t->count * type_size(t->type) + 127) / 64 * 64;
  t->data = aligned_alloc(64, bytes);
  if (!t->data) return fail(e, "%s: no memory for %zu bytes", slot_name[s], bytes);
  memset(t->data, 0, bytes);
  return 0;
}

void tensors_free(struct tensors *t)
{
  for (int s = 0; s < SLOT_COUNT; ++s) free(t->t[s].data);
  memset(t, 0, sizeof *t);
}
