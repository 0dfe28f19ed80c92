"""A finding and how it reads: place, what is wrong, the line it is in, what to do. How findings are found is
not known here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from expressgateway.config.catalogue import Code, Severity

__all__ = ["Finding", "Path", "Place", "Source", "Span", "written_key", "written_path"]

Path = tuple[str | int, ...]
"""Keys and list indices from the top of the document."""

Span = tuple[int, int]
"""Start and end, in characters of the text."""

# Wider excerpts are cut around the caret: a minified file is no reason for a screen full of it.
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_WIDEST: Final = 140
_LEAD: Final = 40


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a file: line and column from 1, in characters."""

    file: str
    line: int
    column: int
    excerpt: str = ""
    """The line, with what a terminal might obey made visible."""
    caret: str = ""
    """What goes under the line: blanks, then carets."""

    @property
    def position(self) -> tuple[int, int]:
        """For sorting."""
        return self.line, self.column

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to say about a configuration."""

    code: Code
    message: str
    path: Path = ()
    hint: str | None = None
    place: Place | None = None
    """None if the configuration was made in Python; then `path` says where."""
    at_key: bool = False
    """Whether the key is to blame, not its value."""

    @property
    def is_error(self) -> bool:
        """Whether the configuration is refused for it."""
        return self.code.severity is Severity.ERROR

    def __str__(self) -> str:
        where = str(self.place) if self.place else written_path(self.path)
        lines = [_visible(f"{where}: {self.code.severity}[{self.code.value}]: {self.message}")]
        if self.place and self.place.caret:
            number = str(self.place.line)
            lines += [f"  {number} | {self.place.excerpt}", f"  {' ' * len(number)} | {self.place.caret}"]
        if self.hint:
            lines.append(_visible(f"    hint: {self.hint}"))
        return "\n".join(lines)


def written_path(path: Path) -> str:
    """A path as one would say it: ``pools.app.endpoints[0]``, list items counted from 0 as in Python."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text or "the configuration"


def written_key(*steps: str) -> str:
    """A key as it stands in a file: ``pools."app.v2"``. Names with a dot, or none at all, need quotes."""
    return ".".join(step if _BARE_KEY.fullmatch(step) else f'"{step}"' for step in steps)


class Source:
    """A text with a name, which turns offsets into places. Lines end where TOML says: at a line feed."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text

    def place(self, span: Span) -> Place:
        """The place of a span; one that covers several lines is shown on its first."""
        start = min(span[0], len(self.text))
        first = self.text.rfind("\n", 0, start) + 1
        last = self.text.find("\n", start)
        line = self.text[first : last if last >= 0 else len(self.text)].removesuffix("\r")
        at = min(start - first, len(line))
        width = max(1, min(span[1] - start, len(line) - at))
        excerpt, caret = _excerpt(line, at, width)
        return Place(self.name, self.text.count("\n", 0, start) + 1, start - first + 1, excerpt, caret)


def _visible(line: str) -> str:
    """A line without what a terminal might obey, character for character."""
    return "".join(
        character if character.isprintable() or character == "\t" else "\ufffd" for character in line
    )


def _excerpt(line: str, at: int, width: int) -> tuple[str, str]:
    line = _visible(line)
    cut = max(0, at - _LEAD) if len(line) > _WIDEST else 0
    shown = line[cut : cut + _WIDEST]
    # Tabs stay tabs under tabs, so that the caret stands right whatever their width.
    blank = "".join("\t" if character == "\t" else " " for character in shown[: at - cut])
    return shown, blank + "^" * max(1, min(width, len(shown) - (at - cut)))
