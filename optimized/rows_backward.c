/* SPDX-License-Identifier: Apache-2.0
   LayerNorm and RMSNorm backward: a group is a row. Formulas, shapes: normative.h. Errors: door.h.

   Rows are cut into blocks, a block into tiles of few rows: while a tile is in the cache, each row's line (reduce.h) is
   found, then sixteen columns after another go down the tile, for dx and for what dgamma and dbeta take from it. Every
   block sums for itself, in doubles; the blocks' sums are added in a fixed tree. The cut depends on the shape only. */
#include "contiguous.h"
#include "door.h"
#include "reduce.h"
#include "threads.h"

#include <stdlib.h>

#define TILE 16           /* rows of a tile at most: of 4, 8, 16, 32 the fastest on layernorm/backward/f32/256x768 */
#define TILE_FLOATS 65536 /* and floats of its x: with dy half a megabyte, which stays in a core's cache */
#define BLOCK 32          /* rows of a block at least: its sums, written and read, are a 20th of its data */
#define BLOCKS_MAX 64
#define STRIP 256         /* columns that a thread takes at a time where blocks are few */

struct gradients {
  float *dx, *dgamma, *dbeta;
  const float *dy, *x, *gamma;
  const double *mean, *rstd; /* as saved; NULL: from x */
  size_t rows, cols, blocks, tile;
  double eps;
  int centred, threads; /* that share one row */
  struct line *line;    /* of every row, where threads share a block */
  double *sums;         /* of every block: cols of dgamma, cols of dbeta */
};

/* The line of row r. */
static struct line line_of(const struct gradients *a, size_t r)
{
  const float *x = a->x + r * a->cols, *dy = a->dy + r * a->cols;
  const struct block b = {1, a->cols, a->cols};
  struct statistics t;
  struct products p;
  if (a->centred && !a->rstd) {
    p = opt_contiguous_centred_products(&t, dy, x, a->gamma, b, a->eps, a->threads);
  } else {
    t = a->rstd ? saved_statistics(a->mean ? a->mean[r] : 0.0, a->rstd[r]) : opt_contiguous_rms(x, b, a->eps, a->threads);
    p = opt_contiguous_products(dy, x, a->gamma, b, t, a->threads);
  }
  return opt_line(t, 1.0, p, (double)a->cols, a->centred);
}

/* Where block k begins, between tiles. */
static size_t block_begin(const struct gradients *a, size_t k)
{
  size_t tiles = (a->rows + a->tile - 1) / a->tile, row = tiles * k / a->blocks * a->tile;
  return row < a->rows ? row : a->rows;
}

static double *sums_of(const struct gradients *a, size_t k) { return a->sums + 2 * k * a->cols; }

/* The tile from row r to row `end`, columns j to j + cols - 1, adds to the sums of block k. */
static void tile(const struct gradients *a, size_t k, size_t r, size_t end, size_t j, size_t cols, const struct line *line)
{
  const size_t at = r * a->cols + j;
  double *dgamma = sums_of(a, k) + j;
  opt_kernels()->row_gradients(a->dx ? a->dx + at : NULL, dgamma, dgamma + a->cols, a->dy + at, a->x + at,
                               a->gamma ? a->gamma + j : NULL, (struct block){end - r, cols, a->cols}, line);
}

static size_t tile_rows(size_t cols)
{
  size_t rows = TILE_FLOATS / cols;
  return rows < 2 ? 2 : rows > TILE ? TILE : rows;
}

static size_t tile_end(const struct gradients *a, size_t r, size_t end) { return end - r < a->tile ? end : r + a->tile; }

/* Block k, by one thread. */
static void one_block(void *arg, size_t k)
{
  const struct gradients *a = arg;
  const size_t end = block_begin(a, k + 1);
  for (size_t r = block_begin(a, k), next; r < end; r = next) {
    struct line line[TILE];
    next = tile_end(a, r, end);
    for (size_t i = r; i < next; i++) line[i - r] = line_of(a, i);
    tile(a, k, r, next, 0, a->cols, line);
  }
}

static void one_row(void *arg, size_t r)
{
  const struct gradients *a = arg;
  a->line[r] = line_of(a, r);
}

/* Strip i % strips of block i / strips. */
static void one_strip(void *arg, size_t i)
{
  const struct gradients *a = arg;
  const size_t strips = (a->cols + STRIP - 1) / STRIP, k = i / strips, j = i % strips * STRIP, end = block_begin(a, k + 1);
  const size_t cols = a->cols - j < STRIP ? a->cols - j : STRIP;
  for (size_t r = block_begin(a, k), next; r < end; r = next) {
    next = tile_end(a, r, end);
    tile(a, k, r, next, j, cols, a->line + r);
  }
}

