/* SPDX-License-Identifier: Apache-2.0
   The cases of a tier. A *target* is a norm in one type, direction, mode and layout, taken from the table of norms; every
   section below adds to each target the cases that one kind of defect shows in, at one of three depths. A new norm gets all of
   them from its row, a new family of inputs from its own. What two sections both name is given once. Backward, a section that
   names no dy gets one of all families by the hash of the case's name, and given statistics or not likewise; so do 16-bit
   tensors the type of their parameters. */
#include "inputs.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct target {
  const struct norm_row *row;
  enum normative_mode mode;
  normative_layout layout;
  uint32_t direction, type;
};
enum { TYPES = NORMATIVE_BF16 + 1 };
enum depth { FEW, SOME, MANY };
struct names { char name[64][24]; size_t count; };

struct sweeping {
  enum depth depth; /* of the target in this pass */
  uint64_t seed;
  int (*each)(const struct testcase *tc, void *arg);
  void *arg;
  int stopped;    /* what each returned */
  uint64_t *seen; /* hashes of names given, open addressing, 0 is free */
  size_t room, count;
  struct names x[TYPES], dy[TYPES]; /* every family of the type, with the numbers that stand for NeK */
};

#define LENGTH(array) (sizeof(array) / sizeof *(array))

/* ---- giving a case ---- */

static uint64_t hash(const char *name) /* FNV-1a */
{
  uint64_t h = 0xcbf29ce484222325u;
  for (; *name; ++name) h = (h ^ (unsigned char)*name) * 0x100000001b3u;
  return h | 1;
}

static bool insert(uint64_t *table, size_t room, uint64_t h)
{
  size_t i = h % room;
  while (table[i] && table[i] != h) i = (i + 1) % room;
  if (table[i]) return false;
  table[i] = h;
  return true;
}

static void grow(struct sweeping *w)
{
  size_t room = w->room ? 2 * w->room : 4096;
  uint64_t *table = calloc(room, sizeof *table);
  if (!table) abort();
  for (size_t i = 0; i < w->room; ++i)
    if (w->seen[i]) insert(table, room, w->seen[i]);
  free(w->seen);
  w->seen = table;
  w->room = room;
}

/* The sections name families as f32 has them; what stands in their place in other types. */
static const char *of_type(const char *family, uint32_t type)
{
  static const struct { const char *f32, *f64, *f16, *bf16; } others[] = {
    {"mean1e3", "mean1e12", "mean1e3", "mean1e2"},        {"mean1e4", "mean1e12", "mean1e4", "mean1e2"},
    {"level1e4", "level1e12", "level1e3", "level1e1"},    {"outlier1e30", "outlier1e200", "outlier1e4", "outlier1e30"},
    {"scale1e20", "scale1e200", "scale1e3", "scale1e20"}, {"scale1e-20", "scale1e-200", "scale1e-4", "scale1e-20"}};
  for (size_t i = 0; i < LENGTH(others); ++i)
    if (!strcmp(others[i].f32, family))
      return type == NORMATIVE_F64 ? others[i].f64 : type == NORMATIVE_F16 ? others[i].f16
             : type == NORMATIVE_BF16 ? others[i].bf16 : family;
  return family;
}

static void set_dy(struct testcase *tc, const char *dy, bool given)
{
  if (tc->p.direction != NORMATIVE_BACKWARD) return;
  snprintf(tc->r.dy, sizeof tc->r.dy, "%s", of_type(dy, tc->p.type));
  tc->p.given = given && tc->p.mode == NORMATIVE_TRAINING && tc->p.norm != NORMATIVE_SWITCHNORM;
}

/* dy of the section, or by chance; ordinary is the default of the name, and recorded data keeps its own. */
static void settle_dy(const struct sweeping *w, struct testcase *tc)
{
  char name[CASE_NAME_MAX];
  if (tc->p.direction != NORMATIVE_BACKWARD) return;
  if (!tc->r.dy[0] && !family_shape(family_find("x", tc->r.family))) {
    case_name(name, tc);
    uint64_t h = hash(name) >> 8;
    const struct names *dy = &w->dy[tc->p.type];
    set_dy(tc, dy->name[h % dy->count], h >> 32 & 1);
  }
  if (!strcmp(tc->r.dy, "ordinary")) tc->r.dy[0] = 0;
}

static bool narrow(uint32_t type) { return type == NORMATIVE_F16 || type == NORMATIVE_BF16; }

/* What base() left open: f32 beside 16 bits in half of the shapes, by norm, direction and type. */
static void settle_params(struct testcase *tc)
{
  char name[CASE_NAME_MAX], *end = name;
  if (tc->p.param_type) return;
  tc->p.param_type = tc->p.type;
  case_name(name, tc);
  for (int fields = 0; *end && (fields += *end == '/') < 4;) ++end;
  *end = 0;
  if (hash(name) >> 20 & 1) tc->p.param_type = NORMATIVE_F32;
}

/* The unbiased variance of one element does not exist. */
static void settle_estimator(struct normative_problem *p)
{
  p->n = p->dims[0];
  p->s = 1;
  for (uint32_t d = 2; d < p->ndim; ++d) p->s *= p->dims[d];
  if (p->running && p->estimator == NORMATIVE_UNBIASED && problem_running_m(p) == 1) p->estimator = NORMATIVE_POPULATION;
}

/* A case that is no problem is a mistake in this file. */
static void give(struct sweeping *w, struct testcase tc)
{
  struct error e;
  char name[CASE_NAME_MAX];
  if (w->stopped) return;
  if (tc.p.mode == NORMATIVE_TRAINING) settle_estimator(&tc.p);
  settle_params(&tc);
  settle_dy(w, &tc);
  if (problem_finish(&tc.p, &e)) {
    case_name(name, &tc);
    fprintf(stderr, "sweep: %s: %s\n", name, e.text);
    abort();
  }
  case_name(name, &tc);
  if (2 * w->count >= w->room) grow(w);
  if (!insert(w->seen, w->room, hash(name))) return;
  ++w->count;
  w->stopped = w->each(&tc, w->arg);
}

/* ---- shapes ---- */

enum split { FIRST, SECOND, BOTH }; /* of two axes, which is long; BOTH: both are, if the number can be divided */

static size_t factor(size_t total)
{
  for (size_t f = 2; f <= 7; ++f)
    if (total % f == 0 && total > f) return f;
  return 1;
}

static void divide(size_t total, uint64_t *first, uint64_t *second, enum split split)
{
  if (!first || !second) {
    *(first ? first : second) = total;
    return;
  }
  *first = split == FIRST ? total : split == SECOND ? 1 : factor(total);
  *second = total / *first;
}

