"""How a finding reads: its place, its line with a caret below, and nothing that a terminal obeys."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expressgateway.config import Code, Finding, Severity
from expressgateway.config.findings import Source, written_path
from expressgateway.config.suggest import closest, did_you_mean


@pytest.mark.parametrize(
    ("text", "span", "line", "column", "excerpt", "caret"),
    [
        ("", (0, 0), 1, 1, "", "^"),
        ("a = 1", (4, 5), 1, 5, "a = 1", "    ^"),
        ("a = 1\nbb = 22\n", (11, 13), 2, 6, "bb = 22", "     ^^"),
        ("a\r\nb = 1\r\n", (7, 8), 2, 5, "b = 1", "    ^"),
        ("a = [\n1,\n]", (4, 10), 1, 5, "a = [", "    ^"),
        ("a = 1", (5, 6), 1, 6, "a = 1", "     ^"),
        ("a = 1\n", (6, 7), 2, 1, "", "^"),
        ("a = 1", (99, 100), 1, 6, "a = 1", "     ^"),
        ("a\n", (1, 2), 1, 2, "a", " ^"),
        ("a\r\n", (2, 3), 1, 3, "a", " ^"),
        ("日本 = 1", (5, 6), 1, 6, "日本 = 1", "     ^"),
        ("\ta\t= 1", (5, 6), 1, 6, "\ta\t= 1", "\t \t  ^"),
        ("a\x1b[2J = 1", (1, 2), 1, 2, "a\ufffd[2J = 1", " ^"),
        ("a\u2028b = 1", (6, 7), 1, 7, "a\ufffdb = 1", "      ^"),
        ("a\x0bb\x0cc = 1", (0, 1), 1, 1, "a\ufffdb\ufffdc = 1", "^"),
    ],
)
def test_a_span_has_a_line_a_column_and_a_caret(
    text: str, span: tuple[int, int], line: int, column: int, excerpt: str, caret: str
) -> None:
    place = Source("a.toml", text).place(span)
    assert (place.line, place.column, place.excerpt, place.caret) == (line, column, excerpt, caret)
    assert str(place) == f"a.toml:{line}:{column}"


@given(st.text(st.sampled_from("ab \t\r\n日🦀\x1b"), max_size=400), st.data())
def test_wherever_a_span_is_the_caret_stands_under_its_first_character(
    text: str, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(text)))
    place = Source("a", text).place((start, data.draw(st.integers(start, len(text)))))
    lines = text.split("\n")
    assert place.line == text[:start].count("\n") + 1
    assert lines[place.line - 1][: place.column - 1] == text[:start].rpartition("\n")[2]
    assert len(place.excerpt) <= 140
    assert place.caret.strip(" \t").strip("^") == ""
    assert 0 <= place.caret.index("^") <= len(place.excerpt)
    assert all(character.isprintable() or character == "\t" for character in place.excerpt)
    if start < len(text) and text[start] in "ab日🦀":
        assert place.excerpt[place.caret.index("^")] == text[start]


def test_a_long_line_is_cut_around_the_caret() -> None:
    text = "".join(f"<{number:06}>" for number in range(200))
    place = Source("a", text).place((800, 808))
    assert place.column == 801
    assert len(place.excerpt) == 140
    assert place.excerpt[place.caret.index("^") : len(place.caret)] == "<000100>"


def test_a_caret_is_never_wider_than_what_is_shown() -> None:
    place = Source("a", "x" * 500).place((10, 500))
    assert len(place.caret) == len(place.excerpt) == 140


def test_a_finding_reads_as_place_code_message_excerpt_and_hint() -> None:
    place = Source("a.toml", "\n" * 9 + 'x = "1"').place((13, 16))
    finding = Finding(Code.BAD_SIZE, '"1" is not a size', ("x",), "write a unit", place)
    assert str(finding) == (
        'a.toml:10:5: error[EG107]: "1" is not a size\n  10 | x = "1"\n     |     ^^^\n    hint: write a unit'
    )


def test_a_finding_about_python_values_says_their_path_instead() -> None:
    finding = Finding(Code.UNKNOWN_POOL, "there is no pool", ("routes", 0, "pool"))
    assert str(finding) == "routes[0].pool: error[EG201]: there is no pool"


def test_nothing_in_a_finding_reaches_the_terminal_as_a_command() -> None:
    evil = "\x1b[2J\r\n\u202e"
    place = Source(f"{evil}.toml", evil).place((0, 1))
    placed = str(Finding(Code.BAD_NAME, f'"{evil}"', (), f"write {evil}", place))
    unplaced = str(Finding(Code.BAD_NAME, f'"{evil}"', (evil,), f"write {evil}"))
    assert not set(placed + unplaced) & set("\x1b\r\u202e")
    assert placed.count("\n") == 3
    assert unplaced.count("\n") == 1


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ((), "the configuration"),
        (("pools",), "pools"),
        (("pools", "app", "endpoints", 0, "address"), "pools.app.endpoints[0].address"),
        (("routes", 2), "routes[2]"),
    ],
)
def test_a_path_reads_as_one_would_say_it(path: tuple[str | int, ...], written: str) -> None:
    assert written_path(path) == written


def test_warnings_do_not_refuse_and_errors_do() -> None:
    assert not Finding(Code.POOL_IS_UNUSED, "unused").is_error
    assert Finding(Code.UNKNOWN_POOL, "unknown").is_error


def test_codes_are_numbered_once_and_warnings_are_the_300s() -> None:
    numbers = [code.value for code in Code.__members__.values()]
    assert len(set(numbers)) == len(numbers)
    assert all(code.meaning.endswith(".") for code in Code)
    warnings = {code for code in Code if code.severity is Severity.WARNING}
    assert warnings == {code for code in Code if code.value.startswith("EG3")}


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("lissteners", ["listeners", "pools"], "listeners"),
        ("worker", ["workers", "max_connections"], "workers"),
        ("body-idle", ["idle", "body_idle"], "body_idle"),
        ("ap", ["app"], "app"),
        ("app", ["app", "apps"], "app"),
        ("xyz", ["app"], None),
        ("shop", ["chop-suey", "stop"], "stop"),
        ("a", [], None),
        ("", ["app"], None),
    ],
)
def test_what_was_meant_is_the_closest_word_or_none(word: str, known: list[str], meant: str | None) -> None:
    assert closest(word, known) == meant
    assert did_you_mean(word, known) == (f'did you mean "{meant}"?' if meant else None)
