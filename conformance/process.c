/* SPDX-License-Identifier: Apache-2.0
   Starting, hearing and ending a child process. */
#define _GNU_SOURCE
#include "process.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TICK_S 0.02 /* how often memory is looked at */

extern char **environ;

static double now(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- start ---- */

/* The environment with OMP_NUM_THREADS replaced; the strings are borrowed. */
static char **environment(char *setting)
{
  size_t n = 0, kept = 0;
  while (environ[n]) ++n;
  char **copy = malloc((n + 2) * sizeof *copy);
  for (size_t k = 0; copy && k < n; ++k)
    if (strncmp(environ[k], "OMP_NUM_THREADS=", 16)) copy[kept++] = environ[k];
  if (copy) {
    copy[kept++] = setting;
    copy[kept] = NULL;
  }
  return copy;
}

/* A process group of its own, so that it dies with its children; signals as a program expects to find them. */
static int spawn(pid_t *pid, char *const argv[], char **env, const int child[3])
{
  posix_spawn_file_actions_t files;
  posix_spawnattr_t how;
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawn_file_actions_init(&files);
  posix_spawnattr_init(&how);
  for (int k = 0; k < 3; ++k) posix_spawn_file_actions_adddup2(&files, child[k], k);
  posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  posix_spawnattr_setpgroup(&how, 0);
  posix_spawnattr_setsigmask(&how, &none);
  posix_spawnattr_setsigdefault(&how, &all);
  int code = posix_spawnp(pid, argv[0], &files, &how, argv, env);
  posix_spawnattr_destroy(&how);
  posix_spawn_file_actions_destroy(&files);
  return code;
}

static void close_pair(int pair[2])
{
  if (pair[0] >= 0) close(pair[0]);
  if (pair[1] >= 0) close(pair[1]);
}

int process_start(struct process *p, char *const argv[], int threads, struct error *e)
{
  int in[2] = {-1, -1}, out[2] = {-1, -1}, err[2] = {-1, -1}, code;
  char setting[40];
  snprintf(setting, sizeof setting, "OMP_NUM_THREADS=%d", threads);
  memset(p, 0, sizeof *p);
  char **env = environment(setting);
  if (!env || pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC)) code = env ? errno : ENOMEM;
  else code = spawn(&p->pid, argv, env, (int[3]){in[0], out[1], err[1]});
  free(env);
  if (code) {
    close_pair(in);
    close_pair(out);
    close_pair(err);
    p->pid = 0;
    return fail(e, "cannot start %s: %s", argv[0], strerror(code));
  }
  close(in[0]);
  close(out[1]);
  close(err[1]);
  p->in = in[1];
  p->out = out[0];
  p->err = err[0];
  fcntl(p->in, F_SETFL, O_NONBLOCK);
  fcntl(p->out, F_SETFL, O_NONBLOCK);
  fcntl(p->err, F_SETFL, O_NONBLOCK);
  struct rlimit no_core = {0, 0};
  prlimit(p->pid, RLIMIT_CORE, &no_core, NULL);
  return 0;
}

/* ---- say ---- */

/* write() to a process that may be gone, without the SIGPIPE that would end us. */
static ssize_t write_quietly(int fd, const void *data, size_t size)
{
  sigset_t pipe_signal, before, pending;
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
  ssize_t n = write(fd, data, size);
  int why = errno;
  if (n < 0 && why == EPIPE && !sigpending(&pending) && sigismember(&pending, SIGPIPE))
    sigtimedwait(&pipe_signal, NULL, &(struct timespec){0});
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  errno = why;
  return n;
}

void process_say(struct process *p, const char *line, double timeout_s)
{
  size_t length = strlen(line), sent = 0;
  double deadline = now() + timeout_s;
  while (sent < length && now() < deadline) {
    ssize_t n = write_quietly(p->in, line + sent, length - sent);
    if (n > 0) sent += (size_t)n;
    else if (errno == EAGAIN) poll(&(struct pollfd){p->in, POLLOUT, 0}, 1, 20);
    else if (errno != EINTR) return;
  }
}

/* ---- hear ---- */

/* Keeps the last line of what comes on standard error. */
static void keep_said(struct process *p, const char *text, size_t n)
{
  size_t length = strlen(p->part);
  for (size_t k = 0; k < n; ++k) {
    if (text[k] == '\n') {
      if (length) memcpy(p->said, p->part, sizeof p->said);
      length = 0;
    } else if (length + 1 < sizeof p->part) p->part[length++] = text[k] < ' ' || text[k] > '~' ? ' ' : text[k];
    p->part[length] = 0;
  }
}

static void drain_err(struct process *p)
{
  char text[4096];
  ssize_t n;
  for (int k = 0; k < 16 && p->err >= 0 && (n = read(p->err, text, sizeof text)) >= 0; ++k) { /* an endless flood: later */
    if (n > 0) {
      keep_said(p, text, (size_t)n);
      continue;
    }
    close(p->err);
    p->err = -1;
  }
}

