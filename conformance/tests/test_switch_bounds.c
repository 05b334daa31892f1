/* SPDX-License-Identifier: Apache-2.0
   The bounds of SwitchableNorm against honest kernels on hostile data, as test_bounds.c does for the other norms; and kernels
   with a fault, which no preset may cover. `test_switch_bounds N [TEST]` takes N times as much data and prints. */
#include "hostile.h"

static int rounds = 1;
static bool verbose;

static enum fault {
  RIGHT, SWAPPED, REORDERED, UNBIASED, NOT_BETWEEN, UNSHIFTED, NOT_OVER_C, NOT_OVER_N, NO_WEIGHT, FAULTS
} fault;

/* Sums of backward: those of mixed kernels are double. */
static float total_single(const float *v, size_t n, const struct kernel *k)
{
  if (k->arithmetic == SINGLES) return sum_single(v, n, k->order);
  double *wide = malloc((n + 1) * sizeof *wide);
  for (size_t i = 0; i < n; ++i) wide[i] = v[i];
  double s = sum_double(wide, n, k->order);
  free(wide);
  return (float)s;
}

static double total_double(const double *v, size_t n, const struct kernel *k) { return sum_double(v, n, k->order); }

static double total_narrow(const double *v, size_t n, const struct kernel *k)
{
  if (k->arithmetic == NARROW) return sum_narrow(v, n, k->order);
  float *wide = malloc((n + 1) * sizeof *wide);
  for (size_t i = 0; i < n; ++i) wide[i] = (float)v[i];
  double s = sum_single(wide, n, k->order);
  free(wide);
  return in_narrow(s);
}

#define REAL float
#define FMA fmaf
#define EXP expf
#define R(v) ((float)(v))
#define NAMED(name) name##_single
#include "honest_switch.inc"
#undef REAL
#undef FMA
#undef EXP
#undef R
#undef NAMED
#define REAL double
#define FMA fma
#define EXP exp
#define R(v) (v)
#define NAMED(name) name##_double
#include "honest_switch.inc"
#undef R
#undef NAMED
#define R(v) in_narrow(v)
#define NAMED(name) name##_narrow
#include "honest_switch.inc"

/* Double statistics, float from there on. */
static void statistics_mixed(struct bench *b, struct switched_single *a)
{
  struct switched_double wide = open_double(b, a->k);
  const size_t count[] = {b->p.n * b->p.c, b->p.n, b->p.c};
  all_statistics_double(&wide);
  for (int k = 0; k < 3; ++k)
    for (size_t i = 0; i < count[k]; ++i) {
      a->mean[k][i] = (float)wide.mean[k][i];
      a->var[k][i] = (float)wide.var[k][i];
    }
  close_double(&wide);
}

static void run_single(struct bench *b, const struct kernel *k)
{
  struct switched_single a = open_single(b, k);
  if (k->arithmetic == SINGLES) all_statistics_single(&a);
  else statistics_mixed(b, &a);
  (b->p.direction == NORMATIVE_FORWARD ? switch_forward_single : switch_backward_single)(b, &a);
  close_single(&a);
}

/* Float statistics, 16 bits from there on. */
static void statistics_epilogue(struct bench *b, struct switched_narrow *a)
{
  struct switched_single wide = open_single(b, a->k);
  const size_t count[] = {b->p.n * b->p.c, b->p.n, b->p.c};
  all_statistics_single(&wide);
  for (int k = 0; k < 3; ++k)
    for (size_t i = 0; i < count[k]; ++i) {
      a->mean[k][i] = in_narrow(wide.mean[k][i]);
      a->var[k][i] = in_narrow(wide.var[k][i]);
    }
  close_single(&wide);
}

static void run_narrow(struct bench *b, const struct kernel *k)
{
  struct switched_narrow a = open_narrow(b, k);
  if (k->arithmetic == NARROW) all_statistics_narrow(&a);
  else statistics_epilogue(b, &a);
  (b->p.direction == NORMATIVE_FORWARD ? switch_forward_narrow : switch_backward_narrow)(b, &a);
  close_narrow(&a);
}

