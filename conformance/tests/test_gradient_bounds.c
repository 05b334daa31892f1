/* SPDX-License-Identifier: Apache-2.0
   The bounds of gradients against honest kernels on hostile data, as test_bounds.c does forward.
   `test_gradient_bounds N [TEST]` takes N times as much data and prints. */
#include "hostile.h"

static int rounds = 1;
static bool verbose;

/* ---- kernels ---- */

enum way { BY_XHAT, BY_SUMS, BY_CUBE, BY_CHAIN, FOLDED, FOLDED_CHAIN };
/* Beside style; outside: gamma comes in last where a group has one; tie: which of two ways with eps outside of the root or the
   greater in it. */
static struct { enum way way; bool outside, tie; double eps; } choice;

static bool one_gamma(const struct runs *r)
{
  return (!r->param_inner || r->inner < 2) && (!r->param_outer || r->outer < 2);
}

/* Which elements use parameter 0, 1, ...: equally many each. */
struct use { size_t element, group; };
static struct use *uses_of_parameters(const struct normative_problem *p)
{
  size_t params = problem_params(p), n = problem_elements(p) / params, *filled = calloc(params + 1, sizeof *filled);
  struct use *use = calloc(params * n + 1, sizeof *use);
  for (size_t g = 0; g < problem_groups(p); ++g) {
    struct runs r = problem_runs(p, g);
    for (size_t k = 0; k < problem_m(p); ++k) {
      size_t j = param_at(&r, k);
      use[j * n + filled[j]++] = (struct use){element_at(&r, k), g};
    }
  }
  free(filled);
  return use;
}

/* single, double, narrow: throughout. mixed: double sums over float terms. epilogue: float sums over narrow terms. */
#define REAL float
#define R(v) ((float)(v))
#define FMA fmaf
#define SQRT sqrtf
#define NAMED(name) name##_single
#include "honest_gradient.inc"
#undef NAMED
#define NAMED(name) name##_mixed
#include "honest_gradient.inc"
#undef REAL
#undef FMA
#undef SQRT
#undef NAMED
#undef R
#define REAL double
#define FMA fma
#define SQRT sqrt
#define R(v) (v)
#define NAMED(name) name##_double
#include "honest_gradient.inc"
#undef NAMED
#undef R
#define R(v) in_narrow(v)
#define NAMED(name) name##_narrow
#include "honest_gradient.inc"
#undef NAMED
#define NAMED(name) name##_epilogue
#include "honest_gradient.inc"

static float total_single(const float *v, size_t n, enum addition order) { return sum_single(v, n, order); }
static double total_double(const double *v, size_t n, enum addition order) { return sum_double(v, n, order); }

static float total_mixed(const float *v, size_t n, enum addition order)
{
  double *wide = malloc((n + 1) * sizeof *wide);
  for (size_t i = 0; i < n; ++i) wide[i] = v[i];
  double s = sum_double(wide, n, order);
  free(wide);
  return (float)s;
}

static double total_narrow(const double *v, size_t n, enum addition order) { return sum_narrow(v, n, order); }

static double total_epilogue(const double *v, size_t n, enum addition order)
{
  float *wide = malloc((n + 1) * sizeof *wide);
  for (size_t i = 0; i < n; ++i) wide[i] = (float)v[i];
  double s = sum_single(wide, n, order);
  free(wide);
  return in_narrow(s);
}

static bool gives_rstd(const struct bench *b) { return b->p.given && b->p.saved == NORMATIVE_SAVED_RSTD; }

/* Are a group's statistics inputs? mean, and rstd or the variance. */
static bool is_given(const struct bench *b, size_t group, double *mean, double *other)
{
  bool evaluation = b->p.mode == NORMATIVE_EVALUATION;
  const size_t i = evaluation ? group % b->p.c : group;
  *mean = entry(b, evaluation ? SLOT_RUNNING_MEAN : SLOT_GIVEN_MEAN, i, 0);
  *other = entry(b, evaluation ? SLOT_RUNNING_VAR : gives_rstd(b) ? SLOT_GIVEN_RSTD : SLOT_GIVEN_VARIANCE, i, 0);
  return evaluation || b->p.given;
}

