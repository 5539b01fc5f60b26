#!/bin/sh
# test_published.sh - the program against what the published scripts found on the same model, SAEs and text: it runs all
# five stages, imports every file that the scripts wrote, and holds every number against its partner (test_fidelity).
set -eu
: "${LIGHTCONE:=$PWD/build/release/lightcone}" "${MPIRUN:=mpirun}" "${WORK:=$(mktemp -d)}"
code=${LC_SHARED:-../shared}/data/published-code
if [ ! -d "$code" ]; then
    echo "$code is not there"
    exit 77
fi
code=$(cd "$code" && pwd)
for job in sparsity correlation influence entropies bos sweep; do
    set -- --set "model.path=$code/model" --set "corpus.path=$code/text.txt" --set "output=$WORK/$job.h5" \
        --set "sae.path=$code/dictionaries/pythia-70m-deduped/resid_out_layer{layer}/10_2048"
    [ "$job" != influence ] || set -- "$@" --set "features.from=$WORK/sparsity.h5"
    $MPIRUN -n 2 "$LIGHTCONE" run "tests/data/published/$job.yaml" "$@" 2>"$WORK/log" || {
        cat "$WORK/log"
        exit 1
    }
done
import() { # name, files...
    out=$WORK/published_$1.h5
    shift
    "$LIGHTCONE" import "$@" -o "$out"
}
r=$code/results
import sparsity "$r"/feature_sparsity_data_*.pt
import location "$r"/feature_location_data.pt --site resid_out_layer2
import correlation "$r"/correlation_matrix_*.pt
import influence "$r"/feature_token_influence_*.pt
import vector "$r"/token_vector_influence_*.pt
import entropies "$r"/entropy_comparison_*.pt
import sweep "$r"/entropy_vs_batch_size_*.pt
LC_FIDELITY=$WORK "${LIGHTCONE%/*}/tests/test_fidelity"
LC_PUBLISHED=$WORK "${LIGHTCONE%/*}/tests/test_published_files"
LC_PUBLISHED=$WORK "${LIGHTCONE%/*}/tests/test_published_pairs"
