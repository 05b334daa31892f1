/* SPDX-License-Identifier: Apache-2.0
   .npy files and case directories: what is written reads back, and every lie and every fault of the disk is one clear
   line. Runs from the root of the source tree. */
#define _GNU_SOURCE
#include "casedir.h"
#include <errno.h>
#include <ftw.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h> /* last: it has a macro fail */

static char root[64]; /* a directory of each test's own */
static struct normative_problem problem;
static struct tensors in;

static const char *at(const char *name)
{
  static char path[4][512];
  static int next;
  char *out = path[next++ % 4];
  snprintf(out, sizeof path[0], "%s/%s", root, name);
  return out;
}

static void write_bytes(const char *name, const void *bytes, size_t size)
{
  FILE *f = fopen(at(name), "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(bytes, 1, size, f), size);
  fclose(f);
}

static void write_text(const char *name, const char *text) { write_bytes(name, text, strlen(text)); }

/* A .npy file by hand: version 1, any dict, `bytes` zero bytes of elements. */
static void write_npy(const char *name, const char *dict, size_t bytes)
{
  char file[1024] = "\x93NUMPY\1\0";
  size_t n = strlen(dict) + 1;
  file[8] = (char)n;
  snprintf(file + 10, sizeof file - 10, "%s\n", dict);
  write_bytes(name, file, 10 + n + bytes);
}

static void fill(struct tensors *t, bool inputs)
{
  struct error e;
  memset(t, 0, sizeof *t);
  for (int s = 0; s < SLOT_COUNT; ++s) {
    if (!(inputs ? slot_is_input(&problem, s) : slot_is_output(&problem, s))) continue;
    assert_int_equal(tensor_alloc(&t->t[s], &problem, s, &e), 0);
    for (size_t i = 0; i < t->t[s].count * type_size(t->t[s].type); ++i)
      ((unsigned char *)t->t[s].data)[i] = (unsigned char)(i * 37 + (size_t)s);
  }
}

static void make_problem(uint32_t norm, uint32_t type, int ndim, const uint64_t *dims)
{
  struct error e;
  problem_default(&problem, norm, NORMATIVE_FORWARD, type);
  problem.ndim = (uint32_t)ndim;
  memcpy(problem.dims, dims, (size_t)ndim * sizeof *dims);
  assert_int_equal(problem_finish(&problem, &e), 0);
}

static int set_up(void **state)
{
  (void)state;
  snprintf(root, sizeof root, "/tmp/normative-test-XXXXXX");
  if (!mkdtemp(root)) return -1;
  make_problem(NORMATIVE_LAYERNORM, NORMATIVE_F32, 2, (uint64_t[]){3, 4});
  fill(&in, true);
  return 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
  (void)st, (void)kind, (void)where;
  return remove(path);
}

static int tear_down(void **state)
{
  (void)state;
  tensors_free(&in);
  return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static size_t entries(const char *dir)
{
  char command[600];
  size_t n = 0;
  snprintf(command, sizeof command, "find '%s' -mindepth 1 2>/dev/null | wc -l", dir);
  FILE *f = popen(command, "r");
  assert_non_null(f);
  assert_int_equal(fscanf(f, "%zu", &n), 1);
  pclose(f);
  return n;
}

/* ---- npy ---- */

static void every_type_reads_back(void **state)
{
  (void)state;
  static const uint32_t types[] = {NORMATIVE_F32, NORMATIVE_F64, NORMATIVE_F16, NORMATIVE_BF16};
  struct error e;
  for (size_t k = 0; k < 4; ++k) {
    struct tensor t = in.t[SLOT_X], back, want;
    t.type = types[k];
    t.count = t.dims[0] = 1;
    t.dims[1] = 1;
    assert_int_equal(npy_write(at("t.npy"), &t, &e), 0);
    want = t;
    assert_int_equal(npy_read(at("t.npy"), &want, &back, &e), 0);
    assert_int_equal(back.type, types[k]);
    assert_memory_equal(back.data, t.data, type_size(types[k]));
    free(back.data);
  }
  struct stat st;
  assert_int_equal(stat(at("t.npy"), &st), 0);
  assert_int_equal(st.st_size % 64, 2); /* elements start at a multiple of 64 */
}

static void an_empty_tensor_reads_back(void **state)
{
  (void)state;
  struct tensor t = {.data = root, .type = NORMATIVE_F32, .ndim = 2, .dims = {0, 4}}, back;
  struct error e;
  assert_int_equal(npy_write(at("t.npy"), &t, &e), 0);
  assert_int_equal(npy_read(at("t.npy"), &t, &back, &e), 0);
  assert_non_null(back.data);
  free(back.data);
}

/* The dict, bytes of elements, what npy_read then says of a file that should be (3, 4) of <f4. */
static const struct { const char *dict; size_t bytes; const char *says; } liars[] = {
  {"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }", 47,
   "is truncated: 47 bytes of elements, its shape (3, 4) needs 48"},
  {"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }", 52,
   "is too long: 52 bytes of elements, its shape (3, 4) needs 48"},
  {"{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }", 96, "has type <f8, wanted <f4"},
  {"{'descr': '>f4', 'fortran_order': False, 'shape': (3, 4), }", 48,
   "is big-endian (>f4), wanted little-endian <f4"},
  {"{'descr': '<f4', 'fortran_order': True, 'shape': (3, 4), }", 48,
   "is in Fortran order, wanted C order (numpy.ascontiguousarray)"},
  {"{'descr': '<f4', 'fortran_order': False, 'shape': (4, 3), }", 48, "has shape (4, 3), wanted (3, 4)"},
  {"{'descr': '<f4', 'fortran_order': False, 'shape': (12,), }", 48, "has shape (12,), wanted (3, 4)"},
  {"{'descr': '<f4', 'fortran_order': False, 'shape': (), }", 4, "has shape (), wanted (3, 4)"},
  {"{'descr': '<f4', 'fortran_order': False, 'shape': (-3, 4), }", 48, "its shape has a negative size"},
  {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999, 4), }", 48,
   "its shape has a size beyond 2^64"},
  {"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }", 48,
   "its shape has more than 2^48 elements"},
  {"{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 1), }", 0,
   "its shape has more than 2^48 elements"},
  {"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 1, 1, 1, 1, 1, 3, 4), }", 48, "has more than 8 dimensions"},
  {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3, 4), }", 48,
   "has records (a structured dtype), wanted plain numbers"},
  {"{'descr': '<f4', 'shape': (3, 4), }", 48,
   "its .npy header is malformed: 'descr', 'fortran_order' or 'shape' is missing"},
  {"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4)", 48, "its .npy header is malformed: the dict does not end"},
  {"{'descr': '<f4', 'fortran_order': False, 'shape': (3, x), }", 48,
   "its .npy header is malformed: 'shape' has something that is no size"},
  {"gibberish", 48, "its .npy header is malformed: no dict"},
};

