/* SPDX-License-Identifier: Apache-2.0
   The oracle on SwitchableNorm: by hand, where its weights are transcendental and its values not; against the definition in
   thousands of bits; against finite differences of its own forward values. */
#include "inputs.h"
#include "oracle.h"
#include <float.h>
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

static int kind(const struct run *r, enum slot s, size_t i) { return r->truth.t[s].exact[i].kind; }
static void again(struct run *r)
{
  truth_free(&r->truth);
  truth_of(r);
}

/* ---- by hand ---- */

/* One group: all statistics are one, whatever the weights: LayerNorm of -1, 1 at eps = 0, whose xhat is -1, 1. */
static void one_group(void **state)
{
  (void)state;
  struct run r;
  open_case(&r, "switchnorm/forward/f32/1x1x2/hand/seed1,eps=0");
  put_all(&r, SLOT_X, (double[]){-1, 1});
  put_all(&r, SLOT_LAMBDA_MEAN, (double[]){0.3f, 1.7f, -0.1f});
  put_all(&r, SLOT_LAMBDA_VAR, (double[]){2, -1.25, 0.7f});
  put(&r, SLOT_BETA, 0, 0x3p-24);
  truth_of(&r);
  EXPECT(&r, SLOT_Y, 1, 1 + 0x1p-22); /* halfway, to even */
  assert_true(exactly(&r, SLOT_Y, 1, 1 + 0x3p-24));
  put(&r, SLOT_BETA, 0, 1);
  again(&r);
  assert_int_equal(kind(&r, SLOT_Y, 0), WIDE_ZERO);
  EXPECT(&r, SLOT_Y, 1, 2);
  assert_true(r.truth.group[0].sigma2 >= 1 && r.truth.group[0].sigma2 < 1 + 0x1p-58L && r.truth.group[0].rstd >= 1);
  close_case(&r);
  open_case(&r, "switchnorm/backward/f32/1x1x2/hand/seed1,eps=0"); /* of two elements dx is 0 */
  put_all(&r, SLOT_X, (double[]){-1, 1});
  put_all(&r, SLOT_DY, (double[]){0.3f, 5});
  put_all(&r, SLOT_LAMBDA_MEAN, (double[]){0.3f, 1.7f, -0.1f});
  put_all(&r, SLOT_LAMBDA_VAR, (double[]){2, -1.25, 0.7f});
  truth_of(&r);
  for (size_t i = 0; i < 2; ++i) assert_int_equal(kind(&r, SLOT_DX, i), WIDE_ZERO);
  for (size_t k = 0; k < 3; ++k) assert_int_equal(kind(&r, SLOT_DLAMBDA_MEAN, k), WIDE_ZERO);
  for (size_t k = 0; k < 3; ++k) assert_int_equal(kind(&r, SLOT_DLAMBDA_VAR, k), WIDE_ZERO);
  EXPECT(&r, SLOT_DGAMMA, 0, (float)(5 - (double)0.3f));
  close_case(&r);
}

/* Halfway through several statistics, one of them the repository's. */
static void ties(void **state)
{
  (void)state;
  struct run r;
  open_case(&r, "switchnorm/forward/f32/1x1x3/hand/seed1,eps=0,repo=yes"); /* 2/3 times 3/2 */
  put_all(&r, SLOT_X, (double[]){-1, 0, 1});
  put_all(&r, SLOT_LAMBDA_MEAN, (double[]){0.3f, 1.7f, -0.1f});
  put_all(&r, SLOT_LAMBDA_VAR, (double[]){2, -1.25, 0.7f});
  for (int odd = 1; odd < 4; odd += 2) {
    put(&r, SLOT_BETA, 0, odd * 0x1p-24);
    again(&r);
    EXPECT(&r, SLOT_Y, 2, odd == 1 ? 1 : 1 + 0x1p-22);
  }
  close_case(&r);
  open_case(&r, "switchnorm/backward/f32/1x1x4/hand/seed1,eps=0"); /* dx = (g0 - g1)/2, (g1 - g0)/2, ...; xhat = x */
  put_all(&r, SLOT_X, (double[]){-1, -1, 1, 1});
  put_all(&r, SLOT_LAMBDA_MEAN, (double[]){0.3f, 1.7f, -0.1f});
  put_all(&r, SLOT_LAMBDA_VAR, (double[]){2, -1.25, 0.7f});
  for (int odd = 1; odd < 4; odd += 2) {
    put_all(&r, SLOT_DY, (double[]){2, -odd * 0x1p-23, 5, 7});
    again(&r);
    EXPECT(&r, SLOT_DX, 0, odd == 1 ? 1 : 1 + 0x1p-22);
    EXPECT(&r, SLOT_DX, 1, odd == 1 ? -1 : -1 - 0x1p-22);
    put_all(&r, SLOT_DY, (double[]){-1, 0.5, 0.5, odd * 0x1p-24});
    again(&r);
    EXPECT(&r, SLOT_DGAMMA, 0, odd == 1 ? 1 : 1 + 0x1p-22);
  }
  close_case(&r);
}

/* Two channels of mean 3 and -3, 3/2 around it, weights 1/2: M = 3/2, -3/2; V + eps = (9/4 + 45/4)/2 + 9/4 = 9;
   x - M = 3, 0, 0, -3; mu_in - M = 3/2, -3/2; v_in - V = -9/2. dlambda_mean = -+(G0 - G1)/4, dlambda_var = +-(g0 - g3)/8. */
static void lambda_ties(void **state)
{
  (void)state;
  struct run r;
  open_case(&r, "switchnorm/backward/f32/1x2x2/hand/seed1,eps=2.25,dropbn=yes");
  put_all(&r, SLOT_X, (double[]){4.5, 1.5, -1.5, -4.5});
  for (int odd = 1; odd < 4; odd += 2) {
    const double one = odd == 1 ? 1 : 1 + 0x1p-22;
    put_all(&r, SLOT_DY, (double[]){-4, -odd * 0x1p-22, 3, -3});
    again(&r);
    EXPECT(&r, SLOT_DLAMBDA_MEAN, 0, one);
    EXPECT(&r, SLOT_DLAMBDA_MEAN, 1, -one);
    put_all(&r, SLOT_DY, (double[]){8, 5, -7, -odd * 0x1p-21});
    again(&r);
    EXPECT(&r, SLOT_DLAMBDA_VAR, 0, one);
    EXPECT(&r, SLOT_DLAMBDA_VAR, 1, -one);
  }
  close_case(&r);
}

/* Three samples of different R: 1 + 2^-53, and beside it u 1.5/sqrt(1.25) - u 2.25/sqrt(5) > 0, u = 2^-600. */
static void three_roots(void **state)
{
  (void)state;
  struct run r;
  open_case(&r, "switchnorm/backward/f64/3x1x4/hand/seed1,eps=0,dropbn=yes");
  put_all(&r, SLOT_X, (double[]){-1, -1, 1, 1, 1, 2, 3, 4, 2, 4, 6, 8});
  for (int sign = -1; sign <= 1; sign += 2) {
    put_all(&r, SLOT_DY, (double[]){-1, 0, 0, 0x1p-53, 0, 0, 0, sign * 0x1p-600, 0, 0, 0, -sign * 0x3p-602});
    again(&r);
    EXPECT(&r, SLOT_DGAMMA, 0, sign > 0 ? 1 + 0x1p-52 : 1);
  }
  close_case(&r);
}