/* `groups` groups of m elements: the axes that tell groups apart share `groups`, the others share m. */
static void set_shape(struct normative_problem *p, const struct norm_row *row, size_t groups, size_t m, enum split split)
{
  uint64_t n = 1, c = 1, s = 1, parts = 1;
  bool mixes = row->id == NORMATIVE_SWITCHNORM && groups > 1 && groups < 10000; /* samples or channels; 2, 3 of the other */
  bool by_n = strchr(row->group, 'n'), by_c = strchr(row->group, 'c'), by_g = strchr(row->group, 'g'),
       by_s = row->axes == 3 && strchr(row->group, 's');
  bool free_s = row->axes == 3 && !by_s;
  divide(groups, by_n ? &n : NULL, by_c ? &c : by_g ? &parts : by_s ? &s : NULL, by_n ? split : SECOND);
  if (by_c) divide(m, by_n ? NULL : &n, free_s ? &s : NULL, split);
  else divide(m, &c, free_s ? &s : NULL, split);
  if (mixes) {
    n = split == FIRST ? groups : split == SECOND ? 2 : 3;
    c = split == FIRST ? 2 : groups;
  }
  size_t h = factor(s);
  p->groups = parts;
  p->dims[0] = n;
  p->dims[1] = parts * c;
  p->dims[2] = split == BOTH && h > 1 ? h : s;
  p->dims[3] = s / h;
  p->ndim = row->axes == 2 || (s == 1 && split == FIRST) ? 2 : split == BOTH && h > 1 ? 4 : 3;
}

static struct testcase base(const struct sweeping *w, const struct target *t, const char *family)
{
  struct testcase tc = {.r = {.seed = w->seed}};
  problem_default(&tc.p, t->row->id, t->direction, t->type);
  if (narrow(t->type)) tc.p.param_type = 0; /* settle_params */
  tc.p.mode = t->mode;
  tc.p.layout = t->layout;
  tc.p.running = t->mode == NORMATIVE_EVALUATION;
  snprintf(tc.r.family, sizeof tc.r.family, "%s", of_type(family, t->type));
  return tc;
}

static struct testcase sized(const struct sweeping *w, const struct target *t, const char *family, size_t groups, size_t m,
                             enum split split)
{
  struct testcase tc = base(w, t, family);
  set_shape(&tc.p, t->row, groups, m, split);
  return tc;
}

static void set_param(struct testcase *tc, const char *gamma, const char *beta)
{
  snprintf(tc->r.gamma, sizeof tc->r.gamma, "%s", gamma);
  snprintf(tc->r.beta, sizeof tc->r.beta, "%s", beta);
  tc->p.has_gamma = strcmp(gamma, "absent") != 0;
  tc->p.has_beta = strcmp(beta, "absent") != 0;
}

static void set_running(struct testcase *tc, const char *running)
{
  snprintf(tc->r.running, sizeof tc->r.running, "%s", running);
  tc->p.running = 1;
}

/* ---- sections ---- */

/* The numbers that stand for NeK, by type; of other families, which types have them. NULL: none. */
static const struct { const char *kind, *family, *f32, *f64, *f16, *bf16; } numbered[] = {
  {"x", "meanNeK", "1e2 1e3 1e4 1e6", "1e4 1e8 1e12", "1e2 1e4", "1e1 1e2"},
  {"x", "mean2p24", "", "", NULL, NULL},
  {"x", "kappaNeK", "1e1 1e2 1e3 1e4 1e5 1e6 1e7", "1e3 1e6 1e9 1e12", "1e1 1e2 1e3", "1e1 1e2"},
  {"x", "outlierNeK", "1e4 1e30", "1e4 1e200", "1e4", "1e4 1e30"},
  {"x", "outlierNeK-first", "1e4 1e30", "1e4 1e200", "1e4", "1e4 1e30"},
  {"x", "scaleNeK", "1e20 1e-20", "1e200 1e-200 1e-300", "1e3 1e-4", "1e20 1e-20"},
  {"x", "levelNeK", NULL, "1e6", "1e2", "1e2"},
  {"x", "flat", NULL, "", "", ""},
  {"x", "signs", NULL, "", "", ""},
  {"dy", "meanNeK", "1e2 1e4 1e6", "1e4 1e12", "1e2 1e4", "1e1 1e2"},
  {"dy", "outlierNeK", "1e4 1e20", "1e4 1e200", "1e4", "1e4 1e20"},
  {"dy", "scaleNeK", "1e20 1e30 1e-20 1e-30", "1e200 1e300 1e-200 1e-300", "1e3 1e-4", "1e20 1e30 1e-20 1e-30"},
  {"dy", "ties", NULL, "", "", ""},
  {"dy", "paramties", NULL, "", "", ""}};

static const char *numbers_of(const struct family *f, uint32_t type)
{
  for (size_t j = 0; j < LENGTH(numbered); ++j)
    if (!strcmp(numbered[j].kind, f->kind) && !strcmp(numbered[j].family, f->name))
      return type == NORMATIVE_F32 ? numbered[j].f32 : type == NORMATIVE_F64 ? numbered[j].f64
             : type == NORMATIVE_F16 ? numbered[j].f16 : numbered[j].bf16;
  return "";
}

static void add_name(struct names *to, const char *before, const char *number, const char *after)
{
  if (to->count == LENGTH(to->name)) abort();
  snprintf(to->name[to->count++], sizeof *to->name, "%s%s%s", before, number, after);
}

/* The families of a kind that the type has, recorded data apart. */
static void list_names(struct names *to, const char *kind, uint32_t type)
{
  char before[24], list[64];
  for (const struct family *f = family_table; f->name; ++f) {
    const char *hole = strstr(f->name, "NeK"), *numbers = numbers_of(f, type);
    if (strcmp(f->kind, kind) || family_shape(f) || !numbers) continue;
    if (!hole) {
      add_name(to, f->name, "", "");
      continue;
    }
    char *save = NULL;
    snprintf(before, sizeof before, "%.*s", (int)(hole - f->name), f->name);
    snprintf(list, sizeof list, "%s", numbers);
    for (char *number = strtok_r(list, " ", &save); number; number = strtok_r(NULL, " ", &save))
      add_name(to, before, number, hole + 3);
  }
}

/* At depth FEW, targets that differ in layout, and those of evaluation, take turns; f32 has all in training. */
static bool turn(const struct sweeping *w, const struct target *t, size_t i)
{
  size_t ways = (t->type == NORMATIVE_F32 || t->row->axes == 2 ? 1 : 2) * (t->mode == NORMATIVE_EVALUATION ? 2 : 1);
  return w->depth > FEW || i % ways == (t->layout + t->type) % ways;
}

