/* SPDX-License-Identifier: Apache-2.0
   Normative: references for normalization layers. The public header: types, statuses, every prototype.

   Letters, as in the papers:  x input, y output, gamma and beta the affine parameters, mean and rstd the saved
   statistics, rstd = 1/sqrt(var + eps), var the population variance (divided by m, the number of elements of a group).
   Two libraries share these prototypes but for the last argument: ref_* (proved, plain; `work` is scratch memory that
   ref_*_work counts in doubles; nothing is allocated) and opt_* (multithreaded; `threads` 0 means all).

   The functions below are for tensors of float. Behind them, in normative_types.h, stand the same for other types, by suffix:
     _f64   double              _f16  binary16, _bf16  bfloat16, both as uint16_t; gamma, beta, lambda and their gradients too
     _f16_f32, _bf16_f32        16-bit tensors with gamma, beta, lambda and their gradients in float
   mean, rstd and running statistics are double in all of them.

   Every function returns a status. An error is decided before anything is written. NULL for gamma means 1, for beta 0;
   NULL for an output other than y means not wanted. y may be x itself, dx may be dy; nothing else may overlap. NaN and
   Inf in the data are no errors: they propagate as IEEE arithmetic has it, inside their own group; dx of a group whose
   gradient holds one is NaN throughout.

   Backward: with g = gamma dy, xhat = (x - mean) rstd, and means over the group,
     dx = rstd (g - mean(g) - xhat mean(g xhat))    dgamma = sum dy xhat    dbeta = sum dy
   the sums over all that shares the parameter; gradients are overwritten, not added to. mean and rstd are those that
   forward saved, taken as exact, or NULL: then they are computed again from x. */
#ifndef NORMATIVE_H
#define NORMATIVE_H
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
  NORMATIVE_OK = 0,
  NORMATIVE_E_NULL,      /* a required pointer is NULL */
  NORMATIVE_E_EPS,       /* eps is negative, NaN or infinite */
  NORMATIVE_E_MOMENTUM,  /* momentum outside [0,1], or a batch number below 1 */
  NORMATIVE_E_ARGUMENT,  /* not one of its values: an enumeration, lambdas */
  NORMATIVE_E_GROUPS,    /* C is not a multiple of the number of groups */
  NORMATIVE_E_SIZE,      /* a product of sizes overflows, or a group has more than 2^30 elements */
  NORMATIVE_E_OVERLAP,   /* an output overlaps another argument, other than y == x or dx == dy */
  NORMATIVE_E_VARIANCE,  /* an unbiased running variance from groups of one element */
  NORMATIVE_E_EMPTY,     /* a running update from an empty group */
  NORMATIVE_E_MEMORY     /* no memory for a kernel's scratch (opt_* only) */
} normative_status;

/* What a status means, in words; never NULL. */
const char *normative_status_text(normative_status status);

/* Memory order of a tensor (N,C,S), S the product of the spatial sizes. */
typedef enum {
  NORMATIVE_NCS = 1, /* element (n,c,s) at (n*C + c)*S + s: contiguous NCHW */
  NORMATIVE_NSC      /* element (n,c,s) at (n*S + s)*C + c: channels-last */
} normative_layout;

/* How running statistics take in the batch's statistic b. */
typedef enum {
  NORMATIVE_MOMENTUM_NEW = 1,   /* r <- (1-momentum) r + momentum b       PyTorch, momentum 0.1 */
  NORMATIVE_MOMENTUM_OLD,       /* r <- momentum r + (1-momentum) b       Keras 0.99, ONNX 0.9, textbooks 0.9 */
  NORMATIVE_MOMENTUM_CUMULATIVE /* r <- r + (b - r)/t                     momentum is t, the batch's number from 1 */
} normative_momentum;

/* Which variance enters running_var. */
typedef enum {
  NORMATIVE_UNBIASED = 1, /* m/(m-1) var: PyTorch, TensorFlow fused */
  NORMATIVE_POPULATION    /* var: ONNX, Keras, Flax, textbooks */
} normative_estimator;

