/* SPDX-License-Identifier: Apache-2.0
   Exact quantities of a group, as long doubles from above. */
#include "describe.h"
#include <math.h>

long double size_over(mpfr_ptr t, const struct dyadic *a, unsigned long k)
{
  dyadic_get(t, a, MPFR_RNDA);
  mpfr_div_ui(t, t, k, MPFR_RNDA);
  return fabsl(mpfr_get_ld(t, MPFR_RNDA));
}

/* (1 + 2^-64)^(n + 8) < 1 + (n + 10) 2^-63 for n < 2^60, one rounding of the product included. */
long double sum_above(long double sum, size_t n) { return sum * (1 + ((long double)n + 10) * 0x1p-63L); }

/* kappa = |mu|/sigma = |S|/sqrt(V), from above */
static long double condition(struct scratch *w, const struct group *g)
{
  if (!dyadic_sgn(&g->s)) return 0;
  if (dyadic_sgn(&g->v) <= 0) return INFINITY;
  dyadic_get(w->b, &g->v, MPFR_RNDD);
  mpfr_sqrt(w->b, w->b, MPFR_RNDD);
  dyadic_get(w->a, &g->s, MPFR_RNDA);
  mpfr_div(w->a, w->a, w->b, MPFR_RNDA);
  return fabsl(mpfr_get_ld(w->a, MPFR_RNDA));
}

/* mu = S/m as hi + lo */
static void split_mean(struct scratch *w, const struct group *g, struct group_truth *out)
{
  mpfr_div_ui(w->mean, g->s_value, g->m, MPFR_RNDN);
  out->mu_hi = mpfr_get_ld(w->mean, MPFR_RNDN);
  mpfr_set_ld(w->a, out->mu_hi, MPFR_RNDN);
  mpfr_sub(w->mean, w->mean, w->a, MPFR_RNDN);
  out->mu_lo = mpfr_get_ld(w->mean, MPFR_RNDN);
}

void describe_group(struct scratch *w, const struct group *g, unsigned long m, mpfr_srcptr root, struct group_truth *out)
{
  *out = (struct group_truth){.mu_hi = g->mean, .mean_abs = INFINITY, .sigma2 = INFINITY, .rstd = g->rstd,
                              .max_abs = g->max_abs};
  out->finite = g->mean == 0 && (g->rstd == 1 || isinf(g->rstd) || (isnan(g->rstd) && dyadic_sgn(&g->b) < 0));
  if (!out->finite) return;
  split_mean(w, g, out);
  out->mean_abs = size_over(w->a, &g->abs, m);
  dyadic_get(w->a, &g->v, MPFR_RNDA);
  mpfr_div_ui(w->a, w->a, g->m, MPFR_RNDA);
  mpfr_div_ui(w->a, w->a, g->m, MPFR_RNDA);
  out->sigma2 = mpfr_get_ld(w->a, MPFR_RNDA);
  out->kappa = condition(w, g);
  if (g->rstd != 1) return;
  mpfr_mul_ui(w->a, root, g->m, MPFR_RNDU);
  mpfr_nextabove(w->a); /* root is not rounded up */
  out->rstd = mpfr_get_ld(w->a, MPFR_RNDU);
}
