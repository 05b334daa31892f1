/* SPDX-License-Identifier: Apache-2.0
   The instruction-set levels, plainest first (levels.mk). */
#ifndef NORMATIVE_LEVEL_H
#define NORMATIVE_LEVEL_H

enum level { LEVEL_PORTABLE, LEVEL_SSE2, LEVEL_AVX2, LEVEL_AVX512, LEVEL_COUNT };

/* A level's name; NULL if this CPU or this build does not have it. */
const char *opt_level_name(enum level level);
/* The level in use: the best one, or the one that the environment's NORMATIVE_ISA or opt_set_level names. */
enum level opt_level(void);
/* -1, and no change, if there is no such level. */
int opt_set_level(enum level level);
#endif
