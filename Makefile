# SPDX-License-Identifier: Apache-2.0
# Normative. The targets a user needs:
#   make           the libraries and the command, build/bin/normative
#   make test      builds, then the tests
#   make report    builds, checks and benches every implementation found here, writes build/report/index.html
#   make peers     Python's frameworks into .peers, pinned, to be judged and timed too (PEERS=all: the large ones as well)
#   make prove     proves the references again (installs Frama-C and the provers)
#   make install   libraries, headers and the man page to PREFIX (default /usr/local); the command runs from this tree
#   make clean
# On a fresh Debian the first four install what they need when run as root in a container, or with SETUP=1.
# SANITIZE=1 builds everything with ASan and UBSan into build-sanitize/.

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:
MAKEFLAGS += --no-builtin-rules
ifeq ($(MAKELEVEL)$(filter -j%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(shell nproc)
endif

PREFIX ?= /usr/local
CC = gcc
CXX = g++
B := build
WARN := -Wall -Wextra
# Bits: additions in written order, no contraction.
BITS := -ffp-contract=off
OPT := -O2 -g
ifeq ($(SANITIZE),1)
B := build-sanitize
OPT := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
endif
INC := -Ireference -Ioptimized -Iconformance -Iconformance/specimens -I$B/gen
CFLAGS := $(OPT) $(WARN) $(BITS) -fopenmp -fPIC -MMD -MP
HARNESS := -std=gnu11 -DNORMATIVE_DATA_DIR='"$(CURDIR)/conformance/data"'
LIBS := -ljansson -lmpfr -lgmp -ldl -lm

PACKAGES_BUILD := gcc g++ make libc6-dev libgomp1 libgmp-dev libmpfr-dev libjansson-dev
PACKAGES_TEST := $(PACKAGES_BUILD) libcmocka-dev libbenchmark-dev libdnnl-dev python3-minimal python3-numpy \
  libxml2-utils
PACKAGES_REPORT := $(PACKAGES_TEST)
PACKAGES_PEERS := $(PACKAGES_BUILD) $(if $(PYTHON),,python3-venv)
PACKAGES_PROVE := frama-c-base why3 z3 cvc4 cvc5 coq libcoq-flocq libcoq-coquelicot
setup = @sh conformance/setup.sh

.PHONY: all test report peers prove clean install setup-build setup-test tests adapters bench
setup-build: ; $(setup) $(PACKAGES_BUILD)
setup-test: ; $(setup) $(PACKAGES_TEST)

# ---- the libraries: reference and optimized in one archive, one shared object ----
LIB_SRC := $(wildcard reference/*.c)
OPT_SRC := $(filter-out optimized/level_%,$(wildcard optimized/*.c))
LIB_OBJ := $(LIB_SRC:%.c=$B/obj/%.o) $(OPT_SRC:%.c=$B/obj/%.o)

# Kernel sources are compiled once per instruction-set level.
ARCH := $(shell $(CC) -dumpmachine | cut -d- -f1)
include optimized/levels.mk

# ---- the harness ----
HARNESS_SRC := $(filter-out conformance/bounds_gen.c conformance/worker.c conformance/template.c conformance/normative.c,$(wildcard conformance/*.c))
SPECIMEN_SRC := $(wildcard conformance/specimens/*.c)
HARNESS_OBJ := $(HARNESS_SRC:%.c=$B/obj/%.o) $(SPECIMEN_SRC:%.c=$B/obj/%.o)
LIB := $B/lib/libnormative.a

all: setup-build
	@$(MAKE) --no-print-directory $B/bin/normative $B/bin/normative-worker $B/lib/libnormative.a $B/lib/libnormative.so

$B/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(if $(filter conformance/%,$<),$(HARNESS),-std=c11) $(CFLAGS) $(EXTRA) $(INC) -c $< -o $@

# A specimen does what its source says, in the order it says it.
$B/obj/conformance/specimens/%.o: EXTRA := -fno-tree-vectorize

$(LIB): $(LIB_OBJ)
	@mkdir -p $(@D)
	@rm -f $@
	ar rcs $@ $^

$B/lib/libnormative.so: $(LIB_OBJ) optimized/exports.map
	$(CC) -shared -Wl,-soname,libnormative.so -Wl,--version-script=optimized/exports.map $(CFLAGS) $(LIB_OBJ) -lm -o $@

# bounds.txt is the one place of every bound.
$B/bin/bounds-gen: conformance/bounds_gen.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(OPT) $(WARN) -Iconformance $< -lm -o $@
$B/gen/bounds.h: conformance/bounds.txt $B/bin/bounds-gen
	@mkdir -p $(@D)
	$B/bin/bounds-gen $< > $@
$(HARNESS_OBJ) $B/obj/conformance/worker.o $B/obj/conformance/normative.o: | $B/gen/bounds.h
$B/obj/conformance/tolerance.o: $B/gen/bounds.h

$B/lib/libharness.a: $(HARNESS_OBJ)
	@mkdir -p $(@D)
	@rm -f $@
	ar rcs $@ $^

$B/bin/normative: $B/obj/conformance/normative.o $B/lib/libharness.a $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $^ $(LIBS) -o $@

$B/bin/normative-worker: $B/obj/conformance/worker.o $B/lib/libharness.a $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -rdynamic $^ $(LIBS) -o $@

# ---- adapters of foreign C libraries: Debian's oneDNN, and the one of `make peers` ----
PEERS_DIR := $(CURDIR)/.peers
ONEDNN3 := $(wildcard $(PEERS_DIR)/include/oneapi/dnnl/dnnl.h)
adapters: $B/lib/adapters/onednn.so $(if $(ONEDNN3),$B/lib/adapters/onednn3.so)
$B/lib/adapters/onednn.so: conformance/adapters/onednn.c conformance/adapters/onednn.h
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(OPT) $(WARN) -fPIC -shared -fopenmp $(INC) $< -ldnnl -lm -o $@
$B/lib/adapters/onednn3.so: conformance/adapters/onednn3.c conformance/adapters/onednn.h $(ONEDNN3)
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(OPT) $(WARN) -fPIC -shared -fopenmp $(INC) -I$(PEERS_DIR)/include $< \
	  -L$(PEERS_DIR)/lib -Wl,-rpath,$(PEERS_DIR)/lib -ldnnl -lm -o $@

peers:
	$(setup) $(PACKAGES_PEERS)
	@PEERS=$(PEERS) PYTHON=$(PYTHON) sh conformance/peers.sh $(PEERS_DIR)
	@[ ! -e $(PEERS_DIR)/include/oneapi/dnnl/dnnl.h ] || $(MAKE) --no-print-directory $B/lib/adapters/onednn3.so

# ---- benchmark ----
bench: $B/bin/normative-bench
$B/bin/normative-bench: bench/bench.cc $B/lib/libharness.a $(LIB)
	@mkdir -p $(@D)
	$(CXX) -std=c++17 $(OPT) $(WARN) -fopenmp $(INC) $< $B/lib/libharness.a $(LIB) -lbenchmark -lpthread $(LIBS) -o $@

# ---- tests ----
TESTS := $(patsubst conformance/tests/%.c,$B/tests/%,$(wildcard conformance/tests/test_*.c))
$B/obj/conformance/tests/%.o: | $B/gen/bounds.h
$B/tests/test_mutants: $(patsubst %.c,$B/obj/%.o,$(wildcard conformance/mutants/*.c))
$B/tests/%: $B/obj/conformance/tests/%.o $B/lib/libharness.a $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -rdynamic $^ -lcmocka $(LIBS) -o $@

tests: $(TESTS) $B/bin/normative $B/bin/normative-worker $B/bin/normative-bench adapters $B/lib/libnormative.so
test: setup-test
	@$(MAKE) --no-print-directory tests
	@B=$B sh conformance/tests/run.sh

report:
	$(setup) $(PACKAGES_REPORT)
	@$(MAKE) --no-print-directory $B/bin/normative $B/bin/normative-worker $B/bin/normative-bench adapters
	@B=$B sh conformance/report.sh

prove:
	$(setup) $(PACKAGES_PROVE)
	@proofs/prove

install: all
	install -d $(DESTDIR)$(PREFIX)/lib $(DESTDIR)$(PREFIX)/include $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 conformance/normative.1 $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 reference/normative.h reference/normative_types.h conformance/normative_plugin.h $(DESTDIR)$(PREFIX)/include
	install -m 644 $B/lib/libnormative.a $(DESTDIR)$(PREFIX)/lib
	install -m 755 $B/lib/libnormative.so $(DESTDIR)$(PREFIX)/lib

clean:
	rm -rf build build-sanitize

-include $(shell find $B/obj -name '*.d' 2>/dev/null)
