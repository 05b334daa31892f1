/* SPDX-License-Identifier: Apache-2.0
   The report: records there and back, the page and its escapes, what bad input gets; and the schema beside what is written. */
#include "command.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64], records[128], out[128], index_html[160];

static void write_text(const char *path, const char *text)
{
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  fputs(text, f);
  fclose(f);
}

static char *read_text(const char *path)
{
  FILE *f = fopen(path, "r");
  if (!f) return NULL;
  char *text = calloc(1, 1 << 20);
  size_t size = fread(text, 1, (1 << 20) - 1, f);
  assert_true(size < (1 << 20) - 1);
  fclose(f);
  return text;
}

static int set_up(void **state)
{
  char path[200];
  (void)state;
  strcpy(dir, "/tmp/test-report-XXXXXX");
  assert_non_null(mkdtemp(dir));
  snprintf(records, sizeof records, "%s/records.jsonl", dir);
  snprintf(out, sizeof out, "%s/page", dir);
  snprintf(index_html, sizeof index_html, "%s/index.html", out);
  snprintf(path, sizeof path, "%s/proofs", dir);
  mkdir(path, 0777);
  snprintf(path, sizeof path, "%s/proofs/results", dir);
  mkdir(path, 0777);
  return 0;
}

static int tear_down(void **state)
{
  char command[128];
  (void)state;
  snprintf(command, sizeof command, "rm -rf '%s'", dir);
  return system(command);
}

/* normative report --out OUT --proofs DIR RECORDS, and what it says on standard error */
static int report(char said[2048])
{
  char proofs[128], *argv[] = {"report", "--out", out, "--proofs", proofs, records, NULL};
  FILE *f = tmpfile();
  int kept = dup(2), kept_out = dup(1), status;
  fflush(NULL);
  dup2(fileno(f), 2);
  dup2(fileno(f), 1);
  snprintf(proofs, sizeof proofs, "%s/proofs/results", dir);
  optind = 0;
  status = cmd_report(6, argv);
  fflush(NULL);
  dup2(kept, 2);
  dup2(kept_out, 1);
  close(kept);
  close(kept_out);
  rewind(f);
  said[fread(said, 1, 2047, f)] = 0;
  fclose(f);
  return status;
}

static struct record example(void)
{
  struct record r = {.name = "layernorm/forward/f32/256x768/mean1e4/seed7", .seed = 7, .implementation = "a<b>&\"c",
                     .version = "1.2", .spec = "./it's.so", .verdict = FAIL, .judged = true, .known = true, .input = "in put",
                     .seconds = 0.5, .reason = ""};
  problem_default(&r.p, NORMATIVE_LAYERNORM, NORMATIVE_FORWARD, NORMATIVE_F32);
  r.j = (struct judgement){.verdict = FAIL, .members = 1, .member = {"f32-two-pass"}, .worst_nulp = 1234.5, .elements = 196608,
                           .misrounded = 3, .kappa = 1e4, .explained = {"f32-one-pass"}, .covered = {"f32-sequential", "f32-one-pass"}};
  for (int s = 0; s < SLOT_COUNT; ++s) r.j.nulp[s] = s == SLOT_Y ? 1234.5 : -1;
  r.j.finding[0] = (struct finding){FAIL, SLOT_Y, 17, 0x1.8p0, 0x1.9p0, 1234.5, 99.5, 640};
  return r;
}

static void write_records(const struct record *r, size_t count)
{
  struct records all = {.r = (struct record *)r, .count = count};
  struct error e;
  assert_int_equal(records_json(&all, "default", records, &e), 0);
}

static size_t occurrences(const char *text, const char *what)
{
  size_t n = 0;
  for (; (text = strstr(text, what)); ++text) ++n;
  return n;
}

/* ---- the page ---- */

