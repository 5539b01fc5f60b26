#!/bin/sh
# test_fetch.sh - `lightcone fetch` against a server on this machine that serves made files under the names of the real ones,
# and that can fail in many ways (tests/server/serve.c).
set -u
# shellcheck source=tests/jobs/lib.sh
. tests/jobs/lib.sh
tools=${LIGHTCONE%/lightcone}/server
unset http_proxy HTTP_PROXY all_proxy ALL_PROXY
root=$WORK/root site=$WORK/pythia-70m
server=
trap '[ -z "$server" ] || kill "$server"' EXIT

# --- the made files -----------------------------------------------------------------------------------------------------
hub=$root/EleutherAI/pythia-70m-deduped/resolve/main
saes=$root/saprmarks/pythia-70m-deduped-saes/resolve/main
text=$root/pytorch/examples/main/word_language_model/data/wikitext-2
mkdir -p "$hub" "$saes" "$text" "$WORK/zip" "$root/z" "$site"
"$tools/make_files" merge "$demo/model" "$hub/model.safetensors" || exit 1
cp "$demo/model/config.json" "$demo/model/tokenizer.json" "$hub/"
cp "$demo/corpus.txt" "$text/train.txt"
head -c 1500000 /dev/urandom >"$WORK/embed"
set --
for n in 0 1 2 3 4 5; do
    at=dictionaries/pythia-70m-deduped/resid_out_layer$n/10_32768
    # odd layers deflated; a large member between them that nobody asks for
    plus=
    [ $((n % 2)) -eq 0 ] || plus=+
    set -- "$@" "$plus$at/ae.pt=$demo/sae/resid_out_layer$n/ae.pt" "$at/config.json=$demo/sae/resid_out_layer$n/config.json" \
        "dictionaries/pythia-70m-deduped/mlp_out_layer$n/10_32768/ae.pt=$WORK/embed"
done
"$tools/make_files" zip "$WORK/plain.zip" "$@" || exit 1
# zip64 records, beyond 4 GiB: a hole stands before the first member
"$tools/make_files" zip64 "$WORK/plain.zip" "$saes/dictionaries_pythia-70m-deduped_10.zip" 5000000000 || exit 1
cp configs/pythia-70m/*.yaml "$site/"
size=$(($(wc -c <"$text/train.txt")))
blob=$({ printf 'blob %s\0' "$size"; cat "$text/train.txt"; } | sha1sum | cut -c1-8)
sed "s/git_blob: .*/git_blob: \"$blob\"/" configs/pythia-70m/fetch.yaml >"$site/fetch.yaml"

"$tools/serve" "$root" "$WORK/port" "$WORK/log" &
server=$!
waited=0
until [ -s "$WORK/port" ]; do
    sleep 0.1
    waited=$((waited + 1))
    [ "$waited" -lt 100 ] || { echo 'the server does not start'; exit 1; }
done
read -r port secure_port <"$WORK/port"
base=http://127.0.0.1:$port

# --- helpers ------------------------------------------------------------------------------------------------------------
# status NAME EXPECTED COMMAND... - run it; its output is in stdout and stderr
status() {
    name=$1 expected=$2
    shift 2
    checks=$((checks + 1))
    asked=$(wc -l <"$WORK/log")
    timeout -k 5 120 "$@" >"$WORK/stdout" 2>"$WORK/stderr" </dev/null
    got=$?
    tail -n "+$((asked + 1))" "$WORK/log" >"$WORK/new"
    [ "$got" -eq "$expected" ] || { fail "$name: status $got, expected $expected" && sed 's/^/     | /' "$WORK/stderr"; }
    if [ "$expected" -ne 0 ]; then
        [ "$(grep -c '^lightcone: ' "$WORK/stderr")" -eq 1 ] || fail "$name: $(grep -c '^lightcone: ' "$WORK/stderr") messages"
    fi
}
says() { # file, texts...
    file=$1
    shift
    for words in "$@"; do
        checks=$((checks + 1))
        grep -qF -- "$words" "$WORK/$file" || { fail "$name: no '$words' in $file" && sed 's/^/     | /' "$WORK/$file"; }
    done
}
holds() { # what, test words... - a condition
    what=$1
    shift
    checks=$((checks + 1))
    test "$@" || fail "$name: $what"
}
same() { # two files
    checks=$((checks + 1))
    cmp -s "$1" "$2" || fail "$name: $1 differs from $2"
}
sent() { awk '{ s += $NF } END { printf "%d", s }' "$WORK/new"; } # bytes of all answers to the last command
asked() { wc -l <"$WORK/new"; }
# fetch NAME SWITCHES OPTIONS... - the whole layout
fetch() {
    name=$1 switches=$2
    shift 2
    status "$name" 0 "$LIGHTCONE" fetch "$site/fetch.yaml" --set "sources.hub=$base/$switches" --set "sources.github=$base/$switches" \
        --set wait=0 --set stall=2 "$@"
}
# one SWITCHES NAME PATH [KEYS] - a layout of one file, in $WORK/one.yaml
one() {
    echo "items: [{file: $2, url: '$base/$1/$3'${4:+, $4}}]" >"$WORK/one.yaml"
    printf 'wait: 0\nstall: 2\nattempts: 3\nfolder: one\n' >>"$WORK/one.yaml"
}
run_one() { # name, status
    status "$1" "$2" "$LIGHTCONE" fetch "$WORK/one.yaml"
}
nothing() { # nothing is there, whole or begun
    checks=$((checks + 1))
    left=$(find "$WORK/one" -type f ! -name fetched.json 2>/dev/null)
    [ -z "$left" ] || fail "$name: left $left"
}
clean() { rm -rf "$WORK/one"; }
only_sae=dictionaries/pythia-70m-deduped/resid_out_layer

