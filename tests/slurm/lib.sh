# lib.sh - a Slurm of the test's own: munged, slurmctld and two slurmd on loopback with a private configuration, started
# here and stopped when the script ends. Sourced from the repository's root by the scripts of this folder.
# shellcheck shell=bash
# shellcheck disable=SC2034 # variables for the scripts that source this
set -uo pipefail

skip() {
    echo "$*"
    exit 77
}

# Nobody's machine gets daemons by surprise.
[ "${LIGHTCONE_SLURM_TESTS:-}" = yes ] || skip 'starts Slurm daemons: only in CI, as root in a container, and by make test-slurm'
[ "$(id -u)" -eq 0 ] || skip 'not root: a Slurm of its own needs it'
PATH=$PATH:/usr/sbin:/sbin
for program in munged mungekey slurmctld slurmd sbatch; do
    command -v "$program" >/dev/null || skip "no $program (Debian: munge, slurm-wlm)"
done
id munge >/dev/null 2>&1 || skip 'no user munge'

LIGHTCONE=${LIGHTCONE:-$PWD/build/release/lightcone}
case $LIGHTCONE in */asan/*) export ASAN_OPTIONS=detect_leaks=0 ;; esac
D=$(mktemp -d) || exit 1
chmod 755 "$D"
export LIGHTCONE SLURM_CONF=$D/slurm.conf LIGHTCONE_SITE=$D/site.conf
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_btl_vader_single_copy_mechanism=none OMPI_MCA_hwloc_base_binding_policy=none OMPI_MCA_rmaps_base_oversubscribe=1
# ranks that wait leave the cores to those that work: the nodes share them
export OMPI_MCA_mpi_yield_when_idle=1
# both nodes have one host name, and so would their shared-memory files
export OMPI_MCA_btl=tcp,self
port=$((17000 + $$ % 1000 * 3)) checks=0 failures=0 daemons=() failed=()

fail() {
    failures=$((failures + 1))
    failed+=("$*")
    echo "FAIL $*"
}

check() { # what, command...
    local what=$1
    shift
    checks=$((checks + 1))
    if "$@"; then echo "ok   $what (${SECONDS} s)"; else fail "$what (${SECONDS} s)"; fi
}

conclude() {
    echo "$checks checks, $failures failed"
    [ "$failures" -eq 0 ] && [ "$checks" -gt 0 ]
    exit
}

# shellcheck disable=SC2317 # called by trap
stop_all() {
    kill "${reference:-}" 2>/dev/null
    scancel --state=PENDING -u root 2>/dev/null
    scancel -u root 2>/dev/null
    within 10 queue_is_empty
    # the last started is stopped first; each by the process id that it wrote
    for ((k = ${#daemons[@]} - 1; k >= 0; k--)); do
        pid=$(cat "${daemons[k]}" 2>/dev/null) || continue
        kill "$pid" 2>/dev/null
        for _ in $(seq 50); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
        kill -9 "$pid" 2>/dev/null
    done
    if [ "$failures" -gt 0 ]; then
        tail -n 15 "$D"/log/*.log "$D"/*.out | sed 's/^/     | /'
        printf 'FAIL %s\n' "${failed[@]}" # where the test runner looks
    fi
    rm -rf "$D"
}
trap stop_all EXIT
trap 'exit 1' INT TERM

within() { # seconds, command...
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.3
    done
}

queue_is_empty() {
    [ -z "$(squeue -h 2>/dev/null)" ]
}

write_configuration() {
    cat >"$SLURM_CONF" <<CONF
ClusterName=test
SlurmctldHost=localhost
SlurmctldPort=$port
SlurmUser=root
SlurmdUser=root
AuthInfo=socket=$D/munge/socket
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=pmix
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=500
SlurmdParameters=config_overrides
StateSaveLocation=$D/state
SlurmdSpoolDir=$D/spool.%n
TmpFS=$D/tmp.%n
SlurmctldPidFile=$D/slurmctld.pid
SlurmdPidFile=$D/slurmd.%n.pid
SlurmctldLogFile=$D/log/slurmctld.log
SlurmdLogFile=$D/log/slurmd.%n.log
SchedulerParameters=sched_interval=2,sched_min_interval=0,bf_interval=2
ReturnToService=2
KillWait=15
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName=n[1-2] NodeHostname=localhost Port=[$((port + 1))-$((port + 2))] CPUs=2 RealMemory=4000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES State=UP PriorityTier=1 GraceTime=20
PartitionName=urgent Nodes=ALL State=UP PriorityTier=10
CONF
    # newer daemons look for control groups, which a container may not have
    case $(slurmd -V) in
    *\ 2[0-2].* | *\ 23.0*) ;;
    *) echo CgroupPlugin=disabled >"$D/cgroup.conf" ;;
    esac
}

start_daemons() {
    mkdir -p "$D/munge" "$D/log" "$D/state" "$D"/{spool,tmp}.n{1,2}
    mungekey -c -k "$D/munge/key" && chown -R munge: "$D/munge" && chmod 755 "$D/munge" || return 1
    daemons+=("$D/munge/pid")
    runuser -u munge -- "$(command -v munged)" --socket="$D/munge/socket" --key-file="$D/munge/key" --log-file="$D/munge/log" \
        --pid-file="$D/munge/pid" --seed-file="$D/munge/seed" || return 1
    daemons+=("$D/slurmctld.pid" "$D/slurmd.n1.pid" "$D/slurmd.n2.pid")
    slurmctld && slurmd -N n1 && slurmd -N n2 && within 60 nodes_idle 2
}

# start_slurm - or end the script; Slurm's own log says why
start_slurm() {
    write_configuration
    : >"$LIGHTCONE_SITE"
    check 'munged, slurmctld and two nodes are up' start_daemons
    [ "$failures" -eq 0 ] || conclude
}

nodes_idle() {
    [ "$(sinfo -h -p main -N -t idle -o %N 2>/dev/null | wc -l)" -eq "$1" ]
}

state() { # job, or array_task
    scontrol show job "$1" 2>/dev/null | sed -n 's/.*JobState=\([A-Z_]*\).*/\1/p'
}

