/* SPDX-License-Identifier: Apache-2.0
   The oracle's gradients: against values known by hand, against the formulas of the definition in thousands of bits, and
   against finite differences of its own forward values. */
#include "inputs.h"
#include "oracle.h"
#include "roots.h"
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

/* ---- by hand ---- */

/* x = 0, 1, 2 at eps = 0: xhat = -a, 0, a with a = sqrt(3/2); dy = 1, 0, 0: mean(g) = 1/3, mean(g xhat) = -a/3. */
static void three_elements(void **state)
{
  (void)state;
  const double a = 1.22474487139158904909864203735294569598;
  struct run r;
  open_case(&r, "layernorm/backward/f32/1x3/hand/seed1,eps=0");
  put_all(&r, SLOT_X, (double[]){0, 1, 2});
  put_all(&r, SLOT_DY, (double[]){1, 0, 0});
  truth_of(&r);
  EXPECT(&r, SLOT_DX, 0, (float)(a / 6));
  EXPECT(&r, SLOT_DX, 1, (float)(-a / 3));
  EXPECT(&r, SLOT_DX, 2, (float)(a / 6));
  EXPECT(&r, SLOT_DGAMMA, 0, (float)-a);
  EXPECT(&r, SLOT_DGAMMA, 1, 0);
  EXPECT(&r, SLOT_DBETA, 0, 1);
  const struct group_truth *g = &r.truth.group[0];
  assert_true(fabsl(g->g_abs - 1.0L / 3) < 1e-18L && fabsl(g->c1 - 1.0L / 3) < 1e-18L && g->dy_max == 1 && g->g_finite);
  assert_true(fabsl(g->c2 - 0.40824829046386301637L) < 1e-18L && fabsl(g->gx_abs - 0.40824829046386301637L) < 1e-18L);
  const struct param_truth *p = &r.truth.param[0];
  assert_int_equal(r.truth.params, 3);
  assert_true(p->m == 1 && fabsl(p->dy_abs - 1) < 1e-17L && fabsl(p->dyx_abs - 1.2247448713915890491L) < 1e-17L);
  assert_true(fabsl(p->dy_norm - 1) < 1e-17L && fabsl(p->dyx_norm - 1.5811388300841896660L) < 1e-17L); /* 3/2 + 1 */
  assert_true(p->finite && p->x_finite);
  close_case(&r);
}

/* The same numbers, the mean given as 1/2 and rstd as 2: xhat = -1, 1, 3; mean(g xhat) = -1/3; dx = 2 (g - 1/3 + xhat/3). */
static void given(void **state)
{
  (void)state;
  struct run r;
  open_case(&r, "layernorm/backward/f32/1x3/hand/seed1,eps=0,given=yes");
  put_all(&r, SLOT_X, (double[]){0, 1, 2});
  put_all(&r, SLOT_DY, (double[]){1, 0, 0});
  put(&r, SLOT_GIVEN_MEAN, 0, 0.5);
  put(&r, SLOT_GIVEN_RSTD, 0, 2);
  truth_of(&r);
  EXPECT(&r, SLOT_DX, 0, (float)(2.0 / 3));
  EXPECT(&r, SLOT_DX, 1, 0);
  assert_int_equal(kind(&r, SLOT_DX, 1), WIDE_ZERO);
  EXPECT(&r, SLOT_DX, 2, (float)(4.0 / 3));
  EXPECT(&r, SLOT_DGAMMA, 0, -1);
  const struct group_truth *g = &r.truth.group[0];
  assert_true(g->mu_hi == 0.5L && g->mu_lo == 0 && g->rstd == 2 && g->max_abs == 2 && g->mean_abs == 1);
  assert_true(fabsl(g->sigma2 - 2.0L / 3) < 1e-18L && fabsl(g->c2 - 1.0L / 3) < 1e-18L);
  close_case(&r);
}

/* The same rstd from a variance of 1/8 at eps = 1/8. Of 1/4: rstd^2 = 8/3, dx = rstd (g - 1/3 + rstd^2/6 (x - 1/2)). */
static void given_variance(void **state)
{
  (void)state;
  struct run r;
  open_case(&r, "layernorm/backward/f32/1x3/hand/seed1,eps=0.125,given=yes,saved=variance");
  put_all(&r, SLOT_X, (double[]){0, 1, 2});
  put_all(&r, SLOT_DY, (double[]){1, 0, 0});
  put(&r, SLOT_GIVEN_MEAN, 0, 0.5);
  put(&r, SLOT_GIVEN_VARIANCE, 0, 0.125);
  truth_of(&r);
  EXPECT(&r, SLOT_DX, 0, (float)(2.0 / 3));
  assert_int_equal(kind(&r, SLOT_DX, 1), WIDE_ZERO);
  EXPECT(&r, SLOT_DX, 2, (float)(4.0 / 3));
  EXPECT(&r, SLOT_DGAMMA, 0, -1);
  const struct group_truth *g = &r.truth.group[0];
  assert_true(g->mu_hi == 0.5L && g->mu_lo == 0 && fabsl(g->rstd - 2) < 1e-18L && g->max_abs == 2 && g->mean_abs == 1);
  assert_true(fabsl(g->sigma2 - 2.0L / 3) < 1e-18L && fabsl(g->c2 - 1.0L / 3) < 1e-18L && g->finite);
  put(&r, SLOT_GIVEN_VARIANCE, 0, 0.25);
  truth_free(&r.truth);
  truth_of(&r); /* rstd^2 = 8/3, xhat_0 = -rstd/2: mean(g xhat) = -rstd/6 */
  for (size_t i = 0; i < 3; ++i)
    EXPECT(&r, SLOT_DX, i, (float)(sqrt(8.0 / 3) * ((i == 0) - 1.0 / 3 + 8.0 / 18 * ((double)i - 0.5))));
  EXPECT(&r, SLOT_DGAMMA, 0, (float)-sqrt(2.0 / 3));
  close_case(&r);
}

static void root_mean_square(void **state)
{
  (void)state;
  struct run r;
  open_case(&r, "rmsnorm/backward/f32/1x2/hand/seed1,eps=0.5,beta=absent"); /* mean of squares 8.5 + 0.5 = 9 */
  put_all(&r, SLOT_X, (double[]){1, -4});
  put_all(&r, SLOT_DY, (double[]){3, 0});
  truth_of(&r); /* xhat = 1/3, -4/3; mean(g xhat) = 1/2 */
  EXPECT(&r, SLOT_DX, 0, (float)(17.0 / 18));
  EXPECT(&r, SLOT_DX, 1, (float)(2.0 / 9));
  EXPECT(&r, SLOT_DGAMMA, 0, 1);
  assert_int_equal(r.truth.t[SLOT_DBETA].count, 0);
  assert_true(r.truth.group[0].c1 == 0 && fabsl(r.truth.group[0].c2 - 0.5L) < 1e-18L);
  close_case(&r);
}

/* Two elements: xhat is -1, 1 and dx 0 whatever dy is. */
static void zeros(void **state)
{
  (void)state;
  struct run r;
  open_case(&r, "layernorm/backward/f32/2x2/hand/seed1,eps=0");
  put_all(&r, SLOT_X, (double[]){0.1f, 0.7f, -3e30, 1e-30});
  put_all(&r, SLOT_DY, (double[]){0.3f, 1e10, -1, 7});
  put_all(&r, SLOT_GAMMA, (double[]){0.9f, 1e-20});
  truth_of(&r);
  for (size_t i = 0; i < 4; ++i) assert_int_equal(kind(&r, SLOT_DX, i), WIDE_ZERO);
  close_case(&r);
  open_case(&r, "batchnorm/backward/f32/2x2x2/hand/seed1"); /* constant dy, and m = 1 below */
  put_all(&r, SLOT_X, (double[]){1, 2, 5, 0.1f, 4, 7, 0.3f, -1});
  put_all(&r, SLOT_DY, (double[]){0.1f, 0.1f, 3, 3, 0.1f, 0.1f, 3, 3});
  put_all(&r, SLOT_GAMMA, (double[]){0.7f, 0.3f});
  truth_of(&r);
  for (size_t i = 0; i < 8; ++i) assert_int_equal(kind(&r, SLOT_DX, i), WIDE_ZERO);
  for (size_t c = 0; c < 2; ++c) assert_int_equal(kind(&r, SLOT_DGAMMA, c), WIDE_ZERO);
  close_case(&r);
  open_case(&r, "layernorm/backward/f32/1x1/hand/seed1");
  put(&r, SLOT_X, 0, 5);
  put(&r, SLOT_DY, 0, 5);
  truth_of(&r);
  assert_int_equal(kind(&r, SLOT_DX, 0), WIDE_ZERO);
  assert_int_equal(kind(&r, SLOT_DGAMMA, 0), WIDE_ZERO);
  close_case(&r);
}

