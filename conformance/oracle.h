/* SPDX-License-Identifier: Apache-2.0
   The oracle: what a case's outputs are exactly, in MPFR. Sums and sums of squares inside a group are exact. Each output
   element is known to within 2^-150 of itself and rounded to nearest even in its own type; ties and zeros are decided
   algebraically; what the cap leaves open is marked, never guessed. Shares no code with reference/ or optimized/. */
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
  long double max_abs;      /* max|x| of the group; evaluation: of the channel */
  long double kappa;        /* |mu|/sigma */
  bool finite;              /* every x of the group is finite (evaluation: the running statistics are) */
};
struct truth {
  struct truth_tensor t[SLOT_COUNT];
  size_t groups;
  struct group_truth *group;
  void *cache; /* the judge's, per case; freed by truth_free through cache_free */
  void (*cache_free)(void *);
};

/* Fills *truth for the outputs of tc->p from its inputs. Uses all cores, unless called inside a parallel region. */
int oracle_run(const struct normative_problem *p, const struct tensors *in, struct truth *truth, struct error *e);
void truth_free(struct truth *truth);
#endif
