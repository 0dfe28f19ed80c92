"""The products: how each is found, told what to do, and started. Their configurations stand in peers/."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import programs
from bench.processes import Process, answers, free_port
from bench.rows import KIB, MIB, OURS, SPLICE, Row
from bench.settings import HERE, ROOT


@dataclass(frozen=True)
class Job:
    """What a product is to do: the work of a row, forwarded to a port, on a CPU."""

    row: Row
    origin: int
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
    def options(self, row: Row, log: Path) -> dict[str, str]:
        """Values of its configuration that depend on the work."""

    def environment(self) -> dict[str, str] | None:
        """What it needs besides its command."""
        return None

    def log(self, folder: Path) -> Path:
        """Where it logs requests, if it does."""
        return folder / f"{self.name}.log"

    def logged(self, folder: Path) -> list[str]:
        """The lines it has logged."""
        log = self.log(folder)
        return log.read_text().splitlines() if log.exists() else []

    @contextmanager
    def running(self, job: Job) -> Iterator[Running]:
        """Starts it, and ends it afterwards."""
        job.folder.mkdir(parents=True, exist_ok=True)
        log = self.log(job.folder)
        log.unlink(missing_ok=True)
        port = free_port()
        values = {"port": str(port), "origin": str(job.origin), "folder": str(job.folder)}
        configuration = job.folder / self.configuration
        configuration.write_text(
            fill(HERE / "peers" / self.configuration, values | self.options(job.row, log))
        )
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


class ExpressGateway(Product):
    """Ours, with the engine that wheels carry."""

    name = OURS
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

    def options(self, row: Row, log: Path) -> dict[str, str]:
        return {"log": str(log) if row.logging else "none"}


class Nginx(Product):
    """nginx, one worker."""

    name = "nginx"
    configuration = "nginx.conf"

    def version(self) -> str | None:
        return programs.version("nginx", r"nginx/(\S+)")

    def command(self, configuration: Path) -> list[str]:
        program = programs.find("nginx")
        assert program is not None
        return [*program.argv, "-e", str(configuration.parent / "nginx.error"), "-c", str(configuration)]

    def options(self, row: Row, log: Path) -> dict[str, str]:
        # By default nginx moves 4 kB at a time. For what fits a buffer, buffering costs as much as passing on
        # and is the default; for what does not, passing on through a large buffer costs least.
        buffers = ""
        if row.body >= MIB:
            buffers = f"proxy_buffering off; {nginx_buffers(256)}"
        elif row.body > 4 * KIB:
            buffers = nginx_buffers(32)
        return {"buffers": buffers, "log": f"{log} json buffer=64k flush=1s" if row.logging else "off"}


def nginx_buffers(kib: int) -> str:
    """Buffers of so many KiB; their number and the rest are what nginx asks to go with their size."""
    return f"proxy_buffer_size {kib}k; proxy_buffers 8 {kib}k; proxy_busy_buffers_size {2 * kib}k;"


class Haproxy(Product):
    """HAProxy, one thread."""

    name = "haproxy"
    configuration = "haproxy.cfg"
    splice = ""

    def version(self) -> str | None:
        return programs.version("haproxy", r"version (\d+\.\d+\.\d+)")

    def command(self, configuration: Path) -> list[str]:
        program = programs.find("haproxy")
        assert program is not None
        return [*program.argv, "-db", "-f", str(configuration)]

    def options(self, row: Row, log: Path) -> dict[str, str]:
        logs = "log ring@access format raw local0 info" if row.logging else "no log"
        # By default it is 16 KiB, in which a head and a reserve have to fit too. What is spliced is in none.
        size = 16 if row.body <= 4 * KIB or self.splice else 32 if row.body < MIB else 64
        return {
            "log": logs,
            "buffer": str(size * KIB),
            "splice": self.splice,
            "socket": str(self.socket(log.parent)),
        }

    @staticmethod
    def socket(folder: Path) -> Path:
        """Where it can be asked what its ring holds."""
        return folder / "haproxy.sock"

    def logged(self, folder: Path) -> list[str]:
        said = b""
        with socket.socket(socket.AF_UNIX) as asking:
            asking.connect(str(self.socket(folder)))
            asking.sendall(b"show events access\n")
            while part := asking.recv(65536):
                said += part
        return [line[line.index("{") :] for line in said.decode().splitlines() if "{" in line]


class HaproxySplice(Haproxy):
    """The same, which leaves the bytes of answers in the kernel."""

    name = SPLICE
    splice = "option splice-response"


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
        return programs.said([program, "--version"], r"version: \w+/([\d.]+)/") if program else None

    def command(self, configuration: Path) -> list[str]:
        return [
            str(self.program()),
            *("-c", str(configuration), "--concurrency", "1", "--log-level", "error"),
            # As often as the others write what they have collected.
            *("--file-flush-interval-msec", "1000"),
        ]

    def options(self, row: Row, log: Path) -> dict[str, str]:
        return {"log": str(log), "log_filter": LOG_ALL if row.logging else LOG_NONE}


# Envoy has no switch for a logger: it logs what its filter lets through.
LOG_ALL = "status_code_filter: {comparison: {op: GE, value: {default_value: 0, runtime_key: none}}}"
LOG_NONE = "status_code_filter: {comparison: {op: GE, value: {default_value: 1000, runtime_key: none}}}"


class Caddy(Product):
    """Caddy, one thread that runs Go."""

    name = "caddy"
    configuration = "Caddyfile"

    def program(self) -> str:
        """The one that `make peers` builds, else the one on PATH."""
        built = programs.folder() / "caddy"
        return str(built) if built.is_file() else "caddy"

    def environment(self) -> dict[str, str]:
        return {**os.environ, "GOMAXPROCS": "1"}

    def version(self) -> str | None:
        return programs.said([self.program(), "build-info"], r"mod\s+\S+/caddy/v2\s+v(\S+)")

    def command(self, configuration: Path) -> list[str]:
        return [self.program(), "run", "--adapter", "caddyfile", "--config", str(configuration)]

    def options(self, row: Row, log: Path) -> dict[str, str]:
        logging = fill(HERE / "peers" / "Caddyfile.access", {"log": str(log)})
        return {"logging": logging if row.logging else ""}


PRODUCTS: tuple[Callable[[], Product], ...] = (
    *(ExpressGateway, Nginx, Haproxy, HaproxySplice),
    *(Envoy, Caddy),
)


def installed(names: tuple[str, ...] = ()) -> list[tuple[Product, str]]:
    """Products that are here, with their versions; ours first. All, or ours and those of these names."""
    found = [(product, product.version()) for product in (make() for make in PRODUCTS)]
    return [
        (product, version)
        for product, version in found
        if version is not None and (not names or product.name in (OURS, *names))
    ]
