/* SPDX-License-Identifier: Apache-2.0
   The parts of normative report: records read back (report_read.c), the page (report.c), its pictures (report_plot.c). */
#ifndef REPORT_H
#define REPORT_H
#include "command.h"
#include <stdio.h>

/* A bench record: an implementation in a cell, a case at a number of threads. */
struct timing {
  const char *name, *implementation, *skipped, *failed; /* the last two NULL: timed */
  int threads;
  double median_s, gb_per_s, ratio, copy_fraction;      /* ratio to the fastest; NaN: none */
};

/* Results of a prover, proofs/results/NAME.json. */
struct proof { const char *unit, *functions, *tool, *model; long proved, total; }; /* functions: "a, b"; the last three may be "" */

/* All that the page shows. Strings are kept once, so that equal ones are the same pointer. */
struct report {
  const char *title;
  char **string;
  size_t strings, string_room;
  struct records checks;        /* .member is 0: a record holds the member that counts, with its other members' names */
  const char **require;         /* of each check: what it was judged against */
  size_t *first;                /* of each implementation, in order: its first check */
  size_t implementations;
  struct records_line *line;    /* of the checks, when all are read */
  size_t lines;
  struct timing *timing;
  size_t timings, timing_room;
  struct proof *proof;
  size_t proofs;
  const char *first_date, *last_date; /* of all records; NULL: none has one */
  const char *machine[16];            /* different ones */
  size_t machines;
  double lost;                        /* the largest share of the cores that other processes took from a benchmark */
  char *const *file;                  /* the records' files */
  size_t files;
  const char **command;               /* that made the records, as the caller says */
  size_t commands;
  const char *proofs_dir;
  struct report *found;               /* records of probes; NULL: none were made */
  const char *found_dir;              /* where they and the programs are */
  char *printed;                      /* by the programs: lines FILE, tab, value; NULL: none was run */
};

const char *report_string(struct report *r, const char *text); /* NULL stays NULL */
/* Adds the records of a file of JSON lines; or says FILE:LINE and what is wrong there. */
int report_read(struct report *r, const char *path, struct error *e);
/* Adds DIR/NAME.json for every NAME, in order. */
int report_read_proofs(struct report *r, const char *dir, struct error *e);
/* What report.sh leaves in DIR: *.jsonl of the probes, the programs, and `printed`. */
int report_read_found(struct report *r, const char *dir, struct error *e);
void report_free(struct report *r);

#define REPORT_PROGRAM "build/bin/normative" /* in commands that are shown */
/* Escaped for HTML text and attributes; a word of a shell command, quoted where it must be; a number, with a word before. */
void html(FILE *f, const char *text);
void html_shell_word(FILE *f, const char *word);
void html_value(FILE *f, const char *what, double x);

enum circle { OURS, SPECIMENS, PEERS };
enum circle circle_of(const char *implementation);
bool verdict_failed(enum verdict v);
/* How an implementation stands over all its records: PASS, FAIL, or SKIP where nothing was judged. */
enum verdict report_standing(const struct report *r, const char *implementation, size_t *judged, size_t *bad);
/* By norm and direction; and by type, mode and layout. */
int group_order(const struct record *a, const struct record *b);
int problem_order(const struct record *a, const struct record *b);

void report_matrix(FILE *f, const struct report *r);
/* Of each implementation the worst case of every norm, direction and type; worst_id writes the place of c's. */
void report_worst(FILE *f, const struct report *r);
void worst_id(FILE *f, const struct report *r, const struct record *c);
void report_found(FILE *f, const struct report *r);
/* Error against condition number, a section; nothing where there is no picture. */
void report_pictures(FILE *f, const struct report *r);
/* Bars of speed: a figure for each norm and mode, and number of threads. */
void report_speed(FILE *f, const struct report *r);

extern const char report_style[]; /* CSS */
#endif
