/* SPDX-License-Identifier: Apache-2.0
   What the proof of reference/core.c needs beside the definitions. */
#ifndef PROOFS_CORE_H
#define PROOFS_CORE_H
#include "recentre.h"
#endif