/* A constant group is no case of its own: dx = rstd (g - mean(g)), rstd = 2 at eps = 1/4. */
static void constant_group(void **state)
{
  (void)state;
  struct run r;
  open_case(&r, "layernorm/backward/f32/1x4/hand/seed1,eps=0.25");
  put_all(&r, SLOT_X, (double[]){7, 7, 7, 7});
  put_all(&r, SLOT_DY, (double[]){1, 2, 3, 6});
  truth_of(&r);
  const double dx[] = {-4, -2, 0, 6};
  for (size_t i = 0; i < 4; ++i) EXPECT(&r, SLOT_DX, i, dx[i]);
  close_case(&r);
}

static void expect_dx(const char *name, const double *x, const double *dy, const double *dx)
{
  struct run r;
  open_case(&r, name);
  put_all(&r, SLOT_X, x);
  put_all(&r, SLOT_DY, dy);
  truth_of(&r);
  for (size_t i = 0; i < r.truth.t[SLOT_DX].count; ++i) EXPECT(&r, SLOT_DX, i, dx[i]);
  close_case(&r);
}

/* eps outside the root: a constant group has dx = (g - mean(g))/eps, zeros in RMSNorm g/eps; at sigma = eps = 1 xhat = -1/2,
   1/2, mean(g xhat) = -1/4 and what they are times is 2. The greater: sigma2 = 1, below eps = 4, then equal to it. */
static void eps_places(void **state)
{
  (void)state;
  const double constant[] = {7, 7, 7, 7}, zero[] = {0, 0, 0, 0}, signs[] = {-1, 1, -1, 1}, dy[] = {1, 2, 3, 6};
  expect_dx("layernorm/backward/f32/1x4/hand/seed1,eps=0.25,epsplace=outside", constant, dy, (double[]){-8, -4, 0, 12});
  expect_dx("layernorm/backward/f32/1x4/hand/seed1,eps=0,epsplace=outside", constant, dy, (double[]){NAN, NAN, NAN, NAN});
  expect_dx("layernorm/backward/f32/4x1/hand/seed1,eps=0.25,epsplace=outside", constant, dy, zero);
  expect_dx("layernorm/backward/f32/1x4/hand/seed1,eps=0.25,epsplace=max", constant, dy, (double[]){-4, -2, 0, 6});
  expect_dx("rmsnorm/backward/f32/1x4/hand/seed1,eps=0.25,epsplace=outside", zero, dy, (double[]){4, 8, 12, 24});
  expect_dx("layernorm/backward/f32/1x2/hand/seed1,eps=1,epsplace=outside", signs, (double[]){1, 0}, (double[]){0.125, -0.125});
  expect_dx("layernorm/backward/f32/1x4/hand/seed1,eps=4,epsplace=max", signs, dy, (double[]){-1, -0.5, 0, 1.5});
  expect_dx("layernorm/backward/f32/1x4/hand/seed1,eps=1,epsplace=max", signs, dy, (double[]){-1, -2, 1, 2});
  expect_dx("rmsnorm/backward/f32/1x4/hand/seed1,eps=1,epsplace=max", signs, dy, (double[]){2, 1, 4, 5});
}

/* g = (1 + gamma) dy, of which the 1 is not rounded away nor what is left of it; dgamma = sum dy xhat. */
static void gamma_plus_one(void **state)
{
  (void)state;
  struct run r;
  open_case(&r, "batchnorm/backward/f32/2x3/hand/seed1,mode=evaluation,eps=0,casts=plusone");
  for (size_t c = 0; c < 3; ++c) put(&r, SLOT_RUNNING_VAR, c, 4);
  put_all(&r, SLOT_GAMMA, (double[]){0x1p-24, -1, 1});
  put_all(&r, SLOT_DY, (double[]){1, 5, 3, 1 + 0x1p-23, 0x1p-100, -1});
  for (size_t i = 0; i < 6; ++i) put(&r, SLOT_X, i, 2);
  truth_of(&r); /* 1 + 2^-24 is a middle; (1 + 2^-23)(1 + 2^-24) is above one */
  const double dx[] = {0.5, 0, 3, 0.5 + 0x1p-23, 0, -1}, dgamma[] = {2, 5, 2};
  for (size_t i = 0; i < 6; ++i) EXPECT(&r, SLOT_DX, i, dx[i]);
  for (size_t c = 0; c < 3; ++c) EXPECT(&r, SLOT_DGAMMA, c, dgamma[c]);
  close_case(&r);
}

/* ---- ties ---- */

/* rstd = 1/2 or 1: what is stored is half of a sum with one bit too many, a little more or less. */
static void ties(void **state)
{
  (void)state;
  struct run r;
  open_case(&r, "batchnorm/backward/f32/1x1x4/hand/seed1,mode=evaluation,eps=0");
  put(&r, SLOT_RUNNING_VAR, 0, 4);
  put(&r, SLOT_GAMMA, 0, 1 + 0x1p-12);
  put_all(&r, SLOT_DY, (double[]){1 + 0x1p-12, 1 + 0x1p-11 + 0x1p-12, -1 - 0x1p-12, 0});
  truth_of(&r); /* 1 + 2^-11 + 2^-24; 1 + 2^-10 + 3 2^-24 */
  EXPECT(&r, SLOT_DX, 0, 0.5 * (1 + 0x1p-11));
  EXPECT(&r, SLOT_DX, 1, 0.5 * (1 + 0x1p-10 + 0x1p-22));
  EXPECT(&r, SLOT_DX, 2, -0.5 * (1 + 0x1p-11));
  put(&r, SLOT_RUNNING_VAR, 0, 4 - 0x1p-50);
  truth_free(&r.truth);
  truth_of(&r);
  EXPECT(&r, SLOT_DX, 0, 0.5 * (1 + 0x1p-11 + 0x1p-23));
  put(&r, SLOT_RUNNING_VAR, 0, 4 + 0x1p-50);
  truth_free(&r.truth);
  truth_of(&r);
  EXPECT(&r, SLOT_DX, 1, 0.5 * (1 + 0x1p-10 + 0x1p-23));
  close_case(&r);
  /* xhat = -1, -1, 1, 1; g = a, -a, 0, 0: both means are 0, so dx = g */
  open_case(&r, "layernorm/backward/f32/1x4/hand/seed1,eps=0");
  put_all(&r, SLOT_X, (double[]){-1, -1, 1, 1});
  put_all(&r, SLOT_GAMMA, (double[]){1 + 0x1p-12, 1 + 0x1p-12, 1, 1});
  put_all(&r, SLOT_DY, (double[]){1 + 0x1p-12, -1 - 0x1p-12, 0, 0});
  truth_of(&r);
  EXPECT(&r, SLOT_DX, 0, 1 + 0x1p-11);
  EXPECT(&r, SLOT_DX, 1, -1 - 0x1p-11);
  assert_int_equal(kind(&r, SLOT_DX, 2), WIDE_ZERO);
  close_case(&r);
}

/* sigma = eps = 1, outside: in the first element dx = (5 dy_0 - dy_3)/16, dgamma = sum of +-dy/2, halfway, to even. */
static void ties_outside(void **state)
{
  (void)state;
  const double dy[] = {-0x1p-24, 0, 1, 0};
  struct run r;
  for (int tip = -1; tip <= 1; ++tip) {
    const double g[] = {1 + 0x1p-23, 0, 0, 3 * 0x1p-23 + tip * 0x1p-44};
    open_case(&r, "layernorm/backward/f32/1x4/hand/seed1,eps=1,epsplace=outside");
    put_all(&r, SLOT_X, (double[]){-1, -1, 1, 1});
    put_all(&r, SLOT_DY, g);
    truth_of(&r);
    EXPECT(&r, SLOT_DX, 0, (tip < 0 ? 5 + 0x1p-21 : 5) / 16);
    assert_true(tip || exactly(&r, SLOT_DX, 0, (5 + 0x1p-22) / 16));
    close_case(&r);
  }
  open_case(&r, "batchnorm/backward/f32/4x1/hand/seed1,eps=1,epsplace=outside");
  put_all(&r, SLOT_X, (double[]){1, 1, 3, 3});
  put_all(&r, SLOT_DY, dy);
  truth_of(&r);
  EXPECT(&r, SLOT_DGAMMA, 0, 0.5);
  put(&r, SLOT_DY, 3, 0x1p-149);
  truth_free(&r.truth);
  truth_of(&r);
  EXPECT(&r, SLOT_DGAMMA, 0, 0.5 + 0x1p-24);
  close_case(&r);
}

