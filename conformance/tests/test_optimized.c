/* SPDX-License-Identifier: Apache-2.0
   The optimized library: the same bits at every instruction-set level, for every number of threads and whatever else is in
   the batch; and near the reference on hostile data. */
#include "builtin.h"
#include "inputs.h"
#include "level.h"
#include "normative.h"
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

/* A library ("reference", "optimized") on this problem with these pointers, slot by slot. */
static void call(const char *library, const struct normative_problem *p, void *const pointers[SLOT_COUNT], int threads)
{
  const struct normative_plugin *plugin = builtin_find(library);
  struct normative_tensors t = {.size = sizeof t};
  void *state;
  uint64_t bytes;
  memcpy(&t.x, pointers, SLOT_COUNT * sizeof *pointers); /* the fields from x to dlambda_var are the slots, in their order */
  assert_null(plugin->supports(p));
  assert_int_equal(plugin->open(p, threads, &state, &bytes), 0);
  void *workspace = malloc(bytes + 8);
  assert_int_equal(plugin->run(state, &t, workspace), NORMATIVE_OK);
  free(workspace);
  plugin->close(state);
}

/* Memory for every output, running statistics as they are before. */
static struct tensors outputs(const struct normative_problem *p, const struct tensors *in)
{
  struct tensors out = {0};
  struct error e = {""};
  for (int s = 0; s < SLOT_COUNT; ++s)
    if (slot_is_output(p, (enum slot)s)) assert_int_equal(tensor_alloc(&out.t[s], p, (enum slot)s, &e), 0);
  for (int s = SLOT_RUNNING_MEAN; s <= SLOT_RUNNING_VAR; ++s)
    if (out.t[s].data) memcpy(out.t[s].data, in->t[s].data, out.t[s].count * type_size(out.t[s].type));
  return out;
}

static void pointers_of(void *pointers[SLOT_COUNT], const struct tensors *in, const struct tensors *out)
{
  for (int s = 0; s < SLOT_COUNT; ++s) pointers[s] = out->t[s].data ? out->t[s].data : in->t[s].data;
}