/* -1, 1 beside a second sample, which only the batch's variance sees, by a weight of e^-10000: more or less than a tie. */
static void beside_a_tie(void **state)
{
  (void)state;
  struct run r;
  open_case(&r, "switchnorm/forward/f32/2x1x2/hand/seed1,eps=0");
  put_all(&r, SLOT_LAMBDA_MEAN, (double[]){1, 2, 3});
  put_all(&r, SLOT_LAMBDA_VAR, (double[]){1e4, 0, 0});
  put(&r, SLOT_BETA, 0, 0x3p-24);
  for (int sign = -1; sign <= 1; ++sign) {
    double x = 1 + sign * 0x1p-20;
    put_all(&r, SLOT_X, (double[]){-1, 1, -x, x});
    again(&r);
    EXPECT(&r, SLOT_Y, 1, sign > 0 ? 1 + 0x1p-23 : 1 + 0x1p-22);
  }
  put(&r, SLOT_BETA, 0, 0x1p-24);
  put_all(&r, SLOT_X, (double[]){-1, 1, -0.5, 0.5});
  again(&r);
  EXPECT(&r, SLOT_Y, 1, 1 + 0x1p-23); /* above */
  close_case(&r);
}

/* Equal weights, x = 1, 3 | 5, 7 of two channels of one sample: mu_in 2, 6, mu_ln 4, mu_bn as mu_in; v_in = v_bn = 1, v_ln = 5.
   M = 8/3, 16/3; V = 7/3. */
static void equal_weights(void **state)
{
  (void)state;
  struct run r;
  open_case(&r, "switchnorm/forward/f32/1x2x2/hand/seed1,eps=0,momentum=0.5,estimator=population,running=hand");
  put_all(&r, SLOT_X, (double[]){1, 3, 5, 7});
  truth_of(&r);
  const double root = 1.5275252316519466 /* sqrt(7/3) */, t[] = {1 - 8.0 / 3, 3 - 8.0 / 3, 5 - 16.0 / 3, 7 - 16.0 / 3};
  for (size_t i = 0; i < 4; ++i) EXPECT(&r, SLOT_Y, i, (float)(t[i] / root));
  EXPECT(&r, SLOT_RUNNING_MEAN, 1, 3); /* from 0 */
  EXPECT(&r, SLOT_RUNNING_VAR, 1, 0.5);
  const struct switch_truth *sw = r.truth.sw;
  assert_true(sw->lambdas == 3 && sw->group[1].mu_hi[0] == 6 && sw->group[1].mu_hi[1] == 4 && sw->group[1].mu_hi[2] == 6);
  assert_true(sw->group[0].v[0] == 1 && sw->group[0].v[1] == 5 && sw->group[0].v[2] == 1 && sw->group[0].mu_lo[1] == 0);
  assert_true(fabsl(sw->w[1] - 1.0L / 3) < 1e-18L && fabsl(sw->w_var[2] - 1.0L / 3) < 1e-18L);
  close_case(&r);
  open_case(&r, "switchnorm/forward/f32/1x2x2/hand/seed1,eps=0,dropbn=yes"); /* M = 3, 5; V = 3 */
  put_all(&r, SLOT_X, (double[]){1, 3, 5, 7});
  truth_of(&r);
  EXPECT(&r, SLOT_Y, 0, (float)(-2 / sqrt(3)));
  assert_int_equal(kind(&r, SLOT_Y, 1), WIDE_ZERO);
  EXPECT(&r, SLOT_Y, 3, (float)(2 / sqrt(3)));
  close_case(&r);
  open_case(&r, "switchnorm/forward/f32/1x2x2/hand/seed1,eps=0,repo=yes"); /* v_in 2: v_ln 2 + 4, v_bn 2; V = 10/3 */
  put_all(&r, SLOT_X, (double[]){1, 3, 5, 7});
  truth_of(&r);
  EXPECT(&r, SLOT_Y, 0, (float)(-5 / 3.0 / sqrt(10 / 3.0)));
  assert_true(r.truth.sw->group[0].v[1] == 6 && r.truth.sw->group[0].v[2] == 2);
  close_case(&r);
  open_case(&r, "switchnorm/forward/f32/1x2x2/hand/seed1,eps=0,mode=evaluation"); /* M = 2, 6 - 2/3; V = 16/3, 4 */
  put_all(&r, SLOT_X, (double[]){1, 3, 5, 7});
  put_all(&r, SLOT_RUNNING_MEAN, (double[]){0, 6});
  put_all(&r, SLOT_RUNNING_VAR, (double[]){10, 6});
  truth_of(&r);
  EXPECT(&r, SLOT_Y, 0, (float)(-1 / sqrt(16 / 3.0)));
  EXPECT(&r, SLOT_Y, 3, (float)((7 - 16 / 3.0) / 2));
  close_case(&r);
}

/* A running variance below 0: V + eps < 0, = 0 (by algebra), > 0 by e^-2 or so. */
static void negative_variance(void **state)
{
  (void)state;
  struct run r;
  open_case(&r, "switchnorm/forward/f32/1x1x2/hand/seed1,eps=0.5,mode=evaluation,params=f32");
  put_all(&r, SLOT_X, (double[]){-1, 1}); /* v_in = v_ln = 1 */
  put(&r, SLOT_RUNNING_VAR, 0, -3.5);     /* V + eps = (1.5 + 1.5 - 3)/3 at equal weights */
  truth_of(&r);
  EXPECT(&r, SLOT_Y, 0, -INFINITY);
  EXPECT(&r, SLOT_Y, 1, INFINITY);
  put(&r, SLOT_LAMBDA_VAR, 2, 1);
  again(&r);
  EXPECT(&r, SLOT_Y, 0, NAN);
  put(&r, SLOT_LAMBDA_VAR, 2, -0x1p-100); /* less by 3 2^-100 e^0 / 3 */
  again(&r);
  EXPECT(&r, SLOT_Y, 1, 0x1p50f);
  assert_int_equal(kind(&r, SLOT_Y, 1), WIDE_FINITE);
  close_case(&r);
}

/* Weights below 2^-2^56 are 0: InstanceNorm's mean with LayerNorm's variance. */
static void huge_lambdas(void **state)
{
  (void)state;
  struct run r;
  open_case(&r, "switchnorm/forward/f64/1x2x2/hand/seed1,eps=0");
  put_all(&r, SLOT_X, (double[]){1, 3, 5, 7});
  put_all(&r, SLOT_LAMBDA_MEAN, (double[]){DBL_MAX, -DBL_MAX, 0});
  put_all(&r, SLOT_LAMBDA_VAR, (double[]){-1e300, 1e300, -0x1p-1074});
  truth_of(&r);
  EXPECT(&r, SLOT_Y, 0, -0.44721359549995793928); /* 1/sqrt(5) */
  EXPECT(&r, SLOT_Y, 3, 0.44721359549995793928);
  assert_true(r.truth.sw->w[0] >= 1 && r.truth.sw->w[1] == 0);
  close_case(&r);
  open_case(&r, "switchnorm/backward/f32/3x4/hand/seed1"); /* S = 1 and all weight on IN: x - M and dx are below 2^-14000 */
  put_all(&r, SLOT_X, (double[]){1, 3, 5, 7, 2, 4, 8, 16, 0.1f, 0.2f, 0.3f, 0.4f});
  put_all(&r, SLOT_DY, (double[]){3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8});
  put_all(&r, SLOT_LAMBDA_MEAN, (double[]){1e4, 0, 0});
  put_all(&r, SLOT_LAMBDA_VAR, (double[]){1e4, 0, 0});
  truth_of(&r);
  for (size_t i = 0; i < 12; ++i) EXPECT(&r, SLOT_DX, i, 0);
  for (size_t i = 0; i < 12; ++i) assert_int_equal(kind(&r, SLOT_DX, i), WIDE_FINITE);
  assert_true(r.truth.t[SLOT_DX].exact[0].exponent < -14000 && r.truth.t[SLOT_DX].exact[0].exponent > -15000);
  close_case(&r);
}

