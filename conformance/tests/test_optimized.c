/* SPDX-License-Identifier: Apache-2.0
   The optimized library: the same bits at every instruction-set level, for every number of threads and whatever else is in
   the batch; and near the reference on hostile data. */
#include "builtin.h"
#include "inputs.h"
#include "kernels.h"
#include "threads.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- a case and its results ---- */

struct run {
  struct testcase tc;
  struct tensors in;
};

static void run_make(struct run *r, const char *name)
{
  struct error e = {""};
  memset(r, 0, sizeof *r);
  if (case_parse(&r->tc, name, &e) || inputs_make(&r->tc, &r->in, &e)) fail_msg("%s: %s", name, e.text);
}

static void *copied(const struct tensor *t)
{
  size_t bytes = t->count * type_size(t->type);
  void *p = t->data ? malloc(bytes + 1) : NULL;
  if (p) memcpy(p, t->data, bytes);
  return p;
}

/* Every output of a library ("reference", "optimized") on this problem and these inputs. */
static struct tensors results(const char *library, const struct normative_problem *p, const struct tensors *in, int threads)
{
  const struct normative_plugin *plugin = builtin_find(library);
  struct tensors out = {0};
  struct normative_tensors t = {.size = sizeof t};
  struct error e = {""};
  void *state;
  uint64_t bytes;
  for (int s = 0; s < SLOT_COUNT; ++s)
    if (slot_is_output(p, (enum slot)s)) assert_int_equal(tensor_alloc(&out.t[s], p, (enum slot)s, &e), 0);
  for (int s = SLOT_RUNNING_MEAN; s <= SLOT_RUNNING_VAR; ++s)
    if (out.t[s].data) memcpy(out.t[s].data, in->t[s].data, out.t[s].count * type_size(out.t[s].type));
  /* the fields from x to dlambda_var are the slots, in their order */
  void *pointers[SLOT_COUNT];
  for (int s = 0; s < SLOT_COUNT; ++s) pointers[s] = out.t[s].data ? out.t[s].data : in->t[s].data;
  memcpy(&t.x, pointers, sizeof pointers);
  assert_int_equal(plugin->open(p, threads, &state, &bytes), 0);
  void *workspace = malloc(bytes + 8);
  assert_int_equal(plugin->run(state, &t, workspace), NORMATIVE_OK);
  free(workspace);
  plugin->close(state);
  return out;
}

/* Equal bits; NaN is NaN. Returns the index of the first difference, or count. */
static size_t first_difference(const struct tensor *a, const struct tensor *b)
{
  assert_int_equal(a->count, b->count);
  size_t size = type_size(a->type);
  for (size_t i = 0; i < a->count; ++i)
    if (memcmp((const char *)a->data + i * size, (const char *)b->data + i * size, size) &&
        !(isnan(tensor_get(a, i)) && isnan(tensor_get(b, i))))
      return i;
  return a->count;
}

static void same_bits(const char *what, const struct tensors *a, const struct tensors *b)
{
  for (int s = 0; s < SLOT_COUNT; ++s) {
    if (!a->t[s].data) continue;
    size_t i = first_difference(&a->t[s], &b->t[s]);
    if (i < a->t[s].count)
      fail_msg("%s: %s[%zu] is %a and %a", what, slot_name[s], i, tensor_get(&a->t[s], i), tensor_get(&b->t[s], i));
  }
}

/* ---- levels and threads ---- */

/* Short and long groups, tails of every kind, few groups and many; each long enough somewhere for 7 threads. */
static const char *const cases[] = {
  "layernorm/forward/f32/7x1/normal/seed1",
  "layernorm/forward/f32/5x3/mean1e4/seed1",
  "layernorm/forward/f32/9x16/wide/seed1",
  "layernorm/forward/f32/64x130/wide/seed1,gamma=absent",
  "layernorm/forward/f32/200x1000/mean1e6/seed1",
  "layernorm/forward/f32/3x70001/wide/seed1",
  "layernorm/forward/f32/1x300007/alternating/seed1,beta=absent",
  "layernorm/forward/f32/3x40000/subnormal/seed1,eps=0",
  "layernorm/forward/f32/3x40000/nan/seed1",
  "rmsnorm/forward/f32/5x17/wide/seed1",
  "rmsnorm/forward/f32/200x1000/scale1e-20/seed1,beta=absent",
  "rmsnorm/forward/f32/2x70001/wide/seed1",
  "rmsnorm/forward/f32/3x40000/pinf/seed1",
  "batchnorm/forward/f32/5x7/wide/seed1,running=ordinary",
  "batchnorm/forward/f32/700x300/mean1e4/seed1,running=ordinary",
  "batchnorm/forward/f32/40000x3/wide/seed1",
  "batchnorm/forward/f32/6x40x7x7/wide/seed1,running=ordinary",
  "batchnorm/forward/f32/2x3x200x151/mean1e6/seed1",
  "batchnorm/forward/f32/1x1x100003/wide/seed1",
  "batchnorm/forward/f32/70001x1/wide/seed1",
  "batchnorm/forward/f32/9000x2x5/wide/seed1",
  "batchnorm/forward/f32/6x65x7x7/wide/seed1,layout=nsc,running=ordinary",
  "batchnorm/forward/f32/2x3x200x151/mean1e6/seed1,layout=nsc",
  "batchnorm/forward/f32/3x300x15x15/wide/seed1,layout=nsc,gamma=absent,beta=absent",
  "batchnorm/forward/f32/3x16x67x67/nearmax/seed1,layout=nsc",
  "batchnorm/forward/f32/6x40x17x17/wide/seed1,mode=evaluation",
  "batchnorm/forward/f32/6x40x17x17/ninf/seed1,layout=nsc,mode=evaluation",
  "layernorm/backward/f32/7x1/normal/seed1",
  "layernorm/backward/f32/9x16/wide/seed1,dy=alternating",
  "layernorm/backward/f32/64x130/wide/seed1,gamma=absent,dy=alternating",
  "layernorm/backward/f32/200x1000/mean1e6/seed1,dy=mean1e4",
  "layernorm/backward/f32/517x259/wide/seed1,given=yes,dy=alternating",
  "layernorm/backward/f32/70001x3/mean1e2/seed1,dy=paramcancel",
  "layernorm/backward/f32/3x70001/wide/seed1,dy=alternating,beta=absent",
  "layernorm/backward/f32/1x300007/alternating/seed1,given=yes",
  "layernorm/backward/f32/3x40000/subnormal/seed1,eps=0,dy=nearmax",
  "layernorm/backward/f32/40x4000/nan/seed1,dy=pinf",
  "rmsnorm/backward/f32/5x17/wide/seed1",
  "rmsnorm/backward/f32/3000x70/scale1e-20/seed1,dy=alternating",
  "rmsnorm/backward/f32/2x70001/wide/seed1,given=yes,gamma=absent",
  "rmsnorm/backward/f32/40x4000/pinf/seed1,dy=ninf",
  "batchnorm/backward/f32/5x7/wide/seed1",
  "batchnorm/backward/f32/700x300/mean1e4/seed1,dy=alternating",
  "batchnorm/backward/f32/40000x3/wide/seed1,given=yes,dy=alternating",
  "batchnorm/backward/f32/6x40x7x7/wide/seed1,dy=mean1e4",
  "batchnorm/backward/f32/2x3x200x151/mean1e6/seed1,dy=alternating,given=yes",
  "batchnorm/backward/f32/1x1x100003/wide/seed1",
  "batchnorm/backward/f32/9000x2x5/wide/seed1,dy=nearmax",
  "batchnorm/backward/f32/6x65x7x7/wide/seed1,layout=nsc",
  "batchnorm/backward/f32/2x3x200x151/mean1e6/seed1,layout=nsc,dy=alternating",
  "batchnorm/backward/f32/3x300x15x15/pinf/seed1,layout=nsc,gamma=absent,beta=absent",
  "batchnorm/backward/f32/6x40x17x17/wide/seed1,mode=evaluation,dy=alternating",
  "batchnorm/backward/f32/2x3x100x151/wide/seed1,mode=evaluation,gamma=absent",
  "batchnorm/backward/f32/6x40x17x17/ninf/seed1,layout=nsc,mode=evaluation,dy=nan",
};

