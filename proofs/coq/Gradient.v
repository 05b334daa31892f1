(* SPDX-License-Identifier: Apache-2.0 *)
(* The backward formulas are the derivatives of the forward ones, over the reals, for a group of any n > 0 elements and any eps
   with var + eps > 0. L is what the gradients are gradients of: sum dy y, dy constant. Each theorem gives the derivative of L in every
   direction v: it is sum v dx, so dx holds the partial derivatives. *)
From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
Open Scope R_scope.

(* f 0 + ... + f (n-1) *)
Fixpoint Sum (n : nat) (f : nat -> R) : R := match n with O => 0 | S k => Sum k f + f k end.
Definition Mean n f := Sum n f / INR n.
Definition Var n x := Mean n (fun k => (x k - Mean n x) ^ 2).
Definition Rstd v eps := 1 / sqrt (v + eps).

(* forward *)
Definition centred_xhat n eps x k := (x k - Mean n x) * Rstd (Var n x) eps.
Definition rms_xhat n eps x k := x k * Rstd (Mean n (fun j => x j ^ 2)) eps.
Definition L n (dy gamma beta h : nat -> R) := Sum n (fun k => dy k * (gamma k * h k + beta k)).

(* backward, as CentredDx and RmsDx of proofs/ops.h *)
Definition centred_dx n g h r k := r * ((g k - Mean n g) - h k * Mean n (fun j => g j * h j)).
Definition rms_dx n g h r k := r * (g k - h k * Mean n (fun j => g j * h j)).

Lemma Sum_ext : forall n f g, (forall k, f k = g k) -> Sum n f = Sum n g.
Proof. induction n; intros; simpl; [reflexivity | rewrite (IHn f g H), H; reflexivity]. Qed.

Lemma Sum_add : forall n f g, Sum n (fun k => f k + g k) = Sum n f + Sum n g.
Proof. induction n; intros; simpl; [lra | rewrite IHn; lra]. Qed.

Lemma Sum_scale : forall n a f, Sum n (fun k => a * f k) = a * Sum n f.
Proof. induction n; intros; simpl; [lra | rewrite IHn; lra]. Qed.

Lemma Sum_const : forall n a, Sum n (fun _ => a) = INR n * a.
Proof. induction n; intros; [simpl; lra | rewrite S_INR; simpl Sum; rewrite IHn; lra]. Qed.

Lemma Sum_centred : forall n x, (0 < n)%nat -> Sum n (fun k => x k - Mean n x) = 0.
Proof.
  intros n x Hn. rewrite (Sum_ext n _ (fun k => x k + (-1) * Mean n x)) by (intros; lra).
  rewrite Sum_add, Sum_const. unfold Mean. assert (0 < INR n) by (apply lt_0_INR; lia). field. lra.
Qed.

Lemma Mean_line : forall n x v t, Mean n (fun k => x k + t * v k) = Mean n x + t * Mean n v.
Proof. intros. unfold Mean. rewrite Sum_add, Sum_scale. unfold Rdiv. ring. Qed.

(* d + t w in place of d: the sum of squares is a parabola in t. *)
Lemma Squares_line : forall n d w t,
  Mean n (fun k => (d k + t * w k) ^ 2) =
  Mean n (fun k => d k ^ 2) + t * (2 * Mean n (fun k => d k * w k)) + t ^ 2 * Mean n (fun k => w k ^ 2).
Proof.
  intros. unfold Mean.
  rewrite (Sum_ext n _ (fun k => d k ^ 2 + (t * 2) * (d k * w k) + t ^ 2 * w k ^ 2)) by (intros; ring).
  rewrite !Sum_add, !Sum_scale. unfold Rdiv. ring.
Qed.

Lemma L_line : forall n dy gamma beta d w t r,
  L n dy gamma beta (fun k => (d k + t * w k) * r) =
  (Sum n (fun k => gamma k * dy k * d k) + t * Sum n (fun k => gamma k * dy k * w k)) * r + Sum n (fun k => dy k * beta k).
Proof.
  intros. unfold L.
  rewrite (Sum_ext n _ (fun k => r * (gamma k * dy k * d k) + (t * r) * (gamma k * dy k * w k) + dy k * beta k))
    by (intros; ring).
  rewrite !Sum_add, !Sum_scale. ring.
Qed.

(* The one derivative there is to take. *)
Lemma derive_quotient : forall p q a b c eps e, 0 < a + eps ->
  is_derive (fun t => (p + t * q) * Rstd (a + t * (2 * b) + t ^ 2 * c) eps + e) 0
            (q * Rstd a eps - p * b * Rstd a eps ^ 3).
Proof.
  intros p q a b c eps e H. unfold Rstd.
  assert (Hs : 0 < sqrt (a + eps)) by now apply sqrt_lt_R0.
  auto_derive.
  - replace (a + 0 * (2 * b) + 0 * (0 * 1) * c + eps) with (a + eps) by ring. repeat split; try assumption; lra.
  - replace (a + 0 * (2 * b) + 0 * (0 * 1) * c + eps) with (a + eps) by ring. field. lra.
