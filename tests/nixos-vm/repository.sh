# shellcheck shell=bash
# A bare repository that $OWNER may clone and push to.
git init --quiet --bare --initial-branch=main /srv/hello.git
work=$(mktemp -d)
git clone --quiet /srv/hello.git "$work"
echo "# hello" >"$work/README.md"
git -C "$work" add README.md
git -C "$work" -c user.name=Josh -c user.email=josh@town.example commit --quiet -m "A place to begin"
git -C "$work" push --quiet origin HEAD:main
chown -R "$OWNER:" /srv/hello.git
