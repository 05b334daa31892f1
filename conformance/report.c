/* SPDX-License-Identifier: Apache-2.0
   normative report: one self-contained HTML page of result records, to be looked at before any table. */
#include "report.h"
#include "builtin.h"
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORST_SHOWN 5
static const char program[] = "build/bin/normative";

static void help(void)
{
  puts("usage: normative report --out DIR [OPTION...] RECORDS.jsonl...\n\n"
       "Writes DIR/index.html, one self-contained page, of the records that normative check --json and bench --json wrote.\n\n"
       "  --title TEXT    heading of the page (Normative report)\n"
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
static void shell_word(FILE *f, const char *word)
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

/* ---- headline ---- */

static bool failed(enum verdict v) { return v == FAIL || v == CRASH || v == TIMEOUT; }

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
  for (size_t i = 0; i < r->checks.count; ++i) text[i] = r->checks.r[i].implementation;
  c.implementations = distinct(text, r->checks.count);
  for (size_t i = 0; i < r->timings; ++i) {
    const struct timing *t = &r->timing[i];
    c.timed += !t->skipped && !t->failed && strcmp(t->implementation, "copy");
    c.cells += !strcmp(t->implementation, "copy");
  }
  free(text);
  return c;
}

/* How an implementation stands over all its records: PASS, FAIL, or SKIP where nothing was judged. */
static enum verdict standing(const struct report *r, const char *implementation, size_t *judged, size_t *bad)
{
  enum verdict v = SKIP;
  *judged = *bad = 0;
  for (size_t i = 0; i < r->checks.count; ++i) {
    const struct record *c = &r->checks.r[i];
    if (strcmp(c->implementation, implementation)) continue;
    *judged += c->verdict == PASS || failed(c->verdict);
    *bad += failed(c->verdict) && !c->known;
  }
  if (*judged) v = *bad ? FAIL : PASS;
  return v;
}

static void badge(FILE *f, const struct report *r, const char *implementation)
{
  size_t judged, bad;
  enum verdict v = standing(r, implementation, &judged, &bad);
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

/* A number, what it is, and the command that gives it out of the record files. */
static void counted(FILE *f, const struct report *r, size_t number, const char *what, const char *filter)
{
  fprintf(f, "<tr><td>%zu</td><td>%s</td><td><code>cat", number, what);
  for (size_t i = 0; i < r->files; ++i) {
    fputc(' ', f);
    shell_word(f, r->file[i]);
  }
  fputs(" | ", f);
  html(f, filter);
  fputs("</code></td></tr>\n", f);
}

static void numbers(FILE *f, const struct report *r, const struct counts *c)
{
  char filter[200], what[100];
  fputs("<div class=\"wide\"><table class=\"counts\">\n", f);
  if (r->checks.count) {
    counted(f, r, c->implementations, "implementations judged",
            "grep '\"record\":\"check\"' | grep -o '\"implementation\":\"[^\"]*\"' | sort -u | wc -l");
    counted(f, r, c->cases, "different cases", "grep '\"record\":\"check\"' | grep -o '\"case\":\"[^\"]*\"' | sort -u | wc -l");
  }
  for (int v = 0; v < VERDICT_COUNT; ++v) {
    if (!c->verdict[v]) continue;
    snprintf(what, sizeof what, "results <span class=\"tag %s\">%s</span>", verdict_name[v], verdict_name[v]);
    snprintf(filter, sizeof filter, "grep -c '\"verdict\":\"%s\"'", verdict_name[v]);
    counted(f, r, c->verdict[v], what, filter);
  }
  if (c->known) counted(f, r, c->known, "of them accepted failures (--known)", "grep -c '\"known\":true'");
  if (r->timings) counted(f, r, c->timed, "timings beside the copy", "grep '\"median_s\"' | grep -vc '\"implementation\":\"copy\"'");
  fputs("</table></div>\n", f);
  if (r->commands) fputs("<p>The records were made by</p>\n", f);
  for (size_t i = 0; i < r->commands; ++i) {
    fputs("<p><code>", f);
    html(f, r->command[i]);
    fputs("</code></p>\n", f);
  }
}

/* ---- verdict matrix ---- */

static int is_name(const char *name, void *arg)
{
  return !strcmp(name, arg);
}

/* 0 this library, 1 specimens, 2 all others */
static int group_of(const char *implementation)
{
  if (builtin_group("reference", is_name, (void *)implementation) > 0) return 0;
  if (builtin_group("optimized", is_name, (void *)implementation) > 0) return 0;
  return builtin_group("specimens", is_name, (void *)implementation) > 0 ? 1 : 2;
}

static const char *const group_text[] = {
  "This library",
  "Specimens: textbook kernels, here to show what an algorithm costs. Each is judged against the preset that it was written to",
  "Peers and plug-ins"};

struct matrix {
  struct records_line *line;
  size_t lines;
  const struct record *column[64]; /* one record stands for each */
  size_t columns;
  bool types, directions;          /* more than one: columns say which */
};

static int column_order(const void *a, const void *b)
{
  const struct normative_problem *p = &(*(const struct record *const *)a)->p, *q = &(*(const struct record *const *)b)->p;
#define BY(x, y) if ((x) != (y)) return (x) < (y) ? -1 : 1
  BY(norm_find(p->norm), norm_find(q->norm));
  BY(p->direction, q->direction);
  BY(p->mode, q->mode);
  BY(p->type, q->type);
  BY(p->layout, q->layout);
#undef BY
  return 0;
}

static void matrix_make(struct matrix *m, const struct report *r)
{
  *m = (struct matrix){0};
  m->line = records_lines(&r->checks, &m->lines);
  for (size_t i = 0; i < m->lines; ++i) {
    const struct record *c = m->line[i].first;
    size_t k = 0;
    while (k < m->columns && column_order(&m->column[k], &c)) ++k;
    if (k == m->columns && k < sizeof m->column / sizeof *m->column) m->column[m->columns++] = c;
    m->types |= c->p.type != m->column[0]->p.type;
    m->directions |= c->p.direction != m->column[0]->p.direction;
  }
  qsort(m->column, m->columns, sizeof *m->column, column_order);
}

static void column_head(FILE *f, const struct matrix *m, const struct record *c)
{
  const struct norm_row *row = norm_find(c->p.norm);
  fprintf(f, "<th scope=\"col\"><b>%s</b>", row->title);
  if (row->evaluates) fputs(c->p.mode == NORMATIVE_EVALUATION ? "<br>evaluation" : "<br>training", f);
  if (m->directions) fprintf(f, "<br>%s", direction_name(c->p.direction));
  if (m->types) fprintf(f, "<br>%s", type_name(c->p.type));
  if (row->axes == 3) fprintf(f, "<br>%s", layout_name(c->p.layout));
  fputs("</th>", f);
}

static void matrix_cell(FILE *f, const struct records_line *l)
{
  if (!l) {
    fputs("<td class=\"none\">-</td>", f);
    return;
  }
  char nulp[32];
  enum verdict v = records_line_verdict(l);
  size_t bad = l->count[FAIL] + l->count[CRASH] + l->count[TIMEOUT], judged = l->count[PASS] + bad;
  fprintf(f, "<td class=\"%s\"><b class=\"v\">%s</b>", verdict_name[v], verdict_name[v]);
  nulp_text(nulp, l->nulp);
  if (judged) {
    fprintf(f, "%s&nbsp;nULP<br>", nulp);
    html(f, records_line_cover(l));
    fprintf(f, "<small>%zu judged", judged);
    if (bad) fprintf(f, ", %zu&nbsp;failed", bad);
    if (l->known) fprintf(f, ", %zu&nbsp;known", l->known);
    for (int k = RANGE; k <= SKIP; ++k)
      if (l->count[k]) fprintf(f, ", %zu&nbsp;%s", l->count[k], verdict_name[k]);
    fputs("</small>", f);
  } else if (l->skip_reason) {
    fputs("<small>", f);
    html(f, l->skip_reason);
    fputs("</small>", f);
  }
  fputs("</td>", f);
}

/* "f32-stable", or the members of what was declared */
static void judged_against(FILE *f, const struct report *r, const char *implementation)
{
  for (size_t i = 0; i < r->checks.count; ++i) {
    const struct record *c = &r->checks.r[i];
    if (c->implementation != implementation || !c->judged) continue;
    if (!strcmp(r->require[i], "default")) html(f, preset_default(c->p.type));
    else if (strcmp(r->require[i], "declared")) html(f, r->require[i]);
    else
      for (int k = 0; k < c->j.members; ++k) {
        if (k) fputs(" or ", f);
        html(f, c->j.member[k]);
      }
    return;
  }
  fputs("nothing", f);
}

static void matrix_row(FILE *f, const struct report *r, const struct matrix *m, const struct record *first)
{
  fputs("<tr><th scope=\"row\"><b>", f);
  html(f, first->implementation);
  fputs("</b> <small class=\"note\">", f);
  html(f, first->version);
  fputs("<br>against ", f);
  judged_against(f, r, first->implementation);
  fputs("</small></th>", f);
  for (size_t k = 0; k < m->columns; ++k) {
    const struct records_line *found = NULL;
    for (size_t i = 0; i < m->lines; ++i)
      if (m->line[i].first->implementation == first->implementation && !column_order(&m->line[i].first, &m->column[k]))
        found = &m->line[i];
    matrix_cell(f, found);
  }
  fputs("</tr>\n", f);
}

static bool first_of_implementation(const struct matrix *m, size_t i)
{
  for (size_t k = 0; k < i; ++k)
    if (m->line[k].first->implementation == m->line[i].first->implementation) return false;
  return true;
}

static void matrix(FILE *f, const struct report *r)
{
  struct matrix m;
  matrix_make(&m, r);
  fputs("<h2 id=\"verdicts\">Verdicts</h2>\n<div class=\"wide\"><table class=\"matrix\"><thead><tr><th></th>", f);
  for (size_t k = 0; k < m.columns; ++k) column_head(f, &m, m.column[k]);
  fputs("</tr></thead>\n", f);
  for (int group = 0; group < 3; ++group) {
    bool any = false;
    for (size_t i = 0; i < m.lines; ++i) {
      if (!first_of_implementation(&m, i) || group_of(m.line[i].first->implementation) != group) continue;
      if (!any) fprintf(f, "<tbody><tr class=\"group\"><th colspan=\"%zu\">%s</th></tr>\n", m.columns + 1, group_text[group]);
      any = true;
      matrix_row(f, r, &m, m.line[i].first);
    }
    if (any) fputs("</tbody>\n", f);
  }
  fputs("</table></div>\n"
        "<dl><dt>verdict</dt><dd>of a cell: the worst of its cases that count. PASS: every element is within the bound of the preset "
        "named after <i>against</i>; FAIL: one is outside; CRASH and TIMEOUT: the process died or hung</dd>\n"
        "<dt>nULP</dt><dd>error / ulp of the result's scale: the worst element of y (of dx backward) in all cases of the "
        "cell; a correctly rounded result has at most 0.5 where the scale is the result itself</dd>\n"
        "<dt>smallest cover</dt><dd>third line: the strictest preset whose bound holds in all judged cases of the cell; "
        "<i>none</i>: no single one does</dd>\n"
        "<dt>not counted</dt><dd>RANGE: an intermediate of the preset's own algorithm overflows there; MISTRUSTED: the bound "
        "is wider than the result; UNDECIDED: the oracle gave up; SKIP: the implementation declines the case</dd></dl>\n", f);
  free(m.line);
}

/* ---- pictures ---- */

static void legend(FILE *f)
{
  static const struct { const char *shape, *text; } entry[] = {
    {"<circle cx=\"5\" cy=\"5\" r=\"3\" fill=\"var(--plot4)\"/>", "a case inside its bound"},
    {"<path d=\"M1 5h8M5 1v8M2 2l6 6M8 2l-6 6\" stroke=\"var(--plot5)\"/>", "outside, in y or another output: FAIL"},
    {"<path d=\"M5 1l4 7H1z\" fill=\"none\" stroke=\"var(--plot6)\"/>", "outside of the preset's range: not counted"},
    {"<path d=\"M5 2v6M2 5h6\" stroke=\"var(--plot3)\"/>", "its largest bound, of the required preset"}};
  fputs("<p class=\"legend\">", f);
  for (size_t i = 0; i < sizeof entry / sizeof *entry; ++i)
    fprintf(f, "<span><svg viewBox=\"0 0 10 10\" aria-hidden=\"true\">%s</svg>%s</span>", entry[i].shape, entry[i].text);
  fputs("</p>\n", f);
}

static void pictures(FILE *f, const struct report *r, const struct pictures *p)
{
  fputs("<h2 id=\"error\">Error against condition number</h2>\n"
        "<p>How each implementation loses digits as the mean grows beside the deviation. A point is a case: its worst error of "
        "y in nULP against the largest condition number |mean| / deviation of its groups; all pictures have the same axes. What is "
        "at most 0.001 stands at 0, so do groups with mean 0; <i>more</i> holds what is beyond the axis, infinite or NaN: so the "
        "condition number of constant groups. Points that would cover each other are drawn once.</p>\n", f);
  legend(f);
  fputs("<div class=\"panels\">\n", f);
  for (size_t k = 0; k < p->count; ++k) {
    size_t judged, bad;
    standing(r, p->implementation[k], &judged, &bad);
    fputs("<figure><figcaption><b>", f);
    html(f, p->implementation[k]);
    fprintf(f, "</b> <small class=\"note\">%zu cases judged, %zu failed</small></figcaption>%s</figure>\n", judged, bad, p->svg[k]);
  }
  fputs("</div>\n", f);
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

/* ---- worst cases ---- */

static int worst_first(const void *a, const void *b)
{
  const struct record *x = *(const struct record *const *)a, *y = *(const struct record *const *)b;
  double p = x->judged && !isnan(x->j.worst_nulp) ? x->j.worst_nulp : INFINITY;
  double q = y->judged && !isnan(y->j.worst_nulp) ? y->j.worst_nulp : INFINITY;
  if (failed(x->verdict) != failed(y->verdict)) return failed(x->verdict) ? -1 : 1;
  if (p != q) return p > q ? -1 : 1;
  return strcmp(x->name, y->name);
}

static void value(FILE *f, const char *what, double x)
{
  fprintf(f, "%s <code>%a</code> <small class=\"note\">(%.9g)</small> ", what, x, x);
}

static void reproduce(FILE *f, const struct record *c, const char *require)
{
  bool files = c->input && !strcmp(c->version, "files"); /* by normative judge */
  fprintf(f, "<br><code>%s %s ", program, files ? "judge" : "check");
  shell_word(f, files ? c->input : c->spec);
  fputc(' ', f);
  if (files) shell_word(f, c->spec);
  else {
    fputs(c->input ? "--input " : "--case ", f);
    shell_word(f, c->input ? c->input : c->name);
  }
  if (strcmp(require, "default")) {
    fputs(" --require ", f);
    shell_word(f, require);
  }
  fputs("</code>", f);
}

static void finding(FILE *f, const struct record *c)
{
  const struct finding *w = &c->j.finding[0];
  char nulp[32], bound[32];
  nulp_text(nulp, w->nulp);
  nulp_text(bound, w->bound);
  fprintf(f, "<br>%s[%zu]: ", slot_name[w->slot], w->index);
  value(f, "expected", w->expected);
  value(f, "got", w->got);
  fprintf(f, "<br>error <b>%s nULP</b>, bound %s nULP of ", nulp, bound);
  html(f, c->j.member[0]);
  if (w->slot != SLOT_Y && c->j.nulp[SLOT_Y] >= 0) {
    nulp_text(nulp, c->j.nulp[SLOT_Y]);
    fprintf(f, "; y is off by up to %s nULP", nulp);
  }
  fputs("; covered by ", f);
  if (!c->j.explained[0]) fputs("no preset", f);
  for (int k = 0; k < EXPLAINED_MAX && c->j.explained[k]; ++k) {
    fputs(k ? ", " : "", f);
    html(f, c->j.explained[k]);
  }
}

static void worst_case(FILE *f, const struct record *c, const char *require)
{
  fprintf(f, "<tr><td><span class=\"tag %s\">%s</span><code>", verdict_name[c->verdict], verdict_name[c->verdict]);
  html(f, c->input ? c->input : c->name);
  fputs("</code>", f);
  if (c->reason[0]) {
    fputs("<br>", f);
    html(f, c->reason);
  }
  if (c->judged && c->j.elements && !c->reason[0]) finding(f, c);
  reproduce(f, c, require);
  fputs("</td></tr>\n", f);
}

static void worst_of(FILE *f, const struct report *r, const char *implementation)
{
  const struct record **order = malloc((r->checks.count + 1) * sizeof *order);
  size_t n = 0, bad = 0;
  if (!order) abort();
  for (size_t i = 0; i < r->checks.count; ++i) {
    const struct record *c = &r->checks.r[i];
    if (c->implementation != implementation || !(failed(c->verdict) || (c->judged && c->verdict == PASS))) continue;
    order[n++] = c;
    bad += failed(c->verdict);
  }
  qsort(order, n, sizeof *order, worst_first);
  if (n) {
    size_t most = bad ? bad : n, shown = most < WORST_SHOWN ? most : WORST_SHOWN;
    fprintf(f, "<details%s><summary><b>", bad ? " open" : "");
    html(f, implementation);
    if (bad) fprintf(f, "</b>: %zu failed, the worst %zu</summary>\n", bad, shown);
    else fprintf(f, "</b>: nothing failed; the largest errors</summary>\n");
    fputs("<table class=\"worst\">\n", f);
    for (size_t i = 0; i < shown; ++i) worst_case(f, order[i], r->require[order[i] - r->checks.r]);
    fputs("</table></details>\n", f);
  }
  free(order);
}

static void worst(FILE *f, const struct report *r)
{
  fputs("<h2 id=\"worst\">Worst cases</h2>\n<p>A case's name rebuilds its data anywhere. Expected is the exact result, rounded "
        "once; the element shown is the one that is worst beside its bound.</p>\n", f);
  for (size_t i = 0; i < r->checks.count; ++i) {
    size_t k = 0;
    while (k < i && r->checks.r[k].implementation != r->checks.r[i].implementation) ++k;
    if (k == i) worst_of(f, r, r->checks.r[i].implementation);
  }
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
  fputs("</table></div>\n", f);
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

static void page(FILE *f, const struct report *r, const struct pictures *p)
{
  struct counts c = count(r);
  fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>", f);
  html(f, r->title);
  fprintf(f, "</title><style>%s</style></head><body>\n<h1>", report_style);
  html(f, r->title);
  fputs("</h1>\n", f);
  sentence(f, r, &c);
  fputs("<nav>", f);
  if (r->checks.count) fputs("<a href=\"#verdicts\">Verdicts</a><a href=\"#error\">Error</a>", f);
  if (r->timings) fputs("<a href=\"#speed\">Speed</a>", f);
  if (r->checks.count) fputs("<a href=\"#worst\">Worst cases</a>", f);
  fputs("<a href=\"#proofs\">Proofs</a><a href=\"#reading\">How to read it</a><a href=\"#numbers\">Numbers</a></nav>\n", f);
  if (r->checks.count) matrix(f, r);
  if (p->count) pictures(f, r, p);
  if (r->timings) speed(f, r);
  if (r->checks.count) worst(f, r);
  proofs(f, r);
  reading(f);
  fputs("<h2 id=\"numbers\">Numbers, and what gives them</h2>\n", f);
  numbers(f, r, &c);
  fputs("</body></html>\n", f);
}

static int write_page(const struct report *r, const char *dir, struct error *e)
{
  struct pictures p;
  struct output out;
  char path[1100];
  snprintf(path, sizeof path, "%s/index.html", dir);
  int bad = pictures_draw(r, &p, e) || make_directories(dir, e) || output_open(&out, path, e);
  if (!bad) {
    page(out.f, r, &p);
    bad = output_finish(&out, e);
  }
  pictures_free(&p);
  return bad ? -1 : 0;
}

/* 0 go on, else an exit status + 1 */
static int take_arguments(struct report *r, const char **out, const char **results, int argc, char **argv)
{
  static const struct option options[] = {{"out", 1, 0, 'o'}, {"title", 1, 0, 't'}, {"proofs", 1, 0, 'p'}, {"ran", 1, 0, 'r'},
                                          {"help", 0, 0, 'h'}, {0}};
  for (int option; (option = getopt_long(argc, argv, "ho:", options, NULL)) != -1;) switch (option) {
    case 'h': help(); return 1;
    case 'o': *out = optarg; break;
    case 't': r->title = optarg; break;
    case 'p': *results = optarg; break;
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
  const char *out = NULL, *results = NULL, *usual = "proofs/results";
  struct error e;
  int stop = take_arguments(&r, &out, &results, argc, argv), bad = 0;
  if (stop) {
    report_free(&r);
    return stop - 1;
  }
  for (size_t i = 0; i < r.files && !bad; ++i) bad = report_read(&r, r.file[i], &e);
  if (!bad && !r.checks.count && !r.timings) bad = fail(&e, "%s: no record in it", r.file[0]);
  if (!results && !access(usual, R_OK)) results = usual;
  if (!bad && results) bad = report_read_proofs(&r, results, &e);
  if (!bad) bad = write_page(&r, out, &e);
  if (bad) misuse("report", "%s", e.text);
  else printf("%s/index.html\n", out);
  report_free(&r);
  return bad ? EXIT_MISUSE : EXIT_PASS;
}
