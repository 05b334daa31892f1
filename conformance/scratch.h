/* SPDX-License-Identifier: Apache-2.0
   Directories for live cases and results: below one directory per process, in memory where that is large enough
   (NORMATIVE_SCRATCH if set, else /dev/shm with 1 GiB free, else TMPDIR, else /tmp). Removed at exit and on SIGINT,
   SIGTERM and SIGHUP, together with every worker process still alive. */
#ifndef SCRATCH_H
#define SCRATCH_H
#include "error.h"
#include <sys/types.h>

#define SCRATCH_PATH 256
/* A new, empty directory. Callable from any thread. */
int scratch_make(char out[SCRATCH_PATH], const char *kind, struct error *e);
/* Removes a directory and all that is in it; "" is ignored. */
void scratch_remove(const char *dir);

/* Process groups that must not outlive this process. */
void scratch_watch(pid_t group);
void scratch_unwatch(pid_t group);
#endif
