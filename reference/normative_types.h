/* SPDX-License-Identifier: Apache-2.0
   Made by types.sh from normative.h, which includes it: every function for the other types. */

/* ---- double ---- */

normative_status ref_layernorm_forward_f64(double *y, double *mean, double *rstd, const double *x, const double *gamma,
                                           const double *beta, size_t rows, size_t cols, double eps, double *work);
normative_status opt_layernorm_forward_f64(double *y, double *mean, double *rstd, const double *x, const double *gamma,
                                           const double *beta, size_t rows, size_t cols, double eps, int threads);
normative_status ref_layernorm_backward_f64(double *dx, double *dgamma, double *dbeta, const double *dy,
                                            const double *x, const double *gamma, const double *mean,
                                            const double *rstd, size_t rows, size_t cols, double eps, double *work);
normative_status opt_layernorm_backward_f64(double *dx, double *dgamma, double *dbeta, const double *dy,
                                            const double *x, const double *gamma, const double *mean,
                                            const double *rstd, size_t rows, size_t cols, double eps, int threads);
normative_status ref_layernorm_residual_forward_f64(double *y, double *sum, double *mean, double *rstd, const double *x,
                                                    const double *residual, const double *gamma, const double *beta,
                                                    size_t rows, size_t cols, double eps, double *work);
normative_status opt_layernorm_residual_forward_f64(double *y, double *sum, double *mean, double *rstd, const double *x,
                                                    const double *residual, const double *gamma, const double *beta,
                                                    size_t rows, size_t cols, double eps, int threads);
normative_status ref_rmsnorm_forward_f64(double *y, double *rstd, const double *x, const double *gamma,
                                         const double *beta, size_t rows, size_t cols, double eps, double *work);
normative_status opt_rmsnorm_forward_f64(double *y, double *rstd, const double *x, const double *gamma,
                                         const double *beta, size_t rows, size_t cols, double eps, int threads);
normative_status ref_rmsnorm_backward_f64(double *dx, double *dgamma, double *dbeta, const double *dy, const double *x,
                                          const double *gamma, const double *rstd, size_t rows, size_t cols, double eps,
                                          double *work);
normative_status opt_rmsnorm_backward_f64(double *dx, double *dgamma, double *dbeta, const double *dy, const double *x,
                                          const double *gamma, const double *rstd, size_t rows, size_t cols, double eps,
                                          int threads);
normative_status ref_rmsnorm_residual_forward_f64(double *y, double *sum, double *rstd, const double *x,
                                                  const double *residual, const double *gamma, const double *beta,
                                                  size_t rows, size_t cols, double eps, double *work);
normative_status opt_rmsnorm_residual_forward_f64(double *y, double *sum, double *rstd, const double *x,
                                                  const double *residual, const double *gamma, const double *beta,
                                                  size_t rows, size_t cols, double eps, int threads);
normative_status ref_batchnorm_forward_f64(double *y, double *mean, double *rstd, double *running_mean,
                                           double *running_var, const double *x, const double *gamma,
                                           const double *beta, size_t n, size_t c, size_t s, normative_layout layout,
                                           double eps, double momentum, normative_momentum rule,
                                           normative_estimator estimator, double *work);
normative_status opt_batchnorm_forward_f64(double *y, double *mean, double *rstd, double *running_mean,
                                           double *running_var, const double *x, const double *gamma,
                                           const double *beta, size_t n, size_t c, size_t s, normative_layout layout,
                                           double eps, double momentum, normative_momentum rule,
                                           normative_estimator estimator, int threads);
normative_status ref_batchnorm_backward_f64(double *dx, double *dgamma, double *dbeta, const double *dy,
                                            const double *x, const double *gamma, const double *mean,
                                            const double *rstd, size_t n, size_t c, size_t s, normative_layout layout,
                                            double eps, double *work);
normative_status opt_batchnorm_backward_f64(double *dx, double *dgamma, double *dbeta, const double *dy,
                                            const double *x, const double *gamma, const double *mean,
                                            const double *rstd, size_t n, size_t c, size_t s, normative_layout layout,
                                            double eps, int threads);
normative_status ref_batchnorm_eval_forward_f64(double *y, const double *x, const double *gamma, const double *beta,
                                                const double *running_mean, const double *running_var, size_t n,
                                                size_t c, size_t s, normative_layout layout, double eps, double *work);
normative_status opt_batchnorm_eval_forward_f64(double *y, const double *x, const double *gamma, const double *beta,
                                                const double *running_mean, const double *running_var, size_t n,
                                                size_t c, size_t s, normative_layout layout, double eps, int threads);
normative_status ref_batchnorm_eval_backward_f64(double *dx, double *dgamma, double *dbeta, const double *dy,
                                                 const double *x, const double *gamma, const double *running_mean,
                                                 const double *running_var, size_t n, size_t c, size_t s,
                                                 normative_layout layout, double eps, double *work);
normative_status opt_batchnorm_eval_backward_f64(double *dx, double *dgamma, double *dbeta, const double *dy,
                                                 const double *x, const double *gamma, const double *running_mean,
                                                 const double *running_var, size_t n, size_t c, size_t s,
                                                 normative_layout layout, double eps, int threads);
normative_status ref_instancenorm_forward_f64(double *y, double *mean, double *rstd, double *running_mean,
                                              double *running_var, const double *x, const double *gamma,
                                              const double *beta, size_t n, size_t c, size_t s, normative_layout layout,
                                              double eps, double momentum, normative_momentum rule,
                                              normative_estimator estimator, double *work);
normative_status opt_instancenorm_forward_f64(double *y, double *mean, double *rstd, double *running_mean,
                                              double *running_var, const double *x, const double *gamma,
                                              const double *beta, size_t n, size_t c, size_t s, normative_layout layout,
                                              double eps, double momentum, normative_momentum rule,
                                              normative_estimator estimator, int threads);
normative_status ref_instancenorm_backward_f64(double *dx, double *dgamma, double *dbeta, const double *dy,
                                               const double *x, const double *gamma, const double *mean,
                                               const double *rstd, size_t n, size_t c, size_t s,
                                               normative_layout layout, double eps, double *work);
normative_status opt_instancenorm_backward_f64(double *dx, double *dgamma, double *dbeta, const double *dy,
                                               const double *x, const double *gamma, const double *mean,
                                               const double *rstd, size_t n, size_t c, size_t s,
                                               normative_layout layout, double eps, int threads);
normative_status ref_layernorm_channels_forward_f64(double *y, double *mean, double *rstd, const double *x,
                                                    const double *gamma, const double *beta, size_t n, size_t c,
                                                    size_t s, normative_layout layout, double eps, double *work);
normative_status opt_layernorm_channels_forward_f64(double *y, double *mean, double *rstd, const double *x,
                                                    const double *gamma, const double *beta, size_t n, size_t c,
                                                    size_t s, normative_layout layout, double eps, int threads);
normative_status ref_layernorm_channels_backward_f64(double *dx, double *dgamma, double *dbeta, const double *dy,
                                                     const double *x, const double *gamma, const double *mean,
                                                     const double *rstd, size_t n, size_t c, size_t s,
                                                     normative_layout layout, double eps, double *work);
normative_status opt_layernorm_channels_backward_f64(double *dx, double *dgamma, double *dbeta, const double *dy,
                                                     const double *x, const double *gamma, const double *mean,
                                                     const double *rstd, size_t n, size_t c, size_t s,
                                                     normative_layout layout, double eps, int threads);
normative_status ref_groupnorm_forward_f64(double *y, double *mean, double *rstd, const double *x, const double *gamma,
                                           const double *beta, size_t n, size_t c, size_t s, size_t groups,
                                           normative_layout layout, double eps, double *work);
normative_status opt_groupnorm_forward_f64(double *y, double *mean, double *rstd, const double *x, const double *gamma,
                                           const double *beta, size_t n, size_t c, size_t s, size_t groups,
                                           normative_layout layout, double eps, int threads);
normative_status ref_groupnorm_backward_f64(double *dx, double *dgamma, double *dbeta, const double *dy,
                                            const double *x, const double *gamma, const double *mean,
                                            const double *rstd, size_t n, size_t c, size_t s, size_t groups,
                                            normative_layout layout, double eps, double *work);
