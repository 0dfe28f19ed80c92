"""Whoever does not read is not read for: a body that nobody takes stays with its sender, and costs the
gateway no more memory than its windows, over either version and in either direction."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from tests.support.client import Client
from tests.support.gateway import RunningGateway, simple
from tests.support.http2 import WIDE, Http2Client, Stream
from tests.support.processes import resident
from tests.support.upstreams import Line, Upstream
from tests.support.waiting import eventually, throughout

MIB: Final = 2**20
LARGE: Final = 200 * MIB
PIECE: Final = bytes(range(256)) * 1024
# Buffers of sockets are the kernel's, and there are two pairs between an end and the other.
IN_THE_KERNEL: Final = 64 * MIB
# Of the gateway, for one body: windows and what the allocator keeps, far from the body.
FOR_ONE: Final = 8 * MIB
REQUEST: Final = "GET /large HTTP/1.1\r\nHost: a\r\n\r\n"


class Amount:
    """Bytes that have left one side."""

    def __init__(self) -> None:
        self.total = 0

    def stands_still(self) -> bool:
        """Whether nothing leaves any more."""
        before = self.total
        with contextlib.suppress(AssertionError):
            throughout(lambda: self.total == before, "it stands still", span=0.3)
            return before > 0
        return False


def large(sent: Amount) -> Iterator[bytes]:
    """A body, counted as it leaves."""
    for _ in range(LARGE // len(PIECE)):
        yield PIECE
        sent.total += len(PIECE)


@contextlib.contextmanager
def downloads(folder: Path, sent: Amount) -> Iterator[RunningGateway]:
    """A gateway before an upstream that sends as much as it is let."""

    def script(line: Line) -> None:
        line.read_head()
        line.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % LARGE)
        for piece in large(sent):
            line.send(piece)

    with Upstream(script) as upstream, RunningGateway(folder, simple([upstream.address])) as gateway:
        yield gateway


def unread(how: str, gateway: RunningGateway, opened: ExitStack) -> None:
    """Ask for a large body and do not read it."""
    if how == "HTTP/1":
        opened.enter_context(Client(gateway.address(), receive_buffer=65536)).send(REQUEST)
    elif how == "HTTP/2, the windows are closed":
        client = opened.enter_context(Http2Client(gateway.address(), reads=False))
        stream = client.open("/large")
        client.until(lambda: len(stream.body) == 65_535)
    else:
        opened.enter_context(Http2Client(gateway.address(), window=WIDE)).open("/large")


@pytest.mark.parametrize(
    "how", ["HTTP/1", "HTTP/2, the windows are closed", "HTTP/2, the windows are open and the socket is full"]
)
def test_a_response_that_is_not_read_stays_with_its_upstream(tmp_path: Path, how: str) -> None:
    sent = Amount()
    with downloads(tmp_path, sent) as gateway, ExitStack() as opened:
        before = resident(gateway.process.pid)
        unread(how, gateway, opened)
        eventually(sent.stands_still, "the upstream is held up")
        assert sent.total < IN_THE_KERNEL
        assert resident(gateway.process.pid) - before < FOR_ONE
        assert gateway.metric("endpoint_in_flight") == 1


def test_a_response_that_is_read_late_arrives_whole(tmp_path: Path) -> None:
    sent = Amount()
    with downloads(tmp_path, sent) as gateway, Http2Client(gateway.address(), window=WIDE) as client:
        stream = client.open("/large")
        eventually(sent.stands_still, "the upstream is held up")
        before = resident(gateway.process.pid)
        client.finish(stream)
        assert (stream.ended, stream.reset, len(stream.body)) == (True, None, LARGE)
        assert stream.body == PIECE * (LARGE // len(PIECE))
        assert resident(gateway.process.pid) - before < FOR_ONE


def test_many_streams_that_are_not_read_cost_their_windows_and_no_more(tmp_path: Path) -> None:
    sent, streams = Amount(), 100
    with downloads(tmp_path, sent) as gateway, Http2Client(gateway.address(), window=WIDE) as client:
        before = resident(gateway.process.pid)
        for _ in range(streams):
            client.open("/large")
        eventually(sent.stands_still, "the upstreams are held up")
        # A buffer towards each side.
        assert gateway.metric("endpoint_in_flight") == streams
        assert resident(gateway.process.pid) - before < FOR_ONE + streams * 256 * 1024


@pytest.mark.parametrize("version", ["HTTP/1", "HTTP/2"])
def test_a_request_body_that_is_not_read_stays_with_its_client(tmp_path: Path, version: str) -> None:
    sent, go_on = Amount(), threading.Event()

    def script(line: Line) -> None:
        line.read_head()
        assert go_on.wait(30)

    with (
        Upstream(script) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
        ExitStack() as opened,
    ):
        before = resident(gateway.process.pid)
        if version == "HTTP/1":
            client = opened.enter_context(Client(gateway.address()))
            client.send(f"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {LARGE}\r\n\r\n")
            thread = threading.Thread(target=push, args=(client, sent), daemon=True)
            thread.start()
            eventually(sent.stands_still, "the client is held up")
        else:
            front = opened.enter_context(Http2Client(gateway.address()))
            stream = front.open("/", method="POST")
            with pytest.raises(AssertionError, match="no room"):
                push_stream(front, stream, sent)
        assert 0 < sent.total < IN_THE_KERNEL
        assert resident(gateway.process.pid) - before < FOR_ONE
        go_on.set()


def push(client: Client, sent: Amount) -> None:
    """Send until the connection ends."""
    with contextlib.suppress(OSError):
        for piece in large(sent):
            client.send(piece)


def push_stream(client: Http2Client, stream: Stream, sent: Amount) -> None:
    """Send as long as there is room."""
    for piece in large(sent):
        client.send(stream, piece, ends=False, patience=0.5)
