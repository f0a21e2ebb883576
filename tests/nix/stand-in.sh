# shellcheck shell=bash disable=SC2154  # outputs, programs: from the derivation
# Builder of a stand-in: every output gets bin/ with links to the programs.
set -eu
PATH=/usr/bin:/bin
for output in $outputs; do
    mkdir -p "${!output}/bin"
    ln -s bin "${!output}/sbin"
    for program in $programs; do
        ln -s "$program" "${!output}/bin/"
    done
done
