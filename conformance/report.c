/* SPDX-License-Identifier: Apache-2.0
   normative report: one self-contained HTML page of result records, to be looked at before any table. */
#include "report.h"
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void help(void)
{
  puts("usage: normative report --out DIR [OPTION...] RECORDS.jsonl...\n\n"
       "Writes DIR/index.html, one self-contained page, of the records that normative check --json and bench --json wrote.\n\n"
       "  --title TEXT    heading of the page (Normative report)\n"
       "  --found DIR     what normative found wrote, judged and run: the page shows the defects\n"
       "  --proofs DIR    proof results (proofs/results where it is there)\n"
       "  --ran COMMAND   a command that made the records, to be shown; may be repeated\n\n"
       "Exit status: 0 the page is written; 2 misuse, or it could not be.");
}

void html(FILE *f, const char *text)
{
  for (; *text; ++text) {
    const char *entity = *text == '&' ? "&amp;" : *text == '<' ? "&lt;" : *text == '>' ? "&gt;" : *text == '"' ? "&quot;" : NULL;
    if (entity) fputs(entity, f);
    else fputc((unsigned char)*text < 32 && *text != '\n' && *text != '\t' ? '?' : *text, f);
  }
}

/* One word of a shell command, quoted where it must be. */
void html_shell_word(FILE *f, const char *word)
{
  if (*word && strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-") == strlen(word)) {
    fputs(word, f);
    return;
  }
  char *quoted;
  size_t size;
  FILE *memory = open_memstream(&quoted, &size);
  fputc('\'', memory);
  for (; *word; ++word)
    if (*word == '\'') fputs("'\\''", memory);
    else fputc(*word, memory);
  fputc('\'', memory);
  fclose(memory);
  html(f, quoted);
  free(quoted);
}

void html_value(FILE *f, const char *what, double x)
{
  if (isnan(x)) x = NAN; /* without its sign */
  fprintf(f, "%s <code>%a</code> <small class=\"note\">(%.9g)</small> ", what, x, x);
}

/* ---- headline ---- */

bool verdict_failed(enum verdict v) { return v == FAIL || v == CRASH || v == TIMEOUT; }

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static size_t distinct(const char **text, size_t count)
{
  size_t different = 0;
  qsort(text, count, sizeof *text, by_text);
  for (size_t i = 0; i < count; ++i) different += !i || strcmp(text[i], text[i - 1]);
  return different;
}

struct counts { size_t verdict[VERDICT_COUNT], known, cases, implementations, timed, cells; };

static struct counts count(const struct report *r)
{
  struct counts c = {0};
  const char **text = malloc((r->checks.count + 1) * sizeof *text);
  if (!text) abort();
  for (size_t i = 0; i < r->checks.count; ++i) {
    ++c.verdict[r->checks.r[i].verdict];
    c.known += r->checks.r[i].known;
    text[i] = r->checks.r[i].name;
  }
  c.cases = distinct(text, r->checks.count);
  size_t judged = 0;
  for (size_t i = 0; i < r->checks.count; ++i)
    if (r->checks.r[i].verdict == PASS || verdict_failed(r->checks.r[i].verdict)) text[judged++] = r->checks.r[i].implementation;
  c.implementations = distinct(text, judged);
  for (size_t i = 0; i < r->timings; ++i) {
    const struct timing *t = &r->timing[i];
    c.timed += !t->skipped && !t->failed && strcmp(t->implementation, "copy");
    c.cells += !strcmp(t->implementation, "copy");
  }
  free(text);
  return c;
}

/* How an implementation stands over all its records: PASS, FAIL, or SKIP where nothing was judged. */
enum verdict report_standing(const struct report *r, const char *implementation, size_t *judged, size_t *bad)
{
  enum verdict v = SKIP;
  *judged = *bad = 0;
  for (size_t i = 0; i < r->checks.count; ++i) {
    const struct record *c = &r->checks.r[i];
    if (strcmp(c->implementation, implementation)) continue;
    *judged += c->verdict == PASS || verdict_failed(c->verdict);
    *bad += verdict_failed(c->verdict) && !c->known;
  }
  if (*judged) v = *bad ? FAIL : PASS;
  return v;
}

static void badge(FILE *f, const struct report *r, const char *implementation)
{
  size_t judged, bad;
  enum verdict v = report_standing(r, implementation, &judged, &bad);
  if (v == PASS) fprintf(f, "<span class=\"state PASS\">%s: <b>PASS</b> on all %zu judged cases</span>\n", implementation, judged);
  if (v == FAIL) fprintf(f, "<span class=\"state FAIL\">%s: <b>FAIL</b> on %zu of %zu judged cases</span>\n", implementation, bad, judged);
}

