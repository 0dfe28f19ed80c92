"""Every response of the table, from an endpoint that sends exactly these bytes, through a gateway to a client
that reads them to the last: whole, in pieces, and cut in two. What is refused is a 502, and its connection is
not used again; what is accepted leaks nothing into what comes after it."""

from __future__ import annotations

import asyncio
import dataclasses
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.waiting import soon

from . import rows
from .lanes import PATIENCE, Lane, anywhere, cut, disagreements, running
from .rows import Response
from .streams import MARKER, Body, EndedError, MalformedError, Stream, read_body, value

SPLITS = 2000
"""Rows cut in two at a place that the dice choose; the codec's own test cuts at all of them."""


@pytest.fixture(scope="module")
def lanes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Lane]]:
    folder: Path = tmp_path_factory.mktemp("responses")
    with running(folder) as lanes:
        yield lanes


@dataclass(frozen=True)
class Try:
    """A row, and the pieces in which its bytes are sent."""

    row: Response
    pieces: Sequence[bytes]
    by_head: bool = False
    """The first piece is the head, and the next one waits until the client has seen it."""

    def __str__(self) -> str:
        return f"{self.row.name} ({self.row.rule}), sent as {b' | '.join(self.pieces)!r}"


MARKED = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nmarked"


class Endpoint:
    """Answers a marker with its mark and everything else with the pieces of the present row."""

    def __init__(self) -> None:
        self.row: Try | None = None
        self.asked: list[int] = []
        """The connection of each request that the row was the answer to."""
        self.marked: list[int] = []
        """The connection of each marker."""
        self.open: set[int] = set()
        """Connections that the gateway has not ended."""
        self.playing = 0
        self.head_seen = asyncio.Event()
        """The client has the head of the row, or something else that settles it."""

    async def serve(self, number: int, stream: Stream) -> None:
        self.open.add(number)
        try:
            while True:
                head = await stream.until(b"\r\n\r\n")
                assert not stream.unread, f"more came behind {head!r}"
                if head == MARKER:
                    self.marked.append(number)
                    await stream.send([MARKED])
                else:
                    await self.play(number, stream)
        finally:
            self.open.discard(number)

    async def play(self, number: int, stream: Stream) -> None:
        assert self.row is not None
        self.asked.append(number)
        self.playing += 1
        await stream.send(self.row.pieces[:1])
        if self.row.by_head:
            await self.head_seen.wait()
        await stream.send(self.row.pieces[1:])
        if self.row.row.cut or self.row.row.closes:
            stream.end()
        self.playing -= 1


class Play:
    """One row on one lane: it raises AssertionError where the gateway does not do what the row says."""

    def __init__(self, lane: Lane, endpoint: Endpoint, one: Try) -> None:
        self.lane = lane
        self.endpoint = endpoint
        self.row = one.row

    async def run(self) -> None:
        row = self.row
        with await Stream.connect(self.lane.address) as client:
            await client.send([row.ask])
            if row.sees is None:
                last = await self.answered(client, await client.until(b"\r\n\r\n"))
            elif row.cut or row.answer is not None:
                last = await self.broken(client, row.sees)
            else:
                last = await self.whole(client, row.sees)
            self.endpoint.head_seen.set()
            await soon(lambda: not self.endpoint.playing, "the endpoint has sent all of the row")
            if last:
                await self.marked_by_another()
            else:
                await self.marked(client)
        await self.kept(last=last)

    async def kept(self, *, last: bool) -> None:
        """The endpoint's connection is used again, or ended, as the row says."""
        asked, marked = self.endpoint.asked, self.endpoint.marked
        assert len(asked) == 1, f"the endpoint was asked {len(asked)} times"
        if self.row.reused:
            assert last or asked == marked, "the endpoint's connection is not used again"
        else:
            assert asked != marked, "the endpoint's connection is used again"
            await soon(lambda: asked[0] not in self.endpoint.open, "the endpoint's connection is ended")

    async def answered(self, client: Stream, head: bytes) -> bool:
        """A refusal, whole. Whether it is the last response of the connection."""
        status = self.row.answer or 502
        assert head.startswith(b"HTTP/1.1 %d " % status), f"the client was told {head!r}"
        if self.row.method != "HEAD":
            await client.exactly(int(value(head, b"content-length") or 0))
        return await self.is_last(client, head)

    async def whole(self, client: Stream, expected: bytes) -> bool:
        """All of what the row says. Whether it is the last response of the connection."""
        head = await self.head(client, expected)
        body = Body()
        try:
            await self.read_body(client, head, body)
        except EndedError as error:
            raise AssertionError(f"the response is cut off after {bytes(body.data)!r}") from error
        assert body.data == self.row.body, f"the client was told {bytes(body.data)!r}"
        assert body.trailers == self.row.trailers, f"the client was told {body.trailers!r} in the end"
        if head.startswith(b"HTTP/1.1 101 "):
            client.end()
            return True
        return await self.is_last(client, head)

    async def broken(self, client: Stream, expected: bytes) -> bool:
        """The head that the row says and some of the body, but no end; or a reset; or a refusal."""
        body = Body()
        try:
            await client.more()
            if client.unread.startswith(b"HTTP/1.1 502 "):
                return await self.answered(client, await client.until(b"\r\n\r\n"))
            head = await self.head(client, expected)
            if head.startswith(b"HTTP/1.1 1"):
                return await self.answered(client, await client.until(b"\r\n\r\n"))
            self.endpoint.head_seen.set()
            await self.read_body(client, head, body)
        except EndedError as ended:
            if not (client.received or ended.broken):
                raise AssertionError("the client was told nothing") from ended
            assert self.row.body.startswith(body.data), f"the client was told {bytes(body.data)!r}"
            return True
        raise AssertionError(f"the client takes it for whole: {bytes(body.data)!r}")

    async def head(self, client: Stream, expected: bytes) -> bytes:
        """The last of the heads that the row says, once all of them have come."""
        head = await client.exactly(len(expected))
        assert head == expected, f"the client was told {head + client.unread!r}"
        return head[head.removesuffix(b"\r\n\r\n").rfind(b"\r\n\r\nHTTP/") + 1 :].lstrip(b"\r\n")

    async def read_body(self, client: Stream, head: bytes, body: Body) -> None:
        status = int(head.split(b" ")[1])
        if self.row.method == "HEAD" or status in {204, 304}:
            return
        to_end = status == 101 or value(head, b"connection") == b"close"
        await read_body(client, head, body, to_end=to_end)

    async def is_last(self, client: Stream, head: bytes) -> bool:
        if value(head, b"connection") != b"close":
            return False
        assert await client.ended(), f"the connection goes on: {client.unread!r}"
        return True

    async def marked(self, client: Stream) -> None:
        await client.send([MARKER])
        told = await client.exactly(len(MARKED))
        assert told == MARKED, f"the next response was {told + client.unread!r}"
        assert not client.unread, f"there is more behind the next response: {client.unread!r}"

    async def marked_by_another(self) -> None:
        """Somebody else's request, on a connection of its own."""
        with await Stream.connect(self.lane.address) as client:
            await self.marked(client)