/* Sums of one root and of none, in f32: halfway, to even. */
static void parameter_ties(void **state)
{
  (void)state;
  struct run r;
  open_case(&r, "batchnorm/backward/f32/4x1/hand/seed1,eps=0"); /* xhat = -1, -1, 1, 1 */
  put_all(&r, SLOT_X, (double[]){1, 1, 3, 3});
  put_all(&r, SLOT_DY, (double[]){-0x1p-24, 0, 1, 0});
  truth_of(&r);
  EXPECT(&r, SLOT_DGAMMA, 0, 1);
  EXPECT(&r, SLOT_DBETA, 0, 1 - 0x1p-24);
  put(&r, SLOT_DY, 3, 0x1p-149);
  truth_free(&r.truth);
  truth_of(&r);
  EXPECT(&r, SLOT_DGAMMA, 0, 1 + 0x1p-23);
  put_all(&r, SLOT_DY, (double[]){0x1p-24, 0, 1 + 0x1p-23, 0x1p-149});
  truth_free(&r.truth);
  truth_of(&r);
  EXPECT(&r, SLOT_DBETA, 0, 1 + 0x1p-22);
  close_case(&r);
  /* rstd = 1 - 2^-1075 and a little: nearer to 0 than 1 + 3 2^-24, of either sign */
  open_case(&r, "batchnorm/backward/f32/4x1/hand/seed1,eps64=0x1p-1074");
  put_all(&r, SLOT_X, (double[]){1, 1, 3, 3});
  for (int sign = -1; sign <= 1; sign += 2) {
    put_all(&r, SLOT_DY, (double[]){-sign * 0x1p-24, 0, sign * (1 + 0x1p-23), 0});
    truth_free(&r.truth);
    truth_of(&r);
    EXPECT(&r, SLOT_DGAMMA, 0, sign * (1 + 0x1p-23));
  }
  close_case(&r);
}

/* Rows of var + eps = 20, 5 and 16 (eps = 4): in column 1 xhat is -4/sqrt(20), -1/sqrt(5) and 1/2. The first two cancel at
   dy = 1, -2; what remains is 1 + 2^-24, halfway in f32; a fifth row, of another root, tips it. */
static void many_roots(void **state)
{
  (void)state;
  struct run r;
  open_case(&r, "layernorm/backward/f32/5x4/hand/seed1,eps=4");
  put_all(&r, SLOT_X, (double[]){4, -4, 4, -4, 1, -1, 1, -1, -6, 2, 2, 2, -6, 2, 2, 2, 1, 2, 3, 4});
  const double dy[] = {1, -2, 2, 0x1p-23, 0};
  for (size_t row = 0; row < 5; ++row) put(&r, SLOT_DY, 4 * row + 1, dy[row]);
  truth_of(&r);
  EXPECT(&r, SLOT_DGAMMA, 1, 1);
  assert_true(exactly(&r, SLOT_DGAMMA, 1, 1 + 0x1p-24));
  assert_int_equal(kind(&r, SLOT_DGAMMA, 0), WIDE_ZERO);
  put(&r, SLOT_DY, 4 * 4 + 1, -0x1p-120); /* xhat < 0: more */
  truth_free(&r.truth);
  truth_of(&r);
  EXPECT(&r, SLOT_DGAMMA, 1, 1 + 0x1p-23);
  put(&r, SLOT_DY, 4 * 4 + 1, 0x1p-120);
  truth_free(&r.truth);
  truth_of(&r);
  EXPECT(&r, SLOT_DGAMMA, 1, 1);
  put(&r, SLOT_DY, 4 * 2 + 1, 0);
  put(&r, SLOT_DY, 4 * 3 + 1, 0);
  put(&r, SLOT_DY, 4 * 4 + 1, 0);
  truth_free(&r.truth);
  truth_of(&r);
  assert_int_equal(kind(&r, SLOT_DGAMMA, 1), WIDE_ZERO); /* two roots, one class */
  close_case(&r);
}

static void put_column(struct run *r, size_t column, const double *dy)
{
  for (size_t row = 0; row < 5; ++row) put(r, SLOT_DY, 4 * row + column, dy[row]);
}

/* The same in f64, where what tips it is below 2^-1000, and where 2^200 cancels. c^2 + 4 = 5 k^2: xhat = -c/(k sqrt(5)) in the
   first row. */
static void many_roots_beyond(void **state)
{
  (void)state;
  const double cancels[][2] = {{4, 2}, {11, 5}, {29, 13}, {76, 34}, {199, 89}, {521, 233}};
  struct run r;
  open_case(&r, "layernorm/backward/f64/5x4/hand/seed1,eps=4");
  for (size_t n = 0; n < 6; ++n) {
    double c = cancels[n][0], k = cancels[n][1];
    put_all(&r, SLOT_X, (double[]){c, -c, c, -c, 1, -1, 1, -1, -6, 2, 2, 2, -6, 2, 2, 2, 1, 2, 3, 4});
    for (int sign = -1; sign <= 1; ++sign) {
      put_column(&r, 1, (double[]){k, -c, 2, 0x1p-52, -sign * 0x1p-1000});
      truth_free(&r.truth);
      truth_of(&r);
      EXPECT(&r, SLOT_DGAMMA, 1, sign > 0 ? 1 + 0x1p-52 : 1);
    }
    put_column(&r, 1, (double[]){k * 0x1p200, -c * 0x1p200, 0, 0, 1});
    put_column(&r, 2, (double[]){0, 0, 0, 0, -1});
    truth_free(&r.truth);
    truth_of(&r); /* in the last row xhat is -1/2 and 1/2 over sqrt(5.25) in columns 1 and 2 */
    assert_memory_equal(r.truth.t[SLOT_DGAMMA].exact[1].limb, r.truth.t[SLOT_DGAMMA].exact[2].limb,
                        sizeof r.truth.t[SLOT_DGAMMA].exact[1].limb);
    EXPECT(&r, SLOT_DGAMMA, 1, -0.5 / sqrt(5.25));
  }
  close_case(&r);
}

/* eps = 4 outside: sigma^2 = 2, 8 and 16, so with dy = 7, -1 the first two make 14/(sqrt(2) + 4) - 4/(sqrt(8) + 4) = 2; the
   third 2^-23, half of an ulp; the fourth, of another root, tips it. */
static void many_roots_outside(void **state)
{
  (void)state;
  struct run r;
  open_case(&r, "rmsnorm/backward/f32/4x2/hand/seed1,eps=4,epsplace=outside");
  put_all(&r, SLOT_X, (double[]){2, 0, 4, 0, 4, 4, 1, 2});
  for (int tip = -1; tip <= 1; ++tip) {
    put_all(&r, SLOT_DY, (double[]){7, 0, -1, 0, 0x1p-22, 0, tip * 0x1p-120, 0});
    truth_free(&r.truth);
    truth_of(&r);
    EXPECT(&r, SLOT_DGAMMA, 0, tip > 0 ? 2 + 0x1p-22 : 2);
    assert_true(tip || exactly(&r, SLOT_DGAMMA, 0, 2 + 0x1p-23));
    assert_int_equal(kind(&r, SLOT_DGAMMA, 1), WIDE_ZERO);
  }
  put_all(&r, SLOT_DY, (double[]){7, 0, -1, 0, -4, 0, 0, 0});
  truth_free(&r.truth);
  truth_of(&r);
  assert_int_equal(kind(&r, SLOT_DGAMMA, 0), WIDE_ZERO);
  close_case(&r);
}

