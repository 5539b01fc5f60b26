#!/bin/sh
# test_cli.sh - the command line: help, version, wrong words, info, overrides, the run record, stopping, installing.
set -u
# shellcheck source=tests/jobs/lib.sh
. tests/jobs/lib.sh
root=$PWD base=$WORK/base
make_base "$base"
cd "$base" || exit 1

# status NAME EXPECTED COMMAND... - run it; its output is in stdout and stderr
status() {
    name=$1 expected=$2
    shift 2
    checks=$((checks + 1))
    timeout -k 5 120 "$@" >stdout 2>stderr </dev/null
    got=$?
    [ "$got" -eq "$expected" ] || { fail "$name: status $got, expected $expected" && sed 's/^/     | /' stderr; }
}

# says FILE TEXT...
says() {
    file=$1
    shift
    for text in "$@"; do
        checks=$((checks + 1))
        grep -qF -- "$text" "$file" || fail "$name: no '$text' in $file"
    done
}

# one_message - a single line on stderr, nothing on stdout
one_message() {
    checks=$((checks + 1))
    [ "$(grep -c '^lightcone: ' stderr)" -eq 1 ] || fail "$name: $(grep -c '^lightcone: ' stderr) messages"
    [ ! -s stdout ] || fail "$name: wrote to stdout"
}

silent() { [ ! -s stderr ] || fail "$name: wrote to stderr: $(cat stderr)"; }

# --- help and version: on stdout, from the tables that parse ------------------------------------------------------------
status version 0 "$LIGHTCONE" --version
says stdout 'lightcone 0.1.0'
silent
for word in help --help -h; do
    status "$word" 0 "$LIGHTCONE" "$word"
    says stdout 'lightcone run CONFIG' 'lightcone plan CONFIG' 'lightcone report' 'lightcone show' 'lightcone info' 'lightcone import' 'lightcone export' sparsity influence 'help config'
    silent
done
status 'help config' 0 "$LIGHTCONE" help config
says stdout windows.length windows.choice.starts sae.bias token_vector 'absent: every layer with an SAE' 'default 64'
status 'help fetch' 0 "$LIGHTCONE" help fetch
says stdout git_blob attempts 'inside the zip archive'
for job in sparsity influence contexts; do
    status "help $job" 0 "$LIGHTCONE" help "$job"
    says stdout "job: $job" corpus.path
done

# --- wrong words: status 2, one message that shows the way --------------------------------------------------------------
while IFS='|' read -r arguments text; do
    # words of the table, split on purpose
    # shellcheck disable=SC2086
    status "lightcone $arguments" 2 "$LIGHTCONE" $arguments
    says stderr "$text"
    one_message
