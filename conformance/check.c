/* SPDX-License-Identifier: Apache-2.0
   normative check: every selected case, through the oracle once, through every implementation, to the judge. */
#include "command.h"
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct check {
  struct selection s;
  struct implementation_options o;
  struct plan plan;
  const char **spec;            /* what to check, groups expanded */
  const char **name, **version; /* of each, once opened */
  const char **preset;          /* that each is judged against */
  size_t specs;
  const char *require, *json, *junit;
  struct known known;
  bool strict_range, cases_given, misused;
  int jobs;
  struct implementation ***impl; /* [job][spec]; NULL where it could not be opened */
  struct records records;        /* [case][spec], in order */
  enum slot output;              /* the only one to be judged; SLOT_X: all */
  size_t done;
};

static void help(void)
{
  puts("usage: normative check IMPLEMENTATION... [OPTION...]\n\n"
       "IMPLEMENTATION is reference, optimized, specimens (all of them) or one by name, peers (all found) or onednn,\n"
       "./kernel.so (plug-in ABI), ./kernel.py or python:MODULE (Python mirror), 'cmd:PROGRAM ARG...' (worker protocol).\n\n"
       SELECTION_HELP
       "  --input DIR           your own tensors: a case directory, or a tree of them, in place of the sweep\n"
       "  --require PRESET      what to judge against (f32-stable), or 'declared': what each implementation claims\n"
       "  --strict-range        a result outside of a preset's range is a failure\n"
       "  --output NAME         judge this output only: y, mean, rstd, running_mean, dx, dgamma, ... (all)\n"
       "  --known FILE          accepted failures, lines IMPLEMENTATION CASE (globs)\n"
       "  --json FILE           result records, one JSON object a line (- is standard output)\n"
       "  --junit FILE          JUnit XML\n"
       "  -j N                  cases judged at the same time (all cores)\n"
       "  --threads N           threads offered to a kernel (1)\n"
       "  --timeout SECONDS     for one case (30)      --memory MIB   for one worker (8192)\n"
       "  --python PROGRAM      interpreter for Python modules and peers (python3; for peers that of make peers)\n"
       "  --in-process          load shared objects into this process, for debuggers\n\n"
       "Exit status: 0 all judged cases pass; 1 any FAIL, CRASH or TIMEOUT; 2 misuse; 3 nothing could be judged.");
}

/* ---- options ---- */

enum { INPUT = SELECTION_END, REQUIRE, STRICT, OUTPUT, KNOWN, JSON, JUNIT, THREADS, TIMEOUT_S, MEMORY, PYTHON, IN_PROCESS };
static const struct option options[] = {
  SELECTION_OPTIONS, {"input", 1, 0, INPUT}, {"require", 1, 0, REQUIRE}, {"strict-range", 0, 0, STRICT},
  {"output", 1, 0, OUTPUT}, {"known", 1, 0, KNOWN}, {"json", 1, 0, JSON}, {"junit", 1, 0, JUNIT}, {"threads", 1, 0, THREADS},
  {"timeout", 1, 0, TIMEOUT_S}, {"memory", 1, 0, MEMORY}, {"python", 1, 0, PYTHON}, {"in-process", 0, 0, IN_PROCESS},
  {"help", 0, 0, 'h'}, {0}};

static int take_output(struct check *c, const char *name, struct error *e)
{
  char names[256] = "";
  for (int s = 0; s < SLOT_COUNT; ++s) {
    if (!slot_output_bit((enum slot)s)) continue;
    if (!strcmp(slot_name[s], name)) {
      c->output = (enum slot)s;
      return 0;
    }
    if (names[0]) strcat(names, ", ");
    strcat(names, slot_name[s]);
  }
  return fail(e, "--output: '%s' is no output; there are %s", name, names);
}

