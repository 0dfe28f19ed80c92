"""CPU per request: products take turns, A B C A B C, each freshly started for its turn, so that a machine
that warms up or is busy for a while is nobody's advantage."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench import figures
from bench.load import Load, Origin, Seen, ask
from bench.products import Job, Product
from bench.rows import Row
from bench.settings import Settings


@dataclass(frozen=True)
class Round:
    """One turn of one product."""

    cpu_us_per_request: float
    requests_per_second: float
    busy: float
    """Share of its CPU that the product used."""
    upstream_connections: int
    """Opened meanwhile: with connections that are kept, few."""


@dataclass
class Series:
    """All turns of one product."""

    name: str
    rounds: list[Round] = field(default_factory=list)

    @property
    def figures(self) -> list[float]:
        """CPU microseconds per request."""
        return [turn.cpu_us_per_request for turn in self.rounds]

    @property
    def median(self) -> float:
        """CPU microseconds per request."""
        return median(self.figures)

    @property
    def spread(self) -> tuple[float, float]:
        """Least and most."""
        return min(self.figures), max(self.figures)


def check(load: Load, seen: Seen, row: Row) -> None:
    """Raises if what the origin counted is not what the client counted. When the time is over a request is
    under way on every connection, which the origin has seen and the client does not count."""
    uncounted = seen.requests - load.requests
    if not 0 <= uncounted <= 2 * row.connections:
        raise RuntimeError(f"the client counts {load.requests} requests, the origin {seen.requests}")
    # Those that were under way when the warm-up ended have lost their connections.
    if seen.connections > 2 * row.connections + load.requests * 0.01:
        raise RuntimeError(f"{seen.connections} upstream connections for {load.requests} requests: not kept")


def one_round(product: Product, job: Job, origin: Origin, settings: Settings) -> Round:
    """Start, warm up, measure, stop."""
    with product.running(job) as running:
        ask(running.port, job.row, settings.warm_up, settings)
        seen, used = origin.seen(), running.process.cpu_seconds()
        load = ask(running.port, job.row, settings.seconds, settings)
        used = running.process.cpu_seconds() - used
        counted = origin.between(seen, origin.seen())
    check(load, counted, job.row)
    return Round(
        cpu_us_per_request=used * 1e6 / load.requests,
        requests_per_second=load.requests / load.seconds,
        busy=used / load.seconds,
        upstream_connections=counted.connections,
    )


def alternate(
    entries: list[tuple[str, Product]], job: Job, origin: Origin, rounds: int, settings: Settings
) -> list[Series]:
    """Every entry once a round; an entry is a name and a product, so that one product can meet itself."""
    series = [Series(name) for name, _ in entries]
    for number in range(rounds):
        for one, (name, product) in zip(series, entries, strict=True):
            turn = one_round(product, job, origin, settings)
            one.rounds.append(turn)
            print(
                f"  round {number + 1} {name}: {turn.cpu_us_per_request:.2f} µs/request, "
                f"{turn.busy:.0%} busy",
                flush=True,
            )
    return series


def against_itself(
    product: Product, job: Job, origin: Origin, settings: Settings
) -> tuple[list[Series], float]:
    """The same product as two: how much the machine alone makes of a difference."""
    names = [f"{product.name} A", f"{product.name} A again"]
    rounds = min(settings.rounds, 3)
    series = alternate([(name, product) for name in names], job, origin, rounds, settings)
    first, again = series
    return series, figures.drift(first.figures, again.figures)


def work_folder(root: Path) -> Path:
    """Where configurations and logs of a run stand; logs of the last run are gone."""
    folder = root / "build" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.log"):
        old.unlink()
    return folder
