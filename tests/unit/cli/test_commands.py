"""Commands that end by themselves: exit codes, what goes to standard output, what to standard error."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from expressgateway import _engine
from expressgateway.cli import main
from expressgateway.cli.exits import Exit
from expressgateway.cli.status import _span
from tests.support.gateway import COMMAND, run_command
from tests.support.upstreams import Line, Upstream

PACKAGES = Path(_engine.__file__).resolve().parents[1]
GOOD = """\
[listeners.web]
protocol = "http"
bind = "127.0.0.1:0"
default_pool = "app"
[pools.app]
endpoints = ["127.0.0.1:1"]
"""
UNUSED = GOOD + '[pools.spare]\nendpoints = ["127.0.0.1:1"]\n'
WRONG = "edition = 2\n"


class Said:
    """How a command ended that was called in this process, and what it said."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> None:
        with pytest.raises(SystemExit) as caught:
            main([str(argument) for argument in arguments])
        self.code = caught.value.code
        self.out, self.err = capsys.readouterr()


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EXPRESSGATEWAY_ADMIN", raising=False)
    # A relative one would lead elsewhere from there.
    monkeypatch.setenv("PYTHONPATH", str(PACKAGES))


def file(name: str, text: str) -> Path:
    """A file in the current folder."""
    path = Path(name)
    path.write_text(text)
    return path


# --- the command line itself --------------------------------------------------------------------------------


def test_the_numbers_of_the_exits_are_a_promise() -> None:
    assert {one.name: one.value for one in Exit} == {
        "FINE": 0,
        "FINDINGS": 1,
        "USAGE": 2,
        "UNREADABLE": 3,
        "UNREACHABLE": 4,
        "REFUSED": 5,
        "TIMED_OUT": 6,
        "COULD_NOT_START": 7,
    }


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["check", "--nonsense"], ["status", "--admin"], ["demo", "--port", "x"], ["run", "a", "b"],
     ["version", "x"]],
    ids=" ".join,
)  # fmt: skip
def test_a_wrong_command_line_is_usage_and_says_so_to_the_operator(
    arguments: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == Exit.USAGE
    out, err = capfd.readouterr()
    assert out == ""
    assert err


@pytest.mark.parametrize("command", ["run", "demo", "check", "status", "version"])
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    listed = Said(capsys, "--help")
    assert (listed.code, listed.err) == (0, "")
    assert re.search(rf"\b{command}\b", listed.out)
    said = Said(capsys, command, "--help")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"Usage: expressgateway {command}")


def test_who_stops_reading_gets_no_traceback() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as broken:
        ran = subprocess.run(
            [*COMMAND, "version"], stdout=broken, stderr=subprocess.PIPE, timeout=30, check=False
        )
    assert (ran.returncode, ran.stderr) == (0, b"")


def test_the_package_is_a_command_too() -> None:
    ran = run_command("version")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith(f"expressgateway {_engine.__version__} ({_engine.__build__} build, Python ")


def test_version_is_facts_in_json_when_asked(capsys: pytest.CaptureFixture[str]) -> None:
    said = Said(capsys, "version", "--json")
    facts = json.loads(said.out)
    assert (facts["version"], facts["build"]) == (_engine.__version__, _engine.__build__)
    assert set(facts) == {"version", "build", "python", "platform"}


# --- check --------------------------------------------------------------------------------------------------


def test_a_good_file_is_fine(capsys: pytest.CaptureFixture[str]) -> None:
    said = Said(capsys, "check", file("a.toml", GOOD))
    assert (said.code, said.out, said.err) == (0, "a.toml: fine\n", "")


def test_findings_are_the_result_of_a_check(capsys: pytest.CaptureFixture[str]) -> None:
    said = Said(capsys, "check", file("a.toml", WRONG))
    assert (said.code, said.err) == (1, "")
    assert said.out.startswith("a.toml:1:11: error[EG104]: 2 is not accepted here\n")
    assert "fine" not in said.out


