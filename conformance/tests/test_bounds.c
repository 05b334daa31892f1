/* SPDX-License-Identifier: Apache-2.0
   Each bound against honest kernels on hostile data: no result of a kernel may be outside of the preset it was built to, and
   the largest error found may not be a small part of the bound. `test_bounds N [TEST]` takes N times as much data and
   prints. */
#include "hostile.h"

static int rounds = 1;
static bool verbose;

/* ---- kernels ---- */

/* Double sums; the mean in float, once or as a sum of two; float epilogue. */
static void kernel_mixed(const struct kernel *k, const double *x, size_t m, const double *gamma, const double *beta, double eps,
                         double *y, double statistics[3])
{
  struct moments_double s = moments_of_double(x, m, k->order, k->algorithm);
  bool split = k->arithmetic == MIXED_HIGH_LOW;
  struct moments_single f = {.mean = (float)s.mean, .var = (float)s.var};
  if (split) f.correction = (float)(s.mean - f.mean);
  float r = split ? rstd_single(f.var, (float)eps) : (float)rstd_double(s.var, eps);
  for (size_t i = 0; i < m; ++i) y[i] = apply_single((float)x[i], &f, r, (float)gamma[i], (float)beta[i]);
  statistics[0] = f.mean;
  statistics[1] = r;
  statistics[2] = f.var;
}

/* Float sums; mean, variance and epilogue in the tensors' 16 bits. */
static void kernel_epilogue(const struct kernel *k, const double *x, size_t m, const double *gamma, const double *beta,
                            double eps, double *y, double statistics[3])
{
  float *f = malloc((m + 1) * sizeof *f);
  for (size_t i = 0; i < m; ++i) f[i] = (float)x[i];
  struct moments_single s = moments_of_single(f, m, k->order, k->algorithm);
  struct moments_narrow n = {.mean = in_narrow(s.mean), .correction = in_narrow(s.correction), .var = in_narrow(s.var)};
  double r = rstd_narrow(n.var, in_narrow(eps));
  for (size_t i = 0; i < m; ++i) y[i] = apply_narrow(x[i], &n, r, in_narrow(gamma[i]), in_narrow(beta[i]));
  statistics[0] = in_narrow(n.mean + n.correction);
  statistics[1] = r;
  statistics[2] = n.var;
  free(f);
}

static void run_kernel(const struct kernel *k, const double *x, size_t m, const double *gamma, const double *beta, double eps,
                       double *y, double statistics[3])
{
  if (k->arithmetic == SINGLES) kernel_single(k, x, m, gamma, beta, eps, y, statistics);
  else if (k->arithmetic == DOUBLES) kernel_double(k, x, m, gamma, beta, eps, y, statistics);
  else if (k->arithmetic == NARROW) kernel_narrow(k, x, m, gamma, beta, eps, y, statistics);
  else if (k->arithmetic == NARROW_EPILOGUE) kernel_epilogue(k, x, m, gamma, beta, eps, y, statistics);
  else kernel_mixed(k, x, m, gamma, beta, eps, y, statistics);
}

/* ---- data and results ---- */

