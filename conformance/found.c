/* SPDX-License-Identifier: Apache-2.0
   normative found: probes as cases on disk, and reproducers of those that an implementation fails. */
#include "found.h"
#include "command.h"
#include "presets.h"
#include "report.h"
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char probe_preset[] = "f64-two-pass";

const struct probe probe_table[] = {
#define PROBE(...) {__VA_ARGS__},
#include "found.def"
#undef PROBE
  {0}};

const struct probe *probe_of(const char *name)
{
  if (strncmp(name, PROBE_CASE, strlen(PROBE_CASE))) return NULL;
  for (const struct probe *p = probe_table; p->id; ++p)
    if (!strcmp(p->id, name + strlen(PROBE_CASE))) return p;
  return NULL;
}

/* found.def leaves out the recipe: the data are its own. Statistics are in float, as peers have them, of f64 tensors in double. */
int probe_problem(const struct probe *probe, struct normative_problem *p, struct error *e)
{
  struct testcase tc;
  char name[CASE_NAME_MAX];
  const char *keys = strchr(probe->problem, ',');
  snprintf(name, sizeof name, "%.*s/normal/seed1%s%s", (int)strcspn(probe->problem, ","), probe->problem, keys ? keys : "",
           strstr(probe->problem, "/f64/") ? "" : ",stats=f32");
  if (case_parse(&tc, name, e)) return -1;
  *p = tc.p;
  return 0;
}

/* ---- data ---- */

#define CYCLE_MAX 16
struct cycle {
  double value[CYCLE_MAX], first;
  size_t count;
  bool has_first;
  const char *text, *first_text; /* up to a blank */
};

/* The words NAME=v,v,... and NAME0=v. */
static struct cycle cycle_of(const struct probe *probe, enum slot s)
{
  struct cycle c = {0};
  const char *name = slot_name[s];
  size_t n = strlen(name);
  for (const char *word = probe->data; *word; word += strcspn(word, " "), word += *word == ' ') {
    if (!strncmp(word, name, n) && word[n] == '0' && word[n + 1] == '=') {
      c.has_first = true;
      c.first = strtod(c.first_text = word + n + 2, NULL);
    } else if (!strncmp(word, name, n) && word[n] == '=') {
      c.text = word + n + 1;
    }
  }
  if (!c.text) c.text = s == SLOT_GAMMA || s == SLOT_RUNNING_VAR ? "1" : "0";
  for (char *end = (char *)c.text - 1; c.count < CYCLE_MAX;) {
    c.value[c.count++] = strtod(end + 1, &end);
    if (*end != ',') break;
  }
  return c;
}

static int fill(const struct probe *probe, const struct normative_problem *p, struct tensors *in, struct error *e)
{
  for (int s = 0; s < SLOT_COUNT; ++s) {
    if (!slot_is_input(p, (enum slot)s)) continue;
    struct cycle c = cycle_of(probe, (enum slot)s);
    struct tensor *t = &in->t[s];
    if (tensor_alloc(t, p, (enum slot)s, e)) return -1;
    for (size_t i = 0; i < t->count; ++i)
      if (tensor_set(t, i, c.has_first && !i ? c.first : c.value[i % c.count]))
        return fail(e, "%s: %g does not fit %s", slot_name[s], c.value[i % c.count], type_name(t->type));
  }
  return 0;
}

static int write_case(const struct probe *probe, const char *dir, struct error *e)
{
  struct normative_problem p;
  struct tensors in = {0};
  char path[1200], name[64];
  snprintf(path, sizeof path, "%s/%s/%s", dir, probe->output, probe->id);
  snprintf(name, sizeof name, PROBE_CASE "%s", probe->id);
  int bad = probe_problem(probe, &p, e) || fill(probe, &p, &in, e) || make_directories(path, e) ||
            casedir_write(path, name, &p, &in, NULL, NULL, e);
  tensors_free(&in);
  return bad ? -1 : 0;
}

/* ---- what a record says of a probe ---- */

const struct finding *probe_element(const struct record *r)
{
  return r->has_furthest ? &r->furthest : &r->j.finding[r->member];
}

