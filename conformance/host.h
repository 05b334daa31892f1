/* SPDX-License-Identifier: Apache-2.0
   Runs a plug-in on a case inside guarded buffers: inputs read-only copies, outputs filled with a pattern, canaries
   around each and an inaccessible page behind. Used by the worker process, and directly for --in-process. */
#ifndef HOST_H
#define HOST_H
#include "normative_plugin.h"
#include "tensors.h"

enum host_status { HOST_OK, HOST_SKIP, HOST_FAIL };
struct host_options { int threads; int iterations; /* 0: no timing */ };
struct host_result { enum host_status status; char reason[256]; double seconds; /* per run, if timed: the median */ };

/* out gets the outputs that the plug-in declares and the problem has, each allocated. */
void host_run(const struct normative_plugin *plugin, const struct normative_problem *p, const struct tensors *in,
              struct tensors *out, const struct host_options *options, struct host_result *r);

/* For a worker process: a fault at a guarded buffer first says on fd "fault<TAB>what the kernel did<NEWLINE>". Then, as after
   any fault, the process dies. */
void host_report_faults(int fd);

/* Loads a shared object and checks its ABI. *handle is for dlclose. */
int plugin_load(const char *path, void **handle, const struct normative_plugin **plugin, struct error *e);
#endif