/* LayerNorm (Ba, Kiros, Hinton, arXiv 1607.06450). x, y: rows x cols; gamma, beta: cols; mean, rstd: rows.
     y = gamma (x - mean) rstd + beta, the statistics of each row its own. */
size_t ref_layernorm_work(size_t rows, size_t cols);
normative_status ref_layernorm_forward_f32(float *y, double *mean, double *rstd, const float *x, const float *gamma,
                                           const float *beta, size_t rows, size_t cols, double eps, double *work);
normative_status opt_layernorm_forward_f32(float *y, double *mean, double *rstd, const float *x, const float *gamma,
                                           const float *beta, size_t rows, size_t cols, double eps, int threads);

/* Backward. dx, dy: rows x cols; dgamma, dbeta: cols; mean, rstd: rows, both or neither. */
size_t ref_layernorm_backward_work(size_t rows, size_t cols);
normative_status ref_layernorm_backward_f32(float *dx, float *dgamma, float *dbeta, const float *dy, const float *x,
                                            const float *gamma, const double *mean, const double *rstd, size_t rows,
                                            size_t cols, double eps, double *work);
normative_status opt_layernorm_backward_f32(float *dx, float *dgamma, float *dbeta, const float *dy, const float *x,
                                            const float *gamma, const double *mean, const double *rstd, size_t rows,
                                            size_t cols, double eps, int threads);

/* LayerNorm of x + residual, the exact sum, and that sum itself, each rounded once. sum, residual: rows x cols. y or sum may
   be x or residual itself, not both the same. Backward is that of LayerNorm with x = sum, dx being the gradient of both. */
normative_status ref_layernorm_residual_forward_f32(float *y, float *sum, double *mean, double *rstd, const float *x,
                                                    const float *residual, const float *gamma, const float *beta,
                                                    size_t rows, size_t cols, double eps, double *work);
normative_status opt_layernorm_residual_forward_f32(float *y, float *sum, double *mean, double *rstd, const float *x,
                                                    const float *residual, const float *gamma, const float *beta,
                                                    size_t rows, size_t cols, double eps, int threads);

/* RMSNorm (Zhang, Sennrich, arXiv 1910.07467). x, y: rows x cols; gamma, beta: cols; rstd: rows.
     y = gamma x rstd + beta, rstd = 1/sqrt(mean(x^2) + eps) of each row. */
size_t ref_rmsnorm_work(size_t rows, size_t cols);
normative_status ref_rmsnorm_forward_f32(float *y, double *rstd, const float *x, const float *gamma, const float *beta,
                                         size_t rows, size_t cols, double eps, double *work);
normative_status opt_rmsnorm_forward_f32(float *y, double *rstd, const float *x, const float *gamma, const float *beta,
                                         size_t rows, size_t cols, double eps, int threads);

/* Backward, without mean(g):  dx = rstd (g - xhat mean(g xhat)),  xhat = x rstd. dgamma, dbeta: cols; rstd: rows. */
size_t ref_rmsnorm_backward_work(size_t rows, size_t cols);
normative_status ref_rmsnorm_backward_f32(float *dx, float *dgamma, float *dbeta, const float *dy, const float *x,
                                          const float *gamma, const double *rstd, size_t rows, size_t cols, double eps,
                                          double *work);
normative_status opt_rmsnorm_backward_f32(float *dx, float *dgamma, float *dbeta, const float *dy, const float *x,
                                          const float *gamma, const double *rstd, size_t rows, size_t cols, double eps,
                                          int threads);

/* RMSNorm of x + residual, a sum in double, and the sum itself, likewise. */
normative_status ref_rmsnorm_residual_forward_f32(float *y, float *sum, double *rstd, const float *x,
                                                  const float *residual, const float *gamma, const float *beta,
                                                  size_t rows, size_t cols, double eps, double *work);
normative_status opt_rmsnorm_residual_forward_f32(float *y, float *sum, double *rstd, const float *x,
                                                  const float *residual, const float *gamma, const float *beta,
                                                  size_t rows, size_t cols, double eps, int threads);

/* BatchNorm, training (Ioffe, Szegedy, arXiv 1502.03167). x, y: n x c x s in `layout`; gamma, beta, mean, rstd,
   running_mean, running_var: c. Statistics of each channel over its m = n*s elements. running_mean and running_var,
   both or neither, are updated in place as `rule` and `estimator` say. */
