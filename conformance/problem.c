/* SPDX-License-Identifier: Apache-2.0
   Problems as text, both ways, from one table of keys; and the index map of every norm. */
#include "problem.h"
#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct norm_row norm_table[] = {
#define NORM(ID, name, title, group, centred, evaluates, axes) \
  {NORMATIVE_##ID, name, title, group, centred, evaluates, axes},
#include "norms.def"
#undef NORM
  {0}};

const struct norm_row *norm_find(uint32_t id)
{
  for (const struct norm_row *row = norm_table; row->name; ++row)
    if (row->id == id) return row;
  return NULL;
}

const struct norm_row *norm_by_name(const char *name)
{
  for (const struct norm_row *row = norm_table; row->name; ++row)
    if (!strcmp(row->name, name)) return row;
  return NULL;
}

/* ---- the keys ---- */

struct word { const char *text; uint32_t value; };
static const struct word directions[] = {{"forward", NORMATIVE_FORWARD}, {"backward", NORMATIVE_BACKWARD}, {0}};
static const struct word types[] = {
  {"f32", NORMATIVE_F32}, {"f64", NORMATIVE_F64}, {"f16", NORMATIVE_F16}, {"bf16", NORMATIVE_BF16}, {0}};
static const struct word modes[] = {{"training", NORMATIVE_TRAINING}, {"evaluation", NORMATIVE_EVALUATION}, {0}};
static const struct word layouts[] = {{"ncs", NORMATIVE_NCS}, {"nsc", NORMATIVE_NSC}, {0}};
static const struct word rules[] = {{"new", NORMATIVE_MOMENTUM_NEW},
                                    {"old", NORMATIVE_MOMENTUM_OLD},
                                    {"cumulative", NORMATIVE_MOMENTUM_CUMULATIVE},
                                    {0}};
static const struct word estimators[] = {{"unbiased", NORMATIVE_UNBIASED},
                                         {"population", NORMATIVE_POPULATION},
                                         {"unbiased1", NORMATIVE_UNBIASED1},
                                         {0}};
static const struct word eps_places[] = {
  {"inside", NORMATIVE_EPS_INSIDE}, {"outside", NORMATIVE_EPS_OUTSIDE}, {"max", NORMATIVE_EPS_MAX}, {0}};
static const struct word affines[] = {{"channel", NORMATIVE_AFFINE_CHANNEL},
                                      {"group", NORMATIVE_AFFINE_GROUP},
                                      {"element", NORMATIVE_AFFINE_ELEMENT},
                                      {0}};
static const struct word casts[] = {{"once", NORMATIVE_CAST_ONCE},
                                    {"normal", NORMATIVE_CAST_NORMAL},
                                    {"plusone", NORMATIVE_CAST_PLUS_ONE},
                                    {0}};
static const struct word saved[] = {{"rstd", NORMATIVE_SAVED_RSTD}, {"variance", NORMATIVE_SAVED_VARIANCE}, {0}};
static const struct word flags[] = {{"no", 0}, {"yes", 1}, {0}};

/* WORD: one of `words`, a uint32_t. COUNT: a uint64_t. REAL: a double that is exact in float; REAL64: any double.
   PRESENT: a flag in JSON, given by a family's name in case names. FAMILY, POWER: of the recipe, not of the problem.
   ALIAS: stands for others, and was taken before them. */
enum key_kind { WORD, COUNT, REAL, REAL64, PRESENT, FAMILY, POWER, ALIAS };
struct key { const char *name; enum key_kind kind; const struct word *words; size_t problem, recipe; };
#define P(field) offsetof(struct normative_problem, field)
#define R(field) offsetof(struct recipe, field)
static const struct key keys[] = {
  {"mode", WORD, modes, P(mode), 0},
  {"layout", WORD, layouts, P(layout), 0},
  {"groups", COUNT, NULL, P(groups), 0},
  {"eps", REAL, NULL, P(eps), 0},
  {"eps64", REAL64, NULL, P(eps), 0},
  {"momentum", REAL, NULL, P(momentum), 0},
  {"momentum64", REAL64, NULL, P(momentum), 0},
  {"rule", WORD, rules, P(rule), 0},
  {"estimator", WORD, estimators, P(estimator), 0},
  {"gamma", PRESENT, NULL, P(has_gamma), R(gamma)},
  {"beta", PRESENT, NULL, P(has_beta), R(beta)},
  {"running", PRESENT, NULL, P(running), R(running)},
  {"params", WORD, types, P(param_type), 0},
  {"stats", WORD, types, P(stat_type), 0},
  {"given", WORD, flags, P(given), 0},
  {"saved", WORD, saved, P(saved), 0},
  {"residual", WORD, flags, P(residual), 0},
  {"epsplace", WORD, eps_places, P(eps_place), 0},
  {"affine", WORD, affines, P(affine), 0},
  {"casts", WORD, casts, P(casts), 0},
  {"repo", WORD, flags, P(repo), 0},
  {"dropbn", WORD, flags, P(drop_bn), 0},
  {"dy", FAMILY, NULL, 0, R(dy)},
  {"addend", FAMILY, NULL, 0, R(addend)},
  {"lambda", FAMILY, NULL, 0, R(lambda)},
  {"pow2", POWER, NULL, 0, R(pow2)},
  {"convention", ALIAS, NULL, 0, 0},
  {0}};
