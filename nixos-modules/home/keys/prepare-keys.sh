# nuketown-keys: what programs need beside the private keys. Run when the user manager starts.
#
# NUKETOWN_SSH_KEY, NUKETOWN_GPG_KEY: files with the private keys; unset where there is none.

fail() {
    printf 'nuketown-keys: %s\n' "$1" >&2
    exit 1
}

# Replaces a file as a whole; a link in its place is not followed.
put() {
    local staged
    mkdir -p -- "$(dirname -- "$1")"
    staged=$(mktemp -- "$1.XXXXXX")
    cat >"$staged"
    mv -f -- "$staged" "$1"
}

email=$(git -C / config --get user.email) || fail "git has no user.email: set git.email of this agent."

if [[ ${NUKETOWN_SSH_KEY-} ]]; then
    # An empty passphrase: nobody is there to type one.
    public=$(ssh-keygen -y -P '' -f "$NUKETOWN_SSH_KEY" </dev/null) ||
        fail "$NUKETOWN_SSH_KEY is missing, or no private SSH key without a passphrase: correct secrets.sshKey."
    put "$HOME/.ssh/id_ed25519.pub" <<<"$public"
    put "${XDG_CONFIG_HOME:-$HOME/.config}/git/allowed_signers" <<<"$email namespaces=\"git\" $public"
fi

if [[ ${NUKETOWN_GPG_KEY-} ]]; then
    gpg --batch --quiet --import -- "$NUKETOWN_GPG_KEY" ||
        fail "$NUKETOWN_GPG_KEY is missing, or no armored private GPG key: correct secrets.gpgKey."
    listing=$(gpg --batch --with-colons --list-secret-keys -- "<$email>") ||
        fail "the key in $NUKETOWN_GPG_KEY is not for <$email>, so git could not sign with it: correct git.email, or take a key for it."
    # Its own key: signatures made with it are shown as good, not as unknown.
    awk -F : '$1 == "sec" { own = 1 } $1 == "fpr" && own { print $10 ":6:"; own = 0 }' <<<"$listing" |
        gpg --batch --quiet --import-ownertrust
fi
