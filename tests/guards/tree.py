"""The tree under guard: which files it has, and what guards read in them. Judges nothing."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "python" / "expressgateway"
CRATES = ("eg-wire", "eg-core", "eg-net", "eg-python")
NOT_SOURCES = {"build", "dist", "target", "node_modules", "__pycache__"}


@cache
def files() -> tuple[Path, ...]:
    """Every file that is, or would be, committed; in a tree without git every file that looks like it."""
    asked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if asked.returncode == 0:
        names = [ROOT / os.fsdecode(name) for name in asked.stdout.split(b"\0") if name]
    else:
        names = list(walk(ROOT))
    return tuple(sorted(name for name in names if name.is_file()))


def walk(folder: Path) -> Iterator[Path]:
    """Files below a folder, without what builds and tools leave."""
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            if entry.name not in NOT_SOURCES and (not entry.name.startswith(".") or entry.name == ".ci"):
                yield from walk(entry)
        elif entry.is_file():
            yield entry


def named(*suffixes: str, below: str = "") -> list[Path]:
    """Files with one of these suffixes, below a folder of the tree."""
    return [path for path in files() if path.suffix in suffixes and path.is_relative_to(ROOT / below)]


def relative(path: Path) -> str:
    """How messages name a file."""
    return path.relative_to(ROOT).as_posix()


def toml(path: Path) -> dict[str, Any]:
    """A TOML file of the tree."""
    return tomllib.loads(path.read_text())


def python(path: Path) -> ast.Module:
    """A Python file of the tree, parsed."""
    return ast.parse(path.read_text(), filename=relative(path))


# What is not code in Rust: comments, raw strings, strings, characters. A lifetime has no closing quote.
_NOT_CODE = re.compile(
    r"""//[^\n]*
      | /\*.*?\*/
      | \b[bc]?r(?P<hashes>\#*)".*?"(?P=hashes)
      | [bc]?"(?:\\.|[^"\\])*"
      | b?'(?:\\[^']+|\\'|[^'\\\n])'
    """,
    re.DOTALL | re.VERBOSE,
)


def rust_code(text: str) -> str:
    """The text with comments and literals blanked, line by line where it was."""
    return _NOT_CODE.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)


_TESTS = re.compile(r"^#\[cfg\(test\)\]\nmod \w+ \{\n.*?^\}\n", re.DOTALL | re.MULTILINE)


def without_tests(text: str) -> str:
    """A Rust file as rustfmt leaves it, without its inline test modules."""
    return _TESTS.sub("", text)
