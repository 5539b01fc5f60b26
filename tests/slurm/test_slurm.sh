#!/bin/bash
# test_slurm.sh - slurm/lightcone.sbatch under a real Slurm: munged, slurmctld and two slurmd on loopback, with a private
# configuration, started and stopped here. Wants root; `make test-slurm` sees to the packages. Two to three minutes.
set -uo pipefail
LIGHTCONE=${LIGHTCONE:-$PWD/build/release/lightcone}
for program in munged mungekey slurmctld slurmd sbatch; do
    PATH=$PATH:/usr/sbin command -v "$program" >/dev/null || { echo "no $program: make test-slurm installs it"; exit 77; }
done
[ "$(id -u)" -eq 0 ] || { echo 'not root: a Slurm of its own needs it'; exit 77; }
PATH=$PATH:/usr/sbin
D=$(mktemp -d) || exit 1
chmod 755 "$D"
export LIGHTCONE SLURM_CONF=$D/slurm.conf OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_btl_vader_single_copy_mechanism=none OMPI_MCA_hwloc_base_binding_policy=none OMPI_MCA_rmaps_base_oversubscribe=1
# ranks that wait leave the cores to those that work: the nodes share them
export OMPI_MCA_mpi_yield_when_idle=1
port=$((17000 + $$ % 1000 * 3)) checks=0 failures=0 daemons=()

fail() {
    failures=$((failures + 1))
    echo "FAIL $*"
}

check() { # what, command...
    local what=$1
    shift
    checks=$((checks + 1))
    if "$@"; then echo "ok   $what (${SECONDS} s)"; else fail "$what (${SECONDS} s)"; fi
}

