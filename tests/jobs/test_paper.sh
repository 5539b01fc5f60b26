#!/bin/sh
# test_paper.sh - the configurations of the paper's five stages, both sets, as they are, on data laid out as `make pythia`
# does it: the demo's model, SAEs and text stand in. Then the report of all ten results: every figure of the paper.
set -eu
: "${LIGHTCONE:=$PWD/build/release/lightcone}" "${MPIRUN:=mpirun}" "${WORK:=$(mktemp -d)}"
# shellcheck source=tests/jobs/lib.sh
. tests/jobs/lib.sh
data=$WORK/pythia-70m/data
mkdir -p "$data/dictionaries/pythia-70m-deduped"
cp -R configs/paper configs/paper-text "$WORK"
ln -s "$PWD/configs/demo/model" "$data/model"
ln -s "$PWD/configs/demo/corpus.txt" "$data/train.txt"
for layer in 0 1 2 3 4 5; do
    mkdir "$data/dictionaries/pythia-70m-deduped/resid_out_layer$layer"
    ln -s "$PWD/configs/demo/sae/resid_out_layer$layer" "$data/dictionaries/pythia-70m-deduped/resid_out_layer$layer/10_32768"
done

# The demo is small: what counts in thousands here counts in tens. Nothing else is changed.
run() { # set, stage, overrides
    config=$WORK/$1/$2.yaml
    shift 2
    $MPIRUN -n 2 "$LIGHTCONE" run "$config" "$@" 2>"$WORK/log" || fail "$config: $(cat "$WORK/log")"
}
for set in paper paper-text; do
    run "$set" sparsity --set corpus.tokens=8000
    run "$set" correlation --set corpus.tokens=8000 --set features.min_unique=20
    run "$set" influence --set windows.count=40 --set features.top=60 --set features.min_samples=2
    run "$set" entropies --set windows.count=6
    run "$set" context_sweep --set windows.count=2 --set 'windows.length=[8, 16, 32, 64]'
done

results=$WORK/results
mkdir "$results"
"$LIGHTCONE" report "$WORK"/paper/results/*.h5 -o "$results" >/dev/null
for figure in unique_tokens correlation_map profile feature_entropies entropy_layers entropy_histograms context_sweep \
    entropy_frequency correlation_distribution location rank_frequency; do
    [ -s "$results/figures/$figure.svg" ] || fail "figure $figure is not drawn"
    [ "$(wc -l <"$results/tables/$figure.csv")" -gt 2 ] || fail "figure $figure has no table"
done
for number in 1 2 3 4 5 6 7 8; do
    grep -q "the paper's figure $number" "$results/index.html" || fail "the page has no figure $number"
done

# Both sets together: their definitions side by side, differing where they should.
"$LIGHTCONE" report "$WORK"/paper/results/*.h5 "$WORK"/paper-text/results/*.h5 -o "$results/both" >/dev/null
sides=$results/both/tables/comparison_definitions.csv
for line in 'bias of the SAE,,ignore,own,no' 'threshold: active is f > this,,1,0.2,no' \
    'definition,resid_out_layer3,conditional,coactivation,no' 'mean entropy that leads,,window_mean,feature_mean,no'; do
    grep -q "^$line" "$sides" || fail "not side by side: $line"
done
[ -s "$results/both/tables/comparison_pairs.csv" ] || fail "nothing is paired"
grep -q '^live_features,resid_out_layer0,' "$sides" || fail "live features are not side by side"
[ "$failures" -eq 0 ]