static void page_shows_what_the_records_say(void **state)
{
  struct record r[3] = {example(), example(), example()};
  char said[2048];
  (void)state;
  r[1].implementation = "other";
  r[1].verdict = r[1].j.verdict = PASS;
  r[1].input = r[2].input = NULL;
  r[2].implementation = "other";
  r[2].known = false;
  r[2].name = "a'b";
  write_records(r, 3);
  assert_int_equal(report(said), 0);
  char *page = read_text(index_html);
  assert_non_null(page);
  assert_non_null(strstr(page, "a&lt;b&gt;&amp;&quot;c"));
  assert_null(strstr(page, "a<b>"));
  assert_non_null(strstr(page, "<b>1 results pass, 2 fail</b>"));
  assert_non_null(strstr(page, "y[17]"));
  assert_non_null(strstr(page, "0x1.8p+0"));
  assert_non_null(strstr(page, "1.23e+03 nULP</b>, bound 99.5 nULP of f32-two-pass; covered by f32-one-pass"));
  assert_non_null(strstr(page, "check './it'\\''s.so' --input 'in put'"));
  assert_non_null(strstr(page, "--case 'a'\\''b'"));
  free(page);
}

/* ---- pictures ---- */

/* `count` cases with a condition number of 10^from and up, `each` to a decade, with an error of nulp. */
static void cases(struct record *r, size_t count, double from, double each, double nulp)
{
  for (size_t i = 0; i < count; ++i) {
    r[i] = example();
    r[i].implementation = "peer";
    r[i].verdict = r[i].j.verdict = PASS;
    r[i].j.kappa = pow(10, from + (double)i / each);
    r[i].j.worst_nulp = r[i].j.nulp[SLOT_Y] = nulp;
  }
}

/* The ordinate of each grid line, from 10^-3 up, as the page draws them; how many. */
static int grid(const char *page, int ordinate[32])
{
  int count = 0, x, y, right, used;
  const char *d = strstr(page, "<g id=\"axes\"><path");
  assert_non_null(d);
  d = strstr(d, " d=\"") + 4;
  while (count < 32 && sscanf(d, "M%d %dH%d%n", &x, &y, &right, &used) == 3) {
    ordinate[count++] = y;
    d += used;
  }
  return count;
}

/* Squares, the symbol of who stands first: how many, and the ordinate of the highest one's centre. */
static size_t squares(const char *page, int *highest)
{
  size_t count = 0;
  int x, y, side, down;
  *highest = 1000;
  for (const char *d = strstr(page, "<div class=\"panels\">"); (d = strchr(d, 'M')); ++d)
    if (sscanf(d, "M%d %dh%dv%dh-", &x, &y, &side, &down) == 4 && ++count && y + side / 2 < *highest) *highest = y + side / 2;
  return count;
}

/* However many cases: of all that fall together the worst is drawn, where it belongs. */
static void thinning_keeps_the_worst(void **state)
{
  enum { CASES = 2000 };
  struct record *r = calloc(CASES, sizeof *r);
  char said[2048];
  int ordinate[32], highest;
  (void)state;
  cases(r, CASES, 0, CASES / 5.0, 10); /* from 1 to 10^5 */
  for (size_t i = 0; i < CASES; ++i) r[i].j.worst_nulp = i % 7;
  r[1234].j.worst_nulp = 1e5;
  write_records(r, CASES);
  assert_int_equal(report(said), 0);
  char *page = read_text(index_html);
  size_t drawn = squares(page, &highest);
  assert_int_equal(grid(page, ordinate), 3 + 6 + 1);
  assert_int_equal(highest, ordinate[3 + 5]);
  assert_in_range(drawn, 5 * 4, 5 * 6);
  free(page);
  free(r);
}

static void pictures_use_the_same_axes(void **state)
{
  struct record r[20];
  char said[2048];
  (void)state;
  cases(r, 20, 0, 4, 10);
  for (int i = 10; i < 20; ++i) problem_default(&r[i].p, NORMATIVE_BATCHNORM, NORMATIVE_FORWARD, NORMATIVE_F32);
  write_records(r, 20);
  assert_int_equal(report(said), 0);
  char *page = read_text(index_html);
  assert_int_equal(occurrences(page, "<figure>"), 2);
  assert_int_equal(occurrences(page, "id=\"axes\""), 1);
  assert_int_equal(occurrences(page, "href=\"#axes\""), 2);
  assert_int_equal(occurrences(page, "http"), 0); /* nothing from elsewhere */
  free(page);
}

/* ---- the matrix ---- */

