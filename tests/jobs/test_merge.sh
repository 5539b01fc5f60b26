#!/bin/sh
# test_merge.sh - results merged into one: every point holds what its own file holds, the order of the arguments has no say,
# what does not go together is refused, and what fails or is killed leaves no result. `show`, `info` and `report` read it.
set -u
# shellcheck source=tests/jobs/lib.sh
. tests/jobs/lib.sh
root=$PWD

run() { # output, configuration, --set ...
    name=$1 yaml=$2
    shift 2
    "$LIGHTCONE" run "$yaml" --set "cache=$WORK/cache" --set corpus.tokens=600 --set "output=$WORK/$name.h5" "$@" \
        >"$WORK/log" 2>&1 || {
        fail "run $name"
        cat "$WORK/log"
    }
}

# merge OUT RESULT... - names without .h5; says what merge says in $WORK/out
merge() {
    checks=$((checks + 1))
    to=$1
    shift
    # shellcheck disable=SC2046 # names without spaces
    (cd "$WORK" && "$LIGHTCONE" merge $(printf '%s.h5 ' "$@") -o "$to.h5") >"$WORK/out" 2>&1 || {
        fail "merge $*"
        cat "$WORK/out"
    }
}

# says TEXT... - what $WORK/out holds
says() {
    for text in "$@"; do
        checks=$((checks + 1))
        grep -q -- "$text" "$WORK/out" || { fail "no '$text' in" && sed 's/^/     | /' "$WORK/out"; }
    done
}

# same A B - the same bytes
same() {
    checks=$((checks + 1))
    cmp "$WORK/$1" "$WORK/$2" || fail "$1 and $2 differ"
}

exported() { [ -d "$WORK/$1.d" ] || "$LIGHTCONE" export "$WORK/$1.h5" -o "$WORK/$1.d" >/dev/null || fail "export $1"; }

