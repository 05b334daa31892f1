/* SPDX-License-Identifier: Apache-2.0
   Where element i of sample o and channel k lies in a tensor n x c x s: Pos. channel.c proves the facts from the definition (CHANNEL);
   elsewhere Pos is opaque. */
#ifndef PROOFS_CHANNEL_H
#define PROOFS_CHANNEL_H
#include "group.h"
#ifdef CHANNEL
#include "nested.h"
#define CHANNEL_FACT lemma
#else
#define CHANNEL_FACT axiom
#endif
#define NSC 2                  /* NORMATIVE_NSC */
/* The run of sample 0 starts here; from sample to sample it is At(0,c,s), from element to element Stride. */
/*@ logic integer Start(integer k, integer s, integer layout) = layout == NSC ? k : At(0,k,s); */
/*@ logic integer Stride(integer c, integer layout) = layout == NSC ? c : 1; */
#ifdef CHANNEL
/* (o s + i) c + k, or (o c + k) s + i */
/*@ logic integer Pos(integer o, integer k, integer i, integer c, integer s, integer layout) =
      layout == NSC ? At(k,At(i,o,s),c) : At(i,At(k,o,c),s); */
#else
/*@ axiomatic OpaquePos { logic integer Pos(integer o, integer k, integer i, integer c, integer s, integer layout); } */
#endif
#ifdef CHANNEL
/* steps only */
/*@ lemma volume_ncs: \forall integer n, c, s; Volume(n,c,s) == At(0,At(0,n,c),s); */
/*@ lemma in_nsc: \forall integer o, k, i, n, c, s; 0 <= o < n ==> 0 <= k < c ==> 0 <= i < s ==>
      0 <= At(k,At(i,o,s),c) < Volume(n,c,s); */
/*@ lemma in_ncs: \forall integer o, k, i, n, c, s; 0 <= o < n ==> 0 <= k < c ==> 0 <= i < s ==>
      0 <= At(i,At(k,o,c),s) < Volume(n,c,s); */
#endif
/*@ axiomatic Channels {
      CHANNEL_FACT all_nsc: \forall integer t, n, c, s; 0 < n ==> 0 < c ==> 0 < s ==> 0 <= t < Volume(n,c,s) ==>
        0 <= (t / c) / s < n && 0 <= t % c < c && 0 <= (t / c) % s < s && t == Pos((t / c) / s,t % c,(t / c) % s,c,s,NSC);
      CHANNEL_FACT all_ncs: \forall integer t, n, c, s, layout; layout != NSC ==> 0 < n ==> 0 < c ==> 0 < s ==>
        0 <= t < Volume(n,c,s) ==>
        0 <= (t / s) / c < n && 0 <= (t / s) % c < c && 0 <= t % s < s && t == Pos((t / s) / c,(t / s) % c,t % s,c,s,layout);
      CHANNEL_FACT pos_run: \forall integer o, k, i, c, s, layout;
        Pos(o,k,i,c,s,layout) == At(At(Start(k,s,layout),o,At(0,c,s)),i,Stride(c,layout));
      CHANNEL_FACT pos_in: \forall integer o, k, i, n, c, s, layout; 0 <= o < n ==> 0 <= k < c ==> 0 <= i < s ==>
        0 <= Pos(o,k,i,c,s,layout) < Volume(n,c,s);
      CHANNEL_FACT pos_once: \forall integer o, k, i, p, q, j, c, s, layout; 0 <= k < c ==> 0 <= q < c ==> 0 <= i < s ==>
        0 <= j < s ==> Pos(o,k,i,c,s,layout) == Pos(p,q,j,c,s,layout) ==> o == p && k == q && i == j;
    } */

/*@ predicate ChannelGroup(struct group g, integer k, integer n, integer c, integer s, integer layout) =
      g.base == Start(k,s,layout) && g.n_outer == n && g.stride_outer == At(0,c,s) && g.n_inner == s &&
      g.stride_inner == Stride(c,layout) && g.param == k && g.param_outer == 0 && g.param_inner == 0; */
#endif