bool probe_shows(const struct probe *probe, double exact, double got)
{
  if (!isfinite(exact) || !isfinite(got)) return isnan(exact) != isnan(got) || (!isnan(exact) && exact != got);
  return fabs(got - exact) > probe->least;
}

/* Is the result covered by the row of `name`, with at most its variants? */
static bool covered_by(const struct record *r, const char *name)
{
  struct error e;
  const struct preset *wanted = preset_find(name, &e), *const only[] = {wanted, NULL};
  if (!wanted) return false;
  for (const struct preset *const *member = wanted->row ? only : wanted->member; *member; ++member)
    for (int k = 0; k < COVERED_MAX && r->j.covered[k]; ++k) {
      const struct preset *c = preset_find(r->j.covered[k], &e);
      if (c && c->row == (*member)->row && c->folded <= (*member)->folded && c->ftz <= (*member)->ftz) return true;
    }
  return false;
}

/* Does the implementation's documentation say so? That it flushes subnormals says nothing of what any float kernel may give. */
static bool stated(const struct record *r)
{
  const char *usual = preset_default(r->p.type);
  if (!r->documented || !r->declared || !covered_by(r, r->declared)) return false;
  return strncmp(r->declared, usual, strlen(usual)) || !covered_by(r, usual);
}

bool probe_usual(const struct record *r) { return covered_by(r, preset_default(r->p.type)); }

enum alive probe_alive(const struct probe *probe, const struct record *r)
{
  const struct finding *f = probe_element(r);
  bool failed = r->verdict == FAIL || r->verdict == CRASH || r->verdict == TIMEOUT;
  if (!failed) return ABSENT;
  if (r->judged && !r->reason[0]) {
    if (!probe_shows(probe, f->expected, f->got)) return ABSENT;
    if (probe->by == BOUND && covered_by(r, preset_default(r->p.type))) return ABSENT;
    if (stated(r)) return STATED;
  }
  return ALIVE;
}

/* ---- reproducers ---- */

/* A template is a file found/IMPLEMENTATION.py.in or .cpp.in with sections, each begun by a line "== KEY" as section_key makes
   it, or several keys with commas between; what stands before the first goes before each, lines with @# are left out. In it
   @NAME@ stands for what `replaced` writes. Arrays of 16 bits are float32 in numpy: the program makes them its own. Programs in
   C++ are of f32. */
static FILE *open_template(const char *implementation, const char **language)
{
  static const char *const languages[] = {"py", "cpp"};
  for (size_t k = 0; k < 2; ++k) {
    char path[1200];
    snprintf(path, sizeof path, NORMATIVE_DATA_DIR "/../found/%.100s.%s.in", implementation, *language = languages[k]);
    FILE *f = fopen(path, "r");
    if (f) return f;
  }
  return NULL;
}

static bool heads(const char *line, const char *key)
{
  size_t n = strlen(key);
  for (const char *at = line + 3; *at && *at != '\n'; at += strspn(at, ", ")) {
    size_t length = strcspn(at, ",\n");
    if (length == n && !strncmp(at, key, n)) return true;
    at += length;
  }
  return false;
}

/* The text before the sections and the section of key; NULL: there is none. */
static char *section(FILE *template, const char *key)
{
  char *text = NULL, *line = NULL;
  size_t size, room = 0;
  bool wanted = true, found = false;
  FILE *out = open_memstream(&text, &size);
  while (getline(&line, &room, template) >= 0) {
    if (!strncmp(line, "@#", 2)) continue;
    if (!strncmp(line, "== ", 3)) found |= wanted = heads(line, key);
    else if (wanted) fputs(line, out);
  }
  fclose(out);
  free(line);
  if (found) return text;
  free(text);
  return NULL;
}

static void section_key(char key[96], const struct normative_problem *p)
{
  bool evaluation = p->mode == NORMATIVE_EVALUATION;
  snprintf(key, 96, "%s %s%s%s%s%s%s", norm_find(p->norm)->name, direction_name(p->direction), evaluation ? " evaluation" : "",
           p->running && !evaluation ? " running" : "", p->eps_place == NORMATIVE_EPS_INSIDE ? "" : " outside",
           p->residual ? " residual" : "", p->layout == NORMATIVE_NSC ? " nsc" : "");
}

