#!/bin/sh
# run.sh FOLDER SECONDS - run each fuzz target of the folder for so long, from the corpus that is kept beside this script.
# What it adds to the corpus and the inputs that it finds at fault go to FOLDER/found, not into the tree.
set -u
folder=$1 seconds=$2 bad=0
for corpus in tests/fuzz/corpus/*; do
    name=$(basename "$corpus")
    found=$folder/found/$name
    mkdir -p "$found/corpus"
    if timeout -k 10 $((seconds + 120)) "$folder/$name" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 \
        -print_final_stats=1 -artifact_prefix="$found/" "$found/corpus" "$corpus" >"$found/log" 2>&1; then
        echo "$name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$found/log") inputs, nothing found"
    else
        bad=1
        echo "$name: a finding; the input is in $found"
        grep -v '^#' "$found/log" | tail -n 30
    fi
done
exit "$bad"
