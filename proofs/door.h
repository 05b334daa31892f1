/* SPDX-License-Identifier: Apache-2.0
   What the doors promise: of sizes, and of how running statistics are taken. */
#ifndef PROOFS_DOOR_H
#define PROOFS_DOOR_H
#include "sizes.h"
#include "running.h"
#endif
