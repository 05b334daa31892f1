/* SPDX-License-Identifier: Apache-2.0
   The table of presets, and how they are found by name. */
#include "presets.h"
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define F32 NORMATIVE_F32
#define F64 NORMATIVE_F64
#define F16 NORMATIVE_F16
#define BF16 NORMATIVE_BF16
#define SINGLE (1u << NORMATIVE_F32 | 1u << NORMATIVE_F16 | 1u << NORMATIVE_BF16) /* 16-bit tensors: and a narrow store */
#define DOUBLE (1u << NORMATIVE_F64)
#define HALF (1u << NORMATIVE_F16)
#define BFLOAT (1u << NORMATIVE_BF16)
#define TWO (TWO_PASS | CORRECTED)
#define ANY (TWO | ONE_PASS | WELFORD)

/* Strictest first, as far as that can be said without data. */
static const struct preset_row rows[] = {
  {"correctly-rounded", "the nearest value", SINGLE | DOUBLE, NEAREST, F64, F64, F64, 0, ONE_BY_ONE, 0},
  {"faithful", "one of the two values next to the exact one", SINGLE | DOUBLE, NEIGHBOUR, F64, F64, F64, 0, ONE_BY_ONE, 0},
  {"f64-two-pass", "double throughout, two passes, corrected or not, one store", SINGLE | DOUBLE, BY_BOUND, F64, F64, F64,
   TWO, ONE_BY_ONE, 2},
  {"f64-stats", "double sums, any algorithm; float mean and epilogue", SINGLE, BY_BOUND, F64, F32, F32, TWO | ONE_PASS,
   ONE_BY_ONE, 5},
  {"f64-welford", "double, Welford", DOUBLE, BY_BOUND, F64, F64, F64, WELFORD, ONE_BY_ONE, 2},
  {"f64-merge", "double, a tree of merged means and variances", DOUBLE, BY_BOUND, F64, F64, F64, MERGE, MERGES, 2},
  {"f64-one-pass", "double, mean(x^2) - mean^2", DOUBLE, BY_BOUND, F64, F64, F64, ONE_PASS, ONE_BY_ONE, 2},
  {"f32-pairwise", "float, two passes, sums of height 2 log2 m + 64", SINGLE, BY_BOUND, F32, F32, F32, TWO, PAIRWISE, 5},
  {"f32-two-pass", "float, two passes, sums of height 4096 at most", SINGLE, BY_BOUND, F32, F32, F32, TWO, CAPPED, 5},
  {"f32-welford", "float, Welford over 4096 elements at most", SINGLE, BY_BOUND, F32, F32, F32, WELFORD, SHORT, 5},
  {"f32-lanes", "float, two passes, sums in 8 lanes or more", SINGLE, BY_BOUND, F32, F32, F32, TWO, LANES, 5},
  {"f32-merge", "float, a tree of merged means and variances", SINGLE, BY_BOUND, F32, F32, F32, MERGE, MERGES, 5},
  {"f32-sequential", "float, two passes, sums in any order", SINGLE, BY_BOUND, F32, F32, F32, TWO, ONE_BY_ONE, 5},
  {"f32-welford-long", "float, Welford over any length", SINGLE, BY_BOUND, F32, F32, F32, WELFORD, ONE_BY_ONE, 5},
  {"f32-one-pass", "float, mean(x^2) - mean^2, clamped or not", SINGLE, BY_BOUND, F32, F32, F32, ONE_PASS, ONE_BY_ONE, 5},
  /* In 16 bits rstd is a root and a quotient: Newton's r^2 overflows f16 at variance 0 and the usual eps. */
  {"f16-epilogue", "float sums, any algorithm; mean, variance and epilogue in f16", HALF, BY_BOUND, F32, F16, F16, ANY,
   ONE_BY_ONE, 2},
  {"f16-two-pass", "f16 throughout, two passes, sums in any order", HALF, BY_BOUND, F16, F16, F16, TWO, ONE_BY_ONE, 2},
  {"f16-one-pass", "f16 throughout, mean(x^2) - mean^2, clamped or not", HALF, BY_BOUND, F16, F16, F16, ONE_PASS,
   ONE_BY_ONE, 2},
  {"bf16-epilogue", "float sums, any algorithm; mean, variance and epilogue in bf16", BFLOAT, BY_BOUND, F32, BF16, BF16, ANY,
   ONE_BY_ONE, 2},
  {"bf16-two-pass", "bf16 throughout, two passes, sums in any order", BFLOAT, BY_BOUND, BF16, BF16, BF16, TWO, ONE_BY_ONE, 2},
  {"bf16-one-pass", "bf16 throughout, mean(x^2) - mean^2, clamped or not", BFLOAT, BY_BOUND, BF16, BF16, BF16, ONE_PASS,
   ONE_BY_ONE, 2},
};
enum { ROWS = sizeof rows / sizeof *rows, VARIANTS = 4 };

