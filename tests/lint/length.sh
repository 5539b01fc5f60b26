#!/bin/sh
# length.sh - no function over 80 lines (braces in column 0).
set -u
most=80
set --
for d in include src jobs tests; do
    [ -d "$d" ] && set -- "$@" "$d"
done
find "$@" -name '*.[ch]' -exec awk -v most=$most '
    FNR == 1 { start = 0 }
    /^\{/ { start = FNR }
    /^\}/ {
        if (start && FNR - start > most) { print FILENAME ":" start ": " FNR - start " lines; at most " most; bad = 1 }
        start = 0
    }
    END { exit bad }' {} +