/* A record of every norm, direction, mode, type and layout; a row of each, folded into one of each norm and direction. */
static void every_problem_has_a_row(void **state)
{
  struct record r[400];
  size_t count = 0, norms = 0;
  char said[2048], id[100];
  (void)state;
  for (const struct norm_row *row = norm_table; row->name; ++row, ++norms)
    for (unsigned k = 0; k < 32; ++k) {
      if ((k & 4 && !row->evaluates) || (k & 2 && row->axes == 2)) continue;
      r[count] = example();
      r[count].known = false;
      r[count].implementation = "peer";
      problem_default(&r[count].p, row->id, k & 1 ? NORMATIVE_BACKWARD : NORMATIVE_FORWARD, NORMATIVE_F32 + k / 8);
      if (k & 4) r[count].p.mode = NORMATIVE_EVALUATION;
      if (k & 2) r[count].p.layout = NORMATIVE_NSC;
      ++count;
    }
  write_records(r, count);
  assert_int_equal(report(said), 0);
  char *page = read_text(index_html);
  assert_true(count > 64);
  assert_int_equal(occurrences(page, "<div class=\"row\">"), count);
  assert_int_equal(occurrences(page, "<summary class=\"row\">"), 2 * norms);
  assert_int_equal(occurrences(page, ">FAIL</a>"), count + 2 * norms); /* each leads to a worst case */
  for (const struct norm_row *row = norm_table; row->name; ++row) {
    snprintf(id, sizeof id, "<td id=\"worst-0-%s-backward-bf16\">", row->name);
    assert_int_equal(occurrences(page, id), 1);
  }
  free(page);
}

/* A norm's row fails where one of its types does, and says which; of that type the worst case is shown, in whatever layout. */
static void a_row_shows_the_type_that_fails(void **state)
{
  struct record r[4] = {example(), example(), example(), example()};
  static const double nulp[] = {99, 0.75, 88, 0.5};
  char said[2048];
  (void)state;
  for (int i = 0; i < 4; ++i) {
    r[i].implementation = "peer";
    r[i].known = false;
    r[i].input = NULL;
    r[i].verdict = r[i].j.verdict = i % 3 ? FAIL : PASS;
    r[i].j.worst_nulp = nulp[i];
    problem_default(&r[i].p, NORMATIVE_BATCHNORM, NORMATIVE_FORWARD, i ? NORMATIVE_BF16 : NORMATIVE_F32);
  }
  r[1].name = "failing-case";
  r[2].name = "worse-case";
  r[2].p.layout = NORMATIVE_NSC;
  write_records(r, 4);
  assert_int_equal(report(said), 0);
  char *page = read_text(index_html);
  assert_non_null(strstr(page, "<b><a href=\"#worst-0-batchnorm-forward-bf16\">FAIL</a></b><br>2 of 4<small>"
                               "<a class=\"PASS\" href=\"#worst-0-batchnorm-forward-f32\">f32 99</a> "
                               "<a class=\"FAIL\" href=\"#worst-0-batchnorm-forward-bf16\">bf16 88</a>"));
  assert_non_null(strstr(page, "check './it'\\''s.so' --case worse-case"));
  assert_null(strstr(page, "failing-case"));
  free(page);
}

static void infinite_and_nan_errors_are_shown(void **state)
{
  struct record r = example();
  char said[2048];
  (void)state;
  r.j.worst_nulp = r.j.finding[0].nulp = r.j.nulp[SLOT_Y] = INFINITY;
  r.j.finding[0].got = NAN;
  r.j.kappa = INFINITY;
  write_records(&r, 1);
  assert_int_equal(report(said), 0);
  char *page = read_text(index_html);
  assert_non_null(strstr(page, "error <b>inf nULP</b>"));
  assert_non_null(strstr(page, "got <code>nan</code>"));
  free(page);
}

