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
  "rmsnorm/backward/bf16/3x5/normal/seed18446744073709551615,params=f32,given=yes,dy=onehot",
  "rmsnorm/forward/bf16/3x5/normal/seed1,params=f32,stats=bf16,residual=yes,casts=normal,addend=cancel",
  "layernorm/forward/f16/3x5/normal/seed1,gamma=ties,epsplace=outside,casts=plusone",
  "rmsnorm/backward/bf16/3x5/normal/seed1,params=f32,epsplace=max,casts=normal",
  "layernorm/backward/f16/3x5/normal/seed1,gamma=ties,epsplace=outside,casts=plusone",
  "groupnorm/forward/f32/3x6x5/level1e4/seed1,layout=nsc,groups=2,affine=group",
  "groupnorm/backward/f64/3x6x5/normal/seed1,groups=3,eps64=1e-300,affine=element",
  "instancenorm/forward/f16/3x6x5/normal/seed1,mode=evaluation,running=tiny,stats=f16",
  "layernorm/forward/f32/6x5/normal/seed1,groups=3,affine=element",
  "rmsnorm/backward/bf16/6x5/normal/seed1,groups=6,params=f32,affine=group",
  "layernorm/backward/f32/6x5/normal/seed1,affine=group",
  "layernorm_channels/backward/f32/3x6x5/normal/seed1,layout=nsc,given=yes",
  "layernorm_channels/backward/f32/3x6x5/normal/seed1,layout=nsc,given=yes,saved=variance",
  "rmsnorm/forward/f64/3x6/normal/seed1,saved=variance",
  "switchnorm/forward/f64/3x6x5/flat/seed1,running=ordinary,lambda=extreme",
  "switchnorm/backward/f32/3x6x5/normal/seed1,dropbn=yes,dy=onehot,lambda=onehot",
  "switchnorm/forward/f32/3x6x5/normal/seed1,repo=yes",
  "switchnorm/backward/f32/3x6x5/normal/seed1,repo=yes",
  "layernorm/forward/f32/2x3/normal/seed1,eps=1e-45",
  "layernorm/forward/f32/2x3/normal/seed1,eps64=5e-324",
  "layernorm/forward/f32/2x3/normal/seed1,eps=0",
  "batchnorm/forward/f32/2x3x4x5/nan/seed1,layout=nsc,eps64=1e-05,momentum=0.9,rule=old,running=tiny",
  "batchnorm/forward/f16/2x3/normal/seed1,mode=evaluation,gamma=zero,running=negative,stats=f32",
  "batchnorm/forward/f32/1x3/normal/seed1,estimator=unbiased1,running=ordinary",
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

/* A convention, among other keys, and what it stands for. */
static const char *const aliases[][2] = {
  {"batchnorm/forward/f32/2x3/normal/seed1,convention=pytorch", "batchnorm/forward/f32/2x3/normal/seed1"},
  {"batchnorm/forward/f32/2x3/normal/seed1,convention=keras,running=start",
   "batchnorm/forward/f32/2x3/normal/seed1,eps=0.001,momentum=0.99,rule=old,estimator=population,running=start"},
  {"batchnorm/forward/f32/2x3/normal/seed1,momentum=0.5,convention=keras,rule=new",
   "batchnorm/forward/f32/2x3/normal/seed1,eps=0.001,momentum=0.5,estimator=population"},
  {"layernorm_channels/backward/f16/2x3x4/normal/seed1,convention=keras",
   "layernorm_channels/backward/f16/2x3x4/normal/seed1,eps=0.001"},
  {"rmsnorm/forward/f64/2x3/normal/seed1,convention=pytorch", "rmsnorm/forward/f64/2x3/normal/seed1,eps=2.220446e-16"},
  {"rmsnorm/forward/bf16/2x3/normal/seed1,convention=pytorch", "rmsnorm/forward/bf16/2x3/normal/seed1,eps=1.1920929e-07"},
  {"layernorm/forward/bf16/2x3/normal/seed1,params=f32,convention=onnx",
   "layernorm/forward/bf16/2x3/normal/seed1,params=f32,casts=normal"},
  {"layernorm/forward/f32/2x3/normal/seed1,convention=onnx", "layernorm/forward/f32/2x3/normal/seed1"},
  {"batchnorm/forward/f32/2x3/normal/seed1,convention=tensorflow",
   "batchnorm/forward/f32/2x3/normal/seed1,eps=0.001,momentum=1,estimator=unbiased1"},
  {"batchnorm/forward/f32/2x3x4x5/normal/seed1,convention=textbook,mode=evaluation",
   "batchnorm/forward/f32/2x3x4x5/normal/seed1,mode=evaluation,momentum=0.9,rule=old,estimator=population"},
  {"batchnorm/backward/f32/2x3/normal/seed1,convention=textbook",
   "batchnorm/backward/f32/2x3/normal/seed1,momentum=0.9,rule=old,estimator=population"},
};

