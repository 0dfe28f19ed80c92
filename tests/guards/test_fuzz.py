"""What reads bytes from strangers, and every machine, has a fuzz target that runs, with seeds."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from .tree import ROOT, files, named, relative, rust_code, toml, without_tests

FUZZ = ROOT / "fuzz"
TARGETS = {Path(entry["path"]).stem: FUZZ / entry["path"] for entry in toml(FUZZ / "Cargo.toml")["bin"]}
SEED_BYTES = 4096

# What is public in these crates and takes bytes apart: functions that parse or judge them, and decoders.
PARSER = re.compile(r"\bpub fn (parse_\w+|is_authority|normalise)\b|\bpub struct (\w+Decoder)\b")
# What decides over time is driven by asking it what to do.
MACHINE = re.compile(r"^impl (\w+) \{$(?:(?!^\}$).)*?\bpub fn poll_action\b", re.DOTALL | re.MULTILINE)


def parsers(text: str) -> set[str]:
    """Names of parsers that a Rust file offers."""
    return {function or decoder for function, decoder in PARSER.findall(without_tests(text))}


def machines(text: str) -> set[str]:
    """Names of machines that a Rust file offers."""
    return set(MACHINE.findall(without_tests(text)))


def said_by_targets() -> str:
    """The code of every target, and of what they take from the tests of the crates."""
    text = "".join(path.read_text() for path in TARGETS.values())
    borrowed = re.findall(r'#\[path = "\.\./\.\./(crates/[\w/-]+\.rs)"\]', text)
    return rust_code(text + "".join((ROOT / path).read_text() for path in borrowed))


def test_every_parser_and_every_machine_has_a_target() -> None:
    sources = [path for path in named(".rs", below="crates") if "src" in path.parts]
    wire = [path for path in sources if path.is_relative_to(ROOT / "crates" / "eg-wire")]
    core = [path for path in sources if path.is_relative_to(ROOT / "crates" / "eg-core")]
    found = {name for path in wire + core for name in parsers(path.read_text())}
    found |= {name for path in core for name in machines(path.read_text())}
    assert found >= {"parse_request", "ChunkDecoder", "normalise", "Exchange", "Tunnel"}, "the guard is blind"
    said = said_by_targets()
    assert not {name for name in found if not re.search(rf"\b{name}\b", said)}


def test_every_file_of_targets_is_one_that_runs() -> None:
    assert {path.stem for path in (FUZZ / "targets").glob("*.rs")} == set(TARGETS)
    idle = [name for name, path in TARGETS.items() if "fuzz_target!(" not in path.read_text()]
    assert not idle


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_has_seeds_that_are_small(target: str) -> None:
    seeds = [path for path in files() if path.is_relative_to(FUZZ / "corpus" / target)]
    assert len(seeds) >= 5, f"fuzz/corpus/{target}"
    assert not [relative(path) for path in seeds if path.stat().st_size > SEED_BYTES]


def test_no_seed_belongs_to_nobody() -> None:
    seeds = [path.relative_to(FUZZ / "corpus") for path in files() if path.is_relative_to(FUZZ / "corpus")]
    corpora = {path.parts[0] for path in seeds}
    assert corpora == set(TARGETS)


def test_what_is_fuzzed_has_no_need_of_a_sanitizer() -> None:
    """Else stable Rust would not be enough: its crates cannot be built with one."""
    ours = {name for name in toml(FUZZ / "Cargo.toml")["dependencies"] if name.startswith("eg-")}
    for crate in ours:
        assert "#![forbid(unsafe_code)]" in (ROOT / "crates" / crate / "src" / "lib.rs").read_text()


def test_targets_are_formatted_as_the_rest_is() -> None:
    asked = subprocess.run(
        ["cargo", "fmt", "--manifest-path", str(FUZZ / "Cargo.toml"), "--check"],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert asked.returncode == 0, asked.stdout + asked.stderr


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pub fn parse_it(buf: &[u8]) {", {"parse_it"}),
        ("pub struct FrameDecoder {", {"FrameDecoder"}),
        ("fn parse_it() {}\npub(crate) fn parse_that() {}\nstruct MyDecoder;", set()),
        ("#[cfg(test)]\nmod tests {\n    pub fn parse_it() {}\n}\n", set()),
    ],
)
def test_a_parser_is_seen_by_its_name(text: str, expected: set[str]) -> None:
    assert parsers(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("impl Flow {\n    pub fn poll_action(&mut self) {}\n}\n", {"Flow"}),
        ("impl Flow {\n    fn a() {}\n}\n\nimpl Tide {\n    pub fn poll_action(&mut self) {}\n}\n", {"Tide"}),
        ("impl Flow {\n    pub fn handle(&mut self) {}\n}\n", set()),
    ],
)
def test_a_machine_is_seen_by_what_it_is_asked(text: str, expected: set[str]) -> None:
    assert machines(text) == expected
