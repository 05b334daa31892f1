/* SPDX-License-Identifier: Apache-2.0
   The oracle, forward: y, mean, rstd, running statistics, sum; and what both directions share: checks, memory.
   y and rstd have one root a group (statistics.h has the formulas), mean and the running statistics are rational. */
#include "oracle.h"
#include "describe.h"
#include "gradients.h"
#include "oracle_switch.h"
#include "ratio.h"
#include "statistics.h"
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

struct job { struct data data; struct truth *truth; };

static struct truth_tensor *output(const struct job *job, enum slot s)
{
  return job->truth->t[s].count ? &job->truth->t[s] : NULL;
}

/* ---- numbers with a root ---- */

struct root_worker { /* of one thread: approximations that belong to the group at hand */
  const struct job *job;
  const struct group *g;
  struct settler settler;
  bool ready[LEVELS];
  mpfr_t root[LEVELS]; /* 1/(sqrt(b) + e) */
  mpfr_t t[LEVELS];
  mpfr_t mx, param;    /* exact */
  struct dyadic left, right, x;
  /* the number: beta + gamma t / (sqrt(b) + e), t = m (x + r) - s; for rstd t = m, gamma = 1, beta = 0 */
  bool is_rstd;
  double element, residual, gamma, beta;
};

static void worker_init(struct root_worker *w, const struct job *job)
{
  /* (x + r) m needs all bits of any two doubles and 31 more. */
  bool wide = job->data.residual;
  memset(w, 0, sizeof *w);
  w->job = job;
  settler_init(&w->settler);
  for (int level = 0; level < LEVELS; ++level)
    mpfr_inits2(level_precision(level), w->root[level], w->t[level], (mpfr_ptr)0);
  mpfr_init2(w->mx, wide ? 2176 : 128);
  mpfr_init2(w->param, gamma_bits(job->data.p));
  dyadic_init(&w->left);
  dyadic_init(&w->right);
  dyadic_init(&w->x);
}

static void worker_clear(struct root_worker *w)
{
  settler_clear(&w->settler);
  for (int level = 0; level < LEVELS; ++level) mpfr_clears(w->root[level], w->t[level], (mpfr_ptr)0);
  mpfr_clears(w->mx, w->param, (mpfr_ptr)0);
  dyadic_clear(&w->left);
  dyadic_clear(&w->right);
  dyadic_clear(&w->x);
}

static void worker_take(struct root_worker *w, const struct group *g)
{
  w->g = g;
  memset(w->ready, 0, sizeof w->ready);
}

/* 1/(sqrt(B) + E) at precision p, u = 2^-p: B is rounded once and so is its inverse root, or (E > 0) root, E, sum and
   quotient: within a factor (1+u)^(+-4.5). */
static mpfr_srcptr root_at(struct root_worker *w, int level)
{
  mpfr_ptr root = w->root[level];
  if (w->ready[level]) return root;
  w->ready[level] = true;
  dyadic_get(w->t[level], &w->g->b, MPFR_RNDN);
  if (!dyadic_sgn(&w->g->e)) mpfr_rec_sqrt(root, w->t[level], MPFR_RNDN);
  else {
    mpfr_sqrt(root, w->t[level], MPFR_RNDN);
    dyadic_get(w->t[level], &w->g->e, MPFR_RNDN);
    mpfr_add(root, root, w->t[level], MPFR_RNDN);
    mpfr_ui_div(root, 1, root, MPFR_RNDN);
  }
  return root;
}

/* m (x + r), exact */
static void set_mx(struct root_worker *w)
{
  mpfr_set_d(w->mx, w->element, MPFR_RNDN);
  if (w->job->data.residual) mpfr_add_d(w->mx, w->mx, w->residual, MPFR_RNDN);
  if (w->g->m != 1) mpfr_mul_ui(w->mx, w->mx, w->g->m, MPFR_RNDN);
}

/* One evaluation at precision p with a proven radius. u = 2^-p. t is the rounded difference of exact numbers: a factor
   (1+d), |d| <= u, whatever cancels; root (1+u)^(+-4.5); two products: v' = v (1+u)^(+-7.5), so |v' - v| < 7.6 u |v'|
   < 2^(e+3-p) where e is v''s exponent, |v'| < 2^e. Adding beta, exact, rounds by at most u |y'| < 2^(exponent of y' - p).
   The sum of both is below 2 to the greater exponent, plus 1. If t gamma is 0 then y = beta, exactly. */