@pytest.mark.parametrize(("strict", "code"), [([], 0), (["--strict"], 1)])
def test_warnings_are_shown_and_count_only_if_one_is_strict(
    strict: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    said = Said(capsys, "check", file("a.toml", UNUSED), *strict)
    assert said.code == code
    assert 'warning[EG301]: nothing leads to pool "spare"' in said.out
    assert ("a.toml: fine" in said.out) is (code == 0)


@pytest.mark.parametrize(
    ("name", "reason"), [("missing.toml", "No such file or directory"), (".", "Is a directory")]
)
def test_a_file_that_cannot_be_read_is_a_diagnostic(
    name: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = Said(capsys, "check", name)
    assert (said.code, said.out, said.err) == (3, "", f"{name}: {reason}\n")


def test_of_several_files_all_are_checked_and_the_worst_decides(capsys: pytest.CaptureFixture[str]) -> None:
    good, wrong = file("good.toml", GOOD), file("wrong.toml", WRONG)
    said = Said(capsys, "check", wrong, good)
    assert said.code == 1
    assert "good.toml: fine" in said.out
    said = Said(capsys, "check", "missing.toml", wrong, good)
    assert said.code == 3
    assert "wrong.toml:1:11" in said.out
    assert "good.toml: fine" in said.out


def test_without_a_name_the_file_of_this_folder_is_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert Said(capsys, "check").code == 3
    file("expressgateway.toml", GOOD)
    said = Said(capsys, "check")
    assert (said.code, said.out) == (0, "expressgateway.toml: fine\n")


# --- run, when it does not ----------------------------------------------------------------------------------


def test_run_without_a_file_says_what_to_try(capsys: pytest.CaptureFixture[str]) -> None:
    said = Said(capsys, "run")
    assert (said.code, said.out) == (2, "")
    assert said.err == "there is no expressgateway.toml here; name a file, or try `expressgateway demo`\n"


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        (None, 3, r"a\.toml: No such file or directory\n"),
        (WRONG, 1, r"a\.toml:1:11: error\[EG104\]"),
        ("edition = ", 1, r"a\.toml:1:11: error\[EG001\]"),
        (GOOD + 'logs.access.path = "missing/access.log"\n', 1, r"a\.toml:8:1: error\[EG101\]"),
        ('logs.access.path = "missing/access.log"\n' + GOOD, 7, r"cannot start: .*/missing/access\.log: "),
        ('admin.bind = "127.0.0.1:TAKEN"\n' + GOOD, 7, r"cannot start: 127\.0\.0\.1:\d+: somebody listens"),
        (GOOD.replace("1:0", "1:TAKEN"), 7, r"cannot start: 127\.0\.0\.1:\d+: somebody listens"),
    ],
)
def test_a_gateway_that_cannot_run_says_why_on_standard_error(
    text: str | None, code: int, message: str
) -> None:
    ready = Path("ready.json")
    ready.write_text("left by a gateway that was killed")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        if text is not None:
            if "admin" not in text:
                text = 'admin.bind = "none"\n' + text if text.startswith("[") else text
            file("a.toml", text.replace("TAKEN", str(taken.getsockname()[1])))
        ran = run_command("run", "a.toml", "--ready-file", ready)
    assert (ran.returncode, ran.stdout) == (code, "")
    assert re.search(message, ran.stderr), ran.stderr
    assert "Traceback" not in ran.stderr
    # Once it has begun to start, what an earlier one has left would be a lie.
    assert ready.exists() is (code != 7)


def test_a_ready_file_that_cannot_be_written_ends_the_gateway() -> None:
    file("a.toml", 'admin.bind = "none"\n' + GOOD)
    ran = run_command("run", "a.toml", "--ready-file", "missing/ready.json")
    assert ran.returncode == 7
    assert "cannot start: " in ran.stderr
    assert "Traceback" not in ran.stderr


# --- status, of what is no gateway --------------------------------------------------------------------------


def silent(line: Line) -> None:
    """Reads, and never says a word."""
    line.read_to_end()


def replying(body: bytes, status: bytes = b"200 OK") -> Upstream:
    """Somebody at the admin address."""

    def script(line: Line) -> None:
        line.read_head()
        line.send(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))

    return Upstream(script)


