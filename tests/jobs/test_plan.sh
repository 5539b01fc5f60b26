#!/bin/sh
# test_plan.sh - what plan says of the demo's jobs, against what run does: units, windows and tokens exactly, FLOP, the
# result's size and memory as closely as an estimate can be.
set -u
# shellcheck source=tests/jobs/lib.sh
. tests/jobs/lib.sh
cp -r "$demo" "$WORK/demo" && cd "$WORK/demo" || exit 1
rm -rf results

# value KEY FILE - the first number or text of a key in a JSON file
value() { sed -n "s/^ *\"$1\": \"\\{0,1\\}\\([^\",]*\\)\"\\{0,1\\},*\$/\\1/p" "$2" | head -n 1; }

# near NAME A B SHARE - |A - B| <= SHARE x B
near() {
    checks=$((checks + 1))
    awk -v a="$2" -v b="$3" -v share="$4" 'BEGIN { d = a - b; exit !(b > 0 && (d < 0 ? -d : d) <= share * b) }' ||
        fail "$name: $1 $2, not within $4 of $3"
}

# equal NAME A B
equal() {
    checks=$((checks + 1))
    [ "$2" = "$3" ] || fail "$name: $1 is '$2', expected '$3'"
}

# plan ARGUMENT... - plan.json of a configuration, and nothing else
plan() {
    rm -f plan.json
    checks=$((checks + 1))
    "$LIGHTCONE" plan "$@" --json --gflops 50 >plan.json 2>stderr || fail "$name: plan failed: $(cat stderr)"
}

