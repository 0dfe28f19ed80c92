"""Responses that come before the request is complete (RFC 9112, 9.5): they arrive, whatever becomes of the
upload, and what is left of the upload never becomes a request."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.support.client import Client
from tests.support.gateway import RunningGateway, simple
from tests.support.upstreams import OK, Line, Upstream, answer
from tests.support.waiting import eventually

REFUSAL = b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 3\r\nconnection: close\r\n\r\nbig"
UPLOAD = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n"
CHUNKED = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
ONE_WORKER = "[runtime]\nworkers = 1\n"


@pytest.mark.parametrize("ending", ["reset", "close", "wait"])
@pytest.mark.parametrize("head", [UPLOAD, CHUNKED + "f4240\r\n"], ids=["length", "chunks"])
def test_a_refusal_reaches_a_client_that_is_still_sending(tmp_path: Path, head: str, ending: str) -> None:
    def script(line: Line) -> None:
        line.read_head()
        line.send(REFUSAL)
        if ending == "reset":
            line.reset()
        elif ending == "wait":
            line.read_to_end()

    with (
        Upstream(script) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
    ):
        for _ in range(5):
            with Client(gateway.address()) as client:
                client.send(head + "x" * 100_000)
                response = client.response()
                assert (response.status, response.body) == (413, b"big")
                # The rest of the upload cannot be told from a request any more.
                assert client.is_closed()
        assert len(upstream.lines) == 5


def test_a_refusal_reaches_a_client_that_reads_only_once_it_has_sent_all(tmp_path: Path) -> None:
    def script(line: Line) -> None:
        line.read_head()
        line.send(REFUSAL)

    with (
        Upstream(script) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n" + "x" * 200_000)
        response = client.response()
        assert (response.status, response.body) == (413, b"big")


@pytest.mark.parametrize(
    ("more", "status"),
    [
        pytest.param("[[routes]]\nrespond = { status = 403 }\n", 403, id="a route answers"),
        pytest.param('[[routes]]\nredirect = "https"\n', 308, id="a route redirects"),
        pytest.param('[[routes]]\npool = "none"\n[pools.none]\nendpoints = []\n', 503, id="no endpoint"),
    ],
)
def test_an_answer_of_our_own_reaches_a_client_that_sends_all_first(
    tmp_path: Path, more: str, status: int
) -> None:
    with (
        Upstream(answer(OK)) as upstream,
        RunningGateway(tmp_path, simple([upstream.address], more=more)) as gateway,
        Client(gateway.address()) as client,
    ):
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n" + "x" * 200_000)
        client.send(SMUGGLED)
        response = client.response()
        assert (response.status, response.value("connection")) == (status, "close")
        assert client.is_closed()


def test_a_response_streams_while_the_request_does_and_the_connections_go_on(tmp_path: Path) -> None:
    def script(line: Line) -> None:
        line.read_head()
        line.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        while size := int(line.read_until(b"\r\n"), 16):
            line.send(b"%x\r\n%b\r\n" % (size, line.read_exactly(size)))
            line.read_until(b"\r\n")
        line.read_until(b"\r\n")
        line.send(b"0\r\nX-Sum: 1\r\n\r\n")
        answer(OK)(line)

    with (
        Upstream(script) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        assert client.send(CHUNKED).head().status == 200
        for word in (b"one", b"two", b"three"):
            client.send(b"%x\r\n%b\r\n" % (len(word), word))
            assert client.until(b"\r\n") == b"%x\r\n" % len(word)
            assert client.exactly(len(word) + 2) == word + b"\r\n"
        client.send("0\r\n\r\n")
        assert client.until(b"\r\n\r\n") == b"0\r\nX-Sum: 1\r\n\r\n"
        assert client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").response().body == b"ok"
        assert len(upstream.lines) == 1


def test_what_follows_an_early_response_is_neither_forwarded_nor_served(tmp_path: Path) -> None:
    resets: list[Line] = []

    def script(line: Line) -> None:
        line.read_head()
        line.read_exactly(3)
        line.send(OK)
        try:
            line.read_to_end()
        except ConnectionResetError:
            resets.append(line)

    with (
        Upstream(script) as upstream,
        RunningGateway(tmp_path, ONE_WORKER + simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        client.send(f"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {3 + len(SMUGGLED)}\r\n\r\nabc")
        assert client.response().body == b"ok"
        # The endpoint has said all: it is told at once that nobody will send the rest, and not by an end,
        # which could be taken for that of the body.
        eventually(lambda: resets, "the endpoint sees the reset")
        client.send(SMUGGLED + SMUGGLED)
        assert client.is_closed()
        assert [line.received.endswith(b"abc") for line in upstream.lines] == [True]


def test_an_endpoint_that_closes_during_an_upload_and_says_nothing_is_a_502(tmp_path: Path) -> None:
    def script(line: Line) -> None:
        line.read_head()
        line.read_exactly(3)

    with (
        Upstream(script) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        client.send(UPLOAD + "abc")
        response = client.response()
        assert (response.status, response.value("connection")) == (502, "close")
        assert client.is_closed()
        assert len(upstream.lines) == 1


def test_a_client_that_does_not_read_the_early_response_stalls_its_own_upload_only(tmp_path: Path) -> None:
    stop = threading.Event()

    def script(line: Line) -> None:
        line.read_head()
        line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n")
        while not stop.is_set():
            line.send(bytes(65536))

    quick = "[[routes]]\nrespond = { status = 204 }\nmatch = { path = '/quick' }\n"
    with (
        Upstream(script) as upstream,
        RunningGateway(tmp_path, ONE_WORKER + simple([upstream.address], more=quick)) as gateway,
        Client(gateway.address(), receive_buffer=65536) as client,
        Client(gateway.address()) as bystander,
    ):
        client.socket.settimeout(0.5)
        with pytest.raises(TimeoutError):
            # More than the kernel takes on both ways together.
            client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60000000\r\n\r\n" + "x" * 60_000_000)
        for _ in range(20):
            request = "GET /quick HTTP/1.1\r\nHost: a\r\n\r\n"
            assert bystander.send(request).response().status == 204
        stop.set()
        client.reset()


def test_a_large_upload_that_is_refused_can_be_sent_to_its_end(tmp_path: Path) -> None:
    more = "[[routes]]\nrespond = { status = 403 }\n"
    with (
        Upstream(answer(OK)) as upstream,
        RunningGateway(tmp_path, simple([upstream.address], more=more)) as gateway,
        Client(gateway.address()) as client,
    ):
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20000000\r\n\r\n" + "x" * 20_000_000)
        assert client.response().status == 403


def test_an_early_response_says_that_the_connection_ends(tmp_path: Path) -> None:
    def script(line: Line) -> None:
        line.read_head()
        line.send(OK)

    with (
        Upstream(script) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
        assert client.response().value("connection") == "close"
