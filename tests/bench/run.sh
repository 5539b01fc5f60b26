#!/bin/sh
# run.sh BUILD - the jobs on random weights of the Pythia-70m shape: seconds a window, tokens a second, GFLOP/s, and the share of the
# sgemm peak, which is measured on the same ranks before and after every job.
set -eu
build=$1
: "${RANKS:=2}" "${MPIRUN:=mpirun}"
if [ "$(id -u)" -eq 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
export OMPI_MCA_rmaps_base_oversubscribe=1
work=$build/bench/pythia-70m-shape
if [ ! -e "$work/sae/resid_out_layer5/cfg.json" ]; then
    echo "making random weights in $work (about a gigabyte)"
    "$build/bench/make_model" "$work"
fi
cp configs/demo/model/tokenizer.json "$work/model/"
cp configs/demo/corpus.txt tests/bench/influence.yaml tests/bench/sparsity.yaml "$work/"

peak() {
    $MPIRUN -n "$RANKS" "$build/bench/sgemm"
}
value() { # key, run record
    sed -n "s/^  \"$1\": \\([0-9.e+-]*\\),*\$/\\1/p" "$2"
}
row() { # label, job, amount of work, its unit, options of lightcone run...
    label=$1 job=$2 amount=$3 unit=$4
    shift 4
    before=$(peak)
    $MPIRUN -n "$RANKS" "$build/lightcone" run "$work/$job.yaml" "$@" 2>/dev/null
    after=$(peak)
    awk -v label="$label" -v amount="$amount" -v unit="$unit" -v before="$before" -v after="$after" \
        -v seconds="$(value compute_seconds "$work/$job.run.json")" -v rate="$(value gflop_per_second "$work/$job.run.json")" 'BEGIN {
        peak = (before + after) / 2
        speed = unit == "s/window" ? seconds / amount : amount / seconds
        printf "%-34s %9.3f %-9s %7.1f GFLOP/s  %5.1f %% of the sgemm peak (%.1f)\n", label, speed, unit, rate, 100 * rate / peak, peak }'
}

echo "$RANKS ranks, float32, T = 64 (influence) and 128 (sparsity), six sites, threshold 0.2"
row "features" influence 32 s/window
row "features and reconstruction" influence 32 s/window --set 'token_vector=[reconstruction]'
row "features and residual" influence 2 s/window --set 'token_vector=[residual]' --set windows.count=2 --set unit.windows=1
row "sparsity" sparsity 8192 tokens/s

# Memory of all ranks of a node together: pages that ranks share count once (proportional set size).
memory() { # ranks
    $MPIRUN -n "$1" "$build/lightcone" run "$work/influence.yaml" --set windows.count=4 2>/dev/null &
    launcher=$! most=0
    while kill -0 $launcher 2>/dev/null; do
        sum=0
        for process in $(pgrep -P $launcher -x lightcone); do
            pss=$(sed -n 's/^Pss: *\([0-9]*\) kB/\1/p' "/proc/$process/smaps_rollup" 2>/dev/null) || pss=
            sum=$((sum + ${pss:-0}))
        done
        [ $sum -gt $most ] && most=$sum
        sleep 0.2
    done
    echo $((most / 1024))
}
if command -v pgrep >/dev/null; then
    one=$(memory 1) four=$(memory 4)
    echo "memory of a node, influence            1 rank $one MiB, 4 ranks $four MiB: $(((four - one) / 3)) MiB a further rank"
fi
