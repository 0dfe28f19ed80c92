"""A gateway in a process of its own, as an operator runs it: a file, a ready file, signals, logs."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from .waiting import DEADLINE, eventually

_SAMPLE: Final = re.compile(
    r"^expressgateway_(?P<name>\w+)(?:\{(?P<labels>[^}]*)\})? (?P<value>\S+)$", re.MULTILINE
)

COMMAND: Final = (sys.executable, "-m", "expressgateway")


def run_command(
    *arguments: str | Path, cwd: Path | None = None, deadline: float = DEADLINE
) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=deadline,
        check=False,
        stdin=subprocess.DEVNULL,
    )


class RunningGateway:
    """``expressgateway run`` on a configuration of its own in `folder`.

    `[admin]`, short drain times and the access log are added unless the text names them.
    """

    def __init__(
        self,
        folder: Path,
        text: str,
        *,
        environment: dict[str, str] | None = None,
        stdout: int = subprocess.DEVNULL,
    ) -> None:
        self.folder = folder
        self.file = folder / "gateway.toml"
        self.access_log = folder / "access.log"
        self.configure(text)
        self._ready = folder / "ready.json"
        with (folder / "stderr.txt").open("wb") as stderr:
            self.process = subprocess.Popen(
                [*COMMAND, "run", str(self.file), "--ready-file", str(self._ready)],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )
        self.facts: dict[str, Any] = {}

    def configure(self, text: str) -> None:
        """Write another configuration; SIGHUP makes it count."""
        added = ""
        if "[admin]" not in text:
            added += '[admin]\nbind = "127.0.0.1:0"\n'
        if "[runtime]" not in text:
            added += '[runtime]\nworkers = 2\ndrain_timeout = "5s"\nreadiness_settle = "0s"\n'
        if "[logs" not in text:
            added += f'[logs.access]\npath = "{self.access_log}"\n'
        # Renamed into place: a reload that is under way reads one file or the other.
        unfinished = self.file.with_suffix(".unfinished")
        unfinished.write_text(added + text)
        unfinished.replace(self.file)

    def __enter__(self) -> Self:
        try:
            eventually(self._is_ready, f"the gateway is ready; it said:\n{self.said()}")
        except BaseException:
            self.kill()
            raise
        self.facts = json.loads(self._ready.read_text())
        return self

    def _is_ready(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(f"the gateway ended with {self.process.returncode}:\n{self.said()}")
        return self._ready.exists()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
        assert "panicked" not in self.said() or "provoked by a request" in self.said(), self.said()

    def kill(self) -> None:
        """End it without a chance to say anything."""
        self.process.kill()
        self.process.wait()

    # --- where it is -------------------------------------------------------------------------------------

    def address(self, listener: str = "web", which: int = 0) -> tuple[str, int]:
        """Host and port of a listener."""
        host, _, port = self.facts["listeners"][listener][which].rpartition(":")
        return host.strip("[]"), int(port)

    def url(self, path: str = "/", listener: str = "web") -> str:
        """A URL of a listener."""
        host, port = self.address(listener)
        return f"http://{f'[{host}]' if ':' in host else host}:{port}{path}"

    @property
    def admin(self) -> str:
        """The admin address, as a URL."""
        return str(self.facts["admin"])

    # --- what it says ------------------------------------------------------------------------------------

    def said(self) -> str:
        """Its own log so far."""
        return (self.folder / "stderr.txt").read_text(errors="replace")

    def ask(self, path: str) -> tuple[int, str]:
        """Status and body of an admin path."""
        host, _, port = self.admin.removeprefix("http://").rpartition(":")
        connection = HTTPConnection(host, int(port), timeout=DEADLINE)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def status(self) -> dict[str, Any]:
        """What ``/api/v1/status`` says."""
        code, body = self.ask("/api/v1/status")
        assert code == 200
        status: dict[str, Any] = json.loads(body)
        return status

    def metric(self, name: str, **labels: str) -> float:
        """The sum of all samples of a metric that have these labels."""
        total = 0.0
        for sample in _SAMPLE.finditer(self.ask("/metrics")[1]):
            if sample["name"] == name:
                found = dict(re.findall(r'(\w+)="((?:\\.|[^"\\])*)"', sample["labels"] or ""))
                if labels.items() <= found.items():
                    total += float(sample["value"])
        return total

    def records(self) -> list[dict[str, Any]]:
        """The access log so far."""
        if not self.access_log.exists():
            return []
        return [json.loads(line) for line in self.access_log.read_text().splitlines()]

    def record(self, **expected: object) -> dict[str, Any]:
        """The one record with these values, once it is there."""

        def found() -> list[dict[str, Any]]:
            return [record for record in self.records() if expected.items() <= record.items()]

        records = eventually(found, f"a record with {expected}")
        assert len(records) == 1, records
        return records[0]

    # --- what it is told ---------------------------------------------------------------------------------

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def reload(self, text: str | None = None) -> int:
        """Apply another configuration by SIGHUP, and return its generation once it is served."""
        before = self.status()["generation"]
        if text is not None:
            self.configure(text)
        self.signal(signal.SIGHUP)
        eventually(lambda: self.status()["generation"] > before, "the reload")
        generation: int = self.status()["generation"]
        return generation

    def ended(self, deadline: float = DEADLINE) -> int:
        """Its exit status, once it has ended."""
        return self.process.wait(deadline)


def simple(endpoints: Sequence[str], *, listener: str = "", pool: str = "", more: str = "") -> str:
    """A configuration with one listener, ``web``, and one pool, ``app``, with keys added to each."""
    listed = ", ".join(f'"{endpoint}"' for endpoint in endpoints)
    return (
        f'[listeners.web]\nprotocol = "http"\nbind = "127.0.0.1:0"\ndefault_pool = "app"\n{listener}\n'
        f"[pools.app]\nendpoints = [{listed}]\n{pool}\n{more}\n"
    )
