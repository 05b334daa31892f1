/* SPDX-License-Identifier: Apache-2.0
   The quick sweep kills every planted defect, forward and backward, in every norm, mode and layout where it changes a bit, and
   blames the honest kernels for nothing. A defect is killed by a FAIL under the default preset, or by RANGE on an input inside
   the range of f64-two-pass. NORMATIVE_PRINT_KILLS=1 prints the case that killed it. */
#include "inputs.h"
#include "judge.h"
#include "../mutants/backward.h"
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

#define TARGETS 64
struct fate { bool differs, killed; }; /* from the honest kernel, in some bit */

static size_t target(const struct normative_problem *p) { return p->norm * 4 + (p->mode - 1) * 2 + (p->layout - 1); }

/* The mutants of one direction; defect 0 is honest. */
struct mutants {
  uint32_t direction;
  int count;
  const char *const *name;
  void (*run)(int defect, const struct normative_problem *p, const struct tensors *in, struct tensors *out);
  struct testcase *tc;
  size_t cases;
  struct fate (*fate)[TARGETS]; /* of each defect, in each norm, mode and layout */
  char (*honest)[CASE_NAME_MAX]; /* a case for which the honest kernel was blamed */
};

static int collect(const struct testcase *tc, void *arg)
{
  struct mutants *all = arg;
  if (tc->p.direction != all->direction || tc->p.type != NORMATIVE_F32) return 0;
  all->tc = realloc(all->tc, (all->cases + 1) * sizeof *all->tc);
  all->tc[all->cases++] = *tc;
  return 0;
}

/* What outputs hold before is not 0: a kernel that adds to it, or leaves it, shows. */
static void allocate(const struct normative_problem *p, struct tensors *out)
{
  struct error e;
  for (int s = 0; s < SLOT_COUNT; ++s) {
    if (!slot_is_output(p, (enum slot)s)) continue;
    if (tensor_alloc(&out->t[s], p, (enum slot)s, &e)) abort();
    memset(out->t[s].data, 0x4d, out->t[s].count * type_size(out->t[s].type));
  }
}

static void outputs_of(const struct mutants *all, int d, const struct testcase *tc, const struct tensors *in,
                       struct tensors *out)
{
  *out = (struct tensors){0};
  allocate(&tc->p, out);
  all->run(d, &tc->p, in, out);
}

static bool same_bits(const struct tensors *a, const struct tensors *b)
{
  for (int s = 0; s < SLOT_COUNT; ++s)
    if (a->t[s].data && memcmp(a->t[s].data, b->t[s].data, a->t[s].count * type_size(a->t[s].type))) return false;
  return true;
}

/* The verdict, every member of the default union having its say: killed only if all of them blame it. */
static enum verdict verdict_of(const struct testcase *tc, const struct tensors *in, struct truth *truth, struct tensors *out,
                               const char *required)
{
  struct judgement j;
  struct error e;
  judge(&tc->p, in, truth, out, preset_find(required, &e), false, &j);
  enum verdict v = j.finding[0].verdict;
  for (int k = 1; k < j.members; ++k)
    if (j.finding[k].verdict != FAIL) v = v == FAIL ? j.finding[k].verdict : v;
  return v;
}

static bool kills(const struct testcase *tc, const struct tensors *in, struct truth *truth, struct tensors *out)
{
  enum verdict v = verdict_of(tc, in, truth, out, "f32-stable");
  if (v == RANGE) v = verdict_of(tc, in, truth, out, "f64-two-pass");
  return v == FAIL;
}

static void told(const struct mutants *all, int d, const struct testcase *tc)
{
  char name[CASE_NAME_MAX];
  case_name(name, tc);
  if (getenv("NORMATIVE_PRINT_KILLS")) printf("%s: %s\n", all->name[d], name);
}