/* Every output of a library on this problem and these inputs. */
static struct tensors results(const char *library, const struct normative_problem *p, const struct tensors *in, int threads)
{
  struct tensors out = outputs(p, in);
  void *pointers[SLOT_COUNT];
  pointers_of(pointers, in, &out);
  call(library, p, pointers, threads);
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

/* The same of every other norm and type: strips that end inside a group, groups wider than a strip, few samples and many. */
static const char *const more_cases[] = {
  "instancenorm/forward/f32/3x5x7x7/wide/seed1,running=ordinary",
  "instancenorm/forward/f32/3x300x9/wide/seed1,layout=nsc,running=ordinary",
  "instancenorm/forward/f32/5x7/mean1e4/seed1",
  "instancenorm/forward/f32/1x2x70001/nan/seed1",
  "instancenorm/backward/f32/70x5x7x7/wide/seed1,dy=alternating",
  "instancenorm/backward/f32/70x300x9/wide/seed1,layout=nsc,dy=alternating,given=yes",
  "groupnorm/forward/f32/3x30x17x17/mean1e4/seed1,groups=6",
  "groupnorm/forward/f32/3x350x7x7/wide/seed1,groups=50,layout=nsc",
  "groupnorm/forward/f32/2x1200x9/wide/seed1,groups=2,layout=nsc",
  "groupnorm/forward/f32/200x60/wide/seed1,groups=4",
  "groupnorm/forward/f32/1x2x40000/pinf/seed1",
  "groupnorm/backward/f32/3x30x17x17/mean1e4/seed1,groups=6,dy=alternating",
  "groupnorm/backward/f32/3x350x7x7/wide/seed1,groups=50,layout=nsc,dy=alternating",
  "groupnorm/backward/f32/2x1200x9/wide/seed1,groups=2,layout=nsc,dy=alternating",
  "groupnorm/backward/f32/2x1200x9/wide/seed1,groups=2,layout=nsc,dy=alternating,given=yes",
  "groupnorm/backward/f32/200x60/wide/seed1,groups=4,given=yes",
  "layernorm_channels/forward/f32/3x130x17x17/wide/seed1,gamma=mixed",
  "layernorm_channels/forward/f32/3x130x17x17/wide/seed1,layout=nsc",
  "layernorm_channels/forward/f32/1x1000x10/mean1e4/seed1",
  "layernorm_channels/backward/f32/3x130x17x17/wide/seed1,dy=alternating",
  "layernorm_channels/backward/f32/1x1000x10/mean1e4/seed1,given=yes,gamma=absent",
  "layernorm_channels/backward/f32/70x20x5x5/wide/seed1,layout=nsc,dy=alternating",
  "layernorm/forward/f32/200x1000/wide/seed1,residual=yes",
  "layernorm/forward/bf16/3x40001/wide/seed1,residual=yes",
  "layernorm/forward/f64/20x1003/wide/seed1,residual=yes",
  "layernorm/forward/f64/20x103/nearmax/seed1,residual=yes",
  "rmsnorm/forward/f64/20x103/nearmax/seed1,residual=yes",
  "rmsnorm/forward/f16/64x130/normal/seed1,residual=yes,params=f32",
  "layernorm/forward/f16/64x130/mean1e2/seed1",
  "layernorm/forward/f16/64x130/normal/seed1,params=f32",
  "layernorm/forward/bf16/64x130/wide/seed1",
  "layernorm/forward/bf16/64x130/subnormal/seed1,params=f32,eps=0",
  "layernorm/backward/bf16/517x259/wide/seed1,dy=alternating",
  "layernorm/backward/f16/64x1003/normal/seed1,params=f32,given=yes",
  "rmsnorm/forward/bf16/2x70001/wide/seed1,params=f32",
  "rmsnorm/backward/f16/300x70/normal/seed1",
  "batchnorm/forward/f16/6x40x7x7/mean1e2/seed1,params=f32,running=ordinary",
  "batchnorm/forward/bf16/6x65x7x7/wide/seed1,layout=nsc,running=ordinary",
  "batchnorm/forward/bf16/6x65x7x7/nan/seed1,layout=nsc,mode=evaluation",
  "batchnorm/backward/bf16/20x3x33x31/wide/seed1,params=f32,dy=alternating",
  "batchnorm/backward/f16/20x65x9/normal/seed1,layout=nsc",
  "instancenorm/forward/bf16/3x65x49/wide/seed1,layout=nsc",
  "groupnorm/forward/f16/3x64x49/normal/seed1,groups=8,params=f32",
  "groupnorm/backward/bf16/3x64x49/wide/seed1,groups=8,layout=nsc,params=f32",
  "layernorm_channels/forward/bf16/3x64x49/wide/seed1",
  "layernorm_channels/backward/f16/3x64x49/normal/seed1",
  "layernorm/forward/f64/64x1003/wide/seed1",
  "layernorm/forward/f64/5x1003/nearmax/seed1",
  "layernorm/forward/f64/5x130/nan/seed1",
  "layernorm/backward/f64/517x59/wide/seed1,dy=alternating",
  "layernorm/backward/f64/517x59/wide/seed1,dy=nearmax,given=yes",
  "rmsnorm/forward/f64/5x1003/subnormal/seed1,eps=0",
  "rmsnorm/backward/f64/517x59/wide/seed1,dy=alternating",
  "batchnorm/forward/f64/6x40x17/mean1e4/seed1,running=ordinary",
  "batchnorm/forward/f64/6x40x17/wide/seed1,layout=nsc,mode=evaluation",
  "batchnorm/backward/f64/6x40x17/wide/seed1,layout=nsc,dy=alternating",
  "batchnorm/backward/f64/6x40x17/wide/seed1,mode=evaluation",
  "instancenorm/forward/f64/30x40x17/wide/seed1,running=ordinary",
  "instancenorm/forward/f64/30x40x17/nearmax/seed1,running=ordinary",
  "instancenorm/backward/f64/300x4x17/wide/seed1,layout=nsc,dy=alternating",
  "groupnorm/forward/f64/30x40x17/wide/seed1,groups=5",
  "groupnorm/backward/f64/300x8x17/wide/seed1,groups=2,layout=nsc,dy=alternating",
  "layernorm_channels/forward/f64/30x40x17/wide/seed1",
  "layernorm_channels/backward/f64/30x40x17/wide/seed1,dy=alternating",
  "switchnorm/forward/f32/30x40x17/mean1e4/seed1,running=ordinary",
  "switchnorm/forward/f32/30x40x17/wide/seed1,layout=nsc,dropbn=yes",
  "switchnorm/forward/f32/30x40x17/nan/seed1",
  "switchnorm/forward/bf16/30x40x17/wide/seed1,mode=evaluation,params=f32",
  "switchnorm/forward/f64/30x40x17/wide/seed1",
  "switchnorm/backward/f32/30x40x17/mean1e4/seed1,dy=alternating",
  "switchnorm/backward/f16/30x40x17/normal/seed1,layout=nsc",
  "switchnorm/backward/f64/30x40x17/wide/seed1,mode=evaluation",
};

static const size_t all_cases = sizeof cases / sizeof *cases + sizeof more_cases / sizeof *more_cases;

static const char *case_at(size_t i)
{
  const size_t first = sizeof cases / sizeof *cases;
  return i < first ? cases[i] : more_cases[i - first];
}

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
      snprintf(what, sizeof what, "%s: portable with 1 thread, %s with %d", name, opt_level_name(opt_level()), threads[t]);
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
  for (size_t c = 0; c < all_cases; ++c) {
    struct run r;
    run_make(&r, case_at(c));
    same_bits_everywhere(case_at(c), &r);
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
  assert_string_equal(opt_level_name(LEVEL_PORTABLE), "portable");
#ifdef __x86_64__
  assert_string_equal(opt_level_name(LEVEL_SSE2), "sse2");
  assert_true(!opt_level_name(LEVEL_AVX2) || !strcmp(opt_level_name(LEVEL_AVX2), "avx2"));
  assert_true(!opt_level_name(LEVEL_AVX512) || !strcmp(opt_level_name(LEVEL_AVX512), "avx512"));
#endif
  assert_null(opt_level_name(LEVEL_COUNT));
  assert_int_equal(opt_set_level(LEVEL_PORTABLE), 0);
  assert_int_equal(opt_set_level(LEVEL_COUNT), -1);
  assert_int_equal(opt_level(), LEVEL_PORTABLE);
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
    _exit(strcmp(opt_level_name(opt_level()), expected) != 0);
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
    if (!opt_level_name(level)) continue;
    best = opt_level_name(level);
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
  const char *const names[] = {"batchnorm/forward/f32/6x300x5x5/wide/seed1",
                               "batchnorm/forward/f32/6x300x5x5/wide/seed1,layout=nsc",
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
      const float *in_all = all.t[SLOT_Y].data;
      for (size_t i = 0; i < m; ++i)
        assert_true(y[i] == in_all[g.base + i / g.inner * g.outer_stride + i % g.inner * g.inner_stride]);
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

/* One unit in the last place of a number of this type of magnitude v; the smallest subnormal at least. */
static double ulp(uint32_t type, double v)
{
  const struct type_format *f = &type_formats[type];
  const int least = f->min_exponent - f->digits + 1;
  int exponent;
  if (v == 0) return ldexp(1, least);
  frexp(v, &exponent);
  return ldexp(1, exponent - f->digits < least ? least : exponent - f->digits);
}

static double or_else(const struct tensor *t, size_t i, double otherwise) { return t->data ? tensor_get(t, i) : otherwise; }

struct worst { double nulp; size_t index; };

/* The largest distance of two results y, in ulps of s = max(|y|, |beta|, |gamma| sigma rstd); sigma rstd only of own
   statistics that subtract a mean, 1 where statistics are mixed. NaN must meet NaN, infinities themselves. */
static struct worst distance(const struct normative_problem *p, const struct tensors *in, const struct tensors *a,
                             const struct tensors *b)
{
  const size_t groups = problem_groups(p), m = problem_m(p);
  const int mixed = p->norm == NORMATIVE_SWITCHNORM, scaled = mixed || a->t[SLOT_RSTD].data;
  struct worst w = {0, 0};
  for (size_t g = 0; g < groups; ++g) {
    struct runs r = problem_runs(p, g);
    double rstd = mixed || !scaled ? 0 : tensor_get(&a->t[SLOT_RSTD], g), sigma = sqrt(fmax(0, 1 / (rstd * rstd) - p->eps));
    double spread = mixed ? 1 : p->norm == NORMATIVE_RMSNORM ? 0 : sigma * rstd;
    for (size_t k = 0; k < m; ++k) {
      size_t i = element_at(&r, k);
      size_t q = param_at(&r, k);
      double ya = tensor_get(&a->t[SLOT_Y], i), yb = tensor_get(&b->t[SLOT_Y], i);
      double s = fmax(fabs(ya), fabs(or_else(&in->t[SLOT_BETA], q, 0)));
      if (scaled && isfinite(spread)) s = fmax(s, fabs(or_else(&in->t[SLOT_GAMMA], q, 1)) * spread);
      double d = ya == yb || (isnan(ya) && isnan(yb)) ? 0 : fabs(ya - yb) / ulp(p->type, s);
      if (!(d <= w.nulp)) w = (struct worst){isnan(d) ? INFINITY : d, i};
    }
  }
  return w;
}

/* Both are within 0.51 of the truth, so within 1.02 of each other; of doubles y within 8, gradients within 16. */
static double nearness(uint32_t type, bool gradient) { return type != NORMATIVE_F64 ? 1.02 : gradient ? 32 : 16; }

static void near(const char *what, const struct normative_problem *p, const struct tensors *in, const struct tensors *a,
                 const struct tensors *b)
{
  struct worst w = distance(p, in, a, b);
  if (!(w.nulp <= nearness(p->type, false)))
    fail_msg("%s: y[%zu] is %a and %a, %g nULP apart", what, w.index, tensor_get(&a->t[SLOT_Y], w.index),
             tensor_get(&b->t[SLOT_Y], w.index), w.nulp);
  for (int s = 0; s < SLOT_COUNT; ++s) {
    if (s == SLOT_Y || !a->t[s].data) continue;
    for (size_t i = 0; i < a->t[s].count; ++i) {
      double v = tensor_get(&a->t[s], i), u = tensor_get(&b->t[s], i), scale = fabs(v);
      if (s == SLOT_MEAN) scale = fmax(scale, 1 / tensor_get(&a->t[SLOT_RSTD], i)); /* at least sigma */
      if (s == SLOT_RUNNING_MEAN) scale = fmax(scale, sqrt(fabs(tensor_get(&a->t[SLOT_RUNNING_VAR], i))));
      if (!(v == u || (isnan(v) && isnan(u)) || fabs(v - u) <= 1e-13 * scale))
        fail_msg("%s: %s[%zu] is %a and %a", what, slot_name[s], i, v, u);
    }
  }
}

/* The optimized library's outputs for a case, with two threads, compared with the reference's. */
static void beside_the_reference(const char *name, void (*compare)(const char *what, const struct normative_problem *p,
                                                                   const struct tensors *in, const struct tensors *a,
                                                                   const struct tensors *b))
{
  struct run r;
  run_make(&r, name);
  struct tensors reference = results("reference", &r.tc.p, &r.in, 1);
  struct tensors optimized = results("optimized", &r.tc.p, &r.in, 2);
  compare(name, &r.tc.p, &r.in, &reference, &optimized);
  tensors_free(&reference);
  tensors_free(&optimized);
  tensors_free(&r.in);
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
        snprintf(name, sizeof name, shapes[i], families[f], extras[x]);
        beside_the_reference(name, near);
      }
}

/* The other norms and types, where families have room in the type. */
static const char *const more_families[] = {"normal", "constant", "halfconst", "zeros", "uniform", "sorted", "smallint",
                                            "alternating", "mean1e2", "nan", "pinf", "ninf"};
static const char *const more_shapes[] = {
  "instancenorm/forward/f32/3x5x130/%s/seed2,running=ordinary%s",
  "instancenorm/forward/bf16/3x5x130/%s/seed2,layout=nsc%s",
  "instancenorm/forward/f64/3x5x130/%s/seed2,layout=nsc,running=ordinary%s",
  "groupnorm/forward/f32/3x30x17/%s/seed2,groups=5%s",
  "groupnorm/forward/f32/3x300x5/%s/seed2,groups=1,layout=nsc%s",
  "groupnorm/forward/f16/3x30x17/%s/seed2,groups=5,layout=nsc,params=f32%s",
  "groupnorm/forward/f64/3x30x17/%s/seed2,groups=5%s",
  "layernorm_channels/forward/f32/3x30x17/%s/seed2%s",
  "layernorm_channels/forward/bf16/3x30x17/%s/seed2,params=f32%s",
  "layernorm_channels/forward/f64/3x30x17/%s/seed2%s",
  "switchnorm/forward/f32/3x30x17/%s/seed2,running=ordinary%s",
  "switchnorm/forward/f16/3x30x17/%s/seed2,layout=nsc,dropbn=yes%s",
  "switchnorm/forward/f64/3x30x17/%s/seed2,mode=evaluation%s",
  "layernorm/forward/f16/9x130/%s/seed2%s",
  "layernorm/forward/bf16/9x1003/%s/seed2,params=f32%s",
  "layernorm/forward/f64/9x1003/%s/seed2%s",
  "layernorm/forward/f32/9x1003/%s/seed2,residual=yes%s",
  "layernorm/forward/bf16/9x1003/%s/seed2,residual=yes%s",
  "rmsnorm/forward/bf16/9x1003/%s/seed2%s",
  "rmsnorm/forward/f64/9x1003/%s/seed2,residual=yes%s",
  "rmsnorm/forward/f16/9x1003/%s/seed2,residual=yes,params=f32%s",
  "batchnorm/forward/f16/6x20x7x7/%s/seed2,params=f32,running=ordinary%s",
  "batchnorm/forward/bf16/6x20x7x7/%s/seed2,layout=nsc,running=ordinary%s",
  "batchnorm/forward/f64/6x20x7x7/%s/seed2,layout=nsc,running=ordinary%s",
  "batchnorm/forward/f64/6x20x7x7/%s/seed2,mode=evaluation%s",
};
static const char *const more_extras[] = {"", ",eps=0", ",gamma=mixed,beta=cancel", ",gamma=absent"};

static void every_norm_and_type_near_the_reference(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof more_shapes / sizeof *more_shapes; ++i)
    for (size_t f = 0; f < sizeof more_families / sizeof *more_families; ++f) {
      char name[CASE_NAME_MAX];
      snprintf(name, sizeof name, more_shapes[i], more_families[f], more_extras[(i + f) % 4]);
      beside_the_reference(name, near);
    }
}

/* Where no double holds x + r, it is the exact sum that is normalised. */
static void a_residual_beside_large_numbers(void **state)
{
  static const char *const names[] = {"layernorm/forward/f32/9x1003/mean1e12/seed2,residual=yes",
                                      "layernorm/forward/f32/9x1003/mean1e18/seed2,residual=yes,gamma=mixed,beta=cancel",
                                      "layernorm/forward/bf16/9x1003/mean1e18/seed2,residual=yes"};
  (void)state;
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i) beside_the_reference(names[i], near);
}

