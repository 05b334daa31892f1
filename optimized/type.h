/* SPDX-License-Identifier: Apache-2.0
   The element types. A file that is compiled once for each (f32.c and its neighbours, level_kernels.c) has TYPE_<type>
   defined: ELEMENT, FORMAT        of tensors: C's type, and what its bits are PARAM, PARAM_FORMAT    of gamma, beta and
   their gradients TYPED(name)            name_<type> */
#ifndef NORMATIVE_TYPE_H
#define NORMATIVE_TYPE_H
#include "narrow.h"

#define TYPE_PASTE(a, b) a##_##b
#define TYPE_NAME(a, b) TYPE_PASTE(a, b)

#if defined TYPE_f32
#define ELEMENT float
#define FORMAT f32
#define PARAM float
#define PARAM_FORMAT f32
#define TYPED(name) TYPE_NAME(name, f32)
#elif defined TYPE_f16
#define ELEMENT uint16_t
#define FORMAT f16
#define PARAM uint16_t
#define PARAM_FORMAT f16
#define TYPED(name) TYPE_NAME(name, f16)
#elif defined TYPE_f16_f32
#define ELEMENT uint16_t
#define FORMAT f16
#define PARAM float
#define PARAM_FORMAT f32
#define TYPED(name) TYPE_NAME(name, f16_f32)
#elif defined TYPE_bf16
#define ELEMENT uint16_t
#define FORMAT bf16
#define PARAM uint16_t
#define PARAM_FORMAT bf16
#define TYPED(name) TYPE_NAME(name, bf16)
#elif defined TYPE_bf16_f32
#define ELEMENT uint16_t
#define FORMAT bf16
#define PARAM float
#define PARAM_FORMAT f32
#define TYPED(name) TYPE_NAME(name, bf16_f32)
#elif defined TYPE_f64
#define ELEMENT double
#define FORMAT f64
#define PARAM double
#define PARAM_FORMAT f64
#define TYPED(name) TYPE_NAME(name, f64)
#endif

/* To and from double, one rounding. */
static inline double f64_load(double v) { return v; }
static inline double f64_store(double v) { return v; }
static inline double f32_load(float v) { return (double)v; }
static inline float f32_store(double v) { return (float)v; }

#define LOAD(e) TYPE_NAME(FORMAT, load)(e)
#define STORE(v) TYPE_NAME(FORMAT, store)(v)
#define PLOAD(p) TYPE_NAME(PARAM_FORMAT, load)(p)
#define PSTORE(v) TYPE_NAME(PARAM_FORMAT, store)(v)
#endif
