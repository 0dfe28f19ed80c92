"""The table itself: large enough to be worth its name, each row named after its rule, and every key read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from . import page, rows
from .rows import Request, Response

Row = Request | Response

# What the HTTP Garden has recorded, by its own numbers: 48 findings in origins, 24 in those between, and one
# of its crashes by bytes that anybody may be sent. Its list of those between has no eighth.
FINDINGS = (
    {f"server {number}" for number in range(1, 49)}
    | {f"proxy {number}" for number in range(1, 26) if number != 8}
    | {"crash 3"}
)

RULE = re.compile(r"RFC \d{4} [1-9A-C](\.\d+)*|RFC \d{4} \d{1,2}(\.\d+)*")


def test_the_table_has_hundreds_of_rows() -> None:
    requests, responses = rows.requests(), rows.responses()
    assert len(requests) >= 260
    assert len(responses) >= 160
    for refused in ([row.answer is not None for row in one] for one in (requests, responses)):
        assert refused.count(True) >= 80
        assert refused.count(False) >= 80, "what is refused proves nothing if nothing is accepted"


def table() -> list[Row]:
    return [*rows.requests(), *rows.responses()]


def test_every_row_names_its_rule() -> None:
    assert [row.name for row in table() if not RULE.fullmatch(row.rule)] == []


def test_no_two_rows_send_the_same() -> None:
    sent = [(isinstance(row, Response) and row.ask, row.send, row.closes, row.cut) for row in table()]
    assert [one for one in sent if sent.count(one) > 1] == []


def test_every_recorded_finding_is_a_row() -> None:
    assert {finding for row in table() for finding in row.findings} == FINDINGS


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[other]", "nothing but rows"),
        ('[[row]]\nname = "a"\nsend = "b"\nanswer = 400', "a rule"),
        ('[[row]]\nname = "a"\nrule = "RFC 1 1"\nanswer = 400', "bytes to send"),
        ('[[row]]\nname = "a"\nrule = "RFC 1 1"\nsend = "b"', "neither what is answered nor what is seen"),
        (
            '[[row]]\nname = "a"\nrule = "RFC 1 1"\nsend = "b"\nanswr = 400\nsees = "\\r\\n\\r\\n"',
            "unknown keys",
        ),
        ('[[row]]\nname = "a"\nrule = "RFC 1 1"\nsend = "b"\nsees = "c"', "with its empty line"),
        ('[[row]]\nname = "a"\nrule = "RFC 1 1"\nsend = "b"\nanswer = 400\ncut = true', "nobody answers"),
        ('[[row]]\nname = "a"\nrule = "RFC 1 1"\nsend = "b"\nanswer = 400\nbody = "c"', "without a head"),
        (
            '[[row]]\nname = "a"\nrule = "RFC 1 1"\nsend = "b"\nanswer = 400\nthen = { answer = 400 }',
            "nothing follows",
        ),
        (2 * '[[row]]\nname = "a"\nrule = "RFC 1 1"\nsend = "b"\nanswer = 400\n', "two rows"),
    ],
)
def test_a_row_that_cannot_be_meant_is_an_error(
    text: str, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "requests.toml").write_text(text)
    monkeypatch.setattr(rows, "_FOLDER", tmp_path)
    with pytest.raises(rows.RowError, match=complaint):
        rows.requests()


def test_the_reference_page_is_what_the_table_says() -> None:
    written = Path(__file__).parents[3] / "docs" / "reference" / "http1.md"
    told = "write it by `python -m tests.spec.http1.page > docs/reference/http1.md`"
    assert written.read_text() == page.page(), told


def test_the_reference_page_has_a_title_for_each_rule_and_no_other() -> None:
    assert set(page.TITLES) == {row.rule for row in table()}


def test_one_character_is_one_byte() -> None:
    sent = {byte for row in table() for byte in row.send}
    assert {0x00, 0x0A, 0x0D, 0x7F, 0x80, 0xFF} <= sent
