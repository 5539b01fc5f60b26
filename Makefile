# Makefile - GNU make, one file, no configure step. `make help` lists the targets; any variable below can be set on
# the command line or kept in config.mk (not tracked).
-include config.mk

PREFIX  ?= /usr/local
DESTDIR ?=
MODE    ?= release
MODE    := $(strip $(MODE))
# Which MPI library: openmpi or mpich as Debian packages them, or site: what modules or Spack have put before us.
MPI     ?= openmpi
MPI     := $(strip $(MPI))
of_mpi   = $(or $(if $(filter-out site,$(MPI)),$(shell command -v $(1).$(MPI))),$(1))
B       ?= build/$(if $(filter-out openmpi,$(MPI)),$(MPI)-)$(MODE)
LC_CC   ?= $(call of_mpi,mpicc)
CC      := $(LC_CC)
MPIRUN  ?= $(call of_mpi,mpirun)
# Instruction set: of this machine, or for a cluster of mixed nodes e.g. ARCH=x86-64-v3.
ARCH    ?= native
# Ranks of `make demo` and `make bench`.
RANKS   ?= $(shell n=$$(nproc); [ $$n -lt 2 ] && n=2; [ $$n -gt 8 ] && n=8; echo $$n)
V       ?= 0
Q       := $(if $(filter 0,$(V)),@)
say      = $(if $(filter 0,$(V)),@printf '  %-5s %s\n' $(1) '$(2)')

# What depends on the MPI library. Debian has several beside each other: `mpicc` may be either's, and scalapack-*.pc asks for
# that one, so ScaLAPACK is named. Elsewhere the module may bring its .pc or set LIBRARY_PATH; LC_SCALAPACK= and LC_HDF5= can be given.
SCALAPACK_openmpi = -lscalapack-openmpi
SCALAPACK_mpich   = -lscalapack-mpich
SCALAPACK_site    = $(or $(shell pkg-config --libs scalapack 2>/dev/null),-lscalapack)
HDF5_openmpi      = hdf5-openmpi
HDF5_mpich        = hdf5-mpich
HDF5_site         = hdf5
LC_SCALAPACK     ?= $(SCALAPACK_$(MPI))
LC_HDF5          ?= $(HDF5_$(MPI))
ifeq ($(HDF5_$(MPI)),)
$(error MPI is '$(MPI)': one of openmpi mpich site)
endif

# pkg-config module = the Debian package that brings it = the Spack spec
DEPENDENCIES_openmpi = scalapack-openmpi=libscalapack-openmpi-dev=netlib-scalapack hdf5-openmpi=libhdf5-openmpi-dev=hdf5+mpi
DEPENDENCIES_mpich   = scalapack-mpich=libscalapack-mpich-dev=netlib-scalapack hdf5-mpich=libhdf5-mpich-dev=hdf5+mpi
DEPENDENCIES_site    = $(LC_HDF5:%=%=libhdf5-openmpi-dev=hdf5+mpi)
DEPENDENCIES = $(DEPENDENCIES_$(MPI)) openblas=libopenblas-dev=openblas yaml-0.1=libyaml-dev=libyaml libpcre2-8=libpcre2-dev=pcre2 \
  jansson=libjansson-dev=jansson libutf8proc=libutf8proc-dev=utf8proc libzip=libzip-dev=libzip \
  libcrypto=libssl-dev=openssl libcurl=libcurl4-openssl-dev=curl zlib=zlib1g-dev=zlib cmocka=libcmocka-dev=cmocka \
  libmicrohttpd=libmicrohttpd-dev=libmicrohttpd
# program = the Debian package = the Spack spec
PROGRAMS_openmpi = mpicc.openmpi=libopenmpi-dev=openmpi mpirun.openmpi=openmpi-bin=openmpi
PROGRAMS_mpich   = mpicc.mpich=libmpich-dev=mpich mpirun.mpich=mpich=mpich
PROGRAMS_site    = mpicc=libopenmpi-dev=openmpi mpirun=openmpi-bin=openmpi
PROGRAMS = $(PROGRAMS_$(MPI)) gcc=build-essential=gcc pkg-config=pkg-config=pkgconf \
  gnuplot=gnuplot-nox=gnuplot

