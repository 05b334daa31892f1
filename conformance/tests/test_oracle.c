/* SPDX-License-Identifier: Apache-2.0
   The oracle against values known by hand, against its own rules, and against the textbook formula in 2000 bits. */
#include "oracle.h"
#include "settle.h"
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

/* ---- by hand ---- */

static void two_elements(void **state)
{
  (void)state;
  struct run r;
  open_case(&r, "layernorm/forward/f32/2x2/hand/seed1,eps=0");
  put_all(&r, SLOT_X, (double[]){1, 3, -0x1p100, 0x1p-60});
  put_all(&r, SLOT_GAMMA, (double[]){3, 0.1f});
  put_all(&r, SLOT_BETA, (double[]){3, -0.1f});
  truth_of(&r);
  EXPECT(&r, SLOT_Y, 0, 0); /* 3 * -1 + 3: exactly zero through a root */
  EXPECT(&r, SLOT_Y, 1, 0);
  EXPECT(&r, SLOT_Y, 2, 0);
  assert_int_equal(r.truth.t[SLOT_Y].exact[0].kind, WIDE_ZERO);
  assert_int_equal(r.truth.t[SLOT_Y].exact[3].kind, WIDE_ZERO);
  EXPECT(&r, SLOT_MEAN, 0, 2);
  EXPECT(&r, SLOT_RSTD, 0, 1);
  assert_true(exactly(&r, SLOT_RSTD, 0, 1));
  EXPECT(&r, SLOT_MEAN, 1, -0x1p99);
  EXPECT(&r, SLOT_RSTD, 1, 0x1p-99);
  assert_false(exactly(&r, SLOT_RSTD, 1, 0x1p-99)); /* 2^-99 (1 - 2^-160 + ...) */
  close_case(&r);
}

/* 0, 1, 2: sqrt(3/2) */
static void three_elements(void **state)
{
  (void)state;
  struct run r;
  open_case(&r, "layernorm/forward/f32/1x3/hand/seed1,eps=0,gamma=absent,beta=absent,stats=f32");
  put_all(&r, SLOT_X, (double[]){0, 1, 2});
  truth_of(&r);
  EXPECT(&r, SLOT_Y, 0, (float)-1.22474487139158904909864203735294569598);
  EXPECT(&r, SLOT_Y, 1, 0);
  EXPECT(&r, SLOT_RSTD, 0, (float)1.22474487139158904909864203735294569598);
  EXPECT(&r, SLOT_MEAN, 0, 1);
  assert_true(r.truth.group[0].sigma2 >= 2.0L / 3 && r.truth.group[0].sigma2 < 2.0L / 3 * (1 + 0x1p-60L));
  assert_true(r.truth.group[0].mean_abs == 1 && r.truth.group[0].max_abs == 2);
  assert_true(fabsl(r.truth.group[0].kappa - 1.2247448713915890491L) < 1e-18L);
  close_case(&r);
}

static void root_mean_square(void **state)
{
  (void)state;
  struct run r;
  open_case(&r, "rmsnorm/forward/f32/1x2/hand/seed1,eps=0.5,beta=absent");
  put_all(&r, SLOT_X, (double[]){1, -4}); /* mean of squares 8.5 + 0.5 = 9 */
  truth_of(&r);
  EXPECT(&r, SLOT_Y, 0, 1.0f / 3);
  EXPECT(&r, SLOT_Y, 1, -4.0f / 3);
  EXPECT(&r, SLOT_RSTD, 0, 1.0 / 3);
  assert_int_equal(r.truth.t[SLOT_MEAN].count, 0);
  close_case(&r);
}

/* One channel of running statistics, one element, y = beta + gamma (x - mean)/sqrt(var + eps). */
static double evaluated(const char *type, const char *keys, double x, double gamma, double beta, double mean, double var)
{
  char name[CASE_NAME_MAX];
  struct run r;
  snprintf(name, sizeof name, "batchnorm/forward/%s/1x1/hand/seed1,mode=evaluation,%s", type, keys);
  open_case(&r, name);
  put(&r, SLOT_X, 0, x);
  put(&r, SLOT_GAMMA, 0, gamma);
  put(&r, SLOT_BETA, 0, beta);
  put(&r, SLOT_RUNNING_MEAN, 0, mean);
  put(&r, SLOT_RUNNING_VAR, 0, var);
  truth_of(&r);
  double y = nearest(&r, SLOT_Y, 0);
  assert_int_not_equal(r.truth.t[SLOT_Y].exact[0].kind, WIDE_UNDECIDED);
  close_case(&r);
  return y;
}

#define EVAL(expected, ...)                                                                        \
  do {                                                                                             \
    double eval_v = (expected), eval_got = evaluated(__VA_ARGS__);                                 \
    if (!(eval_got == eval_v || (isnan(eval_got) && isnan(eval_v))))                               \
      fail_msg("line %d: %a, not %a", __LINE__, eval_got, eval_v);                                 \
  } while (0)

static void ties(void **state)
{
  (void)state;
  EVAL(1, "f32", "eps=0", 1, 1, 0x1p-24, 0, 1);                       /* to even, down */
  EVAL(1 + 0x1p-22, "f32", "eps=0", 1 + 0x1p-23, 1, 0x1p-24, 0, 1);   /* to even, up */
  EVAL(-1 - 0x1p-22, "f32", "eps=0", -1 - 0x1p-23, 1, -0x1p-24, 0, 1);
  EVAL(1 + 0x1p-23, "f32", "eps64=0x1p-1074", 1 + 0x1p-23, 1, 0x1p-24, 0, 1); /* less by 2^-1075 */
  EVAL(1 + 0x1p-23, "f32", "eps64=0x1p-1074", 1, 1, 0x1p-24, -0x1p-1000, 1);  /* more */
  EVAL(0.5 + 0x1p-24, "f32", "eps64=0x1p-1074", 1, 1, 0x1p-25, -0x1p-1074, 4); /* 2^-1075 more, 2^-1078 less */
  EVAL(0.5, "f32", "eps64=0x1p-1074", 1, 1, 0x1p-25, 0, 4);
  EVAL(2 + 0x1p-21, "f32", "eps=0.5,epsplace=outside", 1 + 0x1p-23, 1, 0x1p-23, 0, 0); /* var = 0 */
  EVAL(1, "f64", "eps=0", 1, 1, 0x1p-53, 0, 1);
  EVAL(1 + 0x1p-52, "f64", "eps=0", 1, 1, 0x1p-53, -0x1p-1074, 1);
}

