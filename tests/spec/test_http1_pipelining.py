"""Requests that a client writes one behind the other are answered one by one, in their order, and never
more of them are under way than one: what is not read yet stays with the client."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.support.client import Client, get
from tests.support.gateway import RunningGateway, simple
from tests.support.upstreams import OK, Line, Upstream, answer
from tests.support.waiting import eventually, throughout

GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def named(path: str, more: str = "") -> str:
    """A request for a path."""
    return f"GET {path} HTTP/1.1\r\nHost: a\r\n{more}\r\n"


def echo(line: Line) -> None:
    """Answers with the request line and the body that was read."""
    while True:
        head, _, body = line.read_request().partition(b"\r\n\r\n")
        said = head.split(b"\r\n")[0] + b"|" + body
        line.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(said), said))


def paths(upstream: Upstream) -> list[str]:
    """The paths that were asked for, connection by connection."""
    heads = b"".join(upstream.received).split(b"\r\n\r\n")
    return [head.split(b" ")[1].decode() for head in heads if head]


def test_requests_written_at_once_are_answered_in_their_order(tmp_path: Path) -> None:
    with (
        Upstream(echo) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        client.send("".join(named(f"/{number}") for number in range(200)))
        for number in range(200):
            assert client.response().body == f"GET /{number} HTTP/1.1|".encode()
        # One at a time needs one connection to the endpoint.
        assert len(upstream.lines) == 1


def test_a_request_waits_until_the_one_before_it_is_answered(tmp_path: Path) -> None:
    go_on = threading.Event()

    def script(line: Line) -> None:
        while True:
            line.read_request()
            assert go_on.wait(20)
            line.send(OK)

    with (
        Upstream(script) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        client.send(named("/first") + named("/second") + named("/third"))
        eventually(lambda: paths(upstream) == ["/first"], "the first arrives")
        throughout(lambda: paths(upstream) == ["/first"], "the others wait", span=0.3)
        go_on.set()
        assert [client.response().body for _ in range(3)] == [b"ok"] * 3
        assert paths(upstream) == ["/first", "/second", "/third"]


def test_a_body_between_requests_is_not_taken_for_one(tmp_path: Path) -> None:
    looks_like_one = named("/smuggled")
    with (
        Upstream(echo) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        size = len(looks_like_one)
        client.send(
            f"POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n{looks_like_one}"
            "POST /chunks HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            f"{size:x};x=y\r\n{looks_like_one}\r\n0\r\n\r\n" + named("/last")
        )
        assert client.response().body == f"POST /length HTTP/1.1|{looks_like_one}".encode()
        chunked = f"{size:x}\r\n{looks_like_one}\r\n0\r\n\r\n"
        assert client.response().body == f"POST /chunks HTTP/1.1|{chunked}".encode()
        assert client.response().body == b"GET /last HTTP/1.1|"


@pytest.mark.parametrize(
    ("last", "status"),
    [
        pytest.param(named("/last", "Connection: close\r\n"), 200, id="it says so"),
        pytest.param("GET /last HTTP/1.0\r\nHost: a\r\n\r\n", 200, id="HTTP/1.0"),
        pytest.param(named("/last", "Content-Length: +1\r\n"), 400, id="malformed"),
        pytest.param("GET /last HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", 400, id="a line without CR"),
        pytest.param("GET /last HTTP/1.1\r\n\r\n", 400, id="no Host"),
    ],
)
def test_nothing_behind_the_last_request_is_served(tmp_path: Path, last: str, status: int) -> None:
    with (
        Upstream(answer(OK)) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        client.send(named("/first") + last + named("/smuggled") * 3)
        assert client.response().status == 200
        response = client.response()
        assert (response.status, response.value("connection")) == (status, "close")
        assert client.is_closed()
        assert "/smuggled" not in paths(upstream)


def test_the_limits_of_a_request_are_not_those_of_the_requests_behind_it(tmp_path: Path) -> None:
    text = 'limits = { request_header = "200B", headers = 5, request_body = "10B" }'
    with (
        Upstream(answer(OK)) as upstream,
        RunningGateway(tmp_path, simple([upstream.address], listener=text)) as gateway,
        Client(gateway.address()) as client,
    ):
        post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789"
        client.send((GET + post) * 40 + f"GET /{'x' * 300} HTTP/1.1\r\nHost: a\r\n\r\n")
        assert [client.response().status for _ in range(80)] == [200] * 80
        assert client.response().status == 414
        assert client.is_closed()


def test_a_client_that_never_reads_is_not_read_from_either(tmp_path: Path) -> None:
    large = b"HTTP/1.1 200 OK\r\ncontent-length: 65536\r\n\r\n" + bytes(65536)
    with (
        Upstream(answer(large)) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
        Client(gateway.address(), receive_buffer=65536) as client,
    ):
        client.socket.settimeout(1)
        with pytest.raises(TimeoutError):
            client.send(GET * 1_000_000)
        asked = len(paths(upstream))
        # What the sockets hold of answers, and not an answer more.
        assert asked < 1000
        throughout(lambda: len(paths(upstream)) == asked, "nothing more is asked for", span=0.3)
        assert get(gateway.address()).status == 200


def test_a_client_that_has_sent_its_last_request_gets_all_answers(tmp_path: Path) -> None:
    with (
        Upstream(echo) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        client.send("".join(named(f"/{number}") for number in range(20))).end()
        for number in range(20):
            assert client.response().body == f"GET /{number} HTTP/1.1|".encode()
        assert client.is_closed()


def test_many_requests_that_the_gateway_answers_itself_harm_no_bystander(tmp_path: Path) -> None:
    more = '[runtime]\nworkers = 1\n[[routes]]\nrespond = { body = "here" }\nmatch = { path = "/here" }\n'
    with (
        Upstream(answer(OK)) as upstream,
        RunningGateway(tmp_path, simple([upstream.address], more=more)) as gateway,
        Client(gateway.address()) as client,
    ):
        stop = threading.Event()

        def flood() -> None:
            while not stop.is_set():
                client.send(named("/here") * 1000)

        def drain() -> None:
            while client.socket.recv(1 << 20):
                pass

        threads = [threading.Thread(target=flood), threading.Thread(target=drain)]
        for thread in threads:
            thread.start()
        try:
            # On the same thread as the flood: each of these would wait for the end of it.
            for _ in range(20):
                assert get(gateway.address()).body == b"ok"
        finally:
            stop.set()
            threads[0].join()
            client.end()
            threads[1].join()