/* ---- gradients near the reference ---- */

/* Statistics of a group as the gradient has them, in long double. */
struct moments { long double mean, rstd, sigma; };

static struct moments moments_of(const struct normative_problem *p, const struct tensors *in, size_t group, struct runs r)
{
  const struct tensor *x = &in->t[SLOT_X];
  const size_t m = r.outer * r.inner;
  long double sum = 0, squares = 0;
  struct moments s = {0};
  for (size_t k = 0; k < m; ++k) sum += tensor_get(x, element_at(&r, k));
  s.mean = p->norm == NORMATIVE_RMSNORM ? 0 : sum / m;
  for (size_t k = 0; k < m; ++k) {
    long double d = tensor_get(x, element_at(&r, k)) - s.mean;
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
  const size_t m = r.outer * r.inner;
  long double g_abs = 0, h_abs = 0;
  for (int pass = 0; pass < 2; ++pass)
    for (size_t k = 0; k < m; ++k) {
      size_t i = element_at(&r, k);
      size_t q = param_at(&r, k);
      long double dy = tensor_get(&in->t[SLOT_DY], i), g = or_else(&in->t[SLOT_GAMMA], q, 1) * dy;
      long double h = (tensor_get(&in->t[SLOT_X], i) - t.mean) * t.rstd, u = t.sigma * t.rstd;
      if (pass) {
        s.dx[i] = (double)(t.rstd * fabsl(g));
        if (p->mode == NORMATIVE_TRAINING) s.dx[i] = (double)(t.rstd * fmaxl(fabsl(g), fmaxl(g_abs, fabsl(h) * h_abs)));
        continue;
      }
      g_abs += fabsl(g) / m;
      h_abs += fabsl(g * h) / m;
      s.dgamma[q] += (double)(dy * dy * (h * h + u * u));
      s.dbeta[q] += (double)(dy * dy);
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
    double s = fmax(fabs(u), isfinite(scale[i]) ? scale[i] : 0), nulp = fabs(u - v) / ulp(a->t[slot].type, s);
    if (!(nulp <= nearness(a->t[slot].type, true)))
      fail_msg("%s: %s[%zu] is %a and %a, %g nULP apart", what, slot_name[slot], i, u, v, nulp);
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
      if ((k + i) % 13) continue; /* a thirteenth of all combinations */
      if (k % 2 && strstr(backward_shapes[i], "evaluation")) continue;
      snprintf(name, sizeof name, backward_shapes[i], families[k / 2 % xs], k % 2 ? "yes" : "no", dy, extra);
      beside_the_reference(name, gradients_near);
    }
}

static const char *const more_backward[] = {
  "instancenorm/backward/f32/70x5x13/%s/seed2%s", /* more samples than blocks of them */
  "instancenorm/backward/f64/70x5x13/%s/seed2%s",
  "layernorm_channels/backward/f32/70x20x13/%s/seed2%s",
  "instancenorm/backward/f32/3x5x130/%s/seed2%s",
  "instancenorm/backward/f32/3x5x130/%s/seed2,layout=nsc,given=yes%s",
  "instancenorm/backward/bf16/3x5x130/%s/seed2,layout=nsc,params=f32%s",
  "instancenorm/backward/f64/3x5x130/%s/seed2%s",
  "groupnorm/backward/f32/3x30x17/%s/seed2,groups=5%s",
  "groupnorm/backward/f32/3x300x5/%s/seed2,groups=1,layout=nsc%s",
  "groupnorm/backward/f32/30x30/%s/seed2,groups=5,given=yes%s",
  "groupnorm/backward/f16/3x30x17/%s/seed2,groups=5,layout=nsc,params=f32%s",
  "groupnorm/backward/f64/3x30x17/%s/seed2,groups=5,layout=nsc%s",
  "layernorm_channels/backward/f32/3x30x17/%s/seed2%s",
  "layernorm_channels/backward/f32/3x30x17/%s/seed2,layout=nsc,given=yes%s",
  "layernorm_channels/backward/bf16/3x30x17/%s/seed2,given=yes%s",
  "layernorm_channels/backward/f64/3x30x17/%s/seed2%s",
  "layernorm/backward/f16/40x130/%s/seed2,params=f32%s",
  "layernorm/backward/bf16/40x130/%s/seed2%s",
  "layernorm/backward/f64/40x130/%s/seed2%s",
  "rmsnorm/backward/bf16/40x130/%s/seed2,given=yes%s",
  "rmsnorm/backward/f64/40x130/%s/seed2%s",
  "batchnorm/backward/f16/6x20x7x7/%s/seed2,params=f32%s",
  "batchnorm/backward/bf16/6x20x7x7/%s/seed2,layout=nsc%s",
  "batchnorm/backward/f64/6x20x7x7/%s/seed2,layout=nsc,given=yes%s",
  "batchnorm/backward/f64/6x20x7x7/%s/seed2,mode=evaluation%s",
};

static void every_norm_and_type_gradients_near_the_reference(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof more_backward / sizeof *more_backward; ++i)
    for (size_t f = 0; f < sizeof more_families / sizeof *more_families; ++f) {
      char name[CASE_NAME_MAX];
      snprintf(name, sizeof name, more_backward[i], more_families[f], (i + f) % 2 ? ",dy=alternating" : ",gamma=mixed");
      beside_the_reference(name, gradients_near);
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

/* ---- one rounding ---- */

/* Every number of 16 bits, times gamma, plus beta: as many bits as a double has, near and at the midpoints between neighbours;
   through float these would round twice. gamma 1, beta 0 gives each back. */
static void sixteen_bits_are_rounded_once(void **state)
{
  const float gamma[] = {1, 1, 1 + 0x1p-8f, 1 + 0x1p-8f, 1 + 0x1p-11f, 1 - 0x1p-11f, 0x1p-20f, 0x1.8p30f};
  const float beta[] = {0, 0x1p-140f, 0x1p-40f, -0x1p-40f, 0x1p-45f, 0x1p-45f, 0x1.01p-134f, 0};
  const double mean = 0, var = 1;
  enum { MANY = 65536 };
  (void)state;
  uint16_t *x = malloc(MANY * sizeof *x), *y = malloc(MANY * sizeof *y);
  for (size_t i = 0; i < MANY; ++i) x[i] = (uint16_t)i;
  for (enum level level = 0; level < LEVEL_COUNT; ++level)
    for (size_t k = 0; k < sizeof gamma / sizeof *gamma && !opt_set_level(level); ++k)
      for (int brain = 0; brain < 2; ++brain) {
        assert_int_equal((brain ? opt_batchnorm_eval_forward_bf16_f32 : opt_batchnorm_eval_forward_f16_f32)(
                           y, x, gamma + k, beta + k, &mean, &var, 1, 1, MANY, NORMATIVE_NCS, 0, 1),
                         NORMATIVE_OK);
        struct tensor in = {.data = x, .type = brain ? NORMATIVE_BF16 : NORMATIVE_F16, .count = MANY}, out = in;
        out.data = y;
        for (size_t i = 0; i < MANY; ++i) {
          const double v = tensor_get(&in, i) * gamma[k] + beta[k], expected = format_round(&type_formats[in.type], v);
          if (!(tensor_get(&out, i) == expected || isnan(v)) || isnan(v) != isnan(tensor_get(&out, i)))
            fail_msg("%s, %s: %a became %a, not %a", opt_level_name(level), brain ? "bf16" : "f16", v, tensor_get(&out, i),
                     expected);
        }
      }
  free(x);
  free(y);
}

/* ---- in place ---- */

/* y over x, dx over dy. */
static void in_place(void **state)
{
  (void)state;
  for (size_t c = 0; c < all_cases; ++c) {
    struct run r;
    run_make(&r, case_at(c));
    const bool backward = r.tc.p.direction == NORMATIVE_BACKWARD;
    const enum slot input = backward ? SLOT_DY : SLOT_X, output = backward ? SLOT_DX : SLOT_Y;
    struct tensors apart = results("optimized", &r.tc.p, &r.in, 2), over = outputs(&r.tc.p, &r.in);
    void *pointers[SLOT_COUNT];
    free(over.t[output].data);
    over.t[output].data = copied(&r.in.t[input]);
    pointers_of(pointers, &r.in, &over);
    pointers[input] = over.t[output].data;
    call("optimized", &r.tc.p, pointers, 2);
    same_bits(case_at(c), &apart, &over);
    tensors_free(&over);
    tensors_free(&apart);
    tensors_free(&r.in);
  }
}

/* x + r over x or r, y over the other. */
static void a_residual_in_place(void **state)
{
  const char *const names[] = {"layernorm/forward/f32/7x333/wide/seed1,residual=yes",
                               "rmsnorm/forward/bf16/7x333/wide/seed1,residual=yes",
                               "layernorm/forward/f64/7x333/wide/seed1,residual=yes",
                               "layernorm/forward/f64/7x333/nearmax/seed1,residual=yes",
                               "rmsnorm/forward/f64/7x333/nearmax/seed1,residual=yes"};
  (void)state;
  for (size_t c = 0; c < sizeof names / sizeof *names; ++c)
    for (int swapped = 0; swapped < 2; ++swapped) {
      struct run r;
      run_make(&r, names[c]);
      struct tensors apart = results("optimized", &r.tc.p, &r.in, 2), over = outputs(&r.tc.p, &r.in);
      const enum slot y = swapped ? SLOT_SUM : SLOT_Y, sum = swapped ? SLOT_Y : SLOT_SUM;
      void *pointers[SLOT_COUNT];
      free(over.t[y].data);
      free(over.t[sum].data);
      over.t[y].data = copied(&r.in.t[SLOT_X]);
      over.t[sum].data = copied(&r.in.t[SLOT_RESIDUAL]);
      pointers_of(pointers, &r.in, &over);
      pointers[SLOT_X] = over.t[y].data;
      pointers[SLOT_RESIDUAL] = over.t[sum].data;
      call("optimized", &r.tc.p, pointers, 2);
      same_bits(names[c], &apart, &over);
      tensors_free(&over);
      tensors_free(&apart);
      tensors_free(&r.in);
    }
}

/* ---- at any address ---- */

/* Every tensor one element behind where it was. */
static void at_any_address(void **state)
{
  (void)state;
  for (size_t c = 0; c < all_cases; ++c) {
    struct run r;
    run_make(&r, case_at(c));
    struct tensors aligned = results("optimized", &r.tc.p, &r.in, 2), out = outputs(&r.tc.p, &r.in);
    void *pointers[SLOT_COUNT], *moved[SLOT_COUNT] = {NULL};
    pointers_of(pointers, &r.in, &out);
    for (int s = 0; s < SLOT_COUNT; ++s) {
      const struct tensor *t = out.t[s].data ? &out.t[s] : &r.in.t[s];
      const size_t size = type_size(t->type), bytes = t->count * size;
      if (!t->data) continue;
      moved[s] = malloc(bytes + size);
      pointers[s] = memcpy((char *)moved[s] + size, t->data, bytes);
    }
    call("optimized", &r.tc.p, pointers, 2);
    for (int s = 0; s < SLOT_COUNT; ++s) {
      if (out.t[s].data) memcpy(out.t[s].data, pointers[s], out.t[s].count * type_size(out.t[s].type));
      free(moved[s]);
    }
    same_bits(case_at(c), &aligned, &out);
    tensors_free(&out);
    tensors_free(&aligned);
    tensors_free(&r.in);
  }
}

/* ---- a sample alone ---- */

/* Of a tensor whose first size is n, or whose entries are n times as many: those of sample i. */
static struct tensor of_sample(struct tensor t, size_t n, size_t i)
{
  t.count /= n;
  if (t.data) t.data = (char *)t.data + i * t.count * type_size(t.type);
  return t;
}

/* The first, the last and a sample between: y, dx, mean, rstd and the sum are their own bits, whatever else is in the batch. */
static void a_sample_alone(void **state)
{
  const enum slot per_sample[] = {SLOT_X, SLOT_RESIDUAL, SLOT_DY, SLOT_GIVEN_MEAN, SLOT_GIVEN_RSTD, SLOT_Y, SLOT_MEAN,
                                  SLOT_RSTD, SLOT_SUM, SLOT_DX};
  (void)state;
  for (size_t c = 0; c < all_cases; ++c) {
    struct run r;
    run_make(&r, case_at(c));
    const struct normative_problem *p = &r.tc.p;
    const size_t n = p->n;
    if (p->norm == NORMATIVE_BATCHNORM || p->norm == NORMATIVE_SWITCHNORM || p->running) {
      tensors_free(&r.in);
      continue;
    }
    struct tensors all = results("optimized", p, &r.in, 3);
    for (size_t k = 0; k < 3; ++k) {
      const size_t i = k * (n - 1) / 2;
      struct normative_problem one = *p;
      struct tensors in = r.in, mine = {0};
      one.dims[0] = one.n = 1;
      for (size_t s = 0; s < sizeof per_sample / sizeof *per_sample; ++s) {
        in.t[per_sample[s]] = of_sample(r.in.t[per_sample[s]], n, i);
        mine.t[per_sample[s]] = of_sample(all.t[per_sample[s]], n, i);
      }
      struct tensors alone = results("optimized", &one, &in, 2);
      same_bits(case_at(c), &mine, &alone);
      tensors_free(&alone);
    }
    tensors_free(&all);
    tensors_free(&r.in);
  }
}

/* ---- each gradient by itself ---- */

/* Some of the gradients without the rest: the bits that they have with it. */
static void outputs_that_are_not_wanted(void **state)
{
  const enum slot gradients[] = {SLOT_DX, SLOT_DGAMMA, SLOT_DBETA, SLOT_DLAMBDA_MEAN, SLOT_DLAMBDA_VAR};
  (void)state;
  for (size_t c = 0; c < all_cases; ++c) {
    struct run r;
    run_make(&r, case_at(c));
    const bool lambdas = r.tc.p.norm == NORMATIVE_SWITCHNORM;
    struct tensors all = results("optimized", &r.tc.p, &r.in, 2);
    for (int wanted = 1; wanted < (lambdas ? 32 : 8) && r.tc.p.direction == NORMATIVE_BACKWARD; ++wanted) {
      struct tensors some = outputs(&r.tc.p, &r.in);
      void *pointers[SLOT_COUNT];
      for (int k = 0; k < 5; ++k)
        if (!(wanted >> k & 1)) {
          free(some.t[gradients[k]].data);
          some.t[gradients[k]].data = NULL;
        }
      pointers_of(pointers, &r.in, &some);
      call("optimized", &r.tc.p, pointers, 3);
      same_bits(case_at(c), &some, &all);
      tensors_free(&some);
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
    cmocka_unit_test(every_norm_and_type_near_the_reference),
    cmocka_unit_test(a_residual_beside_large_numbers),
    cmocka_unit_test(every_norm_and_type_gradients_near_the_reference),
    cmocka_unit_test(layouts_agree),
    cmocka_unit_test(gradients_of_layouts_agree),
    cmocka_unit_test(constants_are_exact),
    cmocka_unit_test(sixteen_bits_are_rounded_once),
    cmocka_unit_test(in_place),
    cmocka_unit_test(a_residual_in_place),
    cmocka_unit_test(at_any_address),
    cmocka_unit_test(a_sample_alone),
    cmocka_unit_test(outputs_that_are_not_wanted),
    cmocka_unit_test(no_memory_writes_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
