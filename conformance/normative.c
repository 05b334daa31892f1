/* SPDX-License-Identifier: Apache-2.0
   normative: the command. One table of subcommands; each says its own --help. */
#include "command.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct { const char *name; int (*run)(int, char **); const char *text; } commands[] = {
  {"list", cmd_list, "what there is: norms, families, presets, implementations, cases"},
  {"check", cmd_check, "judge implementations on generated cases, or on your own data"},
  {"oracle", cmd_oracle, "write the correctly rounded results and bounds into a case directory"},
  {"vectors", cmd_vectors, "write cases with their truths as directories of .npy files"},
  {"judge", cmd_judge, "judge result files that came from anywhere"},
  {"bench", cmd_bench, "time implementations beside each other"},
  {"found", cmd_found, "look for known defects in what is installed, and show each alone"},
  {"report", cmd_report, "write an HTML page from result records"},
};

static void usage(FILE *out)
{
  fputs("usage: normative COMMAND [ARGUMENT...]\n\n", out);
  for (size_t i = 0; i < sizeof commands / sizeof *commands; ++i)
    fprintf(out, "  %-8s  %s\n", commands[i].name, commands[i].text);
  fputs("\nnormative COMMAND --help says more.\n"
        "Exit status: 0 all judged cases pass; 1 a failure; 2 misuse; 3 nothing could be judged.\n", out);
}

/* Output that did not arrive (a full disk) is an error; a failure of a kernel wins over it. */
static int delivered(int status)
{
  if (!fflush(stdout) && !ferror(stdout)) return status;
  fprintf(stderr, "normative: standard output: %s\n", strerror(errno));
  return status == 1 ? 1 : 2;
}

int main(int argc, char **argv)
{
  if (argc < 2) {
    usage(stderr);
    return 2;
  }
  if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
    usage(stdout);
    return 0;
  }
  if (!strcmp(argv[1], "--version")) {
    puts("normative " NORMATIVE_VERSION);
    return 0;
  }
  for (size_t i = 0; i < sizeof commands / sizeof *commands; ++i)
    if (!strcmp(argv[1], commands[i].name)) {
      char as[32]; /* what getopt begins its messages with */
      snprintf(as, sizeof as, "normative: %s", argv[1]);
      argv[1] = as;
      return delivered(commands[i].run(argc - 1, argv + 1));
    }
  fprintf(stderr, "normative: unknown command '%s'; normative --help lists them\n", argv[1]);
  return 2;
}
