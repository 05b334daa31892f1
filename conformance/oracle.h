/* SPDX-License-Identifier: Apache-2.0
   The oracle: what a case's outputs are exactly, in MPFR. Sums and sums of squares inside a group are exact. Each output
   element is known to within 2^-150 of itself (but may be called 0 below 2^-2400) and rounded to nearest even in its own type;
   ties and zeros are decided algebraically; what the cap leaves open is marked, never guessed. Shares no code with reference/
   or optimized/. */
#ifndef ORACLE_H
#define ORACLE_H
#include "problem.h"
#include "tensors.h"
#include <mpfr.h>
#include <stdint.h>

#define WIDE_PREC 192 /* bits of the significand kept per element */
enum wide_kind { WIDE_ZERO, WIDE_FINITE, WIDE_INF, WIDE_NAN, WIDE_UNDECIDED };
struct wide { /* an exact value, or its neighbour within 2^-150 relative; sign * 0.limbs * 2^exponent as MPFR has it */
  int64_t exponent;
  mp_limb_t limb[WIDE_PREC / 64];
  int8_t kind, sign; /* sign -1 or +1 */
};
/* A read-only mpfr_t that shares the limbs of w. NaN, Inf and zero included; UNDECIDED reads as NaN. */
void wide_view(mpfr_t out, const struct wide *w);

struct truth_tensor {
  size_t count;         /* 0: not an output of this case */
  struct wide *exact;
  struct tensor nearest; /* correctly rounded, in the tensor's own type */
};
/* Exact quantities of a group, each rounded up in magnitude; what the formulas of bounds.txt take. */
struct group_truth {
  long double mu_hi, mu_lo; /* the mean as a sum of two, 2^-126 relative */
  long double mean_abs;     /* A = mean|x| */
  long double sigma2;       /* population variance; RMSNorm mean x^2; evaluation running_var */
  long double rstd;         /* 1/sqrt(sigma2+eps); Inf if that is 0 */
  long double max_abs;      /* max|x| of the group's elements */
  long double kappa;        /* |mu|/sigma */
  bool finite;              /* every x of the group is finite (evaluation: the running statistics are); given ones are too */
  bool given;               /* given ones are, whatever x is; then mean_abs and max_abs are of the x that are finite */
  /* Backward, else 0: g = gamma dy, means over the group; xhat from the statistics above, or from the given ones, which then
     are mu and |rstd| here, while sigma2, mean_abs, max_abs and kappa stay those of x. Inf where a term is not finite; but
     evaluation leaves such elements out. */
  long double g_abs;        /* mean|g| */
  long double gx_abs;       /* mean|g xhat| */
  long double c1, c2;       /* |mean(g)|, |mean(g xhat)|; 0 where the formula of dx has none */
  long double factor;       /* dx = rstd (g - mean(g) - xhat mean(g xhat) factor): 1; eps outside the root (sigma+eps)/sigma; 0
                               where rstd does not change with x, as where eps is the greater */
  long double dy_max;       /* max|dy| of the group */
  bool g_finite;            /* every dy and gamma of the group is finite */
};
/* Backward: of the elements that share a parameter. Inf where a term is not finite. */
struct param_truth {
  long double m;            /* how many they are */
  long double dy_abs;       /* sum|dy| */
  long double dyx_abs;      /* sum|dy xhat| */
  long double dy_norm;      /* sqrt(sum dy^2) */
  long double dyx_norm;     /* sqrt(sum dy^2 (xhat^2 + sigma^2 rstd^2)) */
  bool finite;              /* every dy is finite */
  bool x_finite;            /* every x is, and all groups they come from are `finite` with a finite rstd */
};
/* SwitchableNorm. Its group_truth is of an (n,c) at n C + c, with M in mu_hi + mu_lo, V in sigma2, R in rstd and
   kappa = |M|/sqrt(V); mean_abs, max_abs, g_abs, gx_abs, c1, c2, dy_max are of the group's own elements, xhat = (x - M) R.
   Below, k is IN, LN, BN (two with dropbn), evaluation's BN being the running statistics. Magnitudes are rounded up. Weights
   below 2^-2^56 are 0; where a lambda is not finite, M and V are NaN. */
struct switch_group {
  long double mu_hi[3], mu_lo[3]; /* mu_k, 2^-126 relative; NaN where not finite, v_k too */
  long double v[3];               /* v_k; with its sign: a running variance may be below 0 */
  long double p, q;               /* backward: |P|, |Q|; Inf where they are not finite */
};
struct switch_truth {
  size_t lambdas;                 /* 3 or 2 */
  long double w[3], w_var[3];     /* the softmax of lambda_mean, lambda_var; NaN if a lambda is not finite */
  struct switch_group *group;
  long double *p_n, *q_n;         /* backward: sum |P|, sum |Q| over the c of each n */
  long double *p_c, *q_c;         /* over the n of each c */
  /* Backward: of the terms w_k P (mu_k - M) of dlambda_mean[k] and w'_k Q (v_k - V) of dlambda_var[k], over all (n,c): */
  long double mean_abs[3], var_abs[3];   /* sum of magnitudes */
  long double mean_norm[3], var_norm[3]; /* root of the sum of squares */
};
struct truth {
  struct truth_tensor t[SLOT_COUNT];
  struct switch_truth *sw; /* SwitchableNorm, else NULL */
  size_t groups;
  struct group_truth *group;
  size_t params;
  struct param_truth *param; /* of each entry of gamma; NULL in forward */
  void *cache; /* the judge's, per case; freed by truth_free through cache_free */
  void (*cache_free)(void *);
};

/* Fills *truth for the outputs of tc->p from its inputs. Uses all cores, unless called inside a parallel region. */
int oracle_run(const struct normative_problem *p, const struct tensors *in, struct truth *truth, struct error *e);
void truth_free(struct truth *truth);
#endif
