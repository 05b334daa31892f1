/* SPDX-License-Identifier: Apache-2.0
   What a specification names, and how a case reaches it: built-in kernels by a call among guarded buffers, everything
   foreign in a worker process of its own, whose every way to misbehave is a verdict with a reason. */
#include "implementation.h"
#include "builtin.h"
#include "process.h"
#include "scratch.h"
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define START_LIMIT_S 60.0 /* a large Python package may take this long to import */
#define STARTS_MAX 3       /* failed starts in a row, then no more are tried */
#define TIMEOUTS_MAX 5     /* in a row, then no more cases are tried */
#define ARGUMENTS 4

struct implementation {
  char *spec, *name, *version, *preset, *documented; /* preset, documented NULL: none declared */
  struct implementation_options o;
  const struct normative_plugin *plugin; /* in this process; else NULL */
  void *handle;
  char *argv[ARGUMENTS];                 /* of the worker */
  bool is_python;                        /* the worker is worker.py */
  struct process worker;
  int failed_starts, timeouts;           /* in a row */
  char absent[256];                      /* why a peer cannot run: every case is skipped with it */
};

__attribute__((format(printf, 3, 4))) static void set(struct run_result *r, enum verdict verdict, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  vsnprintf(r->reason, sizeof r->reason, format, args);
  va_end(args);
  r->verdict = verdict;
}

/* ---- where our own files are: as the environment says, relative to the running program in build/bin or build/tests, or in
   the source tree that it was built from ---- */

#define SOURCE_TREE NORMATIVE_DATA_DIR "/../.."

static void own_path(char out[4096], const char *variable, const char *const candidates[])
{
  const char *given = getenv(variable);
  char self[2048];
  if (given && *given) {
    snprintf(out, 4096, "%s", given);
    return;
  }
  ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
  self[n > 0 ? n : 0] = 0;
  char *slash = strrchr(self, '/');
  if (slash) *slash = 0;
  for (int k = 0; candidates[k]; ++k) {
    if (*candidates[k] == '/') snprintf(out, 4096, "%s", candidates[k]);
    else snprintf(out, 4096, "%s/%s", self, candidates[k]);
    if (!access(out, F_OK)) return;
  }
}

static void worker_path(char out[4096])
{
  own_path(out, "NORMATIVE_WORKER", (const char *[]){"normative-worker", "../bin/normative-worker", NULL});
}
static void python_worker_path(char out[4096])
{
  own_path(out, "NORMATIVE_WORKER_PY",
           (const char *[]){"../../conformance/worker.py", SOURCE_TREE "/conformance/worker.py", NULL});
}
static void adapter_path(char out[4096], const char *name)
{
  char dir[4096];
  own_path(dir, "NORMATIVE_ADAPTERS", (const char *[]){"adapters", "../lib/adapters", NULL});
  if (snprintf(out, 4096, "%s/%s.so", dir, name) >= 4096) *out = 0;
}
static void python_adapter_path(char out[4096], const char *name)
{
  char dir[4096];
  own_path(dir, "NORMATIVE_ADAPTERS_PY",
           (const char *[]){"../../conformance/adapters", SOURCE_TREE "/conformance/adapters", NULL});
  if (snprintf(out, 4096, "%s/%s_.py", dir, name) >= 4096) *out = 0;
}

/* The interpreter of the virtual environment that `make peers` made; "" if there is none. */
static void peers_python(char out[4096])
{
  char dir[4096];
  own_path(dir, "NORMATIVE_PEERS", (const char *[]){"../../.peers", SOURCE_TREE "/.peers", NULL});
  if (snprintf(out, 4096, "%s/bin/python", dir) >= 4096 || access(out, X_OK)) *out = 0;
}

/* ---- what a specification means ---- */

static const struct adapter { const char *name, *made_by; bool python; } adapters[] = {
  {"onednn", "make adapters, which needs libdnnl-dev", false}, {"onednn3", "make peers", false},
  {"onnxruntime", "make peers", true}, {"jax", "make peers", true}, {"openvino", "make peers", true},
  {"ncnn", "make peers", true},
  {"torch", "make peers PEERS=all", true}, {"tensorflow", "make peers PEERS=all", true},
  {"keras", "make peers PEERS=all", true}, {"flax", "make peers PEERS=all", true}, {0}};
static const char *const built_in_groups[] = {"reference", "optimized", "specimens", NULL};

static bool is_in(const char *const list[], const char *word)
{
  for (; *list; ++list)
    if (!strcmp(*list, word)) return true;
  return false;
}