static void add_root(struct root_sum *s, double a, double b)
{
  struct dyadic da, db;
  dyadic_init(&da);
  dyadic_init(&db);
  dyadic_set_d(&da, a);
  dyadic_set_d(&db, b);
  assert_int_equal(root_sum_add(s, &da, &db), 0);
  dyadic_clear(&da);
  dyadic_clear(&db);
}

/* Pairs a, b up to b = 0: is the sum of a/sqrt(b) 0? */
static int root_sum_of(const double (*v)[2])
{
  struct root_sum s = {0};
  for (; (*v)[1] != 0; ++v) add_root(&s, (*v)[0], (*v)[1]);
  int zero = root_sum_zero(&s);
  root_sum_clear(&s);
  return zero;
}

static void sums_of_roots(void **state)
{
  (void)state;
  const struct { int zero; double v[8][2]; } table[] = {
    {1, {{0}}},
    {0, {{1, 3}}},
    {1, {{1, 3}, {-1, 3}}},
    {0, {{1, 3}, {-1, 5}}},
    {1, {{2, 20}, {-1, 5}}},
    {1, {{1, 5}, {1, 45}, {-4, 45}}},           /* 1/sqrt(5) = 3/sqrt(45) */
    {1, {{1, 2}, {-2, 8}, {3, 0.5}, {-6, 2}}},  /* odd powers of two */
    {0, {{1, 2}, {-2, 8}, {3, 0.5}, {-6, 2.5}}},
    {1, {{1, 49}, {-1, 7}, {1, 7}, {-1, 49}}},
    {1, {{3, 9}, {-1, 1}, {5, 0x1p80}, {-5, 0x1p80}}},
    {0, {{3, 9}, {-1, 1}, {5, 0x1p80}, {-5, 0x1.0000000000001p80}}},
    {1, {{5, 12}, {7, 27}, {-29, 108}}},        /* 5/(2 sqrt 3) + 7/(3 sqrt 3) = 29/(6 sqrt 3) */
    {0, {{5, 12}, {7, 27}, {-28, 108}}},
    {0, {{8119, 7251}, {-9091, 9091}}}};         /* all 24 symbols alike; 8119 = floor(sqrt(7251 9091)) */
  for (size_t n = 0; n < sizeof table / sizeof *table; ++n)
    if (root_sum_of(table[n].v) != table[n].zero) fail_msg("sum %zu of roots", n);
  struct root_sum s = {0};
  struct dyadic a, b;
  dyadic_init(&a);
  dyadic_init(&b);
  dyadic_set_d(&a, 1);
  mpz_set_ui(b.z, (unsigned long)-59); /* one of the primes that tell classes apart */
  assert_int_equal(root_sum_add(&s, &a, &b), 0);
  assert_int_equal(root_sum_zero(&s), 0);
  add_root(&s, -2, 3);
  assert_int_equal(root_sum_zero(&s), -1);
  root_sum_clear(&s);
  dyadic_clear(&a);
  dyadic_clear(&b);
}

/* ---- edges ---- */

static void edges_groups(void **state)
{
  (void)state;
  struct run r;
  open_case(&r, "layernorm/backward/f32/7x2/hand/seed1,eps=0");
  put_all(&r, SLOT_X, (double[]){1, NAN, INFINITY, 1, 5, 5, 1, 2, 1, 2, 1, 2, 1, 2});
  put_all(&r, SLOT_DY, (double[]){1, 1, 1, 1, 1, 1, NAN, 1, INFINITY, 1, -INFINITY, 1, 3, 4});
  truth_of(&r);
  for (size_t i = 0; i < 12; ++i) EXPECT(&r, SLOT_DX, i, NAN);
  EXPECT(&r, SLOT_DX, 12, 0);
  EXPECT(&r, SLOT_DGAMMA, 0, NAN);
  EXPECT(&r, SLOT_DGAMMA, 1, NAN);
  EXPECT(&r, SLOT_DBETA, 0, NAN);
  EXPECT(&r, SLOT_DBETA, 1, 10);
  const bool finite[] = {false, false, true, true, true, true, true}, g[] = {true, true, true, false, false, false, true};
  for (size_t k = 0; k < 7; ++k) {
    assert_int_equal(r.truth.group[k].finite, finite[k]);
    assert_int_equal(r.truth.group[k].g_finite, g[k]);
  }
  assert_false(r.truth.param[0].finite);
  assert_true(r.truth.param[1].finite);
  assert_false(r.truth.param[1].x_finite);
  close_case(&r);
  open_case(&r, "layernorm/backward/f32/2x2/hand/seed1,eps=0"); /* gamma: dx only; dy: Inf times xhat */
  put_all(&r, SLOT_X, (double[]){1, 2, 1, 2});
  put_all(&r, SLOT_DY, (double[]){1, -INFINITY, 1, 1});
  put_all(&r, SLOT_GAMMA, (double[]){INFINITY, 1});
  truth_of(&r);
  for (size_t i = 0; i < 4; ++i) EXPECT(&r, SLOT_DX, i, NAN);
  EXPECT(&r, SLOT_DGAMMA, 0, -2);
  EXPECT(&r, SLOT_DGAMMA, 1, -INFINITY);
  EXPECT(&r, SLOT_DBETA, 1, -INFINITY);
  close_case(&r);
}

static void edges_root_mean_square(void **state)
{
  (void)state;
  struct run r;
  open_case(&r, "rmsnorm/backward/f32/2x3/hand/seed1,eps=0.5");
  put_all(&r, SLOT_X, (double[]){1, -INFINITY, 0, 1, 0, 0});
  put_all(&r, SLOT_DY, (double[]){1, 1, INFINITY, 0, 0, 2});
  truth_of(&r); /* the first row: rstd = 0, xhat = 0, NaN, 0 */
  for (size_t i = 0; i < 6; ++i) EXPECT(&r, SLOT_DX, i, i < 3 ? NAN : i == 5 ? (float)(2 / sqrt(1 / 3.0 + 0.5)) : 0);
  EXPECT(&r, SLOT_DGAMMA, 0, 0);
  EXPECT(&r, SLOT_DGAMMA, 1, NAN);
  EXPECT(&r, SLOT_DGAMMA, 2, NAN); /* Inf times 0 */
  EXPECT(&r, SLOT_DBETA, 2, INFINITY);
  close_case(&r);
}

/* Evaluation: each element by itself, x does not matter to dx. */
static void edges_evaluation(void **state)
{
  (void)state;
  struct run r;
  open_case(&r, "batchnorm/backward/f32/3x5/hand/seed1,mode=evaluation,eps=0");
  put_all(&r, SLOT_RUNNING_MEAN, (double[]){0, NAN, 0, 0, 0});
  put_all(&r, SLOT_RUNNING_VAR, (double[]){4, 4, 0, -1, INFINITY});
  for (size_t i = 0; i < 15; ++i) put(&r, SLOT_X, i, i == 0 ? NAN : 1);
  put_all(&r, SLOT_DY, (double[]){1, 1, 1, 1, 1, NAN, 2, 0, 0, 2, -INFINITY, 3, -3, 3, INFINITY});
  truth_of(&r);
  const double dx[] = {0.5, 0.5, INFINITY, NAN, 0, NAN, 1, NAN, NAN, 0, -INFINITY, 1.5, -INFINITY, NAN, NAN};
  for (size_t i = 0; i < 15; ++i) EXPECT(&r, SLOT_DX, i, dx[i]);
  const double dgamma[] = {NAN, NAN, NAN, NAN, NAN}, dbeta[] = {NAN, 6, -2, 4, INFINITY};
  for (size_t c = 0; c < 5; ++c) {
    EXPECT(&r, SLOT_DGAMMA, c, dgamma[c]);
    EXPECT(&r, SLOT_DBETA, c, dbeta[c]);
  }
  put(&r, SLOT_DY, 12, 0); /* of channel 2: dy = 1, 0, 0 at xhat = Inf */
  put(&r, SLOT_DY, 14, 1);
  truth_free(&r.truth);
  truth_of(&r);
  EXPECT(&r, SLOT_DGAMMA, 2, NAN);
  EXPECT(&r, SLOT_DGAMMA, 4, 0);
  close_case(&r);
}

