"""A terminal that follows a page: runs its commands as written, and keeps one server running beside them."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from .tree import ROOT

SERVES = re.compile(r"^(?:make run|\S*expressgateway (?:run|demo))\b")
URL = re.compile(r"http://[\w.:\[\]]+:(?P<port>\d+)")
# What a test run sets and a reader's terminal does not have.
OURS = ("PYTHONPATH", "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "PYTEST_CURRENT_TEST")


class Session:
    """Runs commands in a scratch folder that has the reader's files; those of `make` in the tree itself."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / ".venv").symlink_to(ROOT / ".venv")
        self.environment = {name: value for name, value in os.environ.items() if name not in OURS}
        self.server: subprocess.Popen[str] | None = None
        self.port = "8080"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.interrupt()

    def run(self, command: str, deadline: float) -> str:
        """Output of a command that ends, or that of a server until it says where it listens."""
        if SERVES.match(command):
            self.interrupt()
            self.server = self._start(command)
            return self._until_it_listens(self.server, deadline)
        # The page shows the port that is used when it is free.
        command = command.replace(":8080", f":{self.port}")
        process = self._start(command)
        try:
            output, _ = process.communicate(timeout=max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        assert process.returncode == 0, f"$ {command}\n{output}"
        return output

    def interrupt(self) -> None:
        """What Ctrl-C does in a terminal: everything that runs in front gets it, and ends."""
        if self.server is not None:
            os.killpg(self.server.pid, signal.SIGINT)
            try:
                self.server.wait(timeout=30)
            except subprocess.TimeoutExpired:
                os.killpg(self.server.pid, signal.SIGKILL)
                raise
            finally:
                if self.server.stdout is not None:
                    self.server.stdout.close()
            self.server = None

    def _start(self, command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["sh", "-c", command],
            cwd=ROOT if command.startswith("make ") else self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def _until_it_listens(self, server: subprocess.Popen[str], deadline: float) -> str:
        seen = read_until(server, lambda text: URL.search(text) is not None, deadline)
        found = URL.search(seen)
        assert found is not None, f"the server did not say where it listens:\n{seen}"
        self.port = found["port"]
        return seen


def read_until(process: subprocess.Popen[str], enough: Callable[[str], bool], deadline: float) -> str:
    """What a process printed until it is enough, the process ended, or time is up."""
    assert process.stdout is not None
    seen = ""
    while not enough(seen):
        ready, _, _ = select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))
        part = os.read(process.stdout.fileno(), 65536) if ready else b""
        if not part:
            break
        seen += part.decode(errors="replace")
    return seen
