"""Echoes on the HTTP servers of frameworks, below all their routing: `frameworks NAME PATH` serves on a Unix
socket.

Run in the environment that has them; nothing else can import them."""

from __future__ import annotations

import asyncio
import sys
from importlib import import_module
from typing import Any, Protocol

from tests.conformance.origins.echoes.words import Pair, head_fields, words


class AiohttpRequest(Protocol):
    """What is used of `aiohttp.web.BaseRequest`."""

    method: str
    raw_path: str
    raw_headers: tuple[Pair, ...]

    async def read(self) -> bytes:
        """The body."""


class TornadoRequest(Protocol):
    """What is used of `tornado.httputil.HTTPServerRequest`."""

    method: str
    uri: str
    headers: Any
    body: bytes
    connection: Any


class TwistedRequest(Protocol):
    """What is used of `twisted.web.http.Request`."""

    method: bytes
    uri: bytes
    requestHeaders: Any  # noqa: N815
    content: Any
    setHeader: Any  # noqa: N815
    write: Any
    finish: Any


def aiohttp(path: str) -> None:
    """aiohttp's server without its application."""
    web: Any = import_module("aiohttp.web")

    async def echo(request: AiohttpRequest) -> object:
        method, target = request.method.encode(), request.raw_path.encode("latin-1", "surrogateescape")
        said = words(method, target, request.raw_headers, await request.read())
        fields = [(name.decode(), value.decode()) for name, value in head_fields(method, said)]
        response: object = web.Response(body=None if method == b"HEAD" else said, headers=fields)
        return response

    async def serve() -> None:
        runner = web.ServerRunner(web.Server(echo))
        await runner.setup()
        await web.UnixSite(runner, path).start()
        await asyncio.Event().wait()

    asyncio.run(serve())


def tornado(path: str) -> None:
    """tornado's server without its application."""
    server: Any = import_module("tornado.httpserver")
    sockets: Any = import_module("tornado.netutil")
    util: Any = import_module("tornado.httputil")

    def echo(request: TornadoRequest) -> None:
        method, every = request.method.encode("latin-1"), request.headers.get_all()
        fields = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in every]
        said = words(method, request.uri.encode("latin-1"), fields, request.body)
        answer = {name.decode(): value.decode() for name, value in head_fields(method, said)}
        line = util.ResponseStartLine("HTTP/1.1", 200, "OK")
        body = b"" if method == b"HEAD" else said
        request.connection.write_headers(line, util.HTTPHeaders(answer), body)
        request.connection.finish()

    async def serve() -> None:
        server.HTTPServer(echo).add_socket(sockets.bind_unix_socket(path))
        await asyncio.Event().wait()

    asyncio.run(serve())


def twisted(path: str) -> None:
    """twisted's server without its resources."""
    http: Any = import_module("twisted.web.http")
    reactor: Any = import_module("twisted.internet.reactor")

    def process(request: TwistedRequest) -> None:
        every = request.requestHeaders.getAllRawHeaders()
        fields = [(name, value) for name, values in every for value in values]
        said = words(request.method, request.uri, fields, request.content.read())
        for name, value in head_fields(request.method, said):
            request.setHeader(name, value)
        request.write(b"" if request.method == b"HEAD" else said)
        request.finish()

    echo = type("Echo", (http.Request,), {"process": process})
    factory = http.HTTPFactory()
    factory.protocol = type("Channel", (http.HTTPChannel,), {"requestFactory": echo})
    reactor.listenUNIX(path, factory)
    reactor.run()


if __name__ == "__main__":
    {"aiohttp": aiohttp, "tornado": tornado, "twisted": twisted}[sys.argv[1]](sys.argv[2])