static int take_option(struct check *c, int option, const char *value, struct error *e)
{
  uint64_t x;
  switch (option) {
  case INPUT: c->cases_given = true; return plan_directory(&c->plan, value, e);
  case REQUIRE: c->require = value; return 0;
  case STRICT: c->strict_range = true; return 0;
  case OUTPUT: return take_output(c, value, e);
  case KNOWN: return known_read(&c->known, value, e);
  case JSON: c->json = value; return 0;
  case JUNIT: c->junit = value; return 0;
  case 'j':
    if (option_count("-j", value, 1, 1024, &x, e)) return -1;
    c->jobs = (int)x;
    return 0;
  case THREADS:
    if (option_count("--threads", value, 1, 4096, &x, e)) return -1;
    c->o.threads = (int)x;
    return 0;
  case TIMEOUT_S: return option_number("--timeout", value, 0.01, 1e6, &c->o.timeout_s, e);
  case MEMORY:
    if (option_count("--memory", value, 1, 1000000000, &x, e)) return -1;
    c->o.memory_bytes = (size_t)x << 20;
    return 0;
  case PYTHON: c->o.python = value; return 0;
  case IN_PROCESS: c->o.in_process = true; return 0;
  default: return selection_option(&c->s, option, value, e);
  }
}

static int add_spec(const char *spec, void *arg)
{
  struct check *c = arg;
  for (size_t i = 0; i < c->specs; ++i)
    if (!strcmp(c->spec[i], spec)) return 0;
  c->spec = realloc(c->spec, (c->specs + 1) * sizeof *c->spec);
  c->spec[c->specs++] = strdup(spec);
  return 0;
}

/* 0 go on, else an exit status + 1 */
static int take_arguments(struct check *c, int argc, char **argv, struct error *e)
{
  int option;
  while ((option = getopt_long(argc, argv, "hj:", options, NULL)) != -1) {
    if (option == 'h') {
      help();
      return 1;
    }
    if (option == '?') return EXIT_MISUSE + 1;
    if (take_option(c, option, optarg, e)) return misuse("check", "%s", e->text) + 1;
  }
  if (optind == argc) return misuse("check", "name an implementation: reference, optimized, ./kernel.so, ...") + 1;
  for (; optind < argc; ++optind)
    if (implementation_expand(argv[optind], add_spec, c, e)) {
      misuse("check", "%s", e->text);
      c->misused = true;
    }
  if (!c->specs) return EXIT_MISUSE + 1;
  if (!c->cases_given && plan_sweep(&c->plan, &c->s, e)) return misuse("check", "%s", e->text) + 1;
  return 0;
}

/* ---- implementations ---- */

static int preset_for(struct check *c, size_t i, struct error *e)
{
  const char *declared = implementation_preset(c->impl[0][i]);
  c->preset[i] = c->require && !strcmp(c->require, "declared") ? declared : c->require;
  if (!c->require && implementation_documented(c->impl[0][i])) c->preset[i] = declared; /* a difference it documents */
  if (c->require && !strcmp(c->require, "declared") && !declared) return fail(e, "declares no preset to require");
  if (c->preset[i] && !preset_find(c->preset[i], e)) return -1;
  if (c->preset[i]) c->preset[i] = strdup(c->preset[i]);
  return 0;
}

/* What an implementation declares, it declares for every type; what the user named is taken as it is. */
static const char *required_preset(const struct check *c, size_t i, uint32_t type)
{
  if (!c->preset[i]) return preset_default(type);
  return c->require && strcmp(c->require, "declared") ? c->preset[i] : preset_in_type(c->preset[i], type);
}

/* One of each for every job. What cannot be opened is said once, and the others go on. */
static void open_all(struct check *c)
{
  struct error e;
  c->impl = calloc((size_t)c->jobs, sizeof *c->impl);
  c->name = calloc(c->specs, sizeof *c->name);
  c->version = calloc(c->specs, sizeof *c->version);
  c->preset = calloc(c->specs, sizeof *c->preset);
  for (int job = 0; job < c->jobs; ++job) {
    c->impl[job] = calloc(c->specs, sizeof **c->impl);
    for (size_t i = 0; i < c->specs; ++i) {
      if (job && !c->impl[0][i]) continue;
      if (implementation_open(c->spec[i], &c->o, &c->impl[job][i], &e)) {
        c->impl[job][i] = NULL;
      } else if (job) {
        continue;
      } else if (!preset_for(c, i, &e)) {
        c->name[i] = strdup(implementation_name(c->impl[0][i]));
        c->version[i] = strdup(implementation_version(c->impl[0][i]));
        continue;
      } else {
        implementation_close(c->impl[job][i]);
        c->impl[job][i] = NULL;
      }
      misuse("check", "%s: %s", c->spec[i], e.text);
      c->misused = true;
    }
  }
}

