/* SPDX-License-Identifier: Apache-2.0
   normative list; and bench, which is a program of its own under the same name. */
#include "builtin.h"
#include "command.h"
#include "presets.h"
#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <unistd.h>

static void list_help(void)
{
  puts("usage: normative list [WHAT] [OPTION...]\n\n"
       "WHAT is norms, families, presets, conventions, implementations or cases; without it, all but the cases.\n\n"
       SELECTION_HELP);
}

static void list_norms(void)
{
  puts("norms");
  for (const struct norm_row *row = norm_table; row->name; ++row)
    printf("  %-18s  %-23s  %s%s%s\n", row->name, row->title,
           row->axes == 2 ? "rows x cols; residual; gamma and beta of parts of the rows" : "N x C [x spatial...], ncs and nsc",
           strchr(row->group, 'g') ? "; groups" : "",
           row->evaluates ? "; training and evaluation, running statistics" : "");
  puts("tensors of f32, f64, f16 or bf16; gamma and beta of the same, or f32 beside f16 and bf16");
}

static void list_families(void)
{
  const char *kind = "";
  for (const struct family *f = family_table; f->name; ++f) {
    if (strcmp(kind, f->kind)) printf("families of %s\n", f->kind);
    kind = f->kind;
    printf("  %-18s  %s\n", f->name, f->text);
  }
}

/* arg: the type whose presets are left out. */
static void list_preset(const char *name, const char *text, void *arg)
{
  struct error e;
  if (!arg || !preset_offers(preset_find(name, &e), *(const uint32_t *)arg)) printf("  %-18s  %s\n", name, text);
}

static void list_presets(uint32_t type, uint32_t *besides)
{
  printf("presets for %s tensors%s%s (also -folded, -ftz, -folded-ftz)\n", type_name(type),
         besides ? ", besides those for " : "", besides ? type_name(*besides) : "");
  preset_each(type, list_preset, besides);
}

static void list_conventions(void)
{
  puts("conventions (convention=NAME in a case stands for these keys; any other key overrides it)");
  for (const struct convention *c = convention_table; c->name; ++c)
    printf("  %-18s  %-23s  %s%s%s%s%s\n", c->name, c->where, *c->keys ? c->keys : "defaults", *c->sizes ? "; " : "", c->sizes,
           *c->sizes ? " sizes" : "", c->by_gradient ? "; no backward of evaluation" : "");
}

static int list_builtin(const char *name, void *arg)
{
  const struct normative_plugin *plugin = builtin_find(name);
  (void)arg;
  printf("  %-18s  built in, claims %s\n", name, plugin && plugin->preset ? plugin->preset : "nothing");
  return 0;
}

static int list_peer(const char *name, void *arg)
{
  (void)arg;
  printf("  %-18s  peer\n", name);
  return 0;
}

static void list_implementations(void)
{
  struct error e;
  puts("implementations");
  builtin_group("reference", list_builtin, NULL);
  builtin_group("optimized", list_builtin, NULL);
  builtin_group("specimens", list_builtin, NULL);
  if (implementation_expand("peers", list_peer, NULL, &e)) printf("  %-18s  none found: %s\n", "peers", e.text);
  puts("  ./kernel.so, ./kernel.py, python:MODULE, 'cmd:PROGRAM ARG...'");
}

static int list_cases(const struct selection *s)
{
  struct plan plan = {0};
  struct error e;
  if (plan_sweep(&plan, s, &e)) return misuse("list", "%s", e.text);
  for (size_t i = 0; i < plan.count; ++i) puts(plan.c[i].name);
  plan_free(&plan);
  return 0;
}

int cmd_list(int argc, char **argv)
{
  static const struct option options[] = {SELECTION_OPTIONS, {"help", 0, 0, 'h'}, {0}};
  struct selection s = {.seed = 1};
  struct error e;
  for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
    if (option == 'h') {
      list_help();
      return 0;
    }
    if (option == '?') return EXIT_MISUSE;
    if (selection_option(&s, option, optarg, &e)) return misuse("list", "%s", e.text);
  }
  const char *what = optind < argc ? argv[optind] : "";
  if (optind + 1 < argc || (*what && strcmp(what, "norms") && strcmp(what, "families") && strcmp(what, "presets") &&
                            strcmp(what, "conventions") && strcmp(what, "implementations") && strcmp(what, "cases")))
    return misuse("list", "'%s' is none of norms, families, presets, conventions, implementations, cases", argv[argc - 1]);
  if (!strcmp(what, "cases")) return list_cases(&s);
  if (!*what || !strcmp(what, "norms")) list_norms();
  if (!*what || !strcmp(what, "families")) list_families();
  if (!*what || !strcmp(what, "presets")) {
    uint32_t f32 = NORMATIVE_F32;
    list_presets(NORMATIVE_F32, NULL);
    list_presets(NORMATIVE_F16, &f32);
    list_presets(NORMATIVE_BF16, &f32);
    list_presets(NORMATIVE_F64, NULL);
  }
  if (!*what || !strcmp(what, "conventions")) list_conventions();
  if (!*what || !strcmp(what, "implementations")) list_implementations();
  return 0;
}

int cmd_bench(int argc, char **argv)
{
  char dir[1024], path[1100];
  (void)argc;
  executable_directory(dir);
  snprintf(path, sizeof path, "%s/normative-bench", dir);
  argv[0] = path;
  execv(path, argv);
  return misuse("bench", "%s: %s; make bench builds it", path, strerror(errno));
}
