/* SPDX-License-Identifier: Apache-2.0
   The page's bars of speed. A figure is a norm, mode and number of threads; in it a block for each shape; in that a bar for
   each implementation, as long as its speed is in parts of a plain copy's. */
#include "report.h"
#include <math.h>
#include <string.h>

#define FULL_BAR 1.25 /* parts of the copy's speed; what is faster is cut, its number stands beside */

struct figure { char section[128]; int threads; };
static const char evaluation[] = ",mode=evaluation";

/* "batchnorm/forward/f32/32x64x56x56,mode=evaluation,layout=nsc" is of section "batchnorm forward f32 evaluation". */
static void section_of(char out[128], const struct timing *t)
{
  const char *end = t->name;
  for (int slashes = 0; *end && (slashes += *end == '/') < 3; ++end) continue;
  snprintf(out, 128, "%.*s%s", (int)(end - t->name), t->name, strstr(end, evaluation) ? " evaluation" : "");
  for (char *c = out; *c; ++c)
    if (*c == '/') *c = ' ';
}

static const char *shape_of(char out[256], const struct timing *t)
{
  const char *from = t->name;
  for (int slashes = 0; *from && slashes < 3; ++from) slashes += *from == '/';
  const char *cut = strstr(from, evaluation);
  snprintf(out, 256, "%.*s%s", cut ? (int)(cut - from) : (int)strlen(from), from, cut ? cut + strlen(evaluation) : "");
  for (char *comma; (comma = strchr(out, ','));) *comma = ' ';
  return out;
}

static bool belongs(const struct timing *t, const struct figure *g)
{
  char section[128];
  section_of(section, t);
  return t->threads == g->threads && !strcmp(section, g->section);
}

static void time_text(char out[32], double seconds)
{
  static const struct { double unit; const char *name; } units[] = {{1, "s"}, {1e-3, "ms"}, {1e-6, "µs"}, {1e-9, "ns"}};
  int k = 0;
  while (k < 3 && seconds < units[k].unit) ++k;
  double x = seconds / units[k].unit;
  snprintf(out, 32, "%.*f %s", x < 10 ? 2 : x < 100 ? 1 : 0, x, units[k].name);
}

static void bar(FILE *f, const struct timing *t)
{
  char time[32];
  fputs("<tr><th>", f);
  html(f, t->implementation);
  fputs("</th>", f);
  if (t->failed) {
    fputs("<td colspan=\"4\" class=\"broke\">failed: ", f);
    html(f, t->failed);
    fputs("</td></tr>\n", f);
    return;
  }
  bool copy = !strcmp(t->implementation, "copy"), fastest = t->ratio == 1;
  double length = fmin((copy ? 1 : t->copy_fraction) / FULL_BAR, 1);
  time_text(time, t->median_s);
  fprintf(f, "<td class=\"bars\"><span class=\"bar%s\"><i style=\"width:%.1f%%\"></i></span></td><td>%s%.*f%s</td><td>",
          copy ? " copy" : fastest ? " best" : "", isfinite(length) ? 100 * length : 0, fastest ? "<b>" : "", t->gb_per_s < 1 ? 3 : 1, t->gb_per_s,
          fastest ? "</b>" : "");
  if (!copy && isfinite(t->copy_fraction))
    fprintf(f, t->copy_fraction < 10 ? "%.0f %%" : "%.0f x", t->copy_fraction < 10 ? 100 * t->copy_fraction : t->copy_fraction);
  fprintf(f, "</td><td>%s</td></tr>\n", time);
}

static bool same_cell(const struct timing *a, const struct timing *b) { return a->name == b->name && a->threads == b->threads; }

/* "skipped: onednn (no f64), ncnn (no backward)" */
static void skipped(FILE *f, const struct report *r, const struct timing *of)
{
  bool any = false;
  for (size_t i = 0; i < r->timings; ++i) {
    const struct timing *t = &r->timing[i];
    if (!t->skipped || !same_cell(t, of)) continue;
    fputs(any ? ", " : "<tr><td colspan=\"5\" class=\"note\"><small>skipped: ", f);
    any = true;
    html(f, t->implementation);
    fputs(" (", f);
    html(f, t->skipped);
    fputs(")", f);
  }
  if (any) fputs("</small></td></tr>\n", f);
}

/* All bars of the cell that timing number first begins. */
static void cell(FILE *f, const struct report *r, size_t first)
{
  const struct timing *t = &r->timing[first];
  char shape[256];
  fputs("<tbody><tr class=\"shape\"><th colspan=\"5\">", f);
  html(f, shape_of(shape, t));
  fputs("</th></tr>\n", f);
  for (size_t i = first; i < r->timings; ++i)
    if (same_cell(&r->timing[i], t) && !r->timing[i].skipped) bar(f, &r->timing[i]);
  skipped(f, r, t);
  fputs("</tbody>\n", f);
}

static bool first_of_cell(const struct report *r, size_t i)
{
  for (size_t k = 0; k < i; ++k)
    if (same_cell(&r->timing[k], &r->timing[i])) return false;
  return true;
}

static void draw(FILE *f, const struct report *r, const struct figure *g)
{
  fputs("<figure><figcaption><b>", f);
  html(f, g->section);
  fprintf(f, "</b>, %d thread%s</figcaption>\n<table class=\"speed\"><thead><tr><th></th><th class=\"scale\"><span>copy</span></th>"
             "<th>GB/s</th><th>of copy</th><th>time</th></tr></thead>\n", g->threads, g->threads == 1 ? "" : "s");
  for (size_t i = 0; i < r->timings; ++i)
    if (belongs(&r->timing[i], g) && first_of_cell(r, i)) cell(f, r, i);
  fputs("</table></figure>\n", f);
}

void report_speed(FILE *f, const struct report *r)
{
  for (size_t i = 0; i < r->timings; ++i) {
    struct figure g = {.threads = r->timing[i].threads};
    section_of(g.section, &r->timing[i]);
    size_t k = 0;
    while (k < i && !belongs(&r->timing[k], &g)) ++k;
    if (k == i) draw(f, r, &g);
  }
}
