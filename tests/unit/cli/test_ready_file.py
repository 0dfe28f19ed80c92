"""The ready file: there while the gateway serves, whole whenever it is there, and gone with the gateway."""

from __future__ import annotations

import json
import os
import signal
import socket
from pathlib import Path

import pytest

from expressgateway import Config, Gateway
from expressgateway.cli.run import _ReadyFile
from tests.support.gateway import RunningGateway, run_command, simple

FACTS = {"web": ("127.0.0.1:80",)}


class Serving(Gateway):
    """A gateway that says it serves."""

    admin_address = "127.0.0.1:9090"
    addresses = FACTS


def test_it_says_who_serves_and_where_and_is_whole_when_it_appears(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, seen = tmp_path / "ready.json", []
    replace = Path.replace

    def watched(self: Path, target: Path) -> Path:
        seen.append((path.exists(), self.parent, json.loads(self.read_text())))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", watched)
    with _ReadyFile(path) as ready:
        ready.write(Serving(Config()))
        facts = json.loads(path.read_text())
    assert facts == {
        "pid": os.getpid(),
        "admin": "http://127.0.0.1:9090",
        "listeners": {"web": ["127.0.0.1:80"]},
    }
    # Written beside it, and renamed: nobody sees half of one.
    assert seen == [(False, tmp_path, facts)]
    assert not list(tmp_path.iterdir())


def test_one_that_was_left_is_removed_before_the_start(tmp_path: Path) -> None:
    path = tmp_path / "ready.json"
    path.write_text("left")
    with _ReadyFile(path):
        assert not path.exists()


def test_one_that_somebody_has_removed_is_not_missed(tmp_path: Path) -> None:
    path = tmp_path / "ready.json"
    with _ReadyFile(path) as ready:
        ready.write(Serving(Config()))
        path.unlink()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_is_gone_when_the_gateway_has_ended(number: signal.Signals, tmp_path: Path) -> None:
    with RunningGateway(tmp_path, simple(["127.0.0.1:1"])) as gateway:
        ready = tmp_path / "ready.json"
        assert gateway.facts["pid"] == gateway.process.pid
        socket.create_connection(gateway.address(), timeout=5).close()
        assert run_command("status", "--admin", gateway.admin).stdout.startswith("ready: generation 1, up ")
        gateway.signal(number)
        assert gateway.ended() == 0
        assert not ready.exists()
        assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
