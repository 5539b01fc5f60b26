#!/bin/sh
# test_estimate.sh - residual_estimate against the exact residual, with two numbers of probes; the same bytes on any number of
# ranks; a report and an export of a result that has no other token vector; too few probes are refused.
# check() calls the functions below by name
# shellcheck disable=SC2317
set -u
# shellcheck source=tests/jobs/lib.sh
. tests/jobs/lib.sh

# run RANKS NAME VECTORS ARGUMENT... - into $WORK/NAME.h5
run() {
    ranks=$1 name=$2 vectors=$3
    shift 3
    $MPIRUN -n "$ranks" "$LIGHTCONE" run "$demo/influence.yaml" --set "token_vector=[$vectors]" --set "cache=$WORK/cache" \
        --set "output=$WORK/$name.h5" --set windows.count=8 --set threshold=3 --set keep.profiles=false "$@" >"$WORK/log" 2>&1
}

# refused - two probes are the least
refused() {
    run 1 few residual_estimate --set residual_probes=1
    [ $? -eq 2 ] && grep -qF "key 'residual_probes' is '1'; allowed: an integer from 2 to 4096" "$WORK/log"
}

# pictures - figures and tables know it, with no other vector in the result
pictures() {
    "$LIGHTCONE" report "$WORK/alone.h5" -o "$WORK/page" >"$WORK/log" 2>&1 &&
        grep -q 'token_vector_residual_estimate' "$WORK"/page/*/*.csv && "$LIGHTCONE" export "$WORK/alone.h5" -o "$WORK/export" &&
        test -s "$WORK/export/npy/sites/resid_out_layer3/influence/token_vector/residual_estimate/profile_se.npy"
}

# table - beside the exact entropies, within five of its standard errors and a bias of the order of 1 / probes; the verdict
# is on the exact ones
table() {
    "$LIGHTCONE" report "$WORK/k32.h5" -o "$WORK/k32" >"$WORK/log" 2>&1 &&
        awk -F, 'NR == 1 { ok = $3 == "residual_bits" && $4 == "residual_estimate_bits" && $5 == "estimate_se" }
            NR > 1 { d = $3 - $4; rows++; if ($3 <= 0 || $5 <= 0 || $5 > 0.1 || d > 5 * $5 + 1 / 32 || -d > 5 * $5 + 1 / 32) ok = 0 }
            END { exit !(ok && rows == 6) }' "$WORK/k32/tables/summary_token_vector.csv" &&
        grep -q 'token vector (residual)' "$WORK/k32/index.html" && ! grep -q 'token vector (residual, estimated)' "$WORK/k32/index.html"
}

# merged - two results of different thresholds: the same estimate in each, to float32's rounding
merged() {
    "$LIGHTCONE" merge "$WORK/alone.h5" "$WORK/other.h5" -o "$WORK/merged.h5" >"$WORK/log" 2>&1 &&
        "$LIGHTCONE" report "$WORK/merged.h5" -o "$WORK/both" >"$WORK/log" 2>&1 &&
        awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
            NR > 1 { x = $at["residual_estimate_bits"]; n[$1]++; d = x - last[$1]
                     if (x <= 0 || n[$1] == 2 && (d > 1e-4 || -d > 1e-4)) bad = 1; last[$1] = x }
            END { exit !(n["resid_out_layer1"] == 2 && n["resid_out_layer3"] == 2 && !bad) }' \
            "$WORK/both/tables/points_influence.csv" &&
        grep -q 'token vector (residual, estimated)' "$WORK/both/index.html" && [ -s "$WORK/both/figures/across_influence.svg" ]
}

check '32 probes' run 2 k32 'residual, residual_estimate'
check 'the table of token vectors' table
check '128 probes' run 2 k128 residual_estimate --set residual_probes=128
check 'estimates and errors' env LC_ESTIMATE="$WORK" "${LIGHTCONE%/*}/tests/test_estimate_files"
set -- --set 'sites.layers=[1, 3]' --set residual_probes=5 --set windows.length=24 --set readout=all
check 'alone' run 1 alone residual_estimate "$@"
for ranks in 2 3; do
    check "$ranks ranks" run $ranks ranks residual_estimate "$@"
    check "the same bytes on $ranks ranks" cmp "$WORK/alone.h5" "$WORK/ranks.h5"
done
check 'a report' pictures
check 'another threshold' run 2 other residual_estimate "$@" --set threshold=2
check 'a merged result' merged
check 'one probe is refused' refused
conclude
