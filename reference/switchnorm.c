/* SPDX-License-Identifier: Apache-2.0
   SwitchableNorm: softmax, pooling, mixing and their backward, in wide numbers; doors and scratch memory. */
#include "switchnorm.h"
#include "arguments.h"
#include "sums.h"
#include "wide_core.h"

/* ---- softmax ---- */

/* 2^-k. */
/*@ requires k: 0 <= k;
    assigns \nothing; */
static struct wide halved(int k)
{
  double power = 1.0;
  /*@ loop invariant i: 0 <= i <= k % 512;
      loop assigns i, power;
      loop variant k % 512 - i; */
  for (int i = 0; i < k % 512; i++) power *= 0.5;
  return wide(power, -(double)(k / 512));
}

/* e^(x + rest), x <= 0, |rest| <= u |x|, within 1.9 u: 0.25 u from r, 0.45 u from the polynomial and its product,
   0.2 u from the last sum but one, 1 u from the last.
     x + rest = r - k ln 2, |r| <= 0.347: ln 2 in two parts, the first so short that k times it is exact (Cody and
     Waite; the parts are those of fdlibm's e_exp.c)
     e^r by Taylor to r^13/13!, the rest of the series being below 0.04 u */
/*@ requires x: x <= 0;
    assigns \nothing; */
static struct wide exp_negative(double x, double rest)
{
  const double ln2 = 0x1.62e42feep-1, ln2_low = 0x1.a39ef35793c76p-33;
  if (!(x > -0x1p18)) return widen(x == x ? 0.0 : x);
  const int k = (int)(0.5 - x / ln2);
  const double r = (x + k * ln2) + (k * ln2_low + rest);
  double t = 1.0;
  /*@ loop invariant i: 2 <= i <= 13;
      loop assigns i, t;
      loop variant i; */
  for (int i = 13; i > 2; i--) t = 1.0 + r / i * t;
  return times(widen(1.0 + (r + r * (r / 2 * t))), halved(k));
}

static const struct wide_sum nothing = {{0.0, 0.0}, {0.0, 0.0}};

/* e^(lambda_k - max) over their sum, the difference exact in two parts. */
void softmax(struct wide *w, const double *lambda, size_t kinds)
{
  double max = lambda[0];
  struct wide_sum sum = nothing;
  /*@ loop invariant k: 0 <= k <= kinds;
      loop invariant max: \forall integer q; 0 <= q < k ==> lambda[q] <= max;
      loop assigns k, max;
      loop variant kinds - k; */
  for (size_t k = 0; k < kinds; k++)
    if (lambda[k] > max) max = lambda[k];
  /*@ loop invariant k: 0 <= k <= kinds;
      loop assigns k, sum, w[0..kinds-1];
      loop variant kinds - k; */
  for (size_t k = 0; k < kinds; k++) {
    const struct two d = two_sum(lambda[k], -max);
    w[k] = exp_negative(d.s, d.e);
    sum = summed(sum, w[k]);
  }
  const struct wide all = total(sum);
  /*@ loop invariant k: 0 <= k <= kinds;
      loop assigns k, w[0..kinds-1];
      loop variant kinds - k; */
  for (size_t k = 0; k < kinds; k++) w[k] = divided(w[k], all);
}

/* ---- scratch ---- */

/*@ requires t: \valid_read(t.v + i) && \valid_read(t.e + i);
    assigns \nothing;
    ensures at: \result.v == t.v[i] && \result.e == t.e[i]; */
static struct wide at(struct numbers t, size_t i)
{
  const struct wide a = {t.v[i], t.e[i]};
  return a;
}

/*@ requires t: \valid(t.v + i) && \valid(t.e + i) && \separated(t.v + i, t.e + i);
    assigns t.v[i], t.e[i];
    ensures put: t.v[i] == a.v && t.e[i] == a.e; */
static void put(struct numbers t, size_t i, struct wide a)
{
  t.v[i] = a.v;
  t.e[i] = a.e;
}

/* The next count numbers. */
/*@ requires work: \valid(work) && count <= MAX;
    assigns *work;
    ensures taken: *work == \old(*work) + 2 * count && Numbers(\result,\old(*work),count); */
