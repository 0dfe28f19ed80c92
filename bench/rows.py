"""The rows of the comparison: one kind of work each, who does it, and what we are held to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

OURS = "expressgateway"
# Those that one would choose for speed, and two more to know where one stands.
FASTEST = ("nginx", "haproxy")
OTHERS = ("envoy", "caddy")
SPLICE = "haproxy+splice"

KIB, MIB = 2**10, 2**20
SMALL = 128


@dataclass(frozen=True)
class Target:
    """Our figure over that of the best of these must not be above one number, and should not be above
    another. Over nobody it is the figure itself."""

    over: tuple[str, ...]
    must: float
    aim: float


@dataclass(frozen=True)
class Row:
    """One kind of work."""

    name: str
    title: str
    kind: Literal["cpu", "memory", "latency"] = "cpu"
    body: int = SMALL
    connections: int = 64
    logging: bool = False
    fresh: bool = False
    """Whether each request comes on a new connection."""
    peers: tuple[str, ...] = FASTEST
    targets: tuple[Target, ...] = ()

    @property
    def entries(self) -> tuple[str, ...]:
        """Names of those who take turns, ours first."""
        return (OURS, *self.peers)

    @property
    def unit(self) -> str:
        """Of its figures."""
        return {"cpu": "µs", "memory": "kB", "latency": "µs"}[self.kind]


SMALL_TARGET = (Target(FASTEST, must=1.00, aim=0.85),)
MEDIUM_TARGET = (Target(FASTEST, must=1.00, aim=0.90),)
# Splicing leaves the bytes in the kernel, which nobody does who may have to look at them.
LARGE_TARGETS = (Target((SPLICE,), must=1.1, aim=1.1), Target(("haproxy",), must=0.9, aim=0.9))

ROWS = (
    Row("128b-64", "128 B answers, 64 connections", peers=FASTEST + OTHERS, targets=SMALL_TARGET),
    Row(
        "128b-64-logged",
        "128 B answers, 64 connections, every request logged as JSON",
        logging=True,
        peers=FASTEST + OTHERS,
        targets=SMALL_TARGET,
    ),
    Row("128b-256", "128 B answers, 256 connections", connections=256, targets=SMALL_TARGET),
    Row("16k-64", "16 KiB answers, 64 connections", body=16 * KIB, targets=MEDIUM_TARGET),
    Row("16k-256", "16 KiB answers, 256 connections", body=16 * KIB, connections=256, targets=MEDIUM_TARGET),
    Row("1m-64", "1 MiB answers, 64 connections", body=MIB, peers=(*FASTEST, SPLICE), targets=LARGE_TARGETS),
    Row(
        "fresh-64",
        "128 B answers, each on a new connection, 64 at a time",
        fresh=True,
        targets=(Target(FASTEST, must=1.05, aim=0.95),),
    ),
    Row(
        "idle",
        "kB of memory for an idle keep-alive connection",
        kind="memory",
        peers=FASTEST + OTHERS,
        targets=(Target((), must=2.0, aim=1.2),),
    ),
    Row("latency", "Latency of 128 B answers, 64 connections", kind="latency"),
)


def chosen(names: Sequence[str]) -> list[Row]:
    """The rows of these names, in the order of the table; all without a name."""
    unknown = set(names) - {row.name for row in ROWS}
    if unknown:
        known = ", ".join(row.name for row in ROWS)
        raise SystemExit(f"no such row: {', '.join(sorted(unknown))}; there are {known}")
    return [row for row in ROWS if not names or row.name in names]