Qed.

Theorem centred_dx_is_gradient : forall n eps x dy gamma beta v, (0 < n)%nat -> 0 < Var n x + eps ->
  let g := fun k => gamma k * dy k in
  let dx := centred_dx n g (centred_xhat n eps x) (Rstd (Var n x) eps) in
  is_derive (fun t => L n dy gamma beta (centred_xhat n eps (fun k => x k + t * v k))) 0 (Sum n (fun k => v k * dx k)).
Proof.
  intros n eps x dy gamma beta v Hn Hv g dx.
  assert (HN : 0 < INR n) by (apply lt_0_INR; lia).
  set (d := fun k => x k - Mean n x). set (w := fun k => v k - Mean n v).
  assert (Hd : forall t k, x k + t * v k - Mean n (fun j => x j + t * v j) = d k + t * w k).
  { intros. unfold d, w. rewrite Mean_line. ring. }
  assert (HV : forall t, Var n (fun k => x k + t * v k) =
    Var n x + t * (2 * Mean n (fun k => d k * w k)) + t ^ 2 * Mean n (fun k => w k ^ 2)).
  { intros. unfold Var at 1. unfold Mean at 1.
    rewrite (Sum_ext n _ (fun k => (d k + t * w k) ^ 2)) by (intros; now rewrite Hd).
    apply (Squares_line n d w t). }
  assert (HL : forall t, L n dy gamma beta (centred_xhat n eps (fun k => x k + t * v k)) =
    (Sum n (fun k => g k * d k) + t * Sum n (fun k => g k * w k)) *
      Rstd (Var n x + t * (2 * Mean n (fun k => d k * w k)) + t ^ 2 * Mean n (fun k => w k ^ 2)) eps +
    Sum n (fun k => dy k * beta k)).
  { intros. rewrite <- HV. unfold g. rewrite <- L_line. unfold L. apply Sum_ext. intros k.
    unfold centred_xhat. now rewrite Hd. }
  eapply is_derive_ext. { intros t. symmetry. apply HL. }
  evar_last. { apply derive_quotient. exact Hv. }
  (* what is left is arithmetic of sums *)
  set (r := Rstd (Var n x) eps).
  assert (Hw : Sum n (fun k => g k * w k) = Sum n (fun k => v k * g k) - Mean n v * Sum n g).
  { rewrite (Sum_ext n _ (fun k => v k * g k + (- Mean n v) * g k)) by (intros; unfold w; ring).
    rewrite Sum_add, Sum_scale. ring. }
  assert (Hb : Mean n (fun k => d k * w k) = Sum n (fun k => v k * d k) / INR n).
  { unfold Mean at 1. f_equal. rewrite (Sum_ext n _ (fun k => v k * d k + (- Mean n v) * d k)) by (intros; unfold w; ring).
    rewrite Sum_add, Sum_scale. unfold d at 2. rewrite Sum_centred by assumption. ring. }
  assert (Hx : Sum n (fun k => v k * dx k) =
    r * (Sum n (fun k => v k * g k) - Mean n g * Sum n v
         - r * Sum n (fun k => v k * d k) * (r * Sum n (fun k => g k * d k) / INR n))).
  { unfold dx, centred_dx, centred_xhat. fold r.
    assert (Hm : Mean n (fun j => g j * ((x j - Mean n x) * r)) = r * Sum n (fun k => g k * d k) / INR n).
    { unfold Mean at 1. f_equal. rewrite <- Sum_scale. apply Sum_ext. intros. unfold d. ring. }
    rewrite Hm. set (M := r * Sum n (fun k => g k * d k) / INR n).
    rewrite (Sum_ext n _ (fun k => r * (v k * g k) + (- (r * Mean n g)) * v k + (- (r * r * M)) * (v k * d k)))
      by (intros; unfold d; ring).
    rewrite !Sum_add, !Sum_scale. ring. }
  rewrite Hx, Hw, Hb. unfold Mean. field. lra.
Qed.

Theorem rms_dx_is_gradient : forall n eps x dy gamma beta v, (0 < n)%nat -> 0 < Mean n (fun j => x j ^ 2) + eps ->
  let g := fun k => gamma k * dy k in
  let dx := rms_dx n g (rms_xhat n eps x) (Rstd (Mean n (fun j => x j ^ 2)) eps) in
  is_derive (fun t => L n dy gamma beta (rms_xhat n eps (fun k => x k + t * v k))) 0 (Sum n (fun k => v k * dx k)).