#undef P
#undef R

/* The defaults of PyTorch's torch.nn, Keras' layers, Flax' linen modules, ONNX' operators and TensorFlow's
   tf.compat.v1.nn.fused_batch_norm; textbook: batch_norm(X, gamma, beta, moving_mean, moving_var, eps, momentum) of tutorials.
   PyTorch's RMSNorm has eps=None, the finfo of the type it computes in; ONNX' stash_type rounds xhat to the tensor's type
   before the scale. */
#define POPULATION_OLD(momentum) "momentum=" momentum ",rule=old,estimator=population"
const struct convention convention_table[] = {
  {"pytorch", "batchnorm/*", "", "", false},
  {"pytorch", "instancenorm/*", "", "", false},
  {"pytorch", "layernorm*", "", "", false},
  {"pytorch", "groupnorm/*", "", "", false},
  {"pytorch", "rmsnorm/*/f64", "eps=2.220446e-16", "", false},
  {"pytorch", "rmsnorm/*", "eps=1.1920929e-07", "", false},
  {"keras", "batchnorm/*", "eps=0.001," POPULATION_OLD("0.99"), "", false},
  {"keras", "instancenorm/*", "eps=0.001", "", false},
  {"keras", "layernorm*", "eps=0.001", "", false},
  {"keras", "groupnorm/*", "eps=0.001", "", false},
  {"keras", "rmsnorm/*", "eps=1e-06", "", false},
  {"flax", "batchnorm/*", POPULATION_OLD("0.99"), "", false},
  {"flax", "instancenorm/*", "eps=1e-06", "", false},
  {"flax", "layernorm*", "eps=1e-06", "", false},
  {"flax", "groupnorm/*", "eps=1e-06", "", false},
  {"flax", "rmsnorm/*", "eps=1e-06", "", false},
  {"onnx", "batchnorm/forward/*", POPULATION_OLD("0.9"), "", false},
  {"onnx", "instancenorm/forward/*", "", "", false},
  {"onnx", "layernorm*/forward/*f16", "casts=normal", "", false},
  {"onnx", "layernorm*/forward/*", "", "", false},
  {"onnx", "groupnorm/forward/*f16", "casts=normal", "", false},
  {"onnx", "groupnorm/forward/*", "", "", false},
  {"onnx", "rmsnorm/forward/*f16", "casts=normal", "", false},
  {"onnx", "rmsnorm/forward/*", "", "", false},
  {"tensorflow", "batchnorm/*", "eps=0.001,momentum=1,estimator=unbiased1", "", false},
  {"textbook", "batchnorm/*", POPULATION_OLD("0.9"), "2 or 4", true},
  {0}};

static void *at(const void *base, size_t offset) { return (char *)base + offset; }

static const char *word_text(const struct word *words, uint32_t value)
{
  for (; words->text; ++words)
    if (words->value == value) return words->text;
  return "?";
}

static int word_value(const struct word *words, const char *text, uint32_t *value)
{
  for (; words->text; ++words)
    if (!strcmp(words->text, text)) {
      *value = words->value;
      return 0;
    }
  return -1;
}

static const char *word_list(const struct word *words)
{
  static _Thread_local char list[128];
  list[0] = 0;
  for (; words->text; ++words) {
    strcat(list, words->text);
    if (words[1].text) strcat(list, ", ");
  }
  return list;
}

const char *type_name(uint32_t type) { return word_text(types, type); }
const char *layout_name(uint32_t layout) { return word_text(layouts, layout); }
const char *direction_name(uint32_t direction) { return word_text(directions, direction); }
int type_by_name(const char *name, uint32_t *type) { return word_value(types, name, type); }

/* ---- defaults and checks ---- */

/* Does PRESENT key k stand for "there" by default? Running statistics only in evaluation. */
static bool present_default(const struct key *k, const struct normative_problem *p)
{
  return strcmp(k->name, "running") || p->mode == NORMATIVE_EVALUATION;
}

void problem_default(struct normative_problem *p, uint32_t norm, uint32_t direction, uint32_t type)
{
  *p = (struct normative_problem){
    .size = sizeof *p, .norm = norm, .direction = direction, .mode = NORMATIVE_TRAINING, .type = type,
    .param_type = type, .stat_type = NORMATIVE_F64, .layout = NORMATIVE_NCS, .groups = 1, .eps = 1e-5f,
    .momentum = 0.1f, .rule = NORMATIVE_MOMENTUM_NEW, .estimator = NORMATIVE_UNBIASED,
    .eps_place = NORMATIVE_EPS_INSIDE, .affine = NORMATIVE_AFFINE_CHANNEL, .casts = NORMATIVE_CAST_ONCE,
    .has_gamma = 1, .has_beta = 1};
}

