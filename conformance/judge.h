/* SPDX-License-Identifier: Apache-2.0
   The judge: a result against the truth, within the bound of a preset. Every bound stands in bounds.txt only. */
#ifndef JUDGE_H
#define JUDGE_H
#include "oracle.h"
#include "problem.h"
#include "tensors.h"

enum verdict { PASS, FAIL, RANGE, MISTRUSTED, UNDECIDED, SKIP, CRASH, TIMEOUT, VERDICT_COUNT };
extern const char *const verdict_name[VERDICT_COUNT];

#define MEMBERS_MAX 4   /* a union's members, at most */
#define EXPLAINED_MAX 4
#define COVERED_MAX 16  /* rows of presets, at most */
struct finding { /* the worst element against one required preset */
  enum verdict verdict;
  enum slot slot;      /* of the worst element */
  size_t index;
  double expected, got;  /* nearest and result */
  double nulp, bound;    /* error and bound there, in nULP */
  double loosest;        /* the case's largest bound on y (dx), in nULP; whatever the result */
};
struct judgement {
  enum verdict verdict;          /* a union: the best of its members; settled over a cell by whoever collects records */
  int members;                   /* 1, or the members of the required union */
  const char *member[MEMBERS_MAX];
  struct finding finding[MEMBERS_MAX];
  double nulp[SLOT_COUNT];       /* worst per output; negative: not judged */
  double worst_nulp;             /* over y (dx), what tables show */
  size_t misrounded, elements;   /* of all outputs judged */
  double kappa;                  /* the case's largest */
  const char *explained[EXPLAINED_MAX + 1]; /* presets that cover it at least tolerance; [0] == NULL: none does */
  const char *covered[COVERED_MAX + 1]; /* of every row of presets the first variant that covers it, in the published order */
  const char *beyond[COVERED_MAX + 1];  /* likewise of the other rows, where all that is outside is out of range */
  char reason[256];              /* why FAIL other than by a bound (wrong shape, not written, scribbled), else "" */
};

struct preset; /* opaque row of the table in presets.c */
/* NULL and an error that lists the names if unknown. "-folded" and "-ftz" suffixes; unions; "correctly-rounded", "faithful". */
const struct preset *preset_find(const char *name, struct error *e);
const char *preset_name(const struct preset *preset);
/* The names of a union's members, NULL-terminated; NULL if name is no union. */
const char *const *preset_members(const char *name);
const char *preset_default(uint32_t type); /* "f32-stable", "f64-two-pass" */
/* `name`, or where it is not offered for a type, what corresponds to it there: f32-stable-ftz is f64-two-pass-ftz in double. */
const char *preset_in_type(const char *name, uint32_t type);
/* Calls each for every preset that is offered for a type, strictest first, as far as that can be said without data. */
void preset_each(uint32_t type, void (*each)(const char *name, const char *text, void *arg), void *arg);

/* Judges the present tensors of out against truth. require may be a union. */
void judge(const struct normative_problem *p, const struct tensors *in, struct truth *truth, const struct tensors *out,
           const struct preset *require, bool strict_range, struct judgement *j);
/* Bounds of every element of an output under a (non-union) preset, absolute, rounded up; inf where none holds. */
void judge_bounds(const struct normative_problem *p, const struct tensors *in, struct truth *truth, enum slot slot,
                  const struct preset *preset, double *bound);
#endif