/* Numbers as the language writes them, up to a blank; `between` in place of commas. */
static void numbers(FILE *f, const char *text, bool python, const char *between)
{
  for (; *text && *text != ' '; ++text) {
    if (*text == ',') fputs(between, f);
    else if (!strncmp(text, "nan", 3)) text += 2, fputs(python ? "np.nan" : "NAN", f);
    else if (!strncmp(text, "inf", 3)) text += 2, fputs(python ? "np.inf" : "INFINITY", f);
    else fputc(*text, f);
  }
}

/* "(4, 1024)", "(3,)" */
static void shape_text(FILE *f, const struct tensor *t)
{
  fputc('(', f);
  for (int k = 0; k < t->ndim; ++k) fprintf(f, "%s%zu", k ? ", " : "", t->dims[k]);
  fputs(t->ndim == 1 ? ",)" : ")", f);
}

static void python_data(FILE *f, const struct probe *probe, const struct normative_problem *p, enum slot s)
{
  struct cycle c = cycle_of(probe, s);
  struct tensor shape = slot_shape(p, s);
  const char *type = shape.type == NORMATIVE_F64 ? "np.float64" : "np.float32";
  bool plain = c.count == 1 && (c.value[0] == 0 || c.value[0] == 1);
  fprintf(f, "%s = ", slot_name[s]);
  if (plain) fputs(c.value[0] ? "np.ones(" : "np.zeros(", f);
  else {
    fprintf(f, "np.resize(%s([", type);
    numbers(f, c.text, true, ", ");
    fputs("]), ", f);
  }
  shape_text(f, &shape);
  fprintf(f, plain ? ", %s)\n" : ")\n", type);
  if (!c.has_first) return;
  fprintf(f, "%s.flat[0] = ", slot_name[s]);
  numbers(f, c.first_text, true, ", ");
  fputc('\n', f);
}

static void cpp_data(FILE *f, const struct probe *probe, const struct normative_problem *p, enum slot s)
{
  struct cycle c = cycle_of(probe, s);
  const char *name = slot_name[s];
  if (c.count > 1) {
    fprintf(f, "  const float %s_[] = {", name);
    numbers(f, c.text, false, ", ");
    fputs("};\n", f);
  }
  fprintf(f, "  std::vector<float> %s(%zu", name, slot_shape(p, s).count);
  if (c.count == 1) {
    fputs(", ", f);
    numbers(f, c.text, false, ", ");
  }
  fputs(");\n", f);
  if (c.count > 1) fprintf(f, "  for (size_t i = 0; i < %s.size(); i++) %s[i] = %s_[i %% %zu];\n", name, name, name, c.count);
  if (!c.has_first) return;
  fprintf(f, "  %s[0] = ", name);
  numbers(f, c.first_text, false, ", ");
  fputs(";\n", f);
}

static void data(FILE *f, const struct probe *probe, const struct normative_problem *p, bool python)
{
  for (int s = 0; s < SLOT_COUNT; ++s) {
    if (!slot_is_input(p, (enum slot)s)) continue;
    if (python) python_data(f, probe, p, (enum slot)s);
    else cpp_data(f, probe, p, (enum slot)s);
  }
}

/* As numpy and frameworks call it. */
static const char *type_in_python(uint32_t type)
{
  return type == NORMATIVE_F64 ? "float64" : type == NORMATIVE_F32 ? "float32" : type == NORMATIVE_F16 ? "float16" : "bfloat16";
}

/* The shortest text that is the same float, or the same double. */
static void number_text(FILE *f, double x, bool wide)
{
  char text[40];
  for (int digits = 1; digits < 18; ++digits) {
    snprintf(text, sizeof text, "%.*g", digits, x);
    if (wide ? strtod(text, NULL) == x : (float)strtod(text, NULL) == (float)x) break;
  }
  fprintf(f, "%s%s", text, strpbrk(text, ".e") ? "" : ".0");
}

