/* SPDX-License-Identifier: Apache-2.0
   Known defects looked for in what is installed: the probes of found.def as cases on disk, which of them an implementation
   fails, and for each of those a program of a few lines in the peer's own language that shows it alone. */
#ifndef FOUND_H
#define FOUND_H
#include "record.h"

enum probe_by { ANSWER, BOUND };  /* as found.def says */
enum probe_size { SMALL, LARGE };
struct probe {
  const char *id, *title, *known_as, *problem, *data, *output;
  double least;
  enum probe_by by;
  enum probe_size size;
};
extern const struct probe probe_table[]; /* ends with id == NULL */

#define PROBE_CASE "found/" /* a probe's case is called found/ID */
const struct probe *probe_of(const char *case_name); /* NULL: of none */
int probe_problem(const struct probe *probe, struct normative_problem *p, struct error *e);
/* What the cases are judged against: an f32 kernel misses it, and what else covers its result says the rest. */
extern const char probe_preset[];

/* The element that a record of a probe is told by. */
const struct finding *probe_element(const struct record *r);
/* Does `got` show the defect where `exact` is right? */
bool probe_shows(const struct probe *probe, double exact, double got);
/* ALIVE: the defect is there. STATED: it is there, and the implementation's documentation says so. */
/* May a float kernel that meets the default preset give this result too? */
bool probe_usual(const struct record *r);
enum alive { ABSENT, ALIVE, STATED };
enum alive probe_alive(const struct probe *probe, const struct record *r);

/* The program for a record of a probe; the caller frees. NULL: there is no template for the implementation (e->text is "") or
   it is broken. *language is "py" or "cpp". */
char *reproducer_text(const struct probe *probe, const struct record *record, const char **language, struct error *e);
#endif