done <<'END'
|no command given
frobnicate|no command 'frobnicate'; `lightcone help` lists the commands
--verbose run c.yaml|no command '--verbose'
run|usage: lightcone run CONFIG [--set key=value]...
run c.yaml d.yaml|usage: lightcone run CONFIG
run --top 3 c.yaml|'run' takes no option --top
run c.yaml --set|--set needs a value
run c.yaml --set windows|expected key.path=value
run c.yaml --set =3|expected key.path=value
run c.yaml --set windows..count=3|a part of the key is empty
run c.yaml --set window.count=3|did you mean 'windows'?
plan|usage: lightcone plan CONFIG [-n RANKS]
plan c.yaml -n|-n needs a value
plan c.yaml -n 0|-n is '0'; allowed: a whole number from 1 to 2147483647
plan c.yaml -n 2.5|-n is '2.5'
plan c.yaml -n 9223372036854775807|-n is '9223372036854775807'; allowed: a whole number from 1 to 2147483647
plan c.yaml --gflops -3|--gflops is '-3'; allowed: a number from 0.001 to 1e9
plan c.yaml --gflops fast|--gflops is 'fast'; allowed: a number from 0.001
plan c.yaml --json --top 3|'plan' takes no option --top
run c.yaml --json|'run' takes no option --json
info|usage: lightcone info PATH
info a b|usage: lightcone info PATH
show|usage: lightcone show RESULT.h5
show out/r.h5 --feature one|--feature is 'one'; allowed: a whole number from 0 to 2147483647
show out/r.h5 --feature -1|--feature is '-1'; allowed: a whole number from 0 to 2147483647
show out/r.h5 --top 0|--top is '0'; allowed: a whole number from 1 to 2147483647
show out/r.h5 --top 99999999999999999999|--top is '99999999999999999999'
report out/r.h5|report needs -o FOLDER
report -o figures|usage: lightcone report RESULT.h5... -o FOLDER
report out/r.h5 -o figures --figure 9|--figure '9': no such figure; allowed: 1 unique_tokens, 2 correlation_map
report out/r.h5 -o figures --figure 3,profil|--figure 'profil': no such figure
report out/r.h5 -o figures --figure|--figure needs a value
report out/r.h5 -o figures --format eps|--format 'eps': allowed: svg, pdf, png
report out/r.h5 -o figures --format pdf --size 85|--size is '85'; allowed: WIDTHxHEIGHT such as 85mmx60mm
report out/r.h5 -o figures --format pdf --size 1x1mm|--size is '1x1mm'; allowed
report out/r.h5 -o figures --format png --size 9000x900|from 100 to 8000 pixels
report out/r.h5 -o figures --size 85mmx60mm|--size needs --format pdf or --format png
show out/r.h5 --by nonsense|--by 'nonsense': no such column; allowed: feature samples
show out/r.h5 --figure 3|'show' takes no option --figure
import a.pt|import needs -o RESULT.h5
import -o r.h5|usage: lightcone import FILE.pt... -o RESULT.h5
import a.pt -o r.h5 --top 3|'import' takes no option --top
export out/r.h5|export needs -o FOLDER
export -o out|usage: lightcone export RESULT.h5 -o FOLDER [--tokenizer PATH]
export a.h5 b.h5 -o out|usage: lightcone export
show out/r.h5 --tokenizer t|'show' takes no option --tokenizer
status|usage: lightcone status OUTPUT
status a.h5 b.h5|usage: lightcone status OUTPUT
status a.h5 --json|'status' takes no option --json
help frobnicate|no help on 'frobnicate'; allowed: config, fetch, or a job
END
for command in 'report out/r.h5 -o' 'export out/r.h5 -o' 'import a.pt -o' 'import a.pt -o r.h5 --tokenizer' 'plan c.yaml --like' \
    show info fetch; do
    # words, split on purpose
    # shellcheck disable=SC2086
    status "lightcone $command, and an empty argument" 2 "$LIGHTCONE" $command ''
    says stderr "the argument after '${command##* }' is empty; usage: lightcone ${command%% *}"
    one_message
done
status 'run, 3 ranks, wrong option' 2 "$MPIRUN" -n 3 "$LIGHTCONE" run c.yaml --top 3
says stderr "'run' takes no option --top"
status 'run, a launcher that MPI does not know' 2 env PMI_SIZE=3 PMI_RANK=0 "$LIGHTCONE" run c.yaml
says stderr 'the launcher started 3 processes (PMI_SIZE), but each finds itself alone'
one_message
status '  its other processes' 2 env SLURM_STEP_NUM_TASKS=3 SLURM_PROCID=1 "$LIGHTCONE" run c.yaml
[ ! -s stderr ] || fail 'run, a launcher that MPI does not know: more than one message'

# --- run without a launcher: several overrides, progress on stderr, the record beside the result -----------------------
status run 0 "$LIGHTCONE" run c.yaml --set windows.count=3 --set 'windows.length=8' --set keep.profiles=true --set output=made/deep/q.h5
says stderr 'influence: 3 windows at 1 sites in 3 units' 'influence: done: 3 windows, 1 sites' made/deep/q.h5
[ ! -s stdout ] || fail 'run: wrote to stdout'
[ -s made/deep/q.h5 ] || fail 'run: no result'
[ -z "$(find . -name '*.partial')" ] || fail 'run: left a partial file'
record=made/deep/q.run.json
for key in lightcone job finished output ranks kernel_class libraries openblas_core started total_seconds phases loading first_unit compute_seconds flop host units peak_bytes; do
    name='run record'
    says "$record" "\"$key\": "
