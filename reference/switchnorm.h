/* SPDX-License-Identifier: Apache-2.0
   SwitchableNorm: what it does with the statistics of its instances (n,c); no element types here, and wide numbers
   throughout, for a weight may be 1e-300 and a variance 1e600. Indices: o a sample, k a channel, r = o c + k an
   instance. Source: Luo et al., arXiv 1806.10779. */
#ifndef NORMATIVE_SWITCHNORM_H
#define NORMATIVE_SWITCHNORM_H
#include "door.h"
#include "wide.h"

/* Numbers in scratch memory. */
struct numbers {
  double *v, *e;
};

/* Means m + c, m nearly the mean, and population variances v of many groups. */
struct moments {
  struct numbers m, c, v;
};

/* A call. */
struct switched {
  size_t n, c, s;
  size_t kinds;              /* how many of in, ln, bn are mixed: 3, or 2 without the batch's */
  int given;                 /* bn is given, running statistics, and constant */
  double eps;
  struct wide w[3], u[3];    /* softmax of lambda_mean and of lambda_var */
  struct moments in, ln, bn; /* of instances, samples, channels */
  struct numbers p, q;       /* backward: P and Q of instances, then their means of samples, of channels */
};

#ifdef __FRAMAC__
/* The tables of a call: count numbers at b; three tables; all, one behind another from z->in.m.v on, apart from *z. */
/*@ predicate Numbers(struct numbers t, double *b, integer count) = t.v == b && t.e == b + count; */
/*@ predicate Moments(struct moments t, double *b, integer count) =
      Numbers(t.m,b,count) && Numbers(t.c,b+2*count,count) && Numbers(t.v,b+4*count,count); */
/*@ logic integer Slots{L}(struct switched *z) = z->n*z->c + z->n + z->c; */
/*@ predicate Pooled{L}(struct switched *z) =
      Numbers(z->p,z->in.m.v+6*Slots(z),Slots(z)) && Numbers(z->q,z->in.m.v+8*Slots(z),Slots(z)); */
/*@ predicate Tables{L}(struct switched *z, double *b, integer backward) =
      Moments(z->in,b,z->n*z->c) && Moments(z->ln,b+6*z->n*z->c,z->n) && Moments(z->bn,b+6*(z->n*z->c+z->n),z->c) &&
      (backward != 0 ==> Pooled(z)); */
/*@ predicate Call{L}(struct switched *z, integer backward) =
      \valid_read(z) && 0 < z->n && 0 < z->c && 0 < z->s && 2 <= z->kinds <= 3 && At(0,z->n,z->s) <= MAX_GROUP &&
      Volume(z->n,z->c,z->s) <= MAX && z->n*z->c <= MAX/16 && Tables(z,z->in.m.v,backward) &&
      \valid(z->in.m.v + (0..(backward != 0 ? 10 : 6)*Slots(z)-1)) &&
      \separated(z, z->in.m.v + (0..(backward != 0 ? 10 : 6)*Slots(z)-1)); */
#endif

/* w = softmax(lambda), with + - * / alone, so that the bits are the same everywhere. Each weight is within 5 u (3.1 u
   the worst of 10^6), however small; where a lambda is more than 2^18 below the greatest, its weight is 0. */
/*@ requires kinds: 0 < kinds <= 3;
    requires w: \valid(w + (0..kinds-1)) && \valid_read(lambda + (0..kinds-1)) &&
      \separated(w + (0..kinds-1), lambda + (0..kinds-1));
    assigns w[0..kinds-1]; */
void softmax(struct wide *w, const double *lambda, size_t kinds);

/* z's tables, behind `work`. */
/*@ requires z: \valid(z) && z->n*z->c <= MAX/16 && z->n <= MAX/16 && z->c <= MAX/16;
    requires work: \valid(work + (0..(backward != 0 ? 10 : 6)*Slots(z)-1));
    requires sep: \separated(z, work + (0..(backward != 0 ? 10 : 6)*Slots(z)-1));
    assigns z->in, z->ln, z->bn, z->p, z->q;
    ensures tables: z->in.m.v == work && Tables(z,work,backward); */
void lay_out(struct switched *z, double *work, int backward);

