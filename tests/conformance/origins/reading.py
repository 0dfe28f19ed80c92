"""The strictest reading of HTTP/1 there is, written from RFC 9112 and from nothing else: the second opinion.
It refuses to repair, and to read what has two readings. It does not know what the gateway refuses beyond
that."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

Fields = tuple[tuple[str, str], ...]
"""Names in lower case, and values; one character is one byte."""

_TOKEN: Final = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_REQUEST_LINE: Final = re.compile(rb"(%s) ([!-~]+) HTTP/1\.([01])" % _TOKEN)
_STATUS_LINE: Final = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9][0-9])(?: ([\t -~\x80-\xff]*))?")
_FIELD: Final = re.compile(rb"(%s):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*" % _TOKEN)
_ABSOLUTE: Final = re.compile("https?://[^/?]*", re.IGNORECASE)
_CHUNK: Final = re.compile(rb"([0-9A-Fa-f]{1,16})(?:;[\t -~\x80-\xff]*)?")


class RefusedError(Exception):
    """No reading, or more than one."""


class PartialError(Exception):
    """The bytes end before the message does."""


@dataclass(frozen=True)
class Request:
    """A request as it was read."""

    method: str
    target: str
    version: int
    fields: Fields
    body: bytes
    trailers: Fields = ()

    @property
    def ends_connection(self) -> bool:
        """Whether nothing follows it, whatever comes."""
        return _ends(self.version, self.fields)


@dataclass(frozen=True)
class Response:
    """A final response as it was read."""

    status: int
    version: int
    fields: Fields
    body: bytes

    @property
    def ends_connection(self) -> bool:
        """Whether nothing can follow it."""
        return _ends(self.version, self.fields)


@dataclass
class Requests:
    """What a stream from a client says: whole requests, and what is left."""

    whole: list[Request] = field(default_factory=list)
    rest: bytes = b""
    """What follows them: nothing, the beginning of one more, or what has no reading."""
    refused: str = ""
    """Why it has none."""
    ends: bool = False
    """Whether the last of them was meant to be that, so that nobody reads what follows."""


def options(fields: Fields) -> list[str]:
    """What `Connection` lists, in lower case."""
    return [option.strip(" \t").lower() for option in ",".join(values(fields, "connection")).split(",")]


def _ends(version: int, fields: Fields) -> bool:
    listed = options(fields)
    return "close" in listed or (version == 0 and "keep-alive" not in listed)


def values(fields: Fields, name: str) -> list[str]:
    """The values of a field, in order."""
    return [value for known, value in fields if known == name]


def normal_target(method: str, target: str) -> str:
    """The origin form of a target, its path in normal form (RFC 3986, 6.2.2): as a gateway forwards it."""
    absolute = _ABSOLUTE.match(target)
    if absolute:
        target = target[absolute.end() :]
        target = "*" if method == "OPTIONS" and not target else "/" + target.removeprefix("/")
    path, mark, query = target.partition("?")
    path = re.sub("%([0-9A-Fa-f]{2})", lambda found: _escape(int(found[1], 16)), path)
    segments: list[str] = []
    *before, last = path.split("/")
    for segment in [*before[1:], last]:
        if segment == "..":
            segments = segments[:-1]
        elif segment != ".":
            segments.append(segment)
    if last in (".", ".."):
        segments.append("")
    return (f"/{'/'.join(segments)}" if path.startswith("/") else path) + mark + query


def _escape(byte: int) -> str:
    character = chr(byte)
    is_unreserved = character.isascii() and (character.isalnum() or character in "-._~")
    return character if is_unreserved else f"%{byte:02X}"


def requests(stream: bytes) -> Requests:
    """Reads all there is."""
    found = Requests(rest=stream)
    while found.rest:
        try:
            request, used = request_of(found.rest)
        except PartialError:
            break
        except RefusedError as error:
            found.refused = str(error)
            break
        found.whole.append(request)
        found.rest, found.ends = found.rest[used:], request.ends_connection
        if found.ends:
            found.rest = b""
    return found


def request_of(stream: bytes) -> tuple[Request, int]:
    """The request that a stream begins with, and its length."""
    start = 2 if stream.startswith(b"\r\n") else 0
    lines, at = _head(stream, start)
    line = _REQUEST_LINE.fullmatch(lines[0])
    if line is None:
        raise RefusedError(f"not a request line: {lines[0]!r}")
    method, target, version = line[1].decode(), line[2].decode(), int(line[3])
    fields = tuple(_fields(lines[1:]))
    hosts = values(fields, "host")
    if len(hosts) > 1 or (version == 1 and not hosts):
        raise RefusedError(f"{len(hosts)} fields Host")
    body, trailers, at = _body(stream, at, version, fields)
    return Request(method, target, version, fields, body or b"", trailers), at


def response_of(stream: bytes, method: str, *, ended: bool) -> tuple[Response, int]:
    """The final response that a stream begins with, and its length with the interim ones before it."""
    at = 0
    while True:
        lines, at = _head(stream, at)
        line = _STATUS_LINE.fullmatch(lines[0])
        if line is None:
            raise RefusedError(f"not a status line: {lines[0]!r}")
        version, status, fields = int(line[1]), int(line[2]), tuple(_fields(lines[1:]))
        if status >= 200 or status == 101:
            break
    if method == "HEAD" or status in (101, 204, 304):
        return Response(status, version, fields, b""), at
    body, _, at = _body(stream, at, version, fields)
    if body is None:
        if not ended:
            raise PartialError
        body, at = stream[at:], len(stream)
    return Response(status, version, fields, body), at


def _head(stream: bytes, start: int) -> tuple[list[bytes], int]:
    """The lines of the head that begins at `start`, and where it ends."""
    lines = []
    while True:
        line, start = _line(stream, start)
        if not line:
            break
        lines.append(line)
    if not lines:
        raise RefusedError("an empty line instead of a head")
    return lines, start


def _line(stream: bytes, start: int) -> tuple[bytes, int]:
    """A line without its CRLF, and where the next one begins. No CR and no LF is without the other."""
    end = stream.find(b"\n", start)
    if end < 0 and b"\r" not in stream[start:-1]:
        raise PartialError
    line, mark, _ = stream[start:].partition(b"\r")
    if end < 0 or not mark or start + len(line) + 1 != end:
        raise RefusedError(f"a line that does not end in CRLF: {stream[start : start + 80]!r}")
    return line, end + 1


def fields_of(block: bytes) -> Fields:
    """The fields of a block of lines, without the empty one."""
    return tuple(_fields(block.removesuffix(b"\r\n").split(b"\r\n"))) if block else ()


def _fields(lines: list[bytes]) -> Iterator[tuple[str, str]]:
    for line in lines:
        found = _FIELD.fullmatch(line)
        if found is None:
            raise RefusedError(f"not a field: {line!r}")
        yield found[1].decode().lower(), found[2].decode("latin-1")


def _body(stream: bytes, at: int, version: int, fields: Fields) -> tuple[bytes | None, Fields, int]:
    """The body, its trailers and where they end; no body if there is no sign of one."""
    codings, lengths = values(fields, "transfer-encoding"), values(fields, "content-length")
    if codings and lengths:
        raise RefusedError("two lengths")
    if codings:
        if len(codings) > 1 or codings[0].lower() != "chunked" or version == 0:
            raise RefusedError(f"Transfer-Encoding is {codings} in HTTP/1.{version}")
        return _chunks(stream, at)
    if not lengths:
        return None, (), at
    if len(lengths) > 1 or not re.fullmatch("[0-9]+", lengths[0]) or int(lengths[0]) >= 1 << 63:
        raise RefusedError(f"Content-Length is {lengths}")
    end = at + int(lengths[0])
    if end > len(stream):
        raise PartialError
    return stream[at:end], (), end


def _chunks(stream: bytes, at: int) -> tuple[bytes, Fields, int]:
    body = b""
    while True:
        line, at = _line(stream, at)
        size = _CHUNK.fullmatch(line)
        if size is None:
            raise RefusedError(f"not the size of a chunk: {line!r}")
        end = at + int(size[1], 16)
        if end == at:
            break
        if not b"\r\n".startswith(stream[end : end + 2]):
            raise RefusedError("a chunk of another size")
        if end + 2 > len(stream):
            raise PartialError
        body, at = body + stream[at:end], end + 2
    trailers: list[bytes] = []
    while True:
        line, at = _line(stream, at)
        if not line:
            return body, tuple(_fields(trailers)), at
        trailers.append(line)
