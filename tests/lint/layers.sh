#!/bin/sh
# layers.sh - a room includes its own headers and those of rooms above it, and only its own foreign headers.
set -u
bad=0 known=" "
own_foreign="" own_headers="" above=""

# room | public headers in include/lightcone | foreign headers; top to bottom
rooms() {
    cat <<'END'
base     | clock err file hash log memory order random | openssl/evp.h
linalg   | linalg factor screen                   | cblas.h immintrin.h sys/syscall.h
config   | config grid layout values             | yaml.h
format   | json pickled tensor                   | jansson.h zip.h
text     | corpus tokenizer windows              | pcre2.h utf8proc.h jansson.h
model    | model passes                          |
sae      | sae activity reconstruction           |
stats    | bootstrap counts estimate exact joint leading pairs positions profiles rank_frequency samples spread sweep top_contexts |
parallel | blockcyclic checkpoint comm eigen exchange handout | mpi.h
results  | influence_tables results sparsity_tables | hdf5.h
published | published export                     | jansson.h utf8proc.h
report   | report                                |
fetch    | fetch                                 | curl/curl.h zip.h zlib.h
study    | study                                      |
merge    | merge                                      |
record   | record tally timeline trace usage          | jansson.h
work     | assume cost job keeper parts prepare tasks units |
watch    | alive alone monitor outcome pace status    | jansson.h
driver   |                                            |
plan     | plan                                       | jansson.h
batch    | submit                                     |
END
}
libc=" assert complex ctype dirent errno fcntl fenv float fnmatch inttypes limits locale math poll pthread setjmp signal \
spawn stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string strings sys/file sys/ioctl sys/mman sys/resource \
sys/stat sys/statvfs sys/time sys/types sys/uio sys/wait tgmath time unistd wchar "

complain() {
    echo "$1: may not include $2"
    bad=1
}

includes() { # file, expression that leaves the name
    sed -n "s/^# *include *$2.*/\\1/p" "$1"
}

check_file() { # every include of one file against $above, $own_headers and $own_foreign
    for h in $(includes "$1" '"lightcone\/\([^"]*\)\.h"'); do
        case "$above $own_headers " in *" $h "*) ;; *) complain "$1" "lightcone/$h.h" ;; esac
    done
    for h in $(includes "$1" '"\([^"]*\)"' | grep -v '^lightcone/'); do
        case $h in */*) complain "$1" "$h: another folder" ;; esac
        [ -f "$(dirname "$1")/$h" ] || complain "$1" "$h: not in its folder"
    done
    for h in $(includes "$1" '<\([^>]*\)>'); do
        case $libc in *" ${h%.h} "*) continue ;; esac
        case " $own_foreign " in *" $h "*) ;; *) complain "$1" "<$h>" ;; esac
    done
}

check_folder() { # files directly in a folder
    for f in "$1"/*.[ch]; do
        [ -f "$f" ] && check_file "$f"
    done
}

table=$(mktemp) && trap 'rm -f "$table"' EXIT
rooms | tr -s ' ' >"$table"
while IFS='|' read -r room own_headers own_foreign; do
    room=${room% }
    known="$known$room "
    for h in $own_headers; do
        [ -f "include/lightcone/$h.h" ] && check_file "include/lightcone/$h.h"
    done
    check_folder "src/$room"
    above="$above $own_headers"
done <"$table"
own_headers="" own_foreign=""
check_folder src
check_folder jobs

for h in include/lightcone/*.h; do
    name=$(basename "$h" .h)
    case "$above " in *" $name "*) ;; *) echo "$h: in no room; name it in tests/lint/layers.sh"; bad=1 ;; esac
done
for d in src/*/; do
    name=$(basename "$d")
    case $known in *" $name "*) ;; *) echo "$d: not a room; name it in tests/lint/layers.sh"; bad=1 ;; esac
done
exit $bad