/* The plain run's bits again, at every level for any number of threads. */
static void same_bits_everywhere(const char *name, const struct run *r)
{
  const int threads[] = {1, 2, 3, 7};
  assert_int_equal(opt_set_level(LEVEL_PORTABLE), 0);
  struct tensors plain = results("optimized", &r->tc.p, &r->in, 1);
  for (enum level level = 0; level < LEVEL_COUNT; ++level) {
    if (opt_set_level(level)) continue;
    for (size_t t = 0; t < sizeof threads / sizeof *threads; ++t) {
      char what[CASE_NAME_MAX + 64];
      snprintf(what, sizeof what, "%s: portable with 1 thread, %s with %d", name, opt_kernels()->name, threads[t]);
      struct tensors out = results("optimized", &r->tc.p, &r->in, threads[t]);
      same_bits(what, &plain, &out);
      tensors_free(&out);
    }
  }
  tensors_free(&plain);
}

static void same_bits_at_every_level_for_any_threads(void **state)
{
  (void)state;
  for (size_t c = 0; c < sizeof cases / sizeof *cases; ++c) {
    struct run r;
    run_make(&r, cases[c]);
    same_bits_everywhere(cases[c], &r);
    tensors_free(&r.in);
  }
}

/* Gradients are rounded to float, which hides in which order their sums were added; not so where a sum cancels. */
static const char *const cancelling[] = {
  "layernorm/backward/f32/406x400/wide/seed1,gamma=ones", /* half of the rows are no whole tiles */
  "layernorm/backward/f32/2500x30/wide/seed1,gamma=ones,given=yes",
  "layernorm/backward/f32/4x60000/wide/seed1,gamma=ones",
  "rmsnorm/backward/f32/700x200/wide/seed1,gamma=ones",
  "batchnorm/backward/f32/20x6x70x70/wide/seed1,gamma=ones",
  "batchnorm/backward/f32/20x6x70x70/wide/seed1,gamma=ones,layout=nsc",
  "batchnorm/backward/f32/20x6x70x70/wide/seed1,gamma=ones,given=yes",
  "batchnorm/backward/f32/20x6x70x70/wide/seed1,gamma=ones,mode=evaluation",
  "batchnorm/backward/f32/20x6x70x70/wide/seed1,gamma=ones,mode=evaluation,layout=nsc",
};

/* An element like its partner, but for the sign of dy, which spans 2^60; each fifth dy is 0, so that dx there is what its
   group's sums have left. */
static void pair_up(struct run *r, size_t i, size_t partner)
{
  float *x = r->in.t[SLOT_X].data, *dy = r->in.t[SLOT_DY].data;
  x[partner] = x[i];
  dy[partner] = -dy[i];
}

static void widen(float *dy, size_t i, size_t k) { dy[i] = k % 5 ? ldexpf(dy[i], (int)(k * 7919 % 61) - 30) : 0; }

/* A row's given statistics are its partner's. */
static void pair_statistics(struct run *r, size_t i, size_t partner)
{
  for (int s = SLOT_GIVEN_MEAN; s <= SLOT_GIVEN_RSTD; ++s)
    if (r->in.t[s].data) ((double *)r->in.t[s].data)[partner] = ((double *)r->in.t[s].data)[i];
}

/* Rows in pairs, and the columns of each row; or the elements of each channel. */
static void make_cancelling(struct run *r)
{
  const struct normative_problem *p = &r->tc.p;
  const size_t m = problem_m(p), groups = problem_groups(p);
  const bool rows = p->norm != NORMATIVE_BATCHNORM;
  for (size_t g = 0; g < groups; ++g) {
    struct runs u = problem_runs(p, g);
    if (rows && g >= groups / 2) pair_statistics(r, g - groups / 2, g);
    for (size_t k = 0; k < m / 2; ++k) {
      size_t a = u.base + k / u.inner * u.outer_stride + k % u.inner * u.inner_stride, l = k + m / 2;
      size_t b = u.base + l / u.inner * u.outer_stride + l % u.inner * u.inner_stride;
      if (rows && g >= groups / 2) pair_up(r, a - groups / 2 * m, a);
      else widen(r->in.t[SLOT_DY].data, a, k + 3 * g);
      pair_up(r, a, b);
    }
  }
}

static void same_bits_where_sums_cancel(void **state)
{
  (void)state;
  for (size_t c = 0; c < sizeof cancelling / sizeof *cancelling; ++c) {
    struct run r;
    run_make(&r, cancelling[c]);
    make_cancelling(&r);
    same_bits_everywhere(cancelling[c], &r);
    tensors_free(&r.in);
  }
}

static void count_call(void *arg, size_t i) { atomic_fetch_add((atomic_int *)arg + i, 1); }

