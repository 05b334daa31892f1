/* SPDX-License-Identifier: Apache-2.0
   The quick sweep kills every planted defect, forward and backward, in every norm and type where it changes a bit, in f32 in
   each mode and layout too, and blames the honest kernels for nothing. A defect is killed by a FAIL under the default preset,
   or by RANGE on an input inside the range of f64-two-pass; in f64 also by more than the reference promises there. The oracle
   is asked where a defect that still lives shows. NORMATIVE_PRINT_KILLS=1 prints the case that killed it. */
#include "inputs.h"
#include "judge.h"
#include "../mutants/mutants.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where a defect has to die: f32 in a norm, mode and layout; another type in a norm; 0: in any. */
enum { NORMS = 8, TARGETS = 8 * NORMS };
static size_t target(const struct mutant *mutant, const struct normative_problem *p)
{
  if (mutant->where & ONE_NORM) return 0;
  return p->type == NORMATIVE_F32 ? p->norm * 4 + (p->mode - 1) * 2 + (p->layout - 1) : p->type * NORMS + 2 * NORMS + p->norm;
}

static const char *target_name(size_t t)
{
  static char text[64];
  if (!t) snprintf(text, sizeof text, "any norm");
  else if (t < 4 * NORMS)
    snprintf(text, sizeof text, "%s %s %s", norm_find((uint32_t)(t / 4))->name, t / 2 % 2 ? "evaluation" : "training",
             layout_name((uint32_t)(t % 2 + 1)));
  else snprintf(text, sizeof text, "%s %s", norm_find((uint32_t)(t % NORMS))->name, type_name((uint32_t)(t / NORMS - 2)));
  return text;
}

struct fate { size_t seen; bool killed; }; /* a case (its number from 1) that differs from the honest kernel's in some bit */
struct hunt {
  const struct mutants *mutants;
  struct testcase *tc;
  size_t cases, judged;
  struct fate (*fate)[TARGETS]; /* of each defect */
  char (*honest)[CASE_NAME_MAX]; /* a case for which the honest kernel was blamed */
};
struct scene { /* a case at hand */
  const struct testcase *tc;
  struct tensors in, honest;
  struct truth truth;
  bool known; /* is the truth? */
};

static int collect(const struct testcase *tc, void *arg)
{
  struct hunt *h = arg;
  if (tc->p.direction != h->mutants->direction) return 0;
  if (!(h->cases & (h->cases - 1))) h->tc = realloc(h->tc, (2 * h->cases + 1) * sizeof *h->tc);
  h->tc[h->cases++] = *tc;
  return 0;
}

/* What outputs hold before is not 0: a kernel that adds to it, or leaves it, shows. */
static void outputs_of(const struct hunt *h, struct planted planted, const struct scene *s, struct tensors *out)
{
  struct error e;
  *out = (struct tensors){0};
  for (int slot = 0; slot < SLOT_COUNT; ++slot) {
    if (!slot_is_output(&s->tc->p, (enum slot)slot)) continue;
    if (tensor_alloc(&out->t[slot], &s->tc->p, (enum slot)slot, &e)) abort();
    memset(out->t[slot].data, 0x4d, out->t[slot].count * type_size(out->t[slot].type));
  }
  h->mutants->run(planted, &s->tc->p, &s->in, out);
}

static bool same_bits(const struct tensors *a, const struct tensors *b)
{
  for (int s = 0; s < SLOT_COUNT; ++s)
    if (a->t[s].data && memcmp(a->t[s].data, b->t[s].data, a->t[s].count * type_size(a->t[s].type))) return false;
  return true;
}

/* The verdict, every member of a union having its say: FAIL only if all of them blame it. */
static enum verdict verdict_of(struct scene *s, const struct tensors *out, const char *required, struct judgement *j)
{
  struct error e;
  if (!s->known && oracle_run(&s->tc->p, &s->in, &s->truth, &e)) {
    fprintf(stderr, "%s\n", e.text);
    abort();
  }
  s->known = true;
  judge(&s->tc->p, &s->in, &s->truth, out, preset_find(required, &e), false, j);
  enum verdict v = j->finding[0].verdict;
  for (int k = 1; k < j->members; ++k)
    if (j->finding[k].verdict != FAIL) v = v == FAIL ? j->finding[k].verdict : v;
  return v;
}

/* f64: more nULP than the reference promises. */
static bool beyond_promise(const struct judgement *j)
{
  static const struct { enum slot slot; double most; } promise[] = {
    {SLOT_Y, 8}, {SLOT_MEAN, 4}, {SLOT_RSTD, 4}, {SLOT_VARIANCE, 4}, {SLOT_DX, 16}, {SLOT_DGAMMA, 16}, {SLOT_DBETA, 16}};
  for (size_t i = 0; i < sizeof promise / sizeof *promise; ++i)
    if (j->nulp[promise[i].slot] > promise[i].most) return true;
  return false;
}