/* "2026-11-21T07:20:00Z" for people */
static void date_text(FILE *f, const char *date)
{
  if (strlen(date) < 16 || date[10] != 'T') html(f, date);
  else {
    char text[32];
    snprintf(text, sizeof text, "%.10s %.5s UTC", date, date + 11);
    html(f, text);
  }
}

static void sentence(FILE *f, const struct report *r, const struct counts *c)
{
  size_t bad = c->verdict[FAIL] + c->verdict[CRASH] + c->verdict[TIMEOUT];
  fprintf(f, "<p class=\"headline\">");
  if (r->checks.count)
    fprintf(f, "%zu implementation%s judged on %zu cases: <b>%zu results pass, %zu fail</b>, %zu are not counted", c->implementations,
            c->implementations == 1 ? " was" : "s were", c->cases, c->verdict[PASS], bad,
            r->checks.count - c->verdict[PASS] - bad);
  if (r->timings) fprintf(f, "%s%zu timing%s in %zu cells", r->checks.count ? "; " : "", c->timed, c->timed == 1 ? "" : "s", c->cells);
  if (r->first_date) {
    fputs("; ", f);
    date_text(f, r->first_date);
    if (strncmp(r->first_date, r->last_date, 16)) fputs(" to ", f), date_text(f, r->last_date);
  }
  for (size_t i = 0; i < r->machines; ++i) {
    fputs(i ? " and " : "; on ", f);
    html(f, r->machine[i]);
  }
  fputs("; page by normative " NORMATIVE_VERSION ".</p>\n<p>", f);
  if (r->checks.count) {
    badge(f, r, "reference");
    badge(f, r, "optimized");
  }
  fputs("</p>\n", f);
}

/* The shell function that prints all records: the commands below start with it. */
static void records_function(FILE *f, const struct report *r)
{
  fputs("<p>In a shell: <code>records() { cat", f);
  for (size_t i = 0; i < r->files; ++i) {
    fputc(' ', f);
    html_shell_word(f, r->file[i]);
  }
  fputs("; }</code></p>\n", f);
}

/* A number, what it is, and the command that gives it out of the record files. */
static void counted(FILE *f, size_t number, const char *what, const char *filter)
{
  fprintf(f, "<tr><td>%zu</td><td>%s</td><td><code>records | ", number, what);
  html(f, filter);
  fputs("</code></td></tr>\n", f);
}

static void numbers(FILE *f, const struct report *r, const struct counts *c)
{
  char filter[200], what[100];
  records_function(f, r);
  fputs("<div class=\"wide\"><table class=\"counts\">\n", f);
  if (r->checks.count) {
    counted(f, c->implementations, "implementations judged",
            "grep -E '\"verdict\":\"(PASS|FAIL|CRASH|TIMEOUT)\"' | grep -o '\"implementation\":\"[^\"]*\"' | sort -u | wc -l");
    counted(f, c->cases, "different cases", "grep '\"record\":\"check\"' | grep -o '\"case\":\"[^\"]*\"' | sort -u | wc -l");
  }
  for (int v = 0; v < VERDICT_COUNT; ++v) {
    if (!c->verdict[v]) continue;
    snprintf(what, sizeof what, "results <span class=\"tag %s\">%s</span>", verdict_name[v], verdict_name[v]);
    snprintf(filter, sizeof filter, "grep -c '\"verdict\":\"%s\"'", verdict_name[v]);
    counted(f, c->verdict[v], what, filter);
  }
  if (c->known) counted(f, c->known, "of them accepted failures (--known)", "grep -c '\"known\":true'");
  if (r->timings) counted(f, c->timed, "timings beside the copy", "grep '\"median_s\"' | grep -vc '\"implementation\":\"copy\"'");
  fputs("</table></div>\n", f);
  if (r->commands) fputs("<p>The records were made by</p>\n", f);
  for (size_t i = 0; i < r->commands; ++i) {
    fputs("<p><code>", f);
    html(f, r->command[i]);
    fputs("</code></p>\n", f);
  }
}

/* ---- speed ---- */

