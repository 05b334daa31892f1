/* SPDX-License-Identifier: Apache-2.0
   Case names and problems as JSON, there and back; and the index map against its definition. */
#include "problem.h"
#include "tensors.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {
  "layernorm/forward/f32/256x768/mean1e4/seed7",
  "layernorm/forward/f32/256x768/mean1e4/seed7,eps=0.001,beta=absent",
  "rmsnorm/backward/bf16/3x5/normal/seed18446744073709551615,params=f32,given=yes,casts=normal,dy=onehot",
  "batchnorm/forward/f32/2x3x4x5/nan/seed1,layout=nsc,eps64=1e-05,momentum=0.9,rule=old,running=tiny",
  "batchnorm/forward/f16/2x3/normal/seed1,mode=evaluation,gamma=zero,running=negative,stats=f32",
  "batchnorm/forward/f64/2x3x8/normal/seed1,momentum=3,rule=cumulative,estimator=population,running=ordinary,pow2=-7",
};

static void names_come_back(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
    struct testcase tc;
    struct error e = {""};
    char out[CASE_NAME_MAX];
    if (case_parse(&tc, names[i], &e)) fail_msg("%s", e.text);
    case_name(out, &tc);
    assert_string_equal(out, names[i]);
  }
}

static void defaults_are_left_out(void **state)
{
  struct testcase tc;
  struct error e;
  char out[CASE_NAME_MAX];
  (void)state;
  assert_int_equal(case_parse(&tc, "batchnorm/forward/f32/2x3x4/normal/seed1,eps=1e-5,layout=ncs,gamma=ordinary,mode=evaluation,running=ordinary", &e), 0);
  case_name(out, &tc);
  assert_string_equal(out, "batchnorm/forward/f32/2x3x4/normal/seed1,mode=evaluation");
  assert_true(tc.p.eps == (double)1e-5f);
  assert_int_equal(tc.p.running, 1);
}

static void json_comes_back(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
    struct testcase tc;
    struct normative_problem back;
    struct error e = {""};
    assert_int_equal(case_parse(&tc, names[i], &e), 0);
    json_t *json = problem_to_json(&tc.p);
    if (problem_from_json(&back, json, &e)) fail_msg("%s", e.text);
    assert_memory_equal(&back, &tc.p, sizeof back);
    json_decref(json);
  }
}

/* Each is wrong in one thing, and the message names it. */
static const char *const wrong[][2] = {
  {"layrnorm/forward/f32/2x3/normal/seed1", "unknown norm 'layrnorm'"},
  {"layernorm/sideways/f32/2x3/normal/seed1", "direction 'sideways'"},
  {"layernorm/forward/f31/2x3/normal/seed1", "type 'f31'"},
  {"layernorm/forward/f32/2x3x4/normal/seed1", "rows x cols"},
  {"layernorm/forward/f32/2y3/normal/seed1", "shape"},
  {"layernorm/forward/f32/2x-3/normal/seed1", "shape"},
  {"layernorm/forward/f32/2x3/normal", "parts"},
  {"layernorm/forward/f32/2x3/normal/7", "seedN"},
  {"layernorm/forward/f32/2x3/normal/seed1,eps", "key=value"},
  {"layernorm/forward/f32/2x3/normal/seed1,eps=-1", "eps: -1"},
  {"layernorm/forward/f32/2x3/normal/seed1,eps=nan", "eps"},
  {"layernorm/forward/f32/2x3/normal/seed1,esp=1", "unknown key 'esp'"},
  {"layernorm/forward/f32/2x3/normal/seed1,layout=nsc", "layout"},
  {"layernorm/forward/f32/2x3/normal/seed1,mode=evaluation", "evaluation"},
  {"layernorm/forward/f32/2x3/normal/seed1,groups=2", "groups"},
  {"layernorm/forward/f32/2x3/normal/seed1,given=yes", "given: only backward"},
  {"batchnorm/backward/f32/2x3/normal/seed1,mode=evaluation,running=absent", "running"},
  {"batchnorm/forward/f32/2x3/normal/seed1,momentum=1.5", "momentum: 1.5"},
  {"batchnorm/forward/f32/2x3/normal/seed1,rule=cumulative", "batch number"},
  {"batchnorm/forward/f32/1x3/normal/seed1,running=ordinary", "unbiased"},
  {"batchnorm/forward/f32/0x3/normal/seed1,running=ordinary", "empty"},
  {"batchnorm/forward/f32/4294967296x4294967296/normal/seed1", "2^40"},
  {"batchnorm/forward/f32/1x1x1073741825/normal/seed1", "2^30"},
};

static void wrong_names_say_what(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; ++i) {
    struct testcase tc;
    struct error e = {""};
    if (!case_parse(&tc, wrong[i][0], &e)) fail_msg("accepted: %s", wrong[i][0]);
    if (!strstr(e.text, wrong[i][1])) fail_msg("'%s' does not say '%s'", e.text, wrong[i][1]);
    assert_null(strchr(e.text, '\n'));
  }
}