static void run_double(struct bench *b, const struct kernel *k)
{
  struct switched_double a = open_double(b, k);
  all_statistics_double(&a);
  (b->p.direction == NORMATIVE_FORWARD ? switch_forward_double : switch_backward_double)(b, &a);
  close_double(&a);
}

/* ---- data ---- */

enum lambdas { NEAR_1, EQUAL, ONE_HOT, FAR_APART, NEGATIVE, LARGE_ALIKE, LAMBDAS };

static double lambda(enum lambdas kind, size_t k)
{
  switch (kind) {
  case NEAR_1: return 1 + 0.3 * normal();
  case EQUAL: return 0.5;
  case ONE_HOT: return k == 1 ? 30 : 0;
  case FAR_APART: return k == 2 ? 1e4 : -100.0 * (double)k;
  case NEGATIVE: return -8 * uniform();
  default: return 1000 + uniform();
  }
}

static void bench_fill(struct bench *b, enum family family, enum lambdas kind)
{
  static const double scales[] = {1, 1, 3, 0.1}, gains[] = {1, 1, 1, 1e10, 1e-10, 0};
  const bool narrow = b->p.type == NORMATIVE_F16, hostile = draw() % 3 == 0;
  const double gain = narrow || family == GAUSSIAN ? 1 : gains[draw() % 6];
  struct error e;
  double x = 0, dy = 0;
  for (size_t g = 0; g < problem_groups(&b->p); ++g) {
    struct runs r = problem_runs(&b->p, g);
    const double scale = family == CONSTANT || family == NEAR_MAX ? 1 : scales[draw() % 4];
    for (size_t i = 0; i < b->p.s; ++i) {
      store(&b->in.t[SLOT_X], element_at(&r, i), (x = element(family, i, b->p.s, x)) * scale);
      dy = hostile ? element((enum family)(draw() % 8), i, b->p.s, dy) : normal();
      if (b->in.t[SLOT_DY].data) store(&b->in.t[SLOT_DY], element_at(&r, i), dy);
    }
  }
  for (size_t i = 0; i < b->in.t[SLOT_GAMMA].count; ++i) store(&b->in.t[SLOT_GAMMA], i, gain * (1 + 0.3 * normal()));
  for (size_t i = 0; i < b->in.t[SLOT_BETA].count; ++i) store(&b->in.t[SLOT_BETA], i, normal());
  for (size_t k = 0; k < b->in.t[SLOT_LAMBDA_MEAN].count; ++k) {
    store(&b->in.t[SLOT_LAMBDA_MEAN], k, lambda(kind, k));
    store(&b->in.t[SLOT_LAMBDA_VAR], k, lambda(kind, k));
  }
  for (size_t i = 0; i < b->in.t[SLOT_RUNNING_MEAN].count; ++i) {
    store(&b->in.t[SLOT_RUNNING_MEAN], i, element(family, i, 8, 0));
    store(&b->in.t[SLOT_RUNNING_VAR], i, uniform() + 1e-3);
  }
  if (oracle_run(&b->p, &b->in, &b->truth, &e)) fail_msg("%s", e.text);
}

/* ---- the comparison ---- */

static const enum slot outputs[] = {SLOT_Y,      SLOT_RUNNING_MEAN, SLOT_RUNNING_VAR,  SLOT_DX,
                                    SLOT_DGAMMA, SLOT_DBETA,        SLOT_DLAMBDA_MEAN, SLOT_DLAMBDA_VAR};
enum { OUTPUTS = sizeof outputs / sizeof *outputs };
struct largest { double ratio; char where[160]; };

static void judge_outputs(struct bench *b, const struct kernel *k, const struct tensors *out, const char *where,
                          struct largest *worst)
{
  struct judgement j;
  struct error e;
  judge(&b->p, &b->in, &b->truth, out, preset_find(k->preset, &e), false, &j);
  const struct finding *f = &j.finding[0];
  if (j.verdict == FAIL)
    fail_msg("%s, algorithm %d, order %d: %s[%zu] %s: expected %a, got %a: %g nULP, bound %g", k->preset, k->algorithm,
             k->order, slot_name[f->slot], f->index, where, f->expected, f->got, f->nulp, f->bound);
  if (j.verdict == RANGE || !(f->bound > 0) || !(f->nulp / f->bound > worst->ratio)) return;
  worst->ratio = f->nulp / f->bound;
  memcpy(worst->where, where, sizeof worst->where);
}

