#!/bin/sh
# deps.sh "module=package=spec ..." "program=package=spec ..." - see that everything is there: pkg-config modules and programs.
# What is missing is installed with apt-get where that works (as root, or with sudo), and named otherwise.
# deps.sh --try PACKAGE... - install what some tests would like to have; they skip without it, so a failure is only said.
set -u
packages='' specs='' named=''
miss() { # what, package, spec
    named="$named  $1 (Debian: $2, Spack: $3)
"
    case " $packages " in *" $2 "*) ;; *) packages="$packages $2" ;; esac
    case " $specs " in *" $3 "*) ;; *) specs="$specs $3" ;; esac
}
look() { # the two lists
    for entry in $2; do
        rest=${entry#*=}
        command -v "${entry%%=*}" >/dev/null 2>&1 || miss "program ${entry%%=*}" "${rest%%=*}" "${rest#*=}"
    done
    for entry in $1; do
        rest=${entry#*=}
        pkg-config --exists "${entry%%=*}" 2>/dev/null || miss "library ${entry%%=*}" "${rest%%=*}" "${rest#*=}"
    done
}
say_and_do() {
    echo "+ $*" >&2
    "$@"
}

# word splitting is meant: sudo or nothing
# shellcheck disable=SC2086
install_packages() {
    sudo=
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null 2>&1 || return 1
        sudo=sudo
    fi
    command -v apt-get >/dev/null 2>&1 || return 1
    say_and_do $sudo apt-get update -qq &&
        say_and_do $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

if [ "$1" = --try ]; then
    shift
    install_packages "$@" || echo "not installed: $*; the tests that use it will skip"
    exit 0
fi
look "$1" "$2"
[ -n "$packages" ] || exit 0
printf 'missing:\n%s' "$named"
# shellcheck disable=SC2086 # a list
if install_packages $packages; then
    packages='' specs='' named=''
    look "$1" "$2"
    [ -n "$packages" ] || exit 0
    printf 'still missing after apt-get:\n%s' "$named"
fi
echo "Without root, on a cluster, load the modules of these, or install them with Spack and load them:"
echo "  spack install$specs && spack load$specs"
echo "and build with: make MPI=site"
exit 1
