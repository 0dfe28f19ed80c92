"""Durations and sizes: a number and its unit, never a bare number. Values only: whether a duration may be
"none", and how long is too long for a setting, is the setting's business."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Self

__all__ = ["Duration", "OutOfRangeError", "Rate", "Size", "UnitError"]

_NUMBER_AND_UNIT: Final = re.compile(r"([0-9]+)([A-Za-z]+)")

_MILLISECONDS: Final = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}
_BYTES: Final = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}

_DURATION_HINT: Final = 'write a whole number and ms, s, m or h, such as "250ms" or "10s"'
_SIZE_HINT: Final = 'write a whole number and B, KiB, MiB, GiB or TiB, such as "64KiB"'

# What people write instead. None of them is accepted: a megabyte has two meanings and "1M" three.
_DURATION_HABITS: Final = {
    **dict.fromkeys(("msec", "msecs", "millis", "milliseconds", "millisecond"), "ms"),
    **dict.fromkeys(("S", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("M", "min", "mins", "minute", "minutes"), "m"),
    **dict.fromkeys(("H", "hr", "hrs", "hour", "hours"), "h"),
}
_SIZE_HABITS: Final = {
    **dict.fromkeys(("b", "byte", "bytes"), "B"),
    **dict.fromkeys(("k", "K", "kb", "kB", "KB", "kib", "Kib", "Ki", "KIB"), "KiB"),
    **dict.fromkeys(("m", "M", "mb", "mB", "MB", "mib", "Mib", "Mi", "MIB"), "MiB"),
    **dict.fromkeys(("g", "G", "gb", "gB", "GB", "gib", "Gib", "Gi", "GIB"), "GiB"),
    **dict.fromkeys(("t", "T", "tb", "tB", "TB", "tib", "Tib", "Ti", "TIB"), "TiB"),
}


class UnitError(ValueError):
    """A text is not a quantity. `hint` says what is."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class OutOfRangeError(UnitError):
    """A quantity, and too much or too little of it."""


@dataclass(frozen=True, order=True, slots=True)
class Duration:
    """A span of time in whole milliseconds, from 0 to a year."""

    milliseconds: int

    def __post_init__(self) -> None:
        if not 0 <= self.milliseconds <= _LONGEST:
            raise OutOfRangeError("the duration is not between 0s and 8760h", "give at most a year")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``"250ms"``, ``"10s"``, ``"5m"`` or ``"24h"``; raise `UnitError` for anything else."""
        return cls(_quantity(text, "duration", _MILLISECONDS, _DURATION_HABITS, _DURATION_HINT))

    @classmethod
    def of(cls, delta: timedelta) -> Self:
        """Take a `timedelta`, cut to milliseconds."""
        return cls(delta // timedelta(milliseconds=1))

    @property
    def seconds(self) -> float:
        """For asyncio and other readers of seconds."""
        return self.milliseconds / 1000

    def __str__(self) -> str:
        return _written(self.milliseconds, _MILLISECONDS, zero="0s")


@dataclass(frozen=True, order=True, slots=True)
class Size:
    """A number of bytes, from 0 to 8 EiB less one."""

    bytes: int

    def __post_init__(self) -> None:
        if not 0 <= self.bytes <= _LARGEST:
            raise OutOfRangeError("the size is not between 0B and 8 EiB", "give less than 8388608TiB")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``"512B"``, ``"64KiB"``, ``"16MiB"`` and so on; raise `UnitError` for anything else."""
        return cls(_quantity(text, "size", _BYTES, _SIZE_HABITS, _SIZE_HINT))

    def __str__(self) -> str:
        return _written(self.bytes, _BYTES, zero="0B")


@dataclass(frozen=True, order=True, slots=True)
class Rate:
    """A number of bytes in each second, at least 1 and below 4 GiB."""

    bytes: int

    def __post_init__(self) -> None:
        if not 1 <= self.bytes < 2**32:
            hint = 'give at least "1B/s", or "none"'
            raise OutOfRangeError("the rate is not between 1B/s and 4 GiB/s", hint)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``"240B/s"``, ``"64KiB/s"`` and so on; raise `UnitError` for anything else."""
        amount, slash, second = text.partition("/")
        if not slash or second != "s":
            raise UnitError(f'"{text}" is not a rate', _RATE_HINT)
        return cls(_quantity(amount, "rate", _BYTES, _SIZE_HABITS, _RATE_HINT, per="/s"))

    def __str__(self) -> str:
        return _written(self.bytes, _BYTES, zero="0B") + "/s"


_RATE_HINT: Final = 'rates are written "240B/s" or "64KiB/s"'
_LONGEST: Final = 8760 * _MILLISECONDS["h"]
_LARGEST: Final = 2**63 - 1
# Beyond this many digits no unit brings a number back into range, and `int` of a long text is slow.
_MOST_DIGITS: Final = 19


def _quantity(
    text: str, noun: str, units: dict[str, int], habits: dict[str, str], hint: str, *, per: str = ""
) -> int:
    """The amount that a text says, which stands before `per`."""
    match = _NUMBER_AND_UNIT.fullmatch(text)
    if match is None:
        raise UnitError(f'"{text}{per}" is not a {noun}', hint)
    number, unit = match.groups()
    if unit not in units:
        if unit in habits:
            hint = f'did you mean "{number}{habits[unit]}{per}"?'
        raise UnitError(f'"{text}{per}" is not a {noun}', hint)
    if len(number.lstrip("0")) > _MOST_DIGITS:
        raise OutOfRangeError(f'"{text}{per}" is too large for a {noun}', hint)
    return int(number) * units[unit]


def _written(amount: int, units: dict[str, int], zero: str) -> str:
    """The largest unit that leaves no remainder: parsing it gives the same amount back."""
    for unit, factor in reversed(units.items()):
        if amount and amount % factor == 0:
            return f"{amount // factor}{unit}"
    return zero
