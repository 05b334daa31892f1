/* SPDX-License-Identifier: Apache-2.0
   Error against condition number: small pictures on the same axes, drawn by gnuplot, made fit to stand together in one
   page: ids of their own, colours by name from the page's style. */
#include "report.h"
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

extern char **environ;

/* Logarithmic axes, the same for all pictures, in decades. What is below a floor is drawn on it; what is larger than all that
   counts, infinite or NaN, on the top. */
struct axes { int x_floor, x_top, y_floor, y_top; };
#define FLOOR (-3)
#define LEAST_TOP 6
#define HIGHEST_TOP 12

/* A point's kind decides its symbol. */
enum kind { BOUND, INSIDE, OUTSIDE, UNCOUNTED, KINDS };
struct point { double x, y; enum kind kind; };
struct points { struct point *at; size_t count, room; };

static bool shown(const struct record *c)
{
  return c->judged && c->j.elements && c->verdict != UNDECIDED && c->verdict != MISTRUSTED;
}

static double decade(double x, int floor, int top)
{
  if (isnan(x) || isinf(x)) return top;
  return x > pow(10, floor) ? fmin(log10(x), top) : floor;
}

/* The top that leaves a decade of room above x. */
static int beyond(double x, int top)
{
  int own = isfinite(x) && x > 0 ? (int)ceil(log10(x)) + 1 : top;
  return own < top ? top : own < HIGHEST_TOP ? own : HIGHEST_TOP;
}

static struct axes axes_of(const struct report *r)
{
  struct axes a = {.x_floor = FLOOR, .x_top = LEAST_TOP, .y_floor = FLOOR, .y_top = LEAST_TOP};
  for (size_t i = 0; i < r->checks.count; ++i) {
    const struct record *c = &r->checks.r[i];
    if (!shown(c) || c->verdict == RANGE) continue;
    a.x_top = beyond(c->j.kappa, a.x_top);
    a.y_top = beyond(c->j.worst_nulp, a.y_top);
  }
  return a;
}

/* Points that would cover each other are drawn once. */
static void add_point(struct points *p, double x, double y, enum kind kind)
{
  struct point q = {round(x * 10) / 10, round(y * 10) / 10, kind};
  for (size_t i = 0; i < p->count; ++i)
    if (p->at[i].kind == kind && p->at[i].x == q.x && p->at[i].y == q.y) return;
  if (p->count == p->room) {
    p->room = p->room ? 2 * p->room : 256;
    p->at = realloc(p->at, p->room * sizeof *p->at);
    if (!p->at) abort();
  }
  p->at[p->count++] = q;
}

static struct points points_of(const struct report *r, const char *implementation, const struct axes *a)
{
  struct points p = {0};
  for (size_t i = 0; i < r->checks.count; ++i) {
    const struct record *c = &r->checks.r[i];
    if (c->implementation != implementation || !shown(c)) continue;
    double x = decade(c->j.kappa, a->x_floor, a->x_top);
    add_point(&p, x, decade(c->j.worst_nulp, a->y_floor, a->y_top),
              c->verdict == PASS ? INSIDE : c->verdict == RANGE ? UNCOUNTED : OUTSIDE);
    if (c->verdict != RANGE) add_point(&p, x, decade(c->j.finding[0].loosest, a->y_floor, a->y_top), BOUND);
  }
  return p;
}

/* ---- gnuplot ---- */

/* Colours that stand for the page's variables --plot1 ...: restyle() names them. */
#define PLOT_COLOUR "#0102%02x"
enum { INK = 1, GRID, FIRST_KIND };

/* Labels at every second or third decade, away from both ends, which have names. */
static void tics(FILE *f, char axis, int floor, int top)
{
  int step = top - floor > 9 ? 3 : 2;
  fprintf(f, "set %ctics scale 0.4,0 textcolor rgb '" PLOT_COLOUR "' (\"0\" %d, \"more\" %d", axis, INK, floor, top);
  for (int k = floor + 1; k < top; ++k) {
    if (k % step || k < floor + 2 || k > top - 2) fprintf(f, ", \"\" %d", k);
    else if (k) fprintf(f, ", \"10^{%d}\" %d", k, k);
    else fputs(", \"1\" 0", f);
  }
  fprintf(f, ")\nset %crange [%d - 0.6:%d + 0.6]\n", axis, floor, top);
}

static void write_script(FILE *f, const struct points *p, const struct axes *a)
{
  static const char *const symbol[KINDS] = {"pt 0 ps 0.8", "pt 7 ps 0.36", "pt 2 ps 0.55 lw 1.2", "pt 8 ps 0.5"};
  fprintf(f, "set term svg size 380,300 dynamic font 'sans-serif,12'\nunset key\n"
             "set border 3 lc rgb '" PLOT_COLOUR "'\nset grid lt 1 lw 0.6 lc rgb '" PLOT_COLOUR "'\nset tics nomirror\n"
             "set xlabel 'condition number |mean| / deviation' offset 0,0.4 textcolor rgb '" PLOT_COLOUR "'\n"
             "set ylabel 'worst error of the case, nULP' offset 0.8,0 textcolor rgb '" PLOT_COLOUR "'\n", INK, GRID, INK, INK);
  tics(f, 'x', a->x_floor, a->x_top);
  tics(f, 'y', a->y_floor, a->y_top);
  for (int kind = 0; kind < KINDS; ++kind) {
    fprintf(f, "$k%d << EOD\nnan nan\n", kind);
    for (size_t i = 0; i < p->count; ++i)
      if (p->at[i].kind == (enum kind)kind) fprintf(f, "%.3f %.3f\n", p->at[i].x, p->at[i].y);
    fputs("EOD\n", f);
  }
  fputs("plot ", f);
  for (int kind = 0; kind < KINDS; ++kind)
    fprintf(f, "%s$k%d with points %s lc rgb '" PLOT_COLOUR "'", kind ? ", " : "", kind, symbol[kind], FIRST_KIND + kind);
  fputc('\n', f);
}

