"""Connections to endpoints are used again only where that is safe, and a request is sent again only where
nothing can happen twice (RFC 9112, 9.3.1)."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.support.client import Client
from tests.support.gateway import RunningGateway, simple
from tests.support.upstreams import OK, Line, Script, Upstream, answer
from tests.support.waiting import eventually

ONE_WORKER = "[runtime]\nworkers = 1\n"
GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = "POST / HTTP/1.1\r\nHost: a\r\n\r\n"
PUT_BODY = "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
POST_BODY = PUT_BODY.replace("PUT", "POST")


def dies(how: str) -> Script:
    """Answers, and dies of the second request of the first connection."""

    def script(line: Line) -> None:
        line.read_request()
        line.send(OK)
        if line.number > 0:
            answer(OK)(line)
        line.read_request()
        if how == "reset":
            line.reset()
        elif how == "garbage":
            line.send(b"garbage\r\n\r\n")

    return script


@pytest.mark.parametrize("how", ["end", "reset"])
@pytest.mark.parametrize(
    ("request_text", "asks"),
    [
        pytest.param(GET, 2, id="GET"),
        pytest.param(GET.replace("GET", "DELETE"), 2, id="DELETE"),
        pytest.param(GET.replace("GET", "OPTIONS"), 2, id="OPTIONS"),
        pytest.param(POST, 1, id="POST without body"),
        pytest.param(POST_BODY, 1, id="POST"),
        pytest.param(PUT_BODY, 1, id="PUT whose body has gone"),
        pytest.param(GET.replace("GET", "PURGE"), 1, id="unknown"),
        pytest.param(GET.replace("GET", "PATCH"), 1, id="PATCH"),
    ],
)
def test_a_request_is_sent_again_only_where_nothing_can_happen_twice(
    tmp_path: Path, request_text: str, asks: int, how: str
) -> None:
    with (
        Upstream(dies(how)) as upstream,
        RunningGateway(tmp_path, ONE_WORKER + simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        assert client.send(GET).response().status == 200
        status = client.send(request_text).response().status
        assert status == (200 if asks == 2 else 502)
        method = request_text.partition(" ")[0].encode()
        seen = b"".join(upstream.received)
        assert seen.count(method + b" / HTTP/1.1") == asks + (method == b"GET")


def test_an_endpoint_that_speaks_nonsense_is_not_asked_again(tmp_path: Path) -> None:
    with (
        Upstream(dies("garbage")) as upstream,
        RunningGateway(tmp_path, ONE_WORKER + simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        assert client.send(GET).response().status == 200
        assert client.send(GET).response().status == 502
        assert b"".join(upstream.received).count(b"GET /") == 2
        # And its connection is gone: the next request has a new one.
        assert client.send(GET).response().status == 200
        assert len(upstream.lines) == 2


def test_a_fresh_connection_that_dies_is_not_replaced(tmp_path: Path) -> None:
    def script(line: Line) -> None:
        line.read_request()

    with (
        Upstream(script) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        assert client.send(GET).response().status == 502
        assert len(upstream.lines) == 1


@pytest.mark.parametrize("how", ["end", "reset"])
def test_a_connection_that_died_while_it_was_idle_is_not_used(tmp_path: Path, how: str) -> None:
    go_on = threading.Event()

    def script(line: Line) -> None:
        line.read_request()
        line.send(OK)
        assert go_on.wait(20)
        if how == "reset":
            line.reset()

    with (
        Upstream(script) as upstream,
        RunningGateway(tmp_path, ONE_WORKER + simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        # A POST with a body could not be sent again.
        assert client.send(POST_BODY).response().status == 200
        eventually(lambda: gateway.metric("upstream_idle") == 1, "it is kept")
        go_on.set()
        eventually(lambda: gateway.metric("upstream_idle") == 0, "its end is noticed without a request")
        for number in range(1, 4):
            assert client.send(POST_BODY).response().status == 200
            assert len(upstream.lines) == number + 1
            eventually(lambda: gateway.metric("upstream_idle") == 0, "its end is noticed")


def test_a_response_that_nobody_asked_for_is_nobodys(tmp_path: Path) -> None:
    go_on = threading.Event()

    def script(line: Line) -> None:
        line.read_request()
        line.send(OK)
        assert go_on.wait(20)
        if line.number == 0:
            line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil")
        answer(OK)(line)

    with (
        Upstream(script) as upstream,
        RunningGateway(tmp_path, ONE_WORKER + simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        assert client.send(GET).response().body == b"ok"
        eventually(lambda: gateway.metric("upstream_idle") == 1, "it is kept")
        go_on.set()
        eventually(lambda: gateway.metric("upstream_idle") == 0, "who speaks unasked is not kept")
        assert client.send(GET).response().body == b"ok"
        assert len(upstream.lines) == 2


@pytest.mark.parametrize(
    ("response", "connections"),
    [
        pytest.param(OK, 1, id="HTTP/1.1"),
        pytest.param(OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"), 3, id="close"),
        pytest.param(OK.replace(b"HTTP/1.1", b"HTTP/1.0"), 3, id="HTTP/1.0"),
        pytest.param(
            OK.replace(b"HTTP/1.1", b"HTTP/1.0").replace(b"\r\n\r\n", b"\r\nconnection: keep-alive\r\n\r\n"),
            1,
            id="HTTP/1.0 that keeps",
        ),
    ],
)
def test_an_endpoint_keeps_its_connection_or_not(tmp_path: Path, response: bytes, connections: int) -> None:
    with (
        Upstream(answer(response)) as upstream,
        RunningGateway(tmp_path, ONE_WORKER + simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        for _ in range(3):
            assert client.send(GET).response().body == b"ok"
        assert len(upstream.lines) == connections


@pytest.mark.parametrize("time", ['keepalive = "0s"', 'keepalive = "1ms"', 'max_age = "1ms"'])
def test_a_connection_is_not_used_beyond_its_time(tmp_path: Path, time: str) -> None:
    ended: list[int] = []

    def script(line: Line) -> None:
        line.read_request()
        line.send(OK)
        assert line.read_to_end() == b""
        ended.append(line.number)

    with (
        Upstream(script) as upstream,
        RunningGateway(
            tmp_path, ONE_WORKER + simple([upstream.address], pool=f"timeouts = {{ {time} }}")
        ) as gateway,
        Client(gateway.address()) as client,
    ):
        for number in range(3):
            assert client.send(GET).response().status == 200
            # It is closed when its time is over, and not only when somebody would have it.
            eventually(lambda: ended == list(range(len(upstream.lines))), "it is closed")
            assert len(upstream.lines) == number + 1


@pytest.mark.parametrize("request_text", [GET, POST_BODY, POST])
def test_who_cannot_be_connected_to_costs_a_request_nothing(tmp_path: Path, request_text: str) -> None:
    with (
        Upstream(answer(OK)) as upstream,
        RunningGateway(tmp_path, ONE_WORKER + simple(["127.0.0.1:1", upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        for _ in range(6):
            assert client.send(request_text).response().status == 200
        assert b"".join(upstream.received).count(request_text.partition(" ")[0].encode() + b" / ") == 6
        assert gateway.metric("endpoint_in_flight") == 0


def test_a_client_that_closes_leaves_the_endpoints_connection_to_others(tmp_path: Path) -> None:
    with (
        Upstream(answer(OK)) as upstream,
        RunningGateway(tmp_path, ONE_WORKER + simple([upstream.address])) as gateway,
    ):
        for _ in range(5):
            with Client(gateway.address()) as client:
                closing = GET.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")
                assert client.send(closing).response().status == 200
                assert client.is_closed()
        assert len(upstream.lines) == 1


def test_a_part_of_a_response_is_not_asked_for_again(tmp_path: Path) -> None:
    def script(line: Line) -> None:
        line.read_request()
        line.send(OK)
        line.read_request()
        line.send(b"HTTP/1.1 20")

    with (
        Upstream(script) as upstream,
        RunningGateway(tmp_path, "[runtime]\nworkers = 1\n" + simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        assert client.send(GET).response().status == 200
        assert client.send(GET).response().status == 502
