"""Lanes: one gateway, and many listeners that each have an endpoint of their own, so that rows run side by
side and what an endpoint saw is known to be of one row. It refuses to know what a row is."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final, TypeVar

from tests.support.gateway import RunningGateway

from .rows import LISTENER, POOL
from .streams import EndedError, Stream

LANES: Final = 12
PATIENCE: Final = 10.0
"""Seconds for one row; a hundred times what it takes."""

Row = TypeVar("Row")


@dataclass(frozen=True)
class Lane:
    """Where clients connect, and where the endpoint behind it listens."""

    address: tuple[str, int]
    listening: socket.socket

    @contextlib.asynccontextmanager
    async def served(self, serve: Callable[[int, Stream], Awaitable[None]]) -> AsyncIterator[None]:
        """Runs `serve` for each connection of the gateway, numbered from 0, until the block is left."""
        async with asyncio.TaskGroup() as tasks:
            accepting = tasks.create_task(self._accept(serve, tasks))
            try:
                yield
            finally:
                accepting.cancel()

    async def _accept(
        self, serve: Callable[[int, Stream], Awaitable[None]], tasks: asyncio.TaskGroup
    ) -> None:
        running = []
        try:
            number = 0
            while True:
                connected, _ = await asyncio.get_running_loop().sock_accept(self.listening)
                running.append(tasks.create_task(_run(serve, number, Stream(connected))))
                number += 1
        finally:
            for task in running:
                task.cancel()


async def _run(serve: Callable[[int, Stream], Awaitable[None]], number: int, stream: Stream) -> None:
    with stream, contextlib.suppress(EndedError):
        await serve(number, stream)


@contextlib.contextmanager
def running(folder: Path, pool: str = POOL) -> Iterator[list[Lane]]:
    """A gateway with its lanes. The endpoints are listening sockets that nobody serves yet."""
    with contextlib.ExitStack() as stack:
        sockets = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=512)) for _ in range(LANES)
        ]
        text = ""
        for number, listening in enumerate(sockets):
            listening.setblocking(False)
            text += (
                f'[listeners.lane{number}]\nprotocol = "http"\nbind = "127.0.0.1:0"\n'
                f'default_pool = "lane{number}"\n{LISTENER}\n'
                f'[pools.lane{number}]\nendpoints = ["127.0.0.1:{listening.getsockname()[1]}"]\n{pool}\n'
            )
        gateway = stack.enter_context(RunningGateway(folder, text))
        yield [Lane(gateway.address(f"lane{number}"), sockets[number]) for number in range(LANES)]


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    """`data` in pieces that end at these places."""
    ends = [0, *sorted(set(places) - {0, len(data)}), len(data)]
    return [data[start:end] for start, end in pairwise(ends)]


def anywhere(data: bytes, dice: random.Random) -> list[bytes]:
    """`data` in two to nine pieces."""
    return cut(data, [dice.randrange(1, len(data)) for _ in range(dice.randint(1, 8))])


def disagreements(
    lanes: Sequence[Lane],
    tries: Sequence[Row],
    drive: Callable[[Lane, asyncio.Queue[Row], list[str]], Coroutine[None, None, None]],
) -> list[str]:
    """What `drive` has to say about all of `tries`, which the lanes share."""
    said: list[str] = []

    async def run() -> None:
        queue: asyncio.Queue[Row] = asyncio.Queue()
        for one in tries:
            queue.put_nowait(one)
        async with asyncio.TaskGroup() as tasks:
            for lane in lanes:
                tasks.create_task(drive(lane, queue, said))

    asyncio.run(run())
    return said