/* Small groups, middling, large. The families share their shapes, as a kernel that is compiled for each takes its time. */
static void one_family(struct sweeping *w, const struct target *t, const char *family, size_t i)
{
  bool ladder = !strncmp(family, "kappa", 5);
  if (w->depth == FEW) {
    static const size_t groups[] = {3, 5, 3, 2};
    static const size_t m[] = {131, 9, 47, 523};
    if (turn(w, t, i)) give(w, sized(w, t, family, groups[i / 2 % 4], m[i / 2 % 4], (enum split)(i / 2 % 3)));
    return;
  }
  struct testcase first = sized(w, t, family, 3, 131 + 17 * (i % 3), (enum split)(i % 3));
  set_dy(&first, "ordinary", i % 2);
  give(w, first);
  if (w->depth == SOME) {
    bool half = t->mode == NORMATIVE_EVALUATION || (t->direction == NORMATIVE_BACKWARD && t->row->axes == 3);
    if (ladder || (half && (i + t->layout) % 2)) return;
    give(w, sized(w, t, family, 5, 2 + 7 * (i % 3), (enum split)((i + 1) % 3)));
    give(w, sized(w, t, family, 2, 2047 + 2 * (i % 3), (enum split)((i + 2) % 3)));
    return;
  }
  for (size_t m = 2 + i % 2; m <= 17; m += 2) give(w, sized(w, t, family, 5, m, (enum split)((i + m / 2) % 3)));
  for (int split = FIRST; split <= BOTH; ++split) {
    give(w, sized(w, t, family, 7, 768, (enum split)split));
    give(w, sized(w, t, family, 65, 60 + i, (enum split)split));
  }
  give(w, sized(w, t, family, 2, 16384 + i, (enum split)(i % 3)));
}

static void families(struct sweeping *w, const struct target *t)
{
  for (size_t i = 0; i < w->x[t->type].count; ++i) one_family(w, t, w->x[t->type].name[i], i);
}

/* Backward: every dy, in few rows and in many, with gamma and without (only then is g what dy is, in norms of rows); in the
   full tier with every x. And squares of x that overflow, where the statistics are recomputed. */
static void gradients(struct sweeping *w, const struct target *t)
{
  bool half = w->depth == SOME && t->mode == NORMATIVE_EVALUATION, few = w->depth == FEW;
  const struct names *dy = &w->dy[t->type], *x = &w->x[t->type];
  if (t->direction != NORMATIVE_BACKWARD) return;
  struct testcase far = sized(w, t, "scale1e20", 3, 33, BOTH);
  set_dy(&far, "ordinary", false);
  if (t->mode == NORMATIVE_TRAINING) give(w, far);
  for (size_t i = 0; i < dy->count; ++i) {
    if (!turn(w, t, i)) continue;
    struct testcase plain = sized(w, t, "mean1e2", 3, 131, (enum split)(i % 3));
    set_param(&plain, i % 2 ? "ones" : "absent", "ordinary");
    set_dy(&plain, dy->name[i], i / 4 % 2);
    if ((!half || t->layout == NORMATIVE_NCS) && (!few || i / 2 % 2)) give(w, plain);
    struct testcase many = sized(w, t, "normal", 70, 9 + i % 3, (enum split)((i + 1) % 3));
    set_dy(&many, dy->name[i], i / 4 % 2 == 0);
    if ((!half || t->layout == NORMATIVE_NSC) && (!few || i / 2 % 2 == 0)) give(w, many);
    for (size_t j = 0; w->depth == MANY && j < x->count; ++j) {
      struct testcase tc = sized(w, t, x->name[j], 3 + (i + j) % 30, 17 + (i + 2 * j) % 40, (enum split)((i + j) % 3));
      set_dy(&tc, dy->name[i], (i + j) % 2);
      give(w, tc);
    }
  }
}

/* Those in which a wrong tail shows, of ordinary and of zero tolerance. */
static const char *const tails[] = {"normal", "smallint", "blockoutlier", "mean1e2", "constant"};
static const char *const tail_dy[] = {"ordinary", "smallint", "blockoutlier", "paramoutlier", "paramonehot"};

static struct testcase tail(const struct sweeping *w, const struct target *t, size_t f, size_t groups, size_t m,
                            enum split split)
{
  struct testcase tc = sized(w, t, tails[f], groups, m, split);
  set_dy(&tc, tail_dy[f], (groups + m) % 2);
  return tc;
}

/* Up to two vectors of 8 and about each multiple of 16. */
static bool quick_length(size_t length)
{
  size_t past = length % 16;
  return length <= 18 || past == 1 || past == 15 || length == 64 || length == 128 || length == 130;
}

/* Groups of 1 to 130 elements, and 1 to 130 groups. */
static void lengths(struct sweeping *w, const struct target *t)
{
  bool full = w->depth == MANY, half = w->depth == SOME && t->mode == NORMATIVE_EVALUATION;
  for (size_t length = 1; length <= 130; ++length) {
    if (!full && (!quick_length(length) || (half && (length + t->layout) % 2))) continue;
    if (w->depth == FEW && ((length > 9 && length < 127 && length % 32 > 1 && length != 15) || !turn(w, t, length))) continue;
    for (size_t f = length % LENGTH(tails), i = 0; i < (full ? 4 : 1); ++i, f = (f + 1) % LENGTH(tails))
      give(w, tail(w, t, f, 3, length, (enum split)((length + f) % 3)));
    if (!full && length > 9 && length % 32 > 1 && length < 127) continue;
    if (w->depth == FEW && length % 3 && length != 1) continue;
    give(w, tail(w, t, length % LENGTH(tails), length, 12 + length % 7, (enum split)(length % 3)));
  }
}

/* More groups than 16 bits count, or more elements of a group: at depth FEW one of them, by layout and type. The oracle is
   slow where every group is small and mixed: SwitchableNorm has so many groups in f32 only. */
static void few_wraps(struct sweeping *w, const struct target *t)
{
  enum split split = (enum split)((t->type + t->direction) % 3);
  bool many = (t->layout + t->type + t->direction) % 2 && (t->row->id != NORMATIVE_SWITCHNORM || t->type == NORMATIVE_F32);
  struct testcase tc = many ? sized(w, t, "normal", 65541, 3, split) : sized(w, t, "smallint", 1, 65539, split);
  set_dy(&tc, "smallint", false);
  if (t->mode == NORMATIVE_TRAINING) give(w, tc);
}

