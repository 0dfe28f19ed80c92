"""Processes under measurement: started on one CPU, accounted for with all they start, and ended."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PATIENCE = 20.0


def parents() -> dict[int, int]:
    """Parent of every process."""
    found = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdecimal() and (fields := stat(int(entry.name))) is not None:
            found[int(entry.name)] = int(fields[1])
    return found


def stat(pid: int) -> list[str] | None:
    """Fields of proc_pid_stat(5) from the state on, None for a process that has gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name stands in parentheses, and may contain some.
    return text[text.rindex(")") + 2 :].split()


class Process:
    """A program and whatever it starts."""

    def __init__(
        self, argv: Sequence[str], *, cpu: int, output: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.output = output
        with output.open("wb") as sink:
            self._popen = subprocess.Popen(
                ["taskset", "--cpu-list", str(cpu), *argv],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env=dict(environment) if environment else None,
                start_new_session=True,
            )

    def tree(self) -> list[int]:
        """The program and everything below it."""
        above = parents()
        members = {self._popen.pid}
        while new := {pid for pid, parent in above.items() if parent in members} - members:
            members |= new
        return sorted(members)

    def cpu_seconds(self) -> float:
        """User and system time of the tree so far, of children that have ended too."""
        ticks = 0
        for pid in self.tree():
            fields = stat(pid)
            if fields is not None:
                ticks += sum(map(int, fields[11:13]))
                ticks += sum(map(int, fields[13:15]))
        return ticks / TICKS

    def proportional_bytes(self) -> int:
        """Proportional set size of the tree: what is shared counts once."""
        total = 0
        for pid in self.tree():
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
        return total

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        """Raises with the program's output if it ends, or is not there in time."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if self._popen.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{what}: no, and it said:\n{self.output.read_text(errors='replace')}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Ends the tree at once: nothing of it is measured any more."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait()


def free_port() -> int:
    """A port that nobody has at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(port: int) -> bool:
    """Whether somebody listens."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def allow_descriptors() -> None:
    """Raises the soft limit to what thousands of connections take; products inherit it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65536 if hard == resource.RLIM_INFINITY else min(65536, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