static struct numbers take(double **work, size_t count)
{
  const struct numbers t = {*work, *work + count};
  *work += 2 * count;
  return t;
}

/*@ requires work: \valid(work) && count <= MAX;
    assigns *work;
    ensures taken: *work == \old(*work) + 6 * count && Moments(\result,\old(*work),count); */
static struct moments take_moments(double **work, size_t count)
{
  struct moments t;
  t.m = take(work, count);
  t.c = take(work, count);
  t.v = take(work, count);
  return t;
}

void lay_out(struct switched *z, double *work, int backward)
{
  const size_t n = z->n, c = z->c;
  z->in = take_moments(&work, n * c);
  z->ln = take_moments(&work, n);
  z->bn = take_moments(&work, c);
  z->p = take(&work, backward ? n * c + n + c : 0);
  z->q = take(&work, backward ? n * c + n + c : 0);
}

/*@ requires t: \valid(t.m.v + i) && \valid(t.m.e + i) && \separated(t.m.v + i, t.m.e + i);
    requires t: \valid(t.c.v + i) && \valid(t.c.e + i) && \separated(t.c.v + i, t.c.e + i);
    requires t: \valid(t.v.v + i) && \valid(t.v.e + i) && \separated(t.v.v + i, t.v.e + i);
    assigns t.m.v[i], t.m.e[i], t.c.v[i], t.c.e[i], t.v.v[i], t.v.e[i]; */
static void keep(struct moments t, size_t i, struct wide m, struct wide c, struct wide v)
{
  put(t.m, i, m);
  put(t.c, i, c);
  put(t.v, i, v);
}

void keep_instance(const struct switched *z, size_t r, struct wide m, struct wide c, struct wide v)
{
  keep(z->in, r, m, c, v);
}

void keep_channel(const struct switched *z, size_t k, double mean, double var)
{
  keep(z->bn, k, widen(mean), widen(0.0), widen(var));
}

void save_channel(const struct switched *z, size_t k, double *running_mean, double *running_var, double momentum,
                  normative_momentum rule, normative_estimator estimator)
{
  const struct wide_statistics t = {at(z->bn.m, k), at(z->bn.c, k), at(z->bn.v, k), widen(0.0)};
  wide_save_running(running_mean, running_var, k, t, z->n * z->s, momentum, rule, estimator);
}

/* ---- pooling ---- */

/* Every stride-th of so many, from the first. */
struct picked {
  size_t first, stride, count;
};
/*@ logic integer Pick(struct picked g, integer i) = g.first + i*g.stride; */
/*@ predicate Picks{L}(struct numbers t, struct picked g) = \forall integer i; 0 <= i < g.count ==>
      0 <= i*g.stride <= MAX && Pick(g,i) <= MAX && \valid_read(t.v + Pick(g,i)) && \valid_read(t.e + Pick(g,i)); */

/* Means of t, and of t - from (0 where NULL), compensated. */
/*@ requires t: Picks(t,g);
    assigns \nothing; */
static struct wide mean_of(struct numbers t, struct wide from, struct picked g)
{
  struct wide_sum sum = nothing;
  /*@ loop invariant i: 0 <= i <= g.count;
      loop assigns i, sum;
      loop variant g.count - i; */
  for (size_t i = 0; i < g.count; i++) sum = summed(sum, less(at(t, g.first + i * g.stride), from));
  return divided(total(sum), widen((double)g.count));
}

/* (m_i - h) + c_i: how far mean i is from h; the size of the means cancels exactly. */
/*@ requires t: \valid_read(t.m.v + i) && \valid_read(t.m.e + i) && \valid_read(t.c.v + i) && \valid_read(t.c.e + i);
    assigns \nothing; */
static struct wide off(struct moments t, size_t i, struct wide h) { return plus(less(at(t.m, i), h), at(t.c, i)); }

/* Mean of the means less h. */
/*@ requires t: Picks(t.m,g) && Picks(t.c,g);
    assigns \nothing; */
static struct wide mean_off(struct moments t, struct wide h, struct picked g)
{
  struct wide_sum sum = nothing;
  /*@ loop invariant i: 0 <= i <= g.count;
      loop assigns i, sum;
      loop variant g.count - i; */
  for (size_t i = 0; i < g.count; i++) sum = summed(sum, off(t, g.first + i * g.stride, h));
  return divided(total(sum), widen((double)g.count));
}

