"""Connections and messages as the table needs them: pieces out, bytes in, bodies by their framing. It refuses
what is not exactly as this gateway writes it."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self


class EndedError(Exception):
    """The other side has ended; `broken` if it was not in order."""

    def __init__(self, *, broken: bool) -> None:
        super().__init__("broken" if broken else "ended")
        self.broken = broken


class MalformedError(Exception):
    """What came is not what anybody would write."""


class Stream:
    """One connection, in an event loop. Everything that was read is remembered."""

    def __init__(self, connected: socket.socket) -> None:
        connected.setblocking(False)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = connected
        self.received = bytearray()
        self._at = 0

    @classmethod
    async def connect(cls, address: tuple[str, int]) -> Self:
        """A connection to `address`."""
        connected = socket.socket()
        connected.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(connected, address)
        except BaseException:
            connected.close()
            raise
        return cls(connected)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    async def send(self, pieces: Iterable[bytes]) -> None:
        """Write the pieces one by one, and let others run between them. A peer that does not want them says
        so in what is read."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):
            for piece in pieces:
                await loop.sock_sendall(self.socket, piece)
                await asyncio.sleep(0)

    def end(self) -> None:
        """Send no more."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    @property
    def unread(self) -> bytes:
        """What came and was not asked for."""
        return bytes(self.received[self._at :])

    async def more(self) -> None:
        """Read once."""
        try:
            part = await asyncio.get_running_loop().sock_recv(self.socket, 65536)
        except OSError as error:
            raise EndedError(broken=True) from error
        if not part:
            raise EndedError(broken=False)
        self.received += part

    async def until(self, end: bytes) -> bytes:
        """Bytes up to and with `end`."""
        while (found := self.received.find(end, self._at)) < 0:
            await self.more()
        return self._take(found + len(end) - self._at)

    async def exactly(self, count: int) -> bytes:
        """So many bytes."""
        while len(self.received) - self._at < count:
            await self.more()
        return self._take(count)

    async def at_most(self, count: int) -> bytes:
        """Some bytes, as they come."""
        if not self.unread:
            await self.more()
        return self._take(min(count, len(self.received) - self._at))

    async def ended(self) -> bool:
        """Waits for the end; whether it was in order and nothing came before it."""
        try:
            await self.more()
        except EndedError as error:
            return not error.broken and not self.unread
        return False

    def _take(self, count: int) -> bytes:
        start, self._at = self._at, self._at + count
        return bytes(self.received[start : self._at])


@dataclass
class Body:
    """What has been read of a body so far."""

    data: bytearray = field(default_factory=bytearray)
    trailers: bytes = b""


MARKER = b"GET /marker HTTP/1.1\r\nHost: gateway.test\r\n\r\n"
"""A request that arrives as it is sent: what comes after a row must be this and nothing else."""

_SIZE = re.compile(rb"([0-9a-f]+)\r\n")


def value(head: bytes, name: bytes) -> bytes | None:
    """The value of a field that may occur once."""
    found = re.findall(rb"(?i)\r\n" + re.escape(name) + rb": *([^\r\n]*)", head)
    if len(found) > 1:
        raise MalformedError(f"{name!r} occurs {len(found)} times")
    return found[0] if found else None


async def read_body(stream: Stream, head: bytes, body: Body, *, to_end: bool = False) -> None:
    """Reads the body that a head announces. Without an announcement there is none; or, with `to_end`, all
    that comes."""
    coding, length = value(head, b"transfer-encoding"), value(head, b"content-length")
    if coding is not None:
        if coding != b"chunked" or length is not None:
            raise MalformedError(f"a body framed in two ways, or an unknown one: {head!r}")
        await _read_chunks(stream, body)
    elif length is not None:
        await _read_exactly(stream, int(length), body)
    elif to_end:
        try:
            while True:
                body.data += await stream.at_most(1 << 16)
        except EndedError as error:
            if error.broken:
                raise


async def _read_chunks(stream: Stream, body: Body) -> None:
    while True:
        line = await stream.until(b"\n")
        size = _SIZE.fullmatch(line)
        if size is None:
            raise MalformedError(f"not the size of a chunk: {line!r}")
        count = int(size[1], 16)
        if count == 0:
            break
        await _read_exactly(stream, count, body)
        if (end := await stream.exactly(2)) != b"\r\n":
            raise MalformedError(f"not the end of a chunk: {end!r}")
    while (line := await stream.until(b"\r\n")) != b"\r\n":
        body.trailers += line


async def _read_exactly(stream: Stream, count: int, body: Body) -> None:
    while count > 0:
        part = await stream.at_most(count)
        body.data += part
        count -= len(part)
