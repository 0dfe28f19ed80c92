"""Requests go where they can be answered: around endpoints that are down, on from those that cannot be
connected to, and never twice where twice would do harm."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.support.client import Client, get
from tests.support.gateway import RunningGateway, simple
from tests.support.upstreams import OK, Line, Upstream, answer
from tests.support.waiting import eventually

GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
ONE_WORKER = '[runtime]\nworkers = 1\ndrain_timeout = "5s"\nreadiness_settle = "0s"\n'
CHECK = 'check = { type = "tcp", interval = "50ms", timeout = "500ms", rise = 2, fall = 2 }'


@contextmanager
def nobody() -> Iterator[str]:
    """An address that refuses connections and is nobody else's meanwhile: bound, and not listened on."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


@contextmanager
def full() -> Iterator[str]:
    """An address whose queue is full: the kernel drops what wants to connect."""
    with ExitStack() as opened:
        listening = opened.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(8):
            waiting = opened.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        yield f"127.0.0.1:{listening.getsockname()[1]}"


def healthy(gateway: RunningGateway, endpoint: str) -> bool:
    """What the engine goes by."""
    return gateway.metric("endpoint_healthy", pool="app", endpoint=endpoint) == 1


def test_a_check_takes_a_dead_endpoint_out_on_every_worker_and_brings_it_back(tmp_path: Path) -> None:
    with Upstream(answer(OK)) as steady, ExitStack() as opened:
        mortal = opened.enter_context(socket.create_server(("127.0.0.1", 0)))
        port = mortal.getsockname()[1]
        name = f"127.0.0.1:{port}"
        with RunningGateway(tmp_path, simple([steady.address, name], pool=CHECK)) as gateway:
            assert healthy(gateway, name)
            mortal.close()
            eventually(lambda: not healthy(gateway, name), "it is out")
            failures = gateway.metric("endpoint_failures_total", endpoint=name)
            requests = gateway.metric("endpoint_requests_total", endpoint=name)
            # So many connections that both workers get some.
            assert {get(gateway.address()).status for _ in range(60)} == {200}
            assert gateway.metric("endpoint_failures_total", endpoint=name) == failures
            assert gateway.metric("endpoint_requests_total", endpoint=name) == requests
            assert gateway.metric("endpoint_requests_total", endpoint=steady.address) == 60

            back = opened.enter_context(Revived(port))
            eventually(lambda: healthy(gateway, name), "it is back")
            assert {get(gateway.address()).status for _ in range(60)} == {200}
            assert gateway.metric("endpoint_requests_total", endpoint=name) > requests
            assert back.served > 0
            said = gateway.said()
            assert f"pool app: endpoint {name} is down: Connection refused" in said
            assert f"pool app: endpoint {name} is up" in said


