/* SPDX-License-Identifier: Apache-2.0
   What the two libraries promise, over the whole quick sweep, against the oracle, whatever a preset's range is: every output
   in 32 or 16 bits at most 0.501 nULP off, of the y that are at least 2^-12 of their scale at most one in a million misrounded,
   not counting those so near to a tie (2^-60) that no double tells them from it; in f64 y at most 8 nULP, gradients 16;
   statistics 4.
   The optimized library likewise in f64; in f32 4 nULP, in 16 bits 0.51, but for statistics. Scaled pairs (2^k x, 4^k eps) have
   the same bits of y, dgamma and dbeta, and 2^-k dx.
     test_promises [NORM [TYPE]]   only these, and what was found of each norm and type */
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

enum { NORMS = NORMATIVE_SWITCHNORM + 1, TYPES = NORMATIVE_BF16 + 1 };
#define NONE INFINITY
static const struct library {
  const char *name;
  double y[TYPES], gradients[TYPES], statistics[TYPES];
  bool rounds;
} libraries[] = {
  {"reference", {0, 0.501, 8, 0.501, 0.501}, {0, 0.501, 16, 0.501, 0.501}, {0, 4, 4, 4, 4}, true},
  {"optimized", {0, 4, 8, 0.51, 0.51}, {0, 4, 16, 0.51, 0.51}, {0, NONE, 4, NONE, NONE}, false}};
enum { LIBRARIES = sizeof libraries / sizeof *libraries };

struct worst {
  double y, gradients, statistics;
  size_t cases, distrusted, misrounded, ties, elements;
  char where[3][CASE_NAME_MAX], outside[CASE_NAME_MAX], doubtful[CASE_NAME_MAX];
};
static struct worst worst[LIBRARIES][NORMS][TYPES];
static uint32_t only_norm, only_type; /* 0: all */
struct cases { struct testcase *tc; size_t count; };