/* Variance of the means, c being mean_off of h. */
/*@ requires t: Picks(t.m,g) && Picks(t.c,g);
    assigns \nothing; */
static struct wide var_off(struct moments t, struct wide h, struct wide c, struct picked g)
{
  struct wide_sum sum = nothing;
  /*@ loop invariant i: 0 <= i <= g.count;
      loop assigns i, sum;
      loop variant g.count - i; */
  for (size_t i = 0; i < g.count; i++) {
    const struct wide d = less(off(t, g.first + i * g.stride, h), c);
    sum = summed(sum, times(d, d));
  }
  return divided(total(sum), widen((double)g.count));
}

/* The union of groups of equal size, h near its mean:
     mean = h + mean(mean_i - h)    v = mean(v_i) + var(mean_i), the law of total variance */
/*@ requires t: 0 < g.count && Picks(t.m,g) && Picks(t.c,g) && Picks(t.v,g);
    requires to: \valid(to.m.v + i) && \valid(to.m.e + i) && \separated(to.m.v + i, to.m.e + i);
    requires to: \valid(to.c.v + i) && \valid(to.c.e + i) && \separated(to.c.v + i, to.c.e + i);
    requires to: \valid(to.v.v + i) && \valid(to.v.e + i) && \separated(to.v.v + i, to.v.e + i);
    assigns to.m.v[i], to.m.e[i], to.c.v[i], to.c.e[i], to.v.v[i], to.v.e[i]; */
static void pool_group(struct moments to, size_t i, struct moments t, struct picked g)
{
  const struct wide first = at(t.m, g.first), h = plus(first, mean_of(t.m, first, g)), c = mean_off(t, h, g);
  keep(to, i, h, c, plus(mean_of(t.v, widen(0.0), g), var_off(t, h, c, g)));
}

/* Sample o, channel k: where its instances are. */
/*@ requires z: Call(z,0) && o < z->n;
    assigns \nothing;
    ensures picked: \result.first == o * z->c && \result.stride == 1 && \result.count == z->c; */
static struct picked sample(const struct switched *z, size_t o)
{
  const struct picked g = {o * z->c, 1, z->c};
  return g;
}

/*@ requires z: Call(z,0) && k < z->c;
    assigns \nothing;
    ensures picked: \result.first == k && \result.stride == z->c && \result.count == z->n; */
static struct picked channel(const struct switched *z, size_t k)
{
  const struct picked g = {k, z->c, z->n};
  return g;
}

void pool(const struct switched *z)
{
  /*@ loop invariant o: 0 <= o <= z->n;
      loop assigns o, z->ln.m.v[0..z->n-1], z->ln.m.e[0..z->n-1], z->ln.c.v[0..z->n-1], z->ln.c.e[0..z->n-1],
                   z->ln.v.v[0..z->n-1], z->ln.v.e[0..z->n-1];
      loop variant z->n - o; */
  for (size_t o = 0; o < z->n; o++) pool_group(z->ln, o, z->in, sample(z, o));
  if (z->given || z->kinds < 3) return;
  /*@ loop invariant k: 0 <= k <= z->c;
      loop assigns k, z->bn.m.v[0..z->c-1], z->bn.m.e[0..z->c-1], z->bn.c.v[0..z->c-1], z->bn.c.e[0..z->c-1],
                   z->bn.v.v[0..z->c-1], z->bn.v.e[0..z->c-1];
      loop variant z->c - k; */
  for (size_t k = 0; k < z->c; k++) pool_group(z->bn, k, z->in, channel(z, k));
}

/* ---- mixing ---- */

/* What instance r sees of kind k: its own, its sample's, its channel's. */
struct seen {
  struct wide m, c, v;
};

/*@ requires z: Call(z,0);
    requires r: r < z->n * z->c;
    assigns \nothing; */
static struct seen seen(const struct switched *z, size_t r, size_t k)
{
  const struct moments t = k == 0 ? z->in : k == 1 ? z->ln : z->bn;
  const size_t i = k == 0 ? r : k == 1 ? r / z->c : r % z->c;
  const struct seen s = {at(t.m, i), at(t.c, i), at(t.v, i)};
  return s;
}

