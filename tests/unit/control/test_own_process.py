"""A gateway and the process it is in: standard output as access log, children that are forked, and what it
says of its life."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from expressgateway import Config, Gateway
from expressgateway.control.machine import usable_cpus
from tests.support.client import get
from tests.support.gateway import RunningGateway, simple
from tests.support.waiting import DEADLINE

SERVE = """\
import asyncio, os, sys
from expressgateway import Config, Gateway

CONFIG = {{
    "runtime": {{"workers": 1}},
    "admin": {{"bind": "none"}},
    "logs": {{"access": {{"path": "{log}"}}}},
    "listeners": {{"web": {{"protocol": "http", "bind": "127.0.0.1:0"}}}},
    "routes": [{{"respond": {{"status": 404}}}}],
}}

async def ask(gateway):
    host, port = gateway.addresses["web"][0].split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /asked HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n")
    answer = await reader.read()
    writer.close()
    return answer

async def run():
    async with Gateway(Config.model_validate(CONFIG)) as gateway:
        {body}

asyncio.run(run())
"""


def ran(body: str, log: str = "none") -> subprocess.CompletedProcess[str]:
    """A program that has a gateway, and does this with it."""
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SERVE.format(body=body.replace("\n", "\n        "), log=log)],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )


@pytest.mark.parametrize(("log", "lines"), [("-", 1), ("none", 0)])
def test_the_access_log_is_standard_output_or_nothing(log: str, lines: int) -> None:
    program = ran(
        "assert (await ask(gateway)).startswith(b'HTTP/1.1 404 ')\nawait gateway.drain(settle=False)", log
    )
    assert (program.returncode, program.stderr) == (0, "")
    records = [json.loads(line) for line in program.stdout.splitlines()]
    assert [record["target"] for record in records] == ["/asked"] * lines


def test_an_access_log_is_appended_to_and_not_everybodys_to_read(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    for times in (1, 2):
        program = ran("await ask(gateway)\nawait gateway.drain(settle=False)", str(log))
        assert (program.returncode, program.stderr) == (0, "")
        assert len(log.read_text().splitlines()) == times
    assert not log.stat().st_mode & 0o027


def test_a_forked_child_ends_without_a_word_and_leaves_the_gateway_to_its_parent() -> None:
    program = ran(
        "child = os.fork()\n"
        "if child == 0:\n"
        "    import atexit\n"
        "    atexit._run_exitfuncs()\n"
        "    os._exit(7)\n"
        "_, status = os.waitpid(child, 0)\n"
        "assert os.waitstatus_to_exitcode(status) == 7\n"
        "assert (await ask(gateway)).startswith(b'HTTP/1.1 404 ')"
    )
    assert (program.returncode, program.stdout, program.stderr) == (0, "", "")


@pytest.mark.parametrize(("workers", "threads"), [("auto", usable_cpus()), (3, 3)])
def test_there_are_as_many_workers_as_was_said_or_as_there_are_cpus(workers: object, threads: int) -> None:
    settings = {
        "runtime": {"workers": workers},
        "admin": {"bind": "none"},
        "logs": {"access": {"path": "none"}},
    }

    async def run() -> None:
        async with Gateway(Config.model_validate(settings)) as gateway:
            assert gateway.status()["workers"] == threads

    asyncio.run(run())


def test_the_warnings_of_a_file_are_said_in_the_log_each_time_it_is_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "a.toml"
    file.write_text('admin.bind = "none"\nlogs.access.path = "none"\nruntime.workers = 1\n')

    async def run() -> None:
        async with Gateway.from_file(file) as gateway:
            await gateway.reload()

    caplog.set_level(logging.WARNING, "expressgateway")
    asyncio.run(run())
    said = [line for line in caplog.messages if line.startswith(f"{file}:1:1: warning[EG304]: ")]
    assert (len(said), len(caplog.messages)) == (2, 2)


def test_a_process_says_where_it_serves_and_how_it_ends(tmp_path: Path) -> None:
    with RunningGateway(tmp_path, simple(["127.0.0.1:1"])) as gateway:
        assert get(gateway.address()).status == 502
        gateway.signal(signal.SIGTERM)
        assert gateway.ended() == 0
        said = re.sub(r"^\S+Z ", "", gateway.said(), flags=re.MULTILINE).splitlines()
    host, port = gateway.address()
    assert said == [
        f"info listener web: serving on {host}:{port}",
        f"info admin: serving on {gateway.admin.removeprefix('http://')}",
        "info draining: 0 connections are open",
        "info stopped",
    ]
