/* SPDX-License-Identifier: Apache-2.0
   Case directories: manifest.json and .npy files, written whole or not at all, read with every claim checked. */
#include "casedir.h"
#include "npy.h"
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_LENGTH 4096

static int join(char out[PATH_LENGTH], const char *dir, const char *name, const char *suffix, struct error *e)
{
  if (snprintf(out, PATH_LENGTH, "%s/%s%s", dir, name, suffix) < PATH_LENGTH) return 0;
  return fail(e, "%.200s...: path too long", dir);
}

/* ---- writing: every file as NAME.part first; only when all are there are they renamed, the manifest last ---- */

/* x.npy, or expected/y.npy */
static void file_name(char out[64], enum slot s, bool expected)
{
  snprintf(out, 64, "%s%s.npy", expected ? "expected/" : "", slot_name[s]);
}

static json_t *files_json(const struct tensors *t, bool expected)
{
  json_t *files = json_object();
  char name[64];
  for (int s = 0; s < SLOT_COUNT; ++s) {
    if (!t->t[s].data) continue;
    file_name(name, s, expected);
    json_object_set_new(files, slot_name[s], json_string(name));
  }
  return files;
}

static json_t *manifest_json(const char *name, const struct normative_problem *p, const struct tensors *in,
                             const struct tensors *expected, const struct wishes *w)
{
  json_t *m = json_object();
  json_object_set_new(m, "format", json_string("normative-case"));
  json_object_set_new(m, "version", json_integer(1));
  if (name && *name) json_object_set_new(m, "case", json_string(name));
  json_object_set_new(m, "problem", problem_to_json(p));
  json_object_set_new(m, "inputs", files_json(in, false));
  if (expected) json_object_set_new(m, "expected", files_json(expected, true));
  if (w) json_object_set_new(m, "wishes", json_pack("{s:i, s:i}", "threads", w->threads, "iterations", w->iterations));
  return m;
}

static int store_text(const char *path, const char *as, const char *text, struct error *e)
{
  FILE *f = fopen(path, "we");
  if (!f) return fail(e, "%s: cannot be written: %s", as, strerror(errno));
  bool bad = fputs(text, f) < 0 || fputc('\n', f) < 0;
  int why = errno;
  if (fclose(f) && !bad) {
    bad = true;
    why = errno;
  }
  if (!bad) return 0;
  unlink(path);
  return fail(e, "%s: cannot be written: %s", as, strerror(why));
}

static int store_tensors(const char *dir, const struct tensors *t, bool expected, struct error *e)
{
  char name[64], path[PATH_LENGTH], part[PATH_LENGTH];
  for (int s = 0; t && s < SLOT_COUNT; ++s) {
    if (!t->t[s].data) continue;
    file_name(name, s, expected);
    if (join(path, dir, name, "", e) || join(part, dir, name, ".part", e) || npy_store(part, path, &t->t[s], e)) return -1;
  }
  return 0;
}

static int store_manifest(const char *dir, json_t *manifest, struct error *e)
{
  char path[PATH_LENGTH], part[PATH_LENGTH];
  char *text = json_dumps(manifest, JSON_INDENT(2));
  if (!text) return fail(e, "%s: its manifest cannot be made into text", dir);
  int bad = join(path, dir, "manifest.json", "", e) || join(part, dir, "manifest.json", ".part", e) ||
            store_text(part, path, text, e);
  free(text);
  return bad ? -1 : 0;
}

/* Renames NAME.part to NAME (keep), or removes it. Files that never came to be are passed over. */
static int settle(const char *dir, const char *name, bool keep, struct error *e)
{
  char path[PATH_LENGTH], part[PATH_LENGTH];
  if (join(path, dir, name, "", e) || join(part, dir, name, ".part", e)) return -1;
  if (!keep) return unlink(part);
  return rename(part, path) ? fail(e, "%s: cannot be written: %s", path, strerror(errno)) : 0;
}

