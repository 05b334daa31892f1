/* SPDX-License-Identifier: Apache-2.0
   Records collected, settled, counted; and as JSON and JUnit. The table is in table.c. */
#include "record.h"
#include <errno.h>
#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

struct record *records_add(struct records *all)
{
  if (all->count == all->room) {
    all->room = all->room ? 2 * all->room : 256;
    all->r = realloc(all->r, all->room * sizeof *all->r);
    if (!all->r) abort();
  }
  struct record *r = &all->r[all->count++];
  memset(r, 0, sizeof *r);
  return r;
}

void records_free(struct records *all)
{
  for (size_t i = 0; i < all->count; ++i) {
    free(all->r[i].name);
    free(all->r[i].input);
    free(all->r[i].results);
  }
  free(all->r);
  memset(all, 0, sizeof *all);
}

/* ---- unions ---- */

static int cell_order(const void *a, const void *b)
{
  const struct record *x = *(const struct record *const *)a, *y = *(const struct record *const *)b;
  int c = strcmp(x->implementation, y->implementation);
  if (c) return c;
#define BY(field) if (x->field != y->field) return x->field < y->field ? -1 : 1
  BY(p.norm);
  BY(p.mode);
  BY(p.direction);
  BY(p.layout);
  BY(p.type);
#undef BY
  size_t m = problem_m(&x->p), n = problem_m(&y->p);
  return m < n ? -1 : m > n;
}

/* The member of the union with the fewest FAIL, then RANGE, over a cell's judged records. */
static int best_member(struct record **cell, size_t n)
{
  int members = 1, best = 0;
  size_t least = SIZE_MAX;
  for (size_t i = 0; i < n; ++i)
    if (cell[i]->judged && cell[i]->j.members > members) members = cell[i]->j.members;
  for (int k = 0; k < members; ++k) {
    size_t bad = 0;
    for (size_t i = 0; i < n; ++i) {
      if (!cell[i]->judged || k >= cell[i]->j.members) continue;
      enum verdict v = cell[i]->j.finding[k].verdict;
      bad += v == FAIL ? n + 1 : v == RANGE;
    }
    if (bad < least) {
      least = bad;
      best = k;
    }
  }
  return best;
}

void records_settle(struct records *all)
{
  struct record **order = malloc((all->count + 1) * sizeof *order);
  if (!order) abort();
  for (size_t i = 0; i < all->count; ++i) order[i] = &all->r[i];
  qsort(order, all->count, sizeof *order, cell_order);
  for (size_t first = 0, next; first < all->count; first = next) {
    for (next = first + 1; next < all->count && !cell_order(&order[first], &order[next]); ++next) continue;
    int k = best_member(order + first, next - first);
    for (size_t i = first; i < next; ++i) {
      struct record *r = order[i];
      if (!r->judged) continue;
      r->member = k < r->j.members ? k : 0;
      r->verdict = r->j.reason[0] ? r->j.verdict : r->j.finding[r->member].verdict;
      if (r->j.reason[0]) snprintf(r->reason, sizeof r->reason, "%s", r->j.reason);
    }
  }
  free(order);
}

/* ---- counting ---- */

static bool failed(enum verdict v) { return v == FAIL || v == CRASH || v == TIMEOUT; }

int records_exit(const struct records *all, bool misuse)
{
  size_t judged = 0, bad = 0;
  for (size_t i = 0; i < all->count; ++i) {
    judged += all->r[i].verdict == PASS || failed(all->r[i].verdict);
    bad += failed(all->r[i].verdict) && !all->r[i].known;
  }
  return bad ? EXIT_FAILED : misuse ? EXIT_MISUSE : judged ? EXIT_PASS : EXIT_NOTHING;
}

/* ---- accepted failures ---- */

static int known_lines(struct known *k, const char *path, FILE *f, struct error *e)
{
  char line[2048], third[2];
  for (int number = 1; fgets(line, sizeof line, f); ++number) {
    struct known_entry entry = {.path = path, .line = number};
    if (strchr(line, '#')) *strchr(line, '#') = 0;
    int words = sscanf(line, "%255s %511s %1s", entry.who, entry.what, third);
    if (words < 1) continue;
    if (words != 2) return fail(e, "--known %s:%d: not IMPLEMENTATION CASE", path, number);
    k->entry = realloc(k->entry, (k->count + 1) * sizeof *k->entry);
    if (!k->entry) abort();
    k->entry[k->count++] = entry;
  }
  return ferror(f) ? fail(e, "--known %s: %s", path, strerror(errno)) : 0;
}