static const struct adapter *adapter_by_name(const char *name)
{
  for (const struct adapter *a = adapters; a->name; ++a)
    if (!strcmp(a->name, name)) return a;
  return NULL;
}

static bool ends_with(const char *text, const char *end)
{
  size_t n = strlen(text), k = strlen(end);
  return n > k && !strcmp(text + n - k, end);
}

static int append_name(const char *name, void *arg)
{
  char *list = arg;
  size_t used = strlen(list);
  snprintf(list + used, 512 - used, "%s%s", used ? ", " : "", name);
  return 0;
}

static int unknown(struct error *e)
{
  char list[512] = "";
  for (int k = 0; built_in_groups[k]; ++k) builtin_group(built_in_groups[k], append_name, list);
  for (int k = 0; adapters[k].name; ++k) append_name(adapters[k].name, list);
  return fail(e, "no such implementation: neither one of %s, nor KERNEL.so, MODULE.py, python:MODULE or cmd:PROGRAM",
              list);
}

static int set_argv(struct implementation *impl, const char *const argv[])
{
  for (int k = 0; argv[k]; ++k)
    if (!(impl->argv[k] = strdup(argv[k]))) return -1;
  return 0;
}

static void free_argv(struct implementation *impl)
{
  for (int k = 0; k < ARGUMENTS; ++k) {
    free(impl->argv[k]);
    impl->argv[k] = NULL;
  }
}

static int set_python(struct implementation *impl, const char *python, const char *module)
{
  char worker[4096];
  python_worker_path(worker);
  free_argv(impl);
  impl->is_python = true;
  return set_argv(impl, (const char *[]){python, worker, module, NULL});
}

/* Fills impl->argv, or impl->plugin for what runs in this process. */
static int interpret(struct implementation *impl, struct error *e)
{
  char path[4096], worker[4096];
  const char *spec = impl->spec, *python = impl->o.python ? impl->o.python : "python3";
  const struct adapter *adapter = adapter_by_name(spec);
  impl->plugin = builtin_find(spec);
  if (impl->plugin) return 0;
  if (!strncmp(spec, "cmd:", 4)) return set_argv(impl, (const char *[]){"sh", "-c", spec + 4, NULL});
  if (!strncmp(spec, "python:", 7)) return set_python(impl, python, spec + 7);
  if (adapter && adapter->python) return 0; /* start_peer finds an interpreter */
  if (ends_with(spec, ".py")) return access(spec, R_OK) ? fail(e, "%s", strerror(errno)) : set_python(impl, python, spec);
  snprintf(path, sizeof path, "%s", spec);
  if (adapter) {
    adapter_path(path, spec);
    if (access(path, R_OK)) {
      snprintf(impl->absent, sizeof impl->absent, "its adapter was not built: %s", adapter->made_by);
      return 0;
    }
  } else if (!ends_with(spec, ".so") && !strchr(spec, '/')) return unknown(e);
  if (impl->o.in_process) return plugin_load(path, &impl->handle, &impl->plugin, e);
  worker_path(worker);
  return set_argv(impl, (const char *[]){worker, path, NULL});
}

int implementation_expand(const char *spec, int (*each)(const char *spec, void *arg), void *arg, struct error *e)
{
  (void)e;
  if (is_in(built_in_groups, spec)) return builtin_group(spec, each, arg);
  if (strcmp(spec, "peers")) return each(spec, arg);
  int code = 0;
  for (int k = 0; adapters[k].name && !code; ++k) code = each(adapters[k].name, arg);
  return code;
}

/* ---- a worker's life ---- */

/* The first 60 characters of a line that should not have been. */
static void quote(char out[64], const char *line)
{
  size_t k = 0;
  for (; k < 60 && line[k]; ++k) out[k] = line[k] < ' ' || line[k] > '~' ? '?' : line[k];
  out[k] = 0;
}

/* Ends the worker; `why` becomes WHAT, how it ended, what it last wrote to standard error. */
static void stop_worker(struct implementation *impl, const char *what, char why[256])
{
  char how[64];
  pid_t pid = impl->worker.pid;
  process_stop(&impl->worker, how, sizeof how);
  scratch_unwatch(pid);
  const char *said = impl->worker.said;
  snprintf(why, 256, "%s%s%s%s%.100s", what, *what && *how ? ", " : "", how, *said ? ": " : "", said);
}

/* The next field of a greeting; NULL: there is none, or it is empty. */
static char *next_field(char **rest)
{
  char *field = strsep(rest, "\t");
  return field && *field ? field : NULL;
}

