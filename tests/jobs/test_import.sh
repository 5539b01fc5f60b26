#!/bin/sh
# test_import.sh - `lightcone import` of small files, and what info, show, report and export make of the results; and, where
# the published files are, their CSV tables byte for byte by way of import and export.
set -u
# shellcheck source=tests/jobs/lib.sh
. tests/jobs/lib.sh
shared=${LC_SHARED:-../shared}
[ ! -d "$shared" ] || shared=$(cd "$shared" && pwd)
cd "$WORK" || exit 1
files=$data/import

# works NAME COMMAND...
works() {
    name=$1
    shift
    checks=$((checks + 1))
    "$@" >stdout 2>stderr || { fail "$name: status $?" && sed 's/^/     | /' stderr; }
    [ ! -s stderr ] || { fail "$name: wrote to stderr" && sed 's/^/     | /' stderr; }
}

# says TEXT...
says() {
    for text in "$@"; do
        checks=$((checks + 1))
        grep -qF -- "$text" stdout || { fail "$name: does not say '$text'" && sed 's/^/     | /' stdout; }
    done
}

# there FILE...
there() {
    for file in "$@"; do
        checks=$((checks + 1))
        [ -s "$file" ] || fail "$name: no $file"
    done
}

# --- small files of every kind -----------------------------------------------------------------------------------------
works 'import of five kinds' "$LIGHTCONE" import "$files/location.pt" "$files/sparsity.pt" "$files/correlation.pt" \
    "$files/influence.pt" "$files/token_vector.pt" --tokenizer "$data/tokenizer/neox.tokenizer.json" -o a.h5
says 'a.h5: from 5 files'
works 'import of entropies' "$LIGHTCONE" import "$files/entropies.pt" -o e.h5
works 'import of a sweep' "$LIGHTCONE" import "$files/sweep.pt" -o s.h5
works info "$LIGHTCONE" info a.h5
says resid_out_layer1 'job import'
works 'show of five kinds' "$LIGHTCONE" show a.h5
says 'resid_out_layer1  ' 'live features by sparsity' 'features by influence'
works 'show of a feature' "$LIGHTCONE" show a.h5 --feature 0
says 'Tokens it is active on' 'unique tokens'
works 'show of influence' "$LIGHTCONE" show a.h5 --feature 9
says 'influence in one of its samples'
works 'show of entropies' "$LIGHTCONE" show e.h5 --feature 7
says 'its strongest sample (window'
works 'show of a sweep' "$LIGHTCONE" show s.h5
for result in a e s; do
    works "report of $result.h5" "$LIGHTCONE" report "$result.h5" -o "figures_$result"
    there "figures_$result/index.html"
done
there figures_a/figures/unique_tokens.svg figures_a/figures/profile.svg figures_a/figures/feature_entropies.svg \
    figures_e/figures/entropy_layers.svg figures_e/figures/entropy_histograms.svg
works 'export of sparsity' "$LIGHTCONE" export a.h5 -o a
there a/feature_sparsity_resid_out_layer1.csv a/feature_location_resid_out_layer1.csv

# --- the published files: .pt to result to CSV -------------------------------------------------------------------------
# same PT-FILE SITE TOKENIZER TABLE-OF-OURS PUBLISHED-TABLE
same() {
    works "import of ${1##*/}" "$LIGHTCONE" import "$1" --site "$2" --tokenizer "$3" -o p.h5
    works 'its export' "$LIGHTCONE" export p.h5 -o p
    checks=$((checks + 1))
    cmp "p/$4_$2.csv" "$5" || fail "${1##*/}: its table is not the published one"
}
code=$shared/data/published-code paper=$shared/data/paper-results
if [ -d "$code" ]; then
    for k in 0 1 2; do
        same "$code/results/feature_sparsity_data_resid_out_layer$k.pt" "resid_out_layer$k" "$code/model" feature_sparsity \
            "$code/results/feature_sparsity_resid_out_layer$k.csv"
    done
    same "$code/results/feature_location_data.pt" resid_out_layer2 "$code/model" feature_location \
        "$code/results/feature_location.csv"
else
    echo "skip: $code is not there"
fi
if [ -d "$paper" ]; then
    same "$paper/feature_sparsity_data.pt" resid_out_layer3 "$shared/data/tokenizers/gpt-neox-20b.tokenizer.json" \
        feature_sparsity "$paper/feature_sparsity.csv"
else
    echo "skip: $paper is not there"
fi
conclude