/* Mean of a less mean of b. */
/*@ assigns \nothing; */
static struct wide apart(struct seen a, struct seen b) { return plus(less(a.m, b.m), less(a.c, b.c)); }

/* A line: (x - (m + c)) by. */
struct line {
  struct wide m, c, by;
};

/*@ assigns \nothing; */
static struct wide on(struct line t, double x) { return times(less(less(widen(x), t.m), t.c), t.by); }

/* The kind whose mean weighs most; 0 where a weight is NaN. */
/*@ requires z: \valid_read(z) && 2 <= z->kinds <= 3;
    assigns \nothing;
    ensures kind: \result < z->kinds; */
static size_t heaviest(const struct switched *z)
{
  size_t b = 0;
  /*@ loop invariant k: 1 <= k && b < z->kinds;
      loop assigns k, b;
      loop variant z->kinds - k; */
  for (size_t k = 1; k < z->kinds; k++)
    if (narrow(z->w[k]) > narrow(z->w[b])) b = k;
  return b;
}

/* xhat = (x - M)/sqrt(V + eps) of instance r, b the kind that weighs most:
     M = mu_b + sum w_k (mu_k - mu_b), so that the size of the means is not in its error: as w_k <= w_b,
         w_k |mu_k - mu_b| <= w_k |x - mu_k| + w_b |x - mu_b|
     V = u0 v_in + u1 v_ln + u2 v_bn */
/*@ requires z: Call(z,0);
    requires r: r < z->n * z->c;
    assigns \nothing; */
static struct line mixed(const struct switched *z, size_t r)
{
  const struct seen base = seen(z, r, heaviest(z));
  struct wide shift = widen(0.0), var = widen(0.0);
  /*@ loop invariant k: 0 <= k;
      loop assigns k, shift, var;
      loop variant z->kinds - k; */
  for (size_t k = 0; k < z->kinds; k++) {
    const struct seen t = seen(z, r, k);
    shift = plus(shift, times(z->w[k], apart(t, base)));
    var = plus(var, times(z->u[k], t.v));
  }
  const struct line t = {base.m, plus(base.c, shift), divided(widen(1.0), root(plus(var, widen(z->eps))))};
  return t;
}

void switched_y(const struct switched *z, size_t r, double *x, double gamma, double beta)
{
  const struct line t = mixed(z, r);
  /*@ loop invariant i: 0 <= i <= z->s;
      loop assigns i, x[0..z->s-1];
      loop variant z->s - i; */
  for (size_t i = 0; i < z->s; i++) x[i] = narrow(plus(times(on(t, x[i]), widen(gamma)), widen(beta)));
}

/* ---- backward ---- */

void keep_sums(const struct switched *z, size_t r, const double *x, const double *dy, double gamma,
               struct wide_sum *dgamma, struct wide_sum *dbeta)
{
  const struct line t = mixed(z, r);
  struct wide_sum a = nothing, b = nothing;
  /*@ loop invariant i: 0 <= i <= z->s;
      loop assigns i, a, b;
      loop variant z->s - i; */
  for (size_t i = 0; i < z->s; i++) {
    a = summed(a, widen(dy[i]));
    b = summed(b, times(widen(dy[i]), on(t, x[i])));
  }
  const struct wide factor = minus(times(widen(gamma), t.by));
  put(z->p, r, times(factor, total(a)));
  put(z->q, r, times(times(widen(0.5), times(factor, t.by)), total(b)));
  *dbeta = summed(*dbeta, total(a));
  *dgamma = summed(*dgamma, total(b));
}

/* Behind the n c entries of p: n means over a sample, c means over a channel. */
/*@ requires z: Call(z,1);
    requires p: (p.v == z->p.v && p.e == z->p.e) || (p.v == z->q.v && p.e == z->q.e);
    assigns p.v[0..Slots(z)-1], p.e[0..Slots(z)-1]; */
