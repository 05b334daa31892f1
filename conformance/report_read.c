/* SPDX-License-Identifier: Apache-2.0
   Result records read back from JSON lines, the inverse of record.c and of bench.cc; and proof results. */
#include "report.h"
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RECORD_VERSION 1

static void *grown(void *array, size_t count, size_t *room, size_t size)
{
  if (count < *room) return array;
  *room = *room ? 2 * *room : 64;
  array = realloc(array, *room * size);
  if (!array) abort();
  return array;
}

/* Different strings are few (names of implementations, presets, cases of a benchmark); the last one asked for is often
   asked for again. */
const char *report_string(struct report *r, const char *text)
{
  if (!text) return NULL;
  for (size_t i = r->strings; i-- > 0;)
    if (!strcmp(r->string[i], text)) return r->string[i];
  r->string = grown(r->string, r->strings, &r->string_room, sizeof *r->string);
  return r->string[r->strings++] = strdup(text);
}

void report_free(struct report *r)
{
  for (size_t i = 0; i < r->strings; ++i) free(r->string[i]);
  free(r->string);
  free(r->require);
  free(r->first);
  free(r->line);
  free(r->timing);
  free(r->proof);
  free(r->command);
  free(r->printed);
  if (r->found) report_free(r->found);
  free(r->found);
  records_free(&r->checks);
}

/* ---- fields ---- */

/* A record being read: the first missing or wrong field is kept. */
struct reading { const json_t *o; const char *missing, *kind; };

static void lacks(struct reading *g, const char *key, const char *kind)
{
  if (g->missing) return;
  g->missing = key;
  g->kind = kind;
}

static const char *text_of(struct reading *g, const char *key, bool needed)
{
  const char *text = json_string_value(json_object_get(g->o, key));
  if (!text && needed) lacks(g, key, "string");
  return text;
}

/* Numbers, and the strings that stand for what JSON has none for. */
static double number_of(struct reading *g, const char *key, bool needed)
{
  const json_t *v = json_object_get(g->o, key);
  const char *text = json_string_value(v);
  if (json_is_number(v)) return json_number_value(v);
  if (text && !strcmp(text, "inf")) return INFINITY;
  if (text && !strcmp(text, "-inf")) return -INFINITY;
  if (needed && !(text && !strcmp(text, "nan"))) lacks(g, key, "number");
  return NAN;
}

/* The place of a word among names. */
static int word_of(struct reading *g, const char *key, const char *const *names, int count)
{
  const char *text = text_of(g, key, true);
  for (int k = 0; text && k < count; ++k)
    if (!strcmp(text, names[k])) return k;
  lacks(g, key, "known");
  return 0;
}

/* ---- check records ---- */

static void read_problem(struct reading *g, struct normative_problem *p)
{
  static const char *const directions[] = {"forward", "backward"}, *const modes[] = {"training", "evaluation"},
                    *const layouts[] = {"ncs", "nsc"};
  const char *norm = text_of(g, "norm", true), *type = text_of(g, "type", true);
  const struct norm_row *row = norm ? norm_by_name(norm) : NULL;
  if (row) p->norm = row->id;
  else lacks(g, "norm", "known");
  if (type && type_by_name(type, &p->type)) lacks(g, "type", "known");
  p->direction = word_of(g, "direction", directions, 2) ? NORMATIVE_BACKWARD : NORMATIVE_FORWARD;
  p->mode = word_of(g, "mode", modes, 2) ? NORMATIVE_EVALUATION : NORMATIVE_TRAINING;
  p->layout = word_of(g, "layout", layouts, 2) ? NORMATIVE_NSC : NORMATIVE_NCS;
}

/* The same of "worst" and "furthest". */
static void read_element(struct reading *w, struct finding *f)
{
  const char *expected = text_of(w, "expected", true), *got = text_of(w, "got", true);
  f->slot = (enum slot)word_of(w, "output", slot_name, SLOT_COUNT);
  f->index = (size_t)number_of(w, "index", true);
  f->expected = expected ? strtod(expected, NULL) : NAN;
  f->got = got ? strtod(got, NULL) : NAN;
}

static void read_furthest(struct reading *g, struct record *c)
{
  struct reading w = {.o = json_object_get(g->o, "furthest")};
  if (!w.o) return;
  read_element(&w, &c->furthest);
  c->has_furthest = true;
  if (w.missing) lacks(g, "furthest", "complete");
}

static void read_finding(struct report *r, struct reading *g, struct judgement *j)
{
  struct reading w = {.o = json_object_get(g->o, "worst")};
  struct finding *f = &j->finding[0];
  const char *preset;
  if (!w.o) return; /* an empty tensor has no element to show */
  read_element(&w, f);
  f->nulp = number_of(&w, "nulp", true);
  f->bound = number_of(&w, "bound", true);
  preset = text_of(&w, "preset", true);
  j->member[0] = report_string(r, preset);
  if (w.missing) lacks(g, "worst", "complete");
}

