/* SPDX-License-Identifier: Apache-2.0
   Narrow numbers and mixed statistics, for the kernels of mutants. */
#include "kernel.h"
#include <math.h>

void *room(size_t count, size_t size)
{
  void *p = calloc(count + 1, size);
  if (!p) abort();
  return p;
}

bool has_parts(const struct normative_problem *p) { return p->affine != NORMATIVE_AFFINE_CHANNEL && p->groups > 1; }

size_t part_in_turn(const struct normative_problem *p, size_t group, size_t c)
{
  size_t each = problem_params(p) / p->groups;
  return group % p->groups * each + c % each;
}

/* ---- numbers ---- */

struct narrow_type { int bits, least; }; /* of the significand; exponent of the smallest normal number */
static struct narrow_type narrow_type(uint32_t type)
{
  switch (type) {
  case NORMATIVE_F16: return (struct narrow_type){11, -14};
  case NORMATIVE_BF16: return (struct narrow_type){8, -126};
  case NORMATIVE_F32: return (struct narrow_type){24, -126};
  default: return (struct narrow_type){53, -1022};
  }
}

real least_normal(uint32_t type) { return ldexpl(1, narrow_type(type).least); }

real largest(uint32_t type)
{
  struct narrow_type t = narrow_type(type);
  return ldexpl(2 - ldexpl(1, 1 - t.bits), 1 - t.least);
}

/* v as a multiple of 2^quantum. */
static real multiple(real v, int quantum, real (*whole)(real)) { return ldexpl(whole(ldexpl(v, -quantum)), quantum); }

real narrow(real v, int bits)
{
  int e;
  if (!isfinite(v) || v == 0) return v;
  frexpl(v, &e);
  return multiple(v, e - bits, rintl);
}

static real to_type(uint32_t type, real v, real (*whole)(real))
{
  struct narrow_type t = narrow_type(type);
  int e;
  if (!isfinite(v) || v == 0) return v;
  frexpl(v, &e);
  real r = multiple(v, (e - 1 > t.least ? e - 1 : t.least) - (t.bits - 1), whole);
  return fabsl(r) > largest(type) ? copysignl(INFINITY, r) : r;
}

real in_type(uint32_t type, real v) { return to_type(type, v, rintl); }
real cut_to(uint32_t type, real v) { return to_type(type, v, truncl); }

/* The bits of a number that the 16-bit type has: sign, exponent, significand. */
static uint16_t bits_of(struct narrow_type t, real v)
{
  unsigned sign = signbit(v) ? 0x8000 : 0, infinite = 0x7fffu >> (t.bits - 1) << (t.bits - 1);
  real a = fabsl(v);
  if (isnan(v)) return (uint16_t)(infinite | 1u << (t.bits - 2));
  if (isinf(v)) return (uint16_t)(sign | infinite);
  if (a < ldexpl(1, t.least)) return (uint16_t)(sign | (unsigned)ldexpl(a, t.bits - 1 - t.least));
  int e = ilogbl(a);
  unsigned significand = (unsigned)ldexpl(a, t.bits - 1 - e) - (1u << (t.bits - 1));
  return (uint16_t)(sign | (unsigned)(e - t.least + 1) << (t.bits - 1) | significand);
}

void put(struct tensor *t, size_t i, real v)
{
  if (!t->data) return;
  switch (t->type) {
  case NORMATIVE_F32: ((float *)t->data)[i] = (float)v; return;
  case NORMATIVE_F64: ((double *)t->data)[i] = (double)v; return;
  default: ((uint16_t *)t->data)[i] = bits_of(narrow_type(t->type), in_type(t->type, v));
  }
}

/* ---- SwitchableNorm ---- */

bool switches(const struct normative_problem *p) { return p->norm == NORMATIVE_SWITCHNORM; }
size_t kinds(const struct normative_problem *p) { return p->drop_bn ? 2 : 3; }

void softmax(real *w, const struct tensor *lambda, size_t count)
{
  real most = -INFINITY, sum = 0;
  for (size_t k = 0; k < count; ++k) most = fmaxl(most, (real)tensor_get(lambda, k));
  for (size_t k = 0; k < count; ++k) sum += w[k] = expl((real)tensor_get(lambda, k) - most);
  for (size_t k = 0; k < count; ++k) w[k] /= sum;
}

real difference_of_means(const struct moments *a, const struct moments *b) { return a->mean - b->mean + (a->rest - b->rest); }

/* Of `count` own statistics, `stride` apart, one: means of mean and of var, and the variance between the means. */
static struct moments merged(const struct moments *own, size_t count, size_t stride, enum mixing how, bool between)
{
  struct moments r = own[0];
  real rest = 0, apart = 0, squares = 0;
  r.var = 0;
  for (size_t i = 0; i < count; ++i) {
    const struct moments *a = &own[i * stride];
    rest += difference_of_means(a, &own[0]) / (real)count;
    r.var += a->var / (real)count;
    squares += (a->var + a->mean * a->mean) / (real)count;
  }
  r.rest += rest;
  for (size_t i = 0; i < count; ++i) {
    real d = difference_of_means(&own[i * stride], &r);
    apart += d * d / (real)count;
  }
  if (between) r.var += apart;
  float mean = (float)(r.mean + r.rest);
  if (how == MIX_CANCELLING) r.var = fmaxf((float)squares - mean * mean, 0);
  return r;
}

size_t heaviest(const real w[3], size_t count)
{
  size_t base = 0;
  for (size_t i = 1; i < count; ++i)
    if (w[i] > w[base]) base = i;
  return base;
}

struct moments mixture_of(const struct mixed *of, const real w[3], const real v[3], size_t count, size_t base)
{
  struct moments r = of->k[base];
  real rest = 0, total = 0;
  r.var = 0;
  for (size_t i = 0; i < count; ++i) {
    rest += w[i] * difference_of_means(&of->k[i], &of->k[base]);
    r.var += v[i] * of->k[i].var;
    total += w[i];
  }
  r.rest += rest;
  if (fabsl(total - 1) > 0x1p-50L) r.rest += (total - 1) * of->k[base].mean; /* the weights of a defect */
  return r;
}

void mix(struct mixed *all, const struct moments *own, const struct normative_problem *p, enum mixing how)
{
  size_t n = p->n, c = p->c;
  real bessel = how == MIX_UNBIASED ? (real)p->s / (real)(p->s - 1) : 1;
  int layer = how == MIX_AXES_SWAPPED ? 2 : 1;
  for (size_t i = 0; i < n; ++i) {
    struct moments of = merged(own + i * c, c, 1, how, how != MIX_LAYER_WITHOUT_MEANS);
    for (size_t g = i * c; g < (i + 1) * c; ++g) all[g].k[layer] = of;
  }
  for (size_t i = 0; i < c; ++i) {
    struct moments of = merged(own + i, n, c, how, how != MIX_BATCH_WITHOUT_MEANS);
    for (size_t g = i; g < n * c; g += c) all[g].k[3 - layer] = of;
  }
  for (size_t g = 0; g < n * c; ++g) {
    all[g].k[0] = own[g];
    all[g].k[0].var *= bessel;
  }
}