done
if command -v python3 >/dev/null; then
    status 'run record is JSON' 0 python3 -m json.tool "$record"
fi
says "$record" '"job": "influence"' '"ranks": 1'

# --- info ---------------------------------------------------------------------------------------------------------------
while IFS='|' read -r path first second third; do
    status "info $path" 0 "$LIGHTCONE" info "$path"
    says stdout "$first" "$second" "$third"
    silent
done <<'END'
model|family gpt_neox|width D          128|gpt_neox.embed_in.weight
sae/resid_out_layer1|dictionary_learning AutoEncoder|features F       1024|width D          128
sae/resid_out_layer1/ae.pt|torch.save file|encoder.weight|[1024, 128]
model/model-00003-of-00003.safetensors|safetensors|embed_out.weight|F16
model/tokenizer.json|byte-level BPE|4096|SHA-256
corpus.txt|text|lines|SHA-256
made/deep/q.h5|job influence|resid_out_layer1|SHA-256
END
status 'info of a missing path' 1 "$LIGHTCONE" info nowhere
says stderr 'nowhere: No such file'
one_message
status 'info of a folder of no kind' 1 "$LIGHTCONE" info made
says stderr 'made: a folder of no known kind'
one_message
status 'info of a broken result' 1 "$LIGHTCONE" info "$(cp corpus.txt text.h5 && echo text.h5)"
says stderr 'text.h5: not an HDF5 file'
one_message

# --- status: finished; of nothing; beside a damaged checkpoint (of a live and a dead job: test_checkpoint.sh) ---------
status 'status of a result' 0 "$LIGHTCONE" status made/deep/q.h5
says stdout 'made/deep/q.h5: finished' 'job              influence' 'last run         1 ranks' 'restarts         0'
silent
status 'status of nothing' 1 "$LIGHTCONE" status made/none.h5
says stderr 'made/none.h5: neither this result nor its checkpoint made/none.checkpoint is there'
one_message
mkdir made/none.checkpoint
status 'status of an empty checkpoint' 0 "$LIGHTCONE" status made/none.h5
says stdout 'made/none.h5: unfinished' 'none saved yet (0 files, 0 damaged)'
echo text >made/none.checkpoint/run-0001.node-0000.gen-0000
status 'status of a damaged checkpoint' 0 "$LIGHTCONE" status made/none.h5
says stdout 'none saved yet (1 files, 1 damaged)'
rm -r made/none.checkpoint
echo '{"job": 3}' >made/deep/q.run.json
status 'status beside a wrong record' 1 "$LIGHTCONE" status made/deep/q.h5
says stderr q.run.json job

# --- show and report of what is no result ---------------------------------------------------------------------------
status 'show of a text' 1 "$LIGHTCONE" show text.h5
says stderr 'text.h5: not an HDF5 file'
one_message
status 'show of a missing file' 1 "$LIGHTCONE" show none.h5
says stderr none.h5
status 'show' 0 "$LIGHTCONE" show made/deep/q.h5 --top 3
says stdout resid_out_layer1
"$LIGHTCONE" run c.yaml --set job=contexts --set 'windows={length: 16}' --set corpus.tokens=200 --set output=made/contexts.h5 2>/dev/null
status 'show of contexts' 0 "$LIGHTCONE" show made/contexts.h5 --top 3
says stdout 'strongest activation of each feature, with the words up to it' 'activation  window  position'
status 'show of the contexts of a feature' 0 "$LIGHTCONE" show made/contexts.h5 --feature 1
says stdout 'resid_out_layer1: strongest activations, with the words up to it'
"$LIGHTCONE" run c.yaml --set 'windows={length: [2, 4], count: 2}' --set threshold=1e30 --set output=made/silent.h5 2>/dev/null
status 'report of a sweep without an active feature' 0 "$LIGHTCONE" report made/silent.h5 -o silent
says silent/index.html 'no feature of a given sweep is active at its longest windows'
status 'report of a figure without data' 2 "$LIGHTCONE" report made/deep/q.h5 -o figures --figure 1
says stderr '--figure unique_tokens cannot be drawn: no given result holds sparsity'
one_message
status 'report, one figure as PDF' 0 "$LIGHTCONE" report made/deep/q.h5 -o figures --figure 3 --format pdf --size 85mmx60mm
[ "$(head -c 5 figures/figures/profile.pdf)" = %PDF- ] || fail 'report: no PDF'
status 'report into a file' 1 "$LIGHTCONE" report made/deep/q.h5 -o corpus.txt
says stderr corpus.txt

