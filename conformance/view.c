/* SPDX-License-Identifier: Apache-2.0
   What the judge takes from a case before it looks at results. */
#include "view.h"
#include "ulps.h"
#include <stdlib.h>
#include <string.h>

void look_at(struct view *v, const struct normative_problem *p, const struct tensors *in, const struct truth *truth,
             const struct tensors *results)
{
  *v = (struct view){.p = p, .in = in, .truth = truth, .cache = truth->cache, .results = results};
  v->evaluation = constant_statistics(p);
  v->backward = p->direction == NORMATIVE_BACKWARD;
  v->centred = norm_find(p->norm)->centred;
}

void look_at_slot(struct view *v, enum slot slot)
{
  v->slot = slot;
  v->exact = &v->truth->t[slot];
  v->out = v->results ? &v->results->t[slot] : NULL;
  v->type = arithmetic_of(v->exact->nearest.type);
}

bool judged_slot(const struct truth *truth, enum slot slot)
{
  bool known = slot == SLOT_Y || slot == SLOT_SUM || slot == SLOT_MEAN || slot == SLOT_RSTD || slot == SLOT_RUNNING_MEAN ||
               slot == SLOT_RUNNING_VAR || slot == SLOT_DX || slot == SLOT_DGAMMA || slot == SLOT_DBETA ||
               slot == SLOT_DLAMBDA_MEAN || slot == SLOT_DLAMBDA_VAR || slot == SLOT_VARIANCE;
  return known && truth->t[slot].count > 0;
}

/* ---- groups ---- */

/* The exponent of the lowest bit set in any x of the group: all are multiples of that power of two. Gives up, INT_MIN,
   when the sum of magnitudes has more than 53 bits of it: then no arithmetic here adds them exactly. */
static int lowest_bit(const struct view *v, size_t index)
{
  struct runs r = problem_runs(v->p, index);
  long double sum = v->truth->group[index].mean_abs * (long double)problem_m(v->p);
  int lowest = INT_MAX;
  if (v->evaluation || v->p->residual || !v->truth->group[index].finite || sum == 0) return INT_MIN;
  int needed = ilogbl(sum) - 53;
  for (size_t o = 0; o < r.outer; ++o)
    for (size_t k = 0; k < r.inner; ++k) {
      int low = lowest_bit_of(tensor_get(&v->in->t[SLOT_X], r.base + o * r.outer_stride + k * r.inner_stride));
      if (low < lowest) lowest = low;
      if (lowest < needed) return INT_MIN;
    }
  return lowest;
}

/* The same of the terms of every dbeta. */
static void lowest_bits_of_dy(const struct view *v, int *lowest)
{
  size_t m = problem_m(v->p);
  for (size_t j = 0; j < v->truth->params; ++j) lowest[j] = INT_MAX;
  for (size_t g = 0; g < v->truth->groups; ++g) {
    struct runs r = problem_runs(v->p, g);
    for (size_t k = 0; k < m; ++k) {
      int *at = &lowest[param_at(&r, k)];
      int low = *at == INT_MIN ? INT_MIN : lowest_bit_of(tensor_get(&v->in->t[SLOT_DY], element_at(&r, k)));
      if (low < *at) *at = low;
    }
  }
}

/* max|gamma|, as the problem means gamma */
static long double largest_gamma(const struct view *v)
{
  const struct tensor *gamma = &v->in->t[SLOT_GAMMA];
  long double top = gamma->data ? 0 : 1;
  for (size_t j = 0; j < gamma->count; ++j) {
    long double entry = fabsl((long double)tensor_get(gamma, j) + plus_one(v->p));
    if (isfinite(entry) && entry > top) top = entry;
  }
  return top;
}

/* Do all elements of a group use the same gamma? Then its first one. */
static bool one_gamma(const struct runs *r)
{
  return (!r->param_inner || r->inner < 2) && (!r->param_outer || r->outer < 2);
}

