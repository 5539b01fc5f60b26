# lib.sh - what the scripts of this folder share; sourced from the repository's root, with $LIGHTCONE, $WORK and $MPIRUN set.
# shellcheck shell=sh
# shellcheck disable=SC2034 # variables for the scripts that source this
: "${LIGHTCONE:=$PWD/build/release/lightcone}" "${MPIRUN:=mpirun}"
: "${WORK:=$(mktemp -d)}"
if [ "$(id -u)" -eq 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none OMPI_MCA_btl_vader_single_copy_mechanism=none
# ScaLAPACK sends very many small messages: ranks that wait must not keep the cores from those that have something to say
export OMPI_MCA_mpi_yield_when_idle=1
# the unit tests look for leaks; here the stacks of Open MPI's own would take a minute a run
case $LIGHTCONE in */asan/*) export ASAN_OPTIONS=detect_leaks=0 ;; esac
demo=$PWD/configs/demo data=$PWD/tests/data
failures=0 checks=0

# fail TEXT... - note a failure and go on
fail() {
    failures=$((failures + 1))
    echo "FAIL $*"
}

# check WHAT COMMAND... - it succeeds; else the end of $WORK/log is shown
check() {
    what=$1
    checks=$((checks + 1))
    shift
    "$@" || { fail "$what" && tail -n 5 "$WORK/log" | sed 's/^/     | /'; }
}

# children PID - the processes that it started; ps and pgrep are not everywhere
children() {
    sed -n "s/^\([0-9]*\) (.*) [A-Z] $1 .*/\1/p" /proc/[0-9]*/stat 2>/dev/null
}

# descendants PID - those and what they started: MPICH's mpirun has a proxy between itself and the ranks
descendants() {
    for child in $(children "$1"); do
        echo "$child"
        children "$child"
    done
}

# conclude - the script's exit status
conclude() {
    echo "$checks checks, $failures failed"
    [ "$failures" -eq 0 ] && [ "$checks" -gt 0 ]
    exit
}

# make_base FOLDER - a small influence job over the demo's files: two windows of 16 tokens at one site
make_base() {
    mkdir -p "$1/sae"
    cp -r "$demo/model" "$demo/corpus.txt" "$1/"
    cp -r "$demo/sae/resid_out_layer1" "$1/sae/"
    cat >"$1/c.yaml" <<'END'
job: influence
model: {path: model}
sae:
  path: sae/resid_out_layer{layer}
corpus: {path: corpus.txt}
windows:
  length: 16
  count: 2
sites: {layers: [1]}
output: out/r.h5
END
    : >"$1/arguments"
}