static void every_task_runs_once(void **state)
{
  (void)state;
  for (int threads = 0; threads <= 8; ++threads)
    for (size_t count = 0; count < 20; ++count) {
      atomic_int calls[20] = {0};
      opt_parallel(count, threads, count_call, calls);
      for (size_t i = 0; i < 20; ++i) assert_int_equal(calls[i], i < count);
    }
  assert_int_equal(opt_threads(7, (size_t)1 << 30), 7);
  assert_int_equal(opt_threads(7, 100), 1);
  assert_true(opt_threads(0, (size_t)1 << 30) >= 1);
}

/* ---- levels by name ---- */

static void levels_have_names(void **state)
{
  (void)state;
  assert_string_equal(opt_level(LEVEL_PORTABLE)->name, "portable");
#ifdef __x86_64__
  assert_string_equal(opt_level(LEVEL_SSE2)->name, "sse2");
  assert_true(!opt_level(LEVEL_AVX2) || !strcmp(opt_level(LEVEL_AVX2)->name, "avx2"));
  assert_true(!opt_level(LEVEL_AVX512) || !strcmp(opt_level(LEVEL_AVX512)->name, "avx512"));
#endif
  assert_null(opt_level(LEVEL_COUNT));
  assert_int_equal(opt_set_level(LEVEL_PORTABLE), 0);
  assert_int_equal(opt_set_level(LEVEL_COUNT), -1);
  assert_ptr_equal(opt_kernels(), opt_level(LEVEL_PORTABLE));
}

/* In a process of its own, whose level is not decided yet: what it says on stderr, and that it uses a level of this name. */
static void with_environment(const char *value, const char *expected, char said[256])
{
  int end[2], status;
  assert_int_equal(pipe(end), 0);
  pid_t child = fork();
  if (child == 0) {
    dup2(end[1], STDERR_FILENO);
    setenv("NORMATIVE_ISA", value, 1);
    _exit(strcmp(opt_kernels()->name, expected) != 0);
  }
  close(end[1]);
  size_t length = 0;
  for (ssize_t n; (n = read(end[0], said + length, 255 - length)) > 0;) length += (size_t)n;
  said[length] = 0;
  close(end[0]);
  assert_int_equal(waitpid(child, &status, 0), child);
  if (status != 0) fail_msg("NORMATIVE_ISA=%s does not choose %s", value, expected);
}

/* The first test: the level is not decided yet. */
static void the_environment_chooses(void **state)
{
  (void)state;
  const char *best = NULL;
  char said[256];
  for (enum level level = 0; level < LEVEL_COUNT; ++level) {
    if (!opt_level(level)) continue;
    best = opt_level(level)->name;
    with_environment(best, best, said);
    assert_string_equal(said, "");
  }
  with_environment("", best, said);
  assert_string_equal(said, "");
  with_environment("avx9", best, said);
  assert_non_null(strstr(said, "NORMATIVE_ISA=avx9"));
  assert_non_null(strstr(said, best));
}

/* ---- alone and in a batch ---- */

#define BATCH 64
#define COLS 333

/* The same row at every place of a batch of others. */
static void a_row_in_any_batch(void **state)
{
  (void)state;
  for (int rms = 0; rms < 2; ++rms) {
    struct run r;
    run_make(&r, rms ? "rmsnorm/forward/f32/64x333/wide/seed1" : "layernorm/forward/f32/64x333/wide/seed1");
    float *x = r.in.t[SLOT_X].data;
    float row[COLS];
    memcpy(row, x + 5 * COLS, sizeof row);

    struct normative_problem one = r.tc.p;
    one.dims[0] = one.n = 1;
    struct tensors in = r.in;
    in.t[SLOT_X].data = row;
    in.t[SLOT_X].count = COLS;
    struct tensors alone = results("optimized", &one, &in, 1);
    for (size_t place = 0; place < BATCH; ++place) {
      float saved[COLS];
      memcpy(saved, x + place * COLS, sizeof saved);
      memcpy(x + place * COLS, row, sizeof row);
      struct tensors all = results("optimized", &r.tc.p, &r.in, 2);
      assert_memory_equal(alone.t[SLOT_Y].data, (float *)all.t[SLOT_Y].data + place * COLS, sizeof row);
      assert_memory_equal(alone.t[SLOT_RSTD].data, (double *)all.t[SLOT_RSTD].data + place, sizeof(double));
      if (!rms) assert_memory_equal(alone.t[SLOT_MEAN].data, (double *)all.t[SLOT_MEAN].data + place, sizeof(double));
      memcpy(x + place * COLS, saved, sizeof saved);
      tensors_free(&all);
    }
    tensors_free(&alone);
    tensors_free(&r.in);
  }
}

/* dx of a row of 300 with any other rows beside it: its own bits. dy of row 5 goes wherever x does. */
static void a_gradient_in_any_batch(void **state)
{
  enum { MANY = 300, WIDTH = 133 };
  const char *const names[] = {"layernorm/backward/f32/300x133/wide/seed1,dy=alternating",
                               "rmsnorm/backward/f32/300x133/wide/seed1,dy=alternating"};
  (void)state;
  for (int n = 0; n < 2; ++n) {
    struct run r;
    run_make(&r, names[n]);
    float *x = r.in.t[SLOT_X].data, *dy = r.in.t[SLOT_DY].data;
    struct normative_problem one = r.tc.p;
    one.dims[0] = one.n = 1;
    struct tensors in = r.in;
    in.t[SLOT_X].data = x + 5 * WIDTH;
    in.t[SLOT_DY].data = dy + 5 * WIDTH;
    struct tensors alone = results("optimized", &one, &in, 1);
    for (size_t place = 0; place < MANY; place += 23) {
      memcpy(x + place * WIDTH, in.t[SLOT_X].data, WIDTH * sizeof *x);
      memcpy(dy + place * WIDTH, in.t[SLOT_DY].data, WIDTH * sizeof *dy);
      struct tensors all = results("optimized", &r.tc.p, &r.in, 2);
      assert_memory_equal(alone.t[SLOT_DX].data, (float *)all.t[SLOT_DX].data + place * WIDTH, WIDTH * sizeof *x);
      tensors_free(&all);
    }
    tensors_free(&alone);
    tensors_free(&r.in);
  }
}

