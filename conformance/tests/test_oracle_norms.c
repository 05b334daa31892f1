/* SPDX-License-Identifier: Apache-2.0
   The oracle's forward values of every norm with an index map of its own, type, layout and convention, against the definition
   in thousands of bits. (SwitchableNorm: test_oracle_switch.c.) */
#include "inputs.h"
#include "oracle.h"
#include "settle.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h> /* last: it has a macro fail() */
#include "hand.inc"
#include "definition.inc"

struct book { /* of groups: mean, var, rstd; of elements: sum, y; of channels: the running statistics */
  size_t groups, elements;
  struct value *mean, *var, *rstd, *sum, *y, *running_mean, *running_var;
  mpfr_t t;
};

static void book_statistics(const struct run *r, struct book *b)
{
  const struct normative_problem *p = &r->tc.p;
  const size_t m = b->elements / b->groups;
  for (size_t i = 0; i < b->elements; ++i) {
    size_t g = group_of(p, i);
    mpfr_set_d(b->sum[i].v, input(r, SLOT_X, i, 0), MPFR_RNDN);
    mpfr_add_d(b->sum[i].v, b->sum[i].v, input(r, SLOT_RESIDUAL, i, 0), MPFR_RNDN);
    if (p->norm != NORMATIVE_RMSNORM) mpfr_add(b->mean[g].v, b->mean[g].v, b->sum[i].v, MPFR_RNDN);
  }
  for (size_t g = 0; g < b->groups; ++g) mpfr_div_ui(b->mean[g].v, b->mean[g].v, m, MPFR_RNDN);
  for (size_t i = 0; i < b->elements; ++i) {
    size_t g = group_of(p, i);
    mpfr_sub(b->t, b->sum[i].v, b->mean[g].v, MPFR_RNDN);
    mpfr_fma(b->var[g].v, b->t, b->t, b->var[g].v, MPFR_RNDN);
  }
  for (size_t g = 0; g < b->groups; ++g) mpfr_div_ui(b->var[g].v, b->var[g].v, m, MPFR_RNDN);
}

/* a = the update of old by the batch's b */
static void update(const struct normative_problem *p, mpfr_ptr a, double old, mpfr_ptr b)
{
  mpfr_t w;
  mpfr_init2(w, mpfr_get_prec(a));
  mpfr_set_d(w, p->momentum, MPFR_RNDN);
  if (p->rule == NORMATIVE_MOMENTUM_CUMULATIVE) mpfr_ui_div(w, 1, w, MPFR_RNDN);
  if (p->rule == NORMATIVE_MOMENTUM_OLD) mpfr_ui_sub(w, 1, w, MPFR_RNDN);
  mpfr_mul(a, w, b, MPFR_RNDN);
  mpfr_ui_sub(w, 1, w, MPFR_RNDN);
  mpfr_mul_d(w, w, old, MPFR_RNDN);
  mpfr_add(a, a, w, MPFR_RNDN);
  mpfr_clear(w);
}

/* The average over the groups of a channel, and the update with it. */
static void book_running(const struct run *r, struct book *b)
{
  const struct normative_problem *p = &r->tc.p;
  size_t m = b->elements / b->groups;
  mpfr_t mean, var;
  mpfr_inits2(mpfr_get_prec(b->t), mean, var, (mpfr_ptr)0);
  for (size_t c = 0; c < p->c; ++c) {
    mpfr_set_zero(mean, 1);
    mpfr_set_zero(var, 1);
    for (size_t g = c; g < b->groups; g += p->c) {
      mpfr_add(mean, mean, b->mean[g].v, MPFR_RNDN);
      mpfr_add(var, var, b->var[g].v, MPFR_RNDN);
    }
    mpfr_div_ui(mean, mean, b->groups / p->c, MPFR_RNDN);
    mpfr_div_ui(var, var, b->groups / p->c, MPFR_RNDN);
    if (p->estimator != NORMATIVE_POPULATION && m > 1) {
      mpfr_mul_ui(var, var, m, MPFR_RNDN);
      mpfr_div_ui(var, var, m - 1, MPFR_RNDN);
    }
    update(p, b->running_mean[c].v, input(r, SLOT_RUNNING_MEAN, c, 0), mean);
    update(p, b->running_var[c].v, input(r, SLOT_RUNNING_VAR, c, 0), var);
  }
  mpfr_clears(mean, var, (mpfr_ptr)0);
}

