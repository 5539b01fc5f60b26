#!/bin/sh
# test_silent.sh - a rank that stops answering is named, the job ends in time with what the others have done, and the same
# command continues to the bytes of an undisturbed run. One that only pauses changes nothing.
set -u
# shellcheck source=tests/jobs/lib.sh
. tests/jobs/lib.sh
# shellcheck source=tests/jobs/faults.sh
. tests/jobs/faults.sh

# logged WHAT TEXT... - in the log of what was run last
logged() {
    what=$1
    shift
    for text in "$@"; do
        checks=$((checks + 1))
        grep -qF -- "$text" "$WORK/log" || { fail "$what: no '$text' in" && sed 's/^/     | /' "$WORK/log"; }
    done
}

# until_units - wait until units are under way
until_units() {
    until [ -d "$out/r.checkpoint" ] || ! kill -0 "$started"; do sleep 0.1; done
    sleep 1
    members
}

# ended WHAT STATUS - what was begun
ended() {
    checks=$((checks + 1))
    [ "$got" -eq "$2" ] || { fail "$1: status $got" && sed 's/^/     | /' "$WORK/log"; }
}

reference contexts
while read -r ranks whom rank; do
    what="SIGSTOP to $whom of $ranks"
    begin "$ranks" --set patience=4 --set checkpoint.every=600
    until_units
    strike STOP "$whom"
    stopped
    ended "$what" 75
    logged "$what" "rank $rank on $(uname -n) (process " ' the job ends. '
    checks=$((checks + 1))
    [ -n "$(ls "$out"/r.checkpoint/run-* 2>/dev/null)" ] || fail "$what: nothing is in the checkpoint"
    finish contexts 2 "$what, then 2 ranks"
    logged "$what, then 2 ranks" 'units are in the checkpoint'
done <<'ROWS'
3 worker 2
3 first 0
10 worker 9
ROWS

# one rank after the other pauses, and then all of them, as a batch system suspends a job, for longer than the patience
what='pauses'
begin 3 --set patience=5
until_units
for paused in $members "$members"; do
    # shellcheck disable=SC2086 # numbers
    kill -STOP $paused
    if [ "$paused" = "$members" ]; then sleep 6; else sleep 0.5; fi
    # shellcheck disable=SC2086
    kill -CONT $paused
done
stopped
ended "$what" 0
same contexts "$what"
if grep -q 'the job ends' "$WORK/log"; then
    fail "$what: reported as silent"
fi
conclude
