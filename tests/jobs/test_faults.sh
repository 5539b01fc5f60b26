#!/bin/sh
# test_faults.sh - two jobs on one output; what is written in the second that a launcher gives; signals twice; what changed between
# two runs is refused; an output that is read-only.
set -u
# shellcheck source=tests/jobs/lib.sh
. tests/jobs/lib.sh
# shellcheck source=tests/jobs/faults.sh
. tests/jobs/faults.sh

# says FILE TEXT - the text stands in it
says() {
    checks=$((checks + 1))
    grep -qF -- "$2" "$1" || { fail "$name: no '$2' in" && sed 's/^/     | /' "$1"; }
}

# beside WHAT - a second run of the chosen job on the same output is refused
beside() {
    name=$1
    # words, split on purpose
    # shellcheck disable=SC2086
    "$LIGHTCONE" run "$configuration" $settings --set "output=$out/r.h5" >"$WORK/second" 2>&1 </dev/null
    second=$?
    checks=$((checks + 1))
    [ "$second" -eq 1 ] || fail "$name: status $second"
    says "$WORK/second" 'another run is at work on it: job '
}

# --- two at once: the second is refused, the first does not notice; after kill -9 the next one begins at once ----------------
reference contexts
begin 2
until_saved
beside 'two at once'
strike KILL all
stopped
name='at once after SIGKILL'
[ -e "$out/r.status.json" ] || fail "$name: no sign of life was left"
sed 's/"host": "[^"]*"/"host": "elsewhere"/' "$out/r.status.json" >"$WORK/status.json"
begin 2
until_saved
[ ! -e "$out/r.h5" ] || fail "$name: it was over too soon"
if grep -q 'listening' "$WORK/log"; then
    fail "$name: it waited"
fi
strike KILL all
stopped

# --- the first runs on another machine, which this one cannot see: its signs of life tell ------------------------------------
(
    i=100
    while sleep 0.3; do
        i=$((i + 1))
        sed "s/\"beat\": [0-9]*/\"beat\": $i/" "$WORK/status.json" >"$out/s" && mv "$out/s" "$out/r.status.json"
    done
) &
beating=$!
sleep 1
beside 'another machine'
kill "$beating"
wait "$beating" 2>/dev/null
rm -f "$out/s" "$out/r.status.json"
finish contexts 3 'after two at once'

# --- SIGTERM, and SIGKILL a second later, in the middle of a long unit: what was finished is saved ----------------------------
reference influence
long=$((12 * scale))
begin 2 --set "unit.windows=$long" --set checkpoint.every=600
waited=0
until grep -q ' [1-9] of [0-9]* units' "$WORK/log" || ! kill -0 "$started" 2>/dev/null || [ "$waited" -gt 300 ]; do
    sleep 0.1
    ! grep -q 'units; the result goes to' "$WORK/log" || strike USR2 first
    waited=$((waited + 1))
done
strike TERM all
sleep 1
strike KILL all
stopped
name='SIGTERM, SIGKILL'
"$LIGHTCONE" status "$out/r.h5" >"$WORK/status" 2>&1
checks=$((checks + 1))
grep -q 'units  *[1-9][0-9]* of ' "$WORK/status" || { fail "$name: nothing was saved" && cat "$WORK/status" "$WORK/log"; }
rm -rf "$out"

# --- twice, and another one before the first has been heeded ------------------------------------------------------------------
reference correlation
for signals in 'USR1 USR1' 'INT TERM'; do
    rm -rf "$out"
    begin 2
    until_saved
    strike "${signals% *}" first
    strike "${signals#* }" worker
    strike "${signals% *}" worker
    stopped
    status "$signals" 75
    [ -e "$out/r.checkpoint" ] || fail "$signals: no checkpoint"
done

# --- other weights, other kernels: refused; the same ones continue, but not where nothing can be written -------------------------
again() { # WHAT STATUS TEXT WORD... - the chosen job once more, on one rank, by `env WORD...`
    name=$1 expected=$2 text=$3
    shift 3
    # words, split on purpose
    # shellcheck disable=SC2086
    env "$@" "$program" run "$configuration" $settings --set "output=$out/r.h5" >"$WORK/log" 2>&1 </dev/null
    got=$?
    status "$name" "$expected"
    says "$WORK/log" "$text"
}
program=$LIGHTCONE
saved_out=$out
rm -rf "$out"
if [ "$(id -u)" -eq 0 ] && mkdir -p "$WORK/disk" && mount -t tmpfs -o size=300m none "$WORK/disk" 2>/dev/null; then
    mounted=1 out=$WORK/disk/out
fi
cp -r "$demo/model" "$WORK/"
settings="$settings --set model.path=$WORK/model"
begin 2
until_saved
strike USR1 first
stopped
status 'to be continued' 75
last=$WORK/model/model-00003-of-00003.safetensors
printf '\001' | dd of="$last" bs=1 seek=$(($(wc -c <"$last") - 2)) conv=notrunc 2>/dev/null
again 'other weights' 2 'input files, line ' LC_ALL=C
cp "$demo/model/${last##*/}" "$last"
if LIGHTCONE_ISA=amx "${LIGHTCONE%/*}/emulated/lightcone" plan "$demo/sparsity.yaml" >/dev/null 2>&1; then
    program=${LIGHTCONE%/*}/emulated/lightcone # with tiles in memory
    again 'other kernels' 2 'kernel class, line 1: ' LIGHTCONE_ISA=amx
    program=$LIGHTCONE
else # without AVX-512 all products are the BLAS's
    again 'other kernels' 2 'kernel class, line 1: ' OPENBLAS_CORETYPE=Nehalem
fi
if [ "${mounted:-}" ]; then
    mount -o remount,ro "$WORK/disk"
    again 'read-only' 1 'Read-only file system' LC_ALL=C
    mount -o remount,rw "$WORK/disk"
fi
begin 1
members=
stopped
status 'the same weights and kernels' 0
[ ! -e "$out/r.checkpoint" ] || fail 'the same weights and kernels: the checkpoint stayed'
[ -z "${mounted:-}" ] || umount "$WORK/disk"
out=$saved_out
conclude