normative_status opt_groupnorm_backward_f64(double *dx, double *dgamma, double *dbeta, const double *dy,
                                            const double *x, const double *gamma, const double *mean,
                                            const double *rstd, size_t n, size_t c, size_t s, size_t groups,
                                            normative_layout layout, double eps, int threads);
normative_status ref_switchnorm_forward_f64(double *y, double *running_mean, double *running_var, const double *x,
                                            const double *gamma, const double *beta, const double *lambda_mean,
                                            const double *lambda_var, size_t lambdas, size_t n, size_t c, size_t s,
                                            normative_layout layout, double eps, double momentum,
                                            normative_momentum rule, normative_estimator estimator, double *work);
normative_status opt_switchnorm_forward_f64(double *y, double *running_mean, double *running_var, const double *x,
                                            const double *gamma, const double *beta, const double *lambda_mean,
                                            const double *lambda_var, size_t lambdas, size_t n, size_t c, size_t s,
                                            normative_layout layout, double eps, double momentum,
                                            normative_momentum rule, normative_estimator estimator, int threads);
normative_status ref_switchnorm_backward_f64(double *dx, double *dgamma, double *dbeta, double *dlambda_mean,
                                             double *dlambda_var, const double *dy, const double *x,
                                             const double *gamma, const double *lambda_mean, const double *lambda_var,
                                             size_t lambdas, size_t n, size_t c, size_t s, normative_layout layout,
                                             double eps, double *work);
normative_status opt_switchnorm_backward_f64(double *dx, double *dgamma, double *dbeta, double *dlambda_mean,
                                             double *dlambda_var, const double *dy, const double *x,
                                             const double *gamma, const double *lambda_mean, const double *lambda_var,
                                             size_t lambdas, size_t n, size_t c, size_t s, normative_layout layout,
                                             double eps, int threads);
normative_status ref_switchnorm_eval_forward_f64(double *y, const double *x, const double *gamma, const double *beta,
                                                 const double *lambda_mean, const double *lambda_var,
                                                 const double *running_mean, const double *running_var, size_t n,
                                                 size_t c, size_t s, normative_layout layout, double eps, double *work);
normative_status opt_switchnorm_eval_forward_f64(double *y, const double *x, const double *gamma, const double *beta,
                                                 const double *lambda_mean, const double *lambda_var,
                                                 const double *running_mean, const double *running_var, size_t n,
                                                 size_t c, size_t s, normative_layout layout, double eps, int threads);
normative_status ref_switchnorm_eval_backward_f64(double *dx, double *dgamma, double *dbeta, double *dlambda_mean,
                                                  double *dlambda_var, const double *dy, const double *x,
                                                  const double *gamma, const double *lambda_mean,
                                                  const double *lambda_var, const double *running_mean,
                                                  const double *running_var, size_t n, size_t c, size_t s,
                                                  normative_layout layout, double eps, double *work);
normative_status opt_switchnorm_eval_backward_f64(double *dx, double *dgamma, double *dbeta, double *dlambda_mean,
                                                  double *dlambda_var, const double *dy, const double *x,
                                                  const double *gamma, const double *lambda_mean,
                                                  const double *lambda_var, const double *running_mean,
                                                  const double *running_var, size_t n, size_t c, size_t s,
                                                  normative_layout layout, double eps, int threads);

/* ---- binary16 ---- */

normative_status ref_layernorm_forward_f16(uint16_t *y, double *mean, double *rstd, const uint16_t *x,
                                           const uint16_t *gamma, const uint16_t *beta, size_t rows, size_t cols,
                                           double eps, double *work);
normative_status opt_layernorm_forward_f16(uint16_t *y, double *mean, double *rstd, const uint16_t *x,
                                           const uint16_t *gamma, const uint16_t *beta, size_t rows, size_t cols,
                                           double eps, int threads);
normative_status ref_layernorm_backward_f16(uint16_t *dx, uint16_t *dgamma, uint16_t *dbeta, const uint16_t *dy,
                                            const uint16_t *x, const uint16_t *gamma, const double *mean,
                                            const double *rstd, size_t rows, size_t cols, double eps, double *work);
normative_status opt_layernorm_backward_f16(uint16_t *dx, uint16_t *dgamma, uint16_t *dbeta, const uint16_t *dy,
                                            const uint16_t *x, const uint16_t *gamma, const double *mean,
                                            const double *rstd, size_t rows, size_t cols, double eps, int threads);
normative_status ref_layernorm_residual_forward_f16(uint16_t *y, uint16_t *sum, double *mean, double *rstd,
                                                    const uint16_t *x, const uint16_t *residual, const uint16_t *gamma,
                                                    const uint16_t *beta, size_t rows, size_t cols, double eps,
                                                    double *work);
normative_status opt_layernorm_residual_forward_f16(uint16_t *y, uint16_t *sum, double *mean, double *rstd,
                                                    const uint16_t *x, const uint16_t *residual, const uint16_t *gamma,
                                                    const uint16_t *beta, size_t rows, size_t cols, double eps,
                                                    int threads);
normative_status ref_rmsnorm_forward_f16(uint16_t *y, double *rstd, const uint16_t *x, const uint16_t *gamma,
                                         const uint16_t *beta, size_t rows, size_t cols, double eps, double *work);
normative_status opt_rmsnorm_forward_f16(uint16_t *y, double *rstd, const uint16_t *x, const uint16_t *gamma,
                                         const uint16_t *beta, size_t rows, size_t cols, double eps, int threads);
normative_status ref_rmsnorm_backward_f16(uint16_t *dx, uint16_t *dgamma, uint16_t *dbeta, const uint16_t *dy,
                                          const uint16_t *x, const uint16_t *gamma, const double *rstd, size_t rows,
                                          size_t cols, double eps, double *work);
normative_status opt_rmsnorm_backward_f16(uint16_t *dx, uint16_t *dgamma, uint16_t *dbeta, const uint16_t *dy,
                                          const uint16_t *x, const uint16_t *gamma, const double *rstd, size_t rows,
                                          size_t cols, double eps, int threads);
normative_status ref_rmsnorm_residual_forward_f16(uint16_t *y, uint16_t *sum, double *rstd, const uint16_t *x,
                                                  const uint16_t *residual, const uint16_t *gamma, const uint16_t *beta,
                                                  size_t rows, size_t cols, double eps, double *work);
normative_status opt_rmsnorm_residual_forward_f16(uint16_t *y, uint16_t *sum, double *rstd, const uint16_t *x,
                                                  const uint16_t *residual, const uint16_t *gamma, const uint16_t *beta,
                                                  size_t rows, size_t cols, double eps, int threads);
normative_status ref_batchnorm_forward_f16(uint16_t *y, double *mean, double *rstd, double *running_mean,
                                           double *running_var, const uint16_t *x, const uint16_t *gamma,
                                           const uint16_t *beta, size_t n, size_t c, size_t s, normative_layout layout,
                                           double eps, double momentum, normative_momentum rule,
                                           normative_estimator estimator, double *work);
normative_status opt_batchnorm_forward_f16(uint16_t *y, double *mean, double *rstd, double *running_mean,
                                           double *running_var, const uint16_t *x, const uint16_t *gamma,
                                           const uint16_t *beta, size_t n, size_t c, size_t s, normative_layout layout,
                                           double eps, double momentum, normative_momentum rule,
                                           normative_estimator estimator, int threads);
normative_status ref_batchnorm_backward_f16(uint16_t *dx, uint16_t *dgamma, uint16_t *dbeta, const uint16_t *dy,
                                            const uint16_t *x, const uint16_t *gamma, const double *mean,
                                            const double *rstd, size_t n, size_t c, size_t s, normative_layout layout,
                                            double eps, double *work);
normative_status opt_batchnorm_backward_f16(uint16_t *dx, uint16_t *dgamma, uint16_t *dbeta, const uint16_t *dy,
                                            const uint16_t *x, const uint16_t *gamma, const double *mean,
                                            const double *rstd, size_t n, size_t c, size_t s, normative_layout layout,
                                            double eps, int threads);
