#!/usr/bin/env bash
# portal-<agent>: a tmux window with your shell on the left and the agent on the right.
#
# Run by the human. The module sets NUKETOWN_AGENT, NUKETOWN_PROJECT_DIRS and NUKETOWN_REPOSITORIES
# (lists), NUKETOWN_AGENT_SHARE (percent of the window), NUKETOWN_HAS_DAEMON (yes or no), and the two
# programs NUKETOWN_PORTAL_PANE and NUKETOWN_PORTAL_ATTACH.
set -euo pipefail

agent=$NUKETOWN_AGENT
declare -A own=() cloned=() declared=() sessions=()

usage() {
    cat <<END
usage: portal-$agent [PROJECT [TEXT...]]

Opens a tmux window with your shell on the left and $agent on the right, on a project:
a name, a path to your clone of it, or, without one, what you choose from a list.
A session that runs is joined. With TEXT, $agent is asked to do that.
END
}

fail() {
    printf 'portal-%s: %s\n' "$agent" "$1" >&2
    exit "${2:-1}"
}

# The daemon's rule (nuketown_daemon/task.py): a name, never a path or an option.
is_project_name() {
    local LC_ALL=C
    [[ $1 =~ ^[A-Za-z0-9_][A-Za-z0-9._+-]{0,99}$ && $1 != *.lock ]]
}

# The human's projects: directories right below projectDirs, and clones one level further down.
find_own() {
    local place path name
    shopt -s nullglob
    for place in "${NUKETOWN_PROJECT_DIRS[@]}"; do
        # shellcheck disable=SC2088  # it is the module's text that begins with a tilde
        [[ $place == '~' || $place == '~/'* ]] && place=$HOME${place#'~'}
        for path in "$place"/*/ "$place"/*/*/.git; do
            path=${path%/.git}
            path=${path%/}
            name=${path##*/}
            if is_project_name "$name" && [[ $path != *[[:cntrl:]]* ]]; then
                own[$name]=${own[$name]-$path}
            fi
        done
    done
    shopt -u nullglob
    for name in "${NUKETOWN_REPOSITORIES[@]}"; do declared[$name]=yes; done
}

# The agent's clones and sessions, as its own account sees them. Its words are taken as names only.
find_agents() {
    local listing line name complete=''
    # Nor as many as it likes, for as long as it likes.
    listing=$(timeout 20 machinectl --quiet --no-ask-password shell "$agent@.host" \
        "$NUKETOWN_PORTAL_ATTACH" list </dev/null 2>&1 | head -c 1000000 | tr -d '\0') || true
    while IFS= read -r line; do
        line=${line%$'\r'}
        name=${line#* }
        case $line in
        'project '*) ! is_project_name "$name" || cloned[$name]=yes ;;
        'session '*) ! is_project_name "$name" || sessions[$name]=yes ;;
        end) complete=yes ;;
        esac
    done <<<"$listing"
    # machinectl does not tell how the program ended.
    listing=${listing:0:300}
    listing=${listing:-there is no answer.}
    [[ $complete ]] || fail "machinectl can't become $agent: ${listing//[[:cntrl:]]/ }"
}

# Session names: the daemon's rule (nuketown_daemon/session/tmux.py).
session_of() { printf '%s' "${1//./_}"; }

candidates() {
    local name rank note
    for name in "${!own[@]}" "${!cloned[@]}" "${!declared[@]}"; do
        rank=3 note=${own[$name]-}
        [[ ! ${declared[$name]-} ]] || rank=2
        [[ ! ${cloned[$name]-} ]] || { rank=1 note="$note  ($agent has it)"; }
        [[ ! ${sessions[$(session_of "$name")]-} ]] || { rank=0 note="$note  (open)"; }
        printf '%s\t%s\t%s\n' "$rank" "$name" "$note"
    done | sort -u | cut -f 2-
}

choose() {
    local line status=0
    [[ -t 0 || -t 2 ]] || fail "there is no terminal to choose at: name a project." 2
    line=$(candidates | fzf --no-multi --tabstop=32 --prompt="$agent> ") || status=$?
    case $status in
    0) # Somebody's own options may make fzf print more before it.
        line=${line##*$'\n'}
        project=${line%%$'\t'*}
        ;;
    1) fail "no project of that name was found." ;;
    *) exit "$status" ;; # 130: cancelled
    esac
}