# --- everything, as `make pythia` fetches it ----------------------------------------------------------------------------
fetch 'fetch all' hub
says stdout 'model/config.json' 'SHA-256 (the server)' 'git blob (the layout)' "CRC-32 (the archive's directory)" \
    '16 files, 16 fetched' "sizes and SHA-256 in $site/data/fetched.json"
for f in config.json tokenizer.json model.safetensors; do
    same "$site/data/model/$f" "$hub/$f"
done
same "$site/data/train.txt" "$text/train.txt"
for n in 0 1 2 3 4 5; do
    for f in ae.pt config.json; do
        same "$site/data/$only_sae$n/10_32768/$f" "$demo/sae/resid_out_layer$n/$f"
    done
done
holds 'partial files are left' -z "$(find "$site/data" -name '*.partial*')"
# the archive's answers: little more than the wanted members, the rest of it never
zip_bytes=$(grep 'dictionaries_pythia' "$WORK/new" | awk '{ s += $NF } END { printf "%d", s }')
packed=$(($(wc -c <"$WORK/plain.zip") - 6 * 1500000))
holds "$zip_bytes bytes of the archive were sent for $packed" "$zip_bytes" -lt $((packed + 300000))
holds 'the archive was asked for whole' -z "$(grep 'dictionaries_pythia' "$WORK/new" | grep ' - [0-9]*$' | grep -v ' 0$')"

status 'info of the model' 0 "$LIGHTCONE" info "$site/data/model"
says stdout 'family gpt_neox'
status 'info of an SAE' 0 "$LIGHTCONE" info "$site/data/${only_sae}3/10_32768"
says stdout 'dictionary_learning AutoEncoder'
status 'info of the tokenizer' 0 "$LIGHTCONE" info "$site/data/model/tokenizer.json"
for job in sparsity influence selected; do # selected takes its features from sparsity's result
    status "run $job.yaml" 0 "$LIGHTCONE" run "$site/$job.yaml" --set windows.count=6 --set corpus.tokens=20000
done

fetch 'fetch again' hub
says stdout '16 files, 0 fetched' 'is there already'
holds 'the server was asked for what is there' "$(asked)" -eq 0
rm "$site/data/fetched.json"
fetch 'fetch again without the record' hub
says stdout '16 files, 0 fetched'
zip_bytes=$(grep 'dictionaries_pythia' "$WORK/new" | awk '{ s += $NF } END { printf "%d", s }')
holds "$zip_bytes bytes of the archive were sent for what is there" "$zip_bytes" -lt 300000
echo changed >>"$site/data/model/config.json"
rm "$site/data/${only_sae}1/10_32768/config.json"
fetch 'a changed and a missing file' hub
says stdout '16 files, 2 fetched'
says stderr 'config.json: size is' 'it is fetched again'
same "$site/data/model/config.json" "$hub/config.json"
fetch 'another folder' plain -o "$WORK/elsewhere"
same "$WORK/elsewhere/model/model.safetensors" "$hub/model.safetensors"