normative_status ref_batchnorm_eval_forward_f16(uint16_t *y, const uint16_t *x, const uint16_t *gamma,
                                                const uint16_t *beta, const double *running_mean,
                                                const double *running_var, size_t n, size_t c, size_t s,
                                                normative_layout layout, double eps, double *work);
normative_status opt_batchnorm_eval_forward_f16(uint16_t *y, const uint16_t *x, const uint16_t *gamma,
                                                const uint16_t *beta, const double *running_mean,
                                                const double *running_var, size_t n, size_t c, size_t s,
                                                normative_layout layout, double eps, int threads);
normative_status ref_batchnorm_eval_backward_f16(uint16_t *dx, uint16_t *dgamma, uint16_t *dbeta, const uint16_t *dy,
                                                 const uint16_t *x, const uint16_t *gamma, const double *running_mean,
                                                 const double *running_var, size_t n, size_t c, size_t s,
                                                 normative_layout layout, double eps, double *work);
normative_status opt_batchnorm_eval_backward_f16(uint16_t *dx, uint16_t *dgamma, uint16_t *dbeta, const uint16_t *dy,
                                                 const uint16_t *x, const uint16_t *gamma, const double *running_mean,
                                                 const double *running_var, size_t n, size_t c, size_t s,
                                                 normative_layout layout, double eps, int threads);
normative_status ref_instancenorm_forward_f16(uint16_t *y, double *mean, double *rstd, double *running_mean,
                                              double *running_var, const uint16_t *x, const uint16_t *gamma,
                                              const uint16_t *beta, size_t n, size_t c, size_t s,
                                              normative_layout layout, double eps, double momentum,
                                              normative_momentum rule, normative_estimator estimator, double *work);
normative_status opt_instancenorm_forward_f16(uint16_t *y, double *mean, double *rstd, double *running_mean,
                                              double *running_var, const uint16_t *x, const uint16_t *gamma,
                                              const uint16_t *beta, size_t n, size_t c, size_t s,
                                              normative_layout layout, double eps, double momentum,
                                              normative_momentum rule, normative_estimator estimator, int threads);
normative_status ref_instancenorm_backward_f16(uint16_t *dx, uint16_t *dgamma, uint16_t *dbeta, const uint16_t *dy,
                                               const uint16_t *x, const uint16_t *gamma, const double *mean,
                                               const double *rstd, size_t n, size_t c, size_t s,
                                               normative_layout layout, double eps, double *work);
normative_status opt_instancenorm_backward_f16(uint16_t *dx, uint16_t *dgamma, uint16_t *dbeta, const uint16_t *dy,
                                               const uint16_t *x, const uint16_t *gamma, const double *mean,
                                               const double *rstd, size_t n, size_t c, size_t s,
                                               normative_layout layout, double eps, int threads);
normative_status ref_layernorm_channels_forward_f16(uint16_t *y, double *mean, double *rstd, const uint16_t *x,
                                                    const uint16_t *gamma, const uint16_t *beta, size_t n, size_t c,
                                                    size_t s, normative_layout layout, double eps, double *work);
normative_status opt_layernorm_channels_forward_f16(uint16_t *y, double *mean, double *rstd, const uint16_t *x,
                                                    const uint16_t *gamma, const uint16_t *beta, size_t n, size_t c,
                                                    size_t s, normative_layout layout, double eps, int threads);
normative_status ref_layernorm_channels_backward_f16(uint16_t *dx, uint16_t *dgamma, uint16_t *dbeta,
                                                     const uint16_t *dy, const uint16_t *x, const uint16_t *gamma,
                                                     const double *mean, const double *rstd, size_t n, size_t c,
                                                     size_t s, normative_layout layout, double eps, double *work);
normative_status opt_layernorm_channels_backward_f16(uint16_t *dx, uint16_t *dgamma, uint16_t *dbeta,
                                                     const uint16_t *dy, const uint16_t *x, const uint16_t *gamma,
                                                     const double *mean, const double *rstd, size_t n, size_t c,
                                                     size_t s, normative_layout layout, double eps, int threads);
normative_status ref_groupnorm_forward_f16(uint16_t *y, double *mean, double *rstd, const uint16_t *x,
                                           const uint16_t *gamma, const uint16_t *beta, size_t n, size_t c, size_t s,
                                           size_t groups, normative_layout layout, double eps, double *work);
normative_status opt_groupnorm_forward_f16(uint16_t *y, double *mean, double *rstd, const uint16_t *x,
                                           const uint16_t *gamma, const uint16_t *beta, size_t n, size_t c, size_t s,
                                           size_t groups, normative_layout layout, double eps, int threads);
normative_status ref_groupnorm_backward_f16(uint16_t *dx, uint16_t *dgamma, uint16_t *dbeta, const uint16_t *dy,
                                            const uint16_t *x, const uint16_t *gamma, const double *mean,
                                            const double *rstd, size_t n, size_t c, size_t s, size_t groups,
                                            normative_layout layout, double eps, double *work);
normative_status opt_groupnorm_backward_f16(uint16_t *dx, uint16_t *dgamma, uint16_t *dbeta, const uint16_t *dy,
                                            const uint16_t *x, const uint16_t *gamma, const double *mean,
                                            const double *rstd, size_t n, size_t c, size_t s, size_t groups,
                                            normative_layout layout, double eps, int threads);
normative_status ref_switchnorm_forward_f16(uint16_t *y, double *running_mean, double *running_var, const uint16_t *x,
                                            const uint16_t *gamma, const uint16_t *beta, const uint16_t *lambda_mean,
                                            const uint16_t *lambda_var, size_t lambdas, size_t n, size_t c, size_t s,
                                            normative_layout layout, double eps, double momentum,
                                            normative_momentum rule, normative_estimator estimator, double *work);
normative_status opt_switchnorm_forward_f16(uint16_t *y, double *running_mean, double *running_var, const uint16_t *x,
                                            const uint16_t *gamma, const uint16_t *beta, const uint16_t *lambda_mean,
                                            const uint16_t *lambda_var, size_t lambdas, size_t n, size_t c, size_t s,
                                            normative_layout layout, double eps, double momentum,
                                            normative_momentum rule, normative_estimator estimator, int threads);
normative_status ref_switchnorm_backward_f16(uint16_t *dx, uint16_t *dgamma, uint16_t *dbeta, uint16_t *dlambda_mean,
                                             uint16_t *dlambda_var, const uint16_t *dy, const uint16_t *x,
                                             const uint16_t *gamma, const uint16_t *lambda_mean,
                                             const uint16_t *lambda_var, size_t lambdas, size_t n, size_t c, size_t s,
                                             normative_layout layout, double eps, double *work);
normative_status opt_switchnorm_backward_f16(uint16_t *dx, uint16_t *dgamma, uint16_t *dbeta, uint16_t *dlambda_mean,
                                             uint16_t *dlambda_var, const uint16_t *dy, const uint16_t *x,
                                             const uint16_t *gamma, const uint16_t *lambda_mean,
                                             const uint16_t *lambda_var, size_t lambdas, size_t n, size_t c, size_t s,
                                             normative_layout layout, double eps, int threads);
normative_status ref_switchnorm_eval_forward_f16(uint16_t *y, const uint16_t *x, const uint16_t *gamma,
                                                 const uint16_t *beta, const uint16_t *lambda_mean,
                                                 const uint16_t *lambda_var, const double *running_mean,
                                                 const double *running_var, size_t n, size_t c, size_t s,
                                                 normative_layout layout, double eps, double *work);
normative_status opt_switchnorm_eval_forward_f16(uint16_t *y, const uint16_t *x, const uint16_t *gamma,
                                                 const uint16_t *beta, const uint16_t *lambda_mean,
                                                 const uint16_t *lambda_var, const double *running_mean,
                                                 const double *running_var, size_t n, size_t c, size_t s,
                                                 normative_layout layout, double eps, int threads);
