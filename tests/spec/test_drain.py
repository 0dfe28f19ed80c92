"""A gateway that is told to end lets requests finish, says so to who sends traffic, and keeps its time."""

from __future__ import annotations

import signal
import socket
import threading
import time
from pathlib import Path

import pytest

from tests.support.client import Client, get
from tests.support.gateway import RunningGateway, simple
from tests.support.programs import Nginx, Wrk, need
from tests.support.upstreams import OK, Line, Script, Upstream, answer
from tests.support.waiting import eventually

GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def runtime(drain: str = "10s", settle: str = "0s") -> str:
    """Two workers, and these times."""
    return f'[runtime]\nworkers = 2\ndrain_timeout = "{drain}"\nreadiness_settle = "{settle}"\n'


def held(until: threading.Event) -> Script:
    """Answers what it is asked once it may."""

    def script(line: Line) -> None:
        while True:
            line.read_request()
            assert until.wait(20)
            line.send(OK)

    return script


def silent(line: Line) -> None:
    """Reads and never answers."""
    line.read_to_end()


def refuses(address: tuple[str, int]) -> bool:
    """Whether nobody listens."""
    try:
        socket.create_connection(address, 5).close()
    except ConnectionRefusedError:
        return True
    return False


class Steady:
    """Clients that send one request after the other until nobody listens any more."""

    def __init__(self, address: tuple[str, int], clients: int) -> None:
        self._address = address
        self.answered: set[int] = set()
        self.broken: list[str] = []
        self._threads = [threading.Thread(target=self._send, args=(n,), daemon=True) for n in range(clients)]
        for thread in self._threads:
            thread.start()

    def _send(self, first: int) -> None:
        number = first
        while True:
            try:
                client = Client(self._address)
            except (ConnectionRefusedError, ConnectionResetError):
                return
            with client:
                while True:
                    number += len(self._threads)
                    if not self._one(client, number):
                        break

    def _one(self, client: Client, number: int) -> bool:
        """Whether another may follow. A request that no byte of an answer came for is the upstream's to
        judge: if it never came there, sending it again is safe."""
        try:
            client.send(f"GET /{number} HTTP/1.1\r\nHost: a\r\n\r\n")
            first = client.exactly(1)
        except (EOFError, ConnectionError):
            return False
        try:
            client._buffer = first + client._buffer
            response = client.response()
        except (EOFError, ConnectionError) as error:
            self.broken.append(f"/{number}: {error}")
            return False
        if response.status != 200 or response.body != b"ok":
            self.broken.append(f"/{number}: {response}")
        self.answered.add(number)
        return response.value("connection") != "close"

    def ended(self) -> None:
        """Wait for all of them."""
        for thread in self._threads:
            thread.join(20)
            assert not thread.is_alive()


def test_under_load_every_request_that_reached_an_endpoint_is_answered(tmp_path: Path) -> None:
    reached: set[int] = set()

    def script(line: Line) -> None:
        while True:
            reached.add(int(line.read_head().split(b" ")[1][1:]))
            line.send(OK)

    with (
        Upstream(script) as upstream,
        RunningGateway(tmp_path, runtime() + simple([upstream.address])) as gateway,
    ):
        load = Steady(gateway.address(), clients=12)
        eventually(lambda: len(load.answered) > 300, "the load is steady")
        gateway.signal(signal.SIGTERM)
        load.ended()
        assert gateway.ended() == 0
        assert not load.broken
        assert reached == load.answered
        records = gateway.records()
        assert {record["ending"] for record in records} == {"complete"}
        assert len(records) == len(load.answered)


@need("nginx", "wrk")
def test_while_it_settles_it_is_not_ready_and_serves_all_the_same(tmp_path: Path) -> None:
    with (
        Nginx(tmp_path / "nginx") as nginx,
        RunningGateway(tmp_path, runtime(settle="3s") + simple([nginx.address])) as gateway,
    ):
        assert gateway.ask("/readyz") == (200, "ok\n")
        began = time.monotonic()
        gateway.signal(signal.SIGTERM)
        eventually(lambda: gateway.ask("/readyz")[0] == 503, "it is not ready", deadline=1)
        requests, wrong = Wrk(gateway.url("/hello"), connections=16, seconds=1).ended()
        assert (requests > 100, wrong) == (True, "")
        assert gateway.ask("/livez")[0] == 200
        assert gateway.ask("/readyz")[0] == 503
        address = gateway.address()
        assert gateway.ended() == 0
        assert 3 <= time.monotonic() - began < 6
        assert refuses(address)


def test_an_interrupt_does_not_settle(tmp_path: Path) -> None:
    with (
        Upstream(answer(OK)) as upstream,
        RunningGateway(tmp_path, runtime(settle="60s") + simple([upstream.address])) as gateway,
    ):
        gateway.signal(signal.SIGINT)
        assert gateway.ended(10) == 0


