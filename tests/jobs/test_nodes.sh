#!/bin/sh
# test_nodes.sh - several nodes, which LIGHTCONE_NODE_RANKS makes of this one: ranks that are not with rank 0 read no files and
# get copies of all weights and tokens. The same bytes as on one node, and the same one message of a bad file.
# check() calls the functions below by name
# shellcheck disable=SC2317
set -u
# shellcheck source=tests/jobs/lib.sh
. tests/jobs/lib.sh

# run NODE_RANKS RANKS JOB NAME ARGUMENT... - into $WORK/NAME.h5; NODE_RANKS 0: all on one node
run() {
    each=$1 n=$2 job=$3 out=$4
    shift 4
    LIGHTCONE_NODE_RANKS=$each $MPIRUN -n "$n" "$LIGHTCONE" run "$demo/$job.yaml" --set "cache=$WORK/cache" \
        --set "output=$WORK/$out.h5" "$@" >"$WORK/log" 2>&1
}

# same JOB ARGUMENT... - two nodes of one rank, and three of two, two and one
same() {
    job=$1
    shift
    check "$job on one node" run 0 2 "$job" one "$@"
    for nodes in '1 2' '2 5'; do
        check "$job on nodes of ${nodes% *} of ${nodes#* } ranks" run "${nodes% *}" "${nodes#* }" "$job" many "$@"
        check "$job: the same bytes on nodes of ${nodes% *} of ${nodes#* } ranks" cmp "$WORK/one.h5" "$WORK/many.h5"
        rm -f "$WORK/many.h5"
    done
}

same influence --set windows.count=10 --set threshold=2 --set 'token_vector=[residual, reconstruction]' --set 'sites.layers=[1, 4]'
same sparsity --set corpus.tokens=4000 --set 'sites.layers=[0, 2, 5]'
same correlation --set corpus.tokens=3000 --set 'sites.layers=[1]' --set 'correlation={spectrum: none}'

# two tasks, the second of which keeps the first one's weights
same sweep --set 'sweep={corpus.tokens: [2000, 3000], threshold: [0.2, 1.0]}'

# the parts that it is made of: agreement, sharing, merging
parts() { LIGHTCONE_NODE_RANKS=2 $MPIRUN -n "$1" "${LIGHTCONE%/*}/tests/test_comm" >"$WORK/log" 2>&1; }
check 'test_comm on 4 ranks' parts 4
check 'test_comm on 5 ranks' parts 5

# A bad file of rank 0's node; the other node hears of it.
bad() {
    make_base "$WORK/bad" && printf '\377\377\377\377\377\377\377\377' |
        dd of="$WORK/bad/sae/resid_out_layer1/ae.pt" bs=1 seek=300000 conv=notrunc status=none && cd "$WORK/bad" || return 1
    "$LIGHTCONE" run c.yaml 2>&1 | grep '^lightcone: ' >one
    LIGHTCONE_NODE_RANKS=2 $MPIRUN -n 4 "$LIGHTCONE" run c.yaml >"$WORK/log" 2>&1 && return 1
    grep '^lightcone: ' "$WORK/log" | cmp - one && grep -q nan one && [ ! -e out/r.h5 ]
}
check 'a bad file' bad
conclude
