"""However the program around a gateway ends, it ends: no hang, no abort, the right exit status. And what a
fork leaves in the child says so instead of pretending to serve."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.client import get
from tests.support.gateway import RunningGateway, simple
from tests.support.upstreams import OK, Upstream, answer

_START = """
import asyncio, atexit, os, signal, sys, time
from expressgateway import Admin, AccessLog, Config, EngineError, Gateway, Listener, Logs, Pool, Runtime

def made(upstream=sys.argv[1]):
    return Gateway(Config(
        runtime=Runtime(workers=2, readiness_settle="0s", drain_timeout="5s"),
        admin=Admin(bind="none"),
        logs=Logs(access=AccessLog(path="none")),
        listeners={"web": Listener(protocol="http", bind="127.0.0.1:0", default_pool="app")},
        pools={"app": Pool(endpoints=[upstream])},
    ))

def say(*words):
    print(*words, flush=True)
"""


def program(text: str, *arguments: str) -> subprocess.Popen[str]:
    """A program with a gateway in it, under way."""
    return subprocess.Popen(
        [sys.executable, "-X", "faulthandler", "-c", _START + text, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def outcome(running: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit status, output and complaints of a program, which must end."""
    try:
        said, complained = running.communicate(timeout=15)
    except subprocess.TimeoutExpired:
        running.kill()
        said, complained = running.communicate()
        raise AssertionError(f"it hangs\n{said}\n{complained}") from None
    assert "panicked" not in complained, complained
    assert "Fatal Python error" not in complained, complained
    return running.returncode, said, complained


def address(line: str) -> tuple[str, int]:
    """Host and port, as a program said them."""
    host, _, port = line.strip().rpartition(":")
    return host, int(port)


@pytest.mark.parametrize("signals", [("SIGTERM",), ("SIGINT",), ("SIGTERM", "SIGINT"), ("SIGINT", "SIGINT")])
def test_signals_end_the_command_with_status_zero(tmp_path: Path, signals: tuple[str, ...]) -> None:
    with Upstream(answer(OK)) as upstream, RunningGateway(tmp_path, simple([upstream.address])) as gateway:
        assert get(gateway.address()).status == 200
        for name in signals:
            gateway.signal(signal.Signals[name])
        assert gateway.ended(10) == 0
        assert gateway.said().rstrip().endswith("stopped")
        assert not (tmp_path / "ready.json").exists()


@pytest.mark.parametrize(
    ("ending", "status", "complaint"),
    [
        ("pass", 0, ""),
        ("sys.exit(3)", 3, ""),
        ("raise ValueError('a mistake of the program')", 1, "ValueError: a mistake of the program"),
        ("raise KeyboardInterrupt", -signal.SIGINT, "KeyboardInterrupt"),
        ("await gateway.drain()", 0, ""),
        ("gateway.stop(); gateway.stop()", 0, ""),
    ],
)
@pytest.mark.parametrize("entered", ["async with", "start without stop"])
def test_a_program_ends_as_it_would_without_a_gateway(
    entered: str, ending: str, status: int, complaint: str
) -> None:
    if entered == "async with":
        body = f"    async with made() as gateway:\n        say('serves')\n        {ending}\n"
    else:
        body = f"    gateway = made()\n    await gateway.start()\n    say('serves')\n    {ending}\n"
    with Upstream(answer(OK)) as upstream:
        found = outcome(program(f"async def main():\n{body}asyncio.run(main())\n", upstream.address))
    assert (found[0], found[1]) == (status, "serves\n"), found
    assert complaint in found[2]
    assert complaint or not found[2]


def test_an_interrupt_of_an_embedding_program_ends_it() -> None:
    text = """
async def main():
    async with made():
        say("serves")
        await asyncio.Event().wait()
asyncio.run(main())
"""
    with Upstream(answer(OK)) as upstream:
        running = program(text, upstream.address)
        assert running.stdout
        assert running.stdout.readline() == "serves\n"
        running.send_signal(signal.SIGINT)
        status, _, complained = outcome(running)
    assert (status, complained.rstrip().endswith("KeyboardInterrupt")) == (-signal.SIGINT, True)


