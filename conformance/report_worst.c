/* SPDX-License-Identifier: Apache-2.0
   The page's worst cases: of each implementation those that failed worst, each with the command that repeats it alone. */
#include "report.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WORST_SHOWN 5

static int worst_first(const void *a, const void *b)
{
  const struct record *x = *(const struct record *const *)a, *y = *(const struct record *const *)b;
  double p = x->judged && !isnan(x->j.worst_nulp) ? x->j.worst_nulp : INFINITY;
  double q = y->judged && !isnan(y->j.worst_nulp) ? y->j.worst_nulp : INFINITY;
  if (verdict_failed(x->verdict) != verdict_failed(y->verdict)) return verdict_failed(x->verdict) ? -1 : 1;
  if (p != q) return p > q ? -1 : 1;
  return strcmp(x->name, y->name);
}

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
    if (c->implementation != implementation || !(verdict_failed(c->verdict) || (c->judged && c->verdict == PASS))) continue;
    order[n++] = c;
    bad += verdict_failed(c->verdict);
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

void report_worst(FILE *f, const struct report *r)
{
  fputs("<h2 id=\"worst\">Worst cases</h2>\n<p>A case's name rebuilds its data anywhere. Expected is the exact result, rounded "
        "once; the element shown is the one that is worst beside its bound.</p>\n", f);
  for (size_t k = 0; k < r->implementations; ++k) worst_of(f, r, r->checks.r[r->first[k]].implementation);
}
