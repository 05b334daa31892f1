/* SPDX-License-Identifier: Apache-2.0
   Threads by OpenMP. */
#include "threads.h"

#include <omp.h>

#define WORTH_A_THREAD 8192 /* elements: some 10 us, what waking one costs */
#define THREADS_MAX 1024    /* OpenMP ends the process where it cannot start as many as it is asked for */

int opt_threads(int threads, size_t elements)
{
  size_t useful = elements / WORTH_A_THREAD + 1;
  if (threads <= 0) threads = omp_get_max_threads();
  if (threads > THREADS_MAX) threads = THREADS_MAX;
  return useful < (size_t)threads ? (int)useful : threads;
}

void opt_parallel(size_t count, int threads, void (*each)(void *arg, size_t i), void *arg)
{
  if (threads <= 1 || count <= 1) {
    for (size_t i = 0; i < count; i++) each(arg, i);
    return;
  }
#pragma omp parallel for num_threads(threads) schedule(static)
  for (size_t i = 0; i < count; i++) each(arg, i);
}

void opt_parallel_workers(size_t count, int threads, void (*each)(void *arg, size_t i, size_t worker), void *arg)
{
  if (threads <= 1 || count <= 1) {
    for (size_t i = 0; i < count; i++) each(arg, i, 0);
    return;
  }
#pragma omp parallel num_threads(threads)
  {
    const size_t worker = (size_t)omp_get_thread_num();
#pragma omp for schedule(static)
    for (size_t i = 0; i < count; i++) each(arg, i, worker);
  }
}