static int collect(const struct testcase *tc, void *arg)
{
  struct cases *all = arg;
  if ((only_norm && tc->p.norm != only_norm) || (only_type && tc->p.type != only_type)) return 0;
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
      size_t i = element_at(&r, k);
      size_t c = param_at(&r, k);
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

static void take_worst(const struct testcase *tc, double nulp, double *most, char where[CASE_NAME_MAX])
{
  if (!(nulp > *most)) return;
  *most = nulp;
  case_name(where, tc);
}

/* Data of which every output says something. */
static bool ordinary(const struct recipe *r) { return !strcmp(r->family, "normal") && !r->dy[0] && !r->gamma[0] && !r->pow2; }

static void take_judgement(const struct testcase *tc, const struct judgement *j, struct worst *w)
{
  static const enum slot statistics[] = {SLOT_MEAN, SLOT_RSTD, SLOT_RUNNING_MEAN, SLOT_RUNNING_VAR};
  static const enum slot gradients[] = {SLOT_DX, SLOT_DGAMMA, SLOT_DBETA, SLOT_DLAMBDA_MEAN, SLOT_DLAMBDA_VAR};
  ++w->cases;
  w->distrusted += j->verdict == MISTRUSTED;
  if (j->verdict == FAIL) case_name(w->outside, tc);
  if (j->verdict == MISTRUSTED && ordinary(&tc->r)) case_name(w->doubtful, tc);
  take_worst(tc, fmax(j->nulp[SLOT_Y], j->nulp[SLOT_SUM]), &w->y, w->where[0]);
  for (size_t k = 0; k < 5; ++k) take_worst(tc, j->nulp[gradients[k]], &w->gradients, w->where[1]);
  for (size_t k = 0; k < 4; ++k) take_worst(tc, j->nulp[statistics[k]], &w->statistics, w->where[2]);
}

static void greater(double nulp, const char *where, double *most, char to[CASE_NAME_MAX])
{
  if (!(nulp > *most)) return;
  *most = nulp;
  strcpy(to, where);
}

static void merge(struct worst *all, const struct worst *w)
{
  greater(w->y, w->where[0], &all->y, all->where[0]);
  greater(w->gradients, w->where[1], &all->gradients, all->where[1]);
  greater(w->statistics, w->where[2], &all->statistics, all->where[2]);
  all->cases += w->cases;
  all->distrusted += w->distrusted;
  all->misrounded += w->misrounded;
  all->ties += w->ties;
  all->elements += w->elements;
  if (w->outside[0]) strcpy(all->outside, w->outside);
  if (w->doubtful[0]) strcpy(all->doubtful, w->doubtful);
}

/* Returns false with e->text set where the library does not compute what it says it does. */
static bool one_case(size_t library, const struct testcase *tc, const struct tensors *in, struct truth *truth, struct error *e)
{
  const struct normative_plugin *plugin = builtin_find(libraries[library].name);
  struct worst w = {0};
  struct tensors out = {0};
  struct host_result result;
  struct judgement j;
  if (plugin->supports(&tc->p)) return true;
  host_run(plugin, &tc->p, in, &out, &(struct host_options){.threads = 2}, &result);
  if (result.status != HOST_OK) return !(fail)(e, "%s: %s", plugin->name, result.reason);
  judge(&tc->p, in, truth, &out, preset_find("f64-two-pass", e), false, &j);
  take_judgement(tc, &j, &w);
  if (tc->p.direction == NORMATIVE_FORWARD && tc->p.type != NORMATIVE_F64)
    count_misrounded(&tc->p, in, truth, &out.t[SLOT_Y], &w);
  tensors_free(&out);
#pragma omp critical
  merge(&worst[library][tc->p.norm][tc->p.type], &w);
  return true;
}

/* Is there a library that computes this? */
static bool computed(const struct normative_problem *p)
{
  for (size_t library = 0; library < LIBRARIES; ++library)
    if (!builtin_find(libraries[library].name)->supports(p)) return true;
  return false;
}

static bool judge_case(const struct testcase *tc, struct error *e)
{
  struct tensors in = {0};
  struct truth truth = {0};
  if (!computed(&tc->p)) return true;
  if (inputs_make(tc, &in, e) || oracle_run(&tc->p, &in, &truth, e)) return false;
  bool good = true;
  for (size_t library = 0; library < LIBRARIES && good; ++library) good = one_case(library, tc, &in, &truth, e);
  truth_free(&truth);
  tensors_free(&in);
  return good;
}

/* Where terms of SwitchableNorm cancel that the result does not show: what layers and batches add to dx; a running variance
   below 0 beside positive ones; means that are mixed to nearly nothing, dy all alike. */
static const char *const cancelling[] = {
  "switchnorm/backward/f64/2x5x5/mean1e12/seed5,mode=evaluation,dy=alternating",
  "switchnorm/backward/f64/3x6x3x11/normal/seed2,mode=evaluation,layout=nsc,running=negative,dy=mean1e12",
  "switchnorm/forward/f64/3x6x3x11/normal/seed2,mode=evaluation,running=negative",
  "switchnorm/backward/f64/2x2x2059/constant/seed5,dy=mean1e12"};

static void add_cancelling(struct cases *all)
{
  struct testcase tc;
  struct error e;
  for (size_t i = 0; i < sizeof cancelling / sizeof *cancelling; ++i) {
    if (case_parse(&tc, cancelling[i], &e)) fail_msg("%s", e.text);
    collect(&tc, all);
  }
}

static void judge_sweep(void)
{
  struct cases all = {0};
  struct error first = {""};
  sweep(TIER_QUICK, 1, collect, &all);
  add_cancelling(&all);
#pragma omp parallel for schedule(dynamic)
  for (size_t i = 0; i < all.count; ++i) {
    struct error e;
    if (judge_case(&all.tc[i], &e)) continue;
#pragma omp critical
    first = e;
  }
  free(all.tc);
  if (first.text[0]) fail_msg("%s", first.text);
}

/* Says and counts what is not kept. */
static int broken(const char *what, double got, double promised, const char *where)
{
  if (got <= promised) return 0;
  printf("  %s: %.4f, promised is %g: %s\n", what, got, promised, where);
  return 1;
}

static int kept(const struct library *l, uint32_t norm, uint32_t type, const struct worst *w)
{
  printf("%s %s %s: %zu cases, y %.4f nULP, gradients %.4f, statistics %.2f; %zu decide nothing;", l->name, norm_find(norm)->name,
         type_name(type), w->cases, w->y, w->gradients, w->statistics, w->distrusted);
  printf(" of y %zu of %zu misrounded, %zu near ties\n", w->misrounded, w->elements, w->ties);
  int bad = broken("y", w->y, l->y[type], w->where[0]) + broken("a gradient", w->gradients, l->gradients[type], w->where[1]) +
            broken("a statistic", w->statistics, l->statistics[type], w->where[2]);
  if (l->rounds && (double)w->misrounded > 1e-6 * (double)w->elements) bad += printf("  misrounded\n") > 0;
  if (w->outside[0]) bad += printf("  outside of f64-two-pass: %s\n", w->outside) > 0;
  if (w->doubtful[0]) bad += printf("  decides nothing, on ordinary data: %s\n", w->doubtful) > 0;
  return bad;
}

static void promises_are_kept(void **state)
{
  int bad = 0;
  size_t elements = 0;
  (void)state;
  judge_sweep();
  for (size_t library = 0; library < LIBRARIES; ++library)
    for (uint32_t norm = 1; norm < NORMS; ++norm)
      for (uint32_t type = 1; type < TYPES; ++type) {
        const struct worst *w = &worst[library][norm][type];
        if (w->cases) bad += kept(&libraries[library], norm, type, w);
        elements += w->elements;
        if (w->cases && !only_norm && !(w->y > 0 && w->gradients > 0)) bad += printf("  not judged\n") > 0;
      }
  assert_int_equal(bad, 0);
  assert_true(elements > 1000000 || only_norm);
}

static void the_reference_has_all(void **state)
{
  (void)state;
  if (only_norm) skip();
  for (uint32_t norm = 1; norm < NORMS; ++norm)
    for (uint32_t type = 1; type < TYPES; ++type)
      if (!worst[0][norm][type].cases) fail_msg("the reference computes no %s in %s", norm_find(norm)->name, type_name(type));
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
  (void)state;
  if (only_norm) skip();
  for (size_t n = 0; n < 3; ++n)
    for (size_t l = 0; l < 2; ++l) {
      scaled_pair(norms[n], libraries[l].name, "forward/f32/33x129/mean1e2/seed3", SLOT_Y, 1);
      scaled_pair(norms[n], libraries[l].name, "backward/f32/33x129/mean1e2/seed3", SLOT_DX, 0x1p-5f);
      scaled_pair(norms[n], libraries[l].name, "backward/f32/33x129/mean1e2/seed3", SLOT_DGAMMA, 1);
      scaled_pair(norms[n], libraries[l].name, "backward/f32/33x129/mean1e2/seed3", SLOT_DBETA, 1);
    }
}

int main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(promises_are_kept),
    cmocka_unit_test(the_reference_has_all),
    cmocka_unit_test(scaled_pairs_have_the_same_bits),
  };
  const struct norm_row *row = argc > 1 ? norm_by_name(argv[1]) : NULL;
  if ((argc > 1 && !row) || (argc > 2 && type_by_name(argv[2], &only_type))) {
    fprintf(stderr, "test_promises: no norm or type '%s'\n", argv[row ? 2 : 1]);
    return 2;
  }
  only_norm = row ? row->id : 0;
  return cmocka_run_group_tests_name("promises", tests, NULL, NULL);
}
