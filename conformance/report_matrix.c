/* SPDX-License-Identifier: Apache-2.0
   The page's matrix: a row for each norm, direction, mode and layout, a column for each implementation, its verdict in the
   cell. Specimens have a matrix of their own; who judged nothing is named below with the reason. */
#include "report.h"
#include "builtin.h"
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 64

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
  struct records_line *line;
  size_t lines;
  const struct record *row[COLUMNS_MAX], *column[COLUMNS_MAX]; /* one record stands for each */
  size_t rows, columns;
  bool types;                                                  /* more than one: rows say which */
};

int problem_order(const struct record *a, const struct record *b)
{
  const struct normative_problem *p = &a->p, *q = &b->p;
#define BY(x, y) if ((x) != (y)) return (x) < (y) ? -1 : 1
  BY(norm_find(p->norm), norm_find(q->norm));
  BY(p->direction, q->direction);
  BY(p->mode, q->mode);
  BY(p->type, q->type);
  BY(p->layout, q->layout);
#undef BY
  return 0;
}

static int row_order(const void *a, const void *b)
{
  return problem_order(*(const struct record *const *)a, *(const struct record *const *)b);
}

static bool judged(const struct records_line *l)
{
  return l->count[PASS] + l->count[FAIL] + l->count[CRASH] + l->count[TIMEOUT] > 0;
}

static bool judged_somewhere(const struct matrix *m, const char *implementation)
{
  for (size_t i = 0; i < m->lines; ++i)
    if (m->line[i].first->implementation == implementation && judged(&m->line[i])) return true;
  return false;
}

static void add_row(struct matrix *m, const struct record *c)
{
  size_t k = 0;
  while (k < m->rows && problem_order(m->row[k], c)) ++k;
  if (k == m->rows && k < COLUMNS_MAX) m->row[m->rows++] = c;
  m->types |= c->p.type != m->row[0]->p.type;
}

static void add_column(struct matrix *m, const struct record *c)
{
  size_t k = 0;
  while (k < m->columns && m->column[k]->implementation != c->implementation) ++k;
  if (k == m->columns && k < COLUMNS_MAX) m->column[m->columns++] = c;
}

/* Ours first, then in the order of the records; rows that nobody of the circles judged are left out. */
static void matrix_make(struct matrix *m, const struct report *r, unsigned circles)
{
  *m = (struct matrix){0};
  m->line = records_lines(&r->checks, &m->lines);
  for (int circle = OURS; circle <= PEERS; ++circle)
    for (size_t i = 0; i < m->lines && circles >> circle & 1; ++i) {
      const struct record *c = m->line[i].first;
      if (circle_of(c->implementation) != (enum circle)circle) continue;
      if (judged(&m->line[i])) add_row(m, c);
      if (judged_somewhere(m, c->implementation)) add_column(m, c);
    }
  qsort(m->row, m->rows, sizeof *m->row, row_order);
}

