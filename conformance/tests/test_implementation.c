/* SPDX-License-Identifier: Apache-2.0
   Implementations from outside: whatever they do, it is a verdict with a reason, nobody else is harmed, and nothing is left
   behind. Runs from the root of the source tree; compiles its shared objects with $CC. */
#define _GNU_SOURCE
#include "implementation.h"
#include "scratch.h"
#include <ftw.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h> /* last: it has a macro fail */

static char root[64], scratch[80];
static const char *python; /* one with numpy, or NULL */
static struct normative_problem problem;
static struct tensors in;
static const struct implementation_options usual = {.threads = 1, .timeout_s = 20, .memory_bytes = (size_t)1 << 30};

static const char *at(const char *name)
{
  static char path[4][256];
  static int next;
  char *out = path[next++ % 4];
  snprintf(out, sizeof path[0], "%s/%s", root, name);
  return out;
}

static void write_text(const char *name, const char *text)
{
  FILE *f = fopen(at(name), "w");
  assert_non_null(f);
  fputs(text, f);
  fclose(f);
}

static int shell(const char *format, ...)
{
  char command[2048];
  va_list args;
  va_start(args, format);
  vsnprintf(command, sizeof command, format, args);
  va_end(args);
  int status = system(command);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static const char *compiler(void) { return getenv("CC") ? getenv("CC") : "cc"; }
static void compile(const char *source, const char *out, const char *options)
{
  assert_int_equal(shell("%s -O2 -shared -fPIC -I reference -I conformance %s -o %s %s -lm", compiler(), options,
                         at(out), source), 0);
}

static void make_case(size_t rows, size_t cols)
{
  struct error e;
  problem_default(&problem, NORMATIVE_LAYERNORM, NORMATIVE_FORWARD, NORMATIVE_F32);
  problem.ndim = 2;
  problem.dims[0] = rows;
  problem.dims[1] = cols;
  assert_int_equal(problem_finish(&problem, &e), 0);
  for (int s = 0; s < SLOT_COUNT; ++s) {
    if (!slot_is_input(&problem, s)) continue;
    assert_int_equal(tensor_alloc(&in.t[s], &problem, s, &e), 0);
    for (size_t i = 0; i < in.t[s].count; ++i) ((float *)in.t[s].data)[i] = (float)(i % 7) + (float)s;
  }
}

static int set_up_all(void **state)
{
  (void)state;
  snprintf(root, sizeof root, "/tmp/normative-test-XXXXXX");
  if (!mkdtemp(root)) return -1;
  snprintf(scratch, sizeof scratch, "%s/scratch", root);
  mkdir(scratch, 0777);
  setenv("NORMATIVE_SCRATCH", scratch, 1);
  setenv("NORMATIVE_WORKER_PY", "conformance/worker.py", 1);
  setenv("NORMATIVE_ADAPTERS", root, 1);
  const char *pythons[] = {getenv("PYTHON"), "python3", "/usr/bin/python3"};
  for (int k = 0; k < 3 && !python; ++k)
    if (pythons[k] && !shell("%s -c 'import numpy' 2>/dev/null", pythons[k])) python = pythons[k];
  compile("conformance/tests/misbehaving.c", "misbehaving.so", "");
  make_case(3, 5);
  return 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
  (void)st, (void)kind, (void)where;
  return remove(path);
}

static int tear_down_all(void **state)
{
  (void)state;
  tensors_free(&in);
  return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static int set_up(void **state)
{
  (void)state;
  unsetenv("MISBEHAVE");
  problem.norm = NORMATIVE_LAYERNORM;
  return 0;
}

static struct implementation *open_it(const char *spec, const struct implementation_options *o)
{
  struct implementation *impl;
  struct error e = {""};
  if (implementation_open(spec, o, &impl, &e)) print_error("%s: %s\n", spec, e.text);
  assert_non_null(impl);
  return impl;
}

static struct run_result run_it(struct implementation *impl, struct tensors *out)
{
  struct run_result r;
  struct live_case c = {.name = "test", .p = &problem, .in = &in};
  implementation_run(impl, &c, 0, out, &r);
  live_case_done(&c);
  return r;
}

/* Runs one case and expects a verdict other than PASS with this reason. */
static void expect(struct implementation *impl, enum verdict verdict, const char *reason)
{
  struct tensors out;
  struct run_result r = run_it(impl, &out);
  assert_string_equal(r.reason, reason);
  assert_int_equal(r.verdict, verdict);
  assert_null(out.t[SLOT_Y].data);
}

/* Runs one case and expects it to be right, up to the last bit of f32 or so. */
static void expect_right(struct implementation *impl)
{
  struct tensors out;
  struct run_result r = run_it(impl, &out);
  assert_string_equal(r.reason, "");
  assert_int_equal(r.verdict, PASS);
  for (size_t n = 0; n < problem.n; ++n) {
    double mean = 0, var = 0;
    for (size_t c = 0; c < problem.c; ++c) mean += tensor_get(&in.t[SLOT_X], n * problem.c + c) / (double)problem.c;
    for (size_t c = 0; c < problem.c; ++c) {
      double d = tensor_get(&in.t[SLOT_X], n * problem.c + c) - mean;
      var += d * d / (double)problem.c;
    }
    for (size_t c = 0; c < problem.c; ++c) {
      double d = tensor_get(&in.t[SLOT_X], n * problem.c + c) - mean;
      double y = d / __builtin_sqrt(var + problem.eps) * tensor_get(&in.t[SLOT_GAMMA], c) + tensor_get(&in.t[SLOT_BETA], c);
      assert_true(__builtin_fabs(y - tensor_get(&out.t[SLOT_Y], n * problem.c + c)) < 1e-6 * (1 + __builtin_fabs(y)));
    }
    assert_true(__builtin_fabs(mean - tensor_get(&out.t[SLOT_MEAN], n)) < 1e-12);
  }
  tensors_free(&out);
}

static void expect_no_open(const char *spec, const struct implementation_options *o, const char *says)
{
  struct implementation *impl;
  struct error e;
  assert_int_equal(implementation_open(spec, o, &impl, &e), -1);
  assert_null(impl);
  if (!strstr(e.text, says)) assert_string_equal(e.text, says);
}

/* ---- the templates ---- */

static void the_c_template(void **state)
{
  (void)state;
  compile("conformance/template.c", "kernel.so", "-Wall -Wextra -Werror");
  struct implementation *impl = open_it(at("kernel.so"), &usual);
  assert_string_equal(implementation_name(impl), "my-layernorm");
  assert_string_equal(implementation_version(impl), "1");
  assert_null(implementation_preset(impl));
  assert_string_equal(implementation_spec(impl), at("kernel.so"));
  expect_right(impl);
  problem.norm = NORMATIVE_RMSNORM;
  expect(impl, SKIP, "only LayerNorm forward");
  problem.norm = NORMATIVE_LAYERNORM;
  implementation_close(impl);
  struct implementation_options here = usual;
  here.in_process = true;
  impl = open_it(at("kernel.so"), &here);
  expect_right(impl);
  implementation_close(impl);
}

static struct implementation_options with_python(void)
{
  struct implementation_options o = usual;
  if (!python) skip();
  o.python = python;
  return o;
}

static void the_python_template(void **state)
{
  (void)state;
  struct implementation_options o = with_python();
  struct implementation *impl = open_it("conformance/template.py", &o);
  assert_string_equal(implementation_name(impl), "my-layernorm-py");
  expect_right(impl);
  problem.norm = NORMATIVE_RMSNORM;
  expect(impl, SKIP, "only LayerNorm forward");
  problem.norm = NORMATIVE_LAYERNORM;
  implementation_close(impl);
}

static void timing(void **state)
{
  (void)state;
  struct implementation *impl = open_it(at("misbehaving.so"), &usual);
  assert_string_equal(implementation_preset(impl), "f32-stats");
  struct tensors out;
  struct run_result r;
  struct live_case c = {.name = "test", .p = &problem, .in = &in};
  implementation_run(impl, &c, 3, &out, &r);
  assert_int_equal(r.verdict, PASS);
  assert_true(r.seconds > 0);
  tensors_free(&out);
  implementation_run(impl, &c, 0, &out, &r); /* the same directory, other wishes */
  assert_int_equal(r.verdict, PASS);
  assert_true(r.seconds == 0);
  tensors_free(&out);
  live_case_done(&c);
  implementation_close(impl);
}

/* ---- shared objects that misbehave ---- */

static void objects_that_do_not_load(void **state)
{
  (void)state;
  compile("conformance/tests/misbehaving.c", "abi.so", "-DABI=9");
  compile("conformance/tests/misbehaving.c", "entry.so", "-DNO_ENTRY -Wno-unused");
  write_text("text.so", "no shared object\n");
  expect_no_open(at("abi.so"), &usual, "is built for version 9 of the plug-in ABI, wanted 1");
  expect_no_open(at("entry.so"), &usual, "has no function normative_plugin()");
  expect_no_open(at("text.so"), &usual, "does not load: ");
  expect_no_open(at("none.so"), &usual, "No such file or directory");
  struct implementation_options here = usual;
  here.in_process = true;
  expect_no_open(at("abi.so"), &here, "is built for version 9 of the plug-in ABI, wanted 1");
  expect_no_open("nonsense", &usual, "no such implementation: neither one of ");
}

/* MISBEHAVE, what is made of it, and whether the worker dies of it; then the next case finds a new one. */
static const struct { const char *does; enum verdict verdict; const char *reason; bool dies; } told[] = {
  {"decline", SKIP, "will not", false},
  {"run fails", FAIL, "run returned -5", false},
  {"leave y[3]", FAIL, "y[3] was not written", false},
  {"write after y", FAIL, "wrote outside of y", false},
  {"write far after y", FAIL, "read or wrote past the end of y", true},
  {"write to x", FAIL, "wrote to its input x", true},
  {"read far after x", FAIL, "read or wrote past the end of x", true},
  {"change its mind", FAIL, "two runs on the same input gave different bits: y[0] 0x1p+0, then 0x1p+1", false},
  {"crash", CRASH, "ended without an answer, killed by SIGSEGV", true},
  {"abort", CRASH, "ended without an answer, killed by SIGABRT", true},
  {"complain and exit", CRASH, "ended without an answer, exited with status 3: out of luck", true},
  {"allocate", CRASH, "used more than 256 MiB", true},
  {"hang", TIMEOUT, "no answer within 1 s", true},
};

static void objects_that_misbehave(void **state)
{
  (void)state;
  struct implementation_options o = usual;
  o.memory_bytes = (size_t)256 << 20;
  for (size_t k = 0; k < sizeof told / sizeof *told; ++k) {
    o.timeout_s = told[k].verdict == TIMEOUT ? 1 : 60;
    setenv("MISBEHAVE", told[k].does, 1);
    struct implementation *impl = open_it(at("misbehaving.so"), &o);
    unsetenv("MISBEHAVE"); /* those started later behave */
    expect(impl, told[k].verdict, told[k].reason);
    if (told[k].dies) expect_right(impl);
    else expect(impl, told[k].verdict, told[k].reason);
    implementation_close(impl);
  }
}

static void one_that_prints(void **state)
{
  (void)state;
  setenv("MISBEHAVE", "print", 1);
  struct implementation *impl = open_it(at("misbehaving.so"), &usual);
  expect_right(impl);
  expect_right(impl);
  implementation_close(impl);
}

/* ---- programs that misbehave ---- */

#define GREETING "printf 'normative-worker 1\\tprogram\\t2.0\\n'; "
static void programs_that_do_not_start(void **state)
{
  (void)state;
  expect_no_open("cmd:exit 5", &usual, "ended at its start, exited with status 5");
  expect_no_open("cmd:/no/such/program", &usual, "exited with status 127: ");
  expect_no_open("cmd:echo hello", &usual, "broke the protocol: its greeting is 'hello'");
  expect_no_open("cmd:printf 'a\\033b\\n'", &usual, "broke the protocol: its greeting is 'a?b'");
  expect_no_open("cmd:printf 'normative-worker 2\\ta\\tb\\n'", &usual, "broke the protocol: version 1 was expected in");
  expect_no_open("cmd:printf 'normative-worker 1\\ta\\n'", &usual, "broke the protocol: no name or no version in");
  expect_no_open("cmd:printf 'error\\tno luck today\\n'", &usual, "no luck today");
  expect_no_open("cmd:head -c 9000 /dev/zero", &usual, "a line of more than 4096 bytes");
}

static const struct { const char *program; enum verdict verdict; const char *reason; } programs[] = {
  {"read a; echo nonsense; read b", FAIL, "broke the protocol: 'nonsense'"},
  {"read a; echo; read b", FAIL, "broke the protocol: ''"},
  {"read a; printf 'ok\\tsoon\\n'; read b", FAIL, "broke the protocol: 'ok?soon'"},
  {"read a; printf 'skip\\n'; read b", FAIL, "broke the protocol: 'skip'"},
  {"read a; head -c 9000 /dev/zero | tr '\\0' x; read b", FAIL,
   "broke the protocol: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...'"},
  {"read a; cat /dev/urandom | tr -d '\\n' | tr -c x x", FAIL,
   "broke the protocol: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...'"},
  {"read a; echo ok; read b", FAIL, "said ok, but wrote no y.npy"},
  {"read a; cp \"${a%%\t*}/gamma.npy\" \"${a#*\t}/y.npy\"; echo ok; read b", FAIL, "y.npy: has shape (5,), wanted (3, 5)"},
  {"read a; : > \"${a#*\t}/y.npy\"; echo ok; read b", FAIL, "y.npy: is no .npy file"},
  {"read a; mkfifo \"${a#*\t}/y.npy\"; echo ok; read b", FAIL, "y.npy: is no regular file"},
  {"read a; ln -s /dev/zero \"${a#*\t}/y.npy\"; echo ok; read b", FAIL, "y.npy: is no regular file"},
  {"read a; printf 'skip\\ttoo hard\\n'; read b", SKIP, "too hard"},
  {"read a; exit 0", CRASH, "ended without an answer, exited with status 0"},
  {"read a; kill -9 $$", CRASH, "ended without an answer, killed by SIGKILL"},
  {"read a; exec >&-; read b; sleep 60", CRASH, "ended without an answer"},
  {"read a; sleep 60 & exit 4", CRASH, "ended without an answer, exited with status 4"},
  {"read a; yes noise >&2", TIMEOUT, "no answer within 1 s: noise"},
};

static void programs_that_misbehave(void **state)
{
  (void)state;
  struct implementation_options o = usual;
  for (size_t k = 0; k < sizeof programs / sizeof *programs; ++k) {
    char spec[512];
    o.timeout_s = programs[k].verdict == TIMEOUT ? 1 : 60;
    snprintf(spec, sizeof spec, "cmd:" GREETING "%s", programs[k].program);
    struct implementation *impl = open_it(spec, &o);
    assert_string_equal(implementation_name(impl), "program");
    expect(impl, programs[k].verdict, programs[k].reason);
    implementation_close(impl);
  }
}

static void one_that_stops_listening(void **state)
{
  (void)state;
  struct implementation_options o = usual;
  o.timeout_s = 1;
  struct implementation *impl = open_it("cmd:" GREETING "read a; exec <&-; printf 'skip\\tbye\\n'; sleep 60", &o);
  expect(impl, SKIP, "bye");
  expect(impl, TIMEOUT, "no answer within 1 s"); /* and no SIGPIPE for us */
  implementation_close(impl);
}

/* One that hangs is not waited for case after case; one that comes back in between is. */
static void one_that_hangs(void **state)
{
  (void)state;
  struct implementation_options o = usual;
  o.timeout_s = 0.2;
  struct implementation *impl = open_it("cmd:" GREETING "read a; sleep 60", &o);
  for (int k = 0; k < 5; ++k) expect(impl, TIMEOUT, "no answer within 0.2 s");
  expect(impl, TIMEOUT, "given up after 5 timeouts in a row");
  implementation_close(impl);
  char spec[512];
  snprintf(spec, sizeof spec, "cmd:" GREETING "while read a; do echo >> %s; [ $(wc -l < %s) = 4 ] || sleep 60; "
           "printf 'skip\\tno\\n'; done",
           at("hangs"), at("hangs"));
  impl = open_it(spec, &o);
  for (int k = 0; k < 3; ++k) expect(impl, TIMEOUT, "no answer within 0.2 s");
  expect(impl, SKIP, "no");
  for (int k = 0; k < 5; ++k) expect(impl, TIMEOUT, "no answer within 0.2 s");
  expect(impl, TIMEOUT, "given up after 5 timeouts in a row");
  implementation_close(impl);
}

/* What it declares, and why. */
static void greetings(void **state)
{
  (void)state;
  static const struct { const char *says, *preset, *documented; } told[] = {
    {"normative-worker 1\\tp\\t1\\n", NULL, NULL},
    {"normative-worker 1\\tp\\t1\\tf32-one-pass\\n", "f32-one-pass", NULL},
    {"normative-worker 1\\tp\\t1\\tf32-one-pass\\tfast variance\\n", "f32-one-pass", "fast variance"},
    {"normative-worker 1\\tp\\t1\\t\\tonly words\\n", NULL, NULL},
  };
  for (size_t k = 0; k < sizeof told / sizeof *told; ++k) {
    char spec[256];
    snprintf(spec, sizeof spec, "cmd:printf '%s'; read a", told[k].says);
    struct implementation *impl = open_it(spec, &usual);
    if (told[k].preset) assert_string_equal(implementation_preset(impl), told[k].preset);
    else assert_null(implementation_preset(impl));
    if (told[k].documented) assert_string_equal(implementation_documented(impl), told[k].documented);
    else assert_null(implementation_documented(impl));
    implementation_close(impl);
  }
}

static bool lives(const char *pid_file)
{
  return !shell("kill -0 $(cat %s) 2>/dev/null && ! grep -q ' Z ' /proc/$(cat %s)/stat", at(pid_file), at(pid_file));
}

static void children_die_too(void **state)
{
  (void)state;
  char spec[512];
  snprintf(spec, sizeof spec, "cmd:sleep 60 & echo $! > %s; " GREETING "read a", at("child"));
  struct implementation *impl = open_it(spec, &usual);
  assert_true(lives("child"));
  implementation_close(impl);
  for (int k = 0; k < 100 && lives("child"); ++k) usleep(10000);
  assert_false(lives("child"));
}

/* The x it is given as y: a program in any language can take part. */
static void a_program_that_behaves(void **state)
{
  (void)state;
  struct tensors out;
  struct implementation *impl =
    open_it("cmd:" GREETING "while read a; do cp \"${a%%\t*}/x.npy\" \"${a#*\t}/y.npy\"; echo ok; done", &usual);
  for (int k = 0; k < 3; ++k) {
    struct run_result r = run_it(impl, &out);
    assert_int_equal(r.verdict, PASS);
    assert_memory_equal(out.t[SLOT_Y].data, in.t[SLOT_X].data, 60);
    tensors_free(&out);
  }
  implementation_close(impl);
}

static void talking_out_of_turn(void **state)
{
  (void)state;
  struct tensors out;
  struct implementation *impl =
    open_it("cmd:" GREETING "while read a; do cp \"${a%%\t*}/x.npy\" \"${a#*\t}/y.npy\"; printf 'ok\\nok\\n'; done", &usual);
  assert_int_equal(run_it(impl, &out).verdict, PASS);
  tensors_free(&out);
  expect(impl, FAIL, "broke the protocol: it said 'ok' without being asked");
  implementation_close(impl);
}

/* One that starts once, and never again. */
static void one_that_stays_away(void **state)
{
  (void)state;
  char spec[512];
  snprintf(spec, sizeof spec, "cmd:mkdir %s || exit 9; " GREETING "read a; exit 1", at("once"));
  struct implementation *impl = open_it(spec, &usual);
  expect(impl, CRASH, "ended without an answer, exited with status 1");
  for (int k = 0; k < 3; ++k) {
    struct tensors out;
    struct run_result r = run_it(impl, &out);
    assert_int_equal(r.verdict, CRASH);
    assert_non_null(strstr(r.reason, "cannot be started again: ended at its start, exited with status 9: mkdir:"));
  }
  expect(impl, CRASH, "given up after 3 failed starts");
  implementation_close(impl);
}

/* ---- Python modules that misbehave ---- */

#define MODULE "import numpy as np\nNAME, VERSION = 'm', '1'\ndef supports(p): return True\n"
static const struct { const char *file, *source, *says; } bad_modules[] = {
  {"raises.py", "x = 1\nraise ValueError('no good')\n", "ValueError: no good (raises.py:2)"},
  {"exits.py", "import sys\nsys.exit(3)\n", "SystemExit: 3 (exits.py:2)"},
  {"says.py", "import sys\nsys.exit('not on a Monday')\n", "not on a Monday"},
  {"syntax.py", "def f(:\n", "SyntaxError: "},
  {"imports.py", "import no_such_module\n", "ModuleNotFoundError: No module named 'no_such_module' (imports.py:1)"},
  {"empty.py", "", "the module has no NAME"},
};

static void modules_that_do_not_load(void **state)
{
  (void)state;
  struct implementation_options o = with_python();
  for (size_t k = 0; k < sizeof bad_modules / sizeof *bad_modules; ++k) {
    write_text(bad_modules[k].file, bad_modules[k].source);
    expect_no_open(at(bad_modules[k].file), &o, bad_modules[k].says);
  }
  struct implementation *impl;
  struct error e;
  implementation_open(at("says.py"), &o, &impl, &e);
  assert_string_equal(e.text, "not on a Monday"); /* its own words only */
  expect_no_open(at("none.py"), &o, "No such file or directory");
  o.python = "/no/such/python"; /* still that which the user can mend first */
  implementation_open("./nosuch.py", &o, &impl, &e);
  assert_string_equal(e.text, "No such file or directory");
  o.python = python;
  expect_no_open("python:no.such.module", &o, "ModuleNotFoundError: No module named 'no'");
  o.python = "/no/such/python";
  expect_no_open("conformance/template.py", &o, "cannot start /no/such/python: No such file or directory");
  o.python = python;
  setenv("PYTHONPATH", at("hidden"), 1); /* a numpy that is none */
  mkdir(at("hidden"), 0777);
  write_text("hidden/numpy.py", "raise ImportError('not here')\n");
  expect_no_open("conformance/template.py", &o, "has no numpy: not here");
  unsetenv("PYTHONPATH");
}

static const struct { const char *body; enum verdict verdict; const char *says; } modules[] = {
  {"def run(p, t): return {'y': t['x'][:2]}\n", FAIL, "y: has shape (2, 5), wanted (3, 5)"},
  {"def run(p, t): return {'y': t['x'].astype(np.float64)}\n", FAIL, "y: has type <f8, wanted <f4"},
  {"def run(p, t): return {'mean': t['x']}\n", FAIL, "run returned no y"},
  {"def run(p, t): return {'y': t['x'], 'z': t['x']}\n", FAIL, "run returned 'z', which is the name of no output"},
  {"def run(p, t): return {'y': 'hello'}\n", FAIL, "run returned y of type <U5, wanted floating-point numbers"},
  {"def run(p, t): return t['x']\n", FAIL, "run returned ndarray, wanted a dict of arrays"},
  {"def run(p, t): return {'y': t['x'] / p['nothing']}\n", FAIL, "KeyError: 'nothing' (module"},
  {"def run(p, t):\n  t['x'][0] = 1\n", FAIL, "ValueError: assignment destination is read-only (module"},
  {"k = []\ndef run(p, t):\n  k.append(1)\n  return {'y': t['x'] + np.float32(len(k))}\n", FAIL,
   "two runs on the same input gave different bits in y"},
  {"def supports(p): return 'not today'\ndef run(p, t): pass\n", SKIP, "not today"},
  {"def supports(p): return False\ndef run(p, t): pass\n", SKIP, "declined without a reason"},
  {"def supports(p): pass\ndef run(p, t): pass\n", SKIP, "declined without a reason"},
  {"def open(p, threads): raise RuntimeError('closed')\ndef run(p, t): pass\n", FAIL, "RuntimeError: closed (module"},
  {"import os\ndef run(p, t): os._exit(6)\n", CRASH, "ended without an answer, exited with status 6"},
  {"import ctypes\ndef run(p, t): ctypes.string_at(16)\n", CRASH, "ended without an answer, killed by SIGSEGV"},
};

static void modules_that_misbehave(void **state)
{
  (void)state;
  struct implementation_options o = with_python();
  for (size_t k = 0; k < sizeof modules / sizeof *modules; ++k) {
    char name[32], source[512];
    struct tensors out;
    snprintf(name, sizeof name, "module%zu.py", k);
    snprintf(source, sizeof source, MODULE "%s", modules[k].body);
    write_text(name, source);
    struct implementation *impl = open_it(at(name), &o);
    struct run_result r = run_it(impl, &out);
    if (!strstr(r.reason, modules[k].says)) assert_string_equal(r.reason, modules[k].says);
    assert_null(strstr(r.reason, ".npy")); /* it wrote no file */
    assert_int_equal(r.verdict, modules[k].verdict);
    implementation_close(impl);
  }
}

/* Prints, reads its standard input, returns channels of another memory order and a statistic: all fine. */
static void a_module_with_manners(void **state)
{
  (void)state;
  struct implementation_options o = with_python();
  struct tensors out;
  write_text("fine.py", MODULE "import sys\nprint('hello')\ndef run(p, t):\n  print('ok', sys.stdin.read())\n"
                               "  return {'y': np.asfortranarray(t['x']), 'rstd': np.arange(p['n'], dtype=float)}\n");
  struct implementation *impl = open_it(at("fine.py"), &o);
  struct run_result r = run_it(impl, &out);
  assert_string_equal(r.reason, "");
  assert_int_equal(r.verdict, PASS);
  assert_memory_equal(out.t[SLOT_Y].data, in.t[SLOT_X].data, 60);
  assert_true(tensor_get(&out.t[SLOT_RSTD], 2) == 2);
  tensors_free(&out);
  implementation_close(impl);
}

static void a_module_that_saves_the_variance(void **state)
{
  (void)state;
  struct implementation_options o = with_python();
  struct tensors out;
  write_text("saves.py", MODULE "def run(p, t):\n  assert p['saved'] == 'variance'\n"
                                "  return {'y': t['x'], 'variance': np.arange(p['n'], dtype=float)}\n");
  struct implementation *impl = open_it(at("saves.py"), &o);
  problem.saved = NORMATIVE_SAVED_VARIANCE;
  struct run_result r = run_it(impl, &out);
  problem.saved = NORMATIVE_SAVED_RSTD;
  assert_string_equal(r.reason, "");
  assert_true(tensor_get(&out.t[SLOT_VARIANCE], 2) == 2);
  tensors_free(&out);
  implementation_close(impl);
}

/* What is timed is the step of prepare(): it says so, and takes its time. */
static void a_module_that_prepares(void **state)
{
  (void)state;
  struct implementation_options o = with_python();
  write_text("prepares.py", MODULE "PRESET, DOCUMENTED = 'f32-one-pass', 'by design'\nimport time\n"
                            "def run(p, t): return {'y': t['x']}\ndef prepare(p, t): return lambda: time.sleep(0.05)\n");
  struct implementation *impl = open_it(at("prepares.py"), &o);
  assert_string_equal(implementation_documented(impl), "by design");
  struct tensors out;
  struct run_result r;
  struct live_case c = {.name = "test", .p = &problem, .in = &in};
  implementation_run(impl, &c, 3, &out, &r);
  live_case_done(&c);
  assert_string_equal(r.reason, "");
  assert_true(r.seconds >= 0.05 && r.seconds < 5);
  tensors_free(&out);
  implementation_close(impl);
}

/* ---- the examples of PROTOCOL.md ---- */

/* Its n-th block of code, behind `before`. */
static void example(int n, const char *before, const char *name)
{
  write_text(name, before);
  assert_int_equal(shell("awk '/^```/ {inside = /python|c$/; n += inside; next} inside && n == %d' conformance/PROTOCOL.md >> %s",
                         n, at(name)), 0);
}

static void the_worker_of_the_protocol(void **state)
{
  (void)state;
  char spec[512];
  struct tensors out;
  with_python();
  example(1, "", "worker.py");
  snprintf(spec, sizeof spec, "cmd:%s %s", python, at("worker.py"));
  struct implementation *impl = open_it(spec, &usual);
  expect(impl, SKIP, "only RMSNorm forward f32 with gamma per column");
  problem.norm = NORMATIVE_RMSNORM;
  problem.has_beta = 0;
  struct tensor beta = in.t[SLOT_BETA];
  in.t[SLOT_BETA] = (struct tensor){0};
  struct run_result r = run_it(impl, &out);
  in.t[SLOT_BETA] = beta;
  problem.has_beta = 1;
  assert_string_equal(r.reason, "");
  assert_int_equal(r.verdict, PASS);
  double squares = 0; /* x is 0 1 2 3 4, gamma 1 2 3 4 5 */
  for (size_t c = 0; c < 5; ++c) squares += tensor_get(&in.t[SLOT_X], c) * tensor_get(&in.t[SLOT_X], c) / 5;
  assert_true(__builtin_fabs(tensor_get(&out.t[SLOT_Y], 4) - 20 / __builtin_sqrt(squares + problem.eps)) < 1e-5);
  tensors_free(&out);
  implementation_close(impl);
}

static void the_case_of_the_protocol(void **state)
{
  (void)state;
  struct casedir c;
  struct error e;
  with_python();
  example(2, "import numpy as np\nx = np.ones((2, 3, 4), 'f4')\ngamma = np.ones(4, 'f4')\n", "mine.py");
  assert_int_equal(shell("cd %s && %s mine.py", root, python), 0);
  assert_int_equal(casedir_read(at("mine"), &c, &e), 0);
  assert_int_equal(c.p.n, 6);
  assert_int_equal(c.p.c, 4);
  assert_int_equal(c.p.has_gamma, 1);
  assert_int_equal(c.p.has_beta, 0);
  casedir_free(&c);
}

static void the_file_of_the_protocol(void **state)
{
  (void)state;
  struct tensor want = {.type = NORMATIVE_F32, .ndim = 2, .dims = {3, 2}}, t;
  struct error e;
  example(3, "", "save.c");
  FILE *f = fopen(at("save.c"), "a");
  assert_non_null(f);
  fputs("int main(void)\n{\n  float x[6] = {0, 1, 2, 3, 4, 5};\n"
        "  return save_npy(\"saved.npy\", x, 3, 2) || save_npy(\"one.npy\", x, 0, 6);\n}\n", f);
  fclose(f);
  assert_int_equal(shell("cd %s && %s -Wall -Werror save.c -o save && ./save", root, compiler()), 0);
  assert_int_equal(npy_read(at("saved.npy"), &want, &t, &e), 0);
  assert_true(tensor_get(&t, 5) == 5);
  free(t.data);
  want = (struct tensor){.type = NORMATIVE_F32, .ndim = 1, .dims = {6}};
  assert_int_equal(npy_read(at("one.npy"), &want, &t, &e), 0);
  free(t.data);
}

/* ---- groups and adapters ---- */

static int count(const char *spec, void *arg)
{
  (void)spec;
  ++*(int *)arg;
  return 0;
}

static void groups_expand(void **state)
{
  (void)state;
  int n = 0;
  struct error e;
  assert_int_equal(implementation_expand("reference", count, &n, &e), 0);
  assert_int_equal(implementation_expand("peers", count, &n, &e), 0);
  assert_int_equal(implementation_expand("./kernel.so", count, &n, &e), 0);
  assert_true(n >= 3);
}

static void an_adapter_that_is_not_there(void **state)
{
  (void)state;
  struct implementation *impl = open_it("onednn", &usual);
  struct tensors out;
  assert_string_equal(implementation_name(impl), "onednn");
  struct run_result r = run_it(impl, &out);
  assert_int_equal(r.verdict, SKIP);
  assert_string_equal(r.reason, "its adapter was not built: make adapters, which needs libdnnl-dev");
  implementation_close(impl);
  write_text("onednn.so", "not a library\n");
  impl = open_it("onednn", &usual);
  r = run_it(impl, &out);
  assert_int_equal(r.verdict, SKIP);
  assert_non_null(strstr(r.reason, "onednn.so: does not load"));
  implementation_close(impl);
  unlink(at("onednn.so"));
}

/* ---- Python peers: an adapter of the test's own, and an environment that is a script ---- */

static struct run_result peer_says(const char *adapter, const char *interpreter)
{
  struct implementation_options o = with_python();
  struct tensors out = {0};
  o.python = interpreter;
  write_text("jax_.py", adapter);
  struct implementation *impl = open_it("jax", &o);
  struct run_result r = run_it(impl, &out);
  if (r.verdict == PASS) snprintf(r.reason, sizeof r.reason, "%s %s", implementation_name(impl), implementation_version(impl));
  tensors_free(&out);
  implementation_close(impl);
  return r;
}

static void expect_peer(const char *adapter, const char *interpreter, enum verdict verdict, const char *says)
{
  struct run_result r = peer_says(adapter, interpreter);
  if (!strstr(r.reason, says)) assert_string_equal(r.reason, says);
  assert_int_equal(r.verdict, verdict);
}

/* NORMATIVE_PEERS/bin/python and the python3 in PATH are scripts that say which they are, and start a real one. */
/* Returns the path of the one that both are. */
static const char *make_pythons(void)
{
  static char real[256];
  char script[512];
  assert_int_equal(shell("mkdir -p %s %s", at("peers/bin"), at("path")), 0);
  FILE *f;
  assert_int_equal(shell("%s -c 'import sys; print(sys.executable, end=\"\")' > %s", python, at("real")), 0);
  assert_non_null(f = fopen(at("real"), "r"));
  assert_non_null(fgets(real, sizeof real, f));
  fclose(f);
  snprintf(script, sizeof script, "#!/bin/sh\nWHICH=peers exec %s \"$@\"\n", real);
  write_text("peers/bin/python", script);
  snprintf(script, sizeof script, "#!/bin/sh\nWHICH=python3 exec %s \"$@\"\n", real);
  write_text("path/python3", script);
  assert_int_equal(shell("chmod +x %s %s", at("peers/bin/python"), at("path/python3")), 0);
  return real;
}

#define PEER "import os, sys\nNAME, VERSION = 'j', os.environ.get('WHICH', 'mine')\ndef supports(p): return True\n" \
             "def run(p, t): return {'y': t['x']}\n"
static void python_peers(void **state)
{
  (void)state;
  with_python();
  char *before = strdup(getenv("PATH")), *path = NULL;
  const char *real = make_pythons(); /* `python` may be the name that is found elsewhere below */
  assert_true(asprintf(&path, "%s:%s", at("path"), before) > 0);
  setenv("NORMATIVE_ADAPTERS_PY", root, 1);
  setenv("NORMATIVE_PEERS", at("nowhere"), 1);
  expect_peer(PEER, python, PASS, "j mine");
  expect_peer("import no_such_package\n" PEER, python, SKIP,
              "ModuleNotFoundError: No module named 'no_such_package' (jax_.py:1)");
  expect_peer("import sys\nsys.exit('jax 1 is installed, 2 is pinned')\n", python, SKIP, "jax 1 is installed, 2 is pinned");
  expect_peer(PEER, "/no/such/python", SKIP, "cannot start /no/such/python: No such file or directory");
  expect_peer("import os\nos.abort()\n", python, SKIP, "ended at its start, killed by SIGABRT");
  setenv("PATH", path, 1);
  expect_peer(PEER, NULL, PASS, "j python3");
  expect_peer("import no_such_package\n", NULL, SKIP, "No module named 'no_such_package' (jax_.py:1); make peers installs it");
  setenv("NORMATIVE_PEERS", at("peers"), 1);
  expect_peer(PEER, NULL, PASS, "j peers");
  expect_peer(PEER, real, PASS, "j mine");
  expect_peer(PEER "if VERSION == 'peers': sys.exit('jax is not installed: make peers')\n", NULL, PASS, "j python3");
  expect_peer(PEER "sys.exit('jax is not installed: make peers' if VERSION == 'peers' else 'nor here')\n", NULL, SKIP,
              "jax is not installed: make peers");
  expect_peer(PEER "if VERSION == 'peers': sys.exit('jax 1 is installed, 2 is pinned')\n", NULL, SKIP,
              "jax 1 is installed, 2 is pinned");
  setenv("PATH", before, 1);
  unsetenv("NORMATIVE_PEERS");
  unsetenv("NORMATIVE_ADAPTERS_PY");
  free(before);
  free(path);
}

/* Killed in the middle, it is started again; the cases before and after are not harmed. */
static void a_peer_that_is_killed(void **state)
{
  (void)state;
  struct implementation_options o = with_python();
  struct tensors out;
  setenv("NORMATIVE_ADAPTERS_PY", root, 1);
  write_text("jax_.py", PEER "import signal\nruns = []\ndef run(p, t):\n  runs.append(1)\n"
                        "  if len(runs) == 5: os.kill(os.getpid(), signal.SIGKILL)\n  return {'y': t['x']}\n");
  struct implementation *impl = open_it("jax", &o);
  for (int k = 1; k <= 8; ++k) { /* two runs a case */
    struct run_result r = run_it(impl, &out);
    assert_int_equal(r.verdict, k % 3 ? PASS : CRASH);
    assert_string_equal(r.reason, k % 3 ? "" : "ended without an answer, killed by SIGKILL");
    tensors_free(&out);
  }
  unlink(at("jax_.py"));
  implementation_close(impl);
  unsetenv("NORMATIVE_ADAPTERS_PY");
}

/* ---- clean-up ---- */

static void nothing_is_left(void **state)
{
  (void)state;
  assert_int_equal(shell("test -z \"$(find %s -mindepth 2)\"", scratch), 0);
}

/* A run that is ended by a signal takes its directories and its workers with it. */
static void a_signal_cleans_up(void **state)
{
  (void)state;
  char spec[512];
  int status;
  snprintf(spec, sizeof spec, "cmd:" GREETING "echo $$ > %s; read a; echo > %s; sleep 60", at("pid"), at("busy"));
  pid_t child = fork();
  if (!child) {
    struct tensors out;
    run_it(open_it(spec, &usual), &out);
    _exit(0);
  }
  for (int k = 0; k < 1000 && access(at("busy"), F_OK); ++k) usleep(10000);
  assert_int_equal(shell("test -n \"$(ls -d %s/normative-%d-*/case*)\"", scratch, (int)child), 0);
  kill(child, SIGTERM);
  waitpid(child, &status, 0);
  assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
  assert_int_equal(shell("test -z \"$(ls -d %s/normative-%d-* 2>/dev/null)\"", scratch, (int)child), 0);
  for (int k = 0; k < 100 && lives("pid"); ++k) usleep(10000);
  assert_false(lives("pid"));
}

static void an_exit_cleans_up(void **state)
{
  (void)state;
  pid_t child = fork();
  if (!child) {
    struct tensors out;
    struct run_result r;
    struct live_case c = {.name = "test", .p = &problem, .in = &in}; /* never done */
    static struct implementation *volatile impl; /* never closed */
    impl = open_it(at("misbehaving.so"), &usual);
    implementation_run(impl, &c, 0, &out, &r);
    tensors_free(&out);
    exit(shell("test -d %s", c.dir));
  }
  int status;
  waitpid(child, &status, 0);
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  assert_int_equal(shell("test -z \"$(ls -d %s/normative-%d-* 2>/dev/null)\"", scratch, (int)child), 0);
}

static void no_room_for_cases(void **state)
{
  (void)state;
  pid_t child = fork(); /* a process that has made no directory yet */
  if (!child) {
    setenv("NORMATIVE_SCRATCH", at("nowhere"), 1);
    struct implementation *impl = open_it(at("misbehaving.so"), &usual);
    struct tensors out;
    struct run_result r = run_it(impl, &out);
    bool right = r.verdict == SKIP && strstr(r.reason, "the case cannot be handed over: ") &&
                 strstr(r.reason, "nowhere: no directory for live cases can be made there: No such file or directory");
    _exit(right ? 0 : 1);
  }
  int status;
  waitpid(child, &status, 0);
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* A scratch place of 64 KiB, where one may be mounted: no case of 400 KiB gets through, a small one after it does. */
static void a_full_disk(void **state)
{
  (void)state;
  pid_t child = fork();
  if (!child) {
    mkdir(at("tiny"), 0777);
    if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        mount("none", at("tiny"), "tmpfs", 0, "size=64k"))
      _exit(77);
    setenv("NORMATIVE_SCRATCH", at("tiny"), 1);
    struct implementation *impl = open_it(at("misbehaving.so"), &usual);
    struct tensors out;
    tensors_free(&in);
    make_case(200, 500);
    struct run_result big = run_it(impl, &out);
    tensors_free(&in);
    make_case(2, 3);
    struct run_result small = run_it(impl, &out);
    tensors_free(&in);
    make_case(100, 100); /* the case fits, its result does not */
    struct run_result result = run_it(impl, &out);
    bool right = big.verdict == SKIP && strstr(big.reason, "x.npy: cannot be written: No space left on device") &&
                 small.verdict == PASS && result.verdict == SKIP &&
                 strstr(result.reason, "y.npy: cannot be written: No space left on device");
    if (!right) fprintf(stderr, "%s | %s | %s\n", big.reason, small.reason, result.reason);
    _exit(right ? 0 : 1);
  }
  int status;
  waitpid(child, &status, 0);
  assert_true(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) skip();
  assert_int_equal(WEXITSTATUS(status), 0);
}

/* Several at once, each with its own object: one crashes, one hangs, the others are right. */
static void *a_good_one(void *arg)
{
  for (int k = 0; k < 20; ++k) expect_right(arg);
  return NULL;
}
static void *a_crashing_one(void *arg)
{
  for (int k = 0; k < 20; ++k) expect(arg, CRASH, "ended without an answer, exited with status 1");
  return NULL;
}

static void several_at_once(void **state)
{
  (void)state;
  struct implementation *impl[4];
  pthread_t thread[4];
  for (int k = 0; k < 4; ++k) {
    impl[k] = open_it(k % 2 ? "cmd:" GREETING "read a; exit 1" : at("misbehaving.so"), &usual);
    assert_int_equal(pthread_create(&thread[k], NULL, k % 2 ? a_crashing_one : a_good_one, impl[k]), 0);
  }
  for (int k = 0; k < 4; ++k) pthread_join(thread[k], NULL);
  for (int k = 0; k < 4; ++k) implementation_close(impl[k]);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, set_up)
  const struct CMUnitTest tests[] = {
    TEST(the_c_template), TEST(the_python_template), TEST(timing), TEST(objects_that_do_not_load),
    TEST(objects_that_misbehave), TEST(one_that_prints), TEST(programs_that_do_not_start),
    TEST(programs_that_misbehave), TEST(one_that_stops_listening), TEST(children_die_too),
    TEST(a_program_that_behaves), TEST(talking_out_of_turn), TEST(one_that_stays_away), TEST(one_that_hangs),
    TEST(greetings), TEST(a_module_that_prepares), TEST(python_peers), TEST(a_peer_that_is_killed),
    TEST(modules_that_do_not_load), TEST(modules_that_misbehave), TEST(a_module_with_manners),
    TEST(a_module_that_saves_the_variance),
    TEST(the_worker_of_the_protocol), TEST(the_case_of_the_protocol), TEST(the_file_of_the_protocol),
    TEST(groups_expand), TEST(an_adapter_that_is_not_there), TEST(several_at_once), TEST(nothing_is_left),
    TEST(a_full_disk), TEST(a_signal_cleans_up), TEST(an_exit_cleans_up), TEST(no_room_for_cases)};
  return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
