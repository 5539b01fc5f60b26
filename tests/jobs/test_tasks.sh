#!/bin/sh
# test_tasks.sh - a sweep over keys: every point is, byte for byte, what a run of its configuration alone gives, on any number
# of ranks; what is finished is not done again; a sweep that is stopped or killed goes on; foreign files are refused.
# check() calls the functions below by name
# shellcheck disable=SC2317
set -u
# shellcheck source=tests/jobs/lib.sh
. tests/jobs/lib.sh
cd "$demo" || exit 1
out=$WORK/out

# lightcone RANKS ARGUMENT... - its status; what it says in $WORK/log
lightcone() {
    ranks=$1
    shift
    [ "$1" = status ] || set -- "$@" --set "cache=$WORK/cache"
    if [ "$ranks" -eq 1 ]; then "$LIGHTCONE" "$@" >"$WORK/log" 2>&1; else $MPIRUN -n "$ranks" "$LIGHTCONE" "$@" >"$WORK/log" 2>&1; fi
}

# says TEXT - the last run's output holds it
says() { grep -qF -- "$1" "$WORK/log"; }

# status N RANKS ARGUMENT... - lightcone ends so
status() {
    want=$1
    shift
    lightcone "$@"
    [ $? -eq "$want" ]
}

# sweep NAME RANKS CONFIG SWEEP ARGUMENT... - into $out/NAME-RANKS.h5
sweep() {
    name=$1 ranks=$2 yaml=$3 grid=$4
    shift 4
    check "$name on $ranks ranks" lightcone "$ranks" run "$yaml" --set "sweep=$grid" --set "output=$out/$name-$ranks.h5" "$@"
}

# point NAME NUMBER RANKS CONFIG ARGUMENT... - a run alone, and every sweep NAME has the same in point NUMBER
point() {
    name=$1 number=$2 ranks=$3 yaml=$4
    shift 4
    rm -f "$WORK/alone"*
    check "$name: point $number alone" lightcone "$ranks" run "$yaml" --set "output=$WORK/alone.h5" "$@"
    for folder in "$out/$name"-*.points; do
        check "$folder: point $number" cmp -s "$WORK/alone.h5" "$folder/$number.h5"
        [ ! -e "$WORK/alone.spectrum.h5" ] || check "$folder: spectrum $number" test -e "$folder/$number.spectrum.h5"
    done
}

# --- the bytes -----------------------------------------------------------------------------------------------------------

grid='{threshold: [0.1, 1.0], sites: {layers: [[0], [3, 1]]}}'
for ranks in 1 2 3; do sweep sparsity $ranks sparsity.yaml "$grid" --set corpus.tokens=3000; done
point sparsity 0000 1 sparsity.yaml --set corpus.tokens=3000 --set sites.layers='[0]' --set threshold=0.1
point sparsity 0001 1 sparsity.yaml --set corpus.tokens=3000 --set sites.layers='[0]' --set threshold=1.0
point sparsity 0002 1 sparsity.yaml --set corpus.tokens=3000 --set sites.layers='[1, 3]' --set threshold=0.1
point sparsity 0003 1 sparsity.yaml --set corpus.tokens=3000 --set sites.names='[resid_out_layer3, resid_out_layer1]' \
    --set threshold=1.0

set -- --set windows.align=end --set windows.count=3 --set 'token_vector=[reconstruction, residual]'
grid='{threshold: [0.2, 0.6], sites.layers: [[2], [0, 4]], windows.length: [4, 12]}'
for ranks in 1 3; do sweep influence $ranks influence.yaml "$grid" "$@"; done
set -- "$@" --set 'windows.length=[4, 12]'
point influence 0000 1 influence.yaml "$@" --set sites.layers='[2]' --set threshold=0.2
point influence 0001 2 influence.yaml "$@" --set sites.layers='[2]' --set threshold=0.6
point influence 0003 1 influence.yaml "$@" --set sites.layers='[0, 4]' --set threshold=0.6

grid='{threshold: [0.5, 0.1]}'
sweep contexts 2 contexts.yaml "$grid" --set corpus.tokens=2000 --set 'sites.layers=[1, 2]'
point contexts 0000 1 contexts.yaml --set corpus.tokens=2000 --set 'sites.layers=[1, 2]' --set threshold=0.5
point contexts 0001 1 contexts.yaml --set corpus.tokens=2000 --set 'sites.layers=[1, 2]' --set threshold=0.1

grid='{threshold: [0.3], sites.layers: [[1], [2]], corpus.tokens: [1500, 2000]}'
sweep correlation 3 correlation.yaml "$grid" --set 'features={top: 40}'
point correlation 0001 1 correlation.yaml --set 'features={top: 40}' --set corpus.tokens=1500 --set 'sites.layers=[2]' \
    --set threshold=0.3
point correlation 0002 3 correlation.yaml --set 'features={top: 40}' --set corpus.tokens=2000 --set 'sites.layers=[1]' \
    --set threshold=0.3

# a limit on memory is a point's own: no pass is shared, and units are cut as in a run alone
set -- --set windows.count=8 --set 'windows.length=16' --set memory_per_rank=4M --set 'token_vector=[]'
sweep limit 2 influence.yaml '{sites.layers: [[0], [4]]}' "$@"
point limit 0000 1 influence.yaml "$@" --set 'sites.layers=[0]'
point limit 0001 1 influence.yaml "$@" --set 'sites.layers=[4]'

