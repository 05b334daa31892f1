/* SPDX-License-Identifier: Apache-2.0
   Numbers with a proven radius. a, b are the numbers, a', b' their centres, ra, rb the radii, |a|, |a'| < 2^sa. */
#include "ball.h"

static long max(long a, long b) { return a > b ? a : b; }
/* The exponent of a product; RADIUS_0 stands for a factor 0. */
static long times(long a, long b) { return a == RADIUS_0 || b == RADIUS_0 ? RADIUS_0 : a + b; }
static long size(mpfr_srcptr v) { return mpfr_zero_p(v) ? RADIUS_0 : mpfr_get_exp(v); }

long ball_size(const struct ball *a)
{
  long s = size(a->v);
  return a->radius == RADIUS_0 ? s : max(s, a->radius) + 1;
}

/* y has been rounded, `inexact` says whether in fact: by at most 2^(exponent - precision - 1) to nearest. */
static long rounding(mpfr_srcptr y, int inexact)
{
  return !inexact || mpfr_zero_p(y) ? RADIUS_0 : mpfr_get_exp(y) - mpfr_get_prec(y) - 1;
}

/* Of two and of three errors. */
static long both(long a, long b) { return a == RADIUS_0 ? b : b == RADIUS_0 ? a : max(a, b) + 1; }
static long all_three(long a, long b, long c) { return both(both(a, b), c); }

void ball_zero(struct ball *y)
{
  mpfr_set_zero(y->v, 1);
  y->radius = RADIUS_0;
}

void ball_set(struct ball *y, const struct ball *a)
{
  int inexact = mpfr_set(y->v, a->v, MPFR_RNDN);
  y->radius = both(a->radius, rounding(y->v, inexact));
}

void ball_exact(struct ball *y, mpfr_srcptr a)
{
  int inexact = mpfr_set(y->v, a, MPFR_RNDN);
  y->radius = rounding(y->v, inexact);
}

void ball_dyadic(struct ball *y, const struct dyadic *a)
{
  int inexact = mpfr_set_z_2exp(y->v, a->z, a->e, MPFR_RNDN);
  y->radius = rounding(y->v, inexact);
}

void ball_difference(struct ball *y, mpfr_srcptr a, mpfr_srcptr b)
{
  int inexact = mpfr_sub(y->v, a, b, MPFR_RNDN);
  y->radius = rounding(y->v, inexact);
}

void ball_add(struct ball *y, const struct ball *a, const struct ball *b)
{
  int inexact = mpfr_add(y->v, a->v, b->v, MPFR_RNDN);
  y->radius = all_three(a->radius, b->radius, rounding(y->v, inexact));
}

void ball_sub(struct ball *y, const struct ball *a, const struct ball *b)
{
  int inexact = mpfr_sub(y->v, a->v, b->v, MPFR_RNDN);
  y->radius = all_three(a->radius, b->radius, rounding(y->v, inexact));
}

/* a b - a' b' = a' (b - b') + b' (a - a') + (a - a')(b - b') */
void ball_mul(struct ball *y, const struct ball *a, const struct ball *b)
{
  long sides = both(times(size(a->v), b->radius), times(size(b->v), a->radius)), corner = times(a->radius, b->radius);
  int inexact = mpfr_mul(y->v, a->v, b->v, MPFR_RNDN);
  y->radius = all_three(sides, corner, rounding(y->v, inexact));
}

void ball_scale(struct ball *y, const struct ball *a, mpfr_srcptr exact)
{
  long error = times(a->radius, size(exact));
  int inexact = mpfr_mul(y->v, a->v, exact, MPFR_RNDN);
  y->radius = both(error, rounding(y->v, inexact));
}

void ball_div_ui(struct ball *y, const struct ball *a, unsigned long k)
{
  long error = times(a->radius, __builtin_clzl(k) - 63); /* k >= 2^(63 - leading zeros) */
  int inexact = mpfr_div_ui(y->v, a->v, k, MPFR_RNDN);
  y->radius = both(error, rounding(y->v, inexact));
}

