/* SPDX-License-Identifier: Apache-2.0
   One .npy file, as numpy.lib.format describes it: magic, version, a header that is a Python dict, the elements in C
   order. Read strictly: what a header says is checked against the file's size before anything is allocated. */
#include "casedir.h"
#include "npy.h"
#include "problem.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER_MAX 65536

static const char *descr_of(enum normative_type type)
{
  switch (type) {
  case NORMATIVE_F32: return "<f4";
  case NORMATIVE_F64: return "<f8";
  case NORMATIVE_F16: return "<f2";
  default: return "<u2"; /* numpy has no bf16: its bits */
  }
}

static void shape_text(char out[256], int ndim, const size_t *dims)
{
  size_t used = (size_t)snprintf(out, 256, "(");
  for (int d = 0; d < ndim; ++d)
    used += (size_t)snprintf(out + used, 256 - used, d ? ", %zu" : "%zu", dims[d]);
  snprintf(out + used, 256 - used, ndim == 1 ? ",)" : ")");
}

/* ---- writing ---- */

int npy_store(const char *path, const char *as, const struct tensor *t, struct error *e)
{
  char shape[256], header[512];
  shape_text(shape, t->ndim, t->dims);
  int length = 10 + snprintf(header + 10, sizeof header - 10, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }",
                             descr_of(t->type), shape);
  while (length % 64 != 63) header[length++] = ' '; /* the elements start at a multiple of 64 */
  header[length++] = '\n';
  memcpy(header, "\x93NUMPY\1\0", 8);
  header[8] = (char)((length - 10) & 255);
  header[9] = (char)((length - 10) >> 8);

  FILE *f = fopen(path, "wbe");
  if (!f) return fail(e, "%s: cannot be written: %s", as, strerror(errno));
  size_t bytes = t->count * type_size(t->type);
  bool bad = fwrite(header, 1, (size_t)length, f) != (size_t)length || fwrite(t->data, 1, bytes, f) != bytes;
  int why = errno;
  if (fclose(f) && !bad) { /* a full disk may show only now */
    bad = true;
    why = errno;
  }
  if (!bad) return 0;
  unlink(path);
  return fail(e, "%s: cannot be written: %s", as, strerror(why));
}

int npy_write(const char *path, const struct tensor *t, struct error *e)
{
  char part[4096];
  if (snprintf(part, sizeof part, "%s.part", path) >= (int)sizeof part) return fail(e, "%.200s...: path too long", path);
  if (npy_store(part, path, t, e)) return -1;
  if (!rename(part, path)) return 0;
  fail(e, "%s: cannot be written: %s", path, strerror(errno));
  unlink(part);
  return -1;
}

/* ---- reading ---- */

struct scan { const char *at; const char *path; struct error *e; };

static int malformed(struct scan *s, const char *what)
{
  return fail(s->e, "%s: its .npy header is malformed: %s", s->path, what);
}
static void blanks(struct scan *s) { while (isspace((unsigned char)*s->at)) ++s->at; }
static bool eat(struct scan *s, char c)
{
  blanks(s);
  if (*s->at != c) return false;
  ++s->at;
  return true;
}

static int scan_string(struct scan *s, char *out, size_t size)
{
  blanks(s);
  char quote = *s->at;
  if (quote != '\'' && quote != '"') return malformed(s, "a string was expected");
  const char *end = strchr(++s->at, quote);
  if (!end || (size_t)(end - s->at) >= size) return malformed(s, "a string does not end");
  memcpy(out, s->at, (size_t)(end - s->at));
  out[end - s->at] = 0;
  s->at = end + 1;
  return 0;
}

