/* SPDX-License-Identifier: Apache-2.0
   Sums of exponentials. */
#include "exponentials.h"
#include "ball.h"
#include <stdlib.h>

void exponentials_init(struct exponentials *s) { *s = (struct exponentials){0}; }

void exponentials_clear(struct exponentials *s)
{
  for (size_t i = 0; i < s->room; ++i) {
    dyadic_clear(&s->term[i].a);
    dyadic_clear(&s->term[i].c);
  }
  free(s->term);
  exponentials_init(s);
}

void exponentials_zero(struct exponentials *s) { s->count = 0; }

static struct monomial *next(struct exponentials *s)
{
  if (s->count == s->room) {
    size_t room = 2 * s->room + 8;
    struct monomial *more = realloc(s->term, room * sizeof *more);
    if (!more) abort(); /* of a kilobyte or so */
    for (size_t i = s->room; i < room; ++i) {
      dyadic_init(&more[i].a);
      dyadic_init(&more[i].c);
    }
    s->term = more;
    s->room = room;
  }
  return &s->term[s->count++];
}

void exponentials_add(struct exponentials *s, const struct dyadic *a, const struct dyadic *c)
{
  if (!dyadic_sgn(c)) return;
  struct monomial *t = next(s);
  dyadic_set(&t->a, a);
  dyadic_set(&t->c, c);
}

static int by_exponent(const void *l, const void *r)
{
  const struct monomial *a = l, *b = r;
  struct dyadic d;
  if (a->a.e == b->a.e) return mpz_cmp(a->a.z, b->a.z);
  dyadic_init(&d);
  dyadic_sub(&d, &a->a, &b->a);
  int sign = dyadic_sgn(&d);
  dyadic_clear(&d);
  return sign;
}

static void swap(struct monomial *a, struct monomial *b)
{
  struct monomial t = *a;
  *a = *b;
  *b = t;
}

/* Terms of equal exponent become one; what is 0 goes. The largest exponent comes last. */
static void collect(struct exponentials *s)
{
  size_t last = 0, kept = 0;
  if (!s->count) return;
  qsort(s->term, s->count, sizeof *s->term, by_exponent);
  for (size_t i = 1; i < s->count; ++i)
    if (!by_exponent(&s->term[last], &s->term[i])) dyadic_add(&s->term[last].c, &s->term[last].c, &s->term[i].c);
    else if (++last != i) swap(&s->term[last], &s->term[i]);
  for (size_t i = 0; i <= last; ++i)
    if (dyadic_sgn(&s->term[i].c)) {
      if (kept != i) swap(&s->term[kept], &s->term[i]);
      ++kept;
    }
  s->count = kept;
}

void exponentials_mul(struct exponentials *s, const struct exponentials *l, const struct exponentials *r)
{
  exponentials_zero(s);
  for (size_t i = 0; i < l->count; ++i)
    for (size_t j = 0; j < r->count; ++j) {
      struct monomial *t = next(s);
      dyadic_add(&t->a, &l->term[i].a, &r->term[j].a);
      dyadic_mul(&t->c, &l->term[i].c, &r->term[j].c);
    }
  collect(s);
}

void exponentials_join(struct exponentials *s, const struct exponentials *a, int sign)
{
  for (size_t i = 0; i < a->count; ++i) {
    struct monomial *t = next(s);
    dyadic_set(&t->a, &a->term[i].a);
    dyadic_set(&t->c, &a->term[i].c);
    if (sign < 0) mpz_neg(t->c.z, t->c.z);
  }
  collect(s);
}

void exponentials_scale(struct exponentials *s, const struct dyadic *k)
{
  for (size_t i = 0; i < s->count; ++i) dyadic_mul(&s->term[i].c, &s->term[i].c, k);
  collect(s);
}

/* The sum over e^(the largest exponent), at one precision. */
static int sign_at(const struct exponentials *s, long precision)
{
  struct ball_sum sum;
  struct ball c, y;
  struct dyadic d;
  ball_sum_init(&sum, precision);
  ball_init(&c, precision);
  ball_init(&y, precision);
  dyadic_init(&d);
  for (size_t i = 0; i < s->count; ++i) {
    dyadic_sub(&d, &s->term[i].a, &s->term[s->count - 1].a);
    ball_exp(&y, &d);
    ball_dyadic(&c, &s->term[i].c);
    ball_mul(&y, &y, &c);
    ball_sum_add(&sum, &y);
  }
  ball_sum_get(&y, &sum);
  int sign = ball_sign(&y);
  ball_sum_clear(&sum);
  ball_clear(&c);
  ball_clear(&y);
  dyadic_clear(&d);
  return sign;
}

int exponentials_sign(struct exponentials *s)
{
  int sign = UNKNOWN;
  collect(s);
  if (!s->count) return 0;
  for (int level = 0; level < LEVELS && sign == UNKNOWN; ++level) sign = sign_at(s, level_precision(level));
  return sign;
}
