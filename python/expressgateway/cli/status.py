"""``expressgateway status``: asks a running gateway, and draws tables of what it says."""

from __future__ import annotations

import json
from collections.abc import Iterable
from http.client import HTTPConnection, HTTPException
from typing import Any, Final
from urllib.parse import urlsplit

from expressgateway.cli.exits import Exit
from expressgateway.cli.run import say

__all__ = ["DEFAULT_ADMIN", "status"]

DEFAULT_ADMIN: Final = "http://127.0.0.1:9090"
# It answers from memory, on a thread of its own.
_PATIENCE: Final = 5.0


def status(admin: str, *, as_json: bool) -> Exit:
    """Print what the gateway at an admin address says about itself."""
    try:
        said = _ask(admin)
        state = json.loads(said)
        text = said.strip() if as_json else _drawn(state)
    except TimeoutError:
        say(f"{admin}: no answer within {_PATIENCE:g} s")
        return Exit.TIMED_OUT
    except OSError as error:
        say(f"{admin}: {error.strerror or error}; is the gateway running, and is this its [admin] bind?")
        return Exit.UNREACHABLE
    except (HTTPException, ValueError, KeyError, TypeError) as error:
        say(f"{admin}: this is not the admin address of a gateway ({error})")
        return Exit.UNREACHABLE
    print(text)
    return Exit.FINE


def _ask(admin: str) -> str:
    """The answer as text. Not by way of `urllib`, which would send this machine's business to a proxy."""
    url = urlsplit(admin if "://" in admin else f"http://{admin}")
    if url.scheme != "http" or not url.hostname:
        raise ValueError("expected http://ADDRESS:PORT")
    connection = HTTPConnection(url.hostname, url.port, timeout=_PATIENCE)
    try:
        connection.request("GET", "/api/v1/status")
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    if answer.status != 200:
        raise HTTPException(f"it answers {answer.status}")
    return body.decode()


def _drawn(state: dict[str, Any]) -> str:
    head = (
        f"{state['state']}: generation {state['generation']}, up {_span(state['uptime_seconds'])}, "
        f"{state['workers']} workers, {state['connections']} connections\n"
        f"expressgateway {state['version']}, {state['build']} build, pid {state['pid']}"
    )
    listeners = [(one["name"], ", ".join(one["addresses"])) for one in state["listeners"]]
    endpoints = [
        (
            pool["name"],
            one["name"],
            "up" if one["healthy"] else "down",
            str(one["in_flight"]),
            str(one["requests"]),
            str(one["failures"]),
        )
        for pool in state["pools"]
        for one in pool["endpoints"]
    ]
    tables = [
        _table(("LISTENER", "ADDRESSES"), listeners),
        _table(("POOL", "ENDPOINT", "HEALTH", "IN FLIGHT", "REQUESTS", "FAILURES"), endpoints),
    ]
    return "\n\n".join([head, *tables])


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, *rows]
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _span(seconds: int) -> str:
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "m"), (seconds, "s")]
    shown = [f"{amount}{unit}" for amount, unit in parts if amount]
    # Two are enough to tell a restart from a long life.
    return " ".join(shown[:2]) or "0s"
