# nuketown-claude-settings DECLARED SETTINGS: put the declared settings over those that are there.
#
# What was declared the last time and is no longer, goes; what Claude Code or its user added stays. The
# settings of an account that had some before the first time are kept beside them.

declared=$1
settings=$2
last=${settings%/*}/.declared-settings.json
backup=$settings.before-nuketown

mkdir -p -- "${settings%/*}"
[[ -e $last || -e $backup || ! -e $settings ]] || cp --dereference -- "$settings" "$backup"

staged=$(mktemp -- "$settings.XXXXXX")
trap 'rm -f -- "$staged"' EXIT
there=/dev/null before=/dev/null
# What is no JSON object is none that Claude Code could read: it is kept as the backup above.
! jq -e 'type == "object"' -- "$settings" >/dev/null 2>&1 || there=$settings
! jq -e 'type == "object"' -- "$last" >/dev/null 2>&1 || before=$last

jq --null-input --slurpfile there "$there" --slurpfile before "$before" --slurpfile declared "$declared" \
    --from-file "$NUKETOWN_MERGE" >"$staged"
mv -f -- "$staged" "$settings"
cp --no-preserve=mode -- "$declared" "$last.new"
mv -f -- "$last.new" "$last"