static long root_approximate(void *self, int level, mpfr_ptr y)
{
  struct root_worker *w = self;
  mpfr_ptr t = w->t[level];
  mpfr_srcptr root = root_at(w, level);
  long p = level_precision(level);
  if (w->is_rstd) {
    mpfr_mul_ui(y, root, w->g->m, MPFR_RNDN);
    return mpfr_get_exp(y) + 3 - p;
  }
  set_mx(w);
  mpfr_sub(t, w->mx, w->g->s_value, MPFR_RNDN);
  gamma_exact(w->job->data.p, w->gamma, w->param);
  mpfr_mul(t, t, root, MPFR_RNDN);
  mpfr_mul(t, t, w->param, MPFR_RNDN);
  if (mpfr_zero_p(t)) {
    mpfr_set_d(y, w->beta, MPFR_RNDN);
    return RADIUS_0;
  }
  if (w->beta == 0) {
    mpfr_set(y, t, MPFR_RNDN);
    return mpfr_get_exp(t) + 3 - p;
  }
  mpfr_set_d(w->param, w->beta, MPFR_RNDN);
  mpfr_add(y, t, w->param, MPFR_RNDN);
  long radius = mpfr_get_exp(t) + 3 - p;
  if (mpfr_zero_p(y)) return radius;
  return (mpfr_get_exp(y) - p > radius ? mpfr_get_exp(y) - p : radius) + 1;
}

/* left = gamma t, right = q - beta */
static void root_terms(struct root_worker *w, const struct dyadic *q)
{
  if (w->is_rstd) {
    mpz_set_ui(w->left.z, w->g->m);
    w->left.e = 0;
    dyadic_set(&w->right, q);
    return;
  }
  set_mx(w);
  gamma_exact(w->job->data.p, w->gamma, w->param);
  dyadic_set_mpfr(&w->left, w->mx);
  dyadic_sub(&w->left, &w->left, &w->g->s);
  dyadic_set_mpfr(&w->right, w->param);
  dyadic_mul(&w->left, &w->left, &w->right);
  dyadic_set_d(&w->right, w->beta);
  dyadic_sub(&w->right, q, &w->right);
}

/* beta + gamma t / (sqrt(B) + E) against q is L against c sqrt(B), where c = q - beta and L = gamma t - c E. */
static int root_compare(void *self, const struct dyadic *q)
{
  struct root_worker *w = self;
  root_terms(w, q);
  dyadic_mul(&w->x, &w->right, &w->g->e);
  dyadic_sub(&w->left, &w->left, &w->x);
  return dyadic_root_side(&w->left, &w->right, &w->g->b);
}

/* Something is not finite: y by IEEE arithmetic from the signs and classes of what is. A finite result is only possible
   from xhat = 0, and is beta. */
static void special_element(struct root_worker *w, size_t i, double special)
{
  const struct group *g = w->g;
  double t = special - g->mean, gamma = w->gamma + plus_one(w->job->data.p);
  if (special == 0 && g->mean == 0) {
    set_mx(w);
    t = mpfr_cmp(w->mx, g->s_value);
    t = (t > 0) - (t < 0);
  }
  double y = gamma * (t * g->rstd) + w->beta;
  settle_double(output(w->job, SLOT_Y), i, isfinite(y) ? w->beta : y);
}

static void sum_element(struct root_worker *w, size_t i, double special)
{
  struct truth_tensor *sum = output(w->job, SLOT_SUM);
  mpfr_set_d(w->mx, w->element, MPFR_RNDN);
  mpfr_add_d(w->mx, w->mx, w->residual, MPFR_RNDN);
  if (special != 0 || mpfr_zero_p(w->mx)) settle_double(sum, i, special);
  else settle_exact(&w->settler, sum, i, w->mx);
}

