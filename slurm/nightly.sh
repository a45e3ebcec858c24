#!/bin/bash
# Every night: scans the new checkpoints of a training run, then brings index and report up to date and
# passes or fails the latest one by rules. For cron and for Slurm's scrontab. Says nothing if nothing has
# happened, else one line.
#
#   slurm/nightly.sh [OPTIONS] RUN_FOLDER ARCHIVE [-- OPTIONS of `wishart scan`]
#
#   0 2 * * *  slurm/nightly.sh --local 8 --rules jobs/gate-pretraining.cfg RUN_FOLDER ARCHIVE
#
#   --local N         N ranks on this machine, by tools/mpirun or mpirun
#   --sbatch WORDS    submit scan.sbatch with these options of sbatch ("-N 2 --ntasks-per-node=32") and
#                     wait for the job; may be given several times. Without --local and --sbatch: inside
#                     a job, as scrontab's, all of its tasks by WISHART_LAUNCHER; else submit
#   --requeue-limit N of the job that is submitted [3]
#   --rules FILE      rules of `wishart gate`, for the latest checkpoint; its verdict: ARCHIVE/nightly/gate.txt
#   --gate WORDS      options of `wishart gate`, such as "--base ID"; may be given several times
#   --report FILE     where the report goes; its ending selects the format [ARCHIVE/report.html]
#   --mail ADDRESS    send the line by mail, with the brief report, instead of printing it. What failed stands
#                     at the front of the subject. What ends a night early is printed and sent
#   --settle MINUTES  leave checkpoints that have changed within this time: they are being written [10]
#   --config FILE     options, one `key = value` a line: those above without hyphens, and run, archive and
#                     scan. The command line wins
#   --help
#
# A run without a checkpoint has nothing new. One that is not complete, or cannot be read, is left for the next
# night and fails nothing; it is named once. Said each night: matrices that could not be read, which are tried
# again; checkpoints whose files have changed since they were scanned, which are scanned anew only with
# `-- --replace`; rules that are broken. Two nights never run over each other. The exit code is 0, or that of the
# scan or the report if one failed, or 2 if files have changed, or 1 if the gate has failed, or 75 if the night
# before still runs or a scan was stopped: the next night goes on. WISHART is the path of the program, as for
# scan.sbatch. The output of the commands is in ARCHIVE/nightly. docs/running-on-a-cluster.md tells more.
set -euo pipefail

