/* SPDX-License-Identifier: Apache-2.0
   A kernel among guarded buffers. Each buffer, up to its end rounded up to 64 bytes, stands directly before a megabyte
   that nobody may touch, and another lies before it:

     no access | mark mark ... mark DATA mark | no access

   The mark is a signalling NaN with a payload of its own. It fills outputs before a run, so that an element which still
   has it was not written; what surrounds an output must still have it afterwards; and whoever reads the few bytes around
   an input gets NaN. Inputs are read-only pages. */
#define _GNU_SOURCE
#include "host.h"
#include "problem.h"
#include <dlfcn.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define GUARD ((size_t)1 << 20)
#define ALIGN ((size_t)64)
#define TWICE_BELOW 4096     /* elements: smaller cases are run twice */

struct guarded {
  const char *name;
  unsigned char *map;        /* NULL: absent */
  unsigned char *body, *end; /* accessible: whole pages */
  unsigned char *data;
  size_t bytes;
  uint64_t mark;
  bool read_only;
};

enum { WORKSPACE = SLOT_COUNT, BUFFERS };
struct call {
  const struct normative_plugin *plugin;
  struct normative_problem problem;
  const struct tensors *in;
  struct guarded buffer[BUFFERS];
  struct normative_tensors tensors;
  void *state;
  struct host_result *result;
};

/* Sets a verdict with its reason. Returns -1. */
__attribute__((format(printf, 3, 4))) static int verdict(struct host_result *r, enum host_status status,
                                                         const char *format, ...)
{
  va_list args;
  va_start(args, format);
  vsnprintf(r->reason, sizeof r->reason, format, args);
  va_end(args);
  r->status = status;
  return -1;
}

/* ---- one buffer ---- */

/* The mark of a type, repeated to 8 bytes: exponent all ones, quiet bit clear. */
static uint64_t mark_of(enum normative_type type)
{
  switch (type) {
  case NORMATIVE_F64: return 0x7ff4a5a5a5a5a5a5u;
  case NORMATIVE_F32: return 0x7fa5a5a57fa5a5a5u;
  case NORMATIVE_F16: return 0x7da57da57da57da5u;
  default: return 0x7fa57fa57fa57fa5u;
  }
}

static void fill(unsigned char *from, unsigned char *to, uint64_t mark)
{
  for (; from < to; from += sizeof mark) memcpy(from, &mark, sizeof mark);
}

static int guard_make(struct guarded *g, const char *name, size_t bytes, uint64_t mark)
{
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  size_t padded = (bytes + ALIGN - 1) / ALIGN * ALIGN, body = (padded + ALIGN + page - 1) / page * page;
  void *map = bytes > SIZE_MAX / 2 ? MAP_FAILED
                                   : mmap(NULL, body + 2 * GUARD, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED) return -1;
  *g = (struct guarded){.name = name, .map = map, .bytes = bytes, .mark = mark};
  g->body = g->map + GUARD;
  g->end = g->body + body;
  g->data = g->end - padded;
  if (mprotect(g->body, body, PROT_READ | PROT_WRITE)) return -1;
  fill(g->body, g->end, mark);
  return 0;
}

static void guard_seal(struct guarded *g)
{
  g->read_only = !mprotect(g->body, (size_t)(g->end - g->body), PROT_READ);
}

static void guard_free(struct guarded *g)
{
  if (g->map) munmap(g->map, (size_t)(g->end - g->body) + 2 * GUARD);
}

/* Does the mark still surround the data? */
static bool guard_intact(const struct guarded *g)
{
  unsigned char want[sizeof g->mark];
  memcpy(want, &g->mark, sizeof want);
  for (const unsigned char *b = g->body; b < g->data; ++b)
    if (*b != want[(b - g->body) % sizeof want]) return false;
  for (const unsigned char *b = g->data + g->bytes; b < g->end; ++b)
    if (*b != want[(b - g->body) % sizeof want]) return false;
  return true;
}

