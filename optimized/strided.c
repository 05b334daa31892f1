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
  const float *x, *dy;
  float *y; /* or dx */
  struct block b;
  size_t slabs;
  const double *m;
  struct columns columns;
  struct lines lines;
  double (*sum)[STRIP], (*squares)[STRIP];      /* of every slab */
  double (*gradients)[STRIP], (*slopes)[STRIP]; /* their sums dy, sums dy (x - m) */
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

static void multiply_slab(void *arg, size_t k)
{
  struct task *a = arg;
  const size_t end = slab(a, k + 1);
  for (size_t j = 0; j < a->b.cols; j++) a->gradients[k][j] = a->slopes[k][j] = 0.0;
  for (size_t i = slab(a, k); i < end; i += TILE) {
    const size_t at = i * a->b.stride;
    a->kernels->column_products(a->gradients[k], a->slopes[k], a->dy + at, a->x + at, tile(a->b, i, end), a->m);
  }
}

static void gradient_slab(void *arg, size_t k)
{
  struct task *a = arg;
  const size_t end = slab(a, k + 1);
  for (size_t i = slab(a, k); i < end; i += TILE) {
    const size_t at = i * a->b.stride;
    a->kernels->column_gradients(a->y + at, a->dy + at, a->x + at, tile(a->b, i, end), a->lines);
  }
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

void opt_strided_products(struct products *p, const float *dy, const float *x, struct block b, const struct strip *t,
                          int threads)
{
  double gradients[SLABS][STRIP], slopes[SLABS][STRIP];
  struct task a = {.kernels = opt_kernels(), .x = x, .dy = dy, .b = b, .slabs = slabs_of(b), .m = t->m,
                   .gradients = gradients, .slopes = slopes};
  opt_parallel(a.slabs, threads, multiply_slab, &a);
  for (size_t j = 0; j < b.cols; j++) {
    p[j].g = opt_tree_sum(&gradients[0][j], a.slabs, STRIP);
    p[j].h = opt_tree_sum(&slopes[0][j], a.slabs, STRIP);
    p[j] = opt_about_mean(p[j], t->c[j]);
  }
}

void opt_strided_gradient(float *dx, const float *dy, const float *x, struct block b, const struct line *k, int threads)
{
  double m[STRIP], scale[STRIP], slope[STRIP], shift[STRIP];
  struct task a = {.kernels = opt_kernels(), .x = x, .dy = dy, .y = dx, .b = b, .slabs = slabs_of(b),
                   .lines = {m, scale, slope, shift}};
  for (size_t j = 0; j < b.cols; j++) {
    m[j] = k[j].m;
    scale[j] = k[j].scale;
    slope[j] = k[j].slope;
    shift[j] = k[j].shift - k[j].slope * k[j].c;
  }
  opt_parallel(a.slabs, threads, gradient_slab, &a);
}