/* Values that come out wrong if they pass through double, or through a wider exponent range, on their way. */
static void double_rounding(void **state)
{
  (void)state;
  EVAL(1 + 0x1p-23, "f32", "eps=0", 1, 1, 0x1p-24, -0x1p-60, 1);
  EVAL(1, "f32", "eps=0", 1, 1, 0x1p-24, 0x1p-60, 1);
  EVAL(0, "f32", "eps=0", 0x1p-149, 1, 0, 0, 4);                          /* half the smallest subnormal: to even */
  EVAL(0x1p-149, "f32", "eps=0", 0x1p-149, 1, 0, -0x1p-260, 4);           /* a little more */
  EVAL(0x1p-148, "f32", "eps=0", 0x3p-149, 1, 0, 0, 4);
  EVAL(0x1p-149, "f32", "eps=0", 0x3p-149, 1, 0, 0x1p-260, 4);
  EVAL(0x1p-126, "f32", "eps=0", 0x1.fffffep-126, 1, 0, 0, 4);            /* subnormal, rounds up to normal */
  EVAL(0, "f32", "eps=0", 0x1p-149, 1, 0, 0, 16.1);
  EVAL(0x1p-1074, "f64", "eps=0", 0x3p-1074, 1, 0, 0, 4.5);               /* 1.41 */
  EVAL(INFINITY, "f32", "eps=0", FLT_MAX, 1, 0x1p103, 0, 1);              /* the middle between FLT_MAX and 2^128 */
  EVAL(FLT_MAX, "f32", "eps=0", FLT_MAX, 1, 0x1p103, 0x1p-100, 1);
  EVAL(-INFINITY, "f32", "eps=0", -FLT_MAX, 1.5, 0, 0, 1);
  EVAL(FLT_MAX, "f32", "eps=0", FLT_MAX, 2, 0, 0, 4);
  EVAL(DBL_MAX, "f64", "eps=0", DBL_MAX, 0x1p511, 0, 0, 0x1p1022);
}

/* beta is a middle of the tensor's type, being wider; what is added to it is below 2^-400. */
static void beside_beta(void **state)
{
  (void)state;
  struct run r;
  open_case(&r, "batchnorm/forward/f16/3x1/hand/seed1,mode=evaluation,params=f32");
  put(&r, SLOT_GAMMA, 0, 1);
  put(&r, SLOT_BETA, 0, 1 + 0x1p-11);
  put(&r, SLOT_RUNNING_VAR, 0, 0x1p1000);
  memcpy(r.in.t[SLOT_X].data, (uint16_t[]){0x3c00, 0xbc00, 0}, 6); /* 1, -1, 0 */
  truth_of(&r);
  EXPECT(&r, SLOT_Y, 0, 1 + 0x1p-10);
  EXPECT(&r, SLOT_Y, 1, 1);
  EXPECT(&r, SLOT_Y, 2, 1);
  close_case(&r);
}

static void far_below(void **state)
{
  (void)state;
  struct run r;
  /* a, -a, d, -d and zeros, m = 8: xhat of a is 2/sqrt(1 + 2^-4194): closer to a middle, or to -beta, than 4096 bits show */
  open_case(&r, "layernorm/forward/f64/1x8/hand/seed1,eps=0");
  put_all(&r, SLOT_X, (double[]){0x1p1023, -0x1p1023, 0x1p-1074, -0x1p-1074, 0, 0, 0, 0});
  put_all(&r, SLOT_BETA, (double[]){0x1p-52, 2, 0, 0, 7, 0, 0, 0});
  truth_of(&r);
  EXPECT(&r, SLOT_Y, 0, 2);
  EXPECT(&r, SLOT_Y, 1, 0);
  struct wide y = r.truth.t[SLOT_Y].exact[1];
  assert_int_equal(y.kind, WIDE_FINITE);
  assert_int_equal(y.sign, 1);
  assert_int_equal(y.exponent, -4193); /* 2 - 2/sqrt(1+e) = e (1 - 3e/4 ...), e = 2^-4194, which it is in 192 bits */
  EXPECT(&r, SLOT_Y, 2, 0);
  EXPECT(&r, SLOT_Y, 4, 7);
  close_case(&r);
}

/* ---- edges ---- */

static void edges_own_statistics(void **state)
{
  (void)state;
  struct run r;
  open_case(&r, "layernorm/forward/f32/6x2/hand/seed1,eps=0");
  put_all(&r, SLOT_X, (double[]){1, NAN, INFINITY, 1, -INFINITY, 1, INFINITY, -INFINITY, 5, 5, 1, 3});
  put_all(&r, SLOT_BETA, (double[]){7, 8});
  truth_of(&r);
  for (size_t i = 0; i < 10; ++i) EXPECT(&r, SLOT_Y, i, NAN); /* a constant at eps = 0 is 0 times Inf */
  EXPECT(&r, SLOT_Y, 10, 6);
  EXPECT(&r, SLOT_Y, 11, 9);
  const double mean[] = {NAN, INFINITY, -INFINITY, NAN, 5, 2}, rstd[] = {NAN, NAN, NAN, NAN, INFINITY, 1};
  for (size_t g = 0; g < 6; ++g) {
    EXPECT(&r, SLOT_MEAN, g, mean[g]);
    EXPECT(&r, SLOT_RSTD, g, rstd[g]);
    assert_int_equal(r.truth.group[g].finite, g >= 4);
  }
  close_case(&r);
  open_case(&r, "layernorm/forward/f32/3x1/hand/seed1"); /* m = 1, eps > 0 */
  put_all(&r, SLOT_X, (double[]){0.1f, FLT_MAX, 0x1p-149});
  put(&r, SLOT_BETA, 0, 0.3f);
  truth_of(&r);
  for (size_t i = 0; i < 3; ++i) EXPECT(&r, SLOT_Y, i, 0.3f);
  close_case(&r);
}