normative_status ref_switchnorm_eval_backward_f16(uint16_t *dx, uint16_t *dgamma, uint16_t *dbeta,
                                                  uint16_t *dlambda_mean, uint16_t *dlambda_var, const uint16_t *dy,
                                                  const uint16_t *x, const uint16_t *gamma, const uint16_t *lambda_mean,
                                                  const uint16_t *lambda_var, const double *running_mean,
                                                  const double *running_var, size_t n, size_t c, size_t s,
                                                  normative_layout layout, double eps, double *work);
normative_status opt_switchnorm_eval_backward_f16(uint16_t *dx, uint16_t *dgamma, uint16_t *dbeta,
                                                  uint16_t *dlambda_mean, uint16_t *dlambda_var, const uint16_t *dy,
                                                  const uint16_t *x, const uint16_t *gamma, const uint16_t *lambda_mean,
                                                  const uint16_t *lambda_var, const double *running_mean,
                                                  const double *running_var, size_t n, size_t c, size_t s,
                                                  normative_layout layout, double eps, int threads);

/* ---- binary16, parameters float ---- */

normative_status ref_layernorm_forward_f16_f32(uint16_t *y, double *mean, double *rstd, const uint16_t *x,
                                               const float *gamma, const float *beta, size_t rows, size_t cols,
                                               double eps, double *work);
normative_status opt_layernorm_forward_f16_f32(uint16_t *y, double *mean, double *rstd, const uint16_t *x,
                                               const float *gamma, const float *beta, size_t rows, size_t cols,
                                               double eps, int threads);
normative_status ref_layernorm_backward_f16_f32(uint16_t *dx, float *dgamma, float *dbeta, const uint16_t *dy,
                                                const uint16_t *x, const float *gamma, const double *mean,
                                                const double *rstd, size_t rows, size_t cols, double eps, double *work);
normative_status opt_layernorm_backward_f16_f32(uint16_t *dx, float *dgamma, float *dbeta, const uint16_t *dy,
                                                const uint16_t *x, const float *gamma, const double *mean,
                                                const double *rstd, size_t rows, size_t cols, double eps, int threads);
normative_status ref_layernorm_residual_forward_f16_f32(uint16_t *y, uint16_t *sum, double *mean, double *rstd,
                                                        const uint16_t *x, const uint16_t *residual, const float *gamma,
                                                        const float *beta, size_t rows, size_t cols, double eps,
                                                        double *work);
normative_status opt_layernorm_residual_forward_f16_f32(uint16_t *y, uint16_t *sum, double *mean, double *rstd,
                                                        const uint16_t *x, const uint16_t *residual, const float *gamma,
                                                        const float *beta, size_t rows, size_t cols, double eps,
                                                        int threads);
normative_status ref_rmsnorm_forward_f16_f32(uint16_t *y, double *rstd, const uint16_t *x, const float *gamma,
                                             const float *beta, size_t rows, size_t cols, double eps, double *work);
normative_status opt_rmsnorm_forward_f16_f32(uint16_t *y, double *rstd, const uint16_t *x, const float *gamma,
                                             const float *beta, size_t rows, size_t cols, double eps, int threads);
normative_status ref_rmsnorm_backward_f16_f32(uint16_t *dx, float *dgamma, float *dbeta, const uint16_t *dy,
                                              const uint16_t *x, const float *gamma, const double *rstd, size_t rows,
                                              size_t cols, double eps, double *work);
normative_status opt_rmsnorm_backward_f16_f32(uint16_t *dx, float *dgamma, float *dbeta, const uint16_t *dy,
                                              const uint16_t *x, const float *gamma, const double *rstd, size_t rows,
                                              size_t cols, double eps, int threads);
normative_status ref_rmsnorm_residual_forward_f16_f32(uint16_t *y, uint16_t *sum, double *rstd, const uint16_t *x,
                                                      const uint16_t *residual, const float *gamma, const float *beta,
                                                      size_t rows, size_t cols, double eps, double *work);
normative_status opt_rmsnorm_residual_forward_f16_f32(uint16_t *y, uint16_t *sum, double *rstd, const uint16_t *x,
                                                      const uint16_t *residual, const float *gamma, const float *beta,
                                                      size_t rows, size_t cols, double eps, int threads);
normative_status ref_batchnorm_forward_f16_f32(uint16_t *y, double *mean, double *rstd, double *running_mean,
                                               double *running_var, const uint16_t *x, const float *gamma,
                                               const float *beta, size_t n, size_t c, size_t s, normative_layout layout,
                                               double eps, double momentum, normative_momentum rule,
                                               normative_estimator estimator, double *work);
normative_status opt_batchnorm_forward_f16_f32(uint16_t *y, double *mean, double *rstd, double *running_mean,
                                               double *running_var, const uint16_t *x, const float *gamma,
                                               const float *beta, size_t n, size_t c, size_t s, normative_layout layout,
                                               double eps, double momentum, normative_momentum rule,
                                               normative_estimator estimator, int threads);
normative_status ref_batchnorm_backward_f16_f32(uint16_t *dx, float *dgamma, float *dbeta, const uint16_t *dy,
                                                const uint16_t *x, const float *gamma, const double *mean,
                                                const double *rstd, size_t n, size_t c, size_t s,
                                                normative_layout layout, double eps, double *work);
normative_status opt_batchnorm_backward_f16_f32(uint16_t *dx, float *dgamma, float *dbeta, const uint16_t *dy,
                                                const uint16_t *x, const float *gamma, const double *mean,
                                                const double *rstd, size_t n, size_t c, size_t s,
                                                normative_layout layout, double eps, int threads);
normative_status ref_batchnorm_eval_forward_f16_f32(uint16_t *y, const uint16_t *x, const float *gamma,
                                                    const float *beta, const double *running_mean,
                                                    const double *running_var, size_t n, size_t c, size_t s,
                                                    normative_layout layout, double eps, double *work);
normative_status opt_batchnorm_eval_forward_f16_f32(uint16_t *y, const uint16_t *x, const float *gamma,
                                                    const float *beta, const double *running_mean,
                                                    const double *running_var, size_t n, size_t c, size_t s,
                                                    normative_layout layout, double eps, int threads);
normative_status ref_batchnorm_eval_backward_f16_f32(uint16_t *dx, float *dgamma, float *dbeta, const uint16_t *dy,
                                                     const uint16_t *x, const float *gamma, const double *running_mean,
                                                     const double *running_var, size_t n, size_t c, size_t s,
                                                     normative_layout layout, double eps, double *work);
normative_status opt_batchnorm_eval_backward_f16_f32(uint16_t *dx, float *dgamma, float *dbeta, const uint16_t *dy,
                                                     const uint16_t *x, const float *gamma, const double *running_mean,
                                                     const double *running_var, size_t n, size_t c, size_t s,
                                                     normative_layout layout, double eps, int threads);
normative_status ref_instancenorm_forward_f16_f32(uint16_t *y, double *mean, double *rstd, double *running_mean,
                                                  double *running_var, const uint16_t *x, const float *gamma,
                                                  const float *beta, size_t n, size_t c, size_t s,
                                                  normative_layout layout, double eps, double momentum,
                                                  normative_momentum rule, normative_estimator estimator, double *work);
normative_status opt_instancenorm_forward_f16_f32(uint16_t *y, double *mean, double *rstd, double *running_mean,
                                                  double *running_var, const uint16_t *x, const float *gamma,
                                                  const float *beta, size_t n, size_t c, size_t s,
                                                  normative_layout layout, double eps, double momentum,
                                                  normative_momentum rule, normative_estimator estimator, int threads);
normative_status ref_instancenorm_backward_f16_f32(uint16_t *dx, float *dgamma, float *dbeta, const uint16_t *dy,
                                                   const uint16_t *x, const float *gamma, const double *mean,
                                                   const double *rstd, size_t n, size_t c, size_t s,
                                                   normative_layout layout, double eps, double *work);
normative_status opt_instancenorm_backward_f16_f32(uint16_t *dx, float *dgamma, float *dbeta, const uint16_t *dy,
                                                   const uint16_t *x, const float *gamma, const double *mean,
                                                   const double *rstd, size_t n, size_t c, size_t s,
                                                   normative_layout layout, double eps, int threads);