Proof.
  intros n eps x dy gamma beta v Hn Hv g dx.
  assert (HN : 0 < INR n) by (apply lt_0_INR; lia).
  assert (HL : forall t, L n dy gamma beta (rms_xhat n eps (fun k => x k + t * v k)) =
    (Sum n (fun k => g k * x k) + t * Sum n (fun k => g k * v k)) *
      Rstd (Mean n (fun k => x k ^ 2) + t * (2 * Mean n (fun k => x k * v k)) + t ^ 2 * Mean n (fun k => v k ^ 2)) eps +
    Sum n (fun k => dy k * beta k)).
  { intros. rewrite <- Squares_line. unfold g. rewrite <- L_line. reflexivity. }
  eapply is_derive_ext. { intros t. symmetry. apply HL. }
  evar_last. { apply derive_quotient. exact Hv. }
  set (r := Rstd (Mean n (fun j => x j ^ 2)) eps).
  assert (Hx : Sum n (fun k => v k * dx k) =
    r * (Sum n (fun k => g k * v k) - r * Sum n (fun k => x k * v k) * (r * Sum n (fun k => g k * x k) / INR n))).
  { unfold dx, rms_dx, rms_xhat. fold r.
    assert (Hm : Mean n (fun j => g j * (x j * r)) = r * Sum n (fun k => g k * x k) / INR n).
    { unfold Mean at 1. f_equal. rewrite <- Sum_scale. apply Sum_ext. intros. ring. }
    rewrite Hm. set (M := r * Sum n (fun k => g k * x k) / INR n).
    rewrite (Sum_ext n _ (fun k => r * (g k * v k) + (- (r * r * M)) * (x k * v k))) by (intros; ring).
    rewrite !Sum_add, !Sum_scale. ring. }
  rewrite Hx. unfold Mean. field. lra.
Qed.

(* Statistics that are constants (evaluation): dx = g rstd. *)
Theorem given_dx_is_gradient : forall n mu r x dy gamma beta v,
  is_derive (fun t => L n dy gamma beta (fun k => (x k + t * v k - mu) * r)) 0
            (Sum n (fun k => v k * (gamma k * dy k * r))).
Proof.
  intros.
  eapply is_derive_ext.
  { intros t. symmetry. transitivity (L n dy gamma beta (fun k => ((x k - mu) + t * v k) * r)).
    - unfold L. apply Sum_ext. intros. ring.
    - apply L_line. }
  evar_last.
  { apply (is_derive_plus (fun t => (Sum n (fun k => gamma k * dy k * (x k - mu)) + t * Sum n (fun k => gamma k * dy k * v k)) * r)
      (fun _ => Sum n (fun k => dy k * beta k))).
    - auto_derive; [exact I | reflexivity].
    - apply is_derive_const. }
  unfold plus, zero; simpl. rewrite (Sum_ext n (fun k => v k * (gamma k * dy k * r)) (fun k => r * (gamma k * dy k * v k))) by (intros; ring).
  rewrite Sum_scale. ring.
Qed.

(* Element k uses the parameters of entry p k. Along entry q alone the derivatives are the sums of dy h and of dy over the elements that
   use q: RunParam of proofs/gradient.h. *)
Definition only (q : nat) (k : nat) : R := if Nat.eqb k q then 1 else 0.

Lemma derive_parameter : forall n (a b : nat -> R), is_derive (fun t => Sum n (fun k => a k + t * b k)) 0 (Sum n b).
Proof.
  intros. eapply is_derive_ext. { intros t. symmetry. rewrite Sum_add, Sum_scale. reflexivity. }
  evar_last. { auto_derive; [exact I | reflexivity]. } ring.
Qed.

Theorem dgamma_is_gradient : forall n dy gamma beta h (p : nat -> nat) q,
  is_derive (fun t => L n dy (fun k => gamma (p k) + t * only q (p k)) (fun k => beta (p k)) h) 0
            (Sum n (fun k => if Nat.eqb (p k) q then dy k * h k else 0)).
Proof.
  intros. unfold L. eapply is_derive_ext.
  { intros t. symmetry.
    apply (Sum_ext n _ (fun k => dy k * (gamma (p k) * h k + beta (p k)) + t * (if Nat.eqb (p k) q then dy k * h k else 0))).
    intros. unfold only. destruct (Nat.eqb (p k) q); ring. }
  apply derive_parameter.
Qed.

Theorem dbeta_is_gradient : forall n dy gamma beta h (p : nat -> nat) q,
  is_derive (fun t => L n dy (fun k => gamma (p k)) (fun k => beta (p k) + t * only q (p k)) h) 0
            (Sum n (fun k => if Nat.eqb (p k) q then dy k else 0)).
Proof.
  intros. unfold L. eapply is_derive_ext.
  { intros t. symmetry.
    apply (Sum_ext n _ (fun k => dy k * (gamma (p k) * h k + beta (p k)) + t * (if Nat.eqb (p k) q then dy k else 0))).
    intros. unfold only. destruct (Nat.eqb (p k) q); ring. }
  apply derive_parameter.
Qed.

Print Assumptions centred_dx_is_gradient.
Print Assumptions rms_dx_is_gradient.
Print Assumptions given_dx_is_gradient.
Print Assumptions dgamma_is_gradient.
Print Assumptions dbeta_is_gradient.
