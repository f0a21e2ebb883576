#!/usr/bin/env bash
# The agent's end of a portal, run as the agent by machinectl shell.
#
#   portal-attach list            its clones and its open sessions, one a line, then "end"
#   portal-attach join PROJECT    the session of a project, in this terminal
#
# The module sets NUKETOWN_AGENT, NUKETOWN_HAS_DAEMON (yes or no), NUKETOWN_PROJECTS (where its clones are;
# empty: ~/projects) and NUKETOWN_HARNESS (a list: what runs in a new session where there is no daemon
# to start one).
set -euo pipefail

projects=${NUKETOWN_PROJECTS:-$HOME/projects}
server=portal-$NUKETOWN_AGENT
wait_s=20

# The daemon's unit and this session may have been told different places for tmux's sockets.
for place in "${TMUX_TMPDIR-}" "${XDG_RUNTIME_DIR:-/run/user/$EUID}" /tmp; do
    if [[ $place && -S $place/tmux-$EUID/$server ]]; then
        export TMUX_TMPDIR=$place
        break
    fi
done
unset TMUX

fail() {
    printf '%s: %s\n' "$NUKETOWN_AGENT" "$1"
    [[ ! -t 0 ]] || read -rsp 'Return closes this pane.' || true
    exit 1
}

list() {
    local path
    shopt -s nullglob
    for path in "$projects"/*/.git; do
        path=${path%/.git}
        printf 'project %s\n' "${path##*/}"
    done
    tmux -L "$server" list-sessions -F 'session #{session_name}' 2>/dev/null || true
    echo end
}

join() {
    local project=$1 session=${1//./_} tries=$((wait_s * 5)) word words=()
    if [[ $NUKETOWN_HAS_DAEMON == no ]]; then
        [[ -d $projects/$project ]] ||
            fail "there is no clone $projects/$project: make it first."
        # A login shell, for the profile that has the harness in its PATH.
        # shellcheck disable=SC2016  # for that shell to expand
        for word in "${NUKETOWN_HARNESS[@]}"; do
            # A last ; would end tmux's command.
            [[ $word != *';' ]] || word="${word%;}\\;"
            words+=("$word")
        done
        exec tmux -u -L "$server" new-session -A -s "$session" -c "$projects/$project" -- \
            "$BASH" -lc 'exec "$@"' portal "${words[@]}" \; set-option status off
    fi
    # The daemon says "running" a moment before the session is there.
    until tmux -L "$server" has-session -t "=$session" 2>/dev/null; do
        ((tries-- > 0)) || fail "there is no session of $project: nuketown tasks --agent $NUKETOWN_AGENT tells why."
        sleep 0.2
    done
    # The human's own tmux has a status line already.
    exec tmux -u -L "$server" attach-session -t "=$session" \; set-option status off
}

case ${1-} in
list) list ;;
join)
    [[ ${2-} =~ ^[A-Za-z0-9_][A-Za-z0-9._+-]{0,99}$ ]] || fail "that is no project's name."
    join "$2"
    ;;
*) fail "say list, or join and a project." ;;
esac
