"""Markdown as guards read it: links, headings and fenced blocks. No renderer, and no opinion."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(
    r"^(?:<!-- (?P<note>[^\n]*) -->\n)?```(?P<language>\w*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)
LINK = re.compile(
    r"(?<!!)\[(?:[^\]\[]|\[[^\]]*\])*\]\((?P<target>[^)\s]+)\)|!\[[^\]]*\]\((?P<image>[^)\s]+)\)"
)


@dataclass(frozen=True)
class Block:
    """A fenced block; `note` is the comment on the line above it."""

    language: str
    text: str
    note: str
    line: int


def blocks(text: str) -> Iterator[Block]:
    """Fenced blocks in order."""
    for found in FENCE.finditer(text):
        yield Block(
            found["language"], found["text"], found["note"] or "", text.count("\n", 0, found.start()) + 1
        )


def prose(text: str) -> str:
    """The text without fenced blocks and code spans, which contain no links."""
    return re.sub(r"`[^`\n]*`", "`code`", FENCE.sub("", text))


def links(text: str) -> Iterator[str]:
    """Where links and images point."""
    for found in LINK.finditer(prose(text)):
        yield found["target"] or found["image"]


def anchors(path: Path) -> set[str]:
    """What `#…` can point at in a page, as GitHub names headings."""
    found: set[str] = set()
    for heading in re.findall(r"^#{1,6} +(.+)$", FENCE.sub("", path.read_text()), re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        unique, count = slug, 0
        while unique in found:
            count += 1
            unique = f"{slug}-{count}"
        found.add(unique)
    return found