static void edges(void **state)
{
  (void)state;
  struct run r;
  open_case(&r, "switchnorm/forward/f32/3x2x2/hand/seed1,running=hand");
  put_all(&r, SLOT_X, (double[]){1, 2, 3, 4, 5, INFINITY, 7, 8, 9, 10, 11, 12});
  put_all(&r, SLOT_RUNNING_VAR, (double[]){1, 1});
  put_all(&r, SLOT_LAMBDA_MEAN, (double[]){1000, -1000, -1000});
  truth_of(&r);
  for (size_t i = 0; i < 12; ++i) { /* the second sample, and the first channel, at any weight */
    bool spoilt = i / 4 == 1 || i % 4 < 2;
    if (isnan(nearest(&r, SLOT_Y, i)) != spoilt) fail_msg("y[%zu]", i);
    assert_int_equal(r.truth.group[i / 2].finite, !spoilt);
  }
  EXPECT(&r, SLOT_RUNNING_MEAN, 0, INFINITY);
  EXPECT(&r, SLOT_RUNNING_VAR, 0, NAN);
  assert_true(isfinite(nearest(&r, SLOT_RUNNING_VAR, 1)));
  put(&r, SLOT_X, 5, 6);
  put(&r, SLOT_LAMBDA_VAR, 1, NAN);
  again(&r);
  for (size_t i = 0; i < 12; ++i) EXPECT(&r, SLOT_Y, i, NAN);
  assert_true(isfinite(nearest(&r, SLOT_RUNNING_VAR, 0)));
  put(&r, SLOT_LAMBDA_VAR, 1, 0);
  put(&r, SLOT_GAMMA, 0, INFINITY);
  put(&r, SLOT_BETA, 1, NAN);
  again(&r);
  EXPECT(&r, SLOT_Y, 0, -INFINITY);
  EXPECT(&r, SLOT_Y, 9, INFINITY);
  EXPECT(&r, SLOT_Y, 2, NAN);
  close_case(&r);
  open_case(&r, "switchnorm/forward/f32/2x2x2/hand/seed1,eps=0");
  for (size_t i = 0; i < 8; ++i) put(&r, SLOT_X, i, 0.1f);
  truth_of(&r);
  EXPECT(&r, SLOT_Y, 0, NAN); /* 0 times Inf */
  assert_true(r.truth.group[0].finite && isinf(r.truth.group[0].rstd));
  close_case(&r);
}

static void edges_backward(void **state)
{
  (void)state;
  struct run r;
  open_case(&r, "switchnorm/backward/f32/2x2x2/hand/seed1,dropbn=yes");
  put_all(&r, SLOT_X, (double[]){1, 2, 3, NAN, 5, 6, 7, 9});
  for (size_t i = 0; i < 8; ++i) put(&r, SLOT_DY, i, (double)i);
  truth_of(&r);
  for (size_t i = 0; i < 8; ++i) assert_int_equal(isnan(nearest(&r, SLOT_DX, i)) != 0, i < 4);
  EXPECT(&r, SLOT_DGAMMA, 0, NAN);
  EXPECT(&r, SLOT_DBETA, 0, 10);
  EXPECT(&r, SLOT_DLAMBDA_MEAN, 0, NAN);
  assert_true(isinf(r.truth.sw->mean_abs[0]) && isinf(r.truth.sw->p_n[0]) && !isinf(r.truth.sw->p_n[1]));
  put(&r, SLOT_X, 3, 4);
  put(&r, SLOT_DY, 0, INFINITY); /* at xhat < 0 */
  again(&r);
  for (size_t i = 0; i < 8; ++i) assert_int_equal(isnan(nearest(&r, SLOT_DX, i)) != 0, i < 4);
  EXPECT(&r, SLOT_DGAMMA, 0, -INFINITY);
  EXPECT(&r, SLOT_DBETA, 0, INFINITY);
  assert_true(isfinite(nearest(&r, SLOT_DGAMMA, 1)));
  assert_false(r.truth.group[0].g_finite);
  put(&r, SLOT_DY, 0, 0);
  put(&r, SLOT_GAMMA, 1, NAN);
  again(&r);
  for (size_t i = 0; i < 8; ++i) EXPECT(&r, SLOT_DX, i, NAN);
  for (size_t c = 0; c < 2; ++c) assert_true(isfinite(nearest(&r, SLOT_DGAMMA, c)));
  close_case(&r);
  open_case(&r, "switchnorm/backward/f32/0x3x2/hand/seed1");
  truth_of(&r);
  for (size_t c = 0; c < 3; ++c) EXPECT(&r, SLOT_DGAMMA, c, 0);
  for (size_t k = 0; k < 3; ++k) EXPECT(&r, SLOT_DLAMBDA_VAR, k, 0);
  close_case(&r);
}

/* ---- against the definition ---- */

enum { KINDS_MAX = 3 };
struct book {
  size_t groups, elements;
  int kinds;
  mpfr_t w[KINDS_MAX], w_var[KINDS_MAX], t, u;
  struct value *mu[KINDS_MAX], *v[KINDS_MAX]; /* of every group, SEMANTICS' formulas */
  struct value *m, *var, *root, *p, *q;
  struct value *y, *running_mean, *running_var, *dx, *dgamma, *dbeta, *dlambda, *dlambda_var;
};

static void softmax(const struct run *r, enum slot s, int kinds, mpfr_t *w)
{
  mpfr_t sum;
  mpfr_init2(sum, mpfr_get_prec(w[0]));
  mpfr_set_zero(sum, 1);
  double top = -INFINITY;
  for (int k = 0; k < kinds; ++k) top = fmax(top, input(r, s, (size_t)k, 0));
  for (int k = 0; k < kinds; ++k) {
    mpfr_set_d(w[k], input(r, s, (size_t)k, 0), MPFR_RNDN);
    mpfr_sub_d(w[k], w[k], top, MPFR_RNDN);
    mpfr_exp(w[k], w[k], MPFR_RNDN);
    mpfr_add(sum, sum, w[k], MPFR_RNDN);
  }
  for (int k = 0; k < kinds; ++k) mpfr_div(w[k], w[k], sum, MPFR_RNDN);
  mpfr_clear(sum);
}

/* Does group g belong to the average of kind k that group at has? */
static bool in(const struct normative_problem *p, int k, size_t g, size_t at)
{
  return k == 0 ? g == at : k == 1 ? g / p->c == at / p->c : g % p->c == at % p->c;
}

