"""Responses before the response (RFC 9110, 15.2): they come through one by one, in order, bounded, and only
to clients that can read them. An expectation is the endpoint's to meet (RFC 9110, 10.1.1)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.client import Client
from tests.support.gateway import RunningGateway, simple
from tests.support.upstreams import OK, GoneError, Line, Script, Upstream
from tests.support.waiting import eventually, throughout

POST = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
ONE_WORKER = "[runtime]\nworkers = 1\n"


def hints(count: int) -> Script:
    """So many early hints before each answer."""

    def script(line: Line) -> None:
        while True:
            line.read_request()
            for number in range(count):
                line.send(b"HTTP/1.1 103 Early Hints\r\nLink: </%d>; rel=preload\r\n\r\n" % number)
            line.send(OK)

    return script


def test_a_body_waits_for_the_endpoint_to_say_continue(tmp_path: Path) -> None:
    def script(line: Line) -> None:
        while True:
            head = line.read_head()
            assert b"\r\nExpect: 100-continue\r\n" in head
            line.send(CONTINUE)
            assert line.read_exactly(3) == b"abc"
            line.send(OK)

    with (
        Upstream(script) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        for _ in range(3):
            assert client.send(POST).response().status == 100
            response = client.send("abc").response()
            assert (response.status, response.body) == (200, b"ok")
        assert len(upstream.lines) == 1


def test_nobody_but_the_endpoint_says_continue(tmp_path: Path) -> None:
    def script(line: Line) -> None:
        line.read_head()
        assert line.read_exactly(3) == b"abc"
        line.send(OK)

    with (
        Upstream(script) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        client.send(POST)
        eventually(lambda: upstream.received and upstream.received[0].endswith(b"\r\n\r\n"), "the head")
        # A client that has waited long enough sends its body, and nothing has been said in between.
        assert client.send("abc").response().status == 200


def test_an_endpoint_that_refuses_instead_of_saying_continue_never_sees_the_body(tmp_path: Path) -> None:
    def script(line: Line) -> None:
        line.read_head()
        line.send(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 2\r\n\r\nno")
        assert line.read_to_end() == b""

    with (
        Upstream(script) as upstream,
        RunningGateway(tmp_path, ONE_WORKER + simple([upstream.address])) as gateway,
    ):
        for _ in range(2):
            with Client(gateway.address()) as client:
                response = client.send(POST).response()
                assert (response.status, response.body) == (401, b"no")
                # Whether this is the body or a request, nobody can tell any more.
                client.send("abc" + GET)
                assert client.is_closed()
        # The endpoint would read what comes next as the body: its connection is not used again either.
        assert len(upstream.lines) == 2


def test_an_http_1_0_client_hears_nothing_before_the_response(tmp_path: Path) -> None:
    def script(line: Line) -> None:
        line.read_head()
        line.send(CONTINUE + b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n")
        line.read_exactly(3)
        line.send(OK)

    with (
        Upstream(script) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        response = client.send(POST.replace("HTTP/1.1", "HTTP/1.0") + "abc").response()
        assert (response.status, response.body) == (200, b"ok")
        assert client.is_closed()


def test_hints_arrive_in_order_with_their_fields_and_before_the_response(tmp_path: Path) -> None:
    with (
        Upstream(hints(16)) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        client.send(GET + GET)
        for _ in range(2):
            for number in range(16):
                hint = client.response()
                assert (hint.status, hint.fields) == (103, [("link", f"</{number}>; rel=preload")])
            assert client.response().body == b"ok"


def test_hints_do_not_wait_for_the_response(tmp_path: Path) -> None:
    def script(line: Line) -> None:
        line.read_head()
        line.send(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n")
        line.read_to_end()

    with (
        Upstream(script) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        assert client.send(GET).response().status == 103
        client.reset()


def test_an_endpoint_that_never_comes_to_the_response_is_given_up(tmp_path: Path) -> None:
    with (
        Upstream(hints(17)) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        client.send(GET)
        assert [client.response().status for _ in range(16)] == [103] * 16
        assert client.response().status == 502
        # The client's side is in order. The endpoint's is not.
        client.send(GET)
        assert client.response().status == 103
        assert len(upstream.lines) == 2


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_a_request_that_was_answered_in_part_is_not_repeated(tmp_path: Path, version: str) -> None:
    def script(line: Line) -> None:
        line.read_request()
        line.send(OK)
        line.read_request()
        line.send(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n")

    with (
        Upstream(script) as upstream,
        RunningGateway(tmp_path, ONE_WORKER + simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        assert client.send(GET).response().status == 200
        client.send(f"GET / {version}\r\nHost: a\r\n\r\n")
        if version == "HTTP/1.1":
            assert client.response().status == 103
        assert client.response().status == 502
        throughout(lambda: len(upstream.lines) == 1, "it is not asked again", span=0.2)


def test_a_switch_that_nobody_asked_for_is_an_error(tmp_path: Path) -> None:
    ended = []

    def script(line: Line) -> None:
        line.read_head()
        line.send(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nhello")
        try:
            line.read_exactly(1)
        except (GoneError, OSError):
            ended.append(line.number)

    with (
        Upstream(script) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        assert client.send(GET).response().status == 502
        eventually(lambda: ended == [0], "the endpoint's connection is destroyed")
        assert client.send(GET).response().status == 502


def test_an_expectation_finds_another_endpoint_where_the_first_cannot_be_reached(tmp_path: Path) -> None:
    def script(line: Line) -> None:
        while True:
            line.read_head()
            line.send(CONTINUE)
            assert line.read_exactly(3) == b"abc"
            line.send(OK)

    with (
        Upstream(script) as upstream,
        RunningGateway(tmp_path, ONE_WORKER + simple(["127.0.0.1:1", upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        for _ in range(4):
            assert client.send(POST).response().status == 100
            assert client.send("abc").response().status == 200
        assert {record["attempts"] for record in eventually(gateway.records, "records")} <= {1, 2}


def test_a_client_that_waits_for_continue_is_not_slow(tmp_path: Path) -> None:
    def script(line: Line) -> None:
        line.read_head()
        # Longer than the grace of `min_rate`.
        throughout(lambda: True, "", span=11)
        line.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        line.read_exactly(3)
        line.send(OK)

    with (
        Upstream(script) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert client.response().status == 100
        assert client.send("abc").response().status == 200
