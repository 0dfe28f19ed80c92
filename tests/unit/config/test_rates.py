"""Rates: a size in each second, and what is said about everything else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expressgateway.config.units import OutOfRangeError, Rate, UnitError
from tests.unit.examples import examples


@pytest.mark.parametrize(
    ("text", "count", "written"),
    [("1B/s", 1, "1B/s"), ("240B/s", 240, "240B/s"), ("1024B/s", 1024, "1KiB/s"),
     ("4095MiB/s", 4095 << 20, "4095MiB/s")],
)  # fmt: skip
def test_a_rate_is_read_and_written_in_its_largest_whole_unit(text: str, count: int, written: str) -> None:
    assert (Rate.parse(text).bytes, str(Rate.parse(text))) == (count, written)


@examples(100)
@given(st.integers(1, 2**32 - 1))
def test_every_rate_reads_back_as_it_was_written(count: int) -> None:
    assert Rate.parse(str(Rate(count))) == Rate(count)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", 'rates are written "240B/s" or "64KiB/s"'),
        ("240", 'rates are written "240B/s" or "64KiB/s"'),
        ("240B", 'rates are written "240B/s" or "64KiB/s"'),
        ("240B/m", 'rates are written "240B/s" or "64KiB/s"'),
        ("240B/s/s", 'rates are written "240B/s" or "64KiB/s"'),
        ("240/s", 'rates are written "240B/s" or "64KiB/s"'),
        ("1KB/s", 'did you mean "1KiB/s"?'),
    ],
)
def test_what_is_not_a_rate_is_refused_whole_with_a_hint(text: str, hint: str) -> None:
    with pytest.raises(UnitError) as caught:
        Rate.parse(text)
    assert (str(caught.value), caught.value.hint) == (f'"{text}" is not a rate', hint)


@pytest.mark.parametrize("text", ["0B/s", "4GiB/s", f"{'9' * 30}B/s"])
def test_a_rate_is_neither_nothing_nor_more_than_a_word(text: str) -> None:
    with pytest.raises(OutOfRangeError):
        Rate.parse(text)