static void bench_fill(struct bench *b, enum family family)
{
  static const double scales[] = {1, 1, 1, 1e20, 1e-20, 0, 1e-38};
  struct error e;
  size_t m = problem_m(&b->p);
  const bool half = b->p.type == NORMATIVE_F16;
  double scale = half ? 1 : scales[draw() % 7], before = 0, unit = half && draw() % 2 ? ldexp(1, -(int)(draw() % 24)) : 1;
  for (size_t g = 0; g < problem_groups(&b->p); ++g) {
    struct runs r = problem_runs(&b->p, g);
    for (size_t k = 0; k < m; ++k) {
      before = element(family, k, m, before);
      store(&b->in.t[SLOT_X], element_at(&r, k), before * unit);
    }
  }
  for (size_t i = 0; i < b->in.t[SLOT_RESIDUAL].count; ++i) {
    double x = tensor_get(&b->in.t[SLOT_X], i); /* ordinary, cancelling, far larger */
    store(&b->in.t[SLOT_RESIDUAL], i, i % 3 ? normal() : i % 2 ? -x : fabs(x) < 1e36 ? x * 100 : x);
  }
  for (size_t i = 0; i < b->in.t[SLOT_GAMMA].count; ++i) store(&b->in.t[SLOT_GAMMA], i, scale * (1 + 0.3 * normal()));
  for (size_t i = 0; i < b->in.t[SLOT_BETA].count; ++i)
    store(&b->in.t[SLOT_BETA], i, normal() * (draw() % 3 ? 1 : 1e-3 * scale));
  for (size_t i = 0; i < b->in.t[SLOT_RUNNING_MEAN].count; ++i) {
    double mean = element(family, i, 8, 0) + uniform() * 1e-9;
    store(&b->in.t[SLOT_RUNNING_MEAN], i, half ? fmod(mean, 4096) : mean); /* finite */
    store(&b->in.t[SLOT_RUNNING_VAR], i, uniform() * (draw() % 4 ? 1 : 1e-6) + (half ? 0x1p-20 : 0)); /* not 0 */
  }
  assert_int_equal(oracle_run(&b->p, &b->in, &b->truth, &e), 0);
}

/* The result of one operation, as the kernel's epilogue has it: for floats too, double does not round twice. */
static double in(const struct kernel *k, double v)
{
  return k->arithmetic == DOUBLES ? v : k->arithmetic >= NARROW ? in_narrow(v) : (float)v;
}

/* r + w (b - r) or (1-w) r + w b */
static double update(const struct kernel *k, double r, double b, double w)
{
  const double old = in(k, r), new = in(k, b), weight = in(k, w);
  if (style.fma) return in(k, old + in(k, weight * in(k, new - old)));
  return in(k, in(k, in(k, 1 - weight) * old) + in(k, weight * new));
}

static double average(const struct kernel *k, const double *v, size_t n)
{
  float *f = malloc((n + 1) * sizeof *f);
  for (size_t i = 0; i < n; ++i) f[i] = (float)v[i];
  double mean = k->arithmetic == DOUBLES  ? divide_double(sum_double(v, n, k->order), n)
                : k->arithmetic == NARROW ? divide_narrow(sum_narrow(v, n, k->order), n)
                                          : divide_single(sum_single(f, n, k->order), n);
  free(f);
  return in(k, mean);
}

/* Channel c, from the estimates of its groups: averaged and taken in, or taken in one by one and averaged. */
static void running_result(struct bench *b, const struct kernel *k, enum slot slot, size_t c)
{
  size_t n = problem_groups(&b->p) / b->p.c, m = problem_running_m(&b->p);
  double old = entry(b, slot, c, 0), *batch = malloc((n + 1) * sizeof *batch);
  for (size_t i = 0; i < n; ++i) {
    const double *s = b->statistics[i * b->p.c + c];
    const size_t divisor = m > 1 ? m - 1 : 1;
    double unbiased = in(k, s[2] * in(k, in(k, (double)m) / in(k, (double)divisor)));
    batch[i] = slot == SLOT_RUNNING_MEAN ? s[0] : unbiased;
    if (style.late) batch[i] = update(k, old, batch[i], b->p.momentum);
  }
  double mean = n > 1 ? average(k, batch, n) : *batch;
  store(&b->out.t[slot], c, style.late ? mean : update(k, old, mean, b->p.momentum));
  free(batch);
}

/* x, or x + residual: a sum that is a number of the tensor's type or of the arithmetic. What is stored is of the type. */
static double summed(struct bench *b, const struct kernel *k, size_t i)
{
  double x = tensor_get(&b->in.t[SLOT_X], i);
  if (!b->p.residual) return x;
  double r = tensor_get(&b->in.t[SLOT_RESIDUAL], i), sum = in(k, x + r);
  store(&b->out.t[SLOT_SUM], i, sum);
  return style.late ? tensor_get(&b->out.t[SLOT_SUM], i) : sum;
}