normative_status ref_layernorm_channels_forward_f16_f32(uint16_t *y, double *mean, double *rstd, const uint16_t *x,
                                                        const float *gamma, const float *beta, size_t n, size_t c,
                                                        size_t s, normative_layout layout, double eps, double *work);
normative_status opt_layernorm_channels_forward_f16_f32(uint16_t *y, double *mean, double *rstd, const uint16_t *x,
                                                        const float *gamma, const float *beta, size_t n, size_t c,
                                                        size_t s, normative_layout layout, double eps, int threads);
normative_status ref_layernorm_channels_backward_f16_f32(uint16_t *dx, float *dgamma, float *dbeta, const uint16_t *dy,
                                                         const uint16_t *x, const float *gamma, const double *mean,
                                                         const double *rstd, size_t n, size_t c, size_t s,
                                                         normative_layout layout, double eps, double *work);
normative_status opt_layernorm_channels_backward_f16_f32(uint16_t *dx, float *dgamma, float *dbeta, const uint16_t *dy,
                                                         const uint16_t *x, const float *gamma, const double *mean,
                                                         const double *rstd, size_t n, size_t c, size_t s,
                                                         normative_layout layout, double eps, int threads);
normative_status ref_groupnorm_forward_f16_f32(uint16_t *y, double *mean, double *rstd, const uint16_t *x,
                                               const float *gamma, const float *beta, size_t n, size_t c, size_t s,
                                               size_t groups, normative_layout layout, double eps, double *work);
normative_status opt_groupnorm_forward_f16_f32(uint16_t *y, double *mean, double *rstd, const uint16_t *x,
                                               const float *gamma, const float *beta, size_t n, size_t c, size_t s,
                                               size_t groups, normative_layout layout, double eps, int threads);
normative_status ref_groupnorm_backward_f16_f32(uint16_t *dx, float *dgamma, float *dbeta, const uint16_t *dy,
                                                const uint16_t *x, const float *gamma, const double *mean,
                                                const double *rstd, size_t n, size_t c, size_t s, size_t groups,
                                                normative_layout layout, double eps, double *work);
normative_status opt_groupnorm_backward_f16_f32(uint16_t *dx, float *dgamma, float *dbeta, const uint16_t *dy,
                                                const uint16_t *x, const float *gamma, const double *mean,
                                                const double *rstd, size_t n, size_t c, size_t s, size_t groups,
                                                normative_layout layout, double eps, int threads);
normative_status ref_switchnorm_forward_f16_f32(uint16_t *y, double *running_mean, double *running_var,
                                                const uint16_t *x, const float *gamma, const float *beta,
                                                const float *lambda_mean, const float *lambda_var, size_t lambdas,
                                                size_t n, size_t c, size_t s, normative_layout layout, double eps,
                                                double momentum, normative_momentum rule, normative_estimator estimator,
                                                double *work);
normative_status opt_switchnorm_forward_f16_f32(uint16_t *y, double *running_mean, double *running_var,
                                                const uint16_t *x, const float *gamma, const float *beta,
                                                const float *lambda_mean, const float *lambda_var, size_t lambdas,
                                                size_t n, size_t c, size_t s, normative_layout layout, double eps,
                                                double momentum, normative_momentum rule, normative_estimator estimator,
                                                int threads);
normative_status ref_switchnorm_backward_f16_f32(uint16_t *dx, float *dgamma, float *dbeta, float *dlambda_mean,
                                                 float *dlambda_var, const uint16_t *dy, const uint16_t *x,
                                                 const float *gamma, const float *lambda_mean, const float *lambda_var,
                                                 size_t lambdas, size_t n, size_t c, size_t s, normative_layout layout,
                                                 double eps, double *work);
normative_status opt_switchnorm_backward_f16_f32(uint16_t *dx, float *dgamma, float *dbeta, float *dlambda_mean,
                                                 float *dlambda_var, const uint16_t *dy, const uint16_t *x,
                                                 const float *gamma, const float *lambda_mean, const float *lambda_var,
                                                 size_t lambdas, size_t n, size_t c, size_t s, normative_layout layout,
                                                 double eps, int threads);
normative_status ref_switchnorm_eval_forward_f16_f32(uint16_t *y, const uint16_t *x, const float *gamma,
                                                     const float *beta, const float *lambda_mean,
                                                     const float *lambda_var, const double *running_mean,
                                                     const double *running_var, size_t n, size_t c, size_t s,
                                                     normative_layout layout, double eps, double *work);
normative_status opt_switchnorm_eval_forward_f16_f32(uint16_t *y, const uint16_t *x, const float *gamma,
                                                     const float *beta, const float *lambda_mean,
                                                     const float *lambda_var, const double *running_mean,
                                                     const double *running_var, size_t n, size_t c, size_t s,
                                                     normative_layout layout, double eps, int threads);
normative_status ref_switchnorm_eval_backward_f16_f32(uint16_t *dx, float *dgamma, float *dbeta, float *dlambda_mean,
                                                      float *dlambda_var, const uint16_t *dy, const uint16_t *x,
                                                      const float *gamma, const float *lambda_mean,
                                                      const float *lambda_var, const double *running_mean,
                                                      const double *running_var, size_t n, size_t c, size_t s,
                                                      normative_layout layout, double eps, double *work);
normative_status opt_switchnorm_eval_backward_f16_f32(uint16_t *dx, float *dgamma, float *dbeta, float *dlambda_mean,
                                                      float *dlambda_var, const uint16_t *dy, const uint16_t *x,
                                                      const float *gamma, const float *lambda_mean,
                                                      const float *lambda_var, const double *running_mean,
                                                      const double *running_var, size_t n, size_t c, size_t s,
                                                      normative_layout layout, double eps, int threads);

/* ---- bfloat16 ---- */

normative_status ref_layernorm_forward_bf16(uint16_t *y, double *mean, double *rstd, const uint16_t *x,
                                            const uint16_t *gamma, const uint16_t *beta, size_t rows, size_t cols,
                                            double eps, double *work);
normative_status opt_layernorm_forward_bf16(uint16_t *y, double *mean, double *rstd, const uint16_t *x,
                                            const uint16_t *gamma, const uint16_t *beta, size_t rows, size_t cols,
                                            double eps, int threads);
normative_status ref_layernorm_backward_bf16(uint16_t *dx, uint16_t *dgamma, uint16_t *dbeta, const uint16_t *dy,
                                             const uint16_t *x, const uint16_t *gamma, const double *mean,
                                             const double *rstd, size_t rows, size_t cols, double eps, double *work);
normative_status opt_layernorm_backward_bf16(uint16_t *dx, uint16_t *dgamma, uint16_t *dbeta, const uint16_t *dy,
                                             const uint16_t *x, const uint16_t *gamma, const double *mean,
                                             const double *rstd, size_t rows, size_t cols, double eps, int threads);
normative_status ref_layernorm_residual_forward_bf16(uint16_t *y, uint16_t *sum, double *mean, double *rstd,
                                                     const uint16_t *x, const uint16_t *residual, const uint16_t *gamma,
                                                     const uint16_t *beta, size_t rows, size_t cols, double eps,
                                                     double *work);
normative_status opt_layernorm_residual_forward_bf16(uint16_t *y, uint16_t *sum, double *mean, double *rstd,
                                                     const uint16_t *x, const uint16_t *residual, const uint16_t *gamma,
                                                     const uint16_t *beta, size_t rows, size_t cols, double eps,
                                                     int threads);
normative_status ref_rmsnorm_forward_bf16(uint16_t *y, double *rstd, const uint16_t *x, const uint16_t *gamma,
                                          const uint16_t *beta, size_t rows, size_t cols, double eps, double *work);
normative_status opt_rmsnorm_forward_bf16(uint16_t *y, double *rstd, const uint16_t *x, const uint16_t *gamma,
                                          const uint16_t *beta, size_t rows, size_t cols, double eps, int threads);
normative_status ref_rmsnorm_backward_bf16(uint16_t *dx, uint16_t *dgamma, uint16_t *dbeta, const uint16_t *dy,
                                           const uint16_t *x, const uint16_t *gamma, const double *rstd, size_t rows,
                                           size_t cols, double eps, double *work);