static void close_all(struct check *c)
{
  for (int job = 0; c->impl && job < c->jobs; ++job) {
    for (size_t i = 0; i < c->specs; ++i)
      if (c->impl[job][i]) implementation_close(c->impl[job][i]);
    free(c->impl[job]);
  }
  for (size_t i = 0; i < c->specs; ++i) {
    free((char *)c->spec[i]);
    if (!c->impl) continue;
    free((char *)c->name[i]);
    free((char *)c->version[i]);
    free((char *)c->preset[i]);
  }
  free(c->spec);
  free(c->name);
  free(c->version);
  free(c->preset);
  free(c->impl);
}

/* ---- one case ---- */

/* A case made ready: its data once somebody computes it, and its truth once there is a result. The same case with f32
   statistics is a second one, made when needed, of the same data where it takes no statistics. */
struct ready {
  bool made, filled, lent, bad, known; /* lent: `in` is the first one's */
  struct normative_problem p;
  char name[CASE_NAME_MAX];
  struct tensors in;
  struct truth truth;
  struct live_case live;
  struct error e;
};

/* Statistics that a directory gives in f64, as f32: only if each is one. */
static int narrow_statistics(struct ready *r)
{
  static const enum slot given[] = {SLOT_RUNNING_MEAN, SLOT_RUNNING_VAR, SLOT_GIVEN_MEAN, SLOT_GIVEN_RSTD,
                                    SLOT_GIVEN_VARIANCE};
  r->p.stat_type = NORMATIVE_F32;
  for (size_t k = 0; k < sizeof given / sizeof *given; ++k) {
    struct tensor *wide = &r->in.t[given[k]], slim;
    if (!wide->data) continue;
    if (tensor_alloc(&slim, &r->p, given[k], &r->e)) return -1;
    bool exact = true;
    for (size_t i = 0; i < wide->count; ++i) {
      double v = tensor_get(wide, i);
      ((float *)slim.data)[i] = (float)v;
      exact &= (float)v == v || v != v;
    }
    free(wide->data);
    *wide = slim;
    if (!exact) return fail(&r->e, "%s: not exact in f32", slot_name[given[k]]);
  }
  return 0;
}

static int make_ready(struct ready *r, const struct planned *c, bool narrow)
{
  struct casedir d = {0};
  r->made = true;
  if (c->dir) {
    if (casedir_read(c->dir, &d, &r->e)) return -1;
    r->p = d.p;
    snprintf(r->name, sizeof r->name, "%s", d.name);
    r->in = d.in;
    memset(&d.in, 0, sizeof d.in);
    casedir_free(&d);
    r->filled = true;
    if (narrow && narrow_statistics(r)) return -1;
  } else {
    struct testcase tc = c->tc;
    if (narrow) tc.p.stat_type = NORMATIVE_F32;
    r->p = tc.p;
    case_name(r->name, &tc);
  }
  r->live = (struct live_case){.name = r->name, .p = &r->p, .in = &r->in};
  return 0;
}

/* The data of r[narrow]. */
static void fill_ready(struct ready r[2], const struct planned *c, bool narrow)
{
  struct ready *one = &r[narrow];
  struct testcase tc = c->tc;
  if (one->filled || one->bad) return;
  one->filled = true;
  one->lent = narrow && r[0].filled && !r[0].bad && !one->p.running && !one->p.given;
  tc.p.stat_type = one->p.stat_type;
  if (one->lent) one->in = r[0].in;
  else one->bad = inputs_make(&tc, &one->in, &one->e) != 0;
}

static int know_truth(struct ready *r)
{
  if (!r->known) r->bad = oracle_run(&r->p, &r->in, &r->truth, &r->e) != 0;
  r->known = true;
  return r->bad ? -1 : 0;
}

static void free_ready(struct ready *r)
{
  if (!r->made) return;
  live_case_done(&r->live);
  if (r->known && !r->bad) truth_free(&r->truth);
  if (!r->lent) tensors_free(&r->in);
}