# shellcheck disable=SC2317 # called by trap
stop_all() {
    scancel -u root 2>/dev/null
    sleep 1
    # the last started is stopped first; each by the process id that it wrote
    for ((k = ${#daemons[@]} - 1; k >= 0; k--)); do
        pid=$(cat "${daemons[k]}" 2>/dev/null) || continue
        kill "$pid" 2>/dev/null
        for _ in $(seq 50); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
        kill -9 "$pid" 2>/dev/null
    done
    if [ "$failures" -gt 0 ]; then
        tail -n 15 "$D"/log/*.log "$D"/*.out | sed 's/^/     | /'
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

start_slurm() {
    mkdir -p "$D/munge" "$D/log" "$D/state"
    mungekey -c -k "$D/munge/key" && chown -R munge: "$D/munge" && chmod 755 "$D/munge" || return 1
    daemons+=("$D/munge/pid")
    runuser -u munge -- "$(command -v munged)" --socket="$D/munge/socket" --key-file="$D/munge/key" --log-file="$D/munge/log" \
        --pid-file="$D/munge/pid" --seed-file="$D/munge/seed" || return 1
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
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
StateSaveLocation=$D/state
SlurmdSpoolDir=$D/spool.%n
TmpFS=$D/tmp.%n
SlurmctldPidFile=$D/slurmctld.pid
SlurmdPidFile=$D/slurmd.%n.pid
SlurmctldLogFile=$D/log/slurmctld.log
SlurmdLogFile=$D/log/slurmd.%n.log
SchedulerParameters=sched_interval=2,sched_min_interval=0
ReturnToService=2
KillWait=15
NodeName=n[1-2] NodeHostname=localhost Port=[$((port + 1))-$((port + 2))] CPUs=2 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES State=UP
CONF
    mkdir -p "$D"/{spool,tmp}.n{1,2}
    daemons+=("$D/slurmctld.pid" "$D/slurmd.n1.pid" "$D/slurmd.n2.pid")
    slurmctld && slurmd -N n1 && slurmd -N n2 && within 20 nodes_idle 2
}

nodes_idle() {
    [ "$(sinfo -h -N -t idle -o %N 2>/dev/null | wc -l)" -eq "$1" ]
}

# submit NAME [sbatch option]... -- [--set key=value]... - prints the job's id
submit() {
    local name=$1 options=()
    shift
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    OMPI_MCA_btl=tcp,self sbatch --parsable --job-name="$name" --output="$D/$name.out" "${options[@]}" slurm/lightcone.sbatch "$config" \
        --set "output=$D/$name.h5" --set "cache=$D/cache" --set checkpoint.every=1 "$@"
}

state() {
    scontrol show job "$1" | sed -n 's/.*JobState=\([A-Z_]*\).*/\1/p'
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

has_checkpoint() { # name: more than one unit of one is there
    [ -n "$(find "$D/$1.checkpoint" -type f -size +1k 2>/dev/null | head -n 1)" ]
}

logged() { # name, text
    grep -q -- "$2" "$D/$1.out"
}

config=configs/demo/influence.yaml
short=(--set 'sites.layers=[1]' --set windows.count=12)
medium=(--set 'sites.layers=[1]' --set windows.count=140)
# on one rank longer than the half minute within which Slurm looks at time limits
long=(--set 'sites.layers=[1, 2]' --set windows.count=250)
direct() { # name, key=value...
    local name=$1
    shift
    "$LIGHTCONE" run "$config" --set "output=$D/$name.h5" --set "cache=$D/cache" "$@" >"$D/log/$name.log" 2>&1
}

echo "starting Slurm in $D"
check 'munged, slurmctld and two nodes are up' start_slurm
[ "$failures" -eq 0 ] || exit 1
direct short "${short[@]}"
check 'a direct run' test -s "$D/short.h5"

a=$(submit plain -N 2 --ntasks-per-node=1 -t 5 -- "${short[@]}")
within 60 ended "$a"
check 'a job on two nodes finishes' is "$a" COMPLETED
check '  to the bytes of a direct run' cmp -s "$D/plain.h5" "$D/short.h5"
check '  and was told its deadline' logged plain 'deadline=2[0-9][0-9]'

a=$(LIGHTCONE_LAUNCHER=mpirun submit mpirun -N 1 --ntasks-per-node=2 -t 5 -- "${short[@]}")
within 60 ended "$a"
check 'with mpirun in place of srun' cmp -s "$D/mpirun.h5" "$D/short.h5"

{ direct long "${long[@]}"; direct medium "${medium[@]}"; } &
reference=$!
a=$(submit limit -N 1 --ntasks-per-node=1 -t 1 -- "${long[@]}")
within 150 ended "$a"
check 'a job with too short a time limit finishes' is "$a" COMPLETED
check '  after the signal' logged limit 'signal USR1 from Slurm'
check '  and being queued again' logged limit 'queued again to continue'
wait "$reference"
check '  to the bytes of a direct run' cmp -s "$D/limit.h5" "$D/long.h5"

a=$(LIGHTCONE_ATTEMPTS=1 LIGHTCONE_LAUNCHER=mpirun submit bound -N 1 --ntasks-per-node=1 -t 5 -- "${medium[@]}")
within 30 has_checkpoint bound
scancel --batch --signal=USR1 "$a"
within 30 ended "$a"
check 'a job is not queued again more often than it may' logged bound 'not queued again after 1 allocations'

a=$(submit cancel -N 2 --ntasks-per-node=1 -t 5 -- "${medium[@]}")
within 30 has_checkpoint cancel
scancel "$a"
within 30 ended "$a"
check 'scancel ends a job' is "$a" CANCELLED
within 20 nodes_idle 2
check '  with a checkpoint' has_checkpoint cancel
check '  written at the signal' logged cancel 'what is finished is in the checkpoint'
check '  whose script says so' logged cancel 'not queued again from here'
check '  and no result' test ! -e "$D/cancel.h5"

a=$(submit down -N 1 --ntasks-per-node=1 -w n2 -t 5 -- "${medium[@]}")
within 30 has_checkpoint down
scontrol update nodename=n2 state=down reason=test
check 'a node set down: its job is queued again' within 20 is "$a" PENDING
scontrol update jobid="$a" ReqNodeList=n1
within 90 ended "$a"
check '  and finishes on the other node' is "$a" COMPLETED
check '  which the first half did not claim' test "$(grep -c ': finished' "$D/down.out")" -eq 1
check '  from its checkpoint' logged down 'units are in the checkpoint'
check '  to the bytes of a direct run' cmp -s "$D/down.h5" "$D/medium.h5"

echo "$checks checks, $failures failed"
[ "$failures" -eq 0 ]
