"""Texts and files that are odd as such: encodings, byte order marks, line ends, depth, and where relative
paths begin."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from expressgateway.config import Code, Finding, load_file, load_text, loader
from expressgateway.errors import ConfigError


def findings(text: str) -> tuple[Finding, ...]:
    """What is wrong with a text."""
    with pytest.raises(ConfigError) as caught:
        load_text(text)
    return caught.value.findings


def position(finding: Finding) -> tuple[int, int]:
    """Line and column."""
    assert finding.place
    return finding.place.position


@pytest.mark.parametrize(
    ("text", "place", "character"),
    [
        ("\ud800", (1, 1), "U+D800"),
        ("edition = 1\n# \udfff", (2, 3), "U+DFFF"),
        ("日本 = '\udc80'\n", (1, 7), "U+DC80"),
    ],
)
def test_half_a_character_in_a_text_from_python_is_a_finding(
    text: str, place: tuple[int, int], character: str
) -> None:
    (finding,) = findings(text)
    assert (finding.code, position(finding)) == (Code.NOT_UTF8, place)
    assert finding.message == f"{character} is half of a character, which UTF-8 does not have"
    str(finding).encode()


@pytest.mark.parametrize(
    ("content", "place", "byte"),
    [
        (b"\xff", (1, 1), "0xff"),
        (b"a = 1\nb = '\xc3'\n", (2, 6), "0xc3"),
        ("é = '".encode() + b"\x80'", (1, 6), "0x80"),
        (b"\xef\xbb\xbfa = '\xfe'", (1, 6), "0xfe"),
        # UTF-16, as some editors save it.
        ("edition = 1".encode("utf-16"), (1, 1), "0xff"),
        # A surrogate, encoded as if it were a character.
        (b"# \xed\xa0\x80", (1, 3), "0xed"),
        # Cut in the middle of a character.
        ("# é".encode()[:-1], (1, 3), "0xc3"),
    ],
)
def test_a_byte_that_is_not_utf8_is_found_where_it_is(
    content: bytes, place: tuple[int, int], byte: str, tmp_path: Path
) -> None:
    file = tmp_path / "a.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load_file(file)
    (finding,) = caught.value.findings
    assert (finding.code, finding.message) == (Code.NOT_UTF8, f"byte {byte} is not UTF-8")
    assert position(finding) == place


def test_a_byte_order_mark_at_the_beginning_of_a_file_is_no_column(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_bytes(b"\xef\xbb\xbfedition = 2\n")
    with pytest.raises(ConfigError, match=r":1:11: error\[EG104\]"):
        load_file(file)
    file.write_bytes(b"\xef\xbb\xbfedition = 1\n")
    assert load_file(file).config.edition == 1


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_end_as_they_end_and_columns_do_not_care(end: str) -> None:
    found = findings(end.join(["# é", "edition = 2", "[runtime]", "\tworkers = 0", ""]))
    assert [position(finding) for finding in found] == [(2, 11), (4, 12)]
    assert [finding.place.excerpt for finding in found if finding.place] == ["edition = 2", "\tworkers = 0"]


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 100_000,
        "a = " + "{ a = " * 50_000,
        ".".join("a" * 100_000) + " = 1",
        "[" + ".".join("a" * 100_000) + "]",
        "[[" + ".".join("a" * 100_000) + "]]",
    ],
    ids=["arrays", "tables", "keys", "headers", "headers of arrays"],
)
def test_depth_without_end_is_a_finding_and_no_crash(text: str) -> None:
    (finding,) = findings(text)
    assert finding.code is Code.NOT_TOML
    assert max(map(len, str(finding).splitlines())) < 200


def test_what_is_as_deep_as_can_be_read_can_be_explained() -> None:
    depth = next(
        depth
        for depth in range(200, 1, -1)
        if findings("a = " + "[" * depth + "]" * depth)[0].code is Code.UNKNOWN_KEY
    )
    assert depth > 20
    nested = "{ a = " * (depth - 5) + "1" + " }" * (depth - 5)
    assert findings(f"runtime = {nested}")[0].code is Code.UNKNOWN_KEY


@pytest.mark.parametrize(
    ("path", "found"),
    [("a.log", "FOLDER/a.log"), ("x/../a.log", "FOLDER/x/../a.log"), ("/a.log", "/a.log"), ("none", "none")],
)
def test_in_a_text_relative_paths_begin_in_the_folder_that_is_given_or_the_current_one(
    path: str, found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f'logs.access.path = "{path}"'
    given = load_text(text, folder=tmp_path / "given").config.logs.access.path
    assert given == found.replace("FOLDER", str(tmp_path / "given"))
    monkeypatch.chdir(tmp_path)
    assert load_text(text).config.logs.access.path == found.replace("FOLDER", str(tmp_path))


def test_a_file_of_this_folder_is_in_this_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.toml").write_text('logs.access.path = "a.log"')
    assert load_file("a.toml").config.logs.access.path == os.path.join(tmp_path, "a.log")


def test_an_empty_line_is_shown_as_one() -> None:
    (finding,) = load_text("\nadmin.bind = 'none'").warnings
    assert finding.place
    assert (finding.place.line, finding.place.excerpt, finding.place.caret) == (1, "", "^")


def test_a_text_of_which_nothing_is_left_is_explained_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "valid_rest", lambda *_: None)
    assert [finding.code for finding in findings("edition = 2\nadmin.bind = '*:1'")] == [Code.NOT_ACCEPTED]


def test_warnings_of_a_good_text_have_places_too() -> None:
    loaded = load_text("\n[pools.app]\nendpoints = []\n")
    assert [(finding.code, finding.place and finding.place.position) for finding in loaded.warnings] == [
        (Code.NOTHING_IS_SERVED, (1, 1)),
        (Code.POOL_IS_UNUSED, (2, 8)),
        (Code.POOL_IS_EMPTY, (3, 13)),
    ]
