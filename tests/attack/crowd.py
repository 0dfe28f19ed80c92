"""Attackers in a process of their own: many connections of a few kinds, each of which says one thing and then
goes on as its kind does, until it is ended or told to leave. It knows no HTTP and judges nothing."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from tests.support.waiting import DEADLINE, eventually

T = TypeVar("T")

# Attackers are elsewhere, as a rule: what they cost this machine is not the gateway's doing.
_NICE: Final = 10
_TICK: Final = 0.02
_KEPT: Final = 2048
_ROOT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Kind:
    """What so many connections do. Bytes are text in latin-1."""

    name: str
    address: tuple[str, int]
    says: str = ""
    """At first, as fast as it is taken."""
    drips: str = ""
    """Then, again and again."""
    every: float = 0.1
    """Seconds between two drips, or two sips; 0: as fast as they are taken."""
    sips: int | None = None
    """Bytes it reads at a time. None: all there are; 0: it does not read."""
    count: int = 1
    awaits: str = ""
    """It stands once it has been answered with this at the end; by default once it has spoken."""
    receive_buffer: int | None = None
    pace: int = 0
    """Connections that come, and leave when told to, in a second; 0: as fast as they can."""


@dataclass(frozen=True)
class Outcome:
    """How one connection of a kind ended."""

    kind: str
    how: str
    """``end``, ``reset``, or ``left`` if it was still there when the crowd was told to go."""
    seconds: float
    """From when it had said its first word."""
    received: str
    """The first of what it received."""
    total: int
    """Bytes that it received."""

    @property
    def status(self) -> int:
        """Of the last response that it received the beginning of; 0 if there was none."""
        last = self.received.rpartition("HTTP/1.1 ")[2]
        return int(last[:3]) if last[:3].isdigit() else 0


class Crowd:
    """The process, from the side of the test."""

    def __init__(self, folder: Path, kinds: Sequence[Kind]) -> None:
        self._kinds = kinds
        self._said = folder / "crowd.jsonl"
        self._complained = folder / "crowd.stderr"

    def __enter__(self) -> Self:
        with self._said.open("wb") as said, self._complained.open("wb") as complained:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.attack.crowd"],
                stdin=subprocess.PIPE,
                stdout=said,
                stderr=complained,
                cwd=_ROOT,
            )
        assert self._process.stdin
        self._process.stdin.write(json.dumps([asdict(kind) for kind in self._kinds]).encode() + b"\n")
        self._process.stdin.flush()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait(DEADLINE)
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()

    def stands(self, deadline: float = DEADLINE) -> None:
        """Every connection is there and has said its first word, and been answered if it waits for that."""
        eventually(self._said_so, "the crowd stands", deadline=deadline)

    def leave(self) -> list[Outcome]:
        """Tell all that are still there to go."""
        assert self._process.stdin
        # If none is left it has gone by itself.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(b"\n")
            self._process.stdin.flush()
        return self.outcomes()

    def outcomes(self, deadline: float = DEADLINE) -> list[Outcome]:
        """How each connection ended, once all have."""
        eventually(
            lambda: self._said.read_bytes()[-2:] == b"]\n", "every attacker has ended", deadline=deadline
        )
        return [Outcome(**outcome) for outcome in json.loads(self._said.read_text().split("\n")[1])]

    def _said_so(self) -> bool:
        complaint = self._complained.read_text()
        if complaint:
            raise RuntimeError(f"the crowd fell over:\n{complaint}")
        return self._said.stat().st_size > 0


# --- in the process of its own ---------------------------------------------------------------------------


@dataclass
class _Member:
    kind: Kind
    socket: socket.socket
    unsaid: bytes
    next_drip: float = 0.0
    since: float = 0.0
    stands: bool = False
    received: bytearray = field(default_factory=bytearray)
    total: int = 0
    outcome: Outcome | None = None

    def say(self, now: float) -> None:
        """Send what the socket takes."""
        try:
            while self.unsaid:
                sent = self.socket.send(self.unsaid)
                self.unsaid = self.unsaid[sent:]
        except BlockingIOError:
            return
        except OSError:
            # Whether it was ended in order shows when it is read.
            self.unsaid = b""
            return
        self._stand(now)
        if self.kind.drips and self.kind.every == 0:
            # The next piece has its turn after the others'.
            self.unsaid = self.kind.drips.encode("latin-1")

    def _stand(self, now: float) -> None:
        if not self.since:
            self.since = now
            self.next_drip = now + self.kind.every
            self.stands = not self.kind.awaits

    def listen(self, now: float, most: int = 1 << 18) -> None:
        """Read what is there."""
        try:
            part = self.socket.recv(most)
        except BlockingIOError:
            return
        except OSError:
            self.end("reset", now)
            return
        self.total += len(part)
        self.received += part[: _KEPT - len(self.received)]
        if not part:
            self.end("end", now)
        elif self.kind.awaits and part.endswith(self.kind.awaits.encode("latin-1")):
            self.stands = True

    def tick(self, now: float) -> None:
        """What it does from time to time."""
        if self.outcome or not self.since or now < self.next_drip or self.kind.every == 0:
            return
        self.next_drip = now + self.kind.every
        if self.kind.drips and not self.unsaid:
            self.unsaid = self.kind.drips.encode("latin-1")
            self.say(now)
        if self.kind.sips:
            self.listen(now, self.kind.sips)

    def interest(self) -> int:
        """What it waits for."""
        return (select.EPOLLIN if self.kind.sips is None else 0) | (select.EPOLLOUT if self.unsaid else 0)

    def end(self, how: str, now: float) -> None:
        """It is over."""
        self.socket.close()
        self.stands = True
        seconds = now - self.since if self.since else 0.0
        self.outcome = Outcome(self.kind.name, how, seconds, self.received.decode("latin-1"), self.total)


def _enter(kind: Kind) -> _Member:
    connected = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    connected.settimeout(DEADLINE)
    if kind.receive_buffer is not None:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, kind.receive_buffer)
    connected.connect(kind.address)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connected.setblocking(False)
    first = kind.says or (kind.drips if kind.every == 0 else "")
    return _Member(kind, connected, first.encode("latin-1"))


class _Riot:
    def __init__(self, kinds: Sequence[Kind]) -> None:
        self._poll = select.epoll()
        self._members: list[_Member] = []
        self._open: dict[int, _Member] = {}
        self._busy: list[_Member] = []
        self._kinds = kinds
        for kind in kinds:
            for _ in paced(range(kind.count), kind.pace, self._turn):
                self._join(kind)

    def _join(self, kind: Kind) -> None:
        member = _enter(kind)
        self._members.append(member)
        self._open[member.socket.fileno()] = member
        member.say(time.monotonic())
        self._poll.register(member.socket.fileno(), member.interest())
        if kind.every and (kind.drips or kind.sips):
            self._busy.append(member)

    def _turn(self, patience: float) -> None:
        now = time.monotonic()
        for number, events in self._poll.poll(patience):
            member = self._open[number]
            if events & select.EPOLLOUT:
                member.say(now)
            if member.kind.sips is None and events & ~select.EPOLLOUT:
                member.listen(now)
            elif events & (select.EPOLLERR | select.EPOLLHUP):
                member.end("reset", now)
            if member.outcome:
                del self._open[number]
            elif events & select.EPOLLOUT and not member.unsaid:
                self._poll.modify(number, member.interest())
        for member in self._busy:
            number = member.socket.fileno()
            member.tick(now)
            if member.outcome:
                self._open.pop(number, None)

    def stand(self) -> None:
        """Until each has said its first word, and been answered."""
        while not all(member.stands for member in self._members):
            self._turn(_TICK)

    def last(self) -> list[dict[str, Any]]:
        """Until all have ended, or it is told to go."""
        told = select.poll()
        told.register(0, select.POLLIN)
        while self._open and not told.poll(0):
            self._turn(_TICK)
        left = [member for member in self._members if member.outcome is None]
        for member in paced(left, max(kind.pace for kind in self._kinds), self._turn):
            # It may have been ended while others left.
            if member.outcome is None:
                del self._open[member.socket.fileno()]
                member.end("left", time.monotonic())
        return [asdict(member.outcome) for member in self._members if member.outcome]


def paced(things: Sequence[T], pace: int, meanwhile: Callable[[float], None]) -> Iterator[T]:
    """So many of them in a second. Those who are there already go on meanwhile."""
    begin = time.monotonic()
    for number, thing in enumerate(things):
        ahead = number / pace - (time.monotonic() - begin) if pace else 0.0
        if ahead > 0 or number % 32 == 0:
            meanwhile(0)
        while ahead > 0:
            meanwhile(ahead)
            ahead = number / pace - (time.monotonic() - begin)
        yield thing


def main() -> None:
    """Do what is read from standard input."""
    os.nice(_NICE)
    kinds = [
        Kind(**{**kind, "address": tuple(kind["address"])})
        for kind in json.loads(sys.stdin.buffer.readline())
    ]
    riot = _Riot(kinds)
    riot.stand()
    sys.stdout.write(json.dumps("stands") + "\n")
    sys.stdout.flush()
    outcomes = riot.last()
    sys.stdout.write(json.dumps(outcomes) + "\n")


def count(outcomes: Sequence[Outcome]) -> Counter[tuple[str, int]]:
    """How many ended how, and with which status."""
    return Counter((outcome.how, outcome.status) for outcome in outcomes)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