/* mu_k = mean mu_in, v_k = mean v_in + var mu_in over the members. */
static void mix(const struct normative_problem *p, struct book *b, int k, size_t g)
{
  mpfr_ptr mean = b->mu[k][g].v, var = b->v[k][g].v;
  size_t count = 0;
  for (size_t a = 0; a < b->groups; ++a)
    if (in(p, k, a, g)) {
      mpfr_add(mean, mean, b->mu[0][a].v, MPFR_RNDN);
      mpfr_add(var, var, b->v[0][a].v, MPFR_RNDN);
      ++count;
    }
  mpfr_div_ui(mean, mean, count, MPFR_RNDN);
  for (size_t a = 0; a < b->groups; ++a)
    if (in(p, k, a, g)) {
      mpfr_sub(b->t, b->mu[0][a].v, mean, MPFR_RNDN);
      mpfr_fma(var, b->t, b->t, var, MPFR_RNDN);
    }
  mpfr_div_ui(var, var, count, MPFR_RNDN);
}

static void book_averages(const struct run *r, struct book *b)
{
  const struct normative_problem *p = &r->tc.p;
  for (size_t i = 0; i < b->elements; ++i) {
    mpfr_ptr mean = b->mu[0][group_of(p, i)].v;
    mpfr_add_d(mean, mean, input(r, SLOT_X, i, 0), MPFR_RNDN);
  }
  for (size_t g = 0; g < b->groups; ++g) mpfr_div_ui(b->mu[0][g].v, b->mu[0][g].v, p->s, MPFR_RNDN);
  for (size_t i = 0; i < b->elements; ++i) {
    mpfr_ptr var = b->v[0][group_of(p, i)].v;
    mpfr_d_sub(b->t, input(r, SLOT_X, i, 0), b->mu[0][group_of(p, i)].v, MPFR_RNDN);
    mpfr_fma(var, b->t, b->t, var, MPFR_RNDN);
  }
  for (size_t g = 0; g < b->groups; ++g) mpfr_div_ui(b->v[0][g].v, b->v[0][g].v, p->repo ? p->s - 1 : p->s, MPFR_RNDN);
  for (size_t g = 0; g < b->groups; ++g)
    for (int k = 1; k < b->kinds; ++k) {
      if (k < 2 || p->mode == NORMATIVE_TRAINING) {
        mix(p, b, k, g);
        continue;
      }
      mpfr_set_d(b->mu[k][g].v, input(r, SLOT_RUNNING_MEAN, g % p->c, 0), MPFR_RNDN);
      mpfr_set_d(b->v[k][g].v, input(r, SLOT_RUNNING_VAR, g % p->c, 0), MPFR_RNDN);
    }
}

static void book_roots(const struct run *r, struct book *b)
{
  for (size_t g = 0; g < b->groups; ++g) {
    for (int k = 0; k < b->kinds; ++k) {
      mpfr_mul(b->t, b->w[k], b->mu[k][g].v, MPFR_RNDN);
      plus(&b->m[g], b->t, 1);
      mpfr_mul(b->t, b->w_var[k], b->v[k][g].v, MPFR_RNDN);
      plus(&b->var[g], b->t, 1);
    }
    mpfr_add_d(b->t, b->var[g].v, r->tc.p.eps, MPFR_RNDN);
    mpfr_rec_sqrt(b->root[g].v, b->t, MPFR_RNDN);
  }
}

/* a += factor (x - M) R, x and the parts of M apart, so that a's scale knows what cancels */
static void plus_xhat(const struct run *r, const struct book *b, struct value *a, size_t i, double factor, mpfr_ptr t)
{
  size_t g = group_of(&r->tc.p, i);
  mpfr_mul_d(t, b->root[g].v, input(r, SLOT_X, i, 0), MPFR_RNDN);
  mpfr_mul_d(t, t, factor, MPFR_RNDN);
  plus(a, t, 1);
  mpfr_mul(t, b->root[g].v, b->m[g].v, MPFR_RNDN);
  mpfr_mul_d(t, t, factor, MPFR_RNDN);
  plus(a, t, -1);
}

static void book_forward(const struct run *r, struct book *b)
{
  const struct normative_problem *p = &r->tc.p;
  for (size_t i = 0; i < b->elements; ++i) {
    plus_xhat(r, b, &b->y[i], i, input(r, SLOT_GAMMA, param_of(p, i), 1), b->t);
    mpfr_set_d(b->t, input(r, SLOT_BETA, param_of(p, i), 0), MPFR_RNDN);
    plus(&b->y[i], b->t, 1);
  }
  for (size_t c = 0; c < p->c && p->running && p->mode == NORMATIVE_TRAINING; ++c) {
    size_t m = p->n * p->s;
    mpfr_mul_d(b->running_mean[c].v, b->mu[2][c].v, p->momentum, MPFR_RNDN);
    mpfr_mul_d(b->running_var[c].v, b->v[2][c].v, p->momentum, MPFR_RNDN);
    if (p->estimator != NORMATIVE_POPULATION && m > 1) {
      mpfr_mul_ui(b->running_var[c].v, b->running_var[c].v, m, MPFR_RNDN);
      mpfr_div_ui(b->running_var[c].v, b->running_var[c].v, m - 1, MPFR_RNDN);
    }
    mpfr_set_ui(b->t, 1, MPFR_RNDN);
    mpfr_sub_d(b->t, b->t, p->momentum, MPFR_RNDN);
    mpfr_mul_d(b->u, b->t, input(r, SLOT_RUNNING_MEAN, c, 0), MPFR_RNDN);
    plus(&b->running_mean[c], b->u, 1);
    mpfr_mul_d(b->u, b->t, input(r, SLOT_RUNNING_VAR, c, 0), MPFR_RNDN);
    plus(&b->running_var[c], b->u, 1);
  }
}

/* P = -R sum g, Q = -(1/2) R^3 sum g (x - M), and what the parameters take of every element */
static void book_flows(const struct run *r, struct book *b)
{
  const struct normative_problem *p = &r->tc.p;
  for (size_t i = 0; i < b->elements; ++i) {
    size_t g = group_of(p, i), c = param_of(p, i);
    double dy = input(r, SLOT_DY, i, 0);
    mpfr_set_d(b->t, dy, MPFR_RNDN);
    plus(&b->dbeta[c], b->t, 1);
    plus_xhat(r, b, &b->dgamma[c], i, dy, b->t);
    mpfr_mul_d(b->t, b->root[g].v, -dy, MPFR_RNDN);
    mpfr_mul_d(b->t, b->t, input(r, SLOT_GAMMA, c, 1), MPFR_RNDN);
    plus(&b->p[g], b->t, 1);
    plus_xhat(r, b, &b->q[g], i, dy, b->t);
  }
  for (size_t g = 0; g < b->groups; ++g) {
    clean(&b->p[g]);
    clean(&b->q[g]);
    mpfr_mul_d(b->q[g].v, b->q[g].v, -0.5 * input(r, SLOT_GAMMA, g % p->c, 1), MPFR_RNDN);
    for (int n = 0; n < 2; ++n) mpfr_mul(b->q[g].v, b->q[g].v, b->root[g].v, MPFR_RNDN);
  }
}

