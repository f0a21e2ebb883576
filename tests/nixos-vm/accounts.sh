# shellcheck shell=bash
for account in $ACCOUNTS; do
    prosodyctl register "$account" town.example "$account-secret"
done