static int settle_all(const char *dir, const struct tensors *in, const struct tensors *expected, bool keep, struct error *e)
{
  const struct tensors *both[2] = {in, expected};
  char name[64];
  for (int k = 0; k < 2; ++k)
    for (int s = 0; both[k] && s < SLOT_COUNT; ++s) {
      if (!both[k]->t[s].data) continue;
      file_name(name, s, k);
      if (settle(dir, name, keep, e) && keep) return -1;
    }
  return settle(dir, "manifest.json", keep, e);
}

/* mkdir -p. *made tells whether the last directory is new. */
static int make_dirs(const char *dir, bool *made, struct error *e)
{
  char path[PATH_LENGTH];
  if (snprintf(path, sizeof path, "%s", dir) >= PATH_LENGTH) return fail(e, "%.200s...: path too long", dir);
  for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = 0;
    if (mkdir(path, 0777) && errno != EEXIST) return fail(e, "%s: cannot be made: %s", path, strerror(errno));
    *slash = '/';
  }
  *made = !mkdir(path, 0777);
  return *made || errno == EEXIST ? 0 : fail(e, "%s: cannot be made: %s", path, strerror(errno));
}

int casedir_write(const char *dir, const char *name, const struct normative_problem *p, const struct tensors *in,
                  const struct tensors *expected, const struct wishes *w, struct error *e)
{
  char below[PATH_LENGTH];
  bool made = false, made_below = false;
  if (join(below, dir, "expected", "", e) || make_dirs(dir, &made, e)) return -1;
  json_t *manifest = manifest_json(name, p, in, expected, w);
  int bad = (expected && make_dirs(below, &made_below, e)) || store_tensors(dir, in, false, e) ||
            store_tensors(dir, expected, true, e) || store_manifest(dir, manifest, e);
  json_decref(manifest);
  if (!bad) bad = settle_all(dir, in, expected, true, e);
  if (!bad) return 0;
  struct error ignored;
  settle_all(dir, in, expected, false, &ignored);
  if (made_below) rmdir(below);
  if (made) rmdir(dir);
  return -1;
}

/* ---- reading ---- */

/* LayerNorm and RMSNorm see rows x cols, and G x cols; a file may keep the leading sizes of the network it came from. */
static void unfold(const char *path, const struct normative_problem *p, struct tensor *want)
{
  struct npy_header h;
  struct error ignored;
  bool rows = norm_find(p->norm)->axes == 2 && want->ndim == 2;
  if (!rows || npy_header(path, &h, &ignored)) return;
  if (h.ndim < 1 || h.count != want->count || h.dims[h.ndim - 1] != want->dims[1]) return;
  want->ndim = h.ndim;
  memcpy(want->dims, h.dims, sizeof h.dims);
}

static int read_slot(const char *path, const struct normative_problem *p, enum slot s, struct tensor *t, struct error *e)
{
  struct tensor shape = slot_shape(p, s), want = shape;
  unfold(path, p, &want);
  if (npy_read(path, &want, t, e)) return -1;
  t->ndim = shape.ndim;
  memcpy(t->dims, shape.dims, sizeof t->dims);
  return 0;
}

/* Rows that share an entry lie one after another: gamma of several leading sizes has the first ones of x, then 1s. */
static int check_parts(const char *path, const char *x_path, const struct normative_problem *p, enum slot s, struct error *e)
{
  struct npy_header h, x;
  struct error ignored;
  int d = 0;
  bool of_parts = (s == SLOT_GAMMA || s == SLOT_BETA) && norm_find(p->norm)->axes == 2 && p->affine == NORMATIVE_AFFINE_ELEMENT;
  if (!of_parts || npy_header(path, &h, &ignored) || npy_header(x_path, &x, &ignored) || h.ndim < 3) return 0;
  while (d < h.ndim - 1 && d < x.ndim - 1 && h.dims[d] == x.dims[d]) ++d;
  while (d < h.ndim - 1 && h.dims[d] == 1) ++d;
  if (d == h.ndim - 1) return 0;
  return fail(e,
              "%s: size %d is %zu: leading sizes are the first ones of x.npy, then 1 (rows that share an entry lie one after "
              "another)", path, d, h.dims[d]);
}

