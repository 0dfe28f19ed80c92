"""The generator of the comparison counts what it is answered, and lets no server hide that it stood still."""

from __future__ import annotations

import http.server
import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from bench import load
from bench.settings import HERE

from tests.support.programs import need

pytestmark = [need("cargo"), pytest.mark.timeout(300)]

Answer = Callable[[int], bytes]


@contextmanager
def serving(answer: Answer) -> Iterator[tuple[int, list[int]]]:
    """A server that answers its nth request, on any connection, with so many bytes; and what was asked."""
    asked: list[int] = []
    turn = threading.Lock()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            # One at a time: while one answer takes its time, nobody is answered.
            with turn:
                asked.append(len(asked))
                body = answer(asked[-1])
            head = f"HTTP/1.1 {200 if body else 503} OK\r\nContent-Length: {len(body)}\r\n\r\n"
            self.wfile.write(head.encode() + body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """The generator leaves when its time is over, whoever may still be speaking."""

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1], asked
    finally:
        server.shutdown()
        server.server_close()


def generate(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [load.generator(), *arguments], capture_output=True, text=True, check=False, timeout=60
    )


def told(*arguments: str) -> dict[str, float]:
    ran = generate(*arguments)
    assert ran.returncode == 0, ran.stderr
    found: dict[str, float] = json.loads(ran.stdout)
    return found


@pytest.mark.parametrize("size", [1, 8 * 1024, 3_000_000], ids=lambda size: f"{size} bytes")
def test_every_answer_counts_once_whatever_its_size(size: int) -> None:
    with serving(lambda _: b"x" * size) as (port, asked):
        found = told("closed", str(port), "/", "4", "0.5")
        assert 0 < found["requests"] <= len(asked) <= found["requests"] + 4


def test_requests_come_when_they_are_due_and_no_more_than_asked_for() -> None:
    with serving(lambda _: b"x") as (port, asked):
        found = told("open", str(port), "/", "4", "1000", "300")
        assert len(asked) == 300
        assert 0 < found["p50"] <= found["p99"] <= found["p999"] <= found["most"]


def test_a_server_that_stands_still_once_delays_all_that_were_due_meanwhile() -> None:
    # For 400 ms nobody is answered, and 200 of 400 requests are due. There are connections for four of them:
    # who counted from when a request was sent would see 1 % delayed, just above the 99th percentile.
    hold = threading.Event()

    def answer(number: int) -> bytes:
        if number == 100:
            hold.wait(0.4)
        return b"x"

    with serving(answer) as (port, _):
        found = told("open", str(port), "/", "4", "500", "400")
        assert found["p99"] >= 350_000
        assert found["most"] >= 390_000


def test_it_is_formatted_as_the_rest_is() -> None:
    asked = subprocess.run(
        ["cargo", "fmt", "--manifest-path", HERE / "generator" / "Cargo.toml", "--check"],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert asked.returncode == 0, asked.stdout + asked.stderr


def test_an_answer_that_is_no_success_ends_it() -> None:
    with serving(lambda number: b"" if number == 3 else b"x") as (port, _):
        ran = generate("open", str(port), "/", "1", "1000", "10")
        assert ran.returncode == 1
        assert "503" in ran.stderr
