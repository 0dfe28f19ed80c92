"""A client that behaves and the endpoint that it wants, in a process of their own: requests at a steady rate
whatever becomes of those before them, half of them on connections that are kept. What is measured begins when
a request was due, so that waiting counts."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.support.upstreams import OK
from tests.support.waiting import DEADLINE, eventually

RATE: Final = 200
"""Requests per second."""
_LANES: Final = 8
"""How many can be under way at once; those of even number keep their connection."""
_STRAIGHT: Final = 4
"""Lanes, at the same rate each, that go straight to the endpoint: what that takes is the machine's doing."""
_PATIENCE: Final = 5.0
_LINE: Final = 64
_REQUEST: Final = b"GET /bystander HTTP/1.1\r\nHost: gateway.test\r\n"
_ROOT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Seen:
    """What became of the requests that were due in some span of time. Latencies are in seconds."""

    latencies: Sequence[float]
    straight: Sequence[float]
    """Without the gateway, at the same time."""
    errors: Sequence[str]

    @property
    def p99(self) -> float:
        """A latency that nearly all requests are within."""
        return _quantile(self.latencies, 0.99)

    @property
    def straight_p99(self) -> float:
        """The same without the gateway."""
        return _quantile(self.straight, 0.99)

    def __str__(self) -> str:
        return (
            f"{len(self.latencies)} requests, p50 {_quantile(self.latencies, 0.5) * 1e3:.2f} ms, "
            f"p99 {self.p99 * 1e3:.2f} ms (straight {self.straight_p99 * 1e3:.2f}), "
            f"worst {max(self.latencies) * 1e3:.2f} ms, {len(self.errors)} errors"
        )


def _quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class Bystander:
    """The process, from the side of the test."""

    def __init__(self, folder: Path) -> None:
        self._samples = folder / "bystander.txt"
        self._complained = folder / "bystander.stderr"
        self.endpoint = ""
        """Where its requests shall arrive."""

    def __enter__(self) -> Self:
        with self._samples.open("wb") as samples, self._complained.open("wb") as complained:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.attack.bystander"],
                stdin=subprocess.PIPE,
                stdout=samples,
                stderr=complained,
                cwd=_ROOT,
            )
        try:
            eventually(lambda: self._count() == 1, "the bystander is there")
        except BaseException:
            self._process.kill()
            raise
        self.endpoint = self._samples.read_text().strip()
        return self

    def begin(self, address: tuple[str, int]) -> float:
        """Let it send requests to a gateway; tells when that was."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps(address).encode() + b"\n")
        self._process.stdin.flush()
        self.watches(2 * _LANES)
        return time.monotonic()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait(DEADLINE)
        assert self._process.stdin
        self._process.stdin.close()
        assert not self._complained.read_text(), self._complained.read_text()

    def goes(self) -> None:
        """It sends nothing any more."""
        self._process.kill()
        self._process.wait(DEADLINE)

    def watches(self, requests: int) -> float:
        """Lets it send so many more requests, and tells when that was over."""
        # Those that go straight are counted too.
        until = self._count() + requests * (_LANES + _STRAIGHT) // _LANES
        eventually(lambda: self._count() >= until, f"{requests} requests of the bystander")
        return time.monotonic()

    def saw(self, since: float, until: float) -> Seen:
        """What became of the requests that were due in between."""
        # Those that were due last are under way.
        self.watches(2 * _LANES)
        latencies: dict[str, list[float]] = {"gateway": [], "straight": []}
        errors = []
        for line in self._samples.read_text().splitlines()[1:]:
            way, due, latency, error = line.split()
            if since <= float(due) < until:
                latencies[way].append(float(latency))
                if error != "ok":
                    errors.append(error)
        assert all(latencies.values()), "the bystander stood still"
        return Seen(latencies["gateway"], latencies["straight"], errors)

    def _count(self) -> int:
        return self._samples.stat().st_size // _LINE


# --- in the process of its own ---------------------------------------------------------------------------


def _serve(listening: socket.socket) -> None:
    while True:
        connected, _ = listening.accept()
        threading.Thread(target=_answer, args=(connected,)).start()


def _answer(connected: socket.socket) -> None:
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    received = b""
    with connected, contextlib.suppress(OSError):
        while part := connected.recv(65536):
            received += part
            if received.endswith(b"\r\n\r\n"):
                connected.sendall(OK)
                received = b""


def _open(address: tuple[str, int]) -> socket.socket:
    connected = socket.create_connection(address, _PATIENCE)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connected


def _ask(connected: socket.socket, keeps: bool) -> None:
    connected.sendall(_REQUEST + (b"\r\n" if keeps else b"Connection: close\r\n\r\n"))
    received = b""
    while not received.endswith(b"\r\n\r\nok"):
        part = connected.recv(65536)
        if not part:
            raise EOFError("ended")
        received += part
    if not received.startswith(b"HTTP/1.1 200 "):
        raise ValueError(received[9:12].decode())


def _lane(way: str, address: tuple[str, int], number: int, begin: float) -> None:
    keeps = number % 2 == 0
    kept: socket.socket | None = None
    due = begin + number / RATE
    while True:
        time.sleep(max(0.0, due - time.monotonic()))
        said = "ok"
        try:
            connected = kept or _open(address)
            kept = connected if keeps else None
            _ask(connected, keeps)
            if not keeps:
                connected.close()
        except (OSError, EOFError, ValueError) as error:
            kept, said = None, f"{type(error).__name__}:{error}".replace(" ", "_")
        _say(f"{way} {due:.6f} {time.monotonic() - due:.6f} {said}")
        due += _LANES / RATE


def _say(text: str) -> None:
    # One call is one line, whole, whichever lanes write at once.
    os.write(1, f"{text[: _LINE - 1]:<{_LINE - 1}}\n".encode())


def main() -> None:
    """Ask until killed."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=128)
    threading.Thread(target=_serve, args=(listening,)).start()
    _say("{}:{}".format(*listening.getsockname()))
    host, port = json.loads(sys.stdin.buffer.readline())
    begin = time.monotonic() + 0.05
    for number in range(_LANES):
        threading.Thread(target=_lane, args=("gateway", (host, port), number, begin)).start()
    for number in range(_STRAIGHT):
        # In between the others.
        args = ("straight", listening.getsockname(), number, begin + (2 * number + 0.5) / RATE)
        threading.Thread(target=_lane, args=args).start()


if __name__ == "__main__":
    main()
