#!/bin/sh
# Runs every target of fuzz/ for so many seconds, one after another; a finding ends it with the input's path. Stable Rust
# is enough: what is fuzzed forbids `unsafe`, so there is no sanitizer. Inputs that lead somewhere new are kept in
# build/fuzz, and serve the next run. What was accepted of them is read a second time, by h11.
set -eu

seconds=$1
missing=
cargo --version >/dev/null 2>&1 || missing="$missing a Rust toolchain (https://rustup.rs);"
command -v "${CXX:-c++}" >/dev/null || missing="$missing a C++ compiler (Debian: build-essential);"
if [ -n "$missing" ]; then
    echo "cannot fuzz, missing:${missing%;}" >&2
    exit 1
fi

here=$PWD
target=${CARGO_TARGET_DIR:-$(tools/where target)}
export CARGO_TARGET_DIR="$target"
PATH=$here/build/tools/bin:$PATH
if ! command -v cargo-fuzz >/dev/null; then
    echo "installing cargo-fuzz into build/tools" >&2
    cargo install --quiet --locked --root build/tools cargo-fuzz
fi

fuzz() {
    verb=$1
    shift
    cargo fuzz "$verb" --fuzz-dir fuzz --sanitizer none --target-dir "$target/fuzz" "$@"
}

mkdir -p build/fuzz
fuzz build
for name in $(cargo fuzz list --fuzz-dir fuzz); do
    found=build/fuzz/$name
    mkdir -p "$found"
    # libFuzzer writes to the first folder only; what it says is worth reading only when something was found.
    if ! fuzz run "$name" "$found" "fuzz/corpus/$name" -- -max_total_time="$seconds" -timeout=10 \
        -dict=fuzz/http1.dict -print_final_stats=1 >"$found.log" 2>&1; then
        sed '/Recommended dictionary/,/End of recommended/d' "$found.log" | tail -n 60 >&2
        echo "$name: a promise was broken, all of it is in $found.log" >&2
        exit 1
    fi
    runs=$(sed -n 's/^stat::number_of_executed_units: //p' "$found.log")
    echo "$name: $runs inputs in $seconds s, nothing found"
done

accepted=build/fuzz/accepted
rm -rf "$accepted"
mkdir "$accepted"
export EG_FUZZ_ACCEPTED="$here/$accepted"
if ! fuzz run conversation build/fuzz/conversation fuzz/corpus/conversation -- -runs=0 >"$accepted.log" 2>&1; then
    tail -n 20 "$accepted.log" >&2
    exit 1
fi
.venv/bin/python -m tests.spec.http1.opinion "$accepted"
