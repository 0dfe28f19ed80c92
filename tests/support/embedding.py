"""Programs of other people with a gateway in them, each in an interpreter of its own, and how they ended."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from .waiting import DEADLINE, eventually

# Registered before anything else, so that it runs after everything else that runs when an interpreter ends.
_PRELUDE: Final = '''
import asyncio, atexit, gc, os, select, signal, sys, threading, time

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())

def engine_threads():
    names = []
    for task in os.listdir("/proc/self/task"):
        try:
            names.append(open(f"/proc/self/task/{task}/comm").read().strip())
        except OSError:
            pass
    return [name for name in names if name.startswith("eg-")]

def gone(probe=engine_threads, patience=5.0):
    """What is left of it; the kernel takes a moment to forget a thread that was joined."""
    until = time.monotonic() + patience
    while probe() and time.monotonic() < until:
        time.sleep(0.01)
    return probe()

process = os.getpid()
atexit.register(lambda: say("threads left:", gone()) if os.getpid() == process else None)

from expressgateway import Config, EngineError, Gateway

def config(upstream=None, bind="127.0.0.1:0", check=True, **more):
    pool = {"endpoints": [upstream or sys.argv[1]]}
    if check:
        pool["check"] = {"type": "tcp", "interval": "50ms", "timeout": "1s"}
    return Config.model_validate({
        "runtime": {"workers": 2, "readiness_settle": "0s", "drain_timeout": "5s"},
        "admin": {"bind": "127.0.0.1:0"},
        "logs": {"access": {"path": "none"}},
        "listeners": {"web": {"protocol": "http", "bind": bind, "default_pool": "app"}},
        "pools": {"app": pool},
        **more,
    })

def ready(gateway):
    say("ready", gateway.addresses["web"][0], gateway.admin_address)

def wait():
    """Until the test says that it may go on."""
    sys.stdin.readline()
'''


class Program:
    """A program that begins where the prelude ends. What it says is kept in `folder`."""

    def __init__(self, folder: Path, text: str, *arguments: str) -> None:
        self._folder = folder
        script = folder / "program.py"
        script.write_text(_PRELUDE + text)
        with (folder / "said").open("wb") as said, (folder / "complained").open("wb") as complained:
            self._process = subprocess.Popen(
                [sys.executable, "-X", "faulthandler", script, *arguments],
                stdin=subprocess.PIPE,
                stdout=said,
                stderr=complained,
                bufsize=0,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait(DEADLINE)
        assert self._process.stdin
        self._process.stdin.close()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def said(self) -> list[str]:
        """Whole lines so far."""
        return (self._folder / "said").read_text().split("\n")[:-1]

    def complained(self) -> str:
        """Its standard error."""
        return (self._folder / "complained").read_text(errors="replace")

    def line(self, begin: str) -> str:
        """The rest of the one line that begins so, once it is there."""

        def found() -> list[str]:
            over = self._process.poll()
            lines = [line for line in self.said() if line.startswith(begin)]
            if not lines and over is not None:
                raise RuntimeError(f"it ended with {over}: {self.said()}\n{self.complained()}")
            return lines

        (line,) = eventually(found, f"a line that begins with {begin!r}")
        return line.removeprefix(begin).strip()

    def places(self, word: str = "ready") -> list[tuple[str, int]]:
        """Where its gateway is: the listener ``web`` and the admin address."""
        places = [place.rpartition(":") for place in self.line(word).split()]
        return [(host, int(port)) for host, _, port in places]

    def go_on(self) -> None:
        """Let it pass its next `wait`."""
        assert self._process.stdin
        self._process.stdin.write(b"\n")

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def ended(self, deadline: float = DEADLINE) -> int:
        """Its exit status, once it has ended without a trace of violence and joined every thread."""
        status = self._process.wait(deadline)
        complaint = self.complained()
        assert "Fatal Python error" not in complaint, complaint
        assert "panicked" not in complaint, complaint
        assert self.said()[-1:] == ["threads left: []"], f"{self.said()}\n{complaint}"
        return status