# holds MERGED POINT RESULT [POINT] - every array of a result, or of its point, is that of the point, or of all points where
# it belongs to no site; and the point has no more
holds() {
    exported "$1"
    exported "$3"
    own=$WORK/$3.d/npy merged=$WORK/$1.d/npy
    from=$own${4:+/points/$4}
    (cd "$from" && find . -name '*.npy' ! -path './points/*') >"$WORK/list"
    checks=$((checks + 1))
    [ -s "$WORK/list" ] || fail "$3 has no arrays"
    while read -r file; do
        checks=$((checks + 1))
        at=$merged/points/$2/$file
        case $file in ./sites/*) ;; *) [ -e "$at" ] || at=$merged/$file ;; esac
        cmp "$from/$file" "$at" || fail "$1, point $2: $file is not that of $3"
    done <"$WORK/list"
    checks=$((checks + 1))
    [ "$(cd "$from" && find sites -name '*.npy' | wc -l)" -eq "$(cd "$merged/points/$2" && find sites -name '*.npy' | wc -l)" ] ||
        fail "$1, point $2 has other arrays than $3"
}

# refused STATUS OUT TEXT ARGUMENT... - one message that holds the text, and no result
refused() {
    checks=$((checks + 1))
    wanted=$1 to=$2 text=$3
    shift 3
    (cd "$WORK" && "$LIGHTCONE" merge "$@" -o "$to") >"$WORK/out" 2>&1
    got=$?
    [ "$got" -eq "$wanted" ] || fail "merge $*: status $got, not $wanted"
    [ "$(wc -l <"$WORK/out")" -eq 1 ] || fail "merge $*: not one message"
    says "$text"
    no_result "$to" "merge $*"
}

no_result() { # path, of what
    checks=$((checks + 1))
    case $1 in *.there.h5) return ;; esac
    [ ! -e "$WORK/$1" ] || fail "$2: left $1"
    [ -z "$(find "$WORK" -name '*.partial')" ] || fail "$2: left a draft"
}

cd "$demo" || exit 1
for t in 0.2 1 10; do
    run "s$t" sparsity.yaml --set 'sites.layers=[1, 3]' --set "threshold=$t"
done
run i1 influence.yaml --set 'sites.layers=[1]' --set windows.count=2 --set threshold=3 --set token_vector='[]'
run i2 influence.yaml --set 'sites.layers=[2]' --set windows.count=2 --set threshold=3 --set token_vector='[]'
set -- --set 'sites.layers=[1]' --set windows.count=2 --set threshold=3 --set 'windows.length=[8, 32]' --set token_vector='[]'
run w3 influence.yaml "$@"
run w5 influence.yaml "$@" --set threshold=5
run wend influence.yaml "$@" --set windows.align=end
run c0.2 correlation.yaml --set 'sites.layers=[1]' --set correlation.spectrum=none
run c0.5 correlation.yaml --set 'sites.layers=[1]' --set correlation.spectrum=none --set threshold=0.5
run x0.2 contexts.yaml --set 'sites.layers=[1]'
run x0.5 contexts.yaml --set 'sites.layers=[1]' --set threshold=0.5
run lone contexts.yaml --set 'sites.layers=[1]' --set threshold=0.5 --set contexts.top=3
cd "$root" || exit 1

# numbers in the order of numbers; the same bytes from any order, and from a merge of merges
merge s s10 s0.2 s1
says 's.h5: points 3: threshold 0.2 1 10'
holds s 0000 s0.2
holds s 0001 s1
holds s 0002 s10
merge s_again s0.2 s1 s10
same s.h5 s_again.h5
merge s_two s0.2 s10
merge s_three s1 s_two
same s.h5 s_three.h5
merge s_copy s
same s.h5 s_copy.h5
checks=$((checks + 1))
if [ ! -e "$WORK/s.d/npy/vocabulary/bytes.npy" ] || [ ! -e "$WORK/s.d/npy/windows/token_id.npy" ] ||
    [ -n "$(find "$WORK/s.d/npy/points" -name token_id.npy -path '*windows*')" ]; then
    fail 'shared tokens stand more than once'
fi
grep -q '^  threshold: \[0.2, 1, 1e+01\]$' "$WORK/s.d/config.yaml" || fail 'the axis is not in the configuration'
same s.d/provenance/files.txt s1.d/provenance/files.txt

# a sweep's own points become points of the whole; windows of other lengths stand with their points
merge w w5 w3
says 'points 4: windows.length 8 32; threshold 3 5; windows start on the same token'
holds w 0000 w3 0000
holds w 0001 w5 0000
holds w 0002 w3 0001
holds w 0003 w5 0001
merge w_again w3 w5
same w.h5 w_again.h5
merge w_copy w
same w.h5 w_copy.h5
merge e wend w3
says 'points 4: windows.length 8 32; windows.align end start'
holds e 0000 wend 0000
holds e 0001 w3 0000
holds e 0002 wend 0001
holds e 0003 w3 0001
merge e_copy e
same e.h5 e_copy.h5

# sites, and points of which some are missing
merge i i2 i1
says 'points 2: sites.layers \[1\] \[2\]'
holds i 0000 i1
holds i 0001 i2
merge c c0.5 c0.2
holds c 0000 c0.2
holds c 0001 c0.5
merge x x0.5 lone x0.2
says 'points 3 of a grid of 4: threshold 0.2 0.5; contexts.top 10 3'
holds x 0000 x0.2
holds x 0001 lone
holds x 0002 x0.5
merge alone s1
holds alone 0000 s1

cp "$WORK/s1.h5" "$WORK/twin.h5"
head -c 3000 "$WORK/s1.h5" >"$WORK/cut.h5"
echo text >"$WORK/text.h5"
refused 2 o.h5 's1.h5 is given twice' s1.h5 s10.h5 s1.h5
refused 2 o.h5 's1.h5 and twin.h5 hold the same point: no key' s1.h5 twin.h5
refused 2 o.h5 'the same point (threshold 1)' s1.h5 s10.h5 twin.h5
refused 2 o.h5 's1.h5 is of job sparsity, c0.2.h5 of job correlation' s1.h5 c0.2.h5
refused 1 o.h5 'text.h5: not an HDF5 file' s1.h5 text.h5
refused 1 o.h5 'cut.h5: cannot be opened' s1.h5 cut.h5
refused 1 o.h5 'missing.h5: no such file' s1.h5 missing.h5
cp "$WORK/text.h5" "$WORK/text.there.h5"
refused 1 text.there.h5 'is no result' s1.h5 s10.h5
cp "$WORK/s1.h5" "$WORK/own.there.h5"
refused 2 own.there.h5 'is one of the results' own.there.h5 s10.h5
same s1.h5 own.there.h5
"$LIGHTCONE" import "$data/import/sparsity.pt" --site resid_out_layer1 -o "$WORK/import.h5" >/dev/null 2>&1
refused 1 o.h5 'import.h5: no config in it' s1.h5 import.h5

# bits flipped: a result or one message, whatever they are
size=$(wc -c <"$WORK/x0.2.h5")
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
    at=$((i < 9 ? i * 331 % 9000 : i * 7919 * 101 % size))
    cp "$WORK/x0.2.h5" "$WORK/flip.h5"
    byte=$(od -An -tu1 -j "$at" -N 1 "$WORK/flip.h5" | tr -d ' ')
    # shellcheck disable=SC2059 # the format is the byte
    printf "\\$(printf %03o $(((byte + 128) % 256)))" | dd of="$WORK/flip.h5" bs=1 seek="$at" conv=notrunc status=none
    (cd "$WORK" && timeout 60 "$LIGHTCONE" merge flip.h5 x0.5.h5 -o flipped.h5) >"$WORK/out" 2>&1
    got=$?
    checks=$((checks + 1))
    case $got in
    0) rm -f "$WORK/flipped.h5" ;;
    1 | 2)
        no_result flipped.h5 "a flipped bit at $at"
        [ "$(wc -l <"$WORK/out")" -eq 1 ] || fail "bit at $at: not one message"
        ;;
    *) fail "a flipped bit at $at: status $got" ;;
    esac
done

# killed at some moment: no result; the next merge removes what was left of it
for pause in 0.01 0.02 0.04 0.06 0.08 0.12; do
    rm -f "$WORK/k.h5"
    (cd "$WORK" && exec "$LIGHTCONE" merge s0.2.h5 s1.h5 s10.h5 -o k.h5) >/dev/null 2>&1 &
    sleep "$pause"
    kill -9 $! 2>/dev/null
    wait $! 2>/dev/null
    checks=$((checks + 1))
    [ ! -e "$WORK/k.h5" ] || cmp "$WORK/k.h5" "$WORK/s.h5" || fail "killed after $pause s: half a result"
done
merge k s0.2 s1 s10
same k.h5 s.h5
no_result none.h5 'a merge after killed ones'
( # 1 MB below the result
    cd "$WORK" && ulimit -f "$(($(wc -c <s.h5) / 512 - 2000))" && "$LIGHTCONE" merge s0.2.h5 s1.h5 s10.h5 -o limit.h5 >out 2>&1
)
[ $? -eq 1 ] || fail 'limit on file sizes: not status 1'
says 'limit.h5'
no_result limit.h5 'limit on file sizes'
if [ "$(id -u)" -eq 0 ] && mkdir -p "$WORK/small" && mount -t tmpfs -o size=2m none "$WORK/small" 2>/dev/null; then
    refused 1 small/full.h5 'No space left' s0.2.h5 s1.h5 s10.h5
    umount "$WORK/small"
fi

"$LIGHTCONE" info "$WORK/w.h5" >"$WORK/out" 2>&1 || fail 'info'
says 'job influence' 'points           4: windows.length 8 32; threshold 3 5'
"$LIGHTCONE" show "$WORK/s.h5" --point 2 >"$WORK/out" 2>&1 || fail 'show'
says 'of point 2: threshold 10' '^site  *threshold  *tokens  *live  *mean_L0' '^resid_out_layer3  *1.000  *[0-9]' '^threshold: active is f > this  10'
"$LIGHTCONE" show "$WORK/s.h5" --point 3 >"$WORK/out" 2>&1 && fail 'show of a point that is not there'
says '--point 3: .*has 3 points'
"$LIGHTCONE" show "$WORK/i.h5" >"$WORK/out" 2>&1 || fail 'show of sites'
says '^resid_out_layer1: features by influence' '^resid_out_layer2: features by influence'
"$LIGHTCONE" show "$WORK/x.h5" --site resid_out_layer1 >"$WORK/out" 2>&1 || fail 'show of contexts'
says 'strongest activation of each feature'
if command -v gnuplot >/dev/null; then
    "$LIGHTCONE" report "$WORK/s.h5" "$WORK/w.h5" "$WORK/c.h5" "$WORK/x.h5" -o "$WORK/page" >"$WORK/out" 2>&1 || fail 'report'
    says 'index.html'
    for figure in influence sparsity correlation contexts; do
        checks=$((checks + 1))
        if [ ! -s "$WORK/page/figures/across_$figure.svg" ] || [ ! -s "$WORK/page/tables/across_$figure.csv" ]; then
            fail "no figure of $figure"
        fi
    done
    cp "$WORK/page/index.html" "$WORK/out"
    says 's.h5 has 3 points' 'of point 0: threshold 0.2'
fi
conclude
