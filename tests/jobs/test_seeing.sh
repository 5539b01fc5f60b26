#!/bin/sh
# test_seeing.sh - what a run tells: its log, its bar, its state on SIGUSR2, its record and trace, and `status` of a job that
# runs, was killed, was stopped, has finished.
set -u
# shellcheck source=tests/jobs/lib.sh
. tests/jobs/lib.sh
base=$WORK/base
make_base "$base"
cd "$base" || exit 1
cat corpus.txt corpus.txt corpus.txt corpus.txt >long.txt
short='--set windows.length=8 --set windows.count=30 --set unit.windows=1 --set cache=cache'
long='--set corpus.path=long.txt --set windows.length=16 --set windows.count=6000 --set unit.windows=1 --set cache=cache --set checkpoint.every=1'

# says FILE TEXT... - lines of it match these extended regular expressions
says() {
    file=$1
    shift
    for text in "$@"; do
        checks=$((checks + 1))
        grep -qE -- "$text" "$file" || { fail "$name: no '$text' in $file" && sed 's/^/     | /' "$file"; }
    done
}

# holds WHAT COMMAND... - it succeeds
holds() {
    what=$1
    shift
    checks=$((checks + 1))
    "$@" || fail "$name: $what"
}

# near A B WHAT - within one part in a hundred
near() {
    holds "$3: $1 against $2" awk -v a="$1" -v b="$2" 'BEGIN { d = a > b ? a - b : b - a; exit !(b > 0 && d <= 0.01 * b + 0.005) }'
}

# number KEY - the first such number of the record; phase NAME, loading NAME - the mean over ranks
number() { sed -n "s/^ *\"$1\": \([-+0-9.e]*\),*$/\1/p" "$record" | head -n 1; }
mean_in() {
    awk -v group="\"$1\": {" -v name="\"$2\": {" 'index($0, group) { on = 1 } on && index($0, name) { here = 1 }
        here && /"mean": / { sub(/.*: /, ""); sub(/,.*/, ""); print; exit }' "$record"
}
phase() { mean_in phases "$1"; }
loading() { mean_in loading "$1"; }
# called by holds()
# shellcheck disable=SC2317
in_order() { awk 'BEGIN { for (i = 2; i < ARGC; i++) if (ARGV[i] + 0 < ARGV[i - 1] + 0) exit 1 }' "$@"; }
sum() { awk 'BEGIN { for (i = 1; i < ARGC; i++) s += ARGV[i]; printf "%.15g", s }' "$@"; }

# begin FOLDER RANKS WORD... - a long job in the background: $started, its log in FOLDER.log
begin() {
    folder=$1 n=$2
    shift 2
    # words of $long, split on purpose
    # shellcheck disable=SC2086
    "$MPIRUN" -n "$n" "$LIGHTCONE" run c.yaml $long --set "output=$folder/r.h5" "$@" >"$folder.log" 2>&1 </dev/null &
    started=$!
}

# until_status TEXT - wait until `status` of the job says so
until_status() {
    waited=0
    until "$LIGHTCONE" status "$folder/r.h5" >told 2>&1 && grep -qE -- "$1" told; do
        sleep 0.1
        waited=$((waited + 1))
        if [ "$waited" -gt 300 ] || ! kill -0 "$started" 2>/dev/null; then
            fail "$name: status never says '$1'"
            break
        fi
    done
}

# --- an undisturbed run: the log from its first line to its last, the record adds up ------------------------------------
name='a run of 2 ranks'
begun=$(date +%s.%N)
# words of $short, split on purpose
# shellcheck disable=SC2086
"$MPIRUN" -n 2 "$LIGHTCONE" run c.yaml $short --set output=one/r.h5 --trace >log 2>&1 || fail "$name: status $?"
ended=$(date +%s.%N)
date='^20[0-9-]{8} [0-9:]{8} influence: '
says log "${date}lightcone 0.1.0, c.yaml .*--set output=one/r.h5" "${date}2 ranks on .* \(2\); kernels [a-z]" \
    "${date}30 windows at 1 sites in 30 units; the result goes to .*one/r.h5" "${date}begins anew; a checkpoint every 10 min in" \
    "${date}.* on each rank, on average: load .* units .* waiting .* GFLOP/s, ranks idle" \
    "${date}done: 30 windows, 1 sites, .* s of computing, wrote .*one/r.h5 \(" "${date}trace in .*one/r.trace.json"
holds 'escape codes in a log' test "$(tr -d '\n' <log | grep -c "$(printf '[\033\r]')")" -eq 0
holds "files: $(echo one/*)" test "$(echo one/*)" = 'one/r.h5 one/r.run.json one/r.trace.json'
record=one/r.run.json
near "$(sum "$(phase load)" "$(phase resume)" "$(phase compute)" "$(phase merge)" "$(phase write)")" "$(number total_seconds)" \
    'phases and the whole'
near "$(sum "$(phase busy)" "$(phase wait)" "$(phase checkpoint)")" "$(phase compute)" 'busy, waiting, checkpoints and computing'
near "$(phase compute)" "$(number compute_seconds)" 'computing, by phases and by the clock'
near "$(awk '/"unit_seconds": {/ { on = 1 } on && /"mean"/ { sub(/.*: /, ""); m = $0 + 0 }
    on && /"count"/ { sub(/.*: /, ""); print m * $0; exit }' "$record")" "$(sum "$(phase busy)" "$(phase busy)")" \
    'units times their mean, and busy ranks'
holds 'the first unit comes after loading, and before computing is over' in_order "$(sum "$begun" "$(phase load)")" \
    "$(number first_unit)" "$(sum "$ended" "-$(number compute_seconds)")"
