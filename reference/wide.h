/* SPDX-License-Identifier: Apache-2.0
   Doubles that do not over- or underflow: the value is v 2^(512 e), e an integer,
     2^-256 <= |v| < 2^256, or v = 0 and e = 0, or v infinite or NaN and e = BEYOND.
   So a product or quotient of two v is a normal double, and rounding is that of double, once an operation; where all
   values are within 2^256 of 1, e is 0 and every operation is the plain one, to the bit. */
#ifndef NORMATIVE_WIDE_H
#define NORMATIVE_WIDE_H
#include <math.h>
#include <stddef.h>

#define BEYOND 0x1p30

struct wide {
  double v, e;
};
#ifdef __FRAMAC__
#include "../proofs/wide.h" /* Wide: the value; Whole: an integer */
#endif

/* v 2^(512 e), for any v. */
/*@ assigns \nothing;
    ensures e: Whole(e) ==> Whole(\result.e);
    ensures value: Wide(\result) == Scaled(v,e); */
static inline struct wide wide(double v, double e)
{
  struct wide r = {v, e};
  double size = v < 0.0 ? -v : v;
  if (size >= 0x1p-256 && size < 0x1p256) return r;
  if (v - v != 0.0) r.e = BEYOND;
  else if (v == 0.0) r.e = 0.0;
  else {
    /*@ loop invariant value: Wide(r) == Scaled(v,e) && (Whole(e) ==> Whole(r.e));
        loop assigns i, r;
        loop variant 2 - i; */
    for (int i = 0; i < 2; i++) {
      if (r.v >= 0x1p256 || r.v <= -0x1p256) r = (struct wide){r.v * 0x1p-512, r.e + 1.0};
      //@ assert value: Wide(r) == Scaled(v,e) && (Whole(e) ==> Whole(r.e));
      if (r.v < 0x1p-256 && r.v > -0x1p-256) r = (struct wide){r.v * 0x1p512, r.e - 1.0};
    }
  }
  return r;
}

/*@ assigns \nothing;
    ensures e: Whole(\result.e);
    ensures value: Wide(\result) == a; */
static inline struct wide widen(double a) { return wide(a, 0.0); }

/* The nearest double: rounds where it leaves the normal ones, once. */
/*@ assigns \nothing;
    ensures value: Whole(a.e) ==> \result == Wide(a); */
static inline double narrow(struct wide a)
{
  if (a.v - a.v != 0.0) return a.v;
  /*@ loop invariant value: Wide(a) == Wide(\at(a,Pre));
      loop invariant e: Whole(\at(a.e,Pre)) ==> Whole(a.e);
      loop assigns a; */
  while (a.e > 0.0) a = (struct wide){a.v * 0x1p512, a.e - 1.0};
  /*@ loop invariant value: Wide(a) == Wide(\at(a,Pre));
      loop invariant e: Whole(\at(a.e,Pre)) ==> Whole(a.e) && a.e <= 0;
      loop assigns a; */
  while (a.e < 0.0) a = (struct wide){a.v * 0x1p-512, a.e + 1.0};
  return a.v;
}

/*@ assigns \nothing;
    ensures e: Whole(a.e) ==> Whole(b.e) ==> Whole(\result.e);
    ensures value: Whole(a.e) ==> Whole(b.e) ==> Wide(\result) == Wide(a) * Wide(b); */
static inline struct wide times(struct wide a, struct wide b) { return wide(a.v * b.v, a.e + b.e); }

/* b != 0, or what IEEE gives. */
/*@ assigns \nothing;
    ensures e: Whole(a.e) ==> Whole(b.e) ==> Whole(\result.e);
    ensures value: Whole(a.e) ==> Whole(b.e) ==> Wide(b) != 0 ==> Wide(\result) == Wide(a) / Wide(b); */
static inline struct wide divided(struct wide a, struct wide b) { return wide(a.v / b.v, a.e - b.e); }