normative_status opt_rmsnorm_backward_bf16(uint16_t *dx, uint16_t *dgamma, uint16_t *dbeta, const uint16_t *dy,
                                           const uint16_t *x, const uint16_t *gamma, const double *rstd, size_t rows,
                                           size_t cols, double eps, int threads);
normative_status ref_rmsnorm_residual_forward_bf16(uint16_t *y, uint16_t *sum, double *rstd, const uint16_t *x,
                                                   const uint16_t *residual, const uint16_t *gamma,
                                                   const uint16_t *beta, size_t rows, size_t cols, double eps,
                                                   double *work);
normative_status opt_rmsnorm_residual_forward_bf16(uint16_t *y, uint16_t *sum, double *rstd, const uint16_t *x,
                                                   const uint16_t *residual, const uint16_t *gamma,
                                                   const uint16_t *beta, size_t rows, size_t cols, double eps,
                                                   int threads);
normative_status ref_batchnorm_forward_bf16(uint16_t *y, double *mean, double *rstd, double *running_mean,
                                            double *running_var, const uint16_t *x, const uint16_t *gamma,
                                            const uint16_t *beta, size_t n, size_t c, size_t s, normative_layout layout,
                                            double eps, double momentum, normative_momentum rule,
                                            normative_estimator estimator, double *work);
normative_status opt_batchnorm_forward_bf16(uint16_t *y, double *mean, double *rstd, double *running_mean,
                                            double *running_var, const uint16_t *x, const uint16_t *gamma,
                                            const uint16_t *beta, size_t n, size_t c, size_t s, normative_layout layout,
                                            double eps, double momentum, normative_momentum rule,
                                            normative_estimator estimator, int threads);
normative_status ref_batchnorm_backward_bf16(uint16_t *dx, uint16_t *dgamma, uint16_t *dbeta, const uint16_t *dy,
                                             const uint16_t *x, const uint16_t *gamma, const double *mean,
                                             const double *rstd, size_t n, size_t c, size_t s, normative_layout layout,
                                             double eps, double *work);
normative_status opt_batchnorm_backward_bf16(uint16_t *dx, uint16_t *dgamma, uint16_t *dbeta, const uint16_t *dy,
                                             const uint16_t *x, const uint16_t *gamma, const double *mean,
                                             const double *rstd, size_t n, size_t c, size_t s, normative_layout layout,
                                             double eps, int threads);
normative_status ref_batchnorm_eval_forward_bf16(uint16_t *y, const uint16_t *x, const uint16_t *gamma,
                                                 const uint16_t *beta, const double *running_mean,
                                                 const double *running_var, size_t n, size_t c, size_t s,
                                                 normative_layout layout, double eps, double *work);
normative_status opt_batchnorm_eval_forward_bf16(uint16_t *y, const uint16_t *x, const uint16_t *gamma,
                                                 const uint16_t *beta, const double *running_mean,
                                                 const double *running_var, size_t n, size_t c, size_t s,
                                                 normative_layout layout, double eps, int threads);
normative_status ref_batchnorm_eval_backward_bf16(uint16_t *dx, uint16_t *dgamma, uint16_t *dbeta, const uint16_t *dy,
                                                  const uint16_t *x, const uint16_t *gamma, const double *running_mean,
                                                  const double *running_var, size_t n, size_t c, size_t s,
                                                  normative_layout layout, double eps, double *work);
normative_status opt_batchnorm_eval_backward_bf16(uint16_t *dx, uint16_t *dgamma, uint16_t *dbeta, const uint16_t *dy,
                                                  const uint16_t *x, const uint16_t *gamma, const double *running_mean,
                                                  const double *running_var, size_t n, size_t c, size_t s,
                                                  normative_layout layout, double eps, int threads);
normative_status ref_instancenorm_forward_bf16(uint16_t *y, double *mean, double *rstd, double *running_mean,
                                               double *running_var, const uint16_t *x, const uint16_t *gamma,
                                               const uint16_t *beta, size_t n, size_t c, size_t s,
                                               normative_layout layout, double eps, double momentum,
                                               normative_momentum rule, normative_estimator estimator, double *work);
normative_status opt_instancenorm_forward_bf16(uint16_t *y, double *mean, double *rstd, double *running_mean,
                                               double *running_var, const uint16_t *x, const uint16_t *gamma,
                                               const uint16_t *beta, size_t n, size_t c, size_t s,
                                               normative_layout layout, double eps, double momentum,
                                               normative_momentum rule, normative_estimator estimator, int threads);
normative_status ref_instancenorm_backward_bf16(uint16_t *dx, uint16_t *dgamma, uint16_t *dbeta, const uint16_t *dy,
                                                const uint16_t *x, const uint16_t *gamma, const double *mean,
                                                const double *rstd, size_t n, size_t c, size_t s,
                                                normative_layout layout, double eps, double *work);
normative_status opt_instancenorm_backward_bf16(uint16_t *dx, uint16_t *dgamma, uint16_t *dbeta, const uint16_t *dy,
                                                const uint16_t *x, const uint16_t *gamma, const double *mean,
                                                const double *rstd, size_t n, size_t c, size_t s,
                                                normative_layout layout, double eps, int threads);
normative_status ref_layernorm_channels_forward_bf16(uint16_t *y, double *mean, double *rstd, const uint16_t *x,
                                                     const uint16_t *gamma, const uint16_t *beta, size_t n, size_t c,
                                                     size_t s, normative_layout layout, double eps, double *work);
normative_status opt_layernorm_channels_forward_bf16(uint16_t *y, double *mean, double *rstd, const uint16_t *x,
                                                     const uint16_t *gamma, const uint16_t *beta, size_t n, size_t c,
                                                     size_t s, normative_layout layout, double eps, int threads);
normative_status ref_layernorm_channels_backward_bf16(uint16_t *dx, uint16_t *dgamma, uint16_t *dbeta,
                                                      const uint16_t *dy, const uint16_t *x, const uint16_t *gamma,
                                                      const double *mean, const double *rstd, size_t n, size_t c,
                                                      size_t s, normative_layout layout, double eps, double *work);
normative_status opt_layernorm_channels_backward_bf16(uint16_t *dx, uint16_t *dgamma, uint16_t *dbeta,
                                                      const uint16_t *dy, const uint16_t *x, const uint16_t *gamma,
                                                      const double *mean, const double *rstd, size_t n, size_t c,
                                                      size_t s, normative_layout layout, double eps, int threads);
normative_status ref_groupnorm_forward_bf16(uint16_t *y, double *mean, double *rstd, const uint16_t *x,
                                            const uint16_t *gamma, const uint16_t *beta, size_t n, size_t c, size_t s,
                                            size_t groups, normative_layout layout, double eps, double *work);
normative_status opt_groupnorm_forward_bf16(uint16_t *y, double *mean, double *rstd, const uint16_t *x,
                                            const uint16_t *gamma, const uint16_t *beta, size_t n, size_t c, size_t s,
                                            size_t groups, normative_layout layout, double eps, int threads);
normative_status ref_groupnorm_backward_bf16(uint16_t *dx, uint16_t *dgamma, uint16_t *dbeta, const uint16_t *dy,
                                             const uint16_t *x, const uint16_t *gamma, const double *mean,
                                             const double *rstd, size_t n, size_t c, size_t s, size_t groups,
                                             normative_layout layout, double eps, double *work);
normative_status opt_groupnorm_backward_bf16(uint16_t *dx, uint16_t *dgamma, uint16_t *dbeta, const uint16_t *dy,
                                             const uint16_t *x, const uint16_t *gamma, const double *mean,
                                             const double *rstd, size_t n, size_t c, size_t s, size_t groups,
                                             normative_layout layout, double eps, int threads);
normative_status ref_switchnorm_forward_bf16(uint16_t *y, double *running_mean, double *running_var, const uint16_t *x,
                                             const uint16_t *gamma, const uint16_t *beta, const uint16_t *lambda_mean,
                                             const uint16_t *lambda_var, size_t lambdas, size_t n, size_t c, size_t s,
                                             normative_layout layout, double eps, double momentum,
                                             normative_momentum rule, normative_estimator estimator, double *work);
