"""Did you mean? One measure of closeness for everything that people misspell."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

__all__ = ["closest", "did_you_mean"]

# Of two words of eight letters, two may differ.
_CLOSE: Final = 0.7


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant."""
    return next(iter(get_close_matches(word, list(known), n=1, cutoff=_CLOSE)), None)


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """A hint that names it."""
    meant = closest(word, known)
    return f'did you mean "{meant}"?' if meant else None
