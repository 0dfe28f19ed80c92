"""HTTP/2 with prior knowledge reaches the same pools as HTTP/1: bodies, trailers, cancelling and failures of
one stream are that stream's own affair, and connections leave with GOAWAY."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from h2.errors import ErrorCodes

from tests.support.client import Client
from tests.support.gateway import RunningGateway, simple
from tests.support.http2 import WIDE, Http2Client
from tests.support.upstreams import OK, Line, Upstream, answer
from tests.support.waiting import eventually, throughout

BODY: Final = bytes(range(256)) * 4096
ONE_WORKER: Final = '[runtime]\nworkers = 1\ndrain_timeout = "10s"\nreadiness_settle = "0s"\n'

Behaviour = Callable[[Line, bytes], None]
"""What follows a request's head."""


# An endpoint that is known to read them as what they are.
PASSES_TRAILERS = 'request_trailers = "pass"'


def body_of(line: Line, head: bytes) -> tuple[bytes, bytes]:
    """A request's body without its framing, and its trailers."""
    if b"content-length: " in head.lower():
        return line.read_exactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])), b""
    assert b"transfer-encoding: chunked" in head.lower(), head
    body = b""
    while size := int(line.read_until(b"\r\n"), 16):
        body += line.read_exactly(size)
        assert line.read_exactly(2) == b"\r\n"
    trailers = b""
    while (field := line.read_until(b"\r\n")) != b"\r\n":
        trailers += field
    return body, trailers


def echo(line: Line, head: bytes) -> None:
    """The request's body comes back in pieces, and its trailers as trailers."""
    body, trailers = body_of(line, head)
    line.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n")
    for at in range(0, len(body), 100_000):
        piece = body[at : at + 100_000]
        line.send(b"%x\r\n%b\r\n" % (len(piece), piece))
    line.send(b"0\r\n%b\r\n" % trailers)


def vanish(line: Line, _: bytes) -> None:
    """Not a byte of an answer."""
    line.reset()


