#!/bin/sh
# run.sh - all checks of the source, a line each; what a failing check says stands below its line.
set -u
cd "$(dirname "$0")/../.." || exit 1
bad=0
for check in layers length banned headers shell; do
    if said=$("tests/lint/$check.sh" 2>&1); then
        echo "ok   $check"
    else
        echo "FAIL $check"
        echo "$said" | sed 's/^/     /'
        bad=1
    fi
done
exit $bad
