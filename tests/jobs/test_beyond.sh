#!/bin/sh
# test_beyond.sh - contexts, groups of samples, token vectors and readouts of strongest activations on the demo's files
# against float64 PyTorch.
set -eu
# shellcheck source=tests/jobs/lib.sh
. tests/jobs/lib.sh
for job in contexts influence top; do
    set -- --set "model.path=$demo/model" --set "corpus.path=$demo/corpus.txt" --set "output=$WORK/$job.h5" \
        --set "sae.path=$demo/sae/resid_out_layer{layer}"
    [ "$job" != top ] || set -- "$@" --set "readout.from=$WORK/contexts.h5"
    $MPIRUN -n 2 "$LIGHTCONE" run "$data/beyond/$job.yaml" "$@" 2>"$WORK/log" || {
        cat "$WORK/log"
        exit 1
    }
done
LC_BEYOND=$WORK "${LIGHTCONE%/*}/tests/test_beyond_files"
