# A copy of the builder's own: files of the store may belong to nobody in the sandbox, and the broker
# takes a policy from nobody else than root and its own user.
umask 022
mkdir here
cp --no-preserve=mode "$file" here/broker.toml
"$program" --config here/broker.toml --check-config --without-secrets
cp here/broker.toml "$out"
