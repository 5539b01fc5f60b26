#!/bin/sh
# run.sh BUILD - the cells of the benchmark, then whole jobs on random weights of the Pythia-70m shape; all of it as one table
# and in BUILD/bench/bench.json, with BUILD/bench/roofline.svg and .pdf. FULL=1: all of the
# grid, however long. LIMIT=seconds: cells of which a repetition should take no longer. CELLS="T F D": these, and no jobs.
set -eu
build=$1
: "${RANKS:=2}" "${MPIRUN:=mpirun}" "${FULL:=}" "${LIMIT:=}" "${CELLS:=}"
if [ "$(id -u)" -eq 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
export OMPI_MCA_rmaps_base_oversubscribe=1
bench=$build/bench/bench json=$build/bench/bench.json work=$build/bench/pythia-70m-shape
size=usual
[ -z "$FULL" ] || size=full
[ -z "$CELLS" ] || : "${LIMIT:=1000000}"
# shellcheck disable=SC2086 # words of their own
$MPIRUN -n "$RANKS" "$bench" grid "$json" $size $LIMIT $CELLS
[ -z "$CELLS" ] || exit 0

if [ ! -e "$work/complete" ]; then
    echo "making random weights in $work (about a gigabyte)"
    $MPIRUN -n "$RANKS" "$bench" model "$work"
    : >"$work/complete"
fi
cp configs/demo/model/tokenizer.json "$work/model/"
cp configs/demo/corpus.txt tests/bench/influence.yaml tests/bench/sparsity.yaml "$work/"

row() { # name, ranks, job, T, windows, options of lightcone run...
    name=$1 ranks=$2 job=$3 length=$4 windows=$5
    shift 5
    begun=$(date +%s.%N)
    $MPIRUN -n "$ranks" "$build/lightcone" run "$work/$job.yaml" --fresh --set "windows.length=$length" \
        --set "windows.count=$windows" "$@" 2>/dev/null
    $MPIRUN -n "$ranks" "$bench" job "$json" "$name" "$length" "$windows" "$work/$job.run.json" "$begun"
}
echo "whole jobs: all six sites, threshold 0.2"
row "job: sparsity" "$RANKS" sparsity 128 64
row "job: features" 1 influence 64 16
row "job: features" "$RANKS" influence 64 16
row "job: and reconstruction" "$RANKS" influence 64 16 --set 'token_vector=[reconstruction]'
row "job: and reconstruction" "$RANKS" influence 1024 "$RANKS" --set 'token_vector=[reconstruction]' --set unit.windows=1
row "job: features and residual" "$RANKS" influence 64 "$RANKS" --set 'token_vector=[residual]' --set unit.windows=1
"$bench" finish "$json"
echo "$json"
