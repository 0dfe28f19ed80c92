"""Whether the products do the same work: what an origin sees of two requests through each, and what is logged
of them. No figure is printed for one that does less than the others, or keeps no upstream connections."""

from __future__ import annotations

import http.client
import ipaddress
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from bench.load import body
from bench.products import Job, Product
from bench.rows import Row
from bench.settings import Settings

HOST = "bench.example"
# The products write at least every second what they have collected.
LOGGED_WITHIN = 5.0


@dataclass
class Observed:
    """Two requests and what became of them."""

    port: int
    """Where the product listened."""
    requests: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """As the origin saw them: from which port, with which fields."""
    answers: list[tuple[dict[str, str], str]] = field(default_factory=list)
    """As the client saw them: fields and body."""
    logged: list[str] = field(default_factory=list)


def verify(product: Product, row: Row, folder: Path, settings: Settings) -> None:
    """Raises, naming what the product leaves out."""
    faults = list(judge(observe(product, row, folder, settings), row))
    if faults:
        raise RuntimeError(f"{product.name} does not do the work of {row.name}: {'; '.join(faults)}")


def judge(observed: Observed, row: Row) -> Iterator[str]:
    """What was done otherwise than all of them are to do it."""
    if len(observed.requests) != 2:
        yield f"the origin saw {len(observed.requests)} requests instead of 2"
        return
    expected = {
        "host": HOST,
        "x-forwarded-proto": "http",
        "x-forwarded-host": HOST,
        "x-forwarded-port": str(observed.port),
    }
    for _, fields in observed.requests:
        for name, value in expected.items():
            if fields.get(name) != value:
                yield f"{name} is {fields.get(name)!r} instead of {value!r}"
        if "via" not in fields:
            yield "requests have no via"
        # Envoy says another address of the machine's for a client on loopback.
        if not is_address(fields.get("x-forwarded-for", "")):
            yield f"x-forwarded-for is {fields.get('x-forwarded-for')!r}"
    ids = [fields.get("x-request-id", "") for _, fields in observed.requests]
    # 128 random bits are 32 digits, with or without hyphens, and 22 characters of base 64.
    if ids[0] == ids[1] or min(map(len, ids)) < 22:
        yield f"request ids are {ids}"
    if observed.requests[0][0] != observed.requests[1][0]:
        yield "the upstream connection is not kept"
    for fields, text in observed.answers:
        if "via" not in fields:
            yield "answers have no via"
        if text != body(row.body):
            yield f"an answer has {len(text)} bytes instead of {row.body}"
        if row.fresh != (fields.get("connection", "").lower() == "close"):
            yield f"answers say connection: {fields.get('connection')}"
    yield from judge_log(observed.logged, ids if row.logging else [], row)


def is_address(text: str) -> bool:
    """Whether it is exactly one IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def judge_log(lines: list[str], ids: list[str], row: Row) -> Iterator[str]:
    """A line of JSON for each request, with its target, status, client and id."""
    if len(lines) != len(ids):
        yield f"{len(lines)} lines are logged instead of {len(ids)}"
        return
    for line, request_id in zip(lines, ids, strict=True):
        try:
            json.loads(line)
        except ValueError:
            yield f"a line is not JSON: {line}"
        for word in (f"/{row.body}", "200", "127.0.0.1", HOST, request_id):
            if word not in line:
                yield f"{word} is not logged: {line}"


def observe(product: Product, row: Row, folder: Path, settings: Settings) -> Observed:
    """Two requests, one after the other, each on a connection of its own."""
    with recorder(row) as (origin, requests):
        job = Job(row, origin, cpu=settings.proxy_cpu, folder=folder)
        with product.running(job) as running:
            observed = Observed(running.port, requests)
            observed.answers += [ask(running.port, row), ask(running.port, row)]
            if row.logging:
                deadline = time.monotonic() + LOGGED_WITHIN
                while len(observed.logged) < 2 and time.monotonic() < deadline:
                    time.sleep(0.05)
                    observed.logged = product.logged(folder)
    return observed


@contextmanager
def recorder(row: Row) -> Iterator[tuple[int, list[tuple[int, dict[str, str]]]]]:
    """An origin that remembers which fields came over which connection; yields its port and memory."""
    seen: list[tuple[int, dict[str, str]]] = []
    answer = body(row.body).encode()

    class Recorder(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            seen.append(
                (self.client_address[1], {name.lower(): value for name, value in self.headers.items()})
            )
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Nothing: what it saw is its record."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1], seen
    finally:
        server.shutdown()
        server.server_close()


def ask(port: int, row: Row) -> tuple[dict[str, str], str]:
    """Fields and body of the answer to one request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    fields = {"Host": HOST, "User-Agent": "bench"} | ({"Connection": "close"} if row.fresh else {})
    connection.request("GET", f"/{row.body}", headers=fields)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return {name.lower(): value for name, value in response.getheaders()}, text