/* Powers of two and their neighbours, as lengths and as numbers of groups. */
static void powers(struct sweeping *w, const struct target *t)
{
  bool full = w->depth == MANY;
  int last = full ? 17 : t->mode == NORMATIVE_EVALUATION ? 9 : 12;
  for (int k = 8; k <= last; ++k)
    for (int off = -1; off <= 1; ++off) {
      size_t length = ((size_t)1 << k) + (size_t)off;
      if (w->depth == FEW && (off == 0 || k % 2 || !turn(w, t, (size_t)k / 2))) continue;
      give(w, tail(w, t, (size_t)(k + off) % 3, k > 12 ? 1 : 2, length, (enum split)((k + off) % 3)));
      if (full && k <= 13) give(w, tail(w, t, (size_t)(k + off + 1) % 3, length, 6, (enum split)(k % 3)));
    }
  give(w, tail(w, t, 1, 1025, 6, BOTH));
  if (t->mode == NORMATIVE_TRAINING && t->direction == NORMATIVE_FORWARD)
    give(w, tail(w, t, 3, 2, 2049, FIRST)); /* the first count that f16 lacks */
  if (w->depth == FEW) {
    few_wraps(w, t);
    return;
  }
  if (t->direction == NORMATIVE_BACKWARD) return;
  give(w, sized(w, t, "constant", 1, 65536, FIRST));
  if (t->mode == NORMATIVE_TRAINING) give(w, sized(w, t, "smallint", 1, 65539, SECOND));
  if (t->row->axes == 2) give(w, sized(w, t, "normal", 65541, 3, FIRST)); /* a row number of 16 bits wraps */
  if (t->mode == NORMATIVE_TRAINING) give(w, sized(w, t, "normal", 1, 131101, BOTH)); /* and so does an element's */
}

static void give_gradient(struct sweeping *w, const struct target *t, const char *x, const char *dy, const char *gamma,
                          size_t groups, size_t m)
{
  struct testcase tc = sized(w, t, x, groups, m, groups > 1 || t->layout == NORMATIVE_NSC ? FIRST : SECOND);
  set_param(&tc, gamma, "ordinary");
  set_dy(&tc, dy, false);
  give(w, tc);
}

/* Sums of a gradient over more rows than 16 bits count, and so long that their order shows: equal terms, which round to one
   side. Those of dgamma, dy xhat, are alike for dy along xhat where |x - mean| takes few values; in sorted rows of two, where
   xhat is near -1 and 1; in rows of one where no mean is subtracted, where it is 1. */
static void long_gradients(struct sweeping *w, const struct target *t)
{
  bool centred = t->row->centred;
  if (t->direction != NORMATIVE_BACKWARD) return;
  if (w->depth == FEW) {
    bool wanted = t->type == NORMATIVE_F32 && t->mode == NORMATIVE_EVALUATION;
    if (wanted) give_gradient(w, t, "smallint", "xhat", "ordinary", 1, 131101);
    if (wanted) give_gradient(w, t, "constant", "constant", "ordinary", 1, 131101);
    return;
  }
  if (t->mode == NORMATIVE_EVALUATION) {
    give_gradient(w, t, "constant", "constant", "ordinary", 1, 131101);
    return;
  }
  give_gradient(w, t, "smallint", "smallint", "ordinary", 1, 65539);
  if (t->row->axes == 3) {
    give_gradient(w, t, "smallint", "mean1e4", "ordinary", 1, 262147);
    give_gradient(w, t, "smallint", "xhat", "ordinary", 1, 524287);
    return;
  }
  give_gradient(w, t, centred ? "smallint" : "constant", "constant", "absent", 1, centred ? 1000003 : 262147);
  give_gradient(w, t, "normal", "paramoutlier", "ordinary", 65541, 2);
  give_gradient(w, t, "smallint", "smallint", "ordinary", 70001, 2);
  give_gradient(w, t, centred ? "sorted" : "uniform", "paramconstant", "ordinary", 131101, centred ? 2 : 1);
}

/* Sums so long that their order shows: sequential float sums, float counters, one block lost in many. Means of 1e3 are
   where an error of the sum reaches y: of larger ones, and of constants, every f32 sum may make of y what it likes. */
static void longest(struct sweeping *w, const struct target *t)
{
  static const char *const all[] = {"mean1e3", "constant", "normal", "uniform", "smallint", "blockoutlier", "sorted",
                                    "outlier1e4-first", "alternating", "constint"};
  const size_t m = 1000003;
  bool evaluation = t->mode == NORMATIVE_EVALUATION, rows = t->row->axes == 2, backward = t->direction == NORMATIVE_BACKWARD;
  bool last = t->layout == NORMATIVE_NSC;
  if (backward && w->depth < MANY) return; /* long_gradients */
  if (w->depth == MANY) {
    size_t count = evaluation ? 2 : backward ? 4 : LENGTH(all);
    for (size_t f = 0; f < count; ++f) give(w, sized(w, t, all[f], 1, m, (enum split)(f % 3)));
    if (!rows) give(w, sized(w, t, "mean1e3", 5, 65536, BOTH));
    if (!evaluation) give(w, sized(w, t, "mean1e3", 16, 262147, FIRST));
  } else if (!evaluation) {
    bool every = w->depth == SOME && t->type == NORMATIVE_F32, wide = t->type == NORMATIVE_F32 || t->type == NORMATIVE_F64;
    const char *family = t->row->centred ? "mean1e3" : "normal";
    if (every || (wide && (last || rows))) give(w, sized(w, t, family, 1, m, last ? FIRST : SECOND));
    if (w->depth == FEW) return;
    if (rows && t->row->centred) give(w, sized(w, t, "constant", 1, m, SECOND));
    if (last) give(w, sized(w, t, "mean1e3", 3, 262147, FIRST));
  }
}

/* An outlier in every block of 16; NaN and Inf in many places. */
static void places(struct sweeping *w, const struct target *t)
{
  static const char *const odd[] = {"nan", "pinf", "ninf"};
  static const size_t m[] = {1, 2, 7, 16, 17, 33, 64, 100, 1000};
  for (size_t i = 0; i < LENGTH(m); ++i)
    for (size_t f = 0; f < LENGTH(odd); ++f)
      for (int of_dy = 0; of_dy <= (t->direction == NORMATIVE_BACKWARD); ++of_dy) {
        if (w->depth < MANY && f != i % 3) continue;
        if (w->depth == FEW && (i % 4 == 1 || i % 4 == 3 || !turn(w, t, i / 2))) continue;
        struct testcase tc = sized(w, t, of_dy ? "normal" : odd[f], 3, m[i], (enum split)((i + f) % 3));
        set_dy(&tc, of_dy ? odd[f] : "ordinary", i % 2);
        give(w, tc);
      }
  for (int split = FIRST; split <= BOTH; ++split) {
    if ((t->row->axes == 2 || w->depth == FEW) && split) break;
    give(w, tail(w, t, 2, 17, 261, (enum split)split));
    if (w->depth == MANY) give(w, tail(w, t, 2, 257, 4096, (enum split)split));
  }
}

