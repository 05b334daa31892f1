/* SPDX-License-Identifier: Apache-2.0
   normative oracle, vectors, judge: truths as files, and files against truths. */
#include "command.h"
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A case and its truth: from a directory, or generated. */
struct solved { struct casedir c; struct truth truth; };

/* The nearest values of a truth, as a set of tensors that shares its memory; outputs without elements are empty, not absent. */
static struct tensors nearest_of(const struct solved *s)
{
  static char nothing;
  struct tensors t = {0};
  for (int slot = 0; slot < SLOT_COUNT; ++slot) {
    t.t[slot] = s->truth.t[slot].nearest;
    if (t.t[slot].data || !slot_is_output(&s->c.p, (enum slot)slot)) continue;
    t.t[slot] = slot_shape(&s->c.p, (enum slot)slot);
    t.t[slot].data = &nothing;
  }
  return t;
}

static int solve(struct solved *s, const struct planned *planned, struct error *e)
{
  memset(s, 0, sizeof *s);
  if (planned->dir) {
    if (casedir_read(planned->dir, &s->c, e)) return -1;
  } else {
    s->c.p = planned->tc.p;
    snprintf(s->c.name, sizeof s->c.name, "%s", planned->name);
    if (inputs_make(&planned->tc, &s->c.in, e)) return -1;
  }
  struct error inner;
  if (oracle_run(&s->c.p, &s->c.in, &s->truth, &inner)) {
    casedir_free(&s->c);
    return fail(e, "%s: %s", planned->name, inner.text);
  }
  return 0;
}

static void solved_free(struct solved *s)
{
  truth_free(&s->truth);
  casedir_free(&s->c);
}

/* out = dir/below. What dir itself is, its user knows; a link below it would lead what is written somewhere else. */
static int folder_below(char out[1200], const char *dir, const char *below, struct error *e)
{
  struct stat st;
  if (snprintf(out, 1200, "%s/%s", dir, below) >= 1200) return fail(e, "%s/%s: too long a path", dir, below);
  for (char *end = out + strlen(dir) + 1; *end;) {
    end += strcspn(end, "/");
    const char kept = *end;
    *end = 0;
    if (!lstat(out, &st) && S_ISLNK(st.st_mode)) return fail(e, "%s: a symbolic link, not written through", out);
    *end = kept;
    end += kept == '/';
  }
  return 0;
}

/* ---- bounds, one folder a preset ---- */

struct bounds_of { struct solved *s; const char *dir; struct error *e; bool bad; };

static int write_bound(struct solved *s, const char *dir, const struct preset *preset, enum slot slot, struct error *e)
{
  char path[1300];
  struct tensor bound = s->truth.t[slot].nearest;
  bound.type = NORMATIVE_F64;
  bound.data = malloc(bound.count * sizeof(double) + 1);
  if (!bound.data) return fail(e, "no memory for the bounds of %s", slot_name[slot]);
  judge_bounds(&s->c.p, &s->c.in, &s->truth, slot, preset, bound.data);
  snprintf(path, sizeof path, "%s/%s.npy", dir, slot_name[slot]);
  int bad = npy_write(path, &bound, e);
  free(bound.data);
  return bad;
}

static int write_bounds(struct solved *s, const char *dir, const char *name, struct error *e)
{
  char folder[1200], below[128];
  const struct preset *preset = preset_find(name, e);
  if (!preset) return -1;
  snprintf(below, sizeof below, "bounds/%s", name);
  if (folder_below(folder, dir, below, e) || make_directories(folder, e)) return -1;
  for (int slot = 0; slot < SLOT_COUNT; ++slot)
    if (s->truth.t[slot].nearest.data && write_bound(s, folder, preset, (enum slot)slot, e)) return -1;
  return 0;
}

/* Unions have no bound of their own: their members are written. */
static void each_bound(const char *name, const char *text, void *arg)
{
  struct bounds_of *b = arg;
  (void)text;
  if (!b->bad && !preset_members(name)) b->bad = write_bounds(b->s, b->dir, name, b->e) != 0;
}

/* ---- oracle ---- */

static void oracle_help(void)
{
  puts("usage: normative oracle DIR... [--require PRESET | --all]\n\n"
       "For each case directory DIR, or each below it (symbolic links are not followed), writes\n"
       "  DIR/expected/NAME.npy        every output, correctly rounded\n"
       "  DIR/bounds/PRESET/NAME.npy   how far from the exact value each element may be (float64, absolute, rounded up),\n"
       "                               for the presets of the default; --require: of PRESET; --all: of all");
}

