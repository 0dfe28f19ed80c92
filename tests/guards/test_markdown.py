"""The reader of pages sees links, headings and blocks as people do."""

from __future__ import annotations

from pathlib import Path

from .markdown import Block, anchors, blocks, links

PAGE = """# A title, with `code`

See [one](docs/one.md#part), [`two`](two.md) and ![a picture](three.svg); `[not](a-link)`.

## Part
## Part

<!-- not executed: why -->
```console
$ make run
[no](link)
# no heading
```
"""


def test_links_are_seen_outside_code() -> None:
    assert list(links(PAGE)) == ["docs/one.md#part", "two.md", "three.svg"]


def test_headings_are_anchors_and_a_repeated_one_is_numbered(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    assert anchors(page) == {"a-title-with-code", "part", "part-1"}


def test_blocks_know_their_language_and_the_note_above_them() -> None:
    text = "$ make run\n[no](link)\n# no heading\n"
    assert list(blocks(PAGE)) == [Block("console", text, "not executed: why", 8)]
