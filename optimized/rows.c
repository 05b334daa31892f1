/* SPDX-License-Identifier: Apache-2.0
   LayerNorm and RMSNorm forward: a group is a row. Formulas, shapes and sources: normative.h. Errors: door.h. */
#include "contiguous.h"
#include "door.h"
#include "threads.h"

struct rows {
  float *y;
  double *mean, *rstd;
  const float *x, *gamma, *beta;
  size_t cols;
  double eps;
  int centred, threads; /* that share one row */
};

static void one_row(void *arg, size_t r)
{
  const struct rows *a = arg;
  const float *x = a->x + r * a->cols;
  struct block b = {1, a->cols, a->cols};
  struct statistics t = a->centred ? opt_contiguous_centred(x, b, a->eps, a->threads)
                                   : opt_contiguous_rms(x, b, a->eps, a->threads);
  opt_contiguous_apply_row(a->y + r * a->cols, x, a->cols, t, a->gamma, a->beta, a->threads);
  if (a->mean) a->mean[r] = t.m + t.c;
  if (a->rstd) a->rstd[r] = t.rstd;
}

/* Threads share the rows; where rows are few, each row. */
static void all_rows(struct rows *a, size_t rows, int threads)
{
  threads = opt_threads(threads, rows * a->cols);
  int many = rows >= (size_t)threads;
  a->threads = many ? 1 : threads;
  opt_parallel(rows, many ? threads : 1, one_row, a);
}

normative_status opt_layernorm_forward_f32(float *y, double *mean, double *rstd, const float *x, const float *gamma,
                                           const float *beta, size_t rows, size_t cols, double eps, int threads)
{
  normative_status status =
    door_layernorm(y, mean, rstd, x, gamma, beta, rows, cols, eps, NULL, 0, sizeof *y, sizeof *gamma);
  if (status != NORMATIVE_OK || cols == 0) return status;
  struct rows a = {y, mean, rstd, x, gamma, beta, cols, eps, 1, 1};
  all_rows(&a, rows, threads);
  return NORMATIVE_OK;
}

normative_status opt_rmsnorm_forward_f32(float *y, double *rstd, const float *x, const float *gamma, const float *beta,
                                         size_t rows, size_t cols, double eps, int threads)
{
  normative_status status = door_rmsnorm(y, rstd, x, gamma, beta, rows, cols, eps, NULL, 0, sizeof *y, sizeof *gamma);
  if (status != NORMATIVE_OK || cols == 0) return status;
  struct rows a = {y, NULL, rstd, x, gamma, beta, cols, eps, 0, 1};
  all_rows(&a, rows, threads);
  return NORMATIVE_OK;
}
