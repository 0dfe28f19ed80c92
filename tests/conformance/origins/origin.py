"""What an origin is: how it is started and stopped, how it says what it saw, and what it legitimately does to
a request. It refuses differences that would hide a smuggled one: the number of requests, the method, the
bytes of the target and of the body are what was meant, unless an origin says here, in its own lines, what it
does to them."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final, Literal

from tests.support.programs import find

from .reading import Fields, Request
from .recorder import Recorder
from .tap import Address, connect

ROOT: Final = Path(__file__).resolve().parents[3]
ENVIRONMENT: Final = ROOT / "build" / "origins"
ECHOES: Final = Path(__file__).parent / "echoes"
START: Final = 20.0
"""Seconds that an origin may take until it can be connected to."""

FRAMING: Final = {"connection", "content-length", "transfer-encoding", "keep-alive"}
"""Fields of one connection, which an origin that forwards writes anew. What they mean is in the body."""

Pair = tuple[str, str]
Trailers = Literal["hidden", "passed", "dropped"]


@dataclass(frozen=True)
class Place:
    """Where an origin lives while a test runs."""

    folder: Path
    port: int
    """Free a moment ago; for those that cannot listen on a Unix socket."""
    recorder: int
    """Port of the recorder that proxies forward to."""

    @property
    def socket(self) -> Path:
        """Where it listens if it can."""
        return self.folder / "origin.sock"


@dataclass(frozen=True)
class Seen:
    """A request as the origin saw it."""

    method: str
    target: str
    fields: Fields
    body: bytes
    trailers: Fields | None
    """None where the server does not show them."""


class Origin:
    """A server behind the gateway. Subclasses say how it differs."""

    name: ClassVar[str]
    program: ClassVar[str]
    """What is run: a program of the system, or one of the environment of PyPI's."""
    module: ClassVar[str] = ""
    """Of that environment: what has to be there."""
    forwards: ClassVar[bool] = False
    """Whether it is a proxy, and the recorder stands behind it."""
    on_port: ClassVar[bool] = False
    """Whether it listens on a port because it cannot on a Unix socket."""
    adds: ClassVar[frozenset[str]] = frozenset()
    """Fields that it adds, or appends to."""
    removes: ClassVar[frozenset[str]] = frozenset()
    """Fields that it does not show."""
    joins: ClassVar[bool] = False
    """Whether it shows fields of one name as one, with commas."""
    dislikes: ClassVar[frozenset[int]] = frozenset()
    """More statuses by which it says that it does not like a request, besides 4xx, 501 and 505."""
    trailers: ClassVar[Trailers] = "hidden"
    """What becomes of trailers. Hidden: nobody can say."""

    def command(self, place: Place) -> list[str]:
        """What starts it in the foreground; writes the files that it needs."""
        raise AssertionError(f"{self.name} does not say how it is started ({place.folder})")

    def environment(self, place: Place) -> dict[str, str]:
        """More of its environment."""
        del place
        return {}

    def shown_target(self, target: str) -> str:
        """How it shows a target."""
        return target

    def shown_field(self, name: str, value: str) -> Pair | None:
        """How it shows a field; None if it does not."""
        return name, value

    def shown_body(self, request: Request) -> bytes:
        """What it shows of the body."""
        return request.body

    def keeps_to_itself(self, request: Request) -> bool:
        """Whether it answers such a request without the echo."""
        del request
        return False

    def read(self, said: bytes) -> Seen:
        """What an echo says."""
        words = json.loads(said)
        fields, trailers = words["fields"], words["trailers"]
        return Seen(
            words["method"],
            words["target"],
            tuple((name, value) for name, value in fields),
            base64.b64decode(words["body"]),
            None if trailers is None else tuple((name, value) for name, value in trailers),
        )

    def joined(self, name: str, some: list[str]) -> str:
        """How it shows the values of fields of one name."""
        if name == "cookie":
            # The one list that is not of commas; whoever joins it does so (RFC 6265, 5.4).
            return re.sub("[,;] *" if self.joins else "; *", "; ", "; ".join(some))
        return re.sub("[ \t]*,[ \t]*", ",", ",".join(some)) if self.joins else "\n".join(some)

    def answers_part(self, head: bytes) -> bool:
        """Whether it answers a request with this head whose body has no end."""
        del head
        return False

    @property
    def gets_trailers(self) -> bool:
        """Whether it is trusted with them: not if it is unknown what becomes of them."""
        return self.trailers == "passed"

    # --- the same for all --------------------------------------------------------------------------------

    @property
    def path(self) -> str | None:
        """Where its program is."""
        if self.module:
            beside = ENVIRONMENT / "bin" / "python"
            packages = ENVIRONMENT.glob(f"lib/python*/site-packages/{self.module}")
            return str(beside) if beside.exists() and any(packages) else None
        return find(self.program)

    def differs(self, meant: Request, seen: Seen) -> str:
        """How what it saw differs from what was meant; empty if it does not."""
        if seen.method != meant.method:
            return f"the method is {seen.method!r}, not {meant.method!r}"
        if seen.target != self.shown_target(meant.target):
            return f"the target is {seen.target!r}, not {meant.target!r}"
        if seen.body != self.shown_body(meant):
            return f"the body is {seen.body!r}, not {meant.body!r}"
        trailers = {"passed": meant.trailers, "dropped": (), "hidden": None}[self.trailers]
        if seen.trailers != trailers:
            return f"the trailers are {seen.trailers}, not {trailers}"
        fields = [self.shown_field(*field) for field in meant.fields]
        wanted, shown = self._comparable(filter(None, fields)), self._comparable(seen.fields)
        for name in self.adds:
            # What was there before stands in front of what was added.
            if shown.pop(name, "").startswith(wanted.get(name, "")):
                wanted.pop(name, None)
        return "" if wanted == shown else f"the fields are {shown}, not {wanted}"

    def _comparable(self, fields: Iterable[Pair]) -> dict[str, str]:
        """Values by name, those of one name in order; framing left out."""
        every: dict[str, list[str]] = {}
        for name, value in fields:
            if name not in FRAMING | self.removes:
                every.setdefault(name, []).append(value)
        return {name: self.joined(name, some) for name, some in every.items()}

    @asynccontextmanager
    async def running(self, folder: Path) -> AsyncIterator[tuple[Address, Recorder]]:
        """Starts it in `folder`, and gives where it listens and who stands behind it."""
        async with Recorder() as recorder:
            said = ""
            # Another program may take a port between the moment it was found free and its use.
            for attempt in range(3):
                place = Place(folder / f"{attempt}", _free_port(), recorder.port)
                place.folder.mkdir()
                place.folder.chmod(0o777)
                address: Address = ("127.0.0.1", place.port) if self.on_port else str(place.socket)
                process = self._start(place)
                try:
                    if await _listens(address, process):
                        yield address, recorder
                        return
                finally:
                    _stop(process)
                said = (place.folder / "output.txt").read_text(errors="replace")
            raise AssertionError(f"{self.name} does not start:\n{said}")

    def _start(self, place: Place) -> subprocess.Popen[bytes]:
        path = self.path
        assert path is not None, f"{self.name} is not installed"
        with (place.folder / "output.txt").open("wb") as output:
            return subprocess.Popen(
                [path, *self.command(place)],
                cwd=place.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={
                    **os.environ,
                    "PYTHONPATH": str(ROOT),
                    "HOME": str(place.folder),
                    **self.environment(place),
                },
                start_new_session=True,
            )


class Proxy(Origin):
    """An origin that forwards: what it saw is what the recorder behind it got."""

    forwards = True
    trailers: ClassVar[Trailers] = "dropped"
    removes = frozenset({"te", "expect", "upgrade"})


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


async def _listens(address: Address, process: subprocess.Popen[bytes]) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(START):
            while process.poll() is None:
                try:
                    _, writer = await connect(address)
                except OSError:
                    await asyncio.sleep(0.02)
                    continue
                writer.close()
                return True
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ends the process and all that it has started in its session."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(1)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def python(*arguments: str) -> list[str]:
    """Arguments of an interpreter that keeps warnings to itself."""
    return ["-W", "ignore", *arguments]


assert sys.platform == "linux", "origins are run as Linux runs them"
