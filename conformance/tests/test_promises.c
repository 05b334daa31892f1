/* SPDX-License-Identifier: Apache-2.0
   What the two libraries promise, over the whole quick sweep, against the oracle: the reference in f32 at most 0.501 nULP of y,
   dx, dgamma and dbeta, 4 of its double statistics, and of the y that are at least 2^-12 of their scale at most one in a
   million misrounded, not counting those so near to a tie (2^-60) that no double tells them from it; the optimized library
   at most 4 nULP of y, dx, dgamma and dbeta. Scaled pairs (2^k x, 4^k eps) have the same bits of y, dgamma and dbeta, and
   2^-k dx. */
#include "builtin.h"
#include "host.h"
#include "inputs.h"
#include "judge.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct worst { double y, statistics, dx, params; size_t misrounded, ties, elements; char where[CASE_NAME_MAX]; };
struct cases { struct testcase *tc; size_t count; };

static int collect(const struct testcase *tc, void *arg)
{
  struct cases *all = arg;
  if (tc->p.type != NORMATIVE_F32) return 0;
  all->tc = realloc(all->tc, (all->count + 1) * sizeof *all->tc);
  all->tc[all->count++] = *tc;
  return 0;
}

/* Is the exact value within 2^-60 of itself of the middle between two floats? */
static bool near_tie(const struct wide *exact, double a, double b)
{
  mpfr_t e, distance;
  double middle = (a + b) / 2;
  wide_view(e, exact);
  mpfr_init2(distance, WIDE_PREC);
  mpfr_sub_d(distance, e, middle, MPFR_RNDN);
  double relative = fabs(mpfr_get_d(distance, MPFR_RNDN) / middle);
  mpfr_clear(distance);
  return relative < 0x1p-60;
}

/* Elements of y with |y| >= 2^-12 max(|y|, |beta|, |gamma| sigma rstd), and how many of them are not the nearest. */
static void count_misrounded(const struct normative_problem *p, const struct tensors *in, const struct truth *truth,
                             const struct tensor *y, struct worst *w)
{
  for (size_t g = 0; g < truth->groups; ++g) {
    struct runs r = problem_runs(p, g);
    double spread = (double)(sqrtl(truth->group[g].sigma2) * truth->group[g].rstd);
    if (!truth->group[g].finite || !isfinite(spread)) continue;
    for (size_t k = 0; k < r.outer * r.inner; ++k) {
      size_t i = r.base + k / r.inner * r.outer_stride + k % r.inner * r.inner_stride;
      size_t c = r.param + k / r.inner * r.param_outer + k % r.inner * r.param_inner;
      double gamma = p->has_gamma ? tensor_get(&in->t[SLOT_GAMMA], c) : 1, beta = p->has_beta ? tensor_get(&in->t[SLOT_BETA], c) : 0;
      double want = tensor_get(&truth->t[SLOT_Y].nearest, i), got = tensor_get(y, i);
      if (!isfinite(want) || fabs(want) < 0x1p-12 * fmax(fabs(beta), fabs(gamma) * spread)) continue;
      ++w->elements;
      if (want == got) continue;
      if (near_tie(&truth->t[SLOT_Y].exact[i], want, got)) ++w->ties;
      else ++w->misrounded;
    }
  }
}

static void one_case(const struct normative_plugin *plugin, const struct testcase *tc, const struct tensors *in,
                     struct truth *truth, struct worst *w)
{
  struct tensors out = {0};
  struct host_result result;
  struct judgement j;
  struct error e;
  host_run(plugin, &tc->p, in, &out, &(struct host_options){.threads = 2}, &result);
  if (result.status != HOST_OK) fail_msg("%s: %s", plugin->name, result.reason);
  judge(&tc->p, in, truth, &out, preset_find("f64-two-pass", &e), false, &j);
  if (j.verdict == FAIL) case_name(w->where, tc);
  w->y = fmax(w->y, j.nulp[SLOT_Y]);
  w->dx = fmax(w->dx, j.nulp[SLOT_DX]);
  w->params = fmax(w->params, fmax(j.nulp[SLOT_DGAMMA], j.nulp[SLOT_DBETA]));
  static const enum slot statistics[] = {SLOT_MEAN, SLOT_RSTD, SLOT_RUNNING_MEAN, SLOT_RUNNING_VAR};
  for (size_t k = 0; k < 4; ++k)
    if (j.nulp[statistics[k]] > w->statistics) w->statistics = j.nulp[statistics[k]];
  if (tc->p.direction == NORMATIVE_FORWARD) count_misrounded(&tc->p, in, truth, &out.t[SLOT_Y], w);
  tensors_free(&out);
}

static struct worst reference, optimized;

