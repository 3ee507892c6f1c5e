#!/bin/sh
# Runs the tests of tmux with the version that is first in PATH; one that is too old has to be refused.
# usage: PATH=FOLDER:$PATH sh tests/tmux-version.sh VERSION
set -eu
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}
case $1 in
2.* | 3.0* | 3.1*)
    $cargo test --quiet --workspace --test tmux_configurations -- --exact --ignored an_old_tmux_is_refused
    ;;
*)
    # With the whole workspace: its parts alone are built again, because their libraries have fewer features then.
    $cargo test --quiet --workspace --test tmux_backend --test tmux_configurations
    case $1 in 3.3* | 3.5*) $cargo test --quiet --workspace --test differential tmux ;; esac
    ;;
esac