/* normative-worker 1<TAB>NAME<TAB>VERSION[<TAB>PRESET[<TAB>DOCUMENTED]] */
static int read_greeting(struct implementation *impl, char *line, struct error *e)
{
  char text[64], *rest = line + 19;
  quote(text, line);
  if (!strncmp(line, "error\t", 6)) return fail(e, "%s", line + 6);
  if (strncmp(line, "normative-worker ", 17))
    return fail(e, "broke the protocol: its greeting is '%s'", text);
  if (strncmp(line + 17, "1\t", 2)) return fail(e, "broke the protocol: version 1 was expected in '%s'", text);
  char *name = next_field(&rest), *version = next_field(&rest), *preset = next_field(&rest), *documented = next_field(&rest);
  if (!name || !version) return fail(e, "broke the protocol: no name or no version in '%s'", text);
  if (impl->name) return 0; /* started anew */
  impl->name = strdup(name);
  impl->version = strdup(version);
  impl->preset = preset ? strdup(preset) : NULL;
  impl->documented = preset && documented ? strdup(documented) : NULL;
  return impl->name && impl->version ? 0 : fail(e, "no memory");
}

static int start_worker(struct implementation *impl, struct error *e)
{
  char line[LINE_LENGTH], why[256];
  struct error inner;
  double limit = impl->o.timeout_s > START_LIMIT_S ? impl->o.timeout_s : START_LIMIT_S;
  if (process_start(&impl->worker, impl->argv, impl->o.threads, e)) return -1;
  scratch_watch(impl->worker.pid);
  switch (process_hear(&impl->worker, line, limit, impl->o.memory_bytes)) {
  case SAID_LINE:
    if (!read_greeting(impl, line, &inner)) return 0;
    stop_worker(impl, "", why);
    return fail(e, "%s", inner.text);
  case SAID_TOO_LONG:
    stop_worker(impl, "", why);
    return fail(e, "broke the protocol: its greeting is a line of more than %d bytes", LINE_LENGTH);
  case SAID_TIMEOUT: stop_worker(impl, "said nothing after its start", why); break;
  case SAID_MEMORY: stop_worker(impl, "used too much memory at its start", why); break;
  default: stop_worker(impl, "ended at its start", why);
  }
  return fail(e, "%s", why);
}

/* Makes sure that a worker waits for a case. */
static int ready_worker(struct implementation *impl, struct run_result *r)
{
  struct error e;
  char line[LINE_LENGTH], text[64], why[256];
  if (impl->worker.pid && process_has_said(&impl->worker)) {
    line[0] = 0;
    process_hear(&impl->worker, line, 0, 0);
    quote(text, line);
    stop_worker(impl, "", why);
    set(r, FAIL, "broke the protocol: it said '%s' without being asked", text);
    return -1;
  }
  if (impl->worker.pid && impl->worker.out < 0) stop_worker(impl, "", why); /* it left after its last answer */
  if (impl->worker.pid) return 0;
  if (impl->failed_starts < STARTS_MAX) {
    if (!start_worker(impl, &e)) {
      impl->failed_starts = 0;
      return 0;
    }
    ++impl->failed_starts;
    set(r, CRASH, "cannot be started again: %s", e.text);
  } else set(r, CRASH, "given up after %d failed starts", STARTS_MAX);
  return -1;
}

/* ---- a case ---- */

static int write_case(struct live_case *c, const struct wishes *w, struct error *e)
{
  if (*c->dir && c->wishes.threads == w->threads && c->wishes.iterations == w->iterations) return 0;
  if (!*c->dir && scratch_make(c->dir, "case", e)) return -1;
  c->wishes = *w;
  if (!casedir_write(c->dir, c->name, c->p, c->in, NULL, w, e)) return 0;
  live_case_done(c);
  return -1;
}

void live_case_done(struct live_case *c)
{
  scratch_remove(c->dir);
  *c->dir = 0;
}

/* Without the live directory, which tells nobody anything; and a Python kernel returned y, it wrote no y.npy. */
static void set_bad_result(struct run_result *r, const char *dir, const char *text, bool python)
{
  size_t n = strlen(dir);
  const char *own = strncmp(text, dir, n) ? text : text + n + 1, *file = strstr(own, ".npy: ");
  if (python && file) set(r, FAIL, "%.*s: %s", (int)(file - own), own, file + 6);
  else set(r, FAIL, "%s", own);
}