mkdir -p made/q.spectrum.h5
status 'the place of the spectrum is a folder' 1 "$LIGHTCONE" run c.yaml --set job=correlation --set output=made/q.h5
says stderr 'made/q.spectrum.h5: cannot be written: it is a folder'
one_message
[ ! -e made/q.h5 ] || fail "$name: left a result"
! grep -q units stderr || fail "$name: found out after computing"

if [ -c /dev/full ]; then
    checks=$((checks + 1)) name='help into a full device'
    "$LIGHTCONE" help >/dev/full 2>stderr
    got=$?
    [ "$got" -eq 1 ] || fail "$name: status $got, expected 1"
    says stderr 'standard output: No space left'
fi

status 'kernels that are not there' 2 env LIGHTCONE_ISA=nonsense "$LIGHTCONE" run c.yaml
says stderr "LIGHTCONE_ISA is 'nonsense'; this machine has kernels up to"

# --- a run that is told to stop: status 75, one message, no result ------------------------------------------------------
# stop_run NAME SIGNAL COMMAND... - start it, wait until the corpus is in tokens (the weights come next), and signal
stop_run() {
    name=$1 signal=$2
    shift 2
    checks=$((checks + 1))
    rm -rf long
    "$@" run c.yaml --set 'windows={length: 64}' --set token_vector='[residual]' \
        --set output=long/r.h5 >stdout 2>stderr </dev/null &
    started=$!
    waited=0
    until [ -n "$(find long -name 'tokens-*.bin' 2>/dev/null)" ] || [ "$waited" -gt 300 ]; do
        sleep 0.1
        waited=$((waited + 1))
    done
    kill "-$signal" "$started"
    wait "$started"
    got=$?
    [ "$got" -eq 75 ] || fail "$name: status $got, expected 75"
    says stderr 'lightcone: stopped: by signal'
    [ "$(grep -c '^lightcone: ' stderr)" -eq 1 ] || fail "$name: $(grep -c '^lightcone: ' stderr) messages"
    [ -z "$(find long -name 'r.*h5' -o -name '*.partial')" ] || fail "$name: left $(find long -name 'r.*h5' -o -name '*.partial')"
}
stop_run 'SIGTERM, no launcher' TERM "$LIGHTCONE"
stop_run 'SIGINT, no launcher' INT "$LIGHTCONE"
stop_run 'SIGUSR1, 3 ranks' USR1 "$MPIRUN" -n 3 "$LIGHTCONE"

# --- install ------------------------------------------------------------------------------------------------------------
build=${LIGHTCONE%/lightcone}
mode=${build##*/}
status install 0 make --no-print-directory -C "$root" install MODE="$mode" DESTDIR="$WORK/x" PREFIX=/usr
status 'installed program' 0 "$WORK/x/usr/bin/lightcone" --version
says stdout 'lightcone 0.1.0'
status 'installed demo' 0 "$WORK/x/usr/bin/lightcone" run "$WORK/x/usr/share/lightcone/configs/demo/influence.yaml" \
    --set windows.count=1 --set 'sites.layers=[0]' --set windows.length=8 --set "output=$WORK/installed.h5"
[ -s "$WORK/installed.h5" ] || fail 'the installed program gave no result'
status uninstall 0 make --no-print-directory -C "$root" uninstall DESTDIR="$WORK/x" PREFIX=/usr
[ ! -e "$WORK/x/usr/bin/lightcone" ] || fail 'uninstall left the program'
conclude
