/* SPDX-License-Identifier: Apache-2.0
   The oracle, backward: dx group by group, then dgamma and dbeta parameter by parameter. Index maps come from
   problem_runs alone. */
#ifndef GRADIENTS_H
#define GRADIENTS_H
#include "frame.h"
#include "oracle.h"

struct gradients { struct data data; struct truth *truth; struct frame *frame; /* of every group */ };

/* g = gamma dy of element i and parameter j. */
struct factors { double x, dy, gamma; };
struct factors factors_of(const struct gradients *all, size_t i, size_t j);

/* Fills dx, dgamma, dbeta and the gradient quantities of an allocated *truth. */
int oracle_backward(const struct data *d, struct truth *truth, bool parallel, struct error *e);

/* dgamma, dbeta and truth->param, all groups' frames being filled. */
void parameter_gradients(const struct gradients *all, bool parallel);
#endif