static void edges_given(void **state)
{
  (void)state;
  struct run r;
  open_case(&r, "layernorm/backward/f32/5x2/hand/seed1,given=yes");
  for (size_t i = 0; i < 10; ++i) put(&r, SLOT_X, i, i == 9 ? INFINITY : (double)i);
  for (size_t i = 0; i < 10; ++i) put(&r, SLOT_DY, i, 1);
  put_all(&r, SLOT_GIVEN_MEAN, (double[]){0, NAN, 0, 0, 0});
  put_all(&r, SLOT_GIVEN_RSTD, (double[]){INFINITY, 1, 0, -1, 1});
  truth_of(&r);
  const double dx[] = {NAN, NAN, NAN, NAN, 0, 0, 39, 45.5, NAN, NAN}; /* row 3: xhat = -6, -7; mean(g xhat) = -6.5 */
  for (size_t i = 0; i < 10; ++i) EXPECT(&r, SLOT_DX, i, dx[i]);
  const bool finite[] = {false, false, true, true, false};
  for (size_t k = 0; k < 5; ++k) assert_int_equal(r.truth.group[k].finite, finite[k]);
  assert_true(r.truth.group[3].rstd == 1);
  put(&r, SLOT_DY, 1, 0);
  put(&r, SLOT_DY, 3, 0);
  put(&r, SLOT_DY, 6, INFINITY); /* at xhat = -6 */
  put(&r, SLOT_X, 9, 9);
  put(&r, SLOT_GIVEN_MEAN, 1, 0);
  put(&r, SLOT_GIVEN_RSTD, 0, 1);
  truth_free(&r.truth);
  truth_of(&r);
  EXPECT(&r, SLOT_DGAMMA, 0, -INFINITY);
  close_case(&r);
}

/* rstd is Inf, NaN, 0 and 1/2. */
static void edges_given_variance(void **state)
{
  (void)state;
  struct run r;
  open_case(&r, "layernorm/backward/f32/5x2/hand/seed1,eps=0,given=yes,saved=variance");
  for (size_t i = 0; i < 10; ++i) put(&r, SLOT_X, i, (double)i);
  for (size_t i = 0; i < 10; ++i) put(&r, SLOT_DY, i, i % 2 ? 2 : 1);
  put_all(&r, SLOT_GIVEN_MEAN, (double[]){0, 0, 0, NAN, 8});
  put_all(&r, SLOT_GIVEN_VARIANCE, (double[]){0, -1, INFINITY, INFINITY, 4});
  truth_of(&r); /* row 4: xhat = 0, 1/2; dx = (g - 3/2 - xhat/2)/2 */
  const double dx[] = {NAN, NAN, NAN, NAN, 0, 0, NAN, NAN, -0.25, 0.125};
  for (size_t i = 0; i < 10; ++i) EXPECT(&r, SLOT_DX, i, dx[i]);
  for (size_t k = 0; k < 5; ++k) assert_int_equal(r.truth.group[k].finite, k == 4);
  for (size_t j = 0; j < 2; ++j) EXPECT(&r, SLOT_DGAMMA, j, NAN);
  for (size_t k = 0; k < 4; ++k) put(&r, SLOT_GIVEN_MEAN, k, 0), put(&r, SLOT_GIVEN_VARIANCE, k, INFINITY);
  truth_free(&r.truth);
  truth_of(&r);
  EXPECT(&r, SLOT_DGAMMA, 0, 0);
  EXPECT(&r, SLOT_DGAMMA, 1, 1);
  close_case(&r);
}

/* Nothing to add up: dgamma and dbeta are 0. */
static void nothing(void **state)
{
  (void)state;
  const struct { const char *name; size_t params; } cases[] = {
    {"layernorm/backward/f32/0x3/hand/seed1", 3}, {"layernorm/backward/f32/3x0/hand/seed1", 0},
    {"batchnorm/backward/f32/0x3x2/hand/seed1,given=yes", 3}, {"batchnorm/backward/f32/2x3x0/hand/seed1,mode=evaluation", 3}};
  for (size_t n = 0; n < sizeof cases / sizeof *cases; ++n) {
    struct run r;
    open_case(&r, cases[n].name);
    truth_of(&r);
    assert_int_equal(r.truth.groups, 0);
    assert_int_equal(r.truth.params, cases[n].params);
    assert_int_equal(r.truth.t[SLOT_DX].count, 0);
    for (enum slot s = SLOT_DGAMMA; s <= SLOT_DBETA; ++s) assert_int_equal(r.truth.t[s].count, cases[n].params);
    for (size_t j = 0; j < cases[n].params; ++j) {
      EXPECT(&r, SLOT_DGAMMA, j, 0);
      EXPECT(&r, SLOT_DBETA, j, 0);
      assert_true(r.truth.param[j].m == 0 && r.truth.param[j].dy_abs == 0 && r.truth.param[j].finite);
    }
    close_case(&r);
  }
}

/* ---- against the definition in thousands of bits ---- */

struct book { /* of groups: mean .. gx_abs; of elements: xhat, dx; of parameters: dgamma .. dyx2. spread: sigma2 rstd^2; factor:
                 of xhat c2 in dx */
  size_t groups, elements, params;
  struct value *mean, *rstd, *spread, *factor, *c1, *c2, *g_abs, *gx_abs, *xhat, *dx, *dgamma, *dbeta, *dy_abs, *dyx_abs;
  struct value *dy2, *dyx2;
  mpfr_t t, u;
};

/* rstd, from sigma2 in it, and how it changes with sigma2: -factor rstd^3/2. Of eps and a sigma2 that is as large it is
   sigma2. */
static void book_rstd(const struct run *r, mpfr_ptr rstd, mpfr_ptr factor, mpfr_ptr t)
{
  const double eps = r->tc.p.eps;
  mpfr_set_ui(factor, 1, MPFR_RNDN);
  switch (r->tc.p.eps_place) {
  case NORMATIVE_EPS_OUTSIDE:
    mpfr_sqrt(rstd, rstd, MPFR_RNDN);
    mpfr_d_div(t, eps, rstd, MPFR_RNDN);
    mpfr_add(factor, factor, t, MPFR_RNDN);
    if (mpfr_zero_p(rstd) && eps > 0) mpfr_set_ui(factor, 0, MPFR_RNDN); /* xhat c2 factor goes to 0 with sigma */
    mpfr_add_d(rstd, rstd, eps, MPFR_RNDN);
    mpfr_abs(rstd, rstd, MPFR_RNDN); /* no -0 */
    mpfr_ui_div(rstd, 1, rstd, MPFR_RNDN);
    return;
  case NORMATIVE_EPS_MAX:
    mpfr_sub_d(t, rstd, eps, MPFR_RNDN);
    if (mpfr_regular_p(t) && mpfr_get_exp(t) < -1000) mpfr_set_zero(t, 1);
    if (mpfr_sgn(t) < 0) mpfr_set_ui(factor, 0, MPFR_RNDN);
    if (mpfr_sgn(t) < 0) mpfr_set_d(rstd, eps, MPFR_RNDN);
    break;
  default: mpfr_add_d(rstd, rstd, eps, MPFR_RNDN);
  }
  mpfr_rec_sqrt(rstd, rstd, MPFR_RNDN);
}

