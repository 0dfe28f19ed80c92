"""What the README shows is what happens: its commands, its configuration, its program, its promises."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .markdown import Block, blocks
from .session import Session
from .tree import ROOT, python

README = ROOT / "README.md"
BLOCKS = list(blocks(README.read_text())) if README.exists() else []
NOT_EXECUTED = "not executed: "


def of(language: str) -> list[Block]:
    return [block for block in BLOCKS if block.language == language]


def write_files(folder: Path) -> None:
    """The reader's files: blocks under a `file:` note, on ports that are free."""
    for block in BLOCKS:
        if block.note.startswith("file: "):
            text = re.sub(r'"(?:\*|127\.0\.0\.1|0\.0\.0\.0):(?:8080|9090)"', '"127.0.0.1:0"', block.text)
            (folder / block.note.removeprefix("file: ")).write_text(text)


def commands(block: Block) -> list[tuple[str, list[str]]]:
    """Each command with the lines shown under it; `…` stands for anything."""
    found: list[tuple[str, list[str]]] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif line:
            found[-1][1].append(line)
    return found


def shows(output: str, lines: list[str]) -> bool:
    """Whether the lines stand in the output, in this order."""
    pattern = r"[\s\S]*?\n?".join(re.escape(line).replace("…", ".*") for line in lines)
    return re.search(pattern, output) is not None


@pytest.mark.timeout(1200)
def test_its_commands_do_what_it_shows(tmp_path: Path) -> None:
    write_files(tmp_path)
    executed = [block for block in of("console") if not block.note.startswith(NOT_EXECUTED)]
    assert executed
    with Session(tmp_path) as terminal:
        for block in executed:
            for command, expected in commands(block):
                output = terminal.run(command, time.monotonic() + 1000)
                assert shows(output, expected), f"README.md:{block.line}\n$ {command}\n{output}"


def test_its_program_runs(tmp_path: Path) -> None:
    write_files(tmp_path)
    programs = of("python")
    assert programs
    for block in programs:
        (tmp_path / "program.py").write_text(block.text)
        ran = subprocess.run(
            [sys.executable, "program.py"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )
        assert ran.returncode == 0, f"README.md:{block.line}\n{ran.stdout}{ran.stderr}"


def test_what_is_not_executed_says_why() -> None:
    silent = [
        block.line
        for block in of("console")
        if block.note.startswith("not executed") and len(block.note) < len(NOT_EXECUTED) + 10
    ]
    assert not silent


PROMISE = re.compile(
    r"^\| (?P<promise>[^|]+) \| (?P<proofs>[^|]*(?:`tests/|`crates/)[^|]*) \|$", re.MULTILINE
)
PROOF = re.compile(r"`(?P<path>(?:tests|crates)/[\w./-]+)(?:::(?P<name>\w+))?`")


def test_every_promise_names_a_test_that_exists() -> None:
    promises = list(PROMISE.finditer(README.read_text()))
    assert len(promises) >= 5
    missing = []
    for promise in promises:
        for proof in PROOF.finditer(promise["proofs"]):
            path, name = ROOT / proof["path"], proof["name"]
            if not path.exists() or (name and not has_test(path, name)):
                missing.append(f"{promise['promise']}: {proof[0]}")
    assert not missing, "\n".join(missing)


def has_test(path: Path, name: str) -> bool:
    """Whether a file has a test function of that name."""
    if path.suffix == ".rs":
        return re.search(rf"#\[test\](?:\s*#\[[^\n]*\])*\s*fn {name}\(", path.read_text()) is not None
    return any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name
        for node in ast.walk(python(path))
    )


def test_lines_that_are_shown_may_leave_something_out() -> None:
    assert shows("a\nb 12 c\nd\n", ["b … c", "d"])
    assert not shows("a\nd\nb\n", ["b", "d"])