/* What @name@ stands for; -1: nothing that is known. */
static int replaced(FILE *f, const char *name, const struct probe *probe, const struct record *r, bool python)
{
  const struct finding *w = probe_element(r);
  const struct normative_problem *p = &r->p;
  const struct { const char *name; size_t value; } sizes[] = {
    {"n", p->n}, {"c", p->c}, {"s", p->s}, {"groups", p->groups}, {"rows", problem_groups(p)},
    {"size", problem_elements(p)}, {"index", w->index}};
  for (size_t k = 0; k < sizeof sizes / sizeof *sizes; ++k)
    if (!strcmp(name, sizes[k].name)) return fprintf(f, "%zu", sizes[k].value) < 0;
  if (!strcmp(name, "eps")) number_text(f, p->eps, false);
  else if (!strcmp(name, "epsilon")) number_text(f, p->eps, true); /* where a double is taken */
  else if (!strcmp(name, "momentum")) number_text(f, p->momentum, true);
  else if (!strcmp(name, "output")) fputs(probe->output, f);
  else if (!strcmp(name, "dtype")) fputs(type_in_python(p->type), f);
  else if (!strcmp(name, "params")) fputs(type_in_python(p->param_type), f);
  else if (!strcmp(name, "data")) data(f, probe, p, python);
  else if (!strcmp(name, "print") && python) fprintf(f, "print(float(%s.flat[%zu]).hex())\n", probe->output, w->index);
  else if (!strcmp(name, "print")) fprintf(f, "  printf(\"%%a\\n\", %s[%zu]);\n", probe->output, w->index);
  else return -1;
  return 0;
}

static int expand(FILE *f, const char *text, const struct probe *probe, const struct record *r, bool python, struct error *e)
{
  while (*text) {
    char name[16] = "";
    int used = 0;
    if (*text != '@' || sscanf(text, "@%15[a-z]@%n", name, &used) != 1 || !used) {
      fputc(*text++, f);
      continue;
    }
    if (replaced(f, name, probe, r, python))
      return fail(e, "a template of %s has @%s@, which is nothing", r->implementation, name);
    text += used;
    if ((!strcmp(name, "data") || !strcmp(name, "print")) && *text == '\n') ++text; /* they end their last line */
  }
  return 0;
}

/* The head of the program: what it shows. */
static void headline(FILE *f, const struct probe *probe, const struct record *r, const char *comment)
{
  const struct finding *w = probe_element(r);
  double got = isnan(w->got) ? NAN : w->got; /* without its sign */
  fprintf(f, "%s %s.\n%s Exact: %a (%.9g). %s %s gives: %a (%.9g)\n", comment, probe->title, comment, w->expected, w->expected,
          r->implementation, r->version, got, got);
}

char *reproducer_text(const struct probe *probe, const struct record *record, const char **language, struct error *e)
{
  char key[96], *body, *text = NULL;
  size_t size;
  struct record own = *record, *r = &own; /* one that was read back has not all of its problem */
  if (probe_problem(probe, &own.p, e)) return NULL;
  e->text[0] = 0;
  FILE *template = open_template(r->implementation, language);
  if (!template) return NULL;
  section_key(key, &r->p);
  bool none = **language == 'c' && r->p.type != NORMATIVE_F32;
  body = none ? NULL : section(template, key);
  fclose(template);
  if (none) return NULL;
  if (!body) {
    fail(e, "found/%s.%s.in has no section \"%s\"", r->implementation, *language, key);
    return NULL;
  }
  FILE *f = open_memstream(&text, &size);
  headline(f, probe, r, **language == 'p' ? "#" : "//");
  int bad = expand(f, body, probe, r, **language == 'p', e);
  fclose(f);
  free(body);
  if (!bad) return text;
  free(text);
  return NULL;
}

/* ---- the command ---- */

static void help(void)
{
  puts("usage: normative found --cases DIR [--large]\n"
       "       normative found --reproducers DIR RECORDS.jsonl...\n\n"
       "Known defects of norms, looked for in what is installed. The first writes each probe of conformance/found.def as a\n"
       "case, DIR/OUTPUT/PROBE, to be judged by\n"
       "  normative check IMPLEMENTATION --input DIR/OUTPUT --output OUTPUT --require f64-two-pass --json RECORDS.jsonl\n"
       "The second writes, for each defect that these records show alive, DIR/PROBE.IMPLEMENTATION.py (or .cpp), a program\n"
       "that shows it alone, and DIR/list, one line for each: file, tab, value it should print. It says each: alive; stated,\n"
       "where the implementation's documentation tells of it; unsure, where no answer came.\n\n"
       "  --large   the probes of hundreds of megabytes, in place of the small ones");
}