static void book_statistics(const struct run *r, struct book *b)
{
  const struct normative_problem *p = &r->tc.p;
  const size_t m = b->elements / b->groups;
  struct value *var = values(b->groups, mpfr_get_prec(b->t));
  for (size_t i = 0; i < b->elements && p->norm != NORMATIVE_RMSNORM; ++i) {
    mpfr_ptr mean = b->mean[group_of(p, i)].v;
    mpfr_add_d(mean, mean, input(r, SLOT_X, i, 0), MPFR_RNDN);
  }
  for (size_t g = 0; g < b->groups; ++g) mpfr_div_ui(b->mean[g].v, b->mean[g].v, m, MPFR_RNDN);
  for (size_t i = 0; i < b->elements; ++i) {
    mpfr_ptr v = var[group_of(p, i)].v;
    mpfr_d_sub(b->t, input(r, SLOT_X, i, 0), b->mean[group_of(p, i)].v, MPFR_RNDN);
    mpfr_fma(v, b->t, b->t, v, MPFR_RNDN);
  }
  for (size_t g = 0; g < b->groups; ++g) {
    mpfr_div_ui(var[g].v, var[g].v, m, MPFR_RNDN);
    if (p->mode == NORMATIVE_EVALUATION) {
      mpfr_set_d(b->mean[g].v, input(r, SLOT_RUNNING_MEAN, g % p->c, 0), MPFR_RNDN);
      mpfr_set_d(var[g].v, input(r, SLOT_RUNNING_VAR, g % p->c, 0), MPFR_RNDN);
    }
    mpfr_set(b->spread[g].v, var[g].v, MPFR_RNDN);
    if (p->saved == NORMATIVE_SAVED_VARIANCE) mpfr_set_d(var[g].v, input(r, SLOT_GIVEN_VARIANCE, g, 0), MPFR_RNDN);
    mpfr_set(b->rstd[g].v, var[g].v, MPFR_RNDN);
    book_rstd(r, b->rstd[g].v, b->factor[g].v, b->t);
    if (p->given) mpfr_set_d(b->mean[g].v, input(r, SLOT_GIVEN_MEAN, g, 0), MPFR_RNDN);
    if (r->in.t[SLOT_GIVEN_RSTD].data) mpfr_set_d(b->rstd[g].v, input(r, SLOT_GIVEN_RSTD, g, 0), MPFR_RNDN);
    for (int n = 0; n < 2; ++n) mpfr_mul(b->spread[g].v, b->spread[g].v, b->rstd[g].v, MPFR_RNDN);
  }
  values_free(var, b->groups);
}

/* t = gamma dy of element i */
static void set_g(const struct run *r, mpfr_ptr t, size_t i)
{
  mpfr_set_d(t, input(r, SLOT_GAMMA, param_of(&r->tc.p, i), 1), MPFR_RNDN);
  if (r->tc.p.casts == NORMATIVE_CAST_PLUS_ONE) mpfr_add_ui(t, t, 1, MPFR_RNDN);
  mpfr_mul_d(t, t, input(r, SLOT_DY, i, 0), MPFR_RNDN);
}

static void book_sums(const struct run *r, struct book *b)
{
  const struct normative_problem *p = &r->tc.p;
  for (size_t i = 0; i < b->elements; ++i) {
    size_t g = group_of(p, i), j = param_of(p, i);
    double dy = input(r, SLOT_DY, i, 0);
    mpfr_ptr xhat = b->xhat[i].v;
    mpfr_d_sub(xhat, input(r, SLOT_X, i, 0), b->mean[g].v, MPFR_RNDN);
    mpfr_mul(xhat, xhat, b->rstd[g].v, MPFR_RNDN);
    mpfr_set_d(b->t, dy, MPFR_RNDN);
    plus(&b->dbeta[j], b->t, 1);
    plus_size(&b->dy_abs[j], b->t);
    mpfr_sqr(b->t, b->t, MPFR_RNDN);
    plus(&b->dy2[j], b->t, 1);
    mpfr_fma(b->u, xhat, xhat, b->spread[g].v, MPFR_RNDN);
    mpfr_mul(b->t, b->t, b->u, MPFR_RNDN);
    plus(&b->dyx2[j], b->t, 1);
    mpfr_mul_d(b->t, xhat, dy, MPFR_RNDN);
    plus(&b->dgamma[j], b->t, 1);
    plus_size(&b->dyx_abs[j], b->t);
    set_g(r, b->t, i);
    plus(&b->c1[g], b->t, 1);
    mpfr_mul(b->u, b->t, xhat, MPFR_RNDN);
    plus(&b->c2[g], b->u, 1);
    plus_size(&b->g_abs[g], b->t);
    plus_size(&b->gx_abs[g], b->u);
  }
  for (size_t g = 0; g < b->groups; ++g)
    for (struct value *v[] = {b->c1, b->c2, b->g_abs, b->gx_abs, NULL}, **a = v; *a; ++a) {
      clean(&(*a)[g]);
      mpfr_div_ui((*a)[g].v, (*a)[g].v, b->elements / b->groups, MPFR_RNDN);
    }
}

/* dx = rstd (g - c1 - xhat c2 factor), NaN where a mean is not finite; evaluation: rstd g; RMSNorm: without c1. */
static void book_dx(const struct run *r, struct book *b)
{
  const struct normative_problem *p = &r->tc.p;
  for (size_t i = 0; i < b->elements; ++i) {
    size_t g = group_of(p, i);
    struct value *dx = &b->dx[i];
    set_g(r, b->t, i);
    plus(dx, b->t, 1);
    if (p->norm != NORMATIVE_RMSNORM && p->mode == NORMATIVE_TRAINING) plus(dx, b->c1[g].v, -1);
    mpfr_mul(b->t, b->xhat[i].v, b->c2[g].v, MPFR_RNDN);
    mpfr_mul(b->t, b->t, b->factor[g].v, MPFR_RNDN);
    if (p->mode == NORMATIVE_TRAINING) plus(dx, b->t, -1);
    mpfr_mul(dx->v, dx->v, b->rstd[g].v, MPFR_RNDN);
    if (mpfr_regular_p(b->rstd[g].v)) dx->scale += mpfr_get_exp(b->rstd[g].v);
    if (p->mode == NORMATIVE_TRAINING && !(mpfr_number_p(b->c1[g].v) && mpfr_number_p(b->c2[g].v))) mpfr_set_nan(dx->v);
  }
}

static void book_make(const struct run *r, struct book *b, mpfr_prec_t bits)
{
  const struct normative_problem *p = &r->tc.p;
  b->elements = p->n * p->c * p->s;
  b->groups = group_of(p, b->elements - 1) + 1; /* the last element is of the last group and parameter */
  b->params = param_of(p, b->elements - 1) + 1;
  struct value **groups[] = {&b->mean, &b->rstd, &b->spread, &b->factor, &b->c1, &b->c2, &b->g_abs, &b->gx_abs, NULL};
  struct value **params[] = {&b->dgamma, &b->dbeta, &b->dy_abs, &b->dyx_abs, &b->dy2, &b->dyx2, NULL};
  for (struct value ***a = groups; *a; ++a)
    **a = values(b->groups, bits);
  for (struct value ***a = params; *a; ++a)
    **a = values(b->params, bits);
  b->xhat = values(b->elements, bits);
  b->dx = values(b->elements, bits);
  mpfr_inits2(bits, b->t, b->u, (mpfr_ptr)0);
  book_statistics(r, b);
  book_sums(r, b);
  book_dx(r, b);
}

static void book_free(struct book *b)
{
  struct value *const groups[] = {b->mean, b->rstd, b->spread, b->factor, b->c1, b->c2, b->g_abs, b->gx_abs};
  for (size_t k = 0; k < sizeof groups / sizeof *groups; ++k) values_free(groups[k], b->groups);
  for (struct value **a = (struct value *[]){b->dgamma, b->dbeta, b->dy_abs, b->dyx_abs, b->dy2, b->dyx2, NULL}; *a; ++a)
    values_free(*a, b->params);
  values_free(b->xhat, b->elements);
  values_free(b->dx, b->elements);
  mpfr_clears(b->t, b->u, (mpfr_ptr)0);
}

static void group_quantities(const struct run *r, struct book *b)
{
  for (size_t g = 0; g < b->groups; ++g) {
    const struct group_truth *q = &r->truth.group[g];
    if (r->tc.p.norm == NORMATIVE_RMSNORM) mpfr_mul_ui(b->c1[g].v, b->c1[g].v, 0, MPFR_RNDN); /* NaN stays */
    above("c1", g, q->c1, b->c1[g].v, b->t);
    above("g_abs", g, q->g_abs, b->g_abs[g].v, b->t);
    above("c2", g, q->c2, b->c2[g].v, b->t);
    above("gx_abs", g, q->gx_abs, b->gx_abs[g].v, b->t);
    assert_int_equal(q->g_finite, mpfr_number_p(b->g_abs[g].v) != 0);
    bool constant = q->finite && q->sigma2 == 0 && r->tc.p.eps_place != NORMATIVE_EPS_INSIDE; /* sigma, if eps > 0 */
    if (q->finite && !constant) above("factor", g, q->factor, b->factor[g].v, b->t);
    if (constant && q->rstd < INFINITY) assert_true(q->factor == 0);
  }
}

