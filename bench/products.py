"""The products: how each is found, told what to do, and started. Their configurations stand in peers/."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.processes import Process, answers, free_port
from bench.settings import HERE, ROOT


@dataclass(frozen=True)
class Job:
    """What a product is to do: forward to a port, log or not, on a CPU."""

    origin: int
    logging: bool
    cpu: int
    folder: Path


@dataclass(frozen=True)
class Running:
    """A product that serves."""

    process: Process
    port: int


class Product(ABC):
    """One product, in the version that is installed."""

    name: str
    configuration: str

    @abstractmethod
    def version(self) -> str | None:
        """None if it is not installed."""

    @abstractmethod
    def command(self, configuration: Path) -> list[str]:
        """How it is started in the foreground."""

    @abstractmethod
    def log(self, job: Job) -> dict[str, str]:
        """Values of the configuration that depend on whether it logs."""

    def environment(self) -> dict[str, str] | None:
        """What it needs besides its command."""
        return None

    @contextmanager
    def running(self, job: Job) -> Iterator[Running]:
        """Starts it, and ends it afterwards."""
        job.folder.mkdir(parents=True, exist_ok=True)
        port = free_port()
        values = {"port": str(port), "origin": str(job.origin), "folder": str(job.folder), **self.log(job)}
        configuration = job.folder / self.configuration
        configuration.write_text(fill(HERE / "peers" / self.configuration, values))
        process = Process(
            self.command(configuration),
            cpu=job.cpu,
            output=job.folder / f"{self.name}.out",
            environment=self.environment(),
        )
        try:
            process.wait_until(lambda: answers(port), f"{self.name} listens")
            yield Running(process, port)
        finally:
            process.stop()


def fill(template: Path, values: dict[str, str]) -> str:
    """A template with each `@name@` replaced; one that has no value is a mistake."""
    return re.sub(r"@(\w+)@", lambda found: values[found[1]], template.read_text())


def first_line(argv: list[str], pattern: str) -> str | None:
    """What a program says about its version, None without the program."""
    if shutil.which(argv[0]) is None:
        return None
    said = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=20)
    found = re.search(pattern, said.stdout + said.stderr)
    return found[1] if found else None


class ExpressGateway(Product):
    """Ours, with the engine that wheels carry."""

    name = "expressgateway"
    configuration = "expressgateway.toml"
    package = ROOT / "build" / "dist"
    python = str(ROOT / ".venv" / "bin" / "python")

    def environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(self.package)}

    def version(self) -> str | None:
        if not (self.package / "expressgateway").exists() or not Path(self.python).exists():
            return None
        said = subprocess.run(
            [self.python, "-m", "expressgateway", "version", "--json"],
            env=self.environment(),
            capture_output=True,
            text=True,
            check=True,
            timeout=20,
        )
        facts = json.loads(said.stdout)
        return f"{facts['version']} ({self.package.name})"

    def command(self, configuration: Path) -> list[str]:
        return [self.python, "-m", "expressgateway", "run", str(configuration)]

    def log(self, job: Job) -> dict[str, str]:
        return {"log": str(job.folder / "expressgateway.log") if job.logging else "none"}


class Nginx(Product):
    """nginx, one worker."""

    name = "nginx"
    configuration = "nginx.conf"

    def version(self) -> str | None:
        return first_line(["nginx", "-v"], r"nginx/(\S+)")

    def command(self, configuration: Path) -> list[str]:
        return ["nginx", "-e", str(configuration.parent / "nginx.error"), "-c", str(configuration)]

    def log(self, job: Job) -> dict[str, str]:
        target = f"{job.folder}/nginx.log json buffer=64k flush=1s" if job.logging else "off"
        return {"log": target}


class Haproxy(Product):
    """HAProxy, one thread."""

    name = "haproxy"
    configuration = "haproxy.cfg"

    def version(self) -> str | None:
        return first_line(["haproxy", "-v"], r"version (\S+)")

    def command(self, configuration: Path) -> list[str]:
        return ["haproxy", "-db", "-f", str(configuration)]

    def log(self, job: Job) -> dict[str, str]:
        return {"log": "log ring@access format raw local0 info" if job.logging else "no log"}


class Envoy(Product):
    """Envoy, one worker thread."""

    name = "envoy"
    configuration = "envoy.yaml"

    def program(self) -> str | None:
        """The program inside the wheel that `make peers` installs, else the one on PATH."""
        wheel = ROOT / "build" / "peers"
        inside = [path for path in wheel.glob("**/envoy") if path.is_file() and os.access(path, os.X_OK)]
        # The console script of that name is Python: it would start another process to be the program.
        compiled = [str(path) for path in inside if path.open("rb").read(4) == b"\x7fELF"]
        return compiled[0] if compiled else shutil.which("envoy")

    def version(self) -> str | None:
        program = self.program()
        return first_line([program, "--version"], r"version: \w+/([\d.]+)/") if program else None

    def command(self, configuration: Path) -> list[str]:
        return [str(self.program()), "-c", str(configuration), "--concurrency", "1", "--log-level", "error"]

    def log(self, job: Job) -> dict[str, str]:
        return {"log": str(job.folder / "envoy.log"), "log_filter": LOG_ALL if job.logging else LOG_NONE}


# Envoy has no switch for a logger: it logs what its filter lets through.
LOG_ALL = "status_code_filter: {comparison: {op: GE, value: {default_value: 0, runtime_key: none}}}"
LOG_NONE = "status_code_filter: {comparison: {op: GE, value: {default_value: 1000, runtime_key: none}}}"

PRODUCTS: tuple[Callable[[], Product], ...] = (ExpressGateway, Nginx, Haproxy, Envoy)


def installed() -> list[tuple[Product, str]]:
    """Products that are here, with their versions; ours first."""
    found = [(product, product.version()) for product in (make() for make in PRODUCTS)]
    return [(product, version) for product, version in found if version is not None]
