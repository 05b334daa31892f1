/* SPDX-License-Identifier: Apache-2.0
   The probes of found.def, what makes one alive, the programs that show it, and the page's section on them. */
#include "command.h"
#include "found.h"
#include "report.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct probe *probe(const char *id)
{
  char name[64];
  snprintf(name, sizeof name, PROBE_CASE "%s", id);
  const struct probe *p = probe_of(name);
  if (!p) fail_msg("no probe %s", id);
  return p;
}

static struct record answer(const char *id, const char *implementation, double exact, double got, const char *covered)
{
  static char name[8][64];
  static int next;
  struct error e;
  struct record r = {.implementation = implementation, .version = "1", .spec = implementation, .verdict = FAIL, .judged = true};
  assert_int_equal(probe_problem(probe(id), &r.p, &e), 0);
  snprintf(name[next % 8], sizeof *name, PROBE_CASE "%s", id);
  r.name = name[next++ % 8];
  r.j = (struct judgement){.members = 1, .member = {probe_preset}, .worst_nulp = 1e6, .elements = 1, .covered = {covered}};
  r.j.finding[0] = (struct finding){.verdict = FAIL, .slot = SLOT_Y, .index = 3, .expected = exact, .got = got, .nulp = 1e6, .bound = 1};
  return r;
}

/* ---- the table ---- */

static bool names_an_input(const struct normative_problem *p, const char *word, size_t n)
{
  for (int s = 0; s < SLOT_COUNT; ++s)
    if (slot_is_input(p, (enum slot)s) && strlen(slot_name[s]) == n && !strncmp(word, slot_name[s], n)) return true;
  return false;
}

/* Data of 16 bits must be numbers of their type: a program makes them from floats. */
static void check_numbers(const struct probe *p, const struct normative_problem *problem, const char *text)
{
  for (char *end; *text && *text != ' '; text = end + (*end == ',')) {
    double value = strtod(text, &end), rounded = format_round(&type_formats[problem->type], value);
    if (end == text || (problem->type > NORMATIVE_F64 && rounded != value && !isnan(value)))
      fail_msg("%s: '%s' is no number of %s", p->id, text, type_name(problem->type));
  }
}

static void every_probe_is_a_problem_with_data(void **state)
{
  (void)state;
  for (const struct probe *p = probe_table; p->id; ++p) {
    struct normative_problem problem;
    struct error e;
    int output = 0;
    if (probe_problem(p, &problem, &e)) fail_msg("%s: %s", p->id, e.text);
    while (output < SLOT_COUNT && strcmp(slot_name[output], p->output)) ++output;
    assert_true(output < SLOT_COUNT && slot_is_output(&problem, (enum slot)output));
    for (const char *word = p->data; *word; word += strcspn(word, " "), word += *word == ' ') {
      size_t n = strcspn(word, "=");
      n -= n && word[n - 1] == '0';
      if (!names_an_input(&problem, word, n)) fail_msg("%s: data for '%s', which is no input", p->id, word);
      check_numbers(p, &problem, strchr(word, '=') + 1);
    }
    for (const struct probe *q = probe_table; q != p; ++q) assert_string_not_equal(p->id, q->id);
    assert_true(p->least > 0);
  }
  assert_null(probe_of("layernorm/forward/f32/4x4/normal/seed1"));
  assert_null(probe_of(PROBE_CASE "none"));
}

/* ---- alive ---- */

static void what_makes_a_defect_alive(void **state)
{
  static const struct { const char *id; double exact, got; const char *covered; enum alive alive; } row[] = {
    {"ln-1e20", 0.2, NAN, NULL, ALIVE},
    {"ln-1e20", 0.2, INFINITY, NULL, ALIVE},
    {"ln-1e20", 0.2, 0, NULL, ALIVE},
    {"ln-1e20", 0.2, 0.2001, NULL, ABSENT},
    {"ln-nan", NAN, 0.2, NULL, ALIVE},
    {"ln-nan", NAN, NAN, NULL, ABSENT},
    {"ln-nan", 1, NAN, NULL, ALIVE},
    {"ln-mean-1e4", 1, 2, "f32-one-pass", ALIVE},
    {"ln-mean-1e4", 1, 2, "f32-two-pass", ABSENT},         /* float arithmetic explains it */
    {"ln-mean-1e4", 1, 2, "f32-two-pass-folded", ALIVE},
    {"ln-mean-1e4", 1, 2, "f32-welford-ftz", ALIVE},
    {"ln-mean-1e4", 1, 1.01, "f32-one-pass", ABSENT},
    {"ln-constant", 0, 0.9, "f32-two-pass", ALIVE},        /* no answer, whatever explains it */
    {"ln-constant", 0, 0.05, "f32-two-pass", ABSENT}};
  (void)state;
  for (size_t i = 0; i < sizeof row / sizeof *row; ++i) {
    struct record r = answer(row[i].id, "somebody", row[i].exact, row[i].got, row[i].covered);
    if (probe_alive(probe(row[i].id), &r) != row[i].alive) fail_msg("row %zu: %s", i, row[i].id);
    r.verdict = PASS;
    assert_int_equal(probe_alive(probe(row[i].id), &r), ABSENT);
  }
}

