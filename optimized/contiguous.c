/* SPDX-License-Identifier: Apache-2.0
   Groups of contiguous runs, cut into pieces that threads share. The cut depends on the group's shape only; the pieces'
   sums are added in a fixed tree. */
#include "contiguous.h"
#include "reduce.h"
#include "threads.h"

/* Elements of a piece, where the group is large enough; a smaller one would spend its time on the reduction. */
#define PIECE 8192
#define PIECES_WANTED 32
#define PIECES_MAX (2 * PIECES_WANTED)

/* rows x per_row pieces if per_row > 1, else pieces of several whole rows. */
struct cut {
  size_t pieces, per_row;
};

static struct cut cut_block(struct block b)
{
  size_t wanted = b.rows * b.cols / PIECE;
  if (wanted > PIECES_WANTED) wanted = PIECES_WANTED;
  if (wanted <= 1) return (struct cut){1, 1};
  if (b.rows >= wanted) return (struct cut){wanted, 1};
  size_t per_row = (wanted + b.rows - 1) / b.rows;
  return (struct cut){b.rows * per_row, per_row};
}

/* Where share i of `shares` of n things begins, at a multiple of `step`. n < 2^31, so the product fits. */
static size_t share(size_t n, size_t i, size_t shares, size_t step)
{
  return i == shares ? n : n * i / shares / step * step;
}

struct piece {
  size_t offset;
  struct block b;
};

static struct piece piece_of(struct block b, struct cut cut, size_t i)
{
  if (cut.per_row == 1) {
    size_t first = share(b.rows, i, cut.pieces, 1), end = share(b.rows, i + 1, cut.pieces, 1);
    return (struct piece){first * b.stride, {end - first, b.cols, b.stride}};
  }
  size_t row = i / cut.per_row, k = i % cut.per_row;
  size_t first = share(b.cols, k, cut.per_row, 16), end = share(b.cols, k + 1, cut.per_row, 16);
  return (struct piece){row * b.stride + first, {1, end - first, b.stride}};
}

struct task {
  const struct kernels *kernels;
  const float *x, *dy;
  float *y; /* or dx */
  struct block b;
  struct cut cut;
  struct statistics t;
  double gamma, beta;
  const float *gammas, *betas;
  struct line line;
  double *sum, *squares;      /* of every piece */
  double *gradients, *slopes; /* their sums g, sums g (x - m) */
};

static void sum_piece(void *arg, size_t i)
{
  struct task *a = arg;
  struct piece p = piece_of(a->b, a->cut, i);
  a->sum[i] = a->kernels->sum(a->x + p.offset, p.b);
}

static void square_piece(void *arg, size_t i)
{
  struct task *a = arg;
  struct piece p = piece_of(a->b, a->cut, i);
  a->squares[i] = a->kernels->squares(a->x + p.offset, p.b);
}

static void deviate_piece(void *arg, size_t i)
{
  struct task *a = arg;
  struct piece p = piece_of(a->b, a->cut, i);
  struct sums s = a->kernels->deviations(a->x + p.offset, p.b, a->t.m);
  a->sum[i] = s.d;
  a->squares[i] = s.q;
}

static void apply_piece(void *arg, size_t i)
{
  struct task *a = arg;
  struct piece p = piece_of(a->b, a->cut, i);
  a->kernels->apply(a->y + p.offset, a->x + p.offset, p.b, a->t, a->gamma, a->beta);
}

static void apply_row_piece(void *arg, size_t i)
{
  struct task *a = arg;
  struct piece p = piece_of(a->b, a->cut, i);
  a->kernels->apply_row(a->y + p.offset, a->x + p.offset, p.b.cols, a->t, a->gammas ? a->gammas + p.offset : NULL,
                        a->betas ? a->betas + p.offset : NULL);
}

struct statistics opt_contiguous_centred(const float *x, struct block b, double eps, int threads)
{
  double sum[PIECES_MAX], squares[PIECES_MAX];
  struct task a = {
    .kernels = opt_kernels(), .x = x, .b = b, .cut = cut_block(b), .sum = sum, .squares = squares};
  const double m = (double)(b.rows * b.cols);
  opt_parallel(a.cut.pieces, threads, sum_piece, &a);
  a.t.m = opt_centre(opt_tree_sum(a.sum, a.cut.pieces, 1), m);
  opt_parallel(a.cut.pieces, threads, deviate_piece, &a);
  struct sums s = {opt_tree_sum(a.sum, a.cut.pieces, 1), opt_tree_sum(a.squares, a.cut.pieces, 1)};
  return opt_corrected(a.t.m, s, m, eps);
}

struct statistics opt_contiguous_rms(const float *x, struct block b, double eps, int threads)
{
  double squares[PIECES_MAX];
  struct task a = {.kernels = opt_kernels(), .x = x, .b = b, .cut = cut_block(b), .squares = squares};
  opt_parallel(a.cut.pieces, threads, square_piece, &a);
  return given_statistics(0.0, opt_tree_sum(a.squares, a.cut.pieces, 1) / (double)(b.rows * b.cols), eps);
}

