/* SPDX-License-Identifier: Apache-2.0
   Square roots of rationals, no two of which have a product that is a rational square, are linearly independent over the
   rationals (Besicovitch, J. London Math. Soc. 15, 1940). So sum a_i/sqrt(b_i) = sum (a_i/b_i) sqrt(b_i) is 0 if and only if in
   every class of b's whose products are squares, with b_0 any of them,
       sum (a_i/b_i) sqrt(b_i b_0) = 0
   which is rational. */
#include "roots.h"
#include <stdlib.h>

/* Primes, 2^64 minus this: Legendre symbols tell most classes apart. */
static const unsigned below[24] = {59,  83,  95,  179, 189, 257, 279, 323, 353, 363, 425, 453,
                                   503, 743, 825, 843, 845, 897, 899, 935, 945, 1023, 1025, 1077};

/* Even exponent, so that the class of b is that of its integer. */
static void make_even(struct dyadic *b)
{
  if (b->e % 2 == 0) return;
  mpz_mul_2exp(b->z, b->z, 1);
  --b->e;
}

/* 0 if a symbol is 0; else bit 24 and a bit for each symbol that is 1. */
static uint32_t key_of(const struct dyadic *b)
{
  uint32_t key = 1;
  for (size_t n = 0; n < sizeof below / sizeof *below; ++n) {
    int symbol = mpz_kronecker_ui(b->z, -(unsigned long)below[n]);
    if (!symbol) return 0;
    key = key << 1 | (symbol > 0);
  }
  return key;
}

int root_sum_add(struct root_sum *s, const struct dyadic *a, const struct dyadic *b)
{
  if (!dyadic_sgn(a)) return 0;
  if (s->count == s->room) {
    size_t room = 2 * s->room + 16;
    struct root_term *more = realloc(s->term, room * sizeof *more);
    if (!more) return -1;
    s->term = more;
    s->room = room;
  }
  struct root_term *t = &s->term[s->count++];
  dyadic_init(&t->a);
  dyadic_init(&t->b);
  dyadic_set(&t->a, a);
  dyadic_set(&t->b, b);
  make_even(&t->b);
  return 0;
}

static int by_value(const void *l, const void *r)
{
  const struct root_term *a = l, *b = r;
  if (a->b.e != b->b.e) return a->b.e < b->b.e ? -1 : 1;
  return mpz_cmp(a->b.z, b->b.z);
}

static int by_key(const void *l, const void *r)
{
  const struct root_term *a = l, *b = r;
  return a->key != b->key ? a->key < b->key ? -1 : 1 : by_value(l, r);
}

/* The first n terms stay. */
static void keep(struct root_sum *s, size_t n)
{
  for (size_t i = n; i < s->count; ++i) {
    dyadic_clear(&s->term[i].a);
    dyadic_clear(&s->term[i].b);
  }
  s->count = n;
}

static void swap(struct root_term *a, struct root_term *b)
{
  struct root_term t = *a;
  *a = *b;
  *b = t;
}

/* Terms of equal b, which are neighbours, become one, with the sum of their a; then those whose a is 0 go. */
static void merge(struct root_sum *s)
{
  size_t last = 0, kept = 0;
  for (size_t i = 1; i < s->count; ++i) {
    struct root_term *t = &s->term[last];
    if (!by_value(t, &s->term[i])) dyadic_add(&t->a, &t->a, &s->term[i].a);
    else if (++last != i) swap(&s->term[last], &s->term[i]);
  }
  if (s->count) keep(s, last + 1);
  for (size_t i = 0; i < s->count; ++i)
    if (dyadic_sgn(&s->term[i].a)) swap(&s->term[kept++], &s->term[i]);
  keep(s, kept);
}

/* A fraction over the integers and powers of two, its denominator the product of all that went in. */
struct fraction { struct dyadic over, under, t; };

/* f += a root/b, where root^2 = b b0. */
static void fraction_add(struct fraction *f, const struct root_term *term, const struct dyadic *root)
{
  dyadic_mul(&f->t, &term->a, root);
  dyadic_mul(&f->t, &f->t, &f->under);
  dyadic_mul(&f->over, &f->over, &term->b);
  dyadic_add(&f->over, &f->over, &f->t);
  dyadic_mul(&f->under, &f->under, &term->b);
}

/* Does the class of term `first` cancel? Its members, all before `end`, are marked by a = 0. */
static int class_cancels(struct root_sum *s, size_t first, size_t end)
{
  struct fraction f;
  struct dyadic root;
  struct dyadic *all[] = {&f.over, &f.under, &f.t, &root};
  for (size_t n = 0; n < 4; ++n) dyadic_init(all[n]);
  dyadic_set_d(&f.under, 1);
  for (size_t i = first; i < end; ++i) {
    struct root_term *t = &s->term[i];
    if (!dyadic_sgn(&t->a)) continue;
    dyadic_mul(&root, &t->b, &s->term[first].b);
    if (!mpz_perfect_square_p(root.z)) continue;
    mpz_sqrt(root.z, root.z);
    root.e /= 2;
    fraction_add(&f, t, &root);
    mpz_set_ui(t->a.z, 0);
  }
  int cancels = !dyadic_sgn(&f.over);
  for (size_t n = 0; n < 4; ++n) dyadic_clear(all[n]);
  return cancels;
}

int root_sum_zero(struct root_sum *s)
{
  if (s->count) qsort(s->term, s->count, sizeof *s->term, by_value);
  merge(s);
  if (s->count < 2) return !s->count;
  for (size_t i = 0; i < s->count; ++i)
    if (!(s->term[i].key = key_of(&s->term[i].b))) return -1;
  qsort(s->term, s->count, sizeof *s->term, by_key);
  for (size_t first = 0, end = 0; first < s->count; first = end) {
    for (end = first; end < s->count && s->term[end].key == s->term[first].key;) ++end;
    for (size_t i = first; i < end; ++i)
      if (dyadic_sgn(&s->term[i].a) && !class_cancels(s, i, end)) return 0;
  }
  return 1;
}

void root_sum_clear(struct root_sum *s)
{
  keep(s, 0);
  free(s->term);
  *s = (struct root_sum){0};
}
