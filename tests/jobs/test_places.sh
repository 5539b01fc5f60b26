#!/bin/sh
# test_places.sh - a job writes where its configuration says and nowhere else, whoever runs it, and computes on one thread
# a rank whatever the environment asks of libraries.
set -u
# shellcheck source=tests/jobs/lib.sh
. tests/jobs/lib.sh
make_base "$WORK/base"
cp "$LIGHTCONE" "$WORK/lightcone"

# as_guest COMMAND... - as a user who owns nothing but the output's folder, without HOME, in a folder that cannot be written
mkdir "$WORK/out" "$WORK/cwd" "$WORK/home" "$WORK/tmp"
guest=
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
    guest='setpriv --reuid 65534 --regid 65534 --clear-groups'
    chown 65534:65534 "$WORK/out" "$WORK/tmp"
    chmod 755 "$WORK"
fi
chmod 555 "$WORK/cwd" "$WORK/home" "$WORK/base"
: >"$WORK/before"
as_guest() {
    # shellcheck disable=SC2086 # words
    (cd "$WORK/cwd" && TMPDIR=$WORK/tmp && export TMPDIR && unset HOME XDG_CACHE_HOME && $guest "$@") >"$WORK/log" 2>&1
}

# same WHAT - the guest's result is that of an ordinary run
same() {
    checks=$((checks + 1))
    cmp "$WORK/plain.h5" "$WORK/out/r.h5" || { fail "$1" && cat "$WORK/log"; }
    rm -f "$WORK/out/r.h5"
}

"$WORK/lightcone" run "$WORK/base/c.yaml" --set "output=$WORK/plain.h5" --set "cache=$WORK/cache" >"$WORK/log" 2>&1 || fail "plain: $(cat "$WORK/log")"
for ranks in 1 2; do
    [ "$ranks" -eq 1 ] && launcher='' || launcher="$MPIRUN -n $ranks"
    # shellcheck disable=SC2086 # words
    as_guest $launcher "$WORK/lightcone" run "$WORK/base/c.yaml" --set "output=$WORK/out/r.h5" --set checkpoint.every=1
    same "a guest's run on $ranks ranks"
    checks=$((checks + 1))
    written=$(find "$WORK" -newer "$WORK/before" -type f ! -path "$WORK/out/*" ! -path "$WORK/tmp/*" ! -path "$WORK/cache/*" \
        ! -name 'plain.*' ! -name log)
    [ -z "$written" ] || fail "written outside the output's folder: $written"
    [ -z "$(ls -A "$WORK/cwd")" ] || fail "written into the working folder: $(ls -A "$WORK/cwd")"
done

# every file that the ranks open for writing; what the MPI library keeps in memory file systems is its own
if command -v strace >/dev/null; then
    "$MPIRUN" -n 2 strace -f -qq -e trace=openat,open,creat,mkdir,rename,unlink -o "$WORK/trace" "$WORK/lightcone" run "$WORK/base/c.yaml" \
        --set "output=$WORK/out/r.h5" >"$WORK/log" 2>&1
    checks=$((checks + 1))
    opened=$(sed -n 's/.*open[a-z]*(.*"\([^"]*\)", .*O_\(WRONLY\|RDWR\).*) = [0-9].*/\1/p' "$WORK/trace" | sort -u)
    echo "$opened" | grep -q "^$WORK/out/" || fail "no file of the result was seen to be opened: $opened"
    strange=$(echo "$opened" | grep -Ev "^($WORK/out/|/dev/|/proc/|/sys/|/tmp/ompi\.|.*/ompi\.|/tmp/openmpi)")
    [ -z "$strange" ] || fail "opened for writing: $strange"
    same 'under strace'
fi

# one thread a rank
for variable in OPENBLAS_NUM_THREADS OMP_NUM_THREADS; do
    env "$variable=7" "$WORK/lightcone" run "$WORK/base/c.yaml" --set "output=$WORK/out/r.h5" >"$WORK/log" 2>&1 || fail "$variable=7"
    same "$variable=7"
done
chmod 755 "$WORK/cwd" "$WORK/home" "$WORK/base"
conclude
