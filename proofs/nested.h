/* SPDX-License-Identifier: Apache-2.0
   Positions inside positions, in the way of index.h. */
#ifndef PROOFS_NESTED_H
#define PROOFS_NESTED_H
#include "index.h"
/*@ axiomatic Nested {
      INDEX_FACT at_within: \forall integer k, a, m, c; 0 <= k < c ==> 0 <= a < m ==> 0 <= At(k,a,c) < At(0,m,c);
      INDEX_FACT at_once: \forall integer k, q, a, b, c; 0 <= k < c ==> 0 <= q < c ==> At(k,a,c) == At(q,b,c) ==> k == q && a == b;
      INDEX_FACT at_cut: \forall integer t, m, c; 0 < c ==> 0 <= t < At(0,m,c) ==>
        0 <= t % c < c && 0 <= t / c < m && t == At(t % c,t / c,c);
      INDEX_FACT at_swap: \forall integer n, c, s; At(0,At(0,n,c),s) == At(0,At(0,n,s),c);
      INDEX_FACT at_nsc: \forall integer o, k, i, c, s; At(k,At(i,o,s),c) == At(At(k,o,At(0,c,s)),i,c);
      INDEX_FACT at_ncs: \forall integer o, k, i, c, s; At(i,At(k,o,c),s) == At(At(At(0,k,s),o,At(0,c,s)),i,1);
      INDEX_FACT at_shift: \forall integer b, i, s; At(b,i,s) == b + At(0,i,s);
      INDEX_FACT at_parts: \forall integer n, k, c, s; 0 < n ==> 0 <= k <= c ==> 0 <= s ==>
        0 <= At(0,k,s) <= At(0,c,s) <= At(0,At(0,n,s),c);
      INDEX_FACT at_pitch: \forall integer c, s; 0 < c ==> 0 < s ==> At(0,s-1,c) < At(0,c,s) && s-1 < At(0,c,s);
    } */
#endif
