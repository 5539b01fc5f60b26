#!/bin/sh
# shellcheck disable=SC2016 # the dollars are awk's
# test_simulate.sh - `plan --simulate`: its table and JSON, what it takes from a run record and from --assume, bad values, how
# makespan, load and memory behave with ranks, and a coarse comparison with real runs.
set -u
# shellcheck source=tests/jobs/lib.sh
. tests/jobs/lib.sh
cp -r "$demo" "$WORK/demo" && cd "$WORK/demo" || exit 1
rm -rf results

# simulate ARGUMENT... - plan.json
simulate() {
    checks=$((checks + 1))
    "$LIGHTCONE" plan "$@" --simulate --json --gflops 50 >plan.json 2>stderr || fail "$name: $(cat stderr)"
}

# column KEY - of all rows, one a line
column() { sed -n "s/^ *\"$1\": \\([-0-9.e+]*\\),*\$/\\1/p" plan.json; }

# holds TEXT AWK - a condition on the rows' columns, one row a line: ranks, makespan, efficiency, load, compute, flush, merge,
# write, busy, coordinator's share, the same one by one, wait, memory of rank 0's node, of another
holds() {
    checks=$((checks + 1))
    for key in ranks makespan_seconds efficiency load_seconds compute_seconds flush_seconds merge_seconds write_seconds \
        busy_share coordinator_share coordinator_share_one_by_one mean_wait_seconds root_node_bytes node_bytes; do
        sed -n '/"simulation"/,$p' plan.json | sed -n "s/^ *\"$key\": \\([-0-9.e+]*\\),*\$/\\1/p" >"column.$key"
    done
    paste -d ' ' column.ranks column.makespan_seconds column.efficiency column.load_seconds column.compute_seconds \
        column.flush_seconds column.merge_seconds column.write_seconds column.busy_share column.coordinator_share \
        column.coordinator_share_one_by_one column.mean_wait_seconds column.root_node_bytes column.node_bytes >rows
    awk "$2"' END { exit bad || NR < 1 }' rows || fail "$name: not so: $1; rows: $(cat rows)"
}

# refuse TEXT ARGUMENT... - a usage error that says so
refuse() {
    text=$1
    shift
    checks=$((checks + 1))
    "$LIGHTCONE" plan influence.yaml "$@" >stdout 2>stderr
    [ $? -eq 2 ] || fail "$*: exit status"
    grep -q -- "$text" stderr || fail "$*: $(cat stderr)"
    [ "$(wc -l <stderr)" -eq 1 ] || fail "$*: more than one line"
}

free='latency_us=0 service_us=0 bandwidth_gbs=1e6 disk_gbs=1e6 disk_rank_gbs=1e6'
assume() { for a in $1; do printf ' --assume %s' "$a"; done; }

# --- rows, and their arithmetic ------------------------------------------------------------------------------------------
name=rows
# shellcheck disable=SC2046 # words
simulate influence.yaml --set windows.choice=sequential --set windows.count=380 -n 4096 $(assume "$free node_ranks=64")
[ "$(sed -n '/"simulation"/,$p' plan.json | grep -c '"ranks"')" -eq 13 ] || fail "$name: not 13 rows"
holds 'ranks double' 'NR > 1 && $1 != 2 * last { bad = 1 } { last = $1 }'
holds 'the parts are the whole' '{ d = $2 - $4 - $5 - $6 - $7 - $8; if (d * d > 1e-12 * $2 * $2) bad = 1 }'
holds 'efficiency is that of one rank, shared' 'NR == 1 { one = $2 } { d = $3 - one / ($1 * $2); if (d * d > 1e-12) bad = 1 }'
holds 'Amdahl: no faster than loading and writing' '$2 < $4 + $8 { bad = 1 } NR == 1 { one = $2; serial = $4 + $8 }
    $2 < serial + (one - serial) / $1 - 1e-9 { bad = 1 }'
holds 'computing does not grow with ranks' 'NR > 1 && $5 > 1.02 * last + 0.012 { bad = 1 } { last = $5 }' # naps at the end
holds 'what is free takes no time of rank 0' '$10 != 0 || $11 != 0 { bad = 1 }'
holds 'rank 0 needs no more memory with ranks' '$1 >= 64 { if (root && $13 > 1.001 * root) bad = 1; root = $13 }'
holds 'another node, where there is one' '($14 > 0) != ($1 > 64) { bad = 1 }'
holds 'busy ranks at first' 'NR < 4 && $9 < 0.9 { bad = 1 }'
"$LIGHTCONE" plan influence.yaml -n 6 --simulate --gflops 50 >stdout 2>stderr || fail "$name: $(cat stderr)"
[ "$(awk '/^ +(1|2|4|6) +[0-9]+ .*%.*%/' stdout | wc -l)" -eq 4 ] || fail "$name: not 1, 2, 4, 6: $(cat stdout)"
grep -q 'service_us=2 ' stdout || fail "$name: does not say what it assumes"
grep -q 'spread assumed' stdout || fail "$name: does not say where its units come from"
"$LIGHTCONE" plan influence.yaml -n 6 --simulate --gflops 50 2>/dev/null | cmp -s - stdout || fail "$name: not the same twice"
if command -v python3 >/dev/null; then
    python3 -m json.tool plan.json >/dev/null || fail 'the plan is not JSON'
