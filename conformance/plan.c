/* SPDX-License-Identifier: Apache-2.0
   Which cases a command works on. */
#include "command.h"
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int misuse(const char *command, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  fprintf(stderr, "normative: %s: ", command);
  vfprintf(stderr, format, args);
  fputc('\n', stderr);
  va_end(args);
  return EXIT_MISUSE;
}

void executable_directory(char out[1024])
{
  ssize_t n = readlink("/proc/self/exe", out, 1023);
  out[n > 0 ? n : 0] = 0;
  char *slash = strrchr(out, '/');
  if (slash) *slash = 0;
  else strcpy(out, ".");
}

int make_directories(const char *path, struct error *e)
{
  char part[1024];
  if (strlen(path) >= sizeof part) return fail(e, "%s: too long a path", path);
  for (size_t i = 1; i <= strlen(path); ++i) {
    if (path[i] && path[i] != '/') continue;
    memcpy(part, path, i);
    part[i] = 0;
    if (mkdir(part, 0777) && errno != EEXIST) return fail(e, "%s: %s", part, strerror(errno));
  }
  struct stat st;
  if (stat(path, &st) || !S_ISDIR(st.st_mode)) return fail(e, "%s: not a directory", path);
  return 0;
}

int option_number(const char *option, const char *text, double least, double most, double *value, struct error *e)
{
  char *end;
  *value = strtod(text, &end);
  if (end == text || *end || !(*value >= least && *value <= most))
    return fail(e, "%s: '%s' is no number from %g to %g", option, text, least, most);
  return 0;
}

int option_count(const char *option, const char *text, uint64_t least, uint64_t most, uint64_t *value, struct error *e)
{
  char *end;
  errno = 0;
  *value = strtoull(text, &end, 10);
  if (*text < '0' || *text > '9' || *end || errno || *value < least || *value > most)
    return fail(e, "%s: '%s' is no whole number from %llu to %llu", option, text, (unsigned long long)least,
                (unsigned long long)most);
  return 0;
}

int selection_option(struct selection *s, int option, const char *value, struct error *e)
{
  switch (option) {
  case SELECT_NORM: s->norm = value; return 0;
  case SELECT_DIRECTION: s->direction = value; return 0;
  case SELECT_TYPE: s->type = value; return 0;
  case SELECT_LAYOUT: s->layout = value; return 0;
  case SELECT_FAMILY: s->family = value; return 0;
  case SELECT_CASE: s->glob = value; return 0;
  case SELECT_TIER:
    if (strcmp(value, "quick") && strcmp(value, "full")) return fail(e, "--tier: '%s' is none of quick, full", value);
    s->tier = strcmp(value, "full") ? TIER_QUICK : TIER_FULL;
    return 0;
  case SELECT_SEED: return option_count("--seed", value, 0, (uint64_t)1 << 53, &s->seed, e);
  default: return fail(e, "an option that is none");
  }
}

static struct planned *plan_add(struct plan *plan)
{
  if (plan->count == plan->room) {
    plan->room = plan->room ? 2 * plan->room : 256;
    plan->c = realloc(plan->c, plan->room * sizeof *plan->c);
    if (!plan->c) abort();
  }
  struct planned *c = &plan->c[plan->count++];
  memset(c, 0, sizeof *c);
  return c;
}

void plan_free(struct plan *plan)
{
  for (size_t i = 0; i < plan->count; ++i) {
    free(plan->c[i].name);
    free(plan->c[i].dir);
  }
  free(plan->c);
  memset(plan, 0, sizeof *plan);
}

/* ---- the sweep ---- */

struct filter { const struct selection *s; struct plan *plan; };

static bool selected(const struct selection *s, const struct testcase *tc, const char *name)
{
  const struct norm_row *row = norm_find(tc->p.norm);
  return !((s->norm && strcmp(s->norm, row->name)) || (s->direction && strcmp(s->direction, direction_name(tc->p.direction))) ||
           (s->type && strcmp(s->type, type_name(tc->p.type))) ||
           (s->layout && (row->axes == 2 || strcmp(s->layout, layout_name(tc->p.layout)))) ||
           (s->family && fnmatch(s->family, tc->r.family, 0)) || (s->glob && fnmatch(s->glob, name, 0)));
}

static int filter_case(const struct testcase *tc, void *arg)
{
  struct filter *f = arg;
  char name[CASE_NAME_MAX];
  case_name(name, tc);
  if (!selected(f->s, tc, name)) return 0;
  struct planned *c = plan_add(f->plan);
  c->tc = *tc;
  c->name = strdup(name);
  return 0;
}