size_t ref_batchnorm_work(size_t n, size_t c, size_t s);
normative_status ref_batchnorm_forward_f32(float *y, double *mean, double *rstd, double *running_mean,
                                           double *running_var, const float *x, const float *gamma, const float *beta,
                                           size_t n, size_t c, size_t s, normative_layout layout, double eps,
                                           double momentum, normative_momentum rule, normative_estimator estimator,
                                           double *work);
normative_status opt_batchnorm_forward_f32(float *y, double *mean, double *rstd, double *running_mean,
                                           double *running_var, const float *x, const float *gamma, const float *beta,
                                           size_t n, size_t c, size_t s, normative_layout layout, double eps,
                                           double momentum, normative_momentum rule, normative_estimator estimator,
                                           int threads);

/* Backward of training. dx, dy: n x c x s in `layout`; dgamma, dbeta: c; mean, rstd: c, both or neither. */
size_t ref_batchnorm_backward_work(size_t n, size_t c, size_t s);
normative_status ref_batchnorm_backward_f32(float *dx, float *dgamma, float *dbeta, const float *dy, const float *x,
                                            const float *gamma, const double *mean, const double *rstd, size_t n,
                                            size_t c, size_t s, normative_layout layout, double eps, double *work);
normative_status opt_batchnorm_backward_f32(float *dx, float *dgamma, float *dbeta, const float *dy, const float *x,
                                            const float *gamma, const double *mean, const double *rstd, size_t n,
                                            size_t c, size_t s, normative_layout layout, double eps, int threads);

/* BatchNorm, evaluation: y = gamma (x - running_mean) / sqrt(running_var + eps) + beta, per channel. */
normative_status ref_batchnorm_eval_forward_f32(float *y, const float *x, const float *gamma, const float *beta,
                                                const double *running_mean, const double *running_var, size_t n,
                                                size_t c, size_t s, normative_layout layout, double eps, double *work);
normative_status opt_batchnorm_eval_forward_f32(float *y, const float *x, const float *gamma, const float *beta,
                                                const double *running_mean, const double *running_var, size_t n,
                                                size_t c, size_t s, normative_layout layout, double eps, int threads);

/* Backward of evaluation, the statistics being constants:  dx = g / sqrt(running_var + eps). */
normative_status ref_batchnorm_eval_backward_f32(float *dx, float *dgamma, float *dbeta, const float *dy,
                                                 const float *x, const float *gamma, const double *running_mean,
                                                 const double *running_var, size_t n, size_t c, size_t s,
                                                 normative_layout layout, double eps, double *work);
normative_status opt_batchnorm_eval_backward_f32(float *dx, float *dgamma, float *dbeta, const float *dy,
                                                 const float *x, const float *gamma, const double *running_mean,
                                                 const double *running_var, size_t n, size_t c, size_t s,
                                                 normative_layout layout, double eps, int threads);

/* InstanceNorm (Ulyanov, Vedaldi, Lempitsky, arXiv 1607.08022). x, y: n x c x s in `layout`; gamma, beta: c; mean, rstd: n x c.
   Statistics of each sample and channel over its s elements. running_mean and running_var (c), both or neither, take in the
   mean over the samples of their estimates; evaluation with them is ref_batchnorm_eval_*. */
size_t ref_instancenorm_work(size_t n, size_t c, size_t s);
normative_status ref_instancenorm_forward_f32(float *y, double *mean, double *rstd, double *running_mean,
                                              double *running_var, const float *x, const float *gamma,
                                              const float *beta, size_t n, size_t c, size_t s,
                                              normative_layout layout, double eps, double momentum,
                                              normative_momentum rule, normative_estimator estimator, double *work);
normative_status opt_instancenorm_forward_f32(float *y, double *mean, double *rstd, double *running_mean,
                                              double *running_var, const float *x, const float *gamma,
                                              const float *beta, size_t n, size_t c, size_t s,
                                              normative_layout layout, double eps, double momentum,
                                              normative_momentum rule, normative_estimator estimator, int threads);