/* "key": value of a case's key=value. */
static void add_json(json_t *object, char *text)
{
  char *save = NULL, *end;
  for (char *word = strtok_r(text, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
    char *value = strchr(word, '=');
    *value++ = 0;
    if (!strcmp(word, "running")) json_object_set_new(object, word, json_true());
    else if (strtod(value, &end), *end) json_object_set_new(object, word, json_string(value));
    else json_object_set_new(object, word, json_real(strtod(value, NULL)));
  }
}

static void conventions_stand_for_keys(void **state)
{
  static const char *const set[] = {"mode", "eps", "momentum", "rule", "estimator", "casts", "params", "running"};
  (void)state;
  for (size_t i = 0; i < sizeof aliases / sizeof *aliases; ++i) {
    struct testcase tc, plain;
    struct normative_problem p;
    struct error e = {""};
    char out[CASE_NAME_MAX], copy[CASE_NAME_MAX];
    if (case_parse(&tc, aliases[i][0], &e)) fail_msg("%s", e.text);
    case_name(out, &tc);
    assert_string_equal(out, aliases[i][1]);
    strcpy(copy, aliases[i][0]);
    *strchr(copy, ',') = 0;
    assert_int_equal(case_parse(&plain, copy, &e), 0);
    json_t *json = problem_to_json(&plain.p);
    for (size_t k = 0; k < sizeof set / sizeof *set; ++k) json_object_del(json, set[k]);
    add_json(json, copy + strlen(copy) + 1);
    if (problem_from_json(&p, json, &e)) fail_msg("%s: %s", aliases[i][0], e.text);
    assert_memory_equal(&p, &tc.p, sizeof p);
    json_decref(json);
  }
}

/* Every row's keys are keys, and only what they name differs from the default. */
static void conventions_are_cases(void **state)
{
  (void)state;
  for (const struct convention *c = convention_table; c->name; ++c) {
    bool met = false;
    for (const struct norm_row *row = norm_table; row->name; ++row)
      for (uint32_t type = NORMATIVE_F32; type <= NORMATIVE_BF16; ++type) {
        char name[CASE_NAME_MAX], out[CASE_NAME_MAX];
        struct testcase tc;
        struct error e;
        snprintf(name, sizeof name, "%s/forward/%s/2x6/normal/seed1,convention=%s", row->name, type_name(type), c->name);
        if (case_parse(&tc, name, &e)) continue;
        case_name(out, &tc);
        char *keys = strchr(out, ',');
        met |= !strcmp(keys ? keys + 1 : "", c->keys);
      }
    if (!met) fail_msg("no case has '%s' of %s", c->keys, c->name);
  }
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
  {"layernorm/forward/f32/2x3/normal/seed1,eps=1e-50", "eps: '1e-50' would be 0 in f32"},
  {"layernorm/forward/f32/2x3/normal/seed1,eps=1e-400", "eps: '1e-400' would be 0 in f32"},
  {"layernorm/forward/f32/2x3/normal/seed1,eps=1e40", "eps: '1e40' would be inf in f32"},
  {"layernorm/forward/f32/2x3/normal/seed1,eps64=1e-400", "eps64: '1e-400' would be 0 in f64"},
  {"layernorm/forward/f32/2x3/normal/seed1,eps64=1e400", "eps64: '1e400' would be inf in f64"},
  {"batchnorm/forward/f32/2x3/normal/seed1,momentum=1e-60", "momentum: '1e-60' would be 0 in f32"},
  {"layernorm/forward/f32/2x3/normal/seed1,pow2=1e10", "pow2: '1e10' is no integer"},
  {"layernorm/forward/f32/2x3/normal/seed1,pow2=1e-400", "pow2: '1e-400' would be 0"},
  {"layernorm/forward/f32/2x3/normal/seed1,pow2=0.5", "pow2: '0.5' is no integer"},
  {"layernorm/forward/f32/2x3/normal/seed1,esp=1", "unknown key 'esp'"},
  {"layernorm/forward/f32/2x3/normal/seed1,layout=nsc", "layout"},
  {"layernorm/forward/f32/2x3/normal/seed1,mode=evaluation", "evaluation"},
  {"layernorm/forward/f32/2x3/normal/seed1,groups=2", "groups: gamma and beta per column are the same for all rows"},
  {"rmsnorm/forward/f32/6x3/normal/seed1,groups=4,affine=element", "groups: 6 rows are not a multiple of 4 groups"},
  {"layernorm/forward/f32/6x3/normal/seed1,groups=0,affine=group", "groups: there is at least one"},
  {"batchnorm/forward/f32/2x3/normal/seed1,groups=1,affine=element", "affine: batchnorm has gamma and beta per channel"},
  {"layernorm/forward/f32/2x3/normal/seed1,given=yes", "given: only backward"},
  {"batchnorm/backward/f32/2x3/normal/seed1,mode=evaluation,running=absent", "running"},
  {"batchnorm/forward/f32/2x3/normal/seed1,momentum=1.5", "momentum: 1.5"},
  {"batchnorm/forward/f32/2x3/normal/seed1,rule=cumulative", "batch number"},
  {"batchnorm/forward/f32/1x3/normal/seed1,running=ordinary", "unbiased"},
  {"batchnorm/forward/f32/2x3/normal/seed1,estimator=unbiased2,running=ordinary", "none of unbiased, population, unbiased1"},
  {"instancenorm/forward/f32/9x3/normal/seed1,running=ordinary", "unbiased"},
  {"switchnorm/forward/f32/1x3x1/normal/seed1,running=ordinary", "unbiased"},
  {"instancenorm/forward/f32/0x3x5/normal/seed1,running=ordinary", "empty"},
  {"switchnorm/forward/f32/2x3x0/normal/seed1,running=ordinary", "empty"},
  {"batchnorm/backward/f32/2x3/normal/seed1,mode=evaluation,given=yes", "given: evaluation"},
  {"switchnorm/backward/f32/2x3/normal/seed1,given=yes", "given: switchnorm saves no"},
  {"layernorm/forward/f32/2x3/normal/seed1,saved=std", "saved: 'std' is none of rstd, variance"},
  {"switchnorm/forward/f32/2x3/normal/seed1,saved=variance", "saved: switchnorm saves no"},
  {"batchnorm/forward/f32/2x3/normal/seed1,mode=evaluation,saved=variance", "saved: evaluation saves no"},
  {"layernorm/backward/f32/2x3/normal/seed1,saved=variance", "saved: backward takes no statistics without given=yes"},
  {"groupnorm/forward/f32/2x6x3/normal/seed1,groups=4", "groups: 6 channels are not a multiple of 4"},
  {"groupnorm/forward/f32/2x6x3/normal/seed1,groups=0", "groups"},
  {"groupnorm/forward/f32/2x6x3/normal/seed1,mode=evaluation", "evaluation"},
  {"layernorm_channels/forward/f32/2x6x3/normal/seed1,running=ordinary", "no running statistics"},
  {"batchnorm/forward/f32/2x3/normal/seed1,affine=group", "affine: batchnorm has gamma and beta per channel"},
  {"layernorm_channels/forward/f32/2x3/normal/seed1,affine=group", "affine: layernorm_channels has gamma and beta per channel"},
  {"layernorm/forward/f32/2x3/normal/seed1,params=f16", "params: f16 beside tensors of f32; there is f32"},
  {"layernorm/forward/f64/2x3/normal/seed1,params=f32", "params: f32 beside tensors of f64; there is f64"},
  {"layernorm/forward/f16/2x3/normal/seed1,params=bf16", "params: bf16 beside tensors of f16; there is f16 or f32"},
  {"layernorm/forward/f32/2x3/normal/seed1,stats=f16", "stats: f16 beside tensors of f32"},
  {"layernorm/forward/f16/2x3/normal/seed1,stats=bf16", "stats: bf16 beside tensors of f16"},
  {"batchnorm/forward/f32/2x3/normal/seed1,residual=yes", "residual: batchnorm has none"},
  {"layernorm/backward/f32/2x3/normal/seed1,residual=yes", "residual: backward is that of the sum"},
  {"rmsnorm/backward/f32/2x3/normal/seed1,gamma=absent,casts=plusone", "casts: plusone needs gamma"},
  {"layernorm/backward/f32/2x3/normal/seed1,given=yes,epsplace=outside", "given: eps inside the root only"},
  {"switchnorm/forward/f32/2x3/normal/seed1,epsplace=max", "epsplace: switchnorm inside the root only"},
  {"batchnorm/forward/f32/2x3/normal/seed1,dropbn=yes", "dropbn: batchnorm is not switchnorm"},
  {"batchnorm/forward/f32/2x3x4/normal/seed1,repo=yes", "repo: batchnorm is not switchnorm"},
  {"switchnorm/forward/f32/2x3x4/normal/seed1,running=ordinary,dropbn=yes", "dropbn"},
  {"switchnorm/forward/f32/2x3x4/normal/seed1,mode=evaluation,dropbn=yes", "dropbn"},
  {"switchnorm/forward/f32/2x3x4/normal/seed1,running=ordinary,repo=yes", "repo: training only"},
  {"switchnorm/backward/f32/2x3x4/normal/seed1,mode=evaluation,repo=yes", "repo: training only"},
  {"switchnorm/forward/f32/2x3/normal/seed1,repo=yes", "repo: an unbiased variance"},
  {"layernorm/forward/f32/2x3/normal/seed1,convention=torch",
   "convention: 'torch' is none of pytorch, keras, flax, onnx, tensorflow, textbook"},
  {"switchnorm/forward/f32/2x3/normal/seed1,convention=pytorch", "convention: pytorch has no switchnorm/forward/f32"},
  {"switchnorm/forward/f16/2x3/normal/seed1,convention=onnx", "convention: onnx has no switchnorm/forward/f16"},
  {"layernorm/backward/f32/2x3/normal/seed1,convention=onnx", "convention: onnx has no layernorm/backward/f32"},
  {"layernorm/forward/f32/2x3/normal/seed1,convention=textbook", "convention: textbook has no layernorm/forward/f32"},
  {"batchnorm/forward/f32/2x3x4/normal/seed1,convention=textbook",
   "convention: textbook takes tensors of 2 or 4 sizes, not of 3"},
  {"batchnorm/backward/f32/2x3/normal/seed1,mode=evaluation,convention=textbook",
   "convention: textbook has no backward of evaluation, its mode is whether gradients are enabled"},
  {"batchnorm/forward/f32/2x3/normal/seed1,convention=keras,convention=onnx", "convention: 'onnx' beside keras"},
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

/* The group of (n,c,s) by the letters of the table. */
static size_t group_of(const struct normative_problem *p, size_t n, size_t c, size_t s)
{
  const char *group = norm_find(p->norm)->group;
  size_t g = strchr(group, 'n') ? n : 0;
  if (strchr(group, 'c')) g = g * p->c + c;
  if (strchr(group, 'g')) g = g * p->groups + c / (p->c / p->groups);
  if (strchr(group, 's')) g = g * p->s + s;
  return g;
}

/* GroupNorm's entry of (c,s); of column c in row n of rows that are cut into runs. */
static size_t entry_of(const struct normative_problem *p, size_t n, size_t c, size_t s)
{
  if (norm_find(p->norm)->axes == 2 && p->affine != NORMATIVE_AFFINE_CHANNEL) {
    size_t run = 0;
    while ((run + 1) * (p->n / p->groups) <= n) ++run;
    return p->affine == NORMATIVE_AFFINE_GROUP ? run : run * p->c + c;
  }
  if (p->affine == NORMATIVE_AFFINE_GROUP) return c / (p->c / p->groups);
  return p->affine == NORMATIVE_AFFINE_ELEMENT ? c * p->s + s : c;
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
      bool last = p->layout == NORMATIVE_NSC;
      size_t c = last ? i % p->c : i / p->s % p->c, s = last ? i / p->c % p->s : i % p->s, n = i / (p->c * p->s);
      assert_int_equal(param, entry_of(p, n, c, s));
      assert_true(param < problem_params(p));
      assert_int_equal(g, group_of(p, n, c, s));
    }
  }
  for (size_t i = 0; i < elements; ++i) assert_int_equal(seen[i], 1);
  free(seen);
}