/* Keeps mean m + c and variance v of instance r; of channel k, given. */
/*@ requires z: Call(z,0);
    requires r: r < z->n * z->c;
    assigns z->in.m.v[r], z->in.m.e[r], z->in.c.v[r], z->in.c.e[r], z->in.v.v[r], z->in.v.e[r]; */
void keep_instance(const struct switched *z, size_t r, struct wide m, struct wide c, struct wide v);
/*@ requires z: Call(z,0);
    requires k: k < z->c;
    assigns z->bn.m.v[k], z->bn.m.e[k], z->bn.c.v[k], z->bn.c.e[k], z->bn.v.v[k], z->bn.v.e[k]; */
void keep_channel(const struct switched *z, size_t k, double mean, double var);

/* Samples and, unless given or not mixed, channels: from their instances. */
/*@ requires z: Call(z,0);
    assigns z->ln.m.v[0..z->n-1], z->ln.m.e[0..z->n-1], z->ln.c.v[0..z->n-1], z->ln.c.e[0..z->n-1],
            z->ln.v.v[0..z->n-1], z->ln.v.e[0..z->n-1], z->bn.m.v[0..z->c-1], z->bn.m.e[0..z->c-1],
            z->bn.c.v[0..z->c-1], z->bn.c.e[0..z->c-1], z->bn.v.v[0..z->c-1], z->bn.v.e[0..z->c-1]; */
void pool(const struct switched *z);

/* The running statistics of channel k, where wanted, take in its mean and variance (running.h). */
/*@ requires z: Call(z,0);
    requires k: k < z->c;
    requires running_mean: running_mean == \null || \valid(running_mean + k);
    requires running_var: running_mean == \null ||
      (\valid(running_var + k) && \separated(running_mean + k, running_var + k));
    requires rule: running_mean == \null || (RuleFits(momentum,rule) && EstimatorFits(At(0,z->n,z->s),estimator));
    assigns running_mean[k], running_var[k]; */
void save_channel(const struct switched *z, size_t k, double *running_mean, double *running_var, double momentum,
                  normative_momentum rule, normative_estimator estimator);

/* x <- y = gamma (x - M) R + beta of instance r. */
/*@ requires z: Call(z,0);
    requires r: r < z->n * z->c;
    requires x: \valid(x + (0..z->s-1)) && \separated(x + (0..z->s-1), z);
    assigns x[0..z->s-1]; */
void switched_y(const struct switched *z, size_t r, double *x, double gamma, double beta);

/* Instance r, x and dy its elements, g = gamma dy: keeps P = -R sum g and Q = -(1/2) R^3 sum g (x - M); adds
   sum dy (x - M) R to *dgamma and sum dy to *dbeta. */
/*@ requires z: Call(z,1);
    requires r: r < z->n * z->c;
    requires x: \valid_read(x + (0..z->s-1)) && \valid_read(dy + (0..z->s-1));
    requires sums: \valid(dgamma) && \valid(dbeta) && \separated(dgamma, dbeta);
    assigns z->p.v[r], z->p.e[r], z->q.v[r], z->q.e[r], *dgamma, *dbeta; */
void keep_sums(const struct switched *z, size_t r, const double *x, const double *dy, double gamma,
               struct wide_sum *dgamma, struct wide_sum *dbeta);

/* The means of P and Q over samples and channels, once all are kept. */
/*@ requires z: Call(z,1);
    assigns z->p.v[0..Slots(z)-1], z->p.e[0..Slots(z)-1], z->q.v[0..Slots(z)-1], z->q.e[0..Slots(z)-1]; */
void pool_sums(const struct switched *z);

/* dy <- dx of instance r, x its elements; given: without the means over n.
     dx = R g + (1/S)[w0 P + w1 mean_c P + w2 mean_n P]
        + (2/S)[u0 Q (x - mu_in) + u1 mean_c Q (x - mu_ln) + u2 mean_n Q (x - mu_bn)] */
/*@ requires z: Call(z,1);
    requires r: r < z->n * z->c;
    requires x: \valid_read(x + (0..z->s-1)) && \valid(dy + (0..z->s-1));
    requires sep: \separated(dy + (0..z->s-1), x + (0..z->s-1)) && \separated(dy + (0..z->s-1), z);
    assigns dy[0..z->s-1]; */
