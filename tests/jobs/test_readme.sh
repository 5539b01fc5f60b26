#!/bin/sh
# The README's commands on the demo and its C program, as they stand there.
set -eu
root=$PWD
cp -R configs "$WORK/"
cd "$WORK"
mkdir -p build/release
ln -s "$LIGHTCONE" build/release/lightcone
# the indented commands of "A first run by hand"
sed -n '/^## A first run by hand/,/^## /s/^    //p' "$root/README.md" >commands.sh
[ "$(wc -l <commands.sh)" -eq 5 ]
sh -ex commands.sh >log 2>&1 || { cat log; exit 1; }
[ -s configs/demo/results/page/index.html ]
# shellcheck disable=SC2016 # backquotes of Markdown
sed -n '/^```c$/,/^```$/p' "$root/README.md" | grep -v '^```' >read.c
# shellcheck disable=SC2046 # flags are a list
"${MPICC:-mpicc}" read.c -o read $(pkg-config --cflags --libs "${HDF5_MODULE:-hdf5-openmpi}")
./read
./read | grep -Eq '^mean entropy over features at layer 3: [0-9]\.[0-9]{3} bits$'
