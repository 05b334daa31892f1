/* SPDX-License-Identifier: Apache-2.0
   A norm is an index map. A group, the elements that share one set of statistics, is written as a descriptor:
     element (o,i), o < n_outer, i < n_inner, is at      base + o stride_outer + i stride_inner
     and its gamma and beta are at                       param + o param_outer + i param_inner
   This page is what tells the norms apart; all else is shared. */
#ifndef NORMATIVE_GROUP_H
#define NORMATIVE_GROUP_H
#include "normative.h"

struct group {
  size_t base, n_outer, stride_outer, n_inner, stride_inner;
  size_t param, param_outer, param_inner;
};

/* One run of a group: a fixed outer index. */
struct run {
  size_t base, n, stride;
  size_t param, param_stride;
};
#ifdef __FRAMAC__
#include "../proofs/group.h" /* At(b,i,s) = b + i s, and what fits into memory */
#include "../proofs/channel.h" /* ChannelGroup: the positions of a channel */
#endif

/* LayerNorm, RMSNorm: row r of rows x cols, parameters per column. */
/*@ requires row: 0 <= At(0,r,cols) && At(0,r,cols) + cols <= MAX;
    requires cols: 0 < cols;
    assigns \nothing;
    ensures row: \result.base == At(0,r,cols);
    ensures outer: \result.n_outer == 1 && \result.stride_outer == cols;
    ensures inner: \result.n_inner == cols && \result.stride_inner == 1;
    ensures param: \result.param == 0 && \result.param_outer == 0 && \result.param_inner == 1; */
static inline struct group row_group(size_t r, size_t cols)
{
  struct group g = {.base = r * cols, .n_outer = 1, .stride_outer = cols, .n_inner = cols, .stride_inner = 1,
                    .param = 0, .param_outer = 0, .param_inner = 1};
  return g;
}

/* BatchNorm: channel k of n x c x s, one parameter. */
/*@ requires channel: k < c;
    requires size: 0 < n && 0 < s && TensorFits(n,c,s);
    assigns \nothing;
    ensures group: ChannelGroup(\result,k,n,c,s,layout); */
static inline struct group channel_group(size_t k, size_t n, size_t c, size_t s, normative_layout layout)
{
  struct group g = {.base = k * s, .n_outer = n, .stride_outer = c * s, .n_inner = s, .stride_inner = 1,
                    .param = k, .param_outer = 0, .param_inner = 0};
  if (layout == NORMATIVE_NSC) {
    g.base = k;
    g.stride_inner = c;
  }
  return g;
}
#endif
