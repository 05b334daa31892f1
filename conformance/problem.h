/* SPDX-License-Identifier: Apache-2.0
   Problems and cases as text. A *case* is a problem and the recipe of its data; its name alone rebuilds it:

     norm/direction/type/shape/family/seedN[,key=value...]      layernorm/forward/f32/256x768/mean1e4/seed7,eps=0.001

   Only what is not default is appended, in the order of the key table in problem.c, so equal cases have equal names. */
#ifndef PROBLEM_H
#define PROBLEM_H
#include "error.h"
#include "normative_plugin.h"
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct norm_row { uint32_t id; const char *name, *title, *group; int centred, evaluates, axes; };
extern const struct norm_row norm_table[]; /* from reference/norms.def; ends with name == NULL */
const struct norm_row *norm_find(uint32_t id);
const struct norm_row *norm_by_name(const char *name);

struct recipe { /* names of families; "" means the default of the problem */
  char family[32];  /* of x */
  char gamma[24], beta[24], running[24], dy[24], addend[24], lambda[24];
  uint64_t seed;
  int pow2;         /* x is scaled by 2^pow2 (and eps must be by 4^pow2: the caller's business) */
};
struct testcase { struct normative_problem p; struct recipe r; };

#define CASE_NAME_MAX 512

/* What an implementation means where it is told nothing: convention=NAME, in a case's name or its JSON, stands for `keys`. Any
   other key overrides it, and what comes back are the keys. The first row that fits holds. */
struct convention {
  const char *name, *where; /* a glob of norm/direction/type */
  const char *keys;         /* as in a case's name; those left out have their default */
  const char *sizes;        /* how many its tensors may have, "2 or 4"; "": any */
  bool by_gradient;         /* its mode is whether gradients are enabled: training has them, evaluation has none */
};
extern const struct convention convention_table[]; /* ends with name == NULL */

/* A problem with every default in place: eps 1e-5f, momentum 0.1f, rule new-weight, estimator unbiased, stat_type f64,
   training, ncs, gamma and beta present, no running statistics (evaluation: given). */
void problem_default(struct normative_problem *p, uint32_t norm, uint32_t direction, uint32_t type);
/* Fills n, c, s from dims and checks everything that a problem must satisfy before any data exists. */
int problem_finish(struct normative_problem *p, struct error *e);

int case_parse(struct testcase *tc, const char *name, struct error *e);
void case_name(char out[CASE_NAME_MAX], const struct testcase *tc);

/* The object "problem" of manifests and records: {"norm": "layernorm", "direction": "forward", "type": "f32",
   "shape": [256, 768], ...}: the keys of the case name with JSON values; absent ones are default; unknown ones an error. */
json_t *problem_to_json(const struct normative_problem *p);
int problem_from_json(struct normative_problem *p, const json_t *object, struct error *e);

const char *type_name(uint32_t type);           /* "f32" ... */
const char *layout_name(uint32_t layout);       /* "ncs", "nsc" */
const char *direction_name(uint32_t direction); /* "forward", "backward" */
int type_by_name(const char *name, uint32_t *type);

/* Where the elements of a group lie: element k of m, and its parameter. */
struct runs { size_t base, outer, outer_stride, inner, inner_stride, param, param_outer, param_inner; };
static inline size_t element_at(const struct runs *r, size_t k)
{
  return r->base + k / r->inner * r->outer_stride + k % r->inner * r->inner_stride;
}
static inline size_t param_at(const struct runs *r, size_t k)
{
  return r->param + k / r->inner * r->param_outer + k % r->inner * r->param_inner;
}
size_t problem_elements(const struct normative_problem *p);
size_t problem_groups(const struct normative_problem *p);  /* how many sets of statistics */
size_t problem_m(const struct normative_problem *p);       /* elements of a group */
size_t problem_params(const struct normative_problem *p);  /* entries of gamma */
size_t problem_running_m(const struct normative_problem *p); /* how many elements the estimator of a running variance is of, */
size_t problem_running_divisor(const struct normative_problem *p); /* and what it divides their squares by */
struct runs problem_runs(const struct normative_problem *p, size_t group);
/* 1 if an entry of gamma stands for 1 more, else 0 */
static inline int plus_one(const struct normative_problem *p) { return p->casts == NORMATIVE_CAST_PLUS_ONE; }
#endif
