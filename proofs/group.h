/* SPDX-License-Identifier: Apache-2.0
   Where the elements of a group and its parameters are, in terms of index.h. */
#ifndef PROOFS_GROUP_H
#define PROOFS_GROUP_H
#include "sizes.h"
/*@ logic integer RunLast(struct run r) = At(r.base,r.n-1,r.stride); */
/*@ logic integer RunLastParam(struct run r) = At(r.param,r.n-1,r.param_stride); */
/*@ predicate RunFits(struct run r) = 0 < r.n <= MAX && 0 < r.stride <= MAX && RunLast(r) <= MAX &&
      r.param_stride <= MAX && RunLastParam(r) <= MAX; */
/*@ logic integer Len(struct group g) = At(0,g.n_outer,g.n_inner); */          // elements
/*@ logic integer Span(struct group g) = At(0,g.n_inner-1,g.stride_inner); */  // one run, last minus first
/*@ logic integer ParamSpan(struct group g) = At(0,g.n_inner-1,g.param_inner); */
/*@ logic integer First(struct group g, integer o) = At(g.base,o,g.stride_outer); */ // first of run o
/*@ logic integer FirstParam(struct group g, integer o) = At(g.param,o,g.param_outer); */
/*@ logic integer Last(struct group g) = First(g,g.n_outer-1) + Span(g); */
/*@ logic integer LastParam(struct group g) = FirstParam(g,g.n_outer-1) + ParamSpan(g); */
/*@ predicate Fits(struct group g) = 0 < g.n_outer && 0 < g.n_inner && 0 < g.stride_inner <= MAX &&
      Span(g) < g.stride_outer <= MAX && Last(g) <= MAX && Len(g) <= MAX &&
      g.param_outer <= MAX && g.param_inner <= MAX && LastParam(g) <= MAX; */
#endif