# --- connections that break ---------------------------------------------------------------------------------------------
model=EleutherAI/pythia-70m-deduped/resolve/main/model.safetensors
clean; one once=1000000 m "$model"
run_one 'broken once' 0
says stderr '; again in 0 s'
same "$WORK/one/m" "$hub/model.safetensors"
says new "206 $model bytes="
clean; one break=1000000 m "$model"
run_one 'broken always' 1
says stderr 'are kept in' 'the same command continues' 'attempt 3 was the last'
holds 'it looks finished' ! -e "$WORK/one/m"
kept=$(($(wc -c <"$WORK/one/m.partial")))
holds "$kept bytes kept" "$kept" -gt 500000
one plain m "$model"
run_one 'continued' 0
says new "206 $model bytes=$kept-"
same "$WORK/one/m" "$hub/model.safetensors"
holds 'partial files are left' -z "$(find "$WORK/one" -name '*.partial*')"
clean; one break=1000000,hub m "$model"
one break=1000000 m "$model"
run_one 'broken, then another file' 1
cp "$hub/model.safetensors" "$WORK/saved"
touch -d '2001-01-01' "$hub/model.safetensors"
one plain m "$model"
run_one 'the file changed: from its beginning' 0
says new "200 $model bytes=$kept-"
same "$WORK/one/m" "$hub/model.safetensors"
clean; one break=1000000,noetag m "$model"
run_one 'broken, no ETag' 1
nothing
clean; one break=1000000,weak m "$model"
run_one 'broken, weak ETag' 1
nothing
clean; one stall=1000000 m "$model"
status 'silence' 1 "$LIGHTCONE" fetch "$WORK/one.yaml" --set attempts=1 --set stall=1
says stderr 'too slow' 'the same command continues'
# one that is killed while the server is silent; a second one beside it
one stall=2000000 m "$model"
"$LIGHTCONE" fetch "$WORK/one.yaml" --set stall=60 >"$WORK/stdout" 2>&1 </dev/null &
first=$!
waited=0
until [ -e "$WORK/one/m.partial" ] && [ "$(wc -c <"$WORK/one/m.partial")" -ge 1500000 ] || [ "$waited" -gt 100 ]; do
    sleep 0.1
    waited=$((waited + 1))
done
run_one 'two at a time' 1
says stderr 'another lightcone fetch is writing it'
kill -KILL "$first"
wait "$first" 2>/dev/null
kept=$(($(wc -c <"$WORK/one/m.partial")))
one plain m "$model"
run_one 'killed, then continued' 0
says new "206 $model bytes=$kept-"
same "$WORK/one/m" "$hub/model.safetensors"
clean; mkdir -p "$WORK/one"
cp "$hub/model.safetensors" "$WORK/one/m.partial" # whole, and stopped before its last step
printf '"%x-%x"' "$(wc -c <"$hub/model.safetensors")" "$(stat -c %Y "$hub/model.safetensors")" >"$WORK/one/m.partial.etag"
one plain m "$model"
run_one 'a whole partial file' 0
says new "416 $model"
same "$WORK/one/m" "$hub/model.safetensors"
clean; mkdir -p "$WORK/one"
cat "$hub/model.safetensors" "$hub/model.safetensors" >"$WORK/one/m.partial"
printf '"%x-%x"' "$(wc -c <"$hub/model.safetensors")" "$(stat -c %Y "$hub/model.safetensors")" >"$WORK/one/m.partial.etag"
run_one 'a partial file that is too long' 0
same "$WORK/one/m" "$hub/model.safetensors"
clean; one norange,once=1000000 m "$model"
run_one 'broken once, no ranges' 0
same "$WORK/one/m" "$hub/model.safetensors"
clean; one shifted,once=1000000 m "$model"
run_one 'another range than asked for' 1
says stderr 'the server answers with bytes'
clean; one plain m "$model"
sed "s/$port/1/" "$WORK/one.yaml" >"$WORK/closed.yaml"
status 'nobody listens' 1 "$LIGHTCONE" fetch "$WORK/closed.yaml"
says stderr 'attempt 3 was the last' 127.0.0.1:1/

# --- https: the certificate counts, and the way back to http is closed ---------------------------------------------------
if [ "$secure_port" -ne 0 ]; then
    plain_base=$base base=https://127.0.0.1:$secure_port
    clean; one plain m "$model"
    run_one 'a certificate that nobody signed' 1
    says stderr certificate
    export CURL_CA_BUNDLE="$WORK/port.pem"
    run_one 'https' 0
    same "$WORK/one/m" "$hub/model.safetensors"
    clean; one to=http m "$model"
    run_one 'from https to http' 1
    says stderr 'redirected to http://' 'allowed: https, and http from http'
    clean; one hub m "$model"
    run_one 'from https to https' 0
    says stdout 'SHA-256 (the server)'
    unset CURL_CA_BUNDLE
    base=$plain_base
