#!/bin/sh
# soak.sh BUILD MINUTES - random jobs, ranks, faults and moments; each result is compared with that of an undisturbed run.
# Counts at the end. Each round has a seed, which is printed when it fails: SEED=n ROUNDS=1 repeats it.
set -u
LIGHTCONE=$PWD/$1/lightcone
WORK=$(mktemp -d)
export LIGHTCONE WORK
first_seed=${SEED:-$(date +%s)}
# shellcheck source=tests/jobs/lib.sh
. tests/jobs/lib.sh
# shellcheck source=tests/jobs/faults.sh
. tests/jobs/faults.sh
minutes=$2 rounds=${ROUNDS:-1000000000}
trap 'rm -rf "$WORK"' EXIT
trap 'exit 1' INT TERM
export LC_ALL=C

# disturb - begin the chosen job on some ranks and do something to it, or to what it left
disturb() {
    pick 1 2 3 4 && n=$picked
    pick KILL KILL KILL KILL USR1 TERM INT twice stop damage silent full second && fault=$picked
    pick first worker launcher all && whom=$picked
    draw 35 && tenths=$drawn
    # every so often a rank that is stopped for long: the others give it up
    if [ "$fault" = silent ] && [ "$n" -gt 1 ]; then
        begin "$n" --set patience=2
    else
        begin "$n"
    fi
    sleep "$((tenths / 10)).$((tenths % 10))"
    case $fault in
    KILL | USR1 | TERM | INT) strike "$fault" "$whom" ;;
    twice)
        strike USR1 "$whom"
        sleep 0.05
        strike TERM "$whom"
        ;;
    stop) # a rank that sleeps for a while, and goes on
        strike STOP worker
        sleep 0.5
        strike CONT worker
        sleep 0.3
        strike KILL all
        ;;
    silent)
        pick first worker && whom=$picked
        strike STOP "$whom"
        sleep 6
        strike CONT "$whom"
        sleep 0.2
        strike KILL all
        ;;
    full) # no more than so many bytes in a file, from now on
        draw 60
        members
        for p in $members; do
            prlimit --pid "$p" --fsize="$((drawn * 200000)):" 2>/dev/null
        done
        sleep 2
        strike KILL all
        ;;
    second) # another run on the same output does no harm
        # words, split on purpose
        # shellcheck disable=SC2086
        "$LIGHTCONE" run "$configuration" $settings --set "output=$out/r.h5" >"$WORK/second" 2>&1 </dev/null
        pick KILL USR1 && strike "$picked" all
        ;;
    damage)
        strike KILL all
        ;;
    esac
    stopped
    if [ "$fault" = damage ]; then
        for file in "$out"/r.checkpoint/run-*; do
            draw 2
            [ "$drawn" -eq 0 ] || [ ! -f "$file" ] || wound "$file"
        done
    fi
    faults=$((faults + 1))
    story="$story; $fault $whom of $n after $tenths/10 s: $got"
    echo "$fault $whom" >>"$WORK/counts"
}

# round SEED - disturb a job until luck or its result ends it, continue, compare
round() {
    SEED=$(($1 % 2147483648)) story=
    draw 7 # the first numbers of neighbouring seeds are alike
    # words, split on purpose
    # shellcheck disable=SC2086
    pick $jobs_of_faults && job=$picked
    reference "$job"
    draw 4 && times=$((drawn + 1))
    while [ "$times" -gt 0 ] && [ ! -e "$out/r.run.json" ]; do
        disturb
        times=$((times - 1))
    done
    if [ -e "$out/r.run.json" ] && [ ! -e "$out/r.checkpoint" ]; then
        same "$job" "seed $1$story"
    else
        pick 1 2 3 5 7 && n=$picked
        finish "$job" "$n" "seed $1$story; finished on $n"
    fi
    rm -rf "$out"
}

faults=0 done_rounds=0 seed=$first_seed end=$(($(date +%s) + minutes * 60))
while [ "$(date +%s)" -lt "$end" ] && [ "$done_rounds" -lt "$rounds" ]; do
    before=$failures
    round "$seed" 2>"$WORK/shell"
    done_rounds=$((done_rounds + 1))
    [ "$failures" -eq "$before" ] || echo "     repeat with SEED=$seed ROUNDS=1"
    seed=$((seed + 1))
done
echo "seeds $first_seed to $((seed - 1)): $done_rounds results, $faults faults:"
sort "$WORK/counts" | uniq -c | sort -k2
conclude
