/* SPDX-License-Identifier: Apache-2.0
   The plug-in ABI: how a kernel in a shared object is offered to `normative check ./kernel.so`.

   The object exports one function, normative_plugin(), that returns a struct normative_plugin which lives as long as
   the object is loaded. For each case the harness calls supports(); if that returns NULL, open(), run() once or more,
   close(). template.c beside this header is a complete example. */
#ifndef NORMATIVE_PLUGIN_H
#define NORMATIVE_PLUGIN_H
#include "normative.h"
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

#define NORMATIVE_ABI 1 /* the version of everything below */

enum normative_norm {
  NORMATIVE_BATCHNORM = 1,
  NORMATIVE_LAYERNORM,
  NORMATIVE_RMSNORM,
  NORMATIVE_INSTANCENORM,
  NORMATIVE_GROUPNORM,
  NORMATIVE_LAYERNORM_CHANNELS,
  NORMATIVE_SWITCHNORM
};
enum normative_direction { NORMATIVE_FORWARD = 1, NORMATIVE_BACKWARD };
enum normative_mode { NORMATIVE_TRAINING = 1, NORMATIVE_EVALUATION };
enum normative_type { NORMATIVE_F32 = 1, NORMATIVE_F64, NORMATIVE_F16, NORMATIVE_BF16 }; /* f16, bf16: uint16_t bits */
enum normative_eps_place {
  NORMATIVE_EPS_INSIDE = 1, /* 1/sqrt(var + eps) */
  NORMATIVE_EPS_OUTSIDE,    /* 1/(sqrt(var) + eps); backward at var = 0: dx = (g - mean(g))/eps (RMSNorm: g/eps), the limit and
                               the derivative */
  NORMATIVE_EPS_MAX         /* 1/sqrt(max(var, eps)); backward: a constant where var is below eps; where they are equal either
                               way, and what is between, is right */
};
enum normative_affine {
  NORMATIVE_AFFINE_CHANNEL = 1, /* gamma and beta per channel; per column for LayerNorm and RMSNorm */
  NORMATIVE_AFFINE_GROUP,       /* `groups` entries: GroupNormalization of ONNX before opset 21; one a part of the rows */
  NORMATIVE_AFFINE_ELEMENT      /* C x S entries of GroupNorm; groups x cols, a row for each part of the rows */
};
/* Beside those of normative_estimator: m/max(m-1, 1) var, so that one element has a variance, 0: TensorFlow's fused BatchNorm.
   (Of one element PyTorch's layers raise an error; ONNX Runtime, Keras and Flax take the population's; oneDNN keeps none.) */
enum { NORMATIVE_UNBIASED1 = NORMATIVE_POPULATION + 1 };
enum normative_casts {
  NORMATIVE_CAST_ONCE = 1, /* one rounding to the tensor's type, at the store */
  NORMATIVE_CAST_NORMAL,   /* xhat is rounded to the tensor's type, then scaled in it: Llama, ONNX; backward: gamma dy and the
                              terms of dgamma, dy times such an xhat, are too */
  NORMATIVE_CAST_PLUS_ONE  /* (1 + gamma) in place of gamma, one rounding: Gemma; backward: in g, dgamma is that of gamma */
};
/* What a group saves beside its mean, and backward with given = 1 takes: rstd, or the population variance (RMSNorm: the mean
   square), which eps is not part of: oneDNN. */
enum normative_saved { NORMATIVE_SAVED_RSTD, NORMATIVE_SAVED_VARIANCE };

/* What is to be computed. Logical sizes: dims[0] = N, dims[1] = C, the rest spatial; rows x cols for LayerNorm, RMSNorm.
   The harness fills `size`; a plug-in built against a smaller struct reads only what it knows. */
