/* SPDX-License-Identifier: Apache-2.0
   The core of core.c and gradient.c in wide arithmetic. The algorithms are the same, and so are their reasons. */
#include "wide_core.h"
#ifdef __FRAMAC__
#include "../proofs/core.h" /* the algebra behind the corrected variance */
#endif

/* a / b by an axiom, not a definition, as Mul of ops.h. */
/*@ axiomatic Quotient { logic real Over(real a, real b); axiom Over_def: \forall real a, b; Over(a,b) == a / b; } */

static const struct wide_sum nothing = {{0.0, 0.0}, {0.0, 0.0}};

/*@ requires n: 0 < n;
    assigns \nothing;
    ensures e: Whole(t.e) ==> Whole(\result.e);
    ensures quotient: Whole(t.e) ==> Wide(\result) == Quot(Wide(t),n); */
static struct wide over(struct wide t, size_t n) { return divided(t, widen((double)n)); }

/* sum (x - m). */
/*@ requires x: \valid_read(x + (0..n-1));
    requires e: Whole(m.e);
    assigns \nothing;
    ensures e: Whole(\result.e);
    ensures sum: Wide(\result) == Dev(x,Wide(m),n); */
static struct wide sum_dev(const double *x, struct wide m, size_t n)
{
  struct wide_sum t = nothing;
  /*@ loop invariant i: 0 <= i <= n;
      loop invariant s: Wide(t.s) == Dev(x,Wide(m),i) && Wide(t.c) == 0 && WholeSum(t);
      loop assigns i, t;
      loop variant n - i; */
  for (size_t i = 0; i < n; i++) t = summed(t, less(widen(x[i]), m));
  return total(t);
}

/* sum (x - m)^2. */
/*@ requires x: \valid_read(x + (0..n-1));
    requires e: Whole(m.e);
    assigns \nothing;
    ensures e: Whole(\result.e);
    ensures sum: Wide(\result) == Ssd(x,Wide(m),n); */
static struct wide sumsq_dev(const double *x, struct wide m, size_t n)
{
  struct wide_sum t = nothing;
  /*@ loop invariant i: 0 <= i <= n;
      loop invariant s: Wide(t.s) == Ssd(x,Wide(m),i) && Wide(t.c) == 0 && WholeSum(t);
      loop assigns i, t;
      loop variant n - i; */
  for (size_t i = 0; i < n; i++) {
    struct wide d = less(widen(x[i]), m), q = times(d, d);
    //@ assert d: Whole(d.e) && Wide(d) == x[i] - Wide(m);
    //@ assert product: Whole(q.e) && Wide(q) == Mul(Wide(d),Wide(d));
    //@ assert same: Wide(q) == Mul(x[i] - Wide(m),x[i] - Wide(m));
    //@ assert square: Wide(q) == Sd(x[i],Wide(m));
    t = summed(t, q);
  }
  return total(t);
}

/*@ requires e: Whole(var.e);
    assigns \nothing;
    ensures e: Whole(\result.e);
    behavior root:
      assumes 0 < Wide(var) + eps;
      ensures rstd: Wide(\result) == Rstd(Wide(var),eps); */
static struct wide rstd_of(struct wide var, double eps)
{
  struct wide v = plus(var, widen(eps)), q = root(v), one = widen(1.0);
  //@ assert v: Wide(v) == Wide(var) + eps && Whole(v.e) && Whole(q.e) && Wide(one) == 1.0 && Whole(one.e);
  //@ for root: assert q: Wide(q) == \sqrt(Wide(v)) && 0 < \sqrt(Wide(v));
  //@ for root: assert rstd: Rstd(Wide(var),eps) == Over(1.0,\sqrt(Wide(v)));
  //@ for root: assert inverse: Rstd(Wide(var),eps) == Over(1.0,Wide(q));
  return divided(one, q);
}