static void parameter_quantities(const struct run *r, struct book *b)
{
  for (size_t j = 0; j < b->params; ++j) {
    const struct param_truth *q = &r->truth.param[j];
    assert_true(q->m == (long double)(b->elements / b->params));
    assert_int_equal(q->finite, mpfr_number_p(b->dy_abs[j].v) != 0);
    above("dy_abs", j, q->dy_abs, b->dy_abs[j].v, b->t);
    mpfr_sqrt(b->dy2[j].v, b->dy2[j].v, MPFR_RNDN);
    above("dy_norm", j, q->dy_norm, b->dy2[j].v, b->t);
    if (!q->x_finite) mpfr_set_nan(b->dyx_abs[j].v); /* though RMSNorm's xhat is 0 beside an infinite x */
    above("dyx_abs", j, q->dyx_abs, b->dyx_abs[j].v, b->t);
    mpfr_sqrt(b->dyx2[j].v, b->dyx2[j].v, MPFR_RNDN);
    if (!q->x_finite) mpfr_set_nan(b->dyx2[j].v);
    above("dyx_norm", j, q->dyx_norm, b->dyx2[j].v, b->t);
  }
}

static void against_the_book(struct run *r, struct tally *tally)
{
  struct book b;
  truth_of(r);
  book_make(r, &b, r->tc.p.type == NORMATIVE_F64 ? 8000 : 2400);
  for (size_t i = 0; i < b.elements; ++i) same(r, SLOT_DX, i, &b.dx[i], tally);
  for (size_t j = 0; j < b.params; ++j) {
    same(r, SLOT_DGAMMA, j, &b.dgamma[j], tally);
    same(r, SLOT_DBETA, j, &b.dbeta[j], tally);
  }
  if (r->tc.p.mode == NORMATIVE_TRAINING) group_quantities(r, &b);
  parameter_quantities(r, &b);
  book_free(&b);
}

/* Case number n over a family of x and one of dy; false if the type cannot hold such values. */
static bool make_case(struct run *r, int n, const char *x, const char *dy)
{
  static const char *const norms[] = {"layernorm", "batchnorm", "rmsnorm", "instancenorm", "groupnorm", "layernorm_channels",
                                      "batchnorm", "groupnorm"};
  static const char *const rows[] = {"5x8", "3x16", "12x3", "4x2", "2x33", "1x9", "9x1", "30x5"};
  static const char *const channels[] = {"5x2x3", "2x2x9", "7x5", "1x3x8", "3x2x2x2", "2x3", "1x2", "2x6x3", "3x4x2x2", "2x8"};
  static const char *const types[] = {"f32", "bf16", "f64", "f32", "f16", "bf16,params=f32", "f32", "f16,params=f32"};
  static const char *const keys[] = {"", ",eps=0", ",eps=0.25", ",given=yes", ",given=yes,stats=f32", ",mode=evaluation",
                                     ",given=yes,saved=variance", ",eps=1e-12,given=yes,saved=variance,stats=f32"};
  static const char *const gammas[] = {"ones", "ordinary", "absent", "mixed", "zerofirst", "huge", "tiny", "nan"};
  static const char *const affines[] = {"", "", ",affine=group", ",affine=element"};
  static const char *const places[] = {"", "", "", "", "", ",epsplace=outside", ",epsplace=max", ",epsplace=max,eps=2"};
  static const char *const casts[] = {"", "", "", ",casts=plusone"};
  uint64_t dice = ((uint64_t)n + 1) * 0x9e3779b97f4a7c15u; /* odd multiplier: the upper bits look drawn */
  const char *norm = norms[dice >> 61], *type = types[dice >> 48 & 7], *comma = strchr(type, ',');
  const char *gamma = gammas[dice >> 56 & 7], *key = keys[dice >> 40 & 7];
  bool two = norm_by_name(norm)->axes == 2, groups = two || !strcmp(norm, "groupnorm");
  const char *shape = two ? rows[dice >> 24 & 7] : channels[(dice >> 24 & 0xffff) % 10];
  const char *affine = affines[dice >> 18 & 3];
  int c = atoi(two ? shape : strchr(shape, 'x') + 1), parts = dice >> 22 & 1 ? c : c % 2 || dice >> 21 & 1 ? 1 : 2;
  char name[CASE_NAME_MAX], parted[48] = "";
  struct error e = {""};
  if (strstr(key, "evaluation") && !norm_by_name(norm)->evaluates) key = ",eps=1e-12";
  if (groups) snprintf(parted, sizeof parted, ",groups=%d%s", two && !*affine ? 1 : parts, affine);
  snprintf(name, sizeof name, "%s/backward/%.*s/%s/%s/seed%d%s,dy=%s,gamma=%s%s%s%s%s%s", norm,
           comma ? (int)(comma - type) : (int)strlen(type), type, shape, x, n, comma ? comma : "", dy, gamma, key, parted,
           !two && dice >> 20 & 1 ? ",layout=nsc" : "", strstr(key, "given") ? "" : places[dice >> 53 & 7],
           strcmp(gamma, "absent") ? casts[dice >> 37 & 3] : "");
  memset(r, 0, sizeof *r);
  if (case_parse(&r->tc, name, &e)) fail_msg("%s", e.text);
  if (!inputs_make(&r->tc, &r->in, &e)) return true;
  if (!strstr(e.text, type_name(r->tc.p.type))) fail_msg("%s", e.text);
  tensors_free(&r->in);
  return false;
}

/* Every family of x with every one of dy. */
static void families(void **state)
{
  (void)state;
  struct tally tally = {0};
  char x[48], dy[48];
  int n = 0;
  for (int round = 0; round < 8; ++round)
    for (size_t i = 0; family_name("x", i, round + (int)i, x); ++i)
      for (size_t j = 0; family_name("dy", j, 2 * round + (int)(i + j), dy); ++j, ++n) {
        struct run r;
        if (!make_case(&r, n, x, dy)) continue;
        against_the_book(&r, &tally);
        close_case(&r);
      }
  print_message("%zu elements, %zu of them 0, %zu halfway, %zu not finite\n", tally.elements, tally.zeros, tally.ties,
                tally.specials);
  assert_true(tally.elements > 120000 && tally.zeros > 10000 && tally.ties > 1000 && tally.specials > 10000);
}

static void any_bits(void **state)
{
  (void)state;
  struct tally tally = {0};
  uint64_t seed = 99;
  for (int n = 0; n < 1200; ++n) {
    struct run r;
    if (!make_case(&r, n, "zeros", "zero")) continue;
    for (enum slot s = SLOT_X; s <= SLOT_DY; ++s) fill_bits(&r, s, &seed);
    against_the_book(&r, &tally);
    close_case(&r);
  }
  print_message("%zu elements, %zu not finite\n", tally.elements, tally.specials);
  assert_true(tally.elements > 50000 && tally.specials < tally.elements / 2);
}

/* ---- finite differences of the oracle's own forward values ---- */

#include "difference.inc"

static void fill_grid(struct run *r, enum slot s, uint64_t seed) /* -2 to 2, multiples of 2^-8 */
{
  for (size_t i = 0; i < r->in.t[s].count; ++i) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    put(r, s, i, (double)(int64_t)(seed >> 54) * 0x1p-8 - 2);
  }
}

static void derivatives(const char *norm, const char *shape, const char *keys)
{
  char forward[CASE_NAME_MAX], backward[CASE_NAME_MAX];
  struct run f, b;
  snprintf(forward, sizeof forward, "%s/forward/f64/%s/hand/seed1,eps=0.25%s", norm, shape, keys);
  snprintf(backward, sizeof backward, "%s/backward/f64/%s/hand/seed1,eps=0.25%s", norm, shape, keys);
  open_case(&f, forward);
  open_case(&b, backward);
  for (enum slot s = SLOT_X; s < SLOT_Y; ++s) {
    fill_grid(&f, s, 10 + s);
    fill_grid(&b, s, 10 + s);
  }
  for (size_t c = 0; c < f.in.t[SLOT_RUNNING_VAR].count; ++c) {
    put(&f, SLOT_RUNNING_VAR, c, 1 + (double)c);
    put(&b, SLOT_RUNNING_VAR, c, 1 + (double)c);
  }
  truth_of(&b);
  for (size_t i = 0; i < b.truth.t[SLOT_DX].count; ++i) one_derivative(&f, &b, SLOT_X, SLOT_DX, i, -95);
  for (size_t j = 0; j < b.truth.params; ++j) {
    one_derivative(&f, &b, SLOT_GAMMA, SLOT_DGAMMA, j, -95);
    one_derivative(&f, &b, SLOT_BETA, SLOT_DBETA, j, -95);
  }
  close_case(&f);
  close_case(&b);
}

