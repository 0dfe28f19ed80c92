"""What never ends, from either side: heads, informational responses, chunk extensions, trailers, silence. It
is given up at a bound that does not depend on who sends, and costs next to no memory meanwhile."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.client import Client
from tests.support.gateway import RunningGateway
from tests.support.upstreams import OK, Line, Upstream
from tests.support.waiting import eventually

from .bystander import Bystander
from .crowd import Crowd, Kind
from .measures import SHARED, assert_at_rest, assert_unharmed, proportional

QUIET: Final = 200
"""Requests of the bystander before anything happens."""
EACH: Final = 20
"""Clients of each kind."""
PACE: Final = 50
"""Of them, in a second."""
MEMORY: Final = 512 * 1024
"""Bytes of memory for each, at most: two windows, two buffers."""

FIRST_BYTE: Final = 2.0
BODY_IDLE: Final = 3.0
LATE: Final = 2.0
"""Seconds that a deadline may be missed by, on a machine that is busy."""

CONFIGURATION: Final = """\
[listeners.web]
protocol = "http"
bind = "127.0.0.1:0"
timeouts = {{ body_idle = "3s" }}
[[routes]]
match = {{ path = "/bystander" }}
pool = "bystander"
[[routes]]
pool = "app"
timeouts = {{ first_byte = "2s" }}
[pools.app]
endpoints = ["{app}"]
[pools.bystander]
endpoints = ["{bystander}"]
"""
HOST: Final = "Host: gateway.test\r\n"
CHUNKED: Final = f"POST /reads HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n"
A_LOT: Final = "x" * 16384


@dataclass(frozen=True)
class Endless:
    """A client that sends without end, and what it is answered with."""

    name: str
    status: int
    says: str
    drips: str = A_LOT


CLIENTS: Final = (
    Endless("a method", 414, ""),
    Endless("a target", 414, "GET /"),
    Endless("the name of a field", 431, f"GET / HTTP/1.1\r\n{HOST}"),
    Endless("the value of a field", 431, f"GET / HTTP/1.1\r\n{HOST}X: "),
    Endless("fields", 431, f"GET / HTTP/1.1\r\n{HOST}", "X: y\r\n" * 100),
    Endless("a size of a chunk", 400, CHUNKED, "0" * 1024),
    Endless("an extension", 400, CHUNKED + "1;"),
    Endless("extensions", 400, CHUNKED, "1;a=b\r\nx\r\n" * 100),
    Endless("the value of a trailer", 431, CHUNKED + "0\r\nX: "),
    Endless("trailers", 431, CHUNKED + "0\r\n", "X: y\r\n" * 100),
)


def world(bystander: Bystander, upstream: Upstream) -> str:
    """The configuration of a gateway before both of their endpoints."""
    return CONFIGURATION.format(app=upstream.address, bystander=bystander.endpoint)


def test_a_client_that_never_comes_to_an_end_is_told_to_stop(tmp_path: Path) -> None:
    with (
        Bystander(tmp_path) as bystander,
        Upstream(endpoint) as upstream,
        RunningGateway(tmp_path, world(bystander, upstream)) as gateway,
    ):
        begin, quiet = bystander.begin(gateway.address()), bystander.watches(QUIET)
        memory = proportional(gateway.process.pid)
        kinds = [
            Kind(one.name, gateway.address(), one.says, drips=one.drips, every=0, count=EACH, pace=PACE)
            for one in CLIENTS
        ]
        with Crowd(tmp_path, kinds) as crowd:
            outcomes = crowd.outcomes()
            gone = time.monotonic()
        expected = {(one.name, one.status): EACH for one in CLIENTS}
        assert Counter((outcome.kind, outcome.status) for outcome in outcomes) == expected
        assert max(outcome.seconds for outcome in outcomes) < LATE
        assert proportional(gateway.process.pid) - memory < len(outcomes) * MEMORY
        logged = Counter({one.status: 0 for one in CLIENTS})
        for one in CLIENTS:
            logged[one.status] += EACH
        eventually(lambda: refusals(gateway) == logged, f"{logged} is logged")
        assert gateway.metric("request_endings_total", ending="malformed", by="client") == len(outcomes)
        assert_unharmed(bystander.saw(begin, quiet), bystander.saw(quiet, gone), SHARED)
        bystander.goes()
        assert_at_rest(gateway.process.pid)


def refusals(gateway: RunningGateway) -> Counter[int]:
    """Status of what was logged as malformed."""
    return Counter(record["status"] for record in gateway.records() if record["ending"] == "malformed")


@dataclass(frozen=True)
class Story:
    """An endpoint that never comes to an end, and what becomes of the request."""

    name: str
    status: int
    """What the client sees at last."""
    ending: str
    says: bytes
    drips: bytes = b""
    every: float = 0.0
    lasts: float = 0.0
    """Seconds until it is given up."""

    @property
    def path(self) -> str:
        """Where it is told."""
        return "/" + self.name.replace(" ", "-")


OK_CHUNKED: Final = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n"
INFO: Final = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"

STORIES: Final = (
    Story("silence", 504, "upstream_timeout", b"", lasts=FIRST_BYTE),
    Story("half a head", 504, "upstream_timeout", b"HTTP/1.1 200 OK\r\nX: y\r\n", lasts=FIRST_BYTE),
    Story("a head that drips", 504, "upstream_timeout", b"HTTP/1.1 200 OK\r\nX:", b"y", 0.1, FIRST_BYTE),
    Story("a reason", 502, "upstream_malformed", b"HTTP/1.1 200 ", b"x" * 16384),
    Story("a field", 502, "upstream_malformed", b"HTTP/1.1 200 OK\r\nX: ", b"x" * 16384),
    Story("fields", 502, "upstream_malformed", b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 100),
    Story("hints", 502, "upstream_malformed", b"", INFO),
    Story("hints that drip", 502, "upstream_malformed", b"", INFO, 0.1, 1.6),
    Story("a size", 200, "upstream_malformed", OK_CHUNKED, b"0" * 1024),
    Story("an extension", 200, "upstream_malformed", OK_CHUNKED + b"1;", b"x" * 16384),
    Story("an extension that drips", 200, "upstream_timeout", OK_CHUNKED + b"1;", b"x", 0.1, BODY_IDLE),
    Story("trailers", 200, "upstream_malformed", OK_CHUNKED + b"0\r\n", b"X: y\r\n" * 100),
    Story("trailers that drip", 200, "upstream_timeout", OK_CHUNKED + b"0\r\n", b"X: y\r\n", 0.1, BODY_IDLE),
    Story("a body that stops", 200, "upstream_timeout", OK_CHUNKED, lasts=BODY_IDLE),
    Story("more than it said", 200, "complete", OK, b"x" * 16384),
)


def endpoint(line: Line) -> None:
    """One endpoint that tells all of them, by path; elsewhere it reads to the end."""
    path = line.read_head().split(b" ")[1].decode()
    for story in STORIES:
        if story.path == path:
            line.send(story.says)
            while story.drips:
                line.send(story.drips)
                if story.every:
                    with contextlib.suppress(TimeoutError):
                        line.socket.settimeout(story.every)
                        line.read_until(b"no such thing")
                    line.socket.settimeout(None)
    line.read_to_end()


def test_an_endpoint_that_never_comes_to_an_end_is_given_up(tmp_path: Path) -> None:
    with (
        Bystander(tmp_path) as bystander,
        Upstream(endpoint) as upstream,
        RunningGateway(tmp_path, world(bystander, upstream)) as gateway,
        ExitStack() as opened,
    ):
        begin, quiet = bystander.begin(gateway.address()), bystander.watches(QUIET)
        memory = proportional(gateway.process.pid)
        clients = []
        for story in STORIES:
            client = opened.enter_context(Client(gateway.address()))
            client.send(f"GET {story.path} HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n")
            clients.append(client)
        for story, client in zip(STORIES, clients, strict=True):
            assert_given_up(story, client, gateway)
        eventually(lambda: gateway.metric("endpoint_in_flight", pool="app") == 0, "all are given up")
        eventually(lambda: gateway.metric("upstream_idle") <= 8, "none of their connections is kept")
        assert proportional(gateway.process.pid) - memory < len(STORIES) * MEMORY
        assert_unharmed(bystander.saw(begin, quiet), bystander.saw(quiet, time.monotonic()))
        bystander.goes()
        assert_at_rest(gateway.process.pid)


def assert_given_up(story: Story, client: Client, gateway: RunningGateway) -> None:
    """In time, so that the client notices, and with the reason in the log."""
    if story.ending == "complete":
        assert client.response().body == b"ok", story.name
    elif story.status == 200:
        # It is cut: whatever the client got of it, it did not get its end.
        assert not client.to_end().endswith(b"\r\n0\r\n\r\n"), story.name
    else:
        while (response := client.response()).status < 200:
            pass
        assert response.status == story.status, story.name
    record = gateway.record(target=story.path)
    assert (record["ending"], record["by"], record["status"]) == (story.ending, "upstream", story.status)
    assert story.lasts - 0.1 < record["duration_us"] / 1e6 < story.lasts + LATE, story.name