static struct given_double statistics_double(const struct bench *b, const struct kernel *k, size_t group)
{
  double mean, other, *x;
  size_t m = problem_m(&b->p);
  struct runs r = problem_runs(&b->p, group);
  if (is_given(b, group, &mean, &other))
    return (struct given_double){mean, 0, gives_rstd(b) ? other : rstd_double(other, b->p.eps), 0};
  x = malloc(m * sizeof *x);
  for (size_t i = 0; i < m; ++i) x[i] = tensor_get(&b->in.t[SLOT_X], element_at(&r, i));
  struct moments_double s = moments_of_double(x, m, k->order, k->algorithm);
  free(x);
  return (struct given_double){s.mean, s.correction, rstd_double(s.var, b->p.eps), s.var};
}

static struct given_single statistics_single(const struct bench *b, const struct kernel *k, size_t group)
{
  double mean, other;
  size_t m = problem_m(&b->p);
  struct runs r = problem_runs(&b->p, group);
  if (is_given(b, group, &mean, &other))
    return (struct given_single){(float)mean, 0, gives_rstd(b) ? (float)other : rstd_single((float)other, (float)b->p.eps), 0};
  float *x = malloc(m * sizeof *x);
  for (size_t i = 0; i < m; ++i) x[i] = (float)tensor_get(&b->in.t[SLOT_X], element_at(&r, i));
  struct moments_single s = moments_of_single(x, m, k->order, k->algorithm);
  free(x);
  return (struct given_single){s.mean, s.correction, rstd_single(s.var, (float)b->p.eps), s.var};
}

static struct given_mixed statistics_mixed(const struct bench *b, const struct kernel *k, size_t group)
{
  double mean, other;
  if (is_given(b, group, &mean, &other)) {
    struct given_single s = statistics_single(b, k, group);
    return (struct given_mixed){s.mean, 0, s.r, 0};
  }
  struct given_double s = statistics_double(b, k, group);
  float high = (float)(s.mean + s.low);
  float low = k->arithmetic == MIXED_HIGH_LOW ? (float)(s.mean - high + s.low) : 0;
  return (struct given_mixed){high, low, (float)s.r, (float)s.var};
}

static struct given_narrow statistics_narrow(const struct bench *b, const struct kernel *k, size_t group)
{
  double mean, other, *x;
  size_t m = problem_m(&b->p);
  struct runs r = problem_runs(&b->p, group);
  if (is_given(b, group, &mean, &other)) {
    double v = in_narrow(other);
    return (struct given_narrow){in_narrow(mean), 0, gives_rstd(b) ? v : rstd_narrow(v, in_narrow(b->p.eps)), 0};
  }
  x = malloc(m * sizeof *x);
  for (size_t i = 0; i < m; ++i) x[i] = in_narrow(tensor_get(&b->in.t[SLOT_X], element_at(&r, i)));
  struct moments_narrow s = moments_of_narrow(x, m, k->order, k->algorithm);
  free(x);
  return (struct given_narrow){s.mean, s.correction, rstd_narrow(s.var, in_narrow(b->p.eps)), s.var};
}

static struct given_epilogue statistics_epilogue(const struct bench *b, const struct kernel *k, size_t group)
{
  double mean, other;
  if (is_given(b, group, &mean, &other)) {
    struct given_narrow s = statistics_narrow(b, k, group);
    return (struct given_epilogue){s.mean, s.low, s.r, 0};
  }
  struct given_single s = statistics_single(b, k, group);
  return (struct given_epilogue){in_narrow(s.mean), in_narrow(s.low), in_narrow(s.r), in_narrow(s.var)};
}

static void run_kernel(struct bench *b, const struct kernel *k)
{
  if (k->arithmetic == NARROW) {
    gradients_narrow(b, k);
    return;
  }
  if (k->arithmetic == NARROW_EPILOGUE) {
    gradients_epilogue(b, k);
    return;
  }
  if (k->arithmetic == SINGLES) gradients_single(b, k);
  else if (k->arithmetic == DOUBLES) gradients_double(b, k);
  else gradients_mixed(b, k);
}

/* ---- data ---- */