static int scan_shape(struct scan *s, struct npy_header *h)
{
  if (!eat(s, '(')) return malformed(s, "'shape' is no tuple");
  for (h->ndim = 0; !eat(s, ')');) {
    if (h->ndim == 8) return fail(s->e, "%s: has more than 8 dimensions", s->path);
    if (*s->at == '-') return fail(s->e, "%s: its shape has a negative size", s->path);
    if (!isdigit((unsigned char)*s->at)) return malformed(s, "'shape' has something that is no size");
    char *end;
    errno = 0;
    h->dims[h->ndim++] = strtoull(s->at, &end, 10);
    if (errno) return fail(s->e, "%s: its shape has a size beyond 2^64", s->path);
    s->at = end;
    if (!eat(s, ',') && *s->at != ')') return malformed(s, "'shape' does not end");
  }
  return 0;
}

/* {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }, keys in any order */
static int scan_dict(struct scan *s, struct npy_header *h)
{
  char key[32];
  unsigned seen = 0;
  if (!eat(s, '{')) return malformed(s, "no dict");
  while (!eat(s, '}')) {
    if (scan_string(s, key, sizeof key)) return -1;
    if (!eat(s, ':')) return malformed(s, "no ':' after a key");
    blanks(s);
    if (!strcmp(key, "descr")) {
      seen |= 1;
      if (*s->at == '[') return fail(s->e, "%s: has records (a structured dtype), wanted plain numbers", s->path);
      if (scan_string(s, h->descr, sizeof h->descr)) return -1;
    } else if (!strcmp(key, "fortran_order")) {
      seen |= 2;
      h->fortran = !strncmp(s->at, "True", 4);
      if (!h->fortran && strncmp(s->at, "False", 5)) return malformed(s, "'fortran_order' is neither True nor False");
      s->at += h->fortran ? 4 : 5;
    } else if (!strcmp(key, "shape")) {
      seen |= 4;
      if (scan_shape(s, h)) return -1;
    } else return malformed(s, "an unknown key");
    if (!eat(s, ',') && *s->at != '}') return malformed(s, "the dict does not end");
  }
  return seen == 7 ? 0 : malformed(s, "'descr', 'fortran_order' or 'shape' is missing");
}

static int header_bytes(int fd, const char *path, unsigned char *start, char *text, size_t *length, struct error *e)
{
  ssize_t got = pread(fd, start, 12, 0);
  if (got < 0) return fail(e, "%s: cannot be read: %s", path, strerror(errno));
  if (got < 6 || memcmp(start, "\x93NUMPY", 6)) return fail(e, "%s: is no .npy file", path);
  if (got < 12) return fail(e, "%s: is truncated inside its header", path);
  if (start[6] < 1 || start[6] > 3) return fail(e, "%s: .npy format version %d, wanted 1 to 3", path, start[6]);
  size_t from = start[6] == 1 ? 10 : 12, n = start[8] | (size_t)start[9] << 8;
  if (start[6] > 1) n |= (size_t)start[10] << 16 | (size_t)start[11] << 24;
  if (n >= HEADER_MAX) return fail(e, "%s: its header has %zu bytes: too long", path, n);
  if (pread(fd, text, n, (off_t)from) != (ssize_t)n) return fail(e, "%s: is truncated inside its header", path);
  text[n] = 0;
  if (strlen(text) != n) return fail(e, "%s: its .npy header is malformed: a zero byte", path);
  *length = from + n;
  return 0;
}

/* Element count from dims, or an error if their product overflows. */
static int count_elements(const char *path, struct npy_header *h, struct error *e)
{
  h->count = 1;
  for (int d = 0; d < h->ndim; ++d)
    if (__builtin_mul_overflow(h->count, h->dims[d], &h->count) || h->count > (size_t)1 << 48)
      return fail(e, "%s: its shape has more than 2^48 elements", path);
  return 0;
}

static int open_regular(const char *path, int *fd, struct error *e)
{
  struct stat st;
  *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* O_NONBLOCK: a fifo must not hang us */
  if (*fd < 0) return fail(e, "%s: %s", path, errno == ENOENT ? "is missing" : strerror(errno));
  if (!fstat(*fd, &st) && S_ISREG(st.st_mode)) return 0;
  close(*fd);
  return fail(e, "%s: is no regular file", path);
}

