/* SPDX-License-Identifier: Apache-2.0
   What a struct wide stands for: Scaled(v,e) = v 2^(512 e), e whole. coq/Wide.v proves every axiom of that definition. */
#ifndef PROOFS_WIDE_H
#define PROOFS_WIDE_H
/*@ axiomatic Wides {
      predicate Whole(real e); // an integer
      axiom whole_0: Whole(0.0);
      axiom whole_up: \forall real e, f; f == e + 1 ==> Whole(e) ==> Whole(f);
      axiom whole_down: \forall real e, f; f == e - 1 ==> Whole(e) ==> Whole(f);
      axiom whole_add: \forall real a, b; Whole(a) ==> Whole(b) ==> Whole(a + b);
      axiom whole_less: \forall real a, b; Whole(a) ==> Whole(b) ==> Whole(a - b);
      axiom whole_step: \forall real a, b; Whole(a) ==> Whole(b) ==> a < b ==> a + 1 <= b;
      logic real Scaled(real v, real e);
      axiom scaled_0: \forall real v; Scaled(v,0.0) == v;
      axiom scaled_none: \forall real e; Scaled(0.0,e) == 0.0;
      axiom scaled_up: \forall real v, w, e, f; f == e + 1 ==> w == v * 0x1p-512 ==> Scaled(w,f) == Scaled(v,e);
      axiom scaled_down: \forall real v, w, e, f; f == e - 1 ==> w == v * 0x1p512 ==> Scaled(w,f) == Scaled(v,e);
      axiom scaled_minus: \forall real v, e; Scaled(-v,e) == -Scaled(v,e);
      axiom scaled_plus: \forall real v, w, p, e; p == v + w ==> Scaled(p,e) == Scaled(v,e) + Scaled(w,e);
      axiom scaled_sign: \forall real v, e; 0 <= Scaled(v,e) <==> 0 <= v;
      axiom scaled_root: \forall real v, e, f; e == f + f ==> 0 <= v ==> Scaled(\sqrt(v),f) == \sqrt(Scaled(v,e));
      logic real Wide(struct wide a);
      axiom wide: \forall struct wide a; Wide(a) == Scaled(a.v,a.e);
      axiom scaled_times: \forall struct wide a, b; Scaled(a.v * b.v,a.e + b.e) == Wide(a) * Wide(b);
      axiom scaled_over: \forall struct wide a, b; Wide(b) != 0 ==> Scaled(a.v / b.v,a.e - b.e) == Wide(a) / Wide(b);
    } */
#endif
