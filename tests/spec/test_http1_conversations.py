"""Conversations in HTTP/1.0 and HTTP/1.1 between a client and an endpoint that the gateway must not spoil:
how bodies end, what stays open, and who notices that somebody has left."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from tests.support.client import Client
from tests.support.gateway import RunningGateway, simple
from tests.support.upstreams import OK, Line, Script, Upstream, answer
from tests.support.waiting import eventually

GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
OLD = "GET / HTTP/1.0\r\nHost: a\r\n\r\n"
OLD_KEEPS = "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\nhello"
ONE_WORKER = "[runtime]\nworkers = 1\n"


def once(response: bytes, *, reset: bool = False) -> Script:
    """One answer, and the end of the connection."""

    def script(line: Line) -> None:
        line.read_request()
        line.send(response)
        if reset:
            line.reset()

    return script


# --- where bodies end --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("response", "body"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", b"hello", id="length"),
        pytest.param(CHUNKED + b"0\r\n\r\n", b"hello", id="chunks"),
        pytest.param(CHUNKED + b"0\r\nx-sum: 1\r\n\r\n", b"hello", id="chunks and trailers"),
        pytest.param(UNTIL_CLOSE, b"hello", id="until close"),
        pytest.param(b"HTTP/1.0 200 OK\r\n\r\nhello", b"hello", id="until close, from HTTP/1.0"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", b"", id="nothing until close"),
    ],
)
@pytest.mark.parametrize("request_text", [GET, OLD, OLD_KEEPS], ids=["1.1", "1.0", "1.0 that keeps"])
def test_a_body_arrives_whole_however_it_was_framed(
    tmp_path: Path, request_text: str, response: bytes, body: bytes
) -> None:
    with (
        Upstream(once(response)) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        found = client.send(request_text).response()
        assert (found.status, found.body) == (200, body)
        is_old = request_text != GET
        assert not is_old or found.value("transfer-encoding") is None
        assert not is_old or found.trailers == []
        has_length = b"content-length" in response
        if request_text == OLD or (request_text == OLD_KEEPS and not has_length):
            assert found.value("connection") == "close"
            assert client.is_closed()
        else:
            assert found.value("connection") == ("keep-alive" if is_old else None)
            assert client.send(request_text).response().body == body


@pytest.mark.parametrize("reset", [False, True], ids=["end", "reset"])
@pytest.mark.parametrize(
    "response",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello", id="length"),
        pytest.param(CHUNKED, id="between chunks"),
        pytest.param(CHUNKED + b"9\r\nwor", id="in a chunk"),
        pytest.param(CHUNKED + b"0\r\nx-sum: 1\r\n", id="in the trailers"),
    ],
)
def test_a_body_that_was_cut_is_seen_to_be_cut(tmp_path: Path, response: bytes, reset: bool) -> None:
    with (
        Upstream(once(response, reset=reset)) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        with pytest.raises((EOFError, ConnectionResetError)):
            client.send(GET).response()
        gateway.record(ending="upstream_gone")


def test_a_body_until_close_that_is_reset_is_seen_to_be_cut(tmp_path: Path) -> None:
    with (
        Upstream(once(UNTIL_CLOSE, reset=True)) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        # The reset may have taken the head with it. What must not come is the end of a body.
        said = client.send(GET.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")).to_end()
        assert not said.endswith(b"0\r\n\r\n")
        gateway.record(ending="upstream_gone")


def test_nothing_behind_a_chunk_that_is_none_is_trusted(tmp_path: Path) -> None:
    evil = b"zz\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil"
    with (
        Upstream(answer(CHUNKED + evil)) as upstream,
        RunningGateway(tmp_path, ONE_WORKER + simple([upstream.address])) as gateway,
    ):
        for number in range(3):
            with Client(gateway.address()) as client:
                said = client.send(GET + GET).to_end()
                assert b"evil" not in said
                assert not said.endswith(b"0\r\n\r\n")
            assert len(upstream.lines) == number + 1
        assert {record["ending"] for record in eventually(gateway.records)} == {"upstream_malformed"}


@pytest.mark.parametrize(
    ("method", "response"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"),
        ("HEAD", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"),
        ("HEAD", b"HTTP/1.1 200 OK\r\n\r\n"),
        ("HEAD", b"HTTP/1.1 404 Not Found\r\ncontent-length: 5\r\n\r\n"),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", b"HTTP/1.1 205 Reset Content\r\ncontent-length: 0\r\n\r\n"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\netag: x\r\n\r\n"),
        ("POST", b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
    ],
)
def test_a_response_without_body_keeps_both_connections(tmp_path: Path, method: str, response: bytes) -> None:
    with (
        Upstream(answer(response)) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        status = int(response.split()[1])
        client.send(f"{method} / HTTP/1.1\r\nHost: a\r\n\r\n" * 3)
        for _ in range(3):
            found = client.response(method)
            assert (found.status, found.body) == (status, b"")
            assert found.value("transfer-encoding") is None
            # Of HEAD and 304 it is the length of what is not sent.
            told = b"content-length: 5" in response
            assert not told or found.value("content-length") == "5"
            assert status != 204 or found.value("content-length") is None
        assert len(upstream.lines) == 1


@pytest.mark.parametrize(
    ("method", "response"),
    [
        pytest.param("GET", b"HTTP/1.1 204 No Content\r\ncontent-length: 4\r\n\r\nevil", id="204"),
        pytest.param("GET", b"HTTP/1.1 205 Reset Content\r\ncontent-length: 4\r\n\r\nevil", id="205"),
        pytest.param("HEAD", b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil", id="HEAD"),
        pytest.param("GET", b"HTTP/1.1 304 Not Modified\r\n\r\nevil", id="304"),
        pytest.param("GET", OK + b"evil", id="longer than it says"),
        pytest.param("GET", CHUNKED + b"0\r\n\r\nevil", id="behind the last chunk"),
        pytest.param("GET", OK + OK.replace(b"ok", b"evil!"), id="a second response"),
    ],
)
def test_bytes_behind_a_response_are_never_the_next_one(tmp_path: Path, method: str, response: bytes) -> None:
    with (
        Upstream(answer(response)) as upstream,
        RunningGateway(tmp_path, ONE_WORKER + simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        for number in range(4):
            client.send(f"{method} / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert b"evil" not in client.response(method).body
            assert len(upstream.lines) == number + 1


# --- trailers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("passes", [True, False])
def test_trailers_arrive_declared_or_not_where_they_are_wanted_and_only_those_that_may(
    tmp_path: Path, passes: bool
) -> None:
    def script(line: Line) -> None:
        assert b"\r\nte: trailers\r\n" in line.read_request()
        line.send(
            CHUNKED + b"0\r\nX-Sum: 1\r\nContent-Length: 7\r\nSet-Cookie: a=b\r\nX-Sum: 2\r\n"
            b"Transfer-Encoding: chunked\r\nConnection: x\r\n\r\n"
        )

    pool = f'request_trailers = "{"pass" if passes else "drop"}"'
    with (
        Upstream(script) as upstream,
        RunningGateway(tmp_path, simple([upstream.address], pool=pool)) as gateway,
        Client(gateway.address()) as client,
    ):
        client.send(
            "POST / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
            "X-Sum: 3\r\nHost: b\r\nContent-Length: 1\r\nTransfer-Encoding: x\r\nX-Forwarded-For: 6.6.6.6\r\n"
            "X_Forwarded_For: 6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nX-Request-Id: forged\r\n"
            "Forwarded: for=6.6.6.6\r\nAuthorization: x\r\nTE: x\r\nCookie: a=b\r\n\r\n"
        )
        assert client.response().trailers == [("x-sum", "1"), ("x-sum", "2")]
        end = "\r\n\r\n0\r\nX-Sum: 3\r\n\r\n" if passes else "\r\n\r\n0\r\n\r\n"
        assert upstream.received[0].endswith(end.encode())


# --- targets and hosts -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "sees"),
    [
        ("OPTIONS *", "OPTIONS * HTTP/1.1"),
        ("OPTIONS http://a", "OPTIONS * HTTP/1.1"),
        ("GET http://a", "GET / HTTP/1.1"),
        ("GET http://A/x?y", "GET /x?y HTTP/1.1"),
        ("GET http://a?y", "GET /?y HTTP/1.1"),
        ("PURGE /x", "PURGE /x HTTP/1.1"),
    ],
)
def test_a_target_arrives_in_the_form_that_origins_read(tmp_path: Path, start: str, sees: str) -> None:
    with (
        Upstream(answer(OK)) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        assert client.send(f"{start} HTTP/1.1\r\nHost: a\r\n\r\n").response().status == 200
        first, host = upstream.received[0].decode().split("\r\n")[:2]
        assert (first, host.lower()) == (sees, "host: a")


def test_a_trace_is_a_405_and_the_connection_goes_on(tmp_path: Path) -> None:
    with (
        Upstream(answer(OK)) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        client.send("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n" + GET)
        assert client.response().status == 405
        assert client.response().status == 200
        assert [said.startswith(b"GET / HTTP/1.1\r\n") for said in upstream.received] == [True]


def test_a_connect_is_a_405_and_what_follows_is_not_read_as_requests(tmp_path: Path) -> None:
    with (
        Upstream(answer(OK)) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        # A client that did not wait for the answer means somebody behind the tunnel.
        client.send("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n" + GET)
        response = client.response()
        assert (response.status, response.value("connection")) == (405, "close")
        assert client.is_closed()
        assert not upstream.lines


# --- ends --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "request_text",
    [
        pytest.param(GET, id="without body"),
        pytest.param("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", id="length"),
        pytest.param(
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            id="chunks",
        ),
        pytest.param(OLD, id="HTTP/1.0"),
    ],
)
def test_a_client_that_has_said_all_still_gets_its_response(tmp_path: Path, request_text: str) -> None:
    clients: list[Client] = []

    def script(line: Line) -> None:
        line.read_request()
        eventually(lambda: clients, "the client has ended its side")
        line.send(OK)

    with (
        Upstream(script) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        clients.append(client.send(request_text).end())
        assert client.response().body == b"ok"
        assert client.is_closed()


@pytest.mark.parametrize("body", ["abc", ""], ids=["in the body", "before the body"])
def test_a_client_that_ends_within_its_request_gets_none(tmp_path: Path, body: str) -> None:
    resets: list[Line] = []

    def script(line: Line) -> None:
        line.read_head()
        try:
            line.read_to_end()
        except ConnectionResetError:
            resets.append(line)

    with (
        Upstream(script) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        client.send(f"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n{body}")
        so_far = f"\r\n\r\n{body}".encode()
        eventually(lambda: upstream.received and upstream.received[0].endswith(so_far), "it is under way")
        client.end()
        assert client.is_closed()
        # An endpoint must not take a part for the whole: there are some that do not count.
        eventually(lambda: resets, "the endpoint sees a reset")
        assert gateway.record(ending="client_gone")["status"] == 499


HANGS = b""
BEGINS = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc"


@pytest.mark.parametrize(
    ("request_text", "response"),
    [
        pytest.param(GET, HANGS, id="waiting for the head"),
        pytest.param(GET, b"HTTP/1.1 200 OK\r\ncontent-le", id="in the response head"),
        pytest.param(GET, b"HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n", id="after a hint"),
        pytest.param(GET, BEGINS, id="in the body"),
        pytest.param(OLD, UNTIL_CLOSE, id="in a body until close"),
        pytest.param("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc", HANGS, id="in the upload"),
        pytest.param(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc", BEGINS, id="in upload and download"
        ),
        pytest.param(
            "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n",
            HANGS,
            id="waiting to continue",
        ),
    ],
)
def test_an_endpoint_sees_at_once_that_a_client_broke_off_and_nothing_is_left(
    tmp_path: Path, request_text: str, response: bytes
) -> None:
    ended: list[int] = []

    def script(line: Line) -> None:
        line.read_head()
        line.send(response)
        with contextlib.suppress(OSError):
            line.read_to_end()
        ended.append(line.number)

    with (
        Upstream(script) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
    ):
        for number in range(3):
            client = Client(gateway.address()).send(request_text)
            upstream.connection(number)
            eventually(lambda: gateway.metric("endpoint_in_flight") == 1, "it is under way")
            client.reset()
            eventually(lambda: ended == list(range(len(upstream.lines))), "the endpoint sees it")
            eventually(lambda: gateway.metric("connections") == 0, "the connection is given back")
            assert gateway.metric("endpoint_in_flight") == 0
        assert gateway.metric("endpoint_failures_total") == 0
        assert {record["ending"] for record in eventually(gateway.records, "records")} == {"client_gone"}


@pytest.mark.parametrize("keeps", ["", "Connection: keep-alive\r\n"])
def test_an_http_1_0_client_sees_that_a_body_until_close_was_cut(tmp_path: Path, keeps: str) -> None:
    def script(line: Line) -> None:
        line.read_request()
        line.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n")
        eventually(lambda: begun, "the client has the beginning")

    begun: list[int] = []
    with (
        Upstream(script) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        assert client.send(f"GET / HTTP/1.0\r\nHost: a\r\n{keeps}\r\n").head().status == 200
        assert client.exactly(5) == b"hello"
        begun.append(1)
        with pytest.raises(ConnectionResetError):
            client.to_end()


@pytest.mark.parametrize("more", ["\r\n", GET], ids=["an empty line", "a request"])
def test_a_client_that_breaks_off_is_noticed_although_it_has_said_more(tmp_path: Path, more: str) -> None:
    ended: list[bytes] = []

    def script(line: Line) -> None:
        line.read_head()
        ended.append(line.read_to_end())

    with (
        Upstream(script) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
    ):
        client = Client(gateway.address()).send(GET + more)
        eventually(lambda: upstream.received and upstream.received[0], "it is under way")
        client.reset()
        eventually(lambda: ended == [b""], "the endpoint sees it", deadline=5)


def test_a_refusal_after_a_head_request_has_its_body(tmp_path: Path) -> None:
    with (
        Upstream(answer(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n")) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.response("HEAD").status == 200
        response = client.send("GET / HTTP/1.1\r\nHost: a b\r\n\r\n").response()
        assert (response.status, response.body) == (400, b"400 Bad Request\n")
