# shellcheck shell=bash
# Stand-in for lndir: lndir -silent FROM TO
cp --recursive --symbolic-link --force "$2/." "$3/"