/* Elements from .. to of the group that w has taken. */
static void elements(struct root_worker *w, size_t index, size_t from, size_t to)
{
  const struct job *job = w->job;
  struct runs runs = problem_runs(job->data.p, index);
  struct real y = {root_approximate, root_compare, w};
  w->is_rstd = false;
  for (size_t k = from; k < to; ++k) {
    size_t i = element_at(&runs, k), j = param_at(&runs, k);
    w->element = tensor_get(&job->data.in->t[SLOT_X], i);
    w->residual = job->data.residual ? tensor_get(&job->data.in->t[SLOT_RESIDUAL], i) : 0;
    w->gamma = data_entry(&job->data, SLOT_GAMMA, j, 1);
    w->beta = data_entry(&job->data, SLOT_BETA, j, 0);
    double special = isfinite(w->element) && isfinite(w->residual) ? 0 : w->element + w->residual;
    if (special == 0 && w->g->mean == 0 && w->g->rstd == 1 && isfinite(w->gamma) && isfinite(w->beta))
      settle(&w->settler, output(job, SLOT_Y), i, &y);
    else special_element(w, i, special);
    if (job->data.residual) sum_element(w, i, special);
  }
}

/* ---- running statistics ---- */

/* Sums over the groups of a channel (one; InstanceNorm: one a sample) of S, V and, where not finite, mean and variance. */
struct channel { struct dyadic s, v; double mean, var; };

static void channel_sums(const struct job *job, struct scratch *w, struct group *g, size_t c, struct channel *sum)
{
  mpz_set_ui(sum->s.z, 0);
  mpz_set_ui(sum->v.z, 0);
  sum->mean = sum->var = 0;
  for (size_t index = c; index < problem_groups(job->data.p); index += job->data.p->c) {
    double squares, special = group_sums(&job->data, w, g, index, &squares);
    sum->mean += special;
    if (squares != 0) sum->var = NAN;
    dyadic_add(&sum->s, &sum->s, &g->s);
    dyadic_mul_ui(&w->q, &w->q, problem_m(job->data.p));
    dyadic_mul(&w->t, &g->s, &g->s);
    dyadic_sub(&w->q, &w->q, &w->t);
    dyadic_add(&sum->v, &sum->v, &w->q);
  }
}

/* mean = S/m; the variance V/(m d), d = m or m-1 by the estimator; over n groups of a channel their averages. */
static void running_statistics(const struct job *job, struct scratch *w, struct group *g, struct settler *s,
                               struct ratio *q, size_t c)
{
  const struct normative_problem *p = job->data.p;
  unsigned long m = problem_m(p), n = problem_groups(p) / p->c;
  double mean = data_entry(&job->data, SLOT_RUNNING_MEAN, c, 0), var = data_entry(&job->data, SLOT_RUNNING_VAR, c, 1);
  struct truth_tensor *means = output(job, SLOT_RUNNING_MEAN), *vars = output(job, SLOT_RUNNING_VAR);
  struct channel sum;
  struct dyadic d;
  dyadic_init(&sum.s);
  dyadic_init(&sum.v);
  dyadic_init(&d);
  channel_sums(job, w, g, c, &sum);
  mpz_set_ui(d.z, m);
  dyadic_mul_ui(&d, &d, n);
  settle_running(s, q, p, means, c, mean, sum.mean, &sum.s, &d);
  dyadic_mul_ui(&d, &d, problem_running_divisor(p));
  settle_running(s, q, p, vars, c, var, sum.var, &sum.v, &d);
  dyadic_clear(&sum.s);
  dyadic_clear(&sum.v);
  dyadic_clear(&d);
}

/* ---- what a group saves ---- */

/* V/m^2; where that is not finite (rstd then is 0 or NaN), its square's class. */
static void saved_variance(struct root_worker *w, struct ratio *q, struct truth_tensor *out, size_t index)
{
  const struct group *g = w->g;
  mpz_set_ui(w->right.z, g->m);
  w->right.e = 0;
  dyadic_mul_ui(&w->right, &w->right, g->m);
  if (g->rstd == 0 || isnan(g->rstd)) settle_double(out, index, g->rstd == 0 ? INFINITY : NAN);
  else settle_ratio(&w->settler, q, out, index, &g->v, &w->right);
}