static void one_defect(struct mutants *all, int d, const struct testcase *tc, const struct tensors *in, struct truth *truth,
                       const struct tensors *honest)
{
  struct fate *fate = &all->fate[d][target(&tc->p)];
  struct tensors out;
  bool dead;
#pragma omp atomic read
  dead = fate->killed;
  if (dead) return;
  outputs_of(all, d, tc, in, &out);
  if (!same_bits(&out, honest)) {
#pragma omp atomic write
    fate->differs = true;
    if (kills(tc, in, truth, &out)) {
#pragma omp atomic write
      fate->killed = true;
      told(all, d, tc);
    }
  }
  tensors_free(&out);
}

static void one_case(struct mutants *all, const struct testcase *tc)
{
  struct tensors in = {0}, honest;
  struct truth truth = {0};
  struct error e;
  if (inputs_make(tc, &in, &e) || oracle_run(&tc->p, &in, &truth, &e)) {
    fprintf(stderr, "%s\n", e.text);
    abort();
  }
  outputs_of(all, 0, tc, &in, &honest);
  if (verdict_of(tc, &in, &truth, &honest, "f64-two-pass") == FAIL)
#pragma omp critical
    case_name(*all->honest, tc);
  for (int d = 1; d < all->count; ++d) one_defect(all, d, tc, &in, &truth, &honest);
  tensors_free(&honest);
  truth_free(&truth);
  tensors_free(&in);
}

/* The defects that live where they change something, and those that change nothing anywhere. */
static size_t survivors(const struct mutants *all, char *text, size_t size)
{
  size_t used = 0;
  for (int d = 1; d < all->count; ++d) {
    bool anywhere = false;
    for (size_t t = 0; t < TARGETS; ++t) {
      const struct fate *fate = &all->fate[d][t];
      anywhere |= fate->differs;
      if (fate->killed || !fate->differs || used >= size) continue;
      used += (size_t)snprintf(text + used, size - used, "\n  %s in %s %s %s", all->name[d], norm_find((uint32_t)(t / 4))->name,
                               t / 2 % 2 ? "evaluation" : "training", layout_name((uint32_t)(t % 2 + 1)));
    }
    if (!anywhere && used < size) used += (size_t)snprintf(text + used, size - used, "\n  %s everywhere", all->name[d]);
  }
  return used;
}

static void every_defect_dies(struct mutants *all)
{
  char honest[CASE_NAME_MAX] = "", alive[8192] = "";
  all->honest = &honest;
  all->fate = calloc((size_t)all->count, sizeof *all->fate);
  sweep(TIER_QUICK, 1, collect, all);
#pragma omp parallel for schedule(dynamic, 1)
  for (size_t i = 0; i < all->cases; ++i) one_case(all, &all->tc[i]);
  survivors(all, alive, sizeof alive);
  free(all->fate);
  free(all->tc);
  if (honest[0]) fail_msg("the honest kernel is blamed for %s", honest);
  if (alive[0]) fail_msg("not killed:%s", alive);
  printf("%d defects killed in %zu cases\n", all->count - 1, all->cases);
}

static void run_forward(int defect, const struct normative_problem *p, const struct tensors *in, struct tensors *out)
{
  mutant_run((enum defect)defect, p, in, out);
}

static void run_backward(int defect, const struct normative_problem *p, const struct tensors *in, struct tensors *out)
{
  gradient_mutant_run((enum gradient_defect)defect, p, in, out);
}

static void every_forward_defect_dies(void **state)
{
  (void)state;
  every_defect_dies(&(struct mutants){.direction = NORMATIVE_FORWARD, .count = DEFECTS, .name = defect_name,
                                      .run = run_forward});
}

static void every_backward_defect_dies(void **state)
{
  (void)state;
  every_defect_dies(&(struct mutants){.direction = NORMATIVE_BACKWARD, .count = GRADIENT_DEFECTS, .name = gradient_defect_name,
                                      .run = run_backward});
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_forward_defect_dies), cmocka_unit_test(every_backward_defect_dies)};
  return cmocka_run_group_tests_name("mutants", tests, NULL, NULL);
}
