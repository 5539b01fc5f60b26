#!/bin/sh
# test_emulated.sh - whole jobs with the kernels for AMX, whose tiles are in memory: screening changes no byte, and neither
# does the number of ranks where the products are made of split weights.
set -u
# shellcheck source=tests/jobs/lib.sh
. tests/jobs/lib.sh
emulated=${LIGHTCONE%/*}/emulated/lightcone

# run NAME JOB OPTION... - with the words in $before before the program
run() {
    name=$1 job=$2
    shift 2
    checks=$((checks + 1))
    case $job in
    influence) less='--set windows.count=3 --set windows.length=32 --set sites.layers=[1,4]' ;;
    *) less='--set corpus.tokens=3000' ;;
    esac
    # shellcheck disable=SC2086 # words
    $before "$emulated" run "$demo/$job.yaml" --set "output=$WORK/$name.h5" --set "cache=$WORK/cache" $less "$@" >"$WORK/log" 2>&1 || {
        fail "$job, $name"
        cat "$WORK/log"
    }
}

checks=$((checks + 2))
grep -q emulated_dpbf16ps "$emulated" || fail 'the program with tiles in memory does not have them'
! grep -q emulated_dpbf16ps "$LIGHTCONE" || fail 'the program itself has tiles in memory'
if ! LIGHTCONE_ISA=amx "$emulated" plan "$demo/sparsity.yaml" >"$WORK/log" 2>&1; then
    grep LIGHTCONE_ISA "$WORK/log" || { cat "$WORK/log" && exit 1; }
    echo 'this CPU has no AVX-512: tiles in memory need it'
    exit 77
fi
for job in sparsity influence; do
    for isa in plain avx512 amx; do
        LIGHTCONE_ISA=$isa "$emulated" plan "$demo/sparsity.yaml" >"$WORK/log" 2>&1 || continue # AVX-512 without VNNI
        before="env LIGHTCONE_ISA=$isa"
        run "$isa" "$job" --set precision=float32
        checks=$((checks + 2))
        grep -q "\"kernels\": \"$isa\"" "$WORK/$isa.run.json" || fail "$job: the run record does not name the kernels $isa"
        cmp "$WORK/plain.h5" "$WORK/$isa.h5" || fail "$job: other bytes with the kernels $isa"
    done
    for ranks in 1 2 3; do
        before="$MPIRUN -n $ranks env LIGHTCONE_ISA=amx"
        run "$ranks" "$job" --set precision=bf16x6
        checks=$((checks + 1))
        cmp "$WORK/1.h5" "$WORK/$ranks.h5" || fail "$job: other bytes at $ranks ranks"
    done
    checks=$((checks + 1))
    ! cmp -s "$WORK/plain.h5" "$WORK/1.h5" || fail "$job: bf16x6 gives the bytes of float32"
done
conclude