static struct ready *ready(struct ready r[2], const struct planned *c, bool narrow)
{
  struct ready *one = &r[narrow];
  if (!one->made) one->bad = make_ready(one, c, narrow) != 0;
  return one;
}

static void tensor_drop(struct tensor *t)
{
  free(t->data);
  *t = (struct tensor){0};
}

/* Not finite where the exact value is counts as infinitely far. */
static void find_furthest(struct record *rec, enum slot s, const struct tensor *exact, const struct tensor *got)
{
  double most = -1;
  for (size_t i = 0; i < exact->count && i < got->count; ++i) {
    double e = tensor_get(exact, i), g = tensor_get(got, i), off = fabs(e - g);
    if (isnan(off)) off = (isnan(e) && isnan(g)) || e == g ? 0 : INFINITY;
    if (off <= most) continue;
    most = off;
    rec->furthest = (struct finding){.slot = s, .index = i, .expected = e, .got = g};
    rec->has_furthest = true;
  }
}

static void judge_one(struct check *c, struct ready *r, struct implementation *impl, size_t i, struct record *rec,
                      bool *declined)
{
  struct tensors out = {0};
  struct run_result run;
  implementation_run(impl, &r->live, 0, &out, &run);
  *declined = run.verdict == SKIP;
  rec->verdict = run.verdict;
  rec->seconds = run.seconds;
  snprintf(rec->reason, sizeof rec->reason, "%s", run.reason);
  if (run.verdict == PASS && !know_truth(r)) {
    struct error e;
    const char *required = required_preset(c, i, r->p.type);
    for (int s = 0; c->output && s < SLOT_COUNT; ++s)
      if (s != (int)c->output) tensor_drop(&out.t[s]);
    judge(&r->p, &r->in, &r->truth, &out, preset_find(required, &e), c->strict_range, &rec->j);
    if (c->output && rec->j.elements) {
      rec->j.worst_nulp = rec->j.nulp[c->output];
      find_furthest(rec, c->output, &r->truth.t[c->output].nearest, &out.t[c->output]);
    }
    rec->judged = true;
    rec->verdict = rec->j.verdict;
  }
  tensors_free(&out);
}

static void decline(struct record *rec, const char *why)
{
  rec->verdict = SKIP;
  snprintf(rec->reason, sizeof rec->reason, "%s", why);
}

static void name_record(struct record *rec, const struct check *c, const struct planned *planned, const struct ready *r,
                        size_t i)
{
  free(rec->name);
  free(rec->input);
  rec->name = strdup(r->name);
  rec->input = planned->dir ? strdup(planned->dir) : NULL;
  rec->p = r->p;
  rec->seed = planned->tc.r.seed;
  rec->implementation = c->name[i];
  rec->version = c->version[i];
  rec->spec = c->spec[i];
  const char *declared = implementation_preset(c->impl[0][i]);
  rec->declared = declared ? preset_in_type(declared, r->p.type) : NULL;
  rec->documented = implementation_documented(c->impl[0][i]);
}

/* An implementation whose statistics are f32 declines the case with f64 ones, and is asked again; unless a user's own
   statistics, or those of an f64 case, are not f32. */
static void check_case(struct check *c, const struct planned *planned, struct implementation **impl, struct record *rec,
                       struct error *bad)
{
  struct ready r[2] = {0};
  for (size_t i = 0; i < c->specs; ++i) {
    bool declined = true;
    for (int narrow = 0; impl[i] && narrow < 2 && declined; ++narrow) {
      if (narrow && r[0].p.stat_type == NORMATIVE_F32) break;
      struct ready *one = ready(r, planned, narrow);
      const char *why = one->bad ? NULL : implementation_declines(impl[i], &one->p);
      if (!why) fill_ready(r, planned, narrow);
      if (one->bad && narrow && (planned->dir || one->p.type == NORMATIVE_F64)) break;
      if (one->bad) {
        *bad = one->e;
        break;
      }
      char reason[sizeof rec->reason];
      snprintf(reason, sizeof reason, "%s", rec[i].reason);
      if (why) decline(&rec[i], why);
      else judge_one(c, one, impl[i], i, &rec[i], &declined);
      if (one->bad) {
        *bad = one->e;
        break;
      }
      if (narrow && declined) snprintf(rec[i].reason, sizeof rec[i].reason, "%s", reason);
      else name_record(&rec[i], c, planned, one, i);
    }
  }
  free_ready(&r[0]);
  free_ready(&r[1]);
}

