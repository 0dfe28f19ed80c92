"""The table of HTTP/1.1: `requests.toml` and `responses.toml`, typed. It refuses rows that say nothing or too
much.

A row is bytes that one side sends and what becomes of them. One character of its text is one byte. Its keys:

- `name`, unique, and `rule`, where the rule stands.
- `send`: what the client, or the endpoint, sends.
- `sees`: the heads that the other side sees, exactly; of a response with the interim ones before it. With
  `body`, decoded, and `trailers`, as lines. However the body is framed between, it has to be this one.
- `answer`: the gateway refuses with this status.
  A refused request reaches no endpoint. If it also has `sees`, the fault is in its body: the endpoint may
  have seen this head and the beginning of the body, but never the end of it.
  A refused response is a 502 to the client. If it also has `sees`, the client sees this head and no end of
  the body, unless nothing of it was on its way yet; or, if the head is an interim one, the 502 behind it.
- `cut`: the sender ends its side early. The other side sees the head, and never the end of the message.
- `closes`: the sender ends its side after a message that is whole.
- `findings`: which of the findings recorded by the HTTP Garden the row restates: "server N" for what was
  found in origins, "proxy N" for what was found in those between, "crash N" for the rest.

Of a request alone: with `last`, the answer to it says that no other follows on this connection; with `keeps`,
it is refused for what it asks and not for how it is framed, and the next one is read. `then` is what becomes
of the bytes behind it: a table with `answer`, or with `sees`, `body` and `trailers`.

Of a response alone: `method` and `fields` of the request that it answers, and `version` of the client.

With `reused = false` the endpoint's connection must not be used again; after a refusal it never is.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

LISTENER: Final = """
headers.forward = []
headers.request_id = "none"
headers.via = false
limits.request_header = "1KiB"
limits.headers = 16
limits.request_body = "256B"
"""
"""Keys of the listener under which the table is true: it adds nothing, and its limits fit on a page."""

POOL: Final = 'request_trailers = "pass"'
"""Keys of the pool under which the table is true: its endpoints are trusted with all that is of a request."""

_FOLDER: Final = Path(__file__).parent
_BOTH: Final = {
    "name",
    "rule",
    "send",
    "answer",
    "sees",
    "body",
    "trailers",
    "cut",
    "closes",
    "reused",
    "findings",
}


@dataclass(frozen=True)
class Then:
    """What becomes of the bytes behind a request."""

    answer: int | None
    sees: bytes | None
    body: bytes
    trailers: bytes


@dataclass(frozen=True)
class Request:
    """What a client sends, and what the endpoint sees of it."""

    name: str
    rule: str
    send: bytes
    answer: int | None
    sees: bytes | None
    body: bytes
    trailers: bytes
    cut: bool
    closes: bool
    reused: bool
    last: bool
    keeps: bool
    then: Then | None
    findings: tuple[str, ...]


@dataclass(frozen=True)
class Response:
    """What an endpoint sends, and what the client sees of it."""

    name: str
    rule: str
    send: bytes
    answer: int | None
    sees: bytes | None
    body: bytes
    trailers: bytes
    cut: bool
    closes: bool
    reused: bool
    ask: bytes
    """The request that it answers, as the client sends it."""
    findings: tuple[str, ...]

    @property
    def method(self) -> str:
        """Of that request."""
        return self.ask.split(b" ")[0].decode()


def requests() -> list[Request]:
    """The rows of `requests.toml`."""
    return [_request(row) for row in _rows("requests.toml", _BOTH | {"last", "keeps", "then"})]


def responses() -> list[Response]:
    """The rows of `responses.toml`."""
    return [_response(row) for row in _rows("responses.toml", _BOTH | {"method", "version", "fields"})]


class RowError(ValueError):
    """A row that cannot be meant."""


def _rows(file: str, known: set[str]) -> Iterator[dict[str, Any]]:
    table = tomllib.loads((_FOLDER / file).read_text())
    if set(table) != {"row"}:
        raise RowError(f"{file}: nothing but rows")
    names = set()
    for row in table["row"]:
        name = row.get("name")
        if not name or not row.get("rule") or not row.get("send"):
            raise RowError(f"{file}: a row has a name, a rule and bytes to send: {row}")
        if name in names:
            raise RowError(f"{file}: two rows are called {name!r}")
        names.add(name)
        if unknown := set(row) - known:
            raise RowError(f"{file}: {name!r} has unknown keys: {sorted(unknown)}")
        _judge(f"{file}: {name!r}", row)
        yield row


def _judge(place: str, row: dict[str, Any]) -> None:
    if "answer" not in row and "sees" not in row:
        raise RowError(f"{place} says neither what is answered nor what is seen")
    if row.get("cut") and ("answer" in row or "sees" not in row):
        raise RowError(f"{place} is cut: somebody sees its head, and nobody answers")
    if "sees" in row and not row["sees"].endswith("\r\n\r\n"):
        raise RowError(f"{place}: what is seen is a head, with its empty line")
    if "sees" not in row and ("body" in row or "trailers" in row):
        raise RowError(f"{place} has a body without a head")


def _request(row: dict[str, Any]) -> Request:
    then = row.get("then")
    if then is not None:
        if row.get("cut") or "answer" in row:
            raise RowError(f"{row['name']!r}: nothing follows what is cut or refused")
        if unknown := set(then) - {"answer", "sees", "body", "trailers"}:
            raise RowError(f"{row['name']!r} goes on with unknown keys: {sorted(unknown)}")
        _judge(f"what follows {row['name']!r}", then)
    return Request(
        **_common(row),
        last=row.get("last", False),
        keeps=row.get("keeps", False),
        then=None
        if then is None
        else Then(
            answer=then.get("answer"),
            sees=_optional(then.get("sees")),
            body=_bytes(then.get("body", "")),
            trailers=_bytes(then.get("trailers", "")),
        ),
    )


def _response(row: dict[str, Any]) -> Response:
    method, version = row.get("method", "GET"), row.get("version", "1.1")
    ask = f"{method} / HTTP/{version}\r\nHost: gateway.test\r\n{row.get('fields', '')}\r\n"
    return Response(**_common(row, ends=bool(row.get("closes"))), ask=_bytes(ask))


def _common(row: dict[str, Any], *, ends: bool = False) -> dict[str, Any]:
    ends = ends or "answer" in row or bool(row.get("cut"))
    if ends and "reused" in row:
        raise RowError(f"{row['name']!r}: that this connection is not used again goes without saying")
    return {
        "name": row["name"],
        "rule": row["rule"],
        "send": _bytes(row["send"]),
        "answer": row.get("answer"),
        "sees": _optional(row.get("sees")),
        "body": _bytes(row.get("body", "")),
        "trailers": _bytes(row.get("trailers", "")),
        "cut": row.get("cut", False),
        "closes": row.get("closes", False),
        "reused": not ends and row.get("reused", True),
        "findings": tuple(row.get("findings", ())),
    }


def _bytes(text: str) -> bytes:
    return text.encode("latin-1")


def _optional(text: str | None) -> bytes | None:
    return None if text is None else _bytes(text)
