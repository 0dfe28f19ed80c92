"""Ten thousand connections that do nothing, or half of something: each costs no more than is written here, a
client that behaves notices nothing, and when they are gone nothing of them is left."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from tests.support.gateway import RunningGateway, simple
from tests.support.waiting import eventually

from .bystander import Bystander
from .crowd import Crowd, Kind, count
from .measures import assert_unharmed, open_files, proportional

CROWD: Final = 10_000
PACE: Final = 4_000
"""Of them, in a second."""
QUIET: Final = 300
"""Requests of the bystander before anything happens."""
STANDING: Final = 100
"""Requests of the bystander while nothing happens but that the crowd stands."""

IDLE: Final = 4 * 1024
"""Bytes of memory for a connection between two requests."""
HALF: Final = 20 * 1024
"""Bytes of memory for a connection whose head is not complete: it has a buffer of 16 KiB."""
ABOUT: Final = 100
"""Files that the gateway may open or close meanwhile for the sake of others."""

HEADER: Final = 4.0
"""Seconds that a head may take: all of the crowd stands before the first of them is ended."""
LATE: Final = 2.0
"""Seconds that a deadline may be missed by, on a machine that is busy."""

RUNTIME: Final = (
    '[runtime]\nworkers = 2\nmax_connections = 12000\ndrain_timeout = "5s"\nreadiness_settle = "0s"\n'
)
ROUTE: Final = '[[routes]]\nmatch = { path = "/idle" }\nrespond = { body = "ok" }\n'
WHOLE: Final = "GET /idle HTTP/1.1\r\nHost: gateway.test\r\n\r\n"
PART: Final = "GET /half HTTP/1.1\r\nHost: gateway.test\r\nX-Half: "


def test_ten_thousand_idle_connections_cost_little_and_harm_nobody(tmp_path: Path) -> None:
    with (
        Bystander(tmp_path) as bystander,
        RunningGateway(tmp_path, RUNTIME + simple([bystander.endpoint], more=ROUTE)) as gateway,
    ):
        process = gateway.process.pid
        begin, quiet = bystander.begin(gateway.address()), bystander.watches(QUIET)
        memory, files = proportional(process), open_files(process)
        idle = Kind("idle", gateway.address(), WHOLE, awaits="ok", count=CROWD, pace=PACE)
        with Crowd(tmp_path, [idle]) as crowd:
            crowd.stands()
            bystander.watches(STANDING)
            assert gateway.metric("connections") >= CROWD
            each = (proportional(process) - memory) / CROWD
            assert count(crowd.leave()) == {("left", 200): CROWD}
        eventually(lambda: open_files(process) < files + ABOUT, "the files are closed")
        gone = time.monotonic()
        assert_unharmed(bystander.saw(begin, quiet), bystander.saw(quiet, gone))
        assert each <= IDLE
        assert gateway.metric("connections") < ABOUT


def test_ten_thousand_halves_of_a_head_end_when_their_time_is_over_and_harm_nobody(tmp_path: Path) -> None:
    listener = f'timeouts = {{ header = "{HEADER * 1000:.0f}ms" }}'
    with (
        Bystander(tmp_path) as bystander,
        RunningGateway(tmp_path, RUNTIME + simple([bystander.endpoint], listener=listener)) as gateway,
    ):
        process = gateway.process.pid
        begin, quiet = bystander.begin(gateway.address()), bystander.watches(QUIET)
        memory, files = proportional(process), open_files(process)
        half = Kind("half a head", gateway.address(), PART, count=CROWD, pace=PACE)
        with Crowd(tmp_path, [half]) as crowd:
            crowd.stands()
            each = (proportional(process) - memory) / gateway.metric("connections")
            outcomes = crowd.outcomes()
        assert count(outcomes) == {("end", 408): CROWD}
        assert min(outcome.seconds for outcome in outcomes) > HEADER - 0.1
        assert max(outcome.seconds for outcome in outcomes) < HEADER + LATE
        eventually(lambda: open_files(process) < files + ABOUT, "the files are closed")
        gone = time.monotonic()
        assert_unharmed(bystander.saw(begin, quiet), bystander.saw(quiet, gone))
        assert each <= HALF
        assert gateway.metric("request_endings_total", ending="malformed", by="client") == CROWD
        assert gateway.metric("records_dropped_total") == 0
        assert sum(record["status"] == 408 for record in gateway.records()) == CROWD