static void pool_means(const struct switched *z, struct numbers p)
{
  const size_t n = z->n, c = z->c;
  /*@ loop invariant o: 0 <= o <= n;
      loop assigns o, p.v[0..Slots(z)-1], p.e[0..Slots(z)-1];
      loop variant n - o; */
  for (size_t o = 0; o < n; o++) put(p, n * c + o, mean_of(p, widen(0.0), sample(z, o)));
  /*@ loop invariant k: 0 <= k <= c;
      loop assigns k, p.v[0..Slots(z)-1], p.e[0..Slots(z)-1];
      loop variant c - k; */
  for (size_t k = 0; k < c; k++) put(p, n * c + n + k, mean_of(p, widen(0.0), channel(z, k)));
}

void pool_sums(const struct switched *z)
{
  pool_means(z, z->p);
  pool_means(z, z->q);
}

/* Of p or q, what reaches instance r by way of kind k: its own, its sample's mean, its channel's; nothing of a
   constant. */
/*@ requires z: Call(z,1);
    requires p: (p.v == z->p.v && p.e == z->p.e) || (p.v == z->q.v && p.e == z->q.e);
    requires r: r < z->n * z->c;
    assigns \nothing; */
static struct wide share(const struct switched *z, struct numbers p, size_t r, size_t k)
{
  const size_t all = z->n * z->c;
  if (k == 0) return at(p, r);
  if (k == 1) return at(p, all + r / z->c);
  return z->given ? widen(0.0) : at(p, all + z->n + r % z->c);
}

/* 0; NaN if a is infinite or NaN. */
/*@ assigns \nothing; */
static double spoiled(struct wide a) { return a.v - a.v; }

void switched_dx(const struct switched *z, size_t r, const double *x, double *dy, double gamma)
{
  const struct wide each = widen((double)z->s), factor = times(mixed(z, r).by, widen(gamma));
  struct line t[3];
  struct wide a = widen(0.0);
  double spoil = 0.0; /* such a term is in every dx of r, and no infinity of it may come out as one */
  /*@ loop invariant k: 0 <= k;
      loop assigns k, a, t[0..2], spoil;
      loop variant z->kinds - k; */
  for (size_t k = 0; k < z->kinds; k++) {
    const struct seen s = seen(z, r, k);
    a = plus(a, divided(times(z->w[k], share(z, z->p, r, k)), each));
    t[k].m = s.m;
    t[k].c = s.c;
    t[k].by = divided(times(times(widen(2.0), z->u[k]), share(z, z->q, r, k)), each);
    spoil += spoiled(a) + spoiled(t[k].by);
  }
  /*@ loop invariant i: 0 <= i <= z->s;
      loop assigns i, dy[0..z->s-1];
      loop variant z->s - i; */
  for (size_t i = 0; i < z->s; i++) {
    struct wide dx = plus(times(factor, widen(dy[i])), a);
    /*@ loop invariant k: 0 <= k;
        loop assigns k, dx;
        loop variant z->kinds - k; */
    for (size_t k = 0; k < z->kinds; k++) dx = plus(dx, on(t[k], x[i]));
    dy[i] = narrow(dx) + spoil;
  }
}

/* w_k sum_r p_r sum_j w_j (mu_k - mu_j), or of the variances: nothing is subtracted that was rounded together. */
/*@ requires z: Call(z,1);
    requires p: (p.v == z->p.v && p.e == z->p.e) || (p.v == z->q.v && p.e == z->q.e);
    requires w: \valid_read(w + (0..z->kinds-1));
    requires k: k < z->kinds;
    assigns \nothing; */
static double dlambda(const struct switched *z, const struct wide *w, struct numbers p, size_t k, int variances)
{
  struct wide_sum sum = nothing;
  /*@ loop invariant r: 0 <= r <= z->n * z->c;
      loop assigns r, sum;
      loop variant z->n * z->c - r; */
  for (size_t r = 0; r < z->n * z->c; r++) {
    const struct seen mine = seen(z, r, k);
    struct wide away = widen(0.0);
    /*@ loop invariant j: 0 <= j;
        loop assigns j, away;
        loop variant z->kinds - j; */
    for (size_t j = 0; j < z->kinds; j++) {
      const struct seen t = seen(z, r, j);
      away = plus(away, times(w[j], variances ? less(mine.v, t.v) : apart(mine, t)));
    }
    sum = summed(sum, times(at(p, r), away));
  }
  return narrow(times(w[k], total(sum)));
}

