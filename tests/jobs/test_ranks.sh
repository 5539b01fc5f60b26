#!/bin/sh
# test_ranks.sh - RESULT.h5 is the same bytes at any number of ranks and in every run (the demo's jobs, shortened).
set -eu
: "${LIGHTCONE:=$PWD/build/release/lightcone}" "${MPIRUN:=mpirun}" "${WORK:=$(mktemp -d)}"
demo=$PWD/configs/demo
if [ "$(id -u)" -eq 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none

run() { # ranks, output, configuration, --set ...
    n=$1 out=$2 yaml=$3
    shift 3
    if ! $MPIRUN -n "$n" "$LIGHTCONE" run "$yaml" --set "cache=$WORK/cache" --set "output=$out" "$@" >"$WORK/log" 2>&1; then
        echo "$yaml failed on $n ranks: $*"
        cat "$WORK/log"
        exit 1
    fi
}

# name, rank counts to compare with one rank, configuration, --set ...
same() {
    name=$1 ranks=$2 yaml=$3
    shift 3
    run 1 "$WORK/one.h5" "$yaml" "$@"
    for n in $ranks; do
        run "$n" "$WORK/other.h5" "$yaml" "$@"
        if ! cmp "$WORK/one.h5" "$WORK/other.h5"; then
            echo "$name: the result of $n ranks differs from that of one"
            exit 1
        fi
        rm "$WORK/other.h5"
    done
    echo "$name: $(wc -c <"$WORK/one.h5") bytes, the same on 1 $ranks ranks"
    mv "$WORK/one.h5" "$WORK/$name.h5"
}

# The trailing 1 is a second run on one rank. Instrumented programs are slow: fewer runs of those.
case $LIGHTCONE in
*/asan/*) ranks_to_try="3" ;;
*) ranks_to_try="2 3 4 7 1" ;;
esac
same sparsity "$ranks_to_try" "$demo/sparsity.yaml" --set corpus.tokens=8000
same influence "$ranks_to_try" "$demo/influence.yaml" --set windows.count=8
# 8000 = 83 * 96 + 32: a short last window
same short_last "3" "$demo/sparsity.yaml" --set corpus.tokens=8000 --set windows.length=96 --set threshold=0
same one_window "4" "$demo/sparsity.yaml" --set corpus.tokens=50
same bos "3" "$demo/sparsity.yaml" --set corpus.tokens=3000 --set windows.bos=each
same readout_all "3" "$demo/influence.yaml" --set windows.count=3 --set windows.length=24 --set readout=all \
    --set token_vector='[reconstruction]'
same positions_bos "4" "$demo/influence.yaml" --set windows.count=5 --set windows.bos=each --set readout='[3, 40, 63]' \
    --set token_vector='[]' --set keep.profiles=true
same listed "3" "$demo/influence.yaml" --set windows.count=30 --set features='[1, 5, 17, 100, 200, 300, 400, 777, 1000]' \
    --set token_vector='[]' --set threshold=0
same selected "3" "$demo/influence.yaml" --set windows.count=7 --set "sites.layers=[2, 5]" --set windows.choice=sequential --set corpus.tokens=8000 \
    --set "features={min_frequency: 0.001, top: 300, min_samples: 2, from: $WORK/sparsity.h5}" --set token_vector='[residual_estimate]' --set residual_probes=7
same starts "2" "$demo/influence.yaml" --set windows.choice.starts='[11, 640, 2000]' --set windows.count=3 --set 'sites.layers=[1, 4]'
same no_profiles "2" "$demo/influence.yaml" --set windows.count=2 --set keep.profiles=false --set unit.windows=1 --set unit.features=5
# its matrices are written by all ranks; above 5 some of the listed features are never active
same correlation "$ranks_to_try" "$demo/correlation.yaml" --set corpus.tokens=6000 --set 'sites.layers=[1, 3]' \
    --set 'features={min_unique: 9}'
same correlation_all "3 4" "$demo/correlation.yaml" --set corpus.tokens=3000 --set features=active --set 'sites.layers=[2]' \
    --set correlation.spectrum=none --set windows.bos=each --set windows.length=60 --set correlation.top_pairs=1000
same correlation_listed "2 7" "$demo/correlation.yaml" --set corpus.tokens=3000 --set 'sites.layers=[1, 5]' \
    --set 'features=[1, 5, 17, 100, 200, 300, 400, 777, 1000]' --set threshold=5 --set correlation.spectrum=vectors
same correlation_from "3" "$demo/correlation.yaml" --set corpus.tokens=8000 --set 'sites.layers=[0, 5]' \
    --set "features={min_frequency: 0.01, top: 70, from: $WORK/sparsity.h5}" --set correlation.spectrum=none
same correlation_none "2" "$demo/correlation.yaml" --set corpus.tokens=500 --set 'sites.layers=[0]' \
    --set 'features={min_unique: 100000}' --set correlation.spectrum=vectors
same sweep "$ranks_to_try" "$demo/context_sweep.yaml" --set windows.count=6 --set 'sites.layers=[0, 3]'
# 4000 = 41 * 96 + 64: the longest length has a short last window
same sweep_counts "$ranks_to_try" "$demo/sparsity.yaml" --set corpus.tokens=4000 --set windows.length="[12, 40, 96]" --set threshold=0 --set "sites.layers=[0, 3]"
same sweep_bos "3" "$demo/context_sweep.yaml" --set windows.choice.starts='[11, 640, 2000]' --set windows.count=3 --set windows.length='[5, 33]' \
    --set windows.bos=each --set readout='[0, 4]' --set keep.profiles=true --set token_vector='[residual, reconstruction, residual_estimate]' --set 'sites.layers=[2]'
same sweep_selected "4" "$demo/context_sweep.yaml" --set windows.count=5 --set windows.length='[7, 21, 64]' --set windows.align=start \
    --set corpus.tokens=8000 --set "features={min_frequency: 0.001, top: 300, min_samples: 2, from: $WORK/sparsity.h5}" --set 'sites.layers=[4]' \
    --set unit.windows=2 --set unit.features=16

same contexts "$ranks_to_try" "$demo/contexts.yaml" --set corpus.tokens=4010 --set 'sites.layers=[1, 3, 5]'
same contexts_bos "3" "$demo/contexts.yaml" --set corpus.tokens=3000 --set windows.bos=each --set contexts.top=2 --set threshold=0 \
    --set "features={top: 200, from: $WORK/sparsity.h5}"
same readout_all_positions "$ranks_to_try" "$demo/influence.yaml" --set windows.count=5 --set windows.length=10 --set readout=all \
    --set 'sites.layers=[1, 4]'
same top_activations "$ranks_to_try" "$demo/top_activations.yaml" --set corpus.tokens=4010 --set windows.length=20 \
    --set features='[1, 5, 17, 100, 200, 300, 400, 777, 1000]' --set "readout={top_activations: 2, from: $WORK/contexts.h5}" \
    --set token_vector='[residual, reconstruction]' --set windows.bos=each
same top_activations_sweep "3" "$demo/top_activations.yaml" --set corpus.tokens=4010 --set 'windows={length: [4, 20], align: end}' \
    --set features='[1, 5, 17, 100, 200, 300, 400, 777, 1000]' --set "readout={top_activations: 2, from: $WORK/contexts.h5}"

# cmp finds a difference where there is one
if cmp -s "$WORK/sparsity.h5" "$WORK/bos.h5"; then
    echo "two different jobs gave the same bytes"
    exit 1
fi
