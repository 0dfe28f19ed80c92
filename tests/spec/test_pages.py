"""What the pages of docs/ show is so: files load, commands print, programs run, references list all there is.

A block under a `file:` note is a file for those that follow. A console block under an `executed` note is
compared to the letter, for commands that end by themselves. README.md has guards of its own.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from expressgateway import load_text
from tests.guards.markdown import Block, blocks
from tests.support.client import get
from tests.support.gateway import RunningGateway, run_command, simple
from tests.support.upstreams import OK, Upstream, answer

DOCS = Path(__file__).resolve().parents[2] / "docs"
GUIDES = sorted((DOCS / "guide").glob("*.md"))


def name(page: Path) -> str:
    return page.stem


def shown(page: Path, language: str) -> list[Block]:
    return [block for block in blocks(page.read_text()) if block.language == language]


def write_files(page: Path, folder: Path) -> None:
    for block in blocks(page.read_text()):
        if block.note.startswith("file: "):
            (folder / block.note.removeprefix("file: ")).write_text(block.text)


def test_some_page_shows_each_kind_of_block() -> None:
    every = [block for page in GUIDES for block in blocks(page.read_text())]
    assert {"toml", "python", "console"} <= {block.language for block in every}
    assert [block for block in every if block.note == "executed"]


@pytest.mark.parametrize("page", GUIDES, ids=name)
def test_a_configuration_in_a_guide_loads_without_a_word(page: Path) -> None:
    """A mistake that is shown on purpose is in a file whose name says so."""
    for block in shown(page, "toml"):
        if not block.note.startswith("file: mistake"):
            assert load_text(block.text, f"{page.name}:{block.line}").warnings == ()


@pytest.mark.parametrize("page", GUIDES, ids=name)
def test_a_command_in_a_guide_prints_what_is_shown(page: Path, tmp_path: Path) -> None:
    write_files(page, tmp_path)
    for block in shown(page, "console"):
        if block.note == "executed":
            command, _, expected = block.text.partition("\n")
            program, *arguments = command.removeprefix("$ ").split()
            assert program == "expressgateway"
            ran = run_command(*arguments, cwd=tmp_path)
            assert ran.stdout + ran.stderr == expected, f"{page.name}:{block.line}"


@pytest.mark.parametrize("page", GUIDES, ids=name)
def test_a_program_in_a_guide_runs(page: Path, tmp_path: Path) -> None:
    write_files(page, tmp_path)
    for block in shown(page, "python"):
        program = tmp_path / "program.py"
        program.write_text(block.text)
        ran = subprocess.run(
            [sys.executable, str(program)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )
        assert ran.returncode == 0, f"{page.name}:{block.line}\n{ran.stdout}{ran.stderr}"


def test_the_metrics_page_lists_every_family_with_its_type_and_meaning(tmp_path: Path) -> None:
    page = (DOCS / "reference" / "metrics.md").read_text()
    listed = re.findall(r"^\| `(\w+)` \| (gauge|counter|histogram) \| (.+) \|$", page, re.MULTILINE)
    with RunningGateway(tmp_path, simple(["127.0.0.1:1"])) as gateway:
        text = gateway.ask("/metrics")[1]
    said = re.findall(r"^# HELP (\w+) (.+)\n# TYPE \w+ (\w+)$", text, re.MULTILINE)
    assert listed == [(family, kind, meaning) for family, meaning, kind in said]


def test_the_access_log_page_lists_every_field_in_its_order(tmp_path: Path) -> None:
    page = (DOCS / "reference" / "access-log.md").read_text()
    fields = page.partition("## Fields")[2].partition("## Endings")[0]
    listed = re.findall(r"^\| `(\w+)` \|", fields, re.MULTILINE)
    with Upstream(answer(OK)) as upstream, RunningGateway(tmp_path, simple([upstream.address])) as gateway:
        get(gateway.address(), "/logged")
        record = gateway.record(target="/logged")
    assert listed == list(record)


def test_the_access_log_page_lists_every_ending() -> None:
    page = (DOCS / "reference" / "access-log.md").read_text()
    listed = re.findall(r"^\| `(\w+)` \| `(client|gateway|upstream)` \|", page, re.MULTILINE)
    source = DOCS.parent / "crates" / "eg-core" / "src" / "exchange" / "vocabulary.rs"
    known = re.findall(r'^ +Self::\w+ => "(\w+)",$', source.read_text(), re.MULTILINE)
    assert [ending for ending, _ in listed] == known
