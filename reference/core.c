/* SPDX-License-Identifier: Apache-2.0
   The core: statistics of a group, and xhat. */
#include "core.h"
#include "sums.h"

#include <math.h>
#ifdef __FRAMAC__
#include "../proofs/core.h" /* the algebra behind the corrected variance */
#endif

/* sum (x - m)^2. */
/*@ requires x: \valid_read(x + (0..n-1));
    assigns \nothing;
    ensures sum: \result == Ssd(x,m,n); */
static double csumsq_dev(const double *x, double m, size_t n)
{
  double s = 0.0, c = 0.0;
  /*@ loop invariant i: 0 <= i <= n;
      loop invariant c: c == 0;
      loop invariant s: s == Ssd(x,m,i);
      loop assigns i, s, c;
      loop variant n - i; */
  for (size_t i = 0; i < n; i++) {
    double d = x[i] - m;
    //@ assert square: d * d == Sd(x[i],m);
    struct two r = two_sum(s, d * d);
    s = r.s;
    c += r.e;
  }
  return compensated(s, c);
}

/* A variance rounded below 0 is 0; NaN stays. */
/*@ assigns \nothing;
    ensures positive: 0 <= v ==> \result == v; */
static double clamp(double v) { return v < 0.0 ? 0.0 : v; }

/*@ requires root: 0 <= var + eps;
    assigns \nothing;
    ensures rstd: \result == Rstd(var,eps); */
static double rstd_of(double var, double eps) { return 1.0 / sqrt(var + eps); }

/* m = x0 + sum(x - x0)/n, t = sum(x - m), mean = m + t/n, var = (sum (x - m)^2 - t^2/n)/n.
   Shifted by its own first element, so that constants are exact and the mean's size does not matter; re-centred, so
   that a first element far away does not; corrected by t, the rounding of m (Chan, Golub, LeVeque 1983, eq. 1.7).
   Over the reals this is mean and variance whatever m is. */
struct statistics centred_statistics(const double *x, size_t n, double eps)
{
  struct statistics r;
  r.m = x[0] + over(csum_dev(x, x[0], n), n);
  double t = csum_dev(x, r.m, n);
  r.c = over(t, n);
  //@ assert mean: r.m + r.c == Mean(x,n);
  double q = csumsq_dev(x, r.m, n) - over(t * t, n);
  //@ assert about_mean: q == Ssd(x,Mean(x,n),n) && 0 <= q;
  r.var = clamp(over(q, n));
  //@ assert var: r.var == Var(x,n) && 0 <= r.var;
  r.rstd = rstd_of(r.var, eps);
  return r;
}

/* var = sum x^2 / n. */
struct statistics rms_statistics(const double *x, size_t n, double eps)
{
  struct statistics r = {.m = 0.0, .c = 0.0, .var = over(csumsq_dev(x, 0.0, n), n)};
  //@ assert var: r.var == Quot(Ssd(x,0.0,n),n) && 0 <= r.var;
  r.rstd = rstd_of(r.var, eps);
  return r;
}

struct statistics given_statistics(double mean, double var, double eps)
{
  struct statistics r = {.m = mean, .c = 0.0, .var = var, .rstd = rstd_of(var, eps)};
  return r;
}

struct statistics saved_statistics(double mean, double rstd)
{
  struct statistics r = {.m = mean, .c = 0.0, .var = 0.0, .rstd = rstd};
  return r;
}

/* m first: x - m is small, so subtracting c loses nothing that x - (m + c) would. */
void normalise(double *x, struct statistics s, size_t n)
{
  /*@ loop invariant i: 0 <= i <= n;
      loop invariant done: \forall integer k; 0 <= k < i ==> x[k] == Norm(\at(x[k],Pre),s.m + s.c,s.rstd);
      loop invariant rest: \forall integer k; i <= k < n ==> x[k] == \at(x[k],Pre);
      loop assigns i, x[0..n-1];
      loop variant n - i; */
  for (size_t i = 0; i < n; i++) {
    double h = ((x[i] - s.m) - s.c) * s.rstd;
    //@ assert xhat: h == Norm(x[i],s.m + s.c,s.rstd);
    x[i] = h;
  }
}
