/* SPDX-License-Identifier: Apache-2.0
   What fits into memory and into a group. */
#ifndef PROOFS_SIZES_H
#define PROOFS_SIZES_H
#include "index.h"
#define MAX 0x0fffffffffffffff /* NORMATIVE_MAX_TENSOR */
#define MAX_GROUP 0x40000000   /* NORMATIVE_MAX_GROUP */
/*@ predicate MatrixFits(integer rows, integer cols) = cols <= MAX_GROUP && At(0,rows,cols) <= MAX; */
/*@ logic integer Volume(integer n, integer c, integer s) = At(0,At(0,n,s),c); */
/*@ predicate TensorFits(integer n, integer c, integer s) = At(0,n,s) <= MAX_GROUP && Volume(n,c,s) <= MAX; */
#endif