/* "f32-stable", or the members of what was declared */
static void judged_against(FILE *f, const struct report *r, const char *implementation)
{
  for (size_t i = 0; i < r->checks.count; ++i) {
    const struct record *c = &r->checks.r[i];
    if (c->implementation != implementation || !c->judged) continue;
    if (!strcmp(r->require[i], "default")) html(f, c->documented ? c->declared : preset_default(c->p.type));
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

static void column_head(FILE *f, const struct report *r, const struct record *c)
{
  fputs("<th scope=\"col\"><b>", f);
  html(f, c->implementation);
  fputs(c->documented ? "</b>&nbsp;<a href=\"#documented\">*</a>" : "</b>", f);
  fputs("<small class=\"note\">", f);
  html(f, c->version);
  fputs("<br>against ", f);
  judged_against(f, r, c->implementation);
  fputs("</small></th>", f);
}

static void row_head(FILE *f, const struct matrix *m, const struct record *c)
{
  const struct norm_row *row = norm_find(c->p.norm);
  fprintf(f, "<th scope=\"row\"><b>%s</b> %s<small class=\"note\">", row->title, direction_name(c->p.direction));
  if (m->types) fprintf(f, "%s%s", type_name(c->p.type), row->axes == 3 ? ", " : "");
  if (row->axes == 3) fputs(layout_name(c->p.layout), f);
  if (row->evaluates) fputs(c->p.mode == NORMATIVE_EVALUATION ? ", evaluation" : ", training", f);
  fputs("</small></th>", f);
}

/* "3 of 120 fail, 2 accepted" */
static void cell_counts(FILE *f, const struct records_line *l)
{
  size_t bad = records_line_failed(l), all = l->count[PASS] + l->known + bad;
  if (bad) fprintf(f, "%zu of %zu fail", bad, all);
  else fprintf(f, "%zu judged", all);
  if (l->known) fprintf(f, ", %zu accepted failure%s", l->known, l->known == 1 ? "" : "s");
  for (int k = RANGE; k <= SKIP; ++k)
    if (l->count[k]) fprintf(f, ", %zu&nbsp;%s", l->count[k], verdict_name[k]);
}

static void cell(FILE *f, const struct records_line *l)
{
  if (!l) {
    fputs("<td class=\"none\">-</td>", f);
    return;
  }
  char nulp[32];
  enum verdict v = records_line_verdict(l);
  if (!judged(l)) {
    fprintf(f, "<td class=\"%s\"><small>", verdict_name[v]);
    html(f, l->skip_reason ? l->skip_reason : verdict_name[v]);
    fputs("</small></td>", f);
    return;
  }
  nulp_text(nulp, l->nulp);
  fprintf(f, "<td class=\"%s\"><b class=\"v\">%s</b>%s&nbsp;nULP<br>", verdict_name[v], verdict_name[v], nulp);
  html(f, records_line_cover(l));
  fputs("<small>", f);
  cell_counts(f, l);
  fputs("</small></td>", f);
}

static void matrix_row(FILE *f, const struct matrix *m, const struct record *row)
{
  fputs("<tr>", f);
  row_head(f, m, row);
  for (size_t k = 0; k < m->columns; ++k) {
    const struct records_line *found = NULL;
    for (size_t i = 0; i < m->lines; ++i)
      if (m->line[i].first->implementation == m->column[k]->implementation && !problem_order(m->line[i].first, row))
        found = &m->line[i];
    cell(f, found);
  }
  fputs("</tr>\n", f);
}

static void matrix_table(FILE *f, const struct report *r, unsigned circles)
{
  struct matrix m;
  matrix_make(&m, r, circles);
  fputs("<div class=\"wide\"><table class=\"matrix\"><thead><tr><th></th>", f);
  for (size_t k = 0; k < m.columns; ++k) column_head(f, r, m.column[k]);
  fputs("</tr></thead>\n<tbody>\n", f);
  for (size_t k = 0; k < m.rows; ++k) matrix_row(f, &m, m.row[k]);
  fputs("</tbody></table></div>\n", f);
  free(m.line);
}

static bool first_of_implementation(const struct matrix *m, size_t i)
{
  for (size_t k = 0; k < i; ++k)
    if (m->line[k].first->implementation == m->line[i].first->implementation) return false;
  return true;
}

/* Who was asked and judged nothing, and why. */
static void not_judged(FILE *f, const struct report *r)
{
  struct matrix m = {0};
  bool any = false;
  m.line = records_lines(&r->checks, &m.lines);
  for (size_t i = 0; i < m.lines; ++i) {
    const char *implementation = m.line[i].first->implementation;
    if (!first_of_implementation(&m, i) || judged_somewhere(&m, implementation)) continue;
    fputs(any ? "" : "<p id=\"skipped\"><b>Skipped</b>, since they could not be had here:</p>\n<ul>", f);
    any = true;
    fputs("<li><b>", f);
    html(f, implementation);
    fputs("</b>: ", f);
    html(f, m.line[i].skip_reason ? m.line[i].skip_reason : "nothing was judged");
    fputs("</li>\n", f);
  }
  if (any) fputs("</ul>\n", f);
  free(m.line);
}

/* What an implementation's documentation says of itself. */
static void documented(FILE *f, const struct report *r)
{
  bool any = false;
  for (size_t k = 0; k < r->implementations; ++k) {
    const struct record *c = &r->checks.r[r->first[k]];
    if (!c->documented) continue;
    fputs(any ? "" : "<p id=\"documented\"><b>Documented differences</b>: who states one is judged by what it promises (*).</p>\n"
                     "<ul>", f);
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

void report_matrix(FILE *f, const struct report *r)
{
  fputs("<h2 id=\"verdicts\">Verdicts</h2>\n", f);
  if (has_circle(r, OURS) || has_circle(r, PEERS)) matrix_table(f, r, 1u << OURS | 1u << PEERS);
  not_judged(f, r);
  documented(f, r);
  fputs("<dl><dt>verdict</dt><dd>of a cell: the worst of its cases that count. PASS: every element is within the bound of the preset "
        "named after <i>against</i>; FAIL: one is outside; CRASH and TIMEOUT: the process died or hung</dd>\n"
        "<dt>nULP</dt><dd>error / ulp of the result's scale: the worst element of y (of dx backward) in all cases of the "
        "cell; a correctly rounded result has at most 0.5 where the scale is the result itself</dd>\n"
        "<dt>smallest cover</dt><dd>below it: the strictest preset whose bound holds in all judged cases of the cell (where it "
        "fails: of those with sums in the tensor's own type); <i>none</i>: no single one does</dd>\n"
        "<dt>not counted</dt><dd>RANGE: an intermediate of the preset's own algorithm overflows there; MISTRUSTED: the bound "
        "is wider than the result; UNDECIDED: the oracle gave up; SKIP: the implementation declines the case</dd></dl>\n", f);
  if (!has_circle(r, SPECIMENS)) return;
  fputs("<details><summary><b>Specimens</b>: textbook kernels, here to show what an algorithm costs, each judged against the "
        "preset that it was written to</summary>\n", f);
  matrix_table(f, r, 1u << SPECIMENS);
  fputs("</details>\n", f);
}
