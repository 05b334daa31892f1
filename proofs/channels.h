/* SPDX-License-Identifier: Apache-2.0
   What the descriptor of a channel is worth: it fits into memory, addresses exactly its channel, and no other. */
#ifndef PROOFS_CHANNELS_H
#define PROOFS_CHANNELS_H
#include "channel.h"
/*@ lemma channel_pitch: \forall struct group g, integer k, n, c, s, layout; ChannelGroup(g,k,n,c,s,layout) ==>
      0 <= k < c ==> 0 < n ==> 0 < s ==> TensorFits(n,c,s) ==> 0 < g.stride_inner <= MAX && Span(g) < g.stride_outer <= MAX; */
/*@ lemma channel_last: \forall struct group g, integer k, n, c, s, layout; ChannelGroup(g,k,n,c,s,layout) ==>
      Last(g) == Pos(n-1,k,s-1,c,s,layout); */
/*@ lemma channel_base: \forall struct group g, integer k, n, c, s, layout; ChannelGroup(g,k,n,c,s,layout) ==>
      g.base == Pos(0,k,0,c,s,layout); */
/*@ lemma channel_param: \forall struct group g, integer k, n, c, s, layout, o, i; ChannelGroup(g,k,n,c,s,layout) ==>
      At(FirstParam(g,o),i,g.param_inner) == k && LastParam(g) == k; */
/*@ lemma channel_fits: \forall struct group g, integer k, n, c, s, layout; ChannelGroup(g,k,n,c,s,layout) ==>
      0 <= k < c ==> 0 < n ==> 0 < s ==> TensorFits(n,c,s) ==>
      Fits(g) && Len(g) == At(0,n,s) && 0 <= g.base <= Last(g) < Volume(n,c,s); */
/*@ lemma channel_element: \forall struct group g, integer k, n, c, s, layout, o, i; ChannelGroup(g,k,n,c,s,layout) ==>
      At(First(g,o),i,g.stride_inner) == Pos(o,k,i,c,s,layout); */
/*@ lemma channel_others: \forall struct group g, integer k, n, c, s, layout, o, q, i; ChannelGroup(g,k,n,c,s,layout) ==>
      0 <= k < c ==> 0 <= q < c ==> q != k ==> 0 <= i < s ==> OutGroup(Pos(o,q,i,c,s,layout),g,g.n_outer); */
#endif