int known_read(struct known *k, const char *path, struct error *e)
{
  FILE *f = fopen(path, "r");
  if (!f) return fail(e, "--known %s: %s", path, strerror(errno));
  int bad = known_lines(k, path, f, e);
  fclose(f);
  return bad;
}

void known_free(struct known *k)
{
  free(k->entry);
  *k = (struct known){0};
}

void records_known(struct records *all, const struct known *k, FILE *out)
{
  for (const struct known_entry *w = k->entry; w < k->entry + k->count; ++w) {
    size_t matched = 0, bad = 0;
    for (size_t i = 0; i < all->count; ++i) {
      struct record *r = &all->r[i];
      if ((fnmatch(w->who, r->implementation, 0) && fnmatch(w->who, r->spec, 0)) || fnmatch(w->what, r->name, 0)) continue;
      ++matched;
      bad += failed(r->verdict);
      r->known |= failed(r->verdict);
    }
    if (matched && !bad) fprintf(out, "known failure passes now: %s:%d: %s %s\n", w->path, w->line, w->who, w->what);
  }
}

/* ---- files ---- */

int output_open(struct output *o, const char *path, struct error *e)
{
  snprintf(o->path, sizeof o->path, "%s", path);
  o->beside[0] = 0;
  if (!strcmp(path, "-")) {
    o->f = stdout;
    return 0;
  }
  struct stat st; /* a device or pipe is written to, not replaced */
  if (!stat(path, &st) && !S_ISREG(st.st_mode)) {
    if (S_ISDIR(st.st_mode)) return fail(e, "%s: is a directory", path);
    o->f = fopen(path, "w");
    return o->f ? 0 : fail(e, "%s: %s", path, strerror(errno));
  }
  snprintf(o->beside, sizeof o->beside, "%s.part%ld", path, (long)getpid());
  o->f = fopen(o->beside, "w");
  return o->f ? 0 : fail(e, "%s: %s", path, strerror(errno));
}

void output_abandon(struct output *o)
{
  if (o->f && o->beside[0]) {
    fclose(o->f);
    remove(o->beside);
  }
  o->f = NULL;
}

int output_finish(struct output *o, struct error *e)
{
  bool bad = fflush(o->f) || ferror(o->f);
  int number = errno;
  if (o->f != stdout && fclose(o->f) && !bad) {
    bad = true;
    number = errno;
  }
  if (!bad && o->beside[0] && rename(o->beside, o->path)) {
    bad = true;
    number = errno;
  }
  if (bad && o->beside[0]) remove(o->beside);
  o->f = NULL;
  return bad ? fail(e, "%s: %s", o->path, strerror(number)) : 0;
}