static int write_cases(const char *dir, enum probe_size size)
{
  struct error e;
  for (const struct probe *p = probe_table; p->id; ++p)
    if (p->size == size && write_case(p, dir, &e)) return misuse("found", "%s: %s", p->id, e.text);
  return EXIT_PASS;
}

static int write_text(const char *path, const char *text, struct error *e)
{
  struct output out;
  if (output_open(&out, path, e)) return -1;
  fputs(text, out.f);
  return output_finish(&out, e);
}

/* One line on standard output. */
static void say(const struct probe *probe, const struct record *r, enum alive alive)
{
  const struct finding *w = probe_element(r);
  const char *how = alive == STATED ? "stated" : r->reason[0] ? "unsure" : "alive";
  printf("%-6s  %-22s  %s %s  ", how, probe->id, r->implementation, r->version);
  if (r->reason[0]) printf("%s: %s\n", verdict_name[r->verdict], r->reason);
  else printf("%s[%zu] exact %a got %a\n", slot_name[w->slot], w->index, w->expected, w->got);
}

static int write_reproducer(const char *dir, const struct record *r, FILE *list, struct error *e)
{
  const struct probe *probe = probe_of(r->name);
  enum alive alive = probe ? probe_alive(probe, r) : ABSENT;
  const char *language;
  char path[1200];
  if (alive == ABSENT) return 0;
  say(probe, r, alive);
  if (alive == STATED || !r->judged || r->reason[0]) return 0;
  char *text = reproducer_text(probe, r, &language, e);
  if (!text) {
    if (e->text[0]) fprintf(stderr, "normative: found: %s\n", e->text); /* the defect is there all the same */
    return 0;
  }
  snprintf(path, sizeof path, "%s/%s.%.100s.%s", dir, probe->id, r->implementation, language);
  int bad = write_text(path, text, e);
  fprintf(list, "%s.%s.%s\t%a\n", probe->id, r->implementation, language, probe_element(r)->got);
  free(text);
  return bad;
}

static int write_reproducers(const char *dir, char **files, int count)
{
  struct report r = {0};
  struct error e;
  struct output list;
  char path[1200];
  snprintf(path, sizeof path, "%s/list", dir);
  int bad = make_directories(dir, &e);
  for (int i = 0; i < count && !bad; ++i) bad = report_read(&r, files[i], &e);
  bad = bad || output_open(&list, path, &e);
  if (!bad) {
    for (size_t i = 0; i < r.checks.count && !bad; ++i) bad = write_reproducer(dir, &r.checks.r[i], list.f, &e);
    if (bad) output_abandon(&list);
    else bad = output_finish(&list, &e);
  }
  report_free(&r);
  return bad ? misuse("found", "%s", e.text) : EXIT_PASS;
}

int cmd_found(int argc, char **argv)
{
  static const struct option options[] = {
    {"cases", 1, 0, 'c'}, {"reproducers", 1, 0, 'r'}, {"large", 0, 0, 'l'}, {"help", 0, 0, 'h'}, {0}};
  const char *cases = NULL, *reproducers = NULL;
  enum probe_size size = SMALL;
  for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) switch (option) {
    case 'h': help(); return EXIT_PASS;
    case 'c': cases = optarg; break;
    case 'r': reproducers = optarg; break;
    case 'l': size = LARGE; break;
    default: return EXIT_MISUSE;
    }
  if (!cases == !reproducers) return misuse("found", "either --cases DIR or --reproducers DIR");
  if (cases && optind < argc) return misuse("found", "--cases takes no files");
  if (reproducers && optind == argc) return misuse("found", "--reproducers: name files of records");
  return cases ? write_cases(cases, size) : write_reproducers(reproducers, argv + optind, argc - optind);
}