static void what_is_documented_is_stated(void **state)
{
  static const struct { const char *id, *declared, *covered; enum alive alive; } row[] = {
    {"ln-mean-1e4", "f32-one-pass-ftz", "f32-one-pass", STATED},
    {"ln-mean-1e4", "f32-one-pass-ftz", NULL, ALIVE},
    {"ln-constant", "f32-stable-ftz", "f32-two-pass", ALIVE}, /* flushing subnormals has nothing to do with it */
    {"ln-constant", "f32-one-pass-ftz", "f32-one-pass", STATED},
    {"ln-subnormal", "f32-stable-ftz", "f32-welford-ftz", STATED}};
  (void)state;
  for (size_t i = 0; i < sizeof row / sizeof *row; ++i) {
    struct record r = answer(row[i].id, "somebody", 0, 1, row[i].covered);
    r.declared = row[i].declared;
    assert_int_equal(probe_alive(probe(row[i].id), &r), ALIVE);
    r.documented = "it says so";
    if (probe_alive(probe(row[i].id), &r) != row[i].alive) fail_msg("row %zu", i);
  }
}

/* ---- programs ---- */

static void programs_have_the_data_and_print_the_element(void **state)
{
  const char *language;
  struct error e;
  (void)state;
  struct record r = answer("bn-nan", "torch", 1, NAN, NULL);
  char *text = reproducer_text(probe("bn-nan"), &r, &language, &e);
  assert_non_null(text);
  assert_string_equal(language, "py");
  assert_non_null(strstr(text, "x = np.resize(np.float32([1, -1, 3]), (4, 2, 64))\nx.flat[0] = np.nan\n"));
  assert_non_null(strstr(text, "gamma = np.ones((2,), np.float32)\n"));
  assert_non_null(strstr(text, "eps=9.999999747378752e-06)"));
  assert_non_null(strstr(text, "\nprint(float(y.flat[3]).hex())\n"));
  assert_non_null(strstr(text, "# Exact: 0x1p+0 (1). torch 1 gives: nan (nan)\n"));
  free(text);
  r = answer("ln-eps", "onednn", 1, 0, NULL);
  text = reproducer_text(probe("ln-eps"), &r, &language, &e);
  assert_string_equal(language, "cpp");
  assert_non_null(strstr(text, "const float x_[] = {1e-4, -1e-4, 3e-4};\n"));
  assert_non_null(strstr(text, "1e-12f"));
  free(text);
  r.implementation = "my-kernel";
  assert_null(reproducer_text(probe("ln-eps"), &r, &language, &e));
  assert_string_equal(e.text, "");
}

static void programs_are_of_the_probes_types(void **state)
{
  const char *language;
  struct error e;
  (void)state;
  struct record r = answer("ln-bf16-dbeta", "torch", 257, 256, NULL);
  char *text = reproducer_text(probe("ln-bf16-dbeta"), &r, &language, &e);
  assert_non_null(text);
  assert_non_null(strstr(text, "x = np.resize(np.float32([1, -1, 3, 2, 5]), (257, 4))\n"));
  assert_non_null(strstr(text, "tensor, weight = (lambda a: torch.tensor(a, dtype=torch.bfloat16)), "
                               "(lambda a: torch.tensor(a, dtype=torch.float32))\n"));
  free(text);
  r = answer("gn-f64-float-nsc", "torch", 1, 0, NULL);
  text = reproducer_text(probe("gn-f64-float-nsc"), &r, &language, &e);
  assert_non_null(text);
  assert_non_null(strstr(text, "x = np.resize(np.float64([1, 1.000000001, 0.999999998]), (2, 32, 4))\n"));
  assert_non_null(strstr(text, "F.group_norm(x, 2, gamma, "));
  free(text);
  r = answer("ln-bf16-dbeta", "onednn3", 257, 256, NULL); /* programs in C++ are of f32 */
  assert_null(reproducer_text(probe("ln-bf16-dbeta"), &r, &language, &e));
  assert_string_equal(e.text, "");
}

