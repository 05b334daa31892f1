/* SPDX-License-Identifier: Apache-2.0
   The page's matrix: a row for each norm and direction, in it folded one for each type, mode and layout; a column for each
   implementation, its verdict in the cell. Specimens have a matrix of their own; who judged nothing is named below with the
   reason. */
#include "report.h"
#include "builtin.h"
#include <stdlib.h>
#include <string.h>

static int is_name(const char *name, void *arg)
{
  return !strcmp(name, arg);
}

enum circle circle_of(const char *implementation)
{
  if (builtin_group("reference", is_name, (void *)implementation) > 0) return OURS;
  if (builtin_group("optimized", is_name, (void *)implementation) > 0) return OURS;
  return builtin_group("specimens", is_name, (void *)implementation) > 0 ? SPECIMENS : PEERS;
}

struct matrix {
  const struct report *r;
  unsigned circles;
  const struct record **row, **column; /* one record stands for each */
  size_t rows, columns;
};

#define BY(x, y) if ((x) != (y)) return (x) < (y) ? -1 : 1
int group_order(const struct record *a, const struct record *b)
{
  BY(norm_find(a->p.norm), norm_find(b->p.norm));
  BY(a->p.direction, b->p.direction);
  return 0;
}

int problem_order(const struct record *a, const struct record *b)
{
  const struct normative_problem *p = &a->p, *q = &b->p;
  if (group_order(a, b)) return group_order(a, b);
  BY(p->type, q->type);
  BY(p->mode, q->mode);
  BY(p->layout, q->layout);
  return 0;
}
#undef BY

static int row_order(const void *a, const void *b)
{
  return problem_order(*(const struct record *const *)a, *(const struct record *const *)b);
}

static bool judged(const struct records_line *l)
{
  return l->count[PASS] + l->count[FAIL] + l->count[CRASH] + l->count[TIMEOUT] > 0;
}

static bool judged_somewhere(const struct report *r, const char *implementation)
{
  for (size_t i = 0; i < r->lines; ++i)
    if (r->line[i].first->implementation == implementation && judged(&r->line[i])) return true;
  return false;
}

static void add_row(struct matrix *m, const struct record *c)
{
  size_t k = 0;
  while (k < m->rows && problem_order(m->row[k], c)) ++k;
  if (k == m->rows) m->row[m->rows++] = c;
}

static void add_column(struct matrix *m, const struct record *c)
{
  size_t k = 0;
  while (k < m->columns && m->column[k]->implementation != c->implementation) ++k;
  if (k == m->columns) m->column[m->columns++] = c;
}

/* Ours first, then in the order of the records; rows that nobody of the circles judged are left out. */
static void matrix_make(struct matrix *m, const struct report *r, unsigned circles)
{
  *m = (struct matrix){r, circles, malloc((r->lines + 1) * sizeof *m->row), malloc((r->lines + 1) * sizeof *m->column), 0, 0};
  if (!m->row || !m->column) abort();
  for (int circle = OURS; circle <= PEERS; ++circle)
    for (size_t i = 0; i < r->lines && circles >> circle & 1; ++i) {
      const struct record *c = r->line[i].first;
      if (circle_of(c->implementation) != (enum circle)circle) continue;
      if (judged(&r->line[i])) add_row(m, c);
      if (judged_somewhere(r, c->implementation)) add_column(m, c);
    }
  qsort(m->row, m->rows, sizeof *m->row, row_order);
}

static void matrix_free(struct matrix *m)
{
  free(m->row);
  free(m->column);
}

/* ---- heads ---- */

/* "f64-two-pass", of a union or of several types all: "f32-two-pass or f32-welford" */
static void own_claims(FILE *f, const struct report *r, const char *implementation)
{
  const char *seen[8];
  size_t count = 0;
  for (size_t i = 0; i < r->checks.count; ++i) {
    const struct record *c = &r->checks.r[i];
    if (c->implementation != implementation || !c->judged) continue;
    for (int member = 0; member < c->j.members; ++member) {
      size_t k = 0;
      while (k < count && seen[k] != c->j.member[member]) ++k;
      if (k < count || count == sizeof seen / sizeof *seen) continue;
      fputs(count ? " or " : "", f);
      html(f, seen[count++] = c->j.member[member]);
    }
  }
}