/* ---- all cases ---- */

static void progress(struct check *c, bool last)
{
  if (!isatty(STDERR_FILENO)) return;
  if (last) fputs("\r\033[K", stderr);
  else fprintf(stderr, "\r%zu/%zu cases", c->done, c->plan.count);
}

static void check_all(struct check *c)
{
  for (size_t i = 0; i < c->plan.count * c->specs; ++i) records_add(&c->records);
#pragma omp parallel for schedule(dynamic, 1) num_threads(c->jobs)
  for (size_t k = 0; k < c->plan.count; ++k) {
    struct error bad = {""};
    check_case(c, &c->plan.c[k], c->impl[omp_get_thread_num()], &c->records.r[k * c->specs], &bad);
#pragma omp critical
    {
      if (bad.text[0]) {
        misuse("check", "%s", bad.text);
        c->misused = true;
      }
      ++c->done;
      progress(c, false);
    }
  }
  progress(c, true);
  size_t kept = 0; /* what could not be opened or made leaves no record */
  for (size_t i = 0; i < c->records.count; ++i)
    if (c->records.r[i].name) c->records.r[kept++] = c->records.r[i];
  c->records.count = kept;
  records_settle(&c->records);
}

static int write_out(struct check *c, const char *command, FILE *text, struct error *e)
{
  const char *require = c->require ? c->require : "default";
  records_table(&c->records, text);
  records_failures(&c->records, command, 3, text);
  if (c->json && records_json(&c->records, require, c->json, e)) return -1;
  return c->junit ? records_junit(&c->records, command, c->junit, e) : 0;
}

/* The options that change a verdict go into the command that reproduces it. */
static void reproducing(char out[512], const struct check *c, const char *program)
{
  int used = snprintf(out, 512, "%s check%s%s%s%s%s%s%s%s", program, c->require ? " --require " : "",
                      c->require ? c->require : "", c->strict_range ? " --strict-range" : "", c->output ? " --output " : "",
                      c->output ? slot_name[c->output] : "", c->o.in_process ? " --in-process" : "",
                      c->o.python ? " --python " : "", c->o.python ? c->o.python : "");
  if (c->o.threads != 1 && used < 480) snprintf(out + used, 512 - (size_t)used, " --threads %d", c->o.threads);
}

static int run(struct check *c)
{
  struct error e;
  char command[512];
  if (c->require && strcmp(c->require, "declared") && !preset_find(c->require, &e)) return misuse("check", "--require: %s", e.text);
  if ((size_t)c->jobs > c->plan.count) c->jobs = (int)c->plan.count;
  if (records_writable(c->json, c->junit, &e)) return misuse("check", "%s", e.text);
  reproducing(command, c, "build/bin/normative");
  open_all(c);
  check_all(c);
  if (!c->records.count) return EXIT_MISUSE; /* told already; earlier results stay */
  FILE *text = records_text(c->json, c->junit);
  records_known(&c->records, &c->known, text);
  if (write_out(c, command, text, &e)) {
    misuse("check", "%s", e.text);
    c->misused = true;
  }
  int status = records_exit(&c->records, c->misused);
  if (status == EXIT_NOTHING) fputs("normative: check: nothing could be judged\n", stderr);
  return status;
}

int cmd_check(int argc, char **argv)
{
  struct check c = {.s = {.seed = 1}, .jobs = omp_get_num_procs(),
                    .o = {.threads = 1, .timeout_s = 30, .memory_bytes = (size_t)8 << 30}};
  struct error e;
  int stop = take_arguments(&c, argc, argv, &e);
  int status = stop ? stop - 1 : run(&c);
  known_free(&c.known);
  records_free(&c.records);
  close_all(&c);
  plan_free(&c.plan);
  return status;
}
