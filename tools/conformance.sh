#!/bin/sh
# What a group of tests/conformance needs that the other tests do not: `tools/conformance.sh GROUP` installs the programs
# that its packages.txt names, and what its requirements.txt pins in build/GROUP. It does not fail for one that cannot be
# had: the tests of that one are skipped and say so.
set -eu

folder=tests/conformance/$1
environment=build/$1
tools/system.sh "$folder/packages.txt"

pip() {
    "$environment/bin/python" -m pip --disable-pip-version-check --no-input install --quiet "$@" </dev/null
}

# An environment cannot be moved with its folder.
if [ "$("$environment/bin/python" -c 'import sys; print(sys.prefix)' 2>/dev/null)" != "$PWD/$environment" ]; then
    rm -rf "$environment"
    "$(tools/where python)" -m venv "$environment"
fi
if ! cmp -s "$folder/requirements.txt" "$environment/.installed"; then
    if pip -r "$folder/requirements.txt"; then
        cp "$folder/requirements.txt" "$environment/.installed"
    else
        grep -v '^#' "$folder/requirements.txt" | while read -r requirement; do
            pip "$requirement" || echo "pip could not install $requirement" >&2
        done
    fi
fi
