"""Load, and what it loads: one request at a time on each connection, and an nginx that answers so much.

wrk asks, but for large bodies: it reads them in small pieces, and would be what is measured. For those there
is the generator, which asks as wrk does and has the kernel drop what comes.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench import programs
from bench.processes import Process, answers, free_port
from bench.products import fill
from bench.rows import MIB, ROWS, SMALL, Row
from bench.settings import HERE, ROOT, Settings

# Text as it could be anywhere; what it says does not matter, how much of it there is does.
TEXT = "ExpressGateway measures: so many bytes of text, no more, as one might answer. "


def body(size: int) -> str:
    """What the origin answers to `/size`."""
    return (TEXT * (size // len(TEXT) + 1))[:size]


@dataclass(frozen=True)
class Load:
    """What was asked and answered."""

    requests: int
    seconds: float


@dataclass(frozen=True)
class Seen:
    """What the origin has seen."""

    connections: int
    requests: int


def read_wrk(said: str) -> Load:
    """Raises if a request failed."""
    if "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(f"not every request was answered:\n{said}")
    counted = re.search(r"(\d+) requests in ([\d.]+)(ms|s|m)\b", said)
    if counted is None:
        raise RuntimeError(f"wrk said something new:\n{said}")
    unit = {"ms": 0.001, "s": 1.0, "m": 60.0}[counted[3]]
    return Load(int(counted[1]), float(counted[2]) * unit)


def ask(port: int, row: Row, seconds: int, settings: Settings) -> Load:
    """Requests on as many connections as the row says, each as soon as the last is answered."""
    if row.body < MIB:
        return wrk(port, row, seconds, settings)
    said = generate(["closed", str(port), f"/{row.body}", str(row.connections), str(seconds)], settings)
    return Load(**json.loads(said))


def wrk(port: int, row: Row, seconds: int, settings: Settings) -> Load:
    """The same, by wrk."""
    # wrk connects again when an answer says that the connection ends, which answers do when asked to.
    ends = ("-H", "Connection: close") if row.fresh else ()
    said = subprocess.run(
        [
            *("taskset", "--cpu-list", str(settings.load_cpu)),
            *("wrk", "-t1", f"-c{row.connections}", f"-d{seconds}s", "--timeout", "10s", *ends),
            f"http://127.0.0.1:{port}/{row.body}",
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=seconds + 30,
    ).stdout
    return read_wrk(said)


@cache
def generator() -> Path:
    """The program in generator/, built if need be."""
    asked = ["tools/where", "target"]
    cache = os.environ.get("CARGO_TARGET_DIR") or subprocess.check_output(asked, cwd=ROOT, text=True).strip()
    target = Path(cache) / "generator"
    subprocess.run(
        [
            "cargo",
            "build",
            "--locked",
            "--quiet",
            "--release",
            "--manifest-path",
            HERE / "generator/Cargo.toml",
        ],
        env={**os.environ, "CARGO_TARGET_DIR": str(target)},
        cwd=ROOT,
        check=True,
    )
    return target / "release" / "generator"


def generate(arguments: Sequence[str], settings: Settings) -> str:
    """What the generator says. Raises if not every request was answered."""
    ran = subprocess.run(
        ["taskset", "--cpu-list", str(settings.load_cpu), str(generator()), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if ran.returncode != 0:
        raise RuntimeError(f"the generator: {ran.stderr}")
    return ran.stdout


def read_status(said: str) -> Seen:
    """nginx's stub_status: connections accepted, connections handled, requests."""
    counted = re.search(r"^ (\d+) \d+ (\d+) $", said, re.MULTILINE)
    if counted is None:
        raise RuntimeError(f"the origin said something new:\n{said}")
    return Seen(int(counted[1]), int(counted[2]))


@dataclass(frozen=True)
class Origin:
    """The upstream of every product."""

    port: int
    log: Path

    def seen(self) -> Seen:
        """So far, without those that asked for this."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/status", timeout=10) as answer:
            return read_status(answer.read().decode())

    @staticmethod
    def between(before: Seen, after: Seen) -> Seen:
        """What came between two looks, the second look not counted."""
        return Seen(after.connections - before.connections - 1, after.requests - before.requests - 1)


@contextmanager
def origin(folder: Path, settings: Settings) -> Iterator[Origin]:
    """Runs it."""
    program = programs.find("nginx")
    if program is None:
        raise SystemExit("missing: nginx; `make peers` as root installs it")
    files = folder / "origin"
    files.mkdir(parents=True, exist_ok=True)
    for size in {row.body for row in ROWS} - {SMALL}:
        (files / str(size)).write_text(body(size))
    port = free_port()
    configuration = folder / "origin.conf"
    values = {"port": str(port), "folder": str(folder), "size": str(SMALL), "body": body(SMALL)}
    configuration.write_text(fill(HERE / "peers" / "origin.conf", values))
    process = Process(
        [*program.argv, "-e", str(folder / "origin.error"), "-c", str(configuration)],
        cpu=settings.load_cpu,
        output=folder / "origin.out",
    )
    try:
        process.wait_until(lambda: answers(port), "the origin listens")
        yield Origin(port, folder / "origin.error")
    finally:
        process.stop()
