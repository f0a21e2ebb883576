# shellcheck shell=bash
# Programs from the system's package manager. Prosody is unpacked instead of installed, because
# installing it would add an account and start a service on this machine.
# shellcheck disable=SC2154  # root, cache, consent: set by ./dev

# program=Debian package=Nix attribute
declare -A needs=(
    [test]="git=git=git tmux=tmux=tmux openssl=openssl=openssl gpg=gnupg=gnupg ssh=openssh-client=openssh faketime=faketime=libfaketime jq=jq=jq"
    [demo]="git=git=git tmux=tmux=tmux"
    [bench]="git=git=git tmux=tmux=tmux"
    [lint]="git=git=git shellcheck=shellcheck=shellcheck luacheck=lua-check=luaPackages.luacheck"
)
# For groups of tests that end in a "not run" line without them; root gets them as well.
# So do the demo's and the figures' containers, which only root can have.
container="mmdebstrap=mmdebstrap=- systemd-nspawn=systemd-container=-"
groups="$container zsh=zsh=zsh fish=fish=fish Xvfb=xvfb=- zenity=zenity=- xdotool=xdotool=- mkfs.btrfs=btrfs-progs=- node=nodejs=- npm=npm=-"
# Programs of this machine that stand in for packages of Nix, where the tests find Nix.
stand_ins="visudo=sudo=- shellcheck=shellcheck=- fzf=fzf=- msgfmt=gettext=-"

