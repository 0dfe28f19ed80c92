"""Every request of the table, through a gateway to an endpoint that writes down what it is sent: whole, in
pieces, and cut in two. What is refused reaches nobody, and what is accepted leaks nothing into the next."""

from __future__ import annotations

import asyncio
import dataclasses
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.waiting import soon

from . import rows
from .lanes import PATIENCE, Lane, anywhere, cut, disagreements, running
from .rows import Request, Then
from .streams import MARKER, Body, EndedError, MalformedError, Stream, read_body, value

SPLITS = 3000
"""Rows cut in two at a place that the dice choose; the codec's own test cuts at all of them."""


@pytest.fixture(scope="module")
def lanes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Lane]]:
    folder: Path = tmp_path_factory.mktemp("requests")
    with running(folder) as lanes:
        yield lanes


@dataclass(frozen=True)
class Try:
    """A row, and the pieces in which its bytes are sent."""

    row: Request
    pieces: Sequence[bytes]

    def __str__(self) -> str:
        return f"{self.row.name} ({self.row.rule}), sent as {b' | '.join(self.pieces)!r}"


@dataclass
class Seen:
    """One message, as the endpoint saw it."""

    connection: int
    head: bytes = b""
    body: Body = field(default_factory=Body)
    whole: bool = False

    def __str__(self) -> str:
        end = "" if self.whole else " and no end"
        text = self.head + bytes(self.body.data) + self.body.trailers
        return f"{text!r}{end}, on connection {self.connection}"


class Endpoint:
    """Reads requests, writes down all of them, and answers those that are whole."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.unfinished = 0

    async def serve(self, number: int, stream: Stream) -> None:
        while True:
            await stream.more()
            seen = Seen(number)
            self.seen.append(seen)
            self.unfinished += 1
            try:
                seen.head = await stream.until(b"\r\n\r\n")
                await read_body(stream, seen.head, seen.body)
                seen.whole = True
            except EndedError:
                seen.head = seen.head or stream.unread
                raise
            except MalformedError as error:
                seen.head += f"<{error}>".encode()
                raise EndedError(broken=True) from error
            finally:
                self.unfinished -= 1
            assert not stream.unread, f"more came behind {seen}"
            content = b"" if seen.head.startswith(b"HEAD ") else b"ok"
            await stream.send([b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n" + content])

    async def settled(self) -> None:
        """Waits until nothing is half said."""
        await soon(lambda: not self.unfinished, "the endpoint is told of every end")


class Play:
    """One row on one lane: it raises AssertionError where the gateway does not do what the row says."""

    def __init__(self, lane: Lane, endpoint: Endpoint, row: Request) -> None:
        self.lane = lane
        self.endpoint = endpoint
        self.row = row

    async def run(self, pieces: Sequence[bytes]) -> None:
        row = self.row
        with await Stream.connect(self.lane.address) as client:
            await client.send(pieces)
            if row.cut or row.closes:
                client.end()
            if row.cut:
                assert await client.ended(), f"the client was told {client.unread!r}"
                await self.refused(row.sees)
                return
            if row.answer is not None:
                await self.answered(client, row.answer, last=not row.keeps)
                await self.refused(row.sees, client if row.keeps else None)
                return
            method = row.send.lstrip(b"\r\n").split(b" ")[0]
            await self.served(client, method, last=row.last)
            await self.accepted(client)

    async def accepted(self, client: Stream) -> None:
        row, expected = self.row, [_message(self.row)]
        then = row.then
        if then is not None and then.sees is not None:
            await self.served(client, then.sees.split(b" ")[0], last=False)
            expected.append(_message(then))
        if then is not None and then.answer is not None:
            await self.answered(client, then.answer, last=True)
        if row.last or row.closes:
            assert await client.ended(), f"the connection goes on: {client.unread!r}"
        if row.last or row.closes or (then is not None and then.answer is not None):
            await self.marked()
            same = expected
        else:
            await client.send([MARKER])
            await self.served(client, b"GET", last=False)
            same = [*expected, _MARK]
        await self.endpoint.settled()
        seen = self.endpoint.seen
        assert [_plain(message) for message in seen] == [*expected, _MARK], _show(seen)
        connections = [message.connection for message in seen[: len(same)]]
        again = connections[1:]
        if row.reused:
            assert again == connections[:-1], f"not all on one connection: {_show(seen)}"
        else:
            assert connections[0] not in again, f"the endpoint's connection is used again: {_show(seen)}"

    async def refused(self, head: bytes | None, client: Stream | None = None) -> None:
        """The endpoint has seen nothing, or this head and no end of its body; and whoever comes next is
        served: the same client, or another one."""
        if client is None:
            await self.marked()
        else:
            await client.send([MARKER])
            await self.served(client, b"GET", last=False)
        await self.endpoint.settled()
        *before, marker = self.endpoint.seen or [Seen(-1)]
        if head is not None and marker.head == head:
            # What was abandoned may be written down after what came next.
            before.append(marker)
            marker = before.pop(0)
        assert _plain(marker) == _MARK, _show(self.endpoint.seen)
        if head is None:
            assert not before, f"the endpoint has seen {_show(before)}"
        for message in before:
            assert message.head in {head, b""}, f"the endpoint has seen {_show(before)}"
            assert not message.whole, f"the endpoint has seen a whole message: {_show(before)}"
            assert message.connection != marker.connection, "the endpoint's connection is used again"

    async def served(self, client: Stream, method: bytes, *, last: bool) -> None:
        head = await client.until(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n"), f"the client was told {head!r}"
        says_last = value(head, b"connection") == b"close"
        assert says_last == last, f"the client was told {head!r}"
        if method != b"HEAD":
            body = Body()
            await read_body(client, head, body)
            assert body.data == b"ok", f"the client was told {bytes(body.data)!r}"

    async def answered(self, client: Stream, status: int, *, last: bool) -> None:
        head = await client.until(b"\r\n\r\n")
        told = f"the client was told {head!r}"
        assert head.startswith(b"HTTP/1.1 %d " % status), told
        assert (value(head, b"connection") == b"close") == last, told
        length = int(value(head, b"content-length") or 0)
        if not self.row.send.startswith(b"HEAD "):
            await client.exactly(length)
        if last:
            assert await client.ended(), f"the connection goes on: {client.unread!r}"

    async def marked(self) -> None:
        """Somebody else's request, on a connection of its own."""
        with await Stream.connect(self.lane.address) as client:
            await client.send([MARKER])
            await self.served(client, b"GET", last=False)