static int oracle_directory(const struct planned *planned, const char *preset, bool all, struct error *e)
{
  struct solved s;
  char folder[1200];
  if (solve(&s, planned, e)) return -1;
  struct tensors nearest = nearest_of(&s);
  int bad = folder_below(folder, planned->dir, "expected", e) || make_directories(folder, e) ||
            result_write(folder, &nearest, e);
  if (!preset) preset = preset_default(s.c.p.type);
  const char *const *members = preset_members(preset);
  struct bounds_of b = {&s, planned->dir, e, bad};
  if (!bad && all) {
    preset_each(s.c.p.type, each_bound, &b);
    bad = b.bad;
  } else if (!bad && members)
    for (; !bad && *members; ++members) bad = write_bounds(&s, planned->dir, *members, e);
  else if (!bad) bad = write_bounds(&s, planned->dir, preset, e);
  size_t undecided = 0;
  for (int slot = 0; slot < SLOT_COUNT; ++slot)
    for (size_t i = 0; i < s.truth.t[slot].count; ++i) undecided += s.truth.t[slot].exact[i].kind == WIDE_UNDECIDED;
  if (undecided) fprintf(stderr, "%s: %zu elements undecided at the oracle's cap\n", planned->dir, undecided);
  solved_free(&s);
  return bad ? -1 : 0;
}

int cmd_oracle(int argc, char **argv)
{
  static const struct option options[] = {{"require", 1, 0, 'r'}, {"all", 0, 0, 'a'}, {"help", 0, 0, 'h'}, {0}};
  struct plan plan = {0};
  struct error e;
  const char *preset = NULL;
  bool all = false;
  for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
    if (option == 'h') {
      oracle_help();
      return 0;
    }
    if (option == '?') return EXIT_MISUSE;
    if (option == 'a') all = true;
    else if (!preset_find(preset = optarg, &e)) return misuse("oracle", "--require: %s", e.text);
  }
  if (optind == argc) return misuse("oracle", "name a case directory");
  int status = 0;
  for (; optind < argc; ++optind)
    if (plan_directory(&plan, argv[optind], &e)) status = misuse("oracle", "%s", e.text);
  for (size_t i = 0; i < plan.count; ++i) {
    if (oracle_directory(&plan.c[i], preset, all, &e)) status = misuse("oracle", "%s", e.text);
    else printf("%s\n", plan.c[i].dir);
  }
  plan_free(&plan);
  return status;
}

/* ---- vectors ---- */

static void vectors_help(void)
{
  puts("usage: normative vectors DIR [OPTION...]\n\n"
       "Writes the selected cases with their truths to DIR/<case name>/: manifest.json, inputs, expected/.\n\n" SELECTION_HELP);
}

static int vector_write(const struct planned *planned, const char *root, struct error *e)
{
  struct solved s;
  char dir[1200], expected[1200];
  if (folder_below(dir, root, planned->name, e) || folder_below(expected, dir, "expected", e)) return -1;
  if (solve(&s, planned, e)) return -1;
  struct tensors nearest = nearest_of(&s);
  int bad = make_directories(dir, e) || casedir_write(dir, s.c.name, &s.c.p, &s.c.in, &nearest, NULL, e);
  solved_free(&s);
  return bad ? -1 : 0;
}

int cmd_vectors(int argc, char **argv)
{
  static const struct option options[] = {SELECTION_OPTIONS, {"help", 0, 0, 'h'}, {0}};
  struct selection s = {.seed = 1};
  struct plan plan = {0};
  struct error e;
  for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
    if (option == 'h') {
      vectors_help();
      return 0;
    }
    if (option == '?') return EXIT_MISUSE;
    if (selection_option(&s, option, optarg, &e)) return misuse("vectors", "%s", e.text);
  }
  if (optind + 1 != argc) return misuse("vectors", "name one directory to write to");
  if (plan_sweep(&plan, &s, &e)) return misuse("vectors", "%s", e.text);
  int status = 0;
  size_t written = 0;
  for (size_t i = 0; i < plan.count && !status; ++i) {
    if (vector_write(&plan.c[i], argv[optind], &e)) status = misuse("vectors", "%s", e.text);
    else ++written;
  }
  printf("%zu cases in %s\n", written, argv[optind]);
  plan_free(&plan);
  return status;
}

/* ---- judge ---- */

static void judge_help(void)
{
  puts("usage: normative judge DIR RESULTS [--require PRESET] [--strict-range] [--known FILE] [--json FILE] [--junit FILE]\n\n"
       "Judges RESULTS/<path of the case below DIR>/NAME.npy for every case directory in DIR; if DIR is itself a case,\n"
       "RESULTS holds its files. y.npy (dx.npy) must be there, other outputs are judged where they are.");
}

