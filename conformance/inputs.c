/* SPDX-License-Identifier: Apache-2.0
   Makes the input tensors of a case. A value is a function of (seed, tensor, group, number within the group), computed
   in double from integers with + - * / and sqrt only and rounded once, so neither layout, threads nor machine change it;
   group g of x is the same however many groups there are, unless the family places one thing in the whole tensor. */
#include "inputs.h"
#include "casedir.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#ifndef NORMATIVE_DATA_DIR
#define NORMATIVE_DATA_DIR "conformance/data"
#endif

/* ---- random numbers by counter ---- */

/* The finalizer of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014) at position i of a stream. */
static uint64_t draw(uint64_t key, uint64_t i)
{
  uint64_t z = key + (i + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

/* in [0,1), a multiple of 2^-53 */
static double uniform(uint64_t key, uint64_t i) { return (double)(draw(key, i) >> 11) * 0x1p-53; }

/* Mean 0, variance 1, within +-6: the sum of twelve uniforms of 32 bits (Irwin-Hall), exact in integers. */
static double normal(uint64_t key, uint64_t i)
{
  int64_t sum = 6 - ((int64_t)6 << 32);
  for (unsigned j = 0; j < 6; ++j) {
    uint64_t z = draw(key, 6 * i + j);
    sum += (int64_t)(z >> 32) + (int64_t)(z & 0xffffffff);
  }
  return (double)sum * 0x1p-32;
}

static double sign(uint64_t key, uint64_t i) { return draw(key, i) >> 63 ? -1.0 : 1.0; }

/* 2^k for small k, exact */
static double power(int k) { return ldexp(1.0, k); }

/* ---- x: what a group has of its own, and its elements ---- */

struct group {
  uint64_t tensor, own, elements; /* streams: the whole tensor's, this group's, that of its elements */
  size_t index, groups, m;
  double number;                  /* the number in the family's name */
  const struct type_format *format, *statistics; /* statistics: of running ones */
  double mean, sd;                /* near those of its elements, outliers apart */
  size_t place;                   /* of the one element that differs; m: none does */
  double odd;                     /* that element */
};

/* 1.5 (1 - u/2), not 0.75 + 0.75 u: of that, beside the subtraction, gcc 12.2 makes one vfmaddsub where the machine has
   it, -ffp-contract=off or not. */
static void own_normal(struct group *g)
{
  g->sd = 1.5 * (1 - uniform(g->own, 0) / 2);
  g->mean = uniform(g->own, 1) - 0.5;
  g->place = g->m;
}

static void own_mean(struct group *g)
{
  own_normal(g);
  g->mean = sign(g->own, 2) * g->number * (1 + uniform(g->own, 1) / 8);
}

/* One mean for the whole tensor. */
static void own_level(struct group *g)
{
  own_normal(g);
  g->mean = sign(g->tensor, 2) * g->number * (1 + uniform(g->tensor, 3) / 8);
}

static void own_mean2p24(struct group *g)
{
  own_normal(g);
  g->mean = 0x1p24 + 64 * g->mean;
  g->sd *= 4;
}

static void own_kappa(struct group *g)
{
  own_normal(g);
  g->sd *= power((int)(draw(g->own, 3) % 9) - 4);
  g->mean = sign(g->own, 2) * g->number * g->sd;
}

static void own_scale(struct group *g)
{
  own_normal(g);
  g->mean *= g->number;
  g->sd *= g->number;
}

static void own_large(struct group *g)
{
  g->number = 1e3;
  own_scale(g);
}

static void own_tinyvar(struct group *g)
{
  g->number = 1e-6;
  own_scale(g);
}

static void own_ulpvar(struct group *g)
{
  own_normal(g);
  g->mean = format_round(g->format, 1 + uniform(g->own, 1) / 2);
}

static void own_constant(struct group *g)
{
  own_normal(g);
  g->mean = sign(g->own, 2) * 12345.678 * (0.9 + uniform(g->own, 1) / 5);
}

static void own_flat(struct group *g)
{
  own_normal(g);
  g->mean = sign(g->tensor, 2) * 12345.678 * (0.9 + uniform(g->tensor, 3) / 5);
}

static void own_constint(struct group *g)
{
  own_normal(g);
  g->mean = sign(g->own, 2) * (double)(1 + draw(g->own, 1) % 1000);
}

static void own_halfconst(struct group *g)
{
  g->number = 100;
  own_mean(g);
}

static void own_uniform(struct group *g)
{
  own_normal(g);
  g->mean = 0.25 + uniform(g->own, 1) / 4;
  g->sd = g->mean / sqrt(3.0);
}

/* Mean 0 in groups 0, 2, ...: there the deviations and their squares are known to sum without rounding, too. */
static void own_smallint(struct group *g)
{
  own_normal(g);
  g->mean = g->index % 2 ? sign(g->own, 2) * (double)(1 + draw(g->own, 1) % 2) : 0;
}

static void own_nearmax(struct group *g)
{
  own_normal(g);
  g->mean = 0;
  g->sd = g->format->max * (0.5 + uniform(g->own, 0) / 2);
}

/* sd: the largest number of smallest subnormals, a power of two */
static void own_subnormal(struct group *g)
{
  own_normal(g);
  g->mean = 0;
  g->sd = power(g->format->min_exponent - (int)(draw(g->own, 0) % 4));
}

static void own_outlier_first(struct group *g)
{
  own_normal(g);
  g->place = 0;
  g->odd = sign(g->own, 2) * g->number * (1 + uniform(g->own, 3) / 4);
}

static void own_outlier(struct group *g)
{
  own_outlier_first(g);
  if (g->m > 1) g->place = 1 + draw(g->own, 4) % (g->m - 1);
}

static void own_onehot(struct group *g)
{
  own_outlier(g);
  g->odd = 1;
}

/* Blocks of 16: all in turn if there are groups enough, else the last, the first and random ones. */
static void own_blockoutlier(struct group *g)
{
  g->number = 1e4;
  own_outlier_first(g);
  size_t blocks = (g->m + 15) / 16, block = draw(g->own, 4) % (blocks + !blocks);
  if (g->groups >= blocks) block = blocks ? g->index % blocks : 0;
  else if (g->index < 2) block = g->index ? 0 : blocks - 1;
  size_t length = g->m - 16 * block < 16 ? g->m - 16 * block : 16;
  g->place = 16 * block + draw(g->own, 5) % (length + !length);
}

/* One place in the whole tensor. */
static void own_place(struct group *g)
{
  own_normal(g);
  if (g->m && g->index == draw(g->tensor, 0) % g->groups) g->place = draw(g->tensor, 1) % g->m;
}

static double gaussian(const struct group *g, size_t k) { return g->mean + g->sd * normal(g->elements, k); }
static double same(const struct group *g, size_t k) { return (void)k, g->mean; }
static double zero(const struct group *g, size_t k) { return 0 * sign(g->elements, k); }
static double uniform_value(const struct group *g, size_t k) { return 2 * g->mean * uniform(g->elements, k); }
static double outlier(const struct group *g, size_t k) { return k == g->place ? g->odd : gaussian(g, k); }
static double with_odd(const struct group *g, size_t k) { return k == g->place ? g->odd : 0; }
static double with_nan(const struct group *g, size_t k) { return k == g->place ? NAN : gaussian(g, k); }
static double with_pinf(const struct group *g, size_t k) { return k == g->place ? INFINITY : gaussian(g, k); }
static double with_ninf(const struct group *g, size_t k) { return k == g->place ? -INFINITY : gaussian(g, k); }

static double half_same(const struct group *g, size_t k)
{
  return (g->index + draw(g->tensor, 0)) % 2 ? g->mean : gaussian(g, k);
}

static double ulps(const struct group *g, size_t k)
{
  return g->mean + (double)(1 + draw(g->elements, k) % 8) * power(1 - g->format->digits);
}

static double ramp(const struct group *g, size_t k)
{
  return g->mean + g->sd * sqrt(3.0) * ((2.0 * (double)k + 1 - (double)g->m) / (double)g->m);
}

/* Magnitudes spread over 2^range: 2^20, or what binary16 holds. */
static int range(const struct group *g) { return g->format->digits == 11 ? 10 : 20; }

static double wide_value(const struct group *g, size_t k)
{
  int exponent = (int)(draw(g->elements, 3 * k + 1) % (2 * (uint64_t)range(g) + 1)) - range(g);
  double size = g->sd * (1 + uniform(g->elements, 3 * k)) * power(exponent);
  return sign(g->elements, 3 * k + 2) * size;
}

/* Element k and its mirror m-1-k are opposite; the one in the middle of an odd group is an ordinary one. */
static double mirrored(const struct group *g, size_t k, double (*half)(const struct group *, size_t), double middle)
{
  size_t mirror = g->m - 1 - k;
  return k < mirror ? half(g, k) : k > mirror ? -half(g, mirror) : middle;
}

static double alternating_half(const struct group *g, size_t k)
{
  int exponent = (int)(draw(g->elements, 2 * k + 1) % ((uint64_t)range(g) + 1));
  double size = g->sd * (1 + uniform(g->elements, 2 * k)) * power(exponent);
  return k % 2 ? -size : size;
}

static double alternating(const struct group *g, size_t k)
{
  return mirrored(g, k, alternating_half, gaussian(g, k));
}

/* -range..range, not 0 at the ends, so that a group of two or more is no constant */
static double smallint_half(const struct group *g, size_t k)
{
  int range = 1 + (int)(draw(g->own, 3) % 2);
  return k ? (double)((int)(draw(g->elements, k) % (uint64_t)(2 * range + 1)) - range) : range;
}

static double smallint(const struct group *g, size_t k) { return g->mean + mirrored(g, k, smallint_half, 0); }

/* 1 and -1 at random, as often: mean 0, deviation 1 where m is even. */
static double one_half(const struct group *g, size_t k) { return sign(g->elements, k); }
static double plus_minus(const struct group *g, size_t k) { return mirrored(g, k, one_half, 0); }

/* 1.5 and -1.5 in turn from both ends: with such x, mean(g) and mean(g xhat) are 0 where m is a multiple of 4. */
static double tie_dy(const struct group *g, size_t k)
{
  size_t mirror = g->m - 1 - k;
  return ((k < mirror ? k : mirror) % 2 ? -1.5 : 1.5) * sign(g->own, 5);
}

/* 1 + half an ulp + what float cannot add to that: the sum is above the middle of two values of 16 bits. */
static double tie_sum(const struct group *g, size_t k)
{
  int p = g->format->digits, small = p == 11 ? -24 : -2 * p - 14;
  return k == 0 ? 1 : k == 1 ? power(-p) : k == 2 ? power(small) : 0;
}

static double nearmax(const struct group *g, size_t k)
{
  return sign(g->elements, 2 * k) * g->sd * (0.5 + uniform(g->elements, 2 * k + 1) / 2);
}

static double subnormal(const struct group *g, size_t k)
{
  double quantum = power(g->format->min_exponent - (g->format->digits - 1));
  double steps = floor(uniform(g->elements, 2 * k + 1) * (g->sd / quantum - 1));
  return sign(g->elements, 2 * k) * (1 + steps) * quantum;
}

/* ---- gamma, beta, running statistics ---- */

struct entries { uint64_t key; size_t count; const struct type_format *format, *tensor; }; /* of a parameter; of x */

/* By type: binary16, double, the others. */
static double by_type(const struct type_format *f, double f16, double f64, double rest)
{
  return f->digits == 11 ? f16 : f->digits == 53 ? f64 : rest;
}

/* Squares of these leave the type. */
static double large(const struct entries *p) { return by_type(p->format, 512, 1e155, 1e20); }
static double tiny(const struct entries *p) { return by_type(p->format, 0x1p-9, 1e-155, 1e-20); }

static double gamma_ordinary(const struct entries *p, size_t i) { return 0.5 + uniform(p->key, i); }
static double gamma_one(const struct entries *p, size_t i) { return (void)p, (void)i, 1.0; }
static double gamma_negative(const struct entries *p, size_t i) { return -gamma_ordinary(p, i); }
static double gamma_huge(const struct entries *p, size_t i) { return large(p) * gamma_ordinary(p, i); }
static double gamma_one_first(const struct entries *p, size_t i) { return i ? gamma_ordinary(p, i) : 1; }
static double gamma_zero_first(const struct entries *p, size_t i) { return i ? gamma_ordinary(p, i) : 0; }
static double gamma_tiny(const struct entries *p, size_t i) { return tiny(p) * gamma_ordinary(p, i); }

/* 0.3 to 0.9 of the type's largest number */
static double gamma_largest(const struct entries *p, size_t i)
{
  return by_type(p->format, 2e4, 5e307, 1e38) * (1 + 2 * uniform(p->key, i));
}

/* Numbers of the tensors' type in [1,2), and half an ulp more if gamma has the digits: y = gamma xhat + beta, of xhat next to
   +-1, is then next to the middle of two values. */
static double gamma_ties(const struct entries *p, size_t i)
{
  int digits = p->tensor->digits;
  double steps = floor(uniform(p->key, i) * power(digits - 1));
  return 1 + (steps + (p->format->digits > digits ? 0.5 : 0)) * power(1 - digits);
}

/* Half an ulp of numbers in [1,2). */
static double beta_ties(const struct entries *p, size_t i)
{
  return p->format->digits > p->tensor->digits ? 0 : sign(p->key, i) * power(-p->tensor->digits);
}

/* ---- lambda: entry i of the weights of SwitchableNorm ---- */

/* Where exp() of the parameters' type overflows, and its reciprocal underflows. */
static double exp_limit(const struct entries *p) { return by_type(p->format, 120, 1000, 120); }

/* Near 1, each another. */
static double lambda_ordinary(const struct entries *p, size_t i)
{
  return 0.7 + 0.25 * (double)((i + draw(p->key, 9)) % 3) + 0.2 * uniform(p->key, i);
}

static double lambda_onehot(const struct entries *p, size_t i)
{
  return lambda_ordinary(p, i) + (i == draw(p->key, 8) % p->count ? 30 : 0);
}

static double lambda_extreme(const struct entries *p, size_t i)
{
  return 1e4 * ((double)((i + draw(p->key, 9)) % 3) - 1) + lambda_ordinary(p, i);
}

static double lambda_large(const struct entries *p, size_t i) { return exp_limit(p) + lambda_ordinary(p, i); }
static double lambda_negative(const struct entries *p, size_t i) { return -exp_limit(p) - lambda_ordinary(p, i); }
static double lambda_batch(const struct entries *p, size_t i) { return lambda_ordinary(p, i) + (i == 2 ? 200 : 0); }
static double lambda_huge(const struct entries *p, size_t i) { return sign(~p->key, i) * gamma_largest(p, i); }
static double param_zero(const struct entries *p, size_t i) { return (void)p, (void)i, 0.0; }
static double beta_ordinary(const struct entries *p, size_t i) { return 2 * uniform(p->key, i) - 1; }
static double beta_zero_first(const struct entries *p, size_t i) { return i ? beta_ordinary(p, i) : 0; }
static double beta_huge(const struct entries *p, size_t i) { return large(p) * beta_ordinary(p, i); }

static double gamma_mixed(const struct entries *p, size_t i)
{
  uint64_t pick = draw(~p->key, i);
  if (pick % 5 == 0) return 0;
  return gamma_ordinary(p, i) * power((int)(pick / 5 % 21) - 10) * (pick >> 63 ? -1 : 1);
}

static double param_nan(const struct entries *p, size_t i)
{
  return i == draw(~p->key, 0) % p->count ? NAN : gamma_ordinary(p, i);
}

/* A pair near the data's. */
static void running_ordinary(const struct group *g, double *mean, double *var)
{
  *mean = g->mean + g->sd * (uniform(g->own, 9) - 0.5) / 4;
  *var = g->sd * g->sd * (0.5 + 1.5 * uniform(g->own, 8));
}

static void running_start(const struct group *g, double *mean, double *var) { (void)g, *mean = 0, *var = 1; }

static void running_zero(const struct group *g, double *mean, double *var)
{
  running_ordinary(g, mean, var);
  *var = 0;
}

static void running_tiny(const struct group *g, double *mean, double *var)
{
  running_ordinary(g, mean, var);
  *var = 1e-12 * (0.5 + uniform(g->own, 8));
}

static void running_negative(const struct group *g, double *mean, double *var)
{
  running_ordinary(g, mean, var);
  if ((g->index + draw(g->tensor, 0)) % 2) *var = -1 - uniform(g->own, 8);
}

/* Of any size that the statistics' type has. */
static void running_vast(const struct group *g, double *mean, double *var)
{
  const uint64_t range = (uint64_t)(-g->statistics->min_exponent);
  *mean = sign(g->own, 7) * power((int)(draw(g->own, 9) % (2 * range)) - (int)range) * (1 + uniform(g->own, 6));
  *var = power((int)(draw(g->own, 8) % (2 * range)) - (int)range) * (1 + uniform(g->own, 5));
}

/* ---- the table ---- */

const struct family family_table[] = {
#define X(name, own, value, text) {name, "x", text},
#define DY(name, own, value, text) {name, "dy", text},
#define DYPARAM(name, own, value, text) {name, "dy", text},
#define ADDEND(name, own, value, text) {name, "addend", text},
#define RECORDED(name, shape, eps, brings, text) {name, "x", text},
#define PARAM(kind, name, entry, text) {name, kind, text},
#define RUNNING(name, entry, text) {name, "running", text},
#include "families.def"
#undef X
#undef DY
#undef DYPARAM
#undef ADDEND
#undef RECORDED
#undef PARAM
#undef RUNNING
  {0}};

struct maker { /* beside each row of family_table; only its kind's fields are set */
  void (*own)(struct group *);
  double (*value)(const struct group *, size_t k);
  double (*entry)(const struct entries *, size_t i);
  void (*running)(const struct group *, double *mean, double *var);
  bool by_param; /* own() and value() see the elements that share a parameter */
  const char *shape, *brings;
  double eps;
};
static const struct maker makers[] = {
#define X(name, own_, value_, text) {.own = own_, .value = value_},
#define DY(name, own_, value_, text) {.own = own_, .value = value_},
#define DYPARAM(name, own_, value_, text) {.own = own_, .value = value_, .by_param = true},
#define ADDEND(name, own_, value_, text) {.own = own_, .value = value_},
#define RECORDED(name, shape_, eps_, brings_, text) {.shape = shape_, .eps = eps_, .brings = brings_},
#define PARAM(kind, name, entry_, text) {.entry = entry_},
#define RUNNING(name, entry_, text) {.running = entry_},
#include "families.def"
#undef X
#undef DY
#undef DYPARAM
#undef ADDEND
#undef RECORDED
#undef PARAM
#undef RUNNING
};

static const struct maker *maker_of(const struct family *f) { return &makers[f - family_table]; }

/* Does name follow the row's pattern? NeK in it matches digits, "e", perhaps "-", digits: *number, NaN where it would
   become 0 or infinite. */
static bool matches(const char *pattern, const char *name, double *number)
{
  const char *hole = strstr(pattern, "NeK");
  *number = 0;
  if (!hole) return !strcmp(pattern, name);
  size_t before = (size_t)(hole - pattern), mantissa, minus, exponent;
  if (strncmp(pattern, name, before)) return false;
  const char *start = name + before, *digits = "0123456789";
  mantissa = strspn(start, digits);
  if (!mantissa || mantissa > 3 || start[mantissa] != 'e') return false;
  minus = start[mantissa + 1] == '-';
  exponent = strspn(start + mantissa + 1 + minus, digits);
  if (!exponent || exponent > 3) return false;
  errno = 0;
  *number = strtod(start, NULL);
  if (errno && (*number == 0 || isinf(*number))) *number = NAN;
  return !strcmp(start + mantissa + 1 + minus + exponent, hole + 3);
}

static const struct family *find(const char *kind, const char *name, double *number)
{
  for (const struct family *f = family_table; f->name; ++f)
    if (!strcmp(f->kind, kind) && matches(f->name, name, number)) return f;
  return NULL;
}

const struct family *family_find(const char *kind, const char *name)
{
  double number;
  return find(kind, name, &number);
}

const char *family_shape(const struct family *f) { return maker_of(f)->shape; }
double family_eps(const struct family *f) { return maker_of(f)->eps; }

/* A word of the list. */
bool family_brings(const struct family *f, const char *slot)
{
  const char *list = maker_of(f)->brings;
  size_t length = strlen(slot);
  for (; list && *list; list += strcspn(list, " ") + (list[strcspn(list, " ")] == ' '))
    if (strcspn(list, " ") == length && !strncmp(list, slot, length)) return true;
  return false;
}

/* The row for a name of the recipe ("" is ordinary), or an error that lists the names there are. */
static const struct family *require(const char *kind, const char *name, double *number, struct error *e)
{
  char list[900] = "";
  size_t used = 0;
  const struct family *found = find(kind, *name ? name : "ordinary", number);
  if (found && !isnan(*number)) return found;
  if (found) {
    fail(e, "family '%s' of %s: its number is none that f64 has", name, kind);
    return NULL;
  }
  for (const struct family *f = family_table; f->name; ++f)
    if (!strcmp(f->kind, kind) && used < sizeof list)
      used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", f->name);
  fail(e, "unknown family '%s' of %s; there are %s", name, kind, list);
  return NULL;
}

/* ---- tensors ---- */

struct making { const struct testcase *tc; struct tensors *in; struct error *e; };

static uint64_t tensor_key(const struct making *w, enum slot slot) { return draw(draw(w->tc->r.seed, 0), slot); }

static void group_own(struct group *g, const struct maker *maker, size_t index)
{
  uint64_t key = draw(g->tensor, 2 + index);
  g->index = index;
  g->own = draw(key, 0);
  g->elements = draw(key, 1);
  maker->own(g);
}

static struct group group_start(const struct making *w, enum slot slot, double number)
{
  const struct normative_problem *p = &w->tc->p;
  return (struct group){.tensor = tensor_key(w, slot), .groups = problem_groups(p), .m = problem_m(p), .number = number,
                        .format = &type_formats[p->type]};
}

/* The value, rounded to its type and then scaled by 2^pow2, which must not round again. */
static int store(struct making *w, enum slot slot, size_t i, double v, int pow2)
{
  struct tensor *t = &w->in->t[slot];
  double rounded = format_round(&type_formats[t->type], v), scaled = ldexp(rounded, pow2);
  if (tensor_set(t, i, scaled) || (isfinite(v) && !isfinite(scaled)))
    return fail(w->e, "%s: %g does not fit %s", slot_name[slot], ldexp(v, pow2), type_name(t->type));
  if (isfinite(v) && tensor_get(t, i) * ldexp(1.0, -pow2) != rounded)
    return fail(w->e, "%s: %g times 2^%d is no %s", slot_name[slot], rounded, pow2, type_name(t->type));
  return 0;
}

/* A family whose numbers the type does not have, all of them 0 in it, would be another. */
static int check_underflow(struct making *w, enum slot slot, double largest)
{
  const struct tensor *t = &w->in->t[slot];
  for (size_t i = 0; i < t->count; ++i)
    if (tensor_get(t, i) != 0) return 0;
  if (largest == 0) return 0;
  return fail(w->e, "%s: %g and all the others are 0 in %s", slot_name[slot], largest, type_name(t->type));
}

static int make_elements(struct making *w, enum slot slot, const struct family *family, double number, int pow2)
{
  struct group g = group_start(w, slot, number);
  const struct maker *maker = maker_of(family);
  double largest = 0;
  for (size_t index = 0; index < g.groups; ++index) {
    struct runs r = problem_runs(&w->tc->p, index);
    group_own(&g, maker, index);
    for (size_t o = 0, k = 0; o < r.outer; ++o)
      for (size_t i = 0; i < r.inner; ++i, ++k) {
        double v = maker->value(&g, k);
        largest = fmax(largest, fabs(v));
        if (store(w, slot, r.base + o * r.outer_stride + i * r.inner_stride, v, pow2)) return -1;
      }
  }
  return check_underflow(w, slot, largest);
}

/* Likewise, but what an element is depends on those that share its parameter: it is the k-th of them. */
static int make_by_param(struct making *w, enum slot slot, const struct family *family, double number)
{
  const struct normative_problem *p = &w->tc->p;
  const struct maker *maker = maker_of(family);
  size_t params = problem_params(p);
  int bad = 0;
  struct group *line = malloc((params + 1) * sizeof *line), first = group_start(w, slot, number);
  size_t *k = calloc(params + 1, sizeof *k);
  if (!line || !k) bad = fail(w->e, "%s: no memory for %zu parameters", slot_name[slot], params);
  first.groups = params;
  first.m = params ? problem_elements(p) / params : 0;
  for (size_t i = 0; !bad && i < params; ++i) {
    line[i] = first;
    group_own(&line[i], maker, i);
  }
  for (size_t g = 0; !bad && problem_m(p) && g < problem_groups(p); ++g) {
    struct runs r = problem_runs(p, g);
    for (size_t j = 0; !bad && j < r.outer * r.inner; ++j) {
      size_t entry = param_at(&r, j);
      double v = maker->value(&line[entry], k[entry]++);
      bad = store(w, slot, element_at(&r, j), v, 0);
    }
  }
  free(line);
  free(k);
  return bad;
}

/* ---- beta that cancels, dy along xhat, given statistics ---- */

/* Near the exact ones, in double: mean 2^e, var and eps 4^e. The scale keeps squares of f64 from over- and underflow. */
struct moments { double mean, var, eps; int e; };

static double rstd_of(const struct moments *s) { return ldexp(1 / sqrt(s->var + s->eps), -s->e); }
static double xhat_of(const struct moments *s, double x) { return (ldexp(x, -s->e) - s->mean) * (1 / sqrt(s->var + s->eps)); }

static void rescale(struct moments *s, int e)
{
  s->mean = ldexp(s->mean, s->e - e);
  s->var = ldexp(s->var, 2 * (s->e - e));
  s->eps = ldexp(s->eps, 2 * (s->e - e));
  s->e = e;
}

/* What is normalized: x, or x + residual, at element k of a run. */
static double value_at(const struct making *w, const struct runs *r, size_t k)
{
  size_t i = element_at(r, k);
  double x = tensor_get(&w->in->t[SLOT_X], i);
  return w->tc->p.residual ? x + tensor_get(&w->in->t[SLOT_RESIDUAL], i) : x;
}

/* The group's own, in two passes. */
static struct moments own_moments(const struct making *w, size_t group)
{
  const struct normative_problem *p = &w->tc->p;
  struct runs r = problem_runs(p, group);
  size_t m = problem_m(p);
  double largest = sqrt(p->eps), sum = 0;
  struct moments s = {.eps = p->eps};
  for (size_t k = 0; k < m; ++k)
    if (isfinite(value_at(w, &r, k))) largest = fmax(largest, fabs(value_at(w, &r, k)));
  int e;
  frexp(largest, &e);
  rescale(&s, e);
  for (int pass = norm_find(p->norm)->centred ? 0 : 1; pass < 2; ++pass) {
    sum = 0;
    for (size_t k = 0; k < m; ++k) {
      double d = ldexp(value_at(w, &r, k), -e) - s.mean;
      sum += pass ? d * d : d;
    }
    if (!pass) s.mean = sum / (double)m;
  }
  s.var = sum / (double)m;
  return s;
}

static struct moments running_moments(const struct making *w, size_t channel)
{
  return (struct moments){tensor_get(&w->in->t[SLOT_RUNNING_MEAN], channel), tensor_get(&w->in->t[SLOT_RUNNING_VAR], channel),
                          w->tc->p.eps, 0};
}

/* e^x, x <= 0: Taylor's series of degree 14 at x/1024, squared ten times. */
static double exponential(double x)
{
  double t = x / 1024, sum = 1;
  if (!(x > -745)) return 0;
  for (int k = 14; k > 0; --k) sum = 1 + t / k * sum;
  for (int k = 0; k < 10; ++k) sum *= sum;
  return sum;
}

static void softmax(const struct tensor *lambda, double weight[3])
{
  double most = -INFINITY, sum = 0;
  weight[2] = 0; /* without the batch's statistics */
  for (size_t k = 0; k < lambda->count; ++k) most = fmax(most, tensor_get(lambda, k));
  for (size_t k = 0; k < lambda->count; ++k) sum += weight[k] = exponential(tensor_get(lambda, k) - most);
  for (size_t k = 0; k < lambda->count; ++k) weight[k] /= sum;
}

/* Mean over `count` groups, `stride` apart, of their means; and the law of total variance. */
static struct moments pooled(const struct moments *s, size_t count, size_t stride)
{
  struct moments all = *s;
  double var = 0;
  all.mean = 0;
  for (size_t i = 0; i < count; ++i) all.mean += s[i * stride].mean / (double)count;
  for (size_t i = 0; i < count; ++i) {
    double d = s[i * stride].mean - all.mean;
    var += (s[i * stride].var + d * d) / (double)count;
  }
  all.var = var;
  return all;
}

/* In one scale; repo: the unbiased variance. */
static void align(const struct normative_problem *p, struct moments *s, size_t groups)
{
  double bessel = p->repo ? (double)p->s / (double)(p->s - 1) : 1;
  int e = s[0].e;
  for (size_t g = 0; g < groups; ++g) e = s[g].e > e ? s[g].e : e;
  for (size_t g = 0; g < groups; ++g) {
    rescale(&s[g], e);
    s[g].var *= bessel;
  }
}

/* SwitchableNorm: each (n,c)'s own become the mixed ones. */
static int mix(const struct making *w, struct moments *s)
{
  const struct normative_problem *p = &w->tc->p;
  double mean[3], var[3];
  struct moments *ln = malloc((p->n + p->c) * sizeof *ln), *bn = ln + p->n;
  if (!ln) return fail(w->e, "no memory for the statistics of %zu samples and channels", (size_t)(p->n + p->c));
  softmax(&w->in->t[SLOT_LAMBDA_MEAN], mean);
  softmax(&w->in->t[SLOT_LAMBDA_VAR], var);
  align(p, s, p->n * p->c);
  for (size_t n = 0; n < p->n; ++n) ln[n] = pooled(s + n * p->c, p->c, 1);
  for (size_t c = 0; c < p->c; ++c) {
    bn[c] = p->mode == NORMATIVE_EVALUATION ? running_moments(w, c) : pooled(s + c, p->n, p->c);
    rescale(&bn[c], s->e);
  }
  for (size_t g = 0; g < p->n * p->c; ++g) {
    const struct moments *l = &ln[g / p->c], *b = &bn[g % p->c];
    s[g].mean = mean[0] * s[g].mean + mean[1] * l->mean + mean[2] * b->mean;
    s[g].var = var[0] * s[g].var + var[1] * l->var + var[2] * b->var;
  }
  free(ln);
  return 0;
}

/* Of every group, as the problem takes them; NULL: no memory. The caller frees. */
static struct moments *all_moments(const struct making *w)
{
  const struct normative_problem *p = &w->tc->p;
  bool mixes = p->norm == NORMATIVE_SWITCHNORM, running = p->mode == NORMATIVE_EVALUATION && p->running && !mixes;
  size_t groups = problem_groups(p);
  struct moments *s = malloc((groups + 1) * sizeof *s);
  if (!s) {
    fail(w->e, "no memory for %zu groups", groups);
    return NULL;
  }
  for (size_t g = 0; g < groups; ++g) s[g] = running ? running_moments(w, problem_runs(p, g).param) : own_moments(w, g);
  if (!mixes || !groups || !mix(w, s)) return s;
  free(s);
  return NULL;
}

/* best[i]: the lowest draw among the elements that use entry i, whose -gamma xhat then becomes beta. */
static int cancel_group(struct making *w, const struct entries *entries, uint64_t *best, size_t group, const struct moments *s)
{
  const struct normative_problem *p = &w->tc->p;
  struct runs r = problem_runs(p, group);
  uint64_t key = draw(entries->key, group);
  for (size_t k = 0; k < problem_m(p); ++k) {
    size_t entry = param_at(&r, k);
    uint64_t rank = draw(key, k);
    if (rank >= best[entry]) continue;
    best[entry] = rank;
    double gamma = p->has_gamma ? tensor_get(&w->in->t[SLOT_GAMMA], entry) : 1;
    double beta = -gamma * xhat_of(s, value_at(w, &r, k));
    if (store(w, SLOT_BETA, entry, isfinite(beta) ? beta : beta_ordinary(entries, entry), 0)) return -1;
  }
  return 0;
}

/* a xhat / gamma, a of the group; what is not finite or does not fit stays ordinary. */
static int make_along_xhat(struct making *w)
{
  const struct normative_problem *p = &w->tc->p;
  struct group g = group_start(w, SLOT_DY, 0);
  struct moments *s = all_moments(w);
  int bad = s ? 0 : -1;
  for (size_t index = 0; !bad && g.m && index < g.groups; ++index) {
    struct runs r = problem_runs(p, index);
    group_own(&g, maker_of(family_find("dy", "ordinary")), index);
    for (size_t k = 0; !bad && k < g.m; ++k) {
      double gamma = p->has_gamma ? tensor_get(&w->in->t[SLOT_GAMMA], param_at(&r, k)) : 1;
      double v = g.sd * xhat_of(&s[index], value_at(w, &r, k)) / gamma;
      bad = store(w, SLOT_DY, element_at(&r, k), fabs(v) <= g.format->max ? v : gaussian(&g, k), 0);
    }
  }
  free(s);
  return bad;
}

/* A residual near -x: half of the digits cancel. */
static int make_cancelling_addend(struct making *w)
{
  const struct tensor *x = &w->in->t[SLOT_X];
  uint64_t key = tensor_key(w, SLOT_RESIDUAL);
  double part = power(-type_formats[x->type].digits / 2);
  for (size_t i = 0; i < x->count; ++i)
    if (store(w, SLOT_RESIDUAL, i, tensor_get(x, i) * (normal(key, i) * part - 1), 0)) return -1;
  return 0;
}

static int make_same_addend(struct making *w)
{
  const struct tensor *x = &w->in->t[SLOT_X];
  for (size_t i = 0; i < x->count; ++i)
    if (store(w, SLOT_RESIDUAL, i, tensor_get(x, i), 0)) return -1;
  return 0;
}

static int make_addend(struct making *w)
{
  double number;
  const struct family *family = require("addend", w->tc->r.addend, &number, w->e);
  if (!family) return -1;
  if (maker_of(family)->value) return make_elements(w, SLOT_RESIDUAL, family, number, w->tc->r.pow2);
  return strcmp(family->name, "alike") ? make_cancelling_addend(w) : make_same_addend(w);
}

/* ---- parameters and statistics ---- */

static struct entries entries_of(const struct making *w, enum slot slot)
{
  const struct tensor *t = &w->in->t[slot];
  return (struct entries){tensor_key(w, slot), t->count, &type_formats[t->type], &type_formats[w->tc->p.type]};
}

static int make_entries(struct making *w, enum slot slot, double (*entry)(const struct entries *, size_t))
{
  struct entries entries = entries_of(w, slot);
  double largest = 0;
  for (size_t i = 0; i < entries.count; ++i) {
    double v = entry(&entries, i);
    largest = fmax(largest, fabs(v));
    if (store(w, slot, i, v, 0)) return -1;
  }
  return check_underflow(w, slot, largest);
}

static int make_cancelling_beta(struct making *w)
{
  struct entries entries = entries_of(w, SLOT_BETA);
  uint64_t *best = malloc((entries.count + 1) * sizeof *best);
  struct moments *s = best ? all_moments(w) : NULL;
  int bad = best ? s ? 0 : -1 : fail(w->e, "beta: no memory for %zu entries", entries.count);
  if (best) memset(best, 0xff, entries.count * sizeof *best);
  for (size_t g = 0; !bad && problem_m(&w->tc->p) && g < problem_groups(&w->tc->p); ++g)
    bad = cancel_group(w, &entries, best, g, &s[g]);
  free(best);
  free(s);
  return bad;
}

static int make_param(struct making *w, enum slot slot, const char *kind, const char *name)
{
  double number;
  const struct family *family = require(kind, name, &number, w->e);
  if (!family) return -1;
  if (!strcmp(family->name, "cancel")) return make_cancelling_beta(w);
  if (!maker_of(family)->entry) return fail(w->e, "%s: the problem has it, its family is absent", slot_name[slot]);
  return make_entries(w, slot, maker_of(family)->entry);
}

/* Rounded to f32 beside tensors of 32 or 16 bits, whatever type holds them: peers take floats; vast ones are of their own
   type. A variance above 0 is kept among the normal numbers. Scaled as x is. */
static int make_running(struct making *w, const struct family *x, double x_number)
{
  double number;
  const struct family *family = require("running", w->tc->r.running, &number, w->e);
  if (!family) return -1;
  if (!maker_of(family)->running) return fail(w->e, "running: the problem has them, their family is absent");
  struct group g = group_start(w, SLOT_X, x_number);
  uint32_t stats = w->tc->p.stat_type, wide = w->tc->p.type == NORMATIVE_F64 ? NORMATIVE_F64 : NORMATIVE_F32;
  const bool vast = maker_of(family)->running == running_vast;
  const struct type_format *f = g.statistics = &type_formats[stats == NORMATIVE_F64 && !vast ? wide : stats];
  double least = power(f->min_exponent), most = power(-f->min_exponent);
  for (size_t i = 0; i < w->in->t[SLOT_RUNNING_MEAN].count; ++i) {
    double mean, var;
    group_own(&g, maker_of(x), i);
    maker_of(family)->running(&g, &mean, &var);
    if (var > 0) var = var < least ? least : var > most ? most : var;
    if (store(w, SLOT_RUNNING_MEAN, i, format_round(f, mean), w->tc->r.pow2) ||
        store(w, SLOT_RUNNING_VAR, i, format_round(f, var), 2 * w->tc->r.pow2))
      return -1;
  }
  return 0;
}

/* Saved statistics that a backward pass is given, rounded to their type: near those of x (by up to 1/16 of a deviation, and
   1/8 of the variance), but not these, so that a kernel that computes its own shows. 1/rstd^2 - eps remains a variance; one
   beyond f64 is refused. */
static int make_given(struct making *w, enum slot slot)
{
  uint64_t key = tensor_key(w, slot);
  struct moments *s = all_moments(w);
  int bad = s ? 0 : -1;
  for (size_t g = 0; !bad && g < w->in->t[slot].count; ++g) {
    double off = uniform(key, g) - 0.5, mean = ldexp(s[g].mean + sqrt(s[g].var) * off / 8, s[g].e);
    s[g].var *= 1 + off / 4;
    double var = ldexp(s[g].var, 2 * s[g].e);
    if (slot == SLOT_GIVEN_MEAN) bad = store(w, slot, g, mean, 0);
    else if (slot == SLOT_GIVEN_RSTD) bad = store(w, slot, g, rstd_of(&s[g]), 0);
    else if (isinf(var) && isfinite(s[g].var))
      bad = fail(w->e, "%s: %g times 4^%d is no f64", slot_name[slot], s[g].var, s[g].e);
    else bad = store(w, slot, g, var, 0);
  }
  free(s);
  return bad;
}

/* ---- recorded data ---- */

/* Does the slot, whose family the recipe calls name, come from the recorded data of x? */
static bool is_recorded(const struct family *x, enum slot slot, const char *name)
{
  return family_brings(x, slot_name[slot]) && (!*name || !strcmp(name, "ordinary"));
}

/* Reads data/FAMILY/SLOT.npy, kept in f32 and layout ncs, and stores it in the case's type and layout. */
static int read_recorded(struct making *w, enum slot slot, const struct family *family)
{
  const char *dir = getenv("NORMATIVE_DATA");
  char path[1024];
  struct normative_problem plain = w->tc->p;
  plain.layout = NORMATIVE_NCS;
  plain.type = plain.param_type = plain.stat_type = NORMATIVE_F32;
  struct tensor expect = slot_shape(&plain, slot), file;
  if (snprintf(path, sizeof path, "%s/%s/%s.npy", dir ? dir : NORMATIVE_DATA_DIR, family->name, slot_name[slot]) >=
      (int)sizeof path)
    return fail(w->e, "NORMATIVE_DATA: the path is too long");
  if (npy_read(path, &expect, &file, w->e)) return -1;
  int bad = 0;
  const struct normative_problem *p = &w->tc->p;
  bool move = p->layout == NORMATIVE_NSC && (slot == SLOT_X || slot == SLOT_DY);
  for (size_t i = 0; !bad && i < file.count; ++i) { /* i = (n*C + c)*S + s */
    size_t to = move ? (i / (p->c * p->s) * p->s + i % p->s) * p->c + i / p->s % p->c : i;
    bad = store(w, slot, to, tensor_get(&file, i), 0);
  }
  free(file.data);
  return bad;
}

static int check_recorded(const struct making *w, const struct family *family)
{
  struct testcase recorded = *w->tc;
  const char *shape = maker_of(family)->shape, *at = shape;
  recorded.p.ndim = 0;
  for (char *end; *at; at = *end ? end + 1 : end) recorded.p.dims[recorded.p.ndim++] = strtoull(at, &end, 10);
  if (recorded.p.ndim != w->tc->p.ndim || memcmp(recorded.p.dims, w->tc->p.dims, recorded.p.ndim * sizeof(uint64_t)))
    return fail(w->e, "family %s is recorded data of shape %s", family->name, shape);
  if (w->tc->r.pow2) return fail(w->e, "family %s is recorded data: pow2 has no meaning", family->name);
  return 0;
}

/* ---- a case ---- */

static int make_dy(struct making *w, const struct family *x)
{
  double number;
  if (is_recorded(x, SLOT_DY, w->tc->r.dy)) return read_recorded(w, SLOT_DY, x);
  const struct family *family = require("dy", w->tc->r.dy, &number, w->e);
  if (!family) return -1;
  if (!maker_of(family)->value) return make_along_xhat(w);
  return maker_of(family)->by_param ? make_by_param(w, SLOT_DY, family, number) : make_elements(w, SLOT_DY, family, number, 0);
}

static int make_slot(struct making *w, enum slot slot, const struct family *x, double number)
{
  const struct recipe *r = &w->tc->r;
  bool recorded = maker_of(x)->shape != NULL;
  switch (slot) {
  case SLOT_X:
    return recorded ? read_recorded(w, slot, x) : make_elements(w, slot, x, number, r->pow2);
  case SLOT_GAMMA: return is_recorded(x, slot, r->gamma) ? read_recorded(w, slot, x) : make_param(w, slot, "gamma", r->gamma);
  case SLOT_BETA: return is_recorded(x, slot, r->beta) ? read_recorded(w, slot, x) : make_param(w, slot, "beta", r->beta);
  case SLOT_RUNNING_MEAN:
    if (is_recorded(x, slot, r->running)) return read_recorded(w, slot, x);
    return make_running(w, recorded ? family_find("x", "normal") : x, number);
  case SLOT_RUNNING_VAR: return is_recorded(x, slot, r->running) ? read_recorded(w, slot, x) : 0; /* made with the mean */
  case SLOT_DY: return make_dy(w, x);
  case SLOT_RESIDUAL: return make_addend(w);
  case SLOT_GIVEN_MEAN:
  case SLOT_GIVEN_RSTD:
  case SLOT_GIVEN_VARIANCE: return make_given(w, slot);
  default: return make_param(w, slot, "lambda", r->lambda);
  }
}

/* In this order: beta may need gamma and the statistics, these need all that comes before. */
static const enum slot order[] = {SLOT_X, SLOT_GAMMA, SLOT_RUNNING_MEAN, SLOT_RUNNING_VAR, SLOT_RESIDUAL, SLOT_LAMBDA_MEAN,
                                  SLOT_LAMBDA_VAR, SLOT_BETA, SLOT_DY, SLOT_GIVEN_MEAN, SLOT_GIVEN_RSTD,
                                  SLOT_GIVEN_VARIANCE};

static int make_all(struct making *w)
{
  double number;
  const struct normative_problem *p = &w->tc->p;
  const struct family *x = require("x", w->tc->r.family, &number, w->e);
  if (!x || (maker_of(x)->shape && check_recorded(w, x))) return -1;
  for (size_t i = 0; i < sizeof order / sizeof *order; ++i)
    if (slot_is_input(p, order[i]) && tensor_alloc(&w->in->t[order[i]], p, order[i], w->e)) return -1;
  for (size_t i = 0; i < sizeof order / sizeof *order; ++i)
    if (slot_is_input(p, order[i]) && make_slot(w, order[i], x, number)) return -1;
  return 0;
}

int inputs_make(const struct testcase *tc, struct tensors *in, struct error *e)
{
  struct error inner;
  struct making w = {tc, in, &inner};
  char name[CASE_NAME_MAX];
  memset(in, 0, sizeof *in);
  if (!make_all(&w)) return 0;
  tensors_free(in);
  case_name(name, tc);
  return fail(e, "case '%s': %s", name, inner.text);
}