static void group_results(struct bench *b, const struct kernel *k, size_t g)
{
  struct runs r = problem_runs(&b->p, g);
  size_t m = problem_m(&b->p);
  const bool plus_one = b->p.casts == NORMATIVE_CAST_PLUS_ONE;
  double *s = b->statistics[g];
  for (size_t i = 0; i < m; ++i) {
    double gamma = entry(b, SLOT_GAMMA, param_at(&r, i), 1);
    b->x[i] = summed(b, k, element_at(&r, i));
    b->gamma[i] = plus_one ? in(k, in(k, gamma) + 1) : gamma;
    b->beta[i] = entry(b, SLOT_BETA, param_at(&r, i), 0);
  }
  run_kernel(k, b->x, m, b->gamma, b->beta, b->p.eps, b->y, s);
  for (size_t i = 0; i < m; ++i) store(&b->out.t[SLOT_Y], element_at(&r, i), b->y[i]);
  const enum slot saved[] = {SLOT_MEAN, SLOT_RSTD, SLOT_VARIANCE};
  for (int i = 0; i < 3; ++i)
    if (b->out.t[saved[i]].data) store(&b->out.t[saved[i]], g, s[i]);
}

/* Evaluation has no algorithm: the given statistics, in the kernel's arithmetic. */
static void evaluate(struct bench *b, const struct kernel *k, size_t g)
{
  struct runs r = problem_runs(&b->p, g);
  double mean = entry(b, SLOT_RUNNING_MEAN, g % b->p.c, 0), var = entry(b, SLOT_RUNNING_VAR, g % b->p.c, 1), y;
  struct moments_double wide = {mean, 0, var};
  struct moments_single single = {(float)mean, 0, (float)var};
  struct moments_narrow narrow = {in(k, mean), 0, in(k, var)};
  for (size_t e = 0; e < problem_m(&b->p); ++e) {
    size_t i = element_at(&r, e), c = param_at(&r, e);
    double x = tensor_get(&b->in.t[SLOT_X], i), gamma = entry(b, SLOT_GAMMA, c, 1), beta = entry(b, SLOT_BETA, c, 0);
    if (k->arithmetic == DOUBLES) y = apply_double(x, &wide, rstd_double(var, b->p.eps), gamma, beta);
    else if (k->arithmetic >= NARROW)
      y = apply_narrow(x, &narrow, rstd_narrow(narrow.var, in(k, b->p.eps)), in(k, gamma), in(k, beta));
    else y = apply_single((float)x, &single, rstd_single(single.var, (float)b->p.eps), (float)gamma, (float)beta);
    store(&b->out.t[SLOT_Y], i, y);
  }
}

static void all_results(struct bench *b, const struct kernel *k)
{
  for (size_t g = 0; g < problem_groups(&b->p); ++g) {
    if (b->p.mode == NORMATIVE_EVALUATION) evaluate(b, k, g);
    else group_results(b, k, g);
  }
  for (size_t c = 0; b->out.t[SLOT_RUNNING_MEAN].data && c < b->p.c; ++c) {
    running_result(b, k, SLOT_RUNNING_MEAN, c);
    running_result(b, k, SLOT_RUNNING_VAR, c);
  }
}

/* ---- the comparison ---- */

struct largest { double ratio; char where[200]; };

static void compare(struct bench *b, const struct kernel *k, enum family family, struct largest *worst)
{
  struct judgement j;
  struct error e;
  char where[200];
  const struct preset *preset = preset_find(k->preset, &e);
  assert_non_null(preset);
  bool ftz = strstr(k->preset, "ftz");
  draw_style(k, &b->p);
  unsigned before = flush_on(ftz);
  all_results(b, k);
  flush_back(before);
  judge(&b->p, &b->in, &b->truth, &b->out, preset, false, &j);
  const struct finding *f = &j.finding[0];
  snprintf(where, sizeof where, "%s family %d m %zu eps %g fma %d reciprocal %d newton %d gamma first %d folded %d",
           slot_name[f->slot], family, problem_m(&b->p), b->p.eps, style.fma, style.reciprocal, style.newton,
           style.gamma_first, style.folded);
  if (j.verdict == FAIL)
    fail_msg("%s, algorithm %d, order %d: %s[%zu]: expected %a, got %a: %g nULP, bound %g", k->preset, k->algorithm, k->order, where,
             f->index, f->expected, f->got, f->nulp, f->bound);
  if (j.verdict == RANGE || !(f->bound > 0) || !(f->nulp / f->bound > worst->ratio)) return;
  worst->ratio = f->nulp / f->bound;
  memcpy(worst->where, where, sizeof where);
}