double dlambda_mean_of(const struct switched *z, size_t k) { return dlambda(z, z->w, z->p, k, 0); }

double dlambda_var_of(const struct switched *z, size_t k) { return dlambda(z, z->u, z->q, k, 1); }

/* ---- doors ---- */

/* Samples and channels are groups too; 256 bytes an instance have an address. */
/*@ assigns \nothing;
    ensures size: \result != 0 ==> At(0,n,s) <= MAX_GROUP && At(0,c,s) <= MAX_GROUP && Volume(n,c,s) <= MAX; */
static int fits(size_t n, size_t c, size_t s)
{
  return groups_fit(n, c, s, n, s) && product_fits(c, s, NORMATIVE_MAX_GROUP) &&
         product_fits(n, c, NORMATIVE_MAX_TENSOR >> 4);
}

/* An instance, and the moments. */
/*@ assigns \nothing; */
size_t ref_switchnorm_work(size_t n, size_t c, size_t s)
{
  return n && c && s && fits(n, c, s) ? s + 6 * (n * c + n + c) : 0;
}

/* x and dy of an instance, the moments, P and Q and their means. */
/*@ assigns \nothing; */
size_t ref_switchnorm_backward_work(size_t n, size_t c, size_t s)
{
  return n && c && s && fits(n, c, s) ? 2 * s + 10 * (n * c + n + c) : 0;
}

/*@ assigns \nothing;
    ensures eps: \result.eps == 0 ==> 0 <= eps;
    ensures size: \result.size == 0 ==> At(0,n,s) <= MAX_GROUP && At(0,c,s) <= MAX_GROUP && Volume(n,c,s) <= MAX;
    ensures empty: \result.empty == 0 ==> 0 < n && 0 < c && 0 < s; */
static struct faults faults(size_t n, size_t c, size_t s, normative_layout layout, double eps)
{
  struct faults f = {.eps = !eps_ok(eps), .argument = !layout_ok(layout), .size = !fits(n, c, s),
                     .empty = n == 0 || c == 0 || s == 0};
  return f;
}

/* Forward, whether the running statistics are outputs (the first four arguments in memory) or not (the first two). */
/*@ requires outputs: outputs == 4 || outputs == 2;
    assigns \nothing;
    ensures ok: \result == NORMATIVE_OK ==> f.null == 0 && f.eps == 0 && f.momentum == 0 && f.argument == 0 &&
      f.size == 0 && f.variance == 0 && f.update == 0; */
static normative_status forward(struct faults f, const void *y, const double *running_mean, const double *running_var,
                                int outputs, const void *x, const void *gamma, const void *beta,
                                const void *lambda_mean, const void *lambda_var, size_t lambdas, size_t count, size_t c,
                                const double *work, size_t work_size, size_t size, size_t param_size)
{
  const struct span a[] = {span(y, count, size),
                           span(work, work_size, sizeof *work),
                           span(running_mean, c, sizeof *running_mean),
                           span(running_var, c, sizeof *running_var),
                           span(unless_y(x, y), count, size),
                           span(gamma, c, param_size),
                           span(beta, c, param_size),
                           span(lambda_mean, lambdas, param_size),
                           span(lambda_var, lambdas, param_size)};
  f.null = f.null || (!f.empty && (!x || !y || !lambda_mean || !lambda_var || (work_size && !work)));
  return first_fault(f, a, outputs, 9);
}

normative_status door_switchnorm(const void *y, const double *running_mean, const double *running_var, const void *x,
                                 const void *gamma, const void *beta, const void *lambda_mean, const void *lambda_var,
                                 size_t lambdas, size_t n, size_t c, size_t s, normative_layout layout, double eps,
                                 double momentum, normative_momentum rule, normative_estimator estimator,
                                 const double *work, size_t work_size, size_t size, size_t param_size)
{
  const int running = running_mean && c;
  struct faults f = faults(n, c, s, layout, eps);
  f.null = unpaired(running_mean, running_var);
  f.momentum = !momentum_ok(momentum, rule);
  f.argument = f.argument || !rule_ok(rule) || !estimator_ok(estimator) ||
               (lambdas != 3 && (lambdas != 2 || running_mean));
  f.variance = running && estimator == NORMATIVE_UNBIASED && n == 1 && s == 1;
  f.update = running && f.empty;
  return forward(f, y, running_mean, running_var, 4, x, gamma, beta, lambda_mean, lambda_var, lambdas, n * c * s, c,
                 work, work_size, size, param_size);
}

