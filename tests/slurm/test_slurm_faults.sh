#!/bin/bash
# test_slurm_faults.sh - what can happen to a job under a real Slurm: cancelled, preempted, its node set down, queued again
# too often. It continues to the same bytes, or says why it does not.
# shellcheck source=tests/slurm/lib.sh
. tests/slurm/lib.sh
start_slurm

windows_for 8
medium=(--set 'sites.layers=[1]' --set "windows.count=$windows")
direct medium "${medium[@]}"
check 'a direct run' test -s "$D/medium.h5"
[ "$failures" -eq 0 ] || conclude

a=$(LIGHTCONE_LAUNCHER=mpirun LIGHTCONE_ATTEMPTS=1 batch bound -N 1 --ntasks-per-node=1 -t 5 -- "${medium[@]}")
within 90 has_checkpoint bound
scancel --batch --signal=USR1 "$a"
within 60 ended "$a"
check 'a job is not queued again more often than it may' logged bound 'not queued again after 1 allocations'
check '  and is said to have failed' is "$a" FAILED
scontrol requeue "$a"
check '  nor begun again when somebody else queues it again' within 60 logged_when_ended "$a" bound 'not begun again after 1 allocations'

a=$(batch cancel -N 2 --ntasks-per-node=1 -t 5 -- "${medium[@]}")
within 90 has_checkpoint cancel
scancel --signal=USR2 "$a"
check 'SIGUSR2 prints what the ranks of a job are at' within 60 logged cancel ' rank 1 on '
scancel "$a"
within 60 ended "$a"
check 'scancel ends a job' is "$a" CANCELLED
within 60 nodes_idle 2
check '  with a checkpoint written at the signal' logged cancel 'what is finished is in the checkpoint'
check '  whose script says so' logged cancel 'not queued again from here'
check '  and no result' test ! -e "$D/cancel.h5"
a=$(batch cancel -N 1 --ntasks-per-node=2 -t 5 -- "${medium[@]}")
within 180 ended "$a"
check '  and the same command continues' logged cancel 'units are in the checkpoint'
check '  to the bytes of a direct run' cmp -s "$D/cancel.h5" "$D/medium.h5"

a=$(batch low -N 1 --ntasks-per-node=2 -w n1 -t 5 -- "${medium[@]}")
within 90 has_checkpoint low
b=$(batch urgent -p urgent -N 1 --ntasks-per-node=2 -w n1 -t 5 -- "${short[@]}")
within 180 ended "$b"
check 'a more urgent job takes the node' is "$b" COMPLETED
within 180 ended "$a"
check '  the preempted one finishes afterwards' is "$a" COMPLETED
check '  from its checkpoint' logged low 'units are in the checkpoint'
check '  to the bytes of a direct run' cmp -s "$D/low.h5" "$D/medium.h5"

a=$(batch down -N 1 --ntasks-per-node=1 -w n2 -t 5 -- "${medium[@]}")
within 90 has_checkpoint down
scontrol update nodename=n2 state=down reason=test
check 'a node set down: its job is queued again' within 60 is "$a" PENDING
scontrol update jobid="$a" ReqNodeList=n1
within 180 ended "$a"
check '  and finishes on the other node' is "$a" COMPLETED
check '  which the first half did not claim' test "$(grep -c ': finished' "$D/down.out")" -eq 1
check '  from its checkpoint' logged down 'units are in the checkpoint'
check '  to the bytes of a direct run' cmp -s "$D/down.h5" "$D/medium.h5"
conclude