# A path to a clone of the human's stands for its name.
resolve() {
    project=$1
    if [[ $project == */* || $project == . || $project == .. ]]; then
        directory=$(realpath -e -- "$project/." 2>/dev/null) ||
            fail "there is no directory $project." 2
        project=${directory##*/}
        ! is_project_name "$project" || own[$project]=$directory
    fi
    is_project_name "$project" ||
        fail "a project's name has letters, digits and . _ + - only, 100 at most: not ${project@Q}." 2
    [[ ${own[$project]-}${cloned[$project]-}${declared[$project]-} ]] ||
        [[ ${sessions[$(session_of "$project")]-} ]] ||
        fail "there is no project $project in ${NUKETOWN_PROJECT_DIRS[*]} or with $agent: to have it cloned, say nuketown ask --agent $agent work on $project -- and what to do."
}

# What tmux would expand as a format, and a last ; that would end its command.
tmux_format() {
    local value=${1//#/##}
    [[ $value != *';' ]] || value="${value%;}\\;"
    printf '%s' "$value"
}

tmux_word() {
    local value=$1
    [[ $value != *';' ]] || value="${value%;}\\;"
    printf '%s' "$value"
}

# The pane of an earlier portal on this project, if its window is still there.
find_open() {
    local mark pane
    while read -r mark pane; do
        if [[ $mark == "$agent/$project" ]]; then
            printf '%s' "$pane"
            return
        fi
    done < <(tmux list-panes -a -F '#{@nuketown_portal} #{pane_id}' 2>/dev/null)
}

# A window with the human's shell; prints its id.
open_window() {
    local words=(-P -F '#{window_id}' -n "$(tmux_format "$project")" -c "$(tmux_format "$directory")")
    local rows=48 columns=160
    if [[ ${TMUX-} ]]; then
        tmux new-window "${words[@]}"
    elif tmux has-session -t "=$session" 2>/dev/null; then
        tmux new-window -t "=$session:" "${words[@]}"
    else
        read -r rows columns < <(stty size 2>/dev/null) || true
        tmux new-session -d -s "$session" -x "$columns" -y "$rows" "${words[@]}"
    fi
}

# Both panes; prints the id of the agent's.
open_portal() {
    local window pane word words=()
    for word; do words+=("$(tmux_word "$word")"); done
    window=$(open_window) || fail "tmux opens no window."
    if ! pane=$(tmux split-window -h -l "$NUKETOWN_AGENT_SHARE%" -t "$window" \
        -c "$(tmux_format "$directory")" -P -F '#{pane_id}' -- "${words[@]}"); then
        tmux kill-window -t "$window"
        fail "tmux can't split the window: make the terminal wider."
    fi
    tmux set-option -p -t "$pane" @nuketown_portal "$agent/$project"
    printf '%s' "$pane"
}

show() {
    tmux select-window -t "$1"
    tmux select-pane -t "$1"
    if [[ ${TMUX-} ]]; then
        exec tmux switch-client -t "$1"
    fi
    exec tmux attach-session -t "$1"
}

case ${1-} in
-h | --help)
    usage
    exit
    ;;
--) shift ;;
-*)
    usage >&2
    fail "there is no option $1." 2
    ;;
esac

directory=$PWD
find_own
find_agents
if [[ $# -gt 0 ]]; then
    resolve "$1"
    shift
else
    choose
fi
text=$*
[[ ! ${own[$project]-} ]] || directory=${own[$project]}
session=$agent-$(session_of "$project")

if [[ ! ${TMUX-} ]]; then
    [[ -t 0 && -t 1 ]] || fail "it needs a terminal." 2
fi
open=$(find_open)
asking=
[[ ! $text && ${sessions[$(session_of "$project")]-} ]] || asking=yes
if [[ $NUKETOWN_HAS_DAEMON == no ]]; then
    [[ ! $text ]] || fail "$agent has no daemon to give that to: set nuketown.agents.$agent.daemon.enable, or type it there." 2
    asking=
fi
if [[ $asking ]]; then
    # Its one sentence, here, where it can be read.
    nuketown status --agent "$agent" >/dev/null
    text=${text:-$(id -un) has opened the portal on $project and will say here what to do. Say in a few lines how the clone stands, then wait.}
fi
if [[ $open ]]; then
    [[ ! $asking ]] ||
        nuketown ask --agent "$agent" --project "$project" --mode interactive --no-wait -- "$text"
elif [[ $asking ]]; then
    open=$(open_portal "$NUKETOWN_PORTAL_PANE" ask "$project" "$text")
else
    open=$(open_portal "$NUKETOWN_PORTAL_PANE" join "$project")
fi
show "$open"
