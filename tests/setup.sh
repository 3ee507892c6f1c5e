#!/bin/sh
# Installs what the tests need and the machine lacks, by apt as root; else prints the exact line to run.
set -eu

missing=""
command -v tmux >/dev/null 2>&1 || missing="$missing tmux"
command -v zsh >/dev/null 2>&1 || missing="$missing zsh"
command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1 ||
    [ -x "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" ] || missing="$missing chromium"
# What stands between a browser and a node; where there is none, its tests say that they are skipped.
if [ "$(uname)" = Linux ]; then
    [ -x /usr/sbin/nginx ] || missing="$missing nginx-light"
    [ -x /usr/sbin/sshd ] && [ -x /usr/bin/ssh ] || missing="$missing openssh-server openssh-client"
    command -v openssl >/dev/null 2>&1 || missing="$missing openssl"
    # For `make vttest` alone.
    command -v vttest >/dev/null 2>&1 || missing="$missing vttest"
fi

# Firefox where it is one package; the tests with it say that they are skipped elsewhere. bash and fish for completions.
if command -v apt-get >/dev/null 2>&1; then
    # A new machine has no list of packages yet.
    [ "$(id -u)" != 0 ] || apt-cache show tmux >/dev/null 2>&1 || apt-get update -qq
    command -v firefox-esr >/dev/null 2>&1 || command -v firefox >/dev/null 2>&1 || ! apt-cache show firefox-esr >/dev/null 2>&1 ||
        missing="$missing firefox-esr"
fi
command -v bash >/dev/null 2>&1 || missing="$missing bash"
command -v fish >/dev/null 2>&1 || missing="$missing fish"

# Network namespaces stand for machines, where they can be made; elsewhere those tests say that they are skipped.
if [ "$(uname)" = Linux ] && [ "$(id -u)" = 0 ]; then
    command -v ip >/dev/null 2>&1 && command -v tc >/dev/null 2>&1 || missing="$missing iproute2"
    command -v nft >/dev/null 2>&1 || missing="$missing nftables"
fi

if ! command -v node >/dev/null 2>&1 || [ "$(node -p 'parseInt(process.versions.node)')" -lt 20 ]; then
    echo "setup: Node.js 20 or later is needed: https://nodejs.org" >&2
    exit 1
fi

# The agent programs themselves, by pinned versions; those that cannot be had are skipped, with the reason.
sh "$(dirname "$0")/agents/install.sh"

[ -z "$missing" ] && exit 0

if command -v apt-get >/dev/null 2>&1; then
    # shellcheck disable=SC2086
    if [ "$(id -u)" = 0 ]; then
        echo "setup: installing$missing"
        apt-get update -qq
        # The tests start servers of their own: none of the installed ones is to be started now.
        if [ ! -e /usr/sbin/policy-rc.d ]; then
            printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
            chmod 755 /usr/sbin/policy-rc.d
            trap 'rm -f /usr/sbin/policy-rc.d' EXIT
        fi
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
        exit 0
    fi
    echo "setup: missing:$missing. Run: sudo apt-get install -y$missing" >&2
elif command -v brew >/dev/null 2>&1; then
    echo "setup: missing:$missing. Run: brew install$missing" >&2
else
    echo "setup: missing:$missing. Install with your package manager." >&2
fi
exit 1
