/* SPDX-License-Identifier: Apache-2.0
   Specimens as plug-ins. The ABI's functions know no plug-in: each row of the tables needs an open() of its own. */
#include "specimens.h"
#include "problem.h"
#include <stdlib.h>
#include <string.h>

struct opened { struct normative_problem p; size_t row; };

/* f32 and 16 bits in float, statistics in f32; f64 in double. */
static const char *supports(const struct normative_problem *p, enum normative_type arithmetic)
{
  bool wide = arithmetic == NORMATIVE_F64;
  if (wide != (p->type == NORMATIVE_F64)) return wide ? "f64 only" : "f32, f16 and bf16 only";
  if (p->stat_type != arithmetic) return wide ? "statistics are f64" : "statistics are f32";
  return NULL;
}

static const char *single_supports(const struct normative_problem *p) { return supports(p, NORMATIVE_F32); }
static const char *half_supports(const struct normative_problem *p)
{
  return p->type == NORMATIVE_F16 ? single_supports(p) : "f16 only";
}
static const char *bfloat_supports(const struct normative_problem *p)
{
  return p->type == NORMATIVE_BF16 ? single_supports(p) : "bf16 only";
}
static const char *double_supports(const struct normative_problem *p) { return supports(p, NORMATIVE_F64); }

static int run_single(void *state, const struct normative_tensors *t, void *workspace)
{
  const struct opened *o = state;
  return single_run(o->row, &o->p, t, workspace);
}

static int run_double(void *state, const struct normative_tensors *t, void *workspace)
{
  const struct opened *o = state;
  return double_run(o->row, &o->p, t, workspace);
}

static int open_row(size_t row, const struct normative_problem *p, void **state, uint64_t *bytes)
{
  struct opened *o = malloc(sizeof *o);
  if (!o) return -1;
  *o = (struct opened){*p, row};
  *state = o;
  *bytes = p->type == NORMATIVE_F64 ? double_bytes(p) : single_bytes(p);
  return 0;
}

#define OPEN(row) \
  static int open_##row(const struct normative_problem *p, int threads, void **state, uint64_t *bytes) \
  { (void)threads; return open_row(row, p, state, bytes); }
OPEN(0) OPEN(1) OPEN(2) OPEN(3) OPEN(4) OPEN(5) OPEN(6) OPEN(7)
OPEN(8) OPEN(9) OPEN(10) OPEN(11) OPEN(12) OPEN(13) OPEN(14) OPEN(15)
static int (*const opens[])(const struct normative_problem *, int, void **, uint64_t *) = {
  open_0, open_1, open_2,  open_3,  open_4,  open_5,  open_6,  open_7,
  open_8, open_9, open_10, open_11, open_12, open_13, open_14, open_15};
enum { ROWS = sizeof opens / sizeof *opens };

static const char *(*supports_of(size_t row, bool wide))(const struct normative_problem *p)
{
  if (wide) return double_supports;
  switch (single_type(row)) {
  case NORMATIVE_F16: return half_supports;
  case NORMATIVE_BF16: return bfloat_supports;
  default: return single_supports;
  }
}

static struct normative_plugin plugin_of(const char *name, size_t row, bool wide)
{
  return (struct normative_plugin){
    .abi = NORMATIVE_ABI, .size = sizeof(struct normative_plugin), .name = name, .version = "0.1.0", .preset = name,
    .outputs = NORMATIVE_OUT_Y | NORMATIVE_OUT_MEAN | NORMATIVE_OUT_RSTD | NORMATIVE_OUT_RUNNING | NORMATIVE_OUT_PARAMS |
               NORMATIVE_OUT_SUM | NORMATIVE_OUT_VARIANCE,
    .supports = supports_of(row, wide), .open = opens[row], .run = wide ? run_double : run_single,
    .close = free};
}

const struct normative_plugin *specimen_find(const char *name)
{
  static struct normative_plugin plugin[2][ROWS];
  for (int wide = 0; wide < 2; ++wide)
    for (size_t row = 0; row < ROWS; ++row) {
      const char *own = wide ? double_name(row) : single_name(row);
      if (!own) break;
      if (strcmp(own, name)) continue;
      struct normative_plugin p = plugin_of(own, row, wide);
#pragma omp critical(specimens)
      plugin[wide][row] = p;
      return &plugin[wide][row];
    }
  return NULL;
}

int specimen_each(int (*each)(const char *name, void *arg), void *arg)
{
  for (int wide = 0; wide < 2; ++wide)
    for (size_t row = 0; row < ROWS; ++row) {
      const char *name = wide ? double_name(row) : single_name(row);
      int stop = name ? each(name, arg) : 0;
      if (!name) break;
      if (stop) return stop;
    }
  return 0;
}
