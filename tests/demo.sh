#!/bin/sh
# demo.sh BUILD - the demo: sparsity, correlation, influence and context sweep at all sites on $RANKS ranks, then the report.
set -eu
build=$1
: "${RANKS:=2}" "${MPIRUN:=mpirun}"
say_and_do() {
    echo "+ $*"
    "$@"
}
if [ "$(id -u)" -eq 0 ]; then
    echo "running as root: OMPI_ALLOW_RUN_AS_ROOT=1 and OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 are set for Open MPI"
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
# more ranks than cores is fine here, and containers often forbid copying between processes
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_btl_vader_single_copy_mechanism=none
for job in sparsity correlation influence context_sweep; do
    say_and_do "$MPIRUN" -n "$RANKS" "$build/lightcone" run "configs/demo/$job.yaml"
done
results=configs/demo/results
say_and_do "$build/lightcone" report $results/sparsity.h5 $results/correlation.h5 $results/influence.h5 \
    $results/context_sweep.h5 -o $results/report
echo
echo "Open $results/report/index.html in a browser; the figures alone are in $results/report/figures/."
