"""Moves the fragments of changes/ to the top of CHANGELOG.md: `changelog.py VERSION DATE`.

`changelog.py --check` only says whether every fragment can be used. Knows nothing of tags, packages or git.
"""

from __future__ import annotations

import sys
from pathlib import Path

KINDS = ("added", "changed", "fixed", "removed", "security")


def fragments() -> dict[str, list[Path]]:
    """Files by kind, in the order in which they are printed."""
    found: dict[str, list[Path]] = {kind: [] for kind in KINDS}
    for path in sorted(Path("changes").glob("*.md")):
        if path.name == "README.md":
            continue
        _, _, kind = path.stem.rpartition(".")
        if kind == path.stem:
            raise SystemExit(f"{path}: name it NAME.KIND.md, with KIND one of {', '.join(KINDS)}")
        if kind not in KINDS:
            raise SystemExit(f"{path}: {kind!r} is none of {', '.join(KINDS)}")
        if not (text := path.read_text().strip()):
            raise SystemExit(f"{path}: it is empty")
        if not text.endswith((".", "`")):
            raise SystemExit(f"{path}: it is a sentence for users and ends in a full stop")
        found[kind].append(path)
    return found


def section(version: str, date: str, found: dict[str, list[Path]]) -> str:
    """What a release adds to the changelog."""
    lines = [f"## {version} - {date}", ""]
    for kind, paths in found.items():
        if paths:
            items = ["- " + path.read_text().strip().replace("\n", "\n  ") for path in paths]
            lines += [f"### {kind.capitalize()}", "", *items, ""]
    return "\n".join(lines)


def release(version: str, date: str) -> None:
    """Writes the changelog, then removes the fragments."""
    found = fragments()
    used = [path for paths in found.values() for path in paths]
    if not used:
        raise SystemExit("changes/ has nothing to release")
    changelog = Path("CHANGELOG.md")
    head, mark, tail = changelog.read_text().partition("\n## ")
    changelog.write_text(f"{head.rstrip()}\n\n{section(version, date, found)}{mark}{tail}")
    for path in used:
        path.unlink()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--check"]:
            fragments()
        case [version, date]:
            release(version, date)
        case _:
            raise SystemExit("usage: changelog.py --check | changelog.py VERSION DATE")