/* The result that an `ok` promises. */
static void read_result(const char *dir, const struct normative_problem *p, bool python, struct tensors *out,
                        struct run_result *r)
{
  struct error e;
  enum slot y = p->direction == NORMATIVE_BACKWARD ? SLOT_DX : SLOT_Y;
  if (result_read(dir, p, out, &e)) set_bad_result(r, dir, e.text, python);
  else if (!out->t[y].data) {
    tensors_free(out);
    set(r, FAIL, "said ok, but wrote no %s.npy", slot_name[y]);
  }
}

/* ok | ok<TAB>SECONDS | skip<TAB>REASON | fail<TAB>REASON | fault<TAB>REASON */
static void read_answer(struct implementation *impl, char *line, const char *dir, const struct normative_problem *p,
                        struct tensors *out, struct run_result *r)
{
  char text[64], why[256], *end = line, *tab = strchr(line, '\t');
  quote(text, line);
  if (tab) *tab++ = 0;
  if (!strcmp(line, "ok")) {
    if (tab) r->seconds = strtod(tab, &end);
    if (!tab || (end != tab && !*end && r->seconds >= 0)) {
      read_result(dir, p, impl->is_python, out, r);
      return;
    }
  } else if (tab && !strcmp(line, "skip")) {
    set(r, SKIP, "%s", tab);
    return;
  } else if (tab && !strcmp(line, "fail")) {
    set(r, FAIL, "%s", tab);
    return;
  } else if (tab && !strcmp(line, "fault")) {
    stop_worker(impl, "", why);
    set(r, FAIL, "%s", tab);
    return;
  }
  stop_worker(impl, "", why);
  set(r, FAIL, "broke the protocol: '%s'", text);
}

static void hear_answer(struct implementation *impl, const char *dir, const struct normative_problem *p,
                        struct tensors *out, struct run_result *r)
{
  char line[LINE_LENGTH], what[64], why[256];
  enum verdict verdict = CRASH;
  switch (process_hear(&impl->worker, line, impl->o.timeout_s, impl->o.memory_bytes)) {
  case SAID_LINE: read_answer(impl, line, dir, p, out, r); return;
  case SAID_TOO_LONG:
    quote(what, line);
    stop_worker(impl, "", why);
    set(r, FAIL, "broke the protocol: '%s...'", what);
    return;
  case SAID_TIMEOUT:
    verdict = TIMEOUT;
    snprintf(what, sizeof what, "no answer within %g s", impl->o.timeout_s);
    break;
  case SAID_MEMORY: snprintf(what, sizeof what, "used more than %zu MiB", impl->o.memory_bytes >> 20); break;
  default: snprintf(what, sizeof what, "ended without an answer");
  }
  stop_worker(impl, what, why);
  set(r, verdict, "%s", why);
}

static void run_worker(struct implementation *impl, struct live_case *c, int iterations, struct tensors *out,
                       struct run_result *r)
{
  struct error e;
  char dir[SCRATCH_PATH] = "", request[2 * SCRATCH_PATH + 4];
  struct wishes wishes = {.threads = impl->o.threads, .iterations = iterations};
  if (impl->timeouts >= TIMEOUTS_MAX) { /* it hangs: no more waiting, case after case */
    set(r, TIMEOUT, "given up after %d timeouts in a row", TIMEOUTS_MAX);
    return;
  }
  if (ready_worker(impl, r)) return;
  if (write_case(c, &wishes, &e) || scratch_make(dir, "result", &e)) {
    set(r, SKIP, "the case cannot be handed over: %s", e.text);
    return;
  }
  impl->worker.said[0] = impl->worker.part[0] = 0;
  snprintf(request, sizeof request, "%s\t%s\n", c->dir, dir);
  process_say(&impl->worker, request, impl->o.timeout_s);
  hear_answer(impl, dir, c->p, out, r);
  impl->timeouts = r->verdict == TIMEOUT ? impl->timeouts + 1 : 0;
  scratch_remove(dir);
}

static void run_here(struct implementation *impl, struct live_case *c, int iterations, struct tensors *out,
                     struct run_result *r)
{
  static const enum verdict verdicts[] = {[HOST_OK] = PASS, [HOST_SKIP] = SKIP, [HOST_FAIL] = FAIL};
  struct host_options options = {.threads = impl->o.threads, .iterations = iterations};
  struct host_result h;
  host_run(impl->plugin, c->p, c->in, out, &options, &h);
  set(r, verdicts[h.status], "%s", h.reason);
  r->seconds = h.seconds;
}