def test_requests_under_way_finish_and_their_responses_are_the_last(tmp_path: Path) -> None:
    go_on = threading.Event()
    with (
        Upstream(held(go_on)) as upstream,
        RunningGateway(tmp_path, runtime() + simple([upstream.address])) as gateway,
        Client(gateway.address()) as busy,
        Client(gateway.address()) as uploading,
        Client(gateway.address()) as idle,
    ):
        busy.send(GET)
        uploading.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc")
        eventually(lambda: len(upstream.received) == 2, "both are under way")
        eventually(lambda: gateway.status()["connections"] == 3, "the idle one is there")
        gateway.signal(signal.SIGTERM)
        assert idle.is_closed()
        eventually(lambda: refuses(gateway.address()), "nobody listens")
        assert [gateway.ask(path)[0] for path in ("/livez", "/readyz", "/startupz")] == [200, 503, 200]
        assert gateway.metric("connections") == 2
        assert gateway.status()["state"] == "draining"
        uploading.send("def")
        go_on.set()
        for client in (busy, uploading):
            response = client.response()
            assert (response.status, response.body) == (200, b"ok")
            assert client.is_closed()
        assert gateway.ended() == 0
        assert [record["request_bytes"] for record in sorted(gateway.records(), key=str)] in ([0, 6], [6, 0])


def test_a_response_that_has_begun_is_carried_to_its_end(tmp_path: Path) -> None:
    go_on = threading.Event()

    def script(line: Line) -> None:
        line.read_head()
        line.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n")
        assert go_on.wait(20)
        line.send(b"3\r\ndef\r\n0\r\n\r\n")
        line.read_to_end()

    with (
        Upstream(script) as upstream,
        RunningGateway(tmp_path, runtime() + simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        head = client.send(GET).head()
        assert (head.value("transfer-encoding"), client.until(b"abc\r\n")) == (
            "chunked",
            b"3\r\nabc\r\n",
        )
        gateway.signal(signal.SIGTERM)
        eventually(lambda: refuses(gateway.address()), "nobody listens")
        go_on.set()
        assert client.to_end() == b"3\r\ndef\r\n0\r\n\r\n"
        assert gateway.ended() == 0


def test_what_takes_longer_than_drain_timeout_is_cut(tmp_path: Path) -> None:
    with (
        Upstream(silent) as upstream,
        RunningGateway(tmp_path, runtime(drain="700ms") + simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        client.send(GET)
        eventually(lambda: upstream.received and b"\r\n\r\n" in upstream.received[0], "it is under way")
        began = time.monotonic()
        gateway.signal(signal.SIGTERM)
        assert client.is_closed()
        assert gateway.ended() == 0
        assert 0.7 <= time.monotonic() - began < 5
        assert "1 connections are cut after 700ms" in gateway.said()


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(tmp_path: Path, second: signal.Signals) -> None:
    with (
        Upstream(silent) as upstream,
        RunningGateway(tmp_path, runtime(drain="60s", settle="60s") + simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        client.send(GET)
        eventually(lambda: upstream.received and b"\r\n\r\n" in upstream.received[0], "it is under way")
        gateway.signal(signal.SIGTERM)
        eventually(lambda: gateway.ask("/readyz")[0] == 503, "it drains")
        gateway.signal(second)
        assert gateway.ended(5) == 0
        assert client.is_closed()
        assert "stopping at once: a second signal came" in gateway.said()


def test_probes_and_metrics_answer_to_the_end(tmp_path: Path) -> None:
    with (
        Upstream(silent) as upstream,
        RunningGateway(tmp_path, runtime(drain="1s") + simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        client.send(GET)
        eventually(lambda: upstream.received and b"\r\n\r\n" in upstream.received[0], "it is under way")
        gateway.signal(signal.SIGTERM)
        answers, last = 0, time.monotonic()
        while True:
            try:
                assert gateway.ask("/livez")[0] == 200
                assert "expressgateway_connections" in gateway.ask("/metrics")[1]
            except OSError:
                break
            answers, last = answers + 1, time.monotonic()
        assert client.is_closed()
        assert gateway.ended() == 0
        assert answers > 3
        assert time.monotonic() - last < 2


def test_the_drained_address_can_be_had_again_at_once(tmp_path: Path) -> None:
    with Upstream(answer(OK)) as upstream:
        with RunningGateway(tmp_path, runtime() + simple([upstream.address])) as gateway:
            address = gateway.address()
            assert get(address).status == 200
            gateway.signal(signal.SIGTERM)
            assert gateway.ended() == 0
        bind = f'bind = "127.0.0.1:{address[1]}"'
        text = simple([upstream.address]).replace('bind = "127.0.0.1:0"', bind)
        with RunningGateway(tmp_path, runtime() + text):
            assert get(address).status == 200
