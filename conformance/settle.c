/* SPDX-License-Identifier: Apache-2.0
   Rounding a real number once, to nearest even, in f32, f64, f16 or bf16, subnormals and overflow included. */
#include "settle.h"
#include <math.h>
#include <string.h>

/* Significant bits, exponent of the smallest subnormal 2^low, overflow at 2^top. */
struct format { int bits; long low, top; };

static struct format format_of(enum normative_type type)
{
  switch (type) {
  case NORMATIVE_F64: return (struct format){53, -1074, 1024};
  case NORMATIVE_F32: return (struct format){24, -149, 128};
  case NORMATIVE_F16: return (struct format){11, -24, 16};
  default: return (struct format){8, -133, 128};
  }
}

static void put_bits(struct tensor *t, size_t i, uint64_t bits)
{
  switch (type_size(t->type)) {
  case 8: ((uint64_t *)t->data)[i] = bits; break;
  case 4: ((uint32_t *)t->data)[i] = (uint32_t)bits; break;
  default: ((uint16_t *)t->data)[i] = (uint16_t)bits;
  }
}

/* The bits of +-significand 2^exponent, where exponent >= f->low and significand <= 2^f->bits: the exponent field and the
   leading bit of the significand overlap, so one sum serves normal, subnormal and just rounded up numbers alike, and ends at
   infinity. */
static void put_number(struct tensor *t, size_t i, int negative, uint64_t significand, long exponent)
{
  struct format f = format_of(t->type);
  uint64_t infinity = ((uint64_t)(f.top - f.bits + 2 - f.low)) << (f.bits - 1), bits = infinity;
  if (exponent <= f.top - f.bits) bits = ((uint64_t)(exponent - f.low) << (f.bits - 1)) + significand;
  put_bits(t, i, bits | (uint64_t)negative << (8 * type_size(t->type) - 1));
}

static void put_nan(struct tensor *t, size_t i)
{
  struct format f = format_of(t->type);
  put_bits(t, i, ((uint64_t)(f.top - f.bits + 2 - f.low) << (f.bits - 1)) | (uint64_t)1 << (f.bits - 2));
}

static void put_special(struct truth_tensor *out, size_t i, enum wide_kind kind, int negative)
{
  struct format f = format_of(out->nearest.type);
  out->exact[i] = (struct wide){.kind = (int8_t)kind, .sign = negative ? -1 : 1};
  if (kind == WIDE_NAN || kind == WIDE_UNDECIDED) put_nan(&out->nearest, i);
  else put_number(&out->nearest, i, negative, 0, kind == WIDE_ZERO ? f.low : f.top);
}

static void put_wide(struct wide *w, mpfr_srcptr y)
{
  mpfr_t v;
  mpfr_custom_init_set(v, MPFR_ZERO_KIND, 0, WIDE_PREC, w->limb);
  mpfr_set(v, y, MPFR_RNDN);
  w->exponent = mpfr_get_exp(v);
  w->kind = WIDE_FINITE;
  w->sign = mpfr_signbit(v) ? -1 : 1;
}

void wide_view(mpfr_t out, const struct wide *w)
{
  static const int kinds[] = {MPFR_ZERO_KIND, MPFR_REGULAR_KIND, MPFR_INF_KIND, MPFR_NAN_KIND, MPFR_NAN_KIND};
  mpfr_custom_init_set(out, w->sign < 0 ? -kinds[w->kind] : kinds[w->kind], (mpfr_exp_t)w->exponent, WIDE_PREC,
                       (mp_limb_t *)(uintptr_t)w->limb);
}

/* Rounds |y|, known to within 2^radius <= |y| 2^-150, to a multiple of 2^q, q the unit of y in format f. Returns 1; or 0 if the
   middle between *significand 2^q and the next multiple is within the radius: then s->middle is it, with y's sign.
   q is chosen by y itself; the number may lie across a power of two, where the grid is another, but that power is on
   both grids, no middle of either is near it, and so both numbers round to it. */
static int round_near(struct settler *s, mpfr_srcptr y, long radius, struct format f, uint64_t *significand, long *q)
{
  long exponent = mpfr_get_exp(y), k;
  *q = exponent - f.bits > f.low ? exponent - f.bits : f.low;
  k = exponent - *q; /* bits of y above 2^q, possibly negative */
  const mp_limb_t *limbs = mpfr_custom_get_significand(y);
  uint64_t head = limbs[(mpfr_get_prec(y) - 1) / 64], kept = k > 0 ? head >> (64 - k) : 0;
  uint64_t rest = k > 0 ? head << k : k > -64 ? head >> -k : 0; /* the fraction, in 2^-64, within 2^k of it */
  uint64_t slack = k > 0 ? (uint64_t)2 << k : 2, half = (uint64_t)1 << 63;
  *significand = kept + (rest >= half);
  if (rest >= half + slack || rest <= half - slack) return 1;
  mpfr_set_ui_2exp(s->middle, 2 * kept + 1, *q - 1, MPFR_RNDN);
  mpfr_setsign(s->middle, s->middle, mpfr_signbit(y), MPFR_RNDN);
  mpfr_sub(s->distance, y, s->middle, MPFR_RNDZ); /* |y - middle| >= 2^(its exponent - 1) */
  bool tie = mpfr_zero_p(s->distance), beyond = !tie && mpfr_signbit(s->distance) == mpfr_signbit(y);
  bool decided = tie ? radius == RADIUS_0 : mpfr_get_exp(s->distance) - 1 > radius;
  *significand = kept + (decided && (tie ? kept & 1 : beyond));
  return decided;
}

