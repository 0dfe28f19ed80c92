"""Latency at rates that do not depend on the answers: requests come when they are due, and one that waits for
its connection has been waiting since then. Rates are shares of what the slower product can do."""

from __future__ import annotations

import json
from dataclasses import dataclass
from statistics import median

from bench.load import Origin, ask, generate
from bench.products import Job, Product
from bench.settings import Settings

SHARES = (0.3, 0.6)


@dataclass(frozen=True)
class Delay:
    """Microseconds, of one turn of one product at one rate."""

    p50: float
    p99: float
    p999: float
    most: float
    late_p50: float
    """How long after it was due a request left the generator, or was put in line by it."""
    late_p99: float


@dataclass(frozen=True)
class Delays:
    """All turns of one product at one rate."""

    name: str
    share: float
    rate: float
    rounds: list[Delay]

    def median(self, name: str) -> float:
        """Of one of the figures of all turns."""
        return median(float(getattr(turn, name)) for turn in self.rounds)


def saturation(products: list[Product], job: Job, settings: Settings) -> dict[str, float]:
    """Requests per second of each when all connections always ask."""
    found = {}
    for product in products:
        with product.running(job) as running:
            ask(running.port, job.row, settings.warm_up, settings)
            load = ask(running.port, job.row, settings.seconds, settings)
        found[product.name] = load.requests / load.seconds
        print(f"  {product.name}: at most {found[product.name]:,.0f} requests/s", flush=True)
    return found


def alternate(
    products: list[Product], job: Job, origin: Origin, settings: Settings
) -> tuple[dict[str, float], list[Delays]]:
    """What each can do at most, and every product once a round at each rate."""
    most = saturation(products, job, settings)
    delays = [
        Delays(product.name, share, share * min(most.values()), [])
        for share in SHARES
        for product in products
    ]
    by_name = {product.name: product for product in products}
    for number in range(settings.rounds):
        for one in delays:
            turn = measure(by_name[one.name], job, one.rate, origin, settings)
            one.rounds.append(turn)
            print(
                f"  round {number + 1} {one.name} at {one.share:.0%}: "
                f"p50 {turn.p50:,.0f}, p99 {turn.p99:,.0f}, p99.9 {turn.p999:,.0f} µs",
                flush=True,
            )
    return most, delays


def measure(product: Product, job: Job, rate: float, origin: Origin, settings: Settings) -> Delay:
    """Start, warm up at the rate, measure, stop. Raises if the origin did not see every request."""
    with product.running(job) as running:
        send(running.port, job, rate, settings.warm_up, settings)
        before = origin.seen()
        delay = send(running.port, job, rate, settings.seconds, settings)
        seen = origin.between(before, origin.seen())
    if seen.requests != int(rate * settings.seconds):
        raise RuntimeError(
            f"{int(rate * settings.seconds)} requests were sent, the origin saw {seen.requests}"
        )
    return delay


def send(port: int, job: Job, rate: float, seconds: int, settings: Settings) -> Delay:
    """Requests at a rate."""
    asked = [str(port), f"/{job.row.body}", str(job.row.connections), str(rate), str(int(rate * seconds))]
    return Delay(**json.loads(generate(["open", *asked], settings)))