static const double eps_values[] = {0, 1e-12f, 1e-5f, 1e-3f, 0.5};

static void epsilons(struct sweeping *w, const struct target *t)
{
  static const char *const quick[] = {"normal", "tinyvar", "constant", "subnormal"};
  static const char *const full[] = {"zeros", "constint", "scale1e20", "scale1e-20", "ulpvar", "mean1e4", "halfconst",
                                     "nearmax"};
  for (size_t i = 0; i < LENGTH(eps_values); ++i)
    for (size_t f = 0; f < LENGTH(quick) + (w->depth == MANY ? LENGTH(full) : 0); ++f) {
      const char *family = f < LENGTH(quick) ? quick[f] : full[f - LENGTH(quick)];
      if (w->depth < MANY && t->mode == NORMATIVE_EVALUATION && f > 1) continue; /* x has no variance to speak of */
      if (w->depth == FEW && (f != i % 4 || !turn(w, t, i))) continue;
      struct testcase tc = sized(w, t, family, 3, 33, (enum split)((i + f) % 3));
      set_dy(&tc, "ordinary", (i + f) % 4 == 3);
      tc.p.eps = eps_values[i];
      give(w, tc);
    }
  struct testcase nothing = sized(w, t, "zeros", 3, 9, FIRST); /* 0/0 */
  set_dy(&nothing, "ordinary", false);
  nothing.p.eps = 0;
  if (t->mode == NORMATIVE_TRAINING) give(w, nothing);
  struct testcase far = sized(w, t, "scale1e-20", 3, 33, BOTH); /* f64: eps where squares underflow, and where they overflow */
  for (int up = 0; t->type == NORMATIVE_F64 && up <= 1; ++up) {
    if (up) far = sized(w, t, "scale1e20", 3, 33, BOTH);
    set_dy(&far, "ordinary", up);
    far.p.eps = up ? 1e300 : 1e-300;
    give(w, far);
  }
}

/* gamma dy where dy is as hostile; and no dgamma or no dbeta wanted. */
static void gradient_params(struct sweeping *w, const struct target *t)
{
  static const char *const pairs[][3] = {
    {"absent", "absent", "ordinary"}, {"ordinary", "absent", "ordinary"}, {"absent", "ordinary", "ordinary"},
    {"mixed", "ordinary", "xhat"}, {"mixed", "ordinary", "outlier1e4"}, {"huge", "ordinary", "scale1e-20"},
    {"tiny", "ordinary", "scale1e20"}, {"huge", "ordinary", "scale1e20"}, {"tiny", "ordinary", "scale1e-20"},
    {"zerofirst", "ordinary", "blockoutlier"}, {"onefirst", "ordinary", "constant"}, {"zero", "ordinary", "nearmax"},
    {"zero", "ordinary", "nan"}, {"negative", "ordinary", "mean1e4"}};
  for (size_t j = 0; j < LENGTH(pairs); ++j) {
    if (w->depth == SOME && t->mode == NORMATIVE_EVALUATION && (j + t->layout) % 2) continue;
    if (!turn(w, t, j)) continue;
    struct testcase tc = sized(w, t, "normal", 7, 36, (enum split)(j % 3));
    set_param(&tc, pairs[j][0], pairs[j][1]);
    set_dy(&tc, pairs[j][2], j % 2);
    give(w, tc);
  }
}

static void params(struct sweeping *w, const struct target *t)
{
  static const char *const pairs[][2] = {
    {"absent", "absent"}, {"zero", "cancel"}, {"mixed", "cancel"}, {"huge", "huge"}, {"ones", "cancel"}};
  static const char *const x[] = {"normal", "mean1e4", "halfconst", "outlier1e4", "scale1e20"};
  bool backward = t->direction == NORMATIVE_BACKWARD;
  for (size_t i = 0; i < (w->depth == MANY ? LENGTH(x) : 1); ++i) {
    struct testcase tc = sized(w, t, x[i], 6, 40, BOTH);
    size_t place = 0; /* among those of gamma and beta */
    for (const struct family *f = family_table; f->name; ++f) {
      bool gamma = !strcmp(f->kind, "gamma");
      if (!gamma && (backward || strcmp(f->kind, "beta"))) continue;
      /* an index that is always 0, and what a folded apply shows in: in every mode and layout */
      bool always = strstr(f->name, "first") || !strcmp(f->name, "largest");
      if ((!turn(w, t, place++) && !always) || !strcmp(f->name, "ties")) continue;
      set_dy(&tc, "ordinary", false);
      set_param(&tc, gamma ? f->name : "ordinary", gamma ? "ordinary" : f->name);
      give(w, tc);
    }
    for (size_t j = 0; j < LENGTH(pairs) && !backward; ++j) {
      if (!turn(w, t, j)) continue;
      set_param(&tc, pairs[j][0], pairs[j][1]);
      give(w, tc);
    }
  }
  if (backward) {
    gradient_params(w, t);
    return;
  }
  struct testcase tc = sized(w, t, "mean1e4", 5, 300, BOTH);
  set_param(&tc, "ordinary", "cancel");
  give(w, tc);
}

/* Training: every rule and estimator of the update, on short groups, where n-1 for n shows. */
static void running_training(struct sweeping *w, const struct target *t, const char *running)
{
  static const struct { normative_momentum rule; double momentum; } updates[] = {
    {NORMATIVE_MOMENTUM_NEW, 0.1f}, {NORMATIVE_MOMENTUM_OLD, 0.9f}, {NORMATIVE_MOMENTUM_CUMULATIVE, 3},
    {NORMATIVE_MOMENTUM_NEW, 0}, {NORMATIVE_MOMENTUM_NEW, 1}, {NORMATIVE_MOMENTUM_OLD, 0.99f}, {NORMATIVE_MOMENTUM_OLD, 0.1f},
    {NORMATIVE_MOMENTUM_CUMULATIVE, 1}, {NORMATIVE_MOMENTUM_CUMULATIVE, 100}};
  bool ordinary = !strcmp(running, "ordinary");
  for (size_t i = 0; i < (ordinary ? LENGTH(updates) : 3); ++i)
    for (uint32_t estimator = NORMATIVE_UNBIASED; estimator <= NORMATIVE_POPULATION; ++estimator) {
      if (w->depth == FEW && (i + estimator + t->layout) % (ordinary ? 2 : 3)) continue;
      struct testcase tc = sized(w, t, "normal", 7, ordinary ? 9 : 2 + i, (enum split)(i % 3));
      set_running(&tc, running);
      tc.p.rule = updates[i].rule;
      tc.p.momentum = updates[i].momentum;
      tc.p.estimator = estimator;
      give(w, tc);
    }
}

