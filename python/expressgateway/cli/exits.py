"""How commands end. The numbers are part of the interface: scripts test them."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Exit"]


class Exit(IntEnum):
    """The exit status of a command."""

    FINE = 0
    FINDINGS = 1
    """The configuration is wrong."""
    USAGE = 2
    """The command line is wrong."""
    UNREADABLE = 3
    """A file cannot be read."""
    UNREACHABLE = 4
    """No gateway answers."""
    REFUSED = 5
    """The gateway refuses."""
    TIMED_OUT = 6
    """The gateway does not answer in time."""
    COULD_NOT_START = 7
    """The machine does not give what the configuration asks for."""