static void lies_are_told(void **state)
{
  (void)state;
  for (size_t k = 0; k < sizeof liars / sizeof *liars; ++k) {
    struct tensor t;
    struct error e;
    char want[600];
    write_npy("t.npy", liars[k].dict, liars[k].bytes);
    assert_int_equal(npy_read(at("t.npy"), &in.t[SLOT_X], &t, &e), -1);
    snprintf(want, sizeof want, "%s: %s", at("t.npy"), liars[k].says);
    assert_string_equal(e.text, want);
    assert_null(t.data);
  }
}

static void npy_error(const char *name, const char *says)
{
  struct tensor t;
  struct error e;
  char want[600];
  assert_int_equal(npy_read(at(name), &in.t[SLOT_X], &t, &e), -1);
  snprintf(want, sizeof want, "%s: %s", at(name), says);
  assert_string_equal(e.text, want);
}

static void no_npy_at_all(void **state)
{
  (void)state;
  npy_error("nothing.npy", "is missing");
  write_text("empty.npy", "");
  npy_error("empty.npy", "is no .npy file");
  write_text("text.npy", "1 2 3 4 5 6 7 8 9");
  npy_error("text.npy", "is no .npy file");
  write_bytes("short.npy", "\x93NUMPY\1\0\166\0{'descr'", 19);
  npy_error("short.npy", "is truncated inside its header");
  write_bytes("nine.npy", "\x93NUMPY\11\0\166\0{'descr'", 19);
  npy_error("nine.npy", ".npy format version 9, wanted 1 to 3");
  assert_int_equal(mkdir(at("dir.npy"), 0777), 0);
  npy_error("dir.npy", "is no regular file");
  assert_int_equal(mkfifo(at("fifo.npy"), 0777), 0);
  npy_error("fifo.npy", "is no regular file");
}