static void judged_against(FILE *f, const struct report *r, const char *implementation)
{
  size_t i = 0;
  while (i < r->checks.count && (r->checks.r[i].implementation != implementation || !r->checks.r[i].judged)) ++i;
  if (i == r->checks.count) fputs("nothing", f);
  else if (!strcmp(r->require[i], "default") && !r->checks.r[i].documented) fputs("the default", f);
  else if (!strcmp(r->require[i], "default")) html(f, r->checks.r[i].declared);
  else if (!strcmp(r->require[i], "declared")) own_claims(f, r, implementation);
  else html(f, r->require[i]);
}

static void column_head(FILE *f, const struct report *r, const struct record *c)
{
  fputs("<span><b>", f);
  html(f, c->implementation);
  fputs(c->documented ? "</b>&nbsp;<a href=\"#documented\">*</a>" : "</b>", f);
  fputs("<small class=\"note\">", f);
  html(f, c->version);
  fputs("<br>against ", f);
  judged_against(f, r, c->implementation);
  fputs("</small></span>", f);
}

static void row_head(FILE *f, const struct record *c)
{
  const struct norm_row *row = norm_find(c->p.norm);
  fprintf(f, "<span class=\"name\">%s<small class=\"note\">", type_name(c->p.type));
  if (row->evaluates) fputs(c->p.mode == NORMATIVE_EVALUATION ? "evaluation" : "training", f);
  if (row->axes == 3) fprintf(f, "%s%s", row->evaluates ? ", " : "", layout_name(c->p.layout));
  fputs("</small></span>", f);
}

/* ---- cells ---- */

/* Its title: "onednn: 2 accepted failures, 12 RANGE, 9 SKIP" */
static void cell_open(FILE *f, const struct records_line *l, const char *implementation)
{
  bool any = l->known > 0;
  fprintf(f, "<span class=\"%s\" title=\"", verdict_name[records_line_verdict(l)]);
  html(f, implementation);
  if (any) fprintf(f, ": %zu accepted failure%s", l->known, l->known == 1 ? "" : "s");
  for (int k = RANGE; k <= SKIP; ++k) {
    if (l->count[k]) fprintf(f, "%s %zu %s", any ? "," : ":", l->count[k], verdict_name[k]);
    any |= l->count[k] > 0;
  }
  fputs("\">", f);
}

/* What is no verdict: a problem that the implementation was not asked, or declines, or that decides nothing. */
static void cell_without(FILE *f, const struct records_line *l, const char *implementation)
{
  if (!l->first) {
    fputs("<span class=\"none\">-</span>", f);
    return;
  }
  cell_open(f, l, implementation);
  fputs("<small>", f);
  html(f, l->skip_reason ? l->skip_reason : verdict_name[records_line_verdict(l)]);
  fputs("</small></span>", f);
}

/* A failure is linked to the worst case; the others are by their types, in the row above. */
static void verdict_text(FILE *f, const struct report *r, const struct records_line *l)
{
  bool linked = verdict_failed(records_line_verdict(l));
  fputs(linked ? "<b><a href=\"#" : "<b>", f);
  if (linked) worst_id(f, r, l->worst);
  fprintf(f, linked ? "\">%s</a></b>" : "%s</b>", verdict_name[records_line_verdict(l)]);
}

static void cell(FILE *f, const struct matrix *m, const struct records_line *l, const char *implementation)
{
  if (!judged(l)) {
    cell_without(f, l, implementation);
    return;
  }
  char nulp[32];
  size_t bad = records_line_failed(l);
  nulp_text(nulp, l->nulp);
  cell_open(f, l, implementation);
  verdict_text(f, m->r, l);
  fprintf(f, "<small>%s nULP<br>", nulp);
  html(f, records_line_cover(l));
  fputs("<br>", f);
  if (bad) fprintf(f, "%zu of ", bad);
  fprintf(f, "%zu</small></span>", l->count[PASS] + l->known + bad);
}