/* Every template has what it names, for every probe that it has a section for. */
static void templates_expand(void **state)
{
  static const char *const peers[] = {"onednn", "onednn3", "onnxruntime", "jax", "openvino", "ncnn", "torch", "torch.compile",
                                      "tensorflow", "keras", "flax"};
  (void)state;
  for (size_t i = 0; i < sizeof peers / sizeof *peers; ++i) {
    size_t made = 0;
    for (const struct probe *p = probe_table; p->id; ++p) {
      struct record r = answer(p->id, peers[i], 1, 2, NULL);
      struct error e;
      const char *language;
      char *text = reproducer_text(p, &r, &language, &e);
      if (!text && e.text[0] && !strstr(e.text, "has no section")) fail_msg("%s of %s: %s", p->id, peers[i], e.text);
      for (const char *at = text; at && (at = strchr(at, '@')); ++at)
        if (strncmp(at, "@jax.jit", 8)) fail_msg("%s of %s: @ is left", p->id, peers[i]);
      made += text != NULL;
      free(text);
    }
    assert_true(made > 3);
  }
}

/* ---- the page ---- */

static char dir[64];

static void write_text(const char *name, const char *text)
{
  char path[128];
  snprintf(path, sizeof path, "%s/%s", dir, name);
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  fputs(text, f);
  fclose(f);
}

static char *section_of(const char *found)
{
  struct report r = {0};
  struct error e;
  static char *text;
  static size_t size;
  if (report_read_found(&r, found, &e)) fail_msg("%s", e.text);
  FILE *f = open_memstream(&text, &size);
  report_found(f, &r);
  fclose(f);
  report_free(&r);
  return text;
}

static void page_shows_what_is_alive_and_nothing_else(void **state)
{
  struct record r[] = {answer("ln-1e20", "torch", 0.2, NAN, NULL), answer("ln-constant", "torch", 0, 0.9, "f32-two-pass"),
                       answer("ln-mean-1e4", "flax", 1, 2, "f32-one-pass"), answer("ln-mean-1e4", "torch", 1, 2, "f32-two-pass"),
                       answer("rms-1e20", "torch", 1, 0, NULL), answer("ln-eps", "a<b>", 1, 0, NULL)};
  struct records all = {.r = r, .count = sizeof r / sizeof *r};
  char path[128];
  struct error e;
  (void)state;
  strcpy(dir, "/tmp/test-found-XXXXXX");
  assert_non_null(mkdtemp(dir));
  r[2].declared = "f32-one-pass";
  r[2].documented = "fast variance";
  snprintf(path, sizeof path, "%s/a.jsonl", dir);
  assert_int_equal(records_json(&all, probe_preset, path, &e), 0);
  write_text("ln-1e20.torch.py", "print('<nan>')\n");
  write_text("ln-constant.torch.py", "one\n");
  write_text("rms-1e20.torch.py", "two\n");
  write_text("printed", "ln-1e20.torch.py\tnan\nrms-1e20.torch.py\t0x1p+0\n"); /* the last: right, alone */
  char *page = section_of(dir);
  assert_non_null(strstr(page, "of 6 answers <b>3 are wrong</b>"));
  assert_non_null(strstr(page, "id=\"found-ln-1e20-torch\""));
  assert_non_null(strstr(page, "run alone it prints <code>nan</code>"));
  assert_non_null(strstr(page, "print('&lt;nan&gt;')"));
  assert_non_null(strstr(page, "id=\"found-ln-constant-torch\""));
  assert_non_null(strstr(page, "not run alone"));
  assert_non_null(strstr(page, "a&lt;b&gt;"));
  assert_null(strstr(page, "id=\"found-ln-mean-1e4"));
  assert_null(strstr(page, "id=\"found-rms-1e20"));
  const char *documented = strstr(page, "Documented by the peer"), *alone = strstr(page, "does not repeat");
  assert_non_null(documented);
  assert_non_null(strstr(documented, "fast variance"));
  assert_non_null(alone);
  assert_non_null(strstr(alone, "RMSNorm of values of 1e20"));
  free(page);
  snprintf(path, sizeof path, "rm -r %s", dir);
  assert_int_equal(system(path), 0);
}

int main(void)
{
  static const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_probe_is_a_problem_with_data), cmocka_unit_test(what_makes_a_defect_alive),
    cmocka_unit_test(what_is_documented_is_stated), cmocka_unit_test(programs_have_the_data_and_print_the_element),
    cmocka_unit_test(programs_are_of_the_probes_types), cmocka_unit_test(templates_expand),
    cmocka_unit_test(page_shows_what_is_alive_and_nothing_else)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