static void bf16_is_named(void **state)
{
  (void)state;
  struct tensor t = in.t[SLOT_X], back;
  struct error e;
  t.type = NORMATIVE_BF16;
  write_npy("t.npy", "{'descr': '<f2', 'fortran_order': False, 'shape': (3, 4), }", 24);
  assert_int_equal(npy_read(at("t.npy"), &t, &back, &e), -1);
  assert_non_null(strstr(e.text, "has type <f2, wanted <u2 (the bits of bf16)"));
}

/* ---- whole cases ---- */

static void assert_same(const struct tensors *a, const struct tensors *b)
{
  for (int s = 0; s < SLOT_COUNT; ++s) {
    assert_int_equal(a->t[s].count, b->t[s].count);
    assert_int_equal(a->t[s].ndim, b->t[s].ndim);
    assert_memory_equal(a->t[s].dims, b->t[s].dims, sizeof a->t[s].dims);
    if (a->t[s].data) assert_memory_equal(a->t[s].data, b->t[s].data, a->t[s].count * type_size(a->t[s].type));
  }
}

static void a_case_reads_back(void **state)
{
  (void)state;
  struct tensors expected;
  struct casedir c;
  struct error e;
  tensors_free(&in);
  make_problem(NORMATIVE_BATCHNORM, NORMATIVE_BF16, 4, (uint64_t[]){2, 3, 4, 5});
  problem.layout = NORMATIVE_NSC;
  problem.running = 1;
  problem.eps = 1e-5; /* not exact in float */
  problem.param_type = NORMATIVE_F32;
  fill(&in, true);
  fill(&expected, false);
  struct wishes w = {.threads = 2, .iterations = 10};
  assert_int_equal(casedir_write(at("a/b/case"), "the/name", &problem, &in, &expected, &w, &e), 0);
  assert_int_equal(casedir_read(at("a/b/case"), &c, &e), 0);
  assert_string_equal(c.name, "the/name");
  assert_memory_equal(&c.p, &problem, sizeof problem);
  assert_int_equal(c.wishes.threads, 2);
  assert_int_equal(c.wishes.iterations, 10);
  assert_same(&c.in, &in);
  assert_same(&c.expected, &expected);
  casedir_free(&c);
  /* written once more, in place, without the expected values */
  assert_int_equal(casedir_write(at("a/b/case"), NULL, &problem, &in, NULL, NULL, &e), 0);
  assert_int_equal(casedir_read(at("a/b/case"), &c, &e), 0);
  assert_string_equal(c.name, "case");
  assert_int_equal(c.wishes.threads, 1);
  assert_null(c.expected.t[SLOT_Y].data);
  casedir_free(&c);
  tensors_free(&expected);
}

#define HEAD "{\"format\": \"normative-case\", \"version\": 1, "
#define LAYERNORM "\"problem\": {\"norm\": \"layernorm\", \"type\": \"f32\", \"shape\": [3, 4]"
#define F4(shape) "{'descr': '<f4', 'fortran_order': False, 'shape': " shape ", }"

