/* SPDX-License-Identifier: Apache-2.0
   The cases of a tier. A *target* is a norm in one mode and layout, taken from the table of norms; every section below
   adds to each target the cases that one kind of defect shows in. A new norm gets all of them from its row, a new family
   of inputs from its own. What two sections both name is given once. */
#include "inputs.h"
#include <stdlib.h>
#include <string.h>

struct target { const struct norm_row *row; enum normative_mode mode; normative_layout layout; };

struct sweeping {
  enum tier tier; /* of the pass: full runs the quick one first */
  uint64_t seed;
  int (*each)(const struct testcase *tc, void *arg);
  void *arg;
  int stopped;    /* what each returned */
  uint64_t *seen; /* hashes of names given, open addressing, 0 is free */
  size_t room, count;
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

/* A case that is no problem is a mistake in this file. */
static void give(struct sweeping *w, struct testcase tc)
{
  struct error e;
  char name[CASE_NAME_MAX];
  if (w->stopped) return;
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
  problem_default(&tc.p, t->row->id, NORMATIVE_FORWARD, NORMATIVE_F32);
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
static const struct { const char *family, *numbers; } numbered[] = {
  {"meanNeK", "1e2 1e3 1e4 1e6"}, {"kappaNeK", "1e1 1e2 1e3 1e4 1e5 1e6 1e7"}, {"outlierNeK", "1e4 1e30"},
  {"outlierNeK-first", "1e4 1e30"}, {"scaleNeK", "1e20 1e-20"}};

/* Small groups, middling, large; every length of the small ones comes round. */
static void one_family(struct sweeping *w, const struct target *t, const char *family, size_t i)
{
  bool ladder = !strncmp(family, "kappa", 5);
  give(w, sized(w, t, family, 3, 131 + 17 * i % 200, (enum split)(i % 3)));
  if (w->tier == TIER_QUICK) {
    if (ladder || (t->mode == NORMATIVE_EVALUATION && (i + t->layout) % 2)) return;
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
  char name[32], numbers[64];
  size_t i = 0;
  for (const struct family *f = family_table; f->name; ++f) {
    if (strcmp(f->kind, "x") || family_shape(f)) continue;
    const char *hole = strstr(f->name, "NeK");
    if (!hole) one_family(w, t, f->name, i++);
    for (size_t j = 0; j < LENGTH(numbered); ++j) {
      if (strcmp(numbered[j].family, f->name)) continue;
      char *save = NULL;
      snprintf(numbers, sizeof numbers, "%s", numbered[j].numbers);
      for (char *number = strtok_r(numbers, " ", &save); number; number = strtok_r(NULL, " ", &save)) {
        snprintf(name, sizeof name, "%.*s%s%s", (int)(hole - f->name), f->name, number, hole + 3);
        one_family(w, t, name, i++);
      }
    }
  }
}

/* Those in which a wrong tail shows, of ordinary and of zero tolerance. */
static const char *const tails[] = {"normal", "smallint", "blockoutlier", "mean1e2", "constant"};

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
      give(w, sized(w, t, tails[f], 3, length, (enum split)((length + f) % 3)));
    if (!full && length > 9 && length % 32 > 1 && length < 127) continue;
    give(w, sized(w, t, tails[length % LENGTH(tails)], length, 12 + length % 7, (enum split)(length % 3)));
  }
}

/* Powers of two and their neighbours, as lengths and as numbers of groups. */
static void powers(struct sweeping *w, const struct target *t)
{
  int last = w->tier == TIER_FULL ? 17 : t->mode == NORMATIVE_EVALUATION ? 9 : 12;
  for (int k = 8; k <= last; ++k)
    for (int off = -1; off <= 1; ++off) {
      size_t length = ((size_t)1 << k) + (size_t)off;
      give(w, sized(w, t, tails[(k + off) % 3], k > 12 ? 1 : 2, length, (enum split)((k + off) % 3)));
      if (w->tier == TIER_FULL && k <= 13) give(w, sized(w, t, tails[(k + off + 1) % 3], length, 6, (enum split)(k % 3)));
    }
  give(w, sized(w, t, "smallint", 1025, 6, BOTH));
  give(w, sized(w, t, "constant", 1, 65536, FIRST));
  if (t->mode == NORMATIVE_TRAINING) give(w, sized(w, t, "smallint", 1, 65539, SECOND));
  if (t->row->axes == 2) give(w, sized(w, t, "normal", 65541, 3, FIRST)); /* a row number of 16 bits wraps */
  if (t->mode == NORMATIVE_TRAINING) give(w, sized(w, t, "normal", 1, 131101, BOTH)); /* and so does an element's */
}

/* Sums so long that their order shows: sequential float sums, float counters, one block lost in many. Means of 1e3 are
   where an error of the sum reaches y: of larger ones, and of constants, every f32 sum may make of y what it likes. */
static void longest(struct sweeping *w, const struct target *t)
{
  static const char *const all[] = {"mean1e3", "constant", "normal", "uniform", "smallint", "blockoutlier", "sorted",
                                    "outlier1e4-first", "alternating", "constint"};
  const size_t m = 1000003;
  bool evaluation = t->mode == NORMATIVE_EVALUATION, rows = t->row->axes == 2;
  if (w->tier == TIER_FULL) {
    for (size_t f = 0; f < (evaluation ? 2 : LENGTH(all)); ++f) give(w, sized(w, t, all[f], 1, m, (enum split)(f % 3)));
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
      if (w->tier == TIER_FULL || f == i % 3) give(w, sized(w, t, odd[f], 4, m[i], (enum split)((i + f) % 3)));
  for (int split = FIRST; split <= BOTH; ++split) {
    if (t->row->axes == 2 && split) break;
    give(w, sized(w, t, "blockoutlier", 17, 261, (enum split)split));
    if (w->tier == TIER_FULL) give(w, sized(w, t, "blockoutlier", 257, 4096, (enum split)split));
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
      tc.p.eps = eps_values[i];
      give(w, tc);
    }
}

static void params(struct sweeping *w, const struct target *t)
{
  static const char *const pairs[][2] = {
    {"absent", "absent"}, {"zero", "cancel"}, {"mixed", "cancel"}, {"huge", "huge"}, {"ones", "cancel"}};
  static const char *const x[] = {"normal", "mean1e4", "halfconst", "outlier1e4", "scale1e20"};
  for (size_t i = 0; i < (w->tier == TIER_FULL ? LENGTH(x) : 1); ++i) {
    struct testcase tc = sized(w, t, x[i], 6, 40, BOTH);
    for (const struct family *f = family_table; f->name; ++f) {
      bool gamma = !strcmp(f->kind, "gamma");
      if (!gamma && strcmp(f->kind, "beta")) continue;
      set_param(&tc, gamma ? f->name : "ordinary", gamma ? "ordinary" : f->name);
      give(w, tc);
    }
    for (size_t j = 0; j < LENGTH(pairs); ++j) {
      set_param(&tc, pairs[j][0], pairs[j][1]);
      give(w, tc);
    }
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
  if (!t->row->evaluates) return;
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
    give(w, tc);
  }
}

/* x times 2^k, eps times 4^k: the same bits of y as at k = 0. */
static void scaled_pairs(struct sweeping *w, const struct target *t)
{
  static const char *const x[] = {"normal", "mean1e4", "outlier1e4", "tinyvar", "constant"};
  static const int k[] = {0, 20, -20, 1, -1, 40, -35};
  for (size_t f = 0; f < (w->tier == TIER_FULL ? LENGTH(x) : 2); ++f)
    for (size_t i = 0; i < (w->tier == TIER_FULL ? LENGTH(k) : 3); ++i) {
      struct testcase tc = sized(w, t, x[f], 3, 129, BOTH);
      tc.r.pow2 = k[i];
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
    if (t->row->axes == 2 && tc.p.ndim != 2) continue;
    give(w, tc);
    if (!t->row->evaluates || t->mode == NORMATIVE_EVALUATION) continue;
    set_running(&tc, "ordinary");
    give(w, tc);
  }
}

/* ---- the sweep ---- */

static void one_target(struct sweeping *w, const struct target *t)
{
  void (*const sections[])(struct sweeping *, const struct target *) = {
    families, lengths, powers, longest, places, epsilons, params, running, geometry, subnormal_results, scaled_pairs,
    recorded};
  for (size_t i = 0; i < LENGTH(sections); ++i) sections[i](w, t);
}

static void one_pass(struct sweeping *w)
{
  for (const struct norm_row *row = norm_table; row->name; ++row)
    for (int mode = NORMATIVE_TRAINING; mode <= (row->evaluates ? NORMATIVE_EVALUATION : NORMATIVE_TRAINING); ++mode)
      for (int layout = NORMATIVE_NCS; layout <= (row->axes == 3 ? NORMATIVE_NSC : NORMATIVE_NCS); ++layout)
        one_target(w, &(struct target){row, (enum normative_mode)mode, (normative_layout)layout});
}

int sweep(enum tier tier, uint64_t seed, int (*each)(const struct testcase *tc, void *arg), void *arg)
{
  struct sweeping w = {.seed = seed, .each = each, .arg = arg};
  for (int pass = TIER_QUICK; pass <= (int)tier; ++pass) {
    w.tier = (enum tier)pass;
    one_pass(&w);
  }
  free(w.seen);
  return w.stopped;
}
