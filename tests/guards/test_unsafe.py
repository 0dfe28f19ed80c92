"""`unsafe` lives in the shell, where the system calls are, and each use says why it is sound."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from .tree import CRATES, ROOT, named, relative, rust_code

SAFE = [crate for crate in CRATES if crate != "eg-net"]
USE = re.compile(r"\bunsafe\b(?!_)")
DOCUMENTED = re.compile(r"//[/!]? (?:SAFETY:|# Safety)")


def uses(text: str) -> list[int]:
    """Lines, from 1, where code says `unsafe`; a lint's name such as `unsafe_code` is not a use."""
    return [number for number, line in enumerate(rust_code(text).splitlines(), 1) if USE.search(line)]


def undocumented(text: str) -> Iterator[int]:
    """Uses without a SAFETY comment in the comment that ends on the line above their statement."""
    lines = text.splitlines()
    for number in uses(text):
        above = number - 2
        # A statement may have begun above: its lines end neither in a semicolon nor in a brace.
        while above >= 0 and lines[above].strip() and not lines[above].strip().startswith("//"):
            if lines[above].rstrip().endswith((";", "{", "}")):
                break
            above -= 1
        comment = []
        while above >= 0 and lines[above].strip().startswith(("//", "#[")):
            comment.append(lines[above].strip())
            above -= 1
        if not any(DOCUMENTED.match(line) for line in comment):
            yield number


@pytest.mark.parametrize("crate", SAFE)
def test_a_crate_without_system_calls_forbids_it(crate: str) -> None:
    assert "#![forbid(unsafe_code)]" in rust_code((ROOT / "crates" / crate / "src" / "lib.rs").read_text())


def test_only_the_shell_uses_it() -> None:
    shell = ROOT / "crates" / "eg-net"
    findings = [
        f"{relative(path)}:{line}"
        for path in named(".rs")
        if not path.is_relative_to(shell)
        for line in uses(path.read_text())
    ]
    assert not findings, "\n".join(findings)


def test_each_use_says_why_it_is_sound() -> None:
    findings = [
        f"{relative(path)}:{line}" for path in named(".rs") for line in undocumented(path.read_text())
    ]
    assert not findings, "\n".join(findings)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("// SAFETY: it is open.\nlet a = unsafe { f() };", []),
        ("// SAFETY: it is open,\n// and stays so.\nlet a =\n    unsafe { f() };", []),
        ("/// # Safety\n/// `fd` is open.\nunsafe fn f() {}", []),
        ("// SAFETY: no data.\n#[expect(x)]\nunsafe impl Send for A {}", []),
        ("let a = unsafe { f() };", [1]),
        ("// It is open.\nlet a = unsafe { f() };", [2]),
        ("// SAFETY: the first.\nlet a = unsafe { f() };\nlet b = unsafe { g() };", [3]),
        ("// SAFETY: too far away.\n\nlet a = unsafe { f() };", [3]),
        ("#![forbid(unsafe_code)]\n// unsafe is forbidden here", []),
    ],
)
def test_a_use_is_documented_right_above_it(text: str, expected: list[int]) -> None:
    assert list(undocumented(text)) == expected