/* A user's own: the least that must be said; the rest is what files are there. */
static void users_own_tensors(void **state)
{
  (void)state;
  struct casedir c;
  struct error e;
  write_text("manifest.json", HEAD "\"problem\": {\"norm\": \"layernorm\", \"type\": \"f32\", \"eps\": 0.5}}");
  write_npy("x.npy", F4("(2, 3, 4)"), 96);
  write_npy("gamma.npy", F4("(4,)"), 16);
  assert_int_equal(casedir_read(root, &c, &e), 0);
  assert_int_equal(c.p.n, 6);
  assert_int_equal(c.p.c, 4);
  assert_true(c.p.eps == 0.5);
  assert_int_equal(c.p.has_gamma, 1);
  assert_int_equal(c.p.has_beta, 0);
  assert_int_equal(c.in.t[SLOT_X].ndim, 2);
  assert_string_equal(c.name, strrchr(root, '/') + 1);
  casedir_free(&c);

  write_text("manifest.json", HEAD "\"problem\": {\"norm\": \"batchnorm\", \"type\": \"f32\", \"layout\": \"nsc\"}}");
  assert_int_equal(casedir_read(root, &c, &e), 0);
  assert_int_equal(c.p.n, 2);
  assert_int_equal(c.p.c, 4);
  assert_int_equal(c.p.s, 3);
  assert_int_equal(c.p.running, 0);
  casedir_free(&c);

  write_text("manifest.json", HEAD "\"problem\": {\"norm\": \"layernorm\", \"type\": \"f32\", \"affine\": \"element\", "
                              "\"groups\": 2}}"); /* adaptive: a gamma for each sample */
  write_npy("gamma.npy", F4("(2, 1, 4)"), 32);
  assert_int_equal(casedir_read(root, &c, &e), 0);
  assert_true(c.p.n == 6 && c.p.groups == 2 && c.in.t[SLOT_GAMMA].ndim == 2 && c.in.t[SLOT_GAMMA].count == 8);
  casedir_free(&c);
  write_npy("gamma.npy", F4("(1, 2, 4)"), 32); /* of every second row, not of a sample */
  assert_int_equal(casedir_read(root, &c, &e), -1);
  assert_non_null(strstr(e.text, "gamma.npy: size 1 is 2: leading sizes are the first ones of x.npy, then 1"));
  write_npy("gamma.npy", F4("(2, 4, 1)"), 32);
  assert_int_equal(casedir_read(root, &c, &e), -1);
  assert_non_null(strstr(e.text, "gamma.npy: has shape (2, 4, 1), wanted (2, 4)"));
  write_npy("gamma.npy", F4("(4,)"), 16);

  write_text("manifest.json", HEAD LAYERNORM ", \"gamma\": false}}");
  write_npy("x.npy", F4("(3, 4)"), 48);
  assert_int_equal(casedir_read(root, &c, &e), 0);
  assert_int_equal(c.p.has_gamma, 0);
  assert_null(c.in.t[SLOT_GAMMA].data);
  casedir_free(&c);
}

/* A manifest, what casedir_read says of it (behind DIR/). x.npy and gamma.npy are right, there is no beta.npy. */
static const struct { const char *manifest, *says; } bad_manifests[] = {
  {"", "manifest.json: line 1: '[' or '{' expected near end of file"},
  {"{\n\"format\": nonsense\n}", "manifest.json: line 2: invalid token near 'nonsense'"},
  {"[]", "manifest.json: not an object"},
  {"{}", "manifest.json: \"format\" is not \"normative-case\""},
  {"{\"format\": \"normative-case\"}", "manifest.json: no \"version\""},
  {"{\"format\": \"normative-case\", \"version\": 2}", "manifest.json: version 2, wanted 1"},
  {HEAD "\"x\": 1}", "manifest.json: unknown key 'x'"},
  {HEAD "\"version\": 1}", "manifest.json: line 1: duplicate object key near '\"version\"'"},
  {HEAD "\"inputs\": {}}", "manifest.json: no \"problem\""},
  {HEAD "\"problem\": {\"norm\": \"nonorm\", \"type\": \"f32\"}}", "manifest.json: problem: unknown norm 'nonorm'"},
  {HEAD "\"problem\": {\"type\": \"f32\"}}", "manifest.json: problem: no \"norm\""},
  {HEAD "\"problem\": {\"norm\": \"layernorm\", \"type\": \"f32\", \"shape\": [-3, 4]}}",
   "manifest.json: problem: shape: size 0 is no integer >= 0"},
  {HEAD LAYERNORM ", \"epsilon\": 1}}", "manifest.json: problem: unknown key 'epsilon'"},
  {HEAD LAYERNORM ", \"eps\": -1}}", "manifest.json: problem: eps: -1 is not a finite number >= 0"},
  {HEAD LAYERNORM ", \"eps\": 1e-50}}", "manifest.json: problem: eps: '1e-50' would be 0 in f32"},
  {HEAD LAYERNORM ", \"eps\": 1e40}}", "manifest.json: problem: eps: '1e+40' would be inf in f32"},
  {HEAD LAYERNORM ", \"eps64\": 1e400}}", "manifest.json: line 1: real number overflow near '1e400'"},
  {HEAD LAYERNORM ", \"beta\": true}}", "beta.npy: is missing"},
  {HEAD "\"problem\": {\"norm\": \"layernorm\", \"type\": \"f32\", \"shape\": [4, 3]}}",
   "x.npy: has shape (3, 4), wanted (4, 3)"},
  {HEAD "\"problem\": {\"norm\": \"layernorm\", \"type\": \"f64\", \"shape\": [3, 4]}}", "x.npy: has type <f4, wanted <f8"},
  {HEAD LAYERNORM "}, \"inputs\": {\"x\": \"/etc/passwd\"}}", "manifest.json: x: '/etc/passwd' leads out of the directory"},
  {HEAD LAYERNORM "}, \"inputs\": {\"x\": \"../x.npy\"}}", "manifest.json: x: '../x.npy' leads out of the directory"},
  {HEAD LAYERNORM "}, \"inputs\": {\"x\": \"a/../../x\"}}", "manifest.json: x: 'a/../../x' leads out of the directory"},
  {HEAD LAYERNORM "}, \"inputs\": {\"x\": 5}}", "manifest.json: x: not the name of a file"},
  {HEAD LAYERNORM "}, \"inputs\": [1]}", "manifest.json: inputs: not an object"},
  {HEAD LAYERNORM "}, \"inputs\": {\"gamma\": \"gamma.npy\"}}", "manifest.json: inputs: no \"x\""},
  {HEAD LAYERNORM "}, \"inputs\": {\"x\": \"x.npy\", \"dy\": \"x.npy\"}}",
   "manifest.json: inputs: 'dy' is no input of this problem"},
  {HEAD LAYERNORM "}, \"expected\": {\"dx\": \"x.npy\"}}", "manifest.json: expected: 'dx' is no output of this problem"},
  {HEAD LAYERNORM "}, \"expected\": {\"y\": \"gamma.npy\"}}", "gamma.npy: has shape (4,), wanted (3, 4)"},
  {HEAD LAYERNORM "}, \"wishes\": {\"luck\": 1}}", "manifest.json: wishes: unknown key 'luck'"},
  {HEAD LAYERNORM "}, \"wishes\": {\"threads\": -1}}", "manifest.json: wishes: threads: not a number from 0 to 10^9"},
  {HEAD LAYERNORM "}, \"case\": 7}", "manifest.json: case: not a name of less than 512 characters"},
};