/* SEMANTICS 3: a += (1/S) (w/N_k) sum P + (2/S) (w'/N_k) (x - mu_k) sum Q, N_k groups */
static void plus_shared(const struct run *r, struct book *b, int k, size_t i)
{
  const struct normative_problem *p = &r->tc.p;
  size_t g = group_of(p, i), m = p->s * (k == 0 ? 1 : k == 1 ? p->c : p->n);
  for (size_t a = 0; a < b->groups; ++a) {
    if (!in(p, k, a, g)) continue;
    mpfr_mul(b->t, b->w[k], b->p[a].v, MPFR_RNDN);
    mpfr_div_ui(b->t, b->t, m, MPFR_RNDN);
    plus(&b->dx[i], b->t, 1);
    mpfr_d_sub(b->t, input(r, SLOT_X, i, 0), b->mu[k][g].v, MPFR_RNDN);
    if (p->repo) { /* and (S/(S-1) - 1) (x - mu_in) */
      mpfr_d_sub(b->u, input(r, SLOT_X, i, 0), b->mu[0][g].v, MPFR_RNDN);
      mpfr_div_ui(b->u, b->u, p->s - 1, MPFR_RNDN);
      mpfr_add(b->t, b->t, b->u, MPFR_RNDN);
    }
    mpfr_mul(b->t, b->t, b->w_var[k], MPFR_RNDN);
    mpfr_mul(b->t, b->t, b->q[a].v, MPFR_RNDN);
    mpfr_mul_ui(b->t, b->t, 2, MPFR_RNDN);
    mpfr_div_ui(b->t, b->t, m, MPFR_RNDN);
    plus(&b->dx[i], b->t, 1);
  }
}

/* a += sign w P mu of every group, or w' Q v */
static void plus_lambda(struct book *b, struct value *a, mpfr_srcptr w, const struct value *p, const struct value *mu, int sign)
{
  for (size_t g = 0; g < b->groups; ++g) {
    mpfr_mul(b->t, w, p[g].v, MPFR_RNDN);
    mpfr_mul(b->t, b->t, mu[g].v, MPFR_RNDN);
    plus(a, b->t, sign);
  }
}

static void book_backward(const struct run *r, struct book *b)
{
  const struct normative_problem *p = &r->tc.p;
  book_flows(r, b);
  for (size_t i = 0; i < b->elements; ++i) {
    size_t g = group_of(p, i);
    mpfr_mul_d(b->t, b->root[g].v, input(r, SLOT_DY, i, 0), MPFR_RNDN);
    mpfr_mul_d(b->t, b->t, input(r, SLOT_GAMMA, param_of(p, i), 1), MPFR_RNDN);
    plus(&b->dx[i], b->t, 1);
    for (int k = 0; k < b->kinds; ++k)
      if (k < 2 || p->mode == NORMATIVE_TRAINING) plus_shared(r, b, k, i);
  }
  for (int k = 0; k < b->kinds; ++k) {
    plus_lambda(b, &b->dlambda[k], b->w[k], b->p, b->mu[k], 1);
    plus_lambda(b, &b->dlambda[k], b->w[k], b->p, b->m, -1);
    plus_lambda(b, &b->dlambda_var[k], b->w_var[k], b->q, b->v[k], 1);
    plus_lambda(b, &b->dlambda_var[k], b->w_var[k], b->q, b->var, -1);
  }
}

/* hi + lo is v to 2^-120 of the larger of v and what it is made of */
static void as_two(const char *what, size_t i, long double hi, long double lo, mpfr_srcptr v, long scale, mpfr_ptr t)
{
  mpfr_t high;
  mpfr_init2(high, 64);
  mpfr_set_ld(high, hi, MPFR_RNDN);
  mpfr_sub(t, v, high, MPFR_RNDN);
  mpfr_set_ld(high, lo, MPFR_RNDN);
  mpfr_sub(t, t, high, MPFR_RNDN);
  if (mpfr_regular_p(t) && mpfr_get_exp(t) > scale - 120) fail_msg("%s[%zu] is not %Lg", what, i, hi);
  mpfr_clear(high);
}

static void forward_quantities(const struct run *r, struct book *b)
{
  const struct switch_truth *sw = r->truth.sw;
  for (int k = 0; k < b->kinds; ++k) {
    above("w", (size_t)k, sw->w[k], b->w[k], b->t);
    above("w_var", (size_t)k, sw->w_var[k], b->w_var[k], b->t);
    for (size_t g = 0; g < b->groups; ++g) {
      mpfr_ptr mu = b->mu[k][g].v;
      as_two("mu", g, sw->group[g].mu_hi[k], sw->group[g].mu_lo[k], mu, mpfr_zero_p(mu) ? -20000 : mpfr_get_exp(mu), b->t);
      above("v", g, fabsl(sw->group[g].v[k]), b->v[k][g].v, b->t);
    }
  }
  for (size_t g = 0; g < b->groups; ++g) {
    const struct group_truth *q = &r->truth.group[g];
    as_two("M", g, q->mu_hi, q->mu_lo, b->m[g].v, b->m[g].scale, b->t);
    above("V", g, q->sigma2, b->var[g].v, b->t);
    above("R", g, q->rstd, b->root[g].v, b->t);
    mpfr_sqrt(b->u, b->var[g].v, MPFR_RNDN);
    mpfr_div(b->u, b->m[g].v, b->u, MPFR_RNDN);
    if (!mpfr_zero_p(b->var[g].v) && mpfr_get_exp(b->m[g].v) > b->m[g].scale - 10) above("kappa", g, q->kappa, b->u, b->t);
  }
}

static void group_quantities(const struct run *r, struct book *b)
{
  const struct normative_problem *p = &r->tc.p;
  struct value *all = values(5 * b->groups, mpfr_get_prec(b->t));
  struct value *size = all, *g_abs = all + b->groups, *gx_abs = g_abs + b->groups, *c1 = gx_abs + b->groups;
  struct value *c2 = c1 + b->groups;
  for (size_t i = 0; i < b->elements; ++i) {
    size_t g = group_of(p, i);
    double gamma = input(r, SLOT_GAMMA, param_of(p, i), 1), dy = input(r, SLOT_DY, i, 0);
    mpfr_set_d(b->t, input(r, SLOT_X, i, 0), MPFR_RNDN);
    plus_size(&size[g], b->t);
    mpfr_set_d(b->t, gamma, MPFR_RNDN);
    mpfr_mul_d(b->t, b->t, dy, MPFR_RNDN);
    plus(&c1[g], b->t, 1);
    mpfr_d_sub(b->u, input(r, SLOT_X, i, 0), b->m[g].v, MPFR_RNDN);
    mpfr_mul(b->u, b->u, b->root[g].v, MPFR_RNDN);
    mpfr_mul(b->u, b->u, b->t, MPFR_RNDN);
    plus(&c2[g], b->u, 1);
    plus_size(&g_abs[g], b->t);
    plus_size(&gx_abs[g], b->u);
  }
  for (size_t g = 0; g < b->groups; ++g) {
    const struct group_truth *q = &r->truth.group[g];
    for (struct value **v = (struct value *[]){size, g_abs, gx_abs, c1, c2, NULL}; *v; ++v)
      mpfr_div_ui((*v)[g].v, (*v)[g].v, p->s, MPFR_RNDN);
    clean(&c1[g]);
    above("mean_abs", g, q->mean_abs, size[g].v, b->t);
    if (r->tc.p.direction == NORMATIVE_FORWARD) continue;
    above("g_abs", g, q->g_abs, g_abs[g].v, b->t);
    above("c1", g, q->c1, c1[g].v, b->t);
    if (b->m[g].scale - 60 > mpfr_get_exp(gx_abs[g].v)) continue; /* x - M is only what M's rounding leaves */
    above("gx_abs", g, q->gx_abs, gx_abs[g].v, b->t);
    clean(&c2[g]);
    if (!mpfr_zero_p(c2[g].v)) above("c2", g, q->c2, c2[g].v, b->t);
  }
  values_free(all, 5 * b->groups);
}

