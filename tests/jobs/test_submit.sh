#!/bin/sh
# test_submit.sh - what `lightcone submit` asks sbatch for, without a Slurm: sinfo and sbatch are two-line scripts that say what
# a cluster would. tests/slurm has the real one.
set -u
# shellcheck source=tests/jobs/lib.sh
. tests/jobs/lib.sh
mkdir "$WORK/bin"
PATH=$WORK/bin:$PATH
unset SBATCH_PARTITION SBATCH_ACCOUNT LIGHTCONE_CORES
export LIGHTCONE_SITE="$WORK/site.conf"

answer() { # program, shell commands
    printf '#!/bin/sh\n%s\n' "$2" >"$WORK/bin/$1" && chmod +x "$WORK/bin/$1"
}

# nodes LINE... - of sockets, cores, threads, MB, nodes, limit, partition
nodes() {
    printf '%s\n' "$@" >"$WORK/nodes"
    answer sinfo "cat '$WORK/nodes'"
}

# submit STATUS ARGUMENT... - its stdout in out, its stderr in err
submit() {
    want=$1 got=0
    shift
    checks=$((checks + 1))
    "$LIGHTCONE" submit --gflops 50 "$@" >"$WORK/out" 2>"$WORK/err" || got=$?
    [ "$got" -eq "$want" ] || fail "$name: status $got, expected $want: $(cat "$WORK/err")"
}

says() { # file, text...
    file=$1
    shift
    for text in "$@"; do
        checks=$((checks + 1))
        grep -qF -- "$text" "$WORK/$file" || { fail "$name: no '$text' in" && sed 's/^/     | /' "$WORK/$file"; }
    done
}

set -- "$demo/influence.yaml" --set "output=$WORK/r.h5" --set "cache=$WORK/cache"
answer sbatch "printf '%s\n' \"\$@\" \"kernels \$OPENBLAS_CORETYPE\" >'$WORK/words'; echo 17"
unset OPENBLAS_CORETYPE # which may have been chosen for this machine, and is not for those of the cluster
nodes '2|24|2|192000|10|infinite|main*' '1|8|1|4000|2|5:00|other'

name='a small job'
submit 0 "$@"
# of 48 cores no more than can have a unit, beside rank 0, which serves; a time that few minutes hold
says out '--job-name=influence --nodes=1 --ntasks-per-node=41 --time=11 --mem=' '(48 cores a node: sinfo)' 'submitted job 17'
says words "$demo/influence.yaml" "output=$WORK/r.h5" --parsable
checks=$((checks + 1))
grep -qx 'kernels ' "$WORK/words" || fail "$name: $(grep kernels "$WORK/words")"
name='the slowest core'
checks=$((checks + 1))
"$LIGHTCONE" submit "$@" --dry-run --gflops 0.001 >"$WORK/out" 2>"$WORK/err" || fail "$name: $(cat "$WORK/err")"
# 40 units on 48 cores fill one node, however long they take
says out '--nodes=1 --ntasks-per-node=41 '
name='small nodes with a limit'
answer sinfo "grep other '$WORK/nodes'"
checks=$((checks + 1))
"$LIGHTCONE" submit "$@" --dry-run --gflops 0.01 -- -p other >"$WORK/out" 2>"$WORK/err" || fail "$name: $(cat "$WORK/err")"
says out '--nodes=2 --ntasks-per-node=8 --time=5 --mem=' '-p other' 'with checkpoints it takes about'
name='little memory'
nodes '1|8|1|60|2|infinite|main*'
submit 1 "$@" --dry-run
says err 'a node with one rank needs 0.' 'the nodes of this partition have 0.06 GB'
name='some memory'
nodes '1|8|1|400|2|infinite|main*' '1|16|1|300|2|1-12:00:00|main*'
submit 0 "$@" --dry-run
checks=$((checks + 1))
each=$(sed -n 's/.*--ntasks-per-node=\([0-9]*\) .*/\1/p' "$WORK/out")
{ [ "$each" -ge 1 ] && [ "$each" -lt 8 ]; } || fail "$name: $each ranks in 300 MB"
name='memory that Slurm does not know'
nodes '1|8|1|1|2|infinite|main*'
submit 0 "$@" --dry-run
checks=$((checks + 1))
! grep -q -- --mem "$WORK/out" || fail "$name: $(cat "$WORK/out")"
name='memory of a core'
nodes '1|8|1|4000|2|infinite|main*'
submit 0 "$@" --dry-run -- --mem-per-cpu=300
checks=$((checks + 1))
! grep -q -- --mem= "$WORK/out" || fail "$name: $(cat "$WORK/out")"

name='more nodes than there are'
submit 2 "$@" -N 3
says err '-N is 3; the partition has 2 nodes'
name='a partition that is none'
answer sinfo :
submit 2 "$@" -- --partition=none
says err "sinfo knows no nodes of partition 'none'"

name='a site file'
printf '%s\n' 'export SBATCH_ACCOUNT="my account"' 'SBATCH_PARTITION=big' 'LIGHTCONE_CORES=3' 'echo loaded' >"$WORK/site.conf"
answer sinfo "printf '%s\n' \"\$@\" >'$WORK/asked'; echo '1|8|1|4000|2|infinite|big'"
answer sbatch "echo \"\$SBATCH_ACCOUNT, \$SBATCH_PARTITION\" >'$WORK/words'; echo 18"
submit 0 "$@"
says out "SBATCH_ACCOUNT='my account' " 'SBATCH_PARTITION=big ' '--ntasks-per-node=3 ' '(3 cores a node: LIGHTCONE_CORES)' 'submitted job 18'
says words 'my account, big'
says asked '--partition=big'
name='a site file that fails'
echo 'false' >"$WORK/site.conf"
submit 1 "$@"
says err "$WORK/site.conf: bash cannot read it"
echo 'LIGHTCONE_CORES=many' >"$WORK/site.conf"
submit 2 "$@"
says err "LIGHTCONE_CORES is 'many'; allowed: a whole number from 1 to 4096"
rm "$WORK/site.conf"

name='what sbatch says'
nodes '1|8|1|4000|2|infinite|main*'
answer sbatch 'echo "sbatch: error: no such account" >&2; exit 3'
submit 1 "$@"
says err 'sbatch refuses (status 3): sbatch: error: no such account'
answer sbatch 'echo "sbatch: a warning" >&2; echo "19;far"'
submit 0 "$@"
says err 'warning: sbatch: a warning'
says out 'submitted job 19'
answer sbatch 'echo "well"'
submit 1 "$@"
says err "sbatch says 'well" 'expected the number of a job'

name='a sweep'
answer sbatch "printf '%s\n' \"\$*\" >>'$WORK/lines'; echo 20"
rm -f "$WORK/lines"
submit 0 "$@" --set 'sweep={windows.seed: [1, 2, 3]}' -- -A acc --array=0-2%2
says lines "--array=0-2 --nodes=1 --ntasks-per-node=8 --time=11 --mem=" "-A acc --array=0-2%2 " "/sweep.sbatch $demo/influence.yaml" \
    "--parsable -A acc --job-name=influence-merge --dependency=afterok:20 --kill-on-invalid-dep=yes --nodes=1 --ntasks-per-node=1 " "/merge.sbatch $demo/influence.yaml"
says out 'submitted job 20, an array of 3 tasks, and job 20, which joins their results'
answer sbatch "case \$* in *merge*) echo no >&2; exit 1 ;; esac; echo 21"
submit 1 "$@" --set 'sweep={windows.seed: [1, 2, 3]}'
says err 'the array is submitted as job 21, the merge after it is not: sbatch refuses (status 1): no'
conclude
