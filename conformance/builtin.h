/* SPDX-License-Identifier: Apache-2.0
   Kernels that are linked into the programs: the reference, the optimized library, the specimens. */
#ifndef BUILTIN_H
#define BUILTIN_H
#include "normative_plugin.h"

/* NULL if no built-in kernel has this name. */
const struct normative_plugin *builtin_find(const char *name);
/* Calls each for every name of a group ("reference", "optimized", "specimens") until one returns non-zero, which is
   returned; -1 if there is no such group. */
int builtin_group(const char *group, int (*each)(const char *name, void *arg), void *arg);
#endif
