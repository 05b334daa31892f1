/* SPDX-License-Identifier: Apache-2.0
   Rational numbers rounded once. */
#include "ratio.h"
#include <math.h>

/* a and b are rounded once each and their quotient once: within 4 u of itself. */
static long ratio_approximate(void *self, int level, mpfr_ptr y)
{
  struct ratio *r = self;
  if (!dyadic_sgn(r->a)) {
    mpfr_set_zero(y, 1);
    return RADIUS_0;
  }
  dyadic_get(r->t[level], r->b, MPFR_RNDN);
  dyadic_get(y, r->a, MPFR_RNDN);
  mpfr_div(y, y, r->t[level], MPFR_RNDN);
  return mpfr_get_exp(y) + 2 - level_precision(level);
}

static int ratio_compare(void *self, const struct dyadic *q)
{
  struct ratio *r = self;
  dyadic_mul(&r->x, q, r->b);
  dyadic_sub(&r->x, r->a, &r->x);
  return dyadic_sgn(&r->x);
}

void ratio_init(struct ratio *r)
{
  for (int level = 0; level < LEVELS; ++level) mpfr_init2(r->t[level], level_precision(level));
  dyadic_init(&r->x);
}

void ratio_clear(struct ratio *r)
{
  for (int level = 0; level < LEVELS; ++level) mpfr_clear(r->t[level]);
  dyadic_clear(&r->x);
}

void settle_ratio(struct settler *s, struct ratio *r, struct truth_tensor *out, size_t i, const struct dyadic *a,
                  const struct dyadic *b)
{
  r->a = a;
  r->b = b;
  settle(s, out, i, &(struct real){ratio_approximate, ratio_compare, r});
}

/* ---- running statistics ---- */

/* As IEEE has it when the old value r or the batch's b is not finite; a finite b comes as 0, which changes no class. */
static double running_special(const struct normative_problem *p, double r, double b)
{
  double w = p->momentum;
  if (p->rule == NORMATIVE_MOMENTUM_CUMULATIVE) return r + (b - r) / w;
  return p->rule == NORMATIVE_MOMENTUM_NEW ? (1 - w) * r + w * b : w * r + (1 - w) * b;
}

/* The new value from the old one r and the batch's estimate a/b, both exact: (k r b + l a) / (d b) with
     new k = 1-w, l = w, d = 1    old k = w, l = 1-w, d = 1    cumulative k = w-1, l = 1, d = w */
static void running_exact(const struct normative_problem *p, struct settler *s, struct ratio *q, struct truth_tensor *out,
                          size_t i, double r, const struct dyadic *a, const struct dyadic *b)
{
  struct dyadic w, one, k, l, d, t;
  struct dyadic *all[] = {&w, &one, &k, &l, &d, &t};
  for (size_t n = 0; n < 6; ++n) dyadic_init(all[n]);
  dyadic_set_d(&w, p->momentum);
  dyadic_set_d(&one, 1);
  bool cumulative = p->rule == NORMATIVE_MOMENTUM_CUMULATIVE, old = p->rule == NORMATIVE_MOMENTUM_OLD;
  dyadic_sub(&t, &one, &w);
  if (cumulative) mpz_neg(t.z, t.z);
  dyadic_set(&k, old ? &w : &t);
  dyadic_set(&l, cumulative ? &one : old ? &t : &w);
  dyadic_mul(&d, b, cumulative ? &w : &one);
  dyadic_set_d(&t, r);
  dyadic_mul(&t, &t, b);
  dyadic_mul(&k, &k, &t);
  dyadic_mul(&l, &l, a);
  dyadic_add(&k, &k, &l);
  settle_ratio(s, q, out, i, &k, &d);
  for (size_t n = 0; n < 6; ++n) dyadic_clear(all[n]);
}

void settle_running(struct settler *s, struct ratio *q, const struct normative_problem *p, struct truth_tensor *out, size_t i,
                    double old, double special, const struct dyadic *a, const struct dyadic *b)
{
  if (special != 0 || !isfinite(old)) settle_double(out, i, running_special(p, old, special));
  else running_exact(p, s, q, out, i, old, a, b);
}
