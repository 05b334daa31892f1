/* SPDX-License-Identifier: Apache-2.0
   Groups side by side. Rows are cut into slabs that threads share, a slab into tiles of few rows: within a tile sixteen
   columns after another stay in registers, and all that a tile reads of memory is contiguous or nearly so. The cut
   depends on the number of rows only; the slabs' sums are added in a fixed tree. */
#include "strided.h"
#include "reduce.h"
#include "threads.h"

#define TILE 64
#define SLABS 32

struct task {
  const struct kernels *kernels;
  const float *x;
  float *y;
  struct block b;
  size_t slabs;
  const double *m;
  struct columns columns;
  double (*sum)[STRIP], (*squares)[STRIP];
};

/* Where slab i begins. */
static size_t slab(const struct task *a, size_t i)
{
  size_t tiles = (a->b.rows + TILE - 1) / TILE, row = tiles * i / a->slabs * TILE;
  return row < a->b.rows ? row : a->b.rows;
}

static size_t slabs_of(struct block b)
{
  size_t tiles = (b.rows + TILE - 1) / TILE;
  return tiles < SLABS ? tiles : SLABS;
}

/* The tile that begins at row i, of a slab that ends at row end. */
static struct block tile(struct block b, size_t i, size_t end)
{
  b.rows = end - i < TILE ? end - i : TILE;
  return b;
}

static void sum_slab(void *arg, size_t k)
{
  struct task *a = arg;
  const size_t end = slab(a, k + 1);
  for (size_t j = 0; j < a->b.cols; j++) a->sum[k][j] = 0.0;
  for (size_t i = slab(a, k); i < end; i += TILE)
    a->kernels->column_sums(a->sum[k], a->x + i * a->b.stride, tile(a->b, i, end));
}

static void deviate_slab(void *arg, size_t k)
{
  struct task *a = arg;
  const size_t end = slab(a, k + 1);
  for (size_t j = 0; j < a->b.cols; j++) a->sum[k][j] = a->squares[k][j] = 0.0;
  for (size_t i = slab(a, k); i < end; i += TILE)
    a->kernels->column_deviations(a->sum[k], a->squares[k], a->x + i * a->b.stride, tile(a->b, i, end), a->m);
}

static void apply_slab(void *arg, size_t k)
{
  struct task *a = arg;
  const size_t end = slab(a, k + 1);
  for (size_t i = slab(a, k); i < end; i += TILE)
    a->kernels->column_apply(a->y + i * a->b.stride, a->x + i * a->b.stride, tile(a->b, i, end), a->columns);
}

void opt_strided_centred(struct strip *t, const float *x, struct block b, double eps, int threads)
{
  double sum[SLABS][STRIP], squares[SLABS][STRIP];
  struct task a = {
    .kernels = opt_kernels(), .x = x, .b = b, .slabs = slabs_of(b), .m = t->m, .sum = sum, .squares = squares};
  const double m = (double)b.rows;
  opt_parallel(a.slabs, threads, sum_slab, &a);
  for (size_t j = 0; j < b.cols; j++) t->m[j] = opt_centre(opt_tree_sum(&sum[0][j], a.slabs, STRIP), m);
  opt_parallel(a.slabs, threads, deviate_slab, &a);
  for (size_t j = 0; j < b.cols; j++) {
    struct sums s = {opt_tree_sum(&sum[0][j], a.slabs, STRIP), opt_tree_sum(&squares[0][j], a.slabs, STRIP)};
    struct statistics one = opt_corrected(t->m[j], s, m, eps);
    t->c[j] = one.c;
    t->var[j] = one.var;
    t->rstd[j] = one.rstd;
  }
}

void opt_strided_apply(float *y, const float *x, struct block b, const struct strip *t, const float *gamma,
                       const float *beta, int threads)
{
  struct task a = {.kernels = opt_kernels(),
                   .x = x,
                   .y = y,
                   .b = b,
                   .slabs = slabs_of(b),
                   .columns = {t->m, t->c, t->rstd, gamma, beta}};
  opt_parallel(a.slabs, threads, apply_slab, &a);
}
