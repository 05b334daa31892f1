/* SPDX-License-Identifier: Apache-2.0
   Error against condition number: small pictures on the same axes, which are drawn once. Of the cases in a bin of the condition
   number an implementation's worst is drawn, so that a picture is as large for a million cases as for a hundred. */
#include "report.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Logarithmic axes, in decades. What is below a floor is drawn on it; what is larger than all that counts, infinite or NaN, on
   the top. */
struct axes { int x_floor, x_top, y_floor, y_top; };
#define FLOOR (-3)
#define LEAST_TOP 6
#define HIGHEST_TOP 12
#define BINS 5       /* of a decade: at 520 pixels as far apart as a symbol is wide */
#define BINS_MAX ((HIGHEST_TOP - FLOOR) * BINS + 1)
#define BINS_LEAST 5 /* with less there is no curve to see, and no picture */

/* What is drawn of an implementation in a layout: per bin its worst error in decades; NaN: no case. */
struct series { const char *implementation; bool channels_last; double worst[BINS_MAX]; bool failed[BINS_MAX]; };
/* A picture is of a norm, direction, mode and type, whatever the layout. */
enum part { MAIN, ASIDE, SPECIMEN };
struct picture {
  const struct record *of, *largest;
  enum part part;
  struct series *s;
  size_t count;
  double bound[BINS_MAX];
};
struct pictures {
  const struct report *r;
  struct axes axes;
  struct picture *p;
  size_t count;
  bool peers; /* some peer was judged */
};

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

/* ---- what is in a picture ---- */

static struct picture *picture_of(struct pictures *all, const struct record *c, bool specimen)
{
  for (size_t k = 0; k < all->count; ++k) {
    const struct normative_problem *a = &c->p, *b = &all->p[k].of->p;
    if (a->norm == b->norm && a->direction == b->direction && a->mode == b->mode && a->type == b->type &&
        specimen == (all->p[k].part == SPECIMEN))
      return &all->p[k];
  }
  all->p = realloc(all->p, (all->count + 1) * sizeof *all->p);
  if (!all->p) abort();
  struct picture *p = &all->p[all->count++];
  *p = (struct picture){.of = c, .largest = c, .part = specimen ? SPECIMEN : ASIDE};
  for (int k = 0; k < BINS_MAX; ++k) p->bound[k] = NAN;
  return p;
}

static struct series *series_of(struct picture *p, const struct record *c)
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

static void higher(double *at, double y) { if (!(*at >= y)) *at = y; }

static void add_record(struct pictures *all, const struct record *c, const char *require, enum circle circle)
{
  const struct axes *a = &all->axes;
  struct picture *p = picture_of(all, c, circle == SPECIMENS);
  struct series *s = series_of(p, c);
  int bin = (int)lround((decade(c->j.kappa, a->x_floor, a->x_top) - a->x_floor) * BINS);
  higher(&s->worst[bin], decade(c->j.worst_nulp, a->y_floor, a->y_top));
  s->failed[bin] |= c->verdict == FAIL;
  if (!strcmp(require, "default") && !c->documented)
    higher(&p->bound[bin], decade(c->j.finding[0].loosest, a->y_floor, a->y_top));
  if (!isnan(p->largest->j.worst_nulp) && !(c->j.worst_nulp <= p->largest->j.worst_nulp)) p->largest = c;
  if (circle == PEERS && c->p.type == NORMATIVE_F32) p->part = MAIN;
  all->peers |= circle == PEERS;
}

static bool worth_drawing(const struct picture *p)
{
  int bins = 0;
  for (int bin = 0; bin < BINS_MAX; ++bin) {
    bool any = false;
    for (size_t k = 0; k < p->count; ++k) any |= !isnan(p->s[k].worst[bin]);
    bins += any;
  }
  return bins >= BINS_LEAST;
}

static int picture_order(const void *a, const void *b)
{
  const struct picture *p = a, *q = b;
  return problem_order(p->of, q->of);
}