static void proofs_are_shown(void **state)
{
  struct record r = example();
  char result[200], pending[200], said[2048];
  (void)state;
  write_records(&r, 1);
  snprintf(result, sizeof result, "%s/proofs/results/core.json", dir);
  snprintf(pending, sizeof pending, "%s/proofs/ASSUMED", dir);
  write_text(result, "{\"unit\":\"core\",\"proved\":50,\"total\":53,\"functions\":[\"two_sum\",\"over\"],\"tool\":\"Frama-C\"}");
  write_text(pending, "# a comment\nnormalise\n\n");
  assert_int_equal(report(said), 0);
  char *page = read_text(index_html);
  assert_non_null(strstr(page, "50 of 53 goals"));
  assert_non_null(strstr(page, "3 open"));
  assert_non_null(strstr(page, "two_sum, over"));
  assert_non_null(strstr(page, "not proved yet: <code>normalise</code>."));
  free(page);
  write_text(result, "{\"unit\":\"core\",\"proved\":50}");
  unlink(index_html);
  assert_int_equal(report(said), 2);
  assert_non_null(strstr(said, "core.json: no proof result"));
  assert_int_equal(access(index_html, F_OK), -1);
  unlink(result);
}

/* ---- cells ---- */

/* Two cases in one cell, covered by what is named; the cell's cover. */
static void covered_by(const char *expected, const char *const first[], const char *const second[])
{
  struct record r[2] = {example(), example()};
  struct records all = {.r = r, .count = 2};
  size_t count;
  memset(r[0].j.covered, 0, sizeof r[0].j.covered);
  memset(r[1].j.covered, 0, sizeof r[1].j.covered);
  for (int k = 0; first[k]; ++k) r[0].j.covered[k] = first[k];
  for (int k = 0; second[k]; ++k) r[1].j.covered[k] = second[k];
  struct records_line *line = records_lines(&all, &count);
  assert_int_equal(count, 1);
  assert_string_equal(records_line_cover(line), expected);
  free(line);
}
#define NAMES(...) (const char *const[]){__VA_ARGS__, NULL}

static void a_cell_is_covered_by_what_covers_all_its_cases(void **state)
{
  (void)state;
  covered_by("f32-two-pass", NAMES("f64-stats", "f32-two-pass", "f32-one-pass"), NAMES("f32-two-pass", "f32-one-pass"));
  covered_by("f32-one-pass", NAMES("f32-two-pass", "f32-one-pass"), NAMES("f32-welford", "f32-one-pass"));
  covered_by("f32-two-pass-folded", NAMES("f32-two-pass"), NAMES("f32-two-pass-folded"));
  covered_by("f32-two-pass-folded-ftz", NAMES("f32-two-pass-ftz"), NAMES("f32-two-pass-folded"));
  covered_by("none", NAMES("f32-two-pass"), NAMES("f32-welford"));
  covered_by("none", NAMES("f32-two-pass"), (const char *const[]){NULL});
}

static void what_does_not_count_changes_no_cell(void **state)
{
  struct record r[4] = {example(), example(), example(), example()};
  struct records all = {.r = r, .count = 4};
  size_t count;
  (void)state;
  r[1].verdict = RANGE;
  r[2].verdict = MISTRUSTED;
  r[3].verdict = PASS; /* an empty tensor */
  for (int i = 1; i < 4; ++i) {
    r[i].j.covered[0] = NULL;
    r[i].j.worst_nulp = i < 3 ? INFINITY : 0;
  }
  r[3].j.elements = 0;
  struct records_line *line = records_lines(&all, &count);
  assert_int_equal(count, 1);
  assert_true(line->nulp == 1234.5);
  assert_string_equal(records_line_cover(line), "f32-sequential");
  free(line);
}

/* A failure without an output has no error in nULP, and nothing covers it; an accepted one is no failure of the line. */
static void a_failure_without_an_output_is_not_covered(void **state)
{
  struct record r[2] = {example(), example()};
  struct records all = {.r = r, .count = 1};
  size_t count;
  (void)state;
  r[0].judged = false;
  r[0].known = false;
  struct records_line *line = records_lines(&all, &count);
  assert_true(line->nulp < 0);
  assert_string_equal(records_line_cover(line), "none");
  free(line);
  all.count = 2;
  r[1].verdict = PASS;
  r[1].known = false;
  line = records_lines(&all, &count);
  assert_true(line->nulp == 1234.5);
  assert_string_equal(records_line_cover(line), "none");
  assert_int_equal(records_line_failed(line), 1);
  free(line);
  r[0].known = true;
  line = records_lines(&all, &count);
  assert_int_equal(records_line_failed(line), 0);
  assert_int_equal(records_line_verdict(line), PASS);
  free(line);
}