/* gamma = 0 hides an xhat that overflows; eps may be as vast. */
static void set_vast(struct testcase *tc, size_t i)
{
  set_param(tc, "mixed", "ordinary");
  if (i == 0 && tc->p.norm != NORMATIVE_SWITCHNORM) tc->p.eps = 0x1p1023;
}

static void running_evaluation(struct sweeping *w, const struct target *t, const char *running)
{
  static const char *const x[] = {"normal", "mean1e4", "constant"};
  for (size_t i = 0; i < LENGTH(eps_values); ++i)
    for (size_t f = 0; f < LENGTH(x); ++f) {
      if (w->depth < MANY && f != i % LENGTH(x) && (w->depth == FEW || eps_values[i] != 1e-5f)) continue;
      if (!turn(w, t, i / 2)) continue;
      struct testcase tc = sized(w, t, x[f], 6, 33, (enum split)((i + f) % 3));
      set_running(&tc, running);
      tc.p.eps = eps_values[i];
      if (!strcmp(running, "vast")) set_vast(&tc, i);
      give(w, tc);
    }
}

/* The estimator that gives one element a variance, of one and of more. */
static void one_element(struct sweeping *w, const struct target *t)
{
  for (size_t m = 1; m <= (t->type == NORMATIVE_F32 ? 5 : 1); m += 4) {
    struct testcase tc = sized(w, t, "normal", t->row->id == NORMATIVE_SWITCHNORM ? 1 : 6, m, FIRST);
    set_running(&tc, "ordinary");
    tc.p.estimator = NORMATIVE_UNBIASED1;
    give(w, tc);
  }
}

/* BatchNorm as textbooks have it: the old weighs 0.9, the population's variance, start at 0 and 1, 2 or 4 sizes. */
static void textbook(struct sweeping *w, const struct target *t)
{
  for (int four = 0; four <= 1 && t->row->id == NORMATIVE_BATCHNORM && t->layout == NORMATIVE_NCS; ++four) {
    struct testcase tc = sized(w, t, four ? "mean1e2" : "normal", 5, 36, four ? BOTH : FIRST);
    set_running(&tc, "start");
    tc.p.rule = NORMATIVE_MOMENTUM_OLD;
    tc.p.momentum = 0.9f;
    tc.p.estimator = NORMATIVE_POPULATION;
    give(w, tc);
  }
}

static void running(struct sweeping *w, const struct target *t)
{
  static const char *const x[] = {"mean1e4", "constant", "nan", "pinf", "outlier1e30", "scale1e20", "nearmax"};
  if (!t->row->evaluates || (t->direction == NORMATIVE_BACKWARD && t->mode == NORMATIVE_TRAINING)) return;
  for (const struct family *f = family_table; f->name; ++f) {
    if (strcmp(f->kind, "running") || !strcmp(f->name, "absent")) continue;
    if (t->mode == NORMATIVE_TRAINING) running_training(w, t, f->name);
    else running_evaluation(w, t, f->name);
  }
  if (t->mode == NORMATIVE_EVALUATION) return;
  for (size_t i = 0; i < LENGTH(x); ++i) {
    if (!turn(w, t, i)) continue;
    struct testcase tc = sized(w, t, x[i], 4, 50, (enum split)(i % 3));
    set_running(&tc, "ordinary");
    give(w, tc);
  }
  struct testcase one = sized(w, t, "normal", 6, 1, FIRST);
  set_running(&one, "ordinary");
  give(w, one);
  one_element(w, t);
  textbook(w, t);
}

/* Each size 0 in turn; shapes of every rank. */
static void geometry(struct sweeping *w, const struct target *t)
{
  static const uint64_t rows[][7] = {{1, 1}, {1, 65}, {65, 1}, {33, 65}, {0, 5}, {5, 0}, {0, 0}};
  static const uint64_t maps[][7] = {{1, 1}, {3, 65}, {65, 1}, {1, 65, 1}, {1, 1, 1}, {7, 1, 3}, {1, 3, 5}, {2, 65, 7, 7},
                                     {1, 64, 1, 3}, {5, 3, 2, 3, 4}, {3, 257, 5}, {2, 3, 1, 2, 1, 2}, {0, 3}, {2, 0}, {0, 3, 4},
                                     {2, 0, 4}, {2, 3, 0}, {2, 3, 4, 0}, {0, 0, 0}};
  static const uint32_t maps_rank[] = {2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 3, 6, 2, 2, 3, 3, 3, 4, 3};
  bool two = t->row->axes == 2;
  for (size_t i = 0; i < (two ? LENGTH(rows) : LENGTH(maps)); ++i) {
    if (w->depth == FEW && t->type != NORMATIVE_F32 && i % 3 != (t->layout + t->type) % 3) continue;
    struct testcase tc = base(w, t, "normal");
    tc.p.ndim = two ? 2 : maps_rank[i];
    memcpy(tc.p.dims, two ? rows[i] : maps[i], tc.p.ndim * sizeof(uint64_t));
    set_dy(&tc, "ordinary", i % 2);
    give(w, tc);
  }
}

/* y itself subnormal, and no beta to hide it: flush to zero. */
static void subnormal_results(struct sweeping *w, const struct target *t)
{
  static const char *const gamma[] = {"ones", "tiny"};
  const char *const small = t->type == NORMATIVE_F64 ? "scale1e-156" : "scale1e-20"; /* tiny makes 1e-309, 1e-38 of it */
  for (size_t i = 0; i < LENGTH(gamma); ++i) {
    struct testcase tc = sized(w, t, i ? small : "subnormal", 3, 33, BOTH);
    set_param(&tc, gamma[i], "absent");
    set_dy(&tc, i ? small : "subnormal", false);
    give(w, tc);
  }
}

/* x times 2^k, eps times 4^k: the same bits of y as at k = 0; those of dx 2^k times less. In f16 only so far that no number of
   a mean of 1e4 over- or underflows. */