/* Every norm in both layouts, with spatial sizes and without; GroupNorm and rows with each shape of gamma and beta. */
static void index_maps(void **state)
{
  static const char *const shapes[] = {"3x4x2x5", "6x4", "1x12x7", "5x4x1"};
  char name[128];
  (void)state;
  for (const struct norm_row *row = norm_table; row->name; ++row)
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; ++i)
      for (int layout = 0; layout < row->axes - 1; ++layout)
        for (int affine = 0; affine < (strchr(row->group, 'g') || row->axes == 2 ? 3 : 1); ++affine) {
          const char *const affines[] = {"", ",groups=2,affine=group",
                                         row->axes == 2 ? ",groups=3,affine=element" : ",groups=4,affine=element"};
          if (row->axes == 2 && i != 1) continue;
          snprintf(name, sizeof name, "%s/forward/f32/%s/normal/seed1%s%s", row->name, shapes[i],
                   layout ? ",layout=nsc" : "", affines[affine]);
          runs_match_definition(name);
        }
  runs_match_definition("layernorm/forward/f32/6x4/normal/seed1,groups=6,affine=element");
  runs_match_definition("rmsnorm/forward/f32/6x4/normal/seed1,affine=group");
  runs_match_definition("groupnorm/forward/f32/3x6x2x5/normal/seed1,groups=3");
  runs_match_definition("groupnorm/forward/f32/3x6x2x5/normal/seed1,layout=nsc,groups=3");
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
  assert_int_equal(case_parse(&tc, "groupnorm/forward/f32/2x6x5/normal/seed1,groups=3,affine=group", &e), 0);
  assert_int_equal(slot_shape(&tc.p, SLOT_GAMMA).count, 3);
  assert_int_equal(slot_shape(&tc.p, SLOT_MEAN).count, 6);
  assert_int_equal(case_parse(&tc, "layernorm/backward/f32/6x5/normal/seed1,groups=3,affine=element", &e), 0);
  struct tensor dgamma = slot_shape(&tc.p, SLOT_DGAMMA);
  assert_true(dgamma.ndim == 2 && dgamma.dims[0] == 3 && dgamma.dims[1] == 5 && dgamma.count == 15);
  assert_int_equal(case_parse(&tc, "rmsnorm/forward/f32/6x5/normal/seed1,groups=2,affine=group", &e), 0);
  assert_true(slot_shape(&tc.p, SLOT_BETA).ndim == 1 && slot_shape(&tc.p, SLOT_BETA).count == 2);
  assert_int_equal(case_parse(&tc, "layernorm_channels/backward/bf16/2x6x5/normal/seed1,params=f32,given=yes", &e), 0);
  assert_int_equal(slot_shape(&tc.p, SLOT_GIVEN_RSTD).count, 10);
  assert_int_equal(slot_shape(&tc.p, SLOT_DGAMMA).type, NORMATIVE_F32);
  assert_true(slot_is_input(&tc.p, SLOT_GIVEN_RSTD) && !slot_is_input(&tc.p, SLOT_GIVEN_VARIANCE));
  assert_int_equal(case_parse(&tc, "instancenorm/backward/f16/2x3x5/normal/seed1,stats=f32,given=yes,saved=variance", &e), 0);
  assert_true(slot_is_input(&tc.p, SLOT_GIVEN_VARIANCE) && !slot_is_input(&tc.p, SLOT_GIVEN_RSTD));
  struct tensor variance = slot_shape(&tc.p, SLOT_GIVEN_VARIANCE);
  assert_true(variance.count == 6 && variance.type == NORMATIVE_F32);
  assert_int_equal(case_parse(&tc, "rmsnorm/forward/f32/2x6/normal/seed1,saved=variance", &e), 0);
  assert_true(slot_is_output(&tc.p, SLOT_VARIANCE) && !slot_is_output(&tc.p, SLOT_RSTD));
  assert_true(slot_shape(&tc.p, SLOT_VARIANCE).count == 2 && slot_shape(&tc.p, SLOT_VARIANCE).type == NORMATIVE_F64);
  assert_int_equal(case_parse(&tc, "switchnorm/backward/f16/2x6x5/normal/seed1,dropbn=yes", &e), 0);
  assert_int_equal(slot_shape(&tc.p, SLOT_DLAMBDA_VAR).count, 2);
  assert_true(slot_is_output(&tc.p, SLOT_DLAMBDA_MEAN) && slot_is_input(&tc.p, SLOT_LAMBDA_VAR));
  assert_int_equal(case_parse(&tc, "switchnorm/forward/f32/2x6x5/normal/seed1,running=ordinary", &e), 0);
  assert_false(slot_is_output(&tc.p, SLOT_MEAN) || slot_is_output(&tc.p, SLOT_RSTD));
  assert_true(slot_is_output(&tc.p, SLOT_RUNNING_MEAN) && problem_running_m(&tc.p) == 10);
  assert_int_equal(case_parse(&tc, "instancenorm/forward/f32/2x6x5/normal/seed1,running=ordinary", &e), 0);
  assert_int_equal(slot_shape(&tc.p, SLOT_RUNNING_VAR).count, 6);
  assert_true(slot_shape(&tc.p, SLOT_MEAN).count == 12 && problem_running_m(&tc.p) == 5);
}

