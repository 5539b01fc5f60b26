#!/bin/sh
# auto.sh - what `make test` does about the tests under Slurm, which install and start daemons: it runs them in CI and as
# root in a container, and says elsewhere how to.
set -u
in_container() {
    [ -e /.dockerenv ] || [ -e /run/.containerenv ] || [ -n "${container:-}" ]
}
if [ "${CI:-}" = true ] || { [ "$(id -u)" -eq 0 ] && in_container; }; then
    exec "${MAKE:-make}" --no-print-directory test-slurm
fi
echo 'skip test_slurm: it installs and starts Slurm daemons; make test-slurm, as root, does that'