def early(line: Line, _: bytes) -> None:
    """An answer before the body has come, after which nothing is read."""
    line.send(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 4\r\nconnection: close\r\n\r\nstop")
    line.read_to_end()


def pausing(go_on: threading.Event, then: Callable[[Line], None]) -> Behaviour:
    """Half of a body, and what follows it once it may."""

    def script(line: Line, _: bytes) -> None:
        line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nabc")
        assert go_on.wait(20)
        then(line)

    return script


def says(response: bytes) -> Behaviour:
    """The same answer to everybody."""
    return lambda line, _: line.send(response)


BEHAVIOURS: Final[dict[str, Behaviour]] = {
    "/hello": says(OK),
    "/none": says(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "/same": says(b'HTTP/1.1 304 Not Modified\r\netag: "a"\r\n\r\n'),
    "/missing": says(b"HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\ngone"),
    "/hints": says(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + OK),
    "/echo": echo,
    "/vanish": vanish,
    "/early": early,
}


@dataclass
class World:
    """A gateway with one worker, and the upstream whose behaviour is chosen by the path."""

    gateway: RunningGateway
    upstream: Upstream
    behaviours: dict[str, Behaviour]
    """Those that all tests know, and what a test adds under a path of its own."""

    def client(self) -> Http2Client:
        """A connection."""
        return Http2Client(self.gateway.address())


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    behaviours = dict(BEHAVIOURS)

    def script(line: Line) -> None:
        while True:
            head = line.read_head()
            method, path, _ = head.decode().split(" ", 2)
            if method == "HEAD":
                line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 1234\r\n\r\n")
            else:
                behaviours[path](line, head)

    brief = '[listeners.brief]\nprotocol = "http"\nbind = "127.0.0.1:0"\ndefault_pool = "app"\n'
    brief += 'timeouts = { idle = "300ms", header = "300ms" }\n'
    folder = tmp_path_factory.mktemp("world")
    with (
        Upstream(script) as upstream,
        RunningGateway(
            folder, ONE_WORKER + simple([upstream.address], pool=PASSES_TRAILERS, more=brief)
        ) as gateway,
    ):
        yield World(gateway, upstream, behaviours)


@pytest.mark.parametrize(
    ("method", "path", "status", "length", "body"),
    [
        ("GET", "/hello", 200, "2", b"ok"),
        ("HEAD", "/hello", 200, "1234", b""),
        ("GET", "/none", 204, None, b""),
        ("GET", "/same", 304, None, b""),
        ("GET", "/missing", 404, "4", b"gone"),
    ],
)
def test_a_response_ends_where_its_status_and_method_say(
    world: World, method: str, path: str, status: int, length: str | None, body: bytes
) -> None:
    with world.client() as client:
        for _ in range(2):
            stream = client.ask(path, method=method)
            assert (stream.status, stream.value("content-length"), bytes(stream.body)) == (
                status,
                length,
                body,
            )
            assert (stream.ended, stream.reset) == (True, None)
        assert not client.goaways


@pytest.mark.parametrize("announced", [True, False], ids=["with a length", "without a length"])
def test_bodies_go_both_ways_through_their_windows(world: World, announced: bool) -> None:
    with world.client() as client:
        fields = [("content-length", str(len(BODY)))] if announced else []
        stream = client.open("/echo", method="POST", fields=fields)
        client.send(stream, BODY)
        client.finish(stream)
        assert (stream.status, len(stream.body)) == (200, len(BODY))
        assert bytes(stream.body) == BODY
        assert stream.reset is None


def test_a_request_that_ends_without_data_has_an_empty_body_upstream(world: World) -> None:
    with world.client() as client:
        stream = client.open("/echo", method="POST")
        client.send(stream, b"")
        assert client.finish(stream).status == 200
        assert bytes(stream.body) == b""


def test_trailers_go_both_ways(world: World) -> None:
    with world.client() as client:
        stream = client.open("/echo", method="POST", fields=[("te", "trailers")])
        client.send(stream, b"abc", ends=False)
        client.send_trailers(stream, [("x-sum", "3")])
        client.finish(stream)
        assert (bytes(stream.body), stream.trailers) == (b"abc", [("x-sum", "3")])


def test_informational_responses_come_before_the_final_one(world: World) -> None:
    with world.client() as client:
        stream = client.ask("/hints")
        assert [dict(fields)[":status"] for fields in stream.informational] == ["103"]
        assert ("link", "</a>") in stream.informational[0]
        assert (stream.status, bytes(stream.body)) == (200, b"ok")


def test_an_answer_before_the_end_of_the_request_arrives_whole(world: World) -> None:
    with world.client() as client:
        stream = client.open("/early", method="POST")
        client.send(stream, b"abc", ends=False)
        client.finish(stream)
        assert (stream.status, bytes(stream.body)) == (403, b"stop")
        assert stream.ended
        assert client.ask("/hello").status == 200


def test_both_versions_share_the_connections_of_a_pool(world: World) -> None:
    with world.client() as client, Client(world.gateway.address()) as plain:
        assert client.ask("/hello").status == 200
        before = world.gateway.metric("upstream_connects_total")
        for _ in range(3):
            assert plain.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n").response().body == b"ok"
            assert bytes(client.ask("/hello").body) == b"ok"
        assert world.gateway.metric("upstream_connects_total") == before


def test_a_cancelled_request_is_cancelled_upstream_and_nowhere_else(world: World) -> None:
    ended = threading.Event()

    def silent(line: Line, _: bytes) -> None:
        line.read_to_end()
        ended.set()

    world.behaviours["/cancelled"] = silent
    with world.client() as client:
        stream, other = client.open("/cancelled"), client.open("/echo", method="POST")
        client.send(other, b"half", ends=False)
        eventually(lambda: b"/cancelled" in b"".join(world.upstream.received), "it is under way")
        client.cancel(stream)
        assert ended.wait(10), "the upstream was never told"
        client.send(other, b" done")
        assert bytes(client.finish(other).body) == b"half done"
    record = world.gateway.record(target="/cancelled")
    assert (record["ending"], record["by"], record["protocol"]) == ("client_gone", "client", "2")


def test_a_client_that_breaks_its_connection_cancels_all_of_its_requests(world: World) -> None:
    left = threading.Semaphore(0)

    def silent(line: Line, _: bytes) -> None:
        line.read_to_end()
        left.release()

    world.behaviours["/left"] = silent
    with world.client() as client:
        for _ in range(3):
            client.open("/left")
        eventually(lambda: b"".join(world.upstream.received).count(b"/left") == 3, "they are under way")
    for _ in range(3):
        assert left.acquire(timeout=10), "an upstream was never told"


def test_a_failure_before_the_head_is_502_and_after_it_a_reset_of_that_stream_only(world: World) -> None:
    go_on = threading.Event()
    world.behaviours["/vanish-late"] = pausing(go_on, Line.reset)
    with world.client() as client:
        other = client.open("/echo", method="POST")
        client.send(other, b"half", ends=False)
        failed = client.ask("/vanish")
        assert (failed.status, failed.ended, failed.reset) == (502, True, None)
        cut = client.open("/vanish-late")
        client.until(lambda: cut.body == b"abc")
        go_on.set()
        client.finish(cut)
        assert (cut.status, cut.reset, cut.ended) == (200, ErrorCodes.INTERNAL_ERROR, False)
        client.send(other, b" done")
        assert bytes(client.finish(other).body) == b"half done"
        assert not client.goaways
    assert world.gateway.record(target="/vanish-late")["ending"] == "upstream_gone"


def test_a_hundred_streams_of_one_connection_run_at_once(world: World) -> None:
    together = threading.Barrier(100)

    def meet(line: Line, _: bytes) -> None:
        together.wait(20)
        line.send(OK)

    world.behaviours["/together"] = meet
    with world.client() as client:
        streams = [client.open("/together") for _ in range(100)]
        client.finish(*streams)
        assert {(stream.status, bytes(stream.body)) for stream in streams} == {(200, b"ok")}


def test_a_stream_whose_upstream_pauses_holds_up_no_other(world: World) -> None:
    """Room on the connection is for data that is there, not for data that may come."""
    go_on = threading.Event()
    world.behaviours["/pausing"] = pausing(go_on, lambda line: line.send(b"def"))
    try:
        with world.client() as client:
            paused = client.open("/pausing")
            client.until(lambda: paused.body == b"abc")
            other = client.open("/hello")
            client.until(lambda: other.ended, deadline=5)
            go_on.set()
            assert bytes(client.finish(paused).body) == b"abcdef"
    finally:
        go_on.set()


def test_a_stream_that_is_not_read_holds_up_nobody_else(world: World) -> None:
    world.behaviours["/large"] = says(
        b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (40 * len(BODY)) + BODY * 40
    )
    with Http2Client(world.gateway.address(), reads=False) as client:
        # Its window is that of a stream; the connection's has room for others.
        client.widen_connection()
        stuck = client.open("/large")
        client.until(lambda: len(stuck.body) == 65_535)
        for _ in range(20):
            assert bytes(client.ask("/hello").body) == b"ok"
        assert (len(stuck.body), stuck.reset) == (65_535, None)


def test_a_connection_without_requests_is_told_goaway_when_its_time_is_over(world: World) -> None:
    with Http2Client(world.gateway.address("brief")) as client:
        assert client.ask("/hello").status == 200
        client.until_closed(deadline=5)
        assert client.goaways
        assert {code for _, code in client.goaways} == {ErrorCodes.NO_ERROR}
        assert client.goaways[-1][0] == 1, "the last one names the last stream that was served"


def test_a_request_under_way_keeps_its_connection_from_being_idle(world: World) -> None:
    go_on = threading.Event()

    def hold(line: Line, _: bytes) -> None:
        assert go_on.wait(20)
        line.send(OK)

    world.behaviours["/held"] = hold
    with Http2Client(world.gateway.address("brief")) as client:
        stream = client.open("/held")
        threading.Timer(1, go_on.set).start()
        assert client.finish(stream).status == 200


def test_a_client_that_does_not_answer_is_closed_when_its_time_is_over(world: World) -> None:
    """GOAWAY in peace waits for the client's word (RFC 9113, 6.8), which must not be waited for for ever."""
    with Http2Client(world.gateway.address("brief"), answers_pings=False) as client:
        assert client.ask("/hello").status == 200
        client.until_closed(deadline=5)


def test_a_draining_gateway_says_goaway_and_finishes_what_is_under_way(tmp_path: Path) -> None:
    go_on = threading.Event()

    def script(line: Line) -> None:
        while True:
            line.read_request()
            assert go_on.wait(20)
            line.send(OK)

    with (
        Upstream(script) as upstream,
        RunningGateway(tmp_path, ONE_WORKER + simple([upstream.address])) as gateway,
        Http2Client(gateway.address()) as busy,
        Http2Client(gateway.address()) as idle,
    ):
        under_way = busy.open("/a"), busy.open("/b", method="POST")
        busy.send(under_way[1], b"half", ends=False)
        eventually(lambda: len(upstream.received) == 2, "both are under way")
        eventually(lambda: gateway.status()["connections"] == 2, "the idle one is there")
        gateway.signal(signal.SIGTERM)
        idle.until_closed(deadline=5)
        assert idle.goaways
        busy.until(lambda: busy.goaways, deadline=5)
        assert not busy.closed
        go_on.set()
        busy.send(under_way[1], b" done")
        busy.finish(*under_way)
        assert [(stream.status, bytes(stream.body)) for stream in under_way] == [(200, b"ok")] * 2
        busy.until_closed(deadline=5)
        assert gateway.ended(10) == 0
        assert {record["ending"] for record in gateway.records()} == {"complete"}


def test_a_connection_and_its_streams_survive_a_reload(tmp_path: Path) -> None:
    go_on = threading.Event()

    def old(line: Line) -> None:
        line.read_head()
        line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nold")
        assert go_on.wait(20)
        line.send(b"old")

    with (
        Upstream(old) as first,
        Upstream(answer(OK)) as second,
        RunningGateway(tmp_path, ONE_WORKER + simple([first.address])) as gateway,
        Http2Client(gateway.address(), window=WIDE) as client,
    ):
        stream = client.open("/")
        client.until(lambda: stream.body == b"old")
        gateway.reload(ONE_WORKER + simple([second.address]))
        assert bytes(client.ask("/").body) == b"ok"
        go_on.set()
        assert bytes(client.finish(stream).body) == b"oldold"
        assert not client.goaways
        throughout(lambda: gateway.metric("connections_total") == 1, "it is one connection", span=0.05)


def test_a_panic_costs_one_stream_of_a_connection_at_most_and_the_others_end_as_they_should(
    world: World,
) -> None:
    before = world.gateway.metric("panics_total")
    with world.client() as client, world.client() as bystander:
        theirs = bystander.open("/echo", method="POST")
        bystander.send(theirs, b"half", ends=False)
        ours = client.open("/echo", method="POST")
        client.send(ours, b"half", ends=False)
        lost = client.open("/hello", fields=[("x-expressgateway-provoke-panic", "1")])
        client.until(lambda: client.closed or lost.reset is not None)
        assert not lost.fields
        if not client.closed:
            client.send(ours, b" done")
            assert bytes(client.finish(ours).body) == b"half done"
        bystander.send(theirs, b" done")
        assert bytes(bystander.finish(theirs).body) == b"half done"
    eventually(lambda: world.gateway.metric("panics_total") == before + 1, "it is counted")
    eventually(lambda: world.gateway.metric("connections") == 0, "all connections are given back")
    assert world.gateway.metric("endpoint_in_flight") == 0