static void read_names(struct report *r, struct reading *g, const char *key, const char **names, size_t most)
{
  const json_t *array = json_object_get(g->o, key);
  if (!json_is_array(array)) lacks(g, key, "list");
  for (size_t k = 0; k < most && k < json_array_size(array); ++k)
    names[k] = report_string(r, json_string_value(json_array_get(array, k)));
}

static void read_judgement(struct report *r, struct reading *g, struct judgement *j)
{
  const char *name;
  json_t *value;
  struct reading outputs = {.o = json_object_get(g->o, "outputs")};
  for (int s = 0; s < SLOT_COUNT; ++s)
    j->nulp[s] = json_object_get(outputs.o, slot_name[s]) ? number_of(&outputs, slot_name[s], true) : -1;
  j->members = 1;
  read_finding(r, g, j);
  json_object_foreach(json_object_get(g->o, "members"), name, value) {
    if (!j->member[0]) j->member[0] = report_string(r, name);
    if (strcmp(name, j->member[0]) && j->members < MEMBERS_MAX) j->member[j->members++] = report_string(r, name);
  }
  read_names(r, g, "explained", j->explained, EXPLAINED_MAX);
  read_names(r, g, "covered", j->covered, COVERED_MAX);
  if (json_object_get(g->o, "beyond")) read_names(r, g, "beyond", j->beyond, COVERED_MAX);
  j->worst_nulp = number_of(g, "nulp", true);
  j->finding[0].loosest = number_of(g, "bound", true);
  j->kappa = number_of(g, "kappa", true);
  j->elements = (size_t)number_of(g, "elements", true);
  j->misrounded = (size_t)number_of(g, "misrounded", true);
}

/* Is the last check the first of its implementation? */
static void note_implementation(struct report *r)
{
  size_t last = r->checks.count - 1;
  for (size_t k = 0; k < r->implementations; ++k)
    if (r->checks.r[r->first[k]].implementation == r->checks.r[last].implementation) return;
  r->first = realloc(r->first, (r->implementations + 1) * sizeof *r->first);
  if (!r->first) abort();
  r->first[r->implementations++] = last;
}

static void read_check(struct report *r, struct reading *g)
{
  const char *text;
  r->require = realloc(r->require, (r->checks.count + 1) * sizeof *r->require);
  if (!r->require) abort();
  struct record *c = records_add(&r->checks);
  c->verdict = (enum verdict)word_of(g, "verdict", verdict_name, VERDICT_COUNT);
  read_problem(g, &c->p);
  c->implementation = report_string(r, text_of(g, "implementation", true));
  c->version = report_string(r, text_of(g, "implementation_version", true));
  c->spec = report_string(r, text_of(g, "spec", true));
  r->require[r->checks.count - 1] = report_string(r, text_of(g, "require", true));
  c->name = (text = text_of(g, "case", true)) ? strdup(text) : NULL;
  c->input = (text = text_of(g, "input", false)) ? strdup(text) : NULL;
  if ((text = text_of(g, "reason", false))) snprintf(c->reason, sizeof c->reason, "%s", text);
  c->declared = report_string(r, text_of(g, "declared", false));
  c->documented = report_string(r, text_of(g, "documented", false));
  note_implementation(r);
  c->known = json_is_true(json_object_get(g->o, "known"));
  c->judged = json_object_get(g->o, "outputs") != NULL;
  if (c->judged) read_judgement(r, g, &c->j);
  if (c->judged) read_furthest(g, c);
}

/* ---- bench records ---- */

static void read_bench(struct report *r, struct reading *g)
{
  r->timing = grown(r->timing, r->timings, &r->timing_room, sizeof *r->timing);
  struct timing *t = &r->timing[r->timings++];
  *t = (struct timing){.name = report_string(r, text_of(g, "case", true)),
                       .implementation = report_string(r, text_of(g, "implementation", true)),
                       .skipped = report_string(r, text_of(g, "skipped", false)),
                       .failed = report_string(r, text_of(g, "failed", false)),
                       .threads = (int)number_of(g, "threads", true)};
  bool timed = !t->skipped && !t->failed;
  t->median_s = number_of(g, "median_s", timed);
  t->gb_per_s = number_of(g, "gb_per_s", timed);
  t->ratio = number_of(g, "ratio_to_fastest", false);
  t->copy_fraction = number_of(g, "copy_fraction", false);
  double lost = number_of(g, "lost_to_others", false);
  if (lost > r->lost) r->lost = lost;
}

/* ---- what all records have ---- */

static void read_machine(struct report *r, struct reading *g)
{
  struct reading m = {.o = json_object_get(g->o, "machine")};
  char text[400];
  const char *cpu = text_of(&m, "cpu", true), *arch = text_of(&m, "arch", true), *compiler = text_of(&m, "compiler", true);
  double cores = number_of(&m, "cores", true);
  if (m.missing) {
    lacks(g, "machine", "complete");
    return;
  }
  snprintf(text, sizeof text, "%s, %.0f core%s, %s, gcc %s", cpu, cores, cores == 1 ? "" : "s", arch, compiler);
  const char *machine = report_string(r, text);
  for (size_t i = 0; i < r->machines; ++i)
    if (r->machine[i] == machine) return;
  if (r->machines < sizeof r->machine / sizeof *r->machine) r->machine[r->machines++] = machine;
}

