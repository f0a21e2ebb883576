#!/usr/bin/env bash
# portal: choose an agent where there are several, then portal-<agent>.
#
# The module sets NUKETOWN_AGENTS (a list) and puts each portal-<agent> into PATH.
set -euo pipefail

usage() {
    cat <<END
usage: portal [--agent NAME] [PROJECT [TEXT...]]

Opens a portal to an agent, chosen from a list where there are several: ${NUKETOWN_AGENTS[*]}.
portal-NAME --help says the rest.
END
}

fail() {
    printf 'portal: %s\n' "$1" >&2
    exit 2
}

agent=
case ${1-} in
-h | --help)
    usage
    exit
    ;;
-a | --agent)
    agent=${2-}
    [[ " ${NUKETOWN_AGENTS[*]} " == *" $agent "* && $agent && $agent != *' '* ]] ||
        fail "there is no portal to ${agent@Q}, only to ${NUKETOWN_AGENTS[*]}."
    shift 2
    ;;
--) ;;
-*)
    usage >&2
    fail "there is no option $1."
    ;;
esac

if [[ ! $agent && ${#NUKETOWN_AGENTS[@]} -eq 1 ]]; then
    agent=${NUKETOWN_AGENTS[0]}
elif [[ ! $agent ]]; then
    [[ -t 0 || -t 2 ]] || fail "there is no terminal to choose at: name an agent with --agent."
    agent=$(printf '%s\n' "${NUKETOWN_AGENTS[@]}" | fzf --no-multi --prompt='agent> ') || exit
    agent=${agent##*$'\n'} # somebody's own options may make fzf print more before it
fi
exec "portal-$agent" "$@"
