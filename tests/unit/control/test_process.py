"""Signals of a process that is a gateway: which reload, which end, and what is said meanwhile. The gateway is
a stand-in that does what a test tells it; that real ones obey real signals is held in `tests/spec`."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Coroutine
from typing import Any, cast

import pytest

from expressgateway import Config, Gateway
from expressgateway.config import Code, Finding
from expressgateway.control import logs, process
from expressgateway.errors import ConfigError, RestartRequiredError, SocketError
from tests.support.waiting import soon


@pytest.fixture(autouse=True)
def levels(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the level of the log is set to; the loggers of this process are left alone."""
    caplog.set_level(logging.INFO, "expressgateway")
    told: list[str] = []
    monkeypatch.setattr(logs, "write_to_stderr", told.append)
    return told


FINDINGS = [
    Finding(Code.UNKNOWN_POOL, 'there is no pool "a"', ("routes", 0, "pool")),
    Finding(Code.BAD_SIZE, '"1K" is not a size', ("x",)),
]


class StandIn:
    """Remembers what it is told. A reload ends as told, a drain when it is let."""

    def __init__(self, *reloads: int | Exception, left: int = 0) -> None:
        self.config = Config.model_validate({"runtime": {"drain_timeout": "7s"}})
        self.told: list[str] = []
        self.is_drained = asyncio.Event()
        self.is_reloaded = asyncio.Event()
        self.is_reloaded.set()
        self._reloads = list(reloads)
        self._left = left

    async def reload(self) -> int:
        self.told.append("reload")
        await self.is_reloaded.wait()
        result = self._reloads.pop(0) if self._reloads else 1
        if isinstance(result, Exception):
            raise result
        return result

    async def drain(self, *, settle: bool) -> int:
        self.told.append(f"drain, settle={settle}")
        await self.is_drained.wait()
        return self._left

    def connections(self) -> int:
        return 3


Signals = asyncio.Queue[signal.Signals]


def conversation(talk: Callable[[Signals], Coroutine[Any, Any, None]]) -> None:
    """Runs a test in a loop of its own, which must have no task left at its end."""

    async def run() -> None:
        await talk(asyncio.Queue())
        await soon(lambda: len(asyncio.all_tasks()) == 1, "the tasks end")

    asyncio.run(run())


def gateway(stand_in: StandIn) -> Gateway:
    """As far as `process` looks, it is one."""
    return cast("Gateway", stand_in)


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_every_hangup_is_a_reload_and_the_rest_is_an_end(ending: signal.Signals) -> None:
    async def talk(signals: Signals) -> None:
        one = StandIn()
        living = asyncio.create_task(process._until_told_to_end(gateway(one), signals))
        for times in (1, 2):
            signals.put_nowait(signal.SIGHUP)
            await soon(lambda times=times: one.told == ["reload"] * times, "the reload")  # type: ignore[misc]
        signals.put_nowait(ending)
        assert await living is ending

    conversation(talk)


def test_hangups_during_a_reload_are_one_more_reload() -> None:
    async def talk(signals: Signals) -> None:
        one = StandIn()
        one.is_reloaded.clear()
        living = asyncio.create_task(process._until_told_to_end(gateway(one), signals))
        signals.put_nowait(signal.SIGHUP)
        await soon(lambda: one.told == ["reload"], "the reload begins")
        for _ in range(5):
            signals.put_nowait(signal.SIGHUP)
        await soon(signals.empty, "the signals are taken")
        one.is_reloaded.set()
        await soon(lambda: len(one.told) > 1, "the second reload")
        signals.put_nowait(signal.SIGTERM)
        await living
        assert one.told == ["reload", "reload"]

    conversation(talk)