/* A type's part of a group's cell: "f32 1.2e+03", linked to its worst case */
static void type_part(FILE *f, const struct matrix *m, const struct records_line *l)
{
  char nulp[32];
  nulp_text(nulp, l->nulp);
  fprintf(f, "<a class=\"%s\" href=\"#", verdict_name[records_line_verdict(l)]);
  worst_id(f, m->r, l->first);
  fprintf(f, "\">%s %s</a> ", type_name(l->first->p.type), nulp);
}

static void line_join(struct records_line *sum, const struct records_line *l)
{
  if (!sum->first) sum->first = l->first;
  for (int k = 0; k < VERDICT_COUNT; ++k) sum->count[k] += l->count[k];
  sum->known += l->known;
  if (!(l->nulp <= sum->nulp)) sum->nulp = l->nulp;
  sum->unexplained |= l->unexplained;
  sum->covering |= l->covering;
  sum->refuted |= l->refuted;
  if (!sum->skip_reason) sum->skip_reason = l->skip_reason;
  if (l->worst && (!sum->worst || record_worse(l->worst, sum->worst))) sum->worst = l->worst;
}

/* All lines of an implementation that are equal to `row` in an order; of one type, or of every type (0). */
static struct records_line joined(const struct matrix *m, const char *implementation, const struct record *row,
                                  int (*order)(const struct record *, const struct record *), uint32_t type)
{
  struct records_line sum = {.nulp = -1};
  for (size_t i = 0; i < m->r->lines; ++i) {
    const struct records_line *l = &m->r->line[i];
    if (l->first->implementation == implementation && !order(l->first, row) && (!type || l->first->p.type == type))
      line_join(&sum, l);
  }
  return sum;
}

static void group_cell(FILE *f, const struct matrix *m, const char *implementation, const struct record *group)
{
  struct records_line sum = joined(m, implementation, group, group_order, 0);
  if (!judged(&sum)) {
    cell_without(f, &sum, implementation);
    return;
  }
  size_t bad = records_line_failed(&sum);
  cell_open(f, &sum, implementation);
  verdict_text(f, m->r, &sum);
  fputs(bad ? "<br>" : " ", f);
  if (bad) fprintf(f, "%zu of ", bad);
  fprintf(f, "%zu<small>", sum.count[PASS] + sum.known + bad);
  for (uint32_t type = NORMATIVE_F32; type <= NORMATIVE_BF16; ++type) {
    struct records_line part = joined(m, implementation, group, group_order, type);
    if (part.worst) type_part(f, m, &part);
  }
  fputs("</small></span>", f);
}

/* ---- the table ---- */

static void problem_row(FILE *f, const struct matrix *m, const struct record *row)
{
  fputs("<div class=\"row\">", f);
  row_head(f, row);
  for (size_t k = 0; k < m->columns; ++k) {
    struct records_line l = joined(m, m->column[k]->implementation, row, problem_order, 0);
    cell(f, m, &l, m->column[k]->implementation);
  }
  fputs("</div>\n", f);
}

/* A norm and direction, with its rows folded. */
static void group(FILE *f, const struct matrix *m, size_t first)
{
  const struct record *c = m->row[first];
  const struct norm_row *row = norm_find(c->p.norm);
  fprintf(f, "<details id=\"%s-%s-%s\"><summary class=\"row\"><span class=\"name\"><b>%s</b> %s</span>",
          m->circles >> SPECIMENS & 1 ? "specimens" : "row", row->name, direction_name(c->p.direction), row->title,
          direction_name(c->p.direction));
  for (size_t k = 0; k < m->columns; ++k) group_cell(f, m, m->column[k]->implementation, c);
  fputs("</summary>\n", f);
  for (size_t k = first; k < m->rows && !group_order(m->row[k], c); ++k) problem_row(f, m, m->row[k]);
  fputs("</details>\n", f);
}

static void matrix_table(FILE *f, const struct report *r, unsigned circles)
{
  struct matrix m;
  matrix_make(&m, r, circles);
  fprintf(f, "<div class=\"wide\"><div class=\"matrix\" style=\"--columns:%zu\">\n"
             "<div class=\"row head\"><span class=\"name\"></span>", m.columns);
  for (size_t k = 0; k < m.columns; ++k) column_head(f, r, m.column[k]);
  fputs("</div>\n", f);
  for (size_t k = 0; k < m.rows; ++k)
    if (!k || group_order(m.row[k], m.row[k - 1])) group(f, &m, k);
  fputs("</div></div>\n", f);
  matrix_free(&m);
}

