"""Checks of endpoints: when a tally turns, what a probe finds, and who is watched after a change."""

from __future__ import annotations

import asyncio
import os
import random
import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from expressgateway.config import Check, Config, Target
from expressgateway.control.checks import Checker, Tally, probe
from expressgateway.errors import EngineError
from tests.support.waiting import soon


@pytest.fixture(autouse=True)
def _first_checks_are_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "uniform", lambda low, _: low)


class Sink:
    """Remembers what it is told, as the engine would."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, bool]] = []
        self.is_stopped = False

    def set_health(self, pool: str, endpoint: str, healthy: bool) -> bool:
        if self.is_stopped:
            raise EngineError("the engine was stopped")
        self.told.append((pool, endpoint, healthy))
        return True


class Door:
    """An address that can be opened and shut; nobody else gets its port in between."""

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self.is_open = False

    def open(self) -> None:
        self._socket.listen(1024)
        self.is_open = True

    def shut(self) -> None:
        port = self._socket.getsockname()
        self._socket.close()
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(port)
        self.is_open = False

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def door() -> Iterator[Door]:
    one = Door()
    yield one
    one.close()


def pool(*endpoints: str | dict[str, str], rise: int = 1, fall: int = 1, check: bool = True) -> Config:
    """A configuration whose pool ``app`` is checked as often as the clock allows."""
    described: dict[str, object] = {"endpoints": list(endpoints)}
    if check:
        described["check"] = {
            "type": "tcp",
            "interval": "5ms",
            "timeout": "1s",
            "rise": rise,
            "fall": fall,
        }
    return Config.model_validate({"pools": {"app": described}})


def conversation(talk: Callable[[Checker, Sink], Awaitable[None]]) -> None:
    """Runs a test in a loop of its own, which must have no task left when the checker is closed."""

    async def run() -> None:
        sink = Sink()
        checker = Checker(sink)
        try:
            await talk(checker, sink)
        finally:
            checker.close()
            await soon(lambda: len(asyncio.all_tasks()) == 1, "the checks end")

    asyncio.run(run())


# --- tally --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rise", "fall", "results", "changes"),
    [
        (2, 3, "+", "."),
        (2, 3, "-", "!"),
        (2, 3, "-+", "!."),
        (2, 3, "-++", "!.!"),
        (2, 3, "-+-+", "!..."),
        (2, 3, "-+-++", "!...!"),
        (2, 3, "+--", "..."),
        (2, 3, "+---", "...!"),
        (2, 3, "+--+--", "......"),
        (2, 3, "+--+---", "......!"),
        (2, 3, "+----", "...!."),
        (2, 3, "+---++", "...!.!"),
        (1, 1, "+-+-", ".!!!"),
        (1, 1, "--++", "!.!."),
        (100, 1, "-" + "+" * 100, "!" + "." * 99 + "!"),
    ],
)
def test_a_tally_turns_at_the_first_result_and_then_by_rise_and_fall(
    rise: int, fall: int, results: str, changes: str
) -> None:
    check, tally = Check(type="tcp", rise=rise, fall=fall), Tally()
    assert tally.healthy is None
    said = "".join("!" if tally.add(result == "+", check) else "." for result in results)
    assert said == changes
    assert tally.healthy is (sum(change == "!" for change in changes) % 2 == 0)


# --- probe --------------------------------------------------------------------------------------------------


def test_a_probe_finds_who_listens_and_says_why_nobody_does(door: Door, tmp_path: Path) -> None:
    target = Target.parse(door.address)
    assert asyncio.run(probe(target, 5)) == "Connection refused"
    door.open()
    assert asyncio.run(probe(target, 5)) is None
    assert asyncio.run(probe(Target(f"{tmp_path}/a", None), 5)) == "No such file or directory"


@pytest.mark.parametrize("family", [socket.AF_INET6, socket.AF_UNIX])
def test_a_probe_speaks_ipv6_and_unix(family: socket.AddressFamily, tmp_path: Path) -> None:
    with socket.socket(family) as listening:
        listening.bind(str(tmp_path / "a") if family == socket.AF_UNIX else ("::1", 0))
        listening.listen()
        name = listening.getsockname()
        target = Target(name, None) if family == socket.AF_UNIX else Target(name[0], name[1])
        assert asyncio.run(probe(target, 5)) is None


def test_a_full_unix_socket_is_not_waited_for(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "a"))
        listening.listen(0)
        target, waiting = Target(str(tmp_path / "a"), None), []
        for _ in range(2):
            one = socket.socket(socket.AF_UNIX)
            one.setblocking(False)
            one.connect_ex(str(tmp_path / "a"))
            waiting.append(one)
        assert asyncio.run(probe(target, 5)) == "its queue of connections is full"
        for one in waiting:
            one.close()


def test_silence_is_a_failure_after_the_timeout() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        waiting = []
        for _ in range(4):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(listening.getsockname())
            waiting.append(one)
        reason = asyncio.run(probe(Target(*listening.getsockname()), 0.05))
        for one in waiting:
            one.close()
    assert reason == "no connection within 0.05 s"


def test_a_loop_that_was_busy_is_not_held_against_the_endpoint(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    door.open()

    async def late(_: asyncio.AbstractEventLoop, one: socket.socket, address: tuple[str, int]) -> None:
        one.setblocking(True)
        one.connect(address)
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.SelectorEventLoop, "sock_connect", late)
    assert asyncio.run(probe(Target.parse(door.address), 0.01)) is None


def test_probes_leave_no_descriptor_behind(door: Door, tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    door.open()
    for target in (Target.parse(door.address), Target("127.0.0.1", 1), Target(f"{tmp_path}/a", None)):
        asyncio.run(probe(target, 5))
    assert len(os.listdir("/proc/self/fd")) == before


# --- checker ------------------------------------------------------------------------------------------------


def test_the_sink_is_told_when_the_answer_changes_and_only_then(door: Door) -> None:
    async def talk(checker: Checker, sink: Sink) -> None:
        checker.reconcile(pool(door.address))
        await soon(lambda: sink.told == [("app", door.address, False)], "it is down")
        door.open()
        await soon(lambda: sink.told[1:] == [("app", door.address, True)], "it is up")
        door.shut()
        await soon(lambda: sink.told[2:] == [("app", door.address, False)], "it is down again")

    conversation(talk)


def test_an_endpoint_that_is_there_from_the_beginning_is_not_spoken_of(door: Door) -> None:
    door.open()
    other = Door()

    async def talk(checker: Checker, sink: Sink) -> None:
        checker.reconcile(pool(door.address, {"address": other.address, "name": "other"}))
        await soon(lambda: sink.told, "the other is down")
        assert sink.told == [("app", "other", False)]

    conversation(talk)
    other.close()


def test_pools_without_a_check_are_left_alone(door: Door) -> None:
    async def talk(checker: Checker, sink: Sink) -> None:
        checker.reconcile(pool(door.address, check=False))
        assert len(asyncio.all_tasks()) == 1
        assert not sink.told

    conversation(talk)


def test_a_reload_that_changes_nothing_keeps_the_tally_and_the_task(door: Door) -> None:
    async def talk(checker: Checker, sink: Sink) -> None:
        checker.reconcile(pool(door.address))
        await soon(lambda: sink.told, "it is down")
        tasks = asyncio.all_tasks()
        checker.reconcile(pool(door.address))
        assert asyncio.all_tasks() == tasks
        assert sink.told == [("app", door.address, False)]

    conversation(talk)


def test_a_new_name_takes_over_what_is_known_and_the_engine_hears_it_under_that_name(door: Door) -> None:
    async def talk(checker: Checker, sink: Sink) -> None:
        checker.reconcile(pool({"address": door.address, "name": "old"}, rise=100))
        await soon(lambda: sink.told, "it is down")
        checker.reconcile(pool({"address": door.address, "name": "new"}, rise=1))
        assert sink.told == [("app", "old", False), ("app", "new", False)]
        door.open()
        await soon(lambda: sink.told[2:] == [("app", "new", True)], "one success is enough now")

    conversation(talk)


def test_an_endpoint_that_is_checked_no_more_is_healthy(door: Door) -> None:
    async def talk(checker: Checker, sink: Sink) -> None:
        checker.reconcile(pool(door.address))
        await soon(lambda: sink.told, "it is down")
        checker.reconcile(pool({"address": door.address, "name": "new"}, check=False))
        assert sink.told[1:] == [("app", "new", True)]
        await soon(lambda: len(asyncio.all_tasks()) == 1, "the check ends")

    conversation(talk)


def test_of_an_endpoint_that_is_gone_nobody_is_told(door: Door) -> None:
    async def talk(checker: Checker, sink: Sink) -> None:
        checker.reconcile(pool(door.address))
        await soon(lambda: sink.told, "it is down")
        checker.reconcile(Config())
        assert len(sink.told) == 1
        await soon(lambda: len(asyncio.all_tasks()) == 1, "the check ends")

    conversation(talk)


def test_an_endpoint_that_comes_back_begins_anew(door: Door) -> None:
    async def talk(checker: Checker, sink: Sink) -> None:
        checker.reconcile(pool(door.address, fall=3))
        await soon(lambda: sink.told, "it is down")
        checker.reconcile(Config())
        checker.reconcile(pool(door.address, fall=3))
        await soon(lambda: len(sink.told) == 2, "the first result decides at once again")

    conversation(talk)


def test_a_check_ends_with_its_engine(door: Door) -> None:
    async def talk(checker: Checker, sink: Sink) -> None:
        sink.is_stopped = True
        checker.reconcile(pool(door.address))
        await soon(lambda: len(asyncio.all_tasks()) == 1, "the check ends")

    conversation(talk)


def test_the_log_says_up_and_down_with_the_reason(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    async def talk(checker: Checker, sink: Sink) -> None:
        checker.reconcile(pool({"address": door.address, "name": "a"}))
        await soon(lambda: sink.told, "it is down")
        door.open()
        await soon(lambda: len(sink.told) == 2, "it is up")

    with caplog.at_level("INFO", "expressgateway.checks"):
        conversation(talk)
    assert [(one.levelname, one.getMessage()) for one in caplog.records] == [
        ("WARNING", "pool app: endpoint a is down: Connection refused"),
        ("INFO", "pool app: endpoint a is up"),
    ]


def test_first_checks_are_spread_within_the_interval_and_a_second(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        asked.append((low, high))
        return low

    monkeypatch.setattr(random, "uniform", uniform)

    async def talk(checker: Checker, _: Sink) -> None:
        checker.reconcile(pool(door.address))
        await soon(lambda: asked, "the check begins")

    conversation(talk)
    assert asked == [(0, 0.005)]