static bool kills(struct scene *s, const struct mutant *mutant, const struct tensors *out)
{
  struct judgement j, h;
  if (mutant->where & TWICE)
    return verdict_of(s, out, "correctly-rounded", &j) == FAIL && verdict_of(s, &s->honest, "correctly-rounded", &h) == PASS;
  enum verdict v = verdict_of(s, out, mutant->where & IN_DOUBLE ? "f64-two-pass" : preset_default(s->tc->p.type), &j);
  if (v == RANGE) v = verdict_of(s, out, "f64-two-pass", &j);
  return v == FAIL || (s->tc->p.type == NORMATIVE_F64 && beyond_promise(&j));
}

static void judge_honest(struct hunt *h, struct scene *s)
{
  struct judgement j;
  bool blamed = verdict_of(s, &s->honest, "f64-two-pass", &j) == FAIL;
  blamed |= s->tc->p.type == NORMATIVE_F64 && beyond_promise(&j);
#pragma omp atomic
  ++h->judged;
  if (!blamed) return;
#pragma omp critical
  case_name(*h->honest, s->tc);
}

static void told(const struct hunt *h, int d, const struct testcase *tc)
{
  char name[CASE_NAME_MAX];
  case_name(name, tc);
  if (getenv("NORMATIVE_PRINT_KILLS")) printf("%s: %s\n", h->mutants->mutant[d].name, name);
}

static void one_defect(struct hunt *h, int d, struct scene *s)
{
  const struct mutant *mutant = &h->mutants->mutant[d];
  struct fate *fate = &h->fate[d][target(mutant, &s->tc->p)];
  struct tensors out;
  bool dead;
#pragma omp atomic read
  dead = fate->killed;
  if (dead || !(mutant->where >> s->tc->p.type & 1)) return;
  outputs_of(h, (struct planted){d, NULL}, s, &out);
  if (!same_bits(&out, &s->honest)) {
#pragma omp atomic write
    fate->seen = (size_t)(s->tc - h->tc) + 1;
    if (!s->known) judge_honest(h, s);
    if (kills(s, mutant, &out)) {
#pragma omp atomic write
      fate->killed = true;
      told(h, d, s->tc);
    }
  }
  tensors_free(&out);
}

static void one_case(struct hunt *h, const struct testcase *tc)
{
  struct scene s = {.tc = tc};
  struct error e;
  bool *asked = calloc((size_t)h->mutants->count, sizeof *asked);
  if (!asked || inputs_make(tc, &s.in, &e)) {
    fprintf(stderr, "%s\n", e.text);
    abort();
  }
  outputs_of(h, (struct planted){0, asked}, &s, &s.honest);
  for (int d = 1; d < h->mutants->count; ++d)
    if (asked[d]) one_defect(h, d, &s);
  free(asked);
  truth_free(&s.truth);
  tensors_free(&s.honest);
  tensors_free(&s.in);
}

/* Small cases first: what they kill is not tried on large ones. */
static int by_size(const void *a, const void *b)
{
  size_t x = problem_elements(&((const struct testcase *)a)->p), y = problem_elements(&((const struct testcase *)b)->p);
  return (x > y) - (x < y);
}

/* The defects that live where they change something, and those that change nothing anywhere. */
static void survivors(const struct hunt *h, char *text, size_t size)
{
  size_t used = 0;
  char name[CASE_NAME_MAX];
  for (int d = 1; d < h->mutants->count; ++d) {
    bool anywhere = false;
    for (size_t t = 0; t < TARGETS; ++t) {
      const struct fate *fate = &h->fate[d][t];
      anywhere |= fate->seen;
      if (fate->killed || !fate->seen || used >= size) continue;
      case_name(name, &h->tc[fate->seen - 1]);
      used += (size_t)snprintf(text + used, size - used, "\n  %s in %s, though it shows in %s", h->mutants->mutant[d].name,
                               target_name(t), name);
    }
    if (!anywhere && used < size)
      used += (size_t)snprintf(text + used, size - used, "\n  %s shows nowhere", h->mutants->mutant[d].name);
  }
}

static void every_defect_dies(const struct mutants *mutants)
{
  static char alive[65536];
  char honest[CASE_NAME_MAX] = "";
  struct hunt h = {.mutants = mutants, .honest = &honest, .fate = calloc((size_t)mutants->count, sizeof *h.fate)};
  alive[0] = 0;
  sweep(TIER_QUICK, 1, collect, &h);
  qsort(h.tc, h.cases, sizeof *h.tc, by_size);
#pragma omp parallel for schedule(dynamic, 1)
  for (size_t i = 0; i < h.cases; ++i) one_case(&h, &h.tc[i]);
  survivors(&h, alive, sizeof alive);
  printf("%d defects, %zu cases, %zu of them judged\n", mutants->count - 1, h.cases, h.judged);
  free(h.fate);
  free(h.tc);
  if (honest[0]) printf("the honest kernel is blamed for %s\n", honest);
  if (alive[0]) printf("not killed:%s\n", alive);
  assert_true(!honest[0] && !alive[0]);
}

static void every_forward_defect_dies(void **state)
{
  (void)state;
  every_defect_dies(&forward_mutants);
}

static void every_backward_defect_dies(void **state)
{
  (void)state;
  every_defect_dies(&backward_mutants);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_forward_defect_dies), cmocka_unit_test(every_backward_defect_dies)};
  return cmocka_run_group_tests_name("mutants", tests, NULL, NULL);
}