/* Every channel of 300, taken out and done alone. */
static void a_channel_alone(void **state)
{
  const char *const names[] = {"batchnorm/forward/f32/6x300x5x5/wide/seed1", "batchnorm/forward/f32/6x300x5x5/wide/seed1,layout=nsc",
                               "batchnorm/forward/f32/700x300/wide/seed1"};
  (void)state;
  for (size_t c = 0; c < sizeof names / sizeof *names; ++c) {
    struct run r;
    run_make(&r, names[c]);
    const float *x = r.in.t[SLOT_X].data, *gamma = r.in.t[SLOT_GAMMA].data, *beta = r.in.t[SLOT_BETA].data;
    const size_t m = problem_m(&r.tc.p), s = r.tc.p.s;
    struct tensors all = results("optimized", &r.tc.p, &r.in, 2);
    float *one = malloc(m * sizeof *one), *y = malloc(m * sizeof *y);
    for (size_t k = 0; k < r.tc.p.c; ++k) {
      struct runs g = problem_runs(&r.tc.p, k);
      double mean, rstd;
      for (size_t i = 0; i < m; ++i) one[i] = x[g.base + i / g.inner * g.outer_stride + i % g.inner * g.inner_stride];
      assert_int_equal(opt_batchnorm_forward_f32(y, &mean, &rstd, NULL, NULL, one, gamma + k, beta + k, r.tc.p.n, 1, s,
                                                 (normative_layout)r.tc.p.layout, r.tc.p.eps, 0.1,
                                                 NORMATIVE_MOMENTUM_NEW, NORMATIVE_UNBIASED, 1),
                       NORMATIVE_OK);
      assert_true(mean == ((double *)all.t[SLOT_MEAN].data)[k] && rstd == ((double *)all.t[SLOT_RSTD].data)[k]);
      for (size_t i = 0; i < m; ++i)
        assert_true(y[i] == ((float *)all.t[SLOT_Y].data)[g.base + i / g.inner * g.outer_stride + i % g.inner * g.inner_stride]);
    }
    free(one);
    free(y);
    tensors_free(&all);
    tensors_free(&r.in);
  }
}

/* The same of its gradients. */
static void a_channel_backward_alone(void **state)
{
  const char *const names[] = {"batchnorm/backward/f32/6x300x5x5/wide/seed1,dy=alternating",
                               "batchnorm/backward/f32/6x300x5x5/wide/seed1,layout=nsc,dy=alternating",
                               "batchnorm/backward/f32/700x300/wide/seed1,dy=alternating"};
  (void)state;
  for (size_t c = 0; c < sizeof names / sizeof *names; ++c) {
    struct run r;
    run_make(&r, names[c]);
    const float *x = r.in.t[SLOT_X].data, *dy = r.in.t[SLOT_DY].data, *gamma = r.in.t[SLOT_GAMMA].data;
    const size_t m = problem_m(&r.tc.p);
    struct tensors all = results("optimized", &r.tc.p, &r.in, 2);
    float *one = malloc(m * sizeof *one), *d = malloc(m * sizeof *d), dgamma, dbeta;
    for (size_t k = 0; k < r.tc.p.c; ++k) {
      struct runs g = problem_runs(&r.tc.p, k);
      for (size_t i = 0; i < m; ++i) {
        size_t at = g.base + i / g.inner * g.outer_stride + i % g.inner * g.inner_stride;
        one[i] = x[at];
        d[i] = dy[at];
      }
      assert_int_equal(opt_batchnorm_backward_f32(d, &dgamma, &dbeta, d, one, gamma + k, NULL, NULL, r.tc.p.n, 1, r.tc.p.s,
                                                  (normative_layout)r.tc.p.layout, r.tc.p.eps, 1),
                       NORMATIVE_OK);
      assert_true(dgamma == ((float *)all.t[SLOT_DGAMMA].data)[k] && dbeta == ((float *)all.t[SLOT_DBETA].data)[k]);
      const float *dx = all.t[SLOT_DX].data;
      for (size_t i = 0; i < m; ++i)
        assert_true(d[i] == dx[g.base + i / g.inner * g.outer_stride + i % g.inner * g.inner_stride]);
    }
    free(one);
    free(d);
    tensors_free(&all);
    tensors_free(&r.in);
  }
}

/* ---- near the reference ---- */

/* One unit in the last place of a float of magnitude v; the smallest subnormal at least. */
static double ulp(double v)
{
  int exponent;
  if (v == 0) return 0x1p-149;
  frexp(v, &exponent);
  return ldexp(1, exponent - 24 < -149 ? -149 : exponent - 24);
}

struct worst { double nulp; size_t index; };

/* The largest distance of two results y, in ulps of s = max(|y|, |beta|, |gamma| sigma rstd); sigma rstd only of own
   statistics that subtract a mean. NaN must meet NaN, infinities themselves. */
static struct worst distance(const struct normative_problem *p, const struct tensors *in, const struct tensors *a,
                             const struct tensors *b)
{
  const float *ya = a->t[SLOT_Y].data, *yb = b->t[SLOT_Y].data, *gamma = in->t[SLOT_GAMMA].data, *beta = in->t[SLOT_BETA].data;
  const size_t groups = problem_groups(p), m = problem_m(p);
  const int scaled = p->norm != NORMATIVE_RMSNORM && p->mode == NORMATIVE_TRAINING;
  struct worst w = {0, 0};
  for (size_t g = 0; g < groups; ++g) {
    struct runs r = problem_runs(p, g);
    double rstd = scaled ? ((double *)a->t[SLOT_RSTD].data)[g] : 0, sigma = sqrt(fmax(0, 1 / (rstd * rstd) - p->eps));
    for (size_t k = 0; k < m; ++k) {
      size_t i = r.base + k / r.inner * r.outer_stride + k % r.inner * r.inner_stride;
      size_t q = r.param + k / r.inner * r.param_outer + k % r.inner * r.param_inner;
      double s = fmax(fabs(ya[i]), fabs(beta ? beta[q] : 0));
      if (scaled && isfinite(sigma)) s = fmax(s, fabs(gamma ? gamma[q] : 1) * sigma * rstd);
      double d = ya[i] == yb[i] || (isnan(ya[i]) && isnan(yb[i])) ? 0 : fabs((double)ya[i] - yb[i]) / ulp(s);
      if (!(d <= w.nulp)) w = (struct worst){isnan(d) ? INFINITY : d, i};
    }
  }
  return w;
}

/* Both are within 0.51 of the truth, so within 1.02 of each other. */
#define NEAR 1.02

