(* SPDX-License-Identifier: Apache-2.0
   Every axiom of ../wide.h, by its name, holds of Scaled v e = v 2^(512 e) and of Whole, being an integer. *)
Require Import Reals Lra Lia ZArith.
Open Scope R_scope.

Definition big := 2 ^ 512.
Definition Scaled (v e : R) := v * Rpower big e.
Definition Whole (e : R) := exists k : Z, e = IZR k.

Lemma big_pos : 0 < big.
Proof. apply pow_lt; lra. Qed.
Lemma power_pos : forall e, 0 < Rpower big e.
Proof. intro e; apply exp_pos. Qed.
Lemma power_up : forall e, Rpower big (e + 1) = Rpower big e * big.
Proof. intro e; rewrite Rpower_plus, Rpower_1; [reflexivity | apply big_pos]. Qed.
Lemma power_minus : forall e f, Rpower big (e - f) = Rpower big e / Rpower big f.
Proof.
  intros e f; pose proof (power_pos f); assert (H0 : Rpower big e = Rpower big (e - f) * Rpower big f).
  - rewrite <- Rpower_plus; f_equal; ring.
  - rewrite H0; field; lra.
Qed.

Theorem whole_0 : Whole 0.
Proof. exists 0%Z; reflexivity. Qed.
Theorem whole_up : forall e f, f = e + 1 -> Whole e -> Whole f.
Proof. intros e f H [k K]; exists (k + 1)%Z; rewrite plus_IZR; lra. Qed.
Theorem whole_down : forall e f, f = e - 1 -> Whole e -> Whole f.
Proof. intros e f H [k K]; exists (k - 1)%Z; rewrite minus_IZR; lra. Qed.
Theorem whole_add : forall a b, Whole a -> Whole b -> Whole (a + b).
Proof. intros a b [j J] [k K]; exists (j + k)%Z; rewrite plus_IZR; lra. Qed.
Theorem whole_less : forall a b, Whole a -> Whole b -> Whole (a - b).
Proof. intros a b [j J] [k K]; exists (j - k)%Z; rewrite minus_IZR; lra. Qed.
Theorem whole_step : forall a b, Whole a -> Whole b -> a < b -> a + 1 <= b.
Proof.
  intros a b [j J] [k K] H; subst; apply lt_IZR in H.
  rewrite <- plus_IZR; apply IZR_le; lia.
Qed.

Theorem scaled_0 : forall v, Scaled v 0 = v.
Proof. intro v; unfold Scaled; rewrite Rpower_O; [ring | apply big_pos]. Qed.
Theorem scaled_none : forall e, Scaled 0 e = 0.
Proof. intro e; unfold Scaled; ring. Qed.
Theorem scaled_up : forall v w e f, f = e + 1 -> w = v * / 2 ^ 512 -> Scaled w f = Scaled v e.
Proof.
  intros v w e f F W; subst; unfold Scaled; rewrite power_up; fold big; pose proof big_pos; field; lra.
Qed.
Theorem scaled_down : forall v w e f, f = e - 1 -> w = v * 2 ^ 512 -> Scaled w f = Scaled v e.
Proof. intros v w e f F W; symmetry; apply scaled_up; [lra |]; subst; fold big; pose proof big_pos; field; lra. Qed.
Theorem scaled_minus : forall v e, Scaled (- v) e = - Scaled v e.
Proof. intros; unfold Scaled; ring. Qed.
Theorem scaled_plus : forall v w e, Scaled (v + w) e = Scaled v e + Scaled w e.
Proof. intros; unfold Scaled; ring. Qed.
Theorem scaled_times : forall v w e f, Scaled (v * w) (e + f) = Scaled v e * Scaled w f.
Proof. intros; unfold Scaled; rewrite Rpower_plus; ring. Qed.
Theorem scaled_over : forall v w e f, Scaled w f <> 0 -> Scaled (v / w) (e - f) = Scaled v e / Scaled w f.
Proof.
  intros v w e f H; unfold Scaled in *; rewrite power_minus; pose proof (power_pos f); field; split; [lra |].
  intro W; subst; apply H; ring.
Qed.
Theorem scaled_sign : forall v e, 0 <= Scaled v e <-> 0 <= v.
Proof.
  intros v e; unfold Scaled; pose proof (power_pos e) as P; split; intro H.
  - apply Rmult_le_reg_r with (Rpower big e); [exact P | lra].
  - apply Rmult_le_pos; lra.
Qed.
Theorem scaled_root : forall v e f, e = f + f -> 0 <= v -> Scaled (sqrt v) f = sqrt (Scaled v e).
Proof.
  intros v e f E V; subst; unfold Scaled; rewrite Rpower_plus, sqrt_mult_alt by exact V.
  rewrite sqrt_square; [reflexivity | left; apply power_pos].
Qed.
Print Assumptions whole_step.
Print Assumptions scaled_over.
Print Assumptions scaled_root.