static int check_words(const struct selection *s, struct error *e)
{
  uint32_t type;
  if (s->norm && !norm_by_name(s->norm)) {
    char names[256] = "";
    for (const struct norm_row *row = norm_table; row->name; ++row) {
      if (names[0]) strcat(names, ", ");
      strcat(names, row->name);
    }
    return fail(e, "--norm: unknown norm '%s'; there are %s", s->norm, names);
  }
  if (s->type && type_by_name(s->type, &type)) return fail(e, "--type: '%s' is none of f32, f64, f16, bf16", s->type);
  if (s->layout && strcmp(s->layout, "ncs") && strcmp(s->layout, "nsc"))
    return fail(e, "--layout: '%s' is none of ncs, nsc", s->layout);
  if (s->direction && strcmp(s->direction, "forward") && strcmp(s->direction, "backward"))
    return fail(e, "--direction: '%s' is none of forward, backward", s->direction);
  if (s->family && !strpbrk(s->family, "*?[") && !family_find("x", s->family))
    return fail(e, "--family: unknown family '%s'; normative list families shows them", s->family);
  return 0;
}

int plan_sweep(struct plan *plan, const struct selection *s, struct error *e)
{
  struct filter f = {s, plan};
  size_t before = plan->count;
  if (check_words(s, e)) return -1;
  sweep(s->tier, s->seed, filter_case, &f);
  if (plan->count > before) return 0;
  if (s->glob && !strpbrk(s->glob, "*?[")) {
    struct testcase tc;
    char name[CASE_NAME_MAX];
    if (case_parse(&tc, s->glob, e)) return -1;
    case_name(name, &tc);
    if (!selected(&(struct selection){.norm = s->norm, .direction = s->direction, .type = s->type, .layout = s->layout,
                                      .family = s->family}, &tc, name))
      return fail(e, "--case '%s' contradicts the other filters", s->glob);
    struct planned *c = plan_add(plan);
    c->tc = tc;
    c->name = strdup(name);
    return 0;
  }
  if (s->glob) return fail(e, "--case '%s' matches no case of the %s tier with these filters", s->glob,
                           s->tier == TIER_QUICK ? "quick" : "full");
  return fail(e, "no case is left by these filters");
}

/* ---- directories ---- */

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static char **entries(const char *dir, size_t *count, struct error *e)
{
  DIR *d = opendir(dir);
  char **names = NULL;
  *count = 0;
  if (!d) {
    fail(e, "%s: %s", dir, strerror(errno));
    return NULL;
  }
  names = malloc(sizeof *names);
  for (struct dirent *entry; (entry = readdir(d));) {
    if (entry->d_name[0] == '.') continue;
    names = realloc(names, (*count + 1) * sizeof *names);
    names[(*count)++] = strdup(entry->d_name);
  }
  closedir(d);
  qsort(names, *count, sizeof *names, by_name);
  return names;
}

/* A link may lead out of the tree that the user named, or back into it. */
static bool is_directory(const char *path)
{
  struct stat st, target;
  if (lstat(path, &st)) return false;
  if (S_ISLNK(st.st_mode) && !stat(path, &target) && S_ISDIR(target.st_mode))
    fprintf(stderr, "normative: %s: a symbolic link, not followed\n", path);
  return S_ISDIR(st.st_mode);
}

static int walk(struct plan *plan, const char *dir, int depth, struct error *e)
{
  char path[1024];
  snprintf(path, sizeof path, "%s/manifest.json", dir);
  if (!access(path, F_OK)) {
    struct planned *c = plan_add(plan);
    c->dir = strdup(dir);
    c->name = strdup(dir);
    return 0;
  }
  size_t count;
  char **names = entries(dir, &count, e);
  if (!names) return -1;
  int bad = 0;
  for (size_t i = 0; i < count; ++i) {
    if (snprintf(path, sizeof path, "%s/%s", dir, names[i]) >= (int)sizeof path)
      bad = bad ? bad : fail(e, "%s/%s: too long a path", dir, names[i]);
    if (!bad && depth < 12 && is_directory(path)) bad = walk(plan, path, depth + 1, e);
    free(names[i]);
  }
  free(names);
  return bad;
}

int plan_directory(struct plan *plan, const char *dir, struct error *e)
{
  size_t before = plan->count;
  if (walk(plan, dir, 0, e)) return -1;
  return plan->count > before ? 0 : fail(e, "%s: no manifest.json here or below", dir);
}