static void near(const char *what, const struct normative_problem *p, const struct tensors *in, const struct tensors *a,
                 const struct tensors *b)
{
  struct worst w = distance(p, in, a, b);
  if (!(w.nulp <= NEAR))
    fail_msg("%s: y[%zu] is %a and %a, %g nULP apart", what, w.index, tensor_get(&a->t[SLOT_Y], w.index),
             tensor_get(&b->t[SLOT_Y], w.index), w.nulp);
  for (int s = 0; s < SLOT_COUNT; ++s) {
    if (s == SLOT_Y || !a->t[s].data) continue;
    for (size_t i = 0; i < a->t[s].count; ++i) {
      double v = tensor_get(&a->t[s], i), u = tensor_get(&b->t[s], i), scale = fabs(v);
      if (s == SLOT_MEAN) scale = fmax(scale, 1 / ((double *)a->t[SLOT_RSTD].data)[i]); /* at least sigma */
      if (s == SLOT_RUNNING_MEAN) scale = fmax(scale, sqrt(fabs(tensor_get(&a->t[SLOT_RUNNING_VAR], i))));
      if (!(v == u || (isnan(v) && isnan(u)) || fabs(v - u) <= 1e-13 * scale))
        fail_msg("%s: %s[%zu] is %a and %a", what, slot_name[s], i, v, u);
    }
  }
}

static const char *const families[] = {
  "normal", "mean1e2", "mean1e6", "mean2p24", "kappa1e6", "tinyvar", "ulpvar", "constant", "halfconst", "zeros", "uniform",
  "sorted", "wide", "alternating", "smallint", "blockoutlier", "outlier1e4-first", "outlier1e30-first", "outlier1e30",
  "scale1e20", "scale1e-20", "scale1e-38", "nearmax", "subnormal", "nan", "pinf", "ninf"};
static const char *const shapes[] = {
  "layernorm/forward/f32/5x130/%s/seed2%s",
  "layernorm/forward/f32/2x20011/%s/seed2%s",
  "rmsnorm/forward/f32/5x130/%s/seed2%s",
  "rmsnorm/forward/f32/2x20011/%s/seed2%s",
  "batchnorm/forward/f32/6x5x7x7/%s/seed2,running=ordinary%s",
  "batchnorm/forward/f32/20x3x33x31/%s/seed2%s",
  "batchnorm/forward/f32/6x20x7x7/%s/seed2,layout=nsc%s",
  "batchnorm/forward/f32/20x3x33x31/%s/seed2,layout=nsc%s",
  "batchnorm/forward/f32/6x5x7x7/%s/seed2,mode=evaluation%s",
  "batchnorm/forward/f32/3x300x3/%s/seed2,layout=nsc,running=ordinary%s",
  "batchnorm/forward/f32/3x300x3/%s/seed2,layout=nsc,mode=evaluation%s",
};
static const char *const extras[] = {"", ",eps=0", ",gamma=mixed,beta=cancel", ",gamma=huge,beta=tiny"};

static void near_the_reference_on_hostile_data(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; ++i)
    for (size_t f = 0; f < sizeof families / sizeof *families; ++f)
      for (size_t x = 0; x < sizeof extras / sizeof *extras; ++x) {
        char name[CASE_NAME_MAX];
        struct run r;
        snprintf(name, sizeof name, shapes[i], families[f], extras[x]);
        run_make(&r, name);
        struct tensors reference = results("reference", &r.tc.p, &r.in, 1);
        struct tensors optimized = results("optimized", &r.tc.p, &r.in, 2);
        near(name, &r.tc.p, &r.in, &reference, &optimized);
        tensors_free(&reference);
        tensors_free(&optimized);
        tensors_free(&r.in);
      }
}

/* ---- gradients near the reference ---- */

/* Statistics of a group as the gradient has them, in long double. */
struct moments { long double mean, rstd, sigma; };

static struct moments moments_of(const struct normative_problem *p, const struct tensors *in, size_t group, struct runs r)
{
  const float *x = in->t[SLOT_X].data;
  const size_t m = r.outer * r.inner;
  long double sum = 0, squares = 0;
  struct moments s = {0};
  for (size_t k = 0; k < m; ++k) sum += x[r.base + k / r.inner * r.outer_stride + k % r.inner * r.inner_stride];
  s.mean = p->norm == NORMATIVE_RMSNORM ? 0 : sum / m;
  for (size_t k = 0; k < m; ++k) {
    long double d = x[r.base + k / r.inner * r.outer_stride + k % r.inner * r.inner_stride] - s.mean;
    squares += d * d;
  }
  s.sigma = sqrtl(squares / m);
  s.rstd = 1 / sqrtl(squares / m + p->eps);
  if (p->mode == NORMATIVE_EVALUATION) {
    s.mean = tensor_get(&in->t[SLOT_RUNNING_MEAN], group);
    s.sigma = sqrtl(tensor_get(&in->t[SLOT_RUNNING_VAR], group));
    s.rstd = 1 / sqrtl((long double)tensor_get(&in->t[SLOT_RUNNING_VAR], group) + p->eps);
  } else if (p->given) {
    s.rstd = tensor_get(&in->t[SLOT_GIVEN_RSTD], group);
    if (p->norm != NORMATIVE_RMSNORM) s.mean = tensor_get(&in->t[SLOT_GIVEN_MEAN], group);
  }
  return s;
}

/* The scales of BOUNDS: of dx per element, of dgamma and dbeta per parameter. */
struct scales { double *dx, *dgamma, *dbeta; };

static void group_scales(const struct normative_problem *p, const struct tensors *in, size_t group, struct scales s)
{
  const struct runs r = problem_runs(p, group);
  const struct moments t = moments_of(p, in, group, r);
  const float *x = in->t[SLOT_X].data, *dy = in->t[SLOT_DY].data, *gamma = in->t[SLOT_GAMMA].data;
  const size_t m = r.outer * r.inner;
  long double g_abs = 0, h_abs = 0;
  for (int pass = 0; pass < 2; ++pass)
    for (size_t k = 0; k < m; ++k) {
      size_t i = r.base + k / r.inner * r.outer_stride + k % r.inner * r.inner_stride;
      size_t q = r.param + k / r.inner * r.param_outer + k % r.inner * r.param_inner;
      long double g = (gamma ? gamma[q] : 1.0L) * dy[i], h = (x[i] - t.mean) * t.rstd, u = t.sigma * t.rstd;
      if (pass) {
        s.dx[i] = (double)(t.rstd * fabsl(g));
        if (p->mode == NORMATIVE_TRAINING) s.dx[i] = (double)(t.rstd * fmaxl(fabsl(g), fmaxl(g_abs, fabsl(h) * h_abs)));
        continue;
      }
      g_abs += fabsl(g) / m;
      h_abs += fabsl(g * h) / m;
      s.dgamma[q] += (double)(dy[i] * (long double)dy[i] * (h * h + u * u));
      s.dbeta[q] += (double)(dy[i] * (long double)dy[i]);
    }
}