normative_status opt_switchnorm_forward_bf16(uint16_t *y, double *running_mean, double *running_var, const uint16_t *x,
                                             const uint16_t *gamma, const uint16_t *beta, const uint16_t *lambda_mean,
                                             const uint16_t *lambda_var, size_t lambdas, size_t n, size_t c, size_t s,
                                             normative_layout layout, double eps, double momentum,
                                             normative_momentum rule, normative_estimator estimator, int threads);
normative_status ref_switchnorm_backward_bf16(uint16_t *dx, uint16_t *dgamma, uint16_t *dbeta, uint16_t *dlambda_mean,
                                              uint16_t *dlambda_var, const uint16_t *dy, const uint16_t *x,
                                              const uint16_t *gamma, const uint16_t *lambda_mean,
                                              const uint16_t *lambda_var, size_t lambdas, size_t n, size_t c, size_t s,
                                              normative_layout layout, double eps, double *work);
normative_status opt_switchnorm_backward_bf16(uint16_t *dx, uint16_t *dgamma, uint16_t *dbeta, uint16_t *dlambda_mean,
                                              uint16_t *dlambda_var, const uint16_t *dy, const uint16_t *x,
                                              const uint16_t *gamma, const uint16_t *lambda_mean,
                                              const uint16_t *lambda_var, size_t lambdas, size_t n, size_t c, size_t s,
                                              normative_layout layout, double eps, int threads);
normative_status ref_switchnorm_eval_forward_bf16(uint16_t *y, const uint16_t *x, const uint16_t *gamma,
                                                  const uint16_t *beta, const uint16_t *lambda_mean,
                                                  const uint16_t *lambda_var, const double *running_mean,
                                                  const double *running_var, size_t n, size_t c, size_t s,
                                                  normative_layout layout, double eps, double *work);
normative_status opt_switchnorm_eval_forward_bf16(uint16_t *y, const uint16_t *x, const uint16_t *gamma,
                                                  const uint16_t *beta, const uint16_t *lambda_mean,
                                                  const uint16_t *lambda_var, const double *running_mean,
                                                  const double *running_var, size_t n, size_t c, size_t s,
                                                  normative_layout layout, double eps, int threads);
normative_status ref_switchnorm_eval_backward_bf16(uint16_t *dx, uint16_t *dgamma, uint16_t *dbeta,
                                                   uint16_t *dlambda_mean, uint16_t *dlambda_var, const uint16_t *dy,
                                                   const uint16_t *x, const uint16_t *gamma,
                                                   const uint16_t *lambda_mean, const uint16_t *lambda_var,
                                                   const double *running_mean, const double *running_var, size_t n,
                                                   size_t c, size_t s, normative_layout layout, double eps,
                                                   double *work);
normative_status opt_switchnorm_eval_backward_bf16(uint16_t *dx, uint16_t *dgamma, uint16_t *dbeta,
                                                   uint16_t *dlambda_mean, uint16_t *dlambda_var, const uint16_t *dy,
                                                   const uint16_t *x, const uint16_t *gamma,
                                                   const uint16_t *lambda_mean, const uint16_t *lambda_var,
                                                   const double *running_mean, const double *running_var, size_t n,
                                                   size_t c, size_t s, normative_layout layout, double eps,
                                                   int threads);

/* ---- bfloat16, parameters float ---- */

normative_status ref_layernorm_forward_bf16_f32(uint16_t *y, double *mean, double *rstd, const uint16_t *x,
                                                const float *gamma, const float *beta, size_t rows, size_t cols,
                                                double eps, double *work);
normative_status opt_layernorm_forward_bf16_f32(uint16_t *y, double *mean, double *rstd, const uint16_t *x,
                                                const float *gamma, const float *beta, size_t rows, size_t cols,
                                                double eps, int threads);
normative_status ref_layernorm_backward_bf16_f32(uint16_t *dx, float *dgamma, float *dbeta, const uint16_t *dy,
                                                 const uint16_t *x, const float *gamma, const double *mean,
                                                 const double *rstd, size_t rows, size_t cols, double eps,
                                                 double *work);
normative_status opt_layernorm_backward_bf16_f32(uint16_t *dx, float *dgamma, float *dbeta, const uint16_t *dy,
                                                 const uint16_t *x, const float *gamma, const double *mean,
                                                 const double *rstd, size_t rows, size_t cols, double eps, int threads);
normative_status ref_layernorm_residual_forward_bf16_f32(uint16_t *y, uint16_t *sum, double *mean, double *rstd,
                                                         const uint16_t *x, const uint16_t *residual,
                                                         const float *gamma, const float *beta, size_t rows,
                                                         size_t cols, double eps, double *work);
normative_status opt_layernorm_residual_forward_bf16_f32(uint16_t *y, uint16_t *sum, double *mean, double *rstd,
                                                         const uint16_t *x, const uint16_t *residual,
                                                         const float *gamma, const float *beta, size_t rows,
                                                         size_t cols, double eps, int threads);
normative_status ref_rmsnorm_forward_bf16_f32(uint16_t *y, double *rstd, const uint16_t *x, const float *gamma,
                                              const float *beta, size_t rows, size_t cols, double eps, double *work);
normative_status opt_rmsnorm_forward_bf16_f32(uint16_t *y, double *rstd, const uint16_t *x, const float *gamma,
                                              const float *beta, size_t rows, size_t cols, double eps, int threads);
normative_status ref_rmsnorm_backward_bf16_f32(uint16_t *dx, float *dgamma, float *dbeta, const uint16_t *dy,
                                               const uint16_t *x, const float *gamma, const double *rstd, size_t rows,
                                               size_t cols, double eps, double *work);
normative_status opt_rmsnorm_backward_bf16_f32(uint16_t *dx, float *dgamma, float *dbeta, const uint16_t *dy,
                                               const uint16_t *x, const float *gamma, const double *rstd, size_t rows,
                                               size_t cols, double eps, int threads);
normative_status ref_rmsnorm_residual_forward_bf16_f32(uint16_t *y, uint16_t *sum, double *rstd, const uint16_t *x,
                                                       const uint16_t *residual, const float *gamma, const float *beta,
                                                       size_t rows, size_t cols, double eps, double *work);
normative_status opt_rmsnorm_residual_forward_bf16_f32(uint16_t *y, uint16_t *sum, double *rstd, const uint16_t *x,
                                                       const uint16_t *residual, const float *gamma, const float *beta,
                                                       size_t rows, size_t cols, double eps, int threads);
normative_status ref_batchnorm_forward_bf16_f32(uint16_t *y, double *mean, double *rstd, double *running_mean,
                                                double *running_var, const uint16_t *x, const float *gamma,
                                                const float *beta, size_t n, size_t c, size_t s,
                                                normative_layout layout, double eps, double momentum,
                                                normative_momentum rule, normative_estimator estimator, double *work);
normative_status opt_batchnorm_forward_bf16_f32(uint16_t *y, double *mean, double *rstd, double *running_mean,
                                                double *running_var, const uint16_t *x, const float *gamma,
                                                const float *beta, size_t n, size_t c, size_t s,
                                                normative_layout layout, double eps, double momentum,
                                                normative_momentum rule, normative_estimator estimator, int threads);
normative_status ref_batchnorm_backward_bf16_f32(uint16_t *dx, float *dgamma, float *dbeta, const uint16_t *dy,
                                                 const uint16_t *x, const float *gamma, const double *mean,
                                                 const double *rstd, size_t n, size_t c, size_t s,
                                                 normative_layout layout, double eps, double *work);
normative_status opt_batchnorm_backward_bf16_f32(uint16_t *dx, float *dgamma, float *dbeta, const uint16_t *dy,
                                                 const uint16_t *x, const float *gamma, const double *mean,
                                                 const double *rstd, size_t n, size_t c, size_t s,
                                                 normative_layout layout, double eps, int threads);
normative_status ref_batchnorm_eval_forward_bf16_f32(uint16_t *y, const uint16_t *x, const float *gamma,
                                                     const float *beta, const double *running_mean,
                                                     const double *running_var, size_t n, size_t c, size_t s,
                                                     normative_layout layout, double eps, double *work);
