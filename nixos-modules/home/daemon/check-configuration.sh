# shellcheck shell=bash disable=SC2154  # the names are those of the derivation
# The builder's own environment must not change what the files say.
mkdir "$out"
read -ra name <<<"$names"
for file in $files; do
    cp --no-preserve=mode "$file" "$out/${name[0]}.toml"
    name=("${name[@]:1}")
done
env -i HOME="$TMPDIR" "$program" --config "$out" --check-config --without-secrets