/* Of a line that fails, f64-stats would be no weaker preset: it is another. */
static void a_failing_line_is_covered_by_sums_of_its_own_type(void **state)
{
  struct record r = example();
  struct records all = {.r = &r, .count = 1};
  size_t count;
  (void)state;
  r.j.covered[0] = "f64-stats";
  r.j.covered[1] = "f32-merge";
  for (int v = 0; v < 2; ++v) {
    r.verdict = v ? PASS : FAIL;
    struct records_line *line = records_lines(&all, &count);
    assert_string_equal(records_line_cover(line), v ? "f64-stats" : "f32-merge");
    free(line);
  }
}

/* Text of others that is no UTF-8, or cannot be in XML, reaches both files as question marks. */
static void odd_text_is_written_as_question_marks(void **state)
{
  struct record r = example();
  struct records all = {.r = &r, .count = 1};
  char *xml;
  size_t size;
  (void)state;
  r.known = false;
  strcpy(r.reason, "a\001b\377c\303\050d\357\277\277e\355\240\200f \342\210\236");
  write_records(&r, 1);
  json_t *o = json_load_file(records, 0, NULL);
  assert_string_equal(json_string_value(json_object_get(o, "reason")), "a?b?c?(d???e???f \342\210\236");
  json_decref(o);
  FILE *f = open_memstream(&xml, &size);
  records_write_junit(&all, "check", f);
  fclose(f);
  assert_non_null(strstr(xml, "message=\"a?b?c?(d???e???f \342\210\236\""));
  free(xml);
}

/* ---- bad input: one line, exit status 2, no page ---- */

static void refused(const char *expected)
{
  char said[2048];
  int status = report(said);
  if (!strstr(said, expected)) fail_msg("said '%s', not '%s'", said, expected);
  assert_int_equal(status, 2);
  assert_int_equal(occurrences(said, "\n"), 1);
  assert_int_equal(access(index_html, F_OK), -1);
}

static void bad_files_are_named(void **state)
{
  static const struct { const char *text, *expected; } bad[] = {
    {"", "records.jsonl: no record in it"},
    {"\n{\"record\":", "records.jsonl:2: no JSON: "},
    {"[1]\n", "records.jsonl:1: no JSON object"},
    {"{\"record\":\"check\",\"version\":2}\n", "records.jsonl:1: a record of version 2; this program reads version 1"},
    {"{\"record\":\"song\",\"version\":1}\n", "records.jsonl:1: a record of kind \"song\""},
    {"{\"version\":1}\n", "records.jsonl:1: no result record: it has no string \"record\""},
    {"{\"record\":\"bench\",\"version\":1}\n", "records.jsonl:1: a bench record without a string \"case\""}};
  (void)state;
  unlink(index_html);
  unlink(records);
  refused("records.jsonl: No such file or directory");
  for (size_t i = 0; i < sizeof bad / sizeof *bad; ++i) {
    write_text(records, bad[i].text);
    refused(bad[i].expected);
  }
}

/* Every field that must be there, taken away or made a wrong word. */
static void bad_fields_are_named(void **state)
{
  static const char *const needed[] = {"case", "implementation", "implementation_version", "spec", "verdict", "require", "norm",
                                       "direction", "mode", "type", "layout", "bound", "kappa", "elements", "explained", "covered", "machine"};
  struct record r = example();
  (void)state;
  unlink(index_html);
  for (size_t i = 0; i < sizeof needed / sizeof *needed; ++i) {
    char expected[64];
    write_records(&r, 1);
    json_t *o = json_load_file(records, 0, NULL);
    json_object_del(o, needed[i]);
    assert_int_equal(json_dump_file(o, records, JSON_COMPACT), 0);
    json_decref(o);
    snprintf(expected, sizeof expected, " \"%s\"", needed[i]);
    refused(expected);
  }
}

static void a_folder_that_cannot_be_written(void **state)
{
  struct record r = example();
  char kept[sizeof out];
  (void)state;
  write_records(&r, 1);
  strcpy(kept, out);
  snprintf(out, sizeof out, "%s/records.jsonl/page", dir);
  refused("records.jsonl/page: Not a directory");
  strcpy(out, kept);
}

