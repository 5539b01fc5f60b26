# faults.sh - jobs that are stopped and killed on purpose; sourced after lib.sh, by test_checkpoint.sh and ../soak.sh.
# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # variables for the scripts that source this, and of lib.sh
: "${SEED:=1}"
jobs_of_faults='sparsity influence correlation contexts sweep'
out=$WORK/out references=$WORK/references

# draw N - a number from 0 to N-1, in $drawn; the same sequence for the same SEED
draw() {
    SEED=$(((SEED * 1103515245 + 12345) % 2147483648))
    drawn=$((SEED / 65536 % $1))
}

# pick WORD... - one of them, in $picked
pick() {
    draw $#
    shift "$drawn"
    picked=$1
}

# choose JOB - its configuration with many short units, in $configuration and $settings
choose() {
    configuration=$demo/$1.yaml
    [ -e "$WORK/long.txt" ] || for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do cat "$demo/corpus.txt"; done >"$WORK/long.txt"
    scale=$(cat "$references/$1/scale" 2>/dev/null || echo 1)
    case $1 in
    sparsity) settings="--set corpus.tokens=$((12000 * scale))" ;;
    influence) settings="--set windows.count=$((50 * scale)) --set windows.length=16 --set sites.layers=[1,4]" ;;
    correlation) settings="--set corpus.tokens=$((16000 * scale)) --set sites.layers=[1,3] --set features.min_unique=9" ;;
    contexts) settings="--set corpus.tokens=$((12000 * scale))" ;;
    sweep)
        configuration=$demo/context_sweep.yaml
        settings="--set windows.count=$((40 * scale)) --set windows.length=[4,16,32] --set sites.layers=[0,3]"
        ;;
    esac
    settings="$settings --set unit.windows=1 --set checkpoint.every=1 --set cache=$WORK/cache --set corpus.path=$WORK/long.txt"
}

# reference JOB - choose it; its undisturbed result, once. It is made longer until it takes some seconds on this machine.
reference() {
    choose "$1"
    reference=$references/$1
    [ -d "$reference" ] && return
    for larger in 0 1; do
        # words, split on purpose
        # shellcheck disable=SC2086
        "$LIGHTCONE" run "$configuration" $settings --set "output=$reference/r.h5" >"$WORK/log" 2>&1 || {
            fail "$1: the undisturbed run"
            cat "$WORK/log"
        }
        tenths_taken=$(sed -n 's/^ *"compute_seconds": \([0-9]*\)\.\([0-9]\).*/\1\2/p' "$reference/r.run.json" | sed 's/^0*//')
        [ "${tenths_taken:-0}" -lt 50 ] && [ "$larger" -eq 0 ] || return
        scale=$((80 / (${tenths_taken:-0} + 1) + 1))
        echo "$scale" >"$reference/scale"
        choose "$1"
    done
}

# begin RANKS [WORD...] - start the chosen job in the background, as $started; 1 rank is without a launcher
begin() {
    launcher="$MPIRUN -n $1"
    [ "$1" -gt 1 ] || launcher=
    ranks=$1
    shift
    # words, split on purpose; the settings come last but for those of the caller
    # shellcheck disable=SC2086
    $launcher "$LIGHTCONE" run "$configuration" $settings --set "output=$out/r.h5" "$@" >"$WORK/log" 2>&1 </dev/null &
    started=$!
}

# members - the processes of what was begun, rank 0 first, in $members; fewer while they start
members() {
    members=$started
    [ "$ranks" -eq 1 ] || members=$(
        for p in $(descendants "$started"); do
            { tr '\0' '\n' <"/proc/$p/environ"; } 2>/dev/null | sed -n "s/^\(OMPI_COMM_WORLD_RANK\|PMI_RANK\)=\(.*\)/\2 $p/p"
        done | sort -n | cut -d ' ' -f 2
    )
}

# stopped - wait for what was begun: its status in $got; none of its processes may stay
stopped() {
    wait "$started"
    got=$?
    for p in $members; do
        waited=0
        while [ -d "/proc/$p" ] && ! grep -q '^State:.Z' "/proc/$p/status" 2>/dev/null; do
            sleep 0.1
            waited=$((waited + 1))
            [ "$waited" -lt 300 ] || { fail "process $p stayed" && kill -9 "$p"; }
        done
    done
}

# status WHAT EXPECTED... - of what was stopped
status() {
    name=$1
    shift
    checks=$((checks + 1))
    case " $* " in *" $got "*) ;; *) fail "$name: status $got, expected $*" && sed 's/^/     | /' "$WORK/log" ;; esac
}

# until_saved - wait until a segment of the chosen job is on disk, or its end
until_saved() {
    waited=0
    while kill -0 "$started" 2>/dev/null && [ "$waited" -lt 200 ]; do
        "$LIGHTCONE" status "$out/r.h5" 2>/dev/null | grep -q 'units  *[1-9][0-9]* of ' && return
        sleep 0.05
        waited=$((waited + 1))
    done
}

# strike SIGNAL WHOM - rank 0, a worker, the launcher, or everything
strike() {
    members
    # shellcheck disable=SC2086
    case $2 in
    first) set -- "$1" ${members%%[!0-9]*} ;;
    worker) set -- "$1" ${members##*[!0-9]} ;;
    launcher) set -- "$1" "$started" ;;
    all) set -- "$1" "$started" $members ;;
    esac
    victim_signal=$1
    shift
    [ $# -gt 0 ] && kill "-$victim_signal" "$@" 2>/dev/null
}

# same JOB WHAT... - the result is there, the same bytes as the undisturbed one, and nothing else stays
same() {
    checks=$((checks + 1))
    job_compared=$1
    shift
    # a spectrum's last digits depend on the process grid, so it need only be there
    cmp "$references/$job_compared/r.h5" "$out/r.h5" || fail "$job_compared: $* gave other bytes"
    listed=$(ls -A "$out")
    [ "$listed" = "$(ls -A -I scale "$references/$job_compared")" ] || fail "$job_compared: $*: left $listed"
}

# finish JOB RANKS WHAT... - continue to the end and compare
finish() {
    job_finished=$1
    begin "$2"
    members=
    shift 2
    stopped
    [ "$got" -eq 0 ] || { fail "$job_finished: $*: status $got when continued" && sed 's/^/     | /' "$WORK/log"; }
    same "$job_finished" "$@"
    rm -rf "$out"
}

# wound FILE - cut it at a random place, flip bytes of it, or remove it
wound() {
    size=$(wc -c <"$1")
    draw 32768 && high=$drawn
    draw 32768
    place=$(((high * 32768 + drawn) % (size + 1)))
    pick cut flip flip remove
    case $picked in
    cut) truncate -s "$place" "$1" ;;
    flip) printf '\377\000\125' | dd of="$1" bs=1 seek="$place" conv=notrunc 2>/dev/null ;;
    remove) rm "$1" ;;
    esac
    wounded="$picked at $place of $size"
}
