# Makefile - GNU make, one file, no recursion, no configure step.
# `make help` lists the targets; any variable below can be set on the command line or kept in config.mk (not tracked).
-include config.mk

PREFIX  ?= /usr/local
DESTDIR ?=
MODE    ?= release# release | debug | asan
MODE    := $(strip $(MODE))
B       ?= build/$(MODE)
LC_CC   ?= mpicc
CC      := $(LC_CC)
MPIRUN  ?= mpirun
ARCH    ?= native# -march: native, or for a cluster of mixed nodes e.g. x86-64-v3
V       ?= 0
Q       := $(if $(filter 0,$(V)),@)
say      = $(if $(filter 0,$(V)),@printf '  %-5s %s\n' $(1) '$(2)')

PKGS      = scalapack-openmpi openblas hdf5-openmpi yaml-0.1 libpcre2-8 jansson libutf8proc libzip libcrypto
TEST_PKGS = cmocka
CPPFLAGS += -Iinclude $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
CFLAGS   ?= -g
CSTD      = -std=c17 -D_POSIX_C_SOURCE=200809L -fopenmp-simd
WARN      = -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wpointer-arith \
            -Wundef -Wformat=2 -Werror
OPT_release = -O3 -march=$(strip $(ARCH)) -ffp-contract=off -fno-math-errno -fno-trapping-math
OPT_debug   = -O0
OPT_asan    = -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
OPT      := $(OPT_$(MODE))
ifeq ($(OPT),)
$(error MODE is '$(MODE)': one of release debug asan)
endif
LDLIBS   += $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lm
ALL_CFLAGS = $(CSTD) $(WARN) $(OPT) $(CFLAGS)

LIB_SRC  := $(filter-out src/main.c,$(wildcard src/*.c src/*/*.c))
JOB_SRC  := $(wildcard jobs/*.c)
TEST_SRC := $(wildcard tests/unit/test_*.c tests/mpi/test_*.c)
obj       = $(patsubst %.c,$(B)/%.o,$(1))
TESTS    := $(patsubst %.c,$(B)/tests/%,$(notdir $(TEST_SRC)))

.DEFAULT_GOAL := all
all: $(B)/lightcone ## build the program (default)

$(B)/lightcone: $(call obj,src/main.c $(JOB_SRC)) $(B)/liblightcone.a
	$(call say,LD,$@)
	$(Q)$(CC) $(OPT) $(LDFLAGS) $^ $(LDLIBS) -o $@

$(B)/liblightcone.a: $(call obj,$(LIB_SRC))
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

$(B)/%.o: %.c $(B)/flags
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

vpath test_%.c tests/unit tests/mpi
$(B)/tests/%: %.c $(B)/liblightcone.a $(B)/flags
	$(call say,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -MF $@.d $< $(B)/liblightcone.a $(LDFLAGS) \
	  $(shell pkg-config --libs $(TEST_PKGS) 2>/dev/null) $(LDLIBS) -o $@

# Rebuild when the flags change: git's GIT-CFLAGS trick.
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(CPPFLAGS) $(ALL_CFLAGS)' | cmp -s - $@ || echo '$(CC) $(CPPFLAGS) $(ALL_CFLAGS)' >$@

check: all $(TESTS) ## run the tests; TEST=name, NP=4, MODE=asan, WRAP=valgrind narrow it
	$(Q)MPIRUN='$(MPIRUN)' WRAP='$(WRAP)' NP='$(NP)' tests/run.sh $(B) $(TEST)

clean: ## remove build/
	rm -rf build

.PHONY: all check clean FORCE
-include $(shell find $(B) -name '*.d' 2>/dev/null)
