#!/bin/sh
# test_fuzz.sh - a short run of every fuzz target (FUZZ_SECONDS=10 each); skipped where clang's fuzzer is not installed.
set -u
# shellcheck source=tests/jobs/lib.sh
. tests/jobs/lib.sh
clang=${FUZZ_CC:-clang}
echo 'int LLVMFuzzerTestOneInput(const char *d, unsigned long n); int LLVMFuzzerTestOneInput(const char *d, unsigned long n) { return d && n > 9 ? -1 : 0; }' >"$WORK/probe.c"
if ! "$clang" -fsanitize=fuzzer,address,undefined "$WORK/probe.c" -o "$WORK/probe" 2>/dev/null; then
    echo "$clang with -fsanitize=fuzzer is not installed (packages clang, libclang-rt-dev)"
    exit 77
fi
for corpus in tests/fuzz/corpus/*; do
    [ -e "tests/fuzz/fuzz_$(basename "$corpus").c" ] || fail "$corpus has no target"
done
for target in tests/fuzz/fuzz_*.c; do
    checks=$((checks + 1)) name=${target#*fuzz_}
    [ -d "tests/fuzz/corpus/${name%.c}" ] || fail "$target has no corpus"
done
make --no-print-directory -j2 fuzz FUZZ_CC="$clang" SECONDS="${FUZZ_SECONDS:-10}" || fail 'fuzz targets'
conclude
