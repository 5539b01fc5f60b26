#!/bin/sh
# test_disk.sh - one write, fsync, rename, ... fails, or the disk is full from it on: the run warns or ends with a message, nothing
# half written looks like a result, and the same command continues to the same bytes. Some calls are tried, all with ALL=1;
# SEED=n chooses others.
# Where memory fails in place of the disk, a checkpoint stays.
set -u
# shellcheck source=tests/jobs/lib.sh
. tests/jobs/lib.sh
# shellcheck source=tests/jobs/faults.sh
. tests/jobs/faults.sh
case $LIGHTCONE in */asan/*) echo 'nothing can be preloaded before the sanitizer' && exit 77 ;; esac
"${CC:-cc}" -O1 -shared -fPIC -o "$WORK/fail_io.so" tests/jobs/fail_io.c -ldl || { fail 'tests/jobs/fail_io.c' && conclude; }

# attempt HOW K - the job in $words with its K-th call failing: its status in $got
attempt() {
    # words, split on purpose
    # shellcheck disable=SC2086
    LD_PRELOAD=$WORK/fail_io.so FAIL_UNDER=$out FAIL_HOW=$1 FAIL_AT=$2 FAIL_COUNT=$WORK/calls \
        "$LIGHTCONE" run $words --set "output=$out/r.h5" >"$WORK/log" 2>&1
    got=$?
}

# files - what there is, but for a second result
files() {
    find "$out" -mindepth 1 -maxdepth 1 ! -name r.spectrum.h5 -printf '%f\n' 2>/dev/null | sort | tr '\n' ' '
}

# whole WHAT - the result is there, the same bytes, and nothing else
whole() {
    checks=$((checks + 1))
    if ! cmp "$WORK/r.h5" "$out/r.h5" || [ "$(files)" != 'r.h5 r.run.json ' ]; then
        fail "$1: left $(files)"
        sed 's/^/     | /' "$WORK/log"
    fi
}

# disturb HOW K - fail, look, continue
disturb() {
    rm -rf "$out"
    attempt "$1" "$2"
    checks=$((checks + 1))
    case $got in
    0) [ -e "$out/r.h5" ] || fail "$1 $2: status 0 without a result" ;;
    1)
        grep -q '^lightcone: ' "$WORK/log" || fail "$1 $2: no message"
        # it is whole where the folder alone could not be synced after the rename
        [ ! -e "$out/r.h5" ] || cmp "$WORK/r.h5" "$out/r.h5" || fail "$1 $2: half a result"
        ;;
    *) fail "$1 $2: status $got" && sed 's/^/     | /' "$WORK/log" ;;
    esac
    [ "$got" -eq 1 ] || { cmp "$WORK/r.h5" "$out/r.h5" || fail "$1 $2: other bytes"; }
    [ "$got" -eq 0 ] && [ "$(files)" = 'r.h5 r.run.json ' ] && return
    attempt none 0
    [ "$got" -eq 0 ] || fail "$1 $2: status $got when continued"
    whole "$1 $2, continued"
}

for job in correlation contexts; do
    choose "$job"
    words="$configuration $settings --set corpus.tokens=700 --set windows.length=32"
    attempt none 0
    cp "$out/r.h5" "$WORK/r.h5" || break
    whole "$job"
    calls=$(cat "$WORK/calls")
    checks=$((checks + 1))
    grep -q '"segments": *[1-9]' "$out/r.run.json" || grep -q 'checkpoint_bytes": [1-9]' "$out/r.run.json" || fail "$job: no segment was written"
    rm -rf "$out"
    export FAIL_JUMP=1
    attempt none 0
    unset FAIL_JUMP
    whole "$job, the date jumps"
    rm -rf "$out"
    if [ "$job" = contexts ]; then # MPI's own writes, of what all ranks fill, do not try again
        attempt short 0
        [ "$got" -eq 0 ] || fail "$job: interrupted writes: status $got"
        whole "$job, interrupted writes"
    fi
    k=1
    while [ "$k" -le "$calls" ]; do
        disturb once "$k"
        [ "${ALL:-0}" -eq 0 ] || disturb from "$k"
        draw $((calls / 4))
        k=$((k + 1 + (${ALL:-0} == 0) * drawn))
    done
    draw "$calls"
    disturb from $((drawn + 1))
    rm -rf "$out"
done

# --- no memory to read a checkpoint: it stays -----------------------------------------------------------------------------
name='no memory for a segment'
checks=$((checks + 1))
words="$words --set deadline=20"
attempt none 0
[ "$got" -eq 75 ] || fail "$name: stopped with status $got"
before=$(cksum "$out/r.checkpoint/"*)
attempt memory 0
[ "$got" -eq 1 ] || fail "$name: status $got"
grep -q 'out of memory' "$WORK/log" || fail "$name: not said"
[ "$(cksum "$out/r.checkpoint/"*)" = "$before" ] || fail "$name: the checkpoint is another"
words="$words --set deadline=1000000"
attempt none 0
whole "$name, continued"
conclude
