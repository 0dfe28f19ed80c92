"""More bytes out of a row: what a smuggler would try next. A mutation is the same on every machine, by its
seed. It refuses to know what becomes of it."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Final

_ODD: Final = (
    *(
        b"\r",
        b"\n",
        b"\r\n",
        b"\n\n",
        b"\0",
        b" ",
        b"\t",
        b"\x0b",
        b"\x0c",
        b"\x1f",
        b"\x7f",
        b"\x80",
        b"\x85",
        b"\xa0",
    ),
    *(
        b"\xff",
        b":",
        b";",
        b",",
        b'"',
        b"'",
        b"\\",
        b"/",
        b"//",
        b"/../",
        b"%",
        b"%2f",
        b"%00",
        b"?",
        b"#",
        b"@",
        b"_",
    ),
    *(
        b"-",
        b"+",
        b"0",
        b"1",
        b"0x",
        b"a",
        b"chunked",
        b"*",
        b"(",
        b"[",
        b"]",
        b"{",
        b"}",
        b"HTTP/1.1",
        b"\xc4\xb1",
    ),
)
_LINES: Final = (
    *(
        b"Content-Length: 0",
        b"Content-Length: 5",
        b"Content-Length: 1, 1",
        b"Content-Length:\x0b5",
        b"Content-Length: 0x5",
    ),
    *(
        b"Content_Length: 5",
        b"Content-Length : 5",
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: identity",
    ),
    *(
        b"Transfer-Encoding: x, chunked",
        b"Transfer-Encoding:\tchunked",
        b"Transfer-Encoding: chunked\x0b",
        b"TE: trailers",
    ),
    *(
        b"Transfer_Encoding: chunked",
        b"Transfer-Encoding\t: chunked",
        b" Transfer-Encoding: chunked",
        b"Host: other.test",
    ),
    *(
        b"Connection: close",
        b"Connection: keep-alive",
        b"Connection: host, content-length",
        b"Connection: transfer-encoding",
    ),
    *(
        b"Expect: 100-continue",
        b"Upgrade: websocket",
        b"Trailer: X-A",
        b"X-A: \xe9\xff",
        b"X_A: 1",
        b"X-A:",
        b": x",
        b"X-A",
    ),
    *(
        b"Keep-Alive: 5",
        b"X-Forwarded-For: 192.0.2.1",
        b"Cookie: a=b",
        b"Cookie: c=d",
        b"A!b: 1",
        b"X.A: 1",
        b"x-a: 2",
    ),
    *(
        b"Content-Type: text/plain",
        b"Proxy: x",
        b"X-HTTP-Method-Override: PUT",
        b"X-Original-URL: /other",
        b"If-Match: *",
    ),
)
_METHODS: Final = (
    b"GET",
    b"POST",
    b"HEAD",
    b"PUT",
    b"DELETE",
    b"OPTIONS",
    b"PATCH",
    b"get",
    b"BREW",
    b"QUERY",
    b"TRACE",
)
_TARGETS: Final = (
    b"/",
    b"/?",
    b"//",
    b"/a//b",
    b"/a;b=c",
    b"/%41",
    b"/%7e",
    b"/a%20b",
    b"/a?b=%zz",
    b"/a/../b",
    b"*",
    b"/|^`",
)
_SIZES: Final = (
    b"0",
    b"00",
    b"1",
    b"5",
    b"05",
    b"a",
    b"A",
    b"5;x",
    b'5;x="\r"',
    b"5 ",
    b" 5",
    b"+5",
    b"-1",
    b"0x5",
    b"5;\n",
    b"",
)


def mutated(data: bytes, seed: str) -> bytes:
    """`data` with one to three changes."""
    dice = random.Random(seed)
    for _ in range(dice.choice((1, 1, 1, 2, 2, 3))):
        data = dice.choice(_CHANGES)(data, dice)
    return data


def _insert(data: bytes, dice: random.Random) -> bytes:
    at = dice.randint(0, len(data))
    return data[:at] + dice.choice(_ODD) + data[at:]


def _replace(data: bytes, dice: random.Random) -> bytes:
    at = dice.randint(0, len(data))
    return data[:at] + dice.choice(_ODD) + data[at + 1 :]


def _remove(data: bytes, dice: random.Random) -> bytes:
    at = dice.randint(0, len(data))
    return data[:at] + data[at + dice.randint(1, 3) :]


def _flip_case(data: bytes, dice: random.Random) -> bytes:
    at = dice.randint(0, len(data))
    return data[:at] + data[at : at + 12].swapcase() + data[at + 12 :]


def _end_otherwise(data: bytes, dice: random.Random) -> bytes:
    return _one_of(
        data, rb"\r\n", dice, lambda _: dice.choice((b"\n", b"\r", b"\r\r\n", b"\n\r", b"\r\n\r\n", b"\r\n "))
    )


def _repeat_line(data: bytes, dice: random.Random) -> bytes:
    return _one_of(data, rb"[^\r\n]*\r\n", dice, lambda line: line * 2)


def _drop_line(data: bytes, dice: random.Random) -> bytes:
    return _one_of(data, rb"[^\r\n]*\r\n", dice, lambda _: b"")


def _add_line(data: bytes, dice: random.Random) -> bytes:
    return _one_of(data, rb"\r\n", dice, lambda end: end + dice.choice(_LINES) + b"\r\n")


def _other_method(data: bytes, dice: random.Random) -> bytes:
    return re.sub(rb"\A\S+", lambda _: dice.choice(_METHODS), data)


def _other_target(data: bytes, dice: random.Random) -> bytes:
    return re.sub(rb"\A(\S+ )\S+", lambda found: found[1] + dice.choice(_TARGETS), data)


def _other_version(data: bytes, dice: random.Random) -> bytes:
    return re.sub(
        rb"HTTP/1\.[01]",
        lambda _: dice.choice((b"HTTP/1.0", b"HTTP/1.1", b"HTTP/1.2", b"http/1.1")),
        data,
        count=1,
    )


def _other_number(data: bytes, dice: random.Random) -> bytes:
    return _one_of(
        data, rb"[0-9]+", dice, lambda number: b"%d" % max(0, int(number) + dice.choice((-2, -1, 1, 2)))
    )


def _other_size(data: bytes, dice: random.Random) -> bytes:
    return _one_of(data, rb"(?<=\n)[0-9a-fA-F]+(?=\r\n)", dice, lambda _: dice.choice(_SIZES))


def _chunk(data: bytes, dice: random.Random) -> bytes:
    """The same message with its body in chunks, if it has one of a known length."""
    head, mark, body = data.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"content-length")]
    at = dice.randint(0, len(body))
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (body[:at], body[at:]) if piece)
    trailers = dice.choice(
        (b"", b"", b"X-T: 1\r\n", b"Content-Length: 3\r\n", b"Host: other.test\r\n", b"X_T: 1\r\n")
    )
    return (
        b"\r\n".join([*lines, b"Transfer-Encoding: chunked"]) + mark + chunks + b"0\r\n" + trailers + b"\r\n"
    )


def _repeat(data: bytes, dice: random.Random) -> bytes:
    return data + data if dice.random() < 0.5 else data + b"GET /next HTTP/1.1\r\nHost: gateway.test\r\n\r\n"


def _cut_short(data: bytes, dice: random.Random) -> bytes:
    return data[: dice.randint(1, len(data))] if data else data


def _one_of(data: bytes, what: bytes, dice: random.Random, change: Callable[[bytes], bytes]) -> bytes:
    """Changes one of the places that match."""
    places = list(re.finditer(what, data))
    if not places:
        return data
    place = dice.choice(places)
    return data[: place.start()] + change(place[0]) + data[place.end() :]


_CHANGES: Final[tuple[Callable[[bytes, random.Random], bytes], ...]] = (
    *(
        _insert,
        _insert,
        _replace,
        _replace,
        _remove,
        _flip_case,
        _end_otherwise,
        _repeat_line,
        _drop_line,
        _add_line,
    ),
    *(
        _add_line,
        _other_method,
        _other_target,
        _other_version,
        _other_number,
        _other_number,
        _other_size,
        _other_size,
    ),
    *(_chunk, _repeat, _cut_short),
)
