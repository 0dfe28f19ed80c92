"""A machine that has nothing left to give: what is then refused, and who is not blamed for it."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from resource import RLIMIT_NOFILE, getrlimit, setrlimit

import pytest

from expressgateway.config import Config, Target
from expressgateway.control.checks import Checker, probe
from expressgateway.control.sockets import listen
from expressgateway.errors import SocketError
from tests.support.waiting import soon


@contextmanager
def no_descriptor_left(spare: int = 0) -> Iterator[None]:
    """So many files can be opened, and no more."""
    before = getrlimit(RLIMIT_NOFILE)
    highest = max(map(int, os.listdir("/proc/self/fd")))
    fillers = []
    setrlimit(RLIMIT_NOFILE, (highest + 1, before[1]))
    try:
        while True:
            try:
                fillers.append(os.open(os.devnull, os.O_RDONLY))
            except OSError:
                break
        setrlimit(RLIMIT_NOFILE, (highest + 1 + spare, before[1]))
        yield
    finally:
        setrlimit(RLIMIT_NOFILE, before)
        for filler in fillers:
            os.close(filler)


def test_an_endpoint_is_not_blamed_for_files_that_we_do_not_have(caplog: pytest.LogCaptureFixture) -> None:
    told: list[bool] = []

    class Sink:
        def set_health(self, pool: str, endpoint: str, healthy: bool) -> bool:
            told.append(healthy)
            return bool(pool and endpoint)

    async def run(address: str) -> None:
        check = {"type": "tcp", "interval": "5ms", "timeout": "1s", "rise": 1, "fall": 1}
        checker = Checker(Sink())
        checker.reconcile(Config.model_validate({"pools": {"app": {"endpoints": [address], "check": check}}}))
        with no_descriptor_left():
            await soon(lambda: caplog.text.count("not checked") > 2, "it is tried again and again")
        assert not told
        # And once there is a file again, it is asked as before.
        taken.close()
        await soon(lambda: told == [False], "the endpoint is gone now")
        checker.close()

    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        asyncio.run(run(address))
    assert f"pool app: endpoint {address}: not checked: {os.strerror(errno.EMFILE)}" in caplog.text


@pytest.mark.parametrize("target", ["127.0.0.1:1", "[::1]:1", "unix:/nowhere.sock"])
def test_a_probe_that_cannot_be_tried_has_no_answer(target: str) -> None:
    async def run() -> str | None:
        with no_descriptor_left():
            return await probe(Target.parse(target), 1.0)

    with pytest.raises(OSError, match=os.strerror(errno.EMFILE)):
        asyncio.run(run())


@pytest.mark.parametrize("spare", [0, 1, 2])
def test_too_few_files_for_all_workers_open_none_and_say_what_to_do(spare: int) -> None:
    before, threads = os.listdir("/proc/self/fd"), threading.active_count()
    with no_descriptor_left(spare), pytest.raises(SocketError) as caught:
        listen("127.0.0.1:0", 3)
    assert str(caught.value) == (
        "127.0.0.1:0: too many files are open; raise the limit (`ulimit -n`), or use fewer workers"
    )
    assert (os.listdir("/proc/self/fd"), threading.active_count()) == (before, threads)
