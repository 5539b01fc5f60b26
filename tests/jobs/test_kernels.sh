#!/bin/sh
# test_kernels.sh - kernels that only screen change no byte of a result, and ranks with different ones work together.
set -u
# shellcheck source=tests/jobs/lib.sh
. tests/jobs/lib.sh
run() { # name, job, words before the program...
    name=$1 job=$2
    shift 2
    checks=$((checks + 1))
    case $job in influence) less='windows.count=6' ;; *) less='corpus.tokens=6000' ;; esac
    "$@" "$LIGHTCONE" run "$demo/$job.yaml" --set "output=$WORK/$name.h5" --set "cache=$WORK/cache" --set "$less" >"$WORK/log" 2>&1 || {
        fail "$job, $name"
        cat "$WORK/log"
    }
}
if ! LIGHTCONE_ISA=avx512 "$LIGHTCONE" plan "$demo/sparsity.yaml" >"$WORK/log" 2>&1 && grep -q LIGHTCONE_ISA "$WORK/log"; then
    echo 'this CPU has no AVX-512 VNNI: the plain kernels alone are there'
    exit 77
fi
for job in sparsity influence contexts; do
    run plain "$job" env LIGHTCONE_ISA=plain
    run avx512 "$job" env LIGHTCONE_ISA=avx512
    checks=$((checks + 2))
    grep -q '"kernels": "avx512"' "$WORK/avx512.run.json" || fail "$job: the run record does not name the kernels"
    cmp "$WORK/plain.h5" "$WORK/avx512.h5" || fail "$job: other bytes with other kernels"
done
checks=$((checks + 2))
# words, split on purpose
# shellcheck disable=SC2086
$MPIRUN -n 1 env LIGHTCONE_ISA=plain "$LIGHTCONE" run "$demo/contexts.yaml" --set "output=$WORK/mixed.h5" --set "cache=$WORK/cache" \
    --set "$less" : \
    -n 1 env LIGHTCONE_ISA=avx512 "$LIGHTCONE" run "$demo/contexts.yaml" --set "output=$WORK/mixed.h5" --set "cache=$WORK/cache" \
    --set "$less" >"$WORK/log" 2>&1 || { fail 'ranks with different kernels' && cat "$WORK/log"; }
grep -q '"kernels": "plain"' "$WORK/mixed.run.json" || fail 'ranks with different kernels do not take those that all have'
cmp "$WORK/plain.h5" "$WORK/mixed.h5" || fail 'other bytes with mixed kernels'
conclude