static int check_sizes(struct normative_problem *p, const struct norm_row *row, struct error *e)
{
  const uint64_t limit = (uint64_t)1 << 40; /* elements of a tensor that the harness is willing to think of */
  if (p->ndim < 2 || p->ndim > 8 || (row->axes == 2 && p->ndim != 2))
    return fail(e, "%s takes a shape of %s, not of %u sizes", row->name,
                row->axes == 2 ? "rows x cols" : "N x C [x spatial sizes, 6 at most]", p->ndim);
  uint64_t elements = 1;
  for (uint32_t d = 0; d < p->ndim; ++d) {
    if (p->dims[d] > limit || (p->dims[d] && elements > limit / p->dims[d]))
      return fail(e, "shape: more than 2^40 elements");
    if (p->dims[d]) elements *= p->dims[d];
  }
  p->n = p->dims[0];
  p->c = p->dims[1];
  p->s = 1;
  for (uint32_t d = 2; d < p->ndim; ++d) p->s *= p->dims[d];
  const uint64_t divided = row->axes == 2 ? p->n : p->c;
  if (divided % p->groups)
    return fail(e, "groups: %llu %s are not a multiple of %llu groups", (unsigned long long)divided,
                row->axes == 2 ? "rows" : "channels", (unsigned long long)p->groups);
  if (problem_m(p) > (uint64_t)1 << 30) return fail(e, "shape: a group has more than 2^30 elements");
  return 0;
}

/* Gamma and beta have the tensors' type, or f32 beside 16 bits; statistics are f64, f32 or the tensors' own. */
static int check_types(const struct normative_problem *p, struct error *e)
{
  bool narrow = p->type == NORMATIVE_F16 || p->type == NORMATIVE_BF16;
  if (p->param_type != p->type && !(narrow && p->param_type == NORMATIVE_F32))
    return fail(e, "params: %s beside tensors of %s; there is %s%s", type_name(p->param_type), type_name(p->type),
                type_name(p->type), narrow ? " or f32" : "");
  if (p->stat_type != p->type && p->stat_type != NORMATIVE_F64 && p->stat_type != NORMATIVE_F32)
    return fail(e, "stats: %s beside tensors of %s; there is f64, f32 or the tensors' own", type_name(p->stat_type),
                type_name(p->type));
  return 0;
}

/* SEMANTICS: which statistics a pass takes, and what an update of running ones needs. */
static int check_statistics(const struct normative_problem *p, const struct norm_row *row, struct error *e)
{
  bool evaluation = p->mode == NORMATIVE_EVALUATION;
  if (evaluation && !row->evaluates) return fail(e, "%s has no evaluation mode", row->name);
  if (p->running && !row->evaluates) return fail(e, "%s has no running statistics", row->name);
  if (p->given && p->direction == NORMATIVE_FORWARD) return fail(e, "given: only backward takes given statistics");
  if (p->given && evaluation) return fail(e, "given: evaluation takes the running statistics");
  if (p->given && p->norm == NORMATIVE_SWITCHNORM) return fail(e, "given: %s saves no statistics", row->name);
  if (p->saved != NORMATIVE_SAVED_RSTD && (evaluation || p->norm == NORMATIVE_SWITCHNORM))
    return fail(e, "saved: %s saves no statistics", evaluation ? "evaluation" : row->name);
  if (p->saved != NORMATIVE_SAVED_RSTD && p->direction == NORMATIVE_BACKWARD && !p->given)
    return fail(e, "saved: backward takes no statistics without given=yes");
  if (evaluation && !p->running) return fail(e, "running: evaluation needs running statistics");
  if (!p->running || evaluation) return 0;
  if (p->n * p->s == 0) return fail(e, "running: an update from an empty group has no meaning");
  if (p->estimator == NORMATIVE_UNBIASED && problem_running_m(p) == 1)
    return fail(e, "estimator: an unbiased variance of one element does not exist");
  return 0;
}

/* Is there something that `groups` divides? GroupNorm's channels; rows, for gamma and beta. */
static bool divides(const struct norm_row *row) { return !strcmp(row->group, "ng") || row->axes == 2; }