struct normative_problem {
  uint64_t size; /* sizeof(struct normative_problem) of the harness */
  uint32_t norm, direction, mode, type;
  uint32_t param_type; /* of gamma, beta, dgamma, dbeta */
  uint32_t stat_type;  /* of mean, rstd, variance, running_mean, running_var */
  uint32_t layout;     /* normative_layout */
  uint32_t ndim;       /* 2 to 8 */
  uint64_t dims[8];
  uint64_t n, c, s;    /* dims folded: s = 1 if there is no spatial size */
  uint64_t groups;     /* GroupNorm's, of channels; of rows: parts of rows/groups, each with gamma and beta of its own */
  double eps, momentum;
  uint32_t rule;       /* normative_momentum */
  uint32_t estimator;  /* normative_estimator, or NORMATIVE_UNBIASED1 */
  uint32_t eps_place, affine, casts;
  uint32_t has_gamma, has_beta; /* 0: absent, the pointer is NULL */
  uint32_t running;    /* 1: running statistics are given; training updates them, evaluation reads them */
  uint32_t given;      /* backward: 1 the given mean and rstd (or variance) are exact inputs, 0 recompute them from x */
  uint32_t residual;   /* 1: x + residual is normalized, and the sum returned */
  uint32_t repo;       /* SwitchableNorm: 1 the authors' repository's estimates */
  uint32_t drop_bn;    /* SwitchableNorm: 1 without the batch's statistics */
  uint32_t device;     /* 0: host pointers */
  uint32_t saved;      /* normative_saved */
  uint64_t strides[8]; /* reserved: 0 means contiguous in `layout` */
  uint64_t reserved[16];
};

/* The buffers of one call, contiguous, aligned to 64 bytes, NULL where absent or not wanted. Writing to a const one or
   outside of an output is caught. mean, rstd, variance (and statistics of backward) have stat_type. Of rstd and variance, and
   of given_rstd and given_variance, one is there: problem.saved says which. */
struct normative_tensors {
  uint64_t size;
  const void *x, *gamma, *beta, *residual;
  const void *dy, *given_mean, *given_rstd;
  const void *lambda_mean, *lambda_var;
  void *running_mean, *running_var; /* training: in and out; evaluation: in */
  void *y, *mean, *rstd, *sum;
  void *dx, *dgamma, *dbeta, *dlambda_mean, *dlambda_var;
  const void *given_variance;
  void *variance;
  void *reserved[14];
};

/* Bits of `outputs`: what run() writes. Only these are judged. */
#define NORMATIVE_OUT_Y 1u       /* y; backward: dx */
#define NORMATIVE_OUT_MEAN 2u
#define NORMATIVE_OUT_RSTD 4u
#define NORMATIVE_OUT_RUNNING 8u /* running_mean and running_var */
#define NORMATIVE_OUT_PARAMS 16u /* backward: dgamma, dbeta */
#define NORMATIVE_OUT_SUM 32u
#define NORMATIVE_OUT_VARIANCE 64u

struct normative_plugin {
  uint32_t abi;   /* NORMATIVE_ABI */
  uint32_t outputs;
  uint64_t size;  /* sizeof(struct normative_plugin) */
  const char *name, *version;
  const char *preset; /* what it claims, judged with --require declared; NULL: none */
  /* NULL if this problem can be computed, or why not, in a few words. */
  const char *(*supports)(const struct normative_problem *problem);
  /* Prepares for a problem with at most `threads` threads; *workspace_bytes of scratch memory come with each run. 0 or an
     error number of the kernel's own. */
  int (*open)(const struct normative_problem *problem, int threads, void **state, uint64_t *workspace_bytes);
  /* Optional, untimed: from the tensors given to blocked layouts of the kernel's own, and back. NULL if not needed. */
  int (*import_tensors)(void *state, const struct normative_tensors *tensors);
  int (*export_tensors)(void *state, const struct normative_tensors *tensors);
  int (*run)(void *state, const struct normative_tensors *tensors, void *workspace);
  void (*close)(void *state);
  void *reserved[8];
};

const struct normative_plugin *normative_plugin(void);

#ifdef __cplusplus
}
#endif
#endif