fi

name='a slow coordinator'
simulate sparsity.yaml --set unit.windows=1 -n 64 --assume service_us=5000 --assume node_ranks=64
holds 'it is busy' '$1 == 64 && $11 < 0.9 { bad = 1 }'
holds 'and ranks wait' '$1 == 64 && $12 < 0.01 { bad = 1 }'
name='cores that are shared'
simulate influence.yaml -n 8 --assume node_ranks=8 --assume node_cores=2
holds 'eight ranks on two cores are no faster than two' 'NR == 2 { two = $5 } NR == 4 && ($5 < 0.95 * two || $5 > 1.3 * two) { bad = 1 }'
name='checkpoints on a slow disk'
simulate sparsity.yaml -n 4 --set checkpoint.every=1 --assume disk_gbs=0.01
with=$(column makespan_seconds | tail -n 1)
holds 'there is a last segment' 'NR == 1 && $6 <= 0 { bad = 1 }'
simulate sparsity.yaml -n 4 --set checkpoint.every=0 --assume disk_gbs=0.01
without=$(column makespan_seconds | tail -n 1)
holds 'there is none' '$6 != 0 { bad = 1 }'
awk -v a="$with" -v b="$without" 'BEGIN { exit !(a >= b) }' || fail "$name: $with s with checkpoints, $without without"

# --- bad values ----------------------------------------------------------------------------------------------------------
refuse 'goes with --simulate' --assume latency_us=1
refuse 'goes with --simulate' --like-run x.run.json
refuse "-n is '1048577'" --simulate -n 1048577
refuse "'speed=3'; allowed: KEY=NUMBER with one of latency_us" --simulate --assume speed=3
refuse "'latency_us'; allowed: KEY=NUMBER" --simulate --assume latency_us
refuse 'latency_us=-1: allowed: a number from 0' --simulate --assume latency_us=-1
refuse 'node_ranks=0: allowed: a number from 1' --simulate --assume node_ranks=0
refuse 'disk_gbs=nan: allowed' --simulate --assume disk_gbs=nan
refuse 'service_us=2x: allowed' --simulate --assume service_us=2x
for record in missing.run.json corpus.txt; do
    checks=$((checks + 1))
    "$LIGHTCONE" plan influence.yaml --simulate --like-run "$record" >stdout 2>stderr && fail "took $record"
    grep -q "$record" stderr || fail "$record: $(cat stderr)"
done

# --- beside a real run ---------------------------------------------------------------------------------------------------
# The hand-out of two ranks, from what units took in that very run: a machine that is busy with other things lengthens both.
name='like a run'
case $LIGHTCONE in */asan/*) less='windows.count=8' ;; *) less='windows.count=24' ;; esac
set -- influence.yaml --set "$less" --set 'token_vector=[]' --set 'sites.layers=[0, 1, 2]'
"$MPIRUN" -n 2 "$LIGHTCONE" run "$@" --set output=results/two.h5 2>stderr || fail "$name: $(cat stderr)"
simulate "$@" -n 2 --like-run results/two.run.json --assume node_ranks=2
grep -q '"unit_from": "results/two.run.json"' plan.json || fail "$name: does not say so"
real=$(sed -n 's/^ *"compute_seconds": \([0-9.]*\),*$/\1/p' results/two.run.json)
found=$(sed -n '/"simulation"/,$p' plan.json | sed -n 's/^ *"compute_seconds": \([0-9.e+-]*\),*$/\1/p' | tail -n 1)
echo "$name: two ranks took $real s, simulated $found s"
checks=$((checks + 1))
awk -v a="$found" -v b="$real" 'BEGIN { exit !(a > 0.75 * b && a < 1.25 * b) }' || fail "$name: $found s simulated, $real s in truth"
checks=$((checks + 1))
"$LIGHTCONE" plan sparsity.yaml --simulate --like-run results/two.run.json >stdout 2>stderr && fail "$name: took another job's"
grep -q "record of a job 'influence'" stderr || fail "$name: $(cat stderr)"
conclude