/* The fields that stand for what other implementations mean. */
static int check_conventions(const struct normative_problem *p, const struct norm_row *row, struct error *e)
{
  bool backward = p->direction == NORMATIVE_BACKWARD, inside = p->eps_place == NORMATIVE_EPS_INSIDE;
  if (p->affine != NORMATIVE_AFFINE_CHANNEL && !divides(row))
    return fail(e, "affine: %s has gamma and beta per channel", row->name);
  if (p->affine == NORMATIVE_AFFINE_CHANNEL && p->groups > 1 && row->axes == 2)
    return fail(e, "groups: gamma and beta per column are the same for all rows; affine=element or group divides them");
  if (p->residual && (row->axes != 2 || backward))
    return fail(e, backward ? "residual: backward is that of the sum, without it" : "residual: %s has none", row->name);
  if (p->casts == NORMATIVE_CAST_PLUS_ONE && !p->has_gamma) return fail(e, "casts: plusone needs gamma");
  if (!inside && p->norm == NORMATIVE_SWITCHNORM) return fail(e, "epsplace: %s inside the root only", row->name);
  if (!inside && p->given) return fail(e, "given: eps inside the root only");
  return 0;
}

static int check_switchnorm(const struct normative_problem *p, const struct norm_row *row, struct error *e)
{
  if (p->norm != NORMATIVE_SWITCHNORM) {
    if (p->repo || p->drop_bn) return fail(e, "%s: %s is not switchnorm", p->repo ? "repo" : "dropbn", row->name);
    return 0;
  }
  if (p->drop_bn && p->running) return fail(e, "dropbn: without the batch's statistics there are no running ones");
  if (!p->repo) return 0;
  if (p->running) return fail(e, "repo: training only, without running statistics");
  if (p->s == 1) return fail(e, "repo: an unbiased variance of one element does not exist");
  return 0;
}

static int check_numbers(const struct normative_problem *p, struct error *e)
{
  bool cumulative = p->rule == NORMATIVE_MOMENTUM_CUMULATIVE;
  if (!(p->eps >= 0) || isinf(p->eps)) return fail(e, "eps: %g is not a finite number >= 0", p->eps);
  if (cumulative && (!(p->momentum >= 1) || isinf(p->momentum)))
    return fail(e, "momentum: %g is not a batch number >= 1, which rule=cumulative needs", p->momentum);
  if (!cumulative && !(p->momentum >= 0 && p->momentum <= 1)) return fail(e, "momentum: %g is outside of 0 to 1", p->momentum);
  return 0;
}

int problem_finish(struct normative_problem *p, struct error *e)
{
  const struct norm_row *row = norm_find(p->norm);
  if (!row) return fail(e, "unknown norm number %u", p->norm);
  if (p->layout == NORMATIVE_NSC && row->axes == 2) return fail(e, "%s has rows and columns, no layout nsc", row->name);
  if (p->groups < 1) return fail(e, "groups: there is at least one");
  if (p->groups > 1 && !divides(row)) return fail(e, "groups: %s is not divided into groups", row->name);
  if (check_sizes(p, row, e)) return -1;
  return check_types(p, e) || check_numbers(p, e) || check_statistics(p, row, e) || check_conventions(p, row, e) ||
             check_switchnorm(p, row, e)
           ? -1
           : 0;
}

/* ---- text ---- */

/* A number that becomes 0 or infinite where it is rounded is another one. */
static int check_rounded(const char *what, const char *text, bool was_zero, double value, bool narrow, struct error *e)
{
  if (was_zero == (value == 0) && !isinf(value)) return 0;
  return fail(e, "%s: '%s' would be %g in %s", what, text, value, narrow ? "f32" : "f64");
}

/* A number without rest; C's syntax, hexadecimal floats included. Narrow: rounded to float. */
static int parse_real(const char *what, const char *text, bool narrow, double *value, struct error *e)
{
  char *end;
  errno = 0;
  *value = narrow ? (double)strtof(text, &end) : strtod(text, &end);
  if (!*text || strchr(" \t\n", *text) || *end) return fail(e, "%s: '%s' is no number", what, text);
  return check_rounded(what, text, !errno && *value == 0, *value, narrow, e);
}

static int parse_count(const char *text, uint64_t *value)
{
  char *end;
  if (*text < '0' || *text > '9') return -1;
  errno = 0;
  *value = strtoull(text, &end, 10);
  return *end || errno ? -1 : 0;
}

static int parse_shape(struct normative_problem *p, const char *text, struct error *e)
{
  char copy[256], *save = NULL;
  snprintf(copy, sizeof copy, "%s", text);
  p->ndim = 0;
  for (char *word = strtok_r(copy, "x", &save); word; word = strtok_r(NULL, "x", &save)) {
    if (p->ndim == 8) return fail(e, "shape: '%s' has more than 8 sizes", text);
    if (parse_count(word, &p->dims[p->ndim++])) return fail(e, "shape: '%s' is not sizes joined by x", text);
  }
  return 0;
}

/* The shortest decimal that reads back as the same float (or double). */
static void print_real(char out[32], double value)
{
  bool narrow = (float)value == value;
  for (int digits = 1; digits <= 17; ++digits) {
    snprintf(out, 32, "%.*g", digits, value);
    if (narrow ? strtof(out, NULL) == (float)value : strtod(out, NULL) == value) return;
  }
}

