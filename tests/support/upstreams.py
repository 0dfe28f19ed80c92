"""Upstreams that do exactly what a test says, byte by byte, and remember what they were sent."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

from .waiting import DEADLINE, eventually

OK: Final = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class GoneError(Exception):
    """The other side has ended."""


@dataclass
class Line:
    """One accepted connection, from the script's side. Everything that is read is remembered."""

    socket: socket.socket
    number: int
    """Of the connection, from 0."""
    received: bytearray = field(default_factory=bytearray)
    _read: int = 0

    def read_until(self, end: bytes) -> bytes:
        """Bytes up to and with `end`; raises `GoneError` if the other side ends before."""
        while (at := self.received.find(end, self._read)) < 0:
            self._more()
        start, self._read = self._read, at + len(end)
        return bytes(self.received[start : self._read])

    def read_head(self) -> bytes:
        """A head, with the empty line that ends it."""
        return self.read_until(b"\r\n\r\n")

    def read_exactly(self, count: int) -> bytes:
        """So many bytes."""
        while len(self.received) - self._read < count:
            self._more()
        start, self._read = self._read, self._read + count
        return bytes(self.received[start : self._read])

    def read_request(self) -> bytes:
        """A head and the body that it announces, as one piece."""
        head = self.read_head()
        lower = head.lower()
        if b"transfer-encoding: chunked" in lower:
            body = b""
            while True:
                size = self.read_until(b"\r\n")
                chunk = self.read_exactly(int(size.split(b";")[0], 16))
                body += size + chunk
                if not chunk:
                    while (line := self.read_until(b"\r\n")) != b"\r\n":
                        body += line
                    return head + body + b"\r\n"
                body += self.read_until(b"\r\n")
        if b"content-length: " in lower:
            length = int(lower.split(b"content-length: ")[1].split(b"\r\n")[0])
            return head + self.read_exactly(length)
        return head

    def _more(self) -> None:
        part = self.socket.recv(65536)
        if not part:
            raise GoneError
        self.received += part

    def send(self, data: bytes) -> None:
        """Write all of it."""
        self.socket.sendall(data)

    def read_to_end(self) -> bytes:
        """Everything until the other side ends."""
        with contextlib.suppress(GoneError):
            while True:
                self._more()
        start, self._read = self._read, len(self.received)
        return bytes(self.received[start:])

    def reset(self) -> None:
        """Break the connection, so that the other side gets RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


Script = Callable[[Line], None]


def answer(response: bytes) -> Script:
    """A script that reads requests and gives each the same answer."""

    def script(line: Line) -> None:
        while True:
            line.read_request()
            line.send(response)

    return script


class Upstream:
    """A listening socket on a port that the system chose; each connection runs a script in a thread."""

    def __init__(self, script: Script, *, family: socket.AddressFamily = socket.AF_INET) -> None:
        self._script = script
        host = "::1" if family == socket.AF_INET6 else "127.0.0.1"
        self._listening = socket.create_server((host, 0), family=family, backlog=512)
        self._address = self._listening.getsockname()[:2]
        self._threads: list[threading.Thread] = []
        self.lines: list[Line] = []
        self.failures: list[BaseException] = []
        self._open = True

    @property
    def address(self) -> str:
        """As configurations write it."""
        host, port = self._address
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def __enter__(self) -> Self:
        thread = threading.Thread(target=self._accept, daemon=True)
        self._threads.append(thread)
        thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        for thread in self._threads:
            thread.join(DEADLINE)
        if kind is None:
            assert not self.failures, self.failures

    def close(self) -> None:
        """Listen no more and end every connection."""
        self._open = False
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for line in list(self.lines):
            with contextlib.suppress(OSError):
                line.socket.shutdown(socket.SHUT_RDWR)

    @property
    def received(self) -> list[bytes]:
        """What came on each connection, in the order in which they were accepted."""
        return [bytes(line.received) for line in self.lines]

    def connection(self, number: int = 0) -> Line:
        """A connection, once it is there."""
        eventually(lambda: len(self.lines) > number, f"connection {number} to the upstream")
        return self.lines[number]

    def _accept(self) -> None:
        while self._open:
            try:
                connected, _ = self._listening.accept()
            except OSError:
                return
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line = Line(connected, len(self.lines))
            self.lines.append(line)
            thread = threading.Thread(target=self._run, args=(line,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _run(self, line: Line) -> None:
        try:
            with line.socket:
                self._script(line)
        except (GoneError, OSError):
            pass
        except BaseException as error:
            self.failures.append(error)
