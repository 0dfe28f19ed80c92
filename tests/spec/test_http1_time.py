"""How long a client and an endpoint may take for each part of a conversation, and who is told what when that
time is over. A client that is between two requests is told nothing: it would take it for an answer."""

from __future__ import annotations

import select
import socket
from pathlib import Path

import pytest

from tests.support.client import Client
from tests.support.gateway import RunningGateway, simple
from tests.support.upstreams import OK, Line, Upstream, answer
from tests.support.waiting import eventually, throughout

GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def has_said_something(client: Client) -> bool:
    """Whether there is something to read."""
    return bool(select.select([client.socket], [], [], 0)[0])


def test_a_head_that_never_ends_is_late_however_often_a_byte_comes(tmp_path: Path) -> None:
    with (
        Upstream(answer(OK)) as upstream,
        RunningGateway(
            tmp_path, simple([upstream.address], listener='timeouts = { header = "1s" }')
        ) as gateway,
        Client(gateway.address()) as client,
    ):
        client.send("GET / HTTP/1.1\r\nHost: a\r\nX: ")

        def drips() -> bool:
            client.send("y")
            return has_said_something(client)

        # A byte every few milliseconds: a timer that each of them restarts never rings.
        eventually(drips, "the head is late")
        response = client.response()
        assert (response.status, response.value("connection")) == (408, "close")
        assert client.is_closed()
        gateway.record(status=408)


@pytest.mark.parametrize("before", [0, 1, 3])
def test_a_client_that_says_nothing_is_told_nothing(tmp_path: Path, before: int) -> None:
    with (
        Upstream(answer(OK)) as upstream,
        RunningGateway(
            tmp_path, simple([upstream.address], listener='timeouts = { idle = "1s", header = "10s" }')
        ) as gateway,
        Client(gateway.address()) as client,
    ):
        for _ in range(before):
            assert client.send(GET).response().status == 200
        assert client.to_end() == b""
        assert len(gateway.records()) == before


def test_a_response_that_does_not_come_is_a_504_and_the_request_is_given_up(tmp_path: Path) -> None:
    ended: list[bytes] = []

    def script(line: Line) -> None:
        line.read_head()
        line.send(b"HTTP/1.1 200 O")
        ended.append(line.read_to_end())

    late = '[[routes]]\npool = "app"\ntimeouts = { first_byte = "500ms" }\n'
    with (
        Upstream(script) as upstream,
        RunningGateway(tmp_path, simple([upstream.address], more=late)) as gateway,
        Client(gateway.address()) as client,
    ):
        # A part of a head is not a head.
        assert client.send(GET).response().status == 504
        eventually(lambda: ended == [b""], "the endpoint is left")
        # The client's connection is in order.
        assert client.send(GET).response().status == 504
        assert gateway.metric("endpoint_in_flight") == 0


def test_a_whole_request_has_its_time_whatever_moves_meanwhile(tmp_path: Path) -> None:
    def script(line: Line) -> None:
        line.read_head()
        line.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            line.send(b"5\r\nhello\r\n")

    short = '[[routes]]\npool = "app"\ntimeouts = { request = "500ms" }\n'
    with (
        Upstream(script) as upstream,
        RunningGateway(tmp_path, simple([upstream.address], more=short)) as gateway,
        Client(gateway.address()) as client,
    ):
        with pytest.raises((EOFError, ConnectionResetError)):
            client.send(GET).response()
        gateway.record(ending="request_timeout")


def test_a_body_that_stands_still_is_the_fault_of_who_could_have_moved_it(tmp_path: Path) -> None:
    def script(line: Line) -> None:
        head = line.read_head()
        if head.startswith(b"GET"):
            line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc")
        line.read_to_end()

    with (
        Upstream(script) as upstream,
        RunningGateway(
            tmp_path, simple([upstream.address], listener='timeouts = { body_idle = "500ms" }')
        ) as gateway,
    ):
        with Client(gateway.address()) as client:
            client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc")
            assert client.response().status == 408
            assert client.is_closed()
        with Client(gateway.address()) as client, pytest.raises((EOFError, ConnectionResetError)):
            client.send(GET).response()
        assert gateway.record(method="POST")["ending"] == "client_timeout"
        assert gateway.record(method="GET")["ending"] == "upstream_timeout"


def test_an_upload_may_take_its_time_as_long_as_it_moves(tmp_path: Path) -> None:
    size = 400

    def script(line: Line) -> None:
        head = line.read_request()
        line.send(OK if head.endswith(b"x" * size) else b"")

    text = 'timeouts = { body_idle = "2s", header = "2s" }'
    with (
        Upstream(script) as upstream,
        RunningGateway(tmp_path, simple([upstream.address], listener=text)) as gateway,
        Client(gateway.address()) as client,
    ):
        client.send(f"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n")
        sent: list[int] = []

        def drips() -> bool:
            client.send("x")
            sent.append(1)
            assert not has_said_something(client)
            return len(sent) == size

        # More than the time that a body may stand still, byte by byte.
        eventually(drips, "all is sent")
        assert client.response().status == 200


def test_an_empty_line_behind_a_body_is_no_request(tmp_path: Path) -> None:
    text = 'timeouts = { header = "500ms", idle = "2s" }'
    with (
        Upstream(answer(OK)) as upstream,
        RunningGateway(tmp_path, simple([upstream.address], listener=text)) as gateway,
        Client(gateway.address()) as client,
    ):
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx\r\n")
        assert client.response().status == 200
        assert client.to_end() == b""


def test_a_first_letter_after_a_long_silence_is_the_beginning_of_a_request(tmp_path: Path) -> None:
    text = 'timeouts = { header = "500ms" }'
    with (
        Upstream(answer(OK)) as upstream,
        RunningGateway(tmp_path, simple([upstream.address], listener=text)) as gateway,
        Client(gateway.address()) as client,
    ):
        throughout(lambda: True, "", span=0.7)
        client.send("P")
        client.socket.settimeout(0.2)
        with pytest.raises(socket.timeout):
            client.socket.recv(1)
        client.socket.settimeout(5)
        assert client.send("OST / HTTP/1.1\r\nHost: a\r\n\r\n").response().status == 200


def test_a_client_that_reads_slowly_and_steadily_is_let_be(tmp_path: Path) -> None:
    large = b"HTTP/1.1 200 OK\r\ncontent-length: 30000000\r\n\r\n" + bytes(30_000_000)
    more = f'[[routes]]\nrespond = {{ body = "{"x" * 4_000_000}" }}\nmatch = {{ path = "/ours" }}\n'
    with (
        Upstream(answer(large)) as upstream,
        RunningGateway(tmp_path, simple([upstream.address], more=more)) as gateway,
        Client(gateway.address()) as theirs,
        Client(gateway.address()) as ours,
    ):
        theirs.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        ours.send("GET /ours HTTP/1.1\r\nHost: a\r\n\r\n")
        # At most 50 kB in a second: two hundred times what a client must take, and for longer than it must.
        throughout(
            lambda: all(client.socket.recv(500) for client in (theirs, ours)), "both are served", span=12
        )
        theirs.reset()
        ours.reset()
