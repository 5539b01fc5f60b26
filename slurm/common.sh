# shellcheck shell=bash
# common.sh - what the batch scripts share: one command of the program in a Slurm allocation, continued in as many further
# allocations as it takes. A script that sources this has begun with `trap 'asked=USR1' USR1` and set `scripts`, its folder.
#
# One rank a core: a rank computes on one thread. Two minutes before the time limit (Slurm may be a minute early) the
# program is told to stop: it finishes its units, writes a checkpoint and exits with 75, and the job is queued again to
# continue from there. Nor does it begin a unit that the time left would not let it end. A job that is preempted does the
# same in its time of grace. After `scancel` nothing is queued again. When a node fails, Slurm itself queues the job again.
step='' asked=${asked:-}

# Of an array's tasks Slurm gives the last one the id of the whole array: only this form names a task alone.
job=${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID:-}}
job=${job:-${SLURM_JOB_ID:?submit this with sbatch}}
attempt=$((${SLURM_RESTART_COUNT:-0} + 1))

say() {
    echo "$(date '+%F %T') job $job: $*"
}

# The signals reach this shell alone. srun takes SIGTERM as an order to kill the ranks, and both it and mpirun pass SIGUSR1 on.
# shellcheck disable=SC2317 # called by trap
pass_on() {
    asked=$1
    say "signal $1 from Slurm${step:+, passed on as SIGUSR1: finish the units begun, write a checkpoint, stop}"
    [ -z "$step" ] || kill -s USR1 "$step" 2>/dev/null || true
}
trap 'pass_on USR1' USR1
trap 'pass_on TERM' TERM
trap '[ -z "$step" ] || kill -s USR2 "$step" 2>/dev/null || true' USR2 # the program prints what every rank is at

# What site files load (modules) is seldom written for set -eu.
read_site() {
    local site=${LIGHTCONE_SITE:-$scripts/site.conf}
    set +eu
    # shellcheck source=/dev/null
    [ ! -r "$site" ] || . "$site"
    set -eu
    : "${LIGHTCONE_ATTEMPTS:=50}" # allocations that one job may take before it is left to its owner
    : "${LIGHTCONE_MARGIN:=60}"   # seconds to keep for starting the ranks and for the last checkpoint
    : "${LIGHTCONE_LAUNCHER:=}"   # srun or mpirun; empty: srun where its plugin for MPI is there
    : "${LIGHTCONE_MPI:=pmix}"    # that plugin
    : "${LIGHTCONE:=}"            # the program; empty: on PATH, or where it was built or installed with these scripts
}

find_program() {
    program=${LIGHTCONE:-$(command -v lightcone || true)}
    local place
    for place in "$scripts/../build/release" "$scripts/../../../bin"; do
        [ -n "$program" ] || [ ! -x "$place/lightcone" ] || program=$place/lightcone
    done
    [ -n "$program" ] || { say "no program 'lightcone' on PATH or beside $scripts; name it with LIGHTCONE" && exit 2; }
}

# Seconds to the time limit; nothing without one. Slurm prints [days-][[hours:]minutes:]seconds.
seconds_left() {
    squeue -h -j "$job" -o %L | awk -F '[-:]' '/^[0-9]+(-[0-9]+)?(:[0-9]+)*$/ {
        s = $NF + 60 * (NF > 1 ? $(NF - 1) : 0) + 3600 * (NF > 2 ? $(NF - 2) : 0) + 86400 * (NF > 3 ? $(NF - 3) : 0)
        print s
    }'
}

# A margin is at most a quarter of the time, so that a short job still begins its first unit.
deadline() {
    awk -v left="$1" -v margin="$LIGHTCONE_MARGIN" 'BEGIN {
        d = int(left - (margin < left / 4 ? margin : left / 4)); print d < 1 ? 1 : d
    }'
}