normative_status door_switchnorm_eval(const void *y, const void *x, const void *gamma, const void *beta,
                                      const void *lambda_mean, const void *lambda_var, const double *running_mean,
                                      const double *running_var, size_t n, size_t c, size_t s, normative_layout layout,
                                      double eps, const double *work, size_t work_size, size_t size, size_t param_size)
{
  struct faults f = faults(n, c, s, layout, eps);
  f.null = !f.empty && (!running_mean || !running_var);
  return forward(f, y, running_mean, running_var, 2, x, gamma, beta, lambda_mean, lambda_var, 3, n * c * s, c, work,
                 work_size, size, param_size);
}

/* running_mean and running_var NULL: training. */
/*@ assigns \nothing;
    ensures ok: \result == NORMATIVE_OK ==> f.null == 0 && f.eps == 0 && f.argument == 0 && f.size == 0; */
static normative_status backward(struct faults f, const void *dx, const void *dgamma, const void *dbeta,
                                 const void *dlambda_mean, const void *dlambda_var, const void *dy, const void *x,
                                 const void *gamma, const void *lambda_mean, const void *lambda_var, size_t lambdas,
                                 const double *running_mean, const double *running_var, size_t count, size_t c,
                                 const double *work, size_t work_size, size_t size, size_t param_size)
{
  const struct span a[] = {span(dx, count, size),
                           span(dgamma, c, param_size),
                           span(dbeta, c, param_size),
                           span(dlambda_mean, lambdas, param_size),
                           span(dlambda_var, lambdas, param_size),
                           span(work, work_size, sizeof *work),
                           span(unless_y(dy, dx), count, size),
                           span(x, count, size),
                           span(gamma, c, param_size),
                           span(lambda_mean, lambdas, param_size),
                           span(lambda_var, lambdas, param_size),
                           span(running_mean, c, sizeof *running_mean),
                           span(running_var, c, sizeof *running_var)};
  f.null = f.null || (!f.empty && (!x || !dy || !lambda_mean || !lambda_var || (work_size && !work)));
  return first_fault(f, a, 6, 13);
}

normative_status door_switchnorm_backward(const void *dx, const void *dgamma, const void *dbeta,
                                          const void *dlambda_mean, const void *dlambda_var, const void *dy,
                                          const void *x, const void *gamma, const void *lambda_mean,
                                          const void *lambda_var, size_t lambdas, size_t n, size_t c, size_t s,
                                          normative_layout layout, double eps, const double *work, size_t work_size,
                                          size_t size, size_t param_size)
{
  struct faults f = faults(n, c, s, layout, eps);
  f.argument = f.argument || (lambdas != 2 && lambdas != 3);
  return backward(f, dx, dgamma, dbeta, dlambda_mean, dlambda_var, dy, x, gamma, lambda_mean, lambda_var, lambdas, NULL,
                  NULL, n * c * s, c, work, work_size, size, param_size);
}

normative_status door_switchnorm_eval_backward(const void *dx, const void *dgamma, const void *dbeta,
                                               const void *dlambda_mean, const void *dlambda_var, const void *dy,
                                               const void *x, const void *gamma, const void *lambda_mean,
                                               const void *lambda_var, const double *running_mean,
                                               const double *running_var, size_t n, size_t c, size_t s,
                                               normative_layout layout, double eps, const double *work,
                                               size_t work_size, size_t size, size_t param_size)
{
  struct faults f = faults(n, c, s, layout, eps);
  f.null = !f.empty && (!running_mean || !running_var);
  return backward(f, dx, dgamma, dbeta, dlambda_mean, dlambda_var, dy, x, gamma, lambda_mean, lambda_var, 3,
                  running_mean, running_var, n * c * s, c, work, work_size, size, param_size);
}