struct wide_statistics wide_centred(const double *x, size_t n, double eps)
{
  struct wide_statistics r;
  r.m = plus(widen(x[0]), over(sum_dev(x, widen(x[0]), n), n));
  struct wide t = sum_dev(x, r.m, n), square = times(t, t), k = over(square, n);
  r.c = over(t, n);
  //@ assert mean: Whole(r.m.e) && Whole(r.c.e) && wide_mean(r) == Mean(x,n);
  //@ assert t: Wide(t) == Dev(x,Wide(r.m),n) && Whole(k.e);
  //@ assert square: Wide(square) == Wide(t) * Wide(t);
  //@ assert quotient: Wide(k) == Corr(Wide(t),n);
  //@ assert correction: Wide(k) == Corr(Dev(x,Wide(r.m),n),n);
  struct wide q = less(sumsq_dev(x, r.m, n), k);
  //@ assert about_mean: Whole(q.e) && Wide(q) == Ssd(x,Mean(x,n),n) && 0 <= Wide(q);
  r.var = q.v < 0.0 ? widen(0.0) : over(q, n);
  //@ assert var: Whole(r.var.e) && Wide(r.var) == Var(x,n);
  r.rstd = rstd_of(r.var, eps);
  return r;
}

struct wide_statistics wide_rms(const double *x, size_t n, double eps)
{
  struct wide var = over(sumsq_dev(x, widen(0.0), n), n);
  struct wide_statistics r = {widen(0.0), widen(0.0), var, rstd_of(var, eps)};
  return r;
}

struct wide_statistics wide_given(double mean, double var, double eps)
{
  struct wide_statistics r = {widen(mean), widen(0.0), widen(var), rstd_of(widen(var), eps)};
  return r;
}

struct wide_statistics wide_saved(double mean, double rstd)
{
  struct wide_statistics r = {widen(mean), widen(0.0), widen(0.0), widen(rstd)};
  return r;
}

/*@ assigns \nothing;
    ensures e: WholeStatistics(s) ==> Whole(\result.e);
    ensures xhat: WholeStatistics(s) ==> Wide(\result) == WideXhat(x,s); */
static struct wide xhat(double x, struct wide_statistics s)
{
  struct wide d = less(less(widen(x), s.m), s.c), h = times(d, s.rstd);
  //@ assert d: WholeStatistics(s) ==> Whole(d.e) && Wide(d) == x - wide_mean(s);
  //@ assert h: WholeStatistics(s) ==> Wide(h) == Wide(d) * Wide(s.rstd);
  return h;
}

/*@ requires p: p == \null || \valid_read(p + k);
    assigns \nothing;
    ensures e: Whole(\result.e);
    ensures parameter: Wide(\result) == (p == \null ? absent : p[k]); */
static struct wide parameter(const double *p, size_t k, double absent) { return widen(p ? p[k] : absent); }

/* The parameter of element k of a gathered group. */
/*@ requires g: 0 < g.n_inner && k < Len(g) && LastParam(g) <= MAX;
    assigns \nothing;
    ensures parameter: \result == At(FirstParam(g,k / g.n_inner),k % g.n_inner,g.param_inner); */
static size_t param_of(struct group g, size_t k)
{
  return g.param + k / g.n_inner * g.param_outer + k % g.n_inner * g.param_inner;
}

void wide_apply(double *d, struct wide_statistics s, const double *gamma, const double *beta, struct group g)
{
  /*@ loop invariant k: 0 <= k <= Len(g);
      loop assigns k, d[0..Len(g)-1];
      loop variant Len(g) - k; */
  for (size_t k = 0; k < g.n_outer * g.n_inner; k++) {
    size_t p = param_of(g, k);
    d[k] = narrow(plus(times(xhat(d[k], s), parameter(gamma, p, 1.0)), parameter(beta, p, 0.0)));
  }
}

void wide_evaluate(double *d, size_t m, struct wide_statistics s, double gamma, double beta)
{
  /*@ loop invariant k: 0 <= k <= m;
      loop invariant done: \forall integer q; 0 <= q < k ==> d[q] == Affine(WideXhat(\at(d[q],Pre),s),gamma,beta);
      loop invariant rest: \forall integer q; k <= q < m ==> d[q] == \at(d[q],Pre);
      loop assigns k, d[0..m-1];
      loop variant m - k; */
  for (size_t k = 0; k < m; k++) {
    struct wide h = xhat(d[k], s), g = widen(gamma), scaled = times(h, g);
    //@ assert h: Whole(h.e) && Wide(h) == WideXhat(d[k],s);
    //@ assert scaled: Whole(scaled.e) && Wide(scaled) == Mul(Wide(h),gamma);
    //@ assert same: Wide(scaled) == Mul(WideXhat(d[k],s),gamma);
    double y = narrow(plus(scaled, widen(beta)));
    //@ assert sum: y == Mul(WideXhat(d[k],s),gamma) + beta;
    //@ assert y: y == Affine(WideXhat(d[k],s),gamma,beta);
    d[k] = y;
  }
}