# agree NAME SIZE FLOP CONFIG [ARGUMENT]... - plan and run; how near the result's size and the FLOP must be
agree() {
    name=$1 size=$2 work=$3
    shift 3
    plan "$@"
    for left in results/sparsity.h5 results/influence.h5; do
        [ ! -e $left ] || fail "$name: plan left $left"
    done
    "$LIGHTCONE" run "$@" --set output=results/r.h5 >stdout 2>stderr || fail "$name: run failed: $(cat stderr)"
    record=results/r.run.json bytes=$(wc -c <results/r.h5)
    equal windows "$(value windows plan.json)" "$(sed -n 's/.* done: \([0-9]*\) windows.*/\1/p' stderr)"
    equal units "$(value units plan.json)" "$(value all $record)"
    near 'result bytes' "$(value result_bytes plan.json)" "$bytes" "$size"
    near FLOP "$(value sum plan.json)" "$(value flop $record)" "$work"
    # the process holds the weights as well, and had mapped their files
    memory=$(awk -v a="$(value root_bytes plan.json)" -v b="$(value weight_bytes plan.json)" 'BEGIN { print a + b }')
    case $LIGHTCONE in */asan/*) ;; *) near 'peak memory' "$memory" "$(value peak_bytes $record)" 0.5 ;; esac
    rm -rf results/r.*
}

case $LIGHTCONE in
*/asan/*) less='windows.count=4' ;;
*) less='windows.count=16' ;;
esac
agree sparsity 0.1 0.001 sparsity.yaml
whole=$bytes
agree 'sparsity, windows of 96 and a short one' 0.1 0.001 sparsity.yaml --set corpus.tokens=8000 --set windows.length=96
agree 'sparsity, BOS' 0.1 0.001 sparsity.yaml --set corpus.tokens=3000 --set windows.bos=each
agree influence 0.1 0.2 influence.yaml --set "$less"
agree 'influence, no vectors' 0.2 0.2 influence.yaml --set 'token_vector=[]' --set keep.profiles=false --set unit.windows=3
agree 'influence, all readouts' 0.25 0.25 influence.yaml --set windows.count=2 --set windows.length=16 --set readout=all \
    --set token_vector='[reconstruction]'
agree 'influence, residual estimated' 0.1 0.2 influence.yaml --set windows.count=4 --set 'token_vector=[residual_estimate]'

# --- a sweep: units of every length, also where memory cuts them ---------------------------------------------------------
for limit in 1G 2300K; do
    name="sweep in $limit"
    set -- context_sweep.yaml --set 'windows.length=[4, 8, 16]' --set windows.count=9 --set 'sites.layers=[1]' --set "memory_per_rank=$limit"
    plan "$@"
    "$LIGHTCONE" run "$@" --set output=results/r.h5 2>stderr || fail "$name: run failed: $(cat stderr)"
    equal points "$(grep -c window_length plan.json)" 3
    equal units "$(sed -n 's/.*"units": \([0-9]*\).*/\1/p' plan.json | awk '{ n += $1 } END { print n }')" \
        "$(value all results/r.run.json)"
    near 'result bytes' "$(value result_bytes plan.json)" "$(wc -c <results/r.h5)" 0.2
    rm -f results/r.*
done

# --- tokens, ranks, parts of the sum -------------------------------------------------------------------------------------
name=tokens
plan sparsity.yaml --set corpus.tokens=8000 --set windows.length=96 -n 5
equal tokens "$(value tokens plan.json)" 8000
equal units "$(value units plan.json)" 15 # 83 windows by six, and a short one
equal ranks "$(value ranks plan.json)" 5
equal residual "$(value residual plan.json)" 0.0
equal times "$(grep -c compute_seconds plan.json)" 2
equal rate "$(value core_gflops plan.json) $(value core_gflops_from plan.json)" '50.0 given'
if command -v python3 >/dev/null; then
    python3 -m json.tool plan.json >/dev/null || fail 'the plan is not JSON'
fi

name='more ranks'
plan influence.yaml --set windows.count=40 -n 1
one=$(value compute_seconds plan.json)
plan influence.yaml --set windows.count=40 -n 4
near 'seconds on 4 ranks' "$(sed -n 's/.*"compute_seconds": \([0-9.]*\).*/\1/p' plan.json | tail -n 1)" \
    "$(awk -v one="$one" 'BEGIN { print one / 4 }')" 0.01
plan influence.yaml --set windows.count=40 -n 4000
near 'seconds on more ranks than units' "$(sed -n 's/.*"compute_seconds": \([0-9.]*\).*/\1/p' plan.json | tail -n 1)" \
    "$(awk -v one="$one" 'BEGIN { print one / 40 }')" 0.01

# --- measured activity ---------------------------------------------------------------------------------------------------
name='--like'
"$LIGHTCONE" run sparsity.yaml --set corpus.tokens=8000 --set output=results/like.h5 2>stderr || fail "$name: $(cat stderr)"
plan sparsity.yaml --like results/like.h5
equal active_from "$(value active_from plan.json)" results/like.h5
near 'features active a token' "$(value active plan.json)" 29.07 0.05 # of the whole corpus, at layer 0
near 'result bytes' "$(value result_bytes plan.json)" "$whole" 0.1
plan influence.yaml --set 'features={min_frequency: 0.02, top: 100, from: results/like.h5}' --set 'corpus.tokens=24895' \
    --set windows.count=8
equal active_from "$(value active_from plan.json)" results/like.h5
awk -v all="$(value active plan.json)" -v some="$(value selected plan.json)" 'BEGIN { exit !(some > 0 && some < all) }' ||
    fail "$name: $(value selected plan.json) of $(value active plan.json) features selected"
"$LIGHTCONE" plan influence.yaml --like results/like.h5 --set 'sites.layers=[0, 2]' >stdout 2>stderr || fail "$name: $(cat stderr)"
grep -q 'measured in results/like.h5' stdout || fail "$name: does not say where its figures come from"
"$LIGHTCONE" plan influence.yaml --like corpus.txt >stdout 2>stderr && fail "$name: took a text"
grep -q 'corpus.txt: not an HDF5 file' stderr || fail "$name: $(cat stderr)"

# --- memory_per_rank -----------------------------------------------------------------------------------------------------
# a unit of 8 windows does not fit here, one window does
name='memory_per_rank'
set -- influence.yaml --set windows.count=600 --set windows.choice=sequential --set windows.length=32
plan "$@"
roomy=$(value buffer_bytes plan.json)
plan "$@" --set "memory_per_rank=$((${roomy%.*} - 1))"
tight=$(value buffer_bytes plan.json)
# with residual the chunks of seeds become smaller first
if [ "$(value unit_windows plan.json)" -ne 8 ] || [ "${tight%.*}" -ge "${roomy%.*}" ]; then
    fail "$name: buffers of $roomy bytes became $tight, units $(value unit_windows plan.json) windows"
fi
set -- "$@" --set 'token_vector=[reconstruction]'
plan "$@"
wide=$(value unit_windows plan.json)
limit=$(value buffer_bytes plan.json)
limit=${limit%.*}
plan "$@" --set "memory_per_rank=$((limit - 1))"
narrow=$(value unit_windows plan.json)
if [ "$wide" -ne 8 ] || [ "$narrow" -ge "$wide" ]; then
    fail "$name: units of $wide windows became units of $narrow"
fi
awk -v a="$(value buffer_bytes plan.json)" -v b="$limit" 'BEGIN { exit !(a < b) }' || fail "$name: buffers over the limit"
agree 'memory_per_rank, influence' 0.2 0.2 influence.yaml --set windows.count=100 --set windows.choice=sequential \
    --set windows.length=8 --set memory_per_rank=2600K --set 'token_vector=[]' --set 'sites.layers=[0]'
agree 'memory_per_rank, sparsity' 0.1 0.001 sparsity.yaml --set corpus.tokens=8000 --set memory_per_rank=4M

# --- a cache that cannot be written --------------------------------------------------------------------------------------
name='no cache'
plan sparsity.yaml --set cache=corpus.txt/cache
grep -q 'warning: corpus.txt/cache' stderr || fail "$name: no warning"
equal windows "$(value windows plan.json)" 389
conclude