# Installs what the command given needs and this machine lacks.
want_programs() {
    local need program package missing=()
    for need in ${needs[$1]} $([[ $1 == test && $EUID -eq 0 ]] && echo "$groups") \
        $([[ $1 == test && $EUID -eq 0 ]] && command -v nix-instantiate >/dev/null && echo "$stand_ins") \
        $([[ $1 =~ ^(demo|bench)$ && $EUID -eq 0 ]] && echo "$container"); do
        IFS='=' read -r program package _ <<<"$need"
        command -v "$program" >/dev/null || missing+=("$package")
    done
    [[ ${#missing[@]} -eq 0 ]] || install_packages "${missing[@]}"
    case $1 in test | demo | bench) want_prosody ;; esac
}

install_packages() {
    command -v apt-get >/dev/null ||
        fail "these programs are missing and there is neither apt-get nor nix here: $*. Install them."
    local become=() line="apt-get install --no-install-recommends $*"
    if [[ $EUID -ne 0 ]]; then
        if ! command -v sudo >/dev/null || { [[ ! -t 0 ]] && ! sudo -n true 2>/dev/null; }; then
            fail "these Debian packages are missing: $*. Run this as root, then try again: $line"
        fi
        become=(sudo)
        [[ $consent != asked || ! -t 0 ]] || consent=ask
    fi
    say "from this machine's package manager: $*"
    [[ $consent != ask ]] || ask "${become[*]} $line" || fail "nothing was installed. By hand: $line"
    # One at a time, whichever checkout asks.
    "${become[@]}" apt-get -qq -o DPkg::Lock::Timeout=300 update || say "apt-get update failed; trying with the lists at hand"
    local log
    log=$(mktemp)
    if ! "${become[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300 \
        install --no-install-recommends "$@" </dev/null >"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        fail "apt-get could not install $* (see above)."
    fi
    rm -f "$log"
}

ask() {
    local answer
    read -r -p "dev: may this run: $1 ? [y/N] " answer && [[ $answer == [yY]* ]]
}

# prosody and prosodyctl in PATH: the installed ones, else those of the distribution's packages
# unpacked below the cache directory. Needs no root.
want_prosody() {
    command -v prosody >/dev/null && command -v prosodyctl >/dev/null && return
    local bin=$cache/prosody/bin
    if [[ ! -x $bin/prosodyctl ]]; then
        command -v apt-get >/dev/null || fail "prosody is missing and there is no apt-get here: install it."
        mkdir -p "$cache"
        exec 8>"$cache/prosody.lock"
        flock 8
        [[ -x $bin/prosodyctl ]] || unpack_prosody
        exec 8>&-
    fi
    export PATH=$bin:$PATH
}

# Downloads prosody and those of its dependencies that this machine lacks.
unpack_prosody() {
    local work=$cache/prosody.new packages
    [[ $consent != ask ]] ||
        ask "apt-get download prosody (unpacked into $cache, not installed)" ||
        fail "the chat server prosody is needed; nothing was downloaded."
    say "unpacking prosody from its Debian packages into $cache"
    rm -rf "$work"
    mkdir -p "$work/lists/partial" "$work/archives/partial" "$work/bin"
    # Package lists of our own: the system's may be empty, and only root can fill them.
    local options=(-qq -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work"
        -o "Dir::Cache::archives=$work/archives" -o APT::Sandbox::User="$(id -un)" -o Debug::NoLocking=1)
    apt-get "${options[@]}" update >&2 || fail "apt-get could not fetch the package lists."
    packages=$(apt-get "${options[@]}" --no-install-recommends --simulate install prosody lua-unbound |
        awk '$1 == "Inst" { print $2 }')
    # Machinery for accounts, certificates and services of an installed server.
    packages=$(grep -vxE 'adduser|passwd|ssl-cert|openssl|init-system-helpers|netbase' <<<"$packages")
    # shellcheck disable=SC2086  # package names, one word each
    (cd "$work/archives" && apt-get "${options[@]}" download $packages) || fail "apt-get could not download prosody."
    local archive
    for archive in "$work"/archives/*.deb; do dpkg-deb --extract "$archive" "$work/root"; done
    chmod -R u-s,g-s "$work/root"
    rm -rf "$work/lists" "$work/archives" "$work"/*.bin
    wrap_prosody prosody "$work"
    wrap_prosody prosodyctl "$work"
    rm -rf "$cache/prosody"
    mv "$work" "$cache/prosody"
    echo 'VirtualHost "localhost"' >"$cache/prosody/try.cfg.lua"
    "$cache/prosody/bin/prosodyctl" --config "$cache/prosody/try.cfg.lua" about >/dev/null || {
        rm -rf "$cache/prosody"
        fail "the unpacked prosody does not start; install the package prosody instead."
    }
}

# The script, told where it lies now, behind a command that tells Lua and the loader the same.
wrap_prosody() {
    local tree=$cache/prosody/root lua multiarch
    lua=$(head -n 1 "$2/root/usr/bin/$1" | grep -oE 'lua[0-9.]+')
    multiarch=$(dpkg-architecture -q DEB_HOST_MULTIARCH 2>/dev/null || basename "$(dirname "$(find "$2/root/usr/lib" -name lua -type d | head -n 1)")")
    sed -i -e "s|'/usr/lib/prosody|'$tree/usr/lib/prosody|" -e "s|'/etc/prosody'|'$tree/etc/prosody'|" \
        "$2/root/usr/bin/$1"
    cat >"$2/bin/$1" <<END
#!/bin/sh
tree='$tree'
version='${lua#lua}'
libraries="\$tree/usr/lib/$multiarch"
export LUA_PATH="\$tree/usr/share/lua/\$version/?.lua;\$tree/usr/share/lua/\$version/?/init.lua;;"
export LUA_CPATH="\$libraries/lua/\$version/?.so;;"
export LD_LIBRARY_PATH="\$libraries:\$tree/lib/$multiarch\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}"
export PATH="\$PATH:\$tree/usr/bin"
exec $lua "\$tree/usr/bin/$1" "\$@"
END
    chmod +x "$2/bin/$1"
}

# On a machine with Nix and without apt-get: once more, with the programs from nixpkgs.
want_nix() {
    command -v apt-get >/dev/null && return
    if [[ -n ${NUKETOWN_DEV_NIX:-} ]]; then
        # What the SDK's wheel bundles does not run on NixOS (docs: daemon.toml, cli_path).
        [[ ! -e /etc/NIXOS ]] || NUKETOWN_DAEMON__CLI_PATH=$(command -v claude) || return 0
        export NUKETOWN_DAEMON__CLI_PATH
        return
    fi
    local need attribute attributes=(python3 prosody util-linux cacert)
    for need in ${needs[test]} ${needs[$1]:-}; do
        attribute=${need##*=}
        [[ " ${attributes[*]} " == *" $attribute "* ]] || attributes+=("$attribute")
    done
    [[ $1 != lint ]] || attributes+=(alejandra statix deadnix)
    export NUKETOWN_DEV_NIX=1
    if [[ -e /etc/NIXOS ]]; then
        attributes+=(claude-code)
        export NIXPKGS_ALLOW_UNFREE=1
    fi
    say "with programs from nixpkgs: ${attributes[*]}"
    if nix-instantiate --find-file nixpkgs >/dev/null 2>&1; then
        exec nix-shell -p "${attributes[@]}" --run "$(printf '%q ' "$root/dev" "$@")"
    elif command -v nix >/dev/null; then
        exec nix --extra-experimental-features 'nix-command flakes' shell --impure \
            "${attributes[@]/#/nixpkgs#}" --command "$root/dev" "$@"
    fi
    unset NUKETOWN_DEV_NIX
}
