/* SPDX-License-Identifier: Apache-2.0
   What was found: the defects of found.def that the installed peers have, each with a program that shows it alone. */
#include "report.h"
#include "found.h"
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- DIR: records, programs, what these printed ---- */

static char *read_file(const char *dir, const char *name)
{
  char path[1400], *text = NULL;
  size_t room = 0;
  snprintf(path, sizeof path, "%.1000s/%.300s", dir, name);
  FILE *f = fopen(path, "r");
  if (!f) return NULL;
  if (getdelim(&text, &room, '\0', f) < 0 && text) *text = 0;
  fclose(f);
  return text;
}

static int is_records(const struct dirent *d)
{
  size_t n = strlen(d->d_name);
  return n > 6 && !strcmp(d->d_name + n - 6, ".jsonl");
}

int report_read_found(struct report *r, const char *dir, struct error *e)
{
  struct dirent **entry;
  char path[1400];
  int count = scandir(dir, &entry, is_records, alphasort), bad = 0;
  if (count < 0) return fail(e, "%s: %s", dir, strerror(errno));
  r->found = calloc(1, sizeof *r->found);
  if (!r->found) abort();
  r->found_dir = dir;
  r->printed = read_file(dir, "printed");
  for (int i = 0; i < count; ++i) {
    snprintf(path, sizeof path, "%.1000s/%s", dir, entry[i]->d_name);
    if (!bad) bad = report_read(r->found, path, e);
    free(entry[i]);
  }
  free(entry);
  return bad;
}

static char *program_of(const struct report *r, const struct probe *probe, const struct record *c, char file[300])
{
  static const char *const languages[] = {"py", "cpp"};
  for (size_t k = 0; k < 2; ++k) {
    snprintf(file, 300, "%s.%.100s.%s", probe->id, c->implementation, languages[k]);
    char *text = read_file(r->found_dir, file);
    if (text) return text;
  }
  return NULL;
}

/* What the program printed, "none: WHY", or "" where it was not run. */
static void printed_by(const struct report *r, const char *file, char value[300])
{
  size_t n = strlen(file);
  value[0] = 0;
  for (const char *line = r->printed; line && *line; line += strcspn(line, "\n"), line += *line == '\n')
    if (!strncmp(line, file, n) && line[n] == '\t')
      snprintf(value, 300, "%.*s", (int)strcspn(line + n + 1, "\n"), line + n + 1);
}

/* ---- an entry ---- */

/* SHOWN: the program alone shows the defect too. UNTRIED: there is no program, or it was not run. */
enum trial { UNTRIED, SHOWN, NOT_SHOWN };
struct entry {
  const struct probe *probe;
  const struct record *c;
  enum alive alive;
  enum trial trial;
  char *program, printed[300];
};

static struct entry entry_of(const struct report *r, const struct record *c)
{
  struct entry entry = {.probe = probe_of(c->name), .c = c};
  char file[300], *end;
  if (entry.probe) entry.alive = probe_alive(entry.probe, c);
  if (entry.alive == ABSENT) return entry;
  entry.program = program_of(r, entry.probe, c, file);
  if (entry.program && !c->reason[0]) printed_by(r, file, entry.printed);
  double value = strtod(entry.printed, &end);
  if (!entry.printed[0]) return entry;
  entry.trial = end != entry.printed && probe_shows(entry.probe, probe_element(c)->expected, value) ? SHOWN : NOT_SHOWN;
  return entry;
}

static void command(FILE *f, const struct entry *entry)
{
  const struct probe *p = entry->probe;
  fprintf(f, "<p><code>" REPORT_PROGRAM " found --cases probes%s &amp;&amp; " REPORT_PROGRAM " check ",
          p->size == LARGE ? " --large" : "");
  html_shell_word(f, entry->c->spec);
  fprintf(f, " --input probes/%s/%s --output %s --require %s</code></p>\n", p->output, p->id, p->output, probe_preset);
}

static void values(FILE *f, const struct entry *entry)
{
  const struct finding *w = probe_element(entry->c);
  if (entry->c->reason[0]) {
    html(f, verdict_name[entry->c->verdict]);
    fputs(": ", f);
    html(f, entry->c->reason);
    return;
  }
  fprintf(f, "%s[%zu]: ", slot_name[w->slot], w->index);
  html_value(f, "exact", w->expected);
  html_value(f, "got", w->got);
}

static void tried(FILE *f, const struct entry *entry)
{
  if (entry->trial == UNTRIED) fputs(entry->program ? " <span class=\"note\">not run alone</span>" : "", f);
  else {
    double value = strtod(entry->printed, NULL);
    fprintf(f, "<span class=\"tag PASS\">checked</span><span class=\"note\">run alone it prints <code>%a</code></span>",
            isnan(value) ? NAN : value);
  }
}

static void entry_text(FILE *f, const struct entry *entry)
{
  fprintf(f, "<details class=\"bug\" id=\"found-%s-", entry->probe->id);
  html(f, entry->c->implementation);
  fputs("\"><summary><b>", f);
  html(f, entry->c->implementation);
  fputs("</b> ", f);
  html(f, entry->c->version);
  fputs(" ", f);
  values(f, entry);
  if (probe_usual(entry->c)) fputs("<span class=\"note\">(float sums, two passes, may lose as much)</span> ", f);
  tried(f, entry);
  fputs("</summary>\n", f);
  if (entry->program) {
    fputs("<pre><code>", f);
    html(f, entry->program);
    fputs("</code></pre>\n", f);
  }
  command(f, entry);
  fputs("</details>\n", f);
}

