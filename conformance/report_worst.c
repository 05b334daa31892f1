/* SPDX-License-Identifier: Apache-2.0
   The page's worst cases: of each implementation one for every norm, direction and type; of what failed with the command that
   repeats it alone. */
#include "report.h"
#include <stdlib.h>
#include <string.h>

static void reproduce(FILE *f, const struct record *c, const char *require)
{
  bool files = c->input && !strcmp(c->version, "files"); /* by normative judge */
  fprintf(f, "<br><code>" REPORT_PROGRAM " %s ", files ? "judge" : "check");
  html_shell_word(f, files ? c->input : c->spec);
  fputc(' ', f);
  if (files) html_shell_word(f, c->spec);
  else {
    fputs(c->input ? "--input " : "--case ", f);
    html_shell_word(f, c->input ? c->input : c->name);
  }
  if (strcmp(require, "default")) {
    fputs(" --require ", f);
    html_shell_word(f, require);
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
  html_value(f, "expected", w->expected);
  html_value(f, "got", w->got);
  fprintf(f, "<br>error <b>%s nULP</b>, bound %s nULP of ", nulp, bound);
  html(f, c->j.member[0]);
  enum slot primary = c->p.direction == NORMATIVE_BACKWARD ? SLOT_DX : SLOT_Y;
  if (w->slot != primary && c->j.nulp[primary] >= 0) {
    nulp_text(nulp, c->j.nulp[primary]);
    fprintf(f, "; %s is off by up to %s nULP", slot_name[primary], nulp);
  }
  fputs("; covered by ", f);
  if (!c->j.explained[0]) fputs("no preset", f);
  for (int k = 0; k < EXPLAINED_MAX && c->j.explained[k]; ++k) {
    fputs(k ? ", " : "", f);
    html(f, c->j.explained[k]);
  }
}

static bool same_place(const struct record *a, const struct record *b)
{
  return a->implementation == b->implementation && !group_order(a, b) && a->p.type == b->p.type;
}

void worst_id(FILE *f, const struct report *r, const struct record *c)
{
  size_t k = 0;
  while (k + 1 < r->implementations && r->checks.r[r->first[k]].implementation != c->implementation) ++k;
  fprintf(f, "worst-%zu-%s-%s-%s", k, norm_find(c->p.norm)->name, direction_name(c->p.direction), type_name(c->p.type));
}

static void title(FILE *f, const char *cell, const struct report *r, const struct record *c)
{
  fprintf(f, "<tr><td id=\"");
  worst_id(f, r, c);
  fprintf(f, "\"%s><b>%s</b> %s, %s", cell, norm_find(c->p.norm)->title, direction_name(c->p.direction), type_name(c->p.type));
}

static void failure(FILE *f, const struct report *r, const struct record *c)
{
  title(f, "", r, c);
  fprintf(f, " <span class=\"tag %s\">%s</span>", verdict_name[c->verdict], verdict_name[c->verdict]);
  if (c->reason[0]) {
    fputs("<br>", f);
    html(f, c->reason);
  }
  if (c->judged && c->j.elements && !c->reason[0]) finding(f, c);
  reproduce(f, c, r->require[c - r->checks.r]);
  fputs("</td></tr>\n", f);
}

static void largest(FILE *f, const struct report *r, const struct record *c)
{
  char nulp[32];
  nulp_text(nulp, c->j.worst_nulp);
  title(f, " class=\"of\"", r, c);
  fprintf(f, "</td><td>%s</td><td><code>", nulp);
  html(f, c->input ? c->input : c->name);
  fputs("</code></td></tr>\n", f);
}

static int worst_first(const void *a, const void *b)
{
  const struct record *x = *(const struct record *const *)a, *y = *(const struct record *const *)b;
  if (x == y) return 0;
  if (verdict_failed(x->verdict) != verdict_failed(y->verdict)) return verdict_failed(x->verdict) ? -1 : 1;
  if (!verdict_failed(x->verdict) && problem_order(x, y)) return problem_order(x, y);
  return record_worse(x, y) ? -1 : 1;
}

/* The worst case of each place, failures first, the worst of them before the others. */
static const struct record **places(const struct report *r, const char *implementation, size_t *count)
{
  const struct record **at = malloc((r->lines + 1) * sizeof *at);
  if (!at) abort();
  *count = 0;
  for (size_t i = 0; i < r->lines; ++i) {
    const struct record *c = r->line[i].worst;
    size_t k = 0;
    if (!c || c->implementation != implementation) continue;
    while (k < *count && !same_place(at[k], c)) ++k;
    if (k == *count) at[(*count)++] = c;
    else if (record_worse(c, at[k])) at[k] = c;
  }
  qsort(at, *count, sizeof *at, worst_first);
  return at;
}

static void worst_of(FILE *f, const struct report *r, const struct record *first)
{
  size_t count, failed = 0, judged, bad;
  const struct record **at = places(r, first->implementation, &count);
  report_standing(r, first->implementation, &judged, &bad);
  while (failed < count && verdict_failed(at[failed]->verdict)) ++failed;
  if (count) {
    fprintf(f, "<details%s><summary><b>", failed ? " open" : "");
    html(f, first->implementation);
    fprintf(f, "</b>: %zu of %zu judged cases failed</summary>\n", bad, judged);
  }
  if (failed) fputs("<table class=\"worst\">\n", f);
  for (size_t k = 0; k < failed; ++k) failure(f, r, at[k]);
  if (failed) fputs("</table>\n", f);
  if (failed < count) {
    if (failed) fputs("<details><summary>Largest errors where nothing failed</summary>\n", f);
    fputs("<p>To repeat one: <code>" REPORT_PROGRAM " check ", f);
    html_shell_word(f, first->spec);
    fputs(" --case CASE</code></p>\n<div class=\"wide\"><table class=\"counts\">"
          "<tr><td></td><td>nULP</td><td>case</td></tr>\n", f);
    for (size_t k = failed; k < count; ++k) largest(f, r, at[k]);
    fputs(failed ? "</table></div></details>\n" : "</table></div>\n", f);
  }
  if (count) fputs("</details>\n", f);
  free(at);
}

void report_worst(FILE *f, const struct report *r)
{
  fputs("<h2 id=\"worst\">Worst cases</h2>\n"
        "<p>Of each norm, direction and type the case that failed worst, else the one with the largest error. A case's name "
        "rebuilds its data anywhere. Expected is the exact result, rounded once; the element shown is the one that is worst "
        "beside its bound.</p>\n", f);
  for (size_t k = 0; k < r->implementations; ++k) worst_of(f, r, &r->checks.r[r->first[k]]);
}
