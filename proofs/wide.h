/* SPDX-License-Identifier: Apache-2.0
   What a struct wide stands for. */
#ifndef PROOFS_WIDE_H
#define PROOFS_WIDE_H
/*@ axiomatic Exponents {
      logic real Scale(real e); // 2^(512 e)
      axiom Scale_0: Scale(0.0) == 1.0;
      axiom Scale_add: \forall real a, b; Scale(a + b) == Scale(a) * Scale(b);
      axiom Scale_1: Scale(1.0) == 0x1p512; } */
/*@ logic real Wide(struct wide a) = a.v * Scale(a.e); */
#endif
