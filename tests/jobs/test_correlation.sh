#!/bin/sh
# test_correlation.sh - the correlation job's files: which there are, and what a kill while all ranks write leaves.
#
# $MPIRUN may hold options.
# shellcheck disable=SC2086
set -u
# shellcheck source=tests/jobs/lib.sh
. tests/jobs/lib.sh

run() { # ranks, output, --set ...
    n=$1 out=$2
    shift 2
    timeout 300 $MPIRUN -n "$n" "$LIGHTCONE" run "$demo/correlation.yaml" --set "cache=$WORK/cache" --set "output=$out" \
        --set corpus.tokens=4000 --set features=active --set 'sites.layers=[1]' "$@" 2>"$WORK/log" || {
        fail "$n ranks: $*"
        cat "$WORK/log"
    }
}

# the spectrum stands in a file of its own, of the same inputs, unless there shall be none
checks=$((checks + 1))
run 1 "$WORK/none.h5" --set correlation.spectrum=none
[ -e "$WORK/none.h5" ] || fail 'spectrum: none, no result'
[ ! -e "$WORK/none.spectrum.h5" ] || fail 'spectrum: none, and yet there is one'
for n in 1 3; do
    run "$n" "$WORK/s$n.h5" --set 'features={top: 150}' --set correlation.spectrum=vectors
done
checks=$((checks + 1))
cmp -s "$WORK/s1.h5" "$WORK/s3.h5" || fail 'two numbers of ranks, two results'
[ "$(wc -c <"$WORK/s1.spectrum.h5")" -eq "$(wc -c <"$WORK/s3.spectrum.h5")" ] || fail 'the spectra differ in size'
"$LIGHTCONE" info "$WORK/s1.spectrum.h5" >"$WORK/info" 2>&1 || { fail 'info of a spectrum'; cat "$WORK/info"; }

# A rank is killed while the matrices are written: no result, and the next run makes it.
checks=$((checks + 1))
rm -f "$WORK/none.h5"
$MPIRUN -n 2 "$LIGHTCONE" run "$demo/correlation.yaml" --set "cache=$WORK/cache" --set "output=$WORK/killed.h5" \
    --set corpus.tokens=8000 --set features=active --set correlation.spectrum=none 2>"$WORK/log" &
launcher=$!
caught=0 waited=0
while kill -0 "$launcher" 2>/dev/null && [ "$waited" -lt 3000 ]; do
    for partial in "$WORK"/killed.h5.*.partial; do
        [ -e "$partial" ] && caught=1
    done
    [ "$caught" -eq 0 ] || break
    sleep 0.02
    waited=$((waited + 1))
done
rank=$(children "$launcher" | head -n 1)
[ "$caught" -eq 1 ] && kill -KILL "$((rank))"
wait "$launcher" && fail 'a killed run succeeds'
[ "$caught" -eq 1 ] || fail 'the matrices were never seen half-written'
[ ! -e "$WORK/killed.h5" ] || fail 'a killed run leaves a result'
[ ! -e "$WORK/killed.run.json" ] || fail 'a killed run leaves a record'

conclude
