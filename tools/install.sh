#!/bin/sh
# Fills .venv: `tools/install.sh package` with the product (release engine) and what builds it, `tools/install.sh dev`
# with the tools of its developers. What is to be installed is declared in pyproject.toml, not here.
set -eu

# Whether the interpreter starts and stands where it was made: an environment cannot be moved with its folder.
stands() {
    [ "$(.venv/bin/python -c 'import sys; print(sys.prefix)' 2>/dev/null)" = "$PWD/.venv" ] && .venv/bin/pip --version >/dev/null 2>&1
}

requirements() {
    .venv/bin/python - "$1" <<'PYTHON'
import sys
import tomllib

project = tomllib.load(open("pyproject.toml", "rb"))
which = {"build": project["build-system"]["requires"], "dev": project["project"]["optional-dependencies"]["dev"]}
print("\n".join(which[sys.argv[1]]))
PYTHON
}

pip() {
    .venv/bin/python -m pip --disable-pip-version-check --no-input install --quiet "$@" </dev/null
}

if ! stands; then
    rm -rf .venv
    "$(tools/where python)" -m venv .venv
fi
mkdir -p build
list=build/requirements-$1.txt
case $1 in
package)
    requirements build >"$list"
    pip -r "$list"
    mkdir -p "$CARGO_TARGET_DIR"
    # The library that cargo leaves has one name for every clone: nobody builds between that and the copy.
    exec 9>"$CARGO_TARGET_DIR/.expressgateway.lock"
    flock 9
    # The build backend is a program of the environment, which nobody has activated.
    PATH=$PWD/.venv/bin:$PATH pip --no-build-isolation .
    ;;
dev)
    requirements dev >"$list"
    pip -r "$list"
    ;;
esac