struct group_facts facts_of(const struct view *v, size_t index)
{
  const struct group_truth *q = &v->truth->group[index];
  struct group_facts g = {.truth = q, .m = problem_m(v->p), .lowest = v->cache->lowest[index], .mu = q->mu_hi,
                          .var = q->sigma2};
  if (v->backward) {
    struct runs r = problem_runs(v->p, index);
    long double own = v->in->t[SLOT_GAMMA].data ? tensor_get(&v->in->t[SLOT_GAMMA], r.param) : 1;
    own = fabsl(own + plus_one(v->p));
    g.one_gamma = one_gamma(&r);
    g.top = g.one_gamma && isfinite(own) ? own : v->cache->top;
    g.terms = v->truth->params ? v->truth->param[0].m : 0;
  }
  if (v->in->t[SLOT_GIVEN_VARIANCE].data) g.var = tensor_get(&v->in->t[SLOT_GIVEN_VARIANCE], index);
  if (v->evaluation) {
    g.mu = tensor_get(&v->in->t[SLOT_RUNNING_MEAN], index % v->p->c);
    g.var = tensor_get(&v->in->t[SLOT_RUNNING_VAR], index % v->p->c);
  }
  return g;
}

bool gradient_finite(const struct view *v, size_t group)
{
  const struct switch_truth *sw = v->truth->sw;
  const size_t n = group / v->p->c, c = group % v->p->c;
  if (v->evaluation) return true;
  if (!v->truth->group[group].g_finite || !sw) return v->truth->group[group].g_finite;
  const bool layer = sw->p_n[n] < INFINITY && sw->q_n[n] < INFINITY;
  const bool batch = sw->lambdas == 3 && v->p->mode != NORMATIVE_EVALUATION;
  return layer && (!batch || (sw->p_c[c] < INFINITY && sw->q_c[c] < INFINITY));
}

static void free_cache(void *cache)
{
  free(((struct case_cache *)cache)->lowest);
  free(((struct case_cache *)cache)->lowest_dy);
  switch_scales_free(((struct case_cache *)cache)->scales);
  free(cache);
}

/* The largest number of terms that sums have beside those of groups and of parameters. */
static long double other_terms(const struct view *v)
{
  const long double n = v->p->n, c = v->p->c, s = v->p->s;
  if (v->truth->sw) return fmaxl(c * s, fmaxl(n * s, n * c));
  return v->p->running ? n * s : 1;
}

/* Presets that mean the same for all sums of a case are worked out once. */
static bool same_here(const struct view *v, const struct preset *a, const struct preset *b)
{
  const long double other = other_terms(v);
  return preset_same(a, b, problem_m(v->p), v->truth->params ? v->truth->param[0].m : 1) && preset_same(a, b, other, other);
}

static void find_equals(const struct view *v, struct case_cache *cache)
{
  for (size_t k = 0; k < cache->presets; ++k) {
    const struct preset *p = cache->preset[k];
    cache->same[k] = cache->plain[k] = k;
    for (size_t i = 0; i < k; ++i)
      if (same_here(v, cache->preset[i], p)) {
        cache->same[k] = i;
        break;
      }
    for (size_t i = 0; i < k; ++i)
      if (cache->preset[i]->row == p->row && cache->preset[i]->ftz == p->ftz) {
        cache->plain[k] = cache->plain[i];
        break;
      }
  }
}

void make_cache(const struct normative_problem *p, const struct tensors *in, struct truth *truth)
{
  struct view v;
  struct case_cache *cache = truth->cache = calloc(1, sizeof *cache);
  cache->lowest = calloc(truth->groups + 1, sizeof *cache->lowest);
  truth->cache_free = free_cache;
  cache->presets = presets_offered(p->type, cache->preset);
  look_at(&v, p, in, truth, NULL);
  find_equals(&v, cache);
  if (truth->sw) cache->scales = switch_scales_new(p, in, truth);
  for (size_t g = 0; g < truth->groups; ++g) cache->lowest[g] = lowest_bit(&v, g);
  if (!v.backward) return;
  cache->top = largest_gamma(&v);
  cache->lowest_dy = calloc(truth->params + 1, sizeof *cache->lowest_dy);
  lowest_bits_of_dy(&v, cache->lowest_dy);
}
