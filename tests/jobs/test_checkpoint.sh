#!/bin/sh
# test_checkpoint.sh - a job that is stopped, killed, or finds its checkpoint damaged continues with any number of ranks, to
# the bytes of an undisturbed run. SEED=n repeats the moments and victims of another run.
set -u
# shellcheck source=tests/jobs/lib.sh
. tests/jobs/lib.sh
# shellcheck source=tests/jobs/faults.sh
. tests/jobs/faults.sh

# says TEXT... - in the log of what was run last
says() {
    for text in "$@"; do
        checks=$((checks + 1))
        grep -qF -- "$text" "$WORK/log" || { fail "$name: no '$text' in" && sed 's/^/     | /' "$WORK/log"; }
    done
}

# refused WHAT TEXT -- WORD... - the chosen job with these settings is not continued, and its checkpoint is untouched
refused() {
    name=$1 expected=$2
    shift 3
    before=$(find "$out" -type f -exec cksum {} + | sort)
    begin 1 "$@"
    members=
    stopped
    status "$name" 2
    says "$expected" --fresh
    [ "$(find "$out" -type f -exec cksum {} + | sort)" = "$before" ] || fail "$name: the folder changed"
}

# --- told to stop: 75 by the program, and by mpirun where it lets its ranks end; then on, with other ranks --------------
reference contexts
while read -r ranks signal whom expected next; do
    begin "$ranks"
    until_saved
    strike "$signal" "$whom"
    stopped
    status "SIG$signal to $whom of $ranks" "$expected"
    # a launcher gives a second, in which a short job can end
    [ "$expected" -eq 1 ] || says 'what is finished is in the checkpoint; the same command continues' 'lightcone: stopped: '
    finish contexts "$next" "SIG$signal to $whom of $ranks, then $next ranks"
done <<'ROWS'
1 USR1 first 75 2
1 INT first 75 1
3 USR1 first 75 7
3 TERM worker 75 1
3 USR1 launcher 75 2
3 TERM launcher 1 1
ROWS

# --- killed at random moments, twice in a row, each job; nothing is left behind but what continues ----------------------
for job in $jobs_of_faults; do
    reference "$job"
    what=
    for try in 1 2; do
        pick 1 2 3 && n=$picked
        pick first worker launcher all && whom=$picked
        begin "$n"
        draw 25
        sleep "$((drawn / 10)).$((drawn % 10))"
        strike KILL "$whom"
        stopped
        what="$what, SIGKILL $try to $whom of $n after $drawn tenths of a second"
    done
    if [ -e "$out/r.h5" ]; then
        same "$job" "finished before$what"
        rm -rf "$out"
    else
        pick 1 2 3 7
        finish "$job" "$picked" "then $picked ranks$what"
    fi
done

# --- a checkpoint of something else is refused, --fresh starts over -----------------------------------------------------
reference sparsity
cp "$WORK/long.txt" "$WORK/corpus.txt"
begin 2 --set "corpus.path=$WORK/corpus.txt"
until_saved
strike USR1 first
stopped
status 'to be refused' 75
cp -r "$out" "$WORK/kept"
name='status of a dead job'
"$LIGHTCONE" status "$out/r.h5" >"$WORK/log" 2>&1
says 'r.h5: unfinished' ' saved (' 'runs             1, in 1 files' 'lightcone 0.1.0'
refused 'another threshold' threshold -- --set "corpus.path=$WORK/corpus.txt" --set threshold=0.3
printf '#' | dd of="$WORK/corpus.txt" bs=1 conv=notrunc 2>/dev/null
refused 'another corpus' corpus.txt -- --set "corpus.path=$WORK/corpus.txt"
cp "$WORK/long.txt" "$WORK/corpus.txt"
name='--fresh'
begin 2 --fresh
members=
stopped
status '--fresh' 0
if grep -q 'are in the checkpoint' "$WORK/log"; then
    fail '--fresh continued'
fi
same sparsity '--fresh'

# --- damaged: what is intact is used, the rest is done again ------------------------------------------------------------
settings="$settings --set corpus.path=$WORK/corpus.txt"
for try in 1 2 3; do
    rm -rf "$out"
    cp -r "$WORK/kept" "$out"
    wound "$(echo "$out"/r.checkpoint/run-*)"
    begin 2
    members=
    stopped
    status "checkpoint $wounded" 0
    checks=$((checks + 1))
    [ "$(ls -A "$out")" = "$(printf 'r.h5\nr.run.json')" ] || fail "checkpoint $wounded: left $(ls -A "$out")"
    [ "$try" -gt 1 ] || cp "$out/r.h5" "$WORK/other_path.h5"
    cmp "$WORK/other_path.h5" "$out/r.h5" || fail "checkpoint $wounded: other bytes"
done
rm -rf "$out"

# --- deadline; no checkpoint at all -------------------------------------------------------------------------------------
reference contexts
begin 2 --set deadline=2
members=
stopped
status deadline 75
says "key 'deadline': " 'the same command continues'
finish contexts 3 'after the deadline'
begin 1 --set checkpoint.every=0
until [ -e "$out/r.h5" ] || ! kill -0 "$started" 2>/dev/null; do
    [ ! -e "$out/r.checkpoint" ] || { fail 'checkpoint.every=0 made a folder' && break; }
    sleep 0.1
done
members=
stopped
status 'checkpoint.every=0' 0
same contexts 'checkpoint.every=0'
rm -rf "$out"

# --- no place: a folder that cannot be written is an error; a disk that fills is a warning while the result fits ---------
name='output in no folder'
choose contexts
# shellcheck disable=SC2086
"$LIGHTCONE" run "$configuration" $settings --set output=/proc/lightcone/r.h5 >"$WORK/log" 2>&1
got=$?
status "$name" 1
says /proc/lightcone
reference sparsity
if [ "$(id -u)" -eq 0 ] && mkdir -p "$WORK/small" && mount -t tmpfs -o size=20m none "$WORK/small" 2>/dev/null; then
    # a segment is 6 MB, the result 22 MB and more: both find the disk full
    saved_out=$out out=$WORK/small/out
    begin 2
    members=
    stopped
    name='full disk'
    status "$name" 1
    says 'warning: rank 0: no checkpoint' 'No space left' '.partial: '
    mount -o remount,size=400m "$WORK/small"
    finish sparsity 1 "$name"
    umount "$WORK/small"
    out=$saved_out
fi
(
    ulimit -f "$(($(wc -c <"$references/sparsity/r.h5") / 512 + 2000))" # 1 MB above the result
    begin 1
    wait "$started"
)
got=$?
name='limit on file sizes'
status "$name" 0
same sparsity "$name"
rm -rf "$out"
conclude
