"""Every change that a user can see is a fragment until its release, in a form that the assembler accepts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .tree import ROOT

TOOL = ROOT / "tools" / "changelog.py"


def assemble(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(TOOL), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "changes").mkdir()
    (tmp_path / "changes" / "README.md").write_text("How.\n")
    (tmp_path / "CHANGELOG.md").write_text(
        "# Changes\n\n## 0.1.0 - 2026-01-01\n\n### Added\n\n- The first.\n"
    )
    return tmp_path


def test_the_fragments_of_this_tree_are_well_formed() -> None:
    asked = assemble(ROOT, "--check")
    assert asked.returncode == 0, asked.stderr


def test_a_release_moves_fragments_to_the_top_of_the_changelog(folder: Path) -> None:
    (folder / "changes" / "http2.added.md").write_text("HTTP/2 towards clients,\nwith prior knowledge.\n")
    (folder / "changes" / "drain.fixed.md").write_text("Drain ends.\n")
    (folder / "changes" / "api.added.md").write_text("An API.\n")
    asked = assemble(folder, "0.2.0", "2026-02-03")
    assert asked.returncode == 0, asked.stderr
    assert (folder / "CHANGELOG.md").read_text() == (
        "# Changes\n\n## 0.2.0 - 2026-02-03\n\n### Added\n\n- An API.\n- HTTP/2 towards clients,\n"
        "  with prior knowledge.\n\n### Fixed\n\n- Drain ends.\n\n"
        "## 0.1.0 - 2026-01-01\n\n### Added\n\n- The first.\n"
    )
    assert [path.name for path in (folder / "changes").iterdir()] == ["README.md"]


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("http2.md", "A.\n", "name it NAME.KIND.md"),
        ("http2.new.md", "A.\n", "'new' is none of"),
        ("http2.added.md", " \n", "is empty"),
        ("http2.added.md", "no full stop\n", "ends in a full stop"),
    ],
)
def test_a_fragment_that_cannot_be_used_is_named(folder: Path, name: str, text: str, complaint: str) -> None:
    (folder / "changes" / name).write_text(text)
    asked = assemble(folder, "--check")
    assert asked.returncode == 1
    assert asked.stderr.startswith(f"changes/{name}: ")
    assert complaint in asked.stderr


def test_a_release_without_changes_is_refused(folder: Path) -> None:
    asked = assemble(folder, "0.2.0", "2026-02-03")
    assert asked.returncode == 1
    assert "nothing" in asked.stderr