static int copy_family(char *to, size_t size, const char *from, const char *what, struct error *e)
{
  if (strlen(from) >= size || !*from) return fail(e, "%s: '%s' is no family", what, from);
  memcpy(to, from, strlen(from) + 1);
  return 0;
}

static int set_key(struct testcase *tc, const struct key *k, const char *value, struct error *e)
{
  void *field = at(&tc->p, k->problem);
  double real;
  switch (k->kind) {
  case WORD:
    if (word_value(k->words, value, field))
      return fail(e, "%s: '%s' is none of %s", k->name, value, word_list(k->words));
    return 0;
  case COUNT:
    if (parse_count(value, field)) return fail(e, "%s: '%s' is no number", k->name, value);
    return 0;
  case REAL:
  case REAL64:
    return parse_real(k->name, value, k->kind == REAL, field, e);
  case POWER:
    if (parse_real(k->name, value, false, &real, e)) return -1;
    if (fabs(real) > INT_MAX || real != (int)real) return fail(e, "%s: '%s' is no integer of 32 bits", k->name, value);
    tc->r.pow2 = (int)real;
    return 0;
  case PRESENT:
    *(uint32_t *)field = strcmp(value, "absent") != 0;
    /* fall through */
  case FAMILY: return copy_family(at(&tc->r, k->recipe), sizeof tc->r.gamma, value, k->name, e);
  case ALIAS: return 0;
  }
  return 0;
}

