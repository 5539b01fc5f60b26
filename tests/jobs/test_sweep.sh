#!/bin/sh
# test_sweep.sh - a sweep over windows.length: its points are what ordinary runs over the same windows give, to the last
# bit; `show` and `info` read it.
set -u
# shellcheck source=tests/jobs/lib.sh
. tests/jobs/lib.sh
root=$PWD

run() { # output, configuration, --set ...
    out=$1 yaml=$2
    shift 2
    checks=$((checks + 1))
    "$LIGHTCONE" run "$yaml" --set "cache=$WORK/cache" --set "output=$WORK/$out.h5" "$@" >"$WORK/log" 2>&1 || {
        fail "$out"
        cat "$WORK/log"
    }
}

# says TEXT... - what $WORK/out holds
says() {
    for text in "$@"; do
        checks=$((checks + 1))
        grep -q -- "$text" "$WORK/out" || { fail "no '$text' in" && sed 's/^/     | /' "$WORK/out"; }
    done
}

cd "$demo" || exit 1
set -- influence.yaml --set 'sites.layers=[1, 4]' --set windows.seed=1
run influence "$@" --set 'windows={length: [4, 16, 64], align: end, choice: {starts: [100, 700, 3000, 3040]}}'
run influence_4 "$@" --set 'windows={length: 4, choice: {starts: [160, 760, 3060, 3100]}}'
run influence_16 "$@" --set 'windows={length: 16, choice: {starts: [148, 748, 3048, 3088]}}'
run influence_64 "$@" --set 'windows={length: 64, choice: {starts: [100, 700, 3000, 3040]}}'
set -- influence.yaml --set 'sites.layers=[2]' --set windows.count=5 --set 'token_vector=[]'
run random "$@" --set 'windows.length=[48]' --set windows.align=end
run random_48 "$@" --set windows.length=48
run bos "$@" --set windows.length='[8, 24]' --set windows.bos=each --set windows.choice.starts='[0, 96, 200, 300, 1000]'
run bos_8 "$@" --set windows.length=8 --set windows.bos=each --set windows.choice.starts='[0, 96, 200, 300, 1000]'
set -- sparsity.yaml --set 'sites.layers=[3]' --set corpus.tokens=8000
run counts "$@" --set windows.length='[16, 96]' # 8000 = 83 * 96 + 32
run counts_16 "$@" --set windows.length=16 --set windows.choice.starts="[$(seq -s, 0 96 7872)]"
run counts_96 "$@" --set windows.length=96
cd "$root" || exit 1

checks=$((checks + 1))
LC_SWEEP=$WORK "${LIGHTCONE%/*}/tests/test_sweep_points" || fail 'points differ from ordinary runs'

"$LIGHTCONE" info "$WORK/influence.h5" >"$WORK/out" 2>&1 || fail 'info of a sweep'
says 'job influence' 'resid_out_layer1 resid_out_layer4' 'points           3: windows.length 4 16 64; windows end on the same token'
"$LIGHTCONE" show "$WORK/influence.h5" >"$WORK/out" 2>&1 || fail 'show a sweep'
says '^site  *T  *n  *feature_mean_bits  *low  *high' '^resid_out_layer1  *4 ' '^resid_out_layer4  *64 ' 'site_saturation' \
    'resid_out_layer4: features at the longest windows, and their saturation'
feature=$("$LIGHTCONE" show "$WORK/influence.h5" --site resid_out_layer4 --top 1 | awk 'seen { print $1; exit } /^feature/ { seen = 1 }')
"$LIGHTCONE" show "$WORK/influence.h5" --site resid_out_layer4 --feature "$feature" >"$WORK/out" 2>&1 || fail 'show a feature of a sweep'
says 'resid_out_layer4: entropy (bit) over window length T; saturation length [0-9]' '^ *T  samples  entropy_mean' '^64 *4'
"$LIGHTCONE" show "$WORK/influence.h5" --by saturation_length >"$WORK/out" 2>&1 || fail 'features of a sweep by saturation length'
says 'saturation_length$'
if command -v gnuplot >/dev/null; then
    "$LIGHTCONE" report "$WORK/influence.h5" "$WORK/counts.h5" -o "$WORK/page" >"$WORK/out" 2>&1 || fail 'report on a sweep'
    says 'index.html'
fi
"$LIGHTCONE" show "$WORK/counts.h5" >"$WORK/out" 2>&1 || fail 'show a sweep of counts'
says 'resid_out_layer3  *96 '
conclude
