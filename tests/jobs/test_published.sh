#!/bin/sh
# test_published.sh - the program against what the published scripts found on the same model, SAEs and text.
set -eu
: "${LIGHTCONE:=$PWD/build/release/lightcone}" "${MPIRUN:=mpirun}" "${WORK:=$(mktemp -d)}"
code=${LC_SHARED:-../shared}/data/published-code
if [ ! -d "$code" ]; then
    echo "$code is not there"
    exit 77
fi
code=$(cd "$code" && pwd)
for job in sparsity influence entropies bos sweep; do
    set -- --set "model.path=$code/model" --set "corpus.path=$code/text.txt" --set "output=$WORK/$job.h5" \
        --set "sae.path=$code/dictionaries/pythia-70m-deduped/resid_out_layer{layer}/10_2048"
    [ "$job" != influence ] || set -- "$@" --set "features.from=$WORK/sparsity.h5"
    $MPIRUN -n 2 "$LIGHTCONE" run "tests/data/published/$job.yaml" "$@" 2>"$WORK/log" || {
        cat "$WORK/log"
        exit 1
    }
done
LC_PUBLISHED=$WORK "${LIGHTCONE%/*}/tests/test_published_files"
