# shellcheck shell=bash
# Nix, where this machine has it.
# shellcheck disable=SC2154  # root: set by ./dev

# The trees that the tests look for (tests/nix/README.md): those that NIX_PATH names, or else the
# locked ones of tests/nix/trees, which Nix fetches once.
want_trees() {
    command -v nix-instantiate >/dev/null || return 0
    local tree path
    for tree in nixpkgs home-manager sops-nix agenix impermanence preservation; do
        if ! nix-instantiate --find-file "$tree" >/dev/null 2>&1; then
            say "NIX_PATH does not name $tree: taking what tests/nix/trees/flake.lock names"
            path=$(nix --extra-experimental-features 'nix-command flakes' eval --raw \
                "path:$root/tests/nix/trees#nixPath") || return 0 # the tests' summary says what is missing
            export NIX_PATH=$path
            return 0
        fi
    done
}

# Every file is Nix, and as the three programs want it; those that are not here are named.
lint_nix() {
    local files status=0 program missing=()
    mapfile -t files < <(git ls-files '*.nix' | while read -r file; do [[ -f $file ]] && echo "$file"; done)
    if command -v nix-instantiate >/dev/null; then
        nix-instantiate --parse "${files[@]}" >/dev/null || status=1
    else
        missing+=(nix-instantiate)
    fi
    for program in alejandra statix deadnix; do
        command -v "$program" >/dev/null || missing+=("$program")
    done
    if command -v alejandra >/dev/null; then alejandra --check --quiet "${files[@]}" || status=1; fi
    if command -v statix >/dev/null; then statix check . || status=1; fi
    if command -v deadnix >/dev/null; then deadnix --fail "${files[@]}" || status=1; fi
    [[ ${#missing[@]} -eq 0 ]] || say "not run on the Nix files, not found here: ${missing[*]}"
    return $status
}
