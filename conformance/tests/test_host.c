/* SPDX-License-Identifier: Apache-2.0
   The guarded buffers: every way to leave them is seen, and a right kernel is left in peace. */
#include "misbehaving.c"
#include "host.h"
#include "problem.h"
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <cmocka.h> /* last: it has a macro fail */

static struct normative_problem problem;
static struct tensors in;

static void make_case(size_t rows, size_t cols)
{
  struct error e;
  problem_default(&problem, NORMATIVE_LAYERNORM, NORMATIVE_FORWARD, NORMATIVE_F32);
  problem.ndim = 2;
  problem.dims[0] = rows;
  problem.dims[1] = cols;
  assert_int_equal(problem_finish(&problem, &e), 0);
  for (int s = 0; s < SLOT_COUNT; ++s)
    if (slot_is_input(&problem, s)) {
      assert_int_equal(tensor_alloc(&in.t[s], &problem, s, &e), 0);
      for (size_t i = 0; i < in.t[s].count; ++i) ((float *)in.t[s].data)[i] = (float)(i % 17) + 0.5f;
    }
}

static int set_up(void **state)
{
  (void)state;
  unsetenv("MISBEHAVE");
  make_case(3, 5);
  return 0;
}

static int tear_down(void **state)
{
  (void)state;
  tensors_free(&in);
  return 0;
}

static struct host_result run_it(const char *misbehave, struct tensors *out, int iterations)
{
  struct host_result r;
  struct host_options o = {.threads = 1, .iterations = iterations};
  if (misbehave) setenv("MISBEHAVE", misbehave, 1);
  host_run(&plugin, &problem, &in, out, &o, &r);
  return r;
}

static void a_right_kernel(void **state)
{
  (void)state;
  struct tensors out;
  struct host_result r = run_it(NULL, &out, 0);
  assert_string_equal(r.reason, "");
  assert_int_equal(r.status, HOST_OK);
  assert_int_equal(out.t[SLOT_Y].count, 15);
  assert_true(fabs(tensor_get(&out.t[SLOT_MEAN], 0) - 2.5) < 1e-12);
  assert_null(out.t[SLOT_DX].data);
  tensors_free(&out);
}

static void timing(void **state)
{
  (void)state;
  struct tensors out;
  struct host_result r = run_it(NULL, &out, 5);
  assert_int_equal(r.status, HOST_OK);
  assert_true(r.seconds > 0 && r.seconds < 1);
  tensors_free(&out);
}

static void nothing_to_do(void **state)
{
  (void)state;
  struct tensors out;
  tensors_free(&in);
  make_case(0, 5);
  assert_int_equal(run_it(NULL, &out, 0).status, HOST_OK);
  assert_non_null(out.t[SLOT_Y].data);
  assert_int_equal(out.t[SLOT_Y].count, 0);
  tensors_free(&out);
}

/* MISBEHAVE, what the verdict then is */
static const struct { const char *does; enum host_status status; const char *reason; } told[] = {
  {"decline", HOST_SKIP, "will not"},
  {"open fails", HOST_FAIL, "open returned 7"},
  {"run fails", HOST_FAIL, "run returned -5"},
  {"leave y[3]", HOST_FAIL, "y[3] was not written"},
  {"write before y", HOST_FAIL, "wrote outside of y"},
  {"write after y", HOST_FAIL, "wrote outside of y"},
  {"use workspace", HOST_FAIL, "two runs on the same input gave different bits: y[0] -nan, then 0x0p+0"},
  {"change its mind", HOST_FAIL, "two runs on the same input gave different bits: y[0] 0x1p+0, then 0x1p+1"},
  {"huge workspace", HOST_FAIL, "asked for a workspace of 18446744073709551615 bytes: Cannot allocate memory"},
};

static void verdicts(void **state)
{
  (void)state;
  for (size_t k = 0; k < sizeof told / sizeof *told; ++k) {
    struct tensors out;
    struct host_result r = run_it(told[k].does, &out, 0);
    assert_string_equal(r.reason, told[k].reason);
    assert_int_equal(r.status, told[k].status);
    assert_null(out.t[SLOT_Y].data);
  }
}

static void an_output_not_announced(void **state)
{
  (void)state;
  struct normative_plugin lazy = plugin;
  struct tensors out;
  struct host_result r;
  lazy.outputs = NORMATIVE_OUT_Y; /* and so it gets NULL for the others */
  host_run(&lazy, &problem, &in, &out, &(struct host_options){1, 0}, &r);
  assert_int_equal(r.status, HOST_OK);
  assert_null(out.t[SLOT_MEAN].data);
  tensors_free(&out);
}

static int does_nothing(void *state, const struct normative_tensors *t, void *workspace)
{
  (void)state, (void)t, (void)workspace;
  return 0;
}

static void nothing_written(void **state)
{
  (void)state;
  struct normative_plugin idle = plugin;
  struct tensors out;
  struct host_result r;
  idle.run = does_nothing;
  host_run(&idle, &problem, &in, &out, &(struct host_options){1, 0}, &r);
  assert_int_equal(r.status, HOST_FAIL);
  assert_string_equal(r.reason, "y[0] and 14 more were not written");
}

