#!/bin/sh
# test_mpich.sh - the program built with MPICH beside the one under test: the tests of tests/mpi, and jobs that are stopped
# and killed and go on under either library, to the bytes of the other. `make test` installs MPICH's packages where CI is set.
set -u
# shellcheck source=tests/jobs/lib.sh
. tests/jobs/lib.sh
# shellcheck source=tests/jobs/faults.sh
. tests/jobs/faults.sh
case $LIGHTCONE in
*/build/release/lightcone) ;;
*) echo 'compares with the release build with Open MPI: only beside that'; exit 77 ;;
esac
if ! { command -v mpicc.mpich && command -v mpirun.mpich && pkg-config --exists hdf5-mpich scalapack-mpich; } >/dev/null; then
    echo 'MPICH, with HDF5 and ScaLAPACK for it, is not installed: make deps MPI=mpich'
    exit 77
fi
built=build/mpich-release
env -u MAKEFLAGS -u MAKELEVEL make -j2 MPI=mpich all mpi-tests >"$WORK/log" 2>&1 || { cat "$WORK/log"; exit 1; }

# as_mpich, as_openmpi - whose program and launcher the functions of faults.sh take
openmpi_program=$LIGHTCONE openmpi_launcher=$MPIRUN
as_mpich() { LIGHTCONE=$PWD/$built/lightcone MPIRUN=mpirun.mpich; }
as_openmpi() { LIGHTCONE=$openmpi_program MPIRUN=$openmpi_launcher; }

# MPICH's waiting ranks hold on to their cores: no more ranks than a small machine has
for test in comm handout checkpoint_ranks top_readouts matrix; do
    checks=$((checks + 1))
    mpirun.mpich -n 2 "$built/tests/test_$test" >"$WORK/log" 2>&1 || { fail "test_$test" && cat "$WORK/log"; }
done

# stopped by SIGUSR1 and killed under MPICH, finished under Open MPI
reference contexts
as_mpich
begin 2
until_saved
strike USR1 launcher
stopped
# Hydra loses the ranks' status now and then when it has passed a signal on, of any program: what rank 0 says counts too
status "SIGUSR1 to MPICH's mpirun" 75 0
checks=$((checks + 1))
if ! grep -q 'lightcone: stopped: by signal' "$WORK/log" || [ -e "$out/r.h5" ]; then
    fail "SIGUSR1 to MPICH's mpirun: not stopped"
    sed 's/^/     | /' "$WORK/log"
fi
begin 2
sleep 1
strike KILL worker
stopped
checks=$((checks + 1))
[ "$got" -ne 0 ] || fail 'SIGKILL to a rank of MPICH: status 0'
as_openmpi
finish contexts 2 'stopped and killed under MPICH, finished under Open MPI'

checks=$((checks + 1))
mpirun.mpich -n 2 "$openmpi_program" run "$configuration" --set "output=$WORK/never.h5" >"$WORK/log" 2>&1
if [ "$(grep -c 'it is not that of the MPI library' "$WORK/log")" -ne 1 ] || [ -e "$WORK/never.h5" ]; then
    fail "MPICH's launcher with Open MPI's program"
    cat "$WORK/log"
fi

# a result that all ranks write
for library in openmpi mpich; do
    "as_$library"
    $MPIRUN -n 2 "$LIGHTCONE" run "$demo/correlation.yaml" --set "cache=$WORK/cache" --set "output=$WORK/$library.h5" --set corpus.tokens=6000 \
        --set 'sites.layers=[1, 3]' --set 'features={min_unique: 9}' >"$WORK/log" 2>&1 || { fail "correlation, $library" && cat "$WORK/log"; }
done
checks=$((checks + 1))
cmp "$WORK/openmpi.h5" "$WORK/mpich.h5" || fail 'correlation: other bytes'
conclude
