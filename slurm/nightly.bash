# What slurm/nightly.sh, which sources this file, is made of: words, the list of a history, the lock of a night, what is
# run beside it, and the job that it leaves to Slurm.

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
    local rest=$1 cell LC_ALL=C    # names may be of any bytes
    cells=()
    while :; do
        if [[ $rest =~ ^\"(([^\"]|\"\")*)\" ]]; then
            cell=${BASH_REMATCH[1]//\"\"/\"}
            rest=${rest:${#BASH_REMATCH[0]}}
        else
            cell=${rest%%,*}
            rest=${rest:${#cell}}
        fi
        cells+=("$cell")
        [[ $rest == ,* ]] || return 0
        rest=${rest#,}
    done
}

# Lists the checkpoints of the folder $1 beside the archive $2: `ids`, `states`, `details`, `paths`, in
# the order of training, those that are still being written last. The other words are options of the
# scan; those that are part of an id matter here, and --replace sets `replaces`. Returns the code of the
# program, which says why.
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
    listing=$("$program" inspect "$run" --archive "$archive" --format csv "${named[@]}") || return $?
    ids=() states=() details=() paths=() state_of=()
    while IFS= read -r line; do
        split_csv "$line"
        if [ "${#cells[@]}" != 4 ] || [[ ${cells[3]} != /* ]]; then
            say "$run: the name of a checkpoint has a line break. Rename it"
            return 2
        fi
        ids+=("${cells[0]}") states+=("${cells[1]}") details+=("${cells[2]}") paths+=("${cells[3]}")
        state_of[${cells[0]}]=${cells[1]}
    done < <(tail -n +2 <<<"$listing")
}
#>>

# What was said last is told by mail too.
say() { said=$*; echo "wishart: $*" >&2; }
fail() { say "${@:2}"; exit "$1"; }

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

# By mail once a day only, however often cron calls.
busy() {
    if [ -n "$(find "$state/busy" -mmin -1200 2>/dev/null)" ]; then option[mail]=''; fi
    [ -z "${option[mail]}" ] || touch "$state/busy" 2>/dev/null || true
    fail 75 "$run: another night is at it: ${other:-a process that has just begun}; nothing done"
}

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

# --- What runs beside the night.

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
    trap stop_here TERM INT HUP USR1
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

# --- A job that scans. Its number stays in `$state/job` until it has ended. A night that is stopped leaves it alone,
# as it goes on by itself, and the next one waits for it: a second job would only meet its locks.

# Sets `job` to the number in `$state/job`, with its cluster for squeue and scontrol, as sbatch prints both.
read_job() {
    job=$(cat "$state/job" 2>/dev/null) || job=''
    [[ $job != *\;* ]] || export SLURM_CLUSTERS="${job#*;}"
    job=${job%%;*}
}

# True also if Slurm cannot be asked.
in_queue() {
    local answer
    [ -n "$job" ] || return 1
    answer=$(squeue --noheader --jobs="$job" --format=%i 2>&1) || [[ $answer != *"Invalid job id"* ]] || return 1
    [ -n "$answer" ]
}

# Waits for the end of `job`. Returns its exit code; 4 if Slurm has ended it, which it says; 75 if nobody knows.
await_job() {
    local pause=1 facts
    while in_queue; do
        sleep "$pause"
        pause=$((pause < 30 ? pause + 1 : 30))
    done
    rm -f "$state/job"
    facts=$(scontrol --oneliner show job "$job" 2>/dev/null) || return 75
    [[ $facts =~ JobState=([A-Z_]+).*\ ExitCode=([0-9]+): ]] || return 75
    [ "${BASH_REMATCH[2]}${BASH_REMATCH[1]}" != 0COMPLETED ] || return 0
    [ "${BASH_REMATCH[2]}" = 0 ] || return "${BASH_REMATCH[2]}"
    say "job $job ended as ${BASH_REMATCH[1]}"
    return 4
}