holds 'parts of loading' in_order 1e-9 "$(loading hash)" "$(sum "$(loading hash)" "$(loading read)" "$(loading pack)")" "$(phase load)"
holds 'units of the ranks' test "$(sed -n 's/^ *"units": \([0-9]*\),$/\1/p' "$record" | awk '{ s += $1 } END { print s }')" -eq 30
says "$record" '"idle_share": 0\.' '"inputs": [0-9]+\.0,' '"restarts": 0' '"ranks": 2,$' '"own_bytes": [1-9]' '"compute_cpu_seconds": [0-9.]*[1-9]'

# --- a live job: status from elsewhere; SIGUSR2; all of it killed; continued --------------------------------------------
name='a live job'
mkdir two
begin two 2 --trace
until_status 'units  *[1-9][0-9]* of 6000 saved'
until_status 'phase  *computing, 2 ranks'
says told 'two/r.h5: running on .* \(process [0-9]+\), last sign of life .* ago$' 'job  *influence, lightcone 0.1.0, started 20'
kill -USR2 "$started"
waited=0
until grep -q 'rank 1 on ' two.log || [ "$waited" -gt 100 ]; do
    sleep 0.1
    waited=$((waited + 1))
done
says two.log "${date}[0-9]+ of 6000 units \([0-9.]+ %\), [0-9.]+/[a-z]+, ETA .*, [0-9] of 2 ranks busy, rank 0 holds .*B, " \
    "${date}  rank 0 on .*, [0-9]+ units done" "${date}  rank 1 on .*: (no unit|unit [0-9]+) for .*, last heard "
name='a killed job'
# shellcheck disable=SC2046
kill -9 $(children "$started") "$started"
wait "$started" 2>/dev/null
"$LIGHTCONE" status two/r.h5 >told
says told 'two/r.h5: unfinished: .* \(process [0-9]+\) is gone: it was killed; the same command continues'
cp two/r.status.json kept
sed 's/"host": ".*"/"host": "elsewhere"/' kept >two/r.status.json # as another machine sees it
"$LIGHTCONE" status two/r.h5 >told
says told 'two/r.h5: running on elsewhere \(process'
touch -d '3 hours ago' two/r.status.json
"$LIGHTCONE" status two/r.h5 >told
says told 'two/r.h5: unfinished: no sign of life from elsewhere \(process [0-9]+\) for 3 h 00 min: .* the same command continues' \
    'units  *[1-9][0-9]* of 6000 saved'
cp kept two/r.status.json
name='a job that was killed, and is stopped'
begin two 3 --trace
until_status 'phase  *computing, 3 ranks'
kill -USR1 "$started"
wait "$started"
got=$?
holds "status $got" test "$got" -eq 75
says two.log "${date}continues: [1-9][0-9]* of 6000 units are in the checkpoint .*, written .* ago" \
    "${date}stopped; .* the same command continues \([0-9]+ of 6000 units are in " "${date}trace in .*two/r.trace-2.json"
"$LIGHTCONE" status two/r.h5 >told
says told 'two/r.h5: unfinished, and not running: it was stopped or failed'
holds 'a sign of life stays' test ! -e two/r.status.json
name='a job that was stopped, and has a deadline'
# shellcheck disable=SC2086
"$LIGHTCONE" run c.yaml $long --set output=two/r.h5 --set deadline=1 >log 2>&1
says log "${date}stops with a checkpoint before its deadline, 1.0 s after its start"

# --- a sweep: what its folder of points shows ---------------------------------------------------------------------------
name='a sweep'
mkdir -p sweep.points/task-0003.checkpoint
: >sweep.points/0000.h5
: >sweep.points/0001.h5
printf '%s\t%s\tkey=value\n' 0 sweep.points/0000.h5 1 sweep.points/0001.h5 2 sweep.points/0002.h5,sweep.points/0003.h5 \
    3 sweep.points/0004.h5 >sweep.points/tasks.txt
sed 's/"host": ".*"/"host": "elsewhere"/' kept >sweep.points/task-0002.status.json
mkdir sweep.points/task-0002.checkpoint
"$LIGHTCONE" status sweep.h5 >told
says told 'sweep.h5: a sweep whose points are not joined yet' 'points  *2 of 5, and 2 of 4 tasks, finished in sweep.points' \
    'task-0002  *running on elsewhere .*computing, [0-9]+ of 6000 units' 'task-0003  *unfinished, and not running'
holds 'tasks shown twice' test "$(grep -c task- told)" -eq 2

# --- an error in the middle says what is saved ----------------------------------------------------------------------------
name='no checkpoints'
# shellcheck disable=SC2086
"$LIGHTCONE" run c.yaml $long --set output=three/r.h5 --set checkpoint.every=0 --set deadline=1 >log 2>&1
says log "${date}no checkpoints \(checkpoint.every is 0\)" "${date}stopped without checkpoints"
holds "left $(ls three)" test ! -e three/r.status.json

# --- on a terminal: a bar as wide as it, that goes when the run is over -------------------------------------------------
name='on a terminal'
if command -v script >/dev/null; then
    script -qec "stty cols 50; '$LIGHTCONE' run c.yaml $short --set output=four/r.h5" typescript </dev/null >/dev/null
    tr '\r' '\n' <typescript | sed "s/$(printf '\033')\[K//" >pictures
    says pictures '^influence .*/30 units  [0-9.-]+/?[a-z]*  ETA '
    holds 'wider than the terminal' test "$(grep '/30 units' pictures | awk '{ if (length > most) most = length } END { print most }')" -lt 50
    holds 'dates on a terminal' test "$(grep -cE "$date" pictures)" -eq 0
    says pictures '^influence: done: 30 windows'
fi
conclude