/* What a forked worker says before the fault ends it. */
static void fault(const char *misbehave, const char *expected)
{
  int fd[2], status;
  char said[256] = "";
  assert_int_equal(pipe(fd), 0);
  pid_t child = fork();
  if (!child) {
    struct tensors out;
    host_report_faults(fd[1]);
    run_it(misbehave, &out, 0);
    _exit(0);
  }
  close(fd[1]);
  ssize_t n = read(fd[0], said, sizeof said - 1);
  close(fd[0]);
  waitpid(child, &status, 0);
  assert_true(n >= 0);
  assert_string_equal(said, expected);
  assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

static void faults(void **state)
{
  (void)state;
  fault("write to x", "fault\twrote to its input x\n");
  fault("write after x", "fault\twrote past the end of x\n");
  fault("write far after y", "fault\tread or wrote past the end of y\n");
  fault("read far after x", "fault\tread or wrote past the end of x\n");
  fault("read before x", "fault\tread or wrote before the start of x\n");
  fault("write after workspace", "fault\tread or wrote past the end of workspace\n");
  fault("crash", "");
}

static void types_have_marks(void **state)
{
  (void)state;
  static const uint32_t types[] = {NORMATIVE_F32, NORMATIVE_F64, NORMATIVE_F16, NORMATIVE_BF16};
  for (size_t k = 0; k < 4; ++k) {
    struct normative_plugin idle = plugin;
    struct tensors out, wide = {0};
    struct host_result r;
    struct error e;
    struct normative_problem p = problem;
    p.type = p.param_type = types[k];
    for (int s = 0; s < SLOT_COUNT; ++s)
      if (slot_is_input(&p, s)) assert_int_equal(tensor_alloc(&wide.t[s], &p, s, &e), 0);
    idle.run = does_nothing;
    host_run(&idle, &p, &wide, &out, &(struct host_options){1, 0}, &r);
    assert_string_equal(r.reason, "y[0] and 14 more were not written");
    tensors_free(&wide);
  }
}

/* Running statistics are in and out: the kernel finds the old values, and leaving them is no fault. */
static int updates(void *state, const struct normative_tensors *t, void *workspace)
{
  const struct normative_problem *p = state;
  (void)workspace;
  for (size_t i = 0; i < p->n * p->c; ++i) ((float *)t->y)[i] = 0;
  for (size_t c = 0; c < p->c; ++c) ((double *)t->running_mean)[c] += 1;
  return 0;
}
static const char *supports_all(const struct normative_problem *p) { (void)p; return NULL; }

static void running_statistics(void **state)
{
  (void)state;
  struct normative_problem p;
  struct tensors running = {0}, out;
  struct host_result r;
  struct error e;
  problem_default(&p, NORMATIVE_BATCHNORM, NORMATIVE_FORWARD, NORMATIVE_F32);
  p.ndim = 2, p.dims[0] = 4, p.dims[1] = 3, p.running = 1;
  assert_int_equal(problem_finish(&p, &e), 0);
  for (int s = 0; s < SLOT_COUNT; ++s)
    if (slot_is_input(&p, s)) assert_int_equal(tensor_alloc(&running.t[s], &p, s, &e), 0);
  ((double *)running.t[SLOT_RUNNING_MEAN].data)[2] = 40;
  struct normative_plugin k = plugin;
  k.supports = supports_all;
  k.run = updates;
  k.outputs = NORMATIVE_OUT_Y | NORMATIVE_OUT_RUNNING;
  host_run(&k, &p, &running, &out, &(struct host_options){1, 3}, &r);
  assert_string_equal(r.reason, "");
  assert_true(tensor_get(&out.t[SLOT_RUNNING_MEAN], 2) == 41);
  assert_true(tensor_get(&out.t[SLOT_RUNNING_VAR], 2) == 0);
  tensors_free(&running);
  tensors_free(&out);
}

static int gives_back(void *state, const struct normative_tensors *t, void *workspace)
{
  (void)state, (void)workspace;
  const double *mean = t->given_mean, *variance = t->given_variance;
  for (int i = 0; i < 6; ++i) ((float *)t->dx)[i] = t->given_rstd ? 0 : (float)(mean[1] + variance[1]);
  return 0;
}

/* Of rstd and variance one is wanted, of the given ones one is there. */
static void saved_statistics(void **state)
{
  (void)state;
  struct normative_problem p;
  struct tensors given = {0}, out;
  struct error e;
  problem.saved = NORMATIVE_SAVED_VARIANCE;
  struct host_result r = run_it(NULL, &out, 0);
  assert_string_equal(r.reason, "");
  assert_true(fabs(tensor_get(&out.t[SLOT_VARIANCE], 0) - 2) < 1e-12); /* of 0.5 to 4.5 */
  assert_null(out.t[SLOT_RSTD].data);
  tensors_free(&out);
  problem_default(&p, NORMATIVE_LAYERNORM, NORMATIVE_BACKWARD, NORMATIVE_F32);
  p.ndim = 2, p.dims[0] = 2, p.dims[1] = 3, p.given = 1, p.saved = NORMATIVE_SAVED_VARIANCE;
  assert_int_equal(problem_finish(&p, &e), 0);
  for (int s = 0; s < SLOT_COUNT; ++s)
    if (slot_is_input(&p, s)) assert_int_equal(tensor_alloc(&given.t[s], &p, s, &e), 0);
  ((double *)given.t[SLOT_GIVEN_MEAN].data)[1] = 40;
  ((double *)given.t[SLOT_GIVEN_VARIANCE].data)[1] = 2;
  struct normative_plugin k = plugin;
  k.supports = supports_all;
  k.run = gives_back;
  k.outputs = NORMATIVE_OUT_Y;
  host_run(&k, &p, &given, &out, &(struct host_options){1, 0}, &r);
  assert_string_equal(r.reason, "");
  assert_true(tensor_get(&out.t[SLOT_DX], 5) == 42);
  tensors_free(&given);
  tensors_free(&out);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
  const struct CMUnitTest tests[] = {TEST(a_right_kernel), TEST(timing), TEST(nothing_to_do), TEST(verdicts),
                                     TEST(an_output_not_announced), TEST(nothing_written), TEST(faults),
                                     TEST(types_have_marks), TEST(running_statistics),
                                     TEST(saved_statistics)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
