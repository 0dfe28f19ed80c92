"""Clients that take their time: each is ended when the configuration says, is told why if it can be told, and
leaves its reason in the log. All of them are there at once, and a client that behaves notices nothing."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.client import Client
from tests.support.gateway import RunningGateway
from tests.support.upstreams import Line, Upstream
from tests.support.waiting import eventually, throughout

from .bystander import Bystander
from .crowd import Crowd, Kind, Outcome
from .measures import assert_at_rest, assert_unharmed, open_files, proportional, unsent

QUIET: Final = 200
"""Requests of the bystander before anything happens."""
EACH: Final = 4
"""Connections of each kind."""

HEADER: Final = 2.0
IDLE: Final = 3.0
BODY_IDLE: Final = 4.0
GRACE: Final = 10.0
"""Seconds that a client may be slower than `min_rate`: the reference says so."""
LINGER: Final = 2.0
"""Seconds that a client that was told to go may stay and say nothing."""
LATE: Final = 2.0
"""Seconds that a deadline may be missed by, on a machine that is busy."""

LARGE: Final = 64 * 2**20
EARLY: Final = 0.1
FEW: Final = 40
"""Files that others may have opened meanwhile: the bystander, and connections kept for the next request."""

MEMORY: Final = 512 * 1024
"""Bytes of memory for each, at most: two windows, two buffers."""

# `patient` waits long for everything, so that only the rate can end what enters there.
CONFIGURATION: Final = """\
[listeners.web]
protocol = "http"
bind = "127.0.0.1:0"
default_pool = "app"
timeouts = {{ header = "2s", idle = "3s", body_idle = "4s" }}
[listeners.patient]
protocol = "http"
bind = "127.0.0.1:0"
default_pool = "app"
[[routes]]
match = {{ path = "/bystander" }}
pool = "bystander"
[pools.app]
endpoints = ["{app}"]
[pools.bystander]
endpoints = ["{bystander}"]
"""


@dataclass(frozen=True)
class Slow:
    """One way to be slow, and what becomes of it."""

    name: str
    lasts: float
    """Seconds until it is ended."""
    status: int | None
    """What it is answered with; 0: nothing. None: it does not look."""
    logged: tuple[str, str, int] | None
    """`ending`, `by` and `status` of its record; None: it never was a request."""
    says: str
    drips: str = ""
    every: float = 0.1
    sips: int | None = None
    listener: str = "web"
    more: float = LATE
    """Seconds that may be added to it."""


HOST: Final = "Host: gateway.test\r\n"
POST: Final = f"POST /slow HTTP/1.1\r\n{HOST}Content-Length: 100000\r\n\r\n"
CHUNKED: Final = f"POST /slow HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n"
LATE_HEAD: Final = ("malformed", "client", 408)
LATE_BODY: Final = ("client_timeout", "client", 408)
UNREAD: Final = ("client_timeout", "client", 200)

SLOW: Final = (
    # Not a request yet, or not known to be one.
    Slow("nothing at all", IDLE, 0, None, ""),
    Slow("what begins like a preface of HTTP/2", HEADER, 408, LATE_HEAD, "P", "R"),
    # Heads.
    Slow("half a head", HEADER, 408, LATE_HEAD, f"GET /half HTTP/1.1\r\n{HOST}"),
    Slow("one letter", HEADER, 408, LATE_HEAD, "G"),
    Slow("a head that drips", HEADER, 408, LATE_HEAD, "GET /", "a"),
    Slow("fields that drip", HEADER, 408, LATE_HEAD, f"GET /fields HTTP/1.1\r\n{HOST}", "X-Slow: 1\r\n"),
    Slow("a second head that drips", HEADER, 408, LATE_HEAD, f"GET /ok HTTP/1.1\r\n{HOST}\r\nGET /", "b"),
    # Bodies.
    Slow("a body that does not come", BODY_IDLE, 408, LATE_BODY, POST),
    Slow("a body that stops", BODY_IDLE, 408, LATE_BODY, POST + "x" * 1000),
    Slow("a body that drips", GRACE, 408, LATE_BODY, POST, "x"),
    Slow("a body that drips where all is patient", GRACE, 408, LATE_BODY, POST, "x", listener="patient"),
    Slow("chunks that drip", GRACE, 408, LATE_BODY, CHUNKED, "1\r\nx\r\n"),
    Slow("a size of a chunk that drips", BODY_IDLE, 408, LATE_BODY, CHUNKED, "0", every=0.5),
    Slow("an extension that drips", BODY_IDLE, 408, LATE_BODY, CHUNKED + "1;", "x"),
    Slow("trailers that drip", BODY_IDLE, 408, LATE_BODY, CHUNKED + "0\r\n", "X-Slow: 1\r\n"),
    # Readers. What is in the kernel's hands reaches them, or not, after the gateway has given them up.
    # The kernel may find room for a little more of it now and then, which is progress.
    Slow(
        "a response that is not read",
        BODY_IDLE,
        None,
        UNREAD,
        f"GET /large HTTP/1.1\r\n{HOST}\r\n",
        sips=0,
        more=GRACE,
    ),
    Slow(
        "a response that is sipped",
        GRACE,
        None,
        UNREAD,
        f"GET /large HTTP/1.1\r\n{HOST}\r\n",
        every=0.5,
        sips=50,
        listener="patient",
        more=GRACE,
    ),
)


def script(line: Line) -> None:
    """An endpoint that reads whatever comes, and sends a lot to who asks for it."""
    while True:
        head = line.read_head()
        if b" /slow " in head:
            line.read_to_end()
        elif b" /large " in head:
            line.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % LARGE)
            for _ in range(LARGE // 65536):
                line.send(b"x" * 65536)
        else:
            line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")


def world(bystander: Bystander, upstream: Upstream) -> str:
    """The configuration of a gateway before both of their endpoints."""
    return CONFIGURATION.format(app=upstream.address, bystander=bystander.endpoint)


def crowd_of(gateway: RunningGateway, slow: Sequence[Slow]) -> list[Kind]:
    """The attackers."""
    return [
        Kind(
            one.name,
            gateway.address(one.listener),
            one.says,
            drips=one.drips,
            every=one.every,
            sips=one.sips,
            receive_buffer=4096 if one.sips is not None else None,
            count=EACH,
        )
        for one in slow
    ]


def reasons(gateway: RunningGateway) -> Counter[tuple[str, str, int]]:
    """Ending, by and status of what was logged, without what went well."""
    return Counter(
        (record["ending"], record["by"], record["status"])
        for record in gateway.records()
        if record["ending"] != "complete"
    )


def test_whoever_is_slow_is_ended_in_time_told_why_and_logged(tmp_path: Path) -> None:
    with (
        Bystander(tmp_path) as bystander,
        Upstream(script) as upstream,
        RunningGateway(tmp_path, world(bystander, upstream)) as gateway,
    ):
        process = gateway.process.pid
        begin, quiet = bystander.begin(gateway.address()), bystander.watches(QUIET)
        memory, files = proportional(process), open_files(process)
        with Crowd(tmp_path, crowd_of(gateway, SLOW)) as crowd:
            crowd.stands()
            bystander.watches(QUIET)
            assert proportional(process) - memory <= EACH * len(SLOW) * MEMORY
            expected = Counter({one.logged: EACH * times(one.logged) for one in SLOW if one.logged})
            patience = 2 * GRACE + LATE
            eventually(lambda: reasons(gateway) == expected, f"{expected} is logged", deadline=patience)
            eventually(lambda: open_files(process) < files + FEW, "their files are closed")
            gone = time.monotonic()
            outcomes = crowd.leave()
        for one in SLOW:
            assert_ended(one, [outcome for outcome in outcomes if outcome.kind == one.name], gateway)
        for (ending, by), number in Counter((ending, by) for ending, by, _ in expected.elements()).items():
            assert gateway.metric("request_endings_total", ending=ending, by=by) == number
        assert_unharmed(bystander.saw(begin, quiet), bystander.saw(quiet, gone))
        bystander.goes()
        assert_at_rest(gateway.process.pid)


def times(logged: tuple[str, str, int]) -> int:
    """How many kinds have the same reason."""
    return sum(one.logged == logged for one in SLOW)


def assert_ended(slow: Slow, outcomes: Sequence[Outcome], gateway: RunningGateway) -> None:
    """In time, and with the right word."""
    if slow.status is None:
        # What the kernel still holds for a reader hides the end from it; the record does not.
        fitting = (slow.listener, *UNREAD)
        spans = [
            record["duration_us"] / 1e6
            for record in gateway.records()
            if tuple(record[name] for name in ("listener", "ending", "by", "status")) == fitting
        ]
    else:
        spans = [outcome.seconds for outcome in outcomes]
        wrong = [
            outcome for outcome in outcomes if (outcome.how == "left", outcome.status) != (False, slow.status)
        ]
        assert not wrong, f"{slow.name}: {wrong}"
    assert len(spans) == EACH, f"{slow.name}: {spans}"
    assert min(spans) >= slow.lasts - EARLY, f"{slow.name}: {spans}"
    assert max(spans) <= slow.lasts + slow.more, f"{slow.name}: {spans}"


def test_the_kernel_keeps_nothing_for_a_reader_that_was_given_up(tmp_path: Path) -> None:
    unread = [one for one in SLOW if one.name == "a response that is not read"]
    with (
        Bystander(tmp_path) as bystander,
        Upstream(script) as upstream,
        RunningGateway(tmp_path, world(bystander, upstream).replace('"4s"', '"1s"')) as gateway,
        Crowd(tmp_path, crowd_of(gateway, unread)) as crowd,
    ):
        crowd.stands()
        eventually(lambda: unsent(gateway.address()) > EACH * 2**16, "what is not read waits")
        eventually(lambda: reasons(gateway) == {UNREAD: EACH}, "they are given up")
        eventually(lambda: unsent(gateway.address()) == 0, "nothing is kept for them", deadline=LATE)


def test_a_first_letter_alone_is_neither_late_nor_left_without_a_word(tmp_path: Path) -> None:
    """It might be the first of HTTP/2's preface, or of POST; until then the connection was merely idle."""
    with (
        Bystander(tmp_path) as bystander,
        Upstream(script) as upstream,
        RunningGateway(
            tmp_path, world(bystander, upstream).replace('idle = "3s"', 'idle = "30s"')
        ) as gateway,
        Client(gateway.address()) as late,
        Client(gateway.address()) as silent,
    ):
        silent.send("P")
        throughout(lambda: True, "longer than a head may take", span=HEADER + 0.2)
        late.send("P")
        throughout(lambda: True, "so that the letter comes alone", span=0.1)
        late.send(f"OST /ok HTTP/1.1\r\n{HOST}Content-Length: 0\r\n\r\n")
        assert late.response().status == 200
        assert silent.response().status == 408


def test_whoever_was_told_to_go_and_stays_is_left_after_a_while(tmp_path: Path) -> None:
    with (
        Bystander(tmp_path) as bystander,
        Upstream(script) as upstream,
        RunningGateway(tmp_path, world(bystander, upstream)) as gateway,
        Client(gateway.address()) as client,
    ):
        assert client.send("GET / HTTP/1.1\r\n\r\n").response().status == 400
        assert client.is_closed()
        assert gateway.metric("connections") == 1
        eventually(lambda: gateway.metric("connections") == 0, "it is left", deadline=LINGER + LATE)
