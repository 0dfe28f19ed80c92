"""The lints that the house relies on are on: in every crate, and not switched off on the way."""

from __future__ import annotations

import re

import pytest

from .tree import CRATES, ROOT, named, relative, rust_code, toml

DENIED = {
    "unwrap_used",
    "expect_used",
    "panic",
    "todo",
    "unimplemented",
    "unreachable",
    "undocumented_unsafe_blocks",
    "disallowed_methods",
}
# Clocks, chance and the environment are arguments of what decides.
BANNED_WHERE_DECISIONS_ARE_MADE = {"std::time::Instant::now", "std::time::SystemTime::now", "std::env::var"}


def test_the_workspace_denies_panics_and_undocumented_items() -> None:
    lints = toml(ROOT / "Cargo.toml")["workspace"]["lints"]
    assert {name for name in DENIED if lints["clippy"].get(name) != "deny"} == set()
    assert lints["rust"]["missing_docs"] == "deny"


@pytest.mark.parametrize("crate", CRATES)
def test_every_crate_inherits_them(crate: str) -> None:
    assert toml(ROOT / "crates" / crate / "Cargo.toml")["lints"] == {"workspace": True}


@pytest.mark.parametrize("crate", ["eg-wire", "eg-core"])
def test_crates_that_decide_cannot_look_at_the_world(crate: str) -> None:
    banned = toml(ROOT / "crates" / crate / "clippy.toml")["disallowed-methods"]
    assert {entry["path"] for entry in banned} >= BANNED_WHERE_DECISIONS_ARE_MADE


def test_an_exception_to_a_lint_gives_its_reason() -> None:
    attribute = re.compile(r"#!?\[(?:allow|expect)\([^\]]*\)\]", re.DOTALL)
    findings = []
    for path in named(".rs", below="crates"):
        text = path.read_text()
        for found in attribute.finditer(rust_code(text)):
            # Blanked code has lost the string; whether there is a reason is read where it stood.
            if "reason" not in found[0]:
                line = text.count("\n", 0, found.start()) + 1
                findings.append(f"{relative(path)}:{line}: {found[0]} without `reason = …`")
    assert not findings, "\n".join(findings)
