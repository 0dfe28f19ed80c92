"""A second opinion of messages: h11 reads what this gateway has accepted, and what it has written of it. What
both accept they must read alike; what only we accept is named here, with the reason. Refuses to say who is
right.

The messages come from the fuzz target `conversation`, which writes them down (`EG_FUZZ_ACCEPTED`), one file
for each input. As a program it reads such a folder: `python -m tests.spec.http1.opinion FOLDER`.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import h11

Line = tuple[bytes, bytes]


@dataclass
class Message:
    """What a reader took bytes for."""

    start: tuple[bytes, ...] = ()
    """Method and target; or the status."""
    fields: list[Line] = field(default_factory=list)
    data: bytes = b""
    trailers: list[Line] = field(default_factory=list)


@dataclass
class Accepted:
    """One message as the target wrote it down."""

    kind: str
    """`request` and `response` came so; `sent-request` and `sent-response` were written by us."""
    raw: bytes = b""
    host: bytes = b""
    asked: bytes = b"GET"
    closes: bool = False
    message: Message = field(default_factory=Message)


class DisagreementError(Exception):
    """Two readers take the same bytes for different messages."""


@dataclass(frozen=True)
class Difference:
    """What we accept and h11 refuses or takes for less than a message, and why that harms nobody."""

    name: str
    reason: str
    applies: Callable[[Accepted], bool]


_FRAMING_BEHIND: Final = re.compile(
    rb"(?is)\r\n0+(;[^\r]*)?\r\n([^\r]+\r\n)*(content-length|transfer-encoding):"
)

DIFFERENCES: Final = (
    Difference(
        "an empty line before the request line",
        "RFC 9112 2.2: a server SHOULD ignore one. It is not passed on.",
        lambda one: one.kind == "request" and one.raw.startswith(b"\r\n"),
    ),
    Difference(
        "more than 20 digits of Content-Length, zeros in front",
        "RFC 9110 8.6: any number of digits, whose value counts. It is passed on without the zeros.",
        lambda one: re.search(rb"(?im)^content-length:[ \t]*0\d{20,}[ \t]*\r$", one.raw) is not None,
    ),
    Difference(
        "a 205 whose fields announce content, or say nothing of it",
        "RFC 9110 15.3.6: it has none. It is passed on with Content-Length: 0; what the endpoint sends behind"
        " it is read by nobody, and ends its connection.",
        lambda one: one.kind == "response" and one.message.start == (b"205",),
    ),
    Difference(
        "trailers that would frame a message, and in a way that h11 does not read",
        "RFC 9110 6.5.1: a field that frames means nothing behind a body. It is left out, whatever it says.",
        lambda one: _FRAMING_BEHIND.search(one.raw) is not None,
    ),
)


def read_file(path: Path) -> Iterator[Accepted]:
    """The messages of one file."""
    one: Accepted | None = None
    for line in path.read_text().splitlines():
        word, *rest = line.split(" ")
        values = [bytes.fromhex(text) for text in rest]
        if not values:
            if one is not None:
                yield one
            one = Accepted(word)
            continue
        if one is None:
            raise ValueError(f"{path}: {word!r} belongs to no message")
        _note(one, word, values)
    if one is not None:
        yield one


def _note(one: Accepted, word: str, values: list[bytes]) -> None:
    message = one.message
    match word:
        case "bytes":
            one.raw = values[0]
        case "host":
            one.host = values[0]
        case "asked":
            one.asked = values[0]
        case "close":
            one.closes = True
        case "method" | "target" | "status":
            message.start = (*message.start, values[0])
        case "field":
            message.fields.append((values[0], values[1]))
        case "trailer":
            message.trailers.append((values[0], values[1]))
        case "data":
            message.data = values[0]
        case _:
            raise ValueError(f"{word!r} is unknown")


def read_by_h11(one: Accepted) -> Message:
    """What h11 takes the bytes for: one whole message, and nothing behind it. Its errors are its own."""
    if one.kind.endswith("request"):
        return _read(h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20), one, ends=False)
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    fields = [(b"Host", b"a")]
    if one.message.start == (b"101",):
        fields += [(b"Connection", b"upgrade"), (b"Upgrade", b"any")]
    connection.send(h11.Request(method=one.asked, target=b"/", headers=fields))
    connection.send(h11.EndOfMessage())
    # What we write is followed by the end of the connection, which must not change it.
    return _read(connection, one, ends=one.closes or one.kind == "sent-response")


def _read(connection: h11.Connection, one: Accepted, *, ends: bool) -> Message:
    message = Message()
    connection.receive_data(one.raw)
    if ends:
        connection.receive_data(b"")
    while True:
        event = connection.next_event()
        match event:
            case h11.Request():
                message.start = (event.method, event.target)
                message.fields = list(event.headers)
            case h11.InformationalResponse(status_code=101) | h11.Response():
                message.start = (b"%d" % event.status_code,)
                message.fields = list(event.headers)
            case h11.Data():
                message.data += bytes(event.data)
            case h11.EndOfMessage():
                message.trailers = list(event.headers)
                break
            case h11.InformationalResponse():
                pass
            case h11.PAUSED if message.start == (b"101",):
                break
            case _:
                raise DisagreementError(f"to h11 it has no end: {event!r}")
    if connection.trailing_data[0]:
        raise DisagreementError(f"to h11, more follows: {connection.trailing_data[0]!r}")
    return message


_FRAMING: Final = {b"host", b"connection", b"keep-alive", b"proxy-connection", b"content-length"} | {
    b"transfer-encoding"
}


def compare(one: Accepted, theirs: Message) -> None:
    """Raises `DisagreementError` where they differ in anything that a message says."""
    ours, sent = one.message, one.kind.startswith("sent-")
    fields = theirs.fields
    if one.kind.endswith("request"):
        hosts = [value for name, value in fields if name == b"host"]
        target, host = _resolved(theirs.start, hosts)
        _same("the start", ours.start, (theirs.start[0], target))
        _same("the host", one.host.lower(), host.lower())
    else:
        _same("the status", ours.start, theirs.start)
    if sent:
        fields = [(name, value) for name, value in fields if name not in _FRAMING]
        _same("the trailers", ours.trailers, theirs.trailers)
    else:
        _passed_on(ours.trailers, theirs.trailers)
    _same("the fields", _spelt_alike(ours.fields), _spelt_alike(fields))
    _same("the data", ours.data, theirs.data)


def _same(what: str, ours: object, theirs: object) -> None:
    if ours != theirs:
        raise DisagreementError(f"{what}: {ours!r} to us, {theirs!r} to h11")


def _resolved(start: tuple[bytes, ...], hosts: list[bytes]) -> tuple[bytes, bytes]:
    """Target and host of a request in origin form (RFC 9112 3.2)."""
    method, target = start
    absolute = re.fullmatch(rb"(?i)https?://([^/?]*)(.*)", target)
    if absolute is None:
        return target, hosts[0] if hosts else b""
    path = absolute[2] or (b"*" if method == b"OPTIONS" else b"/")
    return (path if path[:1] in {b"/", b"*"} else b"/" + path), absolute[1]


def _spelt_alike(fields: list[Line]) -> list[Line]:
    """h11 writes the coding in lower case."""
    return [(name, value.lower() if name == b"transfer-encoding" else value) for name, value in fields]


_NEVER_BEHIND: Final = re.compile(rb"x-forwarded-.*|x-real-ip|x-request-id|.*_.*")
"""What is about the client, and what some take for another name."""


def _passed_on(ours: list[Line], theirs: list[Line]) -> None:
    """Trailers that mean nothing behind a body are left out; nothing else is lost, and nothing is made up."""
    rest = iter(theirs)
    if not all(line in rest for line in ours):
        raise DisagreementError(f"the trailers: {ours!r} to us, {theirs!r} to h11")
    free = [line for line in theirs if line[0].startswith(b"x-") and not _NEVER_BEHIND.fullmatch(line[0])]
    if lost := [line for line in free if line not in ours]:
        raise DisagreementError(f"these trailers are lost: {lost!r}")


@dataclass
class Opinions:
    """What came of reading many messages twice."""

    agreed: Counter[str] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)
    """What is different, by the names in `DIFFERENCES`."""
    disagreements: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        agreed = ", ".join(f"{count} {kind}" for kind, count in sorted(self.agreed.items()))
        known = ", ".join(f"{count} {name}" for name, count in sorted(self.known.items()))
        return f"h11 reads {agreed or 'nothing'} as we do; known to be different: {known or 'nothing'}"


def ask(folder: Path) -> Opinions:
    """Has every message in `folder` read by h11."""
    opinions = Opinions()
    for path in sorted(folder.iterdir()):
        for one in read_file(path):
            _ask(one, opinions)
    return opinions


def _ask(one: Accepted, opinions: Opinions) -> None:
    try:
        compare(one, read_by_h11(one))
    except (h11.RemoteProtocolError, DisagreementError) as error:
        named = [known.name for known in DIFFERENCES if known.applies(one)]
        if named and not one.kind.startswith("sent-"):
            opinions.known[named[0]] += 1
        else:
            opinions.disagreements.append(f"{one.kind} {one.raw!r}: {type(error).__name__}: {error}")
    else:
        opinions.agreed[one.kind] += 1


def main() -> int:
    """Reads one folder, and says what came of it."""
    opinions = ask(Path(sys.argv[1]))
    for text in opinions.disagreements[:20]:
        sys.stderr.write(f"{text}\n")
    if not opinions.agreed:
        raise SystemExit("no message was written down")
    sys.stdout.write(f"{opinions}\n")
    return 1 if opinions.disagreements else 0


if __name__ == "__main__":
    sys.exit(main())
