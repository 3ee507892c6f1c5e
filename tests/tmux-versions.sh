#!/bin/sh
# Gets other versions of tmux for the tests, from the distribution's archive: sources that are built here, or else packages that
# run with the libraries of their own release. Prints a line for each, VERSION FOLDER, where FOLDER holds a program "tmux"; what
# cannot be had is said on standard error. All of it is kept in target/tmux, and nothing of the system is changed. 3.1c, of
# bullseye, is older than what Consort needs.
# usage: sh tests/tmux-versions.sh [SUITE...]
set -eu
cd "$(dirname "$0")/.."
cache=$PWD/target/tmux
mkdir -p "$cache"

skip() {
    echo "tmux-versions: skipped $1: $2" >&2
}

command -v apt-get >/dev/null 2>&1 || { skip everything "there is no apt-get here"; exit 0; }
codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
# The archive that this machine uses.
mirror=$(apt-get indextargets --format '$(CODENAME) $(REPO_URI)' 2>/dev/null | awk -v name="$codename" '$1 == name { print $2; exit }')
[ -n "$mirror" ] || { skip everything "apt-get update has not been run, or this is no Debian"; exit 0; }

apt_folder=$cache/apt
apt() {
    tool=$1
    shift
    "$tool" -qq -o Dir::Etc::SourceList="$apt_folder/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::State::Lists="$apt_folder/lists" -o Dir::Cache="$apt_folder/cache" -o APT::Sandbox::User=root "$@"
}

# A private view of one release.
prepare() {
    mkdir -p "$apt_folder/lists/partial" "$apt_folder/cache/archives/partial"
    printf 'deb %s %s main\ndeb-src %s %s main\n' "$mirror" "$1" "$mirror" "$1" >"$apt_folder/sources.list"
    apt apt-get update >"$cache/log" 2>&1
}

# The source of one version, built.
build() {
    version=$1
    work=$cache/$version/work
    mkdir -p "$work"
    (
        cd "$work"
        apt apt-get source --download-only "tmux=$2"
        tar -xzf tmux_*.orig.tar.gz --strip-components=1
        ./configure -q --prefix="$work"
        make -s -j2
    ) >"$cache/$version/log" 2>&1 || return 1
    mv "$work/tmux" "$cache/$version/tmux"
    rm -rf "$work"
}

# The package of one version, with the libraries it was linked to and their loader.
unpack() {
    version=$1
    root=$cache/$version/root
    mkdir -p "$root"
    (
        cd "$root"
        needs=$(apt apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
            --no-enhances --no-pre-depends tmux | grep -E '^(tmux|lib[a-z0-9.+-]*)$' | sort -u)
        # shellcheck disable=SC2086
        apt apt-get download $needs
        for package in *.deb; do dpkg-deb -x "$package" . && rm "$package"; done
    ) >"$cache/$version/log" 2>&1 || return 1
    loader=$(find "$root" -name 'ld-linux*.so.*' | head -n 1)
    libraries=$(find "$root" -name '*.so.*' -exec dirname {} + | sort -u | tr '\n' ':')
    printf '#!/bin/sh\nexec "%s" --argv0 tmux --library-path "%s" "%s" "$@"\n' "$loader" "$libraries" "$root/usr/bin/tmux" \
        >"$cache/$version/tmux"
    chmod +x "$cache/$version/tmux"
}

[ $# -gt 0 ] || set -- bullseye trixie forky sid
for suite; do
    known=$cache/suite-$suite
    if [ ! -s "$known" ]; then
        prepare "$suite" || { skip "$suite" "its index cannot be had"; continue; }
        full=$(apt apt-cache showsrc tmux 2>/dev/null | sed -n 's/^Version: //p' | head -n 1)
        [ -n "$full" ] || { skip "$suite" "it has no tmux"; continue; }
        version=${full%%-*}
        if [ ! -x "$cache/$version/tmux" ]; then
            build "$version" "$full" || unpack "$version" ||
                { skip "$version of $suite" "neither source nor package can be had (see $cache/$version/log)"; continue; }
        fi
        echo "$version" >"$known"
    fi
    version=$(cat "$known")
    if said=$("$cache/$version/tmux" -V 2>&1) && [ "$said" = "tmux $version" ]; then
        echo "$version $cache/$version"
    else
        skip "$version of $suite" "it does not run: $said"
        rm -f "$known"
    fi
done