static void edges_root_mean_square(void **state)
{
  (void)state;
  struct run r;
  open_case(&r, "rmsnorm/forward/f32/4x3/hand/seed1,eps=0");
  put_all(&r, SLOT_X, (double[]){1, -INFINITY, -2, NAN, INFINITY, 1, 0, 0, 0, 1, 1, 1});
  put_all(&r, SLOT_GAMMA, (double[]){2, 2, INFINITY});
  put_all(&r, SLOT_BETA, (double[]){3, 3, 3});
  truth_of(&r);
  const double y[] = {3, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, 5, 5, INFINITY}, rstd[] = {0, NAN, INFINITY, 1};
  for (size_t i = 0; i < 12; ++i) EXPECT(&r, SLOT_Y, i, y[i]);
  for (size_t g = 0; g < 4; ++g) EXPECT(&r, SLOT_RSTD, g, rstd[g]);
  close_case(&r);
}

static void edges_parameters(void **state)
{
  (void)state;
  struct run r;
  open_case(&r, "layernorm/forward/f32/2x5/hand/seed1,eps=0.5");
  put_all(&r, SLOT_X, (double[]){1, -1, 0, 1, -1, 2, 2, 2, 2, 2});
  put_all(&r, SLOT_GAMMA, (double[]){INFINITY, INFINITY, INFINITY, 1, INFINITY});
  put_all(&r, SLOT_BETA, (double[]){0, 0, 0, NAN, INFINITY});
  truth_of(&r);
  const double y[] = {INFINITY, -INFINITY, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
  for (size_t i = 0; i < 10; ++i) EXPECT(&r, SLOT_Y, i, y[i]);
  EXPECT(&r, SLOT_MEAN, 1, 2);
  close_case(&r);
}

static void edges_evaluation(void **state)
{
  (void)state;
  const double inf = INFINITY;
  EVAL(inf, "f32", "eps=0", 1, 1, 0, 0.5, 0);
  EVAL(-inf, "f32", "eps=0", 0, 1, 0, 0.5, 0);
  EVAL(NAN, "f32", "eps=0", 0.5, 1, 0, 0.5, 0);
  EVAL(NAN, "f32", "eps=0", 1, 0, 0, 0.5, 0);
  EVAL(NAN, "f32", "eps=0.5", 1, 1, 0, 0, -1);
  EVAL(inf, "f32", "eps=0.5", 1, 1, 0, 0, -0.5);
  EVAL(2, "f32", "eps=0.5", 1, 1, 0, 0, -0.25);
  EVAL(7, "f32", "eps=0.5", 1, 1, 7, 0, inf);
  EVAL(NAN, "f32", "eps=0.5", inf, 1, 7, 0, inf);
  EVAL(NAN, "f32", "eps=0.5", 1, 1, 7, 0, -inf);
  EVAL(NAN, "f32", "eps=0.5", 1, 1, 7, 0, NAN);
  EVAL(-inf, "f32", "eps=0.5", 1, 1, 7, inf, 1);
  EVAL(NAN, "f32", "eps=0.5", inf, 1, 7, inf, 1);
  EVAL(NAN, "f32", "eps=0.5", 1, 1, 7, NAN, 1);
  EVAL(inf, "f32", "eps=0.5", -inf, -1, 7, 0, 1);
  EVAL(NAN, "f32", "eps=0.5", inf, 0, 7, 0, 1);
  EVAL(NAN, "f32", "eps=0.5", NAN, 1, 7, 0, 1);
}

static void conventions(void **state)
{
  (void)state;
  EVAL(0.4f, "f32", "eps=0.5,epsplace=outside", 1, 1, 0, 0, 4);      /* 1/(2 + 0.5) */
  EVAL(NAN, "f32", "eps=0.5,epsplace=outside", 1, 1, 0, 0, -0.25);
  EVAL(0.5, "f32", "eps=0.5,epsplace=max", 1, 1, 0, 0, 4);
  EVAL(2, "f32", "eps=0.25,epsplace=max", 1, 1, 0, 0, -4);
  EVAL(0x1p-25, "f32", "eps=0,casts=plusone", 1, 0x1p-24, -0.5, 0, 4); /* 1 + gamma is not rounded */
  EVAL(0x1p-101, "f32", "eps=0,casts=plusone", 1, 0x1p-100, -0.5, 0, 4);
  EVAL(0, "f32", "eps=0.5,epsplace=outside", 5, 1, -2, 0, 4);        /* exactly */
  struct run r;
  open_case(&r, "layernorm/forward/f32/1x4/hand/seed1,eps=1,epsplace=outside,stats=f32");
  put_all(&r, SLOT_X, (double[]){1, 3, 3, 1}); /* sigma 1: rstd 1/2 */
  truth_of(&r);
  EXPECT(&r, SLOT_RSTD, 0, 0.5);
  EXPECT(&r, SLOT_Y, 1, 0.5);
  assert_true(exactly(&r, SLOT_Y, 0, -0.5));
  close_case(&r);
}

static void residual(void **state)
{
  (void)state;
  struct run r;
  open_case(&r, "layernorm/forward/f32/4x2/hand/seed1,eps=0,residual=yes");
  put_all(&r, SLOT_X, (double[]){1, 1, FLT_MAX, INFINITY, 1, 1, -1, 1});
  put_all(&r, SLOT_RESIDUAL, (double[]){0x1p-24, -0x1p-60, FLT_MAX, 1, 0x1p-149, 0, 1.5, -1.5});
  truth_of(&r);
  EXPECT(&r, SLOT_SUM, 0, 1); /* the tie */
  EXPECT(&r, SLOT_SUM, 1, 1);
  EXPECT(&r, SLOT_SUM, 2, INFINITY);
  EXPECT(&r, SLOT_SUM, 3, INFINITY);
  EXPECT(&r, SLOT_Y, 0, 1); /* the sum that is normalized is the exact one */
  EXPECT(&r, SLOT_Y, 1, -1);
  EXPECT(&r, SLOT_Y, 2, NAN);
  EXPECT(&r, SLOT_Y, 4, 1);
  EXPECT(&r, SLOT_Y, 5, -1);
  assert_false(exactly(&r, SLOT_SUM, 4, 1));
  EXPECT(&r, SLOT_MEAN, 0, 1 + 0x1p-25 - 0x1p-61);
  assert_true(r.truth.group[3].mean_abs == 0.5);
  assert_true(r.truth.group[3].max_abs >= 0.5 && r.truth.group[3].max_abs < 0.50001);
  close_case(&r);
}

static void nothing(void **state)
{
  (void)state;
  const char *names[] = {"layernorm/forward/f32/3x0/hand/seed1", "layernorm/forward/f32/0x3/hand/seed1",
                         "batchnorm/forward/f32/0x3x2/hand/seed1,mode=evaluation"};
  for (size_t n = 0; n < 3; ++n) {
    struct run r;
    open_case(&r, names[n]);
    truth_of(&r);
    assert_int_equal(r.truth.groups, 0);
    for (int s = 0; s < SLOT_COUNT; ++s) assert_int_equal(r.truth.t[s].count, 0);
    close_case(&r);
  }
}

static void refuses(void **state)
{
  (void)state;
  struct run r;
  struct error e = {""};
  open_case(&r, "layernorm/forward/f32/2x2/hand/seed1");
  r.in.t[SLOT_GAMMA].count = 1;
  assert_int_equal(oracle_run(&r.tc.p, &r.in, &r.truth, &e), -1);
  assert_non_null(strstr(e.text, "gamma"));
  free(r.in.t[SLOT_GAMMA].data);
  r.in.t[SLOT_GAMMA].data = NULL;
  assert_int_equal(oracle_run(&r.tc.p, &r.in, &r.truth, &e), -1);
  assert_non_null(strstr(e.text, "misses input gamma"));
  close_case(&r);
}

/* ---- running statistics ---- */

/* Batch 1, 2, 3, 6 of one channel: mean 3, population variance 3.5, unbiased 14/3; old mean 1, old variance 2. */
static void running_update(const char *keys, const double *x, double old_mean, double old_var, double mean, double var)
{
  char name[CASE_NAME_MAX];
  struct run r;
  snprintf(name, sizeof name, "batchnorm/forward/f32/2x1x2/hand/seed1,%s,running=hand", keys);
  open_case(&r, name);
  put_all(&r, SLOT_X, x);
  put(&r, SLOT_RUNNING_MEAN, 0, old_mean);
  put(&r, SLOT_RUNNING_VAR, 0, old_var);
  truth_of(&r);
  EXPECT(&r, SLOT_RUNNING_MEAN, 0, mean);
  EXPECT(&r, SLOT_RUNNING_VAR, 0, var);
  close_case(&r);
}

static void running_rules(void **state)
{
  (void)state;
  const double x[] = {1, 2, 3, 6};
  running_update("momentum=0.25", x, 1, 2, 1.5, 8.0 / 3);                                    /* 1.5 + 14/12 */
  running_update("momentum=0.25,estimator=population", x, 1, 2, 1.5, 2.375);
  running_update("momentum=0.25,rule=old,estimator=population", x, 1, 2, 2.5, 3.125);
  running_update("momentum=4,rule=cumulative,estimator=population", x, 1, 2, 1.5, 2.375);
  running_update("momentum=3,rule=cumulative", x, 1, 2, 5.0 / 3, 26.0 / 9);
  running_update("momentum=1,rule=cumulative", x, 1e300, 1e300, 3, 14.0 / 3);
  running_update("momentum=0.5", x, -3, 2, 0, 10.0 / 3);                                      /* exactly 0 */
  running_update("momentum=0.5,stats=f32", x, 0x1p-23, 0, 1.5, (float)(7.0 / 3)); /* 1.5 + 2^-24: to even */
}

static void running_channels(void **state)
{
  (void)state;
  const double mean[] = {2, 10, 100}, var[] = {1, 15, 5000};
  struct run r;
  open_case(&r, "batchnorm/forward/f32/2x3/hand/seed1,momentum=0.5,estimator=population,running=hand");
  put_all(&r, SLOT_X, (double[]){1, 10, 100, 3, 20, 300});
  put_all(&r, SLOT_RUNNING_MEAN, (double[]){2, 5, 0});
  put_all(&r, SLOT_RUNNING_VAR, (double[]){1, 5, 0});
  truth_of(&r);
  for (size_t c = 0; c < 3; ++c) {
    EXPECT(&r, SLOT_RUNNING_MEAN, c, mean[c]);
    EXPECT(&r, SLOT_RUNNING_VAR, c, var[c]);
  }
  close_case(&r);
}

/* One element has the variance 0 where m-1 is at least 1. */
static void running_of_one(void **state)
{
  (void)state;
  const double mean[] = {1.5, -1}, var[] = {1.5, 6};
  struct run r;
  open_case(&r, "batchnorm/forward/f32/1x2/hand/seed1,momentum=0.25,estimator=unbiased1,running=hand");
  put_all(&r, SLOT_X, (double[]){3, -7});
  put_all(&r, SLOT_RUNNING_MEAN, (double[]){1, 1});
  put_all(&r, SLOT_RUNNING_VAR, (double[]){2, 8});
  truth_of(&r);
  for (size_t c = 0; c < 2; ++c) {
    EXPECT(&r, SLOT_RUNNING_MEAN, c, mean[c]);
    EXPECT(&r, SLOT_RUNNING_VAR, c, var[c]);
  }
  close_case(&r);
}

static void running_edges(void **state)
{
  (void)state;
  const double x[] = {1, 2, 3, 6}, with_inf[] = {1, INFINITY, 3, 6}, with_nan[] = {NAN, 1, 1, 1};
  running_update("momentum=0.5", with_inf, 1, 2, INFINITY, NAN);
  running_update("momentum=0", with_inf, 1, 2, NAN, NAN);
  running_update("momentum=0.5", with_nan, 1, 2, NAN, NAN);
  running_update("momentum=0.5", x, -INFINITY, INFINITY, -INFINITY, INFINITY);
  running_update("momentum=1", x, INFINITY, NAN, NAN, NAN);
  running_update("momentum=1,rule=old", with_inf, 1, 2, NAN, NAN);
  running_update("momentum=2,rule=cumulative", with_inf, INFINITY, 1, NAN, NAN);
}

/* ---- sums and settling by themselves ---- */

static double random_double(uint64_t *seed)
{
  double v;
  do {
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    uint64_t bits = *seed ^ *seed >> 29;
    memcpy(&v, &bits, sizeof v);
  } while (!isfinite(v));
  return v;
}

static void exact_sums(void **state)
{
  (void)state;
  struct sum sum, products;
  struct dyadic d;
  mpfr_t want, product;
  uint64_t seed = 1;
  dyadic_init(&d);
  mpfr_inits2(4400, want, product, (mpfr_ptr)0);
  sum_init(&sum, SUM_OF_DOUBLES);
  sum_init(&products, SUM_OF_PRODUCTS);
  for (int round = 0; round < 50; ++round) {
    double a = random_double(&seed), b = random_double(&seed);
    sum_clear(&sum);
    sum_clear(&products);
    mpfr_set_d(want, 0, MPFR_RNDN);
    for (int n = 0; n < 100; ++n, a = n % 3 ? random_double(&seed) : n % 2 ? DBL_MAX : -0x1p-1074) {
      sum_add(&sum, a);
      assert_int_equal(mpfr_add_d(want, want, a, MPFR_RNDN), 0);
    }
    sum_get(&d, &sum);
    assert_int_equal(mpfr_cmp_si_2exp(want, 0, 0) == 0, dyadic_sgn(&d) == 0);
    dyadic_get(product, &d, MPFR_RNDN);
    assert_true(mpfr_equal_p(want, product));
    mpfr_set_d(want, 0, MPFR_RNDN);
    for (int n = 0; n < 20; ++n, a = n % 5 ? b : -DBL_MAX, b = n % 7 ? random_double(&seed) : DBL_MAX) {
      sum_add_product(&products, a, b, n & 1);
      mpfr_set_d(product, a, MPFR_RNDN);
      mpfr_mul_d(product, product, n & 1 ? 2 : 1, MPFR_RNDN);
      mpfr_mul_d(product, product, b, MPFR_RNDN);
      assert_int_equal(mpfr_add(want, want, product, MPFR_RNDN), 0);
    }
    sum_get(&d, &products);
    dyadic_get(product, &d, MPFR_RNDN);
    assert_true(mpfr_equal_p(want, product));
  }
  dyadic_clear(&d);
  mpfr_clears(want, product, (mpfr_ptr)0);
}

static void exact_triples(void **state)
{
  (void)state;
  struct sum sum;
  struct dyadic d;
  mpfr_t want, product;
  uint64_t seed = 7;
  dyadic_init(&d);
  mpfr_inits2(6500, want, product, (mpfr_ptr)0);
  sum_init(&sum, SUM_OF_TRIPLES);
  for (int round = 0; round < 50; ++round) {
    sum_clear(&sum);
    mpfr_set_zero(want, 1);
    for (int n = 0; n < 60; ++n) {
      double v[] = {-DBL_MAX, DBL_MAX, DBL_MAX};
      for (int k = 0; k < 3 && n % 9; ++k) v[k] = n % 11 == 0 ? -0x1p-1074 : random_double(&seed);
      sum_add_triple(&sum, v[0], v[1], v[2]);
      mpfr_set_d(product, v[0], MPFR_RNDN);
      mpfr_mul_d(product, product, v[1], MPFR_RNDN);
      mpfr_mul_d(product, product, v[2], MPFR_RNDN);
      assert_int_equal(mpfr_add(want, want, product, MPFR_RNDN), 0);
    }
    sum_get(&d, &sum);
    dyadic_get(product, &d, MPFR_RNDN);
    assert_true(mpfr_equal_p(want, product));
  }
  dyadic_clear(&d);
  mpfr_clears(want, product, (mpfr_ptr)0);
}

/* A number known to be positive and below 2^-2000, no more: the cap is reached. */
static long little;
static long approximate_little(void *self, int level, mpfr_ptr y)
{
  (void)self;
  (void)level;
  mpfr_set_ui_2exp(y, 1, little, MPFR_RNDN);
  return little;
}
static int compare_little(void *self, const struct dyadic *q)
{
  ++*(int *)self;
  return dyadic_sgn(q) > 0 ? -1 : 1;
}
/* An approximation on, or by less than its radius above, a middle; the number is above, below it, or it. */
static double beside;
static long approximate_middle(void *self, int level, mpfr_ptr y)
{
  (void)self;
  (void)level;
  mpfr_set_d(y, 1 + 0x1p-24, MPFR_RNDN);
  mpfr_add_d(y, y, beside, MPFR_RNDN);
  return -200;
}
static int compare_unknown(void *self, const struct dyadic *q)
{
  (void)self;
  (void)q;
  return UNKNOWN;
}
static int compare_middle(void *self, const struct dyadic *q)
{
  assert_true(mpz_cmp_ui(q->z, (1u << 24) + 1) == 0 && q->e == -24);
  return *(int *)self;
}

static void settling(void **state)
{
  (void)state;
  struct settler s;
  struct wide wide;
  float value;
  struct truth_tensor out = {.count = 1, .exact = &wide, .nearest = {.data = &value, .type = NORMATIVE_F32, .count = 1}};
  int calls = 0;
  settler_init(&s);
  little = -9000; /* nothing that any type knows */
  settle(&s, &out, 0, &(struct real){approximate_little, compare_little, &calls});
  assert_int_equal(wide.kind, WIDE_ZERO);
  little = -2000;
  calls = 0;
  settle(&s, &out, 0, &(struct real){approximate_little, compare_little, &calls});
  assert_int_equal(wide.kind, WIDE_UNDECIDED);
  assert_true(isnan(value));
  assert_int_equal(calls, 1);
  for (int side = -1; side <= 1; ++side) {
    beside = side * -0x1p-202;
    settle(&s, &out, 0, &(struct real){approximate_middle, compare_middle, &side});
    assert_int_equal(wide.kind, WIDE_FINITE);
    assert_true(value == (side > 0 ? 1 + 0x1p-23f : 1));
  }
  settle(&s, &out, 0, &(struct real){approximate_middle, compare_unknown, NULL});
  assert_int_equal(wide.kind, WIDE_UNDECIDED);
  assert_true(isnan(value));
  settler_clear(&s);
}

/* The encodings of 16 bits: values with their middles and what is just beside a middle. */
static void narrow_types(void **state)
{
  (void)state;
  const struct { enum normative_type type; double v; unsigned bits; } table[] = {
    {NORMATIVE_F16, 1, 0x3c00}, {NORMATIVE_F16, 65504, 0x7bff}, {NORMATIVE_F16, 65519.99, 0x7bff},
    {NORMATIVE_F16, 65520, 0x7c00}, {NORMATIVE_F16, 0x1p-25, 0}, {NORMATIVE_F16, 0x1.0001p-25, 1},
    {NORMATIVE_F16, -0x1.8p-24, 0x8002}, {NORMATIVE_F16, 0x1.ffbp-15, 0x03ff}, {NORMATIVE_F16, 0x1.fffp-15, 0x0400},
    {NORMATIVE_F16, 2049, 0x6800}, {NORMATIVE_F16, 2051, 0x6802}, {NORMATIVE_F16, -INFINITY, 0xfc00},
    {NORMATIVE_BF16, 1, 0x3f80}, {NORMATIVE_BF16, 257, 0x4380}, {NORMATIVE_BF16, 259, 0x4382}, {NORMATIVE_BF16, 0x1.ffp127, 0x7f80},
    {NORMATIVE_BF16, 0x1.feffffp127, 0x7f7f}, {NORMATIVE_BF16, 0x1p-134, 0}, {NORMATIVE_BF16, -0x1.1p-134, 0x8001},
    {NORMATIVE_BF16, 257.00000001, 0x4381}};
  for (size_t n = 0; n < sizeof table / sizeof *table; ++n) {
    struct wide wide;
    uint16_t got;
    struct truth_tensor out = {.count = 1, .exact = &wide, .nearest = {.data = &got, .type = table[n].type, .count = 1}};
    settle_double(&out, 0, table[n].v);
    if (got != table[n].bits) fail_msg("%a is %#x, not %#x", table[n].v, got, table[n].bits);
  }
}

/* ---- against the textbook in 2000 bits ---- */

#define BITS 2000
static double uniform(uint64_t *seed) /* [0, 1) */
{
  *seed = *seed * 6364136223846793005u + 1442695040888963407u;
  return (double)(*seed >> 11) * 0x1p-53;
}

/* Hostile data of kind 0 to 9. */
static double hostile(int kind, size_t i, uint64_t *seed)
{
  double u = uniform(seed) - 0.5;
  switch (kind) {
  case 0: return u;
  case 1: return 0x1p24 + floor(8 * u) * 2;
  case 2: return i % 7 ? u : 1e30;
  case 3: return (u < 0 ? -1 : 1) * (double)FLT_MAX * (1 - fabs(u));
  case 4: return floor(64 * u) * 0x1p-149;
  case 5: return ldexp(u, (int)(uniform(seed) * 250) - 124);
  case 6: return 1e7 + u;
  case 7: return floor(6 * u);
  case 8: return 0.1;
  default: return i % 2 ? 1e20 * u : u;
  }
}

/* y of row `row` by mean, variance, rstd and apply, one operation after the other. */
static void textbook_row(const struct run *r, size_t row, bool centred, mpfr_t *y, mpfr_ptr rstd)
{
  size_t m = r->tc.p.c;
  const struct tensor *x = &r->in.t[SLOT_X];
  mpfr_t mean, var, d;
  mpfr_inits2(BITS, mean, var, d, (mpfr_ptr)0);
  mpfr_set_zero(mean, 1);
  mpfr_set_zero(var, 1);
  for (size_t j = 0; j < m; ++j) mpfr_add_d(mean, mean, tensor_get(x, row * m + j), MPFR_RNDN);
  mpfr_div_ui(mean, mean, m, MPFR_RNDN);
  if (!centred) mpfr_set_zero(mean, 1);
  for (size_t j = 0; j < m; ++j) {
    mpfr_d_sub(d, tensor_get(x, row * m + j), mean, MPFR_RNDN);
    mpfr_fma(var, d, d, var, MPFR_RNDN);
  }
  mpfr_div_ui(var, var, m, MPFR_RNDN);
  mpfr_add_d(var, var, r->tc.p.eps, MPFR_RNDN);
  mpfr_rec_sqrt(rstd, var, MPFR_RNDN);
  for (size_t j = 0; j < m; ++j) {
    mpfr_d_sub(d, tensor_get(x, row * m + j), mean, MPFR_RNDN);
    mpfr_mul(d, d, rstd, MPFR_RNDN);
    mpfr_mul_d(d, d, tensor_get(&r->in.t[SLOT_GAMMA], j), MPFR_RNDN);
    mpfr_add_d(y[j], d, tensor_get(&r->in.t[SLOT_BETA], j), MPFR_RNDN);
  }
  mpfr_clears(mean, var, d, (mpfr_ptr)0);
}

/* Is entry i within 2^-150 of v, and its nearest value v's? v is cut to 1000 bits first: where a tie or a zero is exact, that
   removes the last roundings of the 2000 (a zero's are below 2^-1500, no y is); elsewhere it is far from any middle. */
static void same_value(const struct run *r, enum slot s, size_t i, mpfr_ptr v)
{
  mpfr_t w, d;
  double got = nearest(r, s, i);
  mpfr_prec_round(v, 1000, MPFR_RNDN);
  if (!mpfr_zero_p(v) && mpfr_get_exp(v) < -1500) mpfr_set_zero(v, 1);
  double want = r->truth.t[s].nearest.type == NORMATIVE_F32 ? mpfr_get_flt(v, MPFR_RNDN) : mpfr_get_d(v, MPFR_RNDN);
  if (want != got) fail_msg("%s[%zu] is %a, the textbook's %a", slot_name[s], i, got, want);
  mpfr_init2(d, BITS);
  wide_view(w, &r->truth.t[s].exact[i]);
  mpfr_sub(d, w, v, MPFR_RNDN);
  mpfr_mul_2ui(d, d, 150, MPFR_RNDN);
  assert_true(mpfr_cmpabs(d, v) <= 0);
  mpfr_clear(d);
  mpfr_prec_round(v, BITS, MPFR_RNDN);
}

/* beta within an ulp or so of -gamma xhat in every third column, where the textbook's y is small */
static void cancel(struct run *r, mpfr_t *y)
{
  for (size_t j = 0; j < r->tc.p.c; j += 3) {
    double beta = tensor_get(&r->in.t[SLOT_BETA], j), b = beta - mpfr_get_d(y[j], MPFR_RNDN);
    if (fabs(b) < FLT_MAX) put(r, SLOT_BETA, j, b);
  }
}

static void textbook(void **state)
{
  (void)state;
  const size_t lengths[] = {1, 2, 3, 4, 7, 16, 33, 100, 255};
  const double epsilons[] = {1e-5f, 0, 1e-12f, 0.5};
  mpfr_t y[255], rstd;
  uint64_t seed = 2024;
  mpfr_init2(rstd, BITS);
  for (size_t j = 0; j < 255; ++j) mpfr_init2(y[j], BITS);
  for (int n = 0; n < 9 * 10 * 4 * 2 * 2; ++n) {
    char name[CASE_NAME_MAX];
    struct run r;
    int kind = n / 9 % 10;
    double eps = epsilons[n / 90 % 4];
    snprintf(name, sizeof name, "%s/forward/%s/3x%zu/hand/seed1,eps=%.17g", n & 1 ? "rmsnorm" : "layernorm",
             n & 2 ? "f64" : "f32", lengths[n % 9], eps);
    if (eps == 0 && (lengths[n % 9] == 1 || kind == 8 || kind == 7)) continue;
    open_case(&r, name);
    for (size_t i = 0; i < r.in.t[SLOT_X].count; ++i) put(&r, SLOT_X, i, hostile(kind, i, &seed));
    for (size_t j = 0; j < r.in.t[SLOT_GAMMA].count; ++j) {
      put(&r, SLOT_GAMMA, j, hostile((kind + n) % 10, j, &seed));
      put(&r, SLOT_BETA, j, hostile(n % 10, j, &seed));
    }
    if (r.tc.p.c > 1 && kind != 4) {
      textbook_row(&r, 1, !(n & 1), y, rstd);
      cancel(&r, y);
    }
    truth_of(&r);
    for (size_t row = 0; row < 3; ++row) {
      textbook_row(&r, row, !(n & 1), y, rstd);
      if (!mpfr_number_p(rstd)) continue; /* zeros at eps = 0 */
      same_value(&r, SLOT_RSTD, row, rstd);
      for (size_t j = 0; j < r.tc.p.c; ++j) same_value(&r, SLOT_Y, row * r.tc.p.c + j, y[j]);
    }
    close_case(&r);
  }
  mpfr_clear(rstd);
  for (size_t j = 0; j < 255; ++j) mpfr_clear(y[j]);
}

/* ---- identities, and threads ---- */

static void fill_hostile(struct run *r, enum slot s, int kind, uint64_t seed)
{
  for (size_t i = 0; i < r->in.t[s].count; ++i) put(r, s, i, hostile(kind, i, &seed));
}

static void same_tensor(const struct run *a, const struct run *b, enum slot s)
{
  assert_int_equal(a->truth.t[s].count, b->truth.t[s].count);
  assert_true(a->truth.t[s].count > 0);
  for (size_t i = 0; i < a->truth.t[s].count; ++i) {
    const struct wide *v = &a->truth.t[s].exact[i], *w = &b->truth.t[s].exact[i];
    EXPECT(a, s, i, nearest(b, s, i));
    assert_int_equal(v->kind, w->kind);
    if (v->kind == WIDE_FINITE) assert_memory_equal(v->limb, w->limb, sizeof v->limb);
  }
}

/* Rows of LayerNorm are channels of BatchNorm over one sample; its columns are a sample's in channels-last of another. */
static void layernorm_is_batchnorm(void **state)
{
  (void)state;
  struct run a, b, c;
  open_case(&a, "layernorm/forward/f32/5x12/hand/seed1,gamma=absent,beta=absent");
  open_case(&b, "batchnorm/forward/f32/1x5x12/hand/seed1,gamma=absent,beta=absent");
  open_case(&c, "batchnorm/forward/f32/3x5x2x2/hand/seed1,gamma=absent,beta=absent,layout=nsc");
  fill_hostile(&a, SLOT_X, 5, 3);
  fill_hostile(&b, SLOT_X, 5, 3);
  for (size_t i = 0; i < 60; ++i) put(&c, SLOT_X, i % 12 * 5 + i / 12, tensor_get(&a.in.t[SLOT_X], i));
  truth_of(&a);
  truth_of(&b);
  truth_of(&c);
  for (enum slot s = SLOT_Y; s <= SLOT_RSTD; ++s) same_tensor(&a, &b, s);
  same_tensor(&a, &c, SLOT_MEAN);
  same_tensor(&a, &c, SLOT_RSTD);
  for (size_t i = 0; i < 60; ++i) EXPECT(&c, SLOT_Y, i % 12 * 5 + i / 12, nearest(&a, SLOT_Y, i));
  close_case(&a);
  close_case(&b);
  close_case(&c);
}

/* Training is evaluation with statistics that are exact: integers with an integer mean and variance. */
static void training_is_evaluation(void **state)
{
  (void)state;
  struct run a, b;
  const double x[] = {2, 4, 4, 4, 5, 5, 7, 9}; /* mean 5, variance 4 */
  open_case(&a, "batchnorm/forward/f32/4x1x2/hand/seed1,eps=0.001");
  open_case(&b, "batchnorm/forward/f32/4x1x2/hand/seed1,eps=0.001,mode=evaluation");
  put_all(&a, SLOT_X, x);
  put_all(&b, SLOT_X, x);
  put(&b, SLOT_RUNNING_MEAN, 0, 5);
  put(&b, SLOT_RUNNING_VAR, 0, 4);
  truth_of(&a);
  truth_of(&b);
  same_tensor(&a, &b, SLOT_Y);
  close_case(&a);
  close_case(&b);
}

/* x -> 2^k x and eps -> 4^k eps leave y as it is. */
static void scaled_pairs(void **state)
{
  (void)state;
  struct run a, b;
  open_case(&a, "layernorm/forward/f32/4x33/hand/seed1,eps=0.25");
  open_case(&b, "layernorm/forward/f32/4x33/hand/seed1,eps64=0x1p18");
  fill_hostile(&a, SLOT_X, 6, 9);
  for (size_t i = 0; i < a.in.t[SLOT_X].count; ++i) put(&b, SLOT_X, i, 1024 * tensor_get(&a.in.t[SLOT_X], i));
  truth_of(&a);
  truth_of(&b);
  same_tensor(&a, &b, SLOT_Y);
  close_case(&a);
  close_case(&b);
}

/* The two ways through the groups, and one thread: the same. */
static void any_threads(void **state)
{
  (void)state;
  const char *names[] = {"batchnorm/forward/f32/40x3x60/hand/seed1,running=hand", "layernorm/forward/f32/200x33/hand/seed1"};
  for (int n = 0; n < 2; ++n) {
    struct run a, b;
    open_case(&a, names[n]);
    open_case(&b, names[n]);
    for (enum slot s = SLOT_X; s <= SLOT_RUNNING_VAR; ++s) {
      fill_hostile(&a, s, 2, 77);
      fill_hostile(&b, s, 2, 77);
    }
    truth_of(&a);
#pragma omp parallel num_threads(2)
#pragma omp single
    truth_of(&b);
    for (enum slot s = SLOT_RUNNING_MEAN; s <= SLOT_RSTD; ++s)
      if (a.truth.t[s].count) same_tensor(&a, &b, s);
    for (size_t g = 0; g < a.truth.groups; ++g) {
      assert_true(a.truth.group[g].sigma2 == b.truth.group[g].sigma2 && a.truth.group[g].rstd == b.truth.group[g].rstd);
      assert_true(a.truth.group[g].mu_lo == b.truth.group[g].mu_lo && a.truth.group[g].kappa == b.truth.group[g].kappa);
    }
    close_case(&a);
    close_case(&b);
  }
}

/* What the bounds take is not below the truth, and hardly above. */
static void group_quantities(void **state)
{
  (void)state;
  struct run r;
  mpfr_t sum, size, d, var;
  mpfr_inits2(BITS, sum, size, d, var, (mpfr_ptr)0);
  open_case(&r, "layernorm/forward/f32/40x17/hand/seed1");
  for (size_t i = 0, seed = 4; i < r.in.t[SLOT_X].count; ++i) put(&r, SLOT_X, i, hostile((int)(i / 17 % 8), i, &seed));
  truth_of(&r);
  for (size_t g = 0; g < 40; ++g) {
    const struct group_truth *t = &r.truth.group[g];
    mpfr_set_zero(sum, 1);
    mpfr_set_zero(size, 1);
    mpfr_set_zero(var, 1);
    for (size_t j = 0; j < 17; ++j) {
      double x = tensor_get(&r.in.t[SLOT_X], g * 17 + j);
      mpfr_add_d(sum, sum, x, MPFR_RNDN);
      mpfr_add_d(size, size, fabs(x), MPFR_RNDN);
      assert_true(fabs(x) <= t->max_abs);
    }
    mpfr_div_ui(sum, sum, 17, MPFR_RNDN);
    mpfr_div_ui(size, size, 17, MPFR_RNDN);
    for (size_t j = 0; j < 17; ++j) {
      mpfr_d_sub(d, tensor_get(&r.in.t[SLOT_X], g * 17 + j), sum, MPFR_RNDN);
      mpfr_fma(var, d, d, var, MPFR_RNDN);
    }
    mpfr_div_ui(var, var, 17, MPFR_RNDN);
    assert_true(mpfr_cmp_ld(size, t->mean_abs) <= 0 && mpfr_cmp_ld(size, t->mean_abs * (1 - 0x1p-60L)) >= 0);
    assert_true(mpfr_cmp_ld(var, t->sigma2) <= 0 && mpfr_cmp_ld(var, t->sigma2 * (1 - 0x1p-60L)) >= 0);
    mpfr_sqrt(d, var, MPFR_RNDN);
    mpfr_div(d, sum, d, MPFR_RNDN);
    mpfr_abs(d, d, MPFR_RNDN);
    assert_true(mpfr_cmp_ld(d, t->kappa) <= 0 && mpfr_cmp_ld(d, t->kappa * (1 - 0x1p-60L)) >= 0);
    mpfr_add_d(var, var, r.tc.p.eps, MPFR_RNDN);
    mpfr_rec_sqrt(d, var, MPFR_RNDN);
    assert_true(mpfr_cmp_ld(d, t->rstd) <= 0 && mpfr_cmp_ld(d, t->rstd * (1 - 0x1p-60L)) >= 0);
    mpfr_set_ld(d, t->mu_hi, MPFR_RNDN);
    mpfr_set_ld(size, t->mu_lo, MPFR_RNDN);
    mpfr_add(d, d, size, MPFR_RNDN);
    mpfr_sub(d, d, sum, MPFR_RNDN);
    mpfr_mul_2ui(d, d, 126, MPFR_RNDN);
    assert_true(mpfr_cmpabs(d, sum) <= 0);
  }
  close_case(&r);
  open_case(&r, "layernorm/forward/f64/1x2/hand/seed1,eps=0");
  put_all(&r, SLOT_X, (double[]){0x1p200, 0x1p-200});
  truth_of(&r);
  assert_true(r.truth.group[0].rstd > 0x1p-199L); /* which is 2^-199 (1 + 2^-400 ...) */
  close_case(&r);
  mpfr_clears(sum, size, d, var, (mpfr_ptr)0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(two_elements), cmocka_unit_test(three_elements), cmocka_unit_test(root_mean_square),
    cmocka_unit_test(ties), cmocka_unit_test(double_rounding), cmocka_unit_test(far_below), cmocka_unit_test(beside_beta),
    cmocka_unit_test(edges_own_statistics), cmocka_unit_test(edges_root_mean_square), cmocka_unit_test(edges_parameters),
    cmocka_unit_test(edges_evaluation), cmocka_unit_test(conventions), cmocka_unit_test(residual),
    cmocka_unit_test(nothing), cmocka_unit_test(refuses), cmocka_unit_test(running_rules),
    cmocka_unit_test(running_channels), cmocka_unit_test(running_of_one), cmocka_unit_test(running_edges),
    cmocka_unit_test(exact_sums), cmocka_unit_test(exact_triples), cmocka_unit_test(settling),
    cmocka_unit_test(narrow_types), cmocka_unit_test(textbook), cmocka_unit_test(layernorm_is_batchnorm),
    cmocka_unit_test(training_is_evaluation), cmocka_unit_test(scaled_pairs), cmocka_unit_test(any_threads),
    cmocka_unit_test(group_quantities)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