static int parse_keys(struct testcase *tc, char *text, struct error *e)
{
  char *save = NULL;
  for (char *word = strtok_r(text, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
    char *equals = strchr(word, '=');
    if (!equals) return fail(e, "'%s' is not key=value", word);
    *equals = 0;
    const struct key *k = keys;
    while (k->name && strcmp(k->name, word)) ++k;
    if (!k->name) return fail(e, "unknown key '%s'", word);
    if (set_key(tc, k, equals + 1, e)) return -1;
  }
  return 0;
}

/* ---- conventions ---- */

static int unknown_convention(const char *name, const char *where, struct error *e)
{
  char names[256] = "";
  bool known = false;
  for (const struct convention *c = convention_table; c->name; ++c) {
    known |= !strcmp(c->name, name);
    if (c > convention_table && !strcmp(c->name, c[-1].name)) continue;
    if (*names) strcat(names, ", ");
    strcat(names, c->name);
  }
  if (known) return fail(e, "convention: %s has no %s", name, where);
  return fail(e, "convention: '%s' is none of %s", name, names);
}

/* Sets the fields of tc that the convention means for its norm, direction and type, and *taken to its row. */
static int take_convention(struct testcase *tc, const char *name, const struct convention **taken, struct error *e)
{
  char where[64], text[128];
  const struct normative_problem *p = &tc->p;
  const struct convention *c = convention_table;
  snprintf(where, sizeof where, "%s/%s/%s", norm_find(p->norm)->name, direction_name(p->direction), type_name(p->type));
  while (c->name && (strcmp(c->name, name) || fnmatch(c->where, where, 0))) ++c;
  if (!c->name) return unknown_convention(name, where, e);
  *taken = c;
  snprintf(text, sizeof text, "%s", c->keys);
  return parse_keys(tc, text, e);
}

/* A finished problem against what its convention, if any, has no word for. */
static int check_convention(const struct normative_problem *p, const struct convention *c, struct error *e)
{
  if (c && *c->sizes && !strchr(c->sizes, '0' + (int)p->ndim))
    return fail(e, "convention: %s takes tensors of %s sizes, not of %u", c->name, c->sizes, p->ndim);
  if (c && c->by_gradient && p->direction == NORMATIVE_BACKWARD && p->mode == NORMATIVE_EVALUATION)
    return fail(e, "convention: %s has no backward of evaluation, its mode is whether gradients are enabled", c->name);
  return 0;
}

/* The convention that keys name, wherever it stands among them. */
static int parse_convention(struct testcase *tc, const char *text, const struct convention **taken, struct error *e)
{
  char copy[CASE_NAME_MAX], *save = NULL;
  snprintf(copy, sizeof copy, "%s", text);
  for (char *word = strtok_r(copy, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
    if (strncmp(word, "convention=", 11)) continue;
    if (*taken) return fail(e, "convention: '%s' beside %s", word + 11, (*taken)->name);
    if (take_convention(tc, word + 11, taken, e)) return -1;
  }
  return 0;
}

/* ---- text: a case ---- */

/* The parts before the keys: norm/direction/type/shape/family/seedN */
static int parse_parts(struct testcase *tc, char *text, struct error *e)
{
  char *part[6], *save = NULL;
  int parts = 0;
  for (char *word = strtok_r(text, "/", &save); word; word = strtok_r(NULL, "/", &save)) {
    if (parts == 6) return fail(e, "more than six parts: norm/direction/type/shape/family/seedN");
    part[parts++] = word;
  }
  if (parts < 6) return fail(e, "%d parts of six: norm/direction/type/shape/family/seedN", parts);
  const struct norm_row *row = norm_by_name(part[0]);
  uint32_t direction, type;
  if (!row) return fail(e, "unknown norm '%s'", part[0]);
  if (word_value(directions, part[1], &direction)) return fail(e, "direction '%s' is none of forward, backward", part[1]);
  if (type_by_name(part[2], &type)) return fail(e, "type '%s' is none of %s", part[2], word_list(types));
  problem_default(&tc->p, row->id, direction, type);
  memset(&tc->r, 0, sizeof tc->r);
  if (parse_shape(&tc->p, part[3], e)) return -1;
  if (copy_family(tc->r.family, sizeof tc->r.family, part[4], "family", e)) return -1;
  if (strncmp(part[5], "seed", 4) || parse_count(part[5] + 4, &tc->r.seed))
    return fail(e, "'%s' is not seedN", part[5]);
  return 0;
}

int case_parse(struct testcase *tc, const char *name, struct error *e)
{
  char copy[CASE_NAME_MAX];
  struct error inner;
  const struct convention *taken = NULL;
  if (strlen(name) >= sizeof copy) return fail(e, "case name of %zu characters: too long", strlen(name));
  strcpy(copy, name);
  char *comma = strchr(copy, ',');
  if (comma) *comma++ = 0;
  if (parse_parts(tc, copy, &inner)) return fail(e, "case '%s': %s", name, inner.text);
  if (comma && (parse_convention(tc, comma, &taken, &inner) || parse_keys(tc, comma, &inner)))
    return fail(e, "case '%s': %s", name, inner.text);
  if (tc->p.mode == NORMATIVE_EVALUATION && !tc->r.running[0]) tc->p.running = 1;
  if (problem_finish(&tc->p, &inner) || check_convention(&tc->p, taken, &inner))
    return fail(e, "case '%s': %s", name, inner.text);
  return 0;
}

/* The value of key k if it is not the default, else false. `normal` is the default problem. */
static bool key_text(char out[64], const struct testcase *tc, const struct normative_problem *normal, const struct key *k)
{
  const void *field = at(&tc->p, k->problem), *usual = at(normal, k->problem);
  switch (k->kind) {
  case WORD:
    snprintf(out, 64, "%s", word_text(k->words, *(const uint32_t *)field));
    return *(const uint32_t *)field != *(const uint32_t *)usual;
  case COUNT:
    snprintf(out, 64, "%llu", (unsigned long long)*(const uint64_t *)field);
    return *(const uint64_t *)field != *(const uint64_t *)usual;
  case REAL:
  case REAL64:
    print_real(out, *(const double *)field);
    return *(const double *)field != *(const double *)usual &&
           ((float)*(const double *)field == *(const double *)field) == (k->kind == REAL);
  case POWER: snprintf(out, 64, "%d", tc->r.pow2); return tc->r.pow2 != 0;
  case ALIAS: return false;
  case PRESENT:
  case FAMILY: snprintf(out, 64, "%s", (const char *)at(&tc->r, k->recipe)); break;
  }
  if (k->kind == FAMILY) return out[0] != 0;
  uint32_t present = *(const uint32_t *)field;
  if (!present) snprintf(out, 64, "absent");
  else if (!out[0]) snprintf(out, 64, "ordinary");
  if (present != present_default(k, &tc->p)) return true;
  return present && strcmp(out, "ordinary");
}

void case_name(char out[CASE_NAME_MAX], const struct testcase *tc)
{
  const struct norm_row *row = norm_find(tc->p.norm);
  struct normative_problem normal;
  problem_default(&normal, tc->p.norm, tc->p.direction, tc->p.type);
  size_t used = (size_t)snprintf(out, CASE_NAME_MAX, "%s/%s/%s/", row ? row->name : "?",
                                 direction_name(tc->p.direction), type_name(tc->p.type));
  for (uint32_t d = 0; d < tc->p.ndim; ++d)
    used += (size_t)snprintf(out + used, CASE_NAME_MAX - used, d ? "x%llu" : "%llu", (unsigned long long)tc->p.dims[d]);
  used += (size_t)snprintf(out + used, CASE_NAME_MAX - used, "/%s/seed%llu", tc->r.family, (unsigned long long)tc->r.seed);
  char value[64];
  for (const struct key *k = keys; k->name && used < CASE_NAME_MAX; ++k)
    if (key_text(value, tc, &normal, k))
      used += (size_t)snprintf(out + used, CASE_NAME_MAX - used, ",%s=%s", k->name, value);
}

/* ---- JSON ---- */

json_t *problem_to_json(const struct normative_problem *p)
{
  struct testcase tc = {.p = *p};
  json_t *object = json_object(), *shape = json_array();
  json_object_set_new(object, "norm", json_string(norm_find(p->norm)->name));
  json_object_set_new(object, "direction", json_string(direction_name(p->direction)));
  json_object_set_new(object, "type", json_string(type_name(p->type)));
  for (uint32_t d = 0; d < p->ndim; ++d) json_array_append_new(shape, json_integer((json_int_t)p->dims[d]));
  json_object_set_new(object, "shape", shape);
  for (const struct key *k = keys; k->name; ++k) {
    const void *field = at(&tc.p, k->problem);
    double real = 0;
    switch (k->kind) {
    case WORD:
      if (k->words == flags) json_object_set_new(object, k->name, json_boolean(*(const uint32_t *)field));
      else json_object_set_new(object, k->name, json_string(word_text(k->words, *(const uint32_t *)field)));
      break;
    case COUNT: json_object_set_new(object, k->name, json_integer((json_int_t)*(const uint64_t *)field)); break;
    case PRESENT: json_object_set_new(object, k->name, json_boolean(*(const uint32_t *)field)); break;
    case REAL:
    case REAL64:
      real = *(const double *)field;
      if (((float)real == real) == (k->kind == REAL)) json_object_set_new(object, k->name, json_real(real));
      break;
    default: break;
    }
  }
  return object;
}

static int json_shape(struct normative_problem *p, const json_t *value, struct error *e)
{
  size_t n = json_array_size(value);
  if (!json_is_array(value) || n > 8) return fail(e, "shape: not a list of at most 8 sizes");
  p->ndim = (uint32_t)n;
  for (size_t d = 0; d < n; ++d) {
    const json_t *size = json_array_get(value, d);
    if (!json_is_integer(size) || json_integer_value(size) < 0) return fail(e, "shape: size %zu is no integer >= 0", d);
    p->dims[d] = (uint64_t)json_integer_value(size);
  }
  return 0;
}

static int json_key(struct normative_problem *p, const struct key *k, const json_t *value, struct error *e)
{
  void *field = at(p, k->problem);
  if (k->kind == ALIAS) return 0;
  if (k->kind == FAMILY || k->kind == POWER) return fail(e, "unknown key '%s'", k->name);
  if (k->kind == PRESENT || k->words == flags) {
    if (!json_is_boolean(value)) return fail(e, "%s: not true or false", k->name);
    *(uint32_t *)field = json_is_true(value);
  } else if (k->kind == WORD) {
    if (!json_is_string(value) || word_value(k->words, json_string_value(value), field))
      return fail(e, "%s: not one of %s", k->name, word_list(k->words));
  } else if (k->kind == COUNT) {
    if (!json_is_integer(value) || json_integer_value(value) < 0) return fail(e, "%s: no integer >= 0", k->name);
    *(uint64_t *)field = (uint64_t)json_integer_value(value);
  } else {
    if (!json_is_number(value)) return fail(e, "%s: not a number", k->name);
    char text[32];
    double real = json_number_value(value), kept = k->kind == REAL ? (double)(float)real : real;
    snprintf(text, sizeof text, "%.15g", real);
    if (check_rounded(k->name, text, real == 0, kept, k->kind == REAL, e)) return -1;
    *(double *)field = kept;
  }
  return 0;
}

static int json_convention(struct normative_problem *p, const json_t *object, const struct convention **taken, struct error *e)
{
  const json_t *name = json_object_get(object, "convention");
  struct testcase tc = {.p = *p};
  if (name && !json_is_string(name)) return fail(e, "convention: not a name");
  if (name && take_convention(&tc, json_string_value(name), taken, e)) return -1;
  *p = tc.p;
  return 0;
}

int problem_from_json(struct normative_problem *p, const json_t *object, struct error *e)
{
  if (!json_is_object(object)) return fail(e, "problem: not an object");
  const char *norm = json_string_value(json_object_get(object, "norm"));
  const char *direction = json_string_value(json_object_get(object, "direction"));
  const char *type = json_string_value(json_object_get(object, "type"));
  uint32_t d = NORMATIVE_FORWARD, t;
  if (!norm) return fail(e, "problem: no \"norm\"");
  if (!norm_by_name(norm)) return fail(e, "problem: unknown norm '%s'", norm);
  if (direction && word_value(directions, direction, &d)) return fail(e, "problem: direction is none of forward, backward");
  if (!type || type_by_name(type, &t)) return fail(e, "problem: \"type\" is none of %s", word_list(types));
  problem_default(p, norm_by_name(norm)->id, d, t);
  struct error inner;
  const struct convention *taken = NULL;
  const char *name;
  json_t *value;
  if (json_convention(p, object, &taken, &inner)) return fail(e, "problem: %s", inner.text);
  json_object_foreach((json_t *)object, name, value)
  {
    if (!strcmp(name, "norm") || !strcmp(name, "direction") || !strcmp(name, "type")) continue;
    const struct key *k = keys;
    while (k->name && strcmp(k->name, name)) ++k;
    int bad = !strcmp(name, "shape") ? json_shape(p, value, &inner)
              : k->name              ? json_key(p, k, value, &inner)
                                     : fail(&inner, "unknown key '%s'", name);
    if (bad) return fail(e, "problem: %s", inner.text);
  }
  if (p->mode == NORMATIVE_EVALUATION && !json_object_get(object, "running")) p->running = 1;
  if (problem_finish(p, &inner) || check_convention(p, taken, &inner)) return fail(e, "problem: %s", inner.text);
  return 0;
}

/* ---- the index map ---- */

size_t problem_elements(const struct normative_problem *p) { return p->n * p->c * p->s; }

/* Evaluation computes nothing over a group, but its elements are grouped alike. */
size_t problem_groups(const struct normative_problem *p)
{
  size_t groups = 1;
  for (const char *axis = norm_find(p->norm)->group; *axis; ++axis)
    groups *= *axis == 'n' ? p->n : *axis == 'c' ? p->c : *axis == 'g' ? p->groups : p->s;
  return groups;
}

size_t problem_m(const struct normative_problem *p)
{
  const char *group = norm_find(p->norm)->group;
  size_t m = strchr(group, 'n') ? 1 : p->n;
  if (!strchr(group, 's')) m *= p->s;
  if (strchr(group, 'g')) m *= p->c / p->groups;
  else if (!strchr(group, 'c')) m *= p->c;
  return m;
}

size_t problem_running_m(const struct normative_problem *p)
{
  return p->norm == NORMATIVE_INSTANCENORM ? p->s : p->n * p->s;
}

size_t problem_running_divisor(const struct normative_problem *p)
{
  const size_t m = problem_running_m(p);
  switch (p->estimator) {
  case NORMATIVE_UNBIASED: return m - 1;
  case NORMATIVE_UNBIASED1: return m > 1 ? m - 1 : 1;
  default: return m;
  }
}

size_t problem_params(const struct normative_problem *p)
{
  switch (p->affine) {
  case NORMATIVE_AFFINE_GROUP: return p->groups;
  case NORMATIVE_AFFINE_ELEMENT: return norm_find(p->norm)->axes == 2 ? p->groups * p->c : p->c * p->s;
  default: return p->c;
  }
}

/* Channels c0 .. c0+k-1 of one sample, over all of its s; parameters by channel. */
static struct runs sample_runs(const struct normative_problem *p, size_t n, size_t c0, size_t k)
{
  if (p->layout == NORMATIVE_NSC || p->s == 1)
    return (struct runs){.base = n * p->s * p->c + c0, .outer = p->s, .outer_stride = p->c, .inner = k, .inner_stride = 1,
                         .param = c0, .param_inner = 1};
  return (struct runs){.base = (n * p->c + c0) * p->s, .outer = k, .outer_stride = p->s, .inner = p->s,
                       .inner_stride = 1, .param = c0, .param_outer = 1};
}

/* What the parts of channels or rows have for gamma and beta: one entry each; or one for every (c,s) of GroupNorm, at c*S + s
   whatever the layout, for every column of rows. */
static struct runs with_affine(const struct normative_problem *p, struct runs r, size_t part)
{
  r.param = part * (problem_params(p) / p->groups);
  switch (p->affine) {
  case NORMATIVE_AFFINE_GROUP:
    r.param_outer = r.param_inner = 0;
    return r;
  case NORMATIVE_AFFINE_ELEMENT:
    r.param_outer = r.param_outer ? p->s : 1; /* ncs: the outer index is the channel */
    r.param_inner = r.param_inner ? p->s : 1;
    return r;
  default: return r;
  }
}

struct runs problem_runs(const struct normative_problem *p, size_t group)
{
  const char *axes = norm_find(p->norm)->group;
  bool last = p->layout == NORMATIVE_NSC;
  if (!strcmp(axes, "n")) return with_affine(p, sample_runs(p, group, 0, p->c), group / (p->n / p->groups));
  if (!strcmp(axes, "ng")) {
    size_t k = p->c / p->groups, part = group % p->groups;
    return with_affine(p, sample_runs(p, group / p->groups, part * k, k), part);
  }
  if (!strcmp(axes, "nc")) return sample_runs(p, group / p->c, group % p->c, 1);
  if (!strcmp(axes, "ns")) {
    size_t n = group / p->s, s = group % p->s;
    return (struct runs){.base = last ? group * p->c : n * p->c * p->s + s, .outer = 1, .inner = p->c,
                         .inner_stride = last ? 1 : p->s, .param_inner = 1};
  }
  return (struct runs){.base = last ? group : group * p->s, .outer = last ? 1 : p->n, .outer_stride = p->c * p->s,
                       .inner = last ? p->n * p->s : p->s, .inner_stride = last ? p->c : 1, .param = group};
}