/* Who was asked and judged nothing, and why. */
static void not_judged(FILE *f, const struct report *r)
{
  bool any = false;
  for (size_t k = 0; k < r->implementations; ++k) {
    const char *implementation = r->checks.r[r->first[k]].implementation;
    size_t i = 0;
    if (judged_somewhere(r, implementation)) continue;
    while (r->line[i].first->implementation != implementation) ++i;
    fputs(any ? "" : "<p id=\"skipped\"><b>Skipped</b>, since they could not be had here:</p>\n<ul>", f);
    any = true;
    fputs("<li><b>", f);
    html(f, implementation);
    fputs("</b>: ", f);
    html(f, r->line[i].skip_reason ? r->line[i].skip_reason : "nothing was judged");
    fputs("</li>\n", f);
  }
  if (any) fputs("</ul>\n", f);
}

/* What an implementation's documentation says of itself. */
static void documented(FILE *f, const struct report *r)
{
  bool any = false;
  for (size_t k = 0; k < r->implementations; ++k) {
    const struct record *c = &r->checks.r[r->first[k]];
    if (!c->documented) continue;
    fputs(any ? "" : "<p id=\"documented\"><b>Documented differences</b>: who states one is judged by what it promises "
                     "(*).</p>\n<ul>", f);
    any = true;
    fputs("<li><b>", f);
    html(f, c->implementation);
    fputs("</b> claims ", f);
    html(f, c->declared ? c->declared : "nothing");
    fputs(": ", f);
    html(f, c->documented);
    fputs("</li>\n", f);
  }
  if (any) fputs("</ul>\n", f);
}

static bool has_circle(const struct report *r, enum circle circle)
{
  for (size_t k = 0; k < r->implementations; ++k)
    if (circle_of(r->checks.r[r->first[k]].implementation) == circle) return true;
  return false;
}

/* What a cell says. */
static void words(FILE *f)
{
  fprintf(f,
          "<dl><dt>row</dt><dd>a norm and direction over all types, modes and layouts; open it for each of them. Numbers "
          "beside a verdict: cases that failed of those that count</dd>\n"
          "<dt>verdict</dt><dd>the worst of the cell's cases that count. PASS: every element is within the bound of the "
          "preset named after <i>against</i>; FAIL: one is outside; CRASH and TIMEOUT: the process died or hung. It leads to "
          "the worst case, so does each type</dd>\n"
          "<dt>the default</dt><dd><code>%s</code>, in double <code>%s</code></dd>\n"
          "<dt>f32 ...</dt><dd>with a number: the type's largest error in nULP, red where the type fails. nULP: error / ulp "
          "of the result's scale, of y (of dx backward); a correctly rounded result has at most 0.5 where the scale is the "
          "result itself</dd>\n"
          "<dt>smallest cover</dt><dd>in an open row: the strictest preset whose bound holds in all judged cases of the cell "
          "(where it fails: of those with sums in the tensor's own type); <i>none</i>: no single one does</dd>\n"
          "<dt>not counted</dt><dd>RANGE: an intermediate of the preset's own algorithm overflows there; MISTRUSTED: the "
          "bound is wider than the result; UNDECIDED: the oracle gave up; SKIP: the implementation declines the case. Point "
          "at a cell to see how many</dd></dl>\n",
          preset_default(NORMATIVE_F32), preset_default(NORMATIVE_F64));
}

void report_matrix(FILE *f, const struct report *r)
{
  fputs("<h2 id=\"verdicts\">Verdicts</h2>\n", f);
  if (has_circle(r, OURS) || has_circle(r, PEERS)) matrix_table(f, r, 1u << OURS | 1u << PEERS);
  not_judged(f, r);
  documented(f, r);
  words(f);
  if (!has_circle(r, SPECIMENS)) return;
  fputs("<details><summary><b>Specimens</b>: textbook kernels, here to show what an algorithm costs, each judged against the "
        "preset that it was written to</summary>\n", f);
  matrix_table(f, r, 1u << SPECIMENS);
  fputs("</details>\n", f);
}
