/* SPDX-License-Identifier: Apache-2.0
   The quick sweep kills every planted defect, and blames the honest kernel for nothing. A defect is killed by a FAIL under
   the default preset, or by RANGE on an input inside the range of f64-two-pass. */
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

struct cases { struct testcase *tc; size_t count; };

static int collect(const struct testcase *tc, void *arg)
{
  struct cases *all = arg;
  if (tc->p.direction != NORMATIVE_FORWARD || tc->p.type != NORMATIVE_F32) return 0;
  all->tc = realloc(all->tc, (all->count + 1) * sizeof *all->tc);
  all->tc[all->count++] = *tc;
  return 0;
}

static void allocate(const struct normative_problem *p, struct tensors *out)
{
  struct error e;
  for (int s = 0; s < SLOT_COUNT; ++s)
    if (slot_is_output(p, (enum slot)s) && tensor_alloc(&out->t[s], p, (enum slot)s, &e)) abort();
}

/* The verdict, every member of the default union having its say: killed only if all of them blame it. */
static enum verdict verdict_of(enum defect d, const struct testcase *tc, const struct tensors *in, struct truth *truth,
                               const char *required)
{
  struct tensors out = {0};
  struct judgement j;
  struct error e;
  allocate(&tc->p, &out);
  mutant_run(d, &tc->p, in, &out);
  judge(&tc->p, in, truth, &out, preset_find(required, &e), false, &j);
  tensors_free(&out);
  enum verdict v = j.finding[0].verdict;
  for (int k = 1; k < j.members; ++k)
    if (j.finding[k].verdict != FAIL) v = v == FAIL ? j.finding[k].verdict : v;
  return v;
}

static bool killed[DEFECTS];
static char honest[CASE_NAME_MAX]; /* a case for which the honest kernel was blamed */

static bool kills(enum defect d, const struct testcase *tc, const struct tensors *in, struct truth *truth)
{
  enum verdict v = verdict_of(d, tc, in, truth, "f32-stable");
  if (v == RANGE) v = verdict_of(d, tc, in, truth, "f64-two-pass");
  return v == FAIL;
}

static void one_case(const struct testcase *tc)
{
  struct tensors in = {0};
  struct truth truth = {0};
  struct error e;
  if (inputs_make(tc, &in, &e) || oracle_run(&tc->p, &in, &truth, &e)) {
    fprintf(stderr, "%s\n", e.text);
    abort();
  }
  if (verdict_of(NONE, tc, &in, &truth, "f64-two-pass") == FAIL)
#pragma omp critical
    case_name(honest, tc);
  for (int d = 1; d < DEFECTS; ++d) {
    bool dead;
#pragma omp atomic read
    dead = killed[d];
    if (!dead && kills((enum defect)d, tc, &in, &truth))
#pragma omp atomic write
      killed[d] = true;
  }
  truth_free(&truth);
  tensors_free(&in);
}

static void every_defect_dies(void **state)
{
  struct cases all = {0};
  (void)state;
  sweep(TIER_QUICK, 1, collect, &all);
#pragma omp parallel for schedule(dynamic, 1)
  for (size_t i = 0; i < all.count; ++i) one_case(&all.tc[i]);
  free(all.tc);
  char alive[2048] = "";
  for (int d = 1; d < DEFECTS; ++d)
    if (!killed[d]) strcat(strcat(alive, " "), defect_name[d]);
  if (honest[0] || alive[0]) fail_msg("the honest kernel is blamed for: %s; not killed:%s", honest, alive);
  printf("%d defects killed in %zu cases\n", DEFECTS - 1, all.count);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_defect_dies)};
  return cmocka_run_group_tests_name("mutants", tests, NULL, NULL);
}