async def drive(lane: Lane, queue: asyncio.Queue[Try], said: list[str]) -> None:
    endpoint = Endpoint()
    async with lane.served(endpoint.serve):
        while not queue.empty():
            one = endpoint.row = queue.get_nowait()
            endpoint.asked.clear()
            endpoint.marked.clear()
            endpoint.head_seen.clear()
            try:
                async with asyncio.timeout(PATIENCE):
                    await Play(lane, endpoint, one).run()
            except (AssertionError, EndedError, MalformedError, TimeoutError) as error:
                said.append(f"{one}:\n    {type(error).__name__}: {error}")


def test_every_row_is_seen_as_it_says(lanes: list[Lane]) -> None:
    said = disagreements(lanes, [Try(row, [row.send]) for row in rows.responses()], drive)
    assert not said, "\n".join(said)


def test_every_row_in_pieces_is_seen_as_it_says(lanes: list[Lane]) -> None:
    dice = random.Random(9112)
    tries = [Try(row, anywhere(row.send, dice)) for row in rows.responses() for _ in range(2)]
    said = disagreements(lanes, tries, drive)
    assert not said, "\n".join(said)


LONG = b"HTTP/1.1 200 OK\r\nX-A: %s\r\nContent-Length: 2\r\n\r\nok" % (b"a" * 65536)
"""Longer than a head may be, and than a table should be."""


def test_a_head_without_end_is_refused(lanes: list[Lane]) -> None:
    row = dataclasses.replace(rows.responses()[0], send=LONG, answer=502, sees=None, reused=False)
    said = disagreements(lanes, [Try(row, [LONG]), Try(row, cut(LONG, range(0, len(LONG), 8192)))], drive)
    assert not said, "\n".join(said)


def test_what_breaks_off_behind_its_head_is_never_taken_for_whole(lanes: list[Lane]) -> None:
    table = [row for row in rows.responses() if row.sees is not None and (row.cut or row.answer is not None)]
    assert table
    table = [row for row in table if not row.send.startswith(b"HTTP/1.1 1")]
    said = disagreements(lanes, [Try(row, _by_head(row.send), by_head=True) for row in table], drive)
    assert not said, "\n".join(said)


def _by_head(data: bytes) -> list[bytes]:
    return cut(data, [data.index(b"\r\n\r\n") + 4])


def test_rows_that_are_cut_in_two_are_seen_as_they_say(lanes: list[Lane]) -> None:
    dice = random.Random(9110)
    table = rows.responses()
    tries = []
    for _ in range(SPLITS):
        row = dice.choice(table)
        tries.append(Try(row, cut(row.send, [dice.randrange(1, len(row.send))])))
    said = disagreements(lanes, tries, drive)
    assert not said, "\n".join(said)
