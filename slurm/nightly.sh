#!/bin/bash
# Every night: scans the new checkpoints of a training run, then brings index and report up to date and
# passes or fails the latest one by rules. For cron and for Slurm's scrontab. Says nothing if nothing has
# happened, else one line.
#
#   slurm/nightly.sh [OPTIONS] RUN_FOLDER ARCHIVE [-- OPTIONS of `wishart scan`]
#
#   0 2 * * *  slurm/nightly.sh --local 8 --rules jobs/gate-pretraining.cfg RUN_FOLDER ARCHIVE
#
#   --local N         N ranks on this machine, by mpirun
#   --sbatch WORDS    submit scan.sbatch with these options of sbatch ("-N 2 --ntasks-per-node=32") and
#                     wait for the job; may be given several times. Without --local and --sbatch: inside
#                     a job, as scrontab's, all of its tasks by WISHART_LAUNCHER; else submit
#   --requeue-limit N of the job that is submitted [3]
#   --rules FILE      rules of `wishart gate`, for the latest checkpoint; its verdict: ARCHIVE/nightly/gate.txt
#   --report FILE     where the report goes; its ending selects the format [ARCHIVE/report.html]
#   --mail ADDRESS    send the line by mail, with the brief report, instead of printing it. What failed stands
#                     at the front of the subject
#   --settle MINUTES  leave checkpoints that have changed within this time: they are being written [10]
#   --config FILE     options, one `key = value` a line: those above without hyphens, and run, archive and
#                     scan. The command line wins
#   --help
#
# A run without a checkpoint has nothing new. One that is not complete, or cannot be read, is left for the next
# night and fails nothing; it is named once. Matrices that could not be read are tried again each night. Whose files have changed since it
# was scanned is named each night, and scanned anew only with `-- --replace`. Two nights never run over each other. The exit code is 0, or that of the scan or the report
# if one failed, or 2 if files have changed, or 1 if the gate has failed, or 75 if the night before still runs or a scan was stopped:
# the next night goes on. WISHART is the path of the program, as for scan.sbatch.
# The output of the commands is in ARCHIVE/nightly. docs/running-on-a-cluster.md tells more.
set -euo pipefail

#<< words: the same in every script of this folder
say() { echo "wishart: $*" >&2; }
refuse() { say "$*"; exit 2; }

# Shows the comment at the top of this file.
show_help() { sed -n '2,/^\(#SBATCH\|set \)/{/^\(#SBATCH\|set \)/d;s/^# \{0,1\}//;p}' "$0"; }

# Sets `program`.
find_program() {
    local built=${SLURM_SUBMIT_DIR:-.}/build/release/wishart
    if [ -n "${WISHART:-}" ]; then
        program=$(type -P -- "$WISHART") ||
            refuse "WISHART: expected the path of the program, found '$WISHART', which cannot be run"
        return
    fi
    program=$(type -P wishart) || program=$built
    if [ ! -f "$program" ] || [ ! -x "$program" ]; then
        refuse "no program: WISHART is not set, there is no wishart in PATH and no $built. Set WISHART" \
            "to the path of the program"
    fi
}
#>>