enum dy { ALONG_X, ONE_HOT, ONE_PAIR, ALTERNATING_PAIRS, HUGE_DY, ONE_LARGE, ANY_FAMILY, DYS = ANY_FAMILY + 6 };

static double dy_element(enum dy kind, enum family family, size_t i, size_t m, double x, double before)
{
  switch (kind) {
  case ALONG_X: return 1e-3 * x + 1;
  case ONE_HOT: return i == m / 2;
  case ONE_PAIR: return (i == 0) - (i == 1); /* elsewhere only xhat mean(g xhat) is left of dx */
  case ALTERNATING_PAIRS: return i % 2 ? -before : normal();
  case HUGE_DY: return 1e25 * normal();
  case ONE_LARGE: return i == m / 3 ? 1e6 : normal();
  default: return element(family, i, m, before);
  }
}

/* In the range of its type. */
static double variance_of(const struct bench *b, double r)
{
  const double v = fmax(1 / (r * r) - b->p.eps, 0), most = arithmetic_of(b->p.stat_type)->largest;
  return v > most / 2 || !isfinite((float)v) ? 1 : v;
}

static void given_statistics(struct bench *b, size_t group)
{
  const struct kernel plain = {"", norm_find(b->p.norm)->centred ? PLAIN : MEAN_SQUARE, IN_PAIRS, DOUBLES, 0};
  uint32_t given = b->p.given;
  b->p.given = 0; /* from x */
  struct given_double s = statistics_double(b, &plain, group);
  b->p.given = given;
  if (b->in.t[SLOT_GIVEN_MEAN].data) store(&b->in.t[SLOT_GIVEN_MEAN], group, s.mean);
  if (!isfinite((float)s.r)) s.r = 1;
  if (gives_rstd(b)) store(&b->in.t[SLOT_GIVEN_RSTD], group, s.r);
  else store(&b->in.t[SLOT_GIVEN_VARIANCE], group, variance_of(b, s.r));
}

/* So near that it depends on roundings which of both is the greater. */
static void eps_near_variance(struct bench *b)
{
  const struct kernel plain = {"", norm_find(b->p.norm)->centred ? PLAIN : MEAN_SQUARE, IN_PAIRS, DOUBLES, 0};
  const double var = (float)(statistics_double(b, &plain, 0).var * (1 + (double)(draw() % 5) * 0x1p-23 - 0x1p-22));
  if (isfinite(var)) b->p.eps = var;
}

static void bench_fill(struct bench *b, enum family family)
{
  static const double scales[] = {1, 1, 1, 1e20, 1e-20, 0, 1e-30};
  struct error e;
  const enum dy kind = (enum dy)(draw() % DYS);
  const enum family dy_family = (enum family)(draw() % FAMILIES);
  size_t m = problem_m(&b->p);
  const bool half = b->p.type == NORMATIVE_F16;
  const double unit = half && draw() % 2 ? ldexp(1, -(int)(draw() % 12)) : 1;
  double scale = half ? 1 : scales[draw() % 7], x = 0, dy = 0;
  memset(&style, 0, sizeof style);
  for (size_t g = 0; g < problem_groups(&b->p); ++g) {
    struct runs r = problem_runs(&b->p, g);
    for (size_t k = 0; k < m; ++k) {
      store(&b->in.t[SLOT_X], element_at(&r, k), (x = element(family, k, m, x)) * unit);
      store(&b->in.t[SLOT_DY], element_at(&r, k), dy = dy_element(kind, dy_family, k, m, x, dy));
    }
    if (b->p.given) given_statistics(b, g);
  }
  for (size_t i = 0; i < b->in.t[SLOT_GAMMA].count; ++i) store(&b->in.t[SLOT_GAMMA], i, scale * (1 + 0.3 * normal()));
  for (size_t i = 0; i < b->in.t[SLOT_RUNNING_MEAN].count; ++i) {
    double mean = element(family, i, 8, 0) + uniform() * 1e-9;
    store(&b->in.t[SLOT_RUNNING_MEAN], i, half ? fmod(mean, 4096) : mean); /* finite */
    store(&b->in.t[SLOT_RUNNING_VAR], i, uniform() * (draw() % 4 ? 1 : 1e-6) + (half ? 0x1p-20 : 0)); /* not 0 */
  }
  if (b->p.eps_place == NORMATIVE_EPS_MAX && draw() % 2) eps_near_variance(b);
  assert_int_equal(oracle_run(&b->p, &b->in, &b->truth, &e), 0);
}