/* a p + b q, p and q weights. */
/*@ assigns \nothing;
    ensures sum: Whole(a.e) ==> Whole(b.e) ==> \result == Wide(a) * p + Wide(b) * q; */
static double weighted(struct wide a, double p, struct wide b, double q)
{
  struct wide ap = times(a, widen(p)), bq = times(b, widen(q));
  //@ assert a: Whole(a.e) ==> Whole(ap.e) && Wide(ap) == Wide(a) * p;
  //@ assert b: Whole(b.e) ==> Whole(bq.e) && Wide(bq) == Wide(b) * q;
  return narrow(plus(ap, bq));
}

/* The rules of running_update (running.h). */
/*@ requires rule: RuleFits(momentum,rule);
    assigns \nothing;
    ensures running: Whole(b.e) ==> \result == Running(r,Wide(b),momentum,rule); */
static double running(double r, struct wide b, double momentum, normative_momentum rule)
{
  switch (rule) {
  case NORMATIVE_MOMENTUM_NEW: return weighted(widen(r), 1.0 - momentum, b, momentum);
  case NORMATIVE_MOMENTUM_OLD: return weighted(widen(r), momentum, b, 1.0 - momentum);
  case NORMATIVE_MOMENTUM_CUMULATIVE: break;
  }
  struct wide old = times(widen(r), widen((momentum - 1.0) / momentum)), t = widen(momentum), batch = divided(b, t);
  //@ assert old: Whole(old.e) && Wide(old) == r * ((momentum - 1.0) / momentum);
  //@ assert batch: Whole(b.e) ==> Whole(batch.e) && Wide(batch) == Wide(b) / momentum;
  return narrow(plus(old, batch));
}

void wide_save_running(double *running_mean, double *running_var, size_t k, struct wide_statistics s, size_t m,
                       double momentum, normative_momentum rule, normative_estimator estimator)
{
  if (!running_mean) return;
  struct wide var = s.var, mean = plus(s.m, s.c), count = widen((double)m), product = times(var, count);
  //@ assert product: WholeStatistics(s) ==> Whole(product.e) && Wide(product) == wide_var(s) * m;
  if (estimator == NORMATIVE_UNBIASED) {
    var = over(product, m - 1);
    //@ assert quotient: WholeStatistics(s) ==> Wide(var) == Quot(Wide(product),m - 1);
    //@ assert estimate: WholeStatistics(s) ==> Wide(var) == Quot(wide_var(s) * m,m - 1);
  }
  //@ assert mean: WholeStatistics(s) ==> Whole(mean.e) && Wide(mean) == wide_mean(s);
  //@ assert var: WholeStatistics(s) ==> Whole(var.e) && Wide(var) == Estimated(wide_var(s),m,estimator);
  running_mean[k] = running(running_mean[k], mean, momentum, rule);
  //@ assert old: running_var[k] == \at(running_var[k],Pre);
  running_var[k] = running(running_var[k], var, momentum, rule);
}

void wide_no_gradient(double *sum, double *rest, size_t n)
{
  double *top = rest + (rest - sum);
  /*@ loop invariant k: 0 <= k <= n;
      loop assigns k, sum[0..n-1], rest[0..n-1], top[0..n-1];
      loop variant n - k; */
  for (size_t k = 0; k < n; k++) sum[k] = rest[k] = top[k] = 0.0;
}

/* What entry p has come to. */
/*@ requires sum: \valid_read(sum + p) && \valid_read(rest + p) && \valid_read(rest + (rest-sum) + p);
    assigns \nothing;
    ensures e: Whole(*(rest + (rest-sum) + p)) ==> WholeSum(\result);
    ensures sum: Wide(\result.s) == Scaled(sum[p],*(rest + (rest-sum) + p));
    ensures rest: Wide(\result.c) == Scaled(rest[p],*(rest + (rest-sum) + p)); */
static struct wide_sum entry(const double *sum, const double *rest, size_t p)
{
  const double *top = rest + (rest - sum);
  struct wide_sum t = {wide(sum[p], top[p]), wide(rest[p], top[p])};
  return t;
}