void switched_dx(const struct switched *z, size_t r, const double *x, double *dy, double gamma);

/* dlambda_mean[k] = w_k sum P (mu_k - M)    dlambda_var[k] = u_k sum Q (v_k - V), over all instances. */
/*@ requires z: Call(z,1);
    requires k: k < z->kinds;
    assigns \nothing; */
double dlambda_mean_of(const struct switched *z, size_t k);
/*@ requires z: Call(z,1);
    requires k: k < z->kinds;
    assigns \nothing; */
double dlambda_var_of(const struct switched *z, size_t k);

/*@ assigns \nothing;
    ensures eps: \result == NORMATIVE_OK ==> 0 <= eps;
    ensures lambdas: \result == NORMATIVE_OK ==> lambdas == 3 || (lambdas == 2 && running_mean == \null);
    ensures size: \result == NORMATIVE_OK ==> At(0,n,s) <= MAX_GROUP && At(0,c,s) <= MAX_GROUP && Volume(n,c,s) <= MAX;
    ensures rule: \result == NORMATIVE_OK ==> RuleFits(momentum,rule);
    ensures pair: \result == NORMATIVE_OK ==> (running_mean == \null <==> running_var == \null);
    ensures estimator: \result == NORMATIVE_OK ==> running_mean != \null ==> 0 < c ==>
      EstimatorFits(At(0,n,s),estimator); */
normative_status door_switchnorm(const void *y, const double *running_mean, const double *running_var, const void *x,
                                 const void *gamma, const void *beta, const void *lambda_mean, const void *lambda_var,
                                 size_t lambdas, size_t n, size_t c, size_t s, normative_layout layout, double eps,
                                 double momentum, normative_momentum rule, normative_estimator estimator,
                                 const double *work, size_t work_size, size_t size, size_t param_size);

/*@ assigns \nothing;
    ensures eps: \result == NORMATIVE_OK ==> 0 <= eps;
    ensures size: \result == NORMATIVE_OK ==>
      At(0,n,s) <= MAX_GROUP && At(0,c,s) <= MAX_GROUP && Volume(n,c,s) <= MAX; */
normative_status door_switchnorm_eval(const void *y, const void *x, const void *gamma, const void *beta,
                                      const void *lambda_mean, const void *lambda_var, const double *running_mean,
                                      const double *running_var, size_t n, size_t c, size_t s, normative_layout layout,
                                      double eps, const double *work, size_t work_size, size_t size, size_t param_size);

/*@ assigns \nothing;
    ensures eps: \result == NORMATIVE_OK ==> 0 <= eps;
    ensures lambdas: \result == NORMATIVE_OK ==> lambdas == 2 || lambdas == 3;
    ensures size: \result == NORMATIVE_OK ==>
      At(0,n,s) <= MAX_GROUP && At(0,c,s) <= MAX_GROUP && Volume(n,c,s) <= MAX; */
normative_status door_switchnorm_backward(const void *dx, const void *dgamma, const void *dbeta,
                                          const void *dlambda_mean, const void *dlambda_var, const void *dy,
                                          const void *x, const void *gamma, const void *lambda_mean,
                                          const void *lambda_var, size_t lambdas, size_t n, size_t c, size_t s,
                                          normative_layout layout, double eps, const double *work, size_t work_size,
                                          size_t size, size_t param_size);

/*@ assigns \nothing;
    ensures eps: \result == NORMATIVE_OK ==> 0 <= eps;
    ensures size: \result == NORMATIVE_OK ==>
      At(0,n,s) <= MAX_GROUP && At(0,c,s) <= MAX_GROUP && Volume(n,c,s) <= MAX; */
normative_status door_switchnorm_eval_backward(const void *dx, const void *dgamma, const void *dbeta,
                                               const void *dlambda_mean, const void *dlambda_var, const void *dy,
                                               const void *x, const void *gamma, const void *lambda_mean,
                                               const void *lambda_var, const double *running_mean,
                                               const double *running_var, size_t n, size_t c, size_t s,
                                               normative_layout layout, double eps, const double *work,
                                               size_t work_size, size_t size, size_t param_size);
#endif