static void run_kernel(struct bench *b, const struct kernel *k)
{
  draw_style(k, &b->p);
  unsigned before = flush_on(strstr(k->preset, "ftz"));
  (k->arithmetic == DOUBLES ? run_double : k->arithmetic >= NARROW ? run_narrow : run_single)(b, k);
  flush_back(before);
}

static void compare(struct bench *b, const struct kernel *k, enum family family, enum lambdas kind,
                    struct largest worst[OUTPUTS])
{
  char where[160];
  run_kernel(b, k);
  snprintf(where, sizeof where, "family %d lambdas %d %llux%llux%llu eps %g late %d fma %d reciprocal %d folded %d", family,
           kind, (unsigned long long)b->p.n, (unsigned long long)b->p.c, (unsigned long long)b->p.s, b->p.eps, style.late, style.fma,
           style.reciprocal, style.folded);
  if (!verbose) judge_outputs(b, k, &b->out, where, worst);
  for (int o = 0; verbose && o < OUTPUTS; ++o) {
    struct tensors only = {0};
    only.t[outputs[o]] = b->out.t[outputs[o]];
    if (only.t[outputs[o]].data) judge_outputs(b, k, &only, where, &worst[o]);
  }
}

static void one_case(const struct kernel *kernels, size_t count, const struct normative_problem *p, const uint64_t sizes[3],
                     enum family family, int variant, struct largest (*worst)[OUTPUTS])
{
  static const double eps[] = {0x1.4f8b58p-17, 0x1.19799ap-40, 0.5};
  const enum lambdas kind = (enum lambdas)(variant % LAMBDAS);
  struct bench b = {.p = *p};
  b.p.ndim = 3;
  memcpy(b.p.dims, sizes, 3 * sizeof *sizes);
  b.p.eps = eps[variant % 3];
  b.p.layout = draw() % 2 ? NORMATIVE_NSC : NORMATIVE_NCS;
  b.p.has_gamma = draw() % 4 != 0;
  if (b.p.has_gamma && draw() % 4 == 0) b.p.casts = NORMATIVE_CAST_PLUS_ONE;
  if (type_size(b.p.type) == 2 && draw() % 3 == 0) b.p.casts = NORMATIVE_CAST_NORMAL; /* the exact value is the same */
  bench_open(&b);
  bench_fill(&b, family, b.p.type == NORMATIVE_F16 && kind == FAR_APART ? NEAR_1 : kind);
  for (size_t k = 0; k < count; ++k) compare(&b, &kernels[k], family, kind, worst[k]);
  bench_close(&b);
}

static const uint64_t shapes[][3] = {{2, 3, 5}, {1, 4, 16}, {5, 1, 7}, {3, 2, 64}, {4, 6, 33}, {2, 2, 700}, {1, 1, 9},
                                     {40, 3, 2}};
#define COUNT(array) (sizeof array / sizeof *array)

static void all_within(const struct kernel *kernels, size_t count, const struct normative_problem *p)
{
  struct largest worst[16][OUTPUTS] = {0};
  for (int round = 0; round < rounds; ++round)
    for (size_t l = 0; l < COUNT(shapes); ++l)
      for (int family = 0; family < FAMILIES; ++family)
        one_case(kernels, count, p, shapes[l], (enum family)family, (int)l * 5 + family * 3 + round * 7, worst);
  for (size_t k = 0; k < count; ++k) {
    double most = 0;
    for (int o = 0; o < OUTPUTS; ++o) {
      if (!verbose || outputs[o] == SLOT_Y || outputs[o] == SLOT_DX) most = fmax(most, worst[k][o].ratio);
      if (verbose && worst[k][o].where[0])
        print_message("%-24s algorithm %d order %d %-12s: %.3f  %s\n", kernels[k].preset, kernels[k].algorithm,
                      kernels[k].order, slot_name[outputs[o]], worst[k][o].ratio, worst[k][o].where);
    }
    if (!(most >= kernels[k].least))
      fail_msg("%s, algorithm %d: errors reach only %g of the bound", kernels[k].preset, kernels[k].algorithm, most);
  }
}