static void put_finite(struct truth_tensor *out, size_t i, mpfr_srcptr y, uint64_t significand, long q)
{
  put_wide(&out->exact[i], y);
  put_number(&out->nearest, i, mpfr_signbit(y), significand, q);
}

void settle_exact(struct settler *s, struct truth_tensor *out, size_t i, mpfr_srcptr v)
{
  uint64_t significand;
  long q;
  round_near(s, v, RADIUS_0, format_of(out->nearest.type), &significand, &q);
  put_finite(out, i, v, significand, q);
}

void settle_dyadic(struct settler *s, struct truth_tensor *out, size_t i, const struct dyadic *d)
{
  if (!dyadic_sgn(d)) {
    settle_double(out, i, 0);
    return;
  }
  mpfr_t v;
  mpfr_init2(v, (mpfr_prec_t)mpz_sizeinbase(d->z, 2) + 64);
  dyadic_get(v, d, MPFR_RNDN);
  settle_exact(s, out, i, v);
  mpfr_clear(v);
}

void settle_double(struct truth_tensor *out, size_t i, double v)
{
  if (v == 0 || !isfinite(v)) {
    put_special(out, i, v == 0 ? WIDE_ZERO : isinf(v) ? WIDE_INF : WIDE_NAN, !isnan(v) && signbit(v));
    return;
  }
  mp_limb_t limb[3][1];
  struct settler s;
  mpfr_t y;
  mpfr_custom_init_set(y, MPFR_ZERO_KIND, 0, 53, limb[0]);
  mpfr_custom_init_set(s.middle, MPFR_ZERO_KIND, 0, 64, limb[1]);
  mpfr_custom_init_set(s.distance, MPFR_ZERO_KIND, 0, 64, limb[2]);
  mpfr_set_d(y, v, MPFR_RNDN);
  settle_exact(&s, out, i, y);
}

/* y is within 2^radius <= |y| 2^-150 of the number r. */
static void settle_known(struct settler *s, struct truth_tensor *out, size_t i, mpfr_ptr y, long radius, const struct real *r)
{
  uint64_t significand;
  long q;
  if (mpfr_zero_p(y)) put_special(out, i, WIDE_ZERO, mpfr_signbit(y));
  else if (round_near(s, y, radius, format_of(out->nearest.type), &significand, &q)) put_finite(out, i, y, significand, q);
  else {
    dyadic_set_mpfr(&s->q, s->middle);
    int side = r->compare(r->self, &s->q);
    if (side == UNKNOWN) {
      put_special(out, i, WIDE_UNDECIDED, 0);
      return;
    }
    if (mpfr_signbit(y)) side = -side;
    if (!side) mpfr_set(y, s->middle, MPFR_RNDN);
    put_finite(out, i, y, significand + (side ? side > 0 : significand & 1), q);
  }
}

/* Below half of any type's smallest number, and of what its errors are compared with. */
static const long nothing = -2400;

/* Ziv's loop, until y is good to 2^-150 (it may be a small difference of large terms, or 0: that is asked once). The side of
   the middle that y lies on is then settled by comparison, at any distance. */
void settle(struct settler *s, struct truth_tensor *out, size_t i, const struct real *r)
{
  bool nonzero = false;
  long size = LONG_MAX; /* |the number| < 2^size */
  for (int level = 0; level < LEVELS; ++level) {
    mpfr_ptr y = s->y[level];
    long radius = r->approximate(r->self, level, y);
    if (radius == RADIUS_0 || (!mpfr_zero_p(y) && radius <= mpfr_get_exp(y) - 152)) {
      settle_known(s, out, i, y, radius, r);
      return;
    }
    size = (!mpfr_zero_p(y) && mpfr_get_exp(y) > radius ? mpfr_get_exp(y) : radius) + 1;
    mpz_set_ui(s->q.z, 0);
    nonzero = nonzero || r->compare(r->self, &s->q);
    if (!nonzero) {
      put_special(out, i, WIDE_ZERO, 0);
      return;
    }
  }
  put_special(out, i, size < nothing ? WIDE_ZERO : WIDE_UNDECIDED, 0);
}

int settle_side(const struct real *r, const struct dyadic *q)
{
  int side = UNKNOWN;
  for (int level = 0; level < LEVELS && side == UNKNOWN; ++level) {
    mpfr_t y, middle;
    mpfr_init2(y, level_precision(level));
    mpfr_init2(middle, 64);
    long radius = r->approximate(r->self, level, y);
    dyadic_get(middle, q, MPFR_RNDN);
    mpfr_sub(y, y, middle, MPFR_RNDN);
    if (!mpfr_zero_p(y) && mpfr_get_exp(y) - 2 > radius) side = mpfr_sgn(y);
    mpfr_clears(y, middle, (mpfr_ptr)0);
  }
  return side;
}

void settler_init(struct settler *s)
{
  for (int level = 0; level < LEVELS; ++level) mpfr_init2(s->y[level], level_precision(level));
  mpfr_init2(s->middle, 64);
  mpfr_init2(s->distance, 64);
  dyadic_init(&s->q);
}

void settler_clear(struct settler *s)
{
  for (int level = 0; level < LEVELS; ++level) mpfr_clear(s->y[level]);
  mpfr_clear(s->middle);
  mpfr_clear(s->distance);
  dyadic_clear(&s->q);
}
