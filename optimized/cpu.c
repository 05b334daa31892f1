/* SPDX-License-Identifier: Apache-2.0
   Which instruction-set level runs: what this CPU has, and what was asked for. */
#include "kernels.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct kernels opt_kernels_portable;
#ifdef __x86_64__
extern const struct kernels opt_kernels_sse2, opt_kernels_avx2, opt_kernels_avx512;
#endif

/* __builtin_cpu_supports asks for the operating system's support, too. */
const struct kernels *opt_level(enum level level)
{
  switch (level) {
  case LEVEL_PORTABLE: return &opt_kernels_portable;
#ifdef __x86_64__
  case LEVEL_SSE2: return &opt_kernels_sse2;
  case LEVEL_AVX2: return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &opt_kernels_avx2 : NULL;
  case LEVEL_AVX512:
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("fma") ? &opt_kernels_avx512 : NULL;
#endif
  default: return NULL;
  }
}

static const struct kernels *_Atomic in_use; /* NULL: not decided yet */

static const struct kernels *best(void)
{
  enum level level = LEVEL_COUNT - 1;
  while (!opt_level(level)) level--;
  return opt_level(level);
}

static const struct kernels *named(const char *name)
{
  for (enum level level = 0; level < LEVEL_COUNT; level++)
    if (opt_level(level) && !strcmp(opt_level(level)->name, name)) return opt_level(level);
  return NULL;
}

static void complain(const char *name)
{
  fprintf(stderr, "NORMATIVE_ISA=%s: not an instruction-set level of this CPU; levels are", name);
  for (enum level level = 0; level < LEVEL_COUNT; level++)
    if (opt_level(level)) fprintf(stderr, " %s", opt_level(level)->name);
  fprintf(stderr, "; using %s\n", best()->name);
}

/* Threads that come here at once decide the same. */
const struct kernels *opt_kernels(void)
{
  const struct kernels *k = atomic_load(&in_use);
  if (k) return k;
  const char *name = getenv("NORMATIVE_ISA");
  if (name && *name) {
    k = named(name);
    if (!k) complain(name);
  }
  if (!k) k = best();
  atomic_store(&in_use, k);
  return k;
}

int opt_set_level(enum level level)
{
  const struct kernels *k = opt_level(level);
  if (!k) return -1;
  atomic_store(&in_use, k);
  return 0;
}