/* tensor_set against its definition: every 16-bit value comes back, the middles go to even, and next to them to the nearer. */
static void narrow_stores(void **state)
{
  (void)state;
  for (int wide = 0; wide < 2; ++wide)
    for (unsigned bits = 0; bits < (wide ? 0x7f80u : 0x7c00u); ++bits) {
      uint16_t b = (uint16_t)bits, above = (uint16_t)(bits + 1), out;
      enum normative_type type = wide ? NORMATIVE_BF16 : NORMATIVE_F16;
      struct tensor from = {&b, type, 1, {1}, 1}, next = {&above, type, 1, {1}, 1}, to = {&out, type, 1, {1}, 1};
      double v = tensor_get(&from, 0), up = tensor_get(&next, 0);
      if (bits + 1 == (wide ? 0x7f80u : 0x7c00u)) up = wide ? 0x1p128 : 65536;
      double middle = v / 2 + up / 2;
      assert_int_equal(tensor_set(&to, 0, v), 0);
      assert_int_equal(out, bits);
      tensor_set(&to, 0, -v);
      assert_int_equal(out, bits | 0x8000);
      tensor_set(&to, 0, middle);
      assert_int_equal(out, bits & 1 ? bits + 1 : bits);
      tensor_set(&to, 0, middle * (1 - 0x1p-52));
      assert_int_equal(out, bits);
      assert_int_equal(tensor_set(&to, 0, middle * (1 + 0x1p-52)), bits + 1 == (wide ? 0x7f80u : 0x7c00u) ? -1 : 0);
      assert_int_equal(out, bits + 1);
    }
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
    cmocka_unit_test(conventions_stand_for_keys), cmocka_unit_test(conventions_are_cases),
    cmocka_unit_test(wrong_names_say_what), cmocka_unit_test(index_maps),            cmocka_unit_test(shapes),
    cmocka_unit_test(narrow_types),         cmocka_unit_test(narrow_stores),
  };
  return cmocka_run_group_tests_name("problem", tests, NULL, NULL);
}
