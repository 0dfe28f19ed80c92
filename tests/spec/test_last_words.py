"""A connection that ends because the gateway leaves it is told so: the last response says that it is the
last, what has begun arrives whole, and who waited in the queue is served."""

from __future__ import annotations

import signal
import socket
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.client import Client, get
from tests.support.gateway import RunningGateway, simple
from tests.support.http2 import Http2Client
from tests.support.upstreams import OK, Line, Script, Upstream, answer
from tests.support.waiting import eventually, throughout

GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
BODY = bytes(range(256)) * 4096 * 8


def runtime(more: str = "", drain: str = "10s") -> str:
    """One worker, and no time to settle."""
    return f'[runtime]\nworkers = 1\ndrain_timeout = "{drain}"\nreadiness_settle = "0s"\n{more}\n'


def other(bind: str = "127.0.0.1:0", name: str = "other") -> str:
    """A listener that is there until a reload."""
    return f'[listeners.{name}]\nprotocol = "http"\nbind = "{bind}"\ndefault_pool = "app"\n'


def held(go_on: threading.Event) -> Script:
    """Answers once it may."""

    def script(line: Line) -> None:
        while True:
            line.read_request()
            assert go_on.wait(20)
            line.send(OK)

    return script


def refuses(address: tuple[str, int]) -> bool:
    """Whether nobody listens."""
    try:
        socket.create_connection(address, 5).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.parametrize("why", ["the gateway drains", "the listener is removed"])
def test_a_response_under_way_says_that_it_is_the_last(tmp_path: Path, why: str) -> None:
    go_on = threading.Event()
    with Upstream(held(go_on)) as upstream:
        rest = simple([upstream.address])
        with (
            RunningGateway(tmp_path, runtime() + rest + other()) as gateway,
            Client(gateway.address("other")) as client,
        ):
            address = gateway.address("other")
            client.send(GET)
            eventually(lambda: len(upstream.received) == 1, "it is under way")
            if why == "the gateway drains":
                gateway.signal(signal.SIGTERM)
            else:
                gateway.reload(runtime() + rest)
            eventually(lambda: refuses(address), "nobody listens")
            go_on.set()
            response = client.response()
            assert (response.status, response.body) == (200, b"ok")
            # Without it a client sends its next request into a connection that is being closed.
            assert response.value("connection") == "close"
            assert client.is_closed()


