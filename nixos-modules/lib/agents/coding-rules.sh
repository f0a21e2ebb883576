# shellcheck shell=bash
# Links coding rules and OpenCode's configuration for them into the current directory.
#   coding-rules.sh RULES CONFIGURATION
set -euo pipefail

say() { printf 'coding rules: %s\n' "$*" >&2; }

# link TARGET NAME: unless something is there that is no link into the store.
link() {
    if [[ -L $2 && $(readlink -- "$2") == "${NIX_STORE:-/nix/store}"/* ]] || [[ ! -e $2 && ! -L $2 ]]; then
        ln -sfn -- "$1" "$2"
    else
        say "$2 is not from here and stays as it is."
    fi
}

link "$1" .opencode-rules
link "$2" opencode.json