/* A file's name inside the case: relative and without "..", so that a case cannot reach out of its directory. */
static int inner_path(char out[PATH_LENGTH], const char *dir, const char *slot, const json_t *value, struct error *e)
{
  const char *name = json_string_value(value);
  if (!name || !*name) return fail(e, "%s/manifest.json: %s: not the name of a file", dir, slot);
  bool up = !strncmp(name, "../", 3) || strstr(name, "/../") || !strcmp(name, "..") ||
            (strlen(name) > 2 && !strcmp(name + strlen(name) - 3, "/.."));
  if (*name == '/' || up) return fail(e, "%s/manifest.json: %s: '%s' leads out of the directory", dir, slot, name);
  return join(out, dir, name, "", e);
}

static enum slot slot_by_name(const char *name)
{
  int s = 0;
  while (s < SLOT_COUNT && strcmp(slot_name[s], name)) ++s;
  return (enum slot)s;
}

/* Where the file of input s is: as "inputs" says, or NAME.npy if the manifest has no "inputs". */
static int input_path(char out[PATH_LENGTH], const char *dir, const json_t *inputs, enum slot s, struct error *e)
{
  if (!inputs) return join(out, dir, slot_name[s], ".npy", e);
  const json_t *value = json_object_get(inputs, slot_name[s]);
  if (!value) return fail(e, "%s/manifest.json: inputs: no \"%s\"", dir, slot_name[s]);
  return inner_path(out, dir, slot_name[s], value, e);
}

static bool input_there(const char *dir, const json_t *inputs, enum slot s)
{
  char path[PATH_LENGTH];
  struct error ignored;
  if (inputs) return json_object_get(inputs, slot_name[s]) != NULL;
  return !join(path, dir, slot_name[s], ".npy", &ignored) && !access(path, F_OK);
}

/* What a user's manifest may leave out: gamma, beta and running are there if their files are. */
static void complete_presence(const char *dir, json_t *problem, const json_t *inputs)
{
  static const struct { const char *key; enum slot slot; } keys[] = {{"gamma", SLOT_GAMMA}, {"beta", SLOT_BETA},
                                                                     {"running", SLOT_RUNNING_MEAN}};
  for (size_t k = 0; k < sizeof keys / sizeof *keys; ++k)
    if (!json_object_get(problem, keys[k].key))
      json_object_set_new(problem, keys[k].key, json_boolean(input_there(dir, inputs, keys[k].slot)));
}

/* The shape, if left out, is that of x.npy: leading sizes folded for rows x cols; C moved second in channels-last. */
static int complete_shape(const char *dir, json_t *problem, const json_t *inputs, struct error *e)
{
  char path[PATH_LENGTH];
  struct npy_header h;
  const char *norm = json_string_value(json_object_get(problem, "norm"));
  const char *layout = json_string_value(json_object_get(problem, "layout"));
  const struct norm_row *row = norm ? norm_by_name(norm) : NULL;
  if (json_object_get(problem, "shape") || !row) return 0; /* problem_from_json says what is wrong with the norm */
  if (input_path(path, dir, inputs, SLOT_X, e) || npy_header(path, &h, e)) return -1;
  if (h.ndim < (row->axes == 2 ? 1 : 2))
    return fail(e, "%s: has %d dimensions; %s needs at least %d", path, h.ndim, row->name, row->axes == 2 ? 1 : 2);
  json_t *shape = json_array();
  size_t last = h.dims[h.ndim - 1];
  if (row->axes == 2) {
    size_t rows = 1;
    for (int d = 0; d < h.ndim - 1; ++d) rows *= h.dims[d];
    json_array_append_new(shape, json_integer((json_int_t)rows));
    json_array_append_new(shape, json_integer((json_int_t)last));
  } else {
    bool channels_last = layout && !strcmp(layout, layout_name(NORMATIVE_NSC));
    json_array_append_new(shape, json_integer((json_int_t)h.dims[0]));
    if (channels_last) json_array_append_new(shape, json_integer((json_int_t)last));
    for (int d = 1; d < h.ndim - channels_last; ++d) json_array_append_new(shape, json_integer((json_int_t)h.dims[d]));
  }
  json_object_set_new(problem, "shape", shape);
  return 0;
}