/* ---- faults, told by a worker before it dies ---- */

static struct call *volatile running; /* what the handler looks at; set only where host_report_faults was called */
static int report_fd = -1;

static const char *fault_of(const struct guarded *g, const unsigned char *at)
{
  if (at < g->body) return "read or wrote before the start of ";
  if (at >= g->end) return "read or wrote past the end of ";
  if (at < g->data) return "wrote before the start of "; /* a readable page: it can only have been written to */
  return at < g->data + g->bytes ? "wrote to its input " : "wrote past the end of ";
}

static void tell(const char *what, const char *name)
{
  char line[128];
  char *end = stpcpy(stpcpy(stpcpy(stpcpy(line, "fault\t"), what), name), "\n");
  ssize_t ignored = write(report_fd, line, (size_t)(end - line));
  (void)ignored;
}

static void on_fault(int number, siginfo_t *info, void *context)
{
  (void)context;
  signal(number, SIG_DFL); /* on return the instruction faults again, and ends the process as it should */
  const unsigned char *at = info->si_addr;
  for (int k = 0; running && k < BUFFERS; ++k) {
    const struct guarded *g = &running->buffer[k];
    if (!g->map || at < g->map || at >= g->end + GUARD) continue;
    tell(fault_of(g, at), g->name);
    return;
  }
}

void host_report_faults(int fd)
{
  static char stack[65536]; /* a kernel may have used up its own */
  stack_t alternative = {.ss_sp = stack, .ss_size = sizeof stack};
  struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  report_fd = fd;
  sigaltstack(&alternative, NULL);
  sigaction(SIGSEGV, &action, NULL);
  sigaction(SIGBUS, &action, NULL);
}

/* ---- the buffers of a call ---- */

/* The fields of struct normative_tensors stand in the order of enum slot. */
static void set_field(struct normative_tensors *t, int slot, void *data)
{
  _Static_assert(offsetof(struct normative_tensors, variance) ==
                   offsetof(struct normative_tensors, x) + SLOT_VARIANCE * sizeof(void *), "order of slots");
  memcpy((char *)t + offsetof(struct normative_tensors, x) + (size_t)slot * sizeof data, &data, sizeof data);
}

static bool is_wanted(const struct call *c, int slot)
{
  return slot_is_output(&c->problem, slot) && (slot_output_bit(slot) & c->plugin->outputs);
}

static int buffers_make(struct call *c)
{
  c->tensors.size = sizeof c->tensors;
  for (int s = 0; s < SLOT_COUNT; ++s) {
    bool output = slot_is_output(&c->problem, s);
    if (output ? !is_wanted(c, s) : !slot_is_input(&c->problem, s)) continue;
    struct tensor shape = slot_shape(&c->problem, s);
    struct guarded *g = &c->buffer[s];
    if (guard_make(g, slot_name[s], shape.count * type_size(shape.type), mark_of(shape.type)))
      return verdict(c->result, HOST_SKIP, "no memory for %s: %s", slot_name[s], strerror(errno));
    set_field(&c->tensors, s, g->data);
    if (output) continue;
    memcpy(g->data, c->in->t[s].data, g->bytes);
    guard_seal(g);
  }
  return 0;
}

static int workspace_make(struct call *c, uint64_t bytes)
{
  struct guarded *g = &c->buffer[WORKSPACE];
  if (!bytes || !guard_make(g, "workspace", bytes, mark_of(NORMATIVE_F64))) return 0;
  return verdict(c->result, HOST_FAIL, "asked for a workspace of %llu bytes: %s", (unsigned long long)bytes,
                 strerror(ENOMEM));
}

