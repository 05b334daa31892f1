(* SPDX-License-Identifier: Apache-2.0 *)
(* The cumulative rule of running_update (reference/running.h), over the reals: what the code computes is r + (b - r)/t, and after
   batches 1..n the running value is their mean, whatever it was before. *)
From Coq Require Import Reals Lra Lia.
Open Scope R_scope.

Definition step (r b t : R) := r * ((t - 1) / t) + b / t.

Theorem step_is_move : forall r b t, t <> 0 -> step r b t = r + (b - r) / t.
Proof. intros. unfold step. field. assumption. Qed.

(* b 0, b 1, ...: the batches' statistics; batch k is number k + 1 *)
Fixpoint running (start : R) (b : nat -> R) (n : nat) : R :=
  match n with O => start | S k => step (running start b k) (b k) (INR (S k)) end.

Fixpoint total (b : nat -> R) (n : nat) : R := match n with O => 0 | S k => total b k + b k end.

Theorem running_is_mean : forall start b n, (0 < n)%nat -> running start b n = total b n / INR n.
Proof.
  intros start b n. induction n as [|k IH]; intros Hn; [lia|].
  change (step (running start b k) (b k) (INR (S k)) = (total b k + b k) / INR (S k)).
  unfold step. rewrite S_INR.
  destruct k as [|j].
  - simpl. field.
  - rewrite IH by lia. assert (0 < INR (S j)) by (apply lt_0_INR; lia). field. lra.
Qed.
Print Assumptions step_is_move.
Print Assumptions running_is_mean.
