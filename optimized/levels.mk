# SPDX-License-Identifier: Apache-2.0
# The instruction-set levels (enum level of level.h; cpu.c tells when a CPU has one): level_kernels.c compiled once for
# each and each element type (type.h), level_doubles.c for each, PART_LANES the register's width in doubles. -mfma
# licenses fused instructions where the source asks for one; contraction stays off, so that no
# level changes a bit; nor may gcc 12's SLP vectorizer, which makes vfmaddsub of a = c + c*u; b = v*k - w; in spite of
# -ffp-contract=off. -O3 unrolls what keeps lanes in registers.
LEVELS := portable
LEVEL_portable := -DPART_LANES=0
ifeq ($(ARCH),x86_64)
LEVELS += sse2 avx2 avx512
LEVEL_sse2 := -DPART_LANES=2
LEVEL_avx2 := -DPART_LANES=4 -mavx2 -mfma -mf16c
LEVEL_avx512 := -DPART_LANES=8 -mavx2 -mfma -mf16c -mavx512f
endif

TYPES := f32 f16 f16_f32 bf16 bf16_f32
LIB_OBJ += $(foreach t,$(TYPES),$(LEVELS:%=$B/obj/optimized/level_kernels.%.$t.o))
LIB_OBJ += $(LEVELS:%=$B/obj/optimized/level_doubles.%.f64.o)

level = $(word 2,$(subst ., ,$(notdir $@)))
type = $(word 3,$(subst ., ,$(notdir $@)))
level_object = $(CC) -std=c11 $(CFLAGS) $(if $(filter 1,$(SANITIZE)),,-O3 -fno-tree-slp-vectorize) $(INC) \
	  -DTYPE_$(type) -DLEVEL=$(level) $(LEVEL_$(level)) -c $< -o $@
$B/obj/optimized/level_kernels.%.o: optimized/level_kernels.c
	@mkdir -p $(@D)
	$(level_object)
$B/obj/optimized/level_doubles.%.o: optimized/level_doubles.c
	@mkdir -p $(@D)
	$(level_object)
