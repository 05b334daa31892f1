#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# types.sh <normative.h >normative_types.h: the prototypes for float once more for each other type, told by the names of their
# arguments: y, x, dy, dx, sum, residual have the tensor's type, gamma, beta, lambda and their gradients the parameters'.
prototypes=$(sed -n '/^normative_status .*_f32(/,/);$/p')
of() { # of SUFFIX TENSOR PARAMETER
  printf '\n/* ---- %s ---- */\n\n' "$4"
  printf '%s\n' "$prototypes" | sed -E -e "s/float \*(y|x|dy|dx|sum|residual)\b/$2 *\1/g" -e "s/float \*/$3 */g" -e "s/_f32\(/_$1(/" |
    awk '/^normative_status/ { if (text) flush(); text = "" } { sub(/^ +/, ""); text = text (text ? " " : "") $0 } END { flush() }
      function flush(  head, indent, line, n, part, i, piece) {
        head = substr(text, 1, index(text, "(")); indent = sprintf("%" length(head) "s", "")
        n = split(substr(text, length(head) + 1), part, /, /); line = head
        for (i = 1; i <= n; i++) {
          piece = part[i] (i < n ? "," : "")
          if (length(line) + length(piece) + 1 > 120) { print line; line = indent }
          line = line (line == head || line == indent ? "" : " ") piece
        }
        print line
      }'
}
echo '/* SPDX-License-Identifier: Apache-2.0'
echo '   Made by types.sh from normative.h, which includes it: every function for the other types. */'
of f64 double double 'double'
of f16 uint16_t uint16_t 'binary16'
of f16_f32 uint16_t float 'binary16, parameters float'
of bf16 uint16_t uint16_t 'bfloat16'
of bf16_f32 uint16_t float 'bfloat16, parameters float'
