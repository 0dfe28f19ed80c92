"""A bug of the gateway costs the connection it happened on and nobody else, and is counted. The engine of the
tests panics where a request asks for it; the one that users run does not know that field."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

from tests.support.client import Client, get
from tests.support.gateway import RunningGateway, simple
from tests.support.programs import find, need
from tests.support.upstreams import OK, Line, Upstream, answer
from tests.support.waiting import eventually

ONE_WORKER = '[runtime]\nworkers = 1\ndrain_timeout = "5s"\nreadiness_settle = "0s"\n'
GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
PANIC = "GET /panic HTTP/1.1\r\nHost: a\r\nX-ExpressGateway-Provoke-Panic: 1\r\n\r\n"


def are_counted(gateway: RunningGateway, panics: int) -> None:
    """So many so far."""
    eventually(lambda: gateway.metric("panics_total") == panics, f"{panics} are counted")


def test_a_panic_costs_one_connection_and_no_bystander_on_the_same_worker(tmp_path: Path) -> None:
    go_on = threading.Event()

    def script(line: Line) -> None:
        while True:
            if b"GET /slow" in line.read_head():
                line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nabc")
                assert go_on.wait(20)
                line.send(b"def")
            else:
                line.send(OK)

    with (
        Upstream(script) as upstream,
        RunningGateway(tmp_path, ONE_WORKER + simple([upstream.address])) as gateway,
        Client(gateway.address()) as idle,
        Client(gateway.address()) as busy,
    ):
        assert idle.send(GET).response().status == 200
        busy.send(GET.replace("/ ", "/slow ", 1))
        assert busy.head().status == 200
        assert busy.exactly(3) == b"abc"
        for number in range(1, 6):
            with Client(gateway.address()) as victim:
                assert victim.send(GET).response().status == 200
                assert victim.send(PANIC).is_closed()
            are_counted(gateway, number)
        assert idle.send(GET).response().status == 200
        go_on.set()
        assert busy.exactly(3) == b"def"
        assert busy.send(GET).response().status == 200
        assert get(gateway.address()).status == 200
        # What the lost connections held was given back.
        eventually(lambda: gateway.metric("connections") == 2, "the lost connections are not counted as open")
        assert gateway.metric("endpoint_in_flight") == 0
        assert gateway.status()["panics"] == 5
        assert "provoked by a request" in gateway.said()
        assert not any(b"/panic" in sent for sent in upstream.received)


@need("curl")
def test_over_http2_a_panic_costs_one_stream_or_its_connection_and_no_other(tmp_path: Path) -> None:
    curl = find("curl")
    assert curl
    with (
        Upstream(answer(OK)) as upstream,
        RunningGateway(tmp_path, ONE_WORKER + simple([upstream.address])) as gateway,
        Client(gateway.address()) as bystander,
    ):
        assert bystander.send(GET).response().status == 200
        request = [curl, "-sS", "--http2-prior-knowledge", "--max-time", "10", gateway.url()]
        lost = subprocess.run(
            [*request, "-H", "X-ExpressGateway-Provoke-Panic: 1"], capture_output=True, check=False
        )
        assert lost.returncode not in (0, 28), lost
        are_counted(gateway, 1)
        assert bystander.send(GET).response().status == 200
        assert subprocess.run(request, capture_output=True, check=True).stdout == b"ok"
        assert gateway.metric("endpoint_in_flight") == 0


def test_the_other_worker_and_the_probes_know_nothing_of_it(tmp_path: Path) -> None:
    with Upstream(answer(OK)) as upstream, RunningGateway(tmp_path, simple([upstream.address])) as gateway:
        for _ in range(20):
            with Client(gateway.address()) as victim:
                assert victim.send(PANIC).is_closed()
            assert get(gateway.address()).status == 200
        are_counted(gateway, 20)
        assert [gateway.ask(path)[0] for path in ("/livez", "/readyz")] == [200, 200]
