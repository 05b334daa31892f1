#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The proof results on record speak of this code, and every contract is proved or named as assumed.
here=$(cd "$(dirname "$0")/../.." && pwd)
exec sh "$here/proofs/check"