Plain = tuple[bytes, bytes, bytes, bool]

_MARK: Plain = (MARKER, b"", b"", True)


def _plain(seen: Seen) -> Plain:
    return seen.head, bytes(seen.body.data), seen.body.trailers, seen.whole


def _message(said: Request | Then) -> Plain:
    assert said.sees is not None
    return said.sees, said.body, said.trailers, True


def _show(seen: Sequence[Seen]) -> str:
    return "; ".join(map(str, seen)) or "nothing"


async def drive(lane: Lane, queue: asyncio.Queue[Try], said: list[str]) -> None:
    endpoint = Endpoint()
    async with lane.served(endpoint.serve):
        while not queue.empty():
            one = queue.get_nowait()
            endpoint.seen.clear()
            try:
                async with asyncio.timeout(PATIENCE):
                    await Play(lane, endpoint, one.row).run(one.pieces)
            except (AssertionError, EndedError, MalformedError, TimeoutError) as error:
                seen = _show(endpoint.seen)
                said.append(f"{one}:\n    {type(error).__name__}: {error}\n    the endpoint saw {seen}")


def test_every_row_is_answered_as_it_says(lanes: list[Lane]) -> None:
    said = disagreements(lanes, [Try(row, [row.send]) for row in rows.requests()], drive)
    assert not said, "\n".join(said)


def test_trailers_are_left_out_of_requests_unless_the_pool_says_otherwise(tmp_path: Path) -> None:
    table = [dataclasses.replace(row, trailers=b"") for row in rows.requests() if row.trailers]
    assert table
    with running(tmp_path, pool="") as lanes:
        said = disagreements(lanes, [Try(row, [row.send]) for row in table], drive)
    assert not said, "\n".join(said)


def test_every_row_in_pieces_is_answered_as_it_says(lanes: list[Lane]) -> None:
    dice = random.Random(9112)
    tries = [Try(row, anywhere(row.send, dice)) for row in rows.requests() for _ in range(2)]
    said = disagreements(lanes, tries, drive)
    assert not said, "\n".join(said)


def test_rows_that_are_cut_in_two_are_answered_as_they_say(lanes: list[Lane]) -> None:
    dice = random.Random(9110)
    table = rows.requests()
    tries = []
    for _ in range(SPLITS):
        row = dice.choice(table)
        tries.append(Try(row, cut(row.send, [dice.randrange(1, len(row.send))])))
    said = disagreements(lanes, tries, drive)
    assert not said, "\n".join(said)