/* Ours first, then in the order of the records. Without a peer, ours in f32 are the main ones. */
static void pictures_make(struct pictures *all, const struct report *r)
{
  *all = (struct pictures){.r = r, .axes = axes_of(r)};
  for (enum circle circle = OURS; circle <= PEERS; ++circle)
    for (size_t i = 0; i < r->checks.count; ++i)
      if (shown(&r->checks.r[i]) && circle_of(r->checks.r[i].implementation) == circle)
        add_record(all, &r->checks.r[i], r->require[i], circle);
  size_t kept = 0;
  for (size_t k = 0; k < all->count; ++k) {
    struct picture *p = &all->p[k];
    if (!all->peers && p->part == ASIDE && p->of->p.type == NORMATIVE_F32) p->part = MAIN;
    if (worth_drawing(p)) all->p[kept++] = *p;
    else free(p->s);
  }
  all->count = kept;
  if (kept) qsort(all->p, kept, sizeof *all->p, picture_order);
}

static void pictures_free(struct pictures *all)
{
  for (size_t k = 0; k < all->count; ++k) free(all->p[k].s);
  free(all->p);
}

/* ---- drawing: whole pixels of a picture of 520 x 380 ---- */

enum { LEFT = 58, RIGHT = 510, TOP = 10, BOTTOM = 330, ROOM = 8, SMALL = 3, LARGE = 5 };

static int across(const struct axes *a, double x)
{
  return (int)lround(LEFT + ROOM + (x - a->x_floor) / (a->x_top - a->x_floor) * (RIGHT - LEFT - 2 * ROOM));
}

static int up(const struct axes *a, double y)
{
  return (int)lround(BOTTOM - ROOM - (y - a->y_floor) / (a->y_top - a->y_floor) * (BOTTOM - TOP - 2 * ROOM));
}

/* Labels at every second or third decade, away from both ends, which have names. */
static void decade_text(FILE *f, int k, int floor, int top)
{
  int step = top - floor > 9 ? 3 : 2;
  if (k == floor) fputs("0", f);
  else if (k == top) fputs("more", f);
  else if (k % step || k < floor + 2 || k > top - 2) return;
  else if (k) fprintf(f, "10<tspan dy=\"-6\" font-size=\"10\">%d</tspan>", k);
  else fputs("1", f);
}

/* Grid, labels, and 0.5 + kappa / 2, what rounding the mean to the type of x alone may cost: the same in all pictures. */
static void axes_draw(FILE *f, const struct axes *a)
{
  fputs("<svg width=\"0\" height=\"0\" style=\"position:absolute\" aria-hidden=\"true\"><defs><g id=\"axes\">"
        "<path style=\"stroke:var(--line)\" d=\"", f);
  for (int k = a->y_floor; k <= a->y_top; ++k) fprintf(f, "M%d %dH%d", LEFT, up(a, k), RIGHT);
  for (int k = a->x_floor; k <= a->x_top; ++k) fprintf(f, "M%d %dV%d", across(a, k), TOP, BOTTOM);
  fprintf(f, "\"/><path style=\"stroke:var(--soft);fill:none\" d=\"M%d %dV%dH%d\"/>", LEFT, TOP, BOTTOM, RIGHT);
  fputs("<path style=\"stroke:var(--soft);fill:none\" stroke-dasharray=\"6 4\" d=\"", f);
  for (int k = 0; k <= (a->x_top - a->x_floor - 1) * BINS; ++k) {
    double x = a->x_floor + (double)k / BINS, y = log10(0.5 + 0.5 * pow(10, x));
    if (y <= a->y_top) fprintf(f, "%c%d %d", k ? 'L' : 'M', across(a, x), up(a, y));
  }
  fputs("\"/><g style=\"fill:var(--soft)\" font-size=\"14\" text-anchor=\"middle\">", f);
  for (int k = a->x_floor; k <= a->x_top; ++k) {
    fprintf(f, "<text x=\"%d\" y=\"%d\">", across(a, k), BOTTOM + 18);
    decade_text(f, k, a->x_floor, a->x_top);
    fputs("</text>", f);
  }
  for (int k = a->y_floor; k <= a->y_top; ++k) {
    fprintf(f, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">", LEFT - 6, up(a, k) + 5);
    decade_text(f, k, a->y_floor, a->y_top);
    fputs("</text>", f);
  }
  fprintf(f, "<text x=\"%d\" y=\"374\">condition number |mean| / deviation</text><text transform=\"translate(14 %d) "
             "rotate(-90)\">worst error, nULP</text></g></g></defs></svg>\n", (LEFT + RIGHT) / 2, (TOP + BOTTOM) / 2);
}