PKGS      = openblas $(LC_HDF5) yaml-0.1 libpcre2-8 jansson libutf8proc libzip libcrypto libcurl zlib
TEST_PKGS = cmocka
PKG_CFLAGS  = $(eval PKG_CFLAGS := $$(shell pkg-config --cflags $(PKGS)))$(PKG_CFLAGS)
PKG_LIBS    = $(eval PKG_LIBS := $$(shell pkg-config --libs $(PKGS)))$(PKG_LIBS)
CPPFLAGS += -Iinclude
CFLAGS   ?= -g
CSTD      = -std=c17 -D_POSIX_C_SOURCE=200809L -fopenmp-simd
WARN      = -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wpointer-arith \
            -Wundef -Wformat=2 $(if $(CI)$(WERROR),-Werror)
OPT_release = -O3 -march=$(strip $(ARCH)) -ffp-contract=off -fno-math-errno -fno-trapping-math
OPT_debug   = -O0
OPT_asan    = -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
OPT      := $(OPT_$(MODE))
ifeq ($(OPT),)
$(error MODE is '$(MODE)': one of release debug asan)
endif
LDLIBS   += $(LC_SCALAPACK) $(PKG_LIBS) -lm
ALL_CFLAGS = $(CPPFLAGS) $(PKG_CFLAGS) $(CSTD) $(WARN) $(OPT) $(CFLAGS)