static void near_on_scale(const char *what, enum slot slot, const struct tensors *a, const struct tensors *b,
                          const double *scale)
{
  if (!a->t[slot].data) return;
  for (size_t i = 0; i < a->t[slot].count; ++i) {
    double u = tensor_get(&a->t[slot], i), v = tensor_get(&b->t[slot], i);
    if (u == v || (isnan(u) && isnan(v))) continue;
    if (slot != SLOT_DX && !isfinite(u) && !isfinite(v)) continue; /* a sum with an infinite term: whichever of Inf and NaN */
    double s = fmax(fabs(u), isfinite(scale[i]) ? scale[i] : 0), nulp = fabs(u - v) / ulp(s);
    if (!(nulp <= NEAR)) fail_msg("%s: %s[%zu] is %a and %a, %g nULP apart", what, slot_name[slot], i, u, v, nulp);
  }
}

static void gradients_near(const char *what, const struct normative_problem *p, const struct tensors *in,
                           const struct tensors *a, const struct tensors *b)
{
  const size_t params = problem_params(p);
  struct scales s = {calloc(problem_elements(p), sizeof(double)), calloc(params, sizeof(double)),
                     calloc(params, sizeof(double))};
  for (size_t g = 0; g < problem_groups(p); ++g) group_scales(p, in, g, s);
  for (size_t q = 0; q < params; ++q) {
    s.dgamma[q] = sqrt(s.dgamma[q]);
    s.dbeta[q] = sqrt(s.dbeta[q]);
  }
  near_on_scale(what, SLOT_DX, a, b, s.dx);
  near_on_scale(what, SLOT_DGAMMA, a, b, s.dgamma);
  near_on_scale(what, SLOT_DBETA, a, b, s.dbeta);
  free(s.dx);
  free(s.dgamma);
  free(s.dbeta);
}

static const char *const backward_shapes[] = {
  "layernorm/backward/f32/5x130/%s/seed2,given=%s,dy=%s%s",
  "layernorm/backward/f32/130x37/%s/seed2,given=%s,dy=%s%s",
  "layernorm/backward/f32/2x20011/%s/seed2,given=%s,dy=%s%s",
  "rmsnorm/backward/f32/67x37/%s/seed2,given=%s,dy=%s%s",
  "rmsnorm/backward/f32/2x20011/%s/seed2,given=%s,dy=%s%s",
  "batchnorm/backward/f32/6x5x7x7/%s/seed2,given=%s,dy=%s%s",
  "batchnorm/backward/f32/20x3x33x31/%s/seed2,given=%s,dy=%s%s",
  "batchnorm/backward/f32/20x3x33x31/%s/seed2,layout=nsc,given=%s,dy=%s%s",
  "batchnorm/backward/f32/3x300x3/%s/seed2,layout=nsc,given=%s,dy=%s%s",
  "batchnorm/backward/f32/6x5x7x7/%s/seed2,mode=evaluation,given=%s,dy=%s%s",
  "batchnorm/backward/f32/3x300x3/%s/seed2,layout=nsc,mode=evaluation,given=%s,dy=%s%s",
};
static const char *const dy_families[] = {"ordinary",  "zero",    "constant", "xhat",      "mean1e4",     "alternating",
                                          "smallint",  "onehot",  "scale1e20", "scale1e-20", "nearmax",   "subnormal",
                                          "paramcancel", "nan",   "pinf"};

static void gradients_near_the_reference(void **state)
{
  const size_t dys = sizeof dy_families / sizeof *dy_families, xs = sizeof families / sizeof *families;
  (void)state;
  for (size_t i = 0; i < sizeof backward_shapes / sizeof *backward_shapes; ++i)
    for (size_t k = 0; k < 2 * dys * xs; ++k) {
      const char *dy = dy_families[k / 2 / xs], *extra = extras[(k + k / 7) % 4];
      char name[CASE_NAME_MAX];
      struct run r;
      if ((k + i) % 13) continue; /* a thirteenth of all combinations */
      snprintf(name, sizeof name, backward_shapes[i], families[k / 2 % xs], k % 2 ? "yes" : "no", dy, extra);
      run_make(&r, name);
      struct tensors reference = results("reference", &r.tc.p, &r.in, 1);
      struct tensors optimized = results("optimized", &r.tc.p, &r.in, 2);
      gradients_near(name, &r.tc.p, &r.in, &reference, &optimized);
      tensors_free(&reference);
      tensors_free(&optimized);
      tensors_free(&r.in);
    }
}

/* ---- layouts ---- */

static void layouts_agree(void **state)
{
  const char *const names[] = {"batchnorm/forward/f32/6x20x7x7/wide/seed3,running=ordinary",
                               "batchnorm/forward/f32/4x3x100x101/mean1e6/seed3", "batchnorm/forward/f32/40x33x5/ulpvar/seed3",
                               "batchnorm/forward/f32/6x20x7x7/wide/seed3,mode=evaluation"};
  (void)state;
  for (size_t c = 0; c < sizeof names / sizeof *names; ++c) {
    struct run r;
    run_make(&r, names[c]);
    struct normative_problem q = r.tc.p;
    q.layout = NORMATIVE_NSC;
    struct tensors in = r.in;
    in.t[SLOT_X].data = copied(&r.in.t[SLOT_X]);
    for (size_t n = 0; n < q.n; ++n)
      for (size_t k = 0; k < q.c; ++k)
        for (size_t s = 0; s < q.s; ++s)
          ((float *)in.t[SLOT_X].data)[(n * q.s + s) * q.c + k] = ((float *)r.in.t[SLOT_X].data)[(n * q.c + k) * q.s + s];
    struct tensors a = results("optimized", &r.tc.p, &r.in, 2), b = results("optimized", &q, &in, 2);
    float *y = copied(&b.t[SLOT_Y]);
    for (size_t n = 0; n < q.n; ++n)
      for (size_t k = 0; k < q.c; ++k)
        for (size_t s = 0; s < q.s; ++s) ((float *)b.t[SLOT_Y].data)[(n * q.c + k) * q.s + s] = y[(n * q.s + s) * q.c + k];
    near(names[c], &r.tc.p, &r.in, &a, &b);
    free(y);
    free(in.t[SLOT_X].data);
    tensors_free(&a);
    tensors_free(&b);
    tensors_free(&r.in);
  }
}

