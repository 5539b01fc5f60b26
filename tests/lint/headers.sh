#!/bin/sh
# headers.sh - every header compiles alone and twice, with gcc and with clang; no file includes a header twice.
set -u
bad=0
packages="openblas ${HDF5_MODULE:-hdf5-openmpi} yaml-0.1 libpcre2-8 jansson libutf8proc libzip libcrypto libcurl zlib"
# shellcheck disable=SC2086 # a list
flags="-std=c17 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wundef -Werror
    -fsyntax-only -I. -Iinclude $(pkg-config --cflags $packages)"
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT

for header in include/lightcone/*.h src/*.h src/*/*.h jobs/*.h; do
    [ -f "$header" ] || continue
    printf '#include "%s"\n#include "%s"\n' "$header" "$header" >"$folder/alone.c"
    for compiler in gcc clang; do
        command -v $compiler >/dev/null || continue
        # mpicc passes its libraries even when nothing is linked
        [ $compiler = clang ] && quiet=-Wno-unused-command-line-argument || quiet=
        # shellcheck disable=SC2086 # a list
        OMPI_CC=$compiler MPICH_CC=$compiler "${MPICC:-mpicc}" $flags $quiet "$folder/alone.c" || { echo "$header: not with $compiler"; bad=1; }
    done
done
set --
for d in include src jobs tests; do
    [ -d "$d" ] && set -- "$@" "$d"
done
find "$@" -name '*.[ch]' -exec awk '
    FNR == 1 { split("", seen) }
    /^# *include.*\.h[">]/ { if (seen[$2]++) { print FILENAME ":" FNR ": " $2 " a second time"; bad = 1 } }
    END { exit bad }' {} + || bad=1
exit $bad