/* ---- the comparison ---- */

enum { OUTPUTS = 3 };
static const enum slot outputs[OUTPUTS] = {SLOT_DX, SLOT_DGAMMA, SLOT_DBETA};
struct largest { double ratio; char where[240]; };

/* One output of a kernel against its preset. */
static void compare_output(struct bench *b, const struct kernel *k, int o, const char *where, struct largest *worst)
{
  struct judgement j;
  struct error e;
  struct tensors only = {0};
  only.t[outputs[o]] = b->out.t[outputs[o]];
  if (!only.t[outputs[o]].data) return;
  judge(&b->p, &b->in, &b->truth, &only, preset_find(k->preset, &e), false, &j);
  const struct finding *f = &j.finding[0];
  if (j.verdict == FAIL)
    fail_msg("%s, algorithm %d, order %d: %s[%zu] %s: expected %a, got %a: %g nULP, bound %g", k->preset, k->algorithm,
             k->order, slot_name[outputs[o]], f->index, where, f->expected, f->got, f->nulp, f->bound);
  if (j.verdict == RANGE || !(f->bound > 0) || !(f->nulp / f->bound > worst[o].ratio)) return;
  worst[o].ratio = f->nulp / f->bound;
  snprintf(worst[o].where, sizeof worst[o].where, "%s", where);
}

static void compare(struct bench *b, const struct kernel *k, enum family family, struct largest *worst)
{
  char where[200];
  draw_style(k, &b->p);
  bool own = b->p.mode == NORMATIVE_TRAINING && !b->p.given, folded = strstr(k->preset, "folded");
  choice.outside = draw() % 2;
  choice.tie = draw() % 2;
  choice.eps = b->p.eps;
  choice.way = folded ? FOLDED + draw() % (own ? 2 : 1) : draw() % (own ? 4 : 3);
  unsigned before = flush_on(strstr(k->preset, "ftz"));
  run_kernel(b, k);
  flush_back(before);
  snprintf(where, sizeof where, "family %d m %zu groups %zu eps %g place %u casts %u given %u %u way %d outside %d tie %d fma %d "
           "reciprocal %d newton %d", family, problem_m(&b->p), problem_groups(&b->p), b->p.eps, b->p.eps_place, b->p.casts,
           b->p.given, b->p.saved, choice.way, choice.outside, choice.tie, style.fma, style.reciprocal, style.newton);
  for (int o = 0; o < OUTPUTS; ++o) compare_output(b, k, o, where, worst);
}

static void one_case(const struct kernel *kernels, size_t count, const struct normative_problem *p, size_t m,
                     enum family family, int variant, struct largest (*worst)[OUTPUTS])
{
  static const double eps[] = {0x1.4f8b58p-17 /* 1e-5f */, 0, 0x1.19799ap-40 /* 1e-12f */, 0.5};
  static const uint32_t place[] = {NORMATIVE_EPS_INSIDE, NORMATIVE_EPS_INSIDE, NORMATIVE_EPS_OUTSIDE, NORMATIVE_EPS_MAX};
  struct bench b = {.p = *p};
  shape_groups(&b.p, m, m > 1000 ? 1 : variant % 5 ? p->dims[0] : 300 / m + 1); /* at times many groups */
  b.p.eps = eps[variant % 4];
  b.p.stat_type = draw() % 2 ? NORMATIVE_F64 : p->stat_type;
  b.p.given = p->mode == NORMATIVE_TRAINING && draw() % 3 == 0;
  b.p.saved = b.p.given && variant % 2 ? NORMATIVE_SAVED_VARIANCE : NORMATIVE_SAVED_RSTD;
  b.p.has_gamma = draw() % 4 != 0;
  if (!b.p.given) b.p.eps_place = place[draw() % 4];
  if (b.p.eps_place == NORMATIVE_EPS_OUTSIDE && draw() % 2) b.p.eps = 100; /* hides in rstd what sigma is off by */
  if (b.p.has_gamma && draw() % 4 == 0) b.p.casts = NORMATIVE_CAST_PLUS_ONE;
  if (type_size(b.p.type) == 2 && draw() % 3 == 0) b.p.casts = NORMATIVE_CAST_NORMAL; /* the exact value is the same */
  bench_open(&b);
  bench_fill(&b, family);
  for (size_t k = 0; k < count; ++k) compare(&b, &kernels[k], family, worst[k]);
  bench_close(&b);
}

