"""What stands behind an origin that is a proxy: it reads in the strictest way, says in its response what it
has read, and keeps what it could not. It refuses to guess."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final, Self

from .echoes.words import Pair, head_fields, words
from .reading import Fields, PartialError, RefusedError, Request, request_of

_PIECE: Final = 1 << 16


class Recorder:
    """Listens on a port of the loopback that the system chose."""

    def __init__(self) -> None:
        self.unreadable: list[str] = []
        """What came and had no reading."""
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        # What was closed says so in the next turn of the loop.
        await asyncio.sleep(0)

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        stream, waited = b"", False
        try:
            while piece := await reader.read(_PIECE):
                stream += piece
                try:
                    while stream:
                        request, used = request_of(stream)
                        stream, waited = stream[used:], False
                        writer.write(response(request))
                except PartialError:
                    if not waited and _waits(stream):
                        waited = True
                        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        except RefusedError as error:
            self.unreadable.append(f"{error}: {stream!r}")
            writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        except ConnectionError:
            pass
        finally:
            writer.close()


def _waits(stream: bytes) -> bool:
    """Whether this is a head whose body comes when it is asked for."""
    head, end, _ = stream.partition(b"\r\n\r\n")
    return bool(end) and b"\r\nexpect: 100-continue" in head.lower()


def response(request: Request) -> bytes:
    """The response to a request: what was read."""
    method = request.method.encode()
    said = words(
        method, request.target.encode(), _pairs(request.fields), request.body, _pairs(request.trailers)
    )
    head = b"".join(b"%b: %b\r\n" % field for field in head_fields(method, said))
    return b"HTTP/1.1 200 OK\r\n" + head + b"\r\n" + (b"" if method == b"HEAD" else said)


def _pairs(fields: Fields) -> list[Pair]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields]
