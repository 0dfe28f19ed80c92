"""A reload takes nothing from anybody: connections, bodies under way, health and idle upstream connections
stay, and a file that is wrong changes nothing at all."""

from __future__ import annotations

import signal
import socket
import threading
from pathlib import Path

import pytest

from tests.support.client import Client, get
from tests.support.gateway import RunningGateway, simple
from tests.support.programs import Nginx, Wrk, need
from tests.support.upstreams import OK, Line, Upstream, answer
from tests.support.waiting import eventually, throughout

ONE_WORKER = '[runtime]\nworkers = 1\ndrain_timeout = "5s"\nreadiness_settle = "0s"\n'
REFUSED = "reload refused, nothing has changed"
GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def named(name: bytes) -> bytes:
    """A response that says who gave it."""
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(name), name)


def listener(name: str, bind: str = "127.0.0.1:0", pool: str = "app") -> str:
    """One more listener."""
    return f'[listeners.{name}]\nprotocol = "http"\nbind = "{bind}"\ndefault_pool = "{pool}"\n'


def where(gateway: RunningGateway, name: str) -> tuple[str, int]:
    """The address of a listener that was not there at the start."""
    (found,) = (one for one in gateway.status()["listeners"] if one["name"] == name)
    host, _, port = found["addresses"][0].rpartition(":")
    return host, int(port)


@need("nginx", "wrk")
def test_ten_reloads_under_load_cost_no_request(tmp_path: Path) -> None:
    with Nginx(tmp_path / "nginx") as nginx:
        texts = [
            simple([nginx.address]),
            simple([nginx.address], pool='timeouts.keepalive = "5s"', more=listener("other")),
        ]
        with RunningGateway(tmp_path, texts[0]) as gateway:
            load = Wrk(gateway.url("/hello"), connections=32, seconds=4)
            eventually(lambda: gateway.metric("requests_total", code="2xx") > 0, "the load has begun")
            for number in range(1, 11):
                before = gateway.metric("requests_total", code="2xx")
                assert gateway.reload(texts[number % 2]) == number + 1
                eventually(lambda: gateway.metric("requests_total", code="2xx") > before, "requests go on")  # noqa: B023
            assert load.is_running(), "the reloads took longer than the load"
            requests, wrong = load.ended()
            assert (requests > 100, wrong) == (True, "")
            assert gateway.metric("requests_total", code="2xx") >= requests
            assert gateway.metric("requests_total", code="5xx") == 0


def test_bodies_under_way_and_kept_connections_survive_reloads_that_change_their_pool(tmp_path: Path) -> None:
    go_on = threading.Event()

    def old(line: Line) -> None:
        while True:
            head = line.read_head()
            if head.startswith(b"POST"):
                assert line.read_exactly(6) == b"abcdef"
            elif head.startswith(b"GET /download"):
                line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nabc")
                assert go_on.wait(20)
                line.send(b"def")
                continue
            line.send(named(b"old"))

    with (
        Upstream(old) as first,
        Upstream(answer(named(b"new"))) as second,
        RunningGateway(tmp_path, simple([first.address])) as gateway,
        Client(gateway.address()) as kept,
        Client(gateway.address()) as uploading,
        Client(gateway.address()) as downloading,
    ):
        assert kept.send(GET).response().body == b"old"
        uploading.send("POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc")
        downloading.send("GET /download HTTP/1.1\r\nHost: a\r\n\r\n")
        assert downloading.head().value("content-length") == "6"
        assert downloading.exactly(3) == b"abc"
        eventually(lambda: any(b"\r\n\r\nabc" in sent for sent in first.received), "half of the upload")
        gateway.reload(simple([first.address, second.address]))
        gateway.reload(simple([second.address], pool='timeouts.keepalive = "0s"'))
        assert uploading.send("def").response().body == b"old"
        go_on.set()
        assert downloading.exactly(3) == b"def"
        for client in (kept, uploading, downloading):
            assert client.send(GET).response().body == b"new"
        assert gateway.metric("connections_total", listener="web") == 3