class Revived:
    """An endpoint on a port that one had before; it answers each connection once."""

    def __init__(self, port: int) -> None:
        self._listening = socket.create_server(("127.0.0.1", port))
        self.served = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Revived:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(10)

    def _serve(self) -> None:
        while True:
            try:
                one, _ = self._listening.accept()
            except OSError:
                return
            with one:
                one.settimeout(10)
                # Checks say nothing.
                if b"\r\n\r\n" in one.recv(65536):
                    one.sendall(OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
                    self.served += 1


def test_one_failure_of_a_check_is_not_enough(tmp_path: Path) -> None:
    check = CHECK.replace("fall = 2", "fall = 100")
    with Upstream(answer(OK)) as steady, socket.create_server(("127.0.0.1", 0)) as mortal:
        name = f"127.0.0.1:{mortal.getsockname()[1]}"
        with RunningGateway(tmp_path, simple([steady.address, name], pool=check)) as gateway:
            # The first check has been made: from here on only failures in a row count.
            mortal.settimeout(10)
            mortal.accept()[0].close()
            mortal.accept()[0].close()
            mortal.close()
            assert {get(gateway.address()).status for _ in range(20)} == {200}
            assert gateway.metric("endpoint_failures_total", endpoint=name) > 0
            assert healthy(gateway, name)


def test_when_all_are_down_the_answer_is_503(tmp_path: Path) -> None:
    with (
        nobody() as one,
        nobody() as other,
        RunningGateway(tmp_path, simple([one, other], pool=CHECK)) as gateway,
    ):
        eventually(lambda: not healthy(gateway, one) and not healthy(gateway, other), "both are out")
        before = gateway.metric("endpoint_requests_total")
        with Client(gateway.address()) as client:
            # The connection is as good as before.
            for _ in range(2):
                assert client.send(GET.replace(" /", " /down", 1)).response().status == 503
        assert gateway.metric("endpoint_requests_total") == before
        eventually(lambda: len(gateway.records()) == 2, "both records")
        records = gateway.records()
        assert {(one["status"], one["attempts"], one["endpoint"]) for one in records} == {(503, 0, None)}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_failed_connect_moves_on_to_another_endpoint(tmp_path: Path, method: str) -> None:
    request = f"{method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
    with (
        nobody() as dead,
        Upstream(answer(OK)) as upstream,
        RunningGateway(tmp_path, ONE_WORKER + simple([dead, upstream.address])) as gateway,
    ):
        for _ in range(4):
            with Client(gateway.address()) as client:
                assert client.send(request).response().status == 200
        failures = gateway.metric("endpoint_failures_total", endpoint=dead)
        assert failures > 0
        assert gateway.metric("endpoint_requests_total", endpoint=upstream.address) == 4
        eventually(lambda: len(gateway.records()) == 4, "all records")
        assert sum(record["attempts"] for record in gateway.records()) == 4 + failures
        assert b"".join(upstream.received).count(b"\r\n\r\nabc") == 4


def test_nobody_to_connect_to_is_502_and_says_whose_fault(tmp_path: Path) -> None:
    with nobody() as dead, RunningGateway(tmp_path, simple([dead])) as gateway:
        assert get(gateway.address(), "/x").status in (502, 503)
        record = gateway.record(target="/x")
        assert (record["ending"], record["by"], record["endpoint"]) == ("connect_failed", "upstream", dead)


def test_a_connect_that_takes_too_long_is_504(tmp_path: Path) -> None:
    with (
        full() as slow,
        RunningGateway(tmp_path, simple([slow], pool='timeouts.connect = "300ms"')) as gateway,
    ):
        assert get(gateway.address(), "/x").status == 504
        record = gateway.record(target="/x")
        assert (record["ending"], record["endpoint"]) == ("connect_timeout", slow)
        assert 300_000 <= record["duration_us"] < 3_000_000


def test_a_connect_that_takes_too_long_moves_on_if_there_is_another(tmp_path: Path) -> None:
    with (
        full() as slow,
        Upstream(answer(OK)) as upstream,
        RunningGateway(
            tmp_path, ONE_WORKER + simple([slow, upstream.address], pool='timeouts.connect = "300ms"')
        ) as gateway,
    ):
        assert [get(gateway.address()).status for _ in range(2)] == [200, 200]
        assert gateway.metric("endpoint_failures_total", endpoint=slow) > 0


@pytest.mark.parametrize(
    "response",
    [
        b"",
        b"HTTP/1.1 200 OK\r\ncontent-le",
        b"SSH-2.0-OpenSSH_9.2p1\r\n\r\n",
        b"\x00\x01\x02\x03\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok!",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nbad name: x\r\n\r\n",
    ],
)
def test_no_answer_and_garbage_are_502_and_not_asked_for_twice(tmp_path: Path, response: bytes) -> None:
    def script(line: Line) -> None:
        line.read_request()
        line.send(response)

    post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
    with (
        Upstream(script) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        assert client.send(post).response().status == 502
        assert len(upstream.received) == 1
        record = gateway.record(status=502)
        assert record["ending"] in ("upstream_gone", "upstream_malformed")
        assert record["by"] == "upstream"
        assert gateway.metric("endpoint_failures_total") == 1


def dies_when_reused(line: Line) -> None:
    """Answers the first request of its first connection, and then reads another before it goes."""
    line.read_request()
    line.send(OK)
    line.read_request()
    if line.number:
        line.send(OK)


def test_a_kept_connection_that_dies_is_replaced_without_the_client_noticing(tmp_path: Path) -> None:
    with (
        Upstream(dies_when_reused) as upstream,
        RunningGateway(tmp_path, ONE_WORKER + simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        assert [client.send(GET).response().status for _ in range(2)] == [200, 200]
        assert len(upstream.received) == 2
        assert gateway.metric("upstream_reuses_total") == 1


def test_a_request_that_may_not_be_repeated_is_not(tmp_path: Path) -> None:
    post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
    with (
        Upstream(dies_when_reused) as upstream,
        RunningGateway(tmp_path, ONE_WORKER + simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        assert client.send(GET).response().status == 200
        assert client.send(post).response().status == 502
        assert b"".join(upstream.received).count(b"POST /") == 1
        assert client.send(GET).response().status == 200


def test_a_kept_connection_that_its_endpoint_has_closed_is_not_used(tmp_path: Path) -> None:
    def script(line: Line) -> None:
        line.read_request()
        line.send(OK)

    post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
    with (
        Upstream(script) as upstream,
        RunningGateway(tmp_path, ONE_WORKER + simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        for number in range(3):
            assert client.send(post).response().status == 200
            line = upstream.connection(number)
            eventually(lambda line=line: line.socket.fileno() < 0, "the endpoint has closed")  # type: ignore[misc]
        assert len(upstream.received) == 3
