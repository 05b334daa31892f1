/* SPDX-License-Identifier: Apache-2.0
   Sums of exponentials, whose signs decide ties, and numbers with a proven radius. */
#include "ball.h"
#include "exponentials.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: it has a macro fail() */

static void add_exponential(struct exponentials *s, double c, double a)
{
  struct dyadic da, dc;
  dyadic_init(&da);
  dyadic_init(&dc);
  dyadic_set_d(&da, a);
  dyadic_set_d(&dc, c);
  exponentials_add(s, &da, &dc);
  dyadic_clear(&da);
  dyadic_clear(&dc);
}

static void signs(void **state)
{
  (void)state;
  const struct { int sign; double v[5][2]; } table[] = { /* c, a up to c = 0 */
    {0, {{0}}},
    {1, {{1, 5}}},
    {-1, {{1, 5}, {-2, 5}}},
    {0, {{1, 5}, {-1, 5}}},
    {0, {{1, 5}, {1, 3}, {-1, 5}, {-1, 3}}},
    {1, {{1, 5}, {1, 0x1p-1074}, {-1, 5}, {-1, 0}}},  /* e^(2^-1074) - 1 */
    {-1, {{2, 1}, {-6, 0}}},                          /* 5.44 - 6 */
    {1, {{3, 1}, {-8, 0}}},                           /* 8.15 - 8 */
    {-1, {{1, -1e300}, {-1e-300, 0}}},
    {1, {{1, 1e300}, {-1e300, 1e299}}},
    {1, {{-1e300, -1e4}, {1e-300, 0}}},
    {1, {{-1, -1e4}, {1, -9999}, {1, 0}, {-1, 0}}}};
  for (size_t n = 0; n < sizeof table / sizeof *table; ++n) {
    struct exponentials s;
    exponentials_init(&s);
    for (size_t i = 0; i < 5 && table[n].v[i][0] != 0; ++i) add_exponential(&s, table[n].v[i][0], table[n].v[i][1]);
    if (exponentials_sign(&s) != table[n].sign) fail_msg("sign of sum %zu", n);
    exponentials_clear(&s);
  }
}

/* (a + b)^2 - a^2 - 2 a b - b^2 = 0 */
static void products(void **state)
{
  (void)state;
  struct exponentials a, b, s, t, sum;
  for (struct exponentials **e = (struct exponentials *[]){&a, &b, &s, &t, &sum, NULL}; *e; ++e) exponentials_init(*e);
  add_exponential(&a, 0.1, 1.3);
  add_exponential(&a, -7, 0.2);
  add_exponential(&b, 3, -5);
  add_exponential(&b, 0.7, 1.3);
  exponentials_join(&sum, &a, 1);
  exponentials_join(&sum, &b, 1);
  exponentials_mul(&s, &sum, &sum);
  exponentials_mul(&t, &a, &a);
  exponentials_join(&s, &t, -1);
  exponentials_mul(&t, &b, &b);
  exponentials_join(&s, &t, -1);
  exponentials_mul(&t, &a, &b);
  exponentials_join(&s, &t, -1);
  assert_int_not_equal(exponentials_sign(&s), 0);
  exponentials_join(&s, &t, -1);
  assert_int_equal(s.count, 0);
  for (struct exponentials **e = (struct exponentials *[]){&a, &b, &s, &t, &sum, NULL}; *e; ++e) exponentials_clear(*e);
}

/* A chain of operations at 60 bits stays within its radius of the same at 2000; and the radius is not idle. */
static void radii(void **state)
{
  (void)state;
  struct ball a[6], b[6];
  struct dyadic d;
  uint64_t dice = 7;
  long loose = LONG_MIN;
  for (int k = 0; k < 6; ++k) {
    ball_init(&a[k], 60);
    ball_init(&b[k], 2000);
  }
  dyadic_init(&d);
  for (int n = 0; n < 20000; ++n) {
    for (int k = 0; k < 6 && n % 10 == 0; ++k) {
      dice = dice * 6364136223846793005u + 1442695040888963407u;
      dyadic_set_d(&d, ldexp((double)(int64_t)dice, (int)(dice >> 50 & 31) - 80));
      dyadic_mul(&d, &d, &d);
      ball_dyadic(&a[k], &d);
      ball_dyadic(&b[k], &d);
      if (k % 2) ball_sub(&a[k], &a[0], &a[k]);
      if (k % 2) ball_sub(&b[k], &b[0], &b[k]);
    }
    dice = dice * 6364136223846793005u + 1442695040888963407u;
    int x = dice >> 33 & 3, y = 4 + (dice >> 36 & 1), z = (dice >> 40) % 6;
    for (struct ball *v = a;; v = b) {
      switch (dice >> 50 & 7) {
      case 0: ball_add(&v[z], &v[x], &v[y]); break;
      case 1: ball_sub(&v[z], &v[x], &v[y]); break;
      case 2: ball_mul(&v[z], &v[x], &v[y]); break;
      case 3: ball_div(&v[z], &v[x], &v[y]); break;
      case 4: ball_rec_sqrt(&v[z], &v[x]); break;
      case 5: ball_div_ui(&v[z], &v[x], 1 + (dice & 1023)); break;
      case 6: ball_scale(&v[z], &v[x], v[y].v); break;
      default: ball_set(&v[z], &v[y]);
      }
      if (v == b) break;
    }
    if ((dice >> 50 & 7) == 6) ball_set(&b[z], &a[z]); /* exact factors differ */
    for (int k = 0; k < 6; ++k) {
      if (a[k].radius >= RADIUS_ALL / 2 || b[k].radius >= RADIUS_ALL / 2) {
        ball_zero(&a[k]);
        ball_zero(&b[k]);
        continue;
      }
      mpfr_t off;
      mpfr_init2(off, 2000);
      mpfr_sub(off, a[k].v, b[k].v, MPFR_RNDN);
      long size = mpfr_zero_p(off) ? LONG_MIN : mpfr_get_exp(off) - 1; /* |off| >= 2^size */
      if (size != LONG_MIN && size > a[k].radius) fail_msg("step %d: off by 2^%ld, radius 2^%ld", n, size, a[k].radius);
      if (size != LONG_MIN && size - a[k].radius > loose) loose = size - a[k].radius;
      mpfr_clear(off);
    }
  }
  assert_true(loose >= -3);
  for (int k = 0; k < 6; ++k) {
    ball_clear(&a[k]);
    ball_clear(&b[k]);
  }
  dyadic_clear(&d);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(signs), cmocka_unit_test(products), cmocka_unit_test(radii)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