/* v 2^(512 (a.e - e)) where e >= a.e. */
/*@ assigns \nothing;
    ensures scaled: Whole(a.e) ==> Whole(e) ==> a.v == 0 || a.e <= e ==> Scaled(\result,e) == Wide(a); */
static double at(struct wide a, double e)
{
  /*@ loop invariant value: Wide(a) == Wide(\at(a,Pre));
      loop invariant e: Whole(\at(a.e,Pre)) ==> Whole(e) ==>
        Whole(a.e) && (\at(a.v,Pre) == 0 ==> a.v == 0) && (\at(a.e,Pre) <= e ==> a.e <= e);
      loop assigns a; */
  while (a.e < e && a.v != 0.0) a = (struct wide){a.v * 0x1p-512, a.e + 1.0};
  return a.v;
}

/* Entry p grows by a term. */
/*@ requires sum: \valid(sum + p) && \valid(rest + p) && \valid(rest + (rest-sum) + p);
    assigns sum[p], rest[p], *(rest + (rest-sum) + p); */
static void add(double *sum, double *rest, size_t p, struct wide term)
{
  double *top = rest + (rest - sum);
  struct wide_sum t = summed(entry(sum, rest, p), term);
  int finite = t.s.v - t.s.v == 0.0;
  double e = t.c.v == 0.0 || (t.s.v != 0.0 && t.s.e > t.c.e) ? t.s.e : t.c.e;
  sum[p] = finite ? at(t.s, e) : t.s.v;
  rest[p] = finite ? at(t.c, e) : 0.0;
  top[p] = finite ? e : 0.0;
}

void wide_add_dbeta(double *sum, double *rest, const double *dy, struct group g)
{
  for (size_t k = 0; k < g.n_outer * g.n_inner; k++) add(sum, rest, param_of(g, k), widen(dy[k]));
}

void wide_add_dgamma(double *sum, double *rest, const double *dy, const double *x, struct wide_statistics s,
                     struct group g)
{
  for (size_t k = 0; k < g.n_outer * g.n_inner; k++) add(sum, rest, param_of(g, k), times(widen(dy[k]), xhat(x[k], s)));
}

double wide_gradient_of(const double *sum, const double *rest, size_t p) { return narrow(total(entry(sum, rest, p))); }

/* gamma dy of element k. */
/*@ requires gamma: gamma == \null || \valid_read(gamma + (g.param..LastParam(g)));
    requires dy: \valid_read(dy + k) && k < Len(g);
    assigns \nothing; */
static struct wide scaled_dy(const double *dy, const double *gamma, struct group g, size_t k)
{
  return times(parameter(gamma, param_of(g, k), 1.0), widen(dy[k]));
}

void wide_gradient(double *d, const double *x, struct wide_statistics s, const double *gamma, struct group g, size_t m,
                   int centred)
{
  struct wide_sum t1 = nothing, t2 = nothing;
  for (size_t k = 0; k < m; k++) {
    struct wide gk = scaled_dy(d, gamma, g, k);
    if (centred) t1 = summed(t1, gk);
    t2 = summed(t2, times(gk, xhat(x[k], s)));
  }
  struct wide c1 = over(total(t1), m), c2 = over(total(t2), m), spoil = plus(less(c1, c1), less(c2, c2));
  for (size_t k = 0; k < m; k++) {
    struct wide dx = less(less(scaled_dy(d, gamma, g, k), c1), times(xhat(x[k], s), c2));
    d[k] = narrow(plus(times(s.rstd, dx), spoil));
  }
}

void wide_scaled_gradient(double *d, size_t m, struct wide_statistics s, double gamma)
{
  /*@ loop invariant k: 0 <= k <= m;
      loop invariant done: \forall integer q; 0 <= q < k ==> d[q] == Mul(Mul(gamma,\at(d[q],Pre)),wide_rstd(s));
      loop invariant rest: \forall integer q; k <= q < m ==> d[q] == \at(d[q],Pre);
      loop assigns k, d[0..m-1];
      loop variant m - k; */
  for (size_t k = 0; k < m; k++) {
    struct wide g = times(widen(gamma), widen(d[k]));
    //@ assert g: Whole(g.e) && Wide(g) == Mul(gamma,d[k]);
    double dx = narrow(times(g, s.rstd));
    //@ assert product: dx == Wide(g) * Wide(s.rstd);
    //@ assert dx: dx == Mul(Mul(gamma,d[k]),wide_rstd(s));
    d[k] = dx;
  }
}
