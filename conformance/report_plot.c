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
#define BINS 10  /* of a decade of the condition number: of each the worst case is drawn */
#define BINS_MAX ((HIGHEST_TOP - FLOOR) * BINS + 1)

/* What is drawn of an implementation in a layout: per bin its worst error; NaN: no case. */
struct series { const char *implementation; bool channels_last; double worst[BINS_MAX]; bool failed[BINS_MAX]; };
struct panel { struct series *s; size_t count; double bound[BINS_MAX]; };

/* A norm that subtracts no mean has no such condition number. */
static bool shown(const struct record *c)
{
  return c->judged && c->j.elements && (c->verdict == PASS || c->verdict == FAIL) && norm_find(c->p.norm)->centred;
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
    if (!shown(c)) continue;
    a.x_top = beyond(c->j.kappa, a.x_top);
    a.y_top = beyond(c->j.worst_nulp, a.y_top);
  }
  return a;
}

static struct series *series_of(struct panel *p, const struct record *c)
{
  bool last = norm_find(c->p.norm)->axes == 3 && c->p.layout == NORMATIVE_NSC;
  for (size_t k = 0; k < p->count; ++k)
    if (p->s[k].implementation == c->implementation && p->s[k].channels_last == last) return &p->s[k];
  p->s = realloc(p->s, (p->count + 1) * sizeof *p->s);
  if (!p->s) abort();
  struct series *s = &p->s[p->count++];
  *s = (struct series){.implementation = c->implementation, .channels_last = last};
  for (int k = 0; k < BINS_MAX; ++k) s->worst[k] = NAN;
  return s;
}

/* One picture is of a norm, direction and mode, whatever the layout. */
static bool belongs(const struct record *c, const struct picture *p)
{
  const struct normative_problem *a = &c->p, *b = &p->of->p;
  return a->norm == b->norm && a->direction == b->direction && a->mode == b->mode && a->type == b->type &&
         (circle_of(c->implementation) == SPECIMENS) == p->specimens;
}

static void higher(double *at, double y) { if (!(*at >= y)) *at = y; }

static struct panel panel_of(const struct report *r, const struct picture *picture, const struct axes *a)
{
  struct panel p = {0};
  for (int k = 0; k < BINS_MAX; ++k) p.bound[k] = NAN;
  for (size_t i = 0; i < r->checks.count; ++i) {
    const struct record *c = &r->checks.r[i];
    if (!shown(c) || !belongs(c, picture)) continue;
    int bin = (int)lround((decade(c->j.kappa, a->x_floor, a->x_top) - a->x_floor) * BINS);
    struct series *s = series_of(&p, c);
    higher(&s->worst[bin], decade(c->j.worst_nulp, a->y_floor, a->y_top));
    s->failed[bin] |= c->verdict == FAIL;
    if (!strcmp(r->require[i], "default") && !c->documented)
      higher(&p.bound[bin], decade(c->j.finding[0].loosest, a->y_floor, a->y_top));
  }
  return p;
}

/* ---- gnuplot ---- */

/* Colours that stand for the page's variables --plot1 ...: restyle() names them. */
#define PLOT_COLOUR "#0102%02x"
enum { INK = 1, GRID, LIMIT, FIRST_SERIES, SERIES_COLOURS = 12 };

/* gnuplot's numbers of a filled symbol, and of the same hollow, for channels-last. */
static const struct { int filled, hollow; const char *shape; } symbols[] = {
  {7, 6, "<circle cx=\"5\" cy=\"5\" r=\"3.4\"/>"}, {5, 4, "<path d=\"M2 2h6v6H2z\"/>"}, {9, 8, "<path d=\"M5 1l4 7H1z\"/>"},
  {13, 12, "<path d=\"M5 1l4 4-4 4-4-4z\"/>"}, {11, 10, "<path d=\"M5 9l4-7H1z\"/>"}};
#define SYMBOLS (sizeof symbols / sizeof *symbols)

/* The place of an implementation among all that are drawn beside it, specimens apart: its colour and symbol, the same in every
   picture. */
static size_t place_of(const struct pictures *p, const char *implementation)
{
  bool specimen = circle_of(implementation) == SPECIMENS;
  size_t place = 0;
  for (size_t k = 0; k < p->serieses && p->series[k] != implementation; ++k)
    place += (circle_of(p->series[k]) == SPECIMENS) == specimen;
  return place;
}

static int colour_of(size_t place) { return FIRST_SERIES + (int)(place % SERIES_COLOURS); }

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