/* Walks problem_runs and compares with (n,c,s) decoded from the flat index, and with the table's grouping. */
static void runs_match_definition(const char *name)
{
  struct testcase tc;
  struct error e = {""};
  if (case_parse(&tc, name, &e)) fail_msg("%s", e.text);
  const struct normative_problem *p = &tc.p;
  size_t elements = problem_elements(p);
  unsigned char *seen = calloc(elements, 1);
  for (size_t g = 0; g < problem_groups(p); ++g) {
    struct runs r = problem_runs(p, g);
    assert_int_equal(r.outer * r.inner, problem_m(p));
    for (size_t k = 0; k < r.outer * r.inner; ++k) {
      size_t i = r.base + k / r.inner * r.outer_stride + k % r.inner * r.inner_stride;
      size_t param = r.param + k / r.inner * r.param_outer + k % r.inner * r.param_inner;
      assert_true(i < elements && !seen[i]);
      seen[i] = 1;
      size_t c = p->layout == NORMATIVE_NSC ? i % p->c : i / p->s % p->c;
      size_t n = i / (p->c * p->s);
      assert_int_equal(param, c);
      assert_int_equal(g, p->norm == NORMATIVE_BATCHNORM ? c : n);
    }
  }
  for (size_t i = 0; i < elements; ++i) assert_int_equal(seen[i], 1);
  free(seen);
}

static void index_maps(void **state)
{
  (void)state;
  runs_match_definition("layernorm/forward/f32/7x5/normal/seed1");
  runs_match_definition("rmsnorm/forward/f32/1x9/normal/seed1");
  runs_match_definition("batchnorm/forward/f32/3x4x2x5/normal/seed1");
  runs_match_definition("batchnorm/forward/f32/3x4x2x5/normal/seed1,layout=nsc");
  runs_match_definition("batchnorm/forward/f32/6x4/normal/seed1");
  runs_match_definition("batchnorm/forward/f32/6x4/normal/seed1,layout=nsc");
}

static void shapes(void **state)
{
  struct testcase tc;
  struct error e;
  (void)state;
  assert_int_equal(case_parse(&tc, "batchnorm/forward/f32/2x3x4x5/normal/seed1,layout=nsc,running=tiny,stats=f32", &e), 0);
  struct tensor x = slot_shape(&tc.p, SLOT_X), mean = slot_shape(&tc.p, SLOT_MEAN);
  assert_int_equal(x.ndim, 4);
  assert_int_equal(x.dims[0], 2);
  assert_int_equal(x.dims[1], 4);
  assert_int_equal(x.dims[2], 5);
  assert_int_equal(x.dims[3], 3);
  assert_int_equal(x.count, 120);
  assert_int_equal(mean.type, NORMATIVE_F32);
  assert_int_equal(mean.count, 3);
  assert_true(slot_is_input(&tc.p, SLOT_RUNNING_VAR) && slot_is_output(&tc.p, SLOT_RUNNING_VAR));
  assert_int_equal(case_parse(&tc, "batchnorm/forward/f32/2x3/normal/seed1,mode=evaluation", &e), 0);
  assert_true(slot_is_input(&tc.p, SLOT_RUNNING_VAR) && !slot_is_output(&tc.p, SLOT_RUNNING_VAR));
  assert_false(slot_is_output(&tc.p, SLOT_MEAN));
}

/* Every finite half and bfloat16 against its definition. */
static void narrow_types(void **state)
{
  (void)state;
  for (unsigned bits = 0; bits < 65536; ++bits) {
    uint16_t b = (uint16_t)bits;
    struct tensor h = {&b, NORMATIVE_F16, 1, {1}, 1}, f = {&b, NORMATIVE_BF16, 1, {1}, 1};
    double sign = bits >> 15 ? -1 : 1, value = tensor_get(&h, 0);
    int exponent = bits >> 10 & 31, fraction = bits & 1023;
    if (exponent < 31) assert_true(value == sign * (exponent ? 1024 + fraction : fraction) * __builtin_exp2((exponent ? exponent : 1) - 25));
    else assert_true(fraction ? value != value : value == sign * __builtin_inf());
    value = tensor_get(&f, 0);
    exponent = bits >> 7 & 255, fraction = bits & 127;
    if (exponent < 255) assert_true(value == sign * (exponent ? 128 + fraction : fraction) * __builtin_exp2((exponent ? exponent : 1) - 134));
    else assert_true(fraction ? value != value : value == sign * __builtin_inf());
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(names_come_back),      cmocka_unit_test(defaults_are_left_out), cmocka_unit_test(json_comes_back),
    cmocka_unit_test(wrong_names_say_what), cmocka_unit_test(index_maps),            cmocka_unit_test(shapes),
    cmocka_unit_test(narrow_types),
  };
  return cmocka_run_group_tests_name("problem", tests, NULL, NULL);
}
