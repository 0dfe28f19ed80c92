"""Pages can be followed: links lead somewhere, every page can be reached, what is generated is up to date."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from .markdown import anchors, blocks, links
from .tree import ROOT, named, relative

PAGES = named(".md")
DECISIONS = [path for path in named(".md", below="docs/design/decisions") if path.name != "README.md"]


def target(page: Path, link: str) -> tuple[Path, str]:
    """File and anchor of a relative link."""
    path, _, anchor = link.partition("#")
    return (page.parent / path).resolve() if path else page, anchor


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_link_inside_the_tree_leads_somewhere(page: Path) -> None:
    dead = []
    for link in links(page.read_text()):
        if not re.match(r"[a-z]+:", link):
            path, anchor = target(page, link)
            if not path.exists() or (anchor and anchor not in anchors(path)):
                dead.append(link)
    assert not dead, f"{relative(page)}: {dead}"


def test_every_page_of_the_documentation_can_be_reached_from_its_index() -> None:
    reached: set[Path] = set()
    waiting = [ROOT / "docs" / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md" or not page.exists():
            continue
        reached.add(page)
        waiting += [
            target(page, link)[0] for link in links(page.read_text()) if not re.match(r"[a-z]+:", link)
        ]
    lost = [relative(page) for page in named(".md", below="docs") if page not in reached]
    assert not lost, f"no link leads to {lost}"


def test_every_configuration_key_is_documented_as_the_models_have_it() -> None:
    asked = subprocess.run(
        [sys.executable, "-m", "expressgateway.config.reference"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    page = ROOT / "docs" / "reference" / "configuration.md"
    assert page.read_text() == asked.stdout, f"{relative(page)} is old: run `make docs`"


@pytest.mark.parametrize("page", DECISIONS, ids=relative)
def test_a_decision_has_its_parts_and_fits_on_a_page(page: Path) -> None:
    text = page.read_text()
    assert re.match(rf"# {page.name[:4]} · .+\n", text)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]
    assert len(text.splitlines()) <= 70


def test_decisions_are_numbered_without_gaps() -> None:
    assert [int(page.name[:4]) for page in DECISIONS] == list(range(1, len(DECISIONS) + 1))


def test_every_make_target_that_a_page_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    unknown = []
    for page in PAGES:
        text = page.read_text()
        commands = re.findall(r"`make ([a-z-]+)[^`]*`", text)
        for block in blocks(text):
            commands += re.findall(r"^\$ make ([a-z-]+)", block.text, re.MULTILINE)
        unknown += [f"{relative(page)}: make {name}" for name in commands if name not in targets]
    assert not unknown, "\n".join(unknown)