def test_a_changed_pool_gets_every_new_request(tmp_path: Path) -> None:
    with (
        Upstream(answer(named(b"old"))) as first,
        Upstream(answer(named(b"new"))) as second,
        RunningGateway(tmp_path, simple([first.address])) as gateway,
    ):
        assert get(gateway.address()).body == b"old"
        gateway.reload(simple([second.address]))
        assert {get(gateway.address()).body for _ in range(20)} == {b"new"}
        # What was idle towards an endpoint that is gone is closed, not kept for its time.
        eventually(
            lambda: gateway.metric("upstream_idle") <= 2, "idle connections of the old pool are closed"
        )
        eventually(
            lambda: all(line.socket.fileno() < 0 for line in first.lines), "the old endpoint sees that"
        )


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("[listeners.web\n", "gateway.toml:"),
        ("[listeners.web]\nprotocol = 'http'\nbind = '127.0.0.1:0'\nbinnd = 1\n", "binnd"),
        (simple([], listener="").replace('"app"', '"nobody"', 1), "nobody"),
    ],
    ids=["no TOML", "an unknown key", "an unknown pool"],
)
def test_a_wrong_file_is_refused_whole_and_said_so(tmp_path: Path, wrong: str, said: str) -> None:
    with Upstream(answer(OK)) as upstream, RunningGateway(tmp_path, simple([upstream.address])) as gateway:
        gateway.configure(wrong)
        gateway.signal(signal.SIGHUP)
        eventually(lambda: REFUSED in gateway.said(), "the refusal is said")
        eventually(lambda: said in gateway.said(), f"{said!r} is said")
        assert gateway.status()["generation"] == 1
        assert get(gateway.address()).status == 200
        assert gateway.reload(simple([upstream.address])) == 2


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with Upstream(answer(OK)) as upstream, RunningGateway(tmp_path, simple([upstream.address])) as gateway:
        gateway.file.unlink()
        gateway.signal(signal.SIGHUP)
        eventually(lambda: REFUSED in gateway.said(), "the refusal is said")
        assert "gateway.toml" in gateway.said().partition(REFUSED)[2]
        assert get(gateway.address()).status == 200


def test_one_address_that_is_taken_refuses_the_whole_file(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        Upstream(answer(named(b"old"))) as first,
        Upstream(answer(named(b"new"))) as second,
        RunningGateway(tmp_path, simple([first.address])) as gateway,
    ):
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        gateway.configure(simple([second.address], more=listener("free") + listener("taken", bind)))
        gateway.signal(signal.SIGHUP)
        eventually(
            lambda: f"{REFUSED}: {bind}: somebody listens there" in gateway.said(), "the refusal is said"
        )
        assert get(gateway.address()).body == b"old"
        status = gateway.status()
        assert ([one["name"] for one in status["listeners"]], status["generation"]) == (["web"], 1)
        taken.close()
        gateway.signal(signal.SIGHUP)
        eventually(lambda: gateway.status()["generation"] == 2, "the same file is taken now")
        assert get(where(gateway, "taken")).body == b"new"


def test_a_change_that_needs_a_new_process_is_refused_and_named(tmp_path: Path) -> None:
    with Upstream(answer(OK)) as upstream:
        text = simple([upstream.address])
        with RunningGateway(tmp_path, ONE_WORKER + text) as gateway:
            gateway.configure(ONE_WORKER.replace("workers = 1", "workers = 2") + text)
            gateway.signal(signal.SIGHUP)
            eventually(lambda: f"{REFUSED}: runtime.workers" in gateway.said(), "the refusal is said")
            assert "restart it" in gateway.said()
            assert (gateway.status()["workers"], gateway.status()["generation"]) == (1, 1)
            assert get(gateway.address()).status == 200


def test_listeners_come_and_go_and_a_request_on_one_that_goes_is_finished(tmp_path: Path) -> None:
    go_on = threading.Event()

    def script(line: Line) -> None:
        while True:
            if b"GET /slow" in line.read_head():
                assert go_on.wait(20)
            line.send(OK)

    with Upstream(script) as upstream, RunningGateway(tmp_path, simple([upstream.address])) as gateway:
        gateway.reload(simple([upstream.address], more=listener("other")))
        other = where(gateway, "other")
        with Client(other) as idle, Client(other) as busy:
            assert idle.send(GET).response().status == 200
            busy.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
            eventually(lambda: any(b"GET /slow" in sent for sent in upstream.received), "it is under way")
            gateway.reload(simple([upstream.address]))
            assert idle.is_closed()
            with pytest.raises(ConnectionRefusedError):
                Client(other)
            go_on.set()
            assert busy.response().status == 200
            assert busy.is_closed()
        assert get(gateway.address()).status == 200


def test_what_is_known_of_an_unchanged_pool_survives(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        dead = f"127.0.0.1:{closed.getsockname()[1]}"

    # Longer than the test: whatever is known after the reload was known before it.
    check = 'check = { type = "tcp", interval = "60s" }'

    def dead_is_down(gateway: RunningGateway) -> bool:
        return gateway.metric("endpoint_healthy", pool="app", endpoint=dead) == 0

    with Upstream(answer(OK)) as upstream, Upstream(answer(OK)) as added:
        text = ONE_WORKER + simple([upstream.address, dead], pool=check)
        with RunningGateway(tmp_path, text) as gateway:
            eventually(lambda: dead_is_down(gateway), "the dead endpoint is out")
            with Client(gateway.address()) as client:
                assert client.send(GET).response().status == 200
                eventually(lambda: gateway.metric("upstream_idle") == 1, "its connection waits for more")
                before = gateway.metric("upstream_connects_total")
                gateway.reload(
                    text + f'[pools.more]\nendpoints = ["{added.address}"]\n' + listener("b", pool="more")
                )
                throughout(lambda: dead_is_down(gateway), "it stays out", span=0.3)
                assert client.send(GET).response().status == 200
            assert gateway.metric("upstream_connects_total") == before
            assert gateway.metric("upstream_reuses_total") == 1
            assert gateway.said().count(f"endpoint {dead} is down") == 1