/* The smaller one is brought to the exponent of the greater; what it loses there is below 2^-512 of the sum. */
/*@ assigns \nothing;
    ensures e: Whole(a.e) ==> Whole(b.e) ==> Whole(\result.e);
    ensures value: Whole(a.e) ==> Whole(b.e) ==> Wide(\result) == Wide(a) + Wide(b); */
static inline struct wide plus(struct wide a, struct wide b)
{
  struct wide big = a.e < b.e ? b : a, small = a.e < b.e ? a : b;
  if (a.e == b.e) return wide(a.v + b.v, a.e);
  if (a.v == 0.0) return b;
  if (b.v == 0.0) return a;
  if (big.v - big.v != 0.0) return big;
  /*@ loop invariant value: Wide(small) == Wide(\at(small,LoopEntry));
      loop invariant e: Whole(a.e) ==> Whole(b.e) ==> Whole(small.e) && small.e <= big.e;
      loop assigns small; */
  while (small.e < big.e) small = (struct wide){small.v * 0x1p-512, small.e + 1.0};
  return wide(big.v + small.v, big.e);
}

/*@ assigns \nothing;
    ensures e: Whole(a.e) ==> Whole(\result.e);
    ensures value: Wide(\result) == -Wide(a); */
static inline struct wide minus(struct wide a) { return (struct wide){-a.v, a.e}; }

/*@ assigns \nothing;
    ensures e: Whole(a.e) ==> Whole(b.e) ==> Whole(\result.e);
    ensures value: Whole(a.e) ==> Whole(b.e) ==> Wide(\result) == Wide(a) - Wide(b); */
static inline struct wide less(struct wide a, struct wide b) { return plus(a, minus(b)); }

/* The integer below e/2, or e/2. */
/*@ assigns \nothing;
    ensures half: Whole(e) ==> Whole(\result) && (e == \result + \result || e == \result + \result + 1); */
static inline double half_of(double e) { return floor(e / 2.0); }

/* NaN of a negative v, where libc's contract ends. */
/*@ assigns \nothing;
    ensures root: 0 <= v ==> \result == \sqrt(v); */
static inline double root_of(double v) { return sqrt(v); }

/* sqrt(v) 2^(256 e): an odd e is made even. */
/*@ assigns \nothing;
    ensures e: Whole(a.e) ==> Whole(\result.e);
    ensures value: Whole(a.e) ==> 0 <= Wide(a) ==> Wide(\result) == \sqrt(Wide(a)); */
static inline struct wide root(struct wide a)
{
  double half = half_of(a.e), v = a.e > 2.0 * half ? a.v * 0x1p512 : a.v;
  //@ assert even: Whole(a.e) ==> Scaled(v,half + half) == Wide(a) && (0 <= Wide(a) ==> 0 <= v);
  return wide(root_of(v), half);
}

/* A sum compensated as in sums.h: s + c. */
struct wide_sum {
  struct wide s, c;
};
/*@ predicate WholeSum(struct wide_sum t) = Whole(t.s.e) && Whole(t.c.e); */

/*@ assigns \nothing;
    ensures e: WholeSum(t) ==> Whole(a.e) ==> WholeSum(\result);
    ensures sum: WholeSum(t) ==> Whole(a.e) ==> Wide(\result.s) == Wide(t.s) + Wide(a);
    ensures error: WholeSum(t) ==> Whole(a.e) ==> Wide(\result.c) == Wide(t.c); */
static inline struct wide_sum summed(struct wide_sum t, struct wide a)
{
  struct wide s = plus(t.s, a), b = less(s, t.s);
  struct wide_sum r = {s, plus(t.c, plus(less(t.s, less(s, b)), less(a, b)))};
  return r;
}

/* s + c; s alone where the sum is infinite or NaN. */
/*@ assigns \nothing;
    ensures e: WholeSum(t) ==> Whole(\result.e);
    ensures sum: WholeSum(t) ==> Wide(\result) == Wide(t.s) + Wide(t.c); */
static inline struct wide total(struct wide_sum t) { return t.s.v - t.s.v == 0.0 ? plus(t.s, t.c) : t.s; }
#endif