static void all_within(const struct kernel *kernels, size_t count, const struct normative_problem *p, const size_t *length,
                       size_t n)
{
  struct largest worst[32][OUTPUTS] = {0};
  for (int round = 0; round < rounds; ++round)
    for (size_t l = 0; l < n; ++l)
      for (int family = 0; family < FAMILIES; ++family)
        one_case(kernels, count, p, length[l], (enum family)family, (int)l * 5 + family * 3 + round * 7, worst);
  for (size_t k = 0; k < count; ++k) {
    for (int o = 0; verbose && o < OUTPUTS; ++o)
      print_message("%-26s algorithm %d order %d %-6s: %.3f  %s\n", kernels[k].preset, kernels[k].algorithm, kernels[k].order,
                    slot_name[outputs[o]], worst[k][o].ratio, worst[k][o].where);
    if (!(worst[k][0].ratio >= kernels[k].least))
      fail_msg("%s, algorithm %d: errors of dx reach only %g of the bound", kernels[k].preset, kernels[k].algorithm,
               worst[k][0].ratio);
  }
}

static struct normative_problem problem(uint32_t norm, uint32_t type, uint32_t stat_type, size_t groups)
{
  struct normative_problem p;
  problem_default(&p, norm, NORMATIVE_BACKWARD, type);
  p.stat_type = stat_type;
  p.ndim = 2;
  p.dims[0] = p.dims[1] = groups;
  return p;
}

#define COUNT(array) (sizeof array / sizeof *array)
static const size_t lengths[] = {1, 2, 3, 5, 17, 64, 257, 1000, 3000};

static void test_single(void **state)
{
  static const struct kernel kernels[] = {
    {"f32-sequential", PLAIN, IN_TURN, SINGLES, 0.1}, {"f32-pairwise", PLAIN, IN_PAIRS, SINGLES, 0.1},
    {"f32-two-pass", PLAIN, AT_RANDOM, SINGLES, 0.1}, {"f32-lanes", CORRECTED_MEAN, IN_LANES, SINGLES, 0.1},
    {"f32-sequential", CORRECTION, IN_TURN, SINGLES, 0.1}, {"f32-one-pass", ONCE, IN_TURN, SINGLES, 0.1},
    {"f32-welford-long", WELFORDS, IN_TURN, SINGLES, 0.1}, {"f32-merge", MERGED, IN_TURN, SINGLES, 0.1},
    {"f32-sequential-folded", PLAIN, IN_TURN, SINGLES, 0.1}, {"f32-two-pass-folded", PLAIN, AT_RANDOM, SINGLES, 0.1},
    {"f32-one-pass-folded", ONCE, IN_TURN, SINGLES, 0.1}};
  (void)state;
  for (int norm = 0; norm < 2; ++norm) {
    struct normative_problem p = problem(norm ? NORMATIVE_BATCHNORM : NORMATIVE_LAYERNORM, NORMATIVE_F32, NORMATIVE_F32, 4);
    all_within(kernels, COUNT(kernels), &p, lengths, COUNT(lengths));
  }
}

static void test_double_sums(void **state)
{
  static const struct kernel kernels[] = {
    {"f64-two-pass", PLAIN, IN_TURN, DOUBLES, 0.9}, {"f64-two-pass", CORRECTION, IN_LANES, DOUBLES, 0.9},
    {"f64-two-pass-folded", PLAIN, IN_TURN, DOUBLES, 0.3}, {"f64-stats", PLAIN, IN_TURN, MIXED, 0.1},
    {"f64-stats", ONCE, IN_LANES, MIXED, 0.1}, {"f64-stats", PLAIN, IN_TURN, MIXED_HIGH_LOW, 0.1},
    {"f64-stats-folded", PLAIN, IN_TURN, MIXED, 0.1}};
  (void)state;
  for (int norm = 0; norm < 2; ++norm) {
    struct normative_problem p = problem(norm ? NORMATIVE_BATCHNORM : NORMATIVE_LAYERNORM, NORMATIVE_F32, NORMATIVE_F32, 4);
    all_within(kernels, COUNT(kernels), &p, lengths, COUNT(lengths));
  }
}