/* Backward. dx, dy: n x c x s in `layout`; dgamma, dbeta: c; mean, rstd: n x c, both or neither. */
size_t ref_instancenorm_backward_work(size_t n, size_t c, size_t s);
normative_status ref_instancenorm_backward_f32(float *dx, float *dgamma, float *dbeta, const float *dy,
                                               const float *x, const float *gamma, const double *mean,
                                               const double *rstd, size_t n, size_t c, size_t s,
                                               normative_layout layout, double eps, double *work);
normative_status opt_instancenorm_backward_f32(float *dx, float *dgamma, float *dbeta, const float *dy,
                                               const float *x, const float *gamma, const double *mean,
                                               const double *rstd, size_t n, size_t c, size_t s,
                                               normative_layout layout, double eps, int threads);

/* LayerNorm over channels (ConvNeXt's LayerNorm2d, arXiv 2201.03545). x, y: n x c x s in `layout`; gamma, beta: c; mean, rstd:
   n x s. Statistics of each sample and place over its c channels. */
size_t ref_layernorm_channels_work(size_t n, size_t c, size_t s);
normative_status ref_layernorm_channels_forward_f32(float *y, double *mean, double *rstd, const float *x,
                                                    const float *gamma, const float *beta, size_t n, size_t c,
                                                    size_t s, normative_layout layout, double eps, double *work);
normative_status opt_layernorm_channels_forward_f32(float *y, double *mean, double *rstd, const float *x,
                                                    const float *gamma, const float *beta, size_t n, size_t c,
                                                    size_t s, normative_layout layout, double eps, int threads);

/* Backward. dx, dy: n x c x s in `layout`; dgamma, dbeta: c; mean, rstd: n x s, both or neither. */
size_t ref_layernorm_channels_backward_work(size_t n, size_t c, size_t s);
normative_status ref_layernorm_channels_backward_f32(float *dx, float *dgamma, float *dbeta, const float *dy,
                                                     const float *x, const float *gamma, const double *mean,
                                                     const double *rstd, size_t n, size_t c, size_t s,
                                                     normative_layout layout, double eps, double *work);
normative_status opt_layernorm_channels_backward_f32(float *dx, float *dgamma, float *dbeta, const float *dy,
                                                     const float *x, const float *gamma, const double *mean,
                                                     const double *rstd, size_t n, size_t c, size_t s,
                                                     normative_layout layout, double eps, int threads);

/* GroupNorm (Wu, He, arXiv 1803.08494). x, y: n x c x s in `layout`; gamma, beta: c; mean, rstd: n x groups. Statistics of each
   sample over c/groups consecutive channels and all their s elements. */
size_t ref_groupnorm_work(size_t n, size_t c, size_t s, size_t groups);
normative_status ref_groupnorm_forward_f32(float *y, double *mean, double *rstd, const float *x, const float *gamma,
                                           const float *beta, size_t n, size_t c, size_t s, size_t groups,
                                           normative_layout layout, double eps, double *work);
normative_status opt_groupnorm_forward_f32(float *y, double *mean, double *rstd, const float *x, const float *gamma,
                                           const float *beta, size_t n, size_t c, size_t s, size_t groups,
                                           normative_layout layout, double eps, int threads);

/* Backward. dx, dy: n x c x s in `layout`; dgamma, dbeta: c; mean, rstd: n x groups, both or neither. */
size_t ref_groupnorm_backward_work(size_t n, size_t c, size_t s, size_t groups);
normative_status ref_groupnorm_backward_f32(float *dx, float *dgamma, float *dbeta, const float *dy, const float *x,
                                            const float *gamma, const double *mean, const double *rstd, size_t n,
                                            size_t c, size_t s, size_t groups, normative_layout layout, double eps,
                                            double *work);
normative_status opt_groupnorm_backward_f32(float *dx, float *dgamma, float *dbeta, const float *dy, const float *x,
                                            const float *gamma, const double *mean, const double *rstd, size_t n,
                                            size_t c, size_t s, size_t groups, normative_layout layout, double eps,
                                            int threads);