static const struct kernel kernels[] = {
  {"f32-sequential", PLAIN, IN_TURN, SINGLES, 0.02},      {"f32-pairwise", CORRECTION, IN_PAIRS, SINGLES, 0.02},
  {"f32-two-pass", CORRECTED_MEAN, AT_RANDOM, SINGLES, 0.02}, {"f32-one-pass", ONCE, IN_TURN, SINGLES, 0.02},
  {"f32-welford-long", WELFORDS, IN_TURN, SINGLES, 0.02}, {"f32-merge", MERGED, IN_PAIRS, SINGLES, 0.02},
  {"f32-sequential-folded", PLAIN, IN_LANES, SINGLES, 0.02}, {"f64-stats", PLAIN, IN_TURN, MIXED, 0.02},
  {"f64-two-pass", CORRECTION, IN_TURN, DOUBLES, 0.5},    {"f32-sequential-ftz", PLAIN, IN_TURN, SINGLES, 0.02}};

static struct normative_problem problem(uint32_t direction, uint32_t type)
{
  struct normative_problem p;
  problem_default(&p, NORMATIVE_SWITCHNORM, direction, type);
  return p;
}

static void in_both_directions(const struct kernel *these, size_t count, uint32_t type, uint32_t mode)
{
  const bool wide = mode == NORMATIVE_EVALUATION && type_size(type) == 2; /* parameters, lambdas too */
  for (uint32_t direction = NORMATIVE_FORWARD; direction <= NORMATIVE_BACKWARD; ++direction) {
    struct normative_problem p = problem(direction, type);
    p.mode = mode;
    if (wide) p.param_type = NORMATIVE_F32;
    p.running = mode == NORMATIVE_EVALUATION || direction == NORMATIVE_FORWARD;
    all_within(these, count, &p);
  }
}

static void test_training(void **state)
{
  (void)state;
  in_both_directions(kernels, COUNT(kernels), NORMATIVE_F32, NORMATIVE_TRAINING);
}

static void test_evaluation(void **state)
{
  (void)state;
  in_both_directions(kernels, COUNT(kernels), NORMATIVE_F32, NORMATIVE_EVALUATION);
}

static void test_other_types(void **state)
{
  static const struct kernel narrow[] = {{"f32-sequential", PLAIN, IN_TURN, SINGLES, 0.3},
                                         {"f64-two-pass", PLAIN, IN_TURN, DOUBLES, 0.5}};
  static const struct kernel wide[] = {
    {"f64-two-pass", PLAIN, IN_TURN, DOUBLES, 0.02},      {"f64-two-pass-folded", CORRECTION, IN_LANES, DOUBLES, 0.02},
    {"f64-welford", WELFORDS, IN_TURN, DOUBLES, 0.02},    {"f64-one-pass", ONCE, IN_TURN, DOUBLES, 0.02}};
  (void)state;
  in_both_directions(narrow, COUNT(narrow), NORMATIVE_F16, NORMATIVE_TRAINING);
  in_both_directions(narrow, COUNT(narrow), NORMATIVE_BF16, NORMATIVE_TRAINING);
  in_both_directions(wide, COUNT(wide), NORMATIVE_F64, NORMATIVE_TRAINING);
}

