"""The demo: what it prints can be done, it takes another port when somebody has its own, and it leaves nobody
behind, however it ends."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from expressgateway.cli import main
from expressgateway.cli.exits import Exit
from tests.support.client import Client, get
from tests.support.gateway import COMMAND, run_command
from tests.support.waiting import DEADLINE, eventually


class Demo:
    """A demo in a process of its own, and what it has printed."""

    def __init__(self, process: subprocess.Popen[str], printed: str, complained: Path) -> None:
        self.process = process
        self.printed = printed
        self._complained = complained

    @property
    def address(self) -> tuple[str, int]:
        """Where it serves."""
        found = re.search(r"http://([\d.]+):(\d+)/  shows", self.printed)
        assert found, self.printed
        return found[1], int(found[2])

    @property
    def admin(self) -> str:
        """What `--admin` is to be told."""
        found = re.search(r"--admin (\S+)", self.printed)
        assert found, self.printed
        return found[1]

    @property
    def complained(self) -> str:
        """Its standard error."""
        return self._complained.read_text()


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator[Demo]:
    """A demo that serves."""
    with (
        (folder / "stderr").open("w") as stderr,
        subprocess.Popen(
            [*COMMAND, "demo", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            start_new_session=True,
        ) as process,
    ):
        try:
            assert process.stdout
            printed = ""
            while "Ctrl-C" not in printed:
                line = process.stdout.readline()
                assert line, (folder / "stderr").read_text()
                printed += line
            yield Demo(process, printed, folder / "stderr")
        finally:
            process.kill()


def who_answers(demo: Demo, times: int) -> list[str]:
    """On one connection, so that one worker chooses: each goes round by itself."""
    with Client(demo.address) as client:
        return [
            json.loads(client.send("GET /whoami HTTP/1.1\r\nHost: a\r\n\r\n").response().body)["upstream"]
            for _ in range(times)
        ]


def children(pid: int) -> list[int]:
    """Processes that it has started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_what_the_demo_prints_can_be_done(tmp_path: Path) -> None:
    with running(tmp_path, "--port", "0") as demo:
        assert sorted(who_answers(demo, 3)) == ["blue", "green", "red"]
        page = get(demo.address, "/")
        assert (page.status, page.value("content-type")) == (200, "text/html; charset=utf-8")
        assert b"</html>" in page.body
        assert b"x-forwarded-for: 127.0.0.1" in get(demo.address, "/headers").body
        status = run_command("status", "--admin", demo.admin)
        assert (status.returncode, status.stderr) == (0, "")
        assert re.search(r"(?m)^demo +green +up +0 +[1-9]", status.stdout)
        demo.process.send_signal(signal.SIGINT)
        assert demo.process.wait(DEADLINE) == Exit.FINE
        assert "Traceback" not in demo.complained


def test_whoever_naps_is_taken_out_and_nobody_notices(tmp_path: Path) -> None:
    with running(tmp_path, "-p", "0") as demo:
        with Client(demo.address) as client:
            client.send("POST /nap HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
            said = client.response()
        assert said.status == 200
        assert re.fullmatch(rb"(red|green|blue) sleeps for 5 seconds\n", said.body)
        sleeper = said.body.split()[0].decode()
        eventually(
            lambda: re.search(rf"endpoint {sleeper} is down: Connection refused", demo.complained),
            "it is taken out",
        )
        assert set(who_answers(demo, 6)) == {"red", "green", "blue"} - {sleeper}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_upstreams_of_a_demo_end_with_it(number: signal.Signals, tmp_path: Path) -> None:
    with running(tmp_path, "--port", "0") as demo:
        upstreams = children(demo.process.pid)
        assert len(upstreams) == 1
        demo.process.send_signal(number)
        demo.process.wait(DEADLINE)
        eventually(lambda: not any(is_running(pid) for pid in upstreams), "the upstreams have ended")


def is_running(pid: int) -> bool:
    """Whether there is such a process that has not ended."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_port_that_is_taken_is_said_and_another_used(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with running(tmp_path, "--port", str(port)) as demo:
            assert demo.complained.splitlines()[0] == f"port {port} is taken; using a free one"
            assert demo.address[1] != port
            assert get(demo.address, "/whoami").status == 200


@pytest.mark.parametrize("port", ["65536", "-1"])
def test_what_is_no_port_is_usage(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["demo", f"--port={port}"])
    assert caught.value.code == Exit.USAGE
    assert port in capsys.readouterr().err


@pytest.mark.parametrize("interpreter", ["/bin/false", "/nowhere/python"])
def test_a_demo_whose_upstreams_cannot_start_says_so(
    interpreter: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "executable", interpreter)
    with pytest.raises(SystemExit) as caught:
        main(["demo"])
    assert caught.value.code == Exit.COULD_NOT_START
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("cannot start: ")
