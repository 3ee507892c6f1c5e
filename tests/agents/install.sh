#!/bin/sh
# Installs the agent programs that the tests run into target/agents/PROGRAM/VERSION, each by the lock file beside its
# package.json; with "newest", the newest ones into target/agents/PROGRAM/newest. Nothing is installed twice. What cannot be
# installed leaves a file "skipped" with the reason, which the tests print.
set -u

here=$(cd "$(dirname "$0")" && pwd)
target=$here/../../target/agents
which=${1:-pinned}

install() { # PROGRAM
    folder=$here/$1
    package=$(node -p 'Object.keys(require(process.argv[1]).dependencies)[0]' "$folder/package.json")
    version=$(node -p 'Object.values(require(process.argv[1]).dependencies)[0]' "$folder/package.json")
    [ "$which" = pinned ] || version=newest
    into=$target/$1/$version
    # The newest one may be another one today.
    [ "$version" != newest ] || rm -rf "$into"
    [ ! -d "$into" ] || [ -e "$into/skipped" ] || return 0
    rm -rf "$into" "$into.part"
    mkdir -p "$into.part"
    # No install scripts: the binaries are packages of their own.
    if [ "$version" = newest ]; then
        echo '{ "private": true }' >"$into.part/package.json"
        set -- "$1" install "$package@latest"
    else
        cp "$folder/package.json" "$folder/package-lock.json" "$folder/.npmrc" "$into.part"
        set -- "$1" ci
    fi
    name=$1
    shift
    if ! (cd "$into.part" && npm "$@" --ignore-scripts --no-audit --no-fund >npm.log 2>&1); then
        reason=$(grep -m1 -E 'npm error [^ ]+ ' "$into.part/npm.log" || tail -n 1 "$into.part/npm.log")
        echo "npm cannot install $package $version: ${reason:-no reason given}" >"$into.part/skipped"
        echo "setup: $name is skipped: $(cat "$into.part/skipped")"
    fi
    mv "$into.part" "$into"
}

for folder in "$here"/*/package.json; do
    install "$(basename "$(dirname "$folder")")"
done
