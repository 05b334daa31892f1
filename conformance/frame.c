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
  mpfr_rec_sqrt(root, root, MPFR_RNDN);
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

/* B of the group, and its root. */
static void take_root(const struct group *g, struct frame *f)
{
  mpz_set(f->b.z, g->b.z);
  f->b.e = g->b.e;
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
  out->finite = out->finite && g->mean == 0 && g->rstd == 1;
  out->mu_hi = used.mu_hi;
  out->mu_lo = used.mu_lo;
  out->rstd = used.rstd;
}

void frame_fill(const struct data *d, struct scratch *w, struct group *g, size_t index, struct frame *f,
                struct group_truth *out)
{
  group_fill(d, w, g, index);
  mpz_init(f->b.z);
  mpfr_init2(f->root, ROOT_BITS);
  f->given = false;
  take_root(g, f);
  describe_group(w, g, problem_m(d->p), f->root, out);
  if (d->p->given && d->p->saved == NORMATIVE_SAVED_VARIANCE) take_variance(d, w, g, index, f, out);
  if (d->p->given && d->p->saved == NORMATIVE_SAVED_RSTD) take_given(d, index, f, out);
  else take_own(g, f);
  if (f->given && f->ordinary) frame_root(f, f->root);
  f->rho_up = f->spread = INFINITY;
  if (!f->ordinary) return;
  mpfr_abs(w->mean, f->root, MPFR_RNDU);
  if (!f->given) mpfr_nextabove(w->mean);
  f->rho_up = mpfr_get_ld(w->mean, MPFR_RNDU);
  f->spread = sum_above(out->sigma2 * out->rstd * out->rstd, 0);
}

void frame_clear(struct frame *f)
{
  mpfr_clears(f->s, f->root, (mpfr_ptr)0);
  mpz_clear(f->b.z);
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
