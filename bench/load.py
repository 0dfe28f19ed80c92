"""Load, and what it loads: wrk on keep-alive connections, and an nginx that answers 100 bytes."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.processes import Process, answers, free_port
from bench.products import fill
from bench.settings import HERE, Settings

BODY = "ExpressGateway measures: one hundred bytes of text, no more, as an API might answer a small question"
assert len(BODY) == 100


@dataclass(frozen=True)
class Load:
    """What wrk did."""

    requests: int
    seconds: float


def wrk(port: int, seconds: int, settings: Settings) -> Load:
    """Requests on keep-alive connections, each as soon as the last is answered. Raises if one failed."""
    said = subprocess.run(
        [
            *("taskset", "--cpu-list", str(settings.load_cpu)),
            *("wrk", "-t1", f"-c{settings.connections}", f"-d{seconds}s"),
            f"http://127.0.0.1:{port}/bench",
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=seconds + 30,
    ).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(f"not every request was answered:\n{said}")
    counted = re.search(r"(\d+) requests in ([\d.]+)(m?s)", said)
    if counted is None:
        raise RuntimeError(f"wrk said something new:\n{said}")
    return Load(int(counted[1]), float(counted[2]) / (1000 if counted[3] == "ms" else 1))


@contextmanager
def origin(folder: Path, settings: Settings) -> Iterator[int]:
    """The upstream; yields its port."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    configuration = folder / "origin.conf"
    values = {"port": str(port), "folder": str(folder), "body": BODY}
    configuration.write_text(fill(HERE / "peers" / "origin.conf", values))
    process = Process(
        ["nginx", "-e", str(folder / "origin.error"), "-c", str(configuration)],
        cpu=settings.load_cpu,
        output=folder / "origin.out",
    )
    try:
        process.wait_until(lambda: answers(port), "the origin listens")
        yield port
    finally:
        process.stop()