/* A union is listed behind its last member. */
static const struct union_row { const char *name, *text, *member[MEMBERS_MAX]; } unions[] = {
  {"f32-stable", "f32-two-pass or f32-welford, one of them throughout", {"f32-two-pass", "f32-welford"}},
};
enum { UNIONS = sizeof unions / sizeof *unions };

static const char *const suffix[VARIANTS] = {"", "-folded", "-ftz", "-folded-ftz"};
static struct preset presets[(ROWS + UNIONS) * VARIANTS]; /* correctly-rounded and faithful have no variants */
static size_t preset_count;

static const struct preset *named(const char *name)
{
  for (size_t i = 0; i < preset_count; ++i)
    if (!strcmp(presets[i].name, name)) return &presets[i];
  return NULL;
}

static struct preset *add(const char *name, int variant)
{
  struct preset *p = &presets[preset_count++];
  snprintf(p->name, sizeof p->name, "%s%s", name, suffix[variant]);
  p->folded = variant & 1;
  p->ftz = variant & 2;
  return p;
}

static void fill(void)
{
  for (const struct preset_row *row = rows; row < rows + ROWS; ++row)
    for (int v = 0; v < (row->exactness == BY_BOUND ? VARIANTS : 1); ++v) add(row->name, v)->row = row;
  for (const struct union_row *row = unions; row < unions + UNIONS; ++row)
    for (int v = 0; v < VARIANTS; ++v) {
      struct preset *p = add(row->name, v);
      for (int k = 0; k < MEMBERS_MAX && row->member[k]; ++k) {
        char member[sizeof p->name];
        snprintf(member, sizeof member, "%s%s", row->member[k], suffix[v]);
        p->member[k] = named(member);
      }
    }
}

static void ready(void)
{
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, fill);
}

const struct preset *preset_find(const char *name, struct error *e)
{
  char list[512] = "";
  ready();
  const struct preset *p = named(name);
  if (p) return p;
  for (const struct preset_row *row = rows; row < rows + ROWS; ++row) strcat(strcat(list, " "), row->name);
  for (const struct union_row *row = unions; row < unions + UNIONS; ++row) strcat(strcat(list, " "), row->name);
  fail(e, "no preset '%s'; there are%s, all but the first two also with -folded, -ftz or -folded-ftz", name, list);
  return NULL;
}

const char *preset_name(const struct preset *preset) { return preset->name; }
const char *preset_default(uint32_t type) { return type == NORMATIVE_F64 ? "f64-two-pass" : "f32-stable"; }

/* The variants are those of the name; the algorithm too, where double has it, or the other types for one in 16 bits. */
const char *preset_in_type(const char *name, uint32_t type)
{
  struct error e;
  char other[40];
  const struct preset *p = preset_find(name, &e);
  if (!p || preset_offers(p, type)) return name;
  const bool narrow = p->row && arithmetic_of(p->row->apply)->precision < 24;
  snprintf(other, sizeof other, "%s%s", type_name(type), name + strcspn(name, "-"));
  const struct preset *same = narrow || type == NORMATIVE_F64 ? named(other) : NULL;
  snprintf(other, sizeof other, "%s%s", preset_default(type), suffix[p->folded + 2 * p->ftz]);
  return same && preset_offers(same, type) ? same->name : named(other)->name;
}