const char *implementation_declines(const struct implementation *impl, const struct normative_problem *p)
{
  const char *why = *impl->absent ? impl->absent : impl->plugin ? impl->plugin->supports(p) : NULL;
  return why && !*why ? "declined without a reason" : why;
}

void implementation_run(struct implementation *impl, struct live_case *c, int iterations, struct tensors *out,
                        struct run_result *r)
{
  memset(out, 0, sizeof *out);
  *r = (struct run_result){.verdict = PASS};
  if (*impl->absent) set(r, SKIP, "%s", impl->absent);
  else if (impl->plugin) run_here(impl, c, iterations, out, r);
  else run_worker(impl, c, iterations, out, r);
}

/* ---- opening and closing ---- */

static int start_python(struct implementation *impl, const char *python, const char *module)
{
  struct error e = {"no memory"};
  if (!set_python(impl, python, module) && !start_worker(impl, &e)) return 0;
  snprintf(impl->absent, sizeof impl->absent, "%.250s", e.text);
  return -1;
}

/* Starts a Python peer: with the interpreter the user named; else with that of `make peers`, and python3 where a package is not
   installed there. Why it cannot be had goes to impl->absent. */
static int start_peer(struct implementation *impl, const struct adapter *adapter)
{
  char module[4096], python[4096], why[sizeof impl->absent];
  python_adapter_path(module, adapter->name);
  if (impl->o.python) return start_python(impl, impl->o.python, module);
  peers_python(python);
  if (*python) {
    if (!start_python(impl, python, module)) return 0;
    if (!strstr(impl->absent, "is not installed")) return -1;
  }
  memcpy(why, impl->absent, sizeof why);
  if (!start_python(impl, "python3", module)) {
    *impl->absent = 0;
    return 0;
  }
  if (*python) memcpy(impl->absent, why, sizeof why);
  else {
    memcpy(why, impl->absent, sizeof why);
    snprintf(impl->absent, sizeof impl->absent, "%.200s; %s installs it", why, adapter->made_by);
  }
  return -1;
}

/* Who it is: of the plug-in here, of the worker that is started, or of a peer that is not there. */
static int introduce(struct implementation *impl, struct error *e)
{
  const struct adapter *adapter = adapter_by_name(impl->spec);
  if (adapter && adapter->python) {
    if (!start_peer(impl, adapter)) return 0;
  } else if (!impl->plugin && !*impl->absent) {
    if (!start_worker(impl, e)) return 0;
    if (!adapter) return -1;
    snprintf(impl->absent, sizeof impl->absent, "%.250s", e->text);
  }
  const struct normative_plugin *k = impl->plugin;
  impl->name = strdup(k ? k->name : impl->spec);
  impl->version = strdup(k ? k->version : "");
  impl->preset = k && k->preset ? strdup(k->preset) : NULL;
  return impl->name && impl->version ? 0 : fail(e, "no memory");
}

int implementation_open(const char *spec, const struct implementation_options *o, struct implementation **impl,
                        struct error *e)
{
  struct error inner = {""};
  struct implementation *i = calloc(1, sizeof *i);
  *impl = NULL;
  if (!i || !(i->spec = strdup(spec))) {
    free(i);
    return fail(e, "%s: no memory", spec);
  }
  i->o = *o;
  if (i->o.threads < 1) i->o.threads = 1;
  if (!(i->o.timeout_s > 0)) i->o.timeout_s = START_LIMIT_S;
  if (interpret(i, &inner) || introduce(i, &inner)) {
    size_t n = strlen(spec); /* whoever reports it names the specification */
    implementation_close(i);
    return fail(e, "%s", !strncmp(inner.text, spec, n) && inner.text[n] == ':' ? inner.text + n + 2 : inner.text);
  }
  *impl = i;
  return 0;
}

void implementation_close(struct implementation *impl)
{
  char why[256];
  if (!impl) return;
  if (impl->worker.pid) stop_worker(impl, "", why);
  if (impl->handle) dlclose(impl->handle);
  free_argv(impl);
  free(impl->spec);
  free(impl->name);
  free(impl->version);
  free(impl->preset);
  free(impl->documented);
  free(impl);
}

const char *implementation_name(const struct implementation *impl) { return impl->name; }
const char *implementation_version(const struct implementation *impl) { return impl->version; }
const char *implementation_preset(const struct implementation *impl) { return impl->preset; }
const char *implementation_documented(const struct implementation *impl) { return impl->documented; }
const char *implementation_spec(const struct implementation *impl) { return impl->spec; }