/* One set of data under every kernel. variant: which eps, and where it goes. */
static void one_case(const struct kernel *kernels, size_t count, const struct normative_problem *p, size_t m, enum family family,
                     int variant, struct largest *worst)
{
  static const double eps[] = {0x1.4f8b58p-17 /* 1e-5f */, 0, 0x1.19799ap-40 /* 1e-12f */, 0.5};
  static const uint32_t place[] = {NORMATIVE_EPS_INSIDE, NORMATIVE_EPS_INSIDE, NORMATIVE_EPS_OUTSIDE, NORMATIVE_EPS_MAX};
  struct bench b = {.p = *p};
  shape_groups(&b.p, m, m > 1000 ? 1 : p->dims[0]);
  b.p.eps = eps[variant % 4];
  b.p.eps_place = place[variant / 4 % 4];
  b.p.stat_type = draw() % 2 ? NORMATIVE_F64 : p->stat_type;
  b.p.saved = p->mode == NORMATIVE_TRAINING && variant % 2 ? NORMATIVE_SAVED_VARIANCE : NORMATIVE_SAVED_RSTD;
  b.p.has_gamma = p->casts == NORMATIVE_CAST_PLUS_ONE || draw() % 4 != 0;
  b.p.has_beta = draw() % 2;
  bench_open(&b);
  bench_fill(&b, family);
  if (type_size(b.p.type) == 2 && !p->residual && p->casts == NORMATIVE_CAST_ONCE && draw() % 3 == 0)
    b.p.casts = NORMATIVE_CAST_NORMAL; /* the exact value is the same */
  for (size_t k = 0; k < count; ++k) compare(&b, &kernels[k], family, &worst[k]);
  bench_close(&b);
}

static void all_within(const struct kernel *kernels, size_t count, const struct normative_problem *p, const size_t *length, size_t n)
{
  struct largest worst[32] = {0};
  for (int round = 0; round < 2 * rounds; ++round)
    for (size_t l = 0; l < n; ++l)
      for (int family = 0; family < FAMILIES; ++family)
        one_case(kernels, count, p, length[l], (enum family)family, (int)l * 5 + family * 3 + round * 7, worst);
  for (size_t k = 0; k < count; ++k) {
    if (verbose)
      print_message("%-26s algorithm %d order %d: %.3f  %s\n", kernels[k].preset, kernels[k].algorithm, kernels[k].order, worst[k].ratio,
                    worst[k].where);
    if (!(worst[k].ratio >= kernels[k].least))
      fail_msg("%s, algorithm %d: errors reach only %g of the bound", kernels[k].preset, kernels[k].algorithm, worst[k].ratio);
  }
}

static struct normative_problem problem(uint32_t norm, uint32_t type, uint32_t stat_type, size_t groups)
{
  struct normative_problem p;
  problem_default(&p, norm, NORMATIVE_FORWARD, type);
  p.stat_type = stat_type;
  p.ndim = 2;
  p.dims[0] = p.dims[1] = groups;
  return p;
}

#define COUNT(array) (sizeof array / sizeof *array)
static const size_t lengths[] = {1, 2, 3, 5, 17, 64, 257, 1000, 5000};

