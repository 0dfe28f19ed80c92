"""How much a message may be: exactly as much as the configuration says, and one byte more is refused with the
status that says what was too much. What an endpoint may send is bounded too."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.client import Client
from tests.support.gateway import RunningGateway, simple
from tests.support.upstreams import OK, Line, Upstream, answer
from tests.support.waiting import eventually

LIMITS = 'limits = { request_header = "200B", headers = 5, request_body = "10B" }'
GET = "GET / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


def head(size: int, *, start: str = GET) -> str:
    """A head of so many bytes."""
    return f"{start}X: {'x' * (size - len(start) - 7)}\r\n\r\n"


def target(size: int) -> str:
    """A start line of so many bytes, alone."""
    return f"GET /{'x' * (size - 16)} HTTP/1.1\r\n"


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        pytest.param(head(200), 200, id="a head as large as it may be"),
        pytest.param(head(201), 431, id="a byte more"),
        pytest.param("\r\n" + head(200), 200, id="an empty line before it does not count"),
        pytest.param(head(20_000), 431, id="far more"),
        pytest.param(GET + "X: " + "x" * 300, 431, id="a field that does not end"),
        pytest.param(target(201), 414, id="a start line that is longer than a head may be"),
        pytest.param("GET /" + "x" * 300, 414, id="a target that does not end"),
        pytest.param(target(20_000) + "Host: a\r\n\r\n", 414, id="a long target"),
        pytest.param(GET + "X: y\r\n" * 4 + "\r\n", 200, id="as many fields as there may be"),
        pytest.param(GET + "X: y\r\n" * 5 + "\r\n", 431, id="a field more"),
        pytest.param(GET + "Content-Length: 10\r\n\r\n0123456789", 200, id="a body as large as it may be"),
        pytest.param(GET + "Content-Length: 11\r\n\r\n", 413, id="a byte more of body"),
        pytest.param(GET + "Content-Length: 9223372036854775807\r\n\r\n", 413, id="as much as can be said"),
        pytest.param(GET + "Content-Length: 9223372036854775808\r\n\r\n", 400, id="more than can be said"),
        pytest.param(GET + "Content-Length: 11\r\nExpect: 100-continue\r\n\r\n", 413, id="asked for before"),
        pytest.param(
            GET + "Transfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n",
            200,
            id="in chunks",
        ),
    ],
)
def test_a_request_may_be_as_large_as_the_listener_says(
    tmp_path: Path, request_text: str, status: int
) -> None:
    with (
        Upstream(answer(OK)) as upstream,
        RunningGateway(tmp_path, simple([upstream.address], listener=LIMITS)) as gateway,
        Client(gateway.address()) as client,
    ):
        response = client.send(request_text).response()
        assert response.status == status
        if status == 200:
            assert response.value("connection") is None
        else:
            assert response.value("connection") == "close"
            assert client.is_closed()
            # What is refused has not been seen by anybody else.
            assert not upstream.lines


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        pytest.param(b"X: y\r\n" * 255, 200, id="256 fields"),
        pytest.param(b"X: y\r\n" * 256, 502, id="257 fields"),
        pytest.param(b"X: " + b"y" * 65_000 + b"\r\n", 200, id="nearly 64 KiB"),
        pytest.param(b"X: " + b"y" * 66_000 + b"\r\n", 502, id="more than 64 KiB"),
        pytest.param(b"X: " + b"y" * 10_000_000, 502, id="a field that does not end"),
    ],
)
def test_a_response_head_is_bounded(tmp_path: Path, fields: bytes, status: int) -> None:
    def script(line: Line) -> None:
        line.read_request()
        line.send(b"HTTP/1.1 200 OK\r\n" + fields + b"content-length: 2\r\n\r\nok")
        line.read_to_end()

    with (
        Upstream(script) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        assert client.send(GET + "\r\n").response().status == status
        if status == 200:
            gateway.record(status=200, ending="complete")
        else:
            gateway.record(status=502, ending="upstream_malformed")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param("zz\r\n", 400, id="no size"),
        pytest.param("4\r\nwikix\r\n", 400, id="no end of data"),
        pytest.param("4\nwiki", 400, id="bare LF"),
        pytest.param("0\r\nX : y\r\n\r\n", 400, id="a blank in a trailer"),
        pytest.param("0\r\n" + "X: y\r\n" * 130 + "\r\n", 431, id="too many trailers"),
        pytest.param("400\r\n" + "x" * 1024 + "\r\n1\r\nx\r\n0\r\n\r\n", 413, id="more than the limit"),
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
def test_a_body_that_breaks_the_rules_is_answered_and_its_connection_ends(
    tmp_path: Path, body: str, status: int, at_once: bool
) -> None:
    limit = 'limits = { request_body = "1KiB" }'
    with (
        Upstream(answer(OK)) as upstream,
        RunningGateway(tmp_path, simple([upstream.address], listener=limit)) as gateway,
        Client(gateway.address()) as client,
    ):
        client.socket.settimeout(5)
        if at_once:
            client.send(CHUNKED + body)
        else:
            client.send(CHUNKED)
            eventually(lambda: upstream.received, "it is under way")
            client.send(body)
        response = client.response()
        assert (response.status, response.value("connection")) == (status, "close")
        assert client.is_closed()
        eventually(lambda: gateway.metric("connections") == 0, "the connection is given back")
        assert gateway.metric("endpoint_in_flight") == 0