static char *whole(FILE *f)
{
  long end = fseek(f, 0, SEEK_END) ? -1 : ftell(f);
  char *text = malloc((size_t)(end > 0 ? end : 0) + 1);
  if (!text) abort();
  rewind(f);
  text[fread(text, 1, (size_t)(end > 0 ? end : 0), f)] = 0;
  return text;
}

/* Runs gnuplot on the three files as its standard streams. */
static int run_gnuplot(FILE *stream[3], struct error *e)
{
  char *argv[] = {"gnuplot", "-d", NULL};
  posix_spawn_file_actions_t actions;
  pid_t child;
  int status, number;
  posix_spawn_file_actions_init(&actions);
  for (int k = 0; k < 3; ++k) posix_spawn_file_actions_adddup2(&actions, fileno(stream[k]), k);
  number = posix_spawnp(&child, argv[0], &actions, NULL, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (number) return fail(e, "gnuplot: %s; the pictures need it (Debian: gnuplot-nox)", strerror(number));
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  if (WIFEXITED(status) && !WEXITSTATUS(status)) return 0;
  char *said = whole(stream[2]);
  const char *line = said + strspn(said, " \n");
  if (*line) fail(e, "gnuplot failed: %.*s", (int)strcspn(line, "\n"), line);
  else if (WIFSIGNALED(status)) fail(e, "gnuplot was killed: %s", strsignal(WTERMSIG(status)));
  else fail(e, "gnuplot exited with status %d", WEXITSTATUS(status));
  free(said);
  return -1;
}

/* ---- SVG ---- */

/* Our own <svg>, then gnuplot's elements with ids and references prefixed, colours by variable, and without its title. */
static char *restyle(const char *svg, size_t picture, const char *label)
{
  char *out;
  size_t size;
  FILE *f = open_memstream(&out, &size);
  const char *from = strstr(svg, "<g id=\"gnuplot_canvas\"");
  fputs("<svg viewBox=\"0 0 380 300\" role=\"img\" aria-label=\"", f);
  html(f, label);
  fputs("\">", f);
  for (int colour, used; from && *from;) {
    static const char *const references[] = {"id=\"", "id='", "href='#"};
    size_t k = 0;
    while (k < 3 && strncmp(from, references[k], strlen(references[k]))) ++k;
    if (k < 3) {
      fprintf(f, "%sk%zu-", references[k], picture);
      from += strlen(references[k]);
    } else if (sscanf(from, "rgb( 1 , 2 , %d )%n", &colour, &used) == 1) {
      fprintf(f, "var(--plot%d)", colour);
      from += used;
    } else if (!strncmp(from, "<title>", 7) && strstr(from, "</title>")) {
      from = strstr(from, "</title>") + 8;
    } else if (isspace((unsigned char)*from)) {
      fputc(' ', f);
      from += strspn(from, " \t\r\n");
    } else {
      fputc(*from++, f);
    }
  }
  fclose(f);
  return out;
}

static int draw(const struct report *r, const char *implementation, const struct axes *a, size_t picture, char **svg,
                struct error *e)
{
  struct points points = points_of(r, implementation, a);
  FILE *stream[3] = {tmpfile(), tmpfile(), tmpfile()};
  char label[300];
  int bad = stream[0] && stream[1] && stream[2] ? 0 : fail(e, "a temporary file: %s", strerror(errno));
  if (!bad) {
    write_script(stream[0], &points, a);
    rewind(stream[0]);
    bad = ferror(stream[0]) ? fail(e, "a temporary file: %s", strerror(errno)) : run_gnuplot(stream, e);
  }
  if (!bad) {
    char *text = whole(stream[1]);
    snprintf(label, sizeof label, "%s: error in nULP against condition number, %zu points", implementation, points.count);
    if (strstr(text, "</svg>")) *svg = restyle(text, picture, label);
    else bad = fail(e, "gnuplot drew nothing");
    free(text);
  }
  for (int k = 0; k < 3; ++k)
    if (stream[k]) fclose(stream[k]);
  free(points.at);
  return bad;
}

int pictures_draw(const struct report *r, struct pictures *p, struct error *e)
{
  struct axes a = axes_of(r);
  int bad = 0;
  *p = (struct pictures){0};
  for (size_t i = 0; i < r->checks.count && !bad; ++i) {
    const char *implementation = r->checks.r[i].implementation;
    size_t k = 0;
    while (k < p->count && p->implementation[k] != implementation) ++k;
    if (k < p->count || !shown(&r->checks.r[i])) continue;
    p->svg = realloc(p->svg, (k + 1) * sizeof *p->svg);
    p->implementation = realloc(p->implementation, (k + 1) * sizeof *p->implementation);
    if (!p->svg || !p->implementation) abort();
    p->implementation[k] = implementation;
    bad = draw(r, implementation, &a, k, &p->svg[k], e);
    p->count += !bad;
  }
  return bad;
}

void pictures_free(struct pictures *p)
{
  for (size_t i = 0; i < p->count; ++i) free(p->svg[i]);
  free(p->svg);
  free(p->implementation);
}