void opt_contiguous_apply(float *y, const float *x, struct block b, struct statistics t, double gamma, double beta,
                          int threads)
{
  struct task a = {
    .kernels = opt_kernels(), .x = x, .y = y, .b = b, .cut = cut_block(b), .t = t, .gamma = gamma, .beta = beta};
  opt_parallel(a.cut.pieces, threads, apply_piece, &a);
}

void opt_contiguous_apply_row(float *y, const float *x, size_t n, struct statistics t, const float *gamma,
                              const float *beta, int threads)
{
  struct block b = {1, n, n};
  struct task a = {
    .kernels = opt_kernels(), .x = x, .y = y, .b = b, .cut = cut_block(b), .t = t, .gammas = gamma, .betas = beta};
  opt_parallel(a.cut.pieces, threads, apply_row_piece, &a);
}

/* ---- backward ---- */

static void multiply_piece(void *arg, size_t i)
{
  struct task *a = arg;
  struct piece p = piece_of(a->b, a->cut, i);
  struct sums s;
  struct products r = a->kernels->products(a->squares ? &s : NULL, a->dy + p.offset, a->x + p.offset,
                                           a->gammas ? a->gammas + p.offset : NULL, p.b, a->t.m);
  a->gradients[i] = r.g;
  a->slopes[i] = r.h;
  if (!a->squares) return;
  a->sum[i] = s.d;
  a->squares[i] = s.q;
}

static void gradient_piece(void *arg, size_t i)
{
  struct task *a = arg;
  struct piece p = piece_of(a->b, a->cut, i);
  a->kernels->gradient(a->y + p.offset, a->dy + p.offset, a->x + p.offset, p.b, a->line);
}

static struct products all_products(struct task *a, int threads)
{
  opt_parallel(a->cut.pieces, threads, multiply_piece, a);
  return (struct products){opt_tree_sum(a->gradients, a->cut.pieces, 1), opt_tree_sum(a->slopes, a->cut.pieces, 1)};
}

struct products opt_contiguous_products(const float *dy, const float *x, const float *gamma, struct block b,
                                        struct statistics t, int threads)
{
  double gradients[PIECES_MAX], slopes[PIECES_MAX];
  struct task a = {.kernels = opt_kernels(), .x = x, .dy = dy, .b = b, .cut = cut_block(b), .t = t, .gammas = gamma,
                   .gradients = gradients, .slopes = slopes};
  if (a.cut.pieces == 1) return opt_about_mean(a.kernels->products(NULL, dy, x, gamma, b, t.m), t.c);
  return opt_about_mean(all_products(&a, threads), t.c);
}

/* A group of one piece, without the work of sharing it. */
static struct products small_centred_products(struct statistics *t, const float *dy, const float *x, const float *gamma,
                                              struct block b, double eps)
{
  const struct kernels *kernels = opt_kernels();
  const double m = (double)(b.rows * b.cols), mu = opt_centre(kernels->sum(x, b), m);
  struct sums s;
  struct products p = kernels->products(&s, dy, x, gamma, b, mu);
  *t = opt_corrected(mu, s, m, eps);
  return opt_about_mean(p, t->c);
}

struct products opt_contiguous_centred_products(struct statistics *t, const float *dy, const float *x, const float *gamma,
                                                struct block b, double eps, int threads)
{
  double sum[PIECES_MAX], squares[PIECES_MAX], gradients[PIECES_MAX], slopes[PIECES_MAX];
  struct task a = {.kernels = opt_kernels(), .x = x, .dy = dy, .b = b, .cut = cut_block(b), .gammas = gamma, .sum = sum,
                   .squares = squares, .gradients = gradients, .slopes = slopes};
  if (a.cut.pieces == 1) return small_centred_products(t, dy, x, gamma, b, eps);
  const double m = (double)(b.rows * b.cols);
  opt_parallel(a.cut.pieces, threads, sum_piece, &a);
  a.t.m = opt_centre(opt_tree_sum(sum, a.cut.pieces, 1), m);
  struct products p = all_products(&a, threads);
  struct sums s = {opt_tree_sum(sum, a.cut.pieces, 1), opt_tree_sum(squares, a.cut.pieces, 1)};
  *t = opt_corrected(a.t.m, s, m, eps);
  return opt_about_mean(p, t->c);
}

void opt_contiguous_gradient(float *dx, const float *dy, const float *x, struct block b, struct line k, int threads)
{
  struct task a = {.kernels = opt_kernels(), .x = x, .dy = dy, .y = dx, .b = b, .cut = cut_block(b), .line = k};
  a.line.shift -= k.slope * k.c;
  opt_parallel(a.cut.pieces, threads, gradient_piece, &a);
}