/* What rounding the mean to f32 alone may cost: half a unit, and 0.5 kappa. */
static void write_limits(FILE *f, const struct panel *p, const struct axes *a)
{
  double so_far = NAN;
  fputs("$limit << EOD\n", f);
  for (int k = 0; k <= (a->x_top - a->x_floor) * BINS - BINS; ++k) {
    double x = a->x_floor + (double)k / BINS, y = log10(0.5 + 0.5 * pow(10, x));
    if (y <= a->y_top) fprintf(f, "%.3f %.3f\n", x, y);
  }
  fputs("EOD\n$bound << EOD\nnan nan\n", f);
  for (int k = 0; k < (a->x_top - a->x_floor) * BINS; ++k) {
    if (!isnan(p->bound[k])) higher(&so_far, p->bound[k]);
    if (!isnan(so_far)) fprintf(f, "%.3f %.3f\n", a->x_floor + (double)k / BINS, so_far);
  }
  fputs("EOD\n", f);
}

static void write_series(FILE *f, const struct series *s, size_t number, const struct axes *a)
{
  for (int failed = 0; failed < 2; ++failed) {
    fprintf(f, "$s%zu_%d << EOD\nnan nan\n", number, failed);
    for (int k = 0; k < BINS_MAX; ++k)
      if (!isnan(s->worst[k]) && s->failed[k] == failed) fprintf(f, "%.3f %.3f\n", a->x_floor + (double)k / BINS, s->worst[k]);
    fputs("EOD\n", f);
  }
}