/* ---- the schema ---- */

static const json_t *properties_of(const json_t *schema, const char *kind)
{
  return json_object_get(json_object_get(json_object_get(schema, "$defs"), kind), "properties");
}

static json_t *load_schema(void)
{
  json_error_t why;
  json_t *schema = json_load_file(NORMATIVE_DATA_DIR "/../result.schema.json", 0, &why);
  if (!schema) fail_msg("%s", why.text);
  return schema;
}

static void keys_are_in(const json_t *o, const json_t *properties)
{
  const char *key;
  json_t *value;
  assert_non_null(properties);
  json_object_foreach((json_t *)o, key, value)
    if (!json_object_get(properties, key)) fail_msg("\"%s\" is not in the schema", key);
}

/* A check record with every optional field has the schema's fields, no more and no fewer. */
static void schema_of_check_records(void **state)
{
  struct record r = example();
  json_t *schema = load_schema();
  const json_t *check = properties_of(schema, "check"), *worst = json_object_get(json_object_get(check, "worst"), "properties");
  (void)state;
  strcpy(r.reason, "because");
  r.has_furthest = true;
  r.furthest = (struct finding){.slot = SLOT_Y, .index = 3, .expected = 1, .got = 2};
  r.declared = "f32-one-pass";
  r.documented = "fast variance";
  r.j.beyond[0] = "f32-merge";
  write_records(&r, 1);
  json_t *o = json_load_file(records, 0, NULL);
  keys_are_in(o, check);
  keys_are_in(check, o);
  keys_are_in(json_object_get(o, "worst"), worst);
  keys_are_in(worst, json_object_get(o, "worst"));
  json_decref(o);
  json_decref(schema);
}

/* The benchmark is a program of its own beside these tests. */
static void schema_of_bench_records(void **state)
{
  char bin[1024], shapes[128], command[2048];
  json_t *schema = load_schema(), *o;
  size_t lines = 0;
  (void)state;
  executable_directory(bin);
  snprintf(shapes, sizeof shapes, "%s/shapes.txt", dir);
  write_text(shapes, "rmsnorm/forward/f32/3x5\n");
  snprintf(command, sizeof command, "'%s/../bin/normative-bench' --shapes '%s' --impl reference --threads 1 --min-time 0.0001 "
           "--repetitions 1 --json '%s' >/dev/null", bin, shapes, records);
  assert_int_equal(system(command), 0);
  FILE *f = fopen(records, "r");
  assert_non_null(f);
  while ((o = json_loadf(f, JSON_DISABLE_EOF_CHECK, NULL))) {
    keys_are_in(o, properties_of(schema, "bench"));
    json_decref(o);
    ++lines;
  }
  fclose(f);
  json_decref(schema);
  assert_int_equal(lines, 2); /* the copy and the reference */
  char said[2048];
  assert_int_equal(report(said), 0);
  char *page = read_text(index_html);
  assert_non_null(strstr(page, "rmsnorm forward f32</b>, 1 thread<"));
  free(page);
}

int main(void)
{
  static const struct CMUnitTest tests[] = {
    cmocka_unit_test(page_shows_what_the_records_say), cmocka_unit_test(thinning_keeps_the_worst),
    cmocka_unit_test(pictures_use_the_same_axes), cmocka_unit_test(every_problem_has_a_row),
    cmocka_unit_test(a_row_shows_the_type_that_fails),
    cmocka_unit_test(infinite_and_nan_errors_are_shown), cmocka_unit_test(proofs_are_shown),
    cmocka_unit_test(a_cell_is_covered_by_what_covers_all_its_cases), cmocka_unit_test(what_does_not_count_changes_no_cell),
    cmocka_unit_test(a_failure_without_an_output_is_not_covered),
    cmocka_unit_test(a_failing_line_is_covered_by_sums_of_its_own_type), cmocka_unit_test(odd_text_is_written_as_question_marks),
    cmocka_unit_test(bad_files_are_named),
    cmocka_unit_test(bad_fields_are_named), cmocka_unit_test(a_folder_that_cannot_be_written),
    cmocka_unit_test(schema_of_check_records),
    cmocka_unit_test(schema_of_bench_records),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