static int read_problem(const char *dir, json_t *m, struct normative_problem *p, struct error *e)
{
  struct error inner;
  json_t *problem = json_object_get(m, "problem"), *inputs = json_object_get(m, "inputs");
  if (!json_is_object(problem)) return fail(e, "%s/manifest.json: no \"problem\"", dir);
  if (inputs && !json_is_object(inputs)) return fail(e, "%s/manifest.json: inputs: not an object", dir);
  complete_presence(dir, problem, inputs);
  if (complete_shape(dir, problem, inputs, e)) return -1;
  if (problem_from_json(p, problem, &inner)) return fail(e, "%s/manifest.json: %s", dir, inner.text);
  return 0;
}

static int read_inputs(const char *dir, json_t *m, struct casedir *c, struct error *e)
{
  char path[PATH_LENGTH], x[PATH_LENGTH];
  const json_t *inputs = json_object_get(m, "inputs");
  const char *name;
  json_t *value;
  json_object_foreach((json_t *)inputs, name, value)
  {
    enum slot s = slot_by_name(name);
    if (s == SLOT_COUNT || !slot_is_input(&c->p, s))
      return fail(e, "%s/manifest.json: inputs: '%s' is no input of this problem", dir, name);
  }
  if (input_path(x, dir, inputs, SLOT_X, e)) return -1;
  for (int s = 0; s < SLOT_COUNT; ++s) {
    if (!slot_is_input(&c->p, s)) continue;
    if (input_path(path, dir, inputs, s, e) || read_slot(path, &c->p, s, &c->in.t[s], e)) return -1;
    if (check_parts(path, x, &c->p, s, e)) return -1;
  }
  return 0;
}

static int read_expected(const char *dir, json_t *m, struct casedir *c, struct error *e)
{
  char path[PATH_LENGTH];
  json_t *expected = json_object_get(m, "expected"), *value;
  const char *name;
  if (expected && !json_is_object(expected)) return fail(e, "%s/manifest.json: expected: not an object", dir);
  json_object_foreach(expected, name, value)
  {
    enum slot s = slot_by_name(name);
    if (s == SLOT_COUNT || !slot_is_output(&c->p, s))
      return fail(e, "%s/manifest.json: expected: '%s' is no output of this problem", dir, name);
    if (inner_path(path, dir, name, value, e) || read_slot(path, &c->p, s, &c->expected.t[s], e)) return -1;
  }
  return 0;
}

static int read_wishes(const char *dir, json_t *m, struct wishes *w, struct error *e)
{
  *w = (struct wishes){.threads = 1};
  json_t *wishes = json_object_get(m, "wishes"), *value;
  const char *name;
  if (wishes && !json_is_object(wishes)) return fail(e, "%s/manifest.json: wishes: not an object", dir);
  json_object_foreach(wishes, name, value)
  {
    int *field = !strcmp(name, "threads") ? &w->threads : !strcmp(name, "iterations") ? &w->iterations : NULL;
    if (!field) return fail(e, "%s/manifest.json: wishes: unknown key '%s'", dir, name);
    if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > 1000000000)
      return fail(e, "%s/manifest.json: wishes: %s: not a number from 0 to 10^9", dir, name);
    *field = (int)json_integer_value(value);
  }
  return 0;
}

