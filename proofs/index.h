/* SPDX-License-Identifier: Apache-2.0
   Strided positions under an opaque name: At(b,i,s) is b + i*s. index.c proves the facts from the definition (PROVE);
   where INDEX_OPEN is set the definition itself is in view; elsewhere there is no product. */
#ifndef PROOFS_INDEX_H
#define PROOFS_INDEX_H
#ifdef PROVE
#define INDEX_FACT lemma
#define INDEX_OPEN
#else
#define INDEX_FACT axiom
#endif
#ifdef INDEX_OPEN
/*@ logic integer At(integer b, integer i, integer s) = b + i*s; */
#else
/*@ axiomatic OpaqueIndex { logic integer At(integer b, integer i, integer s); } */
#endif
/*@ axiomatic Index {
      INDEX_FACT at_0: \forall integer b, s; At(b,0,s) == b;
      INDEX_FACT at_S: \forall integer b, s, i, j; j == i+1 ==> At(b,j,s) == At(b,i,s) + s;
      INDEX_FACT at_lt: \forall integer b, s, i, j; 0 <= s ==> i < j ==> At(b,i,s) + s <= At(b,j,s);
      INDEX_FACT at_span: \forall integer b, s, i, m; 0 <= s ==> 0 <= i <= m ==> b <= At(b,i,s) <= b + At(0,m,s);
      INDEX_FACT at_unit: \forall integer b, i; At(b,i,1) == b + i;
      INDEX_FACT at_fixed: \forall integer b, i; At(b,i,0) == b;
    } */
#endif