else
    echo 'this libmicrohttpd has no TLS: https is not tested'
fi

# --- answers that are no file -------------------------------------------------------------------------------------------
for code in 403 404 410 416; do
    clean; one status=$code m "$model"
    run_one "status $code" 1
    says stderr "HTTP status $code" "$base/status=$code/$model"
    holds 'asked more than once' "$(asked)" -eq 1
    nothing
done
for code in 500 503 429; do
    clean; one status=$code m "$model"
    run_one "status $code" 1
    says stderr "HTTP status $code" 'attempt 3 was the last'
    holds "asked $(asked) times" "$(asked)" -eq 3
    clean; one first=$code m "$model"
    run_one "status $code, then well" 0
    same "$WORK/one/m" "$hub/model.safetensors"
done
for scheme in ftp file gopher; do
    clean; one to=$scheme m "$model"
    run_one "redirect to $scheme" 1
    says stderr 'redirected to' 'allowed: https, and http from http'
done
clean; one loop m "$model"
run_one 'redirects without end' 1
says stderr 'more than 10 redirects'
clean; one encoded m "$model"
run_one 'compressed' 1
says stderr 'compressed form'

# --- wrong content ------------------------------------------------------------------------------------------------------
sha=$(sha256sum "$hub/model.safetensors" | cut -c1-64)
length=$(($(wc -c <"$hub/model.safetensors")))
clean; one plain m "$model" "sha256: $sha, size: $length"
run_one 'right hash' 0
says stdout 'checked: size (the layout), SHA-256 (the layout), size (the server)'
clean; one wrong m "$model" "sha256: $sha"
run_one 'wrong content' 1
says stderr "$WORK/one/m" 'SHA-256 is' "expected $sha, says the layout" 'was removed'
nothing
clean; one plain m "$model" "size: 12345"
run_one 'wrong size' 1
says stderr "size is $length; expected 12345, says the layout"
nothing
config=EleutherAI/pythia-70m-deduped/resolve/main/config.json
clean; one small m "$config"
run_one "the hub's name of a small file" 0
says stdout 'git blob (the server)'
clean; one small,wrongblob m "$config"
run_one "another name of a small file" 1
says stderr 'git blob is' 'says the server'
nothing
clean; one plain m "$config" "git_blob: 2d84b35a"
run_one 'another git blob' 1
says stderr 'git blob is' 'expected 2d84b35a'
clean; one plain m "$config"
run_one 'recorded' 0
rm "$WORK/one/m"
cp "$hub/config.json" "$WORK/saved"
sed 's/gpt/GPT/' "$WORK/saved" >"$hub/config.json"
run_one 'another content than the recorded one' 1
says stderr 'says fetched.json' 'without its entry in fetched.json'
cp "$WORK/saved" "$hub/config.json"
echo '{"m": {"url": 3}}' >"$WORK/one/fetched.json"
run_one 'a record that is none' 1
says stderr 'fetched.json: url is 3'

