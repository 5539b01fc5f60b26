#!/bin/sh
# test_export.sh - `lightcone export` of results of the program: the files, what a full disk leaves, damaged results; and,
# where the published scripts' data are, their CSV tables byte for byte.
set -u
# shellcheck source=tests/jobs/lib.sh
. tests/jobs/lib.sh
shared=${LC_SHARED:-../shared}
[ ! -d "$shared" ] || shared=$(cd "$shared" && pwd)
published=$PWD/tests/data/published/sparsity.yaml
make_base "$WORK/base"
cd "$WORK/base" || exit 1

# works NAME COMMAND...
works() {
    name=$1
    shift
    checks=$((checks + 1))
    "$@" >stdout 2>stderr || { fail "$name: status $?" && sed 's/^/     | /' stderr; }
}

# same FILE FILE
same() {
    checks=$((checks + 1))
    cmp "$1" "$2" || fail "$name: $1 and $2 differ"
}

# --- a sparsity and an influence result ---------------------------------------------------------------------------------
works sparsity "$LIGHTCONE" run c.yaml --set job=sparsity --set output=s.h5
works 'export of sparsity' "$LIGHTCONE" export s.h5 -o s
checks=$((checks + 1))
[ "$(cat stdout)" = "s: 2 CSV tables, $(find s/npy -name '*.npy' | wc -l) arrays" ] || fail "$name: said $(cat stdout)"
name='rows of the tables'
for table in sparsity location; do
    checks=$((checks + 1))
    [ "$(grep -c "$(printf '\r$')" "s/feature_${table}_resid_out_layer1.csv")" -eq 1025 ] || fail "$name: $table"
done
works 'export with the tokenizer' "$LIGHTCONE" export s.h5 -o t --tokenizer model
same s/feature_sparsity_resid_out_layer1.csv t/feature_sparsity_resid_out_layer1.csv
same s/attributes.json t/attributes.json
name='head of an array' checks=$((checks + 1))
head=$(head -c 128 s/npy/sites/resid_out_layer1/sparsity/count.npy | tail -c +11 | tr -s ' ')
[ "$head" = "{'descr': '<i8', 'fortran_order': False, 'shape': (1024,), } " ] || fail "$name: $head"
# the counts as the array and as the table have them
tail -c +129 s/npy/sites/resid_out_layer1/sparsity/count.npy | od -An -v -td8 -w8 | tr -d ' ' >counts.npy
tail -n +2 s/feature_sparsity_resid_out_layer1.csv | cut -d, -f2 >counts.csv
same counts.npy counts.csv
[ -s counts.csv ] || fail 'no counts'

works influence "$LIGHTCONE" run c.yaml --set keep.profiles=true --set output=i.h5
works 'export of influence' "$LIGHTCONE" export i.h5 -o i
name='no tables of influence' checks=$((checks + 1))
[ -z "$(find i -name '*.csv')" ] || fail "$name"
for file in attributes.json config.yaml provenance/files.txt npy/sites/resid_out_layer1/influence/samples/profile.npy; do
    checks=$((checks + 1))
    [ -s "i/$file" ] || fail "$name: no $file"
done

# --- a limit on the size of files: what is there is whole --------------------------------------------------------------
name='a full disk' checks=$((checks + 1))
(ulimit -f 24 && "$LIGHTCONE" export s.h5 -o small) >stdout 2>stderr
[ $? -eq 1 ] || fail "$name: no status 1"
[ "$(grep -c '^lightcone: ' stderr)" -eq 1 ] || fail "$name: $(cat stderr)"
grep -q 'small/.*: File too large' stderr || fail "$name: $(cat stderr)"
find small -type f | sed 's#^small/##' >left
while read -r file; do
    same "small/$file" "s/$file"
done <left

# --- damaged results: files, or one message ----------------------------------------------------------------------------
size=$(wc -c <s.h5) at=0 state=7
while [ "$at" -lt "${FLIPS:-60}" ]; do
    at=$((at + 1)) state=$(((state * 1103515245 + 12345) % 2147483648))
    # half of them where the structure is
    [ $((at % 2)) -eq 0 ] && place=$((state / 8 % size)) || place=$((size - 1 - state / 8 % 20000))
    cp s.h5 damaged.h5
    printf '\377' | dd of=damaged.h5 bs=1 seek="$place" conv=notrunc status=none
    name="byte $place set to 255" checks=$((checks + 1))
    timeout -k 5 60 "$LIGHTCONE" export damaged.h5 -o damaged >stdout 2>stderr
    case $? in
    0) [ ! -s stderr ] || fail "$name: wrote $(cat stderr)" ;;
    1 | 2) [ "$(grep -c '^lightcone: .*damaged.h5' stderr)" -eq 1 ] || fail "$name: wrote $(cat stderr)" ;;
    *) fail "$name: another status" && cat stderr ;;
    esac
    [ -z "$(find . -name '*.partial')" ] || fail "$name: left a partial file"
done

# --- the published tables ----------------------------------------------------------------------------------------------
code=$shared/data/published-code
if [ -d "$code" ]; then
    works 'the published case' "$LIGHTCONE" run "$published" --set "model.path=$code/model" \
        --set "corpus.path=$code/text.txt" --set "output=$PWD/p.h5" \
        --set "sae.path=$code/dictionaries/pythia-70m-deduped/resid_out_layer{layer}/10_2048"
    works 'export of the published case' "$LIGHTCONE" export p.h5 -o p
    for layer in 0 1 2; do
        same "p/feature_sparsity_resid_out_layer$layer.csv" "$code/results/feature_sparsity_resid_out_layer$layer.csv"
    done
    same p/feature_location_resid_out_layer2.csv "$code/results/feature_location.csv"
else
    echo "$code is not there: skipped the published tables"
fi
conclude
