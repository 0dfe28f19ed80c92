"""`Gateway` as a library: what it does from start to stop, what it refuses, and that a refusal leaves no
trace. Runs in this process, so threads and descriptors can be counted."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from expressgateway import Config, Gateway
from expressgateway.control.gateway import State
from expressgateway.errors import (
    ConfigError,
    EngineError,
    LogFileError,
    RestartRequiredError,
    SocketError,
)
from tests.support.client import Client, get
from tests.support.upstreams import OK, Line, Upstream, answer
from tests.support.waiting import soon

WORKERS = 2


def configured(endpoint: str = "127.0.0.1:1", **more: Any) -> Config:  # noqa: ANN401 - whatever tables hold
    """One listener ``web``, one pool ``app``; `more` replaces whole tables."""
    tables: dict[str, Any] = {
        "runtime": {"workers": WORKERS, "drain_timeout": "5s", "readiness_settle": "0s"},
        "admin": {"bind": "none"},
        "logs": {"access": {"path": "none"}},
        "listeners": {"web": {"protocol": "http", "bind": "127.0.0.1:0", "default_pool": "app"}},
        "pools": {"app": {"endpoints": [endpoint]}},
    }
    return Config.model_validate(tables | more)


def place(gateway: Gateway, listener: str = "web") -> tuple[str, int]:
    """Host and port of a listener."""
    host, _, port = gateway.addresses[listener][0].rpartition(":")
    return host, int(port)


def state_of(gateway: Gateway) -> str:
    """Asked anew each time: a type checker takes a state for settled once it was compared."""
    return gateway.state.value


def silent(line: Line) -> None:
    """Reads, and never says a word."""
    line.read_to_end()


def answers(address: str) -> bool:
    """Whether somebody listens there."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


def counted() -> tuple[int, int]:
    """Threads and descriptors of this process, of whatever language."""
    return len(list(Path("/proc/self/task").iterdir())), len(os.listdir("/proc/self/fd"))


@pytest.fixture(autouse=True)
def _nothing_is_left_behind() -> Iterator[None]:
    gc.collect()
    before = counted()
    yield
    gc.collect()
    assert counted() == before


def conversation(talk: Callable[[Gateway], Awaitable[None]], config: Config | None = None) -> None:
    """Runs a test on a gateway that serves."""

    async def run() -> None:
        async with Gateway(config or configured()) as gateway:
            await talk(gateway)

    asyncio.run(run())


# --- life ---------------------------------------------------------------------------------------------------


def test_entering_serves_and_leaving_ends_it() -> None:
    async def run(upstream: str) -> None:
        gateway = Gateway(configured(upstream))
        assert state_of(gateway) == "new"
        async with gateway as entered:
            assert entered is gateway
            assert state_of(gateway) == "running"
            response = await asyncio.to_thread(get, place(gateway), "/")
            assert (response.status, response.body) == (200, b"ok")
            assert gateway.status()["generation"] == 1
            (address,) = gateway.addresses["web"]
            assert gateway.admin_address is None
        assert state_of(gateway) == "stopped"
        assert not answers(address)

    with Upstream(answer(OK)) as upstream:
        asyncio.run(run(upstream.address))


def test_the_admin_address_is_where_it_was_bound() -> None:
    async def talk(gateway: Gateway) -> None:
        assert gateway.admin_address
        host, _, port = gateway.admin_address.rpartition(":")
        assert port != "0"
        response = await asyncio.to_thread(get, (host, int(port)), "/readyz")
        assert response.status == 200

    conversation(talk, configured(admin={"bind": "127.0.0.1:0"}))


def test_two_gateways_live_in_one_process() -> None:
    async def talk(one: Gateway) -> None:
        async with Gateway(configured()) as other:
            assert one.addresses != other.addresses
            one.stop()
            assert answers(other.addresses["web"][0])

    conversation(talk)


@pytest.mark.parametrize("end", ["before", "after", "twice"])
def test_a_gateway_that_does_not_serve_says_so(end: str) -> None:
    async def run() -> None:
        gateway = Gateway(configured())
        if end != "before":
            await gateway.start()
            gateway.stop()
        if end == "twice":
            gateway.stop()
        state = "new" if end == "before" else "stopped"
        for call in (
            lambda: gateway.addresses,
            lambda: gateway.admin_address,
            gateway.status,
            gateway.connections,
        ):
            with pytest.raises(EngineError, match=f"the gateway is {state}: it does not serve"):
                call()
        for coroutine in (gateway.apply(configured()), gateway.drain()):
            with pytest.raises(EngineError, match=f"the gateway is {state}"):
                await coroutine

    asyncio.run(run())


