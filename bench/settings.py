"""What a run may be told, from the environment: a longer run is a better one, never a different one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent


@dataclass(frozen=True)
class Settings:
    """How long, how often, on which CPUs, and which part of the whole."""

    rounds: int = 7
    seconds: int = 3
    warm_up: int = 1
    idle_connections: int = 2000
    proxy_cpu: int = 0
    load_cpu: int = 1
    rows: tuple[str, ...] = ()
    """Names of rows; none are all of them."""
    products: tuple[str, ...] = ()
    """Names of products besides ours; none are all that are installed."""

    @staticmethod
    def from_environment(environment: Mapping[str, str] = os.environ) -> Settings:
        """`BENCH_ROUNDS`, `BENCH_SECONDS`, `BENCH_ROWS` and so on, lists separated by spaces or commas."""

        def number(name: str, default: int) -> int:
            return int(environment.get(f"BENCH_{name}") or default)

        def words(name: str) -> tuple[str, ...]:
            return tuple(environment.get(f"BENCH_{name}", "").replace(",", " ").split())

        return Settings(
            rounds=number("ROUNDS", Settings.rounds),
            seconds=number("SECONDS", Settings.seconds),
            idle_connections=number("IDLE_CONNECTIONS", Settings.idle_connections),
            proxy_cpu=number("PROXY_CPU", Settings.proxy_cpu),
            load_cpu=number("LOAD_CPU", Settings.load_cpu),
            rows=words("ROWS"),
            products=words("PRODUCTS"),
        )

    @property
    def is_shortened(self) -> bool:
        """Whether it says less than a run must to be kept."""
        return (
            self.rounds < Settings.rounds
            or self.seconds < Settings.seconds
            or self.idle_connections < Settings.idle_connections
            or bool(self.products)
        )

    def check_cpus(self) -> None:
        """Raises unless proxy and load have a CPU each."""
        allowed = os.sched_getaffinity(0)
        if self.proxy_cpu == self.load_cpu or not {self.proxy_cpu, self.load_cpu} <= allowed:
            raise SystemExit("proxy and load need a CPU each: set BENCH_PROXY_CPU and BENCH_LOAD_CPU")
