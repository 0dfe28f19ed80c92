"""Waiting for something to become true, with a deadline. The only place where tests pause."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

DEADLINE: Final = 20.0
"""Seconds; far more than anything takes on a machine that is not on fire."""
_PAUSE: Final = 0.01


def eventually(probe: Callable[[], T], what: str = "", *, deadline: float = DEADLINE) -> T:
    """The first result of `probe` that is true. An AssertionError inside it means: not yet."""
    until = time.monotonic() + deadline
    while True:
        complaint: AssertionError | None = None
        try:
            result = probe()
            if result:
                return result
        except AssertionError as error:
            complaint = error
        if time.monotonic() > until:
            raise AssertionError(f"not within {deadline:g} s: {what or 'the condition'}") from complaint
        time.sleep(_PAUSE)


def throughout(probe: Callable[[], bool], what: str, *, span: float) -> None:
    """Holds that `probe` stays true for a while: for what must not happen."""
    until = time.monotonic() + span
    while time.monotonic() < until:
        assert probe(), what
        time.sleep(_PAUSE)


async def soon(probe: Callable[[], object], what: str = "", *, deadline: float = DEADLINE) -> None:
    """Lets the event loop run until `probe` is true."""
    until = time.monotonic() + deadline
    while not probe():
        if time.monotonic() > until:
            raise AssertionError(f"not within {deadline:g} s: {what or 'the condition'}")
        await asyncio.sleep(_PAUSE)