@pytest.mark.parametrize("state", ["running", "stopped"])
def test_a_gateway_starts_once(state: str) -> None:
    async def talk(gateway: Gateway) -> None:
        if state == "stopped":
            gateway.stop()
        with pytest.raises(EngineError, match=f"the gateway is {state}; make another"):
            await gateway.start()

    conversation(talk)


def test_a_gateway_that_nobody_stops_ends_with_its_last_reference() -> None:
    async def run() -> str:
        gateway = Gateway(configured())
        await gateway.start()
        return gateway.addresses["web"][0]

    address = asyncio.run(run())
    gc.collect()
    assert not answers(address)


def test_a_process_that_stops_no_gateway_ends_all_the_same() -> None:
    program = (
        "import asyncio, sys\nfrom expressgateway import Config, Gateway\n"
        "async def run():\n"
        "    global gateway\n"
        "    gateway = Gateway(Config.model_validate_json(sys.argv[1]))\n"
        "    await gateway.start()\n"
        "asyncio.run(run())\n"
    )
    text = configured().model_dump_json()
    ran = subprocess.run([sys.executable, "-c", program, text], timeout=30, capture_output=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, b"")


# --- starts that fail ---------------------------------------------------------------------------------------


def refused(config: Config) -> Exception:
    """Why it does not start; the gateway is stopped then."""

    async def run() -> Exception:
        gateway = Gateway(config)
        before = counted()[1]
        with pytest.raises(Exception) as caught:  # noqa: PT011 - the caller looks at it
            await gateway.start()
        assert counted()[1] == before
        with pytest.raises(EngineError):
            gateway.status()
        return caught.value

    return asyncio.run(run())


