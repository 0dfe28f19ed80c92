"""A tap between the gateway and an origin: it passes on every byte, and keeps what both have said, by
connection. It refuses to understand it."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

Address = str | tuple[str, int]
"""A path of a Unix socket, or host and port."""

_PIECE: Final = 1 << 16


@dataclass
class Line:
    """One connection of the gateway to the origin."""

    number: int
    asked: bytearray = field(default_factory=bytearray)
    """What the gateway has sent."""
    said: bytearray = field(default_factory=bytearray)
    """What the origin has sent."""
    read_asked: int = 0
    read_said: int = 0
    gateway_ended: bool = False
    origin_ended: bool = False

    def unread(self) -> str:
        """What both have said since it was last read, for people."""
        return f"{bytes(self.asked[self.read_asked :])!r} -> {bytes(self.said[self.read_said :])!r}"


async def connect(address: Address) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to wherever that is."""
    if isinstance(address, str):
        return await asyncio.open_unix_connection(address)
    return await asyncio.open_connection(*address)


class Tap:
    """Listens on a Unix socket at `path` for the gateway."""

    def __init__(self, path: Path, origin: Address) -> None:
        self.path = path
        self._origin = origin
        self.lines: list[Line] = []
        self.touched: list[Line] = []
        """Lines on which the gateway has sent something since this was cleared, in the order of that."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_unix_server(self._accepted, self.path)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        self.end_lines()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        # What was closed says so in the next turn of the loop.
        await asyncio.sleep(0)

    async def change(self) -> None:
        """Waits until a byte or an end has passed."""
        self._changed.clear()
        await self._changed.wait()

    def end_lines(self) -> None:
        """Ends every connection, on both sides."""
        for task in self._tasks:
            task.cancel()

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._carry(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = Line(len(self.lines))
        self.lines.append(line)
        try:
            from_origin, to_origin = await connect(self._origin)
        except OSError:
            writer.close()
            return
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._ask(line, reader, to_origin))
                both.create_task(self._say(line, from_origin, writer))
        finally:
            to_origin.close()
            writer.close()

    async def _ask(self, line: Line, reader: asyncio.StreamReader, to_origin: asyncio.StreamWriter) -> None:
        # A gateway that breaks the connection has ended it, and an origin that has left listens no more.
        with contextlib.suppress(OSError):
            while piece := await reader.read(_PIECE):
                line.asked += piece
                if line not in self.touched:
                    self.touched.append(line)
                self._changed.set()
                to_origin.write(piece)
        line.gateway_ended = True
        self._changed.set()
        with contextlib.suppress(OSError):
            to_origin.write_eof()

    async def _say(self, line: Line, from_origin: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await from_origin.read(_PIECE):
                line.said += piece
                self._changed.set()
                writer.write(piece)
        line.origin_ended = True
        self._changed.set()
        writer.close()
