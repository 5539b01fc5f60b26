#!/bin/sh
# test_bad_input.sh - every kind of bad input gives one message that names what is wrong, a status, and no result.
# The cases are bad_input.table, a row each; $1 narrows them to names that contain it. Afterwards bits of the demo's
# files are flipped at fixed places: whatever they are, the program answers with a result or with one message.
#
# The table calls the functions below by name, and each case is a shell of its own, which exits with its failures.
# shellcheck disable=SC2317,SC2030,SC2031
set -u
# shellcheck source=tests/jobs/lib.sh
. tests/jobs/lib.sh
table=tests/jobs/bad_input.table only=${1:-}
: "${FLIPS:=60}"

# --- what the rows are made of; all work in the case's folder ---------------------------------------------------------

command=run config=c.yaml sae=sae/resid_out_layer1 first=model/model-00001-of-00003.safetensors

# add ARGUMENT... - to the command line
add() { printf '%s\n' "$@" >>arguments; }
# key KEY=VALUE... - over the configuration's
key() { for k in "$@"; do add --set "$k"; done; }
# yaml LINE... - behind the configuration's lines
yaml() { printf '%s\n' "$@" >>"$config"; }
# own FILE - a copy that may be written: the case's files are links
own() { cp "$1" "$1.own" && mv "$1.own" "$1"; }
# put FILE FORMAT - the whole file, printf's escapes allowed
# shellcheck disable=SC2059 # the format is the file
put() { rm -f "$1" && printf -- "$2" >"$1"; }
# edit FILE SCRIPT - with sed, byte by byte; must change something
edit() { cp "$1" before && LC_ALL=C sed -i "$2" "$1" && ! cmp -s before "$1" && rm before; }
# cut_to FILE BYTES
cut_to() { own "$1" && truncate -s "$2" "$1"; }
# poke FILE OFFSET FORMAT - overwrite bytes; an offset below 0 counts from the end
# shellcheck disable=SC2059 # the format is the bytes
poke() {
    own "$1"
    at=$2
    [ "$at" -ge 0 ] || at=$(($(wc -c <"$1") + at))
    printf -- "$3" | dd of="$1" bs=1 seek="$at" conv=notrunc status=none
}
# tensors HEADER BYTES - the model's weights as one safetensors file of that header and so many zero bytes
tensors() {
    n=$(printf '%s' "$1" | wc -c)
    rm -f model/*.safetensors model/*.index.json
    bytes=$(printf '\\%03o\\%03o' $((n % 256)) $((n / 256)))
    { printf "$bytes"'\0\0\0\0\0\0%s' "$1"; head -c "$2" /dev/zero; } >model/model.safetensors
}
# pickle NAME - one of the torch files kept for the unit tests, as the SAE's weights
pickle() { own "$sae/ae.pt" && cp "$data/format/torch/$1.pt" "$sae/ae.pt"; }
# saelens NAME CONFIG-SCRIPT - a SAELens folder of the unit tests in place of the SAE, cfg.json edited
saelens() { rm -r "$sae" && cp -r "$data/format/$1" "$sae" && edit "$sae/cfg.json" "$2"; }
# repeat COUNT TEXT
repeat() { awk -v n="$1" -v t="$2" 'BEGIN { while (n-- > 0) printf "%s", t }'; }
# sparsity FOLDER [ARGUMENT]... - a sparsity result of these inputs, FOLDER/from.h5
sparsity() {
    folder=$1
    shift
    "$LIGHTCONE" run "$config" --set job=sparsity --set "output=$folder/from.h5" "$@" 2>/dev/null
}
# contexts [ARGUMENT]... - a contexts result of these inputs, from.h5
contexts() {
    "$LIGHTCONE" run "$config" --set job=contexts --set output=from.h5 --set 'windows={length: 16}' \
        --set corpus.tokens=400 "$@" 2>/dev/null
}
# top K - read out the K strongest activations of from.h5
top() { key 'windows={length: 16}' "readout={top_activations: $1, from: from.h5}"; }
# export_of RESULT FOLDER [ARGUMENT]... - the command exports this result
export_of() {
    command=export config=$1
    shift
    add -o "$@"
}
# import_of FILE [ARGUMENT]... - the command imports these published files into out/r.h5
import_of() {
    command=import config=$1
    shift
    add -o out/r.h5 "$@"
}
# small_disk FOLDER [KIB] - a file system of so many KiB (64) there, or else a limit on the size of files
small_disk() {
    mkdir -p "$1"
    if mount -t tmpfs -o "size=${2:-64}k" tmpfs "$1" 2>/dev/null; then
        echo "$PWD/$1" >>"$WORK/mounts"
    else
        ulimit -f "${2:-64}"
    fi
}
# read_only FOLDER - a file system there that cannot be written
read_only() {
    mkdir -p "$1"
    if mount -t tmpfs -o ro tmpfs "$1" 2>/dev/null; then
        echo "$PWD/$1" >>"$WORK/mounts"
    else
        chmod 555 "$1"
    fi
}
unmount_all() {
    [ ! -e "$WORK/mounts" ] || while read -r folder; do umount "$folder"; done <"$WORK/mounts"
    rm -f "$WORK/mounts"
}
trap unmount_all EXIT

# --- one case -----------------------------------------------------------------------------------------------------------

# run RANKS [COMMAND] - the case's command; its exit status
run() {
    ranks=$1
    set -- "${2:-$command}" "$config"
    while IFS= read -r argument; do set -- "$@" "$argument"; done <arguments
    [ "$ranks" -eq 1 ] || set -- -n "$ranks" "$LIGHTCONE" "$@"
    [ "$ranks" -eq 1 ] && program=$LIGHTCONE || program=$MPIRUN
    timeout -k 5 60 "$program" "$@" >stdout 2>stderr </dev/null
}

# what a run may leave only when it succeeds; features.from and the cache aside
left_over() { find . -name '*.partial' -o -name 'r.*' -o -name '*.h5' ! -name 'from.h5'; }

# check_failed NAME - that a failed run has said so once, and has left nothing
check_failed() {
    said=$(grep '^lightcone: ' stderr | grep -cv '^lightcone: warning: ')
    [ "$said" -eq 1 ] || fail "$1: $said messages"
    [ -z "$(left_over)" ] || fail "$1: left $(left_over | tr '\n' ' ')"
    check_sound "$1"
}

check_sound() {
    ! grep -q 'Sanitizer\|runtime error:' stderr || fail "$1: a sanitizer's report"
}

# check_essentials NAME 'TEXT + TEXT...'
check_essentials() {
    rest=$(eval "printf %s \"$2\"") # $first, $sae
    while [ -n "$rest" ]; do
        text=${rest%%' + '*}
        [ "$text" = "$rest" ] && rest='' || rest=${rest#*' + '}
        grep '^lightcone: ' stderr | grep -qF -- "$text" || fail "$1: the message lacks '$text'"
    done
}

# What only the numbers in the weights, the room for the result or another hash of the same size can show, run finds later;
# plan does without a cache.
run_only='NaN|infinite|disk|write|other inputs|cache'

# check_plan NAME STATUS - plan has said what run said, with the same status
check_plan() {
    grep '^lightcone: ' stderr | grep -v '^lightcone: warning: ' >said
    add --gflops 50
    run 1 plan
    got=$?
    [ "$got" -ne 0 ] || ! echo "$1" | grep -qE "$run_only" || return
    [ "$got" -eq "$2" ] || fail "$1: plan has status $got, run $2"
    grep '^lightcone: ' stderr | grep -v '^lightcone: warning: ' | cmp -s said - || fail "$1: plan says otherwise"
    check_sound "$1"
}

# one NAME RANKS STATUS HOW ESSENTIALS - in a shell of its own, in the folder of the case
one() (
    failures=0
    cp -rl "$WORK/base" "$WORK/case" && cd "$WORK/case" || exit 1
    own arguments && own c.yaml
    eval "$4" || fail "$1: the case could not be made"
    run "$2"
    got=$?
    [ "$got" -eq "$3" ] || fail "$1: status $got, expected $3"
    check_failed "$1"
    check_essentials "$1" "$5"
    if [ "$command" = run ] && [ "$2" -eq 1 ]; then check_plan "$1" "$3"; fi
    [ "$failures" -eq 0 ] || sed 's/^/     | /' stderr
    [ -z "${SHOW:-}" ] || echo "$1: $(grep '^lightcone: ' stderr)"
    exit "$failures"
)

# --- the table ----------------------------------------------------------------------------------------------------------

trimmed() { printf '%s' "$1" | sed 's/^ *//; s/ *$//'; }

run_table() {
    while IFS='|' read -r name ranks status how essentials; do
        name=$(trimmed "$name")
        case $name in '' | '#'*) continue ;; esac
        case $name in *"$only"*) ;; *) continue ;; esac
        checks=$((checks + 1))
        one "$name" "$((ranks))" "$((status))" "$(trimmed "$how")" "$(trimmed "$essentials")"
        failures=$((failures + $?))
        unmount_all
        rm -rf "$WORK/case"
    done <"$table"
}