# Slurm runs a copy of what is submitted to it, and knows where the script itself lies.
here=$(dirname "$(readlink -f "$0")")
if [ ! -e "$here/nightly.bash" ] && [ -n "${SLURM_JOB_ID:-}" ]; then
    # Behind the name of the script its arguments follow; a blank may be in the path, too.
    command=$(scontrol show job "$SLURM_JOB_ID" 2>/dev/null | sed -n 's|^ *Command=||p')
    here=''
    for word in $command; do
        here=$here${here:+ }$word
        [ ! -e "${here%/*}/nightly.bash" ] || break
    done
    here=${here%/*}
fi
if [ ! -r "$here/nightly.bash" ]; then
    echo "wishart: ${here:-.}/nightly.bash: expected it beside nightly.sh, found nothing" >&2
    exit 2
fi
# shellcheck source-path=SCRIPTDIR
. "$here/nightly.bash"

declare -A option=([local]='' [requeue-limit]=3 [rules]='' [report]='' [mail]='' [settle]=10
    [run]='' [archive]='')
option_names=' local sbatch requeue-limit rules gate report mail settle '
sbatch_words=() scan_words=() gate_words=() run='' state='' said=''

# set_option NAME VALUE
set_option() {
    local words
    read -ra words <<<"$2"
    case $1 in
        sbatch) sbatch_words+=("${words[@]}") ;;
        scan) scan_words+=("${words[@]}") ;;
        gate) gate_words+=("${words[@]}") ;;
        *) option[$1]=$2 ;;
    esac
}

# What is wrong is said after the last line: it goes to the address that one of them may name.
read_config() {
    local file=$1 line number=0 wrong='' expected='expected run, archive, scan or an option of nightly.sh'
    if [ ! -r "$file" ] || [ -d "$file" ]; then refuse "--config $file: expected a file, found none"; fi
    while IFS= read -r line || [ -n "$line" ]; do
        number=$((number + 1))
        [[ ! $line =~ ^[[:space:]]*(#|$) ]] || continue
        if [[ ! $line =~ ^[[:space:]]*([a-z-]+)[[:space:]]*=[[:space:]]*(.*[^[:space:]])[[:space:]]*$ ]]; then
            wrong=${wrong:-"line $number: expected key = value, found '$line'"}
        elif [[ "$option_names run archive scan " != *" ${BASH_REMATCH[1]} "* ]]; then
            wrong=${wrong:-"line $number: $expected, found '${BASH_REMATCH[1]}'"}
        else
            set_option "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
        fi
    done <"$file"
    [ -z "$wrong" ] || refuse "$file, $wrong"
}

# The file first, so that the command line wins.
take_options() {
    local name value places=() names=() values=() i
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        case $1 in
            --help | -h) show_help && exit ;;
            --*)
                name=${1%%=*}
                [[ "$option_names config " == *" ${name#--} "* ]] ||
                    refuse "nightly.sh: unknown option '$name'. See nightly.sh --help"
                if [[ $1 == *=* ]]; then
                    value=${1#*=}
                else
                    [ $# -ge 2 ] || refuse "nightly.sh: $name needs a value. See nightly.sh --help"
                    value=$2
                    shift
                fi
                names+=("${name#--}") values+=("$value")
                [ "$name" != --mail ] || option[mail]=$value
                ;;
            *) places+=("$1") ;;
        esac
        shift
    done
    for i in "${!names[@]}"; do
        [ "${names[i]}" != config ] || read_config "${values[i]}"
    done
    [[ " ${names[*]} " != *" sbatch "* ]] || sbatch_words=()
    [[ " ${names[*]} " != *" gate "* ]] || gate_words=()
    for i in "${!names[@]}"; do
        [ "${names[i]}" = config ] || set_option "${names[i]}" "${values[i]}"
    done
    if [ $# -gt 1 ]; then
        shift
        scan_words=("$@")
    fi
    [ "${#places[@]}" -le 2 ] || refuse "nightly.sh: expected RUN_FOLDER and ARCHIVE, found '${places[2]}' too"
    run=${places[0]-${option[run]}} archive=${places[1]-${option[archive]}}
    if [ -z "$run" ] || [ -z "$archive" ]; then
        refuse "use: slurm/nightly.sh [OPTIONS] RUN_FOLDER ARCHIVE. See nightly.sh --help"
    fi
    for name in local requeue-limit settle; do
        if [ -z "${option[$name]}" ] && [ "$name" = local ]; then continue; fi
        [[ ${option[$name]} =~ ^[0-9]{1,6}$ ]] ||
            refuse "--$name: expected a whole number, found '${option[$name]}'"
        option[$name]=$((10#${option[$name]}))
    done
    if [ -n "${option[local]}" ] && [ "${#sbatch_words[@]}" -gt 0 ]; then
        refuse "--local and --sbatch exclude each other"
    fi
    if [ -n "${option[rules]}" ] && { [ ! -r "${option[rules]}" ] || [ -d "${option[rules]}" ]; }; then
        refuse "--rules ${option[rules]}: expected a file, found none"
    fi
}

# Says before any work what would end `gate` and `report` each night, with the program's own eyes: they read rules
# and options before they miss an archive.
check_gate_and_report() {
    local answer code=0
    if [ -n "${option[rules]}" ]; then
        answer=$("$program" gate /dev/null --rules "${option[rules]}" "${gate_words[@]}" 2>&1) || code=$?
        [ "$code" != 2 ] || refuse "${answer#wishart: }"
        if grep --quiet '^[[:space:]]*against[[:space:]]*=[[:space:]]*first' "${option[rules]}" &&
            [[ " ${gate_words[*]}" != *" --"@(base|stage)* ]]; then
            refuse "--rules ${option[rules]}: a rule compares with the base. Name it with --gate '--base ID'"
        fi
    fi
    code=0
    [ -z "${option[report]}" ] ||
        answer=$("$program" report /dev/null --output "${option[report]}" 2>&1) || code=$?
    [ "$code" != 2 ] || refuse "${answer/#wishart: --output/--report}"
}

# Sets `way`: local, job or submit. Says before any work what is missing for it.
choose_way() {
    local tool
    if [ -n "${option[local]}" ]; then
        way=local
        [ "${option[local]}" -ge 1 ] || refuse "--local: expected at least one rank, found 0"
        # That of tools starts more ranks than there are cores, where it lies beside this folder.
        mpirun=$here/../tools/mpirun
        [ -x "$mpirun" ] || mpirun=${WISHART_MPIEXEC:-mpirun}
        [ "${option[local]}" = 1 ] || type -P "${WISHART_MPIEXEC:-mpirun}" >/dev/null ||
            refuse "${WISHART_MPIEXEC:-mpirun}: not found in PATH"
    elif [ "${#sbatch_words[@]}" = 0 ] && [ -n "${SLURM_JOB_ID:-}" ]; then
        way=job
        case ${WISHART_LAUNCHER:-srun} in
            srun | mpirun) ;;
            *) refuse "WISHART_LAUNCHER: expected srun or mpirun, found '$WISHART_LAUNCHER'" ;;
        esac
    else
        way=submit
        for tool in sbatch squeue scontrol; do
            type -P "$tool" >/dev/null ||
                refuse "no $tool in PATH: use --local N to scan with N ranks on this machine"
        done
        batch_script=$here/scan.sbatch
        [ -r "$batch_script" ] || refuse "$batch_script: expected the batch script beside nightly.sh"
    fi
    [ -z "${option[mail]}" ] || type -P mail >/dev/null ||
        refuse "--mail needs the program mail (mailx), which is not in PATH"
}

send_mail() { mail -s "wishart: ${1//[[:cntrl:]]/ }" "${option[mail]}"; } # SUBJECT

# At the end, however it comes. What ended the night before it could tell goes by mail too: nobody reads the standard
# error of a job of scrontab.
# shellcheck disable=SC2317    # called by a trap
leave() {
    local code=$?
    trap '' TERM INT HUP USR1
    [ -z "$beat" ] || kill "$beat" 2>/dev/null || true
    [ -z "$held" ] || rm -rf "$lock" || true
    if [ "$code" = 0 ] || [ -n "$concluded" ]; then exit "$code"; fi
    if [ "$code" = 1 ]; then
        say "$run: a command of nightly.sh has failed: see above, and $state"
        code=70
    fi
    if [ -n "${option[mail]}" ] && type -P mail >/dev/null; then
        printf '%s\n' "$said" "Exit code $code.${state:+ What the commands said is in $state.}" |
            send_mail "night failed ($code): ${said:0:120}" || say "mail to ${option[mail]} cannot be sent"
    fi
    exit "$code"
}

# shellcheck disable=SC2317    # called by a trap
stop_here() { fail 143 "$run: the night was stopped by a signal"; }

# --- What there is.

# True if a file of this checkpoint has changed within --settle. Clocks differ a little; a date that is further
# ahead than --settle says nothing.
is_fresh() {
    [ "${option[settle]}" -gt 0 ] && [ -n "$(find -L "$1" -newer "$state/settled" ! -newer "$state/ahead" \
        -print -quit 2>/dev/null)" ]
}

# Sets `new_ids` and `new_paths`, what is to be scanned, and a line `ID (why)` in `left` for each checkpoint
# that is not complete or cannot be read, in `changed` for each of which the archive has older numbers, in `others`
# for each in whose place the archive has another. What is just being written is in none.
look() {
    local i now
    { now=$(file_system_now "$state/settled") && touch "$state/inspect.log" &&
        touch --date="@$((now + 60 * option[settle]))" "$state/ahead" &&
        touch --date="@$((now - 60 * option[settle]))" "$state/settled"; } || fail 4 "$state: cannot be written"
    list_history "$run" "$archive" "${scan_words[@]}" 2>"$state/inspect.log" ||
        fail $? "$(last_word "$state/inspect.log")"
    cat "$state/inspect.log" >&2
    new_ids=() new_paths=() left=() changed=() others=()
    for i in "${!ids[@]}"; do
        if [ "${states[i]}" = archived ] || is_fresh "${paths[i]}"; then continue; fi
        [ "${states[i]}$replaces" != changedyes ] || states[i]=new
        case ${states[i]} in
            new | incomplete) new_ids+=("${ids[i]}") new_paths+=("${paths[i]}") ;;
            changed) changed+=("${ids[i]} (${details[i]})") ;;
            another) others+=("${ids[i]} (${details[i]})") ;;
            *) left+=("${ids[i]} (${details[i]})") ;;
        esac
    done
}

# Sets `untold`: those of `left` that no night has named yet. All are now taken for named; on a full disk the
# next night names them again.
tell_left() {
    local one
    untold=()
    touch "$state/left" 2>/dev/null || true
    for one in "${left[@]}"; do
        grep --quiet --line-regexp --fixed-strings -e "$one" "$state/left" 2>/dev/null || untold+=("$one")
    done
    { printf '%s\n' "${left[@]}" >"$state/left"; } 2>/dev/null || true
}

# --- What is done.

# The log of the job, behind what was said of it.
keep_log() { if [ -r "$state/job.log" ]; then cat "$state/job.log" >>"$state/scan.log" || true; fi; }

# Scans in a job; sets `code`. What has come since the job of a night before was submitted gets one of its own.
scan_by_job() {
    local id
    read_job
    if in_queue; then
        run_beside await_job
        keep_log
        if [ "$code" = 75 ] && in_queue; then return; fi
        look
        for id in "${new_ids[@]}"; do [[ " ${asked[*]} " == *" $id "* ]] || asked+=("$id"); done
        [ "${#new_ids[@]}" -gt 0 ] || return 0
    fi
    rm -f "$state/job.log"
    # What follows CHECKPOINT and ARCHIVE goes to the scan, other checkpoints too. The file has the number of the
    # job even if a signal comes now.
    code=0
    sbatch --parsable --output="$state/job.log" --open-mode=append "${sbatch_words[@]}" "$batch_script" \
        --requeue-limit "${option[requeue-limit]}" "${new_paths[0]}" "$archive" "${new_paths[@]:1}" \
        "${scan_words[@]}" >"$state/job" 2>"$state/scan.log" || code=$?
    read_job
    [ "$code" = 0 ] || return 0
    run_beside await_job
    keep_log
}

# Scans what is new; sets `code`.
scan_new() {
    local launch=() limit=()
    export OPENBLAS_NUM_THREADS="${OPENBLAS_NUM_THREADS:-${SLURM_CPUS_PER_TASK:-1}}"
    export OMP_NUM_THREADS="${OMP_NUM_THREADS:-${SLURM_CPUS_PER_TASK:-1}}"
    if [ "$way" = submit ]; then
        scan_by_job
        return
    fi
    if [ "$way" = job ]; then
        launch=("${WISHART_LAUNCHER:-srun}")
        export SLURM_EXPORT_ENV=ALL SRUN_CPUS_PER_TASK="${SLURM_CPUS_PER_TASK:-1}"
        read -ra limit <<<"$(limit_words)"
    elif [ "${option[local]}" != 1 ]; then
        # Root's crontab is its owner's decision: without these, mpirun of Open MPI refuses to work.
        if [ "$(id -u)" = 0 ]; then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi
        launch=("$mpirun" -np "${option[local]}")
    fi
    run_beside "${launch[@]}" "$program" scan "${new_paths[@]}" --archive "$archive" --progress plain \
        "${limit[@]}" "${scan_words[@]}"
}

# Prints the line, or sends it by mail with the brief report and the broken rules. The subject is the beginning of
# the line: what failed stands before it.
tell() {
    local subject=''
    if [ -z "${option[mail]}" ]; then
        echo "wishart: $line"
        return
    fi
    [ "${#changed[@]}" = 0 ] || failed+=("older numbers")
    [ "${#failed[@]}" = 0 ] || subject="$(some_of "${failed[@]}"): "
    {
        echo "$line"
        if [ -s "$state/brief.txt" ]; then echo && cat "$state/brief.txt"; fi
        if [ "$gate_code" = 1 ]; then echo && cat "$state/gate.txt"; fi
    } | send_mail "$subject${line:0:120}" || {
        echo "wishart: $line"
        said="mail to ${option[mail]} cannot be sent"
        option[mail]=''
        fail 4 "$said"
    }
}

# Scans what is new. Sets `code`, `line` and `failed`.
scan_night() {
    local asked done_now=() still=0 news='' due_before='' id
    [ "${#new_ids[@]}" -gt 0 ] || return 0
    [ ! -e "$state/due" ] || due_before=yes
    : >"$state/due" || fail 4 "$state/due: cannot be written"    # until a report has been made of what follows
    asked=("${new_ids[@]}")
    scan_new
    [ "$code" != 1 ] || code=4    # not of the scan, but of sbatch or the launcher: 1 is a failed gate
    look
    # What the scan could not read may be gone by now, but the archive got some of its numbers.
    for id in "${asked[@]}"; do
        if [[ " ${new_ids[*]} " != *" $id "* ]]; then
            [ -e "$archive/$id.h5" ] || continue    # nothing was read
            if [ "$code" = 0 ] || [ "${state_of[$id]-}" = archived ]; then done_now+=("$id") && continue; fi
        fi
        still=$((still + 1))
        [ ! "$archive/$id.h5" -nt "$state/due" ] || news=yes
    done
    line="$run: ${#done_now[@]} of ${#asked[@]} new checkpoints scanned"
    [ "${#asked[@]}" != 1 ] || line="$run: ${#done_now[@]} of 1 new checkpoint scanned"
    [ "${#done_now[@]}" = 0 ] || line+=" ($(some_of "${done_now[@]}"))"
    # What came apart meanwhile, or what another job has done, fails nothing.
    if [ "$still" = 0 ] && { [ "$code" = 3 ] || [ "$code" = 75 ]; }; then code=0; fi
    case $code in
        0) [ "$still" = 0 ] || fail 2 "$run: scanned, but under other names: give --base behind --, not in a job file" ;;
        75)
            if [ "$way" = submit ] && in_queue; then
                line+="; job $job goes on, the next night waits for it"
            else
                line+="; not finished, the next night goes on"
            fi
            ;;
        *) line+="; the scan ended with $code: $(last_word "$state/scan.log")" && failed+=("scan failed") ;;
    esac
    if [ "${#done_now[@]}" = 0 ] && [ -z "$due_before$news" ]; then rm -f "$state/due"; fi
}

# Index and report, if they are due. Adds to `line` and `failed`; sets `code` if it was 0.
report_night() {
    local step=0 log=$state/index.log
    [ -e "$state/due" ] || return 0
    line=${line:-"$run: the report that was due"}
    "$program" index "$archive" >"$log" 2>&1 || step=$?
    if [ "$step" = 0 ]; then
        log=$state/report.log
        "$program" report "$archive" --output "$report" >"$log" 2>&1 || step=$?
    fi
    if [ "$step" != 0 ]; then
        line+=". No report: $(last_word "$log")"
        failed+=("no report")
        [ "$code" != 0 ] || code=$step
        return 0
    fi
    "$program" report "$archive" --format brief --page "$report" >"$state/brief.txt" 2>/dev/null || true
    line+=". $(head -n 1 "$state/brief.txt" 2>/dev/null)" || true
    rm -f "$state/due"
    reported=yes
}

# The gate, each night anew: what is broken is said until it is mended, and what passes only beside a report.
judge_night() {
    local word
    if [ -n "${option[rules]}" ] && [ -n "$(find "$archive/" -maxdepth 1 -name '*.h5' -print -quit)" ]; then
        "$program" gate "$archive" --rules "${option[rules]}" "${gate_words[@]}" --output "$state/gate.txt" \
            >"$state/gate.log" 2>&1 || gate_code=$?
        if [ "$gate_code" != 0 ]; then
            word=$(last_word "$state/gate.log")
            line=${line:-"$run: nothing new"}
            line="${line%.}. Gate: ${word#gate: }."
            failed=("gate $([ "$gate_code" = 1 ] && echo failed || echo "without a verdict")" "${failed[@]}")
            [ "$code" != 0 ] || code=$gate_code
        elif [ -n "$reported" ]; then
            line+=" Gate: passed."
        fi
    fi
    [ -z "$reported" ] || line+=" Report: $report"
}

# What stays as it is: what somebody has to scan anew or to move, each night, and what is left, beside other news.
add_left() {
    tell_left
    if [ "${#changed[@]}" -gt 0 ]; then
        line=${line:-"$run: nothing new"}
        line+=". The archive has older numbers of $(some_of "${changed[@]}"): scan anew with -- --replace"
    fi
    if [ "${#others[@]}" -gt 0 ]; then
        line=${line:-"$run: nothing new"}
        line+=". Not scanned: $(some_of "${others[@]}"): use an archive for each run"
    fi
    if [ -n "$line" ] && [ "${#left[@]}" -gt 0 ]; then
        line+=". Left for the next night: $(some_of "${left[@]}")"
    elif [ "${#untold[@]}" -gt 0 ]; then
        line="$run: nothing new. Left for the next night: $(some_of "${untold[@]}")"
    fi
}

trap leave EXIT
trap stop_here TERM INT HUP USR1
take_options "$@"
find_program
check_gate_and_report
choose_way
[ -e "$run" ] || fail 3 "$run: no such folder"
[ ! -L "$archive/nightly" ] || fail 4 "$archive/nightly: expected a folder, found a link. Remove it"
mkdir -p "$archive/nightly" 2>/dev/null || fail 4 "$archive/nightly: the folder cannot be made"
state=$archive/nightly report=${option[report]:-$archive/report.html}
take_lock
code=0 gate_code=0 line='' reported='' failed=()
look
scan_night
if [ "$code" = 0 ] && [ "$((${#changed[@]} + ${#others[@]}))" -gt 0 ]; then code=2; fi
report_night
judge_night
add_left
[ -z "$line" ] || tell
concluded=yes
exit "$code"
