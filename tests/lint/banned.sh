#!/bin/sh
# banned.sh - calls that are unsafe or that belong to main alone.
set -u
bad=0

ban() { # why, pattern of names, files...
    why=$1 names=$2
    shift 2
    [ $# -gt 0 ] || return 0
    # lines of comments begin with /* or *
    if grep -nHE "(^|[^[:alnum:]_.>])($names)[[:space:]]*\(" "$@" | grep -vE '^[^:]*:[0-9]*:[[:space:]]*(/\*|\*|//)'; then
        echo "  banned: $why"
        bad=1
    fi
}

files() { # of the folders that exist
    for d in "$@"; do
        [ -d "$d" ] && find "$d" -name '*.[ch]'
    done
}

everything=$(files include src jobs tests)
program=$(files include src jobs)
library=$(files src jobs | grep -vE '^src/(main\.c|report/)')
# shellcheck disable=SC2086 # names without spaces
{
    ban "unbounded or silent about errors" \
        'strcpy|strcat|stpcpy|sprintf|vsprintf|gets|strtok|atoi|atol|atoll|atof|tmpnam|mktemp|alloca' $everything
    ban "runs a shell" 'system|popen' $program
    ban "only main ends the program" 'exit|_exit|_Exit|quick_exit|abort' $library
    ban "only main and the report print" 'printf|vprintf|puts|putchar|perror' $library
    if [ -n "$library" ] && grep -nHwE 'stdout' $library; then
        echo "  banned: only main and the report print"
        bad=1
    fi
    if grep -nHwE 'TODO|FIXME' $everything; then
        echo "  banned: unfinished work"
        bad=1
    fi
}
exit $bad