is() { # job, state
    [ "$(state "$1")" = "$2" ]
}

# A job that is queued again waits for two minutes in Slurm's usual settings, for what is left of it on its nodes to go:
# here a few seconds do.
ended() { # job
    case $(state "$1") in
    PENDING)
        if scontrol show job "$1" | grep -q Reason=BeginTime; then
            sleep 6
            scontrol update jobid="$1" StartTime=now
            sleep 1
        fi
        return 1
        ;;
    COMPLETED | FAILED | CANCELLED | TIMEOUT | NODE_FAIL) ;;
    *) return 1 ;;
    esac
}

logged() { # name, text
    grep -q -- "$2" "$D/$1.out"
}

logged_when_ended() { # job, name, text
    ended "$1" && logged "$2" "$3"
}

has_checkpoint() { # name: more than one unit of one is there
    [ -n "$(find "$D/$1.checkpoint" -type f -size +1k 2>/dev/null | head -n 1)" ]
}

config=configs/demo/influence.yaml
short=(--set 'sites.layers=[1]' --set windows.count=12)

direct() { # name, key=value...
    local name=$1
    shift
    start_direct "$name" "$@"
    wait "$reference"
}

start_direct() { # the same beside what follows: `wait "$reference"`
    local name=$1
    shift
    OMPI_MCA_btl=self "$LIGHTCONE" run "$config" --set "output=$D/$name.h5" --set "cache=$D/cache" "$@" \
        >"$D/log/$name.log" 2>&1 &
    reference=$!
}

# windows_for SECONDS - set `windows` to so many of one site that a core computes about that long here; the text has 388
windows_for() {
    local seconds TIMEFORMAT=%U
    seconds=$({ time direct pace "${short[@]}" --set windows.count=20; } 2>&1 | tail -n 1)
    windows=$(awk -v want="$1" -v took="$seconds" 'BEGIN { n = int(20 * want / took) + 1; print (n > 380 ? 380 : n) }')
    echo "$windows windows are $1 s of a core"
}

# batch NAME [sbatch option]... -- [--set key=value]... - lightcone.sbatch of $config; prints the job's id
batch() {
    local name=$1 options=()
    shift
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    sbatch --parsable --job-name="$name" --output="$D/$name.out" "${options[@]}" slurm/lightcone.sbatch "$config" \
        --set "output=$D/$name.h5" --set "cache=$D/cache" --set checkpoint.every=1 "$@"
}
