/* SPDX-License-Identifier: Apache-2.0
   The core, backward. Sums are those of sums.h. */
#include "gradient.h"
#include "sums.h"
#ifdef __FRAMAC__
#include "../proofs/recentre.h" /* the mean, from deviations from 0 */
#include "../proofs/params.h"   /* runs that do not reach a parameter */
#endif

/* mean(g h). */
/*@ requires n: 0 < n;
    requires g: \valid_read(g + (0..n-1)) && \valid_read(h + (0..n-1));
    assigns \nothing;
    ensures mean: \result == MeanProduct(g,h,n); */
static double mean_of_products(const double *g, const double *h, size_t n)
{
  double s = 0.0, c = 0.0;
  /*@ loop invariant i: 0 <= i <= n;
      loop invariant c: c == 0;
      loop invariant s: s == Dot(g,h,i);
      loop assigns i, s, c;
      loop variant n - i; */
  for (size_t i = 0; i < n; i++) {
    //@ assert product: g[i] * h[i] == Mul(g[i],h[i]);
    struct two r = two_sum(s, g[i] * h[i]);
    s = r.s;
    c += r.e;
  }
  return over(compensated(s, c), n);
}

/* 0; NaN if v is infinite or NaN. One such mean is in every dx of its group, and no infinity of it may come out as one. */
/*@ assigns \nothing;
    ensures zero: \result == 0; */
static double spoiled(double v) { return v - v; }

void centred_gradient(double *g, const double *h, double rstd, size_t n)
{
  double c1 = over(csum_dev(g, 0.0, n), n), c2 = mean_of_products(g, h, n), spoil = spoiled(c1) + spoiled(c2);
  //@ assert means: c1 == Mean(g,n) && c2 == MeanProduct(g,h,n) && spoil == 0;
  /*@ loop invariant i: 0 <= i <= n;
      loop invariant done: \forall integer k; 0 <= k < i ==> g[k] == CentredDx(\at(g[k],Pre),h[k],c1,c2,rstd);
      loop invariant rest: \forall integer k; i <= k < n ==> g[k] == \at(g[k],Pre);
      loop assigns i, g[0..n-1];
      loop variant n - i; */
  for (size_t i = 0; i < n; i++) {
    double dx = rstd * ((g[i] - c1) - h[i] * c2) + spoil;
    //@ assert dx: dx == CentredDx(g[i],h[i],c1,c2,rstd);
    g[i] = dx;
  }
}

void rms_gradient(double *g, const double *h, double rstd, size_t n)
{
  double c2 = mean_of_products(g, h, n), spoil = spoiled(c2);
  /*@ loop invariant i: 0 <= i <= n;
      loop invariant done: \forall integer k; 0 <= k < i ==> g[k] == RmsDx(\at(g[k],Pre),h[k],c2,rstd);
      loop invariant rest: \forall integer k; i <= k < n ==> g[k] == \at(g[k],Pre);
      loop assigns i, g[0..n-1];
      loop variant n - i; */
  for (size_t i = 0; i < n; i++) {
    double dx = rstd * (g[i] - h[i] * c2) + spoil;
    //@ assert dx: dx == RmsDx(g[i],h[i],c2,rstd);
    g[i] = dx;
  }
}

void no_gradient(double *sum, double *rest, size_t n)
{
  /*@ loop invariant k: 0 <= k <= n;
      loop invariant zero: Zero(sum,0,k-1) && Zero(rest,0,k-1);
      loop assigns k, sum[0..n-1], rest[0..n-1];
      loop variant n - k; */
  for (size_t k = 0; k < n; k++) sum[k] = rest[k] = 0.0;
}

/* sum[p] + rest[p] grows by t. */
/*@ requires sum: \valid(sum + p) && \valid(rest + p) && \separated(sum + p, rest + p);
    requires exact: Zero(rest,p,p);
    assigns sum[p], rest[p];
    ensures sum: sum[p] == \old(sum[p]) + t;
    ensures exact: Zero(rest,p,p); */
static void add(double *sum, double *rest, size_t p, double t)
{
  struct two r = two_sum(sum[p], t);
  sum[p] = r.s;
  rest[p] += r.e;
}

/* What element j adds: dy h, h NULL meaning 1. */
/*@ requires dy: \valid_read(dy + j);
    requires h: h == \null || \valid_read(h + j);
    assigns \nothing;
    ensures term: \result == Term(dy,h,j); */
static double term(const double *dy, const double *h, size_t j) { return h ? dy[j] * h[j] : dy[j]; }

/* The terms of a run, at dy[c] and h[c]. */
/*@ requires run: 0 < r.n && c + r.n <= MAX && r.param_stride <= MAX && RunLastParam(r) <= MAX;
    requires dy: \valid_read(dy + (c..c+r.n-1));
    requires h: h == \null || \valid_read(h + (c..c+r.n-1));
    requires sum: \valid(sum + (r.param..RunLastParam(r))) && \valid(rest + (r.param..RunLastParam(r)));
    requires sep: \separated(sum + (r.param..RunLastParam(r)), rest + (r.param..RunLastParam(r)), dy + (c..c+r.n-1));
    requires sep: h == \null || \separated(sum + (r.param..RunLastParam(r)), h + (c..c+r.n-1));
    requires sep: h == \null || \separated(rest + (r.param..RunLastParam(r)), h + (c..c+r.n-1));
    requires exact: Zero(rest,r.param,RunLastParam(r));
    assigns sum[r.param..RunLastParam(r)], rest[r.param..RunLastParam(r)];
    ensures sum: \forall integer p; r.param <= p <= RunLastParam(r) ==>
      sum[p] == \old(sum[p]) + RunParam{Pre}(dy,h,c,r.param,r.param_stride,r.n,p);
    ensures exact: Zero(rest,r.param,RunLastParam(r)); */