/* to += from, n of them. */
static void add_to(double *to, const double *from, size_t n)
{
#pragma omp simd
  for (size_t j = 0; j < n; j++) to[j] += from[j];
}

/* dgamma and dbeta of strip i, from the sums of all blocks: neighbours first. */
static void reduce_strip(void *arg, size_t i)
{
  const struct gradients *a = arg;
  const size_t j = i * STRIP, cols = a->cols - j < STRIP ? a->cols - j : STRIP;
  for (size_t step = 1; step < a->blocks; step *= 2)
    for (size_t k = 0; k + step < a->blocks; k += 2 * step) {
      double *to = sums_of(a, k) + j, *from = sums_of(a, k + step) + j;
      if (a->dgamma) add_to(to, from, cols);
      if (a->dbeta) add_to(to + a->cols, from + a->cols, cols);
    }
  for (size_t q = j; q < j + cols; q++) {
    if (a->dgamma) a->dgamma[q] = (float)a->sums[q];
    if (a->dbeta) a->dbeta[q] = (float)a->sums[a->cols + q];
  }
}

/* Threads share the blocks; where those are few, first the rows, or each row, then strips of columns. */
static normative_status all_rows(struct gradients *a, int threads)
{
  const size_t strips = (a->cols + STRIP - 1) / STRIP;
  threads = opt_threads(threads, a->rows * a->cols);
  a->blocks = a->rows / BLOCK < BLOCKS_MAX ? a->rows / BLOCK : BLOCKS_MAX;
  if (a->blocks == 0) a->blocks = 1;
  a->tile = tile_rows(a->cols);
  const int shared = a->blocks < (size_t)threads, many = a->rows >= (size_t)threads;
  a->sums = calloc(a->blocks * a->cols, 2 * sizeof *a->sums);
  a->line = shared ? malloc(a->rows * sizeof *a->line) : NULL;
  normative_status status = !a->sums || (shared && !a->line) ? NORMATIVE_E_MEMORY : NORMATIVE_OK;
  if (status == NORMATIVE_OK) {
    a->threads = shared && !many ? threads : 1;
    if (shared) {
      opt_parallel(a->rows, many ? threads : 1, one_row, a);
      opt_parallel(a->blocks * strips, threads, one_strip, a);
    } else {
      opt_parallel(a->blocks, threads, one_block, a);
    }
    if (a->dgamma || a->dbeta) opt_parallel(strips, threads, reduce_strip, a);
  }
  free(a->sums);
  free(a->line);
  return status;
}

/* What is left to do with an empty size: sums of nothing are 0. */
static normative_status no_gradients(float *dgamma, float *dbeta, size_t cols)
{
  for (size_t j = 0; j < cols; j++) {
    if (dgamma) dgamma[j] = 0.0f;
    if (dbeta) dbeta[j] = 0.0f;
  }
  return NORMATIVE_OK;
}

normative_status opt_layernorm_backward_f32(float *dx, float *dgamma, float *dbeta, const float *dy, const float *x,
                                            const float *gamma, const double *mean, const double *rstd, size_t rows,
                                            size_t cols, double eps, int threads)
{
  normative_status status = door_layernorm_backward(dx, dgamma, dbeta, dy, x, gamma, mean, rstd, rows, cols, eps, NULL, 0,
                                                    sizeof *x, sizeof *gamma);
  if (status != NORMATIVE_OK) return status;
  if (rows == 0 || cols == 0) return no_gradients(dgamma, dbeta, cols);
  struct gradients a = {.dx = dx, .dgamma = dgamma, .dbeta = dbeta, .dy = dy, .x = x, .gamma = gamma, .mean = mean,
                        .rstd = rstd, .rows = rows, .cols = cols, .eps = eps, .centred = 1};
  return all_rows(&a, threads);
}

normative_status opt_rmsnorm_backward_f32(float *dx, float *dgamma, float *dbeta, const float *dy, const float *x,
                                          const float *gamma, const double *rstd, size_t rows, size_t cols, double eps,
                                          int threads)
{
  normative_status status =
    door_rmsnorm_backward(dx, dgamma, dbeta, dy, x, gamma, rstd, rows, cols, eps, NULL, 0, sizeof *x, sizeof *gamma);
  if (status != NORMATIVE_OK) return status;
  if (rows == 0 || cols == 0) return no_gradients(dgamma, dbeta, cols);
  struct gradients a = {.dx = dx, .dgamma = dgamma, .dbeta = dbeta, .dy = dy, .x = x, .gamma = gamma, .rstd = rstd,
                        .rows = rows, .cols = cols, .eps = eps, .centred = 0};
  return all_rows(&a, threads);
}
