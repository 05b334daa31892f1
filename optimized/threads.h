/* SPDX-License-Identifier: Apache-2.0
   Threads, in one place. */
#ifndef NORMATIVE_THREADS_H
#define NORMATIVE_THREADS_H
#include <stddef.h>

/* How many threads to use for so many elements, `threads` (0: all) at most. */
int opt_threads(int threads, size_t elements);

/* each(arg, 0) to each(arg, count - 1), in any order, shared by so many threads. Which thread has which must not show
   in any bit: a call writes only what is its own. */
void opt_parallel(size_t count, int threads, void (*each)(void *arg, size_t i), void *arg);

/* The same; each call is also told which of the threads, from 0 on, makes it, for scratch memory of its own. */
void opt_parallel_workers(size_t count, int threads, void (*each)(void *arg, size_t i, size_t worker), void *arg);
#endif