/* To layout nsc (back: from it), in memory of its own. */
static float *transposed(const struct normative_problem *p, const float *x, bool back)
{
  float *t = malloc(p->n * p->c * p->s * sizeof *t);
  for (size_t n = 0; n < p->n; ++n)
    for (size_t k = 0; k < p->c; ++k)
      for (size_t s = 0; s < p->s; ++s) {
        size_t ncs = (n * p->c + k) * p->s + s, nsc = (n * p->s + s) * p->c + k;
        t[back ? ncs : nsc] = x[back ? nsc : ncs];
      }
  return t;
}

static void gradients_of_layouts_agree(void **state)
{
  const char *const names[] = {"batchnorm/backward/f32/6x20x7x7/wide/seed3,dy=alternating",
                               "batchnorm/backward/f32/4x3x100x101/mean1e6/seed3,given=yes",
                               "batchnorm/backward/f32/40x33x5/ulpvar/seed3,dy=mean1e4",
                               "batchnorm/backward/f32/6x20x7x7/wide/seed3,mode=evaluation"};
  (void)state;
  for (size_t c = 0; c < sizeof names / sizeof *names; ++c) {
    struct run r;
    run_make(&r, names[c]);
    struct normative_problem q = r.tc.p;
    q.layout = NORMATIVE_NSC;
    struct tensors in = r.in;
    in.t[SLOT_X].data = transposed(&q, r.in.t[SLOT_X].data, false);
    in.t[SLOT_DY].data = transposed(&q, r.in.t[SLOT_DY].data, false);
    struct tensors a = results("optimized", &r.tc.p, &r.in, 2), b = results("optimized", &q, &in, 2);
    void *dx = b.t[SLOT_DX].data;
    b.t[SLOT_DX].data = transposed(&q, dx, true);
    gradients_near(names[c], &r.tc.p, &r.in, &a, &b);
    free(dx);
    free(in.t[SLOT_X].data);
    free(in.t[SLOT_DY].data);
    tensors_free(&a);
    tensors_free(&b);
    tensors_free(&r.in);
  }
}

/* ---- constants ---- */

static void constants_are_exact(void **state)
{
  const float value[] = {12345.678f, 0.1f, -FLT_MAX, 0x1p-149f, 16777215};
  const size_t length[] = {2, 17, 1000, 65537, 1000003};
  (void)state;
  float *x = malloc(2 * 1000003 * sizeof *x), *y = malloc(2 * 1000003 * sizeof *y);
  for (size_t v = 0; v < sizeof value / sizeof *value; ++v)
    for (size_t k = 0; k < sizeof length / sizeof *length; ++k)
      for (int how = 0; how < 3; ++how) {
        const size_t m = length[k];
        const float gamma[2] = {3, -5}, beta[2] = {0.7f, -1e-3f};
        double mean[2], rstd[2];
        normative_status status;
        for (size_t i = 0; i < 2 * m; ++i) x[i] = value[v];
        if (how == 0)
          status = opt_layernorm_forward_f32(y, mean, rstd, x, NULL, NULL, 2, m, 0x1p-20, 2);
        else
          status = opt_batchnorm_forward_f32(y, mean, rstd, NULL, NULL, x, gamma, beta, 1, 2, m,
                                             how == 1 ? NORMATIVE_NCS : NORMATIVE_NSC, 0x1p-20, 0.1,
                                             NORMATIVE_MOMENTUM_NEW, NORMATIVE_UNBIASED, 2);
        assert_int_equal(status, NORMATIVE_OK);
        for (int g = 0; g < 2; ++g) assert_true(mean[g] == value[v] && rstd[g] == 0x1p10);
        for (size_t i = 0; i < 2 * m; ++i) assert_true(y[i] == (how == 0 ? 0 : beta[how == 1 ? i / m : i % 2]));
      }
  free(x);
  free(y);
}

/* ---- in place ---- */

/* y over x. */
static normative_status forward_in_place(const struct run *r, float *x)
{
  const struct normative_problem *p = &r->tc.p;
  const float *gamma = r->in.t[SLOT_GAMMA].data, *beta = r->in.t[SLOT_BETA].data;
  normative_layout layout = (normative_layout)p->layout;
  if (p->norm == NORMATIVE_LAYERNORM)
    return opt_layernorm_forward_f32(x, NULL, NULL, x, gamma, beta, p->n, p->c, p->eps, 2);
  if (p->norm == NORMATIVE_RMSNORM) return opt_rmsnorm_forward_f32(x, NULL, x, gamma, beta, p->n, p->c, p->eps, 2);
  if (p->mode == NORMATIVE_TRAINING)
    return opt_batchnorm_forward_f32(x, NULL, NULL, NULL, NULL, x, gamma, beta, p->n, p->c, p->s, layout, p->eps, 0.1,
                                     NORMATIVE_MOMENTUM_NEW, NORMATIVE_UNBIASED, 2);
  return opt_batchnorm_eval_forward_f32(x, x, gamma, beta, r->in.t[SLOT_RUNNING_MEAN].data, r->in.t[SLOT_RUNNING_VAR].data,
                                        p->n, p->c, p->s, layout, p->eps, 2);
}

/* dx over dy, and no other output. */
static normative_status backward_in_place(const struct run *r, float *dy)
{
  const struct normative_problem *p = &r->tc.p;
  const float *x = r->in.t[SLOT_X].data, *gamma = r->in.t[SLOT_GAMMA].data;
  const double *mean = r->in.t[SLOT_GIVEN_MEAN].data, *rstd = r->in.t[SLOT_GIVEN_RSTD].data;
  normative_layout layout = (normative_layout)p->layout;
  if (p->norm == NORMATIVE_LAYERNORM)
    return opt_layernorm_backward_f32(dy, NULL, NULL, dy, x, gamma, mean, rstd, p->n, p->c, p->eps, 2);
  if (p->norm == NORMATIVE_RMSNORM)
    return opt_rmsnorm_backward_f32(dy, NULL, NULL, dy, x, gamma, rstd, p->n, p->c, p->eps, 2);
  if (p->mode == NORMATIVE_TRAINING)
    return opt_batchnorm_backward_f32(dy, NULL, NULL, dy, x, gamma, mean, rstd, p->n, p->c, p->s, layout, p->eps, 2);
  return opt_batchnorm_eval_backward_f32(dy, NULL, NULL, dy, x, gamma, r->in.t[SLOT_RUNNING_MEAN].data,
                                         r->in.t[SLOT_RUNNING_VAR].data, p->n, p->c, p->s, layout, p->eps, 2);
}