static void flow_quantities(const struct run *r, struct book *b)
{
  const struct normative_problem *p = &r->tc.p;
  const struct switch_truth *sw = r->truth.sw;
  struct value *sum = values(4, mpfr_get_prec(b->t));
  for (size_t g = 0; g < b->groups; ++g) {
    above("P", g, sw->group[g].p, b->p[g].v, b->t);
    above("Q", g, sw->group[g].q, b->q[g].v, b->t);
  }
  for (int k = 1; k < 3; ++k)
    for (size_t at = 0; at < (k == 1 ? p->n : p->c); ++at) {
      for (int n = 0; n < 2; ++n) mpfr_set_zero(sum[n].v, 1);
      for (size_t g = 0; g < b->groups; ++g) {
        if ((k == 1 ? g / p->c : g % p->c) != at) continue;
        mpfr_set(b->t, b->p[g].v, MPFR_RNDN);
        plus_size(&sum[0], b->t);
        mpfr_set(b->t, b->q[g].v, MPFR_RNDN);
        plus_size(&sum[1], b->t);
      }
      above("sum P", at, k == 1 ? sw->p_n[at] : sw->p_c[at], sum[0].v, b->t);
      above("sum Q", at, k == 1 ? sw->q_n[at] : sw->q_c[at], sum[1].v, b->t);
    }
  for (int k = 0; k < b->kinds; ++k) {
    for (int n = 0; n < 4; ++n) mpfr_set_zero(sum[n].v, 1);
    for (size_t g = 0; g < b->groups; ++g) {
      mpfr_sub(b->t, b->mu[k][g].v, b->m[g].v, MPFR_RNDN);
      if (mpfr_regular_p(b->t) && mpfr_get_exp(b->t) < b->m[g].scale - mpfr_get_prec(b->t) / 2) mpfr_set_zero(b->t, 1);
      mpfr_mul(b->t, b->t, b->p[g].v, MPFR_RNDN);
      mpfr_mul(b->t, b->t, b->w[k], MPFR_RNDN);
      plus_size(&sum[0], b->t);
      mpfr_sqr(b->t, b->t, MPFR_RNDN);
      plus(&sum[1], b->t, 1);
      mpfr_sub(b->t, b->v[k][g].v, b->var[g].v, MPFR_RNDN);
      if (mpfr_regular_p(b->t) && mpfr_get_exp(b->t) < b->var[g].scale - mpfr_get_prec(b->t) / 2) mpfr_set_zero(b->t, 1);
      mpfr_mul(b->t, b->t, b->q[g].v, MPFR_RNDN);
      mpfr_mul(b->t, b->t, b->w_var[k], MPFR_RNDN);
      plus_size(&sum[2], b->t);
      mpfr_sqr(b->t, b->t, MPFR_RNDN);
      plus(&sum[3], b->t, 1);
    }
    mpfr_sqrt(sum[1].v, sum[1].v, MPFR_RNDN);
    mpfr_sqrt(sum[3].v, sum[3].v, MPFR_RNDN);
    const long double got[] = {sw->mean_abs[k], sw->mean_norm[k], sw->var_abs[k], sw->var_norm[k]};
    for (int n = 0; n < 4; ++n) above("terms of dlambda", (size_t)(4 * k + n), got[n], sum[n].v, b->t);
  }
  values_free(sum, 4);
}

static void against_the_book(struct run *r, struct tally *tally, bool quantities)
{
  const struct normative_problem *p = &r->tc.p;
  mpfr_prec_t bits = p->type == NORMATIVE_F64 ? 8000 : 2400;
  struct book b = {.elements = p->n * p->c * p->s, .groups = p->n * p->c, .kinds = p->drop_bn ? 2 : 3};
  struct value **groups[] = {&b.mu[0], &b.mu[1], &b.mu[2], &b.v[0], &b.v[1], &b.v[2], &b.m, &b.var, &b.root, &b.p, &b.q};
  struct value **channels[] = {&b.running_mean, &b.running_var, &b.dgamma, &b.dbeta};
  struct value **elements[] = {&b.y, &b.dx}, **lambdas[] = {&b.dlambda, &b.dlambda_var};
  truth_of(r);
  mpfr_inits2(bits, b.t, b.u, (mpfr_ptr)0);
  for (int k = 0; k < KINDS_MAX; ++k) mpfr_inits2(bits, b.w[k], b.w_var[k], (mpfr_ptr)0);
  for (size_t n = 0; n < 11; ++n) *groups[n] = values(b.groups, bits);
  for (size_t n = 0; n < 4; ++n) *channels[n] = values(p->c, bits);
  for (size_t n = 0; n < 2; ++n) *elements[n] = values(b.elements, bits);
  for (size_t n = 0; n < 2; ++n) *lambdas[n] = values(KINDS_MAX, bits);
  softmax(r, SLOT_LAMBDA_MEAN, b.kinds, b.w);
  softmax(r, SLOT_LAMBDA_VAR, b.kinds, b.w_var);
  book_averages(r, &b);
  book_roots(r, &b);
  if (p->direction == NORMATIVE_FORWARD) book_forward(r, &b);
  else book_backward(r, &b);
  const enum slot slots[] = {SLOT_Y, SLOT_DX, SLOT_RUNNING_MEAN, SLOT_RUNNING_VAR, SLOT_DGAMMA, SLOT_DBETA, SLOT_DLAMBDA_MEAN,
                             SLOT_DLAMBDA_VAR};
  struct value *outputs[] = {b.y, b.dx, b.running_mean, b.running_var, b.dgamma, b.dbeta, b.dlambda, b.dlambda_var};
  for (size_t n = 0; n < 8; ++n)
    for (size_t i = 0; i < r->truth.t[slots[n]].count; ++i) same(r, slots[n], i, &outputs[n][i], tally);
  if (quantities) {
    forward_quantities(r, &b);
    group_quantities(r, &b);
    if (p->direction == NORMATIVE_BACKWARD) flow_quantities(r, &b);
  }
  for (size_t n = 0; n < 11; ++n) values_free(*groups[n], b.groups);
  for (size_t n = 0; n < 4; ++n) values_free(*channels[n], p->c);
  for (size_t n = 0; n < 2; ++n) values_free(*elements[n], b.elements);
  for (size_t n = 0; n < 2; ++n) values_free(*lambdas[n], KINDS_MAX);
  for (int k = 0; k < KINDS_MAX; ++k) mpfr_clears(b.w[k], b.w_var[k], (mpfr_ptr)0);
  mpfr_clears(b.t, b.u, (mpfr_ptr)0);
}