static void test_two_pass_and_its_corrections(void **state)
{
  static const struct kernel kernels[] = {
    {"f32-sequential", PLAIN, IN_TURN, SINGLES, 0.45}, {"f32-pairwise", PLAIN, IN_PAIRS, SINGLES, 0.45},
    {"f32-two-pass", PLAIN, AT_RANDOM, SINGLES, 0.45}, {"f32-lanes", PLAIN, IN_LANES, SINGLES, 0.45},
    {"f32-sequential", CORRECTION, IN_TURN, SINGLES, 0.45}, {"f32-pairwise", CORRECTION, IN_PAIRS, SINGLES, 0.45},
    {"f32-sequential", CORRECTED_MEAN, IN_TURN, SINGLES, 0.45}, {"f32-lanes", CORRECTED_MEAN, IN_LANES, SINGLES, 0.45},
    {"f32-sequential-folded", PLAIN, IN_TURN, SINGLES, 0.25}, {"f32-two-pass-folded", PLAIN, AT_RANDOM, SINGLES, 0.25}};
  (void)state;
  struct normative_problem p = problem(NORMATIVE_LAYERNORM, NORMATIVE_F32, NORMATIVE_F32, 4);
  all_within(kernels, COUNT(kernels), &p, lengths, COUNT(lengths));
}

static void test_other_algorithms(void **state)
{
  static const struct kernel kernels[] = {
    {"f32-one-pass", ONCE, IN_TURN, SINGLES, 0.45}, {"f32-one-pass", ONCE, IN_LANES, SINGLES, 0.45},
    {"f32-one-pass-folded", ONCE, IN_TURN, SINGLES, 0.25}, {"f32-welford-long", WELFORDS, IN_TURN, SINGLES, 0.45},
    {"f32-welford-long-folded", WELFORDS, IN_TURN, SINGLES, 0.25}, {"f32-merge", MERGED, IN_PAIRS, SINGLES, 0.15}};
  (void)state;
  struct normative_problem p = problem(NORMATIVE_LAYERNORM, NORMATIVE_F32, NORMATIVE_F32, 4);
  all_within(kernels, COUNT(kernels), &p, lengths, COUNT(lengths));
}

static void test_double_statistics(void **state)
{
  static const struct kernel kernels[] = {
    {"f64-two-pass", PLAIN, IN_TURN, DOUBLES, 0.99}, {"f64-two-pass", CORRECTION, IN_LANES, DOUBLES, 0.99},
    {"f64-two-pass", CORRECTED_MEAN, IN_TURN, DOUBLES, 0.99}, {"f64-two-pass-folded", PLAIN, IN_TURN, DOUBLES, 0.4},
    {"f64-stats", PLAIN, IN_TURN, MIXED, 0.8}, {"f64-stats", PLAIN, IN_TURN, MIXED_HIGH_LOW, 0.6},
    {"f64-stats", ONCE, IN_LANES, MIXED, 0.8}, {"f64-stats", CORRECTED_MEAN, IN_LANES, MIXED_HIGH_LOW, 0.6},
    {"f64-stats-folded", PLAIN, IN_TURN, MIXED, 0.4}};
  (void)state;
  struct normative_problem p = problem(NORMATIVE_LAYERNORM, NORMATIVE_F32, NORMATIVE_F32, 4);
  all_within(kernels, COUNT(kernels), &p, lengths, COUNT(lengths));
}

static void test_mean_square(void **state)
{
  static const struct kernel kernels[] = {
    {"f32-sequential", MEAN_SQUARE, IN_TURN, SINGLES, 0.45}, {"f32-pairwise", MEAN_SQUARE, IN_PAIRS, SINGLES, 0.45},
    {"f32-lanes", MEAN_SQUARE, IN_LANES, SINGLES, 0.45}, {"f32-merge", MEAN_SQUARE, IN_PAIRS, SINGLES, 0.5},
    {"f64-stats", MEAN_SQUARE, IN_TURN, MIXED, 0.6}, {"f64-two-pass", MEAN_SQUARE, IN_TURN, DOUBLES, 0.99}};
  (void)state;
  struct normative_problem p = problem(NORMATIVE_RMSNORM, NORMATIVE_F32, NORMATIVE_F32, 4);
  all_within(kernels, COUNT(kernels), &p, lengths, COUNT(lengths));
}