static void speed(FILE *f, const struct report *r)
{
  fputs("<h2 id=\"speed\">Speed</h2>\n<p>Median time of a run, in parts of the speed of a plain copy of x to y of the same size, "
        "measured in the same minute: a bar that reaches the mark <i>copy</i> costs no more than the memory does. GB/s counts x "
        "once and y once, also where a kernel reads x again. The fastest of a block is bold. Bars end at 125 %.</p>\n", f);
  if (r->lost > 0.02)
    fprintf(f, "<p><span class=\"state RANGE\"><b>Distrust these figures:</b> other processes took %.0f %% of the cores meanwhile, "
               "which falsifies most of all those of several threads.</span></p>\n", 100 * r->lost);
  fputs("<div class=\"speeds\">\n", f);
  report_speed(f, r);
  fputs("</div>\n", f);
}

/* ---- proofs ---- */

/* The names in the file ASSUMED beside the results: functions whose contract has no proof yet. */
static void assumed(FILE *f, const char *results)
{
  char path[1400], *line = NULL;
  size_t room = 0, names = 0;
  snprintf(path, sizeof path, "%.1300s/../ASSUMED", results);
  FILE *in = fopen(path, "r");
  if (!in) return;
  while (getline(&line, &room, in) >= 0) {
    line[strcspn(line, "#\r\n")] = 0;
    if (!line[strspn(line, " \t")]) continue;
    fputs(names++ ? ", <code>" : "<p><b>Assumed</b>, their contracts not proved yet: <code>", f);
    html(f, line);
    fputs("</code>", f);
  }
  fputs(names ? ".</p>\n" : "<p>No function waits for its proof: <code>proofs/ASSUMED</code> is empty.</p>\n", f);
  free(line);
  fclose(in);
}

static void proofs(FILE *f, const struct report *r)
{
  long proved = 0, total = 0;
  fputs("<h2 id=\"proofs\">What is proved</h2>\n", f);
  for (size_t i = 0; i < r->proofs; ++i) {
    proved += r->proof[i].proved;
    total += r->proof[i].total;
  }
  if (!r->proofs) {
    fputs("<p>There are no proof results here. <code>make prove</code> makes them.</p>\n", f);
    return;
  }
  fprintf(f, "<p>%ld of %ld goals about the reference are proved; <code>make prove</code> proves them again. "
             "What that does and does not promise is in <code>proofs/SOUNDNESS.md</code>.</p>\n", proved, total);
  fprintf(f, "<details%s><summary>The units of proof</summary>", proved < total ? " open" : "");
  fputs("<div class=\"wide\"><table class=\"proofs\"><thead><tr><th>unit</th><th>proved</th><th>goals</th><th>functions</th><th>by</th></tr></thead>\n", f);
  for (size_t i = 0; i < r->proofs; ++i) {
    const struct proof *p = &r->proof[i];
    fputs("<tr><td><code>", f);
    html(f, p->unit);
    fprintf(f, "</code></td><td>%ld</td><td>%ld", p->proved, p->total);
    if (p->proved < p->total) fprintf(f, " <span class=\"tag FAIL\">%ld open</span>", p->total - p->proved);
    fputs("</td><td><code>", f);
    html(f, p->functions);
    fputs("</code></td><td><small class=\"note\">", f);
    html(f, p->tool);
    fputs(*p->model ? "; " : "", f);
    html(f, p->model);
    fputs("</small>", f);
    fputs("</td></tr>\n", f);
  }
  fputs("</table></div></details>\n", f);
  assumed(f, r->proofs_dir);
}

/* ---- the page ---- */

static void reading(FILE *f)
{
  fputs("<h2 id=\"reading\">How to read this page</h2>\n"
        "<p>A result is compared with the exact one, which an oracle computes with as many digits as it takes. How far off it may "
        "be is no empirical figure: a <i>preset</i> is a stated algorithm and arithmetic (<code>f32-two-pass</code>: float sums of at most "
        "4096 terms in a row, variance in a second pass), and its bound is what rounding can do to that algorithm on "
        "the very data of the case. Who meets the bound may be slower or faster, but is no less right than the algorithm; who misses "
        "it computes something else.</p>\n"
        "<p>A preset that covers a result does not tell which algorithm made it: only hostile data separate them. "
        "A specimen that passes its own preset with a large error is honest; the error is its algorithm's. "
        "A peer is judged against the default preset, <code>f32-stable</code>: its FAIL says that neither float sums of at "
        "most 4096 terms in a row nor Welford's method over as many explain its error; the smallest cover says what would.</p>\n"
        "<p>Take a row of <i>Verdicts</i>, look at its picture below, then at its worst cases; the command under each repeats it alone. "
        "<code>build/bin/normative list presets</code> and <code>list families</code> explain the names.</p>\n", f);
}

