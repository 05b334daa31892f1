/* SPDX-License-Identifier: Apache-2.0
   A child process that is spoken to in lines, with limits on time and memory. Nothing it does, short of leaving its
   process group, can hang or harm its parent. */
#ifndef PROCESS_H
#define PROCESS_H
#include "error.h"
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define LINE_LENGTH 4096
struct process {
  pid_t pid;             /* 0: not running */
  int in, out, err;      /* our ends of its standard streams; -1: closed */
  char buffer[LINE_LENGTH];
  size_t used;           /* bytes of buffer that were read and not yet taken */
  char said[160];        /* the last line on its standard error */
  char part[160];        /* and the one that has not ended */
};

enum said { SAID_LINE, SAID_TOO_LONG, SAID_END, SAID_TIMEOUT, SAID_MEMORY };

/* Starts argv[0], searched for in PATH, as leader of its own process group, with OMP_NUM_THREADS=threads. */
int process_start(struct process *p, char *const argv[], int threads, struct error *e);
/* Sends a line. A process that is gone is no error here: it shows at the next process_hear. */
void process_say(struct process *p, const char *line, double timeout_s);
/* The next line, without its end, in `line` of LINE_LENGTH bytes. A memory limit of 0 means none. */
enum said process_hear(struct process *p, char *line, double timeout_s, size_t memory_bytes);
/* Has it said anything that process_hear did not yet take? */
bool process_has_said(struct process *p);
/* Kills the group, reaps, closes. How it ended by itself, if it did: "killed by SIGSEGV", "exited with status 3"; else "". */
void process_stop(struct process *p, char *how, size_t size);
#endif