/* Everything in the tensors' 16 bits, or all but the sums. */
static void test_sums_in_16_bits(void **state)
{
#define IN_16_BITS(type) { \
  {type "-two-pass", PLAIN, IN_TURN, NARROW, 0.02}, {type "-two-pass", CORRECTION, IN_PAIRS, NARROW, 0.02}, \
  {type "-one-pass", ONCE, AT_RANDOM, NARROW, 0.02}, {type "-two-pass-folded", PLAIN, IN_LANES, NARROW, 0.02}, \
  {type "-two-pass-ftz", PLAIN, IN_TURN, NARROW, 0.02}, {type "-epilogue", PLAIN, IN_LANES, NARROW_EPILOGUE, 0.02}, \
  {type "-epilogue-folded", ONCE, IN_TURN, NARROW_EPILOGUE, 0.02}}
  static const struct kernel these[][7] = {[NORMATIVE_F16] = IN_16_BITS("f16"), [NORMATIVE_BF16] = IN_16_BITS("bf16")};
  (void)state;
  for (uint32_t type = NORMATIVE_F16; type <= NORMATIVE_BF16; ++type)
    for (uint32_t mode = NORMATIVE_TRAINING; mode <= NORMATIVE_EVALUATION; ++mode)
      in_both_directions(these[type], COUNT(*these), type, mode);
}

static void test_without_the_batch(void **state)
{
  (void)state;
  for (uint32_t direction = NORMATIVE_FORWARD; direction <= NORMATIVE_BACKWARD; ++direction) {
    struct normative_problem p = problem(direction, NORMATIVE_F32);
    p.drop_bn = 1;
    all_within(kernels, COUNT(kernels), &p);
  }
}

static void test_the_repository(void **state)
{
  (void)state;
  for (uint32_t direction = NORMATIVE_FORWARD; direction <= NORMATIVE_BACKWARD; ++direction) {
    struct normative_problem p = problem(direction, NORMATIVE_F32);
    p.repo = 1;
    all_within(kernels, COUNT(kernels), &p);
  }
}

/* ---- faults ---- */

static enum verdict verdict_of_fault(uint32_t direction, enum fault planted, enum lambdas kind, const char *preset)
{
  const struct kernel k = {"f64-two-pass", PLAIN, IN_PAIRS, DOUBLES, 0};
  struct bench b = {.p = problem(direction, NORMATIVE_F32)};
  struct judgement j;
  struct error e;
  b.p.ndim = 3;
  memcpy(b.p.dims, (uint64_t[]){4, 6, 40}, 3 * sizeof(uint64_t));
  bench_open(&b);
  bench_fill(&b, GAUSSIAN, kind);
  fault = planted;
  run_kernel(&b, &k);
  fault = RIGHT;
  judge(&b.p, &b.in, &b.truth, &b.out, preset_find(preset, &e), false, &j);
  bench_close(&b);
  return j.verdict;
}

static void test_faults_are_found(void **state)
{
  (void)state;
  for (int f = RIGHT; f < FAULTS; ++f) {
    const bool backward = f >= NOT_OVER_C;
    const enum lambdas kind = f == UNSHIFTED ? LARGE_ALIKE : NEAR_1;
    const uint32_t direction = backward ? NORMATIVE_BACKWARD : NORMATIVE_FORWARD;
    const enum verdict v = verdict_of_fault(direction, (enum fault)f, kind, "f32-one-pass");
    if (v != (f == RIGHT ? PASS : FAIL)) fail_msg("fault %d: %s", f, verdict_name[v]);
  }
  assert_int_equal(verdict_of_fault(NORMATIVE_FORWARD, RIGHT, NEAR_1, "f64-two-pass"), PASS);
  assert_int_equal(verdict_of_fault(NORMATIVE_BACKWARD, RIGHT, NEAR_1, "f64-two-pass"), PASS);
  assert_int_equal(verdict_of_fault(NORMATIVE_BACKWARD, RIGHT, NEAR_1, "f32-stable"), PASS);
}

int main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_faults_are_found), cmocka_unit_test(test_training),          cmocka_unit_test(test_evaluation),
    cmocka_unit_test(test_sums_in_16_bits),
    cmocka_unit_test(test_other_types),      cmocka_unit_test(test_without_the_batch), cmocka_unit_test(test_the_repository),
  };
  verbose = argc > 1;
  if (verbose) rounds = atoi(argv[1]);
  if (argc > 2) cmocka_set_test_filter(argv[2]);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