/* Reads what is there, as far as there is room. */
static void drain_out(struct process *p)
{
  while (p->out >= 0 && p->used < sizeof p->buffer) {
    ssize_t n = read(p->out, p->buffer + p->used, sizeof p->buffer - p->used);
    if (n > 0) {
      p->used += (size_t)n;
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    close(p->out);
    p->out = -1;
  }
}

static void take(struct process *p, char *line, size_t length)
{
  for (size_t k = 0; k < length; ++k) line[k] = p->buffer[k] ? p->buffer[k] : '?';
  line[length] = 0;
  p->used -= length + 1;
  memmove(p->buffer, p->buffer + length + 1, p->used);
}

/* Has it ended? It is not reaped yet, so that its number and its group's are not given to another. */
static bool is_gone(struct process *p)
{
  siginfo_t info = {0};
  return !waitid(P_PID, (id_t)p->pid, &info, WEXITED | WNOHANG | WNOWAIT) && info.si_pid == p->pid;
}

/* Resident bytes of a process and its descendants. */
static size_t memory_of(pid_t pid, int depth)
{
  char path[64];
  size_t pages = 0, total = 0;
  snprintf(path, sizeof path, "/proc/%ld/statm", (long)pid);
  FILE *f = fopen(path, "re");
  if (!f) return 0;
  if (fscanf(f, "%*s %zu", &pages) == 1) total = pages * (size_t)sysconf(_SC_PAGESIZE);
  fclose(f);
  snprintf(path, sizeof path, "/proc/%ld/task/%ld/children", (long)pid, (long)pid);
  f = depth < 8 ? fopen(path, "re") : NULL;
  for (long child; f && fscanf(f, "%ld", &child) == 1;) total += memory_of((pid_t)child, depth + 1);
  if (f) fclose(f);
  return total;
}

/* Waits until something may have come, a tick at most. */
static void wait_a_tick(struct process *p, double left)
{
  struct pollfd fds[2];
  nfds_t n = 0;
  if (p->out >= 0) fds[n++] = (struct pollfd){p->out, POLLIN, 0};
  if (p->err >= 0) fds[n++] = (struct pollfd){p->err, POLLIN, 0};
  double s = left < TICK_S ? left : TICK_S;
  poll(fds, n, s > 0 ? (int)(1000 * s) + 1 : 0);
}

enum said process_hear(struct process *p, char *line, double timeout_s, size_t memory_bytes)
{
  double start = now(), looked = start;
  for (;;) {
    bool gone = p->out < 0 || (now() - looked > TICK_S && is_gone(p)); /* asked before the last reading of its words */
    drain_err(p);
    drain_out(p);
    char *end = memchr(p->buffer, '\n', p->used);
    if (end) {
      take(p, line, (size_t)(end - p->buffer));
      return SAID_LINE;
    }
    if (p->used == sizeof p->buffer) {
      take(p, line, sizeof p->buffer - 1);
      return SAID_TOO_LONG;
    }
    if (gone || p->out < 0) return SAID_END;
    double t = now();
    if (t - start > timeout_s) return SAID_TIMEOUT;
    if (memory_bytes && t - looked > TICK_S) {
      looked = t;
      if (memory_of(p->pid, 0) > memory_bytes) return SAID_MEMORY;
    }
    wait_a_tick(p, timeout_s - (t - start));
  }
}

bool process_has_said(struct process *p)
{
  drain_out(p);
  return p->used > 0;
}

/* ---- stop ---- */

static void describe_end(int status, char *how, size_t size)
{
  int code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
  int number = WIFSIGNALED(status) ? WTERMSIG(status) : code > 128 && code < 128 + NSIG ? code - 128 : 0; /* a shell's way */
  const char *name = number ? sigabbrev_np(number) : NULL;
  if (name) snprintf(how, size, "killed by SIG%s", name);
  else if (number) snprintf(how, size, "killed by signal %d", number);
  else snprintf(how, size, "exited with status %d", code);
}

void process_stop(struct process *p, char *how, size_t size)
{
  if (size) *how = 0;
  if (!p->pid) return;
  close(p->in);
  /* one that has closed its output is about to end, and how it does so is worth a moment */
  for (int k = 0; p->out < 0 && k < 100 && !is_gone(p); ++k) {
    drain_err(p);
    usleep(5000);
  }
  bool by_itself = is_gone(p);
  int status = 0;
  kill(-p->pid, SIGKILL);
  while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR) continue;
  if (by_itself && size) describe_end(status, how, size);
  drain_err(p);
  if (p->part[0] && (by_itself || !p->said[0])) memcpy(p->said, p->part, sizeof p->said); /* a last word without its end */
  if (p->out >= 0) close(p->out);
  if (p->err >= 0) close(p->err);
  p->pid = 0;
}
