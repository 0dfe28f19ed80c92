"""A gateway that has not finished starting can be ended like one that has, and was never there."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.support.gateway import RunningGateway, simple
from tests.support.processes import catches
from tests.support.waiting import eventually, throughout


def starting(folder: Path) -> RunningGateway:
    """A gateway that waits for a reader of its access log, which is a pipe with a name."""
    os.mkfifo(folder / "access.log")
    gateway = RunningGateway(folder, simple(["127.0.0.1:9"]))
    eventually(lambda: catches(gateway.process.pid, signal.SIGTERM), "it listens to signals")
    throughout(lambda: not (folder / "ready.json").exists(), "it is not ready", span=0.2)
    return gateway


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_it_starts_ends_it_once_it_could_serve(tmp_path: Path, number: signal.Signals) -> None:
    gateway = starting(tmp_path)
    try:
        gateway.signal(number)
        with (tmp_path / "access.log").open("rb") as reader:
            assert gateway.ended(10) == 0
            assert reader.read() == b""
        assert not (tmp_path / "ready.json").exists()
        assert gateway.said().rstrip().endswith("stopped")
    finally:
        gateway.kill()