@pytest.mark.parametrize("who", ["listener", "admin"])
def test_an_address_that_is_taken_keeps_it_from_starting(who: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        web = {"protocol": "http", "default_pool": "app"}
        listeners = {"free": {**web, "bind": "127.0.0.1:0"}, "web": {**web, "bind": address}}
        config = configured(listeners=listeners) if who == "listener" else configured(admin={"bind": address})
        error = refused(config)
    assert isinstance(error, SocketError)
    assert error.address == address


@pytest.mark.parametrize("path", ["missing/access.log", ""])
def test_a_log_that_cannot_be_opened_keeps_it_from_starting(path: str, tmp_path: Path) -> None:
    error = refused(configured(logs={"access": {"path": f"{tmp_path}/{path}"}}))
    assert isinstance(error, LogFileError)
    assert str(error).startswith(f"{tmp_path}/{path}: cannot be opened: ")


def test_a_name_that_nobody_knows_keeps_it_from_starting(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = refused(configured("nobody.invalid:80"))
    assert isinstance(error, ConfigError)
    assert "pools.app.endpoints[0]: error[EG401]" in str(error)


def test_values_that_do_not_go_together_make_no_gateway() -> None:
    listeners = {"web": {"protocol": "http", "bind": "127.0.0.1:0", "default_pool": "ap"}}
    with pytest.raises(
        ConfigError, match=r'listeners\.web\.default_pool: error.EG201.: there is no pool "ap"'
    ):
        Gateway(configured(listeners=listeners))


def test_a_start_that_failed_is_not_tried_again_on_the_same_object() -> None:
    async def run() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            bind = f"127.0.0.1:{taken.getsockname()[1]}"
            listeners = {"web": {"protocol": "http", "bind": bind, "default_pool": "app"}}
            gateway = Gateway(configured(listeners=listeners))
            with pytest.raises(SocketError):
                await gateway.start()
        with pytest.raises(EngineError, match="the gateway is stopped; make another to start again"):
            await gateway.start()

    asyncio.run(run())


# --- another configuration ----------------------------------------------------------------------------------


def test_a_configuration_is_applied_and_the_address_stays() -> None:
    async def talk(gateway: Gateway) -> None:
        before = gateway.addresses["web"]
        listeners = {
            name: {"protocol": "http", "bind": "127.0.0.1:0", "default_pool": "app"}
            for name in ("web", "api")
        }
        config = configured(listeners=listeners)
        assert await gateway.apply(config) == 2
        assert gateway.config == config
        assert gateway.addresses["web"] == before
        assert answers(gateway.addresses["api"][0])
        api = gateway.addresses["api"][0]
        assert await gateway.apply(configured()) == 3
        assert set(gateway.addresses) == {"web"}
        assert not answers(api)

    conversation(talk)


def test_a_file_is_applied_and_a_reload_reads_its_own(tmp_path: Path) -> None:
    head = '[runtime]\nworkers = 2\n[admin]\nbind = "none"\n[logs.access]\npath = "none"\n'
    web = '[listeners.web]\nprotocol = "http"\nbind = "127.0.0.1:0"\ndefault_pool = "app"\n'
    one, two = tmp_path / "one.toml", tmp_path / "two.toml"
    one.write_text(f'{head}{web}[pools.app]\nendpoints = ["127.0.0.1:1"]\n')
    two.write_text(f'{head}{web}[pools.app]\nendpoints = ["127.0.0.1:2"]\n')

    def endpoint(gateway: Gateway) -> str:
        return str(gateway.config.pools["app"].endpoints[0].address)

    async def run() -> None:
        async with Gateway.from_file(str(one)) as gateway:
            assert gateway.source == one
            assert await gateway.apply(two) == 2
            assert endpoint(gateway) == "127.0.0.1:2"
            # An applied file does not replace the source.
            assert await gateway.reload() == 3
            assert endpoint(gateway) == "127.0.0.1:1"
            one.write_text("edition = 2")
            with pytest.raises(ConfigError, match=r"one\.toml:1:11"):
                await gateway.reload()
            one.unlink()
            with pytest.raises(FileNotFoundError):
                await gateway.reload()
            assert endpoint(gateway) == "127.0.0.1:1"
            assert gateway.status()["generation"] == 3

    asyncio.run(run())


def test_without_a_file_there_is_nothing_to_reload() -> None:
    async def talk(gateway: Gateway) -> None:
        assert gateway.source is None
        with pytest.raises(EngineError, match="there is no file to read again"):
            await gateway.reload()

    conversation(talk)


@pytest.mark.parametrize(
    ("tables", "keys"),
    [
        ({"runtime": {"workers": WORKERS + 1}}, ("runtime.workers",)),
        ({"admin": {"bind": "127.0.0.1:0"}}, ("admin.bind",)),
        ({"logs": {"access": {"path": "-"}}}, ("logs.access",)),
        ({"runtime": {}, "admin": {}, "logs": {}}, ("runtime.workers", "admin.bind", "logs.access")),
    ],
)
def test_what_holds_for_the_life_of_a_process_is_refused_by_name(
    tables: dict[str, Any], keys: tuple[str, ...]
) -> None:
    async def talk(gateway: Gateway) -> None:
        before = gateway.config
        with pytest.raises(RestartRequiredError) as caught:
            await gateway.apply(configured(**tables))
        assert caught.value.keys == keys
        assert str(caught.value).startswith(", ".join(keys) + ": ")
        assert gateway.config is before
        assert gateway.status()["generation"] == 1

    conversation(talk)


def test_an_apply_that_is_refused_changes_nothing() -> None:
    web = {"protocol": "http", "default_pool": "app"}

    async def talk(gateway: Gateway) -> None:
        config, addresses, before = gateway.config, gateway.addresses, counted()[1]
        with socket.create_server(("127.0.0.1", 0)) as taken:
            listeners = {
                "new": {**web, "bind": "127.0.0.1:0"},
                "taken": {**web, "bind": f"127.0.0.1:{taken.getsockname()[1]}"},
            }
            with pytest.raises(SocketError):
                await gateway.apply(configured("127.0.0.1:2", listeners=listeners))
        listeners = {"web": {**web, "bind": "127.0.0.1:0", "default_pool": "nowhere"}}
        with pytest.raises(ConfigError, match="EG201"):
            await gateway.apply(configured(listeners=listeners))
        assert gateway.config is config
        assert gateway.addresses == addresses
        assert counted()[1] == before
        assert gateway.status()["generation"] == 1
        assert answers(addresses["web"][0])

    conversation(talk)


def test_an_apply_whose_caller_is_cancelled_happens_whole() -> None:
    async def talk(gateway: Gateway) -> None:
        applying = asyncio.create_task(gateway.apply(configured("127.0.0.1:2")))
        await asyncio.sleep(0)
        applying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await applying
        await soon(lambda: gateway.status()["generation"] == 2, "the engine has it")
        await soon(lambda: str(gateway.config.pools["app"].endpoints[0].address) == "127.0.0.1:2")

    conversation(talk)


def test_applies_at_once_come_one_after_the_other() -> None:
    async def talk(gateway: Gateway) -> None:
        configs = [configured(f"127.0.0.1:{port}") for port in range(1, 9)]
        generations = await asyncio.gather(*map(gateway.apply, configs))
        assert sorted(generations) == list(range(2, 10))
        assert gateway.config == configs[generations.index(9)]

    conversation(talk)


def test_a_change_cuts_no_connection() -> None:
    async def run(one: Upstream, other: Upstream) -> None:
        async with Gateway(configured(one.address)) as gateway:
            with await asyncio.to_thread(Client, place(gateway)) as client:

                def ask() -> bytes:
                    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                    return client.response().body

                assert await asyncio.to_thread(ask) == b"ok"
                await gateway.apply(configured(other.address))
                assert await asyncio.to_thread(ask) == b"ok"
        assert (len(one.lines), len(other.lines)) == (1, 1)

    with Upstream(answer(OK)) as one, Upstream(answer(OK)) as other:
        asyncio.run(run(one, other))


# --- checks -------------------------------------------------------------------------------------------------


def test_the_engine_hears_of_an_endpoint_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.uniform", lambda low, _: low)

    async def talk(gateway: Gateway) -> None:
        await soon(lambda: gateway.status()["pools"][0]["endpoints"][0]["healthy"] is False, "it is down")
        await gateway.apply(configured())
        assert gateway.status()["pools"][0]["endpoints"][0]["healthy"] is True

    check = {"type": "tcp", "interval": "10ms"}
    conversation(talk, configured(pools={"app": {"endpoints": ["127.0.0.1:1"], "check": check}}))


# --- drain --------------------------------------------------------------------------------------------------


def test_a_drain_closes_listeners_and_lets_a_request_finish() -> None:
    finish = threading.Event()

    def slow(line: Line) -> None:
        line.read_request()
        finish.wait(20)
        line.send(OK)

    async def run(upstream: Upstream) -> None:
        async with Gateway(configured(upstream.address)) as gateway:
            (address,) = gateway.addresses["web"]
            asking = asyncio.create_task(asyncio.to_thread(get, place(gateway), "/"))
            await soon(lambda: upstream.lines and upstream.lines[0].received, "the request is there")
            draining = asyncio.create_task(gateway.drain())
            await soon(lambda: gateway.state is State.DRAINING, "it drains")
            await soon(lambda: not answers(address), "nobody listens")
            assert not draining.done()
            finish.set()
            assert (await asking).status == 200
            assert await draining == 0

    with Upstream(slow) as upstream:
        asyncio.run(run(upstream))


def test_a_drain_gives_up_after_its_timeout_and_says_how_many_are_left() -> None:
    async def run(upstream: Upstream) -> None:
        runtime = {"workers": WORKERS, "drain_timeout": "50ms", "readiness_settle": "0s"}
        async with Gateway(configured(upstream.address, runtime=runtime)) as gateway:
            with await asyncio.to_thread(Client, place(gateway)) as client:
                client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                await soon(lambda: upstream.lines and upstream.lines[0].received, "the request is there")
                assert await gateway.drain() == 1

    with Upstream(silent) as upstream:
        asyncio.run(run(upstream))


@pytest.mark.parametrize("settle", [True, False])
def test_readiness_is_gone_before_listeners_close_unless_nobody_should_wait(settle: bool) -> None:
    async def talk(gateway: Gateway) -> None:
        assert gateway.admin_address
        host, _, port = gateway.admin_address.rpartition(":")
        (address,) = gateway.addresses["web"]
        draining = asyncio.create_task(gateway.drain(settle=settle))
        await soon(lambda: gateway.state is State.DRAINING, "it drains")
        response = await asyncio.to_thread(get, (host, int(port)), "/readyz")
        assert response.status == 503
        if settle:
            assert answers(address)
            draining.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await draining
        else:
            assert await draining == 0
            assert not answers(address)

    runtime = {"workers": WORKERS, "readiness_settle": "1h"}
    conversation(talk, configured(runtime=runtime, admin={"bind": "127.0.0.1:0"}))


def test_status_is_what_the_admin_address_says() -> None:
    async def talk(gateway: Gateway) -> None:
        assert gateway.admin_address
        host, _, port = gateway.admin_address.rpartition(":")
        response = await asyncio.to_thread(get, (host, int(port)), "/api/v1/status")
        told, asked = json.loads(response.body), gateway.status()
        for changing in ("uptime_seconds", "connections"):
            told.pop(changing)
            asked.pop(changing)
        assert told == asked

    conversation(talk, configured(admin={"bind": "127.0.0.1:0"}))