STATE: dict[str, Any] = {
    "state": "running",
    "generation": 3,
    "uptime_seconds": 93_784,
    "workers": 2,
    "connections": 1,
    "version": "1.2.3",
    "build": "testing",
    "pid": 42,
    "listeners": [{"name": "web", "addresses": ["127.0.0.1:80", "[::1]:80"]}],
    "pools": [
        {
            "name": "app",
            "endpoints": [
                {"name": "10.0.0.1:80", "healthy": True, "in_flight": 1, "requests": 1234, "failures": 0},
                {"name": "b", "healthy": False, "in_flight": 0, "requests": 7, "failures": 7},
            ],
        }
    ],
}


def test_status_is_drawn_as_tables(capsys: pytest.CaptureFixture[str]) -> None:
    with replying(json.dumps(STATE).encode()) as admin:
        said = Said(capsys, "status", "--admin", f"http://{admin.address}")
    assert (said.code, said.err) == (0, "")
    assert said.out == (
        "running: generation 3, up 1d 2h, 2 workers, 1 connections\n"
        "expressgateway 1.2.3, testing build, pid 42\n"
        "\n"
        "LISTENER  ADDRESSES\n"
        "web       127.0.0.1:80, [::1]:80\n"
        "\n"
        "POOL  ENDPOINT     HEALTH  IN FLIGHT  REQUESTS  FAILURES\n"
        "app   10.0.0.1:80  up      1          1234      0\n"
        "app   b            down    0          7         7\n"
    )


def test_status_as_json_is_what_the_gateway_said(capsys: pytest.CaptureFixture[str]) -> None:
    with replying(json.dumps(STATE).encode() + b"\n") as admin:
        said = Said(capsys, "status", "--json", "--admin", admin.address)
        (received,) = admin.received
    assert (said.code, said.out) == (0, json.dumps(STATE) + "\n")
    assert received.startswith(b"GET /api/v1/status HTTP/1.1\r\n")


def test_the_admin_address_may_come_from_the_environment(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with replying(json.dumps(STATE).encode()) as admin:
        monkeypatch.setenv("EXPRESSGATEWAY_ADMIN", f"http://{admin.address}")
        assert Said(capsys, "status").code == 0
        assert len(admin.lines) == 1


def test_status_asks_no_proxy(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with replying(json.dumps(STATE).encode()) as admin:
        assert Said(capsys, "status", "--admin", admin.address).code == 0


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"not JSON", b"200 OK"),
        (b"{}", b"200 OK"),
        (b"[]", b"200 OK"),
        (b"null", b"200 OK"),
        (b"\xff", b"200 OK"),
        (b"{}", b"404 Not Found"),
        (b"{}", b"what"),
    ],
)
def test_somebody_else_is_no_gateway(body: bytes, status: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    with replying(body, status) as admin:
        said = Said(capsys, "status", "--admin", admin.address)
    assert (said.code, said.out) == (4, "")
    assert said.err.startswith(f"{admin.address}: this is not the admin address of a gateway (")


@pytest.mark.parametrize("admin", ["https://127.0.0.1:1", "http://", "http://127.0.0.1:x", "http://[::1"])
def test_what_is_no_address_is_said_to_be_none(admin: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = Said(capsys, "status", "--admin", admin)
    assert (said.code, said.out) == (4, "")
    assert said.err.startswith(f"{admin}: this is not the admin address of a gateway (")


def test_nobody_there_is_unreachable(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        admin = f"127.0.0.1:{bound.getsockname()[1]}"
        said = Said(capsys, "status", "--admin", admin)
    assert (said.code, said.out) == (4, "")
    assert said.err == (
        f"{admin}: Connection refused; is the gateway running, and is this its [admin] bind?\n"
    )


def test_silence_is_timed_out(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("expressgateway.cli.status._PATIENCE", 0.05)
    with Upstream(silent) as admin:
        said = Said(capsys, "status", "--admin", admin.address)
    assert (said.code, said.out, said.err) == (6, "", f"{admin.address}: no answer within 0.05 s\n")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59, "59s"), (60, "1m"), (61, "1m 1s"), (3600, "1h"), (3661, "1h 1m"), (86_400, "1d"),
     (90_061, "1d 1h"), (86_401, "1d 1s")],
)  # fmt: skip
def test_a_span_is_shown_in_its_two_largest_units(seconds: int, text: str) -> None:
    assert _span(seconds) == text
