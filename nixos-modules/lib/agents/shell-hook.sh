# shellcheck shell=bash
# Links the files of a rendering into the project around the current directory.
#   nuketown-link-agents STORE-NAME DIRECTORY
# Whose a link is, its target says: …/HASH-STORE-NAME/PATH. Everything else belongs to somebody else.
name=$1
rendered=$2
store=${rendered%/*}

say() { printf 'agents: %s\n' "$*" >&2; }

project=$PWD
while [[ $project != / && ! -e $project/flake.nix ]]; do project=$(dirname "$project"); done
[[ -e $project/flake.nix ]] || project=$PWD

# Is it a link into a rendering for this tool, of now or before?
is_ours() {
    [[ -L $1 ]] || return 1
    local target
    target=$(readlink -- "$1")
    [[ $target == "$store"/*-"$name"/* ]]
}

# A directory on the way that is a link leads out of the project.
leads_out() {
    local directory
    directory=$(dirname -- "$1")
    while [[ $directory != . ]]; do
        [[ -L $project/$directory ]] && return 0
        directory=$(dirname -- "$directory")
    done
    return 1
}

link() {
    local path=$1 place=$project/$1
    if leads_out "$path"; then
        say "$path is left alone: a directory above it is a link."
    elif [[ ( -e $place || -L $place ) ]] && ! is_ours "$place"; then
        say "$path is not from here and stays as it is; what the agents need of it is in $rendered/$path."
    elif [[ $(readlink -- "$place") != "$rendered/$path" ]]; then
        mkdir -p -- "$(dirname -- "$place")"
        ln -sfn -- "$rendered/$path" "$place"
    fi
}

# Links of an earlier rendering whose file is not in this one.
remove_stale() {
    local place path
    while IFS= read -r -d '' place; do
        path=${place#"$project"/}
        if is_ours "$place" && [[ ! -e $rendered/$path ]]; then rm -- "$place"; fi
    done < <(find "$project/.claude" "$project/.opencode" "$project/.pi" "$project/AGENTS.md" -type l -print0 2>/dev/null)
}

ignore() {
    local file=$project/.gitignore line=/$1
    [[ -e $project/.git ]] || return 0
    if [[ -L $file || ( -e $file && ! -w $file ) ]]; then
        say ".gitignore is left alone: it is a link or can't be written."
        return 0
    fi
    grep -qxF -- "$line" "$file" 2>/dev/null && return 0
    # A last line without an end would swallow the first of ours.
    [[ ! -s $file || -z $(tail -c 1 -- "$file") ]] || printf '\n' >>"$file"
    printf '%s\n' "$line" >>"$file"
}

remove_stale
while IFS= read -r -d '' path; do
    link "$path"
    if is_ours "$project/$path"; then ignore "$path"; fi
done < <(cd -- "$rendered" && find -L . -type f -printf '%P\0' | sort -z)