/* SwitchableNorm, training (Luo et al., arXiv 1806.10779). x, y: n x c x s in `layout`; gamma, beta: c; lambda_mean, lambda_var:
   `lambdas` entries, 3 in the order instance, layer, batch, or 2 without the batch's statistics (then no running ones).
     w = softmax(lambda_mean)   M = sum w_k mu_k    w' = softmax(lambda_var)   V = sum w'_k v_k
     y = gamma (x - M)/sqrt(V + eps) + beta
   mu_k, v_k: mean and population variance of the sample and channel, of the sample, of the channel. running_mean and
   running_var (c), both or neither, take in the channel's, m = n s in the estimator. NaN and Inf in x spread over the
   sample and the channel, whatever the weights. */
size_t ref_switchnorm_work(size_t n, size_t c, size_t s);
normative_status ref_switchnorm_forward_f32(float *y, double *running_mean, double *running_var, const float *x,
                                            const float *gamma, const float *beta, const float *lambda_mean,
                                            const float *lambda_var, size_t lambdas, size_t n, size_t c, size_t s,
                                            normative_layout layout, double eps, double momentum,
                                            normative_momentum rule, normative_estimator estimator, double *work);
normative_status opt_switchnorm_forward_f32(float *y, double *running_mean, double *running_var, const float *x,
                                            const float *gamma, const float *beta, const float *lambda_mean,
                                            const float *lambda_var, size_t lambdas, size_t n, size_t c, size_t s,
                                            normative_layout layout, double eps, double momentum,
                                            normative_momentum rule, normative_estimator estimator, int threads);

/* Backward. dlambda_mean, dlambda_var: `lambdas`, NULL where not wanted. */
size_t ref_switchnorm_backward_work(size_t n, size_t c, size_t s);
normative_status ref_switchnorm_backward_f32(float *dx, float *dgamma, float *dbeta, float *dlambda_mean,
                                             float *dlambda_var, const float *dy, const float *x, const float *gamma,
                                             const float *lambda_mean, const float *lambda_var, size_t lambdas,
                                             size_t n, size_t c, size_t s, normative_layout layout, double eps,
                                             double *work);
normative_status opt_switchnorm_backward_f32(float *dx, float *dgamma, float *dbeta, float *dlambda_mean,
                                             float *dlambda_var, const float *dy, const float *x, const float *gamma,
                                             const float *lambda_mean, const float *lambda_var, size_t lambdas,
                                             size_t n, size_t c, size_t s, normative_layout layout, double eps,
                                             int threads);

/* SwitchableNorm, evaluation: running_mean and running_var in place of the batch's; three lambdas. */
normative_status ref_switchnorm_eval_forward_f32(float *y, const float *x, const float *gamma, const float *beta,
                                                 const float *lambda_mean, const float *lambda_var,
                                                 const double *running_mean, const double *running_var, size_t n,
                                                 size_t c, size_t s, normative_layout layout, double eps,
                                                 double *work);
normative_status opt_switchnorm_eval_forward_f32(float *y, const float *x, const float *gamma, const float *beta,
                                                 const float *lambda_mean, const float *lambda_var,
                                                 const double *running_mean, const double *running_var, size_t n,
                                                 size_t c, size_t s, normative_layout layout, double eps,
                                                 int threads);

/* Backward of evaluation, the running statistics being constants. */
normative_status ref_switchnorm_eval_backward_f32(float *dx, float *dgamma, float *dbeta, float *dlambda_mean,
                                                  float *dlambda_var, const float *dy, const float *x,
                                                  const float *gamma, const float *lambda_mean,
                                                  const float *lambda_var, const double *running_mean,
                                                  const double *running_var, size_t n, size_t c, size_t s,
                                                  normative_layout layout, double eps, double *work);
normative_status opt_switchnorm_eval_backward_f32(float *dx, float *dgamma, float *dbeta, float *dlambda_mean,
                                                  float *dlambda_var, const float *dy, const float *x,
                                                  const float *gamma, const float *lambda_mean,
                                                  const float *lambda_var, const double *running_mean,
                                                  const double *running_var, size_t n, size_t c, size_t s,
                                                  normative_layout layout, double eps, int threads);

#include "normative_types.h"

#ifdef __cplusplus
}
#endif
#endif
