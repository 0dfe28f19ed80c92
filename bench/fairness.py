"""Whether the products do the same work: what an origin sees of two requests through each. No figure is
printed for one that adds less than the others, or that does not keep its upstream connections."""

from __future__ import annotations

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

from bench.products import Job, Product
from bench.settings import Settings

ADDED = (
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-request-id",
    "via",
)


class Recorder(BaseHTTPRequestHandler):
    """An origin that remembers which fields came over which connection."""

    protocol_version = "HTTP/1.1"
    seen: ClassVar[list[tuple[int, dict[str, str]]]]

    def do_GET(self) -> None:
        self.seen.append(
            (self.client_address[1], {name.lower(): value for name, value in self.headers.items()})
        )
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing: what it saw is its record."""


def verify(product: Product, folder: Path, settings: Settings) -> None:
    """Raises, naming what the product leaves out."""

    class Here(Recorder):
        seen: ClassVar[list[tuple[int, dict[str, str]]]] = []

    server = ThreadingHTTPServer(("127.0.0.1", 0), Here)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        job = Job(server.server_address[1], logging=True, cpu=settings.proxy_cpu, folder=folder)
        with product.running(job) as running:
            answered = [ask(running.port), ask(running.port)]
    finally:
        server.shutdown()
        server.server_close()
    missing = [name for _, fields in Here.seen for name in ADDED if name not in fields]
    if missing or "via" not in answered[0] or len(Here.seen) != 2:
        raise RuntimeError(f"{product.name} does less than the others: {missing or answered}")
    if Here.seen[0][0] != Here.seen[1][0]:
        raise RuntimeError(f"{product.name} does not keep its upstream connection")


def ask(port: int) -> dict[str, str]:
    """Fields of the answer to one request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", "/bench")
    response = connection.getresponse()
    response.read()
    connection.close()
    return {name.lower(): value for name, value in response.getheaders()}