# --- flipped bits -------------------------------------------------------------------------------------------------------

state=20240917
# draw BELOW - the next pseudo-random number, in $drawn
draw() {
    state=$(((state * 1103515245 + 12345) % 2147483648))
    drawn=$((state / 65536 % $1))
}

# flip_one FILE OFFSET BYTE - a result that differs (its provenance has another hash), or one message
flip_one() (
    failures=0
    name="byte $2 of $1 set to $3"
    cp -rl "$WORK/base" "$WORK/case" && cd "$WORK/case" || exit 1
    poke "$1" "$2" "\\$3"
    cmp -s "$1" "$WORK/base/$1" && exit 0
    run 1
    got=$?
    case $got in
    0) check_sound "$name"
       [ "$1" = c.yaml ] || ! cmp -s out/r.h5 "$WORK/reference.h5" || fail "$name: the result is the same" ;;
    1 | 2) check_failed "$name" ;;
    *) fail "$name: status $got" ;;
    esac
    [ "$failures" -eq 0 ] || sed 's/^/     | /' stderr
    exit "$failures"
)

run_flips() {
    files="$first model/model-00002-of-00003.safetensors model/model.safetensors.index.json model/config.json
        model/tokenizer.json $sae/ae.pt $sae/config.json corpus.txt c.yaml"
    (cd "$WORK/base" && run 1 && mv out/r.h5 "$WORK/reference.h5") || fail 'the good run'
    rm -rf "$WORK/base/out"
    count=0
    while [ "$count" -lt "$FLIPS" ]; do
        for file in $files; do
            size=$(wc -c <"$WORK/base/$file")
            # half of them where the structure is
            [ $((count % 2)) -eq 0 ] && [ "$size" -gt 3000 ] && size=3000
            draw 32768 && high=$drawn && draw 32768 && at=$(((high * 32768 + drawn) % size))
            old=$(od -An -tu1 -j "$at" -N 1 "$WORK/base/$file")
            draw 7 && byte=$(printf %03o $((old ^ 1 << drawn)))
            count=$((count + 1)) checks=$((checks + 1))
            flip_one "$file" "$at" "$byte"
            failures=$((failures + $?))
            rm -rf "$WORK/case"
        done
    done
}

make_base "$WORK/base"
run_table
[ -n "$only" ] || run_flips
conclude