#define SHAPES 5
/* A symbol of half width s: square, triangle, diamond, circle, triangle on its head. */
static void mark(FILE *f, size_t shape, int x, int y, int s)
{
  switch (shape % SHAPES) {
    case 0: fprintf(f, "M%d %dh%dv%dh-%dz", x - s, y - s, 2 * s, 2 * s, 2 * s); break;
    case 1: fprintf(f, "M%d %dl%d %dh-%dz", x, y - s, s, 2 * s, 2 * s); break;
    case 2: fprintf(f, "M%d %dl%d %d-%d %d-%d-%dz", x, y - s, s, s, s, s, s, s); break;
    case 3: fprintf(f, "M%d %da%d %d 0 10%d 0a%d %d 0 10-%d 0", x - s, y, s, s, 2 * s, s, s, 2 * s); break;
    default: fprintf(f, "M%d %dl%d-%dh-%dz", x, y + s, s, 2 * s, 2 * s);
  }
}

/* The place of an implementation among all that are drawn beside it, specimens apart: its colour and symbol, the same in every
   picture. */
static size_t place_of(const struct report *r, const char *implementation)
{
  enum circle own = circle_of(implementation);
  size_t place = 0;
  for (enum circle circle = OURS; circle <= PEERS; ++circle)
    for (size_t k = 0; k < r->implementations; ++k) {
      const char *other = r->checks.r[r->first[k]].implementation;
      if (other == implementation && circle == own) return place;
      place += circle_of(other) == circle && (circle == SPECIMENS) == (own == SPECIMENS);
    }
  return place;
}

enum { FIRST_COLOUR = 4, COLOURS = 12 }; /* --plot4 ... of the page's style */
static int colour_of(size_t place) { return FIRST_COLOUR + (int)(place % COLOURS); }

static void series_draw(FILE *f, const struct pictures *all, const struct series *s, bool failed)
{
  const struct axes *a = &all->axes;
  size_t place = place_of(all->r, s->implementation);
  const char *paint = s->channels_last ? "fill:none;stroke" : "fill";
  bool any = false;
  for (int k = 0; k < BINS_MAX; ++k) {
    if (isnan(s->worst[k]) || s->failed[k] != failed) continue;
    if (!any) fprintf(f, "<path style=\"%s:var(--plot%d)\" d=\"", paint, colour_of(place));
    any = true;
    mark(f, place, across(a, a->x_floor + (double)k / BINS), up(a, s->worst[k]), failed ? LARGE : SMALL);
  }
  if (any) fputs("\"/>", f);
}

/* The largest bound on any case up to there. */
static void bound_draw(FILE *f, const struct axes *a, const double bound[BINS_MAX])
{
  double so_far = NAN;
  int last = 0;
  for (int k = 0; k < (a->x_top - a->x_floor) * BINS; ++k) {
    if (isnan(bound[k]) || bound[k] <= so_far) continue;
    int x = across(a, a->x_floor + (double)k / BINS);
    if (isnan(so_far)) fputs("<path style=\"stroke:var(--line);fill:none\" stroke-width=\"5\" d=\"", f);
    fprintf(f, isnan(so_far) ? "M%d %d" : "H%dV%d", x, up(a, bound[k]));
    so_far = bound[k];
    last = across(a, a->x_top - 1.0 / BINS);
  }
  if (last) fprintf(f, "H%d\"/>", last);
}