static void test_flushed_subnormals(void **state)
{
#ifdef __SSE2__
  static const struct kernel kernels[] = {
    {"f32-sequential-ftz", PLAIN, IN_TURN, SINGLES, 0.2}, {"f32-lanes-ftz", CORRECTED_MEAN, IN_LANES, SINGLES, 0.2},
    {"f32-one-pass-ftz", ONCE, IN_TURN, SINGLES, 0.2}, {"f32-welford-long-ftz", WELFORDS, IN_TURN, SINGLES, 0.2},
    {"f32-merge-ftz", MERGED, IN_PAIRS, SINGLES, 0.2}, {"f32-sequential-folded-ftz", PLAIN, IN_TURN, SINGLES, 0.25},
    {"f64-stats-ftz", PLAIN, IN_TURN, MIXED, 0.6}, {"f64-two-pass-ftz", CORRECTION, IN_TURN, DOUBLES, 0.6}};
  struct normative_problem p = problem(NORMATIVE_LAYERNORM, NORMATIVE_F32, NORMATIVE_F32, 4);
  all_within(kernels, COUNT(kernels), &p, lengths, COUNT(lengths));
#endif
  (void)state;
}

static void test_narrow_tensors(void **state)
{
  static const struct kernel kernels[] = {
    {"f32-sequential", PLAIN, IN_TURN, SINGLES, 0.45}, {"f32-one-pass", ONCE, IN_LANES, SINGLES, 0.45},
    {"f32-welford-long-folded", WELFORDS, IN_TURN, SINGLES, 0.25}, {"f64-stats", PLAIN, IN_TURN, MIXED, 0.9},
    {"f64-two-pass", CORRECTED_MEAN, IN_TURN, DOUBLES, 0.99}};
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
  {type "-two-pass", PLAIN, IN_TURN, NARROW, 0.15}, {type "-two-pass", CORRECTION, IN_PAIRS, NARROW, 0.15}, \
  {type "-two-pass", CORRECTED_MEAN, AT_RANDOM, NARROW, 0.15}, {type "-two-pass-folded", PLAIN, IN_LANES, NARROW, 0.15}, \
  {type "-one-pass", ONCE, IN_TURN, NARROW, 0.15}, {type "-one-pass-folded", ONCE, IN_LANES, NARROW, 0.15}, \
  {type "-two-pass-ftz", PLAIN, IN_TURN, NARROW, 0.15}, {type "-one-pass-ftz", ONCE, IN_PAIRS, NARROW, 0.15}, \
  {type "-epilogue", PLAIN, IN_LANES, NARROW_EPILOGUE, 0.15}, {type "-epilogue", ONCE, IN_TURN, NARROW_EPILOGUE, 0.15}, \
  {type "-epilogue-folded", WELFORDS, IN_TURN, NARROW_EPILOGUE, 0.15}, \
  {type "-epilogue-ftz", ONCE, IN_PAIRS, NARROW_EPILOGUE, 0.15}}
#define SQUARES_IN_16_BITS(type) { \
  {type "-two-pass", MEAN_SQUARE, IN_TURN, NARROW, 0.15}, {type "-two-pass-ftz", MEAN_SQUARE, IN_PAIRS, NARROW, 0.15}, \
  {type "-epilogue", MEAN_SQUARE, IN_LANES, NARROW_EPILOGUE, 0.15}}
static const struct kernel in_16_bits[][12] = {[NORMATIVE_F16] = IN_16_BITS("f16"), [NORMATIVE_BF16] = IN_16_BITS("bf16")};
static const struct kernel squares_in_16_bits[][3] = {[NORMATIVE_F16] = SQUARES_IN_16_BITS("f16"),
                                                      [NORMATIVE_BF16] = SQUARES_IN_16_BITS("bf16")};

