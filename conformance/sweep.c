/* SPDX-License-Identifier: Apache-2.0
   The cases of a tier. A *target* is a norm in one direction, mode and layout, taken from the table of norms; every section
   below adds to each target the cases that one kind of defect shows in. A new norm gets all of them from its row, a new family
   of inputs from its own. What two sections both name is given once. Backward, a section that names no dy gets one of all
   families by the hash of the case's name, and given statistics or not likewise. */
#include "inputs.h"
#include <stdlib.h>
#include <string.h>

struct target { const struct norm_row *row; enum normative_mode mode; normative_layout layout; uint32_t direction; };
struct names { char name[64][24]; size_t count; };

struct sweeping {
  enum tier tier; /* of the pass: full runs the quick one first */
  uint64_t seed;
  int (*each)(const struct testcase *tc, void *arg);
  void *arg;
  int stopped;    /* what each returned */
  uint64_t *seen; /* hashes of names given, open addressing, 0 is free */
  size_t room, count;
  struct names x, dy; /* every family, with the numbers that stand for NeK */
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

static void set_dy(struct testcase *tc, const char *dy, bool given)
{
  if (tc->p.direction != NORMATIVE_BACKWARD) return;
  snprintf(tc->r.dy, sizeof tc->r.dy, "%s", dy);
  tc->p.given = given && tc->p.mode == NORMATIVE_TRAINING;
}

/* dy of the section, or by chance; ordinary is the default of the name, and recorded data keeps its own. */
static void settle_dy(const struct sweeping *w, struct testcase *tc)
{
  char name[CASE_NAME_MAX];
  if (tc->p.direction != NORMATIVE_BACKWARD) return;
  if (!tc->r.dy[0] && !family_shape(family_find("x", tc->r.family))) {
    case_name(name, tc);
    uint64_t h = hash(name) >> 8;
    set_dy(tc, w->dy.name[h % w->dy.count], h >> 32 & 1);
  }
  if (!strcmp(tc->r.dy, "ordinary")) tc->r.dy[0] = 0;
}

/* A case that is no problem is a mistake in this file. */
static void give(struct sweeping *w, struct testcase tc)
{
  struct error e;
  char name[CASE_NAME_MAX];
  if (w->stopped) return;
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
  bool by_n = strchr(row->group, 'n'), by_c = strchr(row->group, 'c'), by_g = strchr(row->group, 'g'),
       by_s = row->axes == 3 && strchr(row->group, 's');
  bool free_s = row->axes == 3 && !by_s;
  divide(groups, by_n ? &n : NULL, by_c ? &c : by_g ? &parts : by_s ? &s : NULL, by_n ? split : SECOND);
  if (by_c) divide(m, by_n ? NULL : &n, free_s ? &s : NULL, split);
  else divide(m, &c, free_s ? &s : NULL, split);
  size_t h = factor(s);
  p->groups = parts;
  p->dims[0] = n;
  p->dims[1] = parts * c;
  p->dims[2] = split == BOTH ? h : s;
  p->dims[3] = s / h;
  p->ndim = row->axes == 2 || (s == 1 && split == FIRST) ? 2 : split == BOTH && h > 1 ? 4 : 3;
}

static struct testcase base(const struct sweeping *w, const struct target *t, const char *family)
{
  struct testcase tc = {.r = {.seed = w->seed}};
  problem_default(&tc.p, t->row->id, t->direction, NORMATIVE_F32);
  tc.p.mode = t->mode;
  tc.p.layout = t->layout;
  tc.p.running = t->mode == NORMATIVE_EVALUATION;
  snprintf(tc.r.family, sizeof tc.r.family, "%s", family);
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

/* The numbers that stand for NeK. */
static const struct { const char *kind, *family, *numbers; } numbered[] = {
  {"x", "meanNeK", "1e2 1e3 1e4 1e6"}, {"x", "kappaNeK", "1e1 1e2 1e3 1e4 1e5 1e6 1e7"}, {"x", "outlierNeK", "1e4 1e30"},
  {"x", "outlierNeK-first", "1e4 1e30"}, {"x", "scaleNeK", "1e20 1e-20"}, {"dy", "meanNeK", "1e2 1e4 1e6"},
  {"dy", "outlierNeK", "1e4 1e20"}, {"dy", "scaleNeK", "1e20 1e30 1e-20 1e-30"}};

static void add_name(struct names *to, const char *before, const char *number, const char *after)
{
  if (to->count == LENGTH(to->name)) abort();
  snprintf(to->name[to->count++], sizeof *to->name, "%s%s%s", before, number, after);
}

/* The families of a kind, recorded data apart. */
static void list_names(struct names *to, const char *kind)
{
  char before[24], numbers[64];
  for (const struct family *f = family_table; f->name; ++f) {
    if (strcmp(f->kind, kind) || family_shape(f)) continue;
    const char *hole = strstr(f->name, "NeK");
    if (!hole) add_name(to, f->name, "", "");
    else snprintf(before, sizeof before, "%.*s", (int)(hole - f->name), f->name);
    for (size_t j = 0; hole && j < LENGTH(numbered); ++j) {
      if (strcmp(numbered[j].kind, kind) || strcmp(numbered[j].family, f->name)) continue;
      char *save = NULL;
      snprintf(numbers, sizeof numbers, "%s", numbered[j].numbers);
      for (char *number = strtok_r(numbers, " ", &save); number; number = strtok_r(NULL, " ", &save))
        add_name(to, before, number, hole + 3);
    }
  }
}

/* Small groups, middling, large; every length of the small ones comes round. */
static void one_family(struct sweeping *w, const struct target *t, const char *family, size_t i)
{
  bool ladder = !strncmp(family, "kappa", 5);
  struct testcase first = sized(w, t, family, 3, 131 + 17 * i % 200, (enum split)(i % 3));
  set_dy(&first, "ordinary", i % 2);
  give(w, first);
  if (w->tier == TIER_QUICK) {
    bool half = t->mode == NORMATIVE_EVALUATION || (t->direction == NORMATIVE_BACKWARD && t->row->axes == 3);
    if (ladder || (half && (i + t->layout) % 2)) return;
    give(w, sized(w, t, family, 5, 2 + i % 16, (enum split)((i + 1) % 3)));
    give(w, sized(w, t, family, 2, 2048 + i, (enum split)((i + 2) % 3)));
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
  for (size_t i = 0; i < w->x.count; ++i) one_family(w, t, w->x.name[i], i);
}

/* Backward: every dy, in few rows and in many, with gamma and without (only then is g what dy is, in norms of rows); in the
   full tier with every x. */
static void gradients(struct sweeping *w, const struct target *t)
{
  bool half = w->tier == TIER_QUICK && t->mode == NORMATIVE_EVALUATION;
  if (t->direction != NORMATIVE_BACKWARD) return;
  for (size_t i = 0; i < w->dy.count; ++i) {
    struct testcase plain = sized(w, t, "mean1e2", 3, 120 + i, (enum split)(i % 3));
    set_param(&plain, i % 2 ? "ones" : "absent", "ordinary");
    set_dy(&plain, w->dy.name[i], i % 4 > 1);
    if (!half || t->layout == NORMATIVE_NCS) give(w, plain);
    struct testcase many = sized(w, t, "normal", 70 + i, 9 + i % 8, (enum split)((i + 1) % 3));
    set_dy(&many, w->dy.name[i], i % 4 < 2);
    if (!half || t->layout == NORMATIVE_NSC) give(w, many);
    for (size_t j = 0; w->tier == TIER_FULL && j < w->x.count; ++j) {
      struct testcase tc = sized(w, t, w->x.name[j], 3 + (i + j) % 30, 17 + (i + 2 * j) % 40, (enum split)((i + j) % 3));
      set_dy(&tc, w->dy.name[i], (i + j) % 2);
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
  bool full = w->tier == TIER_FULL, evaluation = t->mode == NORMATIVE_EVALUATION;
  for (size_t length = 1; length <= 130; ++length) {
    if (!full && (!quick_length(length) || (evaluation && (length + t->layout) % 2))) continue;
    for (size_t f = length % LENGTH(tails), i = 0; i < (full ? 4 : 1); ++i, f = (f + 1) % LENGTH(tails))
      give(w, tail(w, t, f, 3, length, (enum split)((length + f) % 3)));
    if (!full && length > 9 && length % 32 > 1 && length < 127) continue;
    give(w, tail(w, t, length % LENGTH(tails), length, 12 + length % 7, (enum split)(length % 3)));
  }
}

/* Powers of two and their neighbours, as lengths and as numbers of groups. */
static void powers(struct sweeping *w, const struct target *t)
{
  int last = w->tier == TIER_FULL ? 17 : t->mode == NORMATIVE_EVALUATION ? 9 : 12;
  for (int k = 8; k <= last; ++k)
    for (int off = -1; off <= 1; ++off) {
      size_t length = ((size_t)1 << k) + (size_t)off;
      give(w, tail(w, t, (size_t)(k + off) % 3, k > 12 ? 1 : 2, length, (enum split)((k + off) % 3)));
      if (w->tier == TIER_FULL && k <= 13) give(w, tail(w, t, (size_t)(k + off + 1) % 3, length, 6, (enum split)(k % 3)));
    }
  give(w, tail(w, t, 1, 1025, 6, BOTH));
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
  if (backward && w->tier == TIER_QUICK) return; /* long_gradients */
  if (w->tier == TIER_FULL) {
    size_t count = evaluation ? 2 : backward ? 4 : LENGTH(all);
    for (size_t f = 0; f < count; ++f) give(w, sized(w, t, all[f], 1, m, (enum split)(f % 3)));
    if (!rows) give(w, sized(w, t, "mean1e3", 5, 65536, BOTH));
    if (!evaluation) give(w, sized(w, t, "mean1e3", 16, 262147, FIRST));
  } else if (!evaluation) {
    give(w, sized(w, t, t->row->centred ? "mean1e3" : "normal", 1, m, t->layout == NORMATIVE_NSC ? FIRST : SECOND));
    if (rows && t->row->centred) give(w, sized(w, t, "constant", 1, m, SECOND));
    if (t->layout == NORMATIVE_NSC) give(w, sized(w, t, "mean1e3", 3, 262147, FIRST));
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
        if (w->tier == TIER_QUICK && f != i % 3) continue;
        struct testcase tc = sized(w, t, of_dy ? "normal" : odd[f], 4, m[i], (enum split)((i + f) % 3));
        set_dy(&tc, of_dy ? odd[f] : "ordinary", i % 2);
        give(w, tc);
      }
  for (int split = FIRST; split <= BOTH; ++split) {
    if (t->row->axes == 2 && split) break;
    give(w, tail(w, t, 2, 17, 261, (enum split)split));
    if (w->tier == TIER_FULL) give(w, tail(w, t, 2, 257, 4096, (enum split)split));
  }
}

static const double eps_values[] = {0, 1e-12f, 1e-5f, 1e-3f, 0.5};

static void epsilons(struct sweeping *w, const struct target *t)
{
  static const char *const quick[] = {"normal", "tinyvar", "constant", "subnormal"};
  static const char *const full[] = {"zeros", "constint", "scale1e20", "scale1e-20", "ulpvar", "mean1e4", "halfconst",
                                     "nearmax"};
  for (size_t i = 0; i < LENGTH(eps_values); ++i)
    for (size_t f = 0; f < LENGTH(quick) + (w->tier == TIER_FULL ? LENGTH(full) : 0); ++f) {
      const char *family = f < LENGTH(quick) ? quick[f] : full[f - LENGTH(quick)];
      if (w->tier == TIER_QUICK && t->mode == NORMATIVE_EVALUATION && f > 1) continue; /* x has no variance to speak of */
      struct testcase tc = sized(w, t, family, 3, 33, (enum split)((i + f) % 3));
      set_dy(&tc, "ordinary", (i + f) % 4 == 3);
      tc.p.eps = eps_values[i];
      give(w, tc);
    }
  struct testcase nothing = sized(w, t, "zeros", 3, 9, FIRST); /* 0/0 */
  set_dy(&nothing, "ordinary", false);
  nothing.p.eps = 0;
  if (t->mode == NORMATIVE_TRAINING) give(w, nothing);
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
    if (w->tier == TIER_QUICK && t->mode == NORMATIVE_EVALUATION && (j + t->layout) % 2) continue;
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
  for (size_t i = 0; i < (w->tier == TIER_FULL ? LENGTH(x) : 1); ++i) {
    struct testcase tc = sized(w, t, x[i], 6, 40, BOTH);
    for (const struct family *f = family_table; f->name; ++f) {
      bool gamma = !strcmp(f->kind, "gamma");
      if (!gamma && (backward || strcmp(f->kind, "beta"))) continue;
      set_dy(&tc, "ordinary", false);
      set_param(&tc, gamma ? f->name : "ordinary", gamma ? "ordinary" : f->name);
      give(w, tc);
    }
    for (size_t j = 0; j < LENGTH(pairs) && !backward; ++j) {
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
      struct testcase tc = sized(w, t, "normal", 7, ordinary ? 9 : 2 + i, (enum split)(i % 3));
      set_running(&tc, running);
      tc.p.rule = updates[i].rule;
      tc.p.momentum = updates[i].momentum;
      tc.p.estimator = estimator;
      give(w, tc);
    }
}

static void running_evaluation(struct sweeping *w, const struct target *t, const char *running)
{
  static const char *const x[] = {"normal", "mean1e4", "constant"};
  for (size_t i = 0; i < LENGTH(eps_values); ++i)
    for (size_t f = 0; f < LENGTH(x); ++f) {
      if (w->tier == TIER_QUICK && f != i % LENGTH(x) && eps_values[i] != 1e-5f) continue;
      struct testcase tc = sized(w, t, x[f], 6, 33, (enum split)((i + f) % 3));
      set_running(&tc, running);
      tc.p.eps = eps_values[i];
      give(w, tc);
    }
}

static void running(struct sweeping *w, const struct target *t)
{
  static const char *const x[] = {"mean1e4", "constant", "nan", "pinf", "outlier1e30", "scale1e20"};
  if (!t->row->evaluates || (t->direction == NORMATIVE_BACKWARD && t->mode == NORMATIVE_TRAINING)) return;
  for (const struct family *f = family_table; f->name; ++f) {
    if (strcmp(f->kind, "running") || !strcmp(f->name, "absent")) continue;
    if (t->mode == NORMATIVE_TRAINING) running_training(w, t, f->name);
    else running_evaluation(w, t, f->name);
  }
  if (t->mode == NORMATIVE_EVALUATION) return;
  for (size_t i = 0; i < LENGTH(x); ++i) {
    struct testcase tc = sized(w, t, x[i], 4, 50, (enum split)(i % 3));
    set_running(&tc, "ordinary");
    give(w, tc);
  }
  struct testcase one = sized(w, t, "normal", 6, 1, FIRST);
  set_running(&one, "ordinary");
  one.p.estimator = NORMATIVE_POPULATION; /* the unbiased one does not exist */
  give(w, one);
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
  for (size_t i = 0; i < LENGTH(gamma); ++i) {
    struct testcase tc = sized(w, t, i ? "scale1e-20" : "subnormal", 3, 33, BOTH);
    set_param(&tc, gamma[i], "absent");
    set_dy(&tc, i ? "scale1e-20" : "subnormal", false);
    give(w, tc);
  }
}

/* x times 2^k, eps times 4^k: the same bits of y as at k = 0; those of dx 2^k times less. */
static void scaled_pairs(struct sweeping *w, const struct target *t)
{
  static const char *const x[] = {"normal", "mean1e4", "outlier1e4", "tinyvar", "constant"};
  static const int k[] = {0, 20, -20, 1, -1, 40, -35};
  for (size_t f = 0; f < (w->tier == TIER_FULL ? LENGTH(x) : 2); ++f)
    for (size_t i = 0; i < (w->tier == TIER_FULL ? LENGTH(k) : 3); ++i) {
      struct testcase tc = sized(w, t, x[f], 3, 129, BOTH);
      tc.r.pow2 = k[i];
      set_dy(&tc, "ordinary", f % 2);
      tc.p.eps *= k[i] < 0 ? 1 / (double)((uint64_t)1 << -k[i]) / (double)((uint64_t)1 << -k[i])
                           : (double)((uint64_t)1 << k[i]) * (double)((uint64_t)1 << k[i]);
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
  for (const struct family *f = family_table; f->name; ++f) {
    if (!family_shape(f)) continue;
    struct testcase tc = base(w, t, f->name);
    parse_shape(&tc.p, family_shape(f));
    tc.p.eps = family_eps(f);
    if (t->row->axes == 2 && tc.p.ndim != 2) continue;
    if (w->tier == TIER_QUICK && t->row->evaluates && !family_brings(f, "running_mean")) continue; /* of another norm */
    give(w, tc);
    if (t->direction == NORMATIVE_BACKWARD) {
      tc.p.given = t->mode == NORMATIVE_TRAINING;
      give(w, tc);
      continue;
    }
    if (!t->row->evaluates || t->mode == NORMATIVE_EVALUATION) continue;
    set_running(&tc, "ordinary");
    give(w, tc);
  }
}

/* ---- the sweep ---- */

static void one_target(struct sweeping *w, const struct target *t)
{
  void (*const sections[])(struct sweeping *, const struct target *) = {
    families, gradients, lengths, powers, long_gradients, longest, places, epsilons, params, running, geometry,
    subnormal_results, scaled_pairs, recorded};
  for (size_t i = 0; i < LENGTH(sections); ++i) sections[i](w, t);
}

static void one_pass(struct sweeping *w, uint32_t direction)
{
  for (const struct norm_row *row = norm_table; row->name; ++row)
    for (int mode = NORMATIVE_TRAINING; mode <= (row->evaluates ? NORMATIVE_EVALUATION : NORMATIVE_TRAINING); ++mode)
      for (int layout = NORMATIVE_NCS; layout <= (row->axes == 3 ? NORMATIVE_NSC : NORMATIVE_NCS); ++layout)
        one_target(w, &(struct target){row, (enum normative_mode)mode, (normative_layout)layout, direction});
}

int sweep(enum tier tier, uint64_t seed, int (*each)(const struct testcase *tc, void *arg), void *arg)
{
  struct sweeping w = {.seed = seed, .each = each, .arg = arg};
  list_names(&w.x, "x");
  list_names(&w.dy, "dy");
  for (int pass = TIER_QUICK; pass <= (int)tier; ++pass) {
    w.tier = (enum tier)pass;
    one_pass(&w, NORMATIVE_FORWARD);
    one_pass(&w, NORMATIVE_BACKWARD);
  }
  free(w.seen);
  return w.stopped;
}