/* Nothing is left open or beside meanwhile: an interrupted run leaves no trace, and a reader of a pipe sees one writer. */
static int writable(const char *path, struct error *e)
{
  struct output o;
  struct stat st;
  if (!strcmp(path, "-")) return 0;
  if (!stat(path, &st) && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
    return access(path, W_OK) ? fail(e, "%s: %s", path, strerror(errno)) : 0;
  if (output_open(&o, path, e)) return -1;
  output_abandon(&o);
  return 0;
}

int records_writable(const char *json, const char *junit, struct error *e)
{
  if (json && junit && !strcmp(json, junit)) return fail(e, "%s: both --json and --junit", json);
  return (json && writable(json, e)) || (junit && writable(junit, e)) ? -1 : 0;
}

FILE *records_text(const char *json, const char *junit)
{
  return (json && !strcmp(json, "-")) || (junit && !strcmp(junit, "-")) ? stderr : stdout;
}

/* ---- text of others: reasons, names, paths ---- */

/* Bytes of the UTF-8 character that s begins with; 0 if it is none, or a control character other than newline. */
static size_t character(const char *s)
{
  static const struct { unsigned char mask, lead; uint32_t least; } form[] = {
    {0x80, 0, 32}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
  for (size_t n = 0; n < 4; ++n) {
    if (((unsigned char)*s & form[n].mask) != form[n].lead) continue;
    uint32_t code = (unsigned char)*s & (unsigned char)~form[n].mask;
    for (size_t k = 1; k <= n; ++k) {
      if (((unsigned char)s[k] & 0xc0) != 0x80) return 0;
      code = code << 6 | ((unsigned char)s[k] & 0x3f);
    }
    bool surrogate = code >= 0xd800 && code < 0xe000, beyond = code > 0x10ffff || (code & 0xfffe) == 0xfffe;
    bool none = code < form[n].least || code == 0x7f || surrogate || beyond;
    return none && code != '\n' ? 0 : n + 1;
  }
  return 0;
}

/* The same with a question mark for each byte that is no text, so that JSON and XML hold it. */
static json_t *text_json(const char *text)
{
  char *clean = strdup(text);
  if (!clean) abort();
  for (char *s = clean; *s;) {
    size_t n = character(s);
    if (!n) *s = '?';
    s += n ? n : 1;
  }
  json_t *o = json_string(clean);
  free(clean);
  return o;
}

/* ---- JSON ---- */

json_t *machine_json(void)
{
  char model[128] = "unknown", line[256];
  FILE *f = fopen("/proc/cpuinfo", "r");
  while (f && fgets(line, sizeof line, f))
    if (!strncmp(line, "model name", 10) && strchr(line, ':')) {
      snprintf(model, sizeof model, "%.127s", strchr(line, ':') + 2);
      model[strcspn(model, "\n")] = 0;
      break;
    }
  if (f) fclose(f);
  struct utsname u;
  return json_pack("{s:s, s:i, s:s, s:s}", "cpu", model, "cores", (int)sysconf(_SC_NPROCESSORS_ONLN), "arch",
                   uname(&u) ? "unknown" : u.machine, "compiler", __VERSION__);
}

/* JSON knows no NaN and no Inf: those become strings; every value also stands in hexadecimal. */
static json_t *number(double x)
{
  return isfinite(x) ? json_real(x) : json_string(isnan(x) ? "nan" : x > 0 ? "inf" : "-inf");
}

static json_t *hexadecimal(double x)
{
  char text[40];
  snprintf(text, sizeof text, "%a", x);
  return json_string(text);
}

static void judgement_to_json(json_t *o, const struct record *r)
{
  const struct judgement *j = &r->j;
  const struct finding *f = &j->finding[r->member];
  json_t *outputs = json_object(), *members = json_object(), *explained = json_array(), *covered = json_array();
  json_t *beyond = json_array();
  for (int s = 0; s < SLOT_COUNT; ++s)
    if (j->nulp[s] >= 0) json_object_set_new(outputs, slot_name[s], number(j->nulp[s]));
  for (int k = 0; k < j->members; ++k)
    json_object_set_new(members, j->member[k], json_string(verdict_name[j->finding[k].verdict]));
  for (int k = 0; k < EXPLAINED_MAX && j->explained[k]; ++k)
    json_array_append_new(explained, json_string(j->explained[k]));
  for (int k = 0; k < COVERED_MAX && j->covered[k]; ++k) json_array_append_new(covered, json_string(j->covered[k]));
  for (int k = 0; k < COVERED_MAX && j->beyond[k]; ++k) json_array_append_new(beyond, json_string(j->beyond[k]));
  json_object_set_new(o, "nulp", number(j->worst_nulp));
  json_object_set_new(o, "bound", number(f->loosest));
  json_object_set_new(o, "outputs", outputs);
  json_object_set_new(o, "members", members);
  json_object_set_new(o, "explained", explained);
  json_object_set_new(o, "covered", covered);
  if (j->beyond[0]) json_object_set(o, "beyond", beyond);
  json_decref(beyond);
  json_object_set_new(o, "kappa", number(j->kappa));
  json_object_set_new(o, "elements", json_integer((json_int_t)j->elements));
  json_object_set_new(o, "misrounded", json_integer((json_int_t)j->misrounded));
  if (r->has_furthest)
    json_object_set_new(o, "furthest", json_pack("{s:s, s:I, s:o, s:o}", "output", slot_name[r->furthest.slot], "index",
                                                 (json_int_t)r->furthest.index, "expected", hexadecimal(r->furthest.expected),
                                                 "got", hexadecimal(r->furthest.got)));
  if (!j->elements) return;
  json_object_set_new(o, "worst", json_pack("{s:s, s:s, s:I, s:o, s:o, s:o, s:o}", "preset", j->member[r->member], "output",
                                            slot_name[f->slot], "index", (json_int_t)f->index, "expected", hexadecimal(f->expected), "got",
                                            hexadecimal(f->got), "nulp", number(f->nulp), "bound", number(f->bound)));
}

json_t *record_to_json(const struct record *r, const char *require)
{
  json_t *o = json_pack("{s:s, s:i, s:o, s:o, s:o, s:s, s:s, s:I}", "record", "check", "version", 1, "case", text_json(r->name),
                        "implementation", text_json(r->implementation), "implementation_version", text_json(r->version), "verdict",
                        verdict_name[r->verdict], "require", require, "seed", (json_int_t)r->seed);
  json_object_set_new(o, "norm", json_string(norm_find(r->p.norm)->name));
  json_object_set_new(o, "direction", json_string(direction_name(r->p.direction)));
  json_object_set_new(o, "mode", json_string(r->p.mode == NORMATIVE_EVALUATION ? "evaluation" : "training"));
  json_object_set_new(o, "type", json_string(type_name(r->p.type)));
  json_object_set_new(o, "layout", json_string(layout_name(r->p.layout)));
  json_object_set_new(o, "spec", text_json(r->spec));
  if (r->input) json_object_set_new(o, "input", text_json(r->input));
  if (r->declared) json_object_set_new(o, "declared", text_json(r->declared));
  if (r->documented) json_object_set_new(o, "documented", text_json(r->documented));
  if (r->known) json_object_set_new(o, "known", json_true());
  if (r->reason[0]) json_object_set_new(o, "reason", text_json(r->reason));
  if (r->seconds > 0) json_object_set_new(o, "seconds", json_real(r->seconds));
  if (r->judged) judgement_to_json(o, r);
  return o;
}

void records_write_json(const struct records *all, const char *require, FILE *out)
{
  json_t *machine = machine_json();
  char date[32];
  time_t now = time(NULL);
  strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
  for (size_t i = 0; i < all->count; ++i) {
    json_t *o = record_to_json(&all->r[i], require);
    json_object_set(o, "machine", machine);
    json_object_set_new(o, "date", json_string(date));
    json_dumpf(o, out, JSON_COMPACT);
    fputc('\n', out);
    json_decref(o);
  }
  json_decref(machine);
}

int records_json(const struct records *all, const char *require, const char *path, struct error *e)
{
  struct output out;
  if (output_open(&out, path, e)) return -1;
  records_write_json(all, require, out.f);
  return output_finish(&out, e);
}

/* ---- JUnit ---- */

static void xml(FILE *f, const char *text)
{
  for (size_t n; *text; text += n ? n : 1) {
    const char *entity = *text == '&' ? "&amp;" : *text == '<' ? "&lt;" : *text == '>' ? "&gt;" : *text == '"' ? "&quot;" : NULL;
    n = character(text);
    if (entity || !n) fputs(entity ? entity : "?", f);
    else fwrite(text, 1, n, f);
  }
}

static void junit_case(FILE *f, const struct record *r, const char *command)
{
  bool bad = failed(r->verdict) && !r->known;
  fputs("    <testcase classname=\"", f);
  xml(f, r->implementation);
  fprintf(f, ".%s\" name=\"", norm_find(r->p.norm)->name);
  xml(f, r->name);
  fputs("\">", f);
  if (bad) {
    struct records one = {.r = (struct record *)r, .count = 1};
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    records_failures(&one, command, 1, memory);
    fclose(memory);
    fprintf(f, "<failure type=\"%s\" message=\"", verdict_name[r->verdict]);
    xml(f, r->reason[0] ? r->reason : "outside of the bound");
    fputs("\">", f);
    xml(f, text);
    fputs("</failure>", f);
    free(text);
  } else if (r->verdict != PASS) {
    fprintf(f, "<skipped message=\"%s%s", verdict_name[r->verdict], r->reason[0] ? ": " : "");
    xml(f, r->reason);
    fputs("\"/>", f);
  }
  fputs("</testcase>\n", f);
}

static void junit_suite(FILE *f, const struct records *all, size_t first, size_t end, const char *command)
{
  size_t bad = 0, skipped = 0, tests = 0;
  for (size_t i = first; i < end; ++i) {
    const struct record *r = &all->r[i];
    if (r->implementation != all->r[first].implementation) continue;
    ++tests;
    if (failed(r->verdict) && !r->known) ++bad;
    else if (r->verdict != PASS) ++skipped;
  }
  fputs("  <testsuite name=\"", f);
  xml(f, all->r[first].implementation);
  fprintf(f, "\" tests=\"%zu\" failures=\"%zu\" errors=\"0\" skipped=\"%zu\">\n", tests, bad, skipped);
  for (size_t i = first; i < end; ++i)
    if (all->r[i].implementation == all->r[first].implementation) junit_case(f, &all->r[i], command);
  fputs("  </testsuite>\n", f);
}

void records_write_junit(const struct records *all, const char *command, FILE *out)
{
  fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"normative\">\n", out);
  for (size_t i = 0; i < all->count; ++i) {
    size_t earlier = 0;
    while (earlier < i && all->r[earlier].implementation != all->r[i].implementation) ++earlier;
    if (earlier == i) junit_suite(out, all, i, all->count, command);
  }
  fputs("</testsuites>\n", out);
}

int records_junit(const struct records *all, const char *command, const char *path, struct error *e)
{
  struct output out;
  if (output_open(&out, path, e)) return -1;
  records_write_junit(all, command, out.f);
  return output_finish(&out, e);
}