/* own: parameters and statistics have the tensors' type, or float. */
static struct normative_problem narrow_problem(uint32_t norm, uint32_t type, bool own)
{
  struct normative_problem p = problem(norm, type, own ? type : NORMATIVE_F32, 4);
  p.param_type = p.stat_type;
  return p;
}

static void test_sums_in_16_bits(void **state)
{
  (void)state;
  for (uint32_t type = NORMATIVE_F16; type <= NORMATIVE_BF16; ++type)
    for (int own = 0; own < 2; ++own) {
      struct normative_problem p = narrow_problem(NORMATIVE_LAYERNORM, type, own);
      all_within(in_16_bits[type], COUNT(*in_16_bits), &p, lengths, COUNT(lengths) - 1);
      p.norm = NORMATIVE_RMSNORM;
      all_within(squares_in_16_bits[type], COUNT(*squares_in_16_bits), &p, lengths, COUNT(lengths) - 1);
    }
}

static void test_double_tensors(void **state)
{
  static const struct kernel kernels[] = {
    {"f64-two-pass", PLAIN, IN_TURN, DOUBLES, 0.9}, {"f64-two-pass", CORRECTION, IN_LANES, DOUBLES, 0.9},
    {"f64-two-pass", CORRECTED_MEAN, IN_PAIRS, DOUBLES, 0.9}, {"f64-welford", WELFORDS, IN_TURN, DOUBLES, 0.8},
    {"f64-merge", MERGED, IN_PAIRS, DOUBLES, 0.3}, {"f64-one-pass", ONCE, IN_TURN, DOUBLES, 0.8},
    {"f64-one-pass-folded", ONCE, IN_TURN, DOUBLES, 0.4}};
  (void)state;
  struct normative_problem p = problem(NORMATIVE_LAYERNORM, NORMATIVE_F64, NORMATIVE_F64, 4);
  p.param_type = NORMATIVE_F64;
  all_within(kernels, COUNT(kernels), &p, lengths, COUNT(lengths));
}

static const struct kernel batch_kernels[] = {
  {"f32-sequential", PLAIN, IN_TURN, SINGLES, 0.45}, {"f32-welford-long-folded", WELFORDS, IN_TURN, SINGLES, 0.25},
  {"f64-stats", PLAIN, IN_TURN, MIXED, 0.5}, {"f64-two-pass", CORRECTION, IN_TURN, DOUBLES, 0.8}};

static const uint32_t tracked[] = {NORMATIVE_BATCHNORM, NORMATIVE_INSTANCENORM};

static void test_running_statistics(void **state)
{
  static const size_t at_least_two[] = {2, 3, 8, 33, 257}, or_one[] = {1, 2, 8, 33};
  (void)state;
  for (size_t n = 0; n < COUNT(tracked); ++n) {
    struct normative_problem p = problem(tracked[n], NORMATIVE_F32, NORMATIVE_F32, n ? 99 : 3); /* many instances to average */
    p.running = 1;
    all_within(batch_kernels, COUNT(batch_kernels), &p, at_least_two, COUNT(at_least_two));
    p.estimator = NORMATIVE_UNBIASED1;
    all_within(batch_kernels, COUNT(batch_kernels), &p, or_one, COUNT(or_one));
    p.estimator = NORMATIVE_UNBIASED;
    p.stat_type = p.type = p.param_type = NORMATIVE_F16;
    all_within(batch_kernels, COUNT(batch_kernels), &p, at_least_two, COUNT(at_least_two));
  }
}

static void test_evaluation(void **state)
{
  static const size_t some[] = {1, 5, 64};
  (void)state;
  for (size_t n = 0; n < COUNT(tracked); ++n) {
    struct normative_problem p = problem(tracked[n], NORMATIVE_F32, NORMATIVE_F32, 3);
    p.running = 1;
    p.mode = NORMATIVE_EVALUATION;
    all_within(batch_kernels, COUNT(batch_kernels), &p, some, COUNT(some));
  }
}

/* ---- the other norms: the same kernels over other index maps ---- */

