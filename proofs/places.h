/* SPDX-License-Identifier: Apache-2.0
   Products in the descriptors of groups of a sample, machine words included: what stays below the size of a tensor. Lemmas
   in unit places (PLACES), axioms elsewhere. */
#ifndef PROOFS_PLACES_H
#define PROOFS_PLACES_H
#include "sizes.h"
#ifdef PLACES
#define PLACE_FACT lemma
#else
#define PLACE_FACT axiom
#endif
/*@ axiomatic Places {
      PLACE_FACT quotient: \forall integer r, m; 0 <= r ==> 0 < m ==> 0 <= r/m <= r;
      PLACE_FACT remainder: \forall integer r, m; 0 <= r ==> 0 < m ==> 0 <= r%m < m && r%m <= r;
      PLACE_FACT partial: \forall integer q, c, s; 0 <= q <= 0xffffffffffffffff ==> 0 < c ==> 0 < s ==>
        At(0,q,At(0,c,s)) <= MAX ==> 0 <= c*(unsigned long)q <= MAX;
      PLACE_FACT volume: \forall integer q, c, s; 0 <= q <= 0xffffffffffffffff ==> 0 < c ==> 0 < s ==>
        At(0,q,At(0,c,s)) <= MAX ==> s*(unsigned long)(c*(unsigned long)q) == At(0,q,At(0,c,s));
      PLACE_FACT least: \forall integer q, c, s; 0 <= q ==> 0 < c ==> 0 < s ==> 0 <= At(0,q,At(0,c,s));
      PLACE_FACT wrapped: \forall integer q, c, s, t; t == s*(unsigned long)(c*(unsigned long)q) ==>
        0 <= q <= 0xffffffffffffffff ==> 0 < c ==> 0 < s ==> At(0,q,At(0,c,s)) <= MAX ==>
        (unsigned long)t == At(0,q,At(0,c,s));
      PLACE_FACT inside: \forall integer k, c, s; 0 <= k < c ==> 0 < s ==> 0 <= At(0,k,s) < At(0,c,s);
      PLACE_FACT area: \forall integer c, s; 0 < c ==> 0 < s ==> c <= At(0,c,s) && s <= At(0,c,s);
      PLACE_FACT sample: \forall integer b, q, c, s; At(b,q,At(0,c,s)) == b + q*c*s;
      PLACE_FACT product: \forall integer b, i, s; At(b,i,s) == b + i*s;
    } */
#endif
