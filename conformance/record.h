/* SPDX-License-Identifier: Apache-2.0
   The result record, and the views of it: table, failures in words, JSON lines, JUnit. */
#ifndef RECORD_H
#define RECORD_H
#include "implementation.h"
#include "judge.h"
#include <stdio.h>

struct record {
  char *name;                  /* of the case, as judged */
  char *input;                 /* directory of a user's own case, else NULL */
  char *results;               /* directory of the result files that were judged, else NULL */
  struct normative_problem p;
  uint64_t seed;
  const char *implementation, *version, *spec; /* owned by whoever opened it; so are the next two */
  const char *declared, *documented; /* its own preset, and why its documentation promises no stricter one; NULL: none */
  enum verdict verdict;
  bool judged;                 /* j holds a judgement; else reason says why not */
  int member;                  /* of the required preset, which counts */
  bool known;                  /* an accepted failure */
  struct judgement j;
  bool has_furthest;           /* one output was judged: */
  struct finding furthest;     /* its element furthest from the exact value: slot, index, expected, got */
  char reason[256];
  double seconds;
};
struct records { struct record *r; size_t count, room; };
struct record *records_add(struct records *all); /* zeroed */
void records_free(struct records *all);

/* A union preset is satisfied by one member for all cases of an implementation at one norm, mode, layout, type and m:
   picks the member with the fewest failures in each such cell and gives every record that member's verdict. */
void records_settle(struct records *all);

/* --known FILE: accepted failures, lines IMPLEMENTATION CASE, globs allowed, # starts a comment. */
struct known_entry { const char *path; int line; char who[256], what[CASE_NAME_MAX]; };
struct known { struct known_entry *entry; size_t count; };
int known_read(struct known *k, const char *path, struct error *e); /* adds the file's entries */
void known_free(struct known *k);
/* Marks accepted failures, and prints to out those entries that fail no more. */
void records_known(struct records *all, const struct known *k, FILE *out);

enum { EXIT_PASS = 0, EXIT_FAILED = 1, EXIT_MISUSE = 2, EXIT_NOTHING = 3 };
int records_exit(const struct records *all, bool misuse);

/* One JSON object a record, schema result.schema.json. */
json_t *record_to_json(const struct record *r, const char *require);
void records_table(const struct records *all, FILE *out);
/* One line of the table: an implementation at a norm, mode, direction, type and layout. */
struct records_line {
  const struct record *first, *worst; /* worst: of its failures, else of what passed, that with the largest error; or NULL */
  size_t count[VERDICT_COUNT], known;
  double nulp;            /* negative: no output was measured */
  bool unexplained;       /* some failure is no matter of bounds: no output, a crash */
  uint64_t covering, refuted; /* bit k: the k-th preset that presets_offered names covers, is refuted by, some judged case */
  const char *skip_reason; /* the most frequent one */
  size_t skipped_so;
};
/* Is a before b: by failure that is not accepted; by error, where none could be measured before all others; by name? */
bool record_worse(const struct record *a, const struct record *b);
struct records_line *records_lines(const struct records *all, size_t *count); /* the caller frees */
enum verdict records_line_verdict(const struct records_line *l);
size_t records_line_failed(const struct records_line *l);     /* without the accepted failures */
/* The strictest preset that covers all judged cases but those out of its range, one at least, of a line that fails the
   strictest with sums in the tensor's own type (presets do not nest: what fails one may be covered by one of wider sums);
   "none"; "-": nothing measured. */
const char *records_line_cover(const struct records_line *l);
/* An error or bound in nULP, as tables show it; "-" where negative. */
void nulp_text(char text[32], double nulp);
/* At most `limit` of each implementation, each with the command that reproduces it (NULL: result files were judged). */
void records_failures(const struct records *all, const char *command, size_t limit, FILE *out);
/* As result.schema.json and junit.xsd say. */
void records_write_json(const struct records *all, const char *require, FILE *out);
void records_write_junit(const struct records *all, const char *command, FILE *out);
/* Before the work begins: can both be written (NULL: not wanted)? What is there stays as it is. */
int records_writable(const char *json, const char *junit, struct error *e);
/* Where the table goes: not among records on standard output. */
FILE *records_text(const char *json, const char *junit);
/* The same to files, written beside and renamed. */
int records_json(const struct records *all, const char *require, const char *path, struct error *e);
int records_junit(const struct records *all, const char *command, const char *path, struct error *e);

/* CPU, cores, compiler: the field "machine" of every record. A new reference. */
json_t *machine_json(void);
/* A file written beside `path` and renamed by finish; "-" is standard output. */
struct output { FILE *f; char path[1024], beside[1100]; };
int output_open(struct output *o, const char *path, struct error *e);
int output_finish(struct output *o, struct error *e);
void output_abandon(struct output *o);
#endif