# --- archives -----------------------------------------------------------------------------------------------------------
cp "$WORK/plain.zip" "$root/z/a.zip"
stored="${only_sae}0/10_32768/ae.pt" deflated="${only_sae}1/10_32768/ae.pt"
for member in "$stored" "$deflated"; do
    n=${member#*layer}
    n=${n%%/*}
    clean; one norange m z/a.zip "member: $member"
    run_one "layer $n, no ranges" 1
    says stderr 'answers without ranges'
    holds "$(sent) bytes were sent" "$(sent)" -lt 8000000
    nothing
    clean; one wrong,only=a.zip m z/a.zip "member: $member"
    run_one "layer $n, a byte elsewhere differs" 0
    same "$WORK/one/m" "$demo/sae/resid_out_layer$n/ae.pt"
    clean; one first=500 m z/a.zip "member: $member"
    run_one "layer $n, status 500 once" 0
done
clean; one break=500000 m z/a.zip "member: $stored"
run_one 'a stored member, broken always' 1
clean
# of a large stored member the blocks that came are kept
head -c 40000000 /dev/urandom >"$WORK/large"
"$tools/make_files" zip "$root/z/large.zip" "a/large=$WORK/large" "+b/large=$WORK/large" || exit 1
one break=20000000 m z/large.zip 'member: a/large'
run_one 'a stored member, broken in its middle' 1
kept=$(($(wc -c <"$WORK/one/m.partial")))
holds "$kept bytes kept" "$kept" -gt 10000000
one plain m z/large.zip 'member: a/large'
run_one 'a stored member, continued' 0
holds "$(sent) bytes were sent" "$(sent)" -lt $((40000000 - kept + 300000))
same "$WORK/one/m" "$WORK/large"
clean; one once=20000000 m z/large.zip 'member: a/large'
run_one 'a stored member, broken once' 0
same "$WORK/one/m" "$WORK/large"
clean; one break=60000000 m z/large.zip 'member: b/large'
run_one 'a deflated member, broken in its middle' 1
nothing
clean; one once=60000000 m z/large.zip 'member: b/large'
run_one 'a deflated member, broken once' 0
same "$WORK/one/m" "$WORK/large"
clean; one wrong m z/large.zip 'member: b/large'
run_one 'a deflated member, wrong content' 1
nothing
"$tools/make_files" zip "$root/z/small.zip" "a/x=$WORK/embed" || exit 1
clean; one wrong m z/small.zip 'member: a/x'
run_one 'a stored member, wrong content' 1
nothing

# hostile directories: a sound archive with bytes changed at places counted from its end
end() { printf '%d' $(($(wc -c <"$root/z/$1") - $2)); }
# patch FILE PLACE OCTAL... - bytes in octal, at PLACE from the start
patch() {
    file=$1 place=$2
    shift 2
    # the format is made of octal escapes
    # shellcheck disable=SC2059
    printf "$(printf '\\%s' "$@")" | dd of="$root/z/$file" bs=1 seek="$place" conv=notrunc 2>/dev/null
}
hostile() { # name, message
    clean; one plain m "z/$1.zip" 'member: a/x'
    run_one "$1" 1
    says stderr "$2" "/z/$1.zip"
    nothing
}
for f in 'size' 'offset' 'count' 'method' 'encrypted' 'unpacked' 'local' 'cut'; do
    cp "$root/z/small.zip" "$root/z/$f.zip"
done
entry=$(od -An -tu4 -j "$(end small.zip 6)" -N4 "$root/z/small.zip" | tr -d ' ')
patch size.zip "$(end size.zip 10)" 377 377 377 177
hostile size 'the zip archive'
patch offset.zip "$(end offset.zip 6)" 377 377 377 177
hostile offset 'the zip archive'
patch count.zip "$(end count.zip 14)" 376 377 376 377
hostile count 'the zip archive'
patch method.zip $((entry + 10)) 014
hostile method 'allowed: stored, deflated'
patch encrypted.zip $((entry + 8)) 001
hostile encrypted 'encrypted'
patch unpacked.zip $((entry + 24)) 377 377 377 177
hostile unpacked 'are not possible'
patch local.zip $((entry + 42)) 000 000 001 000
hostile local 'member a/x'
head -c 1000000 "$root/z/small.zip" >"$root/z/cut.zip"
hostile cut 'the zip archive'
head -c 5000000 /dev/zero >"$root/z/zeros.zip"
hostile zeros 'the zip archive'
"$tools/make_files" zip "$root/z/climbs.zip" "a/x=$WORK/embed" "a/../../x=$WORK/embed"
hostile climbs "holds the name 'a/../../x'"
"$tools/make_files" zip "$root/z/absolute.zip" "a/x=$WORK/embed" "/x=$WORK/embed"
hostile absolute "holds the name '/x'"
"$tools/make_files" zip "$root/z/absent.zip" "a/y=$WORK/embed"
hostile absent 'member a/x is not in the zip directory'
"$tools/make_files" zip "$root/z/twice.zip" "a/x=$WORK/embed" "a/y=$WORK/embed"
second=$(($(od -An -tu4 -j "$(end twice.zip 6)" -N4 "$root/z/twice.zip" | tr -d ' ') + 46 + 3))
second=$((second + $(od -An -tu2 -j $((second - 3 - 46 + 30)) -N2 "$root/z/twice.zip")  + 46))
patch twice.zip $((second + 2)) 170
hostile twice 'in the zip directory twice'
"$tools/make_files" zip64 "$root/z/small.zip" "$root/z/count64.zip" 0
patch count64.zip "$(end count64.zip 74)" 377 377 377 377 377 377 377 037 377 377 377 377 377 377 377 037
hostile count64 'the zip archive'

# --- a full disk --------------------------------------------------------------------------------------------------------
clean; one plain m "$model"
# the shell's own limit: blocks of 512 bytes; SIGXFSZ is ignored by the program
status 'no room' 1 sh -c "ulimit -f 2000; '$LIGHTCONE' fetch '$WORK/one.yaml' 2>'$WORK/limited'; got=\$?; ulimit -f unlimited 2>/dev/null; cat '$WORK/limited' >&2; exit \$got"
says stderr 'm.partial: cannot be written: File too large' 'the same command continues'
holds 'it looks finished' ! -e "$WORK/one/m"
run_one 'room again' 0
says new "206 $model"
same "$WORK/one/m" "$hub/model.safetensors"
mkdir "$WORK/disk"
if [ "$(id -u)" -eq 0 ] && mount -t tmpfs -o size=2m none "$WORK/disk" 2>/dev/null; then
    status 'a full disk' 1 "$LIGHTCONE" fetch "$WORK/one.yaml" -o "$WORK/disk/d"
    says stderr 'No space left on device' 'the same command continues'
    holds 'it looks finished' ! -e "$WORK/disk/d/m"
    mount -o remount,size=20m "$WORK/disk"
    status 'a disk with room again' 0 "$LIGHTCONE" fetch "$WORK/one.yaml" -o "$WORK/disk/d"
    same "$WORK/disk/d/m" "$hub/model.safetensors"
    umount "$WORK/disk"
else
    echo 'no tmpfs can be mounted here: the full disk is tested by a limit on file sizes alone'
fi
: >"$WORK/file"
status 'a folder that is a file' 1 "$LIGHTCONE" fetch "$WORK/one.yaml" -o "$WORK/file"
says stderr "$WORK/file"

# --- layouts that are wrong: status 2, path and line --------------------------------------------------------------------
status 'no layout' 2 "$LIGHTCONE" fetch "$WORK/none.yaml"
says stderr 'none.yaml: No such file'
status 'no argument' 2 "$LIGHTCONE" fetch
says stderr 'usage: lightcone fetch LAYOUT.yaml'
while IFS='|' read -r yaml words; do
    printf '# a layout\n%s\n' "$yaml" >"$WORK/bad.yaml"
    status "$yaml" 2 "$LIGHTCONE" fetch "$WORK/bad.yaml"
    says stderr "$words"
done <<'END'
items: [{url: "http://h/a", file: a, hash: 3}]|bad.yaml:2: unknown key 'hash'; allowed: url, file, member, size, sha256, git_blob
itmes: []|bad.yaml:2: unknown key 'itmes'; allowed: sources, folder
folder: data|key 'items' is missing
items: []|key 'items' is a list; allowed: a list of 1 to
items: [3]|bad.yaml:2: key 'items' holds what is no map
items: [{file: a}]|bad.yaml:2: key 'url' of an item is missing
items: [{url: "http://h/a"}]|key 'file' of an item is missing
items: [{url: "ftp://h/a", file: a}]|key 'url' stands for 'ftp://h/a'; allowed: http
items: [{url: "http://name:word@h/a", file: a}]|without name and password
items: [{url: "{hub}/a", file: a}]|'sources' has no such name
items: [{url: "http://h/a", file: ../a}]|key 'file' is '../a'; allowed: a name below the folder
items: [{url: "http://h/a", file: /a}]|key 'file' is '/a'
items: [{url: "http://h/a", file: fetched.json}]|key 'file' is 'fetched.json'
items: [{url: "http://h/a", file: a.partial}]|key 'file' is 'a.partial'
items: [{url: "http://h/a", file: a}, {url: "http://h/b", file: a}]|is the file of two items
items: [{url: "http://h/a", file: a, member: ../b}]|key 'member' is '../b'
items: [{url: "http://h/a", file: a, size: -1}]|key 'size' is '-1'; allowed: a whole number of bytes
items: [{url: "http://h/a", file: a, sha256: 12}]|key 'sha256' is '12'; allowed: 64 hexadecimal digits
items: [{url: "http://h/a", file: a, git_blob: xyzxyzx}]|key 'git_blob' is 'xyzxyzx'; allowed: 7 to 40
attempts: 0|key 'attempts' is '0'; allowed: a whole number from 1 to 100
END
conclude