static void add_run(double *sum, double *rest, const double *dy, const double *h, size_t c, struct run r)
{
  size_t p = r.param;
  /*@ loop invariant i: 0 <= i <= r.n;
      loop invariant p: p == At(r.param,i,r.param_stride);
      loop invariant sum: \forall integer q; r.param <= q <= RunLastParam(r) ==>
        sum[q] == \at(sum[q],Pre) + RunParam{Pre}(dy,h,c,r.param,r.param_stride,i,q);
      loop invariant exact: Zero(rest,r.param,RunLastParam(r));
      loop assigns i, p, sum[r.param..RunLastParam(r)], rest[r.param..RunLastParam(r)];
      loop variant r.n - i; */
  for (size_t i = 0; i < r.n; i++) {
    //@ assert param: r.param <= p <= RunLastParam(r) && At(r.param,i+1,r.param_stride) == p + r.param_stride;
    double t = term(dy, h, c + i);
    //@ assert term: t == Term{Pre}(dy,h,c+i);
    add(sum, rest, p, t);
    //@ assert ix: (size_t)(i+1) == i+1;
    //@ assert entry: sum[p] == \at(sum[p],LoopCurrent) + t;
    //@ assert others: \forall integer q; q != p ==> sum[q] == \at(sum[q],LoopCurrent);
    p += r.param_stride;
  }
}

/* The terms of a group, run by run. */
/*@ requires group: 0 < g.n_outer && 0 < g.n_inner && Len(g) <= MAX;
    requires param: g.param_outer <= MAX && g.param_inner <= MAX && LastParam(g) <= MAX;
    requires dy: \valid_read(dy + (0..Len(g)-1));
    requires h: h == \null || \valid_read(h + (0..Len(g)-1));
    requires sum: \valid(sum + (g.param..LastParam(g))) && \valid(rest + (g.param..LastParam(g)));
    requires sep: \separated(sum + (g.param..LastParam(g)), rest + (g.param..LastParam(g)), dy + (0..Len(g)-1));
    requires sep: h == \null || \separated(sum + (g.param..LastParam(g)), h + (0..Len(g)-1));
    requires sep: h == \null || \separated(rest + (g.param..LastParam(g)), h + (0..Len(g)-1));
    requires exact: Zero(rest,g.param,LastParam(g));
    assigns sum[g.param..LastParam(g)], rest[g.param..LastParam(g)];
    ensures sum: \forall integer p; g.param <= p <= LastParam(g) ==>
      sum[p] == \old(sum[p]) + GroupParam{Pre}(dy,h,g,g.n_outer,p);
    ensures exact: Zero(rest,g.param,LastParam(g)); */
static void add_group(double *sum, double *rest, const double *dy, const double *h, struct group g)
{
  struct run r = {0, g.n_inner, 0, g.param, g.param_inner};
  size_t c = 0;
  /*@ loop invariant o: 0 <= o <= g.n_outer;
      loop invariant r: r.n == g.n_inner && r.param == FirstParam(g,o) && r.param_stride == g.param_inner;
      loop invariant c: c == At(0,o,g.n_inner);
      loop invariant sum: \forall integer p; g.param <= p <= LastParam(g) ==>
        sum[p] == \at(sum[p],Pre) + GroupParam{Pre}(dy,h,g,o,p);
      loop invariant exact: Zero(rest,g.param,LastParam(g));
      loop assigns o, r, c, sum[g.param..LastParam(g)], rest[g.param..LastParam(g)];
      loop variant g.n_outer - o; */
  for (size_t o = 0; o < g.n_outer; o++) {
    //@ assert first: g.param <= r.param <= FirstParam(g,g.n_outer-1) && FirstParam(g,o+1) == r.param + g.param_outer;
    //@ assert last: RunLastParam(r) <= r.param + ParamSpan(g) <= LastParam(g);
    //@ assert room: 0 <= c && c + g.n_inner <= Len(g) && At(0,o+1,g.n_inner) == c + g.n_inner;
    //@ assert reach: RunLastParam(r) == At(FirstParam(g,o),g.n_inner-1,g.param_inner);
    add_run(sum, rest, dy, h, c, r);
    //@ assert dy: \forall integer k; 0 <= k < Len(g) ==> \at(dy[k],LoopCurrent) == \at(dy[k],Pre);
    //@ assert h: h == \null || (\forall integer k; 0 <= k < Len(g) ==> \at(h[k],LoopCurrent) == \at(h[k],Pre));
    //@ assert same: \forall integer k; 0 <= k < Len(g) ==> Term{LoopCurrent}(dy,h,k) == Term{Pre}(dy,h,k);
    /*@ assert run: \forall integer p; RunParam{LoopCurrent}(dy,h,c,r.param,r.param_stride,r.n,p) ==
          RunParam{Pre}(dy,h,c,r.param,r.param_stride,r.n,p); */
    /*@ assert out: \forall integer p; p < r.param || RunLastParam(r) < p ==>
          RunParam{Pre}(dy,h,c,r.param,r.param_stride,r.n,p) == 0.0; */
    r.param += g.param_outer;
    c += g.n_inner;
  }
}

void add_dbeta(double *sum, double *rest, const double *dy, struct group g) { add_group(sum, rest, dy, NULL, g); }

void add_dgamma(double *sum, double *rest, const double *dy, const double *h, struct group g)
{
  add_group(sum, rest, dy, h, g);
}

double gradient_of(const double *sum, const double *rest, size_t p) { return compensated(sum[p], rest[p]); }