#<< history: the same in history.sbatch and nightly.sh
# The cells of a line of CSV become `cells`.
split_csv() {
    local line=$1 cell
    cells=()
    while :; do
        cell=''
        if [[ $line == \"* ]]; then
            line=${line#\"}
            while [[ $line == *\"* ]]; do
                cell+=${line%%\"*}
                line=${line#*\"}
                [[ $line == \"* ]] || break
                cell+=\"
                line=${line#\"}
            done
        else
            cell=${line%%,*}
            line=${line:${#cell}}
        fi
        cells+=("$cell")
        [[ $line == ,* ]] || return 0
        line=${line#,}
    done
}

# Lists the checkpoints of the folder $1 beside the archive $2: `ids`, `states`, `details`, `paths`, in
# the order of training, those that are still being written last. The other words are options of the
# scan; those that are part of an id matter here, and --replace sets `replaces`. Ends the script if there
# is none.
declare -A state_of=()
list_history() {
    local run=$1 archive=$2 listing line named=()
    replaces=''
    shift 2
    while [ $# -gt 0 ]; do
        case $1 in
            --replace) replaces=yes ;;
            --base | --with-base | --variant)
                named+=("$1" "${2-}")
                [ $# -lt 2 ] || shift
                ;;
            --base=* | --with-base=* | --variant=* | --allow-unknown) named+=("$1") ;;
        esac
        shift
    done
    listing=$("$program" inspect "$run" --archive "$archive" --format csv "${named[@]}") || exit $?
    ids=() states=() details=() paths=() state_of=()
    while IFS= read -r line; do
        split_csv "$line"
        if [ "${#cells[@]}" != 4 ] || [[ ${cells[3]} != /* ]]; then
            refuse "$run: the name of a checkpoint has a line break. Rename it"
        fi
        ids+=("${cells[0]}") states+=("${cells[1]}") details+=("${cells[2]}") paths+=("${cells[3]}")
        state_of[${cells[0]}]=${cells[1]}
    done < <(tail -n +2 <<<"$listing")
}
#>>

fail() { say "${@:2}"; exit "$1"; }

declare -A option=([local]='' [requeue-limit]=3 [rules]='' [report]='' [mail]='' [settle]=10
    [run]='' [archive]='')
sbatch_words=() scan_words=()

# set_option NAME VALUE
set_option() {
    local words
    case $1 in
        sbatch | scan)
            read -ra words <<<"$2"
            if [ "$1" = scan ]; then scan_words+=("${words[@]}"); else sbatch_words+=("${words[@]}"); fi
            ;;
        *) option[$1]=$2 ;;
    esac
}

read_config() {
    local file=$1 line number=0
    if [ ! -r "$file" ] || [ -d "$file" ]; then refuse "--config $file: expected a file, found none"; fi
    while IFS= read -r line || [ -n "$line" ]; do
        number=$((number + 1))
        [[ ! $line =~ ^[[:space:]]*(#|$) ]] || continue
        [[ $line =~ ^[[:space:]]*([a-z-]+)[[:space:]]*=[[:space:]]*(.*[^[:space:]])[[:space:]]*$ ]] ||
            refuse "$file, line $number: expected key = value, found '$line'"
        case ${BASH_REMATCH[1]} in
            local | sbatch | requeue-limit | rules | report | mail | settle | run | archive | scan) ;;
            *) refuse "$file, line $number: expected run, archive, scan or an option of nightly.sh," \
                "found '${BASH_REMATCH[1]}'" ;;
        esac
        set_option "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
    done <"$file"
}

# The file first, so that the command line wins.
take_options() {
    local name value places=() names=() values=() i
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        case $1 in
            --help | -h) show_help && exit ;;
            --*)
                name=${1%%=*}
                case ${name#--} in
                    local | sbatch | requeue-limit | rules | report | mail | settle | config) ;;
                    *) refuse "nightly.sh: unknown option '$name'. See nightly.sh --help" ;;
                esac
                if [[ $1 == *=* ]]; then
                    value=${1#*=}
                else
                    [ $# -ge 2 ] || refuse "nightly.sh: $name needs a value. See nightly.sh --help"
                    value=$2
                    shift
                fi
                names+=("${name#--}") values+=("$value")
                ;;
            *) places+=("$1") ;;
        esac
        shift
    done
    for i in "${!names[@]}"; do
        [ "${names[i]}" != config ] || read_config "${values[i]}"
    done
    [[ " ${names[*]} " != *" sbatch "* ]] || sbatch_words=()
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

# Sets `way`: local, job or submit. Says before any work what is missing for it.
choose_way() {
    if [ -n "${option[local]}" ]; then
        way=local
        [ "${option[local]}" -ge 1 ] || refuse "--local: expected at least one rank, found 0"
        [ "${option[local]}" = 1 ] || type -P mpirun >/dev/null || refuse "mpirun: not found in PATH"
    elif [ "${#sbatch_words[@]}" = 0 ] && [ -n "${SLURM_JOB_ID:-}" ]; then
        way=job
        case ${WISHART_LAUNCHER:-srun} in
            srun | mpirun) ;;
            *) refuse "WISHART_LAUNCHER: expected srun or mpirun, found '$WISHART_LAUNCHER'" ;;
        esac
    else
        way=submit
        type -P sbatch >/dev/null ||
            refuse "no sbatch in PATH: use --local N to scan with N ranks on this machine"
        batch_script=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)/scan.sbatch
        [ -r "$batch_script" ] || refuse "$batch_script: expected the batch script beside nightly.sh"
    fi
    [ -z "${option[mail]}" ] || type -P mail >/dev/null ||
        refuse "--mail needs the program mail (mailx), which is not in PATH"
}

# --- One night at a time. Only one process can make a folder, on every file system; `flock` does not work on
# all of them. The owner touches the lock. Who has not for ten minutes, by the clock of the file system, or was
# a process of this machine that has ended, is gone.
stale_seconds=600 held='' beat='' concluded=''

# What tells a process from all others: boot, process namespace, number, start in ticks.
process_mark() { # PID
    local stat words
    { stat=$(cat "/proc/$1/stat"); } 2>/dev/null || return 1
    read -ra words <<<"${stat##*)}"
    echo "$(cat /proc/sys/kernel/random/boot_id) $(readlink /proc/self/ns/pid) $1 ${words[19]}"
}

changed_at() { stat --format=%Y -- "$1" 2>/dev/null; }

# The time by the clock of the file system; leaves the file $1.
file_system_now() { : >"$1" && changed_at "$1"; }

# Sets `other`, who holds the lock.
lock_is_stale() {
    local owner mark own now since words
    owner=$(cat "$lock/owner" 2>/dev/null) || owner=''
    other=${owner#*$'\n'} mark=${owner%%$'\n'*} own=$(process_mark $$)
    read -ra words <<<"$mark"
    if [ "${#words[@]}" = 4 ] && [ "${words[0]} ${words[1]}" = "${own% * *}" ] &&
        [ "$(process_mark "${words[2]}")" != "$mark" ]; then
        return 0
    fi
    now=$(file_system_now "$state/now.$$") && rm -f "$state/now.$$"
    since=$(changed_at "$lock/owner") || since=$(changed_at "$lock") || return 1    # removed just now
    [ $((now - since)) -ge "$stale_seconds" ]
}

busy() { fail 75 "$run: another night is at it: ${other:-a process that has just begun}; nothing done"; }

take_lock() {
    local before
    lock=$state/lock
    if ! mkdir "$lock" 2>/dev/null; then
        [ -d "$lock" ] || fail 4 "$lock: the lock cannot be made"
        lock_is_stale || busy
        # Of several who see a stale lock, one puts it aside. Who has put aside a newer one gives it back.
        before=$other
        mv -T "$lock" "$lock.$$" 2>/dev/null || busy
        other=$(tail -n +2 "$lock.$$/owner" 2>/dev/null) || other=''
        if [ "$other" != "$before" ]; then
            mv -T "$lock.$$" "$lock" 2>/dev/null || true
            busy
        fi
        rm -rf "$lock.$$"
        mkdir "$lock" 2>/dev/null || busy
    fi
    held=yes
    # In one piece, for who reads it meanwhile.
    printf '%s\n' "$(process_mark $$)" "process $$ on $(hostname)${SLURM_JOB_ID:+, Slurm job $SLURM_JOB_ID}, since \
$(date -u +%FT%TZ)" >"$lock/owner" || fail 4 "$lock/owner: cannot be written"
    (while sleep 30 && [ -d "/proc/$$" ]; do touch -c "$lock/owner"; done) >/dev/null 2>&1 </dev/null &
    beat=$!
}

# At the end, however it comes.
# shellcheck disable=SC2317    # called by a trap
leave() {
    local code=$?
    [ -z "$beat" ] || kill "$beat" 2>/dev/null || true
    [ -z "$held" ] || rm -rf "$lock"
    if [ "$code" = 1 ] && [ -z "$concluded" ]; then
        say "$run: a command of nightly.sh has failed: see above, and $state"
        exit 70
    fi
}

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
    { now=$(file_system_now "$state/settled") &&
        touch --date="@$((now + 60 * option[settle]))" "$state/ahead" &&
        touch --date="@$((now - 60 * option[settle]))" "$state/settled"; } || fail 4 "$state: cannot be written"
    list_history "$run" "$archive" "${scan_words[@]}"
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

# Runs a command with its output in scan.log and sets `code`. In the background, so that a signal reaches
# the ranks: they stop and keep what is done.
run_beside() {
    local child again interrupted='' struck=''
    "$@" >"$state/scan.log" 2>&1 </dev/null &
    child=$!
    trap 'interrupted=yes struck=yes; kill -USR1 "$child" 2>/dev/null || true' TERM INT HUP USR1
    code=0
    wait "$child" || code=$?
    while [ -n "$interrupted" ]; do
        interrupted='' again=0
        wait "$child" || again=$?
        [ "$again" = 127 ] || code=$again
    done
    trap 'exit 143' TERM INT HUP USR1
    # Who was told to stop before it could take signals is killed by this one.
    if [ -n "$struck" ] && [ "$code" -gt 128 ]; then code=75; fi
}

# `--time-limit SECONDS` of this job, with a twentieth of what is left for the report; nothing where the end is
# not known.
limit_words() {
    local end left
    end=$(squeue --noheader --jobs="$SLURM_JOB_ID" --format=%e 2>/dev/null) &&
        end=$(date --date="$end" +%s 2>/dev/null) || end=${SLURM_JOB_END_TIME:-}
    [ -n "$end" ] || return 0
    left=$((end - $(date +%s)))
    echo "--time-limit $((left - left / 20 - 60 > 1 ? left - left / 20 - 60 : 1))"
}

# Scans what is new; sets `code`.
scan_new() {
    local launch=() limit=()
    export OPENBLAS_NUM_THREADS="${OPENBLAS_NUM_THREADS:-${SLURM_CPUS_PER_TASK:-1}}"
    export OMP_NUM_THREADS="${OMP_NUM_THREADS:-${SLURM_CPUS_PER_TASK:-1}}"
    if [ "$way" = submit ]; then
        # What follows CHECKPOINT and ARCHIVE goes to the scan, other checkpoints too.
        run_beside sbatch --wait --quiet --output="$state/job.log" --open-mode=append "${sbatch_words[@]}" \
            "$batch_script" --requeue-limit "${option[requeue-limit]}" "${new_paths[0]}" "$archive" \
            "${new_paths[@]:1}" "${scan_words[@]}"
        if [ -r "$state/job.log" ]; then cat "$state/job.log" >>"$state/scan.log" || true; fi
        return
    fi
    if [ "$way" = job ]; then
        launch=("${WISHART_LAUNCHER:-srun}")
        export SLURM_EXPORT_ENV=ALL SRUN_CPUS_PER_TASK="${SLURM_CPUS_PER_TASK:-1}"
        read -ra limit <<<"$(limit_words)"
    elif [ "${option[local]}" != 1 ]; then
        # Root's crontab is its owner's decision: without these, mpirun of Open MPI refuses to work.
        if [ "$(id -u)" = 0 ]; then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi
        launch=(mpirun -np "${option[local]}")
    fi
    run_beside "${launch[@]}" "$program" scan "${new_paths[@]}" --archive "$archive" --progress plain \
        "${limit[@]}" "${scan_words[@]}"
}

# The last line that the program says of itself in a log, or else the beginning of the last message that Open MPI
# put between rules, or else the last line that is not blank.
last_word() {
    local word
    word=$(awk '/^wishart: / { said = substr($0, 10) }
        /^---+$/ { first = inside = !inside; if (inside) told = ""; next }
        !NF { first = 0; next }
        first { told = told (told == "" ? "" : " ") $0 }
        { last = $0 }
        END { print said != "" ? said : told != "" ? told : last }' "$1" 2>/dev/null) || word=''
    word=${word%[.:]}
    echo "${word:-no reason is in $1. Is the disk full?}"
}

# `a, b, c and 4 more`
some_of() {
    local text
    text=$(printf ', %s' "${@:1:3}")
    text=${text:2}
    [ $# -le 3 ] || text+=" and $(($# - 3)) more"
    echo "$text"
}

# Prints the line, or sends it by mail with the brief report and the broken rules. The subject is the beginning of
# the line: what failed stands before it.
tell() {
    local line=$1 subject=''
    if [ -z "${option[mail]}" ]; then
        echo "wishart: $line"
        return
    fi
    [ "${#changed[@]}" = 0 ] || failed+=("older numbers")
    [ "${#failed[@]}" = 0 ] || subject="$(some_of "${failed[@]}"): "
    subject+=${line:0:120}
    {
        echo "$line"
        if [ -s "$state/brief.txt" ]; then echo && cat "$state/brief.txt"; fi
        if [ "$gate_code" = 1 ]; then echo && cat "$state/gate.txt"; fi
    } | mail -s "wishart: ${subject//[[:cntrl:]]/ }" "${option[mail]}" || {
        echo "wishart: $line"
        fail 4 "mail to ${option[mail]} cannot be sent"
    }
}

# Index, report and gate. Adds to `line` and `failed`; sets `code` if it was 0.
conclude() {
    local report=${option[report]:-$archive/report.html} step=0 log=$state/index.log
    "$program" index "$archive" >"$log" 2>&1 || step=$?
    if [ "$step" = 0 ]; then
        log=$state/report.log
        "$program" report "$archive" --output "$report" >"$log" 2>&1 || step=$?
    fi
    if [ "$step" != 0 ]; then
        line+=". No report: $(last_word "$log")"
        failed+=("no report")
        [ "$code" != 0 ] || code=$step
        return
    fi
    "$program" report "$archive" --format brief --page "$report" >"$state/brief.txt" 2>/dev/null || true
    line+=". $(head -n 1 "$state/brief.txt" 2>/dev/null)" || true
    if [ -n "${option[rules]}" ]; then
        "$program" gate "$archive" --rules "${option[rules]}" --output "$state/gate.txt" \
            >"$state/gate.log" 2>&1 || gate_code=$?
        if [ "$gate_code" = 0 ]; then
            line+=" Gate: passed."
        else
            line+=" Gate: $(last_word "$state/gate.log")."
            failed=("gate $([ "$gate_code" = 1 ] && echo failed || echo "without a verdict")" "${failed[@]}")
        fi
        [ "$code" != 0 ] || code=$gate_code
        [ "$gate_code" -le 1 ] || return 0
    fi
    line+=" Report: $report"
    rm -f "$state/due"
}

take_options "$@"
find_program
choose_way
[ -e "$run" ] || fail 3 "$run: no such folder"
state=$archive/nightly
[ ! -L "$state" ] || fail 4 "$state: expected a folder, found a link. Remove it"
mkdir -p "$state" 2>/dev/null || fail 4 "$state: the folder cannot be made"
trap leave EXIT
trap 'exit 143' TERM INT HUP USR1
take_lock
look
code=0 gate_code=0 line='' due_before='' failed=()
if [ "${#new_ids[@]}" -gt 0 ]; then
    [ ! -e "$state/due" ] || due_before=yes
    : >"$state/due" || fail 4 "$state/due: cannot be written"    # until a report has been made of what follows
    asked=("${new_ids[@]}")
    rm -f "$state/job.log"
    scan_new
    [ "$code" != 1 ] || code=4    # not of the scan, but of sbatch or the launcher: 1 is a failed gate
    look
    # What the scan could not read may be gone by now, but the archive got some of its numbers.
    done_now=() still=0 news=''
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
        75) line+="; not finished, the next night goes on" ;;
        *) line+="; the scan ended with $code: $(last_word "$state/scan.log")" && failed+=("scan failed") ;;
    esac
    if [ "${#done_now[@]}" = 0 ] && [ -z "$due_before$news" ]; then rm -f "$state/due"; fi
fi
tell_left
if [ "$code" = 0 ] && [ "$((${#changed[@]} + ${#others[@]}))" -gt 0 ]; then code=2; fi
if [ -e "$state/due" ]; then
    [ -n "$line" ] || line="$run: the report of the night before"
    conclude
fi
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
[ -z "$line" ] || tell "$line"
concluded=yes
exit "$code"