normative_status opt_batchnorm_eval_forward_bf16_f32(uint16_t *y, const uint16_t *x, const float *gamma,
                                                     const float *beta, const double *running_mean,
                                                     const double *running_var, size_t n, size_t c, size_t s,
                                                     normative_layout layout, double eps, int threads);
normative_status ref_batchnorm_eval_backward_bf16_f32(uint16_t *dx, float *dgamma, float *dbeta, const uint16_t *dy,
                                                      const uint16_t *x, const float *gamma, const double *running_mean,
                                                      const double *running_var, size_t n, size_t c, size_t s,
                                                      normative_layout layout, double eps, double *work);
normative_status opt_batchnorm_eval_backward_bf16_f32(uint16_t *dx, float *dgamma, float *dbeta, const uint16_t *dy,
                                                      const uint16_t *x, const float *gamma, const double *running_mean,
                                                      const double *running_var, size_t n, size_t c, size_t s,
                                                      normative_layout layout, double eps, int threads);
normative_status ref_instancenorm_forward_bf16_f32(uint16_t *y, double *mean, double *rstd, double *running_mean,
                                                   double *running_var, const uint16_t *x, const float *gamma,
                                                   const float *beta, size_t n, size_t c, size_t s,
                                                   normative_layout layout, double eps, double momentum,
                                                   normative_momentum rule, normative_estimator estimator,
                                                   double *work);
normative_status opt_instancenorm_forward_bf16_f32(uint16_t *y, double *mean, double *rstd, double *running_mean,
                                                   double *running_var, const uint16_t *x, const float *gamma,
                                                   const float *beta, size_t n, size_t c, size_t s,
                                                   normative_layout layout, double eps, double momentum,
                                                   normative_momentum rule, normative_estimator estimator, int threads);
normative_status ref_instancenorm_backward_bf16_f32(uint16_t *dx, float *dgamma, float *dbeta, const uint16_t *dy,
                                                    const uint16_t *x, const float *gamma, const double *mean,
                                                    const double *rstd, size_t n, size_t c, size_t s,
                                                    normative_layout layout, double eps, double *work);
normative_status opt_instancenorm_backward_bf16_f32(uint16_t *dx, float *dgamma, float *dbeta, const uint16_t *dy,
                                                    const uint16_t *x, const float *gamma, const double *mean,
                                                    const double *rstd, size_t n, size_t c, size_t s,
                                                    normative_layout layout, double eps, int threads);
normative_status ref_layernorm_channels_forward_bf16_f32(uint16_t *y, double *mean, double *rstd, const uint16_t *x,
                                                         const float *gamma, const float *beta, size_t n, size_t c,
                                                         size_t s, normative_layout layout, double eps, double *work);
normative_status opt_layernorm_channels_forward_bf16_f32(uint16_t *y, double *mean, double *rstd, const uint16_t *x,
                                                         const float *gamma, const float *beta, size_t n, size_t c,
                                                         size_t s, normative_layout layout, double eps, int threads);
normative_status ref_layernorm_channels_backward_bf16_f32(uint16_t *dx, float *dgamma, float *dbeta, const uint16_t *dy,
                                                          const uint16_t *x, const float *gamma, const double *mean,
                                                          const double *rstd, size_t n, size_t c, size_t s,
                                                          normative_layout layout, double eps, double *work);
normative_status opt_layernorm_channels_backward_bf16_f32(uint16_t *dx, float *dgamma, float *dbeta, const uint16_t *dy,
                                                          const uint16_t *x, const float *gamma, const double *mean,
                                                          const double *rstd, size_t n, size_t c, size_t s,
                                                          normative_layout layout, double eps, int threads);
normative_status ref_groupnorm_forward_bf16_f32(uint16_t *y, double *mean, double *rstd, const uint16_t *x,
                                                const float *gamma, const float *beta, size_t n, size_t c, size_t s,
                                                size_t groups, normative_layout layout, double eps, double *work);
normative_status opt_groupnorm_forward_bf16_f32(uint16_t *y, double *mean, double *rstd, const uint16_t *x,
                                                const float *gamma, const float *beta, size_t n, size_t c, size_t s,
                                                size_t groups, normative_layout layout, double eps, int threads);
normative_status ref_groupnorm_backward_bf16_f32(uint16_t *dx, float *dgamma, float *dbeta, const uint16_t *dy,
                                                 const uint16_t *x, const float *gamma, const double *mean,
                                                 const double *rstd, size_t n, size_t c, size_t s, size_t groups,
                                                 normative_layout layout, double eps, double *work);
normative_status opt_groupnorm_backward_bf16_f32(uint16_t *dx, float *dgamma, float *dbeta, const uint16_t *dy,
                                                 const uint16_t *x, const float *gamma, const double *mean,
                                                 const double *rstd, size_t n, size_t c, size_t s, size_t groups,
                                                 normative_layout layout, double eps, int threads);
normative_status ref_switchnorm_forward_bf16_f32(uint16_t *y, double *running_mean, double *running_var,
                                                 const uint16_t *x, const float *gamma, const float *beta,
                                                 const float *lambda_mean, const float *lambda_var, size_t lambdas,
                                                 size_t n, size_t c, size_t s, normative_layout layout, double eps,
                                                 double momentum, normative_momentum rule,
                                                 normative_estimator estimator, double *work);
normative_status opt_switchnorm_forward_bf16_f32(uint16_t *y, double *running_mean, double *running_var,
                                                 const uint16_t *x, const float *gamma, const float *beta,
                                                 const float *lambda_mean, const float *lambda_var, size_t lambdas,
                                                 size_t n, size_t c, size_t s, normative_layout layout, double eps,
                                                 double momentum, normative_momentum rule,
                                                 normative_estimator estimator, int threads);
normative_status ref_switchnorm_backward_bf16_f32(uint16_t *dx, float *dgamma, float *dbeta, float *dlambda_mean,
                                                  float *dlambda_var, const uint16_t *dy, const uint16_t *x,
                                                  const float *gamma, const float *lambda_mean, const float *lambda_var,
                                                  size_t lambdas, size_t n, size_t c, size_t s, normative_layout layout,
                                                  double eps, double *work);
normative_status opt_switchnorm_backward_bf16_f32(uint16_t *dx, float *dgamma, float *dbeta, float *dlambda_mean,
                                                  float *dlambda_var, const uint16_t *dy, const uint16_t *x,
                                                  const float *gamma, const float *lambda_mean, const float *lambda_var,
                                                  size_t lambdas, size_t n, size_t c, size_t s, normative_layout layout,
                                                  double eps, int threads);
normative_status ref_switchnorm_eval_forward_bf16_f32(uint16_t *y, const uint16_t *x, const float *gamma,
                                                      const float *beta, const float *lambda_mean,
                                                      const float *lambda_var, const double *running_mean,
                                                      const double *running_var, size_t n, size_t c, size_t s,
                                                      normative_layout layout, double eps, double *work);
normative_status opt_switchnorm_eval_forward_bf16_f32(uint16_t *y, const uint16_t *x, const float *gamma,
                                                      const float *beta, const float *lambda_mean,
                                                      const float *lambda_var, const double *running_mean,
                                                      const double *running_var, size_t n, size_t c, size_t s,
                                                      normative_layout layout, double eps, int threads);
normative_status ref_switchnorm_eval_backward_bf16_f32(uint16_t *dx, float *dgamma, float *dbeta, float *dlambda_mean,
                                                       float *dlambda_var, const uint16_t *dy, const uint16_t *x,
                                                       const float *gamma, const float *lambda_mean,
                                                       const float *lambda_var, const double *running_mean,
                                                       const double *running_var, size_t n, size_t c, size_t s,
                                                       normative_layout layout, double eps, double *work);
normative_status opt_switchnorm_eval_backward_bf16_f32(uint16_t *dx, float *dgamma, float *dbeta, float *dlambda_mean,
                                                       float *dlambda_var, const uint16_t *dy, const uint16_t *x,
                                                       const float *gamma, const float *lambda_mean,
                                                       const float *lambda_var, const double *running_mean,
                                                       const double *running_var, size_t n, size_t c, size_t s,
                                                       normative_layout layout, double eps, int threads);
