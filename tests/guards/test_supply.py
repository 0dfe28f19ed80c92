"""What we build on: from the public registry, under licences that allow it, and each library once."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from functools import cache
from typing import Any

import pytest

from .tree import ROOT, toml

REGISTRY = "registry+https://github.com/rust-lang/crates.io-index"
# SPDX expressions as crates write them; a new one is read by a person and added.
LICENCES = {
    "(MIT OR Apache-2.0) AND Unicode-3.0",
    "Apache-2.0",
    "Apache-2.0 / MIT",
    "Apache-2.0 OR MIT",
    "Apache-2.0 WITH LLVM-exception",
    "Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT",
    "BSD-3-Clause",
    "ISC",
    "MIT",
    "MIT OR Apache-2.0",
    "MIT/Apache-2.0",
    "Unlicense OR MIT",
    "Zlib",
}
# Two versions of a library are two copies of its code: name, and whom we wait for.
TWICE: dict[str, str] = {}


@cache
def packages() -> tuple[dict[str, Any], ...]:
    """Every crate that is linked or run on Linux, tests included."""
    asked = subprocess.run(
        ["cargo", "metadata", "--locked", "--format-version=1", "--filter-platform=x86_64-unknown-linux-gnu"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    document = json.loads(asked.stdout)
    used = {node["id"] for node in document["resolve"]["nodes"]}
    return tuple(package for package in document["packages"] if package["id"] in used)


@pytest.mark.parametrize("lock", ["Cargo.lock", "bench/generator/Cargo.lock", "fuzz/Cargo.lock"])
def test_the_lock_file_names_one_registry(lock: str) -> None:
    sources = {package.get("source", "ours") for package in toml(ROOT / lock)["package"]}
    assert sources == {REGISTRY, "ours"}


def test_every_licence_is_one_we_may_ship() -> None:
    refused = [
        f"{crate['name']}: {crate['license']}" for crate in packages() if crate["license"] not in LICENCES
    ]
    assert not refused, "\n".join(refused)


def test_no_library_is_built_in_twice() -> None:
    versions = Counter(package["name"] for package in packages())
    assert {name for name, count in versions.items() if count > 1} == set(TWICE)
