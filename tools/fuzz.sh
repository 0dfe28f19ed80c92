#!/bin/sh
# Runs every target of fuzz/ for so many seconds, one after another; a finding ends it with the input's path.
set -eu

seconds=$1
cd fuzz
if ! cargo +nightly --version >/dev/null 2>&1; then
    echo "fuzzing needs a nightly toolchain: rustup toolchain install nightly" >&2
    exit 1
fi
if ! cargo fuzz --version >/dev/null 2>&1; then
    tools=$(cd .. && pwd)/build/tools
    PATH=$tools/bin:$PATH
    command -v cargo-fuzz >/dev/null || cargo install --quiet --locked --root "$tools" cargo-fuzz
fi
for target in $(cargo +nightly fuzz list); do
    echo "== $target: $seconds s"
    cargo +nightly fuzz run "$target" -- -max_total_time="$seconds" -print_final_stats=0 -verbosity=0
done