static const char *draw(uint64_t *dice, const char *const *words, size_t count)
{
  *dice = *dice * 6364136223846793005u + 1442695040888963407u;
  return words[(*dice >> 33) % count];
}
#define DRAW(...) draw(&dice, (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/* Case number n over a family of x and one of lambda; false if the problem does not exist or the type cannot hold the data. */
static bool make_case(struct run *r, int n, const char *x, const char *lambdas)
{
  uint64_t dice = (uint64_t)n * 0x9e3779b97f4a7c15u;
  bool backward = n % 2;
  const char *type = DRAW("f32", "f64", "bf16", "f16", "bf16,params=f32", "f16,params=f32"), *comma = strchr(type, ',');
  char name[CASE_NAME_MAX];
  struct error e = {""};
  snprintf(name, sizeof name, "switchnorm/%s/%.*s/%s/%s/seed%d%s%s%s%s,gamma=%s,lambda=%s%s%s",
           backward ? "backward" : "forward", comma ? (int)(comma - type) : (int)strlen(type), type,
           DRAW("5x2x3", "2x2x9", "4x5", "1x3x8", "3x2x2x2", "2x3", "1x1x7", "4x1x2", "3x4x2", "1x4"), x, n, comma ? comma : "",
           DRAW("", ",layout=nsc"), DRAW(",eps=0.25", ",eps=1e-12", ""),
           backward ? DRAW("", "", ",mode=evaluation", ",dropbn=yes", ",repo=yes", ",dropbn=yes,repo=yes")
                    : DRAW("", ",mode=evaluation", ",dropbn=yes", ",repo=yes", ",running=ordinary,estimator=population",
                           ",running=ordinary,momentum=0.5", ",running=ordinary,estimator=unbiased1"),
           DRAW("ones", "ordinary", "absent", "zerofirst"), lambdas, backward ? ",dy=" : ",beta=",
           backward ? DRAW("normal", "alternating", "digits", "const", "zero") : DRAW("ones", "ordinary", "absent"));
  memset(r, 0, sizeof *r);
  if (!case_parse(&r->tc, name, &e) && !inputs_make(&r->tc, &r->in, &e)) return true;
  tensors_free(&r->in);
  return false;
}

static bool all_finite(const struct run *r)
{
  for (enum slot s = SLOT_X; s < SLOT_Y; ++s)
    for (size_t i = 0; i < r->in.t[s].count; ++i)
      if (!isfinite(tensor_get(&r->in.t[s], i))) return false;
  return true;
}

/* Every family of x with every one of lambda. "extreme" and "huge" have weights that more bits than the book's would show. */
static void families(void **state)
{
  (void)state;
  static const char *const lambdas[] = {"ordinary", "equal", "onehot", "large", "negative", "ordinary"};
  struct tally tally = {0};
  char x[48];
  int n = 0, cases = 0;
  for (int round = 0; round < 30; ++round)
    for (size_t i = 0; family_name("x", i, round + (int)i, x); ++i) {
      struct run r;
      ++n;
      if (!make_case(&r, n, x, lambdas[(n / 2) % 6])) continue;
      if (all_finite(&r)) {
        against_the_book(&r, &tally, true);
        ++cases;
      }
      close_case(&r);
    }
  print_message("%d cases, %zu values, %zu of them 0, %zu halfway, %zu not finite\n", cases, tally.elements, tally.zeros,
                tally.ties, tally.specials);
  assert_true(cases > 120 && tally.elements > 5000 && tally.zeros > 100);
}

/* Weights that underflow: no value is left undecided. */
static void extreme_lambdas(void **state)
{
  (void)state;
  char x[48];
  size_t count = 0;
  int n = 0;
  for (int round = 0; round < 10; ++round)
    for (size_t i = 0; family_name("x", i, round + (int)i, x); ++i) {
      struct run r;
      ++n;
      if (!make_case(&r, n, x, n / 2 % 2 ? "extreme" : "huge")) continue;
      truth_of(&r);
      for (enum slot s = SLOT_RUNNING_MEAN; s < SLOT_COUNT; ++s)
        for (size_t k = 0; k < r.truth.t[s].count; ++k, ++count)
          if (kind(&r, s, k) == WIDE_UNDECIDED) {
            char name[CASE_NAME_MAX];
            case_name(name, &r.tc);
            fail_msg("%s[%zu] of %s is undecided", slot_name[s], k, name);
          }
      close_case(&r);
    }
  assert_true(count > 2000);
}

/* f64 over its whole range: kappa of 1e12, squares that over- and underflow. */
static void whole_range(void **state)
{
  (void)state;
  struct tally tally = {0};
  uint64_t seed = 3;
  for (int n = 0; n < 60; ++n) {
    char name[CASE_NAME_MAX];
    struct run r;
    snprintf(name, sizeof name, "switchnorm/%s/f64/3x2x3/hand/seed1,eps=%s", n % 2 ? "backward" : "forward",
             n / 2 % 2 ? "1e-12" : "0.5");
    open_case(&r, name);
    for (enum slot s = SLOT_X; s < SLOT_Y; ++s)
      for (size_t i = 0; i < r.in.t[s].count; ++i) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        double u = (double)(int64_t)seed * 0x1p-63;
        double v[] = {1e12 + u, u < 0 ? -DBL_MAX : DBL_MAX, floor(8 * u) * 0x1p-1074, u * 1e200,
                      ldexp(u, (int)(seed >> 20 & 1023) - 512)};
        put(&r, s, i, s == SLOT_X ? v[n / 4 % 5] : u);
      }
    against_the_book(&r, &tally, false);
    close_case(&r);
  }
  assert_true(tally.elements > 1000);
}

/* One group, x = -1, 0, 1: every v_k is 1, R = 1/2 at eps = 3; dy = a, -a, t: dx_0 = (7 a - 5 t/3)/16; then dgamma of
   (dy_2 - dy_0)/2. */
static void repo_ties(void **state)
{
  (void)state;
  struct run r;
  for (int tip = -1; tip <= 1; ++tip) {
    open_case(&r, "switchnorm/backward/f32/1x1x3/hand/seed1,eps=3,repo=yes");
    put_all(&r, SLOT_X, (double[]){-1, 0, 1});
    put_all(&r, SLOT_DY, (double[]){1 + 0x1p-22, -1 - 0x1p-22, tip * 0x1p-100});
    truth_of(&r);
    EXPECT(&r, SLOT_DX, 0, (tip > 0 ? 7 + 3 * 0x1p-21 : 7 + 4 * 0x1p-21) / 16);
    put_all(&r, SLOT_DY, (double[]){1 + 3 * 0x1p-22, -1 - 3 * 0x1p-22, tip * 0x1p-100});
    truth_free(&r.truth);
    truth_of(&r);
    EXPECT(&r, SLOT_DX, 0, (tip < 0 ? 7 + 11 * 0x1p-21 : 7 + 10 * 0x1p-21) / 16);
    put_all(&r, SLOT_DY, (double[]){-0x1p-24, tip * 0x1p-100, 1});
    truth_free(&r.truth);
    truth_of(&r);
    EXPECT(&r, SLOT_DGAMMA, 0, 0.5);
    close_case(&r);
  }
}

/* ---- finite differences of the oracle's own forward values ---- */

#include "difference.inc"