static void judge_sweep(void)
{
  struct cases all = {0};
  sweep(TIER_QUICK, 1, collect, &all);
  assert_true(all.count > 1000);
  for (size_t i = 0; i < all.count; ++i) {
    struct tensors in = {0};
    struct truth truth = {0};
    struct error e;
    if (inputs_make(&all.tc[i], &in, &e) || oracle_run(&all.tc[i].p, &in, &truth, &e)) fail_msg("%s", e.text);
    one_case(builtin_find("reference"), &all.tc[i], &in, &truth, &reference);
    one_case(builtin_find("optimized"), &all.tc[i], &in, &truth, &optimized);
    truth_free(&truth);
    tensors_free(&in);
  }
  free(all.tc);
}

static void report(const char *name, const struct worst *w)
{
  printf("%s: y %.4f nULP, statistics %.2f, dx %.4f, dgamma and dbeta %.4f; of y %zu of %zu misrounded, and %zu near ties\n",
         name, w->y, w->statistics, w->dx, w->params, w->misrounded, w->elements, w->ties);
  if (w->where[0]) fail_msg("%s is outside of f64-two-pass: %s", name, w->where);
  assert_true(w->elements > 1000000);
}

static void reference_keeps_its_promise(void **state)
{
  (void)state;
  judge_sweep();
  report("reference", &reference);
  assert_true(reference.y <= 0.501);
  assert_true(reference.dx <= 0.501 && reference.params <= 0.501);
  assert_true(reference.dx > 0 && reference.params > 0); /* judged at all */
  assert_true(reference.statistics <= 4);
  assert_true((double)reference.misrounded <= 1e-6 * (double)reference.elements);
}

static void optimized_keeps_its_promise(void **state)
{
  (void)state;
  report("optimized", &optimized);
  assert_true(optimized.y <= 4 && optimized.dx <= 4 && optimized.params <= 4);
}

/* The outputs of a case, computed by one library. */
static struct tensors outputs_of(const char *name, const char *library)
{
  struct testcase tc;
  struct tensors in = {0}, out = {0};
  struct host_result result;
  struct error e;
  if (case_parse(&tc, name, &e) || inputs_make(&tc, &in, &e)) fail_msg("%s", e.text);
  host_run(builtin_find(library), &tc.p, &in, &out, &(struct host_options){.threads = 1}, &result);
  assert_int_equal(result.status, HOST_OK);
  tensors_free(&in);
  return out;
}

/* `rest` is all of the names but norm and what is scaled; an output of the scaled case is `factor` times that of the plain. */
static void scaled_pair(const char *norm, const char *library, const char *rest, enum slot slot, float factor)
{
  char plain[CASE_NAME_MAX], scaled[CASE_NAME_MAX];
  snprintf(plain, sizeof plain, "%s/%s,eps64=0.25", norm, rest);
  snprintf(scaled, sizeof scaled, "%s/%s,eps64=256,pow2=5", norm, rest);
  struct tensors a = outputs_of(plain, library), b = outputs_of(scaled, library);
  const float *u = a.t[slot].data, *v = b.t[slot].data;
  assert_true(a.t[slot].count > 0);
  assert_int_equal(a.t[slot].count, b.t[slot].count);
  for (size_t i = 0; i < a.t[slot].count; ++i)
    if (factor * u[i] != v[i]) fail_msg("%s, %s: %s[%zu] is %a and %a", library, scaled, slot_name[slot], i, u[i], v[i]);
  tensors_free(&a);
  tensors_free(&b);
}

static void scaled_pairs_have_the_same_bits(void **state)
{
  static const char *const norms[] = {"layernorm", "rmsnorm", "batchnorm"};
  static const char *const libraries[] = {"reference", "optimized"};
  (void)state;
  for (size_t n = 0; n < 3; ++n)
    for (size_t l = 0; l < 2; ++l) {
      scaled_pair(norms[n], libraries[l], "forward/f32/33x129/mean1e2/seed3", SLOT_Y, 1);
      scaled_pair(norms[n], libraries[l], "backward/f32/33x129/mean1e2/seed3", SLOT_DX, 0x1p-5f);
      scaled_pair(norms[n], libraries[l], "backward/f32/33x129/mean1e2/seed3", SLOT_DGAMMA, 1);
      scaled_pair(norms[n], libraries[l], "backward/f32/33x129/mean1e2/seed3", SLOT_DBETA, 1);
    }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(reference_keeps_its_promise),
    cmocka_unit_test(optimized_keeps_its_promise),
    cmocka_unit_test(scaled_pairs_have_the_same_bits),
  };
  return cmocka_run_group_tests_name("promises", tests, NULL, NULL);
}