# --- tasks -----------------------------------------------------------------------------------------------------------------

set -- sparsity.yaml --set corpus.tokens=3000 --set 'sweep={windows.count: [20, 30], threshold: [0.1, 1.0]}' \
    --set "output=$out/tasks.h5"
check 'plan --tasks' lightcone 1 plan "$@" --tasks
printf '%s\t%s\t%s\n' 0 "$out/tasks.points/0000.h5,$out/tasks.points/0001.h5" 'windows.count=20 threshold=[0.1,1.0]' \
    1 "$out/tasks.points/0002.h5,$out/tasks.points/0003.h5" 'windows.count=30 threshold=[0.1,1.0]' >"$WORK/tasks"
check 'the list of tasks' cmp -s "$WORK/tasks" "$WORK/log"
check 'plan of a sweep' lightcone 1 plan "$@" --gflops 50
check 'tasks in the plan' says '2 tasks, 4 points'
check 'task 1' lightcone 2 run "$@" --task 1
check 'task 1 has its points' test -e "$out/tasks.points/0003.h5" -a ! -e "$out/tasks.points/0001.h5" -a ! -e "$out/tasks.h5"
check 'task 2' status 2 1 run "$@" --task 2
check 'what tasks there are' says 'allowed: 0 to 1'
check 'status of a sweep' lightcone 1 status "$out/tasks.h5"
check 'status says which are finished' says '1 of 2 tasks'
stamp() { stat -c '%i %Y %n' "$out/tasks.points"/*.h5; }
stamp >"$WORK/before"
check 'the rest' lightcone 1 run "$@"
stamp | grep '000[23]' >"$WORK/after"
check 'a finished point is not done again' cmp -s "$WORK/before" "$WORK/after"
check 'a joint result' test -s "$out/tasks.h5"
cp "$out/tasks.points/0003.h5" "$WORK/three.h5" && rm "$out/tasks.points/0003.h5"
stamp >"$WORK/before"
check 'a point that is missing' lightcone 1 run "$@"
stamp | grep -v 0003 >"$WORK/after"
check 'it alone is done' cmp -s "$WORK/before" "$WORK/after"
check 'with the same bytes' cmp -s "$WORK/three.h5" "$out/tasks.points/0003.h5"

# --- foreign files -----------------------------------------------------------------------------------------------------------

cp "$out/tasks.points/0001.h5" "$out/tasks.points/0002.h5"
check 'the result of another point' status 2 2 run "$@"
check 'which is refused by name' says "0002.h5: is in the place of a point of the sweep, and of another configuration: it has '  count: 20'"
truncate -s 5000 "$out/tasks.points/0002.h5"
check 'a torn result' status 1 1 run "$@"
check 'is refused by name' says '0002.h5: '
check 'with what to do' says 'remove it, and it is made again; task 1 of the sweep'
check 'begun anew' lightcone 1 run "$@" --fresh
check 'all is as before' cmp -s "$WORK/three.h5" "$out/tasks.points/0003.h5"
mkdir "$WORK/sae" && cp -r sae/resid_out_layer1 "$WORK/sae/"
set -- sparsity.yaml --set corpus.tokens=2000 --set 'sweep={threshold: [0.1, 1.0]}' --set 'sites.layers=[1]' \
    --set "sae.path=$WORK/sae/resid_out_layer{layer}" --set "output=$out/inputs.h5"
check 'a sweep' lightcone 1 run "$@"
printf x | dd of="$WORK/sae/resid_out_layer1/ae.pt" bs=1 seek=300000 conv=notrunc status=none
check 'another SAE' status 2 1 run "$@"
check 'is named' says 'ae.pt'

# --- stopped and killed --------------------------------------------------------------------------------------------------------

set -- sparsity.yaml --set unit.windows=1 --set windows.count=60 --set 'sites.layers=[2]' --set checkpoint.every=1 \
    --set 'sweep={windows.seed: [1, 2], windows.choice: [random], threshold: [0.1, 0.4]}'
check 'undisturbed' lightcone 1 run "$@" --set "output=$out/calm.h5"

for signal in USR1 KILL; do
    "$LIGHTCONE" run "$@" --set "cache=$WORK/cache" --set "output=$out/$signal.h5" >"$WORK/log" 2>&1 &
    pid=$!
    while kill -0 $pid 2>/dev/null && [ ! -e "$out/$signal.points/task-0001.checkpoint" ]; do sleep 0.02; done
    kill -$signal $pid 2>/dev/null
    wait $pid 2>/dev/null
    ended=$?
    [ $signal = KILL ] || check "stopped with 75, not $ended" test $ended -eq 75 -o $ended -eq 0
    cp "$out/$signal.points/0000.h5" "$WORK/first.h5"
    before=$(stat -c '%i %Y' "$out/$signal.points/0000.h5")
    check "after $signal" lightcone 2 run "$@" --set "output=$out/$signal.h5"
    check "the first task is not done again after $signal" test "$before" = "$(stat -c '%i %Y' "$out/$signal.points/0000.h5")"
    for number in 0000 0001 0002 0003; do
        check "point $number after $signal" cmp -s "$out/calm.points/$number.h5" "$out/$signal.points/$number.h5"
    done
    check "no checkpoint is left after $signal" test ! -e "$out/$signal.points/task-0001.checkpoint"
done
conclude
