/* SPDX-License-Identifier: Apache-2.0
   Live directories and the clean-up that nothing escapes, a signal included. */
#define _GNU_SOURCE
#include "scratch.h"
#include <errno.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define GROUPS_MAX 1024
static char base[SCRATCH_PATH - 64];
static pid_t owner; /* a forked child must not clean up */
static _Atomic pid_t groups[GROUPS_MAX];
static atomic_int next_number;

void scratch_watch(pid_t group)
{
  for (int k = 0; k < GROUPS_MAX; ++k) {
    pid_t none = 0;
    if (atomic_compare_exchange_strong(&groups[k], &none, group)) return;
  }
}

void scratch_unwatch(pid_t group)
{
  for (int k = 0; k < GROUPS_MAX; ++k) {
    pid_t mine = group;
    if (atomic_compare_exchange_strong(&groups[k], &mine, 0)) return;
  }
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
  (void)st, (void)kind, (void)where;
  remove(path);
  return 0;
}

void scratch_remove(const char *dir)
{
  if (*dir) nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void kill_groups(void)
{
  for (int k = 0; k < GROUPS_MAX; ++k)
    if (groups[k]) kill(-groups[k], SIGKILL);
}

static void at_exit(void)
{
  if (getpid() != owner) return;
  kill_groups();
  scratch_remove(base);
}

/* Only what a signal handler may call: rm does the removing. */
static void at_signal(int number)
{
  if (getpid() == owner) {
    kill_groups();
    pid_t child = _Fork();
    if (!child) {
      execl("/bin/rm", "rm", "-rf", "--", base, (char *)NULL);
      _exit(1);
    }
    while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR) continue;
  }
  signal(number, SIG_DFL);
  raise(number);
}

static void catch_signals(void)
{
  static const int fatal[] = {SIGINT, SIGTERM, SIGHUP};
  for (size_t k = 0; k < sizeof fatal / sizeof *fatal; ++k) {
    struct sigaction old, action = {.sa_handler = at_signal, .sa_flags = SA_NODEFER};
    if (!sigaction(fatal[k], NULL, &old) && old.sa_handler == SIG_DFL) sigaction(fatal[k], &action, NULL);
  }
}

/* The place: roomy memory if there is any. */
static const char *place(void)
{
  struct statvfs shm;
  const char *chosen = getenv("NORMATIVE_SCRATCH"), *temporary = getenv("TMPDIR");
  if (chosen && *chosen) return chosen;
  if (!statvfs("/dev/shm", &shm) && shm.f_bavail * (unsigned long long)shm.f_frsize >> 30 && !access("/dev/shm", W_OK | X_OK))
    return "/dev/shm";
  return temporary && *temporary ? temporary : "/tmp";
}

static int make_base(struct error *e)
{
  char path[sizeof base];
  const char *root = place();
  if (snprintf(path, sizeof path, "%s/normative-%ld-XXXXXX", root, (long)getpid()) >= (int)sizeof path)
    return fail(e, "%.100s...: path too long", root);
  if (!mkdtemp(path)) return fail(e, "%s: no directory for live cases can be made there: %s", root, strerror(errno));
  memcpy(base, path, sizeof base);
  if (!owner) atexit(at_exit);
  owner = getpid();
  catch_signals();
  return 0;
}

int scratch_make(char out[SCRATCH_PATH], const char *kind, struct error *e)
{
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&lock);
  int bad = owner == getpid() ? 0 : make_base(e);
  pthread_mutex_unlock(&lock);
  *out = 0;
  if (bad) return -1;
  char path[SCRATCH_PATH];
  snprintf(path, sizeof path, "%s/%s%d", base, kind, atomic_fetch_add(&next_number, 1));
  if (mkdir(path, 0700)) return fail(e, "%s: cannot be made: %s", path, strerror(errno));
  memcpy(out, path, sizeof path);
  return 0;
}
