"""What stands behind the gateway in a demo: small HTTP/1.1 servers that say their names. Enough of the
protocol for a gateway that speaks it well, and no more; nothing to build upon.

``python -m expressgateway.cli.upstreams NAME…`` prints their ports as JSON and serves until standard input
ends.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from importlib import resources
from typing import Final

__all__ = ["Upstream"]

_NAP: Final = 5.0
_LARGEST_BODY: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    path: str
    fields: list[tuple[str, str]]

    def value(self, name: str) -> str | None:
        return next((value for known, value in self.fields if known == name), None)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: HTTPStatus
    body: str
    kind: str = "text/plain; charset=utf-8"
    then: Callable[[], None] | None = None
    """What to do once it is sent."""


class Upstream:
    """One server with a name, on a port that the system chose."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._requests = 0
        self._port = 0
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.StreamWriter] = set()
        self._waking: asyncio.Task[int] | None = None

    async def open(self) -> int:
        """Listen, on the same port as before if there was one. Returns it."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = int(self._server.sockets[0].getsockname()[1])
        return self._port

    def close(self) -> None:
        """Listen no more, and leave every client."""
        if self._server:
            self._server.close()
        for client in self._clients:
            client.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.add(writer)
        try:
            while request := await _read(reader):
                self._requests += 1
                answer = self._answer(request)
                writer.write(_encoded(answer, head_only=request.method == "HEAD"))
                await writer.drain()
                if answer.then:
                    answer.then()
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError):
            # The client has left, or says what is not understood here.
            pass
        finally:
            self._clients.discard(writer)
            writer.close()

    def _answer(self, request: _Request) -> _Answer:
        match request.method, request.path.partition("?")[0]:
            case "GET" | "HEAD", "/":
                page = resources.files(__package__).joinpath("demo.html").read_text("utf-8")
                return _Answer(HTTPStatus.OK, page, "text/html; charset=utf-8")
            case "GET" | "HEAD", "/whoami":
                facts = {"upstream": self.name, "requests": self._requests}
                return _Answer(HTTPStatus.OK, json.dumps(facts) + "\n", "application/json")
            case "GET" | "HEAD", "/headers":
                lines = [f"{name}: {value}\n" for name, value in request.fields]
                return _Answer(HTTPStatus.OK, f"{self.name} was told:\n\n{''.join(lines)}")
            case "POST", "/nap":
                return _Answer(HTTPStatus.OK, f"{self.name} sleeps for {_NAP:g} seconds\n", then=self._nap)
            case _:
                return _Answer(HTTPStatus.NOT_FOUND, "try /, /whoami or /headers\n")

    def _nap(self) -> None:
        """Be as one that has crashed and is started again."""
        self.close()
        asyncio.get_running_loop().call_later(_NAP, self._wake)

    def _wake(self) -> None:
        self._waking = asyncio.create_task(self.open())


async def _read(reader: asyncio.StreamReader) -> _Request | None:
    """A request, with its body read and forgotten; None if the client has no more."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None
    start, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    method, path, _version = start.split(" ")
    fields = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    request = _Request(method, path, fields)
    if request.value("transfer-encoding"):
        while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
            await reader.readexactly(min(size, _LARGEST_BODY) + 2)
        while await reader.readuntil(b"\r\n") != b"\r\n":
            pass
    elif length := int(request.value("content-length") or 0):
        await reader.readexactly(min(length, _LARGEST_BODY))
    return request


def _encoded(answer: _Answer, *, head_only: bool) -> bytes:
    body = answer.body.encode()
    head = (
        f"HTTP/1.1 {answer.status} {answer.status.phrase}\r\ncontent-type: {answer.kind}\r\n"
        f"content-length: {len(body)}\r\ncache-control: no-store\r\n\r\n"
    )
    return head.encode() + (b"" if head_only else body)


async def _main(names: list[str]) -> None:
    upstreams = [Upstream(name) for name in names]
    ports = {upstream.name: await upstream.open() for upstream in upstreams}
    sys.stdout.write(json.dumps(ports) + "\n")
    sys.stdout.flush()
    # Whoever started this holds the other end. When it is gone, however it went, so is this.
    await asyncio.to_thread(sys.stdin.buffer.read)
    for upstream in upstreams:
        upstream.close()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1:]))