static void finite_differences(void **state)
{
  (void)state;
  derivatives("layernorm", "3x7", "");
  derivatives("layernorm", "6x2", "");
  derivatives("rmsnorm", "4x5", "");
  derivatives("batchnorm", "3x2x4", "");
  derivatives("batchnorm", "2x3x2x2", ",layout=nsc");
  derivatives("batchnorm", "3x2x3", ",mode=evaluation");
  derivatives("batchnorm", "3x2x3", ",mode=evaluation,layout=nsc");
  derivatives("instancenorm", "2x3x4", "");
  derivatives("instancenorm", "2x3x4", ",layout=nsc");
  derivatives("instancenorm", "2x3x4", ",mode=evaluation");
  derivatives("layernorm_channels", "2x5x3", "");
  derivatives("layernorm_channels", "2x5x3", ",layout=nsc");
  derivatives("groupnorm", "2x6x3", ",groups=2");
  derivatives("groupnorm", "2x6x3", ",layout=nsc,groups=3");
  derivatives("layernorm", "4x3", ",groups=2,affine=element");
  derivatives("layernorm", "4x3", ",affine=group");
  derivatives("rmsnorm", "4x3", ",groups=4,affine=group");
  derivatives("groupnorm", "2x4x3", ",groups=2,affine=group");
  derivatives("groupnorm", "2x4x3", ",layout=nsc,groups=2,affine=element");
  derivatives("layernorm", "3x7", ",epsplace=outside");
  derivatives("rmsnorm", "4x5", ",epsplace=outside,casts=plusone");
  derivatives("groupnorm", "2x6x3", ",groups=2,epsplace=outside,casts=normal");
  derivatives("batchnorm", "3x2x3", ",mode=evaluation,epsplace=outside,casts=plusone");
  derivatives("layernorm", "3x7", ",epsplace=max");
  derivatives("rmsnorm", "4x5", ",epsplace=max,eps=1e4");
  derivatives("batchnorm", "3x2x4", ",epsplace=max,casts=plusone");
  derivatives("instancenorm", "2x3x4", ",mode=evaluation,epsplace=max,eps=2");
}

/* ---- identities, and threads ---- */

static void same_wide(const struct run *a, size_t i, const struct run *b, size_t j, enum slot s)
{
  const struct wide *v = &a->truth.t[s].exact[i], *w = &b->truth.t[s].exact[j];
  assert_int_equal(v->kind, w->kind);
  if (v->kind == WIDE_FINITE) assert_true(v->sign == w->sign && v->exponent == w->exponent);
  if (v->kind == WIDE_FINITE) assert_memory_equal(v->limb, w->limb, sizeof v->limb);
  EXPECT(a, s, i, nearest(b, s, j));
}

/* Given the statistics of x, where they are exact (mean 5, rstd 1/2), and recomputing them: the same. */
static void given_is_own(void **state)
{
  (void)state;
  struct run a, b, c;
  open_case(&a, "batchnorm/backward/f32/4x1x2/hand/seed1,eps=0");
  open_case(&b, "batchnorm/backward/f32/4x1x2/hand/seed1,eps=0,given=yes");
  open_case(&c, "batchnorm/backward/f32/4x1x2/hand/seed1,eps=0,given=yes,saved=variance");
  for (struct run **r = (struct run *[]){&a, &b, &c, NULL}; *r; ++r) {
    put_all(*r, SLOT_X, (double[]){2, 4, 4, 4, 5, 5, 7, 9});
    put_all(*r, SLOT_DY, (double[]){0.1f, -3, 1e-5f, 7, 1e5f, 0.3f, -0.7f, 2});
    put(*r, SLOT_GAMMA, 0, 0.3f);
  }
  put(&b, SLOT_GIVEN_MEAN, 0, 5);
  put(&b, SLOT_GIVEN_RSTD, 0, 0.5);
  put(&c, SLOT_GIVEN_MEAN, 0, 5);
  put(&c, SLOT_GIVEN_VARIANCE, 0, 4);
  truth_of(&a);
  for (struct run **r = (struct run *[]){&b, &c, NULL}; *r; ++r) {
    truth_of(*r);
    for (size_t i = 0; i < 8; ++i) same_wide(&a, i, *r, i, SLOT_DX);
    same_wide(&a, 0, *r, 0, SLOT_DGAMMA);
    same_wide(&a, 0, *r, 0, SLOT_DBETA);
    close_case(*r);
  }
  close_case(&a);
}

/* Rows of LayerNorm are channels of BatchNorm over one sample. */
static void layernorm_is_batchnorm(void **state)
{
  (void)state;
  for (int given = 0; given < 2; ++given) {
    struct run a, b;
    uint64_t seed = 5;
    open_case(&a, given ? "layernorm/backward/f32/5x12/hand/seed1,gamma=absent,given=yes"
                        : "layernorm/backward/f32/5x12/hand/seed1,gamma=absent");
    open_case(&b, given ? "batchnorm/backward/f32/1x5x12/hand/seed1,gamma=absent,given=yes"
                        : "batchnorm/backward/f32/1x5x12/hand/seed1,gamma=absent");
    for (enum slot s = SLOT_X; s < SLOT_Y; ++s) {
      if (!a.in.t[s].data) continue;
      fill_bits(&a, s, &seed);
      memcpy(b.in.t[s].data, a.in.t[s].data, a.in.t[s].count * type_size(a.in.t[s].type));
    }
    truth_of(&a);
    truth_of(&b);
    for (size_t i = 0; i < 60; ++i) same_wide(&a, i, &b, i, SLOT_DX);
    close_case(&a);
    close_case(&b);
  }
}

static void any_threads(void **state)
{
  (void)state;
  const char *names[] = {"batchnorm/backward/f32/40x3x60/mean1e4/seed1,dy=alternating",
                         "layernorm/backward/f32/200x33/normal/seed3,dy=xhat", "rmsnorm/backward/f32/2x5000/wide/seed3"};
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
    for (enum slot s = SLOT_DX; s <= SLOT_DBETA; ++s)
      for (size_t i = 0; i < a.truth.t[s].count; ++i) same_wide(&a, i, &b, i, s);
    for (size_t g = 0; g < a.truth.groups; ++g) {
      const struct group_truth *v = &a.truth.group[g], *w = &b.truth.group[g];
      assert_true(v->g_abs == w->g_abs && v->gx_abs == w->gx_abs && v->c1 == w->c1 && v->c2 == w->c2 && v->dy_max == w->dy_max);
      assert_true(v->sigma2 == w->sigma2 && v->rstd == w->rstd && v->kappa == w->kappa);
    }
    for (size_t j = 0; j < a.truth.params; ++j) {
      const struct param_truth *v = &a.truth.param[j], *w = &b.truth.param[j];
      assert_true(v->dy_abs == w->dy_abs && v->dyx_abs == w->dyx_abs && v->dy_norm == w->dy_norm && v->dyx_norm == w->dyx_norm);
    }
    close_case(&a);
    close_case(&b);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(three_elements), cmocka_unit_test(given), cmocka_unit_test(given_variance),
    cmocka_unit_test(root_mean_square), cmocka_unit_test(zeros),
    cmocka_unit_test(constant_group), cmocka_unit_test(ties), cmocka_unit_test(parameter_ties), cmocka_unit_test(many_roots),
    cmocka_unit_test(eps_places), cmocka_unit_test(gamma_plus_one), cmocka_unit_test(many_roots_beyond),
    cmocka_unit_test(many_roots_outside), cmocka_unit_test(ties_outside),
    cmocka_unit_test(sums_of_roots), cmocka_unit_test(edges_groups), cmocka_unit_test(edges_root_mean_square),
    cmocka_unit_test(edges_evaluation), cmocka_unit_test(edges_given), cmocka_unit_test(edges_given_variance),
    cmocka_unit_test(nothing),
    cmocka_unit_test(families), cmocka_unit_test(any_bits), cmocka_unit_test(finite_differences),
    cmocka_unit_test(given_is_own), cmocka_unit_test(layernorm_is_batchnorm), cmocka_unit_test(any_threads)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
