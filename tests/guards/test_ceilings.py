"""Ceilings, not averages: a file or function above one holds two things, or is listed here with the reason.

Lines of Rust functions are counted by clippy, so what is held here is that it counts.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from .tree import CRATES, ROOT, named, python, relative, rust_code, toml, without_tests

FILE_LINES = 600
FUNCTION_LINES = 60

# Path, or path::function: why it may be longer.
EXCEPTIONS: dict[str, str] = {}


def functions(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Each function with its lines, docstring not counted."""
    stack: list[tuple[str, ast.AST]] = [("", tree)]
    while stack:
        prefix, parent = stack.pop()
        for node in ast.iter_child_nodes(parent):
            name = prefix
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                name = f"{prefix}.{node.name}".lstrip(".")
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield name, length(node)
            stack.append((name, node))


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from `def` to the end, without the docstring."""
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    if ast.get_docstring(node) is not None:
        docstring = node.body[0]
        lines -= (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
    return lines


def too_long() -> dict[str, str]:
    """What is above a ceiling, and by how much."""
    found = {}
    for path in named(".py", ".pyi", ".rs", ".sh"):
        text = path.read_text()
        lines = len((without_tests(text) if path.suffix == ".rs" else text).splitlines())
        if lines > FILE_LINES:
            found[relative(path)] = f"{lines} lines, ceiling {FILE_LINES}"
    for path in named(".py"):
        for name, lines in functions(python(path)):
            if lines > FUNCTION_LINES:
                found[f"{relative(path)}::{name}"] = f"{lines} lines, ceiling {FUNCTION_LINES}"
    return found


def test_nothing_is_above_its_ceiling_unless_listed() -> None:
    findings = [f"{name}: {what}" for name, what in too_long().items() if name not in EXCEPTIONS]
    assert not findings, "\n".join(findings)


def test_no_exception_is_stale() -> None:
    assert set(EXCEPTIONS) <= set(too_long()), "these fit now: take them off the list"
    assert all(EXCEPTIONS.values()), "an exception has a reason"


def test_functions_are_measured_without_their_docstring_and_wherever_they_stand() -> None:
    text = 'class A:\n  def f(self):\n    """One.\n\n    Two.\n    """\n    def g():\n      pass\n'
    assert dict(functions(ast.parse(text))) == {"A.f": 3, "A.f.g": 2}


@pytest.mark.parametrize("crate", CRATES)
def test_clippy_holds_the_same_ceiling_for_rust_functions(crate: str) -> None:
    assert toml(ROOT / "crates" / crate / "clippy.toml")["too-many-lines-threshold"] == FUNCTION_LINES
    assert toml(ROOT / "Cargo.toml")["workspace"]["lints"]["clippy"]["too_many_lines"] == "deny"


def silencers(paths: list[Path]) -> Iterator[str]:
    for path in paths:
        for number, line in enumerate(rust_code(path.read_text()).splitlines(), 1):
            if "clippy::too_many_lines" in line:
                yield f"{relative(path)}:{number}"


def test_no_rust_file_silences_that_ceiling() -> None:
    assert not list(silencers(named(".rs")))
