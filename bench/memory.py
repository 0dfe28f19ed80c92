"""Memory of an idle connection: growth of a product's proportional set size over many, each used once."""

from __future__ import annotations

import resource
import socket
import time
from dataclasses import dataclass

from bench.products import Job, Product
from bench.settings import Settings

# What is given back lazily has been given back by then.
SETTLES = 5.0
REQUEST = b"GET /bench HTTP/1.1\r\nHost: bench.example\r\n\r\n"


@dataclass(frozen=True)
class Memory:
    """Bytes."""

    name: str
    at_start: int
    per_connection: float
    kept_per_connection: float
    """Still held after all of them closed."""


def measure(product: Product, job: Job, settings: Settings) -> Memory:
    """Connections opened one after another, each asked for one answer, then left alone."""
    count = settings.idle_connections
    allow_descriptors(count + 256)
    with product.running(job) as running:
        # What the first request allocates for good belongs to no connection.
        open_and_ask(running.port).close()
        time.sleep(1.0)
        before = running.process.proportional_bytes()
        connections = [open_and_ask(running.port) for _ in range(count)]
        time.sleep(SETTLES)
        held = running.process.proportional_bytes()
        for connection in connections:
            connection.close()
        time.sleep(SETTLES)
        after = running.process.proportional_bytes()
    return Memory(product.name, before, (held - before) / count, (after - before) / count)


def open_and_ask(port: int) -> socket.socket:
    """A keep-alive connection that has had one answer."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    connection.sendall(REQUEST)
    answer = b""
    while b"\r\n\r\n" not in answer or len(answer.partition(b"\r\n\r\n")[2]) < 100:
        part = connection.recv(4096)
        if not part:
            raise RuntimeError(f"the connection was closed after {answer!r}")
        answer += part
    return connection


def allow_descriptors(wanted: int) -> None:
    """Raises the soft limit; products inherit it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(soft, wanted, 65536 if hard == resource.RLIM_INFINITY else min(65536, hard))
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
