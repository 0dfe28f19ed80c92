"""CPU per request: products take turns, A B C A B C, each freshly started for its turn, so that a machine
that warms up or is busy for a while is nobody's advantage."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench.load import wrk
from bench.products import Job, Product
from bench.settings import Settings

# Two runs of one product that differ by more than this say that the machine cannot tell products apart.
TOLERANCE = 0.05


@dataclass(frozen=True)
class Round:
    """One turn of one product."""

    cpu_us_per_request: float
    requests_per_second: float
    busy: float
    """Share of its CPU that the product used."""


@dataclass
class Series:
    """All turns of one product."""

    name: str
    rounds: list[Round] = field(default_factory=list)

    @property
    def median(self) -> float:
        """CPU microseconds per request."""
        return median(turn.cpu_us_per_request for turn in self.rounds)

    @property
    def spread(self) -> tuple[float, float]:
        """Least and most."""
        figures = [turn.cpu_us_per_request for turn in self.rounds]
        return min(figures), max(figures)


def one_round(product: Product, job: Job, settings: Settings) -> Round:
    """Start, warm up, measure, stop."""
    with product.running(job) as running:
        wrk(running.port, settings.warm_up, settings)
        before = running.process.cpu_seconds()
        load = wrk(running.port, settings.seconds, settings)
        used = running.process.cpu_seconds() - before
    return Round(
        cpu_us_per_request=used * 1e6 / load.requests,
        requests_per_second=load.requests / load.seconds,
        busy=used / load.seconds,
    )


def alternate(entries: list[tuple[str, Product]], job: Job, rounds: int, settings: Settings) -> list[Series]:
    """Every entry once a round; an entry is a name and a product, so that one product can meet itself."""
    series = [Series(name) for name, _ in entries]
    for number in range(rounds):
        for row, (name, product) in zip(series, entries, strict=True):
            turn = one_round(product, job, settings)
            row.rounds.append(turn)
            print(f"  round {number + 1} {name}: {turn.cpu_us_per_request:.2f} µs/request", flush=True)
    return series


def against_itself(product: Product, job: Job, settings: Settings) -> tuple[list[Series], float]:
    """The same product as two: how much the machine alone makes of a difference."""
    names = [f"{product.name} A", f"{product.name} A again"]
    series = alternate([(name, product) for name in names], job, max(3, settings.rounds // 2), settings)
    first, again = (row.median for row in series)
    return series, abs(first - again) / min(first, again)


def work_folder(root: Path) -> Path:
    """Where configurations and logs of a run stand; logs of the last run are gone."""
    folder = root / "build" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.log"):
        old.unlink()
    return folder
