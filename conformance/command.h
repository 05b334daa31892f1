/* SPDX-License-Identifier: Apache-2.0
   The subcommands, and what they share. */
#ifndef COMMAND_H
#define COMMAND_H
#include "implementation.h"
#include "inputs.h"
#include "record.h"

#define NORMATIVE_VERSION "0.1.0"

int cmd_list(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_oracle(int argc, char **argv);
int cmd_vectors(int argc, char **argv);
int cmd_judge(int argc, char **argv);
int cmd_bench(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_found(int argc, char **argv);

/* Prints "normative: COMMAND: TEXT" and returns 2. */
int misuse(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Which cases: filters over a tier's sweep, exact names, directories. */
struct selection {
  const char *norm, *direction, *type, *layout, *family, *glob; /* NULL: any */
  enum tier tier;
  uint64_t seed;
};
enum { SELECT_NORM = 256, SELECT_DIRECTION, SELECT_TYPE, SELECT_LAYOUT, SELECT_FAMILY, SELECT_CASE, SELECT_TIER, SELECT_SEED,
       SELECTION_END };
#define SELECTION_OPTIONS \
  {"norm", 1, 0, SELECT_NORM}, {"direction", 1, 0, SELECT_DIRECTION}, {"type", 1, 0, SELECT_TYPE}, \
  {"layout", 1, 0, SELECT_LAYOUT}, {"family", 1, 0, SELECT_FAMILY}, {"case", 1, 0, SELECT_CASE}, \
  {"tier", 1, 0, SELECT_TIER}, {"seed", 1, 0, SELECT_SEED}
#define SELECTION_HELP \
  "  --norm N --direction D --type T --layout L --family F   only these cases\n" \
  "  --case GLOB           only cases whose name matches; a full name is taken even outside of the tier\n" \
  "  --tier quick|full     which sweep (quick)\n" \
  "  --seed N              seed of the generated data (1)\n"
int selection_option(struct selection *s, int option, const char *value, struct error *e);
int option_number(const char *option, const char *text, double least, double most, double *value, struct error *e);
int option_count(const char *option, const char *text, uint64_t least, uint64_t most, uint64_t *value, struct error *e);

struct planned { struct testcase tc; char *name, *dir; }; /* dir: a case directory, else NULL */
struct plan { struct planned *c; size_t count, room; };
/* Adds what the filters leave of the sweep; a --case that is a full name and not in the sweep is taken as it is. */
int plan_sweep(struct plan *plan, const struct selection *s, struct error *e);
/* Adds dir, or every case directory below it; symbolic links below it are not followed. */
int plan_directory(struct plan *plan, const char *dir, struct error *e);
void plan_free(struct plan *plan);

/* Makes a directory and its parents. */
int make_directories(const char *path, struct error *e);
/* The directory of the running executable. */
void executable_directory(char out[1024]);
#endif