static void page(FILE *f, const struct report *r)
{
  struct counts c = count(r);
  char *pictures;
  size_t drawn;
  FILE *memory = open_memstream(&pictures, &drawn);
  report_pictures(memory, r);
  fclose(memory);
  fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>", f);
  html(f, r->title);
  fprintf(f, "</title><style>%s</style></head><body>\n<h1>", report_style);
  html(f, r->title);
  fputs("</h1>\n", f);
  sentence(f, r, &c);
  fputs("<nav>", f);
  if (r->checks.count) fputs("<a href=\"#verdicts\">Verdicts</a>", f);
  if (drawn) fputs("<a href=\"#error\">Error</a>", f);
  if (r->found) fputs("<a href=\"#found\">What was found</a>", f);
  if (r->timings) fputs("<a href=\"#speed\">Speed</a>", f);
  fputs("<a href=\"#proofs\">Proofs</a><a href=\"#reading\">How to read it</a>", f);
  if (r->checks.count) fputs("<a href=\"#worst\">Worst cases</a>", f);
  fputs("<a href=\"#numbers\">Numbers</a></nav>\n", f);
  if (r->checks.count) report_matrix(f, r);
  fputs(pictures, f);
  free(pictures);
  if (r->found) report_found(f, r);
  if (r->timings) speed(f, r);
  proofs(f, r);
  reading(f);
  if (r->checks.count) report_worst(f, r);
  fputs("<h2 id=\"numbers\">Numbers, and what gives them</h2>\n", f);
  numbers(f, r, &c);
  fputs("</body></html>\n", f);
}

static int write_page(const struct report *r, const char *dir, struct error *e)
{
  struct output out;
  char path[1100];
  snprintf(path, sizeof path, "%s/index.html", dir);
  if (make_directories(dir, e) || output_open(&out, path, e)) return -1;
  page(out.f, r);
  return output_finish(&out, e);
}

/* 0 go on, else an exit status + 1 */
static int take_arguments(struct report *r, const char **out, const char **results, const char **found, int argc, char **argv)
{
  static const struct option options[] = {{"out", 1, 0, 'o'}, {"title", 1, 0, 't'}, {"proofs", 1, 0, 'p'}, {"found", 1, 0, 'f'}, {"ran", 1, 0, 'r'},
                                          {"help", 0, 0, 'h'}, {0}};
  for (int option; (option = getopt_long(argc, argv, "ho:", options, NULL)) != -1;) switch (option) {
    case 'h': help(); return 1;
    case 'o': *out = optarg; break;
    case 't': r->title = optarg; break;
    case 'p': *results = optarg; break;
    case 'f': *found = optarg; break;
    case 'r':
      r->command = realloc(r->command, (r->commands + 1) * sizeof *r->command);
      if (!r->command) abort();
      r->command[r->commands++] = optarg;
      break;
    default: return EXIT_MISUSE + 1;
    }
  if (!*out) return misuse("report", "--out DIR: say where the page goes") + 1;
  if (optind == argc) return misuse("report", "name files of records, as check --json and bench --json write them") + 1;
  r->file = argv + optind;
  r->files = (size_t)(argc - optind);
  return 0;
}

int cmd_report(int argc, char **argv)
{
  struct report r = {.title = "Normative report"};
  const char *out = NULL, *results = NULL, *found = NULL, *usual = "proofs/results";
  struct error e;
  int stop = take_arguments(&r, &out, &results, &found, argc, argv), bad = 0;
  if (stop) {
    report_free(&r);
    return stop - 1;
  }
  for (size_t i = 0; i < r.files && !bad; ++i) bad = report_read(&r, r.file[i], &e);
  if (!bad && !r.checks.count && !r.timings) bad = fail(&e, "%s: no record in it", r.file[0]);
  if (!bad && found) bad = report_read_found(&r, found, &e);
  r.line = records_lines(&r.checks, &r.lines);
  if (!results && !access(usual, R_OK)) results = usual;
  if (!bad && results) bad = report_read_proofs(&r, results, &e);
  if (!bad) bad = write_page(&r, out, &e);
  if (bad) misuse("report", "%s", e.text);
  else printf("%s/index.html\n", out);
  report_free(&r);
  return bad ? EXIT_MISUSE : EXIT_PASS;
}