static void scaled_pairs(struct sweeping *w, const struct target *t)
{
  static const char *const x[] = {"normal", "mean1e4", "outlier1e4", "tinyvar", "constant"};
  static const int k[] = {0, 20, -20, 1, -1, 40, -35}, half[] = {0, 2, -2}, wide[] = {0, 500, -490};
  bool full = w->depth == MANY;
  for (size_t f = 0; f < (full ? LENGTH(x) : 2); ++f)
    for (size_t i = 0; i < (full ? LENGTH(k) : 3); ++i) {
      if ((t->type == NORMATIVE_F16 && f != 1) || (w->depth == FEW && !turn(w, t, f))) continue;
      struct testcase tc = sized(w, t, x[f], 3, 129, BOTH);
      tc.r.pow2 = (t->type == NORMATIVE_F16 ? half : t->type == NORMATIVE_F64 ? wide : k)[i];
      set_dy(&tc, "ordinary", f % 2);
      tc.p.eps = ldexp(tc.p.eps, 2 * tc.r.pow2);
      give(w, tc);
    }
}

static void parse_shape(struct normative_problem *p, const char *shape)
{
  char *end;
  for (p->ndim = 0; *shape; shape = *end ? end + 1 : end) p->dims[p->ndim++] = strtoull(shape, &end, 10);
}

static void recorded(struct sweeping *w, const struct target *t)
{
  size_t place = 0; /* among recorded data */
  for (const struct family *f = family_table; f->name; ++f) {
    if (!family_shape(f)) continue;
    ++place;
    struct testcase tc = base(w, t, f->name);
    parse_shape(&tc.p, family_shape(f));
    tc.p.eps = family_eps(f);
    if (t->row->axes == 2 && tc.p.ndim != 2) continue;
    if (w->depth < MANY && t->row->evaluates && !family_brings(f, "running_mean")) continue; /* of another norm */
    if (w->depth == FEW && place % 4 != (t->layout + t->type + t->direction) % 4) continue;
    give(w, tc);
    if (t->direction == NORMATIVE_BACKWARD) {
      set_dy(&tc, "", true);
      give(w, tc);
      continue;
    }
    if (!t->row->evaluates || t->mode == NORMATIVE_EVALUATION) continue;
    set_running(&tc, "ordinary");
    give(w, tc);
  }
}

/* Stores of values next to the middle of two, and sums that are: rounding them through a wider type moves them. */
static void ties(struct sweeping *w, const struct target *t)
{
  bool evaluation = t->mode == NORMATIVE_EVALUATION;
  for (uint32_t params = t->type; params; params = narrow(params) ? NORMATIVE_F32 : 0)
    for (int sums = 0; sums <= (t->direction == NORMATIVE_BACKWARD); ++sums) {
      struct testcase tc = sized(w, t, "signs", 5, 64, BOTH);
      tc.p.param_type = params;
      tc.p.eps = 1e-12f;
      set_param(&tc, "ties", "ties");
      set_dy(&tc, sums ? "paramties" : "ties", false);
      if (evaluation) set_running(&tc, "start");
      give(w, tc);
    }
}

/* x + residual: rows only, forward. In f64 with a mean so large that what the rounded sum loses is seen; in a third of the
   cases with an eps that is seen. And sums that overflow. */
static void residuals(struct sweeping *w, const struct target *t)
{
  static const char *const x[] = {"normal", "smallint", "constant", "mean1e2", "mean1e4", "nan"};
  static const char *const addend[] = {"", "cancel", "large"};
  static const size_t m[] = {1, 2, 7, 16, 33, 130, 261, 1025};
  if (t->row->axes == 3 || t->direction == NORMATIVE_BACKWARD) return;
  for (size_t i = 0; i < LENGTH(x) * LENGTH(addend); ++i) {
    size_t family = i % LENGTH(x), k = i / LENGTH(x);
    bool larger = t->type == NORMATIVE_F64 && !strcmp(x[family], "mean1e2");
    if (w->depth < MANY && (family + k) % 3 > 1) continue;
    struct testcase tc = sized(w, t, larger ? "mean1e12" : x[family], 5, m[i % LENGTH(m)], FIRST);
    tc.p.residual = 1;
    if ((family + k) % 3 == 1) tc.p.eps = 0.5;
    snprintf(tc.r.addend, sizeof tc.r.addend, "%s", addend[k]);
    give(w, tc);
  }
  struct testcase beyond = sized(w, t, "nearmax", 5, 33, FIRST);
  beyond.p.residual = 1;
  snprintf(beyond.r.addend, sizeof beyond.r.addend, "alike");
  give(w, beyond);
}

/* Weights of SwitchableNorm, with the batch's statistics and without; the repository's estimates; an outlier that running
   statistics outweigh. */
static void lambdas(struct sweeping *w, const struct target *t)
{
  static const char *const x[] = {"normal", "level1e4", "mean1e2", "flat", "smallint"};
  bool training = t->mode == NORMATIVE_TRAINING;
  size_t i = 0;
  if (t->row->id != NORMATIVE_SWITCHNORM) return;
  for (const struct family *f = family_table; f->name; ++f) {
    if (strcmp(f->kind, "lambda")) continue;
    for (uint32_t drop = 0; drop <= training; ++drop, ++i) {
      if (!turn(w, t, i)) continue;
      struct testcase tc = sized(w, t, x[i % LENGTH(x)], 4, 3 + 5 * i, (enum split)(i % 3));
      if (strcmp(f->name, "ordinary")) snprintf(tc.r.lambda, sizeof tc.r.lambda, "%s", f->name);
      tc.p.drop_bn = drop;
      give(w, tc);
    }
  }
  struct testcase outweighed = sized(w, t, "outlier1e30", 4, 15, BOTH);
  snprintf(outweighed.r.lambda, sizeof outweighed.r.lambda, "batch");
  set_dy(&outweighed, "ordinary", false);
  if (!training) give(w, outweighed);
  for (size_t k = 0; k < LENGTH(x) && training && t->type == NORMATIVE_F32; ++k) {
    struct testcase tc = sized(w, t, x[k], 3, 6 + k, (enum split)(k % 3));
    tc.p.repo = 1;
    set_dy(&tc, "ordinary", false);
    give(w, tc);
  }
}

/* The variance saved, and given to backward, in place of rstd: in short groups, where m-1 for m shows, of an eps that does, and
   of one that hides the variance from rstd. */
