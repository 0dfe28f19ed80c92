"""Memory of an idle connection: growth of a product's proportional set size over many, each used once."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from statistics import median

from bench.products import Job, Product
from bench.settings import Settings

# What is given back lazily has been given back by then.
SETTLES = 5.0


@dataclass(frozen=True)
class Memory:
    """Bytes, of one turn of one product."""

    at_start: int
    per_connection: float
    kept_per_connection: float
    """Still held after all of them closed."""


@dataclass(frozen=True)
class Held:
    """All turns of one product."""

    name: str
    rounds: list[Memory]

    @property
    def at_start(self) -> float:
        """Bytes before the first connection, median."""
        return median(turn.at_start for turn in self.rounds)

    @property
    def per_connection(self) -> float:
        """Bytes, median."""
        return median(turn.per_connection for turn in self.rounds)

    @property
    def kept_per_connection(self) -> float:
        """Bytes that are still held after all of them closed, median."""
        return median(turn.kept_per_connection for turn in self.rounds)


def alternate(products: list[Product], job: Job, settings: Settings) -> list[Held]:
    """Every product once a round. What is counted here varies little, and takes long."""
    held = [Held(product.name, []) for product in products]
    for number in range((settings.rounds + 2) // 3):
        for one, product in zip(held, products, strict=True):
            one.rounds.append(measure(product, job, settings))
            kilobytes = one.rounds[-1].per_connection / 1000
            print(f"  round {number + 1} {product.name}: {kilobytes:.2f} kB/connection", flush=True)
    return held


def measure(product: Product, job: Job, settings: Settings) -> Memory:
    """Connections opened one after another, each asked for one answer, then left alone."""
    count = settings.idle_connections
    with product.running(job) as running:
        # What the first request allocates for good belongs to no connection.
        open_and_ask(running.port, job.row.body).close()
        time.sleep(1.0)
        before = running.process.proportional_bytes()
        connections = [open_and_ask(running.port, job.row.body) for _ in range(count)]
        time.sleep(SETTLES)
        held = running.process.proportional_bytes()
        for connection in connections:
            connection.close()
        time.sleep(SETTLES)
        after = running.process.proportional_bytes()
    return Memory(before, (held - before) / count, (after - before) / count)


def open_and_ask(port: int, size: int) -> socket.socket:
    """A keep-alive connection that has had one answer."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    connection.sendall(f"GET /{size} HTTP/1.1\r\nHost: bench.example\r\n\r\n".encode())
    answer = b""
    while b"\r\n\r\n" not in answer or len(answer.partition(b"\r\n\r\n")[2]) < size:
        part = connection.recv(4096)
        if not part:
            raise RuntimeError(f"the connection was closed after {answer!r}")
        answer += part
    return connection
