#!/bin/bash
# test_slurm_job.sh - slurm/lightcone.sbatch under a real Slurm: on two nodes, with mpirun, with too short a time limit.
# shellcheck source=tests/slurm/lib.sh
. tests/slurm/lib.sh
start_slurm

direct short "${short[@]}"
check 'a direct run' test -s "$D/short.h5"
[ "$failures" -eq 0 ] || conclude

a=$(batch plain -N 2 --ntasks-per-node=1 -t 5 -- "${short[@]}")
within 180 ended "$a"
check 'a job on two nodes finishes' is "$a" COMPLETED
check '  to the bytes of a direct run' cmp -s "$D/plain.h5" "$D/short.h5"
check '  and was told its deadline' logged plain 'deadline=2[0-9][0-9]'

a=$(LIGHTCONE_LAUNCHER=mpirun batch mpirun -N 2 --ntasks-per-node=1 --cpus-per-task=2 -t 5 -- "${short[@]}")
within 180 ended "$a"
check 'with mpirun in place of srun' logged mpirun '+ mpirun -n 2 '
check '  and two cores a rank' cmp -s "$D/mpirun.h5" "$D/short.h5"

# on one rank longer than the half minute within which Slurm looks at time limits
windows_for 17
long=(--set 'sites.layers=[1, 2]' --set "windows.count=$windows") # two sites take twice as long
start_direct long "${long[@]}"
a=$(batch limit -N 1 --ntasks-per-node=1 -t 1 -- "${long[@]}")
check 'a job with too short a time limit is stopped and queued again' within 120 logged limit 'queued again to continue'
check '  after the signal' logged limit 'signal USR1 from Slurm'
scontrol update jobid="$a" TimeLimit=9 # or it would take turns of half a minute
within 400 ended "$a"
check '  and finishes' is "$a" COMPLETED
check '  from its checkpoint' logged limit 'units are in the checkpoint'
wait "$reference"
check '  to the bytes of a direct run' cmp -s "$D/limit.h5" "$D/long.h5"
conclude