static void book_rstd(const struct run *r, struct book *b)
{
  const struct normative_problem *p = &r->tc.p;
  for (size_t g = 0; g < b->groups; ++g) {
    mpfr_ptr rstd = b->rstd[g].v;
    if (p->mode == NORMATIVE_EVALUATION) {
      mpfr_set_d(b->mean[g].v, input(r, SLOT_RUNNING_MEAN, g % p->c, 0), MPFR_RNDN);
      mpfr_set_d(b->var[g].v, input(r, SLOT_RUNNING_VAR, g % p->c, 0), MPFR_RNDN);
    }
    mpfr_set(rstd, b->var[g].v, MPFR_RNDN);
    if (p->eps_place == NORMATIVE_EPS_MAX && mpfr_cmp_d(rstd, p->eps) < 0) mpfr_set_d(rstd, p->eps, MPFR_RNDN);
    if (p->eps_place == NORMATIVE_EPS_INSIDE) mpfr_add_d(rstd, rstd, p->eps, MPFR_RNDN);
    if (p->eps_place == NORMATIVE_EPS_OUTSIDE) {
      mpfr_sqrt(rstd, rstd, MPFR_RNDN);
      mpfr_add_d(rstd, rstd, p->eps, MPFR_RNDN);
      mpfr_abs(rstd, rstd, MPFR_RNDN); /* no -0 */
      mpfr_ui_div(rstd, 1, rstd, MPFR_RNDN);
    } else mpfr_rec_sqrt(rstd, rstd, MPFR_RNDN);
  }
}

static void book_y(const struct run *r, struct book *b)
{
  const struct normative_problem *p = &r->tc.p;
  bool plus_one = p->casts == NORMATIVE_CAST_PLUS_ONE;
  for (size_t i = 0; i < b->elements; ++i) {
    size_t g = group_of(p, i), j = param_of(p, i);
    mpfr_t gamma;
    mpfr_init2(gamma, mpfr_get_prec(b->t));
    mpfr_set_d(gamma, input(r, SLOT_GAMMA, j, plus_one ? 0 : 1), MPFR_RNDN);
    if (plus_one) mpfr_add_ui(gamma, gamma, 1, MPFR_RNDN);
    mpfr_sub(b->t, b->sum[i].v, b->mean[g].v, MPFR_RNDN);
    mpfr_mul(b->t, b->t, b->rstd[g].v, MPFR_RNDN);
    mpfr_mul(b->t, b->t, gamma, MPFR_RNDN);
    plus(&b->y[i], b->t, 1);
    mpfr_set_d(b->t, input(r, SLOT_BETA, j, 0), MPFR_RNDN);
    plus(&b->y[i], b->t, 1);
    mpfr_clear(gamma);
  }
}

static void against_the_book(struct run *r, struct tally *tally)
{
  const struct normative_problem *p = &r->tc.p;
  mpfr_prec_t bits = p->type == NORMATIVE_F64 ? 8000 : 2400;
  struct book b = {.elements = p->n * p->c * p->s};
  truth_of(r);
  b.groups = group_of(p, b.elements - 1) + 1;
  mpfr_init2(b.t, bits);
  struct value **all[] = {&b.mean, &b.var, &b.rstd, &b.sum, &b.y, &b.running_mean, &b.running_var};
  const size_t counts[] = {b.groups, b.groups, b.groups, b.elements, b.elements, p->c, p->c};
  for (size_t n = 0; n < 7; ++n) *all[n] = values(counts[n], bits);
  book_statistics(r, &b);
  if (p->running && p->mode == NORMATIVE_TRAINING) book_running(r, &b);
  book_rstd(r, &b);
  book_y(r, &b);
  const enum slot slots[] = {SLOT_MEAN, SLOT_RSTD, SLOT_VARIANCE, SLOT_SUM, SLOT_Y, SLOT_RUNNING_MEAN, SLOT_RUNNING_VAR};
  struct value **outputs[] = {&b.mean, &b.rstd, &b.var, &b.sum, &b.y, &b.running_mean, &b.running_var};
  for (size_t n = 0; n < 7; ++n)
    for (size_t i = 0; i < r->truth.t[slots[n]].count; ++i) same(r, slots[n], i, &(*outputs[n])[i], tally);
  for (size_t n = 0; n < 7; ++n) values_free(*all[n], counts[n]);
  mpfr_clear(b.t);
}

