"""Every kind of finding has a number that stays, and a file that shows what it reads like."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from expressgateway.config import Code, Severity

GOLDEN = Path(__file__).parent / "golden"
# People search for these numbers: they are added to, and never change their meaning.
NUMBERS = {
    "EG001": "NOT_TOML",
    "EG002": "NOT_UTF8",
    "EG101": "UNKNOWN_KEY",
    "EG102": "MISSING_KEY",
    "EG103": "WRONG_TYPE",
    "EG104": "NOT_ACCEPTED",
    "EG105": "OUT_OF_RANGE",
    "EG106": "BAD_DURATION",
    "EG107": "BAD_SIZE",
    "EG108": "BAD_ADDRESS",
    "EG109": "BAD_NAME",
    "EG110": "BAD_HOST",
    "EG111": "BAD_PATH",
    "EG112": "BAD_FIELD_NAME",
    "EG201": "UNKNOWN_POOL",
    "EG202": "UNKNOWN_LISTENER",
    "EG203": "DUPLICATE_ROUTE",
    "EG204": "DUPLICATE_ENDPOINT",
    "EG205": "DUPLICATE_ADDRESS",
    "EG206": "LISTENER_LEADS_NOWHERE",
    "EG207": "ADMIN_IS_PUBLIC",
    "EG301": "POOL_IS_UNUSED",
    "EG302": "POOL_IS_EMPTY",
    "EG303": "ROUTE_IS_SHADOWED",
    "EG304": "NOTHING_IS_SERVED",
    "EG401": "UNRESOLVED_NAME",
}


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_keeps_its_meaning(number: str) -> None:
    assert [code.name for code in Code if code.value == number] == [NUMBERS[number]]


@pytest.mark.parametrize("code", Code, ids=lambda code: code.value)
def test_every_kind_of_finding_is_shown_by_a_file(code: Code) -> None:
    heading = re.compile(rf"^\S+:\d+:\d+: {code.severity}\[{code.value}\]: ", re.MULTILINE)
    assert [path.name for path in GOLDEN.glob("*.txt") if heading.search(path.read_text())]


@pytest.mark.parametrize("code", Code, ids=lambda code: code.value)
def test_every_kind_of_finding_has_a_number_a_meaning_and_a_weight(code: Code) -> None:
    assert re.fullmatch(r"EG[0-9]{3}", code.value)
    assert code.meaning.endswith(".")
    assert code.severity is (Severity.WARNING if code.value.startswith("EG3") else Severity.ERROR)
