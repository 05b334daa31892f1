/* SPDX-License-Identifier: Apache-2.0
   Products and quotients under opaque names. One text, several views, chosen by -D in prove:
     OPEN    the names have their definitions; otherwise they are abstract, no product in sight
     PROVE   every FACT is a lemma to prove; otherwise an axiom
   algebra.c and mean.c prove every FACT (OPEN, PROVE). A FACT matches on plain terms; an equality used as a hypothesis is
   hidden in a predicate, since a solver substitutes it away and is left with arithmetic under a function symbol. */
#ifndef PROOFS_OPS_H
#define PROOFS_OPS_H
#include <stddef.h>
#ifdef PROVE
#define FACT lemma
#else
#define FACT axiom
#endif
#ifdef OPEN
/*@ logic real Sq(real a) = a*a; */
/*@ logic real Sd(real x, real m) = Sq(x-m); */
/*@ logic real Cross(real m, real k, real t) = 2*(m-k)*t; */
/*@ logic real Scale(integer n, real r) = n*r; */
/*@ predicate IsDev(real t, real s, real m, integer n) = t == s - n*m; */
/*@ predicate IsGap(real t, real m, real k, integer n) = t == -((m-k)*n); */
/*@ logic real Quot(real t, integer n) = t/n; */
/*@ logic real Corr(real t, integer n) = t*t/n; */
/* Mul by an axiom, not a definition: a solver inlines a definition and loses the congruence. */
/*@ axiomatic Product { logic real Mul(real a, real r); axiom Mul_def: \forall real a, r; Mul(a,r) == a*r; } */
/*@ logic real Norm(real x, real m, real r) = Mul(x-m,r); */
/*@ logic real Affine(real h, real g, real b) = h*g+b; */
/*@ logic real Rstd(real v, real eps) = 1.0 / \sqrt(v + eps); */
/*@ logic real CentredDx(real g, real h, real c1, real c2, real r) = Mul(r, (g - c1) - Mul(h,c2)); */
/*@ logic real RmsDx(real g, real h, real c2, real r) = Mul(r, g - Mul(h,c2)); */
#else
/*@ axiomatic Opaque {
      logic real Mul(real a, real r);
      logic real Sq(real a);
      logic real Sd(real x, real m);
      logic real Cross(real m, real k, real t);
      logic real Scale(integer n, real r);
      predicate IsDev(real t, real s, real m, integer n);
      predicate IsGap(real t, real m, real k, integer n);
      logic real Quot(real t, integer n);
      logic real Corr(real t, integer n);
      logic real Norm(real x, real m, real r);
      logic real Affine(real h, real g, real b);
      logic real Rstd(real v, real eps);
      logic real CentredDx(real g, real h, real c1, real c2, real r);
      logic real RmsDx(real g, real h, real c2, real r); } */
#endif
#endif
