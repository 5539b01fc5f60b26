#!/bin/sh
# test_start.sh - whichever rank reads a bad file, all say what one rank alone says of it: at 2 ranks and more the SAE's numbers
# are read by another rank than the model's, and at 7 most ranks read none.
set -u
# shellcheck source=tests/jobs/lib.sh
. tests/jobs/lib.sh

# poke FILE BYTE - NaN there
poke() { printf '\377\377\377\377\377\377\377\377' | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }
sae=sae/resid_out_layer1/ae.pt model=model/model-00001-of-00003.safetensors

# agree FOLDER FILE - the one message of 1 rank names the file; 2, 3 and 7 ranks have the same, and fail
agree() {
    cd "$1" || exit 1
    "$LIGHTCONE" run c.yaml 2>&1 | grep '^lightcone: ' >one
    checks=$((checks + 1))
    { grep -q "$2" one && grep -q nan one; } || fail "1 rank: $(cat one)"
    for n in 2 3 7; do
        checks=$((checks + 1))
        if $MPIRUN -n "$n" "$LIGHTCONE" run c.yaml >log 2>&1; then fail "$n ranks: $2 was taken"; fi
        grep '^lightcone: ' log >many
        cmp -s one many || fail "$n ranks: $(cat many) (1 rank: $(cat one))"
        [ ! -e out/r.h5 ] || fail "$n ranks: a result"
    done
    cd - >/dev/null || exit 1
}

make_base "$WORK/sae" && poke "$WORK/sae/$sae" 300000
make_base "$WORK/both" && poke "$WORK/both/$sae" 300000 && poke "$WORK/both/$model" 5000
agree "$WORK/sae" "$sae"
agree "$WORK/both" "$model"
conclude