choose_launcher() {
    local cpus=${SLURM_CPUS_PER_TASK:-1}
    if [ -z "$LIGHTCONE_LAUNCHER" ]; then
        LIGHTCONE_LAUNCHER=mpirun
        ! srun --mpi=list 2>&1 | grep -w "$LIGHTCONE_MPI" >/dev/null || LIGHTCONE_LAUNCHER=srun
    fi
    case $LIGHTCONE_LAUNCHER in
    # srun does not take --cpus-per-task over from the job
    srun) launch=(srun --mpi="$LIGHTCONE_MPI" --cpus-per-task="$cpus" --cpu-bind=cores --kill-on-bad-exit=1) ;;
    mpirun)
        launch=(mpirun -n "$SLURM_NTASKS")
        [ "$cpus" -eq 1 ] || export OMPI_MCA_rmaps_base_mapping_policy="slot:PE=$cpus"
        ;;
    *) say "LIGHTCONE_LAUNCHER is '$LIGHTCONE_LAUNCHER'; allowed: srun, mpirun" && exit 2 ;;
    esac
}

# `wait` returns at a signal too; asked again, it has the status of a step that ended meanwhile.
wait_for_step() {
    status=0
    wait "$step" || status=$?
    while kill -0 "$step" 2>/dev/null; do
        wait "$step" || true
    done
    status=0
    wait "$step" || status=$?
}

queue_again() {
    say "queued again to continue (allocation $attempt of at most $LIGHTCONE_ATTEMPTS)"
    scontrol requeue "$job" && exit 0
    say 'scontrol requeue failed. The same command continues'
}

# 75 is a checkpoint. 138 and 143 are signals that came before the program listened: nothing was done, nothing is lost.
conclude() {
    local state
    # a controller that is busy for a moment does not cost the job its next allocation
    state=$(squeue -h -j "$job" -o %T) || state=$(sleep 20; squeue -h -j "$job" -o %T) || true
    case $status in
    # srun says 0 too when the node went away under the ranks: then Slurm has taken the job from us by now
    0) [ "${state:-RUNNING}" != RUNNING ] || { say 'finished' && exit 0; }
       status=75 ;;
    75 | 138 | 143) ;;
    *) say "failed with status $status; the lines above say why. The same command continues from the last checkpoint"
       exit "$status" ;;
    esac
    if [ "$state" != RUNNING ]; then
        say "stopped and not queued again from here (${state:-gone}): cancelled, out of time or without its node (Slurm itself" \
            "queues again after the last). The same command continues"
    elif [ "$attempt" -ge "$LIGHTCONE_ATTEMPTS" ]; then
        say "not queued again after $attempt allocations (LIGHTCONE_ATTEMPTS). The same command continues"
    else
        queue_again
    fi
    exit "$status"
}

# run_job CONFIG [option]... - `lightcone run` of it, and the end of the script.
run_job() {
    local left word command
    cd "${SLURM_SUBMIT_DIR:?submit this with sbatch}"
    read_site
    find_program
    if [ "$attempt" -gt "$LIGHTCONE_ATTEMPTS" ]; then # Slurm queues jobs again too
        say "not begun again after $((attempt - 1)) allocations (LIGHTCONE_ATTEMPTS). The same command continues" && exit 75
    fi
    left=$(seconds_left || true)
    command=("$program" run "$1" ${left:+--set "deadline=$(deadline "$left")"})
    for word in "${@:2}"; do
        # begun anew only once
        [ "$word" = --fresh ] && [ "$attempt" -gt 1 ] || command+=("$word")
    done
    choose_launcher
    say "allocation $attempt on $SLURM_JOB_NODELIST: $SLURM_NTASKS ranks, ${left:-no limit of} seconds"
    say "+ ${launch[*]} ${command[*]}"
    status=75
    if [ -z "$asked" ]; then
        "${launch[@]}" "${command[@]}" &
        step=$!
        wait_for_step
    fi
    conclude
}
