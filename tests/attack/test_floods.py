"""Thousands of requests in one write: answered in order, one after the other, for as much memory as one; and
while their client does not read, not even asked of the endpoint."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Final

from tests.support.client import Client
from tests.support.gateway import RunningGateway, simple
from tests.support.upstreams import Line, Upstream
from tests.support.waiting import eventually, throughout

from .bystander import Bystander
from .crowd import Crowd, Kind
from .measures import SHARED, assert_at_rest, assert_unharmed, proportional

QUIET: Final = 200
"""Requests of the bystander before anything happens."""
REQUESTS: Final = 5_000
"""In one write."""
FLOODS: Final = 20
"""Clients that do so at once."""
BODY: Final = 2_000
"""Bytes of each response."""
MEMORY: Final = 512 * 1024
"""Bytes of memory for each client, at most; what they send is this much, what they are sent is 10 MB."""

ROUTE: Final = '[[routes]]\nmatch = {{ path_prefix = "/flood" }}\nrespond = {{ body = "{body}" }}\n'


def requests(count: int, path: str = "/flood") -> str:
    """So many, each with its number."""
    return "".join(f"GET {path}/{number} HTTP/1.1\r\nHost: gateway.test\r\n\r\n" for number in range(count))


def count(line: Line) -> None:
    """An endpoint that answers with the path that it was asked for, padded."""
    while True:
        path = line.read_head().split(b" ")[1]
        line.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % BODY + path.ljust(BODY))


def test_requests_in_one_write_are_answered_in_order(tmp_path: Path) -> None:
    with (
        Upstream(count) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        sending = threading.Thread(target=client.send, args=(requests(REQUESTS, "/n"),), daemon=True)
        sending.start()
        for number in range(REQUESTS):
            assert client.response().body.strip() == b"/n/%d" % number
        sending.join()
        assert len(upstream.lines) == 1


def test_floods_that_are_read_cost_no_memory_and_harm_nobody(tmp_path: Path) -> None:
    body = "x" * BODY
    with (
        Bystander(tmp_path) as bystander,
        RunningGateway(tmp_path, simple([bystander.endpoint], more=ROUTE.format(body=body))) as gateway,
    ):
        begin, quiet = bystander.begin(gateway.address()), bystander.watches(QUIET)
        memory = proportional(gateway.process.pid)
        last = "GET /flood/last HTTP/1.1\r\nHost: gateway.test\r\nConnection: close\r\n\r\n"
        flood = Kind("flood", gateway.address(), requests(REQUESTS) + last, count=FLOODS)
        with Crowd(tmp_path, [flood]) as crowd:
            crowd.stands()
            most = proportional(gateway.process.pid) - memory
            outcomes = crowd.outcomes()
            gone = time.monotonic()
        assert [outcome.how for outcome in outcomes] == ["end"] * FLOODS
        assert min(outcome.total for outcome in outcomes) > (REQUESTS + 1) * BODY
        assert most <= FLOODS * MEMORY
        assert gateway.metric("requests_total", listener="web") > FLOODS * REQUESTS
        assert_unharmed(bystander.saw(begin, quiet), bystander.saw(quiet, gone), SHARED)
        bystander.goes()
        assert_at_rest(gateway.process.pid)


def test_floods_that_are_not_read_wait_and_cost_no_memory(tmp_path: Path) -> None:
    with (
        Bystander(tmp_path) as bystander,
        Upstream(count) as upstream,
        RunningGateway(
            tmp_path,
            simple(
                [bystander.endpoint],
                listener='timeouts = { body_idle = "2s" }',
                more=f'[pools.counted]\nendpoints = ["{upstream.address}"]\n'
                '[[routes]]\nmatch = { path_prefix = "/flood" }\npool = "counted"\n',
            ),
        ) as gateway,
    ):
        begin, quiet = bystander.begin(gateway.address()), bystander.watches(QUIET)
        memory = proportional(gateway.process.pid)
        flood = Kind(
            "flood", gateway.address(), requests(REQUESTS), sips=0, count=FLOODS, receive_buffer=4096
        )

        def asked() -> float:
            return gateway.metric("endpoint_requests_total", pool="counted")

        with Crowd(tmp_path, [flood]):

            def waits() -> bool:
                before = asked()
                throughout(lambda: asked() == before, "nobody asks any more", span=0.3)
                return before > 0

            eventually(waits, "they wait")
            assert asked() < FLOODS * REQUESTS
            assert proportional(gateway.process.pid) - memory <= FLOODS * MEMORY
            reason = {"ending": "client_timeout", "by": "client"}
            eventually(lambda: gateway.metric("request_endings_total", **reason) == FLOODS, "they are ended")
            gone = time.monotonic()
        assert_unharmed(bystander.saw(begin, quiet), bystander.saw(quiet, gone))
        bystander.goes()
        assert_at_rest(gateway.process.pid)