static void in_place(void **state)
{
  (void)state;
  for (size_t c = 0; c < sizeof cases / sizeof *cases; ++c) {
    struct run r;
    run_make(&r, cases[c]);
    const bool backward = r.tc.p.direction == NORMATIVE_BACKWARD;
    const enum slot input = backward ? SLOT_DY : SLOT_X, output = backward ? SLOT_DX : SLOT_Y;
    struct tensors apart = results("optimized", &r.tc.p, &r.in, 2);
    float *x = copied(&r.in.t[input]);
    assert_int_equal(backward ? backward_in_place(&r, x) : forward_in_place(&r, x), NORMATIVE_OK);
    struct tensor y = apart.t[output];
    y.data = x;
    if (first_difference(&y, &apart.t[output]) < y.count) fail_msg("%s: other bits in place", cases[c]);
    free(x);
    tensors_free(&apart);
    tensors_free(&r.in);
  }
}

/* ---- each gradient by itself ---- */

/* dgamma, dbeta or both without the rest: the bits that they have with it. */
static void outputs_that_are_not_wanted(void **state)
{
  (void)state;
  for (size_t c = 0; c < sizeof cases / sizeof *cases; ++c) {
    struct run r;
    run_make(&r, cases[c]);
    const struct normative_problem *p = &r.tc.p;
    const struct tensor *in = r.in.t;
    normative_layout layout = (normative_layout)p->layout;
    struct tensors all = results("optimized", p, &r.in, 2);
    for (int wanted = 1; wanted < 4 && p->direction == NORMATIVE_BACKWARD; ++wanted) {
      struct tensor t[2] = {all.t[SLOT_DGAMMA], all.t[SLOT_DBETA]};
      for (int k = 0; k < 2; ++k) t[k].data = wanted >> k & 1 ? malloc(p->c * sizeof(float)) : NULL;
      normative_status status;
      if (p->norm == NORMATIVE_LAYERNORM)
        status = opt_layernorm_backward_f32(NULL, t[0].data, t[1].data, in[SLOT_DY].data, in[SLOT_X].data, in[SLOT_GAMMA].data,
                                            in[SLOT_GIVEN_MEAN].data, in[SLOT_GIVEN_RSTD].data, p->n, p->c, p->eps, 3);
      else if (p->norm == NORMATIVE_RMSNORM)
        status = opt_rmsnorm_backward_f32(NULL, t[0].data, t[1].data, in[SLOT_DY].data, in[SLOT_X].data, in[SLOT_GAMMA].data,
                                          in[SLOT_GIVEN_RSTD].data, p->n, p->c, p->eps, 3);
      else if (p->mode == NORMATIVE_TRAINING)
        status = opt_batchnorm_backward_f32(NULL, t[0].data, t[1].data, in[SLOT_DY].data, in[SLOT_X].data,
                                            in[SLOT_GAMMA].data, in[SLOT_GIVEN_MEAN].data, in[SLOT_GIVEN_RSTD].data, p->n,
                                            p->c, p->s, layout, p->eps, 3);
      else
        status = opt_batchnorm_eval_backward_f32(NULL, t[0].data, t[1].data, in[SLOT_DY].data, in[SLOT_X].data,
                                                 in[SLOT_GAMMA].data, in[SLOT_RUNNING_MEAN].data,
                                                 in[SLOT_RUNNING_VAR].data, p->n, p->c, p->s, layout, p->eps, 3);
      assert_int_equal(status, NORMATIVE_OK);
      for (int k = 0; k < 2; ++k) {
        const struct tensor *with = &all.t[k ? SLOT_DBETA : SLOT_DGAMMA];
        if (t[k].data && with->data && first_difference(&t[k], with) < with->count) fail_msg("%s: other bits alone", cases[c]);
        free(t[k].data);
      }
    }
    tensors_free(&all);
    tensors_free(&r.in);
  }
}

/* ---- no memory ---- */

/* In a process that may have little more than it has: the status, and that nothing was written. */
static void no_memory_writes_nothing(void **state)
{
#ifdef __SANITIZE_ADDRESS__
  (void)state;
  skip(); /* its shadow memory is beyond any limit */
#else
  const size_t cols = (size_t)1 << 22;
  int status;
  (void)state;
  float *x = calloc(cols, sizeof *x), *dy = calloc(cols, sizeof *dy), *out = malloc(3 * cols * sizeof *out);
  for (size_t i = 0; i < 3 * cols; ++i) out[i] = 77;
  pid_t child = fork();
  if (child == 0) {
    size_t pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%zu", &pages) != 1) _exit(2);
    const rlim_t limit = pages * (rlim_t)sysconf(_SC_PAGESIZE) + (8 << 20);
    setrlimit(RLIMIT_AS, &(struct rlimit){limit, limit});
    int wrong = opt_layernorm_backward_f32(out, out + cols, out + 2 * cols, dy, x, NULL, NULL, NULL, 1, cols, 1e-5, 1) !=
                NORMATIVE_E_MEMORY;
    for (size_t i = 0; i < 3 * cols; ++i) wrong |= out[i] != 77;
    _exit(wrong);
  }
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
  free(x);
  free(dy);
  free(out);
#endif
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_environment_chooses),
    cmocka_unit_test(levels_have_names),
    cmocka_unit_test(every_task_runs_once),
    cmocka_unit_test(same_bits_at_every_level_for_any_threads),
    cmocka_unit_test(same_bits_where_sums_cancel),
    cmocka_unit_test(a_row_in_any_batch),
    cmocka_unit_test(a_gradient_in_any_batch),
    cmocka_unit_test(a_channel_alone),
    cmocka_unit_test(a_channel_backward_alone),
    cmocka_unit_test(near_the_reference_on_hostile_data),
    cmocka_unit_test(gradients_near_the_reference),
    cmocka_unit_test(layouts_agree),
    cmocka_unit_test(gradients_of_layouts_agree),
    cmocka_unit_test(constants_are_exact),
    cmocka_unit_test(in_place),
    cmocka_unit_test(outputs_that_are_not_wanted),
    cmocka_unit_test(no_memory_writes_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
