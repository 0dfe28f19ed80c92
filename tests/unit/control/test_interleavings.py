"""What happens when a gateway is told something else before it has finished the first: stopped while it
starts or applies, started twice, cancelled at every moment."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from expressgateway import Config, Gateway
from expressgateway.control import gateway as module
from expressgateway.errors import EngineError, ExpressGatewayError
from tests.support.waiting import DEADLINE, soon


def configured(port: int = 1, **more: Any) -> Config:  # noqa: ANN401 - whatever tables hold
    """One listener, and a pool whose endpoint is checked often."""
    check = {"type": "tcp", "interval": "5ms", "timeout": "1s"}
    tables: dict[str, Any] = {
        "runtime": {"workers": 2, "readiness_settle": "0s"},
        "admin": {"bind": "127.0.0.1:0"},
        "logs": {"access": {"path": "none"}},
        "listeners": {"web": {"protocol": "http", "bind": "127.0.0.1:0", "default_pool": "app"}},
        "pools": {"app": {"endpoints": [f"127.0.0.1:{port}"], "check": check}},
    }
    return Config.model_validate(tables | more)


def counted() -> tuple[int, int]:
    """Threads and descriptors of this process, of whatever language."""
    return len(list(Path("/proc/self/task").iterdir())), len(os.listdir("/proc/self/fd"))


def checks() -> list[str]:
    """The checks that are running."""
    return [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("check ")]


@pytest.fixture(autouse=True)
def _nothing_is_left_behind() -> Iterator[None]:
    gc.collect()
    before = counted()
    yield
    gc.collect()
    assert counted() == before


class Gate:
    """Holds a function that runs in a thread, before or after it has done its work."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str, *, after: bool) -> None:
        self.reached = threading.Event()
        self.open = threading.Event()
        original: Callable[..., object] = getattr(module, name)

        def held(*arguments: object) -> object:
            result = original(*arguments) if after else None
            self.reached.set()
            assert self.open.wait(DEADLINE)
            return result if after else original(*arguments)

        monkeypatch.setattr(module, name, held)


@pytest.mark.parametrize("name", ["resolve", "_start_plane", "_publish"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_gateway_that_is_stopped_while_it_starts_does_not_run(
    name: str, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch, name, after=after)

    async def run() -> None:
        gateway = Gateway(configured())
        starting = asyncio.create_task(gateway.start())
        await soon(gate.reached.is_set, f"the start is at {name}")
        gateway.stop()
        gate.open.set()
        with pytest.raises(EngineError, match="stopp"):
            await starting
        assert gateway.state.value == "stopped"
        assert not checks()

    asyncio.run(run())


@pytest.mark.parametrize("name", ["resolve", "_start_plane", "_publish"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_start_that_is_cancelled_leaves_nothing_behind(
    name: str, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch, name, after=after)

    async def run() -> None:
        gateway = Gateway(configured())
        starting = asyncio.create_task(gateway.start())
        await soon(gate.reached.is_set, f"the start is at {name}")
        starting.cancel()
        # The thread cannot be cancelled; whatever it brings is dropped.
        gate.open.set()
        with pytest.raises(asyncio.CancelledError):
            await starting
        assert gateway.state.value == "stopped"
        with pytest.raises(EngineError, match="the gateway is stopped: it does not serve"):
            gateway.status()

    asyncio.run(run())


def test_a_gateway_that_is_starting_is_not_started_again_and_does_not_serve(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate = Gate(monkeypatch, "_publish", after=True)

    async def run() -> None:
        gateway = Gateway(configured())
        starting = asyncio.create_task(gateway.start())
        await soon(gate.reached.is_set, "the start publishes")
        with pytest.raises(EngineError, match="the gateway is starting; make another"):
            await gateway.start()
        with pytest.raises(EngineError, match="the gateway is starting: it does not serve"):
            await gateway.apply(configured(2))
        gate.open.set()
        await starting
        assert gateway.status()["generation"] == 1
        gateway.stop()

    asyncio.run(run())


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_an_apply_that_a_stop_overtakes_says_so_and_starts_no_checks(
    after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        async with Gateway(configured()) as gateway:
            assert checks() == ["check app 127.0.0.1:1"]
            gate = Gate(monkeypatch, "_publish", after=after)
            applying = asyncio.create_task(gateway.apply(configured(2)))
            await soon(gate.reached.is_set, "the apply is under way")
            gateway.stop()
            gate.open.set()
            with pytest.raises(EngineError, match="stopp"):
                await applying
            await soon(lambda: not checks(), "nobody is checked any more")
            assert str(gateway.config.pools["app"].endpoints[0].address) == "127.0.0.1:1"

    asyncio.run(run())


def test_an_apply_that_fails_after_its_caller_has_left_says_so_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    complaints: list[dict[str, Any]] = []

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        async with Gateway(configured()) as gateway:
            gate = Gate(monkeypatch, "resolve", after=True)
            applying = asyncio.create_task(gateway.apply(configured(2, runtime={"workers": 3})))
            await soon(gate.reached.is_set, "the apply is under way")
            applying.cancel()
            with pytest.raises(asyncio.CancelledError):
                await applying
            gate.open.set()
            # Applies are one after the other: once this one has its turn, the one before it has ended.
            with pytest.raises(ExpressGatewayError):
                await gateway.apply(configured(2, runtime={"workers": 4}))
            assert gateway.status()["generation"] == 1

    asyncio.run(run())
    gc.collect()
    assert not complaints
    assert "an apply that nobody waits for was refused, nothing has changed: runtime.workers: " in caplog.text


def test_a_stop_during_a_drain_ends_the_drain() -> None:
    async def run() -> None:
        settling = configured(runtime={"workers": 2, "readiness_settle": "20s"})
        async with Gateway(settling) as gateway:
            draining = asyncio.create_task(gateway.drain())
            await soon(lambda: gateway.state.value == "draining", "the drain begins")
            gateway.stop()
            draining.cancel()
            with pytest.raises(asyncio.CancelledError):
                await draining
            assert gateway.state.value == "stopped"

    asyncio.run(run())


def test_nothing_is_applied_while_listeners_close() -> None:
    async def run() -> None:
        async with Gateway(configured()) as gateway:
            assert await gateway.drain() == 0
            with pytest.raises(EngineError, match="stopping"):
                await gateway.apply(configured(2))
            assert gateway.config == configured()

    asyncio.run(run())