def test_a_head_that_has_begun_is_served_and_its_response_is_the_last(tmp_path: Path) -> None:
    with (
        Upstream(answer(OK)) as upstream,
        RunningGateway(tmp_path, runtime() + simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        client.send(GET[:20])
        eventually(lambda: gateway.status()["connections"] == 1, "it is accepted")
        # The bytes are read when a later connection has been served by the same worker.
        assert get(gateway.address()).status == 200
        gateway.signal(signal.SIGTERM)
        eventually(lambda: refuses(gateway.address()), "nobody listens")
        response = client.send(GET[20:]).response()
        assert (response.status, response.value("connection")) == (200, "close")
        assert client.is_closed()
        assert gateway.ended() == 0


def test_a_response_that_is_read_slowly_arrives_whole(tmp_path: Path) -> None:
    large = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(BODY), BODY)
    with (
        Upstream(answer(large)) as upstream,
        RunningGateway(tmp_path, runtime() + simple([upstream.address])) as gateway,
        Client(gateway.address(), receive_buffer=65536) as client,
    ):
        client.send(GET)
        assert client.head().status == 200
        assert client.exactly(1000) == BODY[:1000]
        address = gateway.address()
        gateway.signal(signal.SIGTERM)
        eventually(lambda: refuses(address), "nobody listens")
        assert client.exactly(len(BODY) - 1000) == BODY[1000:]
        assert client.is_closed()
        assert gateway.ended() == 0
        assert gateway.record()["ending"] == "complete"


def test_a_tunnel_lasts_as_long_as_a_drain_may_and_is_cut_then(tmp_path: Path) -> None:
    def script(line: Line) -> None:
        line.read_head()
        line.send(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n")
        while True:
            line.send(line.read_exactly(4))

    with (
        Upstream(script) as upstream,
        RunningGateway(tmp_path, runtime(drain="1s") + simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
        assert client.head().status == 101
        assert client.send("ping").exactly(4) == b"ping"
        address = gateway.address()
        gateway.signal(signal.SIGTERM)
        eventually(lambda: refuses(address), "nobody listens")
        assert client.send("pong").exactly(4) == b"pong"
        assert client.is_closed()
        assert gateway.ended() == 0
        assert "1 connections are cut after 1s" in gateway.said()


@pytest.mark.parametrize("why", ["the gateway drains", "the listener is removed"])
def test_who_waits_in_the_queue_of_a_listener_that_closes_is_served(tmp_path: Path, why: str) -> None:
    """The kernel resets what a listening socket has not accepted when it is closed. As many connections as
    there may be are open here, so that all others wait in that queue."""
    limit = runtime("max_connections = 4")
    with Upstream(answer(OK)) as upstream, ExitStack() as opened:
        rest = simple([upstream.address])
        gateway = opened.enter_context(RunningGateway(tmp_path, limit + rest + other()))
        address = gateway.address("other")
        for _ in range(4):
            opened.enter_context(Client(gateway.address()))
        eventually(lambda: gateway.status()["connections"] == 4, "there are as many as may be")
        # An accept that had begun before there were so many may still succeed; this one is idle.
        opened.enter_context(Client(address))
        waiting = [opened.enter_context(Client(address)).send(GET) for _ in range(6)]
        throughout(lambda: gateway.metric("requests_total") == 0, "they wait", span=0.2)
        if why == "the gateway drains":
            gateway.signal(signal.SIGTERM)
        else:
            gateway.reload(limit + rest)
        assert [client.response().status for client in waiting] == [200] * 6
        assert all(client.is_closed() for client in waiting)
        assert refuses(address)


def test_there_are_never_more_connections_than_configured(tmp_path: Path) -> None:
    with Upstream(answer(OK)) as upstream, ExitStack() as opened:
        text = runtime("max_connections = 4") + simple([upstream.address]) + other()
        gateway = opened.enter_context(RunningGateway(tmp_path, text))
        places = [opened.enter_context(Client(gateway.address())) for _ in range(4)]
        eventually(lambda: gateway.status()["connections"] == 4, "there are as many as may be")
        waiting = [
            opened.enter_context(Client(gateway.address(name))).send(GET)
            for name in ("web", "other", "web", "other")
        ]
        throughout(lambda: gateway.status()["connections"] <= 4, "no more than may be", span=0.3)
        assert gateway.metric("requests_total") == 0
        for place in places:
            place.socket.close()
        assert [client.response().status for client in waiting] == [200] * 4


def test_streams_on_a_listener_that_is_removed_end_in_peace(tmp_path: Path) -> None:
    go_on = threading.Event()
    with Upstream(held(go_on)) as upstream:
        rest = simple([upstream.address])
        with (
            RunningGateway(tmp_path, runtime() + rest + other()) as gateway,
            Http2Client(gateway.address("other")) as client,
        ):
            stream = client.open("/")
            eventually(lambda: len(upstream.received) == 1, "it is under way")
            gateway.reload(runtime() + rest)
            client.until(lambda: client.goaways, deadline=5)
            go_on.set()
            assert bytes(client.finish(stream).body) == b"ok"
            client.until_closed(deadline=5)
            assert gateway.record()["ending"] == "complete"


def test_a_listener_that_is_renamed_keeps_its_address_and_its_connections(tmp_path: Path) -> None:
    with Upstream(answer(OK)) as upstream, socket.create_server(("127.0.0.1", 0)) as free:
        bind = f"127.0.0.1:{free.getsockname()[1]}"
        free.close()
        rest = simple([upstream.address])
        with RunningGateway(tmp_path, runtime() + rest + other(bind, "before")) as gateway:
            with Client(gateway.address("before")) as client:
                assert client.send(GET).response().status == 200
                gateway.reload(runtime() + rest + other(bind, "after"))
                response = client.send(GET).response()
                assert (response.status, response.value("connection")) == (200, None)
            assert gateway.metric("requests_total", listener="before") == 1
            assert gateway.metric("requests_total", listener="after") == 1


def test_of_many_reloads_at_once_the_last_file_counts(tmp_path: Path) -> None:
    def named(name: str) -> bytes:
        return b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n" + name.encode()

    with (
        Upstream(answer(named("a"))) as one,
        Upstream(answer(named("b"))) as two,
        RunningGateway(tmp_path, runtime() + simple([one.address])) as gateway,
    ):
        for number in range(30):
            gateway.configure(runtime() + simple([(one, two)[number % 2].address]))
            gateway.signal(signal.SIGHUP)
        eventually(lambda: get(gateway.address()).body == b"b", "the last file is served")
        throughout(lambda: get(gateway.address()).body == b"b", "it stays so", span=0.3)
        assert "refused" not in gateway.said()