static void test_mean_square(void **state)
{
  static const struct kernel kernels[] = {
    {"f32-sequential", MEAN_SQUARE, IN_TURN, SINGLES, 0.1}, {"f32-pairwise", MEAN_SQUARE, IN_PAIRS, SINGLES, 0.1},
    {"f32-lanes", MEAN_SQUARE, IN_LANES, SINGLES, 0.1}, {"f64-stats", MEAN_SQUARE, IN_TURN, MIXED, 0.1},
    {"f64-two-pass", MEAN_SQUARE, IN_TURN, DOUBLES, 0.9}};
  (void)state;
  struct normative_problem p = problem(NORMATIVE_RMSNORM, NORMATIVE_F32, NORMATIVE_F32, 4);
  all_within(kernels, COUNT(kernels), &p, lengths, COUNT(lengths));
}

static void test_flushed_subnormals(void **state)
{
#ifdef __SSE2__
  static const struct kernel kernels[] = {
    {"f32-sequential-ftz", PLAIN, IN_TURN, SINGLES, 0.05}, {"f32-lanes-ftz", CORRECTED_MEAN, IN_LANES, SINGLES, 0.05},
    {"f32-welford-long-ftz", WELFORDS, IN_TURN, SINGLES, 0.05}, {"f32-sequential-folded-ftz", PLAIN, IN_TURN, SINGLES, 0.05},
    {"f64-stats-ftz", PLAIN, IN_TURN, MIXED, 0.05}, {"f64-two-pass-ftz", CORRECTION, IN_TURN, DOUBLES, 0.5}};
  for (int norm = 0; norm < 2; ++norm) {
    struct normative_problem p = problem(norm ? NORMATIVE_BATCHNORM : NORMATIVE_LAYERNORM, NORMATIVE_F32, NORMATIVE_F32, 4);
    all_within(kernels, COUNT(kernels), &p, lengths, COUNT(lengths));
  }
#endif
  (void)state;
}

static void test_narrow_tensors(void **state)
{
  static const struct kernel kernels[] = {
    {"f32-sequential", PLAIN, IN_TURN, SINGLES, 0.3}, {"f32-one-pass", ONCE, IN_LANES, SINGLES, 0.3},
    {"f32-welford-long-folded", WELFORDS, IN_TURN, SINGLES, 0.2}, {"f64-stats", PLAIN, IN_TURN, MIXED, 0.8},
    {"f64-two-pass", CORRECTION, IN_TURN, DOUBLES, 0.9}};
  (void)state;
  for (uint32_t type = NORMATIVE_F16; type <= NORMATIVE_BF16; ++type) {
    for (int own = 0; own < 2; ++own) { /* of parameters and statistics: float, or the tensors' own */
      struct normative_problem p = problem(NORMATIVE_LAYERNORM, type, own ? type : NORMATIVE_F32, 4);
      p.param_type = p.stat_type;
      all_within(kernels, COUNT(kernels), &p, lengths, COUNT(lengths) - 1);
    }
  }
}

/* Everything in the tensors' 16 bits, or all but the sums. */
#define IN_16_BITS(type) { \
  {type "-two-pass", PLAIN, IN_TURN, NARROW, 0.05}, {type "-two-pass", CORRECTION, IN_PAIRS, NARROW, 0.05}, \
  {type "-one-pass", ONCE, AT_RANDOM, NARROW, 0.05}, {type "-two-pass-folded", PLAIN, IN_LANES, NARROW, 0.05}, \
  {type "-one-pass-folded", ONCE, IN_TURN, NARROW, 0.05}, {type "-two-pass-ftz", PLAIN, IN_TURN, NARROW, 0.05}, \
  {type "-epilogue", PLAIN, IN_LANES, NARROW_EPILOGUE, 0.05}, {type "-epilogue-folded", ONCE, IN_TURN, NARROW_EPILOGUE, 0.05}}