static int read_header(int fd, const char *path, struct npy_header *h, struct error *e)
{
  unsigned char start[12];
  char *text = malloc(HEADER_MAX);
  if (!text) return fail(e, "%s: no memory", path);
  int bad = header_bytes(fd, path, start, text, &h->offset, e);
  if (!bad) {
    struct scan s = {text, path, e};
    bad = scan_dict(&s, h) || count_elements(path, h, e);
  }
  free(text);
  return bad;
}

int npy_header(const char *path, struct npy_header *h, struct error *e)
{
  int fd;
  if (open_regular(path, &fd, e)) return -1;
  int bad = read_header(fd, path, h, e);
  close(fd);
  return bad;
}

static int check_type(const char *path, const struct npy_header *h, enum normative_type want, struct error *e)
{
  const char *descr = descr_of(want), *note = want == NORMATIVE_BF16 ? " (the bits of bf16)" : "";
  if (h->descr[0] == '>')
    return fail(e, "%s: is big-endian (%s), wanted little-endian %s%s", path, h->descr, descr, note);
  if (strcmp(h->descr, descr)) return fail(e, "%s: has type %s, wanted %s%s", path, h->descr, descr, note);
  if (h->fortran) return fail(e, "%s: is in Fortran order, wanted C order (numpy.ascontiguousarray)", path);
  return 0;
}

static int check_shape(const char *path, const struct npy_header *h, const struct tensor *expect, struct error *e)
{
  char there[256], wanted[256];
  if (h->ndim == expect->ndim && !memcmp(h->dims, expect->dims, (size_t)h->ndim * sizeof *h->dims)) return 0;
  shape_text(there, h->ndim, h->dims);
  shape_text(wanted, expect->ndim, expect->dims);
  return fail(e, "%s: has shape %s, wanted %s", path, there, wanted);
}

static int check_size(int fd, const char *path, const struct npy_header *h, size_t bytes, struct error *e)
{
  struct stat st;
  if (fstat(fd, &st)) return fail(e, "%s: %s", path, strerror(errno));
  size_t there = (size_t)st.st_size - h->offset;
  char shape[256];
  shape_text(shape, h->ndim, h->dims);
  if (there < bytes)
    return fail(e, "%s: is truncated: %zu bytes of elements, its shape %s needs %zu", path, there, shape, bytes);
  if (there > bytes)
    return fail(e, "%s: is too long: %zu bytes of elements, its shape %s needs %zu", path, there, shape, bytes);
  return 0;
}

static int read_elements(int fd, const char *path, size_t offset, size_t bytes, void **data, struct error *e)
{
  size_t done = 0;
  *data = aligned_alloc(64, (bytes + 127) / 64 * 64);
  if (!*data) return fail(e, "%s: no memory for %zu bytes", path, bytes);
  while (done < bytes) {
    ssize_t got = pread(fd, (char *)*data + done, bytes - done, (off_t)(offset + done));
    if (got > 0) {
      done += (size_t)got;
      continue;
    }
    free(*data);
    *data = NULL;
    return fail(e, "%s: cannot be read: %s", path, got ? strerror(errno) : "it became shorter");
  }
  return 0;
}

int npy_read(const char *path, const struct tensor *expect, struct tensor *t, struct error *e)
{
  struct npy_header h = {0};
  int fd;
  if (open_regular(path, &fd, e)) return -1;
  size_t size = type_size(expect->type);
  *t = (struct tensor){0};
  int bad = read_header(fd, path, &h, e) || check_type(path, &h, expect->type, e) || check_shape(path, &h, expect, e) ||
            check_size(fd, path, &h, h.count * size, e) ||
            read_elements(fd, path, h.offset, h.count * size, &t->data, e);
  close(fd);
  if (bad) return -1;
  t->type = expect->type;
  t->ndim = h.ndim;
  memcpy(t->dims, h.dims, sizeof t->dims);
  t->count = h.count;
  return 0;
}
