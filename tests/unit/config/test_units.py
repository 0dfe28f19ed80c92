"""Durations and sizes: what is read, how it is written again, and what is said about everything else."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expressgateway.config import Duration, Size
from expressgateway.config.units import UnitError

YEAR = 8760 * 3_600_000
LARGEST = 2**63 - 1


@pytest.mark.parametrize(
    ("text", "milliseconds", "written"),
    [
        ("0ms", 0, "0s"),
        ("0h", 0, "0s"),
        ("1ms", 1, "1ms"),
        ("250ms", 250, "250ms"),
        ("1000ms", 1000, "1s"),
        ("1500ms", 1500, "1500ms"),
        ("10s", 10_000, "10s"),
        ("60s", 60_000, "1m"),
        ("90s", 90_000, "90s"),
        ("90m", 5_400_000, "90m"),
        ("24h", 86_400_000, "24h"),
        ("8760h", YEAR, "8760h"),
        ("007s", 7000, "7s"),
        ("0000000000000000000000001s", 1000, "1s"),
    ],
)
def test_a_duration_is_read_and_written_in_its_largest_whole_unit(
    text: str, milliseconds: int, written: str
) -> None:
    duration = Duration.parse(text)
    assert (duration.milliseconds, str(duration)) == (milliseconds, written)


@pytest.mark.parametrize(
    ("text", "count", "written"),
    [
        ("0B", 0, "0B"),
        ("0TiB", 0, "0B"),
        ("1023B", 1023, "1023B"),
        ("1024B", 1024, "1KiB"),
        ("1025B", 1025, "1025B"),
        ("64KiB", 65536, "64KiB"),
        ("1024KiB", 2**20, "1MiB"),
        ("1536MiB", 1536 * 2**20, "1536MiB"),
        ("3GiB", 3 * 2**30, "3GiB"),
        ("8388607TiB", 8388607 * 2**40, "8388607TiB"),
        ("9223372036854775807B", LARGEST, "9223372036854775807B"),
    ],
)
def test_a_size_is_read_and_written_in_its_largest_whole_unit(text: str, count: int, written: str) -> None:
    size = Size.parse(text)
    assert (size.bytes, str(size)) == (count, written)


@given(st.integers(0, YEAR))
def test_every_duration_reads_back_as_it_was_written(milliseconds: int) -> None:
    duration = Duration(milliseconds)
    assert Duration.parse(str(duration)) == duration


@given(st.integers(0, LARGEST) | st.integers(0, 2**23 - 1).map(lambda count: count * 2**40))
def test_every_size_reads_back_as_it_was_written(count: int) -> None:
    size = Size(count)
    assert Size.parse(str(size)) == size


@pytest.mark.parametrize(
    "text",
    ["", "10", "s", "10 s", " 10s", "10s ", "10s\n", "+1s", "-1s", "1.5s", "1e3s", "1_000s", "1m30s", "1d",
     "1us", "10\u017f", "\u0661s", "none", "inf"],
)  # fmt: skip
def test_what_is_not_a_duration_is_refused_with_a_hint(text: str) -> None:
    with pytest.raises(UnitError) as caught:
        Duration.parse(text)
    assert str(caught.value) == f'"{text}" is not a duration'
    assert "whole number" in caught.value.hint


@pytest.mark.parametrize(
    "text", ["", "64", "B", "64 KiB", "-1B", "1.5MiB", "1_000B", "1PiB", "0x10B", "none"]
)
def test_what_is_not_a_size_is_refused_with_a_hint(text: str) -> None:
    with pytest.raises(UnitError) as caught:
        Size.parse(text)
    assert str(caught.value) == f'"{text}" is not a size'
    assert "whole number" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("5msec", "5ms"),
        ("5milliseconds", "5ms"),
        ("5S", "5s"),
        ("5sec", "5s"),
        ("5seconds", "5s"),
        ("5M", "5m"),
        ("5min", "5m"),
        ("5H", "5h"),
        ("5hrs", "5h"),
    ],
)
def test_a_habit_of_writing_durations_is_not_accepted_but_understood(text: str, meant: str) -> None:
    with pytest.raises(UnitError) as caught:
        Duration.parse(text)
    assert caught.value.hint == f'did you mean "{meant}"?'


@pytest.mark.parametrize(
    ("text", "meant"),
    [("1b", "1B"), ("1bytes", "1B"), ("1k", "1KiB"), ("1KB", "1KiB"), ("1Mi", "1MiB"), ("1m", "1MiB"),
     ("1GB", "1GiB"), ("1T", "1TiB")],
)  # fmt: skip
def test_a_habit_of_writing_sizes_is_not_accepted_but_understood(text: str, meant: str) -> None:
    with pytest.raises(UnitError) as caught:
        Size.parse(text)
    assert caught.value.hint == f'did you mean "{meant}"?'


@pytest.mark.parametrize("text", ["8761h", "31536000001ms", "9999999999999999999s"])
def test_a_duration_has_at_most_a_year(text: str) -> None:
    with pytest.raises(UnitError, match="not between 0s and 8760h"):
        Duration.parse(text)


@pytest.mark.parametrize("text", ["9223372036854775808B", "8388608TiB"])
def test_a_size_fits_in_a_signed_word(text: str) -> None:
    with pytest.raises(UnitError, match="not between 0B and 8 EiB"):
        Size.parse(text)


def test_a_number_of_absurd_length_is_refused_before_it_is_a_number() -> None:
    # Python refuses to convert more than 4300 digits, with an exception of its own.
    with pytest.raises(UnitError, match="too large for a duration"):
        Duration.parse("9" * 5000 + "s")
    with pytest.raises(UnitError, match="too large for a size"):
        Size.parse("9" * 20 + "B")


@pytest.mark.parametrize("amount", [-1, YEAR + 1])
def test_a_duration_made_in_python_has_the_same_bounds(amount: int) -> None:
    with pytest.raises(UnitError):
        Duration(amount)


@pytest.mark.parametrize("amount", [-1, LARGEST + 1])
def test_a_size_made_in_python_has_the_same_bounds(amount: int) -> None:
    with pytest.raises(UnitError):
        Size(amount)


def test_a_timedelta_is_cut_to_milliseconds() -> None:
    assert Duration.of(timedelta(microseconds=1999)) == Duration(1)
    assert Duration.of(timedelta(seconds=1.5)).seconds == 1.5


def test_quantities_compare_by_amount_not_by_text() -> None:
    assert Duration.parse("9s") < Duration.parse("10s") < Duration.parse("1m")
    assert Size.parse("1000B") < Size.parse("1KiB") == Size.parse("1024B")


@given(st.text())
def test_any_text_is_a_quantity_or_a_unit_error(text: str) -> None:
    for kind in (Duration, Size):
        try:
            assert kind.parse(str(kind.parse(text))) == kind.parse(text)
        except UnitError as error:
            assert error.hint  # noqa: PT017 - either ending is right
