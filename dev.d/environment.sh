# shellcheck shell=bash
# The virtual environment .venv, made from requirements.lock: versions and hashes, no index.
# shellcheck disable=SC2154  # root, venv: set by ./dev

say() { printf '%s\n' "dev: $*" >&2; }
fail() {
    printf '%s\n' "dev: $*" >&2
    exit 1
}

# The system's own Python where it is new enough: other users can run what is made from it,
# unlike one below somebody's home directory.
find_python() {
    local candidate modules=sys
    # Where apt-get can't add what is missing, only a complete Python is of use.
    command -v apt-get >/dev/null || modules="sys, ensurepip, venv"
    for candidate in /usr/bin/python3 python3 python3.14 python3.13 python3.12 python3.11; do
        if "$candidate" -c "import $modules; sys.exit(sys.version_info < (3, 11))" 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    fail "Python 3.11 or newer is needed and not found: install it (Debian: apt-get install python3)."
}

# Makes or updates .venv, then puts it first in PATH. Twice in a row, this is two checksums.
want_environment() {
    if ! is_current; then
        # One at a time; whoever waited finds the work done.
        exec 9<"$root/requirements.lock"
        flock 9
        is_current || make_environment
        exec 9>&-
    fi
    export VIRTUAL_ENV=$venv PATH=$venv/bin:$PATH
    unset PYTHONHOME
}

is_current() {
    [[ -x $venv/bin/python && $(cat "$venv/.stamp" 2>/dev/null) == "$(contents)$(place)" ]]
}

# What .venv is made from.
contents() { sha256sum "$root/requirements.lock" "$root/pyproject.toml" | cut -d' ' -f1; }

# What an environment can't be moved from: its scripts name the directory, and its packages are one
# Python's. A checkout is copied, the system's Python gets newer.
place() { printf '\n%s' "$root" "$(readlink -f "$venv/bin/python")"; }

make_environment() {
    local python
    python=$(find_python)
    # Interrupted on its way, it may have no pip.
    if [[ $(cat "$venv/.place" 2>/dev/null) != "$(place)" ]] || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
        want_venv_module "$python"
        say "making .venv with $python"
        "$python" -m venv --clear "$venv"
        place >"$venv/.place"
    fi
    say "installing what requirements.lock names"
    local pip=("$venv/bin/python" -m pip --quiet --disable-pip-version-check --no-input)
    "${pip[@]}" install --require-hashes --no-deps -r "$root/requirements.lock" ||
        fail "pip could not install the locked versions (see above): is a package index within reach?"
    # The checkout itself as a plain path entry, so that a new module is there at once.
    "${pip[@]}" install --no-deps --no-build-isolation --config-settings editable_mode=compat \
        --editable "$root" || fail "the project itself could not be installed (see above)."
    # setuptools' path entry knows one root; the broker's packages have another.
    "$venv/bin/python" - "$root/broker" <<'END'
import pathlib, sys, sysconfig
(pathlib.Path(sysconfig.get_path("purelib")) / "nuketown-broker.pth").write_text(sys.argv[1] + "\n")
END
    printf '%s' "$(contents)$(place)" >"$venv/.stamp"
}

# Debian splits ensurepip off its Python.
want_venv_module() {
    "$1" -c 'import ensurepip, venv' 2>/dev/null && return
    install_packages "python3-venv"
    "$1" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "$1 lacks the venv module: install the package that has it for this Python."
}

# requirements.lock for all platforms: the hashes of every file of each locked version.
# pip-tools is no part of the project: it gets an environment of its own.
write_lock() {
    local python tools=$cache/pip-tools
    python=$(find_python)
    if [[ ! -x $tools/bin/pip-compile ]]; then
        want_venv_module "$python"
        "$python" -m venv --clear "$tools"
        "$tools/bin/python" -m pip --quiet --disable-pip-version-check install --upgrade pip pip-tools
    fi
    local new
    new=$(mktemp -d)
    # Removed here and by the trap below it, whichever comes first.
    # shellcheck disable=SC2064
    trap "rm -rf '$new'" EXIT
    "$python" - "$root/pyproject.toml" >"$new/wanted.in" <<'END'
import sys, tomllib
with open(sys.argv[1], "rb") as file:
    project = tomllib.load(file)
wanted = project["build-system"]["requires"] + project["project"]["dependencies"]
print("\n".join(wanted + project["dependency-groups"]["dev"]))
END
    say "resolving (a minute or so)"
    "$tools/bin/pip-compile" --quiet --generate-hashes --allow-unsafe --strip-extras --no-header \
        --no-annotate --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
        --output-file "$new/locked" "$new/wanted.in" >/dev/null
    ! grep -q '://' "$new/locked" || fail "the resolver wrote an address into the lock; it is not kept."
    {
        echo "# Versions and the hashes of all their files, no index. Written by ./dev lock."
        grep -v '^#' "$new/locked" | grep -v '^$'
    } >"$root/requirements.lock"
    say "requirements.lock: $(grep -c '^[a-z].*==' "$root/requirements.lock") packages"
}