static void write_script(FILE *f, const struct pictures *all, const struct panel *p, const struct axes *a)
{
  fprintf(f, "set term svg size 520,380 dynamic font 'sans-serif,12'\nunset key\n"
             "set border 3 lc rgb '" PLOT_COLOUR "'\nset grid lt 1 lw 0.6 lc rgb '" PLOT_COLOUR "'\nset tics nomirror\n"
             "set xlabel 'condition number |mean| / deviation' offset 0,0.4 textcolor rgb '" PLOT_COLOUR "'\n"
             "set ylabel 'worst error, nULP' offset 0.8,0 textcolor rgb '" PLOT_COLOUR "'\n", INK, GRID, INK, INK);
  tics(f, 'x', a->x_floor, a->x_top);
  tics(f, 'y', a->y_floor, a->y_top);
  write_limits(f, p, a);
  for (size_t k = 0; k < p->count; ++k) write_series(f, &p->s[k], k, a);
  fprintf(f, "plot $bound with lines lw 5 lc rgb '" PLOT_COLOUR "', $limit with lines dt 2 lw 1.2 lc rgb '" PLOT_COLOUR "'",
          GRID, LIMIT);
  for (size_t k = 0; k < p->count; ++k) {
    size_t place = place_of(all, p->s[k].implementation);
    int symbol = p->s[k].channels_last ? symbols[place % SYMBOLS].hollow : symbols[place % SYMBOLS].filled;
    for (int failed = 0; failed < 2; ++failed)
      fprintf(f, ", $s%zu_%d with points pt %d ps %s lc rgb '" PLOT_COLOUR "'", k, failed, symbol, failed ? "0.85" : "0.5",
              colour_of(place));
  }
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
  fputs("<svg viewBox=\"0 0 520 380\" role=\"img\" aria-label=\"", f);
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

static void title_of(char out[200], const struct picture *p)
{
  const struct norm_row *row = norm_find(p->of->p.norm);
  snprintf(out, 200, "%s %s%s%s%s", row->title, direction_name(p->of->p.direction),
           !row->evaluates ? "" : p->of->p.mode == NORMATIVE_EVALUATION ? ", evaluation" : ", training",
           p->of->p.type == NORMATIVE_F32 ? "" : ", ", p->of->p.type == NORMATIVE_F32 ? "" : type_name(p->of->p.type));
}

static int draw(const struct report *r, const struct pictures *all, const struct axes *a, size_t number, struct error *e)
{
  struct picture *picture = &all->p[number];
  struct panel panel = panel_of(r, picture, a);
  FILE *stream[3] = {tmpfile(), tmpfile(), tmpfile()};
  char title[200], label[300];
  int bad = stream[0] && stream[1] && stream[2] ? 0 : fail(e, "a temporary file: %s", strerror(errno));
  if (!bad) {
    write_script(stream[0], all, &panel, a);
    rewind(stream[0]);
    bad = ferror(stream[0]) ? fail(e, "a temporary file: %s", strerror(errno)) : run_gnuplot(stream, e);
  }
  if (!bad) {
    char *text = whole(stream[1]);
    title_of(title, picture);
    snprintf(label, sizeof label, "%s: error in nULP against condition number, %zu series", title, panel.count);
    if (strstr(text, "</svg>")) picture->svg = restyle(text, number, label);
    else bad = fail(e, "gnuplot drew nothing");
    free(text);
  }
  for (int k = 0; k < 3; ++k)
    if (stream[k]) fclose(stream[k]);
  free(panel.s);
  return bad;
}

static void add_series(struct pictures *p, const char *implementation)
{
  size_t k = 0;
  while (k < p->serieses && p->series[k] != implementation) ++k;
  if (k == p->serieses && k < sizeof p->series / sizeof *p->series) p->series[p->serieses++] = implementation;
}

static int picture_order(const void *a, const void *b)
{
  const struct picture *p = a, *q = b;
  if (p->specimens != q->specimens) return p->specimens - q->specimens;
  return problem_order(p->of, q->of);
}

int pictures_draw(const struct report *r, struct pictures *p, struct error *e)
{
  struct axes a = axes_of(r);
  int bad = 0;
  *p = (struct pictures){0};
  for (int circle = OURS; circle <= PEERS; ++circle)
    for (size_t i = 0; i < r->checks.count; ++i) {
      const struct record *c = &r->checks.r[i];
      if (!shown(c) || circle_of(c->implementation) != (enum circle)circle) continue;
      add_series(p, c->implementation);
      size_t k = 0;
      while (k < p->count && !belongs(c, &p->p[k])) ++k;
      if (k < p->count) continue;
      p->p = realloc(p->p, (k + 1) * sizeof *p->p);
      if (!p->p) abort();
      p->p[p->count++] = (struct picture){.of = c, .specimens = circle == SPECIMENS};
    }
  qsort(p->p, p->count, sizeof *p->p, picture_order);
  for (size_t k = 0; k < p->count && !bad; ++k) bad = draw(r, p, &a, k, e);
  return bad;
}

void pictures_free(struct pictures *p)
{
  for (size_t i = 0; i < p->count; ++i) free(p->p[i].svg);
  free(p->p);
}

/* ---- on the page ---- */

static void legend(FILE *f, const struct pictures *p, bool specimens)
{
  fputs("<p class=\"legend\">", f);
  for (size_t k = 0; k < p->serieses; ++k) {
    if ((circle_of(p->series[k]) == SPECIMENS) != specimens) continue;
    size_t place = place_of(p, p->series[k]);
    fprintf(f, "<span><svg viewBox=\"0 0 10 10\" aria-hidden=\"true\" style=\"fill:var(--plot%d)\">%s</svg>", colour_of(place),
            symbols[place % SYMBOLS].shape);
    html(f, p->series[k]);
    fputs("</span>", f);
  }
  fputs("</p>\n", f);
}

static void panels(FILE *f, const struct pictures *p, bool specimens)
{
  char title[200];
  legend(f, p, specimens);
  fputs("<div class=\"panels\">\n", f);
  for (size_t k = 0; k < p->count; ++k) {
    if (p->p[k].specimens != specimens) continue;
    title_of(title, &p->p[k]);
    fprintf(f, "<figure><figcaption><b>%s</b></figcaption>%s</figure>\n", title, p->p[k].svg);
  }
  fputs("</div>\n", f);
}

void report_pictures(FILE *f, const struct report *r, const struct pictures *p)
{
  bool any[2] = {false, false};
  (void)r;
  for (size_t k = 0; k < p->count; ++k) any[p->p[k].specimens] = true;
  fputs("<h2 id=\"error\">Error against condition number</h2>\n"
        "<p>How each implementation loses digits as the mean grows beside the deviation: the worst error of y (backward: dx) in nULP "
        "among its cases of about the same condition number |mean| / deviation, the largest of a case's groups. A large symbol is a "
        "FAIL, a hollow one channels-last; all pictures have the same axes. The dashed line is 0.5 + kappa / 2, what rounding the mean "
        "to a float may cost, whatever the sums; the broad one the largest bound of <code>f32-stable</code> on any case up to there. What "
        "is at most 0.001 stands at 0, so do groups with mean 0; <i>more</i> holds what is beyond the axis, infinite or NaN, and the "
        "condition number of constant groups. RMSNorm subtracts no mean: it has no picture.</p>\n", f);
  if (any[0]) panels(f, p, false);
  if (!any[1]) return;
  fputs("<details><summary><b>Specimens</b>: the same for textbook kernels, an algorithm each</summary>\n", f);
  panels(f, p, true);
  fputs("</details>\n", f);
}