static const struct kernel group_kernels[] = {
  {"f32-sequential", PLAIN, IN_TURN, SINGLES, 0.4}, {"f32-two-pass", CORRECTION, AT_RANDOM, SINGLES, 0.4},
  {"f32-welford-long-folded", WELFORDS, IN_TURN, SINGLES, 0.2}, {"f64-stats", ONCE, IN_LANES, MIXED, 0.6},
  {"f64-two-pass", CORRECTED_MEAN, IN_TURN, DOUBLES, 0.9}};
#include "hostile_maps.inc"

static void test_gamma_plus_one(void **state)
{
  (void)state;
  struct normative_problem p = problem(NORMATIVE_LAYERNORM, NORMATIVE_F32, NORMATIVE_F32, 3);
  p.casts = NORMATIVE_CAST_PLUS_ONE;
  all_within(group_kernels, COUNT(group_kernels), &p, few, COUNT(few));
}

/* x + residual, rounded to the tensor's type or not, is what is normalized. */
static void test_residuals(void **state)
{
  static const struct kernel squares[] = {{"f32-sequential", MEAN_SQUARE, IN_TURN, SINGLES, 0.3},
                                          {"f64-two-pass", MEAN_SQUARE, IN_TURN, DOUBLES, 0.3}};
  static const struct kernel moments[] = {
    {"f32-sequential", PLAIN, IN_TURN, SINGLES, 0.2}, {"f32-one-pass", ONCE, IN_LANES, SINGLES, 0.2},
    {"f32-welford-long-folded", WELFORDS, IN_TURN, SINGLES, 0.15}, {"f64-two-pass", CORRECTION, IN_TURN, DOUBLES, 0.2}};
  static const uint32_t types[] = {NORMATIVE_F32, NORMATIVE_BF16};
  (void)state;
  for (size_t i = 0; i < COUNT(types); ++i) {
    struct normative_problem p = problem(NORMATIVE_LAYERNORM, types[i], NORMATIVE_F32, 3);
    p.residual = 1;
    all_within(moments, COUNT(moments), &p, few, COUNT(few));
    p.norm = NORMATIVE_RMSNORM;
    all_within(squares, COUNT(squares), &p, few, COUNT(few));
  }
}

/* What else a kernel in 16 bits converts or rounds: running statistics, 1 + gamma, a residual. */
static void test_conventions_in_16_bits(void **state)
{
  static const size_t some[] = {2, 5, 64};
  (void)state;
  for (uint32_t type = NORMATIVE_F16; type <= NORMATIVE_BF16; ++type)
    for (int variant = 0; variant < 12; ++variant) {
      struct normative_problem p = narrow_problem(NORMATIVE_LAYERNORM, type, variant % 2);
      if (variant < 8) p.norm = tracked[variant / 2 % 2], p.running = 1;
      if (variant < 4) p.mode = NORMATIVE_EVALUATION;
      if (variant / 2 == 4) p.casts = NORMATIVE_CAST_PLUS_ONE;
      if (variant / 2 == 5) p.residual = 1;
      all_within(in_16_bits[type], COUNT(*in_16_bits), &p, some, COUNT(some));
    }
}

int main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_two_pass_and_its_corrections),
    cmocka_unit_test(test_other_algorithms),
    cmocka_unit_test(test_double_statistics),
    cmocka_unit_test(test_mean_square),
    cmocka_unit_test(test_flushed_subnormals),
    cmocka_unit_test(test_narrow_tensors),
    cmocka_unit_test(test_sums_in_16_bits),
    cmocka_unit_test(test_double_tensors),
    cmocka_unit_test(test_running_statistics),
    cmocka_unit_test(test_evaluation),
    cmocka_unit_test(test_index_maps),
    cmocka_unit_test(test_affine_by_group_and_element),
    cmocka_unit_test(test_gamma_plus_one),
    cmocka_unit_test(test_residuals),
    cmocka_unit_test(test_conventions_in_16_bits),
  };
  verbose = argc > 1;
  if (verbose) rounds = atoi(argv[1]);
  if (argc > 2) cmocka_set_test_filter(argv[2]);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
