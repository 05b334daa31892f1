/* SPDX-License-Identifier: Apache-2.0
   Which instruction-set level runs: what this CPU has, and what was asked for. */
#include "level.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* __builtin_cpu_supports asks for the operating system's support, too. */
const char *opt_level_name(enum level level)
{
  switch (level) {
  case LEVEL_PORTABLE: return "portable";
#ifdef __x86_64__
  case LEVEL_SSE2: return "sse2";
  case LEVEL_AVX2:
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c")
             ? "avx2"
             : NULL;
  case LEVEL_AVX512: return opt_level_name(LEVEL_AVX2) && __builtin_cpu_supports("avx512f") ? "avx512" : NULL;
#endif
  default: return NULL;
  }
}

#define UNDECIDED LEVEL_COUNT
static _Atomic enum level in_use = UNDECIDED;

static enum level best(void)
{
  enum level level = LEVEL_COUNT - 1;
  while (!opt_level_name(level)) level--;
  return level;
}

static enum level named(const char *name)
{
  for (enum level level = 0; level < LEVEL_COUNT; level++)
    if (opt_level_name(level) && !strcmp(opt_level_name(level), name)) return level;
  return UNDECIDED;
}

static void complain(const char *name)
{
  fprintf(stderr, "NORMATIVE_ISA=%s: not an instruction-set level of this CPU; levels are", name);
  for (enum level level = 0; level < LEVEL_COUNT; level++)
    if (opt_level_name(level)) fprintf(stderr, " %s", opt_level_name(level));
  fprintf(stderr, "; using %s\n", opt_level_name(best()));
}

/* Threads that come here at once decide the same. */
enum level opt_level(void)
{
  enum level level = atomic_load(&in_use);
  if (level != UNDECIDED) return level;
  const char *name = getenv("NORMATIVE_ISA");
  if (name && *name) {
    level = named(name);
    if (level == UNDECIDED) complain(name);
  }
  if (level == UNDECIDED) level = best();
  atomic_store(&in_use, level);
  return level;
}

int opt_set_level(enum level level)
{
  if (!opt_level_name(level)) return -1;
  atomic_store(&in_use, level);
  return 0;
}
