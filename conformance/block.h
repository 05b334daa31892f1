/* SPDX-License-Identifier: Apache-2.0
   Elements of an output, a block at a time. Every one has an error, a scale, and the features that its bound is linear in; all
   are counted in ulp(s), s the element's scale.

     err[i]     |result - exact|, in ulp(s)
     scale[i]   max(s, smallest normal number), in ulp(s): a bound above it decides nothing
     f[k][i]    feature k (tolerance.h), in ulp(s), times the weight of its group

   An infinite result stands for the least magnitude that rounds to infinity, so it is right where the exact value plus the
   bound reaches that. What must be matched exactly (NaN, infinities, groups that hold one) has err 0 or infinity and f = 0. */
#ifndef BLOCK_H
#define BLOCK_H
#include "view.h"

enum { BLOCK = 256 };
struct block {
  size_t n, group;
  size_t index[BLOCK];
  int unit[BLOCK];              /* exponent of ulp(s) */
  bool special[BLOCK], undecided[BLOCK];
  double scale[BLOCK], err[BLOCK], got[BLOCK], nearest[BLOCK];
  double f[FEATURES][BLOCK];
};


void feature_weights(const struct view *v, const struct group_truth *q, long double weight[FEATURES]);
/* Elements from k on of the block's group, at most a block; returns how far it came. */
size_t fill_elements(const struct view *v, struct block *b, const struct runs *r, size_t k);
void fill_parameters(const struct view *v, struct block *b, size_t first);
void fill_lambdas(const struct view *v, struct block *b);
/* Blocks of one: a statistic of a group; a running one of channel b->group, averages over its groups being in c. */
void fill_statistic(const struct view *v, struct block *b);
struct channel { long double mean, sigma, var; bool finite; };
void fill_running(const struct view *v, struct block *b, const struct channel *c);
long double absolute_exact(const struct wide *w);
bool of_elements(enum slot slot);
bool of_parameters(enum slot slot);
bool of_channels(enum slot slot);
bool of_lambdas(enum slot slot);
#endif