static void unknown(struct ball *y)
{
  mpfr_set_ui(y->v, 1, MPFR_RNDN);
  y->radius = RADIUS_ALL;
}

/* |b'| >= 2^(sb - 1) and, as rb <= sb - 3, |b| > 2^(sb - 2):
   |a/b - a'/b'| <= |a - a'|/|b| + |a'| |b - b'|/(|b| |b'|) < 2^(ra - sb + 2) + 2^(sa + rb - 2 sb + 3) */
void ball_div(struct ball *y, const struct ball *a, const struct ball *b)
{
  if (mpfr_zero_p(b->v) || b->radius > mpfr_get_exp(b->v) - 3) {
    unknown(y);
    return;
  }
  long sb = mpfr_get_exp(b->v);
  long error = both(times(a->radius, 2 - sb), times(times(size(a->v), b->radius), 3 - 2 * sb));
  int inexact = mpfr_div(y->v, a->v, b->v, MPFR_RNDN);
  y->radius = both(error, rounding(y->v, inexact));
}

/* As above both a and a' are above 2^(sa - 2), where the derivative, a^(-3/2)/2, is below 2^(2 - 3 sa/2). */
void ball_rec_sqrt(struct ball *y, const struct ball *a)
{
  if (mpfr_sgn(a->v) <= 0 || a->radius > mpfr_get_exp(a->v) - 3) {
    unknown(y);
    return;
  }
  long s = mpfr_get_exp(a->v), half = 3 * s >= 0 ? 3 * s / 2 : -((1 - 3 * s) / 2); /* floor(3 s/2) */
  long error = times(a->radius, 2 - half);
  int inexact = mpfr_rec_sqrt(y->v, a->v, MPFR_RNDN);
  y->radius = both(error, rounding(y->v, inexact));
}

void ball_exp(struct ball *y, const struct dyadic *d)
{
  if (dyadic_sgn(d) && (long)mpz_sizeinbase(d->z, 2) + d->e > 56) {
    ball_zero(y);
    return;
  }
  mpfr_t exact;
  mpfr_init2(exact, (mpfr_prec_t)mpz_sizeinbase(d->z, 2) + 1);
  dyadic_get(exact, d, MPFR_RNDN);
  int inexact = mpfr_exp(y->v, exact, MPFR_RNDN);
  y->radius = rounding(y->v, inexact);
  mpfr_clear(exact);
}

int ball_sign(const struct ball *a)
{
  if (mpfr_zero_p(a->v)) return a->radius == RADIUS_0 ? 0 : UNKNOWN;
  return a->radius < mpfr_get_exp(a->v) - 1 ? mpfr_sgn(a->v) : UNKNOWN;
}

/* ---- sums ---- */

void ball_sum_init(struct ball_sum *s, long precision)
{
  ball_init(&s->y, precision);
  ball_sum_start(s);
}

void ball_sum_clear(struct ball_sum *s) { ball_clear(&s->y); }

void ball_sum_start(struct ball_sum *s)
{
  ball_zero(&s->y);
  s->top = RADIUS_0;
  s->n = 0;
}

/* Each addition brings two errors, none beyond 2^top. */
void ball_sum_add(struct ball_sum *s, const struct ball *a)
{
  int inexact = mpfr_add(s->y.v, s->y.v, a->v, MPFR_RNDN);
  s->top = max(s->top, max(a->radius, rounding(s->y.v, inexact)));
  ++s->n;
}

void ball_sum_get(struct ball *y, const struct ball_sum *s)
{
  int inexact = mpfr_set(y->v, s->y.v, MPFR_RNDN);
  long bits = 64 - __builtin_clzl(2 * s->n + 1); /* 2 n < 2^bits */
  y->radius = both(times(s->top, bits), rounding(y->v, inexact));
}
