#!/usr/bin/env bash
# The right pane of a portal, still as the human: asks the agent's daemon where there is something to
# ask, shows what comes of it, and joins the session.
#
#   portal-pane join PROJECT
#   portal-pane ask PROJECT TEXT
#
# The module sets NUKETOWN_AGENT and the program NUKETOWN_PORTAL_ATTACH.
set -euo pipefail

agent=$NUKETOWN_AGENT
project=$2

# Nobody would read a sentence in a pane that closes.
stay() {
    printf '\n%s\n' "$1"
    read -rsp 'Return closes this pane.' || true
    exit 1
}

# Returns when the task's session runs.
ask() {
    local line state='' said='' shown='' asker
    exec 3< <(exec nuketown ask --json --agent "$agent" --project "$project" --mode interactive \
        -- "$1" </dev/null 2>&1)
    asker=$!
    while IFS= read -r line <&3; do
        if ! state=$(jq -er '(.task // .event.task).state' <<<"$line" 2>/dev/null); then
            # nuketown's own sentence
            [[ $line == '{'* ]] || printf '%s\n' "$line"
            continue
        fi
        # Nothing that an agent says moves the cursor.
        said=$(jq -r '(.event.text // .task.result // "") | gsub("[\\p{C}]+"; " ")' <<<"$line")
        if [[ $said && $said != "$shown" ]]; then
            printf '%s: %s\n' "$agent" "$said"
            shown=$said
        fi
        [[ $state == queued || $state == preparing ]] || break
    done
    kill "$asker" 2>/dev/null || true # it only watches: the task goes on
    exec 3<&-
    case $state in
    running | done) ;;
    '') stay "$agent was not asked." ;;
    queued | preparing) stay "The task waits: nuketown tasks --agent $agent shows it, portal-$agent $project joins it." ;;
    *) stay "The task is $state: nuketown tasks --agent $agent tells more." ;;
    esac
}

if [[ $1 == ask ]]; then
    printf '%s is asked to open %s ...\n' "$agent" "$project"
    ask "$3"
fi
machinectl --quiet --no-ask-password shell "$agent@.host" "$NUKETOWN_PORTAL_ATTACH" join "$project" ||
    stay "machinectl can't become $agent."
