/* SPDX-License-Identifier: Apache-2.0
   normative-worker SPEC: hosts one kernel, a shared object or a built-in one, in a process of its own. Speaks the protocol
   of PROTOCOL.md on standard input and output; whatever the kernel prints goes to standard error. */
#include "builtin.h"
#include "casedir.h"
#include "host.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static FILE *answers; /* the former standard output */

/* A field of an answer: one line without tabs. */
static char *field(char *text)
{
  for (char *c = text; *c; ++c)
    if ((unsigned char)*c < ' ') *c = ' ';
  return text;
}

static void serve(const struct normative_plugin *plugin, const char *case_dir, const char *result_dir)
{
  struct casedir c;
  struct tensors out;
  struct host_result r;
  struct error e;
  if (casedir_read(case_dir, &c, &e)) {
    fprintf(answers, "skip\tthe case cannot be read: %s\n", field(e.text));
    return;
  }
  struct host_options options = {.threads = c.wishes.threads, .iterations = c.wishes.iterations};
  host_run(plugin, &c.p, &c.in, &out, &options, &r);
  if (r.status == HOST_OK && result_write(result_dir, &out, &e))
    fprintf(answers, "skip\tthe result cannot be written: %s\n", field(e.text));
  else if (r.status == HOST_OK && options.iterations) fprintf(answers, "ok\t%.9g\n", r.seconds);
  else if (r.status == HOST_OK) fprintf(answers, "ok\n");
  else fprintf(answers, "%s\t%s\n", r.status == HOST_SKIP ? "skip" : "fail", field(r.reason));
  tensors_free(&out);
  casedir_free(&c);
}

static void greet(const struct normative_plugin *plugin)
{
  char text[512];
  snprintf(text, sizeof text, "%s", plugin->name);
  fprintf(answers, "normative-worker 1\t%s", field(text));
  snprintf(text, sizeof text, "%s", plugin->version);
  fprintf(answers, "\t%s", field(text));
  if (plugin->preset) fprintf(answers, "\t%s", plugin->preset);
  fputc('\n', answers);
}

int main(int argc, char **argv)
{
  if (argc != 2) {
    fprintf(stderr, "usage: normative-worker KERNEL.so   (speaks the worker protocol on standard input and output)\n");
    return 2;
  }
  int fd = dup(STDOUT_FILENO), none = open("/dev/null", O_RDONLY);
  FILE *requests = fdopen(dup(STDIN_FILENO), "r"); /* a kernel that reads or prints must not get between */
  answers = fdopen(fd, "w");
  if (!answers || !requests || dup2(STDERR_FILENO, STDOUT_FILENO) < 0 || dup2(none, STDIN_FILENO) < 0) {
    perror("normative-worker");
    return 2;
  }
  setvbuf(answers, NULL, _IOLBF, 8192);
  struct error e;
  void *handle;
  const struct normative_plugin *plugin = builtin_find(argv[1]);
  if (!plugin && plugin_load(argv[1], &handle, &plugin, &e)) {
    fprintf(answers, "error\t%s\n", field(e.text));
    return 1;
  }
  host_report_faults(fd);
  greet(plugin);

  char *line = NULL;
  size_t size = 0;
  while (getline(&line, &size, requests) > 0) {
    line[strcspn(line, "\n")] = 0;
    char *tab = strchr(line, '\t');
    if (tab) *tab++ = 0;
    if (tab) serve(plugin, line, tab);
    else fprintf(answers, "skip\tthe request is not CASE_DIR<TAB>RESULT_DIR\n");
  }
  free(line);
  return 0;
}
