/* SPDX-License-Identifier: Apache-2.0
   Numbers of 16 bits: what bits stand for, and the nearest of them, ties to even. F bits of the fraction, least exponent L. */
#ifndef PROOFS_NARROW_H
#define PROOFS_NARROW_H
/*@ axiomatic Narrow {
      logic real Narrow(integer bits, integer F, integer L);  // finite ones
      logic real Rounded(real v, integer F, integer L);       // of a v that does not round to Inf
    } */
/*@ logic real F16(integer bits) = Narrow(bits,10,-14); */
/*@ logic real Bf16(integer bits) = Narrow(bits,7,-126); */
/*@ logic real RoundedF16(real v) = Rounded(v,10,-14); */
/*@ logic real RoundedBf16(real v) = Rounded(v,7,-126); */
#define NARROW
#define STORED_ROW StoredRow
#endif
