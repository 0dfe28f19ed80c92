#!/bin/sh
# What the machine itself must have. `tools/system.sh build` is about compiling and running, `tools/system.sh all`
# also about the peers that tests speak to, `tools/system.sh FILE` about the programs that a file names, each with its
# package. As root on Debian, what is missing is installed; everywhere else it is named. It never upgrades, and never
# starts a service.
set -eu

build="cc:build-essential python3.11:python3-venv"
peers="curl:curl nginx:nginx-light haproxy:haproxy wrk:wrk h2load:nghttp2-client valgrind:valgrind"

has() {
    case $1 in
    python3.11) [ -n "$(tools/where python)" ] ;;
    *) command -v "$1" >/dev/null || [ -x "/usr/sbin/$1" ] ;;
    esac
}

packages_of_missing() {
    for pair in $1; do
        has "${pair%%:*}" || printf '%s ' "${pair#*:}"
    done
}

# Debian starts a daemon as soon as it is installed, unless this file says no (invoke-rc.d(8)).
install() {
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
        trap 'rm -f /usr/sbin/policy-rc.d' EXIT
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod 755 $policy
    fi
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086
    apt-get update -qq && apt-get install -qq -y --no-install-recommends "$@" >/dev/null </dev/null
}

case ${1:-build} in
build) peers='' ;;
all) ;;
*) build='' peers=$(grep -v '^#' "$1") ;;
esac
missing=$(packages_of_missing "$build $peers")
if [ -n "$missing" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing: $missing" >&2
    # shellcheck disable=SC2086
    install $missing || for package in $missing; do
        # One that cannot be had does not cost the others.
        install "$package" || echo "apt-get could not install $package; going on without it" >&2
    done
fi

missing=$(packages_of_missing "$peers")
if [ -n "$missing" ]; then
    echo "not installed: ${missing}- the tests that need them are skipped and say so" >&2
fi
missing=$(packages_of_missing "$build")
if [ -n "$build" ] && ! cargo --version >/dev/null 2>&1; then
    missing="$missing a Rust toolchain (https://rustup.rs)"
fi
if [ -n "$missing" ]; then
    echo "cannot build: missing $missing" >&2
    exit 1
fi