struct judging { const char *dir, *results, *require, *json, *junit; struct known known; bool strict; };

static int judge_directory(const struct judging *g, const struct planned *planned, struct records *all, struct error *e)
{
  struct solved s;
  struct tensors out = {0};
  struct error inner;
  char path[1200];
  if (solve(&s, planned, e)) return -1;
  struct record *r = records_add(all);
  *r = (struct record){.name = strdup(s.c.name), .input = strdup(planned->dir), .p = s.c.p, .implementation = g->results,
                       .version = "files", .spec = g->results};
  const char *below = planned->dir + strlen(g->dir);
  snprintf(path, sizeof path, "%s%s", g->results, below);
  r->results = strdup(path);
  enum slot first = s.c.p.direction == NORMATIVE_BACKWARD ? SLOT_DX : SLOT_Y;
  if (access(path, F_OK)) {
    r->verdict = SKIP;
    snprintf(r->reason, sizeof r->reason, "no results: %.200s", path);
  } else if (result_read(path, &s.c.p, &out, &inner)) {
    r->verdict = FAIL;
    snprintf(r->reason, sizeof r->reason, "%.250s", inner.text);
  } else if (!out.t[first].data) {
    r->verdict = FAIL;
    snprintf(r->reason, sizeof r->reason, "%.200s/%s.npy is missing", path, slot_name[first]);
  } else {
    const struct preset *preset = preset_find(g->require ? g->require : preset_default(s.c.p.type), &inner);
    judge(&s.c.p, &s.c.in, &s.truth, &out, preset, g->strict, &r->j);
    r->judged = true;
    r->verdict = r->j.verdict;
  }
  tensors_free(&out);
  solved_free(&s);
  return 0;
}

static int judge_arguments(struct judging *g, int argc, char **argv, struct error *e)
{
  static const struct option options[] = {{"require", 1, 0, 'r'}, {"strict-range", 0, 0, 's'}, {"json", 1, 0, 'j'},
                                          {"junit", 1, 0, 'u'}, {"known", 1, 0, 'k'}, {"help", 0, 0, 'h'}, {0}};
  for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) switch (option) {
    case 'h': judge_help(); return 1;
    case 'r': g->require = optarg; break;
    case 's': g->strict = true; break;
    case 'j': g->json = optarg; break;
    case 'u': g->junit = optarg; break;
    case 'k':
      if (known_read(&g->known, optarg, e)) return misuse("judge", "%s", e->text) + 1;
      break;
    default: return EXIT_MISUSE + 1;
    }
  if (g->require && !preset_find(g->require, e)) return misuse("judge", "--require: %s", e->text) + 1;
  if (optind + 2 != argc) return misuse("judge", "name a directory of cases and one of results") + 1;
  for (int i = optind; i < argc; ++i)
    for (size_t n = strlen(argv[i]); n > 1 && argv[i][n - 1] == '/'; --n) argv[i][n - 1] = 0;
  g->dir = argv[optind];
  g->results = argv[optind + 1];
  return 0;
}

static int judge_all(struct judging *g, struct plan *plan, struct records *all)
{
  struct error e;
  if (access(g->results, F_OK)) return misuse("judge", "%s: %s", g->results, strerror(errno));
  if (records_writable(g->json, g->junit, &e) || plan_directory(plan, g->dir, &e)) return misuse("judge", "%s", e.text);
  bool wrong = false;
  for (size_t i = 0; i < plan->count; ++i)
    if (judge_directory(g, &plan->c[i], all, &e)) {
      misuse("judge", "%s", e.text);
      wrong = true;
    }
  if (!all->count) return EXIT_MISUSE; /* told already; earlier results stay */
  records_settle(all);
  FILE *text = records_text(g->json, g->junit);
  records_known(all, &g->known, text);
  records_table(all, text);
  records_failures(all, NULL, 3, text);
  if ((g->json && records_json(all, g->require ? g->require : "default", g->json, &e)) ||
      (g->junit && records_junit(all, NULL, g->junit, &e)))
    wrong = misuse("judge", "%s", e.text);
  int status = records_exit(all, wrong);
  if (status == EXIT_NOTHING) fputs("normative: judge: nothing could be judged\n", stderr);
  return status;
}

int cmd_judge(int argc, char **argv)
{
  struct judging g = {0};
  struct plan plan = {0};
  struct records all = {0};
  struct error e;
  int stop = judge_arguments(&g, argc, argv, &e);
  int status = stop ? stop - 1 : judge_all(&g, &plan, &all);
  known_free(&g.known);
  records_free(&all);
  plan_free(&plan);
  return status;
}