/* Outputs get the mark, running statistics their old values; the workspace gets `scratch`, another each time. */
static void arm(struct call *c, uint64_t scratch)
{
  for (int s = 0; s < SLOT_COUNT; ++s) {
    struct guarded *g = &c->buffer[s];
    if (!g->map || g->read_only) continue;
    fill(g->body, g->end, g->mark);
    if (slot_is_input(&c->problem, s)) memcpy(g->data, c->in->t[s].data, g->bytes);
  }
  struct guarded *w = &c->buffer[WORKSPACE];
  if (w->map) fill(w->data, w->data + w->bytes / 8 * 8, scratch);
}

/* ---- after a run ---- */

static int check_marks(struct call *c)
{
  for (int k = 0; k < BUFFERS; ++k) {
    const struct guarded *g = &c->buffer[k];
    if (g->map && !g->read_only && !guard_intact(g)) return verdict(c->result, HOST_FAIL, "wrote outside of %s", g->name);
  }
  return 0;
}

static int check_written(struct call *c, int slot)
{
  const struct guarded *g = &c->buffer[slot];
  size_t size = type_size(slot_shape(&c->problem, slot).type), unwritten = 0, first = 0;
  for (size_t i = 0; i < g->bytes / size; ++i)
    if (!memcmp(g->data + i * size, &g->mark, size) && !unwritten++) first = i;
  if (!unwritten) return 0;
  if (unwritten == 1) return verdict(c->result, HOST_FAIL, "%s[%zu] was not written", g->name, first);
  return verdict(c->result, HOST_FAIL, "%s[%zu] and %zu more were not written", g->name, first, unwritten - 1);
}

static int collect(struct call *c, struct tensors *out)
{
  struct error e;
  for (int s = 0; s < SLOT_COUNT; ++s) {
    if (!is_wanted(c, s)) continue;
    if (check_written(c, s)) return -1;
    if (tensor_alloc(&out->t[s], &c->problem, s, &e)) return verdict(c->result, HOST_SKIP, "%s", e.text);
    memcpy(out->t[s].data, c->buffer[s].data, c->buffer[s].bytes);
  }
  return 0;
}

/* The same bits again; all NaNs count as one. */
static int compare(struct call *c, const struct tensors *first)
{
  for (int s = 0; s < SLOT_COUNT; ++s) {
    const struct tensor *a = &first->t[s];
    struct tensor b = *a;
    size_t size = a->data ? type_size(a->type) : 0;
    b.data = c->buffer[s].data;
    for (size_t i = 0; a->data && i < a->count; ++i) {
      if (!memcmp((char *)a->data + i * size, (char *)b.data + i * size, size)) continue;
      if (isnan(tensor_get(a, i)) && isnan(tensor_get(&b, i))) continue;
      return verdict(c->result, HOST_FAIL, "two runs on the same input gave different bits: %s[%zu] %a, then %a",
                     slot_name[s], i, tensor_get(a, i), tensor_get(&b, i));
    }
  }
  return 0;
}

/* ---- running ---- */

static int returned(struct call *c, const char *what, int code)
{
  return code ? verdict(c->result, HOST_FAIL, "%s returned %d", what, code) : 0;
}

static int run_once(struct call *c, uint64_t scratch)
{
  const struct normative_plugin *k = c->plugin;
  arm(c, scratch);
  if (k->import_tensors && returned(c, "import_tensors", k->import_tensors(c->state, &c->tensors))) return -1;
  if (returned(c, "run", k->run(c->state, &c->tensors, c->buffer[WORKSPACE].data))) return -1;
  if (k->export_tensors && returned(c, "export_tensors", k->export_tensors(c->state, &c->tensors))) return -1;
  return check_marks(c);
}

