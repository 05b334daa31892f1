/* SPDX-License-Identifier: Apache-2.0
   What a status means, in words. */
#include "normative.h"

/*@ assigns \nothing;
    ensures text: \result != \null && \valid_read(\result); */
const char *normative_status_text(normative_status status)
{
  switch (status) {
  case NORMATIVE_OK: return "OK";
  case NORMATIVE_E_NULL: return "a required pointer is NULL";
  case NORMATIVE_E_EPS: return "eps is negative, NaN or infinite";
  case NORMATIVE_E_MOMENTUM: return "momentum is outside [0,1], or a batch number below 1";
  case NORMATIVE_E_ARGUMENT: return "an argument is not one of its values";
  case NORMATIVE_E_GROUPS: return "the number of channels is not a multiple of the number of groups";
  case NORMATIVE_E_SIZE: return "a product of sizes overflows, or a group has more than 2^30 elements";
  case NORMATIVE_E_OVERLAP: return "an output overlaps another argument, other than y == x or dx == dy";
  case NORMATIVE_E_VARIANCE: return "an unbiased running variance from groups of one element";
  case NORMATIVE_E_EMPTY: return "a running update from an empty group";
  case NORMATIVE_E_MEMORY: return "no memory for a kernel's scratch";
  }
  return "not a status";
}