static void bad_cases_are_told(void **state)
{
  (void)state;
  write_npy("x.npy", F4("(3, 4)"), 48);
  write_npy("gamma.npy", F4("(4,)"), 16);
  for (size_t k = 0; k < sizeof bad_manifests / sizeof *bad_manifests; ++k) {
    struct casedir c;
    struct error e;
    char want[600];
    write_text("manifest.json", bad_manifests[k].manifest);
    assert_int_equal(casedir_read(root, &c, &e), -1);
    snprintf(want, sizeof want, "%s/%s", root, bad_manifests[k].says);
    assert_string_equal(e.text, want);
    assert_null(c.in.t[SLOT_X].data);
  }
}

static void missing_things(void **state)
{
  (void)state;
  struct casedir c;
  struct error e;
  char want[600];
  assert_int_equal(casedir_read(root, &c, &e), -1);
  snprintf(want, sizeof want, "%s/manifest.json: is missing", root);
  assert_string_equal(e.text, want);
  write_text("manifest.json", HEAD "\"problem\": {\"norm\": \"layernorm\", \"type\": \"f32\"}}");
  assert_int_equal(casedir_read(root, &c, &e), -1);
  snprintf(want, sizeof want, "%s/x.npy: is missing", root);
  assert_string_equal(e.text, want);
}

/* The published schema has the keys that are written, and no others but the two that replace eps and momentum, and convention,
   whose names are those of the table. */
static void the_schema_has_every_key(void **state)
{
  (void)state;
  json_error_t where;
  json_t *schema = json_load_file("conformance/case.schema.json", 0, &where), *value;
  assert_non_null(schema);
  json_t *defined = json_object_get(json_object_get(json_object_get(schema, "$defs"), "problem"), "properties");
  json_t *written = problem_to_json(&problem);
  const char *key;
  json_object_foreach(written, key, value) assert_non_null(json_object_get(defined, key));
  assert_int_equal(json_object_size(defined), json_object_size(written) + 3);
  size_t names = 0;
  const json_t *listed = json_object_get(json_object_get(defined, "convention"), "enum");
  for (const struct convention *c = convention_table; c->name; ++c)
    if (c == convention_table || strcmp(c->name, c[-1].name))
      assert_string_equal(json_string_value(json_array_get(listed, names++)), c->name);
  assert_int_equal(json_array_size(listed), names);
  json_decref(written);
  json_decref(schema);
}

/* ---- results ---- */