static void saved_statistics(struct root_worker *w, struct ratio *q, size_t index)
{
  const struct group *g = w->g;
  struct truth_tensor *mean = output(w->job, SLOT_MEAN), *rstd = output(w->job, SLOT_RSTD);
  struct truth_tensor *variance = output(w->job, SLOT_VARIANCE);
  if (mean && g->mean != 0) settle_double(mean, index, g->mean);
  else if (mean) {
    mpz_set_ui(w->right.z, g->m);
    w->right.e = 0;
    settle_ratio(&w->settler, q, mean, index, &g->s, &w->right);
  }
  if (variance) saved_variance(w, q, variance, index);
  if (!rstd) return;
  w->is_rstd = true;
  if (g->rstd != 1) settle_double(rstd, index, g->rstd);
  else settle(&w->settler, rstd, index, &(struct real){root_approximate, root_compare, w});
}

/* ---- all of it ---- */

struct thread { struct scratch scratch; struct group group; struct root_worker worker; struct ratio ratio; };

static void thread_init(struct thread *t, const struct job *job)
{
  scratch_init(&t->scratch);
  group_init(&t->group);
  worker_init(&t->worker, job);
  ratio_init(&t->ratio);
}

static void thread_clear(struct thread *t)
{
  scratch_clear(&t->scratch);
  group_clear(&t->group);
  worker_clear(&t->worker);
  ratio_clear(&t->ratio);
}

static void start_group(struct thread *t, const struct job *job, size_t index)
{
  group_fill(&job->data, &t->scratch, &t->group, index);
  worker_take(&t->worker, &t->group);
  saved_statistics(&t->worker, &t->ratio, index);
  mpfr_srcptr root = t->group.rstd == 1 ? root_at(&t->worker, 0) : NULL;
  describe_group(&t->scratch, &t->group, problem_m(job->data.p), root, &job->truth->group[index]);
}

/* Many groups: one thread for each. */
static void across_groups(const struct job *job, bool parallel)
{
  size_t groups = problem_groups(job->data.p), m = problem_m(job->data.p);
#pragma omp parallel if (parallel)
  {
    struct thread t;
    thread_init(&t, job);
#pragma omp for schedule(dynamic, 16)
    for (size_t index = 0; index < groups; ++index) {
      start_group(&t, job, index);
      elements(&t.worker, index, 0, m);
    }
    thread_clear(&t);
  }
}

/* Few large groups: all threads on each. */
static void inside_groups(const struct job *job)
{
  size_t groups = problem_groups(job->data.p), m = problem_m(job->data.p);
  struct thread first;
  thread_init(&first, job);
  for (size_t index = 0; index < groups; ++index) {
    start_group(&first, job, index);
#pragma omp parallel
    {
      struct root_worker w;
      worker_init(&w, job);
      worker_take(&w, &first.group);
#pragma omp for schedule(static)
      for (size_t k = 0; k < m; k += 1024) elements(&w, index, k, m - k < 1024 ? m : k + 1024);
      worker_clear(&w);
    }
  }
  thread_clear(&first);
}

static void all_running(const struct job *job, bool parallel)
{
#pragma omp parallel if (parallel)
  {
    struct thread t;
    thread_init(&t, job);
#pragma omp for schedule(dynamic)
    for (size_t c = 0; c < job->data.p->c; ++c)
      running_statistics(job, &t.scratch, &t.group, &t.worker.settler, &t.ratio, c);
    thread_clear(&t);
  }
}

static int check_inputs(const struct normative_problem *p, const struct tensors *in, struct error *e)
{
  for (int s = 0; s < SLOT_COUNT; ++s) {
    if (!slot_is_input(p, (enum slot)s)) continue;
    struct tensor want = slot_shape(p, (enum slot)s);
    if (!in->t[s].data) return fail(e, "the oracle misses input %s", slot_name[s]);
    if (in->t[s].type != want.type || in->t[s].count != want.count)
      return fail(e, "input %s: %zu values of %s where the problem has %zu of %s", slot_name[s], in->t[s].count,
                  type_name(in->t[s].type), want.count, type_name(want.type));
  }
  return 0;
}

static int allocate_switch(const struct normative_problem *p, struct truth *truth, struct error *e)
{
  struct switch_truth *sw = truth->sw = calloc(1, sizeof *sw);
  if (!sw) return fail(e, "oracle: no memory");
  sw->group = calloc(truth->groups + 1, sizeof *sw->group);
  sw->p_n = calloc(2 * (p->n + p->c) + 1, sizeof *sw->p_n);
  if (!sw->group || !sw->p_n) return fail(e, "oracle: no memory for %zu groups", truth->groups);
  sw->q_n = sw->p_n + p->n;
  sw->p_c = sw->q_n + p->n;
  sw->q_c = sw->p_c + p->c;
  return 0;
}