/* ---- the section ---- */

/* An answer that did not come may be the adapter's fault: it is named, but does not count. */
static bool on_page(const struct entry *entry)
{
  return entry->alive == ALIVE && entry->trial != NOT_SHOWN && !entry->c->reason[0];
}

/* A defect, folded: its name and who has it; inside, an entry of each. */
static void probe_text(FILE *f, const struct probe *probe, const struct entry *all, size_t count)
{
  bool any = false;
  for (size_t i = 0; i < count; ++i) {
    if (all[i].probe != probe || !on_page(&all[i])) continue;
    if (!any) {
      fprintf(f, "<details id=\"found-%s\"><summary><b>", probe->id);
      html(f, probe->title);
    }
    fputs(any ? ", " : "</b>: ", f);
    html(f, all[i].c->implementation);
    any = true;
  }
  if (!any) return;
  fputs("</summary>\n<p class=\"note\"><code>", f);
  html(f, probe->problem);
  fputs("</code> of <code>", f);
  html(f, probe->data);
  fputs("</code>. Known from ", f);
  html(f, probe->known_as);
  fputs(".</p>\n", f);
  for (size_t i = 0; i < count; ++i)
    if (all[i].probe == probe && on_page(&all[i])) entry_text(f, &all[i]);
  fputs("</details>\n", f);
}

/* Of each peer how many, with links. */
static void overview(FILE *f, const struct entry *all, size_t count)
{
  fputs("<div class=\"wide\"><table class=\"counts\">\n", f);
  for (size_t i = 0; i < count; ++i) {
    size_t number = 0, k = 0;
    while (k < i && all[k].c->implementation != all[i].c->implementation) ++k;
    if (k < i) continue;
    for (k = 0; k < count; ++k) number += on_page(&all[k]) && all[k].c->implementation == all[i].c->implementation;
    if (!number) continue;
    fprintf(f, "<tr><td>%zu</td><td><b>", number);
    html(f, all[i].c->implementation);
    fputs("</b> ", f);
    html(f, all[i].c->version);
    fputs("</td><td>", f);
    for (k = 0; k < count; ++k) {
      if (!on_page(&all[k]) || all[k].c->implementation != all[i].c->implementation) continue;
      fprintf(f, "<a href=\"#found-%s-", all[k].probe->id);
      html(f, all[k].c->implementation);
      fprintf(f, "\">%s</a> ", all[k].probe->id);
    }
    fputs("</td></tr>\n", f);
  }
  fputs("</table></div>\n", f);
}

/* Those that are alive but do not count, one line each. */
static void aside(FILE *f, const char *title, const struct entry *all, size_t count, bool stated)
{
  bool any = false;
  for (size_t i = 0; i < count; ++i) {
    const struct entry *entry = &all[i];
    if (entry->alive == ABSENT || on_page(entry) || (entry->alive == STATED) != stated) continue;
    if (!any) fprintf(f, "<details><summary>%s</summary>\n<ul>", title);
    any = true;
    fputs("<li>", f);
    html(f, entry->c->implementation);
    fputs(": ", f);
    html(f, entry->probe->title);
    fputs("; ", f);
    values(f, entry);
    html(f, stated ? entry->c->documented : entry->printed);
    fputs("</li>\n", f);
  }
  if (any) fputs("</ul></details>\n", f);
}

static int by_probe(const void *a, const void *b)
{
  const struct entry *x = a, *y = b;
  int order = strcmp(x->c->implementation, y->c->implementation);
  if (x->probe != y->probe) return x->probe < y->probe ? -1 : 1;
  return order;
}

void report_found(FILE *f, const struct report *r)
{
  const struct records *records = &r->found->checks;
  struct entry *all = malloc((records->count + 1) * sizeof *all);
  size_t count = 0, number = 0, probes = 0, asked = 0;
  if (!all) abort();
  for (size_t i = 0; i < records->count; ++i) {
    asked += records->r[i].verdict != SKIP;
    all[count] = entry_of(r, &records->r[i]);
    if (all[count].alive != ABSENT) ++count;
  }
  qsort(all, count, sizeof *all, by_probe);
  for (size_t i = 0; i < count; ++i) number += on_page(&all[i]);
  for (const struct probe *p = probe_table; p->id; ++p) ++probes;
  fprintf(f, "<h2 id=\"found\">What was found</h2>\n<p>%zu known defects were looked for in each peer that is installed "
             "here, as far as it computes the norm: of %zu answers <b>%zu are wrong</b>. A defect is a wrong answer on data that a "
             "line of code makes: not finite where the exact one is; so far off that it is no answer; or off by more than float "
             "arithmetic explains (where that explains as much, it is said). Open one, and in it a peer's, for a "
             "program that shows it alone, to be pasted into a report to its authors; <i>checked</i> programs were run by "
             "themselves, and what they printed stands beside. What a peer documents is listed apart.</p>\n", probes, asked, number);
  overview(f, all, count);
  for (const struct probe *p = probe_table; p->id; ++p) probe_text(f, p, all, count);
  aside(f, "Documented by the peer, so not counted", all, count, true);
  aside(f, "No answer, or one that the program alone does not repeat, so not counted", all, count, false);
  for (size_t i = 0; i < count; ++i) free(all[i].program);
  free(all);
}