def test_a_reload_that_takes_long_does_not_keep_the_end_waiting() -> None:
    async def talk(signals: Signals) -> None:
        one = StandIn()
        one.is_reloaded.clear()
        living = asyncio.create_task(process._until_told_to_end(gateway(one), signals))
        signals.put_nowait(signal.SIGHUP)
        await soon(lambda: one.told == ["reload"], "the reload begins")
        signals.put_nowait(signal.SIGINT)
        assert await living is signal.SIGINT

    conversation(talk)


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (
            ConfigError(FINDINGS),
            ["reload refused, nothing has changed:", str(FINDINGS[0]), str(FINDINGS[1])],
        ),
        (
            RestartRequiredError(["admin.bind"]),
            [
                "reload refused, nothing has changed: admin.bind: a running gateway cannot change this; "
                "restart it, or undo the change"
            ],
        ),
        (
            SocketError("127.0.0.1:80", "somebody"),
            ["reload refused, nothing has changed: 127.0.0.1:80: somebody"],
        ),
        (
            FileNotFoundError(2, "No such file or directory", "a.toml"),
            ["reload refused, nothing has changed: [Errno 2] No such file or directory: 'a.toml'"],
        ),
        (ZeroDivisionError("a mistake of ours"), ["reload failed"]),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_a_reload_that_fails_is_explained_and_the_next_one_is_tried(
    failure: Exception, said: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    async def talk(signals: Signals) -> None:
        living = asyncio.create_task(process._until_told_to_end(gateway(StandIn(failure, 7)), signals))
        signals.put_nowait(signal.SIGHUP)
        await soon(lambda: len(caplog.messages) == len(said), "it is explained")
        assert caplog.messages == said
        assert {record.levelname for record in caplog.records} == {"ERROR"}
        signals.put_nowait(signal.SIGHUP)
        await soon(lambda: caplog.messages[-1] == "reloaded: generation 7", "the next one")
        signals.put_nowait(signal.SIGTERM)
        await living

    conversation(talk)


def test_a_reload_makes_the_new_level_count(levels: list[str]) -> None:
    async def talk(signals: Signals) -> None:
        one = StandIn()
        one.config = Config.model_validate({"logs": {"level": "debug"}})
        living = asyncio.create_task(process._until_told_to_end(gateway(one), signals))
        signals.put_nowait(signal.SIGHUP)
        await soon(lambda: levels == ["debug"], "the level is set")
        signals.put_nowait(signal.SIGTERM)
        await living

    conversation(talk)


# --- the end ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("settle", [True, False])
def test_a_drain_that_ends_in_time_is_not_spoken_of(settle: bool, caplog: pytest.LogCaptureFixture) -> None:
    async def talk(signals: Signals) -> None:
        one = StandIn()
        one.is_drained.set()
        await process._end(gateway(one), signals, settle=settle)
        assert one.told == [f"drain, settle={settle}"]

    conversation(talk)
    assert caplog.messages == ["draining: 3 connections are open"]


def test_what_a_drain_leaves_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    async def talk(signals: Signals) -> None:
        one = StandIn(left=2)
        one.is_drained.set()
        await process._end(gateway(one), signals, settle=True)

    conversation(talk)
    assert caplog.messages[1:] == ["stopping: 2 connections are cut after 7s"]


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_the_drain(second: signal.Signals, caplog: pytest.LogCaptureFixture) -> None:
    async def talk(signals: Signals) -> None:
        signals.put_nowait(second)
        await process._end(gateway(StandIn()), signals, settle=True)

    conversation(talk)
    assert caplog.messages[1:] == ["stopping at once: a second signal came"]


def test_a_hangup_during_a_drain_neither_reloads_nor_ends_it(caplog: pytest.LogCaptureFixture) -> None:
    async def talk(signals: Signals) -> None:
        one = StandIn()
        ending = asyncio.create_task(process._end(gateway(one), signals, settle=True))
        signals.put_nowait(signal.SIGHUP)
        await soon(lambda: "draining: no reload now" in caplog.messages, "it is said")
        assert not ending.done()
        one.is_drained.set()
        await ending
        assert one.told == ["drain, settle=True"]

    conversation(talk)


def test_a_drain_that_fails_is_raised() -> None:
    async def talk(signals: Signals) -> None:
        one = StandIn()

        async def fail(*, settle: bool) -> int:
            raise SocketError("a", f"settle={settle}")

        one.drain = fail  # type: ignore[method-assign]
        with pytest.raises(SocketError, match="settle=True"):
            await process._end(gateway(one), signals, settle=True)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    conversation(talk)
