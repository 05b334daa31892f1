/* SPDX-License-Identifier: Apache-2.0
   Frames of groups. */
#include "frame.h"
#include "describe.h"
#include <math.h>

#define ROOT_BITS 256

void frame_root(const struct frame *f, mpfr_ptr root)
{
  if (f->given) {
    mpfr_set_d(root, f->rstd, MPFR_RNDN);
    return;
  }
  dyadic_get(root, &f->b, MPFR_RNDN);
  if (!dyadic_sgn(&f->e)) {
    mpfr_rec_sqrt(root, root, MPFR_RNDN);
    return;
  }
  mpfr_t e;
  mpfr_init2(e, mpfr_get_prec(root));
  dyadic_get(e, &f->e, MPFR_RNDN);
  mpfr_sqrt(root, root, MPFR_RNDN);
  mpfr_add(root, root, e, MPFR_RNDN);
  mpfr_ui_div(root, 1, root, MPFR_RNDN);
  mpfr_clear(e);
}

/* The given mean and rstd in place of the group's own, for xhat; x's own stay beside them in *out. */
static void take_given(const struct data *d, size_t index, struct frame *f, struct group_truth *out)
{
  double mean = data_entry(d, SLOT_GIVEN_MEAN, index, 0), rstd = data_entry(d, SLOT_GIVEN_RSTD, index, 0);
  f->given = true;
  f->k = 1;
  f->mean = isfinite(mean) ? 0 : mean;
  f->rstd = rstd;
  f->ordinary = isfinite(mean) && isfinite(rstd);
  mpfr_init2(f->s, 64);
  mpfr_set_d(f->s, isfinite(mean) ? mean : 0, MPFR_RNDN);
  out->given = f->ordinary;
  out->finite = out->finite && f->ordinary;
  out->mu_hi = mean;
  out->mu_lo = 0;
  out->rstd = fabs(rstd);
}

static void take_own(const struct group *g, struct frame *f)
{
  f->given = false;
  f->k = g->m;
  f->mean = g->mean;
  f->rstd = g->rstd;
  f->ordinary = g->mean == 0 && g->rstd == 1;
  mpfr_init2(f->s, mpfr_get_prec(g->s_value));
  mpfr_set(f->s, g->s_value, MPFR_RNDN);
}

/* B and E of the group, and rho. */
static void take_root(const struct group *g, struct frame *f)
{
  dyadic_set(&f->b, &g->b);
  dyadic_set(&f->e, &g->e);
  if (g->rstd == 1) frame_root(f, f->root);
}

/* The given mean and variance in place of the group's own, which stay beside them in *out. */
static void take_variance(const struct data *d, struct scratch *w, struct group *g, size_t index, struct frame *f,
                          struct group_truth *out)
{
  const size_t m = problem_m(d->p);
  struct group_truth used;
  group_given(d, w, g, m, data_entry(d, SLOT_GIVEN_MEAN, index, 0), data_entry(d, SLOT_GIVEN_VARIANCE, index, 0));
  take_root(g, f);
  describe_group(w, g, m, f->root, &used);
  out->given = g->mean == 0 && g->rstd == 1;
  out->finite = out->finite && out->given;
  out->mu_hi = used.mu_hi;
  out->mu_lo = used.mu_lo;
  out->rstd = used.rstd;
}

/* Does rho change with x? With E not to first order at V = 0, where t is 0: y is smooth there. With max(V, m^2 eps) not below
   m^2 eps; at m^2 eps that has no derivative: V's is taken, as TensorFlow's maximum does (PyTorch's and JAX's take half of it,
   torch.clamp none), and the judge allows all between both. out->factor: of xhat mean(g xhat) in dx. */
