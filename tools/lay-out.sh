#!/bin/sh
# Builds the engine in one profile and lays the package out around it: `tools/lay-out.sh testing` makes
# build/testing/expressgateway, links to the Python sources plus that engine. Put build/testing on PYTHONPATH.
# What already stands is kept, so that a program which runs from there is not disturbed.
set -eu

profile=$1
source=$PWD/python/expressgateway
out=$PWD/build/$profile/expressgateway
mkdir -p "$out" "$CARGO_TARGET_DIR"

# The library that cargo leaves has one name for every clone: nobody builds between that and the copy.
exec 9>"$CARGO_TARGET_DIR/.expressgateway.lock"
flock 9
cargo build --locked --profile "$profile" --package eg-python
built=$CARGO_TARGET_DIR/$profile/lib_engine.so
engine=$out/_engine.abi3.so
if ! cmp -s "$built" "$engine"; then
    # A library that a process has mapped must not be written to: a new file takes its name.
    cp "$built" "$engine.$$"
    mv -f "$engine.$$" "$engine"
fi
flock -u 9

find "$out" -xtype l -delete
(cd "$source" && find . \( -name __pycache__ -o -name '.?*' \) -prune -o -type f ! -name '*.so' -print) | while read -r file; do
    if [ ! -L "$out/$file" ]; then
        mkdir -p "$(dirname "$out/$file")"
        ln -sf "$source/${file#./}" "$out/$file"
    fi
done