static int allocate(const struct normative_problem *p, struct truth *truth, struct error *e)
{
  bool backward = p->direction == NORMATIVE_BACKWARD, empty = !problem_elements(p);
  if (empty && !backward) return 0;
  truth->groups = empty ? 0 : problem_groups(p);
  truth->group = calloc(truth->groups + 1, sizeof *truth->group);
  truth->params = backward ? problem_params(p) : 0;
  if (backward) truth->param = calloc(truth->params + 1, sizeof *truth->param);
  if (!truth->group || (backward && !truth->param))
    return fail(e, "oracle: no memory for %zu groups and %zu parameters", truth->groups, truth->params);
  if (p->norm == NORMATIVE_SWITCHNORM && allocate_switch(p, truth, e)) return -1;
  for (int s = 0; s < SLOT_COUNT; ++s) {
    struct truth_tensor *t = &truth->t[s];
    if (!slot_is_output(p, (enum slot)s) || !slot_shape(p, (enum slot)s).count) continue;
    if (tensor_alloc(&t->nearest, p, (enum slot)s, e)) return -1;
    t->count = t->nearest.count;
    t->exact = malloc(t->count * sizeof *t->exact);
    if (!t->exact) return fail(e, "oracle: no memory for the %zu values of %s", t->count, slot_name[s]);
  }
  return 0;
}

/* Gradients of parameters that nothing uses. */
static void no_terms(struct truth *truth)
{
  for (size_t j = 0; j < truth->params; ++j) {
    truth->param[j] = (struct param_truth){.finite = true, .x_finite = true};
    for (enum slot s = SLOT_DGAMMA; s <= SLOT_DBETA; ++s)
      if (truth->t[s].count) settle_double(&truth->t[s], j, 0);
  }
  for (enum slot s = SLOT_DLAMBDA_MEAN; s <= SLOT_DLAMBDA_VAR; ++s)
    for (size_t k = 0; k < truth->t[s].count; ++k) settle_double(&truth->t[s], k, 0);
}

/* Without elements there is nothing to know: no group, and no output but gradients of parameters, 0. */
int oracle_run(const struct normative_problem *p, const struct tensors *in, struct truth *truth, struct error *e)
{
  memset(truth, 0, sizeof *truth);
  if (check_inputs(p, in, e)) return -1;
  if (allocate(p, truth, e)) {
    truth_free(truth);
    return -1;
  }
  if (!problem_elements(p)) {
    no_terms(truth);
    return 0;
  }
  struct job job = {.truth = truth, .data = {.p = p, .in = in, .centred = norm_find(p->norm)->centred,
                    .evaluation = p->mode == NORMATIVE_EVALUATION && p->running, .residual = p->residual != 0}};
  bool parallel = !omp_in_parallel() && problem_elements(p) > 4096;
  if (p->direction == NORMATIVE_BACKWARD || p->norm == NORMATIVE_SWITCHNORM) {
    bool mixed = p->norm == NORMATIVE_SWITCHNORM;
    if (!(mixed ? oracle_switch : oracle_backward)(&job.data, truth, parallel, e)) return 0;
    truth_free(truth);
    return -1;
  }
  if (parallel && problem_groups(p) < 4 * (size_t)omp_get_max_threads()) inside_groups(&job);
  else across_groups(&job, parallel);
  if (output(&job, SLOT_RUNNING_MEAN)) all_running(&job, parallel);
  return 0;
}

void truth_free(struct truth *truth)
{
  for (int s = 0; s < SLOT_COUNT; ++s) {
    free(truth->t[s].exact);
    free(truth->t[s].nearest.data);
  }
  if (truth->sw) {
    free(truth->sw->group);
    free(truth->sw->p_n);
    free(truth->sw);
  }
  free(truth->group);
  free(truth->param);
  if (truth->cache_free) truth->cache_free(truth->cache);
  memset(truth, 0, sizeof *truth);
}
