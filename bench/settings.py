"""What a run may be told, from the environment: a longer run is a better one, never a different one."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent


@dataclass(frozen=True)
class Settings:
    """How long, how often, and on which CPUs."""

    rounds: int = 7
    seconds: int = 4
    warm_up: int = 1
    connections: int = 64
    idle_connections: int = 2000
    proxy_cpu: int = 0
    load_cpu: int = 1

    @staticmethod
    def from_environment() -> Settings:
        """`BENCH_ROUNDS`, `BENCH_SECONDS`, `BENCH_IDLE_CONNECTIONS`, `BENCH_PROXY_CPU`, `BENCH_LOAD_CPU`."""

        def number(name: str, default: int) -> int:
            return int(os.environ.get(f"BENCH_{name}") or default)

        settings = Settings(
            rounds=number("ROUNDS", Settings.rounds),
            seconds=number("SECONDS", Settings.seconds),
            idle_connections=number("IDLE_CONNECTIONS", Settings.idle_connections),
            proxy_cpu=number("PROXY_CPU", Settings.proxy_cpu),
            load_cpu=number("LOAD_CPU", Settings.load_cpu),
        )
        allowed = os.sched_getaffinity(0)
        if settings.proxy_cpu == settings.load_cpu or not {settings.proxy_cpu, settings.load_cpu} <= allowed:
            raise SystemExit("proxy and load need a CPU each: set BENCH_PROXY_CPU and BENCH_LOAD_CPU")
        return settings
