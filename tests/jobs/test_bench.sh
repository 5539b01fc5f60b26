#!/bin/sh
# The benchmark's smallest cells: every path is timed, its JSON holds positive numbers, and the roofline is drawn.
. tests/jobs/lib.sh
build=$(dirname "$LIGHTCONE")
[ -x "$build/bench/bench" ] || { echo "$build/bench/bench is not built"; exit 77; }

checks=$((checks + 1))
$MPIRUN -n 2 "$build/bench/bench" grid "$WORK/bench.json" quick >"$WORK/table" 2>&1 || fail "the grid: $(cat "$WORK/table")"
for path in forward encode backward reconstruction residual; do
    checks=$((checks + 1))
    grep -q "^$path .*%" "$WORK/table" || fail "no line of $path in the table"
    # the numbers of the path's cell, from its name to the end of the object
    sed -n "/\"path\": \"$path\"/,/}/p" "$WORK/bench.json" >"$WORK/cell"
    for key in tokens_per_second gflop_per_second share_of_peak flop_per_byte weight_bytes buffer_bytes touched_bytes; do
        checks=$((checks + 1))
        grep -q "\"$key\": [0-9.]*[1-9]" "$WORK/cell" || fail "$path: $key is not a positive number"
    done
done
checks=$((checks + 1))
"$build/bench/bench" finish "$WORK/bench.json" >/dev/null || fail "finish cannot read what grid wrote"
if command -v gnuplot >/dev/null; then
    checks=$((checks + 1))
    grep -q '</svg>' "$WORK/roofline.svg" || fail "no roofline"
fi
checks=$((checks + 1))
"$build/bench/bench" nothing 2>/dev/null && fail "an unknown mode is not refused"
conclude
