/* SPDX-License-Identifier: Apache-2.0
   Exact statistics of groups. */
#include "statistics.h"
#include <math.h>

double data_entry(const struct data *d, enum slot s, size_t i, double absent)
{
  const struct tensor *t = &d->in->t[s];
  return slot_is_input(d->p, s) ? tensor_get(t, i) : absent;
}

mpfr_prec_t gamma_bits(const struct normative_problem *p) { return plus_one(p) ? 2176 : 64; }

void gamma_exact(const struct normative_problem *p, double entry, mpfr_ptr out)
{
  mpfr_set_d(out, entry, MPFR_RNDN);
  if (plus_one(p)) mpfr_add_ui(out, out, 1, MPFR_RNDN);
}

void group_init(struct group *g)
{
  struct dyadic *all[] = {&g->s, &g->v, &g->b, &g->e, &g->abs};
  for (size_t i = 0; i < sizeof all / sizeof *all; ++i) dyadic_init(all[i]);
  mpfr_init2(g->s_value, 128);
}

void group_clear(struct group *g)
{
  struct dyadic *all[] = {&g->s, &g->v, &g->b, &g->e, &g->abs};
  for (size_t i = 0; i < sizeof all / sizeof *all; ++i) dyadic_clear(all[i]);
  mpfr_clear(g->s_value);
}

void scratch_init(struct scratch *w)
{
  sum_init(&w->plus, SUM_OF_DOUBLES);
  sum_init(&w->minus, SUM_OF_DOUBLES);
  sum_init(&w->squares, SUM_OF_PRODUCTS);
  dyadic_init(&w->q);
  dyadic_init(&w->t);
  mpfr_inits2(64, w->a, w->b, (mpfr_ptr)0);
  mpfr_init2(w->mean, 256);
}

void scratch_clear(struct scratch *w)
{
  dyadic_clear(&w->q);
  dyadic_clear(&w->t);
  mpfr_clears(w->a, w->b, w->mean, (mpfr_ptr)0);
}

/* Into the sums goes one finite element x + r: plus where it is positive, minus where it is negative. */
static void add_element(struct scratch *w, double x, double r)
{
  struct sum *side = x >= -r ? &w->plus : &w->minus;
  sum_add(side, x);
  sum_add_product(&w->squares, x, x, 0);
  if (r == 0) return;
  sum_add(side, r);
  sum_add_product(&w->squares, x, r, 1);
  sum_add_product(&w->squares, r, r, 0);
}

double group_sums(const struct data *d, struct scratch *w, struct group *g, size_t index, double *special_squares)
{
  struct runs runs = problem_runs(d->p, index);
  size_t m = problem_m(d->p);
  double special = 0;
  *special_squares = g->max_abs = 0;
  sum_clear(&w->plus);
  sum_clear(&w->minus);
  sum_clear(&w->squares);
  for (size_t k = 0; k < m; ++k) {
    size_t i = element_at(&runs, k);
    double x = tensor_get(&d->in->t[SLOT_X], i), r = d->residual ? tensor_get(&d->in->t[SLOT_RESIDUAL], i) : 0;
    if (isfinite(x) && isfinite(r)) {
      add_element(w, x, r);
      double size = r == 0 ? fabs(x) : nextafter(fabs(x + r), INFINITY);
      if (size > g->max_abs) g->max_abs = size;
    } else {
      special += x + r;
      *special_squares += (x + r) * (x + r);
    }
  }
  sum_get(&g->s, &w->plus);
  sum_get(&w->t, &w->minus);
  dyadic_sub(&g->abs, &g->s, &w->t);
  dyadic_add(&g->s, &g->s, &w->t);
  sum_get(&w->q, &w->squares);
  return special;
}

/* b and e of g from its v and m, and from them the class of rstd. */
static void place_eps(const struct data *d, struct scratch *w, struct group *g)
{
  dyadic_set(&g->b, &g->v);
  mpz_set_ui(g->e.z, 0);
  dyadic_set_d(&w->t, d->p->eps);
  dyadic_mul_ui(&w->t, &w->t, g->m);
  if (d->p->eps_place == NORMATIVE_EPS_OUTSIDE) dyadic_set(&g->e, &w->t);
  else {
    dyadic_mul_ui(&w->t, &w->t, g->m);
    if (d->p->eps_place == NORMATIVE_EPS_INSIDE) dyadic_add(&g->b, &g->v, &w->t);
    else {
      dyadic_sub(&w->q, &g->v, &w->t);
      if (dyadic_sgn(&w->q) < 0) dyadic_set(&g->b, &w->t);
    }
  }
  int sign = dyadic_sgn(&g->b);
  g->rstd = sign < 0 ? NAN : sign || dyadic_sgn(&g->e) ? 1 : INFINITY;
}

static void set_value(struct group *g)
{
  mpfr_prec_t bits = (mpfr_prec_t)mpz_sizeinbase(g->s.z, 2);
  mpfr_set_prec(g->s_value, bits < 64 ? 64 : bits);
  dyadic_get(g->s_value, &g->s, MPFR_RNDN);
}

static void own_statistics(const struct data *d, struct scratch *w, struct group *g, size_t index)
{
  double squares, special = group_sums(d, w, g, index, &squares);
  g->m = problem_m(d->p);
  if (!d->centred) mpz_set_ui(g->s.z, 0);
  dyadic_mul_ui(&g->v, &w->q, g->m);
  dyadic_mul(&w->t, &g->s, &g->s);
  dyadic_sub(&g->v, &g->v, &w->t);
  place_eps(d, w, g);
  g->mean = d->centred ? special : 0;
  if (squares != 0) g->rstd = isnan(squares) || d->centred ? NAN : 0;
  set_value(g);
}

void group_given(const struct data *d, struct scratch *w, struct group *g, unsigned long m, double mean, double var)
{
  if (d->p->eps_place == NORMATIVE_EPS_MAX && var < 0) var = 0; /* eps wins */
  g->m = m;
  g->mean = isfinite(mean) ? 0 : mean;
  dyadic_set_d(&g->s, isfinite(mean) ? mean : 0);
  dyadic_mul_ui(&g->s, &g->s, m);
  dyadic_set_d(&g->v, isfinite(var) ? var : 0);
  for (int n = 0; n < 2; ++n) dyadic_mul_ui(&g->v, &g->v, m);
  place_eps(d, w, g);
  if (!isfinite(var)) g->rstd = var > 0 ? 0 : NAN;
  set_value(g);
}

static void running_statistics(const struct data *d, struct scratch *w, struct group *g, size_t index)
{
  const size_t c = index % d->p->c;
  double unused;
  group_sums(d, w, g, index, &unused);
  group_given(d, w, g, 1, data_entry(d, SLOT_RUNNING_MEAN, c, 0), data_entry(d, SLOT_RUNNING_VAR, c, 1));
}

void group_fill(const struct data *d, struct scratch *w, struct group *g, size_t index)
{
  if (d->evaluation) running_statistics(d, w, g, index);
  else own_statistics(d, w, g, index);
}
