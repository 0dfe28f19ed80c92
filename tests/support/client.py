"""A client that sends exactly the bytes it is told, and reads responses as strictly as it can."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from .waiting import DEADLINE


@dataclass(frozen=True)
class Response:
    """A response as it was read. Names of fields are in lower case."""

    status: int
    reason: str
    fields: list[tuple[str, str]]
    body: bytes
    trailers: list[tuple[str, str]]

    def value(self, name: str) -> str | None:
        """The value of a field that may occur once; None if it does not."""
        found = [value for known, value in self.fields if known == name]
        assert len(found) <= 1, f"{name} occurs {len(found)} times"
        return found[0] if found else None


class Client:
    """One connection to a gateway."""

    def __init__(self, address: tuple[str, int], *, receive_buffer: int | None = None) -> None:
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(DEADLINE)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            self.socket.connect(address)
        except OSError:
            self.socket.close()
            raise
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    # --- sending -----------------------------------------------------------------------------------------

    def send(self, data: bytes | str) -> Self:
        """Write all of it."""
        self.socket.sendall(data.encode("latin-1") if isinstance(data, str) else data)
        return self

    def end(self) -> Self:
        """Send no more."""
        self.socket.shutdown(socket.SHUT_WR)
        return self

    def reset(self) -> None:
        """Break the connection."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    # --- reading -----------------------------------------------------------------------------------------

    def response(self, method: str = "GET") -> Response:
        """The next response, which must be framed without doubt."""
        status, reason, fields = self._head()
        values = dict(fields)
        if method == "HEAD" or status < 200 or status in (204, 304):
            return Response(status, reason, fields, b"", [])
        assert not ("content-length" in values and "transfer-encoding" in values), fields
        if "transfer-encoding" in values:
            body, trailers = self._chunks()
            return Response(status, reason, fields, body, trailers)
        if "content-length" in values:
            return Response(status, reason, fields, self.exactly(int(values["content-length"])), [])
        return Response(status, reason, fields, self.to_end(), [])

    def head(self) -> Response:
        """The next head, with its body left unread."""
        return Response(*self._head(), b"", [])

    def _head(self) -> tuple[int, str, list[tuple[str, str]]]:
        lines = self.until(b"\r\n\r\n").decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        version, status, reason = (lines[0] + " ").split(" ", 2)
        assert version == "HTTP/1.1", lines[0]
        fields = []
        for line in lines[1:]:
            name, colon, value = line.partition(": ")
            assert colon, f"not a field: {line!r}"
            fields.append((name.lower(), value))
        return int(status), reason.strip(), fields

    def _chunks(self) -> tuple[bytes, list[tuple[str, str]]]:
        body = b""
        while size := int(self.until(b"\r\n"), 16):
            body += self.exactly(size)
            assert self.exactly(2) == b"\r\n"
        trailers = []
        while (line := self.until(b"\r\n")) != b"\r\n":
            name, _, value = line.decode("latin-1").strip().partition(": ")
            trailers.append((name.lower(), value))
        return body, trailers

    def until(self, end: bytes) -> bytes:
        """Bytes up to and with `end`."""
        while end not in self._buffer:
            self._more()
        found, mark, self._buffer = self._buffer.partition(end)
        return found + mark

    def exactly(self, count: int) -> bytes:
        """So many bytes."""
        parts, missing = [self._buffer], count - len(self._buffer)
        while missing > 0:
            part = self.socket.recv(min(missing, 1 << 20))
            if not part:
                raise EOFError(f"{missing} of {count} bytes are missing")
            parts.append(part)
            missing -= len(part)
        whole = b"".join(parts)
        found, self._buffer = whole[:count], whole[count:]
        return found

    def to_end(self) -> bytes:
        """Everything until the other side ends; a reset is an error."""
        found, self._buffer = self._buffer, b""
        while part := self.socket.recv(1 << 20):
            found += part
        return found

    def is_closed(self) -> bool:
        """Whether the other side has ended, in order or not, and said nothing more before."""
        try:
            return not self._buffer and not self.socket.recv(1)
        except ConnectionResetError:
            return True

    def _more(self) -> None:
        part = self.socket.recv(65536)
        if not part:
            raise EOFError(f"the connection ended after {self._buffer!r}")
        self._buffer += part


def get(
    address: tuple[str, int], path: str = "/", *, host: str = "gateway.test", fields: str = ""
) -> Response:
    """One GET on a connection of its own."""
    with Client(address) as client:
        client.send(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{fields}\r\n")
        return client.response()
