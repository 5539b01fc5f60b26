#!/bin/bash
# test_slurm_submit.sh - `lightcone submit` under a real Slurm: a job sized by its plan, what it refuses, a sweep as an array
# and the merge after it, with a task that is queued again and one that is cancelled.
# shellcheck disable=SC2317 # functions are called by check
# shellcheck source=tests/slurm/lib.sh
. tests/slurm/lib.sh
start_slurm
root=$PWD
cd "$D" || exit 1 # where the logs go

# submit NAME ARGUMENT... - its output in NAME.said; the last line names the jobs
submit() {
    local name=$1
    shift
    "$LIGHTCONE" submit "$@" >"$D/$name.said" 2>"$D/$name.err"
}

said() { # name, text
    grep -q -- "$2" "$D/$1.said"
}

complained() { # name, text
    grep -q -- "$2" "$D/$1.err"
}

config=$root/configs/demo/influence.yaml
direct short "${short[@]}"
check 'a direct run' test -s "$D/short.h5"
[ "$failures" -eq 0 ] || conclude
here=(--set "cache=$D/cache" --gflops 50)

# --- one job --------------------------------------------------------------------------------------------------------------
check 'submit takes a job' submit one "$config" --set "output=$D/one.h5" "${short[@]}" "${here[@]}"
a=$(sed -n 's/^submitted job //p' one.said)
check '  sized by its plan and the nodes' said one 'sbatch --parsable --job-name=influence --nodes=1 --ntasks-per-node=2 --time=11 --mem=256M '
within 180 ended "$a"
check '  which finishes' is "$a" COMPLETED
check '  to the bytes of a direct run' cmp -s one.h5 short.h5
check '  with its number in the name of its log' grep -q ': finished' "influence-$a.out"

# a name that a shell would take apart, and settings of the site; what is printed is what a shell needs
odd="$D/it's \$(touch oops) b.yaml"
cp "$config" "$odd"
sed -i "s|path: model|path: $root/configs/demo/model|; s|path: sae|path: $root/configs/demo/sae|; s|path: corpus|path: $root/configs/demo/corpus|" "$odd"
printf '%s\n' 'export SBATCH_PARTITION=urgent' 'LIGHTCONE_CORES=1' >"$LIGHTCONE_SITE"
check 'a dry run prints the same' submit dry "$odd" -N 2 --dry-run --set "output=$D/dry.h5" "${short[@]}" "${here[@]}" -- --comment='a "b"'
check '  with what the site file says' said dry '^SBATCH_PARTITION=urgent .*--nodes=2 --ntasks-per-node=1 '
check '  and submits nothing' is 2 ''
a=$(bash dry.said)
within 180 ended "$a"
check '  a shell runs that line' is "$a" COMPLETED
check '  in the partition of the site file' grep -q Partition=urgent <(scontrol show job "$a")
check '  to the bytes of a direct run' cmp -s dry.h5 short.h5
check '  and nothing in a name is run' test ! -e oops
: >"$LIGHTCONE_SITE"

# installed elsewhere
mkdir -p there/bin there/share/lightcone
cp "$LIGHTCONE" there/bin/ && cp -R "$root/slurm" there/share/lightcone/ && rm -f there/share/lightcone/slurm/site.conf
LIGHTCONE=$D/there/bin/lightcone check 'an installed program' submit there "$config" --set "output=$D/there.h5" "${short[@]}" "${here[@]}"
a=$(sed -n 's/^submitted job //p' there.said)
within 180 ended "$a"
check '  has its own scripts' said there " $D/there/share/lightcone/slurm/lightcone.sbatch "
check '  and is what they run' grep -q "+ srun .* $D/there/bin/lightcone run " "influence-$a.out"
check '  to the bytes of a direct run' cmp -s there.h5 short.h5

# --- what is refused ------------------------------------------------------------------------------------------------------
refuses() { # status, name, text, argument...
    local want=$1 name=$2 text=$3 got=0
    shift 3
    submit "$name" "$config" --set "output=$D/never.h5" "${here[@]}" "$@" || got=$?
    [ "$got" -eq "$want" ] && complained "$name" "$text"
}

check 'what sbatch refuses is passed on' refuses 1 refused 'sbatch refuses (status 1): sbatch: error: .*emory' -- --mem=90G
check 'more nodes than there are' refuses 2 nodes '-N is 9; the partition has 2 nodes' -N 9
check 'a partition that is none' refuses 2 partition "sinfo knows no nodes of partition 'none'" -- -p none
check 'nothing of that is in the queue' queue_is_empty

# --- a sweep --------------------------------------------------------------------------------------------------------------
windows_for 5
cat >sweep.yaml <<YAML
job: influence
model: {path: $root/configs/demo/model}
sae: {path: "$root/configs/demo/sae/resid_out_layer{layer}"}
corpus: {path: $root/configs/demo/corpus.txt}
windows: {length: 64, choice: random, count: $windows}
sites: {layers: [1]}
sweep: {windows.seed: [1, 2, 3]}
checkpoint: {every: 1}
YAML
config=$D/sweep.yaml
start_direct whole

jobs_of() { # name: sets array, merge
    array=$(sed -n 's/^submitted job \([0-9]*\), an array of 3 tasks, and job \([0-9]*\), .*/\1/p' "$1.said")
    merge=$(sed -n 's/^submitted job \([0-9]*\), an array of 3 tasks, and job \([0-9]*\), .*/\2/p' "$1.said")
}

begun() { # name, task: something of it is on disk
    [ -n "$(find "$D/$1.points" -path "*$2.checkpoint/*" -type f -size +1k 2>/dev/null | head -n 1)" ]
}

same_points() { # name
    local k
    for k in 0 1 2; do
        cmp "$1.points/000$k.h5" "whole.points/000$k.h5" || return 1
    done
}

array_ended() {
    ended "${array}_0" && ended "${array}_1" && ended "${array}_2"
}

check 'submit takes a sweep' submit sweep sweep.yaml --set "output=$D/joined.h5" "${here[@]}"
jobs_of sweep
check '  as an array and a job that waits for it' is "$merge" PENDING
within 120 begun joined 1
scancel --batch --signal=USR1 "${array}_1"
check '  a task that is stopped is queued again' within 120 grep -q 'queued again to continue' "sweep-${array}_1.out"
check '  for which the merge waits' is "$merge" PENDING
within 300 array_ended
check '  all tasks finish' test "$(grep -c ': finished' sweep-"${array}"_[012].out | grep -c ':1$')" -eq 3
within 180 ended "$merge"
check '  then the merge' is "$merge" COMPLETED
wait "$reference"
check '  the points have the bytes of a run in one piece' same_points joined
check '  and so have all together' cmp -s joined.h5 whole.h5

check 'the same with one task cancelled' submit cancel sweep.yaml --set "output=$D/cancel.h5" "${here[@]}"
jobs_of cancel
within 120 begun cancel 1
scancel "${array}_1"
within 300 array_ended
check '  ends that task alone' is "${array}_1" CANCELLED
check '  and the others finish' is "${array}_2" COMPLETED
check '  nothing is merged' within 60 is "$merge" CANCELLED
check '  submit again' submit again sweep.yaml --set "output=$D/cancel.h5" "${here[@]}"
jobs_of again
within 300 ended "$merge"
check '  takes up the rest' is "$merge" COMPLETED
check '  to the bytes of a run in one piece' cmp -s cancel.h5 whole.h5
conclude