static double now(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The median of `iterations` runs on resident buffers; what was judged was the warm-up. */
static int run_timed(struct call *c, int iterations)
{
  double *seconds = malloc((size_t)iterations * sizeof *seconds);
  if (!seconds) return verdict(c->result, HOST_SKIP, "no memory for %d timings", iterations);
  int bad = 0;
  for (int i = 0; i < iterations && !bad; ++i) {
    double start = now();
    bad = c->plugin->run(c->state, &c->tensors, c->buffer[WORKSPACE].data);
    seconds[i] = now() - start;
  }
  qsort(seconds, (size_t)iterations, sizeof *seconds, ascending);
  c->result->seconds = seconds[iterations / 2];
  free(seconds);
  return returned(c, "run", bad) || check_marks(c) ? -1 : 0;
}

static int drive(struct call *c, struct tensors *out, const struct host_options *o)
{
  uint64_t bytes = 0;
  int code = c->plugin->open(&c->problem, o->threads > 0 ? o->threads : 1, &c->state, &bytes);
  if (returned(c, "open", code)) return -1;
  int bad = workspace_make(c, bytes) || run_once(c, ~(uint64_t)0) || collect(c, out);
  if (!bad && problem_elements(&c->problem) < TWICE_BELOW) bad = run_once(c, 0) || compare(c, out);
  if (!bad && o->iterations > 0) bad = run_timed(c, o->iterations);
  c->plugin->close(c->state);
  return bad ? -1 : check_marks(c);
}

void host_run(const struct normative_plugin *plugin, const struct normative_problem *p, const struct tensors *in,
              struct tensors *out, const struct host_options *options, struct host_result *r)
{
  struct call c = {.plugin = plugin, .problem = *p, .in = in, .result = r};
  c.problem.size = sizeof c.problem;
  *r = (struct host_result){.status = HOST_OK};
  memset(out, 0, sizeof *out);
  const char *why = plugin->supports(&c.problem);
  if (why) {
    verdict(r, HOST_SKIP, "%s", *why ? why : "declined without a reason");
    return;
  }
  if (report_fd >= 0) running = &c;
  int bad = buffers_make(&c) || drive(&c, out, options);
  running = NULL;
  for (int k = 0; k < BUFFERS; ++k) guard_free(&c.buffer[k]);
  if (bad) tensors_free(out);
}

/* ---- shared objects ---- */

static int check_plugin(const char *path, const struct normative_plugin *k, struct error *e)
{
  if (!k) return fail(e, "%s: normative_plugin() returned NULL", path);
  if (k->abi != NORMATIVE_ABI)
    return fail(e, "%s: is built for version %u of the plug-in ABI, wanted %u", path, k->abi, NORMATIVE_ABI);
  if (k->size < offsetof(struct normative_plugin, reserved))
    return fail(e, "%s: its struct normative_plugin has size %llu, wanted %zu", path, (unsigned long long)k->size,
                sizeof *k);
  if (!k->name || !*k->name || !k->version) return fail(e, "%s: its struct normative_plugin has no name or no version", path);
  const char *missing = !k->supports ? "supports" : !k->open ? "open" : !k->run ? "run" : !k->close ? "close" : NULL;
  if (missing) return fail(e, "%s: its struct normative_plugin has no %s()", path, missing);
  if (!(k->outputs & NORMATIVE_OUT_Y)) return fail(e, "%s: its outputs lack NORMATIVE_OUT_Y", path);
  return 0;
}

int plugin_load(const char *path, void **handle, const struct normative_plugin **plugin, struct error *e)
{
  char slashed[4096];
  *handle = NULL;
  snprintf(slashed, sizeof slashed, "%s%s", strchr(path, '/') ? "" : "./", path); /* never searched for in the system */
  if (access(slashed, R_OK)) return fail(e, "%s: %s", path, strerror(errno));
  *handle = dlopen(slashed, RTLD_NOW | RTLD_LOCAL);
  if (!*handle) return fail(e, "%s: does not load: %s", path, dlerror());
  const struct normative_plugin *(*entry)(void);
  *(void **)&entry = dlsym(*handle, "normative_plugin");
  if (!entry) fail(e, "%s: has no function normative_plugin()", path);
  else if (!check_plugin(path, *plugin = entry(), e)) return 0;
  dlclose(*handle);
  *handle = NULL;
  return -1;
}