static void derivatives(const char *shape, const char *keys)
{
  const struct { enum slot slot, gradient; } pairs[] = {
    {SLOT_X, SLOT_DX}, {SLOT_GAMMA, SLOT_DGAMMA}, {SLOT_BETA, SLOT_DBETA}, {SLOT_LAMBDA_MEAN, SLOT_DLAMBDA_MEAN},
    {SLOT_LAMBDA_VAR, SLOT_DLAMBDA_VAR}};
  struct run two[2];
  for (int backward = 0; backward < 2; ++backward) {
    char name[CASE_NAME_MAX];
    struct run *r = &two[backward];
    snprintf(name, sizeof name, "switchnorm/%s/f64/%s/hand/seed1,eps=0.25%s", backward ? "backward" : "forward", shape, keys);
    open_case(r, name);
    for (enum slot s = SLOT_X; s < SLOT_Y; ++s)
      for (size_t i = 0, seed = 10 + s; i < r->in.t[s].count; ++i) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        put(r, s, i, (s == SLOT_RUNNING_VAR ? 2.5 : 0) + (double)(int64_t)(seed >> 54) * 0x1p-8 - 2);
      }
  }
  truth_of(&two[1]);
  for (size_t n = 0; n < 5; ++n)
    for (size_t i = 0; i < two[1].truth.t[pairs[n].gradient].count; ++i)
      one_derivative(&two[0], &two[1], pairs[n].slot, pairs[n].gradient, i, -90);
  close_case(&two[0]);
  close_case(&two[1]);
}

static void finite_differences(void **state)
{
  (void)state;
  derivatives("2x3x4", "");
  derivatives("3x2x2", ",layout=nsc");
  derivatives("3x4", "");
  derivatives("2x3x3", ",dropbn=yes");
  derivatives("2x3x3", ",mode=evaluation");
  derivatives("2x2x3", ",mode=evaluation,layout=nsc");
  derivatives("2x3x3", ",casts=plusone");
  derivatives("2x3x4", ",repo=yes");
  derivatives("3x2x2", ",dropbn=yes,repo=yes");
}

/* gamma and 1 + (gamma - 1), both exact: the same bits, zeros and middles too. */
static void plus_one_is_gamma(void **state)
{
  (void)state;
  const char *const types[] = {"f32", "f64", "bf16"}, *const modes[] = {"", ",mode=evaluation", ",dropbn=yes"};
  const enum slot outputs[] = {SLOT_DX, SLOT_DGAMMA, SLOT_DBETA, SLOT_DLAMBDA_MEAN, SLOT_DLAMBDA_VAR};
  for (int n = 0; n < 9; ++n) {
    struct run two[2];
    for (int k = 0; k < 2; ++k) {
      char name[CASE_NAME_MAX];
      snprintf(name, sizeof name, "switchnorm/backward/%s/2x3x4/hand/seed1,eps=0.25%s%s", types[n % 3], modes[n / 3],
               k ? ",casts=plusone" : "");
      open_case(&two[k], name);
      for (enum slot s = SLOT_X; s < SLOT_Y; ++s)
        for (size_t i = 0, seed = 10 + s; i < two[k].in.t[s].count; ++i) {
          seed = seed * 6364136223846793005u + 1442695040888963407u;
          double v = s == SLOT_RUNNING_VAR ? 2.5 : (double)(int64_t)(seed >> 61) - 3; /* -3 to 4 */
          put(&two[k], s, i, s == SLOT_LAMBDA_MEAN || s == SLOT_LAMBDA_VAR ? 0 : s == SLOT_GAMMA ? v - k : v);
        }
      truth_of(&two[k]);
    }
    for (size_t o = 0; o < sizeof outputs / sizeof *outputs; ++o)
      for (size_t i = 0; i < two[0].truth.t[outputs[o]].count; ++i) {
        const struct wide *a = &two[0].truth.t[outputs[o]].exact[i], *b = &two[1].truth.t[outputs[o]].exact[i];
        EXPECT(&two[1], outputs[o], i, nearest(&two[0], outputs[o], i));
        assert_true(a->kind == b->kind && (a->kind != WIDE_FINITE || !memcmp(a->limb, b->limb, sizeof a->limb)));
      }
    close_case(&two[0]);
    close_case(&two[1]);
  }
}

/* ---- identities, and threads ---- */

/* One of the weights is 1 but for e^-10000: InstanceNorm, or BatchNorm. */
static void one_weight(void **state)
{
  (void)state;
  const char *others[] = {"instancenorm", NULL, "batchnorm"};
  for (int k = 0; k < 3; k += 2) {
    struct run a, b;
    uint64_t seed = 5;
    char name[CASE_NAME_MAX];
    open_case(&a, "switchnorm/forward/f32/4x3x5/hand/seed1");
    snprintf(name, sizeof name, "%s/forward/f32/4x3x5/hand/seed1", others[k]);
    open_case(&b, name);
    for (enum slot s = SLOT_X; s <= SLOT_BETA; ++s)
      for (size_t i = 0; i < a.in.t[s].count; ++i) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        put(&a, s, i, (double)(int64_t)seed * 0x1p-60);
        put(&b, s, i, (double)(int64_t)seed * 0x1p-60);
      }
    put(&a, SLOT_LAMBDA_MEAN, (size_t)k, 1e4);
    put(&a, SLOT_LAMBDA_VAR, (size_t)k, 1e4);
    truth_of(&a);
    truth_of(&b);
    for (size_t i = 0; i < 60; ++i) EXPECT(&a, SLOT_Y, i, nearest(&b, SLOT_Y, i));
    for (size_t g = 0; g < 12; ++g)
      assert_true(fabsl(a.truth.group[g].rstd / b.truth.group[k ? g % 3 : g].rstd - 1) < 1e-17L);
    close_case(&a);
    close_case(&b);
  }
}

static void any_threads(void **state)
{
  (void)state;
  const char *names[] = {"switchnorm/forward/f32/3x4x700/mean1e4/seed1,running=ordinary",
                         "switchnorm/backward/f32/40x20x11/normal/seed2,layout=nsc",
                         "switchnorm/backward/f64/1x1x5000/wide/seed3"};
  for (int n = 0; n < 3; ++n) {
    struct run a = {0}, b = {0};
    struct error e = {""};
    assert_int_equal(case_parse(&a.tc, names[n], &e), 0);
    b.tc = a.tc;
    if (inputs_make(&a.tc, &a.in, &e) || inputs_make(&b.tc, &b.in, &e)) fail_msg("%s", e.text);
    truth_of(&a);
#pragma omp parallel num_threads(2)
#pragma omp single
    truth_of(&b);
    for (enum slot s = SLOT_RUNNING_MEAN; s < SLOT_COUNT; ++s) {
      assert_int_equal(a.truth.t[s].count, b.truth.t[s].count);
      for (size_t i = 0; i < a.truth.t[s].count; ++i) {
        assert_memory_equal(a.truth.t[s].exact[i].limb, b.truth.t[s].exact[i].limb, sizeof b.truth.t[s].exact[i].limb);
        EXPECT(&a, s, i, nearest(&b, s, i));
      }
    }
    close_case(&a);
    close_case(&b);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(one_group),
    cmocka_unit_test(ties), cmocka_unit_test(lambda_ties), cmocka_unit_test(three_roots), cmocka_unit_test(beside_a_tie),
    cmocka_unit_test(equal_weights), cmocka_unit_test(negative_variance),
    cmocka_unit_test(huge_lambdas), cmocka_unit_test(edges), cmocka_unit_test(edges_backward), cmocka_unit_test(families),
    cmocka_unit_test(extreme_lambdas), cmocka_unit_test(whole_range), cmocka_unit_test(finite_differences),
    cmocka_unit_test(plus_one_is_gamma), cmocka_unit_test(repo_ties), cmocka_unit_test(one_weight),
    cmocka_unit_test(any_threads)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