static void read_date(struct report *r, struct reading *g)
{
  const char *date = report_string(r, text_of(g, "date", false)); /* ISO 8601 in UTC sorts as text */
  if (date && (!r->first_date || strcmp(date, r->first_date) < 0)) r->first_date = date;
  if (date && (!r->last_date || strcmp(date, r->last_date) > 0)) r->last_date = date;
}

static int read_record(struct report *r, const json_t *o, struct error *e)
{
  struct reading g = {.o = o};
  const char *kind = text_of(&g, "record", true);
  double version = number_of(&g, "version", true);
  if (g.missing) return fail(e, "no result record: it has no %s \"%s\"", g.kind, g.missing);
  if (version != RECORD_VERSION)
    return fail(e, "a record of version %g; this program reads version %d", version, RECORD_VERSION);
  if (!strcmp(kind, "check")) read_check(r, &g);
  else if (!strcmp(kind, "bench")) read_bench(r, &g);
  else return fail(e, "a record of kind \"%s\"; this program reads check and bench", kind);
  read_machine(r, &g);
  read_date(r, &g);
  return g.missing ? fail(e, "a %s record without a %s \"%s\"", kind, g.kind, g.missing) : 0;
}

int report_read(struct report *r, const char *path, struct error *e)
{
  FILE *f = fopen(path, "r");
  char *line = NULL;
  size_t room = 0;
  ssize_t length;
  if (!f) return fail(e, "%s: %s", path, strerror(errno));
  int bad = 0;
  for (size_t number = 1; !bad && (errno = 0, length = getline(&line, &room, f)) >= 0; ++number) {
    json_error_t why;
    struct error inner;
    if (strspn(line, " \t\r\n") == (size_t)length) continue;
    json_t *o = json_loadb(line, (size_t)length, 0, &why);
    if (!o) bad = fail(e, "%s:%zu: no JSON: %s", path, number, why.text);
    else if (!json_is_object(o)) bad = fail(e, "%s:%zu: no JSON object", path, number);
    else if (read_record(r, o, &inner)) bad = fail(e, "%s:%zu: %.900s", path, number, inner.text);
    json_decref(o);
  }
  if (!bad && ferror(f)) bad = fail(e, "%s: %s", path, strerror(errno));
  free(line);
  fclose(f);
  return bad;
}

/* ---- proof results ---- */

static int is_json(const struct dirent *d)
{
  size_t n = strlen(d->d_name);
  return n > 5 && !strcmp(d->d_name + n - 5, ".json");
}

/* The strings of a list, with commas between; "" where it is none. */
static const char *joined(struct report *r, const json_t *list)
{
  char *text;
  size_t size;
  FILE *memory = open_memstream(&text, &size);
  for (size_t k = 0; k < json_array_size(list); ++k) {
    const char *word = json_string_value(json_array_get(list, k));
    fprintf(memory, "%s%s", k ? ", " : "", word ? word : "?");
  }
  fclose(memory);
  const char *kept = report_string(r, text);
  free(text);
  return kept;
}

static int read_proof(struct report *r, const char *dir, const char *file, struct error *e)
{
  char path[1400];
  json_error_t why;
  snprintf(path, sizeof path, "%s/%s", dir, file);
  json_t *o = json_load_file(path, 0, &why);
  if (!o) return fail(e, "%s:%d: %s", path, why.line, why.text);
  const json_t *proved = json_object_get(o, "proved"), *total = json_object_get(o, "total");
  const char *unit = json_string_value(json_object_get(o, "unit")), *tool = json_string_value(json_object_get(o, "tool")),
             *model = json_string_value(json_object_get(o, "model"));
  bool good = unit && json_is_integer(proved) && json_is_integer(total);
  if (good) {
    r->proof = realloc(r->proof, (r->proofs + 1) * sizeof *r->proof);
    if (!r->proof) abort();
    r->proof[r->proofs++] = (struct proof){report_string(r, unit), joined(r, json_object_get(o, "functions")),
                                           report_string(r, tool ? tool : ""), report_string(r, model ? model : ""),
                                           (long)json_integer_value(proved), (long)json_integer_value(total)};
  }
  json_decref(o);
  return good ? 0 : fail(e, "%s: no proof result: it lacks \"unit\", or an integer \"proved\" or \"total\"", path);
}

int report_read_proofs(struct report *r, const char *dir, struct error *e)
{
  struct dirent **entry;
  int count = scandir(dir, &entry, is_json, alphasort), bad = 0;
  if (count < 0) return fail(e, "%s: %s", dir, strerror(errno));
  r->proofs_dir = dir;
  for (int i = 0; i < count; ++i) {
    if (!bad) bad = read_proof(r, dir, entry[i]->d_name, e);
    free(entry[i]);
  }
  free(entry);
  return bad;
}
