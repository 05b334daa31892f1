/* SPDX-License-Identifier: Apache-2.0
   The oracle on SwitchableNorm. Of every group (n,c), every n and every c there are the exact S = sum x and Q = sum x^2 of
   their m elements, and with them, k standing for IN, LN, BN,
       mu_k = S/m    v_k = U/(m^2 r)    U = r (m Q - S^2), r = 1
   where the law of total variance makes one formula of all three. In evaluation BN's are m = 1, S = running_mean,
   U = running_var. repo=yes: v_in is S/(S-1) times as large, here and inside v_ln and v_bn; with D = S Q - S^2 of the groups,
       U = r (m Q - S^2) + (m/S) sum D,   r = S - 1
   Weights are a softmax, so numbers are known through balls (ball.h), and where approximations do not end through algebra:
   with W = sum e^lambda, W' = sum e^lambda', E = e^lambda, E' = e^lambda', m the number of all elements and f_k = m/m_k,
       x - M = T/(m W)           T = sum_k E_k f_k (m_k x - S_k)
       V + eps = B/(m^2 r W')    B = sum_k E'_k (f_k^2 U_k + m^2 r eps)        R = m sqrt(r W'/B)
   which are sums of exponentials (exponentials.h). */
#ifndef ORACLE_SWITCH_H
#define ORACLE_SWITCH_H
#include "ball.h"
#include "exponentials.h"
#include "oracle.h"
#include "statistics.h"

enum { IN, LN, BN, KINDS };

struct average { /* of an (n,c), an n or a c */
  struct dyadic s, q, d, u; /* S, Q, sum D, U */
  mpfr_t value;             /* S */
  double sum, squares;      /* of what is not finite, as IEEE adds: 0 if all is */
};

struct softmax { struct ball w[KINDS], over_m[KINDS]; }; /* w_k, w_k/m_k */
struct level { struct softmax mean, var; };

struct frame_of { /* of a group (n,c) */
  bool finite;   /* every number in M and V is */
  double rstd;   /* class of R: 1 finite, else Inf, NaN */
  struct ball r; /* R at the first level */
};

struct switched { /* a case */
  struct data data;
  struct truth *truth;
  bool parallel;
  size_t n, c, s, groups;
  int kinds, own;              /* of statistics, 3 or 2; of those that are x's own */
  unsigned long m[KINDS], f[KINDS], r;
  bool weighted;               /* every lambda is finite */
  struct dyadic lambda[KINDS], lambda_var[KINDS], eps; /* eps: m^2 r eps */
  struct level level[LEVELS];
  struct average *average[KINDS];
  struct frame_of *frame;
};

/* Which average of kind k group g has. */
static inline size_t place_of(const struct switched *all, int k, size_t g)
{
  return k == IN ? g : k == LN ? g / all->c : g % all->c;
}
static inline struct average *average_of(const struct switched *all, int k, size_t g)
{
  return &all->average[k][place_of(all, k, g)];
}

/* R of a group. t: scratch; both at the level's precision. */
void root_of(const struct switched *all, int level, size_t g, struct ball *r, struct ball *t);
/* d = f_k (m_k x - S_k), as exact. */
void deviation_of(const struct switched *all, int k, size_t g, const struct dyadic *x, struct dyadic *d);
/* W, W' and B of a group. */
void weights_sum(const struct switched *all, bool var, struct exponentials *w);
void root_square(const struct switched *all, size_t g, struct exponentials *b);
/* The sign of a sqrt(w)/(d sqrt(b)) - q, where w, d, b are positive; each may be overwritten, d and b are products. */
int compare_root(struct exponentials *a, const struct exponentials *w, struct exponentials *d, struct exponentials *b,
                 const struct dyadic *q);

/* dx, dgamma, dbeta, dlambda_mean, dlambda_var; statistics and frames are there. */
int switch_backward(struct switched *all, struct error *e);
/* Forward or backward, into an allocated *truth. */
int oracle_switch(const struct data *d, struct truth *truth, bool parallel, struct error *e);
#endif
