"""Every request leaves one line of the access log, however it ends, with the fields that the reference lists;
and whoever writes or reads the log holds up no request and no stop."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.client import Client, get
from tests.support.gateway import RunningGateway, simple
from tests.support.upstreams import OK, Line, Upstream, answer
from tests.support.waiting import eventually

PAGE: Final = Path(__file__).parents[2] / "docs/reference/access-log.md"
# Absent where there is nothing to tell.
MAY_BE_ABSENT: Final = {"connect_us", "first_byte_us"}

CONFIGURATION: Final = """
[listeners.web]
protocol = "http"
bind = "127.0.0.1:0"
timeouts = {{ header = "300ms", body_idle = "400ms" }}
[pools]
app.endpoints = ["{app}"]
dead.endpoints = ["{dead}"]
full = {{ endpoints = ["{full}"], timeouts.connect = "200ms" }}
[[routes]]
pool = "app"
match.path_prefix = "/app"
[[routes]]
pool = "app"
match.path_prefix = "/impatient"
timeouts.first_byte = "200ms"
[[routes]]
pool = "app"
match.path_prefix = "/short"
timeouts.request = "200ms"
[[routes]]
pool = "dead"
match.path_prefix = "/dead"
[[routes]]
pool = "full"
match.path_prefix = "/full"
"""


def script(line: Line) -> None:
    """What happens is the last segment of the path."""
    while True:
        word = line.read_head().split(b" ")[1].partition(b"?")[0].rpartition(b"/")[2]
        if word == b"ok":
            line.send(OK)
        elif word == b"tunnel":
            line.send(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n")
            line.send(line.read_exactly(4))
            return
        elif word == b"vanish":
            return
        elif word == b"vanish-late":
            line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nabc")
            return
        elif word == b"garbage":
            line.send(b"garbage\r\n\r\n")
        elif word == b"stall":
            line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nabc")
            line.read_to_end()
        else:
            line.read_to_end()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    with ExitStack() as world:
        upstream = world.enter_context(Upstream(script))
        dead = world.enter_context(socket.socket())
        dead.bind(("127.0.0.1", 0))
        full = world.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(8):
            waiting = world.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        text = CONFIGURATION.format(
            app=upstream.address,
            dead=f"127.0.0.1:{dead.getsockname()[1]}",
            full=f"127.0.0.1:{full.getsockname()[1]}",
        )
        yield world.enter_context(RunningGateway(tmp_path_factory.mktemp("gateway"), text))


def asks(path: str, more: str = "") -> Callable[[Client], None]:
    """A whole request, and whatever comes of it."""

    def act(client: Client) -> None:
        client.send(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{more}\r\n")
        client.to_end()

    return act


def sends(text: str) -> Callable[[Client], None]:
    """Bytes, and whatever comes of them."""

    def act(client: Client) -> None:
        client.send(text).to_end()

    return act


def tunnels(client: Client) -> None:
    client.send("GET /app/tunnel HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
    assert client.head().status == 101
    assert client.send("ping").end().to_end() == b"ping"


def leaves(client: Client) -> None:
    client.send("GET /app/silent HTTP/1.1\r\nHost: a\r\n\r\n").reset()


@dataclass(frozen=True)
class Case:
    """What a client does, and what its line says."""

    ending: str
    by: str
    status: int
    act: Callable[[Client], None]
    pool: str | None = "app"
    attempts: int = 1


CASES: Final = {
    "delivered": Case("complete", "upstream", 200, asks("/app/ok")),
    "a tunnel": Case("tunnelled", "upstream", 101, tunnels),
    "no route": Case("replied", "gateway", 404, asks("/nowhere"), None, 0),
    "no host": Case("malformed", "client", 400, sends("GET /app HTTP/1.1\r\n\r\n"), None, 0),
    "no HTTP": Case("malformed", "client", 400, sends("\x01\x02\x03\r\n\r\n"), None, 0),
    "half of a head": Case("malformed", "client", 408, sends("GET /app HT"), None, 0),
    "the client leaves": Case("client_gone", "client", 499, leaves),
    "half of a body": Case(
        "client_timeout",
        "client",
        408,
        sends("POST /app/silent HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"),
    ),
    "a refused connection": Case("connect_failed", "upstream", 502, asks("/dead"), "dead"),
    "a full queue": Case("connect_timeout", "upstream", 504, asks("/full"), "full"),
    "no answer": Case("upstream_gone", "upstream", 502, asks("/app/vanish")),
    "half of an answer": Case("upstream_gone", "upstream", 200, asks("/app/vanish-late")),
    "garbage": Case("upstream_malformed", "upstream", 502, asks("/app/garbage")),
    "silence": Case("upstream_timeout", "upstream", 504, asks("/impatient/silent")),
    "silence amid a body": Case("upstream_timeout", "upstream", 200, asks("/app/stall")),
    "too long altogether": Case("request_timeout", "gateway", 504, asks("/short/silent")),
}


def documented() -> list[str]:
    """The fields of the reference, in its order."""
    table = PAGE.read_text().partition("## Fields")[2].partition("## Endings")[0]
    return re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)


def line_of(gateway: RunningGateway, port: int) -> dict[str, Any]:
    """The one line of the client with this port."""

    def found() -> list[dict[str, Any]]:
        return [line for line in gateway.records() if f":{port}" in (line["client"] + line.get("peer", ""))]

    (line,) = eventually(found, "its line")
    return line


@pytest.mark.parametrize("name", CASES)
def test_every_ending_leaves_a_line_with_the_documented_fields(gateway: RunningGateway, name: str) -> None:
    case = CASES[name]
    with Client(gateway.address()) as client:
        port = client.socket.getsockname()[1]
        case.act(client)
        line = line_of(gateway, port)
    said = {key: line[key] for key in ("ending", "by", "status", "pool", "attempts")}
    assert said == {key: getattr(case, key) for key in said}
    keys = documented()
    assert list(line) == [key for key in keys if key in line or key not in MAY_BE_ABSENT]
    assert ("connect_us" in line) == (case.pool == "app")
    assert ("first_byte_us" in line) == (case.status in (101, 200))
    assert line.get("connect_us", 0) <= line.get("first_byte_us", line["duration_us"]) <= line["duration_us"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
    assert re.fullmatch(r"[0-9a-f]{32}", line["request_id"])
    assert (line["listener"], line["reused"]) == ("web", False) or line["pool"] == "app"
    assert (line["endpoint"] is None) == (case.pool is None)


def test_the_cases_above_are_all_that_the_reference_lists() -> None:
    table = PAGE.read_text().partition("## Endings")[2]
    listed = dict(re.findall(r"^\| `(\w+)` \| `(client|gateway|upstream)` \|", table, re.MULTILINE))
    assert {case.ending: case.by for case in CASES.values()} == listed


def test_what_clients_write_cannot_break_a_line(gateway: RunningGateway) -> None:
    with Client(gateway.address()) as client:
        port = client.socket.getsockname()[1]
        agent = 'User-Agent: a"\\\t\xff\xc3\xa9 {"ending":"complete"}\r\n'
        asks("/app/ok?a=\"b'\\&<>", agent)(client)
        line = line_of(gateway, port)
    assert line["user_agent"] == 'a"\\\t\ufffd\u00e9 {"ending":"complete"}'
    assert line["target"] == "/app/ok?a=\"b'\\&<>" or line["status"] == 400


def test_metrics_count_what_the_log_tells(gateway: RunningGateway) -> None:
    for path in ("/app/ok", "/nowhere", "/dead"):
        get(gateway.address(), path)
    eventually(lambda: len(gateway.records()) == gateway.metric("requests_total"), "every line is written")
    for ending, count in Counter(line["ending"] for line in gateway.records()).items():
        assert gateway.metric("request_endings_total", ending=ending) == count
    for listed, metric in (
        ("request_bytes", "request_bytes_total"),
        ("response_bytes", "response_bytes_total"),
    ):
        assert gateway.metric(metric) == sum(line[listed] for line in gateway.records())


# --- whoever reads ---------------------------------------------------------------------------------------


def piped(folder: Path, upstream: Upstream, writing: int) -> RunningGateway:
    """A gateway whose lines go to standard output, which is this pipe."""
    text = '[logs.access]\npath = "-"\n' + simple([upstream.address])
    return RunningGateway(folder, text, stdout=writing)


def test_lines_on_standard_output_are_whole(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    with Upstream(answer(OK)) as upstream, open(reading, "rb") as lines:
        with piped(tmp_path, upstream, writing) as gateway:
            os.close(writing)
            for _ in range(10):
                assert get(gateway.address(), "/a").status == 200
            gateway.signal(signal.SIGTERM)
            assert gateway.ended() == 0
        assert [json.loads(line)["target"] for line in lines] == ["/a"] * 10


def test_a_reader_that_has_left_costs_lines_which_are_counted(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    with Upstream(answer(OK)) as upstream, piped(tmp_path, upstream, writing) as gateway:
        os.close(writing)
        os.close(reading)
        for _ in range(10):
            assert get(gateway.address()).status == 200
        eventually(lambda: gateway.metric("records_dropped_total") == 10, "all are counted")
        gateway.signal(signal.SIGTERM)
        assert gateway.ended(10) == 0


def test_a_reader_that_does_not_read_holds_up_no_request_and_no_stop(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    with Upstream(answer(OK)) as upstream, piped(tmp_path, upstream, writing) as gateway, open(reading, "rb"):
        os.close(writing)
        with Client(gateway.address()) as client:
            # More than a pipe holds.
            for _ in range(400):
                assert client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").response().status == 200
        assert get(gateway.address()).status == 200
        assert gateway.ask("/livez")[0] == 200
        gateway.signal(signal.SIGTERM)
        try:
            gateway.ended(5)
        except subprocess.TimeoutExpired:
            gateway.kill()
            pytest.fail("it waits for who does not read")