static const char *draw(uint64_t *dice, const char *const *words, size_t count)
{
  *dice = *dice * 6364136223846793005u + 1442695040888963407u;
  return words[(*dice >> 33) % count];
}
#define DRAW(...) draw(&dice, (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/* Case number n of a norm over a family of x; false if the problem does not exist or the type cannot hold the data. */
static bool make_case(struct run *r, int n, const char *norm, const char *x)
{
  uint64_t dice = (uint64_t)n * 0x9e3779b97f4a7c15u;
  const struct norm_row *row = norm_by_name(norm);
  const char *type = DRAW("f32", "bf16", "f64", "f16", "bf16,params=f32", "f16,params=f32"), *comma = strchr(type, ',');
  const char *shape = row->axes == 2 ? DRAW("6x8", "3x16", "12x3", "4x2", "2x33", "1x9", "6x1")
                                     : DRAW("5x2x3", "2x2x9", "7x5", "1x3x8", "3x2x2x2", "2x3", "2x6x3", "3x4x2x2", "2x8");
  const char *mode = !row->evaluates ? "" : DRAW("", "", ",mode=evaluation", ",mode=evaluation,epsplace=max",
                                                 ",running=ordinary",
                                                 ",running=ordinary,rule=old,estimator=population",
                                                 ",running=ordinary,estimator=unbiased1",
                                                 ",running=ordinary,rule=cumulative,momentum=3");
  const char *parts = row->axes == 2 ? DRAW("", "", ",groups=2,affine=element", ",groups=3,affine=group", ",affine=group",
                                            ",groups=3,affine=element", ",groups=6,affine=group")
                      : strcmp(norm, "groupnorm") ? "" : DRAW("", ",groups=2", ",groups=3", ",groups=2,affine=group",
                                                              ",groups=2,affine=element", ",affine=element");
  const char *layout = row->axes == 2 ? DRAW("", "", ",residual=yes") : DRAW("", ",layout=nsc");
  const char *kept = strstr(mode, "evaluation") ? "" : DRAW("", ",saved=variance");
  char name[CASE_NAME_MAX];
  struct error e = {""};
  snprintf(name, sizeof name, "%s/forward/%.*s/%s/%s/seed%d%s%s%s%s%s%s%s%s,gamma=%s,beta=%s", norm,
           comma ? (int)(comma - type) : (int)strlen(type), type, shape, x, n, comma ? comma : "", mode, parts, layout, kept,
           DRAW("", ",eps=0.25", ",eps=1e-12"),
           strstr(mode, "epsplace") ? "" : DRAW("", "", ",epsplace=outside", ",epsplace=max"),
           DRAW("", "", ",casts=normal", ",casts=plusone"), DRAW("ones", "ordinary", "mixed", "zerofirst"),
           DRAW("ones", "ordinary", "absent", "mixed"));
  memset(r, 0, sizeof *r);
  if (!case_parse(&r->tc, name, &e) && !inputs_make(&r->tc, &r->in, &e)) return true;
  tensors_free(&r->in);
  return false;
}

static void every_norm(void **state)
{
  (void)state;
  char x[48];
  int n = 0;
  for (const struct norm_row *row = norm_table; row->name; ++row) {
    struct tally tally = {0};
    int cases = 0, evaluations = 0;
    if (row->id == NORMATIVE_SWITCHNORM) continue;
    for (int round = 0; round < 12; ++round)
      for (size_t i = 0; family_name("x", i, round + (int)i, x); ++i) {
        struct run r;
        if (!make_case(&r, ++n, row->name, x)) continue;
        against_the_book(&r, &tally);
        close_case(&r);
        ++cases;
        evaluations += r.tc.p.mode == NORMATIVE_EVALUATION;
      }
    print_message("%s: %d cases, %zu values, %zu of them 0, %zu halfway, %zu not finite\n", row->name, cases, tally.elements,
                  tally.zeros, tally.ties, tally.specials);
    assert_true(cases > 100 && tally.elements > 3000 && tally.zeros > 50 && tally.specials > 20);
    assert_true(!row->evaluates || evaluations > 20);
  }
}

/* f64 from the smallest to the largest number, squares that over- and underflow, and kappa of 1e12; f32 likewise. */
static void whole_range(void **state)
{
  (void)state;
  const char *const norms[] = {"batchnorm", "layernorm", "rmsnorm", "instancenorm", "groupnorm", "layernorm_channels"};
  struct tally tally = {0};
  uint64_t seed = 3;
  for (int n = 0; n < 240; ++n) {
    char name[CASE_NAME_MAX];
    struct run r;
    snprintf(name, sizeof name, "%s/forward/%s/4x6/hand/seed1,eps=%s%s", norms[n % 6], n / 6 % 2 ? "f32" : "f64",
             n / 12 % 2 ? "1e-12" : "0.5", n / 120 ? ",saved=variance" : "");
    open_case(&r, name);
    for (size_t i = 0; i < r.in.t[SLOT_X].count; ++i) {
      seed = seed * 6364136223846793005u + 1442695040888963407u;
      double u = (double)(int64_t)seed * 0x1p-63, top = n / 6 % 2 ? 0x1.fffffep127 : 0x1.fffffffffffffp1023;
      double x[] = {1e12 + u, u < 0 ? -top : top, floor(8 * u) * (n / 6 % 2 ? 0x1p-149 : 0x1p-1074), u * top,
                    ldexp(u, (int)(seed >> 20 & 1023) - (n / 6 % 2 ? 900 : 512))};
      put(&r, SLOT_X, i, x[n / 24 % 5]);
    }
    against_the_book(&r, &tally);
    close_case(&r);
  }
  assert_true(tally.elements > 5000);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_norm), cmocka_unit_test(whole_range)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
