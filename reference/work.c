/* SPDX-License-Identifier: Apache-2.0
   Scratch memory, in doubles. Forward: one group. Backward: xhat and dy of one group, and sum and rest of dgamma and dbeta
   of every parameter that one group uses. Sizes that no entry accepts ask for none. */
#include "door.h"

/*@ assigns \nothing; ensures work: \result == cols; */
size_t ref_layernorm_work(size_t rows, size_t cols)
{
  (void)rows;
  return cols;
}

/*@ assigns \nothing; ensures work: \result == cols; */
size_t ref_rmsnorm_work(size_t rows, size_t cols)
{
  (void)rows;
  return cols;
}

/*@ assigns \nothing; ensures work: At(0,n,s) <= MAX_GROUP ==> \result == At(0,n,s); */
size_t ref_batchnorm_work(size_t n, size_t c, size_t s)
{
  (void)c;
  return n && s > NORMATIVE_MAX_GROUP / n ? 0 : n * s;
}

/* Twice a group, and for dgamma and dbeta of each parameter sum, rest, and the exponent of wide_core.h. */
/*@ assigns \nothing;
    ensures work: m <= MAX_GROUP ==> params <= MAX_GROUP ==> \result == 2 * m + 6 * params;
    ensures none: MAX_GROUP < m || MAX_GROUP < params ==> \result == 0; */
static size_t backward_work(size_t m, size_t params)
{
  return m > NORMATIVE_MAX_GROUP || params > NORMATIVE_MAX_GROUP ? 0 : 2 * m + 6 * params;
}

/*@ assigns \nothing;
    ensures work: cols <= MAX_GROUP ==> \result == 8 * cols;
    ensures none: MAX_GROUP < cols ==> \result == 0; */
size_t ref_layernorm_backward_work(size_t rows, size_t cols)
{
  (void)rows;
  return backward_work(cols, cols);
}

/*@ assigns \nothing;
    ensures work: cols <= MAX_GROUP ==> \result == 8 * cols;
    ensures none: MAX_GROUP < cols ==> \result == 0; */
size_t ref_rmsnorm_backward_work(size_t rows, size_t cols)
{
  (void)rows;
  return backward_work(cols, cols);
}

/*@ assigns \nothing;
    ensures work: 0 < At(0,n,s) <= MAX_GROUP ==> \result == 2 * At(0,n,s) + 6;
    ensures none: At(0,n,s) == 0 ==> \result == 0; */
size_t ref_batchnorm_backward_work(size_t n, size_t c, size_t s)
{
  size_t m = ref_batchnorm_work(n, c, s);
  return m ? backward_work(m, 1) : 0;
}