@pytest.mark.parametrize("registered", ["before", "after"])
def test_atexit_may_use_or_stop_a_gateway_whatever_was_registered_first(registered: str) -> None:
    register = "def last():\n    gateway.stop()\n    say('stopped')\natexit.register(last)\n"
    start = "asyncio.run(gateway.start())\nsay('serves')\n"
    text = "gateway = made()\n" + (register + start if registered == "before" else start + register)
    with Upstream(answer(OK)) as upstream:
        assert outcome(program(text, upstream.address)) == (0, "serves\nstopped\n", "")


def test_a_gateway_that_is_forgotten_stops_serving() -> None:
    text = """
gateway = made()
asyncio.run(gateway.start())
say(gateway.addresses["web"][0])
sys.stdin.readline()
del gateway
say("forgotten")
sys.stdin.readline()
"""
    with Upstream(answer(OK)) as upstream:
        running = program(text, upstream.address)
        assert running.stdout
        assert running.stdin
        web = address(running.stdout.readline())
        assert get(web).status == 200
        running.stdin.write("\n")
        running.stdin.flush()
        assert running.stdout.readline() == "forgotten\n"
        with pytest.raises(ConnectionRefusedError):
            get(web)
        assert outcome(running) == (0, "", "")


def test_two_gateways_in_one_process_serve_side_by_side() -> None:
    text = """
async def main():
    async with made(sys.argv[1]) as one, made(sys.argv[2]) as two:
        say(one.addresses["web"][0])
        say(two.addresses["web"][0])
        await asyncio.to_thread(sys.stdin.readline)
        one.stop()
        say("one is stopped")
        await asyncio.to_thread(sys.stdin.readline)
asyncio.run(main())
"""
    first = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\none"
    second = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\ntwo"
    with Upstream(answer(first)) as one, Upstream(answer(second)) as two:
        running = program(text, one.address, two.address)
        assert running.stdout
        assert running.stdin
        places = [address(running.stdout.readline()) for _ in range(2)]
        for _ in range(5):
            assert [get(place).body for place in places] == [b"one", b"two"]
        running.stdin.write("\n")
        running.stdin.flush()
        assert running.stdout.readline() == "one is stopped\n"
        with pytest.raises(ConnectionRefusedError):
            get(places[0])
        assert get(places[1]).body == b"two"
        running.stdin.write("\n")
        assert outcome(running)[0] == 0


def test_a_forked_child_is_told_so_by_every_method_and_ends_while_the_parent_serves() -> None:
    text = """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)
from expressgateway._engine import Engine

gateway = made()
asyncio.run(gateway.start())
engine = gateway._plane.engine
child = os.fork()
if child == 0:
    calls = {
        "apply": lambda: engine.apply(b"{}", {}),
        "set_health": lambda: engine.set_health("app", "a", True),
        "set_ready": lambda: engine.set_ready(True),
        "drain": engine.drain,
        "connections": engine.connections,
        "status": engine.status,
        "metrics": engine.metrics,
        "stop": engine.stop,
    }
    missed = {name for name in dir(Engine) if not name.startswith("_")} - calls.keys()
    wrong = [f"{name} is not tried" for name in sorted(missed)]
    for name, call in calls.items():
        try:
            call()
        except EngineError as error:
            if f"process {os.getppid()}" not in str(error):
                wrong.append(f"{name}: {error}")
        else:
            wrong.append(f"{name} raised nothing")
    say("child:", wrong)
    sys.exit(5)
_, status = os.waitpid(child, 0)
say("ended:", os.waitstatus_to_exitcode(status))
say(gateway.addresses["web"][0])
sys.stdin.readline()
"""
    with Upstream(answer(OK)) as upstream:
        running = program(text, upstream.address)
        assert running.stdout
        assert running.stdout.readline() == "child: []\n"
        assert running.stdout.readline() == "ended: 5\n"
        assert get(address(running.stdout.readline())).status == 200
        assert outcome(running) == (0, "", "")


def test_a_killed_gateway_leaves_nothing_that_keeps_the_next_from_its_address(tmp_path: Path) -> None:
    with Upstream(answer(OK)) as upstream:
        with RunningGateway(tmp_path, simple([upstream.address])) as gateway:
            place = gateway.address()
            assert get(place).status == 200
            gateway.kill()
        text = simple([upstream.address]).replace("127.0.0.1:0", f"127.0.0.1:{place[1]}", 1)
        # The file of the one that was killed still says that it is ready.
        next_folder = tmp_path / "next"
        next_folder.mkdir()
        with RunningGateway(next_folder, text):
            assert get(place).status == 200
