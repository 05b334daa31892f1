/* SPDX-License-Identifier: Apache-2.0
   From a centre m to the mean k = S/n; T is the sum of the deviations from m, e the gap m-k. */
#ifndef PROOFS_MEAN_H
#define PROOFS_MEAN_H
#include "ops.h"
#ifdef PROVE
/* steps only: raw products are kept out of every other file */
/*@ lemma mul_div: \forall real a, N; 0 < N ==> (a/N)*N == a; */
/*@ lemma div_mul: \forall real a, N; 0 < N ==> (a*N)/N == a; */
/*@ lemma mean_div: \forall real S, T, m, N; 0 < N ==> T == S - N*m ==> S/N == m + T/N; */
/*@ lemma mean_gap: \forall real S, T, m, k, N; 0 < N ==> T == S - N*m ==> k == S/N ==> T == -((m-k)*N); */
/*@ lemma cross_self: \forall real e, N; 2*e*(-(e*N)) + N*(e*e) == e*(-(e*N)); */
/*@ lemma cross_mean: \forall real e, T, N; T == -(e*N) ==> 2*e*T + N*(e*e) == e*T; */
/*@ lemma corr_mean: \forall real e, T, N; 0 < N ==> T == -(e*N) ==> T*T/N == -(e*T); */
/*@ lemma var_gap: \forall real e, T, N; 0 < N ==> T == -(e*N) ==> 2*e*T + N*(e*e) == -(T*T/N); */
/*@ lemma var_gap2: \forall real m, k, T, N; 0 < N ==> T == -((m-k)*N) ==> 2*(m-k)*T + N*((m-k)*(m-k)) == -(T*T/N); */
/*@ lemma var_gap3: \forall real m, k, T, integer n; 0 < n ==> T == -((m-k)*n) ==> Cross(m,k,T) + Scale(n,Sd(m,k)) == -Corr(T,n); */
#endif
/*@ axiomatic Means {
      FACT is_dev: \forall real S, T, m, integer n; T == S - Scale(n,m) ==> IsDev(T,S,m,n);
      FACT mean_shift: \forall real S, T, m, integer n; 0 < n ==> IsDev(T,S,m,n) ==> Quot(S,n) == m + Quot(T,n);
      FACT gap_shift: \forall real S, T, m, integer n; 0 < n ==> IsDev(T,S,m,n) ==> IsGap(T,m,Quot(S,n),n);
      FACT var_shift: \forall real T, m, k, integer n; 0 < n ==> IsGap(T,m,k,n) ==> Cross(m,k,T) + Scale(n,Sd(m,k)) == -Corr(T,n);
    } */
#endif
