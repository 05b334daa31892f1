/* SPDX-License-Identifier: Apache-2.0
   What the doors promise about sizes. */
#ifndef PROOFS_DOOR_H
#define PROOFS_DOOR_H
#include "index.h"
#define MAX 0x0fffffffffffffff     /* NORMATIVE_MAX_TENSOR */
#define MAX_GROUP 0x40000000       /* NORMATIVE_MAX_GROUP */
/*@ predicate MatrixFits(integer rows, integer cols) = cols <= MAX_GROUP && At(0,rows,cols) <= MAX; */
#endif