static void take_motion(const struct data *d, struct scratch *w, const struct group *g, struct frame *f,
                        struct group_truth *out)
{
  const uint32_t place = d->p->eps_place;
  f->moves = !d->evaluation;
  out->factor = 1;
  if (d->evaluation || place == NORMATIVE_EPS_INSIDE) return;
  dyadic_sub(&w->t, &g->b, &g->v);
  f->moves = place == NORMATIVE_EPS_OUTSIDE ? dyadic_sgn(&g->v) : !dyadic_sgn(&w->t);
  out->factor = f->moves;
  if (!f->moves || !dyadic_sgn(&g->e)) return;
  dyadic_get(w->a, &g->e, MPFR_RNDU);
  dyadic_get(w->b, &g->b, MPFR_RNDD);
  mpfr_sqrt(w->b, w->b, MPFR_RNDD);
  mpfr_div(w->a, w->a, w->b, MPFR_RNDU);
  mpfr_add_ui(w->a, w->a, 1, MPFR_RNDU);
  out->factor = mpfr_get_ld(w->a, MPFR_RNDU);
}

/* Of a group whose x are not all finite: the size of those that are. dgamma of the others' columns takes them in. */
static void describe_rest(const struct data *d, size_t index, struct group_truth *out)
{
  const struct runs runs = problem_runs(d->p, index);
  const size_t m = problem_m(d->p);
  out->max_abs = out->sigma2 = 0;
  for (size_t k = 0; k < m; ++k) {
    const double x = fabs(data_entry(d, SLOT_X, element_at(&runs, k), 0));
    if (isfinite(x) && x > out->max_abs) out->max_abs = x;
  }
  out->mean_abs = out->max_abs;
}

void frame_fill(const struct data *d, struct scratch *w, struct group *g, size_t index, struct frame *f,
                struct group_truth *out)
{
  group_fill(d, w, g, index);
  mpz_inits(f->b.z, f->e.z, NULL);
  mpfr_init2(f->root, ROOT_BITS);
  f->given = false;
  take_root(g, f);
  describe_group(w, g, problem_m(d->p), f->root, out);
  take_motion(d, w, g, f, out);
  if (d->p->given && d->p->saved == NORMATIVE_SAVED_VARIANCE) take_variance(d, w, g, index, f, out);
  if (d->p->given && d->p->saved == NORMATIVE_SAVED_RSTD) take_given(d, index, f, out);
  else take_own(g, f);
  if (out->given && !out->finite) describe_rest(d, index, out);
  if (f->given && f->ordinary) frame_root(f, f->root);
  f->rho_up = f->spread = INFINITY;
  if (!f->ordinary) return;
  mpfr_abs(w->a, f->root, MPFR_RNDU);
  if (!f->given) mpfr_nextabove(w->a);
  f->rho_up = mpfr_get_ld(w->a, MPFR_RNDU);
  f->spread = sum_above(out->sigma2 * out->rstd * out->rstd, 0);
}

void frame_clear(struct frame *f)
{
  mpfr_clears(f->s, f->root, (mpfr_ptr)0);
  mpz_clears(f->b.z, f->e.z, NULL);
}

void frame_deviation(const struct frame *f, double x, mpfr_ptr kx, mpfr_ptr t, mpfr_rnd_t round)
{
  mpfr_set_d(kx, x, MPFR_RNDN);
  if (f->k != 1) mpfr_mul_ui(kx, kx, f->k, MPFR_RNDN);
  mpfr_sub(t, kx, f->s, round);
}

double frame_class(const struct frame *f, double x)
{
  double t = x - f->mean;
  if (isfinite(x) && f->mean == 0) {
    mpfr_t kx;
    mp_limb_t limb[2];
    mpfr_custom_init_set(kx, MPFR_ZERO_KIND, 0, 96, limb);
    mpfr_set_d(kx, x, MPFR_RNDN);
    mpfr_mul_ui(kx, kx, f->k, MPFR_RNDN);
    t = mpfr_cmp(kx, f->s);
    t = (t > 0) - (t < 0);
  }
  double rstd = !isfinite(f->rstd) || f->rstd == 0 ? f->rstd : f->rstd < 0 ? -1 : 1;
  return t * rstd;
}