static void picture_draw(FILE *f, const struct pictures *all, const struct picture *p)
{
  const struct norm_row *row = norm_find(p->of->p.norm);
  char nulp[32];
  fputs("<figure><figcaption><b>", f);
  html(f, row->title);
  fprintf(f, " %s%s%s%s</b> <small class=\"note\">worst ", direction_name(p->of->p.direction),
          !row->evaluates ? "" : p->of->p.mode == NORMATIVE_EVALUATION ? ", evaluation" : ", training",
          p->of->p.type == NORMATIVE_F32 ? "" : ", ", p->of->p.type == NORMATIVE_F32 ? "" : type_name(p->of->p.type));
  nulp_text(nulp, p->largest->j.worst_nulp);
  fprintf(f, "%s, <a href=\"#", nulp);
  worst_id(f, all->r, p->largest);
  fputs("\">", f);
  html(f, p->largest->implementation);
  fputs("</a></small></figcaption><svg viewBox=\"0 0 520 380\" role=\"img\"><use href=\"#axes\"/>", f);
  bound_draw(f, &all->axes, p->bound);
  for (size_t k = 0; k < 2 * p->count; ++k) series_draw(f, all, &p->s[k % p->count], k >= p->count);
  fputs("</svg></figure>\n", f);
}

/* ---- on the page ---- */

static void legend(FILE *f, const struct report *r, bool specimens)
{
  fputs("<p class=\"legend\">", f);
  for (enum circle circle = OURS; circle <= PEERS; ++circle)
    for (size_t k = 0; k < r->implementations; ++k) {
      const char *implementation = r->checks.r[r->first[k]].implementation;
      size_t judged, bad, place = place_of(r, implementation);
      if (circle_of(implementation) != circle || (circle == SPECIMENS) != specimens) continue;
      if (report_standing(r, implementation, &judged, &bad) == SKIP) continue;
      fputs("<span><svg viewBox=\"0 0 10 10\" aria-hidden=\"true\">", f);
      fprintf(f, "<path style=\"fill:var(--plot%d)\" d=\"", colour_of(place));
      mark(f, place, 5, 5, 4);
      fputs("\"/></svg>", f);
      html(f, implementation);
      fputs("</span>", f);
    }
  fputs("</p>\n", f);
}

static void part_draw(FILE *f, const struct pictures *all, enum part part, const char *summary)
{
  bool any = false;
  for (size_t k = 0; k < all->count; ++k) any |= all->p[k].part == part;
  if (!any) return;
  if (summary) fprintf(f, "<details><summary>%s</summary>\n", summary);
  legend(f, all->r, part == SPECIMEN);
  fputs("<div class=\"panels\">\n", f);
  for (size_t k = 0; k < all->count; ++k)
    if (all->p[k].part == part) picture_draw(f, all, &all->p[k]);
  fputs(summary ? "</div></details>\n" : "</div>\n", f);
}

void report_pictures(FILE *f, const struct report *r)
{
  struct pictures all;
  pictures_make(&all, r);
  if (all.count) {
    fputs("<h2 id=\"error\">Error against condition number</h2>\n"
          "<p>How each implementation loses digits as the mean grows beside the deviation: error of y (backward: dx) in nULP, "
          "over a case's condition number |mean| / deviation, that of its worst group. Of all cases in a fifth of a decade "
          "<b>the worst one is drawn</b>, for each implementation and layout. A large symbol: one of them is a FAIL; a hollow "
          "one: channels-last. The dashed line is 0.5 + kappa / 2, what rounding the mean to the type of x may cost, whatever "
          "the sums; the broad one the largest bound of the default preset on any case up to there.</p>\n"
          "<p>All pictures have the same axes. What is at most 0.001 stands at 0, so do groups with mean 0; <i>more</i> holds "
          "what is beyond the axis, infinite or NaN, and the condition number of constant groups. RMSNorm subtracts no mean: "
          "it has no picture, nor has what was judged at hardly more than one condition number.</p>\n", f);
    axes_draw(f, &all.axes);
    part_draw(f, &all, MAIN, NULL);
    part_draw(f, &all, ASIDE, all.peers ? "<b>Other types</b>, and norms that no peer here has" : "<b>Other types</b>");
    part_draw(f, &all, SPECIMEN, "<b>Specimens</b>: the same for textbook kernels, an algorithm each");
  }
  pictures_free(&all);
}
