(* SPDX-License-Identifier: Apache-2.0 *)
(* Knuth's branch-free TwoSum in binary64, round to nearest even, subnormals included: error-free.
   two_sum of reference/core.c, read in IEEE double.
   Flocq ships the error-free part as Pff2Flocq.TwoSum_correct. *)
From Coq Require Import Reals ZArith Lra Lia.
From Flocq Require Import Core Relative Plus_error Pff2Flocq.
Open Scope R_scope.
Definition fexp := FLT_exp (-1074) 53.
#[export] Instance p53 : Prec_gt_0 53. Proof. reflexivity. Qed.
Definition rnd := round radix2 fexp ZnearestE.
Definition dbl := generic_format radix2 fexp.
Definition U := bpow radix2 (-53).

(* s' = s+a; b = s'-s; e = (s-(s'-b)) + (a-b), every operation rounded: s' + e is s + a. *)
Definition ts_s (s a : R) := rnd (s + a).
Definition ts_b (s a : R) := rnd (ts_s s a - s).
Definition ts_e (s a : R) :=
  rnd (rnd (s - rnd (ts_s s a - ts_b s a)) + rnd (a - ts_b s a)).

Theorem two_sum_exact : forall s a, dbl s -> dbl a -> ts_s s a + ts_e s a = s + a.
Proof.
  intros s a Fs Fa. unfold ts_e, ts_b, ts_s, rnd, fexp.
  apply (TwoSum_correct (-1074) 53 (fun n => negb (Z.even n)));
    [ lia | lia | | exact Fs | exact Fa ].
  intros n. rewrite Bool.negb_involutive.
  replace (- (n + 1))%Z with (- Z.succ n)%Z by lia.
  rewrite Z.even_opp, Z.even_succ, <- Z.negb_even. reflexivity.
Qed.

(* The error term is small: at most half an ulp of the sum, so at most u times the exact sum. *)
Lemma add_err : forall s a, dbl s -> dbl a -> Rabs (rnd (s + a) - (s + a)) <= U * Rabs (s + a).
Proof.
  intros s a Fs Fa. unfold rnd.
  destruct (FLT_plus_error_N_ex radix2 (-1074) 53 (fun n => negb (Z.even n)) s a Fs Fa) as (d & Hd & Heq).
  fold fexp in Heq. rewrite Heq.
  replace ((s + a) * (1 + d) - (s + a)) with ((s + a) * d) by ring.
  rewrite Rabs_mult, Rmult_comm. apply Rmult_le_compat_r; [apply Rabs_pos|].
  eapply Rle_trans; [exact Hd|].
  assert (Hu : u_ro radix2 53 = U).
  { unfold u_ro. change (-53 + 1)%Z with (-53 + 1)%Z. rewrite bpow_plus. unfold U. simpl. lra. }
  rewrite Hu. assert (0 < U) by apply bpow_gt_0.
  apply Rmult_le_reg_r with (1 + U); [lra|].
  unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. nra.
Qed.

Lemma dbl_opp : forall a, dbl a -> dbl (- a).
Proof. intros; now apply generic_format_opp. Qed.

(* The same, as statements about values that are results of rounded operations. *)
Definition BIG := bpow radix2 1000.
Definition LIM := bpow radix2 1016.
Definition Dbl := dbl.
Definition IsAdd (r a b : R) := r = rnd (a + b).
Definition IsSub (r a b : R) := r = rnd (a - b).
Definition Step (s1 e s a : R) := s1 + e = s + a /\ Rabs e <= U * Rabs (s + a).

Theorem add_err_ax : forall a b r, Dbl a -> Dbl b -> Rabs (a + b) <= LIM -> IsAdd r a b ->
  Rabs (r - (a + b)) <= U * Rabs (a + b).
Proof. intros a b r Fa Fb _ ->. now apply add_err. Qed.

Theorem sub_err_ax : forall a b r, Dbl a -> Dbl b -> Rabs (a - b) <= LIM -> IsSub r a b ->
  Rabs (r - (a - b)) <= U * Rabs (a - b).
Proof. intros a b r Fa Fb _ ->. unfold Rminus at 2 3 4. apply add_err; [assumption | now apply dbl_opp]. Qed.

Theorem two_sum_ax : forall s a s1 b u v w e, Dbl s -> Dbl a -> Rabs s <= BIG -> Rabs a <= BIG ->
  IsAdd s1 s a -> IsSub b s1 s -> IsSub u s1 b -> IsSub v s u -> IsSub w a b -> IsAdd e v w -> Step s1 e s a.
Proof.
  intros s a s1 b u v w e Fs Fa _ _ -> -> -> -> -> ->.
  pose proof (two_sum_exact s a Fs Fa) as H. unfold ts_e, ts_b, ts_s in H. split; [exact H|].
  match type of H with ?x + ?y = _ => replace y with (- (x - (s + a))) by lra end.
  rewrite Rabs_Ropp. now apply add_err.
Qed.
Print Assumptions two_sum_ax.
Print Assumptions add_err_ax.
Print Assumptions sub_err_ax.