static void variances(struct sweeping *w, const struct target *t)
{
  static const struct { const char *x, *dy; size_t groups, m; double eps; } all[] = {
    {"normal", "ordinary", 7, 9, 0.5}, {"mean1e2", "xhat", 4, 40, 1e-5f}, {"halfconst", "mean1e2", 4, 131, 1e-5f},
    {"tinyvar", "alternating", 5, 17, 1e-5f}, {"pinf", "ordinary", 3, 5, 1e-3f}};
  if (t->mode == NORMATIVE_EVALUATION || t->row->id == NORMATIVE_SWITCHNORM) return;
  for (size_t i = 0; i < (w->depth == MANY ? LENGTH(all) : t->type == NORMATIVE_F32 ? 4 : 2); ++i) {
    if (!turn(w, t, i)) continue;
    struct testcase tc = sized(w, t, all[i].x, all[i].groups, all[i].m, BOTH);
    tc.p.eps = all[i].eps;
    tc.p.saved = NORMATIVE_SAVED_VARIANCE;
    set_dy(&tc, all[i].dy, true);
    give(w, tc);
    tc.p.residual = t->row->axes == 2 && t->direction == NORMATIVE_FORWARD && i == 0; /* then it is that of the sum */
    if (tc.p.residual) give(w, tc);
  }
}

/* Gamma and beta other than per channel or column: GroupNorm's per group and element; of rows one, for each row one, and a row
   of them for each sample of two rows and for every row. */
static void affines(struct sweeping *w, const struct target *t)
{
  static const char *const x[] = {"normal", "mean1e2"};
  static const struct { uint32_t affine, parts; } of_rows[] = {{NORMATIVE_AFFINE_ELEMENT, 3}, {NORMATIVE_AFFINE_GROUP, 6},
                                                               {NORMATIVE_AFFINE_ELEMENT, 6}, {NORMATIVE_AFFINE_GROUP, 1}};
  if (t->mode == NORMATIVE_EVALUATION) return;
  for (uint32_t affine = NORMATIVE_AFFINE_GROUP; affine <= NORMATIVE_AFFINE_ELEMENT && strchr(t->row->group, 'g'); ++affine)
    for (size_t i = 0; i < LENGTH(x); ++i) {
      struct testcase shaped = sized(w, t, x[i], 6, 60, i ? BOTH : SECOND);
      shaped.p.affine = affine;
      if (turn(w, t, i)) give(w, shaped);
    }
  for (size_t i = 0; i < LENGTH(of_rows) && t->row->axes == 2; ++i) {
    struct testcase parted = sized(w, t, x[i % 2], 6, 37, FIRST);
    parted.p.affine = of_rows[i].affine;
    parted.p.groups = of_rows[i].parts;
    give(w, parted);
  }
}

/* eps outside of the root where it is greater than sigma; the greater of eps and sigma2 where that is sigma2, by so little that
   their sum shows, and where it is eps. Backward also where sigma is 0, and where eps is the greater by little. */
static void eps_places(struct sweeping *w, const struct target *t)
{
  static const struct { const char *x; float eps; enum normative_eps_place place; } roots[] = {
    {"tinyvar", 1e-5f, NORMATIVE_EPS_OUTSIDE}, {"normal", 0.5f, NORMATIVE_EPS_MAX}, {"tinyvar", 1e-5f, NORMATIVE_EPS_MAX},
    {"zeros", 1e-5f, NORMATIVE_EPS_OUTSIDE}, {"normal", 4, NORMATIVE_EPS_MAX},
    {"halfconst", 1e-5f, NORMATIVE_EPS_MAX}};
  if (t->row->id == NORMATIVE_SWITCHNORM || t->type != NORMATIVE_F32) return;
  for (size_t i = 0; i < (t->direction == NORMATIVE_FORWARD ? 3 : LENGTH(roots)); ++i) {
    struct testcase tc = sized(w, t, roots[i].x, 3, 40, BOTH);
    tc.p.eps_place = roots[i].place;
    tc.p.eps = roots[i].eps;
    set_dy(&tc, "ordinary", false);
    give(w, tc);
  }
}

/* What other implementations mean, a little of each: most decline. */
static void conventions(struct sweeping *w, const struct target *t)
{
  const bool evaluation = t->mode == NORMATIVE_EVALUATION;
  eps_places(w, t);
  struct testcase tc = sized(w, t, "normal", 3, 40, BOTH);
  set_dy(&tc, "ordinary", false);
  for (uint32_t casts = NORMATIVE_CAST_NORMAL; casts <= NORMATIVE_CAST_PLUS_ONE; ++casts) {
    tc.p.casts = casts;
    if (evaluation ? t->type != NORMATIVE_F32 || casts == NORMATIVE_CAST_NORMAL : t->row->axes != 2) continue;
    if (narrow(t->type) || casts == NORMATIVE_CAST_PLUS_ONE) give(w, tc);
  }
}

/* ---- the sweep ---- */

static void one_target(struct sweeping *w, const struct target *t)
{
  void (*const sections[])(struct sweeping *, const struct target *) = {
    families, gradients, lengths, powers, long_gradients, longest, places, epsilons, params, running, geometry,
    subnormal_results, scaled_pairs, recorded, ties, residuals, lambdas, variances, affines, conventions};
  for (size_t i = 0; i < LENGTH(sections); ++i) sections[i](w, t);
}

/* Channels, rows, rows without a mean: f32 of these three has a step more of everything. */
static bool core(const struct norm_row *row, uint32_t type)
{
  return type == NORMATIVE_F32 &&
         (row->id == NORMATIVE_BATCHNORM || row->id == NORMATIVE_LAYERNORM || row->id == NORMATIVE_RMSNORM);
}

static void one_norm(struct sweeping *w, enum tier tier, const struct norm_row *row, uint32_t direction, uint32_t type)
{
  w->depth = (enum depth)((int)tier + core(row, type));
  for (int mode = NORMATIVE_TRAINING; mode <= (row->evaluates ? NORMATIVE_EVALUATION : NORMATIVE_TRAINING); ++mode)
    for (int layout = NORMATIVE_NCS; layout <= (row->axes == 3 ? NORMATIVE_NSC : NORMATIVE_NCS); ++layout)
      one_target(w, &(struct target){row, (enum normative_mode)mode, (normative_layout)layout, direction, type});
}

/* Full begins with quick. */
int sweep(enum tier tier, uint64_t seed, int (*each)(const struct testcase *tc, void *arg), void *arg)
{
  struct sweeping w = {.seed = seed, .each = each, .arg = arg};
  for (uint32_t type = NORMATIVE_F32; type < TYPES; ++type) {
    list_names(&w.x[type], "x", type);
    list_names(&w.dy[type], "dy", type);
  }
  for (int pass = TIER_QUICK; pass <= (int)tier; ++pass) {
    for (uint32_t type = NORMATIVE_F32; type < TYPES; ++type)
      for (uint32_t direction = NORMATIVE_FORWARD; direction <= NORMATIVE_BACKWARD; ++direction)
        for (const struct norm_row *row = norm_table; row->name; ++row) one_norm(&w, (enum tier)pass, row, direction, type);
  }
  free(w.seen);
  return w.stopped;
}
