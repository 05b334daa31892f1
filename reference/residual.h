/* SPDX-License-Identifier: Apache-2.0
   The doors of LayerNorm and RMSNorm of x + residual. */
#ifndef NORMATIVE_RESIDUAL_H
#define NORMATIVE_RESIDUAL_H
#include "door.h"

/* mean is NULL for RMSNorm. y or sum may be x or residual. */
/*@ assigns \nothing;
    ensures eps: \result == NORMATIVE_OK ==> 0 <= eps;
    ensures size: \result == NORMATIVE_OK ==> MatrixFits(rows,cols); */
normative_status door_residual(const void *y, const void *sum, const double *mean, const double *rstd, const void *x,
                               const void *residual, const void *gamma, const void *beta, size_t rows, size_t cols,
                               double eps, const double *work, size_t work_size, size_t size, size_t param_size);
#endif