LIB_SRC  := $(filter-out src/main.c,$(wildcard src/*.c src/*/*.c))
JOB_SRC  := $(wildcard jobs/*.c)
TEST_SRC := $(wildcard tests/unit/test_*.c tests/mpi/test_*.c)
obj       = $(patsubst %.c,$(B)/%.o,$(1))
TESTS    := $(patsubst %.c,$(B)/tests/%,$(notdir $(TEST_SRC)))

.DEFAULT_GOAL := all
all: $(B)/lightcone ## build the program (default); MODE=release | debug | asan

$(B)/lightcone: $(call obj,src/main.c) $(B)/liblightcone.a
	$(call say,LD,$@)
	$(Q)$(CC) $(OPT) $(LDFLAGS) $^ $(LDLIBS) -o $@

$(B)/liblightcone.a: $(call obj,$(LIB_SRC) $(JOB_SRC))
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar qcs $@ $^

$(B)/%.o: %.c $(B)/flags
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

vpath test_%.c tests/unit tests/mpi
$(B)/tests/%: %.c $(B)/liblightcone.a $(B)/flags
	$(call say,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -MF $@.d $< $(B)/liblightcone.a $(LDFLAGS) \
	  $(shell pkg-config --libs $(TEST_PKGS)) $(LDLIBS) -o $@

# The kernels for AMX with tiles in memory, in their tests and in the program: see tests/emulated/tiles.h.
EMULATED_TESTS = $(patsubst %,$(B)/emulated/test_%,factor activity reference)
EMULATED       = $(EMULATED_TESTS) $(B)/emulated/lightcone
$(B)/emulated/%.o: src/linalg/%.c $(B)/flags
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -include tests/emulated/tiles.h -MMD -MP -c $< -o $@

$(EMULATED_TESTS): $(B)/emulated/test_%: $(B)/tests/unit/test_%.o
$(B)/emulated/lightcone: $(call obj,src/main.c)
$(EMULATED): $(B)/tests/emulated/tiles.o $(patsubst %,$(B)/emulated/%.o,amx amx_factor amx_screen) $(B)/liblightcone.a
	$(call say,LD,$@)
	$(Q)$(CC) $(OPT) $(LDFLAGS) $(filter %.o,$^) $(B)/liblightcone.a $(shell pkg-config --libs $(TEST_PKGS)) $(LDLIBS) -o $@

# The benchmark, one program: it draws with the report's own plots.
$(B)/bench/bench: $(call obj,$(wildcard tests/bench/*.c)) $(B)/liblightcone.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(OPT) $(LDFLAGS) $^ $(LDLIBS) -o $@

# What the test of `lightcone fetch` runs beside it: a server on this machine, and the files it serves.
SERVER = $(B)/server/serve $(B)/server/make_files
$(B)/server/%: tests/server/%.c $(B)/liblightcone.a $(B)/flags
	$(call say,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -MF $@.d $< $(B)/liblightcone.a $(LDFLAGS) $(LDLIBS) \
	  $(shell pkg-config --libs libmicrohttpd libcrypto) -o $@

# Fuzz targets: the rooms that parse what others wrote, compiled by clang with its fuzzer and sanitizers.
FUZZ_CC   ?= clang
FUZZ_FLAGS = $(CPPFLAGS) $(shell pkg-config --cflags $(FUZZ_PKGS)) -Isrc/text $(CSTD) -g -O1 -fno-omit-frame-pointer \
             -fsanitize=address,undefined -fno-sanitize-recover=undefined
FUZZ_PKGS  = yaml-0.1 libpcre2-8 jansson libutf8proc libzip libcrypto
FUZZ_OBJ  := $(patsubst %.c,$(B)/fuzz/%.o,$(wildcard src/base/*.c src/config/*.c src/format/*.c src/text/*.c \
             src/parallel/checkpoint_format.c src/parallel/checkpoint_ranges.c))
FUZZERS   := $(patsubst tests/fuzz/fuzz_%.c,$(B)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))

$(B)/fuzz/%.o: %.c
	$(call say,FUZZ,$<)
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c $< -o $@

$(B)/fuzz/%: tests/fuzz/fuzz_%.c $(FUZZ_OBJ)
	$(call say,FUZZ,$@)
	$(Q)$(FUZZ_CC) $(FUZZ_FLAGS) -fsanitize=fuzzer -MMD -MP -MF $@.d $< $(FUZZ_OBJ) \
	  $(shell pkg-config --libs $(FUZZ_PKGS)) -lm -o $@

.SECONDARY: $(FUZZ_OBJ)
fuzzers: $(FUZZERS)

# Rebuild when the flags change: git's GIT-CFLAGS trick.
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(ALL_CFLAGS)' | cmp -s - $@ || echo '$(CC) $(ALL_CFLAGS)' >$@

# The two commands. Each installs what is missing, then starts make again: flags come from what is installed by then.
demo: deps ## install what is missing, build, run the demo on a few ranks, draw its figures
	@$(MAKE) --no-print-directory all
	@RANKS='$(RANKS)' MPIRUN='$(MPIRUN)' tests/demo.sh $(B)

test: deps test-deps ## install what is missing, build, run every test
	@$(MAKE) --no-print-directory -j2 all tests
	@$(MAKE) --no-print-directory check LIGHTCONE_SLURM_TESTS=$$(tests/slurm/allowed.sh && echo yes)

tests: $(TESTS) $(EMULATED) $(SERVER) $(B)/bench/bench

mpi-tests: $(patsubst tests/mpi/%.c,$(B)/tests/%,$(wildcard tests/mpi/test_*.c))

check: all $(TESTS) $(EMULATED) $(SERVER) $(B)/bench/bench ## run the tests; TEST=name, NP=ranks, MODE=asan, WRAP=valgrind narrow it
	$(Q)MPIRUN='$(MPIRUN)' MPICC='$(CC)' HDF5_MODULE='$(LC_HDF5)' WRAP='$(WRAP)' NP='$(NP)' tests/run.sh $(B) $(TEST)

test-slurm: deps slurm-deps ## the batch scripts under a real Slurm that is installed and started for it (root; Debian, Ubuntu)
	@$(MAKE) --no-print-directory -j2 all
	$(Q)LIGHTCONE_SLURM_TESTS=yes MPIRUN='$(MPIRUN)' tests/run.sh $(B) test_slurm

# munged and Slurm's daemons live where only root's PATH looks
slurm-deps:
	@PATH="$$PATH:/usr/sbin" tests/deps.sh '' 'munged=munge=munge slurmctld=slurm-wlm=slurm'

fuzz: fuzzers ## give the readers of foreign files random bytes, SECONDS=60 each, from the corpus that is kept
	$(Q)tests/fuzz/run.sh $(B)/fuzz $(or $(SECONDS),60)

soak: all ## stop, kill and damage random jobs for MINUTES=10, and compare every result's bytes
	$(Q)MPIRUN='$(MPIRUN)' SEED='$(SEED)' ROUNDS='$(ROUNDS)' tests/soak.sh $(B) $(or $(MINUTES),10)

deps: ## install what the build, the tests and the figures need (Debian, Ubuntu), or name it
	@tests/deps.sh '$(DEPENDENCIES)' '$(PROGRAMS)'

# The fuzz targets want clang with its sanitizers, the tests under Slurm, where they may run, its daemons. A second MPI library
# is for CI; elsewhere its test skips.
test-deps:
	@if tests/slurm/allowed.sh; then $(MAKE) --no-print-directory slurm-deps || echo 'the tests under Slurm will skip'; fi
	@[ -z "$(CI)" ] || [ '$(MPI)' = mpich ] || $(MAKE) --no-print-directory MPI=mpich deps
	@echo 'int main(void) { return 0; }' | $(FUZZ_CC) -fsanitize=address -x c - -o /dev/null 2>/dev/null || \
	  tests/deps.sh --try clang libclang-rt-dev

pythia: deps ## fetch Pythia-70m, its six published SAEs and the text (about 1 GB) for configs/pythia-70m; continues
	@$(MAKE) --no-print-directory all
	$(B)/lightcone fetch configs/pythia-70m/fetch.yaml

bench: all $(B)/bench/bench ## speed and memory of every hot path, beside this machine's peaks, as table, JSON and roofline; FULL=1: all cells; LIMIT=seconds of a cell; CELLS="T F D"
	$(Q)RANKS='$(RANKS)' MPIRUN='$(MPIRUN)' FULL='$(FULL)' LIMIT='$(LIMIT)' CELLS='$(CELLS)' tests/bench/run.sh $(B)

# Users never need Python; a comparison with PyTorch does.
PEERS_PYTHON ?= build/venv/bin/python
build/venv/bin/python:
	python3 -m venv build/venv
	build/venv/bin/pip install torch numpy

bench-peers: all $(B)/bench/bench $(filter build/venv/bin/python,$(PEERS_PYTHON)) ## speed beside batched PyTorch; BUDGET=seconds, PEERS_PYTHON=one with torch and numpy (else build/venv)
	$(PEERS_PYTHON) tests/reference/bench_peers.py --lightcone $(B)/lightcone --bench $(B)/bench/bench --work $(B)/bench/pythia-70m-shape \
	  --mpirun '$(MPIRUN)' --ranks $(RANKS) --threads $(RANKS) --budget $(or $(BUDGET),300)

lint-deps:
	@tests/deps.sh '' 'shellcheck=shellcheck=shellcheck clang=clang=llvm'

lint: lint-deps ## headers stand alone, rooms include only upwards, functions are short, scripts are clean
	$(Q)MPICC='$(CC)' HDF5_MODULE='$(LC_HDF5)' tests/lint/run.sh

install: all ## install under $(DESTDIR)$(PREFIX)
	install -d '$(DESTDIR)$(PREFIX)/bin' '$(DESTDIR)$(PREFIX)/share/lightcone'
	install -m 755 $(B)/lightcone '$(DESTDIR)$(PREFIX)/bin'
	cp -R configs slurm '$(DESTDIR)$(PREFIX)/share/lightcone'
	rm -rf '$(DESTDIR)$(PREFIX)/share/lightcone/configs/demo/results' '$(DESTDIR)$(PREFIX)/share/lightcone/configs/pythia-70m/data'

uninstall: ## remove what install put there
	rm -f '$(DESTDIR)$(PREFIX)/bin/lightcone'
	rm -rf '$(DESTDIR)$(PREFIX)/share/lightcone'

clean: ## remove build/ and the demo's results
	rm -rf build configs/demo/results

help: ## this list
	@sed -n 's/^\([a-z_.-]*\):.*## \(.*\)/  \1|\2/p' Makefile | sed 's/|/\t/' | expand -t 14

.PHONY: all demo pythia test tests mpi-tests test-deps test-slurm slurm-deps check fuzzers fuzz soak deps bench bench-peers lint lint-deps install \
  uninstall clean help FORCE
-include $(shell find $(B) -name '*.d' 2>/dev/null)