static void results_read_back(void **state)
{
  (void)state;
  struct tensors out, back;
  struct error e;
  fill(&out, false);
  free(out.t[SLOT_MEAN].data); /* not every output need be there */
  out.t[SLOT_MEAN] = (struct tensor){0};
  assert_int_equal(result_write(root, &out, &e), 0);
  assert_int_equal(result_read(root, &problem, &back, &e), 0);
  assert_same(&out, &back);
  tensors_free(&back);
  write_npy("rstd.npy", "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 1), }", 24);
  assert_int_equal(result_read(root, &problem, &back, &e), -1);
  assert_non_null(strstr(e.text, "rstd.npy: has shape (3, 1), wanted (3,)"));
  assert_null(back.t[SLOT_Y].data);
  tensors_free(&out);
}

/* ---- disks ---- */

/* Nothing is left of a case that could not be written whole, and what was there before stays as it was. */
static void check_failed_write(void)
{
  struct error e;
  assert_int_equal(casedir_write(at("disk/case"), "big", &problem, &in, NULL, NULL, &e), -1);
  assert_non_null(strstr(e.text, "disk/case/x.npy: cannot be written: "));
  assert_int_equal(entries(at("disk")), 0);
  assert_int_equal(npy_write(at("disk/y.npy"), &in.t[SLOT_X], &e), -1);
  assert_non_null(strstr(e.text, "disk/y.npy: cannot be written: "));
  assert_int_equal(entries(at("disk")), 0);
}

static void make_big(size_t rows, size_t cols, enum normative_type params)
{
  tensors_free(&in);
  make_problem(NORMATIVE_LAYERNORM, NORMATIVE_F32, 2, (uint64_t[]){rows, cols});
  problem.param_type = params;
  fill(&in, true);
  mkdir(at("disk"), 0777);
}

/* A file may not become larger than 64 KiB: the fault comes in the middle of x, then behind it. */
static void a_limited_disk(void **state)
{
  (void)state;
  struct rlimit before, limit;
  struct error e;
  make_big(300, 400, NORMATIVE_F32);
  signal(SIGXFSZ, SIG_IGN);
  getrlimit(RLIMIT_FSIZE, &before);
  limit = before;
  limit.rlim_cur = 65536;
  setrlimit(RLIMIT_FSIZE, &limit);
  check_failed_write();
  make_big(1, 10000, NORMATIVE_F64);
  assert_int_equal(casedir_write(at("disk"), "big", &problem, &in, NULL, NULL, &e), -1);
  assert_non_null(strstr(e.text, "disk/gamma.npy: cannot be written: File too large"));
  assert_int_equal(entries(at("disk")), 0);
  setrlimit(RLIMIT_FSIZE, &before);
}

/* A file system of 128 KiB, where one may be mounted. */
static void a_full_disk(void **state)
{
  (void)state;
  make_big(300, 400, NORMATIVE_F32);
  pid_t child = fork();
  if (!child) {
    if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        mount("none", at("disk"), "tmpfs", 0, "size=128k"))
      _exit(77);
    struct error e;
    bool right = casedir_write(at("disk/case"), "big", &problem, &in, NULL, NULL, &e) == -1 &&
                 strstr(e.text, "disk/case/x.npy: cannot be written: No space left on device") && !entries(at("disk"));
    if (!right) fprintf(stderr, "said: %s\n", e.text);
    _exit(right ? 0 : 1);
  }
  int status;
  waitpid(child, &status, 0);
  assert_true(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) skip();
  assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_place_that_cannot_be(void **state)
{
  (void)state;
  struct error e;
  write_text("file", "");
  assert_int_equal(casedir_write(at("file/case"), "x", &problem, &in, NULL, NULL, &e), -1);
  assert_non_null(strstr(e.text, "file/case: cannot be made: Not a directory"));
  /* the manifest's place is taken by a directory */
  assert_int_equal(mkdir(at("case"), 0777), 0);
  assert_int_equal(mkdir(at("case/manifest.json"), 0777), 0);
  assert_int_equal(casedir_write(at("case"), "x", &problem, &in, NULL, NULL, &e), -1);
  assert_non_null(strstr(e.text, "case/manifest.json: cannot be written: Is a directory"));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
  const struct CMUnitTest tests[] = {
    TEST(every_type_reads_back), TEST(an_empty_tensor_reads_back), TEST(lies_are_told), TEST(no_npy_at_all),
    TEST(bf16_is_named), TEST(a_case_reads_back), TEST(users_own_tensors), TEST(bad_cases_are_told), TEST(missing_things),
    TEST(the_schema_has_every_key),
    TEST(results_read_back), TEST(a_limited_disk), TEST(a_full_disk), TEST(a_place_that_cannot_be)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