static int check_manifest(const char *dir, json_t *m, struct error *e)
{
  static const char *const known[] = {"format", "version", "case", "problem", "inputs", "expected", "wishes", NULL};
  const char *name;
  json_t *value;
  if (!json_is_object(m)) return fail(e, "%s/manifest.json: not an object", dir);
  const char *format = json_string_value(json_object_get(m, "format"));
  if (!format || strcmp(format, "normative-case"))
    return fail(e, "%s/manifest.json: \"format\" is not \"normative-case\"", dir);
  value = json_object_get(m, "version");
  if (!json_is_integer(value)) return fail(e, "%s/manifest.json: no \"version\"", dir);
  if (json_integer_value(value) != 1)
    return fail(e, "%s/manifest.json: version %lld, wanted 1", dir, (long long)json_integer_value(value));
  json_object_foreach(m, name, value)
  {
    int k = 0;
    while (known[k] && strcmp(known[k], name)) ++k;
    if (!known[k]) return fail(e, "%s/manifest.json: unknown key '%s'", dir, name);
  }
  return 0;
}

static int read_name(const char *dir, json_t *m, char name[CASE_NAME_MAX], struct error *e)
{
  json_t *value = json_object_get(m, "case");
  if (value && (!json_is_string(value) || strlen(json_string_value(value)) >= CASE_NAME_MAX))
    return fail(e, "%s/manifest.json: case: not a name of less than %d characters", dir, CASE_NAME_MAX);
  char copy[PATH_LENGTH];
  snprintf(copy, sizeof copy, "%s", dir);
  snprintf(name, CASE_NAME_MAX, "%s", value ? json_string_value(value) : basename(copy));
  return 0;
}

int casedir_read(const char *dir, struct casedir *c, struct error *e)
{
  char path[PATH_LENGTH];
  json_error_t where;
  memset(c, 0, sizeof *c);
  if (join(path, dir, "manifest.json", "", e)) return -1;
  struct stat st;
  if (stat(path, &st)) return fail(e, "%s: %s", path, errno == ENOENT ? "is missing" : strerror(errno));
  if (!S_ISREG(st.st_mode)) return fail(e, "%s: is no regular file", path);
  json_t *m = json_load_file(path, JSON_REJECT_DUPLICATES, &where);
  if (!m) return fail(e, "%s: line %d: %s", path, where.line, where.text);
  int bad = check_manifest(dir, m, e) || read_name(dir, m, c->name, e) || read_problem(dir, m, &c->p, e) ||
            read_wishes(dir, m, &c->wishes, e) || read_inputs(dir, m, c, e) || read_expected(dir, m, c, e);
  json_decref(m);
  if (bad) casedir_free(c);
  return bad ? -1 : 0;
}

void casedir_free(struct casedir *c)
{
  tensors_free(&c->in);
  tensors_free(&c->expected);
}

/* ---- results ---- */

int result_read(const char *dir, const struct normative_problem *p, struct tensors *out, struct error *e)
{
  char path[PATH_LENGTH];
  memset(out, 0, sizeof *out);
  for (int s = 0; s < SLOT_COUNT; ++s) {
    if (!slot_is_output(p, s)) continue;
    int bad = join(path, dir, slot_name[s], ".npy", e);
    if (!bad && access(path, F_OK)) continue;
    if (!bad && !read_slot(path, p, s, &out->t[s], e)) continue;
    tensors_free(out);
    return -1;
  }
  return 0;
}

int result_write(const char *dir, const struct tensors *out, struct error *e)
{
  char path[PATH_LENGTH];
  for (int s = 0; s < SLOT_COUNT; ++s)
    if (out->t[s].data && (join(path, dir, slot_name[s], ".npy", e) || npy_write(path, &out->t[s], e))) return -1;
  return 0;
}
