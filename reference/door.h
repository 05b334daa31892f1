/* SPDX-License-Identifier: Apache-2.0
   The doors: what every entry of both libraries tests of its arguments before it writes anything.

   Statuses are decided in the order of their enumeration: E_NULL, E_EPS, E_MOMENTUM, E_ARGUMENT, E_GROUPS, E_SIZE,
   E_OVERLAP, E_VARIANCE, E_EMPTY, E_MEMORY; the first that holds is the answer. In detail:
     E_NULL     x, y, dy, residual, lambdas, work, and evaluation's running statistics, unless a size is 0; one running
                statistic without the other, mean without rstd or rstd without mean (backward)
     E_MOMENTUM, E_ARGUMENT   also where no running statistics are given; running statistics beside 2 lambdas
     E_SIZE     a group of more than NORMATIVE_MAX_GROUP elements (SwitchableNorm: a sample or a channel too), a tensor
                of more than NORMATIVE_MAX_TENSOR, or of a fourth of it where groups share parameters across samples
     E_OVERLAP  byte ranges, of every output and of work against every other argument, unless a size is 0; y == x,
                dx == dy, and with a residual y or sum == x or residual pass
   NORMATIVE_OK with a size of 0 means: there is nothing to do. Validity of pointers is the caller's obligation.

   size is the bytes of an element of x and y, param_size of gamma and beta. Outputs come first. work and work_size (in
   doubles) are the scratch memory; NULL and 0 for a library that has none. Below the doors of LayerNorm, RMSNorm and
   BatchNorm; those of every other norm are in its own header. */
#ifndef NORMATIVE_DOOR_H
#define NORMATIVE_DOOR_H
#include <stdint.h>
#include "normative.h"

#define NORMATIVE_MAX_GROUP ((size_t)1 << 30)
#define NORMATIVE_MAX_TENSOR (SIZE_MAX >> 4) /* 16 bytes an element still have an address */
#ifdef __FRAMAC__
#include "../proofs/door.h"
#endif

/*@ assigns \nothing;
    ensures eps: \result == NORMATIVE_OK ==> 0 <= eps;
    ensures size: \result == NORMATIVE_OK ==> MatrixFits(rows,cols); */
normative_status door_layernorm(const void *y, const double *mean, const double *rstd, const void *x, const void *gamma,
                                const void *beta, size_t rows, size_t cols, double eps, const double *work,
                                size_t work_size, size_t size, size_t param_size);

/*@ assigns \nothing;
    ensures eps: \result == NORMATIVE_OK ==> 0 <= eps;
    ensures size: \result == NORMATIVE_OK ==> MatrixFits(rows,cols); */
normative_status door_rmsnorm(const void *y, const double *rstd, const void *x, const void *gamma, const void *beta,
                              size_t rows, size_t cols, double eps, const double *work, size_t work_size, size_t size,
                              size_t param_size);

/*@ assigns \nothing;
    ensures eps: \result == NORMATIVE_OK ==> 0 <= eps;
    ensures size: \result == NORMATIVE_OK ==> TensorFits(n,c,s);
    ensures rule: \result == NORMATIVE_OK ==> RuleFits(momentum,rule);
    ensures pair: \result == NORMATIVE_OK ==> (running_mean == \null <==> running_var == \null);
    ensures estimator: \result == NORMATIVE_OK ==> running_mean != \null ==> 0 < n ==> 0 < s ==> 0 < c ==>
      EstimatorFits(At(0,n,s),estimator); */
normative_status door_batchnorm(const void *y, const double *mean, const double *rstd, const double *running_mean,
                                const double *running_var, const void *x, const void *gamma, const void *beta, size_t n,
                                size_t c, size_t s, normative_layout layout, double eps, double momentum,
                                normative_momentum rule, normative_estimator estimator, const double *work,
                                size_t work_size, size_t size, size_t param_size);

/*@ assigns \nothing;
    ensures eps: \result == NORMATIVE_OK ==> 0 <= eps;
    ensures size: \result == NORMATIVE_OK ==> TensorFits(n,c,s); */
normative_status door_batchnorm_eval(const void *y, const void *x, const void *gamma, const void *beta,
                                     const double *running_mean, const double *running_var, size_t n, size_t c, size_t s,
                                     normative_layout layout, double eps, const double *work, size_t work_size,
                                     size_t size, size_t param_size);

/*@ assigns \nothing;
    ensures eps: \result == NORMATIVE_OK ==> 0 <= eps;
    ensures size: \result == NORMATIVE_OK ==> MatrixFits(rows,cols);
    ensures pair: \result == NORMATIVE_OK ==> (mean == \null <==> rstd == \null); */
normative_status door_layernorm_backward(const void *dx, const void *dgamma, const void *dbeta, const void *dy,
                                         const void *x, const void *gamma, const double *mean, const double *rstd,
                                         size_t rows, size_t cols, double eps, const double *work, size_t work_size,
                                         size_t size, size_t param_size);

/*@ assigns \nothing;
    ensures eps: \result == NORMATIVE_OK ==> 0 <= eps;
    ensures size: \result == NORMATIVE_OK ==> MatrixFits(rows,cols); */
normative_status door_rmsnorm_backward(const void *dx, const void *dgamma, const void *dbeta, const void *dy,
                                       const void *x, const void *gamma, const double *rstd, size_t rows, size_t cols,
                                       double eps, const double *work, size_t work_size, size_t size, size_t param_size);

/*@ assigns \nothing;
    ensures eps: \result == NORMATIVE_OK ==> 0 <= eps;
    ensures size: \result == NORMATIVE_OK ==> TensorFits(n,c,s);
    ensures pair: \result == NORMATIVE_OK ==> (mean == \null <==> rstd == \null); */
normative_status door_batchnorm_backward(const void *dx, const void *dgamma, const void *dbeta, const void *dy,
                                         const void *x, const void *gamma, const double *mean, const double *rstd,
                                         size_t n, size_t c, size_t s, normative_layout layout, double eps,
                                         const double *work, size_t work_size, size_t size, size_t param_size);

/*@ assigns \nothing;
    ensures eps: \result == NORMATIVE_OK ==> 0 <= eps;
    ensures size: \result == NORMATIVE_OK ==> TensorFits(n,c,s); */
normative_status door_batchnorm_eval_backward(const void *dx, const void *dgamma, const void *dbeta, const void *dy,
                                              const void *x, const void *gamma, const double *running_mean,
                                              const double *running_var, size_t n, size_t c, size_t s,
                                              normative_layout layout, double eps, const double *work, size_t work_size,
                                              size_t size, size_t param_size);
#endif