const char *const *preset_members(const char *name)
{
  static _Thread_local const char *names[MEMBERS_MAX + 1];
  ready();
  const struct preset *p = named(name);
  if (!p || p->row) return NULL;
  size_t n = 0;
  for (; p->member[n]; ++n) names[n] = p->member[n]->name;
  names[n] = NULL;
  return names;
}

bool preset_offers(const struct preset *preset, uint32_t type)
{
  const struct preset *first = preset->row ? preset : preset->member[0];
  return first->row->types >> type & 1;
}

size_t presets_offered(uint32_t type, const struct preset *offered[PRESETS_MAX])
{
  size_t n = 0;
  ready();
  for (size_t i = 0; i < preset_count; ++i)
    if (presets[i].row && preset_offers(&presets[i], type)) offered[n++] = &presets[i];
  return n;
}

static void each_union(const struct preset_row *last, void (*each)(const char *name, const char *text, void *arg), void *arg)
{
  for (const struct union_row *row = unions; row < unions + UNIONS; ++row) {
    int k = 0;
    while (k + 1 < MEMBERS_MAX && row->member[k + 1]) ++k;
    if (!strcmp(row->member[k], last->name)) each(row->name, row->text, arg);
  }
}

void preset_each(uint32_t type, void (*each)(const char *name, const char *text, void *arg), void *arg)
{
  for (const struct preset_row *row = rows; row < rows + ROWS; ++row) {
    if (!(row->types >> type & 1)) continue;
    each(row->name, row->text, arg);
    each_union(row, each, arg);
  }
}

long double preset_height(enum height height, long double m)
{
  switch (height) {
  case PAIRWISE: return fminl(m - 1, 2 * log2l(m) + 64);
  case CAPPED: return fminl(m - 1, 4096);
  case SHORT: return fminl(m, 4096) - 1;
  case LANES: return fminl(m - 1, fmaxl(4096, m / 8 + 8));
  case MERGES: return 2 * log2l(m) + 32;
  default: return m - 1;
  }
}

long double preset_sum_height(const struct preset_row *row, long double m)
{
  bool none = row->height == SHORT || row->height == MERGES;
  return preset_height(none ? row->sums == F64 ? ONE_BY_ONE : CAPPED : row->height, m);
}

const struct arithmetic *arithmetic_of(enum normative_type type)
{
  static const struct arithmetic
    f64 = {53, -1022, 0x1p-53L, 0x1p-1075L, 0x1p-1022L, 0x1.fffffffffffffp1023L, 0x1.fffffffffffff8p1023L},
    f32 = {24, -126, 0x1p-24L, 0x1p-150L, 0x1p-126L, 0x1.fffffep127L, 0x1.ffffffp127L},
    f16 = {11, -14, 0x1p-11L, 0x1p-25L, 0x1p-14L, 0x1.ffcp15L, 0x1.ffep15L},
    bf16 = {8, -126, 0x1p-8L, 0x1p-134L, 0x1p-126L, 0x1.fep127L, 0x1.ffp127L};
  switch (type) {
  case NORMATIVE_F64: return &f64;
  case NORMATIVE_F32: return &f32;
  case NORMATIVE_F16: return &f16;
  default: return &bf16;
  }
}

bool preset_same(const struct preset *a, const struct preset *b, long double m, long double terms)
{
  const struct preset_row *x = a->row, *y = b->row;
  return a->folded == b->folded && a->ftz == b->ftz && x->exactness == y->exactness && x->sums == y->sums &&
         x->kept == y->kept && x->apply == y->apply && x->algorithms == y->algorithms && x->newton == y->newton &&
         preset_height(x->height, m) == preset_height(y->height, m) &&
         preset_sum_height(x, m) == preset_sum_height(y, m) && preset_sum_height(x, terms) == preset_sum_height(y, terms);
}
