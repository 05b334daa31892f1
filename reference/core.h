/* SPDX-License-Identifier: Apache-2.0
   The core: what happens inside a group, whatever the norm and the element type. Works on contiguous doubles. */
#ifndef NORMATIVE_CORE_H
#define NORMATIVE_CORE_H
#include <stddef.h>
#ifdef __FRAMAC__
#include "../proofs/sums.h" /* Mean, Var, Rstd, Norm over the reals */
#endif

/* The mean of a group is m + c, m its double and c the rest; rstd = 1/sqrt(var + eps). */
struct statistics {
  double m, c, var, rstd;
};

/* Mean and population variance of x[0..n-1]. */
/*@ requires n: 0 < n;
    requires eps: 0 <= eps;
    requires x: \valid_read(x + (0..n-1));
    assigns \nothing;
    ensures mean: \result.m + \result.c == Mean(x,n);
    ensures var: \result.var == Var(x,n) && 0 <= \result.var;
    ensures rstd: \result.rstd == Rstd(Var(x,n),eps); */
struct statistics centred_statistics(const double *x, size_t n, double eps);

/* Mean 0, var the mean of x^2 (RMSNorm). */
/*@ requires n: 0 < n;
    requires eps: 0 <= eps;
    requires x: \valid_read(x + (0..n-1));
    assigns \nothing;
    ensures mean: \result.m + \result.c == 0.0;
    ensures var: \result.var == Quot(Ssd(x,0.0,n),n) && 0 <= \result.var;
    ensures rstd: \result.rstd == Rstd(\result.var,eps); */
struct statistics rms_statistics(const double *x, size_t n, double eps);

/* Mean and var given (evaluation). */
/*@ requires root: 0 <= var + eps;
    assigns \nothing;
    ensures mean: \result.m == mean && \result.c == 0;
    ensures var: \result.var == var;
    ensures rstd: \result.rstd == Rstd(var,eps); */
struct statistics given_statistics(double mean, double var, double eps);

/* Mean and rstd given (backward, from what forward saved). var is not known, and 0. */
/*@ assigns \nothing;
    ensures saved: \result.m + \result.c == mean && \result.rstd == rstd; */
struct statistics saved_statistics(double mean, double rstd);

/* x <- xhat = (x - mean) rstd, in place. */
/*@ requires x: \valid(x + (0..n-1));
    assigns x[0..n-1];
    ensures xhat: \forall integer k; 0 <= k < n ==> x[k] == Norm(\old(x[k]),s.m + s.c,s.rstd); */
void normalise(double *x, struct statistics s, size_t n);

/* gamma h + beta, rounded twice: no fma, so the bits do not depend on the machine. */
/*@ assigns \nothing;
    ensures affine: \result == Affine(h,gamma,beta); */
static inline double affine(double h, double gamma, double beta) { return h * gamma + beta; }

/* p[k] = v, where p is wanted. */
/*@ requires p: p == \null || \valid(p + k);
    assigns p[k];
    ensures saved: p != \null ==> p[k] == v; */
static inline void save(double *p, size_t k, double v)
{
  if (p) p[k] = v;
}

#endif
