"""Words that must not stand in the tree: unfinished work, tests that do not run, and paths of one machine."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from .tree import ROOT, files, relative

FORBIDDEN = {
    "unfinished work": re.compile(
        r"\bTODO\b|\bFIXME\b|\bXXX\b|\btodo!\(|\bunimplemented!\(|NotImplementedError"
    ),
    "a test that does not run": re.compile(r"mark\.skip\b|#\[ignore\b|pytest\.xfail\("),
    "a path of one machine": re.compile(r"(?<![\w.])/(?:work|root|home/\w+|Users/\w+)/[\w.]"),
}
# Files that must say such a word to do their work.
EXCEPTIONS = {"tests/guards/test_words.py": "it is the list"}

SLEEP = re.compile(r"\btime\.sleep\(|\basyncio\.sleep\((?!0\))|^\s*sleep \d", re.MULTILINE)


def occurrences(text: str) -> Iterator[tuple[int, str, str]]:
    """Line, kind and word of each finding."""
    for kind, words in FORBIDDEN.items():
        for found in words.finditer(text):
            yield text.count("\n", 0, found.start()) + 1, kind, found[0]


def test_no_forbidden_word_stands_in_the_tree() -> None:
    findings = []
    for path in files():
        name = relative(path)
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        if name not in EXCEPTIONS and name != "LICENSE":
            findings += [f"{name}:{line}: {word!r} is {kind}" for line, kind, word in occurrences(text)]
    assert not findings, "\n".join(findings)


def test_tests_wait_for_conditions_and_never_for_time() -> None:
    """A sleep is too long here and too short there; helpers that poll stand in tests/support."""
    findings = []
    for path in files():
        if path.is_relative_to(ROOT / "tests") and path.name.startswith("test_") and path.suffix == ".py":
            name, text = relative(path), path.read_text()
            lines = [text.count("\n", 0, found.start()) + 1 for found in SLEEP.finditer(text)]
            findings += [f"{name}:{line}" for line in lines if name not in EXCEPTIONS]
    assert not findings, "\n".join(findings)


@pytest.mark.parametrize(
    "text",
    [
        "# TODO later",
        "todo!()",
        "raise NotImplementedError",
        "@pytest.mark.skip",
        "see /root/x",
        "cd /home/me/x",
    ],
)
def test_a_forbidden_word_is_seen(text: str) -> None:
    assert list(occurrences(text))


@pytest.mark.parametrize(
    "text", ["@pytest.mark.skipif(", "https://a.example/work/x", "a_TODO_b", "/var/root"]
)
def test_a_word_that_only_looks_like_one_is_not(text: str) -> None:
    assert not list(occurrences(text))