static const struct kernel in_16_bits[][8] = {[NORMATIVE_F16] = IN_16_BITS("f16"), [NORMATIVE_BF16] = IN_16_BITS("bf16")};

static void test_sums_in_16_bits(void **state)
{
  static const size_t some[] = {1, 2, 5, 17, 64, 257, 1000};
  static const uint32_t norms[] = {NORMATIVE_LAYERNORM, NORMATIVE_BATCHNORM};
  (void)state;
  for (uint32_t type = NORMATIVE_F16; type <= NORMATIVE_BF16; ++type)
    for (int variant = 0; variant < 4; ++variant) { /* parameters and statistics: float, or the tensors' own */
      struct normative_problem p = problem(norms[variant / 2], type, variant % 2 ? type : NORMATIVE_F32, 4);
      p.param_type = p.stat_type;
      all_within(in_16_bits[type], COUNT(*in_16_bits), &p, some, COUNT(some));
      if (variant < 2) continue;
      p.running = 1;
      p.mode = NORMATIVE_EVALUATION;
      all_within(in_16_bits[type], COUNT(*in_16_bits), &p, some, 5);
    }
}

static void test_double_tensors(void **state)
{
  static const struct kernel kernels[] = {
    {"f64-two-pass", PLAIN, IN_TURN, DOUBLES, 0.1}, {"f64-two-pass", CORRECTION, IN_LANES, DOUBLES, 0.1},
    {"f64-welford", WELFORDS, IN_TURN, DOUBLES, 0.1}, {"f64-one-pass", ONCE, IN_TURN, DOUBLES, 0.1},
    {"f64-one-pass-folded", ONCE, IN_TURN, DOUBLES, 0.1}};
  (void)state;
  struct normative_problem p = problem(NORMATIVE_LAYERNORM, NORMATIVE_F64, NORMATIVE_F64, 4);
  p.param_type = NORMATIVE_F64;
  all_within(kernels, COUNT(kernels), &p, lengths, COUNT(lengths));
}

static const struct kernel group_kernels[] = {
  {"f32-sequential", PLAIN, IN_TURN, SINGLES, 0.1}, {"f32-two-pass", CORRECTION, AT_RANDOM, SINGLES, 0.1},
  {"f32-welford-long-folded", WELFORDS, IN_TURN, SINGLES, 0.1}, {"f64-stats", ONCE, IN_LANES, MIXED, 0.1},
  {"f64-two-pass", CORRECTED_MEAN, IN_TURN, DOUBLES, 0.9}};
#include "hostile_maps.inc"

static void test_evaluation(void **state)
{
  static const size_t some[] = {1, 5, 64};
  static const struct kernel kernels[] = {
    {"f32-sequential", PLAIN, IN_TURN, SINGLES, 0.2}, {"f32-welford-long-folded", WELFORDS, IN_TURN, SINGLES, 0.2},
    {"f64-stats", PLAIN, IN_TURN, MIXED, 0.2}, {"f64-two-pass", CORRECTION, IN_TURN, DOUBLES, 0.8}};
  (void)state;
  for (int norm = 0; norm < 2; ++norm) {
    struct normative_problem p =
      problem(norm ? NORMATIVE_INSTANCENORM : NORMATIVE_BATCHNORM, NORMATIVE_F32, NORMATIVE_F32, 3);
    p.running = 1;
    p.mode = NORMATIVE_EVALUATION;
    all_within(kernels, COUNT(kernels), &p, some, COUNT(some));
  }
}

int main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_single),         cmocka_unit_test(test_double_sums),    cmocka_unit_test(test_mean_square),
    cmocka_unit_test(test_flushed_subnormals), cmocka_unit_test(test_narrow_tensors), cmocka_unit_test(test_double_tensors),
    cmocka_unit_test(test_evaluation),     cmocka_unit_test(test_index_maps),
    cmocka_unit_test(test_affine_by_group_and_element), cmocka_unit_test(test_sums_in_16_bits),
  };
  verbose = argc > 1;
  if (verbose) rounds = atoi(argv[1]);
  if (argc > 2) cmocka_set_test_filter(argv[2]);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
